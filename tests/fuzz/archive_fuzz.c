// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: the stream that brings results out of a lab. The first byte is the size of the
 * pieces it comes in. Whatever it says, nothing outside the directory is touched, and only files and
 * directories are made. The CRC of a member is not looked at in this build.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "lab/internal.h"

/* All beneath @at, each of which must be a file or a directory; then remove it. */
static void check_tree(int at, unsigned int depth)
{
	DIR *d = fdopendir(at);
	struct dirent *e;

	fuzz_must(d && depth < 2048);
	while ((e = readdir(d))) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		fuzz_must(!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW));
		fuzz_must(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
		fuzz_must(!(st.st_mode & 07000));
		if (S_ISDIR(st.st_mode))
			check_tree(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				   depth + 1);
		fuzz_must(!unlinkat(dirfd(d), e->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0));
	}
	closedir(d);
}

static bool unpack(int dir, const u8 *data, size_t bytes, size_t piece)
{
	struct pvtb_lab_unpack *u = pvtb_lab_unpack_new(dir);
	struct pvtb_err err = {};
	int status, r = 0;

	fuzz_must(u);
	for (size_t at = 0; at < bytes && !r; at += piece) {
		size_t n = bytes - at < piece ? bytes - at : piece;
		u8 *copy = malloc(n);

		fuzz_must(copy);
		memcpy(copy, data + at, n);
		r = pvtb_lab_unpack_feed(u, copy, n, &err);
		free(copy);
	}
	fuzz_must(!r || err.why[0]);
	r = r ?: pvtb_lab_unpack_status(u, &status, &err);
	pvtb_lab_unpack_free(u);
	return !r;
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	static int dir = -1;
	static nlink_t links;
	struct stat above;
	bool read;

	if (!bytes)
		return false;
	if (dir < 0) {
		char path[128];

		snprintf(path, sizeof(path), "%s/out", fuzz_dir());
		fuzz_must(!mkdir(path, 0755));
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fuzz_must(dir >= 0 && !stat(fuzz_dir(), &above));
		links = above.st_nlink;
	}
	read = unpack(dir, data + 1, bytes - 1, (size_t)data[0] * 4 + 1);
	check_tree(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	/* Nothing was made beside it: a tmpfs counts directories here, and all in the size. */
	fuzz_must(!stat(fuzz_dir(), &above) && above.st_nlink == links);
	return read;
}

static u8 *stream(void (*fill)(struct pvtb_lab_archive_writer *w), size_t *ret)
{
	u8 *chunk = malloc(PVTB_LAB_ARCHIVE_CHUNK), *data;
	struct pvtb_lab_archive_writer w = {.fd = memfd_create("seed", MFD_CLOEXEC),
					    .buffer = chunk};
	off_t n;

	fill(&w);
	n = lseek(w.fd, 0, SEEK_CUR);
	data = malloc((size_t)n + 1);
	fuzz_must(data && pread(w.fd, data + 1, (size_t)n, 0) == n);
	data[0] = 16;
	close(w.fd);
	free(chunk);
	*ret = (size_t)n + 1;
	return data;
}

static void fill_plain(struct pvtb_lab_archive_writer *w)
{
	fuzz_must(!pvtb_lab_archive_bytes(w, "result.json", "{}", 2));
	fuzz_must(!pvtb_lab_archive_bytes(w, "kernel.log", "", 0));
	fuzz_must(!pvtb_lab_archive_end(w, 0x100));
}

static void fill_tree(struct pvtb_lab_archive_writer *w)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/tree", fuzz_dir());
	fuzz_file("tree/samples/a.zst", "abcdefgh", 8);
	fuzz_must(!pvtb_lab_archive_tree(w, path));
	fuzz_must(!pvtb_lab_archive_end(w, 0));
}

static void fill_bad_name(struct pvtb_lab_archive_writer *w)
{
	fuzz_must(!pvtb_lab_archive_bytes(w, "../x", "a", 1));
}

void fuzz_seeds(void)
{
	u8 *s;
	size_t n;

	s = stream(fill_tree, &n);
	fuzz_seed(true, s, n);
	free(s);
	s = stream(fill_plain, &n);
	fuzz_seed(true, s, n);
	fuzz_seed(false, s, n - 5);
	free(s);
	s = stream(fill_bad_name, &n);
	fuzz_seed(false, s, n);
	free(s);
}
