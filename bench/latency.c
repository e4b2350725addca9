// SPDX-License-Identifier: GPL-2.0-only
/*
 * How every latency variant is measured, whatever the operation: the guest times single ops and
 * batches with tracing off, then the same single ops with eBPF on each exit, and the two streams
 * are joined and judged. Owns the passes and what becomes a metric; knows no operation by name.
 *
 * Passes on one VM, in this order (docs/ARCHITECTURE.md says why):
 *   empty      the same loops around nothing: the fixed cost that is subtracted
 *   single     the distribution
 *   batch      the slope: resolves what one counter tick cannot
 *   counters   host PMU counters over a loop of ops (only where the machine has them)
 *   traced     single ops again under kvm_exit/kvm_entry: laws, decomposition, alignment
 */
#include "bench.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/counter.h"
#include "core/progress.h"
#include "core/signals.h"
#include "results/samples.h"
#include "stats/stats.h"
#include "trace/perf.h"

/* METHOD: the longest batch lasts at least this many ticks. */
#define LONGEST_BATCH_TICKS 200
#define BATCH_STEPS	    10
#define CLOCK_PAIR_TRIES    64
#define RING_MIN_BYTES	    (64 * 1024ULL)
#define REC_BATCH	    4096

/* Host records of one command, by position in the vCPU thread's stream. */
struct window {
	u64 first, end;
	bool open_at_start; /* the first exit belongs to the command before */
};

struct session {
	struct pvtb_run *run;
	const struct pvtb_bench *bench;
	const struct pvtb_variant *var;
	struct pvtb_variant_result *res;
	struct pvtb_vm *vm;
	struct pvtb_stream *stream;
	struct window win;
	struct pvtb_perf *perf;
	struct pvtb_perf_values perf_before, perf_after;
	bool perf_wanted;
	int cpu;
	s64 delta_ticks; /* guest counter - host counter, and how well that is known */
	u64 delta_unc_ticks;
};

/* One pass and what came of it. */
struct pass {
	const char *op;
	enum pvtb_mode mode;
	u64 count;
	u64 batch;
	struct pvtb_cmd_result cmd;
	struct window win;
};

static int on_thread_start(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct session *s = opaque;

	if (!s->run->trace)
		return 0;
	return pvtb_trace_register(s->run->trace, &s->stream, err);
}

static void on_thread_stop(void *opaque, unsigned int vcpu)
{
	struct session *s = opaque;

	if (s->stream)
		pvtb_trace_unregister(s->run->trace, s->stream);
	s->stream = NULL;
}

static void on_cmd_enter(void *opaque, unsigned int vcpu)
{
	struct session *s = opaque;

	if (s->stream)
		s->win.first = pvtb_stream_mark(s->stream, &s->win.open_at_start);
	if (s->perf_wanted && !pvtb_perf_open(0, &s->perf, NULL) &&
	    pvtb_perf_read(s->perf, &s->perf_before, NULL)) {
		pvtb_perf_close(s->perf);
		s->perf = NULL;
	}
}

static void on_cmd_leave(void *opaque, unsigned int vcpu)
{
	struct session *s = opaque;

	if (s->perf) {
		if (pvtb_perf_read(s->perf, &s->perf_after, NULL))
			memset(&s->perf_after, 0, sizeof(s->perf_after));
		pvtb_perf_close(s->perf);
		s->perf = NULL;
	}
	if (s->stream)
		s->win.end = pvtb_stream_mark(s->stream, NULL);
}

static int run_pass(struct session *s, struct pass *p, u64 warmup, struct pvtb_err *err)
{
	struct pvtb_cmd cmd = {
		.op = p->op,
		.level = s->var->level,
		.mode = p->mode,
		.count = p->count,
		.warmup = warmup,
		.batch = p->batch,
		.steps = p->mode == PVTB_MODE_BATCH ? BATCH_STEPS : 1,
	};
	int ret;

	memcpy(cmd.args, s->var->args, sizeof(cmd.args));
	if (s->stream)
		pvtb_stream_discard(s->stream, pvtb_stream_mark(s->stream, NULL));
	ret = pvtb_vm_exec(s->vm, 0, &cmd, 0, &p->cmd, err);
	p->win = s->win;
	if (!ret && pvtb_interrupted())
		return pvtb_err_set(err, -EINTR, s->bench->name, "interrupted");
	return ret;
}

/* Durations of a single-mode pass, as the guest saw them. */
static s64 *durations(struct session *s, const struct pass *p, size_t *ret_n)
{
	u64 len;
	const struct pvtb_sample *ring = pvtb_vm_ring(s->vm, 0, &len);
	size_t n = p->cmd.taken;
	s64 *out = calloc(n ? n : 1, sizeof(*out));

	for (size_t i = 0; out && i < n; i++)
		out[i] = (s64)(ring[i].t1 - ring[i].t0);
	*ret_n = n;
	return out;
}

static struct pvtb_point *points(struct session *s, const struct pass *p, size_t *ret_n)
{
	u64 len;
	const struct pvtb_sample *ring = pvtb_vm_ring(s->vm, 0, &len);
	size_t n = p->cmd.taken;
	struct pvtb_point *out = calloc(n ? n : 1, sizeof(*out));

	for (size_t i = 0; out && i < n; i++) {
		out[i].ops = p->batch * (1 + i % BATCH_STEPS);
		out[i].ticks = ring[i].t1 - ring[i].t0;
	}
	*ret_n = n;
	return out;
}

static enum pvtb_kind kind_of(const struct pvtb_run *run)
{
	return run->deterministic ? PVTB_KIND_INSTRUCTIONS : PVTB_KIND_TIME;
}

static int add_ticks(struct session *s, const char *name, double value, double low, double high,
		     u64 n)
{
	return pvtb_variant_add_metric(s->res, name, PVTB_UNIT_TICKS, kind_of(s->run),
				       PVTB_LOWER_IS_BETTER, value, low, high, n);
}

static int add_count(struct session *s, const char *name, double value, u64 n)
{
	return pvtb_variant_add_metric(s->res, name, PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				       PVTB_NEITHER_IS_BETTER, value, NAN, NAN, n);
}

/* All of a distribution under @prefix, less @minus (the empty loop's median) where asked. */
static int add_dist(struct session *s, const char *prefix, const struct pvtb_dist *d, double minus)
{
	const struct {
		const char *name;
		double value, low, high;
	} rows[] = {
		{"min", (double)d->min - minus, NAN, NAN},
		{"p50", (double)d->p50 - minus, (double)d->p50_low - minus,
		 (double)d->p50_high - minus},
		{"p90", (double)d->p90 - minus, NAN, NAN},
		{"p95", (double)d->p95 - minus, NAN, NAN},
		{"p99", (double)d->p99 - minus, NAN, NAN},
		{"p99.9", (double)d->p999 - minus, NAN, NAN},
		{"max", (double)d->max - minus, NAN, NAN},
		{"mean", d->mean - minus, NAN, NAN},
		{"stddev", d->stddev, NAN, NAN},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(rows); i++) {
		char name[64];
		int ret;

		snprintf(name, sizeof(name), "%s%s", prefix, rows[i].name);
		ret = add_ticks(s, name, rows[i].value, rows[i].low, rows[i].high, d->n);
		if (ret)
			return ret;
	}
	return 0;
}

/* A raw file of the result: directory, name and description in one place. */
static int save_file(struct session *s, const char *what, enum pvtb_samples_kind kind, size_t size,
		     const void *data, size_t n, struct pvtb_err *err)
{
	struct pvtb_samples_writer *w;
	char path[512], rel[256], name[64];
	json_t *desc;
	int ret;

	snprintf(rel, sizeof(rel), "samples/%s.%s.%s.zst", s->bench->name, s->var->name, what);
	snprintf(path, sizeof(path), "%s/%s", s->run->dir, rel);
	desc = json_pack("{s:s, s:s, s:s, s:I, s:b}", "bench", s->bench->name, "variant",
			 s->var->name, "what", what, "counter_hz",
			 (json_int_t)s->run->host->counter_hz, "deterministic",
			 (int)s->run->deterministic);
	ret = pvtb_samples_create(path, kind, size, desc, 3, &w, err);
	json_decref(desc);
	if (ret)
		return ret;
	ret = pvtb_samples_write(w, data, n, err);
	if (ret) {
		pvtb_samples_abort(w);
		return ret;
	}
	ret = pvtb_samples_finish(w, err);
	if (ret)
		return ret;
	snprintf(name, sizeof(name), "samples.%s", what);
	return pvtb_variant_add_file(s->res, name, rel);
}

/* ---- the streams of a pass, joined --------------------------------------------------------- */

struct rec_source {
	struct pvtb_stream *stream;
	u64 next, end;
	u64 lost;
};

static ssize_t next_records(void *ctx, struct pvtb_rec *out, size_t max)
{
	struct rec_source *src = ctx;
	u64 want = src->end - src->next, lost = 0;
	ssize_t n;

	if (want > max)
		want = max;
	if (!want)
		return 0;
	n = pvtb_stream_read(src->stream, src->next, want, out, &lost);
	if (n < 0)
		return n;
	src->next += want;
	src->lost += lost;
	return n ? n : next_records(ctx, out, max);
}

struct sample_source {
	const struct pvtb_sample *ring;
	u64 next, end;
};

static ssize_t next_samples(void *ctx, struct pvtb_sample *out, size_t max)
{
	struct sample_source *src = ctx;
	u64 n = src->end - src->next;

	if (n > max)
		n = max;
	memcpy(out, src->ring + src->next, n * sizeof(*out));
	src->next += n;
	return (ssize_t)n;
}

/* Clock pairs of the whole host run so far, one more each time: the fit only gets better. */
static int align(struct session *s, struct pvtb_clock_map *map, struct pvtb_err *err)
{
	struct pvtb_run *run = s->run;

	if (run->nr_pairs < PVTB_ARRAY_SIZE(run->pairs))
		pvtb_clock_pair_now(CLOCK_PAIR_TRIES, &run->pairs[run->nr_pairs++]);
	return pvtb_clock_fit(run->pairs, run->nr_pairs, run->host->counter_hz, s->delta_ticks,
			      s->delta_unc_ticks, map, err);
}

static int join_pass(struct session *s, const struct pass *p, const struct pvtb_join_law *law,
		     const struct pvtb_clock_map *map, pvtb_join_sink sink, void *sink_ctx,
		     struct pvtb_join_result *jr, struct pvtb_err *err)
{
	u64 len;
	struct sample_source ss = {.ring = pvtb_vm_ring(s->vm, 0, &len), .end = p->cmd.taken};
	struct rec_source rs = {
		.stream = s->stream,
		.next = p->win.first,
		.end = p->win.end,
	};
	struct pvtb_join_input in = {
		.law = *law,
		.map = map,
		.ops = p->cmd.ops,
		.warmup = s->run->profile->warmup,
		.ops_per_sample = 1,
		.trapped = p->cmd.trapped,
		.samples = next_samples,
		.samples_ctx = &ss,
		.open_at_start = p->win.open_at_start,
		.records = next_records,
		.records_ctx = &rs,
		.sink = sink,
		.sink_ctx = sink_ctx,
	};
	struct pvtb_trace_counts c;

	pvtb_stream_counts(s->stream, &c);
	in.lost = c.lost - s->run->lost_before;
	s->run->lost_before = c.lost;
	return pvtb_join(&in, jr, err);
}

/* Which samples of an untraced pass had the vCPU's thread switched out inside them. */
struct preempted {
	bool *flag;
	u64 n; /* how many are set */
};

static int take_preempted(void *ctx, const struct pvtb_joined *j)
{
	struct preempted *p = ctx;

	if (!(j->marks & PVTB_MARK_PREEMPTED))
		return 0;
	p->flag[j->index] = true;
	p->n++;
	return 0;
}

/*
 * A sample with a preemption inside tells of the scheduler, not of the operation: it stays in the raw
 * file and is counted, and is kept out of the statistics. Without the scheduler's records (no
 * eBPF) nothing can be told apart: every flag is false.
 */
static int find_preempted(struct session *s, const struct pass *p, struct preempted *ret,
			  struct pvtb_err *err)
{
	const struct pvtb_join_law law = {.law = PVTB_LAW_UNKNOWN};
	struct pvtb_clock_map map;
	struct pvtb_join_result jr;
	int r;

	ret->n = 0;
	ret->flag = calloc(p->cmd.taken + 1, sizeof(*ret->flag));
	if (!ret->flag)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	if (!s->stream || p->win.first == p->win.end)
		return 0;
	r = align(s, &map, err);
	return r ? r : join_pass(s, p, &law, &map, take_preempted, ret, &jr, err);
}

/* ---- single ------------------------------------------------------------------------------- */

static int measure_single(struct session *s, const struct pass *p, double empty_p50,
			  struct pvtb_err *err)
{
	struct preempted out = {0};
	struct pvtb_dist d;
	size_t n, kept = 0;
	s64 *v PVTB_FREE = durations(s, p, &n);
	int ret;

	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	/* saved whole and in the order taken: pvtb_dist_of() sorts */
	ret = save_file(s, "single", PVTB_SAMPLES_S64, sizeof(*v), v, n, err);
	if (!ret)
		ret = find_preempted(s, p, &out, err);
	for (size_t i = 0; !ret && i < n; i++)
		if (!out.flag[i])
			v[kept++] = v[i];
	free(out.flag);
	if (ret)
		return ret;
	ret = pvtb_dist_of(v, kept, &d);
	if (ret)
		return pvtb_err_sys(err, ret, "%s: no undisturbed samples", s->var->name);
	s->run->host->samples += n;
	ret = add_count(s, "single.preempted", (double)out.n, n);
	if (ret)
		return pvtb_err_sys(err, ret, "%s", s->var->name);
	ret = add_dist(s, "", &d, 0);
	if (!ret)
		ret = add_dist(s, "corrected.", &d, empty_p50);
	if (!ret)
		ret = add_ticks(s, "empty.p50", empty_p50, NAN, NAN, n);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

/* ---- batch -------------------------------------------------------------------------------- */

static int slope(struct session *s, struct pass *p, struct pvtb_slope *ret_slope,
		 struct pvtb_err *err)
{
	struct preempted out = {0};
	size_t n, kept = 0;
	struct pvtb_point *pt PVTB_FREE = NULL;
	int ret = run_pass(s, p, s->run->profile->warmup, err);

	if (ret)
		return ret;
	pt = points(s, p, &n);
	if (!pt)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = find_preempted(s, p, &out, err);
	for (size_t i = 0; !ret && i < n; i++)
		if (!out.flag[i])
			pt[kept++] = pt[i];
	free(out.flag);
	if (ret)
		return ret;
	ret = pvtb_slope_of(pt, kept, ret_slope);
	return ret ? pvtb_err_set(err, ret, s->var->name, "too few batches for a slope") : 0;
}

/* How many ops the shortest batch needs for the longest to last LONGEST_BATCH_TICKS. */
static int batch_length(struct session *s, const char *op, u64 *ret_batch, struct pvtb_err *err)
{
	struct pass pilot = {.op = op, .mode = PVTB_MODE_BATCH, .count = 8 * BATCH_STEPS};
	struct pvtb_slope sl;
	double ops;

	pilot.batch = s->var->to_vmm ? 1 : 32;
	if (slope(s, &pilot, &sl, err))
		return err->code;
	ops = sl.slope > 0 ? LONGEST_BATCH_TICKS / sl.slope : LONGEST_BATCH_TICKS * 64.0;
	ops = ceil(ops / BATCH_STEPS);
	*ret_batch = ops < 1 ? 1 : ops > 1e6 ? 1000000 : (u64)ops;
	return 0;
}

static int measure_batch(struct session *s, const char *empty_op, struct pvtb_err *err)
{
	const struct pvtb_profile *prof = s->run->profile;
	u64 count = s->run->emulated ? prof->batches_emulated : prof->batches;
	struct pass p = {.op = s->var->op, .mode = PVTB_MODE_BATCH, .count = count};
	struct pass e = {.op = empty_op, .mode = PVTB_MODE_BATCH, .count = count};
	struct pvtb_slope sp, se;
	int ret = batch_length(s, p.op, &p.batch, err);

	if (!ret)
		ret = slope(s, &p, &sp, err);
	if (!ret)
		ret = batch_length(s, e.op, &e.batch, err);
	if (!ret)
		ret = slope(s, &e, &se, err);
	if (ret)
		return ret;
	ret = add_ticks(s, "batch.slope", sp.slope, sp.low, sp.high, sp.points);
	if (!ret)
		ret = add_ticks(s, "batch.empty", se.slope, se.low, se.high, se.points);
	/* both intervals widen the difference */
	if (!ret)
		ret = add_ticks(s, "batch.corrected", sp.slope - se.slope, sp.low - se.high,
				sp.high - se.low, sp.points);
	if (!ret)
		ret = add_ticks(s, "batch.intercept", sp.intercept, NAN, NAN, sp.points);
	if (!ret)
		ret = add_count(s, "batch.length", (double)p.batch * BATCH_STEPS, count);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

/* ---- host PMU counters -------------------------------------------------------------------- */

static int measure_counters(struct session *s, u64 count, struct pvtb_err *err)
{
	struct pass p = {.op = s->var->op, .mode = PVTB_MODE_LOOP, .count = count};
	int ret;

	s->perf_wanted = true;
	memset(&s->perf_before, 0, sizeof(s->perf_before));
	memset(&s->perf_after, 0, sizeof(s->perf_after));
	ret = run_pass(s, &p, 0, err);
	s->perf_wanted = false;
	if (ret)
		return ret;
	for (int c = 0; c < PVTB_PERF_NR; c++) {
		char name[64];

		if (!s->perf_before.present[c] || !s->perf_after.present[c] || !p.cmd.ops)
			continue;
		snprintf(name, sizeof(name), "perf.%s", pvtb_perf_name(c));
		ret = add_count(s, name,
				(double)(s->perf_after.value[c] - s->perf_before.value[c]) /
					(double)p.cmd.ops,
				p.cmd.ops);
		if (ret)
			return pvtb_err_sys(err, ret, "%s", name);
	}
	return 0;
}

/* ---- traced: the join --------------------------------------------------------------------- */

/* Where the join's samples go: the parts of each exit, and the undisturbed durations. */
struct decomposition {
	size_t n, cap;
	s64 *hw_exit, *handling, *hw_entry;
};

static int take_joined(void *ctx, const struct pvtb_joined *j)
{
	struct decomposition *d = ctx;

	if (j->exits != 1 || (j->marks & (PVTB_MARK_PREEMPTED | PVTB_MARK_INTERRUPT |
					  PVTB_MARK_OTHER_EXIT | PVTB_MARK_LOST)))
		return 0;
	if (d->n == d->cap)
		return -ENOSPC;
	d->hw_exit[d->n] = j->gap_before_ns;
	d->handling[d->n] = j->handling_ns;
	d->hw_entry[d->n] = j->gap_after_ns;
	d->n++;
	return 0;
}

static int add_decomposition(struct session *s, struct decomposition *d, struct pvtb_err *err)
{
	struct {
		const char *name;
		s64 *values;
	} parts[] = {
		{"decomp.hw_exit", d->hw_exit},
		{"decomp.handling", d->handling},
		{"decomp.hw_entry", d->hw_entry},
	};

	for (size_t i = 0; d->n && i < PVTB_ARRAY_SIZE(parts); i++) {
		const char *q[] = {"p50", "p90", "p99"};
		struct pvtb_dist dist;
		double v[3];
		int ret = pvtb_dist_of(parts[i].values, d->n, &dist);

		if (ret)
			return pvtb_err_sys(err, ret, "%s", parts[i].name);
		v[0] = (double)dist.p50;
		v[1] = (double)dist.p90;
		v[2] = (double)dist.p99;
		for (size_t k = 0; k < 3; k++) {
			char name[64];

			snprintf(name, sizeof(name), "%s.%s", parts[i].name, q[k]);
			ret = pvtb_variant_add_metric(s->res, name, PVTB_UNIT_NS, kind_of(s->run),
						      PVTB_LOWER_IS_BETTER, v[k],
						      k ? NAN : (double)dist.p50_low,
						      k ? NAN : (double)dist.p50_high, d->n);
			if (ret)
				return pvtb_err_sys(err, ret, "%s", name);
		}
	}
	return 0;
}

static json_t *reasons_json(const struct session *s, const struct pvtb_join_result *jr)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < jr->nr_reasons; i++) {
		char name[32];
		json_t *old;

		pvtb_reason_describe(s->run->caps.backend, jr->reasons[i].reason, name,
				     sizeof(name));
		old = json_object_get(o, name);
		json_object_set_new(o, name,
				    json_integer((old ? json_integer_value(old) : 0) +
						 (json_int_t)jr->reasons[i].n));
	}
	return o;
}

static int fill_law(const struct session *s, const struct pass *p, struct pvtb_join_law *law)
{
	const char *backend = s->run->caps.backend;

	*law = (struct pvtb_join_law){.law = s->var->law};
	law->pc_first = p->cmd.text_start;
	law->pc_last = p->cmd.text_end;
	law->nr_match = pvtb_reason_matches(backend, s->var->reason, law->match,
					    PVTB_ARRAY_SIZE(law->match));
	law->nr_intr = pvtb_reason_matches(backend, PVTB_REASON_INTERRUPT, law->intr,
					   PVTB_ARRAY_SIZE(law->intr));
	if (law->law == PVTB_LAW_ONE_EXIT && !law->nr_match)
		return -EOPNOTSUPP;
	if (!law->nr_intr)
		law->law = PVTB_LAW_UNKNOWN;
	return 0;
}

static const char *law_expects(enum pvtb_law law)
{
	return pvtb_law_name(law);
}

static int judge(struct session *s, const struct pass *p, const struct pvtb_join_result *jr,
		 const struct pvtb_clock_map *map)
{
	enum pvtb_status st = jr->law_holds ? PVTB_OK : PVTB_FAIL;
	struct pvtb_host_result *h = s->run->host;
	int ret;

	if (jr->inconclusive)
		st = PVTB_INCONCLUSIVE;
	ret = pvtb_variant_add_law(s->res, "conservation", law_expects(s->var->law), st, "%s",
				   jr->verdict);
	if (st != PVTB_OK)
		pvtb_variant_set_status(s->res, st, "conservation: %s", jr->verdict);
	if (ret)
		return ret;
	ret = pvtb_variant_add_law(
		s->res, "causality", "guest before <= exit <= entry <= guest after",
		jr->causal_violations ? PVTB_FAIL : PVTB_OK,
		"%" PRIu64 " violations in %" PRIu64 " pairs, worst %" PRId64
		" ns, clocks aligned to %" PRIu64 " ns",
		jr->causal_violations, jr->causal_checked, jr->worst_violation_ns, map->unc_ns);
	if (jr->causal_violations)
		pvtb_variant_set_status(s->res, PVTB_FAIL,
					"causality: %" PRIu64 " pairs reversed, worst %" PRId64
					" ns",
					jr->causal_violations, jr->worst_violation_ns);
	h->records += jr->records;
	h->lost += jr->lost;
	h->causal_violations += jr->causal_violations;
	if (!ret)
		ret = add_count(s, "exits_per_op",
				p->cmd.ops ? (double)jr->exits_matching / (double)p->cmd.ops : 0,
				p->cmd.ops);
	if (!ret)
		ret = add_count(s, "marked.preempted", (double)jr->marked_preempted, jr->samples);
	if (!ret)
		ret = add_count(s, "marked.interrupt", (double)jr->marked_interrupt, jr->samples);
	if (!ret)
		ret = add_count(s, "marked.other", (double)jr->marked_other, jr->samples);
	if (!ret)
		ret = add_count(s, "lost", (double)jr->lost, jr->records);
	return ret;
}

/* The host's records of the traced pass, kept raw beside the guest's samples. */
static int save_traced(struct session *s, const struct pass *p, struct pvtb_err *err)
{
	u64 n = p->win.end - p->win.first, lost, len;
	struct pvtb_rec *recs PVTB_FREE = calloc(n ? n : 1, sizeof(*recs));
	const struct pvtb_sample *ring = pvtb_vm_ring(s->vm, 0, &len);
	ssize_t got;
	int ret;

	if (!recs)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	got = pvtb_stream_read(s->stream, p->win.first, n, recs, &lost);
	if (got < 0)
		return pvtb_err_sys(err, (int)got, "%s: host records", s->var->name);
	ret = save_file(s, "traced.host", PVTB_SAMPLES_HOST, sizeof(*recs), recs, (size_t)got, err);
	if (ret)
		return ret;
	return save_file(s, "traced.guest", PVTB_SAMPLES_GUEST, sizeof(*ring), ring, p->cmd.taken,
			 err);
}

static int measure_traced(struct session *s, u64 count, double untraced_p50, struct pvtb_err *err)
{
	struct pass p = {.op = s->var->op, .mode = PVTB_MODE_SINGLE, .count = count};
	struct decomposition dec = {.cap = count};
	s64 *parts PVTB_FREE = calloc(3 * count, sizeof(*parts));
	s64 *v PVTB_FREE = NULL;
	struct pvtb_join_result jr;
	struct pvtb_join_law law;
	struct pvtb_clock_map map;
	struct pvtb_dist d;
	size_t n;
	int ret, off;

	if (!parts)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	dec.hw_exit = parts;
	dec.handling = parts + count;
	dec.hw_entry = parts + 2 * count;
	ret = pvtb_trace_exits(s->run->trace, true, err);
	if (ret)
		return ret;
	ret = run_pass(s, &p, s->run->profile->warmup, err);
	off = pvtb_trace_exits(s->run->trace, false, ret ? NULL : err);
	if (ret || off)
		return ret ? ret : off;
	ret = fill_law(s, &p, &law);
	if (ret)
		return pvtb_err_set(err, ret, s->var->name, "no exit code for this on %s",
				    s->run->caps.backend);
	v = durations(s, &p, &n);
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = save_traced(s, &p, err);
	if (!ret)
		ret = align(s, &map, err);
	if (!ret)
		ret = join_pass(s, &p, &law, &map, take_joined, &dec, &jr, err);
	if (!ret)
		ret = judge(s, &p, &jr, &map);
	if (!ret)
		ret = add_decomposition(s, &dec, err);
	if (ret)
		return ret;
	if (!s->res->detail)
		s->res->detail = json_object();
	json_object_set_new(s->res->detail, "exits", reasons_json(s, &jr));
	json_object_set_new(s->res->detail, "alignment_ns", json_integer((json_int_t)map.unc_ns));
	ret = pvtb_dist_of(v, n, &d);
	if (!ret)
		ret = add_dist(s, "traced.", &d, 0);
	if (!ret)
		ret = add_ticks(s, "trace.cost", (double)d.p50 - untraced_p50, NAN, NAN, d.n);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

/* ---- one variant -------------------------------------------------------------------------- */

static int single_pass(struct session *s, const char *op, u64 count, double *ret_p50,
		       struct pass *ret_pass, struct pvtb_err *err)
{
	struct pvtb_dist d;
	s64 *v PVTB_FREE = NULL;
	size_t n;
	int ret;

	*ret_pass = (struct pass){.op = op, .mode = PVTB_MODE_SINGLE, .count = count};
	ret = run_pass(s, ret_pass, s->run->profile->warmup, err);
	if (ret)
		return ret;
	v = durations(s, ret_pass, &n);
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = pvtb_dist_of(v, n, &d);
	if (ret)
		return pvtb_err_sys(err, ret, "%s: no samples", s->var->name);
	*ret_p50 = (double)d.p50;
	return 0;
}

static int measure(struct session *s, u64 count, struct pvtb_err *err)
{
	const char *empty_op = s->var->baseline ? s->var->baseline : "empty";
	double empty_p50, p50;
	struct pass p;
	int ret;

	ret = single_pass(s, empty_op, count, &empty_p50, &p, err);
	if (!ret)
		ret = single_pass(s, s->var->op, count, &p50, &p, err);
	if (!ret && s->var->check)
		ret = s->var->check(s->run, &p.cmd, err);
	if (!ret)
		ret = measure_single(s, &p, empty_p50, err);
	if (!ret)
		ret = measure_batch(s, empty_op, err);
	if (!ret)
		ret = measure_counters(s, count, err);
	if (ret)
		return ret;
	if (s->run->trace && s->run->host->witnessed)
		return measure_traced(s, count, p50, err);
	ret = pvtb_variant_add_law(s->res, "conservation", law_expects(s->var->law),
				   PVTB_INCONCLUSIVE, "no witness on the host: %s",
				   s->run->trace_why.why);
	pvtb_variant_set_status(s->res, PVTB_INCONCLUSIVE, "no witness on the host: %s",
				s->run->trace_why.why);
	return ret;
}

static u64 ring_bytes_for(u64 samples)
{
	u64 bytes = RING_MIN_BYTES;

	while (bytes < samples * sizeof(struct pvtb_sample))
		bytes *= 2;
	return bytes;
}

/* Live Physical Time is the VMM's on stock kernels; where the host kernel has it, the result says so
 * (provider of a call that would otherwise be the VMM's, and detail.lpt_provider). */
static void note_lpt_provider(struct pvtb_variant_result *res, const struct pvtb_variant *var,
			      enum pvtb_lpt_provider lpt)
{
	if (lpt == PVTB_LPT_NONE)
		return;
	if (!res->detail)
		res->detail = json_object();
	json_object_set_new(res->detail, "lpt_provider",
			    json_string(lpt == PVTB_LPT_KERNEL ? "kernel" : "vmm"));
	if (lpt == PVTB_LPT_KERNEL && var->to_vmm)
		pvtb_result_set(&res->provider, "kvm");
}

/* Measure one variant. A host that lacks what it needs, a guest that crashes and a law that breaks
 * are results, not errors: only what would spoil the rest of the run is returned. */
static int run_variant(const struct pvtb_bench *bench, const struct pvtb_variant *var,
		       struct pvtb_variant_result *res, struct pvtb_run *run, struct pvtb_err *err)
{
	struct session s = {.run = run, .bench = bench, .var = var, .res = res};
	u64 count = run->emulated ? run->profile->samples_emulated : run->profile->samples;
	struct pvtb_vm_spec spec = {
		.nr_vcpus = 1,
		.thread_start = on_thread_start,
		.thread_stop = on_thread_stop,
		.cmd_enter = on_cmd_enter,
		.cmd_leave = on_cmd_leave,
		.opaque = &s,
	};
	int ret = 0;

	if (var->to_vmm && run->emulated)
		count = run->profile->samples_vmm_emulated;
	if (!(var->archs & run->arch)) {
		pvtb_variant_set_status(res, PVTB_SKIP, "not on this architecture");
		return 0;
	}
	if (var->level == PVTB_LEVEL_KERNEL && !run->caps.ring0_usable) {
		pvtb_variant_set_status(res, PVTB_SKIP,
					"guest kernel mode is emulated on this backend (%s)",
					run->caps.backend);
		return 0;
	}
	if (var->needs)
		ret = var->needs(run, err);
	s.cpu = run->vcpu_cpu;
	spec.cpus = s.cpu >= 0 ? &s.cpu : NULL;
	spec.ring_bytes = ring_bytes_for(count);
	if (var->shape)
		var->shape(run, &spec);
	note_lpt_provider(res, var, spec.lpt);
	if (!ret)
		ret = pvtb_vm_new(&spec, &s.vm, err);
	if (!ret && !pvtb_vm_has_op(s.vm, var->op))
		ret = pvtb_err_set(err, -ENOENT, var->name, "guest image has no op '%s'", var->op);
	/* now, because the guest may be asked, and answers in the sample ring */
	if (!ret)
		ret = pvtb_vm_counter_delta(s.vm, 0, &s.delta_ticks, &s.delta_unc_ticks, err);
	if (!ret)
		ret = measure(&s, count, err);
	if (ret == -EFAULT) {
		pvtb_variant_set_status(res, PVTB_INVALID, "guest crashed: %s", err->why);
		if (s.vm)
			pvtb_vm_print_fault(s.vm, 0, stderr);
		ret = 0;
	} else if (ret == -EOPNOTSUPP) {
		pvtb_variant_set_status(res, PVTB_SKIP, "%s", err->why);
		ret = 0;
	} else if (ret == -ETIMEDOUT || ret == -EPROTO) {
		pvtb_variant_set_status(res, PVTB_INVALID, "%s: %s", err->what, err->why);
		ret = 0;
	}
	pvtb_vm_free(s.vm);
	return ret;
}

int pvtb_latency_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);

	if (!b)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	for (size_t i = 0; i < bench->nr_variants; i++) {
		const struct pvtb_variant *var = &bench->variants[i];
		struct pvtb_variant_result *v;
		int ret;

		if (!(var->archs & run->arch) || !pvtb_run_wants(run, bench->name, var->name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, var->name);
		v = pvtb_bench_add_variant(b, var->name, var->summary);
		if (!v)
			return pvtb_err_sys(err, -ENOMEM, "%s", var->name);
		free(v->provider);
		v->provider = strdup(var->provider ? var->provider : "");
		ret = run_variant(bench, var, v, run, err);
		if (ret)
			return ret;
	}
	return 0;
}
