// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the guest's translation: an identity map of 39 bits in granules of 4, 16 or 64 KiB, and the
 * registers that turn it on. An AArch32 guest has its own, in sections of 1 MiB.
 *
 *	PVTB_GPA_MMIO		 one page, Device-nGnRnE
 *	image, up to text end	 read-only, executable
 *	rest of the image	 read-write
 *	page tables		 not mapped: a wild store of a probe cannot reach them
 *	all above		 read-write, in blocks (2, 32 or 512 MiB) where they fit
 *
 * Everything is open to EL0, since an op may run at either level. What EL0 can write EL1 cannot
 * execute (Arm ARM, "Preventing execution from writable locations"), hence text is read-only.
 */
#include "vmm/arm64/arm64.h"

#define MAP_BITS  39
#define MAP_LIMIT (1ULL << MAP_BITS)
/* The largest granule: the image's text ends on such a boundary (guest.lds). */
#define MAX_PAGE  65536ULL

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

/* T0SZ = 64 - 39; walks Write-Back Inner Shareable; no TTBR1. TG0 says the granule. */
#define TCR_VALUE	 (25ULL | 1ULL << 8 | 1ULL << 10 | 3ULL << 12 | 1ULL << 23)
#define TCR_TG0_64K	 (1ULL << 14)
#define TCR_TG0_16K	 (2ULL << 14)
#define TCR_IPS(parange) ((u64)(parange) << 32)
#define PARANGE_40_BITS	 2

/* SCTLR_EL1: the bits that are RES1 without the extensions that define them (29 28 23 22 20 11;
 * SPAN, 23, keeps PSTATE.PAN clear on exceptions, or EL1 could not touch what is EL0's), stack
 * alignment checks, caches, MMU; EL0 may WFI, WFE, DC ZVA, maintain caches and read CTR. */
#define SCTLR_VALUE                                                                                \
	(0x30d00800ULL | 1ULL << 0 | 1ULL << 2 | 1ULL << 3 | 1ULL << 4 | 1ULL << 12 | 1ULL << 14 | \
	 1ULL << 15 | 1ULL << 16 | 1ULL << 18 | 1ULL << 26)
#define CPACR_FPEN (3ULL << 20)

/* AArch32 short descriptors: sections of Normal Write-Back, allocating, shareable memory, or of Device
 * memory that is not executed; both open to all (Arm ARM, G5.4). DACR: domain 0's are checked. */
#define A32_SECTION	(1ULL << 20)
#define A32_NR_SECTIONS 4096
#define A32_TABLE_BYTES (A32_NR_SECTIONS * sizeof(u32))
#define A32_NORMAL	0x11c0eU
#define A32_DEVICE	0x00c16U
#define A32_DACR_VALUE	1ULL
#define A32_SCTLR_VALUE 0x00c5187dULL /* RES1 bits, caches, alignment left alone, MMU */
#define A32_TTBR_WALKS	0x4aULL	      /* of the tables: Write-Back, allocating, shareable */
#define A32_SCTLR_M_C_I (1ULL << 0 | 1ULL << 2 | 1ULL << 12)

_Static_assert((A32_SCTLR_VALUE & A32_SCTLR_M_C_I) == A32_SCTLR_M_C_I, "MMU and caches are on");

struct tables {
	struct pvtb_vm *vm;
	unsigned int page_shift; /* of the granule */
	unsigned int bits;	 /* of the address that a level translates */
	unsigned int top_shift;	 /* of the address bits that the root translates */
	u64 next;		 /* next free page of the table area */
};

static u64 *table_at(struct tables *t, u64 gpa)
{
	return (u64 *)(t->vm->mem + (gpa - PVTB_GPA_IMAGE));
}

/* The table below @entry, made when there is none. NULL: area used up. */
static u64 *table_below(struct tables *t, u64 *entry)
{
	u64 page = 1ULL << t->page_shift;

	if (!(*entry & 1)) {
		if (t->next + page > PVTB_GPA_STACKS)
			return NULL;
		*entry = t->next | DESC_TABLE;
		t->next += page;
	}
	return table_at(t, *entry & ~(page - 1) & ((1ULL << 48) - 1));
}

/* The largest leaf that @start allows, not beyond @end. Returns its shift, 0: area used up. */
static unsigned int map_one(struct tables *t, u64 start, u64 end, u64 attributes)
{
	u64 *table = table_at(t, PVTB_GPA_TABLES);
	unsigned int shift = t->top_shift;

	for (;;) {
		u64 *entry = &table[start >> shift & ((1ULL << t->bits) - 1)];
		u64 size = 1ULL << shift;

		if (shift == t->page_shift) {
			*entry = start | attributes | DESC_PAGE;
			return shift;
		}
		/* Blocks one level above pages; larger ones not every granule has. */
		if (shift == t->page_shift + t->bits && !(start & (size - 1)) &&
		    end - start >= size) {
			*entry = start | attributes | DESC_BLOCK;
			return shift;
		}
		table = table_below(t, entry);
		if (!table)
			return 0;
		shift -= t->bits;
	}
}

static int map(struct tables *t, u64 start, u64 end, u64 attributes)
{
	while (start < end) {
		unsigned int shift = map_one(t, start, end, attributes);

		if (!shift)
			return -ENOMEM;
		start += 1ULL << shift;
	}
	return 0;
}

static void set_granule(struct tables *t, u64 granule)
{
	t->page_shift = (unsigned int)__builtin_ctzll(granule);
	t->bits = t->page_shift - 3;
	t->top_shift = t->page_shift;
	while (t->top_shift + t->bits < MAP_BITS)
		t->top_shift += t->bits;
	t->next = PVTB_GPA_TABLES + granule;
}

/* One section for the doorbell, and those the memory is in, tables included. */
static void build_a32_table(struct pvtb_vm *vm)
{
	u32 *table = (u32 *)(vm->mem + (PVTB_GPA_TABLES - PVTB_GPA_IMAGE));
	u64 gpa;

	_Static_assert(PVTB_GPA_TABLES + A32_TABLE_BYTES <= PVTB_GPA_STACKS, "the table fits");
	table[PVTB_GPA_MMIO / A32_SECTION] = PVTB_GPA_MMIO | A32_DEVICE;
	for (gpa = PVTB_GPA_IMAGE; gpa < PVTB_GPA_IMAGE + vm->mem_bytes; gpa += A32_SECTION)
		table[gpa / A32_SECTION] = (u32)gpa | A32_NORMAL;
}

int pvtb_arm64_build_tables(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct tables t = {.vm = vm};
	u64 text_end = vm->ops_symbols[PVTB_ARM64_SYM_TEXT_END];
	u64 mem_end = PVTB_GPA_IMAGE + vm->map_bytes;
	int ret;

	if (vm->spec.aarch32) {
		build_a32_table(vm);
		return 0;
	}
	if (text_end % MAX_PAGE || text_end <= PVTB_GPA_IMAGE || text_end > PVTB_GPA_IMAGE_END)
		return pvtb_err_set(err, -ENOEXEC, "guest image", "text ends at 0x%llx",
				    (unsigned long long)text_end);
	if (mem_end > MAP_LIMIT)
		return pvtb_err_set(err, -E2BIG, "VM", "more memory than %d bits address",
				    MAP_BITS);
	set_granule(&t, vm->spec.granule);
	ret = map(&t, PVTB_GPA_MMIO, PVTB_GPA_MMIO + vm->spec.granule, MAP_DEVICE);
	if (!ret)
		ret = map(&t, PVTB_GPA_IMAGE, text_end, MAP_TEXT);
	if (!ret)
		ret = map(&t, text_end, PVTB_GPA_IMAGE_END, MAP_DATA);
	if (!ret)
		ret = map(&t, PVTB_GPA_STACKS, mem_end, MAP_DATA);
	return ret ? pvtb_err_sys(err, ret, "guest page tables") : 0;
}

struct reg_value {
	u64 id;
	u64 value;
};

static int set_registers(struct pvtb_vcpu *vcpu, const struct reg_value *regs, size_t nr,
			 struct pvtb_err *err)
{
	for (size_t i = 0; i < nr; i++) {
		int ret = pvtb_arm64_set(vcpu->fd, regs[i].id, regs[i].value);

		if (ret)
			return pvtb_err_sys(err, ret, "MMU register %zu of vCPU %u", i,
					    vcpu->index);
	}
	return 0;
}

static int set_a32_mmu(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	/* TTBR0, TTBCR and SCTLR under the names of the AArch64 registers they are part of. */
	static const struct reg_value regs[] = {
		{REG_TTBR0_EL1, PVTB_GPA_TABLES | A32_TTBR_WALKS},
		{REG_TCR_EL1, 0},
		{REG_DACR32_EL2, A32_DACR_VALUE},
		{REG_SCTLR_EL1, A32_SCTLR_VALUE},
	};

	return set_registers(vcpu, regs, PVTB_ARRAY_SIZE(regs), err);
}

static u64 tcr_granule(u64 granule)
{
	return granule == 65536 ? TCR_TG0_64K : granule == 16384 ? TCR_TG0_16K : 0;
}

int pvtb_arm64_set_mmu(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	u64 tcr = TCR_VALUE | tcr_granule(vcpu->vm->spec.granule);
	u64 mmfr0 = 0;
	u64 parange;
	int ret;

	if (vcpu->vm->spec.aarch32)
		return set_a32_mmu(vcpu, err);
	ret = pvtb_arm64_get(vcpu->fd, REG_MMFR0_EL1, &mmfr0);
	if (ret)
		return pvtb_err_sys(err, ret, "ID_AA64MMFR0_EL1");
	parange = mmfr0 & 15;
	if (parange > PARANGE_40_BITS)
		parange = PARANGE_40_BITS;

	const struct reg_value regs[] = {
		{REG_MAIR_EL1, MAIR_VALUE},	  {REG_TCR_EL1, tcr | TCR_IPS(parange)},
		{REG_TTBR0_EL1, PVTB_GPA_TABLES}, {REG_CPACR_EL1, CPACR_FPEN},
		{REG_SCTLR_EL1, SCTLR_VALUE},
	};

	return set_registers(vcpu, regs, PVTB_ARRAY_SIZE(regs), err);
}
