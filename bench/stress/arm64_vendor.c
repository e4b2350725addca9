// SPDX-License-Identifier: GPL-2.0-only
/* KVM's vendor calls: identity, features, PTP (arm/hypercalls.rst, arm/ptp_kvm.rst). */
#include "bench/stress/op.h"

static void uid(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CF_VENDOR_UID);
}

static void judge_uid(struct st_view *v)
{
	/* 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, four bytes a register, first byte lowest */
	static const u32 parts[] = {0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d};
	static const char *const names[] = {"x0", "x1", "x2", "x3"};

	if (st_arm64_refused(v)) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	for (unsigned int i = 0; i < 4; i++)
		st_equal(v, "return", v->step->out[i], parts[i], names[i]);
	st_arm64_preserved(v, true);
}

ST_OP(vendor_uid, .name = "vendor.uid", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "the hypervisor's identity", .exits = ST_EXITS_CALL, .generate = uid,
      .judge = judge_uid, .mutants = {{"return", "return", st_arm64_flip}});

static void features(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CF_VENDOR_FEATURES);
}

static void judge_features(struct st_view *v)
{
	if (st_arm64_refused(v)) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	st_constant(v, CF_VENDOR_FEATURES, v->step->out[0], "the vendor's features");
	st_arm64_preserved(v, true);
}

ST_OP(vendor_features, .name = "vendor.features", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "the vendor's bitmap of features, which does not change", .exits = ST_EXITS_CALL,
      .generate = features, .judge = judge_features,
      .mutants = {{"clobber", "clobber", st_arm64_clobber}});

static void unknown(struct st_gen *g, struct pvtb_step *s)
{
	/* Bits 63..32 of what FEATURES may name are far below this. */
	st_arm64_call(g, s, 0x86000100U + (u32)pvtb_random_below(g->random, 0xfd00));
}

static void judge_unknown(struct st_view *v)
{
	st_arm64_answer(v, ST_NOT_SUPPORTED);
}

ST_OP(vendor_unknown, .name = "vendor.unknown", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "vendor functions nobody has are -1", .exits = ST_EXITS_CALL, .generate = unknown,
      .judge = judge_unknown, .mutants = {{"return", "return", st_arm64_flip}});

static void ptp(struct st_gen *g, struct pvtb_step *s)
{
	u64 which = pvtb_random_below(g->random, 4);

	st_arm64_call(g, s, CF_VENDOR_PTP);
	/* 0 virtual, 1 physical, and what is neither; a 32-bit argument */
	s->in[1] = (s->in[1] & ~0xffffffffULL) | (which < 3 ? which : (u32)s->in[1] | 2);
}

static void judge_ptp(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	u64 wall_ns = s->out[0] << 32 | (u32)s->out[1];
	u64 ticks = s->out[2] << 32 | (u32)s->out[3];

	if (st_arm64_refused(v) || (u32)s->in[1] > 1) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	st_arm64_preserved(v, true);
	/* Where the host does not keep time by the counter. */
	if (s->out[0] == ST_NOT_SUPPORTED)
		return;
	st_within(v, "torn", wall_ns, v->real_before_ns, v->real_after_ns, "wall time of PTP, ns");
	if (!(u32)s->in[1] || v->world->one_counter)
		st_within(v, "torn", ticks, s->t0, s->t1, "counter of PTP");
}

/* Half of another answer. */
static void tear_ptp(struct st_view *v)
{
	if (!st_arm64_refused(v) && (u32)v->step->in[1] == 0 && v->step->out[0] != ST_NOT_SUPPORTED)
		v->step->out[3] ^= 0x80000000;
	else
		v->step->out[0] = 0;
}

ST_OP(vendor_ptp, .name = "vendor.ptp", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "PTP: wall time and counter of one instant, inside the call",
      .exits = ST_EXITS_CALL, .generate = ptp, .judge = judge_ptp,
      .mutants = {{"torn", "torn return", tear_ptp}, {"clobber", "clobber", st_arm64_clobber}});
