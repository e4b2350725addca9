// SPDX-License-Identifier: GPL-2.0-only
/* The hypervisor bit and signature leaf of CPUID (0x40000000, reserved for hypervisors by Intel
 * and AMD alike). */
#include "arch/hypervisor.h"

#include <cpuid.h>
#include <string.h>

#define CPUID_1_ECX_HYPERVISOR (1U << 31)

int pvtb_arch_hypervisor(char *buf, size_t len)
{
	unsigned int eax, ebx, ecx, edx;
	char signature[13] = "";

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & CPUID_1_ECX_HYPERVISOR))
		return 0;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(signature, &ebx, 4);
	memcpy(signature + 4, &ecx, 4);
	memcpy(signature + 8, &edx, 4);
	snprintf(buf, len, "%s", signature);
	return 1;
}
