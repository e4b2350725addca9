// SPDX-License-Identifier: GPL-2.0-only
/* steal.quota_25: the vCPU may use 25 % of a CPU; throttled for the rest of each period. */
#include "bench/steal/quota.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	return steal_quota_start(ctx, STEAL_PERIOD_US / 4, STEAL_PERIOD_US, err);
}

static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	return steal_quota_did(ctx, seen, 0.25, err);
}

static const struct pvtb_steal_scenario quota_25 = {
	.name = "quota_25",
	.summary = "CFS quota of 25 % of a CPU: throttled for the rest of every 20 ms",
	.state_size = sizeof(struct steal_quota),
	.needs = steal_quota_needs,
	.start = start,
	.stop = steal_quota_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.50,
	.did = did,
};
PVTB_STEAL_SCENARIO(quota_25);
