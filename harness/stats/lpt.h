/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live Physical Time arithmetic (DEN 0057A, KVM RFC 2020): coefficients and their errors. The
 * product the suite judges others by, so: integers only, 128 bits, no rounding unaccounted for.
 */
#ifndef PVTB_LPT_H
#define PVTB_LPT_H

#include "abi/guest.h"
#include "core/err.h"
#include "core/util.h"

/* Fill native_freq, pv_freq, scale_mult, rscale_mult, fracbits, rfracbits (all 64 bits of each
 * coefficient used); the rest is left alone. -EINVAL when a frequency is 0. */
int pvtb_lpt_coefficients(u32 native_hz, u32 pv_hz, struct pvtb_lpt *lpt) PVTB_MUST_CHECK;
u64 pvtb_lpt_to_pv(const struct pvtb_lpt *lpt, u64 native_ticks);   /* (n * mult) >> fracbits */
u64 pvtb_lpt_to_native(const struct pvtb_lpt *lpt, u64 pv_ticks);
/* floor(native_ticks * pv_hz / native_hz), exact: what a perfect clock would show. */
u64 pvtb_lpt_exact_pv(u32 native_hz, u32 pv_hz, u64 native_ticks);
/* Writer side, as VMM: publish @next over @shared so that a guest reader never mixes two
 * versions: sequence_number += 2 around release ordering. */
void pvtb_lpt_publish(struct pvtb_lpt *shared, const struct pvtb_lpt *next);

#endif
