// SPDX-License-Identifier: GPL-2.0-only
/* Owns the JSON form of struct pvtb_kvm_caps: neither vmm/ nor results/ may know the other. */
#include "bench/kvm_caps.h"

json_t *pvtb_kvm_caps_json(const struct pvtb_kvm_caps *caps)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:i, s:i, s:I, s:b, s:b, s:b, s:b, s:b, s:b, s:b, "
			 "s:b, s:b}",
			 "backend", caps->backend, "backend_why", caps->backend_why,
			 "hardware_assisted", caps->hw_assisted, "guest_kernel_mode_native",
			 caps->ring0_usable, "api_version", caps->api_version, "max_vcpus",
			 caps->max_vcpus, "counter_hz", (json_int_t)caps->counter_hz, "steal",
			 caps->steal, "counter_offset", caps->counter_offset, "smccc_filter",
			 caps->smccc_filter, "lpt_in_kernel", caps->lpt_in_kernel, "ptp", caps->ptp,
			 "ecv", caps->ecv, "cntpoff", caps->cntpoff, "msr_filter", caps->msr_filter,
			 "tsc_control", caps->tsc_control);
}
