// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: whatever the bytes are, the reader of the migration stream ends, stays inside the
 * memory it was given, and calls nothing out of order. Checksums are not looked at in this build
 * (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or nothing behind them would be reached.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "migrate/stream.h"

#define BASE	  0x40000000ULL
#define MEM_BYTES (64 * PVTB_MIG_PAGE)

struct seen {
	u8 *mem;
	u32 nr_vcpus, features, vcpus;
	bool accepted, vm, clock;
};

static int on_hello(void *o, const struct pvtb_mig_hello *h, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(!s->nr_vcpus && h->nr_vcpus && h->nr_vcpus <= PVTB_MIG_VCPUS_MAX);
	fuzz_must(strlen(h->op) < sizeof(h->op) && strlen(h->kernel) < sizeof(h->kernel));
	s->nr_vcpus = h->nr_vcpus;
	return h->mem_bytes <= MEM_BYTES ? 0 : pvtb_err_set(err, -E2BIG, "memory", "too much");
}

static void walk(const void *items, size_t bytes)
{
	struct pvtb_mig_item item;
	const void *data;
	size_t pos = 0;
	volatile u8 last = 0; /* every byte is read: the sanitizer looks at where */

	while (pvtb_mig_items_next(items, bytes, &pos, &item, &data) > 0)
		for (u32 i = 0; i < item.bytes; i++)
			last = ((const u8 *)data)[i];
	(void)last;
	fuzz_must(pos == bytes);
}

static int on_features(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(vcpu == s->features++ && vcpu < s->nr_vcpus);
	walk(items, bytes);
	return 0;
}

static int on_accept(void *o, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(!s->accepted && s->features == s->nr_vcpus);
	s->accepted = true;
	return 0;
}

static void *on_memory(void *o, u64 address, u64 bytes)
{
	struct seen *s = o;

	fuzz_must(s->accepted && address >= BASE && bytes <= MEM_BYTES &&
		  address - BASE <= MEM_BYTES - bytes);
	return s->mem + (address - BASE);
}

static int on_zeros(void *o, u64 address, u64 bytes, struct pvtb_err *err)
{
	memset(on_memory(o, address, bytes), 0, bytes);
	return 0;
}

static int on_vm(void *o, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(s->accepted && !s->vm);
	s->vm = true;
	walk(items, bytes);
	return 0;
}

static int on_vcpu(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(s->vm && vcpu == s->vcpus++ && vcpu < s->nr_vcpus);
	walk(items, bytes);
	return 0;
}

static int on_clock(void *o, const struct pvtb_mig_clock *clock, struct pvtb_err *err)
{
	struct seen *s = o;

	fuzz_must(!s->clock && s->vcpus == s->nr_vcpus);
	s->clock = true;
	return 0;
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	static u8 mem[MEM_BYTES];
	struct seen s = {.mem = mem};
	const struct pvtb_mig_sink sink = {
		.opaque = &s,
		.hello = on_hello,
		.features = on_features,
		.accept = on_accept,
		.memory = on_memory,
		.zeros = on_zeros,
		.vm = on_vm,
		.vcpu = on_vcpu,
		.clock = on_clock,
	};
	struct pvtb_mig_in in = {.fd = -1, .mem = data, .mem_bytes = bytes};
	struct pvtb_mig_in back = in;
	struct pvtb_mig_reply room;
	enum pvtb_mig_type type;
	struct pvtb_err err = {0};
	bool read = !pvtb_mig_read(&in, PVTB_MIG_ARM64, BASE, &sink, &err);

	fuzz_must(read ? s.clock && s.vcpus == s.nr_vcpus : err.why[0]);
	while (!pvtb_mig_get_back(&back, &type, &room, NULL))
		fuzz_must(type >= PVTB_MIG_REPLY && type <= PVTB_MIG_GO);
	pvtb_mig_in_free(&in);
	pvtb_mig_in_free(&back);
	return read;
}

/* ---- seeds: whole streams, small ones ---- */

static int stream(int fd, u32 nr_vcpus, u32 nr_pages)
{
	static const u8 page[4 * PVTB_MIG_PAGE] = {1, 2, 3};
	const struct pvtb_mig_hello h = {
		.version = PVTB_MIG_VERSION,
		.arch = PVTB_MIG_ARM64,
		.page_bytes = PVTB_MIG_PAGE,
		.nr_vcpus = nr_vcpus,
		.ring_bytes = PVTB_MIG_PAGE,
		.mem_bytes = 16 * PVTB_MIG_PAGE,
		.counter_hz = 62500000,
		.copies = 8,
		.op = "sample_time",
	};
	const struct pvtb_mig_clock clock = {.guest_ticks = 1};
	struct pvtb_mig_out out = {.fd = fd};
	struct pvtb_mig_items items = {0};
	int ret;

	pvtb_mig_items_add(&items, 1, 2, "abc", 3);
	pvtb_mig_items_add(&items, 3, 4, "12345678", 8);
	ret = pvtb_mig_put(&out, PVTB_MIG_HELLO, 0, 0, &h, sizeof(h), NULL);
	for (u32 i = 0; !ret && i < nr_vcpus; i++)
		ret = pvtb_mig_put(&out, PVTB_MIG_FEATURES, i, 0, items.data, items.bytes, NULL);
	if (!ret && nr_pages)
		ret = pvtb_mig_put(&out, PVTB_MIG_PAGES, 0, BASE, page, nr_pages * PVTB_MIG_PAGE,
				   NULL);
	ret = ret
		      ?: pvtb_mig_put(&out, PVTB_MIG_ZEROS, 3, BASE + 13 * PVTB_MIG_PAGE, NULL, 0,
				      NULL);
	ret = ret ?: pvtb_mig_put(&out, PVTB_MIG_VM, 0, 0, items.data, items.bytes, NULL);
	for (u32 i = 0; !ret && i < nr_vcpus; i++)
		ret = pvtb_mig_put(&out, PVTB_MIG_VCPU, i, 0, items.data, items.bytes, NULL);
	ret = ret ?: pvtb_mig_put(&out, PVTB_MIG_CLOCK, 0, 0, &clock, sizeof(clock), NULL);
	ret = ret ?: pvtb_mig_put(&out, PVTB_MIG_END, 0, 0, NULL, 0, NULL);
	pvtb_mig_items_free(&items);
	return ret;
}

static int answers(int fd)
{
	const struct pvtb_mig_reply reply = {.code = -1, .why = "no"};
	const struct pvtb_mig_ping ping = {.t1_ns = 1};
	struct pvtb_mig_out out = {.fd = fd};
	int ret = pvtb_mig_put(&out, PVTB_MIG_PING, 0, 0, &ping, sizeof(ping), NULL);

	ret = ret ?: pvtb_mig_put(&out, PVTB_MIG_REPLY, 0, 0, &reply, sizeof(reply), NULL);
	return ret ?: pvtb_mig_put(&out, PVTB_MIG_GO, 0, 0, NULL, 0, NULL);
}

void fuzz_seeds(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		int fd = memfd_create("seed", MFD_CLOEXEC);
		struct stat st;
		u8 *data;

		fuzz_must(fd >= 0 && !(i == 3 ? answers(fd) : stream(fd, 1U << (2 * i), i)));
		fuzz_must(!fstat(fd, &st));
		data = malloc((size_t)st.st_size);
		fuzz_must(data && pread(fd, data, (size_t)st.st_size, 0) == st.st_size);
		fuzz_seed(i != 3, data, (size_t)st.st_size);
		if (i != 3)
			fuzz_seed(false, data, (size_t)st.st_size - 1);
		free(data);
		close(fd);
	}
}
