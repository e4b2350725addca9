// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb stress: random hypercalls against KVM until one answer is wrong. Owns hosts, output and exit
 * status; drawing, judging and shortening are bench/stress/'s. In the lab unless the risk is asked for:
 * what it finds takes the host's kernel down.
 */
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "arch/counter.h"
#include "bench/stress/stress.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/inlab.h"
#include "core/parse.h"
#include "core/progress.h"
#include "core/signals.h"
#include "lab/lab.h"

#define REPLAY_FILE	"replay-%zu.jsonl"
#define MUTANT_EVERY	1000000
#define SECONDS_DEFAULT 10
#define VCPUS_DEFAULT	4
#define LAB_REPLAY	"replay.jsonl"

struct stress_opts {
	struct pvtb_strv hosts;
	const char *out;
	const char *kernel;
	u64 timeout_s;
	u64 seconds, ops, vcpus, repeat, minimise_s, mutant_every;
	const char *seed;
	const char *actions;
	const char *mutant;
	const char *replay;
	bool scaling, native_risk, no_trace, list;
	const char *lab_host; /* set inside a lab guest */
};

static const struct stress_opts stress_defaults = {
	.actions = "all",
	.repeat = 5,
	.minimise_s = 60,
	.mutant_every = MUTANT_EVERY,
};

static const struct pvtb_opt stress_options[] = {
	PVTB_OPT_LIST(
		'H', "host", struct stress_opts, hosts, "HOST",
		"lab:arm64[,...], lab:x86_64[,...] or native; repeatable (default both labs)"),
	PVTB_OPT_STRING('o', "output", struct stress_opts, out, "DIR",
			"result directory (default results/<time>-stress)",
			.flags = PVTB_OPT_NO_ECHO),
	PVTB_OPT_STRING('k', "kernel", struct stress_opts, kernel, "FILE",
			"boot the lab hosts with this kernel instead of the distribution's"),
	PVTB_OPT_U64('t', "timeout", struct stress_opts, timeout_s, "SECONDS", 0, 604800,
		     "give up on a lab host after that long (default: chosen from --seconds)"),
	PVTB_OPT_U64(0, "seconds", struct stress_opts, seconds, "N", 0, 604800,
		     "run that long (default 10, unless --ops is given)"),
	PVTB_OPT_U64(0, "ops", struct stress_opts, ops, "N", 0, 1000000000000ULL,
		     "or that many operations in all"),
	PVTB_OPT_STRING(0, "seed", struct stress_opts, seed, "S",
			"the same seed, the same streams (default: drawn and told)"),
	PVTB_OPT_U64('n', "vcpus", struct stress_opts, vcpus, "N", 0, PVTB_MAX_VCPUS,
		     "vCPUs, more than there are CPUs too (default 4; of a replay, its own)"),
	PVTB_OPT_STRING(0, "actions", struct stress_opts, actions, "LIST",
			"what the host does meanwhile: all, none, or names (offset,slots,...)"),
	PVTB_OPT_FLAG(0, "scaling", struct stress_opts, scaling,
		      "1, 2, 4 ... up to --vcpus (default 64) vCPUs, --seconds each"),
	PVTB_OPT_STRING('r', "replay", struct stress_opts, replay, "FILE",
			"run a recorded stream instead of random ones"),
	PVTB_OPT_U64(0, "repeat", struct stress_opts, repeat, "N", 1, 1000000,
		     "a replay is tried that often before it is held to be clean"),
	PVTB_OPT_U64(0, "minimise", struct stress_opts, minimise_s, "SECONDS", 0, 86400,
		     "how long to look for the shortest stream that violates; 0: not at all"),
	PVTB_OPT_STRING(
		0, "mutant", struct stress_opts, mutant, "NAME",
		"a wrong answer once in a while, which has to be found (--list names them)"),
	PVTB_OPT_U64(0, "mutant-every", struct stress_opts, mutant_every, "N", 1, 1000000000000ULL,
		     "one wrong answer in so many operations, on the average"),
	PVTB_OPT_FLAG('l', "list", struct stress_opts, list, "operations and mutants; run nothing"),
	PVTB_OPT_FLAG(0, "no-trace", struct stress_opts, no_trace, "do not count exits by eBPF"),
	PVTB_OPT_FLAG(0, "native-risk", struct stress_opts, native_risk,
		      "allow -H native: a bug that is found there may take this machine down"),
	PVTB_OPT_STRING(0, "lab-host", struct stress_opts, lab_host, "HOST",
			"inside a lab guest: the host as it was asked for",
			.flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_END,
};

struct stress_run {
	const struct stress_opts *opts;
	u64 seed;
	struct st_armed armed;
	u32 actions;
	struct st_record record; /* of --replay */
	bool replays;
	char input[560]; /* what labs are given */
	const char *spec;
	struct pvtb_inlab lab;
	struct pvtb_progress *progress;
	bool began; /* operations are run, as far as is known */
	bool failed;
};

/* ---- on this machine ---- */

static struct st_opts options_of(const struct stress_run *run, unsigned int vcpus)
{
	const struct stress_opts *o = run->opts;

	return (struct st_opts){
		.seed = run->seed,
		.seconds = o->seconds,
		.ops = o->ops,
		.vcpus = vcpus,
		.actions = run->actions,
		.no_trace = o->no_trace,
		.emulated = o->lab_host != NULL,
		.armed = run->armed,
		.minimise_s = (unsigned int)o->minimise_s,
		.replay = run->replays ? &run->record.stream : NULL,
		.repeat = (unsigned int)o->repeat,
		.variant = run->record.variant,
		.progress = run->progress,
	};
}

/* One run; its JSON, to be freed. NULL after a failure. */
static json_t *run_one(struct stress_run *run, unsigned int vcpus, struct pvtb_err *err)
{
	struct st_opts o = options_of(run, vcpus);
	struct st_result *r = calloc(1, sizeof(*r));
	json_t *host = NULL;
	int ret = r ? st_run(&o, r, err) : pvtb_err_sys(err, -ENOMEM, "stress");

	if (!ret) {
		host = st_json(&o, r);
		if (!host)
			pvtb_err_sys(err, -ENOMEM, "stress");
		run->failed |= r->bad.found;
	}
	if (r)
		st_result_free(r);
	free(r);
	return host;
}

static unsigned int vcpus_of(const struct stress_run *run)
{
	if (run->replays)
		return run->record.vcpus;
	if (run->opts->vcpus)
		return (unsigned int)run->opts->vcpus;
	return run->opts->scaling ? PVTB_MAX_VCPUS : VCPUS_DEFAULT;
}

/* 1, 2, 4 ... vCPUs, until one of them finds something. The last run's JSON, with all rates in it. */
static json_t *run_scaling(struct stress_run *run, unsigned int most, struct pvtb_err *err)
{
	/* Not in the table: the first run of all is slow, as an emulator translates and a host faults
	 * its pages in. */
	json_t *scaling = json_array(), *host = run_one(run, 1, err);

	for (unsigned int n = 1; host && !run->failed; n = 2 * n > most ? most : 2 * n) {
		json_decref(host);
		host = run_one(run, n, err);
		if (host)
			json_array_append_new(
				scaling, json_pack("{s:i, s:O, s:O, s:O}", "vcpus", (int)n, "ops",
						   json_object_get(host, "ops"), "wall_ns",
						   json_object_get(host, "wall_ns"), "latency",
						   json_object_get(host, "latency")));
		if (n == most)
			break;
	}
	if (host)
		json_object_set(host, "scaling", scaling);
	json_decref(scaling);
	return host;
}

static int run_native(struct stress_run *run, struct pvtb_err *err)
{
	unsigned int vcpus = vcpus_of(run);
	json_t *host;

	run->began = true;
	host = run->opts->scaling ? run_scaling(run, vcpus, err) : run_one(run, vcpus, err);
	return host ? pvtb_inlab_add(&run->lab, run->spec, host, err) : err->code;
}

/* ---- in a lab ---- */

static void show_line(void *ctx, const char *line)
{
	struct stress_run *run = ctx;

	run->began |= strstr(line, "stress: ") != NULL;
	pvtb_progress_update(run->progress, "%s: %s", run->spec, line);
}

struct words {
	struct pvtb_strv v;
	char numbers[8][24];
	size_t nr_numbers;
	int ret;
};

static void word(struct words *w, const char *s)
{
	w->ret = w->ret ?: pvtb_strv_add(&w->v, s);
}

static void number(struct words *w, const char *option, u64 value)
{
	char *text = w->numbers[w->nr_numbers++];

	snprintf(text, sizeof(w->numbers[0]), "%llu", (unsigned long long)value);
	word(w, option);
	word(w, text);
}

static void lab_words(const struct stress_run *run, struct words *w)
{
	const struct stress_opts *o = run->opts;

	number(w, "--seconds", o->seconds);
	number(w, "--ops", o->ops);
	number(w, "--seed", run->seed);
	number(w, "--vcpus", o->vcpus);
	number(w, "--repeat", o->repeat);
	number(w, "--minimise", o->minimise_s);
	number(w, "--mutant-every", run->armed.every);
	word(w, "--actions");
	word(w, o->actions);
	if (o->mutant) {
		word(w, "--mutant");
		word(w, o->mutant);
	}
	if (o->scaling)
		word(w, "--scaling");
	if (o->no_trace)
		word(w, "--no-trace");
	if (run->replays) {
		word(w, "--replay");
		word(w, PVTB_LAB_INPUT_DIR "/" LAB_REPLAY);
	}
}

/* The host died of it: that is a violation too, of which nothing is known but how to have it again. */
static int host_died(struct stress_run *run, const struct pvtb_err *err)
{
	json_t *host = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:i, s:{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:[]}}",
		"host", run->spec, "arch", "", "kernel", "", "backend", "", "seed",
		json_sprintf("%#llx", (unsigned long long)run->seed), "vcpus", (int)vcpus_of(run),
		"violation", "rule", "host-died", "text", err->why, "op", "", "vcpu", 0, "index", 0,
		"shortest", 0, "runs", 0, "replay");

	run->failed = true;
	return json_array_append_new(run->lab.hosts, host) ? -ENOMEM : 0;
}

static int run_lab(struct stress_run *run, struct pvtb_err *err)
{
	struct words w = {0};
	int ret;

	lab_words(run, &w);
	run->began = false;
	ret = w.ret ? pvtb_err_sys(err, w.ret, "%s", run->spec)
		    : pvtb_inlab_run(&run->lab, run->spec, &w.v, err);
	free(w.v.v);
	if (run->began && (ret == -EIO || ret == -ETIMEDOUT))
		return host_died(run, err);
	if (ret < 0)
		return ret;
	if (run->lab.complaint[0])
		fprintf(stderr, "pvtb: %s: the host's kernel complained: %s\n", run->spec,
			run->lab.complaint);
	run->failed |= ret == PVTB_EXIT_FAILED;
	return 0;
}

/* ---- all hosts ---- */

static int save_replay(const struct stress_run *run, size_t index, struct pvtb_err *err)
{
	const json_t *host = json_array_get(run->lab.hosts, index), *line;
	const json_t *lines = json_object_get(json_object_get(host, "violation"), "replay");
	char path[640];
	size_t i;
	FILE *f;

	if (!json_array_size(lines))
		return 0;
	snprintf(path, sizeof(path), "%s/" REPLAY_FILE, pvtb_dir_path(run->lab.dir), index);
	f = fopen(path, "we");
	if (!f)
		return pvtb_err_sys(err, -errno, "%s", path);
	json_array_foreach (lines, i, line)
		fprintf(f, "%s\n", json_string_value(line));
	return fclose(f) ? pvtb_err_sys(err, -errno, "%s", path) : 0;
}

/* Beside the JSON: the same for people, and the streams to be run again. */
static int save(const struct stress_run *run, struct pvtb_err *err)
{
	FILE *f PVTB_FCLOSE = NULL;
	char path[640];
	int ret = 0;

	snprintf(path, sizeof(path), "%s/report.txt", pvtb_dir_path(run->lab.dir));
	f = fopen(path, "we");
	if (!f)
		return pvtb_err_sys(err, -errno, "%s", path);
	for (size_t i = 0; !ret && i < json_array_size(run->lab.hosts); i++) {
		st_show(json_array_get(run->lab.hosts, i), f);
		ret = save_replay(run, i, err);
	}
	return ret;
}

static void tell(const struct stress_run *run)
{
	const char *dir = pvtb_dir_path(run->lab.dir);

	for (size_t i = 0; i < json_array_size(run->lab.hosts); i++) {
		const json_t *host = json_array_get(run->lab.hosts, i);
		const json_t *v = json_object_get(host, "violation");

		st_show(host, stdout);
		if (json_array_size(json_object_get(v, "replay")))
			printf("  again: pvtb stress -H %s --replay %s/" REPLAY_FILE "\n",
			       json_string_value(json_object_get(host, "host")), dir, i);
		else if (v)
			printf("  again: pvtb stress -H %s --seed %s --vcpus %lld\n",
			       json_string_value(json_object_get(host, "host")),
			       json_string_value(json_object_get(host, "seed")),
			       (long long)json_integer_value(json_object_get(host, "vcpus")));
	}
	printf("%s/\n", dir);
}

static int run_hosts(struct stress_run *run, const struct pvtb_strv *specs, struct pvtb_err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < specs->nr; i++) {
		run->spec = run->opts->lab_host ? run->opts->lab_host : specs->v[i];
		ret = !run->opts->lab_host && pvtb_lab_is_spec(run->spec) ? run_lab(run, err)
									  : run_native(run, err);
	}
	return ret;
}

/* As many runs as there may be with --scaling, all of them on a slow machine. */
static u64 timeout_of(const struct stress_opts *o)
{
	if (o->timeout_s)
		return o->timeout_s;
	return 900 + o->minimise_s + (o->scaling ? 30 : 4) * o->seconds + o->ops / 1000;
}

/* A directory of its own: all of it goes into the labs. */
static int put_input(struct stress_run *run, struct pvtb_err *err)
{
	char path[600];

	if (!run->replays || run->opts->lab_host)
		return 0;
	snprintf(run->input, sizeof(run->input), "%s/input", pvtb_dir_path(run->lab.dir));
	snprintf(path, sizeof(path), "%s/" LAB_REPLAY, run->input);
	if (mkdir(run->input, 0755))
		return pvtb_err_sys(err, -errno, "%s", run->input);
	run->lab.input_dir = run->input;
	return st_record_save(&run->record, path, err);
}

static int run_all(const struct pvtb_command *cmd, struct stress_run *run,
		   const struct pvtb_strv *specs, struct pvtb_err *err)
{
	const struct stress_opts *o = run->opts;
	char *line PVTB_FREE = pvtb_cmd_line(cmd, o, 0, NULL);
	int ret;

	run->progress = pvtb_progress_new(o->lab_host ? PVTB_PROGRESS_LINES : PVTB_PROGRESS_AUTO,
					  STDERR_FILENO);
	run->lab = (struct pvtb_inlab){
		.name = cmd->name,
		.kernel = o->kernel,
		.timeout_s = timeout_of(o),
		.ctx = run,
		.line = show_line,
	};
	ret = pvtb_inlab_begin(&run->lab, o->out, err);
	if (!ret)
		ret = put_input(run, err);
	if (!ret)
		ret = run_hosts(run, specs, err);
	if (!ret)
		ret = save(run, err);
	if (!ret)
		ret = pvtb_inlab_commit(&run->lab, line ? line : "pvtb stress", err);
	pvtb_progress_free(run->progress);
	if (!ret && !o->lab_host)
		tell(run);
	/* Whatever ended it, the streams that led there can be had again. */
	if (ret && run->began && !err->hint[0])
		pvtb_err_hint(err, "the same streams: --seed %#llx --vcpus %u",
			      (unsigned long long)run->seed, vcpus_of(run));
	pvtb_inlab_end(&run->lab);
	return ret ? ret : run->failed ? PVTB_EXIT_FAILED : PVTB_EXIT_OK;
}

/* ---- what was asked for ---- */

/* Random streams run for ten seconds unless something else is said. */
static int limits(struct stress_opts *o, struct pvtb_err *err)
{
	if (!o->seconds && !o->ops)
		o->seconds = SECONDS_DEFAULT;
	if (o->scaling && (!o->seconds || o->replay))
		return pvtb_err_set(err, -EINVAL, "--scaling",
				    "needs --seconds, and random streams");
	return 0;
}

static int take_replay(struct stress_run *run, struct pvtb_err *err)
{
	const struct stress_opts *o = run->opts;
	int ret = 0;

	if (o->replay)
		ret = st_record_load(o->replay, &run->record, err);
	run->replays = !ret && run->record.stream.nr;
	if (!run->replays)
		return ret;
	/* As it was recorded: its seed, what the host did, its wrong answers. */
	run->seed = run->record.seed;
	run->actions = run->record.actions;
	if (run->record.mutant[0]) {
		ret = st_mutant_find(run->record.mutant, &run->armed, err);
		run->armed.every = run->record.mutant_every;
	}
	return ret;
}

static int take_options(struct stress_run *run, struct pvtb_err *err)
{
	const struct stress_opts *o = run->opts;
	int ret = st_actions_parse(o->actions, &run->actions, err);

	if (!ret && o->seed) {
		ret = pvtb_parse_u64(o->seed, 0, ~0ULL, &run->seed);
		if (ret)
			pvtb_parse_err(err, ret, "--seed", o->seed, 0, ~0ULL);
	} else if (!ret && getrandom(&run->seed, sizeof(run->seed), 0) != sizeof(run->seed)) {
		ret = pvtb_err_sys(err, -errno, "seed");
	}
	run->armed.every = o->mutant_every;
	if (!ret && o->mutant)
		ret = st_mutant_find(o->mutant, &run->armed, err);
	return ret ? ret : take_replay(run, err);
}

/* A stream is one architecture's. */
static int check_arch(const struct stress_run *run, const char *host, struct pvtb_err *err)
{
	struct pvtb_lab_spec *spec PVTB_FREE = calloc(1, sizeof(*spec));
	const char *arch = pvtb_arch_name();
	int ret = spec ? 0 : pvtb_err_sys(err, -ENOMEM, "%s", host);

	if (!ret && pvtb_lab_is_spec(host)) {
		ret = pvtb_lab_spec_parse(host, spec, err);
		arch = pvtb_lab_arch_name(spec->arch);
	}
	if (ret || !strcmp(arch, run->record.arch))
		return ret;
	pvtb_err_set(err, -EINVAL, run->opts->replay, "recorded on %s, and %s is %s",
		     run->record.arch, host, arch);
	return pvtb_err_hint(err, "-H lab:%s", run->record.arch);
}

/* Both labs, or a stream's, unless something is asked for; this machine only by two words. */
static int choose_hosts(const struct stress_run *run, struct pvtb_strv *specs, struct pvtb_err *err)
{
	static const char *const labs[] = {"lab:arm64", "lab:x86_64"};
	const struct stress_opts *o = run->opts;
	char why[1024];
	int ret = 0;

	for (size_t i = 0; !o->hosts.nr && i < PVTB_ARRAY_SIZE(labs); i++)
		if (!run->replays || !strcmp(labs[i] + strlen("lab:"), run->record.arch))
			ret = ret ?: pvtb_strv_add(specs, labs[i]);
	if (!o->hosts.nr)
		return ret ? pvtb_err_sys(err, ret, "hosts") : 0;
	ret = pvtb_host_expand(&o->hosts, specs, why, sizeof(why), err);
	for (size_t i = 0; !ret && !o->lab_host && !o->native_risk && i < specs->nr; i++)
		if (!pvtb_lab_is_spec(specs->v[i])) {
			pvtb_err_set(err, -EPERM, specs->v[i],
				     "a bug that is found here takes this machine down");
			return pvtb_err_hint(err, "-H lab:arm64 or -H lab:x86_64, or --native-risk "
						  "to do it all the same");
		}
	for (size_t i = 0; !ret && run->replays && i < specs->nr; i++)
		ret = check_arch(run, specs->v[i], err);
	return ret;
}

static int cmd_stress(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	struct stress_opts *o = opts;
	struct stress_run run = {.opts = o};
	struct pvtb_strv specs = {0};
	struct pvtb_err err = {0};
	int ret = st_ops_check(&err);

	if (!ret && o->list) {
		st_list(stdout);
		return PVTB_EXIT_OK;
	}
	if (!ret)
		ret = limits(o, &err);
	if (!ret)
		ret = take_options(&run, &err);
	if (!ret)
		ret = choose_hosts(&run, &specs, &err);
	if (!ret)
		ret = pvtb_signals_install(&err);
	if (!ret)
		ret = run_all(cmd, &run, &specs, &err);
	free(specs.v);
	st_record_free(&run.record);
	return ret < 0 ? pvtb_cmd_fail(&err) : ret;
}

static const struct pvtb_command stress_command = {
	.name = "stress",
	.summary = "random hypercalls, valid and not, until an answer is wrong; in the lab",
	.usage = "[-H HOST]... [--seconds N|--ops N] [--seed S] [--vcpus N] [--replay FILE]",
	.description =
		"vCPUs run seeded random streams of hypercalls, counter readings and memory accesses,\n"
		"while the host moves time, memory and threads under them. Every answer is judged. The\n"
		"first wrong one ends the run, and the shortest stream that shows it is looked for.\n"
		"Exit status: 0 every answer was right, 1 one was not, 2 could not run.",
	.options = stress_options,
	.opts_size = sizeof(struct stress_opts),
	.defaults = &stress_defaults,
	.run = cmd_stress,
};
PVTB_COMMAND(stress_command);
