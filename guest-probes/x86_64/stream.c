// SPDX-License-Identifier: GPL-2.0-only
/* Owns the x86-64 steps of a command stream: hypercalls, MSRs, CPUID, the paravirtual clock. */
#include "lib/stream.h"

void x86_step_hypercall(struct pvtb_step *s); /* stream_call.S */

void arch_idle(void)
{
	__asm__ volatile("hlt" ::: "memory");
}

static u64 rdmsr(u64 msr)
{
	u32 lo;
	u32 hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"((u32)msr) : "memory");
	return (u64)hi << 32 | lo;
}

static void wrmsr(u64 msr, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"((u32)msr), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
}

static void cpuid(struct pvtb_step *s)
{
	u32 a;
	u32 b;
	u32 c;
	u32 d;

	__asm__ volatile("cpuid"
			 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
			 : "a"((u32)s->in[0]), "c"((u32)s->in[1])
			 : "memory");
	s->out[0] = a;
	s->out[1] = b;
	s->out[2] = c;
	s->out[3] = d;
}

static u64 scan(u64 readings)
{
	u64 last = arch_counter();
	u64 back = 0;

	while (readings--) {
		u64 now = arch_counter();

		if ((int64_t)(now - last) < 0)
			back++;
		last = now;
	}
	return back;
}

/* A structure that is never whole must not keep the guest for ever. */
#define PVCLOCK_TRIES 1000

static void pvclock(struct pvtb_step *s)
{
	const struct pvtb_pvclock *p = (const struct pvtb_pvclock *)s->in[0];
	u32 tries;
	u32 version;

	for (tries = 0; tries < PVCLOCK_TRIES; tries++) {
		u64 delta;
		int shift;

		version = __atomic_load_n(&p->version, __ATOMIC_RELAXED);
		arch_load_barrier();
		s->out[1] = arch_counter();
		delta = s->out[1] - __atomic_load_n(&p->tsc_timestamp, __ATOMIC_RELAXED);
		shift = __atomic_load_n(&p->tsc_shift, __ATOMIC_RELAXED);
		delta = shift < 0 ? delta >> -shift : delta << shift;
		s->out[0] = (u64)((u128)delta * __atomic_load_n(&p->tsc_to_system_mul,
								__ATOMIC_RELAXED) >>
				  32) +
			    __atomic_load_n(&p->system_time, __ATOMIC_RELAXED);
		s->out[3] = __atomic_load_n(&p->flags, __ATOMIC_RELAXED);
		arch_load_barrier();
		if (!(version & 1) && __atomic_load_n(&p->version, __ATOMIC_RELAXED) == version)
			break;
	}
	s->out[2] = version;
}

static void warp(struct pvtb_step *s)
{
	u64 *largest = (u64 *)s->in[1];
	struct pvtb_step clock = {.in = {s->in[0]}};
	u64 mine = 0;
	u64 i;

	s->out[0] = 0;
	s->out[1] = 0;
	s->out[2] = 0;
	for (i = 0; i < s->in[2]; i++) {
		u64 last = __atomic_load_n(largest, __ATOMIC_SEQ_CST);

		pvclock(&clock);
		s->out[2] += last != mine;
		mine = last;
		if (clock.out[0] < last) {
			s->out[0]++;
			if (last - clock.out[0] > s->out[1])
				s->out[1] = last - clock.out[0];
		}
		while (last < clock.out[0] &&
		       !__atomic_compare_exchange_n(largest, &last, clock.out[0], 0,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		if (last < clock.out[0])
			mine = clock.out[0];
		/* Where vCPUs share a CPU, the other one's turn. */
		if (i % 64 == 63)
			arch_relax();
	}
}

static void steal(struct pvtb_step *s)
{
	const struct pvtb_x86_steal *p = (const struct pvtb_x86_steal *)s->in[0];
	u32 version = 1;
	u64 tries;

	for (tries = 1; tries <= PVTB_STEP_TRIES; tries++) {
		version = __atomic_load_n(&p->version, __ATOMIC_RELAXED);
		arch_load_barrier();
		s->out[0] = __atomic_load_n(&p->steal_ns, __ATOMIC_RELAXED);
		s->out[2] = __atomic_load_n(&p->flags, __ATOMIC_RELAXED);
		s->out[3] = __atomic_load_n(&p->preempted, __ATOMIC_RELAXED);
		arch_load_barrier();
		if (!(version & 1) && __atomic_load_n(&p->version, __ATOMIC_RELAXED) == version)
			break;
		/* No memory there: each of these loads is an exit. */
		if (version == ~0U)
			tries = PVTB_STEP_TRIES;
	}
	s->out[1] = version;
	s->out[4] = tries <= PVTB_STEP_TRIES ? tries : 0;
}

void arch_step(struct pvtb_step *s)
{
	switch (s->kind) {
	case PVTB_STEP_HVC:
		x86_step_hypercall(s);
		break;
	case PVTB_STEP_RDMSR:
		s->out[0] = rdmsr(s->in[0]);
		break;
	case PVTB_STEP_WRMSR:
		wrmsr(s->in[0], s->in[1]);
		break;
	case PVTB_STEP_CPUID:
		cpuid(s);
		break;
	case PVTB_STEP_PVCLOCK:
		pvclock(s);
		break;
	case PVTB_STEP_WARP:
		warp(s);
		break;
	case PVTB_STEP_STEAL:
		steal(s);
		break;
	case PVTB_STEP_SCAN:
		s->out[0] = scan(s->in[0]);
		break;
	}
}
