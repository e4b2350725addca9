// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the environment record. Most of it is tables of files; what needs thought has a function of
 * its own. Nothing here fails: a value that cannot be had says why.
 */
#include "results/environment.h"

#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <zstd.h>

#include "arch/hypervisor.h"
#include "core/affinity.h"
#include "core/err.h"
#include "core/parse.h"
#include "results/kernel_config.h"

#define SYS_CPU "/sys/devices/system/cpu"

static json_t *unknown(const char *why)
{
	return json_pack("{s:n, s:s}", "value", "why", why);
}

/* JSON strings must be UTF-8; firmware tables and modules need not care. */
static json_t *text_json(const char *s)
{
	json_t *j = json_string(s);

	return j ? j : unknown("not text");
}

/* First @len bytes of a file, trailing blanks off. 0 or -errno. */
static int read_text(const char *root, const char *path, char *buf, size_t len)
{
	char full[512];
	FILE *f PVTB_FCLOSE = NULL;
	size_t n;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "re");
	if (!f)
		return -errno;
	n = fread(buf, 1, len - 1, f);
	if (ferror(f))
		return errno ? -errno : -EIO;
	while (n && (isspace((unsigned char)buf[n - 1]) || !buf[n - 1]))
		n--;
	buf[n] = '\0';
	return 0;
}

static json_t *file_json(const char *root, const char *path)
{
	char buf[4096], why[4400];
	int r = read_text(root, path, buf, sizeof(buf));

	if (!r)
		return text_json(buf);
	snprintf(why, sizeof(why), "%s: %s", path, strerror(-r));
	return unknown(why);
}

/* "[always] madvise never" -> "always". */
static json_t *chosen_json(const char *root, const char *path)
{
	json_t *all = file_json(root, path), *chosen;
	const char *open = json_is_string(all) ? strchr(json_string_value(all), '[') : NULL;

	if (!open || !strchr(open, ']'))
		return all;
	chosen = json_stringn(open + 1, strcspn(open + 1, "]"));
	json_decref(all);
	return chosen;
}

/* Whole numbers as numbers, anything else as it stands. */
static json_t *number_json(const char *root, const char *path)
{
	json_t *text = file_json(root, path);
	u64 v;

	if (!json_is_string(text) || pvtb_parse_u64(json_string_value(text), 0, INT64_MAX, &v))
		return text;
	json_decref(text);
	return json_integer((json_int_t)v);
}

struct file_leaf {
	const char *key;
	const char *path;
	json_t *(*read)(const char *root, const char *path);
};

static json_t *leaves_json(const char *root, const struct file_leaf *leaves, size_t nr)
{
	json_t *obj = json_object();

	for (size_t i = 0; i < nr; i++)
		json_object_set_new(obj, leaves[i].key, leaves[i].read(root, leaves[i].path));
	return obj;
}
#define LEAVES(root, table) leaves_json(root, table, PVTB_ARRAY_SIZE(table))

/* Names in a directory, sorted; an array of at most a few hundred. NULL when it cannot be read. */
static json_t *names_in(const char *root, const char *path)
{
	struct dirent **entries;
	char full[512];
	json_t *names;
	int n;

	snprintf(full, sizeof(full), "%s%s", root, path);
	n = scandir(full, &entries, NULL, versionsort);
	if (n < 0)
		return NULL;
	names = json_array();
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			json_array_append_new(names, json_string(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return names;
}

/* Every file of a directory: {name: content}. */
static json_t *dir_json(const char *root, const char *dir)
{
	json_t *names = names_in(root, dir), *obj, *name;
	char path[512];
	size_t i;

	if (!names) {
		snprintf(path, sizeof(path), "%s: %s", dir, strerror(errno));
		return unknown(path);
	}
	obj = json_object();
	json_array_foreach (names, i, name) {
		snprintf(path, sizeof(path), "%s/%s", dir, json_string_value(name));
		json_object_set_new(obj, json_string_value(name), file_json(root, path));
	}
	json_decref(names);
	return obj;
}

static json_t *system_json(const char *root)
{
	static const struct file_leaf leaves[] = {
		{"cmdline", "/proc/cmdline", file_json},
		{"tainted", "/proc/sys/kernel/tainted", number_json},
		{"lockdown", "/sys/kernel/security/lockdown", chosen_json},
		{"uptime", "/proc/uptime", file_json},
		{"loadavg", "/proc/loadavg", file_json},
		{"pressure_cpu", "/proc/pressure/cpu", file_json},
		{"nmi_watchdog", "/proc/sys/kernel/nmi_watchdog", number_json},
		{"perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid", number_json},
	};
	json_t *obj = LEAVES(root, leaves);
	struct utsname uts;

	/* the node's name identifies a machine and moves no number: left out */
	if (!uname(&uts)) {
		json_object_set_new(obj, "sysname", text_json(uts.sysname));
		json_object_set_new(obj, "release", text_json(uts.release));
		json_object_set_new(obj, "version", text_json(uts.version));
		json_object_set_new(obj, "machine", text_json(uts.machine));
	}
	return obj;
}

/* /etc/os-release: NAME=value lines, values perhaps quoted. */
static json_t *os_json(const char *root)
{
	static const char *const keys[] = {"PRETTY_NAME", "ID", "VERSION_ID"};
	char buf[4096], *line, *save;
	json_t *obj;
	int r = read_text(root, "/etc/os-release", buf, sizeof(buf));

	if (r)
		return unknown("/etc/os-release cannot be read");
	obj = json_object();
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (*value == '"') {
			value++;
			value[strcspn(value, "\"")] = '\0';
		}
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(keys); i++)
			if (!strcmp(line, keys[i]))
				json_object_set_new(obj, keys[i], text_json(value));
	}
	return obj;
}

/* The first processor's lines of /proc/cpuinfo that identify it. */
static void cpuinfo_into(json_t *obj, const char *root)
{
	static const struct {
		const char *line, *key;
	} map[] = {
		{"model name", "model"},      {"vendor_id", "vendor"},
		{"cpu family", "family"},     {"model", "model_number"},
		{"stepping", "stepping"},     {"microcode", "microcode"},
		{"flags", "flags"},	      {"CPU implementer", "implementer"},
		{"CPU variant", "variant"},   {"CPU part", "part"},
		{"CPU revision", "revision"}, {"Features", "flags"},
	};
	char line[8192], full[512];
	FILE *f PVTB_FCLOSE = NULL;

	snprintf(full, sizeof(full), "%s/proc/cpuinfo", root);
	f = fopen(full, "re");
	while (f && fgets(line, sizeof(line), f) && line[0] != '\n') {
		char *value = strchr(line, ':');
		size_t len;

		if (!value)
			continue;
		len = (size_t)(value - line);
		while (len && isspace((unsigned char)line[len - 1]))
			len--;
		line[len] = '\0';
		value += strspn(value, ": \t");
		value[strcspn(value, "\n")] = '\0';
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(map); i++)
			if (!strcmp(line, map[i].line))
				json_object_set_new(obj, map[i].key, text_json(value));
	}
}

static json_t *count_json(const json_t *list)
{
	struct pvtb_cpus cpus;

	if (!json_is_string(list) || pvtb_cpus_parse(json_string_value(list), &cpus))
		return unknown("no CPU list");
	return json_integer(pvtb_cpus_count(&cpus));
}

static json_t *cpu_json(const struct pvtb_environment_opts *opts)
{
	static const struct file_leaf leaves[] = {
		{"online", SYS_CPU "/online", file_json},
		{"possible", SYS_CPU "/possible", file_json},
		{"isolated", SYS_CPU "/isolated", file_json},
		{"nohz_full", SYS_CPU "/nohz_full", file_json},
		{"smt", SYS_CPU "/smt/active", number_json},
		{"smt_control", SYS_CPU "/smt/control", file_json},
		{"numa_nodes", "/sys/devices/system/node/online", file_json},
	};
	json_t *obj = LEAVES(opts->root, leaves);
	char path[96];

	cpuinfo_into(obj, opts->root);
	json_object_set_new(obj, "count", count_json(json_object_get(obj, "online")));
	json_object_set_new(obj, "measured",
			    opts->vcpu_cpu >= 0 ? json_integer(opts->vcpu_cpu)
						: unknown("no CPU was chosen"));
	if (opts->vcpu_cpu >= 0) {
		snprintf(path, sizeof(path), SYS_CPU "/cpu%d/topology/thread_siblings_list",
			 opts->vcpu_cpu);
		json_object_set_new(obj, "measured_siblings", file_json(opts->root, path));
	}
	return obj;
}

static json_t *policy_json(const char *root, const char *policy)
{
	static const struct file_leaf leaves[] = {
		{"cpus", "affected_cpus", file_json},
		{"driver", "scaling_driver", file_json},
		{"governor", "scaling_governor", file_json},
		{"min_khz", "scaling_min_freq", number_json},
		{"max_khz", "scaling_max_freq", number_json},
		{"cur_khz", "scaling_cur_freq", number_json},
		{"hardware_max_khz", "cpuinfo_max_freq", number_json},
		{"energy_preference", "energy_performance_preference", file_json},
	};
	json_t *obj = json_object();
	char path[256];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(leaves); i++) {
		snprintf(path, sizeof(path), SYS_CPU "/cpufreq/%s/%s", policy, leaves[i].path);
		json_object_set_new(obj, leaves[i].key, leaves[i].read(root, path));
	}
	return obj;
}

static json_t *cpufreq_json(const char *root)
{
	static const struct file_leaf leaves[] = {
		{"boost", SYS_CPU "/cpufreq/boost", number_json},
		{"no_turbo", SYS_CPU "/intel_pstate/no_turbo", number_json},
	};
	json_t *names = names_in(root, SYS_CPU "/cpufreq"), *policies = json_array(), *name, *obj;
	size_t i;

	json_array_foreach (names, i, name)
		if (!strncmp(json_string_value(name), "policy", 6))
			json_array_append_new(policies, policy_json(root, json_string_value(name)));
	json_decref(names);
	obj = LEAVES(root, leaves);
	if (json_array_size(policies)) {
		json_object_set_new(obj, "policies", policies);
	} else {
		json_decref(policies);
		json_object_set_new(obj, "policies", unknown("no cpufreq driver"));
	}
	return obj;
}

static json_t *idle_state_json(const char *root, unsigned int cpu, const char *state)
{
	static const struct file_leaf leaves[] = {
		{"name", "name", file_json},
		{"latency_us", "latency", number_json},
		{"disabled", "disable", number_json},
	};
	json_t *obj = json_object();
	char path[256];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(leaves); i++) {
		snprintf(path, sizeof(path), SYS_CPU "/cpu%u/cpuidle/%s/%s", cpu, state,
			 leaves[i].path);
		json_object_set_new(obj, leaves[i].key, leaves[i].read(root, path));
	}
	return obj;
}

static json_t *cpuidle_json(const struct pvtb_environment_opts *opts)
{
	static const struct file_leaf leaves[] = {
		{"driver", SYS_CPU "/cpuidle/current_driver", file_json},
		{"governor", SYS_CPU "/cpuidle/current_governor", file_json},
	};
	unsigned int cpu = opts->vcpu_cpu >= 0 ? (unsigned int)opts->vcpu_cpu : 0;
	json_t *obj = LEAVES(opts->root, leaves), *states = json_array(), *names, *name;
	char path[96];
	size_t i;

	snprintf(path, sizeof(path), SYS_CPU "/cpu%u/cpuidle", cpu);
	names = names_in(opts->root, path);
	json_array_foreach (names, i, name)
		json_array_append_new(states,
				      idle_state_json(opts->root, cpu, json_string_value(name)));
	json_decref(names);
	json_object_set_new(obj, "states", states);
	return obj;
}

static json_t *time_json(const char *root)
{
	static const struct file_leaf leaves[] = {
		{"clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource",
		 file_json},
		{"clocksources",
		 "/sys/devices/system/clocksource/clocksource0/available_clocksource", file_json},
		{"clockevent", "/sys/devices/system/clockevents/clockevent0/current_device",
		 file_json},
	};
	json_t *obj = LEAVES(root, leaves);
	time_t now = time(NULL);
	int slack_ns = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	char utc[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(obj, "utc", text_json(utc));
	json_object_set_new(obj, "timer_slack_ns",
			    slack_ns >= 0 ? json_integer(slack_ns) : unknown("PR_GET_TIMERSLACK"));
	return obj;
}

/* "MemTotal:   1234 kB" of /proc/meminfo. */
static json_t *meminfo_json(const char *root, const char *key)
{
	char buf[8192], *at, number[32];
	u64 v;

	if (read_text(root, "/proc/meminfo", buf, sizeof(buf)))
		return unknown("/proc/meminfo cannot be read");
	at = strstr(buf, key);
	if (!at || (at != buf && at[-1] != '\n') || at[strlen(key)] != ':')
		return unknown("not in /proc/meminfo");
	at += strlen(key) + 1;
	at += strspn(at, " \t");
	snprintf(number, sizeof(number), "%.*s", (int)strcspn(at, " \n"), at);
	if (pvtb_parse_u64(number, 0, INT64_MAX, &v))
		return unknown("not a number in /proc/meminfo");
	return json_integer((json_int_t)v);
}

static json_t *memory_json(const char *root)
{
	static const struct file_leaf leaves[] = {
		{"thp", "/sys/kernel/mm/transparent_hugepage/enabled", chosen_json},
		{"thp_defrag", "/sys/kernel/mm/transparent_hugepage/defrag", chosen_json},
		{"ksm", "/sys/kernel/mm/ksm/run", number_json},
		{"numa_balancing", "/proc/sys/kernel/numa_balancing", number_json},
		{"swappiness", "/proc/sys/vm/swappiness", number_json},
	};
	json_t *obj = LEAVES(root, leaves);

	json_object_set_new(obj, "total_kib", meminfo_json(root, "MemTotal"));
	json_object_set_new(obj, "available_kib", meminfo_json(root, "MemAvailable"));
	json_object_set_new(obj, "hugepages", meminfo_json(root, "HugePages_Total"));
	return obj;
}

static json_t *kvm_json(const struct pvtb_environment_opts *opts)
{
	json_t *names = names_in(opts->root, "/sys/module"), *modules = json_object(), *name, *obj;
	char path[300];
	size_t i;

	json_array_foreach (names, i, name) {
		json_t *parameters;

		if (strncmp(json_string_value(name), "kvm", 3))
			continue;
		snprintf(path, sizeof(path), "/sys/module/%s/parameters", json_string_value(name));
		parameters = dir_json(opts->root, path);
		json_object_set_new(modules, json_string_value(name), parameters);
	}
	json_decref(names);
	obj = json_object();
	json_object_set_new(obj, "modules", modules);
	json_object_set_new(obj, "capabilities",
			    opts->kvm ? json_deep_copy(opts->kvm) : unknown("not probed"));
	return obj;
}

/* Firmware tables: what a virtual machine calls itself. NULL when nothing says so. */
static json_t *firmware_says(const char *root)
{
	static const struct {
		const char *path;
		const char *contains; /* NULL: the file being there is enough */
	} signs[] = {
		{"/sys/hypervisor/type", NULL},
		{"/proc/device-tree/hypervisor/compatible", NULL},
		{"/proc/device-tree/compatible", "linux,dummy-virt"},
		{"/sys/class/dmi/id/sys_vendor", "QEMU"},
		{"/sys/class/dmi/id/sys_vendor", "VMware"},
		{"/sys/class/dmi/id/sys_vendor", "Xen"},
		{"/sys/class/dmi/id/sys_vendor", "innotek"},
		{"/sys/class/dmi/id/product_name", "Virtual Machine"},
		{"/sys/class/dmi/id/product_name", "KVM"},
		{"/sys/class/dmi/id/product_name", "Google Compute Engine"},
		{"/sys/class/dmi/id/chassis_asset_tag", "Amazon EC2"},
		{"/sys/class/dmi/id/bios_vendor", "Amazon EC2"},
	};
	char buf[256];

	/* EC2's bare-metal instances carry the vendor's name too */
	if (!read_text(root, "/sys/class/dmi/id/product_name", buf, sizeof(buf)) &&
	    strstr(buf, ".metal"))
		return NULL;
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(signs); i++) {
		if (read_text(root, signs[i].path, buf, sizeof(buf)))
			continue;
		if (!signs[i].contains || strstr(buf, signs[i].contains))
			return json_pack("{s:b, s:o, s:s}", "present", 1, "name", text_json(buf),
					 "how", signs[i].path);
	}
	return NULL;
}

/* Signatures of CPUID's hypervisor leaf, as people call them. */
static const char *signature_name(const char *signature)
{
	static const struct {
		const char *signature, *name;
	} known[] = {
		{"KVMKVMKVM", "KVM"},	     {"TCGTCGTCGTCG", "QEMU TCG"},
		{"Microsoft Hv", "Hyper-V"}, {"VMwareVMware", "VMware"},
		{"XenVMMXenVMM", "Xen"},     {"bhyve bhyve ", "bhyve"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(known); i++)
		if (!strcmp(signature, known[i].signature))
			return known[i].name;
	return signature;
}

/* Is this host itself a guest? */
static json_t *hypervisor_json(const struct pvtb_environment_opts *opts)
{
	char signature[32] = "";
	int r = opts->root[0] ? -EOPNOTSUPP : pvtb_arch_hypervisor(signature, sizeof(signature));
	json_t *firmware;

	if (r == 1)
		return json_pack("{s:b, s:o, s:s}", "present", 1, "name",
				 signature[0] ? text_json(signature_name(signature))
					      : unknown("no signature"),
				 "how", "CPUID");
	if (!r)
		return json_pack("{s:b, s:s}", "present", 0, "how", "CPUID");
	firmware = firmware_says(opts->root);
	if (firmware)
		return firmware;
	return json_pack("{s:n, s:s}", "present", "how", "no firmware table says so");
}

/* Interrupts that may land on the measured CPU. */
static json_t *interrupts_json(const struct pvtb_environment_opts *opts)
{
	json_t *names = names_in(opts->root, "/proc/irq"), *name, *here = json_array(), *obj;
	size_t i, nr = 0;

	json_array_foreach (names, i, name) {
		char path[300], list[512];
		struct pvtb_cpus cpus;

		snprintf(path, sizeof(path), "/proc/irq/%s/effective_affinity_list",
			 json_string_value(name));
		if (read_text(opts->root, path, list, sizeof(list))) {
			snprintf(path, sizeof(path), "/proc/irq/%s/smp_affinity_list",
				 json_string_value(name));
			if (read_text(opts->root, path, list, sizeof(list)))
				continue;
		}
		nr++;
		if (opts->vcpu_cpu >= 0 && !pvtb_cpus_parse(list, &cpus) &&
		    pvtb_cpus_has(&cpus, (unsigned int)opts->vcpu_cpu))
			json_array_append(here, name);
	}
	obj = json_object();
	json_object_set_new(obj, "total",
			    names ? json_integer((json_int_t)nr) : unknown("no /proc/irq"));
	json_decref(names);
	json_object_set_new(obj, "on_measured_cpu", here);
	json_object_set_new(obj, "default_affinity",
			    file_json(opts->root, "/proc/irq/default_smp_affinity"));
	return obj;
}

static json_t *mounted_cgroups(const char *root)
{
	char full[512], line[1024], *save;
	FILE *f PVTB_FCLOSE = NULL;
	json_t *array = json_array();

	snprintf(full, sizeof(full), "%s/proc/mounts", root);
	f = fopen(full, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *where, *type;

		if (!strtok_r(line, " ", &save))
			continue;
		where = strtok_r(NULL, " ", &save);
		type = strtok_r(NULL, " ", &save);
		if (where && type && (!strcmp(type, "cgroup") || !strcmp(type, "cgroup2")))
			json_array_append_new(array,
					      json_pack("{s:s, s:s}", "type", type, "path", where));
	}
	return array;
}

static json_t *scheduler_json(const char *root)
{
	static const struct file_leaf leaves[] = {
		{"cgroup", "/proc/self/cgroup", file_json},
		{"cgroup_controllers", "/sys/fs/cgroup/cgroup.controllers", file_json},
		{"autogroup", "/proc/sys/kernel/sched_autogroup_enabled", number_json},
		{"schedstats", "/proc/sys/kernel/sched_schedstats", number_json},
		{"rt_runtime_us", "/proc/sys/kernel/sched_rt_runtime_us", number_json},
		{"sched_ext", "/sys/kernel/sched_ext/state", file_json},
	};
	static const char *const policies[] = {"other",	   "fifo", "rr",       "batch",
					       "reserved", "idle", "deadline", "ext"};
	json_t *obj = LEAVES(root, leaves);
	int policy = sched_getscheduler(0);

	if (policy >= 0)
		policy &= ~SCHED_RESET_ON_FORK;
	json_object_set_new(obj, "policy",
			    policy >= 0 && policy < (int)PVTB_ARRAY_SIZE(policies)
				    ? json_string(policies[policy])
				    : unknown("sched_getscheduler"));
	json_object_set_new(obj, "nice", json_integer(getpriority(PRIO_PROCESS, 0)));
	json_object_set_new(obj, "cgroup_mounts", mounted_cgroups(root));
	return obj;
}

static json_t *tools_json(const struct pvtb_environment_opts *opts)
{
	json_t *obj = json_pack("{s:s, s:s, s:s, s:s, s:s}", "pvtime-bench", PVTB_VERSION, "libbpf",
				libbpf_version_string(), "libzstd", ZSTD_versionString(), "jansson",
				jansson_version_str(), "compiler", __VERSION__);

	json_object_set_new(
		obj, "qemu",
		opts->qemu ? text_json(opts->qemu)
			   : unknown(opts->emulated ? "not passed on by the lab" : "no lab host"));
	return obj;
}

static json_t *tracing_json(const char *why)
{
	if (!why)
		return json_pack("{s:n, s:s}", "possible", "why", "not asked");
	if (*why)
		return json_pack("{s:b, s:o}", "possible", 0, "why", text_json(why));
	return json_pack("{s:b}", "possible", 1);
}

static json_t *config_json(const char *root)
{
	struct utsname uts;

	return pvtb_kernel_config_json(root, uname(&uts) ? "" : uts.release);
}

json_t *pvtb_environment(const struct pvtb_environment_opts *given)
{
	struct pvtb_environment_opts opts = *given;
	json_t *env = json_object();

	if (!env)
		return NULL;
	if (!opts.root)
		opts.root = "";
	json_object_set_new(env, "host",
			    json_pack("{s:b, s:b}", "emulated", opts.emulated, "deterministic",
				      opts.deterministic));
	json_object_set_new(env, "system", system_json(opts.root));
	json_object_set_new(env, "kernel_config", config_json(opts.root));
	json_object_set_new(env, "os", os_json(opts.root));
	json_object_set_new(env, "cpu", cpu_json(&opts));
	json_object_set_new(env, "cpufreq", cpufreq_json(opts.root));
	json_object_set_new(env, "cpuidle", cpuidle_json(&opts));
	json_object_set_new(env, "time", time_json(opts.root));
	json_object_set_new(env, "memory", memory_json(opts.root));
	json_object_set_new(env, "mitigations", dir_json(opts.root, SYS_CPU "/vulnerabilities"));
	json_object_set_new(env, "kvm", kvm_json(&opts));
	json_object_set_new(env, "hypervisor", hypervisor_json(&opts));
	json_object_set_new(env, "interrupts", interrupts_json(&opts));
	json_object_set_new(env, "scheduler", scheduler_json(opts.root));
	json_object_set_new(env, "tracing", tracing_json(opts.tracing));
	json_object_set_new(env, "tools", tools_json(&opts));
	return env;
}

static const json_t *lookup(const json_t *env, const char *path)
{
	char key[64];

	while (env && *path) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		env = json_object_get(env, key);
		path += len;
		path += *path == '.';
	}
	return env;
}

const char *pvtb_environment_string(const json_t *environment, const char *path)
{
	return json_string_value(lookup(environment, path));
}

static void say(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(json_t *list, const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	json_array_append_new(list, text_json(line));
}

static void say_hypervisor(json_t *list, const json_t *env)
{
	const json_t *present = lookup(env, "hypervisor.present");
	const char *name = pvtb_environment_string(env, "hypervisor.name");

	if (json_is_true(present))
		say(list, "runs under a hypervisor (%s)", name ? name : "unnamed");
	else if (!json_is_false(present))
		say(list, "hypervisor unknown");
}

static void say_frequency(json_t *list, const json_t *env)
{
	const json_t *policies = lookup(env, "cpufreq.policies"), *policy;
	json_t *seen;
	size_t i;

	if (!json_is_array(policies)) {
		say(list, "governor unknown");
		return;
	}
	seen = json_object();
	json_array_foreach (policies, i, policy) {
		const char *governor = json_string_value(json_object_get(policy, "governor"));

		if (!governor)
			governor = "unknown";
		if (!strcmp(governor, "performance") || json_object_get(seen, governor))
			continue;
		json_object_set_new(seen, governor, json_true());
		say(list, "governor %s", governor);
	}
	json_decref(seen);
	if (json_integer_value(lookup(env, "cpufreq.boost")) == 1)
		say(list, "boost on");
	else if (json_is_integer(lookup(env, "cpufreq.no_turbo")) &&
		 !json_integer_value(lookup(env, "cpufreq.no_turbo")))
		say(list, "turbo on");
}

static void say_idle(json_t *list, const json_t *env)
{
	const json_t *states = lookup(env, "cpuidle.states"), *state;
	const char *driver = pvtb_environment_string(env, "cpuidle.driver");
	json_int_t deepest_us = 0;
	size_t i;

	json_array_foreach (states, i, state) {
		json_int_t us = json_integer_value(json_object_get(state, "latency_us"));

		if (json_integer_value(json_object_get(state, "disabled")))
			continue;
		if (us > deepest_us)
			deepest_us = us;
	}
	/* a state the CPU leaves within a microsecond is polling or a plain halt */
	if (deepest_us > 1)
		say(list, "C-states on (%s, up to %lld us)", driver ? driver : "driver unknown",
		    (long long)deepest_us);
}

static void say_placement(json_t *list, const json_t *env)
{
	const json_t *measured = lookup(env, "cpu.measured");
	const char *isolated = pvtb_environment_string(env, "cpu.isolated");
	const char *nohz = pvtb_environment_string(env, "cpu.nohz_full");
	size_t irqs = json_array_size(lookup(env, "interrupts.on_measured_cpu"));
	struct pvtb_cpus a = {0}, b = {0};
	unsigned int cpu = (unsigned int)json_integer_value(measured);

	if ((isolated && pvtb_cpus_parse(isolated, &a)) || !isolated)
		a = (struct pvtb_cpus){0};
	if ((nohz && pvtb_cpus_parse(nohz, &b)) || !nohz)
		b = (struct pvtb_cpus){0};
	if (!json_is_integer(measured)) {
		if (!pvtb_cpus_count(&a) && !pvtb_cpus_count(&b))
			say(list, "no isolated CPU");
		return;
	}
	if (!pvtb_cpus_has(&a, cpu) && !pvtb_cpus_has(&b, cpu))
		say(list, "CPU %u not isolated", cpu);
	if (irqs)
		say(list, "%zu interrupt%s on CPU %u", irqs, irqs == 1 ? "" : "s", cpu);
}

static void say_load(json_t *list, const json_t *env)
{
	const char *loadavg = pvtb_environment_string(env, "system.loadavg");
	double load;

	/* half a CPU's worth of others is enough to be seen in a tail */
	if (loadavg && sscanf(loadavg, "%lf", &load) == 1 && load >= 0.5)
		say(list, "load %.1f on %lld CPUs", load,
		    (long long)json_integer_value(lookup(env, "cpu.count")));
}

static void say_settings(json_t *list, const json_t *env)
{
	const json_t *smt = lookup(env, "cpu.smt");
	const char *thp = pvtb_environment_string(env, "memory.thp");
	const char *clocksource = pvtb_environment_string(env, "time.clocksource");
	const char *cmdline = pvtb_environment_string(env, "system.cmdline");
	const char *mitigations = cmdline ? strstr(cmdline, "mitigations=") : NULL;

	/* inside a VM, no sibling only means that none is shown */
	if (!json_is_integer(smt) ||
	    (!json_integer_value(smt) && json_is_true(lookup(env, "hypervisor.present"))))
		say(list, "SMT not visible");
	else if (json_integer_value(smt))
		say(list, "SMT on");
	if (!thp)
		say(list, "THP unknown");
	else if (strcmp(thp, "never"))
		say(list, "THP %s", thp);
	if (!clocksource)
		say(list, "clocksource unknown");
	else if (strcmp(clocksource, "tsc") && strcmp(clocksource, "arch_sys_counter"))
		say(list, "clocksource %s", clocksource);
	if (mitigations)
		say(list, "mitigations %.*s",
		    (int)strcspn(mitigations + strlen("mitigations="), " "),
		    mitigations + strlen("mitigations="));
	else
		say(list, "mitigations default");
}

json_t *pvtb_environment_not_controlled(const json_t *env)
{
	json_t *list = json_array();

	if (!list)
		return NULL;
	if (json_is_true(lookup(env, "host.emulated"))) {
		/* what QEMU has no model of cannot be set either: the rest would be noise about noise */
		if (json_is_true(lookup(env, "host.deterministic")))
			say(list, "emulated: instructions, not time (no caches, no pipelines)");
		else
			say(list, "emulated: times are QEMU's, not hardware's");
		return list;
	}
	say_hypervisor(list, env);
	say_frequency(list, env);
	say_idle(list, env);
	say_placement(list, env);
	say_load(list, env);
	say_settings(list, env);
	return list;
}
