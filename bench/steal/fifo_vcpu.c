// SPDX-License-Identifier: GPL-2.0-only
/* steal.fifo_vcpu: the vCPU is a real-time thread; a hog beside it gets what the kernel keeps back. */
#include "bench/steal/hogs.h"
#include "load/task.h"

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	const struct pvtb_task_sched fifo = {.policy = PVTB_POLICY_FIFO, .priority = 10};
	struct steal_hogs *s = ctx->state;
	int ret = pvtb_task_sched_set(ctx->tids[0], &fifo, err);

	if (ret)
		return ret;
	return steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &s->hogs, err);
}

static const struct pvtb_steal_scenario fifo_vcpu = {
	.name = "fifo_vcpu",
	.summary =
		"a SCHED_FIFO vCPU beside a hog: it loses only what real-time threads may not have",
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.max_share = 0.25,
};
PVTB_STEAL_SCENARIO(fifo_vcpu);
