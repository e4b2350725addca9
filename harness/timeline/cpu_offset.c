// SPDX-License-Identifier: GPL-2.0-only
/* Owns the exchange of stamps between two CPUs. */
#include "timeline/cpu_offset.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "arch/counter.h"
#include "core/affinity.h"

/* Spinning is for those who have a CPU each; an emulator may run both on one. */
#define SPINS 20000

struct side {
	int cpu;
	int ret;
	struct pvtb_err err;
	struct exchange *x;
};

struct exchange {
	/* round number, odd: a has sent, even: b has answered; ~0: give up */
	u64 turn __attribute__((aligned(64)));
	u64 sent_ticks; /* by whose turn it was */
	unsigned int rounds;
	s64 there_min, back_min;
	u64 warps;
	struct side a, b;
};

static bool await(struct exchange *x, u64 turn)
{
	for (unsigned int i = 1;; i++) {
		u64 now = __atomic_load_n(&x->turn, __ATOMIC_ACQUIRE);

		if (now == turn)
			return true;
		if (now == ~0ULL)
			return false;
		pvtb_arch_relax();
		if (i % SPINS == 0)
			sched_yield();
	}
}

static void note(struct exchange *x, s64 *min, u64 sent_ticks)
{
	s64 took = (s64)(pvtb_arch_counter() - sent_ticks);

	if (took < *min)
		*min = took;
	x->warps += took < 0;
}

static void *side_main(void *opaque)
{
	struct side *s = opaque;
	struct exchange *x = s->x;
	bool a = s == &x->a;

	s->ret = pvtb_pin_self(s->cpu, &s->err);
	if (s->ret) {
		__atomic_store_n(&x->turn, ~0ULL, __ATOMIC_RELEASE);
		return NULL;
	}
	for (u64 i = 0; i < x->rounds; i++) {
		/* a waits for the answer before, b for the message */
		if (!await(x, a ? 2 * i : 2 * i + 1))
			return NULL;
		if (!a || i)
			note(x, a ? &x->back_min : &x->there_min, x->sent_ticks);
		x->sent_ticks = pvtb_arch_counter();
		__atomic_store_n(&x->turn, a ? 2 * i + 1 : 2 * i + 2, __ATOMIC_RELEASE);
	}
	return NULL;
}

int pvtb_cpu_offset(int cpu_a, int cpu_b, unsigned int rounds, struct pvtb_cpu_offset *ret,
		    struct pvtb_err *err)
{
	struct exchange x = {.rounds = rounds, .there_min = INT64_MAX, .back_min = INT64_MAX};
	pthread_t a, b;
	int code;

	if (rounds < 2)
		return pvtb_err_set(err, -EINVAL, "CPU offset", "two rounds at least");
	x.a = (struct side){.cpu = cpu_a, .x = &x};
	x.b = (struct side){.cpu = cpu_b, .x = &x};
	code = pthread_create(&a, NULL, side_main, &x.a);
	if (code)
		return pvtb_err_sys(err, -code, "CPU offset");
	code = pthread_create(&b, NULL, side_main, &x.b);
	if (code)
		__atomic_store_n(&x.turn, ~0ULL, __ATOMIC_RELEASE);
	else
		pthread_join(b, NULL);
	pthread_join(a, NULL);
	if (code)
		return pvtb_err_sys(err, -code, "CPU offset");
	if (x.a.ret || x.b.ret) {
		if (err)
			*err = x.a.ret ? x.a.err : x.b.err;
		return x.a.ret ?: x.b.ret;
	}
	*ret = (struct pvtb_cpu_offset){
		.cpu_a = cpu_a,
		.cpu_b = cpu_b,
		.low_ticks = -x.back_min,
		.high_ticks = x.there_min,
		.warps = x.warps,
		.rounds = rounds,
	};
	return 0;
}
