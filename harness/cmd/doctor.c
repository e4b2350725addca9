// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb doctor: what this machine can measure, what it cannot and why, one line each. Everything is
 * gathered into one JSON object first, and both outputs are made from that.
 */
#include <stdarg.h>
#include <string.h>

#include "arch/counter.h"
#include "bench.h"
#include "bench/kvm_caps.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "core/affinity.h"
#include "core/rights.h"
#include "lab/lab.h"
#include "results/environment.h"
#include "trace/trace.h"
#include "trace/vcpus.h"

struct doctor_opts {
	bool json;
	bool only_auto;
	const char *break_program;
};

static const struct pvtb_opt doctor_options[] = {
	PVTB_OPT_FLAG(0, "json", struct doctor_opts, json, "as JSON"),
	PVTB_OPT_FLAG(0, "auto", struct doctor_opts, only_auto,
		      "only the hosts that `-H auto` means here, one a line"),
	PVTB_OPT_STRING(0, "break-program", struct doctor_opts, break_program, "NAME",
			"for tests: make this eBPF program one that does not load",
			.flags = PVTB_OPT_HIDDEN),
	PVTB_OPT_END,
};

/* What doctor knows while it gathers. */
struct doctor {
	struct pvtb_host_kvm kvm;
	struct pvtb_host_auto hosts;
	struct pvtb_err trace_err; /* code 0: tracing is possible */
	bool tried;		   /* the programs were loaded and attached, or refused */
	u32 facts;		   /* what they record */
	json_t *refused;	   /* what is not recorded, and why: {what, why} */
	json_t *environment;
	bool lab_ready;
};

static bool kvm_usable(const struct doctor *d)
{
	return d->kvm.state == PVTB_KVM_WORKS || d->kvm.state == PVTB_KVM_SOFTWARE;
}

static const char *env_text(const struct doctor *d, const char *path, const char *otherwise)
{
	const char *s = pvtb_environment_string(d->environment, path);

	return s && *s ? s : otherwise;
}

static json_t *host_json(const struct doctor *d)
{
	const json_t *hypervisor = json_object_get(d->environment, "hypervisor");
	const json_t *cpu = json_object_get(d->environment, "cpu");
	const char *under = NULL;

	if (json_is_true(json_object_get(hypervisor, "present")))
		under = env_text(d, "hypervisor.name", "unnamed");
	return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:s?}", "arch", pvtb_arch_name(), "kernel",
			 env_text(d, "system.release", "unknown"), "cpu",
			 env_text(d, "cpu.model", env_text(d, "cpu.part", "unknown")), "family",
			 pvtb_environment_string(d->environment, "cpu.family"), "cpus",
			 json_integer_value(json_object_get(cpu, "count")), "hypervisor", under);
}

static json_t *kvm_json(const struct doctor *d)
{
	bool usable = kvm_usable(d);
	json_t *obj = json_pack("{s:s, s:b}", "state", pvtb_kvm_state_name(d->kvm.state), "usable",
				usable);

	if (usable) {
		json_object_set_new(obj, "capabilities", pvtb_kvm_caps_json(&d->kvm.caps));
	} else {
		json_object_set_new(obj, "what", json_string(d->kvm.err.what));
		json_object_set_new(obj, "why", json_string(d->kvm.err.why));
		json_object_set_new(obj, "hint", json_string(d->kvm.err.hint));
	}
	return obj;
}

static void add_cannot(json_t *cannot, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One entry per reason: what shares it is listed together. */
static void add_cannot(json_t *cannot, const char *what, const char *fmt, ...)
{
	char why[512];
	json_t *entry;
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	json_array_foreach (cannot, i, entry) {
		if (strcmp(json_string_value(json_object_get(entry, "why")), why))
			continue;
		json_array_append_new(json_object_get(entry, "what"), json_string(what));
		return;
	}
	json_array_append_new(cannot, json_pack("{s:[s], s:s}", "what", what, "why", why));
}

/* The tests a run makes before it measures a variant. */
static void judge_variant(const struct doctor *d, const struct pvtb_run *run,
			  const struct pvtb_bench *b, const struct pvtb_variant *v, json_t *can,
			  json_t *cannot)
{
	struct pvtb_err err = {0};
	char name[128];

	if (!(v->archs & run->arch))
		return;
	snprintf(name, sizeof(name), "%s.%s", b->name, v->name);
	/* Without an op of its own the benchmark chooses what to run, and at which level. */
	if (v->op && v->level == PVTB_LEVEL_KERNEL && !run->caps.ring0_usable)
		add_cannot(cannot, name, "guest kernel mode is emulated on this backend (%s)",
			   d->kvm.caps.backend);
	else if (v->needs && v->needs(run, &err))
		add_cannot(cannot, name, "%s", err.why);
	else
		json_array_append_new(can, json_string(v->name));
}

/* Does the tracing record all of @facts? Else why not. */
static bool facts_there(const struct doctor *d, u32 facts, struct pvtb_err *why)
{
	const json_t *entry;
	size_t i;

	if (!(facts & ~d->facts))
		return true;
	if (d->trace_err.code) {
		*why = d->trace_err;
		return false;
	}
	pvtb_err_set(why, -EOPNOTSUPP, "tracing", "not recorded here");
	json_array_foreach (d->refused, i, entry)
		for (u32 fact = 1; fact <= facts; fact <<= 1)
			if (facts & ~d->facts & fact &&
			    !strcmp(json_string_value(json_object_get(entry, "what")),
				    pvtb_fact_name(fact)))
				pvtb_err_set(why, -EOPNOTSUPP, "tracing", "%s",
					     json_string_value(json_object_get(entry, "why")));
	return false;
}

static void judge_native(const struct doctor *d, json_t *can, json_t *cannot)
{
	const struct pvtb_bench *const *all;
	size_t nr = pvtb_benches(&all);
	struct pvtb_run run = {.caps = d->kvm.caps, .vcpu_cpu = -1, .harness_cpu = -1};
	struct pvtb_placement placement;

	if (!pvtb_placement_choose(&placement, NULL) && placement.apart) {
		run.vcpu_cpu = placement.vcpu_cpu;
		run.harness_cpu = placement.harness_cpu;
	}
	run.arch = strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_X86_64 : PVTB_ARCH_ARM64;
	for (size_t i = 0; i < nr; i++) {
		struct pvtb_err why = {0};
		json_t *names;

		if (!facts_there(d, all[i]->facts, &why)) {
			add_cannot(cannot, all[i]->name, "%s", why.why);
			continue;
		}
		names = json_array();
		size_t nr_variants;
		const struct pvtb_variant *variants = pvtb_bench_variants(all[i], &nr_variants);

		for (size_t j = 0; j < nr_variants; j++)
			judge_variant(d, &run, all[i], &variants[j], names, cannot);
		if (json_array_size(names) || !nr_variants)
			json_array_append_new(can, json_pack("{s:s, s:O}", "bench", all[i]->name,
							     "variants", names));
		json_decref(names);
	}
	if (d->kvm.state == PVTB_KVM_SOFTWARE)
		add_cannot(cannot, "the host's side of an exit",
			   "kvm_exit never fires on this backend (%s)", d->kvm.caps.backend);
	else if (d->trace_err.code)
		add_cannot(cannot, "the host's side of an exit", "%s: %s%s", d->trace_err.what,
			   d->trace_err.why, d->tried ? "" : " (not tried)");
}

/* What the kernel's programs do not record, KVM or not: watch-steal needs no more than these. */
static void judge_tracing(const struct doctor *d, json_t *cannot)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (d->refused, i, entry)
		add_cannot(cannot, json_string_value(json_object_get(entry, "what")), "%s",
			   json_string_value(json_object_get(entry, "why")));
}

/* Version and faults of the emulator: of arm64's, with the CPU that has most to do wrong, where there is one. */
static void add_emulator(json_t *obj, enum pvtb_lab_arch arch)
{
	const char *const hosts[] = {arch == PVTB_LAB_ARM64 ? "lab:arm64,ecv" : "lab:x86_64",
				     "lab:arm64"};
	struct pvtb_lab_spec *spec PVTB_FREE = malloc(sizeof(*spec));
	struct pvtb_lab_emulator e = {};
	struct pvtb_err err;

	for (size_t i = 0; spec && i < PVTB_ARRAY_SIZE(hosts); i++) {
		if (pvtb_lab_spec_parse(hosts[i], spec, &err) || pvtb_lab_emulator(spec, &e, &err))
			continue;
		json_object_set_new(obj, "qemu", json_string(e.version));
		json_object_set_new(obj, "emulator_checked", json_boolean(e.checked));
		json_object_set_new(obj, "ecv", json_boolean(e.ecv));
		json_object_set_new(obj, "faults", json_string(e.faults));
		return;
	}
}

#define ECV_HOST "lab:arm64,ecv,deterministic"

/* `make bench` measures one host more where the emulator has a CPU that offsets the counter itself. */
static bool emulates_ecv(void)
{
	struct pvtb_lab_spec *spec PVTB_FREE = malloc(sizeof(*spec));
	struct pvtb_lab_emulator e;
	struct pvtb_err err;

	return spec && !pvtb_lab_spec_parse(ECV_HOST, spec, &err) &&
	       !pvtb_lab_emulator(spec, &e, &err) && e.checked && e.ecv;
}

static json_t *lab_json(struct doctor *d)
{
	static const enum pvtb_lab_arch archs[] = {PVTB_LAB_ARM64, PVTB_LAB_X86_64};
	json_t *array = json_array();

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(archs); i++) {
		char kernel[128] = "";
		struct pvtb_err err = {0};
		int r = pvtb_lab_ready(archs[i], kernel, sizeof(kernel), &err);
		json_t *obj =
			json_pack("{s:s, s:b}", "arch", pvtb_lab_arch_name(archs[i]), "ready", !r);

		if (r) {
			json_object_set_new(obj, "what", json_string(err.what));
			json_object_set_new(obj, "why", json_string(err.why));
			json_object_set_new(obj, "hint", json_string(err.hint));
		} else {
			json_object_set_new(obj, "kernel", json_string(kernel));
			add_emulator(obj, archs[i]);
			d->lab_ready = true;
		}
		json_array_append_new(array, obj);
	}
	return array;
}

static void add_next(json_t *next, const char *command, const char *what)
{
	json_array_append_new(next, json_pack("{s:s, s:s}", "command", command, "what", what));
}

static json_t *next_json(const struct doctor *d, const json_t *can)
{
	json_t *next = json_array();

	if (d->kvm.state == PVTB_KVM_WORKS)
		add_next(next, "pvtb run", "measure this machine's KVM");
	if (d->kvm.state == PVTB_KVM_SOFTWARE && json_array_size(can))
		add_next(next, "pvtb run -H native", "what this backend lets be measured");
	if (!d->lab_ready)
		add_next(next, "make lab", "install and fetch what the emulated hosts need");
	add_next(next, "pvtb run -H lab:arm64,deterministic",
		 "arm64 exits, emulated, in instructions");
	add_next(next, "pvtb run -H lab:x86_64,deterministic", "x86_64 exits (SVM), likewise");
	return next;
}

/* Load and attach the programs, which alone tells what the kernel takes; they are gone at once. */
static void try_tracing(struct doctor *d)
{
	static const struct pvtb_trace_opts opts = {
		.max_threads = 1, .exits = true, .user_exits = true};
	u32 wanted = PVTB_FACTS_SCHEDULER | PVTB_FACT_SELF | PVTB_FACT_OTHERS;
	int ret = pvtb_trace_possible(&d->trace_err);
	struct pvtb_trace_opts o = opts;
	struct pvtb_trace *trace = NULL;
	struct pvtb_vcpus *vcpus = NULL;
	struct pvtb_err err = {0};

	d->refused = json_array();
	if (ret && ret != -ENOTSUP)
		return;
	o.exits = o.user_exits = !ret;
	wanted |= ret ? 0 : PVTB_FACT_EXITS | PVTB_FACT_USER_EXITS;
	d->tried = true;
	if (pvtb_trace_open(&o, &trace, ret ? NULL : &d->trace_err))
		return;
	if (!ret)
		d->trace_err.code = 0;
	d->facts = pvtb_trace_facts(trace);
	for (u32 fact = 1; fact <= wanted; fact <<= 1) {
		struct pvtb_err why = {0};

		if (fact & wanted && pvtb_trace_need(trace, fact, &why))
			json_array_append_new(d->refused,
					      json_pack("{s:s, s:s}", "what", pvtb_fact_name(fact),
							"why", why.why));
	}
	pvtb_trace_close(trace);
	if (!pvtb_vcpus_open(&vcpus, &err))
		pvtb_vcpus_close(vcpus);
	else if (err.code != -EOPNOTSUPP)
		json_array_append_new(
			d->refused,
			json_pack("{s:s, s:s}", "what", "which threads run vCPUs", "why", err.why));
}

/* What holds the commands that read files of others. */
static const char *readers_have(void)
{
	unsigned int there = pvtb_rights_of_kernel();
	bool seccomp = there & PVTB_RIGHTS_BY_SECCOMP, landlock = there & PVTB_RIGHTS_BY_LANDLOCK;

	if (seccomp && landlock)
		return "report, compare and list use no network, run no program and write no file "
		       "(seccomp, Landlock)";
	if (seccomp)
		return "report, compare and list use no network and run no program (seccomp; this kernel "
		       "has no Landlock)";
	return landlock
		       ? "report, compare and list run no program and write no file (Landlock; this "
			 "kernel has no seccomp)"
		       : "nothing confines report, compare, plot and list: this kernel has neither "
			 "seccomp nor Landlock";
}

static json_t *gather(struct doctor *d)
{
	struct pvtb_environment_opts eo = {.root = "", .vcpu_cpu = -1};
	struct pvtb_placement placement;
	json_t *doc = json_object(), *can = json_array(), *cannot = json_array(), *hosts, *caps;

	try_tracing(d);
	if (!pvtb_placement_choose(&placement, NULL))
		eo.vcpu_cpu = placement.vcpu_cpu;
	caps = kvm_usable(d) ? pvtb_kvm_caps_json(&d->kvm.caps) : NULL;
	eo.kvm = caps;
	eo.tracing = d->trace_err.code ? d->trace_err.why : "";
	d->environment = pvtb_environment(&eo);
	json_decref(caps);

	json_object_set_new(doc, "host", host_json(d));
	json_object_set_new(doc, "kvm", kvm_json(d));
	json_object_set_new(
		doc, "tracing",
		json_pack("{s:b, s:b, s:s, s:s, s:O}", "possible", !d->trace_err.code, "tried",
			  d->tried, "why", d->trace_err.code ? d->trace_err.why : "", "hint",
			  d->trace_err.code ? d->trace_err.hint : "", "refused", d->refused));
	if (kvm_usable(d))
		judge_native(d, can, cannot);
	else
		add_cannot(cannot, "anything on this machine's KVM", "%s: %s", d->kvm.err.what,
			   d->kvm.err.why);
	judge_tracing(d, cannot);
	json_object_set(doc, "can", can);
	json_object_set(doc, "cannot", cannot);
	json_object_set_new(doc, "lab", lab_json(d));
	json_object_set_new(doc, "noise", pvtb_environment_not_controlled(d->environment));
	hosts = json_array();
	for (size_t i = 0; i < d->hosts.nr; i++)
		json_array_append_new(hosts, json_string(d->hosts.specs[i]));
	json_object_set_new(doc, "auto", hosts);
	json_object_set_new(doc, "reading", json_string(readers_have()));
	json_object_set_new(doc, "auto_why", json_string(d->hosts.why));
	json_object_set_new(doc, "next", next_json(d, can));
	json_decref(can);
	json_decref(cannot);
	return doc;
}

#define TEXT_COLUMN 10
#define TEXT_WIDTH  96

/* A line of the report: @label only on the first of its kind; long ones are broken at blanks. */
static void put(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *label, const char *fmt, ...)
{
	char buf[4096], *at = buf;
	int column = TEXT_COLUMN;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	printf("%-*s", TEXT_COLUMN, label);
	while (*at) {
		int blanks = (int)strspn(at, " ");
		int len = (int)strcspn(at + blanks, " ");

		if (column + blanks + len > TEXT_WIDTH && column > TEXT_COLUMN) {
			printf("\n%*s", TEXT_COLUMN + 2, "");
			column = TEXT_COLUMN + 2;
			at += blanks;
			blanks = 0;
		}
		column += printf("%.*s", blanks + len, at);
		at += blanks + len;
	}
	putchar('\n');
}

static const char *str(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

/* Items one after the other with @sep between. */
static void join(const json_t *array, const char *sep, char *buf, size_t len)
{
	const json_t *item;
	size_t i, used = 0;

	buf[0] = '\0';
	json_array_foreach (array, i, item) {
		int n = snprintf(buf + used, len - used, "%s%s", i ? sep : "",
				 json_string_value(item));

		if (n < 0 || (size_t)n >= len - used)
			return;
		used += (size_t)n;
	}
}

/* BENCH.VARIANT names, each benchmark named once: "counter_read.lpt .rdtsc, hypercall.pio". */
static void join_names(const json_t *array, char *buf, size_t len)
{
	const char *before = "";
	const json_t *item;
	size_t i, used = 0;

	buf[0] = '\0';
	json_array_foreach (array, i, item) {
		const char *name = json_string_value(item), *dot = strchr(name, '.');
		size_t bench = dot ? (size_t)(dot - name) : 0;
		bool same = dot && !strncmp(before, name, bench + 1);
		int n = snprintf(buf + used, len - used, "%s%s",
				 !i	? ""
				 : same ? " "
					: ", ",
				 same ? dot : name);

		if (n < 0 || (size_t)n >= len - used)
			return;
		used += (size_t)n;
		before = name;
	}
}

static void print_host(const json_t *doc)
{
	const json_t *host = json_object_get(doc, "host"), *kvm = json_object_get(doc, "kvm");
	const json_t *caps = json_object_get(kvm, "capabilities");
	const char *family = str(host, "family"), *under = str(host, "hypervisor");
	long long cpus = (long long)json_integer_value(json_object_get(host, "cpus"));

	put("host", "%s, Linux %s, %s%s%s%s, %lld CPU%s%s%s%s", str(host, "arch"),
	    str(host, "kernel"), str(host, "cpu"), *family ? " (family " : "", family,
	    *family ? ")" : "", cpus, cpus == 1 ? "" : "s", *under ? ", itself a guest (" : "",
	    under, *under ? ")" : "");
	if (!caps) {
		put("/dev/kvm", "%s: %s", str(kvm, "state"), str(kvm, "why"));
		if (*str(kvm, "hint"))
			put("", "%s", str(kvm, "hint"));
		return;
	}
	put("/dev/kvm", "works, %s%s%s (%s)",
	    json_is_true(json_object_get(caps, "hardware_assisted")) ? "" : "software backend ",
	    str(caps, "backend"),
	    json_is_true(json_object_get(caps, "guest_kernel_mode_native"))
		    ? ""
		    : ": guest kernel mode is emulated",
	    str(caps, "backend_why"));
}

static void print_can(const json_t *doc)
{
	const json_t *entry, *tracing = json_object_get(doc, "tracing");
	const char *label = "can";
	char names[2048];
	size_t i;

	json_array_foreach (json_object_get(doc, "can"), i, entry) {
		join(json_object_get(entry, "variants"), " .", names, sizeof(names));
		put(label, "%s%s%s", str(entry, "bench"), *names ? " ." : "", names);
		label = "";
	}
	label = "cannot";
	json_array_foreach (json_object_get(doc, "cannot"), i, entry) {
		join_names(json_object_get(entry, "what"), names, sizeof(names));
		put(label, "%s: %s", names, str(entry, "why"));
		label = "";
	}
	if (!json_is_true(json_object_get(tracing, "tried")))
		put("", "not tried: whether the kernel takes the eBPF programs");
	if (!json_is_true(json_object_get(tracing, "possible")) && *str(tracing, "hint"))
		put("", "tracing: %s", str(tracing, "hint"));
}

static void print_lab(const json_t *doc)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(doc, "lab"), i, entry) {
		const char *hint = str(entry, "hint"), *what = str(entry, "what");
		bool named = strcmp(what, "lab"); /* the line says lab already */

		if (json_is_true(json_object_get(entry, "ready")))
			put(i ? "" : "lab", "%s ready (Linux %s, QEMU %s%s%s)", str(entry, "arch"),
			    str(entry, "kernel"), str(entry, "qemu"),
			    *str(entry, "faults") ? "; its CPU fails the check of" : "",
			    str(entry, "faults"));
		else
			put(i ? "" : "lab", "%s not ready: %s%s%s%s%s", str(entry, "arch"),
			    named ? what : "", named ? ": " : "", str(entry, "why"),
			    *hint ? "; " : "", hint);
	}
}

static void print_text(const json_t *doc)
{
	const json_t *entry;
	char line[2048];
	size_t i;

	print_host(doc);
	print_can(doc);
	print_lab(doc);
	join(json_object_get(doc, "noise"), "; ", line, sizeof(line));
	put("noise", "%s", *line ? line : "everything looked at is controlled");
	join(json_object_get(doc, "auto"), " ", line, sizeof(line));
	put("auto", "%s", line);
	put("reading", "%s", str(doc, "reading"));
	json_array_foreach (json_object_get(doc, "next"), i, entry)
		put(i ? "" : "next", "%-38s %s", str(entry, "command"), str(entry, "what"));
}

static int run_doctor(const struct pvtb_command *cmd, void *optv, int argc, char **argv)
{
	const struct doctor_opts *opts = optv;
	struct doctor d = {0};
	struct pvtb_err err = {0};
	int status = PVTB_EXIT_OK;
	json_t *doc;

	if (pvtb_trace_break(opts->break_program, &err))
		return pvtb_cmd_fail(&err);
	pvtb_host_kvm(&d.kvm);
	pvtb_host_auto(&d.kvm, &d.hosts);
	if (opts->only_auto) {
		for (size_t i = 0; i < d.hosts.nr; i++)
			puts(d.hosts.specs[i]);
		if (d.kvm.state != PVTB_KVM_WORKS && emulates_ecv())
			puts(ECV_HOST);
		return PVTB_EXIT_OK;
	}
	doc = gather(&d);
	if (opts->json)
		status = pvtb_cmd_print_json(json_incref(doc));
	else
		print_text(doc);
	if (status == PVTB_EXIT_OK && !json_array_size(json_object_get(doc, "can")) && !d.lab_ready)
		status = PVTB_EXIT_SKIPPED;
	json_decref(doc);
	json_decref(d.environment);
	json_decref(d.refused);
	return status;
}

static const struct pvtb_command doctor_command = {
	.name = "doctor",
	.summary = "what this machine can and cannot measure, and why",
	.usage = "[--json | --auto]",
	.description =
		"Exit status 4 when nothing can be measured here, neither on this machine's KVM "
		"nor in a lab.",
	.options = doctor_options,
	.opts_size = sizeof(struct doctor_opts),
	.run = run_doctor,
};
PVTB_COMMAND(doctor_command);
