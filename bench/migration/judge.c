// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what is concluded from a guest's samples of both hosts: how far its time jumped against the
 * host's CLOCK_MONOTONIC_RAW, whether it ever went backwards, whether it goes on at the same rate.
 */
#include "bench/migration/engine.h"

#include <math.h>
#include <string.h>

/* How near to the switch a reading is looked for that took little time. */
#define NEAR		     64
/* kvmclock is set by KVM from readings of its own, one after the other: what that leaves open, on a
 * host at work and on one that is emulated. */
#define BLURRED_NS	     2000
#define BLURRED_NS_EMULATED  1000000
#define TRUE_PPB	     1000
#define KVMCLOCK_NS	     20000.0
#define KVMCLOCK_NS_EMULATED 1000000.0

enum clock_kind { CLOCK_COUNTER, CLOCK_LPT, CLOCK_KVM };

/* Host counter -> CLOCK_MONOTONIC_RAW, a line through two instants; ns relative to an origin. */
struct line {
	u64 c, raw_ns;
	double slope; /* ns per tick */
	double unc_ns;
};

/* One stay of the guest on one host. */
struct side {
	struct line line; /* in time of the source's clock */
	struct line own;  /* in that of the host itself */
	const struct migration_phase *phase;
	double tick_ns;	      /* of the guest's counter, there */
	double per_host_tick; /* of it, in one of the host's */
};

struct judge {
	const struct pvtb_migration_scenario *sc;
	const struct pvtb_run *run;
	struct migration_measured *m;
	enum clock_kind kind;
	struct side before, away, after;
	u64 origin_ns;
	double tick_ns;		       /* of the guest's counter, as it was told */
	double ratio;		       /* of the counter's frequency, after / before */
	double sync_unc_ns, drift_ppb; /* of the two hosts' clocks */
	double ahead_ns, ahead_unc_ns; /* the target's CLOCK_REALTIME of the source's */
	double late_ns;		       /* from setting the counter to what is looked at */
	double jump_ns, unc_ns;	       /* of vCPU 0 */
	double rate_before, rate_after, rate_unc; /* ppb against the clock of the host it is on */
	double skew_ns, skew_unc_ns;
	bool skewed;
	u64 steps_back, steal_drops, wrong, pairs;
};

static double signed_ticks(u64 a, u64 b)
{
	return (double)(s64)(a - b);
}

static void line_of(struct line *l, u64 c_a, u64 unc_a, u64 raw_a, u64 c_b, u64 unc_b, u64 raw_b)
{
	l->c = c_a;
	l->raw_ns = raw_a;
	l->slope = signed_ticks(raw_b, raw_a) / signed_ticks(c_b, c_a);
	l->unc_ns = (double)(unc_a > unc_b ? unc_a : unc_b) * l->slope;
}

static u64 mid(u64 a, u64 b)
{
	return a + (b - a) / 2;
}

static void instants(struct line *l, const struct pvtb_mig_instant *a,
		     const struct pvtb_mig_instant *b)
{
	line_of(l, mid(a->c0_ticks, a->c1_ticks), (a->c1_ticks - a->c0_ticks + 1) / 2, a->raw_ns,
		mid(b->c0_ticks, b->c1_ticks), (b->c1_ticks - b->c0_ticks + 1) / 2, b->raw_ns);
}

static double raw_at(const struct judge *j, const struct line *l, u64 host_ticks)
{
	return signed_ticks(l->raw_ns, j->origin_ns) + signed_ticks(host_ticks, l->c) * l->slope;
}

/* What the clock in question showed, in ns since the guest's first sample. */
static double shown(const struct judge *j, const struct pvtb_time_sample *s,
		    const struct pvtb_time_sample *first)
{
	switch (j->kind) {
	case CLOCK_LPT:
		return signed_ticks(s->lpt, first->lpt) * 1e9 / j->m->lpt_pv_hz;
	case CLOCK_KVM:
		return signed_ticks(s->clock, first->clock);
	default:
		return signed_ticks(mid(s->c0, s->c1), first->c0) * j->tick_ns;
	}
}

/* Middle of a reading, in time of @l's clock. */
static double when(const struct judge *j, const struct side *d, const struct line *l,
		   unsigned int vcpu, const struct pvtb_time_sample *s)
{
	const struct migration_bounds *b = &d->phase->bounds[vcpu];
	u64 delta = (u64)b->low + (u64)((b->high - b->low) / 2);

	u64 since = mid(s->c0, s->c1) - delta;

	return raw_at(j, l, d->phase->begin.c1_ticks) +
	       signed_ticks(since, 0) / d->per_host_tick * l->slope;
}

static double error_of(const struct judge *j, const struct side *d, const struct line *l,
		       unsigned int vcpu, const struct pvtb_time_sample *s)
{
	return shown(j, s, &j->m->samples[vcpu][0]) - when(j, d, l, vcpu, s);
}

/* The counter belongs to the middle of its two readings by definition; other clocks were read
 * somewhere in between. */
static double width_ns(const struct judge *j, const struct side *d,
		       const struct pvtb_time_sample *s)
{
	return j->kind == CLOCK_COUNTER ? 0 : (double)(s->c1 - s->c0) / 2 * d->tick_ns;
}

/* Of [first, behind): the one read fastest. */
static const struct pvtb_time_sample *best(const struct judge *j, unsigned int vcpu, u64 first,
					   u64 behind)
{
	const struct pvtb_time_sample *ret = NULL;

	for (u64 i = first; i < behind && i < j->m->taken[vcpu]; i++) {
		const struct pvtb_time_sample *s = &j->m->samples[vcpu][i];

		if (!ret || s->c1 - s->c0 < ret->c1 - ret->c0)
			ret = s;
	}
	return ret;
}

static double half_ns(const struct side *d, unsigned int vcpu)
{
	const struct migration_bounds *b = &d->phase->bounds[vcpu];

	return ((double)(b->high - b->low) / 2 + 1) * d->tick_ns;
}

static int no_bounds(const struct judge *j, struct pvtb_err *err)
{
	for (unsigned int i = 0; i < j->m->nr_vcpus; i++) {
		const struct migration_bounds *b[] = {&j->m->before.bounds[i],
						      &j->m->after.bounds[i]};

		for (size_t k = 0; k < 2; k++) {
			if (!b[k]->seen)
				return pvtb_err_set(err, -ENODATA, "witness",
						    "vCPU %u was not seen running %s the move", i,
						    k ? "after" : "before");
			if (b[k]->low > b[k]->high)
				return pvtb_err_set(
					err, -EPROTO, "witness",
					"counter of vCPU %u %s the move: %lld to %lld ticks from "
					"the host's, which is no distance",
					i, k ? "after" : "before", (long long)b[k]->low,
					(long long)b[k]->high);
		}
	}
	return 0;
}

static void find_jump(struct judge *j)
{
	const struct side *b = &j->before, *a = &j->after;
	u64 behind = b->phase->behind[0], first = a->phase->first[0];
	const struct pvtb_time_sample *last = best(j, 0, behind > NEAR ? behind - NEAR : 0, behind);
	const struct pvtb_time_sample *next = best(j, 0, first, first + NEAR);
	double gap_ns;

	if (!last || !next)
		return;
	gap_ns = when(j, a, &a->line, 0, next) - when(j, b, &b->line, 0, last);
	/* A clock that has always been somewhat off has gone on being so meanwhile: that is not the
	 * move's doing, and with many moves in a row it is more than they are. */
	j->jump_ns = error_of(j, a, &a->line, 0, next) - error_of(j, b, &b->line, 0, last) -
		     j->rate_before * 1e-9 * gap_ns;
	j->unc_ns = half_ns(b, 0) + half_ns(a, 0) + width_ns(j, b, last) + width_ns(j, a, next) +
		    b->line.unc_ns + a->line.unc_ns + j->sync_unc_ns + j->rate_unc * 1e-9 * gap_ns;
	j->late_ns = when(j, a, &a->own, 0, next) -
		     signed_ticks(j->m->received.set.raw_ns, j->origin_ns);
}

/* Against the host's CLOCK_MONOTONIC_RAW, between the beginning and the end of a stay. */
static double rate(const struct judge *j, const struct side *d, u64 first, u64 behind, double *unc)
{
	const struct pvtb_time_sample *s = best(j, 0, first, first + NEAR);
	const struct pvtb_time_sample *e =
		best(j, 0, behind > first + NEAR ? behind - NEAR : first, behind);
	double span;

	if (!s || !e || s->c0 >= e->c0)
		return NAN;
	span = when(j, d, &d->own, 0, e) - when(j, d, &d->own, 0, s);
	*unc = fmax(*unc, (width_ns(j, d, s) + width_ns(j, d, e) + 2 * d->own.unc_ns +
			   2 * d->tick_ns + 2 * j->tick_ns) /
				  span * 1e9);
	return (error_of(j, d, &d->own, 0, e) - error_of(j, d, &d->own, 0, s)) / span * 1e9;
}

/* Sample @i is the first that was not published on the host before, or the one after it: the guest may
 * have been held anywhere in between. */
static bool at_move(u64 i, u64 behind)
{
	return i == behind || i == behind + 1;
}

/* LPT's reader is promised LPT alone: the counter underneath is another one on another host. */
static bool counter_breaks(const struct judge *j, unsigned int vcpu, u64 i)
{
	const struct migration_measured *m = j->m;

	return j->kind == CLOCK_LPT && j->sc->way == PVTB_MIGRATION_HOSTS &&
	       (at_move(i, m->before.behind[vcpu]) ||
		(j->sc->back && at_move(i, m->away.behind[vcpu])));
}

static void find_steps(struct judge *j)
{
	for (unsigned int v = 0; v < j->m->nr_vcpus; v++) {
		const struct pvtb_time_sample *s = j->m->samples[v];

		for (u64 i = 0; i < j->m->taken[v]; i++) {
			bool breaks = counter_breaks(j, v, i);

			j->wrong += s[i].index != i;
			j->steps_back += (s64)(s[i].c1 - s[i].c0) < 0 && !breaks;
			if (!i)
				continue;
			j->pairs++;
			j->steps_back += ((s64)(s[i].c0 - s[i - 1].c1) < 0 && !breaks) ||
					 (s64)(s[i].lpt - s[i - 1].lpt) < 0 ||
					 (s64)(s[i].clock - s[i - 1].clock) < 0;
			j->steal_drops += s[i].steal < s[i - 1].steal;
		}
	}
}

#define SKEW_KNOWN_NS 1e6 /* a counter that was left behind is so by the downtime, milliseconds */

/* Counters known no better than that agree with anything. */
static enum pvtb_status skew_status(const struct judge *j)
{
	if (j->skewed)
		return PVTB_FAIL;
	return j->skew_unc_ns < SKEW_KNOWN_NS ? PVTB_OK : PVTB_INCONCLUSIVE;
}

/* Between vCPUs, after the move: how far their counters may be apart, and whether they must be. */
static void find_skew(struct judge *j)
{
	for (unsigned int v = 1; v < j->m->nr_vcpus; v++) {
		const struct migration_bounds *a = &j->m->after.bounds[0];
		const struct migration_bounds *b = &j->m->after.bounds[v];
		double apart = ((double)(b->low - a->low) + (double)(b->high - a->high)) / 2 *
			       j->after.tick_ns;

		if (fabs(apart) > fabs(j->skew_ns))
			j->skew_ns = apart;
		j->skew_unc_ns =
			fmax(j->skew_unc_ns, half_ns(&j->after, 0) + half_ns(&j->after, v));
		j->skewed |= b->low > a->high || b->high < a->low;
	}
}

/* ---- laws ---- */

static const char *clock_name(const struct judge *j)
{
	return j->kind == CLOCK_LPT ? "LPT" : j->kind == CLOCK_KVM ? "kvmclock" : "the counter";
}

/* A jump that is seen to no better than this shows nothing, however small it is. */
static enum pvtb_status verdict(const struct judge *j, bool holds)
{
	double limit_ns = j->run->emulated ? BLURRED_NS_EMULATED : BLURRED_NS;

	if (!holds)
		return PVTB_FAIL;
	return j->unc_ns > limit_ns ? PVTB_INCONCLUSIVE : PVTB_OK;
}

/* KVM advances the clock by what passed by CLOCK_REALTIME since it was read, but not backwards: without that,
 * or where this host's is behind, it stands still for as long as the guest is out, at most. */
static int law_kvmclock(const struct judge *j, struct pvtb_variant_result *v)
{
	double slack = (j->run->emulated ? KVMCLOCK_NS_EMULATED : KVMCLOCK_NS) + j->unc_ns;
	double out = (double)j->m->blackout_ns, ahead = 0, low;
	const char *expects = "kvmclock goes on as if never stopped";

	if (j->sc->fault == PVTB_MIG_CLOCK_AS_SET) {
		expects = "kvmclock jumps by what the target's CLOCK_REALTIME is ahead, never back";
		ahead = j->ahead_ns;
		slack += j->ahead_unc_ns;
	} else if (!j->sc->kvmclock_real) {
		expects = "kvmclock stands still, for no longer than the guest";
		ahead = -out;
	}
	low = fmax(ahead, -out);
	return pvtb_variant_add_law(
		v, "continuity", expects,
		verdict(j, j->jump_ns >= low - slack && j->jump_ns <= fmax(ahead, 0) + slack),
		"jump %.0f ns, %.0f to %.0f expected, +- %.0f", j->jump_ns, low, fmax(ahead, 0),
		slack);
}

static int law_jump(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	/* Until it is looked at, a counter of another frequency has gone astray already. */
	double off, allowed, want = j->kind == CLOCK_LPT ? 0 : (j->ratio - 1) * j->late_ns;
	const char *expects;

	if (j->kind == CLOCK_KVM)
		return law_kvmclock(j, v);
	if (j->sc->method == PVTB_MIG_BY_VALUE) {
		want += m->predicted_ns;
		expects = "by value: behind by what passed between reading and writing it";
	} else {
		expects = "as if the guest had never been away";
	}
	off = fabs(j->jump_ns - want);
	allowed = j->unc_ns + m->predicted_unc_ns;
	return pvtb_variant_add_law(v, "continuity", expects, verdict(j, off <= allowed),
				    "%s jumped %.0f ns +- %.0f, expected %.0f +- %.0f",
				    clock_name(j), j->jump_ns, j->unc_ns, want,
				    m->predicted_unc_ns);
}

static int law_delay(const struct judge *j, struct pvtb_variant_result *v)
{
	double delay_ns = j->sc->delay_us * 1e3;

	if (j->sc->method != PVTB_MIG_BY_VALUE || !j->sc->delay_us)
		return 0;
	return pvtb_variant_add_law(v, "brittle", "the VMM's delay is in the guest's time",
				    j->jump_ns > j->unc_ns - delay_ns ? PVTB_FAIL
				    : j->unc_ns >= delay_ns	      ? PVTB_INCONCLUSIVE
								      : PVTB_OK,
				    "delayed by %.0f ns, jumped %.0f ns", delay_ns, j->jump_ns);
}

static int law_rate(const struct judge *j, struct pvtb_variant_result *v)
{
	double want = j->rate_before;
	enum pvtb_status status = PVTB_OK;
	char expects[128];

	if (j->kind == CLOCK_COUNTER && j->ratio != 1) {
		want = ((1 + j->rate_before * 1e-9) * j->ratio - 1) * 1e9;
		snprintf(expects, sizeof(expects),
			 "wrong by the ratio of the frequencies, %.9g, and by nothing else",
			 j->ratio);
		/* a ratio that cannot be told from 1 */
		if (fabs(want - j->rate_before) <= 2 * j->rate_unc)
			status = PVTB_INCONCLUSIVE;
	} else {
		snprintf(expects, sizeof(expects), "the same before and after");
	}
	return pvtb_variant_add_law(v, "rate", expects,
				    fabs(j->rate_after - want) > 2 * j->rate_unc ? PVTB_FAIL
										 : status,
				    "%.0f and %.0f ppb off the host's clock, +- %.0f",
				    j->rate_before, j->rate_after, j->rate_unc);
}

/* Where it was watched for long enough to tell. */
static int law_true_rate(const struct judge *j, struct pvtb_variant_result *v)
{
	double off = fabs(j->rate_after);
	enum pvtb_status status = off - j->rate_unc > TRUE_PPB	 ? PVTB_FAIL
				  : off + j->rate_unc > TRUE_PPB ? PVTB_INCONCLUSIVE
								 : PVTB_OK;

	if (j->kind != CLOCK_LPT || j->sc->after_ms < 10000)
		return 0;
	return pvtb_variant_add_law(v, "true", "less than 1 ppm off the true rate", status,
				    "%.0f ppb +- %.0f in %u s", j->rate_after, j->rate_unc,
				    j->sc->after_ms / 1000);
}

/* DEN 0057A: an update moves the number by 2, and there is one for each time the VM is started. */
static u64 sequence_moved(const struct judge *j)
{
	return j->m->lpt_end.sequence_number - j->m->lpt_left;
}

static int law_sequence(const struct judge *j, struct pvtb_variant_result *v)
{
	u64 want = 2ULL * j->m->times, moved = sequence_moved(j);

	if (j->kind != CLOCK_LPT)
		return 0;
	return pvtb_variant_add_law(v, "sequence", "LPT's number moves by 2 with each move",
				    moved == want ? PVTB_OK : PVTB_FAIL, "by %llu in %u",
				    (unsigned long long)moved, j->m->times);
}

/* What the VMM must have done wrong for it to be as it is; gravest first. */
static const char *name_fault(const struct judge *j)
{
	double slack = j->run->emulated ? KVMCLOCK_NS_EMULATED : KVMCLOCK_NS;

	if (j->kind == CLOCK_LPT && !sequence_moved(j))
		return "LPT's sequence number does not move";
	if (j->kind == CLOCK_LPT && j->m->nr_vcpus > 1 &&
	    sequence_moved(j) == 2ULL * j->m->times * j->m->nr_vcpus)
		return "LPT is updated once per vCPU";
	if (j->skewed)
		return "the counter's offset is one vCPU's only";
	if (j->sc->kvmclock_real && j->jump_ns < -slack - j->unc_ns &&
	    j->jump_ns > -(double)j->m->blackout_ns - slack - j->unc_ns)
		return "kvmclock was set without the time in between";
	return NULL;
}

/* What is 0 when the guest leaves cannot drop. */
static enum pvtb_status stolen_status(u64 drops, u64 before_ns)
{
	if (drops)
		return PVTB_FAIL;
	return before_ns ? PVTB_OK : PVTB_INCONCLUSIVE;
}

static int add_laws(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	int ret;

	ret = pvtb_variant_add_law(v, "whole", "the guest goes on where it was, nothing is missing",
				   j->wrong ? PVTB_FAIL : PVTB_OK,
				   "%llu samples, %llu not where they belong; %llu before the move",
				   (unsigned long long)m->taken[0], (unsigned long long)j->wrong,
				   (unsigned long long)m->before.behind[0]);
	ret = ret ?: law_jump(j, v);
	ret = ret ?: law_delay(j, v);
	ret = ret
		      ?: pvtb_variant_add_law(v, "monotonic", "no clock ever steps back",
					      j->steps_back ? PVTB_FAIL
					      : j->pairs    ? PVTB_OK
							    : PVTB_INCONCLUSIVE,
					      "%llu steps back in %llu pairs of samples",
					      (unsigned long long)j->steps_back,
					      (unsigned long long)j->pairs);
	ret = ret ?: law_sequence(j, v);
	ret = ret ?: law_rate(j, v);
	ret = ret ?: law_true_rate(j, v);
	if (j->run->caps.steal)
		ret = ret
			      ?: pvtb_variant_add_law(
					 v, "stolen", "stolen time never drops",
					 stolen_status(
						 j->steal_drops,
						 m->samples[0][m->before.behind[0] - 1].steal),
					 "%llu drops, %llu ns in the end",
					 (unsigned long long)j->steal_drops,
					 (unsigned long long)m->samples[0][m->taken[0] - 1].steal);
	if (m->nr_vcpus > 1)
		ret = ret
			      ?: pvtb_variant_add_law(v, "skew", "the vCPUs' counters agree",
						      skew_status(j), "%.0f ns +- %.0f apart",
						      j->skew_ns, j->skew_unc_ns);
	return ret;
}

static int ns(struct pvtb_variant_result *v, const char *name, double value, double unc, u64 n)
{
	return pvtb_variant_add_metric(v, name, PVTB_UNIT_NS, PVTB_KIND_TIME,
				       PVTB_NEITHER_IS_BETTER, value, value - unc, value + unc, n);
}

static int add_metrics(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	const struct pvtb_mig_sent *s = &m->sent;
	double mib = (double)s->bytes / (1 << 20);
	int ret = ns(v, "jump", j->jump_ns, j->unc_ns, m->times);

	ret = ret ?: ns(v, "jump.unc", j->unc_ns, NAN, m->times);
	if (m->received.predicted && j->kind != CLOCK_KVM)
		ret = ret ?: ns(v, "predicted", m->predicted_ns, m->predicted_unc_ns, m->times);
	ret = ret
		      ?: pvtb_variant_add_metric(
				 v, "blackout", PVTB_UNIT_NS, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER,
				 (double)m->longest_blackout_ns, NAN, NAN, m->times);
	ret = ret
		      ?: pvtb_variant_add_metric(v, "rate.before", PVTB_UNIT_PPB, PVTB_KIND_TIME,
						 PVTB_NEITHER_IS_BETTER, j->rate_before,
						 j->rate_before - j->rate_unc,
						 j->rate_before + j->rate_unc, m->before.behind[0]);
	ret = ret
		      ?: pvtb_variant_add_metric(
				 v, "rate.after", PVTB_UNIT_PPB, PVTB_KIND_TIME,
				 PVTB_NEITHER_IS_BETTER, j->rate_after, j->rate_after - j->rate_unc,
				 j->rate_after + j->rate_unc, m->taken[0] - m->after.first[0]);
	ret = ret
		      ?: pvtb_variant_add_metric(v, "steps_back", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
						 PVTB_LOWER_IS_BETTER, (double)j->steps_back, NAN,
						 NAN, j->pairs);
	if (m->nr_vcpus > 1)
		ret = ret ?: ns(v, "skew", j->skew_ns, j->skew_unc_ns, m->nr_vcpus);
	if (j->sc->way == PVTB_MIGRATION_HOSTS && j->kind == CLOCK_KVM)
		ret = ret ?: ns(v, "realtime.ahead", j->ahead_ns, j->ahead_unc_ns, 2);
	if (j->sc->way == PVTB_MIGRATION_HOSTS) {
		ret = ret ?: ns(v, "sync.unc", j->sync_unc_ns, NAN, 2);
		ret = ret
			      ?: pvtb_variant_add_metric(v, "clock_drift", PVTB_UNIT_PPB,
							 PVTB_KIND_TIME, PVTB_NEITHER_IS_BETTER,
							 j->drift_ppb, NAN, NAN, 2);
		ret = ret
			      ?: pvtb_variant_add_metric(v, "ratio", PVTB_UNIT_COUNT,
							 PVTB_KIND_COUNT, PVTB_NEITHER_IS_BETTER,
							 j->ratio, NAN, NAN, 1);
	}
	ret = ret
		      ?: pvtb_variant_add_metric(v, "pages.last", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
						 PVTB_LOWER_IS_BETTER, (double)s->last_pages, NAN,
						 NAN, s->rounds);
	if (s->copy_ns)
		ret = ret
			      ?: pvtb_variant_add_metric(v, "precopy.mib_s", PVTB_UNIT_PER_SECOND,
							 PVTB_KIND_TIME, PVTB_HIGHER_IS_BETTER,
							 mib / ((double)s->copy_ns / 1e9), NAN, NAN,
							 1);
	return ret;
}

/* For the picture: guest's time minus the source's, at moments all over the run. */
#define SERIES	       384
#define INTERRUPTED_NS 200000

static const struct side *side_of(const struct judge *j, u64 sample)
{
	const struct migration_measured *m = j->m;

	/* In between several moves only the first and the last host were watched. */
	if (sample < m->before.behind[0])
		return &j->before;
	if (j->sc->back && sample >= m->away.first[0] && sample < m->away.behind[0] &&
	    m->away.bounds[0].seen)
		return &j->away;
	return sample >= m->after.first[0] ? &j->after : NULL;
}

static int add_series(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	const char *method =
		j->kind == CLOCK_KVM ? "kvmclock" : pvtb_mig_method_names[j->sc->method];
	json_t *t = json_array(), *e = json_array();
	u64 step = m->taken[0] / SERIES + 1, last = m->before.behind[0] - 1;

	for (u64 i = 0; i < m->taken[0]; i += step) {
		const struct pvtb_time_sample *s = &m->samples[0][i];
		const struct side *d = side_of(j, i);

		/* one that was interrupted belongs to no moment */
		if (!d || (double)(s->c1 - s->c0) * d->tick_ns > INTERRUPTED_NS)
			continue;
		json_array_append_new(t, json_real(when(j, d, &d->line, 0, s)));
		json_array_append_new(e, json_real(error_of(j, d, &d->line, 0, s)));
	}
	v->detail = v->detail ?: json_object();
	if (!v->detail || json_object_set_new(v->detail, "time_ns", t) ||
	    json_object_set_new(v->detail, "error_ns", e) ||
	    json_object_set_new(v->detail, "method", json_string(method)) ||
	    json_object_set_new(
		    v->detail, "moved_ns",
		    json_real(when(j, &j->before, &j->before.line, 0, &m->samples[0][last]))) ||
	    json_object_set_new(v->detail, "not_restored", json_string(m->received.skipped)))
		return -ENOMEM;
	return 0;
}

/* The other host's clock in terms of the source's, by the comparisons before and after: one offset where
 * both agree, and a drift where they do not (two kernels may think differently of one frequency). */
static void join_clocks(struct judge *j, struct side *d)
{
	const struct pvtb_mig_sync *s = j->m->sync;
	double o0 = (double)s[0].offset_ns, o1 = (double)s[1].offset_ns;
	double u0 = (double)s[0].unc_ns, u1 = (double)s[1].unc_ns;
	double low = fmax(o0 - u0, o1 - u1), high = fmin(o0 + u0, o1 + u1), at;
	double r0 = (double)s[0].real_offset_ns, r1 = (double)s[1].real_offset_ns;

	j->ahead_ns = -(r0 + r1) / 2;
	j->ahead_unc_ns = fmax(u0, u1) + fabs(r1 - r0) / 2;
	if (low <= high) {
		j->sync_unc_ns = (high - low) / 2;
		d->line.raw_ns += (u64)(s64)llround((low + high) / 2);
		return;
	}
	j->drift_ppb = (o1 - o0) / signed_ticks(s[1].at_ns, s[0].at_ns) * 1e9;
	at = o0 + signed_ticks(d->line.raw_ns, s[0].at_ns) * j->drift_ppb * 1e-9;
	j->sync_unc_ns = u0 + u1;
	d->line.raw_ns += (u64)(s64)llround(at);
	d->line.slope *= 1 + j->drift_ppb * 1e-9;
}

static void make_side(struct side *d, const struct migration_phase *phase)
{
	d->phase = phase;
	d->tick_ns = 1e9 / (double)phase->guest_hz;
	d->per_host_tick = (double)phase->guest_hz / (double)phase->host_hz;
	instants(&d->own, &phase->begin, &phase->end);
	d->line = d->own;
}

static void make_sides(struct judge *j)
{
	const struct pvtb_migration_scenario *sc = j->sc;
	const struct migration_measured *m = j->m;
	bool hosts = sc->way == PVTB_MIGRATION_HOSTS;

	j->ratio = (double)m->after.guest_hz / (double)m->before.guest_hz;
	make_side(&j->before, &m->before);
	make_side(&j->after, &m->after);
	if (hosts && !sc->back)
		join_clocks(j, &j->after);
	if (!sc->back)
		return;
	make_side(&j->away, &m->away);
	/* Back home by the clock it left by: how the two compare is in the picture alone. */
	join_clocks(j, &j->away);
	j->sync_unc_ns = 0;
}

int migration_judge(const struct pvtb_migration_scenario *sc, const struct pvtb_run *run,
		    struct migration_measured *m, struct pvtb_variant_result *v,
		    struct pvtb_err *err)
{
	struct judge j = {
		.sc = sc,
		.run = run,
		.m = m,
		.kind = sc->method == PVTB_MIG_BY_LPT ? CLOCK_LPT
			: sc->kvmclock		      ? CLOCK_KVM
						      : CLOCK_COUNTER,
		.origin_ns = m->before.begin.raw_ns,
		.tick_ns = 1e9 / (double)m->counter_hz,
	};
	int ret = no_bounds(&j, err);

	if (ret)
		return ret;
	make_sides(&j);
	j.rate_before = rate(&j, &j.before, m->before.first[0], m->before.behind[0], &j.rate_unc);
	j.rate_after = rate(&j, &j.after, m->after.first[0], m->taken[0], &j.rate_unc);
	if (!isfinite(j.rate_before) || !isfinite(j.rate_after))
		return pvtb_err_set(err, -ENODATA, "migration", "too few samples: %llu and %llu",
				    (unsigned long long)m->before.behind[0],
				    (unsigned long long)(m->taken[0] - m->after.first[0]));
	find_jump(&j);
	find_steps(&j);
	find_skew(&j);
	m->found = name_fault(&j);
	ret = add_laws(&j, v);
	ret = ret ?: add_metrics(&j, v);
	ret = ret ?: add_series(&j, v);
	return ret ? pvtb_err_sys(err, -ENOMEM, "result") : 0;
}
