// SPDX-License-Identifier: GPL-2.0-only
/* What a process that gave up its rights can do, and what it cannot. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/rights.h"

/* @check in a process of its own that keeps @keep: 0 all as it should be, else which is not. */
static int in_child(enum pvtb_rights keep, int (*check)(unsigned int done))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(check(pvtb_rights_drop(keep)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int check_read(unsigned int done)
{
	char *const argv[] = {(char *)"true", NULL};
	char name[64];
	int fd;

	if (done != pvtb_rights_of_kernel())
		return 1;
	if (done & PVTB_RIGHTS_BY_SECCOMP) {
		if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
			return 2;
		if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
			return 3;
		execv("/bin/true", argv); /* returns */
		if (errno != EPERM)
			return 4;
	}
	if (done & PVTB_RIGHTS_BY_LANDLOCK) {
		snprintf(name, sizeof(name), "/tmp/pvtb-rights-%d", getpid());
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd >= 0 || errno != EACCES) {
			unlink(name);
			return 5;
		}
		execv("/bin/true", argv);
		if (errno != EPERM && errno != EACCES)
			return 6;
	}
	fd = open("/proc/self/stat", O_RDONLY);
	return fd < 0 || write(2, "", 0) ? 7 : 0;
}

static int check_programs(unsigned int done)
{
	int status;
	pid_t pid;

	if (!(done & PVTB_RIGHTS_BY_SECCOMP))
		return 0;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 1;
	pid = fork();
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(2);
	}
	return waitpid(pid, &status, 0) != pid || status ? 3 : 0;
}

static void test_read(void **state)
{
	assert_int_equal(in_child(PVTB_RIGHTS_READ, check_read), 0);
}

static void test_programs(void **state)
{
	assert_int_equal(in_child(PVTB_RIGHTS_PROGRAMS, check_programs), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
