/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VMM on the raw KVM API: one VM, N vCPUs each on its own thread, the guest image with
 * its MMU on, doorbells, the paravirtual interfaces under test. No devices, no firmware, no boot.
 *
 * Owns: memory, vCPU threads, the run loop, the LPT provider. Knows nothing of eBPF or results.
 * No file-scope state: several VMs live in one process. Architecture halves are in
 * vmm/x86_64 and vmm/arm64, behind vmm/arch.h.
 */
#ifndef PVTB_VMM_H
#define PVTB_VMM_H

#include "abi/guest.h"
#include "core/err.h"
#include "core/util.h"

struct pvtb_vm;
struct kvm_run;

/* What a host's KVM can do, found by asking; never assumed from the kernel version. */
struct pvtb_kvm_caps {
	int api_version;
	bool hw_assisted;      /* false: a software backend; guest ring 0/EL1 is emulated */
	char backend[32];      /* "VHE", "nVHE", "hVHE", "SVM", "VMX", "PVM", "unknown" */
	char backend_why[512]; /* how it was told */
	unsigned long
		vm_type; /* for KVM_CREATE_VM; arm64: not 0 where addresses have fewer than 40 bits */
	int max_vcpus;
	bool steal;	     /* KVM_CAP_STEAL_TIME */
	bool counter_offset; /* arm64: KVM_CAP_COUNTER_OFFSET */
	bool smccc_filter;   /* arm64: group 0 attribute 0 */
	bool lpt_in_kernel;  /* arm64: group 0 attribute 1 (pvtime-abi: never upstream) */
	bool ptp;	     /* arm64: KVM_CAP_PTP_KVM; x86: KVM_HC_CLOCK_PAIRING possible */
	bool ecv;	     /* arm64: FEAT_ECV visible to the guest */
	bool cntpoff;	     /* arm64: offset physical counter does not trap (ECV CNTPOFF) */
	bool aarch32;	     /* arm64: KVM_CAP_ARM_EL1_32BIT */
	bool big_endian;     /* arm64: EL0 can be */
	u32 granules;	     /* arm64: sizes of pages that a guest may use, ored */
	bool msr_filter;     /* x86: KVM_CAP_X86_MSR_FILTER + USER_SPACE_MSR */
	bool tsc_control;    /* x86: KVM_CAP_TSC_CONTROL */
	bool ring0_usable;   /* x86: guest ring 0 runs natively (false on PVM) */
	u64 counter_hz;	     /* counter frequency a guest sees: CNTFRQ, or KVM_GET_TSC_KHZ */
};

/* Open /dev/kvm and ask. Errors: ENOENT no device, EACCES no permission, ENOTSUP wrong API
 * version, each with a hint. @ret_fd may be NULL. */
int pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd,
		   struct pvtb_err *err) PVTB_MUST_CHECK;

enum pvtb_lpt_provider {
	PVTB_LPT_NONE = 0,
	PVTB_LPT_VMM,	 /* ours: structure kept by the VMM, calls forwarded by the SMCCC filter */
	PVTB_LPT_KERNEL, /* the host kernel's own (arm64 RFC interface) */
};

/* Everything a benchmark may ask of a VM; zero means "as a plain VM". */
struct pvtb_vm_spec {
	unsigned int nr_vcpus; /* 0: 1 */
	u64 ring_bytes;	       /* per vCPU, power of two; 0: 1 MiB */
	/* Guest-physical, 0 or a multiple of 2 MiB: from the end of the memory up to there the guest's
	 * tables map what has no memory, the caller's to fill with memslots (KVM's slot 0 is taken). */
	u64 hole_end;
	bool irqchip;	     /* in-kernel irqchip (vGICv3; LAPIC) */
	u64 halt_ns;	     /* x86 without irqchip: a HLT sleeps that long in the VMM */
	bool offset_counter; /* KVM_ARM_SET_COUNTER_OFFSET / KVM_VCPU_TSC_OFFSET */
	u64 counter_offset;  /* ticks, subtracted by KVM (arm64) or added (x86) */
	/* Of its counter, as it is told; 0: the host's. x86: KVM_SET_TSC_KHZ, and beyond its tolerance
	 * KVM has to scale (-EOPNOTSUPP). arm64 has but the host's. */
	u64 counter_hz;
	enum pvtb_lpt_provider lpt;
	u32 lpt_pv_hz; /* frequency promised to the guest; 0: the native one */
	/* The guest is given its structure's address and never asks for it: arm64 needs no SMCCC filter. */
	bool lpt_unasked;
	bool steal; /* register the stolen-time structure of every vCPU */
	/* Instead: KVM knows of no such structure, the caller keeps it at PVTB_GPA_STEAL from
	 * before_run(). arm64: the guest's PV_TIME calls come to us and are answered with it. */
	bool steal_by_caller;
	bool pvclock;		/* x86: register kvmclock at PVTB_GPA_PVCLOCK */
	bool forward_unknown;	/* arm64: SMCCC filter forwards the vendor test range to the VMM */
	bool forward_tsc_msr;	/* x86: MSR filter denies IA32_TSC, RDMSR exits to the VMM */
	bool trap_el0_counter;	/* arm64: CNTKCTL_EL1.EL0VCTEN = 0; EL1 emulates */
	bool trap_el0_physical; /* arm64: CNTKCTL_EL1.EL0PCTEN = 0, the same */
	u32 granule;		/* arm64: bytes of a page of the guest; 0: 4096 */
	bool aarch32;		/* arm64: EL1 in AArch32 state; ops of aarch32.S only */
	/* Called on the vCPU's own thread, before its first and after its last KVM_RUN. */
	int (*thread_start)(void *opaque, unsigned int vcpu, struct pvtb_err *err);
	void (*thread_stop)(void *opaque, unsigned int vcpu);
	/* Called on the vCPU's thread right before the first KVM_RUN and right after the last of
	 * one command (the doorbell's exit is the last event of that thread by then). */
	void (*cmd_enter)(void *opaque, unsigned int vcpu);
	void (*cmd_leave)(void *opaque, unsigned int vcpu);
	/* Called on the vCPU's thread right before every KVM_RUN of a command, after cmd_enter():
	 * the guest is out, and will see what is written into its memory. */
	void (*before_run)(void *opaque, unsigned int vcpu);
	/* The first to see an exit to the VMM of a command, on the vCPU's thread: 0 handled, enter
	 * again; 1 end the command as the doorbell does; -ENOENT not mine; -errno give up. */
	int (*on_exit)(void *opaque, unsigned int vcpu, struct kvm_run *run);
	/* Called on the vCPU's thread at a command's doorbell (ctl->status: done, or a fault, whose
	 * registers are in ctl->fault): true enters the op anew, with ctl as the hook leaves it, as if
	 * by another command, but without handing over to another thread in between. */
	bool (*again)(void *opaque, unsigned int vcpu, struct pvtb_ctl *ctl,
		      enum pvtb_level *level);
	/* pvtb_vm_replace_thread(): on the thread that leaves, after its last KVM_RUN; on the one
	 * that goes on, before its first. cmd_leave() is then called on the latter. */
	void (*hand_over)(void *opaque, unsigned int vcpu);
	int (*take_over)(void *opaque, unsigned int vcpu, struct pvtb_err *err);
	void *opaque;
	const int *cpus; /* host CPU of each vCPU thread, -1 or NULL: not pinned */
};

/* One command for one vCPU. */
struct pvtb_cmd {
	const char *op; /* name in the image's op table */
	enum pvtb_level level;
	enum pvtb_mode mode;
	u64 count;
	u64 warmup;
	u64 batch;
	u32 steps;
	u64 period;
	u64 args[8];
	/* SINGLE and BATCH: without a new sample for that long, or with more than @count, it does not end
	 * any more: -ETIMEDOUT. 0: only the time-out of the whole command. */
	unsigned int stall_ms;
};

struct pvtb_cmd_result {
	u64 taken; /* samples in the ring */
	u64 ops;
	u64 t_begin_ticks, t_end_ticks; /* guest counter */
	u64 ret[4];
	u64 trapped;
	u64 counter_hz;
	u64 user_exits; /* exits to the VMM during the command, doorbell not counted */
	u64 exit_mmio, exit_pio, exit_hypercall, exit_msr, exit_intr, exit_other;
	u64 text_start, text_end; /* of the op: guest pcs that its own exits can have */
};

/* Create VM, memory, vCPUs; nothing runs yet. On failure *ret_vm is untouched. An interface the
 * host does not have is -EOPNOTSUPP (a SKIP), with the reason in err->why. */
int pvtb_vm_new(const struct pvtb_vm_spec *spec, struct pvtb_vm **ret_vm,
		struct pvtb_err *err) PVTB_MUST_CHECK;
/* Stop and join all threads, unmap, close. NULL and half-built are fine. */
void pvtb_vm_free(struct pvtb_vm *vm);

/* Run one command to its end on vCPU @vcpu (on that vCPU's thread); blocks. A guest exception is
 * -EFAULT and err->why holds vector, syndrome, pc, instruction; pvtb_vm_fault() has the registers.
 * -ETIMEDOUT after @timeout_ms without a doorbell (0: 60 s), or cmd->stall_ms: then, too, err->why holds
 * the pc and pvtb_vm_fault() the registers. -EINTR when interrupted. */
int pvtb_vm_exec(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_cmd *cmd,
		 unsigned int timeout_ms, struct pvtb_cmd_result *ret,
		 struct pvtb_err *err) PVTB_MUST_CHECK;
/* The same in two halves, for commands that run beside others: start, then wait. */
int pvtb_vm_start(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_cmd *cmd,
		  struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vm_wait(struct pvtb_vm *vm, unsigned int vcpu, unsigned int timeout_ms,
		 struct pvtb_cmd_result *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ask a running LOOP or sampling command to end (sets ctl->stop). */
void pvtb_vm_stop_cmd(struct pvtb_vm *vm, unsigned int vcpu);

/*
 * For migration. Pause: the vCPU's running command is taken out of the guest and stays out, with
 * nothing pending, so that its state can be read; -ESRCH when it ended first. Resume: it goes on.
 * Adopt: as pvtb_vm_start(), but registers and control page are taken as they are: a command that
 * began elsewhere goes on here.
 */
int pvtb_vm_pause(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_vm_resume(struct pvtb_vm *vm, unsigned int vcpu);
int pvtb_vm_adopt(struct pvtb_vm *vm, unsigned int vcpu, const char *op, enum pvtb_level level,
		  struct pvtb_err *err) PVTB_MUST_CHECK;
/*
 * KVM's dirty log of the guest's memory: on or off; then one bit a page (4 KiB, from
 * PVTB_GPA_IMAGE on) for what was written since the last look, by the guest or by KVM, but not by
 * this program. @bitmap: mem_bytes / 4096 bits, whole words.
 */
int pvtb_vm_log_dirty(struct pvtb_vm *vm, bool on, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vm_dirty(struct pvtb_vm *vm, u64 *bitmap, struct pvtb_err *err) PVTB_MUST_CHECK;
/*
 * The guest's counter, of every vCPU at once: read it, write its value (the old way: what passes
 * between the two is lost), or set its distance from the host's own: @delta = guest - host, which
 * no delay can spoil. -EOPNOTSUPP where the host cannot, or accepts and ignores it. Where KVM scales, the
 * host's own is what becomes of it by scaling: pvtb_vm_scaled_counter().
 */
int pvtb_vm_get_counter(struct pvtb_vm *vm, u64 *ret_ticks, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vm_set_counter(struct pvtb_vm *vm, u64 ticks, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vm_set_counter_delta(struct pvtb_vm *vm, s64 delta, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The same of vCPU 0 alone: wrong, where counters are not the VM's as a whole. */
int pvtb_vm_set_counter_delta_of_one(struct pvtb_vm *vm, s64 delta,
				     struct pvtb_err *err) PVTB_MUST_CHECK;
/* What the host's counter is to the guest, scaled and not yet offset, when it shows @host_ticks: known
 * within *ret_unc_ticks, and best of about now. Of a vCPU that is not inside the guest. */
int pvtb_vm_scaled_counter(struct pvtb_vm *vm, u64 host_ticks, u64 *ret_ticks, u64 *ret_unc_ticks,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
/* What the guest's counter really counts at: the host's frequency, unless KVM scales. */
u64 pvtb_vm_counter_hz(struct pvtb_vm *vm);
u64 pvtb_vm_mem_bytes(struct pvtb_vm *vm);
const struct pvtb_vm_spec *pvtb_vm_spec(struct pvtb_vm *vm); /* defaults filled in */
const struct pvtb_kvm_caps *pvtb_vm_caps(struct pvtb_vm *vm);
int pvtb_vm_kvm_fd(struct pvtb_vm *vm);	    /* /dev/kvm itself */
int pvtb_vm_irqchip_fd(struct pvtb_vm *vm); /* arm64: the vGICv3; else -1 */

/* Let a new thread, as pinned as the vCPU's own, run the rest of the running command. */
void pvtb_vm_replace_thread(struct pvtb_vm *vm, unsigned int vcpu);

/* The vCPU's sample ring in host memory, oldest first from index taken - min(taken, *ret_len). */
const struct pvtb_sample *pvtb_vm_ring(struct pvtb_vm *vm, unsigned int vcpu, u64 *ret_len);
const struct pvtb_fault *pvtb_vm_fault(struct pvtb_vm *vm, unsigned int vcpu);
/* Multi-line register dump of a fault, for people. */
void pvtb_vm_print_fault(struct pvtb_vm *vm, unsigned int vcpu, FILE *out);
void *pvtb_vm_gpa(struct pvtb_vm *vm, u64 gpa); /* host pointer, NULL outside memory */
bool pvtb_vm_has_op(struct pvtb_vm *vm, const char *op);
int pvtb_vm_tid(struct pvtb_vm *vm, unsigned int vcpu);
/* The one signal that vCPU threads take, and that takes them out of the guest. */
int pvtb_vm_kick_signal(void);
int pvtb_vm_fd(struct pvtb_vm *vm);
int pvtb_vm_vcpu_fd(struct pvtb_vm *vm, unsigned int vcpu);

/* Guest counter = host counter + *ret_delta (mod 2^64), known to +-*ret_unc_ticks. Host counter:
 * pvtb_arch_counter(), scaled where KVM does that. Uses KVM's own controls where they exist. */
int pvtb_vm_counter_delta(struct pvtb_vm *vm, unsigned int vcpu, s64 *ret_delta, u64 *ret_unc_ticks,
			  struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
