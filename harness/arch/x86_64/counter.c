// SPDX-License-Identifier: GPL-2.0-only
/* Owns: the host's TSC. */
#include "arch/counter.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

u64 pvtb_arch_counter(void)
{
	u32 lo, hi;

	/* LFENCE before, so that the reading is not early; after, so that nothing is ahead of it. */
	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

/* Out-of-tree, but exact where it is there. */
static u64 hz_from_sysfs(void)
{
	FILE *f PVTB_FCLOSE = fopen("/sys/devices/system/cpu/cpu0/tsc_freq_khz", "re");
	unsigned long long khz = 0;

	if (!f || fscanf(f, "%llu", &khz) != 1)
		return 0;
	return khz * 1000;
}

/* The kernel's own figure (tsc_khz) is told to user space by KVM alone: a fresh vCPU runs at the
 * host's frequency. */
static u64 hz_from_kvm(void)
{
	int kvm PVTB_CLOSE = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm PVTB_CLOSE = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu PVTB_CLOSE = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	int khz = vcpu < 0 ? -1 : ioctl(vcpu, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (u64)khz * 1000 : 0;
}

u64 pvtb_arch_counter_hz(void)
{
	u64 hz = hz_from_kvm();

	return hz ? hz : hz_from_sysfs();
}

#define READ_LOOP(insns)                                                                           \
	for (; n; n--)                                                                             \
	__asm__ volatile(insns ::: "rax", "rdx", "rcx", "memory")

u64 pvtb_arch_read_loop(enum pvtb_arch_read what, u64 n)
{
	u64 begin = pvtb_arch_counter();

	switch (what) {
	case PVTB_READ_NOTHING:
		READ_LOOP("");
		break;
	case PVTB_READ_BARE:
		READ_LOOP("rdtsc");
		break;
	case PVTB_READ_ORDERED:
		READ_LOOP("lfence\n\trdtsc");
		break;
	case PVTB_READ_SELF:
		READ_LOOP("rdtscp");
		break;
	}
	return pvtb_arch_counter() - begin;
}

const char *pvtb_arch_name(void)
{
	return "x86_64";
}

void pvtb_arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}
