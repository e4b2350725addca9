// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes one allocation of a program fail: FAULT_AT is its number, from 1; 0: none. FAULT_COUNT names a
 * file that is told how many there were. Loaded by LD_PRELOAD, into the program and not into what it
 * starts. System calls are strace's business (faults_test.py).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong allocations;
static unsigned long fail_at;
static atomic_int armed;
static pid_t owner;

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
	const char *at = getenv("FAULT_AT");

	fail_at = at ? strtoul(at, NULL, 10) : 0;
	owner = getpid();
	unsetenv("LD_PRELOAD");
	atomic_store(&armed, 1);
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *f;

	atomic_store(&armed, 0);
	f = path && owner == getpid() ? fopen(path, "we") : NULL;
	if (!f)
		return;
	fprintf(f, "%lu\n", atomic_load(&allocations));
	fclose(f);
}
