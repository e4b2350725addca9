// SPDX-License-Identifier: GPL-2.0-only
/* How every op ends, and the one op that is the same everywhere: nothing. */
#include "lib/op.h"

void pvtb_op_finish(struct pvtb_ctl *ctl, enum pvtb_cmd_status status, const struct pvtb_done *done)
{
	ctl->ops = done->ops;
	ctl->t_begin = done->t_begin;
	ctl->t_end = done->t_end;
	for (int i = 0; i < 4; i++)
		ctl->ret[i] = done->ret[i];
	ctl->counter_hz = arch_counter_hz();
	/* Pairs with the harness's acquire load after the doorbell's exit. */
	__atomic_store_n(&ctl->status, status, __ATOMIC_RELEASE);
	for (;;)
		arch_doorbell();
}

/* What the measurement itself costs. */
PVTB_OP(empty, "empty", , )
