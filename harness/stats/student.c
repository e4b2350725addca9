// SPDX-License-Identifier: GPL-2.0-only
/* Owns probabilities: Student's t, the least p of a permutation test, Holm's correction. */
#include <math.h>

#include "stats/shift.h"

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

/* ---- permutations ---- */

double pvtb_least_p(size_t clusters_a, size_t clusters_b)
{
	double a = (double)clusters_a, b = (double)clusters_b;

	return fmin(1, 2 * exp(log_gamma(a + 1) + log_gamma(b + 1) - log_gamma(a + b + 1)));
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
