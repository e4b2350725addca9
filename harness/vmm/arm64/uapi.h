/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM/arm64 user interface that is newer than the headers this must build with (Linux 6.1). */
#ifndef PVTB_VMM_ARM64_UAPI_H
#define PVTB_VMM_ARM64_UAPI_H

#include <linux/kvm.h>

/* Linux 6.4: one offset for both counters of a VM, Documentation/virt/kvm/api.rst 4.138. */
#ifndef KVM_CAP_COUNTER_OFFSET
#define KVM_CAP_COUNTER_OFFSET 227
struct kvm_arm_counter_offset {
	__u64 counter_offset;
	__u64 reserved;
};
#define KVM_ARM_SET_COUNTER_OFFSET _IOW(KVMIO, 0xb5, struct kvm_arm_counter_offset)
#endif

/* Linux 6.4: SMCCC filter, Documentation/virt/kvm/devices/vm.rst 6. */
#ifndef KVM_ARM_VM_SMCCC_CTRL
#define KVM_ARM_VM_SMCCC_CTRL	0
#define KVM_ARM_VM_SMCCC_FILTER 0
enum kvm_smccc_filter_action {
	KVM_SMCCC_FILTER_HANDLE = 0,
	KVM_SMCCC_FILTER_DENY,
	KVM_SMCCC_FILTER_FWD_TO_USER,
};
struct kvm_smccc_filter {
	__u32 base;
	__u32 nr_functions;
	__u8 action;
	__u8 pad[15];
};
#endif

/* The LPT series of 2020, never merged; upstream has given its group to the SMCCC filter, so only
 * the second attribute tells. */
#define PVTB_KVM_ARM_VM_LPT_CTRL 0
#define PVTB_KVM_ARM_VM_LPT_IPA	 0
#define PVTB_KVM_ARM_VM_LPT_FREQ 1

#endif
