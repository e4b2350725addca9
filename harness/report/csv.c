// SPDX-License-Identifier: GPL-2.0-only
/* Owns the CSV form: one metric per line, in the unit shown, with every digit. */
#include "report/formats.h"
#include "report/quantity.h"

#include <math.h>
#include <string.h>

/* RFC 4180: a host is called "lab:arm64,nvhe". What a spreadsheet would take for a formula begins with a
 * quote, as one is typed there. */
static void put_field(FILE *out, const char *s)
{
	bool formula = *s && strchr("=+-@", *s);

	if (!formula && !s[strcspn(s, ",\"\r\n")]) {
		fputs(s, out);
		return;
	}
	fputs(formula ? "\"'" : "\"", out);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

/* Shortest decimal that reads back as the same double; empty for "none". */
static void put_number(FILE *out, double v)
{
	char buf[40];

	if (!isfinite(v))
		return;
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(buf, sizeof(buf), "%.*g", precision, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	fputs(buf, out);
}

static const char *kind_name(enum pvtb_kind kind)
{
	switch (kind) {
	case PVTB_KIND_TIME:
		return "time";
	case PVTB_KIND_INSTRUCTIONS:
		return "instructions";
	case PVTB_KIND_COUNT:
		return "count";
	}
	return "unknown";
}

static void put_metric(FILE *out, const struct pvtb_host_result *h, const char *bench,
		       const char *variant, const struct pvtb_metric *m)
{
	const char *const fields[] = {
		h->host, bench, variant, m->name, pvtb_shown_unit(h, m->unit), kind_name(m->kind)};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(fields); i++) {
		put_field(out, fields[i]);
		fputc(',', out);
	}
	put_number(out, pvtb_shown_value(h, m->unit, m->value));
	fputc(',', out);
	put_number(out, pvtb_shown_value(h, m->unit, m->low));
	fputc(',', out);
	put_number(out, pvtb_shown_value(h, m->unit, m->high));
	fprintf(out, ",%llu\n", (unsigned long long)m->n);
}

int pvtb_report_csv(const struct pvtb_result *r, FILE *out, struct pvtb_err *err)
{
	fputs("host,bench,variant,metric,unit,kind,value,low,high,n\n", out);
	for (size_t i = 0; i < r->nr_hosts; i++) {
		const struct pvtb_host_result *h = &r->hosts[i];

		for (size_t b = 0; b < h->nr_benches; b++) {
			const struct pvtb_bench_result *bench = &h->benches[b];

			for (size_t v = 0; v < bench->nr_variants; v++) {
				const struct pvtb_variant_result *var = &bench->variants[v];

				for (size_t m = 0; m < var->nr_metrics; m++)
					put_metric(out, h, bench->name, var->name,
						   &var->metrics[m]);
			}
		}
	}
	return 0;
}
