// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the state machine that turns a vCPU thread's host records into intervals with causes. One
 * place emits intervals (cut()), and it only ever moves end_ns forward to where the next interval
 * starts: that is why the sums are exact whatever the records say.
 */
#include "timeline/sched.h"

#include <string.h>

static const char *const cause_names[PVTB_SCHED_CAUSES] = {
	[PVTB_SCHED_GUEST] = "in guest",
	[PVTB_SCHED_HOST_IRQ] = "host interrupt",
	[PVTB_SCHED_HOST_HALT] = "halt polling",
	[PVTB_SCHED_HOST_KVM] = "exit handled by KVM",
	[PVTB_SCHED_HOST_VMM] = "exit handled by the VMM",
	[PVTB_SCHED_PREEMPTED] = "preempted",
	[PVTB_SCHED_WOKEN] = "woken, waiting",
	[PVTB_SCHED_THROTTLED] = "throttled",
	[PVTB_SCHED_MOVED] = "being moved",
	[PVTB_SCHED_QUEUED] = "queued again",
	[PVTB_SCHED_UNCLAIMED] = "runnable, CPU idle",
	[PVTB_SCHED_BLOCKED_HALT] = "halted",
	[PVTB_SCHED_BLOCKED_KVM] = "blocked in KVM",
	[PVTB_SCHED_BLOCKED_VMM] = "blocked in the VMM",
	[PVTB_SCHED_STOPPED] = "stopped",
	[PVTB_SCHED_FROZEN] = "frozen",
	[PVTB_SCHED_ENDED] = "ended",
	[PVTB_SCHED_UNKNOWN] = "unknown",
};

const char *pvtb_sched_cause_name(enum pvtb_sched_cause cause)
{
	return cause < PVTB_SCHED_CAUSES ? cause_names[cause] : "?";
}

static bool matches(const struct pvtb_reason_match *m, size_t nr, u32 reason)
{
	for (size_t i = 0; i < nr; i++) {
		if ((reason & m[i].mask) == m[i].value)
			return true;
	}
	return false;
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static void add_preemptor(struct pvtb_sched *s, u32 pid, u64 ns)
{
	struct pvtb_sched_preemptor *p;
	/* Consecutive pids are the common case: no hash would spread them better. */
	for (u32 i = 0; i < PVTB_SCHED_PREEMPTORS; i++) {
		p = &s->preemptors[(pid + i) % PVTB_SCHED_PREEMPTORS];
		if (p->pid == pid)
			break;
		if (!p->pid) {
			p->pid = pid;
			s->nr_preemptors++;
			break;
		}
		p = NULL;
	}
	if (!p)
		p = &s->others;
	p->ns += ns;
	p->times++;
}

/* The interval from where the last one ended to @to_ns. */
static int cut(struct pvtb_sched *s, u64 to_ns, enum pvtb_sched_cause cause, u32 pid, bool open)
{
	bool current = cause <= PVTB_SCHED_HOST_VMM || cause >= PVTB_SCHED_ENDED;
	struct pvtb_sched_interval i = {
		.start_ns = s->end_ns,
		.end_ns = to_ns,
		.cause = cause,
		.pid = pid,
		.out = current ? 0 : s->outs,
		.migrations = current ? 0 : s->moves,
		.cpu = s->cpu,
		.open = open,
	};

	if (to_ns <= s->end_ns)
		return 0;
	s->sum_ns[cause] += to_ns - s->end_ns;
	s->times[cause]++;
	s->end_ns = to_ns;
	if (pid && pvtb_sched_is_involuntary(cause))
		add_preemptor(s, pid, to_ns - i.start_ns);
	return s->cfg.sink ? s->cfg.sink(s->cfg.sink_ctx, &i) : 0;
}

/* A stamp, held to the order of time. */
static u64 in_order(struct pvtb_sched *s, u64 ns)
{
	if (ns >= s->end_ns)
		return ns;
	s->order_errors++;
	return s->end_ns;
}

/* The record at @ns cannot follow: what happened since the last is not known. */
static int contradiction(struct pvtb_sched *s, u64 ns)
{
	s->chain_errors++;
	s->state = PVTB_SCHED_ST_UNKNOWN;
	return cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
}

static enum pvtb_sched_cause exit_cause(const struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	if (s->cfg.user_known && (rec->flags & PVTB_REC_F_USER))
		return PVTB_SCHED_HOST_VMM;
	if (matches(s->cfg.intr, s->cfg.nr_intr, rec->reason))
		return PVTB_SCHED_HOST_IRQ;
	if (matches(s->cfg.halt, s->cfg.nr_halt, rec->reason))
		return PVTB_SCHED_HOST_HALT;
	return PVTB_SCHED_HOST_KVM;
}

/* Time in the guest ends at @ns with an exit. */
static int leave_guest(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	u64 ns = in_order(s, rec->t0_ns);
	int rc;

	if (s->state == PVTB_SCHED_ST_GUEST)
		rc = cut(s, ns, PVTB_SCHED_GUEST, 0, false);
	else if (s->state == PVTB_SCHED_ST_UNKNOWN)
		rc = cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
	else
		rc = contradiction(s, ns);
	s->state = PVTB_SCHED_ST_HOST;
	s->host = exit_cause(s, rec);
	s->halted = matches(s->cfg.halt, s->cfg.nr_halt, rec->reason);
	return rc;
}

/* The time up to @rec was the VMM's, in part: there is no telling which. */
static void went_to_user(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	if (s->cfg.user_known && (rec->flags & PVTB_REC_F_USER))
		s->host = PVTB_SCHED_HOST_VMM;
}

static int enter_guest(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	u64 ns = in_order(s, rec->t1_ns);
	int rc;

	went_to_user(s, rec);
	if (s->state == PVTB_SCHED_ST_HOST)
		rc = cut(s, ns, s->host, 0, false);
	else if (s->state == PVTB_SCHED_ST_UNKNOWN)
		rc = cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
	else
		rc = contradiction(s, ns);
	s->state = PVTB_SCHED_ST_GUEST;
	s->entered = true;
	return rc;
}

/*
 * It ran until @ns and nobody saw it come: since its switch-out it has waited, slept and run, for
 * how long each cannot be told.
 */
static int unseen(struct pvtb_sched *s, u64 ns, bool open)
{
	s->unseen++;
	s->unseen_ns += ns - s->end_ns;
	return cut(s, ns, PVTB_SCHED_UNKNOWN, 0, open);
}

static int switch_out(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	u64 ns = in_order(s, rec->t0_ns);
	int rc;

	went_to_user(s, rec);
	if (rec->flags & PVTB_REC_F_UNSEEN)
		rc = unseen(s, ns, false);
	else if (s->state == PVTB_SCHED_ST_HOST)
		rc = cut(s, ns, s->host, 0, false);
	else if (s->state == PVTB_SCHED_ST_UNKNOWN)
		rc = cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
	else
		/* From the guest, too: leaving it would have left an EXIT. */
		rc = contradiction(s, ns);
	s->outs++;
	s->moves = 0;
	s->out = *rec;
	s->wait = (struct pvtb_rec){.kind = PVTB_REC_NONE};
	s->state = PVTB_SCHED_ST_OUT;
	if ((rec->reason & PVTB_TASK_DEAD) && !(rec->flags & PVTB_REC_F_PREEMPT))
		s->state = PVTB_SCHED_ST_ENDED;
	return rc;
}

static enum pvtb_sched_cause sleep_cause(const struct pvtb_sched *s)
{
	if (s->out.reason & (PVTB_TASK_STOPPED | PVTB_TASK_TRACED))
		return PVTB_SCHED_STOPPED;
	/* A stopped thread is marked frozen, too (do_signal_stop()): it comes second. */
	if ((s->out.reason & PVTB_TASK_FROZEN) || (s->out.flags & PVTB_REC_F_FROZEN))
		return PVTB_SCHED_FROZEN;
	if (!s->entered || s->host == PVTB_SCHED_HOST_VMM)
		return PVTB_SCHED_BLOCKED_VMM;
	if (s->halted)
		return PVTB_SCHED_BLOCKED_HALT;
	return s->cfg.user_known ? PVTB_SCHED_BLOCKED_KVM : PVTB_SCHED_BLOCKED_VMM;
}

/* How a runnable wait that began with the switch-out is called. */
static enum pvtb_sched_cause ready_cause(const struct pvtb_sched *s)
{
	/* The stopper has other work, too: without a migration it is a thread like any other. */
	if ((s->out.flags & PVTB_REC_F_STOPPER) && s->moves)
		return PVTB_SCHED_MOVED;
	return s->out.arg ? PVTB_SCHED_PREEMPTED : PVTB_SCHED_UNCLAIMED;
}

/* How long of the wait from here to @to_ns was throttled; at most all of it. */
static u64 throttled_ns(struct pvtb_sched *s, u64 to_ns, bool from_out)
{
	u64 wait_ns = to_ns - s->end_ns;
	bool known = !(s->wait.flags & PVTB_REC_F_NOTHROTTLED);

	if (!known) {
		s->throttle_unknown++;
		s->throttle_unknown_ns += wait_ns;
	}
	/* How long is not known, only that it was when it left: an upper bound. */
	if (from_out && (!known || !s->wait.arg))
		return wait_ns;
	if (!known)
		return 0;
	if (s->wait.arg > wait_ns)
		s->throttle_excess_ns += s->wait.arg - wait_ns;
	return min_u64(s->wait.arg, wait_ns);
}

/*
 * The runnable wait from here to @to_ns, of which @cause is why it began and @pid who had the CPU
 * then. Where inside the throttled part lies is known only when the wait began with it; otherwise
 * it is put last, because a group is throttled after others of it have run.
 */
static int cut_wait(struct pvtb_sched *s, u64 to_ns, enum pvtb_sched_cause cause, u32 pid,
		    bool open)
{
	u32 holder = s->wait.kind == PVTB_REC_WAIT ? s->wait.reason : 0;
	bool from_out = cause != PVTB_SCHED_WOKEN && (s->out.flags & PVTB_REC_F_THROTTLED);
	u64 thr_ns = throttled_ns(s, to_ns, from_out);
	int rc;

	if (from_out) {
		rc = cut(s, s->end_ns + thr_ns, PVTB_SCHED_THROTTLED, 0, open);
		return rc ? rc : cut(s, to_ns, PVTB_SCHED_QUEUED, holder, open);
	}
	if (cause == PVTB_SCHED_MOVED && s->wait.t1_ns) {
		rc = cut(s, min_u64(s->wait.t1_ns, to_ns - thr_ns), cause, pid, open);
		if (rc)
			return rc;
		cause = PVTB_SCHED_QUEUED;
		pid = holder;
	}
	if (cause == PVTB_SCHED_PREEMPTED && holder && holder != pid)
		s->shared_waits++;
	rc = cut(s, to_ns - thr_ns, cause, pid, open);
	return rc ? rc : cut(s, to_ns, PVTB_SCHED_THROTTLED, 0, open);
}

/* Everything from the switch-out to @in_ns. @wake_ns: 0 when no wake-up was seen. */
static int close_out(struct pvtb_sched *s, u64 in_ns, u64 wake_ns, bool open)
{
	u32 holder = s->wait.kind == PVTB_REC_WAIT ? s->wait.reason : 0;
	enum pvtb_sched_cause sleep = sleep_cause(s);
	u32 next = (u32)s->out.arg;
	int rc;

	if (s->out.flags & PVTB_REC_F_PREEMPT)
		return cut_wait(s, in_ns, ready_cause(s), next, open);
	if (!wake_ns && open)
		return cut(s, in_ns, sleep, 0, true);
	if (!wake_ns && (sleep == PVTB_SCHED_STOPPED || sleep == PVTB_SCHED_FROZEN))
		return contradiction(s, in_ns);
	if (!wake_ns) {
		/*
		 * A signal was pending when it tried to sleep, so it stayed runnable; before
		 * Linux 6.15 (commit 8feb053d5319) the tracepoint still shows the sleep.
		 */
		s->aborted_sleeps++;
		return cut_wait(s, in_ns, ready_cause(s), next, open);
	}
	if (wake_ns > in_ns || wake_ns < s->end_ns) {
		s->order_errors++;
		wake_ns = wake_ns > in_ns ? in_ns : s->end_ns;
	}
	rc = cut(s, wake_ns, sleep, 0, open);
	return rc ? rc : cut_wait(s, in_ns, PVTB_SCHED_WOKEN, holder, open);
}

static int switch_in(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	u64 ns = in_order(s, rec->t0_ns);
	/* The first record of a stream is the thread's own, written where it runs. */
	bool registered = !s->records && s->state == PVTB_SCHED_ST_HOST;
	int rc;

	s->moves = rec->reason;
	if (s->state == PVTB_SCHED_ST_OUT)
		rc = close_out(s, ns, rec->t1_ns, false);
	else if (s->state == PVTB_SCHED_ST_UNKNOWN)
		rc = cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
	else if (registered)
		rc = cut(s, ns, s->host, 0, false);
	else
		rc = contradiction(s, ns);
	/* Back where it was: in the VMM, or on its way to the guest. */
	if (s->state != PVTB_SCHED_ST_OUT)
		s->host = s->entered ? PVTB_SCHED_HOST_KVM : PVTB_SCHED_HOST_VMM;
	else if (s->host != PVTB_SCHED_HOST_VMM)
		s->host = PVTB_SCHED_HOST_KVM;
	s->migrations += rec->reason;
	s->cpu = rec->cpu;
	s->state = PVTB_SCHED_ST_HOST;
	return rc;
}

void pvtb_sched_begin(struct pvtb_sched *s, const struct pvtb_sched_config *cfg, u64 start_ns,
		      enum pvtb_sched_cause initial)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->start_ns = s->end_ns = start_ns;
	s->state = PVTB_SCHED_ST_UNKNOWN;
	if (initial == PVTB_SCHED_GUEST) {
		s->state = PVTB_SCHED_ST_GUEST;
		s->entered = true;
	} else if (pvtb_sched_is_host(initial)) {
		s->state = PVTB_SCHED_ST_HOST;
		s->host = initial;
	}
}

/* Another thread goes on, both of them current and in the VMM when they were asked. */
static int other_thread(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	u64 ns = in_order(s, rec->t0_ns);
	int rc;

	if (s->state == PVTB_SCHED_ST_HOST)
		rc = cut(s, ns, PVTB_SCHED_HOST_VMM, 0, false);
	else if (s->state == PVTB_SCHED_ST_UNKNOWN)
		rc = cut(s, ns, PVTB_SCHED_UNKNOWN, 0, false);
	else
		rc = contradiction(s, ns);
	s->state = PVTB_SCHED_ST_HOST;
	s->host = PVTB_SCHED_HOST_VMM;
	s->halted = false;
	return rc;
}

static int feed(struct pvtb_sched *s, const struct pvtb_rec *rec)
{
	int rc;

	switch (rec->kind) {
	case PVTB_REC_PAIR:
		rc = leave_guest(s, rec);
		s->cpu = rec->cpu;
		return rc ? rc : enter_guest(s, rec);
	case PVTB_REC_EXIT:
		rc = leave_guest(s, rec);
		s->cpu = rec->cpu;
		return rc;
	case PVTB_REC_ENTRY:
		rc = enter_guest(s, rec);
		s->cpu = rec->cpu;
		return rc;
	case PVTB_REC_SCHED_OUT:
		return switch_out(s, rec);
	case PVTB_REC_SCHED_IN:
		return switch_in(s, rec);
	case PVTB_REC_WAIT:
		s->wait = *rec;
		return 0;
	case PVTB_REC_THREAD:
		return other_thread(s, rec);
	case PVTB_REC_RUN_DELAY:
	case PVTB_REC_CLOCK:
		return 0; /* witness K's */
	default:
		return -EBADMSG;
	}
}

int pvtb_sched_feed(struct pvtb_sched *s, const struct pvtb_rec *rec, struct pvtb_err *err)
{
	int rc;

	if (s->state == PVTB_SCHED_ST_ENDED) {
		s->chain_errors++; /* nobody writes for a dead thread */
		return 0;
	}
	rc = feed(s, rec);
	s->records++;
	if (rc == -EBADMSG)
		return pvtb_err_set(err, rc, "host records", "no record has kind %u", rec->kind);
	return rc;
}

void pvtb_sched_lost(struct pvtb_sched *s, u64 n)
{
	if (!n)
		return;
	s->lost += n;
	if (s->state != PVTB_SCHED_ST_ENDED)
		s->state = PVTB_SCHED_ST_UNKNOWN;
}

int pvtb_sched_end(struct pvtb_sched *s, u64 end_ns, bool current)
{
	end_ns = in_order(s, end_ns);
	if (current && s->state == PVTB_SCHED_ST_OUT)
		return unseen(s, end_ns, true);
	switch (s->state) {
	case PVTB_SCHED_ST_GUEST:
		return cut(s, end_ns, PVTB_SCHED_GUEST, 0, true);
	case PVTB_SCHED_ST_HOST:
		return cut(s, end_ns, s->host, 0, true);
	case PVTB_SCHED_ST_OUT:
		return close_out(s, end_ns, 0, true);
	case PVTB_SCHED_ST_ENDED:
		return cut(s, end_ns, PVTB_SCHED_ENDED, 0, true);
	default:
		return cut(s, end_ns, PVTB_SCHED_UNKNOWN, 0, true);
	}
}

u64 pvtb_sched_involuntary_ns(const struct pvtb_sched *s)
{
	u64 sum = 0;

	for (unsigned int c = PVTB_SCHED_PREEMPTED; c <= PVTB_SCHED_UNCLAIMED; c++)
		sum += s->sum_ns[c];
	return sum;
}

size_t pvtb_sched_top(const struct pvtb_sched *s, struct pvtb_sched_preemptor *out, size_t max)
{
	size_t n = 0, at;

	for (size_t i = 0; i < PVTB_SCHED_PREEMPTORS; i++) {
		const struct pvtb_sched_preemptor *p = &s->preemptors[i];

		if (!p->pid)
			continue;
		for (at = n; at > 0 && out[at - 1].ns < p->ns; at--) {
			if (at < max)
				out[at] = out[at - 1];
		}
		if (at < max)
			out[at] = *p;
		if (n < max)
			n++;
	}
	return n;
}
