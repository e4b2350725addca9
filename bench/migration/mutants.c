// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_selftest: proves that what `migration` looks for can be found. The VMM that takes the guest
 * in is wrong in one way per variant; the run is sound when each is called by its name and the right
 * ones are not accused. Not part of a plain run: `pvtb run migration_selftest`.
 *
 * The guest is real and moves for real, the judgement is migration's own: only the target's VMM
 * differs. Where it takes two frequencies to be wrong, the source says that its counter has half of
 * its real one, in LPT's structure and in the stream: the guest's time runs twice as fast for that, and
 * what is judged is its timers, in its own time.
 */
#include "bench/migration/engine.h"

#include <math.h>
#include <string.h>

/* In an emulated host that is busy the guest may hardly run. */
#define TRIES 3

struct mutant {
	struct pvtb_migration_scenario sc;
	const char *called; /* NULL: nothing is wrong */
};

#define FAR_NS (1000 * 1000000000ULL)
static const struct migration_timers far_and_near = {{{FAR_NS}, {2000000, 50000000, 700000000}}};

#define LPT .method = PVTB_MIG_BY_LPT
#define TIMERS                                                                                     \
	.archs = PVTB_ARCH_ARM64, LPT, .timers = &far_and_near, .claim_percent = 50, .after_ms = 900
#define X86   .archs = PVTB_ARCH_X86_64, .method = PVTB_MIG_BY_OFFSET
#define CLOCK X86, .kvmclock = true, .kvmclock_real = true, .delay_us = 20000

static const struct mutant mutants[] = {
	{{"right_lpt", "nothing is wrong, Live Physical Time, two vCPUs", LPT, .nr_vcpus = 2},
	 NULL},
	{{"right_timers", "nothing is wrong, timers between two frequencies", TIMERS}, NULL},
	{{"right_smp", "nothing is wrong, two vCPUs' offsets", X86, .nr_vcpus = 2}, NULL},
	{{"right_kvmclock", "nothing is wrong, kvmclock with KVM_CLOCK_REALTIME", CLOCK}, NULL},
	{{"lpt_still", "LPT's structure is left as it came", LPT, .fault = PVTB_MIG_LPT_STILL},
	 "LPT's sequence number does not move"},
	{{"lpt_per_vcpu", "LPT's structure is updated by each vCPU", LPT, .nr_vcpus = 2,
	  .fault = PVTB_MIG_LPT_PER_VCPU},
	 "LPT is updated once per vCPU"},
	{{"timers_left", "timers are not rescaled", TIMERS, .fault = PVTB_MIG_TIMERS_LEFT},
	 "timers are left in the old frequency"},
	{{"timers_32_bits", "of what remains of a timer, 32 bits are kept", TIMERS,
	  .fault = PVTB_MIG_TIMERS_32_BITS},
	 "what remains of a timer is truncated to 32 bits"},
	{{"timers_twice", "timers are rescaled twice", TIMERS, .fault = PVTB_MIG_TIMERS_TWICE},
	 "timers are rescaled twice"},
	{{"one_vcpu", "the counter's offset is given to one vCPU of two", X86, .nr_vcpus = 2,
	  .fault = PVTB_MIG_ONE_VCPU},
	 "the counter's offset is one vCPU's only"},
	{{"kvmclock_as_it_was", "kvmclock is set without the time in between", CLOCK,
	  .fault = PVTB_MIG_CLOCK_AS_IT_WAS},
	 "kvmclock was set without the time in between"},
};

static int tell(const struct mutant *mu, const struct migration_measured *m,
		struct pvtb_variant_result *v)
{
	const char *found = m->found;
	bool named = found && mu->called && !strcmp(found, mu->called);
	bool right = named || (!found && !mu->called);
	const char *word = named	 ? "noticed"
			   : right	 ? "not accused"
			   : !mu->called ? "accused though right"
			   : found	 ? "misnamed"
					 : "not noticed";
	int ret = pvtb_variant_add_law(
		v, "named",
		mu->called ? "the fault is called by its name" : "a right VMM is not accused",
		right ? PVTB_OK : PVTB_FAIL, "%s: %s", word, found ?: "nothing is wrong");

	ret = ret
		      ?: pvtb_variant_add_metric(v, mu->sc.timers ? "expiries" : "samples",
						 PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
						 PVTB_NEITHER_IS_BETTER, (double)m->taken[0], NAN,
						 NAN, m->times);
	pvtb_variant_set_status(v, right ? PVTB_OK : PVTB_FAIL, "%s: %s", word,
				found ?: "nothing is wrong");
	return ret;
}

/* Judged into a result of its own, whose failed laws are what this is about. */
static int judge(const struct mutant *mu, struct pvtb_run *run, struct migration_measured *m,
		 struct pvtb_err *err)
{
	struct pvtb_result *r = pvtb_result_new("", "");
	struct pvtb_host_result *h = r ? pvtb_result_add_host(r, "") : NULL;
	struct pvtb_bench_result *b = h ? pvtb_host_add_bench(h, "", "") : NULL;
	struct pvtb_variant_result *v = b ? pvtb_bench_add_variant(b, "", "") : NULL;
	int ret = v ? 0 : pvtb_err_sys(err, -ENOMEM, "migration_selftest");

	if (!ret)
		ret = mu->sc.timers ? migration_judge_timers(&mu->sc, run, m, v, err)
				    : migration_judge(&mu->sc, run, m, v, err);
	pvtb_result_free(r);
	return ret;
}

static int run_mutant(const struct mutant *mu, struct pvtb_run *run, struct pvtb_variant_result *v,
		      struct pvtb_err *err)
{
	struct migration_measured *m = NULL;
	int ret = migration_needs(&mu->sc, run, err);

	for (unsigned int tries = 0; !ret && tries < TRIES; tries++) {
		free(m);
		m = calloc(1, sizeof(*m));
		ret = m ? migration_measure(&mu->sc, run, m, err)
			: pvtb_err_sys(err, -ENOMEM, "migration_selftest");
		ret = ret ?: judge(mu, run, m, err);
		/* Not seen enough of: tried again. What was seen counts. */
		if (ret == -ENODATA && tries + 1 < TRIES)
			ret = 0;
		else
			break;
	}
	if (!ret && tell(mu, m, v))
		ret = pvtb_err_sys(err, -ENOMEM, "migration_selftest");
	free(m);
	return ret;
}

static struct pvtb_listed listed = PVTB_LISTED;

static void describe(const void *item, struct pvtb_variant *ret)
{
	const struct pvtb_migration_scenario *sc = &((const struct mutant *)item)->sc;

	*ret = (struct pvtb_variant){
		.name = sc->name,
		.summary = sc->summary,
		.archs = sc->archs ?: PVTB_ARCH_ANY,
		.provider = "vmm",
	};
}

static const struct pvtb_variant *list(size_t *ret_nr)
{
	return pvtb_listed(&listed, mutants, PVTB_ARRAY_SIZE(mutants), sizeof(mutants[0]),
			   PVTB_LISTED_AS_GIVEN, describe, ret_nr);
}

static int measure(struct pvtb_run *run, size_t which, struct pvtb_variant_result *v,
		   struct pvtb_err *err)
{
	return run_mutant(&mutants[which], run, v, err);
}

static int run_all(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	return pvtb_variants_run(bench, run, measure, err);
}

static const char *const lab_hosts[] = {"lab:arm64", "lab:x86_64", NULL};

static const struct pvtb_bench migration_selftest = {
	.name = "migration_selftest",
	.summary = "proof that faults of a VMM that takes a guest in are found, by name",
	.source = "docs/migration.md",
	.list = list,
	.by_name_only = true,
	.labs = lab_hosts,
	.run = run_all,
};
PVTB_BENCH(migration_selftest);
