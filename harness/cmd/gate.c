// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb gate: measure, compare with a baseline kept in a file, pass or fail. The baseline says which
 * hosts and variants are measured, so that a gate cannot come to measure less without being told.
 */
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/compare_opts.h"
#include "cmd/measure.h"
#include "core/signals.h"

struct gate_opts {
	struct pvtb_compare_cmd_opts c;
	struct pvtb_strv hosts;
	const char *kernel;
	const char *tree;
	const char *commit;
	u64 jobs;
	const char *profile;
	const char *out;
	u64 timeout_s;
	bool update;
	bool self_test;
};

static const struct gate_opts gate_defaults = {.profile = "brief", .timeout_s = 900};

static const struct pvtb_opt gate_options[] = {
	PVTB_OPT_FLAG('u', "update", struct gate_opts, update,
		      "write what is measured now as the baseline"),
	PVTB_OPT_FLAG(0, "self-test", struct gate_opts, self_test,
		      "prove that it can fail: one instruction more in each metric must be found"),
	PVTB_OPT_LIST('H', "host", struct gate_opts, hosts, "HOST",
		      "for a new baseline: measure there; repeatable (default "
		      "lab:arm64,deterministic)"),
	PVTB_OPT_STRING('k', "kernel", struct gate_opts, kernel, "FILE",
			"boot the lab hosts with this kernel"),
	PVTB_OPT_STRING(0, "tree", struct gate_opts, tree, "DIR",
			"or with one built from this git repository of the kernel"),
	PVTB_OPT_STRING(0, "commit", struct gate_opts, commit, "COMMIT",
			"of its commits this one (default HEAD)"),
	PVTB_OPT_U64('j', "jobs", struct gate_opts, jobs, "N", 1, 1024,
		     "compilers at once (default: as many as CPUs)"),
	PVTB_OPT_STRING('p', "profile", struct gate_opts, profile, "NAME",
			"how many samples, as of pvtb run"),
	PVTB_OPT_STRING('o', "output", struct gate_opts, out, "DIR", "keep the result here"),
	PVTB_OPT_U64('t', "timeout", struct gate_opts, timeout_s, "SECONDS", 1, 86400,
		     "give up on a lab host after that long"),
	PVTB_COMPARE_CMD_OPTS(struct gate_opts, c),
	PVTB_OPT_END,
};

static const char *const default_hosts[] = {"lab:arm64,deterministic"};
static const char *const default_benches[] = {"counter_read", "hypercall"};
static const enum pvtb_verdict also_fails[] = {PVTB_MISSING, PVTB_NR_VERDICTS};

/* What is measured, and the strings that were made for it. */
struct plan {
	struct pvtb_measure m;
	char **owned;
	size_t nr_owned;
};

static void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->nr_owned; i++)
		free(p->owned[i]);
	free(p->owned);
	free(p->m.hosts.v);
	free(p->m.benches.v);
}

static int add_all(struct pvtb_strv *to, const char *const *v, size_t n)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		ret = pvtb_strv_add(to, v[i]);
	return ret;
}

static bool listed(const struct pvtb_strv *list, const char *s)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i], s))
			return true;
	return false;
}

/* @name is the plan's to free from here on, after a failure too. */
static int own(struct plan *p, char *name)
{
	char **owned = name ? realloc(p->owned, (p->nr_owned + 1) * sizeof(*owned)) : NULL;

	if (!owned) {
		free(name);
		return -ENOMEM;
	}
	p->owned = owned;
	p->owned[p->nr_owned++] = name;
	return 0;
}

/* BENCH.VARIANT of everything in the baseline, once. */
static int add_variants(struct plan *p, const struct pvtb_host_result *h)
{
	for (size_t b = 0; b < h->nr_benches; b++)
		for (size_t v = 0; v < h->benches[b].nr_variants; v++) {
			char *name;

			if (asprintf(&name, "%s.%s", h->benches[b].name,
				     h->benches[b].variants[v].name) < 0 ||
			    own(p, name))
				return -ENOMEM;
			if (!listed(&p->m.benches, name) && pvtb_strv_add(&p->m.benches, name))
				return -ENOMEM;
		}
	return 0;
}

/* Every host of the plan with the commit's kernel, which is built once for each architecture. */
static int build_all(const struct gate_opts *o, struct plan *p, struct pvtb_err *err)
{
	int ret = 0;

	for (size_t h = 0; o->tree && h < p->m.hosts.nr && !ret; h++) {
		char host[9000];

		ret = pvtb_measure_build(p->m.hosts.v[h], o->tree, o->commit ?: "HEAD", o->jobs,
					 host, sizeof(host), err);
		if (!ret && own(p, strdup(host)))
			ret = pvtb_err_sys(err, -ENOMEM, "gate");
		if (!ret)
			p->m.hosts.v[h] = p->owned[p->nr_owned - 1];
	}
	return ret;
}

/* From the command line where that says it, else from the baseline, else the defaults. */
static int make_plan(const struct gate_opts *o, int argc, char **argv,
		     const struct pvtb_result *base, const char *dir, struct plan *p,
		     struct pvtb_err *err)
{
	int ret = 0;

	p->m.kernel = o->kernel;
	p->m.profile = o->profile;
	p->m.dir = dir;
	p->m.timeout_s = o->timeout_s;
	if (o->hosts.nr)
		ret = add_all(&p->m.hosts, o->hosts.v, o->hosts.nr);
	else if (!base)
		ret = add_all(&p->m.hosts, default_hosts, PVTB_ARRAY_SIZE(default_hosts));
	for (size_t h = 0; !o->hosts.nr && base && h < base->nr_hosts && !ret; h++)
		ret = pvtb_strv_add(&p->m.hosts, base->hosts[h].host);
	if (!ret && argc)
		ret = add_all(&p->m.benches, (const char *const *)argv, (size_t)argc);
	else if (!ret && !base)
		ret = add_all(&p->m.benches, default_benches, PVTB_ARRAY_SIZE(default_benches));
	for (size_t h = 0; !argc && base && h < base->nr_hosts && !ret; h++)
		ret = add_variants(p, &base->hosts[h]);
	return ret ? pvtb_err_sys(err, ret, "gate") : 0;
}

static int measure(const struct plan *p, struct pvtb_compare_side *side, struct pvtb_err *err)
{
	pid_t pid;
	int ret = pvtb_measure_start(&p->m, &pid, err);

	if (!ret)
		ret = pvtb_measure_wait(pid, err);
	return ret ? ret : pvtb_compare_side_load(side, p->m.dir, err);
}

static struct pvtb_compare_opts judged_by(const struct gate_opts *o)
{
	return (struct pvtb_compare_opts){.stats = o->c.stats.v, .nr_stats = o->c.stats.nr};
}

/* ---- --update ---- */

static int write_baseline(const struct gate_opts *o, const char *path,
			  const struct pvtb_compare_side *now, struct pvtb_err *err)
{
	struct pvtb_compare_opts co = judged_by(o);
	struct pvtb_result *base = NULL;
	char *command PVTB_FREE = NULL;
	int ret;

	if (asprintf(&command, "pvtb gate %s --update", path) < 0)
		return pvtb_err_sys(err, -ENOMEM, "gate");
	ret = pvtb_baseline_of(now->runs[0].result, &co, command, &base, err);
	if (!ret)
		ret = pvtb_result_save(base, path, err);
	pvtb_result_free(base);
	return ret;
}

/* What the new baseline changes, if there was an old one; then the file. */
static int update(const struct gate_opts *o, const char *path, const struct pvtb_compare_side *base,
		  const struct pvtb_compare_side *now, struct pvtb_err *err)
{
	int ret = 0;

	if (base->nr)
		ret = pvtb_compare_and_show(base, now, &o->c, also_fails, stdout, err);
	/* nothing in common any more: that is what is being updated */
	if (ret < 0 && ret != -ENODATA)
		return ret;
	ret = write_baseline(o, path, now, err);
	if (!ret)
		printf("%s: baseline %s\n", path, base->nr ? "updated" : "written");
	return ret;
}

/* ---- --self-test ---- */

/* How much less the baseline must say for the same measurement to be worse by the least that may
 * not pass: one instruction, and where a threshold hides some as much as shows beyond it. */
static double alteration(const struct pvtb_variant_result *v, const struct pvtb_metric *m)
{
	double hidden = pvtb_compare_exact_threshold(v, v, m->name, m->value);
	double least = hidden > 0 ? 1 + 2 * hidden : 1;

	return m->direction == PVTB_HIGHER_IS_BETTER ? -least : least;
}

static int compare_silently(const struct gate_opts *o, const struct pvtb_compare_side *base,
			    const struct pvtb_compare_side *now, struct pvtb_err *err)
{
	FILE *null PVTB_FCLOSE = fopen("/dev/null", "we");

	if (!null)
		return pvtb_err_sys(err, -errno, "/dev/null");
	return pvtb_compare_and_show(base, now, &o->c, also_fails, null, err);
}

struct tally {
	size_t altered, found;
};

static int alter_variant(const struct gate_opts *o, const struct pvtb_compare_side *base,
			 const struct pvtb_compare_side *now, const char *bench,
			 struct pvtb_variant_result *v, struct tally *t, struct pvtb_err *err)
{
	struct pvtb_compare_opts co = judged_by(o);

	for (size_t i = 0; i < v->nr_metrics; i++) {
		struct pvtb_metric *m = &v->metrics[i];
		double value = m->value, by = alteration(v, m);
		int ret;

		if (m->kind != PVTB_KIND_INSTRUCTIONS || m->direction == PVTB_NEITHER_IS_BETTER ||
		    !pvtb_compare_judged(&co, v, m))
			continue;
		m->value = value - by;
		ret = compare_silently(o, base, now, err);
		m->value = value;
		if (ret < 0)
			return ret;
		t->altered++;
		t->found += ret == PVTB_EXIT_FAILED;
		if (ret != PVTB_EXIT_FAILED)
			printf("not found: %.4g instruction%s more in %s.%s.%s\n", by,
			       by == 1 ? "" : "s", bench, v->name, m->name);
	}
	return 0;
}

/* The measurement against itself, through a file as any baseline: must pass. Then against that with
 * one metric altered at a time: must fail each time. */
static int self_test(const struct gate_opts *o, const struct pvtb_compare_side *now,
		     const char *scratch, struct pvtb_err *err)
{
	struct pvtb_compare_side base = {0};
	struct tally t = {0};
	char path[512];
	int ret, same = 0;

	snprintf(path, sizeof(path), "%s/baseline.json", scratch);
	ret = write_baseline(o, path, now, err);
	if (!ret)
		ret = pvtb_compare_side_load(&base, path, err);
	if (!ret)
		ret = same = compare_silently(o, &base, now, err);
	if (same == PVTB_EXIT_FAILED)
		printf("a measurement does not pass against itself\n");
	for (size_t h = 0; ret >= 0 && h < base.runs[0].result->nr_hosts; h++) {
		struct pvtb_host_result *host = &base.runs[0].result->hosts[h];

		for (size_t b = 0; ret >= 0 && b < host->nr_benches; b++)
			for (size_t v = 0; ret >= 0 && v < host->benches[b].nr_variants; v++)
				ret = alter_variant(o, &base, now, host->benches[b].name,
						    &host->benches[b].variants[v], &t, err);
	}
	pvtb_compare_side_free(&base);
	if (ret < 0)
		return ret;
	printf("self-test: %zu of %zu altered baselines found%s\n", t.found, t.altered,
	       t.altered ? "" : ": nothing here counts instructions");
	return !same && t.altered && t.found == t.altered ? PVTB_EXIT_OK : PVTB_EXIT_FAILED;
}

/* ---- the command ---- */

static bool holds_something(const struct pvtb_result *r)
{
	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			for (size_t v = 0; v < r->hosts[h].benches[b].nr_variants; v++)
				if (r->hosts[h].benches[b].variants[v].nr_metrics)
					return true;
	return false;
}

static int load_baseline(const struct gate_opts *o, const char *path,
			 struct pvtb_compare_side *base, struct pvtb_err *err)
{
	struct stat st;
	int ret;

	if (stat(path, &st) && errno == ENOENT) {
		if (o->update || o->self_test)
			return 0;
		pvtb_err_sys(err, -ENOENT, "%s", path);
		return pvtb_err_hint(err, "make it: pvtb gate %s --update", path);
	}
	ret = pvtb_compare_side_load(base, path, err);
	if (ret || o->update || o->self_test || holds_something(base->runs[0].result))
		return ret;
	pvtb_err_set(err, -ENODATA, path, "this baseline holds nothing to compare with");
	return pvtb_err_hint(err, "make it anew: pvtb gate %s --update", path);
}

static int gate(struct gate_opts *o, int argc, char **argv, struct pvtb_err *err)
{
	struct pvtb_compare_side base = {0}, now = {0};
	struct pvtb_scratch scratch = {0};
	struct plan p = {0};
	char dir[512];
	int ret = load_baseline(o, argv[0], &base, err);

	/* What is not measured is not missing when something else was asked for. */
	if (!ret && !o->c.only.nr)
		ret = add_all(&o->c.only, (const char *const *)argv + 1, (size_t)argc - 1);

	if (!ret)
		ret = pvtb_scratch_make(&scratch, err);
	snprintf(dir, sizeof(dir), "%s/now", scratch.path);
	if (!ret)
		ret = make_plan(o, argc - 1, argv + 1, base.nr ? base.runs[0].result : NULL,
				o->out ? o->out : dir, &p, err);
	p.m.guardian = scratch.guardian;
	if (!ret)
		ret = build_all(o, &p, err);
	if (!ret)
		ret = measure(&p, &now, err);
	if (!ret && o->self_test)
		ret = self_test(o, &now, scratch.path, err);
	else if (!ret && o->update)
		ret = update(o, argv[0], &base, &now, err);
	else if (!ret)
		ret = pvtb_compare_and_show(&base, &now, &o->c, also_fails, stdout, err);
	plan_free(&p);
	pvtb_compare_side_free(&base);
	pvtb_compare_side_free(&now);
	pvtb_scratch_remove(&scratch);
	return ret;
}

static int cmd_gate(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct gate_opts *o = opts;
	struct pvtb_err err = {0};
	int ret = 0;

	if (o->update && o->self_test)
		ret = pvtb_err_set(&err, -EINVAL, "--self-test",
				   "changes no baseline: drop --update");
	if (o->commit && !o->tree)
		ret = pvtb_err_set(&err, -EINVAL, "--commit", "requires --tree");
	if (o->kernel && o->tree)
		ret = pvtb_err_set(&err, -EINVAL, "--tree", "builds a kernel: drop --kernel");
	/* that no kernel would change: not "cannot be tested" */
	if (ret)
		return pvtb_cmd_fail(&err);
	ret = pvtb_signals_install(&err);
	if (!ret)
		ret = gate(o, argc, argv, &err);
	return ret < 0 ? pvtb_measure_fail(&err) : ret;
}

static const struct pvtb_command gate_command = {
	.name = "gate",
	.summary = "measure and compare with a baseline file: pass or fail",
	.usage = "[-k KERNEL | --tree DIR [--commit COMMIT]] [--update | --self-test] BASELINE "
		 "[BENCH[.VARIANT]...]",
	.description =
		"Measures what BASELINE holds, in the lab as a rule, and fails when anything is\n"
		"worse, broken or missing: one instruction more in an exit is worse. --update makes\n"
		"the baseline, or renews it. --tree builds the kernel that is measured, with a small\n"
		"configuration of the project's own; the repository is only read. Exit status, as `git bisect run` wants it: 0 passed,\n"
		"1 failed, 125 could not be tested, 130 interrupted.",
	.options = gate_options,
	.opts_size = sizeof(struct gate_opts),
	.defaults = &gate_defaults,
	.min_operands = 1,
	.max_operands = -1,
	.complete = "file",
	.run = cmd_gate,
};
PVTB_COMMAND(gate_command);
