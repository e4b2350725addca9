/* SPDX-License-Identifier: GPL-2.0-only */
/* Owns: a vCPU's thread, the command handed to it and the run loop. Private to vmm/. */
#ifndef PVTB_VMM_VCPU_H
#define PVTB_VMM_VCPU_H

#include "vmm/arch.h"

/* Create the thread: pinned, thread_start() called, waiting for a command. vcpu->work is NULL
 * before and after a failure. */
int pvtb_vcpu_thread_new(struct pvtb_vcpu *vcpu, struct pvtb_err *err) PVTB_MUST_CHECK;
/* Abort what runs, end the thread, join it. Without a thread: nothing. */
void pvtb_vcpu_thread_free(struct pvtb_vcpu *vcpu);

int pvtb_vcpu_start(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, const struct pvtb_cmd *cmd,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vcpu_wait(struct pvtb_vcpu *vcpu, unsigned int timeout_ms, struct pvtb_cmd_result *ret,
		   struct pvtb_err *err) PVTB_MUST_CHECK;

/* See pvtb_vm_adopt(), pvtb_vm_pause() and pvtb_vm_resume(). */
int pvtb_vcpu_adopt(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, enum pvtb_level level,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_vcpu_pause(struct pvtb_vcpu *vcpu, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_vcpu_resume(struct pvtb_vcpu *vcpu);

/* See pvtb_vm_replace_thread(). */
void pvtb_vcpu_replace(struct pvtb_vcpu *vcpu);

/*
 * For the VMM itself: run @op once (LOOP mode, count 1: the ring is left alone), without the
 * caller's hooks. Blocks; -EBUSY while a command runs.
 */
int pvtb_vcpu_run_once(struct pvtb_vcpu *vcpu, const char *op, enum pvtb_level level,
		       struct pvtb_cmd_result *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* vmm.c: NULL when the image has no such op. */
const struct pvtb_op *pvtb_vm_find_op(struct pvtb_vm *vm, const char *name);

#endif
