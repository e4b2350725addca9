// SPDX-License-Identifier: GPL-2.0-only
/* pvtb plot: figures of one or more results, from their files alone. */
#include <string.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/figures.h"
#include "core/rights.h"
#include "core/signals.h"
#include "report/report.h"

struct plot_opts {
	const char *out;
	bool keep_data;
	struct pvtb_guardian *guardian;
};

static const struct pvtb_opt plot_options[] = {
	PVTB_OPT_STRING('o', "output", struct plot_opts, out, "DIR",
			"where figures go (default: plots/ in each result's directory)"),
	PVTB_OPT_FLAG('d', "keep-data", struct plot_opts, keep_data,
		      "leave each figure's data and gnuplot scripts beside it, in NAME.data/"),
	PVTB_OPT_END,
};

/* The directory a result's files are relative to; @path is it or the result.json in it. */
static char *directory_of(const char *path)
{
	struct stat st;
	const char *slash = strrchr(path, '/');
	bool is_dir = !stat(path, &st) && S_ISDIR(st.st_mode);
	size_t len = strlen(path);

	if (!is_dir && !slash)
		return strdup(".");
	if (!is_dir)
		return strndup(path, slash == path ? 1 : (size_t)(slash - path));
	while (len > 1 && path[len - 1] == '/')
		len--;
	return strndup(path, len);
}

static int draw_into(const struct pvtb_result *r, const char *dir, const struct plot_opts *opts,
		     struct pvtb_plot_list *list, struct pvtb_err *err)
{
	char *plots PVTB_FREE = NULL;
	struct pvtb_plot_options po = {
		.result_dir = dir,
		.out_dir = opts->out,
		.keep_data = opts->keep_data,
		.guardian = opts->guardian,
	};
	struct stat st;
	bool made;
	int ret;

	if (!po.out_dir) {
		if (asprintf(&plots, "%s/plots", dir) < 0) {
			plots = NULL;
			return pvtb_err_sys(err, -ENOMEM, "plot");
		}
		po.out_dir = plots;
		/* The result may be somebody else's: it does not choose where files are written. */
		if (!lstat(plots, &st) && S_ISLNK(st.st_mode)) {
			pvtb_err_set(err, -ELOOP, plots, "is a symbolic link");
			return pvtb_err_hint(err, "choose a place for the figures with -o");
		}
	}
	made = access(po.out_dir, F_OK) != 0;
	ret = made ? pvtb_guardian_add_rmdir(opts->guardian, po.out_dir, NULL, err) : 0;
	ret = ret ?: pvtb_plot_result(r, &po, list, err);
	/* not one figure: no directory for them; rmdir() removes none that holds any */
	if (ret && made)
		rmdir(po.out_dir);
	return ret;
}

int pvtb_figures_draw(const struct pvtb_result *r, const char *dir, struct pvtb_guardian *guardian,
		      struct pvtb_err *err)
{
	const struct plot_opts opts = {.guardian = guardian};
	struct pvtb_plot_list list = {};
	int ret = draw_into(r, dir, &opts, &list, err);

	pvtb_plot_list_free(&list);
	return ret;
}

static int plot_one(const char *path, const struct plot_opts *opts, struct pvtb_plot_list *list,
		    struct pvtb_err *err)
{
	char *dir PVTB_FREE = NULL;
	struct pvtb_result *r;
	int ret = pvtb_result_load(path, &r, err);

	if (ret)
		return ret;
	dir = directory_of(path);
	ret = dir ? draw_into(r, dir, opts, list, err) : pvtb_err_sys(err, -ENOMEM, "plot");
	pvtb_result_free(r);
	return ret;
}

static int cmd_plot(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct plot_opts *o = opts;
	struct pvtb_plot_list list = {};
	struct pvtb_err err = {};
	/* Interrupted, gnuplot ends by the same signal; ours is to remove what it left. */
	int ret = pvtb_signals_install(&err);

	if (!ret)
		ret = pvtb_guardian_start(&o->guardian, &err);
	pvtb_rights_drop(PVTB_RIGHTS_PROGRAMS);

	for (int i = 0; i < argc && !ret; i++)
		ret = plot_one(argv[i], opts, &list, &err);
	if (ret && pvtb_interrupted())
		ret = pvtb_err_set(&err, -EINTR, "interrupted",
				   "the figure in the making discarded");
	for (size_t i = 0; i < list.nr; i++)
		printf("%s\n", list.paths[i]);
	for (size_t i = 0; i < list.nr_notes; i++)
		fprintf(stderr, "pvtb: plot: %s\n", list.notes[i]);
	pvtb_plot_list_free(&list);
	pvtb_guardian_stop(o->guardian);
	return ret ? pvtb_cmd_fail(&err) : PVTB_EXIT_OK;
}

static const struct pvtb_command plot_command = {
	.name = "plot",
	.summary = "draw the figures of results, as SVG and PNG",
	.usage = "[-o DIR] [--keep-data] RESULT...",
	.description =
		"RESULT is a result directory or its result.json. Works on any machine that has\n"
		"gnuplot; the names of the files written are printed. Per host and benchmark:\n"
		"HOST-BENCH-latency and, where exits were traced, HOST-BENCH-decomposition. Of stolen\n"
		"time: HOST-BENCH-causes, HOST-BENCH-scenarios, and HOST-BENCH-SCENARIO[-vcpuN] with\n"
		"the witnesses against time, whose data are the result directory's files. Of Live\n"
		"Physical Time: HOST-lpt-ratio; of counters' rates, over all hosts: frequency-rates.",
	.options = plot_options,
	.opts_size = sizeof(struct plot_opts),
	.min_operands = 1,
	.max_operands = -1,
	.complete = "file",
	.run = cmd_plot,
};
PVTB_COMMAND(plot_command);
