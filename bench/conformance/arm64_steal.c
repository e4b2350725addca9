// SPDX-License-Identifier: GPL-2.0-only
/* Rows PVT: stolen time as an arm64 guest sees it (DEN 0057A, arm/pvtime.rst). */
#include <string.h>
#include <sys/mman.h>

#include "bench/conformance/check.h"

#define PVTIME_DOC "arm/pvtime.rst"
#define PVTIME_SRC "arch/arm64/kvm/pvtime.c"
#define STOLEN	   (PVTB_GPA_STEAL + 8)
#define SLOT	   64ULL

/* How long a hog shares the CPU, and how long a guest rests. */
#define SHARE_MS 60
#define ROUNDS	 8
#define REST_MS	 80

static struct pvtb_vm *steal_vm(struct cf *cf, unsigned int vcpus)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = vcpus, .steal = true});
}

static struct pvtb_vm *pinned_vm(struct cf *cf, int *ret_cpu)
{
	const int cpu = cf_some_cpu();

	*ret_cpu = cpu;
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true, .cpus = &cpu});
}

static int set_ipa(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 ipa)
{
	return cf_attr(cf, cf_vcpu_fd(vm, vcpu), KVM_SET_DEVICE_ATTR, CF_PVTIME_CTRL, CF_PVTIME_IPA,
		       &ipa);
}

static void pvt_01(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);

	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, 0, 0), 0,
	      "ARCH_FEATURES(PV_TIME_FEATURES) where stolen time is offered");
	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, 0xc500003f, 0, 0), CF_NOT_SUPPORTED,
	      "ARCH_FEATURES of a call that does not exist");
}
CF_ROW(pvt_01, .id = "PVT-01", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "should be probed using the SMCCC 1.1 ARCH_FEATURES mechanism before calling it",
       .statement = "SMCCC_ARCH_FEATURES(PV_TIME_FEATURES) answers 0 where PV time is offered: the "
		    "probe a guest has to begin with",
       .how = "HVC from EL1 of a VM with a stolen-time structure; a function nobody has answers -1",
       .run = pvt_01, .also = "PVT-02 PVT-19 FWR-07",
       .mutant = CF_M_CALL(CF_SMCCC_ARCH_FEATURES, 0, CF_SET, CF_NOT_SUPPORTED));

static void pvt_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, 0, 0), 0,
	      "ARCH_FEATURES(PV_TIME_FEATURES) without a structure");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_FEATURES, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES(PV_TIME_FEATURES) without a structure");
}
CF_ROW(pvt_02, .id = "PVT-02", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/hypercalls.c",
       .quote =
	       "case ARM_SMCCC_HV_PV_TIME_FEATURES: if (test_bit(KVM_REG_ARM_STD_HYP_BIT_PV_TIME, &smccc_feat->std_hyp_bmap)) val[0] = SMCCC_RET_SUCCESS;",
       .cap = CF_CAP_STEAL_TIME,
       .statement = "SMCCC_ARCH_FEATURES goes by the firmware bitmap alone: it answers 0 even to a "
		    "vCPU without a structure, whose PV_TIME_FEATURES then answers -1",
       .how = "both calls in a VM without a structure", .run = pvt_02,
       .also = "PVT-03 PVT-04 PVT-05 PVT-10 PVT-19 FWR-02 FLT-13 LPT-02",
       .mutant = CF_M_CALL(CF_PV_FEATURES, 0, CF_SET, 0));

static void pvt_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2});

	cf_errno(cf, set_ipa(cf, vm, 1, PVTB_GPA_STEAL), 0, "structure for vCPU 1");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_FEATURES, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES on vCPU 0, which has no structure");
	cf_eq(cf, cf_call(cf, vm, 1, CF_PV_FEATURES, CF_PV_FEATURES, 0, 0), 0,
	      "PV_TIME_FEATURES on vCPU 1, which has one");
}
CF_ROW(pvt_03, .id = "PVT-03", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/pvtime.c",
       .quote =
	       "case ARM_SMCCC_HV_PV_TIME_ST: if (vcpu->arch.steal.base != INVALID_GPA) val = SMCCC_RET_SUCCESS;",
       .cap = CF_CAP_STEAL_TIME,
       .statement = "PV_TIME_FEATURES(PV_TIME_FEATURES) answers 0 exactly on the vCPUs that have a "
		    "structure",
       .how = "two vCPUs, a structure for the second only", .run = pvt_03,
       .also = "PVT-02 PVT-04 PVT-05 PVT-10 PVT-19 FWR-02 FLT-13 LPT-02",
       .mutant = CF_M_CALL(CF_PV_FEATURES, 0, CF_SET, 0));

static void pvt_04(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1), *plain = cf_plain_vm(cf);

	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), 0,
	      "PV_TIME_FEATURES(PV_TIME_ST) where it is supported");
	cf_eq(cf, cf_call(cf, plain, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES(PV_TIME_ST) where it is not");
}
CF_ROW(pvt_04, .id = "PVT-04", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote =
	       "NOT_SUPPORTED (-1) or SUCCESS (0) if the relevant PV-time feature is supported by the hypervisor",
       .statement =
	       "PV_TIME_FEATURES(PV_TIME_ST) answers 0 where stolen time is supported, else -1",
       .how = "asked in a VM with and in one without a structure", .run = pvt_04,
       .also = "PVT-03 PVT-06 PVT-19 FLT-13 FLT-15 LPT-02",
       .mutant = CF_M_CALL(CF_PV_FEATURES, 0, CF_SET, CF_NOT_SUPPORTED));

static void pvt_05(struct cf *cf)
{
	static const u64 ids[] = {0,	      1,	  0x80000000, 0x84000000, 0x85000020,
				  0x85000021, 0xc500001f, 0xc5000022, 0xc5000023, 0xc5000100,
				  0xc500ffff, 0xc6000000, 0xffffffff};
	struct pvtb_vm *vm = steal_vm(cf, 1);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(ids); i++)
		cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, ids[i], 0, 0), CF_NOT_SUPPORTED,
		      "PV_TIME_FEATURES(%#llx)", (unsigned long long)ids[i]);
}
CF_ROW(pvt_05, .id = "PVT-05", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "Currently only PV_TIME_ST is supported",
       .statement = "PV_TIME_FEATURES of anything but PV_TIME_ST and itself answers -1",
       .how = "a sweep over 13 identifiers around and far from the range, PV_TIME_LPT among them",
       .run = pvt_05, .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_PV_FEATURES, 0, CF_SET, 0, 7));

static void pvt_06(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);

	for (unsigned int bit = 32; bit < 64; bit++)
		cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST | 1ULL << bit, 0, 0), 0,
		      "PV_TIME_FEATURES(PV_TIME_ST) with bit %u of x1 set", bit);
}
CF_ROW(pvt_06, .id = "PVT-06", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "PV_call_id: (uint32)",
       .statement =
	       "the identifier PV_TIME_FEATURES is asked about is 32 bits: what is in the upper "
	       "half of x1 does not matter",
       .how = "each of bits 63 to 32 set in turn", .run = pvt_06,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_PV_FEATURES, 0, CF_SET, CF_NOT_SUPPORTED, 31));

static void pvt_07(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1), *plain = cf_plain_vm(cf);

	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0), PVTB_GPA_STEAL, "PV_TIME_ST");
	cf_eq(cf, cf_call(cf, plain, 0, CF_PV_ST, 0, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_ST of a vCPU without a structure");
}
CF_ROW(pvt_07, .id = "PVT-07", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote =
	       "IPA of the stolen time data structure for this VCPU. On failure: NOT_SUPPORTED (-1)",
       .statement = "PV_TIME_ST answers the address of the calling vCPU's structure, or -1 where "
		    "there is none",
       .how = "asked in a VM with and in one without a structure", .run = pvt_07,
       .also = "PVT-08 PVT-10 PVT-18 PVT-19 PVT-22 FWR-02 FLT-10 FLT-13",
       .mutant = CF_M_CALL(CF_PV_ST, 0, CF_XOR, 64));

static void pvt_08(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 3);

	for (unsigned int i = 0; i < 3; i++)
		cf_eq(cf, cf_call(cf, vm, i, CF_PV_ST, 0, 0, 0), PVTB_GPA_STEAL + i * SLOT,
		      "PV_TIME_ST of vCPU %u", i);
}
CF_ROW(pvt_08, .id = "PVT-08", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "There is a structure per VCPU of the guest",
       .statement = "every vCPU has a structure of its own, at the address the VMM has set",
       .how = "three vCPUs ask", .run = pvt_08, .also = "PVT-07 PVT-22",
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_PV_ST, 0, CF_SET, PVTB_GPA_STEAL, 1));

static void pvt_09(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);

	cf_eq(cf, cf_call(cf, vm, 0, 0x85000020, CF_PV_ST, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_FEATURES as a 32-bit call");
	cf_eq(cf, cf_call(cf, vm, 0, 0x85000021, 0, 0, 0), CF_NOT_SUPPORTED,
	      "PV_TIME_ST as a 32-bit call");
	cf_eq(cf, cf_call(cf, vm, 0, CF_SMCCC_ARCH_FEATURES, 0x85000020, 0, 0), CF_NOT_SUPPORTED,
	      "ARCH_FEATURES of the 32-bit call");
}
CF_ROW(pvt_09, .id = "PVT-09", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "These are only available in the SMC64/HVC64 calling convention",
       .statement = "the calls exist as 64-bit calls only: their 32-bit numbers answer -1",
       .how = "both 32-bit numbers called and asked for; PVT-24 is about 32-bit guests",
       .run = pvt_09, .mutant = CF_M_CALL(0x85000021, 0, CF_SET, PVTB_GPA_STEAL));

static void pvt_10(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0), CF_NOT_SUPPORTED,
	      "x0 of a PV_TIME_ST that is not supported");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_FEATURES, CF_PV_ST, 0, 0), CF_NOT_SUPPORTED,
	      "x0 of a PV_TIME_FEATURES that is not supported");
}
CF_ROW(pvt_10, .id = "PVT-10", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "Return value: (int64)",
       .statement = "not supported is -1 as 64 bits: x0 is all ones",
       .how = "all 64 bits of x0 in a VM without a structure", .run = pvt_10,
       .also = "PVT-07 PVT-08 PVT-18 PVT-19 PVT-22 FWR-02 FLT-10 FLT-13",
       .mutant = CF_M_CALL(CF_PV_ST, 0, CF_SET, 0xffffffff));

/* EL0 made big-endian: it has to swap what it loads. */
static void read_big_endian(struct cf *cf, struct pvtb_vm *vm)
{
	const struct pvtb_cmd cmd = {
		.op = "be_steal", .level = PVTB_LEVEL_USER, .args = {PVTB_GPA_STEAL}};
	struct pvtb_cmd_result res;
	u64 sctlr, before, after;

	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_SCTLR, &sctlr), 0, "SCTLR_EL1");
	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), CF_REG_SCTLR, sctlr | CF_SCTLR_E0E), 0,
		 "SCTLR_EL1 with E0E");
	/* something whose bytes differ */
	cf_w64(vm, STOLEN, 0x0102030405060708ULL);
	before = cf_r64(cf, vm, STOLEN);
	cf_op(cf, vm, 0, &cmd, &res);
	after = cf_r64(cf, vm, STOLEN);
	cf_eq(cf, res.ret[0], 0, "revision to a big-endian reader");
	cf_eq(cf, res.ret[1], 0, "attributes to a big-endian reader");
	cf_within(cf, (s64)__builtin_bswap64(res.ret[2]), (s64)before, (s64)after,
		  "stolen time of a big-endian reader, swapped");
}

static void pvt_11(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);
	struct pvtb_step s[] = {CF_HVC(CF_PV_ST),	   CF_EXIT,
				CF_READ32(PVTB_GPA_STEAL), CF_READ32(PVTB_GPA_STEAL + 4),
				CF_READ64(STOLEN),	   CF_READ32(STOLEN),
				CF_READ32(STOLEN + 4)};

	cf_fill(vm, PVTB_GPA_STEAL, 0xff, 16);
	cf_fault(cf, cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s)), CF_NO_FAULT, "the stream");
	cf_eq(cf, s[2].out[0], 0, "revision, 32 bits at 0");
	cf_eq(cf, s[3].out[0], 0, "attributes, 32 bits at 4");
	cf_eq(cf, s[4].out[0], s[5].out[0] | s[6].out[0] << 32, "stolen time, 64 bits at 8");
	cf_true(cf, s[4].out[0] < 60 * PVTB_NSEC_PER_SEC,
		"stolen time of a VM that has just begun is %llu ns",
		(unsigned long long)s[4].out[0]);
	if (cf->caps.big_endian)
		read_big_endian(cf, vm);
	else
		cf_note(cf, "no big-endian EL0 on this host: not read by one");
}
CF_ROW(pvt_11, .id = "PVT-11", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "All values in the structure are stored little-endian",
       .statement =
	       "the structure is revision 0 and attributes 0, 32 bits each, and stolen time, 64 "
	       "bits at offset 8, little-endian",
       .how = "memory full of ones before PV_TIME_ST; read in words of 32 and 64 bits from the guest, and "
	      "where the CPU can by a big-endian EL0, which finds it little-endian",
       .run = pvt_11, .mutant = CF_M_MEM(PVTB_GPA_STEAL, 4, CF_SET, 1));

/* PV_TIME_ST, then shares of the CPU with a hog, an exit and a reading after each. */
static size_t shared_steps(struct cf *cf, struct pvtb_step *s, unsigned int rounds)
{
	size_t n = 0;

	s[n++] = CF_HVC(CF_PV_ST);
	for (unsigned int i = 0; i < rounds; i++) {
		s[n++] = CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, SHARE_MS / 4));
		s[n++] = CF_EXIT;
		s[n++] = CF_READ64(STOLEN);
	}
	return n;
}

static void pvt_12(struct cf *cf)
{
	struct pvtb_step s[64];
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, &cpu);
	size_t n = shared_steps(cf, s, 10);
	u64 last = 0;
	s64 waited;

	cf_run_once(cf, vm, 0);
	waited = cf_run_delay_ns(vm, 0);
	cf_stream_beside_hog(cf, vm, 0, cpu, s, n);
	for (size_t i = 0; i < n; i++) {
		if (s[i].kind != PVTB_STEP_READ64)
			continue;
		cf_true(cf, s[i].out[0] >= last, "%llu ns, then %llu ns: it went backwards",
			(unsigned long long)last, (unsigned long long)s[i].out[0]);
		last = s[i].out[0];
	}
	if (!last && cf_run_delay_ns(vm, 0) <= waited)
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_true(cf, last > 0, "nothing was stolen in %d ms beside a busy process",
		SHARE_MS * 5 / 2);
}
CF_ROW(pvt_12, .id = "PVT-12", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "steal += vcpu->arch.steal.last_steal - last_steal;",
       .statement = "stolen time never goes backwards",
       .how = "ten readings beside a busy process on the same CPU: never less than before, and more "
	      "than 0 at the end",
       .alone = true, .run = pvt_12, .mutant = CF_M_MEM_AFTER(STOLEN, 8, CF_SET, 0, 8));

static void note_run_delay(struct cf *cf, unsigned int vcpu)
{
	if (cf->nr_data < PVTB_ARRAY_SIZE(cf->data))
		cf->data[cf->nr_data++] = (u64)cf_run_delay_ns(cf->vm, vcpu);
}

static void pvt_13(struct cf *cf)
{
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, &cpu);
	struct pvtb_step s[] = {CF_EXIT, CF_HVC(CF_PV_ST),
				CF_EXIT, CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, 2 * SHARE_MS)),
				CF_EXIT, CF_READ64(STOLEN),
				CF_EXIT};
	s64 told = 0, low = 0, high = INT64_MAX;

	cf_run_once(cf, vm, 0);
	if (cf_run_delay_ns(vm, 0) < 0)
		cf_skip(cf, "no /proc/PID/schedstat to compare with");
	cf->at_exit = note_run_delay;
	/*
	 * The call lies between the first two exits, the reading between the last two. What the thread
	 * waits just there is not known to be in the value or not: take the round with the least of it.
	 */
	for (int i = 0; i < ROUNDS && high - low > low / 200; i++) {
		const u64 *at = cf->data;

		cf->nr_data = 0;
		cf_stream_beside_hog(cf, vm, 0, cpu, s, PVTB_ARRAY_SIZE(s));
		if (at[2] <= at[1] || (s64)(at[3] - at[2] + at[1] - at[0]) >= high - low)
			continue;
		told = (s64)s[5].out[0];
		low = (s64)(at[2] - at[1]);
		high = (s64)(at[3] - at[0]);
	}
	if (!low)
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_within(cf, told, low, high,
		  "stolen time after an entry, against the thread's own waiting time");
}
CF_ROW(pvt_13, .id = "PVT-13", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "The structure will be updated by the hypervisor prior to scheduling a VCPU",
       .statement =
	       "the structure is up to date before the vCPU runs on: what a guest reads after it "
	       "was out includes the last wait",
       .how = "beside a busy process: the reading right after an exit lies between the thread's "
	      "waiting time (schedstat) before and after it, no tolerance",
       .needs = "schedstat", .alone = true, .run = pvt_13,
       .also = "PVT-11 PVT-12 PVT-17 PVT-21 PVC-10", .mutant = CF_M_MEM(STOLEN, 8, CF_SET, 0));

static void pvt_14(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);
	struct pvtb_step s[] = {CF_HVC(CF_PV_ST),  CF_EXIT,
				CF_READ64(STOLEN), CF_STEP(PVTB_STEP_REST, cf_ticks(cf, REST_MS)),
				CF_EXIT,	   CF_READ64(STOLEN)};
	s64 before, waited;

	cf_run_once(cf, vm, 0);
	before = cf_run_delay_ns(vm, 0);
	if (before < 0)
		cf_skip(cf, "no /proc/PID/schedstat to compare with");
	cf_stream_start(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	/* Nothing else wakes it: each kick ends one WFI. */
	for (int i = 0; i < REST_MS / 10 + 4; i++) {
		usleep(10000);
		cf_kick(vm, 0);
	}
	/* An emulated host may be slower than that. */
	while (!((volatile struct pvtb_step *)pvtb_vm_gpa(vm, PVTB_GPA_STREAM(0)))[5].done) {
		usleep(10000);
		cf_kick(vm, 0);
	}
	if (cf_stream_wait(cf, vm, 0, s, PVTB_ARRAY_SIZE(s), NULL))
		cf_stop(cf, "the guest did not run");
	waited = cf_run_delay_ns(vm, 0) - before;
	cf_within(cf, (s64)(s[5].out[0] - s[2].out[0]), 0, waited,
		  "stolen while the guest slept %d ms in WFI, against its thread's waiting time",
		  REST_MS);
}
CF_ROW(pvt_14, .id = "PVT-14", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "was involuntarily not",
       .statement =
	       "only involuntary waiting counts: a guest that idles in WFI is stolen no more than "
	       "its wake-ups took",
       .how = "80 ms in WFI, ended by signals: stolen at most what the thread waited for a CPU "
	      "(schedstat)",
       .needs = "schedstat", .alone = true, .run = pvt_14, .also = "PVT-11",
       .mutant = CF_M_MEM_AFTER(STOLEN, 8, CF_ADD, 8000000000ULL, 1));

static void pvt_15(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);

	cf_fill(vm, PVTB_GPA_STEAL, 0xff, SLOT);
	cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0);
	for (u64 off = 0; off < SLOT; off += 8)
		if (off != 8)
			cf_eq(cf, cf_r64(cf, vm, PVTB_GPA_STEAL + off), 0,
			      "word at %llu of the structure", (unsigned long long)off);
	cf_w64(vm, STOLEN, 1ULL << 50);
	cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0);
	cf_true(cf, cf_r64(cf, vm, STOLEN) < 1ULL << 50, "a second PV_TIME_ST does not begin anew");
}
CF_ROW(pvt_15, .id = "PVT-15", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "struct pvclock_vcpu_stolen_time init_values = {};",
       .statement =
	       "PV_TIME_ST clears all 64 bytes of the structure and begins to count anew, each "
	       "time it is called",
       .how = "memory full of ones before the call; a large value before a second one",
       .run = pvt_15, .mutant = CF_M_MEM(PVTB_GPA_STEAL + 16, 8, CF_SET, ~0ULL));

#define LOST_MS 50

static void pvt_25(struct cf *cf)
{
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, &cpu);
	struct pvtb_step s[] = {CF_EXIT, CF_HVC(CF_PV_ST), CF_EXIT, CF_READ64(STOLEN)};
	s64 since;

	cf_lose_time(cf, vm, 0, cpu, LOST_MS);
	cf->at_exit = note_run_delay;
	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	/* The call comes after the first exit. */
	since = cf_run_delay_ns(vm, 0) - (s64)cf->data[0];
	if (since >= (s64)cf->data[0])
		cf_inconclusive(cf, "%lld ns were lost before the call and %lld ns after it",
				(long long)cf->data[0], (long long)since);
	cf_within(cf, (s64)s[3].out[0], 0, since,
		  "stolen time after the call, of a thread that had waited %llu ns before it",
		  (unsigned long long)cf->data[0]);
}
CF_ROW(pvt_25, .id = "PVT-25", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "Start counting stolen time from the time the guest requests the feature enabled.",
       .statement =
	       "stolen time begins with the call of PV_TIME_ST: what the thread waited before is not in it",
       .how = "50 ms and more lost beside a busy process, then the call: the reading is at most what the thread "
	      "has waited since (schedstat)",
       .needs = "schedstat", .alone = true, .run = pvt_25, .also = "PVT-11 PVT-13 PVT-17? PVT-21?",
       .mutant = CF_M_STEP(PVTB_STEP_READ64, STOLEN, 0, CF_ADD, 50000000));

static void pvt_16(struct cf *cf)
{
	struct pvtb_step s[64];
	struct pvtb_vm *vm = steal_vm(cf, 1);
	const u64 pattern = 0xa5a5a5a5a5a5a5a5ULL;
	size_t n = 0;

	cf_fill(vm, PVTB_GPA_STEAL, 0xa5, 4096);
	s[n++] = CF_HVC(CF_PV_ST);
	while (n < 20)
		s[n++] = CF_EXIT;
	cf_stream(cf, vm, 0, s, n);
	for (u64 off = SLOT; off < 4096; off += 8)
		if (!cf_eq(cf, cf_r64(cf, vm, PVTB_GPA_STEAL + off), pattern,
			   "word at %llu, behind the structure", (unsigned long long)off))
			break;
}
CF_ROW(pvt_16, .id = "PVT-16", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "kvm_write_guest_lock(kvm, base, &init_values, sizeof(init_values));",
       .statement = "nothing is written beyond the 64 bytes of a structure",
       .how = "a pattern behind it, over PV_TIME_ST and 19 exits", .run = pvt_16,
       .mutant = CF_M_MEM(PVTB_GPA_STEAL + 64, 8, CF_SET, 0));

/* All the vCPU's thread has ever waited; where that is not to be had, a minute. */
static s64 most_waited(struct pvtb_vm *vm)
{
	s64 waited = cf_run_delay_ns(vm, 0);

	return waited < 0 ? 60000000000LL : waited;
}

static void pvt_17(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);
	struct pvtb_step s[] = {
		CF_HVC(CF_PV_ST), CF_EXIT, CF_STEP(PVTB_STEP_WRITE64, STOLEN, 1ULL << 50),
		CF_EXIT,	  CF_EXIT, CF_READ64(STOLEN)};

	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	cf_within(cf, (s64)(s[5].out[0] - (1ULL << 50)), 0, most_waited(vm),
		  "what KVM added to a value the guest wrote, against the thread's waiting time");
	cf_run_once(cf, vm, 0);
}
CF_ROW(pvt_17, .id = "PVT-17", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "steal = le64_to_cpu(steal);",
       .statement = "where a guest writes its stolen time, KVM adds to what it finds, and goes on",
       .how = "a value of 2^50 written by the guest, read after two exits", .run = pvt_17,
       .also = "PVT-11 PVT-12 PVT-13 PVT-21 PVC-10", .mutant = CF_M_MEM(STOLEN, 8, CF_SET, 0));

/* A second memory region, which holds nothing but a structure. */
#define FAR_GPA	  0x100000000ULL
#define FAR_BYTES 0x10000ULL

static int far_region(struct cf *cf, struct pvtb_vm *vm, void *mem, u64 bytes)
{
	const struct kvm_userspace_memory_region r = {.slot = 5,
						      .guest_phys_addr = FAR_GPA,
						      .memory_size = bytes,
						      .userspace_addr = (u64)(uintptr_t)mem};

	return cf_ioctl(cf, cf_vm_fd(vm), KVM_SET_USER_MEMORY_REGION, &r);
}

static void pvt_18(struct cf *cf)
{
	const int cpu = cf_some_cpu();
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .cpus = &cpu});
	volatile u64 *mem =
		mmap(NULL, FAR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, SHARE_MS)), CF_EXIT};
	u64 removed, again;
	s64 waited;
	int hog;

	cf_errno(cf, far_region(cf, vm, (void *)mem, FAR_BYTES), 0, "memory region");
	cf_errno(cf, set_ipa(cf, vm, 0, FAR_GPA), 0, "structure in it");
	cf_eq(cf, cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0), FAR_GPA, "PV_TIME_ST");
	cf_errno(cf, far_region(cf, vm, (void *)mem, 0), 0, "removing the region");
	removed = mem[1];
	waited = cf_run_delay_ns(vm, 0);
	hog = cf_hog_start(cf, cpu);
	cf_errno(cf, cf_try_stream(cf, vm, 0, s, 2, NULL), 0, "KVM_RUN without the region");
	cf_hog_stop(hog);
	waited = cf_run_delay_ns(vm, 0) - waited;
	cf_eq(cf, mem[1], removed, "memory that is no longer the guest's");
	cf_errno(cf, far_region(cf, vm, (void *)mem, FAR_BYTES), 0, "region back");
	cf_errno(cf, cf_try_stream(cf, vm, 0, s + 1, 1, NULL), 0, "KVM_RUN with the region back");
	again = mem[1];
	if (waited <= 0)
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU meanwhile");
	cf_true(cf, again - removed >= (u64)waited,
		"%lld ns were lost meanwhile, and %llu ns made up for", (long long)waited,
		(unsigned long long)(again - removed));
}
CF_ROW(pvt_18, .id = "PVT-18", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "if (!kvm_get_guest(kvm, base + offset, steal)) {", .cap = CF_CAP_STEAL_TIME,
       .statement =
	       "a structure whose memory region is taken away does not hinder KVM_RUN; when it is "
	       "back, what was lost meanwhile is made up for",
       .how = "a region of its own, removed and added again, a busy process beside the guest",
       .alone = true, .run = pvt_18,
       .mutant = CF_M_DROP_AFTER(KVM_SET_USER_MEMORY_REGION, 0, 0, 2));

static void pvt_19(struct cf *cf)
{
	static const u64 calls[][2] = {{CF_SMCCC_VERSION, 0},
				       {CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES},
				       {CF_PV_FEATURES, CF_PV_ST},
				       {CF_PV_FEATURES, CF_PV_LPT},
				       {CF_PV_ST, 0},
				       {CF_PSCI_VERSION, 0},
				       {0xc500ffff, 0}};
	struct pvtb_vm *vm = steal_vm(cf, 1);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(calls); i++) {
		struct pvtb_step s[] = {CF_HVC(calls[i][0], calls[i][1]),
					CF_SMC(calls[i][0], calls[i][1])};

		cf_fault(cf, cf_stream(cf, vm, 0, s, 2), CF_NO_FAULT, "the stream");
		cf_eq(cf, s[1].out[0], s[0].out[0], "call %#llx(%#llx) by SMC, against HVC",
		      (unsigned long long)calls[i][0], (unsigned long long)calls[i][1]);
	}
}
CF_ROW(pvt_19, .id = "PVT-19", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/handle_exit.c", .quote = "return kvm_smccc_call_handler(vcpu);",
       .since = "6.4", .statement = "SMC is as good as HVC: both conduits give the same answers",
       .how = "seven calls by both; before Linux 6.4 every SMC answered -1", .run = pvt_19,
       .also = "FLT-10", .mutant = CF_M_STEP(PVTB_STEP_SMC, CF_PV_ST, 0, CF_XOR, 64));

static void pvt_20(struct cf *cf)
{
	static const u64 functions[] = {CF_SMCCC_ARCH_FEATURES, CF_PV_FEATURES, CF_PV_ST,
					0xc500ffff, CF_VENDOR_UID};
	struct pvtb_vm *vm = steal_vm(cf, 1);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(functions); i++) {
		struct pvtb_step s = CF_HVC(functions[i], CF_PV_ST);

		for (unsigned int r = 2; r < PVTB_STEP_REGS; r++)
			s.in[r] = 0x1111111111111111ULL * (r % 15 + 1);
		cf_stream(cf, vm, 0, &s, 1);
		for (unsigned int r = 4; r < PVTB_STEP_REGS; r++)
			cf_eq(cf, s.out[r], s.in[r], "x%u over call %#llx", r,
			      (unsigned long long)functions[i]);
	}
}
CF_ROW(pvt_20, .id = "PVT-20", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64,
       .source = "arm/hypercalls.rst (SMCCC 1.1, DEN 0028)",
       .quote =
	       "issued using the HVC instruction according to version 1.1 of the Arm SMC Calling Convention (DEN0028/C)",
       .statement = "calls leave x4 to x17 as they were",
       .how = "a pattern in every register over five calls", .run = pvt_20,
       .mutant = CF_M_STEP(PVTB_STEP_HVC, CF_PV_ST, 9, CF_XOR, 1));

static void pvt_21(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1), *to;
	struct pvtb_step s[] = {CF_EXIT, CF_READ64(STOLEN)};
	const u64 saved = 123456789012ULL;
	u8 structure[SLOT];

	cf_call(cf, vm, 0, CF_PV_ST, 0, 0, 0);
	cf_w64(vm, STOLEN, saved);
	memcpy(structure, pvtb_vm_gpa(vm, PVTB_GPA_STEAL), SLOT);
	to = steal_vm(cf, 1);
	memcpy(pvtb_vm_gpa(to, PVTB_GPA_STEAL), structure, SLOT);
	cf_stream(cf, to, 0, s, 2);
	cf_within(cf, (s64)(s[1].out[0] - saved), 0, cf_run_delay_ns(to, 0),
		  "what the new VM's vCPU has on top of the saved value");
}
CF_ROW(pvt_21, .id = "PVT-21", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64, .source = PVTIME_SRC,
       .quote = "vcpu->arch.steal.last_steal = READ_ONCE(current->sched_info.run_delay);",
       .statement = "a structure restored on a new VM goes on from its value: nothing is lost, and "
		    "nothing is added beyond what the new thread has waited",
       .how = "the 64 bytes copied into a second VM with the same address; its guest does not call "
	      "PV_TIME_ST",
       .needs = "schedstat", .run = pvt_21, .also = "PVT-11 PVT-13 PVT-17 PVT-25",
       .mutant = CF_M_MEM(STOLEN, 8, CF_ADD, 100000000000ULL));

/* In the guest's own mapping: the address, the values, and an update that the guest sees. */
static void in_granule(struct cf *cf, u32 granule)
{
	struct pvtb_vm *vm =
		cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2, .steal = true, .granule = granule});
	u64 stolen = STOLEN + SLOT;
	struct pvtb_step s[] = {CF_HVC(CF_PV_ST), CF_READ64(PVTB_GPA_STEAL + SLOT), CF_EXIT,
				CF_READ64(stolen)};
	u64 before, after;

	cf_fault(cf, cf_stream(cf, vm, 1, s, 1), CF_NO_FAULT, "PV_TIME_ST, pages of %u", granule);
	cf_eq(cf, s[0].out[0], PVTB_GPA_STEAL + SLOT, "address of vCPU 1's structure, pages of %u",
	      granule);
	cf_w64(vm, stolen, 1000);
	before = cf_r64(cf, vm, stolen);
	cf_fault(cf, cf_stream(cf, vm, 1, s + 1, 3), CF_NO_FAULT, "readings, pages of %u", granule);
	after = cf_r64(cf, vm, stolen);
	cf_eq(cf, s[1].out[0], 0, "revision and attributes, pages of %u", granule);
	cf_within(cf, (s64)s[3].out[0], (s64)before, (s64)after,
		  "stolen time the guest reads in pages of %u, by what the host sees", granule);
}

static void pvt_22(struct cf *cf)
{
	static const u32 granules[] = {4096, 16384, 65536};

	cf_eq(cf, PVTB_GPA_STEAL % 65536, 0, "the structures' page");
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(granules); i++) {
		if (cf->caps.granules & granules[i])
			in_granule(cf, granules[i]);
		else
			cf_note(cf, "no pages of %u bytes on this CPU", granules[i]);
	}
}
CF_ROW(pvt_22, .id = "PVT-22", .tag = CF_DOC, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote =
	       "one or more 64k pages are set aside for the purpose of these structures and not used for other purposes",
       .statement = "the structures lie in 64 KiB pages of their own, in normal write-back memory, "
		    "whatever the guest's granule",
       .how = "guests with pages of 4, 16 and 64 KiB, as far as the CPU has them: PV_TIME_ST's address, and "
	      "what the guest reads there is what the host sees",
       .run = pvt_22, .mutant = CF_M_STEP(PVTB_STEP_READ64, STOLEN + SLOT, 0, CF_SET, 0));

static void pvt_23(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf, 1);
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_SMC_IMM, CF_PSCI_VERSION),
				CF_STEP(PVTB_STEP_COUNT)};

	cf_fault(cf, cf_stream(cf, vm, 0, s, 2), CF_NO_FAULT, "SMC #1");
	cf_eq(cf, s[0].out[0], CF_NOT_SUPPORTED, "x0 after SMC #1");
	cf_eq(cf, s[1].done, 1, "the instruction behind it was reached");
}
CF_ROW(pvt_23, .id = "PVT-23", .tag = CF_CODE, .archs = PVTB_ARCH_ARM64,
       .source = "arch/arm64/kvm/handle_exit.c",
       .quote = "if (kvm_vcpu_hvc_get_imm(vcpu)) { vcpu_set_reg(vcpu, 0, ~0UL);",
       .statement = "an SMC with an immediate other than 0 answers -1 and is stepped over",
       .how = "SMC #1 with the number of PSCI_VERSION", .run = pvt_23,
       .mutant = CF_M_STEP(PVTB_STEP_SMC_IMM, CF_ANY, 0, CF_SET, 0x10001));

static u64 a32_call(struct cf *cf, struct pvtb_vm *vm, const char *op, u64 function, u64 arg)
{
	const struct pvtb_cmd cmd = {.op = op, .args = {function, arg}};
	struct pvtb_cmd_result res;

	cf_op(cf, vm, 0, &cmd, &res);
	return res.ret[0];
}

static void pvt_24(struct cf *cf)
{
	static const char *const ops[] = {"a32_hvc", "a32_smc"};
	/* SMC is a conduit since Linux 6.4 (PVT-19). */
	size_t nr_ops = cf->kernel >= (6 << 16 | 4) ? 2 : 1;
	struct pvtb_vm *vm =
		cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true, .aarch32 = true});

	for (size_t i = 0; i < nr_ops; i++) {
		u64 version = a32_call(cf, vm, ops[i], CF_SMCCC_VERSION, 0);
		u64 features = a32_call(cf, vm, ops[i], CF_PV_FEATURES, CF_PV_ST);
		u64 st = a32_call(cf, vm, ops[i], CF_PV_ST, 0);

		/* that such a guest's calls are answered at all */
		cf_within(cf, (s64)version, 0x10001, 0x1ffff, "SMCCC_VERSION by %s", ops[i]);
		cf_eq(cf, a32_call(cf, vm, ops[i], 0x85000020, CF_PV_ST), 0xffffffff,
		      "32-bit number of PV_TIME_FEATURES by %s", ops[i]);
		cf_eq(cf, a32_call(cf, vm, ops[i], 0x85000021, 0), 0xffffffff,
		      "32-bit number of PV_TIME_ST by %s", ops[i]);
		cf_mismatch(cf, features == 0xffffffff && st == 0xffffffff,
			    !features && st == PVTB_GPA_STEAL,
			    "%s from AArch32: PV_TIME_FEATURES %#llx, PV_TIME_ST %#llx", ops[i],
			    (unsigned long long)features, (unsigned long long)st);
	}
}
CF_ROW(pvt_24, .id = "PVT-24", .tag = CF_MISMATCH, .archs = PVTB_ARCH_ARM64, .source = PVTIME_DOC,
       .quote = "paravirtualized time is not available to 32 bit Arm guests",
       .statement = "paravirtual time is not available to 32-bit guests: the calls answer -1 there",
       .how = "all four numbers by HVC and, since Linux 6.4, by SMC from a guest whose EL1 is AArch32",
       .needs = "AArch32 at EL1",
       .known =
	       "KVM does not look at the caller's state: it answers the 64-bit numbers as from a 64-bit "
	       "guest, with the lower half of the address",
       .run = pvt_24, .mutant = CF_M_OP("a32_hvc, a32_smc", CF_PV_ST, 0, CF_SET, 0));
