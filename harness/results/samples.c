// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the format of raw sample files (documented in samples.h). Two zstd frames behind a plain
 * header: the records, with zstd's own checksum, and an end of fixed size which says how many
 * records there were and what the header's checksum is. No end, no file.
 */
#include "results/samples.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "abi/guest.h"
#include "abi/trace.h"
#include "core/input.h"
#include "core/json.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are stored as they lie in memory: little-endian"
#endif

#define SAMPLES_MAGIC	0x31504d5342545650ULL /* "PVTBSMP1" */
#define SAMPLES_END	0x31444e4542545650ULL /* "PVTBEND1" */
#define SAMPLES_VERSION 1
#define MAX_DESCRIPTION (1U << 20)

struct header {
	u64 magic;
	u32 version;
	u32 kind;
	u32 record_size;
	u32 description_bytes; /* JSON follows, without a NUL */
};
_Static_assert(sizeof(struct header) == 24, "sample file header");

struct end {
	u64 magic;
	u64 records;
	u32 header_crc; /* of header and description: zstd guards only what it compressed */
	u32 reserved;
};
_Static_assert(sizeof(struct end) == 24, "sample file end");

static size_t size_of_kind(u32 kind)
{
	switch (kind) {
	case PVTB_SAMPLES_GUEST:
		return sizeof(struct pvtb_sample);
	case PVTB_SAMPLES_HOST:
		return sizeof(struct pvtb_rec);
	case PVTB_SAMPLES_S64:
		return sizeof(s64);
	}
	return 0;
}

static u32 crc_of(const struct header *h, const char *description)
{
	uLong crc = crc32(crc32(0, NULL, 0), (const Bytef *)h, sizeof(*h));

	return (u32)crc32(crc, (const Bytef *)description, h->description_bytes);
}

/* ---- writing ---- */

struct pvtb_samples_writer {
	char *path;
	int fd;
	ZSTD_CCtx *zstd;
	u8 *buf;
	size_t buf_bytes;
	size_t record_size;
	u64 records;
	u32 header_crc;
};

static void writer_free(struct pvtb_samples_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	ZSTD_freeCCtx(w->zstd);
	free(w->buf);
	free(w->path);
	free(w);
}

void pvtb_samples_abort(struct pvtb_samples_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		unlink(w->path);
	writer_free(w);
}

static int write_all(struct pvtb_samples_writer *w, const void *data, size_t n,
		     struct pvtb_err *err)
{
	const u8 *p = data;
	ssize_t done;
	int ret;

	while (n) {
		done = write(w->fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			ret = pvtb_err_sys(err, -errno, "%s", w->path);
			if (ret == -ENOSPC || ret == -EDQUOT)
				pvtb_err_hint(err,
					      "free some space, or choose another place with -o");
			return ret;
		}
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int pack(struct pvtb_samples_writer *w, const void *data, size_t n, ZSTD_EndDirective mode,
		struct pvtb_err *err)
{
	ZSTD_inBuffer in = {data, n, 0};
	size_t left;
	int ret;

	do {
		ZSTD_outBuffer out = {w->buf, w->buf_bytes, 0};

		left = ZSTD_compressStream2(w->zstd, &out, &in, mode);
		if (ZSTD_isError(left))
			return pvtb_err_set(err, -EIO, w->path, "zstd: %s",
					    ZSTD_getErrorName(left));
		ret = write_all(w, w->buf, out.pos, err);
		if (ret)
			return ret;
	} while (mode == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return 0;
}

static int write_header(struct pvtb_samples_writer *w, enum pvtb_samples_kind kind,
			const json_t *description, struct pvtb_err *err)
{
	char *text = json_dumps(description, JSON_COMPACT | JSON_SORT_KEYS);
	struct header h = {
		.magic = SAMPLES_MAGIC,
		.version = SAMPLES_VERSION,
		.kind = kind,
		.record_size = (u32)w->record_size,
	};
	int ret;

	if (!text || !json_is_object(description) || strlen(text) > MAX_DESCRIPTION) {
		free(text);
		return pvtb_err_set(err, -EINVAL, w->path, "description is no object, or too long");
	}
	h.description_bytes = (u32)strlen(text);
	w->header_crc = crc_of(&h, text);
	ret = write_all(w, &h, sizeof(h), err);
	if (!ret)
		ret = write_all(w, text, h.description_bytes, err);
	free(text);
	return ret;
}

int pvtb_samples_create(const char *path, enum pvtb_samples_kind kind, size_t record_size,
			const json_t *description, int level, struct pvtb_samples_writer **ret,
			struct pvtb_err *err)
{
	struct pvtb_samples_writer *w;
	int code;

	if (!record_size || record_size != size_of_kind(kind))
		return pvtb_err_set(err, -EINVAL, path, "no kind of sample has %zu bytes",
				    record_size);
	w = calloc(1, sizeof(*w));
	if (!w)
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	w->fd = -1;
	w->record_size = record_size;
	w->buf_bytes = ZSTD_CStreamOutSize();
	w->path = strdup(path);
	w->buf = malloc(w->buf_bytes);
	w->zstd = ZSTD_createCCtx();
	if (!w->path || !w->buf || !w->zstd ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1))) {
		pvtb_samples_abort(w);
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	}
	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	code = w->fd < 0 ? pvtb_err_sys(err, -errno, "%s", path)
			 : write_header(w, kind, description, err);
	if (code) {
		pvtb_samples_abort(w);
		return code;
	}
	*ret = w;
	return 0;
}

int pvtb_samples_write(struct pvtb_samples_writer *w, const void *records, size_t n,
		       struct pvtb_err *err)
{
	w->records += n;
	return pack(w, records, n * w->record_size, ZSTD_e_continue, err);
}

int pvtb_samples_finish(struct pvtb_samples_writer *w, struct pvtb_err *err)
{
	struct end end = {
		.magic = SAMPLES_END,
		.records = w->records,
		.header_crc = w->header_crc,
	};
	int ret;

	ret = pack(w, NULL, 0, ZSTD_e_end, err);
	if (!ret)
		ret = pack(w, &end, sizeof(end), ZSTD_e_end, err);
	if (ret) {
		pvtb_samples_abort(w);
		return ret;
	}
	/* Some file systems tell of a full disk only here. */
	if (close(w->fd)) {
		ret = pvtb_err_sys(err, -errno, "%s", w->path);
		unlink(w->path);
	}
	w->fd = -1;
	writer_free(w);
	return ret;
}

/* ---- reading ---- */

struct pvtb_samples_reader {
	char *path;
	int fd;
	struct header header;
	json_t *description;
	u32 header_crc;
	ZSTD_DCtx *zstd;
	u8 *buf;
	size_t buf_bytes;
	ZSTD_inBuffer in;
	bool in_ended; /* nothing more to read from fd */
	u64 records;
	bool done;  /* end seen and right */
	int failed; /* sticky */
};

void pvtb_samples_close(struct pvtb_samples_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	json_decref(r->description);
	ZSTD_freeDCtx(r->zstd);
	free(r->buf);
	free(r->path);
	free(r);
}

static int cut_short(struct pvtb_samples_reader *r, struct pvtb_err *err)
{
	return pvtb_err_set(err, -EBADMSG, r->path, "cut short after %" PRIu64 " records",
			    r->records);
}

static int corrupt(struct pvtb_samples_reader *r, const char *what, struct pvtb_err *err)
{
	return pvtb_err_set(err, -EBADMSG, r->path, "corrupt after %" PRIu64 " records: %s",
			    r->records, what);
}

/* Exactly @n bytes of the plain part. */
static int read_plain(struct pvtb_samples_reader *r, void *out, size_t n, struct pvtb_err *err)
{
	u8 *p = out;
	ssize_t got;

	while (n) {
		got = read(r->fd, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return pvtb_err_sys(err, -errno, "%s", r->path);
		if (!got)
			return cut_short(r, err);
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int read_header(struct pvtb_samples_reader *r, struct pvtb_err *err)
{
	char *text PVTB_FREE = NULL;
	struct header *h = &r->header;
	json_error_t je;
	int ret;

	ret = read_plain(r, h, sizeof(*h), err);
	if (ret)
		return ret;
	if (h->magic != SAMPLES_MAGIC)
		return pvtb_err_set(err, -EBADMSG, r->path, "not a sample file");
	if (h->version != SAMPLES_VERSION)
		return pvtb_err_set(err, -EPROTO, r->path,
				    "sample file version %u, this pvtb reads %u", h->version,
				    SAMPLES_VERSION);
	if (!size_of_kind(h->kind) || h->record_size != size_of_kind(h->kind))
		return pvtb_err_set(
			err, -EPROTO, r->path,
			"records of kind %u and %u bytes, which this pvtb does not know", h->kind,
			h->record_size);
	if (h->description_bytes > MAX_DESCRIPTION)
		return corrupt(r, "description too long", err);
	text = malloc(h->description_bytes + 1);
	if (!text)
		return pvtb_err_sys(err, -ENOMEM, "%s", r->path);
	ret = read_plain(r, text, h->description_bytes, err);
	if (ret)
		return ret;
	r->header_crc = crc_of(h, text);
	ret = pvtb_json_loadb(text, h->description_bytes, JSON_REJECT_DUPLICATES, &r->description,
			      &je);
	if (ret == -ENOMEM)
		return pvtb_err_sys(err, ret, "%s", r->path);
	if (!json_is_object(r->description))
		return corrupt(r, "description is no JSON object", err);
	return 0;
}

int pvtb_samples_open(const char *path, struct pvtb_samples_reader **ret, struct pvtb_err *err)
{
	struct pvtb_samples_reader *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	r->buf_bytes = ZSTD_DStreamInSize();
	r->path = strdup(path);
	r->buf = malloc(r->buf_bytes);
	r->zstd = ZSTD_createDCtx();
	r->fd = pvtb_input_open(path, PVTB_INPUT_BINARY_MAX, err);
	if (r->fd < 0)
		code = r->fd;
	else if (!r->path || !r->buf || !r->zstd)
		code = pvtb_err_sys(err, -ENOMEM, "%s", path);
	else
		code = read_header(r, err);
	if (code) {
		pvtb_samples_close(r);
		return code;
	}
	*ret = r;
	return 0;
}

enum pvtb_samples_kind pvtb_samples_kind_of(const struct pvtb_samples_reader *r)
{
	return (enum pvtb_samples_kind)r->header.kind;
}

size_t pvtb_samples_record_size(const struct pvtb_samples_reader *r)
{
	return r->header.record_size;
}

const json_t *pvtb_samples_description(const struct pvtb_samples_reader *r)
{
	return r->description;
}

static int refill(struct pvtb_samples_reader *r, struct pvtb_err *err)
{
	ssize_t got;

	do
		got = read(r->fd, r->buf, r->buf_bytes);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return pvtb_err_sys(err, -errno, "%s", r->path);
	r->in = (ZSTD_inBuffer){r->buf, (size_t)got, 0};
	r->in_ended = !got;
	return 0;
}

/* Decompress up to @n bytes of the current frame. *ret_ended: the frame is over, checksum held. */
static int unpack(struct pvtb_samples_reader *r, void *out, size_t n, size_t *ret_n,
		  bool *ret_ended, struct pvtb_err *err)
{
	ZSTD_outBuffer to = {out, n, 0};
	size_t left = 1, in_before, out_before;
	int ret;

	/* With no room left zstd may still have the frame's end to read: the caller asks again. */
	while (left && to.pos < n) {
		if (r->in.pos == r->in.size && !r->in_ended) {
			ret = refill(r, err);
			if (ret)
				return ret;
		}
		in_before = r->in.pos;
		out_before = to.pos;
		left = ZSTD_decompressStream(r->zstd, &to, &r->in);
		if (ZSTD_isError(left))
			return corrupt(r, ZSTD_getErrorName(left), err);
		if (left && r->in_ended && r->in.pos == in_before && to.pos == out_before)
			return cut_short(r, err);
	}
	*ret_n = to.pos;
	*ret_ended = !left;
	return 0;
}

static int check_end(struct pvtb_samples_reader *r, struct pvtb_err *err)
{
	u8 raw[sizeof(struct end) + 1]; /* one more than there may be */
	struct end end;
	size_t n;
	bool ended;
	int ret;

	ret = unpack(r, raw, sizeof(raw), &n, &ended, err);
	if (ret)
		return ret;
	memcpy(&end, raw, sizeof(end));
	if (!ended || n != sizeof(end) || end.magic != SAMPLES_END || end.reserved)
		return corrupt(r, "no end where one belongs", err);
	if (end.records != r->records)
		return corrupt(r, "the end counts others", err);
	if (end.header_crc != r->header_crc)
		return corrupt(r, "the header's checksum does not match", err);
	if (r->in.pos == r->in.size && !r->in_ended) {
		ret = refill(r, err);
		if (ret)
			return ret;
	}
	if (r->in.pos != r->in.size)
		return corrupt(r, "something follows the end", err);
	r->done = true;
	return 0;
}

ssize_t pvtb_samples_read(struct pvtb_samples_reader *r, void *out, size_t max,
			  struct pvtb_err *err)
{
	const size_t size = r->header.record_size;
	size_t n = 0;
	bool ended = false;

	if (r->failed)
		return pvtb_err_set(err, r->failed, r->path, "reading failed before");
	if (r->done || !max)
		return 0;
	if (max > SSIZE_MAX / size)
		max = SSIZE_MAX / size;
	r->failed = unpack(r, out, max * size, &n, &ended, err);
	if (!r->failed && n % size)
		r->failed = corrupt(r, "half a record", err);
	if (!r->failed)
		r->records += n / size;
	/* a small file can decompress to any size: nobody waits for it */
	if (!r->failed && r->records > PVTB_SAMPLES_MAX)
		r->failed = pvtb_err_set(err, -EFBIG, r->path, "holds more than %llu records",
					 PVTB_SAMPLES_MAX);
	if (!r->failed && ended)
		r->failed = check_end(r, err);
	return r->failed ? r->failed : (ssize_t)(n / size);
}
