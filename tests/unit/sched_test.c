// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler's state machine against hand-made streams: every cause, every contradiction, loss,
 * and random streams, whose intervals must add up to the run whatever is in them. Streams here
 * stand for nothing measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "timeline/sched.h"

#define HLT	 0x78u
#define INTR	 0x60u
#define PIO	 0x7bu
#define SLEEPING 1u
#define MAX	 64

struct world {
	struct pvtb_sched s;
	struct pvtb_sched_config cfg;
	struct pvtb_sched_interval out[MAX];
	size_t n;
	u64 sum_ns, last_ns, begin_ns;
	bool keep; /* intervals in out[] */
	bool ending;
	u16 cpu;
	int fail;
};

static int take(void *ctx, const struct pvtb_sched_interval *i)
{
	struct world *w = ctx;

	assert_int_equal(i->start_ns, w->last_ns);
	assert_true(i->end_ns > i->start_ns);
	assert_int_equal(i->open, w->ending);
	w->last_ns = i->end_ns;
	w->sum_ns += i->end_ns - i->start_ns;
	if (w->keep) {
		assert_true(w->n < MAX);
		w->out[w->n] = *i;
	}
	w->n++;
	return w->fail;
}

static struct world *begin_as(u64 ns, enum pvtb_sched_cause initial, bool user_known)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->cfg = (struct pvtb_sched_config){
		.halt = {{HLT, ~0u}},
		.nr_halt = 1,
		.intr = {{INTR, ~0u}},
		.nr_intr = 1,
		.user_known = user_known,
		.sink = take,
		.sink_ctx = w,
	};
	w->last_ns = w->begin_ns = ns;
	w->keep = true;
	w->cpu = 3;
	pvtb_sched_begin(&w->s, &w->cfg, ns, initial);
	return w;
}

static struct world *begin(void)
{
	return begin_as(1000, PVTB_SCHED_GUEST, true);
}

static void feed(struct world *w, u8 kind, u8 flags, u64 t0, u64 t1, u64 arg, u32 reason)
{
	struct pvtb_rec rec = {.t0_ns = t0,
			       .t1_ns = t1,
			       .arg = arg,
			       .reason = reason,
			       .cpu = w->cpu,
			       .kind = kind,
			       .flags = flags};
	struct pvtb_err err;

	assert_int_equal(pvtb_sched_feed(&w->s, &rec, &err), 0);
}

static void ex(struct world *w, u64 t0, u32 reason)
{
	feed(w, PVTB_REC_EXIT, 0, t0, 0, 0, reason);
}

static void out(struct world *w, u64 t0, u8 flags, u32 state, u32 next)
{
	feed(w, PVTB_REC_SCHED_OUT, flags, t0, 0, next, state);
}

static void wait(struct world *w, u64 t0, u64 migrated_ns, u64 throttled_ns, u32 holder)
{
	feed(w, PVTB_REC_WAIT, 0, t0, migrated_ns, throttled_ns, holder);
}

static void in(struct world *w, u64 t0, u64 wake, u32 migrations)
{
	feed(w, PVTB_REC_SCHED_IN, 0, t0, wake, 0, migrations);
}

static void entry(struct world *w, u64 t1)
{
	feed(w, PVTB_REC_ENTRY, 0, 0, t1, 0, 0);
	feed(w, PVTB_REC_RUN_DELAY, 0, 0, t1, 0, 0);
}

/* Ends the run and checks that nothing is missing from it and nothing counted twice. */
static void end(struct world *w, u64 ns)
{
	u64 sum = 0, times = 0;

	w->ending = true;
	assert_int_equal(pvtb_sched_end(&w->s, ns, false), 0);
	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++) {
		sum += w->s.sum_ns[c];
		times += w->s.times[c];
	}
	assert_int_equal(sum, w->s.end_ns - w->begin_ns);
	assert_int_equal(w->sum_ns, sum);
	assert_int_equal(times, w->n);
	assert_int_equal(w->s.start_ns, w->begin_ns);
}

struct want {
	u64 start_ns, end_ns;
	enum pvtb_sched_cause cause;
	u32 pid;
};

static void expect(struct world *w, const struct want *want, size_t n)
{
	for (size_t i = 0; i < n && i < w->n; i++) {
		if (w->out[i].cause != want[i].cause)
			print_error("interval %zu: %s\n", i,
				    pvtb_sched_cause_name(w->out[i].cause));
		assert_int_equal(w->out[i].start_ns, want[i].start_ns);
		assert_int_equal(w->out[i].end_ns, want[i].end_ns);
		assert_int_equal(w->out[i].cause, want[i].cause);
		assert_int_equal(w->out[i].pid, want[i].pid);
	}
	assert_int_equal(w->n, n);
}
#define EXPECT(w, ...)                                                                             \
	expect(w, (const struct want[]){__VA_ARGS__},                                              \
	       PVTB_ARRAY_SIZE(((const struct want[]){__VA_ARGS__})))

static void test_exits(void **state)
{
	struct world *w = begin_as(1000, PVTB_SCHED_HOST_VMM, true);

	in(w, 1000, 0, 0);
	entry(w, 1100);
	feed(w, PVTB_REC_PAIR, 0, 1200, 1210, 0, INTR);
	feed(w, PVTB_REC_PAIR, 0, 1300, 1320, 0, HLT);
	feed(w, PVTB_REC_PAIR, 0, 1400, 1430, 0, PIO);
	feed(w, PVTB_REC_PAIR, PVTB_REC_F_USER, 1500, 1540, 0, PIO);
	end(w, 1600);
	EXPECT(w, {1000, 1100, PVTB_SCHED_HOST_VMM, 0}, {1100, 1200, PVTB_SCHED_GUEST, 0},
	       {1200, 1210, PVTB_SCHED_HOST_IRQ, 0}, {1210, 1300, PVTB_SCHED_GUEST, 0},
	       {1300, 1320, PVTB_SCHED_HOST_HALT, 0}, {1320, 1400, PVTB_SCHED_GUEST, 0},
	       {1400, 1430, PVTB_SCHED_HOST_KVM, 0}, {1430, 1500, PVTB_SCHED_GUEST, 0},
	       {1500, 1540, PVTB_SCHED_HOST_VMM, 0}, {1540, 1600, PVTB_SCHED_GUEST, 0});
	assert_true(w->out[9].open);
	assert_false(w->out[8].open);
	assert_int_equal(w->out[1].out, 0);
	assert_int_equal(w->out[1].cpu, 3);
	assert_true(pvtb_sched_conclusive(&w->s));
	assert_int_equal(pvtb_sched_involuntary_ns(&w->s), 0);
	free(w);
}

static void test_preempted(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1110, PVTB_REC_F_PREEMPT, 0, 77);
	wait(w, 5000, 0, 0, 77);
	in(w, 5000, 0, 0);
	entry(w, 5010);
	end(w, 6000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1110, PVTB_SCHED_HOST_IRQ, 0},
	       {1110, 5000, PVTB_SCHED_PREEMPTED, 77}, {5000, 5010, PVTB_SCHED_HOST_KVM, 0},
	       {5010, 6000, PVTB_SCHED_GUEST, 0});
	assert_int_equal(w->out[2].out, 1);
	assert_int_equal(w->out[3].out, 0);
	assert_int_equal(pvtb_sched_involuntary_ns(&w->s), 3890);
	assert_int_equal(w->s.shared_waits, 0);
	assert_true(pvtb_sched_conclusive(&w->s));
	free(w);
}

/* Preempted in the middle of going to sleep: the state says asleep, the flag that it is not. */
static void test_preempted_going_to_sleep(void **state)
{
	struct world *w = begin();

	ex(w, 1100, HLT);
	out(w, 1110, PVTB_REC_F_PREEMPT, SLEEPING, 77);
	wait(w, 5000, 0, 0, 78);
	in(w, 5000, 0, 0);
	end(w, 5000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1110, PVTB_SCHED_HOST_HALT, 0},
	       {1110, 5000, PVTB_SCHED_PREEMPTED, 77});
	assert_int_equal(w->s.shared_waits, 1);
	assert_int_equal(w->s.aborted_sleeps, 0);
	free(w);
}

static void test_halted_and_woken(void **state)
{
	struct world *w = begin();

	ex(w, 1100, HLT);
	out(w, 1110, 0, SLEEPING, 0);
	wait(w, 5000, 4000, 0, 55);
	in(w, 5000, 4900, 1);
	/* woken for nothing: back to sleep before any entry */
	out(w, 5005, 0, SLEEPING, 0);
	in(w, 6000, 6000, 0);
	entry(w, 6010);
	end(w, 6010);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1110, PVTB_SCHED_HOST_HALT, 0},
	       {1110, 4900, PVTB_SCHED_BLOCKED_HALT, 0}, {4900, 5000, PVTB_SCHED_WOKEN, 55},
	       {5000, 5005, PVTB_SCHED_HOST_KVM, 0}, {5005, 6000, PVTB_SCHED_BLOCKED_HALT, 0},
	       {6000, 6010, PVTB_SCHED_HOST_KVM, 0});
	assert_int_equal(w->out[2].migrations, 1);
	assert_int_equal(w->out[3].migrations, 1);
	assert_int_equal(w->out[5].migrations, 0);
	assert_int_equal(w->s.migrations, 1);
	assert_int_equal(w->out[5].out, 2);
	free(w);
}

static enum pvtb_sched_cause slept(bool user_known, u32 reason, u8 exit_flags, u8 out_flags,
				   u32 prev_state)
{
	struct world *w = begin_as(1000, PVTB_SCHED_GUEST, user_known);
	enum pvtb_sched_cause cause;

	feed(w, PVTB_REC_EXIT, exit_flags, 1100, 0, 0, reason);
	out(w, 1200, out_flags, prev_state, 0);
	in(w, 2000, 1500, 0);
	end(w, 2000);
	assert_int_equal(w->n, 4);
	cause = w->out[2].cause;
	assert_int_equal(w->out[2].end_ns, 1500);
	assert_int_equal(w->out[3].cause, PVTB_SCHED_WOKEN);
	free(w);
	return cause;
}

static void test_sleeps(void **state)
{
	u8 user = PVTB_REC_F_USER, frozen = PVTB_REC_F_FROZEN;

	assert_int_equal(slept(true, HLT, 0, 0, SLEEPING), PVTB_SCHED_BLOCKED_HALT);
	assert_int_equal(slept(true, PIO, 0, 0, SLEEPING), PVTB_SCHED_BLOCKED_KVM);
	assert_int_equal(slept(true, PIO, user, 0, SLEEPING), PVTB_SCHED_BLOCKED_VMM);
	assert_int_equal(slept(true, PIO, 0, user, SLEEPING), PVTB_SCHED_BLOCKED_VMM);
	/* a VMM with its own interrupt controller gets the halt itself */
	assert_int_equal(slept(true, HLT, user, 0, SLEEPING), PVTB_SCHED_BLOCKED_VMM);
	assert_int_equal(slept(false, HLT, 0, 0, SLEEPING), PVTB_SCHED_BLOCKED_HALT);
	assert_int_equal(slept(false, PIO, 0, 0, SLEEPING), PVTB_SCHED_BLOCKED_VMM);
	/* the flag means nothing where nobody sets it */
	assert_int_equal(slept(false, HLT, user, user, SLEEPING), PVTB_SCHED_BLOCKED_HALT);
	assert_int_equal(slept(true, PIO, 0, 0, PVTB_TASK_STOPPED | 0x100), PVTB_SCHED_STOPPED);
	assert_int_equal(slept(true, PIO, 0, 0, PVTB_TASK_TRACED), PVTB_SCHED_STOPPED);
	assert_int_equal(slept(true, PIO, 0, frozen, PVTB_TASK_STOPPED), PVTB_SCHED_STOPPED);
	assert_int_equal(slept(true, PIO, 0, 0, PVTB_TASK_FROZEN), PVTB_SCHED_FROZEN);
	assert_int_equal(slept(true, HLT, 0, frozen, 0x2001), PVTB_SCHED_FROZEN);
}

/* Before its first entry the thread can only be in the VMM. */
static void test_blocked_before_entry(void **state)
{
	struct world *w = begin_as(1000, PVTB_SCHED_HOST_VMM, false);

	in(w, 1000, 0, 0);
	out(w, 1010, 0, SLEEPING, 0);
	in(w, 2000, 2000, 0);
	entry(w, 2010);
	end(w, 2020);
	EXPECT(w, {1000, 1010, PVTB_SCHED_HOST_VMM, 0}, {1010, 2000, PVTB_SCHED_BLOCKED_VMM, 0},
	       {2000, 2010, PVTB_SCHED_HOST_VMM, 0}, {2010, 2020, PVTB_SCHED_GUEST, 0});
	free(w);
}

/* Moved to a queue whose count could not be read: what the WAIT has for it must not be believed. */
static void test_throttled_unknown(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1100, PVTB_REC_F_PREEMPT, 0, 88);
	feed(w, PVTB_REC_WAIT, PVTB_REC_F_NOTHROTTLED, 5000, 2000, 3000, 88);
	in(w, 5000, 0, 0);
	entry(w, 5000);
	ex(w, 6000, INTR);
	out(w, 6000, PVTB_REC_F_PREEMPT | PVTB_REC_F_THROTTLED, 0, 0);
	feed(w, PVTB_REC_WAIT, PVTB_REC_F_NOTHROTTLED, 7000, 6500, 300, 0);
	in(w, 7000, 0, 0);
	end(w, 7000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 5000, PVTB_SCHED_PREEMPTED, 88},
	       {5000, 6000, PVTB_SCHED_GUEST, 0}, {6000, 7000, PVTB_SCHED_THROTTLED, 0});
	assert_int_equal(w->s.throttle_unknown, 2);
	assert_int_equal(w->s.throttle_unknown_ns, 4900);
	free(w);
}

static void test_throttled(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1100, PVTB_REC_F_PREEMPT | PVTB_REC_F_THROTTLED, 0, 0);
	wait(w, 5000, 0, 3000, 88);
	in(w, 5000, 0, 0);
	entry(w, 5000);
	/* how long is not told: all of it */
	ex(w, 6000, INTR);
	out(w, 6000, PVTB_REC_F_PREEMPT | PVTB_REC_F_THROTTLED, 0, 88);
	in(w, 7000, 0, 0);
	entry(w, 7000);
	/* longer than the wait */
	ex(w, 8000, INTR);
	out(w, 8000, PVTB_REC_F_PREEMPT | PVTB_REC_F_THROTTLED, 0, 0);
	wait(w, 9000, 0, 1007, 0);
	in(w, 9000, 0, 0);
	entry(w, 9000);
	/* while it waited for another reason; and woken into it */
	ex(w, 10000, INTR);
	out(w, 10000, PVTB_REC_F_PREEMPT, 0, 88);
	wait(w, 11000, 0, 300, 88);
	in(w, 11000, 0, 0);
	out(w, 12000, 0, SLEEPING, 0);
	wait(w, 14000, 0, 900, 89);
	in(w, 14000, 13000, 0);
	end(w, 14000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 4100, PVTB_SCHED_THROTTLED, 0},
	       {4100, 5000, PVTB_SCHED_QUEUED, 88}, {5000, 6000, PVTB_SCHED_GUEST, 0},
	       {6000, 7000, PVTB_SCHED_THROTTLED, 0}, {7000, 8000, PVTB_SCHED_GUEST, 0},
	       {8000, 9000, PVTB_SCHED_THROTTLED, 0}, {9000, 10000, PVTB_SCHED_GUEST, 0},
	       {10000, 10700, PVTB_SCHED_PREEMPTED, 88}, {10700, 11000, PVTB_SCHED_THROTTLED, 0},
	       {11000, 12000, PVTB_SCHED_HOST_KVM, 0}, {12000, 13000, PVTB_SCHED_BLOCKED_KVM, 0},
	       {13000, 13100, PVTB_SCHED_WOKEN, 89}, {13100, 14000, PVTB_SCHED_THROTTLED, 0});
	assert_int_equal(w->s.throttle_excess_ns, 7);
	free(w);
}

static void test_moved(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1100, PVTB_REC_F_PREEMPT | PVTB_REC_F_STOPPER, 0, 20);
	wait(w, 2000, 1150, 0, 66);
	in(w, 2000, 0, 1);
	/* where the moment is not told */
	out(w, 3000, PVTB_REC_F_PREEMPT | PVTB_REC_F_STOPPER, 0, 20);
	in(w, 4000, 0, 1);
	/* the stopper came for something else */
	out(w, 4000, PVTB_REC_F_PREEMPT | PVTB_REC_F_STOPPER, 0, 20);
	in(w, 4500, 0, 0);
	end(w, 4500);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1150, PVTB_SCHED_MOVED, 20},
	       {1150, 2000, PVTB_SCHED_QUEUED, 66}, {2000, 3000, PVTB_SCHED_HOST_KVM, 0},
	       {3000, 4000, PVTB_SCHED_MOVED, 20}, {4000, 4500, PVTB_SCHED_PREEMPTED, 20});
	assert_int_equal(w->s.migrations, 2);
	free(w);
}

static void test_unclaimed(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1100, PVTB_REC_F_PREEMPT, 0, 0);
	in(w, 2000, 0, 0);
	end(w, 2000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 2000, PVTB_SCHED_UNCLAIMED, 0});
	assert_int_equal(pvtb_sched_involuntary_ns(&w->s), 900);
	assert_int_equal(w->s.preemptors[0].ns, 0);
	free(w);
}

static void test_aborted_sleep(void **state)
{
	struct world *w = begin();

	ex(w, 1100, HLT);
	out(w, 1100, 0, SLEEPING, 44);
	in(w, 2000, 0, 0);
	end(w, 2000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 2000, PVTB_SCHED_PREEMPTED, 44});
	assert_int_equal(w->s.aborted_sleeps, 1);
	assert_true(pvtb_sched_conclusive(&w->s));
	free(w);

	/* nobody leaves a stop without being woken */
	w = begin();
	ex(w, 1100, HLT);
	out(w, 1100, 0, PVTB_TASK_STOPPED, 44);
	in(w, 2000, 0, 0);
	end(w, 2000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 2000, PVTB_SCHED_UNKNOWN, 0});
	assert_int_equal(w->s.chain_errors, 1);
	free(w);
}

/* The run ends while it is away. */
static void test_open_end(void **state)
{
	struct world *w = begin();

	ex(w, 1100, HLT);
	out(w, 1100, 0, SLEEPING, 44);
	end(w, 3000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 3000, PVTB_SCHED_BLOCKED_HALT, 0});
	assert_true(w->out[1].open);
	assert_int_equal(w->s.aborted_sleeps, 0);
	free(w);

	w = begin();
	ex(w, 1100, HLT);
	out(w, 1100, PVTB_REC_F_PREEMPT, 0, 44);
	end(w, 3000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 3000, PVTB_SCHED_PREEMPTED, 44});
	assert_true(w->out[1].open);
	free(w);

	w = begin();
	ex(w, 1100, PIO);
	end(w, 3000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 3000, PVTB_SCHED_HOST_KVM, 0});
	free(w);

	w = begin();
	ex(w, 1100, PIO);
	out(w, 1200, 0, PVTB_TASK_DEAD, 44);
	feed(w, PVTB_REC_SCHED_IN, 0, 2000, 0, 0, 0);
	end(w, 3000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1200, PVTB_SCHED_HOST_KVM, 0},
	       {1200, 3000, PVTB_SCHED_ENDED, 0});
	assert_int_equal(w->s.chain_errors, 1);
	free(w);
}

static void test_lost(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	pvtb_sched_lost(&w->s, 0);
	assert_true(pvtb_sched_conclusive(&w->s));
	out(w, 1200, PVTB_REC_F_PREEMPT, 0, 44);
	pvtb_sched_lost(&w->s, 5);
	/* known again from the kind of what comes next */
	out(w, 3000, PVTB_REC_F_PREEMPT, 0, 45);
	in(w, 4000, 0, 0);
	pvtb_sched_lost(&w->s, 2);
	feed(w, PVTB_REC_PAIR, 0, 5000, 5100, 0, PIO);
	pvtb_sched_lost(&w->s, 1);
	entry(w, 6000);
	pvtb_sched_lost(&w->s, 1);
	in(w, 7000, 0, 0);
	pvtb_sched_lost(&w->s, 1);
	end(w, 8000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1200, PVTB_SCHED_HOST_IRQ, 0},
	       {1200, 3000, PVTB_SCHED_UNKNOWN, 0}, {3000, 4000, PVTB_SCHED_PREEMPTED, 45},
	       {4000, 5000, PVTB_SCHED_UNKNOWN, 0}, {5000, 5100, PVTB_SCHED_HOST_KVM, 0},
	       {5100, 6000, PVTB_SCHED_UNKNOWN, 0}, {6000, 7000, PVTB_SCHED_UNKNOWN, 0},
	       {7000, 8000, PVTB_SCHED_UNKNOWN, 0});
	assert_int_equal(w->s.lost, 10);
	assert_int_equal(w->s.chain_errors, 0);
	assert_false(pvtb_sched_conclusive(&w->s));
	free(w);
}

/* Found again where it is switched in: on its way to the guest, unless it never was there. */
/* A switch-in that nobody saw: the time around it is in doubt, what follows is not. */
static void test_unseen(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1110, PVTB_REC_F_PREEMPT, 0, 7);
	out(w, 1500, PVTB_REC_F_PREEMPT | PVTB_REC_F_UNSEEN, 0, 8);
	wait(w, 1600, 0, 0, 8);
	in(w, 1600, 0, 0);
	entry(w, 1610);
	end(w, 2000);
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1110, PVTB_SCHED_HOST_IRQ, 0},
	       {1110, 1500, PVTB_SCHED_UNKNOWN, 0}, {1500, 1600, PVTB_SCHED_PREEMPTED, 8},
	       {1600, 1610, PVTB_SCHED_HOST_KVM, 0}, {1610, 2000, PVTB_SCHED_GUEST, 0});
	assert_int_equal(w->s.unseen, 1);
	assert_int_equal(w->s.unseen_ns, 390);
	assert_int_equal(w->s.chain_errors, 0);
	assert_int_equal(w->s.outs, 2);
	assert_true(pvtb_sched_conclusive(&w->s));
	free(w);
	/* without the flag it is a contradiction */
	w = begin();
	ex(w, 1100, INTR);
	out(w, 1110, PVTB_REC_F_PREEMPT, 0, 7);
	out(w, 1500, PVTB_REC_F_PREEMPT, 0, 8);
	assert_int_equal(w->s.chain_errors, 1);
	assert_false(pvtb_sched_conclusive(&w->s));
	free(w);
}

/* Nobody saw it come, but it is known to be there at the end. */
static void test_unseen_at_the_end(void **state)
{
	struct world *w = begin();

	ex(w, 1100, INTR);
	out(w, 1110, PVTB_REC_F_PREEMPT, 0, 7);
	w->ending = true;
	assert_int_equal(pvtb_sched_end(&w->s, 1500, true), 0);
	assert_int_equal(w->s.sum_ns[PVTB_SCHED_PREEMPTED], 0);
	assert_int_equal(w->s.sum_ns[PVTB_SCHED_UNKNOWN], 390);
	assert_int_equal(w->s.unseen, 1);
	assert_true(pvtb_sched_conclusive(&w->s));
	free(w);
}

static void test_lost_and_switched_in(void **state)
{
	struct world *w = begin();

	pvtb_sched_lost(&w->s, 1);
	in(w, 2000, 0, 0);
	entry(w, 2100);
	end(w, 2100);
	EXPECT(w, {1000, 2000, PVTB_SCHED_UNKNOWN, 0}, {2000, 2100, PVTB_SCHED_HOST_KVM, 0});
	free(w);

	w = begin_as(1000, PVTB_SCHED_HOST_VMM, true);
	pvtb_sched_lost(&w->s, 1);
	in(w, 2000, 0, 0);
	entry(w, 2100);
	end(w, 2100);
	EXPECT(w, {1000, 2000, PVTB_SCHED_UNKNOWN, 0}, {2000, 2100, PVTB_SCHED_HOST_VMM, 0});
	free(w);
}

static void test_begin_inside_exit(void **state)
{
	struct world *w = begin_as(1000, PVTB_SCHED_HOST_IRQ, true);

	entry(w, 1200);
	end(w, 1300);
	EXPECT(w, {1000, 1200, PVTB_SCHED_HOST_IRQ, 0}, {1200, 1300, PVTB_SCHED_GUEST, 0});
	free(w);
}

/* Time off the CPU is noted where it began, time on it where it is. */
static void test_cpus_and_migrations(void **state)
{
	struct world *w = begin();

	w->cpu = 4;
	ex(w, 1100, INTR);
	out(w, 1200, PVTB_REC_F_PREEMPT | PVTB_REC_F_STOPPER, 0, 20);
	w->cpu = 5;
	wait(w, 2000, 1950, 300, 66);
	in(w, 2000, 0, 2);
	entry(w, 2100);
	ex(w, 2200, INTR);
	out(w, 2300, PVTB_REC_F_PREEMPT, 0, 20);
	end(w, 3000);
	/* throttled at the end, so it was not being moved for so long */
	EXPECT(w, {1000, 1100, PVTB_SCHED_GUEST, 0}, {1100, 1200, PVTB_SCHED_HOST_IRQ, 0},
	       {1200, 1700, PVTB_SCHED_MOVED, 20}, {1700, 2000, PVTB_SCHED_THROTTLED, 0},
	       {2000, 2100, PVTB_SCHED_HOST_KVM, 0}, {2100, 2200, PVTB_SCHED_GUEST, 0},
	       {2200, 2300, PVTB_SCHED_HOST_IRQ, 0}, {2300, 3000, PVTB_SCHED_PREEMPTED, 20});
	assert_int_equal(w->out[1].cpu, 4);
	assert_int_equal(w->out[2].cpu, 4);
	assert_int_equal(w->out[3].migrations, 2);
	assert_int_equal(w->out[4].cpu, 5);
	assert_int_equal(w->out[4].migrations, 0);
	assert_int_equal(w->out[7].migrations, 0);
	free(w);
}

/* Lost in no time: still not to be relied on. */
static void test_lost_without_time(void **state)
{
	struct world *w = begin();

	ex(w, 1100, PIO);
	pvtb_sched_lost(&w->s, 1);
	ex(w, 1100, PIO);
	end(w, 1200);
	assert_int_equal(w->s.sum_ns[PVTB_SCHED_UNKNOWN], 0);
	assert_false(pvtb_sched_conclusive(&w->s));
	free(w);
}

static void test_contradictions(void **state)
{
	static const struct {
		u8 first, second;
	} t[] = {
		{PVTB_REC_EXIT, PVTB_REC_EXIT},		  {PVTB_REC_EXIT, PVTB_REC_PAIR},
		{PVTB_REC_EXIT, PVTB_REC_SCHED_IN},	  {PVTB_REC_SCHED_IN, PVTB_REC_SCHED_IN},
		{PVTB_REC_SCHED_IN, PVTB_REC_EXIT},	  {PVTB_REC_ENTRY, PVTB_REC_ENTRY},
		{PVTB_REC_ENTRY, PVTB_REC_SCHED_OUT},	  {PVTB_REC_ENTRY, PVTB_REC_SCHED_IN},
		{PVTB_REC_SCHED_OUT, PVTB_REC_SCHED_OUT}, {PVTB_REC_SCHED_OUT, PVTB_REC_ENTRY},
		{PVTB_REC_SCHED_OUT, PVTB_REC_EXIT},	  {PVTB_REC_SCHED_OUT, PVTB_REC_PAIR},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++) {
		struct world *w = begin_as(1000, PVTB_SCHED_UNKNOWN, true);

		feed(w, t[i].first, PVTB_REC_F_PREEMPT, 1000, 1000, 9, 0);
		assert_int_equal(w->s.chain_errors, 0);
		feed(w, t[i].second, PVTB_REC_F_PREEMPT, 2000, 2000, 9, 0);
		assert_int_equal(w->s.chain_errors, 1);
		end(w, 3000);
		assert_int_equal(w->s.sum_ns[PVTB_SCHED_UNKNOWN], 1000);
		assert_int_equal(w->s.order_errors, 0);
		assert_false(pvtb_sched_conclusive(&w->s));
		free(w);
	}
}

static void test_backwards(void **state)
{
	struct world *w = begin();

	feed(w, PVTB_REC_PAIR, 0, 1500, 1400, 0, PIO);
	assert_int_equal(w->s.order_errors, 1);
	feed(w, PVTB_REC_PAIR, 0, 1300, 1600, 0, PIO);
	assert_int_equal(w->s.order_errors, 2);
	ex(w, 1700, HLT);
	out(w, 1800, 0, SLEEPING, 0);
	in(w, 2000, 1750, 0);
	assert_int_equal(w->s.order_errors, 3);
	out(w, 2100, 0, SLEEPING, 0);
	in(w, 2200, 2300, 0);
	assert_int_equal(w->s.order_errors, 4);
	end(w, 2150);
	assert_int_equal(w->s.order_errors, 5);
	assert_int_equal(w->s.end_ns, 2200);
	assert_false(pvtb_sched_conclusive(&w->s));
	free(w);
}

static void test_bad_kind(void **state)
{
	struct world *w = begin();
	struct pvtb_rec rec = {.t0_ns = 2000, .kind = 200};
	struct pvtb_err err;

	assert_int_equal(pvtb_sched_feed(&w->s, &rec, &err), -EBADMSG);
	assert_int_equal(err.code, -EBADMSG);
	rec.kind = PVTB_REC_NONE;
	assert_int_equal(pvtb_sched_feed(&w->s, &rec, &err), -EBADMSG);
	free(w);
}

static void test_sink_fails(void **state)
{
	struct world *w = begin();
	struct pvtb_rec rec = {.t0_ns = 2000, .kind = PVTB_REC_EXIT};
	struct pvtb_err err;

	w->fail = -ENOSPC;
	assert_int_equal(pvtb_sched_feed(&w->s, &rec, &err), -ENOSPC);
	w->ending = true;
	assert_int_equal(pvtb_sched_end(&w->s, 3000, false), -ENOSPC);
	free(w);
}

static void test_preemptors(void **state)
{
	struct world *w = begin_as(1000, PVTB_SCHED_HOST_VMM, true);
	struct pvtb_sched_preemptor top[4];
	u64 now = 1000, sum = 0;

	w->keep = false;
	/* pids that fall on the same place, with time each its own */
	for (u32 i = 1; i <= PVTB_SCHED_PREEMPTORS + 10; i++) {
		out(w, now, PVTB_REC_F_PREEMPT, 0, i * PVTB_SCHED_PREEMPTORS);
		now += i;
		in(w, now, 0, 0);
	}
	out(w, now, PVTB_REC_F_PREEMPT, 0, 7 * PVTB_SCHED_PREEMPTORS);
	now += 5000;
	in(w, now, 0, 0);
	end(w, now);
	assert_int_equal(w->s.nr_preemptors, PVTB_SCHED_PREEMPTORS);
	assert_int_equal(w->s.others.times, 10);
	assert_int_equal(pvtb_sched_top(&w->s, top, 4), 4);
	assert_int_equal(top[0].pid, 7 * PVTB_SCHED_PREEMPTORS);
	assert_int_equal(top[0].ns, 5007);
	assert_int_equal(top[0].times, 2);
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(top[i].ns, PVTB_SCHED_PREEMPTORS + 1 - i);
	for (size_t i = 0; i < PVTB_SCHED_PREEMPTORS; i++)
		sum += w->s.preemptors[i].ns;
	assert_int_equal(sum + w->s.others.ns, pvtb_sched_involuntary_ns(&w->s));
	assert_int_equal(pvtb_sched_top(&w->s, top, 0), 0);
	free(w);
}

/* Whatever comes, the intervals follow each other and add up (checked in the sink and in end()). */
static void test_random(void **state)
{
	u64 seed = 88172645463325252ULL;

	for (unsigned int round = 0; round < 300; round++) {
		struct world *w = begin_as(1000, round % PVTB_SCHED_CAUSES, round & 1);
		u64 now = 1000;

		w->keep = false;
		for (unsigned int i = 0; i < 200; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			now += seed % 50;
			feed(w, (u8)(1 + (seed >> 8) % 7), (u8)(seed >> 16),
			     now - (seed >> 24) % 20, seed & 0x4000 ? now + (seed >> 32) % 20 : 0,
			     (seed >> 40) % 99, (u32)((seed >> 45) % 0x7f));
			if (!(seed >> 58))
				pvtb_sched_lost(&w->s, 1);
		}
		end(w, now + 5);
		free(w);
	}
}

/* Names are for tables: each cause has its own. */
static void test_names(void **state)
{
	for (unsigned int a = 0; a < PVTB_SCHED_CAUSES; a++) {
		assert_non_null(pvtb_sched_cause_name(a));
		for (unsigned int b = 0; b < a; b++)
			assert_string_not_equal(pvtb_sched_cause_name(a), pvtb_sched_cause_name(b));
	}
	assert_string_equal(pvtb_sched_cause_name(PVTB_SCHED_CAUSES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_preempted),
		cmocka_unit_test(test_preempted_going_to_sleep),
		cmocka_unit_test(test_halted_and_woken),
		cmocka_unit_test(test_sleeps),
		cmocka_unit_test(test_blocked_before_entry),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_throttled_unknown),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_unclaimed),
		cmocka_unit_test(test_aborted_sleep),
		cmocka_unit_test(test_open_end),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_unseen_at_the_end),
		cmocka_unit_test(test_lost_without_time),
		cmocka_unit_test(test_lost_and_switched_in),
		cmocka_unit_test(test_begin_inside_exit),
		cmocka_unit_test(test_cpus_and_migrations),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_backwards),
		cmocka_unit_test(test_bad_kind),
		cmocka_unit_test(test_sink_fails),
		cmocka_unit_test(test_preemptors),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
