// SPDX-License-Identifier: GPL-2.0-only
/* Owns the tables of exit codes; decides nothing about what an operation should do. */
#include "timeline/exit_reason.h"

#include <stdio.h>
#include <string.h>

struct reason_row {
	u32 value;
	u32 mask;
	enum pvtb_reason_class class;
	const char *name;
};

/* bpf/abi/trace.h: ARM_EXCEPTION_* code in bits 31:24, ESR exception class below. The class is only
 * meaningful for traps (code 2): after an interrupt the tracepoint passes a stale one. */
static const struct reason_row arm64_rows[] = {
	{0x00000000, 0xff000000, PVTB_REASON_INTERRUPT, "IRQ"},
	{0x01000000, 0xff000000, PVTB_REASON_INTERRUPT, "SERROR"},
	{0x02000001, 0xffffffff, PVTB_REASON_HALT, "WFx"},
	{0x02000016, 0xffffffff, PVTB_REASON_HYPERCALL, "HVC64"},
	{0x02000017, 0xffffffff, PVTB_REASON_HYPERCALL, "SMC64"},
	{0x02000018, 0xffffffff, PVTB_REASON_SYSREG, "SYS64"},
	{0x02000020, 0xffffffff, PVTB_REASON_NONE, "IABT_LOW"},
	{0x02000024, 0xffffffff, PVTB_REASON_MMIO, "DABT_LOW"},
};

static const struct reason_row svm_rows[] = {
	{0x60, ~0u, PVTB_REASON_INTERRUPT, "INTR"},    {0x61, ~0u, PVTB_REASON_INTERRUPT, "NMI"},
	{0x62, ~0u, PVTB_REASON_INTERRUPT, "SMI"},     {0x64, ~0u, PVTB_REASON_INTERRUPT, "VINTR"},
	{0x72, ~0u, PVTB_REASON_CPUID, "CPUID"},       {0x78, ~0u, PVTB_REASON_HALT, "HLT"},
	{0x7b, ~0u, PVTB_REASON_PIO, "IOIO"},	       {0x7c, ~0u, PVTB_REASON_MSR, "MSR"},
	{0x81, ~0u, PVTB_REASON_HYPERCALL, "VMMCALL"}, {0xa6, ~0u, PVTB_REASON_HALT, "IDLE_HLT"},
	{0x400, ~0u, PVTB_REASON_MMIO, "NPF"},
};

static const struct reason_row vmx_rows[] = {
	{0, 0xffff, PVTB_REASON_INTERRUPT, "EXCEPTION_NMI"},
	{1, 0xffff, PVTB_REASON_INTERRUPT, "EXTERNAL_INTERRUPT"},
	{7, 0xffff, PVTB_REASON_INTERRUPT, "INTERRUPT_WINDOW"},
	{10, 0xffff, PVTB_REASON_CPUID, "CPUID"},
	{12, 0xffff, PVTB_REASON_HALT, "HLT"},
	{18, 0xffff, PVTB_REASON_HYPERCALL, "VMCALL"},
	{30, 0xffff, PVTB_REASON_PIO, "IO_INSTRUCTION"},
	{31, 0xffff, PVTB_REASON_MSR, "MSR_READ"},
	{32, 0xffff, PVTB_REASON_MSR, "MSR_WRITE"},
	{48, 0xffff, PVTB_REASON_MMIO, "EPT_VIOLATION"},
	{49, 0xffff, PVTB_REASON_MMIO, "EPT_MISCONFIG"},
	{52, 0xffff, PVTB_REASON_INTERRUPT, "PREEMPTION_TIMER"},
};

static const struct reason_row *rows_of(const char *backend, size_t *ret_n)
{
	if (strstr(backend, "HE")) {
		*ret_n = PVTB_ARRAY_SIZE(arm64_rows);
		return arm64_rows;
	}
	if (!strcmp(backend, "SVM")) {
		*ret_n = PVTB_ARRAY_SIZE(svm_rows);
		return svm_rows;
	}
	if (!strcmp(backend, "VMX")) {
		*ret_n = PVTB_ARRAY_SIZE(vmx_rows);
		return vmx_rows;
	}
	*ret_n = 0;
	return NULL;
}

size_t pvtb_reason_matches(const char *backend, enum pvtb_reason_class class,
			   struct pvtb_reason_match *out, size_t max)
{
	size_t n, found = 0;
	const struct reason_row *rows = rows_of(backend, &n);

	for (size_t i = 0; i < n && found < max; i++)
		if (rows[i].class == class)
			out[found++] = (struct pvtb_reason_match){rows[i].value, rows[i].mask};
	return found;
}

enum pvtb_reason_class pvtb_reason_describe(const char *backend, u32 reason, char *buf, size_t len)
{
	size_t n;
	const struct reason_row *rows = rows_of(backend, &n);

	for (size_t i = 0; i < n; i++) {
		if ((reason & rows[i].mask) != rows[i].value)
			continue;
		snprintf(buf, len, "%s", rows[i].name);
		return rows[i].class;
	}
	snprintf(buf, len, "0x%x", reason);
	return PVTB_REASON_NONE;
}
