/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside compare/: one variant on both sides, and what is made of one of its metrics. */
#ifndef PVTB_COMPARE_PAIR_H
#define PVTB_COMPARE_PAIR_H

#include "compare/compare.h"

#define PVTB_COMPARE_RUNS_MAX 64

/* Run by run; NULL where a run has not got it. */
struct pvtb_compare_pair {
	const struct pvtb_compare_side *side[2];
	const struct pvtb_host_result *host[2][PVTB_COMPARE_RUNS_MAX];
	const struct pvtb_variant_result *variant[2][PVTB_COMPARE_RUNS_MAX];
};

/* The first run of a side that has the variant; as many as there are runs when none has. */
size_t pvtb_compare_first(const struct pvtb_compare_pair *p, int side);

/* Do both sides have the metric, and is it one and the same: of one kind, unit and direction, in ticks
 * of known length or of one? Otherwise @why says what differs. */
bool pvtb_compare_comparable(const struct pvtb_compare_pair *p, const char *name, char *why,
			     size_t size);
/* Sets row->s, the values, and the unit where ticks of both sides differ. */
int pvtb_compare_measure(const struct pvtb_compare_pair *p, const char *name,
			 struct pvtb_compare_row *row, struct pvtb_err *err) PVTB_MUST_CHECK;

void pvtb_compare_set_threshold(const struct pvtb_compare_opts *o,
				const struct pvtb_compare_pair *p, struct pvtb_compare_row *row);
void pvtb_compare_set_verdict(const struct pvtb_comparison *c, struct pvtb_compare_row *row);

bool pvtb_compare_matches(const char *const *patterns, size_t nr, const char *name);

#endif
