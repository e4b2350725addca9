/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a file bench/steal/SCENARIO.c is: one way in which a vCPU loses time. It registers itself and
 * becomes the variant steal.SCENARIO; how it is measured and judged is the same for all.
 *
 * A scenario is what the harness does to the vCPUs' threads, by harness/load, between two moments:
 *
 *	setup	there is no VM yet; what forks belongs here
 *	start	the vCPUs' threads are there (ctx->tids) and about to run the guest
 *	stop	the guest is being stopped; undoes what the two did, also when they failed half-way
 *
 * and what must then be seen of it: a scenario that did not do what it says is INVALID.
 */
#ifndef PVTB_BENCH_STEAL_STEAL_H
#define PVTB_BENCH_STEAL_STEAL_H

#include "bench.h"
#include "timeline/sched.h"

#define PVTB_STEAL_MAX_VCPUS 8

struct steal_measured; /* bench/steal/engine.h */

/* Causes as a set. */
#define PVTB_STEAL_CAUSE(c) (1U << (c))
#define PVTB_STEAL_INVOLUNTARY                                                                     \
	(PVTB_STEAL_CAUSE(PVTB_SCHED_PREEMPTED) | PVTB_STEAL_CAUSE(PVTB_SCHED_WOKEN) |             \
	 PVTB_STEAL_CAUSE(PVTB_SCHED_THROTTLED) | PVTB_STEAL_CAUSE(PVTB_SCHED_MOVED) |             \
	 PVTB_STEAL_CAUSE(PVTB_SCHED_QUEUED) | PVTB_STEAL_CAUSE(PVTB_SCHED_UNCLAIMED))
#define PVTB_STEAL_SLEEP                                                                           \
	(PVTB_STEAL_CAUSE(PVTB_SCHED_BLOCKED_HALT) | PVTB_STEAL_CAUSE(PVTB_SCHED_BLOCKED_KVM) |    \
	 PVTB_STEAL_CAUSE(PVTB_SCHED_BLOCKED_VMM))

/* One run of a scenario, as its hooks see it. */
struct pvtb_steal_ctx {
	struct pvtb_run *run;
	const struct pvtb_steal_scenario *scenario;
	void *state;   /* scenario->state_size bytes, zeroed */
	int cpu;       /* where the vCPUs run (pinned) */
	int other_cpu; /* where the harness runs; the same where there is only one */
	u64 run_ns;    /* how long the guest is going to run, from start on */
	unsigned int nr_vcpus;
	pid_t tids[PVTB_STEAL_MAX_VCPUS]; /* valid from start on */
	struct pvtb_vm *vm;		  /* likewise; NULL where it is a child's */
	pid_t pid;			  /* process of these threads: a child's, if asked for */
};

/* For did(): what B saw of vCPU 0. */
struct pvtb_steal_seen {
	u64 wall_ns;
	u64 sum_ns[PVTB_SCHED_CAUSES];
	u64 migrations;
	u64 threads; /* that ran the vCPU, one after the other */
};

struct pvtb_steal_scenario {
	const char *name;
	const char *summary;
	enum pvtb_arch archs;  /* 0: any */
	unsigned int nr_vcpus; /* 0: 1 */
	unsigned int run_ms;   /* 0: as long as the profile says */
	bool child;	       /* the VM lives in a process of its own, to be stopped as a whole */
	bool not_pinned;       /* the vCPUs' threads may run on both CPUs */
	/* vCPU 0 loses time before the guest asks for stolen time, 50 ms and more; where it does not, the
	 * check of where counting begins is INCONCLUSIVE. */
	bool lose_first;
	bool sleeps;	/* the guest, until a timer: arm64's own; x86 in HLT, which the VMM ends */
	const char *op; /* NULL: sample_steal */
	unsigned int sample_hz; /* 0: the engine's choice */
	size_t state_size;
	/* 0, or -EOPNOTSUPP with the reason (a SKIP) */
	int (*needs)(const struct pvtb_run *run, struct pvtb_err *err);
	int (*setup)(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
	int (*start)(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
	int (*stop)(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
	/* These causes together must be at least and at most that share of each vCPU's time. */
	u32 causes;
	double min_share, max_share; /* max 0: no upper bound */
	/* The same for what only the scenario knows; -ERANGE with the reason in err->why. */
	int (*did)(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen,
		   struct pvtb_err *err);
	/*
	 * Not NULL: KVM is not asked for stolen time, the scenario provides it. Called on the vCPU's
	 * thread before each KVM_RUN with the thread's run_delay as it is now, to write into the
	 * guest's structure what the guest shall be told: first_value + run_delay would be true. The
	 * guest has to leave for the VMM before each sample (op sample_steal_vmm): see
	 * struct steal_visit. Not for a VM in a child.
	 */
	void (*provide)(struct pvtb_steal_ctx *ctx, unsigned int vcpu, u64 k_ns, void *structure);
	u64 first_value;
	/* Instead of steal_judge(); may be NULL. */
	int (*judge)(struct pvtb_steal_ctx *ctx, struct steal_measured *m,
		     struct pvtb_variant_result *v, struct pvtb_err *err);
};

#define PVTB_STEAL_SCENARIO(s)                                                                     \
	static const struct pvtb_steal_scenario *const pvtb_steal_ptr_##s                          \
		__attribute__((used, section("pvtb_steal_ptrs"))) = &(s)

#endif
