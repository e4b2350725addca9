// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_exit: what an open tracing session costs one exit and its entry, in instructions, and how
 * much of that is the kernel's own way into a program. One vCPU makes a hypercall that KVM refuses:
 * without any program, with an empty program on kvm_exit and on kvm_entry, with the session. Part of
 * `make bench-self`.
 */
#include "bench/latency/engine.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "bpf/empty.skel.h"

#define OPERATIONS   2000
#define WARMUP	     200
#define RING_BYTES   (64 * 1024ULL)
/* Above two empty programs: two stamps and one record; before Linux 6.2, x86 reads by helpers too. */
#define BUDGET_INSNS 430

enum with { WITH_NONE, WITH_EMPTY, WITH_SESSION, WITHS };

static const char *const with_names[WITHS] = {
	[WITH_NONE] = "exit.untraced",
	[WITH_EMPTY] = "exit.empty_programs",
	[WITH_SESSION] = "exit.session",
};

/* Median of one operation in instructions: a counter tick is an instruction here. */
static int median(struct latency_session *s, double *ret_insns, struct pvtb_err *err)
{
	struct latency_pass pass = {
		.op = s->var->op, .mode = PVTB_MODE_SINGLE, .count = OPERATIONS};
	int ret = latency_run_pass(s, &pass, WARMUP, err);
	s64 *ticks PVTB_FREE = NULL;
	struct pvtb_dist d;
	size_t n;

	if (ret)
		return ret;
	ticks = latency_durations(s, &pass, &n);
	if (!ticks)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = pvtb_dist_of(ticks, n, &d);
	if (ret)
		return pvtb_err_sys(err, ret, "%s: no samples", s->var->name);
	*ret_insns = (double)d.p50;
	return 0;
}

static int median_empty(struct latency_session *s, double *ret_insns, struct pvtb_err *err)
{
	struct empty_bpf *skel = empty_bpf__open();
	int ret;

	if (!skel)
		return pvtb_err_sys(err, -errno, "empty eBPF programs: open");
	bpf_program__set_autoload(skel->progs.empty_switch, false);
	ret = empty_bpf__load(skel);
	if (!ret)
		ret = empty_bpf__attach(skel);
	ret = ret ? pvtb_err_sys(err, ret, "empty eBPF programs: load and attach")
		  : median(s, ret_insns, err);
	empty_bpf__destroy(skel);
	return ret;
}

static int median_session(struct latency_session *s, double *ret_insns, struct pvtb_err *err)
{
	int ret = pvtb_trace_exits(s->run->trace, true, err);

	if (!ret)
		ret = median(s, ret_insns, err);
	return ret ? ret : pvtb_trace_exits(s->run->trace, false, err);
}

static int add(struct pvtb_variant_result *v, const char *name, double insns)
{
	return pvtb_variant_add_metric(v, name, PVTB_UNIT_INSTRUCTIONS, PVTB_KIND_INSTRUCTIONS,
				       PVTB_LOWER_IS_BETTER, insns, NAN, NAN, OPERATIONS);
}

static int report(struct pvtb_variant_result *v, const double *insns)
{
	double above = insns[WITH_SESSION] - insns[WITH_EMPTY];
	enum pvtb_status st = above <= BUDGET_INSNS ? PVTB_OK : PVTB_FAIL;
	int ret = 0;

	for (unsigned int w = 0; !ret && w < WITHS; w++)
		ret = add(v, with_names[w], insns[w]);
	if (!ret)
		ret = add(v, "added.empty_programs", insns[WITH_EMPTY] - insns[WITH_NONE]);
	if (!ret)
		ret = add(v, "added.session", insns[WITH_SESSION] - insns[WITH_NONE]);
	if (!ret)
		ret = add(v, "added.above_empty", above);
	if (!ret)
		ret = pvtb_variant_add_law(
			v, "cost", "the session costs little more than two empty programs", st,
			"%g instructions above two empty programs, budget %d", above, BUDGET_INSNS);
	if (st != PVTB_OK)
		pvtb_variant_set_status(v, st,
					"%g instructions above two empty programs, budget %d",
					above, BUDGET_INSNS);
	return ret;
}

static int needs(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->deterministic)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "self_exit",
			    "instructions are counted in a deterministic lab only");
}

static const struct pvtb_variant variants[] = {
	{.name = "hvc",
	 .summary = "HVC of an unallocated function: one exit and its entry",
	 .archs = PVTB_ARCH_ARM64,
	 .op = "hvc",
	 .args = {0xc600ff00},
	 .needs = needs},
	{.name = "vmmcall",
	 .summary = "VMMCALL of an unallocated number: one exit and its entry",
	 .archs = PVTB_ARCH_X86_64,
	 .op = "hypercall",
	 .args = {0xffff},
	 .needs = needs},
};

static int measure(struct pvtb_run *run, size_t which, struct pvtb_variant_result *v,
		   struct pvtb_err *err)
{
	struct latency_session s = {.run = run, .var = &variants[which], .res = v};
	struct pvtb_vm_spec spec = {.nr_vcpus = 1, .ring_bytes = RING_BYTES};
	double insns[WITHS];
	int ret;

	if (!run->trace || !run->host->witnessed)
		return pvtb_err_set(err, -EOPNOTSUPP, "self_exit", "no host trace: %s",
				    run->trace_why.why);
	latency_hooks(&s, &spec);
	s.cpu = run->vcpu_cpu;
	spec.cpus = s.cpu >= 0 ? &s.cpu : NULL;
	ret = pvtb_vm_new(&spec, &s.vm, err);
	if (!ret)
		ret = median(&s, &insns[WITH_NONE], err);
	if (!ret)
		ret = median_empty(&s, &insns[WITH_EMPTY], err);
	if (!ret)
		ret = median_session(&s, &insns[WITH_SESSION], err);
	if (!ret)
		ret = report(v, insns);
	pvtb_vm_free(s.vm);
	return ret;
}

static int self_exit_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	return pvtb_variants_run(bench, run, measure, err);
}

static const struct pvtb_bench self_exit = {
	.name = "self_exit",
	.summary = "what tracing costs one exit and its entry, beside two empty programs",
	.source = "docs/ARCHITECTURE.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.facts = PVTB_FACT_EXITS | PVTB_FACT_SELF,
	.run = self_exit_run,
};
PVTB_BENCH(self_exit);
