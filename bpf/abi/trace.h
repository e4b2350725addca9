/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the eBPF programs and the harness.
 *
 * Each measured thread (a vCPU) has one ring, memory-mapped, written by the programs themselves.
 * All of a thread's records are written from the thread's own context or from the switch to or
 * from it, so each ring has one writer at a time and is in time order without sorting, across
 * CPU migrations too. What other CPUs know about the thread (who woke it, when) is kept per thread
 * and goes into the record of the next switch-in.
 *
 * The ring overwrites its oldest records; head counts every record ever written. The harness sees
 * an overrun as head - consumed >= length, counts exactly what was lost, and checks head again
 * after copying. Nothing is reserved, so nothing can be dropped silently.
 *
 * Cost decides the layout: two records to a 64-byte line, one record for an exit and its entry.
 */
#ifndef PVTB_TRACE_ABI_H
#define PVTB_TRACE_ABI_H

#ifdef __bpf__
/* fixed-width names come from the program */
#else
#include <linux/types.h>
#include <stddef.h>
#endif

#define PVTB_TRACE_ABI 4

enum pvtb_rec_kind {
	PVTB_REC_NONE = 0,
	/* t0_ns kvm_exit, t1_ns the kvm_entry after it, nothing in between for this thread */
	PVTB_REC_PAIR = 1,
	/* t0_ns kvm_exit; the thread was switched out (or the trace ended) before its entry */
	PVTB_REC_EXIT = 2,
	/* t1_ns kvm_entry without a pending exit: first entry, or first after a switch */
	PVTB_REC_ENTRY = 3,
	/* t0_ns; t1_ns run_delay, the wait that ended with the last switch-in included (what KVM shows
	 * the guest where kvm_entry does not tell: see RUN_DELAY); arg = next pid; reason =
	 * prev_state as the scheduler passed it; PVTB_REC_F_PREEMPT, _THROTTLED, _FROZEN, _USER,
	 * _STOPPER, _UNSEEN */
	PVTB_REC_SCHED_OUT = 4,
	/* t0_ns; t1_ns last wake-up of the thread since it was switched out, 0 if none;
	 * arg = run_delay before this switch's own wait is added to it (the tracepoint comes first);
	 * reason = migrations since out */
	PVTB_REC_SCHED_IN = 5,
	/* follows each ENTRY, with the same t1_ns; arg = run_delay read there, which is the value
	 * KVM has just shown to the guest */
	PVTB_REC_RUN_DELAY = 6,
	/*
	 * Right before each SCHED_IN but the one of a thread that registers itself, about the wait
	 * that ends: t0_ns as in the SCHED_IN; t1_ns last migration since the switch-out, 0 if none;
	 * arg nanoseconds that the run queue of the thread's group spent throttled while the thread
	 * was runnable, by the kernel's own clock (cfs_rq->throttled_clock_self_time and what runs
	 * since throttled_clock_self, Linux 6.6; 0 before that; PVTB_REC_F_NOTHROTTLED); reason pid
	 * of the thread that had the CPU.
	 */
	PVTB_REC_WAIT = 7,
	/*
	 * Right before each WAIT: t0_ns as there; arg, signed, by how much less time passed on the run
	 * queue's clock, which run_delay follows, than by these stamps between the moments where the
	 * wait began (switch-out or wake-up) and ended; 0 where the kernel's types do not tell. reason
	 * moves during the wait: of more than one, what was between them is not in arg.
	 */
	PVTB_REC_CLOCK = 8,
	/*
	 * Of no program's, but the harness's where it joins two threads' records: from t0_ns on another
	 * thread runs the vCPU. t1_ns run_delay of the one before, in the end; arg its own, then.
	 */
	PVTB_REC_THREAD = 9,
};

/*
 * CLOCK: the queue's clock stood still from an event that wanted the CPU (a wake-up, a move) to the
 * switch it brought about, as rq_clock_skip_update() in wakeup_preempt() makes it do: that was asked
 * for at this thread's wake-up; or it showed at the switch-in, or at the switch-out of a runnable
 * thread, what it had shown when the thread that got the CPU was queued.
 */
#define PVTB_REC_F_STILL 0x01

/* WAIT: the thread was moved to a queue whose count could not be read, so arg says nothing. */
#define PVTB_REC_F_NOTHROTTLED 0x01

#define PVTB_REC_F_PREEMPT   0x01 /* SCHED_OUT: still runnable (preempted, or yielded) */
#define PVTB_REC_F_NOPC	     0x02 /* exits: pc is not known (VMX reads it lazily) */
#define PVTB_REC_F_NOREASON  0x04 /* exits: the kernel's types did not tell the reason */
/*
 * SCHED_OUT: runnable, but its bandwidth is used up. CFS: se.cfs_rq->throttle_count != 0 (it counts
 * the throttled groups above, too; the run queue is throttled before the tracepoint); since
 * Linux 6.18 task->throttled (the thread is taken off the queue on its way to user mode or to the
 * guest, by task work). SCHED_DEADLINE: dl.dl_throttled.
 */
#define PVTB_REC_F_THROTTLED 0x08
/*
 * SCHED_OUT: task->frozen, cgroup v2's freezer. prev_state does not tell: it sleeps in
 * TASK_INTERRUPTIBLE | TASK_FREEZABLE. The kernel sets it for stopped and traced threads as well;
 * for those the flag is not set.
 */
#define PVTB_REC_F_FROZEN    0x10
/* PAIR, EXIT, ENTRY, SCHED_OUT: kvm_userspace_exit was seen since the entry before. When asked for. */
#define PVTB_REC_F_USER	     0x20
/* SCHED_OUT: the next thread is the CPU's stopper ("migration/N"), which moves this one */
#define PVTB_REC_F_STOPPER   0x40
/*
 * SCHED_OUT: the switch-in before it was not witnessed, and neither were the exits and entries in
 * between. So it is for a thread that was running when another thread registered it; and on kernels
 * whose sched_switch does not tell of some threads leaving the CPU (seen where a hypervisor's agent is
 * hidden), for whoever comes after these.
 */
#define PVTB_REC_F_UNSEEN    0x80

struct pvtb_rec {
	__u64 t0_ns; /* CLOCK_MONOTONIC */
	__u64 t1_ns;
	union {
		__u64 pc;  /* guest pc at the exit; for HVC/SVC/VMCALL as KVM reports it */
		__u64 arg; /* by kind, see above */
	};
	/* exits: arm64 (ret << 24 | ESR_EC) with ret the ARM_EXCEPTION_* code, the EC being stale
	 * unless that is a trap (2); x86 the SVM or VMX exit code */
	__u32 reason;
	__u16 cpu;
	__u8 kind;
	__u8 flags;
};

_Static_assert(sizeof(struct pvtb_rec) == 32, "two records to a cache line");

#define PVTB_REC_ARM64_REASON(ret, ec) (((__u32)(ret)) << 24 | (__u32)(ec))

/*
 * The memory shared by the programs and the harness: one global, so that every access is one
 * base address and an offset, which is what keeps the programs short. Offsets into it are kept
 * instead of indices for the same reason.
 */
#define PVTB_TRACE_MAX_CPUS    4096
#define PVTB_TRACE_MAX_THREADS 4096	  /* slot 0 is "none" */
#define PVTB_TRACE_MAX_PIDS    (1u << 22) /* PID_MAX_LIMIT of 64-bit kernels */
#define PVTB_TRACE_SIZE	       (32u << 20)
#define PVTB_TRACE_RINGS       (16u << 20) /* the rings' half */

struct pvtb_trace_thread {
	/* Written by the programs in the thread's own context (or the switch to or from it). */
	__u64 head_bytes; /* records ever written, times sizeof(struct pvtb_rec) */
	__u32 open;	  /* offset of the record of an exit that has no entry yet, or 0 */
	__u32 migrations_seen;
	/* Written by the harness before the thread is registered. */
	__u32 ring; /* offset of the ring, aligned to its size */
	__u32 mask; /* the ring's size in bytes - 1 */
	__u32 pid;  /* in the initial namespace; by the program that registers; 0 when free */
	__u32 user; /* PVTB_REC_F_USER for the next record that has no exit of its own */
	__u32 pad0[8];
	/* Written from any CPU; but for migrated_ns while the thread is off the CPU. */
	__u64 wake_ns; /* last wake-up since the thread was switched out */
	__u64 migrated_ns;
	__s64 throttled_ns; /* while runnable since the switch-out, less the clock where it began */
	__u32 migrations;
	__u32 runnable;
	__s64 behind_ns; /* CLOCK: what it comes to so far */
	__u32 still;	 /* PVTB_REC_F_STILL since the switch-out */
	__u32 moved;	 /* how often while it waited; migrated_ns is where its queue began */
	__u32 throttled_unknown; /* PVTB_REC_F_NOTHROTTLED for the WAIT that ends this one */
	__u32 pad1[3];
};

struct pvtb_trace_cpu {
	__u32 thread; /* offset of the measured thread that is current here, or 0 */
	__u32 pad0;
	__u64 rq; /* address of its run queue, for the programs' own use; 0: not known */
	__u32 pad1[12];
};

/* What the harness asks of the program that registers another process's thread, and its answer. */
struct pvtb_trace_request {
	__u32 slot;
	__u32 pid;     /* in the initial namespace; 0: there is no such thread */
	__u32 outcome; /* enum pvtb_trace_outcome */
	__u32 pad[13];
};

enum pvtb_trace_outcome {
	PVTB_TRACE_REGISTERED = 1,
	PVTB_TRACE_ALREADY = 2,
	PVTB_TRACE_EXITING = 3, /* it was for a moment: the slot may be current somewhere */
};

/*
 * Names of the threads that had the CPU instead: every next of a SCHED_OUT and every previous of a
 * WAIT, at the place its pid's low bits say. Written at those switches only. Two such threads with
 * the same low bits take turns, and a name can be torn then: it is a label, no evidence.
 */
#define PVTB_TRACE_NAMES (1u << 17)
struct pvtb_trace_name {
	__u32 pid; /* 0: never seen */
	__u32 tgid;
	__u64 comm[2]; /* 16 characters, with the NUL */
	__u64 pad;
};

struct pvtb_trace_shm {
	struct pvtb_trace_cpu cpus[PVTB_TRACE_MAX_CPUS]; /* first: no offset to add */
	struct pvtb_trace_thread threads[PVTB_TRACE_MAX_THREADS];
	struct pvtb_trace_name names[PVTB_TRACE_NAMES];
	struct pvtb_trace_request request;
	__u8 pad[(8u << 20) - PVTB_TRACE_MAX_THREADS * 128 - PVTB_TRACE_MAX_CPUS * 64 -
		 PVTB_TRACE_NAMES * 32 - 64];
	__u16 slot_of_pid[PVTB_TRACE_MAX_PIDS];
	__u8 rings[PVTB_TRACE_RINGS];
};

_Static_assert(sizeof(struct pvtb_trace_thread) == 128, "own line, others' line");
_Static_assert(sizeof(struct pvtb_trace_name) == 32, "two to a line");
_Static_assert(sizeof(struct pvtb_trace_cpu) == 64, "no line shared between CPUs");
_Static_assert(sizeof(struct pvtb_trace_shm) == PVTB_TRACE_SIZE, "a power of two, to be masked");

#endif
