// SPDX-License-Identifier: GPL-2.0-only
/* Owns the stream that carries results out of a lab: written inside, unpacked outside. Memory is
 * one chunk on either side; the reader trusts nothing it has not checked. */
#include "lab/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* ---- writing ---- */

static int put(struct pvtb_lab_archive_writer *w, const void *data, size_t len, u32 *crc)
{
	*crc = (u32)crc32(*crc, data, (uInt)len);
	return pvtb_lab_write_all(w->fd, data, len);
}

static int put_head(struct pvtb_lab_archive_writer *w, enum pvtb_lab_member_type type,
		    const char *name, u32 mode, u64 size, u32 *crc)
{
	struct pvtb_lab_member m = {
		.magic = PVTB_LAB_ARCHIVE_MAGIC,
		.type = (u16)type,
		.name_len = (u16)strlen(name),
		.mode = mode,
		.size = size,
	};
	int ret = put(w, &m, sizeof(m), crc);

	return ret ?: put(w, name, m.name_len, crc);
}

static int put_crc(struct pvtb_lab_archive_writer *w, u32 crc)
{
	w->members++;
	return pvtb_lab_write_all(w->fd, &crc, sizeof(crc));
}

int pvtb_lab_archive_bytes(struct pvtb_lab_archive_writer *w, const char *name, const void *data,
			   size_t size)
{
	u32 crc = 0;
	int ret = put_head(w, PVTB_LAB_MEMBER_FILE, name, 0644, size, &crc);

	if (!ret && size)
		ret = put(w, data, size, &crc);
	return ret ?: put_crc(w, crc);
}

static int put_file(struct pvtb_lab_archive_writer *w, int fd, const char *name,
		    const struct stat *st)
{
	u64 left = (u64)st->st_size;
	u32 crc = 0;
	int ret = put_head(w, PVTB_LAB_MEMBER_FILE, name, st->st_mode & 0777, left, &crc);

	while (!ret && left) {
		size_t want = left < PVTB_LAB_ARCHIVE_CHUNK ? left : PVTB_LAB_ARCHIVE_CHUNK;
		ssize_t n = read(fd, w->buffer, want);

		if (n < 0 && errno == EINTR)
			continue;
		/* Shorter than it was: the size is already sent, so the stream must end here. */
		if (n <= 0)
			return n ? -errno : -EIO;
		ret = put(w, w->buffer, (size_t)n, &crc);
		left -= (u64)n;
	}
	return ret ?: put_crc(w, crc);
}

static int put_dir(struct pvtb_lab_archive_writer *w, int dir_fd, const char *prefix)
{
	DIR *d = fdopendir(dir_fd);
	struct dirent *e;
	int ret = 0;

	if (!d) {
		ret = -errno;
		close(dir_fd);
		return ret;
	}
	while (!ret && (errno = 0, e = readdir(d))) {
		char name[PVTB_LAB_NAME_MAX];
		struct stat st;
		u32 crc = 0;
		int fd;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "/" : "", e->d_name) >=
		    (int)sizeof(name)) {
			ret = -ENAMETOOLONG;
			break;
		}
		/* Results are files and directories; a link has no meaning outside. */
		fd = openat(dir_fd, e->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (fstat(fd, &st)) {
			ret = -errno;
		} else if (S_ISDIR(st.st_mode)) {
			ret = put_head(w, PVTB_LAB_MEMBER_DIR, name, 0755, 0, &crc);
			ret = ret ?: put_crc(w, crc);
			ret = ret ?: put_dir(w, dup(fd), name);
		} else if (S_ISREG(st.st_mode)) {
			ret = put_file(w, fd, name, &st);
		}
		close(fd);
	}
	closedir(d);
	return ret;
}

int pvtb_lab_archive_tree(struct pvtb_lab_archive_writer *w, const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : put_dir(w, fd, "");
}

int pvtb_lab_archive_end(struct pvtb_lab_archive_writer *w, int wait_status)
{
	u32 crc = 0;
	int ret = put_head(w, PVTB_LAB_MEMBER_END, "", (u32)wait_status, w->members, &crc);

	return ret ?: put_crc(w, crc);
}

/* ---- reading ---- */

enum state { HEAD, NAME, DATA, CRC, ENDED };

struct pvtb_lab_unpack {
	int dir_fd;
	enum state state;
	struct pvtb_lab_member m;
	char name[PVTB_LAB_NAME_MAX + 1];
	u8 crc_bytes[4];
	size_t got; /* bytes of the piece the state is about */
	u64 left;   /* DATA */
	u32 crc;
	u64 members;
	int fd; /* file being written, -1 */
};

struct pvtb_lab_unpack *pvtb_lab_unpack_new(int dir_fd)
{
	struct pvtb_lab_unpack *u = calloc(1, sizeof(*u));

	if (u) {
		u->dir_fd = dir_fd;
		u->fd = -1;
	}
	return u;
}

void pvtb_lab_unpack_free(struct pvtb_lab_unpack *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

static int broken(struct pvtb_err *err, const char *how)
{
	return pvtb_err_set(err, -EBADMSG, "results from the lab", "%s", how);
}

/* Relative, and no component that leads up or nowhere. No links are ever made, so a plain path
 * cannot leave the directory. */
static bool name_ok(const char *name, size_t len)
{
	const char *p = name;

	if (!len || strlen(name) != len)
		return false;
	for (;;) {
		size_t n = strcspn(p, "/");

		if (!n || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (!*p)
			return true;
		p++;
	}
}

static int check_head(struct pvtb_lab_unpack *u, struct pvtb_err *err)
{
	if (u->m.magic != PVTB_LAB_ARCHIVE_MAGIC)
		return broken(err, "damaged on the way: no member where one must begin");
	if (u->m.type < PVTB_LAB_MEMBER_DIR || u->m.type > PVTB_LAB_MEMBER_END)
		return broken(err, "damaged on the way: member of no known type");
	if (u->m.name_len > PVTB_LAB_NAME_MAX)
		return broken(err, "damaged on the way: name too long");
	if (u->m.type == PVTB_LAB_MEMBER_END && (u->m.name_len || u->m.size != u->members))
		return broken(err, "members are missing");
	u->left = u->m.type == PVTB_LAB_MEMBER_FILE ? u->m.size : 0;
	return 0;
}

static int begin_member(struct pvtb_lab_unpack *u, struct pvtb_err *err)
{
	if (u->m.type == PVTB_LAB_MEMBER_END)
		return 0;
	if (!name_ok(u->name, u->m.name_len))
		return broken(err, "a name that would leave the result directory");
	if (u->m.type == PVTB_LAB_MEMBER_DIR) {
		if (mkdirat(u->dir_fd, u->name, 0755) && errno != EEXIST)
			return pvtb_err_sys(err, -errno, "%s", u->name);
		return 0;
	}
	u->fd = openat(u->dir_fd, u->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       (mode_t)(u->m.mode & 0777));
	if (u->fd < 0)
		return pvtb_err_sys(err, -errno, "%s", u->name);
	return 0;
}

/* A fuzzer that has to guess checksums tests nothing but checksums. */
static bool crc_holds(u32 want, u32 got)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return true;
#else
	return want == got;
#endif
}

static int end_member(struct pvtb_lab_unpack *u, struct pvtb_err *err)
{
	u32 crc;
	int r = 0;

	memcpy(&crc, u->crc_bytes, sizeof(crc));
	if (u->fd >= 0) {
		if (close(u->fd))
			r = pvtb_err_sys(err, -errno, "%s", u->name);
		u->fd = -1;
	}
	if (!crc_holds(crc, u->crc))
		return broken(err, "damaged on the way: CRC differs");
	if (u->m.type == PVTB_LAB_MEMBER_END) {
		u->state = ENDED;
		return r;
	}
	u->members++;
	u->state = HEAD;
	u->got = 0;
	u->crc = 0;
	return r;
}

/* Copy up to what the current piece still wants; true when it is complete. */
static bool fill(struct pvtb_lab_unpack *u, void *piece, size_t want, const u8 **p, size_t *len)
{
	size_t n = want - u->got < *len ? want - u->got : *len;

	memcpy((u8 *)piece + u->got, *p, n);
	u->got += n;
	*p += n;
	*len -= n;
	return u->got == want;
}

static int feed_data(struct pvtb_lab_unpack *u, const u8 **p, size_t *len, struct pvtb_err *err)
{
	size_t n = u->left < *len ? (size_t)u->left : *len;
	int r = pvtb_lab_write_all(u->fd, *p, n);

	if (r)
		return pvtb_err_sys(err, r, "%s", u->name);
	u->crc = (u32)crc32(u->crc, *p, (uInt)n);
	u->left -= n;
	*p += n;
	*len -= n;
	return 0;
}

static int step(struct pvtb_lab_unpack *u, const u8 **p, size_t *len, struct pvtb_err *err)
{
	int r;

	switch (u->state) {
	case HEAD:
		if (!fill(u, &u->m, sizeof(u->m), p, len))
			return 0;
		r = check_head(u, err);
		if (r)
			return r;
		u->crc = (u32)crc32(0, (const Bytef *)&u->m, sizeof(u->m));
		u->state = NAME;
		u->got = 0;
		return 0;
	case NAME:
		if (!fill(u, u->name, u->m.name_len, p, len))
			return 0;
		u->name[u->m.name_len] = '\0';
		u->crc = (u32)crc32(u->crc, (const Bytef *)u->name, u->m.name_len);
		u->state = u->left ? DATA : CRC;
		u->got = 0;
		return begin_member(u, err);
	case DATA:
		r = feed_data(u, p, len, err);
		if (!u->left)
			u->state = CRC;
		return r;
	case CRC:
		if (!fill(u, u->crc_bytes, sizeof(u->crc_bytes), p, len))
			return 0;
		return end_member(u, err);
	case ENDED:
		break;
	}
	return broken(err, "bytes after the end");
}

int pvtb_lab_unpack_feed(struct pvtb_lab_unpack *u, const void *data, size_t len,
			 struct pvtb_err *err)
{
	const u8 *p = data;
	int r = 0;

	/* A member without a name or data is complete before the next byte is there. */
	while (!r && (len || (u->state == NAME && !u->m.name_len)))
		r = step(u, &p, &len, err);
	return r;
}

int pvtb_lab_unpack_status(const struct pvtb_lab_unpack *u, int *ret_wait_status,
			   struct pvtb_err *err)
{
	if (u->state != ENDED)
		return broken(err, "cut short");
	*ret_wait_status = (int)u->m.mode;
	return 0;
}
