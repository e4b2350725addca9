// SPDX-License-Identifier: GPL-2.0-only
/* By the distance from the host's counter, which no delay changes. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario offset = {
	.name = "offset",
	.summary = "counter by its offset, in one process",
	.method = PVTB_MIG_BY_OFFSET,
};
PVTB_MIGRATION_SCENARIO(offset);

static const struct pvtb_migration_scenario offset_1ms = {
	.name = "offset_1ms",
	.summary = "the same, the VMM held up for 1 ms in between",
	.method = PVTB_MIG_BY_OFFSET,
	.delay_us = 1000,
};
PVTB_MIGRATION_SCENARIO(offset_1ms);

static const struct pvtb_migration_scenario offset_10ms = {
	.name = "offset_10ms",
	.summary = "the same, for 10 ms",
	.method = PVTB_MIG_BY_OFFSET,
	.delay_us = 10000,
};
PVTB_MIGRATION_SCENARIO(offset_10ms);
