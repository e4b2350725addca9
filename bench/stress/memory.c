// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU's own memory: what it wrote is what it reads, aligned or not, whatever happens around it. */
#include <string.h>

#include "bench/stress/op.h"

static u64 word_of(struct st_gen *g, unsigned int bytes)
{
	u64 at = pvtb_random_below(g->random, ST_WORDS_BYTES - bytes);

	/* Mostly aligned. */
	return ST_WORDS(g->vcpu) + (pvtb_random(g->random) & 7 ? at & ~7ULL : at);
}

static bool is_word(unsigned int vcpu, const struct pvtb_step *s)
{
	unsigned int bytes = s->kind == PVTB_STEP_WRITE64 || s->kind == PVTB_STEP_READ64 ? 8 : 4;

	return s->in[0] - ST_WORDS(vcpu) <= ST_WORDS_BYTES - bytes;
}

static void write_word(struct st_gen *g, struct pvtb_step *s)
{
	bool wide = pvtb_random(g->random) & 1;

	s->kind = wide ? PVTB_STEP_WRITE64 : PVTB_STEP_WRITE32;
	s->in[0] = word_of(g, wide ? 8 : 4);
}

static void judge_write(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	u64 at = s->in[0] - ST_WORDS(v->shadow->vcpu);

	/* Little-endian, both of them. */
	memcpy(&v->shadow->words[at], &s->in[1], s->kind == PVTB_STEP_WRITE64 ? 8 : 4);
}

static void read_word(struct st_gen *g, struct pvtb_step *s)
{
	bool wide = pvtb_random(g->random) & 1;

	s->kind = wide ? PVTB_STEP_READ64 : PVTB_STEP_READ32;
	s->in[0] = word_of(g, wide ? 8 : 4);
}

static void judge_read(struct st_view *v)
{
	const struct pvtb_step *s = v->step;
	u64 at = s->in[0] - ST_WORDS(v->shadow->vcpu), want = 0;

	memcpy(&want, &v->shadow->words[at], s->kind == PVTB_STEP_READ64 ? 8 : 4);
	st_equal(v, "readback", s->out[0], want, "own memory");
}

static void flip(struct st_view *v)
{
	v->step->out[0] ^= 1ULL << 9;
}

ST_OP(memory_write, .name = "memory.write", .archs = PVTB_ARCH_ANY, .weight = 5, .levels = ST_BOTH,
      .summary = "write own memory, aligned and not", .generate = write_word, .judge = judge_write,
      .takes = is_word);
ST_OP(memory_read, .name = "memory.read", .archs = PVTB_ARCH_ANY, .weight = 5, .levels = ST_BOTH,
      .summary = "read it back", .generate = read_word, .judge = judge_read, .takes = is_word,
      .mutants = {{"stale", "readback", flip}});
