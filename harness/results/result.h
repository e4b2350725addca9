/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The result model: what a run leaves behind, in memory and as result.json (schema in
 * results/schema/result.schema.json). One model for every benchmark: a variant has metrics, laws
 * and files, so a new benchmark needs no new fields. Statistics are stored in the unit they were
 * measured in (guest counter ticks); reports convert once.
 *
 * Everything is heap-allocated strings and arrays owned by the result; free with
 * pvtb_result_free().
 */
#ifndef PVTB_RESULT_H
#define PVTB_RESULT_H

#include <jansson.h>

#include "core/err.h"
#include "core/util.h"

#define PVTB_RESULT_SCHEMA 1

enum pvtb_unit {
	PVTB_UNIT_TICKS, /* guest counter ticks: ns through host->counter_hz, or instructions */
	PVTB_UNIT_NS,	 /* host clock */
	PVTB_UNIT_INSTRUCTIONS,
	PVTB_UNIT_COUNT,
	PVTB_UNIT_PER_SECOND,
	PVTB_UNIT_RATIO,
	PVTB_UNIT_PPM,
	PVTB_UNIT_PPB,
};
enum pvtb_kind { PVTB_KIND_TIME, PVTB_KIND_INSTRUCTIONS, PVTB_KIND_COUNT };
enum pvtb_direction { PVTB_LOWER_IS_BETTER, PVTB_HIGHER_IS_BETTER, PVTB_NEITHER_IS_BETTER };

struct pvtb_metric {
	char *name; /* "p50", "corrected.p50", "batch.slope", "trace.cost" ... */
	enum pvtb_unit unit;
	enum pvtb_kind kind;
	enum pvtb_direction direction;
	double value;
	double low, high; /* 95 % interval; NAN when there is none */
	u64 n;		  /* samples behind it */
};

enum pvtb_status {
	PVTB_OK,
	PVTB_SKIP,	   /* cannot be measured here: why */
	PVTB_FAIL,	   /* measured, and a law broke: why */
	PVTB_INVALID,	   /* measurement itself failed its check (guest crash, too few samples) */
	PVTB_INCONCLUSIVE, /* a window lost events, or the host has no witness */
};

struct pvtb_law_result {
	char *name;    /* "conservation", "causality", "determinism" ... */
	char *expects; /* "one exit per op", "no exit seen" ... */
	enum pvtb_status status;
	char *verdict; /* one line with the numbers */
};

struct pvtb_file {
	char *name; /* what it is: "samples.single", "host.records", "decomposition" */
	char *path; /* relative to the result directory */
};

struct pvtb_variant_result {
	char *name;
	char *summary;
	char *provider; /* who implements what is measured: "kvm", "vmm", "el2", "guest", "" */
	enum pvtb_status status;
	char *why;
	struct pvtb_metric *metrics;
	size_t nr_metrics;
	struct pvtb_law_result *laws;
	size_t nr_laws;
	struct pvtb_file *files;
	size_t nr_files;
	json_t *detail; /* the benchmark's own (tables, series); an object or NULL */
};

struct pvtb_bench_result {
	char *name;
	char *summary;
	struct pvtb_variant_result *variants;
	size_t nr_variants;
	json_t *detail; /* the benchmark's own, over all variants; an object or NULL */
};

struct pvtb_host_result {
	char *host;	    /* as asked: "native", "lab:arm64,nvhe,deterministic" */
	char *arch;	    /* "arm64", "x86_64" */
	char *kernel;	    /* uname -r */
	char *mode;	    /* "VHE", "nVHE", "SVM", "VMX", "PVM" */
	bool emulated;	    /* under QEMU TCG: no caches, no pipelines */
	bool deterministic; /* one tick is one instruction */
	bool witnessed;	    /* eBPF saw the host side */
	u64 counter_hz;
	json_t *environment;   /* the full record, an object of objects */
	char **not_controlled; /* what the report's first lines name */
	size_t nr_not_controlled;
	u64 samples, lost, causal_violations, records;
	struct pvtb_bench_result *benches;
	size_t nr_benches;
};

struct pvtb_result {
	int schema;
	char *tool;    /* "pvtime-bench 0.1.0" */
	char *created; /* UTC, ISO 8601 */
	char *command; /* reproduces it */
	char *profile;
	struct pvtb_host_result *hosts;
	size_t nr_hosts;
};

/*
 * Building. Strings are copied; returned pointers stay valid until the next add to the same
 * array. NULL only when out of memory. Strings start as "", environment as {}: replace them with
 * pvtb_result_set(), or free() and assign.
 *
 * Nothing passes by default: a variant is PVTB_INVALID, "not measured", until its first law is
 * added or its status set. Adding a law makes the variant what the law is, where that is graver
 * than what it was (ok < inconclusive < fail < invalid; a skipped law weighs nothing).
 */
int pvtb_result_set(char **field, const char *value);
struct pvtb_result *pvtb_result_new(const char *command, const char *profile);
void pvtb_result_free(struct pvtb_result *r);
struct pvtb_host_result *pvtb_result_add_host(struct pvtb_result *r, const char *host);
struct pvtb_bench_result *pvtb_host_add_bench(struct pvtb_host_result *h, const char *name,
					      const char *summary);
struct pvtb_variant_result *pvtb_bench_add_variant(struct pvtb_bench_result *b, const char *name,
						   const char *summary);
/* -EINVAL when @value is not finite; bounds that are not are no bounds. */
int pvtb_variant_add_metric(struct pvtb_variant_result *v, const char *name, enum pvtb_unit unit,
			    enum pvtb_kind kind, enum pvtb_direction dir, double value, double low,
			    double high, u64 n);
int pvtb_variant_add_law(struct pvtb_variant_result *v, const char *name, const char *expects,
			 enum pvtb_status status, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
int pvtb_variant_add_file(struct pvtb_variant_result *v, const char *name, const char *path);
void pvtb_variant_set_status(struct pvtb_variant_result *v, enum pvtb_status status,
			     const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int pvtb_host_not_controlled(struct pvtb_host_result *h, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Move every host of @from to the end of @to (results of several lab hosts become one). */
int pvtb_result_take_hosts(struct pvtb_result *to, struct pvtb_result *from);

/* Looking things up. NULL when absent. */
const struct pvtb_metric *pvtb_variant_metric(const struct pvtb_variant_result *v,
					      const char *name);
const struct pvtb_variant_result *pvtb_host_variant(const struct pvtb_host_result *h,
						    const char *bench, const char *variant);

/*
 * JSON. Counters above INT64_MAX are hexadecimal strings, absent bounds null. Reading checks types,
 * ranges and the schema version, knows every member, and names the file and the member at fault:
 * -EINVAL for a member, -EPROTO for another schema version, -EBADMSG for what is not JSON or is
 * cut short (with line and column).
 */
json_t *pvtb_result_to_json(const struct pvtb_result *r);
int pvtb_result_from_json(const json_t *root, const char *origin, struct pvtb_result **ret,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
/* Every string and key in @j as pvtb_text_clean() leaves it: what somebody else wrote is shown in reports,
 * tables and figures. -ENOMEM. */
int pvtb_json_clean(json_t *j) PVTB_MUST_CHECK;
/* @path of both: a result.json or a result directory. */
int pvtb_result_load(const char *path, struct pvtb_result **ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_result_save(const struct pvtb_result *r, const char *path, struct pvtb_err *err)
	PVTB_MUST_CHECK; /* temporary name, fsync, rename; nothing is left of a failure */

const char *pvtb_unit_name(enum pvtb_unit u);
const char *pvtb_status_name(enum pvtb_status s); /* "ok" "skip" "fail" "invalid" "inconclusive" */

#endif
