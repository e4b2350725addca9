// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the op "event_stream": what a guest's driver does for an event stream (CNTKCTL_EL1), and how long
 * WFE waits then.
 */
#include "lib/lpt.h"

#define EVNTEN	   (1ULL << 2)
#define EVNTDIR	   (1ULL << 3)
#define EVNTI(i)   ((u64)(i) << 4)
#define EVNTI_MASK EVNTI(15)

/* k, so that 2^k is nearest to a / b: by the ratio, so the borders are at odd powers of the root of 2. */
static int nearest_power(u64 a, u64 b)
{
	int k = 0;

	while (a >= 2 * b) {
		b *= 2;
		k++;
	}
	while (a < b) {
		a *= 2;
		k--;
	}
	return (u128)a * a >= (u128)2 * b * b ? k + 1 : k;
}

static int within(int i)
{
	return i < 0 ? 0 : i > 15 ? 15 : i;
}

/*
 * args[0]: LPT structure (0: none), args[1]: events asked for in a second, args[2]: whether the divider is
 * translated from the promised frequency to the counter's. An event is a 0 of the counter's bit EVNTI
 * becoming 1: every 2^(EVNTI + 1) ticks. Samples: counter before and after each WFE. ret[0]: the register as
 * it reads afterwards, ret[1]: the divider that was written.
 */
PVTB_OP_ENTRY(event_stream, "event_stream")
{
	const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[0];
	u64 hz = lpt ? lpt->pv_freq : arch_counter_hz();
	u64 before = arch_read_bare(cntkctl_el1);
	int i = within(nearest_power(hz, ctl->args[1]) - 1);
	struct pvtb_done done = {0};
	u64 n;

	if (lpt && ctl->args[2])
		i = within(i + nearest_power(lpt->native_freq, lpt->pv_freq));
	__asm__ volatile("msr cntkctl_el1, %0\n\tisb" ::"r"((before & ~(EVNTDIR | EVNTI_MASK)) |
							    EVNTEN | EVNTI(i))
			 : "memory");
	/* The event register may be set from before: the first wait does not count. */
	__asm__ volatile("sevl\n\twfe\n\twfe" ::: "memory");
	done.t_begin = arch_counter();
	for (n = 0; n < ctl->count; n++) {
		u64 t0 = arch_counter();
		u64 t1;

		__asm__ volatile("wfe" ::: "memory");
		t1 = arch_counter();
		PVTB_STORE_SAMPLE(ctl, n, t0, t1);
	}
	done.t_end = arch_counter();
	done.ret[0] = arch_read_bare(cntkctl_el1);
	done.ret[1] = (u64)i;
	__asm__ volatile("msr cntkctl_el1, %0\n\tisb" ::"r"(before) : "memory");
	done.ops = n;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
