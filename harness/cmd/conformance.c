// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb conformance: does this host's KVM keep its word about guest time? KTAP on stdout, JSON in a
 * result directory. Owns hosts, output and exit status; the checks are bench/conformance/'s.
 */
#include <string.h>

#include "arch/counter.h"
#include "bench/conformance/conformance.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/inlab.h"
#include "core/signals.h"
#include "core/text.h"
#include "lab/lab.h"

struct conf_opts {
	struct pvtb_strv hosts;
	const char *out;
	const char *kernel;
	u64 timeout_s;
	u64 jobs;
	bool list;
	bool markdown;
	const char *explain;
	bool mutants;
	const char *mutant;
	const char *lab_host; /* set inside a lab guest */
};

static const struct conf_opts conf_defaults = {.timeout_s = 900};

static const struct pvtb_opt conf_options[] = {
	PVTB_OPT_LIST(
		'H', "host", struct conf_opts, hosts, "HOST",
		"native, lab:arm64[,...], lab:x86_64[,...] or auto; repeatable (default auto)"),
	PVTB_OPT_STRING('o', "output", struct conf_opts, out, "DIR",
			"result directory (default results/<time>-conformance)",
			.flags = PVTB_OPT_NO_ECHO),
	PVTB_OPT_STRING('k', "kernel", struct conf_opts, kernel, "FILE",
			"boot the lab hosts with this kernel instead of the distribution's"),
	PVTB_OPT_U64('t', "timeout", struct conf_opts, timeout_s, "SECONDS", 1, 86400,
		     "give up on a lab host after that long"),
	PVTB_OPT_U64('j', "jobs", struct conf_opts, jobs, "N", 0, 64,
		     "checks at a time (default 0: one per CPU)"),
	PVTB_OPT_FLAG('l', "list", struct conf_opts, list, "show the catalogue, run nothing"),
	PVTB_OPT_FLAG(0, "markdown", struct conf_opts, markdown, "the catalogue as Markdown"),
	PVTB_OPT_STRING('e', "explain", struct conf_opts, explain, "ID",
			"statement, source, check and mutant of one row"),
	PVTB_OPT_FLAG(
		'm', "mutants", struct conf_opts, mutants,
		"give every check its wrong answer, and see it fail, and no other that should not"),
	PVTB_OPT_STRING(0, "mutant", struct conf_opts, mutant, "ID",
			"run with the wrong answer of that row"),
	PVTB_OPT_STRING(0, "lab-host", struct conf_opts, lab_host, "HOST",
			"inside a lab guest: the host as it was asked for",
			.flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_END,
};

/* Where it leads: what is written, and what it comes to. */
struct conf_run {
	const struct conf_opts *opts;
	char *const *filters;
	size_t nr_filters;
	const char *spec;
	FILE *out;
	struct pvtb_text_pieces pieces; /* of what the lab says */
	struct pvtb_inlab lab;
	bool failed; /* this host has */
};

/* ---- on this machine ---- */

struct native {
	const struct cf_row **rows;
	size_t nr;
	struct cf_outcome *outcomes; /* of the checks, or of their mutants */
	const struct cf_row **armed; /* --mutant: that row's, in every check */
	struct cf_ktap ktap;
	bool mutants;
};

/* The rows asked for; unasked, those of this architecture. */
static int choose(const struct conf_run *run, struct native *n)
{
	enum pvtb_arch here =
		strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_X86_64 : PVTB_ARCH_ARM64;
	const struct cf_row *const *all;
	size_t nr = cf_rows(&all);

	n->rows = calloc(nr, sizeof(*n->rows));
	n->outcomes = calloc(nr, sizeof(*n->outcomes));
	if (!n->rows || !n->outcomes)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		if (cf_row_wanted(all[i], run->filters, run->nr_filters) &&
		    (run->nr_filters || (all[i]->archs & here)))
			n->rows[n->nr++] = all[i];
	return 0;
}

static int arm_everywhere(struct native *n, struct cf_run_opts *ro, const struct cf_row *mutant)
{
	n->armed = calloc(n->nr, sizeof(*n->armed));
	if (!n->armed)
		return -ENOMEM;
	for (size_t i = 0; i < n->nr; i++)
		n->armed[i] = mutant;
	ro->mutants = n->armed;
	return 0;
}

static void tell(void *ctx, size_t i)
{
	struct native *n = ctx;

	cf_ktap_outcome(&n->ktap, i);
}

static size_t count(const struct cf_outcome *o, size_t nr, enum cf_verdict v)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		n += o[i].verdict == v;
	return n;
}

static void totals(const struct conf_run *run, const struct native *n)
{
	const struct cf_outcome *o = n->ktap.outcomes;
	size_t nr = n->nr;

	if (n->mutants)
		fprintf(run->out, "# mutants: %zu of %zu killed, %zu not applicable here\n",
			count(o, nr, CF_PASS), count(o, nr, CF_PASS) + count(o, nr, CF_FAIL),
			count(o, nr, CF_SKIP) + count(o, nr, CF_MANUAL) +
				count(o, nr, CF_INCONCLUSIVE));
	else
		fprintf(run->out,
			"# totals: pass:%zu fail:%zu xfail:%zu notice:%zu skip:%zu manual:%zu "
			"inconclusive:%zu\n",
			count(o, nr, CF_PASS), count(o, nr, CF_FAIL), count(o, nr, CF_XFAIL),
			count(o, nr, CF_NOTICE), count(o, nr, CF_SKIP), count(o, nr, CF_MANUAL),
			count(o, nr, CF_INCONCLUSIVE));
}

static int run_native(struct conf_run *run, struct pvtb_err *err)
{
	const struct conf_opts *o = run->opts;
	struct native n = {.mutants = o->mutants};
	struct cf_run_opts ro = {
		.host_spec = run->spec,
		.emulated = o->lab_host != NULL,
		.qemu = getenv(PVTB_LAB_QEMU_ENV),
		.emulator_faults = getenv(PVTB_LAB_FAULTS_ENV),
		.jobs = (unsigned int)o->jobs,
		.interrupted = pvtb_interrupted,
	};
	struct pvtb_kvm_caps caps;
	int ret = choose(run, &n);

	if (ret)
		pvtb_err_sys(err, ret, "conformance");
	else
		/* Where there is no KVM there is no plan to announce. */
		ret = pvtb_kvm_probe(&caps, NULL, err);
	n.ktap = (struct cf_ktap){
		.out = run->out, .rows = n.rows, .nr = n.nr, .outcomes = n.outcomes};
	if (!ret && o->mutant)
		ret = arm_everywhere(&n, &ro, cf_row_find(o->mutant));
	if (!ret)
		cf_ktap_begin(&n.ktap);
	if (!ret && n.mutants) {
		ret = cf_run_mutants(n.rows, n.nr, &ro, n.outcomes, err);
		for (size_t i = 0; !ret && i < n.nr; i++)
			tell(&n, i);
	} else if (!ret) {
		ret = cf_run(n.rows, n.nr, &ro, n.outcomes, tell, &n, err);
	}
	if (!ret) {
		totals(run, &n);
		ret = pvtb_inlab_add(&run->lab, run->spec,
				     json_pack("{s:b, s:o}", "mutants", n.mutants, "checks",
					       cf_json(n.ktap.outcomes, n.nr)),
				     err);
		run->failed |= count(n.ktap.outcomes, n.nr, CF_FAIL) > 0;
	}
	free(n.rows);
	free(n.armed);
	free(n.outcomes);
	return ret;
}

/* ---- in a lab ---- */

static void pass_on(void *ctx, const char *data, size_t len)
{
	struct conf_run *run = ctx;

	pvtb_text_put_piece(&run->pieces, data, len, run->out);
	fflush(run->out);
}

static int lab_words(const struct conf_run *run, const char *jobs, struct pvtb_strv *words)
{
	const struct conf_opts *o = run->opts;
	int ret = pvtb_strv_add(words, "-j") ?: pvtb_strv_add(words, jobs);

	if (!ret && o->mutants)
		ret = pvtb_strv_add(words, "--mutants");
	if (!ret && o->mutant)
		ret = pvtb_strv_add(words, "--mutant") ?: pvtb_strv_add(words, o->mutant);
	ret = ret ?: pvtb_strv_add(words, "--");
	for (size_t i = 0; !ret && i < run->nr_filters; i++)
		ret = pvtb_strv_add(words, run->filters[i]);
	return ret;
}

static int run_lab(struct conf_run *run, struct pvtb_err *err)
{
	struct pvtb_strv words = {0};
	char jobs[24];
	int ret;

	snprintf(jobs, sizeof(jobs), "%llu", (unsigned long long)run->opts->jobs);
	ret = lab_words(run, jobs, &words);
	ret = ret ? pvtb_err_sys(err, ret, "%s", run->spec)
		  : pvtb_inlab_run(&run->lab, run->spec, &words, err);
	free(words.v);
	if (ret < 0)
		return ret;
	/* A kernel that warns when its interfaces are used as documented has not passed. */
	if (run->lab.complaint[0]) {
		fprintf(run->out, "# ");
		pvtb_text_put_ktap(run->spec, run->out);
		fputs(": the host's kernel complained: ", run->out);
		pvtb_text_put_ktap(run->lab.complaint, run->out);
		fputc('\n', run->out);
	}
	run->failed |= ret == PVTB_EXIT_FAILED;
	return 0;
}

/* ---- all hosts ---- */

static void indent(const char *text, FILE *out)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		fprintf(out, "  %.*s\n", len, text);
		text += len;
		text += *text == '\n';
	}
}

static int run_host(struct conf_run *run, struct pvtb_err *err)
{
	return pvtb_lab_is_spec(run->spec) ? run_lab(run, err) : run_native(run, err);
}

/* One host is the whole output; several are subtests of it. */
static int run_hosts(struct conf_run *run, const struct pvtb_strv *specs, struct pvtb_err *err)
{
	bool failed = false;
	int ret = 0;

	if (specs->nr == 1) {
		run->spec = run->opts->lab_host ? run->opts->lab_host : specs->v[0];
		run->out = stdout;
		return run->opts->lab_host ? run_native(run, err) : run_host(run, err);
	}
	printf("KTAP version 1\n1..%zu\n", specs->nr);
	for (size_t i = 0; i < specs->nr && !ret; i++) {
		char *text = NULL;
		size_t size;

		run->spec = specs->v[i];
		run->out = open_memstream(&text, &size);
		if (!run->out)
			return pvtb_err_sys(err, -errno, "conformance");
		run->failed = false;
		run->pieces.nr = 0;
		ret = run_host(run, err);
		fclose(run->out);
		/* The stream's own version line opens the subtest; its name follows. */
		fputs("  KTAP version 1\n  # Subtest: ", stdout);
		pvtb_text_put_ktap(run->spec, stdout);
		fputc('\n', stdout);
		indent(text && !strncmp(text, "KTAP version 1\n", 15) ? text + 15
		       : text					      ? text
								      : "",
		       stdout);
		printf("%s %zu ", ret || run->failed ? "not ok" : "ok", i + 1);
		pvtb_text_put_ktap(run->spec, stdout);
		fputc('\n', stdout);
		fflush(stdout);
		failed |= run->failed;
		free(text);
	}
	run->failed = failed;
	return ret;
}

static int run_all(const struct pvtb_command *cmd, struct conf_opts *o, int argc, char **argv,
		   const struct pvtb_strv *specs, struct pvtb_err *err)
{
	char *line PVTB_FREE = pvtb_cmd_line(cmd, o, argc, argv);
	struct conf_run run = {
		.opts = o,
		.filters = argv,
		.nr_filters = (size_t)argc,
		.lab = {.name = cmd->name,
			.kernel = o->kernel,
			.timeout_s = o->timeout_s,
			.ctx = &run,
			.out = pass_on},
	};
	int ret = pvtb_inlab_begin(&run.lab, o->out, err);

	if (!ret)
		ret = run_hosts(&run, specs, err);
	if (!ret)
		ret = pvtb_inlab_commit(&run.lab, line ? line : "pvtb conformance", err);
	if (!ret && !o->lab_host)
		printf("# %s/%s.json\n", pvtb_dir_path(run.lab.dir), cmd->name);
	pvtb_inlab_end(&run.lab);
	return ret ? ret : run.failed ? PVTB_EXIT_FAILED : PVTB_EXIT_OK;
}

static int list(const struct conf_opts *o, int argc, char **argv)
{
	const struct cf_row *const *rows;
	const struct cf_section *last = NULL;
	size_t nr = cf_rows(&rows), shown = 0, automatic = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct cf_section *s = cf_section_of(rows[i]);

		if (!cf_row_wanted(rows[i], argv, (size_t)argc))
			continue;
		if (s != last)
			printf("%s  %s\n", s->name, s->title);
		last = s;
		shown++;
		automatic += !rows[i]->manual;
		printf("  %-8s %-10s %s%s\n", rows[i]->id, cf_tag_name(rows[i]->tag),
		       rows[i]->statement, rows[i]->manual ? " [no automatic check]" : "");
	}
	printf("%zu rows, %zu with an automatic check\n", shown, automatic);
	return PVTB_EXIT_OK;
}

static int check_ids(const struct conf_opts *o, struct pvtb_err *err)
{
	char *id;

	id = (char *)o->explain;
	if (id && !cf_row_find(id))
		return cf_filters_check(&id, 1, err)
			       ?: pvtb_err_set(err, -EINVAL, id, "not one row");
	id = (char *)o->mutant;
	if (id && !cf_row_find(id))
		return cf_filters_check(&id, 1, err)
			       ?: pvtb_err_set(err, -EINVAL, id, "not one row");
	return 0;
}

static int cmd_conformance(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct conf_opts *o = opts;
	struct pvtb_strv specs = {0};
	struct pvtb_err err = {0};
	char why[1024] = "";
	int ret = cf_rows_check(&err);

	if (!ret)
		ret = cf_filters_check(argv, (size_t)argc, &err);
	if (!ret)
		ret = check_ids(o, &err);
	if (ret)
		return pvtb_cmd_fail(&err);
	if (o->list)
		return list(o, argc, argv);
	if (o->markdown) {
		cf_markdown(stdout);
		return PVTB_EXIT_OK;
	}
	if (o->explain) {
		cf_explain(cf_row_find(o->explain), stdout);
		return PVTB_EXIT_OK;
	}
	ret = pvtb_signals_install(&err);
	if (!ret)
		ret = pvtb_host_expand(&o->hosts, &specs, why, sizeof(why), &err);
	if (!ret && why[0])
		printf("# %s\n", why);
	if (!ret)
		ret = run_all(cmd, o, argc, argv, &specs, &err);
	free(specs.v);
	/* What cannot be checked at all is no verdict. */
	if (ret == -EOPNOTSUPP)
		err.code = -ENXIO;
	return ret < 0 ? pvtb_cmd_fail(&err) : ret;
}

static const struct pvtb_command conf_command = {
	.name = "conformance",
	.summary = "does KVM keep its word about guest time? every documented promise, checked",
	.usage = "[-H HOST]... [-o DIR] [--mutants] [ID|SECTION...]",
	.description =
		"Without operands every row of the host's architecture is checked. An operand is an\n"
		"identifier (PVT-01), a prefix (PVT) or a section (arm64.steal, x86). Output is KTAP.\n"
		"Exit status: 0 passed or skipped, 1 something failed, 2 could not run.",
	.options = conf_options,
	.opts_size = sizeof(struct conf_opts),
	.defaults = &conf_defaults,
	.max_operands = -1,
	.run = cmd_conformance,
};
PVTB_COMMAND(conf_command);
