// SPDX-License-Identifier: GPL-2.0-only
/* steal.quota_25: the vCPU may use 25 % of a CPU; throttled for the rest of each period. */
#include "bench/steal/groups.h"

#define PERIOD_US 20000
#define QUOTA_US  5000

struct quota {
	struct steal_group group;
	struct pvtb_cgroup_throttled before, after;
};

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	return steal_group_possible(PVTB_CGROUP_CPU, err);
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct quota *q = ctx->state;
	int ret = steal_group_enter(ctx, PVTB_CGROUP_CPU, err);

	if (!ret)
		ret = pvtb_cgroup_throttled(q->group.group, &q->before, err);
	return ret ?: pvtb_cgroup_set_quota(q->group.group, QUOTA_US, PERIOD_US, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct quota *q = ctx->state;

	if (q->group.group && pvtb_cgroup_throttled(q->group.group, &q->after, NULL))
		q->after = q->before;
	return steal_group_stop(ctx, err);
}

/* The group's own count, by another clock than the witnesses'. */
static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	const struct quota *q = ctx->state;
	u64 ns = q->after.throttled_ns - q->before.throttled_ns;

	if ((double)ns >= 0.25 * (double)seen->wall_ns)
		return 0;
	return pvtb_err_set(err, -ERANGE, "quota", "cpu.stat counts %.3f s throttled of %.3f s",
			    (double)ns / 1e9, (double)seen->wall_ns / 1e9);
}

static const struct pvtb_steal_scenario quota_25 = {
	.name = "quota_25",
	.summary = "CFS quota of 25 % of a CPU: throttled for the rest of every 20 ms",
	.state_size = sizeof(struct quota),
	.needs = needs,
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.50,
	.did = did,
};
PVTB_STEAL_SCENARIO(quota_25);
