/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract between the code inside the guest and the harness.
 *
 * The harness loads the image, builds page tables (identity map, guest virtual = guest physical),
 * sets every register through KVM and enters the guest at an op function; there is no boot code.
 * For each command the harness fills the vCPU's control page, points the vCPU at the function
 * (stack, exception level or ring, first argument = control page) and runs it. The op writes its
 * samples into the vCPU's ring, sets ctl->status, and rings the doorbell. One vCPU, one control
 * page, one ring, one writer.
 *
 * Included by guest-probes/ (freestanding) and harness/. Fixed widths, explicit padding,
 * little-endian. Bump PVTB_GUEST_ABI when anything here changes.
 */
#ifndef PVTB_GUEST_ABI_H
#define PVTB_GUEST_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PVTB_GUEST_ABI	 3
#define PVTB_GUEST_MAGIC 0x31424d4954565050ULL /* "PPVTIMB1" */

/* Guest-physical layout, the same on both architectures (identity-mapped). */
#define PVTB_GPA_IMAGE	   0x40000000ULL /* guest.elf is linked to run here */
#define PVTB_GPA_IMAGE_END 0x40200000ULL
#define PVTB_GPA_TABLES	   0x40200000ULL /* page tables, GDT/IDT/TSS, built by the harness */
#define PVTB_GPA_STACKS	   0x40300000ULL /* 16 KiB per vCPU, grows down from the end */
#define PVTB_STACK_BYTES   0x4000ULL
#define PVTB_GPA_CTL	   0x40400000ULL /* 4 KiB per vCPU */
#define PVTB_CTL_BYTES	   0x1000ULL
#define PVTB_GPA_PV	   0x40500000ULL /* paravirtual structures, 64 KiB pages of their own: */
#define PVTB_GPA_STEAL	   (PVTB_GPA_PV + 0x00000ULL) /* 64 bytes per vCPU */
#define PVTB_GPA_LPT	   (PVTB_GPA_PV + 0x10000ULL) /* one per VM (DEN 0057A) */
#define PVTB_GPA_PVCLOCK   (PVTB_GPA_PV + 0x20000ULL) /* 64 bytes per vCPU (x86) */
#define PVTB_GPA_SCRATCH   (PVTB_GPA_PV + 0x30000ULL) /* 4 KiB per vCPU, for ops' own use */
#define PVTB_GPA_RINGS	   0x40800000ULL	      /* sample rings, spec->ring_bytes per vCPU */
/* No memory behind this page: any access is a KVM_EXIT_MMIO. Mapped as device memory. */
#define PVTB_GPA_MMIO	   0x3f000000ULL
#define PVTB_MMIO_DOORBELL 0x0 /* write: command finished (or crashed: see ctl->status) */
#define PVTB_MMIO_NOP	   0x8 /* read or write: the harness re-enters at once */
/* x86: the same by port, at ring 3 where the host honours IOPL 3 (PVM does not). */
#define PVTB_PIO_DOORBELL  0x5e0
#define PVTB_PIO_NOP	   0x5e4
#define PVTB_MAX_VCPUS	   64

_Static_assert(PVTB_GPA_STACKS + PVTB_MAX_VCPUS * PVTB_STACK_BYTES <= PVTB_GPA_CTL,
	       "stacks end before the control pages");
_Static_assert(PVTB_GPA_CTL + PVTB_MAX_VCPUS * PVTB_CTL_BYTES <= PVTB_GPA_PV,
	       "control pages end before the paravirtual structures");

/* One sample: two counter reads around an op, or (counter, value) for the sampling ops. */
struct pvtb_sample {
	uint64_t t0;
	uint64_t t1;
};

/* sample_time: everything a guest knows of time, at one instant; instead of struct pvtb_sample, and
 * ctl->taken counts these. */
struct pvtb_time_sample {
	uint64_t mail;	/* the harness's word (args[3]), read before everything else */
	uint64_t c0;	/* counter before ... */
	uint64_t lpt;	/* Live Physical Time (args[0]); 0: none */
	uint64_t clock; /* x86: kvmclock (args[2]), ns; 0: none */
	uint64_t c1;	/* ... and after */
	uint64_t steal; /* stolen time (args[1]), ns; 0: none */
	uint64_t index; /* from 0: says whether the entry is what it should be */
	uint64_t pad;
};

_Static_assert(sizeof(struct pvtb_time_sample) == 4 * sizeof(struct pvtb_sample),
	       "rings hold both");

/* sample_steal, instead of a value: the structure stayed in the middle of an update (x86: its version
 * odd or changing) however often it was read. */
#define PVTB_STEAL_UNREADABLE (~0ULL)

enum pvtb_mode {
	/* one sample per op: ordered read, op, ordered read. ctl->count samples. */
	PVTB_MODE_SINGLE = 0,
	/* one sample per batch; batch i (from 0) holds ctl->batch * (1 + i % ctl->steps) ops.
	 * ctl->count batches. */
	PVTB_MODE_BATCH = 1,
	/* ctl->count ops (0: until ctl->stop is set), nothing sampled: loss and stress runs. */
	PVTB_MODE_LOOP = 2,
};

enum pvtb_cmd_status {
	PVTB_STATUS_IDLE = 0,
	PVTB_STATUS_DONE = 1,
	PVTB_STATUS_FAULT = 2,	 /* ctl->fault holds the exception */
	PVTB_STATUS_UNKNOWN = 3, /* mode not offered by this op */
};

/* An exception the op did not expect; registers in the architecture's own order. */
struct pvtb_fault {
	uint64_t vector;   /* x86: vector; arm64: vector-table slot 0..15 */
	uint64_t syndrome; /* x86: error code; arm64: ESR_EL1 */
	uint64_t address;  /* x86: CR2; arm64: FAR_EL1 */
	uint64_t pc;
	uint64_t pstate; /* x86: RFLAGS; arm64: SPSR_EL1 */
	uint64_t sp;
	uint64_t insn;	   /* up to 8 bytes at pc, 0 where unreadable */
	uint64_t regs[31]; /* arm64: x0..x30; x86: rax rbx rcx rdx rsi rdi rbp r8..r15 */
};

struct pvtb_ctl {
	uint64_t magic;	  /* harness: PVTB_GUEST_MAGIC */
	uint32_t version; /* harness: PVTB_GUEST_ABI */
	uint32_t vcpu;	  /* harness: index of this vCPU */
	/* the command, written by the harness before entry */
	uint32_t mode;
	uint32_t steps;	 /* batch lengths: batch, 2*batch ... steps*batch */
	uint64_t count;	 /* samples to take */
	uint64_t warmup; /* ops before the first sample, not sampled */
	uint64_t batch;
	uint64_t args[8];  /* the op's own: hypercall function and arguments, GPA, MSR ... */
	uint64_t ring_gpa; /* samples go to ring[i % ring_len], oldest overwritten, i = 0.. */
	uint64_t ring_len; /* in samples, a power of two */
	uint64_t period;   /* sampling ops: counter ticks between two samples */
	uint64_t reserved[8];
	/* written by the guest */
	uint64_t status;     /* enum pvtb_cmd_status, stored last (release) before the doorbell */
	uint64_t taken;	     /* samples written so far (release): ring[0 .. taken) is readable */
	uint64_t ops;	     /* ops executed, warm-up included */
	uint64_t t_begin;    /* counter before the first sampled op */
	uint64_t t_end;	     /* counter after the last */
	uint64_t ret[4];     /* results of the last op: x0..x3, or rax rdx ... */
	uint64_t counter_hz; /* arm64: CNTFRQ_EL0 as the guest sees it; x86: 0 */
	uint64_t trapped;    /* traps taken by the guest's own EL1/ring 0 (EL0 ops) */
	/* written by the harness while the guest runs */
	uint64_t stop; /* PVTB_MODE_LOOP and sampling ops end when it is not 0 */
	struct pvtb_fault fault;
};

_Static_assert(sizeof(struct pvtb_sample) == 16, "sample is two words");
_Static_assert(sizeof(struct pvtb_ctl) <= PVTB_CTL_BYTES, "control block fits its page");

/* Privilege an op runs at. */
enum pvtb_level {
	PVTB_LEVEL_KERNEL = 0, /* EL1, ring 0 */
	PVTB_LEVEL_USER = 1,   /* EL0, ring 3 */
};

/*
 * What the image offers: an array of these in section .pvtb_ops, delimited by the symbols
 * pvtb_ops_start and pvtb_ops_end. Names are unique; the harness finds an op by its name.
 */
struct pvtb_op {
	char name[40];
	uint64_t entry;	     /* void entry(struct pvtb_ctl *), ends by ringing the doorbell */
	uint64_t text_start; /* an exit caused by this op has its pc in [text_start, text_end] */
	uint64_t text_end;
};

_Static_assert(sizeof(struct pvtb_op) == 64, "op table entry");

/* arm64 stolen-time structure, DEN 0057A 3.2.2. */
struct pvtb_arm64_steal {
	uint32_t revision;
	uint32_t attributes;
	uint64_t stolen_time_ns;
	uint8_t padding[48];
};

/* Live Physical Time structure, DEN 0057A as in the 2020 KVM RFC; one per VM. */
struct pvtb_lpt {
	uint32_t revision;
	uint32_t attributes;
	uint64_t sequence_number; /* bits 63:1 count the runs of the VM; adds 2 per update */
	uint32_t native_freq;	  /* Hz */
	uint32_t pv_freq;	  /* Hz */
	uint64_t scale_mult;	  /* pv = (native * scale_mult) >> fracbits, 128-bit product */
	uint64_t rscale_mult;
	uint32_t fracbits;
	uint32_t rfracbits;
	uint8_t padding[16];
};

_Static_assert(sizeof(struct pvtb_lpt) == 64, "LPT structure with its padding");
_Static_assert(offsetof(struct pvtb_lpt, scale_mult) == 24, "DEN 0057A layout");
_Static_assert(offsetof(struct pvtb_lpt, rfracbits) == 44, "DEN 0057A layout");

/* x86 steal-time structure, Documentation/virt/kvm/x86/msr.rst. */
struct pvtb_x86_steal {
	uint64_t steal_ns;
	uint32_t version; /* odd while KVM updates it */
	uint32_t flags;
	uint8_t preempted;
	uint8_t pad8[3];
	uint32_t pad[11];
};

/* x86 pvclock structure, Documentation/virt/kvm/x86/msr.rst. */
struct pvtb_pvclock {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};

_Static_assert(sizeof(struct pvtb_arm64_steal) == 64, "stolen-time structure");
_Static_assert(sizeof(struct pvtb_x86_steal) == 64, "steal-time structure");
_Static_assert(sizeof(struct pvtb_pvclock) == 32, "pvclock structure");

#endif
