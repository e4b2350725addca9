// SPDX-License-Identifier: GPL-2.0-only
/* steal.sigstop: the process of the VM is stopped three times for an eighth of the run each. */
#include "bench/steal/steal.h"
#include "load/plan.h"
#include "load/stop.h"

#define STEPS 3

struct sigstop {
	struct pvtb_plan *plan;
	struct pvtb_plan_step steps[STEPS];
	unsigned int ms;
};

static int act(void *opaque, struct pvtb_err *err)
{
	struct pvtb_steal_ctx *ctx = opaque;
	struct sigstop *s = ctx->state;

	return pvtb_load_stop_process(ctx->pid, s->ms, ctx->run->guardian,
				      pvtb_plan_cancel_fd(s->plan), err);
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct sigstop *s = ctx->state;

	s->ms = (unsigned int)(ctx->run_ns / 8 / 1000000);
	for (unsigned int i = 0; i < STEPS; i++)
		s->steps[i] = (struct pvtb_plan_step){
			.at_ns = ctx->run_ns * (1 + 2 * i) / 8,
			.name = "SIGSTOP",
			.act = act,
			.opaque = ctx,
		};
	return pvtb_plan_start(s->steps, STEPS, ctx->run_ns, &s->plan, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct sigstop *s = ctx->state;

	return pvtb_plan_end(&s->plan, err);
}

static const struct pvtb_steal_scenario sigstop = {
	.name = "sigstop",
	.summary =
		"the VM's process stopped by SIGSTOP three times: not stolen, by the kernel's count",
	.child = true,
	.state_size = sizeof(struct sigstop),
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_CAUSE(PVTB_SCHED_STOPPED),
	.min_share = 0.15,
};
PVTB_STEAL_SCENARIO(sigstop);
