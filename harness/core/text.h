/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that somebody else wrote, made fit to be shown. Control characters (C0, DEL, C1), what turns the
 * direction of writing and what is not UTF-8 become visible: \x1b, \u202e. The rest stays as it is. Each
 * format (Markdown, CSV, gnuplot) adds its own quotes to that.
 */
#ifndef PVTB_CORE_TEXT_H
#define PVTB_CORE_TEXT_H

#include "core/util.h"

/* @s cleaned into @buf, NUL-terminated; what does not fit ends in "...", never inside a character. Returns
 * true when all of it fitted. */
bool pvtb_text_clean(const char *s, char *buf, size_t size);
/* The same in memory of its own, to be freed; NULL without memory. */
char *pvtb_text_cleaned(const char *s);
/* Is there nothing in @s to clean? */
bool pvtb_text_is_clean(const char *s);
/* Cleaned, to @out; newlines and tabs are kept, for text of several lines. */
void pvtb_text_put_lines(const char *s, size_t len, FILE *out);
/* The same of text that comes in pieces: what is left of a character is kept for the next piece. */
struct pvtb_text_pieces {
	char left[4];
	size_t nr;
};
void pvtb_text_put_piece(struct pvtb_text_pieces *p, const char *s, size_t len, FILE *out);
/* @s as it is, but for bytes that are not UTF-8: what is left of characters that were cut. */
void pvtb_text_put_whole(const char *s, size_t len, FILE *out);
/* A page of Markdown that names of somebody else may be in: no HTML and no links begin in it. Blank lines, which
 * each part brings for itself, become one. */
void pvtb_text_put_markdown(const char *text, FILE *out);
/* @s cleaned, as a name in KTAP: a '#' would begin what becomes of the test. */
void pvtb_text_put_ktap(const char *s, FILE *out);
/* The longest prefix of @s of at most @max bytes that does not end inside a character. */
size_t pvtb_text_cut(const char *s, size_t max);

#endif
