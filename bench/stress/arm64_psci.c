// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCI (DEN 0022), as far as it answers and goes on: calls that end, stop or reset the vCPU or the
 * machine are never made.
 */
#include "bench/stress/op.h"

#define PSCI_FEATURES	  0x8400000aU
#define PSCI_MIGRATE_INFO 0x84000006U
#define AFFINITY_INFO_32  0x84000004U
#define AFFINITY_INFO_64  0xc4000004U
#define CPU_ON_64	  0xc4000003U
#define INVALID_PARAMS	  ((u64)-2)
#define ALREADY_ON	  ((u64)-4)
#define TOS_MP		  2 /* no trusted OS that would have to be migrated */
#define LEVEL_ON	  0

/* As KVM makes it (sys_regs.c, reset_mpidr()): 16 in affinity 0, 256 in affinity 1. */
static u64 mpidr(unsigned int vcpu)
{
	return (vcpu & 0xf) | (u64)(vcpu >> 4 & 0xff) << 8;
}

static void info(struct st_gen *g, struct pvtb_step *s)
{
	static const u32 functions[] = {CF_PSCI_VERSION, PSCI_FEATURES, PSCI_FEATURES,
					PSCI_MIGRATE_INFO};
	static const u32 known[] = {CF_PSCI_VERSION,   AFFINITY_INFO_32, AFFINITY_INFO_64,
				    PSCI_MIGRATE_INFO, PSCI_FEATURES,	 CF_SMCCC_VERSION};

	st_arm64_call(g, s, ST_PICK(g, functions));
	if ((u32)s->in[0] == PSCI_FEATURES)
		s->in[1] = (s->in[1] & ~0xffffffffULL) |
			   (pvtb_random(g->random) & 3 ? ST_PICK(g, known)
						       : 0x86000000U | (u32)(s->in[1] & 0xff));
}

static void judge_info(struct st_view *v)
{
	if (st_arm64_refused(v)) {
		st_arm64_answer(v, ST_NOT_SUPPORTED);
		return;
	}
	switch ((u32)v->step->in[0]) {
	case PSCI_FEATURES:
		st_arm64_answer(v, ((u32)v->step->in[1] >> 24) == 0x86 ? ST_NOT_SUPPORTED : 0);
		break;
	case PSCI_MIGRATE_INFO:
		st_arm64_answer(v, TOS_MP);
		break;
	default:
		st_constant(v, CF_PSCI_VERSION, v->step->out[0], "PSCI's version");
		st_arm64_preserved(v, false);
		break;
	}
}

ST_OP(psci_info, .name = "psci.info", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .summary = "PSCI_VERSION, PSCI_FEATURES, MIGRATE_INFO_TYPE", .exits = ST_EXITS_CALL,
      .generate = info, .judge = judge_info, .mutants = {{"clobber", "clobber", st_arm64_clobber}});

/* Half of the time a vCPU that there may be, else no possible one. */
static void target(struct st_gen *g, struct pvtb_step *s)
{
	u64 bits = pvtb_random(g->random);

	s->in[1] = bits & 1 ? mpidr((unsigned int)(bits >> 8) % PVTB_MAX_VCPUS)
			    : 0x00ff0000ULL | (bits >> 48 & 0xffff);
}

static bool exists(const struct st_view *v)
{
	for (unsigned int i = 0; i < v->world->nr_vcpus; i++)
		if (v->step->in[1] == mpidr(i))
			return true;
	return false;
}

static void affinity(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, pvtb_random(g->random) & 1 ? AFFINITY_INFO_64 : AFFINITY_INFO_32);
	target(g, s);
	s->in[2] = 0;
}

static void judge_affinity(struct st_view *v)
{
	st_arm64_answer(v, exists(v) ? LEVEL_ON : INVALID_PARAMS);
}

ST_OP(psci_affinity, .name = "psci.affinity", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "AFFINITY_INFO of vCPUs that are there, and of others", .exits = ST_EXITS_CALL,
      .generate = affinity, .judge = judge_affinity,
      .mutants = {{"return", "return", st_arm64_flip}});

static void cpu_on(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, CPU_ON_64);
	target(g, s);
}

static void judge_cpu_on(struct st_view *v)
{
	st_arm64_answer(v, exists(v) ? ALREADY_ON : INVALID_PARAMS);
}

ST_OP(psci_cpu_on, .name = "psci.cpu_on", .archs = PVTB_ARCH_ARM64, .weight = 3,
      .summary = "CPU_ON of vCPUs that run, and of others: refused", .exits = ST_EXITS_CALL,
      .generate = cpu_on, .judge = judge_cpu_on, .mutants = {{"return", "return", st_arm64_flip}});
