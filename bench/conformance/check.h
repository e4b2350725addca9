/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a check is written with. A check runs in a process of its own and may leave at any moment:
 * cf_skip() and cf_stop() do not return. Whatever it asks of KVM goes through here, because that is
 * where a mutant gives its wrong answer.
 */
#ifndef PVTB_CONFORMANCE_CHECK_H
#define PVTB_CONFORMANCE_CHECK_H

#include <linux/kvm.h>

#include "abi/stream.h"
#include "bench/conformance/conformance.h"
#include "bench/conformance/uapi.h"

enum cf_state {
	CF_STATE_RUNNING = 0,
	CF_STATE_PASS,
	CF_STATE_FAIL,
	CF_STATE_XFAIL,
	CF_STATE_SKIP,
	CF_STATE_INCONCLUSIVE,
	CF_STATE_BROKEN, /* could not be set up */
};

/* Shared with the runner, so that what was written survives the check. */
struct cf_slot {
	u32 state; /* enum cf_state */
	u32 used;
	char why[CF_WHY_BYTES];
	char text[CF_TEXT_BYTES];
	u64 reached[CF_MAX_ROWS / 64]; /* as in struct cf_outcome */
};

/* An exit that came to the VMM. */
struct cf_exit {
	u64 reason;
	u64 nr;	   /* HYPERCALL: function; MSR: index */
	u64 flags; /* HYPERCALL */
	u64 pc;
};
#define CF_MAX_EXITS 32

struct cf {
	const struct cf_row *row;
	const struct cf_mutant *mutant; /* NULL: honest */
	unsigned int mutant_seen;
	struct cf_slot *slot;
	struct pvtb_kvm_caps caps;
	const char *sysfs; /* NULL: /sys */
	u32 kernel;	   /* major << 16 | minor */
	bool emulated;
	bool failed, known;
	unsigned int nr_failed;
	enum pvtb_level level; /* streams run there */
	int kvm;
	struct pvtb_vm *vm; /* the one that cf_vm() made last */
	struct cf_exit exits[CF_MAX_EXITS];
	unsigned int nr_exits;
	/* What the VMM puts into the guest's registers at a forwarded call: x0.. on arm64. */
	int (*answer)(struct cf *cf, unsigned int vcpu, struct kvm_run *run);
	/* Called at every other exit, on the vCPU's thread, before the VMM handles it. */
	void (*at_exit)(struct cf *cf, unsigned int vcpu);
	u64 data[16]; /* the check's own, for the two */
	unsigned int nr_data;
};

/* ---- verdict ---- */
void cf_skip(struct cf *cf, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* The condition that the check is about did not arise in this run: neither a pass nor a failure. */
void cf_inconclusive(struct cf *cf, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
/* Could not even be tried: the check's or the host's trouble, reported as a failure. */
void cf_stop(struct cf *cf, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));
void cf_note(struct cf *cf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Each returns whether it held, and records "expected, got" when it did not. */
bool cf_true(struct cf *cf, bool holds, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool cf_eq(struct cf *cf, u64 got, u64 expected, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 0 or -errno. */
bool cf_errno(struct cf *cf, int got, int expected, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Exception vectors, or CF_NO_FAULT. */
bool cf_fault(struct cf *cf, int got, int expected, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* low <= got <= high */
bool cf_within(struct cf *cf, s64 got, s64 low, s64 high, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* CF_MISMATCH: what is documented holds, or else exactly what is known does. */
void cf_mismatch(struct cf *cf, bool documented, bool known, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What the host is set to: a file below /sys. false where there is none. */
bool cf_sysfs(struct cf *cf, const char *path, char *buf, size_t len);

/* ---- host side ---- */
int cf_kvm(struct cf *cf); /* /dev/kvm */
/* >= 0 or -errno. */
int cf_ioctl(struct cf *cf, int fd, unsigned long req, const void *arg);
int cf_ioctl_val(struct cf *cf, int fd, unsigned long req, u64 arg);
int cf_attr(struct cf *cf, int fd, unsigned long req, u32 group, u64 attr, const void *value);
int cf_get(struct cf *cf, int vcpu_fd, u64 reg, u64 *ret);
int cf_set(struct cf *cf, int vcpu_fd, u64 reg, u64 value);
/* An address nothing is mapped at. */
#define CF_BAD_POINTER ((void *)8)

/* ---- virtual machines ---- */
/* As the spec says, or a SKIP where the host lacks something of it. Freed with the process. */
struct pvtb_vm *cf_vm(struct cf *cf, const struct pvtb_vm_spec *spec);
/* One vCPU, nothing else. */
struct pvtb_vm *cf_plain_vm(struct cf *cf);
/* A VM without memory or vCPUs: its descriptor. */
int cf_bare_vm(struct cf *cf);
int cf_vm_fd(struct pvtb_vm *vm);
int cf_vcpu_fd(struct pvtb_vm *vm, unsigned int vcpu);

/* ---- guest ---- */
#define CF_NO_FAULT (-1)
/* Run the steps on a vCPU; outputs come back into them. Returns CF_NO_FAULT or the vector of the
 * exception that ended them (arm64: slot, see vmm). Stops the check when the guest cannot run. */
int cf_stream(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
	      size_t nr);
/* The same, 0 or -errno of the run instead of stopping; *ret_fault may be NULL. */
int cf_try_stream(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
		  size_t nr, int *ret_fault);
/* In two halves, for what happens meanwhile. */
void cf_stream_start(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu,
		     const struct pvtb_step *steps, size_t nr);
int cf_stream_wait(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
		   size_t nr, int *ret_fault);
/* Nothing: so that the vCPU has run. */
void cf_run_once(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu);
/* A call by HVC with up to three arguments: x0. */
u64 cf_call(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 function, u64 a1, u64 a2,
	    u64 a3);
/* An op of its own, for what a stream cannot do: what it handed back. Stops the check when it does not
 * come to its end. */
void cf_op(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_cmd *cmd,
	   struct pvtb_cmd_result *ret);
/* Take the vCPU out of the guest, or out of its sleep. */
void cf_kick(struct pvtb_vm *vm, unsigned int vcpu);
/* Words of guest memory as the host sees them. */
u64 cf_r64(struct cf *cf, struct pvtb_vm *vm, u64 gpa);
u32 cf_r32(struct cf *cf, struct pvtb_vm *vm, u64 gpa);
u8 cf_r8(struct cf *cf, struct pvtb_vm *vm, u64 gpa);
void cf_fill(struct pvtb_vm *vm, u64 gpa, u8 byte, size_t len);
void cf_w64(struct pvtb_vm *vm, u64 gpa, u64 value);

#define CF_STEP(k, ...)	 ((struct pvtb_step){.kind = (k), .in = {__VA_ARGS__}})
#define CF_EXIT		 CF_STEP(PVTB_STEP_EXIT)
#define CF_SMC(...)	 CF_STEP(PVTB_STEP_SMC, __VA_ARGS__)
#define CF_READ64(gpa)	 CF_STEP(PVTB_STEP_READ64, gpa)
#define CF_READ32(gpa)	 CF_STEP(PVTB_STEP_READ32, gpa)
#define CF_HVC(...)	 CF_STEP(PVTB_STEP_HVC, __VA_ARGS__)
#define CF_NOT_SUPPORTED (~0ULL)

/* ---- x86 (x86_common.c) ---- */
/* 1: done, 0: KVM refuses the MSR, -errno. */
int cf_msr_set(struct cf *cf, int vcpu_fd, u32 msr, u64 value);
int cf_msr_get(struct cf *cf, int vcpu_fd, u32 msr, u64 *ret);
int cf_tsc_offset(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, unsigned long req,
		  u64 *offset);
/* Does the guest's TSC run at @khz? Over 60 ms, to 100 ppm where CLOCK_MONOTONIC_RAW is kept by the TSC, else
 * to 1 % (its own rate may be that far off its nominal one); each reading lies between two of the clock's, so what the host does in between is in
 * the bounds. @what says whose rate it is. */
void cf_tsc_runs_at(struct cf *cf, struct pvtb_vm *vm, int khz, const char *what);
/* KVM_GET_CLOCK, which has to succeed. */
void cf_get_clock(struct cf *cf, struct pvtb_vm *vm, struct cf_clock *ret);
int cf_set_clock(struct cf *cf, struct pvtb_vm *vm, const struct cf_clock *clock);
/* A SKIP unless KVM_GET_CLOCK gives all of these flags here. */
void cf_need_clock(struct cf *cf, struct pvtb_vm *vm, u32 flags);
/* Clear bits of 0x40000001.EAX for a vCPU that has not run; hold the guest to what is left. */
void cf_without_features(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u32 features);
/* A SKIP where kvm.ignore_msrs answers what would be #GP. */
void cf_need_msr_faults(struct cf *cf);
/* A SKIP where the host's TSC is unstable: KVM then moves the guest's by itself. */
void cf_need_stable_tsc(struct cf *cf);
#define CF_PVCLOCK(vcpu)    (PVTB_GPA_PVCLOCK + 64ULL * (vcpu))
#define CF_READ_CLOCK(vcpu) CF_STEP(PVTB_STEP_PVCLOCK, CF_PVCLOCK(vcpu))
#define CF_RDMSR(msr)	    CF_STEP(PVTB_STEP_RDMSR, msr)
#define CF_WRMSR(msr, v)    CF_STEP(PVTB_STEP_WRMSR, msr, v)
#define CF_VECTOR_GP	    13

/* ---- time ---- */
u64 cf_clock_ns(clockid_t id);
/* How long a vCPU's thread has waited for a CPU: /proc/self/task/TID/schedstat. -1: not told. */
s64 cf_run_delay_ns(struct pvtb_vm *vm, unsigned int vcpu);
/* A process that keeps this CPU busy until it is ended, and does so already; ends with the check. */
int cf_hog_start(struct cf *cf, int cpu);
void cf_hog_stop(int pid);
/* A stream beside such a process, once more while the vCPU's thread has not waited for @cpu meanwhile
 * (a busy or emulated host may have done nothing of the kind in time), but not for ever. What at_exit
 * noted is of the last time. */
void cf_stream_beside_hog(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, int cpu,
			  struct pvtb_step *steps, size_t nr);
/* Run the vCPU beside such a process until its thread has waited @ms for @cpu, all in all; INCONCLUSIVE
 * where it never does. Where a check is about such time, it has to be lost first. */
void cf_lose_time(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, int cpu, u64 ms);
/* A CPU this process may use. */
int cf_some_cpu(void);

/* Ticks of the guest's counter in so many milliseconds. */
u64 cf_ticks(const struct cf *cf, u64 ms);

/* ---- mutants ---- */
#define CF_M_ERRNO(r, k, f, t)                                                                     \
	{                                                                                          \
		.kind = CF_MUT_ERRNO, .name = #r, .req = (r), .key = (k), .from = (f), .to = (t)   \
	}
/* Only from the (@n + 1)th such answer on. */
#define CF_M_ERRNO_AFTER(r, k, f, t, n)                                                            \
	{                                                                                          \
		.kind = CF_MUT_ERRNO, .name = #r, .req = (r), .key = (k), .from = (f), .to = (t),  \
		.skip = (n)                                                                        \
	}
#define CF_M_DROP(r, k, t)                                                                         \
	{                                                                                          \
		.kind = CF_MUT_DROP, .name = #r, .req = (r), .key = (k), .to = (t)                 \
	}
#define CF_M_DROP_AFTER(r, k, t, n)                                                                \
	{                                                                                          \
		.kind = CF_MUT_DROP, .name = #r, .req = (r), .key = (k), .to = (t), .skip = (n)    \
	}
#define CF_M_VALUE(r, k, off, w, o, v)                                                             \
	{                                                                                          \
		.kind = CF_MUT_VALUE, .name = #r, .req = (r), .key = (k), .at = (off),             \
		.width = (w), .op = (o), .value = (v)                                              \
	}
#define CF_M_INPUT(r, k, off, w, o, v)                                                             \
	{                                                                                          \
		.kind = CF_MUT_INPUT, .name = #r, .req = (r), .key = (k), .at = (off),             \
		.width = (w), .op = (o), .value = (v)                                              \
	}
#define CF_M_INPUT_AFTER(r, k, off, w, o, v, n)                                                    \
	{                                                                                          \
		.kind = CF_MUT_INPUT, .name = #r, .req = (r), .key = (k), .at = (off),             \
		.width = (w), .op = (o), .value = (v), .skip = (n)                                 \
	}
#define CF_M_VALUE_AFTER(r, k, off, w, o, v, n)                                                    \
	{                                                                                          \
		.kind = CF_MUT_VALUE, .name = #r, .req = (r), .key = (k), .at = (off),             \
		.width = (w), .op = (o), .value = (v), .skip = (n)                                 \
	}
#define CF_M_RET(r, k, o, v)                                                                       \
	{                                                                                          \
		.kind = CF_MUT_RET, .name = #r, .req = (r), .key = (k), .op = (o), .value = (v)    \
	}
#define CF_M_STEP(s, k, r, o, v)                                                                   \
	{                                                                                          \
		.kind = CF_MUT_STEP, .name = #s, .req = (s), .key = (k), .at = (r), .op = (o),     \
		.value = (v)                                                                       \
	}
#define CF_M_STEP_AFTER(s, k, r, o, v, n)                                                          \
	{                                                                                          \
		.kind = CF_MUT_STEP, .name = #s, .req = (s), .key = (k), .at = (r), .op = (o),     \
		.value = (v), .skip = (n)                                                          \
	}
#define CF_M_CALL(f, r, o, v) CF_M_STEP(PVTB_STEP_HVC, f, r, o, v)
/* What cf_op() hands back as ret[@r] where args[0] is @k. */
#define CF_M_OP(n, k, r, o, v)                                                                     \
	{                                                                                          \
		.kind = CF_MUT_STEP, .name = n, .req = PVTB_STEP_NONE, .key = (k), .at = (r),      \
		.op = (o), .value = (v)                                                            \
	}
#define CF_M_FAULT(f, t)                                                                           \
	{                                                                                          \
		.kind = CF_MUT_FAULT, .name = "exception", .from = (f), .to = (t)                  \
	}
#define CF_M_MEM(gpa, w, o, v)                                                                     \
	{                                                                                          \
		.kind = CF_MUT_MEM, .name = #gpa, .key = (gpa), .width = (w), .op = (o),           \
		.value = (v)                                                                       \
	}
#define CF_M_MEM_AFTER(gpa, w, o, v, n)                                                            \
	{                                                                                          \
		.kind = CF_MUT_MEM, .name = #gpa, .key = (gpa), .width = (w), .op = (o),           \
		.value = (v), .skip = (n)                                                          \
	}
#define CF_M_EXIT(field, o, v)                                                                     \
	{                                                                                          \
		.kind = CF_MUT_EXIT, .name = #field, .at = offsetof(struct cf_exit, field),        \
		.op = (o), .value = (v)                                                            \
	}
#define CF_M_RUN(f, t)                                                                             \
	{                                                                                          \
		.kind = CF_MUT_RUN, .name = "KVM_RUN", .from = (f), .to = (t)                      \
	}

#endif
