/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hogs: threads or processes called "pvtb-hog" that take CPU time from a measured thread, each by a
 * scheduling policy, all bounded in time.
 *
 * A set of hogs ends when stopped, when its time is over, and when this process dies, however it
 * dies. Several sets at once are fine.
 */
#ifndef PVTB_LOAD_HOG_H
#define PVTB_LOAD_HOG_H

#include "core/guardian.h"
#include "load/task.h"

#define PVTB_HOG_NAME		"pvtb-hog"
/* The most that real-time hogs of one set may take of a CPU, so that the machine stays usable. */
#define PVTB_HOG_RT_MAX_PERCENT 80

enum pvtb_hog_kind {
	PVTB_HOG_THREADS = 0,
	/* A fork: start such a set before the VM is made or the guest's memory is shared with the
	 * fork, and every first write of the guest to a page faults again. */
	PVTB_HOG_PROCESSES,
};

struct pvtb_hog_spec {
	enum pvtb_hog_kind kind;
	unsigned int count; /* 0: 1; for SCHED_DEADLINE: one per CPU this process may use */
	/* All on this one; -1: wherever the scheduler likes. SCHED_DEADLINE takes -1 only: the
	 * kernel admits no pinned thread, so such hogs come one per CPU. */
	int cpu;
	/* A nice value counts from the caller's own, so that by default a hog is the measured threads'
	 * equal, under nice(1) too. */
	struct pvtb_task_sched sched;
	/* Spin @duty_percent of each @period_ns, sleep the rest. 0 %: all of it, or for FIFO and RR
	 * PVTB_HOG_RT_MAX_PERCENT, which is also their limit for the set together. 0 ns: 20 ms. Not
	 * for SCHED_DEADLINE, which has its own. */
	unsigned int duty_percent;
	u64 period_ns;
	u64 max_ns; /* they end by themselves then; 0: 60 s */
};

struct pvtb_hogs;

/* Returns when every hog is there with its policy and its CPU. @g may be NULL. */
int pvtb_hogs_start(const struct pvtb_hog_spec *spec, struct pvtb_guardian *g,
		    struct pvtb_hogs **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ends and frees them; NULL is fine. -ETIMEDOUT when one does not go (it is in a frozen cgroup):
 * then nothing is freed, and the call may be made again. */
int pvtb_hogs_stop(struct pvtb_hogs *hogs, struct pvtb_err *err);
unsigned int pvtb_hogs_count(const struct pvtb_hogs *hogs);
/* Thread id of hog @i, for a cgroup or a tracer. */
pid_t pvtb_hogs_tid(const struct pvtb_hogs *hogs, unsigned int i);

#endif
