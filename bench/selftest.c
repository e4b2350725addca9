// SPDX-License-Identifier: GPL-2.0-only
/*
 * selftest: proves that the checks can fail. Each variant declares something that is not true of
 * its operation; the run is sound when the suite notices. Not part of a plain run:
 * `pvtb run -H HOST selftest`.
 */
#include "bench.h"

#include <inttypes.h>
#include <string.h>

#define UNALLOCATED_SMCCC 0xc600ff00ULL
#define UNALLOCATED_KVM	  0xffff

static int check_impossible(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			    struct pvtb_err *err)
{
	return pvtb_err_set(err, -EPROTO, "selftest", "an answer that is never right: 0x%" PRIx64,
			    res->ret[0]);
}

static void shape_offset(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->offset_counter = true;
	spec->counter_offset = 1000000;
}

static int needs_judged_figures(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (!run->emulated || run->deterministic)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "selftest", "an emulator's time is not judged");
}

static int needs_trap_unseen(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (!run->caps.counter_offset || run->caps.cntpoff)
		return pvtb_err_set(err, -EOPNOTSUPP, "selftest",
				    "an offset physical counter does not trap here");
	return needs_judged_figures(run, err);
}

#define ARM .archs = PVTB_ARCH_ARM64
#define X86 .archs = PVTB_ARCH_X86_64
#define HVC ARM, .op = "hvc", .args = {UNALLOCATED_SMCCC}
#define VMM X86, .op = "hypercall", .args = {UNALLOCATED_KVM}

static const struct pvtb_variant variants[] = {
	{.name = "exit_unseen",
	 .summary = "one exit declared, none happens",
	 .archs = PVTB_ARCH_ANY,
	 .op = "empty",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MMIO},
	{.name = "trap_denied_hvc",
	 .summary = "no trap declared, every operation exits",
	 HVC,
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "trap_denied_vmmcall",
	 .summary = "no trap declared, every operation exits",
	 VMM,
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "fast_path_denied",
	 .summary = "EL2 fast path declared, the exit is a full one",
	 HVC,
	 .law = PVTB_LAW_FAST_PATH},
	{.name = "guest_trap_denied",
	 .summary = "trap into the guest declared, none happens",
	 ARM,
	 .op = "cntvct",
	 .law = PVTB_LAW_GUEST_TRAP},
	{.name = "wrong_reason_arm64",
	 .summary = "exit of another class declared",
	 HVC,
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MMIO},
	{.name = "wrong_reason_x86",
	 .summary = "exit of another class declared",
	 VMM,
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_CPUID},
	{.name = "twice",
	 .summary = "one exit declared, the operation exits twice",
	 .archs = PVTB_ARCH_ANY,
	 .op = "mmio_twice",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MMIO,
	 .to_vmm = true},
	{.name = "single_dearer",
	 .summary = "an operation that costs more alone than in a batch",
	 .archs = PVTB_ARCH_ANY,
	 .op = "single_dearer",
	 .level = PVTB_LEVEL_USER,
	 .law = PVTB_LAW_NO_TRAP,
	 .needs = needs_judged_figures},
	{.name = "trap_unseen",
	 .summary = "no trap declared, each read traps where no exit is seen",
	 ARM,
	 .op = "cntpct",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED,
	 .shape = shape_offset,
	 .needs = needs_trap_unseen},
	{.name = "wrong_answer",
	 .summary = "a hypercall's answer is not the expected one",
	 HVC,
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_HYPERCALL,
	 .check = check_impossible},
	{.name = "crash",
	 .summary = "the guest executes an undefined instruction",
	 .archs = PVTB_ARCH_ANY,
	 .op = "fault",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "no_return",
	 .summary = "the guest never comes back",
	 .archs = PVTB_ARCH_ANY,
	 .op = "endless",
	 .law = PVTB_LAW_NO_TRAP},
};

/* The variant's own verdict, turned round: what was to be noticed must have been. */
static void judge(struct pvtb_variant_result *v)
{
	enum pvtb_status was = v->status;
	char why[512];

	snprintf(why, sizeof(why), "%s", v->why ? v->why : "");
	if (was == PVTB_SKIP || was == PVTB_INCONCLUSIVE)
		return;
	for (size_t i = 0; i < v->nr_laws; i++)
		if (v->laws[i].status == PVTB_FAIL) {
			v->laws[i].status = PVTB_OK;
			pvtb_result_set(&v->laws[i].expects, "broken on purpose, noticed");
		}
	if (was == PVTB_FAIL || was == PVTB_INVALID)
		pvtb_variant_set_status(v, PVTB_OK, "noticed: %s", why);
	else
		pvtb_variant_set_status(v, PVTB_FAIL, "not noticed: a check cannot fail");
}

static int selftest_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b;
	int ret = pvtb_latency_run(bench, run, err);

	if (ret)
		return ret;
	b = &run->host->benches[run->host->nr_benches - 1];
	for (size_t i = 0; i < b->nr_variants; i++)
		judge(&b->variants[i]);
	return 0;
}

static const struct pvtb_bench selftest = {
	.name = "selftest",
	.summary = "proof that the checks of every run can fail",
	.source = "docs/ARCHITECTURE.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.run = selftest_run,
};
PVTB_BENCH(selftest);
