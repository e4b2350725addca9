// SPDX-License-Identifier: GPL-2.0-only
/* Owns: an op that costs more alone than in a batch. What bench/selftest.c breaks. */
#include "lib/op.h"

#define SPINS 4000

PVTB_OP(single_dearer, "single_dearer", u64 spins = ctl->mode == PVTB_MODE_SINGLE ? SPINS : 1, ({
		for (u64 n_ = spins; n_; n_--)
			__asm__ volatile("" : "+r"(n_));
	}))
