/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside bench/steal: scenarios whose vCPU's group may use a part of a CPU's time only. */
#ifndef PVTB_BENCH_STEAL_QUOTA_H
#define PVTB_BENCH_STEAL_QUOTA_H

#include "bench/steal/groups.h"

#define STEAL_PERIOD_US 20000

/* The first member of such a scenario's state. */
struct steal_quota {
	struct steal_group group;
	struct pvtb_cgroup_throttled before, after;
};

int steal_quota_needs(const struct pvtb_run *run, struct pvtb_err *err);
/* vCPU 0's thread may run for @quota_us of each @period_us from now on. */
int steal_quota_start(struct pvtb_steal_ctx *ctx, u64 quota_us, u64 period_us,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
int steal_quota_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
/* The group's own count of how long it was throttled, by another clock than the witnesses'. */
u64 steal_quota_throttled_ns(const struct pvtb_steal_ctx *ctx);
/* -ERANGE when that is less than @share of the run. */
int steal_quota_did(const struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen,
		    double share, struct pvtb_err *err);

#endif
