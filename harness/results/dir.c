// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the naming, publishing and removal of result directories. A directory in the making is
 * locked by its maker; the kernel lets go of the lock however the maker dies, so that whoever gets
 * the lock of a temporary directory may remove it (a process id could have been used again, or be
 * another container's). A file in it marks it as pvtb's: nothing else is ever taken for a leftover.
 */
#include "results/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DEFAULT_ROOT "results"
#define TMP_PREFIX   ".tmp-"
#define MARK	     ".pvtb-unfinished"

static const char mark_text[] = "pvtb: a result in the making\n";

struct pvtb_dir {
	char *root;	  /* holds the temporary directory and the final one */
	char *final;	  /* NULL: named at commit */
	const char *kind; /* of a result that is no benchmark's; NULL */
	char *path;	  /* where it is now; NULL once removed */
	char *made;	  /* the uppermost directory above that was not there before, or NULL */
	int lock;
	bool committed;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0; /* as much as possible */
}

static void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int put_mark(const char *dir)
{
	char *path PVTB_FREE = NULL;
	int fd, ret = 0;

	if (asprintf(&path, "%s/" MARK, dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	errno = EIO;
	if (write(fd, mark_text, strlen(mark_text)) != (ssize_t)strlen(mark_text))
		ret = -errno;
	close(fd);
	return ret;
}

static void remove_mark(const char *dir)
{
	char *path PVTB_FREE = NULL;

	if (asprintf(&path, "%s/" MARK, dir) >= 0)
		unlink(path);
	else
		path = NULL;
}

/* A descriptor holding the lock of the directory @path names, or -errno. */
static int lock_dir(const char *path)
{
	struct stat held, named;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	/* Gone or replaced before the lock was had: somebody else's by now. */
	if (flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &held) || lstat(path, &named))
		ret = -errno;
	else if (held.st_ino != named.st_ino || held.st_dev != named.st_dev)
		ret = -ESTALE;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* .tmp-PID-XXXXXX, as make_temporary() names them. */
static bool is_temporary_name(const char *name)
{
	size_t digits;

	if (strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX)))
		return false;
	name += strlen(TMP_PREFIX);
	digits = strspn(name, "0123456789");
	return digits && name[digits] == '-' && strlen(name + digits + 1) == 6;
}

/* Is the open directory @fd one that pvtb made for this user, on the file system of @root? */
static bool is_ours(int fd, const struct stat *root)
{
	char text[sizeof(mark_text) + 1];
	struct stat dir, mark;
	int file PVTB_CLOSE = openat(fd, MARK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return file >= 0 && !fstat(fd, &dir) && !fstat(file, &mark) && dir.st_uid == geteuid() &&
	       mark.st_uid == geteuid() && S_ISREG(mark.st_mode) && dir.st_dev == root->st_dev &&
	       read(file, text, sizeof(text)) == (ssize_t)strlen(mark_text) &&
	       !memcmp(text, mark_text, strlen(mark_text));
}

/* What killed runs of this user left beside the result. */
static void remove_stale(const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *e;
	struct stat st;
	char *path;
	int fd;

	while (dir && !fstat(dirfd(dir), &st) && (e = readdir(dir))) {
		if (!is_temporary_name(e->d_name) || asprintf(&path, "%s/%s", root, e->d_name) < 0)
			continue;
		fd = lock_dir(path);
		if (fd >= 0) {
			if (is_ours(fd, &st))
				remove_tree(path);
			close(fd);
		}
		free(path);
	}
	if (dir)
		closedir(dir);
}

/* mkdir -p; *ret_made is the first directory that had to be made. */
static int make_path(const char *path, char **ret_made)
{
	char *part PVTB_FREE = strdup(path);
	char *slash = part;

	while (part && slash) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (!mkdir(part, 0755)) {
			if (!*ret_made && !(*ret_made = strdup(part)))
				return -ENOMEM;
		} else if (errno != EEXIST) {
			return -errno;
		}
		if (slash)
			*slash = '/';
	}
	return part ? 0 : -ENOMEM;
}

/* What make_path() made, as far as nobody has put anything there since. */
static void unmake_path(const struct pvtb_dir *d)
{
	char *part PVTB_FREE = d->made ? strdup(d->root) : NULL;
	char *slash;

	while (part && strlen(part) >= strlen(d->made) && !rmdir(part)) {
		slash = strrchr(part, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

/* Entries of a directory other than "." and "..": 0, 1 for some, or -errno. */
static int has_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int found = 0;

	if (!dir)
		return -errno;
	while (!found && (e = readdir(dir)))
		found = strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(dir);
	return found;
}

/* 0 when @path is absent or an empty directory, which rename() replaces: until there is a result
 * to put in its place, it is left alone. */
static int check_free(const char *path, struct pvtb_err *err)
{
	struct stat st;
	int found;

	if (lstat(path, &st)) {
		if (errno == ENOENT)
			return 0;
		pvtb_err_sys(err, -errno, "%s", path);
		return pvtb_err_hint(err, "choose another place with -o");
	}
	found = S_ISDIR(st.st_mode) ? has_entries(path) : 1;
	if (!found)
		return 0;
	if (found < 0) {
		pvtb_err_sys(err, found, "%s", path);
		return pvtb_err_hint(err, "choose another place with -o");
	}
	pvtb_err_set(err, -EEXIST, path, "%s",
		     S_ISDIR(st.st_mode) ? "exists and is not empty"
					 : "exists and is no directory");
	return pvtb_err_hint(err, "remove it, or choose another place with -o");
}

/* Final place and root from what was asked for. */
static int places(struct pvtb_dir *d, const char *out)
{
	char *copy PVTB_FREE = NULL;
	size_t n;

	if (!out) {
		d->root = strdup(DEFAULT_ROOT);
		return d->root ? 0 : -ENOMEM;
	}
	d->final = strdup(out);
	if (!d->final)
		return -ENOMEM;
	for (n = strlen(d->final); n > 1 && d->final[n - 1] == '/'; n--)
		d->final[n - 1] = '\0';
	copy = strdup(d->final);
	if (!copy)
		return -ENOMEM;
	d->root = strdup(dirname(copy));
	return d->root ? 0 : -ENOMEM;
}

static int make_temporary(struct pvtb_dir *d)
{
	int tries, ret;

	for (tries = 0; tries < 8; tries++) {
		free(d->path);
		if (asprintf(&d->path, "%s/" TMP_PREFIX "%d-XXXXXX", d->root, getpid()) < 0) {
			d->path = NULL;
			return -ENOMEM;
		}
		if (!mkdtemp(d->path)) {
			ret = -errno;
			free(d->path);
			d->path = NULL;
			return ret;
		}
		d->lock = lock_dir(d->path);
		/* Another run may have taken it for stale between the two: once more. File
		 * systems without locks leave theirs to whoever cleans up. */
		if (d->lock >= 0 || d->lock == -ENOLCK || d->lock == -EOPNOTSUPP)
			return chmod(d->path, 0755) ? -errno : put_mark(d->path);
		rmdir(d->path); /* still empty, whoever's it is now */
	}
	return d->lock;
}

int pvtb_dir_new(const char *out, struct pvtb_dir **ret, struct pvtb_err *err)
{
	struct pvtb_dir *d = calloc(1, sizeof(*d));
	int code;

	if (!d)
		return pvtb_err_sys(err, -ENOMEM, "result directory");
	d->lock = -1;
	code = places(d, out);
	if (code) {
		pvtb_err_sys(err, code, "result directory");
		goto fail;
	}
	code = d->final ? check_free(d->final, err) : 0;
	if (code)
		goto fail;
	code = make_path(d->root, &d->made);
	if (!code)
		code = make_temporary(d);
	if (code) {
		pvtb_err_sys(err, code, "%s", d->root);
		pvtb_err_hint(err, "results are written there: choose another place with -o");
		goto fail;
	}
	*ret = d;
	return 0;
fail:
	pvtb_dir_free(d);
	return code;
}

/* Each directory that make_path() made, the uppermost first: the guardian undoes the last one first. */
static int guard_made(const struct pvtb_dir *d, struct pvtb_guardian *g, struct pvtb_err *err)
{
	size_t at = d->made ? strlen(d->made) : 0;
	char *part PVTB_FREE = d->made ? strdup(d->root) : NULL;
	int ret = 0;

	if (d->made && !part)
		return pvtb_err_sys(err, -ENOMEM, "%s", d->root);
	while (part && !ret) {
		char c = part[at];

		part[at] = '\0';
		ret = pvtb_guardian_add_rmdir(g, part, NULL, err);
		part[at] = c;
		if (!c)
			break;
		at += 1 + strcspn(part + at + 1, "/");
	}
	return ret;
}

int pvtb_dir_guard(const struct pvtb_dir *d, struct pvtb_guardian *g, struct pvtb_err *err)
{
	int ret = guard_made(d, g, err);

	return ret ? ret : pvtb_guardian_add_rmtree(g, d->path, NULL, err);
}

void pvtb_dir_name_as(struct pvtb_dir *d, const char *kind)
{
	d->kind = kind;
}

const char *pvtb_dir_path(const struct pvtb_dir *d)
{
	return d->path;
}

/* Append @s to @name, as file names like it: lab:arm64,nvhe -> lab-arm64-nvhe. */
static void append_clean(char *name, size_t size, const char *s)
{
	size_t n = strlen(name);

	for (; *s && n + 1 < size; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || *s == '.' || *s == '_' || *s == '+';

		if (plain)
			name[n++] = *s;
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	name[n] = '\0';
}

/* <UTC time>-<host>-<kernel>; several hosts: the first and how many more. */
static void name_of(const struct pvtb_result *r, const char *kind, char *name, size_t size)
{
	char more[32];
	const char *c;
	size_t n = 0;

	for (c = r->created; *c && n + 1 < size; c++)
		if (*c != '-' && *c != ':')
			name[n++] = *c;
	name[n] = '\0';
	if (kind) {
		append_clean(name, size, "-");
		append_clean(name, size, kind);
	}
	if (kind || !r->nr_hosts)
		return;
	append_clean(name, size, "-");
	append_clean(name, size, r->hosts[0].host);
	if (r->nr_hosts > 1) {
		snprintf(more, sizeof(more), "+%zu", r->nr_hosts - 1);
		append_clean(name, size, more);
	}
	append_clean(name, size, "-");
	append_clean(name, size, r->hosts[0].kernel);
}

static int point_latest(const char *root, const char *name, struct pvtb_err *err)
{
	char *tmp PVTB_FREE = NULL, *latest PVTB_FREE = NULL;
	int ret = 0;

	if (asprintf(&tmp, "%s/.latest-%d", root, getpid()) < 0 ||
	    asprintf(&latest, "%s/latest", root) < 0)
		return pvtb_err_sys(err, -ENOMEM, "%s", root);
	unlink(tmp);
	if (symlink(name, tmp) || rename(tmp, latest)) {
		ret = pvtb_err_sys(err, -errno, "%s", latest);
		unlink(tmp);
	}
	return ret;
}

static int take_name(struct pvtb_dir *d, char *path, struct pvtb_err *err)
{
	int fd;

	if (rename(d->path, path))
		return errno == ENOTEMPTY || errno == EEXIST
			       ? -EEXIST
			       : pvtb_err_sys(err, -errno, "%s", path);
	free(d->path);
	d->path = path;
	d->committed = true;
	fd = open(d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

static int commit(struct pvtb_dir *d, const struct pvtb_result *r, struct pvtb_err *err)
{
	char name[200], *path;
	unsigned int i;
	int ret;

	if (d->final) {
		path = strdup(d->final);
		ret = path ? take_name(d, path, err) : pvtb_err_sys(err, -ENOMEM, "%s", d->final);
		if (ret)
			free(path);
		return ret == -EEXIST ? pvtb_err_sys(err, ret, "%s", d->final) : ret;
	}
	name_of(r, d->kind, name, sizeof(name) - 16);
	/* Two runs may end in the same second. */
	for (i = 1; i < 1000; i++) {
		size_t len = strlen(name);

		if (i > 1)
			snprintf(name + len, sizeof(name) - len, "-%u", i);
		if (asprintf(&path, "%s/%s", d->root, name) < 0)
			return pvtb_err_sys(err, -ENOMEM, "%s", d->root);
		ret = take_name(d, path, err);
		if (!ret)
			return d->kind ? 0 : point_latest(d->root, name, err);
		free(path);
		name[len] = '\0';
		if (ret != -EEXIST)
			return ret;
	}
	return pvtb_err_sys(err, -EEXIST, "%s/%s", d->root, name);
}

int pvtb_dir_commit(struct pvtb_dir *d, const struct pvtb_result *r, struct pvtb_err *err)
{
	int ret;

	remove_mark(d->path);
	ret = commit(d, r, err);
	if (!ret)
		remove_stale(d->root);
	return ret;
}

void pvtb_dir_discard(struct pvtb_dir *d)
{
	if (!d || d->committed)
		return;
	if (d->path)
		remove_tree(d->path);
	free(d->path);
	d->path = NULL;
	if (d->root)
		unmake_path(d);
	free(d->made);
	d->made = NULL;
}

void pvtb_dir_free(struct pvtb_dir *d)
{
	if (!d)
		return;
	pvtb_dir_discard(d);
	if (d->lock >= 0)
		close(d->lock);
	free(d->root);
	free(d->final);
	free(d->path);
	free(d->made);
	free(d);
}

static int move_tree(const char *from, const char *to, struct pvtb_err *err)
{
	DIR *dir = opendir(from);
	struct dirent *e;
	struct stat a, b;
	int ret = 0;

	if (!dir)
		return errno == ENOENT ? 0 : pvtb_err_sys(err, -errno, "%s", from);
	while (!ret && (e = readdir(dir))) {
		char *src PVTB_FREE = NULL, *dst PVTB_FREE = NULL;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (asprintf(&src, "%s/%s", from, e->d_name) < 0 ||
		    asprintf(&dst, "%s/%s", to, e->d_name) < 0)
			ret = pvtb_err_sys(err, -ENOMEM, "%s", from);
		else if (lstat(src, &a))
			ret = pvtb_err_sys(err, -errno, "%s", src);
		else if (lstat(dst, &b))
			ret = rename(src, dst) ? pvtb_err_sys(err, -errno, "%s", dst) : 0;
		else if (S_ISDIR(a.st_mode) && S_ISDIR(b.st_mode))
			ret = move_tree(src, dst, err);
		else
			ret = pvtb_err_sys(err, -EEXIST, "%s", dst);
	}
	closedir(dir);
	return ret;
}

int pvtb_dir_move_contents(const char *from, const char *to, const char *remove_after,
			   struct pvtb_err *err)
{
	int ret = move_tree(from, to, err);

	if (!ret && remove_after)
		remove_tree(remove_after);
	return ret;
}
