// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal_selftest: proves that what bench/steal finds can be found. A VMM keeps the guest's stolen time
 * itself and lies about it in one way; the run is sound when each lie is called by its name and the
 * honest VMM is not accused. Not part of a plain run: `pvtb run steal_selftest`.
 *
 * End to end: real threads are preempted, throttled, moved, put to sleep; the guest reads a real
 * structure, K and B come from eBPF as ever. Only who writes the structure differs, and therefore
 * when it is fresh (struct steal_visit).
 */
#include "bench/steal/engine.h"
#include "bench/steal/hogs.h"
#include "bench/steal/liar.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "core/progress.h"
#include "load/mover.h"

/* Long enough for some dozen times off the CPU in an emulator, too. */
#define RUN_MS		 700
#define SAMPLE_HZ	 1000
/* The carry into the upper half is on the way. */
#define CARRY_FROM_NS	 ((1ULL << 32) - 100000000ULL)
#define SLEEP_EVERY	 10
#define SLEEP_NS	 5000000ULL
#define SLEEP_LONG_NS	 20000000ULL
#define MOVE_NS		 20000000ULL
#define QUOTA_US	 5000
#define QUOTA_PERIOD_US	 20000
/* Enough not to wait for others when throttled, too. */
#define WEIGHT_MAX	 10000
/* Fewer samples or steps prove nothing. */
#define STEPS_MIN	 5
/* With fewer a starved guest is seen to be lied to, but not how: its name is no evidence either way. */
#define NAME_SAMPLES_MIN 100
#define TRIES		 6

struct mutant {
	struct pvtb_steal_scenario sc; /* first: found again from ctx->scenario */
	const struct steal_lie *lie;
	enum pvtb_steal_fault fault; /* what it has to be called; NONE: by no name at all */
	enum pvtb_sched_cause cause; /* LEFT_OUT, COUNTED */
	bool swapped;		     /* found by comparing vCPUs with each other */
};

struct state {
	struct steal_liar liar; /* first: see liar.h */
	struct pvtb_hogs *hogs;
	struct pvtb_mover *mover;
};

static const struct mutant *mutant_of(const struct pvtb_steal_ctx *ctx)
{
	return (const struct mutant *)ctx->scenario;
}

/* ---- ways to lose time ---- */

static int needs_vmm(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->arch != PVTB_ARCH_ARM64 || run->caps.smccc_filter)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "PV_TIME_ST", "this kernel has no SMCCC filter");
}

static int needs_quota(const struct pvtb_run *run, struct pvtb_err *err)
{
	int ret = needs_vmm(run, err);

	return ret ?: steal_group_possible(PVTB_CGROUP_CPU, err);
}

static int needs_two_cpus(const struct pvtb_run *run, struct pvtb_err *err)
{
	int ret = needs_vmm(run, err);

	if (ret ||
	    (run->vcpu_cpu >= 0 && run->harness_cpu >= 0 && run->vcpu_cpu != run->harness_cpu))
		return ret;
	return pvtb_err_set(err, -EOPNOTSUPP, "moving", "one CPU only");
}

static int setup(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct state *s = ctx->state;

	return -pthread_mutex_init(&s->liar.group_lock, NULL);
}

static int start_hog(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct state *s = ctx->state;

	return steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &s->hogs, err);
}

static int start_quota(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_group *g = ctx->state;
	int ret = steal_group_enter(ctx, PVTB_CGROUP_CPU, err);

	if (!ret)
		ret = pvtb_cgroup_set_weight(g->group, WEIGHT_MAX, err);
	return ret ?: pvtb_cgroup_set_quota(g->group, QUOTA_US, QUOTA_PERIOD_US, err);
}

static int start_moving(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct state *s = ctx->state;
	const struct pvtb_mover_spec spec = {
		.tid = ctx->tids[0],
		.nr_cpus = 2,
		.cpus = {ctx->cpu, ctx->other_cpu},
		.period_ns = MOVE_NS,
	};
	int ret = start_hog(ctx, err);

	return ret ?: pvtb_mover_start(&spec, &s->mover, err);
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct state *s = ctx->state;
	int ret = pvtb_mover_stop(s->mover, NULL, err), r;

	s->mover = NULL;
	r = pvtb_hogs_stop(s->hogs, ret ? NULL : err);
	s->hogs = NULL;
	ret = ret ?: r;
	pthread_mutex_lock(&s->liar.group_lock);
	r = steal_group_stop(ctx, ret ? NULL : err);
	pthread_mutex_unlock(&s->liar.group_lock);
	return ret ?: r;
}

static void provide(struct pvtb_steal_ctx *ctx, unsigned int vcpu, u64 k_ns, void *structure)
{
	steal_liar_tell(ctx, mutant_of(ctx)->lie, vcpu, k_ns, structure);
}

/* A guest that halts where its VMM handles that: the thread sleeps, and not in KVM. */
static void provide_and_sleep(struct pvtb_steal_ctx *ctx, unsigned int vcpu, u64 k_ns,
			      void *structure)
{
	struct steal_liar *l = ctx->state;

	provide(ctx, vcpu, k_ns, structure);
	if (l->vcpus[vcpu].visits % SLEEP_EVERY == 0)
		steal_liar_sleep(l, vcpu, SLEEP_NS);
}

/* The second of two vCPUs sleeps most of the time and loses little, the first loses to a hog: what they
 * are to be told differs by far, however busy the host is. */
static void provide_two(struct pvtb_steal_ctx *ctx, unsigned int vcpu, u64 k_ns, void *structure)
{
	provide(ctx, vcpu, k_ns, structure);
	if (vcpu)
		steal_liar_sleep(ctx->state, vcpu, SLEEP_LONG_NS);
}

/* ---- the verdict ---- */

struct finding {
	enum pvtb_status status;
	char text[384];
};

static int judge(struct pvtb_steal_ctx *ctx, struct steal_measured *m,
		 struct pvtb_variant_result *v, struct pvtb_err *err);

static void find(struct finding *f, enum pvtb_status status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void find(struct finding *f, enum pvtb_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->status = status;
}

static bool named_right(const struct mutant *mu, const struct pvtb_steal_result *r)
{
	return r->fault == mu->fault &&
	       ((r->fault != PVTB_STEAL_FAULT_LEFT_OUT && r->fault != PVTB_STEAL_FAULT_COUNTED) ||
		r->fault_cause == mu->cause);
}

/* What was found about vCPU @i, against what is true. */
static void look_at(const struct mutant *mu, const struct pvtb_steal_result *results,
		    unsigned int nr, unsigned int i, u64 lies, struct finding *f)
{
	const struct pvtb_steal_result *r = &results[i];
	int other = pvtb_steal_swapped(results, (int)nr, (int)i);
	enum pvtb_status misnamed = r->compared < NAME_SAMPLES_MIN ? PVTB_INVALID : PVTB_FAIL;

	if (mu->lie != &steal_truth && !lies)
		find(f, PVTB_INVALID, "vCPU %u: the lie was never told", i);
	else if (r->gk_law == PVTB_STEAL_INCONCLUSIVE)
		find(f, PVTB_INCONCLUSIVE, "vCPU %u: %s", i, r->gk_verdict);
	else if (r->steps < STEPS_MIN)
		find(f, PVTB_INVALID, "vCPU %u: nothing was stolen: %" PRIu64 " steps", i,
		     r->steps);
	else if (mu->lie == &steal_truth && r->gk_law != PVTB_STEAL_HOLDS)
		find(f, PVTB_FAIL, "vCPU %u is accused though honest: %s", i, r->gk_verdict);
	else if (mu->lie == &steal_truth)
		find(f, PVTB_OK, "not accused: %s", r->gk_verdict);
	else if (r->gk_law == PVTB_STEAL_HOLDS)
		find(f, PVTB_FAIL, "not noticed: %s", r->gk_verdict);
	else if (mu->swapped && other < 0)
		find(f, misnamed, "vCPU %u: noticed, but not as swapped: %s", i, r->gk_verdict);
	else if (mu->swapped)
		find(f, PVTB_OK, "noticed: vCPU %u was told what vCPU %d lost", i, other);
	else if (!named_right(mu, r))
		find(f, misnamed, "not called \"%s\": %s", pvtb_steal_fault_name(mu->fault),
		     r->gk_verdict);
	else
		find(f, PVTB_OK, "noticed: %s", r->gk_verdict);
}

static bool proves_nothing(enum pvtb_status st)
{
	return st == PVTB_INVALID || st == PVTB_INCONCLUSIVE;
}

/* What is wrong about one vCPU is not excused by what could not be seen of the other. */
static bool worse(enum pvtb_status a, enum pvtb_status b)
{
	return b != PVTB_FAIL && (a == PVTB_FAIL || a > b);
}

static int add_figures(struct pvtb_variant_result *v, unsigned int i, unsigned int nr,
		       const struct pvtb_steal_result *r, u64 lies)
{
	const struct {
		const char *name;
		enum pvtb_unit unit;
		enum pvtb_kind kind;
		double value;
	} rows[] = {
		{"g_k.max", PVTB_UNIT_NS, PVTB_KIND_TIME,
		 (double)(r->gk.max_ns < 0 ? -r->gk.max_ns : r->gk.max_ns)},
		{"steps", PVTB_UNIT_COUNT, PVTB_KIND_COUNT, (double)r->steps},
		{"lies", PVTB_UNIT_COUNT, PVTB_KIND_COUNT, (double)lies},
	};
	char name[64];
	int ret = 0;

	for (size_t k = 0; !ret && k < PVTB_ARRAY_SIZE(rows); k++) {
		snprintf(name, sizeof(name), "%s", rows[k].name);
		if (nr > 1)
			snprintf(name, sizeof(name), "vcpu%u.%s", i, rows[k].name);
		ret = pvtb_variant_add_metric(v, name, rows[k].unit, rows[k].kind,
					      PVTB_NEITHER_IS_BETTER, rows[k].value, NAN, NAN,
					      r->compared);
	}
	return ret;
}

static int add_files(struct pvtb_steal_ctx *ctx, struct pvtb_variant_result *v, unsigned int i)
{
	static const char *const what[] = {"guest", "host", "deviation", "intervals"};
	int ret = 0;

	for (size_t k = 0; !ret && k < PVTB_ARRAY_SIZE(what); k++) {
		char name[64], rel[256];

		snprintf(name, sizeof(name), "vcpu%u.%s", i, what[k]);
		steal_path(rel, sizeof(rel), ctx, what[k], i);
		ret = pvtb_variant_add_file(v, name, rel);
	}
	return ret;
}

/* ---- the table ---- */

#define COMMON                                                                                     \
	.run_ms = RUN_MS, .op = "sample_steal_vmm", .sample_hz = SAMPLE_HZ,                        \
	.state_size = sizeof(struct state), .setup = setup, .stop = stop, .judge = judge
#define TWO_VCPUS                                                                                  \
	COMMON, .nr_vcpus = 2, .needs = needs_vmm, .start = start_hog, .provide = provide_two
#define BESIDE_A_HOG COMMON, .needs = needs_vmm, .start = start_hog, .provide = provide
#define WITH_A_QUOTA COMMON, .needs = needs_quota, .start = start_quota, .provide = provide
#define SLEEPING     COMMON, .needs = needs_vmm, .provide = provide_and_sleep
#define MOVING	     COMMON, .needs = needs_two_cpus, .start = start_moving, .provide = provide

static const struct mutant mutants[] = {
	{.sc = {.name = "honest", .summary = "nothing is wrong, two vCPUs beside a hog", TWO_VCPUS},
	 .lie = &steal_truth},
	{.sc = {.name = "honest_quota", .summary = "nothing is wrong, CFS quota", WITH_A_QUOTA},
	 .lie = &steal_truth},
	{.sc = {.name = "honest_idle", .summary = "nothing is wrong, the vCPU sleeps", SLEEPING},
	 .lie = &steal_truth},
	{.sc = {.name = "honest_moved", .summary = "nothing is wrong, the vCPU is moved", MOVING},
	 .lie = &steal_truth},
	{.sc = {.name = "short", .summary = "1 % is missing", BESIDE_A_HOG},
	 .lie = &steal_lie_short,
	 .fault = PVTB_STEAL_FAULT_SHARE},
	{.sc = {.name = "twice", .summary = "counted twice", BESIDE_A_HOG},
	 .lie = &steal_lie_twice,
	 .fault = PVTB_STEAL_FAULT_TWICE},
	{.sc = {.name = "backwards", .summary = "goes backwards once", BESIDE_A_HOG},
	 .lie = &steal_lie_backwards,
	 .fault = PVTB_STEAL_FAULT_BACKWARDS},
	{.sc = {.name = "stale", .summary = "the value of one period before", BESIDE_A_HOG},
	 .lie = &steal_lie_stale,
	 .fault = PVTB_STEAL_FAULT_STALE},
	{.sc = {.name = "swapped", .summary = "each of two vCPUs is told the other's", TWO_VCPUS},
	 .lie = &steal_lie_swapped,
	 .swapped = true},
	{.sc = {.name = "no_throttling", .summary = "throttled time is left out", WITH_A_QUOTA},
	 .lie = &steal_lie_no_throttling,
	 .fault = PVTB_STEAL_FAULT_LEFT_OUT,
	 .cause = PVTB_SCHED_THROTTLED},
	{.sc = {.name = "idle", .summary = "time asleep is counted as stolen", SLEEPING},
	 .lie = &steal_lie_sleep,
	 .fault = PVTB_STEAL_FAULT_COUNTED,
	 .cause = PVTB_SCHED_BLOCKED_VMM},
	{.sc = {.name = "microseconds", .summary = "microseconds for nanoseconds", BESIDE_A_HOG},
	 .lie = &steal_lie_microseconds,
	 .fault = PVTB_STEAL_FAULT_UNIT},
	{.sc = {.name = "torn",
		.summary = "the upper half is written later than the lower one",
		.archs = PVTB_ARCH_ARM64,
		.first_value = CARRY_FROM_NS,
		BESIDE_A_HOG},
	 .lie = &steal_lie_torn,
	 .fault = PVTB_STEAL_FAULT_TORN},
	{.sc = {.name = "odd",
		.summary = "the version is left odd",
		.archs = PVTB_ARCH_X86_64,
		BESIDE_A_HOG},
	 .lie = &steal_lie_odd,
	 .fault = PVTB_STEAL_FAULT_UNREADABLE},
	{.sc = {.name = "restart", .summary = "starts over when the thread is moved", MOVING},
	 .lie = &steal_lie_restart,
	 .fault = PVTB_STEAL_FAULT_RESET},
};

static int judge(struct pvtb_steal_ctx *ctx, struct steal_measured *m,
		 struct pvtb_variant_result *v, struct pvtb_err *err)
{
	const struct mutant *mu = mutant_of(ctx);
	const struct steal_liar *l = ctx->state;
	struct pvtb_steal_result results[STEAL_LIAR_VCPUS];
	struct finding all = {.status = PVTB_OK}, f;
	int ret = steal_join(ctx, m, results, err);

	for (unsigned int i = 0; !ret && i < ctx->nr_vcpus; i++) {
		look_at(mu, results, ctx->nr_vcpus, i, l->vcpus[i].lies, &f);
		if (!i || worse(f.status, all.status))
			all = f;
	}
	if (!ret && proves_nothing(all.status))
		return pvtb_err_set(err, -EAGAIN, "not shown", "%s", all.text);
	for (unsigned int i = 0; !ret && i < ctx->nr_vcpus; i++) {
		ret = add_figures(v, i, ctx->nr_vcpus, &results[i], l->vcpus[i].lies);
		if (!ret)
			ret = add_files(ctx, v, i);
	}
	if (ret)
		return ret;
	ret = pvtb_variant_add_law(v, "named",
				   mu->lie == &steal_truth ? "an honest VMM is not accused"
							   : "the lie is called by its name",
				   all.status, "%s", all.text);
	pvtb_variant_set_status(v, all.status, "%s", all.text);
	return ret;
}

/* ---- the benchmark ---- */

static struct pvtb_listed listed = PVTB_LISTED;

static void describe(const void *item, struct pvtb_variant *ret)
{
	*ret = steal_variant_of(&((const struct mutant *)item)->sc, "vmm");
}

static const struct pvtb_variant *list(size_t *ret_nr)
{
	return pvtb_listed(&listed, mutants, PVTB_ARRAY_SIZE(mutants), sizeof(mutants[0]),
			   PVTB_LISTED_AS_GIVEN, describe, ret_nr);
}

static int run_all(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	int ret = b ? 0 : pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	struct pvtb_trace *trace = NULL;

	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(mutants); i++) {
		const struct pvtb_steal_scenario *sc = &mutants[i].sc;
		struct pvtb_variant_result *v;

		if (!((sc->archs ?: PVTB_ARCH_ANY) & run->arch) ||
		    !pvtb_run_wants(run, bench->name, sc->name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, sc->name);
		v = pvtb_bench_add_variant(b, sc->name, sc->summary);
		if (!v || pvtb_result_set(&v->provider, "vmm"))
			ret = pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
		/* On a busy host threads may starve for as long as a whole run. */
		for (unsigned int tries = 0; !ret && tries < TRIES; tries++) {
			ret = steal_run_one(sc, run, &trace, v, err);
			if (!proves_nothing(v->status))
				break;
		}
	}
	pvtb_trace_close(trace);
	return ret;
}

static const struct pvtb_bench steal_selftest = {
	.name = "steal_selftest",
	.summary = "proof that lies about stolen time are found, each by its name",
	.source = "docs/ARCHITECTURE.md",
	.list = list,
	.by_name_only = true,
	.run = run_all,
};
PVTB_BENCH(steal_selftest);
