/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest that is moved: all its vCPUs sample all their clocks without a pause (op sample_time) into
 * rings that travel with it. For bench/migration and for the commands that send and receive one.
 */
#ifndef PVTB_BENCH_MIGRATION_GUEST_H
#define PVTB_BENCH_MIGRATION_GUEST_H

#include "abi/timer.h"
#include "bench.h"

#define MIGRATION_OP	    "sample_time"
#define MIGRATION_OP_TIMERS "timers"

struct migration_guest {
	const struct pvtb_kvm_caps *caps;
	enum pvtb_arch arch;
	unsigned int nr_vcpus;
	u64 ring_bytes; /* per vCPU */
	u32 lpt_pv_hz;	/* 0: no Live Physical Time */
	bool kvmclock;
	bool from_zero; /* its counter, where the host can: as a fresh machine's, younger than a second;
			   else it is as old as the host's */
	u64 counter_hz; /* x86: of its counter; 0: the host's */
	u64 sample_hz;
	/* arm64: it arms timers from this plan instead, on vCPU 0 (abi/timer.h) */
	const struct pvtb_timer_plan *timers;
	u64 claimed_hz;	 /* what LPT's structure says the counter's frequency is; 0: the truth */
	const int *cpus; /* as in struct pvtb_vm_spec */
};

/* Made, not running. */
int migration_guest_new(const struct migration_guest *g, struct pvtb_vm **ret,
			struct pvtb_err *err) PVTB_MUST_CHECK;
/* Every vCPU samples, until pvtb_vm_stop_cmd(). */
int migration_guest_start(const struct migration_guest *g, struct pvtb_vm *vm,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
/* The level the guest runs at on such a host. */
enum pvtb_level migration_level(const struct pvtb_kvm_caps *caps);
/* Samples of a vCPU so far, all of them readable. Any thread, at any time. */
u64 migration_taken(struct pvtb_vm *vm, unsigned int vcpu);
/* Its ring; *ret_mask: sample i is at i & mask. */
const struct pvtb_time_sample *migration_samples(struct pvtb_vm *vm, unsigned int vcpu,
						 u64 *ret_mask);

#endif
