// SPDX-License-Identifier: GPL-2.0-only
/* steal.nice19: the vCPU is of no importance, beside a hog that has the usual one. */
#include "bench/steal/hogs.h"
#include "load/task.h"

#include <sys/resource.h>

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	const struct pvtb_task_sched nice = {.policy = PVTB_POLICY_OTHER, .nice = 19};
	struct steal_hogs *s = ctx->state;
	int ret = pvtb_task_sched_set(ctx->tids[0], &nice, err);

	if (ret)
		return ret;
	/* at 0, whatever this process was started with */
	return steal_hogs_start(ctx,
				(struct pvtb_hog_spec){
					.count = 1,
					.sched.nice = -getpriority(PRIO_PROCESS, 0),
				},
				&s->hogs, err);
}

static const struct pvtb_steal_scenario nice19 = {
	.name = "nice19",
	.summary = "the vCPU at nice +19, a hog at 0: nearly everything is lost",
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.75,
};
PVTB_STEAL_SCENARIO(nice19);
