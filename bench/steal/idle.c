// SPDX-License-Identifier: GPL-2.0-only
/* steal.idle: the guest sleeps until its timer wakes it. */
#include "bench/steal/steal.h"

static const struct pvtb_steal_scenario idle = {
	.name = "idle",
	.summary =
		"an idle guest: WFI until its timer, 250 times a second; must not count as stolen",
	.archs = PVTB_ARCH_ARM64,
	.irqchip = true,
	.op = "sample_steal_idle",
	.sample_hz = 250,
	.causes = PVTB_STEAL_SLEEP,
	.min_share = 0.3,
};
PVTB_STEAL_SCENARIO(idle);
