/* SPDX-License-Identifier: GPL-2.0-only */
/* Moves a thread from CPU to CPU, every few milliseconds, and puts its CPUs back. */
#ifndef PVTB_LOAD_MOVER_H
#define PVTB_LOAD_MOVER_H

#include "load/task.h"

#define PVTB_MOVER_MAX_CPUS 16

struct pvtb_mover_spec {
	pid_t tid;
	unsigned int nr_cpus; /* 2 .. PVTB_MOVER_MAX_CPUS */
	int cpus[PVTB_MOVER_MAX_CPUS];
	u64 period_ns; /* at least 100 us */
};

struct pvtb_mover;

/* The first move is made before it returns, so a CPU that cannot be used is told here. */
int pvtb_mover_start(const struct pvtb_mover_spec *spec, struct pvtb_mover **ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ends, puts the thread's CPUs back, frees; NULL is fine. *@ret_moves (may be NULL): how many
 * there were. The error, if any, is what ended the moving early; a thread that has gone is none. */
int pvtb_mover_stop(struct pvtb_mover *mover, u64 *ret_moves, struct pvtb_err *err);

#endif
