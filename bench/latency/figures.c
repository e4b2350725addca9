// SPDX-License-Identifier: GPL-2.0-only
/* Owns how a latency variant's numbers become metrics and raw files of the result. */
#include "bench/latency/engine.h"

#include <math.h>

#include "stats/shift.h"

enum pvtb_kind latency_kind_of(const struct pvtb_run *run)
{
	return run->deterministic ? PVTB_KIND_INSTRUCTIONS : PVTB_KIND_TIME;
}

int latency_add_ticks(struct latency_session *s, const char *name, double value, double low,
		      double high, u64 n)
{
	return pvtb_variant_add_metric(s->res, name, PVTB_UNIT_TICKS, latency_kind_of(s->run),
				       PVTB_LOWER_IS_BETTER, value, low, high, n);
}

int latency_add_count(struct latency_session *s, const char *name, double value, u64 n)
{
	return pvtb_variant_add_metric(s->res, name, PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				       PVTB_NEITHER_IS_BETTER, value, NAN, NAN, n);
}

int latency_add_dist(struct latency_session *s, const char *prefix, const struct pvtb_dist *d,
		     double minus)
{
	const struct {
		const char *name;
		double value, low, high;
	} rows[] = {
		{"min", (double)d->min - minus, NAN, NAN},
		{"p50", (double)d->p50 - minus, (double)d->p50_low - minus,
		 (double)d->p50_high - minus},
		{"p90", (double)d->p90 - minus, NAN, NAN},
		{"p95", (double)d->p95 - minus, NAN, NAN},
		{"p99", (double)d->p99 - minus, NAN, NAN},
		{"p99.9", (double)d->p999 - minus, NAN, NAN},
		{"max", (double)d->max - minus, NAN, NAN},
		{"mean", d->mean - minus, NAN, NAN},
		{"stddev", d->stddev, NAN, NAN},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(rows); i++) {
		char name[64];
		int ret;

		snprintf(name, sizeof(name), "%s%s", prefix, rows[i].name);
		ret = latency_add_ticks(s, name, rows[i].value, rows[i].low, rows[i].high, d->n);
		if (ret)
			return ret;
	}
	return 0;
}

int latency_add_centre(struct latency_session *s, const s64 *v, size_t n)
{
	struct pvtb_series run = {v, n, 1};
	struct pvtb_estimate e;
	int ret = pvtb_centre_of(&run, &e);

	if (ret == -ENODATA)
		return 0; /* too few for an interval */
	return ret ? ret
		   : latency_add_ticks(s, "centre", e.value, e.value - e.half, e.value + e.half, n);
}

int latency_save_file(struct latency_session *s, const char *what, enum pvtb_samples_kind kind,
		      size_t size, const void *data, size_t n, struct pvtb_err *err)
{
	struct pvtb_samples_writer *w;
	char path[512], rel[256], name[64];
	json_t *desc;
	int ret;

	snprintf(rel, sizeof(rel), "samples/%s.%s.%s.zst", s->bench->name, s->var->name, what);
	snprintf(path, sizeof(path), "%s/%s", s->run->dir, rel);
	desc = json_pack("{s:s, s:s, s:s, s:I, s:b}", "bench", s->bench->name, "variant",
			 s->var->name, "what", what, "counter_hz",
			 (json_int_t)s->run->host->counter_hz, "deterministic",
			 (int)s->run->deterministic);
	ret = pvtb_samples_create(path, kind, size, desc, 3, &w, err);
	json_decref(desc);
	if (ret)
		return ret;
	ret = pvtb_samples_write(w, data, n, err);
	if (ret) {
		pvtb_samples_abort(w);
		return ret;
	}
	ret = pvtb_samples_finish(w, err);
	if (ret)
		return ret;
	snprintf(name, sizeof(name), "samples.%s", what);
	return pvtb_variant_add_file(s->res, name, rel);
}
