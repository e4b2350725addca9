// SPDX-License-Identifier: GPL-2.0-only
/* x86: a guest whose TSC has another frequency than the host's, as if it came from a slower machine. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario tsc_scaled = {
	.name = "tsc_scaled",
	.summary = "a TSC of 60 % of the host's frequency, scaled on both sides",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.counter_percent = 60,
};
PVTB_MIGRATION_SCENARIO(tsc_scaled);

static const struct pvtb_migration_scenario tsc_unscaled = {
	.name = "tsc_unscaled",
	.summary = "the same, the target leaves it at its own frequency",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.counter_percent = 60,
	.fault = PVTB_MIG_HOSTS_HZ,
};
PVTB_MIGRATION_SCENARIO(tsc_unscaled);
