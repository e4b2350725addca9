// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the data behind the figures of stolen time: the witnesses and the scheduler's intervals of a
 * vCPU against time, reduced to what a figure can show; a bar per cause; a bar per scenario. What
 * they look like is in plots/.
 */
#include "report/plot.h"
#include "report/stolen.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "results/samples.h"

/* Embedded plots/steal-*.gp. */
extern const char pvtb_plot_steal_time_gp[];
extern const char pvtb_plot_steal_causes_gp[];
extern const char pvtb_plot_steal_scenarios_gp[];

/* Points across a figure, which is as wide as that. */
#define COLUMNS		 880
/* So many columns without a sample are shown as a gap; what a step of the scheduler takes is none. */
#define GAP_COLUMNS	 18
/* A part of the run is shown larger where there are more times off the CPU than can be told apart:
 * so long that it has about ZOOM_TIMES of them. */
#define ZOOM_FROM	 200
#define ZOOM_TIMES	 24
#define POINT_COLUMNS	 5
#define INTERVAL_COLUMNS 4
#define CLASSES		 16

/* A piece of the run, cut into columns. */
struct column {
	bool any; /* samples: */
	s64 g_ns, k_ns, b_ns;
	s64 gk_min, gk_max, kb_min, kb_max;
	u64 class_ns[CLASSES];
};

struct slice {
	u64 from_ns, to_ns;
	struct column columns[COLUMNS];
};

struct vcpu_data {
	struct slice whole, zoom;
	bool zoomed;
	u64 times; /* off the CPU */
	bool seen[CLASSES];
	size_t class_of[PVTB_STOLEN_CAUSES]; /* by cause number */
	size_t nr_causes;
};

/* ---- reading ---- */

/* Rows of @columns values from a file of the variant; @take is called for each. */
static int read_rows(const char *path, size_t columns, struct vcpu_data *d,
		     int (*begin)(struct vcpu_data *d, const json_t *description, const char *path,
				  struct pvtb_err *err),
		     void (*take)(struct vcpu_data *d, const s64 *row), struct pvtb_err *err)
{
	struct pvtb_samples_reader *r;
	s64 rows[512 * POINT_COLUMNS];
	ssize_t n = 0;
	int ret = pvtb_samples_open(path, &r, err);

	if (ret)
		return ret;
	if (pvtb_samples_kind_of(r) != PVTB_SAMPLES_S64)
		ret = pvtb_err_set(err, -EINVAL, path, "holds no series");
	if (!ret && begin)
		ret = begin(d, pvtb_samples_description(r), path, err);
	while (!ret && (n = pvtb_samples_read(r, rows, 512 * columns, err)) > 0) {
		if ((size_t)n % columns)
			ret = pvtb_err_set(err, -EBADMSG, path, "ends in the middle of a row");
		for (size_t i = 0; !ret && i < (size_t)n; i += columns)
			take(d, rows + i);
	}
	pvtb_samples_close(r);
	return ret ?: n < 0 ? (int)n : 0;
}

/* Which class each number in a file of intervals is: the file says so itself. */
static int begin_intervals(struct vcpu_data *d, const json_t *description, const char *path,
			   struct pvtb_err *err)
{
	const json_t *classes = json_object_get(description, "classes"), *c;
	size_t i;

	d->nr_causes = 0;
	json_array_foreach (classes, i, c)
		if (d->nr_causes < PVTB_STOLEN_CAUSES)
			d->class_of[d->nr_causes++] = pvtb_stolen_class_of(json_string_value(c));
	return d->nr_causes ? 0
			    : pvtb_err_set(err, -EINVAL, path, "does not say what its causes are");
}

static void add_interval(struct slice *s, u64 from_ns, u64 to_ns, size_t class)
{
	u64 span_ns = s->to_ns - s->from_ns;

	from_ns = from_ns > s->from_ns ? from_ns : s->from_ns;
	to_ns = to_ns < s->to_ns ? to_ns : s->to_ns;
	while (from_ns < to_ns) {
		size_t k = (size_t)((u128)(from_ns - s->from_ns) * COLUMNS / span_ns);
		/* where the next column begins, rounded up: always later */
		u64 end_ns = s->from_ns + (u64)(((u128)(k + 1) * span_ns + COLUMNS - 1) / COLUMNS);

		end_ns = end_ns < to_ns ? end_ns : to_ns;
		s->columns[k].class_ns[class] += end_ns - from_ns;
		from_ns = end_ns;
	}
}

static void take_interval(struct vcpu_data *d, const s64 *row)
{
	size_t unknown = pvtb_nr_stolen_classes - 1;
	size_t class = row[2] >= 0 && (size_t)row[2] < d->nr_causes ? d->class_of[row[2]] : unknown;

	if (row[0] < 0 || row[1] <= row[0])
		return;
	d->seen[class] = true;
	d->times += pvtb_stolen_classes[class].involuntary;
	add_interval(&d->whole, (u64)row[0], (u64)row[1], class);
	if (d->zoomed)
		add_interval(&d->zoom, (u64)row[0], (u64)row[1], class);
}

static void widen(s64 *min, s64 *max, s64 v, bool any)
{
	*min = any && *min < v ? *min : v;
	*max = any && *max > v ? *max : v;
}

/* The rows may be anything: what does not fit stops at the end of the range. */
static s64 difference(s64 a, s64 b)
{
	s64 d;

	return __builtin_sub_overflow(a, b, &d) ? (b < 0 ? INT64_MAX : INT64_MIN) : d;
}

static void add_point(struct slice *s, u64 t_ns, const s64 *row)
{
	struct column *c;
	size_t k;

	if (t_ns < s->from_ns || t_ns >= s->to_ns)
		return;
	k = (size_t)((u128)(t_ns - s->from_ns) * COLUMNS / (s->to_ns - s->from_ns));
	c = &s->columns[k];
	widen(&c->gk_min, &c->gk_max, difference(row[1], row[2]), c->any);
	widen(&c->kb_min, &c->kb_max, difference(row[2], row[3]), c->any);
	c->any = true;
	c->g_ns = row[1];
	c->k_ns = row[2];
	c->b_ns = row[3];
}

static void take_point(struct vcpu_data *d, const s64 *row)
{
	u64 t_ns = row[0] > 0 ? (u64)row[0] : 0;

	add_point(&d->whole, t_ns, row);
	if (d->zoomed)
		add_point(&d->zoom, t_ns, row);
}

static int path_of(const struct pvtb_variant_result *v, const struct pvtb_plot_options *opts,
		   s64 vcpu, const char *what, char *buf, size_t size, struct pvtb_err *err)
{
	char name[64];

	snprintf(name, sizeof(name), "vcpu%" PRId64 ".%s", vcpu, what);
	for (size_t i = 0; i < v->nr_files; i++) {
		if (strcmp(v->files[i].name, name))
			continue;
		snprintf(buf, size, "%s/%s", opts->result_dir, v->files[i].path);
		return 0;
	}
	return pvtb_err_set(err, -ENOENT, v->name, "the result names no file %s", name);
}

static int read_vcpu(const struct pvtb_variant_result *v, const struct pvtb_plot_options *opts,
		     const json_t *vcpu, struct vcpu_data *d, struct pvtb_err *err)
{
	s64 nr = pvtb_stolen_int(vcpu, "vcpu"), wall_ns = pvtb_stolen_int(vcpu, "wall_ns");
	char points[4096], intervals[4096];
	int ret;

	if (!opts->result_dir)
		return pvtb_err_set(err, -ENOENT, v->name, "its files are not there");
	if (wall_ns <= 0)
		return pvtb_err_set(err, -EINVAL, v->name, "a run of no length");
	d->whole.to_ns = (u64)wall_ns;
	ret = path_of(v, opts, nr, "deviation", points, sizeof(points), err);
	if (!ret)
		ret = path_of(v, opts, nr, "intervals", intervals, sizeof(intervals), err);
	if (!ret)
		ret = read_rows(intervals, INTERVAL_COLUMNS, d, begin_intervals, take_interval,
				err);
	if (!ret && d->times >= ZOOM_FROM) {
		u64 len_ns = (u64)((u128)d->whole.to_ns * ZOOM_TIMES / d->times);

		/* Again, for the part in the middle. */
		d->zoom.from_ns = d->whole.to_ns / 2 - len_ns / 2;
		d->zoom.to_ns = d->zoom.from_ns + len_ns;
		d->zoomed = len_ns > 0;
		memset(d->whole.columns, 0, sizeof(d->whole.columns));
		ret = read_rows(intervals, INTERVAL_COLUMNS, d, begin_intervals, take_interval,
				err);
	}
	return ret ?: read_rows(points, POINT_COLUMNS, d, NULL, take_point, err);
}

/* ---- writing ---- */

static double unit_of(double max_ns, const char **ret_name)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(units); i++) {
		if (max_ns >= units[i].ns) {
			*ret_name = units[i].name;
			return units[i].ns;
		}
	}
	*ret_name = "ns";
	return 1;
}

static double middle_ns(const struct slice *s, size_t k)
{
	return (double)s->from_ns +
	       ((double)k + 0.5) * (double)(s->to_ns - s->from_ns) / (double)COLUMNS;
}

static int finish(FILE *out, const struct pvtb_figure *f, struct pvtb_err *err)
{
	bool bad = ferror(out);

	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

/* Time and the three witnesses; a column without a sample is left out, so that a step stays one. */
static int write_lines(struct pvtb_figure *f, const char *file, const struct slice *s, double tx,
		       double ty, struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, file, err);

	if (!out)
		return err->code;
	/* gnuplot refuses an empty file; this line draws nothing. */
	fputs("# time G K B\nNaN NaN NaN NaN\n", out);
	for (size_t k = 0; k < COLUMNS; k++) {
		const struct column *c = &s->columns[k];

		if (c->any)
			fprintf(out, "%.9g %.9g %.9g %.9g\n", middle_ns(s, k) / tx,
				(double)c->g_ns / ty, (double)c->k_ns / ty, (double)c->b_ns / ty);
	}
	return finish(out, f, err);
}

static int write_deviations(struct pvtb_figure *f, const struct slice *s, double tx, double gk,
			    double kb, struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, "deviation.dat", err);

	if (!out)
		return err->code;
	fputs("# time; G-K min, max; K-B min, max; alone\nNaN NaN NaN NaN NaN 0\n", out);
	for (size_t k = 0, last = 0; k < COLUMNS; k++) {
		const struct column *c = &s->columns[k];
		size_t next = k + 1;
		bool after_gap;

		if (!c->any)
			continue;
		while (next < COLUMNS && !s->columns[next].any)
			next++;
		after_gap = !k || k - last > GAP_COLUMNS;
		if (after_gap)
			fputc('\n', out);
		/* between two gaps a line has no length */
		fprintf(out, "%.9g %.9g %.9g %.9g %.9g %d\n", middle_ns(s, k) / tx,
			(double)c->gk_min / gk, (double)c->gk_max / gk, (double)c->kb_min / kb,
			(double)c->kb_max / kb,
			after_gap && (next == COLUMNS || next - k > GAP_COLUMNS));
		last = k;
	}
	return finish(out, f, err);
}

/* What a column is when it is one thing alone; CLASSES when it is not. */
static size_t only_class(const struct column *c)
{
	size_t only = CLASSES;

	for (size_t i = 0; i < pvtb_nr_stolen_classes; i++) {
		if (!c->class_ns[i])
			continue;
		if (only != CLASSES)
			return CLASSES;
		only = i;
	}
	return only;
}

/* Boxes: each column's causes upon each other by their share of it, columns alike joined. */
static int write_strip(struct pvtb_figure *f, const char *file, const struct slice *s, double tx,
		       struct pvtb_err *err)
{
	double step = (double)(s->to_ns - s->from_ns) / COLUMNS / tx;
	double from = (double)s->from_ns / tx;
	FILE *out = pvtb_figure_data(f, file, err);

	if (!out)
		return err->code;
	fputs("# middle middle left right bottom top colour\nNaN NaN NaN NaN NaN NaN 0\n", out);
	for (size_t k = 0, next; k < COLUMNS; k = next) {
		size_t only = only_class(&s->columns[k]);
		double sum = 0, y = 0, x0, x1;

		for (next = k + 1;
		     only != CLASSES && next < COLUMNS && only_class(&s->columns[next]) == only;)
			next++;
		x0 = from + (double)k * step;
		x1 = from + (double)next * step;
		for (size_t i = 0; i < pvtb_nr_stolen_classes; i++)
			sum += (double)s->columns[k].class_ns[i];
		for (size_t i = 0; i < pvtb_nr_stolen_classes; i++) {
			double part = (double)s->columns[k].class_ns[i] / (sum > 0 ? sum : 1);

			if (part <= 0)
				continue;
			fprintf(out, "%.9g %.6g %.9g %.9g %.6g %.6g %u\n", (x0 + x1) / 2,
				y + part / 2, x0, x1, y, y + part, pvtb_stolen_classes[i].rgb);
			y += part;
		}
	}
	return finish(out, f, err);
}

struct extent {
	double low, high;
};

static void put_extent(struct pvtb_figure *f, const char *name, struct extent e)
{
	char var[64];
	double pad = (e.high - e.low) * 0.08;

	if (pad <= 0)
		pad = 1;
	snprintf(var, sizeof(var), "%s_low", name);
	pvtb_figure_number(f, var, e.low - pad);
	snprintf(var, sizeof(var), "%s_high", name);
	pvtb_figure_number(f, var, e.high + pad);
	snprintf(var, sizeof(var), "%s_step", name);
	pvtb_figure_number(f, var, pvtb_plot_nice_step((e.high - e.low + 2 * pad) * 2));
}

static struct extent extent_of_lines(const struct slice *s, double unit)
{
	struct extent e = {NAN, NAN};

	for (size_t k = 0; k < COLUMNS; k++) {
		const struct column *c = &s->columns[k];
		double low = fmin((double)c->g_ns, fmin((double)c->k_ns, (double)c->b_ns));
		double high = fmax((double)c->g_ns, fmax((double)c->k_ns, (double)c->b_ns));

		if (!c->any)
			continue;
		e.low = fmin(e.low, low / unit);
		e.high = fmax(e.high, high / unit);
	}
	return isnan(e.low) ? (struct extent){0, 0} : e;
}

static double deviation_max(const struct slice *s, bool kb)
{
	double max = 0;

	for (size_t k = 0; k < COLUMNS; k++) {
		const struct column *c = &s->columns[k];

		if (c->any)
			max = fmax(max, fmax(fabs((double)(kb ? c->kb_min : c->gk_min)),
					     fabs((double)(kb ? c->kb_max : c->gk_max))));
	}
	return max;
}

static struct extent extent_of_deviation(const struct slice *s, bool kb, double unit)
{
	struct extent e = {0, 0};

	for (size_t k = 0; k < COLUMNS; k++) {
		const struct column *c = &s->columns[k];

		if (!c->any)
			continue;
		e.low = fmin(e.low, (double)(kb ? c->kb_min : c->gk_min) / unit);
		e.high = fmax(e.high, (double)(kb ? c->kb_max : c->gk_max) / unit);
	}
	return e;
}

static void put_legend(struct pvtb_figure *f, const bool *seen)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < pvtb_nr_stolen_classes; i++)
		n += seen[i];
	pvtb_figure_number(f, "classes", (double)n);
	for (size_t i = 0; i < pvtb_nr_stolen_classes; i++)
		if (seen[i])
			pvtb_figure_element(f, "class_name", ++k, n, pvtb_stolen_classes[i].legend);
	for (size_t i = 0, at = 0; i < pvtb_nr_stolen_classes; i++) {
		char colour[16];

		if (!seen[i])
			continue;
		snprintf(colour, sizeof(colour), "0x%06x", pvtb_stolen_classes[i].rgb);
		pvtb_figure_element(f, "class_colour", ++at, n, colour);
	}
}

static void put_deviation_text(struct pvtb_figure *f, const char *name, const char *lead,
			       const char *unit, const json_t *vcpu, const char *member,
			       s64 late_ns)
{
	const json_t *dev = json_object_get(vcpu, member), *ppm = json_object_get(dev, "ppm");
	char max[PVTB_STOLEN_TIME_CHARS], end[PVTB_STOLEN_TIME_CHARS], late[PVTB_STOLEN_TIME_CHARS],
		share[48] = "", text[320];

	pvtb_stolen_time(pvtb_stolen_int(dev, "max_ns"), max, sizeof(max));
	pvtb_stolen_time(pvtb_stolen_int(dev, "final_ns"), end, sizeof(end));
	pvtb_stolen_time(late_ns, late, sizeof(late));
	if (json_is_number(ppm))
		snprintf(share, sizeof(share), ", %.0f ppm", json_number_value(ppm));
	snprintf(text, sizeof(text), "%s, %s: max %s, at the end %s%s%s%s", lead, unit, max, end,
		 share, late_ns ? ", shown late by up to " : "", late_ns ? late : "");
	pvtb_figure_string(f, name, text);
}

static int time_data(struct pvtb_figure *f, const struct vcpu_data *d, const json_t *vcpu,
		     struct pvtb_err *err)
{
	const char *tx_name, *ty_name, *gk_name, *kb_name, *zx_name;
	double tx = unit_of((double)d->whole.to_ns, &tx_name), ty, gk, kb, zx;
	struct extent y = extent_of_lines(&d->whole, 1);
	int ret;

	ty = unit_of(fmax(fabs(y.low), fabs(y.high)), &ty_name);
	gk = unit_of(deviation_max(&d->whole, false), &gk_name);
	kb = unit_of(deviation_max(&d->whole, true), &kb_name);
	zx = 1e6;
	zx_name = "ms";
	pvtb_figure_number(f, "rows", d->zoomed ? 21 : 15);
	pvtb_figure_number(f, "name_columns", 8);
	pvtb_figure_number(f, "zoomed", d->zoomed);
	pvtb_figure_string(f, "tx_name", tx_name);
	pvtb_figure_string(f, "ty_name", ty_name);
	pvtb_figure_string(f, "zx_name", zx_name);
	pvtb_figure_number(f, "tx_high", (double)d->whole.to_ns / tx);
	pvtb_figure_number(f, "tx_step", pvtb_plot_nice_step((double)d->whole.to_ns / tx));
	put_extent(f, "ty", extent_of_lines(&d->whole, ty));
	put_extent(f, "gk", extent_of_deviation(&d->whole, false, gk));
	put_extent(f, "kb", extent_of_deviation(&d->whole, true, kb));
	put_legend(f, d->seen);
	put_deviation_text(f, "gk_text", "G - K, the guest against the kernel", gk_name, vcpu, "gk",
			   pvtb_stolen_int(vcpu, "stale_max_ns"));
	put_deviation_text(f, "kb_text", "K - B, the kernel against the scheduler's events",
			   kb_name, vcpu, "kb", 0);
	ret = write_lines(f, "lines.dat", &d->whole, tx, ty, err);
	if (!ret)
		ret = write_strip(f, "strip.dat", &d->whole, tx, err);
	if (!ret)
		ret = write_deviations(f, &d->whole, tx, gk, kb, err);
	if (ret || !d->zoomed)
		return ret;
	y = extent_of_lines(&d->zoom, 1);
	ty = unit_of(fmax(fabs(y.low), fabs(y.high)), &ty_name);
	pvtb_figure_string(f, "zy_name", ty_name);
	pvtb_figure_number(f, "zx_low", (double)d->zoom.from_ns / zx);
	pvtb_figure_number(f, "zx_high", (double)d->zoom.to_ns / zx);
	pvtb_figure_number(f, "zx_step",
			   pvtb_plot_nice_step((double)(d->zoom.to_ns - d->zoom.from_ns) / zx));
	put_extent(f, "zy", extent_of_lines(&d->zoom, ty));
	ret = write_lines(f, "zoom-lines.dat", &d->zoom, zx, ty, err);
	return ret ?: write_strip(f, "zoom-strip.dat", &d->zoom, zx, err);
}

static int time_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		       const struct pvtb_variant_result *v, const json_t *vcpu,
		       const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		       size_t *missing, struct pvtb_err *err)
{
	bool many = json_array_size(pvtb_stolen_vcpus(v)) > 1;
	s64 nr = pvtb_stolen_int(vcpu, "vcpu");
	struct vcpu_data *d = calloc(1, sizeof(*d));
	char name[256], title[200], who[32] = "";
	struct pvtb_figure f = {};
	struct pvtb_err why = {};
	int ret;

	if (!d)
		return pvtb_err_sys(err, -ENOMEM, "plot");
	if (many)
		snprintf(who, sizeof(who), "-vcpu%" PRId64, nr);
	ret = read_vcpu(v, opts, vcpu, d, &why);
	if (ret) {
		/* The others can be drawn all the same. */
		free(d);
		++*missing;
		return pvtb_plot_note(list, "%s, %s.%s%s not drawn: %s: %s", h->host, b->name,
				      v->name, who, why.what, why.why)
			       ? pvtb_err_sys(err, -ENOMEM, "plot")
			       : 0;
	}
	snprintf(name, sizeof(name), "%.120s-%.40s-%.60s%s", h->host, b->name, v->name, who);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		if (many)
			snprintf(who, sizeof(who), ", vCPU %" PRId64, nr);
		snprintf(title, sizeof(title),
			 "%.40s.%.60s%s: stolen time by its three witnesses%s%s", b->name, v->name,
			 who, v->status == PVTB_OK ? "" : " - ",
			 v->status == PVTB_OK ? "" : pvtb_status_name(v->status));
		pvtb_figure_string(&f, "title", title);
		pvtb_plot_host(&f, h, "");
		ret = time_data(&f, d, vcpu, err);
	}
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_steal_time_gp, list, err);
	pvtb_figure_end(&f);
	free(d);
	return ret;
}

/* ---- a bar per cause ---- */

static bool is_lost(const struct pvtb_stolen_cause *c)
{
	const char *class = pvtb_stolen_classes[c->class].name;

	return strcmp(class, "guest") && strcmp(class, "current");
}

static int causes_data(struct pvtb_figure *f, const struct pvtb_stolen_cause *causes, size_t nr,
		       struct pvtb_err *err)
{
	const char *unit;
	size_t rows = 0, y = 0, longest = 8;
	double high = 0, scale;
	FILE *out;

	for (size_t i = 0; i < nr; i++) {
		if (!is_lost(&causes[i]))
			continue;
		rows++;
		high = fmax(high, fmax((double)causes[i].lost_ns, (double)causes[i].told_ns));
	}
	scale = unit_of(high, &unit);
	out = pvtb_figure_data(f, "causes.dat", err);
	if (!out)
		return err->code;
	fputs("# row lost span told colour\n", out);
	for (size_t i = 0; i < nr; i++) {
		const struct pvtb_stolen_cause *c = &causes[i];
		char lost[PVTB_STOLEN_TIME_CHARS], told[PVTB_STOLEN_TIME_CHARS],
			share[PVTB_STOLEN_TIME_CHARS], name[40];

		if (!is_lost(c))
			continue;
		pvtb_stolen_time((s64)c->lost_ns, lost, sizeof(lost));
		pvtb_stolen_time((s64)c->told_ns, told, sizeof(told));
		pvtb_stolen_share(c->told_ns, c->span_ns, share, sizeof(share));
		pvtb_shorten(c->cause, 30, name, sizeof(name));
		longest = strlen(name) > longest ? strlen(name) : longest;
		pvtb_figure_element(f, "name", ++y, rows, name);
		fprintf(out, "%zu %.9g %.9g %.9g %u\n", rows - y + 1, (double)c->lost_ns / scale,
			(double)c->span_ns / scale, (double)c->told_ns / scale,
			pvtb_stolen_classes[c->class].rgb);
		pvtb_figure_element(f, "lost", y, rows, lost);
		pvtb_figure_element(f, "told", y, rows, told);
		pvtb_figure_element(f, "share", y, rows, share);
	}
	pvtb_figure_number(f, "rows", (double)rows);
	pvtb_figure_number(f, "name_columns", (double)longest);
	pvtb_figure_number(f, "xmax", high > 0 ? high / scale * 1.05 : 1);
	pvtb_figure_number(f, "xstep", pvtb_plot_nice_step(high > 0 ? high / scale : 1));
	pvtb_figure_string(f, "unit", unit);
	return finish(out, f, err);
}

static int causes_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
			 const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
			 struct pvtb_err *err)
{
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	u64 scenarios, wall_ns;
	size_t nr = pvtb_stolen_of_bench(b, causes, PVTB_STOLEN_CAUSES, &scenarios, &wall_ns);
	char name[256], title[200], time[PVTB_STOLEN_TIME_CHARS];
	struct pvtb_figure f = {};
	size_t lost = 0;
	int ret;

	for (size_t i = 0; i < nr; i++)
		lost += is_lost(&causes[i]);
	if (!lost)
		return 0;
	snprintf(name, sizeof(name), "%.120s-%.60s-causes", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		pvtb_stolen_time((s64)wall_ns, time, sizeof(time));
		snprintf(title, sizeof(title),
			 "%.60s: why vCPUs were not in the guest, and what they were told; "
			 "%" PRIu64 " scenario%s, %s",
			 b->name, scenarios, scenarios == 1 ? "" : "s", time);
		pvtb_figure_string(&f, "title", title);
		pvtb_plot_host(&f, h, "");
		ret = causes_data(&f, causes, nr, err);
	}
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_steal_causes_gp, list, err);
	pvtb_figure_end(&f);
	return ret;
}

/* ---- a bar per scenario ---- */

static size_t count_rows(const struct pvtb_bench_result *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->nr_variants; i++)
		n += json_array_size(pvtb_stolen_vcpus(&b->variants[i]));
	return n;
}

/* One vCPU: its causes by class, upon each other; and where what it was told ends. */
static void scenario_row(FILE *out, const json_t *vcpu, size_t y, bool *seen)
{
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	size_t nr =
		pvtb_stolen_causes(json_object_get(vcpu, "causes"), causes, 0, PVTB_STOLEN_CAUSES);
	double wall = (double)pvtb_stolen_int(vcpu, "wall_ns"), x = 0, told = 0;
	u64 lost = 0, span = 0;

	wall = wall > 0 ? wall : 1;
	for (size_t i = 0; i < nr; i++) {
		double part = 100 * (double)causes[i].lost_ns / wall;
		const struct pvtb_stolen_class *class = &pvtb_stolen_classes[causes[i].class];

		seen[causes[i].class] = true;
		told += (double)causes[i].told_ns;
		lost += class->involuntary ? causes[i].lost_ns : 0;
		span += class->involuntary ? causes[i].span_ns : 0;
		fprintf(out, "%.9g %zu %.9g %.9g %u NaN\n", x + part / 2, y, x, x + part,
			class->rgb);
		x += part;
	}
	/* Told of the time between two samples; the bar is about the whole run. */
	if (span)
		told *= (double)lost / (double)span;
	fprintf(out, "NaN %zu NaN NaN 0 %.9g\n", y, 100 * told / wall);
}

static int scenarios_data(struct pvtb_figure *f, const struct pvtb_bench_result *b,
			  struct pvtb_err *err)
{
	size_t rows = count_rows(b), y = 0, longest = 8;
	FILE *out = pvtb_figure_data(f, "scenarios.dat", err);
	bool seen[CLASSES] = {};

	if (!out)
		return err->code;
	fputs("# middle row left right colour told\n", out);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		const json_t *vcpus = pvtb_stolen_vcpus(v), *vcpu;
		size_t k;

		json_array_foreach (vcpus, k, vcpu) {
			struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
			size_t nr = pvtb_stolen_causes(json_object_get(vcpu, "causes"), causes, 0,
						       PVTB_STOLEN_CAUSES);
			char name[64], text[PVTB_STOLEN_TIME_CHARS];
			u64 lost = 0;

			pvtb_shorten(v->name, 24, name, 28);
			if (json_array_size(vcpus) > 1)
				snprintf(name + strlen(name), 32, " vCPU %zu", k);
			longest = strlen(name) > longest ? strlen(name) : longest;
			pvtb_figure_element(f, "name", ++y, rows, name);
			for (size_t c = 0; c < nr; c++)
				lost += pvtb_stolen_classes[causes[c].class].involuntary
						? causes[c].lost_ns
						: 0;
			pvtb_stolen_time((s64)lost, text, sizeof(text));
			scenario_row(out, vcpu, rows - y + 1, seen);
			pvtb_figure_element(f, "lost", y, rows, text);
			pvtb_stolen_time(pvtb_stolen_int(vcpu, "g_ns"), text, sizeof(text));
			pvtb_figure_element(f, "told", y, rows, text);
			pvtb_stolen_time(pvtb_stolen_int(json_object_get(vcpu, "gk"), "max_ns"),
					 text, sizeof(text));
			pvtb_figure_element(f, "share", y, rows, text);
		}
	}
	pvtb_figure_number(f, "rows", (double)rows);
	pvtb_figure_number(f, "name_columns", (double)longest);
	put_legend(f, seen);
	return finish(out, f, err);
}

static int scenarios_figure(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
			    const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
			    struct pvtb_err *err)
{
	struct pvtb_figure f = {};
	char name[256], title[200];
	int ret;

	snprintf(name, sizeof(name), "%.120s-%.60s-scenarios", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		snprintf(title, sizeof(title), "%.60s: where each vCPU's time went, by scenario",
			 b->name);
		pvtb_figure_string(&f, "title", title);
		pvtb_plot_host(&f, h, "");
		ret = scenarios_data(&f, b, err);
	}
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_steal_scenarios_gp, list, err);
	pvtb_figure_end(&f);
	return ret;
}

int pvtb_plot_stolen(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		     const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		     size_t *missing, struct pvtb_err *err)
{
	int ret;

	if (!count_rows(b))
		return 0;
	ret = causes_figure(h, b, opts, list, err);
	if (!ret)
		ret = scenarios_figure(h, b, opts, list, err);
	for (size_t i = 0; !ret && i < b->nr_variants; i++) {
		const json_t *vcpu;
		size_t k;

		json_array_foreach (pvtb_stolen_vcpus(&b->variants[i]), k, vcpu) {
			ret = time_figure(h, b, &b->variants[i], vcpu, opts, list, missing, err);
			if (ret)
				break;
		}
	}
	return ret;
}
