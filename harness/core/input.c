// SPDX-License-Identifier: GPL-2.0-only
/* Owns the opening of files that are read as input. Reads nothing itself. */
#include "core/input.h"

#include <fcntl.h>
#include <sys/stat.h>

int pvtb_input_open(const char *path, u64 max, struct pvtb_err *err)
{
	/* O_NONBLOCK: opening a FIFO waits for its writer; of a regular file it means nothing */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), ret = 0;
	struct stat st;

	if (fd < 0)
		return pvtb_err_sys(err, -errno, "%s", path);
	if (fstat(fd, &st)) {
		ret = pvtb_err_sys(err, -errno, "%s", path);
	} else if (S_ISDIR(st.st_mode)) {
		ret = pvtb_err_sys(err, -EISDIR, "%s", path);
	} else if (!S_ISREG(st.st_mode)) {
		pvtb_err_set(err, -EINVAL, path, "not a regular file");
		ret = pvtb_err_hint(err, "copy what it holds to a file and name that");
	} else if ((u64)st.st_size > max) {
		ret = pvtb_err_set(err, -EFBIG, path, "%llu bytes, at most %llu are read",
				   (unsigned long long)st.st_size, (unsigned long long)max);
	}
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

FILE *pvtb_input_fopen(const char *path, u64 max, struct pvtb_err *err)
{
	int fd = pvtb_input_open(path, max, err);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f) {
		pvtb_err_sys(err, -errno, "%s", path);
		close(fd);
	}
	return f;
}
