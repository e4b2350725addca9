/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's counter against CLOCK_MONOTONIC_RAW, which no NTP touches: for rates. (clock.h is about
 * CLOCK_MONOTONIC, which the eBPF stamps follow.)
 */
#ifndef PVTB_RAW_CLOCK_H
#define PVTB_RAW_CLOCK_H

#include "core/err.h"
#include "core/util.h"

/* The counter was between c0 and c1 when the clocks read so. */
struct pvtb_raw_pair {
	u64 c0_ticks, c1_ticks;
	u64 raw_ns;
	u64 mono_ns; /* CLOCK_MONOTONIC, in the same bracket */
};

struct pvtb_raw_rate {
	double ppb;	 /* the counter's rate, from @hz, by the raw clock */
	double unc_ppb;	 /* half brackets and whole nanoseconds of both ends */
	double mono_ppb; /* CLOCK_MONOTONIC's rate by the raw clock: what NTP does */
	double mono_unc_ppb;
	u64 span_ns;
};

/* Tightest of @tries pairs taken on this CPU now. */
void pvtb_raw_pair_now(unsigned int tries, struct pvtb_raw_pair *ret);
/* -EINVAL: they do not advance, or @hz is 0. */
int pvtb_raw_rate(const struct pvtb_raw_pair *from, const struct pvtb_raw_pair *to, u64 hz,
		  struct pvtb_raw_rate *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
