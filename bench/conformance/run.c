// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the running of checks: each in a process of its own, as many at a time as there are CPUs,
 * those that watch time pass alone. A check that hangs is killed, and one that dies is its own
 * failure; the rest goes on.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "arch/counter.h"
#include "bench/conformance/check.h"

#define MAX_JOBS 64

struct job {
	size_t index;
	pid_t pid;
	int fd; /* of the process */
	u64 started_ns;
	bool killed;
};

struct runner {
	const struct cf_row *const *rows;
	size_t nr;
	const struct cf_run_opts *opts;
	struct cf_outcome *outcomes;
	struct cf_slot *slots;
	bool *finished;
	struct pvtb_kvm_caps caps;
	u32 kernel;
	u64 timeout_ns;
	struct job jobs[MAX_JOBS];
	unsigned int nr_jobs;
};

static u32 version_of(const char *text)
{
	unsigned int major = 0, minor = 0;

	if (sscanf(text, "%u.%u", &major, &minor) != 2)
		return 0;
	return major << 16 | minor;
}

static u32 running_kernel(void)
{
	struct utsname u;

	return uname(&u) ? 0 : version_of(u.release);
}

/* Everything that can be told without starting the check. Returns whether it is to be started. */
static bool applies(struct runner *r, size_t i)
{
	const struct cf_row *row = r->rows[i];
	struct cf_outcome *o = &r->outcomes[i];
	enum pvtb_arch here =
		strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_X86_64 : PVTB_ARCH_ARM64;

	o->row = row;
	if (row->manual) {
		o->verdict = CF_MANUAL;
		snprintf(o->why, sizeof(o->why), "no automatic check: %s", row->manual);
	} else if (!(row->archs & here)) {
		o->verdict = CF_SKIP;
		snprintf(o->why, sizeof(o->why), "another architecture's");
	} else if (row->since && r->kernel < version_of(row->since)) {
		o->verdict = CF_SKIP;
		snprintf(o->why, sizeof(o->why), "since Linux %s", row->since);
	} else {
		return true;
	}
	return false;
}

static void check_process(struct runner *r, size_t i)
{
	const struct cf_row *row = r->rows[i];
	struct cf cf = {
		.row = row,
		.slot = &r->slots[i],
		.caps = r->caps,
		.kernel = r->kernel,
		.emulated = r->opts->emulated,
		.kvm = -1,
	};

	if (r->opts->mutants && r->opts->mutants[i])
		cf.mutant = &r->opts->mutants[i]->mutant;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The terminal's interrupt is the runner's to act upon. */
	signal(SIGINT, SIG_IGN);
	if (row->cap && ioctl(cf_bare_vm(&cf), KVM_CHECK_EXTENSION, (unsigned long)row->cap) <= 0)
		cf_skip(&cf, "this KVM does not have %s", cf_cap_name(row->cap));
	row->run(&cf);
	__atomic_store_n(&cf.slot->state,
			 cf.failed  ? CF_STATE_FAIL
			 : cf.known ? CF_STATE_XFAIL
				    : CF_STATE_PASS,
			 __ATOMIC_RELEASE);
	_exit(0);
}

static int start(struct runner *r, size_t i, struct pvtb_err *err)
{
	struct job *j = &r->jobs[r->nr_jobs];

	*j = (struct job){.index = i, .started_ns = pvtb_mono_ns()};
	fflush(NULL);
	j->pid = fork();
	if (j->pid < 0)
		return pvtb_err_sys(err, -errno, "process of a check");
	if (!j->pid)
		check_process(r, i);
	j->fd = pidfd_open(j->pid, 0);
	if (j->fd < 0) {
		int ret = pvtb_err_sys(err, -errno, "process of a check");

		kill(j->pid, SIGKILL);
		waitpid(j->pid, NULL, 0);
		return ret;
	}
	r->nr_jobs++;
	return 0;
}

/* What the emulator does wrong was found without KVM: what follows from it is not KVM's. */
static bool emulators_fault(const struct cf_run_opts *opts, const struct cf_row *row)
{
	const char *at = opts->emulator_faults;
	size_t len = row->emulator ? strlen(row->emulator) : 0;

	while (len && at && (at = strstr(at, row->emulator))) {
		at += len;
		if (*at == ' ' || !*at)
			return true;
	}
	return false;
}

/* A failure that the tag, or the emulator, makes something less. */
static void judge_failure(const struct cf_run_opts *opts, struct cf_outcome *o)
{
	char found[CF_WHY_BYTES];

	o->verdict = o->row->tag == CF_CODE ? CF_NOTICE : CF_FAIL;
	if (!emulators_fault(opts, o->row))
		return;
	o->verdict = CF_XFAIL;
	snprintf(found, sizeof(found), "%s", o->why);
	snprintf(o->why, sizeof(o->why), "emulator: QEMU %.32s, fault %s: %.150s",
		 opts->qemu ? opts->qemu : "", o->row->emulator, found);
}

static void judge(struct runner *r, const struct job *j, int status)
{
	struct cf_outcome *o = &r->outcomes[j->index];
	const struct cf_slot *s = &r->slots[j->index];

	memcpy(o->why, s->why, sizeof(o->why));
	memcpy(o->text, s->text, sizeof(o->text));
	memcpy(o->reached, s->reached, sizeof(o->reached));
	o->why[sizeof(o->why) - 1] = '\0';
	o->text[sizeof(o->text) - 1] = '\0';
	o->ns = pvtb_mono_ns() - j->started_ns;
	switch ((enum cf_state)__atomic_load_n(&s->state, __ATOMIC_ACQUIRE)) {
	case CF_STATE_PASS:
		o->verdict = CF_PASS;
		return;
	case CF_STATE_FAIL:
		judge_failure(r->opts, o);
		return;
	case CF_STATE_XFAIL:
		o->verdict = CF_XFAIL;
		return;
	case CF_STATE_SKIP:
		o->verdict = CF_SKIP;
		return;
	case CF_STATE_INCONCLUSIVE:
		o->verdict = CF_INCONCLUSIVE;
		return;
	case CF_STATE_BROKEN:
		o->verdict = CF_FAIL;
		o->contained = true;
		return;
	case CF_STATE_RUNNING:
		break;
	}
	o->verdict = CF_FAIL;
	o->contained = true;
	if (j->killed)
		snprintf(o->why, sizeof(o->why), "no end within %llu s: killed",
			 (unsigned long long)(r->timeout_ns / PVTB_NSEC_PER_SEC));
	else if (WIFSIGNALED(status))
		snprintf(o->why, sizeof(o->why), "died of signal %d", WTERMSIG(status));
	else
		snprintf(o->why, sizeof(o->why), "left without a verdict, status %d",
			 WEXITSTATUS(status));
}

/* A process that SIGKILL does not end is stuck in the kernel: that is its verdict, and it is left. */
#define STUCK_NS 5000000000ULL

static void reap(struct runner *r)
{
	struct pollfd fds[MAX_JOBS];

	for (unsigned int k = 0; k < r->nr_jobs; k++)
		fds[k] = (struct pollfd){.fd = r->jobs[k].fd, .events = POLLIN};
	poll(fds, r->nr_jobs, 100);
	for (unsigned int k = r->nr_jobs; k-- > 0;) {
		struct job *j = &r->jobs[k];
		u64 age_ns = pvtb_mono_ns() - j->started_ns;
		int status = 0;

		if (waitpid(j->pid, &status, WNOHANG) != j->pid) {
			if (age_ns < r->timeout_ns)
				continue;
			if (!j->killed) {
				j->killed = true;
				kill(j->pid, SIGKILL);
			}
			if (age_ns < r->timeout_ns + STUCK_NS)
				continue;
		}
		judge(r, j, status);
		r->finished[j->index] = true;
		close(j->fd);
		*j = r->jobs[--r->nr_jobs];
	}
}

static void kill_all(struct runner *r)
{
	for (unsigned int k = 0; k < r->nr_jobs; k++) {
		kill(r->jobs[k].pid, SIGKILL);
		waitpid(r->jobs[k].pid, NULL, 0);
		close(r->jobs[k].fd);
	}
	r->nr_jobs = 0;
}

static bool asked_to_end(const struct runner *r)
{
	return r->opts->interrupted && r->opts->interrupted();
}

/* Tell of all that are finished and have nothing unfinished before them. */
static void tell(struct runner *r, size_t *next, void (*done)(void *ctx, size_t index), void *ctx)
{
	for (; *next < r->nr && r->finished[*next]; (*next)++)
		if (done)
			done(ctx, *next);
}

/* In order; those that want to be alone in a second pass. */
static int run_pass(struct runner *r, bool alone, unsigned int max_jobs, size_t *next,
		    void (*done)(void *ctx, size_t index), void *ctx, struct pvtb_err *err)
{
	size_t i = 0;
	int ret;

	while (i < r->nr || r->nr_jobs) {
		while (i < r->nr && r->nr_jobs < max_jobs) {
			if (!r->finished[i] && r->rows[i]->alone == alone) {
				ret = start(r, i, err);
				if (ret)
					return ret;
			}
			i++;
		}
		if (r->nr_jobs)
			reap(r);
		tell(r, next, done, ctx);
		if (asked_to_end(r))
			return pvtb_err_set(err, -EINTR, "conformance", "interrupted");
	}
	return 0;
}

int cf_run(const struct cf_row *const *rows, size_t nr, const struct cf_run_opts *opts,
	   struct cf_outcome *outcomes, void (*done)(void *ctx, size_t index), void *ctx,
	   struct pvtb_err *err)
{
	struct runner *r PVTB_FREE = calloc(1, sizeof(*r));
	bool *finished PVTB_FREE = calloc(nr + 1, sizeof(*finished));
	size_t bytes = (nr + 1) * sizeof(struct cf_slot), next = 0;
	unsigned int jobs = opts->jobs ? opts->jobs : (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	int ret;

	if (!r || !finished)
		return pvtb_err_sys(err, -ENOMEM, "conformance");
	r->rows = rows;
	r->nr = nr;
	r->opts = opts;
	r->outcomes = outcomes;
	r->finished = finished;
	r->kernel = running_kernel();
	r->timeout_ns = (opts->timeout_s  ? opts->timeout_s
			 : opts->emulated ? 30
					  : 10) *
			PVTB_NSEC_PER_SEC;
	ret = pvtb_kvm_probe(&r->caps, NULL, err);
	if (ret)
		return ret;
	r->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->slots == MAP_FAILED)
		return pvtb_err_sys(err, -errno, "conformance");
	for (size_t i = 0; i < nr; i++)
		finished[i] = !applies(r, i);
	ret = run_pass(r, false, jobs < MAX_JOBS ? jobs : MAX_JOBS, &next, done, ctx, err);
	if (!ret)
		ret = run_pass(r, true, 1, &next, done, ctx, err);
	kill_all(r);
	tell(r, &next, done, ctx);
	munmap(r->slots, bytes);
	return ret;
}
