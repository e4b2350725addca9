// SPDX-License-Identifier: GPL-2.0-only
/* Owns nothing: waits for a time, an interrupt or a cancel, whichever comes first. */
#include "load/wait.h"

#include <poll.h>

#include "core/signals.h"

int pvtb_load_wait_until(u64 deadline_ns, int cancel_fd)
{
	for (;;) {
		struct pollfd p[] = {{.fd = pvtb_interrupt_fd(), .events = POLLIN},
				     {.fd = cancel_fd, .events = POLLIN}};
		u64 now_ns = pvtb_mono_ns(),
		    left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
		struct timespec ts = {.tv_sec = (time_t)(left_ns / PVTB_NSEC_PER_SEC),
				      .tv_nsec = (long)(left_ns % PVTB_NSEC_PER_SEC)};
		int n = ppoll(p, 2, &ts, NULL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (pvtb_interrupted())
			return -EINTR;
		if (n > 0 && p[1].revents)
			return -ECANCELED;
		if (!left_ns)
			return 0;
	}
}
