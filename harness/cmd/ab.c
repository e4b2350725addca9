// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb ab: two kernels in the lab, or two configurations of this host, the same benchmarks, one
 * verdict. Owns which of them is measured when; measuring is `pvtb run`'s, comparing compare/'s.
 */
#include <fcntl.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/compare_opts.h"
#include "cmd/measure.h"
#include "core/signals.h"
#include "lab/lab.h"
#include "load/setting.h"

#define DISTRIBUTION "distribution"

struct ab_opts {
	struct pvtb_compare_cmd_opts c;
	const char *kernel[2];
	const char *modules[2];
	const char *tree;
	struct pvtb_strv commits;
	u64 jobs;
	u64 interleave;
	struct pvtb_strv set[2];
	bool no_trace;
	const char *host;
	const char *profile;
	const char *out;
	u64 runs;
	u64 timeout_s;
};

static const struct ab_opts ab_defaults = {.timeout_s = 900};

static const struct pvtb_opt ab_options[] = {
	PVTB_OPT_STRING('a', "kernel-a", struct ab_opts, kernel[0], "FILE",
			"the old kernel, or " DISTRIBUTION),
	PVTB_OPT_STRING('b', "kernel-b", struct ab_opts, kernel[1], "FILE",
			"the new kernel, or " DISTRIBUTION),
	PVTB_OPT_STRING(0, "modules-a", struct ab_opts, modules[0], "DIR",
			"KVM's modules of the old kernel, where it has them as modules"),
	PVTB_OPT_STRING(0, "modules-b", struct ab_opts, modules[1], "DIR",
			"KVM's modules of the new kernel"),
	PVTB_OPT_STRING(0, "tree", struct ab_opts, tree, "DIR",
			"build both kernels from this git repository of the kernel"),
	PVTB_OPT_LIST(0, "commits", struct ab_opts, commits, "COMMIT",
		      "the old and the new of its commits", .flags = PVTB_OPT_WORDS),
	PVTB_OPT_U64('j', "jobs", struct ab_opts, jobs, "N", 1, 1024,
		     "compilers at once (default: as many as CPUs)"),
	PVTB_OPT_U64(0, "interleave", struct ab_opts, interleave, "N", 1, 64,
		     "measure two configurations of this host N times, A B A B ..."),
	PVTB_OPT_LIST(0, "set-a", struct ab_opts, set[0], "SETTING",
		      "what the old one has: MODULE.PARAMETER=VALUE, /sys/FILE=VALUE, "
		      "/proc/sys/FILE=VALUE, governor=NAME, tracing=on|off; repeatable"),
	PVTB_OPT_LIST(0, "set-b", struct ab_opts, set[1], "SETTING",
		      "what the new one has; what only one names is as found in the other"),
	PVTB_OPT_FLAG(0, "no-trace", struct ab_opts, no_trace,
		      "with --interleave: measure without eBPF, as of pvtb run"),
	PVTB_OPT_STRING(
		'H', "host", struct ab_opts, host, "HOST",
		"lab host, without kernel= (default lab:ARCH,deterministic, of the kernels)"),
	PVTB_OPT_U64('n', "runs", struct ab_opts, runs, "N", 1, 64,
		     "boot each that often, A B A B ... (default 1, where time is measured 5)"),
	PVTB_OPT_STRING('p', "profile", struct ab_opts, profile, "NAME",
			"how many samples, as of pvtb run (default brief, natively quick)"),
	PVTB_OPT_STRING('o', "output", struct ab_opts, out, "DIR",
			"keep the results here: a1, b1, a2 ..."),
	PVTB_OPT_U64('t', "timeout", struct ab_opts, timeout_s, "SECONDS", 1, 86400,
		     "give up on a lab host after that long"),
	PVTB_COMPARE_CMD_OPTS(struct ab_opts, c),
	PVTB_OPT_END,
};

static const char *const default_benches[] = {"counter_read", "hypercall"};

/* Whose kernel the file is, by its header: "arm64", "x86_64", or NULL (compressed, or no kernel). */
static const char *arch_of(const char *path)
{
	unsigned char head[0x206];
	int fd PVTB_CLOSE = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, head, sizeof(head)) != (ssize_t)sizeof(head))
		return NULL;
	if (!memcmp(head + 0x202, "HdrS", 4)) /* Documentation/arch/x86/boot.rst */
		return "x86_64";
	if (!memcmp(head + 0x38, "ARM\x64", 4)) /* Documentation/arch/arm64/booting.rst */
		return "arm64";
	return NULL;
}

/* The lab host both boot in. */
static int choose_host(const struct ab_opts *o, char *buf, size_t size, struct pvtb_err *err)
{
	const char *arch = NULL;

	if (o->host) {
		snprintf(buf, size, "%s", o->host);
		if (!pvtb_lab_is_spec(o->host) || strstr(o->host, ",kernel=")) {
			pvtb_err_set(err, -EINVAL, o->host, "not a lab host without a kernel");
			return pvtb_err_hint(err,
					     "as lab:arm64,nvhe,deterministic; natively: measure "
					     "on each kernel, then pvtb compare");
		}
		return 0;
	}
	for (int i = 0; i < 2 && !o->tree; i++) {
		const char *other = arch_of(o->kernel[i]);

		if (arch && other && strcmp(arch, other))
			return pvtb_err_set(err, -EINVAL, "ab",
					    "kernels of two architectures: %s, %s", arch, other);
		if (other)
			arch = other;
	}
	snprintf(buf, size, "lab:%s,deterministic", arch ? arch : "arm64");
	return 0;
}

/* The host with one side's kernel. */
static int host_with(const struct ab_opts *o, const char *host, int side, char *buf, size_t size,
		     struct pvtb_err *err)
{
	const char *k = o->kernel[side], *m = o->modules[side];
	struct pvtb_lab_spec *spec PVTB_FREE = NULL;
	bool own;
	int ret;

	if (o->tree)
		return pvtb_measure_build(host, o->tree, o->commits.v[side], o->jobs, buf, size,
					  err);
	own = strcmp(k, DISTRIBUTION);
	spec = calloc(1, sizeof(*spec));
	if (!spec)
		return pvtb_err_sys(err, -ENOMEM, "ab");
	if (strchr(k, ',') || (m && strchr(m, ',')))
		return pvtb_err_set(err, -EINVAL, k, "a comma in this name ends it");
	if ((size_t)snprintf(buf, size, "%s%s%s%s%s", host, own ? ",kernel=" : "", own ? k : "",
			     m ? ",modules=" : "", m ? m : "") >= size)
		return pvtb_err_set(err, -ENAMETOOLONG, k, "the name is too long");
	ret = pvtb_lab_spec_parse(buf, spec, err);
	return ret ? ret : pvtb_lab_check(spec, err);
}

struct pairing {
	const struct ab_opts *o;
	char host[2][9000];
	char dir[2][600];
	bool side_by_side; /* what counts instructions does not mind company */
	struct pvtb_strv benches;
	struct pvtb_settings *settings; /* NULL: two kernels */
	struct pvtb_guardian *guardian;
	struct pvtb_compare_side side[2];
};

static int start(const struct pairing *p, int side, pid_t *ret_pid, struct pvtb_err *err)
{
	struct pvtb_measure m = {
		.profile = p->o->profile
				   ?: p->settings ? "quick"
						  : "brief",
		.dir = p->dir[side],
		.benches = p->benches,
		.timeout_s = p->o->timeout_s,
		.no_trace = p->o->no_trace,
		.guardian = p->guardian,
	};
	int ret = p->settings ? pvtb_settings_apply(p->settings, side, err) : 0;

	if (ret)
		return ret;
	ret = pvtb_strv_add(&m.hosts, p->host[side]);
	if (ret)
		return pvtb_err_sys(err, ret, "ab");
	ret = pvtb_measure_start(&m, ret_pid, err);
	free(m.hosts.v);
	return ret;
}

/* One run of each. A failure of the first does not leave the second behind. */
static int one_round(struct pairing *p, struct pvtb_err *err)
{
	struct pvtb_err second = {0};
	pid_t pid[2];
	int ret = start(p, 0, &pid[0], err), other;

	if (ret)
		return ret;
	if (!p->side_by_side) {
		ret = pvtb_measure_wait(pid[0], err);
		if (!ret)
			ret = start(p, 1, &pid[1], err);
		return ret ? ret : pvtb_measure_wait(pid[1], err);
	}
	other = start(p, 1, &pid[1], &second);
	ret = pvtb_measure_wait(pid[0], err);
	if (!other)
		other = pvtb_measure_wait(pid[1], &second);
	if (!ret && other)
		*err = second;
	return ret ? ret : other;
}

static int measure_all(struct pairing *p, const char *dir, u64 runs, struct pvtb_err *err)
{
	int ret = 0;

	for (u64 i = 1; i <= runs && !ret; i++) {
		for (int side = 0; side < 2; side++)
			snprintf(p->dir[side], sizeof(p->dir[side]), "%.500s/%c%llu", dir,
				 "ab"[side], (unsigned long long)i);
		ret = one_round(p, err);
		for (int side = 0; side < 2 && !ret; side++)
			ret = pvtb_compare_side_load(&p->side[side], p->dir[side], err);
	}
	return ret;
}

static int choose_benches(struct pairing *p, int argc, char **argv)
{
	const struct ab_opts *o = p->o;
	int ret = 0;

	/* the option takes all words that follow it */
	for (size_t i = 2; i < o->commits.nr && !ret; i++)
		ret = pvtb_strv_add(&p->benches, o->commits.v[i]);
	for (int i = 0; i < argc && !ret; i++)
		ret = pvtb_strv_add(&p->benches, argv[i]);
	if (p->benches.nr)
		return ret;
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(default_benches) && !ret; i++)
		ret = pvtb_strv_add(&p->benches, default_benches[i]);
	return ret;
}

/* Which two hosts, or which one in two configurations; and how often. */
static int prepare(struct pairing *p, struct pvtb_guardian *g, u64 *ret_runs, struct pvtb_err *err)
{
	const struct ab_opts *o = p->o;
	char host[512];
	int ret = 0;

	if (o->interleave) {
		for (int side = 0; side < 2; side++)
			snprintf(p->host[side], sizeof(p->host[side]), "native");
		*ret_runs = o->interleave;
		return pvtb_settings_open("", o->set[0].v, o->set[0].nr, o->set[1].v, o->set[1].nr,
					  g, &p->settings, err);
	}
	ret = choose_host(o, host, sizeof(host), err);
	if (ret)
		return ret;
	p->side_by_side = strstr(host, ",deterministic") != NULL;
	*ret_runs = o->runs ? o->runs : p->side_by_side ? 1 : 5;
	for (int side = 0; side < 2 && !ret; side++)
		ret = host_with(o, host, side, p->host[side], sizeof(p->host[side]), err);
	return ret;
}

static int show(const struct pairing *p, struct pvtb_err *err)
{
	static const enum pvtb_verdict also_fails[] = {PVTB_MISSING, PVTB_NR_VERDICTS};
	struct pvtb_compare_cmd_opts c = p->o->c;
	char names[2][73]; /* of a line of a mail */

	for (int side = 0; side < 2 && p->settings; side++) {
		pvtb_settings_describe(p->settings, side, names[side], sizeof(names[side]));
		c.names[side] = names[side];
	}
	return pvtb_compare_and_show(&p->side[0], &p->side[1], &c, also_fails, stdout, err);
}

static int ab(const struct ab_opts *o, int argc, char **argv, struct pvtb_err *err)
{
	struct pairing *p PVTB_FREE = calloc(1, sizeof(*p));
	struct pvtb_scratch scratch = {0};
	struct pvtb_err undone = {0};
	u64 runs;
	int ret;

	if (!p)
		return pvtb_err_sys(err, -ENOMEM, "ab");
	p->o = o;
	ret = pvtb_scratch_make(&scratch, err);
	p->guardian = scratch.guardian;
	if (!ret)
		ret = prepare(p, scratch.guardian, &runs, err);
	if (!ret && choose_benches(p, argc, argv))
		ret = pvtb_err_sys(err, -ENOMEM, "ab");
	if (!ret)
		ret = measure_all(p, o->out ? o->out : scratch.path, runs, err);
	if (!ret)
		ret = show(p, err);
	if (pvtb_settings_close(p->settings, &undone) && ret >= 0) {
		*err = undone;
		ret = err->code;
	}
	for (int side = 0; side < 2; side++)
		pvtb_compare_side_free(&p->side[side]);
	free(p->benches.v);
	pvtb_scratch_remove(&scratch);
	return ret;
}

/* Two of something, and of one kind. */
static int sort_out(const struct ab_opts *o, struct pvtb_err *err)
{
	bool kernels = o->kernel[0] || o->kernel[1] || o->modules[0] || o->modules[1];
	bool settings = o->interleave || o->set[0].nr || o->set[1].nr || o->no_trace;

	if (settings && (kernels || o->tree || o->commits.nr || o->runs)) {
		pvtb_err_set(err, -EINVAL, "--interleave",
			     "compares configurations of this host, not kernels");
		return pvtb_err_hint(err, "pvtb ab --interleave 5 --set-b SETTING [BENCH...]");
	}
	if (settings && o->host && strcmp(o->host, "native")) {
		pvtb_err_set(err, -EINVAL, o->host, "--interleave is about the host it runs on");
		return pvtb_err_hint(err, "inside a lab: pvtb lab run %s -- ab --interleave ...",
				     o->host);
	}
	if (settings && (!o->interleave || (!o->set[0].nr && !o->set[1].nr))) {
		pvtb_err_set(err, -EINVAL, o->interleave ? "--interleave" : "--set-b",
			     o->interleave ? "of what? no setting is given" : "how often?");
		return pvtb_err_hint(err, "pvtb ab --interleave 5 --set-b SETTING [BENCH...]");
	}
	if (settings)
		return 0;
	if (o->tree && kernels)
		return pvtb_err_set(err, -EINVAL, "--tree",
				    "builds both kernels: drop --kernel-a, --kernel-b");
	if (!o->tree != !o->commits.nr || (o->tree && o->commits.nr < 2)) {
		pvtb_err_set(err, -EINVAL, o->tree ? "--tree" : "--commits", "needs two commits%s",
			     o->tree ? "" : " of a --tree");
		return pvtb_err_hint(err, "pvtb ab --tree PATH --commits OLD NEW");
	}
	if (!o->tree && (!o->kernel[0] || !o->kernel[1])) {
		pvtb_err_set(err, -EINVAL, "ab", "needs two kernels");
		return pvtb_err_hint(err, "pvtb ab --kernel-a OLD --kernel-b NEW; \"" DISTRIBUTION
					  "\" is the lab's own");
	}
	return 0;
}

static int cmd_ab(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct ab_opts *o = opts;
	struct pvtb_err err = {0};
	int ret = 0;

	/* that no kernel would change: not "cannot be tested" */
	if (sort_out(o, &err))
		return pvtb_cmd_fail(&err);
	ret = pvtb_signals_install(&err);
	if (!ret)
		ret = ab(o, argc, argv, &err);
	return ret < 0 ? pvtb_measure_fail(&err) : ret;
}

static const struct pvtb_command ab_command = {
	.name = "ab",
	.summary = "two kernels in the lab, or two configurations of this host: what differs",
	.usage = "--kernel-a FILE --kernel-b FILE [BENCH[.VARIANT]...] | "
		 "--tree DIR --commits OLD NEW [BENCH...] | "
		 "--interleave N [--set-a SETTING]... [--set-b SETTING]... [BENCH...]",
	.description =
		"Boots both kernels in the same emulated host, counting instructions unless -H says\n"
		"otherwise, runs the same benchmarks (counter_read and hypercall) and compares.\n"
		"--tree builds both from commits, with a small configuration of the project's own;\n"
		"the repository is only read. --interleave measures this host instead, N times in\n"
		"turns in two configurations, and puts back what it found.\n"
		"Exit status, as `git bisect run` wants it: 0 B is not worse than A, 1 it is,\n"
		"125 could not be tested, 130 interrupted.",
	.options = ab_options,
	.opts_size = sizeof(struct ab_opts),
	.defaults = &ab_defaults,
	.max_operands = -1,
	.complete = "bench",
	.run = cmd_ab,
};
PVTB_COMMAND(ab_command);
