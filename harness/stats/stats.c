// SPDX-License-Identifier: GPL-2.0-only
/* Owns distributions and slopes of raw ticks. Knows no units, reads no files. */
#include "stats/stats.h"

#include <math.h>

#define MAX_FULL_LENGTHS 256 /* above: Theil's incomplete method, linear instead of quadratic */
#define MIN_BLOCKS	 6   /* the fewest values whose range covers the median with 95 % */
#define MAX_BLOCKS	 40
#define MEMBERS_WANTED	 4 /* per block and length, so that a block's centre is robust too */

static int cmp_s64(const void *a, const void *b)
{
	s64 x = *(const s64 *)a, y = *(const s64 *)b;

	return (x > y) - (x < y);
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank: the smallest of the sorted values with at least @permille of them at or below. */
static s64 percentile(const s64 *sorted, size_t n, u64 permille)
{
	u64 rank = (u64)(((u128)n * permille + 999) / 1000);

	return sorted[rank - 1];
}

/*
 * The largest k with P(Binomial(n, 1/2) < k) <= 2.5 %: [x(k), x(n + 1 - k)] covers the median with
 * at least 95 %, whatever the distribution. 0 when n < 6 and not even the range does.
 */
static u64 median_rank(u64 n)
{
	double pmf, cdf, k;

	if (n > 1000) {
		/* Normal approximation with continuity correction: good to a rank out here, where
		 * 2^-n would soon leave the range of a double. 0.97998... is half of 1.95996... */
		k = (double)n / 2 + 0.5 - 0.979981992 * sqrt((double)n);
		return (u64)k;
	}
	pmf = exp2(-(double)n);
	cdf = pmf;
	for (k = 0; cdf <= 0.025; k++) {
		pmf *= ((double)n - k) / (k + 1);
		cdf += pmf;
	}
	return (u64)k;
}

int pvtb_dist_of(s64 *values, size_t n, struct pvtb_dist *ret)
{
	struct pvtb_dist d = {.n = n};
	u128 squares = 0, rest, part;
	s128 sum = 0, centre;
	double m2, carry = 0;
	size_t i;
	u64 k;

	if (!n)
		return -ENODATA;
	qsort(values, n, sizeof(*values), cmp_s64);
	for (i = 0; i < n; i++)
		sum += values[i];
	/* sum = centre * n + rest, 0 <= rest < n: about that integer centre the deviations are
	 * exact, and the true mean lies rest / n above it. */
	centre = sum / (s128)n;
	if (centre * (s128)n > sum)
		centre--;
	rest = (u128)(sum - centre * (s128)n);
	for (i = 0; i < n; i++) {
		s128 dev = values[i] - centre;
		u128 mag = (u128)(dev < 0 ? -dev : dev);

		part = mag * mag; /* mag < 2^64 */
		squares += part;
		if (squares < part)
			carry += 0x1p128;
	}
	/* Sum of squares about the mean: squares - rest^2 / n, the quotient's integer part first. */
	part = rest * rest / n;
	m2 = carry + (double)(squares - part) - (double)(rest * rest % n) / (double)n;

	d.mean = (double)centre + (double)rest / (double)n;
	d.stddev = n > 1 ? sqrt(fmax(m2, 0) / (double)(n - 1)) : 0;
	d.min = values[0];
	d.p50 = percentile(values, n, 500);
	d.p90 = percentile(values, n, 900);
	d.p95 = percentile(values, n, 950);
	d.p99 = percentile(values, n, 990);
	d.p999 = percentile(values, n, 999);
	d.max = values[n - 1];
	k = median_rank(n);
	if (!k)
		k = 1;
	d.p50_low = values[k - 1];
	d.p50_high = values[n - k];
	*ret = d;
	return 0;
}

/* A point with its place in the input, so that sorting by length keeps the order of time. */
struct numbered {
	u64 ops;
	u64 ticks;
	size_t index;
};

static int cmp_numbered(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->ops != y->ops)
		return (x->ops > y->ops) - (x->ops < y->ops);
	return (x->index > y->index) - (x->index < y->index);
}

/* Points of one length: points[first .. first + n). */
struct group {
	u64 ops;
	size_t first;
	size_t n;
};

struct weighted {
	double slope;
	double weight;
};

static int cmp_weighted(const void *a, const void *b)
{
	const struct weighted *x = a, *y = b;

	return (x->slope > y->slope) - (x->slope < y->slope);
}

/* All that pvtb_slope_of() allocates, sized once. */
struct work {
	struct numbered *points;
	struct group *groups;
	size_t nr_groups;
	size_t smallest; /* members of the smallest group */
	u64 *ticks;	 /* scratch of one group */
	double *centre;	 /* per group */
	struct weighted *pairs;
	double *list; /* slopes of blocks, rests of groups, slopes of all pairs of points */
};

static void work_free(struct work *w)
{
	free(w->points);
	free(w->groups);
	free(w->ticks);
	free(w->centre);
	free(w->pairs);
	free(w->list);
}

static int work_init(struct work *w, const struct pvtb_point *points, size_t n)
{
	size_t i, pairs, list;

	w->points = calloc(n, sizeof(*w->points));
	w->groups = calloc(n, sizeof(*w->groups));
	w->ticks = calloc(n, sizeof(*w->ticks));
	if (!w->points || !w->groups || !w->ticks)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		w->points[i].ops = points[i].ops;
		w->points[i].ticks = points[i].ticks;
		w->points[i].index = i;
	}
	qsort(w->points, n, sizeof(*w->points), cmp_numbered);
	for (i = 0; i < n; i++) {
		if (!i || w->points[i].ops != w->points[i - 1].ops) {
			w->groups[w->nr_groups].ops = w->points[i].ops;
			w->groups[w->nr_groups].first = i;
			w->nr_groups++;
		}
		w->groups[w->nr_groups - 1].n++;
	}
	if (w->nr_groups < 3)
		return -ENODATA;
	w->smallest = n;
	for (i = 0; i < w->nr_groups; i++)
		if (w->groups[i].n < w->smallest)
			w->smallest = w->groups[i].n;

	pairs = w->nr_groups;
	if (w->nr_groups <= MAX_FULL_LENGTHS)
		pairs = w->nr_groups * (w->nr_groups - 1) / 2;
	list = w->nr_groups > MAX_BLOCKS ? w->nr_groups : MAX_BLOCKS;
	w->centre = calloc(w->nr_groups, sizeof(*w->centre));
	w->pairs = calloc(pairs, sizeof(*w->pairs));
	w->list = calloc(list, sizeof(*w->list));
	return w->centre && w->pairs && w->list ? 0 : -ENOMEM;
}

/* Mean of the middle half; the median below 5 values. */
static double midmean(u64 *ticks, size_t n)
{
	size_t cut = n / 4, i;
	u128 sum = 0;

	if (n == 3)
		cut = 1;
	qsort(ticks, n, sizeof(*ticks), cmp_u64);
	for (i = cut; i < n - cut; i++)
		sum += ticks[i];
	n -= 2 * cut;
	return (double)(u64)(sum / n) + (double)(u64)(sum % n) / (double)n;
}

/* Centres of the groups' members that belong to block @b of @blocks. */
static void centres_of(struct work *w, size_t b, size_t blocks)
{
	size_t g, i, from, to;

	for (g = 0; g < w->nr_groups; g++) {
		const struct group *grp = &w->groups[g];

		from = grp->first + b * grp->n / blocks;
		to = grp->first + (b + 1) * grp->n / blocks;
		for (i = from; i < to; i++)
			w->ticks[i - from] = w->points[i].ticks;
		w->centre[g] = midmean(w->ticks, to - from);
	}
}

static size_t pair_slopes(struct work *w)
{
	size_t i, j, n = 0, half = w->nr_groups / 2;

	for (i = 0; i < w->nr_groups; i++) {
		j = w->nr_groups <= MAX_FULL_LENGTHS ? i + 1 : i + (w->nr_groups - half);
		for (; j < w->nr_groups; j++) {
			w->pairs[n].weight = (double)(w->groups[j].ops - w->groups[i].ops);
			w->pairs[n].slope = (w->centre[j] - w->centre[i]) / w->pairs[n].weight;
			n++;
			if (w->nr_groups > MAX_FULL_LENGTHS)
				break;
		}
	}
	qsort(w->pairs, n, sizeof(*w->pairs), cmp_weighted);
	return n;
}

/* Weighted median of the centres' pairwise slopes: the slope with half of the weight on either
 * side; the mean of two where the boundary falls between them. */
static double centre_slope(struct work *w)
{
	size_t i, n = pair_slopes(w);
	double total = 0, below = 0;

	for (i = 0; i < n; i++)
		total += w->pairs[i].weight;
	for (i = 0; i + 1 < n; i++) {
		below += w->pairs[i].weight;
		if (2 * below > total)
			break;
		if (2 * below == total)
			return (w->pairs[i].slope + w->pairs[i + 1].slope) / 2;
	}
	return w->pairs[i].slope;
}

/* Interval from the slopes of consecutive blocks. */
static void interval_of_blocks(struct work *w, struct pvtb_slope *s)
{
	size_t b, blocks = w->smallest / MEMBERS_WANTED;
	u64 k;

	if (blocks < MIN_BLOCKS)
		blocks = MIN_BLOCKS;
	if (blocks > MAX_BLOCKS)
		blocks = MAX_BLOCKS;
	for (b = 0; b < blocks; b++) {
		centres_of(w, b, blocks);
		w->list[b] = centre_slope(w);
	}
	qsort(w->list, blocks, sizeof(*w->list), cmp_double);
	k = median_rank(blocks);
	s->low = w->list[k - 1];
	s->high = w->list[blocks - k];
}

/* Keep at most MIN_BLOCKS points of each group, evenly spread over time: pairs are quadratic. */
static size_t thin(struct work *w)
{
	size_t g, i, n = 0;

	for (g = 0; g < w->nr_groups; g++) {
		struct group *grp = &w->groups[g];
		size_t keep = grp->n < MIN_BLOCKS ? grp->n : MIN_BLOCKS;

		for (i = 0; i < keep; i++)
			w->points[n + i] = w->points[grp->first + i * grp->n / keep];
		grp->first = n;
		grp->n = keep;
		n += keep;
	}
	return n;
}

/* Sen (1968): the ranks of the pairwise slopes at which Kendall's statistic turns significant;
 * points of equal length make no pair and lower its variance. */
static int interval_of_pairs(struct work *w, struct pvtb_slope *s)
{
	size_t i, j, g, m = 0, lo, n = thin(w);
	double var = (double)n * (double)(n - 1) * (double)(2 * n + 5);
	double c, *slopes;

	slopes = calloc(n * (n - 1) / 2, sizeof(*slopes));
	if (!slopes)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++) {
			const struct numbered *p = &w->points[i], *q = &w->points[j];

			if (p->ops != q->ops)
				slopes[m++] = ((double)q->ticks - (double)p->ticks) /
					      (double)(q->ops - p->ops);
		}
	qsort(slopes, m, sizeof(*slopes), cmp_double);
	for (g = 0; g < w->nr_groups; g++) {
		double t = (double)w->groups[g].n;

		var -= t * (t - 1) * (2 * t + 5);
	}
	c = 1.959963985 * sqrt(var / 18);
	lo = c < (double)m ? (size_t)(((double)m - c) / 2) : 0;
	/* lo is a rank from 1; the upper one is its mirror image. */
	if (!lo)
		lo = 1;
	s->low = slopes[lo - 1];
	s->high = slopes[m - lo];
	free(slopes);
	return 0;
}

/* With Theil's incomplete pairs the slopes are independent: their median's own interval. */
static void interval_of_incomplete(struct work *w, struct pvtb_slope *s)
{
	size_t n = pair_slopes(w);
	u64 k = median_rank(n);

	s->low = w->pairs[k - 1].slope;
	s->high = w->pairs[n - k].slope;
}

static void line_of(struct work *w, struct pvtb_slope *s)
{
	double mean = 0, rest, ss_rest = 0, ss_total = 0;
	size_t g, n = w->nr_groups;

	s->slope = centre_slope(w);
	for (g = 0; g < n; g++) {
		w->list[g] = w->centre[g] - s->slope * (double)w->groups[g].ops;
		mean += w->centre[g] / (double)n;
	}
	qsort(w->list, n, sizeof(*w->list), cmp_double);
	s->intercept = (w->list[(n - 1) / 2] + w->list[n / 2]) / 2;
	for (g = 0; g < n; g++) {
		rest = w->centre[g] - s->slope * (double)w->groups[g].ops - s->intercept;
		ss_rest += rest * rest;
		ss_total += (w->centre[g] - mean) * (w->centre[g] - mean);
	}
	/* Equal centres lie on a level line exactly. */
	s->r2 = ss_total > 0 ? 1 - ss_rest / ss_total : 1;
}

/*
 * What all operations took beyond the fixed cost of a batch, by their number. Not a line through all
 * points: an interrupt in a short batch would tilt that downwards.
 */
static double mean_cost(const struct pvtb_point *points, size_t n, double intercept)
{
	double ops = 0, ticks = 0;

	for (size_t i = 0; i < n; i++) {
		ops += (double)points[i].ops;
		ticks += (double)points[i].ticks - intercept;
	}
	return ticks / ops;
}

int pvtb_slope_of(const struct pvtb_point *points, size_t n, struct pvtb_slope *ret)
{
	struct pvtb_slope s = {.points = n};
	struct work w = {0};
	int err = -ENODATA;

	if (n < 3)
		return err;
	err = work_init(&w, points, n);
	if (err)
		goto out;
	centres_of(&w, 0, 1);
	line_of(&w, &s);
	s.mean = mean_cost(points, n, s.intercept);
	if (w.smallest >= MIN_BLOCKS)
		interval_of_blocks(&w, &s);
	else if (w.nr_groups <= MAX_FULL_LENGTHS)
		err = interval_of_pairs(&w, &s);
	else
		interval_of_incomplete(&w, &s);
	if (err)
		goto out;
	/* Two estimators of one thing: where they part, the interval admits both. */
	s.low = fmin(s.low, s.slope);
	s.high = fmax(s.high, s.slope);
	*ret = s;
out:
	work_free(&w);
	return err;
}
