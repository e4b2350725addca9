/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest notes about Live Physical Time while its structure is being updated (op lpt_watch):
 * in the vCPU's scratch page, cleared by the harness before, read by it after the command.
 */
#ifndef PVTB_GUEST_LPT_WATCH_H
#define PVTB_GUEST_LPT_WATCH_H

#include <stdint.h>

#define PVTB_LPT_RETRIES 64 /* the last one: so many and more */

struct pvtb_lpt_watch {
	uint64_t reads;
	uint64_t retries;
	uint64_t retries_max;
	uint64_t updates;	   /* readings whose sequence number was not the one before */
	uint64_t torn;		   /* not what any version of the structure makes of the counter */
	uint64_t backward;	   /* less than the reading before */
	uint64_t counter_backward; /* the native counter itself */
	uint64_t silent;	   /* other coefficients than before, the same number */
	uint64_t seq_backward;	   /* a number less than one seen before */
	uint64_t seq_first;
	uint64_t seq_last;
	uint64_t bad_native; /* of the first torn one: */
	uint64_t bad_value;
	uint64_t bad_expected;
	uint64_t retries_hist[PVTB_LPT_RETRIES]; /* readings by how often they were tried again */
};

_Static_assert(sizeof(struct pvtb_lpt_watch) <= 4096, "fits the scratch page");

#endif
