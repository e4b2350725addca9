// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: a result as JSON, shown in every text format. */
#include "fuzz.h"
#include "report/report.h"
#include "report_fixture.h"

FUZZ_JSON_MUTATOR

bool fuzz_one(const u8 *data, size_t bytes)
{
	struct pvtb_result *r = fuzz_result_of(data, bytes);
	struct pvtb_err err;
	FILE *sink;

	if (!r)
		return false;
	sink = fuzz_sink();
	for (unsigned int format = 0; pvtb_report_formats[format]; format++) {
		err = (struct pvtb_err){};
		if (pvtb_report_write(r, format, sink, &err))
			fuzz_must(err.code == -ENODATA && err.why[0]);
	}
	fclose(sink);
	pvtb_result_free(r);
	return true;
}

static void seed_of(void (*add)(struct pvtb_result *r), const char *bench_detail,
		    const char *variant_detail)
{
	struct pvtb_result *r = fixture_new("pvtb run");
	struct pvtb_bench_result *b;
	char *text;

	add(r);
	b = &r->hosts[0].benches[0];
	if (bench_detail)
		b->detail = json_loads(bench_detail, 0, NULL);
	if (variant_detail)
		b->variants[0].detail = json_loads(variant_detail, 0, NULL);
	text = fuzz_result_text(r);
	fuzz_seed_text(true, text);
	free(text);
}

void fuzz_seeds(void)
{
	static const char table[] = "{\"tables\":[{\"title\":\"t\",\"columns\":[\"a\",\"b\"],"
				    "\"rows\":[[\"x\",1],[\"y\",2.5]]}]}";

	seed_of(fixture_add_lab, NULL, NULL);
	seed_of(fixture_add_native, table, table);
	seed_of(fixture_add_ugly, NULL, table);
	seed_of(fixture_add_stolen, NULL, NULL);
	fuzz_seed_text(false, "[]");
}
