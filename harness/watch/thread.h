/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc tells of one thread: what the scheduler counted for it, and who it is. */
#ifndef PVTB_WATCH_THREAD_H
#define PVTB_WATCH_THREAD_H

#include <sys/types.h>

#include "core/err.h"
#include "core/util.h"

/* Witness K and what belongs to it: the kernel's own counters of a thread. */
struct pvtb_watch_schedstat {
	u64 ran_ns;
	u64 run_delay_ns; /* waits that have ended; the one going on is added at its end */
};

/* -ESRCH: the thread is gone; -EOPNOTSUPP: a kernel without scheduler statistics. */
int pvtb_watch_schedstat(const char *proc, pid_t pid, pid_t tid, struct pvtb_watch_schedstat *ret,
			 struct pvtb_err *err) PVTB_MUST_CHECK;

struct pvtb_watch_who {
	pid_t pid;	  /* thread */
	pid_t tgid;	  /* its process; 0: it was gone when looked for */
	char comm[32];	  /* the thread's name; "?" when gone */
	char cgroup[160]; /* v2 path, or the cpu controller's of v1; longer ones keep their end */
};

/* Always fills *ret. @pid: any thread. */
void pvtb_watch_who(const char *proc, pid_t pid, struct pvtb_watch_who *ret);

#endif
