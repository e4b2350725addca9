// SPDX-License-Identifier: GPL-2.0-only
/* frequency.counter: does the guest's counter run at the rate the guest is told? */
#include "bench/frequency/frequency.h"

#include <inttypes.h>
#include <math.h>

/* The readings, and any offset but 0: without FEAT_ECV's CNTPOFF each read of CNTPCT_EL0 then traps. */
#define BETWEEN_TRIES 5000
#define OFFSET	      0x123456789abcULL
#define EXEC_MS	      20000

/* More than any calibration leaves, less than any wrong frequency. */
#define RATE_PPB 500000.0

enum pvtb_status freq_rate_status(double ppb, double unc_ppb)
{
	if (fabs(ppb) - unc_ppb > RATE_PPB)
		return PVTB_FAIL;
	/* known too badly to say that it is within */
	return fabs(ppb) + unc_ppb > RATE_PPB ? PVTB_INCONCLUSIVE : PVTB_OK;
}

static int judge(struct pvtb_run *run, const struct freq_seen *s, struct pvtb_variant_result *v)
{
	u64 hz = run->caps.counter_hz, told = s->cmd.counter_hz;
	char name[64];
	int ret;

	ret = pvtb_variant_add_metric(v, "hz", PVTB_UNIT_PER_SECOND, PVTB_KIND_COUNT,
				      PVTB_NEITHER_IS_BETTER, (double)hz, NAN, NAN, 1);
	if (!ret)
		ret = freq_tell("", s, v);
	if (!ret)
		ret = pvtb_variant_add_law(v, "rate", "within 500 ppm of what is told",
					   freq_rate_status(s->rate.ppb, s->rate.unc_ppb),
					   "%.0f +- %.0f ppb from %" PRIu64 " Hz in %.2f s",
					   s->rate.ppb, s->rate.unc_ppb, hz,
					   (double)s->rate.span_ns / 1e9);
	/* x86 has no such register */
	if (!ret && told)
		ret = pvtb_variant_add_law(v, "told", "CNTFRQ_EL0 in the guest is the counter's",
					   told == hz ? PVTB_OK : PVTB_FAIL,
					   "%" PRIu64 " Hz told, %" PRIu64 " Hz is", told, hz);
	if (!ret)
		ret = freq_monotonic(s, v);
	snprintf(name, sizeof(name), "%" PRIu64 " Hz", hz);
	return ret ?: freq_step(v, name, s);
}

int freq_physical_law(struct pvtb_variant_result *v, const struct pvtb_step *s)
{
	return pvtb_variant_add_law(
		v, "physical", "CNTPCT_EL0, offset by KVM, between two readings of CNTVCT_EL0",
		s->out[1] | s->out[2] ? PVTB_FAIL : PVTB_OK,
		"%" PRIu64 " of %" PRIu64 " below, %" PRIu64 " above, by at most %" PRIu64
		" ticks; the closest two are %" PRIu64 " apart",
		s->out[1], s->in[0], s->out[2], s->out[3], s->out[0]);
}

/* Both counters are one, less one offset: a physical one that is emulated shows where it is another. */
static int physical(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	int cpu = run->vcpu_cpu;
	const struct pvtb_vm_spec spec = {
		.cpus = &cpu, .offset_counter = true, .counter_offset = OFFSET};
	const struct pvtb_cmd cmd = {.op = "stream",
				     .level = PVTB_LEVEL_KERNEL,
				     .mode = PVTB_MODE_LOOP,
				     .args = {PVTB_GPA_STREAM(0), 1}};
	struct pvtb_cmd_result res;
	struct pvtb_step *step;
	struct pvtb_vm *vm = NULL;
	int ret = pvtb_vm_new(&spec, &vm, err);

	if (!ret) {
		step = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(0));
		*step = (struct pvtb_step){.kind = PVTB_STEP_BETWEEN, .in = {BETWEEN_TRIES}};
		ret = pvtb_vm_exec(vm, 0, &cmd, EXEC_MS, &res, err);
	}
	if (!ret && freq_physical_law(v, step))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	pvtb_vm_free(vm);
	return ret;
}

int freq_counter(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct freq_seen seen;
	struct freq_vm vm;
	int ret = freq_vm_new(run, &vm, err);

	if (!ret)
		ret = freq_watch(&vm, freq_run_ns(run), NULL, NULL, NULL, &seen, err);
	if (!ret && judge(run, &seen, v))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	freq_vm_free(&vm);
	if (!ret && run->caps.counter_offset)
		ret = physical(run, v, err);
	return ret;
}
