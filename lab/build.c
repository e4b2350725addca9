// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the kernels built from commits: with which configuration, and what went wrong. How one is
 * built and where it is kept is lab/build-kernel.sh's business, run from inside the program.
 */
#include "lab/internal.h"

#include <string.h>

/* harness/core/embed.S, NUL-ended */
extern const char pvtb_build_kernel_sh[], pvtb_build_kernel_sh_end[];
extern const char pvtb_config_common[], pvtb_config_arm64[], pvtb_config_x86_64[];

/* Exit status of the script: it is the commit that cannot be built. */
#define UNBUILDABLE 3

int pvtb_lab_build(enum pvtb_lab_arch arch, const char *tree, const char *commit, unsigned int jobs,
		   const struct pvtb_lab_hooks *hooks, char *ret_kernel, size_t size,
		   struct pvtb_err *err)
{
	char jobs_text[16], *config PVTB_FREE = NULL;
	const char *const args[] = {pvtb_lab_arch_name(arch), tree, commit, jobs_text, NULL};
	struct pvtb_lab_script script = {
		.name = "build-kernel",
		.text = pvtb_build_kernel_sh,
		.end = pvtb_build_kernel_sh_end,
		.args = args,
	};
	struct pvtb_err said = {};
	int status = 0, r;

	snprintf(jobs_text, sizeof(jobs_text), "%u", jobs);
	if (asprintf(&config, "%s%s", pvtb_config_common,
		     arch == PVTB_LAB_ARM64 ? pvtb_config_arm64 : pvtb_config_x86_64) < 0) {
		config = NULL;
		return pvtb_err_sys(err, -ENOMEM, "%s", commit);
	}
	script.data = config;
	r = pvtb_lab_script_run(&script, hooks, ret_kernel, size, &status, &said);
	if (r == -EINTR)
		return pvtb_err_set(err, r, "interrupted", "%s is not built", commit);
	if (r)
		return pvtb_err_sys(err, r, "%s", commit);
	if (!status && ret_kernel[0] == '/')
		return 0;
	r = status == UNBUILDABLE ? -ECHILD : -EIO;
	if (!said.why[0])
		return pvtb_err_set(err, r, commit, "building it failed (exit %d)", status);
	pvtb_err_set(err, r, said.what, "%s", said.why);
	return said.hint[0] ? pvtb_err_hint(err, "%s", said.hint) : r;
}
