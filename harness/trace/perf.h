/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host hardware counters of one thread through libperf: cycles and instructions, guest and host
 * apart (exclude_host / exclude_guest). A counter the machine lacks is reported as absent.
 */
#ifndef PVTB_PERF_H
#define PVTB_PERF_H

#include "core/err.h"
#include "core/util.h"

enum pvtb_perf_counter {
	PVTB_PERF_CYCLES_GUEST,
	PVTB_PERF_CYCLES_HOST,
	PVTB_PERF_INSNS_GUEST,
	PVTB_PERF_INSNS_HOST,
	PVTB_PERF_NR,
};

struct pvtb_perf_values {
	bool present[PVTB_PERF_NR];
	u64 value[PVTB_PERF_NR]; /* scaled for multiplexing */
	bool multiplexed;
};

struct pvtb_perf;
const char *pvtb_perf_name(enum pvtb_perf_counter c); /* "cycles:G" ... as perf names them */
/* Open for the thread @tid (0: the caller). -ENOTSUP when none of the counters exists. */
int pvtb_perf_open(int tid, struct pvtb_perf **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_perf_read(struct pvtb_perf *perf, struct pvtb_perf_values *ret,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_perf_close(struct pvtb_perf *perf);

#endif
