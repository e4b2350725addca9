/* SPDX-License-Identifier: GPL-2.0-only */
/* What the engine's files share: the VM under stress, its vCPUs, what the host does to them. */
#ifndef PVTB_STRESS_ENGINE_H
#define PVTB_STRESS_ENGINE_H

#include "bench/stress/internal.h"
#include "stats/hist.h"
#include "trace/trace.h"
#include "timeline/exit_reason.h"

#define ST_BATCH      256
#define ST_RING_BYTES (128ULL << 10) /* per vCPU: its steps */
#define ST_RECS	      1024	     /* host records read at a time */
#define ST_MATCHES    4

_Static_assert(ST_BATCH *PVTB_STEP_BYTES <= ST_RING_BYTES, "a batch fits its ring");

struct st_engine;

struct st_vcpu {
	struct st_engine *e;
	unsigned int index;
	struct st_draw draw;
	u64 done;	 /* operations since the VM was made */
	u64 total;	 /* and in all */
	size_t next_cmd; /* of a given stream */
	bool finished;	 /* nothing more to run */
	struct st_shadow shadow;
	/* The batch that runs. */
	const struct st_op *ops[ST_BATCH];
	unsigned int places[ST_BATCH];
	int faults[ST_BATCH];
	size_t nr, base; /* steps; the one the guest was sent to last */
	bool user;
	u64 real_before_ns;
	/* Threads: how often another took over, in this command and since the last batch. */
	unsigned int nested;
	bool replaced;
	int tid; /* of the thread that runs it now; atomic */
	/* Host records. */
	struct pvtb_stream *stream;
	u64 mark, seen[ST_NR_CLASSES], lost, missed;
	struct pvtb_rec recs[ST_RECS];
	struct pvtb_hist *hists; /* per operation, since the last window */
	u64 batches, nr_faults, user_exits, hits, expected, counted, unjudged, longest;
	u64 all_lost, unreadable; /* of VMs before this one, too */
	unsigned int longest_place;
};

struct st_slots {
	u8 *backings[ST_BACKINGS];
	unsigned int which, place; /* what is where now */
	bool there;
};

struct st_engine {
	const struct st_plan *plan;
	struct st_world world;
	const struct st_op *const *ops;
	size_t nr_ops;
	struct pvtb_vm *vm;
	struct st_vcpu *vcpus;
	unsigned int nr;
	u64 vm_number;
	bool variant;
	u64 round_end_ns, end_ns;
	u32 stop;		  /* atomic */
	u32 quit;		  /* atomic: for the threads of the host's actions */
	pthread_mutex_t lock;	  /* the VM, while somebody does something to it */
	pthread_mutex_t lpt_lock; /* the VM, too, for whoever rewrites its LPT; after lock */
	pthread_mutex_t bad_lock;
	struct st_violation bad;
	struct st_slots slots;
	u64 action_random;
	u64 action_counts[ST_NR_ACTIONS];
	u64 next_vm_ns;
	s64 delta_ticks; /* guest counter - host's, arm64 */
	u64 clock_ns;	 /* x86: the last KVM_GET_CLOCK */
	struct pvtb_reason_match matches[ST_NR_CLASSES][ST_MATCHES];
	size_t nr_matches[ST_NR_CLASSES];
	int kmsg;
	u64 lost, klog_lines;
};

/* The first violation is kept, and ends the run. From any thread. */
void st_engine_violation(struct st_engine *e, const struct st_violation *bad);

/* vm.c: the VM and its window; what its exits are answered with. */
int st_vm_make(struct st_engine *e, struct pvtb_err *err) PVTB_MUST_CHECK;
void st_vm_drop(struct st_engine *e);
/* The window's memslot: present at @place with @which behind it, or gone. 0 or -errno. */
int st_slots_set(struct st_engine *e, bool there, unsigned int place, unsigned int which);
int st_slots_new(struct st_slots *s);
void st_slots_free(struct st_slots *s);

/* batch.c: on the vCPUs' threads. */
bool st_batch_again(void *opaque, unsigned int vcpu, struct pvtb_ctl *ctl, enum pvtb_level *level);
void st_batch_enter(void *opaque, unsigned int vcpu);
void st_batch_leave(void *opaque, unsigned int vcpu);
void st_batch_hand_over(void *opaque, unsigned int vcpu);
int st_batch_take_over(void *opaque, unsigned int vcpu, struct pvtb_err *err);
int st_batch_thread_start(void *opaque, unsigned int vcpu, struct pvtb_err *err);
void st_batch_thread_stop(void *opaque, unsigned int vcpu);

/* actions.c: threads of their own. */
struct st_actors {
	struct st_engine *e;
	pthread_t actions, lpt;
	bool has_actions, has_lpt;
};
int st_actors_start(struct st_engine *e, struct st_actors *a, struct pvtb_err *err) PVTB_MUST_CHECK;
void st_actors_stop(struct st_actors *a);
/* One of eight ways to write the ratio 3/2. */
#define ST_LPT_MULT	(3ULL << 61)
#define ST_LPT_FRACBITS 62
void st_lpt_publish(struct st_engine *e, unsigned int version);

#endif
