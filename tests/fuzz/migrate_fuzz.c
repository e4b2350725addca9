// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: whatever the bytes are, the reader of the migration stream ends, stays inside the
 * memory it was given, and calls nothing out of order. Checksums are not looked at in this build
 * (FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION), or nothing behind them would be reached.
 */
#include <stdlib.h>
#include <string.h>

#include "migrate/stream.h"

#define BASE	  0x40000000ULL
#define MEM_BYTES (64 * PVTB_MIG_PAGE)

/* signals.c is the program's; nobody interrupts a fuzzer but by ending it. */
bool pvtb_interrupted(void)
{
	return false;
}

struct seen {
	u8 *mem;
	u32 nr_vcpus, features, vcpus;
	bool accepted, vm, clock;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int on_hello(void *o, const struct pvtb_mig_hello *h, struct pvtb_err *err)
{
	struct seen *s = o;

	must(!s->nr_vcpus && h->nr_vcpus && h->nr_vcpus <= PVTB_MIG_VCPUS_MAX);
	must(strlen(h->op) < sizeof(h->op) && strlen(h->kernel) < sizeof(h->kernel));
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
	must(pos == bytes);
}

static int on_features(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	must(vcpu == s->features++ && vcpu < s->nr_vcpus);
	walk(items, bytes);
	return 0;
}

static int on_accept(void *o, struct pvtb_err *err)
{
	struct seen *s = o;

	must(!s->accepted && s->features == s->nr_vcpus);
	s->accepted = true;
	return 0;
}

static void *on_memory(void *o, u64 address, u64 bytes)
{
	struct seen *s = o;

	must(s->accepted && address >= BASE && bytes <= MEM_BYTES &&
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

	must(s->accepted && !s->vm);
	s->vm = true;
	walk(items, bytes);
	return 0;
}

static int on_vcpu(void *o, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct seen *s = o;

	must(s->vm && vcpu == s->vcpus++ && vcpu < s->nr_vcpus);
	walk(items, bytes);
	return 0;
}

static int on_clock(void *o, const struct pvtb_mig_clock *clock, struct pvtb_err *err)
{
	struct seen *s = o;

	must(!s->clock && s->vcpus == s->nr_vcpus);
	s->clock = true;
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);
int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
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

	if (!pvtb_mig_read(&in, PVTB_MIG_ARM64, BASE, &sink, &err))
		must(s.clock && s.vcpus == s.nr_vcpus);
	else
		must(err.why[0]);
	while (!pvtb_mig_get_back(&back, &type, &room, NULL))
		must(type >= PVTB_MIG_REPLY && type <= PVTB_MIG_GO);
	pvtb_mig_in_free(&in);
	pvtb_mig_in_free(&back);
	return 0;
}
