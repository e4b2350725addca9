// SPDX-License-Identifier: GPL-2.0-only
/* steal.shares: three vCPUs on one CPU, of different weight: swapped values would show. */
#include "bench/steal/steal.h"
#include "load/task.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	static const s32 nice[] = {0, 4, 8};
	int ret = 0;

	for (unsigned int i = 0; !ret && i < ctx->nr_vcpus; i++) {
		const struct pvtb_task_sched sched = {
			.policy = PVTB_POLICY_OTHER,
			.nice = nice[i],
		};

		ret = pvtb_task_sched_set(ctx->tids[i], &sched, err);
	}
	return ret;
}

static const struct pvtb_steal_scenario shares = {
	.name = "shares",
	.summary = "three vCPUs on one CPU at nice 0, 4 and 8: each loses its own share",
	.nr_vcpus = 3,
	.start = start,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.1,
};
PVTB_STEAL_SCENARIO(shares);
