// SPDX-License-Identifier: GPL-2.0-only
/* steal.deadline_hog: SCHED_DEADLINE threads, one per CPU, take 12 ms of every 20 ms. */
#include "bench/steal/hogs.h"
#include "load/task.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;
	const struct pvtb_hog_spec spec = {
		.sched = {.policy = PVTB_POLICY_DEADLINE,
			  .runtime_ns = 12000000,
			  .deadline_ns = 20000000,
			  .period_ns = 20000000},
		.cpu = -1,
	};

	return steal_hogs_start(ctx, spec, &s->hogs, err);
}

static const struct pvtb_steal_scenario deadline_hog = {
	.name = "deadline_hog",
	.summary = "SCHED_DEADLINE hogs, 12 ms of every 20 ms on each CPU",
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.08,
};
PVTB_STEAL_SCENARIO(deadline_hog);
