// SPDX-License-Identifier: GPL-2.0-only
/* Owns the formatting of errors; prints nothing. */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64 /* a longer one is cut, after a whole character */

/* Of a text that was longer: three dots after the last whole word. */
static void end_cut(char *buf, size_t size, int len)
{
	size_t n = size - 4, word;

	if (len < 0 || (size_t)len < size)
		return;
	for (word = n; word && n - word < WORD_MAX && buf[word - 1] != ' ';)
		word--;
	if (word && buf[word - 1] == ' ')
		n = word;
	while (n && ((unsigned char)buf[n] & 0xc0) == 0x80)
		n--;
	memcpy(buf + n, "...", 4);
}

int pvtb_err_set(struct pvtb_err *err, int code, const char *what, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->hint[0] = '\0';
	end_cut(err->what, sizeof(err->what), snprintf(err->what, sizeof(err->what), "%s", what));
	va_start(ap, fmt);
	end_cut(err->why, sizeof(err->why), vsnprintf(err->why, sizeof(err->why), fmt, ap));
	va_end(ap);
	return code;
}

int pvtb_err_sys(struct pvtb_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	end_cut(err->what, sizeof(err->what), vsnprintf(err->what, sizeof(err->what), fmt, ap));
	va_end(ap);
	snprintf(err->why, sizeof(err->why), "%s", strerror(-code));
	if (code == -ENOSPC || code == -EDQUOT)
		return pvtb_err_hint(err, "free some space, or choose another place");
	return code;
}

int pvtb_err_hint(struct pvtb_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -EINVAL;
	va_start(ap, fmt);
	end_cut(err->hint, sizeof(err->hint), vsnprintf(err->hint, sizeof(err->hint), fmt, ap));
	va_end(ap);
	return err->code;
}
