// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live Physical Time arithmetic against exact rationals, 1 MHz to 5 GHz, ten years of ticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "stats/lpt.h"

#define TEN_YEARS_S (3653ULL * 86400)

static const u64 freqs_hz[] = {
	1000000,    1000003,	1193182,    10000000,	19200000,   24000000,	24576000,
	25000000,   26000000,	31250000,   33333333,	50000000,   54000000,	62500000,
	99999999,   100000000,	200000000,  250000000,	999999999,  1000000000, 1000000001,
	2100000000, 2399999999, 3579545000, 4294967291, 4294967295, 4999999999, 5000000000,
};

/* The tests' own multiplication and division, so that nothing under test checks itself: 64 x 64
 * -> 128 by 32-bit halves, 128 / 64 by long division in binary. */
struct wide {
	u64 hi, lo;
};

static struct wide mul(u64 a, u64 b)
{
	u64 al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
	u64 mid = ah * bl + ((al * bl) >> 32);
	u64 mid2 = al * bh + (mid & 0xffffffff);
	struct wide w = {ah * bh + (mid >> 32) + (mid2 >> 32),
			 (mid2 << 32) | ((al * bl) & 0xffffffff)};

	return w;
}

/* floor(n / d); *rem gets the rest. Quotient must fit 64 bits. */
static u64 divide(struct wide n, u64 d, u64 *rem)
{
	u64 r = 0, q = 0;
	int i;

	for (i = 127; i >= 0; i--) {
		bool top = r >> 63;

		r = (r << 1) | ((i >= 64 ? n.hi >> (i - 64) : n.lo >> i) & 1);
		q <<= 1;
		if (top || r >= d) {
			r -= d;
			q |= 1;
		}
	}
	*rem = r;
	return q;
}

static u64 next(u64 *seed) /* xorshift64 */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Ticks worth trying: the edges, the last ten years' neighbourhood, and some in between. */
static size_t ticks_to_try(u64 hz, u64 *seed, u64 *out, size_t max)
{
	u64 end = hz * TEN_YEARS_S;
	size_t n = 0;
	u64 i;

	for (i = 0; i < 4; i++)
		out[n++] = i;
	for (i = 0; i < 4; i++)
		out[n++] = end - i;
	out[n++] = hz - 1;
	out[n++] = hz;
	out[n++] = hz + 1;
	while (n < max)
		out[n++] = next(seed) % (end + 1) >> (next(seed) % 56);
	return n;
}

/* Error of (n * mult) >> fracbits against n * to / from: never above, below by less than one tick
 * plus n * 2^-fracbits. Integers only: the bound is compared multiplied out. */
static void check_scaled(u64 n, u64 from, u64 to, u64 mult, u32 fracbits)
{
	u64 rem, exact = divide(mul(n, to), from, &rem);
	u64 got = pvtb_lpt_scale(n, mult, fracbits);
	u64 slack = fracbits < 64 ? n >> fracbits : 0;

	assert_true(got <= exact);
	/* exact - got is an integer below 1 + n * 2^-fracbits + (rounding of exact: nothing). */
	assert_true(exact - got <= slack + 1);
}

static void coefficients_are_exact(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(freqs_hz); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(freqs_hz); j++) {
			u64 from = freqs_hz[i], to = freqs_hz[j], mult = 0, rem, want;
			struct wide n;
			u32 frac = 99, bits = 0;

			assert_int_equal(pvtb_lpt_coefficient(from, to, &mult, &frac), 0);
			while (to / from >> bits)
				bits++;
			assert_int_equal(frac, 64 - (bits ? bits : 1));
			n.hi = to >> (64 - frac);
			n.lo = to << frac;
			want = divide(n, from, &rem);
			assert_true(mult == want);
			/* At a ratio of 1 and more all 64 bits carry something. */
			if (to >= from)
				assert_true(mult >> 63);
		}
}

static void scaling_stays_in_bound_for_ten_years(void **state)
{
	u64 seed = 88172645463325252ULL, ticks[64], mult, rmult;
	size_t i, j, k, n;
	u32 frac, rfrac;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(freqs_hz); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(freqs_hz); j++) {
			u64 from = freqs_hz[i], to = freqs_hz[j];

			assert_int_equal(pvtb_lpt_coefficient(from, to, &mult, &frac), 0);
			assert_int_equal(pvtb_lpt_coefficient(to, from, &rmult, &rfrac), 0);
			n = ticks_to_try(from, &seed, ticks, PVTB_ARRAY_SIZE(ticks));
			for (k = 0; k < n; k++)
				check_scaled(ticks[k], from, to, mult, frac);
			/* In ten years at any ratio the rounding of the coefficient is worth under a
			 * tick of the faster counter. */
			assert_int_equal(from * TEN_YEARS_S >> frac, 0);
		}
}

static void exact_is_exact(void **state)
{
	u64 seed = 2463534242ULL, ticks[32], rem;
	size_t i, j, k, n;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(freqs_hz); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(freqs_hz); j++) {
			n = ticks_to_try(freqs_hz[i], &seed, ticks, PVTB_ARRAY_SIZE(ticks));
			for (k = 0; k < n; k++)
				assert_true(pvtb_lpt_exact_pv(freqs_hz[i], freqs_hz[j], ticks[k]) ==
					    divide(mul(ticks[k], freqs_hz[j]), freqs_hz[i], &rem));
		}
	/* By hand: ten years at 25 MHz seen at 1 GHz. */
	assert_true(pvtb_lpt_exact_pv(25000000, 1000000000, 25000000 * TEN_YEARS_S) ==
		    1000000000 * TEN_YEARS_S);
	assert_true(pvtb_lpt_exact_pv(3, 2, 5) == 3);
	assert_true(pvtb_lpt_exact_pv(5000000000, 1000000, 4999) == 0);
	assert_true(pvtb_lpt_exact_pv(5000000000, 1000000, 5000) == 1);
}

static void scaling_is_monotonic(void **state)
{
	u64 seed = 12345678901ULL, mult;
	size_t i, j, k, m;
	u32 frac;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(freqs_hz); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(freqs_hz); j++) {
			assert_int_equal(
				pvtb_lpt_coefficient(freqs_hz[i], freqs_hz[j], &mult, &frac), 0);
			for (k = 0; k < 4; k++) {
				u64 t = next(&seed) % (freqs_hz[i] * TEN_YEARS_S), last = 0;

				for (m = 0; m < 32; m++) {
					u64 v = pvtb_lpt_scale(t + m, mult, frac);

					assert_true(v >= last);
					last = v;
				}
			}
		}
}

/* There and back: never ahead, and behind by at most what the two roundings may lose. */
static void round_trip(void **state)
{
	u64 seed = 362436069ULL, ticks[32];
	struct pvtb_lpt lpt;
	size_t i, j, k, n;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(freqs_hz); i++)
		for (j = 0; j < PVTB_ARRAY_SIZE(freqs_hz); j++) {
			u64 native = freqs_hz[i], pv = freqs_hz[j];

			if (native > UINT32_MAX || pv > UINT32_MAX)
				continue;
			memset(&lpt, 0, sizeof(lpt));
			assert_int_equal(pvtb_lpt_coefficients(native, pv, &lpt), 0);
			n = ticks_to_try(native, &seed, ticks, PVTB_ARRAY_SIZE(ticks));
			for (k = 0; k < n; k++) {
				u64 v = pvtb_lpt_to_pv(&lpt, ticks[k]);
				u64 back = pvtb_lpt_to_native(&lpt, v);

				assert_true(back <= ticks[k]);
				/* v is short by under 2 PV ticks: 2 * native / pv native ones,
				 * rounded up, and under 2 more from the way back. */
				assert_true(ticks[k] - back <= 2 * native / pv + 1 + 2);
			}
		}
}

static void known_structures(void **state)
{
	struct pvtb_lpt lpt = {.sequence_number = 6, .revision = 7};

	(void)state;
	/* Same frequency: one integer bit, a half-full coefficient, nothing lost. */
	assert_int_equal(pvtb_lpt_coefficients(62500000, 62500000, &lpt), 0);
	assert_true(lpt.scale_mult == 1ULL << 63 && lpt.fracbits == 63);
	assert_true(lpt.rscale_mult == 1ULL << 63 && lpt.rfracbits == 63);
	assert_true(pvtb_lpt_to_pv(&lpt, UINT64_MAX) == UINT64_MAX);
	assert_true(lpt.sequence_number == 6 && lpt.revision == 7);

	/* A power of two up: exact both ways. */
	assert_int_equal(pvtb_lpt_coefficients(62500000, 1000000000, &lpt), 0);
	assert_true(lpt.native_freq == 62500000 && lpt.pv_freq == 1000000000);
	assert_true(lpt.scale_mult == 1ULL << 63 && lpt.fracbits == 59);
	assert_true(lpt.rscale_mult == 1ULL << 59 && lpt.rfracbits == 63);
	assert_true(pvtb_lpt_to_pv(&lpt, 123456789) == 123456789ULL * 16);
	assert_true(pvtb_lpt_to_native(&lpt, 123456789ULL * 16 + 15) == 123456789);

	/* 100 MHz promised on 62.5 MHz: 1.6 = 0xcccccccccccccccc * 2^-63. */
	assert_int_equal(pvtb_lpt_coefficients(62500000, 100000000, &lpt), 0);
	assert_true(lpt.scale_mult == 0xccccccccccccccccULL && lpt.fracbits == 63);
	assert_true(lpt.rscale_mult == 0x5000000000000000ULL && lpt.rfracbits == 63);

	/* And the other way round. */
	assert_int_equal(pvtb_lpt_coefficients(100000000, 62500000, &lpt), 0);
	assert_true(lpt.scale_mult == 0x5000000000000000ULL && lpt.fracbits == 63);
	assert_true(lpt.rscale_mult == 0xccccccccccccccccULL && lpt.rfracbits == 63);

	/* The whole range of 32 bits. */
	assert_int_equal(pvtb_lpt_coefficients(1, UINT32_MAX, &lpt), 0);
	assert_true(lpt.fracbits == 32 && lpt.scale_mult == (u64)UINT32_MAX << 32);
	assert_true(pvtb_lpt_to_pv(&lpt, 3) == 3ULL * UINT32_MAX);
}

static void bad_frequencies_are_refused(void **state)
{
	struct pvtb_lpt lpt, before;
	u64 mult = 1;
	u32 frac = 2;

	(void)state;
	memset(&lpt, 0x5a, sizeof(lpt));
	before = lpt;
	assert_int_equal(pvtb_lpt_coefficients(0, 1, &lpt), -EINVAL);
	assert_int_equal(pvtb_lpt_coefficients(1, 0, &lpt), -EINVAL);
	assert_int_equal(pvtb_lpt_coefficients(1ULL << 32, 1, &lpt), -ERANGE);
	assert_int_equal(pvtb_lpt_coefficients(1, 5000000000, &lpt), -ERANGE);
	assert_memory_equal(&lpt, &before, sizeof(lpt));
	assert_int_equal(pvtb_lpt_coefficient(0, 1, &mult, &frac), -EINVAL);
	assert_int_equal(pvtb_lpt_coefficient(1, 0, &mult, &frac), -EINVAL);
	assert_true(mult == 1 && frac == 2);
}

static void publishing_counts_runs(void **state)
{
	struct pvtb_lpt shared = {0}, next_lpt = {.revision = 0, .sequence_number = 999};
	int run;

	(void)state;
	memset(shared.padding, 0xa5, sizeof(shared.padding));
	for (run = 1; run <= 3; run++) {
		assert_int_equal(pvtb_lpt_coefficients(1000000 * (u64)run, 50000000, &next_lpt), 0);
		pvtb_lpt_publish(&shared, &next_lpt);
		assert_true(shared.sequence_number == 2 * (u64)run);
		assert_true(shared.native_freq == 1000000 * (u32)run);
		assert_true(shared.pv_freq == 50000000);
		assert_true(shared.scale_mult == next_lpt.scale_mult &&
			    shared.rscale_mult == next_lpt.rscale_mult);
		assert_true(shared.fracbits == next_lpt.fracbits &&
			    shared.rfracbits == next_lpt.rfracbits);
		assert_true(shared.padding[0] == 0xa5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coefficients_are_exact),
		cmocka_unit_test(scaling_stays_in_bound_for_ten_years),
		cmocka_unit_test(exact_is_exact),
		cmocka_unit_test(scaling_is_monotonic),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(known_structures),
		cmocka_unit_test(bad_frequencies_are_refused),
		cmocka_unit_test(publishing_counts_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
