/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The eBPF programs of a session: which there are, what each of them records, and how they are
 * loaded and attached. A program that the kernel refuses costs the facts it records and no others.
 */
#ifndef PVTB_PROGRAMS_H
#define PVTB_PROGRAMS_H

#include "core/err.h"
#include "core/util.h"
#include "trace/facts.h"

struct trace_bpf;
struct bpf_link;
struct bpf_program;

struct pvtb_programs {
	struct trace_bpf *skel;
	bool can_cast; /* set before: the programs may use bpf_rdonly_cast() */
	struct bpf_link *exit_link, *entry_link, *user_link;
	u32 facts;   /* what is recorded, or can be once the exits are attached */
	u32 refused; /* programs that would not load or attach, by their place in the table */
	u32 wanted;  /* programs that were asked for, the same */
	struct pvtb_err why[PVTB_NR_PROGRAMS];
};

/*
 * Load what records @facts, and attach it, but for the programs of exits. 0 also when some are
 * refused; negative errno when nothing can be recorded at all: without the switches, or with no
 * way to register a thread.
 */
int pvtb_programs_load(struct pvtb_programs *p, u32 facts, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_programs_unload(struct pvtb_programs *p);

int pvtb_programs_attach_exits(struct pvtb_programs *p, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_programs_detach_exits(struct pvtb_programs *p);

/* 0: all of @facts are recorded. -EOPNOTSUPP: not, and the first reason. */
int pvtb_programs_need(const struct pvtb_programs *p, u32 facts, struct pvtb_err *err);

/* How often a program was not run because it was running on that CPU already, of all programs. */
u64 pvtb_programs_missed(const struct pvtb_programs *p);

/* Run one here, or on @cpu (-1: wherever this thread is). */
int pvtb_programs_run(const struct bpf_program *prog, int cpu, u64 arg, u32 *ret_value);

#endif
