/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command stream for the guest: the harness writes steps into guest memory, the op "stream" runs
 * them one after the other at EL1 or ring 0 and leaves what came of each beside it. What can be asked
 * of a hypervisor is so decided on the host, and no probe has to be built for it.
 *
 * Included by guest-probes/ (freestanding, from C and assembly) and harness/.
 */
#ifndef PVTB_GUEST_STREAM_H
#define PVTB_GUEST_STREAM_H

#define PVTB_STEP_REGS	18
#define PVTB_STEP_TRIES 1000

/* Offsets in struct pvtb_step, for assembly. */
#define PVTB_STEP_IN	8
#define PVTB_STEP_OUT	152
#define PVTB_STEP_BYTES 320

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

#include "abi/guest.h"

enum pvtb_step_kind {
	PVTB_STEP_NONE = 0,
	/* Calls: every register in[] loaded before, out[] stored after. arm64: x0..x17; x86: rax rbx
	 * rcx rdx rsi rdi rbp r8..r15. */
	PVTB_STEP_HVC = 1, /* x86: the CPU's own hypercall instruction */
	PVTB_STEP_SMC = 2,
	PVTB_STEP_HVC_IMM = 3, /* immediate 1 */
	PVTB_STEP_SMC_IMM = 4,
	/* Memory: address in[0], value in[1] or out[0]. */
	PVTB_STEP_READ64 = 16,
	PVTB_STEP_WRITE64 = 17,
	PVTB_STEP_READ32 = 18,
	PVTB_STEP_WRITE32 = 19,
	PVTB_STEP_EXIT = 20,  /* a store the VMM answers by entering again */
	PVTB_STEP_COUNT = 21, /* nothing but the two counter readings of every step */
	PVTB_STEP_SPIN = 22,  /* until in[0] ticks have passed */
	PVTB_STEP_IDLE = 23,  /* WFI, HLT */
	/* in[0] readings of counter in[1] (arm64: enum pvtb_step_sysreg; x86: the TSC); out[0]: how
	 * many were below the one before. */
	PVTB_STEP_SCAN = 24,
	/* WFI or HLT until in[0] ticks have passed. */
	PVTB_STEP_REST = 25,
	/* Live Physical Time at in[0], with the protocol of its readers, at most PVTB_STEP_TRIES times:
	 * out[] value, native counter, multiplier, fraction bits, sequence number; tries, 0 when no
	 * reading was whole. */
	PVTB_STEP_LPT = 26,
	/* The stolen-time structure at in[0]. out[] ns; arm64: revision, attributes; x86: version,
	 * flags, preempted, tries, 0 when no reading was whole. */
	PVTB_STEP_STEAL = 27,
	/* arm64: in[0] is one of enum pvtb_step_sysreg. */
	PVTB_STEP_MRS = 32,
	PVTB_STEP_MSR = 33,
	/* CNTPCT between two readings of CNTVCT, in[0] times. out[]: least distance of the two, how often it
	 * was below the first and above the second, and by how much at most. */
	PVTB_STEP_BETWEEN = 34,
	/* x86: in[0] is the MSR or the leaf (in[1]: sub-leaf, out[]: eax ebx ecx edx). */
	PVTB_STEP_RDMSR = 48,
	PVTB_STEP_WRMSR = 49,
	PVTB_STEP_CPUID = 50,
	PVTB_STEP_PVCLOCK = 51, /* structure at in[0]: out[] ns, TSC, version, flags */
	/* The clock at in[0] read in[2] times, each after the largest reading of any vCPU, which is at
	 * in[1]. out[]: how many were below it, by how many ns at most, how often another vCPU had left
	 * its own there. */
	PVTB_STEP_WARP = 52,
};

enum pvtb_step_sysreg {
	PVTB_SYSREG_CNTVCT,
	PVTB_SYSREG_CNTPCT,
	PVTB_SYSREG_CNTFRQ,
	PVTB_SYSREG_CNTVCTSS, /* FEAT_ECV */
	PVTB_SYSREG_CNTPCTSS,
	PVTB_SYSREG_CNTV_CTL,
	PVTB_SYSREG_CNTV_CVAL,
	PVTB_SYSREG_CNTP_CTL,
	PVTB_SYSREG_CNTP_CVAL,
	PVTB_SYSREG_MMFR0, /* ID_AA64MMFR0_EL1 */
	PVTB_SYSREG_PFR0,  /* ID_AA64PFR0_EL1 */
};

struct pvtb_step {
	uint64_t kind;
	uint64_t in[PVTB_STEP_REGS];
	uint64_t out[PVTB_STEP_REGS];
	uint64_t t0, t1; /* counter before and after */
	uint64_t done;	 /* 1: ran to its end */
};

_Static_assert(sizeof(struct pvtb_step) == PVTB_STEP_BYTES, "step as assembly has it");
_Static_assert(offsetof(struct pvtb_step, in) == PVTB_STEP_IN, "step as assembly has it");
_Static_assert(offsetof(struct pvtb_step, out) == PVTB_STEP_OUT, "step as assembly has it");

/* Where vCPU @n's steps are: args[0] of op "stream", args[1] says how many. Behind the scratch pages,
 * which are not left alone before the first command. */
#define PVTB_STREAM_BYTES  0x10000ULL
#define PVTB_GPA_STREAM(n) (PVTB_GPA_SCRATCH + 0x40000ULL + (n)*PVTB_STREAM_BYTES)
#define PVTB_STREAM_MAX	   (PVTB_STREAM_BYTES / PVTB_STEP_BYTES)
#define PVTB_STREAM_VCPUS  8

_Static_assert(PVTB_GPA_STREAM(PVTB_STREAM_VCPUS) <= PVTB_GPA_RINGS, "steps end before the rings");
#endif

#endif
