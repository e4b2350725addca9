/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside bench/latency: what its parts share while one variant is measured. pass.c runs commands on
 * the VM, figures.c turns numbers into metrics and files, checks.c judges the figures, traced.c joins the
 * guest's stream with the host's, latency.c says what is measured in which order.
 */
#ifndef PVTB_BENCH_LATENCY_ENGINE_H
#define PVTB_BENCH_LATENCY_ENGINE_H

#include "bench.h"
#include "bench/latency/checks.h"
#include "results/samples.h"
#include "stats/stats.h"
#include "trace/perf.h"

#define LATENCY_BATCH_STEPS    10
#define LATENCY_SCHED_FEATURES 2 /* of the scheduler, turned off while instructions are counted */

/* Host records of one command, by position in the vCPU thread's stream. */
struct latency_window {
	u64 first, end;
	bool open_at_start; /* the first exit belongs to the command before */
};

struct latency_session {
	struct pvtb_run *run;
	const struct pvtb_bench *bench;
	const struct pvtb_variant *var;
	struct pvtb_variant_result *res;
	struct pvtb_vm *vm;
	struct pvtb_stream *stream;
	struct latency_window win;
	struct pvtb_perf *perf;
	struct pvtb_perf_values perf_before, perf_after;
	bool perf_wanted;
	bool feature_was_on[LATENCY_SCHED_FEATURES];
	enum pvtb_law law; /* on this host */
	struct latency_conditions conditions;
	struct latency_agreement agreement;
	double host_read; /* variants with .native: the host's own, on the vCPU's CPU */
	int cpu;
	s64 delta_ticks; /* guest counter - host counter, and how well that is known */
	u64 delta_unc_ticks;
};

/* One pass and what came of it. */
struct latency_pass {
	const char *op;
	enum pvtb_mode mode;
	u64 count;
	u64 batch;
	struct pvtb_cmd_result cmd;
	struct latency_window win;
};

/* The hooks of the VM's thread that open the stream and keep the windows. */
void latency_hooks(struct latency_session *s, struct pvtb_vm_spec *spec);
/* Have @p executed; its samples stay in the ring until the next one. */
int latency_run_pass(struct latency_session *s, struct latency_pass *p, u64 warmup,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
/* Durations of a single-mode pass in ticks, as the guest saw them. NULL: no memory. */
s64 *latency_durations(struct latency_session *s, const struct latency_pass *p, size_t *ret_n);
/* Lengths of a batch-mode pass' batches, likewise. */
struct pvtb_point *latency_points(struct latency_session *s, const struct latency_pass *p,
				  size_t *ret_n);

enum pvtb_kind latency_kind_of(const struct pvtb_run *run);
int latency_add_ticks(struct latency_session *s, const char *name, double value, double low,
		      double high, u64 n) PVTB_MUST_CHECK;
int latency_add_count(struct latency_session *s, const char *name, double value,
		      u64 n) PVTB_MUST_CHECK;
/* All of a distribution under @prefix, less @minus (the empty loop's median) where asked. */
int latency_add_dist(struct latency_session *s, const char *prefix, const struct pvtb_dist *d,
		     double minus) PVTB_MUST_CHECK;
/* "centre": where single samples lie, with an interval that does not take them for independent; in
 * the order they were taken. What is compared where a result comes without its samples. */
int latency_add_centre(struct latency_session *s, const s64 *v, size_t n) PVTB_MUST_CHECK;
/* A raw file of the result: directory, name and description in one place. */
int latency_save_file(struct latency_session *s, const char *what, enum pvtb_samples_kind kind,
		      size_t size, const void *data, size_t n,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

/* Which samples of an untraced pass had the vCPU's thread switched out inside them. */
struct latency_preempted {
	bool *flag;
	u64 n; /* how many are set */
};

/* The caller frees ret->flag. */
int latency_find_preempted(struct latency_session *s, const struct latency_pass *p,
			   struct latency_preempted *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The traced pass: laws, decomposition, what tracing adds to @untraced_p50. */
int latency_measure_traced(struct latency_session *s, u64 count, double untraced_p50,
			   struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
