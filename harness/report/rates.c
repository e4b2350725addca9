// SPDX-License-Identifier: GPL-2.0-only
/* Owns rates in a report: the table over hosts, and the data of the figures. Looks: plots/. */
#include "report/rates.h"

#include <math.h>
#include <string.h>

#include "report/plot.h"

/* Embedded plots/rate-steps.gp and plots/lpt-ratio.gp. */
extern const char pvtb_plot_rate_steps_gp[];
extern const char pvtb_plot_lpt_ratio_gp[];

#define ROWS_MAX     60
#define NAME_COLUMNS 44
/* Ratios without any error stand at the foot of a logarithmic axis. */
#define EXACT_PPB    1e-12
#define TEN_YEARS_S  315576000.0

static double number(const json_t *object, const char *member)
{
	const json_t *n = json_object_get(object, member);

	return json_is_number(n) ? json_number_value(n) : (double)NAN;
}

static size_t count_steps_of(const struct pvtb_bench_result *b)
{
	size_t n = 0;

	for (size_t v = 0; v < b->nr_variants; v++)
		n += json_array_size(json_object_get(b->variants[v].detail, "rate_steps"));
	return n;
}

bool pvtb_bench_has_rates(const struct pvtb_bench_result *b)
{
	return count_steps_of(b) > 0;
}

static size_t count_steps(const struct pvtb_result *r)
{
	size_t n = 0;

	for (size_t h = 0; h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			n += count_steps_of(&r->hosts[h].benches[b]);
	return n;
}

static size_t add_steps(const struct pvtb_host_result *h, const struct pvtb_variant_result *v,
			struct pvtb_rate_step *steps)
{
	const json_t *array = json_object_get(v->detail, "rate_steps"), *s;
	size_t i, n = 0;

	json_array_foreach (array, i, s) {
		struct pvtb_rate_step step = {
			.host = h,
			.name = json_string_value(json_object_get(s, "name")),
			.ppb = number(s, "ppb"),
			.unc_ppb = number(s, "unc_ppb"),
			.read_ns = number(s, "read_ns"),
		};

		if (step.name && isfinite(step.ppb) && isfinite(step.unc_ppb))
			steps[n++] = step;
	}
	return n;
}

struct pvtb_rate_step *pvtb_rate_steps(const struct pvtb_result *r, size_t *ret_n)
{
	size_t max = count_steps(r), n = 0;
	struct pvtb_rate_step *steps = max ? calloc(max, sizeof(*steps)) : NULL;

	for (size_t h = 0; steps && h < r->nr_hosts; h++)
		for (size_t b = 0; b < r->hosts[h].nr_benches; b++)
			for (size_t v = 0; v < r->hosts[h].benches[b].nr_variants; v++)
				n += add_steps(&r->hosts[h], &r->hosts[h].benches[b].variants[v],
					       steps + n);
	*ret_n = n;
	return steps;
}

int pvtb_rates_text(const struct pvtb_result *r, enum pvtb_table_style style, FILE *out)
{
	bool md = style == PVTB_TABLE_MARKDOWN;
	size_t n;
	struct pvtb_rate_step *steps PVTB_FREE = pvtb_rate_steps(r, &n);
	struct pvtb_table t = {};
	int ret;

	if (!n || steps[0].host == steps[n - 1].host)
		return 0;
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "Hz", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "rate error, ppb", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "a reading, ns", PVTB_ALIGN_POINT);
	for (size_t i = 0; i < n; i++) {
		pvtb_table_row(&t);
		if (!i || steps[i].host != steps[i - 1].host) {
			pvtb_table_cell(&t, 0, "%s", steps[i].host->host);
			pvtb_table_cell(&t, 1, "%llu",
					(unsigned long long)steps[i].host->counter_hz);
		}
		pvtb_table_cell(&t, 2, "%s", steps[i].name);
		pvtb_table_cell(&t, 3, "%+.0f", rint(steps[i].ppb) == 0 ? 0 : steps[i].ppb);
		pvtb_table_cell(&t, 4, "%s%.0f", md ? "±" : "+- ", steps[i].unc_ppb);
		pvtb_table_cell(&t, 5, "%.2f", steps[i].read_ns);
	}
	fprintf(out, md ? "\n## %s\n\n" : "\n%s\n",
		"The guests' counters by CLOCK_MONOTONIC_RAW, over all hosts");
	ret = pvtb_table_print(&t, style, md ? 0 : 2, 0, out);
	pvtb_table_free(&t);
	return ret;
}

/* ---- figures ---- */

static int steps_data(struct pvtb_figure *f, const struct pvtb_rate_step *steps, size_t n,
		      struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, "steps.dat", err);
	const struct pvtb_host_result *last = NULL;
	double most = 1;
	size_t longest = 8;
	unsigned int hosts = 0;
	bool bad;

	if (!out)
		return err->code;
	fputs("# row ppb low high host\n", out);
	for (size_t i = 0; i < n; i++) {
		const struct pvtb_rate_step *s = &steps[i];
		char name[200], text[96];

		hosts += s->host != last;
		last = s->host;
		snprintf(text, sizeof(text), "%.60s  %.30s", s->host->host, s->name);
		pvtb_shorten(text, NAME_COLUMNS, name, sizeof(name));
		if (pvtb_text_width(name) > longest)
			longest = pvtb_text_width(name);
		pvtb_figure_element(f, "name", i + 1, n, name);
		snprintf(text, sizeof(text), "%+.0f", rint(s->ppb) == 0 ? 0 : s->ppb);
		pvtb_figure_element(f, "value", i + 1, n, text);
		snprintf(text, sizeof(text), "± %.0f", s->unc_ppb);
		pvtb_figure_element(f, "half", i + 1, n, text);
		snprintf(text, sizeof(text), "%.1f", s->read_ns);
		pvtb_figure_element(f, "read", i + 1, n, text);
		fprintf(out, "%zu %.9g %.9g %.9g %u\n", n - i, s->ppb, s->ppb - s->unc_ppb,
			s->ppb + s->unc_ppb, hosts);
		most = fmax(most, fabs(s->ppb) + s->unc_ppb);
	}
	pvtb_figure_number(f, "rows", (double)n);
	pvtb_figure_number(f, "name_columns", (double)longest);
	pvtb_figure_number(f, "xmax", most * 1.08);
	pvtb_figure_number(f, "xstep", 2 * pvtb_plot_nice_step(most * 1.08));
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

int pvtb_plot_rates(const struct pvtb_result *r, const struct pvtb_plot_options *opts,
		    struct pvtb_plot_list *list, struct pvtb_err *err)
{
	size_t n;
	struct pvtb_rate_step *steps PVTB_FREE = pvtb_rate_steps(r, &n);
	struct pvtb_figure f = {};
	int ret;

	if (!n)
		return 0;
	if (n > ROWS_MAX && pvtb_plot_note(list, "rate error per step: %zu of %zu steps drawn",
					   (size_t)ROWS_MAX, n))
		return pvtb_err_sys(err, -ENOMEM, "plot");
	n = n > ROWS_MAX ? ROWS_MAX : n;
	ret = pvtb_figure_begin(&f, opts, "frequency-rates", list, err);
	if (!ret) {
		pvtb_figure_string(&f, "title",
				   "frequency: the guest's counter against the frequency it is "
				   "told to have");
		pvtb_figure_string(&f, "subtitle",
				   "by the host's CLOCK_MONOTONIC_RAW; bars: what the pairs of "
				   "readings leave open");
		ret = steps_data(&f, steps, n, err);
	}
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_rate_steps_gp, list, err);
	pvtb_figure_end(&f);
	return ret;
}

static const json_t *sweep_of(const struct pvtb_bench_result *b)
{
	for (size_t i = 0; i < b->nr_variants; i++) {
		const json_t *points = json_object_get(b->variants[i].detail, "lpt_sweep");

		if (json_array_size(points))
			return points;
	}
	return NULL;
}

static int sweep_data(struct pvtb_figure *f, const json_t *points, struct pvtb_err *err)
{
	FILE *out = pvtb_figure_data(f, "sweep.dat", err);
	const json_t *p;
	size_t i;
	bool bad;

	if (!out)
		return err->code;
	fputs("# PV/native ppb wide measured-resolution\n", out);
	json_array_foreach (points, i, p) {
		double native = number(p, "native_hz"), pv = number(p, "pv_hz");
		double ppb = number(p, "rate_ppb"), unc = number(p, "measured_unc_ppb");

		if (!(native > 0 && pv > 0) || !isfinite(ppb))
			continue;
		fprintf(out, "%.12g %.6g %d %.6g\n", pv / native, fmax(ppb, EXACT_PPB),
			ppb < EXACT_PPB			   ? 2
			: native >= 0x1p32 || pv >= 0x1p32 ? 1
							   : 0,
			isfinite(unc) ? unc : 0);
	}
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? pvtb_err_sys(err, -EIO, "%s", f->dir) : 0;
}

int pvtb_plot_lpt(const struct pvtb_host_result *h, const struct pvtb_bench_result *b,
		  const struct pvtb_plot_options *opts, struct pvtb_plot_list *list,
		  struct pvtb_err *err)
{
	const json_t *points = sweep_of(b);
	struct pvtb_figure f = {};
	char name[256];
	int ret;

	if (!points)
		return 0;
	snprintf(name, sizeof(name), "%.120s-%.60s-ratio", h->host, b->name);
	ret = pvtb_figure_begin(&f, opts, name, list, err);
	if (!ret) {
		pvtb_figure_string(&f, "title",
				   "Live Physical Time: error of its rate against the ratio of "
				   "the frequencies");
		pvtb_plot_host(&f, h, "");
		pvtb_figure_number(&f, "rows", 13);
		pvtb_figure_number(&f, "name_columns", 8);
		pvtb_figure_number(&f, "exact_ppb", EXACT_PPB);
		pvtb_figure_number(&f, "ten_years_s", TEN_YEARS_S);
		ret = sweep_data(&f, points, err);
	}
	if (!ret)
		ret = pvtb_figure_draw(&f, pvtb_plot_lpt_ratio_gp, list, err);
	pvtb_figure_end(&f);
	return ret;
}
