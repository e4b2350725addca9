// SPDX-License-Identifier: GPL-2.0-only
/* pvtb lab: the kernels of the emulated hosts, fetched; and anything of pvtb run inside one. */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cmd/cmd.h"
#include "cmd/host.h"
#include "core/guardian.h"
#include "core/signals.h"
#include "core/suggest.h"
#include "core/text.h"
#include "lab/lab.h"

struct lab_opts {
	bool update;
	const char *series;
	const char *in, *out;
	u64 timeout_s;
};

static const struct lab_opts lab_defaults = {.timeout_s = 900};

static const struct pvtb_opt lab_options[] = {
	PVTB_OPT_FLAG('u', "update", struct lab_opts, update,
		      "fetch: the newest kernel, even when one is cached"),
	PVTB_OPT_STRING('s', "series", struct lab_opts, series, "SERIES",
			"fetch: X.Y, newest or rc, -rt behind it, as series= of a host names it"),
	PVTB_OPT_STRING('i', "input", struct lab_opts, in, "DIR",
			"run: the files of this directory are in /input there"),
	PVTB_OPT_STRING('o', "output", struct lab_opts, out, "DIR",
			"run: an existing directory for what the command leaves in /result"),
	PVTB_OPT_U64('t', "timeout", struct lab_opts, timeout_s, "SECONDS", 1, 86400,
		     "run: give up after that long"),
	PVTB_OPT_END,
};

static void print_line(void *ctx, const char *line)
{
	pvtb_text_put_lines(line, strlen(line), stderr);
	fputc('\n', stderr);
}

static void print_out(void *ctx, const char *data, size_t len)
{
	/* a file gets the very bytes; a terminal would act on some */
	if (isatty(STDOUT_FILENO))
		pvtb_text_put_lines(data, len, stdout);
	else
		fwrite(data, 1, len, stdout);
	fflush(stdout);
}

static bool ask_interrupted(void *ctx)
{
	return pvtb_interrupted();
}

const struct pvtb_lab_hooks pvtb_cmd_lab_hooks = {
	.line = print_line,
	.interrupted = ask_interrupted,
};

static int fetch_one(enum pvtb_lab_arch arch, const struct lab_opts *o, struct pvtb_err *err)
{
	char dir[4096];
	int ret = pvtb_lab_fetch(arch, o->series ? o->series : "",
				 o->update ? PVTB_LAB_FETCH_UPDATE : PVTB_LAB_FETCH_MISSING,
				 &pvtb_cmd_lab_hooks, dir, sizeof(dir), err);

	if (!ret)
		printf("%s\n", dir);
	return ret;
}

static int list_one(enum pvtb_lab_arch arch, const struct lab_opts *o, struct pvtb_err *err)
{
	char text[16384];
	int ret = pvtb_lab_list(arch, &pvtb_cmd_lab_hooks, text, sizeof(text), err);

	if (!ret)
		fputs(text, stdout);
	return ret;
}

/* Every architecture, or those named. */
static int for_each_arch(int (*one)(enum pvtb_lab_arch arch, const struct lab_opts *o,
				    struct pvtb_err *err),
			 const struct lab_opts *o, int argc, char **argv, struct pvtb_err *err)
{
	static const enum pvtb_lab_arch all[] = {PVTB_LAB_ARM64, PVTB_LAB_X86_64};
	int ret = 0;

	for (int i = 0; i < argc && !ret; i++) {
		size_t k = 0;

		while (k < PVTB_ARRAY_SIZE(all) && strcmp(argv[i], pvtb_lab_arch_name(all[k])))
			k++;
		if (k == PVTB_ARRAY_SIZE(all)) {
			pvtb_err_set(err, -EINVAL, argv[i], "unknown architecture");
			return pvtb_err_hint(err, "arm64 or x86_64");
		}
		ret = one(all[k], o, err);
	}
	for (size_t k = 0; !argc && k < PVTB_ARRAY_SIZE(all) && !ret; k++)
		ret = one(all[k], o, err);
	return ret;
}

/* One lab of `lab run`: of two that are joined, each on a thread. */
struct inside {
	const char *host, *out;
	char **argv;
	struct pvtb_lab_hooks hooks;
	int status;
	struct pvtb_err err;
	int ret;
};

static void *run_thread(void *arg)
{
	struct inside *in = arg;
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));

	in->ret = spec ? pvtb_lab_spec_parse(in->host, spec, &in->err)
		       : pvtb_err_sys(&in->err, -ENOMEM, "lab");
	if (!in->ret)
		in->ret = pvtb_lab_run(spec, in->argv, in->out, &in->hooks, &in->status, &in->err);
	return NULL;
}

/* Two labs joined by a link, each running its own commands. */
static int run_two(struct inside *in, struct pvtb_err *err)
{
	pthread_t second;
	int link[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link))
		return pvtb_err_sys(err, -errno, "link");
	in[0].hooks.link_fd = link[0];
	in[1].hooks.link_fd = link[1];
	ret = -pthread_create(&second, NULL, run_thread, &in[1]);
	if (ret) {
		pvtb_err_sys(err, ret, "lab");
	} else {
		run_thread(&in[0]);
		pthread_join(second, NULL);
	}
	close(link[0]);
	close(link[1]);
	for (size_t i = 0; i < 2 && !ret; i++) {
		ret = in[i].ret;
		if (ret)
			*err = in[i].err;
	}
	return ret;
}

/* The command line(s) for each lab: a "pvtb" before every command; "//" begins the second lab's. */
static int split(struct inside in[2], int nr_labs, int argc, char **argv, char **words,
		 struct pvtb_err *err)
{
	int lab = 0;

	in[0].argv = words;
	*words++ = (char *)"pvtb";
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "//")) {
			if (++lab >= nr_labs)
				break;
			*words++ = NULL;
			in[lab].argv = words;
			*words++ = (char *)"pvtb";
			continue;
		}
		*words++ = argv[i];
		if (!strcmp(argv[i], PVTB_LAB_BESIDE) || !strcmp(argv[i], PVTB_LAB_THEN))
			*words++ = (char *)"pvtb";
	}
	*words = NULL;
	if (lab == nr_labs - 1)
		return 0;
	pvtb_err_set(err, -EINVAL, "lab run", "%d lab%s, and commands for %s", nr_labs,
		     nr_labs == 1 ? "" : "s", nr_labs == 1 ? "more" : "one");
	return pvtb_err_hint(err, "pvtb lab run LAB+LAB -- COMMAND... // COMMAND...");
}

/* Unasked for, results go where the guardian's list removes them. */
static int make_out(struct pvtb_guardian *guardian, char *buf, size_t len, struct pvtb_err *err)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(buf, len, "%s/pvtb-lab-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(buf))
		return pvtb_err_sys(err, -errno, "%s", buf);
	return pvtb_guardian_add_rmtree(guardian, buf, NULL, err);
}

/* argv[0] is the host, the rest the subcommand to run inside it. */
static int run_inside(const struct lab_opts *o, int argc, char **argv, int *ret_status,
		      struct pvtb_err *err)
{
	const char *second = pvtb_host_second(argv[0]);
	char *first PVTB_FREE =
		second ? strndup(argv[0], (size_t)(second - argv[0]) - 1) : strdup(argv[0]);
	char **words PVTB_FREE = calloc(2 * (size_t)argc + 4, sizeof(*words));
	char dirs[2][512];
	const struct pvtb_lab_hooks hooks = {
		.line = print_line,
		.out = print_out,
		.interrupted = ask_interrupted,
		.input_dir = o->in,
		.timeout_s = (unsigned int)o->timeout_s,
	};
	struct inside in[2] = {{.host = first, .out = o->out, .hooks = hooks},
			       {.host = second, .hooks = hooks}};
	struct pvtb_guardian *guardian = NULL;
	int ret;

	if (!first || !words)
		return pvtb_err_sys(err, -ENOMEM, "lab");
	ret = split(in, second ? 2 : 1, argc - 1, argv + 1, words, err);
	ret = ret ?: pvtb_guardian_start(&guardian, err);
	for (size_t i = 0; !ret && i < (second ? 2 : 1); i++) {
		in[i].hooks.guardian = guardian;
		if (in[i].out)
			continue;
		ret = make_out(guardian, dirs[i], sizeof(dirs[i]), err);
		in[i].out = dirs[i];
	}
	if (!ret && second) {
		ret = run_two(in, err);
	} else if (!ret) {
		run_thread(&in[0]);
		ret = in[0].ret;
		*err = in[0].err;
	}
	*ret_status = in[0].status ? in[0].status : in[1].status;
	if (guardian)
		pvtb_guardian_stop(guardian);
	return ret;
}

static int cmd_lab(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	static const char *const verbs[] = {"fetch", "list", "run"};
	struct pvtb_err err = {};
	const char *near;
	int status = PVTB_EXIT_OK, ret = pvtb_signals_install(&err);

	if (ret)
		return pvtb_cmd_fail(&err);
	if (!strcmp(argv[0], "fetch")) {
		ret = for_each_arch(fetch_one, opts, argc - 1, argv + 1, &err);
	} else if (!strcmp(argv[0], "list")) {
		ret = for_each_arch(list_one, opts, argc - 1, argv + 1, &err);
	} else if (!strcmp(argv[0], "run") && argc >= 3) {
		ret = run_inside(opts, argc - 1, argv + 1, &status, &err);
	} else if (!strcmp(argv[0], "run")) {
		pvtb_err_set(&err, -EINVAL, "lab run", "needs a host and a command");
		ret = pvtb_err_hint(&err, "pvtb lab run lab:arm64 -- doctor");
	} else {
		near = pvtb_suggest(argv[0], verbs, PVTB_ARRAY_SIZE(verbs));
		pvtb_err_set(&err, -EINVAL, argv[0], "not a lab command");
		ret = near ? pvtb_err_hint(&err, "did you mean `pvtb lab %s`?", near)
			   : pvtb_err_hint(&err,
					   "`pvtb lab fetch`, `pvtb lab list` or `pvtb lab run`");
	}
	return ret ? pvtb_cmd_fail(&err) : status;
}

static const struct pvtb_command lab_command = {
	.name = "lab",
	.summary = "fetch the kernels of the emulated hosts; run pvtb inside one",
	.usage =
		"fetch [-u] [-s SERIES] [arm64|x86_64]... | list [arm64|x86_64]... | run [-i DIR] [-o DIR] HOST[+HOST] -- COMMAND [ARG...]",
	.description =
		"fetch prints the directory of each verified kernel in the cache, which is\n"
		"$XDG_CACHE_HOME/pvtime-bench (or ~/.cache/pvtime-bench); list shows what is\n"
		"cached and what the archive has, the newest of each series. run boots HOST, runs\n"
		"`pvtb COMMAND ARG...` in it as root and passes on its output and exit status;\n"
		"-- keeps COMMAND's options from being taken for lab's. `++` between commands runs\n"
		"them side by side, `then` one after the other. HOST+HOST are two labs joined by a\n"
		"virtio-serial port named \"link\"; what comes after `//` is run in the second one.",
	.options = lab_options,
	.opts_size = sizeof(struct lab_opts),
	.defaults = &lab_defaults,
	.min_operands = 1,
	.max_operands = -1,
	.complete = "fetch list run",
	.run = cmd_lab,
};
PVTB_COMMAND(lab_command);
