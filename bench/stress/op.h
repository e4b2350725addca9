/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a family of stress operations is written with: a file each, whose descriptors register
 * themselves. An operation is one step of the guest's command stream (guest-probes/abi/stream.h): how
 * its arguments are drawn, and how its answer is judged. The same file says which wrong answers its
 * judge has to notice.
 *
 * Both architectures' families are in every build, as the conformance catalogue is: numbers and
 * layouts are in bench/conformance/uapi.h.
 */
#ifndef PVTB_STRESS_OP_H
#define PVTB_STRESS_OP_H

#include <pthread.h>

#include "abi/stream.h"
#include "bench.h"
#include "bench/conformance/uapi.h"
#include "core/random.h"

/* ---- guest-physical places, the same for any number of vCPUs ---- */

/* A vCPU's own words: nobody else writes them. */
#define ST_WORDS(vcpu)	    (PVTB_GPA_SCRATCH + 0x1000ULL * (vcpu))
#define ST_WORDS_BYTES	    2048ULL
/* 64 bytes each, for calls that write a structure. */
#define ST_PAIR(vcpu, slot) (ST_WORDS(vcpu) + ST_WORDS_BYTES + 64ULL * (slot))
#define ST_PAIRS	    32
#define ST_STEAL(vcpu)	    (PVTB_GPA_STEAL + 64ULL * (vcpu))
#define ST_CLOCK(vcpu)	    (PVTB_GPA_PVCLOCK + 64ULL * (vcpu))

/* The window: two places of 1 MiB, of which one memslot fills one, the other or none. */
#define ST_WINDOW	  (PVTB_GPA_IMAGE + (32ULL << 20))
#define ST_WINDOW_SLOT	  (1ULL << 20)
#define ST_WINDOW_END	  (ST_WINDOW + 2 * ST_WINDOW_SLOT)
#define ST_WINDOW_STEAL	  0x00000ULL /* 64 bytes a vCPU */
#define ST_WINDOW_CLOCK	  0x10000ULL
#define ST_WINDOW_JUNK	  0x40000ULL /* written by guests, read by nobody */
#define ST_WINDOW_PATTERN 0x80000ULL /* up to the end: words that say where they are */
#define ST_ABSENT	  (~0ULL)    /* what the VMM answers where there is no memory */
#define ST_BACKINGS	  2

/* The word at @offset of backing @which. */
static inline u64 st_pattern(unsigned int which, u64 offset)
{
	return 0x5057000000000000ULL | (u64)(which + 1) << 40 | offset;
}

/* No memory, and no translation either, on both architectures. */
#define ST_UNMAPPED	 0x4000000000ULL /* up to twice that */
#define ST_UNMAPPED_SIZE 0x4000000000ULL

/* What the host does to the guests meanwhile: a bit each. */
enum st_action {
	ST_ACT_OFFSET,	/* counter offsets (arm64: the VM's; x86: a vCPU's), forwards only */
	ST_ACT_CLOCK,	/* x86: KVM_GET_CLOCK, KVM_SET_CLOCK forwards, KVM_KVMCLOCK_CTRL */
	ST_ACT_SLOTS,	/* the window's memslot moved, exchanged, removed */
	ST_ACT_MOVE,	/* vCPU threads moved to other CPUs */
	ST_ACT_PAUSE,	/* vCPU threads taken out of the guest for a while */
	ST_ACT_REPLACE, /* another thread takes the vCPU; the one before ends */
	ST_ACT_LPT,	/* the LPT structure rewritten at full speed */
	ST_ACT_VMS,	/* other VMs made and destroyed */
	ST_ACT_DIRTY,	/* KVM's dirty log switched on, read, switched off */
	ST_ACT_REBUILD, /* the VM itself destroyed and made anew, every few rounds */
	ST_NR_ACTIONS,
};
#define ST_ACT_ALL ((1U << ST_NR_ACTIONS) - 1)
extern const char *const st_action_names[ST_NR_ACTIONS];

/* ---- what an operation knows when it is judged ---- */

#define ST_NO_FAULT	       (-1)
/* An exception. x86: vector and error code; arm64: slot of the vector table and exception class. */
#define ST_FAULT(vector, code) ((int)((code) << 8 | (vector)))
#define ST_RULE_BYTES	       24
#define ST_TEXT_BYTES	       320
#define ST_MSRS		       4
#define ST_TIMER_REGS	       16

struct st_violation {
	bool found;
	char rule[ST_RULE_BYTES]; /* "return", "clobber", ... */
	char text[ST_TEXT_BYTES]; /* expected, got */
	const struct st_op *op;	  /* NULL: of no single operation */
	unsigned int vcpu;
	u64 index; /* of the operation among its vCPU's */
	struct pvtb_step step;
};

/* What must not change as long as the VM lives, and is learned from the first answer. */
struct st_learned {
	u64 key;
	u64 value;
};
#define ST_LEARNED 64

/* Of one VM, constant while its vCPUs run, but for what has a lock. */
struct st_world {
	struct pvtb_kvm_caps caps;
	enum pvtb_arch arch;
	unsigned int nr_vcpus;
	bool forward;	  /* arm64: PV_TIME_FEATURES and PV_TIME_LPT are the VMM's to answer */
	bool offsets;	  /* x86: TSC offsets are set while vCPUs run, and kvmclock follows late */
	bool steal;	  /* a stolen-time structure is registered (arm64), or may be (x86) */
	bool one_counter; /* the physical counter shows what the virtual one does */
	u64 lpt_mult;
	u32 lpt_fracbits;
	const void *(*gpa)(void *ctx, u64 gpa); /* guest memory, NULL outside */
	void *gpa_ctx;
	pthread_mutex_t learned_lock;
	struct st_learned learned[ST_LEARNED];
	unsigned int nr_learned;
};

/* Of one vCPU, since its VM was made: what the operations so far must have come to. */
struct st_shadow {
	unsigned int vcpu;
	u64 last_ticks; /* virtual counter */
	u64 last_pct;
	/* Stolen time in its own place (not the window). */
	u64 steal_ns;
	bool steal_known;
	/* The vCPU's thread was replaced in this batch: KVM tells the new one's waiting from then on. */
	bool steal_loose;
	/* x86: that was so at some time since stolen time was registered in its own place: if it was not
	 * registered there then, the difference comes with the next registration. */
	bool steal_owed;
	u8 words[ST_WORDS_BYTES];
	u64 timer[ST_TIMER_REGS];
	bool timer_known[ST_TIMER_REGS];
	u64 msr[ST_MSRS]; /* x86: as the guest wrote them, enum st_msr */
	u64 clock_ns;
	bool clock_known;
	u64 unreadable; /* readings of a structure that never was whole while it was tried */
};

struct st_view {
	struct st_world *world;
	struct st_shadow *shadow;
	/* The batch this step is of, so that it can be seen what came after. */
	struct pvtb_step *steps;
	size_t nr, at;
	struct pvtb_step *step;		   /* &steps[at] */
	int fault;			   /* exception that ended it, or ST_NO_FAULT */
	bool user;			   /* it ran at EL0, ring 3 */
	bool op_faults;			   /* it may have one */
	u64 real_before_ns, real_after_ns; /* the host's CLOCK_REALTIME around the batch */
	struct st_violation *bad;
};

/* Record what was expected and what came, unless something was already. */
void st_fail(struct st_view *v, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* got == expected, or a violation of @rule. */
bool st_equal(struct st_view *v, const char *rule, u64 got, u64 expected, const char *what);
/* The answer is always the same; @key tells one such answer from another. */
void st_constant(struct st_view *v, u64 key, u64 got, const char *what);
/* low <= got <= high */
bool st_within(struct st_view *v, const char *rule, u64 got, u64 low, u64 high, const char *what);

/* ---- descriptors ---- */

/* What one such operation costs in exits, for their conservation. */
enum st_exits {
	ST_EXITS_ANY = 0, /* not counted */
	ST_EXITS_CALL,	  /* one exit of the class hypercall */
	ST_EXITS_SMC,	  /* the same by SMC; HVC is answered before there is an exit */
	ST_EXITS_MSR,
	ST_EXITS_TSC, /* RDMSR of the TSC: one of the class MSR, but VMX passes it through */
	ST_EXITS_CPUID,
};

/* A wrong answer between guest and judge. */
struct st_mutant {
	const char *name;		  /* "return": `--mutant smccc.version.return` */
	const char *rule;		  /* the violation it must be called */
	void (*apply)(struct st_view *v); /* NULL: an exit is lost */
	u32 needs; /* what the host has to do for it: bits of enum st_action */
};
#define ST_MUTANTS 3

struct st_gen {
	u64 *random;
	unsigned int vcpu;
};

/* Where an operation is asked for: at EL1, ring 0; at EL0, ring 3. */
enum st_levels { ST_KERNEL, ST_USER, ST_BOTH };

struct st_op {
	const char *name; /* FAMILY.WHAT */
	const char *summary;
	enum pvtb_arch archs;
	unsigned int weight;
	enum st_levels levels;
	enum st_exits exits;
	bool faults; /* the judge wants to see exceptions, and whether there was none */
	/* @s: in[] is full of random bits, and what the operation does not use stays so. */
	void (*generate)(struct st_gen *g, struct pvtb_step *s);
	void (*judge)(struct st_view *v); /* after what holds for every operation */
	/* A recorded step may be anybody's: can the judge deal with its arguments? NULL: with any. */
	bool (*takes)(unsigned int vcpu, const struct pvtb_step *s);
	struct st_mutant mutants[ST_MUTANTS];
};

#define ST_OP(id, ...)                                                                             \
	static const struct st_op st_op_##id = {__VA_ARGS__};                                      \
	static const struct st_op *const st_op_ptr_##id                                            \
		__attribute__((used, section("pvtb_stress_ops"))) = &st_op_##id

/* ---- shared between families ---- */

/* One of @n values. */
#define ST_PICK(g, array) ((array)[pvtb_random_below((g)->random, PVTB_ARRAY_SIZE(array))])

/* Mutant: an access that must end in an exception is let through. */
void st_no_fault(struct st_view *v);
/* Mutant: it ends in another exception of the same vector. */
void st_other_fault(struct st_view *v);
/* It has to end in this exception, or in none (ST_NO_FAULT). */
void st_must_fault(struct st_view *v, int expected);
/* arm64: a synchronous exception of this class (ESR_EL1.EC) from the level the operation ran at. */
enum {
	ST_ARM64_UNDEFINED = 0x00,
	ST_ARM64_SYSREG = 0x18,
	ST_ARM64_ABORT_EL0 = 0x24,
	ST_ARM64_ABORT_EL1 = 0x25,
};
int st_arm64_fault(const struct st_view *v, unsigned int class);

/* arm64 calls (arm64_call.c). */
#define ST_NOT_SUPPORTED (~0ULL)
/* A call of @function by HVC or SMC, now and then with an immediate or junk above its 32 bits. */
void st_arm64_call(struct st_gen *g, struct pvtb_step *s, u32 function);
/* Can this function take the vCPU, or the machine, away from us? */
bool st_arm64_dangerous(u32 function);
/* SMC with an immediate, and any before Linux 6.4: never reaches a function, answers -1. */
bool st_arm64_refused(const struct st_view *v);
/* Registers that a call must leave; @results: x1..x3 are part of the answer. */
void st_arm64_preserved(struct st_view *v, bool results);
/* The usual judge: x0, unless refused, and the rest preserved. */
void st_arm64_answer(struct st_view *v, u64 expected);
void st_arm64_flip(struct st_view *v);	  /* mutant: x0 wrong */
void st_arm64_clobber(struct st_view *v); /* mutant: x9 not preserved */

#endif
