// SPDX-License-Identifier: GPL-2.0-only
/* The old way: the value is read and written, and what passes in between is lost. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario value = {
	.name = "value",
	.summary = "counter by value, in one process",
	.method = PVTB_MIG_BY_VALUE,
};
PVTB_MIGRATION_SCENARIO(value);

/* Linux before 6.7 takes the first value that is written within a second of the counter's beginning for a
 * late initialisation, and keeps what it was ("KVM: x86: Don't sync user-written TSC against startup
 * values"). */
static const struct pvtb_migration_scenario value_young = {
	.name = "value_young",
	.summary = "the same, of a guest younger than a second",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_VALUE,
	.young = true,
};
PVTB_MIGRATION_SCENARIO(value_young);

static const struct pvtb_migration_scenario value_1ms = {
	.name = "value_1ms",
	.summary = "the same, the VMM held up for 1 ms in between",
	.method = PVTB_MIG_BY_VALUE,
	.delay_us = 1000,
};
PVTB_MIGRATION_SCENARIO(value_1ms);

static const struct pvtb_migration_scenario value_10ms = {
	.name = "value_10ms",
	.summary = "the same, for 10 ms",
	.method = PVTB_MIG_BY_VALUE,
	.delay_us = 10000,
};
PVTB_MIGRATION_SCENARIO(value_10ms);
