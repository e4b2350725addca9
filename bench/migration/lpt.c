// SPDX-License-Identifier: GPL-2.0-only
/* By Live Physical Time: the guest's own units are continued. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario lpt = {
	.name = "lpt",
	.summary = "Live Physical Time, in one process",
	.method = PVTB_MIG_BY_LPT,
};
PVTB_MIGRATION_SCENARIO(lpt);

static const struct pvtb_migration_scenario lpt_10ms = {
	.name = "lpt_10ms",
	.summary = "the same, the VMM held up for 10 ms before it sets the counter",
	.method = PVTB_MIG_BY_LPT,
	.delay_us = 10000,
};
PVTB_MIGRATION_SCENARIO(lpt_10ms);
