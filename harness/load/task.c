// SPDX-License-Identifier: GPL-2.0-only
/* Owns the system calls about one thread's scheduling. Keeps no state. */
#include "load/task.h"

#include <inttypes.h>
#include <string.h>
#include <sys/syscall.h>

/* struct sched_attr of linux/sched/types.h, version 0 (3.14): the header itself cannot be included
 * beside libc's sched.h in every distribution. */
struct attr {
	u32 size;
	u32 policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime_ns;
	u64 deadline_ns;
	u64 period_ns;
};
_Static_assert(sizeof(struct attr) == 48, "SCHED_ATTR_SIZE_VER0");

#define FLAGS_KEPT 0x7 /* RESET_ON_FORK, RECLAIM, DL_OVERRUN: what version 0 can carry */

static bool is_realtime(u32 policy)
{
	return policy == PVTB_POLICY_FIFO || policy == PVTB_POLICY_RR;
}

/* false too when the file cannot be read: then nothing says that it is off */
static bool throttling_is_off(void)
{
	FILE *f PVTB_FCLOSE = fopen("/proc/sys/kernel/sched_rt_runtime_us", "re");
	long us = 0;

	return f && fscanf(f, "%ld", &us) == 1 && us < 0;
}

int pvtb_task_sched_get(pid_t tid, struct pvtb_task_sched *ret, struct pvtb_err *err)
{
	struct attr a = {.size = sizeof(a)};

	if (syscall(SYS_sched_getattr, tid, &a, sizeof(a), 0))
		return pvtb_err_sys(err, -errno, "scheduling of thread %d", (int)tid);
	*ret = (struct pvtb_task_sched){
		.policy = a.policy,
		.nice = a.nice,
		.priority = a.priority,
		.flags = a.flags,
		.runtime_ns = a.runtime_ns,
		.deadline_ns = a.deadline_ns,
		.period_ns = a.period_ns,
	};
	return 0;
}

static int refused(int code, const struct pvtb_task_sched *s, struct pvtb_err *err)
{
	if (code == -EPERM && s->policy == PVTB_POLICY_DEADLINE)
		return pvtb_err_set(
			err, -EOPNOTSUPP, "SCHED_DEADLINE",
			"refused: needs CAP_SYS_NICE and a thread that may run on every "
			"CPU of its root domain");
	if (code == -EPERM && is_realtime(s->policy))
		return pvtb_err_set(err, -EOPNOTSUPP, "real-time policy",
				    "refused: needs CAP_SYS_NICE, and in a v1 cpu cgroup a "
				    "cpu.rt_runtime_us of its own");
	if (code == -EPERM || code == -EACCES)
		return pvtb_err_set(err, -EOPNOTSUPP, "nice", "refused: needs CAP_SYS_NICE");
	if (code == -EBUSY && s->policy == PVTB_POLICY_DEADLINE)
		return pvtb_err_set(err, -EOPNOTSUPP, "SCHED_DEADLINE",
				    "%" PRIu64 " of %" PRIu64 " ns exceed the bandwidth left",
				    s->runtime_ns, s->period_ns);
	return pvtb_err_sys(err, code, "scheduling policy %u", s->policy);
}

int pvtb_task_sched_set(pid_t tid, const struct pvtb_task_sched *s, struct pvtb_err *err)
{
	struct attr a = {
		.size = sizeof(a),
		.policy = s->policy,
		.flags = s->flags & FLAGS_KEPT,
		.nice = s->nice,
		.priority = s->priority,
		.runtime_ns = s->runtime_ns,
		.deadline_ns = s->deadline_ns,
		.period_ns = s->period_ns,
	};

	if (is_realtime(s->policy) && throttling_is_off())
		return pvtb_err_set(err, -EOPNOTSUPP, "real-time policy",
				    "real-time throttling is off (sched_rt_runtime_us is -1): a "
				    "spinning thread would keep its CPU for good");
	if (syscall(SYS_sched_setattr, tid, &a, 0))
		return refused(-errno, s, err);
	return 0;
}

int pvtb_task_cpus_get(pid_t tid, struct pvtb_cpus *ret, struct pvtb_err *err)
{
	struct pvtb_cpus cpus = {0};

	if (sched_getaffinity(tid, sizeof(cpus.bits), (cpu_set_t *)cpus.bits))
		return pvtb_err_sys(err, -errno, "CPUs of thread %d", (int)tid);
	*ret = cpus;
	return 0;
}

int pvtb_task_cpus_set(pid_t tid, const struct pvtb_cpus *cpus, struct pvtb_err *err)
{
	if (sched_setaffinity(tid, sizeof(cpus->bits), (const cpu_set_t *)cpus->bits))
		return pvtb_err_sys(err, -errno, "CPUs of thread %d", (int)tid);
	return 0;
}

int pvtb_task_pin(pid_t tid, int cpu, struct pvtb_err *err)
{
	struct pvtb_cpus cpus = {0};
	const size_t bits = 8 * sizeof(cpus.bits[0]);

	if (cpu < 0 || cpu >= PVTB_MAX_CPUS)
		return pvtb_err_set(err, -EINVAL, "CPU", "%d: no such CPU", cpu);
	cpus.bits[(size_t)cpu / bits] = 1UL << ((size_t)cpu % bits);
	return pvtb_task_cpus_set(tid, &cpus, err);
}

int pvtb_task_save(pid_t tid, struct pvtb_task_saved *ret, struct pvtb_err *err)
{
	struct pvtb_task_saved saved = {.tid = tid ? tid : pvtb_task_self()};
	int r = pvtb_task_sched_get(tid, &saved.sched, err);

	if (!r)
		r = pvtb_task_cpus_get(tid, &saved.cpus, err);
	if (!r)
		*ret = saved;
	return r;
}

int pvtb_task_restore(const struct pvtb_task_saved *saved, struct pvtb_err *err)
{
	/* policy first: a SCHED_DEADLINE thread's CPUs cannot be changed; then policy again, which
	 * could not be SCHED_DEADLINE before the CPUs were all there */
	const struct pvtb_task_sched plain = {.policy = PVTB_POLICY_OTHER,
					      .nice = saved->sched.nice};
	int r;

	r = pvtb_task_sched_set(saved->tid, &plain, err);
	if (!r)
		r = pvtb_task_cpus_set(saved->tid, &saved->cpus, err);
	if (!r)
		r = pvtb_task_sched_set(saved->tid, &saved->sched, err);
	return r == -ESRCH ? 0 : r;
}

int pvtb_task_times(pid_t tid, struct pvtb_task_times *ret, struct pvtb_err *err)
{
	struct pvtb_task_times t;
	char path[64];
	FILE *f PVTB_FCLOSE = NULL;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)tid);
	f = fopen(path, "re");
	if (!f && errno == ENOENT && !access("/proc/self/schedstat", F_OK))
		return pvtb_err_sys(err, -ESRCH, "thread %d", (int)tid);
	if (!f)
		return pvtb_err_set(err, -EOPNOTSUPP, path,
				    "kernel without CONFIG_SCHED_INFO, or "
				    "no /proc");
	if (fscanf(f, "%" SCNu64 " %" SCNu64 " %" SCNu64, &t.run_ns, &t.delay_ns, &t.slices) != 3)
		return pvtb_err_set(err, -EPROTO, path, "not three numbers");
	*ret = t;
	return 0;
}

int pvtb_task_tgid(pid_t tid, pid_t *ret, struct pvtb_err *err)
{
	char path[64], line[256];
	FILE *f PVTB_FCLOSE = NULL;
	int tgid;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return pvtb_err_sys(err, -ESRCH, "thread %d", (int)tid);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Tgid: %d", &tgid) == 1) {
			*ret = tgid;
			return 0;
		}
	}
	return pvtb_err_set(err, -EPROTO, path, "no Tgid");
}

pid_t pvtb_task_self(void)
{
	return (pid_t)syscall(SYS_gettid);
}
