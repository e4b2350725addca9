// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the counter-read table of the arm64 counter-offset and LPT patches: average, standard
 * deviation and 95th percentile of single reads, native against trapped against LPT, one table per
 * host and mode.
 */
#include "report/formats.h"
#include "report/quantity.h"

#include <math.h>
#include <string.h>

struct seed_reads {
	const char *arch;
	const char *what;
	const char *variants[4]; /* of counter_read, as seed_columns; NULL: none */
	const char *forced;	 /* trapped, where the one above was seen not to exit */
};

static const struct seed_reads seed_reads[] = {
	{"arm64",
	 "Physical counter reads",
	 {"cntpct", "cntpct_trapped", "cntpct_offset", "lpt"},
	 NULL},
	{"x86_64", "TSC reads", {"rdtsc", "rdmsr_tsc", NULL, "lpt"}, "rdmsr_tsc_vmm"},
};

static const char *const seed_columns[] = {"Native", "Trapped", "Hardware offset", "LPT"};

static const struct {
	const char *title;
	const char *metric;
} seed_rows[] = {
	{"Average", "mean"},
	{"Standard Deviation", "stddev"},
	{"95th Percentile", "p95"},
};

static const struct seed_reads *reads_of(const struct pvtb_host_result *h)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(seed_reads); i++) {
		if (!strcmp(h->arch, seed_reads[i].arch))
			return &seed_reads[i];
	}
	return NULL;
}

/* Intel passes RDMSR IA32_TSC through to the guest: a native read is nobody's trapped one. */
static const struct pvtb_variant_result *trapped_read(const struct pvtb_host_result *h,
						      const struct seed_reads *reads, size_t column,
						      const struct pvtb_variant_result *v)
{
	const struct pvtb_metric *exits = v ? pvtb_variant_metric(v, "exits_per_op") : NULL;

	if (column != 1 || !reads->forced || !exits || exits->value >= 0.5)
		return v;
	return pvtb_host_variant(h, "counter_read", reads->forced);
}

static void seed_cell(const struct pvtb_host_result *h, const struct pvtb_metric *m, char *buf,
		      size_t size)
{
	char number[PVTB_QUANTITY_CHARS];
	double shown = pvtb_shown_value(h, m->unit, m->value);
	double tick = pvtb_shown_value(h, m->unit, 1);
	/* Nanoseconds, whole unless the counter really resolves less. */
	unsigned int decimals = h->deterministic	   ? (shown == floor(shown) ? 0 : 2)
				: shown < 100 && tick < 10 ? 1
							   : 0;

	pvtb_quantity_fixed(h, m->unit, m->value, decimals, number, sizeof(number));
	snprintf(buf, size, "%s%s", number, h->deterministic ? "" : pvtb_time_unit(h));
}

/* Why a column has no plain number; false when it has. */
static bool seed_note(const char *name, const struct pvtb_variant_result *v, char *buf, size_t size)
{
	if (!v) {
		snprintf(buf, size, "%s: not measured in this run", name);
		return true;
	}
	if (v->status == PVTB_OK)
		return false;
	snprintf(buf, size, "%s: %s: %s", name, pvtb_status_name(v->status),
		 v->why && *v->why ? v->why : "no reason given");
	return true;
}

static void seed_column(const struct pvtb_host_result *h, const struct pvtb_variant_result *v,
			size_t column, size_t row, struct pvtb_table *t)
{
	const struct pvtb_metric *m = v ? pvtb_variant_metric(v, seed_rows[row].metric) : NULL;
	char text[PVTB_QUANTITY_CHARS + 8];

	if (!m || v->status == PVTB_SKIP || v->status == PVTB_INVALID) {
		pvtb_table_cell(t, column, "-");
		return;
	}
	seed_cell(h, m, text, sizeof(text));
	/* A number whose law broke, or that nobody could check, must not look like one that
	 * passed. */
	pvtb_table_cell(t, column, "%s%s", text,
			v->status == PVTB_FAIL		 ? "!"
			: v->status == PVTB_INCONCLUSIVE ? "?"
							 : "");
}

/* The column of a feature that few CPUs have is there when it was measured. */
static bool optional(size_t column)
{
	return column == 2;
}

bool pvtb_seed_of(const struct pvtb_host_result *h, struct pvtb_seed *ret)
{
	const struct seed_reads *reads = reads_of(h);
	const struct pvtb_variant_result *v[4];
	size_t nr = 0;
	u64 n = 0;
	bool any = false;

	memset(ret, 0, sizeof(*ret));
	if (!reads)
		return false;
	pvtb_table_column(&ret->table, "Metric", PVTB_ALIGN_LEFT);
	for (size_t c = 0; c < PVTB_ARRAY_SIZE(seed_columns); c++) {
		const struct pvtb_variant_result *of =
			reads->variants[c] ? trapped_read(h, reads, c,
							  pvtb_host_variant(h, "counter_read",
									    reads->variants[c]))
					   : NULL;
		const struct pvtb_metric *mean = of ? pvtb_variant_metric(of, "mean") : NULL;
		char note[512];

		if (optional(c) && !mean)
			continue;
		pvtb_table_column(&ret->table, seed_columns[c], PVTB_ALIGN_CENTRE);
		v[nr++] = of;
		any |= mean != NULL;
		if (mean && !n)
			n = mean->n;
		if (seed_note(seed_columns[c], of, note, sizeof(note)))
			snprintf(ret->notes[ret->nr_notes++], sizeof(ret->notes[0]), "%s", note);
	}
	if (!any) {
		pvtb_table_free(&ret->table);
		return false;
	}
	for (size_t row = 0; row < PVTB_ARRAY_SIZE(seed_rows); row++) {
		pvtb_table_row(&ret->table);
		pvtb_table_cell(&ret->table, 0, "%s", seed_rows[row].title);
		for (size_t c = 0; c < nr; c++)
			seed_column(h, v[c], c + 1, row, &ret->table);
	}
	snprintf(ret->title, sizeof(ret->title), "%s, Linux %.60s %s, %s, %llu iterations%s",
		 reads->what, h->kernel, h->arch, h->mode, (unsigned long long)n,
		 h->deterministic ? ", instructions" : "");
	return true;
}

int pvtb_report_seed(const struct pvtb_result *r, FILE *out, struct pvtb_err *err)
{
	size_t shown = 0;
	int ret = 0;

	for (size_t i = 0; i < r->nr_hosts && !ret; i++) {
		const struct pvtb_host_result *h = &r->hosts[i];
		char tick[96];
		struct pvtb_seed seed;

		if (!pvtb_seed_of(h, &seed))
			continue;
		fprintf(out, "%s%s\n", shown++ ? "\n" : "", seed.title);
		ret = pvtb_table_print(&seed.table, PVTB_TABLE_BARS, 0, 0, out);
		pvtb_tick_text(h, tick, sizeof(tick));
		fprintf(out, "  %s, %s; single reads, empty loop included\n", h->host, tick);
		for (size_t n = 0; n < seed.nr_notes; n++)
			fprintf(out, "  %s\n", seed.notes[n]);
		pvtb_table_free(&seed.table);
	}
	if (ret)
		return pvtb_err_sys(err, ret, "seed-table");
	if (shown)
		return 0;
	pvtb_err_set(err, -ENODATA, "seed-table", "no counter reads in this result");
	return pvtb_err_hint(err, "pvtb run counter_read"), -ENODATA;
}
