// SPDX-License-Identifier: GPL-2.0-only
/* Rows SYS and WCL: kvmclock and wall clock MSRs (x86/msr.rst). */
#include <inttypes.h>
#include <string.h>

#include "arch/counter.h"
#include "bench/conformance/check.h"

#define SYS_DOC	     "x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW"
#define WCL_DOC	     "x86/msr.rst, MSR_KVM_WALL_CLOCK_NEW"
#define X86	     .archs = PVTB_ARCH_X86_64
#define CLOCK	     CF_PVCLOCK(0)
#define WALL	     (PVTB_GPA_PVCLOCK + 0x1000)
#define FLAG_STABLE  1
#define FLAG_STOPPED 2

static struct pvtb_vm *clock_vm(struct cf *cf, unsigned int vcpus)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = vcpus, .pvclock = true});

	for (unsigned int i = 0; i < vcpus; i++)
		cf_run_once(cf, vm, i);
	return vm;
}

static int guest_writes(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u32 msr, u64 value)
{
	struct pvtb_step s = CF_WRMSR(msr, value);

	return cf_stream(cf, vm, vcpu, &s, 1);
}

static void expect_gp(struct cf *cf, u32 features, const u32 *msrs)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_without_features(cf, vm, 0, features);
	for (unsigned int i = 0; i < 2; i++) {
		struct pvtb_step read = CF_RDMSR(msrs[i]);

		cf_fault(cf, cf_stream(cf, vm, 0, &read, 1), CF_VECTOR_GP,
			 "RDMSR %#x without features %#x", msrs[i], features);
		cf_fault(cf, guest_writes(cf, vm, 0, msrs[i], CLOCK | 1), CF_VECTOR_GP,
			 "WRMSR %#x without features %#x", msrs[i], features);
	}
}

static void sys_01(struct cf *cf)
{
	static const u32 new[] = {CF_MSR_SYSTEM_TIME_NEW, CF_MSR_WALL_CLOCK_NEW};
	static const u32 old[] = {CF_MSR_SYSTEM_TIME, CF_MSR_WALL_CLOCK};

	cf_need_msr_faults(cf);
	expect_gp(cf, CF_FEAT_CLOCKSOURCE2, new);
	expect_gp(cf, CF_FEAT_CLOCKSOURCE, old);
}
CF_ROW(sys_01, .id = "SYS-01", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote =
	       "Availability of this MSR must be checked via bit 3 in 0x4000001 cpuid leaf prior to usage",
       .cap = CF_CAP_ENFORCE_PV_CPUID,
       .statement =
	       "the new MSRs (0x4b564d01, 0x4b564d00) need bit 3 of CPUID 0x40000001.EAX, the old ones "
	       "(0x12, 0x11) bit 0: #GP for a guest held to its CPUID",
       .how = "RDMSR and WRMSR of all four, with the bit cleared and enforcement on", .run = sys_01,
       .also = "STL-01 STL-02", .mutant = CF_M_FAULT(CF_VECTOR_GP, CF_NO_FAULT));

static void sys_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);

	cf_errno(cf, cf_msr_set(cf, fd, CF_MSR_SYSTEM_TIME_NEW, (CLOCK + 4096 - 16) | 1), 1,
		 "MSRs set: a structure across two pages");
	cf_errno(cf, cf_ioctl_val(cf, fd, CF_KVMCLOCK_CTRL, 0), -EINVAL,
		 "KVM_KVMCLOCK_CTRL: is the clock active?");
	cf_errno(cf, cf_msr_set(cf, fd, CF_MSR_SYSTEM_TIME_NEW, (CLOCK + 4) | 1), 1,
		 "MSRs set: a multiple of 4");
	cf_errno(cf, cf_ioctl_val(cf, fd, CF_KVMCLOCK_CTRL, 0), 0,
		 "KVM_KVMCLOCK_CTRL: is the clock active?");
}
CF_ROW(sys_02, .id = "SYS-02", .tag = CF_CODE, X86,
       .source = "arch/x86/kvm/x86.c, arch/x86/kvm/msrs.c",
       .quote = "if (system_time & 1) kvm_gpc_activate(&vcpu->arch.pv_time, system_time & ~1ULL,",
       .since = "6.2",
       .statement =
	       "a multiple of 4 is enough for the structure; one that crosses a page is accepted and "
	       "never filled",
       .how = "both registered, and asked by KVM_KVMCLOCK_CTRL whether they are active",
       .run = sys_02, .also = "KCT-02", .mutant = CF_M_ERRNO(CF_KVMCLOCK_CTRL, 0, -EINVAL, 0));

#define WHOLE_TRIES 20

/* A reading with its version before and after: KVM may update the structure at any time, between the two as
 * well, and then the reading is made again. */
static void read_whole(struct cf *cf, struct pvtb_vm *vm, struct pvtb_step *s)
{
	for (int i = 0; i < WHOLE_TRIES; i++) {
		cf_stream(cf, vm, 0, s, 3);
		if (s[0].out[0] == s[2].out[0])
			return;
	}
	cf_inconclusive(cf, "KVM updated the structure in each of %d readings", WHOLE_TRIES);
}

static void sys_03(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct pvtb_step s[] = {CF_READ32(CLOCK), CF_READ_CLOCK(0), CF_READ32(CLOCK)};
	struct cf_clock c;
	u64 before;

	read_whole(cf, vm, s);
	before = s[2].out[0];
	cf_eq(cf, s[0].out[0] & 1, 0, "version is odd while the guest runs");
	cf_eq(cf, s[1].out[2], s[0].out[0], "version a reader needed");
	cf_get_clock(cf, vm, &c);
	cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "KVM_SET_CLOCK");
	cf_stream(cf, vm, 0, s, 3);
	cf_eq(cf, s[2].out[0] & 1, 0, "version is odd after an update");
	cf_true(cf, s[2].out[0] > before, "version %" PRIu64 ", then %" PRIu64 ": no update",
		before, s[2].out[0]);
}
CF_ROW(sys_03, .id = "SYS-03", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote =
	       "guest has to check version before and after grabbing time information and check that they are both equal and even",
       .statement =
	       "version is odd while KVM writes, and the same even number before and after a reading "
	       "that is whole",
       .how = "before and after a reading, and after an update by KVM_SET_CLOCK", .run = sys_03,
       .mutant = CF_M_MEM_AFTER(CLOCK, 4, CF_ADD, -2, 3));

static void sys_04(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct pvtb_step s = CF_READ_CLOCK(0);
	u64 offset = 0;
	struct cf_clock c;
	u64 khz, expected;

	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE | CF_CLOCK_HOST_TSC);
	khz = (u64)cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_GET_TSC_KHZ, 0);
	cf_errno(cf, cf_tsc_offset(cf, vm, 0, KVM_GET_DEVICE_ATTR, &offset), 0, "offset");
	cf_get_clock(cf, vm, &c);
	cf_stream(cf, vm, 0, &s, 1);
	/* From KVM's instant to the guest's TSC reading, by the TSC's rate. */
	expected = c.clock + (u64)((u128)(s.out[1] - (c.host_tsc + offset)) * 1000000 / khz);
	cf_within(
		cf, (s64)(s.out[0] - expected), -20 - (s64)(expected - c.clock) / 100000,
		20 + (s64)(expected - c.clock) / 100000,
		"ns the guest computes from the structure, beyond what KVM's clock comes to at that TSC");
}
CF_ROW(sys_04, .id = "SYS-04", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote = "time = (time * tsc_to_system_mul) >> 32", .since = "5.16",
       .statement = "the time is system_time + ((tsc - tsc_timestamp) shifted by tsc_shift) * "
		    "tsc_to_system_mul / 2^32",
       .how = "computed in the guest, against KVM_GET_CLOCK and the TSC's rate, to 20 ns and 10 ppm",
       .needs = "a host that keeps time by the TSC", .run = sys_04,
       .also = "CLK-03? CLK-10? CLK-11? CLK-12?",
       .mutant = CF_M_STEP(PVTB_STEP_PVCLOCK, CF_ANY, 0, CF_ADD, 1000000));

/* Ticks into nanoseconds as a structure says. */
static u64 as_ns(u64 ticks, u32 mul, int shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (u64)((u128)ticks * mul >> 32);
}

static void sys_05(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	u64 khz = (u64)cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_GET_TSC_KHZ, 0);
	u64 word = cf_r64(cf, vm, CLOCK + 24);
	int shift = (int8_t)(word >> 32);
	u32 mul = (u32)word;

	cf_within(cf, shift, -31, 31, "tsc_shift");
	if (!khz || shift < -31 || shift > 31)
		return;
	cf_within(cf, (s64)as_ns(khz * 1000, mul, shift), 999999000, 1000001000,
		  "ns that a second of ticks comes to");
	cf_within(cf, (s64)as_ns(khz * 1000000, mul, shift), 999999000000LL, 1000001000000LL,
		  "ns that a thousand seconds of ticks come to");
}
CF_ROW(sys_05, .id = "SYS-05", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote =
	       "This shift will ensure that multiplication with tsc_to_system_mul does not overflow",
       .statement =
	       "shift and multiplier turn ticks into nanoseconds without an overflow however long ago "
	       "the last update was",
       .how = "a second and a thousand seconds of ticks, to 1 ppm", .run = sys_05, .also = "SYS-07",
       .mutant = CF_M_MEM(CLOCK + 24, 8, CF_XOR, 1ULL << 20));

CF_ROW(sys_06, .id = "SYS-06", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote = "a host notion of monotonic time, including sleep time",
       .statement = "system_time includes the time the host slept",
       .manual = "would suspend the host");

static void sys_07(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 2);
	struct cf_clock c;

	cf_true(cf, cf_r32(cf, vm, CLOCK) >= 2 && cf_r32(cf, vm, CF_PVCLOCK(1)) >= 2,
		"a vCPU has no clock of its own");
	cf_fault(cf, guest_writes(cf, vm, 0, CF_MSR_SYSTEM_TIME_NEW, 0), CF_NO_FAULT, "disabling");
	cf_fill(vm, CLOCK, 0x5a, 32);
	cf_get_clock(cf, vm, &c);
	cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "KVM_SET_CLOCK, to cause updates");
	for (int i = 0; i < 5; i++) {
		cf_run_once(cf, vm, 0);
		cf_run_once(cf, vm, 1);
	}
	for (u64 at = 0; at < 32; at += 8)
		cf_eq(cf, cf_r64(cf, vm, CLOCK + at), 0x5a5a5a5a5a5a5a5aULL,
		      "word at %" PRIu64 " of the clock that was disabled", at);
}
CF_ROW(sys_07, .id = "SYS-07", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote = "until anything with bit0 == 0 is written to it",
       .statement =
	       "the clock is per vCPU and updated until 0 is written to bit 0; then the memory is the "
	       "guest's again",
       .how = "two vCPUs; a pattern over five runs after the first has disabled its own",
       .run = sys_07, .mutant = CF_M_MEM(CLOCK + 8, 8, CF_SET, 0));

#define SHARED_WORD (PVTB_GPA_PVCLOCK + 0x3000)
#define WARP_LOOPS  50000
#define WARP_ROUNDS 5

/* Both vCPUs at once, each reading after the largest reading of the two: how often they met. */
static u64 read_at_once(struct cf *cf, struct pvtb_vm *vm)
{
	struct pvtb_step s[2];
	u64 met = ~0ULL;

	cf_w64(vm, SHARED_WORD, 0);
	for (unsigned int i = 0; i < 2; i++) {
		s[i] = CF_STEP(PVTB_STEP_WARP, CF_PVCLOCK(i), SHARED_WORD, WARP_LOOPS);
		cf_stream_start(cf, vm, i, &s[i], 1);
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (cf_stream_wait(cf, vm, i, &s[i], 1, NULL))
			cf_stop(cf, "the guest did not run");
		cf_true(cf, !s[i].out[0],
			"%" PRIu64
			" of %d readings of vCPU %u are below what vCPU %u had read before, "
			"by up to %" PRIu64 " ns",
			s[i].out[0], WARP_LOOPS, i, !i, s[i].out[1]);
		met = s[i].out[2] < met ? s[i].out[2] : met;
	}
	return met;
}

static void sys_08(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 2);
	u64 last = 0, warps = 0, met = 0;

	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	for (int i = 0; i < 60; i++) {
		struct pvtb_step s = CF_READ_CLOCK(i & 1);

		cf_stream(cf, vm, i & 1, &s, 1);
		cf_eq(cf, s.out[3] & FLAG_STABLE, FLAG_STABLE, "flag bit 0 on vCPU %d", i & 1);
		warps += s.out[0] < last;
		last = s.out[0];
	}
	cf_eq(cf, warps, 0, "steps back from one vCPU to the other in 60 readings");
	for (int i = 0; i < WARP_ROUNDS && !met; i++)
		met = read_at_once(cf, vm);
	if (!met)
		cf_inconclusive(cf, "the two vCPUs never ran at once");
}
CF_ROW(sys_08, .id = "SYS-08", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote = "time measures taken across",
       .statement = "with flag bit 0 (CPUID bit 24) the clock is monotonic across vCPUs",
       .how = "60 readings, two vCPUs in turn; then 50000 of each, both at once, none below the largest that "
	      "either had read before, to the nanosecond",
       .needs = "a host that keeps time by the TSC", .run = sys_08,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_WARP, CF_ANY, 0, CF_ADD, 1, 1));

static void sys_09(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct pvtb_step s[] = {CF_READ_CLOCK(0), CF_EXIT, CF_READ_CLOCK(0)};

	cf_stream(cf, vm, 0, s, 3);
	cf_eq(cf, s[0].out[3] & FLAG_STOPPED, 0, "flag bit 1 of a VM nobody has paused");
	cf_errno(cf, cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_KVMCLOCK_CTRL, 0), 0,
		 "KVM_KVMCLOCK_CTRL");
	cf_stream(cf, vm, 0, s, 3);
	cf_eq(cf, s[0].out[3] & FLAG_STOPPED, FLAG_STOPPED, "flag bit 1 after the VMM said so");
}
CF_ROW(sys_09, .id = "SYS-09", .tag = CF_DOC, X86, .source = SYS_DOC,
       .quote = "guest vcpu has been paused by", .cap = CF_CAP_KVMCLOCK_CTRL,
       .statement = "flag bit 1 says that the guest was paused by the host, and nothing else",
       .how = "read in the guest without and with KVM_KVMCLOCK_CTRL", .run = sys_09,
       .mutant = CF_M_STEP(PVTB_STEP_PVCLOCK, CF_ANY, 3, CF_XOR, FLAG_STOPPED));

static void sys_10(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_fill(vm, CLOCK, 0, 32);
	cf_fault(cf, guest_writes(cf, vm, 0, CF_MSR_SYSTEM_TIME_NEW, CLOCK | 1), CF_NO_FAULT,
		 "enabling");
	cf_run_once(cf, vm, 0);
	cf_true(cf, cf_r32(cf, vm, CLOCK) >= 2, "the structure was not filled");
	cf_eq(cf, cf_r32(cf, vm, CLOCK + 4), 0, "padding at 4");
	cf_eq(cf, cf_r64(cf, vm, CLOCK + 24) >> 48, 0, "padding at 30");
	cf_eq(cf, cf_r64(cf, vm, CLOCK + 32), 0, "word behind the 32 bytes");
}
CF_ROW(sys_10, .id = "SYS-10", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "struct pvclock_vcpu_time_info *guest_hv_clock;",
       .statement = "the structure is 32 bytes, its padding 0",
       .how = "padding, and the word behind it", .run = sys_10,
       .mutant = CF_M_MEM(CLOCK + 4, 4, CF_SET, 1));

static void sys_11(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;

	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	cf_fault(cf, guest_writes(cf, vm, 0, CF_MSR_SYSTEM_TIME, CLOCK | 1), CF_NO_FAULT,
		 "the old MSR");
	cf_run_once(cf, vm, 0);
	cf_get_clock(cf, vm, &c);
	cf_eq(cf, c.flags & CF_CLOCK_TSC_STABLE, 0, "TSC_STABLE where vCPU 0 uses the old MSR");
	cf_fault(cf, guest_writes(cf, vm, 0, CF_MSR_SYSTEM_TIME_NEW, CLOCK | 1), CF_NO_FAULT,
		 "the new MSR");
	cf_run_once(cf, vm, 0);
	cf_get_clock(cf, vm, &c);
	cf_eq(cf, c.flags & CF_CLOCK_TSC_STABLE, CF_CLOCK_TSC_STABLE,
	      "TSC_STABLE with the new one");
}
CF_ROW(sys_11, .id = "SYS-11", .tag = CF_CODE, X86,
       .source = "arch/x86/kvm/x86.c, arch/x86/kvm/msrs.c",
       .quote = "ka->boot_vcpu_runs_old_kvmclock = old_msr;",
       .statement =
	       "where vCPU 0 uses the old MSR the VM has no stable clock; with the new one it has again",
       .how = "KVM_GET_CLOCK's flag after each", .needs = "a host that keeps time by the TSC",
       .run = sys_11, .also = "TSC-07 MIG-01 MIG-05",
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 8, 4, CF_SET, CF_CLOCK_TSC_STABLE));

/* What the structure makes of a TSC. */
static u64 clock_at(struct cf *cf, struct pvtb_vm *vm, u64 tsc)
{
	u64 word = cf_r64(cf, vm, CLOCK + 24);

	return cf_r64(cf, vm, CLOCK + 16) +
	       as_ns(tsc - cf_r64(cf, vm, CLOCK + 8), (u32)word, (int8_t)(word >> 32));
}

static void sys_12(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct pvtb_step s = CF_STEP(PVTB_STEP_COUNT);

	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	for (int i = 0; i < 3; i++) {
		u64 before, after;

		cf_stream(cf, vm, 0, &s, 1);
		before = clock_at(cf, vm, s.t1);
		cf_fault(cf, guest_writes(cf, vm, 0, CF_MSR_SYSTEM_TIME_NEW, CLOCK | 1),
			 CF_NO_FAULT, "writing the MSR again");
		cf_run_once(cf, vm, 0);
		after = clock_at(cf, vm, s.t1);
		cf_within(cf, (s64)(after - before), -2, 2,
			  "ns between what the two structures make of one TSC");
	}
}
CF_ROW(sys_12, .id = "SYS-12", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "ka->master_kernel_ns",
       .statement =
	       "an update that keeps the master clock moves the guest's clock by no more than 2 ns",
       .how = "the MSR written again, three times; one TSC by the structure before and after",
       .needs = "a host that keeps time by the TSC", .run = sys_12,
       .mutant = CF_M_MEM_AFTER(CLOCK + 16, 8, CF_ADD, 1000, 5));

/* ---- wall clock ---- */

static void write_wall(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu)
{
	cf_fault(cf, guest_writes(cf, vm, vcpu, CF_MSR_WALL_CLOCK_NEW, WALL), CF_NO_FAULT,
		 "MSR_KVM_WALL_CLOCK_NEW on vCPU %u", vcpu);
}

static u64 wall_ns(struct cf *cf, struct pvtb_vm *vm)
{
	return cf_r32(cf, vm, WALL + 4) * PVTB_NSEC_PER_SEC + cf_r32(cf, vm, WALL + 8);
}

static void wcl_01(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	u64 now_s = cf_clock_ns(CLOCK_REALTIME) / PVTB_NSEC_PER_SEC;

	cf_fill(vm, WALL, 0, 64);
	cf_w64(vm, WALL + 12, ~0ULL);
	write_wall(cf, vm, 0);
	cf_true(cf, cf_r32(cf, vm, WALL) >= 2 && !(cf_r32(cf, vm, WALL) & 1), "version is %u",
		cf_r32(cf, vm, WALL));
	cf_within(cf, cf_r32(cf, vm, WALL + 4), (s64)now_s - 10, (s64)now_s + 10,
		  "seconds of a VM that has just begun");
	cf_within(cf, cf_r32(cf, vm, WALL + 8), 0, 999999999, "nanoseconds");
	cf_eq(cf, cf_r32(cf, vm, WALL + 12), 0xffffffff, "word behind the 12 bytes");
	cf_w64(vm, WALL + 4, 0);
	cf_run_once(cf, vm, 0);
	cf_eq(cf, cf_r64(cf, vm, WALL + 4), 0, "structure after a run without a write");
}
CF_ROW(wcl_01, .id = "WCL-01", .tag = CF_DOC, X86, .source = WCL_DOC,
       .quote = "The hypervisor is only guaranteed to update this data at the moment of MSR write",
       .statement =
	       "writing the MSR fills 12 bytes, version, seconds and nanoseconds of when the VM began, "
	       "once",
       .how = "each field, the word behind, and nothing more without another write", .run = wcl_01,
       .also = "WCL-02", .mutant = CF_M_MEM(WALL + 8, 4, CF_SET, 1000000000));

static void wcl_02(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct pvtb_step s = CF_READ_CLOCK(0);
	u64 before, after;

	write_wall(cf, vm, 0);
	before = cf_clock_ns(CLOCK_REALTIME);
	cf_stream(cf, vm, 0, &s, 1);
	after = cf_clock_ns(CLOCK_REALTIME);
	cf_within(cf, (s64)(wall_ns(cf, vm) + s.out[0]), (s64)before - 2000000,
		  (s64)after + 2000000,
		  "wall clock plus kvmclock, against CLOCK_REALTIME, to 2 ms");
}
CF_ROW(wcl_02, .id = "WCL-02", .tag = CF_DOC, X86, .source = WCL_DOC,
       .quote =
	       "In order to get the current wallclock time, the system_time from MSR_KVM_SYSTEM_TIME_NEW needs to be added",
       .statement = "wall clock plus kvmclock is the host's real time",
       .how = "between two readings of CLOCK_REALTIME, to 2 ms (a host may slew its clock)",
       .alone = true, .run = wcl_02, .also = "WCL-01",
       .mutant = CF_M_MEM(WALL + 4, 4, CF_ADD, 3600));

static void wcl_03(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 2);
	u64 first, second;

	write_wall(cf, vm, 0);
	first = wall_ns(cf, vm);
	cf_fill(vm, WALL, 0, 12);
	write_wall(cf, vm, 1);
	second = wall_ns(cf, vm);
	cf_within(cf, (s64)(second - first), -2000000, 2000000,
		  "ns between what vCPU 1 and vCPU 0 are told, to 2 ms");
}
CF_ROW(wcl_03, .id = "WCL-03", .tag = CF_DOC, X86, .source = WCL_DOC,
       .quote = "although MSRs are per-CPU entities, the effect of this particular MSR is global",
       .statement = "the wall clock is the VM's: any vCPU may ask, and gets the same",
       .how = "asked by two vCPUs, to 2 ms (a host may slew its clock)", .run = wcl_03,
       .mutant = CF_M_MEM_AFTER(WALL + 4, 4, CF_ADD, 1, 1));

static void wcl_04(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	u32 version;

	write_wall(cf, vm, 0);
	version = cf_r32(cf, vm, WALL);
	cf_w64(vm, WALL + 4, 0);
	write_wall(cf, vm, 0);
	cf_true(cf, cf_r32(cf, vm, WALL + 4) > 0, "a second write left the seconds 0");
	cf_true(cf, cf_r32(cf, vm, WALL) > version, "version did not grow");
}
CF_ROW(wcl_04, .id = "WCL-04", .tag = CF_DOC, X86, .source = WCL_DOC,
       .quote =
	       "Users that want to reliably query this information more than once have to write more than once to this MSR",
       .statement = "writing the MSR again fills the structure again", .how = "cleared in between",
       .run = wcl_04, .also = "WCL-01 WCL-02", .mutant = CF_M_MEM(WALL + 4, 4, CF_SET, 0));

CF_ROW(wcl_05, .id = "WCL-05", .tag = CF_MISMATCH, X86, .source = "x86/msr.rst, x86/cpuid.rst",
       .quote =
	       "Availability of this MSR must be checked via bit 3 in 0x4000001 cpuid leaf prior to usage",
       .statement = "the MSRs' availability is found in bits 0 and 3 of CPUID 0x40000001.EAX",
       .manual =
	       "a slip of the documentation's example (leaf 0x4000001, flags & 3); SYS-01 and CPU-02 "
	       "check the real bits");
