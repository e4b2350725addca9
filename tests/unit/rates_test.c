// SPDX-License-Identifier: GPL-2.0-only
/* Rates: between two pairs of readings, between two CPUs' counters, and in a report over hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/affinity.h"
#include "report/rates.h"
#include "timeline/cpu_offset.h"
#include "timeline/raw_clock.h"

#include <math.h>

/* A counter of 25 MHz that is 40 ppm fast, with brackets of two ticks; NTP makes the clock 100 ppm
 * slow. */
static void test_raw_rate(void **state)
{
	const struct pvtb_raw_pair from = {~0ULL - 99, ~0ULL - 97, 1000000000, 5000000000};
	struct pvtb_raw_pair to = {25001000 - 100, 25001000 - 98, 2000000000, 5999900000};
	struct pvtb_raw_rate r;

	/* the counter wraps on the way */
	assert_int_equal(pvtb_raw_rate(&from, &to, 25000000, &r, NULL), 0);
	assert_true(fabs(r.ppb - 40000) < 1e-3);
	assert_true(fabs(r.mono_ppb + 100000) < 1e-3);
	assert_int_equal(r.span_ns, 1000000000);
	/* half of both brackets and a tick, in ns, and a nanosecond at each end */
	assert_true(fabs(r.unc_ppb - (3 * 40 + 2)) < 1e-3);
	/* the exact rate lies within, wherever in its bracket each reading was */
	to.c0_ticks -= 2;
	assert_int_equal(pvtb_raw_rate(&from, &to, 25000000, &r, NULL), 0);
	assert_true(fabs(r.ppb - 40000) <= r.unc_ppb);
	assert_int_equal(pvtb_raw_rate(&from, &to, 0, &r, NULL), -EINVAL);
	assert_int_equal(pvtb_raw_rate(&to, &from, 25000000, &r, NULL), -EINVAL);
}

static void test_pair_is_bracketed(void **state)
{
	struct pvtb_raw_pair a, b;

	pvtb_raw_pair_now(10, &a);
	pvtb_raw_pair_now(0, &b);
	assert_true(a.c1_ticks >= a.c0_ticks);
	assert_true(b.c0_ticks >= a.c1_ticks);
	assert_true(b.raw_ns >= a.raw_ns && b.mono_ns >= a.mono_ns);
}

static void test_offset(void **state)
{
	struct pvtb_cpu_offset o;
	struct pvtb_cpus cpus;
	int found[2], n = 0;

	assert_int_equal(pvtb_cpu_offset(0, 0, 1, &o, NULL), -EINVAL);
	assert_true(pvtb_cpu_offset(0, PVTB_MAX_CPUS - 1, 100, &o, NULL) < 0);
	assert_int_equal(pvtb_cpus_allowed(&cpus, NULL), 0);
	for (unsigned int i = 0; i < PVTB_MAX_CPUS && n < 2; i++)
		if (pvtb_cpus_has(&cpus, i))
			found[n++] = (int)i;
	/* with itself, too: nothing arrives before it was sent */
	assert_int_equal(pvtb_cpu_offset(found[0], found[n - 1], 200, &o, NULL), 0);
	assert_true(o.low_ticks <= o.high_ticks);
	assert_int_equal(o.warps > 0, o.low_ticks > 0 || o.high_ticks < 0);
	assert_int_equal(o.rounds, 200);
}

static struct pvtb_result *two_hosts(unsigned int nr)
{
	struct pvtb_result *r = pvtb_result_new("pvtb run frequency", "quick");

	for (unsigned int i = 0; i < nr; i++) {
		char host[32];
		struct pvtb_host_result *h;
		struct pvtb_variant_result *v;

		snprintf(host, sizeof(host), "lab:arm64,hz=%u", (i + 1) * 25000000);
		h = pvtb_result_add_host(r, host);
		h->counter_hz = (i + 1) * 25000000;
		v = pvtb_bench_add_variant(pvtb_host_add_bench(h, "frequency", ""), "counter", "");
		pvtb_variant_set_status(v, PVTB_OK, "%s", "");
		/* a step without a figure is nobody's */
		v->detail = json_pack("{s:[{s:s,s:f,s:f,s:f},{s:s},{s:s,s:f,s:f,s:f}]}",
				      "rate_steps", "name", "as it is", "ppb", -0.2, "unc_ppb",
				      341.0, "read_ns", 94.71, "name", "half", "name", "moved",
				      "ppb", 75.5, "unc_ppb", 12.0, "read_ns", 20.5);
	}
	return r;
}

static char *text_of(const struct pvtb_result *r, enum pvtb_table_style style)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(pvtb_rates_text(r, style, f), 0);
	fclose(f);
	return text;
}

static void test_table_over_hosts(void **state)
{
	struct pvtb_result *r = two_hosts(2);
	struct pvtb_rate_step *steps;
	char *text = text_of(r, PVTB_TABLE_PLAIN);
	size_t n;

	assert_non_null(strstr(text, "over all hosts"));
	assert_non_null(strstr(text, "lab:arm64,hz=25000000  25000000  as it is"));
	assert_non_null(strstr(text, "lab:arm64,hz=50000000  50000000  as it is"));
	assert_non_null(strstr(text, "+0  +- 341"));
	assert_non_null(strstr(text, "+76  +- 12"));
	assert_null(strstr(text, "half"));
	free(text);
	text = text_of(r, PVTB_TABLE_MARKDOWN);
	assert_non_null(strstr(text, "## The guests' counters"));
	free(text);
	steps = pvtb_rate_steps(r, &n);
	assert_int_equal(n, 4);
	assert_ptr_equal(steps[3].host, &r->hosts[1]);
	assert_true(pvtb_bench_has_rates(&r->hosts[0].benches[0]));
	free(steps);
	pvtb_result_free(r);
}

static void test_one_host_has_no_table(void **state)
{
	struct pvtb_result *r = two_hosts(1);
	char *text = text_of(r, PVTB_TABLE_PLAIN);

	assert_string_equal(text, "");
	free(text);
	pvtb_result_free(r);
	r = two_hosts(0);
	text = text_of(r, PVTB_TABLE_PLAIN);
	assert_string_equal(text, "");
	free(text);
	pvtb_result_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw_rate),
		cmocka_unit_test(test_pair_is_bracketed),
		cmocka_unit_test(test_offset),
		cmocka_unit_test(test_table_over_hosts),
		cmocka_unit_test(test_one_host_has_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
