/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside bench/steal: the two halves of a scenario's run. Measuring leaves files and the few numbers
 * below, which fit into memory shared with a child process; judging reads them.
 */
#ifndef PVTB_BENCH_STEAL_ENGINE_H
#define PVTB_BENCH_STEAL_ENGINE_H

#include "bench/steal/steal.h"
#include "timeline/steal.h"

#define STEAL_PAIRS 64
#define STEAL_NAMES 128

/*
 * The VMM's own structure is true as of the VMM's last visit, not as of the last entry: KVM enters the
 * guest again after a preemption without asking us. So what a sample is compared with are K's values
 * at these moments. When they were is all that is taken from the provider; K stays eBPF's.
 */
struct steal_visit {
	u64 left_ns; /* out of the guest by then */
	u64 ns;	     /* run_delay was read; no switch between this and the reading */
};
/* A second at the rates used here, several times over. */
#define STEAL_VISITS 65536

struct steal_vcpu {
	pid_t tid;
	u64 start_ns, end_ns; /* the thread's own stamps around what is judged */
	/* run_delay then, by /proc: the first and the last value where no entry is witnessed */
	u64 k_start_ns, k_end_ns;
	s64 delta_ticks; /* guest counter - host counter */
	u64 delta_unc_ticks;
	/* arm64: run_delay when PV_TIME_ST was handled */
	bool call_known;
	u64 call_k_ns;
	u64 lost_first_ns; /* lose_first: run_delay before the guest asked */
	u64 samples, samples_lost;
	u64 records, records_lost;
	u64 rec_first, rec_end; /* positions in its stream */
	u64 switches;		/* between them, by the kernel's own count */
	/* where the VMM provides: STEAL_VISITS of them */
	struct steal_visit *visits;
	u64 nr_visits, visits_lost;
	/* another thread went on, with a stream of its own, in which rec_end is: */
	u64 turn_end, turn_first;
	u64 turn_ns; /* it began */
	u64 turn_old_k_ns, turn_k_ns;
};

/* A thread that had the CPU instead. */
struct steal_name {
	u32 pid;
	char comm[16];
	char cgroup[256];
};

struct steal_measured {
	/* between the process that measures and the one that makes it lose time */
	u32 ready; /* the vCPUs' threads are there */
	u32 go;	   /* the load is there, too; the guest may run */
	u32 ended; /* the guest has been told to stop */
	int ret;
	struct pvtb_err err;
	struct steal_vcpu vcpus[PVTB_STEAL_MAX_VCPUS];
	struct pvtb_clock_pair pairs[STEAL_PAIRS];
	unsigned int nr_pairs;
	bool sees_user;	    /* exits to user space are told apart */
	u64 host_stolen_ns; /* from the vCPUs' CPU, by this host's own hypervisor */
	struct steal_name names[STEAL_NAMES];
	unsigned int nr_names;
};

/* Where raw data of vCPU @vcpu goes, relative to the result directory. */
void steal_path(char *buf, size_t len, const struct pvtb_steal_ctx *ctx, const char *what,
		unsigned int vcpu);

/* late_start.c: vCPU 0 beside a hog until its thread has waited so long, by run_delay; x86: then the guest
 * enables stolen time. */
#define STEAL_LOST_FIRST_NS 50000000ULL
int steal_lose_first(struct pvtb_steal_ctx *ctx, struct pvtb_vm *vm, u64 *ret_ns,
		     struct pvtb_err *err) PVTB_MUST_CHECK;

/* At most that far apart are the counter and the value of one sample. */
u64 steal_read_ns(const struct pvtb_steal_ctx *ctx);

struct steal_hooks {
	/* Called when the threads are there, and when the guest was told to stop. */
	int (*start)(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
	int (*stop)(struct pvtb_steal_ctx *ctx, struct pvtb_err *err);
	bool forked; /* in a child: without its parent's tracing threads */
};
/* Run the VM; @m is zeroed memory, possibly shared. */
int steal_measure(struct pvtb_steal_ctx *ctx, const struct steal_hooks *hooks,
		  struct pvtb_trace *trace, struct steal_measured *m,
		  struct pvtb_err *err) PVTB_MUST_CHECK;

/* Read it back and add laws, metrics, tables and files to @v. */
int steal_judge(struct pvtb_steal_ctx *ctx, struct steal_measured *m, struct pvtb_variant_result *v,
		struct pvtb_err *err) PVTB_MUST_CHECK;

/* The join alone: one result per vCPU. */
int steal_join(struct pvtb_steal_ctx *ctx, struct steal_measured *m, struct pvtb_steal_result *ret,
	       struct pvtb_err *err) PVTB_MUST_CHECK;

/* The variant that a scenario becomes; who tells the guest of stolen time is @provider. */
struct pvtb_variant steal_variant_of(const struct pvtb_steal_scenario *sc, const char *provider);

/* One scenario from beginning to end, into @v. What cannot be measured is a SKIP and what went wrong
 * is INVALID: neither is an error. @trace keeps the session from one scenario to the next: NULL at
 * first, the caller closes it. */
int steal_run_one(const struct pvtb_steal_scenario *sc, struct pvtb_run *run,
		  struct pvtb_trace **trace, struct pvtb_variant_result *v,
		  struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
