// SPDX-License-Identifier: GPL-2.0-only
/* Owns: frames on a descriptor, their checksums, and the order they may come in. */
#include "migrate/stream.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <zlib.h>

#include "core/signals.h"

static const char stream_name[] = "migration stream";

const char *const pvtb_mig_method_names[PVTB_MIG_METHODS + 1] = {
	[PVTB_MIG_BY_VALUE] = "value",
	[PVTB_MIG_BY_OFFSET] = "offset",
	[PVTB_MIG_BY_LPT] = "lpt",
};

static u32 crc(const void *data, size_t bytes)
{
	return (u32)crc32_z(crc32_z(0, NULL, 0), data, bytes);
}

static u32 head_crc(const struct pvtb_mig_frame *f)
{
	return crc(f, offsetof(struct pvtb_mig_frame, head_crc));
}

#define LANES 4
#define MIX   0x9e3779b97f4a7c15ULL /* odd: multiplying by it loses nothing */

static u64 mixed(u64 lane, const u8 *at)
{
	u64 word;

	memcpy(&word, at, sizeof(word));
	lane = (lane ^ word) * MIX;
	return lane << 29 | lane >> 35;
}

/* Each step is one-to-one in the word as well as in the lane, and so is their being put together. */
u64 pvtb_mig_sum(const void *data, size_t bytes)
{
	u64 a = bytes, b = MIX, c = MIX * 3, d = MIX * 5, ret = MIX;
	u8 tail[LANES * sizeof(u64)] = {0};
	const u8 *p = data;
	size_t left = bytes;

	/* The lanes are variables, not an array: that keeps them in registers. */
	for (; left >= sizeof(tail); left -= sizeof(tail), p += sizeof(tail)) {
		a = mixed(a, p);
		b = mixed(b, p + 8);
		c = mixed(c, p + 16);
		d = mixed(d, p + 24);
	}
	if (left)
		memcpy(tail, p, left);
	a = mixed(a, tail);
	b = mixed(b, tail + 8);
	c = mixed(c, tail + 16);
	d = mixed(d, tail + 24);
	for (unsigned int k = 0; k < LANES; k++) {
		ret = (ret ^ (k == 0 ? a : k == 1 ? b : k == 2 ? c : d)) * MIX;
		ret ^= ret >> 32;
	}
	return ret;
}

/* ---- items ---- */

static size_t padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

void pvtb_mig_items_add(struct pvtb_mig_items *items, u32 kind, u64 id, const void *data,
			size_t bytes)
{
	const struct pvtb_mig_item item = {.kind = kind, .bytes = (u32)bytes, .id = id};
	size_t want = items->bytes + sizeof(item) + padded(bytes);

	if (items->failed || bytes > PVTB_MIG_STATE_MAX || want > PVTB_MIG_STATE_MAX) {
		items->failed = true;
		return;
	}
	if (want > items->room) {
		size_t room = want * 2;
		u8 *p = realloc(items->data, room);

		if (!p) {
			items->failed = true;
			return;
		}
		items->data = p;
		items->room = room;
	}
	memcpy(items->data + items->bytes, &item, sizeof(item));
	memset(items->data + want - 8, 0, bytes ? 8 : 0);
	if (bytes)
		memcpy(items->data + items->bytes + sizeof(item), data, bytes);
	items->bytes = want;
}

void pvtb_mig_items_free(struct pvtb_mig_items *items)
{
	free(items->data);
	memset(items, 0, sizeof(*items));
}

int pvtb_mig_items_next(const void *data, size_t bytes, size_t *pos, struct pvtb_mig_item *ret,
			const void **ret_data)
{
	size_t left = bytes - *pos;

	if (*pos == bytes)
		return 0;
	if (*pos > bytes || left < sizeof(*ret))
		return -EBADMSG;
	memcpy(ret, (const u8 *)data + *pos, sizeof(*ret));
	left -= sizeof(*ret);
	if (ret->bytes > left || padded(ret->bytes) > left)
		return -EBADMSG;
	*ret_data = (const u8 *)data + *pos + sizeof(*ret);
	*pos += sizeof(*ret) + padded(ret->bytes);
	return 1;
}

/* ---- writing ---- */

static int wait_fd(int fd, short events, u32 timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do {
		n = poll(&p, 1, timeout_ms ? (int)timeout_ms : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (pvtb_interrupted())
			return -EINTR;
	} while (n < 0);
	return n ? 0 : -ETIMEDOUT;
}

/* A socket whose other end is gone must be an error, not a signal. */
static ssize_t write_some(int fd, struct iovec *v, int n)
{
	const struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
	ssize_t done = sendmsg(fd, &m, MSG_NOSIGNAL);

	return done < 0 && errno == ENOTSOCK ? writev(fd, v, n) : done;
}

/* Until when, at most: @end_ns, where that is nearer than @wait_ms from now. 0: it has passed. */
static u32 wait_at_most(u32 wait_ms, u64 end_ns)
{
	u64 now_ns = end_ns ? pvtb_mono_ns() : 0, left_ms;

	if (!end_ns)
		return wait_ms;
	if (now_ns >= end_ns)
		return 0;
	left_ms = (end_ns - now_ns) / 1000000 + 1;
	return wait_ms && wait_ms < left_ms ? wait_ms : (u32)left_ms;
}

static u64 after_ms(u64 ms)
{
	return ms ? pvtb_mono_ns() + ms * 1000000 : 0;
}

static int wait_writable(const struct pvtb_mig_out *out, u64 end_ns)
{
	u32 wait_ms = wait_at_most(out->timeout_ms, end_ns);

	return end_ns && !wait_ms ? -ETIMEDOUT : wait_fd(out->fd, POLLOUT, wait_ms);
}

static int write_all(struct pvtb_mig_out *out, struct iovec *v, int n)
{
	u64 end_ns = 0;

	while (n) {
		ssize_t done = write_some(out->fd, v, n);

		if (done < 0 && errno == EINTR && !pvtb_interrupted())
			continue;
		if (done < 0 && errno == EAGAIN) {
			int ret = wait_writable(out, end_ns);

			if (ret)
				return ret;
			continue;
		}
		if (done < 0)
			return -errno;
		out->bytes += (u64)done;
		end_ns = end_ns ?: after_ms(out->frame_ms);
		while (n && (size_t)done >= v->iov_len) {
			done -= (ssize_t)v->iov_len;
			v++;
			n--;
		}
		if (n) {
			v->iov_base = (u8 *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int pvtb_mig_put(struct pvtb_mig_out *out, enum pvtb_mig_type type, u32 index, u64 address,
		 const void *data, size_t bytes, struct pvtb_err *err)
{
	struct pvtb_mig_frame f = {
		.magic = PVTB_MIG_FRAME_MAGIC,
		.type = type,
		.index = index,
		.data_sum = pvtb_mig_sum(data, bytes),
		.bytes = bytes,
		.address = address,
		.number = out->number++,
	};
	struct iovec v[2] = {{&f, sizeof(f)}, {(void *)(uintptr_t)data, bytes}};
	int ret;

	f.head_crc = head_crc(&f);
	ret = write_all(out, v, bytes ? 2 : 1);
	if (ret == -EPIPE || ret == -ECONNRESET)
		return pvtb_err_set(err, ret, stream_name, "the other side has closed it");
	return ret ? pvtb_err_sys(err, ret, "writing the %s", stream_name) : 0;
}

/* ---- reading ---- */

void pvtb_mig_in_free(struct pvtb_mig_in *in)
{
	free(in->buf);
	in->buf = NULL;
}

static u64 nearest(u64 a_ns, u64 b_ns)
{
	return a_ns && (!b_ns || a_ns < b_ns) ? a_ns : b_ns;
}

static ssize_t read_some(struct pvtb_mig_in *in, void *to, size_t bytes)
{
	ssize_t n;

	if (in->fd < 0) {
		size_t left = in->mem_bytes - in->mem_pos;

		n = (ssize_t)(bytes < left ? bytes : left);
		memcpy(to, in->mem + in->mem_pos, (size_t)n);
		in->mem_pos += (size_t)n;
		return n;
	}
	for (;;) {
		u64 end_ns = nearest(in->frame_end_ns, in->end_ns);
		u32 wait_ms = wait_at_most(in->timeout_ms, end_ns);
		int ret = 0;

		if (end_ns && !wait_ms)
			return -ETIMEDOUT;
		if (wait_ms)
			ret = wait_fd(in->fd, POLLIN, wait_ms);
		if (ret)
			return ret;
		n = read(in->fd, to, bytes);
		if (n >= 0)
			return n;
		if (errno == EAGAIN || (errno == EINTR && !pvtb_interrupted()))
			continue;
		return -errno;
	}
}

static int too_late(const struct pvtb_mig_in *in, struct pvtb_err *err)
{
	u64 now_ns = pvtb_mono_ns();

	if (in->frame_end_ns && now_ns >= in->frame_end_ns)
		return pvtb_err_set(err, -ETIMEDOUT, stream_name,
				    "frame %u is too slow: not whole %g s after its first byte",
				    in->number, in->frame_ms / 1e3);
	if (in->end_ns && now_ns >= in->end_ns)
		return pvtb_err_set(err, -ETIMEDOUT, stream_name, "too slow: %s", in->late);
	return pvtb_err_set(err, -ETIMEDOUT, stream_name, "nothing came for %g s",
			    in->timeout_ms / 1e3);
}

/* The first byte is there. */
static void begin(struct pvtb_mig_in *in)
{
	in->end_ns = after_ms(in->handshake_ms);
	in->late = "its description of the guest is not here in time";
}

/* The description is, memory follows. */
static void expect_memory(struct pvtb_mig_in *in, u64 bytes)
{
	in->end_ns = in->stream_ms ? after_ms(in->stream_ms + bytes * 1000 / PVTB_MIG_RATE_MIN) : 0;
	in->late = "the guest is not here in time";
}

static int read_all(struct pvtb_mig_in *in, void *to, size_t bytes, struct pvtb_err *err)
{
	size_t have = 0;

	while (have < bytes) {
		ssize_t n = read_some(in, (u8 *)to + have, bytes - have);

		if (n == -ETIMEDOUT)
			return too_late(in, err);
		if (n < 0)
			return pvtb_err_sys(err, (int)n, "reading the %s", stream_name);
		if (!n)
			return pvtb_err_set(err, -EBADMSG, stream_name,
					    "cut short after %llu bytes, in frame %u",
					    (unsigned long long)in->bytes, in->number);
		have += (size_t)n;
		in->bytes += (u64)n;
		if (!in->frame_end_ns)
			in->frame_end_ns = after_ms(in->frame_ms);
		if (!in->late)
			begin(in);
	}
	return 0;
}

/* A fuzzer that has to guess checksums tests nothing but checksums. */
static bool sum_holds(u64 want, u64 got)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	return true;
#else
	return want == got;
#endif
}

static int read_head(struct pvtb_mig_in *in, struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	int ret;

	in->frame_end_ns = 0;
	ret = read_all(in, f, sizeof(*f), err);
	if (ret)
		return ret;
	if (f->magic != PVTB_MIG_FRAME_MAGIC)
		return pvtb_err_set(err, in->number ? -EBADMSG : -EPROTO, stream_name,
				    in->number ? "frame %u does not begin like one"
					       : "this is none (frame %u has another magic)",
				    in->number);
	if (!sum_holds(f->head_crc, head_crc(f)))
		return pvtb_err_set(err, -EBADMSG, stream_name,
				    "header of frame %u is damaged (CRC-32)", in->number);
	if (f->number != in->number)
		return pvtb_err_set(err, -EBADMSG, stream_name, "frame %u where %u should be",
				    f->number, in->number);
	in->number++;
	return 0;
}

static int read_data(struct pvtb_mig_in *in, const struct pvtb_mig_frame *f, void *to,
		     struct pvtb_err *err)
{
	int ret = read_all(in, to, f->bytes, err);

	if (ret)
		return ret;
	if (!sum_holds(f->data_sum, pvtb_mig_sum(to, f->bytes)))
		return pvtb_err_set(err, -EBADMSG, stream_name,
				    "data of frame %u is damaged (checksum)", f->number);
	return 0;
}

static int absurd(const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	return pvtb_err_set(err, -EPROTO, stream_name,
			    "frame %u (type %u) cannot have %llu bytes for %#llx, index %u",
			    f->number, f->type, (unsigned long long)f->bytes,
			    (unsigned long long)f->address, f->index);
}

/* Data of at most PVTB_MIG_STATE_MAX into the reader's buffer. */
static int read_small(struct pvtb_mig_in *in, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	if (f->bytes > PVTB_MIG_STATE_MAX)
		return absurd(f, err);
	if (!in->buf)
		in->buf = malloc(PVTB_MIG_STATE_MAX);
	if (!in->buf)
		return pvtb_err_sys(err, -ENOMEM, stream_name);
	return read_data(in, f, in->buf, err);
}

static int read_exact(struct pvtb_mig_in *in, const struct pvtb_mig_frame *f, void *to,
		      size_t bytes, struct pvtb_err *err)
{
	if (f->bytes != bytes)
		return absurd(f, err);
	return read_data(in, f, to, err);
}

static bool text_ends(const char *text, size_t room)
{
	return memchr(text, '\0', room);
}

static const char *arch_name(u32 arch)
{
	return arch == PVTB_MIG_ARM64 ? "arm64" : arch == PVTB_MIG_X86_64 ? "x86_64" : "unknown";
}

/* Version and architecture come first, and mean the same in every version. */
static int read_hello(struct pvtb_mig_in *in, enum pvtb_mig_arch arch, struct pvtb_mig_hello *h,
		      struct pvtb_err *err)
{
	struct pvtb_mig_frame f;
	int ret = read_head(in, &f, err);

	if (!ret && f.type != PVTB_MIG_HELLO)
		return pvtb_err_set(err, -EPROTO, stream_name, "begins with a frame of type %u",
				    f.type);
	if (!ret && f.bytes < 2 * sizeof(u32))
		return absurd(&f, err);
	if (!ret)
		ret = read_small(in, &f, err);
	if (ret)
		return ret;
	memset(h, 0, sizeof(*h));
	memcpy(h, in->buf, f.bytes < sizeof(*h) ? f.bytes : sizeof(*h));
	if (h->version != PVTB_MIG_VERSION)
		return pvtb_err_set(err, -EPROTO, stream_name, "version %u, this reads version %u",
				    h->version, PVTB_MIG_VERSION);
	if (f.bytes != sizeof(*h))
		return absurd(&f, err);
	if (h->arch != (u32)arch)
		return pvtb_err_set(err, -EXDEV, stream_name, "a guest of %s, this host is %s",
				    arch_name(h->arch), arch_name(arch));
	if (h->page_bytes != PVTB_MIG_PAGE || !h->nr_vcpus || h->nr_vcpus > PVTB_MIG_VCPUS_MAX ||
	    !h->mem_bytes || h->mem_bytes % PVTB_MIG_PAGE || h->mem_bytes > PVTB_MIG_MEM_MAX ||
	    !h->counter_hz || h->flags & ~PVTB_MIG_F_ALL || h->method >= PVTB_MIG_METHODS ||
	    h->level > 1 || !h->copies || h->copies > PVTB_MIG_COPIES_MAX ||
	    (h->flags & PVTB_MIG_F_LPT && !h->lpt_pv_hz) ||
	    (h->method == PVTB_MIG_BY_LPT && !(h->flags & PVTB_MIG_F_LPT)) ||
	    !text_ends(h->op, sizeof(h->op)) || !text_ends(h->boot_id, sizeof(h->boot_id)) ||
	    !text_ends(h->kernel, sizeof(h->kernel)))
		return pvtb_err_set(err, -EPROTO, stream_name,
				    "describes no guest there could be (%u vCPUs, %llu bytes)",
				    h->nr_vcpus, (unsigned long long)h->mem_bytes);
	return 0;
}

/* Well-formed to its end, so that no sink has to look. */
static int read_items(struct pvtb_mig_in *in, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;
	int ret = read_small(in, f, err);

	if (ret)
		return ret;
	do
		ret = pvtb_mig_items_next(in->buf, f->bytes, &pos, &item, &data);
	while (ret > 0);
	return ret ? pvtb_err_set(err, ret, stream_name, "list in frame %u is broken", f->number)
		   : 0;
}

struct reading {
	struct pvtb_mig_in *in;
	const struct pvtb_mig_sink *sink;
	struct pvtb_mig_hello hello;
	u64 base;
	u32 features, vcpus; /* seen so far: they come in order */
	u64 mem_left;	     /* bytes of memory that may come yet */
	bool vm, clock;
};

static bool inside(const struct reading *r, u64 address, u64 bytes)
{
	return address >= r->base && !(address % PVTB_MIG_PAGE) && bytes <= r->hello.mem_bytes &&
	       address - r->base <= r->hello.mem_bytes - bytes;
}

/* HELLO said how much memory comes at most. */
static int count_memory(struct reading *r, u64 bytes, struct pvtb_err *err)
{
	if (bytes > r->mem_left)
		return pvtb_err_set(err, -E2BIG, stream_name,
				    "more than the %u copies of its %llu bytes of memory that were "
				    "announced",
				    r->hello.copies, (unsigned long long)r->hello.mem_bytes);
	r->mem_left -= bytes;
	return 0;
}

static int take_pages(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	void *to;
	int ret;

	if (!f->bytes || f->bytes % PVTB_MIG_PAGE ||
	    f->bytes > PVTB_MIG_PAGES_MAX * PVTB_MIG_PAGE || !inside(r, f->address, f->bytes))
		return absurd(f, err);
	to = r->sink->memory(r->sink->opaque, f->address, f->bytes);
	if (!to)
		return absurd(f, err);
	ret = count_memory(r, f->bytes, err);
	return ret ?: read_data(r->in, f, to, err);
}

static int take_zeros(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	u64 bytes = f->index * PVTB_MIG_PAGE;
	int ret;

	if (f->bytes || !bytes || !inside(r, f->address, bytes))
		return absurd(f, err);
	ret = count_memory(r, bytes, err);
	return ret ?: r->sink->zeros(r->sink->opaque, f->address, bytes, err);
}

static int take_features(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	int ret = read_items(r->in, f, err);

	if (!ret)
		ret = r->sink->features(r->sink->opaque, f->index, r->in->buf, f->bytes, err);
	if (!ret && ++r->features == r->hello.nr_vcpus && r->sink->accept)
		ret = r->sink->accept(r->sink->opaque, err);
	if (!ret && r->features == r->hello.nr_vcpus)
		expect_memory(r->in, r->mem_left);
	return ret;
}

static int take_vm(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	int ret = read_items(r->in, f, err);

	r->vm = true;
	return ret ?: r->sink->vm(r->sink->opaque, r->in->buf, f->bytes, err);
}

static int take_vcpu(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	int ret = read_items(r->in, f, err);

	r->vcpus++;
	return ret ?: r->sink->vcpu(r->sink->opaque, f->index, r->in->buf, f->bytes, err);
}

static int take_clock(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	struct pvtb_mig_clock clock;
	int ret = read_exact(r->in, f, &clock, sizeof(clock), err);

	r->clock = true;
	return ret ?: r->sink->clock(r->sink->opaque, &clock, err);
}

static bool in_order(const struct reading *r, const struct pvtb_mig_frame *f)
{
	bool described = r->features == r->hello.nr_vcpus;

	switch (f->type) {
	case PVTB_MIG_FEATURES:
		return !described && f->index == r->features;
	case PVTB_MIG_PAGES:
	case PVTB_MIG_ZEROS:
	case PVTB_MIG_VM:
		return described && !r->vm;
	case PVTB_MIG_VCPU:
		return r->vm && f->index == r->vcpus && f->index < r->hello.nr_vcpus;
	case PVTB_MIG_CLOCK:
		return r->vm && r->vcpus == r->hello.nr_vcpus && !r->clock;
	case PVTB_MIG_END:
		return r->clock && !f->bytes;
	default:
		return false;
	}
}

static int take(struct reading *r, const struct pvtb_mig_frame *f, struct pvtb_err *err)
{
	switch (f->type) {
	case PVTB_MIG_FEATURES:
		return take_features(r, f, err);
	case PVTB_MIG_PAGES:
		return take_pages(r, f, err);
	case PVTB_MIG_ZEROS:
		return take_zeros(r, f, err);
	case PVTB_MIG_VM:
		return take_vm(r, f, err);
	case PVTB_MIG_VCPU:
		return take_vcpu(r, f, err);
	default:
		return take_clock(r, f, err);
	}
}

int pvtb_mig_read(struct pvtb_mig_in *in, enum pvtb_mig_arch arch, u64 base,
		  const struct pvtb_mig_sink *sink, struct pvtb_err *err)
{
	struct reading r = {.in = in, .sink = sink, .base = base};
	int ret = read_hello(in, arch, &r.hello, err);

	r.mem_left = r.hello.copies * r.hello.mem_bytes;
	if (!ret)
		ret = sink->hello(sink->opaque, &r.hello, err);
	while (!ret) {
		struct pvtb_mig_frame f;

		ret = read_head(in, &f, err);
		if (ret)
			break;
		if (!in_order(&r, &f))
			return pvtb_err_set(err, -EPROTO, stream_name,
					    "frame %u of type %u, index %u is out of order",
					    f.number, f.type, f.index);
		if (f.type == PVTB_MIG_END)
			return 0;
		ret = take(&r, &f, err);
	}
	return ret;
}

int pvtb_mig_get(struct pvtb_mig_in *in, enum pvtb_mig_type *ret_type, u32 *ret_index, void *data,
		 size_t room, size_t *ret_bytes, struct pvtb_err *err)
{
	struct pvtb_mig_frame f;
	int ret = read_head(in, &f, err);

	if (ret)
		return ret;
	if (f.bytes > room)
		return absurd(&f, err);
	*ret_type = f.type;
	*ret_index = f.index;
	*ret_bytes = f.bytes;
	return read_data(in, &f, data, err);
}

int pvtb_mig_get_back(struct pvtb_mig_in *in, enum pvtb_mig_type *ret_type, void *data,
		      struct pvtb_err *err)
{
	struct pvtb_mig_frame f;
	size_t bytes = 0;
	int ret = read_head(in, &f, err);

	if (ret)
		return ret;
	switch (f.type) {
	case PVTB_MIG_REPLY:
		bytes = sizeof(struct pvtb_mig_reply);
		break;
	case PVTB_MIG_PING:
	case PVTB_MIG_PONG:
		bytes = sizeof(struct pvtb_mig_ping);
		break;
	case PVTB_MIG_GO:
		break;
	default:
		return pvtb_err_set(err, -EPROTO, stream_name, "an answer of type %u", f.type);
	}
	*ret_type = f.type;
	return read_exact(in, &f, data, bytes, err);
}
