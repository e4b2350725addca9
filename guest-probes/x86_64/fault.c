// SPDX-License-Identifier: GPL-2.0-only
/* Owns: telling the harness about an exception. Runs at ring 0 on the vCPU's fault stack. */
#include "lib/op.h"

/* What vectors.S and the CPU push, lowest address first. The harness puts the address of the
 * control page where the stack begins, behind what the CPU pushes. */
struct x86_frame {
	u64 regs[15]; /* rax rbx rcx rdx rsi rdi rbp r8..r15 */
	u64 vector;
	u64 error_code;
	u64 rip;
	u64 cs;
	u64 rflags;
	u64 rsp;
	u64 ss;
	struct pvtb_ctl *ctl;
};

extern const char pvtb_text_start[];
extern const char pvtb_text_end[];

void x86_fault(const struct x86_frame *frame, u64 cr2) __attribute__((noreturn));

/* Only inside the image's text is it certain that reading does not fault again. */
static u64 instruction_bytes(u64 pc)
{
	u64 end = (u64)pvtb_text_end;
	u64 insn = 0;
	u32 i;

	if (pc < (u64)pvtb_text_start)
		return 0;
	for (i = 0; i < 8 && pc + i < end; i++)
		insn |= (u64) * (const uint8_t *)(pc + i) << (8 * i);
	return insn;
}

void x86_fault(const struct x86_frame *frame, u64 cr2)
{
	struct pvtb_ctl *ctl = frame->ctl;
	struct pvtb_fault *f = &ctl->fault;
	u32 i;

	f->vector = frame->vector;
	f->syndrome = frame->error_code;
	f->address = cr2;
	f->pc = frame->rip;
	f->pstate = frame->rflags;
	f->sp = frame->rsp;
	f->insn = instruction_bytes(frame->rip);
	for (i = 0; i < 15; i++)
		f->regs[i] = frame->regs[i];
	/* Pairs with the harness's acquire load after the doorbell's exit. */
	__atomic_store_n(&ctl->status, PVTB_STATUS_FAULT, __ATOMIC_RELEASE);
	for (;;)
		arch_doorbell();
}
