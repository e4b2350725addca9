// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal.late_start: the vCPU's thread loses time before the guest asks for stolen time, so that it shows
 * where counting begins: on arm64 with PV_TIME_ST, on x86 with the thread.
 */
#include "abi/stream.h"
#include "bench/steal/engine.h"
#include "bench/steal/hogs.h"
#include "load/task.h"

#define SPIN_NS		   20000000ULL
#define SPINS		   50
#define MSR_KVM_STEAL_TIME 0x4b564d03ULL

static int run_step(struct pvtb_vm *vm, struct pvtb_step step, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {.op = "stream",
				     .level = PVTB_LEVEL_KERNEL,
				     .mode = PVTB_MODE_LOOP,
				     .args = {PVTB_GPA_STREAM(0), 1}};
	struct pvtb_step *shared = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(0));
	struct pvtb_cmd_result res;

	*shared = step;
	return pvtb_vm_exec(vm, 0, &cmd, 0, &res, err);
}

int steal_lose_first(struct pvtb_steal_ctx *ctx, struct pvtb_vm *vm, u64 *ret_ns,
		     struct pvtb_err *err)
{
	const struct pvtb_step spin = {
		.kind = PVTB_STEP_SPIN,
		.in = {ctx->run->host->counter_hz / 1000 * SPIN_NS / 1000000}};
	struct pvtb_hogs *hogs = NULL;
	struct pvtb_task_times t = {0};
	int ret = steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &hogs, err), r;

	for (int i = 0; !ret && i < SPINS && t.delay_ns < STEAL_LOST_FIRST_NS; i++) {
		ret = run_step(vm, spin, err);
		if (!ret)
			ret = pvtb_task_times(pvtb_vm_tid(vm, 0), &t, err);
	}
	r = pvtb_hogs_stop(hogs, ret ? NULL : err);
	ret = ret ?: r;
	*ret_ns = t.delay_ns;
	if (!ret && ctx->run->arch == PVTB_ARCH_X86_64)
		ret = run_step(vm,
			       (struct pvtb_step){.kind = PVTB_STEP_WRMSR,
						  .in = {MSR_KVM_STEAL_TIME, PVTB_GPA_STEAL | 1}},
			       err);
	return ret;
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct steal_hogs *s = ctx->state;

	return steal_hogs_start(ctx, (struct pvtb_hog_spec){.count = 1}, &s->hogs, err);
}

static const struct pvtb_steal_scenario late_start = {
	.name = "late_start",
	.summary = "50 ms are lost before the guest asks for stolen time: where does it begin?",
	.lose_first = true,
	.state_size = sizeof(struct steal_hogs),
	.start = start,
	.stop = steal_hogs_stop,
	.causes = PVTB_STEAL_INVOLUNTARY,
	.min_share = 0.25,
};
PVTB_STEAL_SCENARIO(late_start);
