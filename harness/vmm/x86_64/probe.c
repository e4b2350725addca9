// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: what this host's KVM/x86 can do. What runs guest code is told by timing it: a software
 * backend's ring 0 costs a thousand times what the CPU takes, whatever the module is called; the
 * names of modules and CPU flags only give the result its name.
 */
#include "vmm/x86_64/x86.h"

#include <cpuid.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "arch/counter.h"

/* Emulated instructions were seen at 0.6 to 0.8 us each, some 3000 times the CPU's own. A guest
 * that the CPU runs, or QEMU's TCG like its host, was within a factor of four. */
#define EMULATED_RATIO 200

struct ring0_cost {
	double guest_ticks; /* TSC ticks of an instruction at guest ring 0 */
	double host_ticks;  /* and here */
	bool emulated;	    /* the guest's are not run by the CPU */
};

struct toy {
	int vm;
	int vcpu;
	struct kvm_run *run;
	size_t run_size;
	u8 *mem;
};

#define TOY_BYTES 0x5000
#define TOY_CODE  0x4000

/* mov $n, %ecx; 1: dec %ecx; jnz 1b; out %eax, $0x80 */
static void toy_code(u8 *mem, u32 n)
{
	static const u8 loop[] = {0xff, 0xc9, 0x75, 0xfc, 0xe7, 0x80, 0xf4};

	mem[TOY_CODE] = 0xb9;
	memcpy(mem + TOY_CODE + 1, &n, sizeof(n));
	memcpy(mem + TOY_CODE + 5, loop, sizeof(loop));
}

static void toy_pages(u8 *mem)
{
	u64 link = X86_PTE_P | X86_PTE_RW | X86_PTE_US;
	u64 pml4 = 0x2000 | link, pdpt = 0x3000 | link, pd = 0 | link | X86_PTE_PS;

	memcpy(mem + 0x1000, &pml4, sizeof(pml4));
	memcpy(mem + 0x2000, &pdpt, sizeof(pdpt));
	memcpy(mem + 0x3000, &pd, sizeof(pd));
}

static int toy_new(int kvm_fd, struct kvm_cpuid2 *cpuid, struct toy *toy, struct pvtb_err *err)
{
	struct kvm_userspace_memory_region slot = {.memory_size = TOY_BYTES};
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p;

	do
		toy->vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	while (toy->vm < 0 && errno == EINTR);
	if (toy->vm < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VM");
	p = mmap(NULL, TOY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return pvtb_err_sys(err, -errno, "memory of the probe's VM");
	toy->mem = p;
	slot.userspace_addr = (u64)(uintptr_t)p;
	if (ioctl(toy->vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return pvtb_err_sys(err, -errno, "KVM_SET_USER_MEMORY_REGION");
	toy->vcpu = ioctl(toy->vm, KVM_CREATE_VCPU, 0);
	if (toy->vcpu < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VCPU");
	/* Without it there is no long mode to set. */
	if (ioctl(toy->vcpu, KVM_SET_CPUID2, cpuid))
		return pvtb_err_sys(err, -errno, "KVM_SET_CPUID2");
	if (size < (int)sizeof(struct kvm_run))
		return pvtb_err_set(err, -EIO, "KVM_GET_VCPU_MMAP_SIZE", "%d bytes", size);
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, toy->vcpu, 0);
	if (p == MAP_FAILED)
		return pvtb_err_sys(err, -errno, "mapping a vCPU");
	toy->run = p;
	toy->run_size = (size_t)size;
	toy_pages(toy->mem);
	return 0;
}

static void toy_free(struct toy *toy)
{
	if (toy->run)
		munmap(toy->run, toy->run_size);
	if (toy->vcpu >= 0)
		close(toy->vcpu);
	if (toy->vm >= 0)
		close(toy->vm);
	if (toy->mem)
		munmap(toy->mem, TOY_BYTES);
}

/* One run of the loop; ticks from before KVM_RUN to after. */
static int toy_run(struct toy *toy, u32 n, u64 *ret_ticks, struct pvtb_err *err)
{
	struct kvm_regs regs = {.rip = TOY_CODE, .rflags = 2};
	struct kvm_sregs sregs;
	u64 before;
	int ret;

	/* The OUT of the run before is finished first, or it would move RIP. */
	toy->run->immediate_exit = 1;
	(void)ioctl(toy->vcpu, KVM_RUN, 0);
	toy->run->immediate_exit = 0;
	if (ioctl(toy->vcpu, KVM_GET_SREGS, &sregs))
		return pvtb_err_sys(err, -errno, "KVM_GET_SREGS");
	pvtb_x86_long_mode(&sregs, 0x1000, PVTB_LEVEL_KERNEL);
	if (ioctl(toy->vcpu, KVM_SET_SREGS, &sregs) || ioctl(toy->vcpu, KVM_SET_REGS, &regs))
		return pvtb_err_sys(err, -errno, "registers of the probe's VM");
	toy_code(toy->mem, n);
	before = pvtb_arch_counter();
	do
		ret = ioctl(toy->vcpu, KVM_RUN, 0);
	while (ret < 0 && errno == EINTR);
	*ret_ticks = pvtb_arch_counter() - before;
	if (ret < 0)
		return pvtb_err_sys(err, -errno, "KVM_RUN of the probe's VM");
	if (toy->run->exit_reason != KVM_EXIT_IO)
		return pvtb_err_set(err, -EIO, "KVM_RUN of the probe's VM", "exit %u",
				    toy->run->exit_reason);
	return 0;
}

static u64 host_loop(u32 n)
{
	u64 before = pvtb_arch_counter();

	__asm__ volatile("1: decl %0\n\tjnz 1b" : "+r"(n)::"cc");
	return pvtb_arch_counter() - before;
}

/* Ticks of one instruction: the shortest of some loops of @n rounds, less the shortest of 1. */
static int measure(struct toy *toy, u32 n, struct ring0_cost *cost, struct pvtb_err *err)
{
	u64 guest = UINT64_MAX, guest1 = UINT64_MAX, host = UINT64_MAX, t;
	int i, ret;

	for (i = 0; i < 3; i++) {
		ret = toy_run(toy, 1, &t, err);
		if (ret)
			return ret;
		guest1 = t < guest1 ? t : guest1;
		ret = toy_run(toy, n, &t, err);
		if (ret)
			return ret;
		guest = t < guest ? t : guest;
		t = host_loop(n);
		host = t < host ? t : host;
	}
	cost->guest_ticks = guest > guest1 ? (double)(guest - guest1) / (2.0 * n) : 0;
	cost->host_ticks = (double)host / (2.0 * n);
	cost->emulated = cost->guest_ticks > EMULATED_RATIO * cost->host_ticks;
	return 0;
}

static int ring0_cost(int kvm_fd, struct kvm_cpuid2 *cpuid, struct ring0_cost *ret_cost,
		      u64 *ret_tsc_hz, struct pvtb_err *err)
{
	struct toy toy = {.vm = -1, .vcpu = -1};
	int ret, khz;

	ret = toy_new(kvm_fd, cpuid, &toy, err);
	if (!ret)
		ret = measure(&toy, 200, ret_cost, err);
	/* An interruption of the host is long beside a short loop: ask again before saying so. */
	if (!ret && ret_cost->emulated)
		ret = measure(&toy, 2000, ret_cost, err);
	if (!ret) {
		khz = ioctl(toy.vcpu, KVM_GET_TSC_KHZ, 0);
		*ret_tsc_hz = khz > 0 ? (u64)khz * 1000 : 0;
	}
	toy_free(&toy);
	return ret;
}

static bool module(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

static void name_backend(const struct ring0_cost *cost, struct pvtb_kvm_caps *caps)
{
	unsigned int a, b, c, d;
	bool svm = __get_cpuid(0x80000001, &a, &b, &c, &d) && c & (1U << 2);
	bool vmx = __get_cpuid(1, &a, &b, &c, &d) && c & (1U << 5);
	bool kvm_amd = module("kvm_amd"), kvm_intel = module("kvm_intel");
	const char *name = "unknown", *sign = "no vendor module known";

	/* Modules first: a CPU flag may be there, hidden or switched off. */
	if (!cost->emulated && (kvm_amd || (svm && !kvm_intel)))
		name = "SVM", sign = kvm_amd ? "kvm_amd loaded" : "CPU has SVM";
	else if (!cost->emulated && (kvm_intel || vmx))
		name = "VMX", sign = kvm_intel ? "kvm_intel loaded" : "CPU has VMX";
	else if (cost->emulated && module("kvm_pvm"))
		name = "PVM", sign = "kvm_pvm loaded";
	caps->hw_assisted = !cost->emulated && strcmp(name, "unknown");
	caps->ring0_usable = !cost->emulated;
	snprintf(caps->backend, sizeof(caps->backend), "%s", name);
	snprintf(caps->backend_why, sizeof(caps->backend_why),
		 "%s; an instruction at guest ring 0 takes %.1f ticks, here %.1f: %s", sign,
		 cost->guest_ticks, cost->host_ticks,
		 cost->emulated ? "emulated" : "run by the CPU");
}

/* KVM_HC_CLOCK_PAIRING answers only while the host keeps time by the TSC (x86.c,
 * kvm_pv_clock_pairing). */
static bool clocksource_is_tsc(void)
{
	FILE *f PVTB_FCLOSE = fopen("/sys/devices/system/clocksource/clocksource0/"
				    "current_clocksource",
				    "re");
	char name[32] = "";

	return f && fgets(name, sizeof(name), f) && !strcmp(name, "tsc\n");
}

struct kvm_cpuid2 *pvtb_x86_supported_cpuid(int kvm_fd)
{
	unsigned int nr;

	for (nr = 128; nr <= 1024; nr *= 2) {
		struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + nr * sizeof(c->entries[0]));

		if (!c)
			return NULL;
		c->nent = nr;
		if (!ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c))
			return c;
		free(c);
		if (errno != E2BIG)
			return NULL;
	}
	return NULL;
}

static u32 kvm_features(const struct kvm_cpuid2 *cpuid)
{
	u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == X86_CPUID_KVM_FEATURES)
			return cpuid->entries[i].eax;
	return 0;
}

int pvtb_arch_kvm_probe(int kvm_fd, struct pvtb_kvm_caps *caps, struct pvtb_err *err)
{
	struct kvm_cpuid2 *cpuid PVTB_FREE = pvtb_x86_supported_cpuid(kvm_fd);
	struct ring0_cost cost = {0};
	int ret;

	if (!cpuid)
		return pvtb_err_sys(err, -errno, "KVM_GET_SUPPORTED_CPUID");
	ret = ring0_cost(kvm_fd, cpuid, &cost, &caps->counter_hz, err);
	if (ret)
		return ret;
	name_backend(&cost, caps);
	caps->steal = kvm_features(cpuid) & X86_KVM_FEATURE_STEAL_TIME;
	caps->ptp = clocksource_is_tsc();
	caps->msr_filter = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_MSR_FILTER) > 0 &&
			   ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_USER_SPACE_MSR) > 0;
	caps->tsc_control = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
	return 0;
}

unsigned long pvtb_arch_vm_type(int kvm_fd)
{
	return 0;
}
