// SPDX-License-Identifier: GPL-2.0-only
/* Owns: the op that never ends, as one whose loop counter a call has overwritten (bench/selftest.c). */
#include "lib/op.h"

PVTB_OP_ENTRY(endless, "endless")
{
	(void)ctl;
	for (;;)
		arch_relax();
}
