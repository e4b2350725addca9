/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an emulated arm64 CPU does about time, found without Linux and without KVM: booted at EL2 with
 * the MMU off, it looks at the counter, sets both offsets of EL2, goes to EL1 and reads the counters there.
 * One line goes to the serial port, in hexadecimal:
 *
 *	pvtb CNTFRQ ECV TICKS VIRTUAL PHYSICAL
 *
 * ECV: the field of ID_AA64MMFR0_EL1; TICKS: of the counter while 2 000 000 instructions run; VIRTUAL,
 * PHYSICAL: whether EL1 saw CNTVOFF_EL2 and CNTPOFF_EL2 taken off. Position-independent, no stack, no data.
 */
	.text
_start:
	mov	x20, #0x09000000		// the serial port
	mrs	x21, cntfrq_el0
	mrs	x22, id_aa64mmfr0_el1
	lsr	x22, x22, #60

	movz	x0, #0x0f, lsl #16
	movk	x0, #0x4240			// 1 000 000 times two instructions
	isb
	mrs	x1, cntpct_el0
1:	subs	x0, x0, #1
	b.ne	1b
	isb
	mrs	x23, cntpct_el0
	sub	x23, x23, x1

	mov	x0, #3				// CNTHCTL_EL2: EL1 may read, no traps
	mov	x1, #1
	lsl	x1, x1, #44			// far more than the counter counts meanwhile
	msr	cntvoff_el2, x1
	cmp	x22, #2
	b.lo	2f
	orr	x0, x0, #1 << 12		// CNTHCTL_EL2.ECV: CNTPOFF_EL2 applies
	msr	s3_4_c14_c0_6, x1		// CNTPOFF_EL2
2:	msr	cnthctl_el2, x0
	mov	x0, #1 << 31			// HCR_EL2.RW: EL1 is AArch64
	msr	hcr_el2, x0
	movz	x0, #0x30d0, lsl #16
	movk	x0, #0x0800
	msr	sctlr_el1, x0			// MMU off
	mov	x0, #0x3c5			// EL1h, interrupts masked
	msr	spsr_el2, x0
	adr	x0, el1
	msr	elr_el2, x0
	isb
	eret

el1:	isb
	mrs	x24, cntvct_el0
	lsr	x24, x24, #63			// below 0: the offset is taken off
	mrs	x25, cntpct_el0
	lsr	x25, x25, #63

	mov	w0, #'p'
	str	w0, [x20]
	mov	w0, #'v'
	str	w0, [x20]
	mov	w0, #'t'
	str	w0, [x20]
	mov	w0, #'b'
	str	w0, [x20]
	mov	x0, x21
	bl	hex
	mov	x0, x22
	bl	hex
	mov	x0, x23
	bl	hex
	mov	x0, x24
	bl	hex
	mov	x0, x25
	bl	hex
	mov	w0, #'\n'
	str	w0, [x20]
	movz	w0, #0x8400, lsl #16
	movk	w0, #0x0008			// PSCI SYSTEM_OFF
	smc	#0
3:	wfi
	b	3b

/* hex: " " and the sixteen digits of x0 */
hex:	mov	w1, #' '
	str	w1, [x20]
	mov	x2, #60
4:	lsr	x1, x0, x2
	and	x1, x1, #15
	cmp	x1, #10
	add	x3, x1, #'0'
	add	x4, x1, #'a' - 10
	csel	x1, x3, x4, lo
	str	w1, [x20]
	subs	x2, x2, #4
	b.ge	4b
	ret
