/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside bench/steal: scenarios that put the vCPU's thread into a control group of its own. */
#ifndef PVTB_BENCH_STEAL_GROUPS_H
#define PVTB_BENCH_STEAL_GROUPS_H

#include "bench/steal/steal.h"
#include "load/cgroup.h"

/* The first member of such a scenario's state. */
struct steal_group {
	struct pvtb_cgroup_domain *domain;
	struct pvtb_cgroup *group;
	bool attached;
};

/* A group with that controller, vCPU 0's thread inside. */
int steal_group_enter(struct pvtb_steal_ctx *ctx, enum pvtb_cgroup_ctl ctl,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
/* All of it undone; whatever was done. */
int steal_group_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
/* -EOPNOTSUPP with the reason where the host does not have that controller. */
int steal_group_possible(enum pvtb_cgroup_ctl ctl, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
