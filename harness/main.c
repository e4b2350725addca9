// SPDX-License-Identifier: GPL-2.0-only
/* The entry: a subcommand by name, or, as the first process of a lab host, its init. */
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "cmd/cmd.h"

/* lab/init.c: mount, load modules, run what /args says, send the results, power off. */
int pvtb_init_main(void) __attribute__((weak));

int main(int argc, char **argv)
{
	static char version[] = "version";
	struct pvtb_err err;

	/* A registered benchmark that makes no sense is a defect of the build: say so at once. */
	if (pvtb_benches_check(&err))
		return pvtb_cmd_fail(&err);
	if (getpid() == 1 && !access("/args", R_OK) && pvtb_init_main)
		return pvtb_init_main();
	if (argc < 2) {
		pvtb_cmd_overview(stderr);
		return PVTB_EXIT_ERROR;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		pvtb_cmd_overview(stdout);
		return PVTB_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = version;
	return pvtb_cmd_dispatch(argc - 1, argv + 1);
}
