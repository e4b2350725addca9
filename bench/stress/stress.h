/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stress, as harness/cmd sees it: options, a run, what came of it. Operations are op.h's; the layers
 * below are internal.h's.
 */
#ifndef PVTB_STRESS_H
#define PVTB_STRESS_H

#include <jansson.h>

#include "bench/stress/op.h"

/* One operation of a recorded stream. */
struct st_cmd {
	const struct st_op *op;
	unsigned int place; /* of the op among its architecture's */
	unsigned int vcpu;
	bool user;
	u64 kind;
	u64 in[PVTB_STEP_REGS];
};

struct st_stream {
	struct st_cmd *cmds;
	size_t nr;
};

/* A mutant by its full name; NULL op: none. */
struct st_armed {
	const struct st_op *op;
	const struct st_mutant *mutant;
	u64 every; /* operations of any kind, on the average, between two wrong answers */
};

struct st_opts {
	u64 seed;
	u64 seconds, ops; /* 0: no such limit; at least one of the two */
	unsigned int vcpus;
	u32 actions;
	bool no_trace;
	bool emulated;
	struct st_armed armed;
	unsigned int minimise_s;	/* how long it may take; 0: not at all */
	const struct st_stream *replay; /* these, instead of random ones */
	unsigned int repeat;		/* how often, at most, a replay is tried */
	bool variant;			/* of a replay: struct st_result's */
	struct pvtb_progress *progress;
};

/* One operation's latencies over time: windows of equal length, merged in pairs when they are many. */
#define ST_WINDOWS 16

struct st_latency {
	u64 n, p50, p90, p99, p999, max; /* ticks */
};

struct st_op_result {
	const struct st_op *op;
	struct st_latency all;
	struct st_latency windows[ST_WINDOWS];
};

struct st_result {
	u64 wall_ns;
	u64 ops, batches, rounds, vms, faults, unreadable, user_exits;
	u64 exits_expected, exits_seen; /* of the counted classes */
	u64 exits_unjudged;		/* operations of batches whose records were lost */
	u64 lost;			/* host records */
	u64 hits;			/* wrong answers a mutant gave */
	bool traced;
	char why_untraced[1024];
	u64 vcpu_ops[PVTB_MAX_VCPUS];
	u64 action_counts[ST_NR_ACTIONS];
	u64 longest_ticks; /* a single operation's */
	const struct st_op *longest_op;
	u64 ticks_hz;
	unsigned int nr_windows;
	u64 window_ns;
	struct st_op_result *op_results;
	size_t nr_ops;
	struct st_latency latency; /* of all operations together */
	struct st_violation bad;
	/* The shortest stream found that still violates; empty when none was found. */
	struct st_stream shortest;
	u32 shortest_actions;
	/* Which of the two kinds of VM it was: arm64: st_world.forward; x86: st_world.offsets. */
	bool variant;
	unsigned int minimise_runs;
};

/* Run, judge, minimise. 0 whether or not there is a violation; negative when it could not be run. */
int st_run(const struct st_opts *opts, struct st_result *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
void st_result_free(struct st_result *r);

/* ---- operations and mutants ---- */

/* All of an architecture (PVTB_ARCH_ANY: of both), sorted by name. */
size_t st_ops(enum pvtb_arch arch, const struct st_op *const **ret);
const struct st_op *st_op_find(const char *name);
/* At EL1, ring 0, or, @user, at EL0, ring 3. */
bool st_op_runs_at(const struct st_op *op, bool user);
/* Is this one of the steps that @op may draw, as far as its judge has to rely on it? */
bool st_op_takes(const struct st_op *op, const struct st_cmd *cmd);
/* What every descriptor has to have: run by the command at start, as a test would. */
int st_ops_check(struct pvtb_err *err) PVTB_MUST_CHECK;
/* "FAMILY.WHAT.MUTANT". -ENOENT with a suggestion. */
int st_mutant_find(const char *name, struct st_armed *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- what came of it ---- */

/* An entry of the result's "hosts", without what identifies the host. */
json_t *st_json(const struct st_opts *opts, const struct st_result *r);
/* The same for people; everything that is shown is taken from that JSON, which may come from a lab. */
void st_show(const json_t *host, FILE *out);
/* Operations and their mutants. */
void st_list(FILE *out);

/* ---- recorded streams: JSON lines, a header first ---- */

struct st_record {
	char arch[16];
	u64 seed;
	unsigned int vcpus;
	u32 actions;
	bool variant;
	char mutant[96]; /* "" : none */
	u64 mutant_every;
	char rule[ST_RULE_BYTES];
	struct st_stream stream;
};
/* One line of such a file, the first included; allocated; NULL when out of memory. */
char *st_record_line(const struct st_record *r, size_t index);
size_t st_record_lines(const struct st_record *r);
/* Lines 0..; what is not understood is an error that names its line. */
int st_record_take(struct st_record *r, size_t line, const char *text,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
int st_record_save(const struct st_record *r, const char *path,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
int st_record_load(const char *path, struct st_record *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
void st_record_free(struct st_record *r);
/* What the shortest stream of a violation is recorded as; borrows the stream. */
struct st_record st_record_of(const struct st_opts *opts, const struct st_result *r);
/* "offset,slots", "all" or "none". */
int st_actions_parse(const char *text, u32 *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
