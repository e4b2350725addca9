// SPDX-License-Identifier: GPL-2.0-only
/* Owns the arithmetic of a guest counter of another frequency than the host's. */
#include "vmm/scale.h"

/* kvm.tsc_tolerance_ppm, as it is unless somebody changed it. */
#define TOLERANCE_PPM 250

int pvtb_scale_check(u64 guest_hz, u64 host_hz, bool can, bool *ret_scaled, struct pvtb_err *err)
{
	u64 apart_hz = guest_hz > host_hz ? guest_hz - host_hz : host_hz - guest_hz;
	bool scaled = (u128)apart_hz * 1000000 > (u128)host_hz * TOLERANCE_PPM;

	if (scaled && !can)
		return pvtb_err_set(
			err, -EOPNOTSUPP, "TSC scaling",
			"the guest's counter has %.6f MHz, this host's %.6f: more than "
			"%u ppm apart, and without KVM_CAP_TSC_CONTROL KVM cannot scale",
			(double)guest_hz / 1e6, (double)host_hz / 1e6, TOLERANCE_PPM);
	*ret_scaled = scaled;
	return 0;
}

s64 pvtb_scale_ticks(s64 ticks, u64 guest_hz, u64 host_hz)
{
	__int128 product = (__int128)ticks * guest_hz;

	if (guest_hz == host_hz)
		return ticks;
	return (s64)(product / host_hz - (product % host_hz < 0));
}
