/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample_time: all clocks of the guest at one instant, again and again, until told to stop. What it
 * writes survives a migration, being guest memory: the reader finds samples of both hosts in one ring.
 */
#ifndef PVTB_GUEST_TIME_H
#define PVTB_GUEST_TIME_H

#include "lib/lpt.h"

/*
 * READ_STEAL(address) and READ_CLOCK(address) are the architecture's. The mail is read first and the
 * number of samples published last, so that the harness, which writes the one and watches the other,
 * has a bound on either side of the counter. A sample due while the guest was out is taken late, and
 * the next a period after it: none is made up for.
 */
#define PVTB_TIME_SAMPLER(READ_STEAL, READ_CLOCK)                                                  \
	PVTB_OP_ENTRY(sample_time, "sample_time")                                                  \
	{                                                                                          \
		const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[0];                \
		const u64 *mail = (const u64 *)ctl->args[3];                                       \
		struct pvtb_done done = {0};                                                       \
		u64 mask = ctl->ring_len / 4 - 1;                                                  \
		u64 last;                                                                          \
		u64 i;                                                                             \
                                                                                                   \
		last = arch_counter();                                                             \
		done.t_begin = last;                                                               \
		for (i = 0; !__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED); i++) {                 \
			struct pvtb_time_sample *s =                                               \
				(struct pvtb_time_sample *)ctl->ring_gpa + (i & mask);             \
                                                                                                   \
			while (arch_counter() - last < ctl->period &&                              \
			       !__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))                     \
				arch_relax();                                                      \
			s->mail = __atomic_load_n(mail, __ATOMIC_RELAXED);                         \
			arch_load_barrier();                                                       \
			s->c0 = arch_counter();                                                    \
			s->lpt = lpt ? pvtb_lpt_read(lpt) : 0;                                     \
			s->clock = ctl->args[2] ? READ_CLOCK(ctl->args[2]) : 0;                    \
			s->c1 = arch_counter();                                                    \
			s->steal = ctl->args[1] ? READ_STEAL(ctl->args[1]) : 0;                    \
			s->index = i;                                                              \
			last = s->c0;                                                              \
			__atomic_store_n(&ctl->taken, i + 1, __ATOMIC_RELEASE);                    \
		}                                                                                  \
		done.ops = i;                                                                      \
		done.t_end = last;                                                                 \
		pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);                                      \
	}

#endif
