// SPDX-License-Identifier: GPL-2.0-only
/*
 * The truth test of comparisons: synthetic runs whose difference is known, on noise as machines make
 * it. Equal runs are called different at most as often as alpha says; the interval holds the true
 * difference at least as often as it says; real differences are found, which is printed beside a plain
 * Mann-Whitney U test. With samples, and by a value per run as a baseline has them. Seeded: the same on
 * every machine.
 *
 * PVTB_TRUTH=long: 200 comparisons of a kind, as in the tables of docs/compare.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "stats/shift.h"

#define ALPHA	 0.05
#define BASE_NS	 400.0
#define RUNS_MAX 12
#define N_MAX	 4000

static unsigned int rounds = 15;

/* ---- random numbers ---- */

static u64 state;

static double uniform(void)
{
	return ((double)(pvtb_random(&state) >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* ---- noise ---- */

enum shape { INDEPENDENT, BIMODAL, HEAVY, WALK, DRIFT };

static const struct noise {
	const char *name;
	enum shape shape;
	double rho;	/* of WALK */
	double tick_ns; /* of the counter; less than 0: and no noise at all */
	size_t n;	/* samples a run */
} noises[] = {
	{"independent, 3 %", INDEPENDENT, 0, 0.1, 400},
	{"AR(0.9)", WALK, 0.9, 0.1, 1000},
	{"AR(0.99)", WALK, 0.99, 0.1, 4000},
	{"bimodal, 15 % apart", BIMODAL, 0, 0.1, 400},
	{"heavy tail (t, 2 df)", HEAVY, 0, 0.1, 400},
	{"drifting by 4 %", DRIFT, 0, 0.1, 400},
	{"5 ns ticks", INDEPENDENT, 0, 5, 400},
	{"40 ns ticks", INDEPENDENT, 0, 40, 400},
	{"40 ns ticks, AR(0.9)", WALK, 0.9, 40, 1000},
	{"40 ns ticks, no noise", INDEPENDENT, 0, -40, 400},
};

/* AR(1) noise begins where it would have been after a long time. */
static void make_run(const struct noise *k, double ns, double tick, s64 *v, size_t n)
{
	double sd = k->tick_ns < 0 ? 0 : 12, walk = normal(), slope = 16 * normal(),
	       phase = 2 * M_PI * uniform(), swing = 12 * uniform();

	for (size_t i = 0; i < n; i++) {
		double at = (double)i / (double)n, x = ns, a, b;

		switch (k->shape) {
		case INDEPENDENT:
			x += sd * normal();
			break;
		case BIMODAL:
			x += (uniform() < 0.7 ? 0 : 60) + 4 * normal();
			break;
		case HEAVY:
			a = normal();
			b = normal();
			x += 8 * fabs(normal()) / sqrt((a * a + b * b) / 2);
			break;
		case WALK:
			walk = k->rho * walk + sqrt(1 - k->rho * k->rho) * normal();
			x += sd * walk;
			break;
		case DRIFT:
			x += 8 * normal() + slope * at + swing * sin(2 * M_PI * at + phase);
			break;
		}
		/* read by two edges of a counter that runs by itself */
		v[i] = (s64)floor(x / tick + uniform());
	}
}

/* ---- ways to compare ---- */

struct design {
	const char *name;
	size_t a, b;	/* runs */
	double between; /* ns, from run to run */
	double other;	/* the new side's tick, of the old side's */
};

static const struct design designs[] = {
	{"1 run against 1", 1, 1, 0, 1},
	{"1 against 1, ticks 4 % apart", 1, 1, 0, 1.04166666666666666},
	{"1 against 1, ticks 3e-7 apart", 1, 1, 0, 1 / (1 + 3e-7)},
	{"4 against 4, runs differ by 2 %", 4, 4, 8, 1},
	{"3 against 6, runs differ by 2 %", 3, 6, 8, 1.04166666666666666},
	{"5 against 1, runs differ by 2 %", 5, 1, 8, 1},
	{"1 against 10, runs differ by 2 %", 1, 10, 8, 1},
};

struct tally {
	unsigned int n, alarms, covered, u;
};

static s64 values[2 * RUNS_MAX][N_MAX];

/* Mann and Whitney's test as the books have it, on all samples: normal, ties corrected. */
static int cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double plain_u(const double *a, size_t na, const double *b, size_t nb)
{
	size_t n = na + nb;
	double *all = calloc(n, sizeof(*all)), *sorted = calloc(nb, sizeof(*sorted)), u = 0,
	       ties = 0, mean = (double)na * (double)nb / 2, var;

	memcpy(all, a, na * sizeof(*a));
	memcpy(all + na, b, nb * sizeof(*b));
	memcpy(sorted, b, nb * sizeof(*b));
	qsort(all, n, sizeof(*all), cmp_double);
	qsort(sorted, nb, sizeof(*sorted), cmp_double);
	for (size_t i = 0, end; i < n; i = end) {
		double t;

		for (end = i; end < n && all[end] == all[i]; end++)
			;
		t = (double)(end - i);
		ties += t * t * t - t;
		for (size_t j = 0; t > 0 && j < nb; j++)
			if (sorted[j] == all[i])
				u += ((double)i + 1 + (double)end) / 2;
			else if (sorted[j] > all[i])
				break;
	}
	u -= (double)nb * (double)(nb + 1) / 2;
	var = (double)na * (double)nb / 12 * ((double)n + 1 - ties / ((double)n * (double)(n - 1)));
	free(all);
	free(sorted);
	return var > 0 ? erfc(fmax(0, fabs(u - mean) - 0.5) / sqrt(2 * var)) : 1;
}

static bool u_differs(const struct pvtb_series *s, size_t a, size_t b)
{
	static double x[RUNS_MAX * N_MAX], y[RUNS_MAX * N_MAX];
	size_t n[2] = {0};

	for (size_t r = 0; r < a + b; r++)
		for (size_t i = 0; i < s[r].n; i++) {
			if (r < a)
				x[n[0]++] = (double)s[r].values[i] * s[r].unit;
			else
				y[n[1]++] = (double)s[r].values[i] * s[r].unit;
		}
	return plain_u(x, n[0], y, n[1]) < ALPHA;
}

static void by_estimates(const struct pvtb_series *s, size_t a, size_t b, struct pvtb_shift *ret)
{
	struct pvtb_estimate e[2 * RUNS_MAX];

	for (size_t r = 0; r < a + b; r++)
		assert_int_equal(pvtb_centre_of(&s[r], &e[r]), 0);
	assert_int_equal(pvtb_shift_of_estimates(e, a, e + a, b, ret), 0);
}

static struct tally measure(const struct noise *k, const struct design *d, bool baseline,
			    double shift, bool with_u)
{
	double tick = fabs(k->tick_ns);
	struct tally t = {0};

	for (unsigned int round = 0; round < rounds; round++) {
		struct pvtb_series series[2 * RUNS_MAX];
		struct pvtb_shift s;
		/* where within the steps it lies must not matter */
		double base;

		state = 1000003ULL * (u64)(k - noises + 1) + 7919ULL * (u64)(d - designs) + round;
		base = BASE_NS + 40 * uniform();
		for (size_t r = 0; r < d->a + d->b; r++) {
			double unit = r < d->a ? tick : tick * d->other;

			make_run(k, base + d->between * normal() + (r < d->a ? 0 : shift), unit,
				 values[r], k->n);
			series[r] = (struct pvtb_series){values[r], k->n, unit};
		}
		if (baseline)
			by_estimates(series, d->a, d->b, &s);
		else
			assert_int_equal(
				pvtb_shift_of(series, d->a, series + d->a, d->b, round, &s), 0);
		t.n++;
		t.alarms += s.p < ALPHA && (s.low > 0 || s.high < 0);
		t.covered += s.low <= shift && s.high >= shift;
		t.u += with_u && u_differs(series, d->a, d->b);
	}
	return t;
}

/* Of @n comparisons of which each fails by @p: so many are exceeded in one test of 10^5. */
static double allowance(double p, unsigned int n)
{
	return (double)n * p + 4.27 * sqrt((double)n * p * (1 - p)) + 1;
}

static void check_tally(const struct noise *k, const struct design *d, const char *how,
			const struct tally *t, double shift)
{
	double allowed = allowance(ALPHA, t->n);

	if (t->alarms > allowed && shift == 0)
		fail_msg("%s, %s, %s: %u false alarms of %u, %.0f allowed", d->name, k->name, how,
			 t->alarms, t->n, allowed);
	if (t->n - t->covered > allowed)
		fail_msg("%s, %s, %s: %u intervals of %u do not hold %g ns, %.0f allowed", d->name,
			 k->name, how, t->n - t->covered, t->n, shift, allowed);
}

static double percent(unsigned int of, const struct tally *t)
{
	return 100.0 * of / t->n;
}

/* Equal sides, on every noise, for every number of runs: alarms, and whether intervals hold 0. */
static void equal_is_equal(void **unused)
{
	static const char *const how[] = {"samples", "baseline"};

	for (size_t d = 0; d < PVTB_ARRAY_SIZE(designs); d++) {
		unsigned int alarms[2] = {0}, n = 0;

		print_message("| %s |", designs[d].name);
		for (size_t k = 0; k < PVTB_ARRAY_SIZE(noises); k++)
			for (int b = 0; b < 2; b++) {
				struct tally t = measure(&noises[k], &designs[d], b, 0, false);

				check_tally(&noises[k], &designs[d], how[b], &t, 0);
				alarms[b] += t.alarms;
				n += b ? 0 : t.n;
				print_message(b ? "/%.1f |" : " %.1f", percent(t.alarms, &t));
			}
		print_message("\n");
		/* over all noises the allowance is tighter */
		for (int b = 0; b < 2; b++)
			assert_true(alarms[b] <= allowance(ALPHA, n));
	}
}

/* Sides that differ by 2 %: the interval holds it, whether or not it is found. */
static void intervals_hold_the_truth(void **unused)
{
	static const char *const how[] = {"samples", "baseline"};

	for (size_t d = 0; d < PVTB_ARRAY_SIZE(designs); d++) {
		print_message("| %s |", designs[d].name);
		for (size_t k = 0; k < PVTB_ARRAY_SIZE(noises); k++)
			for (int b = 0; b < 2; b++) {
				struct tally t = measure(&noises[k], &designs[d], b, 8, false);

				check_tally(&noises[k], &designs[d], how[b], &t, 8);
				print_message(b ? "/%.1f |" : " %.1f", percent(t.covered, &t));
			}
		print_message("\n");
	}
}

/* What is found of real differences, beside a plain U test on the same samples, which finds as
 * "many" where there is none. One run a side. */
static void differences_are_found(void **unused)
{
	static const double shifts[] = {0, 2, 4, 8, 20, 80};

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(noises); k++) {
		double before = 0;

		print_message("| %s |", noises[k].name);
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(shifts); i++) {
			struct tally t = measure(&noises[k], &designs[0], false, shifts[i], true);

			print_message(" %.0f (%.0f) |", percent(t.alarms, &t), percent(t.u, &t));
			if (percent(t.alarms, &t) < before - 15)
				fail_msg("%s: %g ns are found less often than less", noises[k].name,
					 shifts[i]);
			before = percent(t.alarms, &t);
		}
		print_message("\n");
		if (before < (noises[k].shape == DRIFT ? 80 : 90))
			fail_msg("%s: 20 %% are found in %.0f %%", noises[k].name, before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_is_equal),
		cmocka_unit_test(intervals_hold_the_truth),
		cmocka_unit_test(differences_are_found),
	};
	const char *mode = getenv("PVTB_TRUTH");

	if (mode && !strcmp(mode, "long"))
		rounds = 200;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
