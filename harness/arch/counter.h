/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's own counter, the one KVM derives the guest's from. Implemented in
 * harness/arch/<arch>/counter.c. */
#ifndef PVTB_ARCH_COUNTER_H
#define PVTB_ARCH_COUNTER_H

#include "core/util.h"

u64 pvtb_arch_counter(void); /* ordered read: CNTVCT_EL0 or TSC */
u64 pvtb_arch_counter_hz(
	void); /* CNTFRQ_EL0, or the TSC frequency as the kernel has it; 0 unknown */
/* Ticks that @n reads of the counter take this process, in a loop. */
enum pvtb_arch_read {
	PVTB_READ_NOTHING, /* the loop alone */
	PVTB_READ_BARE,	   /* MRS CNTVCT_EL0; RDTSC */
	PVTB_READ_ORDERED, /* ISB; MRS CNTVCT_EL0. LFENCE; RDTSC */
	PVTB_READ_SELF,	   /* MRS CNTVCTSS_EL0, where the CPU has it; RDTSCP */
};
u64 pvtb_arch_read_loop(enum pvtb_arch_read what, u64 n);
/* In a waiting loop: "not now" (YIELD, PAUSE). To an emulator whose CPUs take turns it ends this one's. */
void pvtb_arch_relax(void);
const char *pvtb_arch_name(void); /* "arm64", "x86_64" */

#endif
