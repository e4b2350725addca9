// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the disposition of SIGINT, SIGTERM and SIGHUP. Its two variables are the process's only
 * ones outside of structs: a signal handler has nothing else to find its state by.
 */
#include "core/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

static atomic_bool interrupted;
static atomic_int wake_fd = -1;

static void on_signal(int sig)
{
	static const u64 one = 1;
	int saved = errno, fd;

	if (atomic_exchange(&interrupted, true))
		_exit(PVTB_EXIT_INTERRUPTED);
	fd = atomic_load(&wake_fd);
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0) {
		/* it cannot block (an eventfd at zero), and here nobody could be told */
	}
	errno = saved;
}

int pvtb_signals_install(struct pvtb_err *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return pvtb_err_sys(err, -errno, "eventfd");
	if (atomic_load(&wake_fd) >= 0) {
		close(fd);
		return 0;
	}
	atomic_store(&wake_fd, fd);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* nohup: what the caller had ignored stays so */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signals[i], &sa, NULL))
			return pvtb_err_sys(err, -errno, "sigaction %s", strsignal(signals[i]));
	}
	return 0;
}

bool pvtb_interrupted(void)
{
	return atomic_load_explicit(&interrupted, memory_order_relaxed);
}

int pvtb_interrupt_fd(void)
{
	return atomic_load(&wake_fd);
}

int pvtb_check_interrupted(struct pvtb_err *err)
{
	if (!pvtb_interrupted())
		return 0;
	return pvtb_err_set(err, -EINTR, "interrupted", "partial result discarded");
}
