/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ops that run in another state than the compiler's code: AArch32 at EL1, and big-endian at EL0. Each
 * takes its arguments from the control page, leaves its results there and rings the doorbell, without
 * a stack, since nothing may be touched but by loads and stores written here.
 */
#include "arm64/offsets.h"

#define DOORBELL 0x3f000000 /* PVTB_GPA_MMIO + PVTB_MMIO_DOORBELL: el0.c asserts it */
#define DONE	 1	    /* PVTB_STATUS_DONE */

	/* An entry of the table of ops (struct pvtb_op). */
	.macro	op_entry id, name
	.pushsection .pvtb_ops, "a", %progbits
	.balign	64
9:	.ascii	"\name"
	.org	9b + 40, 0
	.quad	op_\id, op_\id, op_\id\()_text_end
	.popsection
	.pushsection .optext.\id\().a, "ax", %progbits
	.balign	64
	.globl	op_\id
op_\id:
	.endm

	.macro	op_end id
op_\id\()_text_end:
	.popsection
	.endm

	/* AArch32 exceptions: each stays in its vector, where the pc of the timeout tells which it was. */
	.text
	.balign	32
	.globl	pvtb_a32_vectors
pvtb_a32_vectors:
	.rept	8
	.inst	0xeafffffe			// b    .
	.endr

	/*
	 * AArch32: a call with args[0..3] in r0..r3; ret[0..3] are r0..r3 after it, t_begin the
	 * physical counter and t_end the virtual one. Words, since the assembler speaks A64 here.
	 */
	.macro	a32_call id, name, call
	op_entry \id, "\name"
	.inst	0xe1a09000			// mov  r9, r0
	.inst	0xe5990000 | (CTL_ARGS + 0)	// ldr  r0, [r9, #args + 0]
	.inst	0xe5991000 | (CTL_ARGS + 8)	// ldr  r1, [r9, #args + 8]
	.inst	0xe5992000 | (CTL_ARGS + 16)	// ldr  r2, [r9, #args + 16]
	.inst	0xe5993000 | (CTL_ARGS + 24)	// ldr  r3, [r9, #args + 24]
	.inst	\call
	.inst	0xe5890000 | (CTL_RET + 0)	// str  r0, [r9, #ret + 0]
	.inst	0xe5891000 | (CTL_RET + 8)	// str  r1, [r9, #ret + 8]
	.inst	0xe5892000 | (CTL_RET + 16)	// str  r2, [r9, #ret + 16]
	.inst	0xe5893000 | (CTL_RET + 24)	// str  r3, [r9, #ret + 24]
	.inst	0xf57ff06f			// isb
	.inst	0xec554f0e			// mrrc p15, 0, r4, r5, c14: CNTPCT
	.inst	0xec576f1e			// mrrc p15, 1, r6, r7, c14: CNTVCT
	.inst	0xe5894000 | CTL_T_BEGIN	// str  r4, [r9, #t_begin]
	.inst	0xe5895000 | (CTL_T_BEGIN + 4)	// str  r5, [r9, #t_begin + 4]
	.inst	0xe5896000 | CTL_T_END		// str  r6, [r9, #t_end]
	.inst	0xe5897000 | (CTL_T_END + 4)	// str  r7, [r9, #t_end + 4]
	.inst	0xe3a01000 | DONE		// mov  r1, #DONE
	.inst	0xf57ff05b			// dmb  ish
	.inst	0xe5891000 | CTL_STATUS		// str  r1, [r9, #status]
	.inst	0xe3a0843f			// mov  r8, #DOORBELL
	.inst	0xe5881000			// str  r1, [r8]
	.inst	0xeafffffe			// b    .
	op_end \id
	.endm

	a32_call a32_hvc, "a32_hvc", 0xe1400070
	a32_call a32_smc, "a32_smc", 0xe1600070

	/*
	 * EL0 with SCTLR_EL1.E0E set: the stolen-time structure at args[0] as loads of a big-endian
	 * reader show it; ret[0..2] are revision, attributes and stolen time, not swapped. The control
	 * page is little-endian, as everywhere.
	 */
	op_entry be_steal, "be_steal"
	ldr	x1, [x0, #CTL_ARGS]
	rev	x1, x1
	ldr	w2, [x1]
	ldr	w3, [x1, #4]
	ldr	x4, [x1, #8]
	rev	x2, x2
	rev	x3, x3
	rev	x4, x4
	str	x2, [x0, #CTL_RET]
	str	x3, [x0, #(CTL_RET + 8)]
	str	x4, [x0, #(CTL_RET + 16)]
	mov	x5, #DONE
	rev	x5, x5
	dmb	ish
	str	x5, [x0, #CTL_STATUS]
	mov	x6, #DOORBELL
	str	w5, [x6]
	b	.
	op_end be_steal

	.section .note.GNU-stack, "", %progbits
