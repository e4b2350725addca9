/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the arm64 half share: registers by KVM_GET/SET_ONE_REG, set-up steps. */
#ifndef PVTB_VMM_ARM64_H
#define PVTB_VMM_ARM64_H

#include "vmm/arch.h"
#include "vmm/arm64/uapi.h"

/* vm->arch */
struct pvtb_arm64_vm {
	int gic_fd; /* -1: none */
	/* guest counter minus host's, once known: pvtb_arch_counter_delta() */
	bool delta_known;
	s64 delta_ticks;
	u64 delta_unc_ticks;
};

/* Identifiers of registers for KVM_{GET,SET}_ONE_REG. */
#define PVTB_SYSREG(op0, op1, crn, crm, op2) ARM64_SYS_REG(op0, op1, crn, crm, op2)
#define PVTB_COREREG(member)                                                                       \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(member))
#define PVTB_X(n) (PVTB_COREREG(regs.regs[0]) + (n) * (sizeof(u64) / sizeof(u32)))

#define REG_SCTLR_EL1	PVTB_SYSREG(3, 0, 1, 0, 0)
#define REG_CPACR_EL1	PVTB_SYSREG(3, 0, 1, 0, 2)
#define REG_TTBR0_EL1	PVTB_SYSREG(3, 0, 2, 0, 0)
#define REG_TCR_EL1	PVTB_SYSREG(3, 0, 2, 0, 2)
#define REG_ESR_EL1	PVTB_SYSREG(3, 0, 5, 2, 0)
#define REG_FAR_EL1	PVTB_SYSREG(3, 0, 6, 0, 0)
#define REG_MAIR_EL1	PVTB_SYSREG(3, 0, 10, 2, 0)
#define REG_VBAR_EL1	PVTB_SYSREG(3, 0, 12, 0, 0)
#define REG_TPIDR_EL1	PVTB_SYSREG(3, 0, 13, 0, 4)
#define REG_CNTKCTL_EL1 PVTB_SYSREG(3, 0, 14, 1, 0)
#define REG_MMFR0_EL1	PVTB_SYSREG(3, 0, 0, 7, 0)
#define REG_DACR32_EL2	PVTB_SYSREG(3, 4, 3, 0, 0)

/* 0 or -errno. */
int pvtb_arm64_get(int vcpu_fd, u64 id, u64 *ret_value) PVTB_MUST_CHECK;
int pvtb_arm64_set(int vcpu_fd, u64 id, u64 value) PVTB_MUST_CHECK;

/* KVM_ARM_VCPU_INIT with the preferred target and PSCI 0.2; @aarch32: of a vCPU whose EL1 is AArch32. */
int pvtb_arm64_init_vcpu(int vm_fd, int vcpu_fd, bool aarch32,
			 struct pvtb_err *err) PVTB_MUST_CHECK;

/* Order of ids in pvtb_arch_symbols. */
enum pvtb_arm64_symbol {
	PVTB_ARM64_SYM_VECTORS,
	PVTB_ARM64_SYM_TEXT_END,
	PVTB_ARM64_SYM_A32_VECTORS,
};

/* tables.c: the identity map. */
int pvtb_arm64_build_tables(struct pvtb_vm *vm, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_arm64_set_mmu(struct pvtb_vcpu *vcpu, struct pvtb_err *err) PVTB_MUST_CHECK;

/* gic.c: vGICv3. Create before the vCPUs, finish when all exist. @ret_fd: the device. */
int pvtb_arm64_gic_new(struct pvtb_vm *vm, int *ret_fd, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_arm64_gic_ready(struct pvtb_vm *vm, int gic_fd, struct pvtb_err *err) PVTB_MUST_CHECK;

/* smccc.c: which calls come to us, and what we answer. */
int pvtb_arm64_smccc_filter(struct pvtb_vm *vm, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_arm64_lpt_kernel(struct pvtb_vm *vm, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_arm64_lpt_publish(struct pvtb_vm *vm, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_arm64_hypercall(struct pvtb_vcpu *vcpu, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
