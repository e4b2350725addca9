// SPDX-License-Identifier: GPL-2.0-only
/* Owns what all calls of an arm64 guest share: conduits, preserved registers (SMCCC, DEN 0028). */
#include "bench/stress/op.h"

#define PSCI_BASE	  0x84000000U
#define PSCI_CPU_SUSPEND  1
#define PSCI_CPU_OFF	  2
#define PSCI_CPU_ON	  3
#define PSCI_SYSTEM_OFF	  8
#define PSCI_SYSTEM_RESET 9

void st_arm64_call(struct st_gen *g, struct pvtb_step *s, u32 function)
{
	static const u64 conduits[] = {PVTB_STEP_HVC,	 PVTB_STEP_HVC, PVTB_STEP_HVC,
				       PVTB_STEP_SMC,	 PVTB_STEP_SMC, PVTB_STEP_HVC_IMM,
				       PVTB_STEP_SMC_IMM};
	u64 bits = pvtb_random(g->random);

	s->kind = ST_PICK(g, conduits);
	/* The identifier is w0; half of the time there is something above it. */
	s->in[0] = bits & 1 ? function : (bits & ~0xffffffffULL) | function;
}

bool st_arm64_dangerous(u32 function)
{
	u32 number = function & 0x1f;

	if ((function & ~0x4000001fU) != PSCI_BASE)
		return false;
	/* 10 is PSCI_FEATURES; what is above is for whole systems. */
	return number == PSCI_CPU_SUSPEND || number == PSCI_CPU_OFF || number == PSCI_CPU_ON ||
	       number == PSCI_SYSTEM_OFF || number == PSCI_SYSTEM_RESET || number > 10;
}

bool st_arm64_refused(const struct st_view *v)
{
	/* With the filter KVM learnt to take a guest's SMC for a call. */
	return v->step->kind == PVTB_STEP_SMC_IMM ||
	       (v->step->kind == PVTB_STEP_SMC && !v->world->caps.smccc_filter);
}

void st_arm64_preserved(struct st_view *v, bool results)
{
	const struct pvtb_step *s = v->step;
	bool refused = st_arm64_refused(v);
	char what[8];

	for (unsigned int i = 1; i < PVTB_STEP_REGS; i++) {
		/* x1..x3 may be results; what is not must be no leak of the hypervisor's. */
		if (i < 4 && (results || (!refused && !s->out[i])))
			continue;
		if (s->out[i] == s->in[i])
			continue;
		snprintf(what, sizeof(what), "x%u", i);
		st_equal(v, i < 4 ? "leak" : "clobber", s->out[i], s->in[i], what);
	}
}

void st_arm64_answer(struct st_view *v, u64 expected)
{
	st_equal(v, "return", v->step->out[0], st_arm64_refused(v) ? ST_NOT_SUPPORTED : expected,
		 "x0");
	st_arm64_preserved(v, false);
}

void st_arm64_flip(struct st_view *v)
{
	v->step->out[0] ^= 1;
}

void st_arm64_clobber(struct st_view *v)
{
	v->step->out[9] ^= 1ULL << 17;
}
