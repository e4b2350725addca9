// SPDX-License-Identifier: GPL-2.0-only
/* steal.overcommit_2: the vCPU shares its CPU with one hog as important as itself. */
#include "bench/steal/hogs.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;

	return steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &s->hogs, err);
}

static const struct pvtb_steal_scenario overcommit_2 = {
	.name = "overcommit_2",
	.summary = "2:1 on one CPU: the vCPU and one hog, so that it loses half of its time",
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.25,
};
PVTB_STEAL_SCENARIO(overcommit_2);
