// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration: does the guest's time survive a move to another VM, by which method, how exactly? Owns
 * the list of scenarios (files of this directory) and the order of things in one of them.
 */
#include "bench/migration/engine.h"

#include <string.h>

#include "core/progress.h"

/* Timers are watched for no longer than that in a quick run. */
#define QUICK_MS   5000
#define STANDARD_S 20

extern const struct pvtb_migration_scenario *const __start_pvtb_migration_ptrs[]
	__attribute__((weak));
extern const struct pvtb_migration_scenario *const __stop_pvtb_migration_ptrs[]
	__attribute__((weak));

static struct pvtb_listed scenarios = PVTB_LISTED;

static const struct pvtb_migration_scenario *scenario_of(const void *item)
{
	return *(const struct pvtb_migration_scenario *const *)item;
}

static void describe(const void *item, struct pvtb_variant *ret)
{
	const struct pvtb_migration_scenario *s = scenario_of(item);

	*ret = (struct pvtb_variant){
		.name = s->name,
		.summary = s->summary,
		.archs = s->archs ?: PVTB_ARCH_ANY,
		.level = PVTB_LEVEL_USER,
		.law = PVTB_LAW_UNKNOWN,
		.provider = s->method == PVTB_MIG_BY_LPT ? "vmm" : "kvm",
	};
}

static const struct pvtb_variant *list_variants(size_t *ret_nr)
{
	size_t nr = (size_t)(__stop_pvtb_migration_ptrs - __start_pvtb_migration_ptrs);

	return pvtb_listed(&scenarios, __start_pvtb_migration_ptrs, nr,
			   sizeof(__start_pvtb_migration_ptrs[0]), PVTB_LISTED_BY_NAME, describe,
			   ret_nr);
}

const struct pvtb_migration_scenario *migration_find(const char *name)
{
	size_t nr;

	list_variants(&nr);
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(scenario_of(scenarios.of[i])->name, name))
			return scenario_of(scenarios.of[i]);
	return NULL;
}

int migration_needs(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
		    struct pvtb_err *err)
{
	if (sc->way == PVTB_MIGRATION_HOSTS && run->link_fd < 0)
		return pvtb_err_set(err, -EOPNOTSUPP, "migration",
				    "needs two hosts that are joined: -H lab:arm64+lab:arm64");
	if (sc->timers && sc->after_ms > QUICK_MS && run->profile->seconds < STANDARD_S)
		return pvtb_err_set(err, -EOPNOTSUPP, "migration",
				    "takes %u s more than the others: -p standard has it",
				    sc->after_ms / 1000);
	if (sc->counter_percent && !run->caps.tsc_control)
		return pvtb_err_set(
			err, -EOPNOTSUPP, "TSC scaling",
			"KVM_CAP_TSC_CONTROL is missing: this host cannot scale a guest's "
			"TSC");
	if (sc->timers && !run->caps.counter_offset)
		return pvtb_err_set(
			err, -EOPNOTSUPP, "counter offset",
			"without KVM_CAP_COUNTER_OFFSET (Linux 6.4) the two timers count "
			"differently");
	if (run->deterministic)
		return pvtb_err_set(err, -EOPNOTSUPP, "migration",
				    "with one CPU nobody can watch the guest while it runs");
	if (run->vcpu_cpu < 0)
		return pvtb_err_set(err, -EOPNOTSUPP, "migration",
				    "needs two CPUs: one to watch the guest from");
	if (!run->caps.hw_assisted && sc->method != PVTB_MIG_BY_LPT && !sc->kvmclock)
		return pvtb_err_set(err, -EOPNOTSUPP, "counter",
				    "backend %s runs the guest on the host's own: there is nothing "
				    "to carry over",
				    run->caps.backend);
	return 0;
}

static int run_one(const struct pvtb_migration_scenario *sc, struct pvtb_run *run,
		   struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct migration_measured *m = NULL;
	int ret = migration_needs(sc, run, err);

	if (!ret) {
		m = calloc(1, sizeof(*m));
		ret = m ? migration_measure(sc, run, m, err)
			: pvtb_err_sys(err, -ENOMEM, "migration");
	}
	if (!ret)
		ret = sc->timers ? migration_judge_timers(sc, run, m, v, err)
				 : migration_judge(sc, run, m, v, err);
	free(m);
	/* A host that the guest cannot go to and that says so: nothing is wrong, and nothing to measure. */
	return pvtb_variant_settle(v, ret == -EXDEV ? -EOPNOTSUPP : ret, err);
}

/* With a link only what uses it is run. */
static bool wanted(const struct pvtb_run *run, const struct pvtb_bench *bench,
		   const struct pvtb_migration_scenario *sc)
{
	if (run->link_fd >= 0 && sc->way != PVTB_MIGRATION_HOSTS)
		return false;
	return pvtb_run_wants(run, bench->name, sc->name);
}

static int migration_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b;
	size_t nr;
	const struct pvtb_variant *all = list_variants(&nr);
	int ret = 0;

	if (run->link_fd >= 0 && run->link_target)
		return migration_serve(run, err);
	b = pvtb_host_add_bench(run->host, bench->name, bench->summary);

	if (!b)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	for (size_t i = 0; !ret && i < nr; i++) {
		struct pvtb_variant_result *v;

		if (!(all[i].archs & run->arch) ||
		    !wanted(run, bench, scenario_of(scenarios.of[i])))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, all[i].name);
		v = pvtb_bench_add_variant(b, all[i].name, all[i].summary);
		if (!v || pvtb_result_set(&v->provider, all[i].provider))
			ret = pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
		else
			ret = run_one(scenario_of(scenarios.of[i]), run, v, err);
	}
	if (!ret && run->link_fd >= 0)
		ret = migration_dismiss(run, err);
	return ret;
}

/* The first pair is faster on the other side, the second slower; an emulated x86 CPU's counter is the
 * same everywhere. */
static const char *const lab_hosts[] = {"lab:arm64",
					"lab:x86_64",
					"lab:arm64,hz=62500000+lab:arm64,hz=100000000",
					"lab:arm64,hz=1000000000+lab:arm64,hz=62500000",
					"lab:x86_64+lab:x86_64",
					NULL};

static const struct pvtb_bench migration = {
	.name = "migration",
	.summary = "time across a migration: the guest's clocks before and after, by each method",
	.source = "KVM_ARM_SET_COUNTER_OFFSET, KVM_VCPU_TSC_OFFSET "
		  "(Documentation/virt/kvm/devices/vcpu.rst 4.1), KVM_SET_CLOCK, DEN 0057A (LPT)",
	.list = list_variants,
	.by_name_only = true,
	.linked = true,
	.labs = lab_hosts,
	.run = migration_run,
};
PVTB_BENCH(migration);
