// SPDX-License-Identifier: GPL-2.0-only
/* Owns a guest that reads its counter for a while, and what is found about the counter's rate. */
#include "bench/frequency/frequency.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/signals.h"
#include "load/wait.h"

#define PAIR_TRIES 200

static void on_enter(void *opaque, unsigned int vcpu)
{
	struct freq_vm *v = opaque;

	v->counted = !pvtb_perf_open(0, &v->perf, NULL);
	if (v->counted && pvtb_perf_read(v->perf, &v->before, NULL))
		v->counted = false;
	v->enter_ns = pvtb_mono_ns();
}

static void on_leave(void *opaque, unsigned int vcpu)
{
	struct freq_vm *v = opaque;

	v->leave_ns = pvtb_mono_ns();
	if (v->counted && pvtb_perf_read(v->perf, &v->after, NULL))
		v->counted = false;
	pvtb_perf_close(v->perf);
	v->perf = NULL;
}

int freq_vm_new(struct pvtb_run *run, struct freq_vm *ret, struct pvtb_err *err)
{
	int cpu = run->vcpu_cpu;
	const struct pvtb_vm_spec spec = {
		.cpus = &cpu, .cmd_enter = on_enter, .cmd_leave = on_leave, .opaque = ret};

	*ret = (struct freq_vm){.run = run};
	return pvtb_vm_new(&spec, &ret->vm, err);
}

void freq_vm_free(struct freq_vm *v)
{
	pvtb_vm_free(v->vm);
	v->vm = NULL;
}

static double cycles_hz(const struct freq_vm *v)
{
	static const enum pvtb_perf_counter both[] = {PVTB_PERF_CYCLES_GUEST,
						      PVTB_PERF_CYCLES_HOST};
	double sum = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(both); i++)
		if (v->counted && v->after.present[both[i]])
			sum += (double)(v->after.value[both[i]] - v->before.value[both[i]]);
	return sum > 0 && v->leave_ns > v->enter_ns
		       ? sum * 1e9 / (double)(v->leave_ns - v->enter_ns)
		       : (double)NAN;
}

int freq_watch(struct freq_vm *v, u64 run_ns, int (*during)(void *opaque, struct pvtb_err *err),
	       int (*done)(void *opaque, struct pvtb_err *err), void *opaque, struct freq_seen *ret,
	       struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "counter_watch",
		.level = v->run->arch == PVTB_ARCH_X86_64 ? PVTB_LEVEL_USER : PVTB_LEVEL_KERNEL,
		.mode = PVTB_MODE_LOOP,
		.args = {PVTB_GPA_SCRATCH},
	};
	void *watch = pvtb_vm_gpa(v->vm, PVTB_GPA_SCRATCH);
	struct pvtb_raw_pair from, to;
	u64 hz = v->run->caps.counter_hz;
	int code, r;

	memset(watch, 0, sizeof(ret->watch));
	code = pvtb_vm_start(v->vm, 0, &cmd, err);
	if (code)
		return code;
	pvtb_raw_pair_now(PAIR_TRIES, &from);
	if (during)
		code = during(opaque, err);
	if (!code && pvtb_load_wait_until(pvtb_mono_ns() + run_ns, -1))
		code = pvtb_check_interrupted(err);
	r = done ? done(opaque, code ? NULL : err) : 0;
	code = code ?: r;
	pvtb_raw_pair_now(PAIR_TRIES, &to);
	pvtb_vm_stop_cmd(v->vm, 0);
	r = pvtb_vm_wait(v->vm, 0, 0, &ret->cmd, code ? NULL : err);
	code = code ?: r;
	memcpy(&ret->watch, watch, sizeof(ret->watch));
	if (!code)
		code = pvtb_raw_rate(&from, &to, hz, &ret->rate, err);
	if (!code && !ret->watch.reads)
		code = pvtb_err_set(err, -EIO, "counter", "the guest never read it");
	if (code)
		return code;
	ret->read_ns = (double)(ret->cmd.t_end_ticks - ret->cmd.t_begin_ticks) * 1e9 / (double)hz /
		       (double)ret->watch.reads;
	ret->cycles_hz = cycles_hz(v);
	return 0;
}

u64 freq_run_ns(const struct pvtb_run *run)
{
	return run->profile->seconds * PVTB_NSEC_PER_SEC / (run->deterministic ? 15 : 3);
}

int freq_add(struct pvtb_variant_result *v, const char *name, enum pvtb_unit unit, double value,
	     double unc, u64 n)
{
	return pvtb_variant_add_metric(v, name, unit, PVTB_KIND_TIME, PVTB_NEITHER_IS_BETTER, value,
				       value - unc, value + unc, n);
}

int freq_tell(const char *prefix, const struct freq_seen *s, struct pvtb_variant_result *v)
{
	char name[64];
	int ret;

	snprintf(name, sizeof(name), "%srate", prefix);
	ret = freq_add(v, name, PVTB_UNIT_PPB, s->rate.ppb, s->rate.unc_ppb, 2);
	snprintf(name, sizeof(name), "%sread", prefix);
	if (!ret)
		ret = pvtb_variant_add_metric(v, name, PVTB_UNIT_NS, PVTB_KIND_TIME,
					      PVTB_LOWER_IS_BETTER, s->read_ns, NAN, NAN,
					      s->watch.reads);
	snprintf(name, sizeof(name), "%scycles", prefix);
	if (!ret && isfinite(s->cycles_hz))
		ret = freq_add(v, name, PVTB_UNIT_PER_SECOND, s->cycles_hz, (double)NAN, 1);
	return ret;
}

int freq_monotonic(const struct freq_seen *s, struct pvtb_variant_result *v)
{
	return pvtb_variant_add_law(v, "monotonic", "no reading below the one before",
				    s->watch.backward ? PVTB_FAIL
				    : s->watch.reads  ? PVTB_OK
						      : PVTB_INCONCLUSIVE,
				    "%" PRIu64 " of %" PRIu64
				    " readings backwards, by at most %" PRIu64 " ticks",
				    s->watch.backward, s->watch.reads, s->watch.backward_max);
}

int freq_step(struct pvtb_variant_result *v, const char *name, const struct freq_seen *s)
{
	json_t *steps;

	if (!v->detail)
		v->detail = json_object();
	steps = json_object_get(v->detail, "rate_steps");
	if (!steps) {
		steps = json_array();
		if (json_object_set_new(v->detail, "rate_steps", steps))
			return -ENOMEM;
	}
	return json_array_append_new(steps, json_pack("{s:s, s:f, s:f, s:f}", "name", name, "ppb",
						      s->rate.ppb, "unc_ppb", s->rate.unc_ppb,
						      "read_ns", s->read_ns))
		       ? -ENOMEM
		       : 0;
}
