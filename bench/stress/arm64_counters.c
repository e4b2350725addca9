// SPDX-License-Identifier: GPL-2.0-only
/* The guest's counters and timers, by system register. */
#include "bench/stress/op.h"

static void counter(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_MRS;
	s->in[0] = pvtb_random(g->random) & 1 ? PVTB_SYSREG_CNTVCT : PVTB_SYSREG_CNTPCT;
}

static void judge_counter(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	struct st_shadow *sh = v->shadow;
	bool physical = s->in[0] == PVTB_SYSREG_CNTPCT;

	if (physical && s->out[0] < sh->last_pct)
		st_fail(v, "backwards", "CNTPCT %llu after %llu", (unsigned long long)s->out[0],
			(unsigned long long)sh->last_pct);
	if (!physical && s->out[0] < s->t0)
		st_fail(v, "backwards", "CNTVCT %llu after %llu", (unsigned long long)s->out[0],
			(unsigned long long)s->t0);
	if (!physical || v->world->one_counter)
		st_within(v, "bracket", s->out[0], s->t0, s->t1, "counter between two readings");
	if (physical)
		sh->last_pct = s->out[0];
}

static void turn_back(struct st_view *v)
{
	/* Before what was last read of the same counter. */
	if (v->step->in[0] == PVTB_SYSREG_CNTPCT && v->shadow->last_pct)
		v->step->out[0] = v->shadow->last_pct - 1;
	else
		v->step->out[0] = v->step->t0 - 1;
}

ST_OP(counter_read, .name = "counter.read", .archs = PVTB_ARCH_ARM64, .weight = 10,
      .levels = ST_BOTH,
      .summary = "CNTVCT_EL0 and CNTPCT_EL0: forwards, and between the readings around them",
      .generate = counter, .judge = judge_counter,
      .mutants = {{"backwards", "backwards bracket", turn_back}});

static void frequency(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_MRS;
	s->in[0] = PVTB_SYSREG_CNTFRQ;
}

static void judge_frequency(struct st_view *v)
{
	st_equal(v, "return", v->step->out[0], v->world->caps.counter_hz, "CNTFRQ_EL0");
}

ST_OP(counter_frequency, .name = "counter.frequency", .archs = PVTB_ARCH_ARM64, .weight = 1,
      .levels = ST_BOTH, .summary = "CNTFRQ_EL0 is the host's", .generate = frequency,
      .judge = judge_frequency, .mutants = {{"return", "return", st_arm64_flip}});

static const u64 timer_regs[] = {PVTB_SYSREG_CNTV_CTL, PVTB_SYSREG_CNTV_CVAL, PVTB_SYSREG_CNTP_CTL,
				 PVTB_SYSREG_CNTP_CVAL};

static bool is_ctl(u64 reg)
{
	return reg == PVTB_SYSREG_CNTV_CTL || reg == PVTB_SYSREG_CNTP_CTL;
}

static bool is_timer(unsigned int vcpu, const struct pvtb_step *s)
{
	(void)vcpu;
	for (unsigned int i = 0; i < PVTB_ARRAY_SIZE(timer_regs); i++)
		if (s->in[0] == timer_regs[i])
			return true;
	return false;
}

static void timer_write(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_MSR;
	s->in[0] = ST_PICK(g, timer_regs);
	/* ENABLE and IMASK; an unmasked timer that fires is an exit to the VMM now and then */
	if (is_ctl(s->in[0]))
		s->in[1] &= 3;
}

static void judge_timer_write(struct st_view *v)
{
	v->shadow->timer[v->step->in[0]] = v->step->in[1];
	v->shadow->timer_known[v->step->in[0]] = true;
}

static void forget_write(struct st_view *v)
{
	v->step->in[1] ^= 1;
}

static void timer_read(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_MRS;
	s->in[0] = ST_PICK(g, timer_regs);
}

static void judge_timer_read(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	u64 mask = is_ctl(s->in[0]) ? 3 : ~0ULL;

	if (v->shadow->timer_known[s->in[0]])
		st_equal(v, "readback", s->out[0] & mask, v->shadow->timer[s->in[0]] & mask,
			 "timer register");
}

ST_OP(timer_write, .name = "timer.write", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "timer control and compare registers, any value", .generate = timer_write,
      .judge = judge_timer_write, .takes = is_timer,
      .mutants = {{"forgotten", "readback", forget_write}});
ST_OP(timer_read, .name = "timer.read", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "timer registers read as they were written", .generate = timer_read,
      .judge = judge_timer_read, .takes = is_timer,
      .mutants = {{"readback", "readback", st_arm64_flip}});
