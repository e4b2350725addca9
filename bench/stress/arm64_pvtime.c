// SPDX-License-Identifier: GPL-2.0-only
/* PV_TIME_FEATURES, PV_TIME_ST and PV_TIME_LPT (arm/pvtime.rst, DEN 0057). */
#include "bench/stress/op.h"

static void features(struct st_gen *g, struct pvtb_step *s)
{
	static const u32 asked[] = {CF_PV_FEATURES, CF_PV_ST,	CF_PV_LPT,
				    0xc5000023,	    0x85000020, 0x85000021};

	st_arm64_call(g, s, CF_PV_FEATURES);
	/* A 32-bit argument: x1's upper half is junk; now and then all of it. */
	if (pvtb_random(g->random) & 7)
		s->in[1] = (s->in[1] & ~0xffffffffULL) | ST_PICK(g, asked);
}

static void judge_features(struct st_view *v)
{
	u32 asked = (u32)v->step->in[1];
	bool offered = (v->world->steal && (asked == CF_PV_FEATURES || asked == CF_PV_ST)) ||
		       (v->world->forward && (asked == CF_PV_FEATURES || asked == CF_PV_LPT));

	st_arm64_answer(v, offered ? 0 : ST_NOT_SUPPORTED);
}

ST_OP(pv_features, .name = "pvtime.features", .archs = PVTB_ARCH_ARM64, .weight = 8,
      .summary = "PV_TIME_FEATURES of known and random calls, junk above bit 31",
      .exits = ST_EXITS_CALL, .generate = features, .judge = judge_features,
      .mutants = {{"return", "return", st_arm64_flip}, {"clobber", "clobber", st_arm64_clobber}});

static void st(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CF_PV_ST);
}

static void judge_st(struct st_view *v)
{
	struct st_shadow *sh = v->shadow;

	if (v->world->steal && !st_arm64_refused(v)) {
		/* Even vCPUs have it in memory of their own, odd ones in the window. */
		st_arm64_answer(v, sh->vcpu & 1 ? ST_WINDOW + ST_WINDOW_STEAL + 64ULL * sh->vcpu
						: ST_STEAL(sh->vcpu));
		/* A call begins the count again (pvtime.c). */
		sh->steal_known = false;
		return;
	}
	st_arm64_answer(v, ST_NOT_SUPPORTED);
}

ST_OP(pv_st, .name = "pvtime.st", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "PV_TIME_ST, first and repeated, structures in memory that comes and goes",
      .exits = ST_EXITS_CALL, .generate = st, .judge = judge_st,
      .mutants = {{"return", "return", st_arm64_flip}, {"lost", "exits", NULL}});

static void lpt(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CF_PV_LPT);
}

static void judge_lpt(struct st_view *v)
{
	st_arm64_answer(v, v->world->forward ? PVTB_GPA_LPT : ST_NOT_SUPPORTED);
}

ST_OP(pv_lpt, .name = "pvtime.lpt", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "PV_TIME_LPT, answered by the VMM or by nobody", .exits = ST_EXITS_CALL,
      .generate = lpt, .judge = judge_lpt, .mutants = {{"return", "return", st_arm64_flip}});

static void smc32(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, 0x85000020U + (u32)pvtb_random_below(g->random, 3));
}

static void judge_smc32(struct st_view *v)
{
	st_arm64_answer(v, ST_NOT_SUPPORTED);
}

ST_OP(pv_smc32, .name = "pvtime.smc32", .archs = PVTB_ARCH_ARM64, .weight = 2,
      .summary = "the 32-bit identifiers of the PV_TIME calls are nobody's", .exits = ST_EXITS_CALL,
      .generate = smc32, .judge = judge_smc32, .mutants = {{"return", "return", st_arm64_flip}});
