// SPDX-License-Identifier: GPL-2.0-only
/* Owns reading this host's clocks at one instant, knowing which boot they belong to, and comparing
 * them with another host's. */
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

/* How far CLOCK_REALTIME is ahead of the other, which it is read between two of. The tightest of some: an
 * interruption inside shows as a wide one. */
static s64 real_ahead_ns(void)
{
	u64 gap = UINT64_MAX;
	s64 ret = 0;

	for (int i = 0; i < TRIES / 4; i++) {
		u64 before = clock_ns(CLOCK_MONOTONIC_RAW), real = clock_ns(CLOCK_REALTIME);
		u64 after = clock_ns(CLOCK_MONOTONIC_RAW);

		if (after - before >= gap)
			continue;
		gap = after - before;
		ret = (s64)(real - (before + gap / 2));
	}
	return ret;
}

void pvtb_mig_now(struct pvtb_mig_instant *ret)
{
	s64 real_ns = real_ahead_ns();
	u64 best = UINT64_MAX;

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
	ret->real_ns = ret->raw_ns + (u64)real_ns;
}

int pvtb_mig_sync_answer(struct pvtb_mig_out *out, const struct pvtb_mig_ping *ping,
			 struct pvtb_err *err)
{
	struct pvtb_mig_ping pong = {
		.t1_ns = ping->t1_ns,
		.t2_ns = clock_ns(CLOCK_MONOTONIC_RAW),
	};

	pong.real_ns = real_ahead_ns();
	pong.t3_ns = clock_ns(CLOCK_MONOTONIC_RAW);
	return pvtb_mig_put(out, PVTB_MIG_PONG, 0, 0, &pong, sizeof(pong), err);
}

static int exchange(struct pvtb_mig_out *out, struct pvtb_mig_in *in,
		    struct pvtb_mig_ping *ret_ping, u64 *ret_t4_ns, struct pvtb_err *err)
{
	const struct pvtb_mig_ping ping = {.t1_ns = clock_ns(CLOCK_MONOTONIC_RAW)};
	union {
		struct pvtb_mig_reply room;
		struct pvtb_mig_ping ping;
	} m;
	enum pvtb_mig_type type;
	int ret = pvtb_mig_put(out, PVTB_MIG_PING, 0, 0, &ping, sizeof(ping), err);

	if (!ret)
		ret = pvtb_mig_get_back(in, &type, &m, err);
	*ret_t4_ns = clock_ns(CLOCK_MONOTONIC_RAW);
	if (ret)
		return ret;
	if (type != PVTB_MIG_PONG || m.ping.t1_ns != ping.t1_ns)
		return pvtb_err_set(err, -EPROTO, "migration",
				    "no answer to the clocks' comparison");
	*ret_ping = m.ping;
	return 0;
}

int pvtb_mig_sync(struct pvtb_mig_out *out, struct pvtb_mig_in *in, unsigned int exchanges,
		  struct pvtb_mig_sync *ret_sync, struct pvtb_err *err)
{
	s64 real_ns = real_ahead_ns();
	u64 best = UINT64_MAX;

	for (unsigned int i = 0; i < exchanges; i++) {
		struct pvtb_mig_ping p;
		u64 t4, delay;
		int ret = exchange(out, in, &p, &t4, err);

		if (ret)
			return ret;
		delay = (t4 - p.t1_ns) - (p.t3_ns - p.t2_ns);
		if ((s64)delay < 0 || delay >= best)
			continue;
		best = delay;
		ret_sync->offset_ns = ((s64)(p.t2_ns - p.t1_ns) + (s64)(p.t3_ns - t4)) / 2;
		ret_sync->at_ns = t4;
		ret_sync->real_offset_ns = ret_sync->offset_ns + p.real_ns - real_ns;
	}
	if (best == UINT64_MAX)
		return pvtb_err_set(err, -EPROTO, "migration", "clocks run backwards");
	ret_sync->unc_ns = best / 2 + 1;
	return 0;
}

void pvtb_mig_boot_id(char *buf, size_t len)
{
	int fd PVTB_CLOSE = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, len - 1) : 0;

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}
