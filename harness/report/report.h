/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What people and machines read of a result: text, markdown, CSV, JSON, the counter-read table of
 * the LPT patches, a cover letter, figures. Works on the result model alone: no KVM, no root.
 *
 * A benchmark this module has never heard of needs nothing here: a variant with percentiles or a
 * batch slope becomes a row of a latency table, any other metric a row of a metric table, and
 * tables it puts into its `detail` are printed as they are:
 *
 *	"detail": { "tables": [ { "title": "...", "columns": ["cause", "lost", ...],
 *				  "rows": [ ["preempted", "2.498 s", ...], ... ] } ] }
 *
 * (cells are strings or numbers; the first column is left-aligned, the others to the right).
 * Stolen time has tables and figures of its own, made of the numbers in `detail`: report/stolen.h.
 */
#ifndef PVTB_REPORT_H
#define PVTB_REPORT_H

#include "results/result.h"

enum pvtb_report_format {
	PVTB_REPORT_TEXT,
	PVTB_REPORT_MARKDOWN,
	PVTB_REPORT_CSV,
	PVTB_REPORT_JSON,
	PVTB_REPORT_SEED_TABLE,
	PVTB_REPORT_COVER_LETTER,
};

/* A kernel maintainer quotes and replies: nothing may reach column 72. */
#define PVTB_COVER_COLUMNS 71

/* Names of the formats, indexed by enum pvtb_report_format, ended by NULL. */
extern const char *const pvtb_report_formats[];

/* -ENODATA: the result holds nothing this format shows; -EIO: @out refused (a full disk). */
int pvtb_report_write(const struct pvtb_result *r, enum pvtb_report_format format, FILE *out,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

/* Figures, drawn by gnuplot. */
struct pvtb_plot_options {
	const char *result_dir; /* where the result's sample files are; NULL: percentiles only */
	const char *out_dir;	/* created when missing */
	const char *gnuplot;	/* NULL: "gnuplot" on PATH */
	bool keep_data;		/* leave each figure's data and scripts beside it, NAME.data/ */
	/* Ends gnuplot and removes what is half done, should this process be killed; may be NULL. */
	struct pvtb_guardian *guardian;
};

struct pvtb_plot_list {
	char **paths; /* files written, in order */
	size_t nr;
	char **notes; /* what was not drawn, or drawn from less than all data, and why */
	size_t nr_notes;
};

/* Every figure of every host of @r: OUT_DIR/HOST-BENCH-latency.{svg,png} and
 * HOST-BENCH-decomposition.{svg,png}; of stolen time -causes, -scenarios and -SCENARIO[-vcpuN]; of LPT
 * HOST-lpt-ratio, of rates frequency-rates, over all hosts. A
 * figure appears whole or not at all. -ENOENT with a hint when there is no gnuplot; -ENODATA, after
 * all others were drawn, when series of stolen time could not be read (notes say which and why).
 * @ret_list grows; free it with pvtb_plot_list_free(). */
int pvtb_plot_result(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		     struct pvtb_plot_list *ret_list, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_plot_list_free(struct pvtb_plot_list *list);

#endif
