/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plan: at so many nanoseconds after the start do this, then that. Runs in a thread of its own;
 * Ctrl-C and a cancel end it between two steps; what was done and has an undo is undone at the end,
 * in reverse, whichever end it was.
 */
#ifndef PVTB_LOAD_PLAN_H
#define PVTB_LOAD_PLAN_H

#include "core/err.h"
#include "core/util.h"

struct pvtb_plan_step {
	u64 at_ns; /* after the start; steps in ascending order */
	const char *name;
	int (*act)(void *opaque, struct pvtb_err *err); /* an error ends the plan */
	/* may be NULL; called if act returned 0. Blocking acts: see pvtb_plan_cancel_fd(). */
	void (*undo)(void *opaque);
	void *opaque;
};

/* When each step was really done, CLOCK_MONOTONIC (the clock of the eBPF stamps); 0: it was not. */
struct pvtb_plan_done {
	u64 begin_ns, end_ns;
	u64 undo_begin_ns, undo_end_ns;
};

struct pvtb_plan;

/* @steps must outlive the plan. @end_ns: after the start; the undoing begins then (not before the
 * last step). */
int pvtb_plan_start(const struct pvtb_plan_step *steps, size_t nr_steps, u64 end_ns,
		    struct pvtb_plan **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ends it early, from any thread. */
void pvtb_plan_cancel(struct pvtb_plan *plan);
/* Readable once cancelled: for an act that waits (pvtb_load_wait_until()). */
int pvtb_plan_cancel_fd(const struct pvtb_plan *plan);
/* Waits for the end, undoing included. The first error of a step, -EINTR after Ctrl-C, -ECANCELED;
 * @ret_done: nr_steps of them, may be NULL. */
int pvtb_plan_wait(struct pvtb_plan *plan, struct pvtb_plan_done *ret_done,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* Cancels and waits where that has not been done; NULL is fine. */
void pvtb_plan_free(struct pvtb_plan *plan);

/* All of it, for one that may be NULL: cancelled, waited for, freed. That it was cancelled is no error. */
int pvtb_plan_end(struct pvtb_plan **plan, struct pvtb_err *err);

#endif
