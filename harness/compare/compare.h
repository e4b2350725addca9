/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two results, or two groups of repeated results, compared: what belongs together, by how much it
 * differs, what may be said of that. Works on result files alone: no KVM, no root. The statistics
 * are stats/shift.h's; docs/compare.md is the method as users read it.
 */
#ifndef PVTB_COMPARE_H
#define PVTB_COMPARE_H

#include "results/result.h"
#include "stats/shift.h"

enum pvtb_verdict {
	PVTB_SAME,    /* the whole interval lies inside the threshold */
	PVTB_BETTER,  /* beyond the threshold, and not by chance */
	PVTB_WORSE,   /* likewise */
	PVTB_CHANGED, /* likewise, of a metric that has no better or worse */
	PVTB_UNSURE,  /* can't tell: see needed_* */
	PVTB_BROKEN,  /* measured before; now a law broke, or the measurement did */
	PVTB_MISSING, /* measured before, not now */
	PVTB_NR_VERDICTS,
};

/* "same", "better", ... ended by NULL. */
extern const char *const pvtb_verdicts[];

struct pvtb_threshold {
	char *pattern; /* of BENCH.VARIANT.METRIC, as a shell's; NULL: all */
	double value;
	bool relative; /* to the old value */
};

/* Later ones win. */
struct pvtb_thresholds {
	struct pvtb_threshold *v;
	size_t nr;
};

/* "2%", "3" (in the unit shown), or "PATTERN=2%". -EINVAL, -ENOMEM. */
int pvtb_thresholds_add(struct pvtb_thresholds *t, const char *text,
			struct pvtb_err *err) PVTB_MUST_CHECK;
/* A file of lines "PATTERN VALUE"; # begins a comment. */
int pvtb_thresholds_load(struct pvtb_thresholds *t, const char *path,
			 struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_thresholds_free(struct pvtb_thresholds *t);

/* One repetition: a result, and where its raw samples are (NULL: nowhere). */
struct pvtb_compare_run {
	struct pvtb_result *result;
	char *dir;
};
struct pvtb_compare_side {
	struct pvtb_compare_run *runs;
	size_t nr;
};

/* Append the result at @path (a directory or a result file). */
int pvtb_compare_side_load(struct pvtb_compare_side *side, const char *path,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_compare_side_free(struct pvtb_compare_side *side);

struct pvtb_compare_opts {
	const char *const *only; /* BENCH[.VARIANT[.METRIC]], patterns; any of them */
	size_t nr_only;
	const char *const *stats; /* metrics by name, patterns; none: see docs/compare.md */
	size_t nr_stats;
	const char *const *hosts; /* patterns */
	size_t nr_hosts;
	const struct pvtb_thresholds *thresholds;
	double alpha;
	const char *names[2]; /* what the old and the new side are called; NULL: see below */
	bool fail_on[PVTB_NR_VERDICTS]; /* verdicts that make the comparison a failed one */
};

struct pvtb_compare_row {
	const struct pvtb_host_result
		*host; /* of a new run, or of an old one where it is missing */
	const struct pvtb_host_result *old_host;
	char *host_name; /* what both have in common: without kernel= and modules= */
	const char *bench, *variant;
	const char *metric;  /* NULL: the variant as a whole is missing or broken */
	enum pvtb_unit unit; /* of the values: PVTB_UNIT_NS where the hosts' ticks differ */
	enum pvtb_kind kind;
	enum pvtb_direction direction;
	bool exact; /* instructions: no chance in it */
	struct pvtb_shift s;
	double p_holm;	  /* NAN when exact */
	double threshold; /* in @unit */
	enum pvtb_verdict verdict;
	u64 needed_runs;    /* can't tell: at least so many runs a side; 0: not known */
	u64 needed_samples; /* or so many samples in one run a side */
	char *why;	    /* broken and missing: the reason; or what is behind the figure */
	double *old_values, *new_values; /* one per run that has it, s.*_runs of them */
};

struct pvtb_comparison {
	struct pvtb_compare_row *rows;
	size_t nr_rows;
	char **warnings; /* what makes the two sides differ besides what is meant to */
	size_t nr_warnings;
	int error;		   /* -ENOMEM of a warning, kept */
	char *old_name, *new_name; /* kernels, where these differ; else the results' times */
	size_t old_runs, new_runs;
	size_t count[PVTB_NR_VERDICTS];
	size_t compared;       /* metrics that both sides have */
	size_t only_new;       /* variants that were not measured before */
	size_t unknown_before; /* metrics that would be judged, and the old side has not */
	size_t tests;	       /* that Holm's correction is over */
	double alpha;
	bool failed;
};

/* -ENODATA: nothing to compare, or opts->only names what is nowhere. Borrows from both sides, which must outlive it. */
int pvtb_compare(const struct pvtb_compare_side *old, const struct pvtb_compare_side *new,
		 const struct pvtb_compare_opts *opts, struct pvtb_comparison *ret,
		 struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_comparison_free(struct pvtb_comparison *c);
/* -ENODATA: it has no metric in it and did not fail, so that it says nothing and must not pass. */
int pvtb_compare_nothing(const struct pvtb_comparison *c, struct pvtb_err *err) PVTB_MUST_CHECK;

/* What is shown of it. */
enum pvtb_compare_format {
	PVTB_COMPARE_TEXT,
	PVTB_COMPARE_MARKDOWN,
	PVTB_COMPARE_JSON,
	PVTB_COMPARE_KTAP,
	PVTB_COMPARE_GO,
	PVTB_COMPARE_KCIDB,
};
extern const char *const pvtb_compare_formats[];

enum pvtb_compare_by {
	PVTB_BY_BENCH,
	PVTB_BY_VARIANT,
	PVTB_BY_HOST,
	PVTB_BY_STAT,
};
extern const char *const pvtb_compare_bys[];

#define PVTB_COMPARE_COLUMNS 79

int pvtb_compare_write(const struct pvtb_comparison *c, enum pvtb_compare_format format,
		       enum pvtb_compare_by by, FILE *out, struct pvtb_err *err) PVTB_MUST_CHECK;

/* A result that holds only what is judged, and of the host what can move it, as a baseline is kept in
 * a file. @command: what updates it. -ENODATA when nothing was measured. */
int pvtb_baseline_of(const struct pvtb_result *r, const struct pvtb_compare_opts *opts,
		     const char *command, struct pvtb_result **ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- inside compare/ ---- */

/* The host as asked for, without the kernel it was to boot: that is what is compared. Allocated. */
char *pvtb_compare_host_name(const char *spec);
/* Is the metric one that is judged by default, or one asked for? */
bool pvtb_compare_judged(const struct pvtb_compare_opts *o, const struct pvtb_variant_result *v,
			 const struct pvtb_metric *m);

/* That, or needed to judge such a one: what a baseline keeps. */
bool pvtb_compare_kept(const struct pvtb_compare_opts *o, const struct pvtb_variant_result *v,
		       const struct pvtb_metric *m);
/* Of instructions, where none is set: how much of @metric is no difference. */
double pvtb_compare_exact_threshold(const struct pvtb_variant_result *old,
				    const struct pvtb_variant_result *new, const char *metric,
				    double old_value);

int pvtb_compare_warn(struct pvtb_comparison *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Warnings on all that differs between the two hosts and should not. */
int pvtb_compare_hosts(struct pvtb_comparison *c, const char *name,
		       const struct pvtb_host_result *old, const struct pvtb_host_result *new);
/* The part of an environment record that these come from. NULL: no memory. */
json_t *pvtb_compare_environment(const json_t *env);
int pvtb_compare_write_text(const struct pvtb_comparison *c, enum pvtb_compare_format format,
			    enum pvtb_compare_by by, FILE *out) PVTB_MUST_CHECK;
/* What a threshold comes to for @name, in the unit shown; false when none is set. */
bool pvtb_threshold_of(const struct pvtb_thresholds *t, const char *name, double shown_old,
		       double *ret);

#endif
