/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does the host's counter show the same on two CPUs? Two threads hand a word back and forth, each
 * stamping it: what was stamped later must not show less. Clocks made of the counter could not tell.
 */
#ifndef PVTB_CPU_OFFSET_H
#define PVTB_CPU_OFFSET_H

#include "core/err.h"
#include "core/util.h"

struct pvtb_cpu_offset {
	int cpu_a, cpu_b;
	/* b's counter - a's lies between these: no message arrives before it was sent. Where low > 0
	 * or high < 0, the counters differ. */
	s64 low_ticks, high_ticks;
	u64 warps; /* messages that arrived before they were sent */
	u64 rounds;
};

/* On threads of its own; the caller's CPU is left alone. */
int pvtb_cpu_offset(int cpu_a, int cpu_b, unsigned int rounds, struct pvtb_cpu_offset *ret,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
