// SPDX-License-Identifier: GPL-2.0-only
/* Owns the random streams: seed and vCPU decide them, and nothing that happens. */
#include <string.h>

#include "bench/stress/internal.h"

static u64 weigh(const struct st_op *const *ops, size_t nr)
{
	u64 sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += ops[i]->weight;
	return sum;
}

void st_draw_begin(struct st_draw *d, enum pvtb_arch arch, u64 seed, unsigned int vcpu)
{
	d->nr_ops = st_ops(arch, &d->ops);
	d->total_weight = weigh(d->ops, d->nr_ops);
	d->vcpu = vcpu;
	/* Far apart, whatever the seeds. */
	d->state = pvtb_mix64(seed + 1) ^ pvtb_mix64(~(u64)vcpu);
}

static unsigned int choose(struct st_draw *d)
{
	u64 at = pvtb_random_below(&d->state, d->total_weight);
	unsigned int i = 0;

	while (at >= d->ops[i]->weight)
		at -= d->ops[i++]->weight;
	return i;
}

void st_draw_next(struct st_draw *d, struct st_cmd *cmd)
{
	struct st_gen g = {.random = &d->state, .vcpu = d->vcpu};
	struct pvtb_step s;

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
	u128 share;

	if (!armed->op || armed->op != op)
		return false;
	nr = st_ops(arch, &all);
	for (unsigned int i = 0; i < PVTB_STEP_REGS; i++)
		hash = pvtb_mix64(hash ^ in[i]);
	/* One in `every` of all operations is weight / total * every of these. */
	share = (u128)armed->every * op->weight / weigh(all, nr);
	return !share || hash < (u64)(((u128)1 << 64) / share - (share == 1));
}
