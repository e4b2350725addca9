// SPDX-License-Identifier: GPL-2.0-only
/* steal.cpuset_away: the CPU the vCPU runs on is taken from its cpuset, every 100 ms. */
#include "bench/steal/groups.h"
#include "load/plan.h"

#define STEPS	 64
#define EVERY_NS 100000000ULL

struct away {
	struct steal_group group;
	struct pvtb_plan *plan;
	struct pvtb_plan_step steps[STEPS];
	unsigned int turn;
	u64 nr;
};

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->vcpu_cpu < 0 || run->harness_cpu < 0 || run->vcpu_cpu == run->harness_cpu)
		return pvtb_err_set(err, -EOPNOTSUPP, "cpuset", "one CPU only");
	return steal_group_possible(PVTB_CGROUP_CPUSET, err);
}

static int act(void *opaque, struct pvtb_err *err)
{
	struct pvtb_steal_ctx *ctx = opaque;
	struct away *s = ctx->state;
	char list[16];

	snprintf(list, sizeof(list), "%d", ++s->turn % 2 ? ctx->other_cpu : ctx->cpu);
	return pvtb_cgroup_set_cpus(s->group.group, list, err);
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct away *s = ctx->state;
	u64 nr = ctx->run_ns / EVERY_NS;
	int ret = steal_group_enter(ctx, PVTB_CGROUP_CPUSET, err);

	nr = nr > STEPS ? STEPS : nr;
	s->nr = nr;
	for (u64 i = 0; i < nr; i++)
		s->steps[i] = (struct pvtb_plan_step){
			.at_ns = i * (ctx->run_ns / nr),
			.name = "cpuset",
			.act = act,
			.opaque = ctx,
		};
	return ret ?: pvtb_plan_start(s->steps, nr, ctx->run_ns, &s->plan, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct away *s = ctx->state;
	int ret = pvtb_plan_end(&s->plan, err), r;

	r = steal_group_stop(ctx, ret ? NULL : err);
	return ret ?: r;
}

static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	const struct away *s = ctx->state;

	if (seen->migrations >= 2 && seen->migrations >= s->nr / 4)
		return 0;
	return pvtb_err_set(err, -ERANGE, "cpuset", "%llu migrations, %llu were meant",
			    (unsigned long long)seen->migrations, (unsigned long long)s->nr);
}

static const struct pvtb_steal_scenario cpuset_away = {
	.name = "cpuset_away",
	.summary = "its CPU taken away by the cpuset, again and again",
	.state_size = sizeof(struct away),
	.needs = needs,
	.start = start,
	.stop = stop,
	.did = did,
};
PVTB_STEAL_SCENARIO(cpuset_away);
