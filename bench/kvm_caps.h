/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM was found able to do, as the environment record and doctor --json keep it. */
#ifndef PVTB_BENCH_KVM_CAPS_H
#define PVTB_BENCH_KVM_CAPS_H

#include <jansson.h>

#include "vmm/vmm.h"

/* A new object; NULL only when out of memory. */
json_t *pvtb_kvm_caps_json(const struct pvtb_kvm_caps *caps);

#endif
