/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that draw figures share; internal to report/. */
#ifndef PVTB_REPORT_PLOT_H
#define PVTB_REPORT_PLOT_H

#include "report/figure.h"

/* The line under a figure's title: which host, which kernel; then @tail. */
void pvtb_plot_host(struct pvtb_figure *f, const struct pvtb_host_result *h, const char *tail);
/* 1, 2 or 5 times a power of ten, about five of them up to @high. */
double pvtb_plot_nice_step(double high);

/*
 * The figures of a benchmark about stolen time, none for others. A figure whose data cannot be read
 * is left out with a note and counted in *@missing.
 */
int pvtb_plot_stolen(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		     const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		     size_t *missing, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
