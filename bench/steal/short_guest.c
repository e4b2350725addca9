// SPDX-License-Identifier: GPL-2.0-only
/* steal.short_guest: a guest that lives for 50 ms beside a hog: its first record is all there is. */
#include "bench/steal/hogs.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;
	const struct pvtb_hog_spec spec = {.count = 1};

	return steal_hogs_start(ctx, spec, &s->hogs, err);
}

static const struct pvtb_steal_scenario short_guest = {
	.name = "short_guest",
	.summary = "a guest of 50 ms beside a hog: the first record counts",
	.run_ms = 50,
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.1,
};
PVTB_STEAL_SCENARIO(short_guest);
