// SPDX-License-Identifier: GPL-2.0-only
/* The entropy service (DEN 0098), which KVM answers on the same path as the time calls. */
#include "bench/stress/op.h"

#define TRNG_VERSION  0x84000050U
#define TRNG_FEATURES 0x84000051U
#define TRNG_UUID     0x84000052U
#define TRNG_RND32    0x84000053U
#define TRNG_RND64    0xc4000053U
#define INVALID	      ((u64)-2)
#define NO_ENTROPY    ((u64)-3)

static void info(struct st_gen *g, struct pvtb_step *s)
{
	static const u32 functions[] = {TRNG_VERSION, TRNG_FEATURES, TRNG_FEATURES, TRNG_UUID};
	static const u32 known[] = {TRNG_VERSION, TRNG_FEATURES, TRNG_UUID, TRNG_RND32, TRNG_RND64};

	st_arm64_call(g, s, ST_PICK(g, functions));
	if ((u32)s->in[0] == TRNG_FEATURES && pvtb_random(g->random) & 1)
		s->in[1] = (s->in[1] & ~0xffffffffULL) | ST_PICK(g, known);
}

static void judge_info(struct st_view *v)
{
	u32 asked = (u32)v->step->in[1];

	if (st_arm64_refused(v)) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	switch ((u32)v->step->in[0]) {
	case TRNG_VERSION:
		st_arm64_answer(v, 0x10000);
		break;
	case TRNG_FEATURES:
		/* A 32-bit call's argument is w1 (DEN 0028, 2.4); KVM compares x1 (trng.c, Linux 6.12), so
		 * that with junk above it a known function is not found. Either will do. */
		if (v->step->in[1] >> 32 && v->step->out[0] == ST_NOT_SUPPORTED)
			asked = 0;
		st_arm64_answer(v, (asked >= TRNG_VERSION && asked <= TRNG_RND32) ||
						   asked == TRNG_RND64
					   ? 0
					   : ST_NOT_SUPPORTED);
		break;
	default:
		st_constant(v, TRNG_UUID, v->step->out[0], "first word of the entropy's UUID");
		st_arm64_preserved(v, true);
		break;
	}
}

ST_OP(trng_info, .name = "trng.info", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "version, features and identity of the entropy service", .exits = ST_EXITS_CALL,
      .generate = info, .judge = judge_info, .mutants = {{"clobber", "clobber", st_arm64_clobber}});

static void draw(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, pvtb_random(g->random) & 1 ? TRNG_RND64 : TRNG_RND32);
	/* Bits asked for; more than there are registers for are refused. */
	if (pvtb_random(g->random) & 7)
		s->in[1] = pvtb_random_below(g->random, 260);
}

static void judge_draw(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	bool wide = (u32)s->in[0] == TRNG_RND64;
	unsigned int width = wide ? 64 : 32;
	u64 bits = wide ? s->in[1] : (u32)s->in[1];

	if (st_arm64_refused(v)) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	/* KVM takes the number from 32 bits of x1. */
	/* Of none KVM says that it went well (Linux 6.12). */
	if ((u32)bits > 3 * width || (!(u32)bits && s->out[0])) {
		st_arm64_answer(v, INVALID);
		return;
	}
	if (s->out[0] != NO_ENTROPY)
		st_equal(v, "return", s->out[0], 0, "x0");
	for (unsigned int i = 0; i < 3; i++) {
		/* x3 has the lowest bits; nothing above those asked for. */
		u64 have = (u32)bits > i * width ? (u32)bits - i * width : 0;
		u64 mask = have >= 64 ? ~0ULL : (1ULL << have) - 1;

		if (!wide)
			mask &= 0xffffffffULL;
		st_equal(v, "leak", s->out[3 - i] & ~mask, 0, "bits nobody asked for");
	}
	st_arm64_preserved(v, true);
}

ST_OP(trng_draw, .name = "trng.draw", .archs = PVTB_ARCH_ARM64, .weight = 2,
      .summary = "entropy: as many bits as asked for and no more", .exits = ST_EXITS_CALL,
      .generate = draw, .judge = judge_draw, .mutants = {{"return", "return", st_arm64_flip}});
