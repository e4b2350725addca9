/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stolen time in a result: the objects "stolen" in the `detail` of a variant and of a benchmark
 * (results/schema/), and what reports show of them. Internal to report/.
 */
#ifndef PVTB_REPORT_STOLEN_H
#define PVTB_REPORT_STOLEN_H

#include "report/formats.h"

/* What the classes of causes are called and drawn as, in the order they are shown. */
struct pvtb_stolen_class {
	const char *name;   /* in result.json */
	const char *legend; /* for people */
	u32 rgb;
	bool involuntary; /* what stolen time is for */
	bool not_guest;	  /* current, but not in the guest */
};
extern const struct pvtb_stolen_class pvtb_stolen_classes[];
extern const size_t pvtb_nr_stolen_classes;
/* Index by name; the last one, "unknown", for a name that is none. */
size_t pvtb_stolen_class_of(const char *name);

struct pvtb_stolen_cause {
	const char *cause;
	size_t class;
	u64 times, lost_ns, span_ns, told_ns;
};
#define PVTB_STOLEN_CAUSES 40

/* The causes in @array, those of a name added up, in the order they are shown; returns how many. */
size_t pvtb_stolen_causes(const json_t *array, struct pvtb_stolen_cause *causes, size_t nr,
			  size_t max);
/* Of all vCPUs of @v. */
size_t pvtb_stolen_of_variant(const struct pvtb_variant_result *v, struct pvtb_stolen_cause *causes,
			      size_t max);
/* Of all variants of @b, with how many there are and their vCPUs' time. */
size_t pvtb_stolen_of_bench(const struct pvtb_bench_result *b, struct pvtb_stolen_cause *causes,
			    size_t max, u64 *ret_scenarios, u64 *ret_wall_ns);

/* The vCPUs of a variant, an array; NULL when there is nothing about stolen time. */
const json_t *pvtb_stolen_vcpus(const struct pvtb_variant_result *v);
bool pvtb_host_has_stolen(const struct pvtb_host_result *h);
/* An integer member, 0 when absent. */
s64 pvtb_stolen_int(const json_t *object, const char *member);

/* "2.498 s", "-3.1 us", "0". */
#define PVTB_STOLEN_TIME_CHARS 32
void pvtb_stolen_time(s64 ns, char *buf, size_t size);
/* The same in three digits, for mail. */
void pvtb_stolen_time_short(s64 ns, char *buf, size_t size);
/* "99.96 %" of @of, "" when that is 0. */
void pvtb_stolen_share(u64 part, u64 of, char *buf, size_t size);

/* Tables of a benchmark whose variants are about stolen time; nothing for others. */
int pvtb_stolen_text(const struct pvtb_bench_result *b, enum pvtb_table_style style,
		     FILE *out) PVTB_MUST_CHECK;
int pvtb_stolen_cover(const struct pvtb_bench_result *b, FILE *out) PVTB_MUST_CHECK;

#endif
