// SPDX-License-Identifier: GPL-2.0-only
/* Owns an arm64 vCPU: its registers, how it is entered, its exits, its counter. */
#include "vmm/arm64/arm64.h"

#include <sys/ioctl.h>

#include "arch/counter.h"

/* Exceptions masked; handler stack of the level. */
#define PSTATE_DAIF    0x3c0ULL
#define PSTATE_EL0T    0x0ULL
#define PSTATE_EL1H    0x5ULL
/* AArch32 Supervisor mode, A32, little-endian, A, I and F masked. */
#define PSTATE_A32_SVC 0x1d3ULL

#define CNTKCTL_EL0PCTEN (1ULL << 0)
#define CNTKCTL_EL0VCTEN (1ULL << 1)

/* Reading a vCPU's counter between two of our own: how often, to narrow the bracket. */
#define DELTA_READINGS 256

/* KVM_REG_ARM_TIMER_CNT is CNTVCT_EL0's value under CVAL's encoding: swapped in 2013, and kept
 * (Documentation/virt/kvm/api.rst 4.68). The header's name is the right one to use. */
#define REG_GUEST_CNTVCT KVM_REG_ARM_TIMER_CNT

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

int pvtb_arm64_init_vcpu(int vm_fd, int vcpu_fd, bool aarch32, struct pvtb_err *err)
{
	struct kvm_vcpu_init init = {0};

	if (ioctl(vm_fd, KVM_ARM_PREFERRED_TARGET, &init))
		return pvtb_err_sys(err, -errno, "KVM_ARM_PREFERRED_TARGET");
	/* Every vCPU is powered on: the harness starts each by entering it, not by PSCI. */
	init.features[0] = 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (aarch32)
		init.features[0] |= 1U << KVM_ARM_VCPU_EL1_32BIT;
	if (ioctl(vcpu_fd, KVM_ARM_VCPU_INIT, &init))
		return pvtb_err_sys(err, -errno, "KVM_ARM_VCPU_INIT");
	return 0;
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
	u64 cntkctl = vm->spec.trap_el0_physical ? 0 : CNTKCTL_EL0PCTEN;
	int ret;

	if (!vm->spec.trap_el0_counter)
		cntkctl |= CNTKCTL_EL0VCTEN;
	ret = pvtb_arm64_init_vcpu(vm->fd, vcpu->fd, vm->spec.aarch32, err);
	if (!ret)
		ret = pvtb_arm64_set_mmu(vcpu, err);
	if (ret)
		return ret;
	ret = pvtb_arm64_set(vcpu->fd, REG_VBAR_EL1,
			     vm->ops_symbols[vm->spec.aarch32 ? PVTB_ARM64_SYM_A32_VECTORS
							      : PVTB_ARM64_SYM_VECTORS]);
	if (!ret)
		ret = pvtb_arm64_set(vcpu->fd, REG_CNTKCTL_EL1, cntkctl);
	if (ret)
		return pvtb_err_sys(err, ret, "registers of vCPU %u", vcpu->index);
	return register_steal(vcpu, err);
}

int pvtb_arch_vcpu_enter(struct pvtb_vcpu *vcpu, u64 entry, u64 stack_top, u64 ctl_gpa,
			 enum pvtb_level level, struct pvtb_err *err)
{
	bool user = level == PVTB_LEVEL_USER;
	u64 pstate = vcpu->vm->spec.aarch32 ? PSTATE_A32_SVC
		     : user		    ? PSTATE_DAIF | PSTATE_EL0T
					    : PSTATE_DAIF | PSTATE_EL1H;
	/* An op at EL0 has the stack; EL1 then handles its exceptions on the lower half. */
	const struct {
		u64 id;
		u64 value;
	} regs[] = {
		{PVTB_COREREG(regs.pc), entry},
		{PVTB_COREREG(regs.pstate), pstate},
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

/* KVM tells the guest's counter on demand: a reading between two of our own bounds the difference,
 * and being constant it lies in the bounds of all readings at once. */
static int delta_by_register(struct pvtb_vcpu *vcpu, s64 *ret_low, s64 *ret_high,
			     struct pvtb_err *err)
{
	s64 low = INT64_MIN;
	s64 high = INT64_MAX;
	unsigned int i;

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
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* The guest itself does it better: while no offset is set its CNTPCT is the very counter the host
 * reads, and it can read both within a few ticks. */
static int delta_by_guest(struct pvtb_vcpu *vcpu, s64 *ret_low, s64 *ret_high)
{
	const struct pvtb_cmd cmd = {.op = "clock_pair", .count = DELTA_READINGS, .warmup = 16};
	struct pvtb_cmd_result res;
	int ret = pvtb_vm_exec(vcpu->vm, vcpu->index, &cmd, 1000, &res, NULL);

	if (ret)
		return ret;
	*ret_low = (s64)(res.ret[0] - res.ret[1]);
	*ret_high = (s64)(res.ret[2] - res.ret[1]);
	return 0;
}

/*
 * Exact when we have set the offset; else KVM has chosen one, the same for all vCPUs. The guest's
 * own reading counts only where KVM's confirms it (a host that is itself a guest may have an offset
 * between its two counters), and is kept: it cannot be repeated while the vCPU is at work.
 */
int pvtb_arch_counter_delta(struct pvtb_vcpu *vcpu, s64 *ret_delta, u64 *ret_unc,
			    struct pvtb_err *err)
{
	struct pvtb_arm64_vm *arch = vcpu->vm->arch;
	s64 low = 0, high = 0, guest_low, guest_high;
	int ret;

	if (vcpu->vm->spec.offset_counter) {
		*ret_delta = -(s64)vcpu->vm->spec.counter_offset;
		*ret_unc = 0;
		return 0;
	}
	if (!arch->delta_known) {
		ret = delta_by_register(vcpu, &low, &high, err);
		if (ret)
			return ret;
		if (!delta_by_guest(vcpu, &guest_low, &guest_high) && guest_high >= low &&
		    guest_low <= high) {
			low = guest_low;
			high = guest_high;
			arch->delta_known = true;
		}
		arch->delta_ticks = low + (high - low) / 2;
		arch->delta_unc_ticks = (u64)(high - low + 1) / 2;
	}
	*ret_delta = arch->delta_ticks;
	*ret_unc = arch->delta_unc_ticks;
	return 0;
}

const bool pvtb_arch_counter_is_vms = true;

int pvtb_arch_get_counter(struct pvtb_vcpu *vcpu, u64 *ret_ticks, struct pvtb_err *err)
{
	int ret = pvtb_arm64_get(vcpu->fd, REG_GUEST_CNTVCT, ret_ticks);

	return ret ? pvtb_err_sys(err, ret, "counter of vCPU %u", vcpu->index) : 0;
}

int pvtb_arch_scaled_counter(struct pvtb_vcpu *vcpu, u64 host_ticks, u64 *ret_ticks, u64 *ret_unc,
			     struct pvtb_err *err)
{
	*ret_ticks = host_ticks; /* nothing scales it */
	*ret_unc = 0;
	return 0;
}

int pvtb_arch_set_counter(struct pvtb_vcpu *vcpu, u64 ticks, struct pvtb_err *err)
{
	struct pvtb_arm64_vm *arch = vcpu->vm->arch;
	int ret;

	if (vcpu->vm->spec.offset_counter)
		return pvtb_err_set(
			err, -EOPNOTSUPP, "counter",
			"KVM ignores its value once KVM_ARM_SET_COUNTER_OFFSET was used");
	ret = pvtb_arm64_set(vcpu->fd, REG_GUEST_CNTVCT, ticks);
	if (ret)
		return pvtb_err_sys(err, ret, "counter of vCPU %u", vcpu->index);
	arch->delta_known = false;
	return 0;
}

int pvtb_arch_set_counter_delta(struct pvtb_vcpu *vcpu, s64 delta, struct pvtb_err *err)
{
	struct kvm_arm_counter_offset offset = {.counter_offset = -(u64)delta};
	struct pvtb_vm *vm = vcpu->vm;

	if (!vm->caps.counter_offset)
		return pvtb_err_set(err, -EOPNOTSUPP, "counter offset",
				    "KVM_CAP_COUNTER_OFFSET is missing (Linux 6.4 has it)");
	if (ioctl(vm->fd, KVM_ARM_SET_COUNTER_OFFSET, &offset))
		return pvtb_err_sys(err, -errno, "KVM_ARM_SET_COUNTER_OFFSET");
	vm->spec.offset_counter = true;
	vm->spec.counter_offset = offset.counter_offset;
	return 0;
}

void pvtb_arch_vcpu_free(struct pvtb_vcpu *vcpu)
{
	/* All of a vCPU's state is KVM's. */
	free(vcpu->arch);
	vcpu->arch = NULL;
}
