/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owns: reading the guest image, a static ELF64 little-endian executable. The image is embedded
 * and ours, but every offset is checked all the same: a wrong one must be an error, not a crash.
 */
#ifndef PVTB_VMM_IMAGE_H
#define PVTB_VMM_IMAGE_H

#include "core/err.h"
#include "core/util.h"

/* The image this build carries (core/embed.S). */
extern const u8 pvtb_guest_image[];
extern const u8 pvtb_guest_image_end[];

/* Copy the loadable segments of @elf to @mem, which stands for guest physical [@base, @base +
 * @size) and is all zeros. -ENOEXEC with the reason when the file is not what is wanted. */
int pvtb_image_load(const u8 *elf, size_t len, u16 machine, u8 *mem, u64 base, u64 size,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* Value of symbol @name: -ENOENT when there is none, -ENOEXEC when the tables are broken. */
int pvtb_image_symbol(const u8 *elf, size_t len, const char *name, u64 *ret_value,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
