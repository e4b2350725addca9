/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a latency variant is checked by besides its exits. All values are ticks of the counter; where
 * instructions are counted one tick is one of them.
 */
#ifndef PVTB_BENCH_LATENCY_CHECKS_H
#define PVTB_BENCH_LATENCY_CHECKS_H

#include "arch/counter.h"
#include "results/result.h"

struct latency_conditions {
	bool deterministic, emulated;
	u64 hz;
};

/* How long the longest batch has to last. */
double latency_longest_ticks(const struct latency_conditions *c);
/* Are two measurements of the empty loop, before and after, one value? */
bool latency_steady(const struct latency_conditions *c, double before, double after);

struct latency_agreement {
	double single;			     /* p50 of single operations, less the empty loop's */
	double batch, batch_low, batch_high; /* slope over batches, less the empty loop's */
	double empty_before, empty_after;    /* p50 of the empty loop */
	bool to_vmm;			     /* leaves for user space */
};

/*
 * Single samples and batches are two ways to the same number: within the tick and, where time is
 * measured, a quarter of it or 50 ns; where instructions are counted nothing more, or 0.5 % for what
 * leaves for user space. SKIP: an emulator's time. INCONCLUSIVE: the empty loop did not hold still.
 */
enum pvtb_status latency_agree(const struct latency_conditions *c,
			       const struct latency_agreement *a, char *why, size_t size);

/*
 * No exit seen is not "no trap": the guest's read (per op, less the empty loop's) against the host's
 * own of the same kind. @broken_offset: this CPU is known for it.
 */
enum pvtb_status latency_native(const struct latency_conditions *c, double guest, double host,
				bool broken_offset, char *why, size_t size);
/* Nothing was in a wrong order where something was paired; where there are no exits, nothing is said. */
enum pvtb_status latency_causality(u64 violations, u64 pairs);
/* The host's own read, on this CPU, in ticks. */
double latency_host_read(enum pvtb_arch_read what);
/* A CPU whose CNTVOFF_EL2 KVM cannot use: it traps every read of the virtual counter. */
bool latency_broken_offset(void);

#endif
