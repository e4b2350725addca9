// SPDX-License-Identifier: GPL-2.0-only
/* Owns the arm64 VM as a whole: what it is asked to be, its offset, its irqchip, its LPT. */
#include "vmm/arm64/arm64.h"

#include <elf.h>
#include <sys/ioctl.h>

const u16 pvtb_arch_elf_machine = EM_AARCH64;

const char *const pvtb_arch_symbols[] = {
	[PVTB_ARM64_SYM_VECTORS] = "pvtb_vectors",
	[PVTB_ARM64_SYM_TEXT_END] = "pvtb_text_end",
	[PVTB_ARM64_SYM_A32_VECTORS] = "pvtb_a32_vectors",
	NULL,
};

static int check_spec(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_vm_spec *spec = &vm->spec;

	if (!spec->granule)
		spec->granule = 4096;
	if (spec->aarch32 && !vm->caps.aarch32)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM",
				    "no AArch32 at EL1 (KVM_CAP_ARM_EL1_32BIT)");
	if (!spec->aarch32 && !(spec->granule & vm->caps.granules))
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "the CPU has no pages of %u bytes",
				    spec->granule);
	if (spec->pvclock || spec->forward_tsc_msr)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "kvmclock and MSRs are x86's");
	if (spec->counter_hz != vm->caps.counter_hz)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM",
				    "a guest's counter has the host's frequency, %llu Hz",
				    (unsigned long long)vm->caps.counter_hz);
	if (spec->steal && !vm->caps.steal)
		return pvtb_err_set(err, -EOPNOTSUPP, "stolen time",
				    "KVM_CAP_STEAL_TIME is missing");
	if (spec->offset_counter && !vm->caps.counter_offset)
		return pvtb_err_set(err, -EOPNOTSUPP, "counter offset",
				    "KVM_CAP_COUNTER_OFFSET is missing (Linux 6.4 has it)");
	return 0;
}

static int set_counter_offset(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct kvm_arm_counter_offset offset = {.counter_offset = vm->spec.counter_offset};

	if (!vm->spec.offset_counter)
		return 0;
	if (ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset))
		return pvtb_err_sys(err, -errno, "KVM_ARM_SET_COUNTER_OFFSET");
	return 0;
}

int pvtb_arch_vm_init(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_arm64_vm *arch;
	int ret;

	ret = check_spec(vm, err);
	if (ret)
		return ret;
	arch = calloc(1, sizeof(*arch));
	if (!arch)
		return pvtb_err_sys(err, -ENOMEM, "VM");
	arch->gic_fd = -1;
	vm->arch = arch;
	ret = pvtb_arm64_build_tables(vm, err);
	if (!ret)
		ret = pvtb_arm64_smccc_filter(vm, err);
	if (!ret)
		ret = set_counter_offset(vm, err);
	if (!ret && vm->spec.lpt == PVTB_LPT_KERNEL)
		ret = pvtb_arm64_lpt_kernel(vm, err);
	if (!ret && vm->spec.irqchip)
		ret = pvtb_arm64_gic_new(vm, &arch->gic_fd, err);
	return ret;
}

int pvtb_arch_vm_ready(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_arm64_vm *arch = vm->arch;
	int ret = 0;

	if (vm->spec.lpt == PVTB_LPT_VMM)
		ret = pvtb_arm64_lpt_publish(vm, err);
	if (!ret && vm->spec.irqchip)
		ret = pvtb_arm64_gic_ready(vm, arch->gic_fd, err);
	return ret;
}

int pvtb_arch_irqchip_fd(struct pvtb_vm *vm)
{
	struct pvtb_arm64_vm *arch = vm->arch;

	return arch ? arch->gic_fd : -1;
}

void pvtb_arch_vm_free(struct pvtb_vm *vm)
{
	struct pvtb_arm64_vm *arch = vm->arch;

	if (!arch)
		return;
	if (arch->gic_fd >= 0)
		close(arch->gic_fd);
	free(arch);
	vm->arch = NULL;
}
