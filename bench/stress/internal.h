/* SPDX-License-Identifier: GPL-2.0-only */
/* The layers of the stress: drawing, judging, minimising, and the engine that runs vCPUs. */
#ifndef PVTB_STRESS_INTERNAL_H
#define PVTB_STRESS_INTERNAL_H

#include "bench/stress/stress.h"

/* ---- draw.c: the random stream of one vCPU ---- */

struct st_draw {
	u64 state;
	unsigned int vcpu;
	const struct st_op *const *ops;
	size_t nr_ops;
	u64 total_weight[2]; /* of kernel's operations, of user's */
	bool user;	     /* the level of what comes ... */
	unsigned int left;   /* ... for so many operations */
};
void st_draw_begin(struct st_draw *d, enum pvtb_arch arch, u64 seed, unsigned int vcpu);
/* Does the next one run at user level? Runs of some operations do. */
bool st_draw_user(struct st_draw *d);
/* The next operation; @cmd->vcpu is the stream's. */
void st_draw_next(struct st_draw *d, struct st_cmd *cmd);
/* Does the armed mutant answer this operation wrongly? A property of its arguments alone. */
bool st_mutant_hits(const struct st_armed *armed, enum pvtb_arch arch, const struct st_op *op,
		    const u64 *in);

/* ---- judge.c: the oracle ---- */

/*
 * Judge a batch, in its order: what holds for every operation, then its own judge. @ops[i] is step i's,
 * @faults[i] the exception that ended it. Returns how many were judged: all, or up to the first
 * violation, which is in *bad with index = @first + its place.
 */
struct st_batch {
	const struct st_op **ops;
	struct pvtb_step *steps;
	int *faults;
	size_t nr;
	bool user; /* all of them */
	u64 first;
	u64 real_before_ns, real_after_ns;
};
size_t st_judge(struct st_world *w, struct st_shadow *sh, const struct st_batch *b,
		const struct st_armed *armed, u64 *hits, struct st_violation *bad);

/* How many exits of each class a batch causes. */
enum { ST_CLASS_CALL, ST_CLASS_MSR, ST_CLASS_CPUID, ST_NR_CLASSES };
struct st_exit_counts {
	u64 must[ST_NR_CLASSES];
};
void st_exits_of(const struct st_batch *b, const char *backend, struct st_exit_counts *ret);
/* Conservation: what was seen against that. */
void st_judge_exits(const struct st_exit_counts *c, const u64 *seen, struct st_violation *bad);

/* ---- minimise.c ---- */

/*
 * Delta debugging: the fewest of @nr items of which @test still says true, in their order. keep[] is
 * true for all at first, and for those in the end. @test is given such an array; it may say false for
 * what would have been true (a race that was not hit): then the result is longer, never wrong. Stops
 * early when @test returns a negative value, and returns it.
 */
int st_minimise(bool *keep, size_t nr, int (*test)(void *ctx, const bool *keep), void *ctx);

/* ---- engine.c ---- */

/* A given stream and what the host does have to meet: tried over and over for that long. */
#define ST_MEET_SECONDS 2

/* One run of the engine: random streams, or given ones, until a limit or a violation. */
struct st_plan {
	const struct st_opts *opts;
	struct pvtb_trace *trace; /* NULL: exits are not counted */
	u32 actions;
	unsigned int vcpus;
	const struct st_stream *stream; /* NULL: random */
	bool variant;			/* for a given stream */
	u64 seconds;			/* a given stream: over and over, for that long; 0: once */
	u64 ops;			/* random ones only */
	bool latencies;			/* keep them (given ones: no) */
};
/* What a violation needs to be followed up: where its vCPUs' streams were when their VM was made. */
struct st_origin {
	struct st_draw draw[PVTB_MAX_VCPUS];
	u64 done[PVTB_MAX_VCPUS]; /* operations since then */
};
int st_engine(const struct st_plan *plan, struct st_result *ret, struct st_origin *origin,
	      struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
