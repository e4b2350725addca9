// SPDX-License-Identifier: GPL-2.0-only
/* Rows CPU, HCX, PAIR, YLD, XEN: KVM's CPUID leaves and hypercalls (x86/cpuid.rst, hypercalls.rst). */
#include <inttypes.h>
#include <string.h>

#include "bench/conformance/check.h"

#define CPU_DOC	     "x86/cpuid.rst"
#define HC_DOC	     "x86/hypercalls.rst"
#define X86	     .archs = PVTB_ARCH_X86_64
#define KVM_ERR(e)   (-(u64)(e))
#define PAIRING_GPA  (PVTB_GPA_PVCLOCK + 0x2000)
#define NO_SUCH_CALL 0x7777

static u64 hypercall(struct cf *cf, struct pvtb_vm *vm, u64 nr, u64 a0, u64 a1)
{
	struct pvtb_step s = CF_HVC(nr, a0, a1);
	int fault = cf_stream(cf, vm, 0, &s, 1);

	cf_fault(cf, fault, CF_NO_FAULT, "hypercall %" PRIu64, nr);
	return s.out[0];
}

static void cpuid(struct cf *cf, struct pvtb_vm *vm, u32 leaf, struct pvtb_step *ret)
{
	*ret = CF_STEP(PVTB_STEP_CPUID, leaf);
	cf_stream(cf, vm, 0, ret, 1);
}

static void cpu_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s;
	u32 name[3];

	cpuid(cf, vm, CF_LEAF_KVM, &s);
	for (unsigned int i = 0; i < 3; i++)
		name[i] = (u32)s.out[i + 1];
	cf_true(cf, !memcmp(name, "KVMKVMKVM\0\0\0", 12), "EBX, ECX, EDX spell \"%.12s\"",
		(const char *)name);
	cf_true(cf, !s.out[0] || s.out[0] >= CF_LEAF_KVM_FEATURES,
		"EAX, the last leaf, is %#" PRIx64, s.out[0]);
}
CF_ROW(cpu_01, .id = "CPU-01", .tag = CF_DOC, X86, .source = CPU_DOC,
       .quote = "corresponds to the string \"KVMKVMKVM\"",
       .statement =
	       "CPUID 0x40000000 spells KVMKVMKVM in EBX, ECX, EDX, and EAX is the last leaf (0 stands "
	       "for 0x40000001)",
       .how = "CPUID in the guest", .run = cpu_01,
       .mutant = CF_M_STEP(PVTB_STEP_CPUID, CF_LEAF_KVM, 1, CF_XOR, 0x20));

static void cpu_02(struct cf *cf)
{
	static const struct {
		u32 bit, msr;
	} msrs[] = {{CF_FEAT_CLOCKSOURCE, CF_MSR_SYSTEM_TIME},
		    {CF_FEAT_CLOCKSOURCE, CF_MSR_WALL_CLOCK},
		    {CF_FEAT_CLOCKSOURCE2, CF_MSR_SYSTEM_TIME_NEW},
		    {CF_FEAT_CLOCKSOURCE2, CF_MSR_WALL_CLOCK_NEW},
		    {CF_FEAT_STEAL_TIME, CF_MSR_STEAL_TIME}};
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s;
	u32 features;

	cpuid(cf, vm, CF_LEAF_KVM_FEATURES, &s);
	features = (u32)s.out[0];
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(msrs); i++) {
		struct pvtb_step read = CF_RDMSR(msrs[i].msr);

		cf_true(cf, features & msrs[i].bit, "EAX %#x does not have %#x", features,
			msrs[i].bit);
		cf_fault(cf, cf_stream(cf, vm, 0, &read, 1), CF_NO_FAULT,
			 "RDMSR %#x, which EAX has", msrs[i].msr);
	}
	cf_true(cf, features & CF_FEAT_STABLE, "EAX %#x does not have bit 24", features);
}
CF_ROW(cpu_02, .id = "CPU-02", .tag = CF_DOC, X86, .source = CPU_DOC,
       .quote = "kvmclock available at msrs 0x4b564d00 and 0x4b564d01",
       .statement =
	       "bits 0, 3, 5 and 24 of CPUID 0x40000001.EAX: old and new kvmclock, steal time, a clock "
	       "whose stable flag may be trusted; what they name works",
       .how = "the bits in the guest's CPUID, and RDMSR of the five MSRs behind them",
       .run = cpu_02,
       .mutant = CF_M_STEP(PVTB_STEP_CPUID, CF_LEAF_KVM_FEATURES, 0, CF_XOR, CF_FEAT_STABLE));

static void cpu_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct cf_cpuid *c = calloc(1, sizeof(*c));
	struct pvtb_step s;
	int fd = cf_vcpu_fd(vm, 0);

	if (!c)
		cf_stop(cf, "out of memory");
	c->nent = PVTB_ARRAY_SIZE(c->e);
	cf_errno(cf, cf_ioctl(cf, fd, CF_GET_CPUID2, c), 0, "KVM_GET_CPUID2");
	for (u32 i = 0; i < c->nent; i++)
		if (c->e[i].function == CF_LEAF_KVM_FEATURES) {
			cf_eq(cf, c->e[i].edx & 1, 0, "KVM_HINTS_REALTIME unasked for");
			c->e[i].edx |= 1;
		}
	cf_errno(cf, cf_ioctl(cf, fd, CF_SET_CPUID2, c), 0, "KVM_SET_CPUID2 with the hint");
	free(c);
	cpuid(cf, vm, CF_LEAF_KVM_FEATURES, &s);
	cf_eq(cf, s.out[3] & 1, 1, "EDX bit 0 as the guest sees it");
}
CF_ROW(cpu_03, .id = "CPU-03", .tag = CF_DOC, X86, .source = CPU_DOC, .quote = "KVM_HINTS_REALTIME",
       .statement = "KVM_HINTS_REALTIME is bit 0 of CPUID 0x40000001.EDX, the VMM's to set",
       .how = "clear unless set, and seen by the guest when it is", .run = cpu_03,
       .mutant = CF_M_STEP(PVTB_STEP_CPUID, CF_LEAF_KVM_FEATURES, 3, CF_SET, 0));

static void hcx_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	static const u64 calls[] = {CF_HC_KICK_CPU, CF_HC_SCHED_YIELD, NO_SUCH_CALL};

	for (size_t c = 0; c < PVTB_ARRAY_SIZE(calls); c++) {
		struct pvtb_step s = CF_HVC(calls[c]);

		for (unsigned int r = 1; r < 15; r++)
			s.in[r] = 0x1111111111111111ULL * r;
		cf_fault(cf, cf_stream(cf, vm, 0, &s, 1), CF_NO_FAULT, "the stream");
		for (unsigned int r = 1; r < 15; r++)
			cf_eq(cf, s.out[r], s.in[r], "register %u over hypercall %" PRIu64, r,
			      calls[c]);
	}
}
CF_ROW(hcx_01, .id = "HCX-01", .tag = CF_DOC, X86, .source = HC_DOC,
       .quote =
	       "No other registers will be clobbered unless explicitly stated by the particular hypercall",
       .statement =
	       "a hypercall's number is in RAX, arguments in RBX, RCX, RDX and RSI, the result in RAX; "
	       "no other register changes",
       .how = "a pattern in all of them but RSP over three calls", .run = hcx_01,
       .mutant = CF_M_STEP(PVTB_STEP_HVC, NO_SUCH_CALL, 9, CF_XOR, 1));

static void hcx_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf->level = PVTB_LEVEL_USER;
	cf_eq(cf, hypercall(cf, vm, CF_HC_KICK_CPU, 0, 0), KVM_ERR(CF_KVM_EPERM), "from ring 3");
	cf_eq(cf, hypercall(cf, vm, NO_SUCH_CALL, 0, 0), KVM_ERR(CF_KVM_EPERM),
	      "an unknown one from ring 3");
}
CF_ROW(hcx_02, .id = "HCX-02", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "ret = -KVM_EPERM;", .statement = "outside ring 0 every hypercall is -KVM_EPERM",
       .how = "two calls from ring 3", .run = hcx_02, .also = "HCX-03",
       .mutant = CF_M_STEP(PVTB_STEP_HVC, CF_HC_KICK_CPU, 0, CF_SET, 0));

static void hcx_03(struct cf *cf)
{
	static const u64 nobodys[] = {0, 2, 3, NO_SUCH_CALL, 0xffffffff};
	struct pvtb_vm *vm = cf_plain_vm(cf), *less = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(nobodys); i++)
		cf_eq(cf, hypercall(cf, vm, nobodys[i], 0, 0), KVM_ERR(CF_KVM_ENOSYS),
		      "hypercall %" PRIu64, nobodys[i]);
	/* PV_UNHALT and PV_SCHED_YIELD are bits 7 and 13. */
	cf_without_features(cf, less, 0, 1U << 7 | 1U << 13);
	cf_eq(cf, hypercall(cf, less, CF_HC_KICK_CPU, 0, 0), KVM_ERR(CF_KVM_ENOSYS),
	      "KICK_CPU without its feature");
	cf_eq(cf, hypercall(cf, less, CF_HC_SCHED_YIELD, 0, 0), KVM_ERR(CF_KVM_ENOSYS),
	      "SCHED_YIELD without its feature");
}
CF_ROW(hcx_03, .id = "HCX-03", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "default: ret = -KVM_ENOSYS;", .cap = CF_CAP_ENFORCE_PV_CPUID,
       .statement =
	       "an unknown hypercall, and one whose feature the guest does not have, is -KVM_ENOSYS",
       .how = "five numbers; two calls with their CPUID bits cleared and enforcement on",
       .run = hcx_03, .also = "HCX-02",
       .mutant = CF_M_STEP(PVTB_STEP_HVC, NO_SUCH_CALL, 0, CF_SET, 0));

CF_ROW(hcx_04, .id = "HCX-04", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "op_64_bit", .statement = "in 32-bit mode arguments are cut to 32 bits",
       .manual = "the probes are 64-bit code");

static void read_pair(struct pvtb_vm *vm, struct cf_clock_pairing *ret)
{
	memcpy(ret, pvtb_vm_gpa(vm, PAIRING_GPA), sizeof(*ret));
}

static void need_pairing(struct cf *cf, struct pvtb_vm *vm)
{
	const struct cf_mutant *mutant = cf->mutant;
	u64 answer;

	cf->mutant = NULL;
	answer = hypercall(cf, vm, CF_HC_CLOCK_PAIRING, PAIRING_GPA, 0);
	cf->mutant = mutant;
	if (answer == KVM_ERR(CF_KVM_EOPNOTSUPP))
		cf_skip(cf, "-KVM_EOPNOTSUPP: does the host keep time by the TSC?");
}

static void pair_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_eq(cf, hypercall(cf, vm, CF_HC_CLOCK_PAIRING, PAIRING_GPA, 1),
	      KVM_ERR(CF_KVM_EOPNOTSUPP), "clock type 1");
	cf_eq(cf, hypercall(cf, vm, CF_HC_CLOCK_PAIRING, PAIRING_GPA, 1ULL << 32),
	      KVM_ERR(CF_KVM_EOPNOTSUPP), "clock type 2^32");
}
CF_ROW(pair_01, .id = "PAIR-01", .tag = CF_DOC, X86, .source = HC_DOC,
       .quote = "or if clock type is different than KVM_CLOCK_PAIRING_WALLCLOCK",
       .statement = "KVM_HC_CLOCK_PAIRING knows clock type 0: any other is -KVM_EOPNOTSUPP",
       .how = "types 1 and 2^32", .run = pair_01,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_HC_CLOCK_PAIRING, 0, CF_SET, 0, 1));

CF_ROW(pair_02, .id = "PAIR-02", .tag = CF_DOC, X86, .source = HC_DOC,
       .quote = "Returns KVM_EOPNOTSUPP if the host does not use TSC clocksource",
       .statement =
	       "where the host does not keep time by the TSC it is -KVM_EOPNOTSUPP (by the code also "
	       "where the guest's TSC is caught up with)",
       .manual = "would change the host's clocksource under everything else that runs there");

static void pair_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	need_pairing(cf, vm);
	cf_eq(cf, hypercall(cf, vm, CF_HC_CLOCK_PAIRING, 0x7000000000ULL, 0),
	      KVM_ERR(CF_KVM_EFAULT), "an address without memory");
}
CF_ROW(pair_03, .id = "PAIR-03", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "ret = -KVM_EFAULT;", .statement = "an address without memory is -KVM_EFAULT",
       .how = "an address far above it", .needs = "a host that keeps time by the TSC",
       .run = pair_03, .also = "PAIR-01",
       .mutant = CF_M_STEP(PVTB_STEP_HVC, CF_HC_CLOCK_PAIRING, 0, CF_SET, 0));

static void pair_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1,
							      .offset_counter = true,
							      .counter_offset = 0x123456789abcULL});
	struct cf_clock_pairing p;

	need_pairing(cf, vm);
	cf_fill(vm, PAIRING_GPA, 0xff, sizeof(p));
	cf_eq(cf, hypercall(cf, vm, CF_HC_CLOCK_PAIRING, PAIRING_GPA, 0), 0, "result");
	read_pair(vm, &p);
	cf_within(cf, p.nsec, 0, 999999999, "nanoseconds");
	cf_eq(cf, cf_r32(cf, vm, PAIRING_GPA + 24), 0, "flags");
	for (u64 off = 28; off < 64; off += 4)
		cf_eq(cf, cf_r32(cf, vm, PAIRING_GPA + off), 0, "padding at %" PRIu64, off);
}
CF_ROW(pair_04, .id = "PAIR-04", .tag = CF_DOC, X86, .source = HC_DOC,
       .quote = "flags: flags, unused (0) at the moment",
       .statement =
	       "it writes 64 bytes: seconds, nanoseconds, the guest's TSC, flags and padding, which "
	       "are 0",
       .how = "memory full of ones before it", .needs = "a host that keeps time by the TSC",
       .run = pair_04, .mutant = CF_M_MEM(PAIRING_GPA + 60, 4, CF_SET, 1));

static void pair_05(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1,
							      .offset_counter = true,
							      .counter_offset = 0x123456789abcULL});
	struct pvtb_step s = CF_HVC(CF_HC_CLOCK_PAIRING, PAIRING_GPA, 0);
	u64 before, after, sec, nsec, tsc;

	need_pairing(cf, vm);
	before = cf_clock_ns(CLOCK_REALTIME);
	cf_stream(cf, vm, 0, &s, 1);
	after = cf_clock_ns(CLOCK_REALTIME);
	sec = cf_r64(cf, vm, PAIRING_GPA);
	nsec = cf_r64(cf, vm, PAIRING_GPA + 8);
	tsc = cf_r64(cf, vm, PAIRING_GPA + 16);
	cf_within(cf, (s64)(sec * PVTB_NSEC_PER_SEC + nsec), (s64)before, (s64)after,
		  "time, between two readings of the host's");
	cf_within(cf, (s64)tsc, (s64)s.t0, (s64)s.t1, "TSC, between two readings of the guest's");
}
CF_ROW(pair_05, .id = "PAIR-05", .tag = CF_DOC, X86, .source = HC_DOC,
       .quote = "tsc: guest TSC value used to calculate sec/nsec pair",
       .statement =
	       "time and TSC are of one instant during the call, the TSC as the guest reads it",
       .how = "each between two readings, with an offset on the TSC",
       .needs = "a host that keeps time by the TSC", .run = pair_05,
       .mutant = CF_M_MEM(PAIRING_GPA + 16, 8, CF_ADD, -0x123456789abcULL));

static void yld_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_eq(cf, hypercall(cf, vm, CF_HC_SCHED_YIELD, 0, 0), 0, "KVM_HC_SCHED_YIELD to itself");
	cf_eq(cf, hypercall(cf, vm, CF_HC_SCHED_YIELD, 77, 0), 0,
	      "KVM_HC_SCHED_YIELD to a vCPU that does not exist");
	cf_eq(cf, hypercall(cf, vm, CF_HC_KICK_CPU, 0, 77), 0,
	      "KVM_HC_KICK_CPU of a vCPU that does not exist");
}
CF_ROW(yld_01, .id = "YLD-01", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote =
	       "case KVM_HC_SCHED_YIELD: if (!guest_pv_has(vcpu, KVM_FEATURE_PV_SCHED_YIELD)) break;",
       .statement = "KVM_HC_SCHED_YIELD and KVM_HC_KICK_CPU answer 0, whoever they name",
       .how = "itself, and a vCPU that does not exist; KVM_HC_SEND_IPI wants an interrupt controller and is "
	      "not tried",
       .run = yld_01,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_HC_SCHED_YIELD, 0, CF_SET, ~0ULL, 1));

CF_ROW(xen_01, .id = "XEN-01", .tag = CF_DOC, X86, .source = "api.rst 4.128, KVM_XEN_VCPU_SET_ATTR",
       .quote = "must equal the sum of the other four times",
       .statement =
	       "RUNSTATE_DATA: the entry time is the sum of the four times, and none is negative",
       .manual = "our guest is no Xen guest");
