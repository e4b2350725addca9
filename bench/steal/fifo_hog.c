// SPDX-License-Identifier: GPL-2.0-only
/* steal.fifo_hog: a real-time thread takes the CPU for half of every 20 ms. */
#include "bench/steal/hogs.h"
#include "load/task.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;
	const struct pvtb_hog_spec spec = {
		.sched = {.policy = PVTB_POLICY_FIFO, .priority = 10},
		.count = 1,
		.duty_percent = 50,
	};

	return steal_hogs_start(ctx, spec, &s->hogs, err);
}

static const struct pvtb_steal_scenario fifo_hog = {
	.name = "fifo_hog",
	.summary = "a SCHED_FIFO hog takes half of the CPU, in pieces of 10 ms",
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.10, /* of the 50 % in an emulated host that is late to wake it */
};
PVTB_STEAL_SCENARIO(fifo_hog);
