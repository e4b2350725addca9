/* SPDX-License-Identifier: GPL-2.0-only */
/* What the x86 families share: which MSRs are remembered as the guest wrote them. */
#ifndef PVTB_STRESS_X86_H
#define PVTB_STRESS_X86_H

#include "core/util.h"

#define ST_X86_GP 13

/* Index into struct st_shadow.msr. */
enum st_msr {
	ST_MSR_STEAL,
	ST_MSR_CLOCK,
};

/* enum st_msr, or -1. */
int st_x86_msr(u64 msr);

#endif
