/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a report and a figure need of one vCPU beyond its metrics: causes, who had the CPU, and the
 * deviations' course. Collected while the witnesses are joined, written as numbers into the
 * variant's `detail` ("stolen", results/schema/); how it looks is harness/report's business.
 */
#ifndef PVTB_BENCH_STEAL_DETAIL_H
#define PVTB_BENCH_STEAL_DETAIL_H

#include "bench/steal/engine.h"
#include "timeline/steal.h"

/* A series in the result is this long; the whole of it is in the variant's files. */
#define STEAL_BUCKETS 50

struct steal_detail;

/* For the run [@start_ns, @end_ns]. NULL when out of memory; NULL is fine for free. */
struct steal_detail *steal_detail_new(u64 start_ns, u64 end_ns);
void steal_detail_free(struct steal_detail *d);

/* Both in order, as pvtb_steal() gives them: an interval before the points that were told of it. */
void steal_detail_interval(struct steal_detail *d, const struct pvtb_sched_interval *i);
void steal_detail_point(struct steal_detail *d, const struct pvtb_steal_point *p);

/* One vCPU's object. @entries: kvm_entry was witnessed. NULL when out of memory. */
json_t *steal_detail_json(const struct steal_detail *d, unsigned int vcpu,
			  const struct steal_measured *m, const struct pvtb_sched *sched,
			  const struct pvtb_steal_result *res, bool entries);

/* Names of the causes and what they are drawn as, by number: for the description of a file of
 * intervals. */
json_t *steal_cause_names(bool entries);
json_t *steal_cause_classes(bool entries);

/* Over all variants of @b: its own `detail`. 0 or -ENOMEM. */
int steal_sum_up(struct pvtb_bench_result *b) PVTB_MUST_CHECK;

#endif
