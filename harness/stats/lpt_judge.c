// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the names of what can be wrong with Live Physical Time. Differences are taken in 128-bit
 * integers; floating point only turns the result into a figure.
 */
#include "stats/lpt_judge.h"

#include <inttypes.h>
#include <math.h>

/* A wrong ratio is recognised by its value, this near: whole ticks and rounding are in it. */
#define SAME_RATE      1e-6
/* Beyond that a rate error is not rounding any more. */
#define ROUNDING_ABOVE 0x1p-16
/* A remainder by a power of two says something where that is far above what is allowed. */
#define TELLING	       64

struct judged {
	u64 native_hz, pv_hz;
	u64 mult; /* as it should be */
	u32 fracbits;
	const struct pvtb_sample *pairs;
	size_t n;
	struct pvtb_sample first, last; /* by their counter */
};

const char *pvtb_lpt_fault_name(enum pvtb_lpt_fault f)
{
	static const char *const names[PVTB_LPT_FAULTS] = {
		[PVTB_LPT_FAULT_NONE] = "exact",
		[PVTB_LPT_FAULT_TRUNCATED] = "the value is truncated",
		[PVTB_LPT_FAULT_TRUNCATED_HZ] = "a frequency is truncated to 32 bits",
		[PVTB_LPT_FAULT_TRUNCATED_COEFFICIENT] = "the coefficient is truncated to 32 bits",
		[PVTB_LPT_FAULT_TWICE] = "rescaled twice",
		[PVTB_LPT_FAULT_UNSCALED] = "not scaled",
		[PVTB_LPT_FAULT_INVERTED] = "scaled the other way round",
		[PVTB_LPT_FAULT_ROUNDED] = "the coefficient is rounded",
		[PVTB_LPT_FAULT_RATE] = "another rate",
		[PVTB_LPT_FAULT_OFFSET] = "the rate is right, values are not",
		[PVTB_LPT_FAULT_PER_VCPU] = "vCPUs are told different things",
		[PVTB_LPT_FAULT_SEQUENCE] = "an update does not move the sequence number",
		[PVTB_LPT_FAULT_SEQUENCE_REPEATS] = "the sequence number repeats",
		[PVTB_LPT_FAULT_SEQUENCE_PER_VCPU] = "updated once per vCPU, not once per run",
		[PVTB_LPT_FAULT_SEQUENCE_STEP] = "the sequence number does not move by 2 a run",
	};

	return (unsigned int)f < PVTB_LPT_FAULTS && names[f] ? names[f] : "?";
}

/* Exact minus value; a value never differs from the exact one by 2^63 and more unless it is wrong
 * anyway, and then which way does not matter. */
static s128 error_of(const struct judged *j, const struct pvtb_sample *p)
{
	return (s128)((u128)p->t0 * j->pv_hz / j->native_hz) - (s128)p->t1;
}

/* Whole ticks by which a right value may be below the exact one: 1 + n * 2^-fracbits, rounded up. */
static u64 allowed(const struct judged *j, const struct pvtb_sample *p)
{
	return 1 + (p->t0 >> j->fracbits) + 1;
}

static bool within(const struct judged *j, const struct pvtb_sample *p)
{
	s128 e = error_of(j, p);

	return e >= 0 && e < (s128)allowed(j, p);
}

static u128 magnitude(s128 e)
{
	return e < 0 ? 0 - (u128)e : (u128)e;
}

static void worst_of(const struct judged *j, struct pvtb_lpt_result *r)
{
	u128 worst = 0;
	bool any = false;

	for (size_t i = 0; i < j->n; i++) {
		s128 e = error_of(j, &j->pairs[i]);

		if (any && magnitude(e) <= worst)
			continue;
		any = true;
		worst = magnitude(e);
		r->error_ticks = (double)e;
		r->error_ns = (double)e * 1e9 / (double)j->pv_hz;
		r->allowed_ticks = (double)allowed(j, &j->pairs[i]);
	}
}

/* Relative: 0 when the values advance as they should. */
static double rate_error(const struct judged *j)
{
	u64 ticks = j->last.t0 - j->first.t0;
	s128 got = (s128)j->last.t1 - (s128)j->first.t1;
	/* got < 2^65, Hz < 2^33 as a rule; what is beyond is wrong by so much that rounding it is
	 * no matter */
	u128 should = (u128)ticks * j->pv_hz;
	s128 is;

	if (__builtin_mul_overflow(got, (s128)j->native_hz, &is) || should >> 127)
		return (double)got / ((double)ticks * (double)j->pv_hz / (double)j->native_hz) - 1;
	return (double)(is - (s128)should) / (double)should;
}

/* The values are what they should be but for the bits from @k on. */
static bool truncated_to(const struct judged *j, unsigned int k)
{
	if (1ULL << k < TELLING * allowed(j, &j->last))
		return false;
	for (size_t i = 0; i < j->n; i++) {
		u64 rest = (u64)error_of(j, &j->pairs[i]) & ((1ULL << k) - 1);

		if (j->pairs[i].t1 >> k || rest >= allowed(j, &j->pairs[i]))
			return false;
	}
	return true;
}

/* Few readings may fit several lengths: the likely one first. */
static bool truncated(const struct judged *j, unsigned int *ret_bits)
{
	static const unsigned int likely = 32;

	for (unsigned int k = 0; k < 64; k++) {
		*ret_bits = k ? k : likely;
		if (truncated_to(j, *ret_bits))
			return true;
	}
	return false;
}

static bool near(double rate, double of)
{
	return of > 0 && fabs(rate / of - 1) < SAME_RATE;
}

static enum pvtb_lpt_fault fault_of_rate(const struct judged *j, double relative)
{
	double ratio = (double)j->pv_hz / (double)j->native_hz;
	/* not from @relative, which has no digits left where hardly anything of the rate is */
	double rate =
		((double)j->last.t1 - (double)j->first.t1) / (double)(j->last.t0 - j->first.t0);
	double cut_native = (double)(u32)j->native_hz, cut_pv = (double)(u32)j->pv_hz;

	if (fabs(relative) < ROUNDING_ABOVE)
		return PVTB_LPT_FAULT_ROUNDED;
	if (near(rate, ratio * ratio))
		return PVTB_LPT_FAULT_TWICE;
	if (near(rate, 1))
		return PVTB_LPT_FAULT_UNSCALED;
	if (near(rate, 1 / ratio))
		return PVTB_LPT_FAULT_INVERTED;
	if ((j->native_hz >> 32 && cut_native > 0 && near(rate, (double)j->pv_hz / cut_native)) ||
	    (j->pv_hz >> 32 && near(rate, cut_pv / (double)j->native_hz)))
		return PVTB_LPT_FAULT_TRUNCATED_HZ;
	if (near(rate, ldexp((double)(u32)j->mult, -(int)j->fracbits)))
		return PVTB_LPT_FAULT_TRUNCATED_COEFFICIENT;
	return PVTB_LPT_FAULT_RATE;
}

static void name_fault(const struct judged *j, double relative, struct pvtb_lpt_result *r)
{
	const char *name;
	unsigned int bits;

	if (truncated(j, &bits)) {
		r->fault = PVTB_LPT_FAULT_TRUNCATED;
		snprintf(r->verdict, sizeof(r->verdict), "%s to %u bits",
			 pvtb_lpt_fault_name(r->fault), bits);
		return;
	}
	if (fabs(relative) * 1e9 <= r->rate_unc_ppb) {
		r->fault = PVTB_LPT_FAULT_OFFSET;
		snprintf(r->verdict, sizeof(r->verdict), "%s: off by %.0f ticks",
			 pvtb_lpt_fault_name(r->fault), r->error_ticks);
		return;
	}
	r->fault = fault_of_rate(j, relative);
	name = pvtb_lpt_fault_name(r->fault);
	if (r->fault == PVTB_LPT_FAULT_ROUNDED) {
		r->good_bits = -log2(fabs(relative));
		snprintf(r->verdict, sizeof(r->verdict),
			 "%s: good to %.1f bits, rate error %.3g ppb, %.0f ticks after %.3g s",
			 name, r->good_bits, r->rate_ppb, r->error_ticks,
			 (double)j->last.t0 / (double)j->native_hz);
		return;
	}
	snprintf(r->verdict, sizeof(r->verdict), "%s: %.9g of the rate promised", name,
		 1 + relative);
}

int pvtb_lpt_judge(u64 native_hz, u64 pv_hz, const struct pvtb_sample *pairs, size_t n,
		   struct pvtb_lpt_result *ret, struct pvtb_err *err)
{
	struct judged j = {.native_hz = native_hz, .pv_hz = pv_hz, .pairs = pairs, .n = n};
	struct pvtb_lpt_result r = {.n = n};
	double relative;
	bool right = true;
	int code = pvtb_lpt_coefficient(native_hz, pv_hz, &j.mult, &j.fracbits);

	if (code || n < 2)
		return pvtb_err_set(err, -EINVAL, "LPT",
				    "%zu readings, %" PRIu64 " to %" PRIu64 " Hz", n, native_hz,
				    pv_hz);
	j.first = j.last = pairs[0];
	for (size_t i = 0; i < n; i++) {
		if (pairs[i].t0 < j.first.t0)
			j.first = pairs[i];
		if (pairs[i].t0 > j.last.t0)
			j.last = pairs[i];
		right &= within(&j, &pairs[i]);
	}
	r.span_ticks = j.last.t0 - j.first.t0;
	if (!r.span_ticks)
		return pvtb_err_set(err, -EINVAL, "LPT", "the counter stands still");
	worst_of(&j, &r);
	relative = rate_error(&j);
	r.rate_ppb = relative * 1e9;
	r.rate_unc_ppb = 2e9 * (double)native_hz / (double)pv_hz / (double)r.span_ticks;
	if (right)
		snprintf(r.verdict, sizeof(r.verdict),
			 "%zu readings, at most %.0f of %.0f ticks allowed below exact", n,
			 r.error_ticks, r.allowed_ticks);
	else
		name_fault(&j, relative, &r);
	*ret = r;
	return 0;
}

enum pvtb_lpt_fault pvtb_lpt_judge_vcpus(const struct pvtb_lpt_result *results, unsigned int n,
					 unsigned int *ret_a, unsigned int *ret_b)
{
	unsigned int low = 0, high = 0;

	for (unsigned int i = 1; i < n; i++) {
		if (results[i].rate_ppb < results[low].rate_ppb)
			low = i;
		if (results[i].rate_ppb > results[high].rate_ppb)
			high = i;
	}
	*ret_a = low < high ? low : high;
	*ret_b = low < high ? high : low;
	return n && results[high].rate_ppb - results[low].rate_ppb >
				       results[high].rate_unc_ppb + results[low].rate_unc_ppb
		       ? PVTB_LPT_FAULT_PER_VCPU
		       : PVTB_LPT_FAULT_NONE;
}

enum pvtb_lpt_fault pvtb_lpt_judge_sequence(u64 before, u64 after, u64 runs, unsigned int nr_vcpus)
{
	/* bit 0 is reserved, the count is above it */
	u64 step = (after & ~1ULL) - (before & ~1ULL);

	if (step == 2 * runs)
		return PVTB_LPT_FAULT_NONE;
	if (!step)
		return PVTB_LPT_FAULT_SEQUENCE;
	if ((s64)step < 0)
		return PVTB_LPT_FAULT_SEQUENCE_REPEATS;
	return nr_vcpus > 1 && step == 2 * runs * nr_vcpus ? PVTB_LPT_FAULT_SEQUENCE_PER_VCPU
							   : PVTB_LPT_FAULT_SEQUENCE_STEP;
}

double pvtb_lpt_coefficient_error(u64 from_hz, u64 to_hz, u64 mult, u32 fracbits)
{
	u128 exact = (u128)to_hz << fracbits;
	s128 rest = (s128)(exact - (u128)mult * from_hz);

	return (double)rest / (double)exact;
}
