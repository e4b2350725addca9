/* SPDX-License-Identifier: GPL-2.0-only */
/* Sleeping that Ctrl-C and a cancel both end. */
#ifndef PVTB_LOAD_WAIT_H
#define PVTB_LOAD_WAIT_H

#include "core/err.h"
#include "core/util.h"

/* Until @deadline_ns (CLOCK_MONOTONIC). 0 then; -EINTR when the user interrupted, -ECANCELED when
 * @cancel_fd (-1: none) became readable; both at once for a deadline already past. */
int pvtb_load_wait_until(u64 deadline_ns, int cancel_fd) PVTB_MUST_CHECK;

#endif
