// SPDX-License-Identifier: GPL-2.0-only
/*
 * How every latency variant is measured, whatever the operation: the guest times single ops and
 * batches with tracing off, then the same single ops with eBPF on each exit, and the two streams
 * are joined and judged. Owns the passes and what becomes a metric; knows no operation by name.
 *
 * Passes on one VM, in this order (docs/ARCHITECTURE.md says why):
 *   warm-up    by time, so that the CPU's frequency has settled
 *   empty      the same loops around nothing: the fixed cost that is subtracted
 *   single     the distribution
 *   empty      again: what is subtracted held still, or nothing is concluded
 *   batch      the slope: resolves what one counter tick cannot
 *   counters   host PMU counters over a loop of ops (only where the machine has them)
 *   traced     single ops again under kvm_exit/kvm_entry: laws, decomposition, alignment
 */
#include "bench/latency/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/progress.h"

#define RING_MIN_BYTES (64 * 1024ULL)
/* So long the CPU works before anything is measured: its frequency has settled by then. */
#define WARM_UP_NS     50000000ULL
#define WARM_UP_CHUNK  100000

/* ---- conditions ---- */

/* By time, where there is a frequency that could move. */
static int warm_up(struct latency_session *s, const char *op, struct pvtb_err *err)
{
	struct latency_pass p = {.op = op, .mode = PVTB_MODE_LOOP, .count = WARM_UP_CHUNK};
	u64 begin_ns = pvtb_mono_ns();
	int ret = 0;

	if (s->run->emulated)
		return 0;
	while (!ret && pvtb_mono_ns() - begin_ns < WARM_UP_NS)
		ret = latency_run_pass(s, &p, 0, err);
	return ret;
}

static int single_pass(struct latency_session *s, const char *op, u64 count, double *ret_p50,
		       struct latency_pass *ret_pass, struct pvtb_err *err)
{
	struct pvtb_dist d;
	s64 *v PVTB_FREE = NULL;
	size_t n;
	int ret;

	*ret_pass = (struct latency_pass){.op = op, .mode = PVTB_MODE_SINGLE, .count = count};
	ret = latency_run_pass(s, ret_pass, s->run->profile->warmup, err);
	if (ret)
		return ret;
	v = latency_durations(s, ret_pass, &n);
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = pvtb_dist_of(v, n, &d);
	if (ret)
		return pvtb_err_sys(err, ret, "%s: no samples", s->var->name);
	*ret_p50 = (double)d.p50;
	return 0;
}

/* ---- single ---- */

/* Raw files in the order taken, for pvtb_dist_of() sorts: what counts, and what was preempted. The former
 * is what stays in @v. */
static int keep_samples(struct latency_session *s, const struct latency_preempted *out, s64 *v,
			size_t n, size_t *ret_kept, struct pvtb_err *err)
{
	s64 *marked PVTB_FREE = calloc(out->n + 1, sizeof(*marked));
	size_t kept = 0, nr_marked = 0;
	int ret;

	if (!marked)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	for (size_t i = 0; i < n; i++) {
		if (out->flag[i])
			marked[nr_marked++] = v[i];
		else
			v[kept++] = v[i];
	}
	*ret_kept = kept;
	ret = latency_save_file(s, "single", PVTB_SAMPLES_S64, sizeof(*v), v, kept, err);
	if (ret || !nr_marked)
		return ret;
	return latency_save_file(s, "single.preempted", PVTB_SAMPLES_S64, sizeof(*marked), marked,
				 nr_marked, err);
}

/* @p: the op's own pass, whose samples are in the ring. The empty loop was measured before it, and is
 * again behind it. */
static int measure_single(struct latency_session *s, const struct latency_pass *p,
			  const char *empty_op, struct pvtb_err *err)
{
	struct latency_preempted out = {0};
	struct latency_pass empty;
	struct pvtb_dist d;
	double empty_p50;
	size_t n, kept = 0;
	s64 *v PVTB_FREE = latency_durations(s, p, &n);
	int ret;

	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = latency_find_preempted(s, p, &out, err);
	if (!ret)
		ret = keep_samples(s, &out, v, n, &kept, err);
	free(out.flag);
	if (!ret)
		ret = latency_add_centre(s, v, kept);
	if (ret)
		return ret;
	ret = pvtb_dist_of(v, kept, &d);
	if (ret)
		return pvtb_err_sys(err, ret, "%s: no undisturbed samples", s->var->name);
	ret = single_pass(s, empty_op, p->count, &s->agreement.empty_after, &empty, err);
	if (ret)
		return ret;
	empty_p50 = (s->agreement.empty_before + s->agreement.empty_after) / 2;
	s->agreement.single = (double)d.p50 - empty_p50;
	s->run->host->samples += n;
	ret = latency_add_count(s, "single.preempted", (double)out.n, n);
	if (ret)
		return pvtb_err_sys(err, ret, "%s", s->var->name);
	ret = latency_add_dist(s, "", &d, 0);
	if (!ret)
		ret = latency_add_dist(s, "corrected.", &d, empty_p50);
	if (!ret)
		ret = latency_add_ticks(s, "empty.p50", empty_p50, NAN, NAN, n);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

/* ---- batch ---- */

static int slope(struct latency_session *s, struct latency_pass *p, struct pvtb_slope *ret_slope,
		 struct pvtb_err *err)
{
	struct latency_preempted out = {0};
	size_t n, kept = 0;
	struct pvtb_point *pt PVTB_FREE = NULL;
	int ret = latency_run_pass(s, p, s->run->profile->warmup, err);

	if (ret)
		return ret;
	pt = latency_points(s, p, &n);
	if (!pt)
		return pvtb_err_sys(err, -ENOMEM, "%s", s->var->name);
	ret = latency_find_preempted(s, p, &out, err);
	for (size_t i = 0; !ret && i < n; i++)
		if (!out.flag[i])
			pt[kept++] = pt[i];
	free(out.flag);
	if (ret)
		return ret;
	ret = pvtb_slope_of(pt, kept, ret_slope);
	return ret ? pvtb_err_set(err, ret, s->var->name, "too few batches for a slope") : 0;
}

/* How many ops the shortest batch needs for the longest to last as long as it has to. */
static int batch_length(struct latency_session *s, const char *op, u64 *ret_batch,
			struct pvtb_err *err)
{
	struct latency_pass pilot = {
		.op = op, .mode = PVTB_MODE_BATCH, .count = 8 * LATENCY_BATCH_STEPS};
	double longest = latency_longest_ticks(&s->conditions), ops;
	struct pvtb_slope sl;

	pilot.batch = s->var->to_vmm ? 1 : 32;
	if (slope(s, &pilot, &sl, err))
		return err->code;
	ops = sl.slope > 0 ? longest / sl.slope : longest * 64.0;
	ops = ceil(ops / LATENCY_BATCH_STEPS);
	*ret_batch = ops < 1 ? 1 : ops > 1e6 ? 1000000 : (u64)ops;
	return 0;
}

static int measure_batch(struct latency_session *s, const char *empty_op, struct pvtb_err *err)
{
	const struct pvtb_profile *prof = s->run->profile;
	u64 count = s->run->emulated ? prof->batches_emulated : prof->batches;
	struct latency_pass p = {.op = s->var->op, .mode = PVTB_MODE_BATCH, .count = count};
	struct latency_pass e = {.op = empty_op, .mode = PVTB_MODE_BATCH, .count = count};
	struct pvtb_slope sp, se;
	int ret = batch_length(s, p.op, &p.batch, err);

	if (!ret)
		ret = slope(s, &p, &sp, err);
	if (!ret)
		ret = batch_length(s, e.op, &e.batch, err);
	if (!ret)
		ret = slope(s, &e, &se, err);
	if (ret)
		return ret;
	s->agreement.batch = sp.slope - se.slope;
	s->agreement.batch_low = sp.low - se.high;
	s->agreement.batch_high = sp.high - se.low;
	ret = latency_add_ticks(s, "batch.slope", sp.slope, sp.low, sp.high, sp.points);
	if (!ret)
		ret = latency_add_ticks(s, "batch.mean", sp.mean, NAN, NAN, sp.points);
	if (!ret)
		ret = latency_add_ticks(s, "batch.empty", se.slope, se.low, se.high, se.points);
	/* both intervals widen the difference */
	if (!ret)
		ret = latency_add_ticks(s, "batch.corrected", sp.slope - se.slope, sp.low - se.high,
					sp.high - se.low, sp.points);
	if (!ret)
		ret = latency_add_ticks(s, "batch.intercept", sp.intercept, NAN, NAN, sp.points);
	if (!ret)
		ret = latency_add_count(s, "batch.length", (double)p.batch * LATENCY_BATCH_STEPS,
					count);
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

/* ---- host PMU counters ---- */

static int measure_counters(struct latency_session *s, u64 count, struct pvtb_err *err)
{
	struct latency_pass p = {.op = s->var->op, .mode = PVTB_MODE_LOOP, .count = count};
	int ret;

	s->perf_wanted = true;
	memset(&s->perf_before, 0, sizeof(s->perf_before));
	memset(&s->perf_after, 0, sizeof(s->perf_after));
	ret = latency_run_pass(s, &p, 0, err);
	s->perf_wanted = false;
	if (ret)
		return ret;
	for (int c = 0; c < PVTB_PERF_NR; c++) {
		char name[64];

		if (!s->perf_before.present[c] || !s->perf_after.present[c] || !p.cmd.ops)
			continue;
		snprintf(name, sizeof(name), "perf.%s", pvtb_perf_name(c));
		ret = latency_add_count(s, name,
					(double)(s->perf_after.value[c] - s->perf_before.value[c]) /
						(double)p.cmd.ops,
					p.cmd.ops);
		if (ret)
			return pvtb_err_sys(err, ret, "%s", name);
	}
	return 0;
}

/* ---- one variant ---- */

/* The two ways to one number, and a native read beside the host's own. */
static int check_figures(struct latency_session *s, struct pvtb_err *err)
{
	enum pvtb_status st;
	char why[256];
	int ret;

	s->agreement.to_vmm = s->var->to_vmm;
	st = latency_agree(&s->conditions, &s->agreement, why, sizeof(why));
	ret = pvtb_variant_add_law(s->res, "agreement", "single samples and batches agree", st,
				   "%s", why);
	if (!ret && s->var->native && s->law == PVTB_LAW_NO_TRAP) {
		ret = latency_add_ticks(s, "host.read", s->host_read, NAN, NAN, 1);
		st = latency_native(&s->conditions, s->agreement.batch, s->host_read,
				    latency_broken_offset(), why, sizeof(why));
		if (!ret)
			ret = pvtb_variant_add_law(s->res, "native", "as the host's own read", st,
						   "%s", why);
	}
	return ret ? pvtb_err_sys(err, ret, "%s", s->var->name) : 0;
}

static int measure(struct latency_session *s, u64 count, struct pvtb_err *err)
{
	const char *empty_op = s->var->baseline ? s->var->baseline : "empty";
	struct latency_pass p;
	double p50;
	int ret;

	ret = warm_up(s, empty_op, err);
	if (!ret)
		ret = single_pass(s, empty_op, count, &s->agreement.empty_before, &p, err);
	if (!ret)
		ret = single_pass(s, s->var->op, count, &p50, &p, err);
	if (!ret && s->var->check)
		ret = s->var->check(s->run, &p.cmd, err);
	if (!ret)
		ret = measure_single(s, &p, empty_op, err);
	if (!ret)
		ret = measure_batch(s, empty_op, err);
	if (!ret)
		ret = check_figures(s, err);
	if (!ret)
		ret = measure_counters(s, count, err);
	if (ret)
		return ret;
	if (s->run->trace && s->run->host->witnessed)
		return latency_measure_traced(s, count, p50, err);
	return pvtb_variant_add_law(s->res, "conservation", pvtb_law_name(s->law),
				    PVTB_INCONCLUSIVE, "no witness on the host: %s",
				    s->run->trace_why.why);
}

/* A crashed guest's registers, line by line, in the result: whoever talks to the user prints them,
 * on the machine the user sits at. */
static int keep_fault(struct latency_session *s)
{
	char *text PVTB_FREE = NULL;
	size_t size = 0;
	json_t *lines = json_array();
	FILE *f = s->vm ? open_memstream(&text, &size) : NULL;
	char *rest, *line;

	if (!s->vm)
		goto out;
	if (!f || !lines)
		goto fail;
	pvtb_vm_print_fault(s->vm, 0, f);
	if (fclose(f))
		goto fail;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line && json_array_append_new(lines, json_string(line)))
			goto fail;
	if (!s->res->detail)
		s->res->detail = json_object();
	return json_object_set_new(s->res->detail, "fault", lines) ? -ENOMEM : 0;
fail:
	json_decref(lines);
	return -ENOMEM;
out:
	json_decref(lines);
	return 0;
}

static u64 ring_bytes_for(u64 samples)
{
	u64 bytes = RING_MIN_BYTES;

	while (bytes < samples * sizeof(struct pvtb_sample))
		bytes *= 2;
	return bytes;
}

/* Live Physical Time is the VMM's on stock kernels; where the host kernel has it, the result says so
 * (provider of a call that would otherwise be the VMM's, and detail.lpt_provider). */
static void note_lpt_provider(struct pvtb_variant_result *res, const struct pvtb_variant *var,
			      enum pvtb_lpt_provider lpt)
{
	if (lpt == PVTB_LPT_NONE)
		return;
	if (!res->detail)
		res->detail = json_object();
	json_object_set_new(res->detail, "lpt_provider",
			    json_string(lpt == PVTB_LPT_KERNEL ? "kernel" : "vmm"));
	if (lpt == PVTB_LPT_KERNEL && var->to_vmm)
		pvtb_result_set(&res->provider, "kvm");
}

/* Measure one variant. A host that lacks what it needs, a guest that crashes and a law that breaks
 * are results, not errors: only what would spoil the rest of the run is returned. */
static int run_variant(const struct pvtb_bench *bench, const struct pvtb_variant *var,
		       struct pvtb_variant_result *res, struct pvtb_run *run, struct pvtb_err *err)
{
	struct latency_session s = {
		.run = run,
		.bench = bench,
		.var = var,
		.res = res,
		.law = pvtb_variant_law(var, run),
		.conditions = {.deterministic = run->deterministic,
			       .emulated = run->emulated,
			       .hz = run->host->counter_hz},
	};
	u64 count = run->emulated ? run->profile->samples_emulated : run->profile->samples;
	struct pvtb_vm_spec spec = {.nr_vcpus = 1};
	int ret = 0;

	latency_hooks(&s, &spec);
	if (var->to_vmm && run->emulated)
		count = run->profile->samples_vmm_emulated;
	if (!(var->archs & run->arch)) {
		pvtb_variant_set_status(res, PVTB_SKIP, "not on this architecture");
		return 0;
	}
	if (var->level == PVTB_LEVEL_KERNEL && !run->caps.ring0_usable) {
		pvtb_variant_set_status(res, PVTB_SKIP,
					"guest kernel mode is emulated on this backend (%s)",
					run->caps.backend);
		return 0;
	}
	if (var->needs)
		ret = var->needs(run, err);
	s.cpu = run->vcpu_cpu;
	spec.cpus = s.cpu >= 0 ? &s.cpu : NULL;
	spec.ring_bytes = ring_bytes_for(count);
	if (var->shape)
		var->shape(run, &spec);
	note_lpt_provider(res, var, spec.lpt);
	if (!ret)
		ret = pvtb_vm_new(&spec, &s.vm, err);
	if (!ret && !pvtb_vm_has_op(s.vm, var->op))
		ret = pvtb_err_set(err, -ENOENT, var->name, "guest image has no op '%s'", var->op);
	/* now, because the guest may be asked, and answers in the sample ring */
	if (!ret)
		ret = pvtb_vm_counter_delta(s.vm, 0, &s.delta_ticks, &s.delta_unc_ticks, err);
	if (!ret)
		ret = measure(&s, count, err);
	if (ret == -EFAULT) {
		pvtb_variant_set_status(res, PVTB_INVALID, "guest crashed: %s", err->why);
		ret = keep_fault(&s);
	} else if (ret == -EOPNOTSUPP) {
		pvtb_variant_set_status(res, PVTB_SKIP, "%s", err->why);
		ret = 0;
	} else if (ret == -ETIMEDOUT || ret == -EPROTO) {
		pvtb_variant_set_status(res, PVTB_INVALID, "%s: %s", err->what, err->why);
		ret = ret == -ETIMEDOUT ? keep_fault(&s) : 0;
	}
	pvtb_vm_free(s.vm);
	return ret;
}

int pvtb_latency_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);

	if (!b)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	for (size_t i = 0; i < bench->nr_variants; i++) {
		const struct pvtb_variant *var = &bench->variants[i];
		struct pvtb_variant_result *v;
		int ret;

		if (!(var->archs & run->arch) || !pvtb_run_wants(run, bench->name, var->name))
			continue;
		pvtb_progress_update(run->progress, "%s.%s", bench->name, var->name);
		v = pvtb_bench_add_variant(b, var->name, var->summary);
		if (!v)
			return pvtb_err_sys(err, -ENOMEM, "%s", var->name);
		free(v->provider);
		v->provider = strdup(var->provider ? var->provider : "");
		ret = run_variant(bench, var, v, run, err);
		if (ret)
			return ret;
	}
	return 0;
}
