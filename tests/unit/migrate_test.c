// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration stream: what is written is what is read, and nothing else is: cut at every byte,
 * every bit of it flipped, lengths nobody could mean, frames in another order, another version,
 * another architecture. And the arithmetic of a counter that is carried over.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include <cmocka.h>

#include "abi/guest.h"
#include "migrate/counter.h"
#include "migrate/stream.h"
#include "stats/lpt.h"

#define BASE	  0x40000000ULL
#define NR_PAGES  8
#define MEM_BYTES (NR_PAGES * PVTB_MIG_PAGE)

/* What a sink saw. */
struct seen {
	struct pvtb_mig_hello hello;
	struct pvtb_mig_clock clock;
	u8 mem[MEM_BYTES];
	unsigned int features, accepted, vms, vcpus, clocks;
	u64 item_id, item_value;
};

static int on_hello(void *o, const struct pvtb_mig_hello *h, struct pvtb_err *err)
{
	struct seen *s = o;

	s->hello = *h;
	return h->mem_bytes == MEM_BYTES ? 0 : pvtb_err_set(err, -E2BIG, "memory", "not mine");
}

static int on_items(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	s->features++;
	return 0;
}

static int on_accept(void *o, struct pvtb_err *err)
{
	((struct seen *)o)->accepted++;
	return 0;
}

static void *on_memory(void *o, u64 address, u64 bytes)
{
	assert_in_range(address - BASE + bytes, PVTB_MIG_PAGE, MEM_BYTES);
	return ((struct seen *)o)->mem + (address - BASE);
}

static int on_zeros(void *o, u64 address, u64 bytes, struct pvtb_err *err)
{
	memset(on_memory(o, address, bytes), 0, bytes);
	return 0;
}

static int on_vm(void *o, const void *items, size_t bytes, struct pvtb_err *err)
{
	((struct seen *)o)->vms++;
	return 0;
}

static int on_vcpu(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	s->vcpus++;
	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0) {
		s->item_id = item.id;
		memcpy(&s->item_value, data, item.bytes < 8 ? item.bytes : 8);
	}
	return 0;
}

static int on_clock(void *o, const struct pvtb_mig_clock *clock, struct pvtb_err *err)
{
	struct seen *s = o;

	s->clock = *clock;
	s->clocks++;
	return 0;
}

static int read_stream(const u8 *stream, size_t bytes, struct seen *seen, struct pvtb_err *err)
{
	const struct pvtb_mig_sink sink = {
		.opaque = seen,
		.hello = on_hello,
		.features = on_items,
		.accept = on_accept,
		.memory = on_memory,
		.zeros = on_zeros,
		.vm = on_vm,
		.vcpu = on_vcpu,
		.clock = on_clock,
	};
	struct pvtb_mig_in in = {.fd = -1, .mem = stream, .mem_bytes = bytes};
	int ret;

	memset(seen, 0, sizeof(*seen));
	memset(err, 0, sizeof(*err));
	ret = pvtb_mig_read(&in, PVTB_MIG_ARM64, BASE, &sink, err);
	pvtb_mig_in_free(&in);
	return ret;
}

/* ---- a stream of two vCPUs, and where its frames begin ---- */

struct fixture {
	u8 *stream;
	size_t bytes;
	size_t at[32];
	unsigned int frames;
	struct pvtb_mig_hello hello;
	u8 mem[MEM_BYTES];
};

static void put(struct fixture *f, struct pvtb_mig_out *out, enum pvtb_mig_type type, u32 index,
		u64 address, const void *data, size_t bytes)
{
	f->at[f->frames++] = (size_t)out->bytes;
	assert_int_equal(pvtb_mig_put(out, type, index, address, data, bytes, NULL), 0);
}

static void write_stream(struct fixture *f)
{
	struct pvtb_mig_clock clock = {.c0_ticks = 10, .c1_ticks = 12, .guest_ticks = 1234};
	struct pvtb_mig_items items = {0};
	struct pvtb_mig_out out = {.fd = memfd_create("stream", 0)};
	const u64 value = 0x1122334455667788ULL;

	f->frames = 0;
	pvtb_mig_items_add(&items, 1, 77, "abc", 3);
	pvtb_mig_items_add(&items, 2, 78, &value, sizeof(value));
	put(f, &out, PVTB_MIG_HELLO, 0, 0, &f->hello, sizeof(f->hello));
	put(f, &out, PVTB_MIG_FEATURES, 0, 0, items.data, items.bytes);
	put(f, &out, PVTB_MIG_FEATURES, 1, 0, items.data, items.bytes);
	put(f, &out, PVTB_MIG_PAGES, 0, BASE, f->mem, 2 * PVTB_MIG_PAGE);
	put(f, &out, PVTB_MIG_ZEROS, NR_PAGES - 2, BASE + 2 * PVTB_MIG_PAGE, NULL, 0);
	put(f, &out, PVTB_MIG_VM, 0, 0, NULL, 0);
	put(f, &out, PVTB_MIG_VCPU, 0, 0, items.data, items.bytes);
	put(f, &out, PVTB_MIG_VCPU, 1, 0, items.data, items.bytes);
	put(f, &out, PVTB_MIG_CLOCK, 0, 0, &clock, sizeof(clock));
	put(f, &out, PVTB_MIG_END, 0, 0, NULL, 0);
	f->bytes = (size_t)out.bytes;
	f->stream = malloc(f->bytes);
	assert_int_equal(pread(out.fd, f->stream, f->bytes, 0), f->bytes);
	close(out.fd);
	pvtb_mig_items_free(&items);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->hello = (struct pvtb_mig_hello){
		.version = PVTB_MIG_VERSION,
		.arch = PVTB_MIG_ARM64,
		.page_bytes = PVTB_MIG_PAGE,
		.nr_vcpus = 2,
		.ring_bytes = 4096,
		.mem_bytes = MEM_BYTES,
		.counter_hz = 62500000,
		.copies = 2,
		.op = "sample_time",
	};
	for (size_t i = 0; i < 2 * PVTB_MIG_PAGE; i++)
		f->mem[i] = (u8)(i * 7 + i / 256);
	write_stream(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->stream);
	free(f);
	return 0;
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct pvtb_err err;
	struct seen s;

	assert_int_equal(read_stream(f->stream, f->bytes, &s, &err), 0);
	assert_memory_equal(s.mem, f->mem, MEM_BYTES);
	assert_memory_equal(&s.hello, &f->hello, sizeof(f->hello));
	assert_int_equal(s.features, 2);
	assert_int_equal(s.accepted, 1);
	assert_int_equal(s.vms, 1);
	assert_int_equal(s.vcpus, 2);
	assert_int_equal(s.clocks, 1);
	assert_int_equal(s.item_id, 78);
	assert_int_equal(s.item_value, 0x1122334455667788ULL);
	assert_int_equal(s.clock.guest_ticks, 1234);
}

static void test_every_cut(void **state)
{
	struct fixture *f = *state;
	struct pvtb_err err;
	struct seen s;

	for (size_t n = 0; n < f->bytes; n++) {
		if (read_stream(f->stream, n, &s, &err) != -EBADMSG)
			fail_msg("cut after %zu of %zu bytes: %d", n, f->bytes, err.code);
		assert_non_null(strstr(err.why, "cut short"));
	}
}

/* Every bit of what is not page data, and one bit of every 61st byte of that. */
static void test_every_bit(void **state)
{
	struct fixture *f = *state;
	size_t pages = f->at[3] + sizeof(struct pvtb_mig_frame);
	struct pvtb_err err;
	struct seen s;

	for (size_t i = 0; i < f->bytes; i++) {
		bool page = i >= pages && i < pages + 2 * PVTB_MIG_PAGE;

		for (unsigned int bit = 0; bit < 8; bit++) {
			if (page && (i % 61 || bit != i / 61 % 8))
				continue;
			f->stream[i] ^= (u8)(1U << bit);
			if (!read_stream(f->stream, f->bytes, &s, &err))
				fail_msg("bit %u of byte %zu changed, and nobody saw it", bit, i);
			assert_true(err.why[0]);
			f->stream[i] ^= (u8)(1U << bit);
		}
	}
	assert_int_equal(read_stream(f->stream, f->bytes, &s, &err), 0);
}

/* A header that is a lie, with the right checksum. */
static void lie(struct fixture *f, unsigned int frame, const struct pvtb_mig_frame *head)
{
	struct pvtb_mig_frame h = *head;

	h.head_crc = (u32)crc32_z(0, (const u8 *)&h, offsetof(struct pvtb_mig_frame, head_crc));
	memcpy(f->stream + f->at[frame], &h, sizeof(h));
}

static void expect_lie(struct fixture *f, unsigned int frame, u64 bytes, u64 address, u32 index,
		       int want)
{
	struct pvtb_mig_frame was, h;
	struct pvtb_err err;
	struct seen s;

	memcpy(&was, f->stream + f->at[frame], sizeof(was));
	h = was;
	h.bytes = bytes;
	h.address = address;
	h.index = index;
	lie(f, frame, &h);
	if (read_stream(f->stream, f->bytes, &s, &err) != want)
		fail_msg("frame %u with %#llx bytes for %#llx, index %u: %d (%s), not %d", frame,
			 (unsigned long long)bytes, (unsigned long long)address, index, err.code,
			 err.why, want);
	memcpy(f->stream + f->at[frame], &was, sizeof(was));
}

static void test_absurd_lengths(void **state)
{
	static const u64 lengths[] = {1,	  4095,	      1ULL << 20, (1ULL << 20) + 1,
				      1ULL << 32, 1ULL << 63, UINT64_MAX, UINT64_MAX - 4095};
	struct fixture *f = *state;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(lengths); i++) {
		if (lengths[i] > 4095)
			expect_lie(f, 0, lengths[i], 0, 0,
				   lengths[i] > PVTB_MIG_STATE_MAX ? -EPROTO : -EBADMSG);
		expect_lie(f, 3, lengths[i], BASE, 0, -EPROTO);
		expect_lie(f, 8, lengths[i], 0, 0, -EPROTO);
		expect_lie(f, 9, lengths[i], 0, 0, -EPROTO);
	}
	expect_lie(f, 6, PVTB_MIG_STATE_MAX + 1, 0, 0, -EPROTO);
	expect_lie(f, 3, 0, BASE, 0, -EPROTO);
	/* memory there is not */
	expect_lie(f, 3, 2 * PVTB_MIG_PAGE, BASE - PVTB_MIG_PAGE, 0, -EPROTO);
	expect_lie(f, 3, 2 * PVTB_MIG_PAGE, BASE + MEM_BYTES - PVTB_MIG_PAGE, 0, -EPROTO);
	expect_lie(f, 3, 2 * PVTB_MIG_PAGE, BASE + 1, 0, -EPROTO);
	expect_lie(f, 3, 2 * PVTB_MIG_PAGE, UINT64_MAX - 4095, 0, -EPROTO);
	expect_lie(f, 4, 0, BASE, NR_PAGES + 1, -EPROTO);
	expect_lie(f, 4, 0, BASE, 0, -EPROTO);
	expect_lie(f, 4, 0, BASE, UINT32_MAX, -EPROTO);
	/* vCPUs there are not, or that were there already */
	expect_lie(f, 2, 112, 0, 2, -EPROTO);
	expect_lie(f, 7, 112, 0, 0, -EPROTO);
	expect_lie(f, 7, 112, 0, UINT32_MAX, -EPROTO);
}

static void test_order(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < f->frames; i++) {
		struct pvtb_mig_frame was, h;
		struct pvtb_err err;
		struct seen s;

		memcpy(&was, f->stream + f->at[i], sizeof(was));
		h = was;
		h.type = was.type == PVTB_MIG_END ? PVTB_MIG_CLOCK : PVTB_MIG_END;
		lie(f, i, &h);
		assert_int_equal(read_stream(f->stream, f->bytes, &s, &err), -EPROTO);
		h = was;
		h.number++;
		lie(f, i, &h);
		assert_int_equal(read_stream(f->stream, f->bytes, &s, &err), -EBADMSG);
		memcpy(f->stream + f->at[i], &was, sizeof(was));
	}
}

static int with_hello(struct fixture *f, struct pvtb_err *err)
{
	struct seen s;

	free(f->stream);
	write_stream(f);
	return read_stream(f->stream, f->bytes, &s, err);
}

#define EXPECT_HELLO(f, member, value, want)                                                       \
	do {                                                                                       \
		struct pvtb_mig_hello was_ = (f)->hello;                                           \
		struct pvtb_err err_;                                                              \
                                                                                                   \
		(f)->hello.member = (value);                                                       \
		assert_int_equal(with_hello(f, &err_), want);                                      \
		assert_true(err_.why[0]);                                                          \
		(f)->hello = was_;                                                                 \
	} while (0)

static void test_hello(void **state)
{
	struct fixture *f = *state;
	struct pvtb_err err;

	EXPECT_HELLO(f, version, PVTB_MIG_VERSION - 1, -EPROTO);
	EXPECT_HELLO(f, version, PVTB_MIG_VERSION + 1, -EPROTO);
	EXPECT_HELLO(f, arch, PVTB_MIG_X86_64, -EXDEV);
	EXPECT_HELLO(f, arch, 9, -EXDEV);
	EXPECT_HELLO(f, page_bytes, 65536, -EPROTO);
	EXPECT_HELLO(f, nr_vcpus, 0, -EPROTO);
	EXPECT_HELLO(f, nr_vcpus, 65, -EPROTO);
	EXPECT_HELLO(f, mem_bytes, 0, -EPROTO);
	EXPECT_HELLO(f, mem_bytes, 4097, -EPROTO);
	EXPECT_HELLO(f, mem_bytes, 1ULL << 50, -EPROTO);
	EXPECT_HELLO(f, mem_bytes, 1ULL << 30, -E2BIG);
	EXPECT_HELLO(f, counter_hz, 0, -EPROTO);
	EXPECT_HELLO(f, flags, 1U << 31, -EPROTO);
	EXPECT_HELLO(f, method, PVTB_MIG_METHODS, -EPROTO);
	EXPECT_HELLO(f, method, PVTB_MIG_BY_LPT, -EPROTO);
	EXPECT_HELLO(f, level, 2, -EPROTO);
	EXPECT_HELLO(f, copies, 0, -EPROTO);
	EXPECT_HELLO(f, copies, PVTB_MIG_COPIES_MAX + 1, -EPROTO);
	memset(f->hello.op, 'x', sizeof(f->hello.op));
	assert_int_equal(with_hello(f, &err), -EPROTO);
	strcpy(f->hello.op, "sample_time");
	assert_int_equal(with_hello(f, &err), 0);
}

/* More memory than was announced: HELLO speaks of two copies of 8 pages, 8 have come. */
static void test_endless(void **state)
{
	static const enum pvtb_mig_type kinds[] = {PVTB_MIG_PAGES, PVTB_MIG_ZEROS};
	struct fixture *f = *state;

	for (size_t k = 0; k < PVTB_ARRAY_SIZE(kinds); k++) {
		struct pvtb_mig_out out = {.fd = memfd_create("endless", 0)};
		bool pages = kinds[k] == PVTB_MIG_PAGES;
		struct pvtb_err err;
		struct seen s;
		u8 *stream;

		assert_int_equal(write(out.fd, f->stream, f->at[5]), f->at[5]);
		out.number = 5;
		for (unsigned int i = 0; i < 3; i++)
			assert_int_equal(pvtb_mig_put(&out, kinds[k], pages ? 0 : 4, BASE, f->mem,
						      pages ? 4 * PVTB_MIG_PAGE : 0, NULL),
					 0);
		out.bytes += f->at[5];
		stream = malloc(out.bytes);
		assert_int_equal(pread(out.fd, stream, out.bytes, 0), out.bytes);
		assert_int_equal(read_stream(stream, out.bytes, &s, &err), -E2BIG);
		assert_non_null(strstr(err.why, "2 copies"));
		free(stream);
		close(out.fd);
	}
}

#define LIMIT_MS 100

/* Sends bytes one by one, for ever, quicker than any silence is long. */
static pid_t drip(int fd, const u8 *bytes, size_t quick, size_t len)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	for (size_t i = 0; i < len; i++) {
		const struct timespec step = {.tv_nsec = 10000000};

		if (send(fd, bytes + i, 1, MSG_NOSIGNAL) != 1)
			break;
		if (i >= quick)
			nanosleep(&step, NULL);
	}
	_exit(0);
}

/* A peer that is never silent, and never done: @quick bytes at once, the others by and by. */
static void expect_late(struct fixture *f, size_t quick, struct pvtb_mig_in in, const char *why)
{
	const struct pvtb_mig_sink sink = {
		.hello = on_hello,
		.features = on_items,
		.memory = on_memory,
		.zeros = on_zeros,
		.vm = on_vm,
		.vcpu = on_vcpu,
		.clock = on_clock,
		.opaque = calloc(1, sizeof(struct seen)),
	};
	struct pvtb_err err = {0};
	int fds[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = drip(fds[1], f->stream, quick, f->bytes);
	close(fds[1]);
	in.fd = fds[0];
	in.timeout_ms = 60000;
	assert_int_equal(pvtb_mig_read(&in, PVTB_MIG_ARM64, BASE, &sink, &err), -ETIMEDOUT);
	if (!strstr(err.why, why))
		fail_msg("\"%s\", not \"%s\"", err.why, why);
	pvtb_mig_in_free(&in);
	close(fds[0]);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	free(sink.opaque);
}

static void test_slow_peer(void **state)
{
	struct fixture *f = *state;
	const struct pvtb_mig_in frame = {.frame_ms = LIMIT_MS},
				 handshake = {.handshake_ms = LIMIT_MS},
				 stream = {.stream_ms = LIMIT_MS};

	expect_late(f, 0, frame, "frame 0 is too slow");
	expect_late(f, f->at[3], frame, "frame 3 is too slow");
	expect_late(f, f->at[1], handshake, "too slow: its description");
	expect_late(f, f->at[4], stream, "too slow: the guest");
}

/* One that takes a byte now and then is as slow. */
static void test_slow_taker(void **state)
{
	struct pvtb_mig_out out = {.timeout_ms = 60000, .frame_ms = LIMIT_MS};
	size_t bytes = PVTB_MIG_PAGES_MAX * PVTB_MIG_PAGE;
	u8 *data = calloc(1, bytes), byte[4096];
	struct pvtb_err err = {0};
	int fds[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	pid = fork();
	if (!pid) {
		const struct timespec step = {.tv_nsec = 20000000};

		close(fds[0]);
		while (read(fds[1], byte, sizeof(byte)) != 0)
			nanosleep(&step, NULL);
		_exit(0);
	}
	close(fds[1]);
	out.fd = fds[0];
	assert_int_equal(pvtb_mig_put(&out, PVTB_MIG_PAGES, 0, BASE, data, bytes, &err),
			 -ETIMEDOUT);
	close(fds[0]);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	free(data);
}

static void test_broken_items(void **state)
{
	struct pvtb_mig_items items = {0};
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;

	pvtb_mig_items_add(&items, 1, 2, "12345678", 8);
	for (size_t n = 1; n < items.bytes; n++) {
		pos = 0;
		assert_int_equal(pvtb_mig_items_next(items.data, n, &pos, &item, &data), -EBADMSG);
	}
	((struct pvtb_mig_item *)items.data)->bytes = UINT32_MAX;
	pos = 0;
	assert_int_equal(pvtb_mig_items_next(items.data, items.bytes, &pos, &item, &data),
			 -EBADMSG);
	pvtb_mig_items_free(&items);
	pvtb_mig_items_add(&items, 1, 2, NULL, PVTB_MIG_STATE_MAX + 1);
	assert_true(items.failed);
	pvtb_mig_items_free(&items);
}

/* The native value an LPT clock is continued at shows what is wanted, and one less does not. */
static void test_native_of(void **state)
{
	static const u64 hz[] = {1000000, 19200000, 24000000, 62500000, 99999989, 1000000000};
	static const u64 values[] = {0, 1, 2, 999, 123456789, 1ULL << 40, (1ULL << 56) + 12345};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(hz); i++)
		for (size_t j = 0; j < PVTB_ARRAY_SIZE(hz); j++)
			for (size_t k = 0; k < PVTB_ARRAY_SIZE(values); k++) {
				struct pvtb_lpt lpt;
				u64 native;

				assert_int_equal(pvtb_lpt_coefficients(hz[i], hz[j], &lpt), 0);
				if (pvtb_mig_native_of(values[k], lpt.scale_mult, lpt.fracbits,
						       &native))
					continue;
				assert_true(pvtb_lpt_to_pv(&lpt, native) >= values[k]);
				if (native)
					assert_true(pvtb_lpt_to_pv(&lpt, native - 1) < values[k]);
			}
	assert_int_equal(pvtb_mig_ticks(1000000000, 62500000), 62500000);
	assert_int_equal(pvtb_mig_ticks(16, 62500000), 1);
	assert_int_equal(pvtb_mig_ticks(7, 62500000), 0);
}

/* A timer's deadline on another host: the same moment, not earlier, and late by less than a tick. */
static void test_deadline(void **state)
{
	static const u64 hz[] = {1000000, 62500000, 99999989, 100000000, 1000000000, 5000000000};
	static const u64 ahead[] = {0, 1, 62, 1000003, UINT32_MAX, 1ULL << 32, (1ULL << 40) + 7};
	const u64 old_now = 1ULL << 50, new_now = 1ULL << 60;

	for (size_t a = 0; a < PVTB_ARRAY_SIZE(hz); a++)
		for (size_t b = 0; b < PVTB_ARRAY_SIZE(hz); b++)
			for (size_t i = 0; i < PVTB_ARRAY_SIZE(ahead); i++) {
				const struct pvtb_mig_rescale r = {old_now, hz[a], new_now, hz[b],
								   UINT64_MAX};
				u64 left = pvtb_mig_deadline(&r, old_now + ahead[i]) - new_now;
				u128 want = (u128)ahead[i] * hz[b], got = (u128)left * hz[a];

				assert_true(got >= want && got < want + hz[a]);
				/* passed already: by no more than it was */
				left = new_now - pvtb_mig_deadline(&r, old_now - ahead[i]);
				got = (u128)left * hz[a];
				assert_true(got <= want && got + hz[a] > want);
			}
}

/* Of any length, any bit. */
static void test_sum(void **state)
{
	u8 data[100];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 37);
	for (size_t bytes = 1; bytes <= sizeof(data); bytes++) {
		u64 sum = pvtb_mig_sum(data, bytes);

		assert_true(sum != pvtb_mig_sum(data, bytes - 1));
		for (size_t bit = 0; bit < bytes * 8; bit++) {
			data[bit / 8] ^= (u8)(1U << bit % 8);
			assert_true(sum != pvtb_mig_sum(data, bytes));
			data[bit / 8] ^= (u8)(1U << bit % 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absurd_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_peer, setup, teardown),
		cmocka_unit_test(test_slow_taker),
		cmocka_unit_test(test_broken_items),
		cmocka_unit_test(test_native_of),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
