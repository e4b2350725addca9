/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which exit codes mean which class of exit, per KVM backend. Pure tables, from the Arm ARM (ESR_EL2
 * exception classes), asm/kvm_asm.h (ARM_EXCEPTION_*), the AMD APM (SVM exit codes) and the Intel
 * SDM (VMX basic exit reasons).
 */
#ifndef PVTB_EXIT_REASON_H
#define PVTB_EXIT_REASON_H

#include "core/util.h"

/* What kind of exit an operation causes. */
enum pvtb_reason_class {
	PVTB_REASON_NONE,
	PVTB_REASON_HYPERCALL, /* HVC, VMCALL, VMMCALL */
	PVTB_REASON_CPUID,
	PVTB_REASON_PIO,
	PVTB_REASON_MMIO,
	PVTB_REASON_MSR,
	PVTB_REASON_SYSREG,
	PVTB_REASON_HALT,      /* WFI, HLT */
	PVTB_REASON_INTERRUPT, /* the host's own: interrupts, NMIs; never caused by the guest's op */
};

/* How to recognise a class: a record belongs to it when (reason & mask) == value. Several codes can
 * mean one class (VMX: EPT violation and misconfiguration). */
struct pvtb_reason_match {
	u32 value;
	u32 mask;
};

/* Matches of @class on @backend ("VHE", "nVHE", "hVHE", "SVM", "VMX"), at most @max; returns how
 * many were stored, 0 when this backend cannot have that exit. */
size_t pvtb_reason_matches(const char *backend, enum pvtb_reason_class class,
			   struct pvtb_reason_match *out, size_t max);

/* Class and name of a recorded reason, for people: "HVC64", "IRQ", "NPF". @buf holds the name. */
enum pvtb_reason_class pvtb_reason_describe(const char *backend, u32 reason, char *buf, size_t len);

#endif
