// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the table of the eBPF programs and what each records, and their way into the kernel. libbpf
 * loads an object as a whole, so when that fails each program is tried alone, and then all that the
 * kernel takes are loaded together. Never prints: what libbpf and the verifier say becomes the
 * reason of an error.
 */
#include "trace/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "abi/trace.h"
#include "bpf/trace.skel.h"

static const struct fact {
	enum pvtb_fact fact;
	u32 needs; /* facts without which it cannot be had */
	const char *name;
} facts[PVTB_NR_FACTS] = {
	{PVTB_FACT_SWITCHES, 0, "switches of threads"},
	{PVTB_FACT_WAKEUPS, PVTB_FACT_SWITCHES, "waits after a wake-up"},
	{PVTB_FACT_MIGRATIONS, PVTB_FACT_SWITCHES, "migrations"},
	{PVTB_FACT_THROTTLING, PVTB_FACT_SWITCHES | PVTB_FACT_MIGRATIONS,
	 "throttling of a moved thread"},
	/* kvm_exit learns from the switches whose CPU it is on */
	{PVTB_FACT_EXITS, PVTB_FACT_SWITCHES, "exits and entries"},
	{PVTB_FACT_USER_EXITS, PVTB_FACT_SWITCHES | PVTB_FACT_EXITS, "exits to user space"},
	{PVTB_FACT_SELF, PVTB_FACT_SWITCHES, "this process's threads"},
	{PVTB_FACT_OTHERS, PVTB_FACT_SWITCHES, "other processes' threads"},
};

/* A fact is recorded when all of its programs are there. */
#define PROGRAM(name, facts)                                                                       \
	{                                                                                          \
#name, facts, offsetof(struct trace_bpf, progs.name)                               \
	}
static const struct program {
	const char *name;
	u32 facts;
	size_t at;
} programs[PVTB_NR_PROGRAMS] = {
	PROGRAM(sched_switch, PVTB_FACT_SWITCHES),
	PROGRAM(sched_wakeup, PVTB_FACT_WAKEUPS),
	PROGRAM(sched_migrate_task, PVTB_FACT_MIGRATIONS | PVTB_FACT_THROTTLING),
	PROGRAM(cpu_register, PVTB_FACT_THROTTLING),
	PROGRAM(kvm_entry, PVTB_FACT_EXITS),
	PROGRAM(kvm_userspace_exit, PVTB_FACT_USER_EXITS),
	PROGRAM(kvm_exit, PVTB_FACT_EXITS),
	PROGRAM(thread_register, PVTB_FACT_SELF),
	PROGRAM(thread_unregister, PVTB_FACT_SELF),
	PROGRAM(thread_register_other, PVTB_FACT_OTHERS),
};

static struct bpf_program *program_of(const struct trace_bpf *skel, unsigned int i)
{
	return *(struct bpf_program *const *)((const char *)skel + programs[i].at);
}

static bool of_exits(unsigned int i)
{
	return programs[i].facts & (PVTB_FACT_EXITS | PVTB_FACT_USER_EXITS);
}

/* Are attached at once and stay: the scheduler's tracepoints. The others are run, or toggled. */
static bool attached_at_once(unsigned int i)
{
	return !of_exits(i) && !strncmp(programs[i].name, "sched_", 6);
}

const char *pvtb_fact_name(enum pvtb_fact fact)
{
	for (unsigned int i = 0; i < PVTB_NR_FACTS; i++)
		if (facts[i].fact == fact)
			return facts[i].name;
	return "?";
}

const char *const *pvtb_trace_programs(void)
{
	static const char *names[PVTB_NR_PROGRAMS + 1];

	for (unsigned int i = 0; i < PVTB_NR_PROGRAMS; i++)
		names[i] = programs[i].name;
	return names;
}

/* ---- for people, and for tests ---- */

static void (*verbose)(const char *text);
static const char *broken;

void pvtb_trace_verbose(void (*say)(const char *text))
{
	verbose = say;
}

int pvtb_trace_break(const char *program, struct pvtb_err *err)
{
	for (unsigned int i = 0; program && i < PVTB_NR_PROGRAMS; i++) {
		if (strcmp(programs[i].name, program))
			continue;
		broken = programs[i].name;
		return 0;
	}
	broken = NULL;
	return program ? pvtb_err_set(err, -ENOENT, program, "no such eBPF program") : 0;
}

/* Its last instruction becomes one that no verifier takes. */
static int break_program(struct bpf_program *prog)
{
	size_t n = bpf_program__insn_cnt(prog);
	struct bpf_insn *insns = calloc(n, sizeof(*insns));
	int ret;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	for (size_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_JMP | BPF_EXIT))
			insns[i].imm = 1; /* reserved */
	ret = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return ret;
}

/* ---- libbpf's and the verifier's words ---- */

/* libbpf has one print function for the process; the text goes to the thread that is loading. */
struct log {
	char first[256]; /* the first complaint names the cause, the others are its consequences */
	char *verifier;	 /* all of its log, or NULL */
};
static _Thread_local struct log *loading;

static int keep_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	static const char begin[] = "-- BEGIN PROG LOAD LOG --\n";
	char *text, *at;

	if (!loading || level != LIBBPF_WARN || vasprintf(&text, fmt, ap) < 0)
		return 0;
	at = strstr(text, begin);
	if (at && !loading->verifier)
		loading->verifier = strdup(at + sizeof(begin) - 1);
	if (!at && !loading->first[0])
		snprintf(loading->first, sizeof(loading->first), "%.*s", (int)strcspn(text, "\n"),
			 text);
	free(text);
	return 0;
}

static void log_begin(struct log *log)
{
	memset(log, 0, sizeof(*log));
	libbpf_set_print(keep_log);
	loading = log;
}

static void log_end(struct log *log)
{
	free(log->verifier);
	loading = NULL;
}

/* Lines of the verifier's that say nothing of the cause. */
static bool is_statistics(const char *line)
{
	return !strncmp(line, "processed ", 10) || !strncmp(line, "verification time", 17) ||
	       !strncmp(line, "stack depth", 11) || !strncmp(line, "-- END", 6) ||
	       line[0] == '\n' || !line[0];
}

/* The last two lines of the verifier's @log that matter, joined by " / ". */
static void last_lines(const char *log, char *out, size_t size)
{
	const char *lines[2] = {NULL, NULL};

	out[0] = '\0';
	for (const char *line = log; line && *line;) {
		const char *end = strchr(line, '\n');

		if (!is_statistics(line)) {
			lines[0] = lines[1];
			lines[1] = line;
		}
		line = end ? end + 1 : NULL;
	}
	for (int i = 0; i < 2; i++) {
		size_t used = strlen(out);

		if (lines[i])
			snprintf(out + used, size - used, "%s%.*s", used ? " / " : "",
				 (int)strcspn(lines[i], "\n"), lines[i]);
	}
}

static const char whole[] = "eBPF programs";

static int failed(struct pvtb_err *err, int code, const char *what, const struct log *log)
{
	const char *first = log->first;
	struct utsname u;
	char last[200] = "";

	if (uname(&u))
		snprintf(u.release, sizeof(u.release), "unknown");
	if (!strncmp(first, "libbpf: ", 8))
		first += 8;
	if (log->verifier) {
		last_lines(log->verifier, last, sizeof(last));
		/* of the whole object it would be said again, of the program alone */
		if (verbose && what != whole) {
			verbose(what);
			verbose(log->verifier);
		}
	}
	pvtb_err_set(err, code, what, "Linux %s refuses it: %s: %s", u.release, strerror(-code),
		     *last ? last : first);
	return *last ? pvtb_err_hint(err, "-v prints the verifier's whole log") : code;
}

/* ---- loading ---- */

/* Open an object of which the programs in @mask will be loaded. */
static struct trace_bpf *open_some(u32 mask, bool can_cast)
{
	struct trace_bpf *skel = trace_bpf__open();

	if (skel)
		skel->rodata->can_cast = can_cast;
	for (unsigned int i = 0; skel && i < PVTB_NR_PROGRAMS; i++) {
		struct bpf_program *prog = program_of(skel, i);

		bpf_program__set_autoload(prog, mask >> i & 1);
		bpf_program__set_autoattach(prog, false);
		if (broken && !strcmp(broken, programs[i].name) && break_program(prog)) {
			trace_bpf__destroy(skel);
			return NULL;
		}
	}
	return skel;
}

static int load_some(struct pvtb_programs *p, u32 mask, const char *what, struct pvtb_err *err)
{
	struct log log;
	int ret;

	log_begin(&log);
	p->skel = open_some(mask, p->can_cast);
	ret = p->skel ? trace_bpf__load(p->skel) : -errno;
	if (ret) {
		failed(err, ret, what, &log);
		trace_bpf__destroy(p->skel);
		p->skel = NULL;
	}
	log_end(&log);
	return ret;
}

static void refuse(struct pvtb_programs *p, unsigned int i, const struct pvtb_err *why)
{
	p->refused |= 1u << i;
	p->why[i] = *why;
}

/* Each alone: which will the kernel have? */
static void try_each(struct pvtb_programs *p)
{
	for (unsigned int i = 0; i < PVTB_NR_PROGRAMS; i++) {
		struct pvtb_err why = {0};

		if (!(p->wanted >> i & 1))
			continue;
		if (load_some(p, 1u << i, programs[i].name, &why))
			refuse(p, i, &why);
		trace_bpf__destroy(p->skel);
		p->skel = NULL;
	}
}

static u32 working(const struct pvtb_programs *p)
{
	return p->wanted & ~p->refused;
}

static struct bpf_link *attach(struct pvtb_programs *p, unsigned int i, struct pvtb_err *err)
{
	struct bpf_link *link;
	struct log log;

	log_begin(&log);
	link = bpf_program__attach(program_of(p->skel, i));
	if (!link)
		failed(err, -errno, programs[i].name, &log);
	log_end(&log);
	return link;
}

static void attach_scheduler(struct pvtb_programs *p)
{
	struct bpf_link **links[] = {&p->skel->links.sched_switch, &p->skel->links.sched_wakeup,
				     &p->skel->links.sched_migrate_task};

	for (unsigned int i = 0; i < PVTB_ARRAY_SIZE(links); i++) {
		struct pvtb_err why = {0};

		if (!attached_at_once(i) || !(working(p) >> i & 1))
			continue;
		*links[i] = attach(p, i, &why);
		if (!*links[i])
			refuse(p, i, &why);
	}
}

/* What the programs that work record. */
static u32 recorded(const struct pvtb_programs *p)
{
	u32 have = 0, lost = 0;

	for (unsigned int i = 0; i < PVTB_NR_PROGRAMS; i++) {
		if (working(p) >> i & 1)
			have |= programs[i].facts;
		else
			lost |= programs[i].facts;
	}
	have &= ~lost;
	for (unsigned int i = 0; i < PVTB_NR_FACTS; i++)
		if (facts[i].needs & ~have)
			have &= ~(u32)facts[i].fact;
	return have;
}

int pvtb_programs_load(struct pvtb_programs *p, u32 wanted, struct pvtb_err *err)
{
	int ret;

	for (unsigned int i = 0; i < PVTB_NR_PROGRAMS; i++)
		if (programs[i].facts & wanted)
			p->wanted |= 1u << i;
	ret = load_some(p, p->wanted, whole, err);
	if (ret == -EPERM)
		return ret;
	if (ret && p->can_cast) {
		/* without the cast they are slower, and that is all */
		p->can_cast = false;
		ret = load_some(p, p->wanted, whole, err);
	}
	if (ret) {
		try_each(p);
		if (!working(p))
			return ret;
		ret = load_some(p, working(p), whole, err);
		if (ret)
			return ret;
	}
	attach_scheduler(p);
	p->facts = recorded(p);
	if (!(p->facts & (PVTB_FACT_SELF | PVTB_FACT_OTHERS))) {
		ret = pvtb_programs_need(p, PVTB_FACT_SELF, err);
		return ret ? ret : -EOPNOTSUPP;
	}
	return 0;
}

void pvtb_programs_unload(struct pvtb_programs *p)
{
	pvtb_programs_detach_exits(p);
	trace_bpf__destroy(p->skel);
	p->skel = NULL;
}

/* ---- exits ---- */

static unsigned int place_of(const char *name)
{
	unsigned int i = 0;

	while (i < PVTB_NR_PROGRAMS - 1 && strcmp(programs[i].name, name))
		i++;
	return i;
}

int pvtb_programs_attach_exits(struct pvtb_programs *p, struct pvtb_err *err)
{
	int ret = pvtb_programs_need(p, PVTB_FACT_EXITS, err);

	if (ret)
		return ret;
	/* Entries first: an exit then always finds its entry traced. */
	p->entry_link = attach(p, place_of("kvm_entry"), err);
	if (!p->entry_link)
		return err ? err->code : -EIO;
	if (p->facts & PVTB_FACT_USER_EXITS) {
		struct pvtb_err why = {0};

		p->user_link = attach(p, place_of("kvm_userspace_exit"), &why);
		if (!p->user_link) {
			refuse(p, place_of("kvm_userspace_exit"), &why);
			p->facts &= ~(u32)PVTB_FACT_USER_EXITS;
		}
	}
	p->exit_link = attach(p, place_of("kvm_exit"), err);
	if (p->exit_link)
		return 0;
	pvtb_programs_detach_exits(p);
	return err ? err->code : -EIO;
}

void pvtb_programs_detach_exits(struct pvtb_programs *p)
{
	bpf_link__destroy(p->exit_link);
	bpf_link__destroy(p->user_link);
	bpf_link__destroy(p->entry_link);
	p->exit_link = p->user_link = p->entry_link = NULL;
}

/* ---- what there is ---- */

/* Why @fact is not recorded: the first program of it, or of what it needs, that was refused. */
static const struct pvtb_err *reason(const struct pvtb_programs *p, u32 wanted)
{
	for (unsigned int i = 0; i < PVTB_NR_FACTS; i++)
		if (facts[i].fact & wanted)
			wanted |= facts[i].needs;
	for (unsigned int i = 0; i < PVTB_NR_PROGRAMS; i++)
		if (p->refused >> i & 1 && programs[i].facts & wanted)
			return &p->why[i];
	return NULL;
}

int pvtb_programs_need(const struct pvtb_programs *p, u32 wanted, struct pvtb_err *err)
{
	u32 missing = wanted & ~p->facts;

	for (unsigned int i = 0; i < PVTB_NR_FACTS; i++) {
		const struct pvtb_err *why;

		if (!(facts[i].fact & missing))
			continue;
		why = reason(p, facts[i].fact);
		pvtb_err_set(err, -EOPNOTSUPP, "tracing", "not recorded: %s (eBPF program %s: %s)",
			     facts[i].name, why ? why->what : "?",
			     why ? why->why : "this session has none");
		return why ? pvtb_err_hint(err, "%s", why->hint) : -EOPNOTSUPP;
	}
	return 0;
}

u64 pvtb_programs_missed(const struct pvtb_programs *p)
{
	u64 sum = 0;

	for (unsigned int i = 0; p->skel && i < PVTB_NR_PROGRAMS; i++) {
		struct bpf_prog_info info = {0};
		u32 len = sizeof(info);
		int fd = working(p) >> i & 1 ? bpf_program__fd(program_of(p->skel, i)) : -1;

		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

int pvtb_programs_run(const struct bpf_program *prog, int cpu, u64 arg, u32 *ret_value)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &arg, .ctx_size_in = sizeof(arg));
	int ret;

	if (cpu >= 0) {
		opts.flags = BPF_F_TEST_RUN_ON_CPU;
		opts.cpu = (u32)cpu;
	}
	ret = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	*ret_value = opts.retval;
	return ret;
}
