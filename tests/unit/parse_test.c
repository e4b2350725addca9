// SPDX-License-Identifier: GPL-2.0-only
/* Numbers, CPU lists and the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/affinity.h"
#include "core/parse.h"
#include "core/suggest.h"

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		int ret;
		u64 value;
	} cases[] = {
		{"0", 0, 0},
		{"10", 0, 10},
		{"010", 0, 10}, /* not octal */
		{"0x10", 0, 16},
		{"0XfF", 0, 255},
		{"18446744073709551615", 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"18446744073709551616", -ERANGE, 0},
		{"0x10000000000000000", -ERANGE, 0},
		{"", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"0x-1", -EINVAL, 0},
		{"0x 1", -EINVAL, 0},
		{"12abc", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"1k", -EINVAL, 0},
		{"abc", -EINVAL, 0},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		u64 v = 4711;

		assert_int_equal(pvtb_parse_u64(cases[i].text, 0, UINT64_MAX, &v), cases[i].ret);
		assert_true(v == (cases[i].ret ? 4711 : cases[i].value));
	}
}

static void ranges_hold(void **state)
{
	u64 v = 4711;

	assert_int_equal(pvtb_parse_u64("5", 5, 10, &v), 0);
	assert_int_equal(pvtb_parse_u64("10", 5, 10, &v), 0);
	assert_true(v == 10);
	assert_int_equal(pvtb_parse_u64("4", 5, 10, &v), -ERANGE);
	assert_int_equal(pvtb_parse_u64("11", 5, 10, &v), -ERANGE);
	assert_true(v == 10);
}

static void suffixes(void **state)
{
	static const struct {
		const char *text;
		int ret;
		u64 value;
	} cases[] = {
		{"7", 0, 7},
		{"10k", 0, 10000},
		{"10K", 0, 10000},
		{"2M", 0, 2000000},
		{"5G", 0, 5000000000ULL},
		{"4Ki", 0, 4096},
		{"1MI", 0, 1048576},
		{"1gi", 0, 1073741824},
		{"0x10k", 0, 16000},
		{"k", -EINVAL, 0},
		{"1kb", -EINVAL, 0},
		{"1k ", -EINVAL, 0},
		{"18446744073709551615k", -ERANGE, 0},
		{"17179869184Gi", -ERANGE, 0}, /* 2^64 exactly */
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		u64 v = 4711;

		assert_int_equal(pvtb_parse_u64_suffix(cases[i].text, 0, UINT64_MAX, &v),
				 cases[i].ret);
		assert_true(v == (cases[i].ret ? 4711 : cases[i].value));
	}
	u64 v;
	/* the range is that of the value, not of the digits */
	assert_int_equal(pvtb_parse_u64_suffix("1k", 0, 999, &v), -ERANGE);
}

static void errors_name_the_text(void **state)
{
	struct pvtb_err err;

	assert_int_equal(pvtb_parse_err(&err, -EINVAL, "--seconds", "abc", 1, 9), -EINVAL);
	assert_string_equal(err.what, "--seconds");
	assert_string_equal(err.why, "'abc' is not a number");
	assert_int_equal(pvtb_parse_err(&err, -ERANGE, "--seconds", "10", 1, 9), -ERANGE);
	assert_string_equal(err.why, "10 is out of range: 1 to 9");
}

static void cpu_lists(void **state)
{
	struct pvtb_cpus cpus;

	assert_int_equal(pvtb_cpus_parse("0-3,8,10-11\n", &cpus), 0);
	assert_int_equal(pvtb_cpus_count(&cpus), 7);
	assert_true(pvtb_cpus_has(&cpus, 0) && pvtb_cpus_has(&cpus, 3));
	assert_true(pvtb_cpus_has(&cpus, 8) && pvtb_cpus_has(&cpus, 11));
	assert_false(pvtb_cpus_has(&cpus, 4) || pvtb_cpus_has(&cpus, 9));
	assert_false(pvtb_cpus_has(&cpus, 1000000));
	assert_int_equal(pvtb_cpus_parse("", &cpus), 0);
	assert_int_equal(pvtb_cpus_count(&cpus), 0);
	assert_int_equal(pvtb_cpus_parse("4095", &cpus), 0);
	assert_int_equal(pvtb_cpus_count(&cpus), 1);
	assert_int_equal(pvtb_cpus_parse("4096", &cpus), -ERANGE);
	assert_int_equal(pvtb_cpus_parse("3-1", &cpus), -ERANGE);
	assert_int_equal(pvtb_cpus_parse("(null)", &cpus), -EINVAL);
	assert_int_equal(pvtb_cpus_parse("1-", &cpus), -EINVAL);
	assert_int_equal(pvtb_cpus_count(&cpus), 1);
}

static void edit_distances(void **state)
{
	assert_int_equal(pvtb_edit_distance("", ""), 0);
	assert_int_equal(pvtb_edit_distance("abc", ""), 3);
	assert_int_equal(pvtb_edit_distance("", "abc"), 3);
	assert_int_equal(pvtb_edit_distance("kitten", "sitting"), 3);
	assert_int_equal(pvtb_edit_distance("doctor", "dcotor"), 1); /* a swap is one edit */
	assert_int_equal(pvtb_edit_distance("flaw", "lawn"), 2);
}

static void suggestions(void **state)
{
	static const char *const names[] = {"counter_read", NULL, "hypercall", "steal", "steel"};
	char longer[200];
	size_t nr = PVTB_ARRAY_SIZE(names);

	assert_string_equal(pvtb_suggest("counter_raed", names, nr), "counter_read");
	assert_string_equal(pvtb_suggest("hyper", names, nr), "hypercall");
	assert_string_equal(pvtb_suggest("stial", names, nr), "steal");
	assert_null(pvtb_suggest("zebra", names, nr));
	assert_null(pvtb_suggest("", names, nr));
	assert_null(pvtb_suggest("steal", names, 0));
	memset(longer, 's', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(pvtb_suggest(longer, names, nr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers), cmocka_unit_test(ranges_hold),
		cmocka_unit_test(suffixes),	 cmocka_unit_test(errors_name_the_text),
		cmocka_unit_test(cpu_lists),	 cmocka_unit_test(edit_distances),
		cmocka_unit_test(suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
