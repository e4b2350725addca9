/* SPDX-License-Identifier: GPL-2.0-only */
/* What the walk over all open files (vcpus.bpf.c) writes for each vCPU it meets: contract between
 * the eBPF program and the harness. */
#ifndef PVTB_VCPUS_ABI_H
#define PVTB_VCPUS_ABI_H

#ifdef __bpf__
/* fixed-width names come from the program */
#else
#include <linux/types.h>
#endif

struct pvtb_vcpu_file {
	__u64 vcpu; /* identities: the same object through any descriptor */
	__u64 vm;   /* 0: the kernel's types do not tell */
	__u32 pid;  /* process, and the thread that last ran it: in the reader's pid namespace */
	__u32 tid;  /* 0: none so far, or not in that namespace */
	__s32 fd;
	__s32 index; /* the VMM's number for it; -1: the kernel's types do not tell */
};

_Static_assert(sizeof(struct pvtb_vcpu_file) == 32, "no padding");

#endif
