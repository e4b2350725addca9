// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the line between the host counter and CLOCK_MONOTONIC and the conversions along it. All
 * integers, 128 bits where products need them: a rounded nanoseconds-per-tick is off by tens of
 * ppm, which is milliseconds after a minute. Knows nothing of where the pairs come from.
 */
#include "timeline/clock.h"

#include <inttypes.h>
#include <math.h>

#include "arch/counter.h"

/* Products of two of these and a factor 2 stay inside a signed 128-bit integer. */
#define CLOCK_RANGE (1ULL << 62)

struct slope {
	u64 num; /* ns */
	u64 den; /* ticks */
};

void pvtb_clock_pair_now(unsigned int tries, struct pvtb_clock_pair *ret)
{
	struct pvtb_clock_pair best = {0};
	unsigned int i = 0;

	do {
		struct pvtb_clock_pair p;

		p.c0_ticks = pvtb_arch_counter();
		p.mono_ns = pvtb_mono_ns();
		p.c1_ticks = pvtb_arch_counter();
		if (i == 0 || p.c1_ticks - p.c0_ticks < best.c1_ticks - best.c0_ticks)
			best = p;
	} while (++i < tries);
	*ret = best;
}

static u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 r = a % b;

		a = b;
		b = r;
	}
	return a;
}

static struct slope lowest_terms(u64 num, u64 den)
{
	u64 g = gcd(num, den);

	return (struct slope){num / g, den / g};
}

static int slope_cmp(const void *a, const void *b)
{
	const struct slope *x = a, *y = b;
	u128 l = (u128)x->num * y->den, r = (u128)y->num * x->den;

	return l < r ? -1 : l > r;
}

static s128 floor_div(s128 a, s128 b) /* b > 0 */
{
	s128 q = a / b;

	return a % b < 0 ? q - 1 : q;
}

static s128 ceil_div(s128 a, s128 b)
{
	return -floor_div(-a, b);
}

/* Twice the middle of a pair's bracket, from @ref. The counter showed c1 at the end, so the time
 * was before c1 + 1. */
static u64 middle2(const struct pvtb_clock_pair *p, u64 ref)
{
	return (p->c0_ticks - ref) + (p->c1_ticks - ref) + 1;
}

static int check_pairs(const struct pvtb_clock_pair *p, unsigned int n, struct pvtb_err *err)
{
	for (unsigned int i = 0; i < n; i++) {
		/* Modulo 2^64: what looks enormous went backwards. */
		if (p[i].c1_ticks - p[i].c0_ticks >= CLOCK_RANGE)
			return pvtb_err_set(err, -EINVAL, "clock alignment",
					    "the counter went back inside pair %u", i);
		if (i == 0)
			continue;
		if (p[i].c0_ticks - p[i - 1].c1_ticks >= 1ULL << 63)
			return pvtb_err_set(err, -EINVAL, "clock alignment",
					    "the counter went back between pairs %u and %u", i - 1,
					    i);
		if (p[i].mono_ns <= p[i - 1].mono_ns)
			return pvtb_err_set(err, -EINVAL, "clock alignment",
					    "the clock did not advance between pairs %u and %u",
					    i - 1, i);
	}
	/* A quarter of the range: middle2() doubles, and so does the slope. */
	if (p[n - 1].c1_ticks - p[0].c0_ticks >= CLOCK_RANGE / 4 ||
	    p[n - 1].mono_ns - p[0].mono_ns >= CLOCK_RANGE / 2)
		return pvtb_err_set(err, -ERANGE, "clock alignment",
				    "the pairs span more than the arithmetic holds");
	return 0;
}

/* Theil's incomplete method: pair i against pair i + n/2. Half a run is a long lever, each pair
 * is used once, and one bad pair cannot move the median. */
static int theil_slope(const struct pvtb_clock_pair *p, unsigned int n, struct slope *ret)
{
	unsigned int far = (n + 1) / 2, m = n / 2;
	struct slope *s PVTB_FREE = calloc(m, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (unsigned int i = 0; i < m; i++)
		s[i] = lowest_terms(2 * (p[i + far].mono_ns - p[i].mono_ns),
				    middle2(&p[i + far], p[0].c0_ticks) -
					    middle2(&p[i], p[0].c0_ticks));
	qsort(s, m, sizeof(*s), slope_cmp);
	*ret = s[(m - 1) / 2];
	return 0;
}

/* Height of the line with the smallest largest residual, to the nearest ns, and that residual.
 * In units of 1 / (2 * den) ns everything is an integer. */
static void fit_height(const struct pvtb_clock_pair *p, unsigned int n, struct pvtb_clock_map *map)
{
	s128 unit = 2 * (s128)map->den, low = 0, high = 0, up, worst;

	for (unsigned int i = 0; i < n; i++) {
		s128 off = unit * (s128)(p[i].mono_ns - p[0].mono_ns) -
			   (s128)middle2(&p[i], p[0].c0_ticks) * (s128)map->num;

		if (i == 0 || off < low)
			low = off;
		if (i == 0 || off > high)
			high = off;
	}
	up = floor_div((low + high) / 2 + (s128)map->den, unit);
	map->ns0 = p[0].mono_ns + (u64)up;
	worst = high - up * unit;
	if (up * unit - low > worst)
		worst = up * unit - low;
	map->residual_ns = (u64)ceil_div(worst, unit);
}

static double rate_ppm(const struct pvtb_clock_map *map, u64 nominal_hz)
{
	if (!nominal_hz)
		return (double)NAN;
	return ((double)PVTB_NSEC_PER_SEC * (double)map->den /
			((double)map->num * (double)nominal_hz) -
		1) *
	       1e6;
}

int pvtb_clock_fit(const struct pvtb_clock_pair *pairs, unsigned int n, u64 nominal_hz,
		   s64 delta_ticks, u64 delta_unc_ticks, struct pvtb_clock_map *ret,
		   struct pvtb_err *err)
{
	struct pvtb_clock_map map = {.delta_ticks = delta_ticks, .pairs = n};
	struct slope rate;
	u64 bracket = 0;
	u128 unc;
	int rc;

	if (n == 0)
		return pvtb_err_set(err, -EINVAL, "clock alignment", "no pairs");
	if (n == 1 && (!nominal_hz || nominal_hz >= CLOCK_RANGE))
		return pvtb_err_set(err, -EINVAL, "clock alignment",
				    "one pair and no usable nominal frequency");
	rc = check_pairs(pairs, n, err);
	if (rc)
		return rc;
	if (n == 1) {
		rate = lowest_terms(PVTB_NSEC_PER_SEC, nominal_hz);
	} else {
		rc = theil_slope(pairs, n, &rate);
		if (rc)
			return pvtb_err_sys(err, rc, "clock alignment");
	}
	if (!rate.den)
		return pvtb_err_set(err, -EINVAL, "clock alignment",
				    "the counter does not advance");
	map.num = rate.num;
	map.den = rate.den;
	map.c0_ticks = pairs[0].c0_ticks;
	fit_height(pairs, n, &map);
	for (unsigned int i = 0; i < n; i++) {
		u64 width = pairs[i].c1_ticks - pairs[i].c0_ticks + 1;

		if (width > bracket)
			bracket = width;
	}
	/* 1 ns: the clock itself shows whole ones. */
	unc = map.residual_ns + 1;
	unc += (u128)ceil_div((s128)bracket * (s128)map.num, 2 * (s128)map.den);
	unc += ((u128)delta_unc_ticks * map.num + map.den - 1) / map.den;
	if (unc >= CLOCK_RANGE)
		return pvtb_err_set(err, -ERANGE, "clock alignment",
				    "guest offset uncertain by %" PRIu64 " ticks", delta_unc_ticks);
	map.unc_ns = (u64)unc;
	map.ppm = rate_ppm(&map, nominal_hz);
	*ret = map;
	return 0;
}

/* Signed distance of a guest tick from the reference, by wrapping arithmetic. */
static s64 from_ref(const struct pvtb_clock_map *map, u64 guest_ticks)
{
	return (s64)(guest_ticks - (u64)map->delta_ticks - map->c0_ticks);
}

u64 pvtb_clock_to_ns(const struct pvtb_clock_map *map, u64 guest_ticks)
{
	s128 dist = (s128)from_ref(map, guest_ticks) * (s128)map->num;

	return map->ns0 + (u64)floor_div(dist, (s128)map->den);
}

u64 pvtb_clock_to_guest(const struct pvtb_clock_map *map, u64 mono_ns)
{
	s128 dist = (s128)(s64)(mono_ns - map->ns0) * (s128)map->den;

	return map->c0_ticks + (u64)map->delta_ticks + (u64)ceil_div(dist, (s128)map->num);
}

u64 pvtb_clock_tick_ns(const struct pvtb_clock_map *map)
{
	return (map->num + map->den - 1) / map->den;
}

void pvtb_clock_cursor_init(struct pvtb_clock_cursor *cur, const struct pvtb_clock_map *map)
{
	cur->map = map;
	cur->ticks = map->c0_ticks + (u64)map->delta_ticks;
	cur->ns = map->ns0;
	cur->rem = 0;
}

u64 pvtb_clock_cursor_seek(struct pvtb_clock_cursor *cur, u64 guest_ticks)
{
	const struct pvtb_clock_map *map = cur->map;
	s128 dist = (s128)from_ref(map, guest_ticks) * (s128)map->num;
	s128 q = floor_div(dist, (s128)map->den);

	cur->ticks = guest_ticks;
	cur->ns = map->ns0 + (u64)q;
	cur->rem = (u64)(dist - q * (s128)map->den);
	return cur->ns;
}

u64 pvtb_ticks_to_ps(u64 ticks, u64 hz)
{
	u128 ps;

	if (!hz)
		return UINT64_MAX;
	ps = ((u128)ticks * 1000000000000ULL + hz / 2) / hz;
	return ps > UINT64_MAX ? UINT64_MAX : (u64)ps;
}
