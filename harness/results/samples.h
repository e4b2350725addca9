/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw sample files: fixed-size little-endian records, compressed, self-describing. Reading and
 * writing stream: memory does not depend on the length.
 *
 *	u64 magic "PVTBSMP1", u32 version, u32 kind, u32 record size, u32 length of
 *	the description: a JSON object
 *	zstd frame with checksum: the records
 *	zstd frame with checksum, 24 bytes: u64 magic "PVTBEND1", u64 number of records,
 *		u32 CRC-32 (zlib's) of all before the first frame, u32 0
 *
 * A file without its end was cut short, and no prefix of a file is a file. `zstd -dc` of what
 * follows the description gives the records and the 24 bytes.
 */
#ifndef PVTB_SAMPLES_H
#define PVTB_SAMPLES_H

#include <jansson.h>

#include "core/err.h"
#include "core/util.h"

enum pvtb_samples_kind {
	PVTB_SAMPLES_GUEST = 1, /* struct pvtb_sample */
	PVTB_SAMPLES_HOST = 2,	/* struct pvtb_rec */
	PVTB_SAMPLES_S64 = 3,	/* signed 64-bit values */
};

struct pvtb_samples_writer;
/* What a file may hold, whatever it says: some hours of a busy host. */
#define PVTB_SAMPLES_MAX (1ULL << 28)

struct pvtb_samples_reader;

/* @description: an object (variant, unit, counter_hz ...); borrowed. @level: zstd level.
 * -EINVAL when @record_size is not the size of the kind's records. */
int pvtb_samples_create(const char *path, enum pvtb_samples_kind kind, size_t record_size,
			const json_t *description, int level, struct pvtb_samples_writer **ret,
			struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_samples_write(struct pvtb_samples_writer *w, const void *records, size_t n,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
/* Ends the file and frees @w, also on failure; then no file is left. */
int pvtb_samples_finish(struct pvtb_samples_writer *w, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_samples_abort(struct pvtb_samples_writer *w); /* removes the file */

int pvtb_samples_open(const char *path, struct pvtb_samples_reader **ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;
enum pvtb_samples_kind pvtb_samples_kind_of(const struct pvtb_samples_reader *r);
size_t pvtb_samples_record_size(const struct pvtb_samples_reader *r);
const json_t *pvtb_samples_description(const struct pvtb_samples_reader *r);
/* Up to @max records; 0 at the (verified) end; -EBADMSG when cut short or corrupt. The checksum
 * comes after what it guards: records are beyond doubt once the read that ends the file succeeded. */
ssize_t pvtb_samples_read(struct pvtb_samples_reader *r, void *out, size_t max,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_samples_close(struct pvtb_samples_reader *r);

#endif
