// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_switch: what an open tracing session costs the context switches of threads that are not
 * measured, in instructions. Two threads on one CPU yield to each other: without any program on
 * sched_switch, with an empty one, with the session. Part of `make bench-self`; needs no VM.
 */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "bpf/empty.skel.h"
#include "core/progress.h"

#define ROUNDS	     4000
#define WARMUP	     200
#define PRIORITY     1	/* SCHED_FIFO: to yield is to switch, each time */
#define BUDGET_INSNS 60 /* above an empty program */
#define SWITCHES     2	/* there and back */

enum with { WITH_NONE, WITH_EMPTY, WITH_SESSION, WITHS };

static const char *const with_names[WITHS] = {
	[WITH_NONE] = "switch.untraced",
	[WITH_EMPTY] = "switch.empty_program",
	[WITH_SESSION] = "switch.session",
};

struct yielder {
	bool stop;
	int ret;
	u64 ns[ROUNDS];
};

static void *yield_back(void *opaque)
{
	struct yielder *y = opaque;

	while (!__atomic_load_n(&y->stop, __ATOMIC_RELAXED))
		sched_yield();
	return NULL;
}

/* Runs in the thread that is measured; its partner inherits the CPU and the class. */
static void *yield(void *opaque)
{
	struct yielder *y = opaque;
	pthread_t partner;

	y->ret = -pthread_create(&partner, NULL, yield_back, y);
	if (y->ret)
		return NULL;
	for (unsigned int i = 0; i < WARMUP; i++)
		sched_yield();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 begin_ns = pvtb_mono_ns();

		sched_yield();
		y->ns[i] = pvtb_mono_ns() - begin_ns;
	}
	__atomic_store_n(&y->stop, true, __ATOMIC_RELAXED);
	pthread_join(partner, NULL);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Median of a switch there and back, halved; a nanosecond is an instruction in this lab. */
static int measure(int cpu, double *ret_insns, struct pvtb_err *err)
{
	struct sched_param param = {.sched_priority = PRIORITY};
	struct yielder *y PVTB_FREE = calloc(1, sizeof(*y));
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;
	int ret;

	if (!y)
		return pvtb_err_sys(err, -ENOMEM, "switching threads");
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	ret = -pthread_create(&thread, &attr, yield, y);
	pthread_attr_destroy(&attr);
	if (!ret) {
		pthread_join(thread, NULL);
		ret = y->ret;
	}
	if (ret)
		return pvtb_err_sys(err, ret, "SCHED_FIFO threads");
	qsort(y->ns, ROUNDS, sizeof(y->ns[0]), by_value);
	*ret_insns = (double)y->ns[ROUNDS / 2] / SWITCHES;
	return 0;
}

static int measure_empty(int cpu, double *ret_insns, struct pvtb_err *err)
{
	struct empty_bpf *skel = empty_bpf__open();
	int ret;

	if (!skel)
		return pvtb_err_sys(err, -errno, "empty eBPF program: open");
	bpf_program__set_autoload(skel->progs.empty_exit, false);
	bpf_program__set_autoload(skel->progs.empty_entry, false);
	ret = empty_bpf__load(skel);
	if (!ret)
		ret = empty_bpf__attach(skel);
	ret = ret ? pvtb_err_sys(err, ret, "empty eBPF program: load and attach")
		  : measure(cpu, ret_insns, err);
	empty_bpf__destroy(skel);
	return ret;
}

static int measure_session(int cpu, double *ret_insns, struct pvtb_err *err)
{
	struct pvtb_trace_opts opts = {.max_threads = 8};
	struct pvtb_trace *trace;
	int ret = pvtb_trace_open(&opts, &trace, err);

	if (ret)
		return ret;
	ret = measure(cpu, ret_insns, err);
	pvtb_trace_close(trace);
	return ret;
}

static int judge(struct pvtb_variant_result *v, const double *insns)
{
	double above = insns[WITH_SESSION] - insns[WITH_EMPTY];
	enum pvtb_status st = above <= BUDGET_INSNS ? PVTB_OK : PVTB_FAIL;
	int ret = 0;

	for (unsigned int w = 0; !ret && w < WITHS; w++)
		ret = pvtb_variant_add_metric(v, with_names[w], PVTB_UNIT_INSTRUCTIONS,
					      PVTB_KIND_INSTRUCTIONS, PVTB_LOWER_IS_BETTER,
					      insns[w], NAN, NAN, ROUNDS);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "added.above_empty", PVTB_UNIT_INSTRUCTIONS,
					      PVTB_KIND_INSTRUCTIONS, PVTB_LOWER_IS_BETTER, above,
					      NAN, NAN, ROUNDS);
	if (!ret)
		ret = pvtb_variant_add_law(
			v, "cost", "a switch of threads not measured costs little more", st,
			"%g instructions above an empty program, budget %d", above, BUDGET_INSNS);
	if (st != PVTB_OK)
		pvtb_variant_set_status(v, st, "%g instructions above an empty program, budget %d",
					above, BUDGET_INSNS);
	return ret;
}

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->deterministic)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "self_switch",
			    "counted in a deterministic lab only: times say nothing about some "
			    "instructions");
}

static const struct pvtb_variant variants[] = {
	{.name = "unmeasured",
	 .summary = "switches between two threads the session does not measure",
	 .archs = PVTB_ARCH_ANY,
	 .needs = needs},
};

static int self_switch_run(const struct pvtb_bench *bench, struct pvtb_run *run,
			   struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	int ret, cpu = run->vcpu_cpu >= 0 ? run->vcpu_cpu : sched_getcpu();
	struct pvtb_variant_result *v;
	double insns[WITHS];

	v = b ? pvtb_bench_add_variant(b, variants[0].name, variants[0].summary) : NULL;
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	pvtb_progress_update(run->progress, "%s.%s", bench->name, variants[0].name);
	if (needs(run, err)) {
		pvtb_variant_set_status(v, PVTB_SKIP, "%s", err->why);
		return 0;
	}
	if (run->trace_why.code && run->trace_why.code != -ENOTSUP) {
		pvtb_variant_set_status(v, PVTB_SKIP, "no tracing here: %s", run->trace_why.why);
		return 0;
	}
	ret = measure(cpu, &insns[WITH_NONE], err);
	if (!ret)
		ret = measure_empty(cpu, &insns[WITH_EMPTY], err);
	if (!ret)
		ret = measure_session(cpu, &insns[WITH_SESSION], err);
	return ret ? ret : judge(v, insns);
}

static const struct pvtb_bench self_switch = {
	.name = "self_switch",
	.summary = "what tracing costs the context switches of threads that are not measured",
	.source = "docs/ARCHITECTURE.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.untraced = true,
	.run = self_switch_run,
};
PVTB_BENCH(self_switch);
