// SPDX-License-Identifier: GPL-2.0-only
/*
 * The join against hand-made streams: every law kept and broken, every kind of loss, doubling and
 * reordering, and random damage to sound streams. Streams here stand for nothing measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "timeline/join.h"

#define HVC  0x02000016u
#define IRQ  0x00000016u /* with what is left of the last trap's class */
#define DABT 0x02000024u
#define MAX  4096

/* A window: what the guest and the host would have left. */
struct world {
	struct pvtb_sample s[MAX];
	struct pvtb_rec r[2 * MAX];
	size_t ns, nr, ps, pr;
	size_t batch; /* most that a source gives at once; 0: all */
	struct pvtb_joined out[MAX];
	size_t nout;
	struct pvtb_clock_map map;
	struct pvtb_join_input in;
	struct pvtb_join_result res;
	struct pvtb_err err;
	u64 now;
	int fail_samples, fail_records, fail_sink;
};

static ssize_t give_samples(void *ctx, struct pvtb_sample *out, size_t max)
{
	struct world *w = ctx;
	size_t n = w->ns - w->ps;

	if (w->fail_samples)
		return w->fail_samples;
	if (n > max)
		n = max;
	if (w->batch && n > w->batch)
		n = w->batch;
	memcpy(out, w->s + w->ps, n * sizeof(*out));
	w->ps += n;
	return (ssize_t)n;
}

static ssize_t give_records(void *ctx, struct pvtb_rec *out, size_t max)
{
	struct world *w = ctx;
	size_t n = w->nr - w->pr;

	if (w->fail_records)
		return w->fail_records;
	if (n > max)
		n = max;
	if (w->batch && n > w->batch)
		n = w->batch;
	memcpy(out, w->r + w->pr, n * sizeof(*out));
	w->pr += n;
	return (ssize_t)n;
}

static int take(void *ctx, const struct pvtb_joined *j)
{
	struct world *w = ctx;

	if (w->fail_sink)
		return w->fail_sink;
	w->out[w->nout++] = *j;
	return 0;
}

static void rec(struct world *w, u8 kind, u64 t0, u64 t1, u32 reason)
{
	assert_true(w->nr < PVTB_ARRAY_SIZE(w->r));
	w->r[w->nr++] = (struct pvtb_rec){
		.t0_ns = t0, .t1_ns = t1, .pc = 0x40001000, .reason = reason, .kind = kind};
}

/* Guest counter: 1 GHz, 500 behind CLOCK_MONOTONIC; @now is host time throughout. */
static struct world *new_world(enum pvtb_law law)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->map = (struct pvtb_clock_map){.ns0 = 500, .num = 1, .den = 1, .unc_ns = 10};
	w->in = (struct pvtb_join_input){
		.law = {.law = law,
			.match = {{HVC, 0xffffffff}},
			.nr_match = 1,
			.intr = {{0, 0xff000000}},
			.nr_intr = 1,
			.pc_first = 0x40001000,
			.pc_last = 0x40001010},
		.ops_per_sample = 1,
	};
	w->now = 1000000;
	return w;
}

static void guest_stamp(struct world *w, u64 *ret)
{
	*ret = w->now - 500;
}

static void start(struct world *w)
{
	rec(w, PVTB_REC_ENTRY, 0, w->now, 0);
	w->now += 300;
}

static void pair(struct world *w, u32 reason)
{
	rec(w, PVTB_REC_PAIR, w->now, w->now + 1000, reason);
	w->now += 1000;
}

/* An exit during which the thread is switched out. */
static void preempted(struct world *w, u32 reason)
{
	rec(w, PVTB_REC_EXIT, w->now, 0, reason);
	rec(w, PVTB_REC_SCHED_OUT, w->now + 400, 0, 0);
	rec(w, PVTB_REC_SCHED_IN, w->now + 9000, w->now + 8000, 1);
	rec(w, PVTB_REC_ENTRY, 0, w->now + 9500, 0);
	rec(w, PVTB_REC_RUN_DELAY, 0, w->now + 9500, 0);
	w->now += 9500;
}

static void nothing(struct world *w, u32 reason)
{
	w->now += 5;
}

/* One op with a sample around it; @body is what happens inside. */
static void op(struct world *w, void (*body)(struct world *, u32), u32 reason)
{
	struct pvtb_sample *s = &w->s[w->ns++];

	assert_true(w->ns <= MAX);
	guest_stamp(w, &s->t0);
	w->now += 200; /* hardware exit */
	body(w, reason);
	w->now += 150; /* hardware entry */
	guest_stamp(w, &s->t1);
	w->now += 20; /* the loop */
	w->in.ops++;
}

static void warm_up(struct world *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		op(w, pair, HVC);
		w->ns--;
	}
	w->in.warmup += n;
}

static int run(struct world *w)
{
	w->in.map = &w->map;
	w->in.samples = give_samples;
	w->in.records = give_records;
	w->in.sink = take;
	w->in.samples_ctx = w->in.records_ctx = w->in.sink_ctx = w;
	w->ps = w->pr = w->nout = 0;
	return pvtb_join(&w->in, &w->res, &w->err);
}

static void run_ok(struct world *w)
{
	int rc = run(w);

	if (rc)
		print_error("%s: %s\n", w->err.what, w->err.why);
	assert_int_equal(rc, 0);
	assert_int_equal(w->nout, w->res.samples);
	assert_false(w->res.law_holds && w->res.inconclusive);
}

static void must_hold(struct world *w)
{
	run_ok(w);
	if (!w->res.law_holds)
		print_error("verdict: %s\n", w->res.verdict);
	assert_true(w->res.law_holds);
	assert_false(w->res.inconclusive);
}

static void must_break(struct world *w, const char *says)
{
	run_ok(w);
	assert_false(w->res.law_holds);
	assert_false(w->res.inconclusive);
	if (!strstr(w->res.verdict, says))
		print_error("verdict: %s\n", w->res.verdict);
	assert_non_null(strstr(w->res.verdict, says));
}

static void must_be_inconclusive(struct world *w, const char *says)
{
	run_ok(w);
	assert_false(w->res.law_holds);
	assert_true(w->res.inconclusive);
	assert_non_null(strstr(w->res.verdict, says));
}

static struct world *sound(unsigned int warmup, unsigned int ops)
{
	struct world *w = new_world(PVTB_LAW_ONE_EXIT);

	start(w);
	warm_up(w, warmup);
	for (unsigned int i = 0; i < ops; i++)
		op(w, pair, HVC);
	return w;
}

static void drop_record(struct world *w, size_t i)
{
	memmove(&w->r[i], &w->r[i + 1], (w->nr - i - 1) * sizeof(w->r[0]));
	w->nr--;
}

static void double_record(struct world *w, size_t i)
{
	memmove(&w->r[i + 1], &w->r[i], (w->nr - i) * sizeof(w->r[0]));
	w->nr++;
}

static void swap_records(struct world *w, size_t i)
{
	struct pvtb_rec t = w->r[i];

	w->r[i] = w->r[i + 1];
	w->r[i + 1] = t;
}

/* ---- one exit per op ---- */

static void test_one_exit(void **state)
{
	struct world *w = sound(3, 1000);

	must_hold(w);
	assert_string_equal(w->res.verdict, "1003 exits for 1003 ops");
	assert_int_equal(w->res.expected, 1003);
	assert_int_equal(w->res.exits_matching, 1003);
	assert_int_equal(w->res.entries_matching, 1003);
	assert_int_equal(w->res.records, 1004);
	assert_int_equal(w->res.causal_checked, 2000);
	assert_int_equal(w->res.causal_violations, 0);
	assert_int_equal(w->res.worst_violation_ns, 0);
	assert_int_equal(w->res.nr_reasons, 1);
	assert_int_equal(w->res.reasons[0].reason, HVC);
	assert_int_equal(w->res.reasons[0].n, 1003);
	for (size_t i = 0; i < w->nout; i++) {
		const struct pvtb_joined *j = &w->out[i];

		assert_int_equal(j->index, i);
		assert_int_equal(j->t0_ticks, w->s[i].t0);
		assert_int_equal(j->t1_ticks, w->s[i].t1);
		assert_int_equal(j->marks, 0);
		assert_int_equal(j->exits, 1);
		assert_int_equal(j->exit_ns, w->r[1 + 3 + i].t0_ns);
		assert_int_equal(j->entry_ns, w->r[1 + 3 + i].t1_ns);
		assert_int_equal(j->gap_before_ns, 200);
		assert_int_equal(j->handling_ns, 1000);
		assert_int_equal(j->gap_after_ns, 150);
	}
	free(w);
}

/* Batches of any size give the same result. */
static void test_small_batches(void **state)
{
	struct world *w = sound(3, 500);

	for (w->batch = 1; w->batch < 8; w->batch += 3) {
		must_hold(w);
		assert_int_equal(w->nout, 500);
	}
	free(w);
}

/* Longer than any buffer inside. */
static void test_long_stream(void **state)
{
	struct world *w = sound(0, MAX);

	must_hold(w);
	assert_int_equal(w->nout, MAX);
	assert_int_equal(w->out[MAX - 1].index, MAX - 1);
	assert_int_equal(w->out[MAX - 1].gap_after_ns, 150);
	free(w);
}

static void test_exit_missing(void **state)
{
	static const size_t at[] = {1, 2, 4, 50, 103};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(at); i++) {
		struct world *w = sound(3, 100);

		drop_record(w, at[i]);
		must_break(w, "102 exits for 103 ops");
		if (at[i] == 50) {
			/* only that sample is in doubt, but all after it are out of step */
			assert_int_equal(w->res.marked_unpaired, 1);
			assert_int_equal(w->out[50 - 4].marks, PVTB_MARK_UNPAIRED);
			assert_int_equal(w->out[50 - 4].exits, 0);
			assert_int_equal(w->out[50 - 4].exit_ns, 0);
			assert_int_equal(w->res.index_slips, 1);
			assert_int_equal(w->out[60].gap_before_ns, 200);
			assert_int_equal(w->res.causal_violations, 0);
		}
		free(w);
	}
}

/* Totals agree, pairing does not: one op without an exit, another with two. */
static void test_exit_in_wrong_sample(void **state)
{
	struct world *w = sound(0, 50);

	op(w, nothing, 0);
	op(w, pair, HVC);
	w->now -= 20;
	pair(w, HVC);
	guest_stamp(w, &w->s[w->ns - 1].t1);
	w->now += 20;
	must_break(w, "2 samples without exactly one exit");
	assert_int_equal(w->res.exits_matching, w->in.ops);
	assert_int_equal(w->res.marked_unpaired, 2);
	assert_int_equal(w->out[51].exits, 2);
	assert_int_equal(w->res.causal_checked, 100); /* not those: whose gaps would they be */
	free(w);
}

/* Totals and pairs agree, numbers do not: a warm-up exit too few, one after the end too many. */
static void test_out_of_step(void **state)
{
	struct world *w = sound(3, 50);

	drop_record(w, 2);
	w->now += 100000;
	pair(w, HVC);
	w->in.ops = 53;
	run_ok(w);
	assert_int_equal(w->res.exits_matching, 53);
	assert_false(w->res.law_holds);
	assert_true(w->res.index_slips >= 1);
	free(w);

	/* and with nothing else wrong: the window's warm-up is not what was said */
	w = sound(3, 50);
	w->in.warmup = 2;
	w->s[50] = w->s[49];
	w->s[50].t0 = w->s[50].t1 + 1;
	w->s[50].t1 = w->s[50].t0 + 1;
	w->ns++;
	must_break(w, "times out of step");
	free(w);
}

static void test_doubled_exit(void **state)
{
	struct world *w = sound(3, 100);

	double_record(w, 40);
	must_break(w, "104 exits for 103 ops");
	assert_int_equal(w->res.order_errors, 1);
	free(w);
}

static void test_swapped_exits(void **state)
{
	struct world *w = sound(3, 100);

	swap_records(w, 40);
	must_break(w, "out of order");
	assert_int_equal(w->res.order_errors, 1);
	free(w);
}

/* Far apart in the warm-up, where no sample would miss them. */
static void test_swapped_in_warmup(void **state)
{
	struct world *w = sound(30, 100);

	swap_records(w, 10);
	must_break(w, "1 out of order");
	free(w);
}

static void test_exit_runs_backwards(void **state)
{
	struct world *w = sound(30, 100);
	u64 t = w->r[10].t0_ns;

	w->r[10].t0_ns = w->r[10].t1_ns;
	w->r[10].t1_ns = t;
	must_break(w, "out of order");
	free(w);
}

static void test_samples_damaged(void **state)
{
	struct world *w = sound(3, 100);

	w->s[20] = w->s[19]; /* doubled over the next */
	must_break(w, "out of order");
	free(w);

	w = sound(3, 100); /* lost in the middle */
	memmove(&w->s[20], &w->s[21], 79 * sizeof(w->s[0]));
	w->ns--;
	must_break(w, "99 samples and 3 ops of warm-up");
	assert_true(w->res.marked_unpaired || w->res.index_slips);
	free(w);

	w = sound(3, 100); /* cut short */
	w->ns = 60;
	must_break(w, "60 samples and 3 ops of warm-up");
	free(w);

	w = sound(3, 100); /* swapped */
	w->s[100] = w->s[20];
	w->s[20] = w->s[21];
	w->s[21] = w->s[100];
	must_break(w, "out of order");
	free(w);

	w = sound(3, 100); /* the counter went back inside an op */
	w->s[20].t1 = w->s[20].t0 - 1;
	must_break(w, "out of order");
	free(w);
}

static void test_records_cut_short(void **state)
{
	struct world *w = sound(3, 100);

	w->nr = 60;
	must_break(w, "59 exits for 103 ops");
	assert_int_equal(w->res.marked_unpaired, 103 - 59);
	free(w);
}

/* Switched out inside the last sample, and nothing more is known. */
static void test_records_end_away(void **state)
{
	struct world *w = sound(0, 10);

	op(w, preempted, HVC);
	w->nr -= 3;
	must_break(w, "10 exits for 11 ops");
	assert_int_equal(w->out[10].marks, PVTB_MARK_UNPAIRED | PVTB_MARK_PREEMPTED);
	free(w);
}

static void test_wrong_reason(void **state)
{
	struct world *w = sound(0, 20);

	w->r[5].reason = DABT;
	must_break(w, "19 exits for 20 ops");
	assert_int_equal(w->res.exits_other, 1);
	assert_int_equal(w->out[4].marks, PVTB_MARK_UNPAIRED | PVTB_MARK_OTHER_EXIT);
	free(w);
}

/* What is printed beside a verdict counts every exit that an op caused, whatever was declared. */
static void test_exits_per_op(void **state)
{
	struct world *w = sound(0, 20);

	must_hold(w);
	assert_true(pvtb_join_exits_per_op(&w->res, w->in.ops) == 1);
	free(w);
	w = sound(0, 20);
	w->in.law.law = PVTB_LAW_NO_TRAP;
	must_break(w, "20 exits for 20 ops");
	assert_true(pvtb_join_exits_per_op(&w->res, w->in.ops) == 1);
	assert_true(pvtb_join_exits_per_op(&w->res, 0) == 0);
	free(w);
}

/* A halt by another code (AMD's IDLE_HLT) is a halt. */
static void test_idle_halt(void **state)
{
	struct pvtb_reason_match m[4];
	char name[32];

	assert_int_equal(pvtb_reason_matches("SVM", PVTB_REASON_HALT, m, 4), 2);
	assert_int_equal(pvtb_reason_describe("SVM", 0xa6, name, sizeof(name)), PVTB_REASON_HALT);
	assert_string_equal(name, "IDLE_HLT");
}

static void test_wrong_pc(void **state)
{
	struct world *w = sound(0, 20);

	w->r[5].pc = 0x40001011;
	must_break(w, "19 exits for 20 ops");
	w->r[5].pc = 0x40000fff;
	must_break(w, "19 exits for 20 ops");
	w->r[5].flags = PVTB_REC_F_NOPC; /* not known is not wrong */
	must_hold(w);
	w->r[5].flags = 0;
	w->in.law.pc_last = 0; /* not asked for */
	must_hold(w);
	free(w);
}

/* Several codes can be the op's, and several be interrupts. */
static void test_several_reasons(void **state)
{
	struct world *w = sound(0, 20);

	w->in.law.match[1] = (struct pvtb_reason_match){DABT, 0xffffffff};
	w->in.law.intr[1] = (struct pvtb_reason_match){0x01000000, 0xff000000};
	w->r[5].reason = DABT;
	op(w, pair, HVC);
	pair(w, 0x01000000);
	w->in.law.nr_match = w->in.law.nr_intr = 2;
	must_hold(w);
	assert_int_equal(w->res.exits_interrupt, 1);
	assert_int_equal(w->res.nr_reasons, 3);
	free(w);
}

/* ---- interrupts, other exits, preemption ---- */

static void intr_then_pair(struct world *w, u32 reason)
{
	pair(w, IRQ);
	w->now += 300;
	pair(w, reason);
}

static void fault_then_pair(struct world *w, u32 reason)
{
	pair(w, DABT);
	w->now += 300;
	pair(w, reason);
}

static void test_interrupt_marks(void **state)
{
	struct world *w = sound(0, 10);

	op(w, intr_then_pair, HVC);
	op(w, pair, HVC);
	must_hold(w);
	assert_int_equal(w->res.exits_interrupt, 1);
	assert_int_equal(w->res.marked_interrupt, 1);
	assert_int_equal(w->out[10].marks, PVTB_MARK_INTERRUPT);
	assert_int_equal(w->out[10].exits, 1);
	assert_int_equal(w->out[9].marks | w->out[11].marks, 0);
	free(w);
}

static void test_other_exit_marks(void **state)
{
	struct world *w = sound(0, 10);

	op(w, fault_then_pair, HVC);
	op(w, pair, HVC);
	must_hold(w);
	assert_int_equal(w->res.exits_other, 1);
	assert_int_equal(w->res.marked_other, 1);
	assert_int_equal(w->out[10].marks, PVTB_MARK_OTHER_EXIT);
	free(w);
}

/* Preempted while the host handled the op's own exit. */
static void test_preempted_inside(void **state)
{
	struct world *w = sound(0, 10);

	op(w, preempted, HVC);
	op(w, pair, HVC);
	must_hold(w);
	assert_int_equal(w->res.preemptions, 1);
	assert_int_equal(w->res.migrations, 1);
	assert_int_equal(w->res.marked_preempted, 1);
	assert_int_equal(w->out[10].marks, PVTB_MARK_PREEMPTED);
	assert_int_equal(w->out[10].handling_ns, 9500);
	assert_int_equal(w->out[10].gap_after_ns, 150);
	free(w);
}

/* Between two samples, within the uncertainty of one, of both, or of none. */
static void test_preempted_at_the_edge(void **state)
{
	static const struct {
		u64 before, after;
		u32 first, second;
	} t[] = {
		{100, 100, 0, 0},
		{5, 100, PVTB_MARK_PREEMPTED, 0},
		{100, 5, 0, PVTB_MARK_PREEMPTED},
		{5, 5, PVTB_MARK_PREEMPTED, PVTB_MARK_PREEMPTED},
		{11, 100, PVTB_MARK_PREEMPTED, 0}, /* t1's tick and 10 ns */
		{12, 100, 0, 0},
		{100, 10, 0, PVTB_MARK_PREEMPTED},
		{100, 11, 0, 0},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++) {
		struct world *w = sound(0, 10);

		w->now += t[i].before - 20;
		rec(w, PVTB_REC_SCHED_OUT, w->now, 0, 0);
		rec(w, PVTB_REC_SCHED_IN, w->now + 5000, 0, 0);
		w->now += 5000 + t[i].after;
		op(w, pair, HVC);
		must_hold(w);
		assert_int_equal(w->out[9].marks, t[i].first);
		assert_int_equal(w->out[10].marks, t[i].second);
		assert_int_equal(w->out[8].marks, 0);
		free(w);
	}
}

/* Clocks known badly against short samples: everything it may have been in is marked. */
static void test_uncertainty_marks_widely(void **state)
{
	struct world *w = new_world(PVTB_LAW_NO_TRAP);
	unsigned int marked = 0;

	start(w);
	w->map.unc_ns = 4000;
	for (unsigned int i = 0; i < 100; i++)
		op(w, nothing, 0);
	pair(w, IRQ);
	for (unsigned int i = 0; i < 100; i++)
		op(w, nothing, 0);
	must_hold(w);
	for (size_t i = 0; i < w->nout; i++)
		marked += w->out[i].marks == PVTB_MARK_INTERRUPT;
	/* 375 ns a sample: 4000 ns reach over ten and a half, both ways */
	assert_in_range(marked, 20, 24);
	assert_int_equal(w->out[80].marks | w->out[120].marks, 0);
	assert_int_equal(w->out[95].marks & w->out[105].marks, PVTB_MARK_INTERRUPT);
	free(w);
}

static void test_sched_chain(void **state)
{
	struct world *w = sound(0, 10);
	size_t out;

	op(w, preempted, HVC);
	out = w->nr - 4;
	op(w, pair, HVC);
	assert_int_equal(w->r[out].kind, PVTB_REC_SCHED_OUT);

	drop_record(w, out); /* in without out */
	must_break(w, "1 records missing or double");
	free(w);

	w = sound(0, 10); /* out without in */
	op(w, preempted, HVC);
	drop_record(w, w->nr - 3);
	op(w, pair, HVC);
	must_break(w, "1 records missing or double");
	free(w);

	w = sound(0, 10); /* out twice */
	op(w, preempted, HVC);
	double_record(w, w->nr - 4);
	must_break(w, "records missing or double");
	free(w);

	w = sound(0, 10); /* out, and then an exit and entry */
	rec(w, PVTB_REC_SCHED_OUT, w->now, 0, 0);
	w->now += 10;
	pair(w, IRQ);
	must_break(w, "1 records missing or double");
	free(w);
}

/* Exits that nobody saw may lie before such a switch-out: nothing is concluded, or held against it. */
static void test_unseen(void **state)
{
	struct world *w = sound(0, 10);

	op(w, preempted, HVC);
	drop_record(w, w->nr - 3);
	w->nr -= 2; /* nor the entry and its run_delay */
	rec(w, PVTB_REC_SCHED_OUT, w->now, 0, 0);
	w->r[w->nr - 1].flags = PVTB_REC_F_UNSEEN;
	w->now += 1000;
	rec(w, PVTB_REC_SCHED_IN, w->now, 0, 0);
	w->now += 10;
	rec(w, PVTB_REC_ENTRY, 0, w->now, 0);
	op(w, pair, HVC);
	run(w);
	assert_int_equal(w->res.unseen, 1);
	assert_int_equal(w->res.chain_errors, 0);
	assert_true(w->res.inconclusive);
	assert_false(w->res.law_holds);
	assert_non_null(strstr(w->res.verdict, "1 switches to the thread were not witnessed"));
	free(w);
}

static void test_entry_chain(void **state)
{
	struct world *w = sound(0, 10);

	op(w, preempted, HVC); /* its entry is lost, an exit follows */
	drop_record(w, w->nr - 2);
	op(w, pair, HVC);
	must_break(w, "1 without their entry");
	assert_int_equal(w->res.chain_errors, 1);
	assert_int_equal(w->out[10].entry_ns, 0);
	assert_int_equal(w->out[10].handling_ns, 0);
	free(w);

	w = sound(0, 10); /* the same, and the next is an exit alone */
	op(w, preempted, HVC);
	drop_record(w, w->nr - 2);
	op(w, preempted, HVC);
	must_break(w, "1 without their entry");
	free(w);

	w = sound(0, 10); /* entered twice: something exited unseen */
	op(w, preempted, HVC);
	double_record(w, w->nr - 2);
	must_break(w, "1 records missing or double");
	free(w);

	w = sound(0, 10); /* the exit is lost, its entry is there */
	op(w, preempted, HVC);
	drop_record(w, w->nr - 5);
	must_break(w, "10 exits for 11 ops");
	assert_int_equal(w->res.chain_errors, 1);
	free(w);

	w = sound(0, 10); /* the window's first entry */
	drop_record(w, 0);
	must_break(w, "1 records missing or double");
	free(w);
}

/* ---- the ends of a window ---- */

static void test_doorbell_before(void **state)
{
	struct world *w = sound(2, 10);

	/* its exit was open when the window began: the entry is the window's, the exit is not */
	w->r[0] = (struct pvtb_rec){.t0_ns = w->r[0].t1_ns - 700,
				    .t1_ns = w->r[0].t1_ns,
				    .pc = 0x40001000,
				    .reason = HVC,
				    .kind = PVTB_REC_PAIR};
	w->in.open_at_start = true;
	must_hold(w);
	assert_int_equal(w->res.reasons[0].n, 12);
	w->in.open_at_start = false;
	must_break(w, "13 exits for 12 ops");
	free(w);

	/* and the thread was switched out in between */
	w = new_world(PVTB_LAW_ONE_EXIT);
	preempted(w, HVC);
	w->now += 300;
	for (unsigned int i = 0; i < 10; i++)
		op(w, pair, HVC);
	w->in.open_at_start = true;
	must_hold(w);
	assert_int_equal(w->res.exits_matching, 10);
	/* only the first can be it */
	pair(w, HVC);
	must_break(w, "11 exits for 10 ops");
	free(w);

	/* and its entry was lost: a fault in the stream, but still no op's exit */
	w = new_world(PVTB_LAW_ONE_EXIT);
	rec(w, PVTB_REC_EXIT, w->now, 0, HVC);
	w->now += 300;
	for (unsigned int i = 0; i < 10; i++)
		op(w, pair, HVC);
	w->in.open_at_start = true;
	must_break(w, "10 exits for 10 ops; 1 records missing");
	free(w);
}

static void test_doorbell_after(void **state)
{
	struct world *w = sound(2, 10);

	rec(w, PVTB_REC_EXIT, w->now, 0, HVC);
	rec(w, PVTB_REC_SCHED_OUT, w->now + 100, 0, 0);
	must_hold(w);
	assert_int_equal(w->res.exits_matching, 12);
	assert_int_equal(w->res.reasons[0].n, 12);
	free(w);
}

static void test_empty_streams(void **state)
{
	struct world *w = new_world(PVTB_LAW_ONE_EXIT);

	must_be_inconclusive(w, "no op was executed");
	w->in.ops = 10;
	must_be_inconclusive(w, "neither an entry nor an exit");
	free(w);

	w = sound(0, 10); /* no samples */
	w->ns = 0;
	must_break(w, "0 samples");
	free(w);

	w = sound(0, 10); /* no records */
	w->nr = 0;
	must_be_inconclusive(w, "neither an entry nor an exit");
	free(w);
}

/* ---- loss ---- */

static void test_lost(void **state)
{
	struct world *w = sound(0, 10);

	w->in.lost = 1;
	must_be_inconclusive(w, "1 host records lost");
	assert_int_equal(w->res.lost, 1);
	assert_int_equal(w->res.marked_lost, 10);
	assert_int_equal(w->out[3].marks, PVTB_MARK_LOST);
	free(w);
}

/* ---- laws without exits ---- */

static struct world *native(enum pvtb_law law, unsigned int ops)
{
	struct world *w = new_world(law);

	start(w);
	for (unsigned int i = 0; i < ops; i++)
		op(w, nothing, 0);
	return w;
}

static void test_no_exit_laws(void **state)
{
	static const enum pvtb_law laws[] = {PVTB_LAW_NO_TRAP, PVTB_LAW_FAST_PATH,
					     PVTB_LAW_GUEST_TRAP};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(laws); i++) {
		struct world *w = native(laws[i], 20);

		w->in.trapped = 20;
		op(w, pair, IRQ); /* an interrupt is always allowed */
		w->in.trapped = 21;
		must_hold(w);
		assert_string_equal(w->res.verdict, "0 exits for 21 ops");
		assert_int_equal(w->res.expected, 0);
		assert_int_equal(w->out[20].marks, PVTB_MARK_INTERRUPT);
		assert_int_equal(w->out[20].exits, 0);
		assert_int_equal(w->res.causal_checked, 0);
		op(w, pair, HVC); /* a trap is not */
		w->in.trapped = 22;
		must_break(w, "1 exits for 22 ops");
		assert_int_equal(w->out[21].marks, PVTB_MARK_OTHER_EXIT);
		free(w);
	}
}

static void test_guest_trap_counts(void **state)
{
	struct world *w = native(PVTB_LAW_GUEST_TRAP, 20);

	w->in.trapped = 19;
	must_break(w, "kernel took 19 traps");
	w->in.trapped = 20;
	must_hold(w);
	w->in.law.law = PVTB_LAW_NO_TRAP; /* and is nobody else's business */
	w->in.trapped = 5;
	must_hold(w);
	free(w);
}

static void test_silent_witness(void **state)
{
	struct world *w = native(PVTB_LAW_NO_TRAP, 20);

	w->nr = 0; /* zero exits seen by a trace that saw nothing prove nothing */
	must_be_inconclusive(w, "neither an entry nor an exit");
	free(w);
}

static void test_unknown_law(void **state)
{
	struct world *w = native(PVTB_LAW_UNKNOWN, 20);

	must_be_inconclusive(w, "no witness");
	assert_int_equal(w->nout, 20);
	free(w);
}

static void test_law_names(void **state)
{
	for (int a = PVTB_LAW_NO_TRAP; a <= PVTB_LAW_UNKNOWN; a++)
		for (int b = a + 1; b <= PVTB_LAW_UNKNOWN; b++)
			assert_string_not_equal(pvtb_law_name(a), pvtb_law_name(b));
	assert_string_equal(pvtb_law_name(PVTB_LAW_UNKNOWN + 1), "?");
}

/* ---- batch and loop mode ---- */

static void five(struct world *w, u32 reason)
{
	for (unsigned int i = 0; i < 5; i++) {
		pair(w, reason);
		w->now += 350;
	}
	w->in.ops += 4;
}

static void test_batch(void **state)
{
	struct world *w = new_world(PVTB_LAW_ONE_EXIT);

	start(w);
	warm_up(w, 3);
	w->in.ops_per_sample = 5;
	for (unsigned int i = 0; i < 20; i++)
		op(w, five, HVC);
	must_hold(w);
	assert_int_equal(w->res.marked_unpaired, 0);
	assert_int_equal(w->out[7].exits, 5);
	assert_int_equal(w->out[7].gap_before_ns, 200);
	assert_int_equal(w->out[7].gap_after_ns, 150 + 350);
	assert_int_equal(w->res.causal_checked, 40);
	drop_record(w, 30);
	must_break(w, "102 exits for 103 ops");
	free(w);
}

static void test_loop(void **state)
{
	struct world *w = sound(0, 100);

	w->in.ops_per_sample = 0;
	w->ns = 0;
	must_hold(w);
	drop_record(w, 30);
	must_break(w, "99 exits for 100 ops");
	w->in.map = NULL;
	w->in.samples = NULL;
	w->in.sink = NULL;
	w->pr = 0;
	assert_int_equal(pvtb_join(&w->in, &w->res, &w->err), 0);
	assert_int_equal(w->res.exits_matching, 99);
	free(w);
}

/* ---- causality ---- */

static void test_causality(void **state)
{
	static const struct {
		s64 before, after;
		unsigned int violations;
		s64 worst;
	} t[] = {
		{0, 0, 0, 0},
		{-10, 0, 0, 0}, /* the claimed uncertainty */
		{-11, 0, 1, -11},
		{0, -11, 0, 0}, /* and a tick, for t1 shows the start of its own */
		{0, -12, 1, -12},
		{-30, -40, 2, -40},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(t); i++) {
		struct world *w = sound(0, 20);

		w->s[7].t0 = w->r[8].t0_ns - 500 - (u64)t[i].before;
		w->s[7].t1 = w->r[8].t1_ns - 500 + (u64)t[i].after;
		must_hold(w);
		assert_int_equal(w->res.causal_checked, 40);
		assert_int_equal(w->res.causal_violations, t[i].violations);
		assert_int_equal(w->res.worst_violation_ns, t[i].worst);
		/* never clamped */
		assert_int_equal(w->out[7].gap_before_ns, t[i].before);
		assert_int_equal(w->out[7].gap_after_ns, t[i].after);
		free(w);
	}
}

/* 62.5 MHz: stamps are cut to 16 ns, which must not look like a violation. */
static void test_coarse_ticks(void **state)
{
	struct world *w = sound(3, 1000);

	w->map = (struct pvtb_clock_map){.ns0 = 500, .num = 16, .den = 1, .unc_ns = 0};
	for (size_t i = 0; i < w->ns; i++) {
		/* no gap at all: read in the moment of the exit, and of the entry */
		w->s[i].t0 = (w->r[4 + i].t0_ns - 500) / 16;
		w->s[i].t1 = (w->r[4 + i].t1_ns - 500) / 16;
	}
	must_hold(w);
	assert_int_equal(w->res.causal_violations, 0);
	for (size_t i = 0; i < w->nout; i++) {
		assert_in_range(w->out[i].gap_before_ns, 0, 15);
		assert_in_range(-w->out[i].gap_after_ns, 0, 15);
	}
	free(w);
}

/* Clocks aligned wrongly by most of an op are noticed, and so is by more than one. */
static void test_misaligned(void **state)
{
	static const s64 off[] = {-1300, -300, 300, 1300, 1385, 2 * 1370, -1370, 100000};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(off); i++) {
		struct world *w = sound(3, 200);

		w->map.ns0 += (u64)off[i];
		run_ok(w);
		assert_true(!w->res.law_holds || w->res.causal_violations > 100);
		free(w);
	}
}

/* Off by less than half an op, each exit is still found to be its sample's, and reversed. */
static void test_misaligned_little(void **state)
{
	static const s64 off[] = {-300, 300};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(off); i++) {
		struct world *w = sound(3, 200);

		w->map.ns0 += (u64)off[i];
		must_hold(w);
		assert_int_equal(w->res.causal_violations, 200);
		assert_int_equal(w->res.marked_unpaired, 0);
		free(w);
	}
}

/* An exit between two samples belongs to the nearer one. */
static void test_nearest_sample(void **state)
{
	static const s64 off[] = {-1300, 1300};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(off); i++) {
		struct world *w = new_world(PVTB_LAW_ONE_EXIT);

		start(w);
		for (unsigned int k = 0; k < 20; k++) {
			w->now += 10000;
			op(w, pair, HVC);
		}
		w->map.ns0 += (u64)off[i];
		run_ok(w);
		assert_int_equal(w->out[5].exit_ns, w->r[6].t0_ns);
		assert_int_equal(w->out[5].gap_before_ns, 200 - off[i]);
		free(w);
	}
}

/* The guest's counter may wrap in the middle of a run. */
static void test_counter_wraps(void **state)
{
	struct world *w = sound(3, 100);
	u64 shift = (u64)-1 - w->s[50].t0 - 100;

	for (size_t i = 0; i < w->ns; i++) {
		w->s[i].t0 += shift;
		w->s[i].t1 += shift;
	}
	w->map.delta_ticks = (s64)shift;
	assert_true(w->s[50].t1 < w->s[50].t0);
	must_hold(w);
	assert_int_equal(w->res.causal_violations, 0);
	assert_int_equal(w->out[50].gap_before_ns, 200);
	free(w);
}

/* ---- bad input ---- */

static void test_not_a_stream(void **state)
{
	struct world *w = sound(0, 10);

	w->r[5].kind = PVTB_REC_THREAD + 1; /* the first number that is no kind */
	assert_int_equal(run(w), -EBADMSG);
	w->r[5].kind = PVTB_REC_NONE;
	assert_int_equal(run(w), -EBADMSG);
	assert_non_null(strstr(w->err.why, "record 5"));
	free(w);
}

static void test_failing_sources(void **state)
{
	struct world *w = sound(0, 400);

	w->fail_samples = -EIO;
	assert_int_equal(run(w), -EIO);
	w->fail_samples = PVTB_JOIN_REASONS * 1000; /* more than there was room for */
	assert_int_equal(run(w), -EBADMSG);
	w->fail_samples = 0;
	w->fail_records = -EIO;
	assert_int_equal(run(w), -EIO);
	w->fail_records = 0;
	w->fail_sink = -ENOSPC;
	assert_int_equal(run(w), -ENOSPC);
	free(w);
}

static void test_bad_input(void **state)
{
	struct world *w = sound(0, 10);

	w->in.law.nr_match = 0;
	assert_int_equal(run(w), -EINVAL);
	w->in.law.nr_match = 5;
	assert_int_equal(run(w), -EINVAL);
	w->in.law.nr_match = 1;
	w->in.law.nr_intr = 9;
	assert_int_equal(run(w), -EINVAL);
	w->in.law.nr_intr = 1;
	w->in.law.law = 17;
	assert_int_equal(run(w), -EINVAL);
	w->in.law.law = PVTB_LAW_ONE_EXIT;
	w->map.den = 0;
	assert_int_equal(run(w), -EINVAL);
	free(w);
}

static void test_many_reasons(void **state)
{
	struct world *w = sound(0, 10);

	for (unsigned int i = 0; i < PVTB_JOIN_REASONS + 3; i++)
		pair(w, 0x02000040 + i);
	must_hold(w);
	assert_int_equal(w->res.nr_reasons, PVTB_JOIN_REASONS);
	assert_int_equal(w->res.reasons_overflow, 4);
	free(w);
}

/* ---- random damage ---- */

static u64 rnd(u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ULL;
}

static void idle(struct world *w, u64 *seed)
{
	w->now += 20 + rnd(seed) % 5000;
}

/* A sound window with everything in it that may be there. */
static struct world *random_window(u64 *seed)
{
	void (*const bodies[])(struct world *, u32) = {pair,	       pair,	  pair,
						       intr_then_pair, preempted, fault_then_pair};
	struct world *w = new_world(PVTB_LAW_ONE_EXIT);
	unsigned int n = 5 + (unsigned int)(rnd(seed) % 60);

	start(w);
	warm_up(w, (unsigned int)(rnd(seed) % 5));
	for (unsigned int i = 0; i < n; i++) {
		if (rnd(seed) % 4 == 0)
			idle(w, seed);
		if (rnd(seed) % 16 == 0) {
			w->now += 100;
			preempted(w, IRQ);
			w->now += 100;
		}
		/* last: what is open at the end is taken for the doorbell */
		op(w, bodies[rnd(seed) % PVTB_ARRAY_SIZE(bodies)], HVC);
	}
	return w;
}

static bool noticed(const struct world *w)
{
	return !w->res.law_holds || w->res.causal_violations;
}

/* Is a record one that may be missing without a trace? An exit that is nobody's, and what is
 * kept for stolen time: only the ring's own count of losses tells. */
static bool dispensable(const struct pvtb_rec *r)
{
	return r->kind == PVTB_REC_RUN_DELAY || (r->kind == PVTB_REC_PAIR && r->reason != HVC);
}

static void test_random_damage(void **state)
{
	u64 seed = 20;

	for (unsigned int round = 0; round < 3000; round++) {
		struct world *w = random_window(&seed);
		size_t i = rnd(&seed) % w->nr, k = rnd(&seed) % w->ns;
		struct pvtb_sample t = w->s[k];

		must_hold(w);
		assert_int_equal(w->res.causal_violations, 0);
		switch (rnd(&seed) % 6) {
		case 0: /* lost record */
			if (dispensable(&w->r[i]))
				break;
			drop_record(w, i);
			run_ok(w);
			assert_true(noticed(w));
			break;
		case 1: /* doubled record */
			if (w->r[i].kind == PVTB_REC_RUN_DELAY)
				break;
			double_record(w, i);
			run_ok(w);
			assert_true(noticed(w));
			break;
		case 2: /* swapped records; those of one moment may stand either way */
			if (i + 1 == w->nr || w->r[i + 1].kind == PVTB_REC_RUN_DELAY)
				break;
			swap_records(w, i);
			run_ok(w);
			assert_true(noticed(w));
			break;
		case 3: /* lost sample */
			memmove(&w->s[k], &w->s[k + 1], (w->ns - k - 1) * sizeof(t));
			w->ns--;
			run_ok(w);
			assert_true(noticed(w));
			break;
		case 4: /* doubled sample */
			memmove(&w->s[k + 1], &w->s[k], (w->ns - k) * sizeof(t));
			w->ns++;
			run_ok(w);
			assert_true(noticed(w));
			break;
		case 5: /* swapped samples */
			if (k + 1 == w->ns)
				break;
			w->s[k] = w->s[k + 1];
			w->s[k + 1] = t;
			run_ok(w);
			assert_true(noticed(w));
			break;
		}
		free(w);
	}
}

/* Whatever the bytes, the join ends, and with sane counts. */
static void test_random_bytes(void **state)
{
	u64 seed = 99;

	for (unsigned int round = 0; round < 2000; round++) {
		struct world *w = random_window(&seed);

		for (unsigned int n = 1 + (unsigned int)(rnd(&seed) % 20); n; n--) {
			u8 *at = rnd(&seed) % 2 ? (u8 *)w->s + rnd(&seed) % (w->ns * 16)
						: (u8 *)w->r + rnd(&seed) % (w->nr * 32);

			*at = (u8)rnd(&seed);
		}
		if (run(w) == 0) {
			assert_int_equal(w->res.samples, w->ns);
			assert_int_equal(w->res.records, w->nr);
			assert_int_equal(w->nout, w->ns);
			assert_true(w->res.exits_matching >= w->res.entries_matching);
		} else {
			assert_int_equal(w->err.code, -EBADMSG);
		}
		free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_exit),
		cmocka_unit_test(test_small_batches),
		cmocka_unit_test(test_long_stream),
		cmocka_unit_test(test_exit_missing),
		cmocka_unit_test(test_exit_in_wrong_sample),
		cmocka_unit_test(test_out_of_step),
		cmocka_unit_test(test_doubled_exit),
		cmocka_unit_test(test_swapped_exits),
		cmocka_unit_test(test_swapped_in_warmup),
		cmocka_unit_test(test_exit_runs_backwards),
		cmocka_unit_test(test_samples_damaged),
		cmocka_unit_test(test_records_cut_short),
		cmocka_unit_test(test_records_end_away),
		cmocka_unit_test(test_wrong_reason),
		cmocka_unit_test(test_exits_per_op),
		cmocka_unit_test(test_idle_halt),
		cmocka_unit_test(test_wrong_pc),
		cmocka_unit_test(test_several_reasons),
		cmocka_unit_test(test_interrupt_marks),
		cmocka_unit_test(test_other_exit_marks),
		cmocka_unit_test(test_preempted_inside),
		cmocka_unit_test(test_preempted_at_the_edge),
		cmocka_unit_test(test_uncertainty_marks_widely),
		cmocka_unit_test(test_sched_chain),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_entry_chain),
		cmocka_unit_test(test_doorbell_before),
		cmocka_unit_test(test_doorbell_after),
		cmocka_unit_test(test_empty_streams),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_no_exit_laws),
		cmocka_unit_test(test_guest_trap_counts),
		cmocka_unit_test(test_silent_witness),
		cmocka_unit_test(test_unknown_law),
		cmocka_unit_test(test_law_names),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_causality),
		cmocka_unit_test(test_coarse_ticks),
		cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_misaligned_little),
		cmocka_unit_test(test_nearest_sample),
		cmocka_unit_test(test_counter_wraps),
		cmocka_unit_test(test_not_a_stream),
		cmocka_unit_test(test_failing_sources),
		cmocka_unit_test(test_bad_input),
		cmocka_unit_test(test_many_reasons),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
