// SPDX-License-Identifier: GPL-2.0-only
/* counter_read: what one read of each counter costs the guest: native, trapped, LPT-scaled. */
#include <string.h>

#include "bench.h"
#include "stats/stats.h"

/* Do the stamps of an operation trap? So many samples, and so much more than those that do not. */
#define PROBE_SAMPLES 64
#define STAMPS_TIMES  4
#define STAMPS_TICKS  50

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

static void shape_lpt_el0_physical(const struct pvtb_run *run, struct pvtb_vm_spec *spec)
{
	shape_lpt(run, spec);
	spec->trap_el0_physical = true;
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

/* What is not taken off the counter is not offset by the hardware, however cheap the read. */
static int needs_hardware_offset(const struct pvtb_run *run, struct pvtb_err *err)
{
	const char *faults = getenv("PVTB_QEMU_FAULTS");

	if (!run->caps.counter_offset)
		return pvtb_err_set(err, -EOPNOTSUPP, "cntpct_offset",
				    "KVM_CAP_COUNTER_OFFSET is missing (Linux 6.4 has it)");
	if (!run->caps.cntpoff)
		return pvtb_err_set(err, -EOPNOTSUPP, "cntpct_offset",
				    run->caps.ecv ? "the CPU has no CNTPOFF_EL2"
						  : "the CPU has no FEAT_ECV");
	if (faults && strstr(faults, " cntpoff"))
		return pvtb_err_set(err, -EOPNOTSUPP, "cntpct_offset",
				    "emulator: this QEMU ignores CNTPOFF_EL2");
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

/* p50 of @op's single samples at EL0 of a plain VM. */
static int el0_p50(struct pvtb_vm *vm, const char *op, double *ret_p50, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {.op = op,
				     .level = PVTB_LEVEL_USER,
				     .mode = PVTB_MODE_SINGLE,
				     .count = PROBE_SAMPLES,
				     .warmup = PROBE_SAMPLES,
				     .steps = 1};
	const struct pvtb_sample *ring;
	struct pvtb_cmd_result res;
	struct pvtb_dist d;
	s64 v[PROBE_SAMPLES];
	u64 len;
	int ret = pvtb_vm_exec(vm, 0, &cmd, 0, &res, err);

	if (ret)
		return ret;
	ring = pvtb_vm_ring(vm, 0, &len);
	for (size_t i = 0; i < PROBE_SAMPLES; i++)
		v[i] = (s64)(ring[i].t1 - ring[i].t0);
	ret = pvtb_dist_of(v, PROBE_SAMPLES, &d);
	*ret_p50 = (double)d.p50;
	return ret ? pvtb_err_sys(err, ret, "%s", op) : 0;
}

/* A trapped CNTVCT_EL0 can be timed by CNTPCT_EL0 alone. QEMU before 9.0 takes the wrong bit of
 * CNTHCTL_EL2 (EL1PCEN) for reads of that by EL0 where HCR_EL2.E2H is 0 (nVHE): each of them traps to EL2,
 * and the samples would hold the cost of one. */
static int needs_native_stamps(const struct pvtb_run *run, struct pvtb_err *err)
{
	const struct pvtb_vm_spec spec = {.nr_vcpus = 1};
	struct pvtb_vm *vm = NULL;
	double by_virtual, by_physical;
	int ret = needs_smccc_filter(run, err);

	if (!ret)
		ret = pvtb_vm_new(&spec, &vm, err);
	if (!ret)
		ret = el0_p50(vm, "empty", &by_virtual, err);
	if (!ret)
		ret = el0_p50(vm, "empty_pct", &by_physical, err);
	pvtb_vm_free(vm);
	if (ret || by_physical <= STAMPS_TIMES * by_virtual + STAMPS_TICKS)
		return ret;
	return pvtb_err_set(
		err, -EOPNOTSUPP, "el0_cntvct_trapped",
		"the reads of CNTPCT_EL0 that would time it trap at EL2 here: %.0f ticks for "
		"two, %.0f by CNTVCT_EL0; el0_cntpct_trapped can be timed",
		by_physical, by_virtual);
}

/* VMX lets a guest read IA32_TSC (vmx.c: MSR_TYPE_R is not intercepted), SVM does not. */
static enum pvtb_law law_of_rdmsr_tsc(const struct pvtb_run *run)
{
	return strcmp(run->caps.backend, "VMX") ? PVTB_LAW_ONE_EXIT : PVTB_LAW_NO_TRAP;
}

#define ARM .archs = PVTB_ARCH_ARM64
#define X86 .archs = PVTB_ARCH_X86_64

static const struct pvtb_variant variants[] = {
	{.name = "cntvct",
	 .summary = "ISB; MRS CNTVCT_EL0",
	 ARM,
	 .op = "cntvct",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED},
	{.name = "cntvct_bare",
	 .summary = "MRS CNTVCT_EL0, unordered",
	 ARM,
	 .op = "cntvct_bare",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_BARE},
	{.name = "cntpct",
	 .summary = "ISB; MRS CNTPCT_EL0, native",
	 ARM,
	 .op = "cntpct",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED},
	{.name = "cntpct_trapped",
	 .summary = "ISB; MRS CNTPCT_EL0, counter offset set: trapped",
	 ARM,
	 .op = "cntpct",
	 .provider = "el2",
	 .law = PVTB_LAW_FAST_PATH,
	 .shape = shape_offset,
	 .needs = needs_trapping_offset},
	{.name = "cntpct_offset",
	 .summary = "ISB; MRS CNTPCT_EL0, counter offset set, taken off by the CPU (CNTPOFF_EL2)",
	 ARM,
	 .op = "cntpct",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED,
	 .shape = shape_offset,
	 .needs = needs_hardware_offset},
	{.name = "cntvctss",
	 .summary = "MRS CNTVCTSS_EL0 (FEAT_ECV)",
	 ARM,
	 .op = "cntvctss",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_SELF,
	 .needs = needs_ecv},
	{.name = "cntpctss",
	 .summary = "MRS CNTPCTSS_EL0 (FEAT_ECV)",
	 ARM,
	 .op = "cntpctss",
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_SELF,
	 .needs = needs_ecv},
	{.name = "el0_cntvct",
	 .summary = "ISB; MRS CNTVCT_EL0 in guest user space",
	 ARM,
	 .op = "cntvct",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED},
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
	 .needs = needs_native_stamps},
	{.name = "el0_cntpct_trapped",
	 .summary = "MRS CNTPCT_EL0 in guest user space, trapped to EL1, which scales by LPT",
	 ARM,
	 .op = "cntpct_el0trap",
	 .level = PVTB_LEVEL_USER,
	 .args = {[0] = PVTB_GPA_LPT, [7] = 1},
	 .provider = "guest",
	 .law = PVTB_LAW_GUEST_TRAP,
	 .shape = shape_lpt_el0_physical,
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
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_BARE},
	{.name = "rdtsc_lfence",
	 .summary = "LFENCE; RDTSC",
	 X86,
	 .op = "rdtsc_lfence",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_ORDERED},
	{.name = "rdtscp",
	 .summary = "RDTSCP",
	 X86,
	 .op = "rdtscp",
	 .level = PVTB_LEVEL_USER,
	 .provider = "cpu",
	 .law = PVTB_LAW_NO_TRAP,
	 .native = PVTB_READ_SELF},
	{.name = "rdmsr_tsc",
	 .summary = "RDMSR IA32_TSC: an exit on AMD, passed through on Intel",
	 X86,
	 .op = "rdmsr_tsc",
	 .provider = "kvm",
	 .law = PVTB_LAW_ONE_EXIT,
	 .law_here = law_of_rdmsr_tsc,
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
