/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One hypercall with the general registers as the harness wants them, and what they are after it.
 * rdi: the step. The instruction is AMD's; the harness makes it Intel's (ops.c).
 */
#include "abi/stream.h"

#define IN(n)  (PVTB_STEP_IN + 8 * (n))
#define OUT(n) (PVTB_STEP_OUT + 8 * (n))

	.text
	.globl	x86_step_hypercall
	.balign	16
x86_step_hypercall:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movq	IN(0)(%rdi), %rax
	movq	IN(1)(%rdi), %rbx
	movq	IN(2)(%rdi), %rcx
	movq	IN(3)(%rdi), %rdx
	movq	IN(4)(%rdi), %rsi
	movq	IN(6)(%rdi), %rbp
	movq	IN(7)(%rdi), %r8
	movq	IN(8)(%rdi), %r9
	movq	IN(9)(%rdi), %r10
	movq	IN(10)(%rdi), %r11
	movq	IN(11)(%rdi), %r12
	movq	IN(12)(%rdi), %r13
	movq	IN(13)(%rdi), %r14
	movq	IN(14)(%rdi), %r15
	movq	IN(5)(%rdi), %rdi
1:	vmmcall
	.pushsection pvtb_hypercalls, "a"
	.quad	1b
	.popsection
	pushq	%rdi
	movq	8(%rsp), %rdi
	movq	%rax, OUT(0)(%rdi)
	movq	%rbx, OUT(1)(%rdi)
	movq	%rcx, OUT(2)(%rdi)
	movq	%rdx, OUT(3)(%rdi)
	movq	%rsi, OUT(4)(%rdi)
	popq	OUT(5)(%rdi)
	movq	%rbp, OUT(6)(%rdi)
	movq	%r8, OUT(7)(%rdi)
	movq	%r9, OUT(8)(%rdi)
	movq	%r10, OUT(9)(%rdi)
	movq	%r11, OUT(10)(%rdi)
	movq	%r12, OUT(11)(%rdi)
	movq	%r13, OUT(12)(%rdi)
	movq	%r14, OUT(13)(%rdi)
	movq	%r15, OUT(14)(%rdi)
	popq	%rdi
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
