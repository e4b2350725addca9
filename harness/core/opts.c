// SPDX-License-Identifier: GPL-2.0-only
/* Owns what is derived from an option table: parsing, help, the command line kept in results. */
#include "core/opts.h"

#include <getopt.h>
#include <string.h>

#include "core/parse.h"
#include "core/suggest.h"

/* getopt_long() values of long options: above every letter. */
#define VAL_BASE 256
#define VAL_HELP 255

static size_t count(const struct pvtb_opt *options)
{
	size_t n = 0;

	while (options && options[n].name)
		n++;
	return n;
}

static void *member(const struct pvtb_opt *opt, void *opts)
{
	return (char *)opts + opt->offset;
}

static const void *member_const(const struct pvtb_opt *opt, const void *opts)
{
	return (const char *)opts + opt->offset;
}

int pvtb_strv_add(struct pvtb_strv *strv, const char *s)
{
	const char **v = realloc(strv->v, (strv->nr + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	v[strv->nr++] = s;
	strv->v = v;
	return 0;
}

/* "a, b or c" of the choices. */
static void list_choices(const char *const *choices, char *buf, size_t len)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; choices[i] && used < len; i++) {
		const char *sep = !i ? "" : choices[i + 1] ? ", " : " or ";
		int n = snprintf(buf + used, len - used, "%s%s", sep, choices[i]);

		if (n < 0)
			return;
		used += (size_t)n;
	}
}

static int bad_value(struct pvtb_err *err, const char *what, const char *why)
{
	pvtb_err_set(err, -EINVAL, what, "%s", why);
	return pvtb_err_hint(err, "`-h` explains the options");
}

static int set_enum(const struct pvtb_opt *opt, void *opts, const char *what, const char *arg,
		    struct pvtb_err *err)
{
	char names[256];

	for (unsigned int i = 0; opt->choices[i]; i++) {
		if (!strcmp(arg, opt->choices[i])) {
			*(unsigned int *)member(opt, opts) = i;
			return 0;
		}
	}
	list_choices(opt->choices, names, sizeof(names));
	pvtb_err_set(err, -EINVAL, what, "no such choice '%s'", arg);
	return pvtb_err_hint(err, "one of %s", names);
}

static int set_u64(const struct pvtb_opt *opt, void *opts, const char *what, const char *arg,
		   struct pvtb_err *err)
{
	int r = pvtb_parse_u64_suffix(arg, opt->min, opt->max, member(opt, opts));

	if (!r)
		return 0;
	pvtb_parse_err(err, r, what, arg, opt->min, opt->max);
	return pvtb_err_hint(err,
			     "a whole number, as 1000, 0x3e8 or 1k; `-h` explains the options");
}

static int set_value(const struct pvtb_opt *opt, void *opts, const char *arg, struct pvtb_err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "--%s", opt->name);
	switch (opt->type) {
	case PVTB_OPT_TYPE_FLAG:
		*(bool *)member(opt, opts) = true;
		return 0;
	case PVTB_OPT_TYPE_U64:
		return set_u64(opt, opts, what, arg, err);
	case PVTB_OPT_TYPE_ENUM:
		return set_enum(opt, opts, what, arg, err);
	case PVTB_OPT_TYPE_STRING:
	case PVTB_OPT_TYPE_LIST:
		if (!*arg)
			return bad_value(err, what, "the value is empty");
		if (opt->type == PVTB_OPT_TYPE_STRING)
			*(const char **)member(opt, opts) = arg;
		else if (pvtb_strv_add(member(opt, opts), arg))
			return pvtb_err_sys(err, -ENOMEM, "%s", what);
		return 0;
	}
	return pvtb_err_set(err, -EINVAL, what, "option of an unknown type");
}

static int unknown_option(const struct pvtb_opt *options, const char *arg, struct pvtb_err *err)
{
	const char *names[64] = {"help"}, *near = NULL;
	size_t nr = 1;
	char name[64];

	pvtb_err_set(err, -EINVAL, arg, "unknown option");
	if (!strncmp(arg, "--", 2)) {
		size_t len = strcspn(arg + 2, "=");

		snprintf(name, sizeof(name), "%.*s", (int)len, arg + 2);
		/* an abbreviation: the first name that begins so */
		for (size_t i = 0; len && i < count(options); i++)
			if (!(options[i].flags & PVTB_OPT_HIDDEN) &&
			    !strncmp(options[i].name, arg + 2, len))
				return pvtb_err_hint(err, "did you mean --%s?", options[i].name);
		for (size_t i = 0; i < count(options) && nr < PVTB_ARRAY_SIZE(names); i++)
			if (!(options[i].flags & PVTB_OPT_HIDDEN))
				names[nr++] = options[i].name;
		near = pvtb_suggest(name, names, nr);
	}
	if (near)
		return pvtb_err_hint(err, "did you mean --%s?", near);
	return pvtb_err_hint(err, "`-h` lists the options");
}

/*
 * getopt_long() takes abbreviations: --time would be --timeout today, and something else when there is
 * another option. The word a long option was given by, or NULL when it was the whole name.
 */
static const char *abbreviated(const struct pvtb_opt *options, int val, char **argv)
{
	const char *name = val == VAL_HELP ? "help" : options[val - VAL_BASE].name;

	/* the option itself, or its value, is the last word taken */
	for (int i = optind - 1; i >= 1 && i >= optind - 2; i--) {
		size_t len;

		if (strncmp(argv[i], "--", 2) || argv[i] == optarg)
			continue;
		len = strcspn(argv[i] + 2, "=");
		if (!strncmp(argv[i] + 2, name, len))
			return name[len] ? argv[i] : NULL;
	}
	return NULL;
}

static int bad_option(const struct pvtb_opt *options, int c, char **argv, struct pvtb_err *err)
{
	char what[64];

	if (optopt >= VAL_HELP && abbreviated(options, optopt, argv))
		return unknown_option(options, abbreviated(options, optopt, argv), err);
	if (c == ':') {
		if (optopt >= VAL_BASE)
			snprintf(what, sizeof(what), "--%s", options[optopt - VAL_BASE].name);
		else
			snprintf(what, sizeof(what), "-%c", optopt);
		return bad_value(err, what, "needs a value");
	}
	if (optopt >= VAL_HELP)
		return bad_value(err, argv[optind - 1], "this option takes no value");
	if (optopt) {
		snprintf(what, sizeof(what), "-%c", optopt);
		return unknown_option(options, what, err);
	}
	return unknown_option(options, argv[optind - 1], err);
}

static int make_tables(const struct pvtb_opt *options, struct option **ret_longs, char **ret_shorts)
{
	size_t n = count(options), s = 0;
	struct option *longs = calloc(n + 2, sizeof(*longs));
	char *shorts = calloc(2 * n + 3, 1);

	if (!longs || !shorts) {
		free(longs);
		free(shorts);
		return -ENOMEM;
	}
	shorts[s++] =
		':'; /* getopt stays silent and tells a missing value from an unknown option */
	shorts[s++] = 'h';
	for (size_t i = 0; i < n; i++) {
		bool has_arg = options[i].type != PVTB_OPT_TYPE_FLAG;

		longs[i].name = options[i].name;
		longs[i].has_arg = has_arg ? required_argument : no_argument;
		longs[i].val = VAL_BASE + (int)i;
		if (!options[i].letter)
			continue;
		shorts[s++] = options[i].letter;
		if (has_arg)
			shorts[s++] = ':';
	}
	longs[n] = (struct option){"help", no_argument, NULL, VAL_HELP};
	*ret_longs = longs;
	*ret_shorts = shorts;
	return 0;
}

static const struct pvtb_opt *option_of(const struct pvtb_opt *options, int c)
{
	if (c >= VAL_BASE)
		return &options[c - VAL_BASE];
	for (size_t i = 0; i < count(options); i++)
		if (options[i].letter == c)
			return &options[i];
	return NULL;
}

/* The words after an option that takes them all. */
static int set_words(const struct pvtb_opt *opt, void *opts, int argc, char **argv,
		     struct pvtb_err *err)
{
	int r = 0;

	if (!(opt->flags & PVTB_OPT_WORDS))
		return 0;
	while (!r && optind < argc && argv[optind][0] != '-')
		r = set_value(opt, opts, argv[optind++], err);
	return r;
}

int pvtb_opts_parse(const struct pvtb_opt *options, int argc, char **argv, void *opts,
		    int *ret_first, bool *ret_help, struct pvtb_err *err)
{
	struct option *longs PVTB_FREE = NULL;
	char *shorts PVTB_FREE = NULL;
	int c, r;

	r = make_tables(options, &longs, &shorts);
	if (r)
		return pvtb_err_sys(err, r, "options");
	*ret_help = false;
	optind = 0; /* glibc: start anew, this may be a second parse in one process */
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			return bad_option(options, c, argv, err);
		if (c >= VAL_HELP && abbreviated(options, c, argv))
			return unknown_option(options, abbreviated(options, c, argv), err);
		if (c == 'h' || c == VAL_HELP) {
			*ret_help = true;
			return 0;
		}
		r = set_value(option_of(options, c), opts, optarg, err);
		if (!r)
			r = set_words(option_of(options, c), opts, argc, argv, err);
		if (r)
			return r;
	}
	*ret_first = optind;
	return 0;
}

void pvtb_opts_free(const struct pvtb_opt *options, void *opts)
{
	for (size_t i = 0; i < count(options); i++) {
		struct pvtb_strv *strv;

		if (options[i].type != PVTB_OPT_TYPE_LIST)
			continue;
		strv = member(&options[i], opts);
		free(strv->v);
		*strv = (struct pvtb_strv){0};
	}
}

/* " (1 to 10, default 5)" or nothing. */
static void describe_value(const struct pvtb_opt *opt, const void *defaults, char *buf, size_t len)
{
	char names[200];

	buf[0] = '\0';
	if (opt->type == PVTB_OPT_TYPE_U64) {
		u64 v = defaults ? *(const u64 *)member_const(opt, defaults) : 0;

		if (v)
			snprintf(buf, len, " (default %llu)", (unsigned long long)v);
	} else if (opt->type == PVTB_OPT_TYPE_STRING) {
		const char *v = defaults ? *(const char *const *)member_const(opt, defaults) : NULL;

		if (v)
			snprintf(buf, len, " (default %s)", v);
	} else if (opt->type == PVTB_OPT_TYPE_ENUM) {
		unsigned int v = defaults ? *(const unsigned int *)member_const(opt, defaults) : 0;

		list_choices(opt->choices, names, sizeof(names));
		snprintf(buf, len, ": %s (default %s)", names, opt->choices[v]);
	}
}

/* Print @text from column @col on, broken between words before column @width. */
static void wrap(FILE *out, const char *text, int col, int width)
{
	int at = col;

	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (at > col && at + 1 + len > width) {
			fprintf(out, "\n%*s", col, "");
			at = col;
		}
		if (at > col)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", len, text);
		text += len;
		text += strspn(text, " \n");
	}
	fputc('\n', out);
}

#define HELP_COLUMN 24
#define HELP_WIDTH  80

void pvtb_opts_help(const struct pvtb_opt *options, const void *defaults, FILE *out)
{
	for (size_t i = 0; i < count(options); i++) {
		const struct pvtb_opt *opt = &options[i];
		const char *arg = opt->arg ? opt->arg : "NAME";
		char left[64], letter[5] = "    ", value[256], text[600];

		if (opt->flags & PVTB_OPT_HIDDEN)
			continue;
		if (opt->letter)
			snprintf(letter, sizeof(letter), "-%c, ", opt->letter);
		if (opt->type == PVTB_OPT_TYPE_FLAG)
			snprintf(left, sizeof(left), "  %s--%s", letter, opt->name);
		else
			snprintf(left, sizeof(left), "  %s--%s %s", letter, opt->name, arg);
		describe_value(opt, defaults, value, sizeof(value));
		snprintf(text, sizeof(text), "%s%s", opt->help, value);
		if (strlen(left) > HELP_COLUMN - 2)
			fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
		else
			fprintf(out, "%-*s", HELP_COLUMN, left);
		wrap(out, text, HELP_COLUMN, HELP_WIDTH);
	}
	fprintf(out, "%-*s%s\n", HELP_COLUMN, "  -h, --help", "this text");
}

/* As a shell would need it to be typed. */
static void put_quoted(FILE *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_@%+=:,./-";

	fputc(' ', out);
	if (*s && strspn(s, plain) == strlen(s)) {
		fputs(s, out);
		return;
	}
	fputc('\'', out);
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", out);
		else
			fputc(*s, out);
	}
	fputc('\'', out);
}

static void put_name(FILE *out, const struct pvtb_opt *opt)
{
	if (opt->letter)
		fprintf(out, " -%c", opt->letter);
	else
		fprintf(out, " --%s", opt->name);
}

static void put_option(FILE *out, const struct pvtb_opt *opt, const void *opts,
		       const void *defaults)
{
	const void *m = member_const(opt, opts);
	const void *d = defaults ? member_const(opt, defaults) : NULL;

	switch (opt->type) {
	case PVTB_OPT_TYPE_FLAG:
		if (*(const bool *)m && !(d && *(const bool *)d))
			put_name(out, opt);
		break;
	case PVTB_OPT_TYPE_U64:
		if (*(const u64 *)m != (d ? *(const u64 *)d : 0)) {
			put_name(out, opt);
			fprintf(out, " %llu", (unsigned long long)*(const u64 *)m);
		}
		break;
	case PVTB_OPT_TYPE_ENUM:
		if (*(const unsigned int *)m != (d ? *(const unsigned int *)d : 0)) {
			put_name(out, opt);
			put_quoted(out, opt->choices[*(const unsigned int *)m]);
		}
		break;
	case PVTB_OPT_TYPE_STRING: {
		const char *v = *(const char *const *)m;
		const char *dv = d ? *(const char *const *)d : NULL;

		if (v && (!dv || strcmp(v, dv))) {
			put_name(out, opt);
			put_quoted(out, v);
		}
		break;
	}
	case PVTB_OPT_TYPE_LIST: {
		const struct pvtb_strv *strv = m;

		for (size_t i = 0; i < strv->nr; i++) {
			put_name(out, opt);
			put_quoted(out, strv->v[i]);
		}
		break;
	}
	}
}

char *pvtb_opts_command_line(const char *name, const struct pvtb_opt *options, const void *defaults,
			     const void *opts, int argc, char *const *argv)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool dashes = false;

	if (!out)
		return NULL;
	fprintf(out, "pvtb %s", name);
	for (size_t i = 0; i < count(options); i++)
		if (!(options[i].flags & PVTB_OPT_NO_ECHO))
			put_option(out, &options[i], opts, defaults);
	for (int i = 0; i < argc; i++)
		dashes |= argv[i][0] == '-';
	if (dashes)
		fputs(" --", out);
	for (int i = 0; i < argc; i++)
		put_quoted(out, argv[i]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
