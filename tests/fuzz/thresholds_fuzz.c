// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: a file of thresholds, and the same text as an option's value. */
#include <math.h>

#include "compare/compare.h"
#include "fuzz.h"

static void ask(const struct pvtb_thresholds *t)
{
	static const char *const names[] = {"hypercall.mmio.p50", "counter_read.cntvct.max", "",
					    "*"};
	double v;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(names); i++)
		if (pvtb_threshold_of(t, names[i], -17.5, &v))
			fuzz_must(isfinite(v) && v >= 0);
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	const char *path = fuzz_file("thresholds", data, bytes);
	char *text = strndup(bytes ? (const char *)data : "", bytes);
	struct pvtb_thresholds t = {}, one = {};
	struct pvtb_err err = {};
	bool read = !pvtb_thresholds_load(&t, path, &err);

	fuzz_must(text && (read || err.why[0]));
	ask(&t);
	if (!pvtb_thresholds_add(&one, text, &err))
		fuzz_must(one.nr == 1);
	ask(&one);
	free(text);
	pvtb_thresholds_free(&t);
	pvtb_thresholds_free(&one);
	return read;
}

void fuzz_seeds(void)
{
	fuzz_seed_text(true, "# all\n* 2%\nhypercall.*   3\ncounter_read.[cl]*.p50 0.5 % # x\n");
	fuzz_seed_text(true, "");
	fuzz_seed_text(true, "hypercall.*=2 1");
	fuzz_seed_text(false, "hypercall.*=2%");
	fuzz_seed_text(false, "2%");
	fuzz_seed_text(false, "* 0x1p3\n");
	fuzz_seed_text(false, "* nan\n");
	fuzz_seed_text(false, "* 99999999999999999999999\n");
}
