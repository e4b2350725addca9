// SPDX-License-Identifier: GPL-2.0-only
/* lpt.updates_*: vCPUs read while a thread of the VMM updates the structure as fast as it can. */
#include "bench/lpt/lpt.h"

#include <inttypes.h>
#include <math.h>

/* quick; 60 s in standard and long */
#define RUN_MS	    800
#define RUN_MS_LONG 60000

struct sum {
	u64 reads, retries, retries_max, updates, torn, backward, counter_backward, silent;
	u64 seq_backward, least_seen;
	u64 hist[PVTB_LPT_RETRIES];
	const struct pvtb_lpt_watch *bad;
};

static void sum_up(const struct lpt_stress *s, unsigned int n, struct sum *ret)
{
	*ret = (struct sum){.least_seen = ~0ULL};
	for (unsigned int i = 0; i < n; i++) {
		const struct pvtb_lpt_watch *w = &s->watch[i];

		ret->reads += w->reads;
		ret->retries += w->retries;
		ret->updates += w->updates;
		ret->torn += w->torn;
		ret->backward += w->backward;
		ret->counter_backward += w->counter_backward;
		ret->silent += w->silent;
		ret->seq_backward += w->seq_backward;
		if (w->retries_max > ret->retries_max)
			ret->retries_max = w->retries_max;
		if (w->updates < ret->least_seen)
			ret->least_seen = w->updates;
		if (w->torn && !ret->bad)
			ret->bad = w;
		for (unsigned int k = 0; k < PVTB_LPT_RETRIES; k++)
			ret->hist[k] += w->retries_hist[k];
	}
}

/* Nearest rank; the last bin stands for all beyond it. */
static u64 percentile(const struct sum *s, double p)
{
	double rank = ceil(p * (double)s->reads);
	u64 seen = 0;

	for (unsigned int k = 0; k < PVTB_LPT_RETRIES; k++) {
		seen += s->hist[k];
		if ((double)seen >= rank)
			return k;
	}
	return PVTB_LPT_RETRIES - 1;
}

static int add_metrics(const struct lpt_stress *s, const struct sum *t,
		       struct pvtb_variant_result *v)
{
	double s_writer = (double)s->writer.wall_ns / 1e9, s_read = (double)s->wall_ns / 1e9;
	double reads = t->reads ? (double)t->reads : 1;
	const struct {
		const char *name;
		enum pvtb_unit unit;
		enum pvtb_direction dir;
		double value;
	} rows[] = {
		{"updates", PVTB_UNIT_PER_SECOND, PVTB_NEITHER_IS_BETTER,
		 (double)s->writer.updates / s_writer},
		{"reads", PVTB_UNIT_PER_SECOND, PVTB_HIGHER_IS_BETTER, (double)t->reads / s_read},
		{"retries.mean", PVTB_UNIT_RATIO, PVTB_LOWER_IS_BETTER, (double)t->retries / reads},
		{"retries.p50", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)percentile(t, 0.5)},
		{"retries.p99", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)percentile(t, 0.99)},
		{"retries.max", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)t->retries_max},
		{"updates.seen", PVTB_UNIT_COUNT, PVTB_NEITHER_IS_BETTER, (double)t->updates},
		{"torn", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)t->torn},
		{"backward", PVTB_UNIT_COUNT, PVTB_LOWER_IS_BETTER, (double)t->backward},
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(rows); i++)
		ret = pvtb_variant_add_metric(v, rows[i].name, rows[i].unit, PVTB_KIND_COUNT,
					      rows[i].dir, rows[i].value, NAN, NAN, t->reads);
	return ret;
}

static int add_laws(const struct lpt_stress *s, const struct sum *t, struct pvtb_variant_result *v)
{
	enum pvtb_status held = t->least_seen >= LPT_SEEN_MIN ? PVTB_OK : PVTB_INCONCLUSIVE;
	bool back = t->backward || t->counter_backward;
	int ret;

	if (t->torn)
		ret = pvtb_variant_add_law(v, "whole", "no reading mixes two versions", PVTB_FAIL,
					   "%" PRIu64 " of %" PRIu64
					   " readings torn, the first: counter %" PRIu64
					   ", value %" PRIu64 ", %" PRIu64 " expected",
					   t->torn, t->reads, t->bad->bad_native, t->bad->bad_value,
					   t->bad->bad_expected);
	else
		ret = pvtb_variant_add_law(v, "whole", "no reading mixes two versions", held,
					   "%" PRIu64 " readings, %" PRIu64 " updates written, at "
					   "least %" PRIu64 " seen by each vCPU: none torn",
					   t->reads, s->writer.updates, t->least_seen);
	if (!ret)
		ret = pvtb_variant_add_law(v, "monotonic", "no value below the one before",
					   back ? PVTB_FAIL : held,
					   "%" PRIu64 " of %" PRIu64 " values backwards, the "
					   "counter itself %" PRIu64 " times",
					   t->backward, t->reads, t->counter_backward);
	if (!ret)
		ret = pvtb_variant_add_law(v, "sequence", "another version has a higher number",
					   t->silent || t->seq_backward ? PVTB_FAIL : held,
					   "%" PRIu64 " changes without another number, %" PRIu64
					   " numbers backwards",
					   t->silent, t->seq_backward);
	return ret;
}

int lpt_updates(struct pvtb_run *run, unsigned int nr_vcpus, u64 gap_ns,
		struct pvtb_variant_result *v, struct pvtb_err *err)
{
	/* three seconds is what the quick profile gives a scenario */
	u64 run_ms = run->profile->seconds > 3 ? RUN_MS_LONG : RUN_MS;
	struct lpt_stress *s = calloc(1, sizeof(*s));
	struct lpt_vm vm = {};
	struct sum t;
	int ret = s ? 0 : pvtb_err_sys(err, -ENOMEM, "lpt");

	if (!ret)
		ret = lpt_vm_new(run, nr_vcpus, &vm, err);
	if (!ret)
		ret = lpt_stress(&vm, run_ms * 1000000, gap_ns, lpt_update_right, s, err);
	if (!ret) {
		sum_up(s, nr_vcpus, &t);
		ret = add_metrics(s, &t, v);
		if (!ret)
			ret = add_laws(s, &t, v);
		if (ret)
			pvtb_err_sys(err, ret, "lpt");
	}
	lpt_vm_free(&vm);
	free(s);
	return ret;
}
