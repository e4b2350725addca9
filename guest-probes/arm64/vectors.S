/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exception vectors of EL1. One of them is expected: a counter read of EL0 that EL1 has to emulate
 * (el0.c). Every other exception is a fault of the probe: the registers go into the control page
 * and the doorbell is rung. The fault path uses no stack, because the stack may be what is broken.
 */
#include "arm64/offsets.h"

#define MMIO_HIGH	 0x3f00	 /* PVTB_GPA_MMIO >> 16; el0.c asserts it */
#define IMAGE_HIGH	 0x4000	 /* PVTB_GPA_IMAGE >> 16 */
#define IMAGE_END_HIGH	 0x4020	 /* PVTB_GPA_IMAGE_END >> 16 */
#define STATUS_FAULT	 2	 /* PVTB_STATUS_FAULT */
#define SLOT_EL1H	 4
#define SLOT_EL0_SYNC	 8

	.macro fault_slot slot
	.balign	128
	msr	tpidr_el0, x0
	mov	x0, #\slot
	b	fault
	.endm

	.section .vectors, "ax", %progbits
	.balign	2048
	.globl	pvtb_vectors
pvtb_vectors:
	.irp	slot, 0, 1, 2, 3, 4, 5, 6, 7
	fault_slot \slot
	.endr
	.balign	128
	b	el0_sync
	.irp	slot, 9, 10, 11, 12, 13, 14, 15
	fault_slot \slot
	.endr
	.balign	128

/* x0: slot; the interrupted x0 is in TPIDR_EL0. */
fault:
	msr	tpidrro_el0, x1
	mrs	x1, tpidr_el1
	/* a fault while reporting a fault: what is there already is the one that matters */
	ldr	x1, [x1, #CTL_STATUS]
	cmp	x1, #STATUS_FAULT
	b.eq	doorbell
	mrs	x1, tpidr_el1
	add	x1, x1, #CTL_FAULT
	str	x0, [x1, #FAULT_VECTOR]
	stp	x2, x3, [x1, #FAULT_REGS + 16]
	stp	x4, x5, [x1, #FAULT_REGS + 32]
	stp	x6, x7, [x1, #FAULT_REGS + 48]
	stp	x8, x9, [x1, #FAULT_REGS + 64]
	stp	x10, x11, [x1, #FAULT_REGS + 80]
	stp	x12, x13, [x1, #FAULT_REGS + 96]
	stp	x14, x15, [x1, #FAULT_REGS + 112]
	stp	x16, x17, [x1, #FAULT_REGS + 128]
	stp	x18, x19, [x1, #FAULT_REGS + 144]
	stp	x20, x21, [x1, #FAULT_REGS + 160]
	stp	x22, x23, [x1, #FAULT_REGS + 176]
	stp	x24, x25, [x1, #FAULT_REGS + 192]
	stp	x26, x27, [x1, #FAULT_REGS + 208]
	stp	x28, x29, [x1, #FAULT_REGS + 224]
	str	x30, [x1, #FAULT_REGS + 240]
	mrs	x2, tpidr_el0
	mrs	x3, tpidrro_el0
	stp	x2, x3, [x1, #FAULT_REGS]
	/* which stack was in use: SP_EL1 for the slots of "current level, SPx", SP_EL0 otherwise */
	mrs	x2, sp_el0
	sub	x3, x0, #SLOT_EL1H
	cmp	x3, #4
	mov	x3, sp
	csel	x2, x3, x2, lo
	str	x2, [x1, #FAULT_SP]
	mrs	x2, esr_el1
	mrs	x3, far_el1
	stp	x2, x3, [x1, #FAULT_SYNDROME]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x2, x3, [x1, #FAULT_PC]
	/* the instruction, where there is one to be read */
	mov	x4, #0
	tst	x2, #3
	b.ne	1f
	movz	x3, #IMAGE_HIGH, lsl #16
	cmp	x2, x3
	b.lo	1f
	movz	x3, #IMAGE_END_HIGH, lsl #16
	cmp	x2, x3
	b.hs	1f
	ldr	w4, [x2]
1:	str	x4, [x1, #FAULT_INSN]
	mrs	x1, tpidr_el1
	add	x1, x1, #CTL_STATUS
	mov	x2, #STATUS_FAULT
	stlr	x2, [x1]
doorbell:
	dmb	ish
	movz	x1, #MMIO_HIGH, lsl #16
	str	wzr, [x1]
	b	doorbell

/* A synchronous exception from EL0, on EL1's own stack. */
el0_sync:
	sub	sp, sp, #256
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	str	x30, [sp, #240]
	mov	x0, sp
	bl	pvtb_el0_sync
	msr	tpidr_el0, x0
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
	cbnz	x0, 1f
	ldp	x0, x1, [sp]
	add	sp, sp, #256
	eret
1:	ldp	x0, x1, [sp]
	add	sp, sp, #256
	msr	tpidr_el0, x0
	mov	x0, #SLOT_EL0_SYNC
	b	fault
