// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: the image of a kernel to boot, as the user names it: arm64 Image, bzImage, EFI
 * zboot, ELF, compressed or not. The first byte is the architecture it is to be for.
 */
#include <elf.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "fuzz.h"
#include "lab/internal.h"

bool fuzz_one(const u8 *data, size_t bytes)
{
	static struct pvtb_lab_spec spec;
	struct pvtb_lab_kernel *k = malloc(sizeof(*k));
	struct pvtb_err err = {};
	bool read;

	fuzz_must(k);
	if (!spec.kernel[0]) {
		snprintf(spec.kernel, sizeof(spec.kernel), "%s", fuzz_file("k/Image", "", 0));
		snprintf(spec.modules, sizeof(spec.modules), "%s/k", fuzz_dir());
	}
	fuzz_file("k/Image", bytes ? data + 1 : data, bytes ? bytes - 1 : 0);
	spec.arch = bytes && data[0] & 1 ? PVTB_LAB_X86_64 : PVTB_LAB_ARM64;
	read = !pvtb_lab_kernel_open(&spec, NULL, k, &err);
	if (read) {
		fuzz_must(k->fd >= 0 &&
			  strnlen(k->version, sizeof(k->version)) < sizeof(k->version));
		pvtb_lab_kernel_close(k);
	} else {
		fuzz_must(err.why[0]);
	}
	free(k);
	return read;
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

/* A PE header behind the start of @p, with one section. */
static void put_pe(u8 *p, u32 section_end)
{
	memcpy(p, "MZ", 2);
	put32(p + 0x3c, 0x40);
	memcpy(p + 0x40, "PE\0\0", 4);
	p[0x46] = 1;
	p[0x54] = 0;
	put32(p + 0x40 + 24 + 16, section_end - 0x100);
	put32(p + 0x40 + 24 + 20, 0x100);
}

static size_t gzip(u8 *to, size_t room, const u8 *data, size_t bytes)
{
	z_stream z = {.next_in = (u8 *)data,
		      .avail_in = (uInt)bytes,
		      .next_out = to,
		      .avail_out = (uInt)room};

	fuzz_must(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	fuzz_must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static size_t arm64_image(u8 *p)
{
	memset(p, 0, 512);
	put_pe(p, 512);
	memcpy(p + 0x38, "ARMd", 4);
	memcpy(p + 0x180, "Linux version %s Linux version 6.12.0 (x)", 41);
	return 512;
}

static void arm64_seeds(u8 *s)
{
	u8 plain[512], *zboot = s + 1;
	size_t n = arm64_image(plain);

	s[0] = 0;
	memcpy(s + 1, plain, n);
	fuzz_seed(true, s, n + 1);
	fuzz_seed(false, s, n - 100);
	s[0] = 1;
	fuzz_seed(false, s, n + 1);
	s[0] = 0;
	fuzz_seed(true, s, 1 + gzip(s + 1, 4000, plain, n));
	memset(zboot, 0, 64);
	memcpy(zboot, "MZ\0\0zimg", 8);
	put32(zboot + 8, 64);
	strcpy((char *)zboot + 24, "gzip");
	put32(zboot + 12, (u32)gzip(zboot + 64, 4000, plain, n));
	fuzz_seed(true, s, 1 + 64 + 600);
	strcpy((char *)zboot + 24, "zstd");
	n = ZSTD_compress(zboot + 64, 4000, plain, n, 3);
	put32(zboot + 64 + n, 512);
	put32(zboot + 12, (u32)n + 4);
	fuzz_seed(true, s, 1 + 64 + n + 4);
	strcpy((char *)zboot + 24, "lzma");
	fuzz_seed(false, s, 1 + 64 + n + 4);
}

/* An ELF kernel with the note that QEMU enters it by. */
static size_t pvh_kernel(u8 *p)
{
	const Elf64_Ehdr eh = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(eh),
		.e_phoff = sizeof(eh),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	const Elf64_Phdr ph = {.p_type = PT_NOTE,
			       .p_offset = sizeof(eh) + sizeof(ph),
			       .p_filesz = 24,
			       .p_memsz = 24,
			       .p_align = 4};
	const u32 note[] = {4, 8, 18, 0x006e6558 /* "Xen" */, 0x1000000, 0};

	memset(p, 0, 256);
	memcpy(p, &eh, sizeof(eh));
	memcpy(p + sizeof(eh), &ph, sizeof(ph));
	memcpy(p + sizeof(eh) + sizeof(ph), note, sizeof(note));
	return 256;
}

static void x86_seeds(u8 *s)
{
	u8 elf[256], *b = s + 1;
	size_t n = pvh_kernel(elf), z;

	s[0] = 1;
	memcpy(b, elf, n);
	fuzz_seed(true, s, n + 1);
	s[0] = 0;
	fuzz_seed(false, s, n + 1);
	s[0] = 1;
	memset(b, 0, 2048);
	memcpy(b + 0x202, "HdrS", 4);
	b[0x1f1] = 1;
	put32(b + 0x206, 0x20f);
	put32(b + 0x20e, 0x100);
	strcpy((char *)b + 0x300, "6.12.0-x (a@b)");
	fuzz_seed(true, s, 1025);
	put32(b + 0x248, 0x100);
	z = ZSTD_compress(b + 1024 + 0x100, 4000, elf, n, 3);
	put32(b + 1024 + 0x100 + z, (u32)n);
	put32(b + 0x24c, (u32)z + 4);
	fuzz_seed(true, s, 1 + 1024 + 0x100 + z + 4);
}

void fuzz_seeds(void)
{
	u8 *s = calloc(1, 8192);

	arm64_seeds(s);
	x86_seeds(s);
	fuzz_seed_text(false, "");
	fuzz_seed_text(false, "no kernel");
	free(s);
}
