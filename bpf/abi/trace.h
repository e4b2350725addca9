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
 * an overrun as head - consumed > length, counts exactly what was lost, and checks head again
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

#define PVTB_TRACE_ABI 1

enum pvtb_rec_kind {
	PVTB_REC_NONE = 0,
	/* t0_ns kvm_exit, t1_ns the kvm_entry after it, nothing in between for this thread */
	PVTB_REC_PAIR = 1,
	/* t0_ns kvm_exit; the thread was switched out (or the trace ended) before its entry */
	PVTB_REC_EXIT = 2,
	/* t1_ns kvm_entry without a pending exit: first entry, or first after a switch */
	PVTB_REC_ENTRY = 3,
	/* t0_ns; arg = next pid; reason = prev_state; PVTB_REC_F_PREEMPT */
	PVTB_REC_SCHED_OUT = 4,
	/* t0_ns; t1_ns last wake-up of the thread since it was switched out, 0 if none;
	 * arg = run_delay as the scheduler had it at this moment; reason = migrations since out */
	PVTB_REC_SCHED_IN = 5,
	/* t1_ns = kvm_entry stamp of the first entry after a switch-in; arg = run_delay read
	 * there, which is the value KVM has just shown to the guest */
	PVTB_REC_RUN_DELAY = 6,
};

#define PVTB_REC_F_PREEMPT 0x01 /* SCHED_OUT: switched out while runnable by preemption */
#define PVTB_REC_F_NOPC	   0x02 /* pc could not be read cheaply on this exit (VMX) */

struct pvtb_rec {
	__u64 t0_ns; /* CLOCK_MONOTONIC */
	__u64 t1_ns;
	union {
		__u64 pc;  /* guest pc at the exit; for HVC/SVC/VMCALL as KVM reports it */
		__u64 arg; /* by kind, see above */
	};
	/* exits: arm64 (ret << 24 | ESR_EC) with ret the ARM_EXCEPTION_* code; x86 the SVM or
	 * VMX exit code */
	__u32 reason;
	__u16 cpu;
	__u8 kind;
	__u8 flags;
};

_Static_assert(sizeof(struct pvtb_rec) == 32, "two records to a cache line");

#define PVTB_REC_ARM64_REASON(ret, ec) ((((__u32)(ret)) << 24) | ((ec)&0xffffff))

#endif
