/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGSTOP and SIGCONT for a process. A stop takes the whole process with all its threads, so the
 * process stopped is never this one: a scenario has its VM in a child (load/child.h).
 */
#ifndef PVTB_LOAD_STOP_H
#define PVTB_LOAD_STOP_H

#include <sys/types.h>

#include "core/guardian.h"

struct pvtb_stopped;

/* Returns when every thread of the process is stopped. The guardian continues it when this process
 * dies before it did. */
int pvtb_process_stop(pid_t pid, struct pvtb_guardian *g, struct pvtb_stopped **ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
/* Continues and frees; NULL is fine, and a process that has gone too. */
int pvtb_process_continue(struct pvtb_stopped *stopped, struct pvtb_err *err);

/* Both, @ms apart; continued early, with -EINTR or -ECANCELED, when interrupted or when @cancel_fd
 * (-1: none) becomes readable. */
int pvtb_load_stop_process(pid_t pid, unsigned int ms, struct pvtb_guardian *g, int cancel_fd,
			   struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
