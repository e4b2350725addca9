/* SPDX-License-Identifier: GPL-2.0-only */
/* Which CPUs this process may use, and where measured and measuring threads go. */
#ifndef PVTB_CORE_AFFINITY_H
#define PVTB_CORE_AFFINITY_H

#include "core/err.h"
#include "core/util.h"

#define PVTB_MAX_CPUS 4096

/* Bitmap of the CPUs allowed to the calling thread (sched_getaffinity). */
struct pvtb_cpus {
	unsigned long bits[PVTB_MAX_CPUS / (8 * sizeof(unsigned long))];
};
int pvtb_cpus_allowed(struct pvtb_cpus *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
bool pvtb_cpus_has(const struct pvtb_cpus *cpus, unsigned int cpu);
unsigned int pvtb_cpus_count(const struct pvtb_cpus *cpus);
/* The kernel's list format: "0-3,8,10-11". An empty list is an empty set. */
int pvtb_cpus_parse(const char *list, struct pvtb_cpus *ret) PVTB_MUST_CHECK;

/*
 * Where to measure: the vCPU on an isolated CPU if there is one, else on the last allowed one that
 * is not CPU 0 (which takes most interrupts); the harness and the eBPF consumer elsewhere, off the
 * vCPU's SMT sibling where possible. With one CPU both are that one.
 */
struct pvtb_placement {
	int vcpu_cpu;
	int harness_cpu;
	bool isolated; /* vcpu_cpu is in isolcpus or nohz_full */
	bool apart;    /* the two differ */
};
int pvtb_placement_choose(struct pvtb_placement *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Pin the calling thread. */
int pvtb_pin_self(int cpu, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
