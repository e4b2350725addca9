// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: what gnuplot is given. Parts: a result, the description of a file of samples, its
 * records. All that is calculated and written for the figures is; gnuplot is not run.
 *
 * wrap: pvtb_figure_begin pvtb_figure_data pvtb_figure_draw pvtb_figure_end
 */
#include "fuzz.h"
#include "report/figure.h"
#include "report_fixture.h"

FUZZ_JSON_MUTATOR

int __wrap_pvtb_figure_begin(struct pvtb_figure *f, const struct pvtb_plot_options *opts,
			     const char *name, const struct pvtb_plot_list *list,
			     struct pvtb_err *err);
FILE *__wrap_pvtb_figure_data(struct pvtb_figure *f, const char *file, struct pvtb_err *err);
int __wrap_pvtb_figure_draw(struct pvtb_figure *f, const char *script, struct pvtb_plot_list *list,
			    struct pvtb_err *err);
void __wrap_pvtb_figure_end(struct pvtb_figure *f);

int __wrap_pvtb_figure_begin(struct pvtb_figure *f, const struct pvtb_plot_options *opts,
			     const char *name, const struct pvtb_plot_list *list,
			     struct pvtb_err *err)
{
	*f = (struct pvtb_figure){.vars = fuzz_sink(), .opts = opts};
	fuzz_must(strlen(name));
	return 0;
}

FILE *__wrap_pvtb_figure_data(struct pvtb_figure *f, const char *file, struct pvtb_err *err)
{
	fuzz_must(!strchr(file, '/'));
	return fuzz_sink();
}

int __wrap_pvtb_figure_draw(struct pvtb_figure *f, const char *script, struct pvtb_plot_list *list,
			    struct pvtb_err *err)
{
	/* As if drawn: it is in the list. */
	return pvtb_plot_note(list, "drawn");
}

void __wrap_pvtb_figure_end(struct pvtb_figure *f)
{
	if (f->vars)
		fclose(f->vars);
	f->vars = NULL;
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	const u8 *json = NULL, *records = NULL;
	size_t json_bytes = 0, record_bytes = 0;
	struct pvtb_plot_list list = {};
	const struct pvtb_plot_options opts = {.result_dir = fuzz_dir(), .out_dir = "/nowhere"};
	struct pvtb_err err = {};
	struct pvtb_result *r;
	char *description;

	fuzz_part(&data, &bytes, &json, &json_bytes);
	r = fuzz_result_of(json, json_bytes);
	if (!r)
		return false;
	description = fuzz_part_text(&data, &bytes);
	fuzz_part(&data, &bytes, &records, &record_bytes);
	fuzz_samples("s", description, records, record_bytes);
	if (pvtb_plot_result(r, &opts, &list, &err))
		fuzz_must(err.why[0]);
	pvtb_plot_list_free(&list);
	pvtb_result_free(r);
	free(description);
	return true;
}

/* Every file of every variant is "s". */
static void name_files(struct pvtb_result *r)
{
	static const char *const names[] = {"samples.single", "samples.traced", "series.guest"};

	for (size_t b = 0; b < r->hosts[0].nr_benches; b++)
		for (size_t v = 0; v < r->hosts[0].benches[b].nr_variants; v++) {
			struct pvtb_variant_result *vr = &r->hosts[0].benches[b].variants[v];

			for (size_t f = 0; f < vr->nr_files; f++)
				fixture_text(&vr->files[f].path, "s");
			for (size_t n = 0; !vr->nr_files && n < PVTB_ARRAY_SIZE(names); n++)
				pvtb_variant_add_file(vr, names[n], "s");
		}
}

static void seed_of(void (*add)(struct pvtb_result *r), const char *description)
{
	static const s64 records[24] = {0, 1, 2, 1000, 50, 60, 2000, 70, 80, 1 << 20, 90, 5};
	struct pvtb_result *r = fixture_new("pvtb run");
	char *text, *all;
	size_t n;

	add(r);
	name_files(r);
	text = fuzz_result_text(r);
	n = strlen(text) + strlen(description) + 2 * strlen(FUZZ_CUT);
	all = malloc(n + sizeof(records) + 1);
	fuzz_must(all);
	sprintf(all, "%s%s%s%s", text, FUZZ_CUT, description, FUZZ_CUT);
	memcpy(all + n, records, sizeof(records));
	fuzz_seed(true, all, n + sizeof(records));
	free(text);
	free(all);
}

void fuzz_seeds(void)
{
	seed_of(fixture_add_lab, "{\"unit\":\"ticks\"}");
	seed_of(fixture_add_native, "{}");
	seed_of(fixture_add_ugly, "{}");
	seed_of(fixture_add_stolen,
		"{\"columns\":[\"at_ns\",\"b\",\"g\"],\"classes\":[\"preempted\"]}");
	seed_of(fixture_add_stolen, "{\"columns\":[\"at_ns\",\"g_k\"]}");
	fuzz_seed_text(false, "{}");
}
