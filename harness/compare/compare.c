// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the pairing of what two sides measured, and the verdicts. A row is made per metric that both
 * have; statistics come from stats/shift.c, Holm's correction is over all rows that chance is in.
 */
#include "compare/compare.h"

#include <fnmatch.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "report/quantity.h"
#include "results/samples.h"

#define TIME_THRESHOLD 0.01  /* of the old value, where none is set */
#define VMM_THRESHOLD  0.005 /* instructions that include the VMM's own */
#define MAX_RUNS       64
#define SEED	       0x70767462ULL
#define MORE_THAN      1000 /* runs: beyond that nobody is told a number */

const char *const pvtb_verdicts[] = {
	[PVTB_SAME] = "same",	    [PVTB_BETTER] = "better",  [PVTB_WORSE] = "worse",
	[PVTB_CHANGED] = "changed", [PVTB_UNSURE] = "unsure",  [PVTB_BROKEN] = "broken",
	[PVTB_MISSING] = "missing", [PVTB_NR_VERDICTS] = NULL,
};

/* ---- sides ---- */

int pvtb_compare_side_load(struct pvtb_compare_side *side, const char *path, struct pvtb_err *err)
{
	struct pvtb_compare_run run = {0}, *runs;
	char *copy PVTB_FREE = strdup(path);
	struct stat st;
	int ret;

	if (side->nr == MAX_RUNS)
		return pvtb_err_set(err, -E2BIG, path, "more than %d results on one side",
				    MAX_RUNS);
	ret = pvtb_result_load(path, &run.result, err);
	if (ret)
		return ret;
	if (copy && !stat(path, &st))
		run.dir = strdup(S_ISDIR(st.st_mode) ? path : dirname(copy));
	runs = realloc(side->runs, (side->nr + 1) * sizeof(*runs));
	if (runs)
		side->runs = runs;
	if (!runs || !run.dir) {
		pvtb_result_free(run.result);
		free(run.dir);
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	}
	side->runs[side->nr++] = run;
	return 0;
}

void pvtb_compare_side_free(struct pvtb_compare_side *side)
{
	for (size_t i = 0; i < side->nr; i++) {
		pvtb_result_free(side->runs[i].result);
		free(side->runs[i].dir);
	}
	free(side->runs);
	*side = (struct pvtb_compare_side){0};
}

/* ---- what belongs together ---- */

int pvtb_compare_warn(struct pvtb_comparison *c, const char *fmt, ...)
{
	char **list = realloc(c->warnings, (c->nr_warnings + 1) * sizeof(*list));
	va_list ap;
	int n;

	if (!list)
		return -ENOMEM;
	c->warnings = list;
	va_start(ap, fmt);
	n = vasprintf(&list[c->nr_warnings], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	c->nr_warnings++;
	return 0;
}

char *pvtb_compare_host_name(const char *spec)
{
	char *copy PVTB_FREE = strdup(spec), *out = calloc(1, strlen(spec) + 1);
	char *rest = copy, *word;

	while (copy && out && (word = strsep(&rest, ","))) {
		if (!strncmp(word, "kernel=", 7) || !strncmp(word, "modules=", 8))
			continue;
		if (*out)
			strcat(out, ",");
		strcat(out, word);
	}
	return copy ? out : NULL;
}

static bool same_host(const struct pvtb_host_result *a, const struct pvtb_host_result *b)
{
	char *x PVTB_FREE = pvtb_compare_host_name(a->host),
		*y PVTB_FREE = pvtb_compare_host_name(b->host);

	return x && y && !strcmp(x, y) && !strcmp(a->arch, b->arch);
}

/* Of one run: the host that is @like, or the only one there is on either side. */
static const struct pvtb_host_result *host_of(const struct pvtb_result *r,
					      const struct pvtb_host_result *like, bool alone)
{
	for (size_t i = 0; i < r->nr_hosts; i++)
		if (same_host(&r->hosts[i], like))
			return &r->hosts[i];
	if (alone && r->nr_hosts == 1 && !strcmp(r->hosts[0].arch, like->arch))
		return &r->hosts[0];
	return NULL;
}

static bool matches(const char *const *patterns, size_t nr, const char *name)
{
	bool found = !nr;

	for (size_t i = 0; i < nr && !found; i++)
		found = !fnmatch(patterns[i], name, 0);
	return found;
}

/* BENCH, BENCH.VARIANT or the whole name; a variant's own name has no dots, a metric's may. */
static bool wanted(const struct pvtb_compare_opts *o, const char *bench, const char *variant,
		   const char *metric)
{
	char name[256];

	if (!o->nr_only)
		return true;
	snprintf(name, sizeof(name), "%s.%s.%s", bench, variant, metric ? metric : "*");
	for (size_t i = 0; i < o->nr_only; i++) {
		const char *p = o->only[i];
		const char *dot = strchr(p, '.');
		char longer[256];

		snprintf(longer, sizeof(longer), "%s%s", p,
			 !dot			 ? ".*"
			 : !strchr(dot + 1, '.') ? ".*"
						 : "");
		/* a variant as a whole, when only one of its metrics is asked for */
		if (!metric && dot && strchr(dot + 1, '.'))
			snprintf(longer, sizeof(longer), "%.*s.*", (int)(strchr(dot + 1, '.') - p),
				 p);
		if (!fnmatch(longer, name, 0))
			return true;
	}
	return false;
}

/*
 * Judged when nothing is asked for. Of an operation: the median of single ops, and for time the
 * cost by batches, which sees fractions of a tick. Of anything else: all that has a better and a
 * worse.
 */
bool pvtb_compare_judged(const struct pvtb_compare_opts *o, const struct pvtb_variant_result *v,
			 const struct pvtb_metric *m)
{
	if (o->nr_stats)
		return matches(o->stats, o->nr_stats, m->name);
	if (!pvtb_variant_metric(v, "p50"))
		return m->direction != PVTB_NEITHER_IS_BETTER;
	if (!strcmp(m->name, "p50"))
		return true;
	return m->kind == PVTB_KIND_TIME && !strcmp(m->name, "batch.corrected");
}

/* One variant on both sides, run by run; NULL where a run has not got it. */
struct pair {
	const struct pvtb_compare_side *side[2];
	const struct pvtb_host_result *host[2][MAX_RUNS];
	const struct pvtb_variant_result *variant[2][MAX_RUNS];
};

static size_t first_of(const struct pair *p, int side)
{
	size_t i = 0;

	while (i < p->side[side]->nr && !p->variant[side][i])
		i++;
	return i;
}

/* ---- samples ---- */

/* What one run may hold in memory: 32 MiB, four times what the longest profile measures. A small file
 * can decompress to any size. */
#define MAX_SAMPLES (4U << 20)

static int too_many_samples(const char *path, u64 limit, struct pvtb_err *err)
{
	pvtb_err_set(err, -EFBIG, path, "holds more than %llu samples", (unsigned long long)limit);
	return pvtb_err_hint(err, limit < MAX_SAMPLES
					  ? "its result.json counts no more: are they of one run?"
					  : "no run measures that many");
}

/* At most @limit of them. */
static int read_samples(const char *path, u64 limit, s64 **ret, size_t *ret_n, struct pvtb_err *err)
{
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
				got = too_many_samples(path, limit, err);
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

/* Raw durations of one run of a variant; -ENOENT where there are none. */
static int samples_of(const struct pvtb_compare_run *run, const struct pvtb_host_result *host,
		      const struct pvtb_variant_result *v, s64 **ret, size_t *ret_n,
		      struct pvtb_err *err)
{
	u64 limit = host->samples && host->samples < MAX_SAMPLES ? host->samples : MAX_SAMPLES;
	char path[4096];

	for (size_t i = 0; run->dir && i < v->nr_files; i++) {
		if (strcmp(v->files[i].name, "samples.single"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", run->dir, v->files[i].path);
		return read_samples(path, limit, ret, ret_n, err);
	}
	return -ENOENT;
}

/* Ticks of counters that differ become picoseconds: fine beside any of them. */
static s64 to_ps(s64 ticks, u64 hz)
{
	s128 v = (s128)ticks * 1000000000000LL;

	return (s64)(v / (s128)hz);
}

struct raw {
	struct pvtb_series series[MAX_RUNS];
	s64 *owned[MAX_RUNS];
	size_t nr;
};

static void raw_free(struct raw *r)
{
	for (size_t i = 0; i < MAX_RUNS; i++)
		free(r->owned[i]);
}

/* All runs of one side, or -ENOENT. A file that is there and broken is an error. */
static int load_raw(const struct pair *p, int side, bool in_ps, struct raw *ret,
		    struct pvtb_err *err)
{
	for (size_t i = 0; i < p->side[side]->nr; i++) {
		size_t n = 0, k = ret->nr;
		int code;

		if (!p->variant[side][i])
			continue;
		code = samples_of(&p->side[side]->runs[i], p->host[side][i], p->variant[side][i],
				  &ret->owned[k], &n, err);
		if (code)
			return code;
		for (size_t j = 0; in_ps && j < n; j++)
			ret->owned[k][j] = to_ps(ret->owned[k][j], p->host[side][i]->counter_hz);
		ret->series[k] = (struct pvtb_series){ret->owned[k], n};
		ret->nr++;
	}
	return 0;
}

/* ---- one metric ---- */

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

/* The metric's values, one per run. */
static size_t estimates_of(const struct pair *p, int side, const char *name, bool in_ns,
			   struct pvtb_estimate *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < p->side[side]->nr; i++) {
		const struct pvtb_host_result *h = p->host[side][i];
		const struct pvtb_metric *m;

		m = p->variant[side][i] ? pvtb_variant_metric(p->variant[side][i], name) : NULL;
		if (!m)
			continue;
		ret[n].value = convert(h, m, in_ns, m->value);
		ret[n].half = NAN;
		if (isfinite(m->low) && isfinite(m->high))
			ret[n].half = convert(h, m, in_ns, (m->high - m->low) / 2);
		n++;
	}
	return n;
}

static void scale(struct pvtb_shift *s, double by)
{
	s->old_value *= by;
	s->new_value *= by;
	s->old_half *= by;
	s->new_half *= by;
	s->shift *= by;
	s->low *= by;
	s->high *= by;
}

/* Percentiles of time have no interval in the result: the samples give one. */
static void quantile_halves(const struct raw *raw, u64 permille, double by, struct pvtb_estimate *e,
			    size_t n)
{
	struct pvtb_estimate q;

	for (size_t i = 0; i < n && i < raw->nr; i++)
		if (!pvtb_quantile_of(&raw->series[i], permille, &q))
			e[i].half = q.half * by;
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
	s->p = s->shift != 0 ? 0 : 1;
}

static int measure(const struct pair *p, const char *name, struct pvtb_compare_row *row,
		   struct pvtb_err *err)
{
	struct pvtb_estimate e[2][MAX_RUNS];
	bool in_ns = row->unit == PVTB_UNIT_NS;
	u64 permille = permille_of(name);
	struct raw *raw;
	double by = in_ns ? 1e-3 : 1;
	size_t n[2];
	int ret = 0;

	for (int side = 0; side < 2; side++)
		n[side] = estimates_of(p, side, name, in_ns, e[side]);
	row->old_values = calloc(n[0] + 1, sizeof(double));
	row->new_values = calloc(n[1] + 1, sizeof(double));
	raw = calloc(2, sizeof(*raw));
	if (!raw || !row->old_values || !row->new_values) {
		free(raw);
		return pvtb_err_sys(err, -ENOMEM, "%s", name);
	}
	for (size_t i = 0; i < n[0]; i++)
		row->old_values[i] = e[0][i].value;
	for (size_t i = 0; i < n[1]; i++)
		row->new_values[i] = e[1][i].value;
	if (!row->exact && row->kind == PVTB_KIND_TIME && (permille || !strcmp(name, "p50"))) {
		/* Files without samples (a baseline) have their intervals. */
		for (int side = 0; side < 2 && !ret; side++)
			ret = load_raw(p, side, in_ns, &raw[side], err);
		if (ret && ret != -ENOENT)
			goto out;
		if (!ret && !permille) {
			ret = pvtb_shift_of(raw[0].series, raw[0].nr, raw[1].series, raw[1].nr,
					    SEED, &row->s);
			if (!ret) {
				scale(&row->s, by);
				goto out;
			}
		}
		if (!ret && permille)
			for (int side = 0; side < 2; side++)
				quantile_halves(&raw[side], permille, by, e[side], n[side]);
	}
	ret = pvtb_shift_of_estimates(e[0], n[0], e[1], n[1], &row->s);
	if (ret)
		pvtb_err_sys(err, ret, "%s", name);
	else if (row->exact)
		exact_shift(e[0], n[0], e[1], n[1], &row->s);
out:
	raw_free(&raw[0]);
	raw_free(&raw[1]);
	free(raw);
	return ret;
}

/* ---- verdicts ---- */

static void set_threshold(const struct pvtb_compare_opts *o, const struct pair *p,
			  struct pvtb_compare_row *row)
{
	double shown_old = pvtb_shown_value(row->host, row->unit, row->s.old_value);
	double one = pvtb_shown_value(row->host, row->unit, 1);
	const char *provider = p->variant[1][first_of(p, 1)]->provider;
	char name[256];

	snprintf(name, sizeof(name), "%s.%s.%s", row->bench, row->variant, row->metric);
	if (pvtb_threshold_of(o->thresholds, name, shown_old, &row->threshold)) {
		row->threshold /= one;
		return;
	}
	if (!row->exact) {
		row->threshold = TIME_THRESHOLD * fabs(row->s.old_value);
	} else if (!strcmp(provider, "vmm")) {
		/* what leaves the kernel meets the scheduler, and the VMM's own code */
		row->threshold = VMM_THRESHOLD * fabs(row->s.old_value);
	}
}

static enum pvtb_verdict direction_of(const struct pvtb_compare_row *row)
{
	if (row->direction == PVTB_NEITHER_IS_BETTER)
		return PVTB_CHANGED;
	return (row->s.shift > 0) == (row->direction == PVTB_HIGHER_IS_BETTER) ? PVTB_BETTER
									       : PVTB_WORSE;
}

/* How much longer it would have to be measured: an interval shrinks with the square root. */
static void set_needed(const struct pvtb_comparison *c, struct pvtb_compare_row *row)
{
	const struct pvtb_shift *s = &row->s;
	double half = fmax(s->high - s->shift, s->shift - s->low), target, factor;
	double runs = (double)(s->old_runs < s->new_runs ? s->old_runs : s->new_runs);
	double samples = (double)(s->old_n < s->new_n ? s->old_n : s->new_n) / runs;

	if (s->spread == PVTB_SPREAD_NONE || !isfinite(half)) {
		row->needed_runs = 4;
		return;
	}
	if (fabs(s->shift) <= row->threshold)
		target = row->threshold - fabs(s->shift);
	else
		target = fabs(s->shift) * pvtb_t_critical(c->alpha, INFINITY) /
			 pvtb_t_critical(c->alpha / (double)(c->tests ? c->tests : 1), INFINITY);
	factor = target > 0 ? half / target * (half / target) : (double)INFINITY;
	factor = fmax(factor, 1.1);
	if (runs > 1 || s->spread == PVTB_SPREAD_DRIFT || s->old_n == s->old_runs) {
		/* drift in single runs is settled by several */
		double want =
			ceil(fmin(fmax(runs, s->spread == PVTB_SPREAD_DRIFT ? 4 : runs) * factor,
				  MORE_THAN + 1));

		row->needed_runs = (u64)fmax(want, runs + 1);
		if (row->needed_runs < 4)
			row->needed_runs = 4;
		return;
	}
	row->needed_samples = (u64)fmin(ceil(samples * factor / 1000) * 1000, 1e15);
}

static void set_verdict(const struct pvtb_comparison *c, struct pvtb_compare_row *row)
{
	const struct pvtb_shift *s = &row->s;
	/* values went through decimal text and divisions */
	double limit = row->threshold * (1 + 1e-9) + fabs(s->old_value) * 1e-12;
	bool beyond = s->low > 0 || s->high < 0;

	if (isfinite(s->low) && s->low >= -limit && s->high <= limit) {
		row->verdict = PVTB_SAME;
	} else if (row->exact) {
		row->verdict = s->low > limit || s->high < -limit ? direction_of(row) : PVTB_UNSURE;
		if (row->verdict == PVTB_UNSURE)
			row->needed_runs = 0;
	} else if (beyond && row->p_holm < c->alpha && fabs(s->shift) > limit) {
		row->verdict = direction_of(row);
	} else {
		row->verdict = PVTB_UNSURE;
		set_needed(c, row);
	}
}

/* ---- rows ---- */

static struct pvtb_compare_row *add_row(struct pvtb_comparison *c, const struct pair *p, int side,
					const char *bench)
{
	struct pvtb_compare_row *rows = realloc(c->rows, (c->nr_rows + 1) * sizeof(*rows)), *row;
	size_t old = first_of(p, 0), new = first_of(p, 1);

	if (!rows)
		return NULL;
	c->rows = rows;
	row = &rows[c->nr_rows];
	*row = (struct pvtb_compare_row){.bench = bench, .p_holm = NAN};
	row->host = side ? p->host[1][new] : p->host[0][old];
	row->old_host = old < p->side[0]->nr ? p->host[0][old] : row->host;
	row->variant = p->variant[side][side ? new : old]->name;
	row->host_name = pvtb_compare_host_name(row->host->host);
	if (!row->host_name)
		return NULL;
	c->nr_rows++;
	return row;
}

static bool measured(const struct pvtb_variant_result *v)
{
	return v->status == PVTB_OK || v->status == PVTB_INCONCLUSIVE;
}

/* The variant as a whole: what is wrong with it now and was not before. 0, 1 for a row, -errno. */
static int add_status(struct pvtb_comparison *c, const struct pair *p, const char *bench)
{
	const struct pvtb_variant_result *bad = NULL;
	struct pvtb_compare_row *row;
	bool before = false, now = false;

	for (size_t i = 0; i < p->side[0]->nr; i++)
		before |= p->variant[0][i] && measured(p->variant[0][i]);
	for (size_t i = 0; i < p->side[1]->nr; i++) {
		const struct pvtb_variant_result *v = p->variant[1][i];

		now |= v && measured(v);
		if (v && !measured(v) && (!bad || bad->status == PVTB_SKIP))
			bad = v;
	}
	if (!before) {
		c->only_new += now;
		return 1;
	}
	if (now && (!bad || bad->status == PVTB_SKIP))
		return 0;
	row = add_row(c, p, bad ? 1 : 0, bench);
	if (!row)
		return -ENOMEM;
	row->verdict = bad && bad->status != PVTB_SKIP ? PVTB_BROKEN : PVTB_MISSING;
	row->why = strdup(bad ? bad->why : "not measured");
	return row->why ? 1 : -ENOMEM;
}

static bool hz_differ(const struct pair *p)
{
	u64 first = p->host[0][first_of(p, 0)]->counter_hz;
	bool differ = false;

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->side[side]->nr; i++)
			differ |= p->variant[side][i] && p->host[side][i]->counter_hz != first;
	return differ;
}

/* A comparison must not come to look at less without saying so. */
static int add_vanished(struct pvtb_comparison *c, const struct pair *p, const char *bench,
			const struct pvtb_metric *m)
{
	struct pvtb_compare_row *row = add_row(c, p, 1, bench);

	if (!row)
		return -ENOMEM;
	row->verdict = PVTB_MISSING;
	if (asprintf(&row->why, "%s has no %s any more", row->variant, m->name) < 0) {
		row->why = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* The first run of a side that has the metric. */
static const struct pvtb_metric *find_metric(const struct pair *p, int side, const char *name)
{
	const struct pvtb_metric *m = NULL;

	for (size_t i = 0; i < p->side[side]->nr && !m; i++)
		if (p->variant[side][i])
			m = pvtb_variant_metric(p->variant[side][i], name);
	return m;
}

static int add_metric(struct pvtb_comparison *c, const struct pvtb_compare_opts *o,
		      const struct pair *p, const char *bench, const struct pvtb_metric *m,
		      struct pvtb_err *err)
{
	struct pvtb_compare_row *row;
	int ret;

	if (!find_metric(p, 1, m->name)) {
		ret = add_vanished(c, p, bench, m);
		return ret ? pvtb_err_sys(err, ret, "%s", bench) : 0;
	}
	row = add_row(c, p, 1, bench);
	if (!row)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench);
	row->metric = m->name;
	row->kind = m->kind;
	row->direction = m->direction;
	row->exact = m->kind == PVTB_KIND_INSTRUCTIONS;
	row->unit = m->unit;
	if (m->unit == PVTB_UNIT_TICKS && !row->exact && row->host->counter_hz && hz_differ(p))
		row->unit = PVTB_UNIT_NS;
	ret = measure(p, m->name, row, err);
	if (!ret)
		set_threshold(o, p, row);
	return ret;
}

/* Runs where it was not measured have nothing to say. */
static void leave_out_unmeasured(struct pair *p)
{
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->side[side]->nr; i++)
			if (p->variant[side][i] && !measured(p->variant[side][i]))
				p->variant[side][i] = NULL;
}

static int compare_variant(struct pvtb_comparison *c, const struct pvtb_compare_opts *o,
			   struct pair *p, const char *bench, struct pvtb_err *err)
{
	const struct pvtb_variant_result *v;
	int ret = add_status(c, p, bench);

	if (ret < 0)
		return pvtb_err_sys(err, ret, "%s", bench);
	if (ret)
		return 0;
	leave_out_unmeasured(p);
	v = p->variant[0][first_of(p, 0)];
	for (size_t i = 0; i < v->nr_metrics && !ret; i++)
		if (pvtb_compare_judged(o, v, &v->metrics[i]) &&
		    wanted(o, bench, v->name, v->metrics[i].name))
			ret = add_metric(c, o, p, bench, &v->metrics[i], err);
	return ret;
}

/* This variant on this host, in all runs of both sides. */
static void find_pair(const struct pvtb_compare_side *const sides[2],
		      const struct pvtb_host_result *like, bool alone, const char *bench,
		      const char *variant, struct pair *p)
{
	memset(p, 0, sizeof(*p));
	for (int side = 0; side < 2; side++) {
		p->side[side] = sides[side];
		for (size_t i = 0; i < sides[side]->nr; i++) {
			const struct pvtb_host_result *h =
				host_of(sides[side]->runs[i].result, like, alone);

			p->host[side][i] = h;
			p->variant[side][i] = h ? pvtb_host_variant(h, bench, variant) : NULL;
		}
	}
}

static bool earlier(const struct pvtb_compare_side *const sides[2], int side, size_t run,
		    const struct pvtb_host_result *like, bool alone, const char *bench,
		    const char *variant)
{
	for (int s = 0; s <= side; s++)
		for (size_t i = 0; i < (s == side ? run : sides[s]->nr); i++) {
			const struct pvtb_host_result *h =
				host_of(sides[s]->runs[i].result, like, alone);

			if (h && pvtb_host_variant(h, bench, variant))
				return true;
		}
	return false;
}

/* Only one host on each side: they are meant to be compared, whatever they are called. */
static bool one_host_each(const struct pvtb_compare_side *const sides[2])
{
	bool one = true;

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < sides[side]->nr; i++)
			one &= sides[side]->runs[i].result->nr_hosts == 1;
	return one;
}

/* Every variant, in the order of the first run that has it, old ones first. */
static int walk(struct pvtb_comparison *c, const struct pvtb_compare_side *const sides[2],
		const struct pvtb_compare_opts *o, struct pvtb_err *err)
{
	bool alone = one_host_each(sides);
	struct pair *p = malloc(sizeof(*p));
	int ret = p ? 0 : pvtb_err_sys(err, -ENOMEM, "comparison");

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < sides[side]->nr; i++) {
			const struct pvtb_result *r = sides[side]->runs[i].result;

			for (size_t h = 0; h < r->nr_hosts && !ret; h++) {
				const struct pvtb_host_result *host = &r->hosts[h];

				if (!matches(o->hosts, o->nr_hosts, host->host))
					continue;
				for (size_t b = 0; b < host->nr_benches && !ret; b++) {
					const struct pvtb_bench_result *bench = &host->benches[b];

					for (size_t v = 0; v < bench->nr_variants && !ret; v++) {
						const char *name = bench->variants[v].name;

						if (!wanted(o, bench->name, name, NULL) ||
						    earlier(sides, side, i, host, alone,
							    bench->name, name))
							continue;
						find_pair(sides, host, alone, bench->name, name, p);
						ret = compare_variant(c, o, p, bench->name, err);
					}
				}
			}
		}
	free(p);
	return ret;
}

/* ---- the whole ---- */

static int correct(struct pvtb_comparison *c)
{
	double *p = calloc(c->nr_rows + 1, sizeof(*p));
	size_t n = 0;
	int ret;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < c->nr_rows; i++)
		if (c->rows[i].metric && !c->rows[i].exact)
			p[n++] = c->rows[i].s.p;
	c->tests = n;
	ret = pvtb_holm(p, n);
	n = 0;
	for (size_t i = 0; i < c->nr_rows && !ret; i++)
		if (c->rows[i].metric && !c->rows[i].exact)
			c->rows[i].p_holm = p[n++];
	free(p);
	return ret;
}

static int warn_hosts(struct pvtb_comparison *c, const struct pvtb_compare_side *const sides[2],
		      const struct pvtb_compare_opts *o)
{
	const struct pvtb_result *r = sides[0]->runs[0].result;
	bool alone = one_host_each(sides);

	for (size_t h = 0; h < r->nr_hosts; h++) {
		const struct pvtb_host_result *old = &r->hosts[h], *new;
		char *name PVTB_FREE = pvtb_compare_host_name(old->host);

		new = host_of(sides[1]->runs[0].result, old, alone);
		if (!name || !new || !matches(o->hosts, o->nr_hosts, old->host))
			continue;
		if (!same_host(old, new))
			pvtb_compare_warn(c, "the hosts are not the same: %s, now %s", old->host,
					  new->host);
		pvtb_compare_hosts(c, name, old, new);
	}
	if (strcmp(r->profile, sides[1]->runs[0].result->profile))
		pvtb_compare_warn(c, "profiles differ: %s, now %s", r->profile,
				  sides[1]->runs[0].result->profile);
	return 0;
}

/* As the caller says; or the kernel a side ran, if all of it is one; else when it ran. */
static int name_sides(struct pvtb_comparison *c, const struct pvtb_compare_side *const sides[2],
		      const struct pvtb_compare_opts *o)
{
	const struct pvtb_result *r[2] = {sides[0]->runs[0].result, sides[1]->runs[0].result};
	const char *kernel[2] = {NULL, NULL};

	for (int side = 0; side < 2; side++)
		for (size_t h = 0; h < r[side]->nr_hosts; h++) {
			const char *k = r[side]->hosts[h].kernel;

			kernel[side] = !h || (kernel[side] && !strcmp(kernel[side], k)) ? k : NULL;
		}
	if (o->names[0] && o->names[1]) {
		c->old_name = strdup(o->names[0]);
		c->new_name = strdup(o->names[1]);
	} else if (kernel[0] && kernel[1] && strcmp(kernel[0], kernel[1])) {
		c->old_name = strdup(kernel[0]);
		c->new_name = strdup(kernel[1]);
	} else {
		c->old_name = strdup(r[0]->created);
		c->new_name = strdup(r[1]->created);
	}
	return c->old_name && c->new_name ? 0 : -ENOMEM;
}

static void judge_all(struct pvtb_comparison *c, const struct pvtb_compare_opts *o)
{
	for (size_t i = 0; i < c->nr_rows; i++) {
		if (c->rows[i].metric)
			set_verdict(c, &c->rows[i]);
		c->count[c->rows[i].verdict]++;
		c->failed |= o->fail_on[c->rows[i].verdict];
	}
}

int pvtb_compare(const struct pvtb_compare_side *old, const struct pvtb_compare_side *new,
		 const struct pvtb_compare_opts *opts, struct pvtb_comparison *ret,
		 struct pvtb_err *err)
{
	const struct pvtb_compare_side *const sides[2] = {old, new};
	struct pvtb_comparison c = {.alpha = opts->alpha, .old_runs = old->nr, .new_runs = new->nr};
	int code;

	if (!old->nr || !new->nr)
		return pvtb_err_set(err, -ENODATA, "comparison", "a side without a result");
	code = walk(&c, sides, opts, err);
	if (!code && !c.nr_rows) {
		code = pvtb_err_set(err, -ENODATA, "comparison",
				    "the two sides have no metric in common that was asked for");
		pvtb_err_hint(err,
			      "pvtb report -f csv names hosts, benchmarks, variants and metrics");
	}
	if (!code) {
		code = correct(&c);
		if (!code)
			code = name_sides(&c, sides, opts);
		if (!code)
			code = warn_hosts(&c, sides, opts);
		if (code)
			pvtb_err_sys(err, code, "comparison");
	}
	if (code) {
		pvtb_comparison_free(&c);
		return code;
	}
	judge_all(&c, opts);
	*ret = c;
	return 0;
}

void pvtb_comparison_free(struct pvtb_comparison *c)
{
	for (size_t i = 0; i < c->nr_rows; i++) {
		free(c->rows[i].host_name);
		free(c->rows[i].why);
		free(c->rows[i].old_values);
		free(c->rows[i].new_values);
	}
	for (size_t i = 0; i < c->nr_warnings; i++)
		free(c->warnings[i]);
	free(c->rows);
	free(c->warnings);
	free(c->old_name);
	free(c->new_name);
	*c = (struct pvtb_comparison){0};
}
