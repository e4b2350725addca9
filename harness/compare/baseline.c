// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what a baseline is: a result in one small file, with the metrics that are judged, what of the
 * host can move them, and nothing that changes from run to run, so that a difference in it is a
 * difference in what was measured, or where.
 */
#include <math.h>
#include <string.h>

#include "compare/compare.h"

static int copy_metrics(const struct pvtb_variant_result *from, struct pvtb_variant_result *to,
			const struct pvtb_compare_opts *o)
{
	int ret = 0;

	for (size_t i = 0; i < from->nr_metrics && !ret; i++) {
		const struct pvtb_metric *m = &from->metrics[i];

		if (pvtb_compare_kept(o, from, m))
			ret = pvtb_variant_add_metric(to, m->name, m->unit, m->kind, m->direction,
						      m->value, m->low, m->high, m->n);
	}
	return ret;
}

static int copy_bench(const struct pvtb_bench_result *from, struct pvtb_host_result *host,
		      const struct pvtb_compare_opts *o)
{
	struct pvtb_bench_result *bench = NULL;
	int ret = 0;

	for (size_t v = 0; v < from->nr_variants && !ret; v++) {
		const struct pvtb_variant_result *old = &from->variants[v];
		struct pvtb_variant_result *new;

		if (old->status != PVTB_OK)
			continue;
		if (!bench)
			bench = pvtb_host_add_bench(host, from->name, from->summary);
		new = bench ? pvtb_bench_add_variant(bench, old->name, old->summary) : NULL;
		if (!new)
			return -ENOMEM;
		pvtb_variant_set_status(new, PVTB_OK, "%s", "");
		ret = pvtb_result_set(&new->provider, old->provider);
		if (!ret)
			ret = copy_metrics(old, new, o);
	}
	return ret;
}

static int copy_host(const struct pvtb_host_result *from, struct pvtb_result *to,
		     const struct pvtb_compare_opts *o)
{
	char *name PVTB_FREE = pvtb_compare_host_name(from->host);
	struct pvtb_host_result *h = name ? pvtb_result_add_host(to, name) : NULL;
	int ret;

	if (!h)
		return -ENOMEM;
	h->emulated = from->emulated;
	h->deterministic = from->deterministic;
	h->witnessed = from->witnessed;
	h->counter_hz = from->counter_hz;
	json_decref(h->environment);
	h->environment = pvtb_compare_environment(from->environment);
	if (!h->environment)
		return -ENOMEM;
	ret = pvtb_result_set(&h->arch, from->arch);
	if (!ret)
		ret = pvtb_result_set(&h->kernel, from->kernel);
	if (!ret)
		ret = pvtb_result_set(&h->mode, from->mode);
	for (size_t b = 0; b < from->nr_benches && !ret; b++)
		ret = copy_bench(&from->benches[b], h, o);
	return ret;
}

int pvtb_baseline_of(const struct pvtb_result *r, const struct pvtb_compare_opts *opts,
		     const char *command, struct pvtb_result **ret, struct pvtb_err *err)
{
	struct pvtb_result *base = pvtb_result_new(command, r->profile);
	int code = base ? pvtb_result_set(&base->tool, r->tool) : -ENOMEM;
	size_t metrics = 0;

	if (!code)
		code = pvtb_result_set(&base->created, r->created);
	for (size_t h = 0; h < r->nr_hosts && !code; h++)
		code = copy_host(&r->hosts[h], base, opts);
	if (code) {
		pvtb_result_free(base);
		return pvtb_err_sys(err, code, "baseline");
	}
	for (size_t h = 0; h < base->nr_hosts; h++)
		for (size_t b = 0; b < base->hosts[h].nr_benches; b++)
			for (size_t v = 0; v < base->hosts[h].benches[b].nr_variants; v++)
				metrics += base->hosts[h].benches[b].variants[v].nr_metrics;
	if (!metrics) {
		pvtb_result_free(base);
		return pvtb_err_set(err, -ENODATA, "baseline", "nothing was measured");
	}
	*ret = base;
	return 0;
}
