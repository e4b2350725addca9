// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host-side witness: what a measured thread (a vCPU) did, stamped where it happened. Owns the
 * programs; abi/trace.h owns the layout they share with the harness.
 *
 * Cost is the design. Which measured thread is current on a CPU is kept by the sched_switch
 * program, so kvm_exit and kvm_entry filter with one load and look nothing up; an exit's record is
 * written in place and its entry completes it; no ring is reserved from, no map is called.
 *
 * Who may write a ring: only programs that run as the thread, or switch from or to it. Linux 6.12
 * runs a tracepoint's programs with preemption disabled; 7.3 does not, but KVM calls
 * kvm_exit and kvm_entry, and the scheduler its own, with preemption or interrupts disabled. So
 * between a program's look at cpus[].thread and its last store the thread cannot leave the CPU, and a
 * ring has one writer at a time; kvm_userspace_exit() says what it does instead. Between two CPUs the
 * run queue's lock, held across both ends of a migration, orders the writers.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include <stddef.h>
#include "abi/trace.h"

char LICENSE[] SEC("license") = "GPL";

/* Minimal kernel types: only what is read, found by name in the running kernel. */
struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_queued;
} __attribute__((preserve_access_index));

struct rq {
	unsigned int clock_update_flags;
	unsigned long long clock;
} __attribute__((preserve_access_index));

struct task_group;

struct cfs_rq {
	struct rq *rq;
	struct task_group *tg;
	int throttle_count;
	unsigned long long throttled_clock_self;
	unsigned long long throttled_clock_self_time;
} __attribute__((preserve_access_index));

/* An array with one pointer per CPU up to Linux 7.1, a per-CPU pointer since: see group_queue(). */
struct task_group {
	void *cfs_rq;
} __attribute__((preserve_access_index));

struct sched_entity {
	struct cfs_rq *cfs_rq;
} __attribute__((preserve_access_index));

struct sched_dl_entity {
	unsigned int dl_throttled : 1;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	int prio;
	char comm[16];
	struct sched_entity se;
	struct sched_dl_entity dl;
	struct task_group *sched_task_group;
	struct sched_info sched_info;
	unsigned int frozen : 1;
	bool throttled; /* Linux 6.18 */
} __attribute__((preserve_access_index));

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

#define PF_EXITING 0x4 /* task_struct.flags (include/linux/sched.h) */

#define RQCF_REQ_SKIP 0x1 /* rq.clock_update_flags (kernel/sched/sched.h): cleared by the switch */

#define PF_KTHREAD   0x00200000
#define MAX_RT_PRIO  100  /* task_struct.prio from here on: fair; below 0: deadline */
#define TASK_STOPPED 0x04 /* __TASK_STOPPED, __TASK_TRACED */
#define TASK_TRACED  0x08
#define TASK_DEAD    0x80 /* prev_state of a thread's last switch (include/linux/sched.h) */

/* Set before loading: the kernel has what read_kernel() needs to load without a helper's call. */
const volatile bool can_cast = false;

struct pvtb_trace_shm shm;

#define REC_SIZE ((__u32)sizeof(struct pvtb_rec))

/*
 * The address of the shared memory, once per program: loading it takes four instructions, and left
 * to itself the compiler does that at each use.
 */
static __always_inline char *shared(void)
{
	char *base = (char *)&shm;

	asm volatile("" : "+r"(base));
	return base;
}

/* Masked so that the verifier sees it stay inside; 16 MiB of rings lie last, records in line. */
static __always_inline struct pvtb_rec *rec_at(char *base, __u32 offset)
{
	return (void *)(base + (offset & (PVTB_TRACE_SIZE - REC_SIZE)));
}

static __always_inline struct pvtb_trace_thread *thread_at(char *base, __u32 offset)
{
	return (void *)(base + (offset & (PVTB_TRACE_SIZE - sizeof(struct pvtb_trace_thread))));
}

static __always_inline __u32 thread_offset(__u32 slot)
{
	return offsetof(struct pvtb_trace_shm, threads) + slot * sizeof(struct pvtb_trace_thread);
}

static __always_inline struct pvtb_trace_cpu *this_cpu(char *base, __u32 cpu)
{
	return &((struct pvtb_trace_cpu *)base)[cpu & (PVTB_TRACE_MAX_CPUS - 1)];
}

static __always_inline __u32 slot_of(__u32 pid)
{
	return shm.slot_of_pid[pid & (PVTB_TRACE_MAX_PIDS - 1)];
}

static __always_inline __u32 next_record(const struct pvtb_trace_thread *th)
{
	return ((__u32)th->head_bytes & th->mask) + th->ring;
}

/*
 * Make the record at head visible. Pairs with the acquire load in the harness's consumer. Also
 * orders it before the stores into the next record: the consumer trusts what it copied only if
 * head says that its writer cannot have begun to reuse it.
 */
static __always_inline void commit(struct pvtb_trace_thread *th)
{
#ifdef __TARGET_ARCH_x86
	/* Stores are not reordered there: no locked instruction needed. */
	asm volatile("" ::: "memory");
	*(volatile __u64 *)&th->head_bytes = th->head_bytes + REC_SIZE;
	asm volatile("" ::: "memory");
#else
	/* Only the form that fetches is ordered: use what it returns. */
	asm volatile("" ::"r"(__sync_fetch_and_add(&th->head_bytes, REC_SIZE)) : "memory");
#endif
}

static __always_inline struct pvtb_rec *begin(char *base, struct pvtb_trace_thread *th, __u32 cpu,
					      __u32 kind, __u32 flags)
{
	struct pvtb_rec *rec = rec_at(base, next_record(th));

	/* cpu, kind and flags in one store */
	*(__u32 *)&rec->cpu = cpu | kind << 16 | flags << 24;
	return rec;
}

static __always_inline void on_exit(char *base, struct pvtb_trace_thread *th, __u32 cpu, __u64 pc,
				    __u32 reason, __u32 flags)
{
	__u32 at = next_record(th);
	struct pvtb_rec *rec = rec_at(base, at);

	rec->pc = pc;
	rec->reason = reason;
	*(__u32 *)&rec->cpu = cpu | PVTB_REC_PAIR << 16 | flags << 24;
	th->open = at;
	rec->t0_ns = bpf_ktime_get_ns();
}

#ifdef __TARGET_ARCH_arm64
SEC("tp_btf/kvm_exit")
int kvm_exit(__u64 *ctx) /* int ret, unsigned int esr_ec, unsigned long vcpu_pc */
{
	__u32 cpu = bpf_get_smp_processor_id();
	char *base = shared();
	__u32 current = this_cpu(base, cpu)->thread;

	if (!current)
		return 0;
	on_exit(base, thread_at(base, current), cpu, ctx[2], PVTB_REC_ARM64_REASON(ctx[0], ctx[1]),
		0);
	return 0;
}
#else

/* KVM is a module there on most kernels, and its types are in the modules' BTF. */
struct vmcb_control_area {
	__u32 exit_code;
} __attribute__((preserve_access_index));

struct vmcb {
	struct vmcb_control_area control;
} __attribute__((preserve_access_index));

struct vcpu_svm {
	struct vmcb *vmcb;
} __attribute__((preserve_access_index));

union vmx_exit_reason {
	__u32 full;
} __attribute__((preserve_access_index));

struct vcpu_vmx {
	union vmx_exit_reason exit_reason;
} __attribute__((preserve_access_index));

/* Since Linux 6.15 the reason is in a structure shared with TDX. */
struct vcpu_vt {
	union vmx_exit_reason exit_reason;
} __attribute__((preserve_access_index));

struct vcpu_vmx___vt {
	struct vcpu_vt vt;
} __attribute__((preserve_access_index));

struct kvm_vcpu_arch {
	unsigned long regs[17];
} __attribute__((preserve_access_index));

struct kvm_vcpu {
	struct kvm_vcpu_arch arch;
} __attribute__((preserve_access_index));

/* Since Linux 7.2 rip is not one of regs[]. */
struct kvm_vcpu_arch___rip {
	unsigned long rip;
} __attribute__((preserve_access_index));

struct kvm_vcpu___rip {
	struct kvm_vcpu_arch___rip arch;
} __attribute__((preserve_access_index));

#define KVM_ISA_VMX   1
#define KVM_ISA_SVM   2
#define VCPU_REGS_RIP 16

/*
 * A structure of the kernel proper that ends in bytes without a length: what it is cast to may be
 * read at any offset behind its head.
 */
struct user_key_payload {
	char data[0];
} __attribute__((preserve_access_index));

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/*
 * @size bytes at @offset of @obj, whose type is a module's. The verifier follows such a pointer only
 * within the type of a program's argument. bpf_rdonly_cast() (Linux 6.2) makes it one the verifier
 * follows, and the load one instruction with a fixup; a helper's call takes some eighty.
 */
static __always_inline long read_kernel(void *out, __u32 size, const void *obj, __u32 offset)
{
	const char *bytes;

	if (!can_cast)
		return bpf_probe_read_kernel(out, size, (const char *)obj + offset);
	bytes = bpf_rdonly_cast(obj, bpf_core_type_id_kernel(struct user_key_payload));
	if (size == sizeof(__u64))
		*(__u64 *)out = *(const __u64 *)(bytes + offset);
	else
		*(__u32 *)out = *(const __u32 *)(bytes + offset);
	return 0;
}

/* SVM: the reason is in the VMCB; kvm.ko has copied rip, VMX leaves it in the VMCS. */
static __always_inline __u32 svm_reason(const void *vcpu, __u32 *flags)
{
	struct vmcb *vmcb = NULL;
	__u32 reason = 0;

	if (!bpf_core_field_exists(struct vcpu_svm, vmcb) ||
	    !bpf_core_field_exists(struct vmcb_control_area, exit_code) ||
	    read_kernel(&vmcb, sizeof(vmcb), vcpu, bpf_core_field_offset(struct vcpu_svm, vmcb)) ||
	    read_kernel(&reason, sizeof(reason), vmcb,
			bpf_core_field_offset(struct vmcb, control.exit_code)))
		*flags |= PVTB_REC_F_NOREASON;
	return reason;
}

static __always_inline __u32 vmx_reason(const void *vcpu, __u32 *flags)
{
	__u32 reason = 0;
	long err = -1;

	if (bpf_core_field_exists(struct vcpu_vmx, exit_reason))
		err = read_kernel(&reason, sizeof(reason), vcpu,
				  bpf_core_field_offset(struct vcpu_vmx, exit_reason));
	else if (bpf_core_field_exists(struct vcpu_vmx___vt, vt.exit_reason))
		err = read_kernel(&reason, sizeof(reason), vcpu,
				  bpf_core_field_offset(struct vcpu_vmx___vt, vt.exit_reason));
	if (err)
		*flags |= PVTB_REC_F_NOREASON;
	return reason;
}

static __always_inline __u64 svm_pc(const struct kvm_vcpu *vcpu, __u32 *flags)
{
	const struct kvm_vcpu___rip *vcpu_rip = (const void *)vcpu;

	if (bpf_core_field_exists(vcpu->arch.regs[VCPU_REGS_RIP]))
		return vcpu->arch.regs[VCPU_REGS_RIP];
	if (bpf_core_field_exists(vcpu_rip->arch.rip))
		return vcpu_rip->arch.rip;
	*flags |= PVTB_REC_F_NOPC;
	return 0;
}

SEC("tp_btf/kvm_exit")
int BPF_PROG(kvm_exit, struct kvm_vcpu *vcpu, __u32 isa)
{
	__u32 cpu = bpf_get_smp_processor_id();
	char *base = shared();
	__u32 current = this_cpu(base, cpu)->thread;
	__u32 flags = 0, reason;
	__u64 pc = 0;

	/* Never NULL, but newer verifiers (6.12.y, 6.13) want that seen before any arithmetic. */
	if (!current || !vcpu)
		return 0;
	if (isa == KVM_ISA_SVM) {
		reason = svm_reason(vcpu, &flags);
		pc = svm_pc(vcpu, &flags);
	} else {
		reason = vmx_reason(vcpu, &flags);
		flags |= PVTB_REC_F_NOPC;
	}
	on_exit(base, thread_at(base, current), cpu, pc, reason, flags);
	return 0;
}
#endif

/* An entry that completes no exit: the first one, or the first after a switch. */
static __noinline int first_entry(char *base, struct pvtb_trace_thread *th, __u32 cpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now_ns = bpf_ktime_get_ns();
	struct pvtb_rec *rec;

	rec = begin(base, th, cpu, PVTB_REC_ENTRY, th->user);
	th->user = 0;
	rec->t0_ns = 0;
	rec->t1_ns = now_ns;
	rec->arg = 0;
	rec->reason = 0;
	commit(th);
	rec = begin(base, th, cpu, PVTB_REC_RUN_DELAY, 0);
	rec->t0_ns = 0;
	rec->t1_ns = now_ns;
	rec->arg = task->sched_info.run_delay;
	rec->reason = 0;
	commit(th);
	return 0;
}

SEC("tp_btf/kvm_entry")
int kvm_entry(void *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	char *base = shared();
	__u32 current = this_cpu(base, cpu)->thread, open;
	struct pvtb_trace_thread *th;

	if (!current)
		return 0;
	th = thread_at(base, current);
	open = th->open;
	if (!open)
		return first_entry(base, th, cpu);
	th->open = 0;
	rec_at(base, open)->t1_ns = bpf_ktime_get_ns();
	commit(th);
	return 0;
}

/*
 * To user space: recorded in the exit's record while that is open, else kept for what comes next.
 * The one program that may be preempted (Linux 7.3): a switch in between closes the record
 * that was open, and then the flag is for what comes next.
 */
SEC("tp_btf/kvm_userspace_exit")
int kvm_userspace_exit(void *ctx)
{
	char *base = shared();
	__u32 current = this_cpu(base, bpf_get_smp_processor_id())->thread, open;
	struct pvtb_trace_thread *th;

	if (!current)
		return 0;
	th = thread_at(base, current);
	open = *(volatile __u32 *)&th->open;
	if (open)
		rec_at(base, open)->flags |= PVTB_REC_F_USER;
	if (!open || *(volatile __u32 *)&th->open != open)
		th->user = PVTB_REC_F_USER;
	return 0;
}

/* Does the kernel say how long a queue has been throttled? Linux 6.6 and later. */
static __always_inline bool counts_throttling(void)
{
	return bpf_core_field_exists(struct sched_entity, cfs_rq) &&
	       bpf_core_field_exists(struct cfs_rq, throttled_clock_self) &&
	       bpf_core_field_exists(struct cfs_rq, throttled_clock_self_time);
}

/* How long @task's queue has been throttled so far, by its run queue's clock. */
static __always_inline __u64 task_throttled_clock(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;
	__u64 since, sum = 0;

	if (!counts_throttling())
		return 0;
	cfs_rq = task->se.cfs_rq;
	if (!cfs_rq)
		return 0;
	since = cfs_rq->throttled_clock_self;
	if (since)
		sum = cfs_rq->rq->clock - since;
	return sum + cfs_rq->throttled_clock_self_time;
}

/* The same for a queue that was found by number, whose type the verifier does not know. */
static __always_inline __u64 throttled_clock_of(struct cfs_rq *cfs_rq)
{
	__u64 since, sum = 0;

	if (!counts_throttling())
		return 0;
	since = BPF_CORE_READ(cfs_rq, throttled_clock_self);
	if (since)
		sum = BPF_CORE_READ(cfs_rq, rq, clock) - since;
	return sum + BPF_CORE_READ(cfs_rq, throttled_clock_self_time);
}

/* The clock that run_delay follows, of the queue @task is on; 0 when it is not known. */
static __always_inline __u64 queue_clock(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;

	if (!bpf_core_field_exists(struct sched_entity, cfs_rq) ||
	    !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	cfs_rq = task->se.cfs_rq;
	return cfs_rq ? cfs_rq->rq->clock : 0;
}

/* At its wake-up: will the switch that @task has asked for leave the clock alone? */
static __always_inline __u32 will_stand_still(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;

	if (!bpf_core_field_exists(struct rq, clock_update_flags) ||
	    !bpf_core_field_exists(struct sched_entity, cfs_rq) ||
	    !bpf_core_field_exists(struct cfs_rq, rq))
		return 0;
	cfs_rq = task->se.cfs_rq;
	return cfs_rq && cfs_rq->rq->clock_update_flags & RQCF_REQ_SKIP ? PVTB_REC_F_STILL : 0;
}

/* Was the clock of @next's queue not updated since @next was queued? */
static __always_inline __u32 stood_still(struct task_struct *next, __u64 clock)
{
	return clock && next->sched_info.last_queued == clock ? PVTB_REC_F_STILL : 0;
}

/*
 * Stamps less the queue's clock, where a wait ends less where it began. A thread that was moved has
 * waited on two clocks; the second one began at last_queued.
 */
static __always_inline __s64 behind_since(struct pvtb_trace_thread *th, struct task_struct *task,
					  __u64 clock, __u64 now_ns)
{
	__s64 behind_ns = th->behind_ns + (__s64)(now_ns - clock);
	__u64 queued = task->sched_info.last_queued;

	if (!clock)
		return 0;
	if (th->moved && queued)
		behind_ns -= (__s64)(th->migrated_ns - queued);
	return behind_ns;
}

static __always_inline bool is_throttled(struct task_struct *task)
{
	struct cfs_rq *cfs_rq;

	if (task->prio < 0)
		return bpf_core_field_exists(task->dl.dl_throttled) &&
		       BPF_CORE_READ_BITFIELD(task, dl.dl_throttled);
	if (task->prio < MAX_RT_PRIO)
		return false;
	if (bpf_core_field_exists(struct task_struct, throttled))
		return task->throttled;
	if (!bpf_core_field_exists(struct sched_entity, cfs_rq) ||
	    !bpf_core_field_exists(struct cfs_rq, throttle_count))
		return false;
	cfs_rq = task->se.cfs_rq;
	return cfs_rq && cfs_rq->throttle_count;
}

static __always_inline bool is_stopper(struct task_struct *task)
{
	static const char name[8] = {'m', 'i', 'g', 'r', 'a', 't', 'i', 'o'};

	return task->flags & PF_KTHREAD && *(__u64 *)task->comm == *(const __u64 *)name;
}

static __always_inline __u32 out_flags(__u32 state, bool runnable, struct task_struct *prev,
				       struct task_struct *next)
{
	__u32 flags = 0;

	if (runnable) {
		flags = PVTB_REC_F_PREEMPT;
		if (is_throttled(prev))
			flags |= PVTB_REC_F_THROTTLED;
	} else if (!(state & (TASK_STOPPED | TASK_TRACED)) &&
		   bpf_core_field_exists(struct task_struct, frozen) &&
		   BPF_CORE_READ_BITFIELD(prev, frozen)) {
		flags = PVTB_REC_F_FROZEN;
	}
	return is_stopper(next) ? flags | PVTB_REC_F_STOPPER : flags;
}

/* Who had the CPU while a measured thread did not. */
static __always_inline void keep_name(char *base, struct task_struct *task)
{
	__u32 pid = task->pid;
	struct pvtb_trace_name *name =
		(struct pvtb_trace_name *)(base + offsetof(struct pvtb_trace_shm, names)) +
		(pid & (PVTB_TRACE_NAMES - 1));

	name->pid = pid;
	name->tgid = task->tgid;
	name->comm[0] = *(__u64 *)task->comm;
	name->comm[1] = *(__u64 *)(task->comm + 8);
}

/*
 * The thread in @slot leaves; 0: one that the harness has given up, which only stops counting. That
 * it leaves is known from its pid and not from its having come, which may have been kept from us.
 */
static __always_inline void switched_out(char *base, struct pvtb_trace_cpu *here, __u32 cpu,
					 __u32 slot, __u32 state, bool preempt,
					 struct task_struct *prev, struct task_struct *next,
					 __u64 now_ns)
{
	__u32 offset = thread_offset(slot);
	__u32 flags = here->thread == offset ? 0 : PVTB_REC_F_UNSEEN;
	struct pvtb_trace_thread *th = thread_at(base, offset);
	bool runnable = preempt || !state;
	struct pvtb_rec *rec;
	__u64 clock;

	here->thread = 0;
	if (!slot || th->pid != (__u32)prev->pid)
		return;
	if (th->open) {
		rec = rec_at(base, th->open);
		rec->t1_ns = 0;
		rec->kind = PVTB_REC_EXIT;
		th->user = rec->flags & PVTB_REC_F_USER;
		th->open = 0;
		commit(th);
	}
	rec = begin(base, th, cpu, PVTB_REC_SCHED_OUT,
		    out_flags(state, runnable, prev, next) | th->user | flags);
	rec->t0_ns = now_ns;
	rec->t1_ns = prev->sched_info.run_delay;
	rec->arg = next->pid;
	rec->reason = state;
	keep_name(base, next);
	th->wake_ns = 0;
	th->migrated_ns = 0;
	th->moved = 0;
	clock = queue_clock(prev);
	th->behind_ns = (__s64)(clock - now_ns);
	th->still = runnable ? stood_still(next, clock) : 0;
	th->runnable = runnable;
	th->throttled_ns = runnable ? -task_throttled_clock(prev) : 0;
	th->throttled_unknown = 0;
	commit(th);
	if (state & TASK_DEAD) {
		shm.slot_of_pid[th->pid & (PVTB_TRACE_MAX_PIDS - 1)] = 0;
		th->pid = 0;
	}
}

/* The wait of @next, which @prev's leaving ends. */
static __always_inline void waited(char *base, __u32 cpu, __u32 slot, struct task_struct *prev,
				   struct task_struct *next, __u64 now_ns)
{
	struct pvtb_trace_thread *th = thread_at(base, thread_offset(slot));
	__u64 clock = queue_clock(next);
	struct pvtb_rec *rec;

	rec = begin(base, th, cpu, PVTB_REC_CLOCK, th->still | stood_still(next, clock));
	rec->t0_ns = now_ns;
	rec->t1_ns = 0;
	rec->arg = behind_since(th, next, clock, now_ns);
	rec->reason = th->moved;
	commit(th);
	rec = begin(base, th, cpu, PVTB_REC_WAIT, th->throttled_unknown);
	rec->t0_ns = now_ns;
	rec->t1_ns = th->migrated_ns;
	rec->arg = th->runnable ? th->throttled_ns + task_throttled_clock(next) : 0;
	rec->reason = prev->pid;
	keep_name(base, prev);
	commit(th);
}

static __always_inline void switched_in(char *base, struct pvtb_trace_cpu *here, __u32 cpu,
					__u32 slot, struct task_struct *next, __u64 now_ns)
{
	__u32 offset = thread_offset(slot);
	struct pvtb_trace_thread *th = thread_at(base, offset);
	struct pvtb_rec *rec = begin(base, th, cpu, PVTB_REC_SCHED_IN, 0);
	__u32 migrations = th->migrations;

	rec->t0_ns = now_ns;
	rec->t1_ns = th->wake_ns;
	rec->arg = next->sched_info.run_delay;
	rec->reason = migrations - th->migrations_seen;
	th->migrations_seen = migrations;
	th->runnable = 0;
	commit(th);
	here->thread = offset;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	__u32 cpu = bpf_get_smp_processor_id();
	char *base = shared();
	struct pvtb_trace_cpu *here = this_cpu(base, cpu);
	__u32 out = slot_of(prev->pid), in = slot_of(next->pid);
	__u64 now_ns;

	if (!(here->thread | out | in))
		return 0;
	now_ns = bpf_ktime_get_ns();
	if (here->thread | out)
		switched_out(base, here, cpu, out, prev_state, preempt, prev, next, now_ns);
	if (in) {
		waited(base, cpu, in, prev, next, now_ns);
		switched_in(base, here, cpu, in, next, now_ns);
	}
	return 0;
}

/*
 * sched_wakeup, not sched_waking: it comes when the thread is on a run queue, which is where its
 * run_delay starts, and never before the tracepoint of the switch that took the thread out.
 */
SEC("tp_btf/sched_wakeup")
int BPF_PROG(sched_wakeup, struct task_struct *task)
{
	__u32 slot = slot_of(task->pid);
	struct pvtb_trace_thread *th;

	if (!slot)
		return 0;
	th = thread_at(shared(), thread_offset(slot));
	th->wake_ns = bpf_ktime_get_ns();
	if (!th->runnable) {
		th->throttled_ns = -task_throttled_clock(task);
		th->throttled_unknown = 0;
		th->behind_ns = (__s64)(queue_clock(task) - th->wake_ns);
		th->still = will_stand_still(task);
		th->moved = 0;
		th->runnable = 1;
	}
	return 0;
}

static __always_inline bool is_queue_of(const struct cfs_rq *cfs_rq, const struct task_group *group,
					__u64 rq)
{
	return cfs_rq && (__u64)BPF_CORE_READ(cfs_rq, tg) == (__u64)group &&
	       (__u64)BPF_CORE_READ(cfs_rq, rq) == rq;
}

/*
 * The queue of @task's group on CPU @to; NULL when it cannot be found. Up to Linux 7.1
 * task_group.cfs_rq is an array with a pointer for each CPU, since then a per-CPU pointer, and
 * nothing that CO-RE compares differs. So both are tried, and the queue itself says whose it is.
 * What is per CPU lies as far apart as the run queues, which are.
 */
static __always_inline struct cfs_rq *group_queue(char *base, struct task_struct *task, int to)
{
	struct task_group *group = task->sched_task_group;
	struct cfs_rq *from = task->se.cfs_rq, *queue = NULL;
	struct cfs_rq **of_cpu = NULL;
	__u64 rq = this_cpu(base, to)->rq;

	if (!from || !group || !rq)
		return NULL;
	queue = (struct cfs_rq *)((__u64)BPF_CORE_READ(task, se.cfs_rq) + rq -
				  (__u64)BPF_CORE_READ(from, rq));
	if (is_queue_of(queue, group, rq))
		return queue;
	if (bpf_core_read(&of_cpu, sizeof(of_cpu), &group->cfs_rq) ||
	    bpf_probe_read_kernel(&queue, sizeof(queue), of_cpu + to))
		return NULL;
	return is_queue_of(queue, group, rq) ? queue : NULL;
}

/*
 * Comes before the move. A runnable thread takes its wait along: what its old queue has counted is
 * settled, and the new queue's count begins.
 */
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(sched_migrate_task, struct task_struct *task, int to)
{
	__u32 slot = slot_of(task->pid);
	struct pvtb_trace_thread *th;
	char *base = shared();
	struct cfs_rq *cfs_rq;
	__u64 now_ns;

	if (!slot)
		return 0;
	th = thread_at(base, thread_offset(slot));
	th->migrations++;
	now_ns = bpf_ktime_get_ns();
	/* Between two moves of one wait it was on a queue whose clock nobody has read as it came. */
	if (th->runnable && !th->moved++)
		th->behind_ns += (__s64)(now_ns - queue_clock(task));
	th->migrated_ns = now_ns;
	if (!th->runnable || !counts_throttling())
		return 0;
	th->throttled_ns += task_throttled_clock(task);
	cfs_rq = group_queue(base, task, to);
	if (cfs_rq)
		th->throttled_ns -= throttled_clock_of(cfs_rq);
	else
		th->throttled_unknown = PVTB_REC_F_NOTHROTTLED;
	return 0;
}

/* Run once on each CPU (BPF_PROG_RUN): any thread knows the run queue of the CPU it is on. */
SEC("raw_tp")
int cpu_register(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cfs_rq *cfs_rq;

	if (!counts_throttling())
		return 0;
	cfs_rq = task->se.cfs_rq;
	if (cfs_rq)
		this_cpu(shared(), bpf_get_smp_processor_id())->rq = (__u64)cfs_rq->rq;
	return 0;
}

/*
 * clang 19 makes one comparison of these two, of a copy of the slot less 4096. Linux 6.12 does not find the
 * bound of the slot itself in that, and refuses the program.
 */
#define valid_slot(slot)                                                                           \
	({                                                                                         \
		bool some_ = (slot) != 0;                                                          \
		barrier_var(slot);                                                                 \
		some_ && (slot) < PVTB_TRACE_MAX_THREADS;                                          \
	})

/*
 * Run by the thread itself (BPF_PROG_RUN) with the slot in args[0]: only here is its pid in the
 * initial namespace known. BPF_PROG_RUN keeps the thread on its CPU; should it be preempted all the
 * same, the order makes it whole: once slot_of_pid is set a switch-in sets cpus[].thread, and
 * without cpus[].thread a switch-out does nothing.
 */
SEC("raw_tp")
int thread_register(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 slot = ctx->args[0], pid = task->pid, cpu = bpf_get_smp_processor_id();

	if (!valid_slot(slot) || slot_of(pid))
		return 0;
	thread_at(shared(), thread_offset(slot))->pid = pid;
	switched_in(shared(), this_cpu(shared(), cpu), cpu, slot, task, bpf_ktime_get_ns());
	shm.slot_of_pid[pid & (PVTB_TRACE_MAX_PIDS - 1)] = slot;
	return pid;
}

/* The same way out: 1 when the caller was the thread in that slot, which is then free at once. */
SEC("raw_tp")
int thread_unregister(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 slot = ctx->args[0], pid = task->pid, cpu = bpf_get_smp_processor_id();
	struct pvtb_trace_thread *th = thread_at(shared(), thread_offset(slot));

	if (slot >= PVTB_TRACE_MAX_THREADS || th->pid != pid)
		return 0;
	shm.slot_of_pid[pid & (PVTB_TRACE_MAX_PIDS - 1)] = 0;
	this_cpu(shared(), cpu)->thread = 0;
	th->pid = 0;
	return 1;
}

/*
 * Another process's thread, which cannot run a program itself: a task iterator over that one thread
 * finds it by its number in the caller's namespace. Its records begin with its next switch, since
 * nothing here may write its ring or say where it is current.
 *
 * A thread that has made its last switch must not leave its number behind for the next owner:
 * PF_EXITING, set long before, shows those that may have. The exchange is what orders the two looks.
 */
SEC("iter/task")
int thread_register_other(struct bpf_iter__task *ctx)
{
	struct pvtb_trace_request *req = &shm.request;
	struct task_struct *task = ctx->task;
	struct pvtb_trace_thread *th;
	__u32 slot = req->slot, pid, flags;

	if (!task || !valid_slot(slot))
		return 0;
	pid = task->pid;
	req->pid = pid;
	if (slot_of(pid)) {
		req->outcome = PVTB_TRACE_ALREADY;
		return 0;
	}
	th = thread_at(shared(), thread_offset(slot));
	th->pid = pid;
	shm.slot_of_pid[pid & (PVTB_TRACE_MAX_PIDS - 1)] = slot;
	__sync_lock_test_and_set(&req->outcome, PVTB_TRACE_REGISTERED);
	flags = task->flags;
	if (flags & PF_EXITING) {
		shm.slot_of_pid[pid & (PVTB_TRACE_MAX_PIDS - 1)] = 0;
		th->pid = 0;
		req->outcome = PVTB_TRACE_EXITING;
	}
	return 0;
}
