/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the generic VMM (vmm/vmm.c) and its two architecture halves (vmm/x86_64, vmm/arm64).
 * Private to vmm/. A feature the architecture or the host lacks is -EOPNOTSUPP.
 */
#ifndef PVTB_VMM_ARCH_H
#define PVTB_VMM_ARCH_H

#include <linux/kvm.h>
#include <pthread.h>

#include "vmm/vmm.h"

struct pvtb_vcpu {
	struct pvtb_vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	struct pvtb_ctl *ctl; /* in guest memory */
	pthread_t thread;
	int tid;
	/* Host counter right before a command's first KVM_RUN and at its doorbell: the guest's own
	 * readings lie between the two. */
	u64 entered_ticks, doorbell_ticks;
	struct pvtb_cmd_result result; /* exit counts, filled by the run loop */
	void *arch;		       /* the architecture's own, freed by pvtb_arch_vcpu_free() */
	/* command hand-over and state: private to vmm.c */
	struct pvtb_vcpu_work *work;
};

struct pvtb_vm {
	struct pvtb_vm_spec spec; /* defaults filled in */
	struct pvtb_kvm_caps caps;
	u64 counter_hz; /* that the guest's really counts at */
	int kvm_fd;
	int fd;
	int run_size;
	u8 *mem; /* one memslot: guest physical [PVTB_GPA_IMAGE, + mem_bytes) */
	u64 mem_bytes;
	u64 map_bytes; /* what the guest's tables map from there on: memory and hole */
	struct pvtb_vcpu *vcpus;
	const struct pvtb_op *ops; /* op table inside the loaded image */
	size_t nr_ops;
	u64 ops_symbols[4]; /* the architecture's own image symbols, see pvtb_arch_symbols */
	void *arch;
};

/* e_machine of the guest image this build runs. */
extern const u16 pvtb_arch_elf_machine;
/* Names of symbols in guest.elf the architecture needs (exception vectors ...), NULL-ended, at
 * most 4; vmm.c resolves them into vm->ops_symbols in the same order. */
extern const char *const pvtb_arch_symbols[];

/* Fill caps from an open /dev/kvm (may create and destroy a throw-away VM). */
int pvtb_arch_kvm_probe(int kvm_fd, struct pvtb_kvm_caps *caps, struct pvtb_err *err);
/* KVM_CREATE_VM type argument for this host. */
unsigned long pvtb_arch_vm_type(int kvm_fd);
/* After KVM_CREATE_VM, memory and image; before vCPUs: filters, offsets, irqchip, page tables. */
int pvtb_arch_vm_init(struct pvtb_vm *vm, struct pvtb_err *err);
/* After KVM_CREATE_VCPU of each: features, constant registers, PV registrations. */
int pvtb_arch_vcpu_init(struct pvtb_vcpu *vcpu, struct pvtb_err *err);
/* After all vCPUs exist, before any runs: irqchip finalisation, LPT structure. */
int pvtb_arch_vm_ready(struct pvtb_vm *vm, struct pvtb_err *err);
/* Point the vCPU at entry(ctl_gpa) with this stack, at this level. Called on its thread. */
int pvtb_arch_vcpu_enter(struct pvtb_vcpu *vcpu, u64 entry, u64 stack_top, u64 ctl_gpa,
			 enum pvtb_level level, struct pvtb_err *err);
/*
 * Handle run->exit_reason. 0: re-enter; 1: the doorbell was rung; -errno: cannot go on. What is
 * the same everywhere never gets here: EINTR, KVM_EXIT_INTR, MMIO inside the page at PVTB_GPA_MMIO,
 * FAIL_ENTRY, INTERNAL_ERROR and SHUTDOWN are vmm.c's. Count the exit in vcpu->result.exit_*
 * (exit_other is counted by vmm.c when no other counter moved; user_exits always is).
 */
int pvtb_arch_handle_exit(struct pvtb_vcpu *vcpu, struct pvtb_err *err);
int pvtb_arch_counter_delta(struct pvtb_vcpu *vcpu, s64 *ret_delta, u64 *ret_unc,
			    struct pvtb_err *err);
/* The registers as they are now, for an exit that is no guest exception (timeout, KVM gave up):
 * vector is PVTB_VECTOR_NONE. Called on the vCPU's thread, outside KVM_RUN. */
#define PVTB_VECTOR_NONE (~0ULL)
void pvtb_arch_registers(struct pvtb_vcpu *vcpu, struct pvtb_fault *ret);
/* One line for err->why, several for people. */
void pvtb_arch_fault_line(const struct pvtb_fault *f, char *buf, size_t len);
void pvtb_arch_fault_dump(const struct pvtb_fault *f, FILE *out);
/* See pvtb_vm_get_counter() and its like. */
int pvtb_arch_get_counter(struct pvtb_vcpu *vcpu, u64 *ret_ticks, struct pvtb_err *err);
int pvtb_arch_set_counter(struct pvtb_vcpu *vcpu, u64 ticks, struct pvtb_err *err);
int pvtb_arch_set_counter_delta(struct pvtb_vcpu *vcpu, s64 delta, struct pvtb_err *err);
int pvtb_arch_scaled_counter(struct pvtb_vcpu *vcpu, u64 host_ticks, u64 *ret_ticks, u64 *ret_unc,
			     struct pvtb_err *err);
/* One counter offset for the whole VM, so that only vCPU 0 is asked for the above. */
extern const bool pvtb_arch_counter_is_vms;
/* Descriptor of an in-kernel irqchip that is a device; -1: none. */
int pvtb_arch_irqchip_fd(struct pvtb_vm *vm);
void pvtb_arch_vcpu_free(struct pvtb_vcpu *vcpu);
void pvtb_arch_vm_free(struct pvtb_vm *vm);

#endif
