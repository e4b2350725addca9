// SPDX-License-Identifier: GPL-2.0-only
/* Owns finding a virtio-serial port by its name. */
#include "core/virtio_port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SYS_PORTS "/sys/class/virtio-ports"
#define STEP_MS	  2

static bool has_name(const char *port, const char *wanted)
{
	char path[512], name[64] = "";
	int fd PVTB_CLOSE = -1;

	snprintf(path, sizeof(path), SYS_PORTS "/%s/name", port);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, name, sizeof(name) - 1) <= 0)
		return false;
	name[strcspn(name, "\n")] = '\0';
	return !strcmp(name, wanted);
}

static int find(const char *wanted)
{
	DIR *d = opendir(SYS_PORTS);
	struct dirent *e;
	int ret = -ENOENT;

	while (d && ret == -ENOENT && (e = readdir(d))) {
		char path[512];

		if (e->d_name[0] == '.' || !has_name(e->d_name, wanted))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		ret = open(path, O_RDWR | O_CLOEXEC);
		if (ret < 0)
			ret = -errno;
	}
	if (d)
		closedir(d);
	return ret;
}

int pvtb_virtio_port_open(const char *name, unsigned int wait_ms)
{
	int fd = find(name);

	/* devtmpfs may be a moment behind sysfs: -ENOENT either way */
	for (unsigned int waited = 0; fd == -ENOENT && waited < wait_ms; waited += STEP_MS) {
		usleep(STEP_MS * 1000);
		fd = find(name);
	}
	return fd;
}
