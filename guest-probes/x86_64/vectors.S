/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owns: the entry of exceptions. x86_vectors is 32 stubs of 16 bytes, one per vector; the harness
 * makes the IDT from it. Each leaves the same frame on the vCPU's fault stack (an IST stack, so
 * that a broken RSP is reported like anything else) and goes to x86_fault(), which does not
 * return: there is no way back from an exception nobody expected.
 */
	.section .vectors, "ax", @progbits
	.balign 64
	.globl x86_vectors
x86_vectors:
	.set vector, 0
	.rept 32
	.balign 16
	.if (vector != 8) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30) && ((vector < 10) || (vector > 14))
	/* no error code pushed by the CPU */
	pushq $0
	.endif
	pushq $vector
	jmp entry
	.set vector, vector + 1
	.endr

	/* struct x86_frame, from the end */
	.balign 16
entry:
	cld
	pushq %r15
	pushq %r14
	pushq %r13
	pushq %r12
	pushq %r11
	pushq %r10
	pushq %r9
	pushq %r8
	pushq %rbp
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rbx
	pushq %rax
	movq %rsp, %rdi
	movq %cr2, %rsi
	/* aligned, as the ABI wants it at a call */
	andq $-16, %rsp
	call x86_fault

	.section .note.GNU-stack, "", @progbits
