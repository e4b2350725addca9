// SPDX-License-Identifier: GPL-2.0-only
/* x86: kvmclock, set with and without the moment it was read at. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario kvmclock = {
	.name = "kvmclock",
	.summary = "kvmclock without KVM_CLOCK_REALTIME",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
};
PVTB_MIGRATION_SCENARIO(kvmclock);

static const struct pvtb_migration_scenario kvmclock_10ms = {
	.name = "kvmclock_10ms",
	.summary = "the same, the VMM held up for 10 ms in between",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
	.delay_us = 10000,
};
PVTB_MIGRATION_SCENARIO(kvmclock_10ms);

static const struct pvtb_migration_scenario kvmclock_real = {
	.name = "kvmclock_real",
	.summary = "kvmclock with KVM_CLOCK_REALTIME",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
	.kvmclock_real = true,
};
PVTB_MIGRATION_SCENARIO(kvmclock_real);

static const struct pvtb_migration_scenario kvmclock_real_10ms = {
	.name = "kvmclock_real_10ms",
	.summary = "the same, the VMM held up for 10 ms in between",
	.archs = PVTB_ARCH_X86_64,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
	.kvmclock_real = true,
	.delay_us = 10000,
};
PVTB_MIGRATION_SCENARIO(kvmclock_real_10ms);
