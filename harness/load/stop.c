// SPDX-License-Identifier: GPL-2.0-only
/* Owns a stopped process until it is continued. */
#include "load/stop.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "load/wait.h"

struct pvtb_stopped {
	struct pvtb_guardian *guardian;
	u64 undo_id;
	pid_t pid;
	int fd; /* pidfd: the process meant, not a later one of the same number; -1 before 5.3 */
};

static int send_to(const struct pvtb_stopped *s, int sig)
{
	long r = s->fd >= 0 ? syscall(SYS_pidfd_send_signal, s->fd, sig, NULL, 0)
			    : kill(s->pid, sig);

	return r ? -errno : 0;
}

/* State letter of one thread, 0 when it is gone. */
static char state_of(pid_t pid, const char *tid)
{
	char path[320], text[512];
	FILE *f PVTB_FCLOSE = NULL;
	const char *end;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

static bool all_stopped(pid_t pid)
{
	char path[64];
	struct dirent *e;
	bool all = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return true;
	while (all && (e = readdir(dir))) {
		char state;

		if (e->d_name[0] == '.')
			continue;
		state = state_of(pid, e->d_name);
		/* t: traced; Z, X: ended */
		all = !state || strchr("TtZX", state);
	}
	closedir(dir);
	return all;
}

int pvtb_process_stop(pid_t pid, struct pvtb_guardian *g, struct pvtb_stopped **ret,
		      struct pvtb_err *err)
{
	struct pvtb_stopped *s;
	int r;

	if (pid <= 1 || pid == getpid())
		return pvtb_err_set(err, -EINVAL, "SIGSTOP", "process %d is not one to stop",
				    (int)pid);
	s = calloc(1, sizeof(*s));
	if (!s)
		return pvtb_err_sys(err, -ENOMEM, "SIGSTOP");
	s->guardian = g;
	s->pid = pid;
	s->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pvtb_guardian_add_continue(g, pid, &s->undo_id, err);
	if (r)
		goto free;
	r = send_to(s, SIGSTOP);
	if (r) {
		pvtb_err_sys(err, r, "stopping process %d", (int)pid);
		goto remove;
	}
	/* a thread stops on its way back to user space: soon, unless it is frozen or throttled */
	for (int i = 0; i < 2000 && !all_stopped(pid); i++)
		usleep(500);
	if (!all_stopped(pid)) {
		r = pvtb_err_set(err, -ETIMEDOUT, "SIGSTOP", "process %d has not stopped",
				 (int)pid);
		goto resume;
	}
	*ret = s;
	return 0;

resume:
	send_to(s, SIGCONT);
remove:
	if (pvtb_guardian_remove(g, s->undo_id, NULL)) {
		/* the guardian is gone, and its list with it */
	}
free:
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return r;
}

int pvtb_process_continue(struct pvtb_stopped *s, struct pvtb_err *err)
{
	int r, removed;

	if (!s)
		return 0;
	r = send_to(s, SIGCONT);
	if (r == -ESRCH)
		r = 0;
	if (r)
		pvtb_err_sys(err, r, "continuing process %d", (int)s->pid);
	removed = pvtb_guardian_remove(s->guardian, s->undo_id, r ? NULL : err);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
	return r ? r : removed;
}

int pvtb_load_stop_process(pid_t pid, unsigned int ms, struct pvtb_guardian *g, int cancel_fd,
			   struct pvtb_err *err)
{
	struct pvtb_stopped *s;
	int r = pvtb_process_stop(pid, g, &s, err), continued;

	if (r)
		return r;
	r = pvtb_load_wait_until(pvtb_mono_ns() + ms * 1000000ULL, cancel_fd);
	continued = pvtb_process_continue(s, r ? NULL : err);
	if (r)
		return pvtb_err_sys(err, r, "SIGSTOP");
	return continued;
}
