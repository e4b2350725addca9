/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest notes about its counter (op counter_watch): in the vCPU's scratch page, cleared by
 * the harness before, read by it after the command. */
#ifndef PVTB_GUEST_COUNTER_WATCH_H
#define PVTB_GUEST_COUNTER_WATCH_H

#include <stdint.h>

struct pvtb_counter_watch {
	uint64_t reads;
	uint64_t backward;     /* readings below the one before */
	uint64_t backward_max; /* ticks */
	uint64_t gap_max;      /* ticks between two readings */
};

#endif
