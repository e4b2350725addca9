// SPDX-License-Identifier: GPL-2.0-only
/* Owns the reading of text from a lab: lines, errors of the pvtb inside, trouble of its kernel. */
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

const char *pvtb_lab_klog_text(const char *line)
{
	const char *end;

	if (line[0] == '<' && (end = strchr(line, '>')))
		line = end + 1;
	if (line[0] == '[' && (end = strchr(line, ']')))
		line = end + 1;
	while (*line == ' ')
		line++;
	return line;
}

bool pvtb_lab_klog_trouble(const char *line)
{
	/* As the kernel words them since at least 5.10: lib/bug.c, panic(), kernel/rcu/tree_stall.h,
	 * kernel/watchdog.c, kernel/locking/lockdep.c, arch die() and mm/fault.c. */
	static const char *const words[] = {
		"WARNING: CPU:",
		"WARNING: possible ",
		"WARNING: inconsistent ",
		"WARNING: suspicious ",
		"WARNING: bad ",
		"kernel BUG at",
		"BUG: ",
		"Oops",
		"Kernel panic",
		"Internal error:",
		"Unable to handle kernel",
		"general protection fault",
		"detected stall",
		"self-detected stall",
		"detected stalls on",
		"rcu_sched kthread starved",
		"rcu_preempt kthread starved",
		"blocked for more than",
		"soft lockup",
		"hard LOCKUP",
		"nVHE hyp panic",
		"Out of memory: Killed",
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(words); i++) {
		if (strstr(line, words[i]))
			return true;
	}
	return false;
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
