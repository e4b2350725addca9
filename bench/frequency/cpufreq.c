// SPDX-License-Identifier: GPL-2.0-only
/*
 * frequency.cpufreq: every step, governor and turbo setting of the vCPU's CPU. The counter's rate must
 * be the same at all of them; what a reading costs need not.
 */
#include "bench/frequency/frequency.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/signals.h"
#include "load/cpufreq.h"
#include "load/wait.h"

#define SETTLE_NS     50000000ULL
#define STEP_NS	      200000000ULL
#define STEP_NS_LONG  2000000000ULL
/* Between steps, beyond what the pairs leave open. */
#define ALLOW_PPB     1000.0
#define FOLLOWS_SHARE 0.05

struct point {
	struct pvtb_cpufreq_point p;
	struct freq_seen seen;
	struct pvtb_cpufreq_now now; /* while the guest ran */
	double aperf_share;	     /* APERF by MPERF: of the nominal frequency; NAN */
};

struct sweep {
	struct pvtb_run *run;
	struct pvtb_cpufreq *cf;
	struct point *current;
	struct pvtb_aperf before;
	bool has_aperf;
	struct point points[PVTB_CPUFREQ_POINTS];
	size_t nr;
};

static int begin(void *opaque, struct pvtb_err *err)
{
	struct sweep *s = opaque;

	s->has_aperf = !pvtb_aperf_read("", s->run->vcpu_cpu, &s->before, NULL);
	return 0;
}

static int end(void *opaque, struct pvtb_err *err)
{
	struct sweep *s = opaque;
	struct pvtb_aperf after;

	pvtb_cpufreq_now(s->cf, &s->current->now);
	s->current->aperf_share = NAN;
	if (s->has_aperf && !pvtb_aperf_read("", s->run->vcpu_cpu, &after, NULL) &&
	    after.mperf != s->before.mperf)
		s->current->aperf_share = (double)(after.aperf - s->before.aperf) /
					  (double)(after.mperf - s->before.mperf);
	return 0;
}

static int measure(struct sweep *s, struct freq_vm *vm, struct pvtb_err *err)
{
	u64 step_ns = s->run->profile->seconds > 3 ? STEP_NS_LONG : STEP_NS;
	int ret = 0;

	for (size_t i = 0; !ret && i < s->nr; i++) {
		s->current = &s->points[i];
		ret = pvtb_cpufreq_apply(s->cf, &s->current->p, err);
		if (!ret && pvtb_load_wait_until(pvtb_mono_ns() + SETTLE_NS, -1))
			ret = pvtb_check_interrupted(err);
		if (!ret)
			ret = freq_watch(vm, step_ns, begin, end, s, &s->current->seen, err);
	}
	return ret;
}

static void put_mhz(char *buf, size_t size, double hz)
{
	if (hz > 0)
		snprintf(buf, size, "%.0f", hz / 1e6);
	else
		snprintf(buf, size, "-");
}

static json_t *row(const struct point *p)
{
	char text[7][48];

	put_mhz(text[0], sizeof(text[0]), (double)p->p.khz * 1e3);
	put_mhz(text[1], sizeof(text[1]), (double)p->now.scaling_khz * 1e3);
	put_mhz(text[2], sizeof(text[2]), (double)p->now.hardware_khz * 1e3);
	put_mhz(text[3], sizeof(text[3]), p->seen.cycles_hz);
	snprintf(text[4], sizeof(text[4]), isfinite(p->aperf_share) ? "%.3f" : "-", p->aperf_share);
	snprintf(text[5], sizeof(text[5]), "%.2f", p->seen.read_ns);
	snprintf(text[6], sizeof(text[6]), "%+.0f +- %.0f", p->seen.rate.ppb, p->seen.rate.unc_ppb);
	return json_pack("[s,s,s,s,s,s,s,s]", p->p.name, text[0], text[1], text[2], text[3],
			 text[4], text[5], text[6]);
}

/* The kernel, or the CPU itself, must say that a step was taken, or nothing was swept. */
static size_t followed(const struct sweep *s, size_t *ret_steps)
{
	size_t n = 0;

	*ret_steps = 0;
	for (size_t i = 0; i < s->nr; i++) {
		const struct point *p = &s->points[i];
		double asked = (double)p->p.khz;
		double is = isfinite(p->seen.cycles_hz) ? p->seen.cycles_hz / 1e3
							: (double)p->now.scaling_khz;

		if (!p->p.khz)
			continue;
		++*ret_steps;
		n += fabs(is - asked) <= FOLLOWS_SHARE * asked;
	}
	return n;
}

static int tell(const struct sweep *s, struct pvtb_variant_result *v)
{
	const struct freq_seen *low = &s->points[0].seen, *high = low;
	size_t steps, n = followed(s, &steps);
	json_t *rows = json_array();
	int ret = 0;

	for (size_t i = 0; !ret && i < s->nr; i++) {
		const struct point *p = &s->points[i];
		char prefix[PVTB_CPUFREQ_NAME + 24];

		snprintf(prefix, sizeof(prefix), "%s.", p->p.name);
		ret = freq_tell(prefix, &p->seen, v);
		if (!ret)
			ret = freq_step(v, p->p.name, &p->seen);
		json_array_append_new(rows, row(p));
		low = p->seen.rate.ppb < low->rate.ppb ? &p->seen : low;
		high = p->seen.rate.ppb > high->rate.ppb ? &p->seen : high;
	}
	if (!ret && json_object_set_new(v->detail, "tables",
					json_pack("[{s:s, s:[s,s,s,s,s,s,s,s], s:o}]", "title",
						  "frequency set, read back, and the counter",
						  "columns", "", "asked MHz", "kernel", "hardware",
						  "cycles", "APERF/MPERF", "read, ns",
						  "rate error, ppb", "rows", rows)))
		ret = -ENOMEM;
	if (!ret)
		ret = pvtb_variant_add_law(
			v, "constant", "the counter's rate is the same at all",
			high->rate.ppb - low->rate.ppb >
					high->rate.unc_ppb + low->rate.unc_ppb + ALLOW_PPB
				? PVTB_FAIL
			: n < 2 ? PVTB_INCONCLUSIVE /* the CPU's never was another */
				: PVTB_OK,
			"%+.0f to %+.0f ppb over %zu settings", low->rate.ppb, high->rate.ppb,
			s->nr);
	if (!ret)
		ret = pvtb_variant_add_law(v, "followed", "the CPU ran at what was asked for",
					   steps && n == steps ? PVTB_OK : PVTB_INCONCLUSIVE,
					   "%zu of %zu steps within 5 %%", n, steps);
	for (size_t i = 0; !ret && i < s->nr; i++)
		if (s->points[i].seen.watch.backward || i + 1 == s->nr)
			return freq_monotonic(&s->points[i].seen, v);
	return ret;
}

int freq_cpufreq(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct pvtb_cpufreq_point plan[PVTB_CPUFREQ_POINTS];
	struct sweep *s = calloc(1, sizeof(*s));
	struct freq_vm vm = {};
	int ret, r;

	if (!s)
		return pvtb_err_sys(err, -ENOMEM, "frequency");
	s->run = run;
	ret = pvtb_cpufreq_open("", run->vcpu_cpu < 0 ? 0 : run->vcpu_cpu, run->guardian, &s->cf,
				err);
	if (!ret) {
		s->nr = pvtb_cpufreq_plan(pvtb_cpufreq_info(s->cf), plan, PVTB_CPUFREQ_POINTS);
		for (size_t i = 0; i < s->nr; i++)
			s->points[i].p = plan[i];
		ret = freq_vm_new(run, &vm, err);
	}
	if (!ret)
		ret = measure(s, &vm, err);
	freq_vm_free(&vm);
	if (!ret && tell(s, v))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	/* the names of governors in the plan are the policy's: last */
	r = pvtb_cpufreq_close(s->cf, ret ? NULL : err);
	free(s);
	return ret ?: r;
}
