/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two groups of runs of one measurement: by how much do they differ, and what is known about that?
 * No normality of samples is assumed, and no independence of samples taken one after the other.
 *
 * The test is Mann and Whitney's on the raw samples, with the variance of Brunner and Munzel (the two
 * sides may differ in shape) taken over clusters instead of samples: samples of one run are not
 * independent, so that ten thousand of them are not ten thousand observations. Clusters are stretches
 * of a run, 20 of them over a side, or 10, or 5 longer ones, whichever makes the variance largest,
 * enlarged where neighbours are alike; and, with two or more runs on a side, whole runs, where that
 * makes it larger still (a difference from boot to boot exceeds what is seen within one). A single run
 * is taken to vary as the other side's runs. A trend inside single runs widens it too: a run that
 * drifts might have been taken earlier or later. p comes from Student's t with Satterthwaite's degrees
 * of freedom, and is never less than what a permutation of the clusters can give.
 *
 * The estimate is Hodges and Lehmann's shift, the median of all differences between a new and an old
 * sample. Its interval is a bootstrap over the same clusters, widened by what the clusters do not see
 * (drift, few of them), or Student's over the runs' medians.
 *
 * A counter's step hides where in it a sample lies. Samples are spread over their steps; where the
 * middle half of them is only a few steps wide, means of the samples are compared instead of ranks
 * (pvtb_centre_of()), because the mean of many readings is right whatever the step is. Stretches of a
 * run in which every reading is the same widen the interval by what the step hides.
 */
#ifndef PVTB_STATS_SHIFT_H
#define PVTB_STATS_SHIFT_H

#include "core/err.h"
#include "core/util.h"

/* One run's samples in the order they were taken. Runs may have counters of their own. */
struct pvtb_series {
	const s64 *values;
	size_t n;
	double unit; /* what a 1 in @values is, in the unit of the result; 0: 1 */
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
	double old_value, new_value; /* medians, or by_means centres; of values, their medians */
	double old_half, new_half;   /* half 95 % intervals of these; NAN when unknown */
	double shift;		     /* new - old */
	double low, high;	     /* 95 % interval of the shift; NAN when unknown */
	double p;		     /* two-sided; 1 when nothing is known */
	double p_model, least_p;     /* p is the larger: Student's, and of permutations the least */
	enum pvtb_spread spread;     /* what the uncertainty is made of */
	u64 old_n, new_n;	     /* samples, or values */
	u64 old_runs, new_runs;
	bool by_means; /* too few steps for ranks */
};

#define PVTB_SHIFT_MIN_SAMPLES 8 /* a side */

/* -ENODATA when a side has fewer samples, -ENOMEM. The same @seed gives the same interval. */
int pvtb_shift_of(const struct pvtb_series *old_runs, size_t nr_old,
		  const struct pvtb_series *new_runs, size_t nr_new, u64 seed,
		  struct pvtb_shift *ret) PVTB_MUST_CHECK;

/* -ENODATA when a side has no value, -ENOMEM. Welch's t over runs, or the values' own intervals
 * where these are wider; a single run varies as the other side's. The shift is Hodges and Lehmann's
 * here too. */
int pvtb_shift_of_estimates(const struct pvtb_estimate *old_runs, size_t nr_old,
			    const struct pvtb_estimate *new_runs, size_t nr_new,
			    struct pvtb_shift *ret) PVTB_MUST_CHECK;

/*
 * Where one run lies, with half of its 95 % interval over clusters: the mean of its samples, those in
 * the outer twentieths drawn in to where these begin. -ENODATA, -ENOMEM.
 */
int pvtb_centre_of(const struct pvtb_series *run, struct pvtb_estimate *ret) PVTB_MUST_CHECK;

/*
 * A quantile of one run, @permille of the samples at or below it, with half of its 95 % interval:
 * order statistics, widened by how much more unevenly than at random the samples above it are
 * spread over the run. The half is NAN when the samples are too few to bound it.
 */
int pvtb_quantile_of(const struct pvtb_series *run, u64 permille,
		     struct pvtb_estimate *ret) PVTB_MUST_CHECK;

/* The least two-sided p that a permutation of so many clusters can give: 2 and 2: 1/3. */
double pvtb_least_p(size_t clusters_a, size_t clusters_b);

/* Holm's correction in place: p[i] becomes what it must be below alpha for, all together. */
int pvtb_holm(double *p, size_t n) PVTB_MUST_CHECK;

/* Student's t: P(|T| > t), and the t with P(|T| > t) = @p; df may be INFINITY. */
double pvtb_t_two_sided(double t, double df);
double pvtb_t_critical(double p, double df);

#endif
