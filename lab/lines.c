// SPDX-License-Identifier: GPL-2.0-only
/* Owns the reading of text from a lab: lines, errors of the pvtb inside. */
#include "lab/internal.h"

#include <string.h>

void pvtb_lab_lines_flush(struct pvtb_lab_lines *l, void (*line)(void *ctx, const char *line),
			  void *ctx)
{
	while (l->len && (l->text[l->len - 1] == '\r' || l->text[l->len - 1] == '\n'))
		l->len--;
	l->text[l->len] = '\0';
	if (l->len)
		line(ctx, l->text);
	l->len = 0;
}

void pvtb_lab_lines_feed(struct pvtb_lab_lines *l, const char *data, size_t len,
			 void (*line)(void *ctx, const char *line), void *ctx)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || l->len == sizeof(l->text) - 1)
			pvtb_lab_lines_flush(l, line, ctx);
		/* A log may hold anything; what is shown holds no control characters. */
		if (data[i] != '\n')
			l->text[l->len++] = (unsigned char)data[i] < ' ' ? ' ' : data[i];
	}
}

void pvtb_lab_parse_error(const char *line, struct pvtb_err *err)
{
	const char *p, *why;

	while (*line == ' ')
		line++;
	if (!strncmp(line, "hint: ", 6)) {
		snprintf(err->hint, sizeof(err->hint), "%s", line + 6);
		return;
	}
	if (strncmp(line, "pvtb: ", 6))
		return;
	p = line + 6;
	why = strstr(p, ": ");
	if (!why)
		return;
	snprintf(err->what, sizeof(err->what), "%.*s", (int)(why - p), p);
	snprintf(err->why, sizeof(err->why), "%s", why + 2);
	err->hint[0] = '\0';
}
