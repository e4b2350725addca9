// SPDX-License-Identifier: GPL-2.0-only
/* Many times in a row: what one move leaves adds up. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario repeated_offset = {
	.name = "repeated_offset",
	.summary = "50 times in a row, counter by its offset",
	.method = PVTB_MIG_BY_OFFSET,
	.times = 50,
};
PVTB_MIGRATION_SCENARIO(repeated_offset);

static const struct pvtb_migration_scenario repeated_lpt = {
	.name = "repeated_lpt",
	.summary = "50 times in a row, Live Physical Time",
	.method = PVTB_MIG_BY_LPT,
	.times = 50,
};
PVTB_MIGRATION_SCENARIO(repeated_lpt);
