/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the running kernel was configured, shortened to what moves exits and times: preemption, ticks,
 * debugging, hardening, mitigations, tracing, scheduling, KVM, the compiler. All the rest is in a hash.
 */
#ifndef PVTB_KERNEL_CONFIG_H
#define PVTB_KERNEL_CONFIG_H

#include <jansson.h>

#include "core/util.h"

/*
 * {"source": file, "set": number of options, "hash": of all of them, "options": {NAME: value}}: from
 * /proc/config.gz, or /boot/config-@release and where distributions keep it otherwise. Options that
 * are not set are absent, names without CONFIG_. {"value": null, "why": ...} where it cannot be had.
 */
json_t *pvtb_kernel_config_json(const char *root, const char *release);

#endif
