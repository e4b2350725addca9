// SPDX-License-Identifier: GPL-2.0-only
/* Owns the perf counters of one thread, through libperf; decides nothing about what they mean. */
#include "trace/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <perf/core.h>
#include <perf/cpumap.h>
#include <perf/evsel.h>
#include <perf/threadmap.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const struct counter {
	const char *name;
	u64 config;
	bool guest;
} counters[PVTB_PERF_NR] = {
	[PVTB_PERF_CYCLES_GUEST] = {"cycles:G", PERF_COUNT_HW_CPU_CYCLES, true},
	[PVTB_PERF_CYCLES_HOST] = {"cycles:H", PERF_COUNT_HW_CPU_CYCLES, false},
	[PVTB_PERF_INSNS_GUEST] = {"instructions:G", PERF_COUNT_HW_INSTRUCTIONS, true},
	[PVTB_PERF_INSNS_HOST] = {"instructions:H", PERF_COUNT_HW_INSTRUCTIONS, false},
};

struct pvtb_perf {
	struct perf_thread_map *threads;
	struct perf_evsel *evsel[PVTB_PERF_NR]; /* NULL: the machine lacks it */
};

const char *pvtb_perf_name(enum pvtb_perf_counter c)
{
	return (unsigned int)c < PVTB_PERF_NR ? counters[c].name : "?";
}

static struct perf_evsel *open_counter(const struct counter *c, struct perf_thread_map *threads,
				       int *ret_code)
{
	/* libperf was built with the headers of its own kernel, whose structure may be longer than
	 * this system's, and copies all of it: the size field tells the kernel what is meant. */
	struct {
		struct perf_event_attr attr;
		char newer[256];
	} wide = {
		.attr =
			{
				.type = PERF_TYPE_HARDWARE,
				.size = sizeof(wide.attr),
				.config = c->config,
				.exclude_host = c->guest,
				.exclude_guest = !c->guest,
				.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
					       PERF_FORMAT_TOTAL_TIME_RUNNING,
			},
	};
	struct perf_evsel *evsel = perf_evsel__new(&wide.attr);
	int ret;

	if (!evsel) {
		*ret_code = -ENOMEM;
		return NULL;
	}
	ret = perf_evsel__open(evsel, NULL, threads);
	if (!ret)
		return evsel;
	*ret_code = ret;
	perf_evsel__delete(evsel);
	return NULL;
}

int pvtb_perf_open(int tid, struct pvtb_perf **ret, struct pvtb_err *err)
{
	struct pvtb_perf *perf = calloc(1, sizeof(*perf));
	int code = 0, open = 0;

	if (!perf)
		return pvtb_err_sys(err, -ENOMEM, "perf counters");
	perf->threads = perf_thread_map__new_dummy();
	if (!perf->threads) {
		free(perf);
		return pvtb_err_sys(err, -ENOMEM, "perf counters");
	}
	perf_thread_map__set_pid(perf->threads, 0, tid ? tid : gettid());
	for (int i = 0; i < PVTB_PERF_NR; i++) {
		perf->evsel[i] = open_counter(&counters[i], perf->threads, &code);
		open += perf->evsel[i] != NULL;
	}
	if (open) {
		*ret = perf;
		return 0;
	}
	pvtb_perf_close(perf);
	if (code == -EACCES || code == -EPERM) {
		pvtb_err_set(err, code, "perf counters", "not permitted");
		return pvtb_err_hint(err, "run as root, or lower kernel.perf_event_paranoid");
	}
	if (code == -ENOENT || code == -EOPNOTSUPP || code == -ENODEV || code == -ENOSYS)
		return pvtb_err_set(err, -ENOTSUP, "perf counters",
				    "this machine has no hardware counters");
	return pvtb_err_sys(err, code, "perf counters");
}

int pvtb_perf_read(struct pvtb_perf *perf, struct pvtb_perf_values *ret, struct pvtb_err *err)
{
	struct pvtb_perf_values v = {.multiplexed = false};

	for (int i = 0; i < PVTB_PERF_NR; i++) {
		struct perf_counts_values c;
		int code;

		if (!perf->evsel[i])
			continue;
		code = perf_evsel__read(perf->evsel[i], 0, 0, &c);
		if (code)
			return pvtb_err_sys(err, code, "%s", counters[i].name);
		/* Never on the PMU is not zero events. */
		if (!c.run && c.ena) {
			v.multiplexed = true;
			continue;
		}
		v.present[i] = true;
		v.value[i] = c.val;
		if (c.run < c.ena) {
			v.multiplexed = true;
			v.value[i] = (u64)((u128)c.val * c.ena / c.run);
		}
	}
	*ret = v;
	return 0;
}

void pvtb_perf_close(struct pvtb_perf *perf)
{
	if (!perf)
		return;
	for (int i = 0; i < PVTB_PERF_NR; i++) {
		if (!perf->evsel[i])
			continue;
		perf_evsel__close(perf->evsel[i]);
		perf_evsel__delete(perf->evsel[i]);
	}
	perf_thread_map__put(perf->threads);
	free(perf);
}
