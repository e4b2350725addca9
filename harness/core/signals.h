/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGINT and SIGTERM as a flag to be looked at and a descriptor to be polled: the first asks for an
 * orderly end (host state restored, partial result discarded), the second ends the program at once
 * (the guardian then restores the host).
 */
#ifndef PVTB_CORE_SIGNALS_H
#define PVTB_CORE_SIGNALS_H

#include "core/err.h"
#include "core/util.h"

/* Handlers without SA_RESTART: blocking calls, KVM_RUN among them, return EINTR. */
int pvtb_signals_install(struct pvtb_err *err) PVTB_MUST_CHECK;

/* Was the end asked for? Async-signal-safe, callable from any thread. */
bool pvtb_interrupted(void);
/* Readable (POLLIN) once interrupted, and stays so; -1 before pvtb_signals_install(). */
int pvtb_interrupt_fd(void);
/* -EINTR with a text fit for the user when interrupted, 0 otherwise. */
int pvtb_check_interrupted(struct pvtb_err *err);

#endif
