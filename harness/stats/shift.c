// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the comparison of two groups of runs. Knows no units, reads no files.
 *
 * Everything rests on one matrix: for a shift d, wins(i, j) is how many pairs of an old sample of
 * block i and a new one of block j have new - old <= d. Its sum at 0 is the U statistic, its row
 * sums the placements whose variance over clusters is U's, and a bootstrap replicate is a sum with
 * other weights: no replicate touches a sample.
 */
#include "stats/shift.h"

#include <math.h>
#include <string.h>

#include "core/random.h"

#define BLOCKS_WANTED 20 /* over a side */
#define BLOCKS_MAX    64
#define BLOCK_MIN     4	 /* samples */
#define SKETCH	      64 /* quantiles that stand for a block in the bootstrap */
#define GRID	      48
#define REPLICATES    500
#define DRIFT_T	      2.0 /* a slope this many standard errors from none is a drift */
#define LEVEL	      0.05

/* ---- Student's t ---- */

/* Continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
	h = d;
	for (int m = 1; m <= 300; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < 1e-300 ? 1e-300 : d);
		c = fabs(c) < 1e-300 ? 1e-300 : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return h;
}

/* lgamma() writes a global: its reentrant form needs a sign nobody wants. */
static double log_gamma(double x)
{
	int sign;

	return lgamma_r(x, &sign);
}

static double beta_regularised(double a, double b, double x)
{
	double front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double pvtb_t_two_sided(double t, double df)
{
	if (!(df < 1e6))
		return erfc(fabs(t) / sqrt(2));
	return beta_regularised(df / 2, 0.5, df / (df + t * t));
}

double pvtb_t_critical(double p, double df)
{
	double low = 0, high = 1;

	while (pvtb_t_two_sided(high, df) > p && high < 1e9)
		high *= 2;
	for (int i = 0; i < 100; i++) {
		double mid = (low + high) / 2;

		if (pvtb_t_two_sided(mid, df) > p)
			low = mid;
		else
			high = mid;
	}
	return (low + high) / 2;
}

/* ---- samples cut into blocks ---- */

struct tagged {
	s64 value;
	u32 block;
	u32 weight; /* of the sketch: 0 where not part of it */
};

struct side {
	struct tagged *all; /* sorted by value */
	size_t n;
	size_t runs, per_run, blocks;
	size_t size[BLOCKS_MAX]; /* samples of each block */
	double share[BLOCKS_MAX];
};

static int cmp_tagged(const void *a, const void *b)
{
	const struct tagged *x = a, *y = b;

	if (x->value != y->value)
		return (x->value > y->value) - (x->value < y->value);
	return (x->block > y->block) - (x->block < y->block);
}

static void side_free(struct side *s)
{
	free(s->all);
}

/* Evenly spaced ranks of each block stand for it. */
static void mark_sketch(struct side *s)
{
	size_t seen[BLOCKS_MAX] = {0};

	for (size_t i = 0; i < s->n; i++) {
		size_t b = s->all[i].block, r = seen[b]++, n = s->size[b];

		if (n <= SKETCH)
			s->all[i].weight = 1;
		else
			s->all[i].weight = (r + 1) * SKETCH / n > r * SKETCH / n;
	}
}

static int side_init(struct side *s, const struct pvtb_series *runs, size_t nr)
{
	size_t shortest = SIZE_MAX, at = 0;

	for (size_t r = 0; r < nr; r++) {
		if (runs[r].n < shortest)
			shortest = runs[r].n;
		s->n += runs[r].n;
	}
	if (!nr || nr > BLOCKS_MAX || !shortest || s->n < PVTB_SHIFT_MIN_SAMPLES)
		return -ENODATA;
	s->runs = nr;
	s->per_run = (BLOCKS_WANTED + nr - 1) / nr;
	if (s->per_run > shortest / BLOCK_MIN)
		s->per_run = shortest / BLOCK_MIN ? shortest / BLOCK_MIN : 1;
	if (nr == 1 && s->per_run < 2)
		s->per_run = 2;
	s->blocks = nr * s->per_run;
	s->all = calloc(s->n, sizeof(*s->all));
	if (!s->all)
		return -ENOMEM;
	for (size_t r = 0; r < nr; r++)
		for (size_t i = 0; i < runs[r].n; i++, at++) {
			size_t b = r * s->per_run + i * s->per_run / runs[r].n;

			s->all[at].value = runs[r].values[i];
			s->all[at].block = (u32)b;
			s->size[b]++;
		}
	for (size_t b = 0; b < s->blocks; b++)
		s->share[b] = (double)s->size[b] / (double)s->n;
	qsort(s->all, s->n, sizeof(*s->all), cmp_tagged);
	mark_sketch(s);
	return 0;
}

static u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/* What all differences are multiples of: a coarse counter's step, in ticks or finer units. */
static s64 quantum_of(const struct side *a, const struct side *b)
{
	const struct side *sides[] = {a, b};
	u64 q = 0;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sides[k]->n && q != 1; i++)
			q = gcd(q, (u64)sides[k]->all[i].value - (u64)a->all[0].value);
	return q && q <= INT64_MAX ? (s64)q : 1;
}

/* ---- medians, interpolated within the quantum ---- */

/* @n values of which @below lie under @cell and @in in it: where the middle is. */
static double middle(double cell, double quantum, double n, double below, double in)
{
	return cell + quantum * ((n / 2 - below) / in - 0.5);
}

static double median_of(const struct side *s, s64 quantum)
{
	size_t mid = (s->n - 1) / 2, from = mid, to = mid + 1;

	while (from && s->all[from - 1].value == s->all[mid].value)
		from--;
	while (to < s->n && s->all[to].value == s->all[mid].value)
		to++;
	/* The middle may be the boundary between two cells that are far apart. */
	if (2 * to == s->n)
		return ((double)s->all[mid].value + (double)s->all[mid + 1].value) / 2;
	return middle((double)s->all[mid].value, (double)quantum, (double)s->n, (double)from,
		      (double)(to - from));
}

/* Pairs with new - old <= d. */
static double pairs_up_to(const struct side *a, const struct side *b, s64 d)
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

/* The smallest difference, a multiple of the quantum, with at least @share of the pairs at or
 * below it. */
static s64 pair_quantile(const struct side *a, const struct side *b, s64 quantum, double share)
{
	s128 low = (s128)b->all[0].value - a->all[a->n - 1].value;
	s128 high = (s128)b->all[b->n - 1].value - a->all[0].value;
	double want = share * (double)a->n * (double)b->n;
	s128 steps_low = -1, steps_high = (high - low) / quantum;

	while (steps_high - steps_low > 1) {
		s128 mid = (steps_low + steps_high) / 2;

		if (pairs_up_to(a, b, (s64)(low + mid * quantum)) >= want)
			steps_high = mid;
		else
			steps_low = mid;
	}
	return (s64)(low + steps_high * quantum);
}

static double hodges_lehmann(const struct side *a, const struct side *b, s64 quantum)
{
	s64 cell = pair_quantile(a, b, quantum, 0.5);
	double all = (double)a->n * (double)b->n;
	double below = pairs_up_to(a, b, cell - quantum);
	double in = pairs_up_to(a, b, cell) - below;

	if (2 * (below + in) == all) {
		s64 next = pair_quantile(a, b, quantum, (0.5 * all + 1) / all);

		return ((double)cell + (double)next) / 2;
	}
	return middle((double)cell, (double)quantum, all, below, in);
}

/* ---- the matrix ---- */

struct wins {
	double share[BLOCKS_MAX][BLOCKS_MAX]; /* of the pairs of blocks i and j */
};

/*
 * Pairs of old (i) and new (j) with new - old <= d, as shares. @half: those that equal d count
 * half. @sketch: only the samples that stand for their blocks (not with @half).
 */
static void wins_at(const struct side *a, const struct side *b, s64 d, bool half, bool sketch,
		    struct wins *w)
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

/* ---- the test ---- */

struct variance {
	double value; /* of the side's mean placement */
	double df;
	double blocks; /* the same by the blocks alone: what the bootstrap will see */
	double drift;  /* the part that is a trend's */
};

/* Variance of the mean of @n clusters of equal weight. */
static double variance_of_mean(const double *mean, size_t n)
{
	double centre = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
		centre += mean[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		sum += (mean[i] - centre) * (mean[i] - centre);
	return sum / (double)(n - 1) / (double)n;
}

/* @merge neighbouring blocks at a time. Deviations are of the run's own mean: what differs between
 * runs is the runs' variance. */
static double merged_variance(const struct side *s, const double *place, size_t merge)
{
	size_t per_run = s->per_run / merge;
	double sum = 0;

	for (size_t r = 0; r < s->runs; r++) {
		double mean[BLOCKS_MAX];

		for (size_t k = 0; k < per_run; k++) {
			mean[k] = 0;
			for (size_t m = 0; m < merge; m++)
				mean[k] += place[r * s->per_run + k * merge + m] / (double)merge;
		}
		sum += variance_of_mean(mean, per_run);
	}
	return sum / (double)(s->runs * s->runs);
}

/* A run's trend, significant or not at all, as the variance of a uniform place along it. */
static double drift_variance(const struct side *s, const double *place)
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

static double runs_variance(const struct side *s, const double *place)
{
	double mean[BLOCKS_MAX] = {0};

	for (size_t b = 0; b < s->blocks; b++)
		mean[b / s->per_run] += place[b] / (double)s->per_run;
	return variance_of_mean(mean, s->runs);
}

/* By stretches: the longest that make the variance largest. */
static void within_variance(const struct side *s, const double *place, struct variance *ret)
{
	ret->value = ret->df = 0;
	if (s->per_run < 2)
		return;
	ret->value = ret->blocks = merged_variance(s, place, 1);
	ret->df = (double)(s->runs * (s->per_run - 1));
	for (size_t merge = 2; s->per_run / merge >= 5; merge *= 2) {
		double v = merged_variance(s, place, merge);

		if (v <= ret->value)
			continue;
		ret->value = v;
		ret->df = (double)(s->runs * (s->per_run / merge - 1));
	}
	ret->drift = drift_variance(s, place);
	ret->value += ret->drift;
}

struct test {
	double share; /* P(new > old) + P(new = old) / 2 */
	double var, df;
	double scale; /* how much wider than what the bootstrap sees */
	double p;
	enum pvtb_spread spread;
};

static double satterthwaite(const struct variance *a, const struct variance *b)
{
	double sum = a->value + b->value, rest = 0;

	if (a->df > 0)
		rest += a->value * a->value / a->df;
	if (b->df > 0)
		rest += b->value * b->value / b->df;
	return rest > 0 ? sum * sum / rest : (double)INFINITY;
}

/* However far the sides lie apart, no test of so many clusters can be surer than this. */
static double least_p(size_t clusters_a, size_t clusters_b)
{
	double a = (double)clusters_a, b = (double)clusters_b;

	return fmin(1, 2 * exp(log_gamma(a + 1) + log_gamma(b + 1) - log_gamma(a + b + 1)));
}

static void judge(const struct side *a, const struct side *b, const struct wins *w, struct test *t)
{
	double place_a[BLOCKS_MAX] = {0}, place_b[BLOCKS_MAX] = {0};
	struct variance va = {0}, vb = {0}, ra = {0}, rb = {0};
	double all = 0;

	for (size_t i = 0; i < a->blocks; i++)
		for (size_t j = 0; j < b->blocks; j++) {
			/* wins are new <= old */
			place_a[i] += (1 - w->share[i][j]) * b->share[j];
			place_b[j] += (1 - w->share[i][j]) * a->share[i];
		}
	for (size_t i = 0; i < a->blocks; i++)
		all += place_a[i] * a->share[i];
	within_variance(a, place_a, &va);
	within_variance(b, place_b, &vb);
	t->share = all;
	t->var = va.value + vb.value;
	t->df = satterthwaite(&va, &vb);
	t->spread = va.drift + vb.drift > t->var / 2 ? PVTB_SPREAD_DRIFT : PVTB_SPREAD_WITHIN;
	t->scale = va.blocks + vb.blocks > 0 ? sqrt(t->var / (va.blocks + vb.blocks)) : 1;
	if (a->runs > 1 && b->runs > 1) {
		ra.value = runs_variance(a, place_a);
		ra.df = (double)(a->runs - 1);
		rb.value = runs_variance(b, place_b);
		rb.df = (double)(b->runs - 1);
		/* Drift that all runs share is no uncertainty, and what they do not share is here. */
		if (ra.value + rb.value > t->var - va.drift - vb.drift) {
			t->var = ra.value + rb.value;
			t->df = satterthwaite(&ra, &rb);
			t->spread = PVTB_SPREAD_RUNS;
			t->scale = 1;
		}
	}
	/* with few clusters both the spread and the quantile are underestimated by a bootstrap */
	t->scale *= pvtb_t_critical(LEVEL, t->df) / pvtb_t_critical(LEVEL, INFINITY);
	if (fabs(t->share - 0.5) < 1e-12)
		t->p = 1;
	else if (t->var > 0)
		t->p = fmax(pvtb_t_two_sided((t->share - 0.5) / sqrt(t->var), t->df),
			    least_p(a->blocks, b->blocks));
	else
		t->p = least_p(a->blocks, b->blocks);
}

/* ---- the interval ---- */

/* Draw clusters with replacement: a weight per block, sum 1. */
static void draw(const struct side *s, bool by_run, u64 *random, double *weight)
{
	double sum = 0;

	memset(weight, 0, s->blocks * sizeof(*weight));
	if (by_run) {
		for (size_t k = 0; k < s->runs; k++) {
			size_t r = pvtb_random(random) % s->runs;

			for (size_t i = 0; i < s->per_run; i++)
				weight[r * s->per_run + i] += s->share[r * s->per_run + i];
		}
	} else {
		for (size_t k = 0; k < s->blocks; k++) {
			size_t r = k / s->per_run, b;

			b = r * s->per_run + pvtb_random(random) % s->per_run;
			weight[b] += s->share[b];
		}
	}
	for (size_t k = 0; k < s->blocks; k++)
		sum += weight[k];
	for (size_t k = 0; k < s->blocks; k++)
		weight[k] /= sum;
}

struct grid {
	struct wins *w;	 /* pairs with new - old <= at[] - quantum / 2 */
	double at[GRID]; /* upper edges of cells, between which counts are linear */
	size_t n;
};

static double weighted_share(const struct side *a, const struct side *b, const struct wins *w,
			     const double *wa, const double *wb)
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
static double weighted_shift(const struct side *a, const struct side *b, const struct grid *g,
			     const double *wa, const double *wb)
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

/* Cells from where replicates could begin to where they could end. */
static void fill_grid(const struct side *a, const struct side *b, s64 quantum, const struct test *t,
		      struct grid *g)
{
	double reach = fmin(6 * sqrt(t->var) + 0.02, 0.499);
	s64 from = pair_quantile(a, b, quantum, 0.5 - reach) - quantum;
	s64 to = pair_quantile(a, b, quantum, 0.5 + reach) + quantum;
	u64 cells = (u64)(to - from) / (u64)quantum;
	u64 step = (cells + GRID - 2) / (GRID - 1);

	for (g->n = 0; g->n < GRID; g->n++) {
		s64 d = from + (s64)(g->n * step) * quantum;

		wins_at(a, b, d, false, true, &g->w[g->n]);
		g->at[g->n] = (double)d + (double)quantum / 2;
		if (d >= to) {
			g->n++;
			break;
		}
	}
}

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int interval_of(const struct side *a, const struct side *b, s64 quantum,
		       const struct test *t, u64 seed, struct pvtb_shift *ret)
{
	struct grid g = {.w = calloc(GRID, sizeof(*g.w))};
	double *list = calloc(REPLICATES, sizeof(*list));
	double wa[BLOCKS_MAX], wb[BLOCKS_MAX], centre, few, widen;
	bool by_run = t->spread == PVTB_SPREAD_RUNS;
	size_t cut = (size_t)(REPLICATES * LEVEL / 2);

	if (!g.w || !list) {
		free(g.w);
		free(list);
		return -ENOMEM;
	}
	fill_grid(a, b, quantum, t, &g);
	centre = weighted_shift(a, b, &g, a->share, b->share);
	for (size_t i = 0; i < REPLICATES; i++) {
		draw(a, by_run, &seed, wa);
		draw(b, by_run, &seed, wb);
		list[i] = weighted_shift(a, b, &g, wa, wb) - centre;
	}
	qsort(list, REPLICATES, sizeof(*list), cmp_double);
	/* Few clusters drawn with replacement vary less than fresh ones would. */
	few = by_run ? fmin((double)a->runs, (double)b->runs)
		     : fmin((double)a->per_run, (double)b->per_run);
	widen = few > 1 ? sqrt(few / (few - 1)) * t->scale : t->scale;
	ret->low = ret->shift + fmin(list[cut], 0) * widen;
	ret->high = ret->shift + fmax(list[REPLICATES - 1 - cut], 0) * widen;
	free(g.w);
	free(list);
	return 0;
}

/* Half interval of a side's median: order statistics, by so many of them as the clusters leave. */
static double median_half(const struct side *s, const struct test *t)
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
	return ((double)s->all[high].value - (double)s->all[low].value) / 2;
}

int pvtb_shift_of(const struct pvtb_series *old_runs, size_t nr_old,
		  const struct pvtb_series *new_runs, size_t nr_new, u64 seed,
		  struct pvtb_shift *ret)
{
	struct pvtb_shift s = {.old_runs = nr_old, .new_runs = nr_new};
	struct wins *w = malloc(sizeof(*w));
	struct side a = {0}, b = {0};
	struct test t = {0};
	s64 quantum;
	int err = w ? side_init(&a, old_runs, nr_old) : -ENOMEM;

	if (!err)
		err = side_init(&b, new_runs, nr_new);
	if (err)
		goto out;
	quantum = quantum_of(&a, &b);
	s.old_n = a.n;
	s.new_n = b.n;
	s.old_value = median_of(&a, quantum);
	s.new_value = median_of(&b, quantum);
	s.shift = hodges_lehmann(&a, &b, quantum);
	wins_at(&a, &b, 0, true, false, w);
	judge(&a, &b, w, &t);
	s.p = t.p;
	s.spread = t.spread;
	s.old_half = median_half(&a, &t);
	s.new_half = median_half(&b, &t);
	err = interval_of(&a, &b, quantum, &t, seed, &s);
	if (!err)
		*ret = s;
out:
	side_free(&a);
	side_free(&b);
	free(w);
	return err;
}

/* ---- values ---- */

static double mean_value(const struct pvtb_estimate *e, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += e[i].value / (double)n;
	return sum;
}

/* Variances of a side's mean, by its values' intervals and from run to run. */
static void estimate_variance(const struct pvtb_estimate *e, size_t n, double *ret_within,
			      double *ret_runs)
{
	double mean = mean_value(e, n), within = 0, runs = 0;

	for (size_t i = 0; i < n; i++) {
		within += e[i].half * e[i].half / 1.96 / 1.96;
		runs += (e[i].value - mean) * (e[i].value - mean);
	}
	*ret_within = within / (double)(n * n);
	*ret_runs = n > 1 ? runs / (double)(n - 1) / (double)n : (double)NAN;
}

static double median_value(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), cmp_double);
	return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

int pvtb_shift_of_estimates(const struct pvtb_estimate *old_runs, size_t nr_old,
			    const struct pvtb_estimate *new_runs, size_t nr_new,
			    struct pvtb_shift *ret)
{
	struct pvtb_shift s = {.old_runs = nr_old,
			       .new_runs = nr_new,
			       .old_n = nr_old,
			       .new_n = nr_new,
			       .low = NAN,
			       .high = NAN,
			       .p = 1};
	double wa, wb, ra, rb, var = NAN, df = INFINITY, *list;
	size_t longest = nr_old > nr_new ? nr_old : nr_new;

	if (!nr_old || !nr_new)
		return -ENODATA;
	list = calloc(longest * longest, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < nr_old; i++)
		list[i] = old_runs[i].value;
	s.old_value = median_value(list, nr_old);
	for (size_t i = 0; i < nr_new; i++)
		list[i] = new_runs[i].value;
	s.new_value = median_value(list, nr_new);
	for (size_t i = 0; i < nr_old; i++)
		for (size_t j = 0; j < nr_new; j++)
			list[i * nr_new + j] = new_runs[j].value - old_runs[i].value;
	s.shift = median_value(list, nr_old * nr_new);
	free(list);

	estimate_variance(old_runs, nr_old, &wa, &ra);
	estimate_variance(new_runs, nr_new, &wb, &rb);
	if (isfinite(wa + wb)) {
		var = wa + wb;
		s.spread = PVTB_SPREAD_WITHIN;
	}
	if (isfinite(ra + rb) && !(ra + rb <= var)) {
		struct variance va = {.value = ra, .df = (double)(nr_old - 1)};
		struct variance vb = {.value = rb, .df = (double)(nr_new - 1)};

		var = ra + rb;
		df = satterthwaite(&va, &vb);
		s.spread = PVTB_SPREAD_RUNS;
	}
	s.old_half = 1.96 * sqrt(isfinite(wa) && !(ra > wa) ? wa : ra);
	s.new_half = 1.96 * sqrt(isfinite(wb) && !(rb > wb) ? wb : rb);
	if (isfinite(var)) {
		double reach = pvtb_t_critical(LEVEL, df) * sqrt(var);

		s.low = s.shift - reach;
		s.high = s.shift + reach;
		if (s.shift != 0)
			s.p = var > 0 ? pvtb_t_two_sided(s.shift / sqrt(var), df) : 0;
	}
	*ret = s;
	return 0;
}

/* ---- quantiles of one run ---- */

static int cmp_s64(const void *a, const void *b)
{
	s64 x = *(const s64 *)a, y = *(const s64 *)b;

	return (x > y) - (x < y);
}

int pvtb_quantile_of(const struct pvtb_series *run, u64 permille, struct pvtb_estimate *ret)
{
	double share = (double)permille / 1000, n = (double)run->n, reach, seen, expected;
	size_t blocks = run->n / 8 < BLOCKS_WANTED ? run->n / 8 : BLOCKS_WANTED, rank;
	double above[BLOCKS_WANTED] = {0};
	s64 *v, q;

	if (!run->n)
		return -ENODATA;
	v = malloc(run->n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v, run->values, run->n * sizeof(*v));
	qsort(v, run->n, sizeof(*v), cmp_s64);
	rank = (size_t)(((u128)run->n * permille + 999) / 1000);
	q = v[rank ? rank - 1 : 0];
	ret->value = (double)q;
	ret->half = NAN;
	if (blocks >= 2) {
		for (size_t i = 0; i < run->n; i++)
			above[i * blocks / run->n] += (run->values[i] > q) * (double)blocks / n;
		seen = variance_of_mean(above, blocks);
		expected = share * (1 - share) / n;
		reach = 1.96 * sqrt(fmax(seen, expected));
		if ((share - reach) * n >= 1 && (share + reach) * n <= n) {
			s64 low = v[(size_t)floor((share - reach) * n) - 1];
			s64 high = v[(size_t)ceil((share + reach) * n) - 1];

			ret->half = fmax((double)high - (double)q, (double)q - (double)low);
		}
	}
	free(v);
	return 0;
}

/* ---- many tests at once ---- */

struct ranked {
	double p;
	size_t at;
};

static int cmp_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->p != y->p)
		return (x->p > y->p) - (x->p < y->p);
	return (x->at > y->at) - (x->at < y->at);
}

int pvtb_holm(double *p, size_t n)
{
	struct ranked *r = calloc(n ? n : 1, sizeof(*r));
	double worst = 0;

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){p[i], i};
	qsort(r, n, sizeof(*r), cmp_ranked);
	for (size_t i = 0; i < n; i++) {
		worst = fmax(worst, fmin(1, r[i].p * (double)(n - i)));
		p[r[i].at] = worst;
	}
	free(r);
	return 0;
}
