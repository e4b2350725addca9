// SPDX-License-Identifier: GPL-2.0-only
/* Owns the libperf handles of one thread's counters; measures nothing by itself. */
#include "trace/perf.h"

#include <linux/perf_event.h>
#include <perf/core.h>
#include <perf/cpumap.h>
#include <perf/event.h>
#include <perf/evsel.h>
#include <perf/threadmap.h>
#include <stdarg.h>
#include <string.h>

struct pvtb_perf {
	struct perf_thread_map *threads;
	struct perf_evsel *evsel[PVTB_PERF_NR];
};

static const struct {
	const char *name; /* as perf names them */
	u64 config;
	bool guest;
} counters[PVTB_PERF_NR] = {
	[PVTB_PERF_CYCLES_GUEST] = {"cycles:G", PERF_COUNT_HW_CPU_CYCLES, true},
	[PVTB_PERF_CYCLES_HOST] = {"cycles:H", PERF_COUNT_HW_CPU_CYCLES, false},
	[PVTB_PERF_INSNS_GUEST] = {"instructions:G", PERF_COUNT_HW_INSTRUCTIONS, true},
	[PVTB_PERF_INSNS_HOST] = {"instructions:H", PERF_COUNT_HW_INSTRUCTIONS, false},
};

const char *pvtb_perf_name(enum pvtb_perf_counter c)
{
	return (unsigned int)c < PVTB_PERF_NR ? counters[c].name : "unknown";
}

/* A counter the machine does not have fails to open: that is an answer, not news. */
static int be_silent(enum libperf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static struct perf_evsel *open_counter(enum pvtb_perf_counter c, struct perf_thread_map *threads)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = counters[c].config,
		.exclude_host = counters[c].guest,
		.exclude_guest = !counters[c].guest,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	struct perf_evsel *e = perf_evsel__new(&attr);

	if (e && perf_evsel__open(e, NULL, threads)) {
		perf_evsel__delete(e);
		return NULL;
	}
	return e;
}

int pvtb_perf_open(int tid, struct pvtb_perf **ret, struct pvtb_err *err)
{
	struct pvtb_perf *p = calloc(1, sizeof(*p));
	unsigned int present = 0;

	libperf_init(be_silent);
	if (p)
		p->threads = perf_thread_map__new_dummy();
	if (!p || !p->threads) {
		pvtb_perf_close(p);
		return pvtb_err_sys(err, -ENOMEM, "perf");
	}
	perf_thread_map__set_pid(p->threads, 0, tid);
	for (int c = 0; c < PVTB_PERF_NR; c++) {
		p->evsel[c] = open_counter(c, p->threads);
		present += p->evsel[c] != NULL;
	}
	if (!present) {
		pvtb_perf_close(p);
		return pvtb_err_set(err, -ENOTSUP, "perf", "no hardware counter can be opened");
	}
	*ret = p;
	return 0;
}

int pvtb_perf_read(struct pvtb_perf *p, struct pvtb_perf_values *ret, struct pvtb_err *err)
{
	struct pvtb_perf_values v = {0};

	for (int c = 0; c < PVTB_PERF_NR; c++) {
		struct perf_counts_values counts;
		int r;

		if (!p->evsel[c])
			continue;
		r = perf_evsel__read(p->evsel[c], 0, 0, &counts);
		if (r)
			return pvtb_err_sys(err, r < 0 ? r : -EIO, "%s", pvtb_perf_name(c));
		if (!counts.run) /* never scheduled onto the PMU */
			continue;
		v.present[c] = true;
		v.value[c] = counts.val;
		if (counts.run < counts.ena) {
			v.multiplexed = true;
			v.value[c] = (u64)((u128)counts.val * counts.ena / counts.run);
		}
	}
	*ret = v;
	return 0;
}

void pvtb_perf_close(struct pvtb_perf *p)
{
	if (!p)
		return;
	for (int c = 0; c < PVTB_PERF_NR; c++) {
		if (!p->evsel[c])
			continue;
		perf_evsel__close(p->evsel[c]);
		perf_evsel__delete(p->evsel[c]);
	}
	perf_thread_map__put(p->threads);
	free(p);
}
