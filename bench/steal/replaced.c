// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal.replaced: half-way another thread goes on calling KVM_RUN for the vCPU, as a VMM may do. KVM
 * adds run_delay - last to what it told before, whoever's run_delay that is, so that the guest is told
 * the new thread's from then on, and sees its stolen time go backwards.
 */
#include "bench/steal/hogs.h"
#include "load/plan.h"

struct replaced {
	struct pvtb_hogs *hogs;
	struct pvtb_plan *plan;
	struct pvtb_plan_step step;
};

static int act(void *opaque, struct pvtb_err *err)
{
	struct pvtb_steal_ctx *ctx = opaque;

	(void)err;
	pvtb_vm_replace_thread(ctx->vm, 0);
	return 0;
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct replaced *s = ctx->state;
	int ret = steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &s->hogs, err);

	s->step = (struct pvtb_plan_step){
		.at_ns = ctx->run_ns / 2,
		.name = "another thread",
		.act = act,
		.opaque = ctx,
	};
	return ret ?: pvtb_plan_start(&s->step, 1, ctx->run_ns, &s->plan, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct replaced *s = ctx->state;
	int ret = pvtb_plan_end(&s->plan, err), r;

	r = pvtb_hogs_stop(s->hogs, ret ? NULL : err);
	s->hogs = NULL;
	return ret ?: r;
}

static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	(void)ctx;
	if (seen->threads == 2)
		return 0;
	return pvtb_err_set(err, -ERANGE, "another thread", "%llu threads ran the vCPU",
			    (unsigned long long)seen->threads);
}

static const struct pvtb_steal_scenario replaced = {
	.name = "replaced",
	.summary =
		"half-way another thread runs the vCPU, beside a hog: by KVM's formula the guest "
		"is told the new one's wait, and goes backwards",
	.state_size = sizeof(struct replaced),
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.25,
	.did = did,
};
PVTB_STEAL_SCENARIO(replaced);
