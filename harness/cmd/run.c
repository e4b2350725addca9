// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb run: measure on one or more hosts, leave one result directory. Owns the order of things
 * (hosts, result directory, report); measuring is bench/'s, booting lab/'s.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bench/native.h"
#include "cmd/cmd.h"
#include "cmd/figures.h"
#include "cmd/host.h"
#include "core/guardian.h"
#include "core/signals.h"
#include "core/virtio_port.h"
#include "lab/lab.h"
#include "report/report.h"
#include "results/dir.h"

struct run_opts {
	struct pvtb_strv hosts;
	unsigned int profile;
	const char *out;
	const char *kernel;
	u64 timeout_s;
	bool no_trace;
	bool verbose;
	const char *break_program;
	bool no_plots;
	bool slew;
	const char *lab_host; /* set inside a lab guest */
	unsigned int link;    /* the same: which of two joined labs it is */
};

enum link_role { LINK_NONE, LINK_SOURCE, LINK_TARGET };
static const char *const link_names[] = {"none", "source", "target", NULL};
#define LINK_WAIT_MS 2000
#define MAX_BATCH    16 /* hosts measured at once */

static const char *const profile_names[] = {"quick", "standard", "long", "brief", NULL};

static const struct run_opts run_defaults = {.timeout_s = 900};

static const struct pvtb_opt run_options[] = {
	PVTB_OPT_LIST('H', "host", struct run_opts, hosts, "HOST",
		      "native, lab:arm64[,...], lab:x86_64[,...], two labs joined by +, or auto; "
		      "repeatable (default auto)"),
	PVTB_OPT_ENUM('p', "profile", struct run_opts, profile, profile_names, "how many samples"),
	PVTB_OPT_STRING('o', "output", struct run_opts, out, "DIR",
			"result directory (default results/<time>-<host>-<kernel>)",
			.flags = PVTB_OPT_NO_ECHO),
	PVTB_OPT_STRING('k', "kernel", struct run_opts, kernel, "FILE",
			"boot the lab hosts with this kernel instead of the distribution's"),
	PVTB_OPT_U64('t', "timeout", struct run_opts, timeout_s, "SECONDS", 1, 86400,
		     "give up on a lab host after that long"),
	PVTB_OPT_FLAG(0, "no-trace", struct run_opts, no_trace,
		      "no eBPF: measure without a witness, judge nothing"),
	PVTB_OPT_FLAG(0, "slew", struct run_opts, slew,
		      "let frequency.slew change the rate of the host's clock for a while"),
	PVTB_OPT_FLAG('v', "verbose", struct run_opts, verbose,
		      "print the verifier's whole log of eBPF programs that do not load"),
	PVTB_OPT_FLAG(0, "no-plots", struct run_opts, no_plots, "draw no figures"),
	PVTB_OPT_STRING(0, "lab-host", struct run_opts, lab_host, "HOST",
			"inside a lab guest: the host as it was asked for",
			.flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_ENUM(0, "link", struct run_opts, link, link_names,
		      "inside a lab guest that is joined to another one: which of the two it is",
		      .flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_STRING(0, "break-program", struct run_opts, break_program, "NAME",
			"for tests: make this eBPF program one that does not load",
			.flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_END,
};

/* One host of the run, on its own thread where several lab hosts boot side by side. */
struct host_job {
	const struct run_opts *opts;
	char *const *filters;
	size_t nr_filters;
	const char *spec;
	char slug[96];
	char dir[512]; /* this host's part of the result directory */
	struct pvtb_progress *progress;
	struct pvtb_guardian *guardian;
	struct pvtb_result *result;
	struct pvtb_err err;
	int ret;
};

/* "lab:arm64,nvhe" -> "lab-arm64-nvhe": fit for a file name. */
static void make_slug(const char *spec, char *buf, size_t len)
{
	size_t o = 0;

	for (; *spec && o + 1 < len; spec++) {
		char c = *spec;

		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.", c))
			c = '-';
		if (c != '-' || (o && buf[o - 1] != '-'))
			buf[o++] = c;
	}
	buf[o] = '\0';
}

/* What the run inside a lab host calls its own host, and so its directory. */
#define INNER_PREFIX "native/"

/* Files of a host live in its own directory; their names in result.json say so. */
static int prefix_files(struct pvtb_host_result *h, const char *slug)
{
	for (size_t b = 0; b < h->nr_benches; b++)
		for (size_t v = 0; v < h->benches[b].nr_variants; v++) {
			struct pvtb_variant_result *var = &h->benches[b].variants[v];

			for (size_t f = 0; f < var->nr_files; f++) {
				const char *rest = var->files[f].path;
				char *path = NULL;

				if (!strncmp(rest, INNER_PREFIX, strlen(INNER_PREFIX)))
					rest += strlen(INNER_PREFIX);
				if (asprintf(&path, "%s/%s", slug, rest) < 0)
					return -ENOMEM;
				free(var->files[f].path);
				var->files[f].path = path;
			}
		}
	return 0;
}

static int native_job(struct host_job *job)
{
	int link_fd PVTB_CLOSE = -1;
	struct pvtb_native_opts no = {
		.host_spec = job->opts->lab_host ? job->opts->lab_host : job->spec,
		.emulated = job->opts->lab_host != NULL,
		.deterministic = job->opts->lab_host &&
				 strstr(job->opts->lab_host, ",deterministic") != NULL,
		.no_trace = job->opts->no_trace,
		.slew = job->opts->slew,
		.profile = &pvtb_profiles[job->opts->profile],
		.dir = job->dir,
		.filters = job->filters,
		.nr_filters = job->nr_filters,
		.progress = job->progress,
		.guardian = job->guardian,
		.link_fd = -1,
		.link_target = job->opts->link == LINK_TARGET,
	};

	if (job->opts->link != LINK_NONE) {
		link_fd = no.link_fd = pvtb_virtio_port_open(PVTB_LAB_LINK, LINK_WAIT_MS);
		if (link_fd < 0)
			return pvtb_err_sys(&job->err, link_fd, "port \"" PVTB_LAB_LINK "\"");
	}
	return pvtb_native_run(&no, job->result, &job->err);
}

/* One lab of a host: of a pair there are two, on a thread each. */
struct lab_boot {
	struct host_job *job;
	const char *spec;
	enum link_role role;
	int link_fd;	   /* > 0: joins it to the other one */
	char dir[600];	   /* what it leaves */
	atomic_bool *gone; /* one of a pair has failed: the other need not go on */
	struct pvtb_result *result;
	struct pvtb_err err;
	int ret;
};

#define VERIFIER "verifier: "

/* -v: line by line, so that those of a lab can be told from its other words. */
static void print_verifier(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(stderr, VERIFIER "%.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void forward_line(void *ctx, const char *line)
{
	struct lab_boot *boot = ctx;

	if (!strncmp(line, VERIFIER, strlen(VERIFIER)) && boot->job->opts->verbose) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	pvtb_progress_update(boot->job->progress, "%s: %s", boot->spec, line);
}

static bool ask_interrupted(void *ctx)
{
	struct lab_boot *boot = ctx;

	return pvtb_interrupted() || (boot->gone && atomic_load(boot->gone));
}

/* pvtb inside the lab could not run: its own words, with the lab named. */
static int refused_inside(struct lab_boot *boot, int status)
{
	struct pvtb_err said = boot->err;

	if (!said.what[0]) {
		pvtb_err_set(&boot->err, -EPROTO, boot->spec,
			     "pvtb in the lab host ended with status %d", status);
		return pvtb_err_hint(&boot->err, "its words: pvtb lab run %s -- run -H native",
				     boot->spec);
	}
	pvtb_err_set(&boot->err, -EPROTO, boot->spec, "%s: %s", said.what, said.why);
	if (!strcmp(said.what, "/dev/kvm") &&
	    (boot->job->opts->kernel || strstr(boot->spec, ",kernel=")))
		return pvtb_err_hint(&boot->err,
				     "has this kernel KVM? one with KVM as modules wants "
				     "their directory: modules=DIR");
	return pvtb_err_hint(&boot->err, "%s", said.hint);
}

/* Words of inside_argv() beside the filters, with their end. */
#define INSIDE_WORDS 20

/* The command line of the pvtb inside, to be freed; the words are others'. NULL without memory. */
static char **inside_argv(const struct lab_boot *boot)
{
	const struct host_job *job = boot->job;
	char **argv = calloc(INSIDE_WORDS + job->nr_filters, sizeof(*argv));
	size_t n = 0;

	if (!argv)
		return NULL;
	argv[n++] = (char *)"pvtb";
	argv[n++] = (char *)"run";
	argv[n++] = (char *)"--host=native";
	argv[n++] = (char *)"--lab-host";
	argv[n++] = (char *)job->spec;
	argv[n++] = (char *)"-p";
	argv[n++] = (char *)profile_names[job->opts->profile];
	argv[n++] = (char *)"-o";
	argv[n++] = (char *)PVTB_LAB_RESULT_DIR;
	argv[n++] = (char *)"--no-plots";
	if (boot->role != LINK_NONE) {
		argv[n++] = (char *)"--link";
		argv[n++] = (char *)link_names[boot->role];
	}
	if (job->opts->no_trace)
		argv[n++] = (char *)"--no-trace";
	if (job->opts->slew)
		argv[n++] = (char *)"--slew";
	if (job->opts->verbose)
		argv[n++] = (char *)"-v";
	if (job->opts->break_program) {
		argv[n++] = (char *)"--break-program";
		argv[n++] = (char *)job->opts->break_program;
	}
	argv[n++] = (char *)"--";
	for (size_t i = 0; i < job->nr_filters; i++)
		argv[n++] = job->filters[i];
	return argv;
}

/* Boot it; what it leaves in its directory is a result of its own. */
static int boot_lab(struct lab_boot *boot)
{
	struct host_job *job = boot->job;
	struct pvtb_lab_spec spec;
	struct pvtb_lab_hooks hooks = {
		.ctx = boot,
		.line = forward_line,
		.interrupted = ask_interrupted,
		.guardian = job->guardian,
		.timeout_s = (unsigned int)job->opts->timeout_s,
		.link_fd = boot->link_fd,
	};
	struct pvtb_err said;
	char **argv PVTB_FREE = inside_argv(boot);
	int status, ret = pvtb_lab_spec_parse(boot->spec, &spec, &boot->err);

	if (!ret && job->opts->kernel)
		ret = pvtb_lab_spec_set_kernel(&spec, job->opts->kernel, &boot->err);
	if (ret)
		return ret;
	if (!argv)
		return pvtb_err_sys(&boot->err, -ENOMEM, "%s", boot->spec);
	if (mkdir(boot->dir, 0755))
		return pvtb_err_sys(&boot->err, -errno, "%s", boot->dir);
	ret = pvtb_lab_run(&spec, argv, boot->dir, &hooks, &status, &boot->err);
	if (ret)
		return ret;
	if (status != PVTB_EXIT_OK && status != PVTB_EXIT_FAILED && status != PVTB_EXIT_SKIPPED)
		return refused_inside(boot, status);
	said = boot->err;
	ret = pvtb_result_load(boot->dir, &boot->result, &boot->err);
	if (ret == -ENOENT) {
		boot->err = said;
		return refused_inside(boot, status);
	}
	return ret;
}

static void *boot_thread(void *arg)
{
	struct lab_boot *boot = arg;

	boot->ret = boot_lab(boot);
	if (boot->ret && boot->gone)
		atomic_store(boot->gone, true);
	return NULL;
}

static int keep_kernel_log(struct host_job *job, const char *boot_dir, const char *name)
{
	char from[640], to[640];

	snprintf(from, sizeof(from), "%s/kernel.log", boot_dir);
	snprintf(to, sizeof(to), "%s/%s", job->dir, name);
	if (rename(from, to) && errno != ENOENT)
		return pvtb_err_sys(&job->err, -errno, "%s", from);
	return 0;
}

static int keep_files(struct host_job *job, const struct lab_boot *boot, const char *log_name)
{
	char inner_dir[640];
	int ret = keep_kernel_log(job, boot->dir, log_name);

	snprintf(inner_dir, sizeof(inner_dir), "%s/" INNER_PREFIX, boot->dir);
	return ret ? ret : pvtb_dir_move_contents(inner_dir, job->dir, boot->dir, &job->err);
}

/* Take over what the lab left. */
static int keep_result(struct host_job *job, struct lab_boot *boot)
{
	int ret = pvtb_result_take_hosts(job->result, boot->result);

	if (ret)
		return pvtb_err_sys(&job->err, ret, "%s", job->spec);
	return keep_files(job, boot, "kernel.log");
}

static int lab_job(struct host_job *job)
{
	struct lab_boot boot = {.job = job, .spec = job->spec};
	int ret;

	snprintf(boot.dir, sizeof(boot.dir), "%s/.boot", job->dir);
	ret = boot_lab(&boot);
	if (ret)
		job->err = boot.err;
	else
		ret = keep_result(job, &boot);
	pvtb_result_free(boot.result);
	return ret;
}

/* The target's part of the result: what kind of host it was. */
static int add_target(struct host_job *job, struct lab_boot *target)
{
	struct pvtb_host_result *h = &job->result->hosts[job->result->nr_hosts - 1];
	json_t *env = target->result->nr_hosts ? target->result->hosts[0].environment : NULL;

	if (env && json_object_set(h->environment, "target", env))
		return pvtb_err_sys(&job->err, -ENOMEM, "%s", job->spec);
	return keep_files(job, target, "kernel-target.log");
}

static int two_labs(struct host_job *job, struct lab_boot *boots)
{
	pthread_t second;
	int ret = -pthread_create(&second, NULL, boot_thread, &boots[1]);

	if (ret)
		return pvtb_err_sys(&job->err, ret, "%s", job->spec);
	boot_thread(&boots[0]);
	pthread_join(second, NULL);
	/* Whoever was only told to stop has nothing to say. */
	for (size_t i = 0; i < 2; i++) {
		if (!boots[i].ret || (ret && boots[i].ret == -EINTR))
			continue;
		if (!ret || ret == -EINTR)
			job->err = boots[i].err;
		ret = !ret || ret == -EINTR ? boots[i].ret : ret;
	}
	return ret;
}

/* "A+B": two labs joined by a link; the first one's result is the pair's. */
static int pair_job(struct host_job *job)
{
	const char *second = pvtb_host_second(job->spec);
	char *first PVTB_FREE = strndup(job->spec, (size_t)(second - job->spec) - 1);
	atomic_bool gone = false;
	struct lab_boot boots[2] = {
		{.job = job, .spec = first, .role = LINK_SOURCE, .gone = &gone},
		{.job = job, .spec = second, .role = LINK_TARGET, .gone = &gone},
	};
	int link[2], ret;

	if (!first)
		return pvtb_err_sys(&job->err, -ENOMEM, "%s", job->spec);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link))
		return pvtb_err_sys(&job->err, -errno, "link");
	for (size_t i = 0; i < 2; i++) {
		boots[i].link_fd = link[i];
		snprintf(boots[i].dir, sizeof(boots[i].dir), "%s/.boot-%s", job->dir,
			 link_names[boots[i].role]);
	}
	ret = two_labs(job, boots);
	if (!ret)
		ret = keep_result(job, &boots[0]);
	if (!ret)
		ret = add_target(job, &boots[1]);
	for (size_t i = 0; i < 2; i++) {
		pvtb_result_free(boots[i].result);
		close(link[i]);
	}
	return ret;
}

static bool has_variant(const struct pvtb_bench_result *b, const char *name)
{
	for (size_t v = 0; v < b->nr_variants; v++)
		if (!strcmp(b->variants[v].name, name))
			return true;
	return false;
}

/* Is there a variant of this name (NULL: any) for the architecture of the host? Other hosts may have it. */
static bool exists_on(const char *arch_name, const char *bench, const char *variant)
{
	enum pvtb_arch arch = !strcmp(arch_name, "arm64") ? PVTB_ARCH_ARM64 : PVTB_ARCH_X86_64;
	const struct pvtb_bench *b = pvtb_bench_find(bench);
	size_t nr = 0;
	const struct pvtb_variant *all = b ? pvtb_bench_variants(b, &nr) : NULL;

	for (size_t i = 0; i < nr; i++)
		if ((all[i].archs & arch) && (!variant || !strcmp(all[i].name, variant)))
			return true;
	return false;
}

static int check_filter(const struct host_job *job, const struct pvtb_host_result *h,
			const char *filter, struct pvtb_err *err)
{
	size_t len = strcspn(filter, ".");
	const char *variant = filter[len] ? filter + len + 1 : NULL;
	char *bench PVTB_FREE = strndup(filter, len);

	if (!bench)
		return pvtb_err_sys(err, -ENOMEM, "%s", job->spec);
	for (size_t b = 0; b < h->nr_benches; b++)
		if (!strcmp(h->benches[b].name, bench) &&
		    (!variant || has_variant(&h->benches[b], variant)))
			return 0;
	if (!exists_on(h->arch, bench, variant))
		return 0;
	pvtb_err_set(err, -EPROTO, job->spec, "%s was asked for and is not in the result", filter);
	return pvtb_err_hint(err, "measure it alone: pvtb run -H %s %s", job->spec, filter);
}

/* One host, with all that was asked of it, measured or skipped with a reason: what is in a lab may be any
 * program, and a run that measured less must not look like one that measured all. */
static int check_answer(const struct host_job *job, struct pvtb_err *err)
{
	const struct pvtb_result *r = job->result;
	int ret = 0;

	if (r->nr_hosts != 1) {
		pvtb_err_set(err, -EPROTO, job->spec, "left a result of %zu hosts, not of one",
			     r->nr_hosts);
		return pvtb_err_hint(err, "is the program in the lab another version of pvtb?");
	}
	/* the second of two hosts serves the first and measures nothing */
	for (size_t i = 0; i < job->nr_filters && job->opts->link != LINK_TARGET && !ret; i++)
		ret = check_filter(job, &r->hosts[0], job->filters[i], err);
	return ret;
}

static void *host_thread(void *arg)
{
	struct host_job *job = arg;

	if (strncmp(job->spec, "lab:", 4))
		job->ret = native_job(job);
	else
		job->ret = pvtb_host_second(job->spec) ? pair_job(job) : lab_job(job);
	if (!job->ret)
		job->ret = check_answer(job, &job->err);
	return NULL;
}

/* CPUs of this machine that measuring a host keeps busy: an emulator runs its lab's CPUs by turns, in one
 * thread, and so a lab is measured as well beside another one as alone. This host wants no company. */
static size_t cpus_of(const char *spec, size_t all)
{
	if (strncmp(spec, "lab:", 4))
		return all;
	return pvtb_host_second(spec) ? 2 : 1;
}

/* Jobs from the first of @n on that find room on @cpus together; one at least. */
static size_t batch_of(const struct host_job *jobs, size_t n, size_t cpus)
{
	size_t used = cpus_of(jobs[0].spec, cpus), batch = 1;

	while (batch < n && batch < MAX_BATCH) {
		used += cpus_of(jobs[batch].spec, cpus);
		if (used > cpus)
			break;
		batch++;
	}
	return batch;
}

/* In the order given, as many at once as there is room for. Returns 1 + the first that failed, or 0. */
static size_t run_hosts(struct host_job *jobs, size_t n)
{
	size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN), batch;

	for (size_t i = 0; i < n && !pvtb_interrupted(); i += batch) {
		pthread_t t[MAX_BATCH];
		size_t started = 0;

		batch = batch_of(&jobs[i], n - i, cpus);
		/* The last of them on this thread. */
		while (started + 1 < batch &&
		       !pthread_create(&t[started], NULL, host_thread, &jobs[i + started]))
			started++;
		for (size_t k = started; k < batch; k++)
			host_thread(&jobs[i + k]);
		for (size_t k = 0; k < started; k++)
			pthread_join(t[k], NULL);
		for (size_t k = 0; k < batch; k++)
			if (jobs[i + k].ret)
				return i + k + 1;
	}
	return 0;
}

static int exit_status(const struct pvtb_result *r)
{
	size_t failed = 0, measured = 0;

	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			for (size_t v = 0; v < r->hosts[h].benches[b].nr_variants; v++) {
				enum pvtb_status s = r->hosts[h].benches[b].variants[v].status;

				failed += s == PVTB_FAIL || s == PVTB_INVALID;
				measured += s != PVTB_SKIP;
			}
	if (failed)
		return PVTB_EXIT_FAILED;
	return measured ? PVTB_EXIT_OK : PVTB_EXIT_SKIPPED;
}

/* The registers of guests that crashed or did not come back; those of lab hosts came with their results. */
static void print_faults(const struct pvtb_result *r)
{
	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++) {
			const struct pvtb_bench_result *bench = &r->hosts[h].benches[b];

			for (size_t v = 0; v < bench->nr_variants; v++) {
				const json_t *line,
					*fault =
						json_object_get(bench->variants[v].detail, "fault");
				size_t i;

				if (fault)
					fprintf(stderr, "%s: %s.%s: registers of the guest\n",
						r->hosts[h].host, bench->name,
						bench->variants[v].name);
				json_array_foreach (fault, i, line)
					fprintf(stderr, "  %s\n", json_string_value(line));
			}
		}
}

/* report.txt and cover-letter.txt beside result.json. */
static int write_reports(const struct pvtb_result *r, const char *dir, struct pvtb_err *err)
{
	const struct {
		const char *file;
		enum pvtb_report_format format;
	} out[] = {
		{"report.txt", PVTB_REPORT_TEXT},
		{"cover-letter.txt", PVTB_REPORT_COVER_LETTER},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(out); i++) {
		char path[600];
		FILE *f;
		int ret;

		snprintf(path, sizeof(path), "%s/%s", dir, out[i].file);
		f = fopen(path, "we");
		if (!f)
			return pvtb_err_sys(err, -errno, "%s", path);
		ret = pvtb_report_write(r, out[i].format, f, err);
		if (fclose(f) && !ret)
			ret = pvtb_err_sys(err, -errno, "%s", path);
		if (ret)
			return ret;
	}
	return 0;
}

static int prepare_jobs(struct host_job *jobs, const struct pvtb_strv *specs,
			const struct run_opts *o, int argc, char **argv, const char *dir,
			struct pvtb_progress *progress, struct pvtb_guardian *guardian,
			struct pvtb_err *err)
{
	for (size_t i = 0; i < specs->nr; i++) {
		struct host_job *j = &jobs[i];

		j->opts = o;
		j->filters = argv;
		j->nr_filters = (size_t)argc;
		j->spec = specs->v[i];
		j->progress = progress;
		j->guardian = guardian;
		make_slug(j->spec, j->slug, sizeof(j->slug));
		snprintf(j->dir, sizeof(j->dir), "%s/%s", dir, j->slug);
		if (mkdir(j->dir, 0755))
			return pvtb_err_sys(err, -errno, "%s", j->dir);
		j->result = pvtb_result_new("", profile_names[o->profile]);
		if (!j->result)
			return pvtb_err_sys(err, -ENOMEM, "result");
	}
	return 0;
}

static int collect(struct pvtb_result *r, struct host_job *jobs, size_t n, struct pvtb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int ret = pvtb_result_take_hosts(r, jobs[i].result);

		if (!ret)
			ret = prefix_files(&r->hosts[r->nr_hosts - 1], jobs[i].slug);
		if (ret)
			return pvtb_err_sys(err, ret, "result");
	}
	return 0;
}

/* What was measured, and where it is, to the user. */
static int show(const struct pvtb_result *r, const char *dir, struct pvtb_err *err)
{
	char plots[640];
	int ret;

	print_faults(r);
	snprintf(plots, sizeof(plots), "%s/plots", dir);
	ret = pvtb_report_write(r, PVTB_REPORT_TEXT, stdout, err);
	if (!ret && (printf("%s/   report.txt  cover-letter.txt  result.json%s\n", dir,
			    access(plots, F_OK) ? "" : "  plots/") < 0 ||
		     fflush(stdout)))
		ret = -errno;
	if (!ret)
		return 0;
	pvtb_err_sys(err, ret, "standard output");
	return pvtb_err_hint(err, "the result itself is whole: %s", dir);
}

static int measure_all(const struct pvtb_command *cmd, struct run_opts *o, int argc, char **argv,
		       const struct pvtb_strv *specs, struct pvtb_err *err)
{
	struct pvtb_progress *progress =
		pvtb_progress_new(o->lab_host ? PVTB_PROGRESS_LINES : PVTB_PROGRESS_AUTO, 2);
	struct host_job *jobs = calloc(specs->nr, sizeof(*jobs));
	char *line PVTB_FREE = pvtb_cmd_line(cmd, o, argc, argv);
	struct pvtb_result *r =
		pvtb_result_new(line ? line : "pvtb run", profile_names[o->profile]);
	struct pvtb_guardian *guardian = NULL;
	struct pvtb_dir *dir = NULL;
	size_t failed;
	int ret = jobs && r ? 0 : pvtb_err_sys(err, -ENOMEM, "run");

	if (!ret)
		ret = pvtb_guardian_start(&guardian, err);
	if (!ret)
		ret = pvtb_dir_new(o->out, &dir, err);
	/* under another name by then, or gone, when all went well */
	if (!ret)
		ret = pvtb_dir_guard(dir, guardian, err);
	if (!ret)
		ret = prepare_jobs(jobs, specs, o, argc, argv, pvtb_dir_path(dir), progress,
				   guardian, err);
	if (!ret) {
		failed = run_hosts(jobs, specs->nr);
		if (failed) {
			*err = jobs[failed - 1].err;
			ret = jobs[failed - 1].ret;
		} else {
			ret = pvtb_check_interrupted(err);
		}
	}
	if (!ret)
		ret = collect(r, jobs, specs->nr, err);
	if (!ret)
		ret = pvtb_result_save(r, pvtb_dir_path(dir), err);
	if (!ret)
		ret = write_reports(r, pvtb_dir_path(dir), err);
	if (!ret && !o->no_plots) {
		pvtb_progress_update(progress, "plots");
		/* figures are an extra: without gnuplot the result is still whole */
		if (pvtb_figures_draw(r, pvtb_dir_path(dir), guardian, err) &&
		    !pvtb_interrupted()) {
			pvtb_progress_clear(progress);
			pvtb_cmd_error(err);
		}
	}
	pvtb_progress_free(progress);
	if (!ret)
		ret = pvtb_check_interrupted(err);
	if (!ret)
		ret = pvtb_dir_commit(dir, r, err);
	if (!ret) {
		if (!o->lab_host)
			ret = show(r, pvtb_dir_path(dir), err);
	} else {
		pvtb_dir_discard(dir);
		/* whatever the interruption made fail first is not the reason */
		if (pvtb_check_interrupted(err))
			ret = -EINTR;
	}
	if (!ret)
		ret = exit_status(r);
	pvtb_dir_free(dir);
	if (guardian)
		pvtb_guardian_stop(guardian);
	for (size_t i = 0; jobs && i < specs->nr; i++)
		pvtb_result_free(jobs[i].result);
	free(jobs);
	pvtb_result_free(r);
	return ret;
}

static int check_lab(const char *text, const struct run_opts *o, struct pvtb_lab_spec *spec,
		     struct pvtb_err *err)
{
	int ret = pvtb_lab_spec_parse(text, spec, err);

	if (!ret && o->kernel)
		ret = pvtb_lab_spec_set_kernel(spec, o->kernel, err);
	return ret ?: pvtb_lab_check(spec, err);
}

/* Two labs, joined: of one architecture, with real time in both, and a benchmark that wants two. */
static int check_pair(const char *text, const struct run_opts *o, char *const *filters, size_t nr,
		      struct pvtb_err *err)
{
	struct pvtb_lab_spec *specs PVTB_FREE = calloc(2, sizeof(*specs));
	const char *second = pvtb_host_second(text);
	char *first PVTB_FREE = strndup(text, (size_t)(second - text) - 1);
	int ret;

	if (!specs || !first)
		return pvtb_err_sys(err, -ENOMEM, "%s", text);
	ret = check_lab(first, o, &specs[0], err);
	ret = ret ?: check_lab(second, o, &specs[1], err);
	if (ret)
		return ret;
	if (specs[0].arch != specs[1].arch)
		return pvtb_err_set(err, -EINVAL, text,
				    "a guest of one architecture cannot go on in the other");
	if (specs[0].deterministic || specs[1].deterministic) {
		pvtb_err_set(err, -EINVAL, text,
			     "hosts that count instructions have no time in common");
		return pvtb_err_hint(err, "without deterministic");
	}
	for (size_t i = 0; i < nr; i++) {
		char name[64];
		const struct pvtb_bench *b;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(filters[i], "."), filters[i]);
		b = pvtb_bench_find(name);
		if (b && b->linked)
			continue;
		pvtb_err_set(err, -EINVAL, text, "%s does not support two joined hosts", name);
		return pvtb_err_hint(err, "pvtb run -H %s migration", text);
	}
	if (nr)
		return 0;
	pvtb_err_set(err, -EINVAL, text, "nothing asked for knows what to do with two hosts");
	return pvtb_err_hint(err, "pvtb run -H %s migration", text);
}

static const char *arch_of(const char *spec)
{
	if (strncmp(spec, "lab:", 4))
		return pvtb_arch_name();
	return strncmp(spec, "lab:arm64", 9) ? "x86_64" : "arm64";
}

/* A variant of another architecture than all hosts' cannot be measured: alone it is skipped, beside others
 * its absence would not be seen. A lab is asked for what other hosts have, too. */
static int check_archs(const struct pvtb_strv *specs, char *const *filters, size_t nr,
		       struct pvtb_err *err)
{
	const char *missing = NULL;
	bool any = false;

	for (size_t i = 0; i < nr; i++) {
		const char *dot = strchr(filters[i], '.');
		char *bench PVTB_FREE = strndup(filters[i], strcspn(filters[i], "."));
		bool there = false;

		if (!bench)
			return pvtb_err_sys(err, -ENOMEM, "hosts");
		for (size_t s = 0; s < specs->nr && !there; s++)
			there = exists_on(arch_of(specs->v[s]), bench, dot ? dot + 1 : NULL);
		any |= there;
		if (!there && !missing)
			missing = filters[i];
	}
	if (!any || !missing)
		return 0;
	pvtb_err_set(err, -EINVAL, missing, "none of the hosts has the architecture it is for");
	return pvtb_err_hint(err, "leave it out, or name a host that has it: -H lab:arm64 or "
				  "-H lab:x86_64");
}

/* What is wrong with the third host should be said before the first has been measured. */
static int check_hosts(const struct pvtb_strv *specs, const struct run_opts *o,
		       char *const *filters, size_t nr_filters, struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	size_t labs = 0;
	int ret = spec ? 0 : pvtb_err_sys(err, -ENOMEM, "hosts");

	for (size_t i = 0; i < specs->nr && !ret; i++) {
		if (!pvtb_lab_is_spec(specs->v[i]))
			continue;
		labs++;
		if (pvtb_host_second(specs->v[i]))
			ret = check_pair(specs->v[i], o, filters, nr_filters, err);
		else
			ret = check_lab(specs->v[i], o, spec, err);
	}
	if (!ret && o->kernel && !labs) {
		pvtb_err_set(err, -EINVAL, "--kernel", "none of the hosts boots a kernel: %s",
			     specs->v[0]);
		ret = pvtb_err_hint(err, "name a lab host: -H lab:arm64 or -H lab:x86_64");
	}
	return ret;
}

static int add_once(struct pvtb_strv *list, const char *s)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->v[i], s))
			return 0;
	return pvtb_strv_add(list, s);
}

/* Without -H, where this machine's KVM is not what is measured, a benchmark that was asked for by name
 * may have labs of its own. *ret: empty, or what to run on. */
static int labs_of(char *const *filters, size_t nr, struct pvtb_strv *ret)
{
	int r = 0;

	for (size_t i = 0; i < nr; i++) {
		char name[64];
		const struct pvtb_bench *b;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(filters[i], "."), filters[i]);
		b = pvtb_bench_find(name);
		if (!b || !b->labs) {
			r = r ?: add_once(ret, "auto");
			continue;
		}
		for (size_t k = 0; !r && b->labs[k]; k++)
			r = add_once(ret, b->labs[k]);
	}
	return r;
}

static int default_hosts(struct run_opts *o, char *const *filters, size_t nr, struct pvtb_err *err)
{
	struct pvtb_strv labs = {0};
	struct pvtb_host_kvm kvm;
	int ret = o->hosts.nr ? 0 : labs_of(filters, nr, &labs);

	if (!ret && labs.nr && !(labs.nr == 1 && !strcmp(labs.v[0], "auto"))) {
		pvtb_host_kvm(&kvm);
		if (kvm.state != PVTB_KVM_WORKS) {
			/* freed with the other options */
			o->hosts = labs;
			return 0;
		}
	}
	free(labs.v);
	return ret ? pvtb_err_sys(err, ret, "hosts") : 0;
}

static int cmd_run(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct run_opts *o = opts;
	struct pvtb_strv specs = {0};
	struct pvtb_err err = {0};
	char why[1024] = "";
	int ret = pvtb_filters_check(argv, (size_t)argc, &err);

	if (!ret)
		ret = pvtb_trace_break(o->break_program, &err);
	if (o->verbose)
		pvtb_trace_verbose(print_verifier);
	if (!ret)
		ret = pvtb_signals_install(&err);
	if (!ret)
		ret = default_hosts(o, argv, (size_t)argc, &err);
	if (!ret)
		ret = pvtb_host_expand(&o->hosts, &specs, why, sizeof(why), &err);
	if (!ret && why[0]) {
		printf("%s\n", why);
		fflush(stdout);
	}
	if (!ret)
		ret = check_hosts(&specs, o, argv, (size_t)argc, &err);
	if (!ret && !o->lab_host)
		ret = check_archs(&specs, argv, (size_t)argc, &err);
	if (!ret)
		ret = measure_all(cmd, o, argc, argv, &specs, &err);
	free(specs.v);
	return ret < 0 ? pvtb_cmd_fail(&err) : ret;
}

static const struct pvtb_command run_command = {
	.name = "run",
	.summary = "measure, on this machine's KVM or on an emulated KVM host",
	.usage = "[-H HOST]... [-p quick|standard|long|brief] [-o DIR] [BENCH[.VARIANT]...]",
	.description =
		"Without BENCH everything is measured. Exit status: 0 every law held, 1 a law broke or\n"
		"a guest crashed, 2 could not run, 4 nothing asked for can be measured here,\n"
		"130 interrupted (the partial result is discarded).",
	.options = run_options,
	.opts_size = sizeof(struct run_opts),
	.defaults = &run_defaults,
	.max_operands = -1,
	.complete = "bench",
	.run = cmd_run,
};
PVTB_COMMAND(run_command);
