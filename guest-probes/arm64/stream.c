// SPDX-License-Identifier: GPL-2.0-only
/* Owns the arm64 steps of a command stream: calls, system registers. */
#include "lib/stream.h"

/* stream_call.S */
void arm64_step_hvc(struct pvtb_step *s);
void arm64_step_smc(struct pvtb_step *s);
void arm64_step_hvc_imm(struct pvtb_step *s);
void arm64_step_smc_imm(struct pvtb_step *s);

/* Names the assembler may not know. */
#define CNTPCTSS s3_3_c14_c0_5
#define CNTVCTSS s3_3_c14_c0_6

#define write_sysreg(reg, v)                                                                       \
	__asm__ volatile("msr " ARCH_STR(reg) ", %0\n\tisb" ::"r"(v) : "memory")

static u64 read_sysreg(u64 which)
{
	switch (which) {
	case PVTB_SYSREG_CNTVCT:
		return arch_read_isb(cntvct_el0);
	case PVTB_SYSREG_CNTPCT:
		return arch_read_isb(cntpct_el0);
	case PVTB_SYSREG_CNTFRQ:
		return arch_read_isb(cntfrq_el0);
	case PVTB_SYSREG_CNTVCTSS:
		return arch_read_bare(CNTVCTSS);
	case PVTB_SYSREG_CNTPCTSS:
		return arch_read_bare(CNTPCTSS);
	case PVTB_SYSREG_CNTV_CTL:
		return arch_read_isb(cntv_ctl_el0);
	case PVTB_SYSREG_CNTV_CVAL:
		return arch_read_isb(cntv_cval_el0);
	case PVTB_SYSREG_CNTP_CTL:
		return arch_read_isb(cntp_ctl_el0);
	case PVTB_SYSREG_CNTP_CVAL:
		return arch_read_isb(cntp_cval_el0);
	case PVTB_SYSREG_MMFR0:
		return arch_read_bare(id_aa64mmfr0_el1);
	case PVTB_SYSREG_PFR0:
		return arch_read_bare(id_aa64pfr0_el1);
	default:
		return 0;
	}
}

static void set_sysreg(u64 which, u64 value)
{
	switch (which) {
	case PVTB_SYSREG_CNTV_CTL:
		write_sysreg(cntv_ctl_el0, value);
		break;
	case PVTB_SYSREG_CNTV_CVAL:
		write_sysreg(cntv_cval_el0, value);
		break;
	case PVTB_SYSREG_CNTP_CTL:
		write_sysreg(cntp_ctl_el0, value);
		break;
	case PVTB_SYSREG_CNTP_CVAL:
		write_sysreg(cntp_cval_el0, value);
		break;
	}
}

static u64 scan(u64 readings, u64 which)
{
	u64 last = read_sysreg(which);
	u64 back = 0;

	while (readings--) {
		u64 now = read_sysreg(which);

		if ((int64_t)(now - last) < 0)
			back++;
		last = now;
	}
	return back;
}

static void between(struct pvtb_step *s)
{
	u64 least = ~0ULL;
	u64 i;

	s->out[1] = 0;
	s->out[2] = 0;
	s->out[3] = 0;
	for (i = 0; i < s->in[0]; i++) {
		u64 before = arch_read_isb(cntvct_el0);
		u64 physical = arch_read_isb(cntpct_el0);
		u64 after = arch_read_isb(cntvct_el0);
		int64_t below = (int64_t)(before - physical);
		int64_t above = (int64_t)(physical - after);
		int64_t off = below > above ? below : above;

		least = after - before < least ? after - before : least;
		s->out[1] += below > 0;
		s->out[2] += above > 0;
		if (off > (int64_t)s->out[3])
			s->out[3] = (u64)off;
	}
	s->out[0] = least;
}

static void steal(struct pvtb_step *s)
{
	const struct pvtb_arm64_steal *p = (const struct pvtb_arm64_steal *)s->in[0];

	s->out[0] = __atomic_load_n(&p->stolen_time_ns, __ATOMIC_RELAXED);
	s->out[1] = __atomic_load_n(&p->revision, __ATOMIC_RELAXED);
	s->out[2] = __atomic_load_n(&p->attributes, __ATOMIC_RELAXED);
}

void arch_idle(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

void arch_step(struct pvtb_step *s)
{
	switch (s->kind) {
	case PVTB_STEP_HVC:
		arm64_step_hvc(s);
		break;
	case PVTB_STEP_SMC:
		arm64_step_smc(s);
		break;
	case PVTB_STEP_HVC_IMM:
		arm64_step_hvc_imm(s);
		break;
	case PVTB_STEP_SMC_IMM:
		arm64_step_smc_imm(s);
		break;
	case PVTB_STEP_MRS:
		s->out[0] = read_sysreg(s->in[0]);
		break;
	case PVTB_STEP_MSR:
		set_sysreg(s->in[0], s->in[1]);
		break;
	case PVTB_STEP_BETWEEN:
		between(s);
		break;
	case PVTB_STEP_STEAL:
		steal(s);
		break;
	case PVTB_STEP_SCAN:
		s->out[0] = scan(s->in[0], s->in[1]);
		break;
	}
}
