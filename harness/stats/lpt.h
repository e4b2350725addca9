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

/* to = (from * mult) >> fracbits: the coefficient of the rational to_hz / from_hz, as DEN 0057A has
 * it. Ratios of 1 and more: floor(log2(ratio)) + 1 integer bits, so that mult uses all 64; below 1:
 * one integer bit. The rest is fraction; mult is rounded down. -EINVAL when a frequency is 0. */
int pvtb_lpt_coefficient(u64 from_hz, u64 to_hz, u64 *ret_mult, u32 *ret_fracbits) PVTB_MUST_CHECK;
/* The 128-bit product, shifted; what does not fit 64 bits wraps, as the counter itself would. */
u64 pvtb_lpt_scale(u64 ticks, u64 mult, u32 fracbits);

/* Fill native_freq, pv_freq, scale_mult, rscale_mult, fracbits, rfracbits; the rest is left alone,
 * and so is all of it on failure. -EINVAL when a frequency is 0, -ERANGE when it does not fit the
 * structure's 32 bits of Hz. */
int pvtb_lpt_coefficients(u64 native_hz, u64 pv_hz, struct pvtb_lpt *lpt) PVTB_MUST_CHECK;

/*
 * Scaled values are never above the exact ones. With n ticks the coefficient's rounding costs less
 * than n * 2^-fracbits, the shift less than one tick: 0 <= exact - scaled < 1 + n * 2^-fracbits,
 * where exact is itself rounded down. Both are monotonic.
 */
u64 pvtb_lpt_to_pv(const struct pvtb_lpt *lpt, u64 native_ticks); /* (n * mult) >> fracbits */
u64 pvtb_lpt_to_native(const struct pvtb_lpt *lpt, u64 pv_ticks);
/* floor(native_ticks * pv_hz / native_hz), exact: what a perfect clock would show. Wraps at 64
 * bits. native_hz must not be 0. */
u64 pvtb_lpt_exact_pv(u64 native_hz, u64 pv_hz, u64 native_ticks);

/*
 * Writer side, as VMM: publish @next over @shared; its sequence_number is ignored, @shared's goes
 * up by 2. One writer at a time. Updates belong where no vCPU of the VM runs: then any reader that
 * was stopped in the middle sees another number and retries. Should one run all the same, bit 0
 * (reserved, 0 at rest) is set while the members change: a reader that retries on it too never
 * mixes two versions.
 */
void pvtb_lpt_publish(struct pvtb_lpt *shared, const struct pvtb_lpt *next);

#endif
