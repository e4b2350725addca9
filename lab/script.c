// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns running the shell scripts that are inside the program: their one line of output, their
 * progress and the error they say. Knows nothing of what they do.
 */
#include "lab/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct collector {
	const struct pvtb_lab_hooks *hooks;
	struct pvtb_err *err;
};

static void stderr_line(void *ctx, const char *line)
{
	struct collector *c = ctx;

	if (c->err)
		pvtb_lab_parse_error(line, c->err);
	if (c->hooks && c->hooks->line && strncmp(line, "pvtb: ", 6) && strncmp(line, "hint: ", 6))
		c->hooks->line(c->hooks->ctx, line);
}

static bool interrupted(const struct pvtb_lab_hooks *hooks)
{
	return hooks && hooks->interrupted && hooks->interrupted(hooks->ctx);
}

/* The child's stdout into @out, its stderr to the hooks; bounded, until both are closed. */
static int drain(int out_fd, int err_fd, struct collector *c, char *out, size_t size)
{
	struct pvtb_lab_lines lines = {};
	struct pollfd p[] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
	size_t got = 0;

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		char buf[4096];

		if (interrupted(c->hooks))
			return -EINTR;
		if (poll(p, 2, 100) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n <= 0) {
				p[i].fd = -1;
			} else if (i) {
				pvtb_lab_lines_feed(&lines, buf, (size_t)n, stderr_line, c);
			} else {
				size_t room = size - 1 - got;
				size_t take = (size_t)n < room ? (size_t)n : room;

				memcpy(out + got, buf, take);
				got += take;
			}
		}
	}
	pvtb_lab_lines_flush(&lines, stderr_line, c);
	out[got] = '\0';
	return 0;
}

static int run_program(const char *const argv[], const int *keep, size_t nr_keep, char *out,
		       size_t size, const struct pvtb_lab_hooks *hooks, int *ret_exit,
		       struct pvtb_err *err)
{
	struct collector c = {hooks, err};
	int o[2] = {-1, -1}, e[2] = {-1, -1};
	struct pvtb_lab_child child = {
		.path = "/bin/sh",
		.argv = argv,
		.in = -1,
		.keep = keep,
		.nr_keep = nr_keep,
	};
	int status, r;
	pid_t pid;

	if (pipe2(o, O_CLOEXEC) || pipe2(e, O_CLOEXEC)) {
		r = -errno;
	} else {
		child.out = o[1];
		child.err = e[1];
		r = pvtb_lab_child_start(&child, &pid);
	}
	if (o[1] >= 0)
		close(o[1]);
	if (e[1] >= 0)
		close(e[1]);
	if (!r) {
		r = drain(o[0], e[0], &c, out, size);
		if (r)
			kill(-pid, SIGTERM); /* the script removes what it has begun */
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (o[0] >= 0)
		close(o[0]);
	if (e[0] >= 0)
		close(e[0]);
	if (r)
		return r;
	*ret_exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* Text in a file of no name, for a child to read as /proc/self/fd/N. Descriptor or -errno. */
static int in_memory(const char *name, const char *text, const char *end)
{
	int fd = memfd_create(name, MFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = pvtb_lab_write_all(fd, text, (size_t)(end - text));
	if (!r)
		return fd;
	close(fd);
	return r;
}

int pvtb_lab_script_run(const struct pvtb_lab_script *s, const struct pvtb_lab_hooks *hooks,
			char *out, size_t size, int *ret_exit, struct pvtb_err *ret_said)
{
	const char *argv[PVTB_LAB_SCRIPT_ARGS + 3] = {"sh"};
	char path[2][64];
	int fd[2] = {-1, -1}, r;
	size_t n = 1;

	fd[0] = r = in_memory(s->name, s->text, s->end);
	if (r >= 0 && s->data)
		fd[1] = r = in_memory(s->name, s->data, s->data + strlen(s->data));
	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof(path[i]), "/proc/self/fd/%d", fd[i]);
	argv[n++] = path[0];
	for (const char *const *a = s->args; *a && n <= PVTB_LAB_SCRIPT_ARGS; a++)
		argv[n++] = *a;
	if (s->data)
		argv[n++] = path[1];
	if (r >= 0)
		r = run_program(argv, fd, s->data ? 2 : 1, out, size, hooks, ret_exit, ret_said);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	if (!r && !s->all_lines)
		out[strcspn(out, "\n")] = '\0';
	return r;
}
