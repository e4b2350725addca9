// SPDX-License-Identifier: GPL-2.0-only
/* Owns what a difference means: which metrics are judged, how much is none, the verdict, and what would
 * settle it where there is none. */
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "compare/pair.h"
#include "report/quantity.h"

#define TIME_THRESHOLD 0.01  /* of the old value, where none is set */
#define VMM_THRESHOLD  0.005 /* instructions that include the VMM's own */
#define MORE_THAN      1000  /* runs: beyond that no number is given */

/* ---- what is judged ---- */

bool pvtb_compare_matches(const char *const *patterns, size_t nr, const char *name)
{
	bool found = !nr;

	for (size_t i = 0; i < nr && !found; i++)
		found = !fnmatch(patterns[i], name, 0);
	return found;
}

/*
 * Judged when nothing is asked for. Of an operation: the median of single ops, and for time the cost by
 * batches, which sees fractions of a tick. Where instructions are counted, the tail too, and the mean:
 * a path that one op in many takes shows there alone. (The VMM's own tail beyond 1 % is the host's
 * ticks.) Of anything else: all that has a better and a worse.
 */
bool pvtb_compare_judged(const struct pvtb_compare_opts *o, const struct pvtb_variant_result *v,
			 const struct pvtb_metric *m)
{
	if (o->nr_stats)
		return pvtb_compare_matches(o->stats, o->nr_stats, m->name);
	if (!pvtb_variant_metric(v, "p50"))
		return m->direction != PVTB_NEITHER_IS_BETTER;
	if (!strcmp(m->name, "p50"))
		return true;
	if (m->kind == PVTB_KIND_TIME)
		return !strcmp(m->name, "batch.corrected");
	return !strcmp(m->name, "p99") || !strcmp(m->name, "mean") ||
	       (!strcmp(m->name, "p99.9") && strcmp(v->provider, "vmm"));
}

bool pvtb_compare_kept(const struct pvtb_compare_opts *o, const struct pvtb_variant_result *v,
		       const struct pvtb_metric *m)
{
	static const struct {
		const char *name, *for_metric;
	} needed[] = {{"centre", "p50"}, {"max", "mean"},  {"p50", "mean"},
		      {"max", "p99.9"},	 {"p50", "p99.9"}, {"p99", "p99.9"}};

	if (pvtb_compare_judged(o, v, m))
		return true;
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(needed); i++) {
		const struct pvtb_metric *f = pvtb_variant_metric(v, needed[i].for_metric);

		if (!strcmp(m->name, needed[i].name) && f && pvtb_compare_judged(o, v, f))
			return true;
	}
	return false;
}

/* How much the single samples that were interrupted can move a mean of all of them: two more of them,
 * or two less, are no difference of the operation. */
static double disturbance(const struct pvtb_variant_result *v)
{
	const struct pvtb_metric *max = pvtb_variant_metric(v, "max"),
				 *p50 = pvtb_variant_metric(v, "p50");

	return max && p50 && max->n ? 2 * (max->value - p50->value) / (double)max->n : 0;
}

/*
 * The same for p99.9: of a few thousand samples as many lie above it as a timer interrupts. Where it is
 * nearer to the worst sample than to the median, and p99 is not, it is one of those.
 */
static double disturbed_tail(const struct pvtb_variant_result *v)
{
	const struct pvtb_metric *max = pvtb_variant_metric(v, "max"),
				 *p50 = pvtb_variant_metric(v, "p50"),
				 *p99 = pvtb_variant_metric(v, "p99"),
				 *tail = pvtb_variant_metric(v, "p99.9");
	double half;

	if (!max || !p50 || !p99 || !tail)
		return 0;
	half = (max->value - p50->value) / 2;
	if (tail->value - p50->value < half || p99->value - p50->value >= half)
		return 0;
	return tail->value - p50->value;
}

double pvtb_compare_exact_threshold(const struct pvtb_variant_result *old,
				    const struct pvtb_variant_result *new, const char *metric,
				    double old_value)
{
	double t = 0;

	/* what leaves the kernel meets the scheduler, and the VMM's own code */
	if (!strcmp(new->provider, "vmm"))
		t = VMM_THRESHOLD * fabs(old_value);
	if (!strcmp(metric, "mean"))
		t = fmax(t, fmax(disturbance(old), disturbance(new)));
	if (!strcmp(metric, "p99.9"))
		t = fmax(t, fmax(disturbed_tail(old), disturbed_tail(new)));
	return t;
}

void pvtb_compare_set_threshold(const struct pvtb_compare_opts *o,
				const struct pvtb_compare_pair *p, struct pvtb_compare_row *row)
{
	double shown_old = pvtb_shown_value(row->host, row->unit, row->s.old_value);
	double one = pvtb_shown_value(row->host, row->unit, 1);
	char name[256];

	snprintf(name, sizeof(name), "%s.%s.%s", row->bench, row->variant, row->metric);
	if (pvtb_threshold_of(o->thresholds, name, shown_old, &row->threshold))
		row->threshold /= one;
	else if (row->exact)
		row->threshold = pvtb_compare_exact_threshold(
			p->variant[0][pvtb_compare_first(p, 0)],
			p->variant[1][pvtb_compare_first(p, 1)], row->metric, row->s.old_value);
	else
		row->threshold = TIME_THRESHOLD * fabs(row->s.old_value);
}

static enum pvtb_verdict direction_of(const struct pvtb_compare_row *row)
{
	if (row->direction == PVTB_NEITHER_IS_BETTER)
		return PVTB_CHANGED;
	return (row->s.shift > 0) == (row->direction == PVTB_HIGHER_IS_BETTER) ? PVTB_BETTER
									       : PVTB_WORSE;
}

/* Half of the interval that would settle it nine times in ten, were the difference what it looks like:
 * as no difference, or as this one. */
static double settling_half(const struct pvtb_comparison *c, const struct pvtb_compare_row *row)
{
	const double z = pvtb_t_critical(0.05, INFINITY), power = pvtb_t_critical(0.2, INFINITY);
	double shift = fabs(row->s.shift), tests = (double)(c->tests ? c->tests : 1);

	if (shift <= row->threshold)
		return (row->threshold - shift) * z / (z + power);
	return z * fmin(shift / (pvtb_t_critical(c->alpha / tests, INFINITY) + power),
			(shift - row->threshold) / power);
}

/* How much longer it would have to be measured: an interval shrinks with the square root. */
static void set_needed(const struct pvtb_comparison *c, struct pvtb_compare_row *row)
{
	const struct pvtb_shift *s = &row->s;
	double half = fmax(s->high - s->shift, s->shift - s->low), target, factor;
	double runs = (double)(s->old_runs < s->new_runs ? s->old_runs : s->new_runs);
	double samples = (double)(s->old_n < s->new_n ? s->old_n : s->new_n) / runs;

	if (s->spread == PVTB_SPREAD_NONE || !isfinite(half)) {
		row->needed_runs = 4;
		return;
	}
	target = settling_half(c, row);
	factor = target > 0 ? half / target * (half / target) : (double)INFINITY;
	factor = fmax(factor, 1.1);
	if (s->old_runs > 1 || s->new_runs > 1 || s->spread == PVTB_SPREAD_DRIFT ||
	    s->old_n == s->old_runs) {
		/* drift in single runs is settled by several */
		double want =
			ceil(fmin(fmax(runs, s->spread == PVTB_SPREAD_DRIFT ? 4 : runs) * factor,
				  MORE_THAN + 1));

		row->needed_runs = (u64)fmax(want, runs + 1);
		if (row->needed_runs < 4)
			row->needed_runs = 4;
		return;
	}
	row->needed_samples = (u64)fmin(ceil(samples * factor / 1000) * 1000, 1e15);
}

void pvtb_compare_set_verdict(const struct pvtb_comparison *c, struct pvtb_compare_row *row)
{
	const struct pvtb_shift *s = &row->s;
	/* values went through decimal text and divisions */
	double limit = row->threshold * (1 + 1e-9) + fabs(s->old_value) * 1e-12;
	bool beyond = s->low > 0 || s->high < 0;

	if (isfinite(s->low) && s->low >= -limit && s->high <= limit) {
		row->verdict = PVTB_SAME;
	} else if (row->exact) {
		row->verdict = s->low > limit || s->high < -limit ? direction_of(row) : PVTB_UNSURE;
		if (row->verdict == PVTB_UNSURE)
			row->needed_runs = 0;
	} else if (beyond && row->p_holm < c->alpha && fabs(s->shift) > limit) {
		row->verdict = direction_of(row);
	} else {
		row->verdict = PVTB_UNSURE;
		set_needed(c, row);
	}
}
