/* SPDX-License-Identifier: GPL-2.0-only */
/* Run benchmarks on the KVM of the machine (or lab guest) this program runs on. */
#ifndef PVTB_BENCH_NATIVE_H
#define PVTB_BENCH_NATIVE_H

#include "bench.h"
#include "core/progress.h"

struct pvtb_native_opts {
	const char *host_spec; /* as the user asked: "native", or the lab host we are inside of */
	bool emulated;
	bool deterministic;
	bool slew;     /* the host's clock may be slewed (adjtimex) */
	bool no_trace; /* measure without a witness: every law is inconclusive */
	const struct pvtb_profile *profile;
	const char *dir; /* result directory being written; samples/ is made in it */
	char *const *filters;
	size_t nr_filters;
	int link_fd; /* as in struct pvtb_run */
	bool link_target;
	struct pvtb_progress *progress;
	struct pvtb_guardian *guardian; /* may be NULL */
};

extern const struct pvtb_profile
	pvtb_profiles[]; /* quick, standard, long, brief, then a NULL name */

/* -EINVAL for a filter that names no benchmark or variant, with the nearest name as the hint. */
int pvtb_filters_check(char *const *filters, size_t n, struct pvtb_err *err) PVTB_MUST_CHECK;

/* Adds one host to @result. Laws that break are in the result, not errors. */
int pvtb_native_run(const struct pvtb_native_opts *opts, struct pvtb_result *result,
		    struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
