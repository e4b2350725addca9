/* SPDX-License-Identifier: GPL-2.0-only */
/* Owns the arithmetic of a guest counter of another frequency than the host's. Knows no VM. */
#ifndef PVTB_VMM_SCALE_H
#define PVTB_VMM_SCALE_H

#include "core/err.h"
#include "core/util.h"

/* Can a host whose counter has @host_hz give a guest one of @guest_hz? 0: yes, and *ret_scaled says
 * whether KVM scales: what is within its tolerance runs at the host's own rate. -EOPNOTSUPP: it would have
 * to scale, and @can is false. */
int pvtb_scale_check(u64 guest_hz, u64 host_hz, bool can, bool *ret_scaled,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ticks of a guest's counter of @guest_hz in @ticks of the host's, downwards. */
s64 pvtb_scale_ticks(s64 ticks, u64 guest_hz, u64 host_hz);

#endif
