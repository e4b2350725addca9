// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that is written about subcommands out of their descriptors: -h, the overview, the man
 * page (`pvtb help-man`) and bash's completion (`pvtb completion bash`).
 */
#include <ctype.h>
#include <string.h>

#include "bench.h"
#include "cmd/cmd.h"

void pvtb_cmd_help(const struct pvtb_command *cmd, FILE *out)
{
	fprintf(out, "pvtb %s: %s\n\n", cmd->name, cmd->summary);
	fprintf(out, "usage: pvtb %s%s%s\n", cmd->name, cmd->usage ? " " : "",
		cmd->usage ? cmd->usage : "");
	if (cmd->description)
		fprintf(out, "\n%s\n", cmd->description);
	fputc('\n', out);
	pvtb_opts_help(cmd->options, cmd->defaults, out);
}

static const char exit_text[] = "exit status: 0 done and every law held, 1 measured and something "
				"failed or got worse,\n2 could not run, 4 nothing of it can be "
				"measured here, 130 interrupted\n";

void pvtb_cmd_overview(FILE *out)
{
	const struct pvtb_command **commands PVTB_FREE = NULL;
	size_t nr = 0;

	fputs("pvtb: what time a KVM guest really sees\n\nusage: pvtb COMMAND [OPTION...] "
	      "[OPERAND...]\n\n",
	      out);
	if (pvtb_commands(&commands, &nr))
		return;
	for (size_t i = 0; i < nr; i++)
		if (!commands[i]->hidden)
			fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n`pvtb COMMAND -h` explains each; start with `pvtb doctor`.\n%s", exit_text);
}

/* roff: a dash is a minus, and a line must not begin with a dot or an apostrophe. */
static void put_roff(const char *s)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		start = *s == '\n';
		if (*s == '-')
			fputs("\\-", stdout);
		else if (*s == '\\')
			fputs("\\e", stdout);
		else
			putchar(*s);
	}
}

static void man_option(const struct pvtb_opt *opt)
{
	puts(".TP");
	printf(".BR ");
	if (opt->letter)
		printf("\\-%c \", \" ", opt->letter);
	printf("\\-\\-");
	put_roff(opt->name);
	if (opt->type != PVTB_OPT_TYPE_FLAG)
		printf(" \" \\fI%s\\fR\"", opt->arg ? opt->arg : "NAME");
	putchar('\n');
	put_roff(opt->help);
	if (opt->choices) {
		fputs(": ", stdout);
		for (size_t i = 0; opt->choices[i]; i++)
			printf("%s\\fB%s\\fR", i ? ", " : "", opt->choices[i]);
	}
	putchar('\n');
}

static void man_command(const struct pvtb_command *cmd)
{
	puts(".SS");
	printf("\\fBpvtb ");
	put_roff(cmd->name);
	printf("\\fR ");
	put_roff(cmd->usage ? cmd->usage : "");
	putchar('\n');
	put_roff(cmd->summary);
	puts(".");
	if (cmd->description) {
		puts(".PP\n.nf");
		put_roff(cmd->description);
		puts("\n.fi");
	}
	for (const struct pvtb_opt *o = cmd->options; o && o->name; o++)
		if (!(o->flags & PVTB_OPT_HIDDEN))
			man_option(o);
}

static int run_man(const struct pvtb_command *self, void *opts, int argc, char **argv)
{
	const struct pvtb_command **commands PVTB_FREE = NULL;
	size_t nr = 0;

	if (pvtb_commands(&commands, &nr))
		return PVTB_EXIT_ERROR;
	printf(".\\\" SPDX-License-Identifier: GPL-2.0-only\n"
	       ".TH PVTB 1 \"\" \"pvtime-bench " PVTB_VERSION "\" \"User Commands\"\n"
	       ".SH NAME\npvtb \\- what time a KVM guest really sees\n"
	       ".SH SYNOPSIS\n.B pvtb\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n"
	       ".SH COMMANDS\n");
	for (size_t i = 0; i < nr; i++)
		if (!commands[i]->hidden)
			man_command(commands[i]);
	puts(".SH EXIT STATUS");
	printf(".TP\n.B %d\nDone, and every law held.\n", PVTB_EXIT_OK);
	printf(".TP\n.B %d\nMeasured, and a law, check or comparison failed.\n", PVTB_EXIT_FAILED);
	printf(".TP\n.B %d\nCould not run: usage, environment or input.\n", PVTB_EXIT_ERROR);
	printf(".TP\n.B %d\nNothing asked for can be measured on this host.\n", PVTB_EXIT_SKIPPED);
	printf(".TP\n.B %d\nInterrupted; the partial result was discarded.\n",
	       PVTB_EXIT_INTERRUPTED);
	return PVTB_EXIT_OK;
}

static const struct pvtb_command man_command_desc = {
	.name = "help-man",
	.summary = "print the man page",
	.hidden = true,
	.run = run_man,
};
PVTB_COMMAND(man_command_desc);

static int run_help(const struct pvtb_command *self, void *opts, int argc, char **argv)
{
	if (!argc) {
		pvtb_cmd_overview(stdout);
		return PVTB_EXIT_OK;
	}
	return pvtb_cmd_dispatch(2, (char *[]){argv[0], (char[]){"-h"}, NULL});
}

static const struct pvtb_command help_command = {
	.name = "help",
	.summary = "explain a command",
	.usage = "[COMMAND]",
	.max_operands = 1,
	.complete = "command",
	.run = run_help,
};
PVTB_COMMAND(help_command);

/* Names of functions and variables of the shell. */
static void put_shell_name(const char *name)
{
	for (; *name; name++)
		putchar(isalnum((unsigned char)*name) ? *name : '_');
}

static void complete_operand(const char *what)
{
	const struct pvtb_bench *const *benches;
	size_t nr, nr_variants;

	if (!what) {
		printf("words=");
	} else if (!strcmp(what, "file")) {
		printf("files=-f");
	} else if (!strcmp(what, "dir")) {
		printf("files=-d");
	} else if (!strcmp(what, "command")) {
		printf("words=$commands");
	} else if (!strcmp(what, "bench")) {
		printf("words='");
		nr = pvtb_benches(&benches);
		for (size_t i = 0; i < nr; i++) {
			const struct pvtb_variant *v =
				pvtb_bench_variants(benches[i], &nr_variants);

			printf("%s%s", i ? " " : "", benches[i]->name);
			for (size_t j = 0; j < nr_variants; j++)
				printf(" %s.%s", benches[i]->name, v[j].name);
		}
		putchar('\'');
	} else {
		printf("words='%s'", what);
	}
}

static void complete_value(const struct pvtb_opt *o)
{
	printf("\t\t");
	if (o->letter)
		printf("-%c|", o->letter);
	printf("--%s) ", o->name);
	if (o->choices) {
		printf("words='");
		for (size_t i = 0; o->choices[i]; i++)
			printf("%s%s", i ? " " : "", o->choices[i]);
		putchar('\'');
	} else if (o->arg && !strcmp(o->arg, "HOST")) {
		printf("words='native auto lab:arm64 lab:arm64,nvhe lab:arm64,deterministic "
		       "lab:x86_64 lab:x86_64,deterministic'");
	} else if (o->arg && !strcmp(o->arg, "DIR")) {
		printf("files=-d");
	} else if (o->arg && (!strcmp(o->arg, "FILE") || !strcmp(o->arg, "PATH"))) {
		printf("files=-f");
	} else {
		printf("words=");
	}
	puts(";;");
}

static void complete_command(const struct pvtb_command *cmd)
{
	const struct pvtb_opt *o;

	printf("_pvtb_");
	put_shell_name(cmd->name);
	printf("()\n{\n\tcase $prev in\n");
	for (o = cmd->options; o && o->name; o++)
		if (o->type != PVTB_OPT_TYPE_FLAG && !(o->flags & PVTB_OPT_HIDDEN))
			complete_value(o);
	printf("\t\t*) if [[ $cur == -* ]]; then words='-h --help");
	for (o = cmd->options; o && o->name; o++)
		if (!(o->flags & PVTB_OPT_HIDDEN))
			printf(" --%s", o->name);
	printf("'; else ");
	complete_operand(cmd->complete);
	printf("; fi;;\n\tesac\n}\n");
}

static int run_completion(const struct pvtb_command *self, void *opts, int argc, char **argv)
{
	const struct pvtb_command **commands PVTB_FREE = NULL;
	struct pvtb_err err;
	size_t nr = 0;

	if (strcmp(argv[0], "bash")) {
		pvtb_err_set(&err, -EINVAL, argv[0], "no completion for this shell");
		pvtb_err_hint(&err, "pvtb completion bash");
		return pvtb_cmd_fail(&err);
	}
	if (pvtb_commands(&commands, &nr))
		return PVTB_EXIT_ERROR;
	puts("# SPDX-License-Identifier: GPL-2.0-only\n"
	     "# bash completion of pvtb: source <(pvtb completion bash)");
	for (size_t i = 0; i < nr; i++)
		if (!commands[i]->hidden)
			complete_command(commands[i]);
	/* Host specs hold colons, which bash takes for ends of words: put together again here. */
	puts("_pvtb()\n{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= files=");
	puts("\tif [[ $prev == : && $COMP_CWORD -ge 3 ]]; then\n"
	     "\t\tcur=${COMP_WORDS[COMP_CWORD-2]}:$cur prev=${COMP_WORDS[COMP_CWORD-3]}\n"
	     "\telif [[ $cur == : ]]; then\n"
	     "\t\tcur=$prev: prev=${COMP_WORDS[COMP_CWORD-2]}\n\tfi");
	printf("\tlocal commands='");
	for (size_t i = 0; i < nr; i++)
		if (!commands[i]->hidden)
			printf("%s%s", i ? " " : "", commands[i]->name);
	puts("'\n\tif [[ $COMP_CWORD == 1 ]]; then words=$commands\n"
	     "\telif declare -F \"_pvtb_${COMP_WORDS[1]//[^[:alnum:]]/_}\" >/dev/null; then\n"
	     "\t\t\"_pvtb_${COMP_WORDS[1]//[^[:alnum:]]/_}\"\n\tfi\n"
	     "\tCOMPREPLY=($(compgen ${files:+\"$files\"} -W \"$words\" -- \"$cur\"))\n"
	     "\tif [[ $cur == *:* ]]; then COMPREPLY=(\"${COMPREPLY[@]#\"${cur%:*}:\"}\"); fi\n}\n"
	     "complete -F _pvtb pvtb");
	return PVTB_EXIT_OK;
}

static const struct pvtb_command completion_command = {
	.name = "completion",
	.summary = "print the completion script of a shell",
	.usage = "bash",
	.description = "Use it with: source <(pvtb completion bash)",
	.min_operands = 1,
	.max_operands = 1,
	.complete = "bash",
	.run = run_completion,
};
PVTB_COMMAND(completion_command);
