/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's reader of Live Physical Time (DEN 0057A; pvtb_lpt in abi/guest.h): the native counter
 * scaled to the frequency the guest was promised. At most 20 instructions more than the native
 * read on arm64.
 */
#ifndef PVTB_GUEST_LPT_H
#define PVTB_GUEST_LPT_H

#include "lib/op.h"

/* product >> fracbits, for fracbits of 0..127, without the compiler's library. A fraction of 64 bits
 * and more belongs to a scale below one half, when it is given in all 64 bits. */
static inline __attribute__((always_inline)) u64 pvtb_lpt_shift(u128 product, u32 fracbits)
{
	u64 high = (u64)(product >> 64);
	u64 low = (u64)product;

	if (__builtin_expect(fracbits & 64, 0))
		return high >> (fracbits & 63);
	return (high << 1) << (63 - fracbits % 64) | low >> fracbits % 64;
}

/*
 * The sequence number is read before and after; when it moved, the structure was being rewritten
 * (a migration) and the reading may mix two hosts. Pairs with pvtb_lpt_publish() of the harness,
 * or with the host kernel's own writer. The second read is made to depend on the counter's value
 * (arch_after), because a barrier between loads does not order a counter read.
 */
static inline __attribute__((always_inline)) u64 pvtb_lpt_read(const struct pvtb_lpt *lpt)
{
	u64 seq;
	u64 native;
	u64 mult;
	u32 fracbits;

	do {
		seq = __atomic_load_n(&lpt->sequence_number, __ATOMIC_RELAXED);
		arch_load_barrier();
		mult = __atomic_load_n(&lpt->scale_mult, __ATOMIC_RELAXED);
		fracbits = __atomic_load_n(&lpt->fracbits, __ATOMIC_RELAXED);
		native = arch_counter();
		arch_load_barrier();
	} while (__atomic_load_n(arch_after(&lpt->sequence_number, native), __ATOMIC_RELAXED) !=
		 seq);
	return pvtb_lpt_shift((u128)native * mult, fracbits);
}

#endif
