// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the comparison of two groups of runs. Knows no units, reads no files.
 *
 * Where samples spread over several steps of their counters, everything rests on one matrix: for a
 * shift d, wins(i, j) is how many pairs of an old sample of block i and a new one of block j have
 * new - old <= d. Its sum at 0 is the U statistic, its row sums the placements whose variance over
 * clusters is U's, and a bootstrap replicate is a sum with other weights: no replicate touches a
 * sample. Where they do not, ranks are of steps, not of what is measured, and means are compared.
 */
#include "stats/shift.h"

#include <math.h>
#include <string.h>

#include "core/random.h"
#include "stats/clusters.h"

#define GRID	   48
#define REPLICATES 500

#define BLOCKS_MAX PVTB_BLOCKS_MAX

/* Ranks need samples whose middle half is this many steps wide; of steps that differ, that many. */
#define COARSE	       3
#define COARSE_UNEQUAL 32

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ---- pairs ---- */

/* Pairs with new - old <= d. */
static double pairs_up_to(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
			  s64 d)
{
	size_t i = 0;
	u64 n = 0;

	for (size_t j = 0; j < b->n; j++) {
		/* old >= new - d */
		while (i < a->n && (s128)a->all[i].value < (s128)b->all[j].value - d)
			i++;
		n += a->n - i;
	}
	return (double)n;
}

/* The smallest difference with at least @share of the pairs at or below it. */
static s64 pair_quantile(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
			 double share)
{
	s128 low = (s128)b->all[0].value - a->all[a->n - 1].value;
	s128 high = (s128)b->all[b->n - 1].value - a->all[0].value;
	double want = share * (double)a->n * (double)b->n;
	s128 steps_low = -1, steps_high = high - low;

	while (steps_high - steps_low > 1) {
		s128 mid = (steps_low + steps_high) / 2;

		if (pairs_up_to(a, b, (s64)(low + mid)) >= want)
			steps_high = mid;
		else
			steps_low = mid;
	}
	return (s64)(low + steps_high);
}

/* ---- the matrix ---- */

struct wins {
	double share[BLOCKS_MAX][BLOCKS_MAX]; /* of the pairs of blocks i and j */
};

/*
 * Pairs of old (i) and new (j) with new - old <= d, as shares. @half: those that equal d count
 * half. @sketch: only the samples that stand for their blocks (not with @half).
 */
static void wins_at(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b, s64 d,
		    bool half, bool sketch, struct wins *w)
{
	double above[BLOCKS_MAX], in_a[BLOCKS_MAX] = {0}, in_b[BLOCKS_MAX] = {0};
	size_t i = 0, end;

	for (size_t k = 0; k < a->blocks; k++)
		memset(w->share[k], 0, b->blocks * sizeof(double));
	for (size_t k = 0; k < a->n; k++)
		if (!sketch || a->all[k].weight)
			in_a[a->all[k].block]++;
	memcpy(above, in_a, sizeof(above));
	for (size_t j = 0; j < b->n; j++) {
		s128 edge = (s128)b->all[j].value - d;
		size_t q = b->all[j].block;

		if (sketch && !b->all[j].weight)
			continue;
		/* old < edge no longer win; those that equal it lose half for as long as they do */
		for (; i < a->n && (s128)a->all[i].value < edge; i++)
			if (!sketch || a->all[i].weight)
				above[a->all[i].block]--;
		in_b[q]++;
		for (size_t k = 0; k < a->blocks; k++)
			w->share[k][q] += above[k];
	}
	for (size_t j = 0, k = 0; half && j < b->n; j = end) {
		s128 edge = (s128)b->all[j].value - d;
		double equal[BLOCKS_MAX] = {0};

		for (; k < a->n && (s128)a->all[k].value < edge; k++)
			;
		for (; k < a->n && (s128)a->all[k].value == edge; k++)
			equal[a->all[k].block] += 0.5;
		for (end = j; end < b->n && b->all[end].value == b->all[j].value; end++)
			for (size_t c = 0; c < a->blocks; c++)
				w->share[c][b->all[end].block] -= equal[c];
	}
	for (size_t k = 0; k < a->blocks; k++)
		for (size_t q = 0; q < b->blocks; q++)
			w->share[k][q] /= in_a[k] * in_b[q];
}

/* ---- the interval ---- */

/* Draw blocks of each run with replacement: a weight per block, sum 1. */
static void draw(const struct pvtb_cluster_side *s, u64 *random, double *weight)
{
	double sum = 0;

	memset(weight, 0, s->blocks * sizeof(*weight));
	for (size_t k = 0; k < s->blocks; k++) {
		size_t r = k / s->per_run, b;

		b = r * s->per_run + pvtb_random(random) % s->per_run;
		weight[b] += s->share[b];
	}
	for (size_t k = 0; k < s->blocks; k++)
		sum += weight[k];
	for (size_t k = 0; k < s->blocks; k++)
		weight[k] /= sum;
}

struct grid {
	struct wins *w; /* pairs with new - old <= at[] */
	double at[GRID];
	size_t n;
};

static double weighted_share(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
			     const struct wins *w, const double *wa, const double *wb)
{
	double sum = 0;

	for (size_t i = 0; i < a->blocks; i++) {
		double row = 0;

		if (wa[i] == 0)
			continue;
		for (size_t j = 0; j < b->blocks; j++)
			row += wb[j] * w->share[i][j];
		sum += wa[i] * row;
	}
	return sum;
}

/* The shift at which half of the weighted pairs are below. */
static double weighted_shift(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
			     const struct grid *g, const double *wa, const double *wb)
{
	size_t low = 0, high = g->n - 1, tries = 0;
	double at_low = weighted_share(a, b, &g->w[low], wa, wb);
	double at_high = weighted_share(a, b, &g->w[high], wa, wb);

	if (at_low >= 0.5)
		return g->at[low];
	if (at_high <= 0.5)
		return g->at[high];
	while (high - low > 1) {
		/* nearly a straight line: guess, then the guess' neighbour, then halve */
		size_t mid = (low + high) / 2;
		double at;

		if (!tries++)
			mid = low +
			      (size_t)((double)(high - low) * (0.5 - at_low) / (at_high - at_low));
		else if (tries == 2)
			mid = at_low < 0.5 && low ? low + 1 : high - 1;
		if (mid <= low)
			mid = low + 1;
		if (mid >= high)
			mid = high - 1;
		at = weighted_share(a, b, &g->w[mid], wa, wb);

		if (at >= 0.5) {
			high = mid;
			at_high = at;
		} else {
			low = mid;
			at_low = at;
		}
	}
	return g->at[low] + (g->at[high] - g->at[low]) * (0.5 - at_low) / (at_high - at_low);
}

/* From where replicates could begin to where they could end. */
static void fill_grid(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
		      const struct pvtb_judgement *t, struct grid *g)
{
	double reach = fmin(6 * sqrt(t->var) + 0.02, 0.499);
	s64 from = pair_quantile(a, b, 0.5 - reach) - 1;
	s64 to = pair_quantile(a, b, 0.5 + reach) + 1;
	s64 step = (to - from + GRID - 2) / (GRID - 1);

	for (g->n = 0; g->n < GRID; g->n++) {
		s64 d = from + (s64)g->n * step;

		wins_at(a, b, d, false, true, &g->w[g->n]);
		g->at[g->n] = (double)d;
		if (d >= to) {
			g->n++;
			break;
		}
	}
}

/* The interval of the shift by stretches of runs: a bootstrap, in fine units about the shift. */
static int interval_within(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b,
			   const struct pvtb_judgement *t, u64 seed, double *ret_low,
			   double *ret_high)
{
	struct grid g = {.w = calloc(GRID, sizeof(*g.w))};
	double *list = calloc(REPLICATES, sizeof(*list));
	double wa[BLOCKS_MAX], wb[BLOCKS_MAX], centre, few, widen;
	size_t cut = (size_t)(REPLICATES * PVTB_LEVEL / 2);

	if (!g.w || !list) {
		free(g.w);
		free(list);
		return -ENOMEM;
	}
	fill_grid(a, b, t, &g);
	centre = weighted_shift(a, b, &g, a->share, b->share);
	for (size_t i = 0; i < REPLICATES; i++) {
		draw(a, &seed, wa);
		draw(b, &seed, wb);
		list[i] = weighted_shift(a, b, &g, wa, wb) - centre;
	}
	qsort(list, REPLICATES, sizeof(*list), cmp_double);
	/* Few clusters drawn with replacement vary less than fresh ones would. */
	few = fmin((double)a->per_run, (double)b->per_run);
	widen = few > 1 ? sqrt(few / (few - 1)) * t->scale : t->scale;
	*ret_low = fmin(list[cut], 0) * widen;
	*ret_high = fmax(list[REPLICATES - 1 - cut], 0) * widen;
	free(g.w);
	free(list);
	return 0;
}

/* Medians of the runs, in fine units. */
static void run_medians(const struct pvtb_cluster_side *s, double *ret)
{
	size_t seen[BLOCKS_MAX] = {0};

	for (size_t i = 0; i < s->n; i++) {
		size_t r = s->all[i].block / s->per_run, n = s->series[r].n, k = seen[r]++;

		if (k == (n - 1) / 2)
			ret[r] = (double)s->all[i].value;
		if (k == n / 2)
			ret[r] = (ret[r] + (double)s->all[i].value) / 2;
	}
}

/* The same from run to run: half of it. */
static double interval_of_runs(const struct pvtb_cluster_side *a, const struct pvtb_cluster_side *b)
{
	double ma[BLOCKS_MAX], mb[BLOCKS_MAX], var, df;

	run_medians(a, ma);
	run_medians(b, mb);
	pvtb_runs_variance(pvtb_sample_variance(ma, a->runs), a->runs,
			   pvtb_sample_variance(mb, b->runs), b->runs, &var, &df);
	return pvtb_t_critical(PVTB_LEVEL, df) * sqrt(var);
}

/* By the centres of stretches, which know of a drift in time: half of it. */
static double interval_of_centres(const struct pvtb_frame *f, const struct pvtb_cluster_side *a,
				  const struct pvtb_cluster_side *b)
{
	double place_a[BLOCKS_MAX], place_b[BLOCKS_MAX];
	double at_a = pvtb_centre_places(f, a, place_a), at_b = pvtb_centre_places(f, b, place_b);
	struct pvtb_judgement t;

	pvtb_judge(a, place_a, b, place_b, at_b - at_a, &t);
	return t.var > 0 ? pvtb_t_critical(PVTB_LEVEL, t.df) * sqrt(t.var) : 0;
}

/* Half interval of a side's median: order statistics, by so many of them as the clusters leave. */
static double median_half(const struct pvtb_frame *f, const struct pvtb_cluster_side *s,
			  const struct pvtb_judgement *t)
{
	double deff, z = 1.96, n = (double)s->n, reach;
	size_t low, high;

	/* variance of a mean placement of independent samples: 1 / 12 n */
	deff = fmax(1, t->var / 2 * 12 * n);
	reach = z * 0.5 * sqrt(deff / n);
	if (reach >= 0.5)
		return NAN;
	low = (size_t)floor((0.5 - reach) * n);
	high = (size_t)ceil((0.5 + reach) * n);
	if (high >= s->n)
		high = s->n - 1;
	return ((double)s->all[high].value - (double)s->all[low].value) / 2 * f->fine;
}

static double median_of(const struct pvtb_cluster_side *s)
{
	return ((double)s->all[(s->n - 1) / 2].value + (double)s->all[s->n / 2].value) / 2;
}

static int by_ranks(const struct pvtb_frame *f, const struct pvtb_cluster_side *a,
		    const struct pvtb_cluster_side *b, u64 seed, struct pvtb_judgement *t,
		    struct pvtb_shift *s)
{
	double place_a[BLOCKS_MAX] = {0}, place_b[BLOCKS_MAX] = {0}, share = 0, low = 0, high = 0,
	       more;
	struct wins *w = malloc(sizeof(*w));
	int err = 0;

	if (!w)
		return -ENOMEM;
	wins_at(a, b, 0, true, false, w);
	for (size_t i = 0; i < a->blocks; i++)
		for (size_t j = 0; j < b->blocks; j++) {
			/* wins are new <= old */
			place_a[i] += (1 - w->share[i][j]) * b->share[j];
			place_b[j] += (1 - w->share[i][j]) * a->share[i];
		}
	free(w);
	for (size_t i = 0; i < a->blocks; i++)
		share += place_a[i] * a->share[i];
	pvtb_judge(a, place_a, b, place_b, fabs(share - 0.5) < 1e-12 ? 0 : share - 0.5, t);
	s->old_value = pvtb_frame_value(f, a, median_of(a));
	s->new_value = pvtb_frame_value(f, b, median_of(b));
	s->shift = (double)pair_quantile(a, b, 0.5) * f->fine;
	s->old_half = median_half(f, a, t);
	s->new_half = median_half(f, b, t);
	if (t->spread != PVTB_SPREAD_RUNS)
		err = interval_within(a, b, t, seed, &low, &high);
	/* Ranks are at their ends where sides lie far apart, and say neither
	 * what runs differ by nor what a drift comes to. */
	if (a->runs > 1 || b->runs > 1) {
		more = interval_of_runs(a, b);
		if (more > fmax(high, -low))
			t->spread = PVTB_SPREAD_RUNS;
		low = fmin(low, -more);
		high = fmax(high, more);
	}
	if (t->drifts && t->spread != PVTB_SPREAD_RUNS) {
		more = interval_of_centres(f, a, b);
		low = fmin(low, -more);
		high = fmax(high, more);
	}
	if (!err) {
		s->low = s->shift + low * f->fine;
		s->high = s->shift + high * f->fine;
	}
	return err;
}

/* Half interval of a side's centre. */
static double centre_half(const struct pvtb_frame *f, const struct pvtb_cluster_side *s,
			  const double *place)
{
	struct pvtb_variance v;
	double runs = s->runs > 1 ? pvtb_run_variance(s, place) / (double)s->runs : 0, reach;

	pvtb_within_variance(s, place, &v);
	if (runs > v.value - v.drift) {
		v.value = runs;
		v.df = (double)(s->runs - 1);
	}
	reach = v.value > 0 ? pvtb_t_critical(PVTB_LEVEL, v.df) * sqrt(v.value) : 0;
	return hypot(reach, pvtb_step_reach(s)) * f->fine;
}

static void by_means(const struct pvtb_frame *f, const struct pvtb_cluster_side *a,
		     const struct pvtb_cluster_side *b, struct pvtb_judgement *t,
		     struct pvtb_shift *s)
{
	double place_a[BLOCKS_MAX], place_b[BLOCKS_MAX], reach, hidden;
	double at_a = pvtb_centre_places(f, a, place_a), at_b = pvtb_centre_places(f, b, place_b);

	pvtb_judge(a, place_a, b, place_b, at_b - at_a, t);
	hidden = hypot(pvtb_step_reach(a), pvtb_step_reach(b));
	reach = t->var > 0 ? pvtb_t_critical(PVTB_LEVEL, t->df) * sqrt(t->var) : 0;
	reach = hypot(reach, hidden);
	hidden /= pvtb_t_critical(PVTB_LEVEL, INFINITY);
	if (at_b != at_a && hidden > 0) {
		double var = t->var + hidden * hidden, share = t->var / var;

		t->p = pvtb_t_two_sided((at_b - at_a) / sqrt(var), t->df / (share * share));
	}
	s->old_value = pvtb_frame_value(f, a, at_a);
	s->new_value = pvtb_frame_value(f, b, at_b);
	s->shift = (at_b - at_a) * f->fine;
	s->old_half = centre_half(f, a, place_a);
	s->new_half = centre_half(f, b, place_b);
	s->low = s->shift - reach * f->fine;
	s->high = s->shift + reach * f->fine;
}

/* Too few steps for ranks? The narrower side decides. */
static bool coarse(const struct pvtb_frame *f, const struct pvtb_cluster_side *a,
		   const struct pvtb_cluster_side *b)
{
	const struct pvtb_cluster_side *const sides[] = {a, b};
	double narrow = INFINITY, finest = INFINITY;

	for (int k = 0; k < 2; k++) {
		size_t n = sides[k]->n;

		narrow = fmin(narrow, (double)sides[k]->all[n - 1 - n / 4].value -
					      (double)sides[k]->all[n / 4].value);
		for (size_t r = 0; r < sides[k]->runs; r++)
			finest = fmin(finest, sides[k]->step[r]);
	}
	return narrow < (f->step > finest * 1.01 ? COARSE_UNEQUAL : COARSE) * f->step;
}

int pvtb_shift_of(const struct pvtb_series *old_runs, size_t nr_old,
		  const struct pvtb_series *new_runs, size_t nr_new, u64 seed,
		  struct pvtb_shift *ret)
{
	struct pvtb_shift s = {.old_runs = nr_old, .new_runs = nr_new};
	struct pvtb_judgement t = {0};
	struct pvtb_cluster_side a, b;
	struct pvtb_frame f;
	int err = pvtb_sides_init(&a, old_runs, nr_old, &b, new_runs, nr_new, seed, &f);

	if (err)
		return err;
	s.old_n = a.n;
	s.new_n = b.n;
	s.by_means = coarse(&f, &a, &b);
	if (s.by_means)
		by_means(&f, &a, &b, &t, &s);
	else
		err = by_ranks(&f, &a, &b, seed, &t, &s);
	s.p_model = t.p;
	s.least_p = t.least_p;
	s.p = fmax(t.p, fmin(1, t.least_p));
	s.spread = t.spread;
	pvtb_side_free(&a);
	pvtb_side_free(&b);
	if (!err)
		*ret = s;
	return err;
}

int pvtb_centre_of(const struct pvtb_series *run, struct pvtb_estimate *ret)
{
	double place[BLOCKS_MAX];
	struct pvtb_frame f;
	struct pvtb_cluster_side s;
	int err = pvtb_sides_init(&s, run, 1, NULL, NULL, 0, 0, &f);

	if (err)
		return err;
	ret->value = pvtb_frame_value(&f, &s, pvtb_centre_places(&f, &s, place));
	ret->half = centre_half(&f, &s, place);
	pvtb_side_free(&s);
	return 0;
}
