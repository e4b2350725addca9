// SPDX-License-Identifier: GPL-2.0-only
/* Owns what the x86 checks share: MSRs and CPUID from the host, the clock ioctls. */
#include <string.h>

#include "bench/conformance/check.h"

int cf_msr_set(struct cf *cf, int vcpu_fd, u32 msr, u64 value)
{
	struct cf_msrs m = {.nmsrs = 1, .e = {{.index = msr, .data = value}}};

	return cf_ioctl(cf, vcpu_fd, CF_SET_MSRS, &m);
}

int cf_msr_get(struct cf *cf, int vcpu_fd, u32 msr, u64 *ret)
{
	struct cf_msrs m = {.nmsrs = 1, .e = {{.index = msr}}};
	int r = cf_ioctl(cf, vcpu_fd, CF_GET_MSRS, &m);

	*ret = m.e[0].data;
	return r;
}

int cf_tsc_offset(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, unsigned long req,
		  u64 *offset)
{
	return cf_attr(cf, cf_vcpu_fd(vm, vcpu), req, CF_TSC_CTRL, CF_TSC_OFFSET, offset);
}

void cf_get_clock(struct cf *cf, struct pvtb_vm *vm, struct cf_clock *ret)
{
	memset(ret, 0, sizeof(*ret));
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(vm), CF_GET_CLOCK, ret), 0, "KVM_GET_CLOCK");
}

int cf_set_clock(struct cf *cf, struct pvtb_vm *vm, const struct cf_clock *clock)
{
	return cf_ioctl(cf, cf_vm_fd(vm), CF_SET_CLOCK, clock);
}

void cf_need_clock(struct cf *cf, struct pvtb_vm *vm, u32 flags)
{
	struct cf_clock now;
	const struct cf_mutant *mutant = cf->mutant;

	/* Whether the check can be made here is not for the mutant to say. */
	cf->mutant = NULL;
	cf_get_clock(cf, vm, &now);
	cf->mutant = mutant;
	if ((now.flags & flags) != flags)
		cf_skip(cf,
			"KVM_GET_CLOCK gives flags %#x, not %#x: does the host keep time by the TSC?",
			now.flags, flags);
}

void cf_need_msr_faults(struct cf *cf)
{
	char text[16];

	if (cf_sysfs(cf, "module/kvm/parameters/ignore_msrs", text, sizeof(text)) && *text == 'Y')
		cf_skip(cf,
			"kvm.ignore_msrs is on: KVM answers for MSRs that the guest does not have");
}

void cf_need_stable_tsc(struct cf *cf)
{
	char text[256];

	/* The kernel takes an unstable TSC off this list. */
	if (cf_sysfs(cf, "devices/system/clocksource/clocksource0/available_clocksource", text,
		     sizeof(text)) &&
	    !strstr(text, "tsc"))
		cf_skip(cf, "the host's TSC is unstable: KVM moves the guest's offset by itself");
}

void cf_without_features(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u32 features)
{
	struct cf_cpuid *c PVTB_FREE = calloc(1, sizeof(*c));
	const struct kvm_enable_cap enforce = {.cap = CF_CAP_ENFORCE_PV_CPUID, .args = {1}};
	int fd = cf_vcpu_fd(vm, vcpu), ret;

	if (!c)
		cf_stop(cf, "out of memory");
	c->nent = PVTB_ARRAY_SIZE(c->e);
	ret = cf_ioctl(cf, fd, CF_GET_CPUID2, c);
	for (u32 i = 0; !ret && i < c->nent; i++)
		if (c->e[i].function == CF_LEAF_KVM_FEATURES)
			c->e[i].eax &= ~features;
	/* First, because what it holds the guest to is taken from the CPUID set after it. */
	if (!ret)
		ret = cf_ioctl(cf, fd, KVM_ENABLE_CAP, &enforce);
	if (!ret)
		ret = cf_ioctl(cf, fd, CF_SET_CPUID2, c);
	if (ret)
		cf_stop(cf, "CPUID without features: %s", strerror(-ret));
}

/* Does the host keep CLOCK_MONOTONIC_RAW by the TSC, at the rate that KVM knows? */
static bool by_tsc(struct cf *cf)
{
	char text[64];

	return cf_sysfs(cf, "devices/system/clocksource/clocksource0/current_clocksource", text,
			sizeof(text)) &&
	       !strcmp(text, "tsc");
}

void cf_tsc_runs_at(struct cf *cf, struct pvtb_vm *vm, int khz, const char *what)
{
	struct pvtb_step a = CF_STEP(PVTB_STEP_COUNT), b = a;
	u64 t[4], least, most, part = by_tsc(cf) ? 10000 : 100;

	t[0] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
	cf_stream(cf, vm, 0, &a, 1);
	t[1] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
	usleep(60000);
	t[2] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
	cf_stream(cf, vm, 0, &b, 1);
	t[3] = cf_clock_ns(CLOCK_MONOTONIC_RAW);
	least = (u64)((u128)(t[2] - t[1]) * (u64)khz / 1000000);
	most = (u64)((u128)(t[3] - t[0]) * (u64)khz / 1000000);
	cf_within(cf, (s64)(b.t0 - a.t0), (s64)(least - least / part), (s64)(most + most / part),
		  "ticks of the guest's TSC over 60 ms, %s: %d kHz", what, khz);
}
