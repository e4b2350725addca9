// SPDX-License-Identifier: GPL-2.0-only
/* Rows PVC: KVM_ARM_VCPU_PVTIME_CTRL, the VMM's side of arm64 stolen time (devices/vcpu.rst 3). */
#include "bench/conformance/check.h"

#define VCPU_DOC "devices/vcpu.rst 3"
#define IPA_KEY	 ((u64)CF_PVTIME_CTRL << 32 | CF_PVTIME_IPA)
#define OTHER	 99

static int set_ipa(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 ipa)
{
	return cf_attr(cf, cf_vcpu_fd(vm, vcpu), KVM_SET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA,
		       &ipa);
}

static void pvc_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int cap = cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CHECK_EXTENSION, CF_CAP_STEAL_TIME);
	int has = cf_attr(cf, cf_vcpu_fd(vm, 0), KVM_HAS_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA,
			  NULL);

	cf_errno(cf, has, cap == 1 ? 0 : -ENXIO,
		 "KVM_HAS_DEVICE_ATTR where KVM_CAP_STEAL_TIME is %d", cap);
}
CF_ROW(pvc_01, .id = "PVC-01", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = "api.rst 8.24",
       .quote =
	       "if one says the feature is supported, than the other should as well and vice versa",
       .statement = "the attribute is there exactly where KVM_CAP_STEAL_TIME is 1",
       .how = "both asked, both ways", .run = pvc_01,
       .mutant = CF_M_RET(KVM_CHECK_EXTENSION, CF_CAP_STEAL_TIME, CF_XOR, 1));

CF_ROW(pvc_02, .id = "PVC-02", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = VCPU_DOC,
       .quote = "-ENXIO Stolen time not implemented",
       .statement = "where stolen time is not implemented the attribute is ENXIO",
       .manual = "wants a kernel without CONFIG_SCHED_INFO; PVC-01 holds the two sides together");

static void pvc_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);
	u64 value = PVTB_GPA_STEAL;

	cf_errno(cf, cf_attr(cf, fd, KVM_HAS_DEVICE_ATTR, CF_PVTIME_CTRL, OTHER, &value), -ENXIO,
		 "KVM_HAS_DEVICE_ATTR of attribute %d", OTHER);
	cf_errno(cf, cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_PVTIME_CTRL, OTHER, &value), -ENXIO,
		 "KVM_GET_DEVICE_ATTR of attribute %d", OTHER);
	cf_errno(cf, cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_PVTIME_CTRL, OTHER, &value), -ENXIO,
		 "KVM_SET_DEVICE_ATTR of attribute %d", OTHER);
}
CF_ROW(pvc_03, .id = "PVC-03", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/pvtime.c",
       .quote = "attr->attr != KVM_ARM_VCPU_PVTIME_IPA) return -ENXIO;", .cap = CF_CAP_STEAL_TIME,
       .statement = "an unknown attribute of the group is ENXIO to has, get and set",
       .how = "attribute 99 by all three", .run = pvc_03,
       .mutant = CF_M_ERRNO(KVM_GET_DEVICE_ATTR, (u64)CF_PVTIME_CTRL << 32 | OTHER, -ENXIO,
			    -EINVAL));

static void pvc_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (unsigned int bit = 0; bit < 6; bit++)
		cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL | 1U << bit), -EINVAL,
			 "an address with bit %u set", bit);
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), 0, "an aligned one after them");
}
CF_ROW(pvc_04, .id = "PVC-04", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = VCPU_DOC,
       .quote = "-EINVAL Base address not 64 byte aligned", .cap = CF_CAP_STEAL_TIME,
       .statement = "an address that is not a multiple of 64 is EINVAL",
       .how = "each of the six bits; an aligned address is still accepted", .run = pvc_04,
       .mutant = CF_M_ERRNO_AFTER(KVM_SET_DEVICE_ATTR, IPA_KEY, -EINVAL, 0, 5));

static void pvc_05(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), 0, "the first time");
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL + 64), -EEXIST, "another address");
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), -EEXIST, "the same address again");
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL + 1), -EINVAL,
		 "an unaligned one when one is set");
}
CF_ROW(pvc_05, .id = "PVC-05", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = VCPU_DOC,
       .quote = "-EEXIST Base address already set for this VCPU", .cap = CF_CAP_STEAL_TIME,
       .statement = "the address can be set once: after that EEXIST, with the same value too",
       .how = "set twice, same and other; an unaligned one is EINVAL first", .run = pvc_05,
       .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, IPA_KEY, -EEXIST, 0));

static void pvc_06(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_MMIO), -EINVAL, "an address without memory");
	cf_errno(cf, set_ipa(cf, vm, 0, 0x4000000000ULL), -EINVAL, "an address far above it");
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), 0, "one in memory after them");
}
CF_ROW(pvc_06, .id = "PVC-06", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = VCPU_DOC,
       .quote = "must be 64 byte aligned and exist within a valid guest memory region",
       .cap = CF_CAP_STEAL_TIME, .statement = "an address outside the guest's memory is EINVAL",
       .how = "two addresses in no memory region; one inside is still accepted", .run = pvc_06,
       .also = "PVC-04 PVC-05", .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, IPA_KEY, -EINVAL, 0));

static void pvc_07(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);

	cf_errno(
		cf,
		cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA, CF_BAD_POINTER),
		-EFAULT, "set from an address nobody has mapped");
	cf_errno(
		cf,
		cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA, CF_BAD_POINTER),
		-EFAULT, "get to an address nobody has mapped");
}
CF_ROW(pvc_07, .id = "PVC-07", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/pvtime.c", .quote = "if (get_user(ipa, user)) return -EFAULT;",
       .cap = CF_CAP_STEAL_TIME, .statement = "a bad pointer is EFAULT",
       .how = "set and get by a pointer to nothing", .run = pvc_07,
       .mutant = CF_M_ERRNO(KVM_GET_DEVICE_ATTR, IPA_KEY, -EFAULT, 0));

static void pvc_08(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);
	u64 value = 0;

	cf_errno(cf, cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA, &value), 0,
		 "get before set");
	cf_eq(cf, value, ~0ULL, "address before it is set");
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), 0, "set");
	cf_errno(cf, cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA, &value), 0,
		 "get after set");
	cf_eq(cf, value, PVTB_GPA_STEAL, "address after it is set");
}
CF_ROW(pvc_08, .id = "PVC-08", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/pvtime.c", .quote = "ipa = vcpu->arch.steal.base;",
       .cap = CF_CAP_STEAL_TIME,
       .statement = "get answers the address, and all ones before there is one",
       .how = "before and after it is set", .run = pvc_08,
       .mutant = CF_M_VALUE_AFTER(KVM_GET_DEVICE_ATTR, IPA_KEY, 0, 8, CF_XOR, 64, 1));

static void pvc_09(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2});

	cf_run_once(cf, vm, 0);
	cf_errno(cf, set_ipa(cf, vm, 0, PVTB_GPA_STEAL), 0, "set on a vCPU that has run");
	cf_errno(cf, set_ipa(cf, vm, 1, PVTB_GPA_STEAL), 0, "two vCPUs on one address");
}
CF_ROW(pvc_09, .id = "PVC-09", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/pvtime.c",
       .quote = "if (vcpu->arch.steal.base != INVALID_GPA) return -EEXIST;",
       .cap = CF_CAP_STEAL_TIME,
       .statement =
	       "the address may be set after the vCPU has run, and two vCPUs may have the same",
       .how = "both tried; nobody promises it", .run = pvc_09,
       .also = "PVT-03 PVT-18 PVC-04 PVC-05 PVC-06 PVC-08",
       .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, IPA_KEY, 0, -EBUSY));

static void pvc_10(struct cf *cf)
{
	const int cpu = cf_some_cpu();
	struct pvtb_vm *vm =
		cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true, .cpus = &cpu});
	struct pvtb_step s[] = {CF_HVC(CF_PV_ST), CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, 100)),
				CF_EXIT, CF_READ64(PVTB_GPA_STEAL + 8)};
	FILE *f PVTB_FCLOSE = fopen("/proc/sys/kernel/sched_schedstats", "re");
	s64 waited;
	int on = 0;

	if (f && fscanf(f, "%d", &on) == 1 && on)
		cf_skip(cf, "schedstats are on here, and the host's to decide");
	cf_run_once(cf, vm, 0);
	waited = cf_run_delay_ns(vm, 0);
	cf_stream_beside_hog(cf, vm, 0, cpu, s, 4);
	if (!s[3].out[0] && cf_run_delay_ns(vm, 0) <= waited)
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_true(cf, s[3].out[0] > 0, "nothing stolen in 100 ms beside a busy process");
}
CF_ROW(pvc_10, .id = "PVC-10", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "kernel/sched/stats.h",
       .quote = "static inline void sched_info_dequeue(struct rq *rq, struct task_struct *t)",
       .cap = CF_CAP_STEAL_TIME,
       .statement = "stolen time is counted whether or not schedstats are switched on",
       .how = "beside a busy process, where kernel.sched_schedstats is 0", .alone = true,
       .run = pvc_10, .also = "PVT-11 PVT-12 PVT-13 PVT-17 PVT-21",
       .mutant = CF_M_MEM(PVTB_GPA_STEAL + 8, 8, CF_SET, 0));
