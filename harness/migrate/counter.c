// SPDX-License-Identifier: GPL-2.0-only
/* Owns the arithmetic of carrying a counter over. */
#include "migrate/counter.h"

u64 pvtb_mig_ticks(u64 ns, u64 hz)
{
	return (u64)(((u128)ns * hz + PVTB_NSEC_PER_SEC / 2) / PVTB_NSEC_PER_SEC);
}

/* The smallest n with (n * mult) >> fracbits >= pv is ceil(pv << fracbits / mult). */
int pvtb_mig_native_of(u64 pv, u64 mult, u32 fracbits, u64 *ret)
{
	u128 want = (u128)pv << (fracbits & 63), n;

	if (!mult || fracbits > 63)
		return -ERANGE;
	n = (want + mult - 1) / mult;
	if (n > UINT64_MAX)
		return -ERANGE;
	*ret = (u64)n;
	return 0;
}

u64 pvtb_mig_deadline(const struct pvtb_mig_rescale *r, u64 cval)
{
	s64 left = (s64)(cval - r->old_now);
	u64 size = (left < 0 ? -(u64)left : (u64)left) & r->mask;
	/* Up: a timer may be late by a tick, and must not be early by one. */
	u128 scaled = ((u128)size * r->to_hz + (left < 0 ? 0 : r->from_hz - 1)) / r->from_hz;

	/* A deadline nobody lives to see stays one. */
	if (scaled > INT64_MAX)
		scaled = INT64_MAX;
	return left < 0 ? r->new_now - (u64)scaled : r->new_now + (u64)scaled;
}
