// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock map: exactness of the fit and of every conversion, against 128-bit arithmetic done the
 * long way. The counter is replaced by a scripted one.
 * wrap: pvtb_arch_counter
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "timeline/clock.h"

u64 __wrap_pvtb_arch_counter(void);

/* Readings of the counter, in order: pairs of them bracket the clock. */
static const u64 script[] = {100, 190, 300, 320, 400, 470, 500, 525};

u64 __wrap_pvtb_arch_counter(void)
{
	return mock_type(u64);
}

/* xorshift64*: the same sequence everywhere. */
static u64 rnd(u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ULL;
}

static void fit_ok(const struct pvtb_clock_pair *p, unsigned int n, u64 hz, s64 delta, u64 unc,
		   struct pvtb_clock_map *map)
{
	struct pvtb_err err = {0};
	int rc = pvtb_clock_fit(p, n, hz, delta, unc, map, &err);

	if (rc)
		print_error("%s: %s\n", err.what, err.why);
	assert_int_equal(rc, 0);
}

static void test_tightest_pair(void **state)
{
	struct pvtb_clock_pair p;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(script); i++)
		will_return(__wrap_pvtb_arch_counter, script[i]);
	pvtb_clock_pair_now(4, &p);
	assert_int_equal(p.c0_ticks, 300);
	assert_int_equal(p.c1_ticks, 320);
	assert_true(p.mono_ns > 0);
}

static void test_one_pair_nominal(void **state)
{
	/* 62.5 MHz: 16 ns a tick. Bracket [1000, 1003): middle 1001.5 is at 24 ns after tick 1000 */
	struct pvtb_clock_pair p = {1000, 1002, 5000};
	struct pvtb_clock_map m;

	fit_ok(&p, 1, 62500000, 0, 0, &m);
	assert_int_equal(m.num, 16);
	assert_int_equal(m.den, 1);
	assert_int_equal(pvtb_clock_to_ns(&m, 1000), 5000 - 24);
	assert_int_equal(pvtb_clock_to_ns(&m, 999), 5000 - 24 - 16);
	assert_int_equal(m.residual_ns, 0);
	assert_int_equal(m.unc_ns, 24 + 1); /* half the bracket, and the clock's own ns */
	assert_int_equal(pvtb_clock_tick_ns(&m), 16);
	assert_true(fabs(m.ppm) < 1e-9);
}

static void test_delta_uncertainty_is_claimed(void **state)
{
	struct pvtb_clock_pair p = {1000, 1000, 5000};
	struct pvtb_clock_map a, b;

	fit_ok(&p, 1, 62500000, 0, 0, &a);
	fit_ok(&p, 1, 62500000, 0, 3, &b);
	assert_int_equal(b.unc_ns - a.unc_ns, 3 * 16);
}

static void test_bad_pairs(void **state)
{
	struct pvtb_clock_pair back[] = {{1000, 1001, 50}, {900, 901, 60}};
	struct pvtb_clock_pair inside[] = {{1000, 999, 50}, {1100, 1101, 60}};
	struct pvtb_clock_pair still[] = {{1000, 1001, 50}, {1100, 1101, 50}};
	struct pvtb_clock_pair stuck[] = {{1000, 1000, 50}, {1000, 1000, 60}};
	struct pvtb_clock_pair far[] = {{0, 1, 50}, {1ULL << 62, (1ULL << 62) + 1, 60}};
	struct pvtb_clock_map m;
	struct pvtb_err e;

	assert_int_equal(pvtb_clock_fit(back, 2, 0, 0, 0, &m, &e), -EINVAL);
	assert_int_equal(pvtb_clock_fit(inside, 2, 0, 0, 0, &m, &e), -EINVAL);
	assert_int_equal(pvtb_clock_fit(still, 2, 0, 0, 0, &m, &e), -EINVAL);
	assert_int_equal(pvtb_clock_fit(stuck, 2, 0, 0, 0, &m, &e), -EINVAL);
	assert_int_equal(pvtb_clock_fit(far, 2, 0, 0, 0, &m, &e), -ERANGE);
	assert_int_equal(pvtb_clock_fit(back, 0, 1, 0, 0, &m, &e), -EINVAL);
	assert_int_equal(pvtb_clock_fit(back, 1, 0, 0, 0, &m, &e), -EINVAL);
	/* an offset known to no better than this is no alignment */
	assert_int_equal(pvtb_clock_fit(back, 1, 1, 0, UINT64_MAX, &m, &e), -ERANGE);
}

/* Pairs on a known line are given back exactly, across a wrap of the counter too. */
static void test_fit_exact_line(void **state)
{
	static const u64 starts[] = {0, 123456789, UINT64_MAX - 1000000};

	for (size_t s = 0; s < PVTB_ARRAY_SIZE(starts); s++) {
		struct pvtb_clock_pair p[9];
		struct pvtb_clock_map m;

		/* 3 ticks of width 1 bracket: middle is c + 1; 10 ns per 3 ticks */
		for (unsigned int i = 0; i < 9; i++) {
			u64 c = starts[s] + 300000ULL * i;

			p[i] = (struct pvtb_clock_pair){c, c + 1, 7000 + 1000000ULL * i};
		}
		fit_ok(p, 9, 300000000, 0, 0, &m);
		assert_int_equal(m.num, 10);
		assert_int_equal(m.den, 3);
		assert_true(m.residual_ns <= 1); /* the height is a whole ns */
		assert_true(fabs(m.ppm) < 1e-9);
		assert_int_equal(pvtb_clock_to_ns(&m, starts[s] + 1 + 300000ULL * 4),
				 7000 + 1000000ULL * 4);
	}
}

static void test_rate_error_in_ppm(void **state)
{
	/* counter runs at 1000.1 MHz where 1000 is nominal: +100 ppm */
	struct pvtb_clock_pair p[] = {{0, 0, 1000}, {10001000, 10001000, 10001000}};
	struct pvtb_clock_map m;

	fit_ok(p, 2, 1000000000, 0, 0, &m);
	assert_true(fabs(m.ppm - 100.0) < 1e-6);
	fit_ok(p, 2, 0, 0, 0, &m);
	assert_true(isnan(m.ppm));
}

/* One bad pair moves the uncertainty, not the slope. */
static void test_outlier(void **state)
{
	struct pvtb_clock_pair p[11];
	struct pvtb_clock_map m;

	for (unsigned int i = 0; i < 11; i++)
		p[i] = (struct pvtb_clock_pair){1000000ULL * i, 1000000ULL * i,
						500 + 16000000ULL * i};
	p[4].mono_ns += 5000;
	fit_ok(p, 11, 62500000, 0, 0, &m);
	assert_int_equal(m.num, 16);
	assert_int_equal(m.den, 1);
	assert_true(m.residual_ns >= 2500);
	assert_true(m.unc_ns > m.residual_ns);
}

/* The claim: no bracket is farther from the line than unc_ns, whatever the noise. */
static void test_uncertainty_covers_pairs(void **state)
{
	u64 seed = 7;

	for (unsigned int round = 0; round < 500; round++) {
		struct pvtb_clock_pair p[20];
		unsigned int n = 2 + (unsigned int)(rnd(&seed) % 19);
		struct pvtb_clock_map m;
		u64 c = rnd(&seed), ns = rnd(&seed) >> 2;

		for (unsigned int i = 0; i < n; i++) {
			u64 w = rnd(&seed) % 50, step = 100000 + rnd(&seed) % 100000;

			p[i] = (struct pvtb_clock_pair){c, c + w, ns + rnd(&seed) % 200};
			c += step;
			ns += step * 3 / 2;
		}
		fit_ok(p, n, 0, 0, 0, &m);
		for (unsigned int i = 0; i < n; i++) {
			s64 lo = (s64)(pvtb_clock_to_ns(&m, p[i].c0_ticks) - p[i].mono_ns);
			s64 hi = (s64)(pvtb_clock_to_ns(&m, p[i].c1_ticks + 1) - p[i].mono_ns);

			assert_true(lo <= (s64)m.residual_ns + 1);
			assert_true(hi >= -(s64)m.residual_ns - 1);
		}
	}
}

static struct pvtb_clock_map random_map(u64 *seed)
{
	struct pvtb_clock_map m = {
		.c0_ticks = rnd(seed),
		.ns0 = rnd(seed),
		.delta_ticks = (s64)rnd(seed),
	};

	/* from 1 MHz to 5 GHz as rationals of every size */
	m.num = 1 + (rnd(seed) >> (2 + rnd(seed) % 61));
	m.den = 1 + (rnd(seed) >> (2 + rnd(seed) % 61));
	while (m.num / m.den > 1000)
		m.num = m.num / 2 + 1;
	while (m.den / m.num > 5)
		m.den = m.den / 2 + 1;
	return m;
}

static void test_round_trip(void **state)
{
	u64 seed = 1;
	unsigned int wide = 0, narrow = 0;

	for (unsigned int i = 0; i < 200000; i++) {
		struct pvtb_clock_map m = random_map(&seed);
		/* up to 2^52 ticks either way: years */
		s64 d = (s64)rnd(&seed) >> (11 + rnd(&seed) % 50);
		u64 t = m.c0_ticks + (u64)m.delta_ticks + (u64)d;
		u64 ns = pvtb_clock_to_ns(&m, t), back = pvtb_clock_to_guest(&m, ns);

		if (m.num >= m.den) {
			wide++;
			assert_int_equal(back, t);
		} else {
			narrow++;
			assert_true((s64)(t - back) >= 0);
			assert_int_equal(pvtb_clock_to_ns(&m, back), ns);
			assert_int_not_equal(pvtb_clock_to_ns(&m, back - 1), ns);
		}
	}
	assert_true(wide > 10000 && narrow > 10000);
}

/* Rounded down, not towards zero: one tick before the reference is one nanosecond before. */
static void test_floor_below_reference(void **state)
{
	struct pvtb_clock_map m = {.c0_ticks = 100, .ns0 = 1000, .num = 3, .den = 2};

	assert_int_equal(pvtb_clock_to_ns(&m, 101), 1001);
	assert_int_equal(pvtb_clock_to_ns(&m, 99), 998);
	assert_int_equal(pvtb_clock_to_ns(&m, 98), 997);
	m.delta_ticks = -200; /* the guest's counter is behind the host's, below zero */
	assert_int_equal(pvtb_clock_to_ns(&m, (u64)-99), 1001);
	assert_int_equal(pvtb_clock_to_guest(&m, 1001), (u64)-99);
}

static void test_cursor_is_to_ns(void **state)
{
	u64 seed = 3;

	for (unsigned int i = 0; i < 300; i++) {
		struct pvtb_clock_map m = random_map(&seed);
		u64 t = m.c0_ticks + (u64)m.delta_ticks + rnd(&seed) % 1000000;
		struct pvtb_clock_cursor cur;

		pvtb_clock_cursor_init(&cur, &m);
		for (unsigned int k = 0; k < 300; k++) {
			u64 step = rnd(&seed) >> (24 + rnd(&seed) % 40);

			t += k % 7 == 6 ? -step : step;
			assert_int_equal(pvtb_clock_cursor_ns(&cur, t), pvtb_clock_to_ns(&m, t));
		}
	}
}

static void test_ticks_to_ps(void **state)
{
	assert_int_equal(pvtb_ticks_to_ps(1, 62500000), 16000);
	assert_int_equal(pvtb_ticks_to_ps(3, 1000000000), 3000);
	assert_int_equal(pvtb_ticks_to_ps(1, 24000000), 41667); /* 41666.67 */
	assert_int_equal(pvtb_ticks_to_ps(2, 24000000), 83333); /* 83333.33 */
	assert_int_equal(pvtb_ticks_to_ps(24000000, 24000000), 1000000000000);
	assert_int_equal(pvtb_ticks_to_ps(0, 1), 0);
	assert_int_equal(pvtb_ticks_to_ps(1ULL << 54, 5000000000), 3602879701896396800ULL);
	assert_int_equal(pvtb_ticks_to_ps(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(pvtb_ticks_to_ps(5, 0), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tightest_pair),
		cmocka_unit_test(test_one_pair_nominal),
		cmocka_unit_test(test_delta_uncertainty_is_claimed),
		cmocka_unit_test(test_bad_pairs),
		cmocka_unit_test(test_fit_exact_line),
		cmocka_unit_test(test_rate_error_in_ppm),
		cmocka_unit_test(test_outlier),
		cmocka_unit_test(test_uncertainty_covers_pairs),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_floor_below_reference),
		cmocka_unit_test(test_cursor_is_to_ns),
		cmocka_unit_test(test_ticks_to_ps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
