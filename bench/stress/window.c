// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose memslot is moved, exchanged and removed while it is used: every reading is one of
 * the words that may be there, or what the VMM answers where nothing is.
 */
#include "bench/stress/op.h"

static void read_window(struct st_gen *g, struct pvtb_step *s)
{
	u64 offset = ST_WINDOW_PATTERN +
		     8 * pvtb_random_below(g->random, (ST_WINDOW_SLOT - ST_WINDOW_PATTERN) / 8);

	s->kind = PVTB_STEP_READ64;
	s->in[0] = ST_WINDOW + offset + (pvtb_random(g->random) & 1 ? ST_WINDOW_SLOT : 0);
}

static void judge_read(struct st_view *v)
{
	u64 offset = (v->step->in[0] - ST_WINDOW) % ST_WINDOW_SLOT, got = v->step->out[0];

	if (got == ST_ABSENT)
		return;
	for (unsigned int b = 0; b < ST_BACKINGS; b++)
		if (got == st_pattern(b, offset))
			return;
	st_fail(v, "pattern",
		"%#llx at offset %#llx of a memslot, where only %#llx, %#llx or nothing is",
		(unsigned long long)got, (unsigned long long)offset,
		(unsigned long long)st_pattern(0, offset),
		(unsigned long long)st_pattern(1, offset));
}

/* A word of another page. */
static void elsewhere(struct st_view *v)
{
	v->step->out[0] = st_pattern(0, (v->step->in[0] - ST_WINDOW) % ST_WINDOW_SLOT ^ 0x1000);
}

static void write_window(struct st_gen *g, struct pvtb_step *s)
{
	u64 bits = pvtb_random(g->random);

	s->kind = bits & 1 ? PVTB_STEP_WRITE64 : PVTB_STEP_WRITE32;
	/* aligned: a store across the slot's end would be two accesses */
	s->in[0] = ST_WINDOW + ST_WINDOW_JUNK + (bits & 2 ? ST_WINDOW_SLOT : 0) +
		   8 * pvtb_random_below(g->random, (ST_WINDOW_PATTERN - ST_WINDOW_JUNK) / 8);
}

static void judge_write(struct st_view *v)
{
	/* Nobody reads it: that the guest came past it is all. */
	(void)v;
}

ST_OP(window_read, .name = "window.read", .archs = PVTB_ARCH_ANY, .weight = 5, .levels = ST_BOTH,
      .summary = "read where memslots come and go", .generate = read_window, .judge = judge_read,
      .mutants = {{"elsewhere", "pattern", elsewhere}});
ST_OP(window_write, .name = "window.write", .archs = PVTB_ARCH_ANY, .weight = 3, .levels = ST_BOTH,
      .summary = "write there", .generate = write_window, .judge = judge_write);
