// SPDX-License-Identifier: GPL-2.0-only
/* Rows STL: MSR_KVM_STEAL_TIME (x86/msr.rst). */
#include <inttypes.h>
#include <sys/mman.h>

#include "bench/conformance/check.h"

#define STL_DOC	  "x86/msr.rst, MSR_KVM_STEAL_TIME"
#define X86	  .archs = PVTB_ARCH_X86_64
#define STEAL	  PVTB_GPA_STEAL
#define VERSION	  (PVTB_GPA_STEAL + 8)
#define FLAGS	  (PVTB_GPA_STEAL + 12)
#define PREEMPTED (PVTB_GPA_STEAL + 16)
#define SHARE_MS  60
#define REST_MS	  80
#define LOST_MS	  50

static struct pvtb_vm *steal_vm(struct cf *cf)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true});
}

static struct pvtb_vm *pinned_vm(struct cf *cf, bool steal, int *ret_cpu)
{
	const int cpu = cf_some_cpu();

	*ret_cpu = cpu;
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = steal, .cpus = &cpu});
}

static int guest_writes(struct cf *cf, struct pvtb_vm *vm, u64 value)
{
	struct pvtb_step s = CF_WRMSR(CF_MSR_STEAL_TIME, value);

	return cf_stream(cf, vm, 0, &s, 1);
}

static void enable(struct cf *cf, struct pvtb_vm *vm, u64 gpa)
{
	cf_errno(cf, cf_msr_set(cf, cf_vcpu_fd(vm, 0), CF_MSR_STEAL_TIME, gpa | 1), 1,
		 "MSRs set: MSR_KVM_STEAL_TIME");
}

static void stl_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step read = CF_RDMSR(CF_MSR_STEAL_TIME);

	cf_need_msr_faults(cf);
	cf_without_features(cf, vm, 0, CF_FEAT_STEAL_TIME);
	cf_fault(cf, cf_stream(cf, vm, 0, &read, 1), CF_VECTOR_GP, "RDMSR");
	cf_fault(cf, guest_writes(cf, vm, STEAL | 1), CF_VECTOR_GP, "WRMSR");
}
CF_ROW(stl_01, .id = "STL-01", .tag = CF_DOC, X86, .source = "x86/cpuid.rst",
       .quote = "steal time can be enabled by writing to msr 0x4b564d03",
       .cap = CF_CAP_ENFORCE_PV_CPUID,
       .statement =
	       "the MSR needs bit 5 of CPUID 0x40000001.EAX: a guest held to its CPUID gets #GP "
	       "without it",
       .how = "RDMSR and WRMSR with the bit cleared and KVM_CAP_ENFORCE_PV_FEATURE_CPUID on",
       .run = stl_01, .also = "STL-02 SYS-01", .mutant = CF_M_FAULT(CF_VECTOR_GP, CF_NO_FAULT));

static void stl_02(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);

	for (unsigned int bit = 1; bit < 6; bit++) {
		u64 value = STEAL | 1 | 1U << bit;

		cf_errno(cf, cf_msr_set(cf, cf_vcpu_fd(vm, 0), CF_MSR_STEAL_TIME, value), 0,
			 "MSRs set by KVM_SET_MSRS with bit %u", bit);
		cf_fault(cf, guest_writes(cf, vm, value), CF_VECTOR_GP, "WRMSR with bit %u", bit);
	}
	cf_fault(cf, guest_writes(cf, vm, STEAL | 1), CF_NO_FAULT, "a good WRMSR");
}
CF_ROW(stl_02, .id = "STL-02", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote =
	       "64-byte alignment physical address of a memory area which must be in guest RAM, plus an enable bit in bit 0",
       .statement =
	       "the address is a multiple of 64, bit 0 enables, and bits 5 to 1 are reserved: #GP, and "
	       "KVM_SET_MSRS refuses them",
       .how = "each reserved bit, from the guest and from the VMM", .run = stl_02,
       .also = "STL-01 SYS-01", .mutant = CF_M_FAULT(CF_VECTOR_GP, CF_NO_FAULT));

static void stl_03(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);
	struct pvtb_step s[] = {CF_WRMSR(CF_MSR_STEAL_TIME, (STEAL + 128) | 1),
				CF_RDMSR(CF_MSR_STEAL_TIME), CF_WRMSR(CF_MSR_STEAL_TIME, 0),
				CF_RDMSR(CF_MSR_STEAL_TIME)};

	cf_fault(cf, cf_stream(cf, vm, 0, s, 4), CF_NO_FAULT, "the stream");
	cf_eq(cf, s[1].out[0], (STEAL + 128) | 1, "RDMSR after enabling");
	cf_eq(cf, s[3].out[0], 0, "RDMSR after disabling");
}
CF_ROW(stl_03, .id = "STL-03", .tag = CF_CODE, X86,
       .source = "arch/x86/kvm/x86.c, arch/x86/kvm/msrs.c",
       .quote = "msr_info->data = vcpu->arch.st.msr_val;",
       .statement = "RDMSR gives back what was written", .how = "enabled and disabled by the guest",
       .run = stl_03, .mutant = CF_M_STEP(PVTB_STEP_RDMSR, CF_MSR_STEAL_TIME, 0, CF_XOR, 64));

static void stl_04(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int cap = cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CHECK_EXTENSION, CF_CAP_STEAL_TIME);
	int set = cf_msr_set(cf, cf_vcpu_fd(vm, 0), CF_MSR_STEAL_TIME, STEAL | 1);

	cf_errno(cf, set == 1, cap == 1,
		 "MSR_KVM_STEAL_TIME can be enabled, where "
		 "KVM_CAP_STEAL_TIME is %d",
		 cap);
}
CF_ROW(stl_04, .id = "STL-04", .tag = CF_DOC, X86, .source = "api.rst 8.24",
       .quote = "This capability and the architecture- specific interfaces must be consistent",
       .statement = "KVM_CAP_STEAL_TIME is 1 exactly where the MSR can be enabled", .how = "both",
       .run = stl_04, .mutant = CF_M_RET(KVM_CHECK_EXTENSION, CF_CAP_STEAL_TIME, CF_XOR, 1));

/* All the vCPU's thread has ever waited; where that is not to be had, a minute. */
static s64 most_waited(struct pvtb_vm *vm)
{
	s64 waited = cf_run_delay_ns(vm, 0);

	return waited < 0 ? 60000000000LL : waited;
}

static void stl_05(struct cf *cf)
{
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, true, &cpu);
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, SHARE_MS)),
				CF_EXIT,
				CF_READ64(STEAL),
				CF_READ32(VERSION),
				CF_READ32(FLAGS),
				CF_READ32(PREEMPTED)};

	cf_run_once(cf, vm, 0);
	cf_stream_beside_hog(cf, vm, 0, cpu, s, PVTB_ARRAY_SIZE(s));
	if (!cf_run_delay_ns(vm, 0))
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_true(cf, s[2].out[0] > 0 && (s64)s[2].out[0] <= most_waited(vm),
		"steal, 64 bits at 0, is %" PRIu64 " ns beside a busy process", s[2].out[0]);
	cf_true(cf, s[3].out[0] >= 2 && !(s[3].out[0] & 1), "version, 32 bits at 8, is %" PRIu64,
		s[3].out[0]);
	cf_eq(cf, s[4].out[0], 0, "flags, 32 bits at 12");
	cf_eq(cf, s[5].out[0], 0, "preempted, 8 bits at 16, and the padding behind it");
	for (u64 off = 24; off < 64; off += 8)
		cf_eq(cf, cf_r64(cf, vm, STEAL + off), 0, "padding at %" PRIu64, off);
}
CF_ROW(stl_05, .id = "STL-05", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "__u64 steal; __u32 version; __u32 flags; __u8 preempted;",
       .statement =
	       "the structure is steal (64 bits at 0), version (32 at 8), flags (32 at 12), preempted "
	       "(8 at 16), padding to 64 bytes",
       .how = "each field in its place after time beside a busy process", .alone = true,
       .run = stl_05, .also = "STL-12", .mutant = CF_M_MEM(STEAL + 40, 8, CF_SET, 1));

static void stl_06(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);
	struct pvtb_step s[] = {CF_EXIT,
				CF_READ32(VERSION),
				CF_EXIT,
				CF_READ32(VERSION),
				CF_STEP(PVTB_STEP_WRITE32, VERSION, 12345),
				CF_WRMSR(CF_MSR_STEAL_TIME, STEAL | 1),
				CF_EXIT,
				CF_READ32(VERSION)};

	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	cf_eq(cf, s[1].out[0] & 1, 0, "version is odd while the guest runs");
	cf_eq(cf, s[3].out[0] & 1, 0, "version is odd after an exit");
	cf_true(cf, s[3].out[0] > s[1].out[0], "version %" PRIu64 ", then %" PRIu64 ": no update",
		s[1].out[0], s[3].out[0]);
	cf_eq(cf, s[7].out[0] & 1, 0, "a version the guest left odd stays odd");
	cf_true(cf, s[7].out[0] > 12345, "version went from 12345 to %" PRIu64, s[7].out[0]);
}
CF_ROW(stl_06, .id = "STL-06", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "An odd version indicates an in-progress update",
       .statement =
	       "version is even whenever the guest can read, grows with every update, and is mended "
	       "where it was odd at first",
       .how = "over two exits; then made odd by the guest", .run = stl_06,
       .mutant = CF_M_MEM_AFTER(VERSION, 4, CF_ADD, 1, 2));

static void stl_07(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);

	for (int i = 0; i < 5; i++) {
		cf_run_once(cf, vm, 0);
		cf_eq(cf, cf_r32(cf, vm, FLAGS), 0, "flags after run %d", i);
	}
}
CF_ROW(stl_07, .id = "STL-07", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "At this point, always zero", .statement = "flags are 0",
       .how = "after each of five runs", .run = stl_07,
       .mutant = CF_M_MEM_AFTER(FLAGS, 4, CF_SET, 1, 4));

static void stl_08(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	const u64 first = 1ULL << 50;
	u64 value;

	cf_w64(vm, STEAL, first);
	enable(cf, vm, STEAL);
	cf_run_once(cf, vm, 0);
	value = cf_r64(cf, vm, STEAL);
	cf_within(cf, (s64)(value - first), 0, most_waited(vm),
		  "steal beyond what was in memory when it was enabled");
}
CF_ROW(stl_08, .id = "STL-08", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "unsafe_get_user(steal, &st->steal, out);",
       .statement = "KVM adds to what it finds: the guest has to clear the structure first",
       .how = "2^50 in memory before it is enabled", .run = stl_08,
       .also = "STL-05 STL-09 STL-12 STL-13 STL-16", .mutant = CF_M_MEM(STEAL, 8, CF_SET, 0));

static void note_run_delay(struct cf *cf, unsigned int vcpu)
{
	if (cf->nr_data < PVTB_ARRAY_SIZE(cf->data))
		cf->data[cf->nr_data++] = (u64)cf_run_delay_ns(cf->vm, vcpu);
}

static void stl_09(struct cf *cf)
{
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, true, &cpu);
	struct pvtb_step s[] = {CF_EXIT, CF_READ64(STEAL),
				CF_EXIT, CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, 2 * SHARE_MS)),
				CF_EXIT, CF_READ64(STEAL),
				CF_EXIT, CF_READ64(STEAL)};
	s64 told;

	cf_run_once(cf, vm, 0);
	if (cf_run_delay_ns(vm, 0) < 0)
		cf_skip(cf, "no /proc/PID/schedstat to compare with");
	cf->at_exit = note_run_delay;
	cf_stream_beside_hog(cf, vm, 0, cpu, s, PVTB_ARRAY_SIZE(s));
	told = (s64)(s[5].out[0] - s[1].out[0]);
	if (cf->data[2] <= cf->data[1])
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_within(cf, told, (s64)(cf->data[2] - cf->data[1]), (s64)(cf->data[3] - cf->data[0]),
		  "ns of steal over %d ms, against the thread's own waiting time", 2 * SHARE_MS);
	cf_true(cf, s[7].out[0] >= s[5].out[0], "steal went backwards");
}
CF_ROW(stl_09, .id = "STL-09", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "the amount of time in which this vCPU did not run, in nanoseconds",
       .statement =
	       "steal is the time, in nanoseconds, the vCPU did not run although it wanted to, and "
	       "never goes backwards",
       .how = "beside a busy process: it lies between the thread's waiting time (schedstat) before and after "
	      "the reading, no tolerance",
       .needs = "schedstat", .alone = true, .run = stl_09, .also = "STL-10?",
       .mutant = CF_M_MEM_AFTER(STEAL, 8, CF_SET, 0, 1));

static void stl_10(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(
		cf, &(struct pvtb_vm_spec){.nr_vcpus = 1, .steal = true, .halt_ns = 10000000});
	struct pvtb_step s[] = {CF_EXIT, CF_READ64(STEAL),
				CF_STEP(PVTB_STEP_REST, cf_ticks(cf, REST_MS)), CF_EXIT,
				CF_READ64(STEAL)};
	s64 before, waited;

	cf_run_once(cf, vm, 0);
	before = cf_run_delay_ns(vm, 0);
	if (before < 0)
		cf_skip(cf, "no /proc/PID/schedstat to compare with");
	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	waited = cf_run_delay_ns(vm, 0) - before;
	cf_within(cf, (s64)(s[4].out[0] - s[1].out[0]), 0, waited,
		  "steal over %d ms in HLT, against the thread's waiting time", REST_MS);
}
CF_ROW(stl_10, .id = "STL-10", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "Time during which the vcpu is idle, will not be reported as steal time",
       .statement = "the time a vCPU idles is not reported as steal",
       .how = "80 ms in HLT: steal is at most what the thread waited for a CPU (schedstat)",
       .needs = "schedstat", .alone = true, .run = stl_10, .also = "STL-09",
       .mutant = CF_M_MEM_AFTER(STEAL, 8, CF_ADD, 8000000000ULL, 1));

static void stl_11(struct cf *cf)
{
	int cpu, hog;
	struct pvtb_vm *vm = pinned_vm(cf, true, &cpu);
	struct pvtb_step s[] = {CF_EXIT, CF_READ32(PREEMPTED),
				CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, 4 * SHARE_MS)),
				CF_READ32(PREEMPTED)};
	const volatile struct pvtb_step *shared = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(0));
	u64 seen = 0, looks = 0;
	s64 waited;

	cf_run_once(cf, vm, 0);
	waited = cf_run_delay_ns(vm, 0);
	hog = cf_hog_start(cf, cpu);
	for (int i = 0; i < 10 && !seen; i++) {
		cf_stream_start(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
		while (!shared[2].done && looks < 100000) {
			seen += cf_r8(cf, vm, PREEMPTED) & 1;
			looks++;
			usleep(200);
		}
		cf_stream_wait(cf, vm, 0, s, PVTB_ARRAY_SIZE(s), NULL);
	}
	cf_hog_stop(hog);
	cf_eq(cf, s[1].out[0] & 0xff, 0, "preempted as the running vCPU reads it");
	cf_eq(cf, s[3].out[0] & 0xff, 0, "preempted as it reads it later");
	if (!seen && waited >= 0 && cf_run_delay_ns(vm, 0) <= waited)
		cf_inconclusive(cf, "the vCPU's thread never waited for its CPU");
	cf_true(cf, seen > 0,
		"preempted was never set in %" PRIu64 " looks while a busy process had the "
		"CPU half of the time",
		looks);
}
CF_ROW(stl_11, .id = "STL-11", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote = "Non-zero values mean the vCPU has been preempted",
       .statement = "preempted is 0 while the vCPU runs and not 0 while it is scheduled out",
       .how = "read by the guest, and from outside while a busy process shares the CPU",
       .alone = true, .run = stl_11, .mutant = CF_M_MEM(PREEMPTED, 1, CF_SET, 0));

static void stl_12(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);
	struct pvtb_step off[] = {CF_EXIT, CF_WRMSR(CF_MSR_STEAL_TIME, 0), CF_EXIT};
	u32 before, after;

	cf_run_once(cf, vm, 0);
	before = cf_r32(cf, vm, VERSION);
	cf_run_once(cf, vm, 0);
	after = cf_r32(cf, vm, VERSION);
	cf_true(cf, after > before, "version %u, then %u: it is not updated", before, after);
	cf_stream(cf, vm, 0, off, 3);
	cf_fill(vm, STEAL, 0x5a, 64);
	for (int i = 0; i < 10; i++)
		cf_run_once(cf, vm, 0);
	for (u64 at = 0; at < 64; at += 8)
		cf_eq(cf, cf_r64(cf, vm, STEAL + at), 0x5a5a5a5a5a5a5a5aULL,
		      "word at %" PRIu64 " after it was disabled", at);
}
CF_ROW(stl_12, .id = "STL-12", .tag = CF_DOC, X86, .source = STL_DOC,
       .quote =
	       "may update this structure at any time it sees fit until anything with bit0 == 0 is written to it",
       .statement =
	       "enabled once, it is updated until it is disabled; from then on the memory is the "
	       "guest's again",
       .how = "updates over two runs; a pattern over ten runs after it was disabled", .run = stl_12,
       .mutant = CF_M_MEM(STEAL + 16, 8, CF_SET, 0));

static void stl_13(struct cf *cf)
{
	struct pvtb_vm *vm = steal_vm(cf);
	struct pvtb_step move[] = {CF_WRMSR(CF_MSR_STEAL_TIME, (STEAL + 128) | 1), CF_EXIT};
	u32 was, now;

	cf_run_once(cf, vm, 0);
	cf_stream(cf, vm, 0, move, 2);
	cf_fill(vm, STEAL, 0x5a, 64);
	was = cf_r32(cf, vm, VERSION + 128);
	for (int i = 0; i < 5; i++)
		cf_run_once(cf, vm, 0);
	now = cf_r32(cf, vm, VERSION + 128);
	cf_true(cf, now > was, "the new structure is not updated: version %u, then %u", was, now);
	cf_eq(cf, cf_r64(cf, vm, STEAL), 0x5a5a5a5a5a5a5a5aULL, "first word of the old structure");
	cf_eq(cf, cf_r64(cf, vm, STEAL + 8), 0x5a5a5a5a5a5a5a5aULL, "second word of it");
}
CF_ROW(stl_13, .id = "STL-13", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "gpa != ghc->gpa ||",
       .statement =
	       "registering another address moves the updates there and ends those of the old one",
       .how = "moved by 128 bytes, a pattern in the old place", .run = stl_13, .also = "STL-12",
       .mutant = CF_M_MEM(STEAL + 8, 8, CF_ADD, 2));

CF_ROW(stl_14, .id = "STL-14", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "if (st_preempted & KVM_VCPU_FLUSH_TLB) kvm_vcpu_flush_tlb_guest(vcpu);",
       .statement = "a TLB flush asked for in bit 1 of preempted is done once",
       .manual =
	       "wants a guest whose TLB holds what its page tables no longer say, and a look at that");

#define FAR_GPA	  0x100000000ULL
#define FAR_BYTES 0x10000ULL

static void stl_15(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	void *mem =
		mmap(NULL, FAR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct kvm_userspace_memory_region r = {.slot = 5,
						      .flags = KVM_MEM_LOG_DIRTY_PAGES,
						      .guest_phys_addr = FAR_GPA,
						      .memory_size = FAR_BYTES,
						      .userspace_addr = (u64)(uintptr_t)mem};
	u64 bitmap = 0;
	struct kvm_dirty_log log = {.slot = 5, .dirty_bitmap = &bitmap};

	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), KVM_SET_USER_MEMORY_REGION, &r), 0, "region");
	enable(cf, vm, FAR_GPA + 0x3000);
	cf_run_once(cf, vm, 0);
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), KVM_GET_DIRTY_LOG, &log), 0, "dirty log");
	for (int i = 0; i < 3; i++) {
		cf_run_once(cf, vm, 0);
		bitmap = 0;
		cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), KVM_GET_DIRTY_LOG, &log), 0, "dirty log");
		cf_eq(cf, bitmap, 1ULL << 3, "dirty pages after run %d", i);
	}
}
CF_ROW(stl_15, .id = "STL-15", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "mark_page_dirty_in_slot(vcpu->kvm, ghc->memslot, gpa_to_gfn(ghc->gpa));",
       .statement = "every update marks its page dirty, so that migration copies it",
       .how = "a logged region with nothing else in it, read after each of three runs",
       .run = stl_15, .mutant = CF_M_DROP_AFTER(KVM_GET_DIRTY_LOG, 0, 0, 2));

static void stl_16(struct cf *cf)
{
	int cpu;
	struct pvtb_vm *vm = pinned_vm(cf, false, &cpu);
	s64 before, after;

	cf_lose_time(cf, vm, 0, cpu, LOST_MS);
	before = cf_run_delay_ns(vm, 0);
	cf_fill(vm, STEAL, 0, 64);
	enable(cf, vm, STEAL);
	cf_run_once(cf, vm, 0);
	after = cf_run_delay_ns(vm, 0);
	cf_within(cf, (s64)cf_r64(cf, vm, STEAL), before, after,
		  "the first record, against all the thread has ever waited");
}
CF_ROW(stl_16, .id = "STL-16", .tag = CF_CODE, X86, .source = "arch/x86/kvm/x86.c",
       .quote = "steal += current->sched_info.run_delay - vcpu->arch.st.last_steal;",
       .statement =
	       "the first record has in it what the thread waited before the guest enabled steal time",
       .how = "50 ms and more lost beside a busy process first, then enabled", .needs = "schedstat",
       .alone = true, .run = stl_16, .also = "STL-05 STL-08 STL-09 STL-12 STL-13",
       .mutant = CF_M_MEM(STEAL, 8, CF_SET, 0));
