// SPDX-License-Identifier: GPL-2.0-only
/* The host's generic timer, as user space sees it. */
#include "arch/counter.h"

u64 pvtb_arch_counter(void)
{
	u64 v;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(v)::"memory");
	return v;
}

u64 pvtb_arch_counter_hz(void)
{
	u64 v;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}

#define READ_LOOP(insns)                                                                           \
	for (u64 v_; n; n--)                                                                       \
	__asm__ volatile(insns : "=r"(v_)::"memory")

u64 pvtb_arch_read_loop(enum pvtb_arch_read what, u64 n)
{
	u64 begin = pvtb_arch_counter();

	switch (what) {
	case PVTB_READ_NOTHING:
		READ_LOOP("");
		break;
	case PVTB_READ_BARE:
		READ_LOOP("mrs %0, cntvct_el0");
		break;
	case PVTB_READ_ORDERED:
		READ_LOOP("isb\n\tmrs %0, cntvct_el0");
		break;
	case PVTB_READ_SELF: /* by number: Debian 12's assembler has no name for CNTVCTSS_EL0 */
		READ_LOOP("mrs %0, s3_3_c14_c0_6");
		break;
	}
	return pvtb_arch_counter() - begin;
}

const char *pvtb_arch_name(void)
{
	return "arm64";
}

void pvtb_arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}
