// SPDX-License-Identifier: GPL-2.0-only
/* Owns the set of subcommands and what they share in talking to the user. */
#include "cmd/cmd.h"

#include <string.h>

#include "core/suggest.h"
#include "core/text.h"

/* Bounds of the section PVTB_COMMAND() fills; weak, for programs without any subcommand. */
extern const struct pvtb_command *const __start_pvtb_command_ptrs[] __attribute__((weak));
extern const struct pvtb_command *const __stop_pvtb_command_ptrs[] __attribute__((weak));

static int by_name(const void *a, const void *b)
{
	const struct pvtb_command *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

int pvtb_commands(const struct pvtb_command ***ret, size_t *ret_nr)
{
	size_t nr = (size_t)(__stop_pvtb_command_ptrs - __start_pvtb_command_ptrs);
	const struct pvtb_command **commands = calloc(nr + 1, sizeof(*commands));

	if (!commands)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		commands[i] = __start_pvtb_command_ptrs[i];
	qsort(commands, nr, sizeof(*commands), by_name);
	*ret = commands;
	*ret_nr = nr;
	return 0;
}

const struct pvtb_command *pvtb_command_find(const char *name)
{
	const struct pvtb_command *const *c;

	for (c = __start_pvtb_command_ptrs; c < __stop_pvtb_command_ptrs; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

void pvtb_cmd_error(const struct pvtb_err *err)
{
	char what[4 * sizeof(err->what)], why[4 * sizeof(err->why)], hint[4 * sizeof(err->hint)];

	/* of names that others chose, and of what a lab said */
	pvtb_text_clean(err->what, what, sizeof(what));
	pvtb_text_clean(err->why, why, sizeof(why));
	pvtb_text_clean(err->hint, hint, sizeof(hint));
	fprintf(stderr, "pvtb: %s: %s\n", what, why);
	if (hint[0])
		fprintf(stderr, "  hint: %s\n", hint);
}

int pvtb_cmd_fail(const struct pvtb_err *err)
{
	pvtb_cmd_error(err);
	switch (err->code) {
	case -EINTR:
		return PVTB_EXIT_INTERRUPTED;
	case -EOPNOTSUPP:
		return PVTB_EXIT_SKIPPED;
	default:
		return PVTB_EXIT_ERROR;
	}
}

char *pvtb_cmd_line(const struct pvtb_command *cmd, const void *opts, int argc, char *const *argv)
{
	return pvtb_opts_command_line(cmd->name, cmd->options, cmd->defaults, opts, argc, argv);
}

int pvtb_cmd_print_json(json_t *json)
{
	struct pvtb_err err;
	int r = json ? json_dumpf(json, stdout, JSON_INDENT(2)) : -1;

	json_decref(json);
	if (r) {
		pvtb_err_sys(&err, -ENOMEM, "JSON");
		return pvtb_cmd_fail(&err);
	}
	putchar('\n');
	return PVTB_EXIT_OK;
}

static int unknown_command(const char *name)
{
	const struct pvtb_command **commands PVTB_FREE = NULL;
	const char **names PVTB_FREE = NULL;
	const char *near = NULL;
	struct pvtb_err err;
	size_t nr = 0;

	pvtb_err_set(&err, -EINVAL, name, "no such command");
	if (!pvtb_commands(&commands, &nr))
		names = calloc(nr, sizeof(*names));
	for (size_t i = 0; names && i < nr; i++)
		names[i] = commands[i]->hidden ? NULL : commands[i]->name;
	if (names)
		near = pvtb_suggest(name, names, nr);
	if (near)
		pvtb_err_hint(&err, "did you mean `pvtb %s`?", near);
	else
		pvtb_err_hint(&err, "`pvtb help` lists the commands");
	return pvtb_cmd_fail(&err);
}

static int check_operands(const struct pvtb_command *cmd, int argc, char **argv,
			  struct pvtb_err *err)
{
	if (cmd->max_operands >= 0 && argc > cmd->max_operands) {
		pvtb_err_set(err, -EINVAL, argv[cmd->max_operands], "one operand too many");
		return pvtb_err_hint(err, "usage: pvtb %s %s", cmd->name,
				     cmd->usage ? cmd->usage : "");
	}
	if (argc < cmd->min_operands) {
		pvtb_err_set(err, -EINVAL, cmd->name, "operand missing");
		return pvtb_err_hint(err, "usage: pvtb %s %s", cmd->name,
				     cmd->usage ? cmd->usage : "");
	}
	return 0;
}

/* A full disk or a closed pipe behind stdout must not look like success. */
static int finish_output(int status)
{
	struct pvtb_err err;

	if (!fflush(stdout) && !ferror(stdout))
		return status;
	pvtb_err_sys(&err, errno ? -errno : -EIO, "standard output");
	return status == PVTB_EXIT_OK ? pvtb_cmd_fail(&err) : status;
}

int pvtb_cmd_dispatch(int argc, char **argv)
{
	const struct pvtb_command *cmd = pvtb_command_find(argv[0]);
	void *opts PVTB_FREE = NULL;
	int first = argc, status;
	struct pvtb_err err;
	bool help = false;

	if (!cmd)
		return unknown_command(argv[0]);
	opts = calloc(1, cmd->opts_size + 1);
	if (!opts) {
		pvtb_err_sys(&err, -ENOMEM, "options");
		return pvtb_cmd_fail(&err);
	}
	if (cmd->defaults)
		memcpy(opts, cmd->defaults, cmd->opts_size);
	if (pvtb_opts_parse(cmd->options, argc, argv, opts, &first, &help, &err)) {
		status = pvtb_cmd_fail(&err);
	} else if (help) {
		pvtb_cmd_help(cmd, stdout);
		status = PVTB_EXIT_OK;
	} else if (check_operands(cmd, argc - first, argv + first, &err)) {
		status = pvtb_cmd_fail(&err);
	} else {
		status = cmd->run(cmd, opts, argc - first, argv + first);
	}
	pvtb_opts_free(cmd->options, opts);
	return finish_output(status);
}
