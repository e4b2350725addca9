// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the comparison of the three witnesses of stolen time. Pulls host records just far enough
 * ahead to know every step a sample may stand on; keeps the last steps only.
 */
#include "timeline/steal.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define STEAL_BATCH	1024
/* Steps kept: how many can lie within the clocks' uncertainty, and how far back staleness is
 * recognised. Powers of two, for the remainders. */
#define STEAL_STEPS	256
#define STEAL_HISTORY	64
/* Less than this is no basis for a name (enum pvtb_steal_fault). */
#define STEAL_ENOUGH_NS 100000

/* From its entry on the guest is shown k_ns. */
struct step {
	u64 exit_ns; /* left the guest before it; 0 when that was not seen */
	u64 entry_ns;
	u64 k_ns;
	s64 kb_ns;
	u64 outs;
	u64 thread;		       /* number of the one that runs the vCPU */
	u64 sum_ns[PVTB_SCHED_CAUSES]; /* B's, up to the entry */
	u64 holes;		       /* before it, see hole() */
	u64 gap_ns;		       /* from when on it may have ended unseen; 0: it did not */
};

struct steal {
	const struct pvtb_steal_input *in;
	struct pvtb_sched *sched;
	struct pvtb_steal_result *res;
	struct pvtb_err *err;
	u64 unc_ns, slack_ns;
	struct pvtb_clock_cursor cursor;

	/* host */
	size_t rec_pos, rec_len;
	bool recs_end;
	u64 exit_ns;
	u64 made, at;		  /* steps: how many, and the one samples stand on */
	u64 waits;		  /* times off the CPU whose run_delay is not known yet, */
	u64 wait_k_ns, wait_b_ns; /* run_delay before them, and B's sum of them */
	s64 wait_behind_ns;	  /* the queue's clock in them */
	u64 wait_unread_ns;	  /* what it may have been besides, where it was not read */
	bool unread;		  /* nobody can say, see limits.moves_unread */
	struct pvtb_rec clock;	  /* what it did in the one that is about to end */
	bool still;
	bool wait_k_known;
	u64 base_k_ns, base_b_ns; /* K - B counts from here ... */
	s64 base_kb_ns;		  /* ... and was this then */
	u64 base_counted_ns;	  /* what K counted, less what it did in holes */
	bool based;
	u64 holes;

	/* guest */
	u64 k0_ns; /* K when the guest's value was 0 */
	bool k0_known;
	bool any; /* a sample was compared: */
	u64 first_g_ns, last_g_ns, first_k_ns, last_k_ns;
	u64 last_sum_ns[PVTB_SCHED_CAUSES];
	u64 last_outs, last_holes, last_thread;
	s64 first_gk_ns;
	bool gk_constant;
	u64 torn, resets, deviating;
	u64 back_max_ns;
	u64 grew, twice, thousandth; /* increments: all, and those exactly so */
	/* increments of G: how far from K's, and from K's without each cause */
	u64 off_ns, off_without_ns[PVTB_SCHED_CAUSES];
	u64 last_ticks;
	bool last_ticks_valid;

	struct step steps[STEAL_STEPS];
	struct pvtb_rec recs[STEAL_BATCH];
	struct pvtb_sample samples[STEAL_BATCH];
};

static const char *const fault_names[PVTB_STEAL_FAULTS] = {
	[PVTB_STEAL_FAULT_NONE] = "nothing is wrong",
	[PVTB_STEAL_FAULT_UNREADABLE] = "the structure stays in the middle of an update",
	[PVTB_STEAL_FAULT_TORN] = "the value's halves do not belong together",
	[PVTB_STEAL_FAULT_RESET] = "the value started over",
	[PVTB_STEAL_FAULT_BACKWARDS] = "the value went backwards",
	[PVTB_STEAL_FAULT_STALE] = "the value of an entry before is shown",
	[PVTB_STEAL_FAULT_UNIT] = "a thousandth is told: microseconds for nanoseconds",
	[PVTB_STEAL_FAULT_TWICE] = "stolen time is counted twice",
	[PVTB_STEAL_FAULT_LEFT_OUT] = "left out",
	[PVTB_STEAL_FAULT_COUNTED] = "counted as stolen",
	[PVTB_STEAL_FAULT_SHARE] = "a share is missing or too much",
	[PVTB_STEAL_FAULT_OFFSET] = "off by a constant",
	[PVTB_STEAL_FAULT_OTHER] = "the value is not what KVM had to show",
};

const char *pvtb_steal_fault_name(enum pvtb_steal_fault fault)
{
	return fault < PVTB_STEAL_FAULTS ? fault_names[fault] : "?";
}

static u64 magnitude(s64 v)
{
	return v < 0 ? 0 - (u64)v : (u64)v;
}

static u64 distance(s64 a, s64 b)
{
	return a > b ? (u64)a - (u64)b : (u64)b - (u64)a;
}

static u64 add_sat(u64 a, u64 b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static u64 sub_sat(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

static void farthest(s64 *max, s64 v)
{
	if (magnitude(v) > magnitude(*max))
		*max = v;
}

static struct step *step_at(struct steal *s, u64 number)
{
	return &s->steps[number % STEAL_STEPS];
}

/* ---- host: records become steps ---- */

/*
 * The times off the CPU since K was last known. Not SCHED_IN's run_delay: when the thread was moved
 * while it waited, that already has the part before the move (sched_info_dequeue()).
 */
static void close_waits(struct steal *s, u64 k_ns)
{
	struct pvtb_steal_result *res = s->res;
	s64 waits = (s64)s->waits, dev_ns = 0, rest_ns = 0;

	if (s->waits && s->wait_k_known) {
		dev_ns = (s64)(k_ns - s->wait_k_ns - s->wait_b_ns);
		rest_ns = (s64)((u64)dev_ns + (u64)s->wait_behind_ns);
		farthest(&res->event_max_ns, dev_ns / waits);
		res->events += s->waits;
	}
	if (s->unread) {
		res->events_unread += s->waits;
	} else if (s->waits && s->wait_k_known) {
		farthest(&res->rest_max_ns, rest_ns / waits);
		res->rest_ns += rest_ns;
		if (magnitude(rest_ns) >
		    add_sat(s->waits * s->in->limits.event_ns, s->wait_unread_ns))
			res->events_beyond += s->waits;
		if (s->still) {
			res->still_times++;
			res->still_ns += s->wait_behind_ns;
			farthest(&res->still_max_ns, s->wait_behind_ns);
		} else {
			res->late_times +=
				magnitude(s->wait_behind_ns) > s->waits * s->in->limits.clock_ns;
			res->late_ns += s->wait_behind_ns;
			farthest(&res->late_max_ns, s->wait_behind_ns / waits);
		}
	}
	s->waits = s->wait_b_ns = 0;
	s->wait_behind_ns = 0;
	s->wait_unread_ns = 0;
	s->unread = false;
	s->still = false;
	s->wait_k_ns = k_ns;
	s->wait_k_known = true;
}

static void make_step(struct steal *s, const struct pvtb_rec *rec)
{
	struct step *st = step_at(s, s->made);
	u64 k_ns = rec->arg, b_ns = pvtb_sched_involuntary_ns(s->sched);

	if (s->made && k_ns < step_at(s, s->made - 1)->k_ns &&
	    step_at(s, s->made - 1)->thread == s->res->threads)
		s->res->k_backwards++;
	if (!s->based) {
		s->base_k_ns = k_ns;
		s->base_b_ns = b_ns;
		s->based = true;
	}
	memset(st, 0, sizeof(*st));
	st->exit_ns = s->exit_ns;
	st->entry_ns = rec->t1_ns;
	st->k_ns = k_ns;
	st->kb_ns = (s64)((u64)s->base_kb_ns + (k_ns - s->base_k_ns) - (b_ns - s->base_b_ns));
	st->outs = s->sched->outs;
	st->holes = s->holes;
	st->thread = s->res->threads;
	memcpy(st->sum_ns, s->sched->sum_ns, sizeof(st->sum_ns));
	s->made++;
	s->res->steps++;
	farthest(&s->res->kb.max_ns, st->kb_ns);
	s->res->kb.final_ns = st->kb_ns;
}

/* What K counted from @base_k_ns to the last step, and before. */
static u64 counted_ns(struct steal *s)
{
	return s->base_counted_ns +
	       (s->based && s->made && step_at(s, s->made - 1)->thread == s->res->threads
			? sub_sat(step_at(s, s->made - 1)->k_ns, s->base_k_ns)
			: 0);
}

/*
 * What happened since @since_ns is not known, so what K and B counted meanwhile cannot be compared,
 * nor be anybody's: go on from what was known.
 */
static void hole(struct steal *s, u64 since_ns)
{
	if (s->made && !step_at(s, s->made - 1)->gap_ns)
		step_at(s, s->made - 1)->gap_ns = since_ns;
	s->base_counted_ns = counted_ns(s);
	s->base_kb_ns = s->res->kb.final_ns;
	s->based = false;
	s->waits = s->wait_b_ns = 0;
	s->wait_behind_ns = 0;
	s->wait_unread_ns = 0;
	s->unread = false;
	s->still = false;
	s->clock.kind = PVTB_REC_NONE;
	s->wait_k_known = false;
	s->holes++;
}

static void lost_here(struct steal *s, u64 n)
{
	hole(s, s->sched->end_ns);
	pvtb_sched_lost(s->sched, n);
	s->res->lost += n;
}

/* A switch-out tells run_delay: K and B are compared again from there on. */
static void resume(struct steal *s, u64 k_ns)
{
	s->base_k_ns = s->wait_k_ns = k_ns;
	s->base_b_ns = pvtb_sched_involuntary_ns(s->sched);
	s->based = s->wait_k_known = true;
}

/* Another thread: its run_delay has nothing to do with the one's before. */
static void other_thread(struct steal *s, const struct pvtb_rec *rec)
{
	u64 b_ns = pvtb_sched_involuntary_ns(s->sched);

	close_waits(s, rec->t1_ns);
	if (s->based) {
		s->base_counted_ns += rec->t1_ns - s->base_k_ns;
		s->base_kb_ns = (s64)((u64)s->base_kb_ns + (rec->t1_ns - s->base_k_ns) -
				      (b_ns - s->base_b_ns));
	}
	resume(s, rec->arg);
	s->res->threads++;
}

static int take_record(struct steal *s, const struct pvtb_rec *rec)
{
	bool away = s->sched->state == PVTB_SCHED_ST_OUT;
	bool unseen = rec->kind == PVTB_REC_SCHED_OUT && rec->flags & PVTB_REC_F_UNSEEN;
	u64 before_ns;
	int rc;

	if (rec->kind == PVTB_REC_NONE && rec->arg) {
		lost_here(s, rec->arg);
		return 0;
	}
	if (unseen)
		hole(s, s->sched->end_ns);
	before_ns = pvtb_sched_involuntary_ns(s->sched);
	rc = pvtb_sched_feed(s->sched, rec, s->err);
	if (rc)
		return rc;
	switch (rec->kind) {
	case PVTB_REC_EXIT:
	case PVTB_REC_PAIR:
		s->exit_ns = rec->t0_ns;
		break;
	case PVTB_REC_SCHED_OUT:
		/* Where exits are not witnessed: it had left the guest by then. */
		if (!s->sched->entered)
			s->exit_ns = rec->t0_ns;
		if (unseen)
			resume(s, rec->t1_ns);
		break;
	case PVTB_REC_CLOCK:
		s->clock = *rec;
		break;
	case PVTB_REC_THREAD:
		other_thread(s, rec);
		break;
	case PVTB_REC_SCHED_IN:
		if (away) {
			s->waits++;
			s->wait_b_ns += pvtb_sched_involuntary_ns(s->sched) - before_ns;
			if (s->clock.kind == PVTB_REC_CLOCK && s->clock.t0_ns == rec->t0_ns) {
				s->wait_behind_ns += (s64)s->clock.arg;
				s->unread |= s->clock.reason > 1 && s->in->limits.moves_unread;
				if (s->clock.reason > 1)
					s->wait_unread_ns +=
						s->clock.reason * s->in->limits.clock_ns;
				s->still |= s->clock.flags & PVTB_REC_F_STILL;
			}
		} else if (s->sched->records == 1) {
			/* Its registration, where it runs: nothing is pending. */
			close_waits(s, rec->arg);
		}
		break;
	case PVTB_REC_RUN_DELAY:
		if (rec->t0_ns)
			s->exit_ns = rec->t0_ns;
		close_waits(s, rec->arg);
		make_step(s, rec);
		break;
	default:
		break;
	}
	return 0;
}

/* One more record, or the end. */
static int pull_record(struct steal *s)
{
	ssize_t n;

	if (s->rec_pos == s->rec_len) {
		n = s->in->records(s->in->records_ctx, s->recs, STEAL_BATCH);
		if (n < 0)
			return (int)n;
		s->rec_pos = 0;
		s->rec_len = (size_t)n;
		s->recs_end = !n;
		if (!n) {
			if (s->in->current_at_end && s->sched->state == PVTB_SCHED_ST_OUT)
				hole(s, s->sched->end_ns);
			return 0;
		}
	}
	return take_record(s, &s->recs[s->rec_pos++]);
}

/* Stand on the last step surely entered before @t_ns, knowing all that may come before it, too. */
static int advance(struct steal *s, u64 t_ns)
{
	u64 until_ns = add_sat(t_ns, s->slack_ns), sure_ns = sub_sat(t_ns, s->unc_ns);
	int rc;

	for (;;) {
		while (s->at + 1 < s->made && step_at(s, s->at + 1)->entry_ns < sure_ns)
			s->at++;
		if (s->recs_end || s->made - s->at >= STEAL_STEPS - STEAL_HISTORY ||
		    (s->made && step_at(s, s->made - 1)->exit_ns > until_ns) ||
		    (s->made && step_at(s, s->made - 1)->entry_ns > until_ns))
			return 0;
		rc = pull_record(s);
		if (rc)
			return rc;
	}
}

/* ---- guest: samples against steps ---- */

static s64 gk_of(const struct steal *s, const struct step *st, u64 g_ns)
{
	return (s64)(g_ns - (st->k_ns - s->k0_ns));
}

/*
 * The step a sample at @t_ns stands on: s->at, or one that the clocks' uncertainty, or a time off
 * the CPU between the sample's two reads, allows as well. UINT64_MAX: none is known.
 */
static u64 stand(struct steal *s, u64 t_ns, u64 g_ns, bool *ambiguous)
{
	u64 until_ns = add_sat(t_ns, s->slack_ns), best = UINT64_MAX;
	u64 n = s->at;

	*ambiguous = false;
	if (n >= s->made || step_at(s, n)->entry_ns > until_ns)
		return UINT64_MAX;
	for (; n < s->made && (n == s->at || step_at(s, n)->exit_ns <= until_ns); n++) {
		struct step *st = step_at(s, n);

		if (n > s->at && st->entry_ns > until_ns && !st->exit_ns)
			break;
		if (st->gap_ns && st->gap_ns <= until_ns)
			return UINT64_MAX;
		if (best == UINT64_MAX) {
			best = n;
			continue;
		}
		if (st->k_ns != step_at(s, best)->k_ns)
			*ambiguous = true;
		if (s->k0_known &&
		    magnitude(gk_of(s, st, g_ns)) < magnitude(gk_of(s, step_at(s, best), g_ns)))
			best = n;
	}
	return best;
}

/* Give @ns to the causes [from, to] in proportion to what each has in @d; @sum is their total. */
static void share(struct steal *s, const u64 *d, unsigned int from, unsigned int to, u64 sum,
		  u64 ns)
{
	u64 given = 0, largest = from;

	for (unsigned int c = from; c <= to; c++) {
		u64 part = (u64)((u128)ns * d[c] / sum);

		s->res->rows[c].told_ns += part;
		given += part;
		if (d[c] > d[largest])
			largest = c;
	}
	s->res->rows[largest].told_ns += ns - given;
}

static u64 sum_of(const u64 *d, unsigned int from, unsigned int to, unsigned int *ret_nonzero)
{
	u64 sum = 0;

	*ret_nonzero = 0;
	for (unsigned int c = from; c <= to; c++) {
		sum += d[c];
		*ret_nonzero += d[c] != 0;
	}
	return sum;
}

static const struct {
	unsigned int from, to;
} kinds[] = {
	{PVTB_SCHED_PREEMPTED, PVTB_SCHED_UNCLAIMED}, /* what stolen time is for */
	{PVTB_SCHED_BLOCKED_HALT, PVTB_SCHED_FROZEN},
	{PVTB_SCHED_HOST_IRQ, PVTB_SCHED_HOST_VMM},
};

/* Whose the growth by @ns is, over @d per cause and @events times off the CPU. */
static void attribute(struct steal *s, const u64 *d, u64 events, u64 ns)
{
	u64 involuntary_ns = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(kinds); i++) {
		unsigned int nonzero;
		u64 sum = sum_of(d, kinds[i].from, kinds[i].to, &nonzero), part;

		for (unsigned int c = kinds[i].from; c <= kinds[i].to; c++) {
			s->res->rows[c].span_ns += d[c];
			s->res->rows[c].alone_ns += nonzero == 1 ? d[c] : 0;
		}
		if (i == 0)
			involuntary_ns = sum;
		if (!sum || !ns)
			continue;
		part = ns < sum ? ns : sum;
		/* K's and B's clocks differ by so much: no reason to look for another cause. */
		if (i == 0 && ns - part <= events * s->in->limits.clock_ns)
			part = ns;
		share(s, d, kinds[i].from, kinds[i].to, sum, part);
		ns -= part;
	}
	if (ns && involuntary_ns)
		share(s, d, kinds[0].from, kinds[0].to, involuntary_ns, ns);
	else
		s->res->told_excess_ns += ns;
}

/* From the sample before to this one. */
static void compare_growth(struct steal *s, const struct step *st, u64 g_ns,
			   struct pvtb_steal_point *p)
{
	u64 d[PVTB_SCHED_CAUSES];
	u64 dk_ns = sub_sat(st->k_ns, s->last_k_ns);
	/* On a later thread that waited less than the first had at its start the value is below 0. */
	bool back = s->last_thread ? (s64)(g_ns - s->last_g_ns) < 0 : g_ns < s->last_g_ns;
	u64 dg_ns = back ? 0 : g_ns - s->last_g_ns;

	if (dk_ns >= 10000) {
		s->grew++;
		s->twice += dg_ns == 2 * dk_ns;
		s->thousandth += dg_ns >= dk_ns / 1000 && dg_ns <= dk_ns / 1000 + 1;
	}
	if (back) {
		p->marks |= PVTB_STEAL_BACKWARDS;
		s->res->backwards++;
		if (s->last_g_ns - g_ns > s->back_max_ns)
			s->back_max_ns = s->last_g_ns - g_ns;
		if (g_ns < s->last_g_ns / 2)
			s->resets++;
	}
	if (st->holes != s->last_holes)
		return;
	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
		d[c] = sub_sat(st->sum_ns[c], s->last_sum_ns[c]);
	s->off_ns += distance((s64)g_ns - (s64)s->last_g_ns, (s64)dk_ns);
	for (unsigned int c = PVTB_SCHED_PREEMPTED; c <= PVTB_SCHED_UNCLAIMED; c++)
		s->off_without_ns[c] +=
			distance((s64)g_ns - (s64)s->last_g_ns, (s64)dk_ns - (s64)d[c]);
	attribute(s, d, sub_sat(st->outs, s->last_outs), dg_ns);
}

/* Does a value that is not this step's belong to one before? */
static void look_for_stale(struct steal *s, u64 number, u64 g_ns, struct pvtb_steal_point *p)
{
	u64 k_ns = step_at(s, number)->k_ns;

	for (u64 n = number; n > 0 && number - n < STEAL_HISTORY && s->made - n < STEAL_STEPS;
	     n--) {
		const struct step *old = step_at(s, n - 1);

		if (old->k_ns == k_ns || gk_of(s, old, g_ns))
			continue;
		p->marks |= PVTB_STEAL_STALE;
		p->stale_ns = sub_sat(p->t_ns, step_at(s, n)->entry_ns);
		s->res->stale_samples++;
		if (p->stale_ns > s->res->stale_max_ns)
			s->res->stale_max_ns = p->stale_ns;
		return;
	}
}

static void note_deviation(struct steal *s, s64 gk_ns)
{
	u64 off_ns = magnitude(gk_ns);

	farthest(&s->res->gk.max_ns, gk_ns);
	s->res->gk.final_ns = gk_ns;
	if (off_ns <= s->in->limits.gk_ns)
		return;
	s->deviating++;
	/* one half from before or after a carry, or of another value */
	if (off_ns >> 32 &&
	    ((u32)off_ns <= s->in->limits.gk_ns || (u32)(0 - off_ns) <= s->in->limits.gk_ns))
		s->torn++;
}

/* Was the thread out of the guest at @t_ns, beyond all doubt? */
static bool outside_guest(struct steal *s, u64 t_ns)
{
	const struct step *next = step_at(s, s->at + 1);

	return s->at + 1 < s->made && next->exit_ns && add_sat(next->exit_ns, s->slack_ns) < t_ns &&
	       next->entry_ns > add_sat(t_ns, s->slack_ns);
}

static int compare(struct steal *s, u64 index, u64 t_ns, u64 g_ns)
{
	struct pvtb_steal_result *res = s->res;
	struct pvtb_steal_point p = {.index = index, .t_ns = t_ns};
	bool ambiguous;
	u64 number;
	const struct step *st;
	int rc = advance(s, t_ns);

	if (rc)
		return rc;
	number = stand(s, t_ns, g_ns, &ambiguous);
	if (number == UINT64_MAX) {
		res->unmatched++;
		return 0;
	}
	st = step_at(s, number);
	if (!s->k0_known) {
		s->k0_ns = st->k_ns - g_ns;
		s->k0_known = res->start_assumed = true;
	}
	if (outside_guest(s, t_ns))
		res->causal_errors++;
	p.g_ns = (s64)g_ns;
	p.k_ns = (s64)(st->k_ns - s->k0_ns);
	p.kb_ns = st->kb_ns;
	p.b_ns = (s64)((u64)p.k_ns - (u64)p.kb_ns);
	p.gk_ns = gk_of(s, st, g_ns);
	p.age_ns = sub_sat(t_ns, st->entry_ns);
	if (ambiguous) {
		p.marks |= PVTB_STEAL_AMBIGUOUS;
		res->ambiguous++;
	}
	if (magnitude(p.gk_ns) > s->in->limits.gk_ns)
		look_for_stale(s, number, g_ns, &p);
	note_deviation(s, p.gk_ns);
	if (s->any && st->thread != s->last_thread) {
		res->thread_jump_ns = (s64)(g_ns - s->last_g_ns);
		s->gk_constant &= p.gk_ns == s->first_gk_ns;
	} else if (s->any) {
		compare_growth(s, st, g_ns, &p);
		s->gk_constant &= p.gk_ns == s->first_gk_ns;
	} else {
		s->any = s->gk_constant = true;
		s->first_gk_ns = p.gk_ns;
		s->first_g_ns = g_ns;
		s->first_k_ns = st->k_ns;
	}
	memcpy(s->last_sum_ns, st->sum_ns, sizeof(s->last_sum_ns));
	s->last_outs = st->outs;
	s->last_holes = st->holes;
	s->last_thread = st->thread;
	s->last_g_ns = g_ns;
	s->last_k_ns = st->k_ns;
	res->compared++;
	if (p.age_ns > res->age_max_ns)
		res->age_max_ns = p.age_ns;
	res->final_t_ns = t_ns;
	res->g_final_ns = p.g_ns;
	res->k_final_ns = p.k_ns;
	res->b_final_ns = p.b_ns;
	return s->in->sink ? s->in->sink(s->in->sink_ctx, &p) : 0;
}

static int compare_all(struct steal *s)
{
	for (;;) {
		ssize_t n = s->in->samples(s->in->samples_ctx, s->samples, STEAL_BATCH);

		if (n <= 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++) {
			const struct pvtb_sample *g = &s->samples[i];
			int rc;

			if (s->last_ticks_valid && (s64)(g->t0 - s->last_ticks) < 0)
				s->res->order_errors++;
			s->last_ticks = g->t0;
			s->last_ticks_valid = true;
			if (g->t1 == PVTB_STEAL_UNREADABLE) {
				s->res->samples++;
				s->res->unreadable++;
				continue;
			}
			rc = compare(s, s->res->samples++, pvtb_clock_cursor_ns(&s->cursor, g->t0),
				     g->t1);
			if (rc)
				return rc;
		}
	}
}

/* ---- what it comes to ---- */

static bool left_out(const struct pvtb_steal_row *r)
{
	return r->alone_ns >= STEAL_ENOUGH_NS && r->told_ns < r->span_ns / 10;
}

static bool counted(const struct pvtb_steal_row *r)
{
	return r->span_ns >= STEAL_ENOUGH_NS && r->told_ns > r->span_ns / 2;
}

/*
 * The cause without which K would be what was told, or 0. The rows do not tell it where it seldom
 * comes alone: what is told of a wait is shared among all its causes there.
 */
static enum pvtb_sched_cause unexplained(const struct steal *s)
{
	unsigned int best = PVTB_SCHED_PREEMPTED;

	for (unsigned int c = PVTB_SCHED_PREEMPTED; c <= PVTB_SCHED_UNCLAIMED; c++)
		if (s->off_without_ns[c] < s->off_without_ns[best])
			best = c;
	return s->off_ns >= STEAL_ENOUGH_NS && s->off_without_ns[best] < s->off_ns / 4
		       ? (enum pvtb_sched_cause)best
		       : 0;
}

/* A cause that was not told while others were, or told though it is not stolen. */
static enum pvtb_steal_fault fault_of_cause(const struct steal *s)
{
	struct pvtb_steal_result *res = s->res;
	unsigned int causes = 0, missing = 0, nr_missing = 0;

	for (unsigned int c = PVTB_SCHED_BLOCKED_HALT; c <= PVTB_SCHED_FROZEN; c++) {
		if (counted(&res->rows[c])) {
			res->fault_cause = c;
			return PVTB_STEAL_FAULT_COUNTED;
		}
	}
	for (unsigned int c = PVTB_SCHED_PREEMPTED; c <= PVTB_SCHED_UNCLAIMED; c++) {
		causes += res->rows[c].span_ns >= STEAL_ENOUGH_NS;
		if (left_out(&res->rows[c])) {
			missing = c;
			nr_missing++;
		}
	}
	if (nr_missing > 1 && nr_missing == causes)
		return PVTB_STEAL_FAULT_NONE; /* not told anything: no cause's fault */
	/* What all increments say outweighs a row of a few waits. */
	res->fault_cause = unexplained(s) ?: nr_missing == 1 ? missing : 0;
	if (!res->fault_cause)
		return PVTB_STEAL_FAULT_NONE;
	return PVTB_STEAL_FAULT_LEFT_OUT;
}

/* By name; the more particular first. */
static enum pvtb_steal_fault find_fault(struct steal *s)
{
	struct pvtb_steal_result *res = s->res;
	enum pvtb_steal_fault fault;

	if (res->unreadable)
		return PVTB_STEAL_FAULT_UNREADABLE;
	if (s->torn)
		return PVTB_STEAL_FAULT_TORN;
	if (s->resets)
		return PVTB_STEAL_FAULT_RESET;
	/* A small one can be the mark of another fault: what is left out was measured otherwise. */
	if (s->back_max_ns > s->in->limits.clock_ns)
		return PVTB_STEAL_FAULT_BACKWARDS;
	if (res->stale_samples > s->deviating / 2)
		return PVTB_STEAL_FAULT_STALE;
	if (s->gk_constant)
		return PVTB_STEAL_FAULT_OFFSET;
	if (s->twice > s->grew / 2)
		return PVTB_STEAL_FAULT_TWICE;
	if (s->thousandth > s->grew / 2)
		return PVTB_STEAL_FAULT_UNIT;
	fault = fault_of_cause(s);
	if (fault)
		return fault;
	if (res->backwards)
		return PVTB_STEAL_FAULT_BACKWARDS;
	return s->grew ? PVTB_STEAL_FAULT_SHARE : PVTB_STEAL_FAULT_OTHER;
}

static void say(char *buf, size_t len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}
#define SAY(buf, ...) say(buf, sizeof(buf), __VA_ARGS__)

static double told_share(const struct steal *s)
{
	return (double)sub_sat(s->last_g_ns, s->first_g_ns) /
	       (double)sub_sat(s->last_k_ns, s->first_k_ns);
}

static void judge_gk(struct steal *s)
{
	struct pvtb_steal_result *res = s->res;

	res->gk_law = PVTB_STEAL_INCONCLUSIVE;
	if (res->lost) {
		SAY(res->gk_verdict, "%" PRIu64 " host records lost", res->lost);
		return;
	}
	if (!res->compared && !res->unreadable) {
		SAY(res->gk_verdict, "none of %" PRIu64 " samples has an entry to compare with",
		    res->samples);
		return;
	}
	res->gk_law = PVTB_STEAL_HOLDS;
	SAY(res->gk_verdict, "G - K at most %" PRId64 " ns over %" PRIu64 " samples",
	    res->gk.max_ns, res->compared);
	if (s->deviating || res->backwards || res->unreadable) {
		res->gk_law = PVTB_STEAL_BROKEN;
		res->fault = find_fault(s);
		SAY(res->gk_verdict, ": %s%s%s",
		    res->fault_cause ? pvtb_sched_cause_name(res->fault_cause) : "",
		    res->fault_cause ? ": " : "", pvtb_steal_fault_name(res->fault));
		if (res->unreadable)
			SAY(res->gk_verdict, " (%" PRIu64 " samples)", res->unreadable);
		if (res->fault == PVTB_STEAL_FAULT_SHARE)
			SAY(res->gk_verdict, " (%.3f of it told)", told_share(s));
	}
	if (res->threads)
		SAY(res->gk_verdict,
		    "; on its new thread the value jumped by %" PRId64
		    " ns: KVM shows that thread's run_delay",
		    res->thread_jump_ns);
	if (res->start_assumed)
		SAY(res->gk_verdict, " (its start taken from the first)");
	if (res->order_errors || res->causal_errors) {
		res->gk_law = PVTB_STEAL_BROKEN;
		SAY(res->gk_verdict,
		    "; %" PRIu64 " samples out of order, %" PRIu64 " from outside the guest",
		    res->order_errors, res->causal_errors);
	}
}

static bool too_much(const struct pvtb_steal_limits *lim, s64 off_ns, u64 counted_ns)
{
	return counted_ns >= lim->run_from_ns &&
	       (double)magnitude(off_ns) * 1e6 > (double)lim->run_ppm * (double)counted_ns;
}

/* The clock that run_delay follows, against the stamps. */
static void judge_clock(struct steal *s, u64 counted_ns)
{
	struct pvtb_steal_result *res = s->res;
	const struct pvtb_steal_limits *lim = &s->in->limits;

	res->clock_law = PVTB_STEAL_HOLDS;
	SAY(res->clock_verdict,
	    "%" PRId64 " ns behind in all, at most %" PRId64 " ns a wait; besides, it stood still "
	    "before the switch in %" PRIu64 " of %" PRIu64 " waits: %" PRId64 " ns not counted",
	    res->late_ns, res->late_max_ns, res->still_times, res->events, res->still_ns);
	if (res->late_times || too_much(lim, res->late_ns, counted_ns)) {
		res->clock_law = PVTB_STEAL_BROKEN;
		SAY(res->clock_verdict, "; %" PRIu64 " beyond %" PRIu64 " ns", res->late_times,
		    lim->clock_ns);
	}
}

static void judge_kb(struct steal *s)
{
	struct pvtb_steal_result *res = s->res;
	const struct pvtb_steal_limits *lim = &s->in->limits;
	u64 counted = counted_ns(s);

	res->kb_law = res->clock_law = PVTB_STEAL_INCONCLUSIVE;
	if (res->lost || !pvtb_sched_conclusive(s->sched)) {
		SAY(res->kb_verdict,
		    "%" PRIu64 " host records lost, %" PRIu64 " out of order, %" PRIu64
		    " contradictory, %" PRIu64 " ns unknown",
		    res->lost, s->sched->order_errors, s->sched->chain_errors,
		    s->sched->sum_ns[PVTB_SCHED_UNKNOWN]);
		memcpy(res->clock_verdict, res->kb_verdict, sizeof(res->clock_verdict));
		return;
	}
	if (!s->made) {
		SAY(res->kb_verdict, "run_delay was never seen");
		SAY(res->clock_verdict, "run_delay was never seen");
		return;
	}
	if (counted)
		res->kb.ppm = (double)magnitude(res->kb.final_ns) * 1e6 / (double)counted;
	judge_clock(s, counted);
	res->kb_law = PVTB_STEAL_HOLDS;
	SAY(res->kb_verdict,
	    "K - B %" PRId64 " ns of %" PRIu64 " ns, at most %" PRId64 " ns in one of %" PRIu64
	    " times off the CPU",
	    res->kb.final_ns, counted, res->event_max_ns, res->events);
	if (res->rest_ns != res->kb.final_ns)
		SAY(res->kb_verdict, "; by the run queue's clock %" PRId64 " ns, at most %" PRId64,
		    res->rest_ns, res->rest_max_ns);
	if (res->events_unread)
		SAY(res->kb_verdict, "; %" PRIu64 " with several moves not judged",
		    res->events_unread);
	if (res->events_beyond) {
		res->kb_law = PVTB_STEAL_BROKEN;
		SAY(res->kb_verdict, "; %" PRIu64 " beyond %" PRIu64 " ns", res->events_beyond,
		    lim->event_ns);
	}
	if (too_much(lim, res->rest_ns, counted)) {
		res->kb_law = PVTB_STEAL_BROKEN;
		SAY(res->kb_verdict, "; %.0f ppm, more than %" PRIu64,
		    (double)magnitude(res->rest_ns) * 1e6 / (double)counted, lim->run_ppm);
	}
	if (res->k_backwards) {
		res->kb_law = PVTB_STEAL_BROKEN;
		SAY(res->kb_verdict, "; run_delay decreased %" PRIu64 " times", res->k_backwards);
	}
}

static void finish(struct steal *s)
{
	struct pvtb_steal_result *res = s->res;
	u64 k_ns = sub_sat(s->last_k_ns, s->first_k_ns);

	res->lost += s->in->lost;
	res->outs = s->sched->outs;
	res->start_ns = (s64)s->k0_ns;
	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
		res->rows[c].total_ns = s->sched->sum_ns[c];
	res->gk.ppm = res->kb.ppm = NAN;
	if (k_ns)
		res->gk.ppm = (double)magnitude(res->gk.final_ns) * 1e6 / (double)k_ns;
	judge_gk(s);
	judge_kb(s);
}

/* What K was when the guest's value began. */
static void find_start(struct steal *s)
{
	s->k0_known = s->in->from != PVTB_STEAL_FROM_SAMPLE;
	s->k0_ns = s->in->from == PVTB_STEAL_FROM_CALL ? s->in->call_k_ns : 0 - s->in->first_value;
}

static int run(struct steal *s)
{
	int rc;

	find_start(s);
	rc = compare_all(s);
	while (!rc && !s->recs_end)
		rc = pull_record(s);
	if (!rc)
		rc = pvtb_sched_end(s->sched, s->in->end_ns, s->in->current_at_end);
	if (!rc)
		finish(s);
	return rc;
}

int pvtb_steal(const struct pvtb_steal_input *in, struct pvtb_sched *sched,
	       struct pvtb_steal_result *ret, struct pvtb_err *err)
{
	struct pvtb_steal_result res = {0};
	struct steal *s PVTB_FREE = NULL;
	int rc;

	if (!in->map || !in->map->num || !in->map->den || !in->samples || !in->records)
		return pvtb_err_set(err, -EINVAL, "stolen time", "a stream or the clocks missing");
	if (in->from > PVTB_STEAL_FROM_SAMPLE)
		return pvtb_err_set(err, -EINVAL, "stolen time", "no such start");
	s = calloc(1, sizeof(*s));
	if (!s)
		return pvtb_err_sys(err, -ENOMEM, "stolen time");
	s->in = in;
	s->sched = sched;
	s->res = &res;
	s->err = err;
	s->unc_ns = in->map->unc_ns;
	s->slack_ns = add_sat(s->unc_ns, add_sat(pvtb_clock_tick_ns(in->map), in->read_ns));
	pvtb_clock_cursor_init(&s->cursor, in->map);
	pvtb_sched_begin(sched, &in->sched, in->start_ns, in->initial);
	rc = run(s);
	if (!rc)
		*ret = res;
	return rc;
}

int pvtb_steal_swapped(const struct pvtb_steal_result *results, int n, int i)
{
	const struct pvtb_steal_result *own = &results[i];

	if (own->gk_law != PVTB_STEAL_BROKEN)
		return -1;
	for (int j = 0; j < n; j++) {
		const struct pvtb_steal_result *other = &results[j];
		u64 own_off_ns = distance(own->g_final_ns, own->k_final_ns);
		u64 off_ns = distance(own->g_final_ns, other->k_final_ns);
		/* Sampled until moments of their own, and by so much K can have grown in between:
		 * near is all that can be asked for. */
		u64 apart_ns = distance((s64)own->final_t_ns, (s64)other->final_t_ns);
		u64 near_ns = own_off_ns / 10 + (apart_ns < own_off_ns / 2 ? apart_ns : 0);

		if (j != i && own_off_ns >= STEAL_ENOUGH_NS && off_ns < near_ns)
			return j;
	}
	return -1;
}
