// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of Live Physical Time by name: a right provider is never accused, whatever the frequencies,
 * and each fault is called what it is.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "stats/lpt_judge.h"

#define YEAR_S 31557600ULL
#define N      33

static const u64 freqs_hz[] = {1000000,	   1000003,    25000000,   62500000,
			       99999989,   100000000,  999999937,  1000000000,
			       2399999999, 4294967291, 4294967295, 5000000000};

/* What a guest with these coefficients would show, now and in up to ten years. */
static void read_all(u64 native_hz, u64 mult, u32 fracbits, struct pvtb_sample *out)
{
	u64 native = 123456789012;

	for (unsigned int i = 0; i < N; i++) {
		native += 977 + i;
		out[i].t0 = native + i % 11 * YEAR_S * native_hz;
		out[i].t1 = pvtb_lpt_scale(out[i].t0, mult, fracbits);
	}
}

static struct pvtb_lpt_result judge(u64 native_hz, u64 pv_hz, const struct pvtb_sample *pairs)
{
	struct pvtb_lpt_result r;

	assert_int_equal(pvtb_lpt_judge(native_hz, pv_hz, pairs, N, &r, NULL), 0);
	return r;
}

static void right(u64 native_hz, u64 pv_hz, u64 *mult, u32 *fracbits)
{
	assert_int_equal(pvtb_lpt_coefficient(native_hz, pv_hz, mult, fracbits), 0);
}

static void test_right_is_not_accused(void **state)
{
	for (size_t a = 0; a < PVTB_ARRAY_SIZE(freqs_hz); a++) {
		for (size_t b = 0; b < PVTB_ARRAY_SIZE(freqs_hz); b++) {
			struct pvtb_sample pairs[N];
			struct pvtb_lpt_result r;
			u64 mult;
			u32 fracbits;

			right(freqs_hz[a], freqs_hz[b], &mult, &fracbits);
			read_all(freqs_hz[a], mult, fracbits, pairs);
			r = judge(freqs_hz[a], freqs_hz[b], pairs);
			assert_int_equal(r.fault, PVTB_LPT_FAULT_NONE);
			assert_true(r.error_ticks >= 0 && r.error_ticks < r.allowed_ticks);
			assert_true(fabs(r.rate_ppb) <= r.rate_unc_ppb);
			/* one tick more than allowed is not right any more */
			pairs[7].t1 -= (u64)r.allowed_ticks + 1;
			assert_int_equal(judge(freqs_hz[a], freqs_hz[b], pairs).fault,
					 PVTB_LPT_FAULT_OFFSET);
			/* and no value is above the exact one */
			pairs[7].t1 = pvtb_lpt_exact_pv(freqs_hz[a], freqs_hz[b], pairs[7].t0) + 1;
			assert_int_equal(judge(freqs_hz[a], freqs_hz[b], pairs).fault,
					 PVTB_LPT_FAULT_OFFSET);
		}
	}
}

static void test_values_are_named(void **state)
{
	const struct {
		u64 native_hz, pv_hz;
	} pairs_hz[] = {{62500000, 999999937},
			{999999937, 62500000},
			{1000003, 4294967291},
			{2399999999, 1000003},
			{62500000, 100000007}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(pairs_hz); i++) {
		u64 native_hz = pairs_hz[i].native_hz, pv_hz = pairs_hz[i].pv_hz, mult, m;
		struct pvtb_sample p[N];
		struct pvtb_lpt_result r;
		u32 fracbits, f;

		right(native_hz, pv_hz, &mult, &fracbits);
		read_all(native_hz, mult & ~0xffffffffULL, fracbits, p);
		r = judge(native_hz, pv_hz, p);
		assert_int_equal(r.fault, PVTB_LPT_FAULT_ROUNDED);
		assert_true(r.good_bits > 18 && r.good_bits < 45);
		read_all(native_hz, mult & 0xffffffff, fracbits, p);
		assert_int_equal(judge(native_hz, pv_hz, p).fault,
				 PVTB_LPT_FAULT_TRUNCATED_COEFFICIENT);
		read_all(native_hz, 1ULL << 63, 63, p);
		assert_int_equal(judge(native_hz, pv_hz, p).fault, PVTB_LPT_FAULT_UNSCALED);
		right(pv_hz, native_hz, &m, &f);
		read_all(native_hz, m, f, p);
		/* 2400 times the rate wraps in ten years, and is wrong for no known reason then */
		assert_int_equal(judge(native_hz, pv_hz, p).fault,
				 pv_hz < native_hz / 1000 ? PVTB_LPT_FAULT_RATE
							  : PVTB_LPT_FAULT_INVERTED);
		read_all(native_hz, mult, fracbits, p);
		for (unsigned int k = 0; k < N; k++)
			p[k].t1 &= 0xffffffff;
		r = judge(native_hz, pv_hz, p);
		assert_int_equal(r.fault, PVTB_LPT_FAULT_TRUNCATED);
		assert_non_null(strstr(r.verdict, "to 32 bits"));
		for (unsigned int k = 0; k < N; k++)
			p[k].t1 = 3 * (p[k].t0 >> 4);
		assert_int_equal(judge(native_hz, pv_hz, p).fault, PVTB_LPT_FAULT_RATE);
	}
}

static void test_twice(void **state)
{
	struct pvtb_sample p[N];
	u64 mult;
	u32 fracbits;

	right(62500000ULL * 62500000, 100000007ULL * 100000007, &mult, &fracbits);
	read_all(62500000, mult, fracbits, p);
	assert_int_equal(judge(62500000, 100000007, p).fault, PVTB_LPT_FAULT_TWICE);
	right(999999937ULL * 999999937, 62500000ULL * 62500000, &mult, &fracbits);
	read_all(999999937, mult, fracbits, p);
	assert_int_equal(judge(999999937, 62500000, p).fault, PVTB_LPT_FAULT_TWICE);
}

static void test_truncated_hz(void **state)
{
	struct pvtb_sample p[N];
	u64 mult;
	u32 fracbits;

	right((u32)5000000000ULL, 62500000, &mult, &fracbits);
	read_all(5000000000, mult, fracbits, p);
	assert_int_equal(judge(5000000000, 62500000, p).fault, PVTB_LPT_FAULT_TRUNCATED_HZ);
	right(62500000, (u32)5000000000ULL, &mult, &fracbits);
	read_all(62500000, mult, fracbits, p);
	assert_int_equal(judge(62500000, 5000000000, p).fault, PVTB_LPT_FAULT_TRUNCATED_HZ);
}

static void test_vcpus(void **state)
{
	struct pvtb_lpt_result r[3] = {{.rate_ppb = 1, .rate_unc_ppb = 2},
				       {.rate_ppb = -1, .rate_unc_ppb = 2},
				       {.rate_ppb = 0, .rate_unc_ppb = 0.1}};
	unsigned int a, b;

	assert_int_equal(pvtb_lpt_judge_vcpus(r, 3, &a, &b), PVTB_LPT_FAULT_NONE);
	r[2].rate_ppb = -5;
	assert_int_equal(pvtb_lpt_judge_vcpus(r, 3, &a, &b), PVTB_LPT_FAULT_PER_VCPU);
	assert_int_equal(a, 0);
	assert_int_equal(b, 2);
	assert_int_equal(pvtb_lpt_judge_vcpus(r, 1, &a, &b), PVTB_LPT_FAULT_NONE);
}

static void test_sequence(void **state)
{
	assert_int_equal(pvtb_lpt_judge_sequence(2, 10, 4, 2), PVTB_LPT_FAULT_NONE);
	assert_int_equal(pvtb_lpt_judge_sequence(~0ULL - 1, 6, 4, 1), PVTB_LPT_FAULT_NONE);
	assert_int_equal(pvtb_lpt_judge_sequence(2, 2, 4, 2), PVTB_LPT_FAULT_SEQUENCE);
	assert_int_equal(pvtb_lpt_judge_sequence(2, 18, 4, 2), PVTB_LPT_FAULT_SEQUENCE_PER_VCPU);
	assert_int_equal(pvtb_lpt_judge_sequence(2, 18, 4, 1), PVTB_LPT_FAULT_SEQUENCE_STEP);
	assert_int_equal(pvtb_lpt_judge_sequence(2, 6, 4, 2), PVTB_LPT_FAULT_SEQUENCE_STEP);
	assert_int_equal(pvtb_lpt_judge_sequence(10, 2, 4, 2), PVTB_LPT_FAULT_SEQUENCE_REPEATS);
}

static void test_refusals(void **state)
{
	struct pvtb_sample p[N] = {{1, 1}, {1, 1}};
	struct pvtb_lpt_result r;

	assert_int_equal(pvtb_lpt_judge(0, 1, p, 2, &r, NULL), -EINVAL);
	assert_int_equal(pvtb_lpt_judge(1, 0, p, 2, &r, NULL), -EINVAL);
	assert_int_equal(pvtb_lpt_judge(1, 1, p, 1, &r, NULL), -EINVAL);
	assert_int_equal(pvtb_lpt_judge(1, 1, p, 2, &r, NULL), -EINVAL);
}

static void test_names(void **state)
{
	for (int i = 0; i < PVTB_LPT_FAULTS; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(pvtb_lpt_fault_name(i), pvtb_lpt_fault_name(k));
	assert_string_equal(pvtb_lpt_fault_name(PVTB_LPT_FAULTS), "?");
}

/* Powers of two have no error; 1 / 3 in 63 bits is a third of the last bit short. */
static void test_coefficient_error(void **state)
{
	double third = pvtb_lpt_coefficient_error(3, 1, (1ULL << 63) / 3, 63);

	assert_true(pvtb_lpt_coefficient_error(2, 1, 1ULL << 62, 63) == 0);
	assert_true(fabs(third / (2 * 0x1p-63) - 1) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_is_not_accused),
		cmocka_unit_test(test_values_are_named),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_truncated_hz),
		cmocka_unit_test(test_vcpus),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_coefficient_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
