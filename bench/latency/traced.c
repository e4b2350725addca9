// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the two streams of a pass, joined: which samples were disturbed, and in the traced pass the
 * laws, the causal order and the parts of each exit.
 */
#include "bench/latency/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/counter.h"

#define CLOCK_PAIR_TRIES 64

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
static int align(struct latency_session *s, struct pvtb_clock_map *map, struct pvtb_err *err)
{
	struct pvtb_run *run = s->run;

	if (run->nr_pairs < PVTB_ARRAY_SIZE(run->pairs))
		pvtb_clock_pair_now(CLOCK_PAIR_TRIES, &run->pairs[run->nr_pairs++]);
	return pvtb_clock_fit(run->pairs, run->nr_pairs, run->host->counter_hz, s->delta_ticks,
			      s->delta_unc_ticks, map, err);
}

static int join_pass(struct latency_session *s, const struct latency_pass *p,
		     const struct pvtb_join_law *law, const struct pvtb_clock_map *map,
		     pvtb_join_sink sink, void *sink_ctx, struct pvtb_join_result *jr,
		     struct pvtb_err *err)
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

static int take_preempted(void *ctx, const struct pvtb_joined *j)
{
	struct latency_preempted *p = ctx;

	if (!(j->marks & PVTB_MARK_PREEMPTED))
		return 0;
	p->flag[j->index] = true;
	p->n++;
	return 0;
}

/*
 * A sample with a preemption inside tells of the scheduler, not of the operation: it is counted and kept
 * apart in a raw file of its own, drawn as a triangle, and left out of tables, shapes and comparisons.
 * Without the scheduler's records (no eBPF) nothing can be told apart: every flag is false.
 */
int latency_find_preempted(struct latency_session *s, const struct latency_pass *p,
			   struct latency_preempted *ret, struct pvtb_err *err)
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

/* ---- the traced pass ---- */

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

static int add_decomposition(struct latency_session *s, struct decomposition *d,
			     struct pvtb_err *err)
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
			ret = pvtb_variant_add_metric(s->res, name, PVTB_UNIT_NS,
						      latency_kind_of(s->run), PVTB_LOWER_IS_BETTER,
						      v[k], k ? NAN : (double)dist.p50_low,
						      k ? NAN : (double)dist.p50_high, d->n);
			if (ret)
				return pvtb_err_sys(err, ret, "%s", name);
		}
	}
	return 0;
}

static json_t *reasons_json(const struct latency_session *s, const struct pvtb_join_result *jr)
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

static int fill_law(const struct latency_session *s, const struct latency_pass *p,
		    struct pvtb_join_law *law)
{
	const char *backend = s->run->caps.backend;

	*law = (struct pvtb_join_law){.law = s->law};
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

static int judge(struct latency_session *s, const struct latency_pass *p,
		 const struct pvtb_join_result *jr, const struct pvtb_clock_map *map)
{
	enum pvtb_status st = jr->law_holds ? PVTB_OK : PVTB_FAIL;
	struct pvtb_host_result *h = s->run->host;
	int ret;

	if (jr->inconclusive)
		st = PVTB_INCONCLUSIVE;
	ret = pvtb_variant_add_law(s->res, "conservation", pvtb_law_name(s->law), st, "%s",
				   jr->verdict);
	if (ret)
		return ret;
	ret = pvtb_variant_add_law(
		s->res, "causality", "guest before <= exit <= entry <= guest after",
		latency_causality(jr->causal_violations, jr->causal_checked),
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
		ret = latency_add_count(s, "exits_per_op", pvtb_join_exits_per_op(jr, p->cmd.ops),
					p->cmd.ops);
	if (!ret)
		ret = latency_add_count(s, "marked.preempted", (double)jr->marked_preempted,
					jr->samples);
	if (!ret)
		ret = latency_add_count(s, "marked.interrupt", (double)jr->marked_interrupt,
					jr->samples);
	if (!ret)
		ret = latency_add_count(s, "marked.other", (double)jr->marked_other, jr->samples);
	if (!ret)
		ret = latency_add_count(s, "lost", (double)jr->lost, jr->records);
	return ret;
}

/* The host's records of the traced pass, kept raw beside the guest's samples. */
static int save_traced(struct latency_session *s, const struct latency_pass *p,
		       struct pvtb_err *err)
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
	ret = latency_save_file(s, "traced.host", PVTB_SAMPLES_HOST, sizeof(*recs), recs,
				(size_t)got, err);
	if (ret)
		return ret;
	return latency_save_file(s, "traced.guest", PVTB_SAMPLES_GUEST, sizeof(*ring), ring,
				 p->cmd.taken, err);
}

int latency_measure_traced(struct latency_session *s, u64 count, double untraced_p50,
			   struct pvtb_err *err)
{
	struct latency_pass p = {.op = s->var->op, .mode = PVTB_MODE_SINGLE, .count = count};
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
	ret = latency_run_pass(s, &p, s->run->profile->warmup, err);
	off = pvtb_trace_exits(s->run->trace, false, ret ? NULL : err);
	if (ret || off)
		return ret ? ret : off;
	ret = fill_law(s, &p, &law);
	if (ret)
		return pvtb_err_set(err, ret, s->var->name, "no exit code for this on %s",
				    s->run->caps.backend);
	v = latency_durations(s, &p, &n);
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
		ret = latency_add_dist(s, "traced.", &d, 0);
	if (!ret)
		ret = latency_add_ticks(s, "trace.cost", (double)d.p50 - untraced_p50, NAN, NAN,
					d.n);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}
