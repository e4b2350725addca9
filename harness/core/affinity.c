// SPDX-License-Identifier: GPL-2.0-only
/* Owns CPU placement: the set allowed, the choice, the pinning. Changes no one's affinity but the
 * calling thread's. */
#include "core/affinity.h"

#include <sched.h>
#include <string.h>

#include "core/parse.h"

#define BITS_PER_LONG (8 * sizeof(unsigned long))

static void cpus_add(struct pvtb_cpus *cpus, unsigned int cpu)
{
	cpus->bits[cpu / BITS_PER_LONG] |= 1UL << (cpu % BITS_PER_LONG);
}

bool pvtb_cpus_has(const struct pvtb_cpus *cpus, unsigned int cpu)
{
	return cpu < PVTB_MAX_CPUS &&
	       (cpus->bits[cpu / BITS_PER_LONG] >> (cpu % BITS_PER_LONG) & 1);
}

unsigned int pvtb_cpus_count(const struct pvtb_cpus *cpus)
{
	unsigned int n = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cpus->bits); i++)
		n += (unsigned int)__builtin_popcountl(cpus->bits[i]);
	return n;
}

int pvtb_cpus_allowed(struct pvtb_cpus *ret, struct pvtb_err *err)
{
	struct pvtb_cpus cpus = {0};

	/* the kernel's own bitmap is an array of longs too */
	if (sched_getaffinity(0, sizeof(cpus.bits), (cpu_set_t *)cpus.bits))
		return pvtb_err_sys(err, -errno, "sched_getaffinity");
	*ret = cpus;
	return 0;
}

static int parse_one(char *range, struct pvtb_cpus *cpus)
{
	char *dash = strchr(range, '-');
	u64 first, last;
	int r;

	if (dash)
		*dash = '\0';
	r = pvtb_parse_u64(range, 0, PVTB_MAX_CPUS - 1, &first);
	if (r)
		return r;
	last = first;
	if (dash)
		r = pvtb_parse_u64(dash + 1, first, PVTB_MAX_CPUS - 1, &last);
	if (r)
		return r;
	for (u64 c = first; c <= last; c++)
		cpus_add(cpus, (unsigned int)c);
	return 0;
}

int pvtb_cpus_parse(const char *list, struct pvtb_cpus *ret)
{
	char *copy PVTB_FREE = strdup(list), *save, *range;
	struct pvtb_cpus cpus = {0};
	int r;

	if (!copy)
		return -ENOMEM;
	for (range = strtok_r(copy, ", \n", &save); range; range = strtok_r(NULL, ", \n", &save)) {
		r = parse_one(range, &cpus);
		if (r)
			return r;
	}
	*ret = cpus;
	return 0;
}

/* A CPU list of the kernel's; empty when the file is not there (an older kernel, no sysfs). */
static void read_list(const char *path, struct pvtb_cpus *ret)
{
	FILE *f PVTB_FCLOSE = fopen(path, "re");
	char line[4096];

	memset(ret, 0, sizeof(*ret));
	if (!f || !fgets(line, sizeof(line), f))
		return;
	/* "(null)" is what nohz_full holds when not set: no list either */
	if (pvtb_cpus_parse(line, ret))
		memset(ret, 0, sizeof(*ret));
}

/* Highest CPU of @cpus that is not in @without (NULL: none). */
static int highest(const struct pvtb_cpus *cpus, const struct pvtb_cpus *without)
{
	for (int c = PVTB_MAX_CPUS - 1; c >= 0; c--) {
		unsigned int u = (unsigned int)c;

		if (pvtb_cpus_has(cpus, u) && !(without && pvtb_cpus_has(without, u)))
			return c;
	}
	return -1;
}

/*
 * Isolated CPUs the caller may use. isolcpus takes them out of everybody's default affinity, so
 * they are looked for outside of it too, and the kernel is asked by trying (a cpuset may refuse);
 * unless the affinity was narrowed further, by taskset say: then that was meant.
 */
static int usable_isolated(const struct pvtb_cpus *allowed, struct pvtb_cpus *ret,
			   struct pvtb_err *err)
{
	struct pvtb_cpus isolated, nohz, online;
	bool by_default = true, any = false;

	read_list("/sys/devices/system/cpu/isolated", &isolated);
	read_list("/sys/devices/system/cpu/nohz_full", &nohz);
	read_list("/sys/devices/system/cpu/online", &online);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(isolated.bits); i++) {
		unsigned long rest = online.bits[i] & ~isolated.bits[i];

		by_default = by_default && (allowed->bits[i] & rest) == rest;
		isolated.bits[i] = (isolated.bits[i] | nohz.bits[i]) & online.bits[i];
		any = any || isolated.bits[i] & ~allowed->bits[i];
	}
	if (by_default && any &&
	    !sched_setaffinity(0, sizeof(isolated.bits), (cpu_set_t *)isolated.bits)) {
		int r = pvtb_cpus_allowed(&isolated, err);

		if (sched_setaffinity(0, sizeof(allowed->bits), (const cpu_set_t *)allowed->bits))
			return pvtb_err_sys(err, -errno, "restoring the CPU affinity");
		if (r)
			return r;
	} else {
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(isolated.bits); i++)
			isolated.bits[i] &= allowed->bits[i];
	}
	*ret = isolated;
	return 0;
}

int pvtb_placement_choose(struct pvtb_placement *ret, struct pvtb_err *err)
{
	struct pvtb_cpus allowed, isolated, siblings, self = {0};
	struct pvtb_placement p;
	char path[96];
	int r = pvtb_cpus_allowed(&allowed, err);

	if (!r)
		r = usable_isolated(&allowed, &isolated, err);
	if (r)
		return r;
	p.vcpu_cpu = highest(&isolated, NULL);
	p.isolated = p.vcpu_cpu >= 0;
	if (!p.isolated)
		p.vcpu_cpu = highest(&allowed, NULL);
	if (p.vcpu_cpu < 0)
		return pvtb_err_set(err, -ENODEV, "CPUs", "none of the first %d is allowed",
				    PVTB_MAX_CPUS);

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 p.vcpu_cpu);
	read_list(path, &siblings);
	cpus_add(&siblings, (unsigned int)p.vcpu_cpu);
	cpus_add(&self, (unsigned int)p.vcpu_cpu);
	p.harness_cpu = highest(&allowed, &siblings);
	if (p.harness_cpu < 0)
		p.harness_cpu = highest(&allowed, &self);
	p.apart = p.harness_cpu >= 0;
	if (!p.apart)
		p.harness_cpu = p.vcpu_cpu;
	*ret = p;
	return 0;
}

int pvtb_pin_self(int cpu, struct pvtb_err *err)
{
	struct pvtb_cpus cpus = {0};

	if (cpu < 0 || cpu >= PVTB_MAX_CPUS)
		return pvtb_err_set(err, -EINVAL, "pinning", "no CPU %d", cpu);
	cpus_add(&cpus, (unsigned int)cpu);
	if (sched_setaffinity(0, sizeof(cpus.bits), (cpu_set_t *)cpus.bits))
		return pvtb_err_sys(err, -errno, "pinning to CPU %d", cpu);
	return 0;
}
