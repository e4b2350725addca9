/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors as values. Library code neither prints nor exits: it fills a struct pvtb_err and returns
 * its code; only cmd/ talks to the user, as `pvtb: what: why` and a hint on its own line.
 */
#ifndef PVTB_CORE_ERR_H
#define PVTB_CORE_ERR_H

#include <errno.h>

/* Exit statuses of every subcommand (documented in README.md). */
enum pvtb_exit {
	PVTB_EXIT_OK = 0,      /* done; every law held */
	PVTB_EXIT_FAILED = 1,  /* measured, and a law, check or comparison failed */
	PVTB_EXIT_ERROR = 2,   /* could not run: usage, environment, input */
	PVTB_EXIT_SKIPPED = 4, /* nothing asked for can be measured on this host (kselftest) */
	PVTB_EXIT_INTERRUPTED = 130, /* SIGINT/SIGTERM: partial result discarded */
};

struct pvtb_err {
	int code; /* negative errno; 0 when no error */
	/* Room for lists. What does not fit ends in "..." after a whole word. */
	char what[512];	 /* the object that failed: a file, a benchmark, an ioctl */
	char why[2048];	 /* one line, no full stop */
	char hint[1024]; /* what to do about it, or "" */
};

/* Fill @err (which may be NULL) and return @code, which must be a negative errno. */
int pvtb_err_set(struct pvtb_err *err, int code, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Same with strerror(-code) as the reason. */
int pvtb_err_sys(struct pvtb_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add a hint to an error already set; returns its code. */
int pvtb_err_hint(struct pvtb_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define PVTB_MUST_CHECK __attribute__((warn_unused_result))

#endif
