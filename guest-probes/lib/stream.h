/* SPDX-License-Identifier: GPL-2.0-only */
/* What a step of a command stream does where the architectures agree; the rest is arch_step()'s. */
#ifndef PVTB_GUEST_LIB_STREAM_H
#define PVTB_GUEST_LIB_STREAM_H

#include "abi/stream.h"
#include "lib/op.h"

/* guest-probes/<arch>/stream.c. */
void arch_step(struct pvtb_step *s);
void arch_idle(void);

#endif
