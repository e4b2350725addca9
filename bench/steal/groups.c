// SPDX-License-Identifier: GPL-2.0-only
/* Owns what the scenarios with a control group have in common. */
#include "bench/steal/groups.h"

int steal_group_possible(enum pvtb_cgroup_ctl ctl, struct pvtb_err *err)
{
	struct pvtb_cgroup_host host;
	int ret = pvtb_cgroup_probe(0, &host, err);

	if (!ret && !host.ctl[ctl].version)
		ret = pvtb_err_set(err, -EOPNOTSUPP, "control groups", "%s", host.ctl[ctl].why);
	return ret;
}

int steal_group_enter(struct pvtb_steal_ctx *ctx, enum pvtb_cgroup_ctl ctl, struct pvtb_err *err)
{
	struct steal_group *s = ctx->state;
	struct pvtb_guardian *g = ctx->run->guardian;
	struct pvtb_cgroup_host host;
	int ret = pvtb_cgroup_probe(0, &host, err);

	if (!ret)
		ret = pvtb_cgroup_domain_new(&host, PVTB_CGROUP_BIT(ctl), g, &s->domain, err);
	if (!ret)
		ret = pvtb_cgroup_new(s->domain, &s->group, err);
	if (!ret)
		ret = pvtb_cgroup_attach(s->group, ctx->tids[0], err);
	s->attached = !ret;
	return ret;
}

int steal_group_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_group *s = ctx->state;
	int ret = pvtb_cgroup_free(s->group, err);
	int r = pvtb_cgroup_domain_free(s->domain, ret ? NULL : err);

	*s = (struct steal_group){0};
	return ret ?: r;
}
