// SPDX-License-Identifier: GPL-2.0-only
/* Owns: the operations of x86-64. Every one runs at ring 0 and at ring 3 unless it says otherwise;
 * one that may not is a reported #GP, not a crash. */
#include "lib/lpt.h"
#include "lib/op.h"
#include "lib/time.h"

PVTB_OP(rdtsc, "rdtsc", , r0 = arch_rdtsc("", ""))
PVTB_OP(rdtsc_lfence, "rdtsc_lfence", , r0 = arch_rdtsc("lfence\n\t", ""))

#define RDTSCP(value, aux)                                                                         \
	do {                                                                                       \
		u32 lo_;                                                                           \
		u32 hi_;                                                                           \
		u32 aux_;                                                                          \
		__asm__ volatile("rdtscp" : "=a"(lo_), "=d"(hi_), "=c"(aux_)::"memory");           \
		(value) = (u64)hi_ << 32 | lo_;                                                    \
		(aux) = aux_;                                                                      \
	} while (0)

PVTB_OP(rdtscp, "rdtscp", , RDTSCP(r0, r1))

/* Ring 0 only. */
#define RDMSR(msr, value)                                                                          \
	do {                                                                                       \
		u32 lo_;                                                                           \
		u32 hi_;                                                                           \
		__asm__ volatile("rdmsr" : "=a"(lo_), "=d"(hi_) : "c"((u32)(msr)) : "memory");     \
		(value) = (u64)hi_ << 32 | lo_;                                                    \
	} while (0)
#define MSR_IA32_TSC 0x10

PVTB_OP(rdmsr_tsc, "rdmsr_tsc", , RDMSR(MSR_IA32_TSC, r0))

/*
 * kvmclock, Documentation/virt/kvm/x86/msr.rst: nanoseconds = system_time + ((tsc - tsc_timestamp)
 * shifted by tsc_shift) * tsc_to_system_mul / 2^32. The product has 96 bits. KVM keeps version odd
 * while it writes; pairs with its write barriers.
 */
ARCH_INLINE u64 pvclock_read(const struct pvtb_pvclock *p)
{
	u32 version;
	u64 delta;
	u64 ns;
	int shift;

	do {
		version = __atomic_load_n(&p->version, __ATOMIC_RELAXED) & ~1U;
		arch_load_barrier();
		delta = arch_counter() - __atomic_load_n(&p->tsc_timestamp, __ATOMIC_RELAXED);
		shift = __atomic_load_n(&p->tsc_shift, __ATOMIC_RELAXED);
		if (shift < 0)
			delta >>= -shift;
		else
			delta <<= shift;
		ns = (u64)((u128)delta * __atomic_load_n(&p->tsc_to_system_mul, __ATOMIC_RELAXED) >>
			   32);
		ns += __atomic_load_n(&p->system_time, __ATOMIC_RELAXED);
		arch_load_barrier();
	} while (__atomic_load_n(&p->version, __ATOMIC_RELAXED) != version);
	return ns;
}

PVTB_OP(pvclock, "pvclock", const struct pvtb_pvclock *clock = (const void *)ctl->args[0],
	r0 = pvclock_read(clock))

PVTB_OP(lpt, "lpt", const struct pvtb_lpt *lpt = (const void *)ctl->args[0],
	r0 = pvtb_lpt_read(lpt))

/*
 * args: number, then four arguments (Documentation/virt/kvm/x86/hypercalls.rst). The instruction
 * is AMD's; its address is noted so that the harness can make it Intel's before the guest runs:
 * with the wrong one KVM would emulate or rewrite it.
 */
#define HYPERCALL(nr, a0, a1, a2, a3, value)                                                       \
	__asm__ volatile("1: vmmcall\n\t"                                                          \
			 ".pushsection pvtb_hypercalls, \"a\"\n\t"                                 \
			 ".quad 1b\n\t"                                                            \
			 ".popsection"                                                             \
			 : "=a"(value)                                                             \
			 : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)                             \
			 : "memory")

PVTB_OP(hypercall, "hypercall", u64 nr = ctl->args[0]; u64 a0 = ctl->args[1]; u64 a1 = ctl->args[2];
	u64 a2 = ctl->args[3]; u64 a3 = ctl->args[4], HYPERCALL(nr, a0, a1, a2, a3, r0))

/* Where they are, for the harness: [0] to [1]. */
extern const u64 __start_pvtb_hypercalls[];
extern const u64 __stop_pvtb_hypercalls[];
const u64 *const x86_hypercalls[2]
	__attribute__((used)) = {__start_pvtb_hypercalls, __stop_pvtb_hypercalls};

#define CPUID(leaf, sub)                                                                           \
	do {                                                                                       \
		u32 a_;                                                                            \
		u32 b_;                                                                            \
		u32 c_;                                                                            \
		u32 d_;                                                                            \
		__asm__ volatile("cpuid"                                                           \
				 : "=a"(a_), "=b"(b_), "=c"(c_), "=d"(d_)                          \
				 : "a"(leaf), "c"(sub)                                             \
				 : "memory");                                                      \
		r0 = a_;                                                                           \
		r1 = b_;                                                                           \
		r2 = c_;                                                                           \
		r3 = d_;                                                                           \
	} while (0)

/* args: leaf, sub-leaf. */
PVTB_OP(cpuid, "cpuid", u32 leaf = (u32)ctl->args[0]; u32 sub = (u32)ctl->args[1], CPUID(leaf, sub))

#define PIO_IN(value)                                                                              \
	do {                                                                                       \
		u32 v_;                                                                            \
		__asm__ volatile("inl %w1, %0" : "=a"(v_) : "d"((u32)PVTB_PIO_NOP) : "memory");    \
		(value) = v_;                                                                      \
	} while (0)
#define PIO_OUT() __asm__ volatile("outl %0, %w1" ::"a"(0), "d"((u32)PVTB_PIO_NOP) : "memory")

/* At ring 3 by IOPL 3, which PVM does not honour. */
PVTB_OP(pio_in, "pio_in", , PIO_IN(r0))
PVTB_OP(pio_out, "pio_out", , PIO_OUT())

#define MMIO_NOP ((u32 *)(PVTB_GPA_MMIO + PVTB_MMIO_NOP))
/* In assembly, so that KVM's emulator is always given the same plain MOV. */
#define MMIO_READ(value)                                                                           \
	do {                                                                                       \
		u32 v_;                                                                            \
		__asm__ volatile("movl (%1), %0" : "=r"(v_) : "r"(MMIO_NOP) : "memory");           \
		(value) = v_;                                                                      \
	} while (0)
#define MMIO_WRITE() __asm__ volatile("movl %0, (%1)" ::"r"(0), "r"(MMIO_NOP) : "memory")

PVTB_OP(mmio_read, "mmio_read", , MMIO_READ(r0))
PVTB_OP(mmio_write, "mmio_write", , MMIO_WRITE())

/* MSR_KVM_STEAL_TIME, msr.rst: version is odd while KVM writes, and even and unchanged around a
 * reading that is whole. KVM writes while the vCPU is out, so that once would do; a guest that waits
 * for a writer who never finishes is lost. */
#define STEAL_TRIES 100
ARCH_INLINE u64 steal_read(const struct pvtb_x86_steal *s)
{
	u32 tries;

	for (tries = 0; tries < STEAL_TRIES; tries++) {
		u32 version;
		u64 steal_ns;

		version = __atomic_load_n(&s->version, __ATOMIC_RELAXED) & ~1U;
		arch_load_barrier();
		steal_ns = __atomic_load_n(&s->steal_ns, __ATOMIC_RELAXED);
		arch_load_barrier();
		if (__atomic_load_n(&s->version, __ATOMIC_RELAXED) == version)
			return steal_ns;
	}
	return PVTB_STEAL_UNREADABLE;
}

PVTB_SAMPLER(sample_steal, "sample_steal",
	     const struct pvtb_x86_steal *steal = (const void *)ctl->args[0],
	     value = steal_read(steal))
/* With an exit to the VMM right before each sample, where the VMM keeps the structure. */
PVTB_SAMPLER_AFTER(sample_steal_vmm, "sample_steal_vmm",
		   const struct pvtb_x86_steal *steal = (const void *)ctl->args[0], MMIO_WRITE(),
		   value = steal_read(steal))

#define STEAL_AT(address) steal_read((const struct pvtb_x86_steal *)(address))
#define CLOCK_AT(address) pvclock_read((const struct pvtb_pvclock *)(address))

PVTB_TIME_SAMPLER(STEAL_AT, CLOCK_AT)

/*
 * sample_steal of a guest that sleeps between its samples, in HLT, until the VMM ends it (needs
 * spec.halt_ns) and ring 0. Interrupts stay off: nothing is to be delivered.
 */
PVTB_OP_ENTRY(sample_steal_idle, "sample_steal_idle")
{
	const struct pvtb_x86_steal *steal = (const void *)ctl->args[0];
	struct pvtb_done done = {0};
	u64 now = arch_counter();
	u64 next = now;
	u64 i;

	done.t_begin = now;
	for (i = 0; !__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED); i++) {
		u64 value = 0;

		now = arch_counter();
		PVTB_SAMPLE_WHOLE(ctl, now, value = steal_read(steal));
		PVTB_STORE_SAMPLE(ctl, i, now, value);
		next += ctl->period;
		while ((int64_t)(arch_counter() - next) < 0)
			__asm__ volatile("hlt" ::: "memory");
	}
	done.ops = i;
	done.t_end = now;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}

/* Two exits where a variant may declare one: what bench/selftest.c breaks. */
PVTB_OP(mmio_twice, "mmio_twice", , {
	MMIO_WRITE();
	MMIO_WRITE();
})

/* Proof that exceptions are seen: #UD, or with args[0] a read of that address. */
#define FAULT(address, value)                                                                      \
	do {                                                                                       \
		if (!(address))                                                                    \
			__asm__ volatile("ud2");                                                   \
		__asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");         \
	} while (0)

PVTB_OP(fault, "fault", u64 address = ctl->args[0], FAULT(address, r0))
