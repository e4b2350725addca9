/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Distributions and slopes on raw ticks; units are converted once, in the report. No normality
 * is assumed anywhere.
 */
#ifndef PVTB_STATS_H
#define PVTB_STATS_H

#include "core/err.h"
#include "core/util.h"

/* Distribution of n values. Percentiles are order statistics (nearest rank: the smallest value
 * with at least p of the values at or below it), so each is a value that was seen. */
struct pvtb_dist {
	u64 n;
	s64 min, p50, p90, p95, p99, p999, max;
	double mean, stddev; /* stddev with n - 1; exact 128-bit sums */
	s64 p50_low, p50_high; /* 95 % order-statistic interval of the median */
};

/* Sorts @values in place. -ENODATA when n == 0. */
int pvtb_dist_of(s64 *values, size_t n, struct pvtb_dist *ret) PVTB_MUST_CHECK;

/* Cost of one op from batches: points (ops, ticks). Theil-Sen slope over batch lengths (median of
 * pairwise slopes between medians-robust points) with a 95 % interval; intercept = fixed cost. */
struct pvtb_slope {
	u64 points;
	double slope;	  /* ticks per op */
	double low, high; /* 95 % interval of the slope */
	double intercept; /* ticks */
	double r2;
};
struct pvtb_point {
	u64 ops;
	u64 ticks;
};
/* -ENODATA with fewer than 3 distinct lengths. */
int pvtb_slope_of(const struct pvtb_point *points, size_t n, struct pvtb_slope *ret)
	PVTB_MUST_CHECK;

#endif
