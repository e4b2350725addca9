/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Temporary control groups for single threads: CPU quota, weight, CPU set, freezer; cgroup v2
 * (threaded groups) and v1 (one directory per hierarchy), whichever the host has mounted, each
 * controller by itself. What the host lacks is -EOPNOTSUPP with the reason (a SKIP).
 *
 * A domain is the place where groups are made, and restores what had to be changed for it; groups
 * are its children, so that their weights compete with each other:
 *
 *   v2  <mount>/pvtb-PID-N (domain) / pvtb-PID-N (threaded); <mount> itself serves as the domain
 *       where the process is in the root group already. A process is moved into the domain with
 *       the first of its threads: threads of one process cannot be in two domains.
 *   v1  <mount>/pvtb-PID-N in each hierarchy.
 *
 * All that is made or moved is on the guardian's list. Domains of one host nest: made first, freed
 * last, because controllers switched on for the first are found on by the second.
 */
#ifndef PVTB_LOAD_CGROUP_H
#define PVTB_LOAD_CGROUP_H

#include <sys/types.h>

#include "core/guardian.h"

enum pvtb_cgroup_ctl {
	PVTB_CGROUP_CPU = 0, /* quota and weight */
	PVTB_CGROUP_CPUSET,
	PVTB_CGROUP_FREEZER,
	PVTB_CGROUP_NR,
};
#define PVTB_CGROUP_BIT(ctl) (1U << (ctl))

/* Where a controller is to be found. */
struct pvtb_cgroup_host {
	struct {
		int version;	 /* 1, 2; 0: not available */
		char mount[256]; /* of its hierarchy */
		char root[256];	 /* v1 of a container: what of the hierarchy is mounted there */
		char why[512];	 /* not available: why */
	} ctl[PVTB_CGROUP_NR];
};
/* @version: 1 or 2 to look at that alone; 0: v1 where mounted (its controller is not v2's then),
 * else v2. Changes nothing. */
int pvtb_cgroup_probe(int version, struct pvtb_cgroup_host *ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

struct pvtb_cgroup_domain;
struct pvtb_cgroup;

/* @ctls: PVTB_CGROUP_BIT() of those that groups will have. @g may be NULL. */
int pvtb_cgroup_domain_new(const struct pvtb_cgroup_host *host, unsigned int ctls,
			   struct pvtb_guardian *g, struct pvtb_cgroup_domain **ret,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
/* After its groups. Moves processes back, removes, restores; NULL is fine. */
int pvtb_cgroup_domain_free(struct pvtb_cgroup_domain *domain, struct pvtb_err *err);

int pvtb_cgroup_new(struct pvtb_cgroup_domain *domain, struct pvtb_cgroup **ret,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* Thaws, detaches what is attached, removes; NULL is fine. Frees in any case. */
int pvtb_cgroup_free(struct pvtb_cgroup *cg, struct pvtb_err *err);

/* A thread, of this process or another. Detached, it is where it was, with the CPUs it had. */
int pvtb_cgroup_attach(struct pvtb_cgroup *cg, pid_t tid, struct pvtb_err *err) PVTB_MUST_CHECK;
/* 0 too when the thread has ended. */
int pvtb_cgroup_detach(struct pvtb_cgroup *cg, pid_t tid, struct pvtb_err *err) PVTB_MUST_CHECK;

/* @quota_us of each @period_us (0: 100 ms), summed over CPUs; 0: no limit. The kernel takes 1 ms
 * and more. */
int pvtb_cgroup_set_quota(struct pvtb_cgroup *cg, u64 quota_us, u64 period_us,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
/* 1 .. 10000, 100 is everybody's (v1: 1024 shares). */
int pvtb_cgroup_set_weight(struct pvtb_cgroup *cg, unsigned int weight,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
/* "0-3,8": at any time; threads that sit elsewhere are moved, whatever CPUs they were pinned to. */
int pvtb_cgroup_set_cpus(struct pvtb_cgroup *cg, const char *list,
			 struct pvtb_err *err) PVTB_MUST_CHECK;
/* Each returns when all threads are (not) frozen; -ETIMEDOUT after 10 s: thawed again. */
int pvtb_cgroup_freeze(struct pvtb_cgroup *cg, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_cgroup_thaw(struct pvtb_cgroup *cg, struct pvtb_err *err) PVTB_MUST_CHECK;

/* The group's own count of throttling (cpu.stat). */
struct pvtb_cgroup_throttled {
	u64 periods, throttled_periods;
	u64 throttled_ns;
};
int pvtb_cgroup_throttled(struct pvtb_cgroup *cg, struct pvtb_cgroup_throttled *ret,
			  struct pvtb_err *err) PVTB_MUST_CHECK;

/* Directory of the group for a controller, NULL when it was not asked for. */
const char *pvtb_cgroup_path(const struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl);
/* Its number as the kernel's tracing helpers give it (the directory's inode), 0 when not known. */
u64 pvtb_cgroup_id(const struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl);

#endif
