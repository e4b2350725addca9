// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the set-up of the in-kernel vGICv3: enough of it for a pending virtual timer to end a WFI.
 * Interrupts stay masked in PSTATE and are never taken. Documentation/virt/kvm/devices/
 * arm-vgic-v3.rst.
 */
#include "vmm/arm64/arm64.h"

#include <sys/ioctl.h>

#define DIST_BASE   0x38000000ULL
#define REDIST_BASE 0x38100000ULL /* 128 KiB per vCPU */
_Static_assert(REDIST_BASE + PVTB_MAX_VCPUS * 0x20000ULL <= PVTB_GPA_MMIO, "redistributors fit");

#define VTIMER_PPI	 27 /* KVM's default, KVM_ARM_VCPU_TIMER_CTRL */
#define GICD_CTLR	 0x0000
#define GICD_CTLR_GROUP1 (1U << 1)
#define GICR_ISENABLER0	 0x10100
#define ICC_PMR_EL1	 KVM_DEV_ICC(3, 0, 4, 6, 0)
#define ICC_IGRPEN1_EL1	 KVM_DEV_ICC(3, 0, 12, 12, 7)
#define PMR_ALL		 0xf0
#define KVM_DEV_ICC(op0, op1, crn, crm, op2)                                                       \
	((u64)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static int set_attr(int fd, u32 group, u64 attr, const void *value)
{
	struct kvm_device_attr a = {
		.group = group,
		.attr = attr,
		.addr = (u64)(uintptr_t)value,
	};

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &a) ? -errno : 0;
}

int pvtb_arm64_gic_new(struct pvtb_vm *vm, int *ret_fd, struct pvtb_err *err)
{
	struct kvm_create_device dev = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
	u64 dist = DIST_BASE;
	u64 redist = REDIST_BASE;
	int ret;

	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &dev)) {
		if (errno == ENODEV)
			return pvtb_err_set(err, -EOPNOTSUPP, "irqchip", "no vGICv3 on this host");
		return pvtb_err_sys(err, -errno, "vGICv3");
	}
	ret = set_attr((int)dev.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	if (!ret)
		ret = set_attr((int)dev.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
			       &redist);
	if (ret) {
		close((int)dev.fd);
		return pvtb_err_sys(err, ret, "vGICv3 addresses");
	}
	*ret_fd = (int)dev.fd;
	return 0;
}

/* KVM numbers vCPUs Aff0 = index & 15, Aff1 = index >> 4; the attribute has them in its upper half. */
static u64 mpidr_attr(unsigned int index)
{
	return ((u64)(index >> 4) << 8 | (index & 15)) << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

static int enable_vcpu(int fd, unsigned int index)
{
	u64 cpu = mpidr_attr(index);
	u32 ppi = 1U << VTIMER_PPI;
	u64 pmr = PMR_ALL;
	u64 group1 = 1;
	int ret;

	ret = set_attr(fd, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, cpu | GICR_ISENABLER0, &ppi);
	if (!ret)
		ret = set_attr(fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, cpu | ICC_PMR_EL1, &pmr);
	if (!ret)
		ret = set_attr(fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, cpu | ICC_IGRPEN1_EL1,
			       &group1);
	return ret;
}

int pvtb_arm64_gic_ready(struct pvtb_vm *vm, int gic_fd, struct pvtb_err *err)
{
	u32 ctlr = GICD_CTLR_GROUP1;
	unsigned int i;
	int ret;

	ret = set_attr(gic_fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (!ret)
		ret = set_attr(gic_fd, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, &ctlr);
	for (i = 0; !ret && i < vm->spec.nr_vcpus; i++)
		ret = enable_vcpu(gic_fd, i);
	return ret ? pvtb_err_sys(err, ret, "vGICv3 set-up") : 0;
}
