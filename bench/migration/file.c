// SPDX-License-Identifier: GPL-2.0-only
/* Saved to a file, and restored after a pause. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario file_value = {
	.name = "file_value",
	.summary = "saved and restored after 0.3 s, counter by value",
	.method = PVTB_MIG_BY_VALUE,
	.way = PVTB_MIGRATION_FILE,
	.pause_ms = 300,
};
PVTB_MIGRATION_SCENARIO(file_value);

static const struct pvtb_migration_scenario file_offset = {
	.name = "file_offset",
	.summary = "saved and restored after 0.3 s, counter by its offset",
	.method = PVTB_MIG_BY_OFFSET,
	.way = PVTB_MIGRATION_FILE,
	.pause_ms = 300,
};
PVTB_MIGRATION_SCENARIO(file_offset);

static const struct pvtb_migration_scenario file_lpt = {
	.name = "file_lpt",
	.summary = "saved and restored after 0.3 s, Live Physical Time",
	.method = PVTB_MIG_BY_LPT,
	.way = PVTB_MIGRATION_FILE,
	.pause_ms = 300,
};
PVTB_MIGRATION_SCENARIO(file_lpt);
