/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64 primitives of the probes: counters, barriers, the doorbell. Included by lib/op.h. */
#ifndef PVTB_GUEST_ARM64_ARCH_H
#define PVTB_GUEST_ARM64_ARCH_H

#define ARCH_STR_(x) #x
#define ARCH_STR(x)  ARCH_STR_(x)
#define ARCH_INLINE  static inline __attribute__((always_inline))

/* @reg is a register name, or the s3_<op1>_c<CRn>_c<CRm>_<op2> form where the assembler has none. */
#define arch_read_bare(reg)                                                                        \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("mrs %0, " ARCH_STR(reg) : "=r"(v_)::"memory");                   \
		v_;                                                                                \
	})

/* A counter read may be executed early, ahead of anything before it but a context
 * synchronisation (Arm ARM, "Reading the counters"): hence the ISB. */
#define arch_read_isb(reg)                                                                         \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("isb\n\tmrs %0, " ARCH_STR(reg) : "=r"(v_)::"memory");            \
		v_;                                                                                \
	})

/* ... and the ISB behind it keeps the op from starting before the reading. */
#define arch_read_isb_isb(reg)                                                                     \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("isb\n\tmrs %0, " ARCH_STR(reg) "\n\tisb" : "=r"(v_)::"memory");  \
		v_;                                                                                \
	})

#define arch_begin()   arch_read_isb_isb(cntvct_el0)
#define arch_end()     arch_read_isb(cntvct_el0)
#define arch_counter() arch_read_isb(cntvct_el0)

ARCH_INLINE u64 arch_counter_hz(void)
{
	return arch_read_bare(cntfrq_el0);
}

ARCH_INLINE void arch_load_barrier(void)
{
	__asm__ volatile("dmb ishld" ::: "memory");
}

ARCH_INLINE const u64 *arch_after(const u64 *p, u64 v)
{
	u64 zero;

	__asm__ volatile("eor %0, %1, %1" : "=r"(zero) : "r"(v));
	return (const u64 *)((u64)p + zero);
}

ARCH_INLINE void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

ARCH_INLINE void arch_doorbell(void)
{
	__asm__ volatile("dmb ish\n\tstr wzr, [%0]" ::"r"(PVTB_GPA_MMIO + PVTB_MMIO_DOORBELL)
			 : "memory");
}

#endif
