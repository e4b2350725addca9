/* SPDX-License-Identifier: GPL-2.0-only */
/* How watched vCPUs are shown: lines for people, out of numbers; reads and prints nothing. */
#ifndef PVTB_WATCH_TABLE_H
#define PVTB_WATCH_TABLE_H

#include <sys/types.h>

#include "core/err.h"
#include "core/util.h"

/* Where a vCPU's time went, in a second or in all. Signed: what was taken for one cause while it
 * lasted may turn out to be another, and is then moved in the next line. */
struct pvtb_watch_split {
	s64 guest_ns; /* 0 where exits are not traced: then all is in host_ns */
	s64 host_ns;  /* current, but not in the guest */
	s64 preempted_ns;
	s64 woken_ns;
	s64 throttled_ns;
	s64 waiting_ns; /* being moved, queued again, runnable while its CPU is idle */
	s64 blocked_ns;
	s64 stopped_ns; /* stopped, frozen */
	s64 unknown_ns;
};

struct pvtb_watch_row {
	pid_t pid, tid;
	const char *comm; /* the VMM's */
	int index;	  /* of the vCPU; -1: not told */
	s64 wall_ns;
	bool b_known; /* the state machine has seen the thread; else @split is the kernel's counters' */
	struct pvtb_watch_split split;
	s64 run_delay_ns;     /* K */
	const char *taken_by; /* "hog (4711)", or "" */
};

/* The sum of what was involuntary. */
s64 pvtb_watch_stolen_ns(const struct pvtb_watch_split *split);

/* "12.3" of a hundred; "-" without a whole. Returns @buf. */
char *pvtb_watch_percent(s64 part_ns, s64 whole_ns, char *buf, size_t size);
/* "1.234 s", "12.345 ms", "12.345 us", "12 ns", by size. Returns @buf. */
char *pvtb_watch_duration(s64 ns, char *buf, size_t size);

/* One line each, without a line end; as snprintf(). Columns are the same in both. */
int pvtb_watch_header(char *buf, size_t size);
int pvtb_watch_line(const char *clock, const struct pvtb_watch_row *row, char *buf, size_t size);

#endif
