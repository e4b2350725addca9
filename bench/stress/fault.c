// SPDX-License-Identifier: GPL-2.0-only
/* Accesses that must end in the guest's own exception handler, with the right exception. */
#include "bench/stress/op.h"

#define X86_PAGE_FAULT 14
/* Slots of arm64's vector table: synchronous, from the current level and from a lower one. */
#define ARM64_SYNC_EL1 4
#define ARM64_SYNC_EL0 8

void st_must_fault(struct st_view *v, int x86_vector)
{
	int want = v->world->arch == PVTB_ARCH_X86_64 ? x86_vector
		   : v->user			      ? ARM64_SYNC_EL0
						      : ARM64_SYNC_EL1;

	if (v->fault != want)
		st_fail(v, "fault", "exception %d expected of step %llu at %#llx, got %d%s", want,
			(unsigned long long)v->step->kind, (unsigned long long)v->step->in[0],
			v->fault, v->fault == ST_NO_FAULT ? " (none)" : "");
}

static void judge(struct st_view *v)
{
	st_must_fault(v, X86_PAGE_FAULT);
}

static void unmapped(struct st_gen *g, struct pvtb_step *s)
{
	u64 bits = pvtb_random(g->random);

	s->kind = bits & 1 ? PVTB_STEP_READ64 : PVTB_STEP_WRITE64;
	s->in[0] = ST_UNMAPPED + pvtb_random_below(g->random, ST_UNMAPPED_SIZE - 8);
	if (bits & 6)
		s->in[0] &= ~7ULL;
}

ST_OP(fault_unmapped, .name = "fault.unmapped", .archs = PVTB_ARCH_ANY, .weight = 1,
      .levels = ST_BOTH, .faults = true, .summary = "loads and stores where nothing is mapped",
      .generate = unmapped, .judge = judge, .mutants = {{"none", "fault", st_no_fault}});

static void read_only(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_WRITE32;
	s->in[0] = PVTB_GPA_IMAGE + 4 * pvtb_random_below(g->random, 1024);
}

ST_OP(fault_read_only, .name = "fault.read_only", .archs = PVTB_ARCH_ANY, .weight = 1,
      .levels = ST_BOTH, .faults = true, .summary = "stores into the guest's own text",
      .generate = read_only, .judge = judge, .mutants = {{"none", "fault", st_no_fault}});
