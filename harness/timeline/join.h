/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The join of one guest stream and one host stream of the same vCPU, both in time order: a merge,
 * one pass, memory independent of the length. Checks the op's conservation law, pairs each sample
 * with the exits inside it, decomposes them, marks samples disturbed by preemption or interrupts,
 * and checks causal order.
 *
 * Which exit belongs to which sample is decided by time (the middle of an exit lies nearer to its
 * own sample than to the next one) and checked by number (the k-th sample's exit is the window's
 * exit number warmup + k), so that a lost, doubled or displaced record on either side shows.
 *
 * What is never in doubt about a window: it starts with an entry (or inside an exit that began
 * before it: open_at_start) and ends with the doorbell. An exit still open at its end is therefore
 * the doorbell's, not an op's.
 */
#ifndef PVTB_JOIN_H
#define PVTB_JOIN_H

#include "abi/guest.h"
#include "abi/trace.h"
#include "core/err.h"
#include "core/util.h"
#include "timeline/clock.h"
#include "timeline/exit_reason.h"

/* What every operation of a window must do on the host. */
enum pvtb_law {
	PVTB_LAW_NO_TRAP, /* no exit of any trap class; that nothing traps below is not known by it */
	PVTB_LAW_ONE_EXIT,   /* exactly one kvm_exit of the declared reason, and its kvm_entry */
	PVTB_LAW_FAST_PATH,  /* traps, but is handled at EL2 before the tracepoint: no exit seen */
	PVTB_LAW_GUEST_TRAP, /* traps into the guest's own EL1: no exit seen, ctl->trapped == ops */
	PVTB_LAW_UNKNOWN,    /* host has no witness: nothing can be concluded (software backend) */
};
const char *pvtb_law_name(enum pvtb_law law);

struct pvtb_join_law {
	enum pvtb_law law;
	/* ONE_EXIT: an exit is the op's when (rec.reason & mask) == value for one of these */
	struct pvtb_reason_match match[4];
	size_t nr_match;
	/* host interrupts: never an op's, always allowed, counted */
	struct pvtb_reason_match intr[8];
	size_t nr_intr;
	u64 pc_first, pc_last; /* ONE_EXIT: rec.pc lies here (guest text of the op) */
};

/* "Inside" is widened by the map's uncertainty at both ends: a disturbance that may have been
 * inside marks the sample. Except for UNPAIRED, which goes by the cell, see above. */
enum pvtb_mark {
	PVTB_MARK_PREEMPTED = 1,  /* a sched_switch of the thread lies inside the sample */
	PVTB_MARK_INTERRUPT = 2,  /* an exit for a host interrupt lies inside */
	PVTB_MARK_OTHER_EXIT = 4, /* another exit lies inside (fault, VMM) */
	/* host records of the window were lost; where is not known, so every sample has it */
	PVTB_MARK_LOST = 8,
	PVTB_MARK_UNPAIRED = 16, /* ONE_EXIT: not exactly one matching exit inside */
};

/*
 * One joined sample, given to the sink in order. Gaps are raw: a guest stamp is the first moment
 * of its tick, so gap_before reads up to a tick long and gap_after up to a tick short (their sum
 * with the handling is the guest's t1 - t0). Negative gaps are findings and stay.
 */
struct pvtb_joined {
	u64 index;
	u64 t0_ticks, t1_ticks; /* guest counter */
	u32 marks;
	u32 exits; /* matching exits inside; all that follows is 0 without */
	/* of the first matching exit, host clock; entry 0 when its record is missing */
	u64 exit_ns, entry_ns;
	s64 gap_before_ns; /* exit stamp - guest's stamp before: hardware exit */
	s64 handling_ns;   /* kvm_exit -> kvm_entry */
	s64 gap_after_ns; /* guest's stamp after - the last matching exit's entry: hardware entry */
};

/* Streams are pulled in batches: fill up to @max, return the number, 0 at the end, -errno. */
typedef ssize_t (*pvtb_sample_source)(void *ctx, struct pvtb_sample *out, size_t max);
typedef ssize_t (*pvtb_rec_source)(void *ctx, struct pvtb_rec *out, size_t max);
typedef int (*pvtb_join_sink)(void *ctx, const struct pvtb_joined *j);

#define PVTB_JOIN_REASONS 32
struct pvtb_join_result {
	u64 samples, records;
	u64 exits_matching, entries_matching; /* in the window, warm-up included */
	u64 exits_interrupt, exits_other;
	u64 expected; /* matching exits the law demands (ops) */
	u64 preemptions, migrations;
	u64 marked_preempted, marked_interrupt, marked_other, marked_lost, marked_unpaired;
	u64 lost;
	u64 unseen; /* switch-ins not witnessed: exits before the switch-out have no record */
	/* gaps looked at, and gaps negative beyond map->unc_ns (and a guest tick, after) */
	u64 causal_checked, causal_violations;
	s64 worst_violation_ns; /* most negative gap of a violation, 0 when none */
	u64 order_errors;	/* a stream went backwards in time */
	u64 chain_errors;	/* exit after exit, entry after entry, in without out ... */
	u64 index_slips;	/* times the exits' numbers moved against the samples' */
	struct {
		u32 reason;
		u64 n;
	} reasons[PVTB_JOIN_REASONS]; /* exits by reason, most frequent first is not promised */
	unsigned int nr_reasons;
	u64 reasons_overflow;
	bool law_holds;
	bool inconclusive; /* records lost or never made, no witness, nothing done: law_holds is false */
	char verdict[192]; /* one line: "10000 exits for 10000 ops" or what broke */
};

struct pvtb_join_input {
	struct pvtb_join_law law;
	const struct pvtb_clock_map *map;
	u64 ops; /* executed, warm-up included (ctl->ops) */
	/* ops before the first sample given: warm-up, and those whose samples the ring overwrote */
	u64 warmup;
	u64 ops_per_sample; /* 1 in single mode; otherwise only totals are checked */
	u64 trapped;	    /* ctl->trapped */
	u64 lost;	    /* host records of this window known to be missing */
	/* pvtb_stream_mark() said so at the window's start: the first exit among the records is
	 * the doorbell of the command before and not counted; its entry is the window's first */
	bool open_at_start;
	pvtb_sample_source samples; /* NULL: no samples (loop mode) */
	void *samples_ctx;
	pvtb_rec_source records;
	void *records_ctx;
	pvtb_join_sink sink; /* may be NULL */
	void *sink_ctx;
};

/* Exits that ops caused, of the declared reason or of another, for each op of the window. */
static inline double pvtb_join_exits_per_op(const struct pvtb_join_result *res, u64 ops)
{
	return ops ? (double)(res->exits_matching + res->exits_other) / (double)ops : 0;
}

/* -EBADMSG when a stream is not a stream (impossible kinds), -EINVAL for an input that cannot be
 * checked, what a source or the sink returned; law failures are not errors. */
int pvtb_join(const struct pvtb_join_input *in, struct pvtb_join_result *ret,
	      struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
