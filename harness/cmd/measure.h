/* SPDX-License-Identifier: GPL-2.0-only */
/* `pvtb run` as part of another subcommand: gate and ab measure by it, in processes of their own. */
#ifndef PVTB_CMD_MEASURE_H
#define PVTB_CMD_MEASURE_H

#include <sys/types.h>

#include "core/err.h"
#include "core/opts.h"

/* Statuses that `git bisect run` goes by, besides 0 and 1: this one cannot be tested. */
#define PVTB_EXIT_UNTESTABLE 125

struct pvtb_measure {
	struct pvtb_strv hosts;
	const char *kernel; /* for all lab hosts; NULL: theirs */
	const char *profile;
	const char *dir; /* result directory to be made */
	struct pvtb_strv benches;
	u64 timeout_s;
	bool no_trace;			/* as of pvtb run */
	struct pvtb_guardian *guardian; /* ends it, should this process be killed */
};

/* Start it; its report is not shown, its progress and its errors are. */
int pvtb_measure_start(const struct pvtb_measure *m, pid_t *ret_pid,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
/* Wait for it. 0 when there is a result in its directory, whatever it says; -EINTR after SIGINT or
 * SIGTERM; -ECANCELED when the run failed, and has said why. */
int pvtb_measure_wait(pid_t pid, struct pvtb_err *err) PVTB_MUST_CHECK;

/*
 * @host, a lab, with the kernel of @commit of the git repository @tree: "HOST,kernel=PATH". Builds it
 * when it is not there yet, with progress on stderr. -EINVAL when @host is no lab or names a kernel,
 * else as pvtb_lab_build().
 */
int pvtb_measure_build(const char *host, const char *tree, const char *commit, u64 jobs, char *buf,
		       size_t size, struct pvtb_err *err) PVTB_MUST_CHECK;

/* A directory for results that nobody is to keep, and its removal. */
struct pvtb_scratch {
	char path[256];
	struct pvtb_guardian *guardian; /* removes it, should this process be killed */
};
int pvtb_scratch_make(struct pvtb_scratch *s, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_scratch_remove(struct pvtb_scratch *s);

/* The exit status after a failure: INTERRUPTED for -EINTR, else UNTESTABLE; says what is in @err,
 * unless the run has said it. */
int pvtb_measure_fail(const struct pvtb_err *err);

#endif
