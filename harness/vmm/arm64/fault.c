// SPDX-License-Identifier: GPL-2.0-only
/* Owns how a guest exception is put into words. */
#include "vmm/arm64/arm64.h"

#include <inttypes.h>

#define SLOTS	      16
#define ESR_EC(esr)   ((u32)((esr) >> 26) & 0x3f)
#define ESR_FSC(esr)  ((u32)(esr)&0x3f)
#define SPSR_EL(spsr) ((unsigned int)((spsr) >> 2) & 3)

/* Exception classes a probe can meet (Arm ARM, ESR_ELx.EC). */
static const char *const ec_names[64] = {
	[0x00] = "undefined instruction",
	[0x01] = "trapped WFI/WFE",
	[0x07] = "trapped FP/SIMD",
	[0x0e] = "illegal execution state",
	[0x15] = "SVC",
	[0x16] = "HVC",
	[0x17] = "SMC",
	[0x18] = "trapped MSR/MRS",
	[0x20] = "instruction abort from EL0",
	[0x21] = "instruction abort",
	[0x22] = "PC alignment",
	[0x24] = "data abort from EL0",
	[0x25] = "data abort",
	[0x26] = "SP alignment",
	[0x2f] = "SError",
	[0x30] = "breakpoint from EL0",
	[0x31] = "breakpoint",
	[0x3c] = "BRK",
};

static const char *const slot_kinds[4] = {"synchronous", "IRQ", "FIQ", "SError"};

static const char *ec_name(u64 esr)
{
	const char *name = ec_names[ESR_EC(esr)];

	return name ? name : "exception class not named here";
}

static bool is_abort(u64 esr)
{
	u32 ec = ESR_EC(esr);

	return ec == 0x20 || ec == 0x21 || ec == 0x24 || ec == 0x25;
}

/* The fault status code of an abort: kind in bits 5:2, level in bits 1:0. */
static const char *abort_kind(u64 esr)
{
	switch (ESR_FSC(esr) >> 2) {
	case 0:
		return ", address size fault";
	case 1:
		return ", translation fault";
	case 2:
		return ", access flag fault";
	case 3:
		return ", permission fault";
	case 4:
		return ", external abort";
	case 8:
		return ", alignment fault";
	default:
		return "";
	}
}

void pvtb_arch_fault_line(const struct pvtb_fault *f, char *buf, size_t len)
{
	if (f->vector >= SLOTS) {
		snprintf(buf, len, "at EL%u, pc 0x%" PRIx64 ", instruction %08" PRIx64,
			 SPSR_EL(f->pstate), f->pc, f->insn);
		return;
	}
	if (f->vector % 4) {
		snprintf(buf, len,
			 "%s at EL%u (vector %" PRIu64 "), ESR 0x%" PRIx64 ", pc 0x%" PRIx64
			 ", instruction %08" PRIx64,
			 slot_kinds[f->vector % 4], SPSR_EL(f->pstate), f->vector, f->syndrome,
			 f->pc, f->insn);
		return;
	}
	snprintf(buf, len,
		 "%s%s at EL%u (vector %" PRIu64 "), ESR 0x%" PRIx64 ", FAR 0x%" PRIx64
		 ", pc 0x%" PRIx64 ", instruction %08" PRIx64,
		 ec_name(f->syndrome), is_abort(f->syndrome) ? abort_kind(f->syndrome) : "",
		 SPSR_EL(f->pstate), f->vector, f->syndrome, f->address, f->pc, f->insn);
}

void pvtb_arch_fault_dump(const struct pvtb_fault *f, FILE *out)
{
	char line[256];
	int i;

	pvtb_arch_fault_line(f, line, sizeof(line));
	fprintf(out, "guest: %s\n", line);
	fprintf(out, "  pc  %016" PRIx64 "  sp  %016" PRIx64 "  pstate %08" PRIx64 "\n", f->pc,
		f->sp, f->pstate);
	fprintf(out, "  esr %016" PRIx64 "  far %016" PRIx64 "  insn   %08" PRIx64 "\n",
		f->syndrome, f->address, f->insn);
	for (i = 0; i < 31; i++)
		fprintf(out, "  x%-2d %016" PRIx64 "%s", i, f->regs[i],
			i % 4 == 3 || i == 30 ? "\n" : "");
}

/* What cannot be read stays 0: this describes a guest that has gone wrong already. */
static u64 get_or_zero(const struct pvtb_vcpu *vcpu, u64 id)
{
	u64 value = 0;

	return pvtb_arm64_get(vcpu->fd, id, &value) ? 0 : value;
}

static u64 instruction_at(struct pvtb_vm *vm, u64 pc)
{
	const u32 *insn = pc % 4 ? NULL : pvtb_vm_gpa(vm, pc);

	return insn ? *insn : 0;
}

void pvtb_arch_registers(struct pvtb_vcpu *vcpu, struct pvtb_fault *ret)
{
	unsigned int i;

	ret->vector = PVTB_VECTOR_NONE;
	ret->syndrome = get_or_zero(vcpu, REG_ESR_EL1);
	ret->address = get_or_zero(vcpu, REG_FAR_EL1);
	ret->pc = get_or_zero(vcpu, PVTB_COREREG(regs.pc));
	ret->pstate = get_or_zero(vcpu, PVTB_COREREG(regs.pstate));
	ret->sp = get_or_zero(vcpu,
			      SPSR_EL(ret->pstate) ? PVTB_COREREG(sp_el1) : PVTB_COREREG(regs.sp));
	ret->insn = instruction_at(vcpu->vm, ret->pc);
	for (i = 0; i < PVTB_ARRAY_SIZE(ret->regs); i++)
		ret->regs[i] = get_or_zero(vcpu, PVTB_X(i));
}
