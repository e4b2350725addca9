// SPDX-License-Identifier: GPL-2.0-only
/* Owns: the checked reading of the guest image. Touches no KVM and no file. */
#include "vmm/image.h"

#include <elf.h>
#include <string.h>

static const char image_name[] = "guest image";

/* [off, off + bytes) inside the file, without overflow. */
static bool inside(u64 off, u64 bytes, u64 len)
{
	return bytes <= len && off <= len - bytes;
}

static int read_header(const u8 *elf, size_t len, Elf64_Ehdr *ret, struct pvtb_err *err)
{
	if (len < sizeof(*ret))
		return pvtb_err_set(err, -ENOEXEC, image_name, "%zu bytes are no ELF file", len);
	memcpy(ret, elf, sizeof(*ret));
	if (memcmp(ret->e_ident, ELFMAG, SELFMAG) || ret->e_ident[EI_CLASS] != ELFCLASS64 ||
	    ret->e_ident[EI_DATA] != ELFDATA2LSB || ret->e_type != ET_EXEC)
		return pvtb_err_set(err, -ENOEXEC, image_name,
				    "not a little-endian static ELF64 executable");
	return 0;
}

static int load_segment(const u8 *elf, size_t len, const Elf64_Phdr *ph, u8 *mem, u64 base,
			u64 size, struct pvtb_err *err)
{
	if (ph->p_filesz > ph->p_memsz || !inside(ph->p_offset, ph->p_filesz, len))
		return pvtb_err_set(err, -ENOEXEC, image_name, "segment reaches past the file");
	if (ph->p_paddr < base || !inside(ph->p_paddr - base, ph->p_memsz, size))
		return pvtb_err_set(err, -ENOEXEC, image_name,
				    "segment at %#llx + %#llx is outside the image's memory",
				    (unsigned long long)ph->p_paddr,
				    (unsigned long long)ph->p_memsz);
	memcpy(mem + (ph->p_paddr - base), elf + ph->p_offset, ph->p_filesz);
	return 0;
}

int pvtb_image_load(const u8 *elf, size_t len, u16 machine, u8 *mem, u64 base, u64 size,
		    struct pvtb_err *err)
{
	unsigned int i, loaded = 0;
	Elf64_Ehdr eh;
	int ret;

	ret = read_header(elf, len, &eh, err);
	if (ret)
		return ret;
	if (eh.e_machine != machine)
		return pvtb_err_set(err, -ENOEXEC, image_name, "made for machine %u, not %u",
				    eh.e_machine, machine);
	if (eh.e_phentsize != sizeof(Elf64_Phdr) ||
	    !inside(eh.e_phoff, (u64)eh.e_phnum * sizeof(Elf64_Phdr), len))
		return pvtb_err_set(err, -ENOEXEC, image_name, "program headers past the file");
	for (i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, elf + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		ret = load_segment(elf, len, &ph, mem, base, size, err);
		if (ret)
			return ret;
		loaded++;
	}
	if (!loaded)
		return pvtb_err_set(err, -ENOEXEC, image_name, "nothing to load");
	return 0;
}

static int section(const u8 *elf, size_t len, const Elf64_Ehdr *eh, u32 index, Elf64_Shdr *ret,
		   struct pvtb_err *err)
{
	if (index >= eh->e_shnum || eh->e_shentsize != sizeof(*ret) ||
	    !inside(eh->e_shoff, (u64)eh->e_shnum * sizeof(*ret), len))
		return pvtb_err_set(err, -ENOEXEC, image_name, "section headers past the file");
	memcpy(ret, elf + eh->e_shoff + index * sizeof(*ret), sizeof(*ret));
	if (ret->sh_type != SHT_NOBITS && !inside(ret->sh_offset, ret->sh_size, len))
		return pvtb_err_set(err, -ENOEXEC, image_name, "section %u past the file", index);
	return 0;
}

static bool name_is(const u8 *strings, u64 bytes, u64 off, const char *name)
{
	size_t want = strlen(name) + 1;

	return inside(off, want, bytes) && !memcmp(strings + off, name, want);
}

int pvtb_image_symbol(const u8 *elf, size_t len, const char *name, u64 *ret_value,
		      struct pvtb_err *err)
{
	Elf64_Shdr tab, strings;
	Elf64_Ehdr eh;
	u32 i;
	int ret;

	ret = read_header(elf, len, &eh, err);
	if (ret)
		return ret;
	for (i = 0; i < eh.e_shnum; i++) {
		u64 n, nr;

		ret = section(elf, len, &eh, i, &tab, err);
		if (ret)
			return ret;
		if (tab.sh_type != SHT_SYMTAB)
			continue;
		ret = section(elf, len, &eh, tab.sh_link, &strings, err);
		if (ret)
			return ret;
		if (strings.sh_type != SHT_STRTAB)
			break;
		nr = tab.sh_size / sizeof(Elf64_Sym);
		for (n = 0; n < nr; n++) {
			Elf64_Sym sym;

			memcpy(&sym, elf + tab.sh_offset + n * sizeof(sym), sizeof(sym));
			if (sym.st_shndx == SHN_UNDEF ||
			    !name_is(elf + strings.sh_offset, strings.sh_size, sym.st_name, name))
				continue;
			*ret_value = sym.st_value;
			return 0;
		}
	}
	return pvtb_err_set(err, -ENOENT, image_name, "no symbol %s", name);
}
