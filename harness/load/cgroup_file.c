// SPDX-License-Identifier: GPL-2.0-only
/* Owns the reading of the host's control group hierarchies and of their files. Changes nothing but
 * what it is told to write. */
#include "load/cgroup_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

int pvtb_cgroup_join(char ret[PVTB_CGROUP_PATH], const char *dir, const char *file)
{
	int n = snprintf(ret, PVTB_CGROUP_PATH, "%s/%s", dir, file);

	return n < 0 || n >= PVTB_CGROUP_PATH ? -ENAMETOOLONG : 0;
}

int pvtb_cgroup_write(const char *dir, const char *file, const char *text)
{
	char path[PVTB_CGROUP_PATH];
	int fd PVTB_CLOSE = -1;
	int r = pvtb_cgroup_join(path, dir, file);

	if (r)
		return r;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int pvtb_cgroup_read(const char *dir, const char *file, char *ret, size_t size)
{
	char path[PVTB_CGROUP_PATH];
	int fd PVTB_CLOSE = -1;
	int r = pvtb_cgroup_join(path, dir, file);
	ssize_t n;

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	if (n && ret[n - 1] == '\n')
		ret[n - 1] = '\0';
	return 0;
}

int pvtb_cgroup_read_key(const char *dir, const char *file, const char *key, u64 *ret)
{
	char path[PVTB_CGROUP_PATH], line[256], name[64];
	FILE *f PVTB_FCLOSE = NULL;
	int r = pvtb_cgroup_join(path, dir, file);
	u64 value;

	if (r)
		return r;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %" SCNu64, name, &value) == 2 && !strcmp(name, key)) {
			*ret = value;
			return 0;
		}
	}
	return -ENOENT;
}

bool pvtb_cgroup_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " ,\n");

		if (n == len && !strncmp(p, word, len))
			return true;
		p += n + (p[n] != '\0');
	}
	return false;
}

const char *pvtb_cgroup_ctl_name(enum pvtb_cgroup_ctl ctl)
{
	static const char *const names[PVTB_CGROUP_NR] = {"cpu", "cpuset", "freezer"};

	return names[ctl];
}

int pvtb_cgroup_failed(int code, const char *dir, const char *file, struct pvtb_err *err)
{
	char path[PVTB_CGROUP_PATH];

	if (pvtb_cgroup_join(path, dir, file))
		return pvtb_err_sys(err, -ENAMETOOLONG, "control group");
	if (code == -ENOENT)
		return pvtb_err_set(err, -EOPNOTSUPP, path,
				    "this kernel's control groups have no "
				    "such file");
	if (code == -EACCES || code == -EPERM || code == -EROFS || code == -EOPNOTSUPP)
		return pvtb_err_set(err, -EOPNOTSUPP, path, "refused: %s", strerror(-code));
	return pvtb_err_sys(err, code, "%s", path);
}

/* ---- what is mounted ---- */

struct mount_line {
	char root[256], where[256], type[32], options[512];
};

/* "36 35 98:0 /root /where rw,noatime shared:1 - type source options" */
static bool parse_mount(const char *line, struct mount_line *m)
{
	const char *dash = strstr(line, " - ");

	return dash && sscanf(line, "%*s %*s %*s %255s %255s", m->root, m->where) == 2 &&
	       sscanf(dash, " - %31s %*s %511s", m->type, m->options) == 2;
}

static void found(struct pvtb_cgroup_host *h, enum pvtb_cgroup_ctl ctl, int version,
		  const struct mount_line *m)
{
	if (access(m->where, W_OK)) {
		snprintf(h->ctl[ctl].why, sizeof(h->ctl[ctl].why), "%s: %s", m->where,
			 strerror(errno));
		return;
	}
	h->ctl[ctl].version = version;
	snprintf(h->ctl[ctl].mount, sizeof(h->ctl[ctl].mount), "%s", m->where);
	snprintf(h->ctl[ctl].root, sizeof(h->ctl[ctl].root), "%s", m->root);
}

static void look_at_mount(struct pvtb_cgroup_host *h, const struct mount_line *m, int version)
{
	char controllers[512] = "";

	if (version == 2 &&
	    pvtb_cgroup_read(m->where, "cgroup.controllers", controllers, sizeof(controllers)))
		return;
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		const char *name = pvtb_cgroup_ctl_name(c);
		bool has;

		if (h->ctl[c].version)
			continue;
		if (version == 2)
			/* v2's freezer is no controller: every group has it */
			has = c == PVTB_CGROUP_FREEZER || pvtb_cgroup_has_word(controllers, name);
		else
			has = pvtb_cgroup_has_word(m->options, name);
		if (has)
			found(h, c, version, m);
	}
}

int pvtb_cgroup_probe(int version, struct pvtb_cgroup_host *ret, struct pvtb_err *err)
{
	struct pvtb_cgroup_host h = {0};
	char *line PVTB_FREE = NULL;
	size_t size = 0;

	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++)
		snprintf(h.ctl[c].why, sizeof(h.ctl[c].why),
			 "no cgroup%s hierarchy with the %s controller is mounted",
			 version == 1	? " v1"
			 : version == 2 ? " v2"
					: "",
			 pvtb_cgroup_ctl_name(c));
	for (int v = 1; v <= 2; v++) {
		FILE *f PVTB_FCLOSE = NULL;

		if (version && v != version)
			continue;
		f = fopen("/proc/self/mountinfo", "re");
		if (!f)
			return pvtb_err_sys(err, -errno, "/proc/self/mountinfo");
		while (getline(&line, &size, f) > 0) {
			struct mount_line m;

			if (parse_mount(line, &m) && !strcmp(m.type, v == 1 ? "cgroup" : "cgroup2"))
				look_at_mount(&h, &m, v);
		}
	}
	*ret = h;
	return 0;
}

/* ---- where a thread is ---- */

/* "4:cpu,cpuacct:/path", and "0::/path" for v2 */
static const char *path_in_line(char *line, int version, const char *name)
{
	char *ctls = strchr(line, ':'), *path = ctls ? strchr(ctls + 1, ':') : NULL;

	if (!path)
		return NULL;
	*path++ = '\0';
	ctls++;
	path[strcspn(path, "\n")] = '\0';
	if (version == 2)
		return *ctls ? NULL : path;
	return pvtb_cgroup_has_word(ctls, name) ? path : NULL;
}

int pvtb_cgroup_of(const struct pvtb_cgroup_host *host, enum pvtb_cgroup_ctl ctl, pid_t tid,
		   char ret[PVTB_CGROUP_PATH])
{
	const char *mount = host->ctl[ctl].mount, *root = host->ctl[ctl].root;
	size_t root_len = strcmp(root, "/") ? strlen(root) : 0;
	char file[64], *line PVTB_FREE = NULL;
	FILE *f PVTB_FCLOSE = NULL;
	size_t size = 0;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)tid);
	f = fopen(file, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (getline(&line, &size, f) > 0) {
		const char *path =
			path_in_line(line, host->ctl[ctl].version, pvtb_cgroup_ctl_name(ctl));

		if (!path)
			continue;
		/* a container mounts its own part of the hierarchy */
		if (root_len && !strncmp(path, root, root_len))
			path += root_len;
		if (!strcmp(path, "/") || !*path)
			path = "";
		if (snprintf(ret, PVTB_CGROUP_PATH, "%s%s", mount, path) >= PVTB_CGROUP_PATH)
			return -ENAMETOOLONG;
		return 0;
	}
	return feof(f) ? -ESRCH : -EIO;
}
