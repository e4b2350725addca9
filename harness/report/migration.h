/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migrations in a result, of a benchmark that puts them into the `detail` of a variant:
 *
 *	"time_ns", "error_ns": [ ... ]	true time, and the guest's less it, all over the move
 *	"moved_ns"			when the guest was last seen on the host it came from
 *	"method"			"value", "offset", "lpt" or "kvmclock"
 *	"timers": [ { "timer", "tval", "crossing", "ahead_ns", "late_ns" }, ... ]
 *
 * and the figures of them. Internal to report/.
 */
#ifndef PVTB_REPORT_MIGRATION_H
#define PVTB_REPORT_MIGRATION_H

#include "report/formats.h"

/* Has any of these, or is in the figure over all hosts. */
bool pvtb_bench_has_moves(const struct pvtb_bench_result *b);

/* Figures: error against time, a line per method; lateness of timers. Per host. */
int pvtb_plot_moves(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		    const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* Figure over all hosts: jump against the ratio of the two counters' frequencies. */
int pvtb_plot_jumps(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		    struct pvtb_plot_list *list, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
