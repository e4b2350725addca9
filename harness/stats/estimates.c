// SPDX-License-Identifier: GPL-2.0-only
/* Owns comparisons of one value per run, and quantiles of one run with their intervals. */
#include <math.h>
#include <string.h>

#include "stats/clusters.h"

static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ---- values ---- */

static double mean_value(const struct pvtb_estimate *e, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += e[i].value / (double)n;
	return sum;
}

/* Variance of a side's mean by its values' intervals, and of one value from run to run. */
static void estimate_variance(const struct pvtb_estimate *e, size_t n, double *ret_within,
			      double *ret_runs)
{
	double mean = mean_value(e, n), within = 0, runs = 0;

	for (size_t i = 0; i < n; i++) {
		within += e[i].half * e[i].half / 1.96 / 1.96;
		runs += (e[i].value - mean) * (e[i].value - mean);
	}
	*ret_within = within / (double)(n * n);
	*ret_runs = n > 1 ? runs / (double)(n - 1) : (double)NAN;
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
			       .p = 1,
			       .p_model = 1};
	double wa, wb, ra, rb, var = NAN, df = INFINITY, runs, runs_df, *list;
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
	if (nr_old > 1 || nr_new > 1) {
		pvtb_runs_variance(ra, nr_old, rb, nr_new, &runs, &runs_df);
		if (!(runs < var)) {
			var = runs;
			df = runs_df;
			s.spread = PVTB_SPREAD_RUNS;
			s.least_p = pvtb_runs_least_p(nr_old, nr_new);
		}
	}
	ra /= (double)nr_old;
	rb /= (double)nr_new;
	s.old_half = 1.96 * sqrt(isfinite(wa) && !(ra > wa) ? wa : ra);
	s.new_half = 1.96 * sqrt(isfinite(wb) && !(rb > wb) ? wb : rb);
	if (isfinite(var)) {
		double reach = pvtb_t_critical(PVTB_LEVEL, df) * sqrt(var);

		s.low = s.shift - reach;
		s.high = s.shift + reach;
		if (s.shift != 0)
			s.p_model = var > 0 ? pvtb_t_two_sided(s.shift / sqrt(var), df) : 0;
		s.p = fmax(s.p_model, s.least_p);
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
	size_t blocks = run->n / 8 < PVTB_BLOCKS_WANTED ? run->n / 8 : PVTB_BLOCKS_WANTED, rank;
	double above[PVTB_BLOCKS_WANTED] = {0};
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
		seen = pvtb_sample_variance(above, blocks) / (double)blocks;
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
