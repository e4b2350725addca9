/* SPDX-License-Identifier: GPL-2.0-only */
/* Owns the arithmetic of carrying a counter over. Integers, 128 bits; knows no VM. */
#ifndef PVTB_MIGRATE_COUNTER_H
#define PVTB_MIGRATE_COUNTER_H

#include "core/err.h"
#include "core/util.h"

/* Ticks of @hz in @ns, to the nearest. */
u64 pvtb_mig_ticks(u64 ns, u64 hz);
/* The smallest native value that @mult, @fracbits scale to @pv or more, so that the guest's time is
 * not behind, and not ahead by more than one native tick. -ERANGE: there is none in 64 bits. */
int pvtb_mig_native_of(u64 pv, u64 mult, u32 fracbits, u64 *ret) PVTB_MUST_CHECK;

/* A counter that showed @old_now at @from_hz shows @new_now at @to_hz. @mask: what is kept of the ticks
 * that a timer had left; all of them, unless it is to be wrong. */
struct pvtb_mig_rescale {
	u64 old_now, from_hz, new_now, to_hz, mask;
};
/* A deadline of the old one for the new one: as far away in time, and never earlier. */
u64 pvtb_mig_deadline(const struct pvtb_mig_rescale *r, u64 cval);

#endif
