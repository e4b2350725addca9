// SPDX-License-Identifier: GPL-2.0-only
/* Owns the set of benchmarks: collects what PVTB_BENCH() registered, sorts, finds, validates. */
#include <pthread.h>
#include <string.h>

#include "bench.h"
#include "core/progress.h"
#include "core/signals.h"

extern const struct pvtb_bench *const __start_pvtb_bench_ptrs[] __attribute__((weak));
extern const struct pvtb_bench *const __stop_pvtb_bench_ptrs[] __attribute__((weak));

#define MAX_BENCHES 256

static int by_name(const void *a, const void *b)
{
	const struct pvtb_bench *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Filled once, constant from then on: descriptors live in read-only memory in link order. */
static struct {
	pthread_once_t once;
	const struct pvtb_bench *sorted[MAX_BENCHES];
	size_t nr;
} benches = {.once = PTHREAD_ONCE_INIT};

static void collect(void)
{
	size_t nr = (size_t)(__stop_pvtb_bench_ptrs - __start_pvtb_bench_ptrs);

	for (size_t i = 0; i < nr && i < MAX_BENCHES; i++)
		benches.sorted[benches.nr++] = __start_pvtb_bench_ptrs[i];
	qsort(benches.sorted, benches.nr, sizeof(benches.sorted[0]), by_name);
}

size_t pvtb_benches(const struct pvtb_bench *const **ret)
{
	pthread_once(&benches.once, collect);
	*ret = benches.sorted;
	return benches.nr;
}

const struct pvtb_bench *pvtb_bench_find(const char *name)
{
	const struct pvtb_bench *const *all;
	size_t nr = pvtb_benches(&all);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

const struct pvtb_variant *pvtb_bench_variants(const struct pvtb_bench *bench, size_t *ret_nr)
{
	if (bench->list)
		return bench->list(ret_nr);
	*ret_nr = bench->nr_variants;
	return bench->variants;
}

/* Where a variant of this name belongs. */
static size_t place_of(const struct pvtb_listed *l, const char *name, enum pvtb_listed_order order)
{
	size_t at = l->nr;

	while (order == PVTB_LISTED_BY_NAME && at && strcmp(l->variants[at - 1].name, name) > 0)
		at--;
	return at;
}

static void insert(struct pvtb_listed *l, size_t at, const void *item,
		   const struct pvtb_variant *variant)
{
	memmove(&l->of[at + 1], &l->of[at], (l->nr - at) * sizeof(l->of[0]));
	memmove(&l->variants[at + 1], &l->variants[at], (l->nr - at) * sizeof(l->variants[0]));
	l->of[at] = item;
	l->variants[at] = *variant;
	l->nr++;
}

const struct pvtb_variant *pvtb_listed(struct pvtb_listed *l, const void *items, size_t nr,
				       size_t size, enum pvtb_listed_order order,
				       void (*describe)(const void *item, struct pvtb_variant *ret),
				       size_t *ret_nr)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; !l->made && i < nr && i < PVTB_LISTED_MAX; i++) {
		const void *item = (const char *)items + i * size;
		struct pvtb_variant v = {0};

		describe(item, &v);
		insert(l, place_of(l, v.name, order), item, &v);
	}
	l->made = true;
	pthread_mutex_unlock(&l->lock);
	*ret_nr = l->nr;
	return l->variants;
}

/* Names are addresses (BENCH.VARIANT.METRIC), file names and CSV fields. */
static bool good_name(const char *name, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	if (!name || !*name)
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && !strchr(more, *name))
			return false;
	return true;
}

static int bad(struct pvtb_err *err, const char *bench, const char *variant, const char *why)
{
	char what[128];

	snprintf(what, sizeof(what), "%s%s%s", bench, variant ? "." : "", variant ? variant : "");
	return pvtb_err_set(err, -EINVAL, what, "%s", why);
}

static int check_variant(const struct pvtb_bench *b, size_t i, struct pvtb_err *err)
{
	size_t nr;
	const struct pvtb_variant *all = pvtb_bench_variants(b, &nr), *v = &all[i];

	if (!good_name(v->name, ".-"))
		return bad(err, b->name, v->name ? v->name : "(none)", "bad variant name");
	if (!v->summary || !*v->summary)
		return bad(err, b->name, v->name, "variant without a summary");
	if (!v->archs || (v->archs & ~PVTB_ARCH_ANY))
		return bad(err, b->name, v->name, "variant without an architecture");
	if (!v->op && !b->run)
		return bad(err, b->name, v->name, "variant without an operation to measure");
	if (v->law == PVTB_LAW_ONE_EXIT && v->reason == PVTB_REASON_NONE && !b->run)
		return bad(err, b->name, v->name, "one exit each, but of no stated reason");
	/* one name may stand for an operation per architecture, never twice on one of them */
	for (size_t j = 0; j < i; j++)
		if ((all[j].archs & v->archs) && !strcmp(all[j].name, v->name))
			return bad(err, b->name, v->name, "variant registered twice");
	return 0;
}

int pvtb_benches_check(struct pvtb_err *err)
{
	const struct pvtb_bench *const *all;
	size_t nr = pvtb_benches(&all), nr_variants;
	int r;

	if (__stop_pvtb_bench_ptrs - __start_pvtb_bench_ptrs > MAX_BENCHES)
		return pvtb_err_set(err, -E2BIG, "benchmarks", "more than %d", MAX_BENCHES);
	for (size_t i = 0; i < nr; i++) {
		if (!good_name(all[i]->name, ""))
			return bad(err, all[i]->name, NULL, "bad benchmark name");
		if (!all[i]->summary || !*all[i]->summary)
			return bad(err, all[i]->name, NULL, "benchmark without a summary");
		if (i && !strcmp(all[i]->name, all[i - 1]->name))
			return bad(err, all[i]->name, NULL, "benchmark registered twice");
		pvtb_bench_variants(all[i], &nr_variants);
		if (all[i]->list && nr_variants >= PVTB_LISTED_MAX)
			return bad(err, all[i]->name, NULL, "as many variants as can be listed");
		for (size_t j = 0; j < nr_variants; j++) {
			r = check_variant(all[i], j, err);
			if (r)
				return r;
		}
	}
	return 0;
}

bool pvtb_run_wants(const struct pvtb_run *run, const char *bench, const char *variant)
{
	size_t len = strlen(bench);

	if (!run->nr_filters)
		return true;
	for (size_t i = 0; i < run->nr_filters; i++) {
		const char *f = run->filters[i];

		if (!strcmp(f, bench))
			return true;
		if (!strncmp(f, bench, len) && f[len] == '.' &&
		    (!variant || !strcmp(f + len + 1, variant)))
			return true;
	}
	return false;
}

int pvtb_variant_settle(struct pvtb_variant_result *v, int ret, struct pvtb_err *err)
{
	if (!ret)
		return 0;
	if (ret == -EINTR || ret == -ENOMEM || pvtb_interrupted())
		return pvtb_check_interrupted(err) ?: ret;
	pvtb_variant_set_status(v, ret == -EOPNOTSUPP ? PVTB_SKIP : PVTB_INVALID, "%s: %s",
				err->what, err->why);
	memset(err, 0, sizeof(*err));
	return 0;
}

int pvtb_variants_run(const struct pvtb_bench *bench, struct pvtb_run *run,
		      int (*measure)(struct pvtb_run *run, size_t which,
				     struct pvtb_variant_result *v, struct pvtb_err *err),
		      struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	size_t nr;
	const struct pvtb_variant *variants = pvtb_bench_variants(bench, &nr);
	int ret = b ? 0 : pvtb_err_sys(err, -ENOMEM, "%s", bench->name);

	for (size_t i = 0; !ret && i < nr; i++) {
		const struct pvtb_variant *var = &variants[i];
		struct pvtb_variant_result *v;

		if (!(var->archs & run->arch) || !pvtb_run_wants(run, bench->name, var->name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, var->name);
		v = pvtb_bench_add_variant(b, var->name, var->summary);
		if (!v || pvtb_result_set(&v->provider, var->provider))
			return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
		ret = var->needs ? var->needs(run, err) : 0;
		ret = ret ?: measure(run, i, v, err);
		ret = pvtb_variant_settle(v, ret, err);
	}
	return ret;
}
