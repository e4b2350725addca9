// SPDX-License-Identifier: GPL-2.0-only
/* Owns the Live Physical Time arithmetic and the publishing of its structure. Integers only. */
#include "stats/lpt.h"

int pvtb_lpt_coefficient(u64 from_hz, u64 to_hz, u64 *ret_mult, u32 *ret_fracbits)
{
	u32 int_bits = 1;
	u32 fracbits;

	if (!from_hz || !to_hz)
		return -EINVAL;
	/* A ratio below 1 keeps the one integer bit: its quotient is 0, which has no logarithm. */
	if (to_hz >= from_hz)
		int_bits = 64 - (u32)__builtin_clzll(to_hz / from_hz);
	fracbits = 64 - int_bits;
	/* to_hz < 2^64 and fracbits <= 63: the dividend fits. to_hz / from_hz < 2^int_bits (and
	 * at most 1 with one integer bit): the quotient fits 64 bits. */
	*ret_mult = (u64)(((u128)to_hz << fracbits) / from_hz);
	*ret_fracbits = fracbits;
	return 0;
}

u64 pvtb_lpt_scale(u64 ticks, u64 mult, u32 fracbits)
{
	return (u64)(((u128)ticks * mult) >> fracbits);
}

int pvtb_lpt_coefficients(u64 native_hz, u64 pv_hz, struct pvtb_lpt *lpt)
{
	u64 mult, rmult;
	u32 fracbits, rfracbits;
	int err;

	err = pvtb_lpt_coefficient(native_hz, pv_hz, &mult, &fracbits);
	if (err)
		return err;
	err = pvtb_lpt_coefficient(pv_hz, native_hz, &rmult, &rfracbits);
	if (err)
		return err;
	if (native_hz > UINT32_MAX || pv_hz > UINT32_MAX)
		return -ERANGE;
	lpt->native_freq = (u32)native_hz;
	lpt->pv_freq = (u32)pv_hz;
	lpt->scale_mult = mult;
	lpt->rscale_mult = rmult;
	lpt->fracbits = fracbits;
	lpt->rfracbits = rfracbits;
	return 0;
}

u64 pvtb_lpt_to_pv(const struct pvtb_lpt *lpt, u64 native_ticks)
{
	return pvtb_lpt_scale(native_ticks, lpt->scale_mult, lpt->fracbits);
}

u64 pvtb_lpt_to_native(const struct pvtb_lpt *lpt, u64 pv_ticks)
{
	return pvtb_lpt_scale(pv_ticks, lpt->rscale_mult, lpt->rfracbits);
}

u64 pvtb_lpt_exact_pv(u64 native_hz, u64 pv_hz, u64 native_ticks)
{
	return (u64)((u128)native_ticks * pv_hz / native_hz);
}

void pvtb_lpt_publish(struct pvtb_lpt *shared, const struct pvtb_lpt *next)
{
	u64 seq = __atomic_load_n(&shared->sequence_number, __ATOMIC_RELAXED) & ~1ULL;

	__atomic_store_n(&shared->sequence_number, seq | 1, __ATOMIC_RELAXED);
	/* Partner: the reader's load barrier between its members and its second look at the
	 * number. Whoever sees a new member sees the odd number, or the one after it. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&shared->revision, next->revision, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->attributes, next->attributes, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->native_freq, next->native_freq, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->pv_freq, next->pv_freq, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->scale_mult, next->scale_mult, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->rscale_mult, next->rscale_mult, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->fracbits, next->fracbits, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->rfracbits, next->rfracbits, __ATOMIC_RELAXED);
	/* Partner: the reader's load barrier after its first look at the number. */
	__atomic_store_n(&shared->sequence_number, seq + 2, __ATOMIC_RELEASE);
}
