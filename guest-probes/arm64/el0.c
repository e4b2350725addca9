// SPDX-License-Identifier: GPL-2.0-only
/*
 * What EL1 does for EL0: emulate reads of the counters and their frequency where EL0 may not
 * read them itself (CNTKCTL_EL1). An LPT guest has to do this, because its user space cannot scale.
 */
#include "lib/lpt.h"

#include "arm64/offsets.h"

_Static_assert(offsetof(struct pvtb_ctl, args) == CTL_ARGS, "offsets.h");
_Static_assert(offsetof(struct pvtb_ctl, status) == CTL_STATUS, "offsets.h");
_Static_assert(offsetof(struct pvtb_ctl, t_begin) == CTL_T_BEGIN, "offsets.h");
_Static_assert(offsetof(struct pvtb_ctl, t_end) == CTL_T_END, "offsets.h");
_Static_assert(offsetof(struct pvtb_ctl, ret) == CTL_RET, "offsets.h");
_Static_assert(offsetof(struct pvtb_ctl, fault) == CTL_FAULT, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, vector) == FAULT_VECTOR, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, syndrome) == FAULT_SYNDROME, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, address) == FAULT_ADDRESS, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, pc) == FAULT_PC, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, pstate) == FAULT_PSTATE, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, sp) == FAULT_SP, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, insn) == FAULT_INSN, "offsets.h");
_Static_assert(offsetof(struct pvtb_fault, regs) == FAULT_REGS, "offsets.h");
_Static_assert(PVTB_GPA_MMIO == 0x3f000000 && PVTB_MMIO_DOORBELL == 0, "vectors.S");
_Static_assert(PVTB_GPA_IMAGE == 0x40000000 && PVTB_GPA_IMAGE_END == 0x40200000, "vectors.S");
_Static_assert(PVTB_STATUS_FAULT == 2, "vectors.S");
_Static_assert(PVTB_STATUS_DONE == 1, "aarch32.S, big_endian.S");

/* ESR_EL1 of a trapped MRS (Arm ARM, "ISS encoding for an exception from MSR, MRS, or System
 * instruction execution in AArch64 state"): EC 0x18, Op0 Op2 Op1 CRn Rt CRm, bit 0 set for a read. */
#define ESR_EC(esr)	((esr) >> 26 & 0x3f)
#define ESR_EC_SYSREG	0x18
#define ESR_RT(esr)	((esr) >> 5 & 31)
#define ESR_SYSREG_MASK 0x3ffc1fULL /* everything but Rt */
#define ESR_READ(op0, op1, crn, crm, op2)                                                          \
	((u64)(op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1 | 1)
#define ESR_READ_CNTFRQ ESR_READ(3, 3, 14, 0, 0)
#define ESR_READ_CNTPCT ESR_READ(3, 3, 14, 0, 1)
#define ESR_READ_CNTVCT ESR_READ(3, 3, 14, 0, 2)
#define RT_XZR		31

/* Arguments of an op that lives with emulated reads: see ops.c, cntvct_el0trap. */
#define ARG_LPT	  0
#define ARG_SCALE 7

struct el0_frame {
	u64 x[31];
};

u64 pvtb_el0_sync(struct el0_frame *frame);

/* 0: emulated, go on behind the instruction. 1: not one of ours. Called from vectors.S. */
u64 pvtb_el0_sync(struct el0_frame *frame)
{
	struct pvtb_ctl *ctl = (struct pvtb_ctl *)arch_read_bare(tpidr_el1);
	u64 esr = arch_read_bare(esr_el1);
	const struct pvtb_lpt *lpt = NULL;
	u64 value;

	if (ESR_EC(esr) != ESR_EC_SYSREG)
		return 1;
	if (ctl->args[ARG_SCALE])
		lpt = (const struct pvtb_lpt *)ctl->args[ARG_LPT];
	switch (esr & ESR_SYSREG_MASK) {
	case ESR_READ_CNTVCT:
		value = lpt ? pvtb_lpt_read(lpt) : arch_counter();
		break;
	case ESR_READ_CNTPCT:
		value = lpt ? pvtb_lpt_read(lpt) : arch_read_isb(cntpct_el0);
		break;
	case ESR_READ_CNTFRQ:
		value = lpt ? lpt->pv_freq : arch_counter_hz();
		break;
	default:
		return 1;
	}
	if (ESR_RT(esr) != RT_XZR)
		frame->x[ESR_RT(esr)] = value;
	__asm__ volatile("msr elr_el1, %0" ::"r"(arch_read_bare(elr_el1) + 4));
	ctl->trapped++;
	return 0;
}
