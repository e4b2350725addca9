/* SPDX-License-Identifier: GPL-2.0-only */
/* What the eBPF programs record, as bits: what a benchmark needs, and what a session has. */
#ifndef PVTB_FACTS_H
#define PVTB_FACTS_H

#include "core/err.h"
#include "core/util.h"

enum pvtb_fact {
	PVTB_FACT_SWITCHES = 1 << 0, /* when a thread has the CPU, and why it leaves */
	PVTB_FACT_WAKEUPS = 1 << 1,  /* when a sleeping thread begins to wait, and by which clock */
	PVTB_FACT_MIGRATIONS = 1 << 2, /* moves between CPUs */
	PVTB_FACT_THROTTLING = 1 << 3, /* how much of a moved wait was throttled */
	PVTB_FACT_EXITS = 1 << 4,      /* exits and entries */
	PVTB_FACT_USER_EXITS = 1 << 5, /* which exits went to user space */
	PVTB_FACT_SELF = 1 << 6,       /* threads that register themselves */
	PVTB_FACT_OTHERS = 1 << 7,     /* threads of other processes */
};
#define PVTB_FACTS_SCHEDULER                                                                       \
	(PVTB_FACT_SWITCHES | PVTB_FACT_WAKEUPS | PVTB_FACT_MIGRATIONS | PVTB_FACT_THROTTLING)
#define PVTB_NR_FACTS	 8
#define PVTB_NR_PROGRAMS 10

/* One fact, for people: "exits and entries". */
const char *pvtb_fact_name(enum pvtb_fact fact);

/*
 * For `-v`: @say is given each refused program's whole verifier log. For tests: the program of this
 * name is made one that the verifier refuses (-ENOENT: there is none; NULL: none is).
 */
void pvtb_trace_verbose(void (*say)(const char *text));
int pvtb_trace_break(const char *program, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The names of the programs, NULL-ended. */
const char *const *pvtb_trace_programs(void);

#endif
