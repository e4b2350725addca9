// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest counter of another frequency than the host's: what KVM can give, what it cannot, the ticks; and
 * finding out what a KVM that scales makes of the host's.
 * wrap: ioctl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <cmocka.h>

#include "arch/counter.h"
#include "vmm/arch.h"
#include "vmm/scale.h"

#define HOST_HZ 2000000000ULL

static void within_the_tolerance_nothing_is_scaled(void **state)
{
	static const u64 near[] = {HOST_HZ, HOST_HZ - 500000, HOST_HZ + 500000};
	struct pvtb_err err = {0};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(near); i++) {
		for (int can = 0; can < 2; can++) {
			bool scaled = true;

			assert_int_equal(pvtb_scale_check(near[i], HOST_HZ, can, &scaled, &err), 0);
			assert_false(scaled);
		}
	}
}

static void beyond_it_kvm_has_to(void **state)
{
	static const u64 far[] = {HOST_HZ - 500001, HOST_HZ + 500001, 1200000000, 5000000000, 1};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(far); i++) {
		struct pvtb_err err = {0};
		bool scaled = false;

		assert_int_equal(pvtb_scale_check(far[i], HOST_HZ, false, &scaled, &err),
				 -EOPNOTSUPP);
		assert_false(scaled);
		assert_string_equal(err.what, "TSC scaling");
		assert_non_null(strstr(err.why, "KVM_CAP_TSC_CONTROL"));
		assert_int_equal(pvtb_scale_check(far[i], HOST_HZ, true, &scaled, &err), 0);
		assert_true(scaled);
	}
}

/* Downwards on either side of 0, and for what a host counts in years. */
static void ticks_are_rounded_downwards(void **state)
{
	assert_int_equal(pvtb_scale_ticks(7, HOST_HZ, HOST_HZ), 7);
	assert_int_equal(pvtb_scale_ticks(10, 1200000000, HOST_HZ), 6);
	assert_int_equal(pvtb_scale_ticks(9, 1200000000, HOST_HZ), 5);
	assert_int_equal(pvtb_scale_ticks(-9, 1200000000, HOST_HZ), -6);
	assert_int_equal(pvtb_scale_ticks(-10, 1200000000, HOST_HZ), -6);
	assert_int_equal(pvtb_scale_ticks(1LL << 60, 3000000000, HOST_HZ), 3LL << 59);
	assert_int_equal(pvtb_scale_ticks(-(1LL << 60), 3000000000, HOST_HZ), -(3LL << 59));
}

/* A KVM of x86, whose ratio has 32 bits after the point: since this host was started that has added up. */
#define GET_DEVICE_ATTR _IOC_NR(KVM_GET_DEVICE_ATTR)
#define GET_MSRS	0x88
#define OFFSET		0x123456789abcdef0ULL
#define SCALED_HZ	1200001000ULL

static u64 scaled_by_kvm(u64 host)
{
	return (u64)((u128)host * ((SCALED_HZ << 32) / HOST_HZ) >> 32);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	u64 value = scaled_by_kvm(pvtb_arch_counter()) + OFFSET;

	switch (_IOC_NR(request)) {
	case GET_DEVICE_ATTR:
		*(u64 *)(uintptr_t)((struct kvm_device_attr *)arg)->addr = OFFSET;
		return 0;
	case GET_MSRS: /* u32 n, padding; u32 index, reserved, u64 value */
		memcpy((u8 *)arg + 16, &value, sizeof(value));
		return 1;
	default:
		return -1;
	}
}

static void what_kvm_makes_of_it_is_found(void **state)
{
	struct pvtb_vm vm = {.counter_hz = SCALED_HZ, .caps = {.counter_hz = HOST_HZ}};
	struct pvtb_vcpu vcpu = {.vm = &vm};
	u64 now = pvtb_arch_counter(), ticks, unc;
	struct pvtb_err err = {0};

	if (strcmp(pvtb_arch_name(), "x86_64"))
		skip();
	for (s64 ago = -1000000; ago <= 1000000; ago += 500000) {
		u64 host = now + (u64)ago;

		assert_int_equal(pvtb_arch_scaled_counter(&vcpu, host, &ticks, &unc, &err), 0);
		/* a tick or two of rounding */
		assert_true((u64)llabs((s64)(ticks - scaled_by_kvm(host))) <= unc + 2);
	}
	vm.counter_hz = HOST_HZ;
	assert_int_equal(pvtb_arch_scaled_counter(&vcpu, now, &ticks, &unc, &err), 0);
	assert_int_equal(ticks, now);
	assert_int_equal(unc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_tolerance_nothing_is_scaled),
		cmocka_unit_test(beyond_it_kvm_has_to),
		cmocka_unit_test(ticks_are_rounded_downwards),
		cmocka_unit_test(what_kvm_makes_of_it_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
