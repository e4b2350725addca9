/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stolen time of one vCPU, three witnesses joined: G what the guest reads, K the kernel's run_delay
 * that KVM copies at each entry, B the scheduler's state machine (timeline/sched.h). One pass over
 * both streams, memory independent of their length.
 *
 * KVM refreshes the guest's structure on the way into the guest and only after the thread was put
 * on a CPU (arm64 kvm_update_stolen_time(), x86 record_steal_time(): both by a request that
 * kvm_arch_vcpu_load() makes), so the truth is a staircase: a step at each RUN_DELAY record. A
 * sample is compared with the step it stands on, never with the sample's own time.
 *
 * Tolerances, and why they differ: G is a copy of K, so G - K must be 0. K follows the run queue's
 * clock and B the tracepoints' stamps, so K - B is bounded per time off the CPU, not zero.
 *
 * That clock is no fault of run_delay's, and a contract of its own: the kernel does not update it
 * between an event that wants the CPU and the switch it brings about (rq_clock_skip_update()). A
 * thread that is woken, or moved to another CPU, and preempts at once is therefore never charged for
 * its way to that CPU, however long that takes; one that is preempted so is charged from a little
 * before. CLOCK records say how far the clock fell behind in each wait, so that what K counts is
 * judged by the kernel's own clock ("counted"), and that clock by the stamps ("clock").
 */
#ifndef PVTB_STEAL_H
#define PVTB_STEAL_H

#include "abi/guest.h"
#include "timeline/clock.h"
#include "timeline/join.h"
#include "timeline/sched.h"

/* Where the guest's value starts from, which is contract and differs: */
enum pvtb_steal_start {
	/* x86: the first record adds the thread's run_delay since its birth (st.last_steal starts
	 * as 0): G = first_value + K */
	PVTB_STEAL_FROM_BIRTH,
	/* arm64: at PV_TIME_ST the structure is zeroed and run_delay noted (kvm_init_stolen_time()):
	 * G = K - K at the call */
	PVTB_STEAL_FROM_CALL,
	/* not known: the first sample is taken to be right, so a constant error cannot be seen */
	PVTB_STEAL_FROM_SAMPLE,
};

enum pvtb_steal_mark {
	PVTB_STEAL_AMBIGUOUS = 1, /* near the edge of a step: the nearer of its values was taken */
	PVTB_STEAL_BACKWARDS = 2, /* less than the sample before */
	PVTB_STEAL_STALE = 4,	  /* shows an earlier step's value */
};

/* One sample against the truth; all three values count from the guest's start. */
struct pvtb_steal_point {
	u64 index;
	u64 t_ns; /* CLOCK_MONOTONIC */
	s64 g_ns, k_ns, b_ns;
	s64 gk_ns, kb_ns; /* g - k, k - b */
	u64 age_ns;	  /* since the value could last have changed */
	u64 stale_ns;	  /* STALE: since it should have changed */
	u32 marks;
};
typedef int (*pvtb_steal_sink)(void *ctx, const struct pvtb_steal_point *p);

struct pvtb_steal_limits {
	u64 gk_ns;    /* |G - K| at any sample; 0 on a correct kernel */
	u64 event_ns; /* |K - B| of one time off the CPU, less what the queue's clock was behind */
	u64 clock_ns; /* so much may that clock be behind without having stood still */
	/* Between two moves in one wait that clock may have been behind by anything: an emulated CPU
	 * stands still while another one has its turn. Such waits are counted and not judged. */
	bool moves_unread;
	u64 run_ppm;	 /* both of them over the run, of what K counted ... */
	u64 run_from_ns; /* ... once that is so much */
};
#define PVTB_STEAL_LIMITS                                                                          \
	((struct pvtb_steal_limits){.gk_ns = 0,                                                    \
				    .event_ns = 20000,                                             \
				    .clock_ns = 20000,                                             \
				    .run_ppm = 5000,                                               \
				    .run_from_ns = PVTB_NSEC_PER_SEC})

struct pvtb_steal_input {
	const struct pvtb_clock_map *map;
	struct pvtb_sched_config sched; /* its sink gets B's intervals */
	struct pvtb_steal_limits limits;
	u64 start_ns, end_ns;	       /* the run, CLOCK_MONOTONIC */
	enum pvtb_sched_cause initial; /* see pvtb_sched_begin() */
	bool current_at_end;	       /* see pvtb_sched_end() */
	enum pvtb_steal_start from;
	u64 call_k_ns;	 /* FROM_CALL: run_delay when PV_TIME_ST was handled */
	u64 first_value; /* FROM_BIRTH: what was in the structure before, normally 0 */
	/* the guest's two reads of a sample are at most this far apart, undisturbed */
	u64 read_ns;
	/* host records known to be missing, but not where; where it is known, the source gives a
	 * record of kind NONE with how many in arg instead */
	u64 lost;
	/* t0 counter, t1 stolen ns; read in this order */
	pvtb_sample_source samples;
	void *samples_ctx;
	/* RUN_DELAY is where a step begins: t1_ns when, arg its value, and t0_ns, where it is not 0,
	 * when the guest was left for it (otherwise the exit before it counts) */
	pvtb_rec_source records;
	void *records_ctx;
	pvtb_steal_sink sink; /* may be NULL */
	void *sink_ctx;
};

enum pvtb_steal_verdict {
	PVTB_STEAL_HOLDS,
	PVTB_STEAL_BROKEN,
	PVTB_STEAL_INCONCLUSIVE,
};

/* What is wrong with a guest's value, by name. */
enum pvtb_steal_fault {
	PVTB_STEAL_FAULT_NONE,
	PVTB_STEAL_FAULT_UNREADABLE, /* never whole: PVTB_STEAL_UNREADABLE */
	PVTB_STEAL_FAULT_TORN,	     /* off by a multiple of 2^32 */
	PVTB_STEAL_FAULT_RESET,	     /* started over */
	PVTB_STEAL_FAULT_BACKWARDS,
	PVTB_STEAL_FAULT_STALE,	   /* shows the value of an entry before */
	PVTB_STEAL_FAULT_UNIT,	   /* a thousandth: microseconds */
	PVTB_STEAL_FAULT_TWICE,	   /* counted twice */
	PVTB_STEAL_FAULT_LEFT_OUT, /* a cause it was not told */
	PVTB_STEAL_FAULT_COUNTED,  /* a cause that is not stolen was told */
	PVTB_STEAL_FAULT_SHARE,	   /* too little or too much, all over */
	PVTB_STEAL_FAULT_OFFSET,   /* right but for a constant */
	PVTB_STEAL_FAULT_OTHER,
	PVTB_STEAL_FAULTS,
};
const char *pvtb_steal_fault_name(enum pvtb_steal_fault fault);

struct pvtb_steal_deviation {
	s64 max_ns; /* the one farthest from 0 */
	s64 final_ns;
	double ppm; /* |final| of what K counted in the same span; NAN when that is 0 */
};

/*
 * One row of the table of causes. span_ns is B's time between the first and the last compared
 * sample, told_ns what the guest's value grew for it. Growth between two samples belongs to what
 * happened between their steps; several causes there share it, involuntary ones first, in
 * proportion. Beyond what there was, it stays with the involuntary ones (more than all of it).
 */
struct pvtb_steal_row {
	u64 total_ns; /* B's, over the whole run */
	u64 span_ns;
	u64 told_ns;
	u64 alone_ns; /* of span_ns: where no other cause of its kind shared the growth */
};

struct pvtb_steal_result {
	u64 samples, compared, ambiguous, unmatched; /* unmatched: no step known for it */
	u64 unreadable;				     /* samples without a value */
	u64 steps, outs;
	u64 backwards, stale_samples;
	u64 stale_max_ns, age_max_ns;
	struct pvtb_steal_deviation gk, kb;
	s64 g_final_ns, k_final_ns, b_final_ns;
	u64 final_t_ns; /* when that was: the last compared sample */
	u64 events;	/* times off the CPU compared with K */
	s64 event_max_ns;
	/* K - B once what the queue's clock was behind is added to K */
	u64 events_beyond; /* beyond limits.event_ns */
	u64 events_unread; /* not judged: limits.moves_unread */
	s64 rest_max_ns, rest_ns;
	/* that clock: how often it stood still, and by how much it was behind then; and otherwise */
	u64 still_times, late_times; /* late: beyond limits.clock_ns */
	s64 still_max_ns, still_ns, late_max_ns, late_ns;
	/* The vCPU went on on another thread: KVM then shows that thread's run_delay, by the formula
	 * it always uses (x86 st.last_steal, arm64 steal.last_steal: value += run_delay - last, last
	 * = run_delay), so that the guest's value jumps, as a rule backwards. */
	u64 threads;
	s64 thread_jump_ns; /* of the guest's value, the last time */
	u64 k_backwards;    /* the kernel's counter decreased: never within one thread */
	s64 start_ns;	    /* run_delay the guest's value does not have: K - G at its start */
	bool start_assumed; /* that was taken from the first sample */
	struct pvtb_steal_row rows[PVTB_SCHED_CAUSES];
	u64 told_excess_ns; /* growth while nothing of the kind had happened */
	u64 order_errors;   /* samples whose counter went back */
	u64 causal_errors;  /* samples from a time the thread was not in the guest */
	u64 lost;
	enum pvtb_steal_verdict gk_law, kb_law, clock_law;
	enum pvtb_steal_fault fault;
	enum pvtb_sched_cause fault_cause; /* LEFT_OUT, COUNTED */
	char gk_verdict[256], kb_verdict[192], clock_verdict[192];
};

/* @sched is the state machine to use, for its preemptors and counts afterwards. -EBADMSG for
 * records that are none, -EINVAL for an input that cannot be checked, what a source or a sink
 * returned; broken laws are not errors. */
int pvtb_steal(const struct pvtb_steal_input *in, struct pvtb_sched *sched,
	       struct pvtb_steal_result *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* Over the vCPUs of one VM: the other one whose K is what vCPU @i was told, or -1. */
int pvtb_steal_swapped(const struct pvtb_steal_result *results, int n, int i);

#endif
