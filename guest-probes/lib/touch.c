// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: the op that touches every page an op may use. KVM maps guest memory when it is first
 * touched, by an exit: run once on each vCPU before its first command, so that no measurement
 * pays for it and no exit of this kind has its pc in an op.
 */
#include "lib/op.h"

#define PAGE 4096

PVTB_OP_ENTRY(touch, "touch")
{
	struct pvtb_done done = {0};
	u64 end = ctl->ring_gpa + ctl->ring_len * sizeof(struct pvtb_sample);
	u64 gpa;

	for (gpa = ctl->ring_gpa; gpa < end; gpa += PAGE)
		__atomic_store_n((u64 *)gpa, 0, __ATOMIC_RELAXED);
	for (gpa = PVTB_GPA_PV; gpa < PVTB_GPA_SCRATCH; gpa += PAGE)
		done.ret[0] += __atomic_load_n((u64 *)gpa, __ATOMIC_RELAXED);
	__atomic_store_n((u64 *)(PVTB_GPA_SCRATCH + ctl->vcpu * PAGE), 0, __ATOMIC_RELAXED);
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}
