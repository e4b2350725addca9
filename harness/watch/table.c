// SPDX-License-Identifier: GPL-2.0-only
/* Owns the columns in which watched vCPUs are shown. */
#include "watch/table.h"

#include <inttypes.h>

s64 pvtb_watch_stolen_ns(const struct pvtb_watch_split *s)
{
	return s->preempted_ns + s->woken_ns + s->throttled_ns + s->waiting_ns;
}

char *pvtb_watch_percent(s64 part_ns, s64 whole_ns, char *buf, size_t size)
{
	if (whole_ns <= 0)
		snprintf(buf, size, "-");
	else if (!part_ns)
		snprintf(buf, size, "0"); /* exactly none is told from next to none */
	else
		snprintf(buf, size, "%.1f", (double)part_ns * 100 / (double)whole_ns);
	return buf;
}

char *pvtb_watch_duration(s64 ns, char *buf, size_t size)
{
	s64 abs_ns = ns < 0 ? -ns : ns;

	if (abs_ns < 1000)
		snprintf(buf, size, "%" PRId64 " ns", ns);
	else if (abs_ns < 1000000)
		snprintf(buf, size, "%.3f us", (double)ns / 1e3);
	else if (abs_ns < 1000000000)
		snprintf(buf, size, "%.3f ms", (double)ns / 1e6);
	else
		snprintf(buf, size, "%.3f s", (double)ns / 1e9);
	return buf;
}

#define COLUMNS "%-8s %7s %-15s %4s %7s %6s %6s %6s %6s %6s %6s %6s %8s %8s  %s"

int pvtb_watch_header(char *buf, size_t size)
{
	return snprintf(buf, size, COLUMNS, "time", "pid", "vmm", "vcpu", "tid", "run%", "steal%",
			"preem%", "wait%", "throt%", "block%", "other%", "B ms", "K ms",
			"taken by");
}

int pvtb_watch_line(const char *clock, const struct pvtb_watch_row *row, char *buf, size_t size)
{
	const struct pvtb_watch_split *s = &row->split;
	char pct[7][16], pid[16], tid[16] = "?", index[16] = "?", b[24] = "-", k[24];
	const s64 parts[7] = {
		s->guest_ns + s->host_ns,      pvtb_watch_stolen_ns(s), s->preempted_ns,
		s->woken_ns + s->waiting_ns,   s->throttled_ns,		s->blocked_ns,
		s->stopped_ns + s->unknown_ns,
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(parts); i++)
		pvtb_watch_percent(parts[i], row->wall_ns, pct[i], sizeof(pct[i]));
	snprintf(pid, sizeof(pid), "%d", row->pid);
	if (row->tid)
		snprintf(tid, sizeof(tid), "%d", row->tid);
	if (row->index >= 0)
		snprintf(index, sizeof(index), "%d", row->index);
	if (row->b_known)
		snprintf(b, sizeof(b), "%.3f", (double)parts[1] / 1e6);
	snprintf(k, sizeof(k), "%.3f", (double)row->run_delay_ns / 1e6);
	/* The kernel's counters know how long, not why. */
	return snprintf(buf, size, COLUMNS, clock, pid, row->comm, index, tid, pct[0], pct[1],
			row->b_known ? pct[2] : "-", row->b_known ? pct[3] : "-",
			row->b_known ? pct[4] : "-", pct[5], pct[6], b, k, row->taken_by);
}
