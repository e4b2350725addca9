// SPDX-License-Identifier: GPL-2.0-only
/* Owns the layout of tables and paragraphs. Knows nothing of results. */
#include "report/table.h"

#include <stdarg.h>
#include <string.h>

size_t pvtb_text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void pvtb_table_column(struct pvtb_table *t, const char *title, enum pvtb_align align)
{
	if (t->nr_columns == PVTB_TABLE_COLUMNS) {
		t->error = -E2BIG;
		return;
	}
	/* the cells of a row lie side by side: their number stands from the first row on */
	if (t->nr_rows) {
		t->error = -EINVAL;
		return;
	}
	t->columns[t->nr_columns].title = strdup(title);
	t->columns[t->nr_columns].align = align;
	if (!t->columns[t->nr_columns].title)
		t->error = -ENOMEM;
	else
		t->nr_columns++;
}

void pvtb_table_row(struct pvtb_table *t)
{
	size_t old = t->nr_rows * t->nr_columns;
	char **cells;

	/* realloc() to nothing frees; a table without columns has no cells */
	if (!t->nr_columns)
		return;
	cells = realloc(t->cells, (old + t->nr_columns) * sizeof(*cells));
	if (!cells) {
		t->error = -ENOMEM;
		return;
	}
	memset(cells + old, 0, t->nr_columns * sizeof(*cells));
	t->cells = cells;
	t->nr_rows++;
}

void pvtb_table_cell(struct pvtb_table *t, size_t column, const char *fmt, ...)
{
	char **cell, *text;
	va_list ap;
	int n;

	if (t->error || !t->nr_rows || column >= t->nr_columns)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->error = -ENOMEM;
		return;
	}
	cell = &t->cells[(t->nr_rows - 1) * t->nr_columns + column];
	free(*cell);
	*cell = text;
	if (*text)
		t->columns[column].used = true;
}

static const char *cell_at(const struct pvtb_table *t, size_t row, size_t column)
{
	const char *c = t->cells[row * t->nr_columns + column];

	return c ? c : "";
}

/* Digits and point from the point on; 0 for text without one. */
static size_t fraction_width(const char *s)
{
	const char *point = strchr(s, '.');

	return point && point[1] >= '0' && point[1] <= '9' ? pvtb_text_width(point) : 0;
}

struct layout {
	size_t width[PVTB_TABLE_COLUMNS];
	size_t fraction[PVTB_TABLE_COLUMNS];
	size_t cells[PVTB_TABLE_COLUMNS]; /* widest cell, without the title */
};

static void measure(const struct pvtb_table *t, struct layout *l)
{
	memset(l, 0, sizeof(*l));
	for (size_t c = 0; c < t->nr_columns; c++) {
		size_t whole = 0;

		for (size_t r = 0; r < t->nr_rows; r++) {
			const char *s = cell_at(t, r, c);
			size_t f = t->columns[c].align == PVTB_ALIGN_POINT ? fraction_width(s) : 0;

			if (f > l->fraction[c])
				l->fraction[c] = f;
			if (pvtb_text_width(s) - f > whole)
				whole = pvtb_text_width(s) - f;
		}
		l->width[c] = l->cells[c] = whole + l->fraction[c];
		if (pvtb_text_width(t->columns[c].title) > l->width[c])
			l->width[c] = pvtb_text_width(t->columns[c].title);
	}
}

static size_t line_width(const struct pvtb_table *t, enum pvtb_table_style style,
			 const struct layout *l)
{
	size_t n = 0, shown = 0;

	for (size_t c = 0; c < t->nr_columns; c++) {
		if (!t->columns[c].used && c)
			continue;
		n += l->width[c];
		shown++;
	}
	if (style == PVTB_TABLE_PLAIN)
		return n + (shown ? 2 * (shown - 1) : 0);
	return n + 3 * shown + 1;
}

size_t pvtb_table_width(const struct pvtb_table *t, enum pvtb_table_style style)
{
	struct layout l;

	measure(t, &l);
	return line_width(t, style, &l);
}

/* Byte length of the first @columns columns of @s. */
static size_t bytes_of(const char *s, size_t columns)
{
	size_t i = 0;

	while (s[i]) {
		if (((unsigned char)s[i] & 0xc0) != 0x80 && columns-- == 0)
			break;
		i++;
	}
	return i;
}

static void pad(FILE *out, size_t n)
{
	while (n--)
		fputc(' ', out);
}

/* One cell in @width columns. @last: no trailing blanks. */
static void put_cell(FILE *out, const char *s, enum pvtb_align align, size_t width, size_t fraction,
		     size_t block, bool bars, bool last)
{
	size_t w = pvtb_text_width(s), before = 0, after = 0;

	if (w > width) {
		fprintf(out, "%.*s..", (int)bytes_of(s, width > 2 ? width - 2 : 0), s);
		return;
	}
	switch (align) {
	case PVTB_ALIGN_LEFT:
		break;
	case PVTB_ALIGN_RIGHT:
		before = width - w;
		break;
	case PVTB_ALIGN_POINT:
		after = fraction - (fraction_width(s) > fraction ? fraction : fraction_width(s));
		if (w + after > width)
			after = width - w;
		before = width - w - after;
		break;
	case PVTB_ALIGN_CENTRE:
		/* The cells, right-aligned to each other, stand in the middle together. */
		after = (width - (block > w ? block : w)) / 2;
		before = width - w - after;
		break;
	}
	pad(out, before);
	for (; *s; s++) {
		/* in a table of Markdown the end of the cell */
		if (*s == '|' && bars)
			fputc('\\', out);
		fputc(*s, out);
	}
	if (!last)
		pad(out, width - w - before);
}

static void put_rule(const struct pvtb_table *t, const struct layout *l, FILE *out)
{
	for (size_t c = 0; c < t->nr_columns; c++) {
		bool right = t->columns[c].align == PVTB_ALIGN_RIGHT ||
			     t->columns[c].align == PVTB_ALIGN_POINT;
		bool centre = t->columns[c].align == PVTB_ALIGN_CENTRE;

		if (!t->columns[c].used && c)
			continue;
		fputs(centre ? "|:" : "|-", out);
		for (size_t i = 0; i < l->width[c]; i++)
			fputc('-', out);
		fputc(right || centre ? ':' : '-', out);
	}
	fputs("|\n", out);
}

/* Header when @row is (size_t)-1. */
static void put_line(const struct pvtb_table *t, enum pvtb_table_style style,
		     const struct layout *l, size_t row, FILE *out)
{
	bool header = row == (size_t)-1;
	bool bars = style != PVTB_TABLE_PLAIN;
	size_t last = 0;

	for (size_t c = 0; c < t->nr_columns; c++) {
		if ((t->columns[c].used || !c) &&
		    (bars || *(header ? t->columns[c].title : cell_at(t, row, c))))
			last = c;
	}
	for (size_t c = 0; c <= last; c++) {
		enum pvtb_align align = t->columns[c].align;

		if (!t->columns[c].used && c)
			continue;
		if (bars)
			fputs(c ? " | " : "| ", out);
		else if (c)
			fputs("  ", out);
		if (header && style == PVTB_TABLE_BARS)
			align = PVTB_ALIGN_CENTRE;
		else if (header && align == PVTB_ALIGN_POINT)
			align = PVTB_ALIGN_RIGHT;
		put_cell(out, header ? t->columns[c].title : cell_at(t, row, c), align, l->width[c],
			 l->fraction[c], header ? 0 : l->cells[c], bars, !bars && c == last);
	}
	fputs(bars ? " |\n" : "\n", out);
}

static bool has_titles(const struct pvtb_table *t)
{
	for (size_t c = 0; c < t->nr_columns; c++) {
		if (*t->columns[c].title)
			return true;
	}
	return false;
}

int pvtb_table_print(const struct pvtb_table *t, enum pvtb_table_style style, unsigned int indent,
		     unsigned int width, FILE *out)
{
	struct layout l;
	size_t wide;

	if (t->error)
		return t->error;
	if (!t->nr_columns)
		return 0;
	measure(t, &l);
	wide = line_width(t, style, &l) + indent;
	if (width && wide > width) {
		size_t excess = wide - width;

		l.width[0] = l.width[0] > excess + 4 ? l.width[0] - excess : 4;
	}
	if (style != PVTB_TABLE_PLAIN || has_titles(t)) {
		pad(out, indent);
		put_line(t, style, &l, (size_t)-1, out);
	}
	if (style == PVTB_TABLE_MARKDOWN) {
		pad(out, indent);
		put_rule(t, &l, out);
	}
	for (size_t r = 0; r < t->nr_rows; r++) {
		pad(out, indent);
		put_line(t, style, &l, r, out);
	}
	return 0;
}

void pvtb_table_free(struct pvtb_table *t)
{
	for (size_t i = 0; i < t->nr_rows * t->nr_columns; i++)
		free(t->cells[i]);
	for (size_t c = 0; c < t->nr_columns; c++)
		free(t->columns[c].title);
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

static void fill(FILE *out, const char *first, const char *rest, unsigned int width,
		 const char *text, const char *broken)
{
	size_t column = pvtb_text_width(first), limit = width - strlen(broken);
	bool fresh = true;

	fputs(first, out);
	while (*text) {
		size_t bytes, w;

		text += strspn(text, " \t\n");
		bytes = strcspn(text, " \t\n");
		if (!bytes)
			break;
		w = 0;
		for (size_t i = 0; i < bytes; i++)
			w += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (!fresh && column + 1 + w > limit) {
			fprintf(out, "%s\n%s", broken, rest);
			column = pvtb_text_width(rest);
			fresh = true;
		}
		if (!fresh) {
			fputc(' ', out);
			column++;
		}
		/* A word longer than a line (a path) is cut: the width is a promise. */
		while (column + w > limit && limit > column + 8) {
			size_t part = bytes_of(text, limit - column);

			/* A shell joins the two halves only when nothing precedes the second. */
			fprintf(out, "%.*s%s\n%s", (int)part, text, *broken ? "\\" : "",
				*broken ? "" : rest);
			w -= limit - column;
			text += part;
			bytes -= part;
			column = *broken ? 0 : pvtb_text_width(rest);
		}
		fprintf(out, "%.*s", (int)bytes, text);
		column += w;
		text += bytes;
		fresh = false;
	}
	fputc('\n', out);
}

void pvtb_fill(FILE *out, const char *first, const char *rest, unsigned int width, const char *text)
{
	fill(out, first, rest, width, text, "");
}

void pvtb_fill_command(FILE *out, const char *first, const char *rest, unsigned int width,
		       const char *text)
{
	fill(out, first, rest, width, text, " \\");
}
