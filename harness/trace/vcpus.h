/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which thread runs which vCPU, of every VM on this host, as KVM itself knows it. Nothing is
 * attached: the kernel's open files are walked when asked.
 */
#ifndef PVTB_TRACE_VCPUS_H
#define PVTB_TRACE_VCPUS_H

#include "abi/vcpus.h"
#include "core/err.h"
#include "core/util.h"

struct pvtb_vcpus;

/* Loads the walk. -EOPNOTSUPP: the kernel does not tell (its BTF lacks KVM's types, or it is older
 * than 5.8); other failures as pvtb_trace_open(). */
int pvtb_vcpus_open(struct pvtb_vcpus **ret, struct pvtb_err *err) PVTB_MUST_CHECK;
/* One walk. A vCPU is there once, even when it is open more than once; the array is the caller's
 * to free. */
int pvtb_vcpus_read(struct pvtb_vcpus *v, struct pvtb_vcpu_file **ret, size_t *ret_nr,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_vcpus_close(struct pvtb_vcpus *v);

#endif
