// SPDX-License-Identifier: GPL-2.0-only
/* The operations of arm64: counter reads, hypercalls, MMIO, waiting. */
#include "lib/lpt.h"
#include "lib/time.h"

/* FEAT_ECV's self-synchronising reads; the assembler of Debian 12 knows no names for them. */
#define CNTPCTSS_EL0 s3_3_c14_c0_5
#define CNTVCTSS_EL0 s3_3_c14_c0_6

PVTB_OP(cntvct, "cntvct", , r0 = arch_read_isb(cntvct_el0))
PVTB_OP(cntvct_bare, "cntvct_bare", , r0 = arch_read_bare(cntvct_el0))
/* Native or trapped: the VM's shape decides (KVM_ARM_SET_COUNTER_OFFSET). */
PVTB_OP(cntpct, "cntpct", , r0 = arch_read_isb(cntpct_el0))
PVTB_OP(cntvctss, "cntvctss", , r0 = arch_read_bare(CNTVCTSS_EL0))
PVTB_OP(cntpctss, "cntpctss", , r0 = arch_read_bare(CNTPCTSS_EL0))

/* args[0]: address of the LPT structure. */
PVTB_OP(lpt, "lpt", const struct pvtb_lpt *lpt = (const struct pvtb_lpt *)ctl->args[0],
	r0 = pvtb_lpt_read(lpt))

/*
 * EL0 reads the counter and EL1 emulates it (spec.trap_el0_counter). The stamps must not trap as
 * well, so they are the physical counter's, which is native while no offset is set; empty_pct is
 * what they cost alone. args[7] = 1: EL1 answers in LPT's units, structure at args[0].
 */
PVTB_OP_STAMPED(cntvct_el0trap, "cntvct_el0trap", arch_read_isb_isb(cntpct_el0),
		arch_read_isb(cntpct_el0), , r0 = arch_read_isb(cntvct_el0))
/* The same of the physical counter (spec.trap_el0_physical): here the usual stamps do not trap. */
PVTB_OP(cntpct_el0trap, "cntpct_el0trap", , r0 = arch_read_isb(cntpct_el0))
PVTB_OP_STAMPED(empty_pct, "empty_pct", arch_read_isb_isb(cntpct_el0), arch_read_isb(cntpct_el0),
		, )

/* SMCCC 1.1: arguments and results in x0..x3, every other register preserved. SMCCC 1.0 lets a call
 * overwrite x4..x17: nothing is kept there, so that a kernel which does it is still measured. */
#define SMCCC_ARGS                                                                                 \
	u64 a0 = ctl->args[0];                                                                     \
	u64 a1 = ctl->args[1];                                                                     \
	u64 a2 = ctl->args[2];                                                                     \
	u64 a3 = ctl->args[3];                                                                     \
	register u64 x0 __asm__("x0") = 0;                                                         \
	register u64 x1 __asm__("x1") = 0;                                                         \
	register u64 x2 __asm__("x2") = 0;                                                         \
	register u64 x3 __asm__("x3") = 0

#define SMCCC_CALL(insn)                                                                           \
	do {                                                                                       \
		x0 = a0;                                                                           \
		x1 = a1;                                                                           \
		x2 = a2;                                                                           \
		x3 = a3;                                                                           \
		__asm__ volatile(insn " #0"                                                        \
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)                          \
				 :                                                                 \
				 : "memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",     \
				   "x12", "x13", "x14", "x15", "x16", "x17");                      \
	} while (0)

#define SMCCC_RESULTS                                                                              \
	do {                                                                                       \
		r0 = x0;                                                                           \
		r1 = x1;                                                                           \
		r2 = x2;                                                                           \
		r3 = x3;                                                                           \
	} while (0)

PVTB_OP_COLLECT(hvc, "hvc", SMCCC_ARGS, SMCCC_CALL("hvc"), SMCCC_RESULTS)
PVTB_OP_COLLECT(smc, "smc", SMCCC_ARGS, SMCCC_CALL("smc"), SMCCC_RESULTS)

/* Function args[0], each 64th time args[4]. What the guest itself executes is the same each time. */
#define SMCCC_ARGS_64TH                                                                            \
	SMCCC_ARGS;                                                                                \
	u64 nth = 0
#define SMCCC_CALL_64TH                                                                            \
	do {                                                                                       \
		a0 = ++nth % 64 ? ctl->args[0] : ctl->args[4];                                     \
		SMCCC_CALL("hvc");                                                                 \
	} while (0)

PVTB_OP_COLLECT(hvc_64th, "hvc_64th", SMCCC_ARGS_64TH, SMCCC_CALL_64TH, SMCCC_RESULTS)

/* One load or store with a syndrome KVM can decode: no write-back, no pair. */
#define MMIO_NOP const u64 mmio = PVTB_GPA_MMIO + PVTB_MMIO_NOP

PVTB_OP(mmio_read, "mmio_read", MMIO_NOP, ({
		u32 v_;
		__asm__ volatile("ldr %w0, [%1]" : "=r"(v_) : "r"(mmio) : "memory");
		r0 = v_;
	}))
PVTB_OP(mmio_write, "mmio_write", MMIO_NOP,
	__asm__ volatile("str wzr, [%0]" ::"r"(mmio)
			 : "memory"))

/* Two exits where a variant may declare one, and an exception: what bench/selftest.c breaks. */
PVTB_OP(mmio_twice, "mmio_twice", MMIO_NOP,
	__asm__ volatile("str wzr, [%0]\n\t"
			 "str wzr, [%0]" ::"r"(mmio)
			 : "memory"))
PVTB_OP(fault, "fault", , __asm__ volatile("udf #0"))

/* GICv3 CPU interface; the assembler wants them by number. */
#define ICC_IAR1_EL1  s3_0_c12_c12_0
#define ICC_EOIR1_EL1 s3_0_c12_c12_1

/*
 * WFI until the virtual timer fires, args[0] ticks from now (needs spec.irqchip, whose set-up
 * enables the timer's interrupt). The interrupt stays masked in PSTATE: it ends the WFI, and is
 * then acknowledged by hand, because a list register stays pending when the timer is turned off.
 */
#define WFI_UNTIL(deadline, intid)                                                                 \
	do {                                                                                       \
		__asm__ volatile("msr cntv_cval_el0, %0\n\t"                                       \
				 "msr cntv_ctl_el0, %1\n\t"                                        \
				 "isb\n\t"                                                         \
				 "wfi\n\t" ::"r"(deadline),                                        \
				 "r"(1UL)                                                          \
				 : "memory");                                                      \
		(intid) = arch_read_bare(ICC_IAR1_EL1);                                            \
		__asm__ volatile("msr cntv_ctl_el0, xzr\n\t"                                       \
				 "isb\n\t"                                                         \
				 "msr " ARCH_STR(ICC_EOIR1_EL1) ", %0\n\t"                         \
								"isb" ::"r"(intid)                 \
				 : "memory");                                                      \
	} while (0)

PVTB_OP(wfi, "wfi", u64 ticks = ctl->args[0], {
	u64 deadline = arch_counter() + ticks;
	WFI_UNTIL(deadline, r0);
})

/* sample_steal of a guest that sleeps between its samples. */
PVTB_OP_ENTRY(sample_steal_idle, "sample_steal_idle")
{
	const struct pvtb_arm64_steal *steal = (const struct pvtb_arm64_steal *)ctl->args[0];
	struct pvtb_done done = {0};
	u64 now = arch_counter();
	u64 next = now;
	u64 i;

	done.t_begin = now;
	for (i = 0; !__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED); i++) {
		u64 value = 0;

		now = arch_counter();
		PVTB_SAMPLE_WHOLE(
			ctl, now,
			value = __atomic_load_n(&steal->stolen_time_ns, __ATOMIC_RELAXED));
		PVTB_STORE_SAMPLE(ctl, i, now, value);
		next += ctl->period;
		while ((int64_t)(arch_counter() - next) < 0)
			WFI_UNTIL(next, done.ret[0]);
	}
	done.ops = i;
	done.t_end = now;
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}

/*
 * Both counters at one instant: samples (virtual, physical), the virtual one being the middle of
 * the two reads around the physical. ret: the reading with the least distance between those two:
 * virtual before, physical, virtual after.
 */
PVTB_OP_ENTRY(clock_pair, "clock_pair")
{
	struct pvtb_done done = {0};
	u64 best = ~0ULL;

	for (u64 i = 0; i < ctl->warmup + ctl->count; i++) {
		u64 v0 = arch_read_isb(cntvct_el0);
		u64 p = arch_read_isb(cntpct_el0);
		u64 v1 = arch_read_isb(cntvct_el0);

		if (i < ctl->warmup)
			continue;
		if (i == ctl->warmup)
			done.t_begin = v0;
		done.t_end = v1;
		done.ops = i + 1;
		if (v1 - v0 < best) {
			best = v1 - v0;
			done.ret[0] = v0;
			done.ret[1] = p;
			done.ret[2] = v1;
		}
		PVTB_STORE_SAMPLE(ctl, i - ctl->warmup, v0 + (v1 - v0) / 2, p);
	}
	pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);
}

/* args[0]: address of this vCPU's stolen-time structure. */
PVTB_SAMPLER(sample_steal, "sample_steal",
	     const struct pvtb_arm64_steal *steal = (const struct pvtb_arm64_steal *)ctl->args[0],
	     value = __atomic_load_n(&steal->stolen_time_ns, __ATOMIC_RELAXED))
/* With an exit to the VMM right before each sample, where the VMM keeps the structure. */
PVTB_SAMPLER_AFTER(sample_steal_vmm, "sample_steal_vmm",
		   const struct pvtb_arm64_steal *steal = (const struct pvtb_arm64_steal *)
								  ctl->args[0],
		   __asm__ volatile("str wzr, [%0]" ::"r"(PVTB_GPA_MMIO + PVTB_MMIO_NOP)
				    : "memory"),
		   value = __atomic_load_n(&steal->stolen_time_ns, __ATOMIC_RELAXED))

#define STEAL_AT(address)                                                                          \
	__atomic_load_n(&((const struct pvtb_arm64_steal *)(address))->stolen_time_ns,             \
			__ATOMIC_RELAXED)
#define NO_CLOCK(address) 0

PVTB_TIME_SAMPLER(STEAL_AT, NO_CLOCK)
