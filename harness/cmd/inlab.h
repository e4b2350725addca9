/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A subcommand that runs itself in a lab: the same pvtb, with -H native and what tells it where it is,
 * whose output is passed on and whose JSON is taken over.
 */
#ifndef PVTB_CMD_INLAB_H
#define PVTB_CMD_INLAB_H

#include <jansson.h>

#include "core/err.h"
#include "core/guardian.h"
#include "core/util.h"

struct pvtb_inlab {
	const char *spec;
	const char *kernel; /* NULL: the spec's */
	u64 timeout_s;
	struct pvtb_guardian *guardian;
	char dir[600]; /* made; gets what the command left, and kernel.log */
	void *ctx;
	void (*out)(void *ctx, const char *data, size_t len);
	void (*line)(void *ctx, const char *line); /* may be NULL */
	/* Filled: a line of the host's kernel that says its results are not to be trusted, or "". */
	char complaint[400];
};

/* Boot and run. The command's exit status, OK or FAILED, when it ended and its results are there;
 * negative otherwise, with the words of the pvtb inside when it could not run. */
int pvtb_inlab_run(struct pvtb_inlab *l, char *const argv[], struct pvtb_err *err) PVTB_MUST_CHECK;
/* Append the array "hosts" of the JSON file @name in l->dir to @hosts. */
int pvtb_inlab_hosts(const struct pvtb_inlab *l, const char *name, json_t *hosts,
		     struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
