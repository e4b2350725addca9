// SPDX-License-Identifier: GPL-2.0-only
/* Owns the text form of an emulated host: "lab:arm64,nvhe,hz=100000000". Touches nothing else. */
#include "lab/internal.h"

#include <string.h>

#include "core/parse.h"
#include "core/suggest.h"

static const char *const arch_names[] = {
	[PVTB_LAB_ARM64] = "arm64",
	[PVTB_LAB_X86_64] = "x86_64",
};

enum option {
	OPT_NVHE,
	OPT_DETERMINISTIC,
	OPT_HZ,
	OPT_CPUS,
	OPT_MEM,
	OPT_MODEL,
	OPT_SERIES,
	OPT_KERNEL,
	OPT_MODULES,
	OPT_QEMU,
	OPT_APPEND,
	OPT_PROTECTED,
	OPT_NESTED,
	OPT_ECV,
	OPT_CLOCKSOURCE,
};

static const char *const option_names[] = {
	[OPT_NVHE] = "nvhe",
	[OPT_DETERMINISTIC] = "deterministic",
	[OPT_HZ] = "hz",
	[OPT_CPUS] = "cpus",
	[OPT_MEM] = "mem",
	[OPT_MODEL] = "model",
	[OPT_SERIES] = "series",
	[OPT_KERNEL] = "kernel",
	[OPT_MODULES] = "modules",
	[OPT_QEMU] = "qemu",
	[OPT_APPEND] = "append",
	[OPT_PROTECTED] = "protected",
	[OPT_NESTED] = "nested",
	[OPT_ECV] = "ecv",
	[OPT_CLOCKSOURCE] = "clocksource",
};
static const char option_list[] =
	"nvhe, protected, nested, ecv, deterministic, hz=N, cpus=N, mem=MIB, model=CPU, clocksource=NAME, "
	"series=SERIES, kernel=PATH, modules=DIR, qemu=PATH, append=\"...\"";

#define MODEL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

const char *pvtb_lab_arch_name(enum pvtb_lab_arch arch)
{
	return arch_names[arch];
}

bool pvtb_lab_is_spec(const char *text)
{
	return !strcmp(text, "lab") || !strncmp(text, "lab:", 4);
}

static bool takes_value(enum option o)
{
	return o != OPT_NVHE && o != OPT_DETERMINISTIC && o != OPT_PROTECTED && o != OPT_NESTED &&
	       o != OPT_ECV;
}

static int parse_arch(const char *text, const char *name, enum pvtb_lab_arch *ret,
		      struct pvtb_err *err)
{
	const char *near;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(arch_names); i++) {
		if (!strcmp(name, arch_names[i])) {
			*ret = (enum pvtb_lab_arch)i;
			return 0;
		}
	}
	if (!strcmp(name, "aarch64"))
		near = "arm64";
	else if (!strcmp(name, "amd64") || !strcmp(name, "x86"))
		near = "x86_64";
	else
		near = pvtb_suggest(name, arch_names, PVTB_ARRAY_SIZE(arch_names));
	pvtb_err_set(err, -EINVAL, text, "no emulated host of architecture \"%s\"", name);
	if (near)
		return pvtb_err_hint(err, "did you mean lab:%s?", near);
	return pvtb_err_hint(err, "lab:arm64 or lab:x86_64, options after a comma");
}

/* QEMU's generic timer has a whole number of ns per tick: any other frequency would be announced
 * in CNTFRQ_EL0 and not kept. */
static int check_hz(const char *text, u64 hz, struct pvtb_err *err)
{
	u64 period_ns = PVTB_NSEC_PER_SEC / hz;

	if (PVTB_NSEC_PER_SEC % hz == 0)
		return 0;
	while (PVTB_NSEC_PER_SEC % period_ns)
		period_ns--;
	pvtb_err_set(err, -EINVAL, text, "hz=%llu is not a whole number of ns per tick",
		     (unsigned long long)hz);
	return pvtb_err_hint(err, "the emulator would run at another rate; hz=%llu is near",
			     (unsigned long long)(PVTB_NSEC_PER_SEC / period_ns));
}

static int set_path(const char *text, const char *name, const char *value, char *out, size_t size,
		    struct pvtb_err *err)
{
	if (strlen(value) >= size)
		return pvtb_err_set(err, -ENAMETOOLONG, text, "%s= is too long a path", name);
	snprintf(out, size, "%s", value);
	return 0;
}

/* "6.12", "newest" or "rc", and "-rt" behind it. */
static bool is_series(const char *text)
{
	size_t len = strlen(text);

	if (len > 3 && !strcmp(text + len - 3, "-rt"))
		len -= 3;
	return strspn(text, "0123456789.") == len || (len == 2 && !strncmp(text, "rc", 2)) ||
	       (len == 6 && !strncmp(text, "newest", 6));
}

static int set_append(const char *text, const char *value, struct pvtb_lab_spec *spec,
		      struct pvtb_err *err)
{
	for (const char *p = value; *p; p++) {
		if (*p >= ' ' && *p <= '~')
			continue;
		pvtb_err_set(err, -EINVAL, text, "append= holds a character that is not printable");
		return pvtb_err_hint(err, "words of a kernel's command line");
	}
	return set_path(text, "append", value, spec->append, sizeof(spec->append), err);
}

static int set_word(const char *text, const char *name, const char *value, char *out, size_t size,
		    struct pvtb_err *err)
{
	if (value[strspn(value, MODEL_CHARACTERS)]) {
		pvtb_err_set(err, -EINVAL, text, "%s=%s is no name", name, value);
		return pvtb_err_hint(err, "letters, digits, - _ and .");
	}
	return set_path(text, name, value, out, size, err);
}

/* What the other architecture does not have in emulation. */
static int check_arch(const char *text, enum option o, const struct pvtb_lab_spec *spec,
		      struct pvtb_err *err)
{
	bool arm64 = o == OPT_NVHE || o == OPT_HZ || o == OPT_PROTECTED || o == OPT_ECV;
	bool x86 = o == OPT_CLOCKSOURCE;

	if (spec->arch == PVTB_LAB_ARM64 ? !x86 : !arm64)
		return 0;
	pvtb_err_set(err, -EINVAL, text, "%s is an option of lab:%s", option_names[o],
		     arch_names[arm64 ? PVTB_LAB_ARM64 : PVTB_LAB_X86_64]);
	return pvtb_err_hint(err, "drop it: %s has no such thing in emulation",
			     arch_names[spec->arch]);
}

static int set_flag(enum option o, struct pvtb_lab_spec *spec)
{
	bool *const flag[] = {
		[OPT_NVHE] = &spec->nvhe,
		[OPT_DETERMINISTIC] = &spec->deterministic,
		[OPT_PROTECTED] = &spec->protected,
		[OPT_NESTED] = &spec->nested,
		[OPT_ECV] = &spec->ecv,
	};

	*flag[o] = true;
	return 0;
}

static int set_option(const char *text, enum option o, const char *value,
		      struct pvtb_lab_spec *spec, struct pvtb_err *err)
{
	static const struct {
		u64 min, max;
	} range[] = {
		[OPT_HZ] = {1000000, PVTB_NSEC_PER_SEC},
		[OPT_CPUS] = {1, PVTB_LAB_MAX_CPUS},
		[OPT_MEM] = {256, 65536},
		[OPT_CLOCKSOURCE] = {0, 0}, /* sizes the table: no number, no range */
	};
	u64 n = 0;
	int ret = check_arch(text, o, spec, err);

	if (ret)
		return ret;
	if (range[o].max) {
		ret = pvtb_parse_u64(value, range[o].min, range[o].max, &n);
		if (ret) {
			char what[64];

			snprintf(what, sizeof(what), "%s=", option_names[o]);
			pvtb_parse_err(err, ret, what, value, range[o].min, range[o].max);
			return pvtb_err_hint(err, "in %s; options are %s", text, option_list);
		}
	}
	switch (o) {
	case OPT_NVHE:
	case OPT_DETERMINISTIC:
	case OPT_PROTECTED:
	case OPT_NESTED:
	case OPT_ECV:
		return set_flag(o, spec);
	case OPT_HZ:
		spec->counter_hz = n;
		return check_hz(text, n, err);
	case OPT_CPUS:
		spec->cpus = (unsigned int)n;
		return 0;
	case OPT_MEM:
		spec->mem_mib = (unsigned int)n;
		return 0;
	case OPT_MODEL:
		if (value[strspn(value, MODEL_CHARACTERS)]) {
			pvtb_err_set(err, -EINVAL, text, "model=%s is no CPU's name", value);
			return pvtb_err_hint(err, "one of `%s -cpu help`",
					     spec->arch == PVTB_LAB_ARM64 ? "qemu-system-aarch64"
									  : "qemu-system-x86_64");
		}
		return set_path(text, "model", value, spec->model, sizeof(spec->model), err);
	case OPT_SERIES:
		if (is_series(value))
			return set_path(text, "series", value, spec->series, sizeof(spec->series),
					err);
		pvtb_err_set(err, -EINVAL, text, "series=%s is no kernel series", value);
		return pvtb_err_hint(
			err, "a number such as series=6.1, or newest, or rc; -rt behind it: "
			     "the real-time kernel");
	case OPT_KERNEL:
		return set_path(text, "kernel", value, spec->kernel, sizeof(spec->kernel), err);
	case OPT_MODULES:
		return set_path(text, "modules", value, spec->modules, sizeof(spec->modules), err);
	case OPT_QEMU:
		return set_path(text, "qemu", value, spec->qemu, sizeof(spec->qemu), err);
	case OPT_APPEND:
		return set_append(text, value, spec, err);
	case OPT_CLOCKSOURCE:
		return set_word(text, "clocksource", value, spec->clocksource,
				sizeof(spec->clocksource), err);
	}
	return -EINVAL;
}

static int bad_option(struct pvtb_err *err, const char *text, const char *word, const char *why)
{
	pvtb_err_set(err, -EINVAL, text, "%s %s", word, why);
	return pvtb_err_hint(err, "options are %s", option_list);
}

static int parse_option(const char *text, char *word, unsigned int *seen,
			struct pvtb_lab_spec *spec, struct pvtb_err *err)
{
	char *value = strchr(word, '=');
	const char *near;

	if (value)
		*value++ = '\0';
	for (unsigned int o = 0; o < PVTB_ARRAY_SIZE(option_names); o++) {
		if (strcmp(word, option_names[o]))
			continue;
		if (*seen & (1U << o))
			return bad_option(err, text, word, "is given twice");
		*seen |= 1U << o;
		if (takes_value(o) && (!value || !*value))
			return bad_option(err, text, word, "needs a value");
		if (!takes_value(o) && value)
			return bad_option(err, text, word, "takes no value");
		return set_option(text, o, value, spec, err);
	}
	near = pvtb_suggest(word, option_names, PVTB_ARRAY_SIZE(option_names));
	pvtb_err_set(err, -EINVAL, text, "unknown option \"%s\"", word);
	if (near)
		return pvtb_err_hint(err, "did you mean %s%s?", near,
				     value || !strcmp(near, word) ? "=" : "");
	return pvtb_err_hint(err, "options are %s", option_list);
}

/* The emulator switches between CPUs when its own machine lets it: with two, no boot repeats. */
static unsigned int default_cpus(const struct pvtb_lab_spec *spec)
{
	return spec->deterministic ? 1 : 2;
}

const char *pvtb_lab_model(const struct pvtb_lab_spec *spec)
{
	if (spec->model[0])
		return spec->model;
	if (spec->arch == PVTB_LAB_X86_64)
		return "EPYC-Rome";
	/* FEAT_ECV and FEAT_NV2: no CPU that exists has them in QEMU (11.1) */
	return spec->ecv || spec->nested ? "max" : "neoverse-n1";
}

void pvtb_lab_cpu(const struct pvtb_lab_spec *spec, char *out, size_t size)
{
	const char *model = pvtb_lab_model(spec);
	bool arm64 = spec->arch == PVTB_LAB_ARM64;
	char hz[48] = "";

	if (spec->counter_hz)
		snprintf(hz, sizeof(hz), ",cntfrq=%llu", (unsigned long long)spec->counter_hz);
	/* SVE and pointer authentication are slow to emulate and nothing here is about them */
	snprintf(out, size, "%s%s%s", model,
		 arm64 && !strcmp(model, "max") ? ",sve=off,pauth=off" : "", hz);
}

/* As strsep(rest, ","), but "..." may hold commas, and its quotes are taken off. */
static char *next_word(char **rest)
{
	char *word = *rest, *to = word, *p = word;
	bool quoted = false;

	if (!word)
		return NULL;
	for (; *p && (quoted || *p != ','); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	*rest = *p ? p + 1 : NULL;
	*to = '\0';
	return word;
}

static int check_together(const char *text, const struct pvtb_lab_spec *spec, struct pvtb_err *err)
{
	if (spec->modules[0] && !spec->kernel[0])
		return bad_option(err, text, "modules=", "goes with kernel=");
	if (spec->series[0] && spec->kernel[0])
		return bad_option(err, text, "series=", "is the distribution's, kernel= is not");
	if (spec->arch == PVTB_LAB_ARM64 && spec->nvhe + spec->protected + spec->nested > 1)
		return bad_option(err, text, "nvhe, protected and nested",
				  "are modes of KVM, of which it has one");
	return 0;
}

int pvtb_lab_spec_parse(const char *text, struct pvtb_lab_spec *ret, struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	char *copy PVTB_FREE = strdup(text);
	unsigned int seen = 0;
	char *rest, *word;
	int r;

	if (!spec || !copy)
		return pvtb_err_sys(err, -ENOMEM, "%s", text);
	if (strncmp(text, "lab:", 4)) {
		pvtb_err_set(err, -EINVAL, text, "not an emulated host");
		return pvtb_err_hint(err, "lab:arm64 or lab:x86_64, options after a comma");
	}
	spec->mem_mib = 1024;
	rest = copy + 4;
	word = next_word(&rest);
	r = parse_arch(text, word, &spec->arch, err);
	while (!r && (word = next_word(&rest)))
		r = parse_option(text, word, &seen, spec, err);
	r = r ?: check_together(text, spec, err);
	if (r)
		return r;
	if (spec->deterministic && !spec->counter_hz && spec->arch == PVTB_LAB_ARM64)
		spec->counter_hz = PVTB_NSEC_PER_SEC;
	if (!spec->cpus)
		spec->cpus = default_cpus(spec);
	*ret = *spec;
	return 0;
}

/* Quoted where it would be read as two words. A value holds no quotes: next_word() has taken them off. */
static void put_path(FILE *f, const char *name, const char *path)
{
	const char *quote = strchr(path, ',') ? "\"" : "";

	fprintf(f, ",%s=%s%s%s", name, quote, path, quote);
}

void pvtb_lab_spec_format(const struct pvtb_lab_spec *spec, char *out, size_t size)
{
	bool implied = spec->deterministic && spec->counter_hz == PVTB_NSEC_PER_SEC;
	FILE *f PVTB_FCLOSE = fmemopen(out, size, "w");

	if (!f) {
		snprintf(out, size, "lab:%s", arch_names[spec->arch]);
		return;
	}
	fprintf(f, "lab:%s", arch_names[spec->arch]);
	if (spec->nvhe)
		fputs(",nvhe", f);
	if (spec->protected)
		fputs(",protected", f);
	if (spec->nested)
		fputs(",nested", f);
	if (spec->ecv)
		fputs(",ecv", f);
	if (spec->counter_hz && !implied)
		fprintf(f, ",hz=%llu", (unsigned long long)spec->counter_hz);
	if (spec->cpus != default_cpus(spec))
		fprintf(f, ",cpus=%u", spec->cpus);
	if (spec->mem_mib != 1024)
		fprintf(f, ",mem=%u", spec->mem_mib);
	if (spec->model[0])
		fprintf(f, ",model=%s", spec->model);
	if (spec->clocksource[0])
		fprintf(f, ",clocksource=%s", spec->clocksource);
	if (spec->deterministic)
		fputs(",deterministic", f);
	if (spec->series[0])
		fprintf(f, ",series=%s", spec->series);
	if (spec->kernel[0])
		put_path(f, "kernel", spec->kernel);
	if (spec->modules[0])
		put_path(f, "modules", spec->modules);
	if (spec->qemu[0])
		put_path(f, "qemu", spec->qemu);
	if (spec->append[0])
		fprintf(f, ",append=\"%s\"", spec->append);
}

int pvtb_lab_spec_set_kernel(struct pvtb_lab_spec *spec, const char *path, struct pvtb_err *err)
{
	if (spec->kernel[0] && strcmp(spec->kernel, path)) {
		pvtb_err_set(err, -EINVAL, path, "the host already names kernel=%.200s",
			     spec->kernel);
		return pvtb_err_hint(err, "give one of them");
	}
	if (spec->series[0]) {
		pvtb_err_set(err, -EINVAL, path, "the host already names series=%s", spec->series);
		return pvtb_err_hint(err, "give one of them");
	}
	return set_path(path, "kernel", path, spec->kernel, sizeof(spec->kernel), err);
}
