/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a subcommand is: one file in harness/cmd/, one descriptor, registered by itself. Help, man
 * page and completion come from it; nothing else is edited to add a subcommand. Only code here
 * prints and decides exit statuses.
 */
#ifndef PVTB_CMD_H
#define PVTB_CMD_H

#include <jansson.h>

#include "core/err.h"
#include "core/opts.h"
#include "core/util.h"

struct pvtb_lab_hooks;
/* What a lab says goes to stderr, Ctrl-C ends it. In lab.c. */
extern const struct pvtb_lab_hooks pvtb_cmd_lab_hooks;

struct pvtb_command {
	const char *name;
	const char *summary;	 /* one line, no full stop */
	const char *usage;	 /* what follows the name: "[-H HOST] [BENCH...]"; NULL: nothing */
	const char *description; /* paragraphs for -h and the man page; may be NULL */
	const struct pvtb_opt *options; /* ended by PVTB_OPT_END; NULL: none */
	size_t opts_size;		/* of the options struct the table is bound to */
	const void *defaults;		/* initial options struct; NULL: zeroed */
	int min_operands;
	int max_operands;     /* -1: any number; 0: none are accepted */
	const char *complete; /* operands complete as: "bench", "file", "dir" or a list of words */
	bool hidden;	      /* for the program's own use: not in the command list */
	/* @argv: the operands only, NULL-ended. Returns enum pvtb_exit. */
	int (*run)(const struct pvtb_command *cmd, void *opts, int argc, char **argv);
};

/* Pointers, not structs, in the section: padding between structs is the compiler's business. The
 * section is not called pvtb_commands(), or the assembler would take calls of that for jumps into it. */
#define PVTB_COMMAND(c)                                                                            \
	static const struct pvtb_command *const pvtb_command_ptr_##c                               \
		__attribute__((used, section("pvtb_command_ptrs"))) = &(c)

/* All of them, sorted by name; the array is the caller's to free. -ENOMEM. */
int pvtb_commands(const struct pvtb_command ***ret, size_t *ret_nr) PVTB_MUST_CHECK;
const struct pvtb_command *pvtb_command_find(const char *name);

/* `pvtb: what: why` and `  hint: ...` on stderr. */
void pvtb_cmd_error(const struct pvtb_err *err);
/* The same, and the exit status that goes with err->code: INTERRUPTED for -EINTR, SKIPPED for
 * -EOPNOTSUPP, ERROR otherwise. */
int pvtb_cmd_fail(const struct pvtb_err *err);
/* The command line that reproduces this run (see pvtb_opts_command_line()); allocated. */
char *pvtb_cmd_line(const struct pvtb_command *cmd, const void *opts, int argc, char *const *argv);
/* JSON on stdout, checked to have been written. Takes the reference. Returns enum pvtb_exit. */

int pvtb_cmd_print_json(json_t *json);
/* -h of one subcommand. */
void pvtb_cmd_help(const struct pvtb_command *cmd, FILE *out);
/* `pvtb` alone: every subcommand in a line. */
void pvtb_cmd_overview(FILE *out);
/* Parse and run; @argv[0] is the subcommand's name. Returns enum pvtb_exit. */
int pvtb_cmd_dispatch(int argc, char **argv);

#endif
