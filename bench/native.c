// SPDX-License-Identifier: GPL-2.0-only
/* Owns one host's run: what KVM can do, the witness, the placement, then every benchmark. */
#include "bench/native.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "arch/counter.h"
#include "bench/kvm_caps.h"
#include "core/affinity.h"
#include "core/suggest.h"
#include "results/environment.h"

const struct pvtb_profile pvtb_profiles[] = {
	{.name = "quick",
	 .samples = 10000,
	 .samples_emulated = 10000,
	 .samples_vmm_emulated = 2000,
	 .batches = 200,
	 .batches_emulated = 60,
	 .warmup = 200,
	 .seconds = 3},
	{.name = "standard",
	 .samples = 100000,
	 .samples_emulated = 10000,
	 .samples_vmm_emulated = 10000,
	 .batches = 1000,
	 .batches_emulated = 200,
	 .warmup = 1000,
	 .seconds = 20},
	{.name = "long",
	 .samples = 1000000,
	 .samples_emulated = 50000,
	 .samples_vmm_emulated = 50000,
	 .batches = 5000,
	 .batches_emulated = 1000,
	 .warmup = 10000,
	 .seconds = 300},
	/* enough where instructions are counted: what repeats exactly needs no crowd */
	{.name = "brief",
	 .samples = 2000,
	 .samples_emulated = 1000,
	 .samples_vmm_emulated = 300,
	 .batches = 60,
	 .batches_emulated = 60,
	 .warmup = 100,
	 .seconds = 1},
	{.name = NULL},
};

static const char *kernel_release(void)
{
	static const char unknown[] = "unknown";
	struct utsname u;

	return uname(&u) ? unknown : strdup(u.release);
}

static bool filter_known(const char *filter)
{
	const struct pvtb_bench *const *benches;
	const struct pvtb_variant *variants;
	size_t n = pvtb_benches(&benches), nr_variants;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(benches[i]->name);

		if (strncmp(filter, benches[i]->name, len))
			continue;
		if (!filter[len])
			return true;
		variants = pvtb_bench_variants(benches[i], &nr_variants);
		for (size_t v = 0; filter[len] == '.' && v < nr_variants; v++)
			if (!strcmp(filter + len + 1, variants[v].name))
				return true;
	}
	return false;
}

/* The known benchmark or variant nearest to @filter, as it would be typed. */
static bool nearest(const char *filter, char *buf, size_t len)
{
	const struct pvtb_bench *const *benches;
	size_t n = pvtb_benches(&benches), nr_variants;
	unsigned int best = 4; /* further off is another word */

	for (size_t i = 0; i < n; i++) {
		const struct pvtb_variant *variants = pvtb_bench_variants(benches[i], &nr_variants);

		for (size_t v = 0; v <= nr_variants; v++) {
			char name[128];
			unsigned int d;

			if (v)
				snprintf(name, sizeof(name), "%s.%s", benches[i]->name,
					 variants[v - 1].name);
			else
				snprintf(name, sizeof(name), "%s", benches[i]->name);
			d = pvtb_edit_distance(filter, name);
			if (d >= best)
				continue;
			best = d;
			snprintf(buf, len, "%s", name);
		}
	}
	return best < 4;
}

int pvtb_filters_check(char *const *filters, size_t n, struct pvtb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		char near[128];

		if (filter_known(filters[i]))
			continue;
		pvtb_err_set(err, -EINVAL, filters[i], "no such benchmark or variant");
		if (nearest(filters[i], near, sizeof(near)))
			return pvtb_err_hint(err, "did you mean %s? `pvtb list` shows all", near);
		return pvtb_err_hint(err, "`pvtb list` shows all");
	}
	return 0;
}

/*
 * The witness. Where KVM is real, a run without one has to be asked for (--no-trace): figures nobody
 * checked must not pass for figures that were. A software backend has tracepoints that never fire.
 */
static int open_trace(struct pvtb_run *run, bool no_trace, struct pvtb_err *err)
{
	struct pvtb_trace_opts opts = {.max_threads = 8};
	bool refused = false;
	int ret;

	if (no_trace) {
		pvtb_err_set(&run->trace_why, -ECANCELED, "tracing", "switched off by --no-trace");
		return 0;
	}
	ret = pvtb_trace_possible(&run->trace_why);
	if (!ret) {
		ret = pvtb_trace_open(&opts, &run->trace, &run->trace_why);
		refused = ret == -EOPNOTSUPP;
	}
	if (run->trace)
		refused = pvtb_trace_need(run->trace, PVTB_FACT_EXITS | PVTB_FACT_SELF,
					  &run->trace_why) != 0;
	/* A program that the kernel refuses costs what it records: the rest can be measured. */
	if (ret && !refused && run->caps.hw_assisted) {
		*err = run->trace_why;
		if (!err->hint[0])
			pvtb_err_hint(err, "--no-trace measures without a witness");
		/* refused, not skipped: what was asked for could be measured */
		if (err->code == -ENOTSUP)
			err->code = -ENOENT;
		return err->code;
	}
	run->host->witnessed = !ret && !refused && run->caps.hw_assisted;
	if (!run->caps.hw_assisted)
		pvtb_err_set(&run->trace_why, -ENOTSUP, "tracing",
			     "kvm_exit never fires on this backend (%s)", run->caps.backend);
	return 0;
}

/* Name what the host's programs do not record, with the reason: one line for each fact. */
static int name_missing(struct pvtb_run *run)
{
	u32 wanted = PVTB_FACTS_SCHEDULER | PVTB_FACT_SELF | PVTB_FACT_OTHERS;

	if (run->caps.hw_assisted)
		wanted |= PVTB_FACT_EXITS;
	for (u32 fact = 1; run->trace && fact <= wanted; fact <<= 1) {
		struct pvtb_err why = {0};

		if (fact & wanted && pvtb_trace_need(run->trace, fact, &why) &&
		    pvtb_host_not_controlled(run->host, "%s", why.why))
			return -ENOMEM;
	}
	if (!run->trace && run->trace_why.code == -EOPNOTSUPP)
		return pvtb_host_not_controlled(run->host, "%s", run->trace_why.why);
	return 0;
}

static int describe_host(struct pvtb_run *run, const struct pvtb_native_opts *opts)
{
	struct pvtb_host_result *h = run->host;
	json_t *caps = pvtb_kvm_caps_json(&run->caps);
	struct pvtb_environment_opts eo = {
		.root = "",
		.kvm = caps,
		.tracing = run->trace_why.code ? run->trace_why.why : "",
		.vcpu_cpu = run->vcpu_cpu,
		.emulated = opts->emulated,
		.deterministic = opts->deterministic,
		.qemu = getenv("PVTB_QEMU_VERSION"),
	};
	json_t *nc, *line;
	size_t i;

	free(h->arch);
	free(h->kernel);
	free(h->mode);
	h->arch = strdup(pvtb_arch_name());
	h->kernel = (char *)kernel_release();
	h->mode = strdup(run->caps.backend);
	h->emulated = opts->emulated;
	h->deterministic = opts->deterministic;
	h->counter_hz = run->caps.counter_hz;
	json_decref(h->environment);
	h->environment = pvtb_environment(&eo);
	json_decref(caps);
	if (!h->arch || !h->kernel || !h->mode || !h->environment)
		return -ENOMEM;
	nc = pvtb_environment_not_controlled(h->environment);
	json_array_foreach (nc, i, line)
		if (pvtb_host_not_controlled(h, "%s", json_string_value(line))) {
			json_decref(nc);
			return -ENOMEM;
		}
	json_decref(nc);
	return name_missing(run);
}

static void place(struct pvtb_run *run)
{
	struct pvtb_placement p;

	run->vcpu_cpu = run->harness_cpu = -1;
	if (pvtb_placement_choose(&p, NULL) || !p.apart)
		return;
	run->vcpu_cpu = p.vcpu_cpu;
	run->harness_cpu = p.harness_cpu;
}

static int run_bench(const struct pvtb_bench *b, struct pvtb_run *run, bool no_trace,
		     struct pvtb_err *err)
{
	int ret;

	if (b->untraced) {
		pvtb_trace_close(run->trace);
		run->trace = NULL;
	}
	ret = b->run ? b->run(b, run, err) : pvtb_latency_run(b, run, err);
	if (!ret && b->untraced)
		ret = open_trace(run, no_trace, err);
	return ret;
}

static bool is_wanted(const struct pvtb_run *run, const struct pvtb_bench *b)
{
	return pvtb_run_wants(run, b->name, NULL) && (run->nr_filters || !b->by_name_only) &&
	       (run->link_fd < 0 || b->linked);
}

/* A benchmark of KVM where there is none: its variants say so. */
static int skip_bench(const struct pvtb_bench *b, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *br = pvtb_host_add_bench(run->host, b->name, b->summary);
	size_t nr;
	const struct pvtb_variant *variants = pvtb_bench_variants(b, &nr);

	for (size_t i = 0; i < nr; i++) {
		struct pvtb_variant_result *v;

		if (!(variants[i].archs & run->arch) ||
		    !pvtb_run_wants(run, b->name, variants[i].name))
			continue;
		v = br ? pvtb_bench_add_variant(br, variants[i].name, variants[i].summary) : NULL;
		if (!v)
			return pvtb_err_sys(err, -ENOMEM, "%s", b->name);
		pvtb_variant_set_status(v, PVTB_SKIP, "%s: %s", run->no_kvm.what, run->no_kvm.why);
	}
	return 0;
}

/* What KVM said, in @err, is the end where nothing that was asked for can do without it; else 0, and the
 * rest is skipped for that reason. */
static int without_kvm(struct pvtb_run *run, const struct pvtb_err *err)
{
	const struct pvtb_bench *const *benches;
	size_t n = pvtb_benches(&benches);

	for (size_t i = 0; i < n; i++) {
		if (!benches[i]->without_kvm || !is_wanted(run, benches[i]))
			continue;
		run->no_kvm = *err;
		run->trace_why = *err;
		snprintf(run->caps.backend, sizeof(run->caps.backend), "no KVM");
		snprintf(run->caps.backend_why, sizeof(run->caps.backend_why), "%.500s", err->why);
		run->caps.counter_hz = pvtb_arch_counter_hz();
		return 0;
	}
	return err->code;
}

static int run_benches(struct pvtb_run *run, bool no_trace, struct pvtb_err *err)
{
	const struct pvtb_bench *const *benches;
	size_t n = pvtb_benches(&benches);

	for (size_t i = 0; i < n; i++) {
		const struct pvtb_bench *b = benches[i];
		int ret;

		if (!is_wanted(run, b))
			continue;
		if (run->no_kvm.code && !b->without_kvm)
			ret = skip_bench(b, run, err);
		else
			ret = run_bench(b, run, no_trace, err);
		if (ret)
			return ret;
	}
	return 0;
}

int pvtb_native_run(const struct pvtb_native_opts *opts, struct pvtb_result *result,
		    struct pvtb_err *err)
{
	struct pvtb_run run = {
		.profile = opts->profile,
		.arch = !strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_ARM64 : PVTB_ARCH_X86_64,
		.emulated = opts->emulated,
		.deterministic = opts->deterministic,
		.dir = opts->dir,
		.progress = opts->progress,
		.guardian = opts->guardian,
		.slew = opts->slew,
		.link_fd = opts->link_fd,
		.link_target = opts->link_target,
		.filters = opts->filters,
		.nr_filters = opts->nr_filters,
	};
	char path[512];
	int ret;

	run.host = pvtb_result_add_host(result, opts->host_spec);
	if (!run.host)
		return pvtb_err_sys(err, -ENOMEM, "result");
	ret = pvtb_kvm_probe(&run.caps, NULL, err);
	if (ret)
		ret = without_kvm(&run, err);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/samples", opts->dir);
	if (mkdir(path, 0755) && errno != EEXIST)
		return pvtb_err_sys(err, -errno, "%s", path);
	place(&run);
	if (!run.no_kvm.code)
		ret = open_trace(&run, opts->no_trace, err);
	if (ret)
		return ret;
	if (run.harness_cpu >= 0)
		ret = pvtb_pin_self(run.harness_cpu, err);
	if (!ret && describe_host(&run, opts))
		ret = pvtb_err_sys(err, -ENOMEM, "environment");
	pvtb_clock_pair_now(64, &run.pairs[run.nr_pairs++]);
	if (!ret)
		ret = run_benches(&run, opts->no_trace, err);
	pvtb_trace_close(run.trace);
	return ret;
}
