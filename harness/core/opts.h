/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options as tables: one table per subcommand feeds parsing (getopt_long), -h, the man page, the
 * shell completion and the command line kept in the result. An option is bound to a member of the
 * subcommand's own options struct; the macros check at compile time that the types agree.
 *
 *	struct stress_opts { u64 seconds; bool verbose; struct pvtb_strv hosts; unsigned profile; };
 *	static const char *const profiles[] = { "quick", "standard", NULL };
 *	static const struct pvtb_opt stress_options[] = {
 *		PVTB_OPT_U64('s', "seconds", struct stress_opts, seconds, "N", 1, 86400, "run that long"),
 *		PVTB_OPT_FLAG('v', "verbose", struct stress_opts, verbose, "say more"),
 *		PVTB_OPT_LIST('H', "host", struct stress_opts, hosts, "HOST", "where to run (repeatable)"),
 *		PVTB_OPT_ENUM('p', "profile", struct stress_opts, profile, profiles, "how long"),
 *		PVTB_OPT_END,
 *	};
 */
#ifndef PVTB_CORE_OPTS_H
#define PVTB_CORE_OPTS_H

#include "core/err.h"
#include "core/util.h"

enum pvtb_opt_type {
	PVTB_OPT_TYPE_FLAG,   /* bool */
	PVTB_OPT_TYPE_U64,    /* u64, decimal or 0x, K M G Ki Mi Gi */
	PVTB_OPT_TYPE_STRING, /* const char *, points into argv */
	PVTB_OPT_TYPE_LIST,   /* struct pvtb_strv, repeatable */
	PVTB_OPT_TYPE_ENUM,   /* unsigned int, index into choices */
};

/* Strings given one by one; the array is owned, the strings are argv's. */
struct pvtb_strv {
	const char **v;
	size_t nr;
};

/* Not part of the command kept in the result: how it was shown, not what was run. */
#define PVTB_OPT_NO_ECHO 1U
/* For the program's own use: parsed, but not in help, man page or completion. */
#define PVTB_OPT_HIDDEN	 2U
/* A list that takes every word up to the next option: --old a b c --new d e f. */
#define PVTB_OPT_WORDS	 4U

struct pvtb_opt {
	const char *name; /* long name, without the dashes; NULL ends the table */
	char letter;	  /* 0: no short form; 'h' is taken */
	enum pvtb_opt_type type;
	unsigned int flags;
	size_t offset;
	const char *arg; /* name of the value in help; "FILE" and "DIR" complete as such */
	const char *help;
	u64 min, max;
	const char *const *choices; /* NULL-ended */
};

/* offsetof(s, m), refusing to compile when the member is not a @t. */
#define PVTB_OPT_OFF(s, m, t)                                                                      \
	(offsetof(s, m) + 0 * sizeof(struct {                                                      \
				  int type_differs                                                 \
				      : __builtin_types_compatible_p(__typeof__(((s *)0)->m), t)   \
					? 1                                                        \
					: -1;                                                      \
			  }))
/* Flags go last: PVTB_OPT_FLAG(0, "x", struct s, m, "text", .flags = PVTB_OPT_NO_ECHO). */
#define PVTB_OPT_FLAG(l, n, s, m, h, ...)                                                          \
	{                                                                                          \
		.name = n, .letter = l, .type = PVTB_OPT_TYPE_FLAG,                                \
		.offset = PVTB_OPT_OFF(s, m, bool), .help = h, ##__VA_ARGS__                       \
	}
#define PVTB_OPT_U64(l, n, s, m, a, lo, hi, h, ...)                                                \
	{                                                                                          \
		.name = n, .letter = l, .type = PVTB_OPT_TYPE_U64,                                 \
		.offset = PVTB_OPT_OFF(s, m, u64), .arg = a, .min = lo, .max = hi, .help = h,      \
		##__VA_ARGS__                                                                      \
	}
#define PVTB_OPT_STRING(l, n, s, m, a, h, ...)                                                     \
	{                                                                                          \
		.name = n, .letter = l, .type = PVTB_OPT_TYPE_STRING,                              \
		.offset = PVTB_OPT_OFF(s, m, const char *), .arg = a, .help = h, ##__VA_ARGS__     \
	}
#define PVTB_OPT_LIST(l, n, s, m, a, h, ...)                                                       \
	{                                                                                          \
		.name = n, .letter = l, .type = PVTB_OPT_TYPE_LIST,                                \
		.offset = PVTB_OPT_OFF(s, m, struct pvtb_strv), .arg = a, .help = h, ##__VA_ARGS__ \
	}
#define PVTB_OPT_ENUM(l, n, s, m, c, h, ...)                                                       \
	{                                                                                          \
		.name = n, .letter = l, .type = PVTB_OPT_TYPE_ENUM,                                \
		.offset = PVTB_OPT_OFF(s, m, unsigned int), .choices = c, .help = h, ##__VA_ARGS__ \
	}
#define PVTB_OPT_END                                                                               \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/*
 * Parse argv[1..] into @opts, which holds the defaults; argv is permuted so that the operands are
 * argv[*ret_first..]. *ret_help is set by -h or --help, and then nothing else counts. -EINVAL or
 * -ERANGE with the option in err->what ("--seconds"). Strings stay argv's; free lists with
 * pvtb_opts_free(), after a failure too.
 */
int pvtb_opts_parse(const struct pvtb_opt *options, int argc, char **argv, void *opts,
		    int *ret_first, bool *ret_help, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_opts_free(const struct pvtb_opt *options, void *opts);

/* The options' part of -h; @defaults as in struct pvtb_command, to be shown. */
void pvtb_opts_help(const struct pvtb_opt *options, const void *defaults, FILE *out);

/*
 * The command line that asks for the same again: `pvtb NAME`, the options that differ from
 * @defaults (NULL: all zero) in table order, the operands, quoted for a shell. Allocated; NULL
 * when out of memory.
 */
char *pvtb_opts_command_line(const char *name, const struct pvtb_opt *options, const void *defaults,
			     const void *opts, int argc, char *const *argv);

/* Append a string to a list. -ENOMEM. */
int pvtb_strv_add(struct pvtb_strv *strv, const char *s) PVTB_MUST_CHECK;

#endif
