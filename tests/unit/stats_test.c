// SPDX-License-Identifier: GPL-2.0-only
/*
 * Distributions and slopes against values worked out elsewhere, and their properties. The noise
 * here tests the estimators; it stands for no measurement.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "stats/stats.h"

static u64 next(u64 *seed) /* xorshift64 */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("got %.17g, want %.17g within %g", got, want, tolerance);
}

static void nothing_is_no_distribution(void **state)
{
	struct pvtb_dist d = {.n = 77};
	s64 v = 5;

	(void)state;
	assert_int_equal(pvtb_dist_of(&v, 0, &d), -ENODATA);
	assert_int_equal(d.n, 77);
}

static void one_value(void **state)
{
	struct pvtb_dist d;
	s64 v = -5;

	(void)state;
	assert_int_equal(pvtb_dist_of(&v, 1, &d), 0);
	assert_true(d.min == -5 && d.p50 == -5 && d.p999 == -5 && d.max == -5);
	assert_true(d.mean == -5 && d.stddev == 0 && d.p50_low == -5 && d.p50_high == -5);
}

/* Nearest rank on the textbook example (15 20 35 40 50): p50 is 35, p90 50. */
static void textbook_percentiles(void **state)
{
	s64 v[] = {50, 15, 40, 20, 35};
	struct pvtb_dist d;

	(void)state;
	assert_int_equal(pvtb_dist_of(v, 5, &d), 0);
	assert_true(d.min == 15 && d.p50 == 35 && d.p90 == 50 && d.max == 50);
	near(d.mean, 32, 0);
	/* Python: statistics.stdev([15, 20, 35, 40, 50]) = 14.40486... = sqrt(207.5) */
	near(d.stddev, 14.404860290887934, 1e-14);
}

static void percentiles_of_a_thousand(void **state)
{
	struct pvtb_dist d;
	s64 v[1000];
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		v[i] = (i * 617) % 1000 + 1; /* 1..1000 in some order: 617 is prime to 1000 */
	assert_int_equal(pvtb_dist_of(v, 1000, &d), 0);
	assert_true(d.min == 1 && d.p50 == 500 && d.p90 == 900 && d.p95 == 950);
	assert_true(d.p99 == 990 && d.p999 == 999 && d.max == 1000);
	near(d.mean, 500.5, 0);
	/* n(n+1)/12 = 83416.66..., its root */
	near(d.stddev, 288.81943609574938, 1e-12);
	/* P(Binomial(1000, 1/2) < 469) = 0.02306, < 470: 0.02684: rank 469 and its mirror 532 */
	assert_true(d.p50_low == 469 && d.p50_high == 532);
}

/*
 * NIST Statistical Reference Datasets, univariate summary statistics: NumAcc1 (10000001, 10000003,
 * 10000002): mean 10000002, deviation 1. NumAcc4: 10000000.2, then 10000000.1 and .3 alternating,
 * 1001 values, deviation 0.1: here in tenths. Naive sums of squares fail on both.
 */
static void nist_numerical_accuracy(void **state)
{
	s64 acc1[] = {10000001, 10000003, 10000002}, acc4[1001];
	struct pvtb_dist d;
	int i;

	(void)state;
	assert_int_equal(pvtb_dist_of(acc1, 3, &d), 0);
	assert_true(d.mean == 10000002 && d.stddev == 1);
	acc4[0] = 100000002;
	for (i = 1; i < 1001; i++)
		acc4[i] = i % 2 ? 100000001 : 100000003;
	assert_int_equal(pvtb_dist_of(acc4, 1001, &d), 0);
	assert_true(d.mean == 100000002 && d.stddev == 1);
}

static void extremes_do_not_overflow(void **state)
{
	s64 v[] = {INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX};
	s64 big[1000];
	struct pvtb_dist d;
	int i;

	(void)state;
	assert_int_equal(pvtb_dist_of(v, 4, &d), 0);
	near(d.mean, -0.5, 0);
	/* sqrt(4 * (2^63 - 0.5)^2 / 3) */
	near(d.stddev / 0x1p63, 2 / sqrt(3), 1e-15);
	for (i = 0; i < 1000; i++)
		big[i] = i % 2 ? INT64_MIN : INT64_MAX; /* squares alone exceed 128 bits */
	assert_int_equal(pvtb_dist_of(big, 1000, &d), 0);
	near(d.stddev / 0x1p63, sqrt(1000.0 / 999), 1e-15);
	for (i = 0; i < 1000; i++)
		big[i] = INT64_MAX - (i == 7); /* one off by one */
	assert_int_equal(pvtb_dist_of(big, 1000, &d), 0);
	near(d.stddev, 0.031622776601683791, 1e-16); /* sqrt(1/1000) */
}

/* Ranks of the sign test's 95 % interval, as tabulated (Conover, table A3). */
static void median_interval_ranks(void **state)
{
	static const struct {
		size_t n;
		s64 low;
	} known[] = {{2, 1},  {5, 1},  {6, 1},	{8, 1},	  {9, 2},   {10, 2},
		     {15, 4}, {20, 6}, {25, 8}, {30, 10}, {50, 18}, {100, 40}};
	struct pvtb_dist d;
	s64 v[100];
	size_t i, j;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(known); i++) {
		for (j = 0; j < known[i].n; j++)
			v[j] = (s64)j + 1;
		assert_int_equal(pvtb_dist_of(v, known[i].n, &d), 0);
		assert_int_equal(d.p50_low, known[i].low);
		assert_int_equal(d.p50_high, (s64)known[i].n + 1 - known[i].low);
	}
}

static void percentiles_are_values_with_enough_below(void **state)
{
	u64 seed = 42, i, n;
	struct pvtb_dist d;
	s64 v[300];

	(void)state;
	for (n = 1; n <= 300; n++) {
		const s64 *ps[] = {&d.p50, &d.p90, &d.p95, &d.p99, &d.p999};
		const u64 permille[] = {500, 900, 950, 990, 999};
		size_t k;

		for (i = 0; i < n; i++)
			v[i] = (s64)(next(&seed) % 64) - 32;
		assert_int_equal(pvtb_dist_of(v, n, &d), 0);
		for (k = 0; k < 5; k++) {
			u64 below = 0, at_or_below = 0;

			for (i = 0; i < n; i++) {
				below += v[i] < *ps[k];
				at_or_below += v[i] <= *ps[k];
			}
			assert_true(at_or_below > below); /* it was seen */
			assert_true(at_or_below * 1000 >= n * permille[k]);
			assert_true(below * 1000 < n * permille[k]);
		}
		assert_true(d.p50_low <= d.p50 && d.p50 <= d.p50_high);
		assert_true(d.mean >= (double)d.min && d.mean <= (double)d.max);
	}
}

/* reps of each of @lengths lengths, cycling as the guest does. */
static size_t batches(struct pvtb_point *p, u64 batch, u64 lengths, u64 reps, u64 num, u64 den,
		      u64 fixed)
{
	u64 i;

	for (i = 0; i < lengths * reps; i++) {
		p[i].ops = batch * (1 + i % lengths);
		p[i].ticks = fixed + p[i].ops * num / den;
	}
	return lengths * reps;
}

static void too_few_lengths(void **state)
{
	struct pvtb_point p[] = {{1, 1}, {2, 2}, {1, 1}, {2, 2}};
	struct pvtb_slope s = {.points = 9};

	(void)state;
	assert_int_equal(pvtb_slope_of(p, 0, &s), -ENODATA);
	assert_int_equal(pvtb_slope_of(p, 2, &s), -ENODATA);
	assert_int_equal(pvtb_slope_of(p, 4, &s), -ENODATA);
	assert_int_equal(s.points, 9);
}

static void exact_on_noise_free_points(void **state)
{
	static const u64 lengths[] = {3, 4, 7, 16, 300}, reps[] = {1, 2, 6, 7, 50};
	static struct pvtb_point p[300 * 50];
	struct pvtb_slope s;
	size_t i, j, n;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(lengths); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(reps); j++) {
			n = batches(p, 100, lengths[i], reps[j], 1751, 50, 37);
			assert_int_equal(pvtb_slope_of(p, n, &s), 0);
			near(s.slope, 35.02, 1e-14);
			near(s.low, 35.02, 1e-14);
			near(s.high, 35.02, 1e-14);
			near(s.intercept, 37, 1e-8);
			near(s.r2, 1, 1e-12);
			assert_int_equal(s.points, n);
			/* Whole numbers have no rounding to hide behind. */
			n = batches(p, 10, lengths[i], reps[j], 3, 1, 4);
			assert_int_equal(pvtb_slope_of(p, n, &s), 0);
			assert_true(s.slope == 3 && s.low == 3 && s.high == 3);
			assert_true(s.intercept == 4 && s.r2 == 1);
		}
}

static void level_points(void **state)
{
	struct pvtb_point p[] = {{1, 8}, {2, 8}, {3, 8}, {4, 8}};
	struct pvtb_slope s;

	(void)state;
	assert_int_equal(pvtb_slope_of(p, 4, &s), 0);
	assert_true(s.slope == 0 && s.low == 0 && s.high == 0 && s.intercept == 8 && s.r2 == 1);
}

/*
 * Worked by hand: (1,10) (2,12) (3,18) (4,16) (5,20), one each. Slopes: distance 1: 2 6 -2 4; 2: 4 2
 * 1; 3: 2 8/3; 4: 5/2. Weights add up to 20; in order -2(1) 1(2) 2(1) 2(2) 2(3) 5/2(4) ...: 9 up to
 * the twos, 13 with 5/2: the median is 5/2. Rests 7.5 7 10.5 6 7.5: intercept 7.5. Sen's interval:
 * 10 pairs, 1.96 * sqrt(5 * 4 * 15 / 18) = 8.00: ranks 1 and 10, -2 and 6.
 */
static void worked_by_hand(void **state)
{
	struct pvtb_point p[] = {{4, 16}, {1, 10}, {5, 20}, {3, 18}, {2, 12}};
	struct pvtb_slope s;

	(void)state;
	assert_int_equal(pvtb_slope_of(p, 5, &s), 0);
	near(s.slope, 2.5, 0);
	near(s.intercept, 7.5, 0);
	near(s.low, -2, 0);
	near(s.high, 6, 0);
	/* rests about the line 0 -0.5 3 -1.5 0: 11.5; about the mean 15.2: 68.8 */
	near(s.r2, 1 - 11.5 / 68.8, 1e-15);
}

/*
 * Sen's own example (1968; also Hollander and Wolfe): slope 4, and from 26/7 to 35/8, the 4th and
 * the 18th of the 21 slopes, with 93 %. With 95 %, 1.96 * sqrt(7 * 6 * 19 / 18) = 13.05: the 3rd
 * and the 19th.
 */
static void sens_example(void **state)
{
	struct pvtb_point p[] = {{1, 9}, {2, 15}, {3, 19}, {4, 20}, {10, 45}, {12, 55}, {18, 78}};
	struct pvtb_slope s;

	(void)state;
	assert_int_equal(pvtb_slope_of(p, 7, &s), 0);
	near(s.slope, 4, 0);
	near(s.intercept, 6, 0);
	near(s.low, 11.0 / 3, 1e-15);
	near(s.high, 5, 0);
}

/* One batch in ten hit by an interrupt of any length: least squares would be off by far. */
static void survives_outliers(void **state)
{
	static struct pvtb_point p[1600];
	u64 seed = 7, i, hits = 0;
	struct pvtb_slope s;
	size_t n;

	(void)state;
	n = batches(p, 100, 8, 200, 7, 2, 20);
	for (i = 0; i < n; i++)
		if (next(&seed) % 10 == 0) {
			p[i].ticks += 1000 + next(&seed) % 100000;
			hits++;
		}
	assert_in_range(hits, 100, 250);
	assert_int_equal(pvtb_slope_of(p, n, &s), 0);
	near(s.slope, 3.5, 1e-12);
	near(s.low, 3.5, 0.05);
	near(s.high, 3.5, 0.05);
	near(s.intercept, 20, 1e-9);
	/* Few points: outliers in one length only cannot turn the line. */
	n = batches(p, 100, 10, 1, 7, 2, 20);
	p[4].ticks += 1000000;
	assert_int_equal(pvtb_slope_of(p, n, &s), 0);
	near(s.slope, 3.5, 1e-12);
	assert_true(s.low <= 3.5 && s.high >= 3.5);
}

/* A 25 MHz counter (40 ns a tick) and a 1 ns operation: no single batch tells it to 0.5 %, all of
 * them together do, and nineteen intervals in twenty (18 are asked of 20) hold the truth. */
static void sees_fractions_of_a_coarse_tick(void **state)
{
	static struct pvtb_point p[3 * 400];
	u64 seed = 99, i, run, held = 0;
	const double truth = 1.0 / 40;
	struct pvtb_slope s;

	(void)state;
	for (run = 0; run < 200; run++) {
		for (i = 0; i < PVTB_ARRAY_SIZE(p); i++) {
			/* phase against the tick is random: floor(phase + length) */
			double phase = (double)(next(&seed) >> 11) / 0x1p53;

			p[i].ops = 8000 * (1 + i % 3);
			p[i].ticks = (u64)(phase + 3.3 + (double)p[i].ops * truth);
		}
		assert_int_equal(pvtb_slope_of(p, PVTB_ARRAY_SIZE(p), &s), 0);
		near(s.slope, truth, truth * 0.002);
		assert_true(s.low <= s.slope && s.slope <= s.high);
		held += s.low <= truth && truth <= s.high;
	}
	assert_true(held >= 180);
}

/* Intervals hold the truth about as often as they claim, with few points and with many. */
static void intervals_hold(void **state)
{
	static const u64 lengths[] = {5, 20, 400}, reps[] = {1, 3, 8, 40};
	static struct pvtb_point p[400 * 40];
	u64 seed = 5, i, run, held;
	struct pvtb_slope s;
	size_t a, b, n;

	(void)state;
	for (a = 0; a < 3; a++)
		for (b = 0; b < 4; b++) {
			u64 runs = lengths[a] == 400 ? 40 : 200;

			held = 0;
			for (run = 0; run < runs; run++) {
				n = batches(p, 1000, lengths[a], reps[b], 5, 1, 1000);
				for (i = 0; i < n; i++) /* skewed, as latency is */
					p[i].ticks +=
						(u64)(-300 * log((double)((next(&seed) >> 11) + 1) /
								 0x1p53));
				assert_int_equal(pvtb_slope_of(p, n, &s), 0);
				held += s.low <= 5 && 5 <= s.high;
			}
			if (held * 100 < runs * 90)
				fail_msg("%zu lengths, %zu each: %zu of %zu", (size_t)lengths[a],
					 (size_t)reps[b], (size_t)held, (size_t)runs);
		}
}

/* Costs that creep up during the run widen the interval; a pooled one would not notice. */
static void drift_widens_the_interval(void **state)
{
	static struct pvtb_point p[8 * 200];
	struct pvtb_slope s;
	size_t i, n;

	(void)state;
	n = batches(p, 100, 8, 200, 10, 1, 5);
	for (i = 0; i < n; i++)
		p[i].ticks += p[i].ops * i / n; /* 10 -> 11 ticks an op */
	assert_int_equal(pvtb_slope_of(p, n, &s), 0);
	near(s.slope, 10.5, 0.02);
	assert_true(s.low < 10.4 && s.high > 10.6);
}

static void uneven_groups(void **state)
{
	static struct pvtb_point p[5002];
	struct pvtb_slope s;
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		p[i].ops = 10;
		p[i].ticks = 30;
	}
	p[5000] = (struct pvtb_point){20, 50};
	p[5001] = (struct pvtb_point){30, 70};
	assert_int_equal(pvtb_slope_of(p, 5002, &s), 0);
	assert_true(s.slope == 2 && s.low == 2 && s.high == 2 && s.intercept == 10);
}

/* One op in 64 costs 1500 more: the median of slopes does not see it, the mean does. */
static void a_mean_beside_the_slope(void **unused)
{
	static struct pvtb_point pt[10 * 400];
	struct pvtb_slope s;
	u64 done = 0;
	size_t n = 0;

	for (u64 i = 0; i < 400; i++)
		for (u64 k = 1; k <= 10; k++, n++) {
			u64 slow = (done + k) / 64 - done / 64;

			pt[n] = (struct pvtb_point){k, 3 + 1463 * k + 1500 * slow};
			done += k;
		}
	assert_int_equal(pvtb_slope_of(pt, n, &s), 0);
	assert_true(fabs(s.slope - 1463) < 0.01);
	assert_true(fabs(s.mean - (1463 + 1500.0 / 64)) < 1);
	/* an interrupt in a short batch costs as much as one in a long batch, and never less than nothing */
	for (n = 0; n < PVTB_ARRAY_SIZE(pt); n++)
		pt[n] = (struct pvtb_point){1 + n % 10, 3 + 2180 * (1 + n % 10)};
	for (size_t i = 0; i < 8; i++)
		pt[i * 10].ticks += 8000;
	assert_int_equal(pvtb_slope_of(pt, n, &s), 0);
	assert_true(s.slope == 2180);
	assert_true(fabs(s.mean - (2180 + 8 * 8000 / (5.5 * 4000))) < 0.01);
	/* far from zero too */
	for (size_t i = 0; i < n; i++)
		pt[i] = (struct pvtb_point){(1ULL << 40) + i % 10, (1ULL << 50) + 7 * (i % 10)};
	assert_int_equal(pvtb_slope_of(pt, n, &s), 0);
	assert_true(fabs(s.mean - 7) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_distribution),
		cmocka_unit_test(one_value),
		cmocka_unit_test(textbook_percentiles),
		cmocka_unit_test(percentiles_of_a_thousand),
		cmocka_unit_test(nist_numerical_accuracy),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(median_interval_ranks),
		cmocka_unit_test(percentiles_are_values_with_enough_below),
		cmocka_unit_test(too_few_lengths),
		cmocka_unit_test(exact_on_noise_free_points),
		cmocka_unit_test(level_points),
		cmocka_unit_test(worked_by_hand),
		cmocka_unit_test(sens_example),
		cmocka_unit_test(survives_outliers),
		cmocka_unit_test(sees_fractions_of_a_coarse_tick),
		cmocka_unit_test(intervals_hold),
		cmocka_unit_test(drift_widens_the_interval),
		cmocka_unit_test(uneven_groups),
		cmocka_unit_test(a_mean_beside_the_slope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
