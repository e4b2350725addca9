// SPDX-License-Identifier: GPL-2.0-only
/* Owns a child process and the memory shared with it. */
#include "load/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "load/wait.h"

#define LOOK_NS 2000000ULL

struct pvtb_child {
	struct pvtb_guardian *guardian;
	u64 undo_id;
	pid_t pid;
	int alive_fd; /* held open by the parent alone: its end is the parent's end */
	void *shared;
	size_t bytes;
	bool ended;
	int status; /* of waitpid, once ended */
};

static void child_main(int parent_fd, int (*fn)(void *, void *), void *opaque, void *shared)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct pollfd p = {.fd = parent_fd, .events = POLLIN};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	/* The calling thread is the one that forked: it has to live as long as the child. The pipe
	 * says whether it had gone before this took effect. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&p, 1, 0))
		_exit(255);
	_exit(fn(opaque, shared));
}

int pvtb_child_start(struct pvtb_guardian *g, int (*fn)(void *opaque, void *shared), void *opaque,
		     size_t shared_bytes, struct pvtb_child **ret, struct pvtb_err *err)
{
	struct pvtb_child *c = calloc(1, sizeof(*c));
	int fd[2], r;

	if (!c)
		return pvtb_err_sys(err, -ENOMEM, "child process");
	c->guardian = g;
	c->bytes = shared_bytes ? shared_bytes : 1;
	c->shared = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->shared == MAP_FAILED) {
		r = pvtb_err_sys(err, -errno, "child process");
		goto free;
	}
	if (pipe2(fd, O_CLOEXEC)) {
		r = pvtb_err_sys(err, -errno, "child process");
		goto unmap;
	}
	c->pid = fork();
	if (!c->pid) {
		close(fd[1]);
		child_main(fd[0], fn, opaque, c->shared);
	}
	close(fd[0]);
	c->alive_fd = fd[1];
	if (c->pid < 0) {
		r = pvtb_err_sys(err, -errno, "child process");
		goto close;
	}
	r = pvtb_guardian_add_kill(g, c->pid, &c->undo_id, err);
	if (r) {
		pvtb_child_free(c);
		return r;
	}
	*ret = c;
	return 0;

close:
	close(c->alive_fd);
unmap:
	munmap(c->shared, c->bytes);
free:
	free(c);
	return r;
}

pid_t pvtb_child_pid(const struct pvtb_child *c)
{
	return c->pid;
}

void *pvtb_child_shared(const struct pvtb_child *c)
{
	return c->shared;
}

int pvtb_child_wait(struct pvtb_child *c, unsigned int timeout_ms, int *ret_status,
		    struct pvtb_err *err)
{
	u64 end_ns = pvtb_mono_ns() + timeout_ms * 1000000ULL;

	while (!c->ended) {
		pid_t pid = waitpid(c->pid, &c->status, WNOHANG);
		int r;

		if (pid < 0 && errno != EINTR)
			return pvtb_err_sys(err, -errno, "child process");
		c->ended = pid == c->pid;
		if (c->ended)
			break;
		if (pvtb_mono_ns() >= end_ns)
			return pvtb_err_sys(err, -ETIMEDOUT, "child process");
		r = pvtb_load_wait_until(pvtb_mono_ns() + LOOK_NS, -1);
		if (r)
			return pvtb_err_sys(err, r, "child process");
	}
	if (!WIFEXITED(c->status))
		return pvtb_err_set(err, -EPIPE, "child process", "ended by signal %d",
				    WTERMSIG(c->status));
	*ret_status = WEXITSTATUS(c->status);
	return 0;
}

void pvtb_child_free(struct pvtb_child *c)
{
	if (!c)
		return;
	if (!c->ended) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (pvtb_guardian_remove(c->guardian, c->undo_id, NULL)) {
		/* the guardian is gone, and its list with it */
	}
	close(c->alive_fd);
	munmap(c->shared, c->bytes);
	free(c);
}
