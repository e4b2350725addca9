// SPDX-License-Identifier: GPL-2.0-only
/* Rows CLK, KCT, KHZ: KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_KVMCLOCK_CTRL, KVM_SET_TSC_KHZ (api.rst). */
#include <inttypes.h>
#include <string.h>
#include <sys/timex.h>

#include "arch/counter.h"
#include "bench/conformance/check.h"

#define GET_DOC		"api.rst 4.29"
#define SET_DOC		"api.rst 4.30"
#define X86		.archs = PVTB_ARCH_X86_64
#define HOST_TSC_NEEDED .needs = "a host that keeps time by the TSC"
#define STOPPED		2
#define FLAGS_WORD	(CF_PVCLOCK(0) + 24) /* multiplier, shift, flags, padding */
#define FLAGS_SHIFT	40

static struct pvtb_vm *clock_vm(struct cf *cf, unsigned int vcpus)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = vcpus, .pvclock = true});

	for (unsigned int i = 0; i < vcpus; i++)
		cf_run_once(cf, vm, i);
	return vm;
}

static u64 guest_clock(struct cf *cf, struct pvtb_vm *vm)
{
	struct pvtb_step s = CF_READ_CLOCK(0);

	cf_stream(cf, vm, 0, &s, 1);
	return s.out[0];
}

static void clk_01(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	int mask = cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CHECK_EXTENSION, CF_CAP_ADJUST_CLOCK);
	struct cf_clock now;

	cf_get_clock(cf, vm, &now);
	cf_eq(cf, (u64)mask & 0xe, CF_CLOCK_TSC_STABLE | CF_CLOCK_REALTIME | CF_CLOCK_HOST_TSC,
	      "flags KVM_CAP_ADJUST_CLOCK names");
	cf_eq(cf, now.flags & ~(u32)mask, 0,
	      "flags KVM_GET_CLOCK gives that the capability does not");
}
CF_ROW(clk_01, .id = "CLK-01", .tag = CF_DOC, X86, .source = GET_DOC,
       .quote = "set of bits that KVM can return in struct kvm_clock_data's flag member",
       .since = "5.16",
       .statement = "KVM_CAP_ADJUST_CLOCK is the mask of the flags KVM_GET_CLOCK may give",
       .how = "TSC_STABLE, REALTIME and HOST_TSC are in it, and nothing else is given",
       .run = clk_01, .mutant = CF_M_RET(KVM_CHECK_EXTENSION, CF_CAP_ADJUST_CLOCK, CF_SET, 1));

static void clk_02(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;

	memset(&c, 0xff, sizeof(c));
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), CF_GET_CLOCK, &c), 0, "KVM_GET_CLOCK");
	cf_eq(cf, c.pad0, 0, "padding behind the flags");
	for (unsigned int i = 0; i < 4; i++)
		cf_eq(cf, c.pad[i], 0, "word %u of the padding", i);
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), CF_GET_CLOCK, CF_BAD_POINTER), -EFAULT,
		 "get to a bad pointer");
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), CF_SET_CLOCK, CF_BAD_POINTER), -EFAULT,
		 "set from a bad pointer");
}
CF_ROW(clk_02, .id = "CLK-02", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "struct kvm_clock_data data = { 0 };",
       .statement = "what is not used is 0 in KVM_GET_CLOCK; a bad pointer is EFAULT",
       .how = "a structure full of ones; pointers to nothing", .run = clk_02,
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 44, 4, CF_SET, 1));

static void clk_03(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock a, b;
	u64 guest;

	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	cf_get_clock(cf, vm, &a);
	guest = guest_clock(cf, vm);
	cf_get_clock(cf, vm, &b);
	cf_within(cf, (s64)guest, (s64)a.clock, (s64)b.clock,
		  "the guest's kvmclock, between two KVM_GET_CLOCK");
}
CF_ROW(clk_03, .id = "CLK-03", .tag = CF_DOC, X86, .source = GET_DOC,
       .quote = "the returned value is the exact kvmclock value seen by all VCPUs",
       .statement = "with KVM_CLOCK_TSC_STABLE the value is exactly what all vCPUs see",
       .how = "the guest's reading lies between two of the VMM's", HOST_TSC_NEEDED, .run = clk_03,
       .also = "CLK-10 CLK-11 CLK-12 SYS-04 WCL-02",
       .mutant = CF_M_STEP(PVTB_STEP_PVCLOCK, CF_ANY, 0, CF_ADD, 1ULL << 40));

/* KVM_GET_CLOCK of @fd between readings of both clocks. */
struct read_clock {
	u64 raw[2], mono[2];
	struct cf_clock kvm;
};

static void read_beside(struct cf *cf, int fd, struct read_clock *r)
{
	memset(r, 0, sizeof(*r));
	r->raw[0] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
	r->mono[0] = cf_clock_ns(CLOCK_MONOTONIC);
	cf_errno(cf, cf_ioctl(cf, fd, CF_GET_CLOCK, &r->kvm), 0, "KVM_GET_CLOCK");
	r->mono[1] = cf_clock_ns(CLOCK_MONOTONIC);
	r->raw[1] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
}

/* To 1 us of rounding. */
static bool went_by(s64 ns, const u64 *from, const u64 *to)
{
	return ns >= (s64)(to[0] - from[1]) - 1000 && ns <= (s64)(to[1] - from[0]) + 1000;
}

/* In a lab, which is ours, CLOCK_MONOTONIC is made a tenth faster meanwhile. */
#define FAST_TICK 1.1

static long set_tick(long tick)
{
	struct timex t = {.modes = tick ? ADJ_TICK : 0, .tick = tick};

	return adjtimex(&t) < 0 ? 0 : t.tick;
}

static void clk_04(struct cf *cf)
{
	int fd = cf_bare_vm(cf);
	struct read_clock a, b;
	long tick = cf->emulated ? set_tick(0) : 0;
	bool mono, raw;
	s64 ns;

	/* Without vCPUs there is no master clock. */
	if (tick)
		set_tick((long)((double)tick * FAST_TICK));
	read_beside(cf, fd, &a);
	usleep(cf->emulated ? 50000 : 1000000);
	read_beside(cf, fd, &b);
	if (tick)
		set_tick(tick);
	if ((a.kvm.flags | b.kvm.flags) & CF_CLOCK_TSC_STABLE)
		cf_inconclusive(cf, "a VM without vCPUs has a stable clock here");
	ns = (s64)(b.kvm.clock - a.kvm.clock);
	mono = went_by(ns, a.mono, b.mono);
	raw = went_by(ns, a.raw, b.raw);
	if (mono && raw)
		cf_inconclusive(
			cf,
			"CLOCK_MONOTONIC and CLOCK_MONOTONIC_RAW run at the same rate here, and "
			"the clock with them");
	cf_mismatch(cf, mono, raw,
		    "%" PRId64 " ns between two readings: %" PRIu64 " of CLOCK_MONOTONIC, %" PRIu64
		    " of CLOCK_MONOTONIC_RAW",
		    ns, b.mono[0] - a.mono[0], b.raw[0] - a.raw[0]);
}
CF_ROW(clk_04, .id = "CLK-04", .tag = CF_MISMATCH, X86, .source = GET_DOC,
       .quote = "the returned value is simply CLOCK_MONOTONIC plus a constant offset",
       .statement = "without KVM_CLOCK_TSC_STABLE the value is CLOCK_MONOTONIC plus a constant",
       .how = "a VM without vCPUs, between readings of both clocks, to 1 us of rounding: over 50 ms in a lab, "
	      "whose CLOCK_MONOTONIC is made a tenth faster meanwhile; elsewhere over a second, INCONCLUSIVE "
	      "where the two clocks run alike",
       .known = "it is CLOCK_MONOTONIC_RAW plus a constant: NTP does not slew it", .alone = true,
       .run = clk_04, .also = "MIG-04 MIG-06 CLK-07",
       .mutant = CF_M_VALUE_AFTER(CF_GET_CLOCK, 0, 0, 8, CF_ADD, 10000000000ULL, 1));

static void clk_05(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;
	u64 before, after;

	cf_need_clock(cf, vm, CF_CLOCK_REALTIME);
	before = cf_clock_ns(CLOCK_REALTIME);
	cf_get_clock(cf, vm, &c);
	after = cf_clock_ns(CLOCK_REALTIME);
	cf_within(cf, (s64)c.realtime, (s64)before, (s64)after, "realtime, ns");
}
CF_ROW(clk_05, .id = "CLK-05", .tag = CF_DOC, X86, .source = GET_DOC,
       .quote =
	       "populated with the value of the host's real time clocksource at the instant when KVM_GET_CLOCK was called",
       .since = "5.16",
       .statement = "with KVM_CLOCK_REALTIME the field realtime is the host's CLOCK_REALTIME",
       .how = "between two readings of it", HOST_TSC_NEEDED, .run = clk_05,
       .also = "MIG-01 MIG-04 MIG-06 MIG-09",
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 16, 8, CF_ADD, 10000000000ULL));

static void clk_06(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;
	u64 before, after;

	cf_need_clock(cf, vm, CF_CLOCK_HOST_TSC);
	before = pvtb_arch_counter();
	cf_get_clock(cf, vm, &c);
	after = pvtb_arch_counter();
	cf_within(cf, (s64)c.host_tsc, (s64)before, (s64)after, "host_tsc");
}
CF_ROW(clk_06, .id = "CLK-06", .tag = CF_DOC, X86, .source = GET_DOC,
       .quote =
	       "populated with the value of the host's timestamp counter (TSC) at the instant when KVM_GET_CLOCK was called",
       .since = "5.16", .statement = "with KVM_CLOCK_HOST_TSC the field host_tsc is the host's TSC",
       .how = "between two RDTSC", HOST_TSC_NEEDED, .run = clk_06,
       .also = "MIG-01 MIG-05 MIG-06 CLK-07 SYS-04",
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 24, 8, CF_SET, 0));

static void clk_07(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	int khz = cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_GET_TSC_KHZ, 0);
	struct cf_clock a, b;
	s64 clock, real, tsc;

	cf_need_clock(cf, vm, CF_CLOCK_HOST_TSC | CF_CLOCK_REALTIME | CF_CLOCK_TSC_STABLE);
	if (khz <= 0)
		cf_skip(cf, "KVM does not know the TSC's rate");
	cf_get_clock(cf, vm, &a);
	usleep(20000);
	cf_get_clock(cf, vm, &b);
	clock = (s64)(b.clock - a.clock);
	real = (s64)(b.realtime - a.realtime);
	tsc = (s64)((u128)(b.host_tsc - a.host_tsc) * 1000000 / (u64)khz);
	cf_within(cf, tsc - clock, -10 - clock / 1000000, 10 + clock / 1000000,
		  "ns between two readings by the TSC, less those by the clock");
	cf_within(cf, real - clock, -1000 - clock / 500, 1000 + clock / 500,
		  "ns between two readings by real time, less those by the clock");
}
CF_ROW(clk_07, .id = "CLK-07", .tag = CF_DOC, X86, .source = GET_DOC,
       .quote = "at the instant when KVM_GET_CLOCK was called", .since = "5.16",
       .statement = "clock, realtime and host_tsc describe one instant",
       .how = "two readings 20 ms apart give the same interval by all three: TSC to 10 ns and 1 ppm, real "
	      "time to 1 us and 0.2 % (two calibrations)",
       HOST_TSC_NEEDED, .run = clk_07, .also = "MIG-04 MIG-06 CLK-04?",
       .mutant = CF_M_VALUE_AFTER(CF_GET_CLOCK, 0, 0, 8, CF_ADD, 200000, 1));

static void clk_08(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	const u32 unknown[] = {1, 1U << 4, 1U << 31};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(unknown); i++) {
		const struct cf_clock c = {.clock = 1000000, .flags = unknown[i]};

		cf_errno(cf, cf_set_clock(cf, vm, &c), -EINVAL, "flag %#x", unknown[i]);
	}
}
CF_ROW(clk_08, .id = "CLK-08", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "if (data.flags & ~KVM_CLOCK_VALID_FLAGS) return -EINVAL;", .since = "5.16",
       .statement = "KVM_SET_CLOCK with an unknown flag is EINVAL", .how = "three flags nobody has",
       .run = clk_08, .mutant = CF_M_ERRNO_AFTER(CF_SET_CLOCK, 0, -EINVAL, 0, 2));

static void clk_09(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;

	cf_get_clock(cf, vm, &c);
	cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "KVM_SET_CLOCK of what KVM_GET_CLOCK gave");
	c.flags = CF_CLOCK_TSC_STABLE | CF_CLOCK_HOST_TSC;
	cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "the flags that mean nothing to set");
}
CF_ROW(clk_09, .id = "CLK-09", .tag = CF_DOC, X86, .source = SET_DOC,
       .quote = "Other flags returned by KVM_GET_CLOCK are accepted but ignored", .since = "5.16",
       .statement =
	       "what KVM_GET_CLOCK gives can be handed to KVM_SET_CLOCK as it is: flags that mean "
	       "nothing there are ignored",
       .how = "a round trip", .run = clk_09,
       .also = "MIG-04 MIG-05 MIG-06 MIG-07 MIG-09 CLK-10 CLK-11 CLK-12 CLK-13 KCT-01 SYS-03 SYS-07",
       .mutant = CF_M_ERRNO(CF_SET_CLOCK, 0, 0, -EINVAL));

/* The guest's clock right after setting, less the value set: at most what has passed. */
static void after_setting(struct cf *cf, struct pvtb_vm *vm, const struct cf_clock *c, s64 more)
{
	u64 before = cf_clock_ns(CLOCK_MONOTONIC_RAW), guest;
	s64 passed;

	cf_errno(cf, cf_set_clock(cf, vm, c), 0, "KVM_SET_CLOCK");
	guest = guest_clock(cf, vm);
	passed = (s64)(cf_clock_ns(CLOCK_MONOTONIC_RAW) - before);
	/* The two clocks are two calibrations of one TSC: 0.2 %. */
	cf_within(cf, (s64)(guest - c->clock), more, more + passed + passed / 500 + 100000,
		  "ns of the guest's clock beyond the value set");
}

static void clk_10(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);

	after_setting(cf, vm, &(struct cf_clock){.clock = 123456789012345ULL}, 0);
	after_setting(cf, vm, &(struct cf_clock){.clock = 1000000000ULL}, 0);
}
CF_ROW(clk_10, .id = "CLK-10", .tag = CF_DOC, X86, .source = SET_DOC,
       .quote = "Sets the current timestamp of kvmclock to the value specified in its parameter",
       .statement = "the guest's clock goes on from the value KVM_SET_CLOCK was given",
       .how = "set forward and back; the guest reads at least the value and at most what has passed since, "
	      "and 100 us",
       .alone = true, .run = clk_10, .also = "MIG-04 MIG-06 MIG-09 CLK-02 CLK-11 CLK-12",
       .mutant = CF_M_INPUT(CF_SET_CLOCK, 0, 0, 8, CF_ADD, 60000000000ULL));

static void clk_11(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	const u64 ago = 3600 * PVTB_NSEC_PER_SEC;
	struct cf_clock c = {.clock = 5000000000ULL, .flags = CF_CLOCK_REALTIME};

	c.realtime = cf_clock_ns(CLOCK_REALTIME) - ago;
	after_setting(cf, vm, &c, (s64)ago);
}
CF_ROW(clk_11, .id = "CLK-11", .tag = CF_DOC, X86, .source = SET_DOC,
       .quote = "The difference in elapsed time is added to the final kvmclock value",
       .since = "5.16",
       .statement = "with KVM_CLOCK_REALTIME the clock is moved on by the real time since then",
       .how = "a real time of an hour ago", .alone = true, .run = clk_11,
       .also = "MIG-04 MIG-06 MIG-09 CLK-02 CLK-08",
       .mutant = CF_M_INPUT(CF_SET_CLOCK, 0, 8, 4, CF_SET, 0));

static void clk_12(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c = {.clock = 50000000000000ULL, .flags = CF_CLOCK_REALTIME};

	c.realtime = cf_clock_ns(CLOCK_REALTIME) + 3600 * PVTB_NSEC_PER_SEC;
	after_setting(cf, vm, &c, 0);
}
CF_ROW(clk_12, .id = "CLK-12", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "Avoid stepping the kvmclock backwards.", .since = "5.16",
       .statement = "a real time in the future does not move the clock backwards",
       .how = "an hour ahead: the guest reads at least the value set", .alone = true, .run = clk_12,
       .also = "CLK-03 CLK-10 CLK-11 SYS-04 WCL-02",
       .mutant = CF_M_STEP(PVTB_STEP_PVCLOCK, CF_ANY, 0, CF_ADD, -3600000000000ULL));

static void clk_13(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	u64 last = guest_clock(cf, vm);

	/* without the master clock a setting is good to a few milliseconds */
	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	for (int i = 0; i < 10; i++) {
		struct cf_clock c;
		u64 now;

		cf_get_clock(cf, vm, &c);
		cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "KVM_SET_CLOCK");
		now = guest_clock(cf, vm);
		cf_true(cf, now >= last, "%" PRIu64 " ns, then %" PRIu64, last, now);
		last = now;
	}
}
CF_ROW(clk_13, .id = "CLK-13", .tag = CF_DOC, X86, .source = GET_DOC ", 4.30",
       .quote = "it is used to ensure monotonicity on scenarios such as migration",
       .statement = "reading the clock and setting it again does not make it go backwards",
       .how = "ten rounds, read in the guest between", .run = clk_13, .also = "SYS-08",
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_PVCLOCK, CF_ANY, 0, CF_SET, 0, 9));

CF_ROW(clk_14, .id = "CLK-14", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "__get_kvmclock(kvm, data);",
       .statement = "KVM_GET_CLOCK equals the clock a scaled guest computes",
       .manual =
	       "no host with TSC scaling to show it on; up to Linux 6.12 it is computed from the host's "
	       "rate and drifts");

/* ---- KVM_KVMCLOCK_CTRL ---- */

static u64 pvclock_flags(struct cf *cf, struct pvtb_vm *vm)
{
	return cf_r64(cf, vm, FLAGS_WORD) >> FLAGS_SHIFT & 0xff;
}

static int stop_clock(struct cf *cf, struct pvtb_vm *vm)
{
	return cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_KVMCLOCK_CTRL, 0);
}

static void kct_01(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;
	u64 word;

	cf_eq(cf, pvclock_flags(cf, vm) & STOPPED, 0, "the flag before");
	cf_errno(cf, stop_clock(cf, vm), 0, "KVM_KVMCLOCK_CTRL");
	cf_run_once(cf, vm, 0);
	cf_eq(cf, pvclock_flags(cf, vm) & STOPPED, STOPPED, "the flag after the next entry");
	/* As a guest does that has seen it. */
	word = *(u64 *)pvtb_vm_gpa(vm, FLAGS_WORD);
	cf_w64(vm, FLAGS_WORD, word & ~((u64)STOPPED << FLAGS_SHIFT));
	cf_get_clock(cf, vm, &c);
	cf_errno(cf, cf_set_clock(cf, vm, &c), 0, "KVM_SET_CLOCK, for another update");
	cf_run_once(cf, vm, 0);
	cf_eq(cf, pvclock_flags(cf, vm) & STOPPED, 0, "the flag after the guest cleared it");
}
CF_ROW(kct_01, .id = "KCT-01", .tag = CF_DOC, X86, .source = "api.rst 4.70",
       .quote =
	       "specifically the second bit of the flags field of the pvclock_vcpu_time_info structure",
       .cap = CF_CAP_KVMCLOCK_CTRL,
       .statement =
	       "KVM_KVMCLOCK_CTRL sets bit 1 of the flags in the guest's pvclock, once; the guest "
	       "clears it",
       .how = "before, after the next entry, and after the guest has cleared it and KVM has updated the "
	      "structure",
       .run = kct_01, .also = "KCT-05",
       .mutant = CF_M_MEM_AFTER(FLAGS_WORD, 8, CF_XOR, (u64)STOPPED << FLAGS_SHIFT, 1));

static void kct_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, stop_clock(cf, vm), -EINVAL, "on a vCPU without pvclock");
}
CF_ROW(kct_02, .id = "KCT-02", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "if (!vcpu->arch.pv_time.active) return -EINVAL;", .cap = CF_CAP_KVMCLOCK_CTRL,
       .statement = "on a vCPU without pvclock it is EINVAL", .how = "a vCPU that has none",
       .run = kct_02, .also = "SYS-02", .mutant = CF_M_ERRNO(CF_KVMCLOCK_CTRL, 0, -EINVAL, 0));

static void kct_03(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);

	cf_errno(cf, cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CHECK_EXTENSION, CF_CAP_KVMCLOCK_CTRL), 1,
		 "KVM_CAP_KVMCLOCK_CTRL");
	for (int i = 0; i < 3; i++)
		cf_errno(cf, stop_clock(cf, vm), 0, "call %d while the vCPU is out", i);
}
CF_ROW(kct_03, .id = "KCT-03", .tag = CF_DOC, X86, .source = "api.rst 4.70",
       .quote =
	       "This ioctl can be called any time after pausing the vcpu, but before it is resumed",
       .statement = "it can be called while the vCPU is paused, and KVM_CAP_KVMCLOCK_CTRL says so",
       .how = "three times between two runs", .run = kct_03,
       .mutant = CF_M_ERRNO_AFTER(CF_KVMCLOCK_CTRL, 0, 0, -EINVAL, 2));

CF_ROW(kct_04, .id = "KCT-04", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c (Linux 6.15)",
       .quote = "GUEST_STOPPED is only supported by kvmclock",
       .statement = "the flag is not set in a Xen guest's pvclock",
       .manual = "our guest is no Xen guest");

static void kct_05(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);

	cf_errno(cf, stop_clock(cf, vm), 0, "KVM_KVMCLOCK_CTRL");
	cf_eq(cf, pvclock_flags(cf, vm) & STOPPED, 0, "the flag in memory before the next entry");
	cf_run_once(cf, vm, 0);
	cf_eq(cf, pvclock_flags(cf, vm) & STOPPED, STOPPED, "the flag after it");
}
CF_ROW(kct_05, .id = "KCT-05", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "vcpu->arch.pvclock_set_guest_stopped_request = true;", .cap = CF_CAP_KVMCLOCK_CTRL,
       .statement =
	       "the flag is in the guest's memory from the next entry on, not before: memory that is saved "
	       "after KVM_KVMCLOCK_CTRL and before an entry does not have it",
       .how = "read before the next entry and after it", .run = kct_05, .also = "KCT-01 SYS-07",
       .mutant = CF_M_MEM(FLAGS_WORD, 8, CF_XOR, (u64)STOPPED << FLAGS_SHIFT));

/* ---- KVM_SET_TSC_KHZ ---- */

static int vcpu_khz(struct cf *cf, struct pvtb_vm *vm)
{
	return cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_GET_TSC_KHZ, 0);
}

static int set_khz(struct cf *cf, struct pvtb_vm *vm, u64 khz)
{
	return cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_SET_TSC_KHZ, khz);
}

static int need_khz(struct cf *cf, struct pvtb_vm *vm)
{
	int khz = vcpu_khz(cf, vm);

	if (khz <= 0)
		cf_skip(cf, "KVM does not know the TSC's rate");
	return khz;
}

static void khz_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int khz = need_khz(cf, vm), want = cf->caps.tsc_control ? khz / 2 : khz;

	cf_errno(cf, set_khz(cf, vm, (u64)want), 0, "KVM_SET_TSC_KHZ of %d", want);
	cf_errno(cf, vcpu_khz(cf, vm), want, "KVM_GET_TSC_KHZ");
	cf_tsc_runs_at(cf, vm, want, "as it was set");
}
CF_ROW(khz_01, .id = "KHZ-01", .tag = CF_DOC, X86, .source = "api.rst 4.55, 4.56",
       .quote = "Returns the tsc frequency of the guest", .cap = CF_CAP_GET_TSC_KHZ,
       .statement =
	       "KVM_GET_TSC_KHZ answers what KVM_SET_TSC_KHZ set, and the guest's TSC runs so fast",
       .how = "half the host's rate with TSC scaling, the host's without; over 60 ms between readings of "
	      "the host's clock, to 100 ppm where that is kept by the TSC, else to 1 % (the clock's own rate may "
	      "be that far off its nominal one)",
       .alone = true, .run = khz_01, .also = "KHZ-04 KHZ-05",
       .mutant = CF_M_RET(CF_GET_TSC_KHZ, 0, CF_ADD, 1));

static void khz_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int khz = need_khz(cf, vm), fd = cf_bare_vm(cf), vcpu;

	cf_errno(cf, cf_ioctl_val(cf, fd, CF_SET_TSC_KHZ, (u64)khz / 2), 0, "the VM's default");
	vcpu = cf_ioctl_val(cf, fd, KVM_CREATE_VCPU, 0);
	cf_errno(cf, cf_ioctl_val(cf, vcpu, CF_GET_TSC_KHZ, 0), khz / 2,
		 "rate of a vCPU made after");
}
CF_ROW(khz_02, .id = "KHZ-02", .tag = CF_DOC, X86, .source = "api.rst 4.55",
       .quote = "used as a vm ioctl to set the initial tsc frequency of subsequently created vCPUs",
       .cap = CF_CAP_VM_TSC_CONTROL,
       .statement = "as a VM ioctl it sets the rate of the vCPUs made after it",
       .how = "half the host's rate, then a vCPU", .run = khz_02,
       .mutant = CF_M_DROP(CF_SET_TSC_KHZ, 0, 0));

static void khz_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, cf_ioctl_val(cf, cf_vm_fd(vm), CF_SET_TSC_KHZ, (u64)need_khz(cf, vm)), -EINVAL,
		 "on a VM that has a vCPU");
}
CF_ROW(khz_03, .id = "KHZ-03", .tag = CF_DOC, X86, .source = "api.rst 4.55 (Linux 6.17)",
       .quote = "the vm ioctl is only allowed prior to creating vCPUs", .since = "6.17",
       .statement = "once there is a vCPU the VM ioctl is EINVAL", .how = "on a VM with a vCPU",
       .run = khz_03, .mutant = CF_M_ERRNO(CF_SET_TSC_KHZ, 0, -EINVAL, 0));

static void khz_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int khz = need_khz(cf, vm), after;

	if (cf->caps.tsc_control) {
		cf_errno(cf, set_khz(cf, vm, 0xffffffff), -EINVAL, "a rate no scaling reaches");
	} else {
		cf_errno(cf, set_khz(cf, vm, (u64)khz / 2), -EINVAL, "half the rate, no scaling");
		cf_errno(cf, set_khz(cf, vm, (u64)khz * 2), 0, "twice the rate, by catching up");
		cf_errno(cf, vcpu_khz(cf, vm), 2 * khz, "KVM_GET_TSC_KHZ");
	}
	cf_errno(cf, set_khz(cf, vm, 0), 0, "rate 0");
	after = vcpu_khz(cf, vm);
	/* The kernel refines its idea of the rate once, in the first seconds after boot: then the rate
	 * is that of a vCPU which is made now. */
	if (after != khz)
		khz = need_khz(cf, cf_plain_vm(cf));
	cf_errno(cf, after, khz, "KVM_GET_TSC_KHZ after rate 0");
}
CF_ROW(khz_04, .id = "KHZ-04", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "if (user_tsc_khz == 0) user_tsc_khz = tsc_khz;",
       .statement =
	       "0 means the host's rate; a rate beyond the hardware's scaling is EINVAL; without "
	       "scaling a lower rate is EINVAL and a higher one is caught up with",
       .how = "as the host has scaling or not", .run = khz_04,
       .mutant = CF_M_ERRNO(CF_SET_TSC_KHZ, 0, -EINVAL, 0));

#define DISTANCE_TRIES 30

/* The guest's TSC less the host's, by the tightest of some readings. */
struct distance {
	s64 low, high;
	u64 host;
};

static void measure_distance(struct cf *cf, struct pvtb_vm *vm, struct distance *ret)
{
	u64 least = ~0ULL;

	for (int i = 0; i < DISTANCE_TRIES; i++) {
		struct pvtb_step s = CF_STEP(PVTB_STEP_COUNT);
		u64 before = pvtb_arch_counter(), after;

		cf_stream(cf, vm, 0, &s, 1);
		after = pvtb_arch_counter();
		if (after - before >= least)
			continue;
		least = after - before;
		*ret = (struct distance){
			.low = (s64)(s.t1 - after), .high = (s64)(s.t0 - before), .host = after};
	}
}

/* @off kHz above the host's rate: the guest's TSC goes on at the host's. */
static void runs_unscaled(struct cf *cf, int khz, int off)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct distance a, b;
	s64 by_rate;

	cf_errno(cf, set_khz(cf, vm, (u64)(khz + off)), 0, "%d kHz beside the host's rate", off);
	cf_errno(cf, vcpu_khz(cf, vm), khz + off, "KVM_GET_TSC_KHZ");
	measure_distance(cf, vm, &a);
	usleep(1000000);
	measure_distance(cf, vm, &b);
	by_rate = (s64)((s128)(s64)(b.host - a.host) * off / khz);
	/* What the distance may have grown by: both answers fit where the readings are that far apart. */
	if (b.low - a.high <= by_rate && by_rate <= b.high - a.low && b.low - a.high <= 0 &&
	    0 <= b.high - a.low)
		cf_inconclusive(cf, "readings %lld ticks apart cannot tell %lld ticks",
				(long long)(b.high - b.low), (long long)by_rate);
	cf_within(
		cf, 0, b.low - a.high, b.high - a.low,
		"ticks the guest's TSC gained on the host's in a second, set %d kHz beside its rate",
		off);
}

static void khz_05(struct cf *cf)
{
	int khz = need_khz(cf, cf_plain_vm(cf)), off = khz / 5000; /* 200 ppm */

	cf_need_stable_tsc(cf);
	runs_unscaled(cf, khz, -off);
	runs_unscaled(cf, khz, off);
}
CF_ROW(khz_05, .id = "KHZ-05", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "thresh_lo = adjust_tsc_khz(tsc_khz, -tsc_tolerance_ppm);",
       .statement =
	       "a rate within 250 ppm of the host's is accepted without scaling: the guest's TSC runs on at the "
	       "host's and is off by as much",
       .how = "200 ppm below, which no host without scaling could give, and above: over a second the guest's "
	      "TSC keeps its distance from the host's",
       .alone = true, .run = khz_05,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_COUNT, CF_ANY, PVTB_STEP_REGS, CF_ADD, 1ULL << 22,
				 DISTANCE_TRIES));

CF_ROW(khz_06, .id = "KHZ-06", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c (Linux 6.17)",
       .quote = "guest_tsc_protected", .statement = "a vCPU whose TSC is protected refuses it",
       .manual = "wants a confidential guest (TDX, Secure TSC)");
CF_ROW(khz_07, .id = "KHZ-07", .tag = CF_MISMATCH, X86, .source = "api.rst 4.56",
       .quote = "If the host has unstable tsc this ioctl returns -EIO instead",
       .statement = "KVM_GET_TSC_KHZ is EIO on a host whose TSC is unstable",
       .manual = "wants a host with an unstable TSC; the code of 6.12 has no such path");
