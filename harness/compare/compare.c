// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the pairing of what two sides measured. A row is made per metric that both have; measure.c
 * says by how much it differs, verdict.c what that means, Holm's correction is over all rows that
 * chance is in.
 */
#include "compare/compare.h"

#include <fnmatch.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "compare/pair.h"

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

	if (side->nr == PVTB_COMPARE_RUNS_MAX)
		return pvtb_err_set(err, -E2BIG, path, "more than %d results on one side",
				    PVTB_COMPARE_RUNS_MAX);
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
		return c->error = -ENOMEM;
	c->warnings = list;
	va_start(ap, fmt);
	n = vasprintf(&list[c->nr_warnings], fmt, ap);
	va_end(ap);
	if (n < 0)
		return c->error = -ENOMEM;
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

/* The next word of @spec that pvtb_compare_host_name() keeps; false at the end. */
static bool next_word(const char **spec, const char **ret, size_t *ret_len)
{
	while (**spec) {
		*ret = *spec;
		*ret_len = strcspn(*spec, ",");
		*spec += *ret_len + ((*spec)[*ret_len] == ',');
		if (strncmp(*ret, "kernel=", 7) && strncmp(*ret, "modules=", 8))
			return true;
	}
	return false;
}

/* Without a copy of either, so that it cannot fail. */
static bool same_host(const struct pvtb_host_result *a, const struct pvtb_host_result *b)
{
	const char *x = a->host, *y = b->host, *word, *other;
	size_t len, other_len;

	if (strcmp(a->arch, b->arch))
		return false;
	while (next_word(&x, &word, &len))
		if (!next_word(&y, &other, &other_len) || len != other_len ||
		    memcmp(word, other, len))
			return false;
	return !next_word(&y, &other, &other_len);
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

/* BENCH.VARIANT.METRIC, not less? */
static bool names_metric(const char *pattern)
{
	const char *dot = strchr(pattern, '.');

	return dot && strchr(dot + 1, '.');
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

/* ---- rows ---- */

static struct pvtb_compare_row *
add_row(struct pvtb_comparison *c, const struct pvtb_compare_pair *p, int side, const char *bench)
{
	struct pvtb_compare_row *rows = realloc(c->rows, (c->nr_rows + 1) * sizeof(*rows)), *row;
	size_t old = pvtb_compare_first(p, 0), new = pvtb_compare_first(p, 1);

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
static int add_status(struct pvtb_comparison *c, const struct pvtb_compare_pair *p,
		      const char *bench)
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

/* A comparison must not come to look at less without saying so. */
static int add_not_compared(struct pvtb_comparison *c, const struct pvtb_compare_pair *p,
			    const char *bench, const struct pvtb_metric *m, const char *why)
{
	struct pvtb_compare_row *row = add_row(c, p, 1, bench);

	if (!row)
		return -ENOMEM;
	row->verdict = PVTB_MISSING;
	if (asprintf(&row->why, "%s.%s: %s", row->variant, m->name, why) < 0) {
		row->why = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int add_metric(struct pvtb_comparison *c, const struct pvtb_compare_opts *o,
		      const struct pvtb_compare_pair *p, const char *bench,
		      const struct pvtb_metric *m, struct pvtb_err *err)
{
	struct pvtb_compare_row *row;
	char why[160];
	int ret;

	if (!pvtb_compare_comparable(p, m->name, why, sizeof(why))) {
		ret = add_not_compared(c, p, bench, m, why);
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
	ret = pvtb_compare_measure(p, m->name, row, err);
	if (!ret)
		pvtb_compare_set_threshold(o, p, row);
	return ret;
}

/* Runs where it was not measured have nothing to say. */
static void leave_out_unmeasured(struct pvtb_compare_pair *p)
{
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < p->side[side]->nr; i++)
			if (p->variant[side][i] && !measured(p->variant[side][i]))
				p->variant[side][i] = NULL;
}

static int compare_variant(struct pvtb_comparison *c, const struct pvtb_compare_opts *o,
			   struct pvtb_compare_pair *p, const char *bench, struct pvtb_err *err)
{
	const struct pvtb_variant_result *v;
	int ret = add_status(c, p, bench);

	if (ret < 0)
		return pvtb_err_sys(err, ret, "%s", bench);
	if (ret)
		return 0;
	leave_out_unmeasured(p);
	v = p->variant[1][pvtb_compare_first(p, 1)];
	for (size_t i = 0; i < v->nr_metrics; i++)
		c->unknown_before += pvtb_compare_judged(o, v, &v->metrics[i]) &&
				     wanted(o, bench, v->name, v->metrics[i].name) &&
				     !pvtb_variant_metric(p->variant[0][pvtb_compare_first(p, 0)],
							  v->metrics[i].name);
	v = p->variant[0][pvtb_compare_first(p, 0)];
	for (size_t i = 0; i < v->nr_metrics && !ret; i++)
		if (pvtb_compare_judged(o, v, &v->metrics[i]) &&
		    wanted(o, bench, v->name, v->metrics[i].name))
			ret = add_metric(c, o, p, bench, &v->metrics[i], err);
	return ret;
}

/* This variant on this host, in all runs of both sides. */
static void find_pair(const struct pvtb_compare_side *const sides[2],
		      const struct pvtb_host_result *like, bool alone, const char *bench,
		      const char *variant, struct pvtb_compare_pair *p)
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
	struct pvtb_compare_pair *p = malloc(sizeof(*p));
	int ret = p ? 0 : pvtb_err_sys(err, -ENOMEM, "comparison");

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < sides[side]->nr; i++) {
			const struct pvtb_result *r = sides[side]->runs[i].result;

			for (size_t h = 0; h < r->nr_hosts && !ret; h++) {
				const struct pvtb_host_result *host = &r->hosts[h];

				if (!pvtb_compare_matches(o->hosts, o->nr_hosts, host->host))
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

static bool bench_has(const struct pvtb_bench_result *b, const struct pvtb_compare_opts *one)
{
	bool found = false;

	for (size_t v = 0; v < b->nr_variants && !found; v++) {
		const struct pvtb_variant_result *var = &b->variants[v];

		found = wanted(one, b->name, var->name, NULL) && !names_metric(one->only[0]);
		for (size_t m = 0; m < var->nr_metrics && !found; m++)
			found = wanted(one, b->name, var->name, var->metrics[m].name);
	}
	return found;
}

static bool result_has(const struct pvtb_result *r, const struct pvtb_compare_opts *one)
{
	bool found = false;

	for (size_t h = 0; h < r->nr_hosts && !found; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches && !found; b++)
			found = bench_has(&r->hosts[h].benches[b], one);
	return found;
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
			p[n++] = c->rows[i].s.p_model;
	c->tests = n;
	ret = pvtb_holm(p, n);
	n = 0;
	for (size_t i = 0; i < c->nr_rows && !ret; i++)
		if (c->rows[i].metric && !c->rows[i].exact)
			/* all metrics of a run are permuted at once: their least p is not multiplied */
			c->rows[i].p_holm = fmax(p[n++], c->rows[i].s.p);
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
		char *name PVTB_FREE = NULL;

		new = host_of(sides[1]->runs[0].result, old, alone);
		if (!new || !pvtb_compare_matches(o->hosts, o->nr_hosts, old->host))
			continue;
		name = pvtb_compare_host_name(old->host);
		if (!name)
			return -ENOMEM;
		if (!same_host(old, new))
			pvtb_compare_warn(c, "the hosts are not the same: %s, now %s", old->host,
					  new->host);
		pvtb_compare_hosts(c, name, old, new);
	}
	if (c->unknown_before)
		pvtb_compare_warn(
			c,
			"the old side lacks %zu metrics that would be compared; a baseline: "
			"renew it with pvtb gate --update",
			c->unknown_before);
	if (strcmp(r->profile, sides[1]->runs[0].result->profile))
		pvtb_compare_warn(c, "profiles differ: %s, now %s", r->profile,
				  sides[1]->runs[0].result->profile);
	return c->error;
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
			pvtb_compare_set_verdict(c, &c->rows[i]);
		c->compared += c->rows[i].metric != NULL;
		c->count[c->rows[i].verdict]++;
		c->failed |= o->fail_on[c->rows[i].verdict];
	}
}

/* A name that is nowhere is a slip of the pen, and would make the comparison look at less. */
static int check_only(const struct pvtb_compare_side *const sides[2],
		      const struct pvtb_compare_opts *o, struct pvtb_err *err)
{
	for (size_t k = 0; k < o->nr_only; k++) {
		struct pvtb_compare_opts one = {.only = &o->only[k], .nr_only = 1};
		bool found = false;

		for (int side = 0; side < 2; side++)
			for (size_t i = 0; i < sides[side]->nr && !found; i++)
				found = result_has(sides[side]->runs[i].result, &one);
		if (found)
			continue;
		pvtb_err_set(err, -ENODATA, o->only[k], "neither side has anything of that name");
		return pvtb_err_hint(
			err, "pvtb report -f csv names hosts, benchmarks, variants and metrics");
	}
	return 0;
}

int pvtb_compare_nothing(const struct pvtb_comparison *c, struct pvtb_err *err)
{
	if (c->compared || c->failed)
		return 0;
	pvtb_err_set(err, -ENODATA, "comparison", "nothing was compared: %zu missing, %zu broken",
		     c->count[PVTB_MISSING], c->count[PVTB_BROKEN]);
	return pvtb_err_hint(err, "both sides must have measured one metric in common");
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
	code = check_only(sides, opts, err);
	if (!code)
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
