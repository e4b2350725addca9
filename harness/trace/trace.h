/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host did: an eBPF session over kvm_exit, kvm_entry and the scheduler, and the ingest of
 * its rings. Owns the skeleton, the memory-mapped rings and the consumer thread. Knows nothing of
 * guests: a "thread" here is any host thread that was registered.
 *
 * Way of the data: eBPF -> per-thread ring (mmap) -> consumer thread, which finds the thread's
 * stream by tid in an RCU hash table (liburcu rculfhash) and pushes whole chunks into the stream's
 * wait-free queue (liburcu wfcqueue) -> pvtb_trace_read() by whoever joins.
 */
#ifndef PVTB_TRACE_H
#define PVTB_TRACE_H

#include "abi/trace.h"
#include "core/err.h"
#include "core/util.h"
#include "trace/facts.h"

#include <sys/types.h>

struct pvtb_trace;
struct pvtb_stream;

struct pvtb_trace_opts {
	/*
	 * Rings; 0: 8; at most PVTB_TRACE_MAX_THREADS - 1. They share 16 MiB evenly, by the next
	 * power of two: 65536 records each for 8, 512 for 1024, 128 for 4095.
	 */
	unsigned int max_threads;
	/*
	 * Attach kvm_exit/kvm_entry now (can be toggled later). Without them a session needs the
	 * scheduler's tracepoints only, and opens where KVM is not loaded or has no such events.
	 */
	bool exits;
	/*
	 * With the exits, say which went to user space (PVTB_REC_F_USER). Free for the others, some
	 * 120 instructions more for those. Says nothing where kvm_entry never fires.
	 */
	bool user_exits;
	unsigned int poll_us; /* consumer's longest sleep; 0: chosen from the ring's length */
};

/*
 * Is tracing of exits possible here, and if not, why: no BTF, tracepoints missing, lockdown, no
 * privilege. 0, or negative errno with why and hint; cheap, loads nothing. -ENOTSUP: a session of
 * the scheduler's events alone is possible.
 */
int pvtb_trace_possible(struct pvtb_err *err);

int pvtb_trace_open(const struct pvtb_trace_opts *opts, struct pvtb_trace **ret_trace,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_trace_close(struct pvtb_trace *trace);

/* Attach or detach the exit/entry programs (the scheduler's stay). */
int pvtb_trace_exits(struct pvtb_trace *trace, bool on, struct pvtb_err *err) PVTB_MUST_CHECK;

/* What is recorded (enum pvtb_fact): less than was asked for where the kernel refuses a program. */
u32 pvtb_trace_facts(const struct pvtb_trace *trace);
/* 0, or -EOPNOTSUPP (-ENOTSUP: no KVM events here) with the reason of the first that is missing. */
int pvtb_trace_need(const struct pvtb_trace *trace, u32 facts, struct pvtb_err *err);
/*
 * How often a program was not run because it was running on that CPU already (recursion_misses): what
 * it would have recorded is missing, of whatever thread. Counts up; a few system calls.
 */
u64 pvtb_trace_missed(const struct pvtb_trace *trace);

/* PVTB_REC_F_USER is set while exits are traced: it was asked for, and the kernel can. */
bool pvtb_trace_sees_user(const struct pvtb_trace *trace);

/* Called on the thread to be measured. Works in pid namespaces: the eBPF side finds the tid. */
int pvtb_trace_register(struct pvtb_trace *trace, struct pvtb_stream **ret_stream,
			struct pvtb_err *err) PVTB_MUST_CHECK;
/*
 * Any thread, by its number in the caller's pid namespace; from any thread. Nothing is done to it:
 * its records begin with its next switch, so a thread that never leaves the CPU has none; that of a
 * thread which runs now is a SCHED_OUT with PVTB_REC_F_UNSEEN.
 * -ESRCH: no such thread, or it is ending; -EEXIST: registered already; -EUSERS: no ring is free.
 */
int pvtb_trace_register_tid(struct pvtb_trace *trace, pid_t tid, struct pvtb_stream **ret_stream,
			    struct pvtb_err *err) PVTB_MUST_CHECK;
/*
 * From any thread, for both kinds, and also when the thread has ended. No record is read after
 * this: take them first. A thread that runs now may hold its ring until its next switch-out.
 */
void pvtb_trace_unregister(struct pvtb_trace *trace, struct pvtb_stream *stream);

/*
 * Witness K, the thread's run_delay, without exits, or where KVM has no kvm_entry (a software
 * backend): a wait ends with a SCHED_IN whose arg is run_delay before it, and the SCHED_OUT after
 * that has run_delay with it in t1_ns. Nothing is added to run_delay while the thread has the CPU,
 * so that is the value KVM showed the guest at the entries in between.
 */

/* The thread's last switch-out was recorded (or it was unregistered by itself): nothing follows. */
bool pvtb_stream_ended(const struct pvtb_stream *stream);

/*
 * Position of the stream: number of records its thread has written so far. Called on the measured
 * thread itself (or while it does not run) it is exact, so two marks around a command give exactly
 * the records of that command. An exit whose entry has not happened is not counted yet; *ret_open
 * (may be NULL) says whether there is one.
 */
u64 pvtb_stream_mark(struct pvtb_stream *stream, bool *ret_open);

/*
 * Copy the records [first, first + n) to @out, waiting for the consumer where needed. Records are
 * kept from the last pvtb_stream_discard() on. Returns the number copied; fewer than n only when
 * records were overrun, and then *ret_lost says how many of the range are missing.
 */
ssize_t pvtb_stream_read(struct pvtb_stream *stream, u64 first, u64 n, struct pvtb_rec *out,
			 u64 *ret_lost);
void pvtb_stream_discard(struct pvtb_stream *stream, u64 before);

/*
 * A thread that had the CPU instead of a measured one: what SCHED_OUT.arg and WAIT.reason are pids
 * of. The name is from that moment; the cgroup is what /proc says now, "" when the thread is gone
 * or this process is in a pid namespace: ask while it lives. Of the cgroups, the cpu controller's.
 */
struct pvtb_trace_who {
	u32 pid, tgid; /* in the initial namespace; 0: idle */
	char comm[16];
	char cgroup[256];
};
/* -ENOENT: not seen, or its place was taken by another since. */
int pvtb_trace_who(const struct pvtb_trace *trace, u32 pid, struct pvtb_trace_who *ret);

struct pvtb_trace_counts {
	u64 records;	 /* taken out of the rings */
	u64 lost;	 /* overwritten before they were taken, and missed */
	u64 missed;	 /* programs not run since it was registered (pvtb_trace_missed()) */
	u64 exits_seen;	 /* PAIR + EXIT */
	u64 max_backlog; /* most records waiting in one ring */
	u64 ring_len;
};
void pvtb_stream_counts(struct pvtb_stream *stream, struct pvtb_trace_counts *ret);

#endif
