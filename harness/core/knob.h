/* SPDX-License-Identifier: GPL-2.0-only */
/* One file of sysfs or procfs, read and written in one call as these want it. */
#ifndef PVTB_CORE_KNOB_H
#define PVTB_CORE_KNOB_H

#include "core/util.h"

/* The first @size - 1 bytes, without blanks and newlines at the end. 0 or -errno. */
int pvtb_knob_read(const char *path, char *buf, size_t size) __attribute__((warn_unused_result));
/* 0 or -errno, which is the kernel's opinion of the value. */
int pvtb_knob_write(const char *path, const char *value) __attribute__((warn_unused_result));

#endif
