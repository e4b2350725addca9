// SPDX-License-Identifier: GPL-2.0-only
/* Owns the histogram: which bin a value falls into, and what a bin stands for. */
#include "stats/hist.h"

static unsigned int bin_of(u64 value)
{
	unsigned int top;

	if (value < 2 * PVTB_HIST_SUB)
		return (unsigned int)value;
	/* The five highest bits: 16..31 in 59 octaves. */
	top = 63 - (unsigned int)__builtin_clzll(value);
	return (top - 4) * PVTB_HIST_SUB + (unsigned int)(value >> (top - 4));
}

static u64 last_of(unsigned int bin)
{
	unsigned int shift;

	if (bin < 2 * PVTB_HIST_SUB)
		return bin;
	shift = bin / PVTB_HIST_SUB - 1;
	return ((u64)(bin % PVTB_HIST_SUB + PVTB_HIST_SUB) << shift) + ((1ULL << shift) - 1);
}

void pvtb_hist_add(struct pvtb_hist *h, u64 value)
{
	if (!h->n || value < h->min)
		h->min = value;
	if (!h->n || value > h->max)
		h->max = value;
	h->n++;
	h->bins[bin_of(value)]++;
}

void pvtb_hist_merge(struct pvtb_hist *to, const struct pvtb_hist *from)
{
	if (!from->n)
		return;
	if (!to->n || from->min < to->min)
		to->min = from->min;
	if (!to->n || from->max > to->max)
		to->max = from->max;
	to->n += from->n;
	for (unsigned int i = 0; i < PVTB_HIST_BINS; i++)
		to->bins[i] += from->bins[i];
}

u64 pvtb_hist_at(const struct pvtb_hist *h, unsigned int per_mille)
{
	u64 rank = (u64)(((u128)h->n * per_mille + 999) / 1000), seen = 0;
	unsigned int bin;

	if (!h->n)
		return 0;
	for (bin = 0; bin < PVTB_HIST_BINS - 1; bin++) {
		seen += h->bins[bin];
		if (seen >= rank && seen)
			break;
	}
	return last_of(bin) < h->max ? last_of(bin) : h->max;
}
