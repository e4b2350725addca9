/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a result directory. It is built under a temporary name beside its final place and
 * renamed when whole: a run that is killed leaves a whole result or none. What killed runs of the same
 * user left beside it is removed when a result is whole: only what has pvtb's own mark, and nothing by a
 * run that is refused or fails.
 */
#ifndef PVTB_RESULTS_DIR_H
#define PVTB_RESULTS_DIR_H

#include "core/err.h"
#include "core/guardian.h"
#include "results/result.h"

struct pvtb_dir;

/*
 * Begin. @out: the directory to end up with (-EEXIST at once when something is in it), or NULL for
 * results/<UTC time>-<host>-<kernel>.
 */
int pvtb_dir_new(const char *out, struct pvtb_dir **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Have the guardian remove it, and the directories made for it, if this process is killed. Committed, it
 * has another name and stays. */
int pvtb_dir_guard(const struct pvtb_dir *d, struct pvtb_guardian *g,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* No benchmark's result: unless @out said otherwise it becomes results/<UTC time>-@kind, and "latest" stays
 * with what can be plotted. @kind is not copied. */
void pvtb_dir_name_as(struct pvtb_dir *d, const char *kind);
/* Where it is now: the temporary name, after pvtb_dir_commit() the final one. */
const char *pvtb_dir_path(const struct pvtb_dir *d);
/* Give it its final name; without @out also point results/latest at it. On failure before the
 * renaming the directory can still be discarded. */
int pvtb_dir_commit(struct pvtb_dir *d, const struct pvtb_result *r,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* Remove it, unless committed. */
void pvtb_dir_discard(struct pvtb_dir *d);
/* Discards what was not committed. NULL is fine. */
void pvtb_dir_free(struct pvtb_dir *d);

/* Move what is in @from into @to, joining directories; -EEXIST when both have a file of one name.
 * Then remove @remove_after (which may hold @from; NULL: nothing) and all in it. No @from, nothing to
 * move. */
int pvtb_dir_move_contents(const char *from, const char *to, const char *remove_after,
			   struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
