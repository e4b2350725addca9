// SPDX-License-Identifier: GPL-2.0-only
/* Finding vCPUs and their threads in a made-up /proc, reading a thread's files there, and the
 * columns they are shown in. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "watch/find.h"
#include "watch/table.h"
#include "watch/thread.h"

static void put_dir(const char *root, const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, dir);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	mkdir(path, 0755);
}

static void put_file(const char *root, const char *file, const char *text)
{
	char path[PATH_MAX], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s", file);
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		put_dir(root, path);
	}
	snprintf(path, sizeof(path), "%s/%s", root, file);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void put_fd(const char *root, int pid, int fd, const char *target)
{
	char dir[64], path[PATH_MAX];

	snprintf(dir, sizeof(dir), "%d/fd", pid);
	put_dir(root, dir);
	snprintf(path, sizeof(path), "%s/%s/%d", root, dir, fd);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	char template[] = "/tmp/pvtb-watch-XXXXXX";
	char *root = mkdtemp(template) ? strdup(template) : NULL;

	if (!root)
		return -1;
	*state = root;
	/* not a VM, and files that are no processes */
	put_fd(root, 7, 0, "/dev/null");
	put_fd(root, 7, 1, "anon_inode:[eventpoll]");
	put_fd(root, 7, 2, "anon_inode:kvm-vcpu-stats:0");
	put_file(root, "uptime", "1 1\n");
	put_file(root, "42x/fd/note", "");
	/* a VMM with two vCPUs, opened out of order; one thread waits in KVM_RUN, one runs */
	put_fd(root, 100, 9, "anon_inode:kvm-vm");
	put_fd(root, 100, 12, "anon_inode:kvm-vcpu:0");
	put_fd(root, 100, 11, "anon_inode:kvm-vcpu:1");
	put_file(root, "100/task/100/syscall", "7 0x7f 0x5 0xffffffff 0x0 0x0 0x0 0x7f 0x7f\n");
	put_file(root, "100/task/101/syscall", "running\n");
	/* arm64's number of ioctl */
	put_file(root, "100/task/102/syscall", "29 0xc 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n");
	/* the kernel's worker in the VMM looks as the thread that made it did */
	put_file(root, "100/task/104/syscall", "16 0xb 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n");
	put_file(root, "100/task/104/stat", "104 (kvm) x (y) S 1 100 100 0 -1 1077952576 0 0\n");
	put_file(root, "100/task/102/stat", "102 (vcpu 0) R 1 100 100 0 -1 4194368 0 0\n");
	/* another request on a vCPU is not running it */
	put_file(root, "100/task/103/syscall", "16 0xb 0xae81 0x0 0x0 0x0 0x0 0x7f 0x7f\n");
	put_file(root, "100/task/101/schedstat", "123456789 987654321 42\n");
	put_file(root, "100/status", "Name:\tvmm\nTgid:\t100\nPid:\t100\n");
	put_file(root, "100/comm", "cloud hyper\n");
	put_file(root, "100/cgroup", "3:cpu,cpuacct:/vms/a:b\n2:cpuset:/other\n0::/v2\n");
	/* an old kernel's name, and a cgroup of v2 only */
	put_fd(root, 200, 5, "anon_inode:kvm-vcpu");
	put_file(root, "200/task/200/syscall", "16 0x5 0xae80 0x0 0x0 0x0 0x0 0x7f 0x7f\n");
	put_file(root, "200/cgroup", "0::/vms/b\n");
	return 0;
}

static int teardown(void **state)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return system(command);
}

static void finds_vcpus(void **state)
{
	struct pvtb_watch_seen seen;
	struct pvtb_watch_vcpu *v;
	struct pvtb_err err;
	size_t nr;

	assert_int_equal(pvtb_watch_find(*state, NULL, 0, &v, &nr, &seen, &err), 0);
	assert_int_equal(nr, 3);
	assert_int_equal(seen.processes, 3);
	assert_int_equal(seen.vmms, 2);
	assert_int_equal(seen.denied, 0);
	assert_int_equal(v[0].pid, 100);
	assert_int_equal(v[0].fd, 11);
	assert_int_equal(v[0].index, 1);
	assert_int_equal(v[0].tid, 0);
	assert_int_equal(v[1].fd, 12);
	assert_int_equal(v[1].index, 0);
	assert_int_equal(v[1].tid, 102);
	assert_int_equal(v[2].pid, 200);
	assert_int_equal(v[2].index, -1);
	assert_int_equal(v[2].tid, 200);
	assert_true(v[0].vcpu != v[1].vcpu && v[1].vcpu != v[2].vcpu);
	assert_true(v[0].vm == v[1].vm && v[1].vm != v[2].vm);
	free(v);
}

static void finds_in_some(void **state)
{
	const pid_t some[] = {7, 200}, gone[] = {200, 300};
	struct pvtb_watch_seen seen;
	struct pvtb_watch_vcpu *v;
	struct pvtb_err err;
	size_t nr;

	assert_int_equal(pvtb_watch_find(*state, some, 2, &v, &nr, &seen, &err), 0);
	assert_int_equal(nr, 1);
	assert_int_equal(v[0].pid, 200);
	free(v);
	assert_int_equal(pvtb_watch_find(*state, gone, 2, &v, &nr, &seen, &err), -ESRCH);
	assert_non_null(strstr(err.why, "300"));
}

static void knows_vcpu_links(void **state)
{
	(void)state;
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu:255"), 255);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu"), -1);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu:"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu:1x"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu:-1"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu:99999999999"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vcpu-stats:0"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("anon_inode:kvm-vm"), -2);
	assert_int_equal(pvtb_watch_vcpu_index("/tmp/kvm-vcpu:0"), -2);
}

static void knows_kvm_run(void **state)
{
	(void)state;
	assert_int_equal(pvtb_watch_kvm_run_fd("16 0x1f 0xae80 0x0 0x0"), 31);
	assert_int_equal(pvtb_watch_kvm_run_fd("16 0x1f 0xae8 0x0 0x0"), -1);
	assert_int_equal(pvtb_watch_kvm_run_fd("running"), -1);
	assert_int_equal(pvtb_watch_kvm_run_fd("-1 0x7ffe 0x7f"), -1);
	assert_int_equal(pvtb_watch_kvm_run_fd(""), -1);
}

static void reads_schedstat(void **state)
{
	struct pvtb_watch_schedstat s = {.ran_ns = 1};
	struct pvtb_err err;

	assert_int_equal(pvtb_watch_schedstat(*state, 100, 101, &s, &err), 0);
	assert_int_equal(s.ran_ns, 123456789);
	assert_int_equal(s.run_delay_ns, 987654321);
	assert_int_equal(pvtb_watch_schedstat(*state, 100, 999, &s, &err), -ESRCH);
	/* the thread is there, the file is not */
	assert_int_equal(pvtb_watch_schedstat(*state, 100, 102, &s, &err), -EOPNOTSUPP);
	assert_int_equal(s.ran_ns, 123456789);
}

static void tells_who(void **state)
{
	struct pvtb_watch_who w;

	pvtb_watch_who(*state, 100, &w);
	assert_int_equal(w.tgid, 100);
	assert_string_equal(w.comm, "cloud hyper");
	assert_string_equal(w.cgroup, "/vms/a:b");
	pvtb_watch_who(*state, 200, &w);
	assert_int_equal(w.tgid, 0);
	assert_string_equal(w.comm, "?");
	assert_string_equal(w.cgroup, "/vms/b");
}

static void formats(void **state)
{
	char b[32];

	(void)state;
	assert_string_equal(pvtb_watch_percent(1, 3, b, sizeof(b)), "33.3");
	assert_string_equal(pvtb_watch_percent(0, 3, b, sizeof(b)), "0");
	assert_string_equal(pvtb_watch_percent(1, 1000000, b, sizeof(b)), "0.0");
	assert_string_equal(pvtb_watch_percent(-1, 4, b, sizeof(b)), "-25.0");
	assert_string_equal(pvtb_watch_percent(1, 0, b, sizeof(b)), "-");
	assert_string_equal(pvtb_watch_duration(999, b, sizeof(b)), "999 ns");
	assert_string_equal(pvtb_watch_duration(-1500, b, sizeof(b)), "-1.500 us");
	assert_string_equal(pvtb_watch_duration(2500000, b, sizeof(b)), "2.500 ms");
	assert_string_equal(pvtb_watch_duration(61000000000, b, sizeof(b)), "61.000 s");
}

static void rows(void **state)
{
	struct pvtb_watch_row row = {
		.pid = 100,
		.tid = 101,
		.comm = "qemu",
		.index = 0,
		.wall_ns = 1000000000,
		.b_known = true,
		.taken_by = "hog (7)",
		.split = {.guest_ns = 300000000,
			  .host_ns = 100000000,
			  .preempted_ns = 250000000,
			  .woken_ns = 50000000,
			  .throttled_ns = 100000000,
			  .waiting_ns = 25000000,
			  .blocked_ns = 150000000,
			  .stopped_ns = 5000000,
			  .unknown_ns = 20000000},
		.run_delay_ns = 425500000,
	};
	char head[320], line[320];

	(void)state;
	assert_true(pvtb_watch_header(head, sizeof(head)) < (int)sizeof(head));
	pvtb_watch_line("12:00:00", &row, line, sizeof(line));
	assert_string_equal(
		line, "12:00:00     100 qemu               0     101   40.0   42.5   25.0    7.5"
		      "   10.0   15.0    2.5  425.000  425.500  hog (7)");
	/* columns end where their headings do */
	assert_int_equal(strstr(head, "tid") + 3 - head, strstr(line, "101") + 3 - line);
	assert_int_equal(strstr(head, "K ms") + 4 - head, strstr(line, "425.500") + 7 - line);
	row.b_known = false;
	row.index = -1;
	row.tid = 0;
	pvtb_watch_line("12:00:00", &row, line, sizeof(line));
	assert_string_equal(
		line, "12:00:00     100 qemu               ?       ?   40.0   42.5      -      -"
		      "      -   15.0    2.5        -  425.500  hog (7)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_vcpus, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_in_some, setup, teardown),
		cmocka_unit_test(knows_vcpu_links),
		cmocka_unit_test(knows_kvm_run),
		cmocka_unit_test_setup_teardown(reads_schedstat, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_who, setup, teardown),
		cmocka_unit_test(formats),
		cmocka_unit_test(rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
