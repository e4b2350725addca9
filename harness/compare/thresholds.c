// SPDX-License-Identifier: GPL-2.0-only
/* Owns thresholds: how much of a difference is none. */
#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "compare/compare.h"
#include "core/input.h"

/* "2%", "0.5 %", "3": digits and a point only, so that neither nan nor 0x1p3 is a threshold. */
static int parse_value(const char *s, double *ret, bool *ret_relative)
{
	size_t n = strspn(s, "0123456789."), rest;
	char *end;
	double v;

	if (!isdigit((unsigned char)s[0]) || n > 20)
		return -EINVAL;
	v = strtod(s, &end);
	if (end != s + n || !isfinite(v))
		return -EINVAL;
	rest = n + strspn(s + n, " \t");
	*ret_relative = s[rest] == '%';
	if (s[rest + *ret_relative])
		return -EINVAL;
	*ret = *ret_relative ? v / 100 : v;
	return 0;
}

static int add(struct pvtb_thresholds *t, const char *pattern, const char *value, const char *where,
	       struct pvtb_err *err)
{
	struct pvtb_threshold *v, one = {0};

	if (parse_value(value, &one.value, &one.relative)) {
		pvtb_err_set(err, -EINVAL, where, "'%s' is no threshold", value);
		return pvtb_err_hint(err,
				     "as 2%% of the old value, or 3 in the unit shown; for some "
				     "metrics only: hypercall.*=2%%");
	}
	one.pattern = pattern ? strdup(pattern) : NULL;
	v = realloc(t->v, (t->nr + 1) * sizeof(*v));
	if (v)
		t->v = v;
	if (!v || (pattern && !one.pattern)) {
		free(one.pattern);
		return pvtb_err_sys(err, -ENOMEM, "%s", where);
	}
	t->v[t->nr++] = one;
	return 0;
}

int pvtb_thresholds_add(struct pvtb_thresholds *t, const char *text, struct pvtb_err *err)
{
	const char *value = strrchr(text, '=');
	char *pattern PVTB_FREE = NULL;

	if (!value)
		return add(t, NULL, text, "--threshold", err);
	pattern = strndup(text, (size_t)(value - text));
	if (!pattern)
		return pvtb_err_sys(err, -ENOMEM, "--threshold");
	return add(t, pattern, value + 1, "--threshold", err);
}

static int add_line(struct pvtb_thresholds *t, char *line, const char *where, struct pvtb_err *err)
{
	char *value;

	line[strcspn(line, "#\n")] = '\0';
	for (size_t n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
		line[n - 1] = '\0';
	line += strspn(line, " \t");
	if (!*line)
		return 0;
	value = line + strcspn(line, " \t");
	if (!*value) {
		pvtb_err_set(err, -EINVAL, where, "'%s' has no value", line);
		return pvtb_err_hint(err, "lines are PATTERN VALUE, as: hypercall.* 2%%");
	}
	*value++ = '\0';
	return add(t, line, value + strspn(value, " \t"), where, err);
}

int pvtb_thresholds_load(struct pvtb_thresholds *t, const char *path, struct pvtb_err *err)
{
	FILE *f PVTB_FCLOSE = pvtb_input_fopen(path, PVTB_INPUT_TEXT_MAX, err);
	char *line PVTB_FREE = NULL, where[120];
	size_t size = 0;
	int ret = 0;

	if (!f)
		return err->code;
	for (unsigned int n = 1; !ret && getline(&line, &size, f) > 0; n++) {
		snprintf(where, sizeof(where), "%.100s:%u", path, n);
		ret = add_line(t, line, where, err);
	}
	if (!ret && ferror(f))
		ret = pvtb_err_sys(err, -EIO, "%s", path);
	return ret;
}

void pvtb_thresholds_free(struct pvtb_thresholds *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->v[i].pattern);
	free(t->v);
	*t = (struct pvtb_thresholds){0};
}

bool pvtb_threshold_of(const struct pvtb_thresholds *t, const char *name, double shown_old,
		       double *ret)
{
	for (size_t i = t ? t->nr : 0; i; i--) {
		const struct pvtb_threshold *one = &t->v[i - 1];

		if (one->pattern && fnmatch(one->pattern, name, 0))
			continue;
		*ret = one->relative ? one->value * fabs(shown_old) : one->value;
		return true;
	}
	return false;
}
