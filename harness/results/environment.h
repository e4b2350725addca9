/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The environment record: everything about a host that can move a number. Reads /proc, /sys and
 * asks the libraries; changes nothing, never fails: what cannot be read is
 * {"value": null, "why": "..."}.
 */
#ifndef PVTB_ENVIRONMENT_H
#define PVTB_ENVIRONMENT_H

#include <jansson.h>

#include "core/util.h"

struct pvtb_environment_opts {
	const char *root;    /* prefix of /proc, /sys and /etc: "" or a test's tree */
	const json_t *kvm;   /* what KVM can do, see cmd/host.h; NULL: not probed */
	const char *tracing; /* why eBPF sees nothing; "": it does; NULL: not asked */
	int vcpu_cpu;	     /* CPU measured on; -1: none chosen */
	bool emulated;	     /* a lab host */
	bool deterministic;
	const char *qemu; /* version of the QEMU around a lab host; NULL: not known */
};

/* A new object; NULL only when out of memory. */
json_t *pvtb_environment(const struct pvtb_environment_opts *opts);

/*
 * What was not controlled, most harmful first, short lines ("governor ondemand", "SMT on",
 * "runs under a hypervisor (KVM)"), from such a record: an array of strings. Nothing is claimed
 * about what could not be read but that it is unknown. NULL only when out of memory.
 */
json_t *pvtb_environment_not_controlled(const json_t *environment);

/* A string of the record by path ("cpu.model"), or NULL. Borrowed. */
const char *pvtb_environment_string(const json_t *environment, const char *path);

#endif
