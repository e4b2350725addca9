// SPDX-License-Identifier: GPL-2.0-only
/* Owns what the scenarios with hogs have in common. */
#include "bench/steal/hogs.h"

/* They end by themselves some time after the run, whatever becomes of the program. */
#define HOG_EXTRA_NS (30 * PVTB_NSEC_PER_SEC)

int steal_hogs_start(struct pvtb_steal_ctx *ctx, struct pvtb_hog_spec spec, struct pvtb_hogs **ret,
		     struct pvtb_err *err)
{
	if (spec.cpu >= 0)
		spec.cpu = ctx->cpu;
	spec.max_ns = ctx->run_ns + HOG_EXTRA_NS;
	return pvtb_hogs_start(&spec, ctx->run->guardian, ret, err);
}

int steal_hogs_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;
	int ret = pvtb_hogs_stop(s->hogs, err);

	s->hogs = NULL;
	return ret;
}
