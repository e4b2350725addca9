// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the numbers behind the reports and figures of stolen time: see detail.h. What a preemptor
 * took is B's; what the guest was told of it is G's growth from the entry before its time to the
 * one after, shared in proportion where several threads had the CPU in between.
 */
#include "bench/steal/detail.h"

#include <math.h>
#include <string.h>

#define TOP_PREEMPTORS 5
#define PREEMPTORS     256
/* Times off the CPU that wait for a sample after them; each sample takes all before it. */
#define PENDING	       1024

struct pending {
	u64 end_ns, ns;
	u32 pid;
};

struct told {
	u32 pid;
	u64 span_ns, told_ns;
};

struct bucket {
	bool any;
	s64 gk_ns, kb_ns; /* farthest from 0 */
};

struct steal_detail {
	u64 start_ns, end_ns;
	bool compared; /* there was a sample: */
	s64 g_ns;
	u64 owed_ns; /* growth for which no interval was there yet */
	struct pending pending[PENDING];
	size_t first, nr;
	struct told told[PREEMPTORS];
	size_t nr_told;
	struct bucket buckets[STEAL_BUCKETS];
};

struct steal_detail *steal_detail_new(u64 start_ns, u64 end_ns)
{
	struct steal_detail *d = calloc(1, sizeof(*d));

	if (d) {
		d->start_ns = start_ns;
		d->end_ns = end_ns;
	}
	return d;
}

void steal_detail_free(struct steal_detail *d)
{
	free(d);
}

void steal_detail_interval(struct steal_detail *d, const struct pvtb_sched_interval *i)
{
	struct pending *p;

	if (!pvtb_sched_is_involuntary(i->cause))
		return;
	/* No sample for so long: what it is told of the oldest is not known. */
	if (d->nr == PENDING) {
		d->first = (d->first + 1) % PENDING;
		d->nr--;
	}
	p = &d->pending[(d->first + d->nr++) % PENDING];
	p->end_ns = i->end_ns;
	p->ns = i->end_ns - i->start_ns;
	p->pid = i->pid;
}

static struct told *told_of(struct steal_detail *d, u32 pid)
{
	for (size_t i = 0; i < d->nr_told; i++)
		if (d->told[i].pid == pid)
			return &d->told[i];
	if (!pid || d->nr_told == PREEMPTORS)
		return NULL;
	d->told[d->nr_told].pid = pid;
	return &d->told[d->nr_told++];
}

static const struct told *find_told(const struct steal_detail *d, u32 pid)
{
	for (size_t i = 0; i < d->nr_told; i++)
		if (d->told[i].pid == pid)
			return &d->told[i];
	return NULL;
}

/* The first @n pending intervals made the guest's value grow by @ns. */
static void give(struct steal_detail *d, size_t n, u64 sum_ns, u64 ns)
{
	for (; n--; d->nr--) {
		const struct pending *p = &d->pending[d->first];
		struct told *t = d->compared ? told_of(d, p->pid) : NULL;

		if (t) {
			t->span_ns += p->ns;
			t->told_ns += (u64)((u128)ns * p->ns / sum_ns);
		}
		d->first = (d->first + 1) % PENDING;
	}
}

static void farthest(s64 *max, s64 v)
{
	if (llabs(v) > llabs(*max))
		*max = v;
}

void steal_detail_point(struct steal_detail *d, const struct pvtb_steal_point *p)
{
	u64 entry_ns = p->t_ns - p->age_ns, sum_ns = 0, wall_ns = d->end_ns - d->start_ns;
	u64 at_ns = p->t_ns > d->start_ns ? p->t_ns - d->start_ns : 0;
	size_t n = 0, k = wall_ns ? (size_t)((u128)at_ns * STEAL_BUCKETS / wall_ns) : 0;
	struct bucket *b = &d->buckets[k < STEAL_BUCKETS ? k : STEAL_BUCKETS - 1];

	b->any = true;
	farthest(&b->gk_ns, p->gk_ns);
	farthest(&b->kb_ns, p->kb_ns);
	for (; n < d->nr; n++) {
		const struct pending *it = &d->pending[(d->first + n) % PENDING];

		if (it->end_ns > entry_ns)
			break;
		sum_ns += it->ns;
	}
	if (d->compared && p->g_ns > d->g_ns)
		d->owed_ns += (u64)(p->g_ns - d->g_ns);
	if (n && sum_ns) {
		give(d, n, sum_ns, d->owed_ns);
		d->owed_ns = 0;
	}
	d->compared = true;
	d->g_ns = p->g_ns;
}

/* ---- as JSON ---- */

static const char *cause_class(enum pvtb_sched_cause c, bool entries)
{
	switch (c) {
	case PVTB_SCHED_GUEST:
		return "guest";
	case PVTB_SCHED_HOST_IRQ:
	case PVTB_SCHED_HOST_HALT:
	case PVTB_SCHED_HOST_KVM:
		return entries ? "host" : "current";
	case PVTB_SCHED_HOST_VMM:
		return entries ? "vmm" : "current";
	case PVTB_SCHED_PREEMPTED:
		return "preempted";
	case PVTB_SCHED_THROTTLED:
		return "throttled";
	case PVTB_SCHED_BLOCKED_HALT:
	case PVTB_SCHED_BLOCKED_KVM:
	case PVTB_SCHED_BLOCKED_VMM:
		return "asleep";
	case PVTB_SCHED_STOPPED:
	case PVTB_SCHED_FROZEN:
	case PVTB_SCHED_ENDED:
		return "stopped";
	default:
		return pvtb_sched_is_involuntary(c) ? "waiting" : "unknown";
	}
}

static const char *cause_text(enum pvtb_sched_cause c, bool entries)
{
	if (c == PVTB_SCHED_HOST_VMM && !entries)
		return "current, in the guest or not";
	return pvtb_sched_cause_name(c);
}

json_t *steal_cause_names(bool entries)
{
	json_t *a = json_array();

	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
		json_array_append_new(a, json_string(cause_text(c, entries)));
	return a;
}

json_t *steal_cause_classes(bool entries)
{
	json_t *a = json_array();

	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++)
		json_array_append_new(a, json_string(cause_class(c, entries)));
	return a;
}

static json_t *causes_json(const struct pvtb_sched *sched, const struct pvtb_steal_result *res,
			   bool entries)
{
	json_t *a = json_array();

	for (unsigned int c = 0; c < PVTB_SCHED_CAUSES; c++) {
		const struct pvtb_steal_row *r = &res->rows[c];

		if (!r->total_ns)
			continue;
		json_array_append_new(
			a, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "cause",
				     cause_text(c, entries), "class", cause_class(c, entries),
				     "times", (json_int_t)sched->times[c], "lost_ns",
				     (json_int_t)r->total_ns, "span_ns", (json_int_t)r->span_ns,
				     "told_ns", (json_int_t)r->told_ns));
	}
	return a;
}

static const struct steal_name *name_of(const struct steal_measured *m, u32 pid)
{
	for (unsigned int i = 0; i < m->nr_names; i++)
		if (m->names[i].pid == pid)
			return &m->names[i];
	return NULL;
}

static json_t *preemptors_json(const struct steal_detail *d, const struct steal_measured *m,
			       const struct pvtb_sched *sched)
{
	struct pvtb_sched_preemptor top[TOP_PREEMPTORS];
	size_t n = pvtb_sched_top(sched, top, PVTB_ARRAY_SIZE(top));
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct steal_name *name = name_of(m, top[i].pid);
		const struct told *t = find_told(d, top[i].pid);

		/* a name may be any bytes: what is no UTF-8 is no name in JSON */
		json_array_append_new(
			a, json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:I}", "comm",
				     (name ? json_string(name->comm) : NULL) ?: json_string(""),
				     "pid", (json_int_t)top[i].pid, "cgroup",
				     (name ? json_string(name->cgroup) : NULL) ?: json_string(""),
				     "times", (json_int_t)top[i].times, "took_ns",
				     (json_int_t)top[i].ns, "span_ns",
				     (json_int_t)(t ? t->span_ns : 0), "told_ns",
				     (json_int_t)(t ? t->told_ns : 0)));
	}
	return a;
}

static json_t *deviation_json(const struct pvtb_steal_deviation *dev)
{
	return json_pack("{s:I, s:I, s:o}", "max_ns", (json_int_t)dev->max_ns, "final_ns",
			 (json_int_t)dev->final_ns, "ppm",
			 isfinite(dev->ppm) ? json_real(dev->ppm) : json_null());
}

static json_t *series_json(const struct steal_detail *d)
{
	json_t *gk = json_array(), *kb = json_array();

	for (size_t i = 0; i < STEAL_BUCKETS; i++) {
		const struct bucket *b = &d->buckets[i];

		json_array_append_new(gk, b->any ? json_integer(b->gk_ns) : json_null());
		json_array_append_new(kb, b->any ? json_integer(b->kb_ns) : json_null());
	}
	return json_pack("{s:I, s:o, s:o}", "bucket_ns",
			 (json_int_t)((d->end_ns - d->start_ns) / STEAL_BUCKETS), "gk_ns", gk,
			 "kb_ns", kb);
}

json_t *steal_detail_json(const struct steal_detail *d, unsigned int vcpu,
			  const struct steal_measured *m, const struct pvtb_sched *sched,
			  const struct pvtb_steal_result *res, bool entries)
{
	return json_pack(
		"{s:i, s:I, s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o}",
		"vcpu", (int)vcpu, "wall_ns", (json_int_t)(d->end_ns - d->start_ns), "entries",
		(int)entries, "samples", (json_int_t)res->compared, "g_ns",
		(json_int_t)res->g_final_ns, "k_ns", (json_int_t)res->k_final_ns, "b_ns",
		(json_int_t)res->b_final_ns, "gk", deviation_json(&res->gk), "kb",
		deviation_json(&res->kb), "event_max_ns", (json_int_t)res->event_max_ns,
		"stale_max_ns", (json_int_t)res->stale_max_ns, "age_max_ns",
		(json_int_t)res->age_max_ns, "causes", causes_json(sched, res, entries),
		"preemptors", preemptors_json(d, m, sched), "series", series_json(d));
}

/* ---- over all variants ---- */

static void add_to(json_t *sum, const char *member, const json_t *from)
{
	json_int_t v = json_integer_value(json_object_get(sum, member)) +
		       json_integer_value(json_object_get(from, member));

	json_object_set_new(sum, member, json_integer(v));
}

static json_t *sum_of(json_t *sums, const json_t *row)
{
	const char *cause = json_string_value(json_object_get(row, "cause"));
	json_t *s;
	size_t i;

	json_array_foreach (sums, i, s)
		if (!strcmp(json_string_value(json_object_get(s, "cause")), cause))
			return s;
	s = json_pack("{s:s, s:O}", "cause", cause, "class", json_object_get(row, "class"));
	return !s || json_array_append_new(sums, s) ? NULL : s;
}

static int sum_causes(json_t *sums, const json_t *causes)
{
	static const char *const members[] = {"times", "lost_ns", "span_ns", "told_ns"};
	const json_t *row;
	size_t i;

	json_array_foreach (causes, i, row) {
		json_t *s = sum_of(sums, row);

		for (size_t k = 0; s && k < PVTB_ARRAY_SIZE(members); k++)
			add_to(s, members[k], row);
		if (!s)
			return -ENOMEM;
	}
	return 0;
}

int steal_sum_up(struct pvtb_bench_result *b)
{
	json_t *sums = json_array();
	json_int_t variants = 0, wall_ns = 0;

	for (size_t i = 0; i < b->nr_variants; i++) {
		const json_t *vcpus =
			json_object_get(json_object_get(b->variants[i].detail, "stolen"), "vcpus");
		const json_t *vcpu;
		size_t k;

		variants += json_array_size(vcpus) > 0;
		json_array_foreach (vcpus, k, vcpu) {
			wall_ns += json_integer_value(json_object_get(vcpu, "wall_ns"));
			if (sum_causes(sums, json_object_get(vcpu, "causes"))) {
				json_decref(sums);
				return -ENOMEM;
			}
		}
	}
	if (!variants) {
		json_decref(sums);
		return 0;
	}
	json_decref(b->detail);
	b->detail = json_pack("{s:{s:I, s:I, s:o}}", "stolen", "scenarios", variants, "wall_ns",
			      wall_ns, "causes", sums);
	return b->detail ? 0 : -ENOMEM;
}
