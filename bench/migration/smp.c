// SPDX-License-Identifier: GPL-2.0-only
/* More than one vCPU: their counters must agree afterwards as before. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario smp_offset = {
	.name = "smp_offset",
	.summary = "two vCPUs, counter by its offset",
	.method = PVTB_MIG_BY_OFFSET,
	.nr_vcpus = 2,
};
PVTB_MIGRATION_SCENARIO(smp_offset);

static const struct pvtb_migration_scenario smp_lpt = {
	.name = "smp_lpt",
	.summary = "two vCPUs, Live Physical Time",
	.method = PVTB_MIG_BY_LPT,
	.nr_vcpus = 2,
};
PVTB_MIGRATION_SCENARIO(smp_lpt);
