// SPDX-License-Identifier: GPL-2.0-only
/* steal.moved: the vCPU is moved between two CPUs every few ms. */
#include "bench/steal/steal.h"
#include "load/mover.h"

/* Each move takes an emulator milliseconds. */
#define PERIOD_NS	   2000000ULL
#define PERIOD_NS_EMULATED 20000000ULL

struct moved {
	struct pvtb_mover *mover;
};

static u64 period_ns(const struct pvtb_run *run)
{
	return run->emulated ? PERIOD_NS_EMULATED : PERIOD_NS;
}

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->vcpu_cpu >= 0 && run->harness_cpu >= 0 && run->vcpu_cpu != run->harness_cpu)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "moving", "one CPU only");
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct moved *s = ctx->state;
	const struct pvtb_mover_spec spec = {
		.tid = ctx->tids[0],
		.nr_cpus = 2,
		.cpus = {ctx->cpu, ctx->other_cpu},
		.period_ns = period_ns(ctx->run),
	};

	return pvtb_mover_start(&spec, &s->mover, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct moved *s = ctx->state;
	int ret = pvtb_mover_stop(s->mover, NULL, err);

	s->mover = NULL;
	return ret;
}

static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	u64 meant = seen->wall_ns / period_ns(ctx->run);

	if (seen->migrations >= meant / 10)
		return 0;
	return pvtb_err_set(err, -ERANGE, "moving", "%llu migrations, %llu were meant",
			    (unsigned long long)seen->migrations, (unsigned long long)meant);
}

static const struct pvtb_steal_scenario moved = {
	.name = "moved",
	.summary = "moved to the other CPU every 2 ms (20 in an emulator)",
	.state_size = sizeof(struct moved),
	.needs = needs,
	.start = start,
	.stop = stop,
	.did = did,
};
PVTB_STEAL_SCENARIO(moved);
