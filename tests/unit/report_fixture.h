/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Made-up results for the tests of report/, and named so: nothing here was measured. Kernel
 * versions say "synthetic"; numbers are chosen to be awkward.
 */
#ifndef PVTB_REPORT_FIXTURE_H
#define PVTB_REPORT_FIXTURE_H

#include <math.h>
#include <string.h>

#include "results/result.h"

struct fixture_latency {
	const char *name, *provider;
	double read[6]; /* min p50 p95 p99 p99.9 max */
	double mean, stddev, slope, half, net, exits;
	const char *law;
	u64 n;
};

static inline void fixture_text(char **member, const char *text)
{
	free(*member);
	*member = strdup(text);
}

static inline void fixture_metric(struct pvtb_variant_result *v, const char *name,
				  enum pvtb_unit unit, double value, u64 n)
{
	pvtb_variant_add_metric(v, name, unit, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER, value, NAN,
				NAN, n);
}

static inline struct pvtb_variant_result *fixture_variant(struct pvtb_bench_result *b,
							  const struct fixture_latency *l)
{
	static const char *const reads[] = {"min", "p50", "p95", "p99", "p99.9", "max"};
	struct pvtb_variant_result *v = pvtb_bench_add_variant(b, l->name, "synthetic");

	fixture_text(&v->provider, l->provider);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reads); i++)
		fixture_metric(v, reads[i], PVTB_UNIT_TICKS, l->read[i], l->n);
	fixture_metric(v, "mean", PVTB_UNIT_TICKS, l->mean, l->n);
	fixture_metric(v, "stddev", PVTB_UNIT_TICKS, l->stddev, l->n);
	pvtb_variant_add_metric(v, "batch.slope", PVTB_UNIT_TICKS, PVTB_KIND_TIME,
				PVTB_LOWER_IS_BETTER, l->slope, l->slope - l->half,
				l->slope + l->half, 200);
	fixture_metric(v, "batch.corrected", PVTB_UNIT_TICKS, l->net, 200);
	pvtb_variant_add_metric(v, "exits_per_op", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				PVTB_NEITHER_IS_BETTER, l->exits, NAN, NAN, l->n);
	pvtb_variant_add_law(v, "conservation", l->law, PVTB_OK, "%.0f exits for %llu ops",
			     l->exits * (double)l->n, (unsigned long long)l->n);
	pvtb_variant_add_law(v, "causality", "no pair reversed", PVTB_OK, "0 of %llu",
			     (unsigned long long)l->n);
	return v;
}

static inline void fixture_decomposition(struct pvtb_variant_result *v, double hw_exit,
					 double handling, double hw_entry, double traced,
					 double cost)
{
	fixture_metric(v, "decomp.hw_exit.p50", PVTB_UNIT_NS, hw_exit, 2000);
	fixture_metric(v, "decomp.handling.p50", PVTB_UNIT_NS, handling, 2000);
	fixture_metric(v, "decomp.hw_entry.p50", PVTB_UNIT_NS, hw_entry, 2000);
	fixture_metric(v, "traced.p50", PVTB_UNIT_TICKS, traced, 2000);
	fixture_metric(v, "trace.cost", PVTB_UNIT_TICKS, cost, 2000);
}

static inline struct pvtb_host_result *fixture_host(struct pvtb_result *r, const char *host,
						    const char *arch, const char *mode, u64 hz)
{
	struct pvtb_host_result *h = pvtb_result_add_host(r, host);

	fixture_text(&h->arch, arch);
	fixture_text(&h->mode, mode);
	fixture_text(&h->kernel, "6.12.0-synthetic");
	h->counter_hz = hz;
	h->witnessed = true;
	return h;
}

static inline struct pvtb_result *fixture_new(const char *command)
{
	struct pvtb_result *r = pvtb_result_new(command, "quick");

	fixture_text(&r->tool, "pvtime-bench 0.0.0");
	fixture_text(&r->created, "2026-01-02T03:04:05Z");
	return r;
}

/* An emulated host that counts instructions: percentiles all alike, one skip, one broken law. */
static inline void fixture_add_lab(struct pvtb_result *r)
{
	static const struct fixture_latency reads[] = {
		{"cntvct", "cpu", {4, 4, 4, 4, 4, 4}, 4, 0, 3, 0, 0, 0, "no exit seen", 10000},
		{"cntpct", "cpu", {4, 4, 4, 4, 4, 4}, 4, 0, 3, 0, 0, 0, "no exit seen", 10000},
		{"cntpct_trapped",
		 "el2",
		 {221, 221, 221, 221, 221, 44886},
		 225.4665,
		 446.65,
		 220,
		 0,
		 217,
		 0,
		 "no exit, EL2 fast path",
		 10000},
		{"lpt",
		 "vmm",
		 {16, 16, 16, 16, 16, 16},
		 16,
		 0,
		 15,
		 0,
		 12,
		 0,
		 "no exit seen",
		 10000},
	};
	static const struct fixture_latency calls[] = {
		{"pv_time_features",
		 "kvm",
		 {1752, 1752, 1752, 1752, 1752, 44886},
		 1756.3,
		 431,
		 1751.02,
		 0.012,
		 1748.02,
		 1,
		 "one exit",
		 10000},
		{"pv_time_lpt",
		 "vmm",
		 {8225, 8225, 8231, 11008, 64678, 236355},
		 8401.25,
		 2911.5,
		 8224.7,
		 3.14,
		 8221.7,
		 1,
		 "one exit",
		 2000},
		{"unknown_id",
		 "kvm",
		 {1740, 1740, 1740, 1740, 1740, 1740},
		 1740,
		 0,
		 1739,
		 0,
		 1736,
		 0.9998,
		 "one exit",
		 10000},
	};
	struct pvtb_host_result *h =
		fixture_host(r, "lab:arm64,deterministic", "arm64", "VHE", 1000000000);
	struct pvtb_bench_result *b;
	struct pvtb_variant_result *v;

	h->emulated = h->deterministic = true;
	h->samples = 72000;
	pvtb_host_not_controlled(h, "the emulator's host (no effect on instruction counts)");
	b = pvtb_host_add_bench(h, "counter_read", "reading the counter, natively and trapped");
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(reads); i++)
		fixture_variant(b, &reads[i]);
	v = pvtb_bench_add_variant(b, "cntvctss", "self-synchronised read");
	pvtb_variant_set_status(v, PVTB_SKIP, "the guest has no FEAT_ECV");
	b = pvtb_host_add_bench(h, "hypercall", "calls answered by KVM and by the VMM");
	v = fixture_variant(b, &calls[0]);
	fixture_decomposition(v, 402, 917, 433, 2164, 412);
	v = fixture_variant(b, &calls[1]);
	fixture_decomposition(v, 402, 7390, 433, 8637, 412);
	v = fixture_variant(b, &calls[2]);
	fixture_decomposition(v, 402, 905, 433, 2152, 412);
	v->laws[0].status = PVTB_FAIL;
	pvtb_variant_set_status(v, PVTB_FAIL, "%s", v->laws[0].verdict);
}

/* A real clock: ticks of 16 ns that a native read does not fill, host counters, a warning. */
static inline void fixture_add_native(struct pvtb_result *r)
{
	static const struct fixture_latency reads[] = {
		{"cntpct",
		 "cpu",
		 {0, 0, 1, 1, 2, 812},
		 0.41,
		 1.9,
		 0.34375,
		 0.0021,
		 0.21875,
		 0,
		 "no exit seen",
		 200000},
		{"cntpct_trapped",
		 "el2",
		 {6, 7, 8, 9, 31, 1907},
		 7.28,
		 9.25,
		 7.0625,
		 0.011,
		 6.9375,
		 0,
		 "no exit, EL2 fast path",
		 200000},
		{"lpt",
		 "vmm",
		 {0, 1, 1, 2, 3, 790},
		 0.93,
		 2.2,
		 0.875,
		 0.004,
		 0.75,
		 0,
		 "no exit seen",
		 200000},
	};
	struct pvtb_host_result *h = fixture_host(r, "native", "arm64", "nVHE", 62500000);
	struct pvtb_bench_result *b;
	struct pvtb_variant_result *v;

	h->samples = 600000;
	h->lost = 12;
	json_decref(h->environment);
	h->environment = json_pack("{s:{s:s}}", "cpu", "model", "Synthetic Core, 2 sockets");
	pvtb_host_not_controlled(h, "frequency: governor is schedutil");
	pvtb_host_not_controlled(h, "SMT siblings: cannot be seen from here");
	b = pvtb_host_add_bench(h, "counter_read", "reading the counter, natively and trapped");
	v = fixture_variant(b, &reads[0]);
	pvtb_variant_add_metric(v, "perf.cycles:G", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				PVTB_LOWER_IS_BETTER, 14.27, NAN, NAN, 200000);
	pvtb_variant_add_metric(v, "perf.cycles:H", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				PVTB_LOWER_IS_BETTER, 0.0031, NAN, NAN, 200000);
	fixture_metric(v, "marked.preempted", PVTB_UNIT_COUNT, 3, 200000);
	fixture_metric(v, "marked.interrupt", PVTB_UNIT_COUNT, 44, 200000);
	v = fixture_variant(b, &reads[1]);
	pvtb_variant_add_metric(v, "perf.cycles:G", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				PVTB_LOWER_IS_BETTER, 250.5, NAN, NAN, 200000);
	v = fixture_variant(b, &reads[2]);
	v->laws[0].status = PVTB_INCONCLUSIVE;
	fixture_text(&v->laws[0].verdict, "12 records lost in the window");
	pvtb_variant_set_status(v, PVTB_INCONCLUSIVE, "12 records lost in the window");
}

/* Names longer than anybody's column, a benchmark report/ knows nothing of, nothing measured. */
static inline void fixture_add_ugly(struct pvtb_result *r)
{
	static const struct fixture_latency long_one = {
		"a_variant_whose_name_isn't_100%_shorter_than_any_column_a_\"letter\"_can_hold",
		"",
		{1, 11, 1e6, 1e8, 4.1e9, 9.9e10},
		123456.7,
		8.5e7,
		10.6234,
		0.00042,
		9.1,
		0,
		"no exit seen",
		3};
	struct pvtb_host_result *h = fixture_host(
		r, "lab:x86_64,cpus=4,kernel=/a/very/long/path/to/a/kernel/of/ones/own/bzImage",
		"x86_64", "SVM", 2399998000);
	struct pvtb_bench_result *b = pvtb_host_add_bench(h, "odd", "one variant, \"quoted\"");
	struct pvtb_variant_result *v;

	h->emulated = true;
	h->witnessed = false;
	h->causal_violations = 7;
	fixture_variant(b, &long_one);
	b = pvtb_host_add_bench(h, "steal", "a benchmark the report has never heard of");
	v = pvtb_bench_add_variant(b, "overcommit-2", "two for one");
	pvtb_variant_set_status(v, PVTB_OK, "%s", "");
	pvtb_variant_add_metric(v, "stolen.total", PVTB_UNIT_NS, PVTB_KIND_TIME,
				PVTB_NEITHER_IS_BETTER, 2498000123, NAN, NAN, 1258);
	pvtb_variant_add_metric(v, "deviation", PVTB_UNIT_PPM, PVTB_KIND_TIME, PVTB_LOWER_IS_BETTER,
				-0.0123, -0.02, -0.001, 1258);
	v->detail = json_pack("{s:[{s:s, s:[s,s,s], s:[[s,s,f],[s,n,i]]}]}", "tables", "title",
			      "causes", "columns", "cause", "lost", "share", "rows",
			      "preempted by another", "2.498 s", 99.5, "throttled", 0);
	v = pvtb_bench_add_variant(b, "quota-25", "a quarter");
	pvtb_variant_set_status(
		v, PVTB_SKIP,
		"cgroup v2 is not mounted, v1 has no cpu controller, and this reason "
		"goes on for longer than any line of a table, a figure or a letter "
		"would like it to");
	pvtb_host_add_bench(h, "empty", "no variants at all");
}

static inline json_t *fixture_cause(const char *cause, const char *class, s64 times, s64 lost_ns,
				    s64 span_ns, s64 told_ns)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "cause", cause, "class", class, "times",
			 (json_int_t)times, "lost_ns", (json_int_t)lost_ns, "span_ns",
			 (json_int_t)span_ns, "told_ns", (json_int_t)told_ns);
}

static inline json_t *fixture_stolen_vcpu(int vcpu, s64 g_ns, s64 k_ns, s64 b_ns, json_t *causes,
					  json_t *preemptors)
{
	json_t *gk = json_array(), *kb = json_array();

	for (s64 i = 0; i < 50; i++) {
		json_array_append_new(gk,
				      i == 20 ? json_null() : json_integer((g_ns - k_ns) * i / 49));
		json_array_append_new(kb,
				      i == 20 ? json_null() : json_integer((k_ns - b_ns) * i / 49));
	}
	return json_pack(
		"{s:i, s:I, s:b, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:n}, s:{s:I, s:I, s:f}, "
		"s:I, s:I, s:I, s:o, s:o, s:{s:i, s:o, s:o}}",
		"vcpu", vcpu, "wall_ns", (json_int_t)5000000000, "entries", 1, "samples",
		(json_int_t)50000, "g_ns", (json_int_t)g_ns, "k_ns", (json_int_t)k_ns, "b_ns",
		(json_int_t)b_ns, "gk", "max_ns", (json_int_t)(g_ns - k_ns), "final_ns",
		(json_int_t)(g_ns - k_ns), "ppm", "kb", "max_ns", (json_int_t)(k_ns - b_ns),
		"final_ns", (json_int_t)(k_ns - b_ns), "ppm", 123.4, "event_max_ns",
		(json_int_t)-1500, "stale_max_ns", (json_int_t)(g_ns == k_ns ? 0 : 12000000),
		"age_max_ns", (json_int_t)4100000, "causes", causes, "preemptors", preemptors,
		"series", "bucket_ns", 100000000, "gk_ns", gk, "kb_ns", kb);
}

static inline void fixture_stolen_files(struct pvtb_variant_result *v, const char *name, int vcpus)
{
	static const char *const what[] = {"deviation", "intervals"};

	for (int i = 0; i < vcpus; i++) {
		for (size_t k = 0; k < PVTB_ARRAY_SIZE(what); k++) {
			char file[32], path[96];

			snprintf(file, sizeof(file), "vcpu%d.%s", i, what[k]);
			snprintf(path, sizeof(path), "steal.%.20s.vcpu%d.%s.zst", name, i, what[k]);
			pvtb_variant_add_file(v, file, path);
		}
	}
}

/* Stolen time: two vCPUs told the truth, one that was not told of its throttling, one skip. */
static inline void fixture_add_stolen(struct pvtb_result *r)
{
	struct pvtb_host_result *h = fixture_host(r, "native", "x86_64", "SVM", 2596140000u);
	struct pvtb_bench_result *b =
		pvtb_host_add_bench(h, "steal", "stolen time: is the guest told what it lost?");
	struct pvtb_variant_result *v =
		pvtb_bench_add_variant(b, "overcommit", "two vCPUs on one CPU");
	json_t *vcpus = json_array();

	h->samples = 150000;
	json_array_append_new(
		vcpus,
		fixture_stolen_vcpu(
			0, 2498000123, 2498000123, 2498003223,
			json_pack(
				"[o, o, o, o, o, o]",
				fixture_cause("in guest", "guest", 1258, 2491689777, 2491689777, 0),
				fixture_cause("host interrupt", "host", 6100, 6100000, 6100000, 0),
				fixture_cause("exit handled by the VMM", "vmm", 22, 2206777,
					      2200000, 0),
				fixture_cause("preempted", "preempted", 1257, 2498000000,
					      2497000000, 2497000000),
				fixture_cause("woken, waiting", "waiting", 3, 3223, 3223, 3223),
				fixture_cause("blocked in KVM", "asleep", 1, 2000223, 2000223, 0)),
			json_pack("[{s:s,s:i,s:s,s:i,s:I,s:I,s:I}, {s:s,s:i,s:s,s:i,s:i,s:i,s:i}]",
				  "comm", "pvtb-vcpu1", "pid", 4711, "cgroup", "/user.slice",
				  "times", 1200, "took_ns", (json_int_t)2490000000, "span_ns",
				  (json_int_t)2490000000, "told_ns", (json_int_t)2490000000, "comm",
				  "", "pid", 12, "cgroup", "", "times", 57, "took_ns", 8000000,
				  "span_ns", 7000000, "told_ns", 7000000)));
	json_array_append_new(
		vcpus,
		fixture_stolen_vcpu(1, 2502000000, 2502000000, 2501999900,
				    json_pack("[o, o]",
					      fixture_cause("in guest", "guest", 1257, 2498000100,
							    2498000100, 0),
					      fixture_cause("preempted", "preempted", 1258,
							    2501999900, 2501999900, 2501999900)),
				    json_array()));
	v->detail = json_pack("{s:{s:o}}", "stolen", "vcpus", vcpus);
	fixture_stolen_files(v, "overcommit", 2);
	fixture_metric(v, "vcpu0.lost", PVTB_UNIT_NS, 2498003223, 1260);
	pvtb_variant_add_law(v, "told", "G equals K at every guest entry, to 0 ns", PVTB_OK,
			     "0 ns");
	v = pvtb_bench_add_variant(b, "left_out", "a quota the guest is not told of");
	v->detail =
		json_pack("{s:{s:[o]}}", "stolen", "vcpus",
			  fixture_stolen_vcpu(0, 40000000, 3790000000, 3791000000,
					      json_pack("[o, o, o]",
							fixture_cause("in guest", "guest", 51,
								      1209000000, 1209000000, 0),
							fixture_cause("preempted", "preempted", 9,
								      41000000, 40000000, 40000000),
							fixture_cause("throttled", "throttled", 50,
								      3750000000, 3750000000, 0)),
					      json_array()));
	fixture_stolen_files(v, "left_out", 1);
	fixture_metric(v, "lost", PVTB_UNIT_NS, 3791000000, 59);
	pvtb_variant_add_law(
		v, "told", "G equals K at every guest entry, to 0 ns", PVTB_FAIL,
		"G - K at most -3750000000 ns over 50000 samples: throttled: left out");
	pvtb_variant_set_status(v, PVTB_FAIL, "%s", v->laws[0].verdict);
	v = pvtb_bench_add_variant(b, "cpuset_away", "its CPU taken away");
	pvtb_variant_set_status(v, PVTB_SKIP, "control groups: no cpuset controller");
	b->detail = json_pack(
		"{s:{s:i, s:I, s:[o, o, o, o, o, o, o]}}", "stolen", "scenarios", 2, "wall_ns",
		(json_int_t)15000000000, "causes",
		fixture_cause("in guest", "guest", 2566, 6198689877, 6198689877, 0),
		fixture_cause("host interrupt", "host", 6100, 6100000, 6100000, 0),
		fixture_cause("exit handled by the VMM", "vmm", 22, 2206777, 2200000, 0),
		fixture_cause("preempted", "preempted", 2524, 5040999900, 5038999900, 5038999900),
		fixture_cause("woken, waiting", "waiting", 3, 3223, 3223, 3223),
		fixture_cause("blocked in KVM", "asleep", 1, 2000223, 2000223, 0),
		fixture_cause("throttled", "throttled", 50, 3750000000, 3750000000, 0));
}

#endif
