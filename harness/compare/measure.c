// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what is compared of one metric: which runs have it, in which unit, by samples or by a value per
 * run. The statistics are stats/'s.
 */
#include <math.h>
#include <string.h>

#include "compare/pair.h"
#include "report/quantity.h"
#include "results/samples.h"

#define SEED	 0x70767462ULL
#define RUNS_MAX PVTB_COMPARE_RUNS_MAX

size_t pvtb_compare_first(const struct pvtb_compare_pair *p, int side)
{
	size_t i = 0;

	while (i < p->side[side]->nr && !p->variant[side][i])
		i++;
	return i;
}

/* The metric of one run; NULL where the run has none. */
static const struct pvtb_metric *metric_of(const struct pvtb_compare_pair *p, int side, size_t run,
					   const char *name)
{
	return p->variant[side][run] ? pvtb_variant_metric(p->variant[side][run], name) : NULL;
}

/* ---- what can be compared ---- */

static const char *differing(const struct pvtb_metric *a, const struct pvtb_metric *b)
{
	return a->kind != b->kind	      ? "kinds: time here, counted there"
	       : a->unit != b->unit	      ? "units"
	       : a->direction != b->direction ? "directions of better"
					      : NULL;
}

/* Are all ticks of one length? *@known: none has an unknown one. */
static bool ticks_differ(const struct pvtb_compare_pair *p, const char *name, bool *ret_known)
{
	u64 first = 0;
	bool begun = false, differ = false;

	*ret_known = true;
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->side[side]->nr; i++) {
			if (!metric_of(p, side, i, name))
				continue;
			if (!begun)
				first = p->host[side][i]->counter_hz;
			begun = true;
			differ |= p->host[side][i]->counter_hz != first;
			*ret_known &= p->host[side][i]->counter_hz != 0;
		}
	return differ;
}

bool pvtb_compare_comparable(const struct pvtb_compare_pair *p, const char *name, char *why,
			     size_t size)
{
	const struct pvtb_metric *like = NULL;
	const char *what = NULL;
	size_t n[2] = {0};
	bool known;

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->side[side]->nr; i++) {
			const struct pvtb_metric *m = metric_of(p, side, i, name);

			if (!m)
				continue;
			n[side]++;
			if (!like)
				like = m;
			if (!what)
				what = differing(like, m);
		}
	if (!n[0] || !n[1]) {
		snprintf(why, size, "not measured %s", n[0] ? "any more" : "before");
		return false;
	}
	if (what) {
		snprintf(why, size, "the sides are of different %s", what);
		return false;
	}
	if (like->unit == PVTB_UNIT_TICKS && like->kind != PVTB_KIND_INSTRUCTIONS &&
	    ticks_differ(p, name, &known) && !known) {
		snprintf(why, size, "the counter's frequency is unknown on one side");
		return false;
	}
	return true;
}

/* ---- samples ---- */

/* What one run may hold in memory: 32 MiB, four times what the longest profile measures. A small file
 * can decompress to any size. */
#define MAX_SAMPLES (4U << 20)
/* And all runs of a side, at a time: 512 MiB. */
#define MAX_OF_SIDE (64U << 20)

/* @most: that a run may have; less is left of what a side may. */
static int too_many_samples(const char *path, u64 most, u64 limit, struct pvtb_err *err)
{
	bool sum = limit < most;

	pvtb_err_set(err, -EFBIG, path, "holds more than %llu samples%s", (unsigned long long)limit,
		     sum ? ", what the runs before it leave of what fits" : "");
	if (sum)
		return pvtb_err_hint(err, "compare fewer runs at a time: %u samples fit for a side",
				     MAX_OF_SIDE);
	return pvtb_err_hint(err, limit < MAX_SAMPLES
					  ? "its result.json counts no more: are they of one run?"
					  : "no run measures that many");
}

/* At most @most of them, and at most @left. */
static int read_samples(const char *path, u64 most, u64 left, s64 **ret, size_t *ret_n,
			struct pvtb_err *err)
{
	u64 limit = most < left ? most : left;
	struct pvtb_samples_reader *r;
	size_t n = 0, room = 0;
	s64 *v = NULL;
	ssize_t got = 0;
	int code = pvtb_samples_open(path, &r, err);

	if (code)
		return code;
	if (pvtb_samples_kind_of(r) != PVTB_SAMPLES_S64) {
		pvtb_samples_close(r);
		return pvtb_err_set(err, -EINVAL, path, "holds no durations");
	}
	do {
		s64 *more;

		n += (size_t)got;
		if (n == room) {
			if (n > limit) {
				got = too_many_samples(path, most, limit, err);
				break;
			}
			room = room ? 2 * room : 16384;
			room = room <= limit ? room : limit + 1;
			more = realloc(v, room * sizeof(*v));
			if (!more) {
				got = pvtb_err_sys(err, -ENOMEM, "%s", path);
				break;
			}
			v = more;
		}
		got = pvtb_samples_read(r, v + n, room - n, err);
	} while (got > 0);
	pvtb_samples_close(r);
	if (got < 0) {
		free(v);
		return (int)got;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* Raw durations of one run of a variant, at most @left; -ENOENT where there are none. */
static int samples_of(const struct pvtb_compare_run *run, const struct pvtb_host_result *host,
		      const struct pvtb_variant_result *v, u64 left, s64 **ret, size_t *ret_n,
		      struct pvtb_err *err)
{
	u64 limit = host->samples && host->samples < MAX_SAMPLES ? host->samples : MAX_SAMPLES;
	char path[4096];

	for (size_t i = 0; run->dir && i < v->nr_files; i++) {
		if (strcmp(v->files[i].name, "samples.single"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", run->dir, v->files[i].path);
		return read_samples(path, limit, left, ret, ret_n, err);
	}
	return -ENOENT;
}

/* What is compared of one side: of the runs that have the metric, in their order. */
struct measured {
	size_t nr;
	size_t run[RUNS_MAX];
	struct pvtb_estimate value[RUNS_MAX];
	struct pvtb_series series[RUNS_MAX]; /* without any, n is 0 */
	s64 *owned[RUNS_MAX];
};

static void measured_free(struct measured *m)
{
	for (size_t i = 0; m && i < m->nr; i++)
		free(m->owned[i]);
}

/* Those that are there; a file that is there and broken is an error. */
static int load_samples(const struct pvtb_compare_pair *p, int side, bool in_ns, struct measured *m,
			struct pvtb_err *err)
{
	u64 left = MAX_OF_SIDE;

	for (size_t k = 0; k < m->nr; k++) {
		size_t i = m->run[k], n = 0;
		int ret = samples_of(&p->side[side]->runs[i], p->host[side][i], p->variant[side][i],
				     left, &m->owned[k], &n, err);

		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		left -= n;
		m->series[k] = (struct pvtb_series){
			m->owned[k], n, in_ns ? 1e9 / (double)p->host[side][i]->counter_hz : 1};
	}
	return 0;
}

static bool all_have_samples(const struct measured *m)
{
	for (size_t k = 0; k < m->nr; k++)
		if (m->series[k].n < PVTB_SHIFT_MIN_SAMPLES)
			return false;
	return true;
}

/* ---- values ---- */

/* "p99" -> 990, "p99.9" -> 999; 0: not a percentile of the samples. */
static u64 permille_of(const char *name)
{
	static const struct {
		const char *name;
		u64 permille;
	} known[] = {{"p90", 900}, {"p95", 950}, {"p99", 990}, {"p99.9", 999}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(known); i++)
		if (!strcmp(name, known[i].name))
			return known[i].permille;
	return 0;
}

static double convert(const struct pvtb_host_result *h, const struct pvtb_metric *m, bool in_ns,
		      double value)
{
	return in_ns && m->unit == PVTB_UNIT_TICKS ? pvtb_shown_value(h, m->unit, value) : value;
}

static struct pvtb_estimate estimate_of(const struct pvtb_host_result *h,
					const struct pvtb_metric *m, bool in_ns)
{
	struct pvtb_estimate e = {convert(h, m, in_ns, m->value), NAN};

	if (isfinite(m->low) && isfinite(m->high))
		e.half = convert(h, m, in_ns, (m->high - m->low) / 2);
	return e;
}

/* Which runs have the metric, and what it is there. */
static void find_values(const struct pvtb_compare_pair *p, int side, const char *name, bool in_ns,
			struct measured *ret)
{
	for (size_t i = 0; i < p->side[side]->nr; i++) {
		const struct pvtb_metric *m = metric_of(p, side, i, name);

		if (!m)
			continue;
		ret->run[ret->nr] = i;
		ret->value[ret->nr++] = estimate_of(p->host[side][i], m, in_ns);
	}
}

/* A median by its run's centre, whose interval is by stretches of the run: as kept in the result, else
 * of its samples. False: a run has neither. */
static bool find_centres(const struct pvtb_compare_pair *p, int side, bool in_ns,
			 const struct measured *m, struct pvtb_estimate *ret)
{
	for (size_t k = 0; k < m->nr; k++) {
		size_t i = m->run[k];
		const struct pvtb_metric *centre = metric_of(p, side, i, "centre");

		if (centre)
			ret[k] = estimate_of(p->host[side][i], centre, in_ns);
		else if (pvtb_centre_of(&m->series[k], &ret[k]))
			return false;
	}
	return true;
}

/* The interval a result has of a median takes its samples for independent: not to be used. */
static int by_centres(const struct pvtb_compare_pair *p, bool in_ns, struct measured *m,
		      struct pvtb_compare_row *row)
{
	struct pvtb_estimate e[2][RUNS_MAX];

	if (find_centres(p, 0, in_ns, &m[0], e[0]) && find_centres(p, 1, in_ns, &m[1], e[1])) {
		for (int side = 0; side < 2; side++)
			memcpy(m[side].value, e[side], m[side].nr * sizeof(e[side][0]));
		return 0;
	}
	for (int side = 0; side < 2; side++)
		for (size_t k = 0; k < m[side].nr; k++)
			m[side].value[k].half = NAN;
	if (m[0].nr > 1 || m[1].nr > 1)
		return 0;
	row->why = strdup(
		"a result of an older pvtb without its samples has no interval of p50 that can be "
		"used: measure it again (a baseline: pvtb gate --update)");
	return row->why ? 0 : -ENOMEM;
}

/* Percentiles of time have no interval in the result: the samples give one. */
static void quantile_halves(struct measured *m, u64 permille)
{
	struct pvtb_estimate q;

	for (size_t k = 0; k < m->nr; k++)
		if (!pvtb_quantile_of(&m->series[k], permille, &q))
			m->value[k].half = q.half;
}

/* No chance in it: the interval is what the runs of both sides leave, exactly. */
static void exact_shift(const struct pvtb_estimate *a, size_t nr_a, const struct pvtb_estimate *b,
			size_t nr_b, struct pvtb_shift *s)
{
	double a_low = INFINITY, a_high = -INFINITY, b_low = INFINITY, b_high = -INFINITY;

	for (size_t i = 0; i < nr_a; i++) {
		a_low = fmin(a_low, a[i].value);
		a_high = fmax(a_high, a[i].value);
	}
	for (size_t i = 0; i < nr_b; i++) {
		b_low = fmin(b_low, b[i].value);
		b_high = fmax(b_high, b[i].value);
	}
	s->low = b_low - a_high;
	s->high = b_high - a_low;
	s->old_half = (a_high - a_low) / 2;
	s->new_half = (b_high - b_low) / 2;
	s->p = s->p_model = s->shift != 0 ? 0 : 1;
}

static int keep_values(struct pvtb_compare_row *row, const struct measured *m)
{
	double **to[] = {&row->old_values, &row->new_values};

	for (int side = 0; side < 2; side++) {
		*to[side] = calloc(m[side].nr + 1, sizeof(double));
		if (!*to[side])
			return -ENOMEM;
		for (size_t k = 0; k < m[side].nr; k++)
			(*to[side])[k] = m[side].value[k].value;
	}
	return 0;
}

static int compare_values(const struct measured *m, struct pvtb_compare_row *row)
{
	int ret = pvtb_shift_of_estimates(m[0].value, m[0].nr, m[1].value, m[1].nr, &row->s);

	if (!ret && row->exact)
		exact_shift(m[0].value, m[0].nr, m[1].value, m[1].nr, &row->s);
	return ret;
}

static int measure(const struct pvtb_compare_pair *p, const char *name, bool in_ns,
		   struct measured *m, struct pvtb_compare_row *row, struct pvtb_err *err)
{
	u64 permille = permille_of(name);
	bool median = !strcmp(name, "p50");
	int ret = 0;

	for (int side = 0; side < 2; side++)
		find_values(p, side, name, in_ns, &m[side]);
	if (!row->exact && row->kind == PVTB_KIND_TIME && (permille || median))
		for (int side = 0; side < 2 && !ret; side++)
			ret = load_samples(p, side, in_ns, &m[side], err);
	if (ret)
		return ret;
	for (int side = 0; permille && side < 2; side++)
		quantile_halves(&m[side], permille);
	if (median && !row->exact && row->kind == PVTB_KIND_TIME) {
		if (all_have_samples(&m[0]) && all_have_samples(&m[1])) {
			ret = keep_values(row, m);
			if (!ret)
				ret = pvtb_shift_of(m[0].series, m[0].nr, m[1].series, m[1].nr,
						    SEED, &row->s);
			return ret ? pvtb_err_sys(err, ret, "%s", name) : 0;
		}
		ret = by_centres(p, in_ns, m, row);
	}
	if (!ret)
		ret = keep_values(row, m);
	if (!ret)
		ret = compare_values(m, row);
	return ret ? pvtb_err_sys(err, ret, "%s", name) : 0;
}

int pvtb_compare_measure(const struct pvtb_compare_pair *p, const char *name,
			 struct pvtb_compare_row *row, struct pvtb_err *err)
{
	struct measured *m = calloc(2, sizeof(*m));
	bool known, in_ns;
	int ret;

	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "%s", name);
	in_ns = row->unit == PVTB_UNIT_TICKS && !row->exact && ticks_differ(p, name, &known);
	if (in_ns)
		row->unit = PVTB_UNIT_NS;
	ret = measure(p, name, in_ns, m, row, err);
	measured_free(&m[0]);
	measured_free(&m[1]);
	free(m);
	return ret;
}
