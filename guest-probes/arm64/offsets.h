/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets into the control page for assembly; el0.c asserts that they are those of abi/guest.h. */
#ifndef PVTB_GUEST_ARM64_OFFSETS_H
#define PVTB_GUEST_ARM64_OFFSETS_H

#define CTL_ARGS       48
#define CTL_STATUS     200
#define CTL_T_BEGIN    224
#define CTL_T_END      232
#define CTL_RET	       240
#define CTL_FAULT      296
#define FAULT_VECTOR   0
#define FAULT_SYNDROME 8
#define FAULT_ADDRESS  16
#define FAULT_PC       24
#define FAULT_PSTATE   32
#define FAULT_SP       40
#define FAULT_INSN     48
#define FAULT_REGS     56

#endif
