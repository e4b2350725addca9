// SPDX-License-Identifier: GPL-2.0-only
/* The entry: a subcommand by name, or, as the first process of a lab host, its init. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "cmd/cmd.h"
#include "lab/lab.h"

/*
 * Started with standard descriptors closed, the first files opened would become them, and what is
 * said would be written into results. Held the wrong way round, so that using them still fails.
 */
static void hold_standard_descriptors(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			return; /* no /dev/null: as it was */
}

int main(int argc, char **argv)
{
	static char version[] = "version";
	struct pvtb_err err;

	if (getpid() == 1 && !access("/args", R_OK))
		return pvtb_init_main();
	hold_standard_descriptors();
	/* A registered benchmark that makes no sense is a defect of the build: say so at once. */
	if (pvtb_benches_check(&err))
		return pvtb_cmd_fail(&err);
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
