// SPDX-License-Identifier: GPL-2.0-only
/* counter_read: what one read of each counter costs the guest: native, trapped, LPT-scaled. */
#include "bench.h"

/* Any value but 0 makes KVM offset the physical counter, and so trap its reads (no CNTPOFF). */
#define SOME_OFFSET 1000000ULL

static void shape_offset(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->offset_counter = true;
	spec->counter_offset = SOME_OFFSET;
}

static void shape_lpt(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->lpt = run->caps.lpt_in_kernel ? PVTB_LPT_KERNEL : PVTB_LPT_VMM;
	/* a frequency unlike the native one: scaling by 1 would hide a broken reader */
	spec->lpt_pv_hz = 1000000000U;
}

static void shape_lpt_el0(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	shape_lpt(run, spec);
	spec->trap_el0_counter = true;
}

static void shape_pvclock(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->pvclock = true;
}

static void shape_forward_msr(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	spec->forward_tsc_msr = true;
}

static int needs_trapping_offset(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (!run->caps.counter_offset)
		return pvtb_err_set(err, -EOPNOTSUPP, "cntpct_trapped",
				    "KVM_CAP_COUNTER_OFFSET is missing (Linux 6.4 has it)");
	if (run->caps.cntpoff)
		return pvtb_err_set(err, -EOPNOTSUPP, "cntpct_trapped",
				    "FEAT_ECV/CNTPOFF: an offset physical counter does not trap");
	return 0;
}

static int needs_ecv(const struct pvtb_run *run, struct pvtb_err *err)
{
	return run->caps.ecv ? 0 : pvtb_err_set(err, -EOPNOTSUPP, "ecv", "the CPU has no FEAT_ECV");
}

static int needs_smccc_filter(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->caps.smccc_filter || run->caps.lpt_in_kernel)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "lpt",
			    "neither in-kernel LPT nor an SMCCC filter (Linux 6.4 has it)");
}

static int needs_msr_filter(const struct pvtb_run *run, struct pvtb_err *err)
{
	return run->caps.msr_filter ? 0
				    : pvtb_err_set(err, -EOPNOTSUPP, "rdmsr_tsc_vmm",
						   "KVM_CAP_X86_MSR_FILTER is missing");
}

#define ARM .archs = PVTB_ARCH_ARM64
#define X86 .archs = PVTB_ARCH_X86_64

static const struct pvtb_variant variants[] = {
	{.name = "cntvct",
	 .summary = "ISB; MRS CNTVCT_EL0",
	 ARM,
	 .op = "cntvct",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "cntvct_bare",
	 .summary = "MRS CNTVCT_EL0, unordered",
	 ARM,
	 .op = "cntvct_bare",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "cntpct",
	 .summary = "ISB; MRS CNTPCT_EL0, native",
	 ARM,
	 .op = "cntpct",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "cntpct_trapped",
	 .summary = "ISB; MRS CNTPCT_EL0, counter offset set: trapped",
	 ARM,
	 .op = "cntpct",
	 .provider = "el2",
	 .law = PVTB_LAW_FAST_PATH,
	 .shape = shape_offset,
	 .needs = needs_trapping_offset},
	{.name = "cntvctss",
	 .summary = "MRS CNTVCTSS_EL0 (FEAT_ECV)",
	 ARM,
	 .op = "cntvctss",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .needs = needs_ecv},
	{.name = "cntpctss",
	 .summary = "MRS CNTPCTSS_EL0 (FEAT_ECV)",
	 ARM,
	 .op = "cntpctss",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .needs = needs_ecv},
	{.name = "el0_cntvct",
	 .summary = "ISB; MRS CNTVCT_EL0 in guest user space",
	 ARM,
	 .op = "cntvct",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "el0_cntvct_trapped",
	 .summary = "the same, trapped to the guest's EL1, which scales by LPT",
	 ARM,
	 .op = "cntvct_el0trap",
	 .level = PVTB_LEVEL_USER,
	 .baseline = "empty_pct",
	 .args = {[0] = PVTB_GPA_LPT, [7] = 1},
	 .provider = "guest",
	 .law = PVTB_LAW_GUEST_TRAP,
	 .shape = shape_lpt_el0,
	 .needs = needs_smccc_filter},
	{.name = "lpt",
	 .summary = "counter scaled by Live Physical Time",
	 ARM,
	 .op = "lpt",
	 .args = {PVTB_GPA_LPT},
	 .provider = "guest",
	 .law = PVTB_LAW_NO_TRAP,
	 .shape = shape_lpt,
	 .needs = needs_smccc_filter},

	{.name = "rdtsc",
	 .summary = "RDTSC, unordered",
	 X86,
	 .op = "rdtsc",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "rdtsc_lfence",
	 .summary = "LFENCE; RDTSC",
	 X86,
	 .op = "rdtsc_lfence",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "rdtscp",
	 .summary = "RDTSCP",
	 X86,
	 .op = "rdtscp",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP},
	{.name = "rdmsr_tsc",
	 .summary = "RDMSR IA32_TSC: trapped",
	 X86,
	 .op = "rdmsr_tsc",
	 .provider = "kvm",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MSR},
	{.name = "rdmsr_tsc_vmm",
	 .summary = "RDMSR IA32_TSC, forwarded to the VMM by the MSR filter",
	 X86,
	 .op = "rdmsr_tsc",
	 .provider = "vmm",
	 .law = PVTB_LAW_ONE_EXIT,
	 .reason = PVTB_REASON_MSR,
	 .to_vmm = true,
	 .shape = shape_forward_msr,
	 .needs = needs_msr_filter},
	{.name = "pvclock",
	 .summary = "kvmclock: version, RDTSC, scale, version",
	 X86,
	 .op = "pvclock",
	 .args = {PVTB_GPA_PVCLOCK},
	 .level = PVTB_LEVEL_USER,
	 .provider = "kvm",
	 .law = PVTB_LAW_NO_TRAP,
	 .shape = shape_pvclock},
	{.name = "lpt",
	 .summary = "TSC scaled by Live Physical Time",
	 X86,
	 .op = "lpt",
	 .args = {PVTB_GPA_LPT},
	 .level = PVTB_LEVEL_USER,
	 .provider = "guest",
	 .law = PVTB_LAW_NO_TRAP,
	 .shape = shape_lpt},
};

static const struct pvtb_bench counter_read = {
	.name = "counter_read",
	.summary = "cost of reading a counter in the guest: native, trapped, scaled",
	.source = "Arm ARM D13 (generic timer), DEN 0057A, Documentation/virt/kvm/x86/msr.rst",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
};
PVTB_BENCH(counter_read);
