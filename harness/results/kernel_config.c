// SPDX-License-Identifier: GPL-2.0-only
/* Owns the shortened kernel configuration of the environment record. Never fails: see there. */
#include "results/kernel_config.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

/* What can move an exit's instructions or a time; shell patterns of names without CONFIG_. */
static const char *const matters[] = {
	/* preemption, ticks, accounting */
	"PREEMPT*",
	"HZ",
	"NO_HZ*",
	"HIGH_RES_TIMERS",
	"*_CPU_ACCOUNTING*",
	"IRQ_TIME_ACCOUNTING",
	"CONTEXT_TRACKING*",
	"RCU_NOCB*",
	"RCU_EXPERT",
	"SCHEDSTATS",
	"SCHED_CORE",
	"SCHED_CLASS_EXT",
	"CFS_BANDWIDTH",
	"FAIR_GROUP_SCHED",
	"RT_GROUP_SCHED",
	"UCLAMP_TASK*",
	"NUMA_BALANCING*",
	"PSI*",
	"SMP",
	"NR_CPUS",
	"CPU_FREQ_DEFAULT_GOV_*",
	/* debugging */
	"DEBUG_*",
	"LOCKDEP*",
	"LOCK_STAT",
	"PROVE_*",
	"KASAN*",
	"KCSAN*",
	"KMSAN*",
	"KFENCE*",
	"UBSAN*",
	"KCOV*",
	"GCOV*",
	"SLUB_DEBUG*",
	"PAGE_POISONING",
	"FAULT_INJECTION",
	/* tracing */
	"FUNCTION_TRACER",
	"FUNCTION_GRAPH_TRACER",
	"DYNAMIC_FTRACE*",
	"IRQSOFF_TRACER",
	"PREEMPT_TRACER",
	"BPF_JIT*",
	"JUMP_LABEL",
	/* hardening and mitigations */
	"CPU_MITIGATIONS",
	"SPECULATION_MITIGATIONS",
	"MITIGAT*",
	"RETPOLINE",
	"RETHUNK",
	"SLS",
	"PAGE_TABLE_ISOLATION",
	"CPU_*_ENTRY",
	"CPU_SRSO",
	"UNMAP_KERNEL_AT_EL0",
	"STACKPROTECTOR*",
	"SHADOW_CALL_STACK",
	"INIT_ON_*",
	"INIT_STACK_*",
	"ZERO_CALL_USED_REGS",
	"GCC_PLUGIN*",
	"RANDSTRUCT*",
	"RANDOMIZE_*",
	"HARDENED_USERCOPY*",
	"FORTIFY_SOURCE",
	"SLAB_FREELIST_*",
	"VMAP_STACK",
	"CFI_CLANG",
	"BUG_ON_DATA_CORRUPTION",
	/* KVM and the CPU */
	"KVM*",
	"PARAVIRT*",
	"HYPERVISOR_GUEST",
	"ARM64_PAN",
	"ARM64_EPAN",
	"ARM64_PTR_AUTH*",
	"ARM64_BTI*",
	"ARM64_MTE",
	"ARM64_SVE",
	"ARM64_SME",
	"ARM64_USE_LSE_ATOMICS",
	"ARM64_*_PAGES",
	"ARM64_VA_BITS",
	"ARM64_PSEUDO_NMI",
	"NVHE_*",
	"PROTECTED_NVHE_*",
	"X86_KERNEL_IBT",
	"X86_FRED",
	"TRANSPARENT_HUGEPAGE*",
	/* the compiler */
	"CC_VERSION_TEXT",
	"CC_OPTIMIZE_*",
	"LTO*",
	"AUTOFDO_CLANG",
	"UNWINDER_*",
	"FRAME_POINTER",
	NULL,
};

/* Of those, what is in no path that is measured: symbols, tools, what an architecture could do. */
static const char *const not_those[] = {
	"DEBUG_INFO*", "DEBUG_FS*", "DEBUG_KERNEL", "DEBUG_MISC", "HAVE_*", "LOCKDEP_SUPPORT", NULL,
};

static bool any(const char *const *patterns, const char *name)
{
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, name, 0))
			return true;
	return false;
}

struct reader {
	u64 hash; /* FNV-1a over the lines that set an option */
	json_int_t set;
	json_t *options;
};

static void hash_line(struct reader *r, const char *line)
{
	for (; *line; line++)
		r->hash = (r->hash ^ (u8)*line) * 0x100000001b3ULL;
}

/* "CONFIG_HZ=250"; comments say what is not set. */
static void take_line(struct reader *r, char *line)
{
	char *name, *value = strchr(line, '=');
	size_t len;

	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "CONFIG_", 7) || !value)
		return;
	hash_line(r, line);
	hash_line(r, "\n");
	r->set++;
	name = line + 7;
	*value++ = '\0';
	if (!any(matters, name) || any(not_those, name))
		return;
	len = strlen(value);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"')
		json_object_set_new(r->options, name, json_stringn(value + 1, len - 2));
	else
		json_object_set_new(r->options, name, json_string(value));
}

/* Compressed or not: zlib reads both. NULL when there is no such file, or no configuration in it. */
static json_t *read_config(const char *root, const char *path)
{
	struct reader r = {.hash = 0xcbf29ce484222325ULL};
	char full[512], line[4096], hash[20];
	gzFile f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = gzopen(full, "rbe");
	if (!f)
		return NULL;
	r.options = json_object();
	while (gzgets(f, line, sizeof(line)))
		take_line(&r, line);
	if (!gzeof(f))
		r.set = 0; /* damaged: half a configuration is none */
	gzclose(f);
	if (!r.set) {
		json_decref(r.options);
		return NULL;
	}
	snprintf(hash, sizeof(hash), "%016" PRIx64, r.hash);
	return json_pack("{s:s, s:I, s:s, s:o}", "source", path, "set", r.set, "hash", hash,
			 "options", r.options);
}

json_t *pvtb_kernel_config_json(const char *root, const char *release)
{
	static const char *const places[] = {"/proc/config.gz", "/boot/config-%s",
					     "/lib/modules/%s/config",
					     "/usr/lib/modules/%s/config"};
	char path[256];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(places); i++) {
		const char *at = strstr(places[i], "%s");
		json_t *config;

		if (at)
			snprintf(path, sizeof(path), "%.*s%s%s", (int)(at - places[i]), places[i],
				 release, at + 2);
		else
			snprintf(path, sizeof(path), "%s", places[i]);
		config = read_config(root, path);
		if (config)
			return config;
	}
	snprintf(path, sizeof(path), "neither /proc/config.gz nor /boot/config-%s", release);
	return json_pack("{s:n, s:s}", "value", "why", path);
}
