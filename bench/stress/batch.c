// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what happens on a vCPU's thread between two entries: the batch that ran is judged, the next is
 * drawn and written into guest memory, and the guest goes on, without another thread in between.
 */
#include <string.h>
#include <sys/syscall.h>

#include "bench/stress/engine.h"

/* A command ends after so many replacements of its thread: each waits for the next one's end. */
#define MAX_NESTED   4
#define SETTLE_TRIES 12

static u64 realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static bool stopped(const struct st_engine *e)
{
	return __atomic_load_n(&e->stop, __ATOMIC_ACQUIRE);
}

/* ---- host records ---- */

static void count_records(struct st_vcpu *v, const struct pvtb_rec *recs, size_t nr)
{
	const struct st_engine *e = v->e;

	for (size_t i = 0; i < nr; i++) {
		if (recs[i].kind != PVTB_REC_PAIR && recs[i].kind != PVTB_REC_EXIT)
			continue;
		for (unsigned int k = 0; k < ST_NR_CLASSES; k++)
			for (size_t m = 0; m < e->nr_matches[k]; m++)
				if ((recs[i].reason & e->matches[k][m].mask) ==
				    e->matches[k][m].value)
					v->seen[k]++;
	}
}

/* Count what the thread's ring has since the last look. */
static void take_records(struct st_vcpu *v)
{
	u64 end, lost;
	ssize_t got;

	if (!v->stream)
		return;
	end = pvtb_stream_mark(v->stream, NULL);
	while (v->mark < end) {
		u64 n = end - v->mark < ST_RECS ? end - v->mark : ST_RECS;

		lost = 0;
		got = pvtb_stream_read(v->stream, v->mark, n, v->recs, &lost);
		v->lost += lost;
		if (got > 0)
			count_records(v, v->recs, (size_t)got);
		else if (got < 0)
			v->lost += n;
		v->mark += n;
	}
	pvtb_stream_discard(v->stream, v->mark);
}

static void register_thread(struct st_vcpu *v)
{
	struct pvtb_err err;

	/* One that cannot be followed leaves its batches unjudged, which is counted. */
	if (v->stream || !v->e->plan->trace)
		return;
	if (pvtb_trace_register(v->e->plan->trace, &v->stream, &err))
		v->stream = NULL;
	else
		v->mark = pvtb_stream_mark(v->stream, NULL);
	v->missed = 0;
}

static void unregister_thread(struct st_vcpu *v)
{
	struct timespec ts = {.tv_nsec = 20000};
	bool open = true;

	if (!v->stream)
		return;
	/* An exit that had no entry is on record from the thread's next switch on. */
	for (int i = 0; i < SETTLE_TRIES; i++) {
		pvtb_stream_mark(v->stream, &open);
		if (!open)
			break;
		nanosleep(&ts, NULL);
		ts.tv_nsec *= 2;
	}
	take_records(v);
	pvtb_trace_unregister(v->e->plan->trace, v->stream);
	v->stream = NULL;
}

/* ---- threads ---- */

int st_batch_thread_start(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	__atomic_store_n(&v->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	return 0;
}

void st_batch_thread_stop(void *opaque, unsigned int vcpu)
{
	unregister_thread(&((struct st_engine *)opaque)->vcpus[vcpu]);
}

void st_batch_enter(void *opaque, unsigned int vcpu)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	/* Back on the vCPU's first thread. */
	if (v->nested)
		v->replaced = true;
	v->nested = 0;
	__atomic_store_n(&v->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	register_thread(v);
}

/* On the threads that took over, the last one first; the first keeps its ring. */
void st_batch_leave(void *opaque, unsigned int vcpu)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	if (v->nested)
		unregister_thread(v);
}

void st_batch_hand_over(void *opaque, unsigned int vcpu)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	unregister_thread(v);
	v->replaced = true;
}

int st_batch_take_over(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	v->nested++;
	__atomic_store_n(&v->tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	register_thread(v);
	return 0;
}

/* ---- a batch ---- */

static struct pvtb_step *steps_of(struct st_vcpu *v)
{
	return pvtb_vm_gpa(v->e->vm, PVTB_GPA_RINGS + v->index * ST_RING_BYTES);
}

/* Send the guest to step @base. */
static void aim(struct st_vcpu *v, struct pvtb_ctl *ctl)
{
	ctl->args[0] = PVTB_GPA_RINGS + v->index * ST_RING_BYTES + v->base * PVTB_STEP_BYTES;
	ctl->args[1] = v->nr - v->base;
	ctl->ret[0] = 0;
}

static void put(struct st_vcpu *v, const struct st_cmd *cmd)
{
	struct pvtb_step *s = &steps_of(v)[v->nr];

	s->kind = cmd->kind;
	memcpy(s->in, cmd->in, sizeof(s->in));
	memset(s->out, 0, sizeof(s->out));
	s->t0 = s->t1 = s->done = 0;
	v->ops[v->nr] = cmd->op;
	v->places[v->nr] = cmd->place;
	v->faults[v->nr] = ST_NO_FAULT;
	v->user = cmd->user;
	v->nr++;
}

static void draw_batch(struct st_vcpu *v)
{
	const struct st_plan *p = v->e->plan;
	u64 share = p->ops ? (p->ops + v->e->nr - 1) / v->e->nr : ~0ULL;
	struct st_cmd cmd;

	while (v->nr < ST_BATCH && v->total + v->nr < share &&
	       (!v->nr || st_draw_user(&v->draw) == v->user)) {
		st_draw_next(&v->draw, &cmd);
		put(v, &cmd);
	}
}

/* Once through the stream at most. */
static void take_batch(struct st_vcpu *v)
{
	const struct st_stream *s = v->e->plan->stream;
	size_t end = v->e->end_ns ? v->next_cmd + s->nr : s->nr;

	for (; v->nr < ST_BATCH && v->next_cmd < end; v->next_cmd++) {
		const struct st_cmd *cmd = &s->cmds[v->next_cmd % s->nr];

		if (cmd->vcpu != v->index)
			continue;
		if (v->nr && cmd->user != v->user)
			return;
		put(v, cmd);
	}
}

/* Another batch, unless there is a reason to end the command. */
static bool next_batch(struct st_vcpu *v)
{
	struct st_engine *e = v->e;

	v->nr = v->base = 0;
	if (stopped(e) || pvtb_mono_ns() >= e->round_end_ns || v->nested >= MAX_NESTED)
		return false;
	if (e->plan->stream)
		take_batch(v);
	else
		draw_batch(v);
	v->finished = !v->nr;
	if (v->finished)
		return false;
	take_records(v);
	v->all_lost += v->lost;
	memset(v->seen, 0, sizeof(v->seen));
	v->lost = 0;
	v->real_before_ns = realtime_ns();
	return true;
}

static void add_latencies(struct st_vcpu *v, const struct pvtb_step *steps)
{
	for (size_t i = 0; i < v->nr; i++) {
		u64 ticks = steps[i].t1 - steps[i].t0;

		if (!steps[i].done)
			continue;
		pvtb_hist_add(&v->hists[v->places[i]], ticks);
		if (ticks > v->longest) {
			v->longest = ticks;
			v->longest_place = v->places[i];
		}
	}
}

/* Were programs not run since the last time an exit was missing? Then it may be one of theirs. */
static bool missed(struct st_vcpu *v)
{
	struct pvtb_trace_counts counts;
	u64 before = v->missed;

	pvtb_stream_counts(v->stream, &counts);
	v->missed = counts.missed;
	v->lost += counts.missed - before;
	return counts.missed != before;
}

static void judge_exits(struct st_vcpu *v, const struct st_batch *b, struct st_violation *bad)
{
	const struct st_armed *armed = &v->e->plan->opts->armed;
	struct st_exit_counts must;
	unsigned int class = ST_CLASS_CALL;

	take_records(v);
	if (!v->stream || v->lost) {
		v->unjudged += b->nr;
		return;
	}
	st_exits_of(b, v->e->world.caps.backend, &must);
	if (armed->mutant && !armed->mutant->apply)
		class = armed->op->exits == ST_EXITS_CPUID ? ST_CLASS_CPUID
			: armed->op->exits == ST_EXITS_MSR || armed->op->exits == ST_EXITS_TSC
				? ST_CLASS_MSR
				: ST_CLASS_CALL;
	for (size_t i = 0; armed->mutant && !armed->mutant->apply && i < b->nr; i++)
		if (st_mutant_hits(armed, v->e->world.arch, b->ops[i], b->steps[i].in)) {
			v->seen[class]--;
			v->hits++;
		}
	for (unsigned int k = 0; k < ST_NR_CLASSES; k++) {
		v->expected += must.must[k];
		v->counted += v->seen[k];
	}
	st_judge_exits(&must, v->seen, bad);
	if (bad->found && missed(v)) {
		*bad = (struct st_violation){0};
		v->unjudged += b->nr;
		return;
	}
	if (bad->found) {
		bad->op = b->ops[b->nr - 1];
		bad->vcpu = v->index;
		bad->index = b->first + b->nr - 1;
		bad->step = b->steps[b->nr - 1];
	}
}

static void finish_batch(struct st_vcpu *v)
{
	struct st_engine *e = v->e;
	struct st_violation bad = {0};
	struct st_batch b = {
		.ops = v->ops,
		.steps = steps_of(v),
		.faults = v->faults,
		.nr = v->nr,
		.user = v->user,
		.first = v->done,
		.real_before_ns = v->real_before_ns,
		.real_after_ns = realtime_ns(),
	};

	if (e->plan->latencies)
		add_latencies(v, b.steps);
	if (e->plan->trace)
		judge_exits(v, &b, &bad);
	v->shadow.steal_loose = v->replaced;
	v->shadow.steal_owed |= v->replaced;
	v->replaced = false;
	if (!bad.found)
		st_judge(&e->world, &v->shadow, &b, &e->plan->opts->armed, &v->hits, &bad);
	v->done += v->nr;
	v->total += v->nr;
	v->batches++;
	v->nr = 0;
	if (bad.found)
		st_engine_violation(e, &bad);
}

static int fault_of(const struct st_engine *e, const struct pvtb_fault *f)
{
	u64 code = e->world.arch == PVTB_ARCH_ARM64 ? f->syndrome >> 26 & 0x3f : f->syndrome;

	return ST_FAULT(f->vector, code);
}

/* An exception ended a step: the guest goes on behind it. False when that was the last. */
static bool skip_fault(struct st_vcpu *v, struct pvtb_ctl *ctl)
{
	size_t at = v->base + ctl->ret[0];

	v->nr_faults++;
	if (at < v->nr)
		v->faults[at] = fault_of(v->e, &ctl->fault);
	v->base = at + 1;
	if (v->base >= v->nr)
		return false;
	aim(v, ctl);
	return true;
}

bool st_batch_again(void *opaque, unsigned int vcpu, struct pvtb_ctl *ctl, enum pvtb_level *level)
{
	struct st_vcpu *v = &((struct st_engine *)opaque)->vcpus[vcpu];

	if (ctl->status == PVTB_STATUS_FAULT && v->nr && skip_fault(v, ctl))
		return true;
	ctl->status = PVTB_STATUS_DONE;
	if (v->nr)
		finish_batch(v);
	if (!next_batch(v))
		return false;
	*level = v->user ? PVTB_LEVEL_USER : PVTB_LEVEL_KERNEL;
	aim(v, ctl);
	return true;
}
