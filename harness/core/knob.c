// SPDX-License-Identifier: GPL-2.0-only
/* Owns how one file of sysfs or procfs is read and written. */
#include "core/knob.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int pvtb_knob_read(const char *path, char *buf, size_t size)
{
	int fd PVTB_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = '\0';
	return 0;
}

int pvtb_knob_write(const char *path, const char *value)
{
	/* O_TRUNC means nothing to sysfs, and makes a test's plain file hold the value alone */
	int fd PVTB_CLOSE = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}
