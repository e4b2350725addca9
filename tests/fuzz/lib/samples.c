// SPDX-License-Identifier: GPL-2.0-only
/* Owns results, and files of samples, for targets that read samples by way of a result. */
#include "fuzz.h"
#include "results/result.h"
#include "results/samples.h"

void fuzz_samples(const char *name, const char *description, const u8 *records, size_t bytes)
{
	struct pvtb_samples_writer *w = NULL;
	json_t *j = description ? json_loads(description, 0, NULL) : NULL;
	struct pvtb_err err;
	/* What fuzz_file() makes is removed at the end. */
	const char *path = fuzz_file(name, "", 0);

	if (!json_is_object(j)) {
		json_decref(j);
		j = json_object();
	}
	if (!pvtb_samples_create(path, PVTB_SAMPLES_S64, sizeof(s64), j, -5, &w, &err)) {
		fuzz_must(!pvtb_samples_write(w, records, bytes / sizeof(s64), &err));
		fuzz_must(!pvtb_samples_finish(w, &err));
	}
	json_decref(j);
}

char *fuzz_result_text(struct pvtb_result *r)
{
	json_t *j = pvtb_result_to_json(r);
	char *text = json_dumps(j, JSON_COMPACT);

	fuzz_must(text);
	json_decref(j);
	pvtb_result_free(r);
	return text;
}

struct pvtb_result *fuzz_result_of(const u8 *data, size_t bytes)
{
	json_t *root = json_loadb((const char *)data, bytes, JSON_REJECT_DUPLICATES, NULL);
	struct pvtb_result *r = NULL;
	struct pvtb_err err;

	if (root && pvtb_result_from_json(root, "fuzz", &r, &err))
		r = NULL;
	json_decref(root);
	return r;
}
