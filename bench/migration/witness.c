// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the knowledge of a running guest's counter that does not come from KVM: the harness writes its
 * own counter into a word the guest reads before each sample, and looks how many samples there are.
 * A counter read after the word was read is later than the word; one whose sample is there is earlier
 * than the look. Both are as tight as one cache line travels.
 */
#include "bench/migration/engine.h"

#include "arch/counter.h"
#include "vmm/scale.h"

static u64 *mail_of(struct pvtb_vm *vm, unsigned int vcpu)
{
	return pvtb_vm_gpa(vm, PVTB_GPA_SCRATCH + vcpu * 4096ULL);
}

u64 migration_host_ticks(const struct migration_phase *phase, u64 host_counter)
{
	return (u64)pvtb_scale_ticks((s64)(host_counter - phase->begin.c1_ticks), phase->guest_hz,
				     phase->host_hz);
}

static void look(struct pvtb_vm *vm, unsigned int vcpu, struct migration_phase *phase, u64 *seen)
{
	const struct pvtb_time_sample *ring =
		pvtb_vm_gpa(vm, PVTB_GPA_RINGS + vcpu * MIGRATION_RING_BYTES);
	/* Pairs with the guest's release store. */
	u64 n = migration_taken(vm, vcpu);
	struct migration_bounds *b = &phase->bounds[vcpu];
	u64 after = pvtb_arch_counter();
	s64 low;

	if (n == *seen)
		return;
	*seen = n;
	if (n <= phase->first[vcpu])
		return; /* of the phase before */
	low = (s64)(ring[(n - 1) % MIGRATION_SAMPLES].c1 - migration_host_ticks(phase, after));
	if (!b->seen++ || low > b->low)
		b->low = low;
}

/* An emulator's CPUs take turns: the guest's may be few and far between. */
#define ENOUGH	 400
#define PATIENCE 10 /* times as long as meant */

static bool enough(const struct migration_phase *phase, const u64 *seen, unsigned int nr_vcpus)
{
	for (unsigned int i = 0; i < nr_vcpus; i++)
		if (seen[i] - phase->first[i] < ENOUGH)
			return false;
	return true;
}

void migration_watch(struct pvtb_vm *vm, unsigned int nr_vcpus, u64 ns,
		     struct migration_phase *phase)
{
	u64 begin_ns = pvtb_mono_ns(), now_ns = begin_ns, seen[PVTB_MIGRATION_MAX_VCPUS] = {0};
	unsigned int turn = 0;

	phase->host_hz = pvtb_vm_caps(vm)->counter_hz;
	phase->guest_hz = pvtb_vm_counter_hz(vm);
	pvtb_mig_now(&phase->begin);
	for (unsigned int i = 0; i < nr_vcpus; i++)
		seen[i] = phase->first[i] = migration_taken(vm, i);
	do {
		for (unsigned int i = 0; i < nr_vcpus; i++) {
			__atomic_store_n(mail_of(vm, i), pvtb_arch_counter(), __ATOMIC_RELEASE);
			look(vm, i, phase, &seen[i]);
		}
		pvtb_arch_relax();
		if (!(++turn % 64))
			now_ns = pvtb_mono_ns();
	} while (now_ns - begin_ns < ns ||
		 (now_ns - begin_ns < PATIENCE * ns && !enough(phase, seen, nr_vcpus)));
	pvtb_mig_now(&phase->end);
	/* It goes with the guest, to where it would be of another counter. */
	for (unsigned int i = 0; i < nr_vcpus; i++)
		__atomic_store_n(mail_of(vm, i), 0, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < nr_vcpus; i++)
		phase->behind[i] = migration_taken(vm, i);
}

void migration_bound(struct migration_phase *phase, unsigned int vcpu,
		     const struct pvtb_time_sample *samples)
{
	struct migration_bounds *b = &phase->bounds[vcpu];
	bool any = false;

	for (u64 i = phase->first[vcpu]; i < phase->behind[vcpu]; i++) {
		const struct pvtb_time_sample *s = &samples[i % MIGRATION_SAMPLES];
		s64 high = (s64)(s->c0 - migration_host_ticks(phase, s->mail));

		if (!s->mail)
			continue;
		if (!any || high < b->high)
			b->high = high;
		any = true;
	}
	if (!any)
		b->seen = 0;
}
