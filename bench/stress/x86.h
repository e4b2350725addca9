/* SPDX-License-Identifier: GPL-2.0-only */
/* What the x86 families share: what a hypercall leaves, which MSRs are remembered as they were written. */
#ifndef PVTB_STRESS_X86_H
#define PVTB_STRESS_X86_H

#include "bench/stress/op.h"

#define ST_X86_GP ST_FAULT(13, 0)

/* Index into struct st_shadow.msr. */
enum st_msr {
	ST_MSR_STEAL,
	ST_MSR_CLOCK,
};

/* Every register but RAX. */
void st_x86_preserved(struct st_view *v);
/* enum st_msr, or -1. */
int st_x86_msr(u64 msr);

#endif
