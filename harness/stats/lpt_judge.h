/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is wrong with a provider of Live Physical Time, by its name: from pairs of a native counter
 * and what the guest made of it, against exact rationals in 128 bits. Knows nothing of who provides.
 */
#ifndef PVTB_LPT_JUDGE_H
#define PVTB_LPT_JUDGE_H

#include "stats/lpt.h"

enum pvtb_lpt_fault {
	PVTB_LPT_FAULT_NONE = 0,
	/* of values: */
	PVTB_LPT_FAULT_TRUNCATED,	      /* values keep fewer than 64 bits */
	PVTB_LPT_FAULT_TRUNCATED_HZ,	      /* a frequency was cut to 32 bits */
	PVTB_LPT_FAULT_TRUNCATED_COEFFICIENT, /* a coefficient was cut to its lower 32 bits */
	PVTB_LPT_FAULT_TWICE,		      /* rescaled twice */
	PVTB_LPT_FAULT_UNSCALED,	      /* the native counter */
	PVTB_LPT_FAULT_INVERTED,	      /* PV to native instead of native to PV */
	PVTB_LPT_FAULT_ROUNDED,		      /* the coefficient has too few good bits */
	PVTB_LPT_FAULT_RATE,		      /* another rate, for no reason known here */
	PVTB_LPT_FAULT_OFFSET,		      /* the rate is right, values are not */
	/* of the structure: */
	PVTB_LPT_FAULT_PER_VCPU,	  /* vCPUs are told different things */
	PVTB_LPT_FAULT_SEQUENCE,	  /* an update that does not move the sequence number */
	PVTB_LPT_FAULT_SEQUENCE_REPEATS,  /* a number that was there before */
	PVTB_LPT_FAULT_SEQUENCE_PER_VCPU, /* counts vCPUs, not runs */
	PVTB_LPT_FAULT_SEQUENCE_STEP,	  /* moves by something else than 2 a run */
	PVTB_LPT_FAULTS,
};
const char *pvtb_lpt_fault_name(enum pvtb_lpt_fault f);

struct pvtb_lpt_result {
	enum pvtb_lpt_fault fault;
	char verdict[256]; /* one line with the numbers */
	u64 n;
	u64 span_ticks;	      /* native, first to last */
	double error_ticks;   /* PV; of the reading furthest from exact: exact - value */
	double error_ns;      /* the same */
	double allowed_ticks; /* at that reading */
	double rate_ppb;      /* value's rate against the exact one, first to last */
	double rate_unc_ppb;  /* two ticks over the span: what whole ticks cannot tell */
	double good_bits;     /* ROUNDED: -log2 of the rate error */
};

/*
 * @pairs: (native, value), at least two. What is allowed is what DEN 0057A's coefficients cannot
 * avoid: 0 <= exact - value < 1 + native * 2^-fracbits (stats/lpt.h). -EINVAL: frequencies of 0, too
 * few pairs, pairs that do not advance.
 */
int pvtb_lpt_judge(u64 native_hz, u64 pv_hz, const struct pvtb_sample *pairs, size_t n,
		   struct pvtb_lpt_result *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* Results of @n vCPUs of one VM: 0, or PER_VCPU when their rates differ by more than either's
 * uncertainty; *ret_a and *ret_b are the vCPUs furthest apart. */
enum pvtb_lpt_fault pvtb_lpt_judge_vcpus(const struct pvtb_lpt_result *results, unsigned int n,
					 unsigned int *ret_a, unsigned int *ret_b);

/* Sequence numbers, as the guest read them, around @runs runs of a VM of @nr_vcpus. */
enum pvtb_lpt_fault pvtb_lpt_judge_sequence(u64 before, u64 after, u64 runs, unsigned int nr_vcpus);

/* The rate error of a coefficient as such, exact: (ratio - mult / 2^fracbits) / ratio. */
double pvtb_lpt_coefficient_error(u64 from_hz, u64 to_hz, u64 mult, u32 fracbits);

#endif
