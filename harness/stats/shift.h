/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two groups of runs of one measurement: by how much do they differ, and what is known about that?
 * No normality is assumed, and no independence of samples taken one after the other.
 *
 * The test is Mann and Whitney's on the raw samples, ties counting half, with the variance of
 * Brunner and Munzel (the two sides may differ in shape) taken over clusters instead of samples:
 * samples of one run are not independent, so that ten thousand of them are not ten thousand
 * observations. Clusters are stretches of a run, 20 of them over a side, or 10, or 5 longer ones,
 * whichever makes the variance largest; and, with two or more runs on both sides, whole runs, where
 * that makes it larger still (a difference from boot to boot exceeds what is seen within one). A
 * trend inside single runs widens it too: a run that drifts might have been taken earlier or later.
 * p comes from Student's t with Satterthwaite's degrees of freedom, so that few runs promise little.
 *
 * The estimate is Hodges and Lehmann's shift, the median of all differences between a new and an
 * old sample, interpolated within the quantum of the samples (a 40 ns tick does not hide a shift of
 * 5 ns as long as the distribution moves). Its interval is a bootstrap over the same clusters,
 * widened by what the clusters do not see (drift, few of them).
 */
#ifndef PVTB_STATS_SHIFT_H
#define PVTB_STATS_SHIFT_H

#include "core/err.h"
#include "core/util.h"

/* One run's samples in the order they were taken. */
struct pvtb_series {
	const s64 *values;
	size_t n;
};

/* One value per run, for metrics that have no samples: with half of its 95 % interval, NAN when
 * it has none. */
struct pvtb_estimate {
	double value;
	double half;
};

enum pvtb_spread {
	PVTB_SPREAD_NONE,   /* nothing to judge by: one value a side, without an interval */
	PVTB_SPREAD_WITHIN, /* by stretches of a run, or by the values' own intervals */
	PVTB_SPREAD_DRIFT,  /* likewise, and a run's drift is most of it */
	PVTB_SPREAD_RUNS,   /* from run to run */
};

struct pvtb_shift {
	double old_value,
		new_value;	   /* medians, interpolated within the quantum; of values, theirs */
	double old_half, new_half; /* half 95 % intervals of these; NAN when unknown */
	double shift;		   /* new - old */
	double low, high;	   /* 95 % interval of the shift; NAN when unknown */
	double p;		   /* two-sided; 1 when nothing is known */
	enum pvtb_spread spread;   /* what the uncertainty is made of */
	u64 old_n, new_n;	   /* samples, or values */
	u64 old_runs, new_runs;
};

#define PVTB_SHIFT_MIN_SAMPLES 8 /* a side */

/* -ENODATA when a side has fewer samples, -ENOMEM. The same @seed gives the same interval. */
int pvtb_shift_of(const struct pvtb_series *old_runs, size_t nr_old,
		  const struct pvtb_series *new_runs, size_t nr_new, u64 seed,
		  struct pvtb_shift *ret) PVTB_MUST_CHECK;

/* -ENODATA when a side has no value, -ENOMEM. Welch's t over runs, or the values' own intervals
 * where these are wider; the shift is Hodges and Lehmann's here too. */
int pvtb_shift_of_estimates(const struct pvtb_estimate *old_runs, size_t nr_old,
			    const struct pvtb_estimate *new_runs, size_t nr_new,
			    struct pvtb_shift *ret) PVTB_MUST_CHECK;

/*
 * A quantile of one run, @permille of the samples at or below it, with half of its 95 % interval:
 * order statistics, widened by how much more unevenly than at random the samples above it are
 * spread over the run. The half is NAN when the samples are too few to bound it.
 */
int pvtb_quantile_of(const struct pvtb_series *run, u64 permille,
		     struct pvtb_estimate *ret) PVTB_MUST_CHECK;

/* Holm's correction in place: p[i] becomes what it must be below alpha for, all together. */
int pvtb_holm(double *p, size_t n) PVTB_MUST_CHECK;

/* Student's t: P(|T| > t), and the t with P(|T| > t) = @p; df may be INFINITY. */
double pvtb_t_two_sided(double t, double df);
double pvtb_t_critical(double p, double df);

#endif
