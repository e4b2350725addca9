/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside stats/: one side of a comparison, its samples placed in one unit and cut into clusters
 * (runs, and stretches of them), and what the clusters say about the variance of a mean over them.
 */
#ifndef PVTB_STATS_CLUSTERS_H
#define PVTB_STATS_CLUSTERS_H

#include "stats/shift.h"

#define PVTB_BLOCKS_WANTED 20 /* over a side */
#define PVTB_BLOCKS_MAX	   64
#define PVTB_LEVEL	   0.05

/* A sample of the sketch has a weight, any other has none. */
struct pvtb_placed {
	s64 value; /* in pvtb_frame.fine, from the frame's base, anywhere within its step */
	u32 block;
	u32 weight;
};

/* Where values of all runs of both sides are placed. */
struct pvtb_frame {
	double fine; /* in the series' unit: a fraction of the finest step */
	double base; /* of place 0, in the series' unit; of equal units, in steps */
	bool equal;  /* all series have one unit */
	double step; /* the coarsest of all runs, in fine units */
};

struct pvtb_cluster_side {
	const struct pvtb_series *series;
	struct pvtb_placed *all; /* sorted by value */
	size_t n;
	size_t runs, per_run, blocks;
	size_t size[PVTB_BLOCKS_MAX]; /* samples of each block */
	double share[PVTB_BLOCKS_MAX];
	double step[PVTB_BLOCKS_MAX]; /* of each run, in fine units */
	double still;		      /* share of the blocks whose samples all are one value */
};

struct pvtb_variance {
	double value, df;
	double drift;  /* how much of it is drift */
	double blocks; /* what a bootstrap over the blocks would see of it */
};

/* -ENODATA, -ENOMEM. @b may be NULL. Free both after success, pvtb_side_free(). */
int pvtb_sides_init(struct pvtb_cluster_side *a, const struct pvtb_series *old_runs, size_t nr_old,
		    struct pvtb_cluster_side *b, const struct pvtb_series *new_runs, size_t nr_new,
		    u64 seed, struct pvtb_frame *ret) PVTB_MUST_CHECK;
void pvtb_side_free(struct pvtb_cluster_side *s);
/* A place in the series' unit. */
double pvtb_frame_value(const struct pvtb_frame *f, const struct pvtb_cluster_side *s,
			double place);

double pvtb_sample_variance(const double *v, size_t n); /* 0 of one */
/* Variance of the mean over all blocks of @place, by stretches of runs. */
void pvtb_within_variance(const struct pvtb_cluster_side *s, const double *place,
			  struct pvtb_variance *ret);
/* Sample variance of the runs' means: of one run. At least two runs. */
double pvtb_run_variance(const struct pvtb_cluster_side *s, const double *place);
/* Variance of the difference of two means of runs, of which one run has @one_a and @one_b (of a side
 * of one run: not looked at), and the least p of permuting them. */
void pvtb_runs_variance(double one_a, size_t a, double one_b, size_t b, double *ret_var,
			double *ret_df);
double pvtb_runs_least_p(size_t a, size_t b);
double pvtb_satterthwaite(const struct pvtb_variance *a, const struct pvtb_variance *b);

/*
 * What is known of a difference, in one place for ranks and for means. Clusters of runs count where
 * they say more than stretches do; a side of one run is taken to vary as the other side's runs.
 */
struct pvtb_judgement {
	double var, df;
	double scale;	/* how much wider than what a bootstrap over blocks sees */
	double p;	/* two-sided, by Student's t */
	double least_p; /* no permutation of the clusters is less likely */
	enum pvtb_spread spread;
	bool drifts; /* a side does */
};
void pvtb_judge(const struct pvtb_cluster_side *a, const double *place_a,
		const struct pvtb_cluster_side *b, const double *place_b, double difference,
		struct pvtb_judgement *ret);

/*
 * Where a side lies, as the mean of its samples, with those in the outer twentieths drawn in to where
 * these begin. Unlike a median it is not moved by coarse steps. @place: of each block, in fine units.
 * Returns the mean of all.
 */
double pvtb_centre_places(const struct pvtb_frame *f, const struct pvtb_cluster_side *s,
			  double *place);
/* What nobody saw within steps that all samples of a stretch share, in fine units. */
double pvtb_step_reach(const struct pvtb_cluster_side *s);

#endif
