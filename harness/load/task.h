/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thread, ours or another process's: how it is scheduled, where it may run, how much it ran and
 * waited. What the host refuses for want of privilege or support is -EOPNOTSUPP with the reason (a
 * SKIP); -ESRCH: the thread is gone.
 *
 * Settings of a thread die with it, so nothing here needs the guardian; a thread of a process that
 * outlives this one must be restored by the caller.
 */
#ifndef PVTB_LOAD_TASK_H
#define PVTB_LOAD_TASK_H

#include <sched.h>
#include <sys/types.h>

#include "core/affinity.h"
#include "core/err.h"
#include "core/util.h"

/* The kernel's numbers, for libcs that leave some out. */
enum pvtb_policy {
	PVTB_POLICY_OTHER = 0, /* nice counts */
	PVTB_POLICY_FIFO = 1,  /* priority counts, 1..99 */
	PVTB_POLICY_RR = 2,
	PVTB_POLICY_BATCH = 3,
	PVTB_POLICY_IDLE = 5,
	PVTB_POLICY_DEADLINE = 6, /* runtime <= deadline <= period */
};

struct pvtb_task_sched {
	u32 policy; /* enum pvtb_policy */
	s32 nice;
	u32 priority;
	u64 flags; /* the kernel's SCHED_FLAG_*; SCHED_RESET_ON_FORK in bit 0 */
	u64 runtime_ns, deadline_ns, period_ns;
};

int pvtb_task_sched_get(pid_t tid, struct pvtb_task_sched *ret,
			struct pvtb_err *err) PVTB_MUST_CHECK;
/* A thread that spins for good under FIFO, RR keeps its CPU for as long as the kernel's throttling
 * (sched_rt_runtime_us) lets it: where that is off, they are refused here with -EOPNOTSUPP. */
int pvtb_task_sched_set(pid_t tid, const struct pvtb_task_sched *sched,
			struct pvtb_err *err) PVTB_MUST_CHECK;

int pvtb_task_cpus_get(pid_t tid, struct pvtb_cpus *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_task_cpus_set(pid_t tid, const struct pvtb_cpus *cpus,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_task_pin(pid_t tid, int cpu, struct pvtb_err *err) PVTB_MUST_CHECK;

/* Both of the above, to be put back together. */
struct pvtb_task_saved {
	pid_t tid;
	struct pvtb_task_sched sched;
	struct pvtb_cpus cpus;
};
int pvtb_task_save(pid_t tid, struct pvtb_task_saved *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* 0 too when the thread is gone. */
int pvtb_task_restore(const struct pvtb_task_saved *saved, struct pvtb_err *err) PVTB_MUST_CHECK;

/* /proc/TID/schedstat: the scheduler's own sums, run_delay among them. */
struct pvtb_task_times {
	u64 run_ns;
	u64 delay_ns;
	u64 slices;
};
int pvtb_task_times(pid_t tid, struct pvtb_task_times *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* The process that thread @tid belongs to. */
int pvtb_task_tgid(pid_t tid, pid_t *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Of the calling thread. */
pid_t pvtb_task_self(void);

#endif
