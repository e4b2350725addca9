/* SPDX-License-Identifier: GPL-2.0-only */
/* One call with x0..x17 as the harness wants them, and what they are after it. x0: the step. */
#include "abi/stream.h"

	.macro	call name, insn
	.globl	\name
	.balign	16
\name:
	stp	x29, x30, [sp, #-32]!
	str	x19, [sp, #16]
	mov	x19, x0
	ldp	x0, x1, [x19, #(PVTB_STEP_IN + 0)]
	ldp	x2, x3, [x19, #(PVTB_STEP_IN + 16)]
	ldp	x4, x5, [x19, #(PVTB_STEP_IN + 32)]
	ldp	x6, x7, [x19, #(PVTB_STEP_IN + 48)]
	ldp	x8, x9, [x19, #(PVTB_STEP_IN + 64)]
	ldp	x10, x11, [x19, #(PVTB_STEP_IN + 80)]
	ldp	x12, x13, [x19, #(PVTB_STEP_IN + 96)]
	ldp	x14, x15, [x19, #(PVTB_STEP_IN + 112)]
	ldp	x16, x17, [x19, #(PVTB_STEP_IN + 128)]
	\insn
	stp	x0, x1, [x19, #(PVTB_STEP_OUT + 0)]
	stp	x2, x3, [x19, #(PVTB_STEP_OUT + 16)]
	stp	x4, x5, [x19, #(PVTB_STEP_OUT + 32)]
	stp	x6, x7, [x19, #(PVTB_STEP_OUT + 48)]
	stp	x8, x9, [x19, #(PVTB_STEP_OUT + 64)]
	stp	x10, x11, [x19, #(PVTB_STEP_OUT + 80)]
	stp	x12, x13, [x19, #(PVTB_STEP_OUT + 96)]
	stp	x14, x15, [x19, #(PVTB_STEP_OUT + 112)]
	stp	x16, x17, [x19, #(PVTB_STEP_OUT + 128)]
	ldr	x19, [sp, #16]
	ldp	x29, x30, [sp], #32
	ret
	.endm

	.text
	call	arm64_step_hvc, "hvc #0"
	call	arm64_step_smc, "smc #0"
	call	arm64_step_hvc_imm, "hvc #1"
	call	arm64_step_smc_imm, "smc #1"

	.section .note.GNU-stack, "", %progbits
