// SPDX-License-Identifier: GPL-2.0-only
/* steal.alone: nobody is made to take anything. */
#include "bench/steal/steal.h"

static const struct pvtb_steal_scenario alone = {
	.name = "alone",
	.summary = "one vCPU, nothing done to it: what is left is the host's own",
};
PVTB_STEAL_SCENARIO(alone);
