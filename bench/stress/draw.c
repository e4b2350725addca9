// SPDX-License-Identifier: GPL-2.0-only
/* Owns the random streams: seed and vCPU decide them, and nothing that happens. */
#include <string.h>

#include "bench/stress/internal.h"

/* A quarter of all runs of operations is at user level. */
#define USER_SHARE 4
#define RUN_MAX	   128

static u64 weigh(const struct st_op *const *ops, size_t nr, bool user)
{
	u64 sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += st_op_runs_at(ops[i], user) ? ops[i]->weight : 0;
	return sum;
}

void st_draw_begin(struct st_draw *d, enum pvtb_arch arch, u64 seed, unsigned int vcpu)
{
	d->nr_ops = st_ops(arch, &d->ops);
	for (int user = 0; user < 2; user++)
		d->total_weight[user] = weigh(d->ops, d->nr_ops, user);
	d->left = 0;
	d->vcpu = vcpu;
	/* Far apart, whatever the seeds. */
	d->state = pvtb_mix64(seed + 1) ^ pvtb_mix64(~(u64)vcpu);
}

bool st_draw_user(struct st_draw *d)
{
	if (!d->left) {
		d->user = !pvtb_random_below(&d->state, USER_SHARE);
		d->left = 1 + (unsigned int)pvtb_random_below(&d->state, RUN_MAX);
	}
	return d->user;
}

static unsigned int choose(struct st_draw *d)
{
	u64 at = pvtb_random_below(&d->state, d->total_weight[d->user]);
	unsigned int i = 0;

	for (;; i++) {
		u64 weight = st_op_runs_at(d->ops[i], d->user) ? d->ops[i]->weight : 0;

		if (at < weight)
			return i;
		at -= weight;
	}
}

void st_draw_next(struct st_draw *d, struct st_cmd *cmd)
{
	struct st_gen g = {.random = &d->state, .vcpu = d->vcpu};
	struct pvtb_step s;

	cmd->user = st_draw_user(d);
	d->left--;
	cmd->place = choose(d);
	cmd->op = d->ops[cmd->place];
	cmd->vcpu = d->vcpu;
	for (unsigned int i = 0; i < PVTB_STEP_REGS; i++)
		s.in[i] = pvtb_random(&d->state);
	cmd->op->generate(&g, &s);
	cmd->kind = s.kind;
	memcpy(cmd->in, s.in, sizeof(cmd->in));
}

bool st_mutant_hits(const struct st_armed *armed, enum pvtb_arch arch, const struct st_op *op,
		    const u64 *in)
{
	const struct st_op *const *all;
	size_t nr;
	u64 hash = 0x6d7574616e74ULL;
	u128 share = 0;

	if (!armed->op || armed->op != op)
		return false;
	nr = st_ops(arch, &all);
	for (unsigned int i = 0; i < PVTB_STEP_REGS; i++)
		hash = pvtb_mix64(hash ^ in[i]);
	/* One in `every` of all operations is one in every * (this one's part of all) of these. */
	for (int user = 0; user < 2; user++)
		if (st_op_runs_at(op, user))
			share += (u128)armed->every * op->weight * (user ? 1 : USER_SHARE - 1) /
				 (weigh(all, nr, user) * USER_SHARE);
	return !share || hash < (u64)(((u128)1 << 64) / share - (share == 1));
}
