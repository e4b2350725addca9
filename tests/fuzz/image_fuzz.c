// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: the guest's image, an ELF file: segments into memory of a given size, symbols. */
#include <elf.h>

#include "fuzz.h"
#include "vmm/image.h"

#define BASE 0x100000ULL
#define SIZE 0x4000ULL

bool fuzz_one(const u8 *data, size_t bytes)
{
	u8 *mem = malloc(SIZE);
	struct pvtb_err err = {};
	bool read;
	u64 value;

	fuzz_must(mem);
	read = !pvtb_image_load(data, bytes, EM_X86_64, mem, BASE, SIZE, &err);
	fuzz_must(read || err.why[0]);
	if (pvtb_image_symbol(data, bytes, "pvtb_ops", &value, &err))
		fuzz_must(err.why[0]);
	else
		read = true;
	free(mem);
	return read;
}

struct file {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	Elf64_Shdr sh[3];
	Elf64_Sym sym[2];
	char strings[32], text[64];
};

void fuzz_seeds(void)
{
	struct file f = {
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_phoff = offsetof(struct file, ph),
		       .e_phentsize = sizeof(f.ph),
		       .e_phnum = 1,
		       .e_shoff = offsetof(struct file, sh),
		       .e_shentsize = sizeof(f.sh[0]),
		       .e_shnum = 3},
		.ph = {.p_type = PT_LOAD,
		       .p_offset = offsetof(struct file, text),
		       .p_paddr = BASE,
		       .p_filesz = sizeof(f.text),
		       .p_memsz = 0x1000},
		.sh = {{.sh_type = SHT_NULL},
		       {.sh_type = SHT_SYMTAB,
			.sh_offset = offsetof(struct file, sym),
			.sh_size = sizeof(f.sym),
			.sh_link = 2},
		       {.sh_type = SHT_STRTAB,
			.sh_offset = offsetof(struct file, strings),
			.sh_size = sizeof(f.strings)}},
		.sym = {{}, {.st_name = 1, .st_shndx = 1, .st_value = BASE}},
		.strings = "\0pvtb_ops",
	};

	fuzz_seed(true, &f, sizeof(f));
	f.sh[1].sh_link = 1;
	fuzz_seed(true, &f, sizeof(f)); /* loads, without a symbol */
	f.ph.p_paddr = BASE + SIZE - 1;
	fuzz_seed(false, &f, sizeof(f));
	fuzz_seed(false, &f, 10);
}
