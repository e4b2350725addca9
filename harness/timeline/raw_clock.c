// SPDX-License-Identifier: GPL-2.0-only
/* Owns pairs of the host's counter and CLOCK_MONOTONIC_RAW, and the rate between two of them. */
#include "timeline/raw_clock.h"

#include "arch/counter.h"

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

void pvtb_raw_pair_now(unsigned int tries, struct pvtb_raw_pair *ret)
{
	struct pvtb_raw_pair best = {0};

	for (unsigned int i = 0; !i || i < tries; i++) {
		struct pvtb_raw_pair p;

		p.c0_ticks = pvtb_arch_counter();
		p.raw_ns = clock_ns(CLOCK_MONOTONIC_RAW);
		p.mono_ns = clock_ns(CLOCK_MONOTONIC);
		p.c1_ticks = pvtb_arch_counter();
		if (!i || p.c1_ticks - p.c0_ticks < best.c1_ticks - best.c0_ticks)
			best = p;
	}
	*ret = best;
}

int pvtb_raw_rate(const struct pvtb_raw_pair *from, const struct pvtb_raw_pair *to, u64 hz,
		  struct pvtb_raw_rate *ret, struct pvtb_err *err)
{
	u64 span_ns = to->raw_ns - from->raw_ns;
	/* twice the middles: nothing is rounded */
	u64 from2 = from->c0_ticks + from->c1_ticks, to2 = to->c0_ticks + to->c1_ticks;
	u64 width = to->c1_ticks - to->c0_ticks + from->c1_ticks - from->c0_ticks + 2;
	s128 is = (s128)(s64)(to2 - from2) * (s64)PVTB_NSEC_PER_SEC;
	s128 should = (s128)span_ns * (s64)hz * 2;
	double unc_ns;

	if (!hz || (s64)span_ns <= 0 || (s64)(to2 - from2) <= 0)
		return pvtb_err_set(err, -EINVAL, "clocks", "they do not advance");
	unc_ns = (double)width / 2 * 1e9 / (double)hz + 2;
	ret->span_ns = span_ns;
	ret->ppb = (double)(is - should) / (double)should * 1e9;
	ret->unc_ppb = unc_ns / (double)span_ns * 1e9;
	ret->mono_ppb =
		(double)(s64)(to->mono_ns - from->mono_ns - span_ns) / (double)span_ns * 1e9;
	/* both clocks lie inside the bracket: they are no further apart than it is wide */
	ret->mono_unc_ppb = 2 * unc_ns / (double)span_ns * 1e9;
	return 0;
}
