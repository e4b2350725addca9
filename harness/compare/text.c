// SPDX-License-Identifier: GPL-2.0-only
/* Owns what people read of a comparison: tables fit for a mail, and the same in markdown. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"
#include "core/text.h"
#include "report/quantity.h"
#include "report/table.h"

#define CELL 128

static const char *const verdict_words[] = {
	[PVTB_SAME] = "same",	    [PVTB_BETTER] = "better",	  [PVTB_WORSE] = "WORSE",
	[PVTB_CHANGED] = "changed", [PVTB_UNSURE] = "can't tell", [PVTB_BROKEN] = "BROKEN",
	[PVTB_MISSING] = "missing",
};

/* ---- groups ---- */

/* Rows with the same text are one table. */
static void group_of(const struct pvtb_compare_row *row, enum pvtb_compare_by by, char *buf,
		     size_t size)
{
	switch (by) {
	case PVTB_BY_BENCH:
		snprintf(buf, size, "%s  %s", row->host_name, row->bench);
		return;
	case PVTB_BY_VARIANT:
		snprintf(buf, size, "%s  %s.%s", row->host_name, row->bench, row->variant);
		return;
	case PVTB_BY_HOST:
		snprintf(buf, size, "%s", row->host_name);
		return;
	case PVTB_BY_STAT:
		snprintf(buf, size, "%s  %s", row->host_name,
			 row->metric ? row->metric : "variants as a whole");
		return;
	}
}

/* As pvtb report calls it: the whole name would take a third of a mail's line. */
#define NET "net"

static const char *metric_of(const struct pvtb_compare_row *row)
{
	if (!row->metric)
		return "";
	return strcmp(row->metric, "batch.corrected") ? row->metric : NET;
}

static void label_of(const struct pvtb_compare_row *row, enum pvtb_compare_by by, char *buf,
		     size_t size)
{
	const char *metric = metric_of(row);
	const char *dot = row->metric ? "." : "";

	switch (by) {
	case PVTB_BY_BENCH:
		snprintf(buf, size, "%s%s%s", row->variant, dot, metric);
		return;
	case PVTB_BY_VARIANT:
		snprintf(buf, size, "%s", row->metric ? metric : row->variant);
		return;
	case PVTB_BY_HOST:
		snprintf(buf, size, "%s.%s%s%s", row->bench, row->variant, dot, metric);
		return;
	case PVTB_BY_STAT:
		snprintf(buf, size, "%s.%s", row->bench, row->variant);
		return;
	}
}

static bool same_group(const struct pvtb_compare_row *a, const struct pvtb_compare_row *b,
		       enum pvtb_compare_by by)
{
	char x[512], y[512];

	group_of(a, by, x, sizeof(x));
	group_of(b, by, y, sizeof(y));
	return !strcmp(x, y);
}

/* The unit all rows of the group are in, or NULL: then each says its own. */
static const char *common_unit(const struct pvtb_comparison *c, size_t first,
			       enum pvtb_compare_by by)
{
	const char *unit = NULL;

	for (size_t i = first; i < c->nr_rows; i++) {
		const struct pvtb_compare_row *row = &c->rows[i];
		const char *u;

		if (!row->metric || !same_group(row, &c->rows[first], by))
			continue;
		u = pvtb_shown_unit(row->host, row->unit);
		if (unit && strcmp(unit, u))
			return NULL;
		unit = u;
	}
	return unit ? unit : "";
}

/* ---- cells ---- */

/* Digits follow the interval: one of it, two where that is a 1. */
static unsigned int decimals_of(double shown_half)
{
	unsigned int d = 0;

	if (!(shown_half > 0))
		return 2;
	while (shown_half < 2 && d < 3) {
		shown_half *= 10;
		d++;
	}
	return d;
}

static void put_value(const struct pvtb_compare_row *row, double value, double half, char *buf)
{
	char a[PVTB_QUANTITY_CHARS], b[PVTB_QUANTITY_CHARS];
	double shown = pvtb_shown_value(row->host, row->unit, half);

	if (!(half > 0) || !isfinite(half)) {
		pvtb_quantity(row->host, row->unit, value, buf, CELL);
		return;
	}
	pvtb_quantity_fixed(row->host, row->unit, value, decimals_of(shown), a, sizeof(a));
	pvtb_quantity_fixed(row->host, row->unit, half, decimals_of(shown), b, sizeof(b));
	snprintf(buf, CELL, "%.48s +-%.48s", a, b);
}

static void put_signed(const struct pvtb_compare_row *row, double value, char *buf)
{
	char text[CELL - 1];

	/* a mean of counts may differ by a part of one */
	if (row->exact && value != 0 && fabs(value) < 10 && value != rint(value))
		pvtb_quantity_fixed(row->host, row->unit, value, 2, text, sizeof(text));
	else
		pvtb_quantity(row->host, row->unit, value, text, sizeof(text));
	snprintf(buf, CELL, "%s%s", value > 0 ? "+" : "", text);
}

static void put_exact(const struct pvtb_compare_row *row, char *buf)
{
	const struct pvtb_shift *s = &row->s;
	char low[CELL], high[CELL];

	if (s->low == s->high) {
		put_signed(row, s->shift, low);
		snprintf(buf, CELL, "%.40s (exact)", low);
		return;
	}
	put_signed(row, s->low, low);
	put_signed(row, s->high, high);
	snprintf(buf, CELL, "%.28s..%.28s", low, high);
}

/* As far as it goes down and up; once where both look the same. */
static void put_reach(double down, double up, unsigned int d, char *buf)
{
	char a[CELL / 4], b[CELL / 4];
	size_t n = strlen(buf);

	snprintf(a, sizeof(a), "%.*f", (int)d, down);
	snprintf(b, sizeof(b), "%.*f", (int)d, up);
	if (strcmp(a, b))
		snprintf(buf + n, CELL - n, " -%s +%s", a, b);
	else
		snprintf(buf + n, CELL - n, " +-%s", a);
}

static void put_change(const struct pvtb_compare_row *row, char *buf)
{
	const struct pvtb_shift *s = &row->s;
	double half = fmax(s->high - s->shift, s->shift - s->low), by = fabs(s->old_value) / 100,
	       change;
	unsigned int d;

	if (row->exact) {
		put_exact(row, buf);
		return;
	}
	if (!(by > 0)) {
		put_signed(row, s->shift, buf);
		return;
	}
	d = half / by < 0.05 ? 2 : half / by < 10 || !isfinite(half) ? 1 : 0;
	change = s->shift / by;
	if (fabs(change) < 0.5 * pow(10, -(double)d))
		change = 0; /* neither +0.0 nor -0.0 */
	snprintf(buf, CELL, change == 0 ? "%.*f %%" : "%+.*f %%", (int)d, change);
	if (isfinite(half))
		put_reach((s->shift - s->low) / by, (s->high - s->shift) / by, d, buf);
}

/* ---- the table of a group ---- */

static void fill_row(const struct pvtb_compare_row *row, enum pvtb_compare_by by, const char *unit,
		     struct pvtb_table *t)
{
	char text[512];

	pvtb_table_row(t);
	label_of(row, by, text, sizeof(text));
	pvtb_table_cell(t, 0, "%s", text);
	pvtb_table_cell(t, 5, "%s", verdict_words[row->verdict]);
	if (!row->metric)
		return;
	put_value(row, row->s.old_value, row->s.old_half, text);
	pvtb_table_cell(t, 1, "%s", text);
	put_value(row, row->s.new_value, row->s.new_half, text);
	pvtb_table_cell(t, 2, "%s", text);
	if (!unit)
		pvtb_table_cell(t, 3, "%s", pvtb_shown_unit(row->host, row->unit));
	put_change(row, text);
	pvtb_table_cell(t, 4, "%s", text);
}

/* Reasons below their table, those of many variants once. */
static void put_whys(const struct pvtb_comparison *c, size_t first, enum pvtb_compare_by by,
		     FILE *out)
{
	for (size_t i = first; i < c->nr_rows; i++) {
		const struct pvtb_compare_row *row = &c->rows[i];
		char head[300];
		bool said = false;

		if (!row->why || !same_group(row, &c->rows[first], by))
			continue;
		for (size_t k = first; k < i; k++)
			said |= c->rows[k].why && !strcmp(c->rows[k].why, row->why) &&
				same_group(&c->rows[k], row, by);
		if (said)
			continue;
		snprintf(head, sizeof(head), "%s: %s", verdict_words[row->verdict], row->why);
		pvtb_fill(out, "  ", "    ", PVTB_COMPARE_COLUMNS, head);
	}
}

static int put_group(const struct pvtb_comparison *c, size_t first, enum pvtb_compare_by by,
		     enum pvtb_table_style style, FILE *out)
{
	const char *unit = common_unit(c, first, by);
	struct pvtb_table t = {0};
	char title[512];
	int ret;

	group_of(&c->rows[first], by, title, sizeof(title));
	fprintf(out, "%s%s%s%s\n%s", style == PVTB_TABLE_MARKDOWN ? "### " : "", title,
		unit && *unit ? ", in " : "", unit ? unit : "",
		style == PVTB_TABLE_MARKDOWN ? "\n" : "");
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "old", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "new", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "unit", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "change", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "verdict", PVTB_ALIGN_LEFT);
	for (size_t i = first; i < c->nr_rows; i++)
		if (same_group(&c->rows[i], &c->rows[first], by))
			fill_row(&c->rows[i], by, unit, &t);
	ret = pvtb_table_print(&t, style, style == PVTB_TABLE_PLAIN ? 2 : 0,
			       style == PVTB_TABLE_PLAIN ? PVTB_COMPARE_COLUMNS : 0, out);
	pvtb_table_free(&t);
	if (style == PVTB_TABLE_MARKDOWN)
		fputc('\n', out);
	put_whys(c, first, by, out);
	return ret;
}

/* ---- around the tables ---- */

static void put_side(const char *what, const char *name, size_t runs, FILE *out)
{
	fprintf(out, "%s  %s", what, name);
	if (runs > 1)
		fprintf(out, "   %zu runs", runs);
	fputc('\n', out);
}

static int put_needed(const struct pvtb_comparison *c, FILE *out)
{
	char *text PVTB_FREE = NULL;
	size_t size, n = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fputs("can't tell, and what would settle it if the differences are as they look:", f);
	for (size_t i = 0; i < c->nr_rows; i++) {
		const struct pvtb_compare_row *row = &c->rows[i];
		char grouped[32];

		if (row->verdict != PVTB_UNSURE)
			continue;
		fprintf(f, "%s %s.%s.%s ", n++ ? "," : "", row->bench, row->variant, row->metric);
		if (row->needed_runs > 1000)
			fputs("over 1000 runs: too near the threshold", f);
		else if (row->needed_runs)
			fprintf(f, "at least %llu runs a side",
				(unsigned long long)row->needed_runs);
		else if (row->needed_samples > 1000000000)
			fputs("over 10^9 samples: too near the threshold", f);
		else if (row->needed_samples) {
			pvtb_grouped(row->needed_samples, grouped, sizeof(grouped));
			fprintf(f, "at least %s samples a side", grouped);
		} else {
			fputs("a quieter side: its own runs differ", f);
		}
	}
	if (pvtb_text_close(f, &text))
		return -ENOMEM;
	if (n)
		pvtb_fill(out, "", "  ", PVTB_COMPARE_COLUMNS, text);
	return 0;
}

static void put_method(const struct pvtb_comparison *c, FILE *out)
{
	size_t by_runs = 0, drift = 0, net = 0, means = 0;
	char text[512];

	if (!c->tests)
		return;
	for (size_t i = 0; i < c->nr_rows; i++) {
		net += !strcmp(metric_of(&c->rows[i]), NET);
		means += c->rows[i].metric && c->rows[i].s.by_means;
		by_runs += c->rows[i].metric && c->rows[i].s.spread == PVTB_SPREAD_RUNS;
		drift += c->rows[i].metric && c->rows[i].s.spread == PVTB_SPREAD_DRIFT;
	}
	snprintf(
		text, sizeof(text),
		"+-: 95 %% intervals%s; verdicts: Mann-Whitney at %g %%, Holm over %zu metric%s%s%s",
		by_runs ? ", from run to run where that is more than within" : "", c->alpha * 100,
		c->tests, c->tests > 1 ? "s" : "",
		means ? "; where samples spread over a few ticks only, by their means" : "",
		drift ? "; where a run drifted, its drift counts as uncertainty" : "");
	pvtb_fill(out, "", "  ", PVTB_COMPARE_COLUMNS, text);
	if (net)
		fputs("net: the cost of an op by batches, less the empty loop's "
		      "(batch.corrected)\n",
		      out);
	if (c->old_runs < 3 || c->new_runs < 3)
		pvtb_fill(
			out, "", "  ", PVTB_COMPARE_COLUMNS,
			"fewer than three runs on a side: what differs from run to run (boot, placement) "
			"is not in these intervals; repeat both, --old a b c --new d e f");
}

static void put_counts(const struct pvtb_comparison *c, FILE *out)
{
	static const enum pvtb_verdict order[] = {PVTB_WORSE,  PVTB_BROKEN,  PVTB_MISSING,
						  PVTB_BETTER, PVTB_CHANGED, PVTB_SAME,
						  PVTB_UNSURE};
	bool always, first = true;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(order); i++) {
		always = order[i] == PVTB_WORSE || order[i] == PVTB_BETTER ||
			 order[i] == PVTB_SAME || order[i] == PVTB_UNSURE;
		if (!always && !c->count[order[i]])
			continue;
		fprintf(out, "%s%zu %s", first ? "" : ", ", c->count[order[i]],
			order[i] == PVTB_WORSE	  ? "worse"
			: order[i] == PVTB_BROKEN ? "broken"
						  : verdict_words[order[i]]);
		first = false;
	}
	if (c->only_new)
		fprintf(out, ", %zu only in new", c->only_new);
	fprintf(out, "%s\n", c->failed ? "   FAILED" : "");
}

static int put_page(const struct pvtb_comparison *c, bool markdown, enum pvtb_compare_by by,
		    FILE *out)
{
	int ret = 0;

	put_side("old", c->old_name, c->old_runs, out);
	if (markdown)
		fputc('\n', out);
	put_side("new", c->new_name, c->new_runs, out);
	if (markdown && c->nr_warnings)
		fputc('\n', out);
	for (size_t i = 0; i < c->nr_warnings; i++)
		pvtb_fill(out, markdown ? "* warning: " : "warning: ", "  ", PVTB_COMPARE_COLUMNS,
			  c->warnings[i]);
	for (size_t i = 0; i < c->nr_rows && !ret; i++) {
		bool begun = false;

		for (size_t k = 0; k < i; k++)
			begun |= same_group(&c->rows[k], &c->rows[i], by);
		if (begun)
			continue;
		fputc('\n', out);
		ret = put_group(c, i, by, markdown ? PVTB_TABLE_MARKDOWN : PVTB_TABLE_PLAIN, out);
	}
	fputc('\n', out);
	ret = ret ?: put_needed(c, out);
	put_method(c, out);
	if (markdown)
		fputc('\n', out);
	put_counts(c, out);
	return ret;
}

int pvtb_compare_write_text(const struct pvtb_comparison *c, enum pvtb_compare_format format,
			    enum pvtb_compare_by by, FILE *out)
{
	char *text PVTB_FREE = NULL;
	size_t size;
	FILE *f;
	int ret;

	if (format != PVTB_COMPARE_MARKDOWN)
		return put_page(c, false, by, out);
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	ret = put_page(c, true, by, f);
	if (pvtb_text_close(f, &text))
		ret = ret ?: -ENOMEM;
	if (!ret)
		pvtb_text_put_markdown(text, out);
	return ret;
}
