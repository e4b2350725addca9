// SPDX-License-Identifier: GPL-2.0-only
/*
 * The truth test of comparisons: synthetic runs whose difference is known, on noise as machines make
 * it. Equal runs must be called different at most as often as alpha says, on every shape; how often
 * a real shift is found is printed, and must not fall with the shift. Fixed seeds: the same on
 * every machine. Beside it the pieces, against values from elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "stats/shift.h"

#define ALPHA	 0.05
#define SAMPLES	 240
#define RUNS_MAX 8

/* ---- random numbers of the test's own ---- */

static u64 state;

static double uniform(void)
{
	u64 z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* ---- noise, in hundredths of a nanosecond about 100 ns ---- */

struct drift {
	double slope, amplitude, phase;
};

typedef double sampler(double at, const struct drift *d);

static double shape_normal(double at, const struct drift *d)
{
	return 10000 + 300 * normal();
}

static double shape_bimodal(double at, const struct drift *d)
{
	return (uniform() < 0.7 ? 10000 : 11500) + 100 * normal();
}

/* Student's t with 2 degrees of freedom, one-sided: no variance at all */
static double shape_heavy(double at, const struct drift *d)
{
	double a = normal(), b = normal();

	return 10000 + 200 * fabs(normal()) / sqrt((a * a + b * b) / 2);
}

/* from a common beginning off in a direction of its own, and a swing: other ones in each run */
static double shape_drifting(double at, const struct drift *d)
{
	return 10000 + 200 * normal() + d->slope * at +
	       d->amplitude * sin(2 * M_PI * at + d->phase);
}

static double shape_quantised(double at, const struct drift *d)
{
	return 10000 + 600 * normal();
}

static const struct {
	const char *name;
	sampler *sample;
	double quantum;
} shapes[] = {
	{"normal", shape_normal, 1},
	{"bimodal", shape_bimodal, 1},
	{"heavy-tailed", shape_heavy, 1},
	{"drifting", shape_drifting, 1},
	{"40 ns steps", shape_quantised, 4000},
};

/* @factor times what the shape gives, as a counter of that step shows it. */
static void make_run(size_t shape, double factor, double offset, s64 *values, size_t n)
{
	struct drift d = {400 * normal(), 300 * uniform(), 2 * M_PI * uniform()};
	double q = shapes[shape].quantum;

	for (size_t i = 0; i < n; i++) {
		double x = shapes[shape].sample((double)i / (double)n, &d) * factor + offset;

		/* read by two edges of a clock that runs by itself: floor(phase + x) */
		values[i] = (s64)(floor(x / q + uniform()) * q);
	}
}

static bool differs(const struct pvtb_shift *s)
{
	return s->p < ALPHA && (s->low > 0 || s->high < 0);
}

struct tally {
	unsigned int alarms, covered, n;
};

static void compare_once(size_t shape, double factor, size_t runs, double between, u64 seed,
			 struct tally *t)
{
	s64 values[2 * RUNS_MAX][SAMPLES];
	struct pvtb_series series[2 * RUNS_MAX];
	struct pvtb_shift s;

	state = seed;
	for (size_t r = 0; r < 2 * runs; r++) {
		make_run(shape, r < runs ? 1 : factor, between * normal(), values[r], SAMPLES);
		series[r] = (struct pvtb_series){values[r], SAMPLES};
	}
	assert_int_equal(pvtb_shift_of(series, runs, series + runs, runs, seed, &s), 0);
	assert_true(s.low <= s.shift && s.shift <= s.high);
	t->n++;
	t->alarms += differs(&s);
	t->covered += s.low <= 0 && s.high >= 0;
}

static struct tally compare_many(size_t shape, double factor, size_t runs, double between,
				 unsigned int n)
{
	struct tally t = {0};

	for (unsigned int i = 0; i < n; i++)
		compare_once(shape, factor, runs, between, 1000003ULL * (shape + 1) + i, &t);
	return t;
}

static void equal_runs_are_equal(void **unused)
{
	for (size_t s = 0; s < PVTB_ARRAY_SIZE(shapes); s++) {
		struct tally t = compare_many(s, 1, 1, 0, 1000);

		print_message("%-12s equal, 1 run a side: %.1f %% false alarms, interval holds 0 "
			      "in %.1f %%\n",
			      shapes[s].name, t.alarms / 10.0, t.covered / 10.0);
		assert_true(t.alarms <= ALPHA * t.n);
		assert_true(t.covered >= (1 - ALPHA) * t.n);
	}
}

/* Boots that differ by 2 % each: pooled, all samples of a side taken for independent, nearly every
 * comparison of equal kernels would find a difference. From three runs on: what two may differ by
 * is not known by two. */
static void runs_are_the_unit(void **unused)
{
	static const size_t runs[] = {3, 4, 5, 6, 8};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(runs); i++) {
		struct tally t = compare_many(i % PVTB_ARRAY_SIZE(shapes), 1, runs[i], 200, 500);

		print_message("%-12s equal, %zu runs a side that differ by 2 %%: %.1f %% false "
			      "alarms\n",
			      shapes[i % PVTB_ARRAY_SIZE(shapes)].name, runs[i], t.alarms / 5.0);
		assert_true(t.alarms <= ALPHA * t.n);
	}
}

static void shifts_are_found(void **unused)
{
	static const double shifts[] = {0.5, 1, 5, 20};
	static const size_t runs[] = {1, 4};

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(runs); k++)
		for (size_t s = 0; s < PVTB_ARRAY_SIZE(shapes); s++) {
			double found[PVTB_ARRAY_SIZE(shifts)];

			for (size_t i = 0; i < PVTB_ARRAY_SIZE(shifts); i++) {
				struct tally t =
					compare_many(s, 1 + shifts[i] / 100, runs[k], 0, 40);

				found[i] = 100.0 * t.alarms / t.n;
			}
			print_message(
				"%-12s %zu run%s of %d: found of 0.5 %%: %.0f %%, 1 %%: %.0f %%, "
				"5 %%: %.0f %%, 20 %%: %.0f %%\n",
				shapes[s].name, runs[k], runs[k] > 1 ? "s" : "", SAMPLES, found[0],
				found[1], found[2], found[3]);
			assert_true(found[3] >= 90);
			for (size_t i = 1; i < PVTB_ARRAY_SIZE(shifts); i++)
				assert_true(found[i] >= found[i - 1] - 10);
		}
}

/* ---- the pieces ---- */

static void students_t(void **unused)
{
	/* two-sided 5 % and 1 % points from the usual tables */
	static const struct {
		double df, five, one;
	} table[] = {{1, 12.706, 63.657}, {2, 4.303, 9.925},  {4, 2.776, 4.604},
		     {10, 2.228, 3.169},  {38, 2.024, 2.712}, {INFINITY, 1.960, 2.576}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(table); i++) {
		assert_true(fabs(pvtb_t_critical(0.05, table[i].df) - table[i].five) < 6e-4);
		assert_true(fabs(pvtb_t_critical(0.01, table[i].df) - table[i].one) < 6e-4);
		assert_true(fabs(pvtb_t_two_sided(table[i].five, table[i].df) - 0.05) < 1e-4);
	}
	assert_true(pvtb_t_two_sided(0, 7) == 1);
}

static void holm_by_hand(void **unused)
{
	double p[] = {0.01, 0.04, 0.03, 0.005}, want[] = {0.03, 0.06, 0.06, 0.02};

	assert_int_equal(pvtb_holm(p, 4), 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(fabs(p[i] - want[i]) < 1e-12);
	p[0] = 0.9, p[1] = 0.8;
	assert_int_equal(pvtb_holm(p, 2), 0);
	assert_true(p[0] == 1 && p[1] == 1);
	assert_int_equal(pvtb_holm(p, 0), 0);
}

static void fill(s64 *v, size_t n, s64 value)
{
	for (size_t i = 0; i < n; i++)
		v[i] = value;
}

static struct pvtb_shift shift_of(const s64 *a, const s64 *b, size_t n)
{
	struct pvtb_series old = {a, n}, new = {b, n};
	struct pvtb_shift s;

	assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
	return s;
}

/* Values without noise differ exactly, or not at all, near either end of the range too. */
static void constants(void **unused)
{
	static const s64 bases[] = {1752, 0, -5, INT64_MAX / 2};
	s64 a[100], b[100];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bases); i++) {
		struct pvtb_shift s;

		fill(a, 100, bases[i]);
		fill(b, 100, bases[i]);
		s = shift_of(a, b, 100);
		assert_true(s.shift == 0 && s.p == 1 && s.high - s.low < 1e-9);
		fill(b, 100, bases[i] + 3);
		s = shift_of(a, b, 100);
		assert_true(s.shift == 3 && s.p < 1e-9 && s.low > 2 && s.high < 4);
		s = shift_of(b, a, 100);
		assert_true(s.shift == -3 && s.p < 1e-9 && s.high < -2);
	}
}

/* Hodges and Lehmann's own definition, over all pairs. */
static void shift_is_the_median_difference(void **unused)
{
	s64 a[41], b[41];
	double d[41 * 41];

	state = 7;
	for (int i = 0; i < 41; i++) {
		a[i] = (s64)(1e6 * uniform());
		b[i] = (s64)(1e6 * uniform()) + 50000;
	}
	for (int i = 0; i < 41 * 41; i++)
		d[i] = (double)(b[i % 41] - a[i / 41]);
	for (int i = 1; i < 41 * 41; i++)
		for (int j = i; j && d[j] < d[j - 1]; j--) {
			double t = d[j];

			d[j] = d[j - 1], d[j - 1] = t;
		}
	assert_true(fabs(shift_of(a, b, 41).shift - d[41 * 41 / 2]) <= 0.5);
}

/* A counter of 40 ns shows 50 and 55 ns as 40 or 80, more or less often: the shift is seen. */
static void finer_than_the_quantum(void **unused)
{
	static s64 a[20000], b[20000];
	struct pvtb_shift s;

	state = 9;
	for (size_t i = 0; i < 20000; i++) {
		a[i] = (s64)floor(50.0 / 40 + uniform()) * 40;
		b[i] = (s64)floor(55.0 / 40 + uniform()) * 40;
	}
	s = shift_of(a, b, 20000);
	print_message("5 ns seen through steps of 40 ns as %.2f (%.2f to %.2f) ns\n", s.shift,
		      s.low, s.high);
	assert_true(s.low > 0 && s.high < 15 && s.p < 0.001);
	assert_true(fabs(s.shift - 5) < 3);
}

static void too_few(void **unused)
{
	s64 v[100] = {0};
	struct pvtb_series few = {v, PVTB_SHIFT_MIN_SAMPLES - 1}, many = {v, 100}, none = {v, 0};
	struct pvtb_series with_none[] = {many, none};
	struct pvtb_shift s;
	struct pvtb_estimate e = {1, NAN};

	assert_int_equal(pvtb_shift_of(&few, 1, &many, 1, 1, &s), -ENODATA);
	assert_int_equal(pvtb_shift_of(&many, 1, &few, 1, 1, &s), -ENODATA);
	assert_int_equal(pvtb_shift_of(&many, 1, &many, 0, 1, &s), -ENODATA);
	assert_int_equal(pvtb_shift_of(&many, 1, with_none, 2, 1, &s), -ENODATA);
	assert_int_equal(pvtb_shift_of_estimates(&e, 1, &e, 0, &s), -ENODATA);
	assert_int_equal(pvtb_quantile_of(&none, 990, &e), -ENODATA);
	for (size_t n = PVTB_SHIFT_MIN_SAMPLES; n < 100; n++) {
		struct pvtb_series some = {v, n};

		assert_int_equal(pvtb_shift_of(&some, 1, &many, 1, 1, &s), 0);
		assert_true(s.p == 1);
	}
}

static void estimates(void **unused)
{
	struct pvtb_estimate a[] = {{10, 0.1}, {12, 0.1}, {11, 0.1}},
			     b[] = {{20, 0.1}, {22, 0.1}, {21, 0.1}}, bare = {10, NAN};
	struct pvtb_shift s;

	/* the runs differ by more than each one's interval says: Welch's t with 4 degrees */
	assert_int_equal(pvtb_shift_of_estimates(a, 3, b, 3, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_RUNS && s.shift == 10);
	assert_true(fabs(s.high - 10 - 2.776 * sqrt(2.0 / 3)) < 0.002);
	assert_true(s.p < 0.001);
	/* one run a side: their own intervals */
	assert_int_equal(pvtb_shift_of_estimates(a, 1, b, 1, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_WITHIN && fabs(s.high - 10 - 0.1 * sqrt(2)) < 1e-3);
	/* nothing to judge by is no evidence */
	assert_int_equal(pvtb_shift_of_estimates(&bare, 1, b, 1, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_NONE && s.p == 1 && isnan(s.low));
}

static void quantiles(void **unused)
{
	s64 v[1000];
	struct pvtb_series run = {v, 1000};
	struct pvtb_estimate even, bunched;

	for (int i = 0; i < 1000; i++)
		v[i] = (i * 617) % 1000;
	assert_int_equal(pvtb_quantile_of(&run, 900, &even), 0);
	assert_true(even.value == 899 && even.half > 10 && even.half < 40);
	for (int i = 0; i < 1000; i++)
		v[i] = i;
	/* the same values, all the large ones at the end: one event, not a hundred */
	assert_int_equal(pvtb_quantile_of(&run, 900, &bunched), 0);
	assert_true(isnan(bunched.half) || bunched.half > 3 * even.half);
	run.n = 20;
	assert_int_equal(pvtb_quantile_of(&run, 999, &even), 0);
	assert_true(isnan(even.half));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(students_t),
		cmocka_unit_test(holm_by_hand),
		cmocka_unit_test(constants),
		cmocka_unit_test(shift_is_the_median_difference),
		cmocka_unit_test(finer_than_the_quantum),
		cmocka_unit_test(too_few),
		cmocka_unit_test(estimates),
		cmocka_unit_test(quantiles),
		cmocka_unit_test(equal_runs_are_equal),
		cmocka_unit_test(runs_are_the_unit),
		cmocka_unit_test(shifts_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
