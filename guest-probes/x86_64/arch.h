/* SPDX-License-Identifier: GPL-2.0-only */
/* x86-64 primitives of the probes: counters, barriers, the doorbell. Included by lib/op.h. All of
 * it works at ring 0 and at ring 3 (CR4.TSD clear). */
#ifndef PVTB_GUEST_X86_64_ARCH_H
#define PVTB_GUEST_X86_64_ARCH_H

#define ARCH_INLINE static inline __attribute__((always_inline))

/* @pre and @post are instructions around the reading, "" for none. */
#define arch_rdtsc(pre, post)                                                                      \
	({                                                                                         \
		u32 lo_;                                                                           \
		u32 hi_;                                                                           \
		__asm__ volatile(pre "rdtsc\n\t" post : "=a"(lo_), "=d"(hi_)::"memory");           \
		(u64) hi_ << 32 | lo_;                                                             \
	})

/* RDTSC waits for nothing and nothing waits for it. LFENCE holds it until everything before has
 * completed (on AMD because Linux makes it dispatch serialising), and a second one holds back
 * what follows. */
#define arch_begin()   arch_rdtsc("lfence\n\t", "lfence\n\t")
#define arch_end()     arch_rdtsc("lfence\n\t", "")
#define arch_counter() arch_rdtsc("lfence\n\t", "")

/* CPUID has no reliable frequency: the harness asks KVM. */
ARCH_INLINE u64 arch_counter_hz(void)
{
	return 0;
}

/* Loads are not reordered with loads: only the compiler is held. */
ARCH_INLINE void arch_load_barrier(void)
{
	__asm__ volatile("" ::: "memory");
}

/* AND with 0, because XOR of a register with itself is known not to depend on it. */
ARCH_INLINE const u64 *arch_after(const u64 *p, u64 v)
{
	__asm__ volatile("and $0, %0" : "+r"(v)::"cc");
	return (const u64 *)((u64)p + v);
}

ARCH_INLINE void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* By memory, not by port: PVM runs ring 3 with IOPL 0 whatever RFLAGS it was given. */
ARCH_INLINE void arch_doorbell(void)
{
	__asm__ volatile("movl %0, (%1)" ::"r"(0), "r"(PVTB_GPA_MMIO + PVTB_MMIO_DOORBELL)
			 : "memory");
}

#endif
