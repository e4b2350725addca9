/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks and their alignment: guest counter <-> host counter <-> CLOCK_MONOTONIC. Exact integer
 * arithmetic; every conversion has an uncertainty that is carried along.
 */
#ifndef PVTB_CLOCK_H
#define PVTB_CLOCK_H

#include "core/err.h"
#include "core/util.h"

/*
 * A counter shows whole ticks: reading c says that the time is in [c, c + 1). A clock shows whole
 * nanoseconds likewise. Tick c below means its first moment; what a reading's own width adds is
 * accounted for where readings are compared (in the fit, and in the join's causality check).
 */

/* One pairing: the counter was between c0 and c1 when the clock read ns. */
struct pvtb_clock_pair {
	u64 c0_ticks;
	u64 c1_ticks;
	u64 mono_ns;
};

/*
 * Line through the pairs: ns = ns0 + (c - c0) * num / den, in 128 bits. Differences of 64-bit
 * counters are taken modulo 2^64, so a counter or an offset that wraps changes nothing; a map
 * serves every tick and nanosecond less than 2^63 ticks and 2^63 ns away from its reference. Its
 * uncertainty is claimed for the time between the first and the last pair.
 */
struct pvtb_clock_map {
	u64 c0_ticks; /* reference point, host counter */
	u64 ns0;
	u64 num;	 /* nanoseconds ... */
	u64 den;	 /* ... per this many ticks, exact rational in lowest terms, both < 2^62 */
	s64 delta_ticks; /* guest counter - host counter, modulo 2^64 */
	u64 residual_ns; /* largest distance of a pair's middle from the line, rounded up */
	u64 unc_ns;	 /* residual + half bracket + uncertainty of delta + 1: what is claimed */
	double ppm;	 /* measured rate against the nominal one; NAN when that is unknown */
	unsigned int pairs;
};

/* Tightest of @tries pairs taken now on this CPU. */
void pvtb_clock_pair_now(unsigned int tries, struct pvtb_clock_pair *ret);
/*
 * Fit over @n >= 2 pairs spread over the run, in the order taken (n == 1: nominal rate
 * @nominal_hz, which is 0 when unknown). The slope is Theil's: the median of the slopes between
 * each pair and the one half a run later, so it is itself a ratio of two differences and nothing
 * is rounded; the height is the one that makes the largest residual smallest. -EINVAL: pairs that
 * do not advance, n == 0, no rate; -ERANGE: a run too long for the arithmetic (73 years).
 */
int pvtb_clock_fit(const struct pvtb_clock_pair *pairs, unsigned int n, u64 nominal_hz,
		   s64 delta_ticks, u64 delta_unc_ticks, struct pvtb_clock_map *ret,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* Guest counter -> CLOCK_MONOTONIC ns (rounded down) and back (smallest tick that maps there):
 * pvtb_clock_to_guest(pvtb_clock_to_ns(t)) == t for every t, whenever a tick is at least 1 ns;
 * otherwise the first of the ticks that share a nanosecond. */
u64 pvtb_clock_to_ns(const struct pvtb_clock_map *map, u64 guest_ticks);
u64 pvtb_clock_to_guest(const struct pvtb_clock_map *map, u64 mono_ns);
/* Length of a guest tick in ns, rounded up. */
u64 pvtb_clock_tick_ns(const struct pvtb_clock_map *map);

/* The same conversion for streams: remembers the last quotient and remainder, so that a step to
 * a tick nearby is one 64-bit division. The result is pvtb_clock_to_ns()'s, exactly. */
struct pvtb_clock_cursor {
	const struct pvtb_clock_map *map;
	u64 ticks; /* guest tick last converted */
	u64 ns;	   /* what it is */
	u64 rem;   /* and what was rounded off, in 1/den ns */
};
void pvtb_clock_cursor_init(struct pvtb_clock_cursor *cur, const struct pvtb_clock_map *map);
/* The long way, for any distance; use pvtb_clock_cursor_ns(). */
u64 pvtb_clock_cursor_seek(struct pvtb_clock_cursor *cur, u64 guest_ticks);

static inline u64 pvtb_clock_cursor_ns(struct pvtb_clock_cursor *cur, u64 guest_ticks)
{
	u64 step = guest_ticks - cur->ticks, sum;

	if ((s64)step < 0 || __builtin_mul_overflow(step, cur->map->num, &sum) ||
	    __builtin_add_overflow(sum, cur->rem, &sum))
		return pvtb_clock_cursor_seek(cur, guest_ticks);
	cur->ticks = guest_ticks;
	cur->ns += sum / cur->map->den;
	cur->rem = sum % cur->map->den;
	return cur->ns;
}

/* ticks -> picoseconds at the nominal frequency, to the nearest ps: for durations in reports.
 * UINT64_MAX when it does not fit (213 days and more) or @hz is 0. */
u64 pvtb_ticks_to_ps(u64 ticks, u64 hz);

#endif
