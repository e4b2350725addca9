// SPDX-License-Identifier: GPL-2.0-only
/* Owns: what an x86-64 VM has beside its vCPUs: tables, irqchip, MSR filter, the hypercall
 * instruction of this CPU, the LPT structure. */
#include "vmm/x86_64/x86.h"

#include <cpuid.h>
#include <elf.h>
#include <string.h>
#include <sys/ioctl.h>

#include "stats/lpt.h"
#include "vmm/scale.h"

const u16 pvtb_arch_elf_machine = EM_X86_64;

/* In the order of enum x86_symbol. */
const char *const pvtb_arch_symbols[] = {"pvtb_text_end", "x86_vectors", "x86_hypercalls", NULL};

/* RDMSR IA32_TSC comes to us; every other MSR stays KVM's. A bit that is 0 denies. */
static int filter_tsc(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
				     .args = {KVM_MSR_EXIT_REASON_FILTER}};
	u8 deny = 0;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges = {{.flags = KVM_MSR_FILTER_READ,
			    .nmsrs = 1,
			    .base = X86_MSR_TSC,
			    .bitmap = &deny}},
	};

	if (!vm->caps.msr_filter)
		return pvtb_err_set(err, -EOPNOTSUPP, "MSR filter",
				    "this KVM has no KVM_CAP_X86_MSR_FILTER");
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		return pvtb_err_sys(err, -errno, "KVM_CAP_X86_USER_SPACE_MSR");
	if (ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter))
		return pvtb_err_sys(err, -errno, "KVM_X86_SET_MSR_FILTER");
	return 0;
}

static bool cpu_is_intel(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx;
}

/* The image has AMD's VMMCALL (0f 01 d9); Intel's VMCALL is 0f 01 c1. */
static int choose_hypercall(struct pvtb_vm *vm, struct pvtb_err *err)
{
	static const u8 vmmcall[] = {0x0f, 0x01, 0xd9};
	const u64 *range = pvtb_vm_gpa(vm, vm->ops_symbols[X86_SYM_HYPERCALLS]);
	u64 site, end = range ? range[1] : 0;

	for (site = range ? range[0] : 0; site < end; site += sizeof(u64)) {
		const u64 *gpa = pvtb_vm_gpa(vm, site);
		u8 *insn = gpa && *gpa < PVTB_GPA_IMAGE_END ? pvtb_vm_gpa(vm, *gpa) : NULL;

		if (!insn || memcmp(insn, vmmcall, sizeof(vmmcall)))
			return pvtb_err_set(err, -ENOEXEC, "guest image",
					    "no VMMCALL where site %#llx says",
					    (unsigned long long)site);
		if (cpu_is_intel())
			insn[2] = 0xc1;
	}
	return 0;
}

static int check_features(struct pvtb_vm *vm, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vm->spec;

	if (spec->lpt == PVTB_LPT_KERNEL)
		return pvtb_err_set(err, -EOPNOTSUPP, "LPT", "KVM/x86 has none of its own");
	if (spec->forward_unknown)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "the SMCCC filter is arm64's");
	if (spec->trap_el0_counter || spec->trap_el0_physical)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "CNTKCTL_EL1 is arm64's");
	if (spec->steal && !vm->caps.steal)
		return pvtb_err_set(err, -EOPNOTSUPP, "stolen time",
				    "KVM does not offer KVM_FEATURE_STEAL_TIME (is the kernel "
				    "built with CONFIG_SCHED_INFO?)");
	return 0;
}

/* For vCPUs that are yet to be made, so that they agree. What is not scaled is only what the guest's VMM
 * is told again; a KVM before Linux 5.18 has no such ioctl of a VM. */
static int set_frequency(struct pvtb_vm *vm, struct pvtb_err *err)
{
	u64 hz = vm->spec.counter_hz;
	bool scaled;
	int ret = pvtb_scale_check(hz, vm->caps.counter_hz, vm->caps.tsc_control, &scaled, err);

	if (ret || hz == vm->caps.counter_hz)
		return ret;
	if (ioctl(vm->fd, KVM_SET_TSC_KHZ, (unsigned long)(hz / 1000)) && scaled)
		return pvtb_err_sys(err, -errno, "KVM_SET_TSC_KHZ of %llu kHz",
				    (unsigned long long)(hz / 1000));
	if (scaled)
		vm->counter_hz = hz;
	return 0;
}

int pvtb_arch_vm_init(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct x86_vm *x86;
	int ret;

	ret = check_features(vm, err);
	if (ret)
		return ret;
	x86 = calloc(1, sizeof(*x86));
	if (!x86)
		return pvtb_err_sys(err, -ENOMEM, "VM");
	vm->arch = x86;
	x86->cpuid = pvtb_x86_supported_cpuid(vm->kvm_fd);
	if (!x86->cpuid)
		return pvtb_err_sys(err, -errno, "KVM_GET_SUPPORTED_CPUID");
	ret = pvtb_x86_tables_build(vm, err);
	if (!ret)
		ret = choose_hypercall(vm, err);
	if (!ret)
		ret = set_frequency(vm, err);
	if (ret)
		return ret;
	/* Intel CPUs that cannot run unpaged code keep three pages here; out of our way. */
	(void)ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	if (vm->spec.irqchip && ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return pvtb_err_sys(err, -errno, "KVM_CREATE_IRQCHIP");
	if (vm->spec.forward_tsc_msr)
		ret = filter_tsc(vm, err);
	return ret;
}

/* Ours, in guest memory: there is no call to discover it by, the op is given its address. */
static int publish_lpt(struct pvtb_vm *vm, struct pvtb_err *err)
{
	u64 hz = vm->counter_hz;
	u32 pv_hz = vm->spec.lpt_pv_hz ? vm->spec.lpt_pv_hz : (u32)hz;
	struct pvtb_lpt *shared = pvtb_vm_gpa(vm, PVTB_GPA_LPT);
	struct pvtb_lpt next = {0};
	int ret;

	if (!hz)
		return pvtb_err_set(err, -EOPNOTSUPP, "LPT", "KVM does not know the TSC's rate");
	if (hz > UINT32_MAX)
		return pvtb_err_set(err, -EOPNOTSUPP, "LPT",
				    "a TSC of %llu Hz does not fit the structure's 32 bits",
				    (unsigned long long)hz);
	ret = pvtb_lpt_coefficients((u32)hz, pv_hz, &next);
	if (ret)
		return pvtb_err_sys(err, ret, "LPT of %u Hz", pv_hz);
	pvtb_lpt_publish(shared, &next);
	return 0;
}

int pvtb_arch_vm_ready(struct pvtb_vm *vm, struct pvtb_err *err)
{
	return vm->spec.lpt == PVTB_LPT_VMM ? publish_lpt(vm, err) : 0;
}

int pvtb_arch_irqchip_fd(struct pvtb_vm *vm)
{
	return -1; /* part of the VM itself */
}

void pvtb_arch_vm_free(struct pvtb_vm *vm)
{
	struct x86_vm *x86 = vm->arch;

	if (!x86)
		return;
	free(x86->cpuid);
	free(x86);
	vm->arch = NULL;
}
