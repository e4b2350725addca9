/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A histogram of any 64-bit value in constant memory: exact below 32, above that bins no wider than
 * 1/16 of what they hold. For streams too long to keep; what is short is better kept and given to
 * stats.h.
 */
#ifndef PVTB_HIST_H
#define PVTB_HIST_H

#include "core/util.h"

#define PVTB_HIST_SUB  16u /* bins per power of two */
#define PVTB_HIST_BINS (2 * PVTB_HIST_SUB + (64 - 5) * PVTB_HIST_SUB)

struct pvtb_hist {
	u64 n;
	u64 min, max; /* exact; meaningless while n is 0 */
	u32 bins[PVTB_HIST_BINS];
};

void pvtb_hist_add(struct pvtb_hist *h, u64 value);
/* Add what @from holds to @to. */
void pvtb_hist_merge(struct pvtb_hist *to, const struct pvtb_hist *from);
/*
 * Nearest rank, @per_mille of 1000: the largest value of the bin it falls into, but no more than the
 * maximum, so that it is never too small and by at most 1/16 too large. 0 when nothing was added.
 */
u64 pvtb_hist_at(const struct pvtb_hist *h, unsigned int per_mille);

#endif
