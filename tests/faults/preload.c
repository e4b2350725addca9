// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes one allocation of a program fail: FAULT_AT is its number, from 1; 0: none. FAULT_COUNT names a
 * file that is told how many there were. Loaded by LD_PRELOAD, into the program and not into what it
 * starts. System calls are strace's business (faults_test.py).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong allocations;
static unsigned long fail_at;
static atomic_int armed;
static pid_t owner;
static int count_fd;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* For a debugger: the stack at the fault. */
__attribute__((noinline)) void fault_hit(void);
void fault_hit(void)
{
	errno = ENOMEM;
}

static int fails(void)
{
	if (!atomic_load(&armed) || atomic_fetch_add(&allocations, 1) + 1 != fail_at)
		return 0;
	fault_hit();
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

__attribute__((constructor)) static void arm(void)
{
	const char *at = getenv("FAULT_AT"), *path;
	int fd;

	fail_at = at ? strtoul(at, NULL, 10) : 0;
	owner = getpid();
	/* now: later the program may have no right to open it */
	path = getenv("FAULT_COUNT");
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	count_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 500);
	if (fd >= 0)
		close(fd);
	unsetenv("LD_PRELOAD");
	atomic_store(&armed, 1);
}

__attribute__((destructor)) static void tell(void)
{
	atomic_store(&armed, 0);
	if (count_fd >= 0 && owner == getpid())
		dprintf(count_fd, "%lu\n", atomic_load(&allocations));
}
