// SPDX-License-Identifier: GPL-2.0-only
/* Owns the arm64 half of a VM's life: what vmm/arch.h asks for, in that order. */
#include "vmm/arm64/arm64.h"

#include <elf.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/counter.h"

/* Exceptions masked; handler stack of the level. */
#define PSTATE_DAIF 0x3c0ULL
#define PSTATE_EL0T 0x0ULL
#define PSTATE_EL1H 0x5ULL

#define CNTKCTL_EL0PCTEN (1ULL << 0)
#define CNTKCTL_EL0VCTEN (1ULL << 1)

/* Reading a vCPU's counter between two of our own: how often, to narrow the bracket. */
#define DELTA_READINGS 256

/* KVM_REG_ARM_TIMER_CNT is CNTVCT_EL0's value under CVAL's encoding: swapped in 2013, and kept
 * (Documentation/virt/kvm/api.rst 4.68). The header's name is the right one to use. */
#define REG_GUEST_CNTVCT KVM_REG_ARM_TIMER_CNT

const u16 pvtb_arch_elf_machine = EM_AARCH64;

const char *const pvtb_arch_symbols[] = {
	[PVTB_ARM64_SYM_VECTORS] = "pvtb_vectors",
	[PVTB_ARM64_SYM_TEXT_END] = "pvtb_text_end",
	NULL,
};

struct pvtb_arm64_vm {
	int gic_fd;
};

int pvtb_arm64_get(int vcpu_fd, u64 id, u64 *ret_value)
{
	u64 value = 0;
	struct kvm_one_reg reg = {.id = id, .addr = (u64)(uintptr_t)&value};

	if (ioctl(vcpu_fd, KVM_GET_ONE_REG, &reg))
		return -errno;
	*ret_value = value;
	return 0;
}

int pvtb_arm64_set(int vcpu_fd, u64 id, u64 value)
{
	struct kvm_one_reg reg = {.id = id, .addr = (u64)(uintptr_t)&value};

	return ioctl(vcpu_fd, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}

int pvtb_arm64_init_vcpu(int vm_fd, int vcpu_fd, struct pvtb_err *err)
{
	struct kvm_vcpu_init init = {0};

	if (ioctl(vm_fd, KVM_ARM_PREFERRED_TARGET, &init))
		return pvtb_err_sys(err, -errno, "KVM_ARM_PREFERRED_TARGET");
	/* Every vCPU is powered on: the harness starts each by entering it, not by PSCI. */
	init.features[0] = 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(vcpu_fd, KVM_ARM_VCPU_INIT, &init))
		return pvtb_err_sys(err, -errno, "KVM_ARM_VCPU_INIT");
	return 0;
}

static int check_spec(struct pvtb_vm *vm, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vm->spec;

	if (spec->pvclock || spec->forward_tsc_msr)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "kvmclock and MSRs are x86's");
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

static int register_steal(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	u64 ipa = PVTB_GPA_STEAL + vcpu->index * sizeof(struct pvtb_arm64_steal);
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (u64)(uintptr_t)&ipa,
	};

	if (!vcpu->vm->spec.steal)
		return 0;
	if (ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr))
		return pvtb_err_sys(err, -errno, "stolen-time structure of vCPU %u", vcpu->index);
	return 0;
}

int pvtb_arch_vcpu_init(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct pvtb_vm *vm = vcpu->vm;
	u64 cntkctl = CNTKCTL_EL0PCTEN;
	int ret;

	if (!vm->spec.trap_el0_counter)
		cntkctl |= CNTKCTL_EL0VCTEN;
	ret = pvtb_arm64_init_vcpu(vm->fd, vcpu->fd, err);
	if (!ret)
		ret = pvtb_arm64_set_mmu(vcpu, err);
	if (ret)
		return ret;
	ret = pvtb_arm64_set(vcpu->fd, REG_VBAR_EL1, vm->ops_symbols[PVTB_ARM64_SYM_VECTORS]);
	if (!ret)
		ret = pvtb_arm64_set(vcpu->fd, REG_CNTKCTL_EL1, cntkctl);
	if (ret)
		return pvtb_err_sys(err, ret, "registers of vCPU %u", vcpu->index);
	return register_steal(vcpu, err);
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

int pvtb_arch_vcpu_enter(struct pvtb_vcpu *vcpu, u64 entry, u64 stack_top, u64 ctl_gpa,
			 enum pvtb_level level, struct pvtb_err *err)
{
	bool user = level == PVTB_LEVEL_USER;
	/* An op at EL0 has the stack; EL1 then handles its exceptions on the lower half. */
	const struct {
		u64 id;
		u64 value;
	} regs[] = {
		{PVTB_COREREG(regs.pc), entry},
		{PVTB_COREREG(regs.pstate), PSTATE_DAIF | (user ? PSTATE_EL0T : PSTATE_EL1H)},
		{PVTB_COREREG(regs.sp), stack_top},
		{PVTB_COREREG(sp_el1), user ? stack_top - PVTB_STACK_BYTES / 2 : stack_top},
		{PVTB_X(0), ctl_gpa},
		{PVTB_X(29), 0},
		{PVTB_X(30), 0},
		{REG_TPIDR_EL1, ctl_gpa},
	};
	unsigned int i;
	int ret;

	for (i = 0; i < PVTB_ARRAY_SIZE(regs); i++) {
		ret = pvtb_arm64_set(vcpu->fd, regs[i].id, regs[i].value);
		if (ret)
			return pvtb_err_sys(err, ret, "entry register %u of vCPU %u", i,
					    vcpu->index);
	}
	return 0;
}

int pvtb_arch_handle_exit(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct kvm_run *run = vcpu->run;
	struct pvtb_fault now;
	char line[256];

	if (run->exit_reason == KVM_EXIT_HYPERCALL)
		return pvtb_arm64_hypercall(vcpu, err);
	pvtb_arch_registers(vcpu, &now);
	pvtb_arch_fault_line(&now, line, sizeof(line));
	if (run->exit_reason == KVM_EXIT_MMIO)
		return pvtb_err_set(err, -EFAULT, "guest",
				    "%s of %u bytes at 0x%llx, where there is nothing: %s",
				    run->mmio.is_write ? "store" : "load", run->mmio.len,
				    (unsigned long long)run->mmio.phys_addr, line);
	return pvtb_err_set(err, -EIO, "KVM_RUN", "unexpected exit %u: %s", run->exit_reason, line);
}

/*
 * Exact when we have set the offset. Otherwise KVM has chosen one, the same for every reading, and
 * tells the guest's counter on demand: each reading between two of our own bounds the difference,
 * and it lies in all of these bounds at once. Both run at CNTFRQ, so the host's counter as user
 * space has it (CNTVCT with offset 0) differs from the guest's by a constant.
 */
int pvtb_arch_counter_delta(struct pvtb_vcpu *vcpu, s64 *ret_delta, u64 *ret_unc,
			    struct pvtb_err *err)
{
	s64 low = INT64_MIN;
	s64 high = INT64_MAX;
	unsigned int i;

	if (vcpu->vm->spec.offset_counter) {
		*ret_delta = -(s64)vcpu->vm->spec.counter_offset;
		*ret_unc = 0;
		return 0;
	}
	for (i = 0; i < DELTA_READINGS; i++) {
		u64 before = pvtb_arch_counter();
		u64 guest = 0;
		int ret = pvtb_arm64_get(vcpu->fd, REG_GUEST_CNTVCT, &guest);
		u64 after = pvtb_arch_counter();

		if (ret)
			return pvtb_err_sys(err, ret, "counter of vCPU %u", vcpu->index);
		if ((s64)(guest - after) > low)
			low = (s64)(guest - after);
		if ((s64)(guest - before) < high)
			high = (s64)(guest - before);
	}
	if (low > high)
		return pvtb_err_set(err, -EPROTO, "counter of the guest",
				    "%lld to %lld ticks from the host's: not a constant distance",
				    (long long)low, (long long)high);
	*ret_delta = low + (high - low) / 2;
	*ret_unc = (u64)(high - low + 1) / 2;
	return 0;
}

void pvtb_arch_vcpu_free(struct pvtb_vcpu *vcpu)
{
	/* All of a vCPU's state is KVM's. */
	free(vcpu->arch);
	vcpu->arch = NULL;
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
