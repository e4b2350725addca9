// SPDX-License-Identifier: GPL-2.0-only
/*
 * frequency: does the guest's counter keep its rate, whatever the CPU's frequency, whichever the CPU,
 * whatever NTP does to the host's clock? Owns the list of variants. Run by name only: the sweep
 * sets the CPU's frequency (and puts it back).
 */
#include "bench/frequency/frequency.h"

#include <string.h>

typedef int measure_fn(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err);

static const struct pvtb_variant variants[] = {
	{.name = "counter",
	 .summary = "rate and cost of the guest's counter, against CLOCK_MONOTONIC_RAW",
	 .archs = PVTB_ARCH_ANY,
	 .provider = "cpu"},
	{.name = "cpufreq",
	 .summary = "the same at every frequency, governor and turbo setting of its CPU",
	 .archs = PVTB_ARCH_ANY,
	 .provider = "cpu"},
	{.name = "moved",
	 .summary = "the same while the vCPU is moved between CPUs; do their counters agree?",
	 .archs = PVTB_ARCH_ANY,
	 .provider = "cpu"},
	{.name = "event_stream",
	 .summary = "arm64's event stream, its divider translated for another frequency and not",
	 .archs = PVTB_ARCH_ARM64,
	 .provider = "cpu"},
	{.name = "slew",
	 .summary = "the same while the host's clock is slewed by 500 ppm (only with --slew)",
	 .archs = PVTB_ARCH_ANY,
	 .provider = "cpu"},
};

static measure_fn *const measures[] = {freq_counter, freq_cpufreq, freq_moved, freq_event_stream,
				       freq_slew};

_Static_assert(PVTB_ARRAY_SIZE(variants) == PVTB_ARRAY_SIZE(measures), "one for each");

static int measure(struct pvtb_run *run, size_t which, struct pvtb_variant_result *v,
		   struct pvtb_err *err)
{
	if (!run->caps.counter_hz)
		return pvtb_err_set(err, -EOPNOTSUPP, "counter", "its rate is not told");
	return measures[which](run, v, err);
}

static int frequency_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	return pvtb_variants_run(bench, run, measure, err);
}

/* Times: hosts that count instructions have none. */
static const char *const lab_hosts[] = {"lab:arm64", "lab:x86_64", NULL};

static const struct pvtb_bench frequency = {
	.name = "frequency",
	.summary = "the guest's counter while frequencies, CPUs and clocks change",
	.source = "Arm ARM D13 (generic timer), Documentation/admin-guide/pm/cpufreq.rst, "
		  "adjtimex(2)",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.labs = lab_hosts,
	.run = frequency_run,
};
PVTB_BENCH(frequency);
