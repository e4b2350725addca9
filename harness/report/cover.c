// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the cover letter: what a maintainer needs to believe the numbers, in plain ASCII below 72
 * columns, and nothing else.
 */
#include "report/formats.h"
#include "report/quantity.h"
#include "report/stolen.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

struct mail {
	FILE *out;
	int error; /* -ENOMEM, kept */
};

static void paragraph(struct mail *mail, const char *first, const char *rest, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void paragraph(struct mail *mail, const char *first, const char *rest, const char *fmt, ...)
{
	char *text PVTB_FREE = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		mail->error = -ENOMEM;
		return;
	}
	/* Mail: what is not ASCII came out of an environment file and is not worth a charset. */
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c >= 0x80 || (iscntrl((unsigned char)*c) && *c != '\n'))
			*c = '?';
	}
	pvtb_fill(mail->out, first, rest, PVTB_COVER_COLUMNS, text);
}

static void what_on_what(struct mail *mail, const struct pvtb_host_result *h)
{
	const char *cpu = pvtb_env_string(h, "cpu", "model");
	const char *qemu = pvtb_env_string(h, "tools", "qemu");
	char tick[96];

	pvtb_tick_text(h, tick, sizeof(tick));
	if (h->emulated)
		paragraph(
			mail, "", "", "On %s: Linux %s %s, KVM %s, host emulated by %s%s, %s.%s",
			h->host, h->kernel, h->arch, h->mode, qemu ? qemu : "QEMU",
			qemu && strstr(qemu, "TCG") ? "" : " (TCG)", tick,
			h->deterministic
				? " Counted in instructions: exact and repeatable, blind to caches and "
				  "pipelines."
				: " Emulated times: only to be compared with each other.");
	else
		paragraph(mail, "", "", "On %s: Linux %s %s, KVM %s, %s, %s.",
			  strcmp(h->host, "native") ? h->host : "the machine itself", h->kernel,
			  h->arch, h->mode, cpu ? cpu : "CPU not recorded", tick);
}

static int seed_block(struct mail *mail, const struct pvtb_host_result *h)
{
	struct pvtb_seed seed;
	int ret;

	if (!pvtb_seed_of(h, &seed))
		return 0;
	fputc('\n', mail->out);
	paragraph(mail, "", "", "%s:", seed.title);
	fputc('\n', mail->out);
	ret = pvtb_table_print(&seed.table, PVTB_TABLE_BARS, 2, PVTB_COVER_COLUMNS, mail->out);
	for (size_t n = 0; n < seed.nr_notes; n++)
		paragraph(mail, "  ", "    ", "%s", seed.notes[n]);
	pvtb_table_free(&seed.table);
	return ret;
}

static void cover_row(struct pvtb_table *t, const struct pvtb_host_result *h,
		      const struct pvtb_variant_result *v)
{
	static const char *const reads[] = {"p50", "p99", "max"};
	const struct pvtb_metric *slope = pvtb_variant_metric(v, "batch.slope");
	double exits = pvtb_metric_value(v, "exits_per_op");
	char text[PVTB_QUANTITY_CHARS], half[PVTB_QUANTITY_CHARS];

	pvtb_table_row(t);
	pvtb_table_cell(t, 0, "%s", v->name);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reads); i++) {
		const struct pvtb_metric *m = pvtb_variant_metric(v, reads[i]);

		if (!m)
			continue;
		pvtb_quantity_read(h, m, text, sizeof(text));
		pvtb_table_cell(t, i + 1, "%s", text);
	}
	if (slope) {
		pvtb_quantity_interval(h, slope, text, sizeof(text), half, sizeof(half));
		pvtb_table_cell(t, 4, "%s", text);
		if (*half)
			pvtb_table_cell(t, 5, "+- %s", half);
	}
	if (isfinite(exits))
		pvtb_table_cell(t, 6, "%.4g", exits);
	if (v->status != PVTB_OK)
		pvtb_table_cell(t, 7, "%s", pvtb_status_name(v->status));
}

static int bench_block(struct mail *mail, const struct pvtb_host_result *h,
		       const struct pvtb_bench_result *b)
{
	struct pvtb_table t = {};
	size_t others = 0;
	int ret = 0;

	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "p50", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "p99", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "max", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "per op", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "exits", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		if (pvtb_is_latency(&b->variants[i]))
			cover_row(&t, h, &b->variants[i]);
		else if (b->variants[i].nr_metrics && !pvtb_stolen_vcpus(&b->variants[i]))
			others++;
	}
	if (t.nr_rows) {
		fputc('\n', mail->out);
		paragraph(mail, "", "", "%s, %s:", b->name, pvtb_time_unit_long(h));
		fputc('\n', mail->out);
		ret = pvtb_table_print(&t, PVTB_TABLE_PLAIN, 2, PVTB_COVER_COLUMNS, mail->out);
	}
	pvtb_table_free(&t);
	memset(&t, 0, sizeof(t));
	if (!ret)
		ret = pvtb_stolen_cover(b, mail->out);
	if (ret || !others)
		return ret;
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "", PVTB_ALIGN_POINT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];

		if (pvtb_is_latency(v) || pvtb_stolen_vcpus(v))
			continue;
		for (size_t m = 0; m < v->nr_metrics; m++) {
			char text[PVTB_QUANTITY_CHARS];

			pvtb_quantity(h, v->metrics[m].unit, v->metrics[m].value, text,
				      sizeof(text));
			pvtb_table_row(&t);
			pvtb_table_cell(&t, 0, "%s.%s", v->name, v->metrics[m].name);
			pvtb_table_cell(&t, 1, "%s", text);
			pvtb_table_cell(&t, 2, "%s%s%s", pvtb_shown_unit(h, v->metrics[m].unit),
					v->status == PVTB_OK ? "" : "  ",
					v->status == PVTB_OK ? "" : pvtb_status_name(v->status));
		}
	}
	fputc('\n', mail->out);
	paragraph(mail, "", "", "%s:", b->name);
	ret = pvtb_table_print(&t, PVTB_TABLE_PLAIN, 2, PVTB_COVER_COLUMNS, mail->out);
	pvtb_table_free(&t);
	return ret;
}

static void checks(struct mail *mail, const struct pvtb_host_result *h)
{
	struct pvtb_trace_cost cost;
	struct pvtb_law_tally laws;
	char added[256] = "", n[32], low[PVTB_QUANTITY_CHARS], high[PVTB_QUANTITY_CHARS];

	pvtb_trace_cost_of(h, &cost);
	pvtb_law_tally_of(h, &laws);
	if (cost.nr) {
		pvtb_quantity(h, PVTB_UNIT_TICKS, cost.low, low, sizeof(low));
		pvtb_quantity(h, PVTB_UNIT_TICKS, cost.high, high, sizeof(high));
		snprintf(added, sizeof(added),
			 " Latencies were taken with exit tracing off; it adds %s%s%s %s per exit.",
			 low, strcmp(low, high) ? " to " : "", strcmp(low, high) ? high : "",
			 pvtb_time_unit_long(h));
	}
	pvtb_grouped(h->samples, n, sizeof(n));
	fputc('\n', mail->out);
	if (pvtb_host_has_stolen(h))
		paragraph(mail, "", "",
			  "%s samples, checked against the scheduler's events%s: %zu checks held, "
			  "%zu broke, %zu could not tell; %llu events lost, %llu causal "
			  "violations.%s",
			  n, h->witnessed ? " and kvm_entry" : "; kvm_entry was not witnessed",
			  laws.held, laws.broken, laws.open, (unsigned long long)h->lost,
			  (unsigned long long)h->causal_violations, added);
	else if (!h->witnessed)
		paragraph(mail, "", "",
			  "%s samples. The host side was not traced: the number of "
			  "exits behind each figure is not checked.",
			  n);
	else
		paragraph(mail, "", "",
			  "%s samples, checked against kvm_exit and kvm_entry: "
			  "%zu checks held, %zu broke, %zu could not tell; %llu events lost, "
			  "%llu causal violations.%s",
			  n, laws.held, laws.broken, laws.open, (unsigned long long)h->lost,
			  (unsigned long long)h->causal_violations, added);
}

/* Everything without a number, or with one not to be trusted; no reason is left out. */
static int exceptions(struct mail *mail, const struct pvtb_host_result *h)
{
	for (size_t b = 0; b < h->nr_benches; b++) {
		for (size_t i = 0; i < h->benches[b].nr_variants; i++) {
			const struct pvtb_variant_result *v = &h->benches[b].variants[i];
			char *names PVTB_FREE = NULL;
			char prefix[80];

			snprintf(prefix, sizeof(prefix), "%.70s.", h->benches[b].name);
			if (pvtb_same_reason(&h->benches[b], i, prefix, &names))
				return -ENOMEM;
			if (names)
				paragraph(mail, "  ", "    ", "%s: %s: %s",
					  pvtb_status_name(v->status), names,
					  v->why && *v->why ? v->why : "no reason given");
		}
	}
	return 0;
}

static int not_controlled(struct mail *mail, const struct pvtb_host_result *h)
{
	char *text PVTB_FREE = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < h->nr_not_controlled; i++)
		fprintf(f, "%s%s", i ? "; " : "", h->not_controlled[i]);
	if (pvtb_text_close(f, &text))
		return -ENOMEM;
	fputc('\n', mail->out);
	paragraph(mail, "", "", "Not controlled: %s.",
		  h->nr_not_controlled ? text : "nothing recorded");
	return 0;
}

static int host_block(struct mail *mail, const struct pvtb_host_result *h)
{
	int ret;

	what_on_what(mail, h);
	ret = seed_block(mail, h);
	for (size_t b = 0; b < h->nr_benches && !ret; b++)
		ret = bench_block(mail, h, &h->benches[b]);
	if (ret)
		return ret;
	checks(mail, h);
	ret = exceptions(mail, h);
	return ret ?: not_controlled(mail, h);
}

static bool only_stolen(const struct pvtb_result *r)
{
	bool any = false;

	for (size_t i = 0; i < r->nr_hosts; i++) {
		const struct pvtb_host_result *h = &r->hosts[i];

		any |= pvtb_host_has_stolen(h);
		for (size_t b = 0; b < h->nr_benches; b++)
			for (size_t v = 0; v < h->benches[b].nr_variants; v++)
				if (pvtb_is_latency(&h->benches[b].variants[v]))
					return false;
	}
	return any;
}

int pvtb_report_cover(const struct pvtb_result *r, FILE *out, struct pvtb_err *err)
{
	struct mail m = {.out = out};
	int ret = 0;

	paragraph(&m, "", "", "Measured with %s (%s profile, %.10s).%s", r->tool, r->profile,
		  r->created,
		  only_stolen(r) ? ""
				 : " p50, p99, max: single operations; per op: slope over batches, "
				   "95 % interval; exits: kvm_exit events per operation.");
	for (size_t i = 0; i < r->nr_hosts && !ret; i++) {
		fputc('\n', out);
		ret = host_block(&m, &r->hosts[i]);
	}
	ret = ret ?: m.error;
	if (ret)
		return pvtb_err_sys(err, ret, "cover-letter");
	fputs("\nReproduce:\n", out);
	pvtb_fill_command(out, "  ", "    ", PVTB_COVER_COLUMNS, r->command);
	return 0;
}
