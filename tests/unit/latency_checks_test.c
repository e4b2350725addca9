// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the figures of a latency variant are checked by: single samples against batches, a native read
 * against the host's own, how long a batch lasts, which law a host asks for. Numbers here stand for
 * nothing measured but where they say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"
#include "bench/latency/checks.h"

static const struct latency_conditions counted = {
	.deterministic = true, .emulated = true, .hz = 1000000000};
static const struct latency_conditions emulated = {.emulated = true, .hz = 62500000};
static const struct latency_conditions fast = {.hz = 3000000000};
static const struct latency_conditions coarse = {.hz = 25000000};

static enum pvtb_status agree(const struct latency_conditions *c, double single, double batch)
{
	const struct latency_agreement a = {.single = single,
					    .batch = batch,
					    .batch_low = batch,
					    .batch_high = batch,
					    .empty_before = 3,
					    .empty_after = 3};
	char why[256];

	return latency_agree(c, &a, why, sizeof(why));
}

static void test_agree(void **state)
{
	/* instructions: a tick and nothing more */
	assert_int_equal(agree(&counted, 1739, 1739), PVTB_OK);
	assert_int_equal(agree(&counted, 2883, 2882), PVTB_OK);
	assert_int_equal(agree(&counted, 28, 24), PVTB_FAIL);  /* registers kept on the stack */
	assert_int_equal(agree(&counted, 324, 97), PVTB_FAIL); /* stamps that trap, uncorrected */
	/* time: measured on a CPU of 2.6 GHz whose TSC moves in steps of 26 ticks */
	assert_int_equal(agree(&fast, 26, 39.9), PVTB_OK);
	assert_int_equal(agree(&fast, 52, 43.9), PVTB_OK);
	assert_int_equal(agree(&fast, 2574, 0), PVTB_FAIL);
	assert_int_equal(agree(&fast, 3000, 2400), PVTB_OK);
	assert_int_equal(agree(&fast, 3000, 1500), PVTB_FAIL);
	assert_int_equal(agree(&coarse, 1, 0.1), PVTB_OK); /* a tick is 40 ns */
	assert_int_equal(agree(&coarse, 25, 12), PVTB_FAIL);
	/* no time of an emulator is a verdict */
	assert_int_equal(agree(&emulated, 1000, 10), PVTB_SKIP);
}

static void test_agree_vmm_and_interval(void **state)
{
	struct latency_agreement a = {.single = 6000,
				      .batch = 5975,
				      .batch_low = 5975,
				      .batch_high = 5975,
				      .empty_before = 3,
				      .empty_after = 3};
	char why[256];

	assert_int_equal(latency_agree(&counted, &a, why, sizeof(why)), PVTB_FAIL);
	a.to_vmm = true;
	assert_int_equal(latency_agree(&counted, &a, why, sizeof(why)), PVTB_OK);
	a.to_vmm = false;
	a.batch_high = 5999.5;
	assert_int_equal(latency_agree(&counted, &a, why, sizeof(why)), PVTB_OK);
}

/* A frequency that moved between the empty loop and the rest: nothing is known. */
static void test_empty_moved(void **state)
{
	struct latency_agreement a = {.single = 3000,
				      .batch = 3000,
				      .batch_low = 3000,
				      .batch_high = 3000,
				      .empty_before = 150,
				      .empty_after = 90};
	char why[256];

	assert_int_equal(latency_agree(&fast, &a, why, sizeof(why)), PVTB_INCONCLUSIVE);
	assert_non_null(strstr(why, "150 ticks before and 90 after"));
	a.empty_after = 145;
	assert_int_equal(latency_agree(&fast, &a, why, sizeof(why)), PVTB_OK);
	a.empty_after = 148;
	assert_int_equal(latency_agree(&counted, &a, why, sizeof(why)), PVTB_INCONCLUSIVE);
}

static void test_native(void **state)
{
	char why[256];

	assert_int_equal(latency_native(&counted, 2, 2, false, why, sizeof(why)), PVTB_OK);
	assert_int_equal(latency_native(&counted, 219, 2, false, why, sizeof(why)), PVTB_FAIL);
	assert_non_null(strstr(why, "219.00 ticks, the host's own 2.00: it traps"));
	/* measured natively */
	assert_int_equal(latency_native(&fast, 23.74, 23.87, false, why, sizeof(why)), PVTB_OK);
	assert_int_equal(latency_native(&fast, 700, 24, false, why, sizeof(why)), PVTB_FAIL);
	/* KVM has to: said, and no fault of the host's */
	assert_int_equal(latency_native(&fast, 700, 24, true, why, sizeof(why)), PVTB_OK);
	assert_non_null(strstr(why, "CNTVOFF_EL2 is broken"));
	assert_int_equal(latency_native(&emulated, 700, 2, false, why, sizeof(why)), PVTB_SKIP);
}

/* A read that never exits has no pairs: that says nothing of their order. */
static void test_causality(void **state)
{
	assert_int_equal(latency_causality(0, 0), PVTB_SKIP);
	assert_int_equal(latency_causality(0, 1000), PVTB_OK);
	assert_int_equal(latency_causality(1, 1000), PVTB_FAIL);
}

/* Whatever machine this is, a read takes some time and not a trap's. */
static void test_host_read(void **state)
{
	double bare = latency_host_read(PVTB_READ_BARE);

	assert_true(bare > 0 && bare < 100000);
}

static void test_longest_batch(void **state)
{
	assert_true(latency_longest_ticks(&counted) == 200);
	assert_true(latency_longest_ticks(&coarse) == 500);
	assert_true(latency_longest_ticks(&fast) == 60000); /* 200 would be 67 ns */
}

static const struct pvtb_variant *variant(const char *bench, const char *name)
{
	size_t n;
	const struct pvtb_variant *v = pvtb_bench_variants(pvtb_bench_find(bench), &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].name, name) && (v[i].archs & PVTB_ARCH_X86_64))
			return &v[i];
	return NULL;
}

/* VMX passes reads of IA32_TSC through; only the MSR filter makes them exit everywhere. */
static void test_rdmsr_tsc(void **state)
{
	const struct pvtb_variant *v = variant("counter_read", "rdmsr_tsc");
	struct pvtb_run *run = calloc(1, sizeof(*run));

	assert_non_null(v);
	strcpy(run->caps.backend, "SVM");
	assert_int_equal(pvtb_variant_law(v, run), PVTB_LAW_ONE_EXIT);
	strcpy(run->caps.backend, "VMX");
	assert_int_equal(pvtb_variant_law(v, run), PVTB_LAW_NO_TRAP);
	v = variant("counter_read", "rdmsr_tsc_vmm");
	assert_int_equal(pvtb_variant_law(v, run), PVTB_LAW_ONE_EXIT);
	free(run);
}

/* "No exit seen" of a read that the CPU answers is compared with the host's own read: of all of them. */
static void test_native_of_each(void **state)
{
	size_t n, compared = 0;
	const struct pvtb_variant *v = pvtb_bench_variants(pvtb_bench_find("counter_read"), &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].provider, "cpu") || v[i].law != PVTB_LAW_NO_TRAP)
			continue;
		if (!v[i].native)
			fail_msg("%s: no read of the host's beside it", v[i].name);
		compared++;
	}
	assert_true(compared >= 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agree),	    cmocka_unit_test(test_agree_vmm_and_interval),
		cmocka_unit_test(test_empty_moved), cmocka_unit_test(test_native),
		cmocka_unit_test(test_host_read),   cmocka_unit_test(test_longest_batch),
		cmocka_unit_test(test_rdmsr_tsc),   cmocka_unit_test(test_native_of_each),
		cmocka_unit_test(test_causality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
