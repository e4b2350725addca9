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
#define KVMCLOCK_NS	     20000.0
#define KVMCLOCK_NS_EMULATED 1000000.0

enum clock_kind { CLOCK_COUNTER, CLOCK_LPT, CLOCK_KVM };

/* Host counter -> CLOCK_MONOTONIC_RAW, a line through two instants; ns relative to an origin. */
struct line {
	u64 c, raw_ns;
	double slope; /* ns per tick */
	double unc_ns;
};

struct judge {
	const struct pvtb_migration_scenario *sc;
	const struct pvtb_run *run;
	struct migration_measured *m;
	enum clock_kind kind;
	struct line before, after;
	u64 origin_ns;
	double tick_ns;
	double jump_ns, unc_ns;			  /* of vCPU 0 */
	double rate_before, rate_after, rate_unc; /* ppb against the host's clock */
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

static double error_of(const struct judge *j, const struct line *l, unsigned int vcpu,
		       const struct migration_bounds *b, const struct pvtb_time_sample *s)
{
	u64 delta = (u64)b->low + (u64)((b->high - b->low) / 2);

	return shown(j, s, &j->m->samples[vcpu][0]) - raw_at(j, l, mid(s->c0, s->c1) - delta);
}

/* The counter belongs to the middle of its two readings by definition; other clocks were read
 * somewhere in between. */
static double width_ns(const struct judge *j, const struct pvtb_time_sample *s)
{
	return j->kind == CLOCK_COUNTER ? 0 : (double)(s->c1 - s->c0) / 2 * j->tick_ns;
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

static double half_ns(const struct judge *j, const struct migration_bounds *b)
{
	return ((double)(b->high - b->low) / 2 + 1) * j->tick_ns;
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
	struct migration_measured *m = j->m;
	const struct migration_bounds *b = &m->before.bounds[0], *a = &m->after.bounds[0];
	u64 behind = m->before.behind[0], first = m->after.first[0];
	const struct pvtb_time_sample *last = best(j, 0, behind > NEAR ? behind - NEAR : 0, behind);
	const struct pvtb_time_sample *next = best(j, 0, first, first + NEAR);

	if (!last || !next)
		return;
	j->jump_ns = error_of(j, &j->after, 0, a, next) - error_of(j, &j->before, 0, b, last);
	j->unc_ns = half_ns(j, b) + half_ns(j, a) + width_ns(j, last) + width_ns(j, next) +
		    j->before.unc_ns + j->after.unc_ns;
}

/* Against CLOCK_MONOTONIC_RAW, between the beginning and the end of a phase. */
static double rate(const struct judge *j, const struct line *l, const struct migration_bounds *b,
		   u64 first, u64 behind, double *unc)
{
	const struct pvtb_time_sample *s = best(j, 0, first, first + NEAR);
	const struct pvtb_time_sample *e =
		best(j, 0, behind > first + NEAR ? behind - NEAR : first, behind);
	double span;

	if (!s || !e || s->c0 >= e->c0)
		return NAN;
	span = (double)(e->c0 - s->c0) * j->tick_ns;
	*unc = fmax(*unc, (width_ns(j, s) + width_ns(j, e) + 2 * l->unc_ns + 2 * j->tick_ns) /
				  span * 1e9);
	return (error_of(j, l, 0, b, e) - error_of(j, l, 0, b, s)) / span * 1e9;
}

static void find_steps(struct judge *j)
{
	for (unsigned int v = 0; v < j->m->nr_vcpus; v++) {
		const struct pvtb_time_sample *s = j->m->samples[v];

		for (u64 i = 0; i < j->m->taken[v]; i++) {
			j->wrong += s[i].index != i;
			j->steps_back += (s64)(s[i].c1 - s[i].c0) < 0;
			if (!i)
				continue;
			j->pairs++;
			j->steps_back += (s64)(s[i].c0 - s[i - 1].c1) < 0 ||
					 (s64)(s[i].lpt - s[i - 1].lpt) < 0 ||
					 (s64)(s[i].clock - s[i - 1].clock) < 0;
			j->steal_drops += s[i].steal < s[i - 1].steal;
		}
	}
}

/* Between vCPUs, after the move: how far their counters may be apart, and whether they must be. */
static void find_skew(struct judge *j)
{
	for (unsigned int v = 1; v < j->m->nr_vcpus; v++) {
		const struct migration_bounds *a = &j->m->after.bounds[0];
		const struct migration_bounds *b = &j->m->after.bounds[v];
		double apart =
			((double)(b->low - a->low) + (double)(b->high - a->high)) / 2 * j->tick_ns;

		if (fabs(apart) > fabs(j->skew_ns))
			j->skew_ns = apart;
		j->skew_unc_ns = fmax(j->skew_unc_ns, half_ns(j, a) + half_ns(j, b));
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

static int law_jump(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	double off, allowed, want = 0;
	const char *expects;

	if (j->kind == CLOCK_KVM) {
		double slack = j->run->emulated ? KVMCLOCK_NS_EMULATED : KVMCLOCK_NS;

		/* Without KVM_CLOCK_REALTIME it stands still from KVM_GET_CLOCK to KVM_SET_CLOCK. */
		double lost = j->sc->kvmclock_real ? 0 : (double)m->blackout_ns;

		return pvtb_variant_add_law(
			v, "continuity",
			j->sc->kvmclock_real
				? "kvmclock goes on as if never stopped"
				: "kvmclock stands still, for no longer than the guest",
			verdict(j, j->jump_ns <= slack + j->unc_ns &&
					   j->jump_ns >= -lost - slack - j->unc_ns),
			"jump %.0f ns +- %.0f, KVM's own readings %.0f, guest out for %.0f ns",
			j->jump_ns, j->unc_ns, slack, (double)m->blackout_ns);
	}
	if (j->sc->method == PVTB_MIG_BY_VALUE) {
		want = m->predicted_ns;
		expects = "by value: behind by what passed between reading and writing it";
	} else {
		expects = "as if the guest had never been away";
	}
	off = fabs(j->jump_ns - want);
	allowed = j->unc_ns + m->predicted_unc_ns;
	return pvtb_variant_add_law(v, "continuity", expects, verdict(j, off <= allowed),
				    "%s jumped %.0f ns +- %.0f, expected %.0f +- %.0f",
				    clock_name(j), j->jump_ns, j->unc_ns, m->predicted_ns,
				    m->predicted_unc_ns);
}

static int law_delay(const struct judge *j, struct pvtb_variant_result *v)
{
	double delay_ns = j->sc->delay_us * 1e3;

	if (j->sc->method != PVTB_MIG_BY_VALUE || !j->sc->delay_us)
		return 0;
	return pvtb_variant_add_law(v, "brittle", "the VMM's delay is in the guest's time",
				    j->jump_ns <= j->unc_ns - delay_ns ? PVTB_OK : PVTB_FAIL,
				    "delayed by %.0f ns, jumped %.0f ns", delay_ns, j->jump_ns);
}

static int add_laws(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	double drift = fabs(j->rate_after - j->rate_before);
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
					      j->steps_back ? PVTB_FAIL : PVTB_OK,
					      "%llu steps back in %llu pairs of samples",
					      (unsigned long long)j->steps_back,
					      (unsigned long long)j->pairs);
	ret = ret
		      ?: pvtb_variant_add_law(v, "rate", "the same before and after",
					      drift <= 2 * j->rate_unc ? PVTB_OK : PVTB_FAIL,
					      "%.0f and %.0f ppb off the host's clock, +- %.0f",
					      j->rate_before, j->rate_after, j->rate_unc);
	if (j->run->caps.steal)
		ret = ret
			      ?: pvtb_variant_add_law(
					 v, "stolen", "stolen time never drops",
					 j->steal_drops ? PVTB_FAIL : PVTB_OK,
					 "%llu drops, %llu ns in the end",
					 (unsigned long long)j->steal_drops,
					 (unsigned long long)m->samples[0][m->taken[0] - 1].steal);
	if (m->nr_vcpus > 1)
		ret = ret
			      ?: pvtb_variant_add_law(v, "skew", "the vCPUs' counters agree",
						      j->skewed ? PVTB_FAIL : PVTB_OK,
						      "%.0f ns +- %.0f apart", j->skew_ns,
						      j->skew_unc_ns);
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

/* For the picture: guest's time minus the host's, at moments all over the run. */
#define SERIES 256
static int add_series(const struct judge *j, struct pvtb_variant_result *v)
{
	const struct migration_measured *m = j->m;
	json_t *t = json_array(), *e = json_array();
	u64 step = m->taken[0] / SERIES + 1;

	for (u64 i = 0; i < m->taken[0]; i += step) {
		const struct pvtb_time_sample *s = &m->samples[0][i];
		bool after = i >= m->after.first[0];
		const struct line *l = after ? &j->after : &j->before;
		const struct migration_bounds *b =
			after ? &m->after.bounds[0] : &m->before.bounds[0];
		u64 delta = (u64)b->low + (u64)((b->high - b->low) / 2);

		/* In between several moves only the first and the last host were watched. */
		if (!after && i >= m->before.behind[0])
			continue;
		json_array_append_new(t, json_real(raw_at(j, l, mid(s->c0, s->c1) - delta)));
		json_array_append_new(e, json_real(error_of(j, l, 0, b, s)));
	}
	v->detail = v->detail ?: json_object();
	if (!v->detail || json_object_set_new(v->detail, "time_ns", t) ||
	    json_object_set_new(v->detail, "error_ns", e) ||
	    json_object_set_new(v->detail, "not_restored", json_string(m->received.skipped)))
		return -ENOMEM;
	return 0;
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
	instants(&j.before, &m->before.begin, &m->before.end);
	instants(&j.after, &m->after.begin, &m->after.end);
	find_jump(&j);
	j.rate_before = rate(&j, &j.before, &m->before.bounds[0], m->before.first[0],
			     m->before.behind[0], &j.rate_unc);
	j.rate_after = rate(&j, &j.after, &m->after.bounds[0], m->after.first[0], m->taken[0],
			    &j.rate_unc);
	if (!isfinite(j.rate_before) || !isfinite(j.rate_after))
		return pvtb_err_set(err, -ENODATA, "migration", "too few samples: %llu and %llu",
				    (unsigned long long)m->before.behind[0],
				    (unsigned long long)(m->taken[0] - m->after.first[0]));
	find_steps(&j);
	find_skew(&j);
	ret = add_laws(&j, v);
	ret = ret ?: add_metrics(&j, v);
	ret = ret ?: add_series(&j, v);
	return ret ? pvtb_err_sys(err, -ENOMEM, "result") : 0;
}
