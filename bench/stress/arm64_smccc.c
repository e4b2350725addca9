// SPDX-License-Identifier: GPL-2.0-only
/* The SMCCC's own calls, and identifiers that nobody has (arm/hypercalls.rst, DEN 0028). */
#include "bench/stress/op.h"

#define VERSION_1_1   0x10001ULL
#define WORKAROUND_1  0x80008000U
#define WORKAROUND_2  0x80007fffU
#define WORKAROUND_3  0x80003fffU
#define SOC_ID	      0x80000002U
#define TRNG_FIRST    0x84000050U
#define TRNG_LAST     0x84000053U
#define PSCI_0_1_BASE 0x95c1ba5eU

static void version(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CF_SMCCC_VERSION);
}

static void judge_version(struct st_view *v)
{
	st_arm64_answer(v, VERSION_1_1);
}

ST_OP(smccc_version, .name = "smccc.version", .summary = "SMCCC_VERSION is 1.1", .weight = 4,
      .archs = PVTB_ARCH_ARM64, .exits = ST_EXITS_CALL, .generate = version, .judge = judge_version,
      .mutants = {{"return", "return", st_arm64_flip},
		  {"clobber", "clobber", st_arm64_clobber},
		  {"lost", "exits", NULL}});

static void features(struct st_gen *g, struct pvtb_step *s)
{
	static const u32 known[] = {WORKAROUND_1,   WORKAROUND_2, WORKAROUND_3,	 SOC_ID,
				    CF_PV_FEATURES, CF_PV_ST,	  CF_VENDOR_UID, CF_SMCCC_VERSION};

	st_arm64_call(g, s, CF_SMCCC_ARCH_FEATURES);
	/* Otherwise x1 is random. */
	if (pvtb_random(g->random) & 3)
		s->in[1] = (s->in[1] & ~0xffffffffULL) | ST_PICK(g, known);
}

static void judge_features(struct st_view *v)
{
	u32 asked = (u32)v->step->in[1];

	if (asked == CF_PV_FEATURES) {
		st_arm64_answer(v, v->world->caps.steal ? 0 : ST_NOT_SUPPORTED);
		return;
	}
	if ((asked == WORKAROUND_1 || asked == WORKAROUND_2 || asked == WORKAROUND_3) &&
	    !st_arm64_refused(v)) {
		/* What the CPU needs is not ours to know. */
		st_constant(v, CF_SMCCC_ARCH_FEATURES << 32 | asked, v->step->out[0],
			    "ARCH_FEATURES of a workaround");
		st_arm64_preserved(v, false);
		return;
	}
	st_arm64_answer(v, ST_NOT_SUPPORTED);
}

ST_OP(smccc_features, .name = "smccc.features", .summary = "ARCH_FEATURES of known and random ids",
      .weight = 4, .archs = PVTB_ARCH_ARM64, .exits = ST_EXITS_CALL, .generate = features,
      .judge = judge_features, .mutants = {{"return", "return", st_arm64_flip}});

static void workaround(struct st_gen *g, struct pvtb_step *s)
{
	static const u32 known[] = {WORKAROUND_1, WORKAROUND_2, WORKAROUND_3};

	st_arm64_call(g, s, ST_PICK(g, known));
}

static void judge_workaround(struct st_view *v)
{
	st_arm64_preserved(v, false);
}

ST_OP(smccc_workaround, .name = "smccc.workaround", .weight = 2,
      .summary = "the workaround calls, which a fast path answers (hyp-entry.S)",
      .archs = PVTB_ARCH_ARM64, .exits = ST_EXITS_SMC, .generate = workaround,
      .judge = judge_workaround, .mutants = {{"clobber", "clobber", st_arm64_clobber}});

/* Somebody answers this one, perhaps: it has an operation of its own, or is not to be called. */
static bool somebodys(u32 f)
{
	return st_arm64_dangerous(f) || f == CF_SMCCC_VERSION || f == CF_SMCCC_ARCH_FEATURES ||
	       f == WORKAROUND_1 || f == WORKAROUND_2 || f == WORKAROUND_3 ||
	       (f & ~0x4000001fU) == CF_PSCI_VERSION ||
	       ((f & ~0x40000000U) >= TRNG_FIRST && (f & ~0x40000000U) <= TRNG_LAST) ||
	       (f >= PSCI_0_1_BASE && f < PSCI_0_1_BASE + 4) ||
	       (f >= CF_PV_FEATURES && f <= CF_PV_LPT) || (f >> 16) == 0x8600;
}

static void unknown(struct st_gen *g, struct pvtb_step *s)
{
	/* Every service, fast and yielding, 32 and 64 bits wide. */
	static const u32 services[] = {0x80000000, 0x81000000, 0x82000000, 0x83000000, 0x84000000,
				       0x85000000, 0x87000000, 0xb0000000, 0xb2000000, 0xbf000000,
				       0xc0000000, 0xc4000000, 0xc5000000, 0xc6000000, 0x00000000};
	u32 f;

	do {
		u64 bits = pvtb_random(g->random);

		f = bits & 3 ? ST_PICK(g, services) | (u32)(bits >> 48) : (u32)(bits >> 32);
	} while (somebodys(f));
	st_arm64_call(g, s, f);
}

static void judge_unknown(struct st_view *v)
{
	st_arm64_answer(v, ST_NOT_SUPPORTED);
}

ST_OP(smccc_unknown, .name = "smccc.unknown", .summary = "random function identifiers are -1",
      .weight = 12, .archs = PVTB_ARCH_ARM64, .exits = ST_EXITS_CALL, .generate = unknown,
      .judge = judge_unknown,
      .mutants = {{"return", "return", st_arm64_flip},
		  {"clobber", "clobber", st_arm64_clobber},
		  {"lost", "exits", NULL}});
