/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One figure: a directory with the data, the variables and the scripts, drawn by gnuplot as SVG
 * and PNG. Knows nothing of results; internal to report/.
 */
#ifndef PVTB_REPORT_FIGURE_H
#define PVTB_REPORT_FIGURE_H

#include "report/report.h"

struct pvtb_figure {
	char *dir;  /* temporary, inside out_dir */
	FILE *vars; /* vars.gp: what the scripts load first */
	const struct pvtb_plot_options *opts;
	char name[200]; /* of the files, without suffix */
	u64 guard;	/* of the guardian's list: dir */
};

/* @name: any text; becomes a file name that is not yet in @list. */
int pvtb_figure_begin(struct pvtb_figure *f, const struct pvtb_plot_options *opts, const char *name,
		      const struct pvtb_plot_list *list, struct pvtb_err *err) PVTB_MUST_CHECK;
/* A data file of the figure, to be closed by the caller; NULL with err filled. */
FILE *pvtb_figure_data(struct pvtb_figure *f, const char *file, struct pvtb_err *err);
/* Variables of the scripts. Strings are quoted for gnuplot. */
void pvtb_figure_number(struct pvtb_figure *f, const char *name, double value);
void pvtb_figure_string(struct pvtb_figure *f, const char *name, const char *value);
/* name[index] of an array declared with @nr elements by index 1. */
void pvtb_figure_element(struct pvtb_figure *f, const char *name, size_t index, size_t nr,
			 const char *value);
/* Draw with @script (embedded text), append the files to @list. */
int pvtb_figure_draw(struct pvtb_figure *f, const char *script, struct pvtb_plot_list *list,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
/* Removes the temporary directory; NULL-safe in every state. */
void pvtb_figure_end(struct pvtb_figure *f);

int pvtb_plot_note(struct pvtb_plot_list *list, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "long_variant_name" in at most @columns: "long_va..name". */
void pvtb_shorten(const char *s, size_t columns, char *buf, size_t size);

#endif
