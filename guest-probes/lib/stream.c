// SPDX-License-Identifier: GPL-2.0-only
/* Owns the op "stream": steps the harness has written, run in their order (abi/stream.h). */
#include "lib/lpt.h"
#include "lib/stream.h"

static void read_lpt(struct pvtb_step *s)
{
	const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)s->in[0];
	struct pvtb_lpt_reading r;
	u64 tries;

	for (tries = 1; tries <= PVTB_STEP_TRIES; tries++)
		if (pvtb_lpt_try(lpt, &r))
			break;
	s->out[0] = pvtb_lpt_shift((u128)r.native * r.mult, r.fracbits);
	s->out[1] = r.native;
	s->out[2] = r.mult;
	s->out[3] = r.fracbits;
	s->out[4] = r.seq;
	s->out[5] = tries <= PVTB_STEP_TRIES ? tries : 0;
}

static void step(struct pvtb_step *s)
{
	u64 start = s->t0;

	switch (s->kind) {
	case PVTB_STEP_READ64:
		s->out[0] = __atomic_load_n((const u64 *)s->in[0], __ATOMIC_RELAXED);
		break;
	case PVTB_STEP_WRITE64:
		__atomic_store_n((u64 *)s->in[0], s->in[1], __ATOMIC_RELAXED);
		break;
	case PVTB_STEP_READ32:
		s->out[0] = __atomic_load_n((const u32 *)s->in[0], __ATOMIC_RELAXED);
		break;
	case PVTB_STEP_WRITE32:
		__atomic_store_n((u32 *)s->in[0], (u32)s->in[1], __ATOMIC_RELAXED);
		break;
	case PVTB_STEP_EXIT:
		__atomic_store_n((u32 *)(PVTB_GPA_MMIO + PVTB_MMIO_NOP), 0, __ATOMIC_RELAXED);
		break;
	case PVTB_STEP_COUNT:
		break;
	case PVTB_STEP_SPIN:
		while (arch_counter() - start < s->in[0])
			arch_relax();
		break;
	case PVTB_STEP_IDLE:
		arch_idle();
		break;
	case PVTB_STEP_REST:
		while (arch_counter() - start < s->in[0])
			arch_idle();
		break;
	case PVTB_STEP_LPT:
		read_lpt(s);
		break;
	default:
		arch_step(s);
		break;
	}
}

PVTB_OP_ENTRY(stream, "stream")
{
	struct pvtb_step *s = (struct pvtb_step *)ctl->args[0];
	struct pvtb_done done = {0};
	u64 n = ctl->args[1];
	u64 i;

	for (i = 0; i < n; i++) {
		/* A fault inside says which step it was. */
		ctl->ret[0] = i;
		s[i].t0 = arch_counter();
		step(&s[i]);
		s[i].t1 = arch_counter();
		s[i].done = 1;
	}
	done.ops = n;
	done.ret[0] = n;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
