// SPDX-License-Identifier: GPL-2.0-only
/* Owns: the registers of an x86-64 vCPU in words. */
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/x86_64/x86.h"

static const char *const vector_names[32] = {
	"#DE divide error",
	"#DB debug",
	"NMI",
	"#BP breakpoint",
	"#OF overflow",
	"#BR bound range",
	"#UD invalid opcode",
	"#NM no FPU",
	"#DF double fault",
	"coprocessor overrun",
	"#TS invalid TSS",
	"#NP segment not present",
	"#SS stack segment",
	"#GP general protection",
	"#PF page fault",
	"reserved vector 15",
	"#MF x87",
	"#AC alignment",
	"#MC machine check",
	"#XM SIMD",
	"#VE virtualisation",
	"#CP control protection",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"#HV hypervisor",
	"#VC VMM communication",
	"#SX security",
	NULL,
};

static const char *vector_name(u64 vector)
{
	const char *name = vector < PVTB_ARRAY_SIZE(vector_names) ? vector_names[vector] : NULL;

	return name ? name : "unknown vector";
}

void pvtb_arch_registers(struct pvtb_vcpu *vcpu, struct pvtb_fault *ret)
{
	struct kvm_sregs s = {0};
	struct kvm_regs r = {0};
	u64 in_order[15], text_end = vcpu->vm->ops_symbols[X86_SYM_TEXT_END];
	const u8 *code;

	memset(ret, 0, sizeof(*ret));
	ret->vector = PVTB_VECTOR_NONE;
	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return;
	ret->address = s.cr2;
	ret->pc = r.rip;
	ret->pstate = r.rflags;
	ret->sp = r.rsp;
	code = pvtb_vm_gpa(vcpu->vm, r.rip);
	if (code && r.rip + sizeof(ret->insn) <= text_end)
		memcpy(&ret->insn, code, sizeof(ret->insn));
	memcpy(in_order,
	       (u64[]){r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11,
		       r.r12, r.r13, r.r14, r.r15},
	       sizeof(in_order));
	memcpy(ret->regs, in_order, sizeof(in_order));
}

/* The bytes in memory order, as a disassembler wants them. */
static void insn_bytes(u64 insn, char buf[32])
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < 8; i++)
		n += snprintf(buf + n, 32 - (size_t)n, "%s%02x", i ? " " : "",
			      (unsigned int)(insn >> (8 * i) & 0xff));
}

void pvtb_arch_fault_line(const struct pvtb_fault *f, char *buf, size_t len)
{
	char insn[32];

	insn_bytes(f->insn, insn);
	if (f->vector == PVTB_VECTOR_NONE)
		snprintf(buf, len, "rip %#llx [%s]", (unsigned long long)f->pc, insn);
	else
		snprintf(buf, len, "vector %llu, %s, error code %#llx, cr2 %#llx, rip %#llx [%s]",
			 (unsigned long long)f->vector, vector_name(f->vector),
			 (unsigned long long)f->syndrome, (unsigned long long)f->address,
			 (unsigned long long)f->pc, insn);
}

void pvtb_arch_fault_dump(const struct pvtb_fault *f, FILE *out)
{
	static const char *const names[15] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
					      "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	char insn[32];
	unsigned int i;

	if (f->vector == PVTB_VECTOR_NONE)
		fprintf(out, "vector     none: registers when the command was cut short\n");
	else
		fprintf(out, "vector     %llu (%s), error code %#llx\n",
			(unsigned long long)f->vector, vector_name(f->vector),
			(unsigned long long)f->syndrome);
	insn_bytes(f->insn, insn);
	fprintf(out, "code       %s\n", insn);
	fprintf(out, "rip %016llx  rsp %016llx  rflags %016llx  cr2 %016llx\n",
		(unsigned long long)f->pc, (unsigned long long)f->sp, (unsigned long long)f->pstate,
		(unsigned long long)f->address);
	for (i = 0; i < 15; i++)
		fprintf(out, "%-3s %016llx%s", names[i], (unsigned long long)f->regs[i],
			i % 4 == 3 || i == 14 ? "\n" : "  ");
}
