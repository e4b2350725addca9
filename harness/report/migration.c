// SPDX-License-Identifier: GPL-2.0-only
/* Owns the data of the figures about migrations. Looks: plots/migration-*.gp. */
#include "report/migration.h"

#include <math.h>
#include <string.h>

#include "report/plot.h"

/* Embedded plots/migration-time.gp, -timers.gp and -ratio.gp. */
extern const char pvtb_plot_migration_time_gp[];
extern const char pvtb_plot_migration_timers_gp[];
extern const char pvtb_plot_migration_ratio_gp[];

/* More than there are variants; what is beyond is counted in a note. */
#define LINES_MAX  64
#define LEAST_ROWS 12
/* Of a row's height, what the name at the end of a line wants. */
#define NAME_ROWS  0.45
/* Around the move; what is watched for longer goes on as it began. */
#define AROUND_MS  500.0

static const char *method_of(const struct pvtb_variant_result *v)
{
	return json_string_value(json_object_get(v->detail, "method"));
}

static const json_t *series_of(const struct pvtb_variant_result *v)
{
	const json_t *t = json_object_get(v->detail, "time_ns");

	return method_of(v) && json_array_size(t) > 1 &&
			       json_array_size(t) ==
				       json_array_size(json_object_get(v->detail, "error_ns"))
		       ? t
		       : NULL;
}

static const json_t *timers_of(const struct pvtb_variant_result *v)
{
	const json_t *t = json_object_get(v->detail, "timers");

	return json_array_size(t) ? t : NULL;
}

bool pvtb_bench_has_moves(const struct pvtb_bench_result *b)
{
	for (size_t i = 0; i < b->nr_variants; i++)
		if (series_of(&b->variants[i]) || timers_of(&b->variants[i]))
			return true;
	return false;
}

/* 0, 1, 2, 3: the order of the methods in all figures. */
static int method_index(const char *method)
{
	static const char *const names[] = {"value", "offset", "lpt", "kvmclock"};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(names); i++)
		if (!strcmp(method, names[i]))
			return (int)i;
	return 0;
}

static int close_data(struct pvtb_figure *f, FILE *out, struct pvtb_err *err)
{
	bool bad = ferror(out);

	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

/* ---- error against time ---- */

/* Where the guest's time was before the move is 0. */
static double level_before(const json_t *t, const json_t *e, double moved)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(t); i++) {
		if (json_number_value(json_array_get(t, i)) > moved)
			continue;
		sum += json_number_value(json_array_get(e, i));
		n++;
	}
	return n ? sum / (double)n : 0;
}

static void put_series(FILE *out, const struct pvtb_variant_result *v)
{
	const json_t *t = series_of(v), *e = json_object_get(v->detail, "error_ns");
	double moved = json_number_value(json_object_get(v->detail, "moved_ns"));
	double level = level_before(t, e, moved);

	for (size_t i = 0; i < json_array_size(t); i++) {
		double ms = (json_number_value(json_array_get(t, i)) - moved) / 1e6;

		if (fabs(ms) <= AROUND_MS)
			fprintf(out, "%.6f %.9g\n", ms,
				(json_number_value(json_array_get(e, i)) - level) / 1e6);
	}
	fputs("\n\n", out);
}

static int time_data(struct pvtb_figure *f, const struct pvtb_bench_result *b, size_t *ret_lines,
		     size_t *ret_left_out, struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, "series.dat", err);
	size_t n = 0;

	if (!out)
		return err->code;
	fputs("# ms since the move, guest's time less true time in ms; a block per variant\n", out);
	for (size_t i = 0; i < b->nr_variants; i++) {
		char index[16];

		if (!series_of(&b->variants[i]))
			continue;
		if (n == LINES_MAX) {
			++*ret_left_out;
			continue;
		}
		put_series(out, &b->variants[i]);
		pvtb_figure_element(f, "name", ++n, LINES_MAX, b->variants[i].name);
		snprintf(index, sizeof(index), "%d", method_index(method_of(&b->variants[i])));
		pvtb_figure_element(f, "method", n, LINES_MAX, index);
	}
	pvtb_figure_number(f, "lines", (double)n);
	*ret_lines = n;
	return close_data(f, out, err);
}

static int time_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		       const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		       struct pvtb_err *err)
{
	size_t lines = 0, left_out = 0;
	struct pvtb_figure f = {};
	char name[256];
	int ret;

	snprintf(name, sizeof(name), "%.120s-%.60s-time", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		pvtb_figure_string(&f, "title",
				   "the guest's time less true time, across a migration");
		pvtb_plot_host(&f, h, "");
		pvtb_figure_number(&f, "name_columns", 10);
		pvtb_figure_number(&f, "around_ms", AROUND_MS);
		ret = time_data(&f, b, &lines, &left_out, err);
		pvtb_figure_number(&f, "rows", fmax(LEAST_ROWS, ceil(NAME_ROWS * (double)lines)));
	}
	if (!ret && lines)
		ret = pvtb_figure_draw(&f, pvtb_plot_migration_time_gp, list, err);
	pvtb_figure_end(&f);
	if (!ret && left_out &&
	    pvtb_plot_note(list, "%s, %s: the first %d of %zu lines drawn", h->host, b->name,
			   LINES_MAX, LINES_MAX + left_out))
		return pvtb_err_sys(err, -ENOMEM, "plot");
	return ret;
}

/* ---- timers ---- */

static int timers_data(struct pvtb_figure *f, const struct pvtb_bench_result *b, size_t *ret_n,
		       struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, "timers.dat", err);

	if (!out)
		return err->code;
	fputs("# ahead in s, late in us, kind: 0 virtual, 1 physical, + 2 across the move\n", out);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const json_t *list = timers_of(&b->variants[i]), *e;
		size_t k;

		json_array_foreach (list, k, e) {
			const char *timer = json_string_value(json_object_get(e, "timer"));
			double ahead = json_number_value(json_object_get(e, "ahead_ns"));
			double late = json_number_value(json_object_get(e, "late_ns"));

			if (!timer || ahead <= 0)
				continue;
			fprintf(out, "%.9g %.6g %d\n", ahead / 1e9, late / 1e3,
				(*timer == 'p') + 2 * json_is_true(json_object_get(e, "crossing")));
			++*ret_n;
		}
	}
	return close_data(f, out, err);
}

static int timers_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
			 const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
			 struct pvtb_err *err)
{
	struct pvtb_figure f = {};
	char name[256];
	size_t n = 0;
	int ret;

	snprintf(name, sizeof(name), "%.120s-%.60s-timers", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		pvtb_figure_string(&f, "title",
				   "timers: how late they were seen to expire, in the guest's own "
				   "time");
		pvtb_plot_host(&f, h, "");
		pvtb_figure_number(&f, "rows", 11);
		pvtb_figure_number(&f, "name_columns", 10);
		ret = timers_data(&f, b, &n, err);
	}
	if (!ret && n)
		ret = pvtb_figure_draw(&f, pvtb_plot_migration_timers_gp, list, err);
	pvtb_figure_end(&f);
	return ret;
}

int pvtb_plot_moves(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		    const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		    struct pvtb_err *err)
{
	bool series = false, timers = false;
	int ret = 0;

	for (size_t i = 0; i < b->nr_variants; i++) {
		series |= series_of(&b->variants[i]) != NULL;
		timers |= timers_of(&b->variants[i]) != NULL;
	}
	if (series)
		ret = time_figure(h, b, opts, list, err);
	if (!ret && timers)
		ret = timers_figure(h, b, opts, list, err);
	return ret;
}

/* ---- jump against ratio ---- */

/* Of methods that carry a counter over: kvmclock is none, and its frequency is the same everywhere. */
static size_t put_jumps(FILE *out, const struct pvtb_bench_result *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		double ratio = pvtb_metric_value(v, "ratio"), jump = pvtb_metric_value(v, "jump");
		double unc = pvtb_metric_value(v, "jump.unc");

		if (!method_of(v) || !strcmp(method_of(v), "kvmclock") || !isfinite(ratio) ||
		    !isfinite(jump) || !isfinite(unc))
			continue;
		fprintf(out, "%.9g %.9g %.9g %d\n", ratio, jump / 1e6, unc / 1e6,
			method_index(method_of(v)));
		n++;
	}
	return n;
}

int pvtb_plot_jumps(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		    struct pvtb_plot_list *list, struct pvtb_err *err)
{
	struct pvtb_figure f = {};
	size_t n = 0;
	FILE *out;
	int ret = 0;

	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			for (size_t v = 0; v < r->hosts[h].benches[b].nr_variants; v++)
				n += isfinite(pvtb_metric_value(&r->hosts[h].benches[b].variants[v],
								"ratio"));
	if (!n)
		return 0;
	ret = pvtb_figure_begin(&f, opts, "migration-ratio", list, err);
	if (ret)
		goto out;
	pvtb_figure_string(&f, "title",
			   "jump of the guest's time against the ratio of the two hosts' counters");
	pvtb_figure_string(&f, "subtitle",
			   "bars: what is not known of it; at the first look after the move");
	pvtb_figure_number(&f, "rows", 11);
	pvtb_figure_number(&f, "name_columns", 10);
	out = pvtb_figure_data(&f, "jumps.dat", err);
	if (!out) {
		ret = err->code;
		goto out;
	}
	fputs("# ratio, jump and its uncertainty in ms, method\n", out);
	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			put_jumps(out, &r->hosts[h].benches[b]);
	ret = close_data(&f, out, err);
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_migration_ratio_gp, list, err);
out:
	pvtb_figure_end(&f);
	return ret;
}
