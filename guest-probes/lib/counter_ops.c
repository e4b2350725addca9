// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: the op that watches the counter while somebody else moves the vCPU or changes its CPU's
 * frequency.
 */
#include "abi/counter.h"
#include "lib/op.h"

/*
 * Until ctl->stop (or ctl->count readings): each reading against the one before. What is seen goes to
 * args[0], a struct pvtb_counter_watch. Samples are the pairs of readings furthest apart so far, that
 * is, the longest interruptions.
 */
PVTB_OP_ENTRY(counter_watch, "counter_watch")
{
	struct pvtb_counter_watch *w = (struct pvtb_counter_watch *)ctl->args[0];
	struct pvtb_done done = {0};
	u64 last = arch_counter();
	u64 gaps = 0;
	u64 i;

	done.t_begin = last;
	for (i = 0; !ctl->count || i < ctl->count; i++) {
		u64 now = arch_counter();
		u64 gap = now - last;

		if ((int64_t)gap < 0) {
			w->backward_max = 0 - gap > w->backward_max ? 0 - gap : w->backward_max;
			w->backward++;
		} else if (gap > w->gap_max) {
			w->gap_max = gap;
			PVTB_STORE_SAMPLE(ctl, gaps++, last, now);
		}
		last = now;
		if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))
			break;
	}
	w->reads = i;
	done.ops = i;
	done.t_end = last;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
