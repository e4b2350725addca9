// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what a latency variant is checked by besides its exits: single samples against batches, a
 * native read against the host's own, and the conditions of both. Decides by numbers alone, so that a
 * test can ask without a VM.
 */
#include "bench/latency/checks.h"

#include <math.h>

/* The longest batch lasts at least so many ticks and so long: a fast counter's 200 ticks are 67 ns. */
#define LONGEST_BATCH_TICKS 200
#define LONGEST_BATCH_NS    20000.0

/* Single and batch: the tick, and of what is left the greater of a share and a time. Back to back, an
 * operation overlaps with its neighbours and finds warm what it left. */
#define AGREE_SHARE  0.25
#define AGREE_NS     50.0
#define AGREE_VMM    0.005 /* instructions: the host's scheduler is in what leaves for user space */
#define STEADY_SHARE 0.10
#define STEADY_NS    10.0

/* A read that traps costs hundreds of instructions, and ten times a native read's time. */
#define NATIVE_INSNS 20.0
#define NATIVE_TIMES 3.0
#define NATIVE_NS    30.0

static double ns_as_ticks(double ns, u64 hz)
{
	return ns * (double)hz / 1e9;
}

double latency_longest_ticks(const struct latency_conditions *c)
{
	if (c->deterministic)
		return LONGEST_BATCH_TICKS;
	return fmax(LONGEST_BATCH_TICKS, ns_as_ticks(LONGEST_BATCH_NS, c->hz));
}

bool latency_steady(const struct latency_conditions *c, double before, double after)
{
	double allowed = 1;

	if (!c->deterministic)
		allowed += fmax(STEADY_SHARE * fmax(before, after), ns_as_ticks(STEADY_NS, c->hz));
	return fabs(before - after) <= allowed;
}

static double agree_allowance(const struct latency_conditions *c, double most, bool to_vmm)
{
	if (c->deterministic)
		return to_vmm ? AGREE_VMM * most : 0;
	return fmax(AGREE_SHARE * most, ns_as_ticks(AGREE_NS, c->hz));
}

enum pvtb_status latency_causality(u64 violations, u64 pairs)
{
	if (violations)
		return PVTB_FAIL;
	return pairs ? PVTB_OK : PVTB_SKIP;
}

enum pvtb_status latency_agree(const struct latency_conditions *c,
			       const struct latency_agreement *a, char *why, size_t size)
{
	double most = fmax(fabs(a->single), fabs(a->batch));
	double allowed = agree_allowance(c, most, a->to_vmm);
	/* as far as the batches' own interval reaches towards it */
	double nearest = fmin(fmax(a->single, a->batch_low), a->batch_high);
	double apart = fabs(a->single - nearest);

	snprintf(why, size, "single %.2f, per op in a batch %.2f ticks, allowed 1 and %.2f",
		 a->single, a->batch, allowed);
	if (c->emulated && !c->deterministic) {
		snprintf(why, size, "an emulator's time is not judged");
		return PVTB_SKIP;
	}
	if (!latency_steady(c, a->empty_before, a->empty_after)) {
		snprintf(
			why, size,
			"the empty loop took %.0f ticks before and %.0f after: the CPU's rate moved",
			a->empty_before, a->empty_after);
		return PVTB_INCONCLUSIVE;
	}
	return apart <= 1 + allowed ? PVTB_OK : PVTB_FAIL;
}

enum pvtb_status latency_native(const struct latency_conditions *c, double guest, double host,
				bool broken_offset, char *why, size_t size)
{
	double most = c->deterministic
			      ? host + NATIVE_INSNS
			      : fmax(NATIVE_TIMES * host, host + ns_as_ticks(NATIVE_NS, c->hz));

	snprintf(why, size, "a read costs %.2f ticks, the host's own %.2f", guest, host);
	if (c->emulated && !c->deterministic) {
		snprintf(why, size, "an emulator's time is not judged");
		return PVTB_SKIP;
	}
	if (guest <= most)
		return PVTB_OK;
	if (broken_offset) {
		snprintf(why, size,
			 "a read costs %.2f ticks, the host's own %.2f: this CPU's CNTVOFF_EL2 is "
			 "broken, KVM answers each read at EL2",
			 guest, host);
		return PVTB_OK;
	}
	snprintf(
		why, size,
		"a read costs %.2f ticks, the host's own %.2f: it traps where no exit is seen (EL2, or "
		"a hypervisor below)",
		guest, host);
	return PVTB_FAIL;
}

double latency_host_read(enum pvtb_arch_read what)
{
	static const u64 reads[] = {256, 512};
	double best[2][2];

	for (unsigned int k = 0; k < 2; k++)
		for (unsigned int n = 0; n < 2; n++) {
			best[k][n] = INFINITY;
			/* the shortest: what else the host did is in the others */
			for (unsigned int i = 0; i < 64; i++)
				best[k][n] = fmin(best[k][n],
						  (double)pvtb_arch_read_loop(
							  k ? what : PVTB_READ_NOTHING, reads[n]));
		}
	return (best[1][1] - best[1][0] - (best[0][1] - best[0][0])) /
	       (double)(reads[1] - reads[0]);
}

/* arch/arm64/include/asm/cputype.h: implementer 0x51, part 1. */
bool latency_broken_offset(void)
{
	FILE *f PVTB_FCLOSE =
		fopen("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "re");
	unsigned long long midr = 0;

	return f && fscanf(f, "%llx", &midr) == 1 && (midr >> 24 & 0xff) == 0x51 &&
	       (midr >> 4 & 0xfff) == 1;
}
