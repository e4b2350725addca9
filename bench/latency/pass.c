// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the commands of a latency variant: what the vCPU's thread does around them, and their samples
 * as numbers.
 */
#include "bench/latency/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/signals.h"

/*
 * Where instructions are counted, the vCPU is alone on its run queue whenever it runs: what an exit
 * executes may depend on that (KVM_HC_KICK_CPU looks for others), and when others are there depends
 * on the emulator's own time. A thread left waiting for the CPU until the next tick: so the vCPU
 * gives way to whoever wakes up, at once. One that sleeps, but is kept queued until it has made good
 * what it ran too long (DELAY_DEQUEUE, Linux 6.12): so it is not kept. A timer interrupt ends each
 * slice of 0.7 ms that another thread shares with the vCPU (HRTICK, on since Linux 7.1): so the tick
 * ends it. This is the lab's own kernel.
 */
static const char *const features[] = {"DELAY_DEQUEUE", "HRTICK"};

_Static_assert(PVTB_ARRAY_SIZE(features) <= LATENCY_SCHED_FEATURES, "room for what they were");

#define FEATURES_FILE "/sys/kernel/debug/sched/features"

static void set_feature(const char *name, bool on)
{
	int fd PVTB_CLOSE = open(FEATURES_FILE, O_WRONLY | O_CLOEXEC);
	char word[32];
	int len = snprintf(word, sizeof(word), "%s%s", on ? "" : "NO_", name);

	/* What cannot be set moves p99.9 by a tick's work; nothing is wrong for it. */
	if (fd >= 0 && write(fd, word, (size_t)len) != len)
		return;
}

/* Turn off those that are on; a kernel that does not know the word does not do that either. */
static void clear_features(struct latency_session *s)
{
	FILE *f PVTB_FCLOSE = fopen(FEATURES_FILE, "re");
	char word[64];

	while (f && fscanf(f, "%63s", word) == 1) {
		for (size_t i = 0; i < PVTB_ARRAY_SIZE(features); i++)
			if (!strcmp(word, features[i]))
				s->feature_was_on[i] = true;
	}
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(features); i++)
		if (s->feature_was_on[i])
			set_feature(features[i], false);
}

static void restore_features(struct latency_session *s)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(features); i++) {
		if (s->feature_was_on[i])
			set_feature(features[i], true);
		s->feature_was_on[i] = false;
	}
}

static int be_alone(struct latency_session *s, struct pvtb_err *err)
{
	static const struct sched_param param;

	clear_features(s);
	/* 0 is the calling thread */
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		return pvtb_err_sys(err, -errno, "SCHED_IDLE for the vCPU's thread");
	return 0;
}

static int on_thread_start(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct latency_session *s = opaque;
	int ret = s->run->deterministic ? be_alone(s, err) : 0;

	if (s->var->native)
		s->host_read = latency_host_read(s->var->native);
	if (ret || !s->run->trace || !s->run->host->witnessed)
		return ret;
	s->run->lost_before = 0;
	return pvtb_trace_register(s->run->trace, &s->stream, err);
}

static void on_thread_stop(void *opaque, unsigned int vcpu)
{
	struct latency_session *s = opaque;

	if (s->stream)
		pvtb_trace_unregister(s->run->trace, s->stream);
	s->stream = NULL;
	if (s->run->deterministic)
		restore_features(s);
}

static void on_cmd_enter(void *opaque, unsigned int vcpu)
{
	struct latency_session *s = opaque;

	if (s->stream)
		s->win.first = pvtb_stream_mark(s->stream, &s->win.open_at_start);
	if (s->perf_wanted && !pvtb_perf_open(0, &s->perf, NULL) &&
	    pvtb_perf_read(s->perf, &s->perf_before, NULL)) {
		pvtb_perf_close(s->perf);
		s->perf = NULL;
	}
}

static void on_cmd_leave(void *opaque, unsigned int vcpu)
{
	struct latency_session *s = opaque;

	if (s->perf) {
		if (pvtb_perf_read(s->perf, &s->perf_after, NULL))
			memset(&s->perf_after, 0, sizeof(s->perf_after));
		pvtb_perf_close(s->perf);
		s->perf = NULL;
	}
	if (s->stream)
		s->win.end = pvtb_stream_mark(s->stream, NULL);
}

void latency_hooks(struct latency_session *s, struct pvtb_vm_spec *spec)
{
	spec->thread_start = on_thread_start;
	spec->thread_stop = on_thread_stop;
	spec->cmd_enter = on_cmd_enter;
	spec->cmd_leave = on_cmd_leave;
	spec->opaque = s;
}

/* No operation takes longer; a guest that has not moved by then does not come back. */
#define STALL_MS	       8000
#define STALL_DETERMINISTIC_MS 300

int latency_run_pass(struct latency_session *s, struct latency_pass *p, u64 warmup,
		     struct pvtb_err *err)
{
	struct pvtb_cmd cmd = {
		.op = p->op,
		.level = s->var->level,
		.mode = p->mode,
		.count = p->count,
		.warmup = warmup,
		.batch = p->batch,
		.steps = p->mode == PVTB_MODE_BATCH ? LATENCY_BATCH_STEPS : 1,
	};
	int ret;

	/* of the guest's time: some hundred million instructions take seconds to emulate */
	if (p->mode != PVTB_MODE_LOOP)
		cmd.stall_ms = s->run->deterministic ? STALL_DETERMINISTIC_MS : STALL_MS;
	memcpy(cmd.args, s->var->args, sizeof(cmd.args));
	if (s->stream)
		pvtb_stream_discard(s->stream, pvtb_stream_mark(s->stream, NULL));
	ret = pvtb_vm_exec(s->vm, 0, &cmd, 0, &p->cmd, err);
	p->win = s->win;
	if (!ret && pvtb_interrupted())
		return pvtb_err_set(err, -EINTR, s->bench->name, "interrupted");
	return ret;
}

s64 *latency_durations(struct latency_session *s, const struct latency_pass *p, size_t *ret_n)
{
	u64 len;
	const struct pvtb_sample *ring = pvtb_vm_ring(s->vm, 0, &len);
	size_t n = p->cmd.taken;
	s64 *out = calloc(n ? n : 1, sizeof(*out));

	for (size_t i = 0; out && i < n; i++)
		out[i] = (s64)(ring[i].t1 - ring[i].t0);
	*ret_n = n;
	return out;
}

struct pvtb_point *latency_points(struct latency_session *s, const struct latency_pass *p,
				  size_t *ret_n)
{
	u64 len;
	const struct pvtb_sample *ring = pvtb_vm_ring(s->vm, 0, &len);
	size_t n = p->cmd.taken;
	struct pvtb_point *out = calloc(n ? n : 1, sizeof(*out));

	for (size_t i = 0; out && i < n; i++) {
		out[i].ops = p->batch * (1 + i % LATENCY_BATCH_STEPS);
		out[i].ticks = ring[i].t1 - ring[i].t0;
	}
	*ret_n = n;
	return out;
}
