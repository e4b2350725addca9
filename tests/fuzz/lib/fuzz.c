// SPDX-License-Identifier: GPL-2.0-only
/* Owns what surrounds a fuzz target: its files, its seeds, the entry points libFuzzer calls. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

void fuzz_must_at(bool holds, const char *condition, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: must hold: %s\n", file, line, condition);
	abort();
}

/* ---- files ---- */

#define MAX_FILES 64

static struct {
	char root[64];
	struct file {
		char *name, *path;
		int fd;
	} files[MAX_FILES];
	size_t nr;
	pid_t owner;
} disk;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path) && errno != ENOENT;
}

static void remove_all(void)
{
	if (disk.root[0] && disk.owner == getpid())
		nftw(disk.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
	const char *tmp = getenv("FUZZ_TMPDIR");

	if (disk.root[0])
		return disk.root;
	snprintf(disk.root, sizeof(disk.root), "%.40s/pvtb-fuzz-XXXXXX", tmp ? tmp : "/dev/shm");
	fuzz_must(mkdtemp(disk.root));
	disk.owner = getpid();
	atexit(remove_all);
	return disk.root;
}

static void make_parents(const char *path)
{
	char dir[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		fuzz_must(!mkdir(dir, 0755) || errno == EEXIST);
	}
}

static struct file *file_of(const char *name)
{
	struct file *f;

	for (size_t i = 0; i < disk.nr; i++)
		if (!strcmp(disk.files[i].name, name))
			return &disk.files[i];
	fuzz_must(disk.nr < MAX_FILES);
	f = &disk.files[disk.nr++];
	f->name = strdup(name);
	fuzz_must(f->name && asprintf(&f->path, "%s/%s", fuzz_dir(), name) > 0);
	make_parents(f->path);
	f->fd = open(f->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	fuzz_must(f->fd >= 0);
	return f;
}

const char *fuzz_file(const char *name, const void *data, size_t bytes)
{
	struct file *f = file_of(name);

	fuzz_must(!ftruncate(f->fd, 0) && pwrite(f->fd, data, bytes, 0) == (ssize_t)bytes);
	return f->path;
}

static int remove_foreign(const char *path, const struct stat *st, int type, struct FTW *where)
{
	for (size_t i = 0; i < disk.nr; i++)
		if (!strcmp(disk.files[i].path, path))
			return 0;
	/* A directory that is not empty holds one of ours, and stays. */
	if (where->level)
		remove(path);
	return 0;
}

void fuzz_clean(void)
{
	nftw(fuzz_dir(), remove_foreign, 16, FTW_DEPTH | FTW_PHYS);
}

static ssize_t swallow(void *cookie, const char *data, size_t bytes)
{
	return (ssize_t)bytes;
}

FILE *fuzz_sink(void)
{
	FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = swallow});

	fuzz_must(f);
	return f;
}

/* ---- parts ---- */

bool fuzz_part(const u8 **data, size_t *bytes, const u8 **ret, size_t *ret_bytes)
{
	const u8 *cut;

	if (!*data)
		return false;
	*ret = *data;
	cut = *bytes ? memmem(*data, *bytes, FUZZ_CUT, strlen(FUZZ_CUT)) : NULL;
	*ret_bytes = cut ? (size_t)(cut - *data) : *bytes;
	*bytes -= cut ? *ret_bytes + strlen(FUZZ_CUT) : *bytes;
	*data = cut ? cut + strlen(FUZZ_CUT) : NULL;
	return true;
}

char *fuzz_part_text(const u8 **data, size_t *bytes)
{
	const u8 *part;
	size_t n;
	char *text;

	if (!fuzz_part(data, bytes, &part, &n))
		return NULL;
	text = strndup(n ? (const char *)part : "", n);
	fuzz_must(text);
	return text;
}

/* ---- seeds ---- */

static const char *seed_dir;

void fuzz_seed(bool accepted, const void *data, size_t bytes)
{
	static unsigned int nr;
	char path[PATH_MAX];
	u8 *copy = malloc(bytes ? bytes : 1);
	FILE *f;

	/* In memory of its very size, as libFuzzer gives it. */
	fuzz_must(copy);
	memcpy(copy, data, bytes);
	if (fuzz_one(copy, bytes) != accepted) {
		fprintf(stderr, "seed %u is %s\n", nr, accepted ? "refused" : "accepted");
		exit(1);
	}
	free(copy);
	snprintf(path, sizeof(path), "%s/seed-%03u", seed_dir, nr++);
	f = fopen(path, "we");
	fuzz_must(f && fwrite(data, 1, bytes, f) == bytes && !fclose(f));
}

void fuzz_seed_text(bool accepted, const char *text)
{
	fuzz_seed(accepted, text, strlen(text));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (*argc != 3 || strcmp((*argv)[1], "--seeds"))
		return 0;
	seed_dir = (*argv)[2];
	fuzz_seeds();
	exit(0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	fuzz_one(data, bytes);
	return 0;
}
