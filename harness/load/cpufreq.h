/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frequency of a CPU: what can be set (steps, governors, turbo), setting it, and putting back
 * what was found, by the guardian if this process is killed. Files of cpufreq below @root, which is
 * "" but in tests.
 */
#ifndef PVTB_LOAD_CPUFREQ_H
#define PVTB_LOAD_CPUFREQ_H

#include "core/err.h"
#include "core/guardian.h"
#include "core/util.h"

#define PVTB_CPUFREQ_STEPS     64
#define PVTB_CPUFREQ_GOVERNORS 16
#define PVTB_CPUFREQ_NAME      32

enum pvtb_turbo {
	PVTB_TURBO_NONE,  /* no switch for it */
	PVTB_TURBO_BOOST, /* cpufreq/boost */
	PVTB_TURBO_INTEL, /* intel_pstate/no_turbo: the other way round */
};

struct pvtb_cpufreq_info {
	char driver[PVTB_CPUFREQ_NAME];
	u64 min_khz, max_khz; /* of the CPU */
	bool listed;	      /* the driver has a list of steps; otherwise five from min to max */
	size_t nr_steps;
	u64 steps_khz[PVTB_CPUFREQ_STEPS]; /* ascending */
	size_t nr_governors;
	char governors[PVTB_CPUFREQ_GOVERNORS][PVTB_CPUFREQ_NAME];
	enum pvtb_turbo turbo;
	/* as found: */
	char governor[PVTB_CPUFREQ_NAME];
	u64 floor_khz, ceiling_khz;
	bool turbo_on;
};

struct pvtb_cpufreq;

/* Nothing is changed yet, but everything is with the guardian (which may be NULL). -EOPNOTSUPP with
 * the reason where the CPU's frequency is not the kernel's to set, or not ours. */
int pvtb_cpufreq_open(const char *root, int cpu, struct pvtb_guardian *g, struct pvtb_cpufreq **ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
const struct pvtb_cpufreq_info *pvtb_cpufreq_info(const struct pvtb_cpufreq *cf);
/* Puts back what was found and frees; NULL is fine. The first thing that could not be put back is the
 * error; the rest is put back all the same. */
int pvtb_cpufreq_close(struct pvtb_cpufreq *cf, struct pvtb_err *err);

/* As floor and ceiling, whatever the governor makes of it. */
int pvtb_cpufreq_set_khz(struct pvtb_cpufreq *cf, u64 khz, struct pvtb_err *err) PVTB_MUST_CHECK;
/* From the CPU's lowest to its highest, for governors to choose. */
int pvtb_cpufreq_set_free(struct pvtb_cpufreq *cf, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_cpufreq_set_governor(struct pvtb_cpufreq *cf, const char *name,
			      struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_cpufreq_set_turbo(struct pvtb_cpufreq *cf, bool on, struct pvtb_err *err) PVTB_MUST_CHECK;

/* What the kernel says it is now: scaling_cur_freq, and what the hardware says of itself
 * (cpuinfo_cur_freq); 0 where there is no such file. */
struct pvtb_cpufreq_now {
	u64 scaling_khz, hardware_khz;
};
void pvtb_cpufreq_now(const struct pvtb_cpufreq *cf, struct pvtb_cpufreq_now *ret);

/* Cycles and time stamps of a CPU from its own registers (x86: APERF and MPERF, by the msr driver):
 * -EOPNOTSUPP where they cannot be read. */
struct pvtb_aperf {
	u64 aperf, mperf;
};
int pvtb_aperf_read(const char *root, int cpu, struct pvtb_aperf *ret,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

/* A sweep: each step as it was found otherwise, each governor left free, turbo off and on. */
struct pvtb_cpufreq_point {
	char name[PVTB_CPUFREQ_NAME + 16]; /* "step.2400000", "governor.powersave", "turbo.on" */
	u64 khz;			   /* 0: free */
	const char *governor;		   /* NULL: as found */
	int turbo;			   /* 0, 1; -1: as found */
};
#define PVTB_CPUFREQ_POINTS (PVTB_CPUFREQ_STEPS + PVTB_CPUFREQ_GOVERNORS + 2)
size_t pvtb_cpufreq_plan(const struct pvtb_cpufreq_info *info, struct pvtb_cpufreq_point *points,
			 size_t max);
int pvtb_cpufreq_apply(struct pvtb_cpufreq *cf, const struct pvtb_cpufreq_point *p,
		       struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
