// SPDX-License-Identifier: GPL-2.0-only
/* From one host to another that is joined to it by a link. */
#include "bench/migration/migration.h"

static const struct pvtb_migration_scenario hosts_value = {
	.name = "hosts_value",
	.summary = "to another host, counter by value",
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_VALUE,
};
PVTB_MIGRATION_SCENARIO(hosts_value);

static const struct pvtb_migration_scenario hosts_offset = {
	.name = "hosts_offset",
	.summary = "to another host, counter by its offset and the time in between",
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_OFFSET,
};
PVTB_MIGRATION_SCENARIO(hosts_offset);

static const struct pvtb_migration_scenario hosts_lpt = {
	.name = "hosts_lpt",
	.summary = "to another host, Live Physical Time, watched for 10 s",
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_LPT,
	.after_ms = 10000,
};
PVTB_MIGRATION_SCENARIO(hosts_lpt);

static const struct pvtb_migration_scenario hosts_lpt_smp = {
	.name = "hosts_lpt_smp",
	.summary = "to another host, two vCPUs, Live Physical Time",
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_LPT,
	.nr_vcpus = 2,
};
PVTB_MIGRATION_SCENARIO(hosts_lpt_smp);

static const struct pvtb_migration_scenario hosts_lpt_back = {
	.name = "hosts_lpt_back",
	.summary = "to another host and back, Live Physical Time",
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_LPT,
	.back = true,
};
PVTB_MIGRATION_SCENARIO(hosts_lpt_back);
