// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what an arm64 vCPU is made of: every register KVM lists (core, system, timers, firmware), its
 * events and power state, the address of its stolen time; and the vGICv3 where there is one.
 */
#include "migrate/arch.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

const enum pvtb_mig_arch pvtb_mig_arch = PVTB_MIG_ARM64;
const bool pvtb_mig_arch_keeps_hz = false;

enum kind {
	KIND_REG = 1,
	KIND_MP_STATE,
	KIND_EVENTS,
	KIND_PVTIME,
	KIND_GIC_REDIST, /* id: attribute without the vCPU; 32 bits */
	KIND_GIC_CPU,	 /* likewise; 64 bits */
	KIND_GIC_DIST,	 /* VM */
};

#define REG_BYTES_MAX 256
#define CSSELR_MASK   0xf

static size_t reg_bytes(u64 id)
{
	return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static bool is_sysreg(u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SYSREG;
}

/* CCSIDR_EL1 of each cache, by what CSSELR_EL1 selects it with. */
static bool is_ccsidr(u64 id)
{
	return (id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM_DEMUX;
}

/* The identification space: op0 3, CRn 0, whatever op1 (features, cache geometry, MIDR, CTR). */
static bool is_identity(u64 id)
{
	if (is_ccsidr(id))
		return true;
	return is_sysreg(id) &&
	       (id & KVM_REG_ARM64_SYSREG_OP0_MASK) >> KVM_REG_ARM64_SYSREG_OP0_SHIFT == 3 &&
	       !(id & KVM_REG_ARM64_SYSREG_CRN_MASK);
}

/* The counters are the methods', and writing the physical one would make each of its reads trap. */
static bool is_counter(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

static int get_reg(int fd, u64 id, void *value)
{
	struct kvm_one_reg reg = {.id = id, .addr = (u64)(uintptr_t)value};

	return ioctl(fd, KVM_GET_ONE_REG, &reg) ? -errno : 0;
}

static int set_reg(int fd, u64 id, const void *value)
{
	struct kvm_one_reg reg = {.id = id, .addr = (u64)(uintptr_t)value};

	return ioctl(fd, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}

/* "S3_0_C0_C4_0" as the architecture writes it, else the number. */
static const char *reg_name(u64 id, char *buf, size_t len)
{
	if (is_sysreg(id))
		snprintf(buf, len, "S%u_%u_C%u_C%u_%u",
			 (unsigned int)((id & KVM_REG_ARM64_SYSREG_OP0_MASK) >>
					KVM_REG_ARM64_SYSREG_OP0_SHIFT),
			 (unsigned int)((id & KVM_REG_ARM64_SYSREG_OP1_MASK) >>
					KVM_REG_ARM64_SYSREG_OP1_SHIFT),
			 (unsigned int)((id & KVM_REG_ARM64_SYSREG_CRN_MASK) >>
					KVM_REG_ARM64_SYSREG_CRN_SHIFT),
			 (unsigned int)((id & KVM_REG_ARM64_SYSREG_CRM_MASK) >>
					KVM_REG_ARM64_SYSREG_CRM_SHIFT),
			 (unsigned int)((id & KVM_REG_ARM64_SYSREG_OP2_MASK) >>
					KVM_REG_ARM64_SYSREG_OP2_SHIFT));
	else
		snprintf(buf, len, "%#llx", (unsigned long long)id);
	return buf;
}

static struct kvm_reg_list *reg_list(int fd)
{
	struct kvm_reg_list probe = {.n = 0}, *list;

	/* The first call tells how many there are. */
	if (!ioctl(fd, KVM_GET_REG_LIST, &probe) || errno != E2BIG)
		return NULL;
	list = calloc(1, sizeof(*list) + probe.n * sizeof(list->reg[0]));
	if (!list)
		return NULL;
	list->n = probe.n;
	if (ioctl(fd, KVM_GET_REG_LIST, list)) {
		free(list);
		return NULL;
	}
	return list;
}

/* Those of the list that are identity, or those that are not. */
static int save_regs(int fd, bool identity, struct pvtb_mig_items *items, struct pvtb_err *err)
{
	struct kvm_reg_list *list PVTB_FREE = reg_list(fd);

	if (!list)
		return pvtb_err_sys(err, -errno, "KVM_GET_REG_LIST");
	for (u64 i = 0; i < list->n; i++) {
		u8 value[REG_BYTES_MAX] __attribute__((aligned(16)));
		u64 id = list->reg[i];
		char name[32];
		int ret;

		if (is_identity(id) != identity || is_counter(id))
			continue;
		if (reg_bytes(id) > sizeof(value))
			return pvtb_err_set(err, -E2BIG, reg_name(id, name, sizeof(name)),
					    "%zu bytes in one register", reg_bytes(id));
		ret = get_reg(fd, id, value);
		if (ret)
			return pvtb_err_sys(err, ret, "register %s",
					    reg_name(id, name, sizeof(name)));
		pvtb_mig_items_add(items, KIND_REG, id, value, reg_bytes(id));
	}
	return 0;
}

/* KVM takes the GIC's CPU interface out of these when a VM without one runs for the first time: the
 * source's has run, the target's has not. */
static u64 not_yet_final(struct pvtb_vm *vm, u64 id)
{
	if (pvtb_vm_spec(vm)->irqchip)
		return 0;
	if (id == ARM64_SYS_REG(3, 0, 0, 4, 0)) /* ID_AA64PFR0_EL1.GIC */
		return 0xfULL << 24;
	if (id == ARM64_SYS_REG(3, 0, 0, 1, 1)) /* ID_PFR1_EL1.GIC */
		return 0xfULL << 28;
	return 0;
}

int pvtb_mig_arch_features(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
			   struct pvtb_err *err)
{
	return save_regs(pvtb_vm_vcpu_fd(vm, vcpu), true, items, err);
}

/* Newer KVMs let a VM that has not run yet be given less than the host has. Whether it was is what is read
 * afterwards. */
static int make_same(struct pvtb_vm *vm, int fd, u64 id, u64 theirs, struct pvtb_err *err)
{
	u64 later = not_yet_final(vm, id), mine = 0, now = 0, want;
	bool absent = get_reg(fd, id, &mine);
	char name[32];

	/* One there is not reads as 0. */
	if (!((mine ^ theirs) & ~later))
		return 0;
	want = (theirs & ~later) | (mine & later);
	if (!absent && !set_reg(fd, id, &want) && !get_reg(fd, id, &now) && now == want)
		return 0;
	return pvtb_err_set(
		err, -EXDEV, "CPU",
		"its %s is %#llx, here it is %#llx, and this KVM does not take the other: "
		"the guest would find another CPU",
		reg_name(id, name, sizeof(name)), (unsigned long long)theirs,
		(unsigned long long)mine);
}

/* Of CLIDR_EL1: the cache that CSSELR_EL1 selects by @csselr. KVM's list may know of more. */
static bool has_cache(u64 clidr, u32 csselr)
{
	u32 type = (u32)(clidr >> (csselr >> 1) * 3 & 7);

	return csselr & 1 ? type == 1 || type == 3 : type >= 2;
}

/* The data of the register @id; NULL: it is not among them. */
static const void *find_item(const void *items, size_t items_bytes, u64 id, size_t bytes)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	while (pvtb_mig_items_next(items, items_bytes, &pos, &item, &data) > 0)
		if (item.id == id && item.bytes == bytes)
			return data;
	return NULL;
}

/* What the guest knows of its CPU is what it is to find here. */
int pvtb_mig_arch_check(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
			struct pvtb_err *err)
{
	int fd = pvtb_vm_vcpu_fd(vm, vcpu), ret = 0;
	struct kvm_reg_list *list PVTB_FREE = reg_list(fd);
	const void *found = find_item(items, bytes, ARM64_SYS_REG(3, 1, 0, 0, 1), sizeof(u64));
	u64 clidr = 0;
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	if (!list)
		return pvtb_err_sys(err, -errno, "KVM_GET_REG_LIST");
	if (found)
		memcpy(&clidr, found, sizeof(clidr));
	while (!ret && pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		u64 theirs = 0;
		char name[32];

		if (item.kind != KIND_REG || !is_identity(item.id) ||
		    item.bytes != reg_bytes(item.id) || item.bytes > sizeof(theirs))
			return pvtb_err_set(err, -EPROTO, "migration stream",
					    "%s is no identification register",
					    reg_name(item.id, name, sizeof(name)));
		memcpy(&theirs, data, item.bytes);
		if (is_ccsidr(item.id) && !has_cache(clidr, (u32)item.id & CSSELR_MASK))
			continue;
		ret = make_same(vm, fd, item.id, theirs, err);
	}
	for (u64 i = 0; !ret && i < list->n; i++)
		if (is_identity(list->reg[i]) && !is_ccsidr(list->reg[i]) &&
		    !find_item(items, bytes, list->reg[i], reg_bytes(list->reg[i])))
			ret = make_same(vm, fd, list->reg[i], 0, err);
	return ret;
}

/* ---- vGICv3: what a guest that takes timer interrupts by hand changes ---- */

#define GICD_CTLR	 0x0000
#define GICR_IGROUPR0	 0x10080
#define GICR_ISENABLER0	 0x10100
#define GICR_ISPENDR0	 0x10200
#define GICR_ISACTIVER0	 0x10300
#define GICR_IPRIORITYR0 0x10400 /* 8 registers */
#define GICR_ICFGR1	 0x10c04
#define ICC(op0, op1, crn, crm, op2)                                                               \
	((u64)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static const u64 redist_regs[] = {
	GICR_IGROUPR0,	       GICR_IPRIORITYR0,      GICR_IPRIORITYR0 + 4,  GICR_IPRIORITYR0 + 8,
	GICR_IPRIORITYR0 + 12, GICR_IPRIORITYR0 + 16, GICR_IPRIORITYR0 + 20, GICR_IPRIORITYR0 + 24,
	GICR_IPRIORITYR0 + 28, GICR_ICFGR1,	      GICR_ISENABLER0,	     GICR_ISPENDR0,
	GICR_ISACTIVER0,
};

static const u64 cpu_regs[] = {
	ICC(3, 0, 12, 12, 5), /* SRE */
	ICC(3, 0, 12, 12, 4), /* CTLR */
	ICC(3, 0, 4, 6, 0),   /* PMR */
	ICC(3, 0, 12, 8, 3),  /* BPR0 */
	ICC(3, 0, 12, 12, 3), /* BPR1 */
	ICC(3, 0, 12, 8, 4),  /* AP0R0 */
	ICC(3, 0, 12, 9, 0),  /* AP1R0 */
	ICC(3, 0, 12, 12, 6), /* IGRPEN0 */
	ICC(3, 0, 12, 12, 7), /* IGRPEN1 */
};

static u64 mpidr(unsigned int vcpu)
{
	return ((u64)(vcpu >> 4) << 8 | (vcpu & 15)) << KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

static int gic_attr(int fd, unsigned int request, u32 group, u64 attr, void *value)
{
	struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (u64)(uintptr_t)value};

	return ioctl(fd, request, &a) ? -errno : 0;
}

static int save_gic(int fd, unsigned int vcpu, struct pvtb_mig_items *items, struct pvtb_err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(redist_regs); i++) {
		u32 value = 0;

		ret = gic_attr(fd, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
			       mpidr(vcpu) | redist_regs[i], &value);
		pvtb_mig_items_add(items, KIND_GIC_REDIST, redist_regs[i], &value, sizeof(value));
	}
	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(cpu_regs); i++) {
		u64 value = 0;

		ret = gic_attr(fd, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
			       mpidr(vcpu) | cpu_regs[i], &value);
		pvtb_mig_items_add(items, KIND_GIC_CPU, cpu_regs[i], &value, sizeof(value));
	}
	return ret ? pvtb_err_sys(err, ret, "vGICv3 of vCPU %u", vcpu) : 0;
}

/* ---- a vCPU ---- */

static int pvtime_ipa(int fd, u64 *ret)
{
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VCPU_PVTIME_CTRL,
		.attr = KVM_ARM_VCPU_PVTIME_IPA,
		.addr = (u64)(uintptr_t)ret,
	};

	return ioctl(fd, KVM_GET_DEVICE_ATTR, &attr) ? -errno : 0;
}

int pvtb_mig_arch_save(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
		       struct pvtb_err *err)
{
	int fd = pvtb_vm_vcpu_fd(vm, vcpu), gic = pvtb_vm_irqchip_fd(vm), ret;
	struct kvm_vcpu_events events = {0};
	struct kvm_mp_state mp = {0};
	u64 ipa = 0;

	ret = save_regs(fd, false, items, err);
	if (ret)
		return ret;
	if (ioctl(fd, KVM_GET_MP_STATE, &mp))
		return pvtb_err_sys(err, -errno, "KVM_GET_MP_STATE");
	pvtb_mig_items_add(items, KIND_MP_STATE, 0, &mp, sizeof(mp));
	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &events))
		return pvtb_err_sys(err, -errno, "KVM_GET_VCPU_EVENTS");
	pvtb_mig_items_add(items, KIND_EVENTS, 0, &events, sizeof(events));
	if (pvtb_vm_spec(vm)->steal) {
		ret = pvtime_ipa(fd, &ipa);
		if (ret)
			return pvtb_err_sys(err, ret, "address of the stolen time of vCPU %u",
					    vcpu);
		pvtb_mig_items_add(items, KIND_PVTIME, 0, &ipa, sizeof(ipa));
	}
	return gic >= 0 ? save_gic(gic, vcpu, items, err) : 0;
}

static int load_item(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_mig_item *item,
		     void *data)
{
	int fd = pvtb_vm_vcpu_fd(vm, vcpu), gic = pvtb_vm_irqchip_fd(vm), ret;
	u64 ipa = 0;

	switch (item->kind) {
	case KIND_REG:
		if (is_identity(item->id) || is_counter(item->id) ||
		    item->bytes != reg_bytes(item->id))
			return -EPROTO;
		return set_reg(fd, item->id, data);
	case KIND_MP_STATE:
		if (item->bytes != sizeof(struct kvm_mp_state))
			return -EPROTO;
		return ioctl(fd, KVM_SET_MP_STATE, data) ? -errno : 0;
	case KIND_EVENTS:
		if (item->bytes != sizeof(struct kvm_vcpu_events))
			return -EPROTO;
		return ioctl(fd, KVM_SET_VCPU_EVENTS, data) ? -errno : 0;
	case KIND_PVTIME:
		/* Registered when the VM was made, once and for all: it must be the same. */
		if (item->bytes != sizeof(ipa))
			return -EPROTO;
		ret = pvtime_ipa(fd, &ipa);
		return ret ?: memcmp(&ipa, data, sizeof(ipa)) ? -EADDRNOTAVAIL : 0;
	case KIND_GIC_REDIST:
		if (gic < 0 || item->bytes != sizeof(u32) || item->id >> 32)
			return -EPROTO;
		return gic_attr(gic, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS,
				mpidr(vcpu) | item->id, data);
	case KIND_GIC_CPU:
		if (gic < 0 || item->bytes != sizeof(u64) || item->id >> 32)
			return -EPROTO;
		return gic_attr(gic, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
				mpidr(vcpu) | item->id, data);
	default:
		return -EPROTO;
	}
}

int pvtb_mig_arch_load(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
		       struct pvtb_mig_skipped *skipped, struct pvtb_err *err)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		int ret = load_item(vm, vcpu, &item, (void *)(uintptr_t)data);
		char name[32];

		if (ret == -ENOENT && item.kind == KIND_REG)
			return pvtb_err_set(err, -EXDEV, "CPU",
					    "its register %s is none that this KVM has",
					    reg_name(item.id, name, sizeof(name)));
		if (ret)
			return pvtb_err_sys(err, ret, "vCPU %u: state of kind %u, %s", vcpu,
					    item.kind, reg_name(item.id, name, sizeof(name)));
	}
	return 0;
}

int pvtb_mig_arch_save_vm(struct pvtb_vm *vm, struct pvtb_mig_items *items, struct pvtb_err *err)
{
	int gic = pvtb_vm_irqchip_fd(vm), ret;
	u32 ctlr = 0;

	if (gic < 0)
		return 0;
	ret = gic_attr(gic, KVM_GET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_CTLR, &ctlr);
	pvtb_mig_items_add(items, KIND_GIC_DIST, GICD_CTLR, &ctlr, sizeof(ctlr));
	return ret ? pvtb_err_sys(err, ret, "vGICv3") : 0;
}

int pvtb_mig_arch_load_vm(struct pvtb_vm *vm, const void *items, size_t bytes, bool real,
			  s64 real_offset_ns, struct pvtb_err *err)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		int gic = pvtb_vm_irqchip_fd(vm), ret = -EPROTO;

		if (item.kind == KIND_GIC_DIST && gic >= 0 && item.bytes == sizeof(u32) &&
		    !(item.id >> 32))
			ret = gic_attr(gic, KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
				       item.id, (void *)(uintptr_t)data);
		if (ret)
			return pvtb_err_sys(err, ret, "VM: state of kind %u", item.kind);
	}
	return 0;
}

int pvtb_mig_arch_rescale(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_mig_rescale *r,
			  struct pvtb_err *err)
{
	static const u64 ids[] = {KVM_REG_ARM_TIMER_CVAL, KVM_REG_ARM_PTIMER_CVAL};
	int fd = pvtb_vm_vcpu_fd(vm, vcpu);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(ids); i++) {
		u64 cval = 0;
		int ret = get_reg(fd, ids[i], &cval);

		cval = pvtb_mig_deadline(r, cval);
		ret = ret ?: set_reg(fd, ids[i], &cval);
		if (ret)
			return pvtb_err_sys(err, ret, "timer of vCPU %u", vcpu);
	}
	return 0;
}
