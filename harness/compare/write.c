// SPDX-License-Identifier: GPL-2.0-only
/* Owns what programs read of a comparison: JSON, KTAP, Go's benchmark format, KCIDB's tests. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"
#include "core/json.h"
#include "core/text.h"
#include "report/quantity.h"

#define ORIGIN "pvtime_bench"

const char *const pvtb_compare_formats[] = {
	[PVTB_COMPARE_TEXT] = "text",	    [PVTB_COMPARE_MARKDOWN] = "markdown",
	[PVTB_COMPARE_JSON] = "json",	    [PVTB_COMPARE_KTAP] = "ktap",
	[PVTB_COMPARE_GO] = "go-benchmark", [PVTB_COMPARE_KCIDB] = "kcidb",
	[PVTB_COMPARE_KCIDB + 1] = NULL,
};

const char *const pvtb_compare_bys[] = {
	[PVTB_BY_BENCH] = "bench", [PVTB_BY_VARIANT] = "variant", [PVTB_BY_HOST] = "host",
	[PVTB_BY_STAT] = "stat",   [PVTB_BY_STAT + 1] = NULL,
};

/* ---- JSON ---- */

static json_t *real_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static double shown(const struct pvtb_compare_row *row, double v)
{
	return pvtb_shown_value(row->host, row->unit, v);
}

static json_t *values_json(const struct pvtb_compare_row *row, const double *v, u64 n)
{
	json_t *list = json_array();

	for (u64 i = 0; i < n; i++)
		json_array_append_new(list, real_or_null(shown(row, v[i])));
	return list;
}

static json_t *side_json(const struct pvtb_compare_row *row, double value, double half, u64 n,
			 const double *values, u64 runs)
{
	json_t *o = json_object();

	json_object_set_new(o, "value", real_or_null(shown(row, value)));
	json_object_set_new(o, "half_interval", real_or_null(shown(row, half)));
	json_object_set_new(o, "n", json_integer((json_int_t)n));
	json_object_set_new(o, "runs", values_json(row, values, runs));
	return o;
}

static json_t *needed_json(u64 n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

static void add_numbers(json_t *o, const struct pvtb_compare_row *row)
{
	static const char *const spreads[] = {"unknown", "within", "drift", "runs"};
	const struct pvtb_shift *s = &row->s;

	json_object_set_new(o, "unit", json_string(pvtb_shown_unit(row->host, row->unit)));
	json_object_set_new(o, "exact", json_boolean(row->exact));
	json_object_set_new(
		o, "old",
		side_json(row, s->old_value, s->old_half, s->old_n, row->old_values, s->old_runs));
	json_object_set_new(
		o, "new",
		side_json(row, s->new_value, s->new_half, s->new_n, row->new_values, s->new_runs));
	json_object_set_new(o, "shift", real_or_null(shown(row, s->shift)));
	json_object_set_new(o, "low", real_or_null(shown(row, s->low)));
	json_object_set_new(o, "high", real_or_null(shown(row, s->high)));
	json_object_set_new(
		o, "ratio",
		real_or_null(s->old_value != 0 ? s->new_value / s->old_value : (double)NAN));
	json_object_set_new(o, "threshold", real_or_null(shown(row, row->threshold)));
	json_object_set_new(o, "p", row->exact ? json_null() : real_or_null(s->p));
	json_object_set_new(o, "p_holm", real_or_null(row->p_holm));
	json_object_set_new(o, "by",
			    json_string(row->exact    ? "count"
					: s->by_means ? "means"
						      : "ranks"));
	json_object_set_new(o, "spread", json_string(row->exact ? "exact" : spreads[s->spread]));
	json_object_set_new(o, "needed_runs", needed_json(row->needed_runs));
	json_object_set_new(o, "needed_samples", needed_json(row->needed_samples));
}

static json_t *row_json(const struct pvtb_compare_row *row)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s?}", "host", row->host_name, "bench",
			      row->bench, "variant", row->variant, "metric", row->metric, "verdict",
			      pvtb_verdicts[row->verdict], "why", row->why);

	if (o && row->metric)
		add_numbers(o, row);
	return o;
}

static json_t *to_json(const struct pvtb_comparison *c)
{
	json_t *rows = json_array(), *warnings = json_array(), *counts = json_object();

	for (size_t i = 0; i < c->nr_rows; i++)
		json_array_append_new(rows, row_json(&c->rows[i]));
	for (size_t i = 0; i < c->nr_warnings; i++)
		json_array_append_new(warnings, json_string(c->warnings[i]));
	for (int v = 0; v < PVTB_NR_VERDICTS; v++)
		json_object_set_new(counts, pvtb_verdicts[v],
				    json_integer((json_int_t)c->count[v]));
	return json_pack("{s:i, s:s, s:s, s:I, s:I, s:f, s:I, s:b, s:o, s:o, s:I, s:o}", "schema",
			 1, "old", c->old_name, "new", c->new_name, "old_runs",
			 (json_int_t)c->old_runs, "new_runs", (json_int_t)c->new_runs, "alpha",
			 c->alpha, "tests", (json_int_t)c->tests, "failed", (int)c->failed,
			 "warnings", warnings, "verdicts", counts, "only_new",
			 (json_int_t)c->only_new, "rows", rows);
}

/* ---- KCIDB ---- */

static const char *kcidb_status(const struct pvtb_compare_row *row)
{
	switch (row->verdict) {
	case PVTB_WORSE:
	case PVTB_BROKEN:
		return "FAIL";
	case PVTB_MISSING:
		return "SKIP";
	case PVTB_SAME:
	case PVTB_BETTER:
		return "PASS";
	default:
		return "DONE";
	}
}

/* Identifiers and paths: letters, digits, _ and -; what else there is becomes _. */
static void clean(char *s, const char *also)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_-", *s) && !strchr(also, *s))
			*s = '_';
}

static json_t *kcidb_row(const struct pvtb_comparison *c, const struct pvtb_compare_row *row,
			 size_t nr)
{
	char path[300], id[400], build[200];
	json_t *o;

	snprintf(path, sizeof(path), ORIGIN ".%s.%s%s%s", row->bench, row->variant,
		 row->metric ? "." : "", row->metric ? row->metric : "");
	clean(path, ".");
	snprintf(build, sizeof(build), "%s-%s", row->host->kernel, row->host->arch);
	clean(build, ".+");
	snprintf(id, sizeof(id), "%s-%s-%s-%zu", c->old_name, c->new_name, row->host_name, nr);
	clean(id, ".+");
	o = json_pack("{s:s+, s:s+, s:s, s:s, s:s, s:{s:s}, s:o}", "build_id", ORIGIN ":", build,
		      "id", ORIGIN ":", id, "origin", ORIGIN, "path", path, "status",
		      kcidb_status(row), "environment", "comment", row->host_name, "misc",
		      row_json(row));
	if (o && row->metric)
		json_object_set_new(o, "number",
				    json_pack("{s:f, s:s}", "value", shown(row, row->s.new_value),
					      "unit", pvtb_shown_unit(row->host, row->unit)));
	return o;
}

static json_t *to_kcidb(const struct pvtb_comparison *c)
{
	json_t *tests = json_array();

	for (size_t i = 0; i < c->nr_rows; i++)
		json_array_append_new(tests, kcidb_row(c, &c->rows[i], i + 1));
	return json_pack("{s:{s:i, s:i}, s:o}", "version", "major", 5, "minor", 3, "tests", tests);
}

static int write_json(json_t *root, unsigned long begun, FILE *out)
{
	int ret = root ? pvtb_json_end(begun) : -ENOMEM;

	if (!ret && json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12)))
		ret = -EIO;
	json_decref(root);
	fputc('\n', out);
	return ret;
}

/* ---- KTAP ---- */

static void ktap_numbers(const struct pvtb_compare_row *row, FILE *out)
{
	char a[PVTB_QUANTITY_CHARS], b[PVTB_QUANTITY_CHARS], d[PVTB_QUANTITY_CHARS];

	pvtb_quantity(row->host, row->unit, row->s.old_value, a, sizeof(a));
	pvtb_quantity(row->host, row->unit, row->s.new_value, b, sizeof(b));
	pvtb_quantity(row->host, row->unit, row->s.shift, d, sizeof(d));
	fprintf(out, "    # old %s new %s change %s %s\n", a, b, d,
		pvtb_shown_unit(row->host, row->unit));
}

static bool ktap_row(const struct pvtb_compare_row *row, size_t nr, FILE *out)
{
	bool bad = row->verdict == PVTB_WORSE || row->verdict == PVTB_BROKEN;
	bool skip = row->verdict == PVTB_UNSURE || row->verdict == PVTB_MISSING;

	fprintf(out, "    %s %zu ", bad ? "not ok" : "ok", nr);
	pvtb_text_put_ktap(row->bench, out);
	fputc('.', out);
	pvtb_text_put_ktap(row->variant, out);
	fputs(row->metric ? "." : "", out);
	pvtb_text_put_ktap(row->metric ? row->metric : "", out);
	fputs(skip ? " # SKIP " : "", out);
	if (skip)
		pvtb_text_put_ktap(row->verdict == PVTB_UNSURE ? "can't tell" : row->why, out);
	fputc('\n', out);
	if (row->metric)
		ktap_numbers(row, out);
	else if (bad) {
		fputs("    # ", out);
		pvtb_text_put_ktap(row->why, out);
		fputc('\n', out);
	}
	return bad;
}

/* Hosts are the outer tests, metrics the inner ones. */
static void write_ktap(const struct pvtb_comparison *c, FILE *out)
{
	size_t hosts = 0, nr = 0;

	for (size_t i = 0; i < c->nr_rows; i++)
		hosts += !i || strcmp(c->rows[i].host_name, c->rows[i - 1].host_name);
	fprintf(out, "KTAP version 1\n1..%zu\n", hosts);
	for (size_t i = 0; i < c->nr_rows;) {
		const char *host = c->rows[i].host_name;
		size_t end = i, bad = 0;

		while (end < c->nr_rows && !strcmp(c->rows[end].host_name, host))
			end++;
		fputs("    KTAP version 1\n    # Subtest: ", out);
		pvtb_text_put_ktap(host, out);
		fprintf(out, "\n    1..%zu\n", end - i);
		for (size_t k = i; k < end; k++)
			bad += ktap_row(&c->rows[k], k - i + 1, out);
		fprintf(out, "%s %zu ", bad ? "not ok" : "ok", ++nr);
		pvtb_text_put_ktap(host, out);
		fputc('\n', out);
		i = end;
	}
}

/* ---- Go ---- */

/* "ns/op", "instr/op": benchstat knows ns, and that counts are exact because it is told. */
static const char *go_unit(const struct pvtb_compare_row *row)
{
	const char *u = pvtb_shown_unit(row->host, row->unit);

	return strcmp(u, "instructions") ? u : "instr";
}

static void go_values(const struct pvtb_compare_row *row, const double *v, u64 runs, FILE *out)
{
	for (u64 i = 0; i < runs; i++)
		fprintf(out, "BenchmarkPvtb/bench=%s/variant=%s/stat=%s 1 %.12g %s/op\n",
			row->bench, row->variant, row->metric, shown(row, v[i]), go_unit(row));
}

static void write_go(const struct pvtb_comparison *c, FILE *out)
{
	const char *host = "";

	fputs("Unit instr/op assume=exact better=lower\n", out);
	for (int side = 0; side < 2; side++) {
		fprintf(out, "\nside: %s\nkernel: %s\n", side ? "new" : "old",
			side ? c->new_name : c->old_name);
		host = "";
		for (size_t i = 0; i < c->nr_rows; i++) {
			const struct pvtb_compare_row *row = &c->rows[i];

			if (!row->metric)
				continue;
			if (strcmp(host, row->host_name))
				fprintf(out, "goos: linux\ngoarch: %s\nhost: %s\n", row->host->arch,
					row->host_name);
			host = row->host_name;
			go_values(row, side ? row->new_values : row->old_values,
				  side ? row->s.new_runs : row->s.old_runs, out);
		}
	}
}

int pvtb_compare_write(const struct pvtb_comparison *c, enum pvtb_compare_format format,
		       enum pvtb_compare_by by, FILE *out, struct pvtb_err *err)
{
	unsigned long begun = pvtb_json_begin();
	int ret = 0;

	switch (format) {
	case PVTB_COMPARE_TEXT:
	case PVTB_COMPARE_MARKDOWN:
		ret = pvtb_compare_write_text(c, format, by, out);
		break;
	case PVTB_COMPARE_JSON:
		ret = write_json(to_json(c), begun, out);
		break;
	case PVTB_COMPARE_KCIDB:
		ret = write_json(to_kcidb(c), begun, out);
		break;
	case PVTB_COMPARE_KTAP:
		write_ktap(c, out);
		break;
	case PVTB_COMPARE_GO:
		write_go(c, out);
		break;
	}
	if (!ret && (fflush(out) || ferror(out)))
		ret = errno ? -errno : -EIO;
	return ret ? pvtb_err_sys(err, ret, "comparison") : 0;
}
