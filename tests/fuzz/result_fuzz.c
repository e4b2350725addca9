// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: a result.json. What is read is written and read again, and is then the same; what
 * is refused is refused with a reason.
 */
#include "fuzz.h"
#include "report_fixture.h"
#include "results/result.h"

FUZZ_JSON_MUTATOR

bool fuzz_one(const u8 *data, size_t bytes)
{
	const char *path = fuzz_file("result.json", data, bytes);
	struct pvtb_result *r = NULL, *again = NULL;
	struct pvtb_err err = {};
	json_t *first, *second;

	if (pvtb_result_load(path, &r, &err)) {
		fuzz_must(err.code < 0 && err.what[0] && err.why[0]);
		return false;
	}
	first = pvtb_result_to_json(r);
	fuzz_must(first && !pvtb_result_from_json(first, "again", &again, &err));
	second = pvtb_result_to_json(again);
	fuzz_must(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	pvtb_result_free(r);
	pvtb_result_free(again);
	return true;
}

static void seed_of(void (*add)(struct pvtb_result *r))
{
	struct pvtb_result *r = fixture_new("pvtb run");
	json_t *j;
	char *text;

	add(r);
	j = pvtb_result_to_json(r);
	text = json_dumps(j, JSON_COMPACT);
	fuzz_seed_text(true, text);
	text[strlen(text) / 2] = '\0';
	fuzz_seed_text(false, text);
	free(text);
	json_decref(j);
	pvtb_result_free(r);
}

static void add_nothing(struct pvtb_result *r)
{
}

void fuzz_seeds(void)
{
	seed_of(add_nothing);
	seed_of(fixture_add_lab);
	seed_of(fixture_add_native);
	seed_of(fixture_add_ugly);
	seed_of(fixture_add_stolen);
	fuzz_seed_text(false, "{\"schema\": 2}");
	fuzz_seed_text(false, "{\"schema\": 1, \"schema\": 1}");
	fuzz_seed_text(false, "");
}
