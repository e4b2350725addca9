// SPDX-License-Identifier: GPL-2.0-only
/* libFuzzer target: a kernel module, of which the lab wants to know what it depends on. */
#include <elf.h>

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
		u8 image[64] = {};

		memcpy(image + 0x38, "ARMd", 4);
		snprintf(spec.kernel, sizeof(spec.kernel), "%s",
			 fuzz_file("k/Image", image, sizeof(image)));
		snprintf(spec.modules, sizeof(spec.modules), "%s/modules", fuzz_dir());
	}
	fuzz_file("modules/virtio_console.ko", data, bytes);
	read = !pvtb_lab_kernel_open(&spec, NULL, k, &err);
	if (read) {
		fuzz_must(k->nr_modules == 1);
		pvtb_lab_kernel_close(k);
	} else {
		fuzz_must(err.why[0]);
	}
	free(k);
	return read;
}

struct file {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	char names[32], info[64];
};

void fuzz_seeds(void)
{
	struct file f = {
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_REL,
		       .e_machine = EM_AARCH64,
		       .e_version = EV_CURRENT,
		       .e_ehsize = sizeof(f.eh),
		       .e_shoff = offsetof(struct file, sh),
		       .e_shentsize = sizeof(f.sh[0]),
		       .e_shnum = 3,
		       .e_shstrndx = 1},
		.sh = {{.sh_type = SHT_NULL},
		       {.sh_name = 1,
			.sh_type = SHT_STRTAB,
			.sh_offset = offsetof(struct file, names),
			.sh_size = sizeof(f.names)},
		       {.sh_name = 11,
			.sh_type = SHT_PROGBITS,
			.sh_offset = offsetof(struct file, info),
			.sh_size = sizeof(f.info)}},
		.names = "\0.shstrtab\0.modinfo",
		.info = "license=GPL\0depends=virtio,virtio_console\0name=x",
	};

	fuzz_seed(true, &f, sizeof(f));
	memcpy(f.info, "x", 2);
	fuzz_seed(true, &f, sizeof(f));
	memset(f.info, 'x', sizeof(f.info)); /* no depends=, and no end */
	fuzz_seed(false, &f, sizeof(f));
	f.eh.e_shoff = 1 << 20;
	fuzz_seed(false, &f, sizeof(f));
	fuzz_seed(false, &f, 8);
}
