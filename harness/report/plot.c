// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the data behind the figures: which variants, in which order, and their histograms. What a
 * figure looks like is in plots/.
 */
#include "report/plot.h"
#include "report/formats.h"
#include "report/migration.h"
#include "report/quantity.h"
#include "report/rates.h"

#include <math.h>
#include <string.h>

#include "abi/guest.h"
#include "results/samples.h"

/* Embedded plots/latency.gp and plots/decomposition.gp. */
extern const char pvtb_plot_latency_gp[];
extern const char pvtb_plot_decomposition_gp[];

#define NAME_COLUMNS	34
#define BINS_PER_DECADE 40
#define BIN_LOWEST	(-3) /* decades, of the unit shown */
#define BINS		(BINS_PER_DECADE * 16)

struct histogram {
	u64 bins[BINS];
	double first[BINS]; /* what the bin holds ... */
	bool mixed[BINS];   /* ... and more than that */
	u64 n;
	double low, high; /* of what was counted, in the unit shown */
};

struct row {
	const struct pvtb_variant_result *v;
	bool drawn; /* has numbers */
	double key; /* sorted by this, ascending */
	struct histogram *hist;
	struct histogram *marked; /* samples that are in no number: preempted */
};

static void free_rows(struct row *rows, size_t nr)
{
	for (size_t i = 0; rows && i < nr; i++) {
		free(rows[i].hist);
		free(rows[i].marked);
	}
	free(rows);
}

/* A read of no ticks lasted less than one: drawn at half a tick, in the zone marked so. */
static double on_axis(double shown, double tick)
{
	return shown >= tick / 2 ? shown : tick / 2;
}

static size_t bin_of(double x)
{
	double b = floor((log10(x) - BIN_LOWEST) * BINS_PER_DECADE);

	return b < 0 ? 0 : b >= BINS ? BINS - 1 : (size_t)b;
}

static void count(struct histogram *h, const struct pvtb_host_result *host, s64 ticks)
{
	double tick = pvtb_shown_value(host, PVTB_UNIT_TICKS, 1);
	double x = on_axis(pvtb_shown_value(host, PVTB_UNIT_TICKS, (double)ticks), tick);

	size_t bin = bin_of(x);

	if (!h->bins[bin]++)
		h->first[bin] = x;
	else if (h->first[bin] != x)
		h->mixed[bin] = true;
	if (!h->n || x < h->low)
		h->low = x;
	if (!h->n || x > h->high)
		h->high = x;
	h->n++;
}

static int count_file(const char *path, const struct pvtb_host_result *host, struct histogram *h,
		      struct pvtb_err *err)
{
	struct pvtb_samples_reader *r;
	union {
		s64 values[2048];
		struct pvtb_sample samples[1024];
	} buf;
	ssize_t n;
	bool pairs;
	int ret = pvtb_samples_open(path, &r, err);

	if (ret)
		return ret;
	pairs = pvtb_samples_kind_of(r) == PVTB_SAMPLES_GUEST;
	if ((!pairs && pvtb_samples_kind_of(r) != PVTB_SAMPLES_S64) ||
	    pvtb_samples_record_size(r) !=
		    (pairs ? sizeof(buf.samples[0]) : sizeof(buf.values[0]))) {
		pvtb_samples_close(r);
		return pvtb_err_set(err, -EINVAL, path, "holds no durations");
	}
	while ((n = pvtb_samples_read(r, &buf, 1024, err)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			count(h, host,
			      pairs ? (s64)(buf.samples[i].t1 - buf.samples[i].t0) : buf.values[i]);
	}
	pvtb_samples_close(r);
	return n < 0 ? (int)n : 0;
}

/* Raw samples of a variant, its file @name; NULL (and a note) where there are none to be had: the figure
 * then shows the percentiles alone. */
static struct histogram *histogram_of(const struct pvtb_host_result *host,
				      const struct pvtb_variant_result *v, const char *name,
				      const struct pvtb_plot_options *opts,
				      struct pvtb_plot_list *list)
{
	const char *file = NULL;
	struct histogram *h;
	struct pvtb_err err;
	char path[4096];

	for (size_t i = 0; i < v->nr_files; i++) {
		if (!strcmp(v->files[i].name, name))
			file = v->files[i].path;
	}
	if (!file || !opts->result_dir)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", opts->result_dir, file);
	if (count_file(path, host, h, &err)) {
		pvtb_plot_note(list, "%s: %s: %s; percentiles only", v->name, err.what, err.why);
		free(h);
		return NULL;
	}
	return h;
}

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->drawn != y->drawn)
		return x->drawn ? -1 : 1;
	if (x->drawn && x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->v->name, y->v->name);
}

/* @without: variants that have no number get a row that says why. */
static struct row *rows_of(const struct pvtb_bench_result *b, const char *metric, bool without,
			   const struct pvtb_host_result *h, size_t *ret_nr, size_t *ret_drawn)
{
	struct row *rows = calloc(b->nr_variants + 1, sizeof(*rows));
	size_t nr = 0, drawn = 0;

	for (size_t i = 0; rows && i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		const struct pvtb_metric *m = pvtb_variant_metric(v, metric);
		bool has = m && isfinite(m->value);

		if (!has && !(without && v->status != PVTB_OK))
			continue;
		rows[nr].v = v;
		rows[nr].drawn = has;
		rows[nr].key = has ? pvtb_shown_value(h, m->unit, m->value) : 0;
		drawn += has;
		nr++;
	}
	if (rows)
		qsort(rows, nr, sizeof(*rows), by_key);
	*ret_nr = nr;
	*ret_drawn = drawn;
	return rows;
}

static double shown(const struct pvtb_host_result *h, const struct pvtb_variant_result *v,
		    const char *name)
{
	const struct pvtb_metric *m = pvtb_variant_metric(v, name);

	return m ? pvtb_shown_value(h, m->unit, m->value) : (double)NAN;
}

static void put(FILE *out, double v)
{
	if (isfinite(v))
		fprintf(out, " %.17g", v);
	else
		fputs(" NaN", out);
}

/* Status of what is drawn although not ok: "", " FAIL" ... */
static const char *flag_of(enum pvtb_status s)
{
	switch (s) {
	case PVTB_OK:
		return "";
	case PVTB_FAIL:
		return " FAIL";
	case PVTB_INVALID:
		return " INVALID";
	case PVTB_INCONCLUSIVE:
		return " unverified";
	case PVTB_SKIP:
		return " skipped";
	}
	return " ?";
}

/* Labels of tics are formats to gnuplot. */
static void double_percents(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	for (; *s && n + 2 < size; s++) {
		buf[n++] = *s;
		if (*s == '%')
			buf[n++] = '%';
	}
	buf[n] = '\0';
}

static void put_names(struct pvtb_figure *f, const struct row *rows, size_t nr)
{
	size_t longest = 8;

	for (size_t i = 0; i < nr; i++) {
		char name[NAME_COLUMNS + 24], label[2 * (NAME_COLUMNS + 24)];

		pvtb_shorten(rows[i].v->name, NAME_COLUMNS, name, NAME_COLUMNS + 8);
		if (rows[i].drawn)
			strcat(name, flag_of(rows[i].v->status));
		if (pvtb_text_width(name) > longest)
			longest = pvtb_text_width(name);
		double_percents(name, label, sizeof(label));
		pvtb_figure_element(f, "name", i + 1, nr, label);
	}
	pvtb_figure_number(f, "rows", (double)nr);
	pvtb_figure_number(f, "name_columns", (double)longest);
}

static void put_reason(struct pvtb_figure *f, const struct row *row, size_t index, size_t nr)
{
	char reason[400] = "";

	if (!row->drawn)
		snprintf(reason, sizeof(reason), "%s: %.300s", pvtb_status_name(row->v->status),
			 row->v->why && *row->v->why ? row->v->why : "no reason given");
	pvtb_figure_element(f, "reason", index, nr, reason);
}

static void put_text(struct pvtb_figure *f, const char *array, size_t index, size_t nr,
		     const struct pvtb_host_result *h, const struct pvtb_metric *m)
{
	char text[PVTB_QUANTITY_CHARS] = "";

	if (m)
		pvtb_quantity_read(h, m, text, sizeof(text));
	pvtb_figure_element(f, array, index, nr, text);
}

void pvtb_plot_host(struct pvtb_figure *f, const struct pvtb_host_result *h, const char *tail)
{
	char tick[96], host[80], text[400];

	pvtb_tick_text(h, tick, sizeof(tick));
	pvtb_shorten(h->host, 60, host, sizeof(host));
	snprintf(text, sizeof(text), "%s: %s %s, Linux %.60s, %s%s%s", host, h->arch, h->mode,
		 h->kernel, tick, h->emulated ? ", emulated" : "", tail);
	pvtb_figure_string(f, "subtitle", text);
}

static void sample_range(const struct row *rows, size_t nr, char *buf, size_t size)
{
	u64 low = 0, high = 0;
	char a[32], b[32];

	for (size_t i = 0; i < nr; i++) {
		const struct pvtb_metric *m =
			rows[i].drawn ? pvtb_variant_metric(rows[i].v, "p50") : NULL;

		if (!m || !m->n)
			continue;
		if (!low || m->n < low)
			low = m->n;
		if (m->n > high)
			high = m->n;
	}
	pvtb_grouped(low, a, sizeof(a));
	pvtb_grouped(high, b, sizeof(b));
	if (!high)
		buf[0] = '\0';
	else if (low == high)
		snprintf(buf, size, ", n = %s each", a);
	else
		snprintf(buf, size, ", n = %s to %s", a, b);
}

static const char *provider_of(const struct pvtb_variant_result *v)
{
	return v->provider && *v->provider && !strchr(v->provider, ' ') ? v->provider : "other";
}

static void put_providers(struct pvtb_figure *f, const struct row *rows, size_t nr)
{
	char list[256] = "";

	for (size_t i = 0; i < nr; i++) {
		const char *p = provider_of(rows[i].v);
		const char *seen = strstr(list, p);

		if (!rows[i].drawn || (seen && (seen[strlen(p)] == ' ')) ||
		    strlen(list) + strlen(p) + 2 > sizeof(list))
			continue;
		strcat(list, p);
		strcat(list, " ");
	}
	pvtb_figure_string(f, "providers", list);
}

/* Boxes of one row: symmetric about its line, as high as the logarithm of the count, so that one
 * outlier in a million is still seen. */
static void put_histogram(FILE *out, const struct row *row, size_t y)
{
	const struct histogram *h = row->hist;
	u64 most = 1;

	for (size_t i = 0; i < BINS; i++)
		most = h->bins[i] > most ? h->bins[i] : most;
	for (size_t i = 0; i < BINS; i++) {
		double low = pow(10, (double)i / BINS_PER_DECADE + BIN_LOWEST);
		double high = pow(10, (double)(i + 1) / BINS_PER_DECADE + BIN_LOWEST);
		double middle = sqrt(low * high), half;

		if (!h->bins[i])
			continue;
		/* A coarse counter: the one value there is stands in the middle of its box. */
		if (!h->mixed[i]) {
			low *= h->first[i] / middle;
			high *= h->first[i] / middle;
			middle = h->first[i];
		}
		half = 0.38 * log10(1 + (double)h->bins[i]) / log10(1 + (double)most);
		fprintf(out, "%.6g %zu %.6g %.6g %.6g %.6g %s\n", middle, y, low, high,
			(double)y - half, (double)y + half, provider_of(row->v));
	}
}

/* What is in no number of the table stands on the row's line, as marks of its own. */
static void put_marked(FILE *out, const struct row *row, size_t y)
{
	for (size_t i = 0; i < BINS; i++)
		if (row->marked->bins[i])
			fprintf(out, "%.6g %zu\n", row->marked->first[i], y);
}

struct range {
	double low, high;
};

static void widen(struct range *r, double x)
{
	if (!isfinite(x) || x <= 0)
		return;
	if (r->low == 0 || x < r->low)
		r->low = x;
	if (x > r->high)
		r->high = x;
}

static int latency_data(struct pvtb_figure *f, const struct pvtb_host_result *h,
			const struct row *rows, size_t nr, struct range *range,
			struct pvtb_err *err)
{
	static const char *const marks[] = {"min", "p50", "p99", "p99.9", "max"};
	double tick = h->deterministic ? 0 : pvtb_shown_value(h, PVTB_UNIT_TICKS, 1);
	FILE *points = pvtb_figure_data(f, "points.dat", err);
	FILE *hist = points ? pvtb_figure_data(f, "histogram.dat", err) : NULL;
	FILE *marked = hist ? pvtb_figure_data(f, "marked.dat", err) : NULL;
	bool bad;

	if (!marked) {
		if (points)
			fclose(points);
		if (hist)
			fclose(hist);
		return err->code;
	}
	fputs("# preempted samples: value row\nNaN NaN\n", marked);
	fputs("# row provider min p50 p99 p99.9 max\n", points);
	/* gnuplot refuses an empty file; this line draws nothing. */
	fputs("# centre row from to bottom top provider\nNaN NaN NaN NaN NaN NaN other\n", hist);
	for (size_t i = 0; i < nr; i++) {
		size_t y = nr - i;

		put_reason(f, &rows[i], i + 1, nr);
		put_text(f, "p50", i + 1, nr, h, pvtb_variant_metric(rows[i].v, "p50"));
		put_text(f, "p99", i + 1, nr, h, pvtb_variant_metric(rows[i].v, "p99"));
		put_text(f, "most", i + 1, nr, h, pvtb_variant_metric(rows[i].v, "max"));
		if (!rows[i].drawn)
			continue;
		fprintf(points, "%zu %s", y, provider_of(rows[i].v));
		for (size_t m = 0; m < PVTB_ARRAY_SIZE(marks); m++) {
			double x = shown(h, rows[i].v, marks[m]);

			if (isfinite(x))
				x = on_axis(x, h->deterministic ? 1 : tick);
			put(points, x);
			widen(range, x);
		}
		fputc('\n', points);
		if (rows[i].hist) {
			widen(range, rows[i].hist->low);
			widen(range, rows[i].hist->high);
			put_histogram(hist, &rows[i], y);
		}
		if (rows[i].marked) {
			widen(range, rows[i].marked->low);
			widen(range, rows[i].marked->high);
			put_marked(marked, &rows[i], y);
		}
	}
	bad = ferror(points) || ferror(hist) || ferror(marked);
	bad |= fclose(points) != 0;
	bad |= fclose(hist) != 0;
	bad |= fclose(marked) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

/* At least one decade, with air on both sides. */
static void put_log_axis(struct pvtb_figure *f, struct range r)
{
	double middle;

	if (r.low == 0)
		r.low = r.high = 1;
	r.low /= 1.35;
	r.high *= 1.35;
	middle = sqrt(r.low * r.high);
	if (r.high / r.low < 10) {
		r.low = middle / sqrt(10);
		r.high = middle * sqrt(10);
	}
	pvtb_figure_number(f, "xmin", r.low);
	pvtb_figure_number(f, "xmax", r.high);
}

static int latency_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
			  const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
			  struct pvtb_err *err)
{
	char name[256], title[200], tail[96];
	struct range range = {};
	size_t nr, drawn, shapes = 0, marked = 0;
	struct row *rows = rows_of(b, "p50", true, h, &nr, &drawn);
	struct pvtb_figure f = {};
	int ret = 0;

	if (!rows)
		return pvtb_err_sys(err, -ENOMEM, "plot");
	if (!drawn)
		goto out;
	for (size_t i = 0; i < nr; i++) {
		rows[i].hist = histogram_of(h, rows[i].v, "samples.single", opts, list);
		rows[i].marked = histogram_of(h, rows[i].v, "samples.single.preempted", opts, list);
		marked += rows[i].marked != NULL;
		shapes += rows[i].hist != NULL;
	}
	snprintf(name, sizeof(name), "%.120s-%.60s-latency", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (ret)
		goto out;
	snprintf(title, sizeof(title), "%.60s: how long one operation takes, as the guest sees it",
		 b->name);
	pvtb_figure_string(&f, "title", title);
	sample_range(rows, nr, tail, sizeof(tail));
	pvtb_plot_host(&f, h, tail);
	put_names(&f, rows, nr);
	put_providers(&f, rows, nr);
	ret = latency_data(&f, h, rows, nr, &range, err);
	if (ret)
		goto out;
	put_log_axis(&f, range);
	pvtb_figure_string(&f, "unit", pvtb_time_unit_long(h));
	pvtb_figure_number(&f, "shapes", (double)shapes);
	pvtb_figure_number(&f, "marked", (double)marked);
	pvtb_figure_number(&f, "tick",
			   h->deterministic ? 0 : pvtb_shown_value(h, PVTB_UNIT_TICKS, 1));
	ret = pvtb_figure_draw(&f, pvtb_plot_latency_gp, list, err);
out:
	pvtb_figure_end(&f);
	free_rows(rows, nr);
	return ret;
}

double pvtb_plot_nice_step(double high)
{
	double step = pow(10, floor(log10(high / 5)));

	if (high / step > 25)
		return step * 5;
	return high / step > 10 ? step * 2 : step;
}

static int decomposition_data(struct pvtb_figure *f, const struct pvtb_host_result *h,
			      const struct row *rows, size_t nr, double *ret_high,
			      struct pvtb_err *err)
{
	static const char *const parts[] = {"decomp.hw_exit.p50", "decomp.handling.p50",
					    "decomp.hw_entry.p50"};
	static const char *const arrays[] = {"hw_exit", "handling", "hw_entry"};
	FILE *out = pvtb_figure_data(f, "parts.dat", err);
	bool bad;

	if (!out)
		return err->code;
	fputs("# row end-of-exit end-of-handling end-of-entry guest-saw\n", out);
	for (size_t i = 0; i < nr; i++) {
		double sum = 0, traced = shown(h, rows[i].v, "traced.p50");

		fprintf(out, "%zu", nr - i);
		for (size_t p = 0; p < PVTB_ARRAY_SIZE(parts); p++) {
			const struct pvtb_metric *m = pvtb_variant_metric(rows[i].v, parts[p]);

			/* Below zero by the uncertainty of the alignment: no length, but its
			 * number is printed. */
			if (m && m->value > 0)
				sum += pvtb_shown_value(h, m->unit, m->value);
			put(out, sum);
			put_text(f, arrays[p], i + 1, nr, h, m);
		}
		put(out, traced);
		put_text(f, "saw", i + 1, nr, h, pvtb_variant_metric(rows[i].v, "traced.p50"));
		fputc('\n', out);
		*ret_high = fmax(*ret_high, isfinite(traced) ? fmax(sum, traced) : sum);
	}
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

static int decomposition_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
				const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
				struct pvtb_err *err)
{
	char name[256], title[200];
	size_t nr, drawn;
	struct row *rows = rows_of(b, "decomp.handling.p50", false, h, &nr, &drawn);
	struct pvtb_figure f = {};
	double high = 0;
	int ret = 0;

	if (!rows)
		return pvtb_err_sys(err, -ENOMEM, "plot");
	if (!drawn)
		goto out;
	snprintf(name, sizeof(name), "%.120s-%.60s-decomposition", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (ret)
		goto out;
	snprintf(title, sizeof(title), "%.60s: where the time of an exit goes", b->name);
	pvtb_figure_string(&f, "title", title);
	pvtb_plot_host(&f, h, "");
	put_names(&f, rows, nr);
	ret = decomposition_data(&f, h, rows, nr, &high, err);
	if (ret)
		goto out;
	high = high > 0 ? high * 1.05 : 1;
	pvtb_figure_number(&f, "xmax", high);
	pvtb_figure_number(&f, "xstep", pvtb_plot_nice_step(high));
	pvtb_figure_string(&f, "unit",
			   h->deterministic ? "ns of virtual time, 1 ns = 1 instruction" : "ns");
	ret = pvtb_figure_draw(&f, pvtb_plot_decomposition_gp, list, err);
out:
	pvtb_figure_end(&f);
	free_rows(rows, nr);
	return ret;
}

int pvtb_plot_result(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		     struct pvtb_plot_list *ret_list, struct pvtb_err *err)
{
	size_t missing = 0;
	int code = pvtb_plot_rates(r, opts, ret_list, err);

	code = code ?: pvtb_plot_jumps(r, opts, ret_list, err);
	if (code)
		return code;
	for (size_t i = 0; i < r->nr_hosts; i++) {
		const struct pvtb_host_result *h = &r->hosts[i];

		for (size_t b = 0; b < h->nr_benches; b++) {
			size_t before = ret_list->nr, before_missing = missing;
			int ret = latency_figure(h, &h->benches[b], opts, ret_list, err);

			if (!ret)
				ret = decomposition_figure(h, &h->benches[b], opts, ret_list, err);
			if (!ret)
				ret = pvtb_plot_lpt(h, &h->benches[b], opts, ret_list, err);
			if (!ret)
				ret = pvtb_plot_moves(h, &h->benches[b], opts, ret_list, err);
			if (!ret)
				ret = pvtb_plot_stolen(h, &h->benches[b], opts, ret_list, &missing,
						       err);
			if (ret)
				return ret;
			if (ret_list->nr == before && missing == before_missing &&
			    !pvtb_bench_has_rates(&h->benches[b]) &&
			    !pvtb_bench_has_moves(&h->benches[b]) &&
			    pvtb_plot_note(ret_list, "%s, %s: nothing to draw", h->host,
					   h->benches[b].name))
				return pvtb_err_sys(err, -ENOMEM, "plot");
		}
	}
	if (!missing)
		return 0;
	pvtb_err_set(err, -ENODATA, "plot", "%zu figure%s not drawn for want of data", missing,
		     missing == 1 ? "" : "s");
	pvtb_err_hint(err, "series are in the files that result.json names: keep the whole "
			   "result directory");
	return -ENODATA;
}
