// SPDX-License-Identifier: GPL-2.0-only
/*
 * lpt: is Live Physical Time exact, and can it be read while it is updated? Owns the list of
 * variants, the sweep over frequencies and the rate against the host's clock.
 *
 * In the sweep the counter is real, and aged by up to ten years inside the guest; what frequency it
 * has is what the structure claims. The rate is about the real frequency.
 */
#include "bench/lpt/lpt.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/signals.h"
#include "load/wait.h"
#include "timeline/raw_clock.h"

/* Everything from 1 MHz to 5 GHz in both roles: counters there are, their neighbours (co-prime to
 * whatever they are paired with), and two beyond the 32 bits the structure has for a frequency. */
static const u64 sweep_hz[] = {
	1000000,    1000003,	19200000,   24000000,	25000000,   31250000,
	62500000,   99999989,	100000000,  999999937,	1000000000, 2399999999,
	2900000000, 4294967291, 4294967295, 5000000000,
};
#define SWEEP	PVTB_ARRAY_SIZE(sweep_hz)
#define WORST	8 /* rows of the table */
#define RATE_MS 300

static const u32 rate_hz[] = {1000000, 24000000, 62500000, 100000000, 999999937, 4294967291};

/* ---- the sweep ---- */

struct point {
	u64 native_hz, pv_hz;
	u32 fracbits;
	struct pvtb_lpt_result r;
	double now_ticks;    /* error of the readings that were not aged */
	double rate_ppb;     /* of the coefficient, exact */
	double ten_years_ns; /* by which it is late after ten years, exact: without the last tick */
};

static double error_now(const struct point *p, const struct lpt_pairs *pairs)
{
	double worst = 0;

	for (size_t i = 0; i < pairs->n; i += LPT_YEARS + 1) {
		const struct pvtb_sample *s = &pairs->pairs[i];
		double e = (double)(s64)(pvtb_lpt_exact_pv(p->native_hz, p->pv_hz, s->t0) - s->t1);

		worst = fabs(e) > fabs(worst) ? e : worst;
	}
	return worst;
}

static int measure_point(struct lpt_vm *vm, struct point *p, struct pvtb_err *err)
{
	u64 n = (LPT_YEARS + 1) * (vm->run->profile->seconds > 3 ? 100 : 10);
	struct lpt_pairs pairs;
	struct pvtb_lpt next;
	int ret = lpt_right(p->native_hz, p->pv_hz, &next, err);

	if (ret)
		return ret;
	/* No vCPU is in the guest: as a host does it, between two runs. */
	pvtb_lpt_publish(lpt_structure(vm, 0, false), &next);
	ret = lpt_read(vm, 0, false, p->native_hz, 0, n, &pairs, err);
	if (!ret)
		ret = pvtb_lpt_judge(p->native_hz, p->pv_hz, pairs.pairs, pairs.n, &p->r, err);
	if (ret)
		return ret;
	p->fracbits = next.fracbits;
	p->now_ticks = error_now(p, &pairs);
	p->rate_ppb = 1e9 * pvtb_lpt_coefficient_error(p->native_hz, p->pv_hz, next.scale_mult,
						       next.fracbits);
	p->ten_years_ns = p->rate_ppb * (double)(LPT_YEARS * LPT_YEAR_S);
	return 0;
}

static int by_ten_years(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return x->ten_years_ns < y->ten_years_ns ? 1 : x->ten_years_ns > y->ten_years_ns ? -1 : 0;
}

static void put_hz(u64 hz, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu64, hz);
}

static json_t *worst_table(const struct point *points, size_t n)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < n && i < WORST; i++) {
		const struct point *p = &points[i];
		char native[32], pv[32], rate[32], now[32], ten[32], ns[32];

		put_hz(p->native_hz, native, sizeof(native));
		put_hz(p->pv_hz, pv, sizeof(pv));
		snprintf(rate, sizeof(rate), "%.2g", p->rate_ppb);
		snprintf(now, sizeof(now), "%.0f", p->now_ticks);
		snprintf(ten, sizeof(ten), "%.0f", p->r.error_ticks);
		snprintf(ns, sizeof(ns), "%.3g", p->ten_years_ns);
		json_array_append_new(rows, json_pack("[s,s,i,s,s,s,s]", native, pv,
						      (int)p->fracbits, rate, now, ten, ns));
	}
	return json_pack("{s:s, s:[s,s,s,s,s,s,s], s:o}", "title",
			 "the ratios that are furthest from exact after ten years", "columns",
			 "native Hz", "PV Hz", "bits", "rate, ppb", "ticks now", "in 10 years",
			 "late by, ns", "rows", rows);
}

static json_t *points_json(const struct point *points, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct point *p = &points[i];

		json_array_append_new(
			a, json_pack("{s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "native_hz",
				     (json_int_t)p->native_hz, "pv_hz", (json_int_t)p->pv_hz,
				     "fracbits", (int)p->fracbits, "rate_ppb", p->rate_ppb,
				     "measured_ppb", p->r.rate_ppb, "measured_unc_ppb",
				     p->r.rate_unc_ppb, "error_ticks", p->r.error_ticks,
				     "ten_years_ns", p->ten_years_ns));
	}
	return a;
}

static int add(struct pvtb_variant_result *v, const char *name, enum pvtb_unit unit, double value,
	       double low, double high, u64 n)
{
	return pvtb_variant_add_metric(v, name, unit, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER, value,
				       low, high, n);
}

static int tell_sweep(struct point *points, size_t n, struct pvtb_variant_result *v)
{
	const struct point *bad = NULL;
	double ticks = 0, now = 0, ppb = 0;
	u64 reads = 0, wide = 0, held = 0;
	int ret;

	for (size_t i = 0; i < n; i++) {
		const struct point *p = &points[i];

		bad = bad ?: p->r.fault ? p : NULL;
		ticks = fmax(ticks, fabs(p->r.error_ticks));
		now = fmax(now, fabs(p->now_ticks));
		ppb = fmax(ppb, p->rate_ppb);
		reads += p->r.n;
		wide += p->native_hz > UINT32_MAX || p->pv_hz > UINT32_MAX;
		held += p->rate_ppb < 1e9 * 0x1p-57;
	}
	qsort(points, n, sizeof(*points), by_ten_years);
	ret = add(v, "error.now", PVTB_UNIT_COUNT, now, NAN, NAN, reads);
	if (!ret)
		ret = add(v, "error.ten_years", PVTB_UNIT_COUNT, ticks, NAN, NAN, reads);
	if (!ret)
		ret = add(v, "rate.worst", PVTB_UNIT_PPB, ppb, NAN, NAN, n);
	if (!ret)
		ret = add(v, "late.ten_years", PVTB_UNIT_NS, points[0].ten_years_ns, NAN, NAN, n);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "ratios", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					      PVTB_NEITHER_IS_BETTER, (double)n, NAN, NAN, n);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "ratios.below_2^-57", PVTB_UNIT_COUNT,
					      PVTB_KIND_COUNT, PVTB_HIGHER_IS_BETTER, (double)held,
					      NAN, NAN, n);
	if (ret)
		return ret;
	if (bad)
		ret = pvtb_variant_add_law(v, "exact", "0 <= exact - value < 1 + n * 2^-fracbits",
					   PVTB_FAIL, "%" PRIu64 " to %" PRIu64 " Hz: %s",
					   bad->native_hz, bad->pv_hz, bad->r.verdict);
	else
		ret = pvtb_variant_add_law(
			v, "exact", "0 <= exact - value < 1 + n * 2^-fracbits", PVTB_OK,
			"%zu ratios, %" PRIu64 " readings up to %d years ahead; %" PRIu64
			" ratios with a frequency the structure's 32 bits cannot name",
			n, reads, (int)LPT_YEARS, wide);
	v->detail = json_pack("{s:[o], s:o}", "tables", worst_table(points, n), "lpt_sweep",
			      points_json(points, n));
	return ret ?: v->detail ? 0 : -ENOMEM;
}

static int run_sweep(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct point *points = calloc(SWEEP * SWEEP, sizeof(*points));
	struct lpt_vm vm = {};
	int ret = points ? lpt_vm_new(run, 1, &vm, err) : pvtb_err_sys(err, -ENOMEM, "lpt");

	for (size_t i = 0; !ret && i < SWEEP * SWEEP; i++) {
		points[i].native_hz = sweep_hz[i / SWEEP];
		points[i].pv_hz = sweep_hz[i % SWEEP];
		ret = measure_point(&vm, &points[i], err);
	}
	if (!ret && tell_sweep(points, SWEEP * SWEEP, v))
		ret = pvtb_err_sys(err, -ENOMEM, "lpt");
	lpt_vm_free(&vm);
	free(points);
	return ret;
}

/* ---- the rate ---- */

struct rate {
	double native_ppb, lpt_ppb, unc_ppb; /* against CLOCK_MONOTONIC_RAW */
	double adds_ppb, adds_unc_ppb;	     /* LPT against the counter it is made of */
};

/*
 * Both ends of a while: the host's counter against the raw clock, the guest's value against the
 * guest's counter. The two counters are the same one but for an offset.
 */
static int measure_rate(struct pvtb_run *run, struct pvtb_vm *vm, u64 native_hz, u64 pv_hz,
			struct rate *ret, struct pvtb_err *err)
{
	struct lpt_vm lv = {.run = run, .vm = vm, .nr_vcpus = 1};
	struct pvtb_raw_pair raw[2];
	struct pvtb_sample guest[2];
	struct pvtb_lpt_result judged;
	struct pvtb_raw_rate r;
	int code = 0;

	for (unsigned int i = 0; !code && i < 2; i++) {
		struct lpt_pairs pairs;

		if (i && pvtb_load_wait_until(pvtb_mono_ns() + RATE_MS * 1000000ULL, -1))
			return pvtb_check_interrupted(err);
		pvtb_raw_pair_now(200, &raw[i]);
		code = lpt_read(&lv, 0, false, 0, 0, 1, &pairs, err);
		if (!code)
			guest[i] = pairs.pairs[0];
	}
	if (!code)
		code = pvtb_raw_rate(&raw[0], &raw[1], native_hz, &r, err);
	if (!code)
		code = pvtb_lpt_judge(native_hz, pv_hz, guest, 2, &judged, err);
	if (code)
		return code;
	ret->native_ppb = r.ppb;
	ret->adds_ppb = judged.rate_ppb;
	ret->adds_unc_ppb = judged.rate_unc_ppb;
	ret->lpt_ppb = r.ppb + judged.rate_ppb;
	ret->unc_ppb = r.unc_ppb + judged.rate_unc_ppb;
	return 0;
}

static int tell_rates(const struct rate *rates, const u64 *pv_hz, size_t n, u64 native_hz,
		      struct pvtb_variant_result *v)
{
	json_t *rows = json_array();
	enum pvtb_status status = PVTB_OK;
	double worst = 0, unc = 0;
	char text[4][48];
	int ret = 0;

	for (size_t i = 0; !ret && i < n; i++) {
		const struct rate *r = &rates[i];

		if (fabs(r->adds_ppb) > r->adds_unc_ppb)
			status = PVTB_FAIL;
		if (fabs(r->adds_ppb) - r->adds_unc_ppb > worst - unc || !i) {
			worst = fabs(r->adds_ppb);
			unc = r->adds_unc_ppb;
		}
		put_hz(pv_hz[i], text[0], sizeof(text[0]));
		snprintf(text[1], sizeof(text[1]), "%+.1f +- %.1f", r->lpt_ppb, r->unc_ppb);
		snprintf(text[2], sizeof(text[2]), "%+.1f", r->native_ppb);
		snprintf(text[3], sizeof(text[3]), "%+.2g +- %.2g", r->adds_ppb, r->adds_unc_ppb);
		json_array_append_new(rows,
				      json_pack("[s,s,s,s]", text[0], text[1], text[2], text[3]));
	}
	for (size_t i = 0; !ret && i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "rate.%" PRIu64, pv_hz[i]);
		ret = pvtb_variant_add_metric(v, name, PVTB_UNIT_PPB, PVTB_KIND_TIME,
					      PVTB_NEITHER_IS_BETTER, rates[i].lpt_ppb,
					      rates[i].lpt_ppb - rates[i].unc_ppb,
					      rates[i].lpt_ppb + rates[i].unc_ppb, 2);
	}
	if (!ret)
		ret = pvtb_variant_add_law(v, "rate", "scaling adds no error of its own", status,
					   "from %" PRIu64 " Hz to %zu others: at most %.3g ppb, "
					   "whole ticks allow %.3g ppb",
					   native_hz, n, worst, unc);
	v->detail = json_pack("{s:[{s:s, s:[s,s,s,s], s:o}]}", "tables", "title",
			      "LPT's rate against CLOCK_MONOTONIC_RAW, ppb from what was promised",
			      "columns", "PV Hz", "LPT", "native counter", "scaling adds", "rows",
			      rows);
	return ret ?: v->detail ? 0 : -ENOMEM;
}

static int rate_of(struct pvtb_run *run, enum pvtb_lpt_provider provider, u32 pv_hz,
		   struct rate *ret, struct pvtb_err *err)
{
	int cpu = run->vcpu_cpu;
	const struct pvtb_vm_spec spec = {.lpt = provider, .lpt_pv_hz = pv_hz, .cpus = &cpu};
	struct pvtb_vm *vm = NULL;
	int code = pvtb_vm_new(&spec, &vm, err);

	if (!code)
		code = measure_rate(run, vm, run->caps.counter_hz, pv_hz, ret, err);
	pvtb_vm_free(vm);
	return code;
}

static int run_rates(struct pvtb_run *run, enum pvtb_lpt_provider provider,
		     struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct rate rates[PVTB_ARRAY_SIZE(rate_hz)];
	u64 pv_hz[PVTB_ARRAY_SIZE(rate_hz)];
	int ret = 0;

	for (size_t i = 0; !ret && i < PVTB_ARRAY_SIZE(rate_hz); i++) {
		pv_hz[i] = rate_hz[i];
		ret = rate_of(run, provider, rate_hz[i], &rates[i], err);
	}
	if (!ret && tell_rates(rates, pv_hz, PVTB_ARRAY_SIZE(rate_hz), run->caps.counter_hz, v))
		ret = pvtb_err_sys(err, -ENOMEM, "lpt");
	return ret;
}

static int needs_vmm(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->arch != PVTB_ARCH_ARM64 || run->caps.smccc_filter)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "lpt", "no SMCCC filter (Linux 6.4 has it)");
}

static int needs_kernel(const struct pvtb_run *run, struct pvtb_err *err)
{
	if (run->caps.lpt_in_kernel)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "lpt",
			    "this kernel does not provide Live Physical Time");
}

/* ---- the list ---- */

enum { SWEEPING, RATE_VMM, RATE_KERNEL, UPDATES_1, UPDATES_2, UPDATES_4, UPDATES_PACED };

#define PACED_NS 2000

static const struct pvtb_variant variants[] = {
	[SWEEPING] = {.name = "sweep",
		      .summary = "guest's value against exact rationals, 1 MHz to 5 GHz, ten years",
		      .archs = PVTB_ARCH_ANY,
		      .provider = "vmm"},
	[RATE_VMM] = {.name = "rate",
		      .summary = "LPT's rate against the host's raw clock, provided by the VMM",
		      .archs = PVTB_ARCH_ANY,
		      .needs = needs_vmm,
		      .provider = "vmm"},
	[RATE_KERNEL] = {.name = "rate_kernel",
			 .summary = "the same, provided by the kernel",
			 .archs = PVTB_ARCH_ARM64,
			 .needs = needs_kernel,
			 .provider = "kvm"},
	[UPDATES_1] = {.name = "updates_1",
		       .summary = "a vCPU reads while the structure is updated at full speed",
		       .archs = PVTB_ARCH_ANY,
		       .provider = "vmm"},
	[UPDATES_2] = {.name = "updates_2",
		       .summary = "two vCPUs, updates at full speed",
		       .archs = PVTB_ARCH_ANY,
		       .provider = "vmm"},
	[UPDATES_4] = {.name = "updates_4",
		       .summary = "four vCPUs, updates at full speed",
		       .archs = PVTB_ARCH_ANY,
		       .provider = "vmm"},
	[UPDATES_PACED] = {.name = "updates_paced",
			   .summary = "two vCPUs, an update every 2 us",
			   .archs = PVTB_ARCH_ANY,
			   .provider = "vmm"},
};

static int measure(struct pvtb_run *run, size_t which, struct pvtb_variant_result *v,
		   struct pvtb_err *err)
{
	switch (which) {
	case SWEEPING:
		return run_sweep(run, v, err);
	case RATE_VMM:
		return run_rates(run, PVTB_LPT_VMM, v, err);
	case RATE_KERNEL:
		return run_rates(run, PVTB_LPT_KERNEL, v, err);
	case UPDATES_1:
		return lpt_updates(run, 1, 0, v, err);
	case UPDATES_2:
		return lpt_updates(run, 2, 0, v, err);
	case UPDATES_4:
		return lpt_updates(run, 4, 0, v, err);
	case UPDATES_PACED:
		return lpt_updates(run, 2, PACED_NS, v, err);
	}
	return pvtb_err_set(err, -EINVAL, "lpt", "variant %zu", which);
}

static int lpt_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	return pvtb_variants_run(bench, run, measure, err);
}

/* Times: hosts that count instructions have none. */
static const char *const lab_hosts[] = {"lab:arm64", "lab:x86_64", NULL};

static const struct pvtb_bench lpt = {
	.name = "lpt",
	.summary = "Live Physical Time: is it exact, and whole while it is updated?",
	.source = "DEN 0057A 3.3 (PV_TIME_LPT), KVM RFC of 2020",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.labs = lab_hosts,
	.run = lpt_run,
};
PVTB_BENCH(lpt);
