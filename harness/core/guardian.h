/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small process that puts the host back when this one goes away, by SIGKILL too. It holds a list
 * of things to undo; when the program ends, however it ends, what is still on the list is done,
 * newest first.
 *
 * Add the entry before the change it undoes (or right after, where the change makes the object:
 * a process, a directory under a name known beforehand can be added first). An entry that has been
 * added is safe: it is in the kernel's hands, even if this process is killed the next moment.
 */
#ifndef PVTB_CORE_GUARDIAN_H
#define PVTB_CORE_GUARDIAN_H

#include <sys/types.h>

#include "core/err.h"
#include "core/util.h"

struct pvtb_guardian;

/* Early, before there are threads: it forks. From the thread that ends last (main): when that one
 * is dead the guardian takes the program for dead. */
int pvtb_guardian_start(struct pvtb_guardian **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Undoes what is left, waits for it, frees. Returns the number of entries that could not be undone
 * (0: all is as it was). NULL is fine. */
int pvtb_guardian_stop(struct pvtb_guardian *g);

/* Each fills *ret_id (may be NULL). Thread-safe. A NULL guardian accepts everything and does
 * nothing, for callers that were given none. */
int pvtb_guardian_add_write(struct pvtb_guardian *g, const char *file, const char *value,
			    u64 *ret_id, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_guardian_add_rmdir(struct pvtb_guardian *g, const char *dir, u64 *ret_id,
			    struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_guardian_add_rmtree(struct pvtb_guardian *g, const char *path, u64 *ret_id,
			     struct pvtb_err *err) PVTB_MUST_CHECK;
/* SIGKILL, unless the pid has been given to another process since (start time). */
int pvtb_guardian_add_kill(struct pvtb_guardian *g, pid_t pid, u64 *ret_id,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
/* SIGCONT for a process stopped by SIGSTOP, under the same condition. */
int pvtb_guardian_add_continue(struct pvtb_guardian *g, pid_t pid, u64 *ret_id,
			       struct pvtb_err *err) PVTB_MUST_CHECK;
/* Thaw, kill what is inside, remove, children first; tries again while the kernel says busy. */
int pvtb_guardian_add_cgroup(struct pvtb_guardian *g, const char *dir, u64 *ret_id,
			     struct pvtb_err *err) PVTB_MUST_CHECK;

/* The rate of the host's clock, as struct timex has it (adjtimex(2), ADJ_FREQUENCY). */
int pvtb_guardian_add_clock_rate(struct pvtb_guardian *g, long freq, u64 *ret_id,
				 struct pvtb_err *err) PVTB_MUST_CHECK;

/* Taken off without being done: the caller has undone it itself. */
int pvtb_guardian_remove(struct pvtb_guardian *g, u64 id, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Done now, and taken off; waits. -EIO when it could not be done. */
int pvtb_guardian_undo(struct pvtb_guardian *g, u64 id, struct pvtb_err *err) PVTB_MUST_CHECK;

pid_t pvtb_guardian_pid(const struct pvtb_guardian *g);

#endif
