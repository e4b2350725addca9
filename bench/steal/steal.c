// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal: does the guest learn how much time it lost? Owns the list of scenarios (one file each in
 * this directory) and the order of things in one of them; bench/steal/steal.h says what they are.
 */
#include "bench/steal/detail.h"

#include <string.h>

#include "core/progress.h"
#include "load/child.h"
#include "load/wait.h"

/* Longer than the run itself: for making the VM, and for leaving it when starved. */
#define CHILD_EXTRA_MS 60000
#define LOOK_NS	       1000000ULL

extern const struct pvtb_steal_scenario *const __start_pvtb_steal_ptrs[] __attribute__((weak));
extern const struct pvtb_steal_scenario *const __stop_pvtb_steal_ptrs[] __attribute__((weak));

static struct pvtb_listed scenarios = PVTB_LISTED;

static const struct pvtb_steal_scenario *scenario_of(const void *item)
{
	return *(const struct pvtb_steal_scenario *const *)item;
}

struct pvtb_variant steal_variant_of(const struct pvtb_steal_scenario *sc, const char *provider)
{
	return (struct pvtb_variant){
		.name = sc->name,
		.summary = sc->summary,
		.archs = sc->archs ?: PVTB_ARCH_ANY,
		.level = PVTB_LEVEL_USER,
		.law = PVTB_LAW_UNKNOWN,
		.needs = sc->needs,
		.provider = provider,
	};
}

static void describe(const void *item, struct pvtb_variant *ret)
{
	*ret = steal_variant_of(scenario_of(item), "kvm");
}

static const struct pvtb_variant *list_variants(size_t *ret_nr)
{
	size_t nr = (size_t)(__stop_pvtb_steal_ptrs - __start_pvtb_steal_ptrs);

	return pvtb_listed(&scenarios, __start_pvtb_steal_ptrs, nr,
			   sizeof(__start_pvtb_steal_ptrs[0]), PVTB_LISTED_BY_NAME, describe,
			   ret_nr);
}

static int call_start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	return ctx->scenario->start ? ctx->scenario->start(ctx, err) : 0;
}

static int call_stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	return ctx->scenario->stop ? ctx->scenario->stop(ctx, err) : 0;
}

/* A session of its own: it wants to know which exits went to user space, which others should not
 * have to pay for. */
static int open_session(const struct pvtb_steal_ctx *ctx, struct pvtb_trace **ret,
			struct pvtb_err *err)
{
	const struct pvtb_trace_opts opts = {
		.max_threads = PVTB_STEAL_MAX_VCPUS,
		.exits = ctx->run->host->witnessed,
		.user_exits = ctx->run->host->witnessed,
	};

	return pvtb_trace_open(&opts, ret, err);
}

/* ---- a VM in a process of its own ---- */

static int wait_for(u32 *flag, u64 timeout_ms)
{
	u64 end_ns = pvtb_mono_ns() + timeout_ms * 1000000;

	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
		int ret = pvtb_load_wait_until(pvtb_mono_ns() + LOOK_NS, -1);

		if (ret)
			return ret;
		if (pvtb_mono_ns() > end_ns)
			return -ETIMEDOUT;
	}
	return 0;
}

/* In the child: its parent does what the scenario does. */
static int let_parent_start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_measured *m = ctx->state;
	int ret;

	__atomic_store_n(&m->ready, 1, __ATOMIC_RELEASE);
	ret = wait_for(&m->go, CHILD_EXTRA_MS);
	return ret ? pvtb_err_sys(err, ret, "steal") : 0;
}

static int child_main(void *opaque, void *shared)
{
	struct pvtb_steal_ctx ctx = *(struct pvtb_steal_ctx *)opaque;
	struct steal_measured *m = shared;
	struct steal_hooks hooks = {.start = let_parent_start, .forked = true};
	struct pvtb_trace *trace = NULL;

	ctx.state = m;
	m->ret = open_session(&ctx, &trace, &m->err);
	if (!m->ret)
		m->ret = steal_measure(&ctx, &hooks, trace, m, &m->err);
	/* The session is left to the end of the process, see on_thread_stop(). */
	__atomic_store_n(&m->ready, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&m->ended, 1, __ATOMIC_RELEASE);
	return 0;
}

static int with_child(struct pvtb_steal_ctx *ctx, struct pvtb_child *child,
		      struct steal_measured *m, struct pvtb_err *err)
{
	int ret = wait_for(&m->ready, CHILD_EXTRA_MS), status, r;

	if (ret)
		return pvtb_err_sys(err, ret, "steal");
	if (__atomic_load_n(&m->ended, __ATOMIC_ACQUIRE)) {
		*err = m->err; /* it did not come as far as that */
		return m->ret;
	}
	ctx->pid = pvtb_child_pid(child);
	for (unsigned int i = 0; i < ctx->nr_vcpus; i++)
		ctx->tids[i] = m->vcpus[i].tid;
	ret = call_start(ctx, err);
	__atomic_store_n(&m->go, 1, __ATOMIC_RELEASE);
	if (!ret)
		ret = wait_for(&m->ended, ctx->run_ns / 1000000 + CHILD_EXTRA_MS);
	r = call_stop(ctx, ret ? NULL : err);
	ret = ret ?: r;
	if (!ret)
		ret = pvtb_child_wait(child, CHILD_EXTRA_MS, &status, err);
	if (!ret && status)
		ret = pvtb_err_set(err, -EIO, "steal", "its process ended with %d", status);
	if (!ret && m->ret) {
		*err = m->err;
		ret = m->ret;
	}
	return ret;
}

static int measure_in_child(struct pvtb_steal_ctx *ctx, struct steal_measured *m,
			    struct pvtb_err *err)
{
	struct steal_measured *shared;
	struct pvtb_child *child;
	int ret = pvtb_child_start(ctx->run->guardian, child_main, ctx, sizeof(*m), &child, err);

	if (ret)
		return ret;
	shared = pvtb_child_shared(child);
	ret = with_child(ctx, child, shared, err);
	*m = *shared;
	pvtb_child_free(child);
	return ret;
}

/* One session serves all: opening it takes an emulator a second. */
static int measure_here(struct pvtb_steal_ctx *ctx, struct pvtb_trace **trace,
			struct steal_measured *m, struct pvtb_err *err)
{
	const struct steal_hooks hooks = {.start = call_start, .stop = call_stop};
	int ret = *trace ? 0 : open_session(ctx, trace, err);

	if (ret) {
		call_stop(ctx, NULL);
		return ret;
	}
	return steal_measure(ctx, &hooks, *trace, m, err);
}

/* ---- one scenario ---- */

static int run_scenario(struct pvtb_steal_ctx *ctx, struct pvtb_trace **trace,
			struct pvtb_variant_result *v, struct pvtb_err *err)
{
	const struct pvtb_steal_scenario *sc = ctx->scenario;
	struct steal_measured *m = calloc(1, sizeof(*m));
	int ret = m ? 0 : pvtb_err_sys(err, -ENOMEM, "steal");

	if (!ret && sc->setup)
		ret = sc->setup(ctx, err);
	if (!ret)
		ret = sc->child ? measure_in_child(ctx, m, err) : measure_here(ctx, trace, m, err);
	else if (m)
		call_stop(ctx, NULL);
	if (!ret)
		ret = sc->judge ? sc->judge(ctx, m, v, err) : steal_judge(ctx, m, v, err);
	for (unsigned int i = 0; m && i < ctx->nr_vcpus; i++)
		free(m->vcpus[i].visits);
	free(m);
	return ret;
}

/* An emulator's scenarios are shorter: the whole list is to end in the same time. */
static u64 run_ns(const struct pvtb_steal_scenario *sc, const struct pvtb_run *run)
{
	u64 ns = run->profile->seconds * PVTB_NSEC_PER_SEC;

	if (sc->run_ms)
		return sc->run_ms * 1000000ULL;
	if (run->deterministic)
		return ns / 10;
	return run->emulated ? ns * 2 / 3 : ns;
}

#define FACTS (PVTB_FACT_SWITCHES | PVTB_FACT_WAKEUPS | PVTB_FACT_SELF)

/* Where there is one CPU, nothing moves. */
static u32 needed_facts(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) > 1 ? FACTS | PVTB_FACT_MIGRATIONS : FACTS;
}

int steal_run_one(const struct pvtb_steal_scenario *sc, struct pvtb_run *run,
		  struct pvtb_trace **trace, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct pvtb_steal_ctx ctx = {
		.run = run,
		.scenario = sc,
		.nr_vcpus = sc->nr_vcpus ?: 1,
		.pid = getpid(),
		.run_ns = run_ns(sc, run),
	};
	void *state;
	int ret;

	ctx.cpu = run->vcpu_cpu >= 0 ? run->vcpu_cpu : 0;
	ctx.other_cpu = run->harness_cpu >= 0 ? run->harness_cpu : ctx.cpu;
	if (!run->caps.steal && !sc->provide)
		ret = pvtb_err_set(err, -EOPNOTSUPP, "stolen time", "KVM does not offer it");
	else if (!run->trace)
		ret = pvtb_err_set(err, -EOPNOTSUPP, "no witness on the host", "%s",
				   run->trace_why.why);
	else
		ret = pvtb_trace_need(run->trace, needed_facts(), err);
	if (!ret && sc->needs)
		ret = sc->needs(run, err);
	if (ret)
		return pvtb_variant_settle(v, ret, err);
	state = ctx.state = calloc(1, sc->state_size ? sc->state_size : 1);
	ret = state ? run_scenario(&ctx, trace, v, err) : pvtb_err_sys(err, -ENOMEM, "steal");
	free(state);
	return pvtb_variant_settle(v, ret, err);
}

static int steal_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	struct pvtb_trace *trace = NULL;
	size_t nr;
	const struct pvtb_variant *all = list_variants(&nr);
	int ret = 0;

	if (!b)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	for (size_t i = 0; !ret && i < nr; i++) {
		struct pvtb_variant_result *v;

		if (!(all[i].archs & run->arch) || !pvtb_run_wants(run, bench->name, all[i].name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, all[i].name);
		v = pvtb_bench_add_variant(b, all[i].name, all[i].summary);
		if (!v || pvtb_result_set(&v->provider, "kvm"))
			ret = pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
		else
			ret = steal_run_one(scenario_of(scenarios.of[i]), run, &trace, v, err);
	}
	pvtb_trace_close(trace);
	if (!ret && steal_sum_up(b))
		ret = pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	return ret;
}

static const struct pvtb_bench steal = {
	.name = "steal",
	.summary = "stolen time: is the guest told what it lost? One variant per way of losing it",
	.source = "DEN 0057A 3.2 (PV_TIME_ST), Documentation/virt/kvm/x86/msr.rst "
		  "(MSR_KVM_STEAL_TIME)",
	.list = list_variants,
	.by_name_only = true,
	.facts = FACTS,
	.run = steal_run,
};
PVTB_BENCH(steal);
