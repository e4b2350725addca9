// SPDX-License-Identifier: GPL-2.0-only
/* Owns the hogs' threads and processes. */
#include "load/hog.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define MS_NS		  1000000ULL
#define DEFAULT_MAX_NS	  (60 * PVTB_NSEC_PER_SEC)
#define DEFAULT_PERIOD_NS (20 * MS_NS)
#define LOOK_NS		  (1 * MS_NS) /* between two looks at the stop flag */
#define GIVE_UP_NS	  (5 * PVTB_NSEC_PER_SEC)

struct pvtb_hogs;

struct hog {
	struct pvtb_hogs *set;
	pthread_t thread;
	pid_t tid;
	u64 undo_id; /* process */
	bool alive;
};

struct pvtb_hogs {
	struct pvtb_hog_spec spec;
	struct pvtb_guardian *guardian;
	u64 end_ns;
	pid_t owner;
	int stop; /* atomic; release in pvtb_hogs_stop, acquire in the hogs */
	int ready_fd[2];
	unsigned int count;
	struct hog hogs[];
};

/* What a hog says of itself once it is set up: fixed size, below PIPE_BUF, so it arrives whole. */
struct hello {
	pid_t tid;
	int code;
	struct pvtb_err err;
};

static bool must_end(const struct pvtb_hogs *set)
{
	if (__atomic_load_n(&set->stop, __ATOMIC_ACQUIRE) || pvtb_mono_ns() >= set->end_ns)
		return true;
	/* PR_SET_PDEATHSIG would tie a process to the thread that forked it, not to its process */
	return set->spec.kind == PVTB_HOG_PROCESSES && getppid() != set->owner;
}

static void spin_until(const struct pvtb_hogs *set, u64 until_ns)
{
	u64 now_ns;

	do {
		u64 look_ns = pvtb_mono_ns() + LOOK_NS;

		if (look_ns > until_ns)
			look_ns = until_ns;
		do {
			now_ns = pvtb_mono_ns();
		} while (now_ns < look_ns);
	} while (now_ns < until_ns && !must_end(set));
}

/* By the wall clock, not by the CPU time had: a hog that was kept off the CPU does not make up. */
static void hog_loop(const struct pvtb_hogs *set)
{
	const struct pvtb_hog_spec *s = &set->spec;
	u64 spin_ns = s->period_ns * s->duty_percent / 100;
	u64 begin_ns = pvtb_mono_ns();

	while (!must_end(set)) {
		struct timespec wake;
		u64 now_ns;

		spin_until(set, begin_ns + spin_ns);
		begin_ns += s->period_ns;
		now_ns = pvtb_mono_ns();
		if (begin_ns < now_ns)
			begin_ns = now_ns;
		if (s->duty_percent == 100)
			continue;
		/* at least the rest of a period, also after a late start: the limit must hold */
		if (begin_ns < now_ns + s->period_ns - spin_ns)
			begin_ns = now_ns + s->period_ns - spin_ns;
		wake.tv_sec = (time_t)(begin_ns / PVTB_NSEC_PER_SEC);
		wake.tv_nsec = (long)(begin_ns % PVTB_NSEC_PER_SEC);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
	}
}

static int settle(const struct pvtb_hog_spec *s, struct pvtb_err *err)
{
	struct pvtb_task_sched sched = s->sched;
	int r = 0;

	prctl(PR_SET_NAME, PVTB_HOG_NAME);
	if (s->cpu >= 0) {
		r = pvtb_task_pin(0, s->cpu, err);
	} else if (s->sched.policy == PVTB_POLICY_DEADLINE) {
		struct pvtb_cpus all;

		/* admitted only where all CPUs of the root domain are allowed */
		memset(&all, 0xff, sizeof(all));
		r = pvtb_task_cpus_set(0, &all, err);
	}
	if (sched.policy == PVTB_POLICY_OTHER) {
		/* of this thread, from the one that started it */
		sched.nice += getpriority(PRIO_PROCESS, 0);
		sched.nice = sched.nice > 19 ? 19 : sched.nice < -20 ? -20 : sched.nice;
	}
	return r ? r : pvtb_task_sched_set(0, &sched, err);
}

static void hog_main(struct pvtb_hogs *set)
{
	struct hello h = {.tid = pvtb_task_self()};

	h.code = settle(&set->spec, &h.err);
	if (write(set->ready_fd[1], &h, sizeof(h)) == sizeof(h) && !h.code)
		hog_loop(set);
}

static void *hog_thread(void *opaque)
{
	struct hog *hog = opaque;

	hog_main(hog->set);
	return NULL;
}

static int start_thread(struct hog *hog, struct pvtb_err *err)
{
	sigset_t all, old;
	int r;

	/* signals are the other threads' business */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&hog->thread, NULL, hog_thread, hog);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return pvtb_err_sys(err, r, "hog thread");
	hog->alive = true;
	return 0;
}

/* Between fork and _exit only what is safe in a fork of a program with threads: system calls. */
static int start_process(struct hog *hog, struct pvtb_err *err)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	pid_t pid = fork();

	if (pid < 0)
		return pvtb_err_sys(err, -errno, "hog process");
	if (!pid) {
		/* Ctrl-C goes to the whole group: the order of the end is the owner's */
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(ignored); i++)
			signal(ignored[i], SIG_IGN);
		hog_main(hog->set);
		_exit(0);
	}
	hog->tid = pid;
	hog->alive = true;
	return pvtb_guardian_add_kill(hog->set->guardian, pid, &hog->undo_id, err);
}

static int await_hello(struct pvtb_hogs *set, unsigned int i, struct pvtb_err *err)
{
	struct pollfd p = {.fd = set->ready_fd[0], .events = POLLIN};
	u64 give_up_ns = pvtb_mono_ns() + GIVE_UP_NS;
	struct hello h;

	while (poll(&p, 1, 100) <= 0 && pvtb_mono_ns() < give_up_ns)
		;
	if (!p.revents || read(set->ready_fd[0], &h, sizeof(h)) != sizeof(h))
		return pvtb_err_set(err, -EPIPE, "hog", "did not start");
	if (h.code) {
		if (err)
			*err = h.err;
		return h.code;
	}
	/* one after the other, so this is hog i's */
	set->hogs[i].tid = h.tid;
	return 0;
}

static int check_spec(const struct pvtb_hog_spec *s, struct pvtb_err *err)
{
	bool rt = s->sched.policy == PVTB_POLICY_FIFO || s->sched.policy == PVTB_POLICY_RR;

	if (s->duty_percent > 100 || s->period_ns > PVTB_NSEC_PER_SEC || s->count > 1024)
		return pvtb_err_set(err, -EINVAL, "hogs",
				    "duty up to 100 %%, period up to 1 s, "
				    "1024 of them");
	if (rt && s->duty_percent * s->count > PVTB_HOG_RT_MAX_PERCENT)
		return pvtb_err_set(err, -EINVAL, "hogs",
				    "real-time hogs may take %d %% of a CPU, %u asked for",
				    PVTB_HOG_RT_MAX_PERCENT, s->duty_percent * s->count);
	if (s->sched.policy == PVTB_POLICY_DEADLINE && s->cpu >= 0)
		return pvtb_err_set(err, -EOPNOTSUPP, "SCHED_DEADLINE",
				    "the kernel admits no thread pinned to one CPU");
	return 0;
}

static void with_defaults(struct pvtb_hog_spec *s)
{
	bool rt = s->sched.policy == PVTB_POLICY_FIFO || s->sched.policy == PVTB_POLICY_RR;

	/* They may run anywhere, wherever this thread may: with fewer than CPUs, one can stay free. */
	if (!s->count && s->sched.policy == PVTB_POLICY_DEADLINE) {
		long online = sysconf(_SC_NPROCESSORS_ONLN);

		s->count = online > 0 ? (unsigned int)online : 1;
	}
	s->count = s->count ?: 1;
	if (s->sched.policy == PVTB_POLICY_DEADLINE)
		s->duty_percent = 100;
	s->duty_percent = s->duty_percent ?: (rt ? PVTB_HOG_RT_MAX_PERCENT / s->count : 100);
	s->period_ns = s->period_ns ?: DEFAULT_PERIOD_NS;
	s->max_ns = s->max_ns ?: DEFAULT_MAX_NS;
}

int pvtb_hogs_start(const struct pvtb_hog_spec *asked, struct pvtb_guardian *g,
		    struct pvtb_hogs **ret, struct pvtb_err *err)
{
	struct pvtb_hog_spec spec = *asked;
	struct pvtb_hogs *set;
	int r;

	with_defaults(&spec);
	r = check_spec(&spec, err);
	if (r)
		return r;
	set = calloc(1, sizeof(*set) + spec.count * sizeof(set->hogs[0]));
	if (!set)
		return pvtb_err_sys(err, -ENOMEM, "hogs");
	set->spec = spec;
	set->guardian = g;
	set->owner = getpid();
	set->end_ns = pvtb_mono_ns() + spec.max_ns;
	set->count = spec.count;
	if (pipe2(set->ready_fd, O_CLOEXEC)) {
		r = pvtb_err_sys(err, -errno, "hogs");
		free(set);
		return r;
	}
	for (unsigned int i = 0; i < set->count && !r; i++) {
		struct hog *hog = &set->hogs[i];

		hog->set = set;
		r = spec.kind == PVTB_HOG_PROCESSES ? start_process(hog, err)
						    : start_thread(hog, err);
		if (!r)
			r = await_hello(set, i, err);
	}
	if (r) {
		pvtb_hogs_stop(set, NULL);
		return r;
	}
	*ret = set;
	return 0;
}

static int end_thread(struct hog *hog, u64 give_up_ns)
{
	struct timespec until = {.tv_sec = (time_t)(give_up_ns / PVTB_NSEC_PER_SEC),
				 .tv_nsec = (long)(give_up_ns % PVTB_NSEC_PER_SEC)};

	return -pthread_clockjoin_np(hog->thread, NULL, CLOCK_MONOTONIC, &until);
}

static int end_process(struct hog *hog, u64 give_up_ns)
{
	int status;
	pid_t pid;

	kill(hog->tid, SIGKILL);
	for (;;) {
		pid = waitpid(hog->tid, &status, WNOHANG);
		/* ECHILD: the caller ignores SIGCHLD, the kernel has reaped it */
		if (pid == hog->tid || (pid < 0 && errno == ECHILD))
			break;
		if (pvtb_mono_ns() >= give_up_ns)
			return -ETIMEDOUT;
		usleep(1000);
	}
	return pvtb_guardian_remove(hog->set->guardian, hog->undo_id, NULL);
}

int pvtb_hogs_stop(struct pvtb_hogs *set, struct pvtb_err *err)
{
	u64 give_up_ns = pvtb_mono_ns() + GIVE_UP_NS;
	int r = 0;

	if (!set)
		return 0;
	__atomic_store_n(&set->stop, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < set->count; i++) {
		struct hog *hog = &set->hogs[i];
		int e;

		if (!hog->alive)
			continue;
		e = set->spec.kind == PVTB_HOG_PROCESSES ? end_process(hog, give_up_ns)
							 : end_thread(hog, give_up_ns);
		if (e == -ETIMEDOUT)
			r = e;
		else
			hog->alive = false;
	}
	if (r)
		return pvtb_err_set(err, r, "hogs", "one does not end: frozen, or starved");
	close(set->ready_fd[0]);
	close(set->ready_fd[1]);
	free(set);
	return 0;
}

unsigned int pvtb_hogs_count(const struct pvtb_hogs *set)
{
	return set->count;
}

pid_t pvtb_hogs_tid(const struct pvtb_hogs *set, unsigned int i)
{
	return i < set->count ? set->hogs[i].tid : 0;
}
