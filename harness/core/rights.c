// SPDX-License-Identifier: GPL-2.0-only
/* Owns the giving up of rights: a seccomp filter, and a Landlock rule set without a rule. */
#include "core/rights.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* The same numbers on every architecture; headers of some distributions have none of them. */
#define NR_LANDLOCK_CREATE   444 /* Linux 5.13, as the next */
#define NR_LANDLOCK_RESTRICT 446
#define NR_IO_URING_SETUP    425 /* Linux 5.1: could open sockets past the filter */
#define LANDLOCK_VERSION     (1U << 0)

/* linux/landlock.h */
#define FS_EXECUTE  (1ULL << 0)
#define FS_WRITE    (1ULL << 1)
#define FS_CHANGES  (0x1ffULL << 4) /* removing and making of files of every kind */
#define FS_REFER    (1ULL << 13)    /* ABI 2, Linux 5.19 */
#define FS_TRUNCATE (1ULL << 14)    /* ABI 3, Linux 6.2 */
#define NET_TCP	    (3ULL << 0)	    /* ABI 4, Linux 6.7: bind and connect */

struct ruleset {
	u64 fs, net;
};

static int landlock_abi(void)
{
	return (int)syscall(NR_LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
}

static bool landlock(void)
{
	int abi = landlock_abi(), fd;
	struct ruleset r = {FS_EXECUTE | FS_WRITE | FS_CHANGES, NET_TCP};
	bool done;

	if (abi < 1)
		return false;
	r.fs |= (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0);
	fd = (int)syscall(NR_LANDLOCK_CREATE, &r, abi >= 4 ? sizeof(r) : sizeof(r.fs), 0);
	if (fd < 0)
		return false;
	done = !syscall(NR_LANDLOCK_RESTRICT, fd, 0);
	close(fd);
	return done;
}

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define REFUSE	     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define NOT(nr)	     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), REFUSE

static bool seccomp(enum pvtb_rights keep)
{
	struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		REFUSE,
		LOAD(nr),
		/* x86: the calls of x32 have other numbers */
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
		REFUSE,
		NOT(SYS_socket),
		NOT(SYS_connect),
		NOT(SYS_bind),
		NOT(NR_IO_URING_SETUP),
		BPF_STMT(BPF_JMP | BPF_JA, keep == PVTB_RIGHTS_READ ? 0 : 4),
		NOT(SYS_execve),
		NOT(SYS_execveat),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {PVTB_ARRAY_SIZE(filter), filter};

	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

unsigned int pvtb_rights_drop(enum pvtb_rights keep)
{
	unsigned int done = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 0;
	if (keep == PVTB_RIGHTS_READ && landlock())
		done |= PVTB_RIGHTS_BY_LANDLOCK;
	if (seccomp(keep))
		done |= PVTB_RIGHTS_BY_SECCOMP;
	return done;
}

unsigned int pvtb_rights_of_kernel(void)
{
	unsigned int there = landlock_abi() >= 1 ? PVTB_RIGHTS_BY_LANDLOCK : 0;

	/* without an argument: -EFAULT where there is seccomp, -EINVAL where there is not */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) && errno == EFAULT)
		there |= PVTB_RIGHTS_BY_SECCOMP;
	return there;
}
