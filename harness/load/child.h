/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A function in a process of its own: what a scenario that stops or freezes a whole process puts
 * its VM into. It dies with this process, and answers through memory both share.
 */
#ifndef PVTB_LOAD_CHILD_H
#define PVTB_LOAD_CHILD_H

#include <sys/types.h>

#include "core/guardian.h"

struct pvtb_child;

/* Forks: only the calling thread lives on in the child, so call it while there are no others (or
 * none whose locks @fn could want). @fn's result, 0 .. 255, is the exit status; @shared is
 * @shared_bytes of zeroed memory, the same for both. The child has no guardian: what it changes on
 * the host is the parent's to undo. Ctrl-C reaches the child only as its parent's end does. */
int pvtb_child_start(struct pvtb_guardian *g, int (*fn)(void *opaque, void *shared), void *opaque,
		     size_t shared_bytes, struct pvtb_child **ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
pid_t pvtb_child_pid(const struct pvtb_child *child);
void *pvtb_child_shared(const struct pvtb_child *child);
/* Waits until it ends by itself. -ETIMEDOUT after @timeout_ms, -EINTR when interrupted: it goes on;
 * -EPIPE: it was killed by a signal. */
int pvtb_child_wait(struct pvtb_child *child, unsigned int timeout_ms, int *ret_status,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* Kills it if it still lives, frees; NULL is fine. */
void pvtb_child_free(struct pvtb_child *child);

#endif
