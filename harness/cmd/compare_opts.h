/* SPDX-License-Identifier: GPL-2.0-only */
/* Options that every subcommand which compares has: compare, gate and ab. */
#ifndef PVTB_CMD_COMPARE_OPTS_H
#define PVTB_CMD_COMPARE_OPTS_H

#include "compare/compare.h"
#include "core/opts.h"

struct pvtb_compare_cmd_opts {
	struct pvtb_strv only, stats, hosts, thresholds, fail_on;
	const char *thresholds_file;
	const char *alpha;
	unsigned int format;
	unsigned int by;
	const char *names[2]; /* no option: what the sides are called, see compare.h */
};

#define PVTB_COMPARE_CMD_OPTS(s, m)                                                                \
	PVTB_OPT_LIST(0, "only", s, m.only, "NAME",                                                \
		      "only BENCH[.VARIANT[.METRIC]]; patterns too; repeatable"),                  \
		PVTB_OPT_LIST('s', "stat", s, m.stats, "METRIC",                                   \
			      "compare this metric (default p50 and the cost by batches); "        \
			      "patterns too; repeatable"),                                         \
		PVTB_OPT_LIST(0, "threshold", s, m.thresholds, "[NAME=]VALUE",                     \
			      "difference that counts as none: 2% or 3, of all or of the metrics " \
			      "NAME matches (default 1%; instructions 0); repeatable"),            \
		PVTB_OPT_STRING(0, "thresholds", s, m.thresholds_file, "FILE",                     \
				"thresholds from a file, a line each: NAME VALUE"),                \
		PVTB_OPT_LIST(0, "fail-on", s, m.fail_on, "VERDICT",                               \
			      "exit 1 on this: worse, broken, missing, unsure, changed, better "   \
			      "or none; repeatable (default worse and broken)"),                   \
		PVTB_OPT_STRING(0, "alpha", s, m.alpha, "PERCENT",                                 \
				"false alarms allowed in the whole comparison (default 5)"),       \
		PVTB_OPT_ENUM(0, "by", s, m.by, pvtb_compare_bys, "a table for each"),             \
		PVTB_OPT_ENUM('f', "format", s, m.format, pvtb_compare_formats, "how to show it")

/* Compare, print, and the exit status: 0 same or better, 1 failed (see --fail-on), -errno.
 * @also: verdicts that fail by default besides worse and broken, ended by PVTB_NR_VERDICTS. */
int pvtb_compare_and_show(const struct pvtb_compare_side *old, const struct pvtb_compare_side *new,
			  const struct pvtb_compare_cmd_opts *o, const enum pvtb_verdict *also,
			  FILE *out, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
