// SPDX-License-Identifier: GPL-2.0-only
/* Owns the reading of one thread's files in /proc. */
#include "watch/thread.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

int pvtb_watch_schedstat(const char *proc, pid_t pid, pid_t tid, struct pvtb_watch_schedstat *ret,
			 struct pvtb_err *err)
{
	struct pvtb_watch_schedstat s;
	FILE *f PVTB_FCLOSE = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/task/%d/schedstat", proc, pid, tid);
	f = fopen(path, "re");
	if (!f) {
		snprintf(path, sizeof(path), "%s/%d/task/%d", proc, pid, tid);
		if (access(path, F_OK))
			return pvtb_err_set(err, -ESRCH, path, "the thread is gone");
		return pvtb_err_set(err, -EOPNOTSUPP, path,
				    "has no schedstat (a kernel without CONFIG_SCHED_INFO)");
	}
	/* Opened before the thread ended, read after: the kernel says ESRCH, or gives nothing. */
	if (fscanf(f, "%" SCNu64 " %" SCNu64, &s.ran_ns, &s.run_delay_ns) != 2)
		return pvtb_err_set(err, -ESRCH, path, "the thread is gone");
	*ret = s;
	return 0;
}

/* @prefix and what follows it on the line that begins so; the line end cut off. */
static bool read_line(const char *proc, pid_t pid, const char *file, const char *prefix, char *out,
		      size_t size)
{
	FILE *f PVTB_FCLOSE = NULL;
	char path[PATH_MAX], line[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *rest = line + strlen(prefix);
		size_t len;

		if (strncmp(line, prefix, strlen(prefix)))
			continue;
		len = strcspn(rest, "\n");
		line[strlen(prefix) + len] = '\0';
		if (len >= size)
			rest += len - (size - 1);
		snprintf(out, size, "%s", rest);
		return true;
	}
	return false;
}

/* "4:cpu,cpuacct:/a/b" is what limits the CPU where cgroup v1 has that controller; else "0::/a/b". */
static void read_cgroup(const char *proc, pid_t pid, char *out, size_t size)
{
	FILE *f PVTB_FCLOSE = NULL;
	char path[PATH_MAX], line[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/cgroup", proc, pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':'), *group, *save, *c;
		bool cpu = false, v2;
		size_t len;

		group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = '\0';
		v2 = !controllers[1];
		for (c = strtok_r(controllers + 1, ",", &save); c; c = strtok_r(NULL, ",", &save))
			cpu |= !strcmp(c, "cpu");
		if (!cpu && !(v2 && !out[0]))
			continue;
		len = strcspn(group, "\n");
		group[len] = '\0';
		snprintf(out, size, "%s", len >= size ? group + len - (size - 1) : group);
		if (cpu)
			return;
	}
}

void pvtb_watch_who(const char *proc, pid_t pid, struct pvtb_watch_who *ret)
{
	char text[16];

	*ret = (struct pvtb_watch_who){.pid = pid, .comm = "?"};
	if (read_line(proc, pid, "status", "Tgid:\t", text, sizeof(text)))
		ret->tgid = (pid_t)strtol(text, NULL, 10);
	read_line(proc, pid, "comm", "", ret->comm, sizeof(ret->comm));
	read_cgroup(proc, pid, ret->cgroup, sizeof(ret->cgroup));
}
