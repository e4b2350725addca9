// SPDX-License-Identifier: GPL-2.0-only
/* Owns the oracle: what holds for every operation, and the order in which judgements are made. */
#include <stdarg.h>
#include <string.h>

#include "bench/stress/internal.h"

void st_fail(struct st_view *v, const char *rule, const char *fmt, ...)
{
	va_list ap;

	if (v->bad->found)
		return;
	v->bad->found = true;
	snprintf(v->bad->rule, sizeof(v->bad->rule), "%s", rule);
	va_start(ap, fmt);
	vsnprintf(v->bad->text, sizeof(v->bad->text), fmt, ap);
	va_end(ap);
}

bool st_equal(struct st_view *v, const char *rule, u64 got, u64 expected, const char *what)
{
	if (got == expected)
		return true;
	st_fail(v, rule, "%s is %#llx, expected %#llx", what, (unsigned long long)got,
		(unsigned long long)expected);
	return false;
}

bool st_within(struct st_view *v, const char *rule, u64 got, u64 low, u64 high, const char *what)
{
	if (got - low <= high - low)
		return true;
	st_fail(v, rule, "%s: %llu, expected %llu to %llu", what, (unsigned long long)got,
		(unsigned long long)low, (unsigned long long)high);
	return false;
}

void st_constant(struct st_view *v, u64 key, u64 got, const char *what)
{
	struct st_world *w = v->world;
	u64 known = got;
	unsigned int i;

	pthread_mutex_lock(&w->learned_lock);
	for (i = 0; i < w->nr_learned; i++)
		if (w->learned[i].key == key)
			break;
	if (i < w->nr_learned)
		known = w->learned[i].value;
	else if (i < ST_LEARNED)
		w->learned[w->nr_learned++] = (struct st_learned){key, got};
	pthread_mutex_unlock(&w->learned_lock);
	st_equal(v, "constant", got, known, what);
}

void st_no_fault(struct st_view *v)
{
	if (v->fault == ST_NO_FAULT)
		return;
	v->fault = ST_NO_FAULT;
	v->step->done = 1;
	v->step->t1 = v->step->t0;
}

void st_other_fault(struct st_view *v)
{
	if (v->fault != ST_NO_FAULT)
		v->fault ^= ST_FAULT(0, 4);
}

/* Every operation: it ran to its end, or to an exception that it may have; time went forwards. */
static void judge_common(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	struct st_shadow *sh = v->shadow;

	if (v->fault != ST_NO_FAULT && !v->op_faults)
		st_fail(v, "fault", "exception %#x, where there may be none", v->fault);
	else if (v->fault == ST_NO_FAULT && !s->done)
		st_fail(v, "unfinished", "the guest came past it without running it");
	if (v->bad->found)
		return;
	if (s->t0 < sh->last_ticks)
		st_fail(v, "backwards", "the counter shows %llu after %llu",
			(unsigned long long)s->t0, (unsigned long long)sh->last_ticks);
	sh->last_ticks = s->t0;
	/* After an exception nothing was read. */
	if (v->fault != ST_NO_FAULT)
		return;
	if (s->t1 < s->t0)
		st_fail(v, "backwards", "the counter shows %llu after %llu",
			(unsigned long long)s->t1, (unsigned long long)s->t0);
	sh->last_ticks = s->t1;
}

size_t st_judge(struct st_world *w, struct st_shadow *sh, const struct st_batch *b,
		const struct st_armed *armed, u64 *hits, struct st_violation *bad)
{
	struct st_view v = {
		.world = w,
		.shadow = sh,
		.steps = b->steps,
		.nr = b->nr,
		.real_before_ns = b->real_before_ns,
		.real_after_ns = b->real_after_ns,
		.bad = bad,
	};

	/* Whether or not it is read in this batch. */
	sh->steal_known &= !sh->steal_loose;
	for (size_t i = 0; i < b->nr; i++) {
		struct pvtb_step honest = b->steps[i];

		v.at = i;
		v.step = &b->steps[i];
		v.fault = b->faults[i];
		v.op_faults = b->ops[i]->faults;
		v.user = b->user;
		if (st_mutant_hits(armed, w->arch, b->ops[i], honest.in)) {
			/* A lost exit is the engine's to lose. */
			if (armed->mutant->apply)
				armed->mutant->apply(&v);
			*hits += v.fault != b->faults[i] || memcmp(v.step, &honest, sizeof(honest));
		}
		judge_common(&v);
		if (!bad->found)
			b->ops[i]->judge(&v);
		if (!bad->found)
			continue;
		bad->op = b->ops[i];
		bad->vcpu = sh->vcpu;
		bad->index = b->first + i;
		bad->step = *v.step;
		memcpy(bad->step.in, honest.in, sizeof(honest.in));
		return i + 1;
	}
	return b->nr;
}

void st_exits_of(const struct st_batch *b, const char *backend, struct st_exit_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < b->nr; i++)
		switch (b->ops[i]->exits) {
		case ST_EXITS_CALL:
			ret->must[ST_CLASS_CALL]++;
			break;
		case ST_EXITS_SMC:
			ret->must[ST_CLASS_CALL] += b->steps[i].kind == PVTB_STEP_SMC ||
						    b->steps[i].kind == PVTB_STEP_SMC_IMM;
			break;
		case ST_EXITS_MSR:
			ret->must[ST_CLASS_MSR]++;
			break;
		case ST_EXITS_TSC:
			ret->must[ST_CLASS_MSR] += strcmp(backend, "VMX") != 0;
			break;
		case ST_EXITS_CPUID:
			ret->must[ST_CLASS_CPUID]++;
			break;
		case ST_EXITS_ANY:
			break;
		}
}

void st_judge_exits(const struct st_exit_counts *c, const u64 *seen, struct st_violation *bad)
{
	static const char *const names[ST_NR_CLASSES] = {"hypercalls", "MSR accesses", "CPUID"};

	for (unsigned int k = 0; k < ST_NR_CLASSES; k++) {
		if (bad->found || seen[k] == c->must[k])
			continue;
		bad->found = true;
		snprintf(bad->rule, sizeof(bad->rule), "exits");
		snprintf(bad->text, sizeof(bad->text), "%llu exits for %llu %s of a batch",
			 (unsigned long long)seen[k], (unsigned long long)c->must[k], names[k]);
	}
}
