// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: two results compared, and a baseline made of one. Parts: the old result, the new
 * one (none: the old one again), thresholds, records of the samples both name.
 */
#include "compare/compare.h"
#include "fuzz.h"
#include "report_fixture.h"

FUZZ_JSON_MUTATOR

static void write_all(const struct pvtb_comparison *c)
{
	FILE *sink = fuzz_sink();
	struct pvtb_err err = {};

	for (unsigned int f = 0; pvtb_compare_formats[f]; f++)
		for (unsigned int by = 0; pvtb_compare_bys[by]; by++)
			if (pvtb_compare_write(c, f, by, sink, &err))
				fuzz_must(err.why[0]);
	fclose(sink);
}

static void make_baseline(const struct pvtb_result *r, const struct pvtb_compare_opts *opts)
{
	struct pvtb_result *base = NULL, *again = NULL;
	struct pvtb_err err = {};
	json_t *j;

	if (pvtb_baseline_of(r, opts, "pvtb gate", &base, &err)) {
		fuzz_must(err.why[0]);
		return;
	}
	j = pvtb_result_to_json(base);
	fuzz_must(j && !pvtb_result_from_json(j, "baseline", &again, &err));
	json_decref(j);
	pvtb_result_free(base);
	pvtb_result_free(again);
}

static void compare(struct pvtb_compare_run *old, struct pvtb_compare_run *new, char *thresholds)
{
	const struct pvtb_compare_side sides[] = {{old, 1}, {new, 1}};
	struct pvtb_thresholds t = {};
	struct pvtb_compare_opts opts = {.alpha = 0.05, .thresholds = &t};
	struct pvtb_comparison c = {};
	struct pvtb_err err = {};
	char *line;

	while (thresholds && (line = strsep(&thresholds, "\n")))
		if (pvtb_thresholds_add(&t, line, &err))
			fuzz_must(err.why[0]);
	if (!pvtb_compare(&sides[0], &sides[1], &opts, &c, &err)) {
		write_all(&c);
		pvtb_comparison_free(&c);
	} else {
		fuzz_must(err.why[0]);
	}
	make_baseline(new->result, &opts);
	pvtb_thresholds_free(&t);
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	const u8 *old = NULL, *new = NULL, *records = NULL;
	size_t old_bytes = 0, new_bytes = 0, record_bytes = 0;
	struct pvtb_compare_run runs[2] = {{.dir = (char *)fuzz_dir()},
					   {.dir = (char *)fuzz_dir()}};
	char *thresholds;
	bool read;

	fuzz_part(&data, &bytes, &old, &old_bytes);
	if (!fuzz_part(&data, &bytes, &new, &new_bytes)) {
		new = old;
		new_bytes = old_bytes;
	}
	runs[0].result = fuzz_result_of(old, old_bytes);
	runs[1].result = runs[0].result ? fuzz_result_of(new, new_bytes) : NULL;
	read = runs[0].result && runs[1].result;
	if (read) {
		thresholds = fuzz_part_text(&data, &bytes);
		fuzz_part(&data, &bytes, &records, &record_bytes);
		fuzz_samples("s", NULL, records, record_bytes);
		compare(&runs[0], &runs[1], thresholds);
		free(thresholds);
	}
	pvtb_result_free(runs[0].result);
	pvtb_result_free(runs[1].result);
	return read;
}

static char *text_of(void (*add)(struct pvtb_result *r), u64 hz)
{
	struct pvtb_result *r = fixture_new("pvtb run");

	add(r);
	if (hz)
		r->hosts[0].counter_hz = hz;
	for (size_t b = 0; b < r->hosts[0].nr_benches; b++)
		for (size_t v = 0; v < r->hosts[0].benches[b].nr_variants; v++)
			pvtb_variant_add_file(&r->hosts[0].benches[b].variants[v], "samples.single",
					      "s");
	return fuzz_result_text(r);
}

static void seed_of(char *old, char *new)
{
	/* Their differences do not fit 64 bits. */
	static const s64 records[] = {1, 2, INT64_MAX, INT64_MIN, 3, INT64_MIN / 2, INT64_MAX / 2};
	char *all;
	int n = asprintf(&all, "%s%s%s%s%s%s%*s", old, FUZZ_CUT, new, FUZZ_CUT, "2%\n*.p99=3",
			 FUZZ_CUT, (int)sizeof(records), "");

	fuzz_must(n > 0);
	memcpy(all + n - sizeof(records), records, sizeof(records));
	fuzz_seed(true, all, (size_t)n);
	free(old);
	free(new);
	free(all);
}

void fuzz_seeds(void)
{
	char *one = text_of(fixture_add_lab, 0);

	fuzz_seed_text(true, one);
	free(one);
	seed_of(text_of(fixture_add_lab, 0), text_of(fixture_add_lab, 0));
	seed_of(text_of(fixture_add_native, 0), text_of(fixture_add_native, 1000000));
	seed_of(text_of(fixture_add_ugly, 0), text_of(fixture_add_native, 0));
	fuzz_seed_text(false, "{}");
}
