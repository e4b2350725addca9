/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of bench/lpt/ share: a VM whose LPT structure we fill, readings from inside it,
 * and readings while a thread of ours updates it. Needs nothing of KVM but a guest: the ops are
 * given the structure's address, so no call has to come through.
 */
#ifndef PVTB_BENCH_LPT_H
#define PVTB_BENCH_LPT_H

#include "abi/lpt.h"
#include "bench.h"
#include "stats/lpt_judge.h"

#define LPT_MAX_VCPUS 4
#define LPT_YEAR_S    31557600ULL /* Julian */
#define LPT_YEARS     10
#define LPT_VERSIONS  8

struct lpt_vm {
	struct pvtb_run *run;
	struct pvtb_vm *vm;
	unsigned int nr_vcpus;
};

/* @nr_vcpus apart from the harness where there are CPUs enough, sharing the others where not. */
int lpt_vm_new(struct pvtb_run *run, unsigned int nr_vcpus, struct lpt_vm *ret,
	       struct pvtb_err *err) PVTB_MUST_CHECK;
void lpt_vm_free(struct lpt_vm *v);
/* The structure vCPU @vcpu is given; one for all of them unless @own. */
u64 lpt_address(unsigned int vcpu, bool own);
struct pvtb_lpt *lpt_structure(const struct lpt_vm *v, unsigned int vcpu, bool own);

/* What a right provider fills in. Hz beyond 32 bits have no room in the structure: those members
 * stay 0, the coefficients do not care. */
int lpt_right(u64 native_hz, u64 pv_hz, struct pvtb_lpt *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

struct lpt_pairs {
	struct pvtb_sample *pairs; /* in the VM's ring: valid until the next command */
	size_t n;
	u64 seq_first, seq_last;
};
/* @n readings on @vcpu, the counter aged by 0 to LPT_YEARS years of @native_hz in turn (0: as it
 * is); @mask as in op lpt_pair. */
int lpt_read(struct lpt_vm *v, unsigned int vcpu, bool own, u64 native_hz, u64 mask, u64 n,
	     struct lpt_pairs *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- updates while vCPUs read ---- */

struct lpt_writer {
	struct pvtb_lpt *shared;
	struct pvtb_lpt versions[LPT_VERSIONS]; /* one ratio, written in as many ways */
	u64 gap_ns;				/* between two updates; 0: none */
	void (*update)(struct lpt_writer *w, const struct pvtb_lpt *next);
	u64 updates;
	u64 wall_ns;
	u32 stop;
};

struct lpt_stress {
	struct lpt_writer writer;
	struct pvtb_lpt_watch watch[LPT_MAX_VCPUS];
	u64 wall_ns;
};

#define LPT_SEEN_MIN 10 /* updates that each vCPU has to have seen, or nothing was shown */
/* Fills @s: fills the structure, lets every vCPU read for @run_ns while @update writes; longer, where
 * a busy host has kept them apart so far that a vCPU has not seen LPT_SEEN_MIN updates yet. */
int lpt_stress(struct lpt_vm *v, u64 run_ns, u64 gap_ns,
	       void (*update)(struct lpt_writer *w, const struct pvtb_lpt *next),
	       struct lpt_stress *s, struct pvtb_err *err) PVTB_MUST_CHECK;
/* pvtb_lpt_publish() */
void lpt_update_right(struct lpt_writer *w, const struct pvtb_lpt *next);

/* updates.c: variants "updates_N" */
int lpt_updates(struct pvtb_run *run, unsigned int nr_vcpus, u64 gap_ns,
		struct pvtb_variant_result *v, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
