/* SPDX-License-Identifier: GPL-2.0-only */
/* What the formats share; internal to report/. */
#ifndef PVTB_REPORT_FORMATS_H
#define PVTB_REPORT_FORMATS_H

#include "report/report.h"
#include "report/table.h"

int pvtb_report_text(const struct pvtb_result *r, enum pvtb_table_style style, FILE *out,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_report_csv(const struct pvtb_result *r, FILE *out, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_report_seed(const struct pvtb_result *r, FILE *out, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_report_cover(const struct pvtb_result *r, FILE *out, struct pvtb_err *err) PVTB_MUST_CHECK;

/* A variant whose metrics are those of a measured operation. */
bool pvtb_is_latency(const struct pvtb_variant_result *v);
/* Value of a metric, NAN when absent. */
double pvtb_metric_value(const struct pvtb_variant_result *v, const char *name);
/* A string of the environment record, by object and member; NULL when absent. */
const char *pvtb_env_string(const struct pvtb_host_result *h, const char *object,
			    const char *member);

/* Names of the variants of @b that are not ok for the reason variant @i is ("a, b"), each after
 * @prefix; NULL when @i is ok or an earlier variant has said the same. Allocated. A host without
 * a witness would otherwise repeat itself for every variant. -ENOMEM. */
int pvtb_same_reason(const struct pvtb_bench_result *b, size_t i, const char *prefix,
		     char **ret) PVTB_MUST_CHECK;

/* What tracing added to each exit, over the variants that exit. */
struct pvtb_trace_cost {
	double low, high; /* in ticks */
	size_t nr;	  /* variants behind it */
};
void pvtb_trace_cost_of(const struct pvtb_host_result *h, struct pvtb_trace_cost *ret);

struct pvtb_law_tally {
	size_t held, broken, open; /* ok; fail or invalid; skipped or inconclusive */
};
void pvtb_law_tally_of(const struct pvtb_host_result *h, struct pvtb_law_tally *ret);

/* The table of the LPT patches for one host: title, table and one note per column that has no
 * number. False when the host has none of its reads. */
struct pvtb_seed {
	char title[160];
	struct pvtb_table table;
	char notes[4][512];
	size_t nr_notes;
};
bool pvtb_seed_of(const struct pvtb_host_result *h, struct pvtb_seed *ret);

#endif
