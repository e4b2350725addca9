// SPDX-License-Identifier: GPL-2.0-only
/* hypercall: the round trip into the host and back, by who answers. */
#include "bench.h"

#include <inttypes.h>

/* DEN 0028 (SMCCC), DEN 0057A (PV time), Documentation/virt/kvm/arm/ptp_kvm.rst */
#define SMCCC_VERSION	 0x80000000ULL
#define PV_TIME_FEATURES 0xc5000020ULL
#define PV_TIME_ST	 0xc5000021ULL
#define PV_TIME_LPT	 0xc5000022ULL
#define KVM_PTP		 0x86000001ULL
/* a vendor hypervisor service nobody has allocated */
#define UNALLOCATED	 0xc600ff00ULL
#define NOT_SUPPORTED	 (~0ULL)

/* include/uapi/linux/kvm_para.h */
#define KVM_HC_KICK_CPU	     5
#define KVM_HC_CLOCK_PAIRING 9
#define KVM_HC_UNALLOCATED   0xffff
#define KVM_ENOSYS	     1000

static int expect(const struct pvtb_cmd_result *res, u64 want, const char *what,
		  struct pvtb_err *err)
{
	if (res->ret[0] == want)
		return 0;
	return pvtb_err_set(err, -EPROTO, what, "expected 0x%" PRIx64 ", got 0x%" PRIx64, want,
			    res->ret[0]);
}

static int check_version(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			 struct pvtb_err *err)
{
	if (res->ret[0] >= 0x10001 && res->ret[0] < 0x80000000ULL)
		return 0;
	return pvtb_err_set(err, -EPROTO, "SMCCC_VERSION", "expected 1.1 or later, got 0x%" PRIx64,
			    res->ret[0]);
}

static int check_zero(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
		      struct pvtb_err *err)
{
	return expect(res, 0, "PV_TIME_FEATURES", err);
}

static int check_steal_ipa(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			   struct pvtb_err *err)
{
	return expect(res, PVTB_GPA_STEAL, "PV_TIME_ST", err);
}

static int check_lpt_ipa(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			 struct pvtb_err *err)
{
	return expect(res, PVTB_GPA_LPT, "PV_TIME_LPT", err);
}

static int check_not_supported(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			       struct pvtb_err *err)
{
	return expect(res, NOT_SUPPORTED, "unallocated function", err);
}

static int check_enosys(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			struct pvtb_err *err)
{
	return expect(res, (u64)-KVM_ENOSYS, "unallocated hypercall", err);
}

static int check_ptp(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
		     struct pvtb_err *err)
{
	if (res->ret[0] != NOT_SUPPORTED)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "ptp",
			    "KVM answers NOT_SUPPORTED: host clocksource is not the arch counter");
}

static int check_clock_pairing(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
			       struct pvtb_err *err)
{
	if (res->ret[0] == 0)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "clock_pairing",
			    "KVM answers %" PRId64 ": host clocksource is not the TSC",
			    (s64)res->ret[0]);
}

static void shape_steal(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->steal = true;
}

static void shape_lpt(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->lpt = run->caps.lpt_in_kernel ? PVTB_LPT_KERNEL : PVTB_LPT_VMM;
}

static void shape_irqchip(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->irqchip = true; /* KICK_CPU looks the target up in the LAPIC map */
}

static int needs_steal(const struct pvtb_run *run, struct pvtb_err *err)
{
	return run->caps.steal
		       ? 0
		       : pvtb_err_set(err, -EOPNOTSUPP, "pv_time", "KVM_CAP_STEAL_TIME is missing");
}

static int needs_lpt(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->caps.smccc_filter || run->caps.lpt_in_kernel)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "pv_time_lpt",
			    "neither in-kernel LPT nor an SMCCC filter (Linux 6.4 has it)");
}

static int needs_ptp(const struct pvtb_run *run, struct pvtb_err *err)
{
	return run->caps.ptp ? 0
			     : pvtb_err_set(err, -EOPNOTSUPP, "ptp", "KVM_CAP_PTP_KVM is missing");
}

#define HVC                                                                                        \
	.archs = PVTB_ARCH_ARM64, .op = "hvc", .law = PVTB_LAW_ONE_EXIT,                           \
	.reason = PVTB_REASON_HYPERCALL
#define VMMCALL                                                                                    \
	.archs = PVTB_ARCH_X86_64, .op = "hypercall", .law = PVTB_LAW_ONE_EXIT,                    \
	.reason = PVTB_REASON_HYPERCALL

static const struct pvtb_variant variants[] = {
	{.name = "smccc_version",
	 .summary = "HVC SMCCC_VERSION",
	 HVC,
	 .args = {SMCCC_VERSION},
	 .provider = "kvm",
	 .check = check_version},
	{.name = "pv_time_features",
	 .summary = "HVC PV_TIME_FEATURES(PV_TIME_FEATURES)",
	 HVC,
	 .args = {PV_TIME_FEATURES, PV_TIME_FEATURES},
	 .provider = "kvm",
	 .shape = shape_steal,
	 .needs = needs_steal,
	 .check = check_zero},
	{.name = "pv_time_st",
	 .summary = "HVC PV_TIME_ST: address of the stolen-time structure",
	 HVC,
	 .args = {PV_TIME_ST},
	 .provider = "kvm",
	 .shape = shape_steal,
	 .needs = needs_steal,
	 .check = check_steal_ipa},
	{.name = "pv_time_lpt",
	 .summary = "HVC PV_TIME_LPT: address of the LPT structure",
	 HVC,
	 .args = {PV_TIME_LPT},
	 .provider = "vmm",
	 .to_vmm = true,
	 .shape = shape_lpt,
	 .needs = needs_lpt,
	 .check = check_lpt_ipa},
	{.name = "unknown_id",
	 .summary = "HVC with an unallocated function",
	 HVC,
	 .args = {UNALLOCATED},
	 .provider = "kvm",
	 .check = check_not_supported},
	{.name = "ptp",
	 .summary = "HVC PTP: wall clock and counter of one instant",
	 HVC,
	 .args = {KVM_PTP, 0},
	 .provider = "kvm",
	 .needs = needs_ptp,
	 .check = check_ptp},
	{.name = "mmio",
	 .summary = "MMIO load answered by the VMM",
	 .archs = PVTB_ARCH_ANY,
	 .op = "mmio_read",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MMIO,
	 .provider = "vmm",
	 .to_vmm = true},

	{.name = "unknown_nr",
	 .summary = "VMCALL/VMMCALL with an unallocated number",
	 VMMCALL,
	 .args = {KVM_HC_UNALLOCATED},
	 .provider = "kvm",
	 .check = check_enosys},
	{.name = "kick_cpu",
	 .summary = "KVM_HC_KICK_CPU of oneself",
	 VMMCALL,
	 .args = {KVM_HC_KICK_CPU, 0, 0},
	 .provider = "kvm",
	 .shape = shape_irqchip},
	{.name = "clock_pairing",
	 .summary = "KVM_HC_CLOCK_PAIRING",
	 VMMCALL,
	 .args = {KVM_HC_CLOCK_PAIRING, PVTB_GPA_SCRATCH, 0},
	 .provider = "kvm",
	 .needs = needs_ptp,
	 .check = check_clock_pairing},
	{.name = "cpuid",
	 .summary = "CPUID leaf 0",
	 .archs = PVTB_ARCH_X86_64,
	 .op = "cpuid",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_CPUID,
	 .provider = "kvm"},
	{.name = "pio",
	 .summary = "OUT to a port answered by the VMM",
	 .archs = PVTB_ARCH_X86_64,
	 .op = "pio_out",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_PIO,
	 .provider = "vmm",
	 .to_vmm = true},
};

static const struct pvtb_bench hypercall = {
	.name = "hypercall",
	.summary = "round trip of a hypercall or exit: answered by KVM, or by the VMM",
	.source = "DEN 0028, DEN 0057A, Documentation/virt/kvm/x86/hypercalls.rst",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
};
PVTB_BENCH(hypercall);
