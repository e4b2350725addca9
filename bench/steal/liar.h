/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside bench/steal: a VMM that keeps the guest's stolen time itself and does not tell the truth,
 * in one way at a time (bench/steal/mutants.c). The truth is the thread's run_delay.
 */
#ifndef PVTB_BENCH_STEAL_LIAR_H
#define PVTB_BENCH_STEAL_LIAR_H

#include <pthread.h>

#include "bench/steal/groups.h"

#define STEAL_LIAR_VCPUS 2

/* What a lie has to remember; used on the vCPU's own thread only, but for now_ns. */
struct steal_told {
	u64 visits, lies; /* and how many of them were lies */
	u64 start_ns;	  /* run_delay at the first visit, */
	u64 now_ns;	  /* at this one, */
	u64 last_ns;	  /* at the one before, */
	u64 before_ns;	  /* and before it last grew */
	u64 from_ns;	  /* where counting started over */
	u64 slept_ns;	  /* by steal_liar_sleep() */
	u64 throttled_ns; /* of its group */
	u64 left_out_ns;
	int cpu;
	bool fell;
	u64 high_since; /* visit at which the upper half should have changed */
};

/* The first member of the state of a scenario that lies. */
struct steal_liar {
	struct steal_group group; /* first: see groups.h */
	/* The group goes while the guest may still be running. */
	pthread_mutex_t group_lock;
	struct steal_told vcpus[STEAL_LIAR_VCPUS];
};

struct steal_lie {
	/* What vCPU @i is told instead of its run_delay; NULL: the truth */
	u64 (*value)(struct steal_liar *l, unsigned int i);
	/* How it gets into the structure; NULL: as the specification says */
	void (*write)(struct steal_told *t, u64 value_ns, void *structure);
	/* The same for x86, where it differs */
	void (*write_x86)(struct steal_told *t, u64 value_ns, void *structure);
};

extern const struct steal_lie steal_truth;
extern const struct steal_lie steal_lie_short, steal_lie_twice, steal_lie_backwards,
	steal_lie_stale, steal_lie_swapped, steal_lie_no_throttling, steal_lie_sleep,
	steal_lie_microseconds, steal_lie_torn, steal_lie_odd, steal_lie_restart;

/* Write into vCPU @i's @structure what @lie makes of @k_ns. */
void steal_liar_tell(struct pvtb_steal_ctx *ctx, const struct steal_lie *lie, unsigned int i,
		     u64 k_ns, void *structure);
/* On the vCPU's thread: the VMM waits for that long, as for a guest that halted. */
void steal_liar_sleep(struct steal_liar *l, unsigned int i, u64 ns);

#endif
