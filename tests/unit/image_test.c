// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest image's reader: the embedded image is whole, and no damaged file does more than be
 * refused (run with SANITIZE=address this finds reads past the end as well).
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "abi/guest.h"
#include "vmm/arch.h"
#include "vmm/image.h"

#define BASE 0x1000
#define SIZE 0x100

/* A file of one segment of 16 bytes, one symbol table and its strings. */
struct tiny {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	Elf64_Shdr sh[3];
	Elf64_Sym sym[2];
	char strings[16];
	u8 text[16];
};

static struct tiny tiny(void)
{
	struct tiny t = {
		.eh = {.e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_phoff = offsetof(struct tiny, ph),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 1,
		       .e_shoff = offsetof(struct tiny, sh),
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = 3},
		.ph = {.p_type = PT_LOAD,
		       .p_offset = offsetof(struct tiny, text),
		       .p_paddr = BASE + 0x20,
		       .p_filesz = 16,
		       .p_memsz = 32},
		.sh = {[1] = {.sh_type = SHT_SYMTAB,
			      .sh_offset = offsetof(struct tiny, sym),
			      .sh_size = 2 * sizeof(Elf64_Sym),
			      .sh_link = 2},
		       [2] = {.sh_type = SHT_STRTAB,
			      .sh_offset = offsetof(struct tiny, strings),
			      .sh_size = 16}},
		.sym = {[1] = {.st_name = 1, .st_shndx = SHN_ABS, .st_value = 0x1234}},
		.strings = "\0here",
	};

	memcpy(t.eh.e_ident, ELFMAG, SELFMAG);
	t.eh.e_ident[EI_CLASS] = ELFCLASS64;
	t.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	memset(t.text, 0xab, sizeof(t.text));
	return t;
}

static int load(const struct tiny *t, size_t len, u8 mem[SIZE])
{
	struct pvtb_err err;

	memset(mem, 0, SIZE);
	return pvtb_image_load((const u8 *)t, len, EM_X86_64, mem, BASE, SIZE, &err);
}

static void segment_goes_where_it_belongs(void **state)
{
	struct tiny t = tiny();
	u8 mem[SIZE];
	int i;

	(void)state;
	assert_int_equal(load(&t, sizeof(t), mem), 0);
	for (i = 0; i < SIZE; i++)
		assert_int_equal(mem[i], i >= 0x20 && i < 0x30 ? 0xab : 0);
}

static void refused(struct tiny t, size_t len)
{
	u8 mem[SIZE];

	assert_int_equal(load(&t, len, mem), -ENOEXEC);
}

static void wrong_files_are_refused(void **state)
{
	struct tiny t;

	(void)state;
	refused(tiny(), 0);
	refused(tiny(), sizeof(Elf64_Ehdr) - 1);
	refused(tiny(), sizeof(struct tiny) - 1); /* the segment's last byte is missing */
	t = tiny(), t.eh.e_machine = EM_AARCH64, refused(t, sizeof(t));
	t = tiny(), t.eh.e_ident[EI_CLASS] = ELFCLASS32, refused(t, sizeof(t));
	t = tiny(), t.eh.e_type = ET_DYN, refused(t, sizeof(t));
	t = tiny(), t.eh.e_phoff = UINT64_MAX - 8, refused(t, sizeof(t));
	t = tiny(), t.eh.e_phnum = 0, refused(t, sizeof(t));
	t = tiny(), t.ph.p_paddr = BASE - 1, refused(t, sizeof(t));
	t = tiny(), t.ph.p_paddr = BASE + SIZE - 31, refused(t, sizeof(t));
	t = tiny(), t.ph.p_paddr = UINT64_MAX - 4, refused(t, sizeof(t));
	t = tiny(), t.ph.p_memsz = 15, refused(t, sizeof(t));
	t = tiny(), t.ph.p_memsz = UINT64_MAX, refused(t, sizeof(t));
	t = tiny(), t.ph.p_offset = UINT64_MAX - 4, refused(t, sizeof(t));
}

static int symbol(struct tiny t, const char *name, u64 *ret)
{
	struct pvtb_err err;

	return pvtb_image_symbol((const u8 *)&t, sizeof(t), name, ret, &err);
}

static void symbols(void **state)
{
	struct tiny t = tiny();
	u64 value = 7;

	(void)state;
	assert_int_equal(symbol(t, "her", &value), -ENOENT);
	assert_int_equal(symbol(t, "ere", &value), -ENOENT);
	assert_int_equal(value, 7);
	assert_int_equal(symbol(t, "here", &value), 0);
	assert_int_equal(value, 0x1234);
	t.sym[1].st_name = UINT32_MAX; /* beyond the strings: not found, not read */
	assert_int_equal(symbol(t, "here", &value), -ENOENT);
	t = tiny(), t.sh[1].sh_link = 3;
	assert_int_equal(symbol(t, "here", &value), -ENOEXEC);
	t = tiny(), t.sh[1].sh_size = UINT64_MAX;
	assert_int_equal(symbol(t, "here", &value), -ENOEXEC);
	t = tiny(), t.eh.e_shoff = sizeof(t) - 8;
	assert_int_equal(symbol(t, "here", &value), -ENOEXEC);
}

/* Any byte may be anything: loaded or refused, never a crash. */
static void damaged_files(void **state)
{
	u64 seed = 0x9e3779b97f4a7c15ULL, value;
	struct pvtb_err err;
	struct tiny t;
	u8 mem[SIZE];
	int i, k, ret;

	(void)state;
	for (i = 0; i < 100000; i++) {
		t = tiny();
		for (k = 0; k < 3; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			((u8 *)&t)[(seed >> 8) % sizeof(t)] = (u8)seed;
		}
		ret = load(&t, sizeof(t), mem);
		assert_true(ret == 0 || ret == -ENOEXEC);
		ret = pvtb_image_symbol((const u8 *)&t, sizeof(t), "here", &value, &err);
		assert_true(ret == 0 || ret == -ENOEXEC || ret == -ENOENT);
	}
}

static void embedded_image_is_whole(void **state)
{
	u64 size = PVTB_GPA_IMAGE_END - PVTB_GPA_IMAGE, start, end, value;
	size_t len = (size_t)(pvtb_guest_image_end - pvtb_guest_image);
	struct pvtb_err err;
	u8 *mem = calloc(1, size);
	int i;

	(void)state;
	assert_non_null(mem);
	assert_int_equal(pvtb_image_load(pvtb_guest_image, len, pvtb_arch_elf_machine, mem,
					 PVTB_GPA_IMAGE, size, &err),
			 0);
	assert_int_equal(pvtb_image_symbol(pvtb_guest_image, len, "pvtb_ops_start", &start, &err),
			 0);
	assert_int_equal(pvtb_image_symbol(pvtb_guest_image, len, "pvtb_ops_end", &end, &err), 0);
	assert_true(end > start && (end - start) % sizeof(struct pvtb_op) == 0);
	for (i = 0; i < 4 && pvtb_arch_symbols[i]; i++)
		assert_int_equal(pvtb_image_symbol(pvtb_guest_image, len, pvtb_arch_symbols[i],
						   &value, &err),
				 0);
	for (value = start; value < end; value += sizeof(struct pvtb_op)) {
		const struct pvtb_op *op = (const void *)(mem + (value - PVTB_GPA_IMAGE));

		assert_true(op->name[0] && op->name[sizeof(op->name) - 1] == '\0');
		assert_true(op->text_start >= PVTB_GPA_IMAGE && op->text_end > op->text_start);
		assert_true(op->entry >= op->text_start && op->entry < op->text_end);
	}
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segment_goes_where_it_belongs),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(symbols),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(embedded_image_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
