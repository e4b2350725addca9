// SPDX-License-Identifier: GPL-2.0-only
/* Rows TSC, MIG, SCL, KCG: KVM_VCPU_TSC_CTRL and the migration algorithm (devices/vcpu.rst 4). */
#include <inttypes.h>

#include "arch/counter.h"
#include "bench/conformance/check.h"

#define TSC_DOC "devices/vcpu.rst 4.1"
#define X86	.archs = PVTB_ARCH_X86_64
#define KEY	((u64)CF_TSC_CTRL << 32 | CF_TSC_OFFSET)
#define FIRST	0x123456789abcULL
#define OTHER	99
#define ALL	(CF_CLOCK_TSC_STABLE | CF_CLOCK_REALTIME | CF_CLOCK_HOST_TSC)

static struct pvtb_vm *clock_vm(struct cf *cf, unsigned int vcpus)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = vcpus, .pvclock = true});
}

static void set_offset(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 offset)
{
	cf_errno(cf, cf_tsc_offset(cf, vm, vcpu, KVM_SET_DEVICE_ATTR, &offset), 0,
		 "offset %#" PRIx64 " for vCPU %u", offset, vcpu);
}

static u64 get_offset(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu)
{
	u64 offset = 0;

	cf_errno(cf, cf_tsc_offset(cf, vm, vcpu, KVM_GET_DEVICE_ATTR, &offset), 0,
		 "offset of vCPU %u", vcpu);
	return offset;
}

static void tsc_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);
	u64 value = 0;

	cf_errno(cf, cf_tsc_offset(cf, vm, 0, KVM_HAS_DEVICE_ATTR, NULL), 0, "has TSC_OFFSET");
	cf_errno(cf, cf_attr(cf, fd, KVM_HAS_DEVICE_ATTR, CF_TSC_CTRL, OTHER, NULL), -ENXIO,
		 "has attribute %d", OTHER);
	cf_errno(cf, cf_attr(cf, fd, KVM_GET_DEVICE_ATTR, CF_TSC_CTRL, OTHER, &value), -ENXIO,
		 "get attribute %d", OTHER);
	cf_errno(cf, cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_TSC_CTRL, OTHER, &value), -ENXIO,
		 "set attribute %d", OTHER);
}
CF_ROW(tsc_01, .id = "TSC-01", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "-ENXIO Attribute not supported", .since = "5.16",
       .statement = "the attribute KVM_VCPU_TSC_OFFSET is there; another of its group is ENXIO",
       .how = "has; attribute 99 by has, get and set", .run = tsc_01,
       .mutant = CF_M_ERRNO(KVM_GET_DEVICE_ATTR, (u64)CF_TSC_CTRL << 32 | OTHER, -ENXIO, -EINVAL));

static void tsc_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, cf_tsc_offset(cf, vm, 0, KVM_GET_DEVICE_ATTR, CF_BAD_POINTER), -EFAULT, "get");
	cf_errno(cf, cf_tsc_offset(cf, vm, 0, KVM_SET_DEVICE_ATTR, CF_BAD_POINTER), -EFAULT, "set");
}
CF_ROW(tsc_02, .id = "TSC-02", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "-EFAULT Error reading/writing the provided parameter address", .since = "5.16",
       .statement = "a bad pointer is EFAULT", .how = "get and set by a pointer to nothing",
       .run = tsc_02, .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, KEY, -EFAULT, 0));

static void tsc_03(struct cf *cf)
{
	static const u64 values[] = {FIRST, 0, ~0ULL, 1ULL << 63};
	struct pvtb_vm *vm = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(values); i++) {
		set_offset(cf, vm, 0, values[i]);
		cf_eq(cf, get_offset(cf, vm, 0), values[i], "offset after it was set");
	}
}
CF_ROW(tsc_03, .id = "TSC-03", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "vcpu->arch.l1_tsc_offset", .since = "5.16",
       .statement = "get answers the offset that was set last", .how = "four values", .run = tsc_03,
       .also = "TSC-08 MIG-02", .mutant = CF_M_VALUE(KVM_GET_DEVICE_ATTR, KEY, 0, 8, CF_ADD, 1));

static void guest_tsc(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 offset)
{
	struct pvtb_step s = CF_STEP(PVTB_STEP_COUNT);
	u64 before = pvtb_arch_counter(), after;

	cf_stream(cf, vm, vcpu, &s, 1);
	after = pvtb_arch_counter();
	cf_within(cf, (s64)(s.t0 - offset - before), 0, (s64)(after - before),
		  "guest's TSC, less offset %#" PRIx64 ", after the host's", offset);
	cf_within(cf, (s64)(s.t1 - offset - before), 0, (s64)(after - before),
		  "the same, read a second time");
}

static void need_unscaled(struct cf *cf)
{
	if (cf->caps.counter_hz == 0)
		cf_skip(cf, "KVM does not know the TSC's rate");
	cf_need_stable_tsc(cf);
}

static void tsc_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	need_unscaled(cf);
	guest_tsc(cf, vm, 0, get_offset(cf, vm, 0));
	set_offset(cf, vm, 0, FIRST);
	guest_tsc(cf, vm, 0, FIRST);
}
CF_ROW(tsc_04, .id = "TSC-04", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "guest_tsc = host_tsc + KVM_VCPU_TSC_OFFSET", .since = "5.16",
       .statement =
	       "the guest's TSC is the host's plus the offset (the documentation does not say that "
	       "the host's is scaled first where scaling is used)",
       .how = "the guest's reading, less the offset, between two of the host's; unscaled",
       .needs = "a stable TSC", .run = tsc_04,
       .also = "TSC-02 TSC-03 TSC-05 TSC-08 MIG-02 MIG-06 MIG-07",
       .mutant = CF_M_INPUT(KVM_SET_DEVICE_ATTR, KEY, 0, 8, CF_ADD, 1ULL << 34));

static void tsc_05(struct cf *cf)
{
	static const u64 offsets[] = {0, 180000000000ULL, -180000000000ULL, 1ULL << 63};
	struct pvtb_vm *vm = cf_plain_vm(cf);

	need_unscaled(cf);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(offsets); i++) {
		set_offset(cf, vm, 0, offsets[i]);
		guest_tsc(cf, vm, 0, offsets[i]);
	}
	/* So that it wraps while the guest is about to read it. */
	set_offset(cf, vm, 0, -pvtb_arch_counter());
	guest_tsc(cf, vm, 0, get_offset(cf, vm, 0));
}
CF_ROW(tsc_05, .id = "TSC-05", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "tsc = kvm_scale_tsc(rdtsc(), vcpu->arch.l1_tsc_scaling_ratio) + offset;",
       .since = "5.16", .statement = "any offset works, those that wrap the guest's TSC too",
       .how = "0, plus and minus 180e9, 2^63, and one that makes the TSC pass 0",
       .needs = "a stable TSC", .run = tsc_05, .also = "TSC-03 MIG-02 MIG-06 MIG-07",
       .mutant = CF_M_INPUT_AFTER(KVM_SET_DEVICE_ATTR, KEY, 0, 8, CF_ADD, 1ULL << 34, 3));

static void tsc_06(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step adjust[] = {CF_RDMSR(CF_MSR_TSC_ADJUST)};
	struct pvtb_step move[] = {CF_WRMSR(CF_MSR_TSC, 1ULL << 50), CF_RDMSR(CF_MSR_TSC_ADJUST)};
	u64 before, after;

	if (cf_stream(cf, vm, 0, adjust, 1) != CF_NO_FAULT)
		cf_skip(cf, "the guest's CPU has no IA32_TSC_ADJUST");
	before = adjust[0].out[0];
	set_offset(cf, vm, 0, FIRST);
	cf_stream(cf, vm, 0, adjust, 1);
	cf_eq(cf, adjust[0].out[0], before, "IA32_TSC_ADJUST after the VMM moved the TSC");
	before = get_offset(cf, vm, 0);
	cf_fault(cf, cf_stream(cf, vm, 0, move, 2), CF_NO_FAULT, "WRMSR");
	after = get_offset(cf, vm, 0);
	cf_eq(cf, move[1].out[0] - adjust[0].out[0], after - before,
	      "IA32_TSC_ADJUST moved by the guest's write, against the offset");
	cf_true(cf, after != before, "the guest's write of its TSC did not move the offset");
}
CF_ROW(tsc_06, .id = "TSC-06", .tag = CF_CODE, X86,
       .source = "arch/x86/kvm/x86.c, arch/x86/kvm/msrs.c",
       .quote = "vcpu->arch.ia32_tsc_adjust_msr", .since = "5.16",
       .statement =
	       "an offset set by the VMM does not show in IA32_TSC_ADJUST; a TSC written by the "
	       "guest moves offset and IA32_TSC_ADJUST alike",
       .how = "both moves, both registers", .needs = "IA32_TSC_ADJUST", .run = tsc_06,
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_RDMSR, CF_MSR_TSC_ADJUST, 0, CF_ADD, FIRST, 1));

static void tsc_07(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 2);
	struct cf_clock now;

	cf_run_once(cf, vm, 0);
	cf_run_once(cf, vm, 1);
	cf_need_clock(cf, vm, CF_CLOCK_TSC_STABLE);
	set_offset(cf, vm, 0, FIRST);
	set_offset(cf, vm, 1, FIRST);
	cf_run_once(cf, vm, 0);
	cf_run_once(cf, vm, 1);
	cf_get_clock(cf, vm, &now);
	cf_eq(cf, now.flags & CF_CLOCK_TSC_STABLE, CF_CLOCK_TSC_STABLE,
	      "TSC_STABLE, equal offsets");
	set_offset(cf, vm, 1, FIRST + (1ULL << 40));
	cf_run_once(cf, vm, 0);
	cf_run_once(cf, vm, 1);
	cf_get_clock(cf, vm, &now);
	cf_eq(cf, now.flags & CF_CLOCK_TSC_STABLE, 0, "TSC_STABLE, different offsets");
}
CF_ROW(tsc_07, .id = "TSC-07", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "kvm->arch.last_tsc_offset == offset", .since = "5.16",
       .statement =
	       "with equal offsets on all vCPUs the clock stays stable, with different ones it is "
	       "not",
       .how = "KVM_GET_CLOCK's flag with two vCPUs, offsets equal and then apart",
       .needs = "a host that keeps time by the TSC", .run = tsc_07, .also = "MIG-01 MIG-05 SYS-11",
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 8, 4, CF_XOR, CF_CLOCK_TSC_STABLE));

static void tsc_08(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct kvm_device_attr attr = {.group = CF_TSC_CTRL, .attr = CF_TSC_OFFSET};
	u64 of_new = 0;
	int fd;

	set_offset(cf, vm, 0, FIRST);
	cf_run_once(cf, vm, 0);
	fd = cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CREATE_VCPU, 1);
	if (fd < 0)
		cf_stop(cf, "second vCPU: error %d", fd);
	attr.addr = (u64)(uintptr_t)&of_new;
	cf_errno(cf, cf_ioctl(cf, fd, KVM_GET_DEVICE_ATTR, &attr), 0, "offset of the new vCPU");
	cf_eq(cf, of_new, FIRST, "offset of a vCPU that was added late");
}
CF_ROW(tsc_08, .id = "TSC-08", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "kvm->arch.cur_tsc_offset", .since = "5.16",
       .statement = "a vCPU added to a VM that runs gets the offset the others have",
       .how = "offset set, run, second vCPU created", .run = tsc_08, .also = "TSC-03 MIG-02",
       .mutant = CF_M_VALUE(KVM_GET_DEVICE_ATTR, KEY, 0, 8, CF_ADD, 1));

static void tsc_09(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2});
	const u64 value = 1ULL << 40;
	u64 far = value + 100 * cf_ticks(cf, 1000), apart, from;

	need_unscaled(cf);
	from = cf_clock_ns(CLOCK_MONOTONIC);
	cf_errno(cf, cf_msr_set(cf, cf_vcpu_fd(vm, 0), CF_MSR_TSC, value), 1, "TSC of vCPU 0");
	cf_errno(cf, cf_msr_set(cf, cf_vcpu_fd(vm, 1), CF_MSR_TSC, value), 1, "the same on vCPU 1");
	if (cf_clock_ns(CLOCK_MONOTONIC) - from > 500000000)
		cf_inconclusive(cf, "half a second and more passed between the two");
	cf_eq(cf, get_offset(cf, vm, 1), get_offset(cf, vm, 0),
	      "offset of vCPU 1, against vCPU 0's");
	cf_errno(cf, cf_msr_set(cf, cf_vcpu_fd(vm, 1), CF_MSR_TSC, far), 1, "100 s more on vCPU 1");
	apart = get_offset(cf, vm, 1) - get_offset(cf, vm, 0);
	cf_true(cf, apart > 10 * cf_ticks(cf, 1000),
		"offsets %" PRIu64 " ticks apart after 100 s more", apart);
}
CF_ROW(tsc_09, .id = "TSC-09", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "synchronizing = data < tsc_exp + tsc_hz && data + tsc_hz > tsc_exp;",
       .since = "5.16",
       .statement =
	       "a TSC written by value within a second of what another vCPU's has come to is taken for the "
	       "same clock and gets its offset; one further off is not",
       .how = "the same value for two vCPUs one after the other, then 100 s more for one of them",
       .needs = "a stable TSC", .run = tsc_09,
       .mutant = CF_M_INPUT_AFTER(CF_SET_MSRS, CF_MSR_TSC, 16, 8, CF_ADD, 1ULL << 50, 1));

/* ---- the migration algorithm, from one VM to another of this host ---- */

struct migration {
	struct pvtb_vm *from, *to;
	struct cf_clock src, dst;
	u64 khz;
	u64 ofs_src[2], ofs_dst[2];
	struct pvtb_step last[2]; /* the source's clock as its guest read it */
	u64 read_ns;		  /* CLOCK_REALTIME before that */
};

/* dst offset = src offset - (guest_src - guest_dst) * freq + (tsc_src - tsc_dst), with ns * kHz / 1e6. */
static u64 new_offset(const struct migration *m, unsigned int vcpu)
{
	s128 moved = (s128)(s64)(m->src.clock - m->dst.clock) * (s128)m->khz / 1000000;

	return m->ofs_src[vcpu] - (u64)(s64)moved + (m->src.host_tsc - m->dst.host_tsc);
}

static void migrate(struct cf *cf, struct migration *m)
{
	struct cf_clock set = {0};
	int khz;

	m->from = clock_vm(cf, 2);
	m->to = clock_vm(cf, 2);
	for (unsigned int i = 0; i < 2; i++)
		set_offset(cf, m->from, i, FIRST);
	for (unsigned int i = 0; i < 2; i++) {
		cf_run_once(cf, m->from, i);
		cf_run_once(cf, m->to, i);
	}
	cf_need_clock(cf, m->from, ALL);
	m->read_ns = cf_clock_ns(CLOCK_REALTIME);
	for (unsigned int i = 0; i < 2; i++) {
		m->last[i] = CF_READ_CLOCK(i);
		cf_stream(cf, m->from, i, &m->last[i], 1);
	}
	cf_get_clock(cf, m->from, &m->src);
	for (unsigned int i = 0; i < 2; i++)
		m->ofs_src[i] = get_offset(cf, m->from, i);
	khz = cf_ioctl_val(cf, cf_vcpu_fd(m->from, 0), CF_GET_TSC_KHZ, 0);
	cf_true(cf, khz > 0, "KVM_GET_TSC_KHZ: %d", khz);
	m->khz = khz > 0 ? (u64)khz : 1;
	usleep(20000);
	set.clock = m->src.clock;
	set.realtime = m->src.realtime;
	set.flags = CF_CLOCK_REALTIME;
	cf_errno(cf, cf_set_clock(cf, m->to, &set), 0, "KVM_SET_CLOCK");
	cf_get_clock(cf, m->to, &m->dst);
	for (unsigned int i = 0; i < 2; i++) {
		m->ofs_dst[i] = new_offset(m, i);
		set_offset(cf, m->to, i, m->ofs_dst[i]);
	}
}

/* How far two clocks of one host may drift apart while they are compared: 0.1 % of the time and 50 us,
 * since the rate KVM uses and the one the host keeps time by are two calibrations of one TSC. */
static s64 drift_ns(u64 elapsed_ns)
{
	return 50000 + (s64)(elapsed_ns / 1000);
}

static void mig_01(struct cf *cf)
{
	struct pvtb_vm *vm = clock_vm(cf, 1);
	struct cf_clock c;
	u64 tsc[2], real[2];

	cf_run_once(cf, vm, 0);
	cf_need_clock(cf, vm, ALL);
	real[0] = cf_clock_ns(CLOCK_REALTIME);
	tsc[0] = pvtb_arch_counter();
	cf_get_clock(cf, vm, &c);
	tsc[1] = pvtb_arch_counter();
	real[1] = cf_clock_ns(CLOCK_REALTIME);
	cf_within(cf, (s64)c.host_tsc, (s64)tsc[0], (s64)tsc[1], "host_tsc");
	cf_within(cf, (s64)c.realtime, (s64)real[0], (s64)real[1], "realtime");
	cf_eq(cf, c.flags & ALL, ALL, "flags");
}
CF_ROW(mig_01, .id = "MIG-01", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "Invoke the KVM_GET_CLOCK ioctl to record the host TSC (tsc_src)", .since = "5.16",
       .statement =
	       "on the source KVM_GET_CLOCK gives the guest's clock, the host's TSC and its real time "
	       "of one instant",
       .how = "all three flags; TSC and real time between the host's own readings",
       .needs = "a host that keeps time by the TSC", .run = mig_01, .also = "CLK-06 SYS-04",
       .mutant = CF_M_VALUE(CF_GET_CLOCK, 0, 24, 8, CF_ADD, 1ULL << 34));

static void mig_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 4});

	for (unsigned int i = 0; i < 4; i++)
		set_offset(cf, vm, i, FIRST + i);
	for (unsigned int i = 0; i < 4; i++)
		cf_eq(cf, get_offset(cf, vm, i), FIRST + i, "offset of vCPU %u", i);
}
CF_ROW(mig_02, .id = "MIG-02", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "Read the KVM_VCPU_TSC_OFFSET attribute for every vCPU", .since = "5.16",
       .statement = "on the source the offset of every vCPU can be read, each its own",
       .how = "four vCPUs with four offsets", .run = mig_02, .also = "TSC-03 TSC-09 MIG-07",
       .mutant = CF_M_VALUE_AFTER(KVM_GET_DEVICE_ATTR, KEY, 0, 8, CF_SET, FIRST, 2));

static void mig_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int khz = cf_ioctl_val(cf, cf_vcpu_fd(vm, 0), CF_GET_TSC_KHZ, 0);

	cf_run_once(cf, vm, 0);
	cf_tsc_runs_at(cf, vm, khz, "by KVM_GET_TSC_KHZ");
}
CF_ROW(mig_03, .id = "MIG-03", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote =
	       "Invoke the KVM_GET_TSC_KHZ ioctl to record the frequency of the guest's TSC (freq)",
       .since = "5.16", .statement = "KVM_GET_TSC_KHZ gives the frequency of the guest's TSC",
       .how = "against the guest's TSC over 60 ms between readings of the host's clock, to 100 ppm "
	      "where that is kept by the TSC, else to 1 %",
       .alone = true, .run = mig_03, .also = "MIG-06 CLK-07 KHZ-01 KHZ-04 KHZ-05 SYS-04 SYS-05",
       .mutant = CF_M_RET(CF_GET_TSC_KHZ, 0, CF_SET, 1000));

static void mig_04(struct cf *cf)
{
	struct migration m;
	u64 elapsed;

	migrate(cf, &m);
	elapsed = m.dst.realtime - m.src.realtime;
	cf_true(cf, elapsed >= 20000000, "only %" PRIu64 " ns passed in 20 ms", elapsed);
	cf_within(cf, (s64)(m.dst.clock - m.src.clock), (s64)elapsed - drift_ns(elapsed),
		  (s64)elapsed + drift_ns(elapsed),
		  "ns the clock went on while real time went on by %" PRIu64, elapsed);
}
CF_ROW(mig_04, .id = "MIG-04", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote =
	       "KVM will advance the VM's kvmclock to account for elapsed time since recording the clock values",
       .since = "5.16",
       .statement =
	       "on the destination KVM_SET_CLOCK with KVM_CLOCK_REALTIME moves the guest's clock on by "
	       "the real time that has passed",
       .how = "20 ms between; to 0.1 % and 50 us, for two calibrations of one TSC",
       .needs = "a host that keeps time by the TSC", .alone = true, .run = mig_04,
       .also = "MIG-06 MIG-09 CLK-02 CLK-08 CLK-11",
       .mutant = CF_M_INPUT(CF_SET_CLOCK, 0, 8, 4, CF_SET, 0));

static void mig_05(struct cf *cf)
{
	struct migration m;

	migrate(cf, &m);
	cf_eq(cf, m.dst.flags & ALL, ALL, "flags of KVM_GET_CLOCK after KVM_SET_CLOCK");
	cf_true(cf, m.dst.host_tsc > m.src.host_tsc, "host_tsc did not move on");
	cf_true(cf, m.dst.clock > m.src.clock, "the guest's clock did not move on");
}
CF_ROW(mig_05, .id = "MIG-05", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "Invoke the KVM_GET_CLOCK ioctl to record the host TSC (tsc_dest)", .since = "5.16",
       .statement =
	       "on the destination KVM_GET_CLOCK gives clock and host TSC of one instant again",
       .how = "flags and progress of both", .needs = "a host that keeps time by the TSC",
       .run = mig_05, .also = "SYS-11",
       .mutant = CF_M_VALUE_AFTER(CF_GET_CLOCK, 0, 8, 4, CF_SET, 0, 1));

static void mig_06(struct cf *cf)
{
	struct migration m;
	u64 elapsed;
	s64 bound;

	migrate(cf, &m);
	elapsed = m.dst.realtime - m.src.realtime;
	bound = drift_ns(elapsed) * (s64)m.khz / 1000000;
	/* One host, one TSC: the ideal new offset is the old one. */
	for (unsigned int i = 0; i < 2; i++)
		cf_within(cf, (s64)(get_offset(cf, m.to, i) - m.ofs_src[i]), -bound, bound,
			  "ticks the TSC of vCPU %u jumped", i);
}
CF_ROW(mig_06, .id = "MIG-06", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "ofs_dst[i] = ofs_src[i] - (guest_src - guest_dest) * freq + (tsc_src - tsc_dest)",
       .since = "5.16",
       .statement =
	       "new offset = old offset - (guest_src - guest_dst) * freq + (tsc_src - tsc_dst) keeps "
	       "the guest's TSC going as if nothing had been (ns times kHz is divided by 10^6)",
       .how = "to a VM of the same host, where the ideal new offset is the old one",
       .needs = "a host that keeps time by the TSC", .alone = true, .run = mig_06,
       .also = "MIG-09 CLK-07",
       .mutant = CF_M_VALUE_AFTER(CF_GET_CLOCK, 0, 24, 8, CF_ADD, 1ULL << 34, 1));

static u64 invariant(const struct cf_clock *c, u64 offset, u64 khz)
{
	return offset + c->host_tsc - (u64)((u128)c->clock * khz / 1000000);
}

static void mig_07(struct cf *cf)
{
	struct migration m;

	migrate(cf, &m);
	for (unsigned int i = 0; i < 2; i++)
		cf_within(cf,
			  (s64)(invariant(&m.dst, get_offset(cf, m.to, i), m.khz) -
				invariant(&m.src, m.ofs_src[i], m.khz)),
			  -2, 2, "offset + tsc - guest * freq of vCPU %u, destination less source",
			  i);
}
CF_ROW(mig_07, .id = "MIG-07", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote =
	       "\"ofs[i] + tsc - guest * freq\" is the guest TSC value corresponding to a time of 0 in kvmclock",
       .since = "5.16", .statement = "offset + tsc - guest * freq is the same on both sides",
       .how = "computed from what both VMs say, to 2 ticks of rounding",
       .needs = "a host that keeps time by the TSC", .run = mig_07, .also = "TSC-03 MIG-02",
       .mutant = CF_M_INPUT_AFTER(KVM_SET_DEVICE_ATTR, KEY, 0, 8, CF_ADD, 1000, 3));

CF_ROW(mig_08, .id = "MIG-08", .tag = CF_MISMATCH, X86, .source = TSC_DOC,
       .quote = "guest_tsc = host_tsc + KVM_VCPU_TSC_OFFSET",
       .statement = "the algorithm keeps a scaled guest's TSC going too",
       .manual =
	       "the formula ignores scaling (a later series mends it); no host with TSC scaling to show "
	       "it on");

static void mig_09(struct cf *cf)
{
	struct migration m;
	struct pvtb_step s[2];
	u64 passed_ns;

	migrate(cf, &m);
	for (unsigned int i = 0; i < 2; i++) {
		s[i] = CF_READ_CLOCK(i);
		cf_stream(cf, m.to, i, &s[i], 1);
	}
	passed_ns = cf_clock_ns(CLOCK_REALTIME) - m.read_ns;
	for (unsigned int i = 0; i < 2; i++) {
		cf_true(cf, s[i].out[0] > m.last[1].out[0], "kvmclock of vCPU %u went backwards",
			i);
		cf_true(cf, s[i].t0 > m.last[1].t1, "TSC of vCPU %u went backwards", i);
		/* From a reading of vCPU 1 before leaving to one of each after arriving. */
		cf_within(cf, (s64)(s[i].out[0] - m.last[1].out[0]), 20000000,
			  (s64)passed_ns + drift_ns(passed_ns),
			  "ns that passed on kvmclock of vCPU %u", i);
	}
}
CF_ROW(mig_09, .id = "MIG-09", .tag = CF_DOC, X86, .source = TSC_DOC,
       .quote = "so that the TSC counts the time during which the VM was paused", .since = "5.16",
       .statement =
	       "over the migration neither TSC nor kvmclock goes backwards, on any vCPU, and both go on "
	       "by the time that passed",
       .how = "both vCPUs before and after, 20 ms between; at most the real time from before the first reading to "
	      "after the last, to 0.1 % and 50 us",
       .needs = "a host that keeps time by the TSC", .alone = true, .run = mig_09,
       .also = "CLK-13 SYS-08",
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_PVCLOCK, CF_ANY, 0, CF_SET, 0, 3));

#define UNMERGED                                                                                   \
	.tag = CF_PROPOSAL, X86,                                                                   \
	.manual = "of a series that was never merged: no kernel there is "                         \
		  "to boot has it"
CF_ROW(scl_01, .id = "SCL-01", UNMERGED, .source = "RFC: KVM_VCPU_TSC_SCALE",
       .statement = "KVM_VCPU_TSC_SCALE gives the ratio and its number of fraction bits");
CF_ROW(scl_02, .id = "SCL-02", UNMERGED, .source = "RFC: KVM_VCPU_TSC_SCALE",
       .statement = "it cannot be set (EINVAL), and is ENXIO without TSC scaling");
CF_ROW(scl_03, .id = "SCL-03", UNMERGED, .source = "RFC: KVM_VCPU_TSC_SCALE",
       .statement = "a bad pointer is EFAULT");
CF_ROW(kcg_01, .id = "KCG-01", UNMERGED, .source = "RFC: KVM_GET_CLOCK_GUEST",
       .statement = "KVM_GET_CLOCK_GUEST is EINVAL without a master clock");
CF_ROW(kcg_02, .id = "KCG-02", UNMERGED, .source = "RFC: KVM_SET_CLOCK_GUEST",
       .statement = "padding that is not 0 is refused");
CF_ROW(kcg_03, .id = "KCG-03", UNMERGED, .source = "RFC: KVM_SET_CLOCK_GUEST",
       .statement = "tsc_shift has to be within -31 to 31");
CF_ROW(kcg_04, .id = "KCG-04", UNMERGED, .source = "RFC: KVM_SET_CLOCK_GUEST",
       .statement = "a guest TSC below tsc_timestamp is refused");
CF_ROW(kcg_05, .id = "KCG-05", UNMERGED, .source = "RFC: KVM_SET_CLOCK_GUEST",
       .statement = "for one TSC, kvmclock is the same to 2 ns after it was set");
