// SPDX-License-Identifier: GPL-2.0-only
/* pvtb compare: two results, or two groups of repeated ones; from their files alone. */
#include <math.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/compare_opts.h"
#include "core/rights.h"

struct compare_opts {
	struct pvtb_compare_cmd_opts c;
	struct pvtb_strv old, new;
};

static const struct pvtb_opt compare_options[] = {
	PVTB_OPT_LIST(0, "old", struct compare_opts, old, "RESULT",
		      "results of the old side, repetitions", .flags = PVTB_OPT_WORDS),
	PVTB_OPT_LIST(0, "new", struct compare_opts, new, "RESULT", "results of the new side",
		      .flags = PVTB_OPT_WORDS),
	PVTB_OPT_LIST('H', "host", struct compare_opts, c.hosts, "HOST",
		      "only this host of the results; patterns too; repeatable"),
	PVTB_COMPARE_CMD_OPTS(struct compare_opts, c),
	PVTB_OPT_END,
};

static int set_fail_on(const struct pvtb_strv *asked, const enum pvtb_verdict *also, bool *fail_on,
		       struct pvtb_err *err)
{
	if (!asked->nr) {
		fail_on[PVTB_WORSE] = fail_on[PVTB_BROKEN] = true;
		for (; *also != PVTB_NR_VERDICTS; also++)
			fail_on[*also] = true;
	}
	for (size_t i = 0; i < asked->nr; i++) {
		bool known = !strcmp(asked->v[i], "none");

		for (int v = 0; v < PVTB_NR_VERDICTS; v++)
			if (!strcmp(asked->v[i], pvtb_verdicts[v]))
				fail_on[v] = known = true;
		if (!known) {
			pvtb_err_set(err, -EINVAL, "--fail-on", "no such verdict '%s'",
				     asked->v[i]);
			return pvtb_err_hint(err, "one of worse, broken, missing, unsure, changed, "
						  "better, same or none");
		}
	}
	return 0;
}

static int set_alpha(const char *text, double *ret, struct pvtb_err *err)
{
	char *end;

	*ret = 0.05;
	if (!text)
		return 0;
	*ret = strtod(text, &end) / 100;
	if (strspn(text, "0123456789.") == strlen(text) && !*end && *ret > 0 && *ret <= 0.5)
		return 0;
	return pvtb_err_set(err, -EINVAL, "--alpha", "'%s' is no percentage above 0, at most 50",
			    text);
}

int pvtb_compare_and_show(const struct pvtb_compare_side *old, const struct pvtb_compare_side *new,
			  const struct pvtb_compare_cmd_opts *o, const enum pvtb_verdict *also,
			  FILE *out, struct pvtb_err *err)
{
	struct pvtb_thresholds thresholds = {0};
	struct pvtb_compare_opts co = {
		.only = o->only.v,
		.nr_only = o->only.nr,
		.stats = o->stats.v,
		.nr_stats = o->stats.nr,
		.hosts = o->hosts.v,
		.nr_hosts = o->hosts.nr,
		.thresholds = &thresholds,
		.names = {o->names[0], o->names[1]},
	};
	struct pvtb_comparison c = {0};
	int ret = set_fail_on(&o->fail_on, also, co.fail_on, err);

	if (!ret)
		ret = set_alpha(o->alpha, &co.alpha, err);
	if (!ret && o->thresholds_file)
		ret = pvtb_thresholds_load(&thresholds, o->thresholds_file, err);
	for (size_t i = 0; i < o->thresholds.nr && !ret; i++)
		ret = pvtb_thresholds_add(&thresholds, o->thresholds.v[i], err);
	if (!ret)
		ret = pvtb_compare(old, new, &co, &c, err);
	if (!ret)
		ret = pvtb_compare_write(&c, (enum pvtb_compare_format)o->format,
					 (enum pvtb_compare_by)o->by, out, err);
	if (!ret)
		ret = pvtb_compare_nothing(&c, err);
	if (!ret)
		ret = c.failed ? PVTB_EXIT_FAILED : PVTB_EXIT_OK;
	pvtb_comparison_free(&c);
	pvtb_thresholds_free(&thresholds);
	return ret;
}

static int load(struct pvtb_compare_side *side, const struct pvtb_strv *paths, struct pvtb_err *err)
{
	int ret = 0;

	for (size_t i = 0; i < paths->nr && !ret; i++)
		ret = pvtb_compare_side_load(side, paths->v[i], err);
	return ret;
}

static int sort_out(struct compare_opts *o, int argc, char **argv, struct pvtb_err *err)
{
	size_t n = (size_t)argc;

	if (!o->old.nr && !o->new.nr) {
		if (n != 2) {
			pvtb_err_set(err, -EINVAL, "compare", "needs two results, OLD and NEW");
			return pvtb_err_hint(err, "repeated ones: --old a b c --new d e f");
		}
		return pvtb_strv_add(&o->old, argv[0]) || pvtb_strv_add(&o->new, argv[1])
			       ? pvtb_err_sys(err, -ENOMEM, "compare")
			       : 0;
	}
	if (!o->old.nr || !o->new.nr) {
		pvtb_err_set(err, -EINVAL, "compare", "--old and --new go together");
		return pvtb_err_hint(err, "--old a b c --new d e f");
	}
	if (n)
		return pvtb_err_set(err, -EINVAL, argv[0], "belongs to neither --old nor --new");
	return 0;
}

static int cmd_compare(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	static const enum pvtb_verdict also[] = {PVTB_NR_VERDICTS};
	struct compare_opts *o = opts;
	struct pvtb_compare_side old = {0}, new = {0};
	struct pvtb_err err = {0};
	int ret;

	pvtb_rights_drop(PVTB_RIGHTS_READ);
	ret = sort_out(o, argc, argv, &err);
	if (!ret)
		ret = load(&old, &o->old, &err);
	if (!ret)
		ret = load(&new, &o->new, &err);
	if (!ret)
		ret = pvtb_compare_and_show(&old, &new, &o->c, also, stdout, &err);
	pvtb_compare_side_free(&old);
	pvtb_compare_side_free(&new);
	return ret < 0 ? pvtb_cmd_fail(&err) : ret;
}

static const struct pvtb_command compare_command = {
	.name = "compare",
	.summary = "compare two results, or two groups of repeated ones",
	.usage = "OLD NEW | --old RESULT... --new RESULT...",
	.description =
		"Says for each metric whether the new side is better, worse, the same, or that this\n"
		"cannot be told and what would settle it. Times are compared by their raw samples,\n"
		"instructions exactly; docs/compare.md is the method. RESULT is a result directory\n"
		"or a result file; several on a side are repetitions. Exit status: 0 nothing worse,\n"
		"1 something is (see --fail-on), 2 could not compare.",
	.options = compare_options,
	.opts_size = sizeof(struct compare_opts),
	.max_operands = -1,
	.complete = "file",
	.run = cmd_compare,
};
PVTB_COMMAND(compare_command);
