// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what an x86-64 vCPU is made of: registers, segments, the FPU's state, debug and extended
 * control registers, every MSR KVM lists, events, power state; its LAPIC and the VM's irqchip where
 * there is one; kvmclock. The TSC is the methods'.
 */
#include "migrate/arch.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

const enum pvtb_mig_arch pvtb_mig_arch = PVTB_MIG_X86_64;
const bool pvtb_mig_arch_keeps_hz = true;

enum kind {
	KIND_CPUID = 1, /* id: function << 32 | index */
	KIND_REGS,
	KIND_SREGS,
	KIND_XCRS,
	KIND_XSAVE,
	KIND_DEBUGREGS,
	KIND_MSR,
	KIND_EVENTS,
	KIND_MP_STATE,
	KIND_LAPIC,
	KIND_IRQCHIP, /* VM; id: which */
	KIND_CLOCK,   /* VM */
};

#define MSR_TSC		       0x10
#define MSR_KVM_WALL_CLOCK     0x11
#define MSR_KVM_SYSTEM_TIME    0x12
#define MSR_KVM_WALL_CLOCK_NEW 0x4b564d00
#define CPUID_MAX	       256

/* What is one structure of KVM's, in the order it is restored in. */
static const struct {
	u32 kind;
	size_t bytes;
	unsigned long get, set;
	const char *name;
	bool irqchip; /* only with one */
} parts[] = {
	{KIND_REGS, sizeof(struct kvm_regs), KVM_GET_REGS, KVM_SET_REGS, "registers", false},
	{KIND_SREGS, sizeof(struct kvm_sregs), KVM_GET_SREGS, KVM_SET_SREGS, "segments", false},
	{KIND_XCRS, sizeof(struct kvm_xcrs), KVM_GET_XCRS, KVM_SET_XCRS, "XCRs", false},
	{KIND_XSAVE, sizeof(struct kvm_xsave), KVM_GET_XSAVE, KVM_SET_XSAVE, "FPU", false},
	{KIND_DEBUGREGS, sizeof(struct kvm_debugregs), KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	 "debug registers", false},
	{KIND_EVENTS, sizeof(struct kvm_vcpu_events), KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS,
	 "events", false},
	{KIND_MP_STATE, sizeof(struct kvm_mp_state), KVM_GET_MP_STATE, KVM_SET_MP_STATE,
	 "power state", false},
	{KIND_LAPIC, sizeof(struct kvm_lapic_state), KVM_GET_LAPIC, KVM_SET_LAPIC, "LAPIC", true},
};

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_MAX];
};

int pvtb_mig_arch_features(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
			   struct pvtb_err *err)
{
	struct cpuid *c PVTB_FREE = calloc(1, sizeof(*c));

	if (!c)
		return pvtb_err_sys(err, -ENOMEM, "CPUID");
	c->head.nent = CPUID_MAX;
	if (ioctl(pvtb_vm_vcpu_fd(vm, vcpu), KVM_GET_CPUID2, &c->head))
		return pvtb_err_sys(err, -errno, "KVM_GET_CPUID2");
	for (u32 i = 0; i < c->head.nent; i++)
		pvtb_mig_items_add(items, KIND_CPUID,
				   (u64)c->head.entries[i].function << 32 |
					   c->head.entries[i].index,
				   &c->head.entries[i], sizeof(c->head.entries[i]));
	return 0;
}

/* Leaves whose registers are sets of features: the ones of these that the guest may use here. */
static const struct {
	u32 function, index;
	bool eax, ebx, ecx, edx;
} feature_leaves[] = {
	{0x1, 0, false, false, true, true},	    {0x7, 0, false, true, true, true},
	{0x7, 1, true, true, true, true},	    {0xd, 0, true, false, false, true},
	{0xd, 1, true, false, false, false},	    {0x80000001, 0, false, false, true, true},
	{0x80000008, 0, false, true, false, false}, {0x40000001, 0, true, false, false, false},
};

static const struct kvm_cpuid_entry2 *entry_of(const struct cpuid *c, u32 function, u32 index)
{
	for (u32 i = 0; i < c->head.nent; i++)
		if (c->head.entries[i].function == function && c->head.entries[i].index == index)
			return &c->head.entries[i];
	return NULL;
}

static int lacks(u32 function, u32 index, const char *reg, u32 theirs, u32 mine,
		 struct pvtb_err *err)
{
	/* CPUID.1: OSXSAVE is the guest's own doing. */
	if (function == 1 && reg[1] == 'C')
		theirs &= ~(1U << 27);
	if (!(theirs & ~mine))
		return 0;
	return pvtb_err_set(err, -EXDEV, "CPU",
			    "its CPUID %#x.%u has features in %s that this host lacks: %#x",
			    function, index, reg, theirs & ~mine);
}

static int check_leaf(const struct kvm_cpuid_entry2 *e, const struct cpuid *here,
		      struct pvtb_err *err)
{
	static const struct kvm_cpuid_entry2 none;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(feature_leaves); i++) {
		const struct kvm_cpuid_entry2 *mine;
		u32 f = e->function, x = e->index;
		int ret = 0;

		if (feature_leaves[i].function != f || feature_leaves[i].index != x)
			continue;
		mine = entry_of(here, f, x) ?: &none;
		if (feature_leaves[i].eax)
			ret = lacks(f, x, "EAX", e->eax, mine->eax, err);
		if (!ret && feature_leaves[i].ebx)
			ret = lacks(f, x, "EBX", e->ebx, mine->ebx, err);
		if (!ret && feature_leaves[i].ecx)
			ret = lacks(f, x, "ECX", e->ecx, mine->ecx, err);
		if (!ret && feature_leaves[i].edx)
			ret = lacks(f, x, "EDX", e->edx, mine->edx, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* What the guest knows of its CPU goes with it, provided that it is true here as well. */
int pvtb_mig_arch_check(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
			struct pvtb_err *err)
{
	struct cpuid *here PVTB_FREE = calloc(1, sizeof(*here));
	struct cpuid *theirs PVTB_FREE = calloc(1, sizeof(*theirs));
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	if (!here || !theirs)
		return pvtb_err_sys(err, -ENOMEM, "CPUID");
	here->head.nent = CPUID_MAX;
	if (ioctl(pvtb_vm_vcpu_fd(vm, vcpu), KVM_GET_CPUID2, &here->head))
		return pvtb_err_sys(err, -errno, "KVM_GET_CPUID2");
	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		struct kvm_cpuid_entry2 *e = &theirs->head.entries[theirs->head.nent];
		int ret;

		if (item.kind != KIND_CPUID || item.bytes != sizeof(*e) ||
		    theirs->head.nent == CPUID_MAX)
			return pvtb_err_set(err, -EPROTO, "migration stream", "its CPUID is none");
		memcpy(e, data, sizeof(*e));
		theirs->head.nent++;
		ret = check_leaf(e, here, err);
		if (ret)
			return ret;
	}
	if (ioctl(pvtb_vm_vcpu_fd(vm, vcpu), KVM_SET_CPUID2, &theirs->head))
		return pvtb_err_sys(err, -errno, "KVM_SET_CPUID2 with the guest's CPUID");
	return 0;
}

/* ---- MSRs ---- */

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static int get_msr(int fd, u32 index, u64 *ret)
{
	struct one_msr m = {.head = {.nmsrs = 1}, .entry = {.index = index}};

	if (ioctl(fd, KVM_GET_MSRS, &m) != 1)
		return -ENOENT;
	*ret = m.entry.data;
	return 0;
}

static int set_msr(int fd, u32 index, u64 value)
{
	struct one_msr m = {.head = {.nmsrs = 1}, .entry = {.index = index, .data = value}};

	return ioctl(fd, KVM_SET_MSRS, &m) == 1 ? 0 : -EINVAL;
}

/* The TSC is the methods'. A write of the wall clock's MSRs has KVM write into the guest, which has
 * its wall clock already; the old number of kvmclock's is another name of the new one's. */
static bool is_left_out(u32 index)
{
	return index == MSR_TSC || index == MSR_KVM_WALL_CLOCK || index == MSR_KVM_SYSTEM_TIME ||
	       index == MSR_KVM_WALL_CLOCK_NEW;
}

static int save_msrs(struct pvtb_vm *vm, int fd, struct pvtb_mig_items *items, struct pvtb_err *err)
{
	struct kvm_msr_list probe = {.nmsrs = 0};
	struct kvm_msr_list *list PVTB_FREE = NULL;

	if (!ioctl(pvtb_vm_kvm_fd(vm), KVM_GET_MSR_INDEX_LIST, &probe) || errno != E2BIG)
		return pvtb_err_sys(err, -errno, "KVM_GET_MSR_INDEX_LIST");
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return pvtb_err_sys(err, -ENOMEM, "MSRs");
	list->nmsrs = probe.nmsrs;
	if (ioctl(pvtb_vm_kvm_fd(vm), KVM_GET_MSR_INDEX_LIST, list))
		return pvtb_err_sys(err, -errno, "KVM_GET_MSR_INDEX_LIST");
	for (u32 i = 0; i < list->nmsrs; i++) {
		u64 value;

		/* Listed because some CPU has it; this guest's need not. */
		if (is_left_out(list->indices[i]) || get_msr(fd, list->indices[i], &value))
			continue;
		pvtb_mig_items_add(items, KIND_MSR, list->indices[i], &value, sizeof(value));
	}
	return 0;
}

static void load_msr(int fd, u32 index, u64 value, struct pvtb_mig_skipped *skipped)
{
	u64 here = 0;
	char name[24];

	if (!set_msr(fd, index, value))
		return;
	/* Cannot be written, and need not be. */
	if (!get_msr(fd, index, &here) && here == value)
		return;
	snprintf(name, sizeof(name), "MSR %#x", index);
	pvtb_mig_skip(skipped, name);
}

/* ---- a vCPU ---- */

int pvtb_mig_arch_save(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
		       struct pvtb_err *err)
{
	int fd = pvtb_vm_vcpu_fd(vm, vcpu);
	u8 buf[sizeof(struct kvm_xsave)] __attribute__((aligned(64)));

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(parts); i++) {
		if (parts[i].irqchip && !pvtb_vm_spec(vm)->irqchip)
			continue;
		memset(buf, 0, sizeof(buf));
		/* A backend may not have all of them. */
		if (ioctl(fd, parts[i].get, buf)) {
			if (errno == EINVAL || errno == ENOTTY)
				continue;
			return pvtb_err_sys(err, -errno, "vCPU %u: %s", vcpu, parts[i].name);
		}
		pvtb_mig_items_add(items, parts[i].kind, 0, buf, parts[i].bytes);
	}
	return save_msrs(vm, fd, items, err);
}

static int load_part(int fd, unsigned int vcpu, const struct pvtb_mig_item *item, const void *data,
		     struct pvtb_err *err)
{
	u8 buf[sizeof(struct kvm_xsave)] __attribute__((aligned(64)));

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(parts); i++) {
		if (parts[i].kind != item->kind || parts[i].bytes != item->bytes)
			continue;
		memcpy(buf, data, item->bytes);
		if (ioctl(fd, parts[i].set, buf))
			return pvtb_err_sys(err, -errno, "vCPU %u: %s", vcpu, parts[i].name);
		return 0;
	}
	return pvtb_err_set(err, -EPROTO, "migration stream", "state of kind %u with %u bytes",
			    item->kind, item->bytes);
}

int pvtb_mig_arch_load(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
		       struct pvtb_mig_skipped *skipped, struct pvtb_err *err)
{
	int fd = pvtb_vm_vcpu_fd(vm, vcpu);
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		u64 value;
		int ret = 0;

		if (item.kind != KIND_MSR) {
			ret = load_part(fd, vcpu, &item, data, err);
		} else if (item.bytes != sizeof(value) || item.id > UINT32_MAX ||
			   is_left_out((u32)item.id)) {
			ret = pvtb_err_set(err, -EPROTO, "migration stream", "no MSR: %#llx",
					   (unsigned long long)item.id);
		} else {
			memcpy(&value, data, sizeof(value));
			load_msr(fd, (u32)item.id, value, skipped);
		}
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- the VM ---- */

int pvtb_mig_arch_save_vm(struct pvtb_vm *vm, struct pvtb_mig_items *items, struct pvtb_err *err)
{
	struct kvm_clock_data clock = {0};

	for (u32 i = 0; pvtb_vm_spec(vm)->irqchip && i < 3; i++) {
		struct kvm_irqchip chip = {.chip_id = i};

		if (ioctl(pvtb_vm_fd(vm), KVM_GET_IRQCHIP, &chip))
			return pvtb_err_sys(err, -errno, "KVM_GET_IRQCHIP %u", i);
		pvtb_mig_items_add(items, KIND_IRQCHIP, i, &chip, sizeof(chip));
	}
	if (ioctl(pvtb_vm_fd(vm), KVM_GET_CLOCK, &clock))
		return pvtb_err_sys(err, -errno, "KVM_GET_CLOCK");
	pvtb_mig_items_add(items, KIND_CLOCK, 0, &clock, sizeof(clock));
	return 0;
}

static int load_clock(struct pvtb_vm *vm, const void *data, bool real, s64 real_offset_ns,
		      struct pvtb_err *err)
{
	struct kvm_clock_data was, clock = {0};

	memcpy(&was, data, sizeof(was));
	clock.clock = was.clock;
	if (real && !(was.flags & KVM_CLOCK_REALTIME))
		return pvtb_err_set(err, -EOPNOTSUPP, "KVM_CLOCK_REALTIME",
				    "the source's KVM did not say when its clock was read "
				    "(its clock source is not the TSC)");
	if (real) {
		clock.flags = KVM_CLOCK_REALTIME;
		clock.realtime = was.realtime + (u64)real_offset_ns;
	}
	if (ioctl(pvtb_vm_fd(vm), KVM_SET_CLOCK, &clock))
		return pvtb_err_sys(err, -errno, "KVM_SET_CLOCK");
	return 0;
}

int pvtb_mig_arch_load_vm(struct pvtb_vm *vm, const void *items, size_t bytes, bool real,
			  s64 real_offset_ns, struct pvtb_err *err)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		struct kvm_irqchip chip;
		int ret = 0;

		if (item.kind == KIND_CLOCK && item.bytes == sizeof(struct kvm_clock_data)) {
			ret = load_clock(vm, data, real, real_offset_ns, err);
		} else if (item.kind == KIND_IRQCHIP && item.bytes == sizeof(chip) &&
			   pvtb_vm_spec(vm)->irqchip) {
			memcpy(&chip, data, sizeof(chip));
			if (chip.chip_id > 2 || ioctl(pvtb_vm_fd(vm), KVM_SET_IRQCHIP, &chip))
				ret = pvtb_err_sys(err, -EINVAL, "KVM_SET_IRQCHIP %u",
						   chip.chip_id);
		} else {
			ret = pvtb_err_set(err, -EPROTO, "migration stream",
					   "VM's state of kind %u with %u bytes", item.kind,
					   item.bytes);
		}
		if (ret)
			return ret;
	}
	return 0;
}

int pvtb_mig_arch_rescale(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_mig_rescale *r,
			  struct pvtb_err *err)
{
	return 0; /* its timers are the VMM's or the LAPIC's, which count their own ticks */
}
