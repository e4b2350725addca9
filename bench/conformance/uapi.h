/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's user interface as the checks need it, of both architectures at once: the catalogue is the
 * same in every build, and what is not this architecture's is skipped when it runs. Numbers and
 * layouts are KVM's ABI (include/uapi/linux/kvm.h, arch/{arm64,x86}/include/uapi/asm/kvm.h).
 */
#ifndef PVTB_CONFORMANCE_UAPI_H
#define PVTB_CONFORMANCE_UAPI_H

#include <linux/kvm.h>

#include "core/util.h"

/* ---- arm64 ---- */
#define CF_CAP_COUNTER_OFFSET 227 /* Linux 6.4 */
#define CF_CAP_PTP_KVM	      198
#define CF_CAP_STEAL_TIME     187

struct cf_counter_offset {
	u64 offset;
	u64 reserved;
};
#define CF_SET_COUNTER_OFFSET _IOW(KVMIO, 0xb5, struct cf_counter_offset)

/* vCPU device attributes */
#define CF_TIMER_CTRL	1
#define CF_TIMER_VTIMER 0
#define CF_TIMER_PTIMER 1
#define CF_PVTIME_CTRL	2
#define CF_PVTIME_IPA	0

/* VM device attributes */
#define CF_SMCCC_CTRL	 0
#define CF_SMCCC_FILTER	 0
#define CF_FILTER_HANDLE 0
#define CF_FILTER_DENY	 1
#define CF_FILTER_FWD	 2
struct cf_smccc_filter {
	u32 base;
	u32 nr_functions;
	u8 action;
	u8 pad[15];
};
#define CF_HYPERCALL_SMC   (1ULL << 0)
#define CF_HYPERCALL_16BIT (1ULL << 1)

/* One-reg identifiers */
#define CF_ARM64_U64 0x6030000000000000ULL
#define CF_REG_X(n)  (CF_ARM64_U64 | 0x100000 | (2 * (n)))
#define CF_REG_PC    (CF_ARM64_U64 | 0x100000 | 64)
#define CF_REG_SYS(o0, o1, n, m, o2)                                                               \
	(CF_ARM64_U64 | 0x130000 | (o0) << 14 | (o1) << 11 | (n) << 7 | (m) << 3 | (o2))
/* api.rst 4.68: the two were exchanged when they were first published, and stay so. */
#define CF_REG_VIRT_CNT	    CF_REG_SYS(3, 3, 14, 3, 2) /* KVM_REG_ARM_TIMER_CNT: the encoding of CVAL */
#define CF_REG_VIRT_CVAL    CF_REG_SYS(3, 3, 14, 0, 2) /* KVM_REG_ARM_TIMER_CVAL */
#define CF_REG_PHYS_CNT	    CF_REG_SYS(3, 3, 14, 0, 1) /* KVM_REG_ARM_PTIMER_CNT */
#define CF_REG_SCTLR	    CF_REG_SYS(3, 0, 1, 0, 0)  /* SCTLR_EL1 */
#define CF_SCTLR_E0E	    (1ULL << 24)	       /* EL0 is big-endian */
#define CF_REG_FW_BMAP(n)   (CF_ARM64_U64 | 0x160000 | (n))
#define CF_REG_STD_BMAP	    CF_REG_FW_BMAP(0)
#define CF_REG_STD_HYP_BMAP CF_REG_FW_BMAP(1)
#define CF_REG_VENDOR_BMAP  CF_REG_FW_BMAP(2)
#define CF_REG_VENDOR_BMAP2 CF_REG_FW_BMAP(3) /* functions 64 to 127 */

/* SMCCC functions */
#define CF_SMCCC_VERSION       0x80000000ULL
#define CF_SMCCC_ARCH_FEATURES 0x80000001ULL
#define CF_PSCI_VERSION	       0x84000000ULL
#define CF_PV_FEATURES	       0xc5000020ULL
#define CF_PV_ST	       0xc5000021ULL
#define CF_PV_LPT	       0xc5000022ULL
#define CF_VENDOR_FEATURES     0x86000000ULL
#define CF_VENDOR_PTP	       0x86000001ULL
#define CF_VENDOR_UID	       0x8600ff01ULL

/* ---- x86 ---- */
struct cf_msr_entry {
	u32 index;
	u32 reserved;
	u64 data;
};
struct cf_msrs {
	u32 nmsrs;
	u32 pad;
	struct cf_msr_entry e[1];
};
/* Requests carry the size of the structure's fixed part. */
#define CF_GET_MSRS _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x88, 8)
#define CF_SET_MSRS _IOC(_IOC_WRITE, KVMIO, 0x89, 8)

struct cf_cpuid_entry {
	u32 function, index, flags, eax, ebx, ecx, edx, padding[3];
};
struct cf_cpuid {
	u32 nent;
	u32 padding;
	struct cf_cpuid_entry e[256];
};
#define CF_GET_SUPPORTED_CPUID _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, 8)
#define CF_SET_CPUID2	       _IOC(_IOC_WRITE, KVMIO, 0x90, 8)
#define CF_GET_CPUID2	       _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x91, 8)

struct cf_clock {
	u64 clock;
	u32 flags;
	u32 pad0;
	u64 realtime;
	u64 host_tsc;
	u32 pad[4];
};
#define CF_SET_CLOCK		_IOW(KVMIO, 0x7b, struct cf_clock)
#define CF_GET_CLOCK		_IOR(KVMIO, 0x7c, struct cf_clock)
#define CF_CLOCK_TSC_STABLE	2
#define CF_CLOCK_REALTIME	4
#define CF_CLOCK_HOST_TSC	8
#define CF_CAP_ADJUST_CLOCK	39
#define CF_CAP_KVMCLOCK_CTRL	76
#define CF_KVMCLOCK_CTRL	_IO(KVMIO, 0xad)
#define CF_SET_TSC_KHZ		_IO(KVMIO, 0xa2)
#define CF_GET_TSC_KHZ		_IO(KVMIO, 0xa3)
#define CF_CAP_TSC_CONTROL	60
#define CF_CAP_GET_TSC_KHZ	61
#define CF_CAP_VM_TSC_CONTROL	214
#define CF_CAP_ENFORCE_PV_CPUID 190

/* vCPU device attributes, Linux 5.16 */
#define CF_TSC_CTRL   0
#define CF_TSC_OFFSET 0
#define CF_TSC_SCALE  1

#define CF_MSR_TSC	       0x10
#define CF_MSR_WALL_CLOCK      0x11
#define CF_MSR_SYSTEM_TIME     0x12
#define CF_MSR_TSC_ADJUST      0x3b
#define CF_MSR_WALL_CLOCK_NEW  0x4b564d00
#define CF_MSR_SYSTEM_TIME_NEW 0x4b564d01
#define CF_MSR_STEAL_TIME      0x4b564d03

#define CF_LEAF_KVM	     0x40000000U
#define CF_LEAF_KVM_FEATURES 0x40000001U
#define CF_FEAT_CLOCKSOURCE  (1U << 0)
#define CF_FEAT_CLOCKSOURCE2 (1U << 3)
#define CF_FEAT_STEAL_TIME   (1U << 5)
#define CF_FEAT_STABLE	     (1U << 24)

#define CF_HC_CLOCK_PAIRING 9
#define CF_HC_KICK_CPU	    5
#define CF_HC_SEND_IPI	    10
#define CF_HC_SCHED_YIELD   11
#define CF_KVM_ENOSYS	    1000
#define CF_KVM_EFAULT	    14
#define CF_KVM_EPERM	    1
#define CF_KVM_EOPNOTSUPP   95

struct cf_clock_pairing {
	s64 sec;
	s64 nsec;
	u64 tsc;
	u32 flags;
	u32 pad[9];
};

_Static_assert(sizeof(struct cf_clock) == 48, "struct kvm_clock_data");
_Static_assert(sizeof(struct cf_clock_pairing) == 64, "struct kvm_clock_pairing");
_Static_assert(sizeof(struct cf_cpuid_entry) == 40, "struct kvm_cpuid_entry2");

#endif
