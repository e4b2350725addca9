/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of strings, aligned for reading; and paragraphs filled to a width. */
#ifndef PVTB_REPORT_TABLE_H
#define PVTB_REPORT_TABLE_H

#include "core/err.h"
#include "core/util.h"

enum pvtb_align {
	PVTB_ALIGN_LEFT,
	PVTB_ALIGN_RIGHT,
	PVTB_ALIGN_POINT,  /* right, with the decimal points below each other */
	PVTB_ALIGN_CENTRE, /* the cells as one block under the title */
};

enum pvtb_table_style {
	PVTB_TABLE_PLAIN,    /* columns two spaces apart */
	PVTB_TABLE_MARKDOWN, /* with its rule under the header */
	PVTB_TABLE_BARS,     /* | cells |, no rule */
};

#define PVTB_TABLE_COLUMNS 24

struct pvtb_table {
	size_t nr_columns;
	struct {
		char *title;
		enum pvtb_align align;
		bool used; /* some cell is not empty: columns nobody filled are not printed */
	} columns[PVTB_TABLE_COLUMNS];
	char **cells; /* row by row */
	size_t nr_rows;
	int error; /* sticky -ENOMEM or -E2BIG, reported by pvtb_table_print() */
};

void pvtb_table_column(struct pvtb_table *t, const char *title, enum pvtb_align align);
/* Begin a row of empty cells. */
void pvtb_table_row(struct pvtb_table *t);
/* Set a cell of the last row. */
void pvtb_table_cell(struct pvtb_table *t, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* @indent spaces before each line. With @width > 0 the first column is shortened ("name..") until
 * a line takes no more than @width columns. Frees nothing. */
int pvtb_table_print(const struct pvtb_table *t, enum pvtb_table_style style, unsigned int indent,
		     unsigned int width, FILE *out) PVTB_MUST_CHECK;
/* Columns the widest line takes, without indent. */
size_t pvtb_table_width(const struct pvtb_table *t, enum pvtb_table_style style);
void pvtb_table_free(struct pvtb_table *t);

/* @text filled to @width columns; @first before the first line, @rest before the others. A word
 * longer than a line is cut. */
void pvtb_fill(FILE *out, const char *first, const char *rest, unsigned int width,
	       const char *text);
/* Same for a command line: broken lines end in a backslash, as a shell takes them. */
void pvtb_fill_command(FILE *out, const char *first, const char *rest, unsigned int width,
		       const char *text);
/* Columns a UTF-8 string takes (no wide or combining characters are used here). */
size_t pvtb_text_width(const char *s);

#endif
