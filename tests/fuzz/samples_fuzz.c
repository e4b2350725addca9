// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: a file of raw samples. The first byte says what the rest is: an even one, the file
 * as it is; an odd one, a file is made of the parts (description, records), whose frames and checksums
 * hold, so that what is behind them is reached too.
 */
#include <zlib.h>
#include <zstd.h>

#include "abi/guest.h"
#include "abi/trace.h"
#include "fuzz.h"
#include "results/samples.h"

struct head {
	u64 magic;
	u32 version, kind, record_size, description_bytes;
};
struct end {
	u64 magic, records;
	u32 header_crc, reserved;
};

static size_t frame(u8 *to, size_t room, const void *data, size_t bytes)
{
	static ZSTD_CCtx *z;
	size_t n;

	z = z ?: ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, -5);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(z, to, room, data, bytes);
	fuzz_must(!ZSTD_isError(n));
	return n;
}

/* @kind's bit 7: the number of records at the end is wrong. */
static size_t make_file(u8 kind, const u8 *data, size_t bytes, u8 **ret)
{
	static const u32 sizes[] = {0, sizeof(struct pvtb_sample), sizeof(struct pvtb_rec),
				    sizeof(s64)};
	struct head h = {.magic = 0x31504d5342545650ULL, .version = 1, .kind = kind & 3};
	struct end end = {.magic = 0x31444e4542545650ULL};
	const u8 *text = NULL, *records = NULL;
	size_t text_bytes = 0, record_bytes = 0, n, room;
	u8 *out;

	fuzz_part(&data, &bytes, &text, &text_bytes);
	fuzz_part(&data, &bytes, &records, &record_bytes);
	room = sizeof(h) + text_bytes + ZSTD_compressBound(record_bytes) +
	       ZSTD_compressBound(sizeof(end));
	out = malloc(room);
	fuzz_must(out);
	h.record_size = sizes[h.kind];
	h.description_bytes = (u32)text_bytes;
	memcpy(out, &h, sizeof(h));
	if (text_bytes)
		memcpy(out + sizeof(h), text, text_bytes);
	n = sizeof(h) + text_bytes;
	end.header_crc = (u32)crc32(crc32(0, NULL, 0), out, (uInt)n);
	end.records = (h.record_size ? record_bytes / h.record_size : 0) + (kind >> 7);
	n += frame(out + n, room - n, records, record_bytes);
	n += frame(out + n, room - n, &end, sizeof(end));
	*ret = out;
	return n;
}

static bool read_all(const char *path)
{
	struct pvtb_samples_reader *r;
	struct pvtb_err err = {};
	u8 buf[1000];
	ssize_t n;
	size_t max;

	if (pvtb_samples_open(path, &r, &err)) {
		fuzz_must(err.why[0]);
		return false;
	}
	fuzz_must(json_is_object(pvtb_samples_description(r)));
	fuzz_must(pvtb_samples_record_size(r) && pvtb_samples_record_size(r) <= 64);
	max = sizeof(buf) / pvtb_samples_record_size(r);
	while ((n = pvtb_samples_read(r, buf, max, &err)) > 0)
		fuzz_must((size_t)n <= max);
	fuzz_must(!n || err.why[0]);
	/* At its end, and after an error, it stays. */
	fuzz_must(n ? pvtb_samples_read(r, buf, max, &err) < 0
		    : !pvtb_samples_read(r, buf, max, &err));
	pvtb_samples_close(r);
	return !n;
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	u8 *made = NULL;
	bool read;
	size_t n;

	if (bytes < 2)
		return false;
	if (data[0] & 1) {
		n = make_file(data[1], data + 2, bytes - 2, &made);
		read = read_all(fuzz_file("samples", made, n));
		free(made);
		return read;
	}
	return read_all(fuzz_file("samples", data + 1, bytes - 1));
}

static void plain_seed(bool accepted, const u8 *file, size_t bytes)
{
	u8 *raw = calloc(1, bytes + 1);

	fuzz_must(raw);
	memcpy(raw + 1, file, bytes);
	fuzz_seed(accepted, raw, bytes + 1);
	free(raw);
}

void fuzz_seeds(void)
{
	static const char s64s[] = "{\"unit\":\"ns\"}" FUZZ_CUT "12345678abcdefgh";
	struct pvtb_sample one[40] = {{}};
	u8 in[2000] = {1, PVTB_SAMPLES_S64}, *made;
	size_t n;

	memcpy(in + 2, s64s, sizeof(s64s) - 1);
	fuzz_seed(true, in, sizeof(s64s) + 1);
	fuzz_seed(false, in, sizeof(s64s)); /* half a record */
	n = make_file(PVTB_SAMPLES_S64, (const u8 *)s64s, sizeof(s64s) - 1, &made);
	plain_seed(true, made, n);
	plain_seed(false, made, n - 1);
	free(made);
	in[1] = PVTB_SAMPLES_S64 | 0x80;
	fuzz_seed(false, in, sizeof(s64s) + 1);
	in[1] = PVTB_SAMPLES_GUEST;
	n = 2 + strlen("{}" FUZZ_CUT);
	memcpy(in + 2, "{}" FUZZ_CUT, n - 2);
	memcpy(in + n, one, sizeof(one));
	fuzz_seed(true, in, n + sizeof(one));
	in[1] = PVTB_SAMPLES_HOST;
	fuzz_seed(true, in, n + 4 * sizeof(struct pvtb_rec));
	in[1] = 0;
	fuzz_seed(false, in, n + 64);
}
