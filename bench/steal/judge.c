// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the second half of a stolen-time scenario: reads the streams back, joins the three witnesses
 * of each vCPU (timeline/steal.h) and turns what comes out into laws, metrics, tables and files.
 */
#include "bench/steal/detail.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "results/samples.h"
#include "timeline/steal.h"

/* METHOD: |K - B| of the run. */
#define RUN_PPM		      5000
#define RUN_PPM_DETERMINISTIC 1000
/* The run queue's clock and the tracepoint's stamp are some instructions apart, and whatever takes
 * the machine itself from us in between is added: an emulator's host, a hypervisor. */
#define CLOCK_NS_VIRTUAL      500000
/* So much of the run may lie between switches that were not witnessed; it is left out of K - B. */
#define UNSEEN_PERCENT	      5
/* Columns of the series' files. */
#define POINT_COLUMNS	      5
#define INTERVAL_COLUMNS      4

/* Host records as the witness wrote them, or completed where kvm_entry is not witnessed. */
struct host_source {
	struct pvtb_samples_reader *file;
	struct pvtb_err *err;
	const struct steal_vcpu *meta;
	bool entries; /* kvm_entry is witnessed */
	bool by_vmm;  /* the structure is the VMM's: a step begins at a visit of its */
	u64 visit;    /* the next one */
	/*
	 * Without entries: what the guest is shown after a switch-in is run_delay as it stays until
	 * the switch-out that follows, so that a step is known only then. Records wait in @held.
	 */
	bool begun, step_open;
	u64 step_ns;
	struct pvtb_rec held[8]; /* SCHED_OUT and what comes up to its SCHED_IN */
	unsigned int nr_held;
	struct pvtb_rec in[512];
	size_t in_pos, in_len;
	bool in_end, flushed;
	u64 unknown_k; /* steps whose value could not be told */
};

struct joined {
	struct host_source host;
	struct pvtb_samples_reader *guest;
	struct pvtb_samples_writer *points, *intervals;
	struct steal_detail *detail;
	struct pvtb_err *err;
	u64 start_ns;
	struct pvtb_steal_limits limits;
	u64 interval_end_ns, interval_sum_ns, gaps;
	struct pvtb_sched sched;
	struct pvtb_steal_result res;
};

/* ---- sources ---- */

static ssize_t next_samples(void *ctx, struct pvtb_sample *out, size_t max)
{
	struct joined *j = ctx;

	return pvtb_samples_read(j->guest, out, max, j->err);
}

static int refill(struct host_source *h)
{
	ssize_t n;

	if (h->in_pos < h->in_len || h->in_end)
		return 0;
	n = pvtb_samples_read(h->file, h->in, PVTB_ARRAY_SIZE(h->in), h->err);
	if (n < 0)
		return (int)n;
	h->in_pos = 0;
	h->in_len = (size_t)n;
	h->in_end = !n;
	return 0;
}

static struct pvtb_rec step_of(u64 ns, u64 k_ns)
{
	return (struct pvtb_rec){.kind = PVTB_REC_RUN_DELAY, .t1_ns = ns, .arg = k_ns};
}

/* The step that began at h->step_ns is known to have had @k_ns; what was held follows it. */
static size_t release(struct host_source *h, bool k_known, u64 k_ns, struct pvtb_rec *out)
{
	size_t n = 0;

	if (h->step_open && k_known)
		out[n++] = step_of(h->step_ns, k_ns);
	else if (h->step_open)
		h->unknown_k++;
	h->step_open = false;
	for (unsigned int i = 0; i < h->nr_held; i++)
		out[n++] = h->held[i];
	h->nr_held = 0;
	return n;
}

/* Takes @rec; what it makes known goes to @out (room for the held ones and two more). */
static size_t complete(struct host_source *h, const struct pvtb_rec *rec, struct pvtb_rec *out)
{
	size_t n = 0;

	switch (rec->kind) {
	case PVTB_REC_SCHED_OUT:
		/* t1_ns: run_delay at the switch-out, where the eBPF side tells it */
		if (rec->t1_ns || rec->flags & PVTB_REC_F_UNSEEN)
			n = release(h, true, rec->t1_ns, out);
		h->held[h->nr_held++] = *rec;
		return n;
	case PVTB_REC_SCHED_IN:
		/* Nothing is added to run_delay while the thread runs; while it waits only if it is
		 * taken off a run queue. */
		n = release(h, !rec->reason, rec->arg, out);
		out[n++] = *rec;
		h->step_open = true;
		h->step_ns = rec->t0_ns;
		return n;
	case PVTB_REC_THREAD:
		n = release(h, true, rec->t1_ns, out);
		out[n++] = *rec;
		h->step_open = true;
		h->step_ns = rec->t0_ns;
		return n;
	case PVTB_REC_NONE:
		n = release(h, false, 0, out);
		out[n++] = *rec;
		return n;
	default:
		if (h->nr_held && h->nr_held < PVTB_ARRAY_SIZE(h->held)) {
			h->held[h->nr_held++] = *rec;
			return 0;
		}
		out[n++] = *rec;
		return n;
	}
}

static ssize_t next_completed(struct host_source *h, struct pvtb_rec *out, size_t max)
{
	size_t n = 0, room = PVTB_ARRAY_SIZE(h->held) + 2;

	if (!h->begun) {
		h->begun = h->step_open = true;
		h->step_ns = h->meta->start_ns;
	}
	while (!n && max >= room && !h->flushed) {
		int ret = refill(h);

		if (ret)
			return ret;
		if (h->in_end) {
			h->flushed = true;
			n = release(h, true, h->meta->k_end_ns, out);
			break;
		}
		while (h->in_pos < h->in_len && n + room <= max)
			n += complete(h, &h->in[h->in_pos++], out + n);
	}
	return (ssize_t)n;
}

/*
 * Where the VMM provides: of the time on the CPU that ends at @until_ns with that run_delay, the first
 * visit made a step. Run_delay does not change while the thread runs, so the others make no new one.
 */
static size_t step_of_visit(struct host_source *h, u64 until_ns, u64 k_ns, struct pvtb_rec *out)
{
	const struct steal_vcpu *meta = h->meta;
	size_t n = 0;

	for (; h->visit < meta->nr_visits && meta->visits[h->visit].ns < until_ns; h->visit++) {
		if (n)
			continue;
		out[n] = step_of(meta->visits[h->visit].ns, k_ns);
		out[n++].t0_ns = meta->visits[h->visit].left_ns;
	}
	return n;
}

static ssize_t next_visited(struct host_source *h, struct pvtb_rec *out, size_t max)
{
	size_t n = 0;

	while (!n && !h->flushed) {
		int ret = refill(h);

		if (ret)
			return ret;
		if (h->in_end) {
			h->flushed = true;
			return (ssize_t)step_of_visit(h, UINT64_MAX, h->meta->k_end_ns, out);
		}
		while (h->in_pos < h->in_len && n + 2 <= max) {
			const struct pvtb_rec *rec = &h->in[h->in_pos++];

			if (rec->kind == PVTB_REC_RUN_DELAY)
				continue; /* KVM's steps, not ours */
			if (rec->kind == PVTB_REC_SCHED_OUT) {
				/* What comes before an unseen switch-in is in doubt, not what
				 * came after. */
				bool unseen = rec->flags & PVTB_REC_F_UNSEEN;

				if (unseen)
					out[n++] = *rec;
				n += step_of_visit(h, rec->t0_ns, rec->t1_ns, out + n);
				if (unseen)
					continue;
			}
			out[n++] = *rec;
		}
	}
	return (ssize_t)n;
}

static ssize_t next_records(void *ctx, struct pvtb_rec *out, size_t max)
{
	struct host_source *h = ctx;

	if (h->by_vmm)
		return next_visited(h, out, max);
	if (h->entries)
		return pvtb_samples_read(h->file, out, max, h->err);
	return next_completed(h, out, max);
}

/* ---- sinks ---- */

static int take_interval(void *ctx, const struct pvtb_sched_interval *i)
{
	struct joined *j = ctx;
	s64 row[INTERVAL_COLUMNS] = {(s64)(i->start_ns - j->start_ns),
				     (s64)(i->end_ns - j->start_ns), i->cause, i->pid};

	j->gaps += i->start_ns != j->interval_end_ns;
	j->interval_end_ns = i->end_ns;
	j->interval_sum_ns += i->end_ns - i->start_ns;
	steal_detail_interval(j->detail, i);
	return pvtb_samples_write(j->intervals, row, INTERVAL_COLUMNS, j->err);
}

static int take_point(void *ctx, const struct pvtb_steal_point *p)
{
	struct joined *j = ctx;
	s64 row[POINT_COLUMNS] = {(s64)(p->t_ns - j->start_ns), p->g_ns, p->k_ns, p->b_ns,
				  p->marks};

	steal_detail_point(j->detail, p);
	return pvtb_samples_write(j->points, row, POINT_COLUMNS, j->err);
}

/* ---- the join of one vCPU ---- */

static int make_series(struct pvtb_steal_ctx *ctx, unsigned int vcpu, const char *what,
		       const char *columns, struct pvtb_samples_writer **ret, struct pvtb_err *err)
{
	char path[768], rel[256];
	bool entries = ctx->run->host->witnessed;
	json_t *desc;
	int r;

	steal_path(rel, sizeof(rel), ctx, what, vcpu);
	snprintf(path, sizeof(path), "%s/%s", ctx->run->dir, rel);
	desc = json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:o}", "bench", "steal", "variant",
			 ctx->scenario->name, "vcpu", (int)vcpu, "what", what, "columns", columns,
			 "causes", steal_cause_names(entries), "classes",
			 steal_cause_classes(entries));
	r = pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), desc, 3, ret, err);
	json_decref(desc);
	return r;
}

static int open_raw(struct pvtb_steal_ctx *ctx, unsigned int vcpu, const char *what,
		    struct pvtb_samples_reader **ret, struct pvtb_err *err)
{
	char path[768], rel[256];

	steal_path(rel, sizeof(rel), ctx, what, vcpu);
	snprintf(path, sizeof(path), "%s/%s", ctx->run->dir, rel);
	return pvtb_samples_open(path, ret, err);
}

static int finish_series(struct pvtb_samples_writer **w, int ret, struct pvtb_err *err)
{
	struct pvtb_samples_writer *it = *w;

	*w = NULL;
	if (!it)
		return ret;
	if (!ret)
		return pvtb_samples_finish(it, err);
	pvtb_samples_abort(it);
	return ret;
}

static void join_input(struct pvtb_steal_ctx *ctx, const struct steal_vcpu *meta, bool sees_user,
		       struct joined *j, struct pvtb_steal_input *in)
{
	struct pvtb_run *run = ctx->run;
	const char *backend = run->caps.backend;

	in->limits = PVTB_STEAL_LIMITS;
	in->limits.run_ppm = run->deterministic ? RUN_PPM_DETERMINISTIC : RUN_PPM;
	/* At least a second of five, or the same share of what is shorter. */
	if (in->limits.run_from_ns > ctx->run_ns / 5)
		in->limits.run_from_ns = ctx->run_ns / 5;
	in->read_ns = steal_read_ns(ctx);
	if (!run->deterministic && (run->emulated || !run->caps.hw_assisted))
		in->limits.clock_ns = CLOCK_NS_VIRTUAL;
	in->limits.moves_unread = run->emulated && !run->deterministic;
	in->start_ns = meta->start_ns;
	in->end_ns = meta->end_ns;
	in->initial = PVTB_SCHED_HOST_VMM;
	in->current_at_end = true;
	in->from = run->arch != PVTB_ARCH_ARM64 ? PVTB_STEAL_FROM_BIRTH
		   : meta->call_known		? PVTB_STEAL_FROM_CALL
						: PVTB_STEAL_FROM_SAMPLE;
	in->call_k_ns = meta->call_k_ns;
	if (j->host.by_vmm) {
		in->from = PVTB_STEAL_FROM_BIRTH;
		in->first_value = ctx->scenario->first_value;
	}
	in->lost = meta->visits_lost;
	in->sched.nr_halt = pvtb_reason_matches(backend, PVTB_REASON_HALT, in->sched.halt,
						PVTB_ARRAY_SIZE(in->sched.halt));
	in->sched.nr_intr = pvtb_reason_matches(backend, PVTB_REASON_INTERRUPT, in->sched.intr,
						PVTB_ARRAY_SIZE(in->sched.intr));
	in->sched.user_known = j->host.entries && sees_user;
	in->sched.sink = take_interval;
	in->sched.sink_ctx = j;
	in->samples = next_samples;
	in->samples_ctx = j;
	in->records = next_records;
	in->records_ctx = &j->host;
	in->sink = take_point;
	in->sink_ctx = j;
}

static int join_vcpu(struct pvtb_steal_ctx *ctx, struct steal_measured *m, unsigned int vcpu,
		     struct joined *j, struct pvtb_err *err)
{
	const struct steal_vcpu *meta = &m->vcpus[vcpu];
	struct pvtb_steal_input in = {0};
	struct pvtb_clock_map map;
	int ret = pvtb_clock_fit(m->pairs, m->nr_pairs, ctx->run->host->counter_hz,
				 meta->delta_ticks, meta->delta_unc_ticks, &map, err);

	j->err = j->host.err = err;
	j->host.meta = meta;
	j->host.entries = ctx->run->host->witnessed;
	j->host.by_vmm = ctx->scenario->provide;
	j->start_ns = j->interval_end_ns = meta->start_ns;
	j->detail = steal_detail_new(meta->start_ns, meta->end_ns);
	if (!ret && !j->detail)
		ret = pvtb_err_sys(err, -ENOMEM, "steal");
	if (!ret)
		ret = make_series(ctx, vcpu, "deviation", "t_ns g_ns k_ns b_ns marks", &j->points,
				  err);
	if (!ret)
		ret = make_series(ctx, vcpu, "intervals", "start_ns end_ns cause pid",
				  &j->intervals, err);
	if (!ret)
		ret = open_raw(ctx, vcpu, "guest", &j->guest, err);
	if (!ret)
		ret = open_raw(ctx, vcpu, "host", &j->host.file, err);
	if (!ret) {
		in.map = &map;
		join_input(ctx, meta, m->sees_user, j, &in);
		j->limits = in.limits;
		ret = pvtb_steal(&in, &j->sched, &j->res, err);
	}
	if (j->guest)
		pvtb_samples_close(j->guest);
	if (j->host.file)
		pvtb_samples_close(j->host.file);
	ret = finish_series(&j->points, ret, err);
	return finish_series(&j->intervals, ret, err);
}

/* ---- laws ---- */

static enum pvtb_status status_of(enum pvtb_steal_verdict v)
{
	return v == PVTB_STEAL_HOLDS	? PVTB_OK
	       : v == PVTB_STEAL_BROKEN ? PVTB_FAIL
					: PVTB_INCONCLUSIVE;
}

struct judge {
	struct pvtb_steal_ctx *ctx;
	struct steal_measured *m;
	struct pvtb_variant_result *v;
	struct joined *j; /* one per vCPU */
	unsigned int nr;
};

#define WHO_SIZE 24

/* "vCPU 1: ", or nothing where there is one. */
static const char *who(const struct judge *g, unsigned int i, char buf[WHO_SIZE])
{
	buf[0] = '\0';
	if (g->nr > 1)
		snprintf(buf, WHO_SIZE, "vCPU %u: ", i);
	return buf;
}

static void explain(struct judge *g, enum pvtb_status st, const char *text)
{
	if (st != PVTB_OK && st >= g->v->status)
		pvtb_variant_set_status(g->v, st, "%s", text);
}

static int add_law(struct judge *g, const char *name, const char *expects, enum pvtb_status st,
		   const char *verdict)
{
	int ret = pvtb_variant_add_law(g->v, name, expects, st, "%s", verdict);

	if (!ret && st != PVTB_OK && (!g->v->why || !*g->v->why))
		explain(g, st, verdict);
	return ret;
}

static void add(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add(char *buf, size_t size, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, size - used, fmt, ap);
	va_end(ap);
}

static int law_gk(struct judge *g, unsigned int i)
{
	const struct joined *j = &g->j[i];
	const struct steal_vcpu *meta = &g->m->vcpus[i];
	enum pvtb_status st = status_of(j->res.gk_law);
	char text[512], buf[WHO_SIZE];

	snprintf(text, sizeof(text), "%s%s%s", who(g, i, buf), j->res.gk_verdict,
		 j->host.entries ? "" : " (K taken at the switches: kvm_entry is not witnessed)");
	if (meta->samples_lost) {
		st = st == PVTB_OK ? PVTB_INCONCLUSIVE : st;
		add(text, sizeof(text), "; %" PRIu64 " guest samples overwritten",
		    meta->samples_lost);
	}
	return add_law(g, "told", "G equals K at every guest entry, to 0 ns", st, text);
}

static int law_kb(struct judge *g, unsigned int i)
{
	const struct joined *j = &g->j[i];
	enum pvtb_status st = status_of(j->res.kb_law);
	char text[512], expects[128], buf[WHO_SIZE];

	snprintf(text, sizeof(text), "%s%s", who(g, i, buf), j->res.kb_verdict);
	snprintf(expects, sizeof(expects),
		 "K - B by the run queue's clock within %" PRIu64
		 " us a time off the CPU, %.1f %% in all",
		 j->limits.event_ns / 1000, (double)j->limits.run_ppm / 1e4);
	return add_law(g, "counted", expects, st, text);
}

/* What blames the kernel's clock must not be the emulator's, or this host's own hypervisor's. */
static int law_clock(struct judge *g, unsigned int i)
{
	const struct joined *j = &g->j[i];
	const struct pvtb_run *run = g->ctx->run;
	u64 own_ns = g->m->host_stolen_ns;
	enum pvtb_status st = status_of(j->res.clock_law);
	char text[512], expects[128], buf[WHO_SIZE];

	snprintf(text, sizeof(text), "%s%s", who(g, i, buf), j->res.clock_verdict);
	snprintf(expects, sizeof(expects),
		 "the run queue's clock is within %" PRIu64
		 " us of the stamps, %.1f %% in all, or stands still before a switch",
		 j->limits.clock_ns / 1000, (double)j->limits.run_ppm / 1e4);
	if (st == PVTB_FAIL && run->emulated && !run->deterministic) {
		st = PVTB_OK;
		add(text, sizeof(text), " (the emulator's turns)");
	} else if (st == PVTB_FAIL && own_ns) {
		st = PVTB_INCONCLUSIVE;
		add(text, sizeof(text), "; but %" PRIu64 " ms were stolen from this host itself",
		    own_ns / 1000000);
	}
	return add_law(g, "clock", expects, st, text);
}

static int law_sum(struct judge *g, unsigned int i)
{
	const struct joined *j = &g->j[i];
	const struct steal_vcpu *meta = &g->m->vcpus[i];
	u64 wall_ns = meta->end_ns - meta->start_ns;
	s64 off_ns = (s64)(j->interval_sum_ns - wall_ns);
	bool whole = !off_ns && !j->gaps && j->interval_end_ns == meta->end_ns;
	bool clear = pvtb_sched_conclusive(&j->sched) && j->sched.outs == meta->switches &&
		     j->sched.unseen_ns <= wall_ns / 100 * UNSEEN_PERCENT;
	enum pvtb_status st = !whole ? PVTB_FAIL : clear ? PVTB_OK : PVTB_INCONCLUSIVE;
	char text[512], buf[WHO_SIZE];

	snprintf(text, sizeof(text),
		 "%s%" PRIu64 " ns of intervals in %" PRIu64 " ns, %" PRIu64 " gaps, %" PRIu64
		 " ns unknown; %" PRIu64 " records out of order, %" PRIu64
		 " contradictory, %" PRIu64 " lost; %" PRIu64 " switches of the kernel's %" PRIu64
		 " witnessed, %" PRIu64 " of them half",
		 who(g, i, buf), j->interval_sum_ns, wall_ns, j->gaps,
		 j->sched.sum_ns[PVTB_SCHED_UNKNOWN], j->sched.order_errors, j->sched.chain_errors,
		 j->sched.lost, j->sched.outs, meta->switches, j->sched.unseen);
	return add_law(g, "complete", "the intervals add up to the run's wall time", st, text);
}

static double share_of(const struct joined *j, u32 causes, u64 wall_ns)
{
	u64 sum = 0;

	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
		if (causes & PVTB_STEAL_CAUSE(c))
			sum += j->sched.sum_ns[c];
	return wall_ns ? (double)sum / (double)wall_ns : 0;
}

/* Did the scenario do what it says? */
static int law_scenario(struct judge *g, unsigned int i)
{
	const struct pvtb_steal_scenario *sc = g->ctx->scenario;
	const struct joined *j = &g->j[i];
	const struct steal_vcpu *meta = &g->m->vcpus[i];
	struct pvtb_steal_seen seen = {.wall_ns = meta->end_ns - meta->start_ns,
				       .migrations = j->sched.migrations,
				       .threads = j->res.threads + 1};
	double share = share_of(j, sc->causes, seen.wall_ns);
	enum pvtb_status st = PVTB_OK;
	struct pvtb_err why = {0};
	char text[sizeof(why.why) + 64], buf[WHO_SIZE];

	snprintf(text, sizeof(text), "%s%.1f %% of %.3f s lost as meant", who(g, i, buf),
		 100 * share, (double)seen.wall_ns / 1e9);
	if (share < sc->min_share || (sc->max_share > 0 && share > sc->max_share)) {
		st = PVTB_INVALID;
		snprintf(text, sizeof(text),
			 "%sthe scenario did not happen: %.1f %% of the time lost, meant are %.0f "
			 "to %.0f %%",
			 who(g, i, buf), 100 * share, 100 * sc->min_share,
			 100 * (sc->max_share > 0 ? sc->max_share : 1));
	}
	memcpy(seen.sum_ns, j->sched.sum_ns, sizeof(seen.sum_ns));
	if (st == PVTB_OK && !i && sc->did && sc->did(g->ctx, &seen, &why)) {
		st = PVTB_INVALID;
		snprintf(text, sizeof(text), "the scenario did not happen: %s", why.why);
	}
	if (!sc->causes && st == PVTB_OK)
		snprintf(text, sizeof(text), "%s%.3f s", who(g, i, buf),
			 (double)seen.wall_ns / 1e9);
	return add_law(g, "scenario", "the vCPU lost its time as the scenario says", st, text);
}

static int law_swapped(struct judge *g)
{
	struct pvtb_steal_result res[PVTB_STEAL_MAX_VCPUS];
	char text[256] = "each vCPU was told its own";
	enum pvtb_status st = PVTB_OK;

	for (unsigned int i = 0; i < g->nr; i++)
		res[i] = g->j[i].res;
	for (unsigned int i = 0; i < g->nr; i++) {
		int other = pvtb_steal_swapped(res, (int)g->nr, (int)i);

		if (other < 0)
			continue;
		st = PVTB_FAIL;
		snprintf(text, sizeof(text), "vCPU %u was told what vCPU %d lost", i, other);
	}
	return g->nr < 2 ? 0 : add_law(g, "own", "no vCPU is told another's", st, text);
}

/* Whether "told" could see a wrong start: it is exact, and a start shows by what was lost before it. */
static int law_start(struct judge *g)
{
	u64 ns = g->m->vcpus[0].lost_first_ns;
	char text[128];

	if (!g->ctx->scenario->lose_first)
		return 0;
	snprintf(text, sizeof(text), "%.3f ms were lost before the guest asked", (double)ns / 1e6);
	return add_law(g, "start", "50 ms and more are lost before the guest asks for stolen time",
		       ns < STEAL_LOST_FIRST_NS ? PVTB_INCONCLUSIVE : PVTB_OK, text);
}

static int add_laws(struct judge *g)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < g->nr; i++)
		ret = law_scenario(g, i);
	if (!ret)
		ret = law_start(g);
	for (unsigned int i = 0; !ret && i < g->nr; i++) {
		ret = law_gk(g, i);
		if (!ret)
			ret = law_kb(g, i);
		if (!ret)
			ret = law_clock(g, i);
		if (!ret)
			ret = law_sum(g, i);
	}
	return ret ?: law_swapped(g);
}

/* ---- metrics ---- */

static int metric(struct judge *g, int i, const char *name, enum pvtb_unit unit,
		  enum pvtb_direction dir, double value, u64 n)
{
	enum pvtb_kind kind = unit == PVTB_UNIT_COUNT ? PVTB_KIND_COUNT : PVTB_KIND_TIME;
	char full[64];

	if (!isfinite(value))
		return 0;
	snprintf(full, sizeof(full), "%s", name);
	if (g->nr > 1)
		snprintf(full, sizeof(full), "vcpu%d.%s", i, name);
	return pvtb_variant_add_metric(g->v, full, unit, kind, dir, value, NAN, NAN, n);
}

static int add_metrics(struct judge *g, unsigned int i)
{
	const struct joined *j = &g->j[i];
	const struct pvtb_steal_result *r = &j->res;
	const struct steal_vcpu *meta = &g->m->vcpus[i];
	const struct {
		const char *name;
		enum pvtb_unit unit;
		enum pvtb_direction dir;
		double value;
		u64 n;
	} rows[] = {
		{"lost", PVTB_UNIT_NS, PVTB_NEITHER_IS_BETTER,
		 (double)pvtb_sched_involuntary_ns(&j->sched), r->outs},
		{"share", PVTB_UNIT_RATIO, PVTB_NEITHER_IS_BETTER,
		 share_of(j, PVTB_STEAL_INVOLUNTARY, meta->end_ns - meta->start_ns), r->outs},
		{"told.final", PVTB_UNIT_NS, PVTB_NEITHER_IS_BETTER, (double)r->g_final_ns,
		 r->compared},
		{"g_k.max", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->gk.max_ns),
		 r->compared},
		{"g_k.final", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->gk.final_ns),
		 r->compared},
		{"g_k.ppm", PVTB_UNIT_PPM, PVTB_LOWER_IS_BETTER, r->gk.ppm, r->compared},
		{"k_b.max", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->kb.max_ns),
		 r->steps},
		{"k_b.final", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->kb.final_ns),
		 r->steps},
		{"k_b.ppm", PVTB_UNIT_PPM, PVTB_LOWER_IS_BETTER, r->kb.ppm, r->steps},
		{"k_b.event.max", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->event_max_ns),
		 r->events},
		{"told.jump", PVTB_UNIT_NS, PVTB_NEITHER_IS_BETTER,
		 r->threads ? (double)r->thread_jump_ns : NAN, r->threads},
		{"k_b.rest", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->rest_ns),
		 r->events},
		{"k_b.rest.max", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->rest_max_ns),
		 r->events},
		{"clock.still", PVTB_UNIT_NS, PVTB_NEITHER_IS_BETTER, fabs((double)r->still_ns),
		 r->still_times},
		{"clock.behind", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, fabs((double)r->late_ns),
		 r->events},
		{"age.max", PVTB_UNIT_NS, PVTB_NEITHER_IS_BETTER, (double)r->age_max_ns,
		 r->compared},
		{"stale.max", PVTB_UNIT_NS, PVTB_LOWER_IS_BETTER, (double)r->stale_max_ns,
		 r->stale_samples},
		{"switches", PVTB_UNIT_COUNT, PVTB_NEITHER_IS_BETTER, (double)r->outs, r->outs},
		{"migrations", PVTB_UNIT_COUNT, PVTB_NEITHER_IS_BETTER, (double)j->sched.migrations,
		 r->outs},
		{"ambiguous", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)r->ambiguous,
		 r->compared},
	};

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(rows); k++) {
		int ret = metric(g, (int)i, rows[k].name, rows[k].unit, rows[k].dir, rows[k].value,
				 rows[k].n);

		if (ret)
			return ret;
	}
	return 0;
}

/* ---- what reports and figures need ---- */

static int add_detail(struct judge *g)
{
	json_t *vcpus = json_array();

	for (unsigned int i = 0; i < g->nr; i++) {
		const struct joined *j = &g->j[i];

		if (json_array_append_new(vcpus, steal_detail_json(j->detail, i, g->m, &j->sched,
								   &j->res, j->host.entries))) {
			json_decref(vcpus);
			return -ENOMEM;
		}
	}
	json_decref(g->v->detail);
	g->v->detail = json_pack("{s:{s:o}}", "stolen", "vcpus", vcpus);
	return g->v->detail ? 0 : -ENOMEM;
}

static int add_files(struct judge *g, unsigned int i)
{
	static const char *const what[] = {"guest", "host", "deviation", "intervals"};

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(what); k++) {
		char name[64], rel[256];
		int ret;

		snprintf(name, sizeof(name), "vcpu%u.%s", i, what[k]);
		steal_path(rel, sizeof(rel), g->ctx, what[k], i);
		ret = pvtb_variant_add_file(g->v, name, rel);
		if (ret)
			return ret;
	}
	return 0;
}

static int join_all(struct judge *g, struct pvtb_err *err)
{
	int ret = 0;

	g->j = calloc(g->nr, sizeof(*g->j));
	if (!g->j)
		return pvtb_err_sys(err, -ENOMEM, "steal");
	for (unsigned int i = 0; !ret && i < g->nr; i++) {
		const struct steal_vcpu *meta = &g->m->vcpus[i];

		ret = join_vcpu(g->ctx, g->m, i, &g->j[i], err);
		g->ctx->run->host->samples += meta->samples;
		g->ctx->run->host->records += meta->records;
		g->ctx->run->host->lost += meta->records_lost;
	}
	return ret;
}

static void forget(struct judge *g)
{
	for (unsigned int i = 0; g->j && i < g->nr; i++)
		steal_detail_free(g->j[i].detail);
	free(g->j);
}

int steal_join(struct pvtb_steal_ctx *ctx, struct steal_measured *m, struct pvtb_steal_result *ret,
	       struct pvtb_err *err)
{
	struct judge g = {.ctx = ctx, .m = m, .nr = ctx->nr_vcpus};
	int rc = join_all(&g, err);

	for (unsigned int i = 0; !rc && i < g.nr; i++)
		ret[i] = g.j[i].res;
	forget(&g);
	return rc;
}

int steal_judge(struct pvtb_steal_ctx *ctx, struct steal_measured *m, struct pvtb_variant_result *v,
		struct pvtb_err *err)
{
	struct judge g = {.ctx = ctx, .m = m, .v = v, .nr = ctx->nr_vcpus};
	int ret = join_all(&g, err);

	if (!ret) {
		ret = add_laws(&g);
		for (unsigned int i = 0; !ret && i < g.nr; i++) {
			ret = add_metrics(&g, i);
			if (!ret)
				ret = add_files(&g, i);
		}
		if (!ret)
			ret = add_detail(&g);
		if (ret)
			pvtb_err_sys(err, ret, "steal.%s", ctx->scenario->name);
	}
	forget(&g);
	return ret;
}
