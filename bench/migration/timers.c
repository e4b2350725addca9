// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64 timers across a migration: armed before it and expiring after it, in the guest's own time. Owns
 * what is concluded from the guest's list of expiries, and the scenarios.
 */
#include "bench/migration/engine.h"

#include <math.h>
#include <string.h>

#include "abi/timer.h"
#include "stats/lpt.h"

#define US		1000ULL
#define MS		1000000ULL
#define S		1000000000ULL
#define NR_AHEAD_MAX	PVTB_TIMER_LIST
#define CROSSING_WANTED 1
#define DETAIL_EVENTS	600

static const char *const timer_names[PVTB_TIMERS] = {"virtual", "physical"};

struct timing {
	const struct pvtb_migration_scenario *sc;
	struct migration_measured *m;
	const struct pvtb_timer_event *events;
	u64 n, guest_hz, gone; /* when the guest's clock was read for the move */
	u64 wrong, early, expired;
	u64 crossed[PVTB_TIMERS];	  /* armed before the move, expired after it */
	double late_ns, late_crossing_ns; /* the latest, of the others and of these */
	double worst_early_ns;
	const struct pvtb_timer_event *pending[PVTB_TIMERS];
	double off_ns
		[PVTB_TIMERS]; /* of a pending one: where its register points, less its deadline */
	double allowed_ns;
	bool shifted;
};

static double to_ns(double ticks, u64 hz)
{
	return ticks * 1e9 / (double)hz;
}

void migration_plan(const struct migration_timers *timers, u64 guest_hz,
		    struct pvtb_timer_plan *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int t = 0; t < PVTB_TIMERS; t++)
		for (unsigned int i = 0; i < NR_AHEAD_MAX && timers->ahead_ns[t][i]; i++)
			ret->ahead[t][ret->nr[t]++] =
				pvtb_mig_ticks(timers->ahead_ns[t][i], guest_hz);
}

static void look_at_expiry(struct timing *t, const struct pvtb_timer_event *e)
{
	double late = to_ns((double)(s64)(e->seen - e->deadline), t->guest_hz);
	bool crossing = e->index >= t->m->before.behind[0] && (s64)(e->armed - t->gone) <= 0;

	t->expired++;
	if (late < 0) {
		t->early++;
		t->worst_early_ns = fmin(t->worst_early_ns, late);
	}
	if (crossing) {
		t->crossed[e->timer]++;
		t->late_crossing_ns = fmax(t->late_crossing_ns, late);
	} else {
		t->late_ns = fmax(t->late_ns, late);
	}
}

/* The compare register of a timer that was armed before the move and has not expired since: it points
 * at the same moment of the guest's time, to within the ticks that each conversion rounds. */
static void look_at_pending(struct timing *t, const struct pvtb_timer_event *e)
{
	const struct pvtb_lpt *lpt = &t->m->lpt_end;
	u64 points_at = t->m->lpt_pv_hz ? pvtb_lpt_to_pv(lpt, e->cval) : e->cval;

	if ((s64)(e->armed - t->gone) > 0)
		return; /* armed here */
	t->pending[e->timer] = e;
	t->off_ns[e->timer] = to_ns((double)(s64)(points_at - e->deadline), t->guest_hz);
	t->shifted |= fabs(t->off_ns[e->timer]) > t->allowed_ns;
}

static void look(struct timing *t)
{
	for (u64 i = 0; i < t->n; i++) {
		const struct pvtb_timer_event *e = &t->events[i];

		if (e->index != i || e->timer >= PVTB_TIMERS) {
			t->wrong++;
			continue;
		}
		if (e->flags & PVTB_TIMER_PENDING)
			look_at_pending(t, e);
		else
			look_at_expiry(t, e);
	}
}

/* What must have been done to the register for it to be where it is. */
static const char *name_fault(const struct timing *t)
{
	struct pvtb_mig_rescale r = t->m->received.rescale;

	for (unsigned int i = 0; i < PVTB_TIMERS; i++) {
		const struct pvtb_timer_event *e = t->pending[i];
		u64 once;

		if (!e || fabs(t->off_ns[i]) <= t->allowed_ns)
			continue;
		if (e->cval == e->armed_cval)
			return "timers are left in the old frequency";
		r.mask = UINT64_MAX;
		once = r.from_hz ? pvtb_mig_deadline(&r, e->armed_cval) : 0;
		if (r.from_hz && e->cval == pvtb_mig_deadline(&r, once))
			return "timers are rescaled twice";
		r.mask = UINT32_MAX;
		if (r.from_hz && e->cval == pvtb_mig_deadline(&r, e->armed_cval))
			return "what remains of a timer is truncated to 32 bits";
		return "timers point at another moment";
	}
	return t->early ? "timers expire early" : NULL;
}

static int add_laws(const struct timing *t, struct pvtb_variant_result *v)
{
	int ret = pvtb_variant_add_law(
		v, "whole", "every expiry is noted, on both hosts", t->wrong ? PVTB_FAIL : PVTB_OK,
		"%llu expiries, %llu not where they belong", (unsigned long long)t->expired,
		(unsigned long long)t->wrong);

	ret = ret
		      ?: pvtb_variant_add_law(v, "early", "no timer ever expires early",
					      t->early	   ? PVTB_FAIL
					      : t->expired ? PVTB_OK
							   : PVTB_INCONCLUSIVE,
					      "%llu of %llu early, the worst by %.0f ns",
					      (unsigned long long)t->early,
					      (unsigned long long)t->expired, -t->worst_early_ns);
	for (unsigned int i = 0; i < PVTB_TIMERS; i++) {
		char name[32];

		if (!t->pending[i])
			continue;
		snprintf(name, sizeof(name), "moment.%s", timer_names[i]);
		ret = ret
			      ?: pvtb_variant_add_law(
					 v, name,
					 "a timer in the far future is for the same moment",
					 fabs(t->off_ns[i]) <= t->allowed_ns ? PVTB_OK : PVTB_FAIL,
					 "%.0f s ahead, off by %.0f ns, %.0f allowed",
					 to_ns((double)(t->pending[i]->deadline - t->gone),
					       t->guest_hz) /
						 1e9,
					 t->off_ns[i], t->allowed_ns);
	}
	return ret
		       ?: pvtb_variant_add_law(
				  v, "crossed", "timers armed before the move expired after it",
				  t->crossed[0] + t->crossed[1] >= CROSSING_WANTED
					  ? PVTB_OK
					  : PVTB_INCONCLUSIVE,
				  "%llu virtual, %llu physical", (unsigned long long)t->crossed[0],
				  (unsigned long long)t->crossed[1]);
}

static int lateness(struct pvtb_variant_result *v, const char *name, double ns, u64 n)
{
	if (!n)
		return 0;
	return pvtb_variant_add_metric(v, name, PVTB_UNIT_NS, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER,
				       ns, NAN, NAN, n);
}

static int add_metrics(const struct timing *t, struct pvtb_variant_result *v)
{
	u64 crossed = t->crossed[0] + t->crossed[1];
	int ret = pvtb_variant_add_metric(v, "early", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					  PVTB_LOWER_IS_BETTER, (double)t->early, NAN, NAN,
					  t->expired);

	ret = ret ?: lateness(v, "late.max", t->late_ns, t->expired - crossed);
	ret = ret ?: lateness(v, "late.crossing", t->late_crossing_ns, crossed);
	return ret ?: lateness(v, "blackout", (double)t->m->longest_blackout_ns, 1);
}

/* For the picture: how long ahead, how late, and whether the move was in between. */
static int add_detail(const struct timing *t, struct pvtb_variant_result *v)
{
	json_t *list = json_array();
	u64 step = t->n / DETAIL_EVENTS + 1;

	for (u64 i = 0; i < t->n; i++) {
		const struct pvtb_timer_event *e = &t->events[i];
		bool crossing = i >= t->m->before.behind[0] && (s64)(e->armed - t->gone) <= 0;

		if ((i % step && !crossing) || e->flags & PVTB_TIMER_PENDING)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s, s:b, s:b, s:f, s:f}", "timer", timer_names[e->timer & 1],
				  "tval", e->flags & PVTB_TIMER_BY_TVAL, "crossing", crossing,
				  "ahead_ns", to_ns((double)(e->deadline - e->armed), t->guest_hz),
				  "late_ns",
				  to_ns((double)(s64)(e->seen - e->deadline), t->guest_hz)));
	}
	v->detail = v->detail ?: json_object();
	return json_object_set_new(v->detail, "timers", list) ? -ENOMEM : 0;
}

int migration_judge_timers(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
			   struct migration_measured *m, struct pvtb_variant_result *v,
			   struct pvtb_err *err)
{
	u64 guest_hz = m->lpt_pv_hz ?: m->counter_hz;
	struct timing t = {
		.sc = sc,
		.m = m,
		.events = (const void *)m->samples[0],
		.n = m->taken[0],
		.guest_hz = guest_hz,
		.gone = m->lpt_pv_hz ? m->received.clock.pv_ticks : m->received.clock.guest_ticks,
		/* up to a tick for each conversion there and back, on either host */
		.allowed_ns = m->lpt_pv_hz ? 3 * (to_ns(1, m->counter_hz) + to_ns(1, m->target_hz) +
						  to_ns(1, guest_hz))
					   : 0,
	};
	int ret;

	look(&t);
	m->found = name_fault(&t);
	ret = add_laws(&t, v);
	ret = ret ?: add_metrics(&t, v);
	ret = ret ?: add_detail(&t, v);
	return ret ? pvtb_err_sys(err, ret, "result") : 0;
}

/* ---- scenarios ---- */

/* One timer counts in steps from 1 us to 1 s, so that the move is always in the middle of the longest;
 * the other one's deadline is beyond 2^32 ticks of any counter, to be found in its register. */
#define STEPS 1 * US, 10 * US, 100 * US, 1 * MS, 10 * MS, 100 * MS, 1 * S
#define FAR   1000 * S
#define AFTER 1300
#define ARM   .archs = PVTB_ARCH_ARM64

static const struct migration_timers on_virtual = {{{STEPS}, {FAR}}};
static const struct migration_timers on_physical = {{{FAR}, {STEPS}}};
/* Shorter than any blackout: they expire while the guest is out. */
static const struct migration_timers in_blackout = {{{3 * MS}, {5 * MS}}};
static const struct migration_timers ten_seconds = {{{10 * S}, {10 * S}}};

#define TIMERS(id, text, plan, ...)                                                                \
	static const struct pvtb_migration_scenario id = {.name = #id,                             \
							  .summary = text,                         \
							  ARM,                                     \
							  .timers = &(plan),                       \
							  .after_ms = AFTER,                       \
							  ##__VA_ARGS__};                          \
	PVTB_MIGRATION_SCENARIO(id)

TIMERS(timers_virtual, "the virtual timer, 1 us to 1 s ahead, in native ticks", on_virtual,
       .method = PVTB_MIG_BY_OFFSET);
TIMERS(timers_physical, "the physical timer, 1 us to 1 s ahead, in native ticks", on_physical,
       .method = PVTB_MIG_BY_OFFSET);
TIMERS(timers_blackout, "both timers, expired while the guest was out", in_blackout,
       .method = PVTB_MIG_BY_OFFSET);
TIMERS(timers_lpt, "the virtual timer, 1 us to 1 s ahead, in LPT's units", on_virtual,
       .method = PVTB_MIG_BY_LPT);
TIMERS(hosts_timers_virtual, "to another host: the virtual timer, in LPT's units", on_virtual,
       .method = PVTB_MIG_BY_LPT, .way = PVTB_MIGRATION_HOSTS);
TIMERS(hosts_timers_physical, "to another host: the physical timer, in LPT's units", on_physical,
       .method = PVTB_MIG_BY_LPT, .way = PVTB_MIGRATION_HOSTS);
TIMERS(hosts_timers_blackout, "to another host: both, expired while the guest was out", in_blackout,
       .method = PVTB_MIG_BY_LPT, .way = PVTB_MIGRATION_HOSTS);

static const struct pvtb_migration_scenario hosts_timers_10s = {
	.name = "hosts_timers_10s",
	.summary = "to another host: both, 10 s ahead, in LPT's units",
	ARM,
	.way = PVTB_MIGRATION_HOSTS,
	.method = PVTB_MIG_BY_LPT,
	.timers = &ten_seconds,
	.after_ms = 10500,
};
PVTB_MIGRATION_SCENARIO(hosts_timers_10s);
