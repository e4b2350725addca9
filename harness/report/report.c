// SPDX-License-Identifier: GPL-2.0-only
/* Owns the choice of a format and what several formats ask of a result. */
#include "core/text.h"
#include "report/formats.h"

#include <math.h>
#include <string.h>

const char *const pvtb_report_formats[] = {
	[PVTB_REPORT_TEXT] = "text",
	[PVTB_REPORT_MARKDOWN] = "markdown",
	[PVTB_REPORT_CSV] = "csv",
	[PVTB_REPORT_JSON] = "json",
	[PVTB_REPORT_SEED_TABLE] = "seed-table",
	[PVTB_REPORT_COVER_LETTER] = "cover-letter",
	[PVTB_REPORT_COVER_LETTER + 1] = NULL,
};

static int write_json(const struct pvtb_result *r, FILE *out, struct pvtb_err *err)
{
	json_t *root = pvtb_result_to_json(r);
	int ret;

	if (!root)
		return pvtb_err_sys(err, -ENOMEM, "report");
	ret = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
	json_decref(root);
	if (ret)
		return pvtb_err_set(err, -EIO, "report", "writing JSON failed");
	fputc('\n', out);
	return 0;
}

static int write_format(const struct pvtb_result *r, enum pvtb_report_format format, FILE *out,
			struct pvtb_err *err)
{
	int ret = -EINVAL;

	switch (format) {
	case PVTB_REPORT_TEXT:
		ret = pvtb_report_text(r, PVTB_TABLE_PLAIN, out, err);
		break;
	case PVTB_REPORT_MARKDOWN:
		ret = pvtb_report_text(r, PVTB_TABLE_MARKDOWN, out, err);
		break;
	case PVTB_REPORT_CSV:
		ret = pvtb_report_csv(r, out, err);
		break;
	case PVTB_REPORT_JSON:
		ret = write_json(r, out, err);
		break;
	case PVTB_REPORT_SEED_TABLE:
		ret = pvtb_report_seed(r, out, err);
		break;
	case PVTB_REPORT_COVER_LETTER:
		ret = pvtb_report_cover(r, out, err);
		break;
	}
	return ret;
}

/* By way of memory: names are cut to columns and buffers on the way, and half a character is left out. */
int pvtb_report_write(const struct pvtb_result *r, enum pvtb_report_format format, FILE *out,
		      struct pvtb_err *err)
{
	char *text PVTB_FREE = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int ret;

	if (!f)
		return pvtb_err_sys(err, -ENOMEM, "report");
	ret = write_format(r, format, f, err);
	if (fclose(f) && !ret)
		ret = pvtb_err_sys(err, -ENOMEM, "report");
	if (ret)
		return ret;
	errno = 0;
	pvtb_text_put_whole(text, size, out);
	if (fflush(out) || ferror(out))
		return pvtb_err_sys(err, errno ? -errno : -EIO, "report");
	return 0;
}

bool pvtb_is_latency(const struct pvtb_variant_result *v)
{
	return pvtb_variant_metric(v, "p50") || pvtb_variant_metric(v, "batch.slope");
}

double pvtb_metric_value(const struct pvtb_variant_result *v, const char *name)
{
	const struct pvtb_metric *m = pvtb_variant_metric(v, name);

	return m ? m->value : (double)NAN;
}

const char *pvtb_env_string(const struct pvtb_host_result *h, const char *object,
			    const char *member)
{
	const json_t *v = json_object_get(json_object_get(h->environment, object), member);
	const char *s = json_string_value(v);

	return s && *s ? s : NULL;
}

static bool same_reason(const struct pvtb_variant_result *a, const struct pvtb_variant_result *b)
{
	return a->status == b->status && a->why && b->why && !strcmp(a->why, b->why);
}

int pvtb_same_reason(const struct pvtb_bench_result *b, size_t i, const char *prefix, char **ret)
{
	const struct pvtb_variant_result *v = &b->variants[i];
	char *text = NULL;
	size_t size;
	FILE *f;

	*ret = NULL;
	if (v->status == PVTB_OK)
		return 0;
	for (size_t k = 0; k < i; k++) {
		if (same_reason(&b->variants[k], v))
			return 0;
	}
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	fprintf(f, "%s%s", prefix, v->name);
	for (size_t k = i + 1; k < b->nr_variants; k++) {
		if (same_reason(&b->variants[k], v))
			fprintf(f, ", %s%s", prefix, b->variants[k].name);
	}
	if (pvtb_text_close(f, &text)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

void pvtb_trace_cost_of(const struct pvtb_host_result *h, struct pvtb_trace_cost *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t b = 0; b < h->nr_benches; b++) {
		for (size_t i = 0; i < h->benches[b].nr_variants; i++) {
			const struct pvtb_variant_result *v = &h->benches[b].variants[i];
			double exits = pvtb_metric_value(v, "exits_per_op");
			double cost = pvtb_metric_value(v, "trace.cost");

			/* Where nothing exits, tracing has nothing to add to. */
			if (!isfinite(cost) || !(exits > 0.5))
				continue;
			cost /= round(exits);
			if (!ret->nr || cost < ret->low)
				ret->low = cost;
			if (!ret->nr || cost > ret->high)
				ret->high = cost;
			ret->nr++;
		}
	}
}

void pvtb_law_tally_of(const struct pvtb_host_result *h, struct pvtb_law_tally *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t b = 0; b < h->nr_benches; b++) {
		for (size_t i = 0; i < h->benches[b].nr_variants; i++) {
			const struct pvtb_variant_result *v = &h->benches[b].variants[i];

			for (size_t l = 0; l < v->nr_laws; l++) {
				enum pvtb_status s = v->laws[l].status;

				if (s == PVTB_OK)
					ret->held++;
				else if (s == PVTB_FAIL || s == PVTB_INVALID)
					ret->broken++;
				else
					ret->open++;
			}
		}
	}
}
