/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the migration engine and its two architecture halves (migrate/arm64, migrate/x86_64): what
 * a vCPU is made of, as items of the stream. Private to migrate/. All of it on a VM that is paused,
 * or has not run yet.
 */
#ifndef PVTB_MIGRATE_ARCH_H
#define PVTB_MIGRATE_ARCH_H

#include "migrate/counter.h"
#include "migrate/stream.h"
#include "vmm/vmm.h"

extern const enum pvtb_mig_arch pvtb_mig_arch;
/* The guest's counter is to have its own frequency on another host as well; else it has the host's. */
extern const bool pvtb_mig_arch_keeps_hz;

/* What could not be restored, knowingly: names for the report. */
struct pvtb_mig_skipped {
	unsigned int nr;
	char names[1024];
};
void pvtb_mig_skip(struct pvtb_mig_skipped *skipped, const char *name);

/* What the guest can see of its CPU, and whether this VM's vCPU is the same (-EXDEV: it is not). */
int pvtb_mig_arch_features(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
			   struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_mig_arch_check(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
			struct pvtb_err *err) PVTB_MUST_CHECK;

/* Everything but the counter, which is the methods'. */
int pvtb_mig_arch_save(struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_mig_items *items,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_mig_arch_load(struct pvtb_vm *vm, unsigned int vcpu, const void *items, size_t bytes,
		       struct pvtb_mig_skipped *skipped, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The same of what belongs to the VM as a whole. @real: kvmclock shall count the time in between; the
 * source's CLOCK_REALTIME + @real_offset_ns is this host's. */
int pvtb_mig_arch_save_vm(struct pvtb_vm *vm, struct pvtb_mig_items *items,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_mig_arch_load_vm(struct pvtb_vm *vm, const void *items, size_t bytes, bool real,
			  s64 real_offset_ns, struct pvtb_err *err) PVTB_MUST_CHECK;

/* Every timer's deadline by pvtb_mig_deadline(). Nothing where there are none. */
int pvtb_mig_arch_rescale(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_mig_rescale *r,
			  struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
