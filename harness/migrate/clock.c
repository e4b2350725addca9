// SPDX-License-Identifier: GPL-2.0-only
/* Owns reading this host's clocks at one instant, and knowing which boot they belong to. */
#include "migrate/migrate.h"

#include <fcntl.h>
#include <string.h>

#include "arch/counter.h"

#define TRIES 64

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* The tightest of some: an interruption inside shows as a wide one. CLOCK_REALTIME is read between
 * two of the other, and carried to the middle. */
void pvtb_mig_now(struct pvtb_mig_instant *ret)
{
	u64 best = UINT64_MAX, gap = UINT64_MAX;
	s64 real_raw = 0;

	for (int i = 0; i < TRIES / 4; i++) {
		u64 before = clock_ns(CLOCK_MONOTONIC_RAW), real = clock_ns(CLOCK_REALTIME);
		u64 after = clock_ns(CLOCK_MONOTONIC_RAW);

		if (after - before >= gap)
			continue;
		gap = after - before;
		real_raw = (s64)(real - (before + gap / 2));
	}
	for (int i = 0; i < TRIES; i++) {
		u64 c0 = pvtb_arch_counter(), raw = clock_ns(CLOCK_MONOTONIC_RAW);
		u64 c1 = pvtb_arch_counter();

		if (c1 - c0 >= best)
			continue;
		best = c1 - c0;
		ret->c0_ticks = c0;
		ret->c1_ticks = c1;
		ret->raw_ns = raw;
	}
	ret->real_ns = ret->raw_ns + (u64)real_raw;
}

void pvtb_mig_boot_id(char *buf, size_t len)
{
	int fd PVTB_CLOSE = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, len - 1) : 0;

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}
