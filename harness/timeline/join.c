// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the merge of a guest stream with a host stream: conservation, pairing, decomposition,
 * marks, causality. One pass over both, a fixed batch of each in memory. Decides nothing about
 * statistics and reads no files.
 *
 * In three steps: records become items (an interval on the host: an exit with its entry, or a
 * time off the CPU); items go to the cell of the sample they are nearest to; finished samples
 * wait a while before they are given away, because a disturbance seen later may, within the
 * clocks' uncertainty, have been in an earlier one.
 */
#include "timeline/join.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define JOIN_BATCH   2048
/* Finished samples kept: how far back a disturbance can mark. A power of two. */
#define JOIN_WAITING 256

enum item_class {
	ITEM_INTERRUPT,
	ITEM_OTHER,
	ITEM_AWAY,  /* off the CPU */
	ITEM_MATCH, /* the op's own exit */
	ITEM_ENTRY, /* an entry whose exit is not this window's */
};
#define ITEM_DISTURBANCES 3 /* the first three */

static const u32 disturbance_marks[ITEM_DISTURBANCES] = {
	[ITEM_INTERRUPT] = PVTB_MARK_INTERRUPT,
	[ITEM_OTHER] = PVTB_MARK_OTHER_EXIT,
	[ITEM_AWAY] = PVTB_MARK_PREEMPTED,
};

struct item {
	s64 begin_ns, end_ns;
	enum item_class class;
	u32 reason;   /* exits */
	bool entered; /* exits: the entry was seen */
};

/* A sample being joined: its interval on the host clock and what was found in its cell. */
struct cell {
	s64 begin_ns, end_ns; /* end: first moment of t1's tick */
	s64 last_entry_ns;
	u64 first_number; /* of its first matching exit */
	struct pvtb_joined out;
};

struct join {
	const struct pvtb_join_input *in;
	struct pvtb_join_result *res;
	struct pvtb_err *err;
	s64 unc_ns, tick_ns;
	bool single;

	/* guest stream */
	struct pvtb_clock_cursor cursor;
	size_t sample_pos, sample_len;
	bool samples_end;
	u64 last_ticks;
	bool last_ticks_valid;
	s64 slip;	 /* exit number - what the sample's index says */
	u64 made, given; /* cells, by sample index */
	s64 disturbed_until_ns[ITEM_DISTURBANCES];

	/* host stream */
	size_t rec_pos, rec_len;
	bool recs_end;
	s64 last_ns;
	bool last_ns_valid;
	enum { HOST_START, HOST_GUEST, HOST_EXITED } state;
	struct item open;     /* HOST_EXITED: its exit */
	s64 away_ns;	      /* switched out then */
	bool away, foreign;   /* foreign: open is the doorbell of the command before */
	struct item queue[2]; /* not placed yet; a record can end one item and be another */
	unsigned int queued, unqueued;
	u64 entries;
	unsigned int last_reason;

	struct cell cells[JOIN_WAITING];
	struct pvtb_sample sample_buf[JOIN_BATCH];
	struct pvtb_rec rec_buf[JOIN_BATCH];
};

static const char *const law_names[] = {
	[PVTB_LAW_NO_TRAP] = "no exit seen",
	[PVTB_LAW_ONE_EXIT] = "one exit per op",
	[PVTB_LAW_FAST_PATH] = "no exit (fast path)",
	[PVTB_LAW_GUEST_TRAP] = "trap to the guest's kernel, no exit",
	[PVTB_LAW_UNKNOWN] = "no witness",
};

const char *pvtb_law_name(enum pvtb_law law)
{
	if ((size_t)law >= PVTB_ARRAY_SIZE(law_names))
		return "?";
	return law_names[law];
}

/*
 * Stamps come from files too: whatever they hold, sums and differences wrap rather than be
 * undefined. On real stamps this is plain arithmetic.
 */
static s64 add_ns(s64 a, s64 b)
{
	return (s64)((u64)a + (u64)b);
}

static s64 sub_ns(s64 a, s64 b)
{
	return (s64)((u64)a - (u64)b);
}

/* ---- records -> items ------------------------------------------------------------------- */

static void count_reason(struct join *j, u32 reason)
{
	struct pvtb_join_result *res = j->res;
	unsigned int i = j->last_reason;

	/* Nearly always the same as the last time. */
	if (i < res->nr_reasons && res->reasons[i].reason == reason) {
		res->reasons[i].n++;
		return;
	}
	for (i = 0; i < res->nr_reasons; i++)
		if (res->reasons[i].reason == reason)
			break;
	if (i == PVTB_JOIN_REASONS) {
		res->reasons_overflow++;
		return;
	}
	if (i == res->nr_reasons)
		res->reasons[res->nr_reasons++].reason = reason;
	res->reasons[i].n++;
	j->last_reason = i;
}

static bool matches(const struct pvtb_reason_match *m, size_t n, u32 reason)
{
	for (size_t i = 0; i < n; i++)
		if ((reason & m[i].mask) == m[i].value)
			return true;
	return false;
}

static enum item_class classify(const struct join *j, const struct pvtb_rec *rec)
{
	const struct pvtb_join_law *law = &j->in->law;

	/* Before the op's own: an interrupt's record may carry what is left of another reason. */
	if (matches(law->intr, law->nr_intr, rec->reason))
		return ITEM_INTERRUPT;
	if (law->law != PVTB_LAW_ONE_EXIT || !matches(law->match, law->nr_match, rec->reason))
		return ITEM_OTHER;
	if (law->pc_last && !(rec->flags & PVTB_REC_F_NOPC) &&
	    (rec->pc < law->pc_first || rec->pc > law->pc_last))
		return ITEM_OTHER;
	return ITEM_MATCH;
}

static void queue_item(struct join *j, const struct item *it)
{
	j->queue[j->queued++] = *it;
}

/* The pending exit ends without its entry: another exit came, so a record is missing. */
static void close_without_entry(struct join *j)
{
	j->res->chain_errors++;
	if (!j->foreign)
		queue_item(j, &j->open);
}

/* What every exit does to the chain; is it the doorbell of the command before? */
static bool begins_foreign(struct join *j)
{
	if (j->state == HOST_EXITED)
		close_without_entry(j);
	if (j->state != HOST_START)
		return false;
	if (!j->in->open_at_start)
		j->res->chain_errors++; /* the window's first entry is missing */
	return j->in->open_at_start;
}

static void entered(struct join *j)
{
	j->entries++;
	if (j->away)
		j->res->chain_errors++; /* entered while off the CPU: SCHED_IN is missing */
	j->away = false;
	j->state = HOST_GUEST;
}

static void on_exit_alone(struct join *j, const struct pvtb_rec *rec)
{
	j->foreign = begins_foreign(j);
	j->open = (struct item){.begin_ns = (s64)rec->t0_ns,
				.end_ns = (s64)rec->t0_ns,
				.class = classify(j, rec),
				.reason = rec->reason};
	j->state = HOST_EXITED;
}

static void on_entry(struct join *j, const struct pvtb_rec *rec)
{
	struct item it = {.begin_ns = (s64)rec->t1_ns,
			  .end_ns = (s64)rec->t1_ns,
			  .class = ITEM_ENTRY,
			  .entered = true};

	if (j->state == HOST_GUEST)
		j->res->chain_errors++; /* entered twice: an exit is missing */
	if (j->state == HOST_EXITED && !j->foreign) {
		it.begin_ns = j->open.begin_ns;
		it.class = j->open.class;
		it.reason = j->open.reason;
	}
	entered(j);
	queue_item(j, &it);
}

static void on_pair(struct join *j, const struct pvtb_rec *rec)
{
	struct item it = {.begin_ns = (s64)rec->t0_ns,
			  .end_ns = (s64)rec->t1_ns,
			  .class = classify(j, rec),
			  .reason = rec->reason,
			  .entered = true};

	if (j->state != HOST_GUEST && begins_foreign(j)) {
		it.begin_ns = it.end_ns;
		it.class = ITEM_ENTRY;
	}
	entered(j);
	queue_item(j, &it);
}

static void on_sched_out(struct join *j, const struct pvtb_rec *rec)
{
	j->res->preemptions++;
	if (rec->flags & PVTB_REC_F_UNSEEN)
		j->res->unseen++;
	else if (j->away)
		j->res->chain_errors++;
	/* Unseen, it has been disturbed since it was last known to be away, or to run. */
	if (!j->away)
		j->away_ns = (s64)rec->t0_ns;
	j->away = true;
}

static void on_sched_in(struct join *j, const struct pvtb_rec *rec)
{
	struct item it = {
		.begin_ns = (s64)rec->t0_ns, .end_ns = (s64)rec->t0_ns, .class = ITEM_AWAY};

	j->res->migrations += rec->reason;
	if (j->away)
		it.begin_ns = j->away_ns;
	else
		j->res->chain_errors++;
	j->away = false;
	queue_item(j, &it);
}

/* First and last stamp of a record. -EBADMSG for a kind there is not. */
static int stamps_of(const struct pvtb_rec *rec, s64 *begin, s64 *end)
{
	switch (rec->kind) {
	case PVTB_REC_PAIR:
		*begin = (s64)rec->t0_ns;
		*end = (s64)rec->t1_ns;
		return 0;
	case PVTB_REC_EXIT:
	case PVTB_REC_SCHED_OUT:
	case PVTB_REC_SCHED_IN:
	case PVTB_REC_WAIT:
	case PVTB_REC_CLOCK:
	case PVTB_REC_THREAD:
		*begin = *end = (s64)rec->t0_ns;
		return 0;
	case PVTB_REC_ENTRY:
	case PVTB_REC_RUN_DELAY:
		*begin = *end = (s64)rec->t1_ns;
		return 0;
	}
	return -EBADMSG;
}

static int on_record(struct join *j, const struct pvtb_rec *rec)
{
	s64 begin, end;

	if (stamps_of(rec, &begin, &end))
		return pvtb_err_set(j->err, -EBADMSG, "host records",
				    "record %" PRIu64 " has the unknown kind %u", j->res->records,
				    rec->kind);
	j->res->records++;
	if ((j->last_ns_valid && begin < j->last_ns) || end < begin)
		j->res->order_errors++;
	j->last_ns = end;
	j->last_ns_valid = true;
	switch (rec->kind) {
	case PVTB_REC_PAIR:
		on_pair(j, rec);
		break;
	case PVTB_REC_EXIT:
		on_exit_alone(j, rec);
		break;
	case PVTB_REC_ENTRY:
		on_entry(j, rec);
		break;
	case PVTB_REC_SCHED_OUT:
		on_sched_out(j, rec);
		break;
	case PVTB_REC_SCHED_IN:
		on_sched_in(j, rec);
		break;
	case PVTB_REC_RUN_DELAY:
	case PVTB_REC_WAIT:
	case PVTB_REC_CLOCK:
	case PVTB_REC_THREAD:
		break; /* the business of stolen time */
	}
	return 0;
}

/* An exit still open when the records end is the doorbell's: the guest rang it after its last op,
 * whose entry it therefore had. It is nobody's, and stays unqueued. */
static void records_ended(struct join *j)
{
	j->recs_end = true;
	if (j->away) {
		struct item it = {.begin_ns = j->away_ns, .end_ns = j->away_ns, .class = ITEM_AWAY};

		queue_item(j, &it);
	}
}

/* What a source returned, with its own error kept where it left one. */
static int source_failed(struct join *j, ssize_t rc, const char *what)
{
	if (rc > 0)
		return pvtb_err_set(j->err, -EBADMSG, what, "the source overran its buffer");
	if (j->err && j->err->code == (int)rc)
		return (int)rc;
	return pvtb_err_sys(j->err, (int)rc, "%s", what);
}

/* The next item not placed yet: 1, 0 at the end, negative errno. Stays until take_item(). */
static int peek_item(struct join *j, const struct item **ret)
{
	while (j->unqueued == j->queued) {
		int rc;

		j->unqueued = 0;
		j->queued = 0;
		if (j->rec_pos == j->rec_len) {
			ssize_t n = 0;

			if (j->recs_end)
				return 0;
			if (j->in->records)
				n = j->in->records(j->in->records_ctx, j->rec_buf, JOIN_BATCH);
			if (n < 0 || n > JOIN_BATCH)
				return source_failed(j, n, "host records");
			j->rec_pos = 0;
			j->rec_len = (size_t)n;
			if (n == 0) {
				records_ended(j);
				continue;
			}
		}
		rc = on_record(j, &j->rec_buf[j->rec_pos++]);
		if (rc)
			return rc;
	}
	*ret = &j->queue[j->unqueued];
	return 1;
}

static void take_item(struct join *j)
{
	j->unqueued++;
}

/* ---- items -> cells --------------------------------------------------------------------- */

static struct cell *cell_of(struct join *j, u64 index)
{
	return &j->cells[index % JOIN_WAITING];
}

/* A disturbance marks every waiting sample it may have been in, and by disturbed_until_ns those
 * to come. */
static void disturb(struct join *j, const struct item *it)
{
	s64 *until = &j->disturbed_until_ns[it->class];

	if (add_ns(it->end_ns, j->unc_ns) > *until)
		*until = add_ns(it->end_ns, j->unc_ns);
	for (u64 i = j->made; i > j->given; i--) {
		struct cell *c = cell_of(j, i - 1);

		if (add_ns(c->end_ns, j->tick_ns + j->unc_ns) < it->begin_ns)
			break;
		if (sub_ns(c->begin_ns, j->unc_ns) <= it->end_ns)
			c->out.marks |= disturbance_marks[it->class];
	}
}

/* @c: the cell it lies in, NULL for one before the first sample. */
static void place(struct join *j, const struct item *it, struct cell *c)
{
	struct pvtb_join_result *res = j->res;

	switch (it->class) {
	case ITEM_MATCH:
		if (c) {
			if (c->out.exits++ == 0) {
				c->first_number = res->exits_matching;
				c->out.exit_ns = (u64)it->begin_ns;
				c->out.entry_ns = it->entered ? (u64)it->end_ns : 0;
			}
			c->last_entry_ns = it->entered ? it->end_ns : 0;
		}
		res->exits_matching++;
		res->entries_matching += it->entered;
		count_reason(j, it->reason);
		break;
	case ITEM_INTERRUPT:
		res->exits_interrupt++;
		count_reason(j, it->reason);
		disturb(j, it);
		break;
	case ITEM_OTHER:
		res->exits_other++;
		count_reason(j, it->reason);
		disturb(j, it);
		break;
	case ITEM_AWAY:
		disturb(j, it);
		break;
	case ITEM_ENTRY:
		break;
	}
}

static s64 middle(s64 a, s64 b)
{
	return add_ns(a, sub_ns(b, a) / 2);
}

/* Place every item of cell @c: those with their middle before @upper. The first cell has a lower
 * bound too, which keeps the warm-up's exits out. */
static int fill_cell(struct join *j, struct cell *c, s64 upper)
{
	const struct item *it;
	s64 lower = c->out.index ? INT64_MIN : c->begin_ns;
	int rc;

	while ((rc = peek_item(j, &it)) > 0) {
		s64 at = middle(it->begin_ns, it->end_ns);

		if (at >= upper)
			return 0;
		place(j, it, at < lower ? NULL : c);
		take_item(j);
	}
	return rc;
}

/* ---- cells -> joined samples ------------------------------------------------------------ */

static void check_gap(struct join *j, s64 gap_ns, s64 allowed_ns)
{
	j->res->causal_checked++;
	if (gap_ns >= -allowed_ns)
		return;
	j->res->causal_violations++;
	if (gap_ns < j->res->worst_violation_ns)
		j->res->worst_violation_ns = gap_ns;
}

static void check_pairing(struct join *j, struct cell *c)
{
	s64 slip;

	if (c->out.exits != 1) {
		c->out.marks |= PVTB_MARK_UNPAIRED;
		return;
	}
	slip = (s64)(c->first_number - (j->in->warmup + c->out.index));
	if (slip != j->slip)
		j->res->index_slips++;
	j->slip = slip;
}

static void finish_cell(struct join *j, struct cell *c)
{
	struct pvtb_joined *out = &c->out;

	if (j->in->lost)
		out->marks |= PVTB_MARK_LOST;
	if (j->in->law.law == PVTB_LAW_ONE_EXIT && j->single)
		check_pairing(j, c);
	if (!out->exits)
		return;
	out->gap_before_ns = sub_ns((s64)out->exit_ns, c->begin_ns);
	if (out->entry_ns)
		out->handling_ns = (s64)(out->entry_ns - out->exit_ns);
	if (c->last_entry_ns)
		out->gap_after_ns = sub_ns(c->end_ns, c->last_entry_ns);
	if (out->marks & PVTB_MARK_UNPAIRED)
		return; /* whose gaps these are is not known */
	/* t0 was read at or after the first moment of its tick, which only lengthens this gap ... */
	check_gap(j, out->gap_before_ns, j->unc_ns);
	/* ... and so was t1, which can make this one up to a tick too short. */
	if (c->last_entry_ns)
		check_gap(j, out->gap_after_ns, j->unc_ns + j->tick_ns);
}

static int give_oldest(struct join *j)
{
	const struct pvtb_joined *out = &cell_of(j, j->given++)->out;
	struct pvtb_join_result *res = j->res;
	int rc;

	if (out->marks) {
		res->marked_preempted += !!(out->marks & PVTB_MARK_PREEMPTED);
		res->marked_interrupt += !!(out->marks & PVTB_MARK_INTERRUPT);
		res->marked_other += !!(out->marks & PVTB_MARK_OTHER_EXIT);
		res->marked_lost += !!(out->marks & PVTB_MARK_LOST);
		res->marked_unpaired += !!(out->marks & PVTB_MARK_UNPAIRED);
	}
	if (!j->in->sink)
		return 0;
	rc = j->in->sink(j->in->sink_ctx, out);
	if (rc < 0)
		return source_failed(j, rc, "joined samples");
	return 0;
}

/* The next sample: 1, 0 at the end, negative errno. */
static int next_sample(struct join *j, struct pvtb_sample *ret)
{
	if (j->sample_pos == j->sample_len) {
		ssize_t n = 0;

		if (j->samples_end)
			return 0;
		if (j->in->samples)
			n = j->in->samples(j->in->samples_ctx, j->sample_buf, JOIN_BATCH);
		if (n < 0 || n > JOIN_BATCH)
			return source_failed(j, n, "guest samples");
		j->sample_pos = 0;
		j->sample_len = (size_t)n;
		j->samples_end = n == 0;
		if (n == 0)
			return 0;
	}
	*ret = j->sample_buf[j->sample_pos++];
	return 1;
}

/* The cell of the next sample: 1, 0 at the end, negative errno. */
static int make_cell(struct join *j, struct cell **ret)
{
	struct pvtb_sample s = {0};
	struct cell *c;
	int rc = next_sample(j, &s);

	if (rc <= 0)
		return rc;
	if (j->made - j->given == JOIN_WAITING) {
		rc = give_oldest(j);
		if (rc)
			return rc;
	}
	/* Modulo 2^64: a counter may wrap, but it may not go back. */
	if ((j->last_ticks_valid && (s64)(s.t0 - j->last_ticks) < 0) || (s64)(s.t1 - s.t0) < 0)
		j->res->order_errors++;
	j->last_ticks = s.t1;
	j->last_ticks_valid = true;
	j->res->samples++;
	c = cell_of(j, j->made);
	c->out = (struct pvtb_joined){.index = j->made, .t0_ticks = s.t0, .t1_ticks = s.t1};
	c->begin_ns = (s64)pvtb_clock_cursor_ns(&j->cursor, s.t0);
	c->end_ns = (s64)pvtb_clock_cursor_ns(&j->cursor, s.t1);
	for (unsigned int i = 0; i < ITEM_DISTURBANCES; i++)
		if (c->begin_ns <= j->disturbed_until_ns[i])
			c->out.marks |= disturbance_marks[i];
	j->made++;
	*ret = c;
	return 1;
}

static int merge(struct join *j)
{
	struct cell *cur, *next = NULL;
	const struct item *it;
	int more = make_cell(j, &cur), rc;

	while (more > 0) {
		more = make_cell(j, &next);
		if (more < 0)
			return more;
		rc = fill_cell(j, cur, more ? middle(cur->end_ns, next->begin_ns) : INT64_MAX);
		if (rc < 0)
			return rc;
		finish_cell(j, cur);
		cur = next;
	}
	if (more < 0)
		return more;
	while ((rc = peek_item(j, &it)) > 0) {
		place(j, it, NULL);
		take_item(j);
	}
	while (!rc && j->given < j->made)
		rc = give_oldest(j);
	return rc;
}

/* ---- verdict ---------------------------------------------------------------------------- */

static void say(struct pvtb_join_result *res, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct pvtb_join_result *res, const char *fmt, ...)
{
	size_t len = strlen(res->verdict);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(res->verdict + len, sizeof(res->verdict) - len, fmt, ap);
	va_end(ap);
}

/* A clause of the verdict for each thing that broke. */
static void broke(struct pvtb_join_result *res, u64 n, const char *what)
{
	if (!n)
		return;
	res->law_holds = false;
	say(res, "; %" PRIu64 " %s", n, what);
}

/* Reasons why nothing can be concluded, the law kept or broken. */
static bool cannot_tell(const struct join *j)
{
	struct pvtb_join_result *res = j->res;
	u64 exits = res->exits_matching + res->exits_interrupt + res->exits_other;

	if (j->in->law.law == PVTB_LAW_UNKNOWN)
		say(res, "this host has no witness: nothing is concluded for %" PRIu64 " ops",
		    j->in->ops);
	else if (j->in->ops == 0)
		say(res, "no op was executed");
	else if (res->lost)
		say(res,
		    "%" PRIu64 " host records lost; %" PRIu64 " exits seen for %" PRIu64 " ops",
		    res->lost, res->exits_matching + res->exits_other, j->in->ops);
	else if (res->unseen)
		say(res,
		    "%" PRIu64 " switches to the thread were not witnessed; %" PRIu64
		    " exits seen for %" PRIu64 " ops",
		    res->unseen, res->exits_matching + res->exits_other, j->in->ops);
	else if (!j->entries && !exits)
		/* Even a window without exits starts with an entry. */
		say(res, "the host saw neither an entry nor an exit in %" PRIu64 " ops",
		    j->in->ops);
	else
		return false;
	return true;
}

static void judge(const struct join *j)
{
	const struct pvtb_join_input *in = j->in;
	struct pvtb_join_result *res = j->res;
	bool one = in->law.law == PVTB_LAW_ONE_EXIT;
	u64 exits = one ? res->exits_matching : res->exits_other;

	res->lost = in->lost;
	res->expected = one ? in->ops : 0;
	res->inconclusive = cannot_tell(j);
	if (res->inconclusive)
		return;
	res->law_holds = exits == res->expected;
	say(res, "%" PRIu64 " exits for %" PRIu64 " ops", exits, in->ops);
	broke(res, res->exits_matching - res->entries_matching, "without their entry");
	if (in->law.law == PVTB_LAW_GUEST_TRAP && in->trapped != in->ops) {
		res->law_holds = false;
		say(res, "; the guest's kernel took %" PRIu64 " traps", in->trapped);
	}
	if (j->single && res->samples + in->warmup != in->ops) {
		res->law_holds = false;
		say(res, "; %" PRIu64 " samples and %" PRIu64 " ops of warm-up", res->samples,
		    in->warmup);
	}
	if (one)
		broke(res, res->marked_unpaired, "samples without exactly one exit");
	broke(res, res->index_slips, "times out of step");
	broke(res, res->order_errors, "out of order");
	broke(res, res->chain_errors, "records missing or double");
}

static int check_input(const struct pvtb_join_input *in, struct pvtb_err *err)
{
	if (in->samples && (!in->map || !in->map->num || !in->map->den))
		return pvtb_err_set(err, -EINVAL, "join", "samples without a clock map");
	if (in->law.law > PVTB_LAW_UNKNOWN)
		return pvtb_err_set(err, -EINVAL, "join", "no such law");
	if (in->law.law == PVTB_LAW_ONE_EXIT && !in->law.nr_match)
		return pvtb_err_set(err, -EINVAL, "join", "one exit per op, but of no reason");
	if (in->law.nr_match > PVTB_ARRAY_SIZE(in->law.match) ||
	    in->law.nr_intr > PVTB_ARRAY_SIZE(in->law.intr))
		return pvtb_err_set(err, -EINVAL, "join", "more reasons than there is room for");
	return 0;
}

int pvtb_join(const struct pvtb_join_input *in, struct pvtb_join_result *ret, struct pvtb_err *err)
{
	struct pvtb_join_result res = {0};
	struct join *j PVTB_FREE = NULL;
	int rc = check_input(in, err);

	if (rc)
		return rc;
	j = calloc(1, sizeof(*j));
	if (!j)
		return pvtb_err_sys(err, -ENOMEM, "join");
	j->in = in;
	j->res = &res;
	j->err = err;
	j->single = in->ops_per_sample == 1;
	for (unsigned int i = 0; i < ITEM_DISTURBANCES; i++)
		j->disturbed_until_ns[i] = INT64_MIN;
	if (in->map) {
		pvtb_clock_cursor_init(&j->cursor, in->map);
		j->unc_ns = (s64)in->map->unc_ns;
		j->tick_ns = (s64)pvtb_clock_tick_ns(in->map);
	}
	rc = merge(j);
	if (rc)
		return rc;
	judge(j);
	*ret = res;
	return 0;
}
