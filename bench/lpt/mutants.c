// SPDX-License-Identifier: GPL-2.0-only
/*
 * lpt_selftest: proves that what bench/lpt finds can be found. A provider of Live Physical Time is
 * wrong in one way per variant; the run is sound when each is called by its name and the right ones
 * are not accused. Not part of a plain run: `pvtb run lpt_selftest`.
 *
 * The guest is real, its reader is everybody's and the judgement is lpt's own: only who fills the
 * structure differs.
 */
#include "bench/lpt/lpt.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define RUNS	   5
#define READS	   ((LPT_YEARS + 1) * 10)
#define STRESS_MS  400
#define TRIES	   5
#define LINGER_NS  3000
#define UPDATE_GAP 20000
#define LOW_32	   0xffffffffULL

struct mutant {
	const char *name, *summary;
	u64 native_hz, pv_hz;
	unsigned int nr_vcpus;
	/* Before run @run (from 0): fill the structures, as a provider that believes @right. @shared
	 * has as many entries as there are vCPUs, all of them one structure unless @own. */
	void (*provide)(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *right,
			unsigned int run);
	bool own;
	u64 mask; /* what the guest keeps of a value */
	/* Instead: read while this updates. */
	void (*update)(struct lpt_writer *w, const struct pvtb_lpt *next);
	enum pvtb_lpt_fault fault; /* what it has to be called */
};

/* ---- providers ---- */

static void right(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		  unsigned int run)
{
	pvtb_lpt_publish(shared[0], r);
}

static void rounded(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		    unsigned int run)
{
	struct pvtb_lpt next = *r;

	next.scale_mult &= ~LOW_32;
	pvtb_lpt_publish(shared[0], &next);
}

static void cut_coefficient(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
			    unsigned int run)
{
	struct pvtb_lpt next = *r;

	next.scale_mult &= LOW_32;
	pvtb_lpt_publish(shared[0], &next);
}

/* 5 GHz in a member of 32 bits, and the coefficients from that member. */
static void cut_hz(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		   unsigned int run)
{
	struct pvtb_lpt next = *r;

	next.native_freq = (u32)5000000000ULL;
	if (!pvtb_lpt_coefficient(next.native_freq, next.pv_freq, &next.scale_mult, &next.fracbits))
		pvtb_lpt_publish(shared[0], &next);
}

/* After a migration the coefficients are made of ones that were made already. */
static void twice(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		  unsigned int run)
{
	struct pvtb_lpt next = *r;

	if (run &&
	    pvtb_lpt_coefficient((u64)r->native_freq * r->native_freq, (u64)r->pv_freq * r->pv_freq,
				 &next.scale_mult, &next.fracbits))
		return;
	pvtb_lpt_publish(shared[0], &next);
}

static void unscaled(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		     unsigned int run)
{
	struct pvtb_lpt next = *r;

	next.scale_mult = 1ULL << 63;
	next.fracbits = 63;
	pvtb_lpt_publish(shared[0], &next);
}

static void inverted(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		     unsigned int run)
{
	struct pvtb_lpt next = *r;

	next.scale_mult = r->rscale_mult;
	next.fracbits = r->rfracbits;
	pvtb_lpt_publish(shared[0], &next);
}

/* Each vCPU has a structure, and on a new host only the first one's is brought up to date: the
 * others still have what the host before, with three quarters of the frequency, wrote. */
static void per_vcpu(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		     unsigned int run)
{
	struct pvtb_lpt before;

	if (lpt_right((u64)r->native_freq / 4 * 3, r->pv_freq, &before, NULL))
		return;
	for (unsigned int i = 0; i < nr; i++)
		pvtb_lpt_publish(shared[i], i ? &before : r);
}

/* One structure, but every vCPU that is entered updates it. */
static void counts_vcpus(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
			 unsigned int run)
{
	for (unsigned int i = 0; i < nr; i++)
		pvtb_lpt_publish(shared[0], r);
}

/* A small counter of its own, 0 to 3, shifted into place. */
static void repeats(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		    unsigned int run)
{
	pvtb_lpt_publish(shared[0], r);
	__atomic_store_n(&shared[0]->sequence_number, 2 * ((u64)run % 4), __ATOMIC_RELEASE);
}

/* Leaves it as it was. */
static void still(struct pvtb_lpt **shared, unsigned int nr, const struct pvtb_lpt *r,
		  unsigned int run)
{
	u64 seq = shared[0]->sequence_number;

	pvtb_lpt_publish(shared[0], r);
	__atomic_store_n(&shared[0]->sequence_number, seq, __ATOMIC_RELEASE);
}

/* Takes its time in the middle, where a reader may see both. */
static void linger(void)
{
	u64 end_ns = pvtb_mono_ns() + LINGER_NS;

	while (pvtb_mono_ns() < end_ns)
		;
}

static void update_slowly(struct lpt_writer *w, const struct pvtb_lpt *next)
{
	struct pvtb_lpt *s = w->shared;
	u64 seq = s->sequence_number;

	__atomic_store_n(&s->sequence_number, seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&s->scale_mult, next->scale_mult, __ATOMIC_RELAXED);
	linger();
	__atomic_store_n(&s->fracbits, next->fracbits, __ATOMIC_RELAXED);
	__atomic_store_n(&s->sequence_number, seq + 2, __ATOMIC_RELEASE);
}

static void update_silently(struct lpt_writer *w, const struct pvtb_lpt *next)
{
	__atomic_store_n(&w->shared->scale_mult, next->scale_mult, __ATOMIC_RELAXED);
	linger();
	__atomic_store_n(&w->shared->fracbits, next->fracbits, __ATOMIC_RELAXED);
}

/* ---- what is made of it ---- */

struct finding {
	enum pvtb_lpt_fault fault;
	bool shown; /* there was something to see */
	double rate_ppb;
	u64 n;
	char text[256];
};

static int run_once(struct lpt_vm *vm, const struct mutant *mu, struct pvtb_lpt_result *results,
		    u64 *ret_seq, struct pvtb_err *err)
{
	struct lpt_pairs pairs;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < mu->nr_vcpus; i++) {
		ret = lpt_read(vm, i, mu->own, mu->native_hz, mu->mask, READS, &pairs, err);
		if (!ret && !i)
			*ret_seq = pairs.seq_last;
		if (!ret)
			ret = pvtb_lpt_judge(mu->native_hz, mu->pv_hz, pairs.pairs, pairs.n,
					     &results[i], err);
	}
	return ret;
}

/* Gravest first: a sequence that lies makes everything else a matter of chance. */
static void conclude(const struct mutant *mu, const struct pvtb_lpt_result *results, u64 before,
		     u64 after, bool repeated, struct finding *f)
{
	enum pvtb_lpt_fault sequence =
		repeated ? PVTB_LPT_FAULT_SEQUENCE_REPEATS
			 : pvtb_lpt_judge_sequence(before, after, RUNS - 1, mu->nr_vcpus);
	unsigned int a, b;

	f->shown = true;
	f->n = results[0].n * mu->nr_vcpus;
	f->rate_ppb = results[0].rate_ppb;
	f->fault = pvtb_lpt_judge_vcpus(results, mu->nr_vcpus, &a, &b);
	if (f->fault)
		snprintf(f->text, sizeof(f->text), "%s: vCPU %u %.0f ppb, vCPU %u %.0f ppb",
			 pvtb_lpt_fault_name(f->fault), a, results[a].rate_ppb, b,
			 results[b].rate_ppb);
	else if (sequence) {
		f->fault = sequence;
		snprintf(f->text, sizeof(f->text), "%s: %" PRIu64 " to %" PRIu64 " in %d runs",
			 pvtb_lpt_fault_name(sequence), before, after, RUNS - 1);
	} else {
		f->fault = results[0].fault;
		snprintf(f->text, sizeof(f->text), "%s", results[0].verdict);
	}
}

static int over_runs(struct lpt_vm *vm, const struct mutant *mu, struct finding *f,
		     struct pvtb_err *err)
{
	struct pvtb_lpt_result results[LPT_MAX_VCPUS];
	struct pvtb_lpt *shared[LPT_MAX_VCPUS], r;
	u64 first = 0, last = 0, seq = 0;
	bool repeated = false;
	int ret = lpt_right(mu->native_hz, mu->pv_hz, &r, err);

	for (unsigned int i = 0; i < mu->nr_vcpus; i++)
		shared[i] = lpt_structure(vm, i, mu->own);
	for (unsigned int run = 0; !ret && run < RUNS; run++) {
		mu->provide(shared, mu->nr_vcpus, &r, run);
		ret = run_once(vm, mu, results, &seq, err);
		if (!run)
			first = seq;
		repeated |= run && seq < last;
		last = seq;
	}
	if (!ret)
		conclude(mu, results, first, last, repeated, f);
	return ret;
}

static int while_updated(struct lpt_vm *vm, const struct mutant *mu, struct finding *f,
			 struct pvtb_err *err)
{
	struct lpt_stress *s = calloc(1, sizeof(*s));
	u64 torn = 0, silent = 0, backward = 0, updates = 0;
	int ret = s ? lpt_stress(vm, STRESS_MS * 1000000ULL, UPDATE_GAP, mu->update, s, err)
		    : pvtb_err_sys(err, -ENOMEM, "lpt");

	for (unsigned int i = 0; !ret && i < mu->nr_vcpus; i++) {
		f->n += s->watch[i].reads;
		torn += s->watch[i].torn;
		silent += s->watch[i].silent;
		backward += s->watch[i].backward;
		updates += s->watch[i].updates;
	}
	free(s);
	if (ret)
		return ret;
	f->shown = updates > 10 || silent || torn;
	f->fault = silent || torn || backward ? PVTB_LPT_FAULT_SEQUENCE : PVTB_LPT_FAULT_NONE;
	snprintf(f->text, sizeof(f->text),
		 "%s: %" PRIu64 " of %" PRIu64 " readings torn, %" PRIu64 " backwards, %" PRIu64
		 " changes under one number",
		 f->fault ? pvtb_lpt_fault_name(f->fault) : "every change has its number", torn,
		 f->n, backward, silent);
	return 0;
}

static int tell(const struct mutant *mu, const struct finding *f, struct pvtb_variant_result *v)
{
	enum pvtb_status status = PVTB_OK;
	const char *word = mu->fault ? "noticed" : "not accused";
	int ret;

	if (!f->shown) {
		status = PVTB_INCONCLUSIVE;
		word = "not shown";
	} else if (f->fault != mu->fault) {
		status = PVTB_FAIL;
		word = !mu->fault ? "accused though right" : f->fault ? "misnamed" : "not noticed";
	}
	ret = pvtb_variant_add_metric(v, "rate", PVTB_UNIT_PPB, PVTB_KIND_TIME,
				      PVTB_NEITHER_IS_BETTER, f->rate_ppb, NAN, NAN, f->n);
	if (!ret)
		ret = pvtb_variant_add_law(v, "named",
					   mu->fault ? "the fault is called by its name"
						     : "a right provider is not accused",
					   status, "%s: %s", word, f->text);
	pvtb_variant_set_status(v, status, "%s: %s", word, f->text);
	return ret;
}

static int run_mutant(struct pvtb_run *run, const struct mutant *mu, struct pvtb_variant_result *v,
		      struct pvtb_err *err)
{
	struct finding f = {};
	struct lpt_vm vm = {};
	int ret = lpt_vm_new(run, mu->nr_vcpus, &vm, err);

	/* On a busy host, or one that takes turns, writer and readers may hardly meet. */
	for (unsigned int tries = 0; !ret && !f.shown && tries < TRIES; tries++) {
		f = (struct finding){};
		ret = mu->update ? while_updated(&vm, mu, &f, err) : over_runs(&vm, mu, &f, err);
	}
	lpt_vm_free(&vm);
	if (!ret && tell(mu, &f, v))
		ret = pvtb_err_sys(err, -ENOMEM, "lpt_selftest");
	return ret;
}

/* ---- the table ---- */

/* Co-prime, so that every coefficient has all of its bits. */
#define UP   .native_hz = 62500000, .pv_hz = 999999937, .nr_vcpus = 1
#define DOWN .native_hz = 999999937, .pv_hz = 62500000, .nr_vcpus = 1
#define TWO  .native_hz = 62500000, .pv_hz = 100000007, .nr_vcpus = 2

static const struct mutant mutants[] = {
	{"right_up", "nothing is wrong, a faster PV counter", UP, .provide = right},
	{"right_down", "nothing is wrong, a slower PV counter", DOWN, .provide = right},
	{"right_two", "nothing is wrong, two vCPUs", TWO, .provide = right},
	{"right_updates", "nothing is wrong, updates that take their time", TWO,
	 .update = update_slowly},
	{"rounded_up", "the coefficient rounded to 32 bits", UP, .provide = rounded,
	 .fault = PVTB_LPT_FAULT_ROUNDED},
	{"rounded_down", "the same, a slower PV counter", DOWN, .provide = rounded,
	 .fault = PVTB_LPT_FAULT_ROUNDED},
	{"truncated", "the coefficient cut to its lower 32 bits", UP, .provide = cut_coefficient,
	 .fault = PVTB_LPT_FAULT_TRUNCATED_COEFFICIENT},
	{"truncated_hz", "a native frequency of 5 GHz cut to 32 bits", .native_hz = 5000000000,
	 .pv_hz = 62500000, .nr_vcpus = 1, .provide = cut_hz, .fault = PVTB_LPT_FAULT_TRUNCATED_HZ},
	{"truncated_value", "the value cut to 32 bits", UP, .provide = right, .mask = LOW_32,
	 .fault = PVTB_LPT_FAULT_TRUNCATED},
	{"twice", "rescaled again after a migration", UP, .provide = twice,
	 .fault = PVTB_LPT_FAULT_TWICE},
	{"unscaled", "the native counter under another name", DOWN, .provide = unscaled,
	 .fault = PVTB_LPT_FAULT_UNSCALED},
	{"inverted", "the coefficients mixed up", UP, .provide = inverted,
	 .fault = PVTB_LPT_FAULT_INVERTED},
	{"per_vcpu", "a structure per vCPU, only one of them up to date", TWO, .provide = per_vcpu,
	 .own = true, .fault = PVTB_LPT_FAULT_PER_VCPU},
	{"counts_vcpus", "updated once per vCPU, not once per run", TWO, .provide = counts_vcpus,
	 .fault = PVTB_LPT_FAULT_SEQUENCE_PER_VCPU},
	{"repeats", "a sequence number that was there before", UP, .provide = repeats,
	 .fault = PVTB_LPT_FAULT_SEQUENCE_REPEATS},
	{"still", "the sequence number is the same after each run", UP, .provide = still,
	 .fault = PVTB_LPT_FAULT_SEQUENCE},
	{"still_updates", "the sequence number does not move while vCPUs read", TWO,
	 .update = update_silently, .fault = PVTB_LPT_FAULT_SEQUENCE},
};

static struct pvtb_listed listed = PVTB_LISTED;

static void describe(const void *item, struct pvtb_variant *ret)
{
	const struct mutant *mu = item;

	*ret = (struct pvtb_variant){
		.name = mu->name,
		.summary = mu->summary,
		.archs = PVTB_ARCH_ANY,
		.provider = "vmm",
	};
}

static const struct pvtb_variant *list(size_t *ret_nr)
{
	return pvtb_listed(&listed, mutants, PVTB_ARRAY_SIZE(mutants), sizeof(mutants[0]),
			   PVTB_LISTED_AS_GIVEN, describe, ret_nr);
}

static int measure(struct pvtb_run *run, size_t which, struct pvtb_variant_result *v,
		   struct pvtb_err *err)
{
	return run_mutant(run, &mutants[which], v, err);
}

static int run_all(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	return pvtb_variants_run(bench, run, measure, err);
}

static const struct pvtb_bench lpt_selftest = {
	.name = "lpt_selftest",
	.summary = "proof that faults of a provider of Live Physical Time are found, by name",
	.source = "docs/lpt.md",
	.list = list,
	.by_name_only = true,
	.run = run_all,
};
PVTB_BENCH(lpt_selftest);
