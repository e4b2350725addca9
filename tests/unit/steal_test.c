// SPDX-License-Identifier: GPL-2.0-only
/*
 * The three witnesses of stolen time against hand-made streams: the honest kernel of both
 * architectures, one liar for each fault that has a name, loss, and the clocks' edges. Streams here
 * stand for nothing measured.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "timeline/steal.h"

#define HLT   0x78u
#define INTR  0x60u
#define MAX   8192
#define START 1000000u
#define MS    1000000u

struct world;
/* What the structure shows at an entry, from what it should. */
typedef u64 (*liar)(struct world *w, u64 honest_ns);

struct world {
	struct pvtb_rec r[MAX];
	struct pvtb_sample s[MAX];
	size_t nr, ns, pr, ps;
	size_t batch;
	u64 now, k, shown, before, period;
	u64 birth_ns; /* run_delay of the thread when the run begins */
	u64 lie_state, blocked, throttled;
	liar lie;
	struct pvtb_clock_map map;
	struct pvtb_steal_input in;
	struct pvtb_sched sched;
	struct pvtb_steal_result res;
	struct pvtb_err err;
	struct pvtb_steal_point p[MAX];
	size_t np;
};

static ssize_t give(void *out, const void *from, size_t size, size_t *pos, size_t n, size_t max)
{
	n -= *pos;
	if (n > max)
		n = max;
	memcpy(out, (const char *)from + *pos * size, n * size);
	*pos += n;
	return (ssize_t)n;
}

static ssize_t give_samples(void *ctx, struct pvtb_sample *out, size_t max)
{
	struct world *w = ctx;

	return give(out, w->s, sizeof(*out), &w->ps, w->ns, w->batch ? w->batch : max);
}

static ssize_t give_records(void *ctx, struct pvtb_rec *out, size_t max)
{
	struct world *w = ctx;

	return give(out, w->r, sizeof(*out), &w->pr, w->nr, w->batch ? w->batch : max);
}

static int take(void *ctx, const struct pvtb_steal_point *p)
{
	struct world *w = ctx;

	w->p[w->np++] = *p;
	return 0;
}

static struct pvtb_rec *rec(struct world *w, u8 kind, u64 t0, u64 t1, u64 arg, u32 reason)
{
	assert_true(w->nr < MAX);
	w->r[w->nr] = (struct pvtb_rec){
		.t0_ns = t0, .t1_ns = t1, .arg = arg, .reason = reason, .kind = kind};
	return &w->r[w->nr++];
}

static u64 honest(struct world *w, u64 v)
{
	return v;
}

/* The thread goes into the guest, where KVM has shown it its run_delay. */
static void enter(struct world *w)
{
	u64 zero = w->in.from == PVTB_STEAL_FROM_BIRTH ? 0 : w->birth_ns;

	rec(w, PVTB_REC_ENTRY, 0, w->now, 0, 0);
	rec(w, PVTB_REC_RUN_DELAY, 0, w->now, w->k, 0);
	w->shown = w->lie(w, w->k - zero);
	w->before = w->k - zero;
	w->now += 500;
}

static struct world *world(enum pvtb_steal_start from, u64 birth_ns, liar lie)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	/* the guest's counter: 1 GHz, 400 000 behind CLOCK_MONOTONIC */
	w->map = (struct pvtb_clock_map){.ns0 = 400000, .num = 1, .den = 1, .unc_ns = 20};
	w->in = (struct pvtb_steal_input){
		.map = &w->map,
		.sched = {.halt = {{HLT, ~0u}},
			  .nr_halt = 1,
			  .intr = {{INTR, ~0u}},
			  .nr_intr = 1,
			  .user_known = true},
		.limits = PVTB_STEAL_LIMITS,
		.start_ns = START,
		.initial = PVTB_SCHED_HOST_VMM,
		.from = from,
		.read_ns = 100,
		.samples = give_samples,
		.records = give_records,
		.sink = take,
	};
	w->in.samples_ctx = w->in.records_ctx = w->in.sink_ctx = w;
	w->now = START;
	w->k = w->birth_ns = birth_ns;
	w->lie = lie;
	w->period = 50000;
	rec(w, PVTB_REC_SCHED_IN, w->now, 0, w->k, 0);
	w->now += 5000;
	enter(w);
	w->in.call_k_ns = w->k;
	rec(w, PVTB_REC_PAIR, w->now + 300, w->now + 2000, 0, HLT + 1);
	w->now += 50000;
	return w;
}

static void sample(struct world *w)
{
	assert_true(w->ns < MAX);
	w->s[w->ns++] = (struct pvtb_sample){w->now - 400000, w->shown};
}

/* In the guest, sampling. */
static void guest(struct world *w, u64 ns)
{
	u64 end = w->now + ns;

	for (; w->now + w->period <= end; w->now += w->period)
		sample(w);
	w->now = end;
}

/* Off the CPU: asleep for @sleep, then waiting for @wait of which @thr throttled; K is off by
 * @skew against B. */
static void away(struct world *w, u64 sleep, u64 wait, u64 thr, s64 skew)
{
	u64 out = w->now + 300;
	struct pvtb_rec *r;

	rec(w, PVTB_REC_EXIT, w->now, 0, 0, sleep ? HLT : INTR);
	r = rec(w, PVTB_REC_SCHED_OUT, out, 0, thr ? 0 : 77, sleep ? 1 : 0);
	if (!sleep)
		r->flags = PVTB_REC_F_PREEMPT;
	if (thr)
		r->flags |= PVTB_REC_F_THROTTLED;
	w->now = out + sleep + wait;
	rec(w, PVTB_REC_WAIT, w->now, 0, thr, 77);
	rec(w, PVTB_REC_SCHED_IN, w->now, sleep ? out + sleep : 0, w->k, 0);
	w->k += wait + (u64)skew;
	w->blocked += sleep;
	w->throttled += thr;
	w->now += 2000;
	enter(w);
}

/* A bit of everything: 30 rounds, 132 ms stolen, 60 ms asleep. */
static void everything(struct world *w)
{
	for (unsigned int i = 0; i < 30; i++) {
		guest(w, 400000 + i * 7919);
		away(w, 0, MS + i * 100, 0, (s64)(i % 7) - 3);
		guest(w, 300000);
		away(w, 2 * MS, 400000, 0, 2);
		guest(w, 300000);
		away(w, 0, 3 * MS, 3 * MS, -1);
		guest(w, 300000);
	}
}

static void run(struct world *w)
{
	int rc;

	w->ps = w->pr = w->np = 0;
	w->in.end_ns = w->now;
	rc = pvtb_steal(&w->in, &w->sched, &w->res, &w->err);
	if (rc)
		print_error("%s: %s\n", w->err.what, w->err.why);
	assert_int_equal(rc, 0);
	assert_int_equal(w->np, w->res.compared);
	assert_int_equal(w->res.compared + w->res.unmatched + w->res.unreadable, w->res.samples);
}

static void must_hold(struct world *w)
{
	run(w);
	if (w->res.gk_law || w->res.kb_law)
		print_error("%s\n%s\n", w->res.gk_verdict, w->res.kb_verdict);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.gk.max_ns, 0);
	assert_int_equal(w->res.gk.final_ns, 0);
	assert_int_equal(w->res.fault, PVTB_STEAL_FAULT_NONE);
	assert_int_equal(w->res.unmatched, 0);
	assert_int_equal(w->res.backwards, 0);
	assert_int_equal(w->res.stale_samples, 0);
	assert_int_equal(w->res.causal_errors, 0);
	assert_int_equal(w->res.order_errors, 0);
	assert_int_equal(w->res.told_excess_ns, 0);
}

static void must_find(struct world *w, enum pvtb_steal_fault fault)
{
	run(w);
	if (w->res.fault != fault)
		print_error("%s\n", w->res.gk_verdict);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN);
	assert_int_equal(w->res.fault, fault);
	assert_non_null(strstr(w->res.gk_verdict, pvtb_steal_fault_name(fault)));
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS); /* not the scheduler's fault */
}

static void test_honest_x86(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 123456, honest);
	const struct pvtb_steal_row *row;

	everything(w);
	must_hold(w);
	assert_int_equal(w->res.steps, 91);
	assert_int_equal(w->res.outs, 90);
	assert_int_equal(w->res.events, 90);
	assert_int_equal(w->res.event_max_ns, -3);
	assert_int_equal(w->res.events_beyond, 0);
	assert_int_equal(w->res.kb.final_ns,
			 (s64)(w->k - 123456) - (s64)pvtb_sched_involuntary_ns(&w->sched));
	assert_int_equal(w->res.g_final_ns, w->k);
	assert_int_equal(w->res.k_final_ns, w->k);
	assert_int_equal(w->res.k_final_ns - w->res.b_final_ns, w->res.kb.final_ns);
	assert_int_equal(w->res.start_ns, 0);
	assert_false(w->res.start_assumed);
	assert_true(w->res.gk.ppm == 0);
	assert_true(w->res.kb.ppm < 1);
	/* told all that was stolen, and nothing else */
	row = w->res.rows;
	assert_int_equal(row[PVTB_SCHED_THROTTLED].span_ns, w->throttled);
	assert_int_equal(row[PVTB_SCHED_THROTTLED].told_ns, w->throttled - 30);
	assert_int_equal(row[PVTB_SCHED_THROTTLED].alone_ns, w->throttled);
	assert_int_equal(row[PVTB_SCHED_WOKEN].told_ns, 30 * 400002);
	assert_int_equal(row[PVTB_SCHED_PREEMPTED].total_ns, row[PVTB_SCHED_PREEMPTED].span_ns);
	assert_int_equal(row[PVTB_SCHED_BLOCKED_HALT].span_ns, w->blocked);
	assert_int_equal(row[PVTB_SCHED_BLOCKED_HALT].told_ns, 0);
	assert_int_equal(row[PVTB_SCHED_HOST_KVM].told_ns, 0);
	assert_true(row[PVTB_SCHED_HOST_KVM].span_ns > 0);
	free(w);
}

static void test_honest_arm64(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_CALL, 987654321, honest);

	everything(w);
	must_hold(w);
	assert_int_equal(w->res.start_ns, 987654321);
	assert_false(w->res.start_assumed);
	assert_int_equal(w->res.g_final_ns, w->k - 987654321);
	assert_int_equal(w->res.k_final_ns, w->k - 987654321);
	free(w);
}

/* One architecture's rule is not the other's. */
static void test_wrong_rule(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 987654321, honest);

	everything(w);
	w->in.from = PVTB_STEAL_FROM_CALL;
	must_find(w, PVTB_STEAL_FAULT_OFFSET);
	assert_int_equal(w->res.gk.max_ns, 987654321);
	/* who does not know the start cannot see that */
	w->in.from = PVTB_STEAL_FROM_SAMPLE;
	must_hold(w);
	assert_true(w->res.start_assumed);
	assert_int_equal(w->res.start_ns, 0);
	assert_non_null(strstr(w->res.gk_verdict, "taken from the first"));
	free(w);
}

static void test_first_value(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 1000, honest);

	everything(w);
	for (size_t i = 0; i < w->ns; i++)
		w->s[i].t1 += 5555;
	must_find(w, PVTB_STEAL_FAULT_OFFSET);
	w->in.first_value = 5555;
	must_hold(w);
	assert_int_equal(w->res.start_ns, -5555);
	free(w);
}

static u64 short_1(struct world *w, u64 v)
{
	return v - v / 100;
}

static u64 twice(struct world *w, u64 v)
{
	return 2 * v;
}

static u64 once_back(struct world *w, u64 v)
{
	return ++w->lie_state == 40 ? v - 10 * MS : v;
}

static u64 stale(struct world *w, u64 v)
{
	return w->before;
}

static u64 without_throttled(struct world *w, u64 v)
{
	return v - w->throttled;
}

static u64 with_idle(struct world *w, u64 v)
{
	return v + w->blocked;
}

static u64 microseconds(struct world *w, u64 v)
{
	return v / 1000;
}

static u64 reset(struct world *w, u64 v)
{
	if (++w->lie_state == 40)
		w->lie_state = 1000 + v;
	return w->lie_state >= 1000 ? v - (w->lie_state - 1000) % MAX - 60 * MS : v;
}

static u64 nothing(struct world *w, u64 v)
{
	return 0;
}

static u64 short_and_back(struct world *w, u64 v)
{
	return once_back(w, short_1(w, v));
}

static u64 short_after_start(struct world *w, u64 v)
{
	return short_1(w, v) + 200 * MS;
}

static u64 torn(struct world *w, u64 v)
{
	return ++w->lie_state == 40 ? v + (1ULL << 32) : v;
}

static void test_liars(void **state)
{
	static const struct {
		liar lie;
		enum pvtb_steal_fault fault;
		enum pvtb_sched_cause cause;
	} t[] = {
		{short_1, PVTB_STEAL_FAULT_SHARE, 0},
		{short_after_start, PVTB_STEAL_FAULT_SHARE, 0},
		{short_and_back, PVTB_STEAL_FAULT_BACKWARDS, 0},
		{nothing, PVTB_STEAL_FAULT_STALE, 0}, /* the first entry's value, for ever */
		{twice, PVTB_STEAL_FAULT_TWICE, 0},
		{once_back, PVTB_STEAL_FAULT_BACKWARDS, 0},
		{stale, PVTB_STEAL_FAULT_STALE, 0},
		{without_throttled, PVTB_STEAL_FAULT_LEFT_OUT, PVTB_SCHED_THROTTLED},
		{with_idle, PVTB_STEAL_FAULT_COUNTED, PVTB_SCHED_BLOCKED_HALT},
		{microseconds, PVTB_STEAL_FAULT_UNIT, 0},
		{reset, PVTB_STEAL_FAULT_RESET, 0},
		{torn, PVTB_STEAL_FAULT_TORN, 0},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++) {
		for (unsigned int from = 0; from < 2; from++) {
			struct world *w = world(from, 0, t[i].lie);

			everything(w);
			must_find(w, t[i].fault);
			assert_int_equal(w->res.fault_cause, t[i].cause);
			if (t[i].fault == PVTB_STEAL_FAULT_SHARE)
				assert_non_null(strstr(w->res.gk_verdict, "0.990 of it"));
			free(w);
		}
	}
}

/* Never told anything: the one cause there is, or no cause in particular. */
static void test_told_nothing(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 1000, nothing);

	guest(w, 100000);
	away(w, 0, 3 * MS, 3 * MS, 0);
	guest(w, 100000);
	must_find(w, PVTB_STEAL_FAULT_LEFT_OUT);
	assert_int_equal(w->res.fault_cause, PVTB_SCHED_THROTTLED);
	away(w, 0, MS, 0, 0);
	guest(w, 100000);
	must_find(w, PVTB_STEAL_FAULT_SHARE);
	assert_int_equal(w->res.fault_cause, 0);
	assert_non_null(strstr(w->res.gk_verdict, "0.000 of it"));
	free(w);
}

/* How stale, and since when. */
static void test_staleness(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, stale);
	u64 entry_ns;

	guest(w, 100000);
	away(w, 0, MS, 0, 0);
	entry_ns = w->now - 500;
	guest(w, 100000);
	away(w, 0, MS, 0, 0);
	must_find(w, PVTB_STEAL_FAULT_STALE);
	assert_int_equal(w->res.stale_samples, 2);
	assert_int_equal(w->p[2].marks, PVTB_STEAL_STALE);
	assert_int_equal(w->p[2].stale_ns, w->p[2].t_ns - entry_ns);
	assert_int_equal(w->res.stale_max_ns, w->p[3].t_ns - entry_ns);
	assert_int_equal(w->p[2].gk_ns, -(s64)MS);
	assert_int_equal(w->p[2].g_ns, 0);
	assert_int_equal(w->p[2].k_ns, MS);
	assert_int_equal(w->p[2].b_ns, MS);
	assert_int_equal(w->res.age_max_ns, w->p[1].t_ns - (START + 5000));
	free(w);
}

/* One nanosecond is one too many, unless allowed. */
static void test_gk_limit(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	everything(w);
	w->s[w->ns - 1].t1++;
	run(w);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN);
	assert_int_equal(w->res.gk.max_ns, 1);
	w->in.limits.gk_ns = 1;
	run(w);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	/* but going back is never allowed */
	w->s[w->ns - 1].t1 -= 2;
	run(w);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN);
	assert_int_equal(w->res.fault, PVTB_STEAL_FAULT_BACKWARDS);
	assert_int_equal(w->p[w->np - 1].marks & PVTB_STEAL_BACKWARDS, PVTB_STEAL_BACKWARDS);
	free(w);
}

static void test_kb_event(void **state)
{
	static const struct {
		s64 skew;
		enum pvtb_steal_verdict law;
	} t[] = {
		{20000, PVTB_STEAL_HOLDS}, {20001, PVTB_STEAL_BROKEN}, {-20001, PVTB_STEAL_BROKEN}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

		everything(w);
		away(w, 0, 2 * MS, 0, t[i].skew);
		away(w, 0, 2 * MS, 0, -t[i].skew / 2);
		guest(w, 200000);
		run(w);
		assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
		assert_int_equal(w->res.kb_law, t[i].law);
		assert_int_equal(w->res.event_max_ns, t[i].skew);
		assert_int_equal(w->res.events_beyond, t[i].law == PVTB_STEAL_BROKEN);
		assert_true(llabs(w->res.kb.max_ns) > llabs(w->res.kb.final_ns));
		free(w);
	}
}

/* Two times off the CPU without an entry between them: K is known for both together. */
static void test_kb_event_without_entry(void **state)
{
	static const u64 skew[] = {40000, 40001};

	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

		guest(w, 100000);
		away(w, 0, MS, 0, 0);
		w->nr -= 2; /* no entry */
		w->now -= 2500;
		rec(w, PVTB_REC_SCHED_OUT, w->now + 10, 0, 5, 0)->flags = PVTB_REC_F_PREEMPT;
		/* moved while it waited: half of it has been added */
		rec(w, PVTB_REC_SCHED_IN, w->now + 10 + MS, 0, w->k + MS / 2, 1);
		w->k += MS + skew[i];
		w->now += MS + 1000;
		enter(w);
		guest(w, 100000);
		run(w);
		assert_int_equal(w->res.events, 2);
		assert_int_equal(w->res.event_max_ns, 20000);
		assert_int_equal(w->res.events_beyond, 2 * i);
		assert_int_equal(w->res.kb.final_ns, skew[i]);
		assert_int_equal(w->res.kb_law, i ? PVTB_STEAL_BROKEN : PVTB_STEAL_HOLDS);
		free(w);
	}
}

/* Within bounds each time, but always to the same side. */
static void test_kb_run(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	for (unsigned int i = 0; i < 500; i++) {
		guest(w, 100000);
		away(w, 0, 2 * MS, 0, 11000);
	}
	run(w);
	assert_int_equal(w->res.events_beyond, 0);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_BROKEN);
	assert_non_null(strstr(w->res.kb_verdict, "ppm, more than 5000"));
	w->in.limits.run_ppm = 5600;
	run(w);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	w->in.limits.run_ppm = 5000;
	w->in.limits.run_from_ns = 2 * PVTB_NSEC_PER_SEC; /* too little stolen to say */
	run(w);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	free(w);
}

/* Woken, and on the CPU 100 us and @wait later, of which the queue's clock saw the former; K is off by
 * @skew besides. */
static void stood_still(struct world *w, u64 wait, u8 flags, s64 skew)
{
	u64 out = w->now + 300;
	struct pvtb_rec *r;

	rec(w, PVTB_REC_EXIT, w->now, 0, 0, HLT);
	rec(w, PVTB_REC_SCHED_OUT, out, 0, 77, 1);
	w->now = out + MS + 100000 + wait;
	r = rec(w, PVTB_REC_CLOCK, w->now, 0, wait, 0);
	r->flags = flags;
	rec(w, PVTB_REC_WAIT, w->now, 0, 0, 77);
	rec(w, PVTB_REC_SCHED_IN, w->now, out + MS, w->k, 0);
	w->k += 100000 + (u64)skew;
	w->blocked += MS;
	w->now += 2000;
	enter(w);
}

/* The kernel leaves out the way to the CPU of who preempts: its contract, whatever that takes. */
static void test_clock_still(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	for (unsigned int i = 0; i < 500; i++) {
		guest(w, 100000);
		stood_still(w, 90000, PVTB_REC_F_STILL, 0);
		guest(w, 100000);
		away(w, 0, 2 * MS, 0, 0);
	}
	run(w);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.clock_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.kb.final_ns, -500 * 90000);
	assert_int_equal(w->res.rest_ns, 0);
	assert_int_equal(w->res.still_times, 500);
	assert_int_equal(w->res.still_ns, 500 * 90000);
	assert_int_equal(w->res.late_ns, 0);
	free(w);
}

/* Without a sign that it stood still it is a clock that runs late: not run_delay's fault either. */
static void test_clock_late(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	guest(w, 100000);
	stood_still(w, 20000, 0, 0);
	run(w);
	assert_int_equal(w->res.clock_law, PVTB_STEAL_HOLDS);
	guest(w, 100000);
	stood_still(w, 20001, 0, 0);
	run(w);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.clock_law, PVTB_STEAL_BROKEN);
	assert_int_equal(w->res.late_times, 1);
	assert_int_equal(w->res.late_ns, 40001);
	free(w);
}

/* Each within bounds, the sum not. */
static void test_clock_late_run(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	for (unsigned int i = 0; i < 600; i++) {
		guest(w, 100000);
		stood_still(w, 15000, 0, 0);
		away(w, 0, 2 * MS, 0, 0);
	}
	run(w);
	assert_int_equal(w->res.late_times, 0);
	assert_int_equal(w->res.clock_law, PVTB_STEAL_BROKEN);
	free(w);
}

/* What the clock did between two moves is not known: an allowance for each on a real CPU, no judgement
 * on an emulated one, which stands still between its turns; one move is read, and judged everywhere. */
static void test_clock_moves(void **state)
{
	static const struct {
		unsigned int moves;
		bool unread;
		s64 skew;
		enum pvtb_steal_verdict law;
	} cases[] = {
		{2, false, 60000, PVTB_STEAL_HOLDS},  {2, false, 60001, PVTB_STEAL_BROKEN},
		{2, true, 5700000, PVTB_STEAL_HOLDS}, {1, true, 20001, PVTB_STEAL_BROKEN},
		{1, false, 20001, PVTB_STEAL_BROKEN},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 50 * MS, honest);

		guest(w, 100000);
		stood_still(w, 0, 0, cases[i].skew);
		for (size_t r = 0; r < w->nr; r++)
			if (w->r[r].kind == PVTB_REC_CLOCK)
				w->r[r].reason = cases[i].moves;
		w->in.limits.moves_unread = cases[i].unread;
		run(w);
		assert_int_equal(w->res.kb_law, cases[i].law);
		assert_int_equal(w->res.events_unread, cases[i].unread && cases[i].moves > 1);
		assert_int_equal(!!strstr(w->res.kb_verdict, "1 with several moves not judged"),
				 cases[i].unread && cases[i].moves > 1);
		free(w);
	}
}

/* A clock that stood still excuses what it missed, and nothing else. */
static void test_clock_no_excuse(void **state)
{
	static const s64 skew[] = {20000, -20000, 20001, -20001};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(skew); i++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 50 * MS, honest);

		guest(w, 100000);
		stood_still(w, 90000, PVTB_REC_F_STILL, skew[i]);
		run(w);
		assert_int_equal(w->res.rest_max_ns, skew[i]);
		assert_int_equal(w->res.events_beyond, i >= 2);
		assert_int_equal(w->res.kb_law, i >= 2 ? PVTB_STEAL_BROKEN : PVTB_STEAL_HOLDS);
		free(w);
	}
}

/* The vCPU goes on on a thread that has waited for @k_ns so far. */
static void other_thread(struct world *w, u64 k_ns)
{
	rec(w, PVTB_REC_EXIT, w->now, 0, 0, HLT + 1);
	rec(w, PVTB_REC_SCHED_OUT, w->now + 300, 0, 77, 1);
	rec(w, PVTB_REC_SCHED_IN, w->now + 200000, w->now + 199000, w->k, 0);
	w->now += 200000;
	w->k += 1000;
	w->now += 5000;
	rec(w, PVTB_REC_THREAD, w->now, w->k, k_ns, 0);
	w->k = k_ns;
	w->now += 2000;
	enter(w);
}

static void test_other_thread(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 50 * MS, honest);

	for (unsigned int i = 0; i < 300; i++) {
		guest(w, 100000);
		if (i == 150)
			other_thread(w, 7 * MS);
		guest(w, 100000);
		away(w, 0, 5 * MS, 0, 3);
	}
	guest(w, 100000);
	run(w);
	assert_int_equal(w->res.threads, 1);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.k_backwards, 0);
	assert_int_equal(w->res.backwards, 0);
	/* from what the last one had to what the new one had; its wait for the hand-over is not told */
	assert_true(w->res.thread_jump_ns ==
		    7 * (s64)MS - (50 * (s64)MS + 150 * (5 * (s64)MS + 3)));
	assert_int_equal(w->res.kb.final_ns, 300 * 3);
	free(w);
}

/* Below 0 on the new thread, and through 0 again: no step back beside the jump. */
static void test_other_thread_below_zero(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_CALL, 50 * MS, honest);

	for (unsigned int i = 0; i < 40; i++) {
		guest(w, 100000);
		if (i == 20)
			other_thread(w, 7 * MS);
		guest(w, 100000);
		away(w, 0, 5 * MS, 0, 3);
	}
	guest(w, 100000);
	run(w);
	assert_int_equal(w->res.threads, 1);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.backwards, 0);
	assert_true(w->res.thread_jump_ns < 0);
	free(w);
}

static void test_k_backwards(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 50 * MS, honest);

	guest(w, 100000);
	away(w, 0, 1000, 0, -2000);
	guest(w, 100000);
	run(w);
	assert_int_equal(w->res.k_backwards, 1);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_BROKEN);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN); /* the guest was shown it */
	free(w);
}

static void test_lost(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	everything(w);
	w->in.lost = 3;
	run(w);
	assert_int_equal(w->res.lost, 3);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_INCONCLUSIVE);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_INCONCLUSIVE);
	free(w);

	/* where it is known: nothing is compared there, and nothing wrong is seen elsewhere */
	w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
	everything(w);
	for (size_t i = 0; i < w->nr; i++) {
		if (i > 100 && w->r[i].kind == PVTB_REC_SCHED_OUT) {
			/* the whole time off the CPU, its entry included */
			memset(&w->r[i], 0, sizeof(w->r[i]));
			w->r[i].arg = 5;
			memmove(&w->r[i + 1], &w->r[i + 5], (w->nr - i - 5) * sizeof(w->r[0]));
			w->nr -= 4;
			break;
		}
	}
	run(w);
	assert_int_equal(w->res.lost, 5);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_INCONCLUSIVE);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_INCONCLUSIVE);
	assert_true(w->res.unmatched > 0);
	assert_int_equal(w->res.gk.max_ns, 0);
	/* nor is the next one, from a run_delay that is not known */
	assert_int_equal(w->res.events, 88);
	assert_int_equal(w->res.events_beyond, 0);
	assert_true(llabs(w->res.kb.max_ns) < 1000);
	free(w);
}

/*
 * A switch-in was not witnessed, and nothing of the time until the switch-out after it, though the
 * guest ran in it and was told: @wait ns that K has counted and B cannot know of.
 */
static void unseen(struct world *w, u64 wait)
{
	struct pvtb_rec *r;

	rec(w, PVTB_REC_EXIT, w->now, 0, 0, INTR);
	r = rec(w, PVTB_REC_SCHED_OUT, w->now + 300, w->k, 77, 0);
	r->flags = PVTB_REC_F_PREEMPT;
	w->k += wait;
	w->now += 300 + wait;
	w->shown = w->lie(w, w->k - (w->in.from == PVTB_STEAL_FROM_BIRTH ? 0 : w->birth_ns));
	guest(w, 200000);
	r = rec(w, PVTB_REC_SCHED_OUT, w->now, w->k, 77, 0);
	r->flags = PVTB_REC_F_PREEMPT | PVTB_REC_F_UNSEEN;
	w->now += MS;
	rec(w, PVTB_REC_WAIT, w->now, 0, 0, 77);
	rec(w, PVTB_REC_SCHED_IN, w->now, 0, w->k, 0);
	w->k += MS;
	w->now += 2000;
	enter(w);
}

static void test_unseen(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 1000, honest);
	size_t in_holes = 0;

	for (unsigned int i = 0; i < 20; i++) {
		size_t before;

		guest(w, 300000);
		away(w, 0, 2 * MS, 0, 5);
		guest(w, 300000);
		before = w->ns;
		unseen(w, 3 * MS);
		in_holes += w->ns - before;
		guest(w, 300000);
	}
	run(w);
	/* what happened in the holes is nobody's, and not held against anybody */
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.gk.max_ns, 0);
	assert_int_equal(w->res.unmatched, in_holes);
	assert_int_equal(w->res.kb.final_ns, 20 * 5);
	assert_int_equal(w->res.events, 40);
	assert_int_equal(w->res.event_max_ns, 5);
	assert_int_equal(w->res.told_excess_ns, 0);
	assert_int_equal(w->sched.unseen, 20);
	assert_true(w->res.kb.ppm > 1.6 && w->res.kb.ppm < 1.7); /* 100 of 60 ms */
	assert_int_equal(w->res.rows[PVTB_SCHED_PREEMPTED].total_ns, 20 * 3 * MS);
	assert_int_equal(w->res.rows[PVTB_SCHED_PREEMPTED].told_ns,
			 w->res.rows[PVTB_SCHED_PREEMPTED].span_ns + 20 * 5);
	free(w);
}

/* Holes do not hide a lie outside of them. */
static void test_unseen_liar(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 1000, short_1);

	for (unsigned int i = 0; i < 20; i++) {
		guest(w, 300000);
		away(w, 0, 2 * MS, 0, 5);
		guest(w, 300000);
		unseen(w, 3 * MS);
		guest(w, 300000);
	}
	must_find(w, PVTB_STEAL_FAULT_SHARE);
	free(w);
}

/* The run ends in a hole: the samples there have no entry to stand on. */
static void test_unseen_at_the_end(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 1000, honest);
	size_t before;

	guest(w, 300000);
	away(w, 0, 2 * MS, 0, 5);
	guest(w, 300000);
	before = w->ns;
	unseen(w, 3 * MS);
	/* back to before the switch-out that tells of it */
	w->nr -= 5;
	w->now -= MS + 2500;
	w->in.current_at_end = true;
	run(w);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_HOLDS);
	assert_int_equal(w->res.unmatched, w->ns - before);
	assert_int_equal(w->sched.unseen, 1);
	free(w);
}

static void test_contradictory_records(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	guest(w, 200000);
	rec(w, PVTB_REC_SCHED_IN, w->now, 0, 0, 0);
	run(w);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_INCONCLUSIVE);
	assert_non_null(strstr(w->res.kb_verdict, "1 contradictory"));
	free(w);
}

static void test_nothing_to_compare(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	run(w); /* no sample */
	assert_int_equal(w->res.gk_law, PVTB_STEAL_INCONCLUSIVE);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_HOLDS);
	assert_true(isnan(w->res.gk.ppm) && isnan(w->res.kb.ppm));
	guest(w, 200000);
	w->nr = 1; /* no entry */
	run(w);
	assert_int_equal(w->res.unmatched, w->res.samples);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_INCONCLUSIVE);
	assert_int_equal(w->res.kb_law, PVTB_STEAL_INCONCLUSIVE);
	free(w);
}

/*
 * A sample @before ns before the thread leaves the guest, with the value from before or from after:
 * the second is possible only when the second of its reads came after the time off the CPU.
 */
static enum pvtb_steal_verdict at_the_edge(u64 before, bool later_value)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
	enum pvtb_steal_verdict law;

	guest(w, 100000);
	sample(w);
	w->now += before;
	away(w, 0, MS, 0, 0);
	if (later_value)
		w->s[w->ns - 1].t1 = w->shown;
	guest(w, 100000);
	run(w);
	law = w->res.gk_law;
	assert_int_equal(w->res.ambiguous, before <= 121);
	free(w);
	return law;
}

static void test_edges(void **state)
{
	assert_int_equal(at_the_edge(500, false), PVTB_STEAL_HOLDS);
	assert_int_equal(at_the_edge(500, true), PVTB_STEAL_BROKEN);
	/* uncertainty 20, a tick, 100 between the reads */
	assert_int_equal(at_the_edge(121, false), PVTB_STEAL_HOLDS);
	assert_int_equal(at_the_edge(121, true), PVTB_STEAL_HOLDS);
	assert_int_equal(at_the_edge(122, true), PVTB_STEAL_BROKEN);
	assert_int_equal(at_the_edge(0, true), PVTB_STEAL_HOLDS);
}

/* After an entry: from when on is the old value wrong? */
static enum pvtb_steal_verdict after_entry(u64 after)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
	enum pvtb_steal_verdict law;
	u64 old;

	guest(w, 100000);
	old = w->shown;
	away(w, 0, MS, 0, 0);
	w->now += after - 500;
	sample(w);
	w->s[w->ns - 1].t1 = old;
	w->now += 1000;
	guest(w, 100000);
	run(w);
	law = w->res.gk_law;
	free(w);
	return law;
}

static void test_after_entry(void **state)
{
	assert_int_equal(after_entry(20), PVTB_STEAL_HOLDS);
	assert_int_equal(after_entry(21), PVTB_STEAL_BROKEN);
}

/* A guest cannot have read anything while it was not there. */
static void test_causality(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	guest(w, 100000);
	away(w, 0, MS, 0, 0);
	guest(w, 100000);
	w->s[1].t0 += MS / 2; /* into the time off the CPU */
	run(w);
	assert_int_equal(w->res.causal_errors, 1);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN);
	w->s[1] = w->s[0];
	w->s[1].t0--;
	run(w);
	assert_int_equal(w->res.order_errors, 1);
	assert_int_equal(w->res.gk_law, PVTB_STEAL_BROKEN);
	free(w);
}

/* Several times off the CPU between two samples share what was told. */
static void test_shared_growth(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
	const struct pvtb_steal_row *row = w->res.rows;

	guest(w, 100000);
	away(w, 0, MS, 0, 0);
	away(w, 0, 3 * MS, 3 * MS, 0);
	guest(w, 100000);
	must_hold(w);
	assert_int_equal(row[PVTB_SCHED_PREEMPTED].told_ns, MS);
	assert_int_equal(row[PVTB_SCHED_THROTTLED].told_ns, 3 * MS);
	assert_int_equal(row[PVTB_SCHED_PREEMPTED].alone_ns, 0);
	assert_int_equal(row[PVTB_SCHED_THROTTLED].span_ns, 3 * MS);
	/* told while nothing had happened */
	w->s[1].t1 += 777;
	run(w);
	assert_int_equal(w->res.told_excess_ns, 777);
	free(w);
}

static void test_small_batches(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_CALL, 5 * MS, honest);

	everything(w);
	for (w->batch = 1; w->batch < 6; w->batch++)
		must_hold(w);
	free(w);
}

/* More steps than are kept, all without a sample between them. */
static void test_many_steps_between_samples(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	guest(w, 100000);
	for (unsigned int i = 0; i < 1000; i++)
		away(w, 0, 30000, 0, 0);
	guest(w, 100000);
	must_hold(w);
	assert_int_equal(w->res.rows[PVTB_SCHED_PREEMPTED].told_ns, 30000 * 1000);
	free(w);
}

static void test_swapped(void **state)
{
	struct world *w[3];
	struct pvtb_steal_result r[3];

	for (unsigned int i = 0; i < 3; i++) {
		w[i] = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
		for (unsigned int j = 0; j < 20; j++) {
			guest(w[i], 100000);
			away(w[i], 0, (i + 1) * MS, 0, 0);
		}
		guest(w[i], 100000);
	}
	for (size_t i = 0; i < w[0]->ns; i++) {
		u64 t = w[0]->s[i].t1;

		w[0]->s[i].t1 = w[2]->s[i].t1;
		w[2]->s[i].t1 = t;
	}
	for (unsigned int i = 0; i < 3; i++) {
		run(w[i]);
		r[i] = w[i]->res;
		free(w[i]);
	}
	assert_int_equal(pvtb_steal_swapped(r, 3, 0), 2);
	assert_int_equal(pvtb_steal_swapped(r, 3, 1), -1);
	assert_int_equal(pvtb_steal_swapped(r, 3, 2), 0);
}

/* The version of the structure is odd for a while: there is no value to judge, but that itself. */
static void test_unreadable(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

	everything(w);
	for (size_t i = 100; i < 103; i++)
		w->s[i].t1 = PVTB_STEAL_UNREADABLE;
	must_find(w, PVTB_STEAL_FAULT_UNREADABLE);
	assert_int_equal(w->res.unreadable, 3);
	assert_int_equal(w->res.gk.max_ns, 0);
	for (size_t i = 0; i < w->ns; i++)
		w->s[i].t1 = PVTB_STEAL_UNREADABLE;
	must_find(w, PVTB_STEAL_FAULT_UNREADABLE);
	assert_int_equal(w->res.compared, 0);
	free(w);
}

/* Each throttled wait ends in a queue, so that no growth is the one's or the other's alone. */
static void test_left_out_never_alone(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, i ? honest : without_throttled);

		for (unsigned int j = 0; j < 20; j++) {
			guest(w, 200000);
			away(w, 0, 15 * MS + j * 1000, 11 * MS, 0);
			guest(w, 200000);
			away(w, 0, 2 * MS, 0, 0);
		}
		guest(w, 100000);
		if (i) {
			must_hold(w);
		} else {
			must_find(w, PVTB_STEAL_FAULT_LEFT_OUT);
			assert_int_equal(w->res.fault_cause, PVTB_SCHED_THROTTLED);
		}
		free(w);
	}
}

/* By another clock, which put a wait after a sleep down to throttling, and some throttling to waits. */
static u64 roughly_without_throttled(struct world *w, u64 v)
{
	return v - w->throttled * 85 / 100 - (w->blocked ? 400000 : 0);
}

/* One short wait that was not told is outweighed by what all of them say. */
static void test_left_out_is_what_most_say(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, roughly_without_throttled);

	guest(w, 200000);
	away(w, 2 * MS, 400000, 0, 0);
	for (unsigned int i = 0; i < 20; i++) {
		guest(w, 200000);
		away(w, 0, 3 * MS, 3 * MS, 0);
	}
	guest(w, 100000);
	must_find(w, PVTB_STEAL_FAULT_LEFT_OUT);
	assert_int_equal(w->res.fault_cause, PVTB_SCHED_THROTTLED);
	free(w);
}

/*
 * A structure that is brought up to date some time after the thread is back, not at the entry: steps
 * are where that was done, and the guest runs with the old value until then.
 */
static void test_late_steps(void **state)
{
	for (unsigned int told = 0; told < 2; told++) {
		struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);

		w->nr = 0;
		w->now = START;
		rec(w, PVTB_REC_SCHED_IN, w->now, 0, w->k, 0);
		for (unsigned int i = 0; i < 20; i++) {
			guest(w, 200000);
			rec(w, PVTB_REC_RUN_DELAY, told ? w->now + 10000 : 0, w->now + 20000, w->k,
			    0);
			w->now += 30000;
			w->shown = w->k;
			guest(w, 200000);
			rec(w, PVTB_REC_SCHED_OUT, w->now, 0, 77, 0)->flags = PVTB_REC_F_PREEMPT;
			w->now += MS;
			w->k += MS;
			rec(w, PVTB_REC_WAIT, w->now, 0, 0, 77);
			rec(w, PVTB_REC_SCHED_IN, w->now, 0, w->k - MS, 0);
			w->now += 1000;
		}
		run(w);
		assert_int_equal(w->res.gk.max_ns, 0);
		assert_int_equal(w->res.gk_law, told ? PVTB_STEAL_HOLDS : PVTB_STEAL_BROKEN);
		assert_int_equal(w->res.causal_errors != 0, !told);
		free(w);
	}
}

static void test_bad_input(void **state)
{
	struct world *w = world(PVTB_STEAL_FROM_BIRTH, 0, honest);
	struct pvtb_steal_input in = w->in;

	in.map = NULL;
	assert_int_equal(pvtb_steal(&in, &w->sched, &w->res, &w->err), -EINVAL);
	in = w->in;
	in.samples = NULL;
	assert_int_equal(pvtb_steal(&in, &w->sched, &w->res, &w->err), -EINVAL);
	in = w->in;
	in.records = NULL;
	assert_int_equal(pvtb_steal(&in, &w->sched, &w->res, &w->err), -EINVAL);
	in = w->in;
	in.from = 7;
	assert_int_equal(pvtb_steal(&in, &w->sched, &w->res, &w->err), -EINVAL);
	rec(w, 99, w->now, 0, 0, 0);
	assert_int_equal(pvtb_steal(&w->in, &w->sched, &w->res, &w->err), -EBADMSG);
	free(w);
}

/* Whatever the streams hold, it ends, adds up, and damage never passes as one whole. */
static void test_random(void **state)
{
	u64 seed = 88172645463325252ULL;

	for (unsigned int round = 0; round < 200; round++) {
		struct world *w = world(round % 3, round * MS, honest);
		u64 sum = 0;

		everything(w);
		for (unsigned int i = 0; i < 20; i++) {
			struct pvtb_rec *r;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			r = &w->r[seed % w->nr];
			switch (seed >> 61) {
			case 0:
				r->arg = seed;
				break;
			case 1:
				r->t0_ns ^= 1ULL << (seed >> 32) % 40;
				break;
			case 2:
				r->t1_ns ^= 1ULL << (seed >> 32) % 40;
				break;
			case 3:
				r->kind = (u8)(1 + (seed >> 40) % 7);
				break;
			case 4:
				w->s[(seed >> 20) % w->ns].t1 = seed;
				break;
			case 5:
				w->s[(seed >> 20) % w->ns].t0 ^= 1ULL << (seed >> 32) % 64;
				break;
			case 6:
				*r = (struct pvtb_rec){.kind = PVTB_REC_NONE, .arg = 1};
				break;
			default:
				r->t0_ns = seed;
				break;
			}
		}
		run(w);
		for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
			sum += w->res.rows[c].total_ns;
		assert_int_equal(sum, w->sched.end_ns - w->sched.start_ns);
		assert_true(w->res.gk_law || w->res.kb_law);
		assert_int_equal(pvtb_steal_swapped(&w->res, 1, 0), -1);
		free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest_x86),
		cmocka_unit_test(test_honest_arm64),
		cmocka_unit_test(test_wrong_rule),
		cmocka_unit_test(test_first_value),
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_told_nothing),
		cmocka_unit_test(test_staleness),
		cmocka_unit_test(test_gk_limit),
		cmocka_unit_test(test_kb_event),
		cmocka_unit_test(test_kb_event_without_entry),
		cmocka_unit_test(test_kb_run),
		cmocka_unit_test(test_clock_still),
		cmocka_unit_test(test_clock_late),
		cmocka_unit_test(test_clock_late_run),
		cmocka_unit_test(test_clock_moves),
		cmocka_unit_test(test_clock_no_excuse),
		cmocka_unit_test(test_other_thread),
		cmocka_unit_test(test_other_thread_below_zero),
		cmocka_unit_test(test_k_backwards),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_unseen_liar),
		cmocka_unit_test(test_unseen_at_the_end),
		cmocka_unit_test(test_contradictory_records),
		cmocka_unit_test(test_nothing_to_compare),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_after_entry),
		cmocka_unit_test(test_causality),
		cmocka_unit_test(test_shared_growth),
		cmocka_unit_test(test_small_batches),
		cmocka_unit_test(test_many_steps_between_samples),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_left_out_never_alone),
		cmocka_unit_test(test_left_out_is_what_most_say),
		cmocka_unit_test(test_late_steps),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
