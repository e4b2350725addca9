// SPDX-License-Identifier: GPL-2.0-only
/* Owns settings of the host that two configurations differ in: found, tried, set, put back. */
#include "load/setting.h"

#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "core/knob.h"

#define VALUE 256

struct setting {
	char name[128]; /* as given, without the value */
	char file[PATH_MAX];
	char found[VALUE];     /* before anything was set */
	char wanted[2][VALUE]; /* by each side; "": as found */
	char shown[2][VALUE];  /* what the file read when that side was tried */
	u64 id;		       /* with the guardian */
	bool held;
};

struct pvtb_settings {
	struct pvtb_guardian *guardian;
	struct setting *v;
	size_t nr;
};

/* ---- values ---- */

/* What is in force: of "always [madvise] never" the word in brackets. */
static int read_value(const char *file, char *buf)
{
	char text[4096], *open, *close;
	int ret = pvtb_knob_read(file, text, sizeof(text));

	if (ret)
		return ret;
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close) {
		*close = '\0';
		memmove(text, open + 1, strlen(open + 1) + 1);
	}
	if (strlen(text) >= VALUE)
		return -EFBIG;
	memcpy(buf, text, strlen(text) + 1);
	return 0;
}

/* Parameters of type bool are written 1 and read Y. */
static char truth(const char *value)
{
	static const char *const yes[] = {"1", "y", "Y", "on", NULL};
	static const char *const no[] = {"0", "n", "N", "off", NULL};

	for (int i = 0; yes[i]; i++) {
		if (!strcmp(value, yes[i]))
			return 'Y';
		if (!strcmp(value, no[i]))
			return 'N';
	}
	return '\0';
}

static bool same_value(const char *a, const char *b)
{
	return !strcmp(a, b) || (truth(a) && truth(a) == truth(b));
}

/* ---- what a text means ---- */

/* Pattern of the files a name stands for; false: no such form. */
static bool pattern_of(const char *root, const char *name, char *buf, size_t size)
{
	const char *dot = strchr(name, '.');
	int n;

	if (strstr(name, ".."))
		return false;
	if (!strcmp(name, "governor"))
		n = snprintf(buf, size,
			     "%s/sys/devices/system/cpu/cpufreq/policy*/scaling_governor", root);
	else if (!strcmp(name, "tracing"))
		n = snprintf(buf, size, "%s/sys/kernel/tracing/events/kvm/enable", root);
	else if (!strncmp(name, "/sys/", 5) || !strncmp(name, "/proc/sys/", 10))
		n = snprintf(buf, size, "%s%s", root, name);
	else if (dot && dot != name && dot[1] && !strchr(name, '/'))
		n = snprintf(buf, size, "%s/sys/module/%.*s/parameters/%s", root, (int)(dot - name),
			     name, dot + 1);
	else
		return false;
	return n > 0 && (size_t)n < size;
}

static int not_there(const char *name, const char *pattern, struct pvtb_err *err)
{
	if (!strcmp(name, "governor")) {
		pvtb_err_set(err, -EOPNOTSUPP, name, "no CPU has one: no cpufreq driver");
		return pvtb_err_hint(err, "the frequency is not this kernel's to set");
	}
	pvtb_err_set(err, -ENOENT, name, "no such setting: %s", pattern);
	if (!strcmp(name, "tracing"))
		return pvtb_err_hint(err, "is tracefs mounted, and KVM loaded?");
	return pvtb_err_hint(err, "MODULE.PARAMETER=VALUE of a loaded module, a file under /sys or "
				  "/proc/sys, governor=NAME or tracing=on|off");
}

/* A file's setting, new or known from the other side. */
static struct setting *find(struct pvtb_settings *s, const char *file)
{
	struct setting *more;

	for (size_t i = 0; i < s->nr; i++)
		if (!strcmp(s->v[i].file, file))
			return &s->v[i];
	more = realloc(s->v, (s->nr + 1) * sizeof(*more));
	if (!more)
		return NULL;
	s->v = more;
	memset(&s->v[s->nr], 0, sizeof(s->v[s->nr]));
	return &s->v[s->nr++];
}

static int refused(const struct setting *k, int code, struct pvtb_err *err)
{
	pvtb_err_sys(err, code, "%s", k->name);
	if (code == -EACCES || code == -EPERM || code == -EROFS)
		return pvtb_err_hint(err, "%s cannot be written: root? or fixed when it was loaded",
				     k->file);
	return pvtb_err_hint(err, "%s reads %.32s", k->file, k->found);
}

/* What there is now: it must be possible to write it again. */
static int look(struct setting *k, struct pvtb_err *err)
{
	struct stat st;
	int fd PVTB_CLOSE = -1;
	int ret = stat(k->file, &st) ? -errno : read_value(k->file, k->found);

	if (ret)
		return refused(k, ret, err);
	/* root may open what nobody may write, as far as the mode goes; sysfs then refuses the write */
	fd = open(k->file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || !(st.st_mode & 0222))
		return refused(k, fd < 0 ? -errno : -EACCES, err);
	if (k->found[0] && strcmp(k->found, "X")) /* ftrace's word for some on, some off */
		return 0;
	pvtb_err_set(err, -EINVAL, k->name, "reads '%s', which could not be put back", k->found);
	return pvtb_err_hint(err, "set it to something definite first: %s", k->file);
}

static int add_file(struct pvtb_settings *s, const char *name, const char *file, const char *value,
		    int side, struct pvtb_err *err)
{
	struct setting *k = find(s, file);
	int ret = 0;

	if (!k)
		return pvtb_err_sys(err, -ENOMEM, "%s", name);
	if (!k->file[0]) {
		snprintf(k->file, sizeof(k->file), "%s", file);
		snprintf(k->name, sizeof(k->name), "%s", name);
		ret = look(k, err);
	}
	if (ret)
		return ret;
	if (k->wanted[side][0])
		return pvtb_err_set(err, -EINVAL, name, "given twice for one side");
	snprintf(k->wanted[side], VALUE, "%s", value);
	return 0;
}

/* "NAME=VALUE" of one side. */
static int add(struct pvtb_settings *s, const char *root, const char *text, int side,
	       struct pvtb_err *err)
{
	const char *equals = strchr(text, '='), *value = equals ? equals + 1 : "";
	char name[128], pattern[PATH_MAX];
	glob_t files = {0};
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)(equals ? equals - text : 0), text);
	if (!name[0] || !*value || strlen(value) >= VALUE || strchr(value, '\n') ||
	    (size_t)(equals - text) >= sizeof(name) ||
	    !pattern_of(root, name, pattern, sizeof(pattern))) {
		pvtb_err_set(err, -EINVAL, text, "no setting");
		return pvtb_err_hint(err, "MODULE.PARAMETER=VALUE, /sys/FILE=VALUE, "
					  "/proc/sys/FILE=VALUE, governor=NAME or tracing=on|off");
	}
	if (!strcmp(name, "tracing")) {
		if (strcmp(value, "on") && strcmp(value, "off"))
			return pvtb_err_set(err, -EINVAL, text, "tracing is on or off");
		value = truth(value) == 'Y' ? "1" : "0";
	}
	ret = glob(pattern, 0, NULL, &files) ? not_there(name, pattern, err) : 0;
	for (size_t i = 0; i < files.gl_pathc && !ret; i++)
		ret = add_file(s, name, files.gl_pathv[i], value, side, err);
	globfree(&files);
	return ret;
}

/* ---- setting ---- */

static const char *value_of(const struct setting *k, int side)
{
	return k->wanted[side][0] ? k->wanted[side] : k->found;
}

int pvtb_settings_apply(struct pvtb_settings *s, int side, struct pvtb_err *err)
{
	for (size_t i = 0; i < s->nr; i++) {
		int ret = pvtb_knob_write(s->v[i].file, value_of(&s->v[i], side));

		if (!ret)
			continue;
		pvtb_err_sys(err, ret, "%s=%s", s->v[i].name, value_of(&s->v[i], side));
		return pvtb_err_hint(err, "%s reads %.32s", s->v[i].file, s->v[i].found);
	}
	return 0;
}

/* Set a side and read it back. A kernel may round; it may not leave it as it was. */
static int try_side(struct pvtb_settings *s, int side, struct pvtb_err *err)
{
	int ret = pvtb_settings_apply(s, side, err);

	for (size_t i = 0; i < s->nr && !ret; i++) {
		struct setting *k = &s->v[i];

		ret = read_value(k->file, k->shown[side]);
		if (ret)
			return refused(k, ret, err);
		if (!same_value(k->shown[side], value_of(k, side)) &&
		    same_value(k->shown[side], k->found))
			return pvtb_err_set(err, -EOPNOTSUPP, k->name,
					    "stays at %s when %s is written", k->found,
					    value_of(k, side));
	}
	return ret;
}

static int try_both(struct pvtb_settings *s, struct pvtb_err *err)
{
	int ret = try_side(s, 1, err);
	bool differ = false;

	if (!ret)
		ret = try_side(s, 0, err);
	for (size_t i = 0; i < s->nr; i++)
		differ |= !same_value(s->v[i].shown[0], s->v[i].shown[1]);
	if (ret || differ)
		return ret;
	pvtb_err_set(err, -EINVAL, s->v[0].name, "%s on both sides: nothing to compare",
		     s->v[0].shown[0]);
	return pvtb_err_hint(err, "a side that does not name a setting has it as found: %s",
			     s->v[0].found);
}

static int keep(struct pvtb_settings *s, struct pvtb_err *err)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct setting *k = &s->v[i];
		int ret = pvtb_guardian_add_write(s->guardian, k->file, k->found, &k->id, err);

		if (ret)
			return ret;
		k->held = true;
	}
	return 0;
}

int pvtb_settings_open(const char *root, const char *const *a, size_t nr_a, const char *const *b,
		       size_t nr_b, struct pvtb_guardian *g, struct pvtb_settings **ret,
		       struct pvtb_err *err)
{
	struct pvtb_settings *s = calloc(1, sizeof(*s));
	int code = s ? 0 : pvtb_err_sys(err, -ENOMEM, "settings");

	if (code)
		return code;
	s->guardian = g;
	if (!nr_a && !nr_b)
		code = pvtb_err_set(err, -EINVAL, "settings", "none given, for neither side");
	for (size_t i = 0; i < nr_a && !code; i++)
		code = add(s, root, a[i], 0, err);
	for (size_t i = 0; i < nr_b && !code; i++)
		code = add(s, root, b[i], 1, err);
	if (!code)
		code = keep(s, err);
	if (!code)
		code = try_both(s, err);
	if (code) {
		pvtb_settings_close(s, NULL);
		return code;
	}
	*ret = s;
	return 0;
}

void pvtb_settings_describe(const struct pvtb_settings *s, int side, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < s->nr && used < size; i++) {
		/* one name, many files: once */
		if (i && !strcmp(s->v[i].name, s->v[i - 1].name))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%s", used ? " " : "",
					 s->v[i].name, s->v[i].shown[side]);
	}
}

int pvtb_settings_close(struct pvtb_settings *s, struct pvtb_err *err)
{
	int ret = 0;

	for (size_t i = s ? s->nr : 0; i--;) {
		struct setting *k = &s->v[i];
		int code;

		if (!k->held)
			continue;
		code = pvtb_knob_write(k->file, k->found);
		if (code && !ret)
			ret = pvtb_err_sys(err, code, "putting back %s", k->file);
		/* what could not be put back stays on the list: the guardian tries again */
		if (!code && pvtb_guardian_remove(s->guardian, k->id, NULL) && !ret)
			ret = pvtb_err_set(err, -EIO, "guardian", "does not answer");
	}
	if (s)
		free(s->v);
	free(s);
	return ret;
}
