// SPDX-License-Identifier: GPL-2.0-only
/* The environment record of made-up trees: what is read, what is unknown, what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "results/environment.h"
#include "results/kernel_config.h"

struct file {
	const char *path, *text;
};

#define CPU "/sys/devices/system/cpu"

static const struct file noisy[] = {
	{"/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 85\n"
			  "model name\t: Made Up CPU\n\nprocessor\t: 1\nmodel name\t: Another\n"},
	{"/proc/cmdline", "root=/dev/x mitigations=off quiet\n"},
	{"/proc/loadavg", "3.25 1.00 0.50 2/300 1234\n"},
	{"/proc/meminfo", "MemTotal:       1048576 kB\nMemAvailable:    524288 kB\n"},
	{"/proc/irq/9/effective_affinity_list", "0\n"},
	{"/proc/irq/24/effective_affinity_list", "2-3\n"},
	{"/proc/irq/25/smp_affinity_list", "3\n"},
	{"/etc/os-release", "PRETTY_NAME=\"An OS 1\"\nID=an\nNOT A LINE\n"},
	{CPU "/online", "0-3\n"},
	{CPU "/isolated", "\n"},
	{CPU "/nohz_full", "(null)\n"},
	{CPU "/smt/active", "1\n"},
	{CPU "/cpufreq/boost", "1\n"},
	{CPU "/cpufreq/policy0/scaling_governor", "schedutil\n"},
	{CPU "/cpufreq/policy0/scaling_driver", "acpi-cpufreq\n"},
	{CPU "/cpufreq/policy0/scaling_max_freq", "3000000\n"},
	{CPU "/cpufreq/policy1/scaling_governor", "performance\n"},
	{CPU "/cpufreq/policy2/scaling_governor", "schedutil\n"},
	{CPU "/cpuidle/current_driver", "intel_idle\n"},
	{CPU "/cpu3/cpuidle/state0/latency", "0\n"},
	{CPU "/cpu3/cpuidle/state1/latency", "133\n"},
	{CPU "/cpu3/cpuidle/state2/latency", "890\n"},
	{CPU "/cpu3/cpuidle/state2/disable", "1\n"},
	{CPU "/vulnerabilities/meltdown", "Not affected\n"},
	{"/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"},
	{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"},
	{"/sys/class/dmi/id/sys_vendor", "QEMU\n"},
	{"/sys/module/kvm_intel/parameters/ept", "Y\n"},
	{"/sys/module/kvm/parameters/halt_poll_ns", "200000\n"},
};

static const struct file quiet[] = {
	{"/proc/cmdline", "root=/dev/x isolcpus=3\n"},
	{"/proc/loadavg", "0.01 0.01 0.01 1/100 99\n"},
	{"/proc/irq/9/effective_affinity_list", "0\n"},
	{CPU "/online", "0-3\n"},
	{CPU "/isolated", "3\n"},
	{CPU "/smt/active", "0\n"},
	{CPU "/cpufreq/boost", "0\n"},
	{CPU "/cpufreq/policy0/scaling_governor", "performance\n"},
	{CPU "/cpu3/cpuidle/state0/latency", "0\n"},
	{"/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"},
	{"/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"},
};

static void write_tree(const char *root, const struct file *files, size_t nr)
{
	char path[512];
	FILE *f;

	for (size_t i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), "%s%s", root, files[i].path);
		for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
		     slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(path, 0755);
			*slash = '/';
		}
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(files[i].text, f);
		fclose(f);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static json_t *record_of(const struct file *files, size_t nr, struct pvtb_environment_opts opts)
{
	char root[] = "/tmp/pvtb-environment-XXXXXX";
	json_t *env;

	assert_non_null(mkdtemp(root));
	write_tree(root, files, nr);
	opts.root = root;
	env = pvtb_environment(&opts);
	assert_non_null(env);
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return env;
}

static bool says(const json_t *list, const char *line)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (!strcmp(json_string_value(item), line))
			return true;
	return false;
}

static json_int_t number(const json_t *env, const char *section, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(env, section), key));
}

static void record_holds_what_is_there(void **state)
{
	json_t *env = record_of(noisy, PVTB_ARRAY_SIZE(noisy),
				(struct pvtb_environment_opts){.vcpu_cpu = 3});
	const json_t *policies = json_object_get(json_object_get(env, "cpufreq"), "policies");

	assert_string_equal(pvtb_environment_string(env, "cpu.model"), "Made Up CPU");
	assert_string_equal(pvtb_environment_string(env, "cpu.model_number"), "85");
	assert_string_equal(pvtb_environment_string(env, "os.PRETTY_NAME"), "An OS 1");
	assert_string_equal(pvtb_environment_string(env, "memory.thp"), "always");
	assert_string_equal(pvtb_environment_string(env, "mitigations.meltdown"), "Not affected");
	assert_string_equal(pvtb_environment_string(env, "kvm.modules.kvm_intel.ept"), "Y");
	assert_string_equal(pvtb_environment_string(env, "hypervisor.name"), "QEMU");
	assert_null(pvtb_environment_string(env, "cpu.no_such_thing"));
	assert_null(pvtb_environment_string(env, "no_such_section.x"));
	assert_int_equal(number(env, "cpu", "count"), 4);
	assert_int_equal(number(env, "cpu", "smt"), 1);
	assert_int_equal(number(env, "memory", "total_kib"), 1048576);
	assert_int_equal(number(env, "interrupts", "total"), 3);
	assert_int_equal(json_array_size(policies), 3);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(policies, 0), "max_khz")),
		3000000);
	json_decref(env);
}

static void missing_files_are_unknown(void **state)
{
	json_t *env = record_of(NULL, 0, (struct pvtb_environment_opts){.vcpu_cpu = -1});
	const json_t *thp = json_object_get(json_object_get(env, "memory"), "thp");
	json_t *list = pvtb_environment_not_controlled(env);
	char *text = json_dumps(env, 0);

	assert_non_null(text); /* every leaf can be written */
	free(text);
	assert_true(json_is_null(json_object_get(thp, "value")));
	assert_non_null(
		strstr(json_string_value(json_object_get(thp, "why")), "transparent_hugepage"));
	/* nothing is claimed to be on or off */
	assert_true(says(list, "governor unknown"));
	assert_true(says(list, "SMT not visible"));
	assert_true(says(list, "THP unknown"));
	assert_true(says(list, "hypervisor unknown"));
	assert_true(says(list, "clocksource unknown"));
	assert_true(says(list, "no isolated CPU"));
	assert_false(says(list, "SMT on"));
	json_decref(list);
	json_decref(env);
}

static void noise_is_named(void **state)
{
	json_t *env = record_of(noisy, PVTB_ARRAY_SIZE(noisy),
				(struct pvtb_environment_opts){.vcpu_cpu = 3});
	json_t *list = pvtb_environment_not_controlled(env);

	assert_true(says(list, "runs under a hypervisor (QEMU)"));
	assert_true(says(list, "governor schedutil")); /* once, though two policies have it */
	assert_true(says(list, "boost on"));
	assert_true(says(list, "C-states on (intel_idle, up to 133 us)")); /* 890 is disabled */
	assert_true(says(list, "CPU 3 not isolated"));
	assert_true(says(list, "2 interrupts on CPU 3"));
	assert_true(says(list, "load 3.2 on 4 CPUs"));
	assert_true(says(list, "SMT on"));
	assert_true(says(list, "THP always"));
	assert_true(says(list, "clocksource hpet"));
	assert_true(says(list, "mitigations off"));
	assert_int_equal(json_array_size(list), 11);
	json_decref(list);
	json_decref(env);
}

static void quiet_host_has_little_to_say(void **state)
{
	json_t *env = record_of(quiet, PVTB_ARRAY_SIZE(quiet),
				(struct pvtb_environment_opts){.vcpu_cpu = 3});
	json_t *list = pvtb_environment_not_controlled(env);

	assert_true(says(list, "hypervisor unknown")); /* no firmware table in this tree */
	assert_true(says(list, "mitigations default"));
	assert_int_equal(json_array_size(list), 2);
	json_decref(list);
	json_decref(env);
}

static void emulated_hosts_say_so_only(void **state)
{
	json_t *env = record_of(noisy, PVTB_ARRAY_SIZE(noisy),
				(struct pvtb_environment_opts){.vcpu_cpu = 0,
							       .emulated = true,
							       .deterministic = true,
							       .qemu = "7.2.0",
							       .tracing = "no BTF"});
	json_t *list = pvtb_environment_not_controlled(env);

	assert_int_equal(json_array_size(list), 1);
	assert_non_null(
		strstr(json_string_value(json_array_get(list, 0)), "instructions, not time"));
	assert_string_equal(pvtb_environment_string(env, "tools.qemu"), "7.2.0");
	assert_string_equal(pvtb_environment_string(env, "tracing.why"), "no BTF");
	json_decref(list);
	json_decref(env);
}

static void bare_metal_instance_is_no_guest(void **state)
{
	static const struct file metal[] = {
		{"/sys/class/dmi/id/product_name", "c7g.metal\n"},
		{"/sys/class/dmi/id/bios_vendor", "Amazon EC2\n"},
	};
	json_t *env = record_of(metal, PVTB_ARRAY_SIZE(metal),
				(struct pvtb_environment_opts){.vcpu_cpu = -1});

	assert_false(json_is_true(json_object_get(json_object_get(env, "hypervisor"), "present")));
	json_decref(env);
}

/* ---- the kernel's configuration ---- */

#define SOME_CONFIG                                                                                \
	"#\n# Automatically generated file\n#\nCONFIG_CC_VERSION_TEXT=\"gcc (X) 12.2.0\"\n"        \
	"CONFIG_HZ=250\n# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_KVM=m\n"   \
	"CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_LIST=y\nCONFIG_INET=y\n"

static json_t *config_of(const struct file *files, size_t nr, const char *gz)
{
	char root[] = "/tmp/pvtb-config-XXXXXX", path[64];
	json_t *config;

	assert_non_null(mkdtemp(root));
	write_tree(root, files, nr);
	if (gz) {
		gzFile f;

		snprintf(path, sizeof(path), "%s/proc", root);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/proc/config.gz", root);
		f = gzopen(path, "w");
		assert_non_null(f);
		assert_int_equal(gzputs(f, gz), strlen(gz));
		gzclose(f);
	}
	config = pvtb_kernel_config_json(root, "6.1-x");
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return config;
}

static const char *option_of(const json_t *config, const char *name)
{
	return json_string_value(json_object_get(json_object_get(config, "options"), name));
}

static const char *text_of(const json_t *config, const char *key)
{
	return json_string_value(json_object_get(config, key));
}

static void kernel_config_is_shortened(void **state)
{
	static const struct file boot[] = {{"/boot/config-6.1-x", SOME_CONFIG}};
	static const struct file other[] = {{"/boot/config-6.1-y", SOME_CONFIG}};
	json_t *a = config_of(boot, 1, NULL), *b = config_of(NULL, 0, SOME_CONFIG);
	json_t *c = config_of(boot, 1, SOME_CONFIG "CONFIG_IPV6=y\n"),
	       *d = config_of(other, 1, NULL);
	json_t *damaged = config_of(NULL, 0, "no configuration\n");

	assert_string_equal(text_of(a, "source"), "/boot/config-6.1-x");
	assert_int_equal(json_integer_value(json_object_get(a, "set")), 7);
	assert_string_equal(option_of(a, "HZ"), "250");
	assert_string_equal(option_of(a, "CC_VERSION_TEXT"), "gcc (X) 12.2.0");
	assert_string_equal(option_of(a, "DEBUG_LIST"), "y");
	assert_null(option_of(a, "PREEMPT"));	     /* not set */
	assert_null(option_of(a, "INET"));	     /* moves nothing */
	assert_null(option_of(a, "DEBUG_INFO_BTF")); /* nor does this */
	assert_int_equal(json_object_size(json_object_get(a, "options")), 5);
	/* the running kernel's own comes first, and the hash is of all options */
	assert_string_equal(text_of(b, "source"), "/proc/config.gz");
	assert_string_equal(text_of(a, "hash"), text_of(b, "hash"));
	assert_string_equal(text_of(c, "source"), "/proc/config.gz");
	assert_string_not_equal(text_of(a, "hash"), text_of(c, "hash"));
	assert_true(json_equal(json_object_get(a, "options"), json_object_get(c, "options")));
	/* another kernel's is not taken for it, nor a file of something else */
	assert_true(json_is_null(json_object_get(d, "value")));
	assert_non_null(strstr(text_of(d, "why"), "config-6.1-x"));
	assert_true(json_is_null(json_object_get(damaged, "value")));
	json_decref(a);
	json_decref(b);
	json_decref(c);
	json_decref(d);
	json_decref(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_holds_what_is_there),
		cmocka_unit_test(missing_files_are_unknown),
		cmocka_unit_test(noise_is_named),
		cmocka_unit_test(quiet_host_has_little_to_say),
		cmocka_unit_test(emulated_hosts_say_so_only),
		cmocka_unit_test(bare_metal_instance_is_no_guest),
		cmocka_unit_test(kernel_config_is_shortened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
