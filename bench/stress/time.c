// SPDX-License-Identifier: GPL-2.0-only
/* What both architectures' guests know of time: the counter, Live Physical Time, stolen time. */
#include "bench/stress/op.h"
#include "stats/lpt.h"

static void scan(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_SCAN;
	s->in[0] = 1 + pvtb_random_below(g->random, 16);
	s->in[1] = PVTB_SYSREG_CNTVCT;
}

static void judge_scan(struct st_view *v)
{
	if (v->step->out[0])
		st_fail(v, "backwards", "the counter went backwards %llu times in %llu readings",
			(unsigned long long)v->step->out[0], (unsigned long long)v->step->in[0]);
}

static void once_back(struct st_view *v)
{
	v->step->out[0] = 1;
}

ST_OP(time_scan, .name = "time.scan", .archs = PVTB_ARCH_ANY, .weight = 5, .levels = ST_BOTH,
      .summary = "the counter read again and again: never backwards", .generate = scan,
      .judge = judge_scan, .mutants = {{"backwards", "backwards", once_back}});

/* ---- Live Physical Time ---- */

static void lpt(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_LPT;
	s->in[0] = PVTB_GPA_LPT;
}

/* However it is written, the ratio is one. */
static void judge_lpt(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	u64 want;

	if (!s->out[5]) {
		v->shadow->unreadable++;
		return;
	}
	want = pvtb_lpt_scale(s->out[1], v->world->lpt_mult, v->world->lpt_fracbits);
	if (s->out[0] != want)
		st_fail(v, "torn",
			"LPT %llu of counter %llu, expected %llu (read %llu >> %llu, sequence %llu)",
			(unsigned long long)s->out[0], (unsigned long long)s->out[1],
			(unsigned long long)want, (unsigned long long)s->out[2],
			(unsigned long long)s->out[3], (unsigned long long)s->out[4]);
	st_within(v, "bracket", s->out[1], s->t0, s->t1, "counter inside an LPT reading");
}

static void tear_lpt(struct st_view *v)
{
	/* The multiplier of one version, the shift of the next. */
	v->step->out[0] >>= 1;
	v->step->out[5] = 1;
}

ST_OP(time_lpt, .name = "time.lpt", .archs = PVTB_ARCH_ANY, .weight = 8, .levels = ST_BOTH,
      .summary = "Live Physical Time while it is rewritten at full speed: never torn",
      .generate = lpt, .judge = judge_lpt, .mutants = {{"torn", "torn", tear_lpt}});

/* ---- stolen time ---- */

static void steal(struct st_gen *g, struct pvtb_step *s)
{
	bool window = !(pvtb_random(g->random) & 3);

	s->kind = PVTB_STEP_STEAL;
	s->in[0] = window ? ST_WINDOW + ST_WINDOW_STEAL + 64ULL * g->vcpu : ST_STEAL(g->vcpu);
}

static void judge_form(struct st_view *v)
{
	const struct pvtb_step *s = v->step;

	if (v->world->arch == PVTB_ARCH_ARM64) {
		st_equal(v, "torn", s->out[1], 0, "revision of the stolen-time structure");
		st_equal(v, "torn", s->out[2], 0, "attributes of the stolen-time structure");
		return;
	}
	st_equal(v, "torn", s->out[2], 0, "flags of the steal-time structure");
	/* KVM clears it at the entry, before the guest can look. */
	st_equal(v, "torn", s->out[3], 0, "preempted, seen by the vCPU itself");
}

static void judge_steal(struct st_view *v)
{
	struct st_shadow *sh = v->shadow;
	const struct pvtb_step *s = v->step;

	/* In the window it is one of two structures, or none, and no two parts need be of one. */
	if (s->in[0] != ST_STEAL(sh->vcpu))
		return;
	if (v->world->arch == PVTB_ARCH_X86_64 && !s->out[4]) {
		sh->unreadable++;
		return;
	}
	judge_form(v);
	/* Modulo 2^64: a new thread that has waited less than the one before takes it below 0. */
	if (sh->steal_known && !sh->steal_loose && (s64)(s->out[0] - sh->steal_ns) < 0)
		st_fail(v, "decreasing", "stolen time %llu ns after %llu ns",
			(unsigned long long)s->out[0], (unsigned long long)sh->steal_ns);
	sh->steal_ns = s->out[0];
	sh->steal_known = !sh->steal_loose;
}

/* Once too much: what comes after it is less. */
static void jump(struct st_view *v)
{
	v->step->out[0] += 1000000000ULL;
}

static void tear_steal(struct st_view *v)
{
	v->step->in[0] = ST_STEAL(v->shadow->vcpu);
	v->step->out[2] = 1;
	v->step->out[4] = 1;
}

/* Only where another thread has just taken the vCPU. */
static void tear_replaced(struct st_view *v)
{
	if (v->shadow->steal_loose)
		tear_steal(v);
}

ST_OP(time_steal, .name = "time.steal", .archs = PVTB_ARCH_ANY, .weight = 8, .levels = ST_BOTH,
      .summary = "stolen time: never less, never torn", .generate = steal, .judge = judge_steal,
      .mutants = {{"decreasing", "decreasing", jump},
		  {"torn", "torn", tear_steal},
		  {"replaced", "torn", tear_replaced, 1U << ST_ACT_REPLACE}});

/* ---- leaving ---- */

static void leave(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_EXIT;
}

static void judge_leave(struct st_view *v)
{
	(void)v;
}

ST_OP(time_exit, .name = "time.exit", .archs = PVTB_ARCH_ANY, .weight = 2, .levels = ST_BOTH,
      .summary = "out to the VMM and in again", .generate = leave, .judge = judge_leave);
