/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A subcommand that is run on one host after the other and runs itself in those that are labs: the same
 * pvtb, with -H native and what tells it where it is. Owns what all of them have: the result directory
 * with NAME.json, whose array "hosts" has an entry for each host; those of a lab are taken over from what
 * the pvtb inside has left.
 */
#ifndef PVTB_CMD_INLAB_H
#define PVTB_CMD_INLAB_H

#include <jansson.h>

#include "core/err.h"
#include "core/guardian.h"
#include "core/opts.h"
#include "core/util.h"
#include "results/dir.h"

struct pvtb_inlab {
	const char *name;      /* the subcommand's */
	const char *kernel;    /* of the lab hosts; NULL: their own */
	u64 timeout_s;	       /* of each */
	const char *input_dir; /* its files go into each; NULL: none */
	void *ctx;
	void (*out)(void *ctx, const char *data, size_t len);
	void (*line)(void *ctx, const char *line); /* may be NULL */
	/* Filled. */
	struct pvtb_dir *dir;
	json_t *hosts;
	char complaint
		[2048]; /* of the last lab's kernel: its results are not to be trusted; or "" */
	struct pvtb_guardian *guardian;
};

/* Make the directory, as pvtb_dir_new() has it. pvtb_inlab_end() after a failure too. */
int pvtb_inlab_begin(struct pvtb_inlab *l, const char *out, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Boot @spec and run `pvtb NAME -H native ... @words` in it: FAILED when it or the lab's kernel says so,
 * else OK; negative, with the words of the pvtb inside, when it could not run. Its files, and kernel.log,
 * are in hostN of the directory. */
int pvtb_inlab_run(struct pvtb_inlab *l, const char *spec, const struct pvtb_strv *words,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* An entry for this machine, called @spec. Takes the reference. */
int pvtb_inlab_add(struct pvtb_inlab *l, const char *spec, json_t *result,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* Write NAME.json and give the directory its final name, unless it was interrupted. */
int pvtb_inlab_commit(struct pvtb_inlab *l, const char *command_line,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
/* What was not committed is gone. */
void pvtb_inlab_end(struct pvtb_inlab *l);

#endif
