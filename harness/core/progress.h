/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Progress of long work. On a terminal one line, rewritten, at most ten times a second; in a lab
 * guest plain lines, one a second at most, which the parent forwards; elsewhere nothing. Every
 * function accepts NULL (nobody is watching).
 */
#ifndef PVTB_CORE_PROGRESS_H
#define PVTB_CORE_PROGRESS_H

#include "core/err.h"
#include "core/util.h"

enum pvtb_progress_mode {
	PVTB_PROGRESS_AUTO,  /* terminal line when the descriptor is a terminal, else nothing */
	PVTB_PROGRESS_LINES, /* plain lines: a log port, a CI log */
};

struct pvtb_progress;

/* @fd is borrowed. NULL when nobody would see it (or out of memory): that is no error. */
struct pvtb_progress *pvtb_progress_new(enum pvtb_progress_mode mode, int fd);
/* Clears the line. */
void pvtb_progress_free(struct pvtb_progress *p);

/* What is being done now. Rate-limited; may be called often, but not inside a measured window. */
void pvtb_progress_update(struct pvtb_progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A line that stays, never dropped ("lab:arm64: booting Linux 6.12"). */
void pvtb_progress_note(struct pvtb_progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Take the line off the terminal before something else is printed. */
void pvtb_progress_clear(struct pvtb_progress *p);

#endif
