/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the variants of bench/frequency/ share: the guest's counter watched for a while, its rate by
 * CLOCK_MONOTONIC_RAW, the cost of reading it, and how that is told.
 */
#ifndef PVTB_BENCH_FREQUENCY_H
#define PVTB_BENCH_FREQUENCY_H

#include "abi/counter.h"
#include "abi/stream.h"
#include "bench.h"
#include "timeline/raw_clock.h"
#include "trace/perf.h"

struct freq_vm {
	struct pvtb_run *run;
	struct pvtb_vm *vm;
	/* of the vCPU's thread: */
	struct pvtb_perf *perf;
	struct pvtb_perf_values before, after;
	u64 enter_ns, leave_ns;
	bool counted;
};

struct freq_seen {
	struct pvtb_counter_watch watch;
	struct pvtb_cmd_result cmd;
	struct pvtb_raw_rate rate;
	double read_ns;	  /* of one reading, all in all */
	double cycles_hz; /* of the vCPU's CPU while it ran; NAN: no such counter */
};

/* Address of @ret must not change while the VM lives. */
int freq_vm_new(struct pvtb_run *run, struct freq_vm *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
void freq_vm_free(struct freq_vm *v);
/* Read for @run_ns; @during (may be NULL) is called once the guest is running. */
int freq_watch(struct freq_vm *v, u64 run_ns, int (*during)(void *opaque, struct pvtb_err *err),
	       int (*done)(void *opaque, struct pvtb_err *err), void *opaque, struct freq_seen *ret,
	       struct pvtb_err *err) PVTB_MUST_CHECK;

/* How long a variant reads: a third of a scenario. */
u64 freq_run_ns(const struct pvtb_run *run);
int freq_add(struct pvtb_variant_result *v, const char *name, enum pvtb_unit unit, double value,
	     double unc, u64 n);
/* Metrics "rate", "read", "cycles", each after @prefix; the law that no reading is below the one
 * before. */
int freq_tell(const char *prefix, const struct freq_seen *s, struct pvtb_variant_result *v);
int freq_monotonic(const struct freq_seen *s, struct pvtb_variant_result *v);
/* A rate against what is told of it: INCONCLUSIVE where it is known to no better than what is allowed. */
enum pvtb_status freq_rate_status(double ppb, double unc_ppb);
/* Before, while and after CLOCK_MONOTONIC was slewed: the laws. */
int freq_slew_judge(const struct freq_seen *s, struct pvtb_variant_result *v);
/* Of a PVTB_STEP_BETWEEN: the law that the physical counter is the virtual one. */
int freq_physical_law(struct pvtb_variant_result *v, const struct pvtb_step *s);
/* A row for the figure "rate error per step", detail.rate_steps. */
int freq_step(struct pvtb_variant_result *v, const char *name, const struct freq_seen *s);

/* One file each. */
int freq_counter(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err);
int freq_cpufreq(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err);
int freq_event_stream(struct pvtb_run *run, struct pvtb_variant_result *v,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
int freq_moved(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err);
int freq_slew(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err);

#endif
