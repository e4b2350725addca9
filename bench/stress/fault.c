// SPDX-License-Identifier: GPL-2.0-only
/* Accesses that must end in the guest's own exception handler, with the right exception. */
#include "bench/stress/op.h"

/* Slots of arm64's vector table: synchronous, from the current level and from a lower one. */
#define ARM64_SYNC_EL1 4
#define ARM64_SYNC_EL0 8
/* x86: a page fault's error code */
#define X86_PAGE_FAULT 14
#define PF_PRESENT     1
#define PF_WRITE       2
#define PF_USER	       4

int st_arm64_fault(const struct st_view *v, unsigned int class)
{
	return ST_FAULT(v->user ? ARM64_SYNC_EL0 : ARM64_SYNC_EL1, class);
}

static const char *name_of(int fault, char *buf, size_t size)
{
	if (fault == ST_NO_FAULT)
		return "none";
	snprintf(buf, size, "%#x", fault);
	return buf;
}

void st_must_fault(struct st_view *v, int expected)
{
	char got[16], want[16];

	if (v->fault != expected)
		st_fail(v, "fault", "exception %s of step %llu with %#llx, %#llx, expected %s",
			name_of(v->fault, got, sizeof(got)), (unsigned long long)v->step->kind,
			(unsigned long long)v->step->in[0], (unsigned long long)v->step->in[1],
			name_of(expected, want, sizeof(want)));
}

static void must_abort(struct st_view *v, unsigned int present)
{
	bool write = v->step->kind == PVTB_STEP_WRITE64 || v->step->kind == PVTB_STEP_WRITE32;

	if (v->world->arch == PVTB_ARCH_ARM64)
		st_must_fault(v,
			      st_arm64_fault(v, v->user ? ST_ARM64_ABORT_EL0 : ST_ARM64_ABORT_EL1));
	else
		st_must_fault(v, ST_FAULT(X86_PAGE_FAULT, present | (write ? PF_WRITE : 0) |
								  (v->user ? PF_USER : 0)));
}

static void judge_unmapped(struct st_view *v)
{
	must_abort(v, 0);
}

static void judge_read_only(struct st_view *v)
{
	must_abort(v, PF_PRESENT);
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
      .generate = unmapped, .judge = judge_unmapped,
      .mutants = {{"none", "fault", st_no_fault}, {"other", "fault", st_other_fault}});

static void read_only(struct st_gen *g, struct pvtb_step *s)
{
	s->kind = PVTB_STEP_WRITE32;
	s->in[0] = PVTB_GPA_IMAGE + 4 * pvtb_random_below(g->random, 1024);
}

ST_OP(fault_read_only, .name = "fault.read_only", .archs = PVTB_ARCH_ANY, .weight = 1,
      .levels = ST_BOTH, .faults = true, .summary = "stores into the guest's own text",
      .generate = read_only, .judge = judge_read_only,
      .mutants = {{"none", "fault", st_no_fault}, {"other", "fault", st_other_fault}});
