// SPDX-License-Identifier: GPL-2.0-only
/* Rows FWR: which calls the firmware bitmap registers let a guest make (arm/fw-pseudo-registers.rst). */
#include "bench/conformance/check.h"

#define FW_DOC	     "arm/fw-pseudo-registers.rst"
/* No kernel has that many. */
#define NO_SUCH_BMAP CF_REG_FW_BMAP(0xff)

static const u64 bitmaps[] = {CF_REG_STD_BMAP, CF_REG_STD_HYP_BMAP, CF_REG_VENDOR_BMAP};

/* A bit more than the register has is EINVAL: it holds all the kernel supports. */
static void holds_everything(struct cf *cf, u64 reg, const char *name)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	u64 value = 0;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), reg, &value), 0, "%s", name);
	for (unsigned int bit = 0; bit < 64; bit++)
		if (!(value >> bit & 1))
			cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), reg, value | 1ULL << bit),
				 -EINVAL, "bit %u of %s, which begins as %#llx", bit, name,
				 (unsigned long long)value);
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), reg, value), 0, "%s as it is", name);
}

static void fwr_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	u64 value = 0;
	int ret;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_STD_HYP_BMAP, &value), 0,
		 "KVM_REG_ARM_STD_HYP_BMAP");
	cf_true(cf, value & 1, "bit 0 (PV time) is clear in %#llx", (unsigned long long)value);
	holds_everything(cf, CF_REG_STD_BMAP, "KVM_REG_ARM_STD_BMAP");
	holds_everything(cf, CF_REG_STD_HYP_BMAP, "KVM_REG_ARM_STD_HYP_BMAP");
	holds_everything(cf, CF_REG_VENDOR_BMAP, "KVM_REG_ARM_VENDOR_HYP_BMAP");
	ret = cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_VENDOR_BMAP2, &value);
	if (ret == -ENOENT)
		cf_note(cf, "no KVM_REG_ARM_VENDOR_HYP_BMAP_2 in this kernel");
	else if (cf_errno(cf, ret, 0, "KVM_REG_ARM_VENDOR_HYP_BMAP_2"))
		cf_eq(cf, value, 0, "KVM_REG_ARM_VENDOR_HYP_BMAP_2 of a new vCPU");
}
CF_ROW(fwr_01, .id = "FWR-01", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote =
	       "By default, these registers are set with the upper limit of the features that are supported",
       .since = "5.19",
       .statement =
	       "the bitmaps begin with everything the kernel supports, PV time (bit 0 of "
	       "KVM_REG_ARM_STD_HYP_BMAP) among it; KVM_REG_ARM_VENDOR_HYP_BMAP_2 (Linux 6.15), whose "
	       "functions are the VMM's, begins as 0",
       .how = "the registers of a new vCPU; every bit that is clear in one of the first three is EINVAL to set",
       .run = fwr_01, .also = "FWR-02 FWR-07 FWR-08",
       .mutant = CF_M_VALUE(KVM_GET_ONE_REG, CF_REG_VENDOR_BMAP, 0, 8, CF_XOR, 2));

static void fwr_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true});

	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), CF_REG_STD_HYP_BMAP, 0), 0, "clearing bit 0");
	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, 0, 0),
	      CF_NOT_SUPPORTED, "ARCH_FEATURES(PV_TIME_FEATURES)");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0), CF_NOT_SUPPORTED, "PV_TIME_ST");
}
CF_ROW(fwr_02, .id = "FWR-02", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote =
	       "The bit represents the Paravirtualized Time service as represented by ARM DEN0057A",
       .since = "5.19",
       .statement = "with bit 0 of KVM_REG_ARM_STD_HYP_BMAP clear all three calls of "
		    "PV time answer -1",
       .how = "cleared before the first run of a vCPU that has a structure", .run = fwr_02,
       .also = "FWR-04 FWR-08",
       .mutant = CF_M_INPUT(KVM_SET_ONE_REG, CF_REG_STD_HYP_BMAP, 0, 8, CF_XOR, 1));

static void fwr_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bitmaps); i++)
		cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), bitmaps[i], 1ULL << 63), -EINVAL,
			 "bit 63 of bitmap %zu", i);
}
CF_ROW(fwr_03, .id = "FWR-03", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote = "-EINVAL Invalid bitmap written to the register", .since = "5.19",
       .statement = "setting a bit the kernel does not support is EINVAL",
       .how = "bit 63 of each of the three bitmaps", .run = fwr_03, .also = "FWR-01",
       .mutant = CF_M_ERRNO(KVM_SET_ONE_REG, CF_REG_STD_HYP_BMAP, -EINVAL, 0));

static void fwr_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2});
	int fd = cf_vcpu_fd(vm, 1), same;
	u64 value = 0;

	cf_run_once(cf, vm, 0);
	cf_errno(cf, cf_get(cf, fd, CF_REG_STD_HYP_BMAP, &value), 0, "reading the bitmap");
	cf_errno(cf, cf_set(cf, fd, CF_REG_STD_HYP_BMAP, value ^ 1), -EBUSY,
		 "another value after another vCPU ran");
	same = cf_set(cf, fd, CF_REG_STD_HYP_BMAP, value);
	cf_mismatch(cf, same == -EBUSY, same == 0, "the same value after a vCPU ran: %d", same);
}
CF_ROW(fwr_04, .id = "FWR-04", .tag = CF_MISMATCH, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote =
	       "will not allow the userspace to configure the registers anymore once any of the vCPUs has run at least once",
       .since = "5.19", .statement = "once a vCPU of the VM has run, writing a bitmap is EBUSY",
       .how = "another value, then the same one, through a vCPU that has not run itself",
       .known = "writing the value that is there is accepted (so that a restore may come late)",
       .run = fwr_04, .mutant = CF_M_ERRNO(KVM_SET_ONE_REG, CF_REG_STD_HYP_BMAP, -EBUSY, 0));

static void fwr_05(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	u64 value = 0;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), NO_SUCH_BMAP, &value), -ENOENT, "get");
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), NO_SUCH_BMAP, 0), -ENOENT, "set");
}
CF_ROW(fwr_05, .id = "FWR-05", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote = "-ENOENT Unknown register accessed", .since = "5.19",
       .statement = "a bitmap register that does not exist is ENOENT",
       .how = "bitmap 255, read and written", .run = fwr_05,
       .mutant = CF_M_ERRNO(KVM_SET_ONE_REG, NO_SUCH_BMAP, -ENOENT, -EINVAL));

static void fwr_06(struct cf *cf)
{
	struct pvtb_vm *ptp = cf_plain_vm(cf), *feat = cf_plain_vm(cf), *as_is = cf_plain_vm(cf);
	u64 value = 0, offered;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(ptp, 0), CF_REG_VENDOR_BMAP, &value), 0, "reading it");
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(ptp, 0), CF_REG_VENDOR_BMAP, value & ~2ULL), 0,
		 "clearing bit 1");
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(feat, 0), CF_REG_VENDOR_BMAP, value & ~1ULL), 0,
		 "clearing bit 0");
	offered = cf_call(cf, as_is, 0, CF_VENDOR_FEATURES, 0, 0, 0);
	cf_eq(cf, cf_call(cf, ptp, 0, CF_VENDOR_FEATURES, 0, 0, 0), offered & ~2ULL,
	      "FEATURES with bit 1 clear");
	cf_eq(cf, cf_call(cf, ptp, 0, CF_VENDOR_PTP, 0, 0, 0), CF_NOT_SUPPORTED,
	      "PTP with bit 1 clear");
	cf_eq(cf, cf_call(cf, feat, 0, CF_VENDOR_FEATURES, 0, 0, 0), CF_NOT_SUPPORTED,
	      "FEATURES with bit 0 clear");
	cf_eq(cf, cf_call(cf, feat, 0, CF_VENDOR_UID, 0, 0, 0), CF_NOT_SUPPORTED,
	      "UID with bit 0 clear");
}
CF_ROW(fwr_06, .id = "FWR-06", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote = "The bit represents the Precision Time Protocol KVM service", .since = "5.19",
       .statement = "KVM_REG_ARM_VENDOR_HYP_BMAP: bit 1 lets PTP through, bit 0 the "
		    "calls for features and identity",
       .how = "each bit cleared in a VM of its own, against one left alone", .run = fwr_06,
       .also = "FWR-08",
       .mutant = CF_M_INPUT(KVM_SET_ONE_REG, CF_REG_VENDOR_BMAP, 0, 8, CF_XOR, 3));

static void fwr_07(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	u64 value = 0;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_VENDOR_BMAP, &value), 0, "reading it");
	cf_eq(cf, cf_call(cf, vm, 0, CF_VENDOR_FEATURES, 0, 0, 0) & 0xffffffff, value & 0xffffffff,
	      "FEATURES, against the bitmap that was not touched");
	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, 0, 0), 0,
	      "ARCH_FEATURES(PV_TIME_FEATURES), bitmap not touched");
}
CF_ROW(fwr_07, .id = "FWR-07", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote =
	       "features for the registers that are untouched, probably because userspace isn't aware of them, will be exposed as is to the guest",
       .since = "5.19",
       .statement = "what a VMM leaves alone the guest is offered as the kernel has it",
       .how = "the calls for features, against the registers as they are", .run = fwr_07,
       .also = "FWR-06 FLT-14 VHC-02", .mutant = CF_M_CALL(CF_VENDOR_FEATURES, 0, CF_XOR, 2));

static void fwr_08(struct cf *cf)
{
	struct pvtb_vm *from = cf_plain_vm(cf), *to = cf_plain_vm(cf);

	cf_errno(cf, cf_set(cf, cf_vcpu_fd(from, 0), CF_REG_STD_HYP_BMAP, 0), 0, "clearing a bit");
	cf_run_once(cf, from, 0);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bitmaps); i++) {
		u64 saved = 0, restored = 0;

		cf_errno(cf, cf_get(cf, cf_vcpu_fd(from, 0), bitmaps[i], &saved), 0, "save %zu", i);
		cf_errno(cf, cf_set(cf, cf_vcpu_fd(to, 0), bitmaps[i], saved), 0, "restore %zu", i);
		cf_errno(cf, cf_get(cf, cf_vcpu_fd(to, 0), bitmaps[i], &restored), 0, "read %zu",
			 i);
		cf_eq(cf, restored, saved, "bitmap %zu on the new VM", i);
	}
	cf_eq(cf, cf_call(cf, to, 0, CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, 0, 0),
	      CF_NOT_SUPPORTED, "a call the source had disabled");
}
CF_ROW(fwr_08, .id = "FWR-08", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = FW_DOC,
       .quote = "These registers can be saved/restored by userspace", .since = "5.19",
       .statement = "the bitmaps are saved and restored as any register, and the guest "
		    "is offered the same as before",
       .how = "a VM that had a bit cleared and ran, restored into a new one", .run = fwr_08,
       .also = "FWR-01 FWR-04",
       .mutant = CF_M_VALUE(KVM_GET_ONE_REG, CF_REG_STD_HYP_BMAP, 0, 8, CF_XOR, 1));
