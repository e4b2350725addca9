// SPDX-License-Identifier: GPL-2.0-only
/* Owns what the scenarios with a CFS quota have in common. */
#include "bench/steal/quota.h"

int steal_quota_needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	return steal_group_possible(PVTB_CGROUP_CPU, err);
}

int steal_quota_start(struct pvtb_steal_ctx *ctx, u64 quota_us, u64 period_us, struct pvtb_err *err)
{
	struct steal_quota *q = ctx->state;
	int ret = steal_group_enter(ctx, PVTB_CGROUP_CPU, err);

	if (!ret)
		ret = pvtb_cgroup_throttled(q->group.group, &q->before, err);
	return ret ?: pvtb_cgroup_set_quota(q->group.group, quota_us, period_us, err);
}

int steal_quota_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_quota *q = ctx->state;

	if (q->group.group && pvtb_cgroup_throttled(q->group.group, &q->after, NULL))
		q->after = q->before;
	return steal_group_stop(ctx, err);
}

u64 steal_quota_throttled_ns(const struct pvtb_steal_ctx *ctx)
{
	const struct steal_quota *q = ctx->state;

	return q->after.throttled_ns - q->before.throttled_ns;
}

int steal_quota_did(const struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen,
		    double share, struct pvtb_err *err)
{
	u64 ns = steal_quota_throttled_ns(ctx);

	if ((double)ns >= share * (double)seen->wall_ns)
		return 0;
	return pvtb_err_set(err, -ERANGE, "quota", "cpu.stat counts %.3f s throttled of %.3f s",
			    (double)ns / 1e9, (double)seen->wall_ns / 1e9);
}
