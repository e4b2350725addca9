// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program may not do: calls, control registers and MSRs from EL0 and ring 3, each of which has to
 * end in the guest's own kernel (or, on x86, in KVM's refusal), and to leave everything as it was.
 */
#include "bench/stress/op.h"
#include "bench/stress/x86.h"

#define EPERM_ANSWER (-(u64)CF_KVM_EPERM)

/* ---- arm64: HVC and SMC are undefined at EL0, whatever the function ---- */

static void call(struct st_gen *g, struct pvtb_step *s)
{
	st_arm64_call(g, s, (u32)pvtb_random(g->random));
}

static void judge_call(struct st_view *v)
{
	st_must_fault(v, st_arm64_fault(v, ST_ARM64_UNDEFINED));
}

ST_OP(user_call, .name = "user.call", .archs = PVTB_ARCH_ARM64, .weight = 10, .levels = ST_USER,
      .faults = true, .summary = "HVC and SMC at EL0, any function: undefined", .generate = call,
      .judge = judge_call,
      .mutants = {{"answered", "fault", st_no_fault}, {"other", "fault", st_other_fault}});

/* What CNTKCTL_EL1 does not open, and an ID register. */
static void control(struct st_gen *g, struct pvtb_step *s)
{
	static const u64 registers[] = {PVTB_SYSREG_CNTV_CTL, PVTB_SYSREG_CNTV_CVAL,
					PVTB_SYSREG_CNTP_CTL, PVTB_SYSREG_CNTP_CVAL,
					PVTB_SYSREG_MMFR0};

	s->in[0] = ST_PICK(g, registers);
	s->kind = s->in[0] == PVTB_SYSREG_MMFR0 || pvtb_random(g->random) & 1 ? PVTB_STEP_MRS
									      : PVTB_STEP_MSR;
}

static void judge_control(struct st_view *v)
{
	/* An ID register is undefined at EL0, and since FEAT_IDST trapped as a register. */
	if (v->step->in[0] != PVTB_SYSREG_MMFR0 ||
	    v->fault != st_arm64_fault(v, ST_ARM64_UNDEFINED))
		st_must_fault(v, st_arm64_fault(v, ST_ARM64_SYSREG));
}

ST_OP(user_register, .name = "user.register", .archs = PVTB_ARCH_ARM64, .weight = 4,
      .levels = ST_USER, .faults = true,
      .summary = "timers and an ID register at EL0: trapped to EL1, and not written",
      .generate = control, .judge = judge_control,
      .mutants = {{"done", "fault", st_no_fault}, {"other", "fault", st_other_fault}});

/* ---- x86: KVM answers a hypercall of ring 3 itself ---- */

static void hypercall(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_HVC;
	if (pvtb_random(g->random) & 1)
		s->in[0] = pvtb_random_below(g->random, 16);
}

static void judge_hypercall(struct st_view *v)
{
	st_equal(v, "return", v->step->out[0], EPERM_ANSWER, "rax at ring 3");
	st_x86_preserved(v);
}

static void serve(struct st_view *v)
{
	v->step->out[0] = 0;
}

ST_OP(user_hypercall, .name = "user.hypercall", .archs = PVTB_ARCH_X86_64, .weight = 10,
      .levels = ST_USER, .exits = ST_EXITS_CALL,
      .summary = "hypercalls of ring 3, any number: -KVM_EPERM", .generate = hypercall,
      .judge = judge_hypercall, .mutants = {{"served", "return", serve}, {"lost", "exits", NULL}});

static void privileged(struct st_gen *g, struct pvtb_step *s)
{
	static const u64 kinds[] = {PVTB_STEP_RDMSR, PVTB_STEP_WRMSR, PVTB_STEP_IDLE};
	static const u64 msrs[] = {CF_MSR_TSC, CF_MSR_STEAL_TIME, CF_MSR_SYSTEM_TIME_NEW};

	s->kind = ST_PICK(g, kinds);
	s->in[0] = ST_PICK(g, msrs);
}

static void judge_privileged(struct st_view *v)
{
	st_must_fault(v, ST_X86_GP);
}

ST_OP(user_privileged, .name = "user.privileged", .archs = PVTB_ARCH_X86_64, .weight = 6,
      .levels = ST_USER, .faults = true,
      .summary = "RDMSR, WRMSR, HLT at ring 3: #GP, no exit, and not written",
      .generate = privileged, .judge = judge_privileged,
      .mutants = {{"done", "fault", st_no_fault}, {"other", "fault", st_other_fault}});
