// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: what /proc and sysfs say of threads, control groups and CPUs. Parts, in this
 * order: status, comm, schedstat, cgroup, stat, syscall, a descriptor's link, mountinfo, a list of
 * CPUs. A process can be named by another user, so these bytes are anybody's.
 *
 * wrap: fopen open openat
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "core/affinity.h"
#include "core/klog.h"
#include "fuzz.h"
#include "load/cgroup_file.h"
#include "load/task.h"
#include "watch/find.h"
#include "watch/thread.h"

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);

/* The host's own files become those of this target. */
static const char *here(const char *path, char *buf, size_t size)
{
	if (strncmp(path, "/proc/", 6) && strncmp(path, "/sys/", 5))
		return path;
	snprintf(buf, size, "%s%s", fuzz_dir(), path);
	return buf;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	char buf[PATH_MAX];

	return __real_fopen(here(path, buf, sizeof(buf)), mode);
}

int __wrap_open(const char *path, int flags, ...)
{
	char buf[PATH_MAX];
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return __real_open(here(path, buf, sizeof(buf)), flags, mode);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	char buf[PATH_MAX];
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return __real_openat(at, here(path, buf, sizeof(buf)), flags, mode);
}

#define PID 77

static const char *const files[] = {
	"proc/77/status", "proc/77/comm",	  "proc/77/task/77/schedstat",
	"proc/77/cgroup", "proc/77/task/77/stat", "proc/77/task/77/syscall",
	"link",		  "proc/self/mountinfo",  "sys/devices/system/cpu/isolated",
};
#define LINK 6
#define CPUS 8

static void make_tree(const u8 *data, size_t bytes, char **ret_link, char **ret_cpus)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(files); i++) {
		const u8 *part = NULL;
		size_t n = 0;

		fuzz_part(&data, &bytes, &part, &n);
		if (i == LINK)
			*ret_link = strndup(n ? (const char *)part : "", n);
		else if (i == CPUS)
			*ret_cpus = strndup(n ? (const char *)part : "", n);
		if (i == 2)
			fuzz_file("proc/77/schedstat", part, n);
		if (i != LINK)
			fuzz_file(files[i], part, n);
	}
}

static void look_for_vcpus(const char *proc, const char *link, bool *ret_any)
{
	struct pvtb_watch_vcpu *found = NULL;
	struct pvtb_watch_seen seen = {};
	struct pvtb_err err = {};
	static const pid_t pid = PID;
	char fd[PATH_MAX];
	size_t nr = 0;

	snprintf(fd, sizeof(fd), "%s/77/fd", proc);
	mkdir(fd, 0755);
	snprintf(fd, sizeof(fd), "%s/77/fd/5", proc);
	unlink(fd);
	if (symlink(link, fd))
		*fd = '\0';
	if (!pvtb_watch_find(proc, &pid, 1, &found, &nr, &seen, &err)) {
		fuzz_must(nr <= 1 && seen.processes == 1);
		fuzz_must(!nr || (found->pid == PID && found->fd == 5 && found->index >= -1 &&
				  (!found->tid || found->tid == PID)));
		*ret_any = nr && found->tid;
	} else {
		fuzz_must(err.why[0]);
	}
	free(found);
}

static void ask(const char *proc)
{
	struct pvtb_watch_schedstat s;
	struct pvtb_cgroup_host host = {};
	struct pvtb_task_times times;
	struct pvtb_watch_who who;
	struct pvtb_placement place;
	char dir[PVTB_CGROUP_PATH];
	struct pvtb_err err;
	pid_t tgid;

	if (pvtb_watch_schedstat(proc, PID, PID, &s, &err) || pvtb_task_times(PID, &times, &err) ||
	    pvtb_task_tgid(PID, &tgid, &err))
		fuzz_must(err.why[0]);
	pvtb_watch_who(proc, PID, &who);
	fuzz_must(strnlen(who.comm, sizeof(who.comm)) < sizeof(who.comm));
	fuzz_must(strnlen(who.cgroup, sizeof(who.cgroup)) < sizeof(who.cgroup));
	for (int version = 0; version <= 2; version++)
		if (pvtb_cgroup_probe(version, &host, &err))
			fuzz_must(err.why[0]);
	for (unsigned int c = 0; c < PVTB_CGROUP_NR; c++) {
		snprintf(host.ctl[c].mount, sizeof(host.ctl[c].mount), "%s", proc);
		host.ctl[c].version = 1 + (int)(c & 1);
		if (!pvtb_cgroup_of(&host, c, PID, dir))
			fuzz_must(strnlen(dir, sizeof(dir)) < sizeof(dir));
	}
	if (pvtb_placement_choose(&place, &err))
		fuzz_must(err.why[0]);
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	char *link = NULL, *cpus = NULL;
	struct pvtb_cpus set;
	char proc[PATH_MAX];
	bool any = false;

	make_tree(data, bytes, &link, &cpus);
	fuzz_must(link && cpus);
	snprintf(proc, sizeof(proc), "%s/proc", fuzz_dir());
	look_for_vcpus(proc, link, &any);
	ask(proc);
	if (!pvtb_cpus_parse(cpus, &set))
		fuzz_must(pvtb_cpus_count(&set) <= PVTB_MAX_CPUS);
	free(link);
	free(cpus);
	return any;
}

void fuzz_seeds(void)
{
	fuzz_seed_text(true,
		       "Name:\tCPU 0/KVM\nTgid:\t77\n" FUZZ_CUT "CPU 0/KVM\n" FUZZ_CUT
		       "12345 678 9\n" FUZZ_CUT "0::/a/b\n4:cpu,cpuacct:/c\n" FUZZ_CUT
		       "77 (a) b) S 1 1 1 0 -1 4194304 0 0\n" FUZZ_CUT
		       "16 0x5 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n" FUZZ_CUT
		       "anon_inode:kvm-vcpu:0" FUZZ_CUT
		       "36 35 98:0 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
		       "37 35 98:0 /x /tmp rw shared:1 - cgroup cgroup rw,cpu,cpuset\n" FUZZ_CUT
		       "0-3,8,10-11\n");
	fuzz_seed_text(false, "Tgid:\t-1\n" FUZZ_CUT FUZZ_CUT "x" FUZZ_CUT "0::\n:::\n" FUZZ_CUT
			      "77 (io) S 1 1 1 0 -1 16400 0\n" FUZZ_CUT "running\n" FUZZ_CUT
			      "anon_inode:kvm-vcpu:99999999999" FUZZ_CUT " - \n" FUZZ_CUT "(null)");
	fuzz_seed_text(false, "");
}
