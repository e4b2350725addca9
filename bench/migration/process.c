// SPDX-License-Identifier: GPL-2.0-only
/* From one process to another. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario process_value = {
	.name = "process_value",
	.summary = "between two processes, counter by value",
	.method = PVTB_MIG_BY_VALUE,
	.way = PVTB_MIGRATION_PROCESS,
};
PVTB_MIGRATION_SCENARIO(process_value);

static const struct pvtb_migration_scenario process_offset = {
	.name = "process_offset",
	.summary = "between two processes, counter by its offset",
	.method = PVTB_MIG_BY_OFFSET,
	.way = PVTB_MIGRATION_PROCESS,
};
PVTB_MIGRATION_SCENARIO(process_offset);

static const struct pvtb_migration_scenario process_lpt = {
	.name = "process_lpt",
	.summary = "between two processes, Live Physical Time",
	.method = PVTB_MIG_BY_LPT,
	.way = PVTB_MIGRATION_PROCESS,
};
PVTB_MIGRATION_SCENARIO(process_lpt);
