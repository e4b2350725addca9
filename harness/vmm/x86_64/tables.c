// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: what a 64-bit guest needs in memory before its first instruction: page tables, GDT, IDT,
 * TSS. Built from the host, so the guest has no boot code to run (some hosts emulate ring 0).
 *
 * Page tables: guest virtual = guest physical, open to ring 3. The image's text is read-only and
 * executable, everything else writable and not; 4 KiB pages in the image's 2 MiB, large ones
 * above. The MMIO page is uncached and alone in its 2 MiB.
 */
#include "vmm/x86_64/x86.h"

#include <string.h>

#define PTE_PCD (1ULL << 4)
#define PTE_PWT (1ULL << 3)
#define PTE_NX	(1ULL << 63)
#define PAGE	4096ULL
#define LARGE	(2ULL << 20)
#define GIB	(1ULL << 30)

/* Offsets in [PVTB_GPA_TABLES, PVTB_GPA_STACKS). */
#define PML4	 0x0000ULL
#define PDPT	 0x1000ULL
#define PD_LOW	 0x2000ULL /* 0 .. 1 GiB, for the MMIO page */
#define PT_MMIO	 0x3000ULL
#define PT_IMAGE 0x4000ULL
#define GDT	 0x5000ULL
#define IDT	 0x6000ULL
#define PD	 0x10000ULL /* from PVTB_GPA_IMAGE up, one per GiB */
#define NR_PD	 64ULL
/* One page per vCPU: the TSS at its beginning, the fault stack growing down from its end. */
#define TSS	 0x80000ULL

#define TSS_BYTES      104
#define TSS_IST1       36
#define TSS_RSP0       4
#define TSS_IOMAP_BASE 102

#define SEL_KERNEL_CS 0x08
#define SEL_KERNEL_DS 0x10
#define SEL_USER_DS   0x18
#define SEL_USER_CS   0x20
#define SEL_TSS	      0x28

#define NR_VECTORS   32
#define VECTOR_BYTES 16 /* of one stub in vectors.S */

_Static_assert(PD + NR_PD * PAGE <= TSS, "page directories end before the TSSs");
_Static_assert(PVTB_GPA_TABLES + TSS + PVTB_MAX_VCPUS * PAGE <= PVTB_GPA_STACKS, "tables fit");
_Static_assert(PVTB_GPA_IMAGE % GIB == 0 && PVTB_GPA_MMIO < GIB, "which directory is whose");

static u64 *table(struct pvtb_vm *vm, u64 off)
{
	return (u64 *)(vm->mem + (PVTB_GPA_TABLES - PVTB_GPA_IMAGE) + off);
}

static u64 link_to(u64 off)
{
	return (PVTB_GPA_TABLES + off) | X86_PTE_P | X86_PTE_RW | X86_PTE_US;
}

static int build_pages(struct pvtb_vm *vm, struct pvtb_err *err)
{
	u64 page = X86_PTE_P | X86_PTE_US, nx = PTE_NX, i, gpa;
	u64 end = PVTB_GPA_IMAGE + vm->map_bytes;
	u64 text_end = vm->ops_symbols[X86_SYM_TEXT_END];

	if (vm->map_bytes > NR_PD * GIB)
		return pvtb_err_set(err, -E2BIG, "VM", "more than %llu GiB of guest memory", NR_PD);
	table(vm, PML4)[0] = link_to(PDPT);
	table(vm, PDPT)[0] = link_to(PD_LOW);
	table(vm, PD_LOW)[PVTB_GPA_MMIO / LARGE] = link_to(PT_MMIO);
	table(vm, PT_MMIO)[PVTB_GPA_MMIO / PAGE % 512] =
		PVTB_GPA_MMIO | page | X86_PTE_RW | PTE_PCD | PTE_PWT | nx;
	for (i = 0; i < 512; i++) {
		gpa = PVTB_GPA_IMAGE + i * PAGE;
		table(vm, PT_IMAGE)[i] = gpa | page | (gpa < text_end ? 0 : X86_PTE_RW | nx);
	}
	for (i = 0; i * GIB < vm->map_bytes; i++)
		table(vm, PDPT)[PVTB_GPA_IMAGE / GIB + i] = link_to(PD + i * PAGE);
	table(vm, PD)[0] = link_to(PT_IMAGE);
	for (gpa = PVTB_GPA_IMAGE_END; gpa < end; gpa += LARGE)
		table(vm, PD)[(gpa - PVTB_GPA_IMAGE) / LARGE] =
			gpa | page | X86_PTE_RW | X86_PTE_PS | nx;
	return 0;
}

static void build_gdt(struct pvtb_vm *vm)
{
	u64 *gdt = table(vm, GDT);

	/* present, L or D, type; base and limit mean nothing in 64-bit mode */
	gdt[SEL_KERNEL_CS / 8] = 0x00209b0000000000ULL;
	gdt[SEL_KERNEL_DS / 8] = 0x0000930000000000ULL;
	gdt[SEL_USER_DS / 8] = 0x0000f30000000000ULL;
	gdt[SEL_USER_CS / 8] = 0x0020fb0000000000ULL;
	/* TR is loaded by the harness, with each vCPU's own base: no TSS descriptor is needed. */
}

static void build_idt(struct pvtb_vm *vm)
{
	u64 *idt = table(vm, IDT);
	unsigned int i;

	for (i = 0; i < NR_VECTORS; i++) {
		u64 stub = vm->ops_symbols[X86_SYM_VECTORS] + i * VECTOR_BYTES;

		/* interrupt gate, present, DPL 0, stack IST1 */
		idt[2 * i] = (stub & 0xffff) | (u64)SEL_KERNEL_CS << 16 | 1ULL << 32 |
			     0x8eULL << 40 | (stub >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = stub >> 32;
	}
}

static void build_tss(struct pvtb_vm *vm, unsigned int index)
{
	u64 off = TSS + index * PAGE;
	u8 *tss = (u8 *)table(vm, off);
	/* The fault stack begins below the address of the control page: struct x86_frame. */
	u64 stack = PVTB_GPA_TABLES + off + PAGE - 16;
	u64 ctl = PVTB_GPA_CTL + index * PVTB_CTL_BYTES;
	u16 iomap = TSS_BYTES; /* beyond the limit: no bitmap */

	memcpy(tss + TSS_RSP0, &stack, sizeof(stack));
	memcpy(tss + TSS_IST1, &stack, sizeof(stack));
	memcpy(tss + TSS_IOMAP_BASE, &iomap, sizeof(iomap));
	memcpy(tss + PAGE - 16, &ctl, sizeof(ctl));
}

int pvtb_x86_tables_build(struct pvtb_vm *vm, struct pvtb_err *err)
{
	unsigned int i;
	int ret;

	ret = build_pages(vm, err);
	if (ret)
		return ret;
	build_gdt(vm);
	build_idt(vm);
	for (i = 0; i < vm->spec.nr_vcpus; i++)
		build_tss(vm, i);
	return 0;
}

u64 pvtb_x86_cr3(void)
{
	return PVTB_GPA_TABLES + PML4;
}

void pvtb_x86_tables_regs(unsigned int index, struct kvm_sregs *sregs)
{
	sregs->gdt.base = PVTB_GPA_TABLES + GDT;
	sregs->gdt.limit = SEL_TSS - 1;
	sregs->idt.base = PVTB_GPA_TABLES + IDT;
	sregs->idt.limit = NR_VECTORS * 16 - 1;
	memset(&sregs->tr, 0, sizeof(sregs->tr));
	sregs->tr.base = PVTB_GPA_TABLES + TSS + index * PAGE;
	sregs->tr.limit = TSS_BYTES - 1;
	sregs->tr.selector = SEL_TSS;
	sregs->tr.type = 11; /* busy 64-bit TSS */
	sregs->tr.present = 1;
}

void pvtb_x86_long_mode(struct kvm_sregs *sregs, u64 cr3, enum pvtb_level level)
{
	u8 dpl = level == PVTB_LEVEL_USER ? 3 : 0;
	struct kvm_segment code = {
		.selector = dpl ? SEL_USER_CS | 3 : SEL_KERNEL_CS,
		.type = 11,
		.present = 1,
		.dpl = dpl,
		.s = 1,
		.l = 1,
		.g = 1,
		.limit = 0xffffffff,
	};
	struct kvm_segment data = code;

	data.selector = dpl ? SEL_USER_DS | 3 : SEL_KERNEL_DS;
	data.type = 3;
	data.l = 0;
	data.db = 1;
	sregs->cs = code;
	sregs->ss = data;
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	memset(&sregs->ldt, 0, sizeof(sregs->ldt));
	sregs->ldt.type = 2;
	sregs->ldt.unusable = 1;
	sregs->cr0 = 0x80010033; /* PE MP ET NE WP PG */
	sregs->cr2 = 0;
	sregs->cr3 = cr3;
	sregs->cr4 = 0x20; /* PAE; TSD clear: RDTSC at ring 3 */
	sregs->cr8 = 0;
	sregs->efer = 0xd00; /* LME LMA NXE */
	memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));
}
