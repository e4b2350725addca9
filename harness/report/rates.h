/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rates in a result, of benchmarks that put them into the `detail` of a variant:
 *
 *	"rate_steps": [ { "name", "ppb", "unc_ppb", "read_ns" }, ... ]	the counter at each step
 *	"lpt_sweep": [ { "native_hz", "pv_hz", "fracbits", "rate_ppb", "ten_years_ns", ... }, ... ]
 *
 * and what reports show of them. Internal to report/.
 */
#ifndef PVTB_REPORT_RATES_H
#define PVTB_REPORT_RATES_H

#include "report/formats.h"

/* One counter, one setting, of whatever host. */
struct pvtb_rate_step {
	const struct pvtb_host_result *host;
	const char *name;
	double ppb, unc_ppb, read_ns;
};
/* All steps of all hosts, in order; *ret_n of them, allocated. NULL: none, or out of memory. */
struct pvtb_rate_step *pvtb_rate_steps(const struct pvtb_result *r, size_t *ret_n);

/* Its steps are in the figure over all hosts. */
bool pvtb_bench_has_rates(const struct pvtb_bench_result *b);

/* A table over hosts, where there is more than one that has steps. */
int pvtb_rates_text(const struct pvtb_result *r, enum pvtb_table_style style,
		    FILE *out) PVTB_MUST_CHECK;

/* Figures: rate error per step over all hosts; error of LPT against the ratio, per host. */
int pvtb_plot_rates(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		    struct pvtb_plot_list *list, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_plot_lpt(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		  const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		  struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
