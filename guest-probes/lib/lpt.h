/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's reader of Live Physical Time (DEN 0057A; pvtb_lpt in abi/guest.h): the native counter
 * scaled to the frequency the guest was promised. At most 20 instructions more than the native
 * read on arm64.
 */
#ifndef PVTB_GUEST_LPT_H
#define PVTB_GUEST_LPT_H

#include "lib/op.h"

/* product >> fracbits without the compiler's library. At least one bit of a coefficient is integer
 * (DEN 0057A) and at most 63 are, so fracbits is 1..63; the mask only keeps C happy. */
static inline __attribute__((always_inline)) u64 pvtb_lpt_shift(u128 product, u32 fracbits)
{
	return (u64)(product >> 64) << (-fracbits & 63) | (u64)product >> (fracbits & 63);
}

/*
 * The sequence number is read before and after; when it moved, the structure was being rewritten
 * (a migration) and the reading may mix two hosts. Pairs with pvtb_lpt_publish() of the harness,
 * or with the host kernel's own writer. A number with bit 0 set is an update on its way: bit
 * 0 is reserved, and our writer keeps it set while it writes. The second read is made to depend on
 * the counter's value (arch_after), because a barrier between loads does not order a counter read.
 */
/* Whole, as a relaxed atomic load is; but gcc keeps the address of an atomic load in a register of its own,
 * and then others go to the stack in the loop of a batch, inside the measured window. */
#define PVTB_LOAD(p) (*(const volatile __typeof__(*(p)) *)(p))

struct pvtb_lpt_reading {
	u64 seq;
	u64 native;
	u64 mult;
	u32 fracbits;
};

/* One try: false when it may mix two versions. */
static inline __attribute__((always_inline)) int pvtb_lpt_try(const struct pvtb_lpt *lpt,
							      struct pvtb_lpt_reading *r)
{
	r->seq = PVTB_LOAD(&lpt->sequence_number);
	arch_load_barrier();
	r->mult = PVTB_LOAD(&lpt->scale_mult);
	r->fracbits = PVTB_LOAD(&lpt->fracbits);
	r->native = arch_counter();
	arch_load_barrier();
	return __atomic_load_n(arch_after(&lpt->sequence_number, r->native), __ATOMIC_RELAXED) ==
	       (r->seq & ~1ULL);
}

static inline __attribute__((always_inline)) u64 pvtb_lpt_read(const struct pvtb_lpt *lpt)
{
	struct pvtb_lpt_reading r;

	while (!pvtb_lpt_try(lpt, &r))
		;
	return pvtb_lpt_shift((u128)r.native * r.mult, r.fracbits);
}

#endif
