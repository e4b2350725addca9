// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_loss: does the tracing lose events? One vCPU exits in a tight loop for ten seconds while the
 * consumer keeps up, or does not; every exit must have been seen. Part of `make bench-self`.
 */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "core/progress.h"
#include "core/signals.h"

#define LOOP_SECONDS		   10
#define LOOP_SECONDS_DETERMINISTIC 1 /* a virtual second takes many real ones */
#define KEEP_MS			   50

static const struct pvtb_variant variants[] = {
	{.name = "hvc",
	 .summary = "HVC of an unallocated function, as fast as it goes",
	 .archs = PVTB_ARCH_ARM64,
	 .op = "hvc",
	 .args = {0xc600ff00},
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_HYPERCALL,
	 .provider = "kvm"},
	{.name = "vmmcall",
	 .summary = "VMCALL/VMMCALL of an unallocated number, as fast as it goes",
	 .archs = PVTB_ARCH_X86_64,
	 .op = "hypercall",
	 .args = {0xffff},
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_HYPERCALL,
	 .provider = "kvm"},
};

struct loss {
	struct pvtb_run *run;
	struct pvtb_stream *stream;
};

static int on_start(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct loss *l = opaque;

	return pvtb_trace_register(l->run->trace, &l->stream, err);
}

static void on_stop(void *opaque, unsigned int vcpu)
{
	struct loss *l = opaque;

	if (l->stream)
		pvtb_trace_unregister(l->run->trace, l->stream);
	l->stream = NULL;
}

/* Let it run, throwing away what has been counted, so that memory does not grow with time. */
static void wait_and_discard(struct loss *l, u64 seconds)
{
	u64 end_ns = pvtb_mono_ns() + seconds * PVTB_NSEC_PER_SEC;

	while (pvtb_mono_ns() < end_ns && !pvtb_interrupted()) {
		struct timespec ts = {.tv_nsec = KEEP_MS * 1000000L};

		nanosleep(&ts, NULL);
		pvtb_stream_discard(l->stream, pvtb_stream_mark(l->stream, NULL));
	}
}

static int judge(struct pvtb_variant_result *v, const struct pvtb_trace_counts *c, u64 ops,
		 u64 seconds)
{
	/* the exits of the loop and the doorbell's; host interrupts come on top */
	enum pvtb_status st = !c->lost && c->exits_seen >= ops ? PVTB_OK : PVTB_FAIL;
	int ret;

	ret = pvtb_variant_add_metric(v, "lost", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				      PVTB_LOWER_IS_BETTER, (double)c->lost, NAN, NAN, c->records);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "exits", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					      PVTB_NEITHER_IS_BETTER, (double)c->exits_seen, NAN,
					      NAN, ops);
	if (!ret)
		ret = pvtb_variant_add_metric(
			v, "rate", PVTB_UNIT_PER_SECOND, PVTB_KIND_TIME, PVTB_HIGHER_IS_BETTER,
			(double)c->exits_seen / (double)seconds, NAN, NAN, c->exits_seen);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "backlog.max", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					      PVTB_LOWER_IS_BETTER, (double)c->max_backlog, NAN,
					      NAN, c->ring_len);
	if (!ret)
		ret = pvtb_variant_add_law(
			v, "loss", "every exit is seen", st,
			"%" PRIu64 " exits for %" PRIu64 " operations, %" PRIu64
			" records lost, at most %" PRIu64 " of %" PRIu64 " waiting",
			c->exits_seen, ops, c->lost, c->max_backlog, c->ring_len);
	if (st == PVTB_FAIL)
		pvtb_variant_set_status(
			v, st, "%" PRIu64 " records lost, %" PRIu64 " exits seen of %" PRIu64,
			c->lost, c->exits_seen, ops);
	return ret;
}

static int run_one(const struct pvtb_variant *var, struct pvtb_variant_result *v,
		   struct pvtb_run *run, struct pvtb_err *err)
{
	struct loss l = {.run = run};
	struct pvtb_vm_spec spec = {
		.nr_vcpus = 1,
		.thread_start = on_start,
		.thread_stop = on_stop,
		.opaque = &l,
	};
	struct pvtb_cmd cmd = {.op = var->op, .mode = PVTB_MODE_LOOP, .level = var->level};
	u64 seconds = run->deterministic ? LOOP_SECONDS_DETERMINISTIC : LOOP_SECONDS;
	struct pvtb_cmd_result res;
	struct pvtb_trace_counts c;
	struct pvtb_vm *vm = NULL;
	int ret, cpu = run->vcpu_cpu;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cmd.args); i++)
		cmd.args[i] = var->args[i];
	spec.cpus = cpu >= 0 ? &cpu : NULL;
	ret = pvtb_vm_new(&spec, &vm, err);
	if (!ret)
		ret = pvtb_trace_exits(run->trace, true, err);
	if (!ret)
		ret = pvtb_vm_start(vm, 0, &cmd, err);
	if (!ret) {
		wait_and_discard(&l, seconds);
		pvtb_vm_stop_cmd(vm, 0);
		ret = pvtb_vm_wait(vm, 0, 0, &res, err);
	}
	if (!ret)
		ret = pvtb_trace_exits(run->trace, false, err);
	if (!ret) {
		u64 lost, end = pvtb_stream_mark(l.stream, NULL);
		struct pvtb_rec last;

		/* reading the last record waits for the consumer to have counted it */
		if (end && pvtb_stream_read(l.stream, end - 1, 1, &last, &lost) < 0)
			ret = pvtb_err_sys(err, -EIO, "host records");
		pvtb_stream_counts(l.stream, &c);
		run->lost_before = c.lost;
	}
	if (!ret)
		ret = judge(v, &c, res.ops, seconds);
	pvtb_vm_free(vm);
	return ret;
}

static int self_loss_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);

	if (!b)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	for (size_t i = 0; i < bench->nr_variants; i++) {
		struct pvtb_variant_result *v;
		int ret;

		if (!(bench->variants[i].archs & run->arch) ||
		    !pvtb_run_wants(run, bench->name, bench->variants[i].name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, bench->variants[i].name);
		v = pvtb_bench_add_variant(b, bench->variants[i].name, bench->variants[i].summary);
		if (!v)
			return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
		if (!run->host->witnessed) {
			pvtb_variant_set_status(v, PVTB_SKIP, "no witness on the host: %s",
						run->trace_why.why);
			continue;
		}
		ret = run_one(&bench->variants[i], v, run, err);
		if (ret)
			return ret;
	}
	return 0;
}

static const struct pvtb_bench self_loss = {
	.name = "self_loss",
	.summary = "does the tracing lose events under a vCPU that does nothing but exit",
	.source = "docs/ARCHITECTURE.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.facts = PVTB_FACT_EXITS | PVTB_FACT_SELF,
	.run = self_loss_run,
};
PVTB_BENCH(self_loss);
