// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is written into a result about stolen time: whose the guest's growth is among those who had
 * the CPU, the short series, causes and their classes, the sum over scenarios. Made-up streams.
 *
 * `steal_detail_test --example FILE` writes a result with all of it, for tests/schema.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bench/steal/detail.h"

#define START 1000000000u
#define END   2000000000u
#define MS    1000000u

static void interval(struct steal_detail *d, u64 from_ms, u64 to_ms, enum pvtb_sched_cause cause,
		     u32 pid)
{
	const struct pvtb_sched_interval i = {
		.start_ns = START + from_ms * MS,
		.end_ns = START + to_ms * MS,
		.cause = cause,
		.pid = pid,
	};

	steal_detail_interval(d, &i);
}

/* A sample at @ms, on an entry at @entry_ms. */
static void point(struct steal_detail *d, u64 entry_ms, u64 ms, s64 g_ns, s64 gk_ns, s64 kb_ns)
{
	const struct pvtb_steal_point p = {
		.t_ns = START + ms * MS,
		.age_ns = (ms - entry_ms) * MS,
		.g_ns = g_ns,
		.gk_ns = gk_ns,
		.kb_ns = kb_ns,
	};

	steal_detail_point(d, &p);
}

/* As the scheduler's machine would have it after these. */
static void took(struct pvtb_sched *s, u32 pid, u64 ns, u64 times)
{
	s->preemptors[pid % PVTB_SCHED_PREEMPTORS] =
		(struct pvtb_sched_preemptor){.pid = pid, .ns = ns, .times = times};
	s->nr_preemptors++;
}

struct world {
	struct steal_detail *d;
	struct steal_measured m;
	struct pvtb_sched sched;
	struct pvtb_steal_result res;
};

static void stream(struct world *w)
{
	struct steal_detail *d = w->d = steal_detail_new(START, END);

	assert_non_null(d);
	/* Before the first sample: what the guest was told of it is not known. */
	interval(d, 0, 50, PVTB_SCHED_PREEMPTED, 7);
	interval(d, 50, 60, PVTB_SCHED_GUEST, 0);
	point(d, 50, 55, 40 * MS, 0, 0);
	/* One thread alone, all of it told; what follows the sample's entry is known already. */
	interval(d, 60, 70, PVTB_SCHED_PREEMPTED, 7);
	interval(d, 80, 95, PVTB_SCHED_PREEMPTED, 8);
	point(d, 70, 75, 50 * MS, 0, -100);
	/* Two threads between two samples share what was told, which is half. */
	interval(d, 100, 105, PVTB_SCHED_PREEMPTED, 7);
	point(d, 105, 110, 60 * MS, 10 * MS, 200);
	/* Asleep is no reason to be told anything. */
	interval(d, 120, 500, PVTB_SCHED_BLOCKED_HALT, 0);
	point(d, 500, 999, 60 * MS, -20 * (s64)MS, 100);
	took(&w->sched, 7, 65 * MS, 3);
	took(&w->sched, 8, 15 * MS, 1);
	w->sched.times[PVTB_SCHED_PREEMPTED] = 4;
	w->sched.times[PVTB_SCHED_HOST_VMM] = 9;
	w->res.rows[PVTB_SCHED_PREEMPTED] = (struct pvtb_steal_row){
		.total_ns = 80 * MS, .span_ns = 30 * MS, .told_ns = 20 * MS};
	w->res.rows[PVTB_SCHED_HOST_VMM].total_ns = 1000;
	w->res.gk = (struct pvtb_steal_deviation){.max_ns = -20 * (s64)MS, .ppm = NAN};
	w->res.kb = (struct pvtb_steal_deviation){.max_ns = 200, .final_ns = 100, .ppm = 12.5};
	w->m.nr_names = 1;
	w->m.names[0] = (struct steal_name){.pid = 7, .comm = "hog\xff", .cgroup = "/a"};
}

static json_t *vcpu_json(bool entries)
{
	struct world *w = calloc(1, sizeof(*w));
	json_t *v;

	stream(w);
	v = steal_detail_json(w->d, 1, &w->m, &w->sched, &w->res, entries);
	assert_non_null(v);
	steal_detail_free(w->d);
	free(w);
	return v;
}

static s64 int_of(const json_t *o, const char *member)
{
	assert_true(json_is_integer(json_object_get(o, member)));
	return json_integer_value(json_object_get(o, member));
}

static void growth_is_given_to_who_had_the_cpu(void **state)
{
	json_t *v = vcpu_json(true);
	const json_t *p = json_object_get(v, "preemptors"), *first, *second;

	assert_int_equal(json_array_size(p), 2);
	first = json_array_get(p, 0);
	assert_int_equal(int_of(first, "pid"), 7);
	assert_int_equal(int_of(first, "took_ns"), 65 * MS);
	assert_int_equal(int_of(first, "span_ns"), 15 * MS);
	/* 10 ms alone, and a quarter of 10 ms with the other */
	assert_int_equal(int_of(first, "told_ns"), 12500000);
	/* a name that is no UTF-8 is none */
	assert_string_equal(json_string_value(json_object_get(first, "comm")), "");
	assert_string_equal(json_string_value(json_object_get(first, "cgroup")), "/a");
	second = json_array_get(p, 1);
	assert_int_equal(int_of(second, "span_ns"), 15 * MS);
	assert_int_equal(int_of(second, "told_ns"), 7500000);
	json_decref(v);
}

static void series_has_the_farthest_of_each_bucket(void **state)
{
	json_t *v = vcpu_json(true);
	const json_t *s = json_object_get(v, "series"), *gk = json_object_get(s, "gk_ns"),
		     *kb = json_object_get(s, "kb_ns");

	assert_int_equal(json_array_size(gk), STEAL_BUCKETS);
	assert_int_equal(int_of(s, "bucket_ns"), 20 * MS);
	assert_true(json_is_null(json_array_get(gk, 0)));
	assert_int_equal(json_integer_value(json_array_get(gk, 2)), 0);
	assert_int_equal(json_integer_value(json_array_get(kb, 3)), -100);
	assert_int_equal(json_integer_value(json_array_get(gk, 5)), 10 * MS);
	assert_true(json_is_null(json_array_get(kb, 30)));
	assert_int_equal(json_integer_value(json_array_get(gk, STEAL_BUCKETS - 1)), -20 * (s64)MS);
	assert_true(json_is_null(json_object_get(json_object_get(v, "gk"), "ppm")));
	json_decref(v);
}

/* Where entries are not witnessed nobody can say whether it was in the guest. */
static void causes_say_what_was_witnessed(void **state)
{
	json_t *yes = vcpu_json(true), *no = vcpu_json(false);
	const json_t *causes = json_object_get(yes, "causes");
	const char *class;

	assert_int_equal(json_array_size(causes), 2);
	class = json_string_value(json_object_get(json_array_get(causes, 0), "class"));
	assert_string_equal(class, "vmm");
	assert_int_equal(int_of(json_array_get(causes, 1), "told_ns"), 20 * MS);
	causes = json_object_get(no, "causes");
	class = json_string_value(json_object_get(json_array_get(causes, 0), "class"));
	assert_string_equal(class, "current");
	json_decref(yes);
	json_decref(no);
}

/* A guest that takes no samples for thousands of switches: the newest are kept, nothing breaks. */
static void more_switches_than_are_kept(void **state)
{
	struct steal_detail *d = steal_detail_new(START, END);
	struct pvtb_sched *sched = calloc(1, sizeof(*sched));
	struct pvtb_steal_result *res = calloc(1, sizeof(*res));
	struct steal_measured *m = calloc(1, sizeof(*m));
	json_t *v;

	point(d, 0, 0, 0, 0, 0);
	for (u64 i = 0; i < 500; i++)
		for (u32 k = 0; k < 10; k++)
			interval(d, i, i + 1, PVTB_SCHED_PREEMPTED, 10 + k);
	point(d, 600, 600, 5000 * (s64)MS, 0, 0);
	took(sched, 10, 500 * MS, 500);
	v = steal_detail_json(d, 0, m, sched, res, true);
	/* 1024 of 5000 were kept: 102 or 103 of each, and the growth is theirs */
	assert_in_range(int_of(json_array_get(json_object_get(v, "preemptors"), 0), "span_ns"),
			102 * MS, 103 * MS);
	assert_in_range(int_of(json_array_get(json_object_get(v, "preemptors"), 0), "told_ns"),
			498 * MS, 503 * MS);
	json_decref(v);
	steal_detail_free(d);
	free(sched);
	free(res);
	free(m);
}

static struct pvtb_result *example(void)
{
	struct pvtb_result *r = pvtb_result_new("pvtb run steal", "quick");
	struct pvtb_bench_result *b =
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "steal", "stolen time");
	struct pvtb_variant_result *v;

	v = pvtb_bench_add_variant(b, "one", "a scenario");
	v->detail =
		json_pack("{s:{s:[o, o]}}", "stolen", "vcpus", vcpu_json(true), vcpu_json(true));
	v = pvtb_bench_add_variant(b, "two", "another");
	v->detail = json_pack("{s:{s:[o]}}", "stolen", "vcpus", vcpu_json(false));
	pvtb_bench_add_variant(b, "skipped", "none");
	assert_int_equal(steal_sum_up(b), 0);
	return r;
}

static void scenarios_add_up(void **state)
{
	struct pvtb_result *r = example();
	const json_t *all = json_object_get(r->hosts[0].benches[0].detail, "stolen");
	const json_t *causes = json_object_get(all, "causes"), *row;
	u64 lost = 0;
	size_t i;

	assert_int_equal(int_of(all, "scenarios"), 2);
	assert_int_equal(int_of(all, "wall_ns"), 3 * (u64)(END - START));
	/* in the VMM; in the guest or not; preempted */
	assert_int_equal(json_array_size(causes), 3);
	json_array_foreach (causes, i, row) {
		lost += (u64)int_of(row, "lost_ns");
		if (!strcmp(json_string_value(json_object_get(row, "class")), "preempted")) {
			assert_int_equal(int_of(row, "times"), 12);
			assert_int_equal(int_of(row, "told_ns"), 60 * MS);
			assert_int_equal(int_of(row, "span_ns"), 90 * MS);
		}
	}
	assert_int_equal(lost, 3 * (80 * MS + 1000));
	pvtb_result_free(r);
}

static void nothing_measured_is_nothing_said(void **state)
{
	struct pvtb_result *r = pvtb_result_new("pvtb run steal", "quick");
	struct pvtb_bench_result *b =
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "steal", "stolen time");

	pvtb_bench_add_variant(b, "skipped", "none");
	assert_int_equal(steal_sum_up(b), 0);
	assert_null(b->detail);
	pvtb_result_free(r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_is_given_to_who_had_the_cpu),
		cmocka_unit_test(series_has_the_farthest_of_each_bucket),
		cmocka_unit_test(causes_say_what_was_witnessed),
		cmocka_unit_test(more_switches_than_are_kept),
		cmocka_unit_test(scenarios_add_up),
		cmocka_unit_test(nothing_measured_is_nothing_said),
	};

	if (argc == 3 && !strcmp(argv[1], "--example")) {
		struct pvtb_result *r = example();
		struct pvtb_err err = {};
		int ret = pvtb_result_save(r, argv[2], &err);

		pvtb_result_free(r);
		return ret ? 2 : 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
