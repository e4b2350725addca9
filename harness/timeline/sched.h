/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Witness B: where a vCPU thread's time went, as a state machine over its host records. Records in,
 * intervals out; the intervals of a run follow each other without a gap or an overlap, so their sum
 * is the run's wall time exactly. Bounded memory, no allocation; decides nothing about what the
 * guest was told (timeline/steal.h does).
 */
#ifndef PVTB_SCHED_H
#define PVTB_SCHED_H

#include "abi/trace.h"
#include "core/err.h"
#include "core/util.h"
#include "timeline/exit_reason.h"

/*
 * prev_state as sched_switch passes it (include/linux/sched.h). __TASK_STOPPED and __TASK_TRACED
 * are as old as the tracepoint; TASK_DEAD is 0x80 since 4.14; TASK_FROZEN came with 6.1 (commit
 * f5d39b020809, which also took the freezer out of TASK_UNINTERRUPTIBLE) and none of these has
 * moved from there to 6.18.
 */
#define PVTB_TASK_STOPPED 0x0004u
#define PVTB_TASK_TRACED  0x0008u
#define PVTB_TASK_DEAD	  0x0080u
#define PVTB_TASK_FROZEN  0x8000u

/* Those marked (*) fall into their neighbours where the kernel does not tell them apart. */
enum pvtb_sched_cause {
	PVTB_SCHED_GUEST, /* entry to exit: the guest's, as far as the host can see */
	/* current, but not in the guest */
	PVTB_SCHED_HOST_IRQ,  /* from an exit for a host interrupt */
	PVTB_SCHED_HOST_HALT, /* from a halt: halt-polling, and going to sleep */
	PVTB_SCHED_HOST_KVM,  /* any other exit, and from a switch-in to the entry */
	PVTB_SCHED_HOST_VMM,  /* an exit that went to user space (*); before the first entry */
	/* runnable, but not running: involuntary, what stolen time ought to be */
	PVTB_SCHED_PREEMPTED, /* another thread took the CPU */
	PVTB_SCHED_WOKEN,     /* from the wake-up to the CPU */
	PVTB_SCHED_THROTTLED, /* bandwidth used up (*) */
	PVTB_SCHED_MOVED,     /* being moved to another CPU (*) */
	PVTB_SCHED_QUEUED,    /* waiting after it was moved or its throttling ended (*) */
	PVTB_SCHED_UNCLAIMED, /* runnable while its CPU went idle, no reason known */
	/* asleep: voluntary */
	PVTB_SCHED_BLOCKED_HALT, /* the guest halted */
	PVTB_SCHED_BLOCKED_KVM,	 /* in KVM for another reason: a page, a lock (*) */
	PVTB_SCHED_BLOCKED_VMM,	 /* the VMM waits */
	/* stopped: neither the guest's wish nor, to the kernel, a wait */
	PVTB_SCHED_STOPPED, /* SIGSTOP, a tracer */
	PVTB_SCHED_FROZEN,  /* freezer (cgroup v2: (*)) */
	PVTB_SCHED_ENDED,   /* the thread is gone */
	PVTB_SCHED_UNKNOWN, /* records lost or contradictory, switches unseen: nothing can be said */
	PVTB_SCHED_CAUSES,
};

const char *pvtb_sched_cause_name(enum pvtb_sched_cause cause);

static inline bool pvtb_sched_is_host(enum pvtb_sched_cause c)
{
	return c >= PVTB_SCHED_HOST_IRQ && c <= PVTB_SCHED_HOST_VMM;
}

static inline bool pvtb_sched_is_involuntary(enum pvtb_sched_cause c)
{
	return c >= PVTB_SCHED_PREEMPTED && c <= PVTB_SCHED_UNCLAIMED;
}

struct pvtb_sched_interval {
	u64 start_ns, end_ns; /* CLOCK_MONOTONIC; never empty */
	enum pvtb_sched_cause cause;
	/* involuntary: who had the CPU; the first that took it (PREEMPTED), or the last that had it
	 * (WOKEN, QUEUED; needs WAIT). 0: idle or not known */
	u32 pid;
	u32 migrations; /* of the time off the CPU this belongs to */
	u64 out;	/* number of that time off the CPU, from 1; 0: current */
	u16 cpu;	/* where it was switched out, or runs */
	bool open;	/* cut by the end of the run: its cause is what is known until then */
};

/* Nonzero ends the run with that code. */
typedef int (*pvtb_sched_sink)(void *ctx, const struct pvtb_sched_interval *i);

/* Exact for this many threads; what more there are is counted together. A power of two. */
#define PVTB_SCHED_PREEMPTORS 256
struct pvtb_sched_preemptor {
	u32 pid;
	u64 ns, times;
};

struct pvtb_sched_config {
	/* exits that are the guest's halt, and the host's interrupts (pvtb_reason_matches()) */
	struct pvtb_reason_match halt[4];
	size_t nr_halt;
	struct pvtb_reason_match intr[8];
	size_t nr_intr;
	bool user_known;      /* PVTB_REC_F_USER is maintained */
	pvtb_sched_sink sink; /* may be NULL */
	void *sink_ctx;
};

struct pvtb_sched {
	struct pvtb_sched_config cfg;
	/* results, valid at any time */
	u64 start_ns, end_ns; /* what the sums below cover */
	u64 sum_ns[PVTB_SCHED_CAUSES];
	u64 times[PVTB_SCHED_CAUSES]; /* intervals */
	u64 records, outs, migrations;
	u64 lost;	    /* records, as told by pvtb_sched_lost() */
	u64 order_errors;   /* stamps before the record before: taken as that */
	u64 chain_errors;   /* records that cannot follow each other; the time between is UNKNOWN */
	u64 unseen;	    /* switch-ins not witnessed (PVTB_REC_F_UNSEEN), */
	u64 unseen_ns;	    /* and the time between the switches around, which is UNKNOWN */
	u64 aborted_sleeps; /* switched out asleep, back without a wake-up: a signal was pending */
	u64 throttle_excess_ns; /* throttled longer than it waited: clocks, or another's time */
	u64 throttle_unknown;	/* runnable waits whose throttled part is not known */
	u64 throttle_unknown_ns;
	u64 shared_waits; /* preempted by one thread, and another had the CPU at the end */
	struct pvtb_sched_preemptor preemptors[PVTB_SCHED_PREEMPTORS]; /* hash; pid 0: free */
	unsigned int nr_preemptors;
	struct pvtb_sched_preemptor others; /* those without a place */
	/* state */
	enum {
		PVTB_SCHED_ST_UNKNOWN,
		PVTB_SCHED_ST_GUEST,
		PVTB_SCHED_ST_HOST, /* current */
		PVTB_SCHED_ST_OUT,
		PVTB_SCHED_ST_ENDED,
	} state;
	enum pvtb_sched_cause host; /* ST_HOST: why; ST_OUT: why it was there */
	bool halted;		    /* the last exit was a halt */
	bool entered;		    /* some entry was seen */
	struct pvtb_rec out, wait;  /* ST_OUT: its record; the WAIT that came, kind NONE if none */
	u32 moves;		    /* migrations of the time off the CPU being closed */
	u16 cpu;
};

/* Begin at @start_ns, when the thread was as @initial says: HOST_VMM where it takes the mark itself
 * before KVM_RUN, UNKNOWN where it is not known. */
void pvtb_sched_begin(struct pvtb_sched *s, const struct pvtb_sched_config *cfg, u64 start_ns,
		      enum pvtb_sched_cause initial);
/* The next record. -EBADMSG: no such kind; or what the sink returned. */
int pvtb_sched_feed(struct pvtb_sched *s, const struct pvtb_rec *rec,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* @n records are missing before the next one: the time up to it is UNKNOWN. */
void pvtb_sched_lost(struct pvtb_sched *s, u64 n);
/* Close the run at @end_ns, when the thread is known to have the CPU (@current), or not; what the sink
 * returned. */
int pvtb_sched_end(struct pvtb_sched *s, u64 end_ns, bool current) PVTB_MUST_CHECK;

/*
 * Every nanosecond accounted for, and none of them in doubt but those of unseen switches: how much of
 * these is too much is for the caller to say.
 */
static inline bool pvtb_sched_conclusive(const struct pvtb_sched *s)
{
	return !s->lost && !s->order_errors && !s->chain_errors &&
	       s->sum_ns[PVTB_SCHED_UNKNOWN] == s->unseen_ns;
}

u64 pvtb_sched_involuntary_ns(const struct pvtb_sched *s);
/* The @max threads that took most, most first; returns how many were stored. */
size_t pvtb_sched_top(const struct pvtb_sched *s, struct pvtb_sched_preemptor *out, size_t max);

#endif
