// SPDX-License-Identifier: GPL-2.0-only
/* Writes the corpus the fuzzing of the migration stream starts from: whole streams, small ones. */
#include <fcntl.h>
#include <string.h>

#include "migrate/stream.h"

#define BASE 0x40000000ULL

/* signals.c is the program's. */
bool pvtb_interrupted(void)
{
	return false;
}

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

int main(int argc, char **argv)
{
	for (int i = 0; argc == 2 && i < 4; i++) {
		char path[4096];
		int fd, ret;

		snprintf(path, sizeof(path), "%s/seed%d", argv[1], i);
		fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
		if (fd < 0)
			return 1;
		ret = i == 3 ? answers(fd) : stream(fd, 1U << (2 * i), (u32)i);
		close(fd);
		if (ret)
			return 1;
	}
	return argc == 2 ? 0 : 2;
}
