// SPDX-License-Identifier: GPL-2.0-only
/* Rows FLT: KVM_ARM_VM_SMCCC_FILTER (devices/vm.rst 6, api.rst 5). */
#include <inttypes.h>

#include "bench/conformance/check.h"

#define FLT_DOC	  "devices/vm.rst 6"
#define KEY	  ((u64)CF_SMCCC_CTRL << 32 | CF_SMCCC_FILTER)
#define COMMON	  .archs = PVTB_ARCH_ARM64, .since = "6.4"
/* Vendor hypervisor calls KVM does not use. */
#define FREE_CALL 0xc600fe00U
#define INSN_HVC0 0xd4000002U
#define INSN_SMC0 0xd4000003U

static int filter(struct cf *cf, struct pvtb_vm *vm, u32 base, u32 nr, u8 action)
{
	const struct cf_smccc_filter f = {.base = base, .nr_functions = nr, .action = action};

	return cf_attr(cf, cf_vm_fd(vm), KVM_SET_DEVICE_ATTR, CF_SMCCC_CTRL, CF_SMCCC_FILTER, &f);
}

static void flt_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (unsigned int i = 0; i < 15; i++) {
		struct cf_smccc_filter f = {
			.base = FREE_CALL + i, .nr_functions = 1, .action = CF_FILTER_DENY};

		f.pad[i] = 1;
		cf_errno(cf,
			 cf_attr(cf, cf_vm_fd(vm), KVM_SET_DEVICE_ATTR, CF_SMCCC_CTRL,
				 CF_SMCCC_FILTER, &f),
			 -EINVAL, "byte %u of the padding set", i);
	}
}
CF_ROW(flt_01, .id = "FLT-01", .tag = CF_CODE, COMMON, .source = "arch/arm64/kvm/hypercalls.c",
       .quote = "if (memcmp(filter.pad, zero_page, sizeof(filter.pad))) return -EINVAL;",
       .statement = "padding other than 0 is EINVAL (the documentation says that it may be)",
       .how = "each of its 15 bytes", .run = flt_01,
       .mutant = CF_M_ERRNO_AFTER(KVM_SET_DEVICE_ATTR, KEY, -EINVAL, 0, 14));

static void flt_02(struct cf *cf)
{
	cf_errno(cf, filter(cf, cf_plain_vm(cf), FREE_CALL, 0, CF_FILTER_DENY), -EINVAL,
		 "a range of no functions");
}
CF_ROW(flt_02, .id = "FLT-02", .tag = CF_CODE, COMMON, .source = "arch/arm64/kvm/hypercalls.c",
       .quote = "if (!filter.nr_functions || end < start ||",
       .statement = "an empty range is EINVAL", .how = "nr_functions = 0", .run = flt_02,
       .also = "FLT-01 FLT-03 FLT-04", .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EINVAL, 0));

static void flt_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, filter(cf, vm, 0xfffffff0U, 0x20, CF_FILTER_DENY), -EINVAL,
		 "a range beyond 32 bits");
	cf_errno(cf, filter(cf, vm, FREE_CALL, 0xffffffffU, CF_FILTER_DENY), -EINVAL,
		 "the longest range");
}
CF_ROW(flt_03, .id = "FLT-03", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "The range is not allowed to wrap",
       .statement = "a range that leaves the 32 bits of function numbers is EINVAL",
       .how = "two ranges that wrap", .run = flt_03, .also = "FLT-01 FLT-02 FLT-04",
       .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EINVAL, 0));

static void flt_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, filter(cf, vm, FREE_CALL, 1, 3), -EINVAL, "action 3");
	cf_errno(cf, filter(cf, vm, FREE_CALL, 1, 255), -EINVAL, "action 255");
}
CF_ROW(flt_04, .id = "FLT-04", .tag = CF_CODE, COMMON, .source = "arch/arm64/kvm/hypercalls.c",
       .quote = "filter.action >= NR_SMCCC_FILTER_ACTIONS) return -EINVAL;",
       .statement = "an unknown action is EINVAL", .how = "actions 3 and 255", .run = flt_04,
       .also = "FLT-01 FLT-02 FLT-03", .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EINVAL, 0));

static void flt_05(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, filter(cf, vm, FREE_CALL, 8, CF_FILTER_DENY), 0, "a range");
	cf_errno(cf, filter(cf, vm, FREE_CALL, 8, CF_FILTER_DENY), -EEXIST, "the same again");
	cf_errno(cf, filter(cf, vm, FREE_CALL + 7, 2, CF_FILTER_DENY), -EEXIST,
		 "its last function");
	cf_errno(cf, filter(cf, vm, FREE_CALL - 1, 2, CF_FILTER_FWD), -EEXIST,
		 "its first function");
	cf_errno(cf, filter(cf, vm, FREE_CALL + 8, 1, CF_FILTER_DENY), 0, "the one behind it");
}
CF_ROW(flt_05, .id = "FLT-05", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "EEXIST Range intersects with a previously inserted or reserved range",
       .statement = "a range that overlaps an earlier one is EEXIST",
       .how = "the same, its ends, and the function behind it, which is free", .run = flt_05,
       .also = "FLT-06", .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EEXIST, 0));

static void flt_06(struct cf *cf)
{
	static const struct {
		u32 base, nr;
	} reserved[] = {{0x80000000U, 1}, {0x8000ffffU, 1},	    {0x7fffffffU, 2},
			{0x8000ffffU, 2}, {0xc0000000U, 1},	    {0xc000ffffU, 1},
			{0xbfffffffU, 2}, {0x80000000U, 0x10000},   {0xc0000000U, 0x10000},
			{0x80000001U, 1}, {0x70000000U, 0x20000000}};
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reserved); i++)
		cf_errno(cf, filter(cf, vm, reserved[i].base, reserved[i].nr, CF_FILTER_DENY),
			 -EEXIST, "%#x, %#x functions", reserved[i].base, reserved[i].nr);
}
CF_ROW(flt_06, .id = "FLT-06", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "KVM reserves the 'Arm Architecture Calls' range of function IDs",
       .statement =
	       "the Arm architecture calls (0x80000000 and 0xC0000000, 0x10000 each) are reserved: "
	       "a range with any of them is EEXIST",
       .how = "their ends, all of them, ranges that reach into them", .run = flt_06,
       .mutant = CF_M_ERRNO_AFTER(KVM_SET_DEVICE_ATTR, KEY, -EEXIST, 0, 10));

static void flt_07(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_run_once(cf, vm, 0);
	cf_errno(cf, filter(cf, vm, FREE_CALL, 1, CF_FILTER_DENY), -EBUSY, "after a vCPU ran");
}
CF_ROW(flt_07, .id = "FLT-07", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "EBUSY A vCPU in the VM has already run",
       .statement = "once a vCPU has run the filter is EBUSY", .how = "set after one run",
       .run = flt_07, .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EBUSY, 0));

CF_ROW(flt_08, .id = "FLT-08", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote =
	       "ENOMEM Failed to allocate memory for the in-kernel representation of the SMCCC filter",
       .statement = "without memory for the filter's tree it is ENOMEM",
       .manual = "wants allocations to fail inside the kernel (fault injection, a debug option)");

static void flt_09(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct cf_smccc_filter f = {0};
	int fd = cf_vm_fd(vm), got;

	cf_errno(cf,
		 cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_SMCCC_CTRL, CF_SMCCC_FILTER,
			 CF_BAD_POINTER),
		 -EFAULT, "a pointer to nothing");
	cf_errno(cf, cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_SMCCC_CTRL, 99, &f), -ENXIO,
		 "attribute 99");
	cf_errno(cf, cf_attr(cf, fd, KVM_HAS_DEVICE_ATTR, CF_SMCCC_CTRL, CF_SMCCC_FILTER, NULL), 0,
		 "KVM_HAS_DEVICE_ATTR");
	got = cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_SMCCC_CTRL, CF_SMCCC_FILTER, &f);
	cf_true(cf, got < 0, "KVM_GET_DEVICE_ATTR of a write-only attribute succeeds");
}
CF_ROW(flt_09, .id = "FLT-09", .tag = CF_CODE, COMMON, .source = "arch/arm64/kvm/hypercalls.c",
       .quote = "if (copy_from_user(&filter, uaddr, sizeof(filter))) return -EFAULT;",
       .statement =
	       "a bad pointer is EFAULT, another attribute ENXIO, and the filter cannot be read",
       .how = "set, has and get", .run = flt_09,
       .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EFAULT, 0));

static void flt_10(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true});
	struct pvtb_step s[] = {CF_HVC(CF_PV_ST), CF_SMC(CF_PV_ST), CF_HVC(CF_PSCI_VERSION),
				CF_SMC(CF_PSCI_VERSION)};

	cf_errno(cf, filter(cf, vm, CF_PV_ST, 1, CF_FILTER_DENY), 0, "denying PV_TIME_ST");
	cf_errno(cf, filter(cf, vm, CF_PSCI_VERSION, 1, CF_FILTER_DENY), 0, "denying PSCI_VERSION");
	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(s); i++)
		cf_eq(cf, s[i].out[0], CF_NOT_SUPPORTED, "%#" PRIx64 " by %s, denied", s[i].in[0],
		      i & 1 ? "SMC" : "HVC");
}
CF_ROW(flt_10, .id = "FLT-10", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "Rejects the guest SMCCC call in-kernel and returns to the guest",
       .statement = "what is denied answers -1, by HVC and by SMC",
       .how = "two implemented calls denied, by both conduits", .run = flt_10,
       .also = "FLT-04 FLT-09 FLT-11 FLT-12 FLT-13 FLT-14",
       .mutant = CF_M_INPUT(KVM_SET_DEVICE_ATTR, KEY, 8, 1, CF_SET, CF_FILTER_HANDLE));

/* The VMM's answer: x0..x3 from data[], and what the exit's registers were into data[4..]. */
static int answer_by_registers(struct cf *cf, unsigned int vcpu, struct kvm_run *run)
{
	int fd = cf_vcpu_fd(cf->vm, vcpu);
	struct cf_exit *e = &cf->exits[cf->nr_exits - 1];

	if (cf_get(cf, fd, CF_REG_PC, &e->pc))
		return -EIO;
	for (unsigned int i = 0; i < 3; i++)
		if (cf_get(cf, fd, CF_REG_X(i + 1), &cf->data[4 + i]))
			return -EIO;
	for (unsigned int i = 0; i < 4; i++)
		if (cf_set(cf, fd, CF_REG_X(i), cf->data[i]))
			return -EIO;
	return 0;
}

static void flt_11(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s[] = {CF_HVC(FREE_CALL), CF_SMC(FREE_CALL + 1)};
	static const u32 insn[] = {INSN_HVC0, INSN_SMC0};

	cf_errno(cf, filter(cf, vm, FREE_CALL, 2, CF_FILTER_FWD), 0, "forwarding two calls");
	cf->answer = answer_by_registers;
	cf_stream(cf, vm, 0, s, 2);
	if (!cf_eq(cf, cf->nr_exits, 2, "exits to the VMM"))
		return;
	for (unsigned int i = 0; i < 2; i++) {
		const struct cf_exit *e = &cf->exits[i];
		const u32 *before = pvtb_vm_gpa(vm, e->pc - 4);

		cf_eq(cf, e->nr, FREE_CALL + i, "hypercall.nr of call %u", i);
		cf_eq(cf, e->flags, i ? CF_HYPERCALL_SMC : 0, "hypercall.flags of call %u", i);
		cf_eq(cf, before ? *before : 0, insn[i], "instruction before the pc of exit %u", i);
	}
}
CF_ROW(flt_11, .id = "FLT-11", .tag = CF_DOC, COMMON, .source = "devices/vm.rst 6, api.rst 5",
       .quote =
	       "At the point of exit, PC points to the instruction immediately following the trapping instruction",
       .statement =
	       "what is forwarded leaves as KVM_EXIT_HYPERCALL: its number in nr, the flag SMC for "
	       "an SMC and no other, the pc behind the instruction",
       .how = "one call by each conduit", .run = flt_11, .mutant = CF_M_EXIT(flags, CF_XOR, 2));

static void flt_12(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_HVC(FREE_CALL, 0x1111, 0x2222, 0x3333333333333333ULL);

	cf_errno(cf, filter(cf, vm, FREE_CALL, 1, CF_FILTER_FWD), 0, "forwarding a call");
	cf->answer = answer_by_registers;
	for (unsigned int i = 0; i < 4; i++)
		cf->data[i] = 0xabcd000000000000ULL + i;
	cf_stream(cf, vm, 0, &s, 1);
	for (unsigned int i = 0; i < 3; i++)
		cf_eq(cf, cf->data[4 + i], s.in[i + 1], "x%u as the VMM reads it", i + 1);
	for (unsigned int i = 0; i < 4; i++)
		cf_eq(cf, s.out[i], cf->data[i], "x%u as the guest gets it", i);
}
CF_ROW(flt_12, .id = "FLT-12", .tag = CF_DOC, COMMON, .source = "api.rst 5",
       .quote =
	       "expected to use the KVM_GET_ONE_REG ioctl to retrieve the call parameters from the vCPU's GPRs",
       .statement =
	       "the VMM reads a forwarded call's arguments as registers, and the x0 to x3 it writes "
	       "are what the guest gets",
       .how = "three arguments and four results", .run = flt_12,
       .mutant = CF_M_INPUT(KVM_SET_ONE_REG, CF_REG_X(2), 0, 8, CF_XOR, 1));

static void flt_13(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true});

	cf_errno(cf, filter(cf, vm, CF_PV_FEATURES, 2, CF_FILTER_FWD), 0, "forwarding PV time");
	cf->answer = answer_by_registers;
	cf->data[0] = 0x5eed;
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), 0x5eed, "PV_TIME_FEATURES");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0), 0x5eed, "PV_TIME_ST");
	cf_eq(cf, cf->nr_exits, 2, "exits to the VMM");
}
CF_ROW(flt_13, .id = "FLT-13", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "takes effect before other interfaces that interact with SMCCC calls",
       .statement = "the filter comes before the firmware bitmaps and before KVM's own handling",
       .how = "PV time forwarded on a vCPU that has it from KVM", .run = flt_13,
       .also = "FLT-04 FLT-09 FLT-10 FLT-11 FLT-12 FLT-14",
       .mutant = CF_M_INPUT(KVM_SET_DEVICE_ATTR, KEY, 8, 1, CF_SET, CF_FILTER_HANDLE));

static void flt_14(struct cf *cf)
{
	struct pvtb_vm *none = cf_plain_vm(cf), *vm = cf_plain_vm(cf);

	cf_errno(cf, filter(cf, vm, 0xc5000100, 4, CF_FILTER_DENY), 0, "first range");
	cf_errno(cf, filter(cf, vm, CF_VENDOR_FEATURES, 1, CF_FILTER_DENY), 0, "second range");
	cf_errno(cf, filter(cf, vm, FREE_CALL, 1, CF_FILTER_HANDLE), 0, "third range");
	cf_eq(cf, cf_call(cf, vm, 0, CF_VENDOR_FEATURES, 0, 0, 0), CF_NOT_SUPPORTED,
	      "what is denied");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PSCI_VERSION, 0, 0, 0),
	      cf_call(cf, none, 0, CF_PSCI_VERSION, 0, 0, 0), "PSCI_VERSION beside the ranges");
	cf_eq(cf, cf_call(cf, vm, 0, CF_VENDOR_UID, 0, 0, 0),
	      cf_call(cf, none, 0, CF_VENDOR_UID, 0, 0, 0), "the vendor's identity beside them");
	cf_true(cf, cf_call(cf, none, 0, CF_VENDOR_FEATURES, 0, 0, 0) != CF_NOT_SUPPORTED,
		"without a filter the call is not handled");
}
CF_ROW(flt_14, .id = "FLT-14", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote = "Userspace can insert multiple ranges into the filter",
       .statement =
	       "several ranges hold side by side, and what lies outside is handled as without any",
       .how = "three ranges against a VM without a filter", .run = flt_14, .also = "FLT-04 FLT-10",
       .mutant = CF_M_INPUT_AFTER(KVM_SET_DEVICE_ATTR, KEY, 8, 1, CF_SET, CF_FILTER_HANDLE, 1));

static void flt_15(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .lpt = PVTB_LPT_VMM});

	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_LPT, 0, 0, 0), PVTB_GPA_LPT, "PV_TIME_LPT");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_LPT, 0, 0), 0,
	      "PV_TIME_FEATURES(PV_TIME_LPT)");
}
CF_ROW(flt_15, .id = "FLT-15", .tag = CF_DOC, COMMON, .source = FLT_DOC,
       .quote =
	       "The guest SMCCC call is forwarded to userspace with an exit reason of KVM_EXIT_HYPERCALL",
       .statement =
	       "PV_TIME_LPT, which KVM does not have, can be had from the VMM on any kernel with "
	       "the filter",
       .how = "our VMM's Live Physical Time, asked for from the guest", .run = flt_15,
       .also = "LPT-01", .mutant = CF_M_CALL(CF_PV_LPT, 0, CF_SET, CF_NOT_SUPPORTED));
