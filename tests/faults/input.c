// SPDX-License-Identifier: GPL-2.0-only
/* Writes result directories with samples for the fault runs: input DIR makes DIR/old and DIR/new. */
#include <sys/stat.h>

#include "report_fixture.h"
#include "results/samples.h"

static int write_samples(const char *path, u64 seed)
{
	json_t *description = json_pack("{s:s}", "unit", "ticks");
	struct pvtb_samples_writer *w;
	struct pvtb_err err;
	s64 v[2000];
	int ret;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(v); i++) {
		seed = seed * 6364136223846793005ULL + 1;
		v[i] = 1000 + (s64)(seed >> 60);
	}
	ret = pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(v[0]), description, 3, &w, &err);
	ret = ret ?: pvtb_samples_write(w, v, PVTB_ARRAY_SIZE(v), &err);
	ret = ret ?: pvtb_samples_finish(w, &err);
	json_decref(description);
	return ret;
}

/* The one host and one benchmark is enough for every path; the others repeat it. */
static int write_result(const char *dir, u64 seed)
{
	struct pvtb_result *r = fixture_new("pvtb run");
	struct pvtb_bench_result *b;
	struct pvtb_err err;
	char path[4096];
	int ret = 0;

	fixture_add_lab(r);
	fixture_text(&r->hosts[0].host, "native");
	if (mkdir(dir, 0755))
		return -errno;
	b = &r->hosts[0].benches[0];
	for (size_t v = 0; v < b->nr_variants && !ret; v++) {
		if (b->variants[v].status == PVTB_SKIP)
			continue;
		snprintf(path, sizeof(path), "%s.samples.zst", b->variants[v].name);
		ret = pvtb_variant_add_file(&b->variants[v], "samples.single", path);
		snprintf(path, sizeof(path), "%s/%s.samples.zst", dir, b->variants[v].name);
		ret = ret ?: write_samples(path, seed + v);
	}
	ret = ret ?: pvtb_result_save(r, dir, &err);
	pvtb_result_free(r);
	return ret;
}

int main(int argc, char **argv)
{
	char path[4000];

	for (int i = 0; argc == 2 && i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], i ? "new" : "old");
		if (write_result(path, (u64)i * 100 + 1))
			return 1;
	}
	return argc == 2 ? 0 : 2;
}
