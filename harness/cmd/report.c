// SPDX-License-Identifier: GPL-2.0-only
/* pvtb report: one or more results as text, table or data, from their files alone. */
#include "cmd/cmd.h"
#include "core/rights.h"
#include "report/report.h"

struct report_opts {
	unsigned int format;
};

static const struct pvtb_opt report_options[] = {
	PVTB_OPT_ENUM('f', "format", struct report_opts, format, pvtb_report_formats,
		      "how to show it"),
	PVTB_OPT_END,
};

/* Several results become one: hosts in the order given; the first one's command and profile. */
static int load_all(int argc, char **argv, struct pvtb_result **ret, struct pvtb_err *err)
{
	struct pvtb_result *all = NULL, *next;
	int r = 0;

	for (int i = 0; i < argc && !r; i++) {
		r = pvtb_result_load(argv[i], &next, err);
		if (r)
			break;
		if (!all) {
			all = next;
			continue;
		}
		r = pvtb_result_take_hosts(all, next);
		if (r)
			pvtb_err_sys(err, r, "%s", argv[i]);
		pvtb_result_free(next);
	}
	if (r)
		pvtb_result_free(all);
	else
		*ret = all;
	return r;
}

static int cmd_report(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	const struct report_opts *o = opts;
	struct pvtb_result *r = NULL;
	struct pvtb_err err = {};
	int ret;

	pvtb_rights_drop(PVTB_RIGHTS_READ);
	ret = load_all(argc, argv, &r, &err);
	if (!ret)
		ret = pvtb_report_write(r, (enum pvtb_report_format)o->format, stdout, &err);
	pvtb_result_free(r);
	return ret ? pvtb_cmd_fail(&err) : PVTB_EXIT_OK;
}

static const struct pvtb_command report_command = {
	.name = "report",
	.summary = "show results: table, CSV, JSON, cover letter",
	.usage = "[-f FORMAT] RESULT...",
	.description =
		"RESULT is a result directory or its result.json; several are shown as one.\n"
		"  text          tables for a terminal (default)\n"
		"  markdown      the same for a forge or a wiki\n"
		"  csv           host,bench,variant,metric,unit,kind,value,low,high,n\n"
		"  json          the result itself\n"
		"  seed-table    counter reads, native, trapped and LPT: average, standard\n"
		"                deviation, 95th percentile, one table per host and mode\n"
		"  cover-letter  plain text below 72 columns, to be sent as it is",
	.options = report_options,
	.opts_size = sizeof(struct report_opts),
	.min_operands = 1,
	.max_operands = -1,
	.complete = "file",
	.run = cmd_report,
};
PVTB_COMMAND(report_command);
