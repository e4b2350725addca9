// SPDX-License-Identifier: GPL-2.0-only
/*
 * pvtb watch-steal: where the time of every vCPU on this host goes, of any VMM's, without a word
 * from the guests. Two witnesses: K, the kernel's own run_delay, which is what KVM tells the guest;
 * B, the state machine over the scheduler's events. Owns what is watched and how it is shown.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/parse.h"
#include "core/signals.h"
#include "timeline/sched.h"
#include "trace/trace.h"
#include "trace/vcpus.h"
#include "vmm/vmm.h"
#include "watch/find.h"
#include "watch/table.h"
#include "watch/thread.h"

#define PROC	       "/proc"
#define BATCH	       1024	 /* records read at once */
#define TOP	       5	 /* of those who took the CPU */
#define NAMES	       1024	 /* threads whose names are kept, a power of two */
#define SEARCH_WAIT_NS 100000000 /* between two looks for the first VM */
#define SEARCH_SHARE   100	 /* looking for VMs may take one part in that many of the time */
#define HEADER_EVERY   20	 /* rows on a terminal */

struct watch_opts {
	struct pvtb_strv pids;
	u64 seconds;
	u64 interval;
	u64 wait;
	bool exits;
	bool no_trace;
	bool json;
};

static const struct watch_opts watch_defaults = {.interval = 1};

static const struct pvtb_opt watch_options[] = {
	PVTB_OPT_LIST('p', "pid", struct watch_opts, pids, "PID",
		      "only this VMM (repeatable); default: every one on the host"),
	PVTB_OPT_U64('s', "seconds", struct watch_opts, seconds, "N", 1, 365 * 86400,
		     "end after that long; default: when interrupted"),
	PVTB_OPT_U64('i', "interval", struct watch_opts, interval, "S", 1, 3600,
		     "a line per vCPU every S seconds"),
	PVTB_OPT_U64('w', "wait", struct watch_opts, wait, "N", 1, 86400,
		     "wait up to N seconds for the first VM; default: there must be one"),
	PVTB_OPT_FLAG('e', "exits", struct watch_opts, exits,
		      "trace exits, too: time in the guest apart from the host's; costs more"),
	PVTB_OPT_FLAG(0, "no-trace", struct watch_opts, no_trace,
		      "trace nothing: the kernel's counters only, no causes"),
	PVTB_OPT_FLAG('j', "json", struct watch_opts, json, "one JSON object a line"),
	PVTB_OPT_END,
};

/* K against B at the switch-ins, where both are exact. */
struct agreement {
	enum { AGREE_SKIP, AGREE_BEGIN, AGREE_COMPARE } state;
	u64 k_ns, b_ns; /* where the comparison began */
	u64 waits;
	s64 last_ns, max_ns; /* K - B; the largest keeps its sign */
};

struct watched {
	struct pvtb_watch_vcpu id;
	struct pvtb_watch_who vmm;
	u64 since_ns, until_ns;
	struct pvtb_watch_schedstat first, now, shown;
	struct pvtb_stream *stream;   /* NULL: not traced */
	u64 next;		      /* record of the stream */
	bool begun;		      /* the thread was seen by the state machine */
	struct pvtb_sched sched;      /* up to the last record */
	struct pvtb_sched at, before; /* up to now; up to the line before */
	u64 shown_ns;
	struct agreement agree;
	bool met; /* by the search going on */
};

struct watch {
	const struct watch_opts *opts;
	pid_t *pids;
	size_t nr_pids;
	struct pvtb_trace *trace;
	struct pvtb_vcpus *vcpus; /* NULL: found in /proc only */
	struct pvtb_sched_config cfg;
	struct watched **v;
	size_t nr, cap;
	size_t ended;
	u64 missed; /* pvtb_trace_missed() when it was last looked at */
	u64 start_ns, start_cpu_ns;
	u64 search_ns;	   /* of the next search */
	unsigned int rows; /* since the header */
	bool header;
	struct pvtb_watch_who names[NAMES];
	struct pvtb_rec recs[BATCH];
};

/* ---- reading ---- */

/* Just before a switch-in is fed: K and B cover the same waits then. */
static void compare_witnesses(struct watched *w, const struct pvtb_rec *rec)
{
	struct agreement *a = &w->agree;
	u64 b_ns = pvtb_sched_involuntary_ns(&w->sched);

	/* Of a thread that has ended /proc tells nothing any more. */
	if (rec->arg > w->now.run_delay_ns)
		w->now.run_delay_ns = rec->arg;
	switch (a->state) {
	case AGREE_SKIP: /* of the wait that ends here B has not seen the beginning */
		a->state = AGREE_BEGIN;
		return;
	case AGREE_BEGIN:
		a->k_ns = rec->arg;
		a->b_ns = b_ns;
		a->state = AGREE_COMPARE;
		return;
	default:
		a->waits++;
		a->last_ns = (s64)(rec->arg - a->k_ns) - (s64)(b_ns - a->b_ns);
		if (llabs(a->last_ns) > llabs(a->max_ns))
			a->max_ns = a->last_ns;
	}
}

static int feed(struct watch *watch, struct watched *w, const struct pvtb_rec *rec,
		struct pvtb_err *err)
{
	if (!w->begun && rec->kind != PVTB_REC_SCHED_IN)
		return 0;
	if (rec->kind == PVTB_REC_SCHED_IN) {
		if (!w->begun)
			pvtb_sched_begin(&w->sched, &watch->cfg, rec->t0_ns, PVTB_SCHED_HOST_VMM);
		w->begun = true;
		compare_witnesses(w, rec);
	}
	if (rec->kind == PVTB_REC_SCHED_OUT && rec->flags & PVTB_REC_F_UNSEEN)
		w->agree.state = AGREE_SKIP;
	return pvtb_sched_feed(&w->sched, rec, err);
}

static int read_stream(struct watch *watch, struct watched *w, struct pvtb_err *err)
{
	u64 head = pvtb_stream_mark(w->stream, NULL), lost = 0;
	int rc = 0;

	while (!rc && w->next < head) {
		u64 n = head - w->next < BATCH ? head - w->next : BATCH;
		ssize_t got = pvtb_stream_read(w->stream, w->next, n, watch->recs, &lost);

		if (got < 0)
			return pvtb_err_sys(err, (int)got, "records of thread %d", w->id.tid);
		if (lost && w->begun) {
			/* The oldest are overwritten first: what is missing came before. */
			pvtb_sched_lost(&w->sched, lost);
			w->agree.state = AGREE_SKIP;
		}
		for (ssize_t i = 0; !rc && i < got; i++)
			rc = feed(watch, w, &watch->recs[i], err);
		w->next += n;
	}
	pvtb_stream_discard(w->stream, w->next);
	return rc;
}

/* Everything known of @w up to now. -ESRCH: its thread is gone, and @w stays as it was then. */
static int update(struct watch *watch, struct watched *w, struct pvtb_err *err)
{
	bool ended = w->stream && pvtb_stream_ended(w->stream);
	int rc = w->stream ? read_stream(watch, w, err) : 0;
	u64 now_ns = pvtb_mono_ns();

	if (rc)
		return rc;
	rc = pvtb_watch_schedstat(PROC, w->id.pid, w->id.tid, &w->now, err);
	if (rc && rc != -ESRCH)
		return rc;
	w->until_ns = now_ns;
	if (w->begun) {
		/* A thread that has ended was seen to: its time stops with its last record. */
		if (ended)
			w->until_ns = now_ns = w->sched.end_ns;
		w->at = w->sched;
		rc = rc ?: pvtb_sched_end(&w->at, now_ns, false);
	}
	return ended ? -ESRCH : rc;
}

/* ---- who ---- */

/* Names are taken while the threads live, and kept when they are gone; of one that was gone before
 * it was asked for, the trace has the name it had on the CPU. */
static const struct pvtb_watch_who *who(struct watch *watch, u32 pid)
{
	struct pvtb_watch_who *kept = &watch->names[pid & (NAMES - 1)], now;
	struct pvtb_trace_who seen;

	pvtb_watch_who(PROC, (pid_t)pid, &now);
	if (!now.tgid && watch->trace && !pvtb_trace_who(watch->trace, pid, &seen)) {
		now.tgid = (pid_t)seen.tgid;
		snprintf(now.comm, sizeof(now.comm), "%s", seen.comm);
	}
	/* The one with a cgroup was alive. */
	if (now.cgroup[0] || kept->pid != (pid_t)pid)
		*kept = now;
	return kept;
}

struct taker {
	u32 pid;
	s64 ns;
};

/* The threads that took most between two states, most first. */
static size_t takers(const struct pvtb_sched *from, const struct pvtb_sched *to, struct taker *top)
{
	size_t n = 0;

	for (size_t i = 0; i < PVTB_SCHED_PREEMPTORS; i++) {
		const struct pvtb_sched_preemptor *p = &to->preemptors[i];
		struct taker t = {.pid = p->pid, .ns = (s64)p->ns};
		size_t at;

		/* A thread keeps its place in the table. */
		if (from && from->preemptors[i].pid == p->pid)
			t.ns -= (s64)from->preemptors[i].ns;
		if (!p->pid || t.ns <= 0)
			continue;
		for (at = n; at > 0 && top[at - 1].ns < t.ns; at--)
			if (at < TOP)
				top[at] = top[at - 1];
		if (at < TOP)
			top[at] = t;
		if (n < TOP)
			n++;
	}
	return n;
}

/* ---- showing ---- */

static s64 sum_between(const struct pvtb_sched *from, const struct pvtb_sched *to,
		       enum pvtb_sched_cause first, enum pvtb_sched_cause last)
{
	s64 sum = 0;

	for (unsigned int c = first; c <= last; c++)
		sum += (s64)to->sum_ns[c] - (from ? (s64)from->sum_ns[c] : 0);
	return sum;
}

/* As B saw it; or, before its first switch-in, as the kernel counted. */
static struct pvtb_watch_split split_of(const struct watched *w, const struct pvtb_sched *from,
					const struct pvtb_watch_schedstat *since, s64 wall_ns)
{
	const struct pvtb_sched *to = &w->at;

	if (w->begun)
		return (struct pvtb_watch_split){
			.guest_ns = sum_between(from, to, PVTB_SCHED_GUEST, PVTB_SCHED_GUEST),
			.host_ns = sum_between(from, to, PVTB_SCHED_HOST_IRQ, PVTB_SCHED_HOST_VMM),
			.preempted_ns =
				sum_between(from, to, PVTB_SCHED_PREEMPTED, PVTB_SCHED_PREEMPTED),
			.woken_ns = sum_between(from, to, PVTB_SCHED_WOKEN, PVTB_SCHED_WOKEN),
			.throttled_ns =
				sum_between(from, to, PVTB_SCHED_THROTTLED, PVTB_SCHED_THROTTLED),
			.waiting_ns = sum_between(from, to, PVTB_SCHED_MOVED, PVTB_SCHED_UNCLAIMED),
			.blocked_ns = sum_between(from, to, PVTB_SCHED_BLOCKED_HALT,
						  PVTB_SCHED_BLOCKED_VMM),
			.stopped_ns = sum_between(from, to, PVTB_SCHED_STOPPED, PVTB_SCHED_FROZEN),
			.unknown_ns = sum_between(from, to, PVTB_SCHED_ENDED, PVTB_SCHED_UNKNOWN),
		};
	struct pvtb_watch_split k = {
		.host_ns = (s64)(w->now.ran_ns - since->ran_ns),
		.preempted_ns = (s64)(w->now.run_delay_ns - since->run_delay_ns),
	};

	/* The counters are brought up to date now and then: a rest below nothing is no sleep. */
	if (wall_ns > k.host_ns + k.preempted_ns)
		k.blocked_ns = wall_ns - k.host_ns - k.preempted_ns;
	return k;
}

static json_t *taker_json(struct watch *watch, const struct taker *t)
{
	const struct pvtb_watch_who *name = who(watch, t->pid);

	return json_pack("{s:I, s:I, s:s, s:s, s:I}", "pid", (json_int_t)t->pid, "tgid",
			 (json_int_t)name->tgid, "comm", name->comm, "cgroup", name->cgroup, "ns",
			 (json_int_t)t->ns);
}

static void put_cause(json_t *causes, const char *name, s64 ns)
{
	if (ns)
		json_object_set_new(causes, name, json_integer(ns));
}

/* What cannot be told apart without exits has one name. */
static json_t *causes_json(const struct watch *watch, const struct watched *w,
			   const struct pvtb_sched *from)
{
	json_t *causes = json_object();

	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++) {
		bool exits_tell = c <= PVTB_SCHED_HOST_VMM ||
				  (c >= PVTB_SCHED_BLOCKED_HALT && c <= PVTB_SCHED_BLOCKED_VMM);

		if (watch->opts->exits || !exits_tell)
			put_cause(causes, pvtb_sched_cause_name(c),
				  sum_between(from, &w->at, c, c));
	}
	if (watch->opts->exits)
		return causes;
	put_cause(causes, "running",
		  sum_between(from, &w->at, PVTB_SCHED_GUEST, PVTB_SCHED_HOST_VMM));
	put_cause(causes, "blocked",
		  sum_between(from, &w->at, PVTB_SCHED_BLOCKED_HALT, PVTB_SCHED_BLOCKED_VMM));
	return causes;
}

static json_t *vcpu_json(struct watch *watch, const struct watched *w,
			 const struct pvtb_sched *from, const struct pvtb_watch_schedstat *since,
			 s64 wall_ns)
{
	struct pvtb_watch_split s = split_of(w, from, since, wall_ns);
	json_t *o = json_pack(
		"{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "pid", (json_int_t)w->id.pid,
		"vmm", w->vmm.comm, "cgroup", w->vmm.cgroup, "vcpu", (json_int_t)w->id.index, "tid",
		(json_int_t)w->id.tid, "wall_ns", (json_int_t)wall_ns, "running_ns",
		(json_int_t)(s.guest_ns + s.host_ns), "blocked_ns", (json_int_t)s.blocked_ns,
		"run_delay_ns", (json_int_t)(w->now.run_delay_ns - since->run_delay_ns));
	struct taker top[TOP];
	json_t *by;
	size_t n;

	if (!w->begun)
		return o;
	json_object_set_new(o, "stolen_ns", json_integer(pvtb_watch_stolen_ns(&s)));
	json_object_set_new(o, "causes", causes_json(watch, w, from));
	by = json_array();
	n = takers(from, &w->at, top);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(by, taker_json(watch, &top[i]));
	json_object_set_new(o, "taken_by", by);
	return o;
}

/* One object a line, and there at once: it is read by a program that waits for it. */
static int put_json(json_t *o, struct pvtb_err *err)
{
	int rc = o ? json_dumpf(o, stdout, JSON_COMPACT) : -1;

	json_decref(o);
	if (rc || putchar('\n') == EOF || fflush(stdout))
		return pvtb_err_sys(err, errno ? -errno : -ENOMEM, "standard output");
	return 0;
}

/* Those who took most lately are looked up before they can be gone. */
static void learn_names(struct watch *watch, const struct watched *w)
{
	struct taker top[TOP];
	size_t n = w->begun ? takers(&w->before, &w->at, top) : 0;

	for (size_t i = 0; i < n; i++)
		who(watch, top[i].pid);
}

static void show_row(struct watch *watch, const struct watched *w, const char *clock)
{
	s64 wall_ns = (s64)(w->until_ns - w->shown_ns);
	struct taker top[TOP];
	size_t n = w->begun ? takers(&w->before, &w->at, top) : 0;
	char line[320], by[64] = "";
	struct pvtb_watch_row row = {
		.pid = w->id.pid,
		.tid = w->id.tid,
		.comm = w->vmm.comm,
		.index = w->id.index,
		.wall_ns = wall_ns,
		.b_known = w->begun,
		.split = split_of(w, &w->before, &w->shown, wall_ns),
		.run_delay_ns = (s64)(w->now.run_delay_ns - w->shown.run_delay_ns),
		.taken_by = by,
	};

	if (!watch->header || (isatty(STDOUT_FILENO) && watch->rows >= HEADER_EVERY)) {
		pvtb_watch_header(line, sizeof(line));
		puts(line);
		watch->header = true;
		watch->rows = 0;
	}
	watch->rows++;
	if (n)
		snprintf(by, sizeof(by), "%s (%u)", who(watch, top[0].pid)->comm, top[0].pid);
	pvtb_watch_line(clock, &row, line, sizeof(line));
	puts(line);
}

static int show_interval(struct watch *watch, struct pvtb_err *err)
{
	json_t *vcpus = watch->opts->json ? json_array() : NULL;
	time_t now = time(NULL);
	char clock[16] = "?";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	for (size_t i = 0; i < watch->nr; i++) {
		struct watched *w = watch->v[i];

		if (!w->id.tid)
			continue;
		learn_names(watch, w);
		if (vcpus)
			json_array_append_new(vcpus, vcpu_json(watch, w, &w->before, &w->shown,
							       (s64)(w->until_ns - w->shown_ns)));
		else
			show_row(watch, w, clock);
		w->shown = w->now;
		w->shown_ns = w->until_ns;
		w->before = w->at;
	}
	if (vcpus)
		return put_json(json_pack("{s:s, s:I, s:o}", "type", "interval", "time",
					  (json_int_t)now, "vcpus", vcpus),
				err);
	return fflush(stdout) ? pvtb_err_sys(err, -errno, "standard output") : 0;
}

/* ---- summary ---- */

static void show_part(const char *indent, const char *name, s64 ns, s64 wall_ns)
{
	char text[32], pct[16];
	int width = 30 - (int)strlen(indent);

	printf("%s%-*s %14s %6s %%\n", indent, width, name,
	       pvtb_watch_duration(ns, text, sizeof(text)),
	       pvtb_watch_percent(ns, wall_ns, pct, sizeof(pct)));
}

static void show_causes(const struct watched *w, enum pvtb_sched_cause first,
			enum pvtb_sched_cause last, s64 wall_ns)
{
	for (unsigned int c = first; c <= last; c++)
		if (w->at.sum_ns[c])
			show_part("      ", pvtb_sched_cause_name(c), (s64)w->at.sum_ns[c],
				  wall_ns);
}

static void show_takers(struct watch *watch, const struct watched *w, s64 stolen_ns)
{
	struct taker top[TOP];
	size_t n = takers(NULL, &w->at, top);

	for (size_t i = 0; i < n; i++) {
		const struct pvtb_watch_who *name = who(watch, top[i].pid);
		char text[32], pct[16];

		printf("    %-26s %14s %6s %%  %s, pid %u", i ? "" : "taken by",
		       pvtb_watch_duration(top[i].ns, text, sizeof(text)),
		       pvtb_watch_percent(top[i].ns, stolen_ns, pct, sizeof(pct)), name->comm,
		       top[i].pid);
		printf(name->tgid && name->tgid != name->pid ? " of %d" : "", name->tgid);
		printf("%s%s\n", name->cgroup[0] ? ", cgroup " : "", name->cgroup);
	}
}

/* How far what the kernel counted, and tells the guest, is from what was seen. */
static void show_agreement(const struct agreement *a)
{
	char last[32], max[32];

	if (!a->waits)
		return;
	printf("    K - B at %" PRIu64 " switch-ins: %s at the last, %s at most\n", a->waits,
	       pvtb_watch_duration(a->last_ns, last, sizeof(last)),
	       pvtb_watch_duration(a->max_ns, max, sizeof(max)));
}

static void show_b(struct watch *watch, const struct watched *w)
{
	s64 wall_ns = (s64)(w->at.end_ns - w->at.start_ns);
	struct pvtb_watch_split s = split_of(w, NULL, &w->first, wall_ns);
	s64 stolen_ns = pvtb_watch_stolen_ns(&s);
	char text[32];

	show_part("    ", "running", s.guest_ns + s.host_ns, wall_ns);
	if (watch->opts->exits)
		show_causes(w, PVTB_SCHED_GUEST, PVTB_SCHED_HOST_VMM, wall_ns);
	show_part("    ", "stolen (B)", stolen_ns, wall_ns);
	show_causes(w, PVTB_SCHED_PREEMPTED, PVTB_SCHED_UNCLAIMED, wall_ns);
	show_part("    ", "blocked", s.blocked_ns, wall_ns);
	if (watch->opts->exits)
		show_causes(w, PVTB_SCHED_BLOCKED_HALT, PVTB_SCHED_BLOCKED_VMM, wall_ns);
	show_causes(w, PVTB_SCHED_STOPPED, PVTB_SCHED_UNKNOWN, wall_ns);
	show_agreement(&w->agree);
	show_takers(watch, w, stolen_ns);
	if (w->at.lost)
		printf("    %" PRIu64 " records lost: the sums above miss what they said\n",
		       w->at.lost);
	if (w->at.start_ns > w->since_ns)
		printf("    B begins at the first switch-in, %s after K\n",
		       pvtb_watch_duration((s64)(w->at.start_ns - w->since_ns), text,
					   sizeof(text)));
}

static void show_vcpu(struct watch *watch, const struct watched *w)
{
	s64 wall_ns = (s64)(w->until_ns - w->since_ns);
	char text[32];

	printf("  %s %d, ", w->vmm.comm, w->id.pid);
	printf(w->id.index < 0 ? "vCPU ?" : "vCPU %d", w->id.index);
	printf(", thread %d, %s%s%s\n", w->id.tid, pvtb_watch_duration(wall_ns, text, sizeof(text)),
	       w->vmm.cgroup[0] ? ", cgroup " : "", w->vmm.cgroup);
	show_part("    ", "run_delay (K)", (s64)(w->now.run_delay_ns - w->first.run_delay_ns),
		  wall_ns);
	if (w->begun) {
		show_b(watch, w);
		return;
	}
	show_part("    ", "ran, by the kernel's count", (s64)(w->now.ran_ns - w->first.ran_ns),
		  wall_ns);
	if (watch->trace)
		printf("    no cause: %s\n",
		       w->stream ? "it was never switched in or out" : "no room to trace it");
}

static json_t *summary_json(struct watch *watch, const struct watched *w)
{
	json_t *o = vcpu_json(watch, w, NULL, &w->first, (s64)(w->until_ns - w->since_ns));

	if (!w->begun)
		return o;
	json_object_set_new(o, "b_wall_ns",
			    json_integer((json_int_t)(w->at.end_ns - w->at.start_ns)));
	json_object_set_new(o, "lost", json_integer((json_int_t)w->at.lost));
	json_object_set_new(o, "k_minus_b",
			    json_pack("{s:I, s:I, s:I}", "switch_ins", (json_int_t)w->agree.waits,
				      "last_ns", (json_int_t)w->agree.last_ns, "max_ns",
				      (json_int_t)w->agree.max_ns));
	return o;
}

static u64 own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* What the watching itself takes of one CPU, without the start; what the eBPF programs take is
 * in the time of those they interrupt. */
static double own_share(const struct watch *watch, u64 wall_ns)
{
	return wall_ns ? (double)(own_cpu_ns() - watch->start_cpu_ns) / (double)wall_ns : 0;
}

static int show_summary(struct watch *watch, struct pvtb_err *err)
{
	u64 wall_ns = pvtb_mono_ns() - watch->start_ns;
	json_t *vcpus = watch->opts->json ? json_array() : NULL;
	size_t shown = 0;
	char text[32];

	for (size_t i = 0; i < watch->nr; i++)
		shown += watch->v[i]->id.tid != 0;
	if (!vcpus)
		printf("\n%zu vCPU%s watched for %s; watching took %.2f %% of one CPU\n", shown,
		       shown == 1 ? "" : "s", pvtb_watch_duration((s64)wall_ns, text, sizeof(text)),
		       own_share(watch, wall_ns) * 100);
	for (size_t i = 0; i < watch->nr; i++) {
		if (!watch->v[i]->id.tid)
			continue;
		if (vcpus)
			json_array_append_new(vcpus, summary_json(watch, watch->v[i]));
		else
			show_vcpu(watch, watch->v[i]);
	}
	if (vcpus)
		return put_json(json_pack("{s:s, s:I, s:f, s:I, s:o}", "type", "summary", "wall_ns",
					  (json_int_t)wall_ns, "own_cpu_share",
					  own_share(watch, wall_ns), "ended",
					  (json_int_t)watch->ended, "vcpus", vcpus),
				err);
	if (watch->ended)
		printf("%zu more ended before, and are shown where they did\n", watch->ended);
	return fflush(stdout) ? pvtb_err_sys(err, -errno, "standard output") : 0;
}

/* ---- what is watched ---- */

static void forget(struct watch *watch, size_t i)
{
	struct watched *w = watch->v[i];

	if (w->stream)
		pvtb_trace_unregister(watch->trace, w->stream);
	free(w);
	watch->v[i] = watch->v[--watch->nr];
}

/* Shown for the last time and forgotten, so that a host where VMs come and go can be watched for
 * weeks. */
static int retire(struct watch *watch, size_t i, const char *why, struct pvtb_err *err)
{
	const struct watched *w = watch->v[i];
	int rc = 0;

	if (w->id.tid) {
		watch->ended++;
		if (watch->opts->json) {
			rc = put_json(json_pack("{s:s, s:s, s:o}", "type", "ended", "why", why,
						"vcpu", summary_json(watch, w)),
				      err);
		} else {
			printf("%s:\n", why);
			show_vcpu(watch, w);
		}
	}
	forget(watch, i);
	return rc;
}

/* Begin with the thread in w->id. -ESRCH: it is gone already. */
static int begin(struct watch *watch, struct watched *w, struct pvtb_err *err)
{
	int rc;

	if (!w->id.tid)
		return 0;
	pvtb_watch_who(PROC, w->id.pid, &w->vmm);
	who(watch, (u32)w->id.tid); /* vCPUs take the CPU from each other */
	rc = pvtb_watch_schedstat(PROC, w->id.pid, w->id.tid, &w->first, err);
	if (rc)
		return rc;
	w->now = w->shown = w->first;
	w->since_ns = w->shown_ns = w->until_ns = pvtb_mono_ns();
	if (!watch->trace)
		return 0;
	rc = pvtb_trace_register_tid(watch->trace, w->id.tid, &w->stream, err);
	/* All rings taken: K goes on without B, and the summary says so. */
	return rc == -EUSERS ? 0 : rc;
}

static int add(struct watch *watch, const struct pvtb_watch_vcpu *id, struct pvtb_err *err)
{
	struct watched *w;
	int rc;

	if (watch->nr == watch->cap) {
		size_t cap = watch->cap * 2 + 16;
		struct watched **bigger = realloc(watch->v, cap * sizeof(struct watched *));

		if (!bigger)
			return pvtb_err_sys(err, -ENOMEM, "vCPUs");
		watch->v = bigger;
		watch->cap = cap;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return pvtb_err_sys(err, -ENOMEM, "vCPUs");
	w->id = *id;
	w->met = true;
	watch->v[watch->nr++] = w;
	rc = begin(watch, w, err);
	if (rc)
		forget(watch, watch->nr - 1);
	/* It ended between being found and being watched, or both are about one thread. */
	return rc == -ESRCH || rc == -EEXIST ? 0 : rc;
}

static bool wanted(const struct watch *watch, pid_t pid)
{
	for (size_t i = 0; i < watch->nr_pids; i++)
		if (watch->pids[i] == pid)
			return true;
	return !watch->nr_pids;
}

/* The vCPUs that are there now. */
static int find(struct watch *watch, struct pvtb_watch_vcpu **ret, size_t *ret_nr,
		struct pvtb_watch_seen *ret_seen, struct pvtb_err *err)
{
	struct pvtb_vcpu_file *f PVTB_FREE = NULL;
	struct pvtb_watch_vcpu *v;
	size_t n = 0, kept = 0;
	int rc;

	if (!watch->vcpus)
		return pvtb_watch_find(PROC, watch->pids, watch->nr_pids, ret, ret_nr, ret_seen,
				       err);
	rc = pvtb_vcpus_read(watch->vcpus, &f, &n, err);
	if (rc)
		return rc;
	v = calloc(n + 1, sizeof(*v));
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "vCPUs");
	for (size_t i = 0; i < n; i++) {
		if (!wanted(watch, (pid_t)f[i].pid))
			continue;
		v[kept++] = (struct pvtb_watch_vcpu){
			.vcpu = f[i].vcpu,
			.vm = f[i].vm,
			.pid = (pid_t)f[i].pid,
			.tid = (pid_t)f[i].tid,
			.fd = f[i].fd,
			.index = f[i].index,
		};
	}
	*ret = v;
	*ret_nr = kept;
	*ret_seen = (struct pvtb_watch_seen){};
	return 0;
}

/* A vCPU as found now: new, as it was, or with another thread. */
static int meet(struct watch *watch, const struct pvtb_watch_vcpu *id, struct pvtb_err *err)
{
	for (size_t i = 0; i < watch->nr; i++) {
		struct watched *w = watch->v[i];

		if (w->id.vcpu != id->vcpu || w->id.pid != id->pid)
			continue;
		w->met = true;
		if (!id->tid || id->tid == w->id.tid)
			return 0;
		if (w->id.tid) {
			int rc = update(watch, w, err);

			if (rc && rc != -ESRCH)
				return rc;
			rc = retire(watch, i, "another thread runs this vCPU now", err);
			if (rc)
				return rc;
		} else {
			forget(watch, i);
		}
		break;
	}
	/* Known, and its thread unknown still: tried again at the next search. */
	return add(watch, id, err);
}

static int search(struct watch *watch, struct pvtb_watch_seen *ret_seen, struct pvtb_err *err)
{
	struct pvtb_watch_vcpu *found PVTB_FREE = NULL;
	u64 begin_ns = pvtb_mono_ns(), took_ns;
	size_t nr = 0;
	int rc;

	rc = find(watch, &found, &nr, ret_seen, err);
	for (size_t i = 0; i < watch->nr; i++)
		watch->v[i]->met = false;
	for (size_t i = 0; !rc && i < nr; i++)
		rc = meet(watch, &found[i], err);
	for (size_t i = watch->nr; !rc && i-- > 0;) {
		if (watch->v[i]->met)
			continue;
		if (watch->v[i]->id.tid)
			rc = update(watch, watch->v[i], err);
		if (!rc || rc == -ESRCH)
			rc = retire(watch, i, "vCPU gone", err);
	}
	took_ns = pvtb_mono_ns() - begin_ns;
	watch->search_ns = begin_ns + took_ns * SEARCH_SHARE;
	return rc;
}

/* A program was not run: which thread's records are missing is not known, so all are in doubt. */
static void look_for_missed(struct watch *watch)
{
	u64 missed = watch->trace ? pvtb_trace_missed(watch->trace) : 0;

	for (size_t i = 0; missed != watch->missed && i < watch->nr; i++) {
		struct watched *w = watch->v[i];

		if (!w->begun)
			continue;
		pvtb_sched_lost(&w->sched, missed - watch->missed);
		w->agree.state = AGREE_SKIP;
	}
	watch->missed = missed;
}

static int update_all(struct watch *watch, struct pvtb_err *err)
{
	for (size_t i = watch->nr; i-- > 0;) {
		int rc = watch->v[i]->id.tid ? update(watch, watch->v[i], err) : 0;

		if (rc == -ESRCH)
			rc = retire(watch, i, "thread ended", err);
		if (rc)
			return rc;
	}
	look_for_missed(watch);
	return 0;
}

/* ---- life ---- */

static int parse_pids(struct watch *watch, struct pvtb_err *err)
{
	const struct pvtb_strv *given = &watch->opts->pids;

	watch->pids = calloc(given->nr + 1, sizeof(*watch->pids));
	if (!watch->pids)
		return pvtb_err_sys(err, -ENOMEM, "--pid");
	for (size_t i = 0; i < given->nr; i++) {
		char path[32];
		u64 pid;
		int rc = pvtb_parse_u64(given->v[i], 1, 1U << 22, &pid);

		if (rc)
			return pvtb_parse_err(err, rc, "--pid", given->v[i], 1, 1U << 22);
		snprintf(path, sizeof(path), PROC "/%" PRIu64, pid);
		if (access(path, F_OK))
			return pvtb_err_set(err, -ESRCH, "--pid", "there is no process %" PRIu64,
					    pid);
		watch->pids[watch->nr_pids++] = (pid_t)pid;
	}
	return 0;
}

/* Which exits are halts and which the host's own: by KVM's backend. */
static int learn_exits(struct watch *watch, struct pvtb_err *err)
{
	struct pvtb_sched_config *cfg = &watch->cfg;
	struct pvtb_kvm_caps caps;
	int rc = pvtb_kvm_probe(&caps, NULL, err);

	if (rc)
		return rc;
	if (!caps.hw_assisted)
		return pvtb_err_set(err, -EOPNOTSUPP, "--exits",
				    "KVM's backend here (%s) has no exits to trace", caps.backend);
	cfg->nr_halt = pvtb_reason_matches(caps.backend, PVTB_REASON_HALT, cfg->halt,
					   PVTB_ARRAY_SIZE(cfg->halt));
	cfg->nr_intr = pvtb_reason_matches(caps.backend, PVTB_REASON_INTERRUPT, cfg->intr,
					   PVTB_ARRAY_SIZE(cfg->intr));
	return 0;
}

/* -ENOTSUP is about kvm_exit only: the scheduler's events are enough without --exits. */
static int can_trace(const struct watch *watch, struct pvtb_err *err)
{
	int rc = pvtb_trace_possible(err);

	if (rc == -ENOTSUP && !watch->opts->exits)
		return 0;
	if (rc && !err->hint[0])
		pvtb_err_hint(err, "--no-trace shows the kernel's counters without it");
	return rc;
}

/* What the kernel refuses to record is named: the causes it would have told are others' then. */
static void name_missing(const struct watch *watch)
{
	u32 wanted = PVTB_FACTS_SCHEDULER | PVTB_FACT_OTHERS;

	if (watch->opts->exits)
		wanted |= PVTB_FACT_EXITS | PVTB_FACT_USER_EXITS;
	for (u32 fact = 1; fact <= wanted; fact <<= 1) {
		struct pvtb_err why = {0};

		if (fact & wanted && pvtb_trace_need(watch->trace, fact, &why))
			fprintf(stderr, "pvtb: warning: %s\n", why.why);
	}
}

static int open_trace(struct watch *watch, struct pvtb_err *err)
{
	struct pvtb_trace_opts opts = {
		.max_threads = 32, .exits = watch->opts->exits, .user_exits = watch->opts->exits};
	struct pvtb_watch_vcpu *found PVTB_FREE = NULL;
	struct pvtb_watch_seen seen;
	size_t nr = 0;
	int rc;

	if (watch->opts->exits) {
		rc = learn_exits(watch, err);
		if (rc)
			return rc;
	}
	/* Rings share a fixed memory: enough for twice what is there, no more. */
	rc = find(watch, &found, &nr, &seen, err);
	if (rc)
		return rc;
	while (opts.max_threads < 2 * nr && opts.max_threads < PVTB_TRACE_MAX_THREADS)
		opts.max_threads *= 2;
	if (opts.max_threads >= PVTB_TRACE_MAX_THREADS)
		opts.max_threads = PVTB_TRACE_MAX_THREADS - 1;
	rc = pvtb_trace_open(&opts, &watch->trace, err);
	if (rc)
		return rc;
	watch->cfg.user_known = pvtb_trace_sees_user(watch->trace);
	name_missing(watch);
	return 0;
}

static int nothing_found(const struct watch *watch, const struct pvtb_watch_seen *seen,
			 struct pvtb_err *err)
{
	if (seen->denied) {
		pvtb_err_set(err, -EPERM, "VMs",
			     "none found; processes whose descriptors may not be looked at: %zu",
			     seen->denied);
		return pvtb_err_hint(err, "run as root");
	}
	if (watch->nr_pids)
		return pvtb_err_set(err, -EOPNOTSUPP, "VMs", "no vCPU is open in %s",
				    watch->nr_pids == 1 ? "that process" : "those processes");
	pvtb_err_set(err, -EOPNOTSUPP, "VMs", "no process on this host has a KVM vCPU open");
	return pvtb_err_hint(err, "start one first, or wait for one: --wait N");
}

static void sleep_until(u64 ns)
{
	struct pollfd fd = {.fd = pvtb_interrupt_fd(), .events = POLLIN};
	u64 now_ns = pvtb_mono_ns();

	if (ns > now_ns)
		poll(&fd, 1, (int)((ns - now_ns + 999999) / 1000000));
}

/* Look for VMs until there is one; without --wait, once. */
static int search_first(struct watch *watch, struct pvtb_err *err)
{
	u64 end_ns = watch->start_ns + watch->opts->wait * PVTB_NSEC_PER_SEC;
	struct pvtb_watch_seen seen = {};
	int rc = search(watch, &seen, err);

	while (!rc && !watch->nr && !pvtb_interrupted() && pvtb_mono_ns() < end_ns) {
		sleep_until(pvtb_mono_ns() + SEARCH_WAIT_NS);
		rc = search(watch, &seen, err);
	}
	if (rc || watch->nr)
		return rc;
	return pvtb_check_interrupted(err) ?: nothing_found(watch, &seen, err);
}

static int start(struct watch *watch, struct pvtb_err *err)
{
	int rc = parse_pids(watch, err);

	if (!rc)
		rc = pvtb_signals_install(err);
	if (!rc && !watch->opts->no_trace)
		rc = can_trace(watch, err);
	if (!rc) {
		rc = pvtb_vcpus_open(&watch->vcpus, err);
		if (rc == -EOPNOTSUPP || watch->opts->no_trace)
			rc = 0; /* /proc shows those that wait now and then */
	}
	if (!rc && !watch->opts->no_trace)
		rc = open_trace(watch, err);
	watch->start_ns = pvtb_mono_ns();
	watch->start_cpu_ns = own_cpu_ns();
	if (!rc)
		rc = search_first(watch, err);
	/* --seconds begins when there is something to show */
	watch->start_ns = pvtb_mono_ns();
	watch->start_cpu_ns = own_cpu_ns();
	return rc;
}

static void stop(struct watch *watch)
{
	while (watch->nr)
		forget(watch, watch->nr - 1);
	pvtb_trace_close(watch->trace);
	pvtb_vcpus_close(watch->vcpus);
	free(watch->v);
	free(watch->pids);
}

static int loop(struct watch *watch, struct pvtb_err *err)
{
	u64 step_ns = watch->opts->interval * PVTB_NSEC_PER_SEC;
	u64 end_ns = watch->opts->seconds
			     ? watch->start_ns + watch->opts->seconds * PVTB_NSEC_PER_SEC
			     : UINT64_MAX;
	u64 next_ns = watch->start_ns;
	struct pvtb_watch_seen seen;
	int rc = 0;

	while (!rc) {
		u64 now_ns = pvtb_mono_ns();

		next_ns += step_ns;
		if (next_ns < now_ns) /* suspended, or starved: no burst of lines to catch up */
			next_ns = now_ns + step_ns;
		sleep_until(next_ns < end_ns ? next_ns : end_ns);
		rc = update_all(watch, err);
		if (!rc)
			rc = show_interval(watch, err);
		if (rc || pvtb_interrupted() || pvtb_mono_ns() >= end_ns)
			break;
		if (pvtb_mono_ns() >= watch->search_ns)
			rc = search(watch, &seen, err);
		if (watch->nr_pids && !watch->nr)
			break; /* those asked for have ended */
	}
	return rc ?: show_summary(watch, err);
}

static int run_watch(const struct pvtb_command *cmd, void *optv, int argc, char **argv)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct pvtb_err err = {};
	int rc;

	(void)cmd;
	(void)argc;
	(void)argv;
	if (!watch) {
		pvtb_err_sys(&err, -ENOMEM, "watch-steal");
		return pvtb_cmd_fail(&err);
	}
	watch->opts = optv;
	rc = start(watch, &err);
	if (!rc)
		rc = loop(watch, &err);
	stop(watch);
	free(watch);
	return rc ? pvtb_cmd_fail(&err) : PVTB_EXIT_OK;
}

static const struct pvtb_command watch_command = {
	.name = "watch-steal",
	.summary = "where the time of the vCPUs on this host goes, live, of any VMM's",
	.usage = "[-p PID]... [-s N] [-i S] [-w N] [--exits | --no-trace] [--json]",
	.description =
		"Finds every VM on the host by its KVM descriptors (QEMU, Firecracker, "
		"cloud-hypervisor, kvmtool, any other), and the threads that run its vCPUs as KVM "
		"knows them. VMs that come later are found, threads that end are summed up and left. "
		"The guests take no part.\n\n"
		"Shown for each vCPU and interval: running; stolen, by cause: preempted, waiting for a "
		"CPU after being woken or moved, throttled; blocked (the guest is idle or the VMM "
		"waits); and who took most. B is stolen time as the scheduler's events show it, K is "
		"the kernel's run_delay, which KVM tells to guests that ask. A wait counts in B while it "
		"lasts and in K when it ends. Until a thread is first switched in only K is known.\n\n"
		"Ends after --seconds, at Ctrl-C, or with the last of the VMMs named by -p, and then "
		"shows a summary. Nothing stays attached. Exit status 4: there is no VM to watch.",
	.options = watch_options,
	.opts_size = sizeof(struct watch_opts),
	.defaults = &watch_defaults,
	.max_operands = 0,
	.run = run_watch,
};
PVTB_COMMAND(watch_command);
