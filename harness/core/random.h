/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that look random and repeat: the same seed gives the same sequence everywhere, for ever.
 * splitmix64 (Steele, Lea, Flood 2014). Not for secrets.
 */
#ifndef PVTB_CORE_RANDOM_H
#define PVTB_CORE_RANDOM_H

#include "core/util.h"

/* A bijection of 64 bits that spreads every bit over all. */
static inline u64 pvtb_mix64(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* @state is the seed at first. */
static inline u64 pvtb_random(u64 *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return pvtb_mix64(*state);
}

/* 0 .. @n - 1; n must not be 0. */
static inline u64 pvtb_random_below(u64 *state, u64 n)
{
	return (u64)((u128)pvtb_random(state) * n >> 64);
}

#endif
