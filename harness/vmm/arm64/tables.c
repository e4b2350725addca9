// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the guest's translation: an identity map of 39 bits in 4 KiB granules, and the registers
 * that turn it on.
 *
 *	PVTB_GPA_MMIO		 one page, Device-nGnRnE
 *	image, up to text end	 read-only, executable
 *	rest of the image	 read-write
 *	page tables		 not mapped: a wild store of a probe cannot reach them
 *	all above		 read-write, in blocks of 2 MiB
 *
 * Everything is open to EL0, since an op may run at either level. What EL0 can write EL1 cannot
 * execute (Arm ARM, "Preventing execution from writable locations"), hence text is read-only.
 */
#include "vmm/arm64/arm64.h"

#define PAGE	   4096ULL
#define BLOCK	   (2ULL << 20)
#define GIB	   (1ULL << 30)
#define MAP_LIMIT  (1ULL << 39)
#define NR_ENTRIES 512

/* VMSAv8-64 descriptors. */
#define DESC_TABLE	3ULL
#define DESC_PAGE	3ULL
#define DESC_BLOCK	1ULL
#define DESC_ATTR(i)	((u64)(i) << 2)
#define DESC_EL0	(1ULL << 6)
#define DESC_READ_ONLY	(1ULL << 7)
#define DESC_INNER_SH	(3ULL << 8)
#define DESC_ACCESSED	(1ULL << 10)
#define DESC_NO_EXECUTE (3ULL << 53) /* PXN and UXN */

#define ATTR_NORMAL 0 /* index into MAIR */
#define ATTR_DEVICE 1
#define MAIR_VALUE  0x00ffULL /* 0: Normal, Write-Back, allocating; 1: Device-nGnRnE */

#define MAP_COMMON (DESC_EL0 | DESC_ACCESSED)
#define MAP_TEXT   (MAP_COMMON | DESC_ATTR(ATTR_NORMAL) | DESC_INNER_SH | DESC_READ_ONLY)
#define MAP_DATA   (MAP_COMMON | DESC_ATTR(ATTR_NORMAL) | DESC_INNER_SH | DESC_NO_EXECUTE)
#define MAP_DEVICE (MAP_COMMON | DESC_ATTR(ATTR_DEVICE) | DESC_NO_EXECUTE)

/* T0SZ = 64 - 39; walks Write-Back Inner Shareable; 4 KiB; no TTBR1. */
#define TCR_VALUE	 (25ULL | 1ULL << 8 | 1ULL << 10 | 3ULL << 12 | 1ULL << 23)
#define TCR_IPS(parange) ((u64)(parange) << 32)
#define PARANGE_40_BITS	 2

/* SCTLR_EL1: the bits that are RES1 without the extensions that define them (29 28 23 22 20 11;
 * SPAN, 23, keeps PSTATE.PAN clear on exceptions, or EL1 could not touch what is EL0's), stack
 * alignment checks, caches, MMU; EL0 may WFI, WFE, DC ZVA, maintain caches and read CTR. */
#define SCTLR_VALUE                                                                                \
	(0x30d00800ULL | 1ULL << 0 | 1ULL << 2 | 1ULL << 3 | 1ULL << 4 | 1ULL << 12 | 1ULL << 14 | \
	 1ULL << 15 | 1ULL << 16 | 1ULL << 18 | 1ULL << 26)
#define CPACR_FPEN (3ULL << 20)

struct tables {
	struct pvtb_vm *vm;
	u64 next; /* next free page of the table area */
};

static u64 *table_at(struct tables *t, u64 gpa)
{
	return (u64 *)(t->vm->mem + (gpa - PVTB_GPA_IMAGE));
}

/* The table below @entry, made when there is none. NULL: area used up. */
static u64 *table_below(struct tables *t, u64 *entry)
{
	if (!(*entry & 1)) {
		if (t->next + PAGE > PVTB_GPA_STACKS)
			return NULL;
		*entry = t->next | DESC_TABLE;
		t->next += PAGE;
	}
	return table_at(t, *entry & ~(PAGE - 1) & ((1ULL << 48) - 1));
}

static int map(struct tables *t, u64 start, u64 end, u64 attributes)
{
	u64 *root = table_at(t, PVTB_GPA_TABLES);
	u64 gpa = start;

	while (gpa < end) {
		u64 *l2 = table_below(t, &root[gpa / GIB]);
		u64 *l3;

		if (!l2)
			return -ENOMEM;
		if (gpa % BLOCK == 0 && end - gpa >= BLOCK) {
			l2[gpa / BLOCK % NR_ENTRIES] = gpa | attributes | DESC_BLOCK;
			gpa += BLOCK;
			continue;
		}
		l3 = table_below(t, &l2[gpa / BLOCK % NR_ENTRIES]);
		if (!l3)
			return -ENOMEM;
		l3[gpa / PAGE % NR_ENTRIES] = gpa | attributes | DESC_PAGE;
		gpa += PAGE;
	}
	return 0;
}

int pvtb_arm64_build_tables(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct tables t = {.vm = vm, .next = PVTB_GPA_TABLES + PAGE};
	u64 text_end = vm->ops_symbols[PVTB_ARM64_SYM_TEXT_END];
	u64 mem_end = PVTB_GPA_IMAGE + vm->map_bytes;
	int ret;

	if (text_end % PAGE || text_end <= PVTB_GPA_IMAGE || text_end > PVTB_GPA_IMAGE_END)
		return pvtb_err_set(err, -ENOEXEC, "guest image", "text ends at 0x%llx",
				    (unsigned long long)text_end);
	if (mem_end > MAP_LIMIT)
		return pvtb_err_set(err, -E2BIG, "VM", "more memory than 39 bits address");
	ret = map(&t, PVTB_GPA_MMIO, PVTB_GPA_MMIO + PAGE, MAP_DEVICE);
	if (!ret)
		ret = map(&t, PVTB_GPA_IMAGE, text_end, MAP_TEXT);
	if (!ret)
		ret = map(&t, text_end, PVTB_GPA_IMAGE_END, MAP_DATA);
	if (!ret)
		ret = map(&t, PVTB_GPA_STACKS, mem_end, MAP_DATA);
	return ret ? pvtb_err_sys(err, ret, "guest page tables") : 0;
}

int pvtb_arm64_set_mmu(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	u64 mmfr0 = 0;
	u64 parange;
	unsigned int i;
	int ret;

	ret = pvtb_arm64_get(vcpu->fd, REG_MMFR0_EL1, &mmfr0);
	if (ret)
		return pvtb_err_sys(err, ret, "ID_AA64MMFR0_EL1");
	parange = mmfr0 & 15;
	if (parange > PARANGE_40_BITS)
		parange = PARANGE_40_BITS;

	const struct {
		u64 id;
		u64 value;
	} regs[] = {
		{REG_MAIR_EL1, MAIR_VALUE},	  {REG_TCR_EL1, TCR_VALUE | TCR_IPS(parange)},
		{REG_TTBR0_EL1, PVTB_GPA_TABLES}, {REG_CPACR_EL1, CPACR_FPEN},
		{REG_SCTLR_EL1, SCTLR_VALUE},
	};

	for (i = 0; i < PVTB_ARRAY_SIZE(regs); i++) {
		ret = pvtb_arm64_set(vcpu->fd, regs[i].id, regs[i].value);
		if (ret)
			return pvtb_err_sys(err, ret, "MMU register %u of vCPU %u", i, vcpu->index);
	}
	return 0;
}
