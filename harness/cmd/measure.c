// SPDX-License-Identifier: GPL-2.0-only
/* Owns how one pvtb has another one measure, and the directory that is for. */
#include "cmd/measure.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cmd/cmd.h"
#include "core/guardian.h"
#include "core/signals.h"
#include "lab/lab.h"

static int build(const struct pvtb_measure *m, const char *timeout, struct pvtb_strv *argv)
{
	const char *const head[] = {"pvtb", "run",   "--no-plots", "-p",  m->profile,
				    "-t",   timeout, "-o",	   m->dir};
	int ret = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(head) && !ret; i++)
		ret = pvtb_strv_add(argv, head[i]);
	for (size_t i = 0; i < m->hosts.nr && !ret; i++) {
		ret = pvtb_strv_add(argv, "-H");
		if (!ret)
			ret = pvtb_strv_add(argv, m->hosts.v[i]);
	}
	if (!ret && m->no_trace)
		ret = pvtb_strv_add(argv, "--no-trace");
	if (!ret && m->kernel)
		ret = pvtb_strv_add(argv, "-k");
	if (!ret && m->kernel)
		ret = pvtb_strv_add(argv, m->kernel);
	if (!ret)
		ret = pvtb_strv_add(argv, "--");
	for (size_t i = 0; i < m->benches.nr && !ret; i++)
		ret = pvtb_strv_add(argv, m->benches.v[i]);
	return ret ? ret : pvtb_strv_add(argv, NULL);
}

int pvtb_measure_start(const struct pvtb_measure *m, pid_t *ret_pid, struct pvtb_err *err)
{
	struct pvtb_strv argv = {0};
	char timeout[24];
	pid_t pid, parent = getpid();
	int ret;

	snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long)m->timeout_s);
	ret = build(m, timeout, &argv);
	if (ret) {
		free(argv.v);
		return pvtb_err_sys(err, ret, "pvtb run");
	}
	fflush(NULL);
	pid = fork();
	if (pid > 0) {
		ret = pvtb_guardian_add_kill(m->guardian, pid, NULL, err);
		if (ret) {
			kill(pid, SIGTERM);
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
		}
	} else if (pid < 0) {
		ret = pvtb_err_sys(err, -errno, "pvtb run");
	} else if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		/* before the guardian knows of it */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		if (null >= 0)
			dup2(null, STDOUT_FILENO);
		execv("/proc/self/exe", (char *const *)argv.v);
		_exit(127);
	}
	free(argv.v);
	if (!ret)
		*ret_pid = pid;
	return ret;
}

int pvtb_measure_wait(pid_t pid, struct pvtb_err *err)
{
	bool told = false;
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return pvtb_err_sys(err, -errno, "pvtb run");
		/* A terminal tells both; whoever sends a signal to this process alone does not. */
		if (pvtb_interrupted() && !told) {
			kill(pid, SIGTERM);
			told = true;
		}
	}
	if (pvtb_check_interrupted(err) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == PVTB_EXIT_INTERRUPTED))
		return pvtb_err_set(err, -EINTR, "interrupted", "nothing is compared or written");
	if (!WIFEXITED(status))
		return pvtb_err_set(err, -EIO, "pvtb run", "killed by signal %d", WTERMSIG(status));
	switch (WEXITSTATUS(status)) {
	case PVTB_EXIT_OK:
	case PVTB_EXIT_FAILED:
	case PVTB_EXIT_SKIPPED:
		return 0;
	case 127:
		return pvtb_err_set(err, -EIO, "/proc/self/exe", "cannot be started");
	default:
		return pvtb_err_set(err, -ECANCELED, "pvtb run", "ended with status %d",
				    WEXITSTATUS(status));
	}
}

int pvtb_measure_build(const char *host, const char *tree, const char *commit, u64 jobs, char *buf,
		       size_t size, struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	char kernel[4096];
	int ret;

	if (!spec)
		return pvtb_err_sys(err, -ENOMEM, "%s", commit);
	if (!pvtb_lab_is_spec(host)) {
		pvtb_err_set(err, -EINVAL, host,
			     "not a lab host: what --tree builds boots in a lab");
		return pvtb_err_hint(err, "as lab:arm64,nvhe,deterministic");
	}
	ret = pvtb_lab_spec_parse(host, spec, err);
	if (ret)
		return ret;
	if (spec->kernel[0])
		return pvtb_err_set(err, -EINVAL, host, "names a kernel, and --tree builds one");
	ret = pvtb_lab_build(spec->arch, tree, commit, (unsigned int)jobs, &pvtb_cmd_lab_hooks,
			     kernel, sizeof(kernel), err);
	if (ret)
		return ret;
	if ((size_t)snprintf(buf, size, "%s,kernel=%s", host, kernel) >= size)
		return pvtb_err_set(err, -ENAMETOOLONG, kernel, "the name is too long");
	return 0;
}

int pvtb_scratch_make(struct pvtb_scratch *s, struct pvtb_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int ret;

	*s = (struct pvtb_scratch){0};
	ret = pvtb_guardian_start(&s->guardian, err);
	if (ret)
		return ret;
	snprintf(s->path, sizeof(s->path), "%.200s/pvtb-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->path)) {
		ret = pvtb_err_sys(err, -errno, "%s", s->path);
		s->path[0] = '\0';
	} else {
		ret = pvtb_guardian_add_rmtree(s->guardian, s->path, NULL, err);
	}
	if (ret)
		pvtb_scratch_remove(s);
	return ret;
}

void pvtb_scratch_remove(struct pvtb_scratch *s)
{
	if (s->guardian)
		pvtb_guardian_stop(s->guardian);
	*s = (struct pvtb_scratch){0};
}

int pvtb_measure_fail(const struct pvtb_err *err)
{
	if (err->code != -ECANCELED)
		pvtb_cmd_error(err);
	return err->code == -EINTR ? PVTB_EXIT_INTERRUPTED : PVTB_EXIT_UNTESTABLE;
}
