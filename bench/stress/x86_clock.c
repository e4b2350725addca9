// SPDX-License-Identifier: GPL-2.0-only
/* kvmclock as a guest reads it (x86/msr.rst), registered by the family msr. */
#include "bench/stress/op.h"
#include "bench/stress/x86.h"

static void read_clock(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_PVCLOCK;
	s->in[0] = ST_CLOCK(g->vcpu);
}

/* Not registered there now: the structure is old. */
static bool registered(const struct st_shadow *sh)
{
	return sh->msr[ST_MSR_CLOCK] == (ST_CLOCK(sh->vcpu) | 1);
}

/* With the TSC's offset the clock jumps, and comes back with the next update of its structure: KVM's
 * contract has offsets set before a vCPU runs (devices/vcpu.rst 4.1). */
static bool comparable(const struct st_view *v)
{
	return v->shadow->clock_known && !v->world->offsets;
}

static void judge_read(struct st_view *v)
{
	struct st_shadow *sh = v->shadow;
	const struct pvtb_step *s = v->step;

	if (!registered(sh))
		return;
	if (s->out[2] & 1) {
		sh->unreadable++;
		return;
	}
	if (s->out[3] & ~3ULL)
		st_fail(v, "torn", "kvmclock's flags %#llx", (unsigned long long)s->out[3]);
	if (comparable(v) && s->out[0] < sh->clock_ns)
		st_fail(v, "backwards", "kvmclock %llu ns after %llu ns",
			(unsigned long long)s->out[0], (unsigned long long)sh->clock_ns);
	st_within(v, "bracket", s->out[1], s->t0, s->t1, "TSC inside a kvmclock reading");
	sh->clock_ns = s->out[0];
	sh->clock_known = true;
}

/* Just before what was last read; an answer that is compared with nothing is left as it is. */
static void turn_back(struct st_view *v)
{
	if (registered(v->shadow) && comparable(v))
		v->step->out[0] = v->shadow->clock_ns - 1;
}

static void tear(struct st_view *v)
{
	v->step->out[3] |= 0x80;
}

ST_OP(clock_read, .name = "clock.read", .archs = PVTB_ARCH_X86_64, .weight = 8, .levels = ST_BOTH,
      .summary = "kvmclock: never backwards, never torn", .generate = read_clock,
      .judge = judge_read,
      .mutants = {{"backwards", "backwards", turn_back}, {"torn", "torn", tear}});
