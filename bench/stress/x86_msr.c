// SPDX-License-Identifier: GPL-2.0-only
/* KVM's MSRs and CPUID leaves as the guest uses them (x86/msr.rst, x86/cpuid.rst). */
#include "bench/stress/op.h"
#include "bench/stress/x86.h"

int st_x86_msr(u64 msr)
{
	switch (msr) {
	case CF_MSR_STEAL_TIME:
		return ST_MSR_STEAL;
	case CF_MSR_SYSTEM_TIME_NEW:
		return ST_MSR_CLOCK;
	default:
		return -1;
	}
}

static void flip(struct st_view *v)
{
	v->step->out[0] ^= 2;
}

/* ---- registration of stolen time ---- */

static void steal(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_WRMSR;
	s->in[0] = CF_MSR_STEAL_TIME;
	switch (pvtb_random_below(g->random, 8)) {
	case 0: /* off */
		s->in[1] = 0;
		break;
	case 1: /* in memory that comes and goes */
		s->in[1] = (ST_WINDOW + ST_WINDOW_STEAL + 64ULL * g->vcpu) | 1;
		break;
	case 2: /* no memory at all */
		s->in[1] = (0x7000000000ULL + (s->in[1] & 0xffffffc0ULL)) | 1;
		break;
	case 3: /* unaligned, which here means reserved bits */
		s->in[1] = ST_STEAL(g->vcpu) | (s->in[1] & 0x3e) | 2;
		break;
	default:
		s->in[1] = ST_STEAL(g->vcpu) | 1;
		break;
	}
}

static void judge_steal(struct st_view *v)
{
	u64 value = v->step->in[1];
	int want = value & 0x3e ? ST_X86_GP : ST_NO_FAULT;

	st_must_fault(v, want);
	if (want != ST_NO_FAULT)
		return;
	v->shadow->msr[ST_MSR_STEAL] = value;
	if (value != (ST_STEAL(v->shadow->vcpu) | 1) || !v->shadow->steal_owed)
		return;
	v->shadow->steal_known = false;
	/* Of this batch it is not known what came first. */
	v->shadow->steal_owed = v->shadow->steal_loose;
}

ST_OP(msr_steal, .name = "msr.steal", .archs = PVTB_ARCH_X86_64, .weight = 4, .faults = true,
      .summary = "MSR_KVM_STEAL_TIME: registered, moved, off, unaligned, without memory",
      .exits = ST_EXITS_MSR, .generate = steal, .judge = judge_steal,
      .mutants = {{"accepted", "fault", st_no_fault}});

/* ---- registration of kvmclock ---- */

static void set_clock(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_WRMSR;
	s->in[0] = CF_MSR_SYSTEM_TIME_NEW;
	switch (pvtb_random_below(g->random, 6)) {
	case 0:
		s->in[1] = 0;
		break;
	case 1:
		s->in[1] = (ST_WINDOW + ST_WINDOW_CLOCK + 64ULL * g->vcpu) | 1;
		break;
	case 2:
		s->in[1] = (0x7000000000ULL + (s->in[1] & 0xfffffffcULL)) | 1;
		break;
	default:
		s->in[1] = ST_CLOCK(g->vcpu) | 1;
		break;
	}
}

static void judge_clock(struct st_view *v)
{
	v->shadow->msr[ST_MSR_CLOCK] = v->step->in[1];
}

ST_OP(msr_clock, .name = "msr.clock", .archs = PVTB_ARCH_X86_64, .weight = 4,
      .summary = "MSR_KVM_SYSTEM_TIME_NEW: registered, moved, off, without memory",
      .exits = ST_EXITS_MSR, .generate = set_clock, .judge = judge_clock);

/* The guest's wall clock: KVM writes it once, into the window's junk. */
static void wall(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_WRMSR;
	s->in[0] = CF_MSR_WALL_CLOCK_NEW;
	s->in[1] = ST_WINDOW + ST_WINDOW_JUNK + 64ULL * g->vcpu;
}

static void judge_nothing(struct st_view *v)
{
	(void)v;
}

ST_OP(msr_wall, .name = "msr.wall", .archs = PVTB_ARCH_X86_64, .weight = 1,
      .summary = "MSR_KVM_WALL_CLOCK_NEW into memory that comes and goes", .exits = ST_EXITS_MSR,
      .generate = wall, .judge = judge_nothing);

/* ---- reading back ---- */

static void read_back(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_RDMSR;
	s->in[0] = pvtb_random(g->random) & 1 ? CF_MSR_STEAL_TIME : CF_MSR_SYSTEM_TIME_NEW;
}

static bool is_remembered(unsigned int vcpu, const struct pvtb_step *s)
{
	(void)vcpu;
	return st_x86_msr(s->in[0]) >= 0;
}

static void judge_read_back(struct st_view *v)
{
	int which = st_x86_msr(v->step->in[0]);

	st_equal(v, "readback", v->step->out[0], v->shadow->msr[which], "MSR as it was written");
}

ST_OP(msr_read, .name = "msr.read", .archs = PVTB_ARCH_X86_64, .weight = 4,
      .summary = "RDMSR gives what WRMSR wrote", .exits = ST_EXITS_MSR, .generate = read_back,
      .judge = judge_read_back, .takes = is_remembered,
      .mutants = {{"readback", "readback", flip}});

static void tsc(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_RDMSR;
	s->in[0] = CF_MSR_TSC;
}

static void judge_tsc(struct st_view *v)
{
	if (v->step->out[0] < v->step->t0)
		st_fail(v, "backwards", "IA32_TSC %llu after RDTSC %llu",
			(unsigned long long)v->step->out[0], (unsigned long long)v->step->t0);
	st_within(v, "bracket", v->step->out[0], v->step->t0, v->step->t1,
		  "IA32_TSC between two RDTSC");
}

static void turn_back(struct st_view *v)
{
	v->step->out[0] = v->step->t0 - 1;
}

ST_OP(msr_tsc, .name = "msr.tsc", .archs = PVTB_ARCH_X86_64, .weight = 4,
      .summary = "RDMSR of the TSC lies between two RDTSC", .exits = ST_EXITS_TSC, .generate = tsc,
      .judge = judge_tsc, .mutants = {{"backwards", "backwards", turn_back}});

/* KVM's range, beyond what it has: 08 is the last (MIGRATION_CONTROL). */
static void unknown(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = pvtb_random(g->random) & 1 ? PVTB_STEP_RDMSR : PVTB_STEP_WRMSR;
	s->in[0] = 0x4b564d10 + pvtb_random_below(g->random, 0xf0);
}

static void judge_unknown(struct st_view *v)
{
	st_must_fault(v, ST_X86_GP);
}

ST_OP(msr_unknown, .name = "msr.unknown", .archs = PVTB_ARCH_X86_64, .weight = 1, .faults = true,
      .summary = "MSRs of KVM's range that do not exist are #GP", .exits = ST_EXITS_MSR,
      .generate = unknown, .judge = judge_unknown, .mutants = {{"accepted", "fault", st_no_fault}});

/* ---- CPUID ---- */

static void cpuid(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_CPUID;
	s->in[0] = pvtb_random(g->random) & 1 ? CF_LEAF_KVM : CF_LEAF_KVM_FEATURES;
}

static void judge_cpuid(struct st_view *v)
{
	const struct pvtb_step *s = v->step;

	for (unsigned int i = 0; i < 4; i++)
		st_constant(v, s->in[0] << 8 | i, s->out[i], "register of a CPUID leaf");
	if (s->in[0] == CF_LEAF_KVM) {
		st_equal(v, "return", s->out[1], 0x4b4d564b, "EBX: KVMK");
		st_equal(v, "return", s->out[2], 0x564b4d56, "ECX: VMKV");
		st_equal(v, "return", s->out[3], 0x4d, "EDX: M");
	}
}

static void other_name(struct st_view *v)
{
	v->step->out[3] ^= 0x20;
}

ST_OP(cpuid_kvm, .name = "cpuid.kvm", .archs = PVTB_ARCH_X86_64, .weight = 4, .levels = ST_BOTH,
      .summary = "KVM's CPUID leaves, which do not change", .exits = ST_EXITS_CPUID,
      .generate = cpuid, .judge = judge_cpuid,
      .mutants = {{"changed", "constant return", other_name}, {"lost", "exits", NULL}});
