// SPDX-License-Identifier: GPL-2.0-only
/*
 * steal.vmm_time: the vCPU's thread is made to spend time outside KVM_RUN: a signal takes it out of
 * the guest every 5 ms, and its handler keeps it for 1 ms. It has the CPU all the while.
 */
#include "bench/steal/steal.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "load/wait.h"

#define EVERY_NS 5000000ULL
#define KEEP_NS	 1000000ULL

struct vmm_time {
	struct pvtb_steal_ctx *ctx;
	struct sigaction before;
	bool installed, running;
	pthread_t sender;
	u32 stop;
	u64 sent;
};

static void keep(int sig)
{
	u64 end_ns = pvtb_mono_ns() + KEEP_NS;

	while (pvtb_mono_ns() < end_ns)
		;
}

static void *send_signals(void *opaque)
{
	struct vmm_time *s = opaque;
	u64 next_ns = pvtb_mono_ns();

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		next_ns += EVERY_NS;
		if (pvtb_load_wait_until(next_ns, -1))
			break;
		if (!syscall(SYS_tgkill, s->ctx->pid, s->ctx->tids[0], pvtb_vm_kick_signal()))
			s->sent++;
	}
	return NULL;
}

static int start(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct vmm_time *s = ctx->state;
	struct sigaction sa = {.sa_handler = keep};
	int ret;

	s->ctx = ctx;
	sigemptyset(&sa.sa_mask);
	/* The one signal that a vCPU's thread takes; without SA_RESTART, as the VMM has it. */
	if (sigaction(pvtb_vm_kick_signal(), &sa, &s->before))
		return pvtb_err_sys(err, -errno, "signal handler");
	s->installed = true;
	ret = -pthread_create(&s->sender, NULL, send_signals, s);
	s->running = !ret;
	return ret ? pvtb_err_sys(err, ret, "thread") : 0;
}

static int stop(struct pvtb_steal_ctx *ctx, struct pvtb_err *err)
{
	struct vmm_time *s = ctx->state;

	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	if (s->running)
		pthread_join(s->sender, NULL);
	if (s->installed)
		sigaction(pvtb_vm_kick_signal(), &s->before, NULL);
	s->running = s->installed = false;
	return 0;
}

static int did(struct pvtb_steal_ctx *ctx, const struct pvtb_steal_seen *seen, struct pvtb_err *err)
{
	const struct vmm_time *s = ctx->state;

	if (s->sent * EVERY_NS >= seen->wall_ns / 4)
		return 0;
	return pvtb_err_set(err, -ERANGE, "signals", "%llu were sent", (unsigned long long)s->sent);
}

static const struct pvtb_steal_scenario vmm_time = {
	.name = "vmm_time",
	.summary =
		"1 ms of every 5 in the VMM, not in the guest: not stolen, by the kernel's count",
	.state_size = sizeof(struct vmm_time),
	.start = start,
	.stop = stop,
	.causes = PVTB_STEAL_CAUSE(PVTB_SCHED_HOST_VMM),
	.min_share = 0.05,
	.did = did,
};
PVTB_STEAL_SCENARIO(vmm_time);
