/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside bench/migration: the hand-over between measuring and judging. */
#ifndef PVTB_BENCH_MIGRATION_ENGINE_H
#define PVTB_BENCH_MIGRATION_ENGINE_H

#include "bench/migration/migration.h"

#define MIGRATION_RING_BYTES (2ULL << 20)
#define MIGRATION_SAMPLES    (MIGRATION_RING_BYTES / sizeof(struct pvtb_time_sample))

/* Guest counter - host counter of a vCPU in one phase, as seen from outside: the guest read it after
 * a word of ours that was older, and before we saw what it wrote. */
struct migration_bounds {
	s64 low, high;
	u64 seen; /* observations behind them */
};

/* What the guest did on one host. */
struct migration_phase {
	struct pvtb_mig_instant begin, end;
	struct migration_bounds bounds[PVTB_MIGRATION_MAX_VCPUS];
	u64 first[PVTB_MIGRATION_MAX_VCPUS]; /* sample */
	u64 behind[PVTB_MIGRATION_MAX_VCPUS];
};

struct migration_measured {
	int ret;
	struct pvtb_err err;
	unsigned int nr_vcpus;
	u64 counter_hz, lpt_pv_hz;
	struct migration_phase before, after;
	struct pvtb_mig_sent sent;
	struct pvtb_mig_received received; /* of the last one, where there were several */
	unsigned int times;
	double predicted_ns, predicted_unc_ns; /* of all of them */
	u64 blackout_ns, longest_blackout_ns;
	struct pvtb_time_sample samples[PVTB_MIGRATION_MAX_VCPUS][MIGRATION_SAMPLES];
	u64 taken[PVTB_MIGRATION_MAX_VCPUS];
};

/* witness.c: watch the vCPUs of @vm, which run sample_time, for @ns, from outside. */
struct migration_witness {
	struct pvtb_vm *vm;
	unsigned int nr_vcpus;
	struct migration_phase *phase;
};
void migration_watch(struct pvtb_vm *vm, unsigned int nr_vcpus, u64 ns,
		     struct migration_phase *phase);
/* The upper bounds, once the samples are there. */
void migration_bound(struct migration_phase *phase, unsigned int vcpu,
		     const struct pvtb_time_sample *samples);

int migration_measure(const struct pvtb_migration_scenario *sc, struct pvtb_run *run,
		      struct migration_measured *m, struct pvtb_err *err) PVTB_MUST_CHECK;
int migration_judge(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
		    struct migration_measured *m, struct pvtb_variant_result *v,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
