// SPDX-License-Identifier: GPL-2.0-only
/* Owns what is said about two hosts that should be alike but for what is compared. */
#include <string.h>

#include "compare/compare.h"

#define VALUE_CHARS 40

/* What of the environment record can move a number, and is neither the kernel compared nor time. */
static const char *const paths[] = {
	"cpu.model",
	"cpu.microcode",
	"cpu.smt",
	"cpu.count",
	"cpu.isolated",
	"cpu.nohz_full",
	"cpufreq.boost",
	"cpufreq.no_turbo",
	"cpufreq.policies",
	"cpuidle.driver",
	"cpuidle.governor",
	"time.clocksource",
	"memory.thp",
	"memory.ksm",
	"mitigations",
	"kvm.modules",
	"kvm.capabilities.backend",
	"hypervisor.name",
	"system.cmdline",
	"system.lockdown",
	"scheduler.policy",
	"scheduler.nice",
	"scheduler.rt_runtime_us",
	"scheduler.sched_ext",
	"tools.pvtime-bench",
	"tools.qemu",
};

/* What is compared of the kernel's configuration: by its options, or by what uname says of it. */
static const char *const kernel_paths[] = {"kernel_config.hash", "kernel_config.options",
					   "system.version"};

static const json_t *at(const json_t *env, const char *path)
{
	char part[64];

	while (env && *path) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		env = json_object_get(env, part);
		path += n + (path[n] == '.');
	}
	return env;
}

/* {"value": null, "why": ...}: could not be read there; "" and "(null)" are how kernels write none. */
static bool is_unknown(const json_t *v)
{
	const char *s = json_string_value(v);

	return !v || json_is_null(v) || (s && (!*s || !strcmp(s, "(null)"))) ||
	       (json_is_object(v) && json_is_null(json_object_get(v, "value")));
}

/* What is at @path of @from, at the same of @to. */
static int copy(const json_t *from, const char *path, json_t *to)
{
	size_t n = strcspn(path, ".");
	char part[64];
	json_t *v, *in;

	snprintf(part, sizeof(part), "%.*s", (int)n, path);
	v = json_object_get(from, part);
	if (!path[n])
		return json_object_set(to, part, v);
	in = json_object_get(to, part);
	if (!in && json_object_set_new(to, part, in = json_object()))
		return -ENOMEM;
	return copy(v, path + n + 1, in);
}

static int copy_known(const json_t *from, const char *const *names, size_t nr, json_t *to)
{
	int ret = 0;

	for (size_t i = 0; i < nr && !ret; i++)
		if (!is_unknown(at(from, names[i])))
			ret = copy(from, names[i], to);
	return ret;
}

json_t *pvtb_compare_environment(const json_t *env)
{
	json_t *ret = json_object();

	if (ret && !copy_known(env, kernel_paths, PVTB_ARRAY_SIZE(kernel_paths), ret) &&
	    !copy_known(env, paths, PVTB_ARRAY_SIZE(paths), ret))
		return ret;
	json_decref(ret);
	return NULL;
}

static void shorten(const json_t *v, char *buf)
{
	char *text PVTB_FREE =
		json_is_string(v) ? strdup(json_string_value(v))
				  : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

	if (!text || strlen(text) < VALUE_CHARS)
		snprintf(buf, VALUE_CHARS, "%s", text ? text : "?");
	else
		snprintf(buf, VALUE_CHARS, "%.*s..", VALUE_CHARS - 3, text);
}

/* Where two long texts part: what follows is what differs. */
static void shorten_both(const json_t *a, const json_t *b, char *buf_a, char *buf_b)
{
	const char *s = json_string_value(a), *t = json_string_value(b);
	size_t n = 0, word = 0;

	if (!s || !t || (strlen(s) < VALUE_CHARS && strlen(t) < VALUE_CHARS)) {
		shorten(a, buf_a);
		shorten(b, buf_b);
		return;
	}
	for (; s[n] && s[n] == t[n]; n++)
		if (s[n] == ' ')
			word = n + 1;
	snprintf(buf_a, VALUE_CHARS, "%s%.*s", word ? ".." : "", VALUE_CHARS - 6, s + word);
	snprintf(buf_b, VALUE_CHARS, "%s%.*s", word ? ".." : "", VALUE_CHARS - 6, t + word);
}

static void differ(struct pvtb_comparison *c, const char *host, const char *path, const json_t *a,
		   const json_t *b)
{
	char old[VALUE_CHARS], new[VALUE_CHARS], leaf[160];
	const char *key;
	json_t *v;

	/* What only one kernel knows of is no difference between the hosts. */
	if (is_unknown(a) || is_unknown(b) || json_equal(a, b))
		return;
	if (json_is_object(a) && json_is_object(b)) {
		json_object_foreach ((json_t *)a, key, v) {
			snprintf(leaf, sizeof(leaf), "%s.%s", path, key);
			differ(c, host, leaf, v, json_object_get(b, key));
		}
		return;
	}
	if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
		/* one line for all CPUs: the first that differs */
		for (size_t i = 0; i < json_array_size(a); i++) {
			if (json_equal(json_array_get(a, i), json_array_get(b, i)))
				continue;
			differ(c, host, path, json_array_get(a, i), json_array_get(b, i));
			return;
		}
	}
	shorten_both(a, b, old, new);
	pvtb_compare_warn(c, "%s: %s differs: %s, now %s", host, path, old, new);
}

/* "#1 SMP PREEMPT_DYNAMIC Debian 6.12...": what a kernel tells without its configuration. */
static void preemption(const struct pvtb_host_result *h, char *buf, size_t size)
{
	static const char *const words[] = {"PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT_LAZY",
					    "PREEMPT", "SMP"};
	const char *v = json_string_value(at(h->environment, "system.version"));

	snprintf(buf, size, "%s", v ? "no preemption" : "");
	for (size_t i = 0; v && i < PVTB_ARRAY_SIZE(words); i++) {
		const char *found = strstr(v, words[i]);

		if (found) {
			snprintf(buf, size, "%s", words[i]);
			return;
		}
	}
}

#define CONFIG_SHOWN 6

/* "y", "250"; an option that is not set is not in the record. */
static const char *option(const json_t *options, const char *name)
{
	const char *v = json_string_value(json_object_get(options, name));

	return v ? v : "n";
}

/* One option that differs, appended; the first few are named, the rest counted. */
static void config_differs(const json_t *a, const json_t *b, const char *name, char *buf,
			   size_t size, size_t *nr)
{
	size_t used = strlen(buf);

	if (!strcmp(option(a, name), option(b, name)))
		return;
	if (++*nr <= CONFIG_SHOWN)
		snprintf(buf + used, size - used, "%s%s=%.30s, now %.30s", used ? "; " : "", name,
			 option(a, name), option(b, name));
}

/*
 * Options that move exits and times, as far as both sides have a record of them. Of other options
 * only that some differ is known, by the hash: said of one and the same kernel only, because two
 * versions never have the same.
 */
static bool kernel_config(struct pvtb_comparison *c, const char *name,
			  const struct pvtb_host_result *old, const struct pvtb_host_result *new)
{
	const json_t *a = at(old->environment, "kernel_config.options");
	const json_t *b = at(new->environment, "kernel_config.options");
	char list[1024] = "", more[48] = "";
	const char *key;
	size_t nr = 0;
	json_t *v;

	if (!json_is_object(a) || !json_is_object(b))
		return false;
	json_object_foreach ((json_t *)a, key, v)
		config_differs(a, b, key, list, sizeof(list), &nr);
	json_object_foreach ((json_t *)b, key, v)
		if (!json_object_get(a, key))
			config_differs(a, b, key, list, sizeof(list), &nr);
	if (nr > CONFIG_SHOWN)
		snprintf(more, sizeof(more), "; %zu more", nr - CONFIG_SHOWN);
	if (nr)
		pvtb_compare_warn(c, "%s: kernel configuration differs: %s%s", name, list, more);
	else if (!strcmp(old->kernel, new->kernel) &&
		 !json_equal(at(old->environment, "kernel_config.hash"),
			     at(new->environment, "kernel_config.hash")))
		pvtb_compare_warn(
			c, "%s: kernel configuration differs, in no option known to matter", name);
	return true;
}

int pvtb_compare_hosts(struct pvtb_comparison *c, const char *name,
		       const struct pvtb_host_result *old, const struct pvtb_host_result *new)
{
	char a[32], b[32];

	if (old->witnessed != new->witnessed)
		pvtb_compare_warn(c,
				  "%s: only the %s run was traced: no law was checked in the other",
				  name, old->witnessed ? "old" : "new");
	if (strcmp(old->mode, new->mode))
		pvtb_compare_warn(c, "%s: KVM mode differs: %s, now %s", name, old->mode,
				  new->mode);
	if (old->emulated != new->emulated || old->deterministic != new->deterministic)
		pvtb_compare_warn(c, "%s: one side is %s and the other is not", name,
				  old->emulated != new->emulated ? "emulated" : "deterministic");
	if (old->counter_hz != new->counter_hz)
		pvtb_compare_warn(c, "%s: the counter runs at %llu Hz, now at %llu Hz", name,
				  (unsigned long long)old->counter_hz,
				  (unsigned long long)new->counter_hz);
	preemption(old, a, sizeof(a));
	preemption(new, b, sizeof(b));
	if (!kernel_config(c, name, old, new) && a[0] && b[0] && strcmp(a, b))
		pvtb_compare_warn(c, "%s: kernel configuration differs: %s, now %s", name, a, b);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(paths); i++)
		differ(c, name, paths[i], at(old->environment, paths[i]),
		       at(new->environment, paths[i]));
	return 0;
}
