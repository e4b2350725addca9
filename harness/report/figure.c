// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the running of gnuplot. Everything happens in a temporary directory inside the output
 * directory; finished files are renamed into place, so no figure is ever half written.
 */
#include "report/figure.h"

#include "core/guardian.h"
#include "core/signals.h"
#include "core/text.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Embedded plots/style.gp. */
extern const char pvtb_plot_style_gp[];

static int list_add(char ***array, size_t *nr, char *text)
{
	char **grown = text ? realloc(*array, (*nr + 1) * sizeof(*grown)) : NULL;

	if (!grown) {
		free(text);
		return -ENOMEM;
	}
	grown[(*nr)++] = text;
	*array = grown;
	return 0;
}

int pvtb_plot_note(struct pvtb_plot_list *list, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : list_add(&list->notes, &list->nr_notes, text);
}

void pvtb_plot_list_free(struct pvtb_plot_list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		free(list->paths[i]);
	for (size_t i = 0; i < list->nr_notes; i++)
		free(list->notes[i]);
	free(list->paths);
	free(list->notes);
	memset(list, 0, sizeof(*list));
}

void pvtb_shorten(const char *s, size_t columns, char *buf, size_t size)
{
	size_t len = strlen(s), keep = columns > 6 ? (columns - 2) / 2 : 2;
	size_t tail;

	if (len <= columns) {
		snprintf(buf, size, "%s", s);
		return;
	}
	/* Lengths are bytes: step off a cut UTF-8 sequence, gnuplot would refuse it. */
	tail = len - (columns - 2 - keep);
	while (keep && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--;
	while (((unsigned char)s[tail] & 0xc0) == 0x80)
		tail++;
	snprintf(buf, size, "%.*s..%s", (int)keep, s, s + tail);
}

static int make_dirs(const char *path, struct pvtb_err *err)
{
	char *copy PVTB_FREE = strdup(path);

	if (!copy)
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			return pvtb_err_sys(err, -errno, "%s", copy);
		*p = c;
		if (!c)
			return 0;
	}
}

/* Letters, digits and a few signs; the rest, and runs of it, one dash. */
static void slug(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		if (isalnum((unsigned char)*text) || strchr("._=+", *text))
			buf[n++] = *text;
		else if (n && buf[n - 1] != '-')
			buf[n++] = '-';
	}
	while (n && buf[n - 1] == '-')
		n--;
	buf[n] = '\0';
}

static bool taken(const struct pvtb_plot_list *list, const char *out_dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.svg", out_dir, name);
	for (size_t i = 0; i < list->nr; i++) {
		if (!strcmp(list->paths[i], path))
			return true;
	}
	return false;
}

int pvtb_figure_begin(struct pvtb_figure *f, const struct pvtb_plot_options *opts, const char *name,
		      const struct pvtb_plot_list *list, struct pvtb_err *err)
{
	char base[180];
	int ret;

	memset(f, 0, sizeof(*f));
	f->opts = opts;
	slug(name, base, sizeof(base));
	snprintf(f->name, sizeof(f->name), "%s", base);
	/* Two hosts of one name, of several results drawn into one directory. */
	for (unsigned int i = 2; taken(list, opts->out_dir, f->name); i++)
		snprintf(f->name, sizeof(f->name), "%s-%u", base, i);
	ret = make_dirs(opts->out_dir, err);
	if (ret)
		return ret;
	if (asprintf(&f->dir, "%s/.plot-XXXXXX", opts->out_dir) < 0) {
		f->dir = NULL;
		return pvtb_err_sys(err, -ENOMEM, "plot");
	}
	if (!mkdtemp(f->dir)) {
		ret = pvtb_err_sys(err, -errno, "%s", opts->out_dir);
		free(f->dir);
		f->dir = NULL;
		return ret;
	}
	ret = pvtb_guardian_add_rmtree(opts->guardian, f->dir, &f->guard, err);
	if (ret)
		return ret;
	f->vars = pvtb_figure_data(f, "vars.gp", err);
	return f->vars ? 0 : err ? err->code : -EIO;
}

FILE *pvtb_figure_data(struct pvtb_figure *f, const char *file, struct pvtb_err *err)
{
	char *path PVTB_FREE = NULL;
	FILE *data;

	if (asprintf(&path, "%s/%s", f->dir, file) < 0) {
		path = NULL;
		pvtb_err_sys(err, -ENOMEM, "plot");
		return NULL;
	}
	data = fopen(path, "w");
	if (!data)
		pvtb_err_sys(err, -errno, "%s", path);
	return data;
}

void pvtb_figure_number(struct pvtb_figure *f, const char *name, double value)
{
	if (isfinite(value))
		fprintf(f->vars, "%s = %.17g\n", name, value);
	else
		fprintf(f->vars, "%s = NaN\n", name);
}

/* Single quotes: gnuplot then takes everything literally, a doubled quote being a quote. Control
 * characters (a name out of a foreign file) would end the line. */
static void put_quoted(FILE *out, const char *s)
{
	fputc('\'', out);
	while (*s) {
		size_t plain = 0;

		while (s[plain] && s[plain] != '\'' && !iscntrl((unsigned char)s[plain]))
			plain++;

		/* a character cut at the end of a buffer makes gnuplot refuse the whole text */
		pvtb_text_put_whole(s, plain, out);
		s += plain;
		if (*s)
			fputs(*s++ == '\'' ? "''" : " ", out);
	}
	fputc('\'', out);
}

void pvtb_figure_string(struct pvtb_figure *f, const char *name, const char *value)
{
	fprintf(f->vars, "%s = ", name);
	put_quoted(f->vars, value);
	fputc('\n', f->vars);
}

void pvtb_figure_element(struct pvtb_figure *f, const char *name, size_t index, size_t nr,
			 const char *value)
{
	if (index == 1)
		fprintf(f->vars, "array %s[%zu]\n", name, nr);
	fprintf(f->vars, "%s[%zu] = ", name, index);
	put_quoted(f->vars, value);
	fputc('\n', f->vars);
}

static int write_script(struct pvtb_figure *f, const char *file, const char *text,
			struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, file, err);
	int bad;

	if (!out)
		return err ? err->code : -EIO;
	bad = fputs(text, out) < 0;
	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, errno ? -errno : -EIO, "%s/%s", f->dir, file) : 0;
}

/* First line of gnuplot's own complaint, and the line number it gives. */
static void complaint(const struct pvtb_figure *f, const char *format, char *buf, size_t size)
{
	char path[4096], text[256];
	FILE *in;

	snprintf(path, sizeof(path), "%s/gnuplot-%s.log", f->dir, format);
	buf[0] = '\0';
	in = fopen(path, "r");
	if (!in)
		return;
	while (fgets(text, sizeof(text), in)) {
		text[strcspn(text, "\n")] = '\0';
		if (text[strspn(text, " \t^")] && strlen(buf) + strlen(text) + 3 < size) {
			if (*buf)
				strcat(buf, "; ");
			strcat(buf, text + strspn(text, " \t"));
		}
	}
	fclose(in);
}

/* In the child. It ends with its parent, before the guardian knows of it, too. Returns an errno. */
static int exec_gnuplot(const struct pvtb_figure *f, char *const argv[], const char *log,
			pid_t parent)
{
	sigset_t none;
	int in, out;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(f->dir))
		return errno;
	in = open("/dev/null", O_RDONLY);
	out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return errno;
	execvp(argv[0], argv);
	return errno;
}

/* Fork and exec; 0 or the errno of what failed, in the child too. */
static int start_gnuplot(const struct pvtb_figure *f, char *const argv[], const char *log,
			 pid_t *ret_pid)
{
	pid_t parent = getpid(), pid;
	int fd[2], why = 0;

	if (pipe2(fd, O_CLOEXEC))
		return errno;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		why = exec_gnuplot(f, argv, log, parent);
		_exit(write(fd[1], &why, sizeof(why)) == sizeof(why) ? 127 : 126);
	}
	if (pid < 0)
		why = errno;
	close(fd[1]);
	/* exec closes the other end */
	if (pid > 0 && read(fd[0], &why, sizeof(why)) == sizeof(why))
		waitpid(pid, NULL, 0);
	else
		*ret_pid = pid;
	close(fd[0]);
	return why;
}

static int spawn_gnuplot(const struct pvtb_figure *f, const char *format, pid_t *ret_pid,
			 struct pvtb_err *err)
{
	const char *gnuplot = f->opts->gnuplot ? f->opts->gnuplot : "gnuplot";
	char set[64], log[64];
	char *const argv[] = {(char *)gnuplot, (char *)"-e", set, (char *)"figure.gp", NULL};
	int ret;

	snprintf(set, sizeof(set), "format='%s'", format);
	snprintf(log, sizeof(log), "gnuplot-%s.log", format);
	ret = start_gnuplot(f, argv, log, ret_pid);
	if (!ret && pvtb_guardian_add_kill(f->opts->guardian, *ret_pid, NULL, err)) {
		kill(*ret_pid, SIGKILL);
		waitpid(*ret_pid, NULL, 0);
		return err ? err->code : -EIO;
	}
	if (!ret)
		return 0;
	pvtb_err_sys(err, -ret, "%s", gnuplot);
	if (ret == ENOENT) {
		pvtb_err_set(err, -ENOENT, "plot", "%s is not installed", gnuplot);
		pvtb_err_hint(err, "the result is complete without figures; install gnuplot-nox "
				   "(Debian, Ubuntu) or gnuplot-minimal (Fedora), then: pvtb plot");
	}
	return -ret;
}

static int wait_gnuplot(const struct pvtb_figure *f, const char *format, pid_t pid,
			struct pvtb_err *err)
{
	char why[320];
	int status = 0;
	pid_t done;

	/* Not a blocking wait: a signal just before it would be noticed only after it. */
	while (!(done = waitpid(pid, &status, WNOHANG)) && !pvtb_interrupted())
		usleep(2000);
	if (!done) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return pvtb_err_set(err, -EINTR, "gnuplot", "interrupted");
	}
	if (done < 0)
		return pvtb_err_sys(err, -errno, "gnuplot");
	complaint(f, format, why, sizeof(why));
	if (WIFSIGNALED(status))
		return pvtb_err_set(err, -EIO, "gnuplot", "killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 127)
		return pvtb_err_set(err, -ENOENT, "gnuplot", "could not be run");
	if (WEXITSTATUS(status)) {
		pvtb_err_set(err, -EIO, "gnuplot", "%s", *why ? why : "failed without a message");
		return pvtb_err_hint(err, "gnuplot 5.2 or newer is needed"), -EIO;
	}
	return 0;
}

/* gnuplot does not look whether what it wrote arrived: both formats end in a word of their own. */
static bool whole(const char *path, const char *format)
{
	const char *last = !strcmp(format, "svg") ? "</svg>" : "IEND";
	char tail[33] = "";
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f && !fseek(f, -(long)(sizeof(tail) - 1), SEEK_END))
		n = fread(tail, 1, sizeof(tail) - 1, f);
	if (f)
		fclose(f);
	return memmem(tail, n, last, strlen(last)) != NULL;
}

static int publish(const struct pvtb_figure *f, const char *format, struct pvtb_plot_list *list,
		   struct pvtb_err *err)
{
	char *from PVTB_FREE = NULL;
	char *to = NULL;

	if (asprintf(&from, "%s/figure.%s", f->dir, format) < 0) {
		from = NULL;
		return pvtb_err_sys(err, -ENOMEM, "plot");
	}
	if (asprintf(&to, "%s/%s.%s", f->opts->out_dir, f->name, format) < 0)
		return pvtb_err_sys(err, -ENOMEM, "plot");
	if (!whole(from, format)) {
		free(to);
		pvtb_err_set(err, -EIO, "gnuplot", "left no whole %s", format);
		return pvtb_err_hint(err, "is the disk full? `pvtb plot` draws again");
	}
	if (rename(from, to)) {
		int ret = pvtb_err_sys(err, -errno, "%s", to);

		free(to);
		return ret;
	}
	if (list_add(&list->paths, &list->nr, to))
		return pvtb_err_sys(err, -ENOMEM, "plot");
	return 0;
}

/* The directory itself, never one that a symbolic link names. NULL with errno. */
static DIR *open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

static int try_remove_dir(const char *dir)
{
	DIR *d = open_dir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	return rmdir(dir);
}

/* What fails once (no descriptor free, a read error) is tried again: nothing else would remove it. */
static void remove_dir(const char *dir)
{
	for (unsigned int tries = 0; tries < 3 && try_remove_dir(dir) && errno != ENOENT; tries++)
		;
}

/* Every figure's data directory has these two: they tell it from somebody else's directory. */
static bool is_data_dir(DIR *d)
{
	static const char *const marks[] = {"figure.gp", "vars.gp"};
	struct stat st;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(marks); i++)
		if (fstatat(dirfd(d), marks[i], &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			return false;
	return true;
}

/* Make room for NAME.data: remove what an earlier `plot -d` left, and nothing else. */
static int remove_old_data(const char *path, struct pvtb_err *err)
{
	DIR *d = open_dir(path);
	bool ours = d && is_data_dir(d);

	if (!d && errno == ENOENT)
		return 0;
	if (d)
		closedir(d);
	if (ours) {
		remove_dir(path);
		return 0;
	}
	/* an empty directory is replaced, too */
	if (d && !rmdir(path))
		return 0;
	pvtb_err_set(err, -EEXIST, path, "exists and is not the data of a figure");
	return pvtb_err_hint(err, "remove it, or choose another place with -o");
}

static int keep_data(struct pvtb_figure *f, struct pvtb_err *err)
{
	char *to PVTB_FREE = NULL;
	int ret;

	if (asprintf(&to, "%s/%s.data", f->opts->out_dir, f->name) < 0) {
		to = NULL;
		return pvtb_err_sys(err, -ENOMEM, "plot");
	}
	ret = remove_old_data(to, err);
	if (ret)
		return ret;
	if (chmod(f->dir, 0755) || rename(f->dir, to))
		return pvtb_err_sys(err, -errno, "%s", to);
	free(f->dir);
	f->dir = NULL;
	return 0;
}

/* All formats at once: a figure takes a third of a second, most of it gnuplot's beginning. */
static int draw_all(const struct pvtb_figure *f, const char *const *formats, size_t nr,
		    struct pvtb_err *err)
{
	pid_t pids[4] = {0};
	int ret = 0, r;

	for (size_t i = 0; i < nr && !ret; i++) {
		ret = spawn_gnuplot(f, formats[i], &pids[i], err);
		if (ret)
			pids[i] = 0;
	}
	for (size_t i = 0; i < nr; i++) {
		struct pvtb_err later = {};

		if (pids[i] <= 0)
			continue;
		r = wait_gnuplot(f, formats[i], pids[i], ret ? &later : err);
		ret = ret ?: r;
	}
	return ret;
}

int pvtb_figure_draw(struct pvtb_figure *f, const char *script, struct pvtb_plot_list *list,
		     struct pvtb_err *err)
{
	static const char *const formats[] = {"svg", "png"};
	int bad = ferror(f->vars);
	int ret;

	bad |= fclose(f->vars);
	f->vars = NULL;
	if (bad)
		return pvtb_err_sys(err, errno ? -errno : -EIO, "%s/vars.gp", f->dir);
	ret = write_script(f, "style.gp", pvtb_plot_style_gp, err);
	if (!ret)
		ret = write_script(f, "figure.gp", script, err);
	if (!ret)
		ret = draw_all(f, formats, PVTB_ARRAY_SIZE(formats), err);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(formats) && !ret; i++)
		ret = publish(f, formats[i], list, err);
	if (!ret && f->opts->keep_data)
		ret = keep_data(f, err);
	return ret;
}

void pvtb_figure_end(struct pvtb_figure *f)
{
	if (f->vars)
		fclose(f->vars);
	if (f->dir)
		remove_dir(f->dir);
	if (f->opts)
		(void)!pvtb_guardian_remove(f->opts->guardian, f->guard, NULL);
	free(f->dir);
	memset(f, 0, sizeof(*f));
}
