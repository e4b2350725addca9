/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a file in bench/ is: one descriptor, registered by itself. `pvtb list`, `run`, help and
 * the result come from it; nothing else is edited to add a benchmark.
 */
#ifndef PVTB_BENCH_H
#define PVTB_BENCH_H

#include <pthread.h>

#include "arch/counter.h"
#include "core/err.h"
#include "core/util.h"
#include "results/result.h"
#include "timeline/exit_reason.h"
#include "timeline/join.h"
#include "trace/trace.h"
#include "vmm/vmm.h"

enum pvtb_arch {
	PVTB_ARCH_X86_64 = 1,
	PVTB_ARCH_ARM64 = 2,
	PVTB_ARCH_ANY = 3,
};

struct pvtb_profile {
	const char *name; /* "quick", "standard", "long", "brief" */
	u64 samples;	  /* single mode, native */
	u64 samples_emulated;
	u64 batches; /* batch mode */
	u64 batches_emulated;
	u64 samples_vmm_emulated; /* operations that leave for user space are slow to emulate */
	u64 warmup;
	u64 seconds; /* scenario length (stolen time) */
};

/* What a benchmark gets to run in: one host, one result being built. */
struct pvtb_run {
	const struct pvtb_profile *profile;
	struct pvtb_kvm_caps caps;
	enum pvtb_arch arch;
	bool emulated; /* this host is an emulated one (the lab) */
	bool deterministic;
	struct pvtb_trace *trace; /* NULL: no witness (why in trace_why) */
	struct pvtb_err trace_why;
	struct pvtb_err no_kvm; /* code 0: there is KVM */
	struct pvtb_host_result *host;
	struct pvtb_guardian *guardian; /* puts the host back if this process is killed; or NULL */
	const char *dir;		/* result directory being written */
	int vcpu_cpu, harness_cpu;	/* placement, -1: not pinned */
	bool slew;			/* asked for: the host's clock may be slewed */
	int link_fd;	  /* of a pair of hosts, what joins them; -1: there is one host */
	bool link_target; /* ... and this is the second of them: it does what the first one asks */
	struct pvtb_progress *progress;
	struct pvtb_clock_pair pairs[256]; /* counter against CLOCK_MONOTONIC, over the whole run */
	unsigned int nr_pairs;
	u64 lost_before;      /* lost records already charged to a window */
	char *const *filters; /* BENCH or BENCH.VARIANT as asked for; NULL: all */
	size_t nr_filters;
};

/* One measured operation. */
struct pvtb_variant {
	const char *name;
	const char *summary;
	enum pvtb_arch archs;
	const char *op; /* in the guest image */
	enum pvtb_level level;
	u64 args[8];
	enum pvtb_law law;
	/* Where KVM decides it by the host; NULL: always .law. Ask pvtb_variant_law(). */
	enum pvtb_law (*law_here)(const struct pvtb_run *run);
	/* The host can do it, too: "no exit seen" is compared with what it costs there. */
	enum pvtb_arch_read native;
	enum pvtb_reason_class reason; /* ONE_EXIT: what kind of exit */
	bool to_vmm;		       /* leaves for user space: fewer samples, wider tolerance */
	const char *baseline; /* op whose cost is subtracted, NULL: "empty" at that level */
	const char *provider; /* "kvm", "vmm", "el2", "guest", "cpu" */
	void (*shape)(const struct pvtb_run *run, struct pvtb_vm_spec *spec); /* may be NULL */
	/* 0, or -EOPNOTSUPP with the reason in err->why: becomes a SKIP. May be NULL. */
	int (*needs)(const struct pvtb_run *run, struct pvtb_err *err);
	/* Check of ret[] after the run ("PV_TIME_ST answers an address"); may be NULL. */
	int (*check)(const struct pvtb_run *run, const struct pvtb_cmd_result *res,
		     struct pvtb_err *err);
};

static inline enum pvtb_law pvtb_variant_law(const struct pvtb_variant *v,
					     const struct pvtb_run *run)
{
	return v->law_here ? v->law_here(run) : v->law;
}

struct pvtb_bench {
	const char *name;    /* [a-z0-9_]+ */
	const char *summary; /* one line */
	const char *source;  /* where the operation is specified */
	const struct pvtb_variant *variants;
	size_t nr_variants;
	/* Instead of the array, where the variants are files of their own: the same answer each time.
	 * May be NULL. Ask pvtb_bench_variants(). */
	const struct pvtb_variant *(*list)(size_t *ret_nr);
	bool by_name_only; /* not part of a run that names no benchmark */
	bool linked;	   /* knows what to do with two hosts that are joined */
	/* Where KVM is not there to be measured: the labs that `auto` stands for when this one is asked
	 * for by name, NULL-ended. NULL: the usual ones, which count instructions. */
	const char *const *labs;
	/*
	 * Of enum pvtb_fact, what it cannot do without: where that is not recorded, it is a SKIP with the
	 * reason. Latency benchmarks do without, and their checks of exits are inconclusive then.
	 */
	u32 facts;
	bool without_kvm; /* measures nothing of KVM's: runs on any machine */
	bool untraced;	  /* about the tracing itself: the run's session is closed meanwhile */
	/* NULL: pvtb_latency_run, which measures every variant as METHOD describes. */
	int (*run)(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err);
};

/* Was this variant asked for? (no filters: yes) */
bool pvtb_run_wants(const struct pvtb_run *run, const char *bench, const char *variant);
/*
 * Variants that are made of descriptors of a benchmark's own kind: what its list() keeps. Of each variant
 * of[] has the descriptor it was made of. Not to be moved; starts as PVTB_LISTED.
 */
#define PVTB_LISTED_MAX 64
struct pvtb_listed {
	pthread_mutex_t lock;
	bool made;
	size_t nr;
	const void *of[PVTB_LISTED_MAX];
	struct pvtb_variant variants[PVTB_LISTED_MAX];
};
#define PVTB_LISTED                                                                                \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}
enum pvtb_listed_order { PVTB_LISTED_AS_GIVEN, PVTB_LISTED_BY_NAME };
/* The first time, @describe makes the variants of @nr descriptors of @size bytes at @items; the variants,
 * each time. From any thread. */
const struct pvtb_variant *pvtb_listed(struct pvtb_listed *l, const void *items, size_t nr,
				       size_t size, enum pvtb_listed_order order,
				       void (*describe)(const void *item, struct pvtb_variant *ret),
				       size_t *ret_nr);

/*
 * How a variant ended, of a benchmark with a run() of its own: what cannot be measured here is a SKIP,
 * what went wrong is INVALID, with the reason of @err, and both leave the other variants be: 0. Only
 * an interruption and a lack of memory are returned.
 */
int pvtb_variant_settle(struct pvtb_variant_result *v, int ret, struct pvtb_err *err);
/* Every variant of @bench that was asked for and is of this architecture, measured by @measure, which is
 * told its place among them, and settled. */
int pvtb_variants_run(const struct pvtb_bench *bench, struct pvtb_run *run,
		      int (*measure)(struct pvtb_run *run, size_t which,
				     struct pvtb_variant_result *v, struct pvtb_err *err),
		      struct pvtb_err *err) PVTB_MUST_CHECK;

/* Measure every variant of a latency benchmark: bench/latency/. */
int pvtb_latency_run(const struct pvtb_bench *bench, struct pvtb_run *run,
		     struct pvtb_err *err) PVTB_MUST_CHECK;

/* Pointers, not structs, in the section: padding between structs is the compiler's business. The
 * section is not called pvtb_benches(), or the assembler would take calls of that for jumps into it. */
#define PVTB_BENCH(b)                                                                              \
	static const struct pvtb_bench *const pvtb_bench_ptr_##b                                   \
		__attribute__((used, section("pvtb_bench_ptrs"))) = &(b)

/* Sorted by name. */
size_t pvtb_benches(const struct pvtb_bench *const **ret);
/* Names, architectures, laws; called when the program starts (ops are checked at load). */
int pvtb_benches_check(struct pvtb_err *err) PVTB_MUST_CHECK;
const struct pvtb_bench *pvtb_bench_find(const char *name);
/* Its variants, listed or generated. */
const struct pvtb_variant *pvtb_bench_variants(const struct pvtb_bench *bench, size_t *ret_nr);

#endif
