// SPDX-License-Identifier: GPL-2.0-only
/* Rows PTP and VHC: KVM's vendor calls (arm/hypercalls.rst, arm/ptp_kvm.rst). */
#include <inttypes.h>

#include "bench/conformance/check.h"

#define PTP_DOC "arm/ptp_kvm.rst"
#define HVC_DOC "arm/hypercalls.rst"
#define ARM	.archs = PVTB_ARCH_ARM64
#define OFFSET	0x123456789abcULL

static void need_ptp(struct cf *cf, struct pvtb_vm *vm)
{
	if (cf_call(cf, vm, 0, CF_VENDOR_PTP, 0, 0, 0) == CF_NOT_SUPPORTED && !cf->mutant)
		cf_skip(cf, "PTP answers -1 here: is the host's clocksource the counter?");
}

static void ptp_01(struct cf *cf)
{
	static const u64 others[] = {2, 3, 0xffffffff, 0x80000000};
	struct pvtb_vm *vm = cf_plain_vm(cf);

	need_ptp(cf, vm);
	cf_true(cf, cf_call(cf, vm, 0, CF_VENDOR_PTP, 0, 0, 0) != CF_NOT_SUPPORTED,
		"PTP of the virtual counter answers -1");
	cf_true(cf, cf_call(cf, vm, 0, CF_VENDOR_PTP, 1, 0, 0) != CF_NOT_SUPPORTED,
		"PTP of the physical counter answers -1");
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(others); i++)
		cf_eq(cf, cf_call(cf, vm, 0, CF_VENDOR_PTP, others[i], 0, 0), CF_NOT_SUPPORTED,
		      "PTP of counter %#" PRIx64, others[i]);
}
CF_ROW(ptp_01, .id = "PTP-01", .tag = CF_DOC, ARM, .source = PTP_DOC,
       .quote = "KVM_PTP_VIRT_COUNTER (0)", .cap = CF_CAP_PTP_KVM,
       .statement =
	       "the PTP call takes 0, the virtual counter, or 1, the physical one; anything else "
	       "answers -1",
       .how = "both, and four others", .needs = "a host that keeps time by its counter",
       .run = ptp_01, .also = "PTP-03",
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_VENDOR_PTP, 0, CF_SET, 0, 3));

CF_ROW(ptp_02, .id = "PTP-02", .tag = CF_CODE, ARM, .source = "arch/arm64/kvm/hypercalls.c",
       .quote = "if (systime_snapshot.cs_id != CSID_ARM_ARCH_COUNTER) return;",
       .statement = "where the host does not keep time by its counter, PTP answers -1",
       .manual = "would change the host's clocksource under everything else that runs there");

static void ptp_read(struct cf *cf, struct pvtb_vm *vm, u64 which, u64 reg)
{
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_MRS, reg), CF_HVC(CF_VENDOR_PTP, which),
				CF_STEP(PVTB_STEP_MRS, reg)};
	u64 before = cf_clock_ns(CLOCK_REALTIME), after, wall, counter;

	cf_stream(cf, vm, 0, s, 3);
	after = cf_clock_ns(CLOCK_REALTIME);
	wall = s[1].out[0] << 32 | (u32)s[1].out[1];
	counter = s[1].out[2] << 32 | (u32)s[1].out[3];
	cf_within(cf, (s64)wall, (s64)before, (s64)after, "wall time of PTP(%" PRIu64 "), ns",
		  which);
	cf_within(cf, (s64)counter, (s64)s[0].out[0], (s64)s[2].out[0],
		  "counter of PTP(%" PRIu64 "), between the guest's own readings", which);
}

static void ptp_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	need_ptp(cf, vm);
	ptp_read(cf, vm, 0, PVTB_SYSREG_CNTVCT);
	if (!cf->caps.counter_offset)
		return;
	vm = cf_vm(cf, &(struct pvtb_vm_spec){
			       .nr_vcpus = 1, .offset_counter = true, .counter_offset = OFFSET});
	ptp_read(cf, vm, 0, PVTB_SYSREG_CNTVCT);
	ptp_read(cf, vm, 1, PVTB_SYSREG_CNTPCT);
}
CF_ROW(ptp_03, .id = "PTP-03", .tag = CF_DOC, ARM, .source = PTP_DOC,
       .quote = "upper 32 bits of wall clock time", .cap = CF_CAP_PTP_KVM,
       .statement =
	       "PTP answers wall time (x0, x1) and the counter (x2, x3) of one instant, the counter "
	       "as the guest sees it",
       .how = "the counter lies between the guest's readings before and after, with an offset too; wall "
	      "time between the host's",
       .needs = "a host that keeps time by its counter", .emulator = "cntpoff", .run = ptp_03,
       .mutant = CF_M_CALL(CF_VENDOR_PTP, 3, CF_XOR, 0x80000000));

static void ptp_04(struct cf *cf)
{
	cf_errno(cf,
		 cf_ioctl_val(cf, cf_vm_fd(cf_plain_vm(cf)), KVM_CHECK_EXTENSION, CF_CAP_PTP_KVM),
		 1, "KVM_CAP_PTP_KVM");
}
CF_ROW(ptp_04, .id = "PTP-04", .tag = CF_DOC, ARM, .source = "api.rst 8.32",
       .quote = "indicates that the KVM virtual PTP service is supported in the host",
       .since = "5.13", .statement = "KVM_CAP_PTP_KVM is 1 where the call is implemented",
       .how = "asked", .run = ptp_04,
       .mutant = CF_M_RET(KVM_CHECK_EXTENSION, CF_CAP_PTP_KVM, CF_SET, 0));

static void vhc_01(struct cf *cf)
{
	/* 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, four bytes a register, first byte lowest */
	static const u32 uid[] = {0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d};
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_HVC(CF_VENDOR_UID);

	cf_stream(cf, vm, 0, &s, 1);
	for (unsigned int i = 0; i < 4; i++)
		cf_eq(cf, (u32)s.out[i], uid[i], "x%u of the vendor's identity", i);
}
CF_ROW(vhc_01, .id = "VHC-01", .tag = CF_DOC, ARM, .source = HVC_DOC,
       .quote = "28b46fb6-2ec5-11e9-a9ca-4b564d003a74",
       .statement = "the vendor's identity is 28b46fb6-2ec5-11e9-a9ca-4b564d003a74",
       .how = "the call, four registers", .run = vhc_01,
       .mutant = CF_M_CALL(CF_VENDOR_UID, 2, CF_XOR, 1));

/* Where the VMM says so, functions 64 and 65 are named, in x2. */
static void vendor_bitmap_2(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_HVC(CF_VENDOR_FEATURES);
	const u64 both = 3;
	u64 value = 0;

	if (cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_VENDOR_BMAP2, &value) == -ENOENT) {
		cf_note(cf, "no KVM_REG_ARM_VENDOR_HYP_BMAP_2 in this kernel");
		return;
	}
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), CF_REG_VENDOR_BMAP2, both), 0,
		 "KVM_REG_ARM_VENDOR_HYP_BMAP_2");
	cf_stream(cf, vm, 0, &s, 1);
	cf_eq(cf, s.out[2], both, "x2 of FEATURES with that bitmap");
}

static void vhc_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_HVC(CF_VENDOR_FEATURES);

	/* not by accident what was there before */
	for (unsigned int i = 1; i < 4; i++)
		s.in[i] = ~0ULL;
	cf_stream(cf, vm, 0, &s, 1);
	cf_true(cf, s.out[0] & 1, "FEATURES %#" PRIx64 " does not name itself", s.out[0]);
	for (unsigned int i = 0; i < 4; i++)
		cf_eq(cf, s.out[i] >> 32, 0, "upper half of x%u of FEATURES", i);
	for (unsigned int n = 1; n < 128; n++) {
		bool named = s.out[n / 32] >> (n % 32) & 1;
		u64 answer;

		/* Only PTP can be called without consequences. */
		if (named && n != 1)
			continue;
		answer = cf_call(cf, vm, 0, CF_VENDOR_FEATURES + n, 0, 0, 0);
		if (named)
			cf_true(cf, answer != CF_NOT_SUPPORTED || !cf->caps.ptp,
				"PTP is named and answers -1");
		else
			cf_eq(cf, answer, CF_NOT_SUPPORTED, "function %u, which is not named", n);
	}
	vendor_bitmap_2(cf);
}
CF_ROW(vhc_02, .id = "VHC-02", .tag = CF_DOC, ARM, .source = HVC_DOC,
       .quote = "Bitmap of available function numbers 64-95",
       .statement =
	       "the call for features names, as a bitmap in x0 to x3, exactly the functions 0 to 127 that can "
	       "be called",
       .how = "functions 1 to 127 against their bits; x2 with the bits of KVM_REG_ARM_VENDOR_HYP_BMAP_2 set, "
	      "where there is one (Linux 6.15)",
       .run = vhc_02, .mutant = CF_M_CALL(CF_VENDOR_FEATURES, 2, CF_XOR, 1ULL << 32));

static void vhc_03(struct cf *cf)
{
	static const u64 nobodys[] = {0x8600fe00, 0xc600fe00, 0xc6000000, 0x8700beef, 0xc700beef,
				      0xc5000fff, 0x8500fff0, 0x8200ffff, 0xb200ffff, 0x00000000};
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(nobodys); i++)
		cf_eq(cf, cf_call(cf, vm, 0, nobodys[i], 0, 0, 0), CF_NOT_SUPPORTED,
		      "call %#" PRIx64, nobodys[i]);
}
CF_ROW(vhc_03, .id = "VHC-03", .tag = CF_DOC, ARM, .source = HVC_DOC " (SMCCC, DEN 0028)",
       .quote = "according to version 1.1 of the Arm SMC Calling Convention (DEN0028/C)",
       .statement = "functions nobody has answer -1", .how = "ten numbers of several services",
       .run = vhc_03, .also = "FLT-12", .mutant = CF_M_CALL(0xc600fe00, 0, CF_SET, 0));
