// SPDX-License-Identifier: GPL-2.0-only
/* Owns the files of cpufreq: what they offer, what they are set to, and that they are put back. */
#include "load/cpufreq.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "core/knob.h"

#define INTERPOLATED 5
/* In the order of undoing: a floor that is out of the way, ceiling, floor, governor, turbo. */
enum saved { TURBO, GOVERNOR, FLOOR, CEILING, FLOOR_LOW, SAVED };

struct pvtb_cpufreq {
	struct pvtb_cpufreq_info info;
	struct pvtb_guardian *guardian;
	char policy[PATH_MAX]; /* directory */
	char turbo_file[PATH_MAX];
	struct {
		char file[PATH_MAX + 32];
		char value[64];
		u64 id;
		bool held;
	} saved[SAVED];
};

static int policy_text(const struct pvtb_cpufreq *cf, const char *name, char *buf, size_t size)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", cf->policy, name);
	return pvtb_knob_read(path, buf, size);
}

static u64 policy_khz(const struct pvtb_cpufreq *cf, const char *name)
{
	char text[64];

	return policy_text(cf, name, text, sizeof(text)) ? 0 : strtoull(text, NULL, 10);
}

static int put(struct pvtb_cpufreq *cf, const char *name, const char *value, struct pvtb_err *err)
{
	char path[PATH_MAX + 64];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", cf->policy, name);
	ret = pvtb_knob_write(path, value);
	return ret ? pvtb_err_sys(err, ret, "%s = %s", name, value) : 0;
}

/* ---- what there is ---- */

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void find_steps(struct pvtb_cpufreq *cf)
{
	struct pvtb_cpufreq_info *info = &cf->info;
	char text[4096], *save = NULL;

	if (!policy_text(cf, "scaling_available_frequencies", text, sizeof(text)))
		for (char *w = strtok_r(text, " ", &save); w && info->nr_steps < PVTB_CPUFREQ_STEPS;
		     w = strtok_r(NULL, " ", &save))
			info->steps_khz[info->nr_steps++] = strtoull(w, NULL, 10);
	info->listed = info->nr_steps > 0;
	for (u64 i = 0; !info->listed && i < INTERPOLATED; i++)
		info->steps_khz[info->nr_steps++] =
			info->min_khz + (info->max_khz - info->min_khz) * i / (INTERPOLATED - 1);
	qsort(info->steps_khz, info->nr_steps, sizeof(u64), by_value);
}

static void find_governors(struct pvtb_cpufreq *cf)
{
	struct pvtb_cpufreq_info *info = &cf->info;
	char text[1024], *save = NULL;

	if (policy_text(cf, "scaling_available_governors", text, sizeof(text)))
		return;
	for (char *w = strtok_r(text, " ", &save); w && info->nr_governors < PVTB_CPUFREQ_GOVERNORS;
	     w = strtok_r(NULL, " ", &save))
		/* a speed nobody sets is no way to run */
		if (strcmp(w, "userspace"))
			snprintf(info->governors[info->nr_governors++], PVTB_CPUFREQ_NAME, "%s", w);
}

static void find_turbo(struct pvtb_cpufreq *cf, const char *root)
{
	static const struct {
		const char *file;
		enum pvtb_turbo turbo;
	} switches[] = {
		{"/sys/devices/system/cpu/intel_pstate/no_turbo", PVTB_TURBO_INTEL},
		{"/sys/devices/system/cpu/cpufreq/boost", PVTB_TURBO_BOOST},
	};
	char text[64];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(switches); i++) {
		snprintf(cf->turbo_file, sizeof(cf->turbo_file), "%s%s", root, switches[i].file);
		if (pvtb_knob_read(cf->turbo_file, text, sizeof(text)))
			continue;
		cf->info.turbo = switches[i].turbo;
		cf->info.turbo_on = (text[0] == '1') == (cf->info.turbo == PVTB_TURBO_BOOST);
		return;
	}
}

static int look(struct pvtb_cpufreq *cf, const char *root, int cpu, struct pvtb_err *err)
{
	struct pvtb_cpufreq_info *info = &cf->info;
	char path[PATH_MAX + 64];

	snprintf(cf->policy, sizeof(cf->policy), "%s/sys/devices/system/cpu/cpu%d/cpufreq", root,
		 cpu);
	if (policy_text(cf, "scaling_driver", info->driver, sizeof(info->driver)))
		return pvtb_err_set(err, -EOPNOTSUPP, "cpufreq",
				    "no driver for CPU %d: its frequency is not this kernel's to "
				    "set",
				    cpu);
	info->min_khz = policy_khz(cf, "cpuinfo_min_freq");
	info->max_khz = policy_khz(cf, "cpuinfo_max_freq");
	info->floor_khz = policy_khz(cf, "scaling_min_freq");
	info->ceiling_khz = policy_khz(cf, "scaling_max_freq");
	if (policy_text(cf, "scaling_governor", info->governor, sizeof(info->governor)))
		info->governor[0] = '\0';
	if (!info->min_khz || info->max_khz < info->min_khz || !info->ceiling_khz)
		return pvtb_err_set(err, -EOPNOTSUPP, "cpufreq", "%s: no limits", info->driver);
	snprintf(path, sizeof(path), "%s/scaling_max_freq", cf->policy);
	if (access(path, W_OK))
		return pvtb_err_set(err, -EOPNOTSUPP, "cpufreq", "%s: not ours to set: %s",
				    info->driver, strerror(errno));
	find_steps(cf);
	find_governors(cf);
	find_turbo(cf, root);
	return 0;
}

/* ---- keeping what was found ---- */

static int keep(struct pvtb_cpufreq *cf, enum saved what, const char *file, const char *value,
		struct pvtb_err *err)
{
	int ret;

	snprintf(cf->saved[what].file, sizeof(cf->saved[what].file), "%s", file);
	snprintf(cf->saved[what].value, sizeof(cf->saved[what].value), "%s", value);
	ret = pvtb_guardian_add_write(cf->guardian, file, value, &cf->saved[what].id, err);
	cf->saved[what].held = !ret;
	return ret;
}

static int keep_policy(struct pvtb_cpufreq *cf, enum saved what, const char *name,
		       const char *value, struct pvtb_err *err)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 1, cf->policy, name);
	return keep(cf, what, path, value, err);
}

static int keep_khz(struct pvtb_cpufreq *cf, enum saved what, const char *name, u64 khz,
		    struct pvtb_err *err)
{
	char value[32];

	snprintf(value, sizeof(value), "%" PRIu64, khz);
	return keep_policy(cf, what, name, value, err);
}

/* The guardian undoes the newest first, so: last what has to be put back first. */
static int keep_all(struct pvtb_cpufreq *cf, struct pvtb_err *err)
{
	const struct pvtb_cpufreq_info *info = &cf->info;
	char text[64];
	int ret = 0;

	if (info->turbo != PVTB_TURBO_NONE && !pvtb_knob_read(cf->turbo_file, text, sizeof(text)))
		ret = keep(cf, TURBO, cf->turbo_file, text, err);
	if (!ret && info->governor[0])
		ret = keep_policy(cf, GOVERNOR, "scaling_governor", info->governor, err);
	if (!ret)
		ret = keep_khz(cf, FLOOR, "scaling_min_freq", info->floor_khz, err);
	if (!ret)
		ret = keep_khz(cf, CEILING, "scaling_max_freq", info->ceiling_khz, err);
	/* a ceiling below the floor would be refused */
	return ret ?: keep_khz(cf, FLOOR_LOW, "scaling_min_freq", info->min_khz, err);
}

int pvtb_cpufreq_open(const char *root, int cpu, struct pvtb_guardian *g, struct pvtb_cpufreq **ret,
		      struct pvtb_err *err)
{
	struct pvtb_cpufreq *cf = calloc(1, sizeof(*cf));
	int code = cf ? 0 : pvtb_err_sys(err, -ENOMEM, "cpufreq");

	if (!code) {
		cf->guardian = g;
		code = look(cf, root, cpu, err);
	}
	if (!code)
		code = keep_all(cf, err);
	if (code) {
		pvtb_cpufreq_close(cf, NULL);
		return code;
	}
	*ret = cf;
	return 0;
}

int pvtb_cpufreq_close(struct pvtb_cpufreq *cf, struct pvtb_err *err)
{
	int ret = 0;

	for (int i = SAVED - 1; cf && i >= 0; i--) {
		int code;

		if (!cf->saved[i].held)
			continue;
		code = pvtb_knob_write(cf->saved[i].file, cf->saved[i].value);
		if (code && !ret)
			ret = pvtb_err_sys(err, code, "putting back %s", cf->saved[i].file);
		/* what could not be put back stays on the list: the guardian tries again */
		if (!code && pvtb_guardian_remove(cf->guardian, cf->saved[i].id, NULL) && !ret)
			ret = pvtb_err_set(err, -EIO, "guardian", "does not answer");
	}
	free(cf);
	return ret;
}

const struct pvtb_cpufreq_info *pvtb_cpufreq_info(const struct pvtb_cpufreq *cf)
{
	return &cf->info;
}

/* ---- setting ---- */

static int set_limits(struct pvtb_cpufreq *cf, u64 floor_khz, u64 ceiling_khz, struct pvtb_err *err)
{
	char low[32], high[32], lowest[32];
	int ret;

	snprintf(lowest, sizeof(lowest), "%" PRIu64, cf->info.min_khz);
	snprintf(low, sizeof(low), "%" PRIu64, floor_khz);
	snprintf(high, sizeof(high), "%" PRIu64, ceiling_khz);
	/* never a floor above the ceiling on the way */
	ret = put(cf, "scaling_min_freq", lowest, err);
	if (!ret)
		ret = put(cf, "scaling_max_freq", high, err);
	return ret ?: put(cf, "scaling_min_freq", low, err);
}

int pvtb_cpufreq_set_khz(struct pvtb_cpufreq *cf, u64 khz, struct pvtb_err *err)
{
	return set_limits(cf, khz, khz, err);
}

int pvtb_cpufreq_set_free(struct pvtb_cpufreq *cf, struct pvtb_err *err)
{
	return set_limits(cf, cf->info.min_khz, cf->info.max_khz, err);
}

int pvtb_cpufreq_set_governor(struct pvtb_cpufreq *cf, const char *name, struct pvtb_err *err)
{
	return put(cf, "scaling_governor", name, err);
}

int pvtb_cpufreq_set_turbo(struct pvtb_cpufreq *cf, bool on, struct pvtb_err *err)
{
	int ret;

	if (cf->info.turbo == PVTB_TURBO_NONE)
		return pvtb_err_set(err, -EOPNOTSUPP, "turbo", "%s has no switch for it",
				    cf->info.driver);
	ret = pvtb_knob_write(cf->turbo_file,
			      on == (cf->info.turbo == PVTB_TURBO_BOOST) ? "1" : "0");
	return ret ? pvtb_err_sys(err, ret, "turbo %s", on ? "on" : "off") : 0;
}

void pvtb_cpufreq_now(const struct pvtb_cpufreq *cf, struct pvtb_cpufreq_now *ret)
{
	ret->scaling_khz = policy_khz(cf, "scaling_cur_freq");
	ret->hardware_khz = policy_khz(cf, "cpuinfo_cur_freq");
}

int pvtb_aperf_read(const char *root, int cpu, struct pvtb_aperf *ret, struct pvtb_err *err)
{
	char path[PATH_MAX];
	int fd PVTB_CLOSE = -1;

	snprintf(path, sizeof(path), "%s/dev/cpu/%d/msr", root, cpu);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* IA32_MPERF and IA32_APERF, Intel SDM 15.2; AMD APM 17.3 has the same numbers */
	if (fd < 0 || pread(fd, &ret->mperf, 8, 0xe7) != 8 || pread(fd, &ret->aperf, 8, 0xe8) != 8)
		return pvtb_err_set(err, -EOPNOTSUPP, "APERF/MPERF", "%s: %s", path,
				    strerror(errno));
	return 0;
}

/* ---- the sweep ---- */

size_t pvtb_cpufreq_plan(const struct pvtb_cpufreq_info *info, struct pvtb_cpufreq_point *points,
			 size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < info->nr_steps && n < max; i++, n++) {
		points[n] = (struct pvtb_cpufreq_point){.khz = info->steps_khz[i], .turbo = -1};
		snprintf(points[n].name, sizeof(points[n].name), "step.%" PRIu64,
			 info->steps_khz[i]);
	}
	for (size_t i = 0; i < info->nr_governors && n < max; i++, n++) {
		points[n] =
			(struct pvtb_cpufreq_point){.governor = info->governors[i], .turbo = -1};
		snprintf(points[n].name, sizeof(points[n].name), "governor.%s", info->governors[i]);
	}
	for (int on = 0; on < 2 && info->turbo != PVTB_TURBO_NONE && n < max; on++, n++) {
		points[n] = (struct pvtb_cpufreq_point){.turbo = on};
		snprintf(points[n].name, sizeof(points[n].name), "turbo.%s", on ? "on" : "off");
	}
	return n;
}

int pvtb_cpufreq_apply(struct pvtb_cpufreq *cf, const struct pvtb_cpufreq_point *p,
		       struct pvtb_err *err)
{
	const struct pvtb_cpufreq_info *info = &cf->info;
	const char *governor = p->governor ?: info->governor;
	int ret = 0;

	if (info->turbo != PVTB_TURBO_NONE)
		ret = pvtb_cpufreq_set_turbo(cf, p->turbo < 0 ? info->turbo_on : p->turbo, err);
	if (!ret && governor[0])
		ret = pvtb_cpufreq_set_governor(cf, governor, err);
	if (ret)
		return ret;
	return p->khz ? pvtb_cpufreq_set_khz(cf, p->khz, err) : pvtb_cpufreq_set_free(cf, err);
}
