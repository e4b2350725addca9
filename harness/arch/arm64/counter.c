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

const char *pvtb_arch_name(void)
{
	return "arm64";
}

void pvtb_arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}
