// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal.quota_over: the vCPU may use 40 % of a CPU, and has to share it with a hog until it did: it is
 * preempted and throttled in turns.
 */
#include "bench/steal/hogs.h"
#include "bench/steal/quota.h"

/* Before EEVDF (6.6) a group that was throttled may run for some 6 ms before the hog does: longer. */
#define PERIOD_US 100000

struct quota_over {
	struct steal_quota quota;
	struct pvtb_hogs *hogs;
};

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	/* Of less weight than the group, so that the vCPU reaches its quota before the period ends. */
	const struct pvtb_hog_spec spec = {.count = 1, .sched.nice = 5};
	struct quota_over *s = ctx->state;
	int ret = steal_quota_start(ctx, PERIOD_US * 2 / 5, PERIOD_US, err);

	return ret ?: steal_hogs_start(ctx, spec, &s->hogs, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct quota_over *s = ctx->state;
	int ret = pvtb_hogs_stop(s->hogs, err), r;

	s->hogs = NULL;
	r = steal_quota_stop(ctx, ret ? NULL : err);
	return ret ?: r;
}

/* Both causes, by the state machine and by the group's own count. */
static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	if (!steal_quota_throttled_ns(ctx) || !seen->sum_ns[PVTB_SCHED_THROTTLED])
		return pvtb_err_set(err, -ERANGE, "quota", "it was never throttled");
	if (seen->sum_ns[PVTB_SCHED_PREEMPTED] < seen->wall_ns / 50)
		return pvtb_err_set(err, -ERANGE, "hog", "it was preempted for %.3f s of %.3f s",
				    (double)seen->sum_ns[PVTB_SCHED_PREEMPTED] / 1e9,
				    (double)seen->wall_ns / 1e9);
	return 0;
}

static const struct pvtb_steal_scenario quota_over = {
	.name = "quota_over",
	.summary = "CFS quota of 40 % of a CPU and a hog on top: throttled and preempted",
	.state_size = sizeof(struct quota_over),
	.needs = steal_quota_needs,
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.40,
	.did = did,
};
PVTB_STEAL_SCENARIO(quota_over);
