// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the calls a guest makes that come to us (SMCCC filter, DEN 0028) and Live Physical Time:
 * provided here on a stock kernel, set up in a kernel that has it (DEN 0057A, KVM RFC 2020).
 */
#include "vmm/arm64/arm64.h"

#include <sys/ioctl.h>

#include "stats/lpt.h"

#define PV_TIME_FEATURES 0xc5000020U
#define PV_TIME_ST	 0xc5000021U
#define PV_TIME_LPT	 0xc5000022U
#define SMCCC_OK	 0ULL
#define NOT_SUPPORTED	 (~0ULL)

/* The vendor test range: SMC64 calls of the vendor specific hypervisor service (DEN 0028, owner 6),
 * function numbers KVM does not use. */
#define VENDOR_TEST_BASE 0xc600ff00U
#define VENDOR_TEST_NR	 16

static int vm_attr(int vm_fd, u32 group, u64 attr, const void *value)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (u64)(uintptr_t)value,
	};

	return ioctl(vm_fd, KVM_SET_DEVICE_ATTR, &a) ? -errno : 0;
}

static int forward(struct pvtb_vm *vm, u32 base, u32 nr, struct pvtb_err *err)
{
	struct kvm_smccc_filter filter = {
		.base = base,
		.nr_functions = nr,
		.action = KVM_SMCCC_FILTER_FWD_TO_USER,
	};
	int ret = vm_attr(vm->fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &filter);

	return ret ? pvtb_err_sys(err, ret, "SMCCC filter for 0x%x", base) : 0;
}

int pvtb_arm64_smccc_filter(struct pvtb_vm *vm, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vm->spec;
	bool lpt = spec->lpt == PVTB_LPT_VMM && !spec->lpt_unasked;
	int ret = 0;

	if (!lpt && !spec->forward_unknown && !spec->steal_by_caller)
		return 0;
	if (!vm->caps.smccc_filter)
		return pvtb_err_set(err, -EOPNOTSUPP, "SMCCC filter",
				    "this kernel has none (Linux 6.4 has it)");
	if (lpt || spec->steal_by_caller)
		ret = forward(vm, PV_TIME_FEATURES, 1, err);
	/* Otherwise the stolen time is KVM's own. */
	if (!ret && spec->steal_by_caller)
		ret = forward(vm, PV_TIME_ST, 1, err);
	if (!ret && lpt)
		ret = forward(vm, PV_TIME_LPT, 1, err);
	if (!ret && spec->forward_unknown)
		ret = forward(vm, VENDOR_TEST_BASE, VENDOR_TEST_NR, err);
	return ret;
}

static u32 pv_hz(const struct pvtb_vm *vm)
{
	return vm->spec.lpt_pv_hz ? vm->spec.lpt_pv_hz : (u32)vm->caps.counter_hz;
}

int pvtb_arm64_lpt_kernel(struct pvtb_vm *vm, struct pvtb_err *err)
{
	u64 ipa = PVTB_GPA_LPT;
	u32 hz = pv_hz(vm);
	int ret;

	if (!vm->caps.lpt_in_kernel)
		return pvtb_err_set(err, -EOPNOTSUPP, "LPT", "this kernel does not provide it");
	ret = vm_attr(vm->fd, PVTB_KVM_ARM_VM_LPT_CTRL, PVTB_KVM_ARM_VM_LPT_IPA, &ipa);
	if (!ret)
		ret = vm_attr(vm->fd, PVTB_KVM_ARM_VM_LPT_CTRL, PVTB_KVM_ARM_VM_LPT_FREQ, &hz);
	return ret ? pvtb_err_sys(err, ret, "LPT of the kernel") : 0;
}

int pvtb_arm64_lpt_publish(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_lpt next = {0};
	int ret;

	ret = pvtb_lpt_coefficients((u32)vm->caps.counter_hz, pv_hz(vm), &next);
	if (ret)
		return pvtb_err_sys(err, ret, "LPT from %llu to %u Hz",
				    (unsigned long long)vm->caps.counter_hz, pv_hz(vm));
	pvtb_lpt_publish((struct pvtb_lpt *)pvtb_vm_gpa(vm, PVTB_GPA_LPT), &next);
	return 0;
}

static u64 answer(const struct pvtb_vcpu *vcpu, u32 function, u32 arg)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	bool lpt = spec->lpt == PVTB_LPT_VMM, steal = spec->steal || spec->steal_by_caller;

	if (function == PV_TIME_LPT && lpt)
		return PVTB_GPA_LPT;
	if (function == PV_TIME_ST && spec->steal_by_caller)
		return PVTB_GPA_STEAL + vcpu->index * sizeof(struct pvtb_arm64_steal);
	if (function != PV_TIME_FEATURES)
		return NOT_SUPPORTED;
	switch (arg) {
	case PV_TIME_FEATURES:
		return lpt || steal ? SMCCC_OK : NOT_SUPPORTED;
	case PV_TIME_ST:
		return steal ? SMCCC_OK : NOT_SUPPORTED;
	case PV_TIME_LPT:
		return lpt ? SMCCC_OK : NOT_SUPPORTED;
	default:
		return NOT_SUPPORTED;
	}
}

/* KVM has stepped over the call already, HVC and SMC alike; only x0 is ours to write. */
int pvtb_arm64_hypercall(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	u32 function = (u32)vcpu->run->hypercall.nr;
	u64 arg = 0;
	int ret = 0;

	vcpu->result.exit_hypercall++;
	if (function == PV_TIME_FEATURES)
		ret = pvtb_arm64_get(vcpu->fd, PVTB_X(1), &arg);
	if (!ret)
		ret = pvtb_arm64_set(vcpu->fd, PVTB_X(0), answer(vcpu, function, (u32)arg));
	return ret ? pvtb_err_sys(err, ret, "answer to call 0x%x", function) : 0;
}
