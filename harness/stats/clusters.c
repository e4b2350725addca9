// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns clusters: which samples belong together, what the step of a run's counter is, and the variance
 * that clusters of samples leave.
 */
#include "stats/clusters.h"

#include <math.h>
#include <string.h>

#include "core/random.h"

#define BLOCK_MIN 4    /* samples */
#define SKETCH	  64   /* quantiles that stand for a block in the bootstrap */
#define FINE	  1024 /* places within a step */
#define NEAR	  1e-3 /* units that differ by less are one counter's, measured again */
#define FARTHEST  0x1p60
#define DRIFT_T	  2.0  /* a slope this many standard errors from none is a drift */
#define OUTER	  0.05 /* on either side is drawn in */

/* ---- the steps of counters ---- */

static u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static u64 magnitude(s64 v)
{
	return v < 0 ? 0 - (u64)v : (u64)v;
}

static double unit_of(const struct pvtb_series *s)
{
	return s->unit > 0 ? s->unit : 1;
}

struct steps {
	u64 common; /* divisor of all values */
	bool moves; /* there are two values at least */
};

static struct steps steps_of(const struct pvtb_series *s)
{
	struct steps ret = {0};

	for (size_t i = 0; i < s->n && (ret.common != 1 || !ret.moves); i++) {
		ret.common = gcd(ret.common, magnitude(s->values[i]));
		ret.moves |= s->values[i] != s->values[0];
	}
	return ret;
}

/* A run's step in its own values: what all values of its counter are multiples of, in all runs that
 * were measured by it. One value says nothing of steps: then it is 1. */
static double step_of(const struct pvtb_series *const *runs, const struct steps *known, size_t n,
		      size_t of)
{
	u64 step = 0;
	bool moves = false;

	for (size_t r = 0; r < n; r++) {
		if (fabs(unit_of(runs[r]) / unit_of(runs[of]) - 1) > NEAR)
			continue;
		step = gcd(step, known[r].common);
		moves |= known[r].moves || runs[r]->values[0] != runs[of]->values[0];
	}
	return moves && step ? (double)step : 1;
}

/* ---- samples cut into blocks ---- */

static int cmp_placed(const void *a, const void *b)
{
	const struct pvtb_placed *x = a, *y = b;

	if (x->value != y->value)
		return (x->value > y->value) - (x->value < y->value);
	return (x->block > y->block) - (x->block < y->block);
}

void pvtb_side_free(struct pvtb_cluster_side *s)
{
	free(s->all);
	s->all = NULL;
}

/* Evenly spaced ranks of each block stand for it. */
static void mark_sketch(struct pvtb_cluster_side *s)
{
	size_t seen[PVTB_BLOCKS_MAX] = {0};

	for (size_t i = 0; i < s->n; i++) {
		size_t b = s->all[i].block, r = seen[b]++, n = s->size[b];

		if (n <= SKETCH)
			s->all[i].weight = 1;
		else
			s->all[i].weight = (r + 1) * SKETCH / n > r * SKETCH / n;
	}
}

/* In fine units. */
static double place_of(const struct pvtb_frame *f, const struct pvtb_series *s, size_t i)
{
	if (f->equal)
		return ((double)((s128)s->values[i] - (s64)f->base)) * unit_of(s) / f->fine;
	return ((double)s->values[i] * unit_of(s) - f->base) / f->fine;
}

double pvtb_frame_value(const struct pvtb_frame *f, const struct pvtb_cluster_side *s, double place)
{
	return f->base * (f->equal ? unit_of(&s->series[0]) : 1) + place * f->fine;
}

static int cut(struct pvtb_cluster_side *s, const struct pvtb_series *runs, size_t nr)
{
	size_t shortest = SIZE_MAX;

	*s = (struct pvtb_cluster_side){.series = runs, .runs = nr};
	for (size_t r = 0; r < nr; r++) {
		if (runs[r].n < shortest)
			shortest = runs[r].n;
		s->n += runs[r].n;
	}
	if (!nr || nr > PVTB_BLOCKS_MAX || !shortest || s->n < PVTB_SHIFT_MIN_SAMPLES)
		return -ENODATA;
	s->per_run = (PVTB_BLOCKS_WANTED + nr - 1) / nr;
	if (s->per_run > shortest / BLOCK_MIN)
		s->per_run = shortest / BLOCK_MIN ? shortest / BLOCK_MIN : 1;
	if (nr == 1 && s->per_run < 2)
		s->per_run = 2;
	s->blocks = nr * s->per_run;
	return 0;
}

/*
 * A counter shows the step a value falls into; the value may lie anywhere in it, and is put there, at
 * the same place in both sides. So there are no ties, and steps of two lengths can be compared.
 */
static int place_all(const struct pvtb_frame *f, struct pvtb_cluster_side *s, u64 seed)
{
	bool moves[PVTB_BLOCKS_MAX] = {0};
	double first[PVTB_BLOCKS_MAX];
	size_t at = 0, still = 0;

	s->all = calloc(s->n, sizeof(*s->all));
	if (!s->all)
		return -ENOMEM;
	for (size_t r = 0; r < s->runs; r++) {
		const struct pvtb_series *run = &s->series[r];

		for (size_t i = 0; i < run->n; i++, at++) {
			size_t b = r * s->per_run + i * s->per_run / run->n;
			double u =
				(double)(pvtb_mix64(seed + r * 0x9e3779b97f4a7c15ULL + i) >> 11) *
					0x1p-53 -
				0.5;
			double at_step = place_of(f, run, i), x = at_step + u * s->step[r];

			s->all[at].value = (s64)fmax(-FARTHEST, fmin(FARTHEST, rint(x)));
			s->all[at].block = (u32)b;
			if (!s->size[b]++)
				first[b] = at_step;
			/* to a step beside it: what is far off says nothing of steps */
			moves[b] |=
				at_step != first[b] && fabs(at_step - first[b]) <= 2.5 * s->step[r];
		}
	}
	for (size_t b = 0; b < s->blocks; b++) {
		s->share[b] = (double)s->size[b] / (double)s->n;
		still += !moves[b];
	}
	s->still = (double)still / (double)s->blocks;
	qsort(s->all, s->n, sizeof(*s->all), cmp_placed);
	mark_sketch(s);
	return 0;
}

static void set_frame(struct pvtb_cluster_side *const sides[2], struct pvtb_frame *f)
{
	const struct pvtb_series *runs[2 * PVTB_BLOCKS_MAX];
	struct steps known[2 * PVTB_BLOCKS_MAX];
	double finest = INFINITY, step;
	size_t n = 0, k = 0;

	*f = (struct pvtb_frame){.equal = true};
	for (int side = 0; side < 2; side++)
		for (size_t r = 0; sides[side] && r < sides[side]->runs; r++) {
			runs[n] = &sides[side]->series[r];
			f->equal &= unit_of(runs[n]) == unit_of(runs[0]);
			known[n] = steps_of(runs[n]);
			n++;
		}
	for (int side = 0; side < 2; side++)
		for (size_t r = 0; sides[side] && r < sides[side]->runs; r++, k++) {
			step = step_of(runs, known, n, k) * unit_of(runs[k]);
			sides[side]->step[r] = step;
			finest = fmin(finest, step);
			f->step = fmax(f->step, step);
		}
	f->fine = finest / FINE;
	f->step /= f->fine;
	for (int side = 0; side < 2; side++)
		for (size_t r = 0; sides[side] && r < sides[side]->runs; r++)
			sides[side]->step[r] /= f->fine;
	f->base = (double)runs[0]->values[0] * (f->equal ? 1 : unit_of(runs[0]));
	/* what a double cannot hold exactly is near the end of the range */
	if (f->equal && fabs(f->base) >= 0x1p62)
		f->base = copysign(0x1p62, f->base);
}

int pvtb_sides_init(struct pvtb_cluster_side *a, const struct pvtb_series *old_runs, size_t nr_old,
		    struct pvtb_cluster_side *b, const struct pvtb_series *new_runs, size_t nr_new,
		    u64 seed, struct pvtb_frame *ret)
{
	struct pvtb_cluster_side *const sides[2] = {a, b};
	int err = cut(a, old_runs, nr_old);

	if (!err && b)
		err = cut(b, new_runs, nr_new);
	if (err)
		return err;
	set_frame(sides, ret);
	err = place_all(ret, a, seed);
	if (!err && b)
		err = place_all(ret, b, seed);
	if (err)
		pvtb_side_free(a);
	return err;
}

/* ---- variance over clusters ---- */

double pvtb_sample_variance(const double *v, size_t n)
{
	double mean = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		mean += v[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return n > 1 ? sum / (double)(n - 1) : 0;
}

/* A run's trend, significant or not at all, as the variance of a uniform place along it. */
static double drift_variance(const struct pvtb_cluster_side *s, const double *place)
{
	double n = (double)s->per_run, sum = 0;

	if (s->per_run < 8)
		return 0;
	for (size_t r = 0; r < s->runs; r++) {
		const double *y = &place[r * s->per_run];
		double mean = 0, sxy = 0, sxx = 0, rest = 0, slope;

		for (size_t k = 0; k < s->per_run; k++)
			mean += y[k] / n;
		for (size_t k = 0; k < s->per_run; k++) {
			double x = (double)k - (n - 1) / 2;

			sxy += x * (y[k] - mean);
			sxx += x * x;
		}
		slope = sxy / sxx;
		for (size_t k = 0; k < s->per_run; k++) {
			double e = y[k] - mean - slope * ((double)k - (n - 1) / 2);

			rest += e * e;
		}
		if (fabs(slope) * sqrt(sxx) > DRIFT_T * sqrt(rest / (n - 2)))
			sum += slope * slope * n * n / 4;
	}
	return sum / (double)(s->runs * s->runs);
}

double pvtb_run_variance(const struct pvtb_cluster_side *s, const double *place)
{
	double mean[PVTB_BLOCKS_MAX] = {0};

	for (size_t b = 0; b < s->blocks; b++)
		mean[b / s->per_run] += place[b] / (double)s->per_run;
	return pvtb_sample_variance(mean, s->runs);
}

/* Stretches of @merge blocks: their variance, and how much one is like the next. */
static void merged(const struct pvtb_cluster_side *s, const double *place, size_t merge,
		   double *ret_var, double *ret_alike)
{
	size_t per_run = s->per_run / merge;
	double sum = 0, squares = 0, products = 0, alike;

	for (size_t r = 0; r < s->runs; r++) {
		double mean[PVTB_BLOCKS_MAX] = {0}, all = 0;

		for (size_t k = 0; k < per_run * merge; k++)
			mean[k / merge] += place[r * s->per_run + k] / (double)merge;
		for (size_t k = 0; k < per_run; k++)
			all += mean[k] / (double)per_run;
		for (size_t k = 0; k < per_run; k++) {
			squares += (mean[k] - all) * (mean[k] - all);
			if (k)
				products += (mean[k] - all) * (mean[k - 1] - all);
		}
		sum += pvtb_sample_variance(mean, per_run) / (double)per_run;
	}
	*ret_var = sum / (double)(s->runs * s->runs);
	alike = squares > 0 ? products / squares : 0;
	/* few of them look less alike than they are */
	*ret_alike =
		fmin(0.9, fmax(0, alike + (alike > 0 ? (1 + 3 * alike) / (double)per_run : 0)));
}

/* By stretches: those that make the variance largest, and what neighbours that are alike hide. */
void pvtb_within_variance(const struct pvtb_cluster_side *s, const double *place,
			  struct pvtb_variance *ret)
{
	double var, alike, like;

	*ret = (struct pvtb_variance){0};
	if (s->per_run < 2)
		return;
	merged(s, place, 1, &ret->blocks, &alike);
	ret->drift = drift_variance(s, place);
	for (size_t merge = 1; merge == 1 || s->per_run / merge >= 5; merge *= 2) {
		merged(s, place, merge, &var, &alike);
		/* a trend makes neighbours alike, and counts as what it is */
		if (s->per_run / merge < 5 || ret->drift > 0)
			alike = 0;
		like = (1 + alike) / (1 - alike);
		if (var * like <= ret->value)
			continue;
		ret->value = var * like;
		ret->df = fmax(1, (double)(s->runs * (s->per_run / merge - 1)) / like);
	}
	if (!(ret->value > 0))
		ret->df = (double)(s->runs * (s->per_run - 1));
	ret->value += ret->drift;
}

double pvtb_satterthwaite(const struct pvtb_variance *a, const struct pvtb_variance *b)
{
	double sum = a->value + b->value, rest = 0;

	if (a->df > 0)
		rest += a->value * a->value / a->df;
	if (b->df > 0)
		rest += b->value * b->value / b->df;
	return rest > 0 ? sum * sum / rest : (double)INFINITY;
}

/* ---- what is known of a difference ---- */

double pvtb_runs_least_p(size_t a, size_t b)
{
	/* One run against five and more is a prediction, and Student's t is for it. */
	if ((a == 1 && b > 4) || (b == 1 && a > 4))
		return 0;
	return pvtb_least_p(a, b);
}

void pvtb_runs_variance(double one_a, size_t a, double one_b, size_t b, double *ret_var,
			double *ret_df)
{
	struct pvtb_variance va, vb;

	if (a < 2 || b < 2) {
		double one = a < 2 ? one_b : one_a;

		*ret_var = one * (1 / (double)a + 1 / (double)b);
		*ret_df = (double)((a < 2 ? b : a) - 1);
		return;
	}
	va = (struct pvtb_variance){.value = one_a / (double)a, .df = (double)(a - 1)};
	vb = (struct pvtb_variance){.value = one_b / (double)b, .df = (double)(b - 1)};
	*ret_var = va.value + vb.value;
	*ret_df = pvtb_satterthwaite(&va, &vb);
}

void pvtb_judge(const struct pvtb_cluster_side *a, const double *place_a,
		const struct pvtb_cluster_side *b, const double *place_b, double difference,
		struct pvtb_judgement *t)
{
	struct pvtb_variance va, vb;
	double var = 0, df = 0;

	pvtb_within_variance(a, place_a, &va);
	pvtb_within_variance(b, place_b, &vb);
	t->var = va.value + vb.value;
	t->df = pvtb_satterthwaite(&va, &vb);
	t->spread = va.drift + vb.drift > t->var / 2 ? PVTB_SPREAD_DRIFT : PVTB_SPREAD_WITHIN;
	t->scale = va.blocks + vb.blocks > 0 ? sqrt(t->var / (va.blocks + vb.blocks)) : 1;
	t->least_p = pvtb_least_p(a->blocks, b->blocks);
	t->drifts = va.drift + vb.drift > 0;
	if (a->runs > 1 || b->runs > 1) {
		pvtb_runs_variance(a->runs > 1 ? pvtb_run_variance(a, place_a) : 0, a->runs,
				   b->runs > 1 ? pvtb_run_variance(b, place_b) : 0, b->runs, &var,
				   &df);
		/* Drift that all runs share is no uncertainty, and what they do not share is here. */
		if (var > t->var - va.drift - vb.drift) {
			t->var = var;
			t->df = df;
			t->spread = PVTB_SPREAD_RUNS;
			t->scale = 1;
			t->least_p = pvtb_runs_least_p(a->runs, b->runs);
		}
	}
	/* with few clusters both the spread and the quantile are underestimated by a bootstrap */
	t->scale *= pvtb_t_critical(PVTB_LEVEL, t->df) / pvtb_t_critical(PVTB_LEVEL, INFINITY);
	if (difference == 0)
		t->p = 1;
	else
		t->p = t->var > 0 ? pvtb_t_two_sided(difference / sqrt(t->var), t->df) : 0;
}

/* ---- where a side lies ---- */

/* The mean of what is spread evenly over @at +- @half, with what is outside drawn in. */
static double drawn_in(double at, double half, double low, double high)
{
	double from = at - half, to = at + half, sum = 0, left, right;

	if (from >= low && to <= high)
		return at;
	if (!(half > 0) || to <= low || from >= high)
		return fmin(high, fmax(low, at));
	left = fmax(from, low);
	right = fmin(to, high);
	sum += (left - from) * low + (to - right) * high;
	sum += (right - left) * (left + right) / 2;
	return sum / (to - from);
}

double pvtb_centre_places(const struct pvtb_frame *f, const struct pvtb_cluster_side *s,
			  double *place)
{
	/* Two steps more: what a step hides of a value is never what is drawn in. */
	double low = (double)s->all[(size_t)(OUTER * (double)s->n)].value - 2 * f->step;
	double high = (double)s->all[s->n - 1 - (size_t)(OUTER * (double)s->n)].value + 2 * f->step;
	double all = 0;

	memset(place, 0, s->blocks * sizeof(*place));
	for (size_t r = 0; r < s->runs; r++)
		for (size_t i = 0; i < s->series[r].n; i++) {
			size_t b = r * s->per_run + i * s->per_run / s->series[r].n;

			place[b] +=
				drawn_in(place_of(f, &s->series[r], i), s->step[r] / 2, low, high);
		}
	for (size_t b = 0; b < s->blocks; b++) {
		all += place[b];
		place[b] /= (double)s->size[b];
	}
	return all / (double)s->n;
}

double pvtb_step_reach(const struct pvtb_cluster_side *s)
{
	double coarsest = 0;

	for (size_t r = 0; r < s->runs; r++)
		coarsest = fmax(coarsest, s->step[r]);
	return coarsest * s->still * (1 - pow(PVTB_LEVEL / 2, 1 / (double)s->blocks));
}
