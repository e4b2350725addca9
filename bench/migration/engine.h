/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside bench/migration: the hand-over between measuring and judging. */
#ifndef PVTB_BENCH_MIGRATION_ENGINE_H
#define PVTB_BENCH_MIGRATION_ENGINE_H

#include "bench/migration/guest.h"
#include "bench/migration/migration.h"

#define MIGRATION_RING_BYTES (2ULL << 20)
#define MIGRATION_SAMPLES    (MIGRATION_RING_BYTES / sizeof(struct pvtb_time_sample))

/* Guest counter - host counter of a vCPU in one phase (migration_host_ticks()), as seen from outside: the
 * guest read it after a word of ours that was older, and before we saw what it wrote. */
struct migration_bounds {
	s64 low, high;
	u64 seen; /* observations behind them */
};

/* What the guest did on one host. */
struct migration_phase {
	struct pvtb_mig_instant begin, end;
	u64 host_hz, guest_hz; /* of the counters; apart where KVM scales */
	struct migration_bounds bounds[PVTB_MIGRATION_MAX_VCPUS];
	u64 first[PVTB_MIGRATION_MAX_VCPUS]; /* sample */
	u64 behind[PVTB_MIGRATION_MAX_VCPUS];
};

struct migration_measured {
	int ret;
	struct pvtb_err err;
	unsigned int nr_vcpus;
	u64 counter_hz; /* of the guest's counter, as it was told */
	u64 lpt_pv_hz;
	u64 target_hz; /* of the host it is on in the end */
	/* away: a round trip's stay on the other host, in that host's time */
	struct migration_phase before, away, after;
	struct pvtb_mig_sync
		sync[2]; /* HOSTS: the target with the source, before and after it all */
	struct pvtb_mig_sent sent;
	struct pvtb_mig_received received; /* of the last one, where there were several */
	unsigned int times;
	double predicted_ns, predicted_unc_ns; /* of all of them */
	u64 blackout_ns, longest_blackout_ns;
	u64 lpt_left;		 /* LPT's sequence number when the guest left for the first time */
	struct pvtb_lpt lpt_end; /* its structure in the end */
	const char *found; /* by the judgement: what the VMM did wrong; NULL: nothing of a kind */
	struct pvtb_time_sample samples[PVTB_MIGRATION_MAX_VCPUS][MIGRATION_SAMPLES];
	u64 taken[PVTB_MIGRATION_MAX_VCPUS];
};

/* A scenario on its way. */
struct migration_ctx {
	const struct pvtb_migration_scenario *sc;
	struct pvtb_run *run;
	struct migration_measured *m;
	struct pvtb_vm *vm;
	int cpus[PVTB_MIGRATION_MAX_VCPUS];
};
void migration_ctx_init(struct migration_ctx *c, const struct pvtb_migration_scenario *sc,
			struct pvtb_run *run, struct migration_measured *m);
static inline bool migration_has_lpt(const struct pvtb_migration_scenario *sc)
{
	return sc->lpt || sc->method == PVTB_MIG_BY_LPT;
}

/* measure.c: a guest that has been watched for a phase; sent; the source's end of it (@first: the
 * samples it took are those of phase `before`); what the receiving side needs; watched again, ended, its
 * samples kept; and a move more in the sums. */
int migration_start(struct migration_ctx *c, struct pvtb_err *err) PVTB_MUST_CHECK;
int migration_send(struct migration_ctx *c, int fd, bool way_back,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
void migration_leave(struct migration_ctx *c, bool first);
void migration_receive_opts(const struct migration_ctx *c, struct pvtb_mig_receive_opts *ret);
int migration_finish(struct migration_ctx *c, struct pvtb_vm *vm,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
void migration_add_up(struct migration_measured *m, const struct pvtb_mig_received *r);

/* hosts.c: to the other end of run->link_fd, and what is done there for all scenarios, until the
 * source says that there are no more. */
int migration_to_host(struct migration_ctx *c, struct pvtb_err *err) PVTB_MUST_CHECK;
int migration_serve(struct pvtb_run *run, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The source's last word: it serves no more. */
int migration_dismiss(struct pvtb_run *run, struct pvtb_err *err) PVTB_MUST_CHECK;
/* migration.c: -EOPNOTSUPP with the reason where a scenario cannot be run. */
int migration_needs(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* By name; NULL: none. */
const struct pvtb_migration_scenario *migration_find(const char *name);

/* witness.c: watch the vCPUs of @vm, which run sample_time, for @ns, from outside. */
void migration_watch(struct pvtb_vm *vm, unsigned int nr_vcpus, u64 ns,
		     struct migration_phase *phase);
/* The host's counter since the phase began, in ticks of the guest's. */
u64 migration_host_ticks(const struct migration_phase *phase, u64 host_counter);
/* The upper bounds, once the samples are there. */
void migration_bound(struct migration_phase *phase, unsigned int vcpu,
		     const struct pvtb_time_sample *samples);

int migration_measure(const struct pvtb_migration_scenario *sc, struct pvtb_run *run,
		      struct migration_measured *m, struct pvtb_err *err) PVTB_MUST_CHECK;
/* timers.c: the same of a guest that watches its timers; what they are to do, in its own ticks. */
int migration_judge_timers(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
			   struct migration_measured *m, struct pvtb_variant_result *v,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
void migration_plan(const struct migration_timers *timers, u64 guest_hz,
		    struct pvtb_timer_plan *ret);
int migration_judge(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
		    struct migration_measured *m, struct pvtb_variant_result *v,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
