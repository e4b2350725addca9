// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns a run: rounds of about a second, in which every vCPU runs batches by itself; between two rounds
 * nothing runs, latencies are put by, the kernel's log is read, and the VM may be made anew.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "arch/counter.h"
#include "bench/stress/engine.h"
#include "core/klog.h"
#include "core/progress.h"

#define ROUND_NS	 PVTB_NSEC_PER_SEC
#define ROUNDS_PER_VM	 4
#define HANG_MS		 30000
#define HANG_EMULATED_MS 120000

void st_engine_violation(struct st_engine *e, const struct st_violation *bad)
{
	pthread_mutex_lock(&e->bad_lock);
	if (!e->bad.found)
		e->bad = *bad;
	pthread_mutex_unlock(&e->bad_lock);
	__atomic_store_n(&e->stop, 1, __ATOMIC_RELEASE);
}

/* ---- the kernel's log ---- */

static void klog_open(struct st_engine *e)
{
	e->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (e->kmsg >= 0)
		lseek(e->kmsg, 0, SEEK_END);
}

static void klog_look(struct st_engine *e)
{
	struct st_violation bad = {.found = true};
	char line[2048];
	ssize_t n;

	if (e->kmsg < 0)
		return;
	/* EPIPE: lines were overwritten before they were read; what is left goes on. */
	while ((n = read(e->kmsg, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		const char *text;

		if (n < 0)
			continue;
		e->klog_lines++;
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		text = strchr(line, ';');
		if (!text || !pvtb_klog_trouble(text + 1))
			continue;
		snprintf(bad.rule, sizeof(bad.rule), "kernel-log");
		snprintf(bad.text, sizeof(bad.text), "%.300s", text + 1);
		st_engine_violation(e, &bad);
	}
}

/* ---- latencies ---- */

struct windows {
	struct pvtb_hist *hists; /* [ST_WINDOWS][nr_ops] */
	unsigned int nr;	 /* begun */
	unsigned int rounds;	 /* of a whole one */
	unsigned int filled;	 /* of the last */
};

/* Twice as long, half as many. */
static void halve(struct windows *w, size_t nr_ops)
{
	for (unsigned int k = 0; k < ST_WINDOWS / 2; k++)
		for (size_t o = 0; o < nr_ops; o++) {
			struct pvtb_hist two = w->hists[2 * k * nr_ops + o];

			pvtb_hist_merge(&two, &w->hists[(2 * k + 1) * nr_ops + o]);
			w->hists[k * nr_ops + o] = two;
		}
	memset(&w->hists[ST_WINDOWS / 2 * nr_ops], 0, ST_WINDOWS / 2 * nr_ops * sizeof(*w->hists));
	w->nr = ST_WINDOWS / 2;
	w->rounds *= 2;
}

static void put_by(struct st_engine *e, struct windows *w)
{
	if (!w->nr || w->filled == w->rounds) {
		if (w->nr == ST_WINDOWS)
			halve(w, e->nr_ops);
		w->nr++;
		w->filled = 0;
	}
	w->filled++;
	for (unsigned int i = 0; i < e->nr; i++)
		for (size_t o = 0; o < e->nr_ops; o++)
			pvtb_hist_merge(&w->hists[(w->nr - 1) * e->nr_ops + o],
					&e->vcpus[i].hists[o]);
	for (unsigned int i = 0; i < e->nr; i++)
		memset(e->vcpus[i].hists, 0, e->nr_ops * sizeof(*e->vcpus[i].hists));
}

static struct st_latency latency_of(const struct pvtb_hist *h)
{
	return (struct st_latency){
		.n = h->n,
		.p50 = pvtb_hist_at(h, 500),
		.p90 = pvtb_hist_at(h, 900),
		.p99 = pvtb_hist_at(h, 990),
		.p999 = pvtb_hist_at(h, 999),
		.max = h->n ? h->max : 0,
	};
}

static int sum_up(struct st_engine *e, const struct windows *w, struct st_result *r)
{
	struct pvtb_hist *all PVTB_FREE = calloc(1, sizeof(*all));
	struct pvtb_hist *every PVTB_FREE = calloc(1, sizeof(*every));

	r->op_results = calloc(e->nr_ops, sizeof(*r->op_results));
	if (!all || !every || !r->op_results)
		return -ENOMEM;
	r->nr_ops = e->nr_ops;
	r->nr_windows = w->nr;
	r->window_ns = w->rounds * ROUND_NS;
	for (size_t o = 0; o < e->nr_ops; o++) {
		memset(all, 0, sizeof(*all));
		r->op_results[o].op = e->ops[o];
		for (unsigned int k = 0; k < w->nr; k++) {
			pvtb_hist_merge(all, &w->hists[k * e->nr_ops + o]);
			r->op_results[o].windows[k] = latency_of(&w->hists[k * e->nr_ops + o]);
		}
		r->op_results[o].all = latency_of(all);
		pvtb_hist_merge(every, all);
	}
	r->latency = latency_of(every);
	return 0;
}

/* ---- a round ---- */

/* Something else than an answer was wrong: where the guest was. */
static void broken(struct st_engine *e, unsigned int vcpu, int code, const struct pvtb_err *err)
{
	struct st_vcpu *v = &e->vcpus[vcpu];
	const struct pvtb_ctl *ctl = pvtb_vm_gpa(e->vm, PVTB_GPA_CTL + vcpu * PVTB_CTL_BYTES);
	const struct pvtb_step *steps = pvtb_vm_gpa(e->vm, PVTB_GPA_RINGS + vcpu * ST_RING_BYTES);
	struct st_violation bad = {.found = true, .vcpu = vcpu};
	size_t at = v->base + (ctl ? ctl->ret[0] : 0);

	snprintf(bad.rule, sizeof(bad.rule), "%s", code == -ETIMEDOUT ? "hang" : "run");
	snprintf(bad.text, sizeof(bad.text), "%.80s: %.220s", err->what, err->why);
	if (at < v->nr && steps) {
		bad.op = v->ops[at];
		bad.step = steps[at];
	}
	bad.index = v->done + at;
	v->done += v->nr;
	st_engine_violation(e, &bad);
}

static int run_round(struct st_engine *e, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "stream",
		.mode = PVTB_MODE_LOOP,
		.args = {PVTB_GPA_RINGS,
			 0}, /* nothing yet: the first batch is drawn at its doorbell */
	};
	bool started[PVTB_MAX_VCPUS] = {false};
	int ret = 0, interrupted = 0;

	e->round_end_ns = pvtb_mono_ns() + ROUND_NS;
	if (e->end_ns && e->round_end_ns > e->end_ns)
		e->round_end_ns = e->end_ns;
	for (unsigned int i = 0; i < e->nr && !ret; i++) {
		if (e->vcpus[i].finished)
			continue;
		ret = pvtb_vm_start(e->vm, i, &cmd, err);
		started[i] = !ret;
	}
	for (unsigned int i = 0; i < e->nr; i++) {
		struct pvtb_err why;
		int code;

		if (!started[i])
			continue;
		code = pvtb_vm_wait(e->vm, i, e->plan->opts->emulated ? HANG_EMULATED_MS : HANG_MS,
				    NULL, &why);
		if (code == -EINTR)
			interrupted = code;
		else if (code)
			broken(e, i, code, &why);
	}
	if (interrupted)
		return pvtb_err_set(err, -EINTR, "stress", "interrupted");
	return ret;
}

static bool all_finished(const struct st_engine *e)
{
	for (unsigned int i = 0; i < e->nr; i++)
		if (!e->vcpus[i].finished)
			return false;
	return true;
}

static bool over(const struct st_engine *e)
{
	return __atomic_load_n(&e->stop, __ATOMIC_ACQUIRE) || all_finished(e) ||
	       (e->end_ns && pvtb_mono_ns() >= e->end_ns);
}

/* Under the lock, so that no action meets half a VM. */
static int new_vm(struct st_engine *e, struct st_origin *origin, struct pvtb_err *err)
{
	int ret;

	pthread_mutex_lock(&e->lock);
	pthread_mutex_lock(&e->lpt_lock);
	st_vm_drop(e);
	for (unsigned int i = 0; origin && i < e->nr; i++)
		origin->draw[i] = e->vcpus[i].draw;
	ret = st_vm_make(e, err);
	pthread_mutex_unlock(&e->lpt_lock);
	pthread_mutex_unlock(&e->lock);
	return ret;
}

static u64 ops_so_far(const struct st_engine *e)
{
	u64 n = 0;

	for (unsigned int i = 0; i < e->nr; i++)
		n += e->vcpus[i].total;
	return n;
}

static int run_rounds(struct st_engine *e, struct windows *w, struct st_origin *origin,
		      struct st_result *r, struct pvtb_err *err)
{
	u64 begun_ns = pvtb_mono_ns();
	int ret = 0;

	if (e->plan->seconds)
		e->end_ns = begun_ns + e->plan->seconds * PVTB_NSEC_PER_SEC;
	while (!ret && !over(e)) {
		if (!e->vm ||
		    (e->plan->actions >> ST_ACT_REBUILD & 1 && !(r->rounds % ROUNDS_PER_VM))) {
			ret = new_vm(e, origin, err);
			if (ret)
				break;
			e->action_counts[ST_ACT_REBUILD] += r->rounds != 0;
		}
		ret = run_round(e, err);
		r->rounds++;
		if (w)
			put_by(e, w);
		klog_look(e);
		if (e->plan->latencies)
			pvtb_progress_update(
				e->plan->opts->progress,
				"stress: %" PRIu64 " operations in %" PRIu64 " s", ops_so_far(e),
				(u64)((pvtb_mono_ns() - begun_ns) / PVTB_NSEC_PER_SEC));
	}
	r->wall_ns = pvtb_mono_ns() - begun_ns;
	return ret;
}

/* ---- the whole ---- */

static void find_matches(struct st_engine *e)
{
	static const enum pvtb_reason_class classes[ST_NR_CLASSES] = {
		PVTB_REASON_HYPERCALL, PVTB_REASON_MSR, PVTB_REASON_CPUID};

	for (unsigned int k = 0; k < ST_NR_CLASSES; k++)
		e->nr_matches[k] = pvtb_reason_matches(e->world.caps.backend, classes[k],
						       e->matches[k], ST_MATCHES);
}

static int prepare(struct st_engine *e, struct pvtb_err *err)
{
	const struct st_opts *o = e->plan->opts;
	int ret = pvtb_kvm_probe(&e->world.caps, NULL, err);

	if (ret)
		return ret;
	e->world.arch = strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_X86_64 : PVTB_ARCH_ARM64;
	e->world.nr_vcpus = e->nr;
	e->world.lpt_mult = ST_LPT_MULT;
	e->world.lpt_fracbits = ST_LPT_FRACBITS;
	e->nr_ops = st_ops(e->world.arch, &e->ops);
	e->action_random = o->seed ^ 0x61637473;
	find_matches(e);
	ret = st_slots_new(&e->slots);
	e->vcpus = calloc(e->nr, sizeof(*e->vcpus));
	if (ret || !e->vcpus)
		return pvtb_err_sys(err, -ENOMEM, "stress");
	for (unsigned int i = 0; i < e->nr; i++) {
		struct st_vcpu *v = &e->vcpus[i];

		v->e = e;
		v->index = i;
		v->hists = calloc(e->nr_ops, sizeof(*v->hists));
		if (!v->hists)
			return pvtb_err_sys(err, -ENOMEM, "stress");
		st_draw_begin(&v->draw, e->world.arch, o->seed, i);
	}
	return 0;
}

static void collect(const struct st_engine *e, struct st_result *r)
{
	for (unsigned int i = 0; i < e->nr; i++) {
		const struct st_vcpu *v = &e->vcpus[i];

		r->ops += v->total;
		r->vcpu_ops[i] = v->total;
		r->batches += v->batches;
		r->faults += v->nr_faults;
		r->user_exits += v->user_exits;
		r->hits += v->hits;
		r->exits_expected += v->expected;
		r->exits_seen += v->counted;
		r->exits_unjudged += v->unjudged;
		r->lost += v->all_lost;
		r->unreadable += v->unreadable + v->shadow.unreadable;
		if (v->longest > r->longest_ticks) {
			r->longest_ticks = v->longest;
			r->longest_op = e->ops[v->longest_place];
		}
	}
	memcpy(r->action_counts, e->action_counts, sizeof(r->action_counts));
	r->vms = e->vm_number;
	r->ticks_hz = e->world.caps.counter_hz;
	r->bad = e->bad;
	r->variant = e->variant;
}

static void release(struct st_engine *e)
{
	st_vm_drop(e);
	st_slots_free(&e->slots);
	for (unsigned int i = 0; e->vcpus && i < e->nr; i++)
		free(e->vcpus[i].hists);
	free(e->vcpus);
	if (e->kmsg >= 0)
		close(e->kmsg);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->bad_lock);
	pthread_mutex_destroy(&e->lpt_lock);
	pthread_mutex_destroy(&e->world.learned_lock);
	free(e);
}

int st_engine(const struct st_plan *plan, struct st_result *ret_result, struct st_origin *origin,
	      struct pvtb_err *err)
{
	struct st_engine *e = calloc(1, sizeof(*e));
	struct windows w = {.rounds = 1};
	struct st_actors actors = {0};
	int ret;

	if (!e)
		return pvtb_err_sys(err, -ENOMEM, "stress");
	e->plan = plan;
	e->nr = plan->vcpus;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->bad_lock, NULL);
	pthread_mutex_init(&e->lpt_lock, NULL);
	pthread_mutex_init(&e->world.learned_lock, NULL);
	klog_open(e);
	ret = prepare(e, err);
	if (!ret && plan->latencies) {
		w.hists = calloc(ST_WINDOWS * e->nr_ops, sizeof(*w.hists));
		ret = w.hists ? 0 : pvtb_err_sys(err, -ENOMEM, "stress");
	}
	if (!ret)
		ret = st_actors_start(e, &actors, err);
	if (!ret)
		ret = run_rounds(e, w.hists ? &w : NULL, origin, ret_result, err);
	st_actors_stop(&actors);
	if (!ret) {
		collect(e, ret_result);
		for (unsigned int i = 0; origin && i < e->nr; i++)
			origin->done[i] = e->vcpus[i].done;
		if (plan->latencies && sum_up(e, &w, ret_result))
			ret = pvtb_err_sys(err, -ENOMEM, "stress");
	}
	free(w.hists);
	release(e);
	return ret;
}
