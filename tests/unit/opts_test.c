// SPDX-License-Identifier: GPL-2.0-only
/* Option tables: parsing, its errors, help, and the command line kept in the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/opts.h"

struct demo {
	u64 seconds;
	bool verbose;
	struct pvtb_strv hosts;
	unsigned int profile;
	const char *out;
	bool inner;
	struct pvtb_strv words;
};

static const char *const profiles[] = {"quick", "standard", "long", NULL};
static const struct demo demo_defaults = {.seconds = 5, .profile = 1};
static const struct pvtb_opt demo_options[] = {
	PVTB_OPT_U64('s', "seconds", struct demo, seconds, "N", 1, 86400, "run that long"),
	PVTB_OPT_FLAG('v', "verbose", struct demo, verbose, "say more"),
	PVTB_OPT_LIST('H', "host", struct demo, hosts, "HOST", "where to run"),
	PVTB_OPT_ENUM('p', "profile", struct demo, profile, profiles, "how long"),
	PVTB_OPT_STRING(0, "out", struct demo, out, "DIR", "where to", .flags = PVTB_OPT_NO_ECHO),
	PVTB_OPT_FLAG(0, "inner", struct demo, inner, "secret", .flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_LIST('w', "words", struct demo, words, "WORD", "many", .flags = PVTB_OPT_WORDS),
	PVTB_OPT_END,
};

/* getopt_long() permutes its argv: each parse gets one of its own. */
struct args {
	char *argv[16];
	int argc;
	int first;
	bool help;
	struct demo opts;
	struct pvtb_err err;
};

static int parse(struct args *a, const char *words)
{
	static char buf[256];
	char *save;

	memset(a, 0, sizeof(*a));
	a->opts = demo_defaults;
	snprintf(buf, sizeof(buf), "demo %s", words);
	for (char *w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		a->argv[a->argc++] = w;
	return pvtb_opts_parse(demo_options, a->argc, a->argv, &a->opts, &a->first, &a->help,
			       &a->err);
}

static void values_arrive(void **state)
{
	struct args a;

	assert_int_equal(parse(&a, "-s 10 -v one --host=native -H lab:arm64 -p long two --out d"),
			 0);
	assert_true(a.opts.seconds == 10);
	assert_true(a.opts.verbose);
	assert_int_equal(a.opts.hosts.nr, 2);
	assert_string_equal(a.opts.hosts.v[0], "native");
	assert_string_equal(a.opts.hosts.v[1], "lab:arm64");
	assert_int_equal(a.opts.profile, 2);
	assert_string_equal(a.opts.out, "d");
	assert_int_equal(a.argc - a.first, 2);
	assert_string_equal(a.argv[a.first], "one");
	assert_string_equal(a.argv[a.first + 1], "two");
	pvtb_opts_free(demo_options, &a.opts);
	assert_null(a.opts.hosts.v);
}

static void words_up_to_the_next_option(void **state)
{
	struct args a;

	assert_int_equal(parse(&a, "one --words a b c -v -w=d e -H native two -- -w"), 0);
	assert_int_equal(a.opts.words.nr, 5);
	assert_string_equal(a.opts.words.v[2], "c");
	assert_string_equal(a.opts.words.v[4], "e");
	assert_true(a.opts.verbose);
	assert_int_equal(a.opts.hosts.nr, 1);
	assert_int_equal(a.argc - a.first, 3);
	assert_string_equal(a.argv[a.first], "one");
	assert_string_equal(a.argv[a.first + 1], "two");
	assert_string_equal(a.argv[a.first + 2], "-w");
	pvtb_opts_free(demo_options, &a.opts);
	assert_int_equal(parse(&a, "--words a -- b"), 0);
	assert_int_equal(a.opts.words.nr, 1);
	pvtb_opts_free(demo_options, &a.opts);
}

static void defaults_stay(void **state)
{
	struct args a;

	assert_int_equal(parse(&a, ""), 0);
	assert_true(a.opts.seconds == 5);
	assert_int_equal(a.opts.profile, 1);
	assert_false(a.opts.verbose);
	assert_int_equal(a.first, a.argc);
}

static void dashes_end_options(void **state)
{
	struct args a;

	assert_int_equal(parse(&a, "-v -- -s --nonsense"), 0);
	assert_int_equal(a.argc - a.first, 2);
	assert_string_equal(a.argv[a.first], "-s");
}

static void help_wins(void **state)
{
	struct args a;

	assert_int_equal(parse(&a, "-h --nonsense"), 0);
	assert_true(a.help);
	assert_int_equal(parse(&a, "--help"), 0);
	assert_true(a.help);
}

static void errors(void **state)
{
	static const struct {
		const char *words, *what, *why, *hint;
	} cases[] = {
		{"--seconds abc", "--seconds", "'abc' is not a number", "1000"},
		{"-s 0", "--seconds", "0 is out of range: 1 to 86400", "1000"},
		{"-s 12abc", "--seconds", "'12abc' is not a number", "1000"},
		{"--seconds", "--seconds", "needs a value", ""},
		{"-s", "-s", "needs a value", ""},
		{"--profile slow", "--profile", "no such choice 'slow'", "quick, standard or long"},
		{"--verbose=3", "--verbose=3", "this option takes no value", ""},
		{"--hsot native", "--hsot", "unknown option", "did you mean --host?"},
		{"--zzzzzz", "--zzzzzz", "unknown option", "-h"},
		{"-x", "-x", "unknown option", "-h"},
		{"--out=", "--out", "the value is empty", ""},
		{"--iner", "--iner", "unknown option", "-h"}, /* hidden ones are not suggested */
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		struct args a;

		int ret = parse(&a, cases[i].words);

		assert_true(ret == -EINVAL || ret == -ERANGE);
		assert_int_equal(a.err.code, ret);
		assert_string_equal(a.err.what, cases[i].what);
		assert_string_equal(a.err.why, cases[i].why);
		assert_non_null(strstr(a.err.hint, cases[i].hint));
		pvtb_opts_free(demo_options, &a.opts);
	}
}

static char *line_of(const char *words)
{
	struct args a;
	char *line;

	assert_int_equal(parse(&a, words), 0);
	line = pvtb_opts_command_line("demo", demo_options, &demo_defaults, &a.opts,
				      a.argc - a.first, a.argv + a.first);
	assert_non_null(line);
	pvtb_opts_free(demo_options, &a.opts);
	return line;
}

static void command_line_kept(void **state)
{
	static const struct {
		const char *words, *line;
	} cases[] = {
		{"", "pvtb demo"},
		{"-s 5 -p standard", "pvtb demo"}, /* as by default */
		{"one -s 10 -H native -H lab:arm64,nvhe -p quick --out x",
		 "pvtb demo -s 10 -H native -H lab:arm64,nvhe -p quick one"},
		{"-v it's -H a$b", "pvtb demo -v -H 'a$b' 'it'\\''s'"},
		{"-- -s", "pvtb demo -- -s"},
		{"-s 1k", "pvtb demo -s 1000"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		char *line = line_of(cases[i].words);

		assert_string_equal(line, cases[i].line);
		free(line);
	}
}

/* What is kept asks for the same again. */
static void command_line_reproduces(void **state)
{
	char *first = line_of("-p long b -H lab:x86_64,deterministic -v -s 77 a");
	char *second = line_of(first + strlen("pvtb demo "));

	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void help_text(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	pvtb_opts_help(demo_options, &demo_defaults, f);
	fclose(f);
	assert_non_null(strstr(text, "-s, --seconds N"));
	assert_non_null(strstr(text, "(default 5)"));
	assert_non_null(strstr(text, "quick, standard or long (default standard)"));
	assert_non_null(strstr(text, "    --out DIR"));
	assert_non_null(strstr(text, "-h, --help"));
	assert_null(strstr(text, "inner"));
	free(text);
}

static void no_options_at_all(void **state)
{
	char *argv[] = {(char *)"demo", (char *)"operand", NULL};
	struct pvtb_err err;
	bool help;
	int first;

	assert_int_equal(pvtb_opts_parse(NULL, 2, argv, NULL, &first, &help, &err), 0);
	assert_int_equal(first, 1);
	assert_false(help);
	pvtb_opts_free(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_arrive),     cmocka_unit_test(words_up_to_the_next_option),
		cmocka_unit_test(defaults_stay),     cmocka_unit_test(dashes_end_options),
		cmocka_unit_test(help_wins),	     cmocka_unit_test(errors),
		cmocka_unit_test(command_line_kept), cmocka_unit_test(command_line_reproduces),
		cmocka_unit_test(help_text),	     cmocka_unit_test(no_options_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
