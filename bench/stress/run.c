// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns a whole run of the stress: the engine, and after a violation the search for the shortest stream
 * that shows it again. The stream that led there is not kept but drawn again from the seed.
 */
#include <inttypes.h>
#include <string.h>

#include "bench/stress/internal.h"
#include "core/progress.h"
#include "trace/trace.h"

/* How far back a single vCPU's stream is tried, shortest first: alone, with what the host does, and that
 * of all vCPUs together. */
static const size_t reaches[] = {16, 256, 4096, 65536};
#define REACH_ALONE    65536
#define REACH_HOST     256
#define REACH_TOGETHER 4096

struct search {
	const struct st_opts *opts;
	struct pvtb_trace *trace;
	const struct st_result *first;
	struct st_stream stream; /* what is being shortened */
	u32 actions;
	unsigned int tries; /* of one candidate, when host actions race with it */
	u64 end_ns;
	unsigned int runs;
	struct pvtb_err *err;
};

/* Does this stream, with these host actions, violate the same rule? 1, 0 or -errno (-ETIME: enough). */
static int violates(struct search *s, const struct st_stream *stream, u32 actions)
{
	bool exits = !strcmp(s->first->bad.rule, "exits");
	struct st_plan plan = {
		.opts = s->opts,
		.trace = exits ? s->trace : NULL,
		.actions = actions,
		.vcpus = s->opts->vcpus,
		.stream = stream,
		.variant = s->first->variant,
		.seconds = actions ? ST_MEET_SECONDS : 0,
	};

	for (unsigned int i = 0; i < s->tries; i++) {
		struct st_result r = {0};
		int ret;

		if (pvtb_mono_ns() > s->end_ns)
			return -ETIME;
		s->runs++;
		pvtb_progress_update(s->opts->progress,
				     "stress: shortening, %zu operations, run %u", stream->nr,
				     s->runs);
		ret = st_engine(&plan, &r, NULL, s->err);
		st_result_free(&r);
		if (ret)
			return ret;
		if (r.bad.found && !strcmp(r.bad.rule, s->first->bad.rule))
			return 1;
	}
	return 0;
}

/* ---- what led there ---- */

/* The last @reach operations of @vcpu up to the violation (or to where it was then), behind those that
 * @ret has. */
static int append_tail(const struct st_result *r, const struct st_origin *origin, unsigned int vcpu,
		       size_t reach, struct st_stream *ret)
{
	struct st_draw draw = origin->draw[vcpu];
	u64 nr = vcpu == r->bad.vcpu && r->bad.op ? r->bad.index + 1 : origin->done[vcpu];
	size_t keep = nr < reach ? (size_t)nr : reach;
	struct st_cmd *cmds = realloc(ret->cmds, (ret->nr + keep + 1) * sizeof(*cmds)), skipped;

	if (!cmds)
		return -ENOMEM;
	ret->cmds = cmds;
	for (u64 i = 0; i < nr; i++)
		st_draw_next(&draw, i + keep < nr ? &skipped : &cmds[ret->nr++]);
	return 0;
}

/* The last of the vCPU's own operations, few at first, with what the host does. */
static int find_alone(struct search *s, const struct st_origin *origin, u32 actions,
		      size_t furthest)
{
	const struct st_result *r = s->first;
	int ret = 0;

	s->actions = actions;
	for (size_t i = 0; r->bad.op && i < PVTB_ARRAY_SIZE(reaches); i++) {
		if (reaches[i] > furthest)
			break;
		s->stream.nr = 0;
		ret = append_tail(r, origin, r->bad.vcpu, reaches[i], &s->stream);
		ret = ret ? ret : violates(s, &s->stream, actions);
		/* As much as there is. */
		if (ret || r->bad.index < reaches[i])
			break;
	}
	return ret;
}

/* 1: a stream that violates is in s->stream. */
static int find_start(struct search *s, const struct st_origin *origin)
{
	int ret;

	s->tries = 1;
	ret = find_alone(s, origin, 0, REACH_ALONE);
	/* It takes company: the host's, whose doings meet a short stream more often than a long one. */
	if (!ret && s->opts->actions)
		ret = find_alone(s, origin, s->opts->actions, REACH_HOST);
	if (ret)
		return ret;
	s->actions = s->opts->actions;
	s->stream.nr = 0;
	for (unsigned int v = 0; !ret && v < s->opts->vcpus; v++)
		ret = append_tail(s->first, origin, v, REACH_TOGETHER, &s->stream);
	return ret ? ret : violates(s, &s->stream, s->actions);
}

/* ---- shortening ---- */

static int kept(const struct st_stream *s, const bool *keep, struct st_stream *ret)
{
	ret->nr = 0;
	ret->cmds = malloc((s->nr + 1) * sizeof(*ret->cmds));
	if (!ret->cmds)
		return -ENOMEM;
	for (size_t i = 0; i < s->nr; i++)
		if (keep[i])
			ret->cmds[ret->nr++] = s->cmds[i];
	return 0;
}

static int try_kept(void *ctx, const bool *keep)
{
	struct search *s = ctx;
	struct st_stream some;
	int ret = kept(&s->stream, keep, &some);

	if (!ret)
		ret = violates(s, &some, s->actions);
	free(some.cmds);
	return ret;
}

static int fewer_actions(struct search *s)
{
	for (unsigned int k = 0; k < ST_NR_ACTIONS; k++) {
		u32 less = s->actions & ~(1U << k);
		int ret;

		if (less == s->actions)
			continue;
		ret = violates(s, &s->stream, less);
		if (ret < 0)
			return ret;
		if (ret)
			s->actions = less;
	}
	return 0;
}

/* s->stream violates; leave the least of it. What time does not allow is left as it is. */
static int shorten(struct search *s, struct st_result *r)
{
	bool *keep PVTB_FREE = malloc((s->stream.nr + 1) * sizeof(*keep));
	int ret;

	if (!keep)
		return -ENOMEM;
	for (size_t i = 0; i < s->stream.nr; i++)
		keep[i] = true;
	ret = fewer_actions(s);
	if (!ret)
		ret = st_minimise(keep, s->stream.nr, try_kept, s);
	if (ret && ret != -ETIME)
		return ret;
	ret = kept(&s->stream, keep, &r->shortest);
	r->shortest_actions = s->actions;
	return ret;
}

static int follow_up(const struct st_opts *o, struct pvtb_trace *trace,
		     const struct st_origin *origin, struct st_result *r, struct pvtb_err *err)
{
	struct search s = {
		.opts = o,
		.trace = trace,
		.first = r,
		.tries = o->repeat ? o->repeat : 1,
		.actions = o->actions,
		.end_ns = pvtb_mono_ns() + o->minimise_s * PVTB_NSEC_PER_SEC,
		.err = err,
	};
	int ret;

	if (o->replay) {
		s.stream.cmds = malloc((o->replay->nr + 1) * sizeof(*s.stream.cmds));
		if (!s.stream.cmds)
			return pvtb_err_sys(err, -ENOMEM, "stress");
		memcpy(s.stream.cmds, o->replay->cmds, o->replay->nr * sizeof(*s.stream.cmds));
		s.stream.nr = o->replay->nr;
		ret = 1;
	} else {
		ret = find_start(&s, origin);
	}
	if (ret > 0)
		ret = shorten(&s, r);
	free(s.stream.cmds);
	r->minimise_runs = s.runs;
	/* Not to be had in time is no error: the seed is there. */
	if (ret == -ENOMEM)
		return pvtb_err_sys(err, ret, "stress");
	return ret == -ETIME || ret > 0 ? 0 : ret;
}

/* ---- the run ---- */

static struct pvtb_trace *open_trace(const struct st_opts *o, struct st_result *r)
{
	const struct pvtb_trace_opts opts = {.max_threads = 2 * o->vcpus + 8, .exits = true};
	struct pvtb_kvm_caps caps;
	struct pvtb_trace *trace = NULL;
	struct pvtb_err err = {0};

	if (o->no_trace) {
		snprintf(r->why_untraced, sizeof(r->why_untraced), "not asked for");
	} else if (pvtb_kvm_probe(&caps, NULL, &err)) {
		snprintf(r->why_untraced, sizeof(r->why_untraced), "%.1000s", err.why);
	} else if (!caps.hw_assisted) {
		snprintf(r->why_untraced, sizeof(r->why_untraced),
			 "backend %s has no exits that could be seen", caps.backend);
	} else if (pvtb_trace_possible(&err) || pvtb_trace_open(&opts, &trace, &err)) {
		snprintf(r->why_untraced, sizeof(r->why_untraced), "%.60s: %.120s", err.what,
			 err.why);
		return NULL;
	}
	if (trace && pvtb_trace_need(trace, PVTB_FACT_EXITS | PVTB_FACT_SELF, &err)) {
		snprintf(r->why_untraced, sizeof(r->why_untraced), "%.1000s", err.why);
		pvtb_trace_close(trace);
		trace = NULL;
	}
	r->traced = trace != NULL;
	return trace;
}

static int replay(const struct st_plan *plan, struct st_result *r, struct pvtb_err *err)
{
	unsigned int tries = plan->opts->repeat ? plan->opts->repeat : 1;

	for (unsigned int i = 0; i < tries; i++) {
		struct st_result one = {.traced = r->traced};
		int ret;

		snprintf(one.why_untraced, sizeof(one.why_untraced), "%s", r->why_untraced);
		ret = st_engine(plan, &one, NULL, err);
		if (ret)
			return ret;
		one.rounds = i + 1;
		st_result_free(r);
		*r = one;
		if (r->bad.found)
			break;
	}
	return 0;
}

int st_run(const struct st_opts *o, struct st_result *r, struct pvtb_err *err)
{
	struct st_origin *origin PVTB_FREE = calloc(1, sizeof(*origin));
	struct pvtb_trace *trace = open_trace(o, r);
	const struct st_plan plan = {
		.opts = o,
		.trace = trace,
		.actions = o->actions,
		.vcpus = o->vcpus,
		.stream = o->replay,
		.variant = o->variant,
		.seconds = !o->replay	? o->seconds
			   : o->actions ? ST_MEET_SECONDS
					: 0,
		.ops = o->replay ? 0 : o->ops,
		.latencies = true,
	};
	int ret;

	if (!origin)
		ret = pvtb_err_sys(err, -ENOMEM, "stress");
	else if (o->replay)
		ret = replay(&plan, r, err);
	else
		ret = st_engine(&plan, r, origin, err);
	if (!ret && r->bad.found && o->minimise_s)
		ret = follow_up(o, trace, origin, r, err);
	pvtb_trace_close(trace);
	return ret;
}

void st_result_free(struct st_result *r)
{
	free(r->op_results);
	free(r->shortest.cmds);
	r->op_results = NULL;
	r->shortest = (struct st_stream){0};
}
