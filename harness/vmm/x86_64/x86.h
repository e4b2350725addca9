/* SPDX-License-Identifier: GPL-2.0-only */
/* Owns: what the files of the x86-64 half share: descriptor tables in guest memory, long mode,
 * constants of the architecture. Private to vmm/x86_64. */
#ifndef PVTB_VMM_X86_H
#define PVTB_VMM_X86_H

#include "vmm/arch.h"

#define X86_MSR_TSC		     0x10
#define X86_MSR_KVM_SYSTEM_TIME_NEW  0x4b564d01
#define X86_MSR_KVM_STEAL_TIME	     0x4b564d03
#define X86_CPUID_KVM_FEATURES	     0x40000001
#define X86_KVM_FEATURE_STEAL_TIME   (1U << 5)
#define X86_KVM_FEATURE_CLOCKSOURCE2 (1U << 3)

/* struct pvtb_vm.ops_symbols */
enum x86_symbol {
	X86_SYM_TEXT_END,
	X86_SYM_VECTORS,
	X86_SYM_HYPERCALLS, /* two addresses: of the first site and behind the last */
};

/* struct pvtb_vm.arch */
struct x86_vm {
	struct kvm_cpuid2 *cpuid;
};

/* struct pvtb_vcpu.arch */
struct x86_vcpu {
	struct kvm_sregs sregs; /* as KVM made them; the base of what each command sets */
};

/* tables.c: page tables, GDT, IDT, one TSS and fault stack per vCPU, all inside
 * [PVTB_GPA_TABLES, PVTB_GPA_STACKS). */
int pvtb_x86_tables_build(struct pvtb_vm *vm, struct pvtb_err *err) PVTB_MUST_CHECK;
u64 pvtb_x86_cr3(void);
/* Descriptor table registers and TR of vCPU @index. */
void pvtb_x86_tables_regs(unsigned int index, struct kvm_sregs *sregs);
/* 64-bit mode, flat, at ring 0 or 3, paging through @cr3. */
void pvtb_x86_long_mode(struct kvm_sregs *sregs, u64 cr3, enum pvtb_level level);
#define X86_PTE_P  (1ULL << 0)
#define X86_PTE_RW (1ULL << 1)
#define X86_PTE_US (1ULL << 2)
#define X86_PTE_PS (1ULL << 7)

/* probe.c: to be freed; NULL with errno. */
struct kvm_cpuid2 *pvtb_x86_supported_cpuid(int kvm_fd);

#endif
