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
	/* 95 % order-statistic interval of the median; min and max when n < 6 cannot give one. */
	s64 p50_low, p50_high;
};

/* Sorts @values in place. -ENODATA when n == 0. */
int pvtb_dist_of(s64 *values, size_t n, struct pvtb_dist *ret) PVTB_MUST_CHECK;

/*
 * Cost of one op from batches: points (ops, ticks) in the order they were taken.
 *
 * Points of the same length are one group; its centre is the midmean (mean of the middle half),
 * which shrugs off a quarter of outliers on either side and, unlike a median, sees fractions of a
 * coarse tick. The slope is Theil and Sen's over the centres: the median of the pairwise slopes,
 * each weighted with its distance (beyond 256 lengths Theil's incomplete method: pairs half the
 * lengths apart). The interval: with 6 or more points of every length the points are cut into
 * 6..40 consecutive blocks, each giving a slope of its own, and it is the order-statistic interval
 * of their median, so that drift during the run widens it; with fewer, Sen's interval over all
 * pairs of points (over the incomplete pairs where there are too many). Noise-free points give the
 * exact slope and an interval without width.
 */
struct pvtb_slope {
	u64 points;
	double slope;	  /* ticks per op */
	double low, high; /* 95 % interval of the slope */
	double intercept; /* ticks: median of what the line leaves of the centres */
	double mean;	  /* ticks per op over all points, less the intercept: the rare ones too */
	double r2;	  /* of the centres about the line: is cost linear in the count? */
};
struct pvtb_point {
	u64 ops;
	u64 ticks;
};
/* -ENODATA with fewer than 3 distinct lengths, -ENOMEM. */
int pvtb_slope_of(const struct pvtb_point *points, size_t n,
		  struct pvtb_slope *ret) PVTB_MUST_CHECK;

#endif
