// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: the files an environment record is made of. Parts, in the order of files[]. One
 * execution opens some hundreds of files, so it is the slowest target.
 */
#include "fuzz.h"
#include "results/environment.h"

#define CPU "sys/devices/system/cpu/"

static const char *const files[] = {
	"etc/os-release",
	"proc/cpuinfo",
	"proc/cmdline",
	"proc/meminfo",
	"proc/self/cgroup",
	"proc/irq/9/effective_affinity_list",
	"proc/sys/kernel/tainted",
	"proc/self/status",
	CPU "online",
	CPU "isolated",
	CPU "smt/active",
	CPU "cpufreq/policy0/scaling_governor",
	CPU "cpu3/cpuidle/state1/latency",
	CPU "vulnerabilities/meltdown",
	"sys/kernel/mm/transparent_hugepage/enabled",
	"sys/devices/system/clocksource/clocksource0/current_clocksource",
	"sys/class/dmi/id/product_name",
	"sys/module/kvm/parameters/halt_poll_ns",
	"proc/loadavg",
	"proc/stat",
};

bool fuzz_one(const u8 *data, size_t bytes)
{
	static const struct pvtb_environment_opts base = {.vcpu_cpu = 3, .tracing = ""};
	struct pvtb_environment_opts opts = base;
	const char *clock;
	json_t *env, *lines;
	bool read;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(files); i++) {
		const u8 *part = NULL;
		size_t n = 0;

		fuzz_part(&data, &bytes, &part, &n);
		fuzz_file(files[i], part, n);
	}
	opts.root = fuzz_dir();
	env = pvtb_environment(&opts);
	fuzz_must(json_is_object(env));
	lines = pvtb_environment_not_controlled(env);
	fuzz_must(json_is_array(lines));
	clock = pvtb_environment_string(env, "time.clocksource");
	read = clock && *clock;
	json_decref(lines);
	json_decref(env);
	return read;
}

void fuzz_seeds(void)
{
	fuzz_seed_text(true,
		       "PRETTY_NAME=\"Debian 12\"\nID=debian\n" FUZZ_CUT
		       "processor\t: 0\nmodel name\t: X (R) 1\nflags\t\t: fpu tsc\n\n" FUZZ_CUT
		       "root=/dev/x isolcpus=3 mitigations=off\n" FUZZ_CUT
		       "MemTotal:  24000000 kB\nHugePages_Total: 0\n" FUZZ_CUT
		       "0::/user.slice\n" FUZZ_CUT "0-2\n" FUZZ_CUT "4097\n" FUZZ_CUT
		       "Cpus_allowed_list:\t0-3\n" FUZZ_CUT "0-3\n" FUZZ_CUT "3\n" FUZZ_CUT
		       "1\n" FUZZ_CUT "schedutil\n" FUZZ_CUT "133\n" FUZZ_CUT
		       "Not affected\n" FUZZ_CUT "[always] madvise never\n" FUZZ_CUT
		       "tsc\n" FUZZ_CUT "KVM\n" FUZZ_CUT "200000\n" FUZZ_CUT
		       "0.5 0.4 0.3 1/100 99\n" FUZZ_CUT "cpu 1 2 3\n");
	fuzz_seed_text(false, "");
}
