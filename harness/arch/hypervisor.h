/* SPDX-License-Identifier: GPL-2.0-only */
/* What the processor itself says about a hypervisor under this host. Implemented in
 * harness/arch/<arch>/hypervisor.c. */
#ifndef PVTB_ARCH_HYPERVISOR_H
#define PVTB_ARCH_HYPERVISOR_H

#include "core/util.h"

/* 1: runs under one, @buf holds its signature ("KVMKVMKVM"); 0: the processor says it does not;
 * -EOPNOTSUPP: the architecture has no such register, ask the firmware tables. */
int pvtb_arch_hypervisor(char *buf, size_t len);

#endif
