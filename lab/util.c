// SPDX-License-Identifier: GPL-2.0-only
/* Owns the lab's dealings with files and child processes. */
#include "lab/internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

int pvtb_lab_which(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");

	if (!path || !*path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		size_t n = strcspn(path, ":");

		if ((size_t)snprintf(ret, size, "%.*s/%s", (int)n, path, name) < size &&
		    !access(ret, X_OK))
			return 0;
		path += n + (path[n] == ':');
	}
	return -ENOENT;
}

void pvtb_lab_say(const struct pvtb_lab_hooks *hooks, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!hooks || !hooks->line)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	hooks->line(hooks->ctx, line);
}

/* The largest are kernels with all their symbols. */
#define MAX_FILE (2LL << 30)

int pvtb_lab_read_file(int fd, void **ret, size_t *ret_size)
{
	struct stat st;
	size_t got = 0;
	char *data;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > MAX_FILE)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (got < (size_t)st.st_size) {
		ssize_t n = pread(fd, data + got, (size_t)st.st_size - got, (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int e = n ? -errno : -EIO;

			free(data);
			return e;
		}
		got += (size_t)n;
	}
	data[got] = '\0';
	*ret = data;
	*ret_size = got;
	return 0;
}

int pvtb_lab_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Between fork and exec of a threaded program: async-signal-safe calls only. */
static void child_exec(const struct pvtb_lab_child *c, pid_t parent)
{
	const int std[] = {c->in, c->out, c->err};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	/* Ctrl-C goes to the terminal's group: ending the lab is the parent's business. */
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++) {
		int fd = std[i] >= 0 ? std[i] : open("/dev/null", O_RDWR);

		if (fd < 0)
			_exit(127);
		if (fd == i)
			fcntl(fd, F_SETFD, 0);
		else if (dup2(fd, i) < 0)
			_exit(127);
	}
	for (size_t i = 0; i < c->nr_keep; i++)
		fcntl(c->keep[i], F_SETFD, 0);
	execv(c->path, (char *const *)c->argv);
	_exit(127);
}

int pvtb_lab_child_start(const struct pvtb_lab_child *child, pid_t *ret_pid)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		child_exec(child, parent);
	*ret_pid = pid;
	return 0;
}
