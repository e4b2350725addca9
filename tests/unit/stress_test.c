// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stress without KVM: streams from seeds, the oracle against a model that answers as KVM does and
 * against every mutant, shortening, recorded streams, the histogram.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bench/stress/internal.h"
#include "bench/stress/x86.h"
#include "stats/hist.h"
#include "stats/lpt.h"

#define VCPUS	  4
#define HZ	  62500000ULL
#define MULT	  (3ULL << 61)
#define FRACBITS  62
#define WALL_NS	  1700000000000000000ULL
#define NO_MEMORY 0x7000000000ULL

static const enum pvtb_arch arches[] = {PVTB_ARCH_ARM64, PVTB_ARCH_X86_64};

/* ---- descriptors ---- */

static void test_descriptors(void **state)
{
	const struct st_op *const *ops;
	struct pvtb_err err;

	assert_int_equal(st_ops_check(&err), 0);
	for (size_t a = 0; a < 2; a++) {
		size_t nr = st_ops(arches[a], &ops), with_mutants = 0;

		assert_true(nr > 20);
		for (size_t i = 0; i < nr; i++) {
			assert_ptr_equal(st_op_find(ops[i]->name), ops[i]);
			with_mutants += ops[i]->mutants[0].name != NULL;
		}
		assert_true(with_mutants >= nr - 6);
	}
}

static void test_mutant_names(void **state)
{
	struct st_armed armed;
	struct pvtb_err err = {0};

	assert_int_equal(st_mutant_find("smccc.version.clobber", &armed, &err), 0);
	assert_string_equal(armed.op->name, "smccc.version");
	assert_string_equal(armed.mutant->name, "clobber");
	assert_int_equal(st_mutant_find("smccc.version.clober", &armed, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "smccc.version.clobber"));
}

/* ---- streams ---- */

static bool same(const struct st_cmd *a, const struct st_cmd *b)
{
	return a->op == b->op && a->user == b->user && a->kind == b->kind &&
	       !memcmp(a->in, b->in, sizeof(a->in));
}

static void test_streams_repeat(void **state)
{
	for (size_t a = 0; a < 2; a++) {
		struct st_draw one, again, other_seed, other_vcpu;
		unsigned int equal_seed = 0, equal_vcpu = 0;
		struct st_cmd x, y;

		st_draw_begin(&one, arches[a], 7, 3);
		st_draw_begin(&again, arches[a], 7, 3);
		st_draw_begin(&other_seed, arches[a], 8, 3);
		st_draw_begin(&other_vcpu, arches[a], 7, 2);
		for (int i = 0; i < 2000; i++) {
			st_draw_next(&one, &x);
			st_draw_next(&again, &y);
			assert_true(same(&x, &y));
			assert_int_equal(x.vcpu, 3);
			st_draw_next(&other_seed, &y);
			equal_seed += same(&x, &y);
			st_draw_next(&other_vcpu, &y);
			equal_vcpu += same(&x, &y);
		}
		assert_int_equal(equal_seed, 0);
		assert_int_equal(equal_vcpu, 0);
	}
}

/* No stream may end a vCPU or the machine, and all operations come. */
static void test_streams_are_safe(void **state)
{
	for (size_t a = 0; a < 2; a++) {
		const struct st_op *const *ops;
		size_t nr = st_ops(arches[a], &ops);
		unsigned int seen[256] = {0}, users = 0;
		struct st_draw d;
		struct st_cmd c;

		st_draw_begin(&d, arches[a], 1, 0);
		for (int i = 0; i < 200000; i++) {
			bool call;

			st_draw_next(&d, &c);
			assert_true(c.place < nr && ops[c.place] == c.op);
			assert_true(st_op_takes(c.op, &c));
			seen[c.place]++;
			call = !c.user && c.kind >= PVTB_STEP_HVC && c.kind <= PVTB_STEP_SMC_IMM;
			users += c.user;
			assert_true(c.op->levels == ST_BOTH || (c.op->levels == ST_USER) == c.user);
			if (arches[a] == PVTB_ARCH_ARM64 && call &&
			    strcmp(c.op->name, "psci.cpu_on"))
				assert_false(st_arm64_dangerous((u32)c.in[0]));
		}
		for (size_t i = 0; i < nr; i++)
			assert_true(seen[i] > 100);
		assert_in_range(users, 45000, 55000);
	}
	assert_true(st_arm64_dangerous(0x84000008));
	assert_true(st_arm64_dangerous(0xc4000012));
	assert_false(st_arm64_dangerous(0x84000000));
	assert_false(st_arm64_dangerous(0xc5000021));
}

/* ---- a model of KVM and of a guest that behave ---- */

struct model {
	enum pvtb_arch arch;
	struct st_world world;
	struct st_shadow shadow;
	u64 ticks, timer[ST_TIMER_REGS];
	u8 words[0x1000];
	u64 msr[ST_MSRS], steal_ns;
	unsigned int vcpu;
	bool user;
};

static const void *model_gpa(void *ctx, u64 gpa)
{
	struct model *m = ctx;
	u64 base = ST_WORDS(m->vcpu);

	return gpa >= base && gpa < base + sizeof(m->words) ? m->words + (gpa - base) : NULL;
}

static void model_begin(struct model *m, enum pvtb_arch arch)
{
	memset(m, 0, sizeof(*m));
	m->arch = arch;
	m->vcpu = 2;
	m->ticks = 1ULL << 33;
	m->shadow.vcpu = m->vcpu;
	m->world = (struct st_world){
		.caps = {.steal = true, .smccc_filter = true, .counter_hz = HZ},
		.arch = arch,
		.nr_vcpus = VCPUS,
		.forward = arch == PVTB_ARCH_ARM64,
		.steal = true,
		.one_counter = true,
		.lpt_mult = MULT,
		.lpt_fracbits = FRACBITS,
		.gpa = model_gpa,
		.gpa_ctx = m,
	};
	pthread_mutex_init(&m->world.learned_lock, NULL);
}

static u64 trng(const struct pvtb_step *s, u64 *out)
{
	unsigned int width = (u32)s->in[0] == 0xc4000053 ? 64 : 32, bits = (u32)s->in[1];

	if (bits > 3 * width)
		return (u64)-2;
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int have = bits > i * width ? bits - i * width : 0;

		have = have > width ? width : have;
		out[3 - i] = have == 64 ? ~0ULL : (1ULL << have) - 1;
	}
	return 0;
}

static u64 arm64_features(u64 asked)
{
	return asked == 0xc5000020 || asked == 0xc5000021 || asked == 0xc5000022 ? 0 : ~0ULL;
}

static bool model_exists(u64 mpidr)
{
	return mpidr < VCPUS;
}

/* Answers of arm64 KVM: x0, and x1..x3 where they are results. */
static u64 arm64_call(struct model *m, const struct pvtb_step *s, u64 *out)
{
	u32 arg = (u32)s->in[1];

	switch ((u32)s->in[0]) {
	case 0x80000000:
		return 0x10001;
	case 0x80000001:
		return arg == 0xc5000020 || arg == 0x80008000 ? 0 : ~0ULL;
	case 0x84000000:
		return 0x10001;
	case 0x8400000a:
		return arg >> 24 == 0x86 ? ~0ULL : 0;
	case 0x84000006:
		return 2;
	case 0x84000004:
	case 0xc4000004:
		return model_exists(s->in[1]) ? 0 : (u64)-2;
	case 0xc4000003:
		return model_exists(s->in[1]) ? (u64)-4 : (u64)-2;
	case 0x84000050:
		return 0x10000;
	case 0x84000051:
		return (arg >= 0x84000050 && arg <= 0x84000053) || arg == 0xc4000053 ? 0 : ~0ULL;
	case 0x84000052:
		return 0x1234;
	case 0x84000053:
	case 0xc4000053:
		return trng(s, out);
	case 0xc5000020:
		return arm64_features(arg);
	case 0xc5000021:
		m->steal_ns = 0;
		return ST_STEAL(m->vcpu);
	case 0xc5000022:
		return PVTB_GPA_LPT;
	case 0x86000000:
		return 3;
	case 0x86000001:
		if (arg > 1)
			return ~0ULL;
		out[1] = (u32)WALL_NS;
		out[2] = m->ticks >> 32;
		out[3] = (u32)m->ticks;
		return WALL_NS >> 32;
	case 0x8600ff01:
		out[1] = 0xe911c52e;
		out[2] = 0x564bcaa9;
		out[3] = 0x743a004d;
		return 0xb66fb428;
	default:
		return ~0ULL;
	}
}

static u64 x86_call(struct model *m, const struct pvtb_step *s)
{
	struct cf_clock_pairing *p;

	switch (s->in[0]) {
	case 1:
	case 5:
	case 11:
		return 0;
	case 9:
		if (s->in[2])
			return -(u64)95;
		p = (struct cf_clock_pairing *)(uintptr_t)model_gpa(m, s->in[1]);
		if (!p)
			return -(u64)14;
		*p = (struct cf_clock_pairing){.sec = WALL_NS / PVTB_NSEC_PER_SEC, .tsc = m->ticks};
		return 0;
	case 10:
		return -(u64)95;
	default:
		return -(u64)1000;
	}
}

static int model_call(struct model *m, struct pvtb_step *s)
{
	memcpy(s->out, s->in, sizeof(s->out));
	if (m->arch == PVTB_ARCH_X86_64) {
		s->out[0] = m->user ? -(u64)CF_KVM_EPERM : x86_call(m, s);
		return ST_NO_FAULT;
	}
	if (m->user)
		return ST_FAULT(8, 0);
	if (s->kind == PVTB_STEP_SMC_IMM) {
		s->out[0] = ~0ULL;
		return ST_NO_FAULT;
	}
	s->out[1] = s->out[2] = s->out[3] = 0;
	s->out[0] = arm64_call(m, s, s->out);
	return ST_NO_FAULT;
}

static u64 window_word(u64 gpa)
{
	/* The slot is in the first place, with the second backing. */
	return gpa < ST_WINDOW + ST_WINDOW_SLOT ? st_pattern(1, gpa - ST_WINDOW) : ST_ABSENT;
}

static int abort_of(const struct model *m, bool write, bool present)
{
	if (m->arch == PVTB_ARCH_ARM64)
		return m->user ? ST_FAULT(8, 0x24) : ST_FAULT(4, 0x25);
	return ST_FAULT(14, present | write << 1 | m->user << 2);
}

static int model_memory(struct model *m, struct pvtb_step *s)
{
	bool write = s->kind == PVTB_STEP_WRITE64 || s->kind == PVTB_STEP_WRITE32;
	unsigned int bytes = s->kind == PVTB_STEP_READ64 || s->kind == PVTB_STEP_WRITE64 ? 8 : 4;
	u8 *p = (u8 *)(uintptr_t)model_gpa(m, s->in[0]);

	if (p && write)
		memcpy(p, &s->in[1], bytes);
	else if (p)
		memcpy(&s->out[0], p, bytes);
	else if (s->in[0] >= ST_WINDOW && s->in[0] < ST_WINDOW_END)
		s->out[0] = write ? 0 : window_word(s->in[0]);
	else
		return abort_of(m, write, s->in[0] < ST_UNMAPPED);
	return ST_NO_FAULT;
}

static int model_msr(struct model *m, struct pvtb_step *s)
{
	int which = st_x86_msr(s->in[0]);
	bool write = s->kind == PVTB_STEP_WRMSR;

	if (m->user)
		return ST_X86_GP;
	if (s->in[0] == CF_MSR_TSC)
		s->out[0] = m->ticks;
	else if (s->in[0] == CF_MSR_WALL_CLOCK_NEW)
		s->out[0] = 0;
	else if (which < 0 || (which == ST_MSR_STEAL && write && s->in[1] & 0x3e))
		return ST_X86_GP;
	else if (write)
		m->msr[which] = s->in[1];
	else
		s->out[0] = m->msr[which];
	return ST_NO_FAULT;
}

static void model_time(struct model *m, struct pvtb_step *s)
{
	switch (s->kind) {
	case PVTB_STEP_LPT:
		s->out[0] = pvtb_lpt_scale(m->ticks, MULT, FRACBITS);
		s->out[1] = m->ticks;
		s->out[2] = MULT;
		s->out[3] = FRACBITS;
		s->out[5] = 1;
		break;
	case PVTB_STEP_STEAL:
		m->steal_ns += 10;
		s->out[0] = m->steal_ns;
		/* x86: tries. */
		s->out[4] = m->arch == PVTB_ARCH_X86_64;
		break;
	case PVTB_STEP_PVCLOCK:
		s->out[0] = m->ticks * 16;
		s->out[1] = m->ticks;
		s->out[2] = 2;
		s->out[3] = 1;
		break;
	}
}

static int model_sysreg(struct model *m, struct pvtb_step *s)
{
	u64 reg = s->in[0];

	if (m->user && reg > PVTB_SYSREG_CNTFRQ)
		return ST_FAULT(8, 0x18);
	if (s->kind == PVTB_STEP_MSR)
		m->timer[reg] = s->in[1];
	else if (reg == PVTB_SYSREG_CNTVCT || reg == PVTB_SYSREG_CNTPCT)
		s->out[0] = m->ticks;
	else if (reg == PVTB_SYSREG_CNTFRQ)
		s->out[0] = HZ;
	else
		s->out[0] = m->timer[reg];
	return ST_NO_FAULT;
}

static void model_cpuid(struct pvtb_step *s)
{
	s->out[0] = 0x40000001;
	if (s->in[0] == CF_LEAF_KVM) {
		s->out[1] = 0x4b4d564b;
		s->out[2] = 0x564b4d56;
		s->out[3] = 0x4d;
	}
}

/* Run a step as it should: the exception that ends it, or none. */
static int model_step(struct model *m, struct pvtb_step *s)
{
	int fault = ST_NO_FAULT;

	memset(s->out, 0, sizeof(s->out));
	s->t0 = m->ticks += 100;
	m->ticks += 50;
	switch (s->kind) {
	case PVTB_STEP_HVC:
	case PVTB_STEP_SMC:
	case PVTB_STEP_HVC_IMM:
	case PVTB_STEP_SMC_IMM:
		fault = model_call(m, s);
		break;
	case PVTB_STEP_READ64:
	case PVTB_STEP_WRITE64:
	case PVTB_STEP_READ32:
	case PVTB_STEP_WRITE32:
		fault = model_memory(m, s);
		break;
	case PVTB_STEP_RDMSR:
	case PVTB_STEP_WRMSR:
		fault = model_msr(m, s);
		break;
	case PVTB_STEP_MRS:
	case PVTB_STEP_MSR:
		fault = model_sysreg(m, s);
		break;
	case PVTB_STEP_IDLE:
		fault = ST_X86_GP;
		break;
	case PVTB_STEP_CPUID:
		model_cpuid(s);
		break;
	default:
		model_time(m, s);
		break;
	}
	s->t1 = fault == ST_NO_FAULT ? m->ticks + 50 : 0;
	m->ticks += 100;
	s->done = fault == ST_NO_FAULT;
	return fault;
}

/* ---- the oracle ---- */

#define BATCH 64

/* As many of @nr as make a batch: of one level. */
static size_t batch_of(const struct st_cmd *cmds, size_t nr)
{
	size_t n = 1;

	while (n < nr && n < BATCH && cmds[n].user == cmds[0].user)
		n++;
	return n;
}

/* Run and judge the commands as batches. Returns whether there was a violation. */
static bool judge_all(enum pvtb_arch arch, const struct st_cmd *cmds, size_t nr,
		      const struct st_armed *armed, struct st_violation *bad, u64 *hits)
{
	struct model *m = malloc(sizeof(*m));
	struct pvtb_step steps[BATCH];
	const struct st_op *ops[BATCH];
	int faults[BATCH];

	assert_non_null(m);
	model_begin(m, arch);
	memset(bad, 0, sizeof(*bad));
	for (size_t first = 0, n; first < nr && !bad->found; first += n) {
		struct st_batch b = {.ops = ops,
				     .steps = steps,
				     .faults = faults,
				     .nr = n = batch_of(&cmds[first], nr - first),
				     .user = cmds[first].user,
				     .first = first,
				     .real_before_ns = WALL_NS - 5,
				     .real_after_ns = WALL_NS + 5};

		for (size_t i = 0; i < b.nr; i++) {
			ops[i] = cmds[first + i].op;
			m->user = b.user;
			steps[i].kind = cmds[first + i].kind;
			memcpy(steps[i].in, cmds[first + i].in, sizeof(steps[i].in));
			faults[i] = model_step(m, &steps[i]);
		}
		/* What the mutant wants of the host happens all the time. */
		m->shadow.steal_loose =
			armed->mutant && armed->mutant->needs & 1U << ST_ACT_REPLACE;
		st_judge(&m->world, &m->shadow, &b, armed, hits, bad);
	}
	pthread_mutex_destroy(&m->world.learned_lock);
	free(m);
	return bad->found;
}

static struct st_cmd *draw(enum pvtb_arch arch, u64 seed, size_t nr)
{
	struct st_cmd *cmds = malloc(nr * sizeof(*cmds));
	struct st_draw d;

	assert_non_null(cmds);
	st_draw_begin(&d, arch, seed, 2);
	for (size_t i = 0; i < nr; i++)
		st_draw_next(&d, &cmds[i]);
	return cmds;
}

static void test_honest_answers_pass(void **state)
{
	const struct st_armed none = {0};

	for (size_t a = 0; a < 2; a++) {
		struct st_cmd *cmds = draw(arches[a], 11, 100000);
		struct st_violation bad;
		u64 hits = 0;

		if (judge_all(arches[a], cmds, 100000, &none, &bad, &hits))
			fail_msg("%s: %s: %s", bad.op->name, bad.rule, bad.text);
		assert_int_equal(hits, 0);
		free(cmds);
	}
}

struct shortening {
	enum pvtb_arch arch;
	const struct st_cmd *cmds;
	size_t nr;
	const struct st_armed *armed;
	const char *rule;
};

static int still_violates(void *ctx, const bool *keep)
{
	struct shortening *s = ctx;
	struct st_cmd *some = malloc((s->nr + 1) * sizeof(*some));
	struct st_violation bad;
	u64 hits = 0;
	size_t n = 0;

	for (size_t i = 0; i < s->nr; i++)
		if (keep[i])
			some[n++] = s->cmds[i];
	judge_all(s->arch, some, n, s->armed, &bad, &hits);
	free(some);
	return bad.found && !strcmp(bad.rule, s->rule);
}

/* One wrong answer in a million operations is found, called by its name, and at most three of the
 * commands that led there are left. */
static void find_mutant(enum pvtb_arch arch, const struct st_armed *armed, const char *name)
{
	struct st_draw d;
	struct st_cmd *cmds = malloc(400 * sizeof(*cmds));
	struct st_violation bad;
	struct shortening s;
	u64 hits = 0, seed = 0;
	size_t n = 0, left = 0;
	bool keep[400];

	/* A stream that ends behind its first wrong answer, so that not all of the million need running. */
	for (bool found = false; !found; seed++) {
		st_draw_begin(&d, arch, seed, 2);
		for (n = 0; n < 300 && !found; n++) {
			st_draw_next(&d, &cmds[n]);
			found = st_mutant_hits(armed, arch, cmds[n].op, cmds[n].in);
		}
		if (found)
			for (size_t i = 0; i < 100; i++)
				st_draw_next(&d, &cmds[n++]);
		found = found && judge_all(arch, cmds, n, armed, &bad, &hits);
		if (seed > 60000)
			fail_msg("%s is not found", name);
	}
	if (!strstr(armed->mutant->rule, bad.rule))
		fail_msg("%s is called %s (%s), not %s", name, bad.rule, bad.text,
			 armed->mutant->rule);
	s = (struct shortening){arch, cmds, (size_t)bad.index + 1, armed, bad.rule};
	for (size_t i = 0; i < s.nr; i++)
		keep[i] = true;
	assert_int_equal(st_minimise(keep, s.nr, still_violates, &s), 0);
	for (size_t i = 0; i < s.nr; i++)
		left += keep[i];
	if (left > 3 || !left)
		fail_msg("%s: %zu commands left", name, left);
	assert_true(still_violates(&s, keep));
	free(cmds);
}

static void test_mutants_are_found(void **state)
{
	for (size_t a = 0; a < 2; a++) {
		const struct st_op *const *ops;
		size_t nr = st_ops(arches[a], &ops);

		for (size_t i = 0; i < nr; i++)
			for (size_t k = 0; k < ST_MUTANTS && ops[i]->mutants[k].name; k++) {
				const struct st_armed armed = {ops[i], &ops[i]->mutants[k], 20000};

				/* Exits are test_exits's. */
				if (armed.mutant->apply)
					find_mutant(arches[a], &armed, ops[i]->name);
			}
	}
}

/* As often as asked for. */
static void test_mutant_rate(void **state)
{
	struct st_armed armed = {.every = 1000};
	struct pvtb_err err;
	unsigned int hits = 0;
	struct st_draw d;
	struct st_cmd c;

	assert_int_equal(st_mutant_find("time.lpt.torn", &armed, &err), 0);
	st_draw_begin(&d, PVTB_ARCH_ARM64, 3, 0);
	for (int i = 0; i < 1000000; i++) {
		st_draw_next(&d, &c);
		hits += st_mutant_hits(&armed, PVTB_ARCH_ARM64, c.op, c.in);
	}
	assert_in_range(hits, 850, 1150);
}

static void test_common_rules(void **state)
{
	const struct st_armed none = {0};
	struct pvtb_step s = {.kind = PVTB_STEP_EXIT, .t0 = 100, .t1 = 200, .done = 1};
	const struct st_op *op = st_op_find("time.exit");
	struct st_world w = {.arch = PVTB_ARCH_ARM64};
	int fault = ST_NO_FAULT;
	struct st_batch b = {.ops = &op, .steps = &s, .faults = &fault, .nr = 1};
	struct st_shadow sh = {0};
	struct st_violation bad = {0};
	u64 hits = 0;

	st_judge(&w, &sh, &b, &none, &hits, &bad);
	assert_false(bad.found);
	/* what comes next was read before */
	s.t0 = 199;
	st_judge(&w, &sh, &b, &none, &hits, &bad);
	assert_string_equal(bad.rule, "backwards");
	bad = (struct st_violation){0};
	s.t0 = 300;
	s.t1 = 299;
	st_judge(&w, &sh, &b, &none, &hits, &bad);
	assert_string_equal(bad.rule, "backwards");
	bad = (struct st_violation){0};
	s.t0 = s.t1 = 400;
	s.done = 0;
	st_judge(&w, &sh, &b, &none, &hits, &bad);
	assert_string_equal(bad.rule, "unfinished");
	bad = (struct st_violation){0};
	fault = 4;
	st_judge(&w, &sh, &b, &none, &hits, &bad);
	assert_string_equal(bad.rule, "fault");
}

/* A thread that takes over may have waited less; who has not looked meanwhile must not be surprised. */
static void test_replaced_threads(void **state)
{
	const struct st_armed none = {0};
	const struct st_op *steal = st_op_find("time.steal"), *other = st_op_find("time.exit");
	struct st_world w = {.arch = PVTB_ARCH_ARM64};
	int fault = ST_NO_FAULT;
	static const struct {
		bool replaced, reads;
		u64 ns;
		bool violates;
	} batches[] = {{false, true, 500, false}, {true, false, 0, false},
		       {false, true, 100, false}, {true, true, 50, false},
		       {false, true, 40, false},  {false, true, 39, true}};
	struct st_shadow sh = {0};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(batches); i++) {
		struct pvtb_step s = {.in = {ST_STEAL(0)},
				      .out = {batches[i].ns},
				      .t0 = 100 * i + 1,
				      .t1 = 100 * i + 2,
				      .done = 1};
		struct st_batch b = {.ops = batches[i].reads ? &steal : &other,
				     .steps = &s,
				     .faults = &fault,
				     .nr = 1};
		struct st_violation bad = {0};
		u64 hits = 0;

		sh.steal_loose = batches[i].replaced;
		st_judge(&w, &sh, &b, &none, &hits, &bad);
		assert_int_equal(bad.found, batches[i].violates);
	}
}

static void test_exits(void **state)
{
	const struct st_op *ops[] = {
		st_op_find("smccc.version"),	st_op_find("memory.read"),
		st_op_find("cpuid.kvm"),	st_op_find("msr.tsc"),
		st_op_find("smccc.workaround"), st_op_find("smccc.workaround")};
	struct pvtb_step steps[6] = {
		{.kind = PVTB_STEP_HVC}, {0}, {0}, {0}, {.kind = PVTB_STEP_HVC},
		{.kind = PVTB_STEP_SMC}};
	struct st_batch b = {.ops = ops, .steps = steps, .nr = 6};
	u64 seen[ST_NR_CLASSES] = {2, 1, 1};
	struct st_violation bad = {0};
	struct st_exit_counts c;

	/* VMX lets a guest read IA32_TSC: where an exit is expected it would be missed */
	st_exits_of(&b, "VMX", &c);
	assert_int_equal(c.must[ST_CLASS_MSR], 0);
	st_exits_of(&b, "SVM", &c);
	st_judge_exits(&c, seen, &bad);
	assert_false(bad.found);
	for (unsigned int k = 0; k < ST_NR_CLASSES; k++)
		for (int wrong = -1; wrong <= 1; wrong += 2) {
			bad = (struct st_violation){0};
			seen[k] += (u64)wrong;
			st_judge_exits(&c, seen, &bad);
			assert_string_equal(bad.rule, "exits");
			seen[k] -= (u64)wrong;
		}
}

/* ---- shortening ---- */

struct needs {
	const size_t *items;
	size_t nr;
	unsigned int runs, flaky;
	int fail_at;
};

static int all_there(void *ctx, const bool *keep)
{
	struct needs *n = ctx;

	n->runs++;
	if (n->fail_at && (int)n->runs == n->fail_at)
		return -ETIME;
	if (n->flaky && n->runs % n->flaky == 0)
		return 0;
	for (size_t i = 0; i < n->nr; i++)
		if (!keep[n->items[i]])
			return 0;
	return 1;
}

static size_t minimised(size_t nr, struct needs *n)
{
	bool *keep = malloc(nr * sizeof(*keep));
	size_t left = 0;

	for (size_t i = 0; i < nr; i++)
		keep[i] = true;
	assert_int_equal(st_minimise(keep, nr, all_there, n), 0);
	for (size_t i = 0; i < n->nr; i++)
		assert_true(keep[n->items[i]]);
	for (size_t i = 0; i < nr; i++)
		left += keep[i];
	free(keep);
	return left;
}

static void test_minimise(void **state)
{
	static const size_t one[] = {41}, ends[] = {0, 99}, three[] = {3, 50, 51},
			    many[] = {0, 9, 17, 33, 34, 35, 60, 99};
	struct needs n;

	n = (struct needs){one, 1, 0, 0, 0};
	assert_int_equal(minimised(100, &n), 1);
	assert_true(n.runs < 60);
	n = (struct needs){one, 1, 0, 0, 0};
	assert_int_equal(minimised(42, &n), 1);
	n = (struct needs){ends, 2, 0, 0, 0};
	assert_int_equal(minimised(100, &n), 2);
	n = (struct needs){three, 3, 0, 0, 0};
	assert_int_equal(minimised(100, &n), 3);
	n = (struct needs){many, 8, 0, 0, 0};
	assert_int_equal(minimised(100, &n), 8);
	/* A race that is not hit every time: longer perhaps, never wrong. */
	n = (struct needs){three, 3, 0, 3, 0};
	assert_in_range(minimised(100, &n), 3, 30);
	n = (struct needs){NULL, 0, 0, 0, 0};
	assert_in_range(minimised(7, &n), 0, 1);
}

static void test_minimise_ends_early(void **state)
{
	static const size_t three[] = {3, 50, 51};
	struct needs n = {three, 3, 0, 0, 4};
	bool keep[100];

	for (size_t i = 0; i < 100; i++)
		keep[i] = true;
	assert_int_equal(st_minimise(keep, 100, all_there, &n), -ETIME);
	assert_true(keep[3] && keep[50] && keep[51]);
}

/* ---- recorded streams ---- */

static void test_records(void **state)
{
	struct st_cmd *cmds = draw(PVTB_ARCH_ARM64, 5, 50);
	struct st_record r = {.arch = "arm64",
			      .seed = ~0ULL,
			      .vcpus = VCPUS,
			      .actions = 1U << ST_ACT_SLOTS | 1U << ST_ACT_LPT,
			      .variant = true,
			      .mutant = "time.lpt.torn",
			      .mutant_every = 1000000,
			      .rule = "torn",
			      .stream = {cmds, 50}};
	char path[] = "/tmp/pvtb-stress.XXXXXX";
	int fd = mkstemp(path);
	struct st_record back = {0};
	struct pvtb_err err;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(st_record_save(&r, path, &err), 0);
	assert_int_equal(st_record_load(path, &back, &err), 0);
	assert_int_equal(back.stream.nr, 50);
	assert_true(back.seed == r.seed && back.vcpus == VCPUS && back.actions == r.actions &&
		    back.variant && back.mutant_every == 1000000);
	assert_string_equal(back.mutant, r.mutant);
	assert_string_equal(back.rule, "torn");
	for (size_t i = 0; i < 50; i++) {
		assert_true(same(&back.stream.cmds[i], &cmds[i]));
		assert_int_equal(back.stream.cmds[i].place, cmds[i].place);
		assert_int_equal(back.stream.cmds[i].vcpu, 2);
	}
	st_record_free(&back);
	free(cmds);
	unlink(path);
}

static const char head[] =
	"{\"format\":\"pvtime-bench stress 1\",\"arch\":\"arm64\",\"seed\":\"0x1\","
	"\"vcpus\":2,\"actions\":[],\"variant\":false,\"mutant\":\"\",\"mutant_every\":"
	"\"0x1\",\"rule\":\"return\"}";

static void test_bad_records(void **state)
{
	static const char *const bad_heads[] = {
		"",
		"[]",
		"{}",
		"{\"format\":\"another 1\"}",
		"{\"format\":\"pvtime-bench stress 1\",\"arch\":\"riscv\",\"seed\":\"0x1\",\"vcpus\":1,"
		"\"actions\":[],\"mutant\":\"\",\"mutant_every\":\"0x1\",\"rule\":\"\"}",
		"{\"format\":\"pvtime-bench stress 1\",\"arch\":\"arm64\",\"seed\":\"0x1\",\"vcpus\":65,"
		"\"actions\":[],\"mutant\":\"\",\"mutant_every\":\"0x1\",\"rule\":\"\"}",
		"{\"format\":\"pvtime-bench stress 1\",\"arch\":\"arm64\",\"seed\":\"0x1\",\"vcpus\":2,"
		"\"actions\":[\"dance\"],\"mutant\":\"\",\"mutant_every\":\"0x1\",\"rule\":\"\"}"};
	static const char *const bad_commands[] = {
		"{\"vcpu\":0,\"op\":\"no.such\",\"kind\":1,\"in\":[]}",
		"{\"vcpu\":0,\"op\":\"msr.tsc\",\"kind\":1,\"in\":[]}",
		"{\"vcpu\":2,\"op\":\"time.exit\",\"kind\":20,\"in\":[]}",
		"{\"vcpu\":0,\"op\":\"time.exit\",\"kind\":20,\"in\":[\"0x1\"]}"};
	struct st_record r = {0};
	struct pvtb_err err;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bad_heads); i++)
		assert_int_equal(st_record_take(&r, 0, bad_heads[i], &err), -EINVAL);
	assert_int_equal(st_record_take(&r, 0, head, &err), 0);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bad_commands); i++) {
		assert_int_equal(st_record_take(&r, i + 1, bad_commands[i], &err), -EINVAL);
		assert_non_null(strstr(err.what, "line"));
	}
	assert_int_equal(r.stream.nr, 0);
	st_record_free(&r);
	assert_int_equal(st_record_load("/nonexistent/x", &r, &err), -ENOENT);
}

/* A judge that goes by an argument must not be led out of what it has. */
static void test_foreign_arguments(void **state)
{
	static const struct {
		const char *op;
		u64 kind, in[2];
		bool user, taken;
	} steps[] = {
		{"memory.read", PVTB_STEP_READ64, {ST_WORDS(1)}, false, true},
		{"memory.read", PVTB_STEP_READ64, {ST_WORDS(1) + ST_WORDS_BYTES - 7}, false, false},
		{"memory.read", PVTB_STEP_READ32, {ST_WORDS(1) + ST_WORDS_BYTES - 4}, true, true},
		{"memory.write", PVTB_STEP_WRITE32, {ST_WORDS(1) - 1}, false, false},
		{"memory.write", PVTB_STEP_WRITE32, {~0ULL}, false, false},
		{"timer.write", PVTB_STEP_MSR, {PVTB_SYSREG_CNTV_CTL}, false, true},
		{"timer.write", PVTB_STEP_MSR, {PVTB_SYSREG_CNTV_CTL}, true, false},
		{"timer.read", PVTB_STEP_MRS, {ST_TIMER_REGS}, false, false},
		{"msr.read", PVTB_STEP_RDMSR, {CF_MSR_STEAL_TIME}, false, true},
		{"msr.read", PVTB_STEP_RDMSR, {CF_MSR_TSC}, false, false},
		{"hypercall.pairing", PVTB_STEP_HVC, {9, ST_PAIR(1, 31)}, false, true},
		{"hypercall.pairing", PVTB_STEP_HVC, {9, ST_PAIR(1, 32)}, false, false},
		{"user.call", PVTB_STEP_HVC, {0}, false, false},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(steps); i++) {
		struct st_cmd c = {.op = st_op_find(steps[i].op),
				   .vcpu = 1,
				   .user = steps[i].user,
				   .kind = steps[i].kind};

		memcpy(c.in, steps[i].in, sizeof(steps[i].in));
		if (st_op_takes(c.op, &c) != steps[i].taken)
			fail_msg("step %zu, %s", i, steps[i].op);
	}
}

/* Nothing in it, half a line, a picture, another program's JSON: one error that names file and line. */
static void test_bad_files(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *what; /* behind the path */
	} files[] = {{"", 0, ""},
		     {head, sizeof(head) - 1, ""},
		     {head, 40, ", line 1"},
		     {"\x89PNG\r\n\x1a\n\0\0", 10, ", line 1"},
		     {"{\"hosts\": []}\n", 14, ", line 1"}};
	char path[] = "/tmp/pvtb-stress.XXXXXX", what[128];
	int fd = mkstemp(path);
	struct st_record r = {0};
	struct pvtb_err err;

	assert_true(fd >= 0);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(files); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].text, files[i].len, 0), files[i].len);
		err = (struct pvtb_err){0};
		assert_int_equal(st_record_load(path, &r, &err), -EINVAL);
		snprintf(what, sizeof(what), "%s%s", path, files[i].what);
		assert_string_equal(err.what, what);
		assert_non_null(strstr(err.hint, "replay-0.jsonl"));
	}
	close(fd);
	unlink(path);
	assert_int_equal(st_record_load("/tmp", &r, &err), -EISDIR);
}

static void test_actions(void **state)
{
	struct pvtb_err err;
	u32 a;

	assert_int_equal(st_actions_parse("all", &a, &err), 0);
	assert_int_equal(a, ST_ACT_ALL);
	assert_int_equal(st_actions_parse("none", &a, &err), 0);
	assert_int_equal(a, 0);
	assert_int_equal(st_actions_parse("slots,lpt", &a, &err), 0);
	assert_int_equal(a, 1U << ST_ACT_SLOTS | 1U << ST_ACT_LPT);
	assert_int_equal(st_actions_parse("slots,", &a, &err), -EINVAL);
	assert_int_equal(st_actions_parse("slot", &a, &err), -EINVAL);
	assert_non_null(strstr(err.hint, "slots"));
}

/* ---- the histogram ---- */

static void test_hist_exact(void **state)
{
	struct pvtb_hist h = {0};

	assert_int_equal(pvtb_hist_at(&h, 500), 0);
	for (u64 v = 1; v <= 20; v++)
		pvtb_hist_add(&h, v);
	assert_int_equal(pvtb_hist_at(&h, 500), 10);
	assert_int_equal(pvtb_hist_at(&h, 900), 18);
	assert_int_equal(pvtb_hist_at(&h, 1000), 20);
	assert_int_equal(pvtb_hist_at(&h, 0), 1);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 20);
}

/* Never too small, at most 1/16 too large, up to the largest value there is. */
static void test_hist_bounds(void **state)
{
	u64 random = 9;

	for (int i = 0; i < 20000; i++) {
		u64 v = pvtb_random(&random) >> (pvtb_random(&random) & 63), got;
		struct pvtb_hist h = {0};

		pvtb_hist_add(&h, v);
		/* or the maximum would be told */
		pvtb_hist_add(&h, ~0ULL);
		got = pvtb_hist_at(&h, 500);
		assert_true(got >= v && got - v <= v / 16);
	}
}

static void test_hist_merge(void **state)
{
	struct pvtb_hist a = {0}, b = {0}, both = {0};
	u64 random = 4;

	for (int i = 0; i < 1000; i++) {
		u64 v = pvtb_random(&random) >> 40;

		pvtb_hist_add(i & 1 ? &a : &b, v);
		pvtb_hist_add(&both, v);
	}
	pvtb_hist_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
	memset(&b, 0, sizeof(b));
	pvtb_hist_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
	pvtb_hist_merge(&b, &a);
	assert_memory_equal(&b, &both, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_mutant_names),
		cmocka_unit_test(test_streams_repeat),
		cmocka_unit_test(test_streams_are_safe),
		cmocka_unit_test(test_honest_answers_pass),
		cmocka_unit_test(test_mutants_are_found),
		cmocka_unit_test(test_mutant_rate),
		cmocka_unit_test(test_common_rules),
		cmocka_unit_test(test_replaced_threads),
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_minimise),
		cmocka_unit_test(test_minimise_ends_early),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_foreign_arguments),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_hist_exact),
		cmocka_unit_test(test_hist_bounds),
		cmocka_unit_test(test_hist_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
