/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside bench/steal: scenarios whose whole load is one set of hogs. */
#ifndef PVTB_BENCH_STEAL_HOGS_H
#define PVTB_BENCH_STEAL_HOGS_H

#include "bench/steal/steal.h"
#include "load/hog.h"

/* The state of such a scenario. */
struct steal_hogs {
	struct pvtb_hogs *hogs;
};

/* @spec with its CPU (unless -1) and its length filled in from @ctx. */
int steal_hogs_start(struct pvtb_steal_ctx *ctx, struct pvtb_hog_spec spec, struct pvtb_hogs **ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
/* For a scenario with struct steal_hogs. */
int steal_hogs_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);

#endif
