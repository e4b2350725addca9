/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rate of this host's CLOCK_REALTIME and CLOCK_MONOTONIC, as an NTP daemon sets it. It touches
 * everybody on the host: only where the user asked for it, and put back, by the guardian if this
 * process is killed.
 */
#ifndef PVTB_LOAD_ADJTIME_H
#define PVTB_LOAD_ADJTIME_H

#include "core/err.h"
#include "core/guardian.h"
#include "core/util.h"

#define PVTB_ADJTIME_MAX_PPM 500 /* the kernel's own limit */

struct pvtb_adjtime;

/* @ppm faster than it was nominally (negative: slower). -EOPNOTSUPP where we may not. */
int pvtb_adjtime_slew(struct pvtb_guardian *g, int ppm, struct pvtb_adjtime **ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
/* Puts the rate back, looks whether it is, frees; NULL is fine. */
int pvtb_adjtime_restore(struct pvtb_adjtime *a, struct pvtb_err *err);

#endif
