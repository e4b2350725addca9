// SPDX-License-Identifier: GPL-2.0-only
/* KVM's hypercalls on x86 (x86/hypercalls.rst): number in RAX, result in RAX, nothing else changes. */
#include "bench/stress/op.h"
#include "bench/stress/x86.h"

#define ENOSYS_ANSWER	  (-(u64)CF_KVM_ENOSYS)
#define EFAULT_ANSWER	  (-(u64)CF_KVM_EFAULT)
#define EINVAL_ANSWER	  (-(u64)22)
#define EOPNOTSUPP_ANSWER (-(u64)CF_KVM_EOPNOTSUPP)
#define HC_VAPIC_POLL_IRQ 1
#define HC_MAP_GPA_RANGE  12
#define X86_REGS	  15
#define NO_MEMORY	  0x7000000000ULL

void st_x86_preserved(struct st_view *v)
{
	static const char *const names[X86_REGS] = {"rax", "rbx", "rcx", "rdx", "rsi",
						    "rdi", "rbp", "r8",	 "r9",	"r10",
						    "r11", "r12", "r13", "r14", "r15"};

	for (unsigned int i = 1; i < X86_REGS; i++)
		st_equal(v, "clobber", v->step->out[i], v->step->in[i], names[i]);
}

static void flip(struct st_view *v)
{
	v->step->out[0] ^= 1;
}

static void clobber(struct st_view *v)
{
	v->step->out[8] ^= 1ULL << 40;
}

static void known(struct st_gen *g, struct pvtb_step *s)
{
	static const u64 numbers[] = {HC_VAPIC_POLL_IRQ, CF_HC_KICK_CPU, CF_HC_SCHED_YIELD};

	s->kind = PVTB_STEP_HVC;
	s->in[0] = ST_PICK(g, numbers);
	/* APIC ids: of vCPUs that there may be, and of none. */
	if (pvtb_random(g->random) & 1) {
		s->in[1] = pvtb_random_below(g->random, PVTB_MAX_VCPUS);
		s->in[2] = pvtb_random_below(g->random, PVTB_MAX_VCPUS);
	}
}

static void judge_known(struct st_view *v)
{
	st_equal(v, "return", v->step->out[0], 0, "rax");
	st_x86_preserved(v);
}

ST_OP(hypercall_known, .name = "hypercall.known", .archs = PVTB_ARCH_X86_64, .weight = 10,
      .summary = "KICK_CPU, SCHED_YIELD, VAPIC_POLL_IRQ, whoever they name", .exits = ST_EXITS_CALL,
      .generate = known, .judge = judge_known,
      .mutants = {{"return", "return", flip},
		  {"clobber", "clobber", clobber},
		  {"lost", "exits", NULL}});

static bool somebodys(u64 number)
{
	return number == HC_VAPIC_POLL_IRQ || number == CF_HC_KICK_CPU ||
	       (number >= CF_HC_CLOCK_PAIRING && number <= HC_MAP_GPA_RANGE);
}

static void unknown(struct st_gen *g, struct pvtb_step *s)
{
	u64 bits = pvtb_random(g->random);

	s->kind = PVTB_STEP_HVC;
	/* Small numbers, or any; RAX counts whole. */
	do
		s->in[0] = bits & 1 ? pvtb_random_below(g->random, 64) : pvtb_random(g->random);
	while (somebodys(s->in[0]));
}

static void judge_unknown(struct st_view *v)
{
	st_equal(v, "return", v->step->out[0], ENOSYS_ANSWER, "rax");
	st_x86_preserved(v);
}

ST_OP(hypercall_unknown, .name = "hypercall.unknown", .archs = PVTB_ARCH_X86_64, .weight = 12,
      .summary = "random numbers are -KVM_ENOSYS", .exits = ST_EXITS_CALL, .generate = unknown,
      .judge = judge_unknown,
      .mutants = {{"return", "return", flip},
		  {"clobber", "clobber", clobber},
		  {"lost", "exits", NULL}});

/* The two that want an interrupt controller, or a capability of the VMM's, which is not there. */
static void refused(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_HVC;
	s->in[0] = pvtb_random(g->random) & 1 ? CF_HC_SEND_IPI : HC_MAP_GPA_RANGE;
}

static void judge_refused(struct st_view *v)
{
	u64 got = v->step->out[0];

	/* SEND_IPI looks at its arguments first. */
	if (v->step->in[0] == HC_MAP_GPA_RANGE || (got != EINVAL_ANSWER && got != ENOSYS_ANSWER))
		st_equal(v, "return", got,
			 v->step->in[0] == HC_MAP_GPA_RANGE ? ENOSYS_ANSWER : EOPNOTSUPP_ANSWER,
			 "rax of a call that cannot be served");
	st_x86_preserved(v);
}

static void serve(struct st_view *v)
{
	v->step->out[0] = 0;
}

ST_OP(hypercall_refused, .name = "hypercall.refused", .archs = PVTB_ARCH_X86_64, .weight = 3,
      .summary = "SEND_IPI without an APIC, MAP_GPA_RANGE unasked for", .exits = ST_EXITS_CALL,
      .generate = refused, .judge = judge_refused, .mutants = {{"served", "return", serve}});

/* ---- KVM_HC_CLOCK_PAIRING ---- */

static void pairing(struct st_gen *g, struct pvtb_step *s)
{
	u64 bits = pvtb_random(g->random);

	s->kind = PVTB_STEP_HVC;
	s->in[0] = CF_HC_CLOCK_PAIRING;
	s->in[2] = bits & 7 ? 0 : s->in[2] | 1;
	/* An address without memory now and then, else a place of its own. */
	s->in[1] = bits & 0x70 ? ST_PAIR(g->vcpu, bits >> 8 & (ST_PAIRS - 1))
			       : NO_MEMORY + (bits >> 20 & 0xfffffff8ULL);
}

static bool is_place(unsigned int vcpu, const struct pvtb_step *s)
{
	return s->in[1] >= NO_MEMORY || s->in[1] - ST_PAIR(vcpu, 0) <= 64 * (ST_PAIRS - 1);
}

static bool written_later(const struct st_view *v)
{
	for (size_t i = v->at + 1; i < v->nr; i++)
		if (v->steps[i].kind == PVTB_STEP_HVC && v->steps[i].in[1] == v->step->in[1] &&
		    v->steps[i].in[0] == CF_HC_CLOCK_PAIRING)
			return true;
	return false;
}

static void judge_pair(struct st_view *v)
{
	const struct cf_clock_pairing *p = v->world->gpa(v->world->gpa_ctx, v->step->in[1]);

	if (!p || written_later(v))
		return;
	if (p->nsec < 0 || p->nsec > 999999999)
		st_fail(v, "torn", "%lld nanoseconds in a clock pairing", (long long)p->nsec);
	else
		st_within(v, "torn", (u64)p->sec * PVTB_NSEC_PER_SEC + (u64)p->nsec,
			  v->real_before_ns, v->real_after_ns, "time of a clock pairing, ns");
	st_within(v, "torn", p->tsc, v->step->t0, v->step->t1, "TSC of a clock pairing");
	st_equal(v, "torn", p->flags, 0, "flags of a clock pairing");
	for (unsigned int i = 0; i < PVTB_ARRAY_SIZE(p->pad); i++)
		st_equal(v, "leak", p->pad[i], 0, "padding of a clock pairing");
}

static void judge_pairing(struct st_view *v)
{
	u64 got = v->step->out[0];

	st_x86_preserved(v);
	/* Where the host does not keep time by the TSC, or the guest's differs too much. */
	if (got == EOPNOTSUPP_ANSWER)
		return;
	if (v->step->in[2]) {
		st_equal(v, "return", got, EOPNOTSUPP_ANSWER, "rax of an unknown clock");
		return;
	}
	if (v->step->in[1] >= NO_MEMORY) {
		st_equal(v, "return", got, EFAULT_ANSWER, "rax without memory");
		return;
	}
	if (st_equal(v, "return", got, 0, "rax"))
		judge_pair(v);
}

ST_OP(hypercall_pairing, .name = "hypercall.pairing", .archs = PVTB_ARCH_X86_64, .weight = 6,
      .summary = "CLOCK_PAIRING: time and TSC of one instant; bad clocks, bad addresses",
      .exits = ST_EXITS_CALL, .generate = pairing, .judge = judge_pairing, .takes = is_place,
      .mutants = {{"return", "return", flip}, {"clobber", "clobber", clobber}});
