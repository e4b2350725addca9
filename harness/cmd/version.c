// SPDX-License-Identifier: GPL-2.0-only
/* pvtb version: what this binary is made of. */
#include <bpf/libbpf.h>
#include <zstd.h>

#include "abi/guest.h"
#include "arch/counter.h"
#include "cmd/cmd.h"
#include "results/result.h"

struct version_opts {
	bool json;
};

static const struct pvtb_opt version_options[] = {
	PVTB_OPT_FLAG(0, "json", struct version_opts, json, "as JSON"),
	PVTB_OPT_END,
};

static json_t *describe(void)
{
	u64 magic = PVTB_GUEST_MAGIC;
	char guest_abi[9] = "";

	for (int i = 0; i < 8; i++)
		guest_abi[i] = (char)(magic >> (8 * i));
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "name", "pvtime-bench",
			 "version", PVTB_VERSION, "arch", pvtb_arch_name(), "result_schema",
			 PVTB_RESULT_SCHEMA, "guest_abi", guest_abi, "libbpf",
			 libbpf_version_string(), "libzstd", ZSTD_versionString(), "jansson",
			 jansson_version_str(), "license", "GPL-2.0-only");
}

static int run_version(const struct pvtb_command *cmd, void *optv, int argc, char **argv)
{
	const struct version_opts *opts = optv;

	if (opts->json)
		return pvtb_cmd_print_json(describe());
	printf("pvtime-bench %s (%s)\n", PVTB_VERSION, pvtb_arch_name());
	printf("result schema %d, libbpf %s, libzstd %s, jansson %s\n", PVTB_RESULT_SCHEMA,
	       libbpf_version_string(), ZSTD_versionString(), jansson_version_str());
	printf("license GPL-2.0-only: free software, no warranty\n");
	return PVTB_EXIT_OK;
}

static const struct pvtb_command version_command = {
	.name = "version",
	.summary = "version of the program, of its formats and libraries",
	.usage = "[--json]",
	.options = version_options,
	.opts_size = sizeof(struct version_opts),
	.run = run_version,
};
PVTB_COMMAND(version_command);
