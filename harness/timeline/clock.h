/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks and their alignment: guest counter <-> host counter <-> CLOCK_MONOTONIC. Exact integer
 * arithmetic; every conversion has an uncertainty that is carried along.
 */
#ifndef PVTB_CLOCK_H
#define PVTB_CLOCK_H

#include "core/err.h"
#include "core/util.h"

/* One pairing: the counter was between c0 and c1 when the clock read ns. */
struct pvtb_clock_pair {
	u64 c0_ticks;
	u64 c1_ticks;
	u64 mono_ns;
};

/* Line through the pairs: ns = ns0 + (c - c0) * num / den, in 128 bits. */
struct pvtb_clock_map {
	u64 c0_ticks;	 /* reference point, host counter */
	u64 ns0;
	u64 num;	 /* nanoseconds ... */
	u64 den;	 /* ... per this many ticks, exact rational */
	s64 delta_ticks; /* guest counter - host counter */
	u64 residual_ns; /* largest distance of a pair from the line */
	u64 unc_ns;	 /* residual + half bracket + uncertainty of delta: what is claimed */
	double ppm;	 /* measured rate against the nominal one */
	unsigned int pairs;
};

/* Tightest of @tries pairs taken now on this CPU. */
void pvtb_clock_pair_now(unsigned int tries, struct pvtb_clock_pair *ret);
/* Fit over @n >= 2 pairs spread over the run (n == 1: nominal rate @nominal_hz). */
int pvtb_clock_fit(const struct pvtb_clock_pair *pairs, unsigned int n, u64 nominal_hz,
		   s64 delta_ticks, u64 delta_unc_ticks, struct pvtb_clock_map *ret,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* Guest counter -> CLOCK_MONOTONIC ns (rounded down) and back (smallest tick that maps there):
 * pvtb_clock_to_guest(pvtb_clock_to_ns(t)) == t for every t, whenever a tick is at least 1 ns;
 * otherwise within the ticks that share a nanosecond. */
u64 pvtb_clock_to_ns(const struct pvtb_clock_map *map, u64 guest_ticks);
u64 pvtb_clock_to_guest(const struct pvtb_clock_map *map, u64 mono_ns);
/* ticks -> picoseconds, exact to 1 ps, nominal frequency: for durations in reports. */
u64 pvtb_ticks_to_ps(u64 ticks, u64 hz);

#endif
