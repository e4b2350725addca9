/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside harness/load: the files of control groups, and where a thread is. */
#ifndef PVTB_LOAD_CGROUP_FILE_H
#define PVTB_LOAD_CGROUP_FILE_H

#include "load/cgroup.h"

#define PVTB_CGROUP_PATH 512

/* <dir>/<file>; -ENAMETOOLONG */
int pvtb_cgroup_join(char ret[PVTB_CGROUP_PATH], const char *dir, const char *file) PVTB_MUST_CHECK;
/* One write(2), which is how these files want it. */
int pvtb_cgroup_write(const char *dir, const char *file, const char *text) PVTB_MUST_CHECK;
/* The whole of a small file, without the newline at its end. */
int pvtb_cgroup_read(const char *dir, const char *file, char *ret, size_t size) PVTB_MUST_CHECK;
/* "name 123" in a file of such lines; -ENOENT when there is no such name. */
int pvtb_cgroup_read_key(const char *dir, const char *file, const char *key,
			 u64 *ret) PVTB_MUST_CHECK;
/* A word of a list separated by blanks, commas or newlines. */
bool pvtb_cgroup_has_word(const char *list, const char *word);

const char *pvtb_cgroup_ctl_name(enum pvtb_cgroup_ctl ctl);
/* The directory, as this process sees it, of the group that thread @tid is in. */
int pvtb_cgroup_of(const struct pvtb_cgroup_host *host, enum pvtb_cgroup_ctl ctl, pid_t tid,
		   char ret[PVTB_CGROUP_PATH]) PVTB_MUST_CHECK;

/* Refused, read-only, not there: the host lacks it, -EOPNOTSUPP; anything else as it is. */
int pvtb_cgroup_failed(int code, const char *dir, const char *file, struct pvtb_err *err);

#endif
