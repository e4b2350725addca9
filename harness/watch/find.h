/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs and their vCPU threads as /proc shows them, whatever the VMM is called: by the KVM descriptors
 * a process has open and by the system call its threads wait in. What every kernel tells, to a
 * reader with ptrace rights; a thread that runs all the time is found only by trace/vcpus.h.
 */
#ifndef PVTB_WATCH_FIND_H
#define PVTB_WATCH_FIND_H

#include <sys/types.h>

#include "core/err.h"
#include "core/util.h"

struct pvtb_watch_vcpu {
	u64 vcpu, vm; /* identities: equal for the same object, otherwise meaningless */
	pid_t pid;
	pid_t tid; /* thread that runs it; 0: not seen */
	int fd;
	int index; /* the VMM's number for it; -1: not told */
};

struct pvtb_watch_seen {
	size_t processes; /* looked at */
	size_t vmms;	  /* with a KVM VM or vCPU open */
	size_t denied;	  /* whose descriptors may not be looked at */
};

/*
 * @proc: "/proc", or a tree like it. @pids: only these; @nr_pids 0: all. In order of process and
 * descriptor; the array is the caller's to free. A process that ends meanwhile is left out, one of
 * @pids that is not there is -ESRCH.
 */
int pvtb_watch_find(const char *proc, const pid_t *pids, size_t nr_pids,
		    struct pvtb_watch_vcpu **ret, size_t *ret_nr, struct pvtb_watch_seen *ret_seen,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

/* The number in "anon_inode:kvm-vcpu:N"; -1 for older kernels' "anon_inode:kvm-vcpu"; -2: not a vCPU. */
int pvtb_watch_vcpu_index(const char *link);

/* KVM_RUN on which descriptor, from a line of /proc/PID/task/TID/syscall; -1: anything else. */
int pvtb_watch_kvm_run_fd(const char *syscall);

#endif
