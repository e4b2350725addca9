// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal.idle: the guest sleeps until a timer wakes it. On arm64 that is its own, and it sleeps in KVM;
 * on x86 it halts, KVM has no irqchip, and the VMM sleeps for it.
 */
#include "bench/steal/steal.h"

static const struct pvtb_steal_scenario idle = {
	.name = "idle",
	.summary = "an idle guest: WFI or HLT until a timer, 250 times a second; must not count "
		   "as stolen",
	.sleeps = true,
	.op = "sample_steal_idle",
	.sample_hz = 250,
	.causes = PVTB_STEAL_SLEEP,
	.min_share = 0.3,
};
PVTB_STEAL_SCENARIO(idle);
