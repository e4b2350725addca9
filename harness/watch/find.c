// SPDX-License-Identifier: GPL-2.0-only
/* Owns the search of /proc for processes with KVM descriptors, and for the threads in KVM_RUN. */
#include "watch/find.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define KVM_RUN_REQUEST 0xae80UL /* _IO(KVMIO, 0x80), the same on every architecture */

struct list {
	struct pvtb_watch_vcpu *v;
	size_t nr, cap;
};

int pvtb_watch_vcpu_index(const char *link)
{
	static const char name[] = "anon_inode:kvm-vcpu";
	const char *rest = link + sizeof(name) - 1;
	char *end;
	long n;

	if (strncmp(link, name, sizeof(name) - 1))
		return -2;
	if (!*rest)
		return -1;
	if (*rest != ':' || !isdigit((unsigned char)rest[1]))
		return -2;
	n = strtol(rest + 1, &end, 10);
	return *end || n > INT_MAX ? -2 : (int)n;
}

/* "16 0x5 0xae80 ...": the number of ioctl differs, the request does not. */
int pvtb_watch_kvm_run_fd(const char *syscall)
{
	unsigned long nr, fd, request;

	if (sscanf(syscall, "%lu 0x%lx 0x%lx", &nr, &fd, &request) != 3)
		return -1;
	return request == KVM_RUN_REQUEST && fd <= INT_MAX ? (int)fd : -1;
}

static int add(struct list *l, pid_t pid, int fd, int index)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap * 2 + 16;
		struct pvtb_watch_vcpu *bigger = realloc(l->v, cap * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		l->v = bigger;
		l->cap = cap;
	}
	l->v[l->nr++] = (struct pvtb_watch_vcpu){
		.vcpu = (u64)pid << 32 | (u32)fd,
		.vm = (u64)pid, /* which of a process's VMs it belongs to is not told here */
		.pid = pid,
		.fd = fd,
		.index = index,
	};
	return 0;
}

static pid_t number(const char *name)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*name))
		return 0;
	n = strtol(name, &end, 10);
	return *end || n > INT_MAX ? 0 : (pid_t)n;
}

/* A directory below another that is open. */
static DIR *open_dir_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* The KVM descriptors of @pid. 1 with any, 0 without, -errno. */
static int scan_fds(int process, pid_t pid, struct list *l)
{
	DIR *dir = open_dir_at(process, "fd");
	const struct dirent *e;
	int ret = 0;

	if (!dir)
		return -errno;
	while (ret >= 0 && (e = readdir(dir))) {
		char link[64];
		ssize_t n;
		int index;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		index = pvtb_watch_vcpu_index(link);
		if (index >= -1)
			ret = add(l, pid, (int)number(e->d_name), index) ?: 1;
		else if (!strcmp(link, "anon_inode:kvm-vm"))
			ret = 1;
	}
	closedir(dir);
	return ret;
}

/* PF_IO_WORKER, PF_USER_WORKER: a thread of the kernel's in the process (KVM has one since 6.14). It
 * shows the system call of the thread that made it, which is the first vCPU's KVM_RUN. */
#define KERNEL_WORKER 0x4010UL

static bool is_kernel_worker(int tasks, const char *tid)
{
	char path[NAME_MAX + 16], text[512], *after;
	unsigned long flags;
	ssize_t n;
	int fd PVTB_CLOSE = -1;

	snprintf(path, sizeof(path), "%s/stat", tid);
	fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	after = strrchr(text, ')'); /* the name may hold anything */
	return after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) == 1 &&
	       (flags & KERNEL_WORKER);
}

/* Which threads wait in KVM_RUN, and on which of @v. */
static void scan_threads(int process, struct pvtb_watch_vcpu *v, size_t nr)
{
	DIR *dir = open_dir_at(process, "task");
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[NAME_MAX + 16], line[256];
		FILE *f PVTB_FCLOSE = NULL;
		int fd, run;

		if (!number(e->d_name) || is_kernel_worker(dirfd(dir), e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/syscall", e->d_name);
		fd = openat(dirfd(dir), path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		f = fdopen(fd, "r");
		if (!f) {
			close(fd);
			continue;
		}
		run = fgets(line, sizeof(line), f) ? pvtb_watch_kvm_run_fd(line) : -1;
		for (size_t i = 0; run >= 0 && i < nr; i++)
			if (v[i].fd == run)
				v[i].tid = number(e->d_name);
	}
	if (dir)
		closedir(dir);
}

static int by_fd(const void *a, const void *b)
{
	const struct pvtb_watch_vcpu *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

/* -ENOENT: not there, or no longer. */
static int scan_process(int proc, pid_t pid, struct list *l, struct pvtb_watch_seen *seen)
{
	size_t first = l->nr;
	char name[16];
	int process PVTB_CLOSE = -1;
	int ret;

	snprintf(name, sizeof(name), "%d", pid);
	process = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return -ENOENT;
	ret = scan_fds(process, pid, l);
	seen->processes++;
	if (ret == -EACCES || ret == -EPERM)
		seen->denied++;
	if (ret > 0)
		seen->vmms++;
	if (l->nr > first)
		scan_threads(process, l->v + first, l->nr - first);
	return ret == -ENOMEM ? ret : 0;
}

int pvtb_watch_find(const char *proc, const pid_t *pids, size_t nr_pids,
		    struct pvtb_watch_vcpu **ret, size_t *ret_nr, struct pvtb_watch_seen *ret_seen,
		    struct pvtb_err *err)
{
	struct pvtb_watch_seen seen = {};
	DIR *dir = opendir(proc);
	const struct dirent *e;
	struct list l = {};
	int rc = 0;

	if (!dir)
		return pvtb_err_sys(err, -errno, "%s", proc);
	for (size_t i = 0; !rc && i < nr_pids; i++) {
		rc = scan_process(dirfd(dir), pids[i], &l, &seen);
		if (rc == -ENOENT)
			rc = pvtb_err_set(err, -ESRCH, "process", "there is no process %d",
					  pids[i]);
	}
	while (!rc && !nr_pids && (e = readdir(dir))) {
		pid_t pid = number(e->d_name);

		if (pid)
			rc = scan_process(dirfd(dir), pid, &l, &seen);
		if (rc == -ENOENT)
			rc = 0;
	}
	closedir(dir);
	if (rc) {
		free(l.v);
		return rc == -ENOMEM ? pvtb_err_sys(err, rc, "%s", proc) : rc;
	}
	if (l.nr)
		qsort(l.v, l.nr, sizeof(*l.v), by_fd);
	*ret = l.v;
	*ret_nr = l.nr;
	*ret_seen = seen;
	return 0;
}
