// SPDX-License-Identifier: GPL-2.0-only
/*
 * What report/ makes of made-up results: every text format against a kept copy (tests/golden/,
 * rewritten by tests/golden/regenerate.sh, to be read before it is committed), the promises the
 * formats make whatever the numbers, unit conversion, and figures with and without gnuplot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "report/quantity.h"
#include "report/report.h"
#include "report/table.h"
#include "results/samples.h"
#include "report_fixture.h"

static const struct {
	const char *name;
	void (*add)(struct pvtb_result *r);
} fixtures[] = {
	{"lab", fixture_add_lab},
	{"native", fixture_add_native},
	{"ugly", fixture_add_ugly},
	{"stolen", fixture_add_stolen},
};

static struct pvtb_result *fixture(size_t i)
{
	struct pvtb_result *r = fixture_new("pvtb run -H synthetic --profile quick counter_read "
					    "hypercall a-word-longer-than-any-line-may-be-and-"
					    "without-any-blank-that-it-could-be-broken-at");

	assert_non_null(r);
	fixtures[i].add(r);
	return r;
}

static char *report(const struct pvtb_result *r, enum pvtb_report_format format, int expected)
{
	struct pvtb_err err = {};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(pvtb_report_write(r, format, f, &err), expected);
	if (expected) {
		assert_int_equal(err.code, expected);
		assert_true(err.why[0] && err.hint[0]);
	}
	fclose(f);
	return text;
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, (1 << 20) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

/* First line that differs, so that a failure says more than "differs". */
static void assert_same_lines(const char *path, const char *kept, const char *now)
{
	for (unsigned int n = 1; *kept || *now; n++) {
		size_t a = strcspn(kept, "\n"), b = strcspn(now, "\n");

		if (a != b || memcmp(kept, now, a))
			fail_msg("%s:%u\n  kept: %.*s\n  now:  %.*s", path, n, (int)a, kept, (int)b,
				 now);
		kept += a + (kept[a] == '\n');
		now += b + (now[b] == '\n');
	}
}

static void golden(void **state)
{
	static const enum pvtb_report_format formats[] = {
		PVTB_REPORT_TEXT,	PVTB_REPORT_MARKDOWN,	  PVTB_REPORT_CSV,
		PVTB_REPORT_SEED_TABLE, PVTB_REPORT_COVER_LETTER,
	};
	bool update = getenv("PVTB_GOLDEN_UPDATE") != NULL;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(fixtures); i++) {
		struct pvtb_result *r = fixture(i);

		for (size_t f = 0; f < PVTB_ARRAY_SIZE(formats); f++) {
			bool none = formats[f] == PVTB_REPORT_SEED_TABLE &&
				    (fixtures[i].add == fixture_add_ugly ||
				     fixtures[i].add == fixture_add_stolen);
			char *now = report(r, formats[f], none ? -ENODATA : 0);
			char path[128], *kept;

			snprintf(path, sizeof(path), "tests/golden/%s.%s.txt", fixtures[i].name,
				 pvtb_report_formats[formats[f]]);
			if (update && !none) {
				FILE *out = fopen(path, "w");

				assert_non_null(out);
				fputs(now, out);
				fclose(out);
			}
			if (!none) {
				kept = read_text(path);
				assert_same_lines(path, kept, now);
				free(kept);
			}
			free(now);
		}
		pvtb_result_free(r);
	}
}

static void cover_letter_fits_mail(void **state)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(fixtures); i++) {
		struct pvtb_result *r = fixture(i);
		char *text, *line, *save;

		pvtb_host_not_controlled(&r->hosts[0], "caf\xc3\xa9 and a tab\tinside");
		text = report(r, PVTB_REPORT_COVER_LETTER, 0);
		assert_true(text[0] != '\0');
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			if (strlen(line) >= 72)
				fail_msg("%zu columns: %s", strlen(line), line);
			for (const char *c = line; *c; c++) {
				if (*c < ' ' || *c > '~')
					fail_msg("not plain text: %s", line);
			}
			if (line[strlen(line) - 1] == ' ')
				fail_msg("blank at the end: '%s'", line);
		}
		free(text);
		pvtb_result_free(r);
	}
}

/* A maintainer has to be able to paste the command: backslash-newline must give it back. */
static void cover_letter_command_survives(void **state)
{
	struct pvtb_result *r = fixture(0);
	char *text = report(r, PVTB_REPORT_COVER_LETTER, 0);
	char joined[1024] = "", *from = strstr(text, "Reproduce:\n");
	size_t n = 0;

	assert_non_null(from);
	for (from = strchr(from, '\n') + 1; *from && *from != '\n'; from++) {
		if (from[0] == '\\' && from[1] == '\n')
			from++;
		else if (*from != ' ' || (n && joined[n - 1] != ' '))
			joined[n++] = *from;
	}
	joined[n] = '\0';
	assert_string_equal(joined, r->command);
	free(text);
	pvtb_result_free(r);
}

static void no_trailing_blanks(void **state)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(fixtures); i++) {
		struct pvtb_result *r = fixture(i);
		char *text = report(r, PVTB_REPORT_TEXT, 0);

		assert_null(strstr(text, " \n"));
		free(text);
		text = report(r, PVTB_REPORT_MARKDOWN, 0);
		assert_null(strstr(text, "\n\n\n"));
		free(text);
		pvtb_result_free(r);
	}
}

/* One field of RFC 4180; returns what follows its separator. */
static const char *csv_field(const char *s, char *out, size_t size)
{
	size_t n = 0;
	bool quoted = *s == '"';

	s += quoted;
	while (*s && n + 1 < size) {
		if (quoted && s[0] == '"' && s[1] == '"')
			s++;
		else if (quoted ? *s == '"' : *s == ',' || *s == '\n')
			break;
		out[n++] = *s++;
	}
	out[n] = '\0';
	s += quoted && *s == '"';
	assert_true(*s == ',' || *s == '\n');
	return s + 1;
}

static void same_number(const char *text, double expected)
{
	char *end;

	if (!isfinite(expected)) {
		assert_string_equal(text, "");
		return;
	}
	assert_true(strtod(text, &end) == expected);
	assert_true(end != text && !*end);
}

static void csv_reads_back(void **state)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(fixtures); i++) {
		struct pvtb_result *r = fixture(i);
		char *text = report(r, PVTB_REPORT_CSV, 0);
		const struct pvtb_host_result *h = &r->hosts[0];
		const char *s = strchr(text, '\n') + 1;
		size_t lines = 0, metrics = 0;

		assert_true(!strncmp(text, "host,bench,variant,metric,unit,kind,value,low,high,n\n",
				     53));
		for (; *s; lines++) {
			char f[10][256];
			const struct pvtb_variant_result *v;
			const struct pvtb_metric *m;

			for (size_t c = 0; c < 10; c++)
				s = csv_field(s, f[c], sizeof(f[c]));
			assert_int_equal(s[-1], '\n');
			assert_string_equal(f[0], h->host);
			v = pvtb_host_variant(h, f[1], f[2]);
			assert_non_null(v);
			m = pvtb_variant_metric(v, f[3]);
			assert_non_null(m);
			assert_string_equal(f[4], pvtb_shown_unit(h, m->unit));
			same_number(f[6], pvtb_shown_value(h, m->unit, m->value));
			same_number(f[7], pvtb_shown_value(h, m->unit, m->low));
			same_number(f[8], pvtb_shown_value(h, m->unit, m->high));
			assert_int_equal(strtoull(f[9], NULL, 10), m->n);
		}
		for (size_t b = 0; b < h->nr_benches; b++) {
			for (size_t v = 0; v < h->benches[b].nr_variants; v++)
				metrics += h->benches[b].variants[v].nr_metrics;
		}
		assert_int_equal(lines, metrics);
		free(text);
		pvtb_result_free(r);
	}
}

static void json_is_the_result(void **state)
{
	struct pvtb_result *r = fixture(1), *again = NULL;
	char *text = report(r, PVTB_REPORT_JSON, 0), *twice;
	json_t *root = json_loads(text, 0, NULL);
	struct pvtb_err err = {};

	assert_non_null(root);
	assert_int_equal(pvtb_result_from_json(root, "test", &again, &err), 0);
	twice = report(again, PVTB_REPORT_JSON, 0);
	assert_string_equal(text, twice);
	json_decref(root);
	free(text);
	free(twice);
	pvtb_result_free(again);
	pvtb_result_free(r);
}

static void ticks_become_nanoseconds_exactly(void **state)
{
	static const struct {
		u64 hz;
		double ticks;
		unsigned int decimals;
		const char *expected;
	} cases[] = {
		{62500000, 1, 0, "16"},
		{62500000, -3, 0, "-48"},
		{25000000, 1.35, 0, "54"},
		{24000000, 1, 3, "41.667"},
		{24000000, 3, 3, "125.000"},
		/* A rounded ps per tick would be 12 ppm off: 35999.568 s, 429 us. */
		{2399998000, 86400000000000.0, 0, "36000030000025"},
		{1000000000, 0.5, 0, "1"},
		{1000000000, 0.499, 0, "0"},
		{3000000000u, 1, 2, "0.33"},
		{1, 2, 0, "2000000000"},
		{5000000000ull, 9007199254740991.0, 0, "1801439850948198"},
	};
	struct pvtb_host_result h = {};
	char text[PVTB_QUANTITY_CHARS];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		h.counter_hz = cases[i].hz;
		pvtb_quantity_fixed(&h, PVTB_UNIT_TICKS, cases[i].ticks, cases[i].decimals, text,
				    sizeof(text));
		assert_string_equal(text, cases[i].expected);
	}
	/* Instructions are what they are, whatever the frequency. */
	h.deterministic = true;
	pvtb_quantity_fixed(&h, PVTB_UNIT_TICKS, 1752, 0, text, sizeof(text));
	assert_string_equal(text, "1752");
	pvtb_quantity_fixed(&h, PVTB_UNIT_TICKS, NAN, 0, text, sizeof(text));
	assert_string_equal(text, "-");
}

static void digits_follow_what_is_known(void **state)
{
	struct pvtb_host_result h = {.counter_hz = 62500000};
	struct pvtb_metric m = {.unit = PVTB_UNIT_TICKS, .low = NAN, .high = NAN};
	char text[PVTB_QUANTITY_CHARS], half[PVTB_QUANTITY_CHARS];

	m.value = 0;
	pvtb_quantity_read(&h, &m, text, sizeof(text));
	assert_string_equal(text, "<16");
	m.value = 7;
	pvtb_quantity_read(&h, &m, text, sizeof(text));
	assert_string_equal(text, "112");
	h.counter_hz = 2500000000;
	m.value = 27;
	pvtb_quantity_read(&h, &m, text, sizeof(text));
	assert_string_equal(text, "10.80");
	m.low = 26;
	m.high = 28.5;
	pvtb_quantity_interval(&h, &m, text, sizeof(text), half, sizeof(half));
	assert_string_equal(text, "10.80");
	assert_string_equal(half, "0.60");
	m.low = m.high = m.value;
	pvtb_quantity_interval(&h, &m, text, sizeof(text), half, sizeof(half));
	assert_string_equal(half, "0.00");
	m.high = m.value + 1e-6;
	pvtb_quantity_interval(&h, &m, text, sizeof(text), half, sizeof(half));
	assert_string_equal(half, "<0.001");
	pvtb_grouped(1234567, text, sizeof(text));
	assert_string_equal(text, "1 234 567");
	pvtb_grouped(9999, text, sizeof(text));
	assert_string_equal(text, "9999");
}

/* A read that the hardware offsets has a column where one was measured, between trapped and LPT. */
static void seed_has_what_was_measured(void **state)
{
	struct pvtb_result *r = fixture(0);
	struct pvtb_variant_result *v =
		(void *)(uintptr_t)pvtb_host_variant(&r->hosts[0], "counter_read", "cntvct");
	char *text = report(r, PVTB_REPORT_SEED_TABLE, 0);

	assert_null(strstr(text, "Hardware offset"));
	free(text);
	free(v->name);
	v->name = strdup("cntpct_offset");
	text = report(r, PVTB_REPORT_SEED_TABLE, 0);
	assert_non_null(strstr(text, "| Native | Trapped | Hardware offset | LPT |"));
	assert_null(strstr(text, "cntpct_offset"));
	free(text);
	pvtb_result_free(r);
}

/* What one op in many costs more is not in a median of slopes: the mean stands beside it, where it
 * differs. */
static void mean_beside_the_slope(void **state)
{
	struct pvtb_result *r = fixture(0);
	struct pvtb_bench_result *b = &r->hosts[0].benches[0];
	struct pvtb_variant_result *v = &b->variants[0];
	const struct pvtb_metric *slope = pvtb_variant_metric(v, "batch.slope");
	char *text = report(r, PVTB_REPORT_TEXT, 0);

	assert_null(strstr(text, "mean "));
	free(text);
	assert_non_null(slope);
	pvtb_variant_add_metric(v, "batch.mean", PVTB_UNIT_TICKS, slope->kind, PVTB_LOWER_IS_BETTER,
				slope->value, NAN, NAN, 200);
	text = report(r, PVTB_REPORT_TEXT, 0);
	assert_null(strstr(text, "mean "));
	free(text);
	((struct pvtb_metric *)pvtb_variant_metric(v, "batch.mean"))->value += 23;
	text = report(r, PVTB_REPORT_TEXT, 0);
	assert_non_null(strstr(text, ", mean "));
	free(text);
	pvtb_result_free(r);
}

/* Numbers whose law broke must not look like those that passed, wherever they are shown. */
static void failures_show(void **state)
{
	struct pvtb_result *r = fixture(0);
	struct pvtb_variant_result *v = (void *)(uintptr_t)pvtb_host_variant(
		&r->hosts[0], "counter_read", "cntpct_trapped");
	char *text;

	pvtb_variant_set_status(v, PVTB_FAIL, "exits were seen");
	text = report(r, PVTB_REPORT_SEED_TABLE, 0);
	assert_non_null(strstr(text, "225.47!"));
	assert_non_null(strstr(text, "Trapped: fail: exits were seen"));
	free(text);
	text = report(r, PVTB_REPORT_COVER_LETTER, 0);
	assert_non_null(strstr(text, "fail: counter_read.cntpct_trapped: exits were seen"));
	free(text);
	text = report(r, PVTB_REPORT_TEXT, 0);
	assert_non_null(strstr(text, "FAIL  cntpct_trapped: exits were seen"));
	free(text);
	pvtb_variant_set_status(v, PVTB_INVALID, "guest crashed");
	text = report(r, PVTB_REPORT_SEED_TABLE, 0);
	assert_null(strstr(text, "225.47"));
	free(text);
	pvtb_result_free(r);
}

/* The same reason for every variant (no witness) is said once, with all their names. */
static void reasons_are_said_once(void **state)
{
	struct pvtb_result *r = fixture(0);
	struct pvtb_bench_result *b = &r->hosts[0].benches[0];
	char *text, *first;

	for (size_t i = 0; i < 3; i++)
		pvtb_variant_set_status(&b->variants[i], PVTB_INCONCLUSIVE, "nobody looked");
	text = report(r, PVTB_REPORT_TEXT, 0);
	assert_non_null(strstr(text, "INCONCLUSIVE cntvct, cntpct, cntpct_trapped: nobody looked"));
	first = strstr(text, "nobody looked");
	assert_null(strstr(first + 1, "nobody looked"));
	free(text);
	text = report(r, PVTB_REPORT_COVER_LETTER, 0);
	/* Past the table of the counter reads, which names the reason of its own columns. */
	first = strstr(strstr(text, "checked against"), "nobody looked");
	assert_non_null(first);
	assert_null(strstr(first + 1, "nobody looked"));
	assert_non_null(strstr(text, "counter_read.cntpct_trapped"));
	free(text);
	pvtb_result_free(r);
}

static void full_disk_is_an_error(void **state)
{
	struct pvtb_result *r = fixture(0);
	FILE *full = fopen("/dev/full", "w");
	struct pvtb_err err = {};

	if (!full)
		skip();
	assert_true(pvtb_report_write(r, PVTB_REPORT_TEXT, full, &err) < 0);
	assert_int_equal(err.code, -ENOSPC);
	fclose(full);
	pvtb_result_free(r);
}

static size_t entries_of(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	return n;
}

static void clear_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

static void no_gnuplot_leaves_nothing(void **state)
{
	char dir[] = "/tmp/pvtb-report-XXXXXX";
	struct pvtb_plot_list list = {};
	struct pvtb_result *r = fixture(0);
	struct pvtb_err err = {};
	struct pvtb_plot_options opts = {.out_dir = mkdtemp(dir), .gnuplot = "/no/such/gnuplot"};

	assert_non_null(opts.out_dir);
	assert_int_equal(pvtb_plot_result(r, &opts, &list, &err), -ENOENT);
	assert_non_null(strstr(err.why, "not installed"));
	assert_non_null(strstr(err.hint, "gnuplot-nox"));
	assert_int_equal(entries_of(dir), 0);
	/* One that fails says why, one that leaves nothing is not believed. */
	opts.gnuplot = "/bin/false";
	assert_int_equal(pvtb_plot_result(r, &opts, &list, &err), -EIO);
	opts.gnuplot = "/bin/true";
	assert_int_equal(pvtb_plot_result(r, &opts, &list, &err), -EIO);
	assert_int_equal(entries_of(dir), 0);
	assert_int_equal(list.nr, 0);
	pvtb_plot_list_free(&list);
	clear_dir(dir);
	pvtb_result_free(r);
}

static bool have_gnuplot(void)
{
	return !system("gnuplot --version >/dev/null 2>&1");
}

static void add_ticks(const char *dir, const char *file, const s64 *ticks, size_t nr)
{
	json_t *description = json_object();
	struct pvtb_samples_writer *w;
	struct pvtb_err err = {};
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	assert_int_equal(
		pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), description, 1, &w, &err),
		0);
	assert_int_equal(pvtb_samples_write(w, ticks, nr, &err), 0);
	assert_int_equal(pvtb_samples_finish(w, &err), 0);
	json_decref(description);
}

static void add_samples(struct pvtb_result *r, const char *dir)
{
	struct pvtb_variant_result *v = &r->hosts[0].benches[0].variants[0];
	const s64 ticks[] = {0, 0, 0, 1, 1, 2, 812}, preempted[] = {31000};

	add_ticks(dir, "s.zst", ticks, PVTB_ARRAY_SIZE(ticks));
	add_ticks(dir, "p.zst", preempted, PVTB_ARRAY_SIZE(preempted));
	pvtb_variant_add_file(v, "samples.single", "s.zst");
	pvtb_variant_add_file(v, "samples.single.preempted", "p.zst");
	/* A file that is not there costs the shape, not the figure. */
	pvtb_variant_add_file(v + 1, "samples.single", "missing.zst");
}

static void figures_are_drawn(void **state)
{
	if (!have_gnuplot())
		skip();
	/* the last one's have a test of their own */
	for (size_t i = 0; i + 1 < PVTB_ARRAY_SIZE(fixtures); i++) {
		static const size_t files[] = {6, 2, 2};
		char dir[] = "/tmp/pvtb-report-XXXXXX", out[64];
		struct pvtb_plot_list list = {};
		struct pvtb_result *r = fixture(i);
		struct pvtb_err err = {};
		struct pvtb_plot_options opts = {.result_dir = mkdtemp(dir), .out_dir = out};

		snprintf(out, sizeof(out), "%s/plots", dir);
		if (fixtures[i].add == fixture_add_native)
			add_samples(r, dir);
		if (pvtb_plot_result(r, &opts, &list, &err))
			fail_msg("%s: %s", err.what, err.why);
		assert_int_equal(list.nr, files[i]);
		/* Nothing but the figures: no temporary directory is left. */
		assert_int_equal(entries_of(out), files[i]);
		for (size_t f = 0; f < list.nr; f++) {
			char *text = read_text(list.paths[f]);
			bool svg = strstr(list.paths[f], ".svg") != NULL;

			if (svg) {
				assert_non_null(strstr(text, "</svg>"));
				assert_non_null(strstr(text, "6.12.0-synthetic"));
			} else {
				assert_memory_equal(text, "\x89PNG", 4);
			}
			if (svg && i == 0 && strstr(list.paths[f], "counter_read")) {
				assert_non_null(strstr(text, "cntpct_trapped"));
				assert_non_null(strstr(text, "the guest has no FEAT_ECV"));
			}
			if (svg && i == 1) {
				assert_non_null(strstr(text, "&lt;16"));
				assert_non_null(strstr(text, "height of a shape"));
				if (strstr(list.paths[f], "counter_read"))
					assert_non_null(strstr(text, "preempted: in no number"));
			}
			if (svg && i == 0)
				assert_null(strstr(text, "preempted: in no number"));
			free(text);
		}
		if (fixtures[i].add == fixture_add_native) {
			assert_int_equal(list.nr_notes, 1);
			assert_non_null(strstr(list.notes[0], "missing.zst"));
		}
		pvtb_plot_list_free(&list);
		clear_dir(out);
		clear_dir(dir);
		pvtb_result_free(r);
	}
}

/* Details are the benchmark's own, and a file may hold anything: what is no sense is left out. */
static void stolen_nonsense_does_no_harm(void **state)
{
	static const char *const details[] = {
		"{\"stolen\": 1}",
		"{\"stolen\": {\"vcpus\": {}, \"causes\": 3}}",
		"{\"stolen\": {\"vcpus\": [1, null, []], \"causes\": [1, {}, {\"cause\": 5}]}}",
		"{\"stolen\": {\"vcpus\": [{\"causes\": [{\"cause\": \"x\", \"class\": 1, \"lost_ns\": -5,"
		"\"told_ns\": 9223372036854775807}, {\"cause\": \"x\", \"lost_ns\": 1e300}],"
		"\"preemptors\": [{\"took_ns\": -9223372036854775807}, 1], \"gk\": [],"
		"\"series\": {\"gk_ns\": [-9223372036854775808, \"a\", 1], \"kb_ns\": 1}}],"
		"\"scenarios\": -1, \"causes\": [{\"cause\": \"\", \"times\": null}]}}",
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(details); i++) {
		struct pvtb_result *r = fixture(PVTB_ARRAY_SIZE(fixtures) - 1);
		struct pvtb_bench_result *b = &r->hosts[0].benches[0];
		struct pvtb_plot_list list = {};
		struct pvtb_err err = {};
		char dir[] = "/tmp/pvtb-report-XXXXXX";
		struct pvtb_plot_options opts = {.out_dir = mkdtemp(dir)};

		json_decref(b->detail);
		json_decref(b->variants[0].detail);
		b->detail = json_loads(details[i], 0, NULL);
		b->variants[0].detail = json_loads(details[i], 0, NULL);
		assert_non_null(b->detail);
		for (size_t f = 0; pvtb_report_formats[f]; f++) {
			if (f != PVTB_REPORT_SEED_TABLE)
				free(report(r, (enum pvtb_report_format)f, 0));
		}
		if (have_gnuplot())
			assert_int_equal(pvtb_plot_result(r, &opts, &list, &err), -ENODATA);
		pvtb_plot_list_free(&list);
		clear_dir(dir);
		pvtb_result_free(r);
	}
}

/* A read that was seen not to exit is no "Trapped" column: the one forced by the MSR filter is. */
static void seed_trapped(void **state)
{
	static const struct {
		const char *name;
		double mean, exits;
	} reads[] = {
		{"rdtsc", 31, 0}, {"rdmsr_tsc", 47, 0}, {"rdmsr_tsc_vmm", 5801, 1}, {"lpt", 62, 0}};
	struct pvtb_result *r = fixture_new("pvtb run counter_read");
	struct pvtb_host_result *h = fixture_host(r, "native", "x86_64", "VMX", 1000000000);
	struct pvtb_bench_result *b = pvtb_host_add_bench(h, "counter_read", "");
	char *text;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reads); i++) {
		struct pvtb_variant_result *v = pvtb_bench_add_variant(b, reads[i].name, "");

		pvtb_variant_set_status(v, PVTB_OK, "%s", "");
		fixture_metric(v, "mean", PVTB_UNIT_TICKS, reads[i].mean, 1000);
		fixture_metric(v, "stddev", PVTB_UNIT_TICKS, 1, 1000);
		fixture_metric(v, "p95", PVTB_UNIT_TICKS, reads[i].mean, 1000);
		fixture_metric(v, "exits_per_op", PVTB_UNIT_COUNT, reads[i].exits, 1000);
	}
	text = report(r, PVTB_REPORT_SEED_TABLE, 0);
	assert_non_null(strstr(text, "5801"));
	assert_null(strstr(text, "47"));
	free(text);
	h->benches[0].variants[1].metrics[3].value = 1; /* AMD: it exits */
	text = report(r, PVTB_REPORT_SEED_TABLE, 0);
	assert_null(strstr(text, "5801"));
	assert_non_null(strstr(text, "47"));
	free(text);
	pvtb_result_free(r);
}

/* Where the host's interrupt handlers are depends on the architecture, and the report says so. */
static void stolen_interrupts(void **state)
{
	struct pvtb_result *r = fixture(3);
	char *text = report(r, PVTB_REPORT_TEXT, 0);

	assert_null(strstr(text, "runs its interrupt handlers before"));
	free(text);
	free(r->hosts[0].arch);
	r->hosts[0].arch = strdup("arm64");
	text = report(r, PVTB_REPORT_TEXT, 0);
	assert_non_null(strstr(text, "runs its interrupt handlers before"));
	free(text);
	pvtb_result_free(r);
}

/* Every variant of a migration has its line, however many there are. */
static void migration_lines_are_all_drawn(void **state)
{
	enum { LINES = 22 };
	static const char *const methods[] = {"value", "offset", "lpt", "kvmclock"};
	char dir[] = "/tmp/pvtb-report-XXXXXX";
	struct pvtb_plot_options opts = {.out_dir = mkdtemp(dir)};
	struct pvtb_result *r = fixture_new("pvtb run migration");
	struct pvtb_host_result *h = fixture_host(r, "native", "arm64", "VHE", 1000000000);
	struct pvtb_bench_result *b = pvtb_host_add_bench(h, "migration", "");
	struct pvtb_plot_list list = {};
	struct pvtb_err err = {};
	char name[32], *text;

	if (!have_gnuplot())
		skip();
	for (int i = 0; i < LINES; i++) {
		struct pvtb_variant_result *v;

		snprintf(name, sizeof(name), "scenario_%02d", i);
		v = pvtb_bench_add_variant(b, name, "");
		pvtb_variant_set_status(v, PVTB_OK, "%s", "");
		v->detail = json_pack("{s:s, s:i, s:[i, i, i], s:[i, i, i]}", "method",
				      methods[i % 4], "moved_ns", 0, "time_ns", -100000000, 0,
				      100000000, "error_ns", 0, 0, i * -1000000);
	}
	if (pvtb_plot_result(r, &opts, &list, &err))
		fail_msg("%s: %s", err.what, err.why);
	assert_int_equal(list.nr, 2);
	assert_int_equal(list.nr_notes, 0);
	text = read_text(strstr(list.paths[0], ".svg") ? list.paths[0] : list.paths[1]);
	for (int i = 0; i < LINES; i++) {
		snprintf(name, sizeof(name), "scenario_%02d", i);
		if (!strstr(text, name))
			fail_msg("%s is not drawn", name);
	}
	free(text);
	pvtb_plot_list_free(&list);
	clear_dir(dir);
	pvtb_result_free(r);
}

/* ---- figures of stolen time ---- */

static void write_rows(const char *dir, const char *file, json_t *description, const s64 *rows,
		       size_t n)
{
	struct pvtb_samples_writer *w;
	struct pvtb_err err = {};
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	assert_int_equal(
		pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), description, 1, &w, &err),
		0);
	assert_int_equal(pvtb_samples_write(w, rows, n, &err), 0);
	assert_int_equal(pvtb_samples_finish(w, &err), 0);
	json_decref(description);
}

static json_t *interval_causes(void)
{
	return json_pack("{s:[s, s, s]}", "classes", "guest", "preempted", "throttled");
}

/* Ten periods of 500 ms, the first half in the guest; a sample each 100 ms when there. */
static void add_stolen_files(const char *dir, const char *name, int vcpu, s64 lie_ns)
{
	s64 points[5 * 30], intervals[4 * 20];
	size_t p = 0, q = 0;
	char file[96];

	for (s64 i = 0; i < 10; i++) {
		s64 at = i * 500000000;

		for (s64 t = 0; t < 250000000 && p < 5 * 30; t += 100000000) {
			points[p++] = at + t;
			points[p++] = i * 250000000 + i * lie_ns;
			points[p++] = i * 250000000;
			points[p++] = i * 250000000 - i * 1000;
			points[p++] = 0;
		}
		intervals[q++] = at;
		intervals[q++] = at + 250000000;
		intervals[q++] = 0;
		intervals[q++] = 0;
		intervals[q++] = at + 250000000;
		intervals[q++] = at + 500000000;
		intervals[q++] = 1;
		intervals[q++] = 4711;
	}
	snprintf(file, sizeof(file), "steal.%s.vcpu%d.deviation.zst", name, vcpu);
	write_rows(dir, file, json_object(), points, p);
	snprintf(file, sizeof(file), "steal.%s.vcpu%d.intervals.zst", name, vcpu);
	write_rows(dir, file, interval_causes(), intervals, q);
}

struct stolen_dir {
	char dir[32], out[64];
	struct pvtb_result *r;
	struct pvtb_plot_options opts;
	struct pvtb_plot_list list;
	struct pvtb_err err;
};

static void stolen_setup(struct stolen_dir *d)
{
	memset(d, 0, sizeof(*d));
	strcpy(d->dir, "/tmp/pvtb-report-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->out, sizeof(d->out), "%s/plots", d->dir);
	d->r = fixture(PVTB_ARRAY_SIZE(fixtures) - 1);
	d->opts = (struct pvtb_plot_options){.result_dir = d->dir, .out_dir = d->out};
	add_stolen_files(d->dir, "overcommit", 0, 0);
	add_stolen_files(d->dir, "overcommit", 1, 0);
	add_stolen_files(d->dir, "left_out", 0, -250000000);
}

static void stolen_teardown(struct stolen_dir *d)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", d->dir);
	assert_int_equal(system(cmd), 0);
	pvtb_plot_list_free(&d->list);
	pvtb_result_free(d->r);
}

static char *figure_data(const struct stolen_dir *d, const char *figure, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.data/%s", d->out, figure, file);
	return read_text(path);
}

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void stolen_figures(void **state)
{
	struct stolen_dir d;
	char *text;

	if (!have_gnuplot())
		skip();
	stolen_setup(&d);
	d.opts.keep_data = true;
	if (pvtb_plot_result(d.r, &d.opts, &d.list, &d.err))
		fail_msg("%s: %s", d.err.what, d.err.why);
	/* causes, scenarios, three vCPUs */
	assert_int_equal(d.list.nr, 10);
	assert_int_equal(d.list.nr_notes, 0);
	text = figure_data(&d, "native-steal-left_out", "lines.dat");
	/* a comment, the line that draws nothing, 30 samples */
	assert_int_equal(lines_of(text), 32);
	free(text);
	/* 2.5 s behind at the end, in the unit of the largest */
	text = figure_data(&d, "native-steal-left_out", "deviation.dat");
	assert_non_null(strstr(text, " -2.25 -2.25 9 9 0\n"));
	free(text);
	text = figure_data(&d, "native-steal-overcommit-vcpu1", "vars.gp");
	assert_non_null(strstr(text, "vCPU 1: stolen time"));
	assert_non_null(strstr(text, "6.12.0-synthetic"));
	assert_non_null(strstr(text, "zoomed = 0"));
	assert_non_null(strstr(text, "class_name[1] = 'preempted'"));
	free(text);
	/* ten times two boxes, alike columns joined; none of them more than one thing */
	text = figure_data(&d, "native-steal-overcommit-vcpu0", "strip.dat");
	assert_int_equal(lines_of(text), 22);
	assert_non_null(strstr(text, " 0 0.25 0 1 "));
	assert_non_null(strstr(text, " 0.25 0.5 0 1 "));
	free(text);
	text = figure_data(&d, "native-steal-causes", "causes.dat");
	assert_non_null(strstr(text, "5.0409999 5.0389999 5.0389999"));
	assert_non_null(strstr(text, "3.75 3.75 0 "));
	free(text);
	text = figure_data(&d, "native-steal-scenarios", "vars.gp");
	assert_non_null(strstr(text, "'overcommit vCPU 1'"));
	assert_non_null(strstr(text, "'-3.750 s'"));
	free(text);
	stolen_teardown(&d);
}

/* Two of the figures cannot be drawn: why is said for each, the rest is there, and it is an error. */
static void stolen_files_missing_or_short(void **state)
{
	static const s64 cut[] = {0, 250000000, 0, 0, 250000000};
	struct stolen_dir d;
	char path[128];

	if (!have_gnuplot())
		skip();
	stolen_setup(&d);
	snprintf(path, sizeof(path), "%s/steal.overcommit.vcpu1.deviation.zst", d.dir);
	assert_int_equal(truncate(path, 100), 0);
	snprintf(path, sizeof(path), "%s/steal.left_out.vcpu0.intervals.zst", d.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pvtb_plot_result(d.r, &d.opts, &d.list, &d.err), -ENODATA);
	assert_string_equal(d.err.why, "2 figures not drawn for want of data");
	assert_non_null(strstr(d.err.hint, "keep the whole"));
	assert_int_equal(d.list.nr, 6);
	assert_int_equal(entries_of(d.out), 6);
	assert_int_equal(d.list.nr_notes, 2);
	assert_non_null(strstr(d.list.notes[0], "steal.overcommit-vcpu1 not drawn: "));
	assert_non_null(strstr(d.list.notes[0], "vcpu1.deviation.zst"));
	assert_non_null(strstr(d.list.notes[1], "steal.left_out not drawn: "));
	assert_non_null(strstr(d.list.notes[1], "No such file"));
	pvtb_plot_list_free(&d.list);
	/* whole as a file, but not as rows; and one that does not say what its numbers are */
	write_rows(d.dir, "steal.overcommit.vcpu1.intervals.zst", interval_causes(), cut,
		   PVTB_ARRAY_SIZE(cut));
	write_rows(d.dir, "steal.left_out.vcpu0.intervals.zst", json_object(), cut, 4);
	memset(&d.err, 0, sizeof(d.err));
	assert_int_equal(pvtb_plot_result(d.r, &d.opts, &d.list, &d.err), -ENODATA);
	assert_int_equal(d.list.nr_notes, 2);
	assert_non_null(strstr(d.list.notes[0], "ends in the middle of a row"));
	assert_non_null(strstr(d.list.notes[1], "does not say what its causes are"));
	stolen_teardown(&d);
}

/* Many times off the CPU: a part is shown larger, and in it each of them alone. */
static void stolen_zoom(void **state)
{
	enum { N = 2000 };
	static s64 rows[4 * N];
	struct stolen_dir d;
	char *text;

	if (!have_gnuplot())
		skip();
	stolen_setup(&d);
	d.opts.keep_data = true;
	for (s64 i = 0; i < N; i++) {
		rows[4 * i] = i * 2500000;
		rows[4 * i + 1] = (i + 1) * 2500000;
		rows[4 * i + 2] = i % 2;
	}
	write_rows(d.dir, "steal.left_out.vcpu0.intervals.zst", interval_causes(), rows, 4 * N);
	assert_int_equal(pvtb_plot_result(d.r, &d.opts, &d.list, &d.err), 0);
	text = figure_data(&d, "native-steal-left_out", "vars.gp");
	assert_non_null(strstr(text, "zoomed = 1"));
	assert_non_null(strstr(text, "zx_low = 2440"));
	assert_non_null(strstr(text, "zx_high = 2560"));
	free(text);
	/* 24 of 1000 preemptions and what is between them, and the columns where two of them meet */
	text = figure_data(&d, "native-steal-left_out", "zoom-strip.dat");
	assert_in_range(lines_of(text), 2 + 48, 2 + 48 + 2 * 48);
	free(text);
	stolen_teardown(&d);
}

static void tables_align(void **state)
{
	struct pvtb_table t = {};
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	pvtb_table_column(&t, "name", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "v", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "unused", PVTB_ALIGN_LEFT);
	pvtb_table_row(&t);
	pvtb_table_cell(&t, 0, "caf\xc3\xa9");
	pvtb_table_cell(&t, 1, "3.25");
	pvtb_table_row(&t);
	pvtb_table_cell(&t, 0, "much too long");
	pvtb_table_cell(&t, 1, "1234");
	assert_int_equal(pvtb_table_print(&t, PVTB_TABLE_PLAIN, 1, 17, f), 0);
	fclose(f);
	assert_string_equal(text, " name           v\n"
				  " caf\xc3\xa9        3.25\n"
				  " much ..  1234\n");
	free(text);
	pvtb_table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(cover_letter_fits_mail),
		cmocka_unit_test(cover_letter_command_survives),
		cmocka_unit_test(no_trailing_blanks),
		cmocka_unit_test(csv_reads_back),
		cmocka_unit_test(json_is_the_result),
		cmocka_unit_test(ticks_become_nanoseconds_exactly),
		cmocka_unit_test(digits_follow_what_is_known),
		cmocka_unit_test(seed_has_what_was_measured),
		cmocka_unit_test(mean_beside_the_slope),
		cmocka_unit_test(failures_show),
		cmocka_unit_test(reasons_are_said_once),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(no_gnuplot_leaves_nothing),
		cmocka_unit_test(figures_are_drawn),
		cmocka_unit_test(stolen_nonsense_does_no_harm),
		cmocka_unit_test(migration_lines_are_all_drawn),
		cmocka_unit_test(seed_trapped),
		cmocka_unit_test(stolen_interrupts),
		cmocka_unit_test(stolen_figures),
		cmocka_unit_test(stolen_files_missing_or_short),
		cmocka_unit_test(stolen_zoom),
		cmocka_unit_test(tables_align),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
