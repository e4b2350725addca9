/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two configurations of the running host, A and B, as lists of settings: a file of sysfs or procfs and
 * what is written to it. What only one side names is, on the other side, as it was found. Everything is
 * put back: by pvtb_settings_close(), or by the guardian should the program be killed.
 *
 *	MODULE.PARAMETER=VALUE	/sys/module/MODULE/parameters/PARAMETER
 *	/sys/...=VALUE		and /proc/sys/...: that file
 *	governor=NAME		the governor of every CPU
 *	tracing=on|off		ftrace's events of KVM
 */
#ifndef PVTB_LOAD_SETTING_H
#define PVTB_LOAD_SETTING_H

#include "core/err.h"
#include "core/guardian.h"
#include "core/util.h"

struct pvtb_settings;

/*
 * Find the files, keep what is in them, and try both sides once, so that what cannot be set is known
 * before anything is measured; afterwards side A is set. @root: prefix of the files, "" or a test's tree.
 * -EINVAL (no such form; nothing differs between the sides), -ENOENT, -EACCES, -EOPNOTSUPP, or what
 * the kernel says to the value; all is as it was found then.
 */
int pvtb_settings_open(const char *root, const char *const *a, size_t nr_a, const char *const *b,
		       size_t nr_b, struct pvtb_guardian *g, struct pvtb_settings **ret,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
/* Make the host what side 0 (A) or 1 (B) says. */
int pvtb_settings_apply(struct pvtb_settings *s, int side, struct pvtb_err *err) PVTB_MUST_CHECK;
/* "kvm.halt_poll_ns=0 governor=performance", as the kernel shows the values on that side; cut to
 * @size. */
void pvtb_settings_describe(const struct pvtb_settings *s, int side, char *buf, size_t size);
/* Put back what was found, newest first, and free; NULL is fine. The first thing that could not be put
 * back is the error; the rest is put back all the same. */
int pvtb_settings_close(struct pvtb_settings *s, struct pvtb_err *err);

#endif
