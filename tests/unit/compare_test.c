// SPDX-License-Identifier: GPL-2.0-only
/*
 * What compare/ makes of made-up results: pairing, thresholds, verdicts, warnings, and every format
 * against a kept copy (tests/golden/compare-*, rewritten by tests/golden/regenerate.sh, to be read
 * before it is committed). The statistics have a test of their own (shift_test.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <sys/stat.h>

#include "compare/compare.h"
#include "results/samples.h"
#include "report_fixture.h"

#define MANY 8

/* ---- sides made of fixtures ---- */

static void side_add(struct pvtb_compare_side *side, struct pvtb_result *r, const char *dir)
{
	side->runs = realloc(side->runs, (side->nr + 1) * sizeof(*side->runs));
	assert_non_null(side->runs);
	side->runs[side->nr].result = r;
	side->runs[side->nr++].dir = dir ? strdup(dir) : NULL;
}

static struct pvtb_result *lab_result(void)
{
	struct pvtb_result *r = fixture_new("pvtb run -H lab:arm64,deterministic");

	fixture_add_lab(r);
	for (size_t b = 0; b < r->hosts[0].nr_benches; b++)
		for (size_t v = 0; v < r->hosts[0].benches[b].nr_variants; v++) {
			struct pvtb_variant_result *var = &r->hosts[0].benches[b].variants[v];

			for (size_t m = 0; m < var->nr_metrics; m++)
				if (var->metrics[m].kind == PVTB_KIND_TIME)
					var->metrics[m].kind = PVTB_KIND_INSTRUCTIONS;
			pvtb_variant_set_status(var,
						var->status == PVTB_FAIL ? PVTB_OK : var->status,
						"%s", var->why);
		}
	return r;
}

static struct pvtb_variant_result *variant_of(struct pvtb_result *r, const char *bench,
					      const char *variant)
{
	return (struct pvtb_variant_result *)pvtb_host_variant(&r->hosts[0], bench, variant);
}

static void set(struct pvtb_result *r, const char *bench, const char *variant, const char *metric,
		double value)
{
	struct pvtb_metric *m =
		(struct pvtb_metric *)pvtb_variant_metric(variant_of(r, bench, variant), metric);

	assert_non_null(m);
	m->value = value;
}

struct sides {
	struct pvtb_compare_side old, new;
	struct pvtb_compare_opts opts;
	struct pvtb_thresholds thresholds;
	struct pvtb_comparison c;
};

static void sides_init(struct sides *s)
{
	memset(s, 0, sizeof(*s));
	s->opts.alpha = 0.05;
	s->opts.thresholds = &s->thresholds;
	s->opts.fail_on[PVTB_WORSE] = s->opts.fail_on[PVTB_BROKEN] = true;
}

static void sides_free(struct sides *s)
{
	pvtb_comparison_free(&s->c);
	pvtb_compare_side_free(&s->old);
	pvtb_compare_side_free(&s->new);
	pvtb_thresholds_free(&s->thresholds);
}

static void compare(struct sides *s)
{
	struct pvtb_err err = {0};

	pvtb_comparison_free(&s->c);
	if (pvtb_compare(&s->old, &s->new, &s->opts, &s->c, &err))
		fail_msg("%s: %s", err.what, err.why);
}

static const struct pvtb_compare_row *row_of(const struct sides *s, const char *variant,
					     const char *metric)
{
	for (size_t i = 0; i < s->c.nr_rows; i++) {
		const struct pvtb_compare_row *r = &s->c.rows[i];

		if (!strcmp(r->variant, variant) &&
		    (metric ? r->metric && !strcmp(r->metric, metric) : !r->metric))
			return r;
	}
	fail_msg("no row for %s.%s", variant, metric ? metric : "(whole)");
	return NULL;
}

/* ---- native runs with samples ---- */

static u64 state;

static double uniform(void)
{
	u64 z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static char root[] = "/tmp/pvtb-compare.XXXXXX";

static void save_samples(const char *path, double base, double noise, size_t n)
{
	json_t *d = json_pack("{s:s}", "variant", "synthetic");
	struct pvtb_samples_writer *w;
	s64 v[4096];

	for (size_t i = 0; i < n; i++)
		v[i] = (s64)(base + noise * (uniform() + uniform() + uniform() - 1.5) + uniform());
	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), d, 1, &w, NULL),
			 0);
	assert_int_equal(pvtb_samples_write(w, v, n, NULL), 0);
	assert_int_equal(pvtb_samples_finish(w, NULL), 0);
	json_decref(d);
}

/* One run: a fast read, another the same however it is changed, and one too noisy to tell. */
static void add_native(struct pvtb_compare_side *side, unsigned int nr, double factor, u64 hz)
{
	static const char *const names[] = {"rdtsc", "pvclock", "noisy"};
	static const double base[] = {20, 560, 4000}, noise[] = {2, 12, 3000};
	struct pvtb_result *r = fixture_new("pvtb run");
	struct pvtb_host_result *h = fixture_host(r, "native", "x86_64", "SVM", hz);
	struct pvtb_bench_result *b = pvtb_host_add_bench(h, "counter_read", "synthetic");
	char dir[128], path[256], file[64];

	snprintf(dir, sizeof(dir), "%s/%c%u", root, side->nr ? 'b' : 'a', nr);
	mkdir(dir, 0755);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(names); i++) {
		double by = (i == 1 ? factor : 1) * (double)hz / 1e9;
		struct pvtb_variant_result *v = pvtb_bench_add_variant(b, names[i], "synthetic");

		snprintf(file, sizeof(file), "%s-%u.zst", names[i], nr);
		snprintf(path, sizeof(path), "%s/%s", dir, file);
		save_samples(path, base[i] * by, noise[i] * by, i == 2 ? 200 : 2000);
		pvtb_variant_add_file(v, "samples.single", file);
		fixture_metric(v, "p50", PVTB_UNIT_TICKS, base[i] * by, 2000);
		fixture_metric(v, "p99", PVTB_UNIT_TICKS, (base[i] + noise[i]) * by, 2000);
		pvtb_variant_add_metric(v, "batch.corrected", PVTB_UNIT_TICKS, PVTB_KIND_TIME,
					PVTB_LOWER_IS_BETTER, (base[i] - 5 + uniform() / 50) * by,
					(base[i] - 5.1) * by, (base[i] - 4.9) * by, 200);
		pvtb_variant_set_status(v, PVTB_OK, "%s", "");
	}
	side_add(side, r, dir);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	return remove(path);
}

static int group_setup(void **unused)
{
	return mkdtemp(root) ? 0 : -1;
}

static int group_teardown(void **unused)
{
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- exact ---- */

static void one_instruction(void **unused)
{
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	compare(&s);
	assert_false(s.c.failed);
	assert_int_equal(s.c.count[PVTB_SAME], s.c.nr_rows);
	assert_int_equal(s.c.tests, 0);
	set(s.new.runs[0].result, "hypercall", "pv_time_features", "p50", 1753);
	compare(&s);
	assert_true(s.c.failed);
	assert_int_equal(s.c.count[PVTB_WORSE], 1);
	assert_true(row_of(&s, "pv_time_features", "p50")->s.shift == 1);
	/* one less is better, and no failure */
	set(s.new.runs[0].result, "hypercall", "pv_time_features", "p50", 1751);
	compare(&s);
	assert_false(s.c.failed);
	assert_int_equal(row_of(&s, "pv_time_features", "p50")->verdict, PVTB_BETTER);
	/* what the VMM answers has the scheduler in it: half a per cent */
	set(s.new.runs[0].result, "hypercall", "pv_time_lpt", "p50", 8225 * 1.004);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_lpt", "p50")->verdict, PVTB_SAME);
	set(s.new.runs[0].result, "hypercall", "pv_time_lpt", "p50", 8225 * 1.006);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_lpt", "p50")->verdict, PVTB_WORSE);
	sides_free(&s);
}

/* Runs of a side that differ among themselves decide nothing less than their difference. */
static void not_so_exact(void **unused)
{
	struct sides s;

	sides_init(&s);
	for (int i = 0; i < 3; i++) {
		side_add(&s.old, lab_result(), NULL);
		side_add(&s.new, lab_result(), NULL);
		set(s.new.runs[i].result, "hypercall", "unknown_id", "p50", 1740 + 2 * i);
	}
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p50")->verdict, PVTB_UNSURE);
	assert_false(s.c.failed);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "p50", 1741);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p50")->verdict, PVTB_WORSE);
	sides_free(&s);
}

static void thresholds(void **unused)
{
	static const char *const bad[] = {"",	 "x",	"-1",	 "nan",	       "inf", "1e3",
					  "0x1", "1%%", "1.2.3", "hypercall=", "1 2", "%"};
	struct pvtb_err err = {0};
	char path[128];
	struct sides s;
	FILE *f;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	set(s.new.runs[0].result, "hypercall", "pv_time_features", "p50", 1760);
	assert_int_equal(pvtb_thresholds_add(&s.thresholds, "hypercall.*=8", &err), 0);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_features", "p50")->verdict, PVTB_SAME);
	assert_int_equal(pvtb_thresholds_add(&s.thresholds, "*.pv_time_features.p50=7.9", &err), 0);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_features", "p50")->verdict, PVTB_WORSE);
	assert_int_equal(pvtb_thresholds_add(&s.thresholds, "0.5%", &err), 0);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_features", "p50")->verdict, PVTB_SAME);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bad); i++) {
		if (!pvtb_thresholds_add(&s.thresholds, bad[i], &err))
			fail_msg("'%s' was taken for a threshold", bad[i]);
		assert_true(err.hint[0]);
	}
	snprintf(path, sizeof(path), "%s/thresholds", root);
	f = fopen(path, "w");
	fputs("# ours\n\nhypercall.*\t1  # tight\ncounter_read.*  2 %\n", f);
	fclose(f);
	assert_int_equal(pvtb_thresholds_load(&s.thresholds, path, &err), 0);
	assert_int_equal(s.thresholds.nr, 5);
	compare(&s);
	assert_int_equal(row_of(&s, "pv_time_features", "p50")->verdict, PVTB_WORSE);
	f = fopen(path, "a");
	fputs("alone\n", f);
	fclose(f);
	assert_int_equal(pvtb_thresholds_load(&s.thresholds, path, &err), -EINVAL);
	assert_non_null(strstr(err.what, ":5"));
	sides_free(&s);
}

static void missing_and_broken(void **unused)
{
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	pvtb_variant_set_status(variant_of(s.new.runs[0].result, "counter_read", "lpt"), PVTB_SKIP,
				"no LPT here");
	compare(&s);
	assert_int_equal(row_of(&s, "lpt", NULL)->verdict, PVTB_MISSING);
	assert_false(s.c.failed);
	s.opts.fail_on[PVTB_MISSING] = true;
	compare(&s);
	assert_true(s.c.failed);
	pvtb_variant_set_status(variant_of(s.new.runs[0].result, "counter_read", "lpt"), PVTB_FAIL,
				"a law broke");
	s.opts.fail_on[PVTB_MISSING] = false;
	compare(&s);
	assert_int_equal(row_of(&s, "lpt", NULL)->verdict, PVTB_BROKEN);
	assert_true(s.c.failed);
	/* broken before already: nothing got worse, and nothing can be said */
	pvtb_variant_set_status(variant_of(s.old.runs[0].result, "counter_read", "lpt"), PVTB_FAIL,
				"a law broke");
	compare(&s);
	assert_false(s.c.failed);
	sides_free(&s);
}

/* Of three runs one could not be measured, or has lost a metric: the others count. */
static void some_runs_only(void **unused)
{
	struct pvtb_variant_result *v;
	struct sides s;

	sides_init(&s);
	for (int i = 0; i < 3; i++) {
		side_add(&s.old, lab_result(), NULL);
		side_add(&s.new, lab_result(), NULL);
	}
	pvtb_variant_set_status(variant_of(s.old.runs[0].result, "counter_read", "lpt"), PVTB_SKIP,
				"not this time");
	pvtb_variant_set_status(variant_of(s.new.runs[0].result, "counter_read", "lpt"), PVTB_SKIP,
				"not this time");
	compare(&s);
	assert_int_equal(row_of(&s, "lpt", "p50")->s.old_runs, 2);
	assert_int_equal(row_of(&s, "lpt", "p50")->s.new_runs, 2);
	assert_int_equal(s.c.count[PVTB_SAME], s.c.nr_rows);
	for (int i = 0; i < 3; i++) {
		v = variant_of(s.new.runs[i].result, "counter_read", "cntvct");
		for (size_t m = 0; m < v->nr_metrics; m++)
			if (!strcmp(v->metrics[m].name, "p50"))
				fixture_text(&v->metrics[m].name, "p51");
	}
	compare(&s);
	assert_int_equal(row_of(&s, "cntvct", NULL)->verdict, PVTB_MISSING);
	sides_free(&s);
}

static void filters(void **unused)
{
	static const char *const bench[] = {"hypercall"}, *const variant[] = {"hypercall.pv_*"},
				 *const metric[] = {"hypercall.pv_time_lpt.p99.9"},
				 *const none[] = {"nothing"}, *const stats[] = {"p*"},
				 *const native[] = {"native"};
	struct pvtb_err err = {0};
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	s.opts.nr_only = 1;
	s.opts.only = bench;
	compare(&s);
	assert_int_equal(s.c.nr_rows, 11); /* p50, p99, mean; p99.9 but of the VMM's */
	s.opts.only = variant;
	compare(&s);
	assert_int_equal(s.c.nr_rows, 7);
	s.opts.stats = stats;
	s.opts.nr_stats = 1;
	compare(&s);
	assert_int_equal(s.c.nr_rows, 8);
	s.opts.only = metric;
	compare(&s);
	assert_int_equal(s.c.nr_rows, 1);
	s.opts.only = none;
	pvtb_comparison_free(&s.c);
	/* a gate that compares nothing must not pass */
	assert_int_equal(pvtb_compare(&s.old, &s.new, &s.opts, &s.c, &err), -ENODATA);
	s.opts.nr_only = 0;
	s.opts.hosts = native;
	s.opts.nr_hosts = 1;
	assert_int_equal(pvtb_compare(&s.old, &s.new, &s.opts, &s.c, &err), -ENODATA);
	sides_free(&s);
}

/* A path that one op in 64 takes: the median is what it was. */
static void a_tail_is_worse(void **unused)
{
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "p99", 3240);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "p99.9", 3240);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "max", 9640);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "mean", 1763);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p50")->verdict, PVTB_SAME);
	assert_int_equal(row_of(&s, "unknown_id", "p99")->verdict, PVTB_WORSE);
	assert_int_equal(row_of(&s, "unknown_id", "p99.9")->verdict, PVTB_WORSE);
	assert_int_equal(row_of(&s, "unknown_id", "mean")->verdict, PVTB_WORSE);
	assert_true(s.c.failed && row_of(&s, "unknown_id", "mean")->exact);
	/* also where it is the worst of all: no interrupt is in p99 */
	set(s.new.runs[0].result, "hypercall", "unknown_id", "max", 3240);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p99.9")->verdict, PVTB_WORSE);
	sides_free(&s);
}

/* Two interrupts more or less are in a mean, and no difference of the operation. */
static void interrupts_are_no_difference(void **unused)
{
	struct pvtb_metric *max;
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	set(s.old.runs[0].result, "hypercall", "unknown_id", "max", 1740);
	set(s.old.runs[0].result, "hypercall", "unknown_id", "mean", 1740);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "max", 7740);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "mean", 1741);
	max = (struct pvtb_metric *)pvtb_variant_metric(
		variant_of(s.new.runs[0].result, "hypercall", "unknown_id"), "max");
	max->n = 10000;
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "mean")->verdict, PVTB_SAME);
	set(s.new.runs[0].result, "hypercall", "unknown_id", "mean", 1742);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "mean")->verdict, PVTB_WORSE);
	/* two of a thousand samples were interrupted: p99.9 is one of them */
	set(s.new.runs[0].result, "hypercall", "unknown_id", "p99.9", 7640);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p99.9")->verdict, PVTB_SAME);
	/* a slower path of the operation is nearer to its median */
	set(s.new.runs[0].result, "hypercall", "unknown_id", "p99.9", 2514);
	compare(&s);
	assert_int_equal(row_of(&s, "unknown_id", "p99.9")->verdict, PVTB_WORSE);
	sides_free(&s);
}

static void skip_all(struct pvtb_result *r)
{
	for (size_t b = 0; b < r->hosts[0].nr_benches; b++)
		for (size_t v = 0; v < r->hosts[0].benches[b].nr_variants; v++)
			pvtb_variant_set_status(&r->hosts[0].benches[b].variants[v], PVTB_SKIP,
						"not here");
}

/* Whatever the reason: what looked at nothing has not passed. */
static void nothing_compared_is_no_pass(void **unused)
{
	static const char *const nowhere[] = {"hypercall.unknown_id.p42"}, *const some[] = {
										   "hypercall",
										   "hypercal"};
	struct pvtb_err err = {0};
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	compare(&s);
	assert_int_equal(pvtb_compare_nothing(&s.c, &err), 0);
	/* all of it is missing now */
	skip_all(s.new.runs[0].result);
	compare(&s);
	assert_true(s.c.nr_rows > 0 && s.c.count[PVTB_MISSING] == s.c.nr_rows);
	assert_int_equal(pvtb_compare_nothing(&s.c, &err), -ENODATA);
	assert_true(err.why[0] && err.hint[0]);
	/* where that fails, it has failed */
	s.opts.fail_on[PVTB_MISSING] = true;
	compare(&s);
	assert_int_equal(pvtb_compare_nothing(&s.c, &err), 0);
	s.opts.fail_on[PVTB_MISSING] = false;
	/* a new side with nothing in it */
	pvtb_comparison_free(&s.c);
	pvtb_result_free(s.new.runs[0].result);
	s.new.runs[0].result = fixture_new("pvtb run");
	compare(&s);
	assert_int_equal(pvtb_compare_nothing(&s.c, &err), -ENODATA);
	/* names that are nowhere, alone and beside one that is somewhere */
	pvtb_comparison_free(&s.c);
	pvtb_result_free(s.new.runs[0].result);
	s.new.runs[0].result = lab_result();
	s.opts.only = nowhere;
	s.opts.nr_only = 1;
	assert_int_equal(pvtb_compare(&s.old, &s.new, &s.opts, &s.c, &err), -ENODATA);
	s.opts.only = some;
	s.opts.nr_only = 2;
	assert_int_equal(pvtb_compare(&s.old, &s.new, &s.opts, &s.c, &err), -ENODATA);
	assert_string_equal(err.what, "hypercal");
	s.opts.nr_only = 1;
	compare(&s);
	sides_free(&s);
}

/* An older baseline holds less than is judged today: compared as far as it goes, and said. */
static void less_in_the_old_side(void **unused)
{
	struct pvtb_variant_result *v;
	struct sides s;
	bool said = false;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	v = variant_of(s.old.runs[0].result, "hypercall", "unknown_id");
	for (size_t m = 0; m < v->nr_metrics; m++)
		if (!strcmp(v->metrics[m].name, "p99"))
			fixture_text(&v->metrics[m].name, "p98");
	compare(&s);
	for (size_t i = 0; i < s.c.nr_warnings; i++)
		said |= strstr(s.c.warnings[i], "lacks 1 metric") != NULL;
	assert_true(said && !s.c.failed);
	sides_free(&s);
}

/* Ticks that are instructions on one side and time on the other are not one metric. */
static void of_one_kind_only(void **unused)
{
	struct pvtb_metric *m;
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	m = (struct pvtb_metric *)pvtb_variant_metric(
		variant_of(s.new.runs[0].result, "hypercall", "unknown_id"), "p50");
	m->kind = PVTB_KIND_TIME;
	m->value = 60;
	compare(&s);
	assert_int_equal(s.c.count[PVTB_MISSING], 1);
	assert_int_equal(s.c.count[PVTB_BETTER], 0);
	assert_non_null(strstr(row_of(&s, "unknown_id", NULL)->why, "kinds"));
	m->kind = PVTB_KIND_INSTRUCTIONS;
	m->direction = PVTB_HIGHER_IS_BETTER;
	compare(&s);
	assert_non_null(strstr(row_of(&s, "unknown_id", NULL)->why, "directions"));
	m->direction = PVTB_LOWER_IS_BETTER;
	m->unit = PVTB_UNIT_NS;
	compare(&s);
	assert_non_null(strstr(row_of(&s, "unknown_id", NULL)->why, "units"));
	sides_free(&s);
}

/* ---- hosts ---- */

static void kernels_are_what_is_compared(void **unused)
{
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	fixture_text(&s.old.runs[0].result->hosts[0].host,
		     "lab:arm64,deterministic,kernel=/a/Image");
	fixture_text(&s.new.runs[0].result->hosts[0].host, "lab:arm64,kernel=/b,deterministic");
	fixture_text(&s.new.runs[0].result->hosts[0].kernel, "6.13.0-synthetic");
	compare(&s);
	assert_int_equal(s.c.nr_warnings, 0);
	assert_string_equal(s.c.rows[0].host_name, "lab:arm64,deterministic");
	assert_string_equal(s.c.old_name, "6.12.0-synthetic");
	assert_string_equal(s.c.new_name, "6.13.0-synthetic");
	/* one host on each side is compared with the other, and it is said */
	fixture_text(&s.new.runs[0].result->hosts[0].host, "lab:arm64,nvhe,deterministic");
	compare(&s);
	assert_int_equal(s.c.nr_warnings, 1);
	sides_free(&s);
}

static bool warned(const struct sides *s, const char *word)
{
	for (size_t i = 0; i < s->c.nr_warnings; i++)
		if (strstr(s->c.warnings[i], word))
			return true;
	return false;
}

static void environments_that_differ(void **unused)
{
	struct pvtb_host_result *a, *b;
	struct sides s;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	a = &s.old.runs[0].result->hosts[0];
	b = &s.new.runs[0].result->hosts[0];
	json_decref(a->environment);
	json_decref(b->environment);
	a->environment = json_pack("{s:{s:s}, s:{s:[{s:s},{s:s}]}, s:{s:s, s:s}, s:{s:s, s:s}}",
				   "cpu", "model", "one", "cpufreq", "policies", "governor",
				   "powersave", "governor", "powersave", "mitigations", "meltdown",
				   "Mitigation: PTI", "gone", "x", "system", "version",
				   "#1 SMP PREEMPT_DYNAMIC", "release", "a");
	b->environment = json_pack(
		"{s:{s:s}, s:{s:[{s:s},{s:s}]}, s:{s:s, s:{s:n, s:s}}, s:{s:s, s:s}}", "cpu",
		"model", "two", "cpufreq", "policies", "governor", "performance", "governor",
		"performance", "mitigations", "meltdown", "Vulnerable", "gone", "value", "why", "x",
		"system", "version", "#7 SMP PREEMPT_RT", "release", "b");
	b->witnessed = false;
	compare(&s);
	assert_true(warned(&s, "cpu.model differs: one, now two"));
	assert_true(warned(&s, "powersave") && warned(&s, "mitigations.meltdown"));
	assert_true(warned(&s, "PREEMPT_RT") && warned(&s, "traced"));
	assert_int_equal(s.c.nr_warnings, 5);
	sides_free(&s);
}

/* {"kernel_config": {"hash": .., "options": {NAME: value}}} */
static void configure(struct pvtb_host_result *h, const char *hash, json_t *options)
{
	json_decref(h->environment);
	h->environment = json_pack("{s:{s:s, s:o}, s:{s:s}}", "kernel_config", "hash", hash,
				   "options", options, "system", "version", "#1 SMP PREEMPT_RT");
}

static void kernel_configurations_that_differ(void **unused)
{
	static const char *const many[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
	struct pvtb_host_result *a, *b;
	struct sides s;
	json_t *options;

	sides_init(&s);
	side_add(&s.old, lab_result(), NULL);
	side_add(&s.new, lab_result(), NULL);
	a = &s.old.runs[0].result->hosts[0];
	b = &s.new.runs[0].result->hosts[0];
	configure(a, "1", json_pack("{s:s, s:s}", "HZ", "250", "PREEMPT", "y"));
	configure(b, "2", json_pack("{s:s, s:s}", "HZ", "1000", "KASAN", "y"));
	compare(&s);
	assert_true(warned(&s, "kernel configuration differs: HZ=250, now 1000; PREEMPT=y, now n; "
			       "KASAN=n, now y"));
	assert_int_equal(s.c.nr_warnings, 1);
	pvtb_comparison_free(&s.c);
	/* the same but for what is known by its hash only: said of one kernel, not of two */
	configure(b, "2", json_pack("{s:s, s:s}", "HZ", "250", "PREEMPT", "y"));
	compare(&s);
	assert_true(warned(&s, "no option known to matter"));
	pvtb_comparison_free(&s.c);
	fixture_text(&b->kernel, "6.13.0-synthetic");
	compare(&s);
	assert_int_equal(s.c.nr_warnings, 0);
	pvtb_comparison_free(&s.c);
	/* many: the rest is counted */
	options = json_object();
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(many); i++)
		json_object_set_new(options, many[i], json_string("y"));
	configure(b, "3", options);
	compare(&s);
	assert_true(warned(&s, "D=n, now y; 4 more"));
	/* without a record on one side, what the kernel tells of itself: nothing differs in that */
	pvtb_comparison_free(&s.c);
	json_object_del(a->environment, "kernel_config");
	compare(&s);
	assert_int_equal(s.c.nr_warnings, 0);
	sides_free(&s);
}

/* ---- time ---- */

static void fill_native(struct sides *s, unsigned int runs, double factor, u64 new_hz)
{
	state = 42;
	sides_init(s);
	for (unsigned int i = 0; i < runs; i++) {
		add_native(&s->old, 2 * i, 1, 2000000000);
		add_native(&s->new, 2 * i + 1, factor, new_hz);
	}
	compare(s);
}

static void time_by_samples(void **unused)
{
	struct sides s;

	fill_native(&s, MANY, 0.94, 2000000000);
	assert_int_equal(row_of(&s, "rdtsc", "p50")->verdict, PVTB_SAME);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_BETTER);
	assert_int_equal(row_of(&s, "noisy", "p50")->verdict, PVTB_UNSURE);
	assert_true(row_of(&s, "noisy", "p50")->needed_runs > MANY);
	assert_int_equal(s.c.tests, s.c.nr_rows);
	sides_free(&s);
	fill_native(&s, MANY, 1.06, 2000000000);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_WORSE);
	assert_true(s.c.failed);
	assert_true(fabs(row_of(&s, "pvclock", "p50")->s.shift - 560 * 2 * 0.06) < 2);
	/* without the files the intervals in the results have to do */
	for (size_t i = 0; i < s.new.nr; i++) {
		free(s.new.runs[i].dir);
		s.new.runs[i].dir = NULL;
	}
	compare(&s);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_WORSE);
	sides_free(&s);
}

/* The same nanoseconds by two counters: compared as time, and nobody is faster. */
static void other_counters(void **unused)
{
	struct sides s;

	fill_native(&s, MANY, 1, 3000000000);
	assert_int_equal(row_of(&s, "pvclock", "p50")->unit, PVTB_UNIT_NS);
	assert_true(fabs(row_of(&s, "pvclock", "p50")->s.old_value - 560) < 3);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_SAME);
	assert_true(warned(&s, "counter runs at"));
	sides_free(&s);
}

/* One run whose only operation takes @ns, read by a counter of @hz that moves in steps of @step ticks. */
static void add_coarse(struct pvtb_compare_side *side, unsigned int nr, double ns, u64 hz, s64 step)
{
	struct pvtb_result *r = fixture_new("pvtb run");
	struct pvtb_host_result *h = fixture_host(r, "native", "x86_64", "SVM", hz);
	struct pvtb_bench_result *b = pvtb_host_add_bench(h, "counter_read", "synthetic");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(b, "coarse", "synthetic");
	json_t *d = json_pack("{s:s}", "variant", "synthetic");
	double step_ns = (double)step / (double)hz * 1e9;
	struct pvtb_samples_writer *w;
	char dir[128], path[256];
	s64 t[4000];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++)
		t[i] = step * (s64)floor((ns + uniform()) / step_ns + uniform());
	snprintf(dir, sizeof(dir), "%s/coarse%u", root, nr);
	mkdir(dir, 0755);
	snprintf(path, sizeof(path), "%s/coarse.zst", dir);
	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), d, 1, &w, NULL),
			 0);
	assert_int_equal(pvtb_samples_write(w, t, PVTB_ARRAY_SIZE(t), NULL), 0);
	assert_int_equal(pvtb_samples_finish(w, NULL), 0);
	json_decref(d);
	pvtb_variant_add_file(v, "samples.single", "coarse.zst");
	fixture_metric(v, "p50", PVTB_UNIT_TICKS, (double)t[0], PVTB_ARRAY_SIZE(t));
	pvtb_variant_set_status(v, PVTB_OK, "%s", "");
	side_add(side, r, dir);
}

/* A tick that is not a whole number of picoseconds, and is another one on each side, as the TSC's is after
 * each boot: nobody is faster by it, and nothing hides in it. */
static void ticks_of_two_counters(void **unused)
{
	static const struct {
		double old_ns, new_ns;
		u64 old_hz, new_hz;
		s64 step;
		enum pvtb_verdict verdict;
	} cases[] = {
		{50, 50, 25000000, 24000000, 1, PVTB_UNSURE},
		{50, 50, 3400000000, 3400001000, 34, PVTB_SAME},
		{50, 52, 3400000000, 3400000000, 34, PVTB_WORSE},
		{50, 52, 3400000000, 3400001000, 34, PVTB_WORSE},
		{52, 50, 3400001000, 3400000000, 34, PVTB_BETTER},
		{119, 121, 25000000, 25000000, 1, PVTB_WORSE},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		double shift = cases[i].new_ns - cases[i].old_ns;
		const struct pvtb_compare_row *row;
		struct sides s;

		state = i;
		sides_init(&s);
		add_coarse(&s.old, 0, cases[i].old_ns, cases[i].old_hz, cases[i].step);
		add_coarse(&s.new, 1, cases[i].new_ns, cases[i].new_hz, cases[i].step);
		compare(&s);
		row = row_of(&s, "coarse", "p50");
		if (row->unit == PVTB_UNIT_TICKS)
			shift *= (double)cases[i].old_hz / 1e9;
		if (row->verdict != cases[i].verdict)
			fail_msg("%g against %g ns, %llu against %llu Hz: verdict %d",
				 cases[i].old_ns, cases[i].new_ns,
				 (unsigned long long)cases[i].old_hz,
				 (unsigned long long)cases[i].new_hz, row->verdict);
		if (row->s.low > shift || row->s.high < shift)
			fail_msg("%g against %g ns: %g to %g", cases[i].old_ns, cases[i].new_ns,
				 row->s.low, row->s.high);
		sides_free(&s);
	}
}

/* An old result may not know its counter's frequency: no reason to die, nor to compare. */
static void a_counter_of_unknown_frequency(void **unused)
{
	static const u64 hz[] = {1, 1ULL << 62};
	struct pvtb_err err = {0};
	struct sides s;

	fill_native(&s, 1, 1, 2000000000);
	s.new.runs[0].result->hosts[0].counter_hz = 0;
	compare(&s);
	assert_int_equal(s.c.compared, 0);
	assert_non_null(strstr(s.c.rows[0].why, "frequency"));
	assert_int_equal(pvtb_compare_nothing(&s.c, &err), -ENODATA);
	/* unknown on both sides: ticks are ticks */
	s.old.runs[0].result->hosts[0].counter_hz = 0;
	compare(&s);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_SAME);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(hz); i++) {
		s.old.runs[0].result->hosts[0].counter_hz = hz[i];
		s.new.runs[0].result->hosts[0].counter_hz = 2000000000;
		compare(&s);
		assert_true(s.c.compared > 0);
	}
	sides_free(&s);
}

/* Values and samples are those of the same runs, whichever run lacks the metric. */
static void runs_are_paired(void **unused)
{
	struct pvtb_variant_result *v;
	struct sides s;

	state = 42;
	sides_init(&s);
	for (unsigned int i = 0; i < 3; i++) {
		add_native(&s.old, 2 * i, i ? 1 : 3, 2000000000);
		add_native(&s.new, 2 * i + 1, 1, 2000000000);
	}
	/* the first old run is three times as slow, and has no p50 of it */
	v = variant_of(s.old.runs[0].result, "counter_read", "pvclock");
	for (size_t m = 0; m < v->nr_metrics; m++)
		if (!strcmp(v->metrics[m].name, "p50"))
			fixture_text(&v->metrics[m].name, "p51");
	/* metrics are those of the first run of a side: let that be one that has it */
	struct pvtb_compare_run first = s.old.runs[0];

	s.old.runs[0] = s.old.runs[1];
	s.old.runs[1] = first;
	compare(&s);
	assert_int_equal(row_of(&s, "pvclock", "p50")->s.old_runs, 2);
	assert_true(fabs(row_of(&s, "pvclock", "p50")->s.old_value - 1120) < 10);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_SAME);
	sides_free(&s);
}

/* An old result's interval of a median takes samples for independent: without the samples nothing
 * is made of it; a centre with an interval over stretches of the run is compared. */
static void without_samples(void **unused)
{
	struct pvtb_variant_result *v;
	struct sides s;

	fill_native(&s, 1, 1.1, 2000000000);
	free(s.old.runs[0].dir);
	s.old.runs[0].dir = NULL;
	for (int side = 0; side < 2; side++) {
		v = variant_of((side ? &s.new : &s.old)->runs[0].result, "counter_read", "pvclock");
		for (size_t m = 0; m < v->nr_metrics; m++)
			if (!strcmp(v->metrics[m].name, "p50")) {
				v->metrics[m].low = v->metrics[m].value - 0.1;
				v->metrics[m].high = v->metrics[m].value + 0.1;
			}
	}
	v = variant_of(s.old.runs[0].result, "counter_read", "pvclock");
	compare(&s);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_UNSURE);
	assert_non_null(strstr(row_of(&s, "pvclock", "p50")->why, "--update"));
	pvtb_variant_add_metric(v, "centre", PVTB_UNIT_TICKS, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER,
				1120, 1119, 1121, 2000);
	compare(&s);
	assert_int_equal(row_of(&s, "pvclock", "p50")->verdict, PVTB_WORSE);
	sides_free(&s);
}

static void cut_samples_are_an_error(void **unused)
{
	struct pvtb_err err = {0};
	struct sides s;
	char path[256];

	fill_native(&s, 1, 1, 2000000000);
	pvtb_comparison_free(&s.c);
	snprintf(path, sizeof(path), "%s/rdtsc-0.zst", s.old.runs[0].dir);
	assert_int_equal(truncate(path, 100), 0);
	assert_true(pvtb_compare(&s.old, &s.new, &s.opts, &s.c, &err) < 0);
	assert_non_null(strstr(err.what, "rdtsc-0.zst"));
	sides_free(&s);
}

/* ---- baselines ---- */

/* Only what is judged, what that needs, and what can move it, no kernel's path, nothing of the run; and it compares as
 * the result would. */
static void baselines(void **unused)
{
	const json_t *cpu;
	struct pvtb_result *base, *r = lab_result();
	struct pvtb_err err = {0};
	struct sides s;
	char path[128];

	fixture_text(&r->hosts[0].host, "lab:arm64,deterministic,kernel=/a/Image");
	configure(&r->hosts[0], "1", json_pack("{s:s}", "HZ", "250"));
	json_object_set_new(r->hosts[0].environment, "cpu",
			    json_pack("{s:s, s:i}", "model", "one", "temperature", 42));
	sides_init(&s);
	side_add(&s.new, r, NULL);
	assert_int_equal(pvtb_baseline_of(r, &s.opts, "synthetic", &base, &err), 0);
	assert_string_equal(base->hosts[0].host, "lab:arm64,deterministic");
	assert_int_equal(json_object_size(base->hosts[0].environment), 3);
	cpu = json_object_get(base->hosts[0].environment, "cpu");
	assert_string_equal(json_string_value(json_object_get(cpu, "model")), "one");
	assert_int_equal(json_object_size(cpu), 1);
	assert_int_equal(base->hosts[0].benches[0].nr_variants, 4); /* without the skipped one */
	/* p50, p99, p99.9, mean, and max, which says how much interrupts are in a mean */
	assert_int_equal(base->hosts[0].benches[0].variants[0].nr_metrics, 5);
	snprintf(path, sizeof(path), "%s/baseline.json", root);
	assert_int_equal(pvtb_result_save(base, path, &err), 0);
	pvtb_result_free(base);
	assert_int_equal(pvtb_compare_side_load(&s.old, path, &err), 0);
	compare(&s);
	assert_int_equal(s.c.count[PVTB_SAME], 26);
	assert_int_equal(s.c.nr_rows, 26);
	assert_int_equal(s.c.nr_warnings, 0);
	set(r, "hypercall", "unknown_id", "p50", 1741);
	configure(&r->hosts[0], "2", json_pack("{s:s, s:s}", "HZ", "250", "KASAN", "y"));
	pvtb_comparison_free(&s.c);
	compare(&s);
	assert_int_equal(s.c.count[PVTB_WORSE], 1);
	assert_true(warned(&s, "KASAN=n, now y"));
	sides_free(&s);
}

static void a_baseline_of_nothing(void **unused)
{
	struct pvtb_result *base, *r = fixture_new("pvtb run");
	struct pvtb_compare_opts o = {0};
	struct pvtb_err err = {0};

	fixture_host(r, "native", "arm64", "VHE", 1000000000);
	assert_int_equal(pvtb_baseline_of(r, &o, "synthetic", &base, &err), -ENODATA);
	pvtb_result_free(r);
}

/* ---- formats ---- */

static char *written(const struct sides *s, enum pvtb_compare_format format,
		     enum pvtb_compare_by by)
{
	struct pvtb_err err = {0};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(pvtb_compare_write(&s->c, format, by, f, &err), 0);
	fclose(f);
	return text;
}

static void check_golden(const char *name, const char *now)
{
	char path[128], *kept = calloc(1, 1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/compare-%s.txt", name);
	if (getenv("PVTB_GOLDEN_UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(now, f);
		fclose(f);
	}
	f = fopen(path, "r");
	if (f) {
		size_t n = fread(kept, 1, (1 << 20) - 1, f);

		kept[n] = '\0';
		fclose(f);
	}
	for (size_t i = 0, line = 1; kept[i] || now[i]; i++) {
		if (kept[i] != now[i])
			fail_msg("%s:%zu differs: now %.60s", path, line, now + i);
		line += now[i] == '\n';
	}
	free(kept);
}

static void mixed(struct sides *s)
{
	struct pvtb_result *r = lab_result();

	sides_init(s);
	side_add(&s->old, lab_result(), NULL);
	side_add(&s->new, r, NULL);
	set(r, "hypercall", "pv_time_features", "p50", 1755);
	set(r, "counter_read", "lpt", "p50", 15);
	pvtb_variant_set_status(variant_of(r, "counter_read", "cntpct_trapped"), PVTB_SKIP,
				"the guest has FEAT_ECV: the read does not trap");
	pvtb_variant_set_status(variant_of(r, "hypercall", "unknown_id"), PVTB_FAIL,
				"9998 exits for 10000 ops");
	fixture_text(&r->hosts[0].kernel, "6.13.0-synthetic");
	compare(s);
}

static void golden(void **unused)
{
	char name[64], *text;
	struct sides s;

	mixed(&s);
	for (int f = 0; pvtb_compare_formats[f]; f++) {
		text = written(&s, (enum pvtb_compare_format)f, PVTB_BY_BENCH);
		snprintf(name, sizeof(name), "lab.%s", pvtb_compare_formats[f]);
		check_golden(name, text);
		free(text);
	}
	text = written(&s, PVTB_COMPARE_TEXT, PVTB_BY_HOST);
	check_golden("lab.by-host", text);
	free(text);
	sides_free(&s);
	fill_native(&s, MANY, 0.94, 2000000000);
	text = written(&s, PVTB_COMPARE_TEXT, PVTB_BY_BENCH);
	check_golden("native.text", text);
	free(text);
	sides_free(&s);
	fill_native(&s, 1, 1.06, 2000000000);
	text = written(&s, PVTB_COMPARE_TEXT, PVTB_BY_STAT);
	check_golden("single.by-stat", text);
	free(text);
	sides_free(&s);
}

static double normal(void)
{
	return sqrt(-2 * log(uniform() + 1e-18)) * cos(2 * M_PI * uniform());
}

/* @n runs a side whose only metric differs from run to run by 1 %, and between the sides by @by. */
static void fill_values(struct sides *s, size_t n, double by)
{
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < n; i++) {
			struct pvtb_result *r = fixture_new("pvtb run");
			struct pvtb_host_result *h =
				fixture_host(r, "native", "x86_64", "SVM", 1000000000);
			struct pvtb_bench_result *b = pvtb_host_add_bench(h, "bench", "synthetic");
			struct pvtb_variant_result *v =
				pvtb_bench_add_variant(b, "variant", "synthetic");

			fixture_metric(v, "cost", PVTB_UNIT_NS,
				       1000 * (1 + 0.01 * normal() + (side ? by : 0)), 1);
			pvtb_variant_set_status(v, PVTB_OK, "%s", "");
			side_add(side ? &s->new : &s->old, r, NULL);
		}
	compare(s);
}

/* Who measures as often as is said gets an answer, as a rule: of sides that are equal, and of some that
 * are not. */
static void advice_settles(void **unused)
{
	static const double by[] = {0, 0.02, 0.05};

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(by); k++) {
		unsigned int asked = 0, settled = 0;

		for (u64 i = 0; i < 200; i++) {
			struct sides s;
			size_t needed;

			state = 1000 * k + i;
			sides_init(&s);
			fill_values(&s, 5, by[k]);
			needed = s.c.rows[0].verdict == PVTB_UNSURE ? s.c.rows[0].needed_runs : 0;
			sides_free(&s);
			if (!needed || needed > 64)
				continue;
			sides_init(&s);
			fill_values(&s, needed, by[k]);
			asked++;
			settled += s.c.rows[0].verdict != PVTB_UNSURE;
			sides_free(&s);
		}
		print_message("differ by %g %%: %u advised, %u settled by it\n", 100 * by[k], asked,
			      settled);
		assert_true(settled >= 0.75 * asked);
	}
}

/* An interval that reaches further up than down is shown as it is. */
static void lopsided_intervals(void **unused)
{
	struct pvtb_compare_row *row;
	struct sides s;
	char *text;

	fill_native(&s, MANY, 0.94, 2000000000);
	row = (struct pvtb_compare_row *)row_of(&s, "pvclock", "p50");
	row->s.shift = row->s.old_value * 0.017;
	row->s.low = row->s.old_value * 0.004;
	row->s.high = row->s.old_value * 0.036;
	text = written(&s, PVTB_COMPARE_TEXT, PVTB_BY_BENCH);
	assert_non_null(strstr(text, "+1.7 % -1.3 +1.9"));
	free(text);
	sides_free(&s);
}

static void fits_a_mail(void **unused)
{
	struct sides s;
	char *text, *line, *save;

	mixed(&s);
	for (int by = 0; pvtb_compare_bys[by]; by++) {
		text = written(&s, PVTB_COMPARE_TEXT, (enum pvtb_compare_by)by);
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			if (strlen(line) > PVTB_COMPARE_COLUMNS)
				fail_msg("%zu columns: %s", strlen(line), line);
			for (const char *c = line; *c; c++)
				assert_true(*c >= ' ' && *c <= '~');
			assert_true(line[strlen(line) - 1] != ' ');
		}
		free(text);
	}
	sides_free(&s);
}

static void machine_formats_parse(void **unused)
{
	json_error_t je;
	struct sides s;
	json_t *root_json;
	char *text;

	mixed(&s);
	text = written(&s, PVTB_COMPARE_JSON, PVTB_BY_BENCH);
	root_json = json_loads(text, 0, &je);
	assert_non_null(root_json);
	assert_int_equal(json_array_size(json_object_get(root_json, "rows")), s.c.nr_rows);
	assert_true(json_is_true(json_object_get(root_json, "failed")));
	json_decref(root_json);
	free(text);
	text = written(&s, PVTB_COMPARE_KCIDB, PVTB_BY_BENCH);
	root_json = json_loads(text, 0, &je);
	assert_non_null(root_json);
	assert_int_equal(json_array_size(json_object_get(root_json, "tests")), s.c.nr_rows);
	json_decref(root_json);
	free(text);
	sides_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_instruction),
		cmocka_unit_test(not_so_exact),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(missing_and_broken),
		cmocka_unit_test(some_runs_only),
		cmocka_unit_test(filters),
		cmocka_unit_test(a_tail_is_worse),
		cmocka_unit_test(interrupts_are_no_difference),
		cmocka_unit_test(nothing_compared_is_no_pass),
		cmocka_unit_test(less_in_the_old_side),
		cmocka_unit_test(of_one_kind_only),
		cmocka_unit_test(a_counter_of_unknown_frequency),
		cmocka_unit_test(runs_are_paired),
		cmocka_unit_test(without_samples),
		cmocka_unit_test(advice_settles),
		cmocka_unit_test(lopsided_intervals),
		cmocka_unit_test(kernels_are_what_is_compared),
		cmocka_unit_test(environments_that_differ),
		cmocka_unit_test(kernel_configurations_that_differ),
		cmocka_unit_test(time_by_samples),
		cmocka_unit_test(other_counters),
		cmocka_unit_test(ticks_of_two_counters),
		cmocka_unit_test(cut_samples_are_an_error),
		cmocka_unit_test(baselines),
		cmocka_unit_test(a_baseline_of_nothing),
		cmocka_unit_test(golden),
		cmocka_unit_test(fits_a_mail),
		cmocka_unit_test(machine_formats_parse),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
