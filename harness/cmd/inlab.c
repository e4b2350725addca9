// SPDX-License-Identifier: GPL-2.0-only
/* Owns what subcommands share that run themselves in a lab. */
#include "cmd/inlab.h"

#include <sys/stat.h>

#include "cmd/cmd.h"
#include "core/signals.h"
#include "lab/lab.h"

static bool ask_interrupted(void *ctx)
{
	(void)ctx;
	return pvtb_interrupted();
}

int pvtb_inlab_run(struct pvtb_inlab *l, char *const argv[], struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	struct pvtb_lab_hooks hooks = {
		.ctx = l->ctx,
		.out = l->out,
		.line = l->line,
		.interrupted = ask_interrupted,
		.guardian = l->guardian,
		.timeout_s = (unsigned int)l->timeout_s,
	};
	int status = 0, ret = spec ? 0 : pvtb_err_sys(err, -ENOMEM, "lab");

	l->complaint[0] = '\0';
	if (!ret)
		ret = pvtb_lab_spec_parse(l->spec, spec, err);
	if (!ret && l->kernel)
		ret = pvtb_lab_spec_set_kernel(spec, l->kernel, err);
	if (ret)
		return ret;
	if (mkdir(l->dir, 0755))
		return pvtb_err_sys(err, -errno, "%s", l->dir);
	ret = pvtb_lab_run(spec, argv, l->dir, &hooks, &status, err);
	if (ret == -EUCLEAN)
		snprintf(l->complaint, sizeof(l->complaint), "%.399s", err->why);
	else if (ret)
		return ret;
	if (status != PVTB_EXIT_OK && status != PVTB_EXIT_FAILED) {
		struct pvtb_err said = *err;

		pvtb_err_set(err, -EPROTO, l->spec, "%s: %s",
			     said.what[0] ? said.what : "pvtb in the lab",
			     said.what[0] ? said.why : "could not run");
		return pvtb_err_hint(err, "%s", said.hint);
	}
	return status;
}

int pvtb_inlab_hosts(const struct pvtb_inlab *l, const char *name, json_t *hosts,
		     struct pvtb_err *err)
{
	char path[700];
	json_error_t why;
	json_t *inner, *theirs;

	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	inner = json_load_file(path, 0, &why);
	theirs = json_object_get(inner, "hosts");
	if (!json_is_array(theirs)) {
		json_decref(inner);
		return pvtb_err_set(err, -EPROTO, l->spec, "left no result");
	}
	json_array_extend(hosts, theirs);
	json_decref(inner);
	return 0;
}
