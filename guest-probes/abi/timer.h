/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Op "timers" (arm64): the guest arms its two timers again and again, each from a list of its own, and
 * notes when it saw each expire. Times are the guest's own: LPT's where it has that, else the counter's.
 * What it writes survives a migration, being guest memory.
 */
#ifndef PVTB_GUEST_TIMER_H
#define PVTB_GUEST_TIMER_H

#include <stdint.h>

#define PVTB_TIMERS	   2 /* 0: virtual, 1: physical */
#define PVTB_TIMER_LIST	   12
/* args[0]: the plan; args[1]: LPT's structure, or 0. */
#define PVTB_GPA_TIMERS(n) (PVTB_GPA_SCRATCH + 0x20000ULL + (n)*0x1000ULL)

struct pvtb_timer_plan {
	uint64_t nr[PVTB_TIMERS];
	uint64_t ahead[PVTB_TIMERS][PVTB_TIMER_LIST]; /* ticks of the guest's time, in a cycle */
};

#define PVTB_TIMER_BY_TVAL 1 /* armed through the 32-bit register */
#define PVTB_TIMER_PENDING 2 /* had not expired when the op ended: seen is that moment */

/* One expiry, in the ring instead of struct pvtb_time_sample; ctl->taken counts them. */
struct pvtb_timer_event {
	uint64_t index;
	uint32_t timer;
	uint32_t flags;
	uint64_t armed;	     /* when it was armed ... */
	uint64_t deadline;   /* ... for when ... */
	uint64_t seen;	     /* ... and when it was seen to have expired, read after that */
	uint64_t seen_ticks; /* the same, by the counter */
	uint64_t cval;	     /* the compare register by then */
	uint64_t armed_cval; /* ... and when it was armed */
};

_Static_assert(sizeof(struct pvtb_timer_event) == 64, "fits where a time sample does");

#endif
