// SPDX-License-Identifier: GPL-2.0-only
/* Owns what subcommands share that run themselves in a lab. */
#include "cmd/inlab.h"

#include <sys/stat.h>
#include <sys/utsname.h>

#include "arch/counter.h"
#include "cmd/cmd.h"
#include "core/signals.h"
#include "lab/lab.h"
#include "vmm/vmm.h"

int pvtb_inlab_begin(struct pvtb_inlab *l, const char *out, struct pvtb_err *err)
{
	int ret;

	l->hosts = json_array();
	ret = l->hosts ? 0 : pvtb_err_sys(err, -ENOMEM, "%s", l->name);
	if (!ret)
		ret = pvtb_guardian_start(&l->guardian, err);
	if (!ret)
		ret = pvtb_dir_new(out, &l->dir, err);
	if (ret)
		return ret;
	pvtb_dir_name_as(l->dir, l->name);
	return pvtb_dir_guard(l->dir, l->guardian, err);
}

static bool ask_interrupted(void *ctx)
{
	(void)ctx;
	return pvtb_interrupted();
}

/* Boot and run. The command's exit status, OK or FAILED, when it ended. */
static int boot(struct pvtb_inlab *l, const char *text, const char *dir,
		const struct pvtb_strv *argv, struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	struct pvtb_lab_hooks hooks = {
		.ctx = l->ctx,
		.out = l->out,
		.line = l->line,
		.interrupted = ask_interrupted,
		.input_dir = l->input_dir,
		.guardian = l->guardian,
		.timeout_s = (unsigned int)l->timeout_s,
	};
	int status = 0, ret = spec ? 0 : pvtb_err_sys(err, -ENOMEM, "lab");

	if (!ret)
		ret = pvtb_lab_spec_parse(text, spec, err);
	if (!ret && l->kernel)
		ret = pvtb_lab_spec_set_kernel(spec, l->kernel, err);
	if (ret)
		return ret;
	if (mkdir(dir, 0755))
		return pvtb_err_sys(err, -errno, "%s", dir);
	ret = pvtb_lab_run(spec, (char *const *)argv->v, dir, &hooks, &status, err);
	if (ret == -EUCLEAN)
		snprintf(l->complaint, sizeof(l->complaint), "%s", err->why);
	else if (ret)
		return ret;
	if (status != PVTB_EXIT_OK && status != PVTB_EXIT_FAILED) {
		struct pvtb_err said = *err;

		pvtb_err_set(err, -EPROTO, text, "%s: %s",
			     said.what[0] ? said.what : "pvtb in the lab",
			     said.what[0] ? said.why : "could not run");
		return pvtb_err_hint(err, "%s", said.hint);
	}
	return status;
}

static int take_hosts(struct pvtb_inlab *l, const char *spec, const char *dir, struct pvtb_err *err)
{
	char path[700];
	json_error_t why;
	json_t *inner, *theirs;

	snprintf(path, sizeof(path), "%s/%s.json", dir, l->name);
	inner = json_load_file(path, 0, &why);
	theirs = json_object_get(inner, "hosts");
	if (!json_is_array(theirs)) {
		json_decref(inner);
		return pvtb_err_set(err, -EPROTO, spec, "left no result");
	}
	if (pvtb_json_clean(theirs) || json_array_extend(l->hosts, theirs)) {
		json_decref(inner);
		return pvtb_err_sys(err, -ENOMEM, "%s", spec);
	}
	json_decref(inner);
	return 0;
}

int pvtb_inlab_run(struct pvtb_inlab *l, const char *spec, const struct pvtb_strv *words,
		   struct pvtb_err *err)
{
	const char *const head[] = {"pvtb", l->name, "--host=native",	 "--lab-host",
				    spec,   "-o",    PVTB_LAB_RESULT_DIR};
	struct pvtb_strv argv = {0};
	char dir[640];
	int ret = 0, status;

	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(head); i++)
		ret = pvtb_strv_add(&argv, head[i]);
	for (size_t i = 0; !ret && i < words->nr; i++)
		ret = pvtb_strv_add(&argv, words->v[i]);
	ret = ret ?: pvtb_strv_add(&argv, NULL);
	snprintf(dir, sizeof(dir), "%s/host%zu", pvtb_dir_path(l->dir), json_array_size(l->hosts));
	l->complaint[0] = '\0';
	status = ret ? pvtb_err_sys(err, ret, "%s", spec) : boot(l, spec, dir, &argv, err);
	free(argv.v);
	if (status < 0)
		return status;
	ret = take_hosts(l, spec, dir, err);
	return ret ? ret : l->complaint[0] ? PVTB_EXIT_FAILED : status;
}

int pvtb_inlab_add(struct pvtb_inlab *l, const char *spec, json_t *result, struct pvtb_err *err)
{
	struct pvtb_kvm_caps caps;
	struct utsname u;
	json_t *host = NULL;
	int ret =
		result ? pvtb_kvm_probe(&caps, NULL, err) : pvtb_err_sys(err, -ENOMEM, "%s", spec);

	if (!ret && uname(&u))
		ret = pvtb_err_sys(err, -errno, "uname");
	if (!ret) {
		host = json_pack("{s:s, s:s, s:s, s:s}", "host", spec, "arch", pvtb_arch_name(),
				 "kernel", u.release, "backend", caps.backend);
		if (json_object_update(host, result) || json_array_append(l->hosts, host))
			ret = pvtb_err_sys(err, -ENOMEM, "%s", spec);
	}
	json_decref(host);
	json_decref(result);
	return ret;
}

int pvtb_inlab_commit(struct pvtb_inlab *l, const char *command_line, struct pvtb_err *err)
{
	char path[640], format[64];
	struct pvtb_result *r;
	json_t *root;
	int ret = pvtb_check_interrupted(err);

	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/%s.json", pvtb_dir_path(l->dir), l->name);
	snprintf(format, sizeof(format), "pvtime-bench %s 1", l->name);
	root = json_pack("{s:s, s:s, s:s, s:O}", "format", format, "version", PVTB_VERSION,
			 "command", command_line, "hosts", l->hosts);
	r = pvtb_result_new(command_line, "quick");
	if (!root || !r)
		ret = pvtb_err_sys(err, -ENOMEM, "%s", l->name);
	else if (json_dump_file(root, path, JSON_INDENT(1)))
		ret = pvtb_err_set(err, -EIO, path, "cannot be written");
	else
		ret = pvtb_dir_commit(l->dir, r, err);
	json_decref(root);
	pvtb_result_free(r);
	return ret;
}

void pvtb_inlab_end(struct pvtb_inlab *l)
{
	pvtb_dir_free(l->dir);
	if (l->guardian)
		pvtb_guardian_stop(l->guardian);
	json_decref(l->hosts);
}
