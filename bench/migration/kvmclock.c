// SPDX-License-Identifier: GPL-2.0-only
/* x86: kvmclock, set with and without the moment it was read at. KVM tells that moment by CLOCK_REALTIME: on
 * another host it is as right as that one is. */
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

static const struct pvtb_migration_scenario hosts_kvmclock = {
	.name = "hosts_kvmclock",
	.summary = "to another host, kvmclock with KVM_CLOCK_REALTIME, translated",
	.archs = PVTB_ARCH_X86_64,
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
	.kvmclock_real = true,
};
PVTB_MIGRATION_SCENARIO(hosts_kvmclock);

static const struct pvtb_migration_scenario hosts_kvmclock_as_set = {
	.name = "hosts_kvmclock_as_set",
	.summary = "the same by both hosts' CLOCK_REALTIME, however they are set",
	.archs = PVTB_ARCH_X86_64,
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_OFFSET,
	.kvmclock = true,
	.kvmclock_real = true,
	.fault = PVTB_MIG_CLOCK_AS_SET,
};
PVTB_MIGRATION_SCENARIO(hosts_kvmclock_as_set);
