// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the report people read, as plain text and as markdown: one layout, two looks. Every
 * variant appears, measured or not; what is not ok appears with its reason.
 */
#include "core/text.h"
#include "report/formats.h"
#include "report/quantity.h"
#include "report/rates.h"
#include "report/stolen.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define TEXT_WIDTH 100

struct page {
	const struct pvtb_result *r;
	const struct pvtb_host_result *h;
	enum pvtb_table_style style;
	FILE *out;
	int *error; /* of what returns nothing: -ENOMEM, kept */
};

static bool markdown(const struct page *p)
{
	return p->style == PVTB_TABLE_MARKDOWN;
}

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

static const char *or_reasonless(const char *s)
{
	return s && *s ? s : "no reason given";
}

/* A line of prose under a table or in the header. */
static void line(const struct page *p, const char *lead, const char *text)
{
	char rest[64];

	if (markdown(p)) {
		fprintf(p->out, "- %s%s\n", lead, text);
		return;
	}
	snprintf(rest, sizeof(rest), "%*s", (int)pvtb_text_width(lead) + 2, "");
	fputs("  ", p->out);
	pvtb_fill(p->out, lead, rest, TEXT_WIDTH - 2, text);
}

static int print_table(const struct page *p, const struct pvtb_table *t)
{
	int ret;

	if (!t->nr_rows)
		return 0;
	if (markdown(p))
		fputc('\n', p->out);
	ret = pvtb_table_print(t, p->style, markdown(p) ? 0 : 2, 0, p->out);
	if (markdown(p))
		fputc('\n', p->out);
	return ret;
}

static void status_word(enum pvtb_status s, char *buf, size_t size)
{
	size_t i;

	snprintf(buf, size, "%s", pvtb_status_name(s));
	/* What needs attention is seen from across the room. */
	for (i = 0; s != PVTB_OK && buf[i]; i++)
		buf[i] = (char)toupper((unsigned char)buf[i]);
}

static const struct pvtb_law_result *find_law(const struct pvtb_variant_result *v, const char *name)
{
	for (size_t i = 0; i < v->nr_laws; i++) {
		if (!strcmp(v->laws[i].name, name))
			return &v->laws[i];
	}
	return NULL;
}

static void verdict_cell(struct pvtb_table *t, size_t column, const struct pvtb_variant_result *v)
{
	const struct pvtb_law_result *law = find_law(v, "conservation");
	char word[24];

	status_word(v->status, word, sizeof(word));
	if (v->status == PVTB_OK && law && law->expects && *law->expects)
		pvtb_table_cell(t, column, "%s, %s", word, law->expects);
	else
		pvtb_table_cell(t, column, "%s", word);
}

static void read_cell(struct pvtb_table *t, size_t column, const struct page *p,
		      const struct pvtb_variant_result *v, const char *name)
{
	const struct pvtb_metric *m = pvtb_variant_metric(v, name);
	char text[PVTB_QUANTITY_CHARS];

	if (!m)
		return;
	pvtb_quantity_read(p->h, m, text, sizeof(text));
	pvtb_table_cell(t, column, "%s", text);
}

/* What a few batches cost beyond the others is not in a median of slopes: the mean beside it, where it
 * is another one by more than the interval and by a thousandth. */
static void slope_mean(const struct page *p, const struct pvtb_variant_result *v,
		       const struct pvtb_metric *slope, char *buf, size_t size)
{
	const struct pvtb_metric *mean = pvtb_variant_metric(v, "batch.mean");
	char value[PVTB_QUANTITY_CHARS];

	*buf = '\0';
	if (!mean || fabs(mean->value - slope->value) <= 1e-3 * fabs(slope->value) ||
	    (mean->value >= slope->low && mean->value <= slope->high))
		return;
	pvtb_quantity_fixed(p->h, mean->unit, mean->value, pvtb_interval_decimals(p->h, slope),
			    value, sizeof(value));
	snprintf(buf, size, "mean %s", value);
}

static void slope_cells(struct pvtb_table *t, size_t column, const struct page *p,
			const struct pvtb_variant_result *v)
{
	const struct pvtb_metric *slope = pvtb_variant_metric(v, "batch.slope");
	const struct pvtb_metric *net = pvtb_variant_metric(v, "batch.corrected");
	char value[PVTB_QUANTITY_CHARS], half[PVTB_QUANTITY_CHARS];
	char word[PVTB_QUANTITY_CHARS + 8], mean[PVTB_QUANTITY_CHARS + 8];

	if (slope) {
		pvtb_quantity_interval(p->h, slope, value, sizeof(value), half, sizeof(half));
		pvtb_table_cell(t, column, "%s", value);
		snprintf(word, sizeof(word), "%s%s", markdown(p) ? "±" : "+- ", half);
		slope_mean(p, v, slope, mean, sizeof(mean));
		pvtb_table_cell(t, column + 1, "%s%s%s", *half ? word : "",
				*half && *mean ? ", " : "", mean);
	}
	if (net) {
		pvtb_quantity_fixed(p->h, net->unit, net->value,
				    pvtb_interval_decimals(p->h, slope ? slope : net), value,
				    sizeof(value));
		pvtb_table_cell(t, column + 2, "%s", value);
	}
}

static int latency_table(const struct page *p, const struct pvtb_bench_result *b)
{
	static const char *const reads[] = {"p50", "p99", "p99.9", "max"};
	struct pvtb_table t = {};
	int ret;

	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reads); i++)
		pvtb_table_column(&t, reads[i], PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "per op", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "net", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "exits/op", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "law", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		const struct pvtb_metric *exits = pvtb_variant_metric(v, "exits_per_op");

		if (!pvtb_is_latency(v))
			continue;
		pvtb_table_row(&t);
		pvtb_table_cell(&t, 0, "%s", v->name);
		for (size_t m = 0; m < PVTB_ARRAY_SIZE(reads); m++)
			read_cell(&t, m + 1, p, v, reads[m]);
		slope_cells(&t, 5, p, v);
		if (exits)
			pvtb_table_cell(&t, 8, "%.4g", exits->value);
		verdict_cell(&t, 9, v);
	}
	ret = print_table(p, &t);
	pvtb_table_free(&t);
	return ret;
}

/* Where the time of an exit goes; only variants whose exits the host saw. */
static int decomposition_table(const struct page *p, const struct pvtb_bench_result *b)
{
	static const struct {
		const char *title, *metric;
	} parts[] = {
		{"hw exit", "decomp.hw_exit.p50"},   {"host", "decomp.handling.p50"},
		{"hw entry", "decomp.hw_entry.p50"}, {"guest saw", "traced.p50"},
		{"tracing adds", "trace.cost"},
	};
	struct pvtb_table t = {};
	int ret;

	pvtb_table_column(&t, "where an exit goes (p50)", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(parts); i++)
		pvtb_table_column(&t, parts[i].title, PVTB_ALIGN_POINT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];

		if (!pvtb_variant_metric(v, "decomp.handling.p50"))
			continue;
		pvtb_table_row(&t);
		pvtb_table_cell(&t, 0, "%s", v->name);
		for (size_t m = 0; m < PVTB_ARRAY_SIZE(parts); m++) {
			const struct pvtb_metric *metric = pvtb_variant_metric(v, parts[m].metric);
			char text[PVTB_QUANTITY_CHARS];

			if (!metric)
				continue;
			pvtb_quantity(p->h, metric->unit, metric->value, text, sizeof(text));
			pvtb_table_cell(&t, m + 1, "%s", text);
		}
	}
	ret = print_table(p, &t);
	pvtb_table_free(&t);
	return ret;
}

/* Host counters are called "perf.cycles:G"; the table's title says what they are. */
static const char *counter_name(const struct pvtb_metric *m)
{
	return strncmp(m->name, "perf.", 5) ? NULL : m->name + 5;
}

static size_t counter_column(struct pvtb_table *t, const char *name)
{
	for (size_t c = 1; c < t->nr_columns; c++) {
		if (!strcmp(t->columns[c].title, name))
			return c;
	}
	pvtb_table_column(t, name, PVTB_ALIGN_POINT);
	return t->nr_columns - 1;
}

static int counters_table(const struct page *p, const struct pvtb_bench_result *b)
{
	struct pvtb_table t = {};
	int ret;

	pvtb_table_column(&t, "counters per op", PVTB_ALIGN_LEFT);
	/* Columns first: a table's rows have as many cells as it had columns. */
	for (size_t i = 0; i < b->nr_variants; i++) {
		for (size_t m = 0; m < b->variants[i].nr_metrics; m++) {
			const char *name = counter_name(&b->variants[i].metrics[m]);

			if (name)
				counter_column(&t, name);
		}
	}
	for (size_t i = 0; t.nr_columns > 1 && i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		bool row = false;

		for (size_t m = 0; m < v->nr_metrics; m++) {
			const char *name = counter_name(&v->metrics[m]);
			char text[PVTB_QUANTITY_CHARS];

			if (!name)
				continue;
			if (!row) {
				pvtb_table_row(&t);
				pvtb_table_cell(&t, 0, "%s", v->name);
				row = true;
			}
			pvtb_quantity(p->h, v->metrics[m].unit, v->metrics[m].value, text,
				      sizeof(text));
			pvtb_table_cell(&t, counter_column(&t, name), "%s", text);
		}
	}
	ret = print_table(p, &t);
	pvtb_table_free(&t);
	return ret;
}

/* Variants that are no latencies: whatever they measured, one metric a row. */
static int metric_table(const struct page *p, const struct pvtb_bench_result *b)
{
	struct pvtb_table t = {};
	int ret;

	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "metric", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "value", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "unit", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "n", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "law", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];

		if (pvtb_is_latency(v) || pvtb_stolen_vcpus(v))
			continue;
		for (size_t m = 0; m < v->nr_metrics; m++) {
			const struct pvtb_metric *metric = &v->metrics[m];
			char value[PVTB_QUANTITY_CHARS], half[PVTB_QUANTITY_CHARS] = "";

			if (isfinite(metric->low) && isfinite(metric->high))
				pvtb_quantity_interval(p->h, metric, value, sizeof(value), half,
						       sizeof(half));
			else
				pvtb_quantity(p->h, metric->unit, metric->value, value,
					      sizeof(value));
			pvtb_table_row(&t);
			if (!m) {
				pvtb_table_cell(&t, 0, "%s", v->name);
				verdict_cell(&t, 6, v);
			}
			pvtb_table_cell(&t, 1, "%s", metric->name);
			pvtb_table_cell(&t, 2, "%s", value);
			if (*half)
				pvtb_table_cell(&t, 3, "%s%s", markdown(p) ? "±" : "+- ", half);
			pvtb_table_cell(&t, 4, "%s", pvtb_shown_unit(p->h, metric->unit));
			pvtb_table_cell(&t, 5, "%llu", (unsigned long long)metric->n);
		}
	}
	ret = print_table(p, &t);
	pvtb_table_free(&t);
	return ret;
}

static void json_cell(struct pvtb_table *t, size_t column, const json_t *cell)
{
	if (json_is_string(cell))
		pvtb_table_cell(t, column, "%s", json_string_value(cell));
	else if (json_is_integer(cell))
		pvtb_table_cell(t, column, "%lld", (long long)json_integer_value(cell));
	else if (json_is_real(cell))
		pvtb_table_cell(t, column, "%.6g", json_real_value(cell));
	else
		pvtb_table_cell(t, column, "-");
}

/* detail.tables, see report.h. What is malformed is left out: it is the benchmark's own data. */
static int detail_tables(const struct page *p, const struct pvtb_variant_result *v)
{
	const json_t *tables = json_object_get(v->detail, "tables"), *table;
	size_t i;
	int ret = 0;

	json_array_foreach (tables, i, table) {
		const json_t *columns = json_object_get(table, "columns"), *row, *cell;
		const char *title = json_string_value(json_object_get(table, "title"));
		struct pvtb_table t = {};
		size_t r, c;

		json_array_foreach (columns, c, cell)
			pvtb_table_column(&t, json_is_string(cell) ? json_string_value(cell) : "",
					  c ? PVTB_ALIGN_POINT : PVTB_ALIGN_LEFT);
		json_array_foreach (json_object_get(table, "rows"), r, row) {
			pvtb_table_row(&t);
			json_array_foreach (row, c, cell)
				json_cell(&t, c, cell);
		}
		if (t.nr_columns && t.nr_rows)
			fprintf(p->out, "%s%s: %s\n", markdown(p) ? "\n" : "  ", v->name,
				title ? title : "");
		ret = print_table(p, &t);
		pvtb_table_free(&t);
		if (ret)
			return ret;
	}
	return 0;
}

static void law_notes(const struct page *p, const struct pvtb_variant_result *v)
{
	for (size_t l = 0; l < v->nr_laws; l++) {
		const struct pvtb_law_result *law = &v->laws[l];
		char word[24], lead[160], text[1024];

		/* What the variant's own reason says already is not said twice. */
		if (law->status == PVTB_OK || law->status == PVTB_SKIP ||
		    (v->status != PVTB_OK && v->why && law->verdict && *law->verdict &&
		     strstr(v->why, law->verdict)))
			continue;
		status_word(law->status, word, sizeof(word));
		snprintf(lead, sizeof(lead), "%-5s ", word);
		snprintf(text, sizeof(text), "%.60s, %.40s: %s (expected: %s)", v->name, law->name,
			 or_reasonless(law->verdict), or_dash(law->expects));
		line(p, lead, text);
	}
}

/* Reasons, under the table: why a variant is not ok, and each law that did not hold. */
static void notes(const struct page *p, const struct pvtb_bench_result *b)
{
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		char *names PVTB_FREE = NULL, *text PVTB_FREE = NULL;
		char word[24], lead[32];

		if (pvtb_same_reason(b, i, "", &names))
			*p->error = -ENOMEM;
		status_word(v->status, word, sizeof(word));
		snprintf(lead, sizeof(lead), "%-5s ", word);
		if (names && asprintf(&text, "%s: %s", names, or_reasonless(v->why)) < 0) {
			text = NULL;
			*p->error = -ENOMEM;
		}
		if (text)
			line(p, lead, text);
		law_notes(p, v);
	}
}

static bool bench_below_tick(const struct page *p, const struct pvtb_bench_result *b)
{
	static const char *const reads[] = {"p50", "p99", "p99.9", "max"};

	for (size_t i = 0; i < b->nr_variants; i++) {
		for (size_t m = 0; m < PVTB_ARRAY_SIZE(reads); m++) {
			const struct pvtb_metric *metric =
				pvtb_variant_metric(&b->variants[i], reads[m]);

			if (metric && pvtb_below_tick(p->h, metric->unit, metric->value))
				return true;
		}
	}
	return false;
}

static bool bench_is_latency(const struct pvtb_bench_result *b)
{
	for (size_t i = 0; i < b->nr_variants; i++) {
		if (pvtb_is_latency(&b->variants[i]))
			return true;
	}
	return false;
}

/* KVM on arm64 lets the host take its interrupts between the guest and kvm_exit. */
static void interrupts_note(const struct page *p, const struct pvtb_bench_result *b)
{
	if (strcmp(p->h->arch ? p->h->arch : "", "arm64"))
		return;
	for (size_t i = 0; i < b->nr_variants; i++) {
		if (!pvtb_stolen_vcpus(&b->variants[i]))
			continue;
		line(p, "",
		     "in guest: up to kvm_exit. On arm64 the host runs its interrupt handlers before "
		     "kvm_exit, so their time is in this row; host interrupt: only what follows");
		return;
	}
}

static int bench(const struct page *p, const struct pvtb_bench_result *b)
{
	const char *unit = bench_is_latency(b) ? pvtb_time_unit_long(p->h) : NULL;
	const char *summary = b->summary ? b->summary : "";
	int ret;

	fprintf(p->out, markdown(p) ? "\n### %s\n\n" : "\n%s   ", b->name);
	fprintf(p->out, "%s%s%s%s\n", summary, unit && *summary ? ", " : "", unit ? "in " : "",
		unit ? unit : "");
	ret = latency_table(p, b);
	if (!ret && bench_below_tick(p, b))
		line(p, "< ",
		     "below one counter tick, which a single read cannot resolve: see per op");
	if (!ret)
		ret = metric_table(p, b);
	if (!ret)
		ret = pvtb_stolen_text(b, p->style, p->out);
	if (!ret)
		interrupts_note(p, b);
	for (size_t i = 0; i < b->nr_variants && !ret; i++)
		ret = detail_tables(p, &b->variants[i]);
	if (!ret)
		notes(p, b);
	if (!ret)
		ret = decomposition_table(p, b);
	if (!ret)
		ret = counters_table(p, b);
	return ret;
}

/* A line that is put together first. NULL: no memory, which is kept. */
static FILE *text_begin(const struct page *p, char **text, size_t *size)
{
	FILE *f = open_memstream(text, size);

	if (!f)
		*p->error = -ENOMEM;
	return f;
}

/* False: no memory, which is kept. */
static bool text_end(const struct page *p, FILE *f, char *const *text)
{
	if (!pvtb_text_close(f, text))
		return true;
	*p->error = -ENOMEM;
	return false;
}

static void not_controlled(const struct page *p)
{
	char *text PVTB_FREE = NULL;
	size_t size;
	FILE *f = text_begin(p, &text, &size);

	if (!f)
		return;
	for (size_t i = 0; i < p->h->nr_not_controlled; i++)
		fprintf(f, "%s%s", i ? "; " : "", p->h->not_controlled[i]);
	if (!p->h->nr_not_controlled)
		fputs("nothing recorded", f);
	if (text_end(p, f, &text))
		line(p, "not controlled: ", text);
}

/* Benchmarks whose laws are the guest's own are checked all the same. */
static bool needs_witness(const struct pvtb_host_result *h)
{
	for (size_t b = 0; b < h->nr_benches; b++) {
		if (bench_is_latency(&h->benches[b]))
			return true;
	}
	return false;
}

static void host_header(const struct page *p)
{
	const struct pvtb_host_result *h = p->h;
	char tick[96], lead[300], text[512];

	pvtb_tick_text(h, tick, sizeof(tick));
	snprintf(lead, sizeof(lead), "%s   ", h->host);
	snprintf(text, sizeof(text), "%s %s, Linux %s, %s%s", or_dash(h->arch), or_dash(h->mode),
		 or_dash(h->kernel), tick, h->emulated ? ", emulated" : "");
	fputc('\n', p->out);
	if (markdown(p))
		fprintf(p->out, "## %s\n\n- %s\n", h->host, text);
	else
		pvtb_fill(p->out, lead, "    ", TEXT_WIDTH, text);
	not_controlled(p);
	if (h->emulated)
		line(p, "emulated: ",
		     h->deterministic
			     ? "instructions are exact; caches, pipelines and real exit costs do not exist"
			     : "times are the emulator's; compare them with nothing but themselves");
	if (!h->witnessed && pvtb_host_has_stolen(h))
		line(p, "no kvm_entry: ",
		     "exits and entries are not witnessed here, the scheduler's events are");
	else if (!h->witnessed && needs_witness(h))
		line(p, "no witness: ", "the host side was not traced, so no law could be checked");
}

static void sum_marks(const struct pvtb_host_result *h, const char *name, double *sum)
{
	for (size_t b = 0; b < h->nr_benches; b++) {
		for (size_t i = 0; i < h->benches[b].nr_variants; i++) {
			double v = pvtb_metric_value(&h->benches[b].variants[i], name);

			*sum += isfinite(v) ? v : 0;
		}
	}
}

static void put_trace_cost(const struct page *p, FILE *f)
{
	struct pvtb_trace_cost cost;
	char low[PVTB_QUANTITY_CHARS], high[PVTB_QUANTITY_CHARS];

	pvtb_trace_cost_of(p->h, &cost);
	if (!cost.nr)
		return;
	pvtb_quantity(p->h, PVTB_UNIT_TICKS, cost.low, low, sizeof(low));
	pvtb_quantity(p->h, PVTB_UNIT_TICKS, cost.high, high, sizeof(high));
	if (strcmp(low, high))
		fprintf(f, ", tracing adds %s to %s %s per exit", low, high,
			pvtb_time_unit_long(p->h));
	else
		fprintf(f, ", tracing adds %s %s per exit", low, pvtb_time_unit_long(p->h));
}

static void host_footer(const struct page *p)
{
	const struct pvtb_host_result *h = p->h;
	double preempted = 0, interrupted = 0, apart = 0;
	char *text PVTB_FREE = NULL;
	char n[32], lost[32];
	size_t size;
	FILE *f = text_begin(p, &text, &size);

	if (!f)
		return;
	pvtb_grouped(h->samples, n, sizeof(n));
	pvtb_grouped(h->lost, lost, sizeof(lost));
	fprintf(f, "%s samples, %s lost, %llu causal violations", n, lost,
		(unsigned long long)h->causal_violations);
	put_trace_cost(p, f);
	sum_marks(h, "marked.preempted", &preempted);
	sum_marks(h, "marked.interrupt", &interrupted);
	if (preempted + interrupted > 0)
		fprintf(f, "; marked: %.0f samples preempted, %.0f interrupted", preempted,
			interrupted);
	sum_marks(h, "single.preempted", &apart);
	if (apart > 0)
		fprintf(f,
			"; %.0f single samples preempted: counted and kept apart, drawn as triangles, left "
			"out of tables, shapes and comparisons",
			apart);
	if (!text_end(p, f, &text))
		return;
	fputc('\n', p->out);
	for (size_t b = 0; b < h->nr_benches; b++) {
		if (!bench_is_latency(&h->benches[b]))
			continue;
		line(p, "",
		     "p50 to max: single operations, counter reads included; per op: slope over "
		     "batches, 95 % interval; net: less the empty loop");
		break;
	}
	line(p, "", text);
}

static void host_verdicts(const struct page *p)
{
	const struct pvtb_host_result *h = p->h;
	size_t count[PVTB_INCONCLUSIVE + 1] = {0};
	char *text PVTB_FREE = NULL;
	size_t size;
	FILE *f = text_begin(p, &text, &size);

	if (!f)
		return;
	fputs("variants:", f);
	for (size_t b = 0; b < h->nr_benches; b++) {
		for (size_t i = 0; i < h->benches[b].nr_variants; i++) {
			if (h->benches[b].variants[i].status <= PVTB_INCONCLUSIVE)
				count[h->benches[b].variants[i].status]++;
		}
	}
	for (size_t s = 0, first = 1; s < PVTB_ARRAY_SIZE(count); s++) {
		char word[24];

		if (!count[s] && s)
			continue;
		status_word((enum pvtb_status)s, word, sizeof(word));
		fprintf(f, "%s %zu %s", first ? "" : ",", count[s], word);
		first = 0;
	}
	if (text_end(p, f, &text))
		line(p, "", text);
}

static int pages(const struct pvtb_result *r, enum pvtb_table_style style, FILE *out)
{
	int ret = 0, error = 0;
	struct page p = {.r = r, .style = style, .out = out, .error = &error};

	fprintf(out, "%s%s, %s profile, %s\n", markdown(&p) ? "# " : "", or_dash(r->tool),
		or_dash(r->profile), or_dash(r->created));
	if (markdown(&p))
		fprintf(out, "\n    %s\n", or_dash(r->command));
	else
		pvtb_fill_command(out, "", "    ", TEXT_WIDTH, or_dash(r->command));
	for (size_t i = 0; i < r->nr_hosts && !ret; i++) {
		p.h = &r->hosts[i];
		host_header(&p);
		for (size_t b = 0; b < p.h->nr_benches && !ret; b++)
			ret = bench(&p, &p.h->benches[b]);
		if (ret)
			break;
		host_footer(&p);
		host_verdicts(&p);
		ret = error;
	}
	return ret ?: pvtb_rates_text(r, style, out);
}

int pvtb_report_text(const struct pvtb_result *r, enum pvtb_table_style style, FILE *out,
		     struct pvtb_err *err)
{
	char *text PVTB_FREE = NULL;
	size_t size;
	FILE *f;
	int ret;

	if (style != PVTB_TABLE_MARKDOWN) {
		ret = pages(r, style, out);
		return ret ? pvtb_err_sys(err, ret, "report") : 0;
	}
	f = open_memstream(&text, &size);
	if (!f)
		return pvtb_err_sys(err, -ENOMEM, "report");
	ret = pages(r, style, f);
	if (pvtb_text_close(f, &text) && !ret)
		ret = -ENOMEM;
	if (ret)
		return pvtb_err_sys(err, ret, "report");
	pvtb_text_put_markdown(text, out);
	return 0;
}
