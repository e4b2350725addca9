// SPDX-License-Identifier: GPL-2.0-only
/* steal.freezer: the vCPU is frozen three times for an eighth of the run each. */
#include "bench/steal/groups.h"
#include "load/plan.h"

#define STEPS 3

struct freezer {
	struct steal_group group;
	struct pvtb_plan *plan;
	struct pvtb_plan_step steps[2 * STEPS];
};

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	return steal_group_possible(PVTB_CGROUP_FREEZER, err);
}

static int freeze(void *opaque, struct pvtb_err *err)
{
	struct freezer *s = opaque;

	return pvtb_cgroup_freeze(s->group.group, err);
}

static int thaw(void *opaque, struct pvtb_err *err)
{
	struct freezer *s = opaque;

	return pvtb_cgroup_thaw(s->group.group, err);
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct freezer *s = ctx->state;
	int ret = steal_group_enter(ctx, PVTB_CGROUP_FREEZER, err);

	for (unsigned int i = 0; i < STEPS; i++) {
		s->steps[2 * i] = (struct pvtb_plan_step){
			.at_ns = ctx->run_ns * (1 + 2 * i) / 8,
			.name = "freeze",
			.act = freeze,
			.opaque = s,
		};
		s->steps[2 * i + 1] = (struct pvtb_plan_step){
			.at_ns = ctx->run_ns * (2 + 2 * i) / 8,
			.name = "thaw",
			.act = thaw,
			.opaque = s,
		};
	}
	return ret ?: pvtb_plan_start(s->steps, 2 * STEPS, ctx->run_ns, &s->plan, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct freezer *s = ctx->state;
	int ret = pvtb_plan_end(&s->plan, err), r;

	/* thaws, too */
	r = steal_group_stop(ctx, ret ? NULL : err);
	return ret ?: r;
}

static const struct pvtb_steal_scenario freezer = {
	.name = "freezer",
	.summary = "the vCPU's thread frozen three times: not stolen, by the kernel's count",
	.state_size = sizeof(struct freezer),
	.needs = needs,
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_CAUSE(PVTB_SCHED_FROZEN) | PVTB_STEAL_SLEEP,
	.min_share = 0.15,
};
PVTB_STEAL_SCENARIO(freezer);
