/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scenario of bench/migration is: how a guest gets from one VM to another, and by what its
 * time is carried over. It registers itself and becomes the variant migration.NAME; how it is
 * measured (measure.c, witness.c) and judged (judge.c) is the same for all.
 */
#ifndef PVTB_BENCH_MIGRATION_H
#define PVTB_BENCH_MIGRATION_H

#include "bench.h"
#include "migrate/migrate.h"

#define PVTB_MIGRATION_MAX_VCPUS 4

enum pvtb_migration_way {
	PVTB_MIGRATION_HERE,	/* both VMs in this process */
	PVTB_MIGRATION_PROCESS, /* the other one is a child's */
	PVTB_MIGRATION_FILE,	/* saved, and restored after a pause */
	PVTB_MIGRATION_HOSTS,	/* the other host is joined to this one by a link */
};

struct pvtb_migration_scenario {
	const char *name;
	const char *summary;
	enum pvtb_arch archs; /* 0: any */
	enum pvtb_migration_way way;
	enum pvtb_mig_method method;
	unsigned int nr_vcpus;	      /* 0: 1 */
	unsigned int times;	      /* migrations in a row; 0: 1 (only HERE) */
	u32 delay_us;		      /* of the VMM, between reading and writing the counter */
	unsigned int pause_ms;	      /* FILE: before it is restored */
	unsigned int after_ms;	      /* to be watched that long after the move; 0: as usual */
	bool back;		      /* HOSTS: and back again */
	bool young;		      /* by value: younger than a second, as by other methods */
	unsigned int counter_percent; /* x86: of the host's frequency, the guest's; 0: the same */
	bool lpt;		      /* the guest has LPT (always by that method) */
	bool kvmclock, kvmclock_real; /* x86 */
	const struct migration_timers *timers; /* arm64: it watches its timers, not its clocks */
	/* For the self-test: how the VMM is wrong; and what frequency the source says it has, as a part
	 * of its real one (0: the real one), so that one host is as good as two. */
	enum pvtb_mig_fault fault;
	unsigned int claim_percent;
};

/* What the two timers are armed for, in nanoseconds from then, in a cycle; ended by 0. */
struct migration_timers {
	u64 ahead_ns[2][12]; /* virtual, physical */
};

#define PVTB_MIGRATION_SCENARIO(s)                                                                 \
	static const struct pvtb_migration_scenario *const pvtb_migration_ptr_##s                  \
		__attribute__((used, section("pvtb_migration_ptrs"))) = &(s)

#endif
