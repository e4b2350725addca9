// SPDX-License-Identifier: GPL-2.0-only
/* Owns the op "timers": both timers armed from lists, and when each was seen to expire (abi/timer.h). */
#include "abi/timer.h"
#include "lib/lpt.h"

#define CTL_ENABLE  1ULL
#define CTL_IMASK   2ULL /* polled: nothing is to interrupt */
#define CTL_ISTATUS 4ULL
#define TVAL_MAX    0x7fffffffULL

struct armed {
	u64 now, deadline, cval;
	u32 flags;
	u32 nr; /* since the beginning */
	int is;
};

#define write_timer(reg, v) __asm__ volatile("msr " ARCH_STR(reg) ", %0\n\tisb" ::"r"(v) : "memory")

static u64 read_cval(u32 timer)
{
	return timer ? arch_read_isb(cntp_cval_el0) : arch_read_isb(cntv_cval_el0);
}

static int expired(u32 timer)
{
	return !!((timer ? arch_read_isb(cntp_ctl_el0) : arch_read_isb(cntv_ctl_el0)) &
		  CTL_ISTATUS);
}

static u64 guest_time(const struct pvtb_lpt *lpt)
{
	return lpt ? pvtb_lpt_read(lpt) : arch_counter();
}

/* A length or a moment of the guest's time in native ticks, not less: a timer must not be early. */
static u64 to_native(const struct pvtb_lpt *lpt, u64 pv)
{
	if (!lpt)
		return pv;
	return pvtb_lpt_shift((u128)pv * __atomic_load_n(&lpt->rscale_mult, __ATOMIC_RELAXED),
			      __atomic_load_n(&lpt->rfracbits, __ATOMIC_RELAXED)) +
	       1;
}

static void program(u32 timer, u64 cval, u64 tval)
{
	if (timer && tval)
		write_timer(cntp_tval_el0, tval);
	else if (timer)
		write_timer(cntp_cval_el0, cval);
	else if (tval)
		write_timer(cntv_tval_el0, tval);
	else
		write_timer(cntv_cval_el0, cval);
	if (timer)
		write_timer(cntp_ctl_el0, CTL_ENABLE | CTL_IMASK);
	else
		write_timer(cntv_ctl_el0, CTL_ENABLE | CTL_IMASK);
}

/*
 * By turns through TVAL, where its 31 bits reach, and CVAL. The structure may be rewritten between its
 * being read and the register's being written: then the value is of the old host, and is done again.
 */
static void arm(const struct pvtb_timer_plan *plan, const struct pvtb_lpt *lpt, u32 timer,
		struct armed *a)
{
	u64 ahead = plan->ahead[timer][a->nr % plan->nr[timer]];
	u64 seq;

	do {
		u64 ticks;

		seq = lpt ? __atomic_load_n(&lpt->sequence_number, __ATOMIC_RELAXED) : 0;
		arch_load_barrier();
		ticks = to_native(lpt, ahead);
		a->flags = a->nr & 1 && ticks <= TVAL_MAX ? PVTB_TIMER_BY_TVAL : 0;
		a->now = guest_time(lpt);
		a->deadline = a->now + ahead;
		program(timer, to_native(lpt, a->deadline),
			a->flags & PVTB_TIMER_BY_TVAL ? ticks : 0);
		a->cval = read_cval(timer);
		arch_load_barrier();
	} while (lpt && __atomic_load_n(&lpt->sequence_number, __ATOMIC_RELAXED) != seq);
	a->nr++;
	a->is = 1;
}

static void note(struct pvtb_ctl *ctl, const struct pvtb_lpt *lpt, u32 timer, struct armed *a,
		 u64 index, u32 flags)
{
	struct pvtb_timer_event *e =
		(struct pvtb_timer_event *)ctl->ring_gpa + (index & (ctl->ring_len / 4 - 1));

	/* In this order: whatever came before it had expired by then. */
	e->seen_ticks = arch_counter();
	e->seen = guest_time(lpt);
	e->index = index;
	e->timer = timer;
	e->flags = a->flags | flags;
	e->armed = a->now;
	e->deadline = a->deadline;
	e->cval = read_cval(timer);
	e->armed_cval = a->cval;
	__atomic_store_n(&ctl->taken, index + 1, __ATOMIC_RELEASE);
	a->is = 0;
}

PVTB_OP_ENTRY(timers, "timers")
{
	const struct pvtb_timer_plan *plan = (const struct pvtb_timer_plan *)ctl->args[0];
	const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[1];
	struct armed armed[PVTB_TIMERS] = {0};
	struct pvtb_done done = {0};
	u64 n = 0;

	while (!__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED)) {
		for (u32 t = 0; t < PVTB_TIMERS; t++) {
			if (armed[t].is && expired(t))
				note(ctl, lpt, t, &armed[t], n++, 0);
			/* At once: whenever the guest is held, one of them is armed. */
			if (!armed[t].is && plan->nr[t])
				arm(plan, lpt, t, &armed[t]);
		}
	}
	for (u32 t = 0; t < PVTB_TIMERS; t++)
		if (armed[t].is)
			note(ctl, lpt, t, &armed[t], n++, PVTB_TIMER_PENDING);
	write_timer(cntv_ctl_el0, 0ULL);
	write_timer(cntp_ctl_el0, 0ULL);
	done.ops = n;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
