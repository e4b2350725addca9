// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: the ops that judge Live Physical Time rather than time it: pairs of the native counter and
 * what the reader makes of it, and readings while the structure is being updated.
 */
#include "abi/lpt.h"
#include "lib/lpt.h"

/*
 * Samples (native, value), read by the reader that everybody uses. The counter is aged: sample i has
 * (i % args[2]) * args[1] ticks added to what was read, so that what a counter will show in ten
 * years is scaled by the guest today. args[3], if any, is a mask over the value: a guest that keeps
 * less than 64 bits. ret: the sequence numbers of the first and the last reading.
 */
PVTB_OP_ENTRY(lpt_pair, "lpt_pair")
{
	const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[0];
	u64 step = ctl->args[1];
	u64 steps = ctl->args[2] ? ctl->args[2] : 1;
	u64 mask = ctl->args[3] ? ctl->args[3] : ~0ULL;
	struct pvtb_done done = {0};
	u64 age = 0;
	u64 i;

	for (i = 0; i < ctl->count; i++) {
		struct pvtb_lpt_reading r;
		u64 native;

		while (!pvtb_lpt_try(lpt, &r))
			;
		if (!i) {
			done.ret[0] = r.seq;
			done.t_begin = r.native;
		}
		done.ret[1] = r.seq;
		done.t_end = r.native;
		native = r.native + age * step;
		PVTB_STORE_SAMPLE(ctl, i, native,
				  pvtb_lpt_shift((u128)native * r.mult, r.fracbits) & mask);
		if (++age == steps)
			age = 0;
	}
	done.ops = i;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}

/*
 * Until ctl->stop: read, and compare with what every version of the structure says, which is the
 * same (args[1] and args[2], coefficient and fraction bits): the versions are different ways to
 * write one ratio. So no value may differ from it, none may be below the one before, and a mixture
 * of two versions is off by a factor. What is seen goes to args[3], a struct pvtb_lpt_watch.
 */
PVTB_OP_ENTRY(lpt_watch, "lpt_watch")
{
	const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[0];
	u64 mult = ctl->args[1];
	u32 fracbits = (u32)ctl->args[2];
	struct pvtb_lpt_watch *w = (struct pvtb_lpt_watch *)ctl->args[3];
	struct pvtb_lpt_reading last = {0};
	struct pvtb_done done = {0};
	u64 last_value = 0;
	u64 i;

	for (i = 0;; i++) {
		struct pvtb_lpt_reading r;
		u64 expected;
		u64 retries = 0;
		u64 value;

		while (!pvtb_lpt_try(lpt, &r)) {
			retries++;
			if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))
				break;
		}
		if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))
			break;
		value = pvtb_lpt_shift((u128)r.native * r.mult, r.fracbits);
		expected = pvtb_lpt_shift((u128)r.native * mult, fracbits);
		if (!i) {
			w->seq_first = r.seq;
			done.t_begin = r.native;
		} else {
			w->updates += r.seq != last.seq;
			w->seq_backward += r.seq < last.seq;
			w->backward += value < last_value;
			w->counter_backward += r.native < last.native;
			w->silent += r.seq == last.seq &&
				     (r.mult != last.mult || r.fracbits != last.fracbits);
		}
		if (value != expected && !w->torn++) {
			w->bad_native = r.native;
			w->bad_value = value;
			w->bad_expected = expected;
		}
		w->retries += retries;
		w->retries_max = retries > w->retries_max ? retries : w->retries_max;
		w->retries_hist[retries < PVTB_LPT_RETRIES ? retries : PVTB_LPT_RETRIES - 1]++;
		last = r;
		last_value = value;
	}
	w->reads = i;
	w->seq_last = last.seq;
	done.ops = i;
	done.t_end = last.native;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
