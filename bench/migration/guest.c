// SPDX-License-Identifier: GPL-2.0-only
/* Owns the guest that is moved: what it is made of, and what it is told to do. */
#include "bench/migration/guest.h"

#include "arch/counter.h"
#include "stats/lpt.h"

/* The guest believes it, and its time runs faster or slower for that. */
static int claim(const struct migration_guest *g, struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_lpt lpt;
	int ret = pvtb_lpt_coefficients(g->claimed_hz, g->lpt_pv_hz, &lpt);

	if (ret)
		return pvtb_err_sys(err, ret, "LPT");
	pvtb_lpt_publish(pvtb_vm_gpa(vm, PVTB_GPA_LPT), &lpt);
	return 0;
}

/* An x86 guest's counter begins at 0 unless it is told otherwise, and so does a scaled one. */
static void set_age(const struct migration_guest *g, struct pvtb_vm_spec *spec)
{
	bool x86 = g->arch == PVTB_ARCH_X86_64;

	if (g->counter_hz || !g->caps->hw_assisted ||
	    !(x86 || (g->from_zero && g->caps->counter_offset)))
		return;
	spec->offset_counter = true;
	spec->counter_offset = g->from_zero ? pvtb_arch_counter() : 0;
	if (x86)
		spec->counter_offset = -spec->counter_offset;
}

int migration_guest_new(const struct migration_guest *g, struct pvtb_vm **ret_vm,
			struct pvtb_err *err)
{
	struct pvtb_vm_spec spec = {
		.nr_vcpus = g->nr_vcpus,
		.ring_bytes = g->ring_bytes,
		.steal = g->caps->steal,
		.pvclock = g->kvmclock,
		.lpt = g->lpt_pv_hz ? PVTB_LPT_VMM : PVTB_LPT_NONE,
		.lpt_pv_hz = g->lpt_pv_hz,
		.lpt_unasked = true, /* its op is told the address */
		.counter_hz = g->counter_hz,
		.cpus = g->cpus,
	};
	int ret;

	set_age(g, &spec);
	ret = pvtb_vm_new(&spec, ret_vm, err);
	if (!ret && g->claimed_hz)
		ret = claim(g, *ret_vm, err);
	return ret;
}

enum pvtb_level migration_level(const struct pvtb_kvm_caps *caps)
{
	return caps->ring0_usable ? PVTB_LEVEL_KERNEL : PVTB_LEVEL_USER;
}

/* arm64: from PV_TIME_ST on the guest is told. */
static int ask_for_steal(const struct migration_guest *g, struct pvtb_vm *vm, unsigned int vcpu,
			 struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "hvc", .mode = PVTB_MODE_SINGLE, .count = 1, .args = {0xc5000021}};
	struct pvtb_cmd_result res;

	if (g->arch != PVTB_ARCH_ARM64 || !g->caps->steal)
		return 0;
	return pvtb_vm_exec(vm, vcpu, &cmd, 0, &res, err);
}

static int start_timers(const struct migration_guest *g, struct pvtb_vm *vm, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = MIGRATION_OP_TIMERS,
		.level = PVTB_LEVEL_KERNEL,
		.mode = PVTB_MODE_LOOP,
		.args = {PVTB_GPA_TIMERS(0), g->lpt_pv_hz ? PVTB_GPA_LPT : 0},
	};

	*(struct pvtb_timer_plan *)pvtb_vm_gpa(vm, PVTB_GPA_TIMERS(0)) = *g->timers;
	return pvtb_vm_start(vm, 0, &cmd, err);
}

int migration_guest_start(const struct migration_guest *g, struct pvtb_vm *vm, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < g->nr_vcpus; i++)
		ret = ask_for_steal(g, vm, i, err);
	if (!ret && g->timers)
		return start_timers(g, vm, err);
	for (unsigned int i = 0; !ret && i < g->nr_vcpus; i++) {
		const struct pvtb_cmd cmd = {
			.op = MIGRATION_OP,
			.level = migration_level(g->caps),
			.mode = PVTB_MODE_LOOP,
			.period = (g->counter_hz ?: g->caps->counter_hz) / g->sample_hz,
			.args = {g->lpt_pv_hz ? PVTB_GPA_LPT : 0,
				 g->caps->steal ? PVTB_GPA_STEAL + 64ULL * i : 0,
				 g->kvmclock ? PVTB_GPA_PVCLOCK + 64ULL * i : 0,
				 PVTB_GPA_SCRATCH + 4096ULL * i},
		};

		ret = pvtb_vm_start(vm, i, &cmd, err);
	}
	return ret;
}

u64 migration_taken(struct pvtb_vm *vm, unsigned int vcpu)
{
	const struct pvtb_ctl *ctl = pvtb_vm_gpa(vm, PVTB_GPA_CTL + vcpu * PVTB_CTL_BYTES);

	/* Pairs with the guest's release store. */
	return __atomic_load_n(&ctl->taken, __ATOMIC_ACQUIRE);
}

const struct pvtb_time_sample *migration_samples(struct pvtb_vm *vm, unsigned int vcpu,
						 u64 *ret_mask)
{
	u64 bytes = pvtb_vm_spec(vm)->ring_bytes;

	*ret_mask = bytes / sizeof(struct pvtb_time_sample) - 1;
	return pvtb_vm_gpa(vm, PVTB_GPA_RINGS + vcpu * bytes);
}
