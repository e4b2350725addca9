// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pieces of a comparison, against values from elsewhere and by hand. What they are worth together
 * is truth_test.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "stats/shift.h"

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
	struct pvtb_series old = {a, n, 1}, new = {b, n, 1};
	struct pvtb_shift s;

	assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
	return s;
}

/* Values without noise differ, or not at all, near either end of the range too. */
static void constants(void **unused)
{
	static const s64 bases[] = {1752, 0, -5, INT64_MAX / 2};
	s64 a[100], b[100];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bases); i++) {
		struct pvtb_shift s;

		fill(a, 100, bases[i]);
		fill(b, 100, bases[i]);
		s = shift_of(a, b, 100);
		/* but within the tick */
		assert_true(s.shift == 0 && s.p == 1 && s.high - s.low < 1);
		assert_true(s.high > s.low);
		fill(b, 100, bases[i] + 3);
		s = shift_of(a, b, 100);
		assert_true(fabs(s.shift - 3) < 1e-9 && s.p < 1e-9 && s.low > 2 && s.high < 4);
		s = shift_of(b, a, 100);
		assert_true(fabs(s.shift + 3) < 1e-9 && s.p < 1e-9 && s.high < -2);
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
	struct pvtb_series few = {v, PVTB_SHIFT_MIN_SAMPLES - 1, 1}, many = {v, 100, 1},
			   none = {v, 0, 1};
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
		struct pvtb_series some = {v, n, 1};

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
	assert_true(s.p_model < 0.001);
	/* but of six runs no permutation is rarer than one in ten */
	assert_true(fabs(s.p - 0.1) < 1e-9);
	/* one run a side: their own intervals */
	assert_int_equal(pvtb_shift_of_estimates(a, 1, b, 1, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_WITHIN && fabs(s.high - 10 - 0.1 * sqrt(2)) < 1e-3);
	/* nothing to judge by is no evidence */
	assert_int_equal(pvtb_shift_of_estimates(&bare, 1, b, 1, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_NONE && s.p == 1 && isnan(s.low));
}

/* However far apart two runs and two are, chance does that once in three times. */
static void few_runs_promise_little(void **unused)
{
	struct pvtb_estimate a[] = {{100, NAN}, {100, NAN}, {100, NAN}, {100, NAN}},
			     b[] = {{140, NAN}, {140, NAN}, {140, NAN}, {140, NAN}};
	struct pvtb_shift s;

	assert_int_equal(pvtb_shift_of_estimates(a, 2, b, 2, &s), 0);
	assert_true(s.shift == 40 && fabs(s.p - 1.0 / 3) < 1e-9);
	assert_int_equal(pvtb_shift_of_estimates(a, 2, b, 1, &s), 0);
	assert_true(fabs(s.p - 2.0 / 3) < 1e-9);
	assert_int_equal(pvtb_shift_of_estimates(a, 4, b, 4, &s), 0);
	assert_true(fabs(s.p - 2.0 / 70) < 1e-9);
}

/* Five runs are known to differ; how the sixth would, too: a prediction, not a comparison with a
 * value that is certain. */
static void several_against_one(void **unused)
{
	struct pvtb_estimate a[] = {{98, 0.1}, {99, 0.1}, {100, 0.1}, {101, 0.1}, {102, 0.1}},
			     b = {104, 0.1};
	struct pvtb_shift s;

	/* 4 / (sqrt(2.5) sqrt(1 + 1/5)) = 2.309 with 4 degrees of freedom (scipy: 0.0821) */
	assert_int_equal(pvtb_shift_of_estimates(a, 5, &b, 1, &s), 0);
	assert_true(s.spread == PVTB_SPREAD_RUNS && fabs(s.p - 0.0821) < 1e-3);
	assert_true(s.low < 0 && s.high > 8);
	b.value = 120;
	assert_int_equal(pvtb_shift_of_estimates(a, 5, &b, 1, &s), 0);
	assert_true(s.p < 0.001 && s.low > 10);
}

/* A clock of @hz, read at random: how many of its ticks an op of @ns takes. */
static void read_by(double hz, double ns, s64 *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (s64)floor(ns * hz / 1e9 + uniform());
}

/* 50 ns are 50 ns by a clock of 25 and by one of 24 MHz; 119 and 121 ns through 40 ns differ by 2. */
static void ticks_of_other_lengths(void **unused)
{
	static const struct {
		double old_hz, new_hz, old_ns, new_ns;
	} cases[] = {
		{25e6, 24e6, 50, 50},	 {25e6, 24e6, 50, 60},	  {25e6, 25e6, 119, 121},
		{25e6, 25e6, 40, 44},	 {25e6, 1e9, 119, 121},	  {19.2e6, 25e6, 300, 303},
		{1e8, 1e8 + 30, 50, 52}, {1e8, 1e8 + 30, 50, 50},
	};
	static s64 a[20000], b[20000];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++)
		for (size_t n = 4000; n <= 20000; n += 16000) {
			struct pvtb_series old = {a, n, 1e9 / cases[i].old_hz},
					   new = {b, n, 1e9 / cases[i].new_hz};
			double true_ns = cases[i].new_ns - cases[i].old_ns;
			struct pvtb_shift s;

			state = 31 + i;
			read_by(cases[i].old_hz, cases[i].old_ns, a, n);
			read_by(cases[i].new_hz, cases[i].new_ns, b, n);
			assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
			print_message("%g ns by %g MHz, %g by %g: %.3f (%.3f to %.3f)\n",
				      cases[i].old_ns, cases[i].old_hz / 1e6, cases[i].new_ns,
				      cases[i].new_hz / 1e6, s.shift, s.low, s.high);
			assert_true(s.low <= true_ns && true_ns <= s.high && s.high > s.low);
			assert_true(fabs(s.shift - true_ns) < 1);
			assert_true(fabs(s.old_value - cases[i].old_ns) < 1);
			/* what is not constant is known to a fraction of a tick */
			if (cases[i].old_ns != 40)
				assert_true(s.high - s.low < 5);
			assert_true(true_ns != 0 || s.p > 0.05);
		}
}

/* A TSC that moves by 34 ticks, found to run at 3400000 and at 3400001 kHz. */
static void steps_of_several_ticks(void **unused)
{
	static s64 a[4000], b[4000];
	struct pvtb_series old = {a, 4000, 1 / 3.4}, new = {b, 4000, 1 / 3.400001};
	struct pvtb_shift s;

	state = 77;
	for (size_t i = 0; i < 4000; i++) {
		a[i] = 34 * (s64)floor(50.0 / 10 + uniform() + 0.3 * normal());
		b[i] = 34 * (s64)floor(52.0 / 10 + uniform() + 0.3 * normal());
	}
	assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
	print_message("4 %% more through steps of 34 ticks: %.2f (%.2f to %.2f) of %.2f ns\n",
		      s.shift, s.low, s.high, s.old_value);
	assert_true(s.p < 0.001 && s.low > 1 && s.low <= 2 && s.high >= 2 && s.high < 3);
	assert_true(fabs(s.old_value - 50) < 1);
}

/* What never moves is known to within its tick, not exactly; a value that is there by chance, too. */
static void no_finer_than_the_tick(void **unused)
{
	static s64 a[20000], b[20000];
	struct pvtb_series old = {a, 20000, 40}, new = {b, 20000, 40},
			   finer = {b, 20000, 125.0 / 3};
	struct pvtb_shift s;

	fill(a, 20000, 1);
	fill(b, 20000, 1);
	assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
	assert_true(s.shift == 0 && s.p == 1 && s.low < -4 && s.high > 4);
	assert_int_equal(pvtb_shift_of(&old, 1, &finer, 1, 1, &s), 0);
	assert_true(s.low < 0 && s.high > 4);
	b[7] = 100;
	assert_int_equal(pvtb_shift_of(&old, 1, &new, 1, 1, &s), 0);
	assert_true(s.low < -4 && s.high > 4 && fabs(s.shift) < 0.1);
}

static void quantiles(void **unused)
{
	s64 v[1000];
	struct pvtb_series run = {v, 1000, 1};
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
		cmocka_unit_test(few_runs_promise_little),
		cmocka_unit_test(several_against_one),
		cmocka_unit_test(ticks_of_other_lengths),
		cmocka_unit_test(steps_of_several_ticks),
		cmocka_unit_test(no_finer_than_the_tick),
		cmocka_unit_test(quantiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
