// SPDX-License-Identifier: GPL-2.0-only
/* Nothing user space can read tells EL1 on hardware from EL1 in a VM: firmware tables have to. */
#include "arch/hypervisor.h"

#include <errno.h>

int pvtb_arch_hypervisor(char *buf, size_t len)
{
	(void)buf;
	(void)len;
	return -EOPNOTSUPP;
}
