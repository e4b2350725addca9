// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_tail: a hypercall of which each 64th takes a longer path through KVM, and the same one without
 * these. They differ in no median. A gate on the one by a baseline of the other has to fail:
 * tests/lab/gate.sh. Not part of a plain run.
 */
#include "bench.h"

/* DEN 0028, DEN 0057A. KVM answers both; PV_TIME_ST looks for the structure first. */
#define SMCCC_VERSION 0x80000000ULL
#define PV_TIME_ST    0xc5000021ULL

static void shape_steal(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->steal = true;
}

static int needs_steal(const struct pvtb_run *run, struct pvtb_err *err)
{
	return run->caps.steal ? 0
			       : pvtb_err_set(err, -EOPNOTSUPP, "self_tail",
					      "KVM_CAP_STEAL_TIME is missing");
}

#define CALL                                                                                       \
	.archs = PVTB_ARCH_ARM64, .op = "hvc_64th", .law = PVTB_LAW_ONE_EXIT,                      \
	.reason = PVTB_REASON_HYPERCALL, .provider = "kvm", .shape = shape_steal,                  \
	.needs = needs_steal

static const struct pvtb_variant variants[] = {
	{.name = "even",
	 .summary = "HVC SMCCC_VERSION",
	 CALL,
	 .args = {[0] = SMCCC_VERSION, [4] = SMCCC_VERSION}},
	{.name = "one_in_64",
	 .summary = "HVC SMCCC_VERSION, each 64th time PV_TIME_ST",
	 CALL,
	 .args = {[0] = SMCCC_VERSION, [4] = PV_TIME_ST}},
};

static const struct pvtb_bench self_tail = {
	.name = "self_tail",
	.summary = "a hypercall of which one in 64 costs more",
	.source = "DEN 0028, DEN 0057A",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
};
PVTB_BENCH(self_tail);
