// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the first half of a stolen-time scenario: a VM whose vCPUs sample their stolen time while
 * they are made to lose it. Both streams are drained into files all the time, so that memory does
 * not depend on the length of the run.
 */
#include "bench/steal/engine.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "core/signals.h"
#include "load/task.h"
#include "load/wait.h"
#include "results/samples.h"

#define DRAIN_NS     5000000ULL
#define BATCH	     4096
#define PAIR_TRIES   64
#define SETTLE_NS    200000L
#define SETTLE_TRIES 10 /* up to 0.1 s */
#define STOP_MS	     60000
#define PV_TIME_ST   0xc5000021ULL

/* METHOD: a sample's two reads belong together. */
#define READ_NS		 2000
#define READ_NS_EMULATED 20000
#define READ_NS_RING0	 100000

#define CALL_TRIES 100

#define SAMPLE_HZ	   10000
#define SAMPLE_HZ_EMULATED 1000

/* One moment of a thread. */
struct moment {
	u64 pos, k_ns, switches, ns;
};

struct vcpu {
	struct measure *m;
	struct steal_vcpu *meta;
	struct pvtb_stream *stream;
	struct pvtb_stream *next; /* of the thread that went on */
	bool turned;		  /* its own thread is at turn_end, the other has begun */
	bool on_next;		  /* drained up to there */
	struct pvtb_samples_writer *guest, *host;
	u64 drained;		  /* guest samples taken out of the ring */
	u64 rec_next;		  /* host records likewise */
	u64 switches;		  /* of its thread, when the window (or its turn) began */
	bool begun, ended;	  /* inside the window; written by its own thread */
	bool calling, call_whole; /* PV_TIME_ST: under way; was not interrupted by a switch */
	struct moment call;	  /* before it */
};

struct measure {
	struct pvtb_steal_ctx *ctx;
	struct pvtb_trace *trace;
	u64 missed; /* pvtb_trace_missed() when it began */
	struct steal_measured *out;
	struct pvtb_vm *vm;
	bool forked, started, last_cmd;
	struct vcpu vcpus[PVTB_STEAL_MAX_VCPUS];
	struct pvtb_rec recs[BATCH];
	struct pvtb_sample samples[BATCH];
};

/* ---- on the vCPUs' threads ---- */

static int on_thread_start(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct measure *m = opaque;

	return pvtb_trace_register(m->trace, &m->vcpus[vcpu].stream, err);
}

static void on_thread_stop(void *opaque, unsigned int vcpu)
{
	struct measure *m = opaque;

	/* In a fork, RCU would wait for its parent's threads; the process ends soon anyway. */
	if (m->vcpus[vcpu].stream && !m->forked)
		pvtb_trace_unregister(m->trace, m->vcpus[vcpu].stream);
	m->vcpus[vcpu].stream = NULL;
}

static u64 own_delay_ns(void)
{
	struct pvtb_task_times t;

	return pvtb_task_times(pvtb_task_self(), &t, NULL) ? 0 : t.delay_ns;
}

/* How often this thread was switched out. */
static u64 own_switches(void)
{
	struct rusage use;

	return getrusage(RUSAGE_THREAD, &use) ? 0 : (u64)use.ru_nvcsw + (u64)use.ru_nivcsw;
}

/* Again when it was switched in between. */
static void stamp(struct pvtb_stream *stream, struct moment *ret)
{
	do {
		ret->switches = own_switches();
		ret->pos = pvtb_stream_mark(stream, NULL);
		ret->k_ns = own_delay_ns();
		ret->ns = pvtb_mono_ns();
	} while (pvtb_stream_mark(stream, NULL) != ret->pos);
}

/*
 * Off the CPU once: whatever exit was open is closed by it, and the entry that follows comes with its
 * run_delay. The time may be over before the thread was switched out.
 */
static void settle(struct pvtb_stream *stream)
{
	struct timespec ts = {.tv_nsec = SETTLE_NS};
	u64 before = pvtb_stream_mark(stream, NULL);

	for (int i = 0; i < SETTLE_TRIES && pvtb_stream_mark(stream, NULL) == before; i++) {
		nanosleep(&ts, NULL);
		ts.tv_nsec *= 2;
	}
}

static void on_cmd_enter(void *opaque, unsigned int vcpu)
{
	struct vcpu *v = &((struct measure *)opaque)->vcpus[vcpu];
	struct moment at;

	if (v->begun) {
		if (v->calling)
			stamp(v->stream, &v->call);
		return;
	}
	settle(v->stream);
	stamp(v->stream, &at);
	v->call = at;
	v->meta->rec_first = v->rec_next = at.pos;
	v->meta->k_start_ns = at.k_ns;
	v->meta->start_ns = at.ns;
	v->switches = at.switches;
	__atomic_store_n(&v->begun, true, __ATOMIC_RELEASE);
}

static void on_hand_over(void *opaque, unsigned int vcpu)
{
	struct vcpu *v = &((struct measure *)opaque)->vcpus[vcpu];
	struct moment at;

	settle(v->stream);
	stamp(v->stream, &at);
	v->meta->turn_end = at.pos;
	v->meta->turn_old_k_ns = at.k_ns;
	v->meta->switches = at.switches - v->switches;
}

static int on_take_over(void *opaque, unsigned int vcpu, struct pvtb_err *err)
{
	struct measure *m = opaque;
	struct vcpu *v = &m->vcpus[vcpu];
	int ret = pvtb_trace_register(m->trace, &v->next, err);
	struct moment at;

	if (ret)
		return ret;
	settle(v->next);
	stamp(v->next, &at);
	v->meta->turn_first = at.pos;
	v->meta->turn_k_ns = at.k_ns;
	v->meta->turn_ns = at.ns;
	v->switches = at.switches;
	__atomic_store_n(&v->turned, true, __ATOMIC_RELEASE);
	return 0;
}

static void on_cmd_leave(void *opaque, unsigned int vcpu)
{
	struct measure *m = opaque;
	struct vcpu *v = &m->vcpus[vcpu];
	struct moment at;

	if (v->calling)
		v->call_whole = own_switches() == v->call.switches;
	if (!__atomic_load_n(&m->last_cmd, __ATOMIC_ACQUIRE))
		return;
	stamp(v->next ?: v->stream, &at);
	v->meta->rec_end = at.pos;
	v->meta->k_end_ns = at.k_ns;
	v->meta->end_ns = at.ns;
	v->meta->switches += at.switches - v->switches;
	__atomic_store_n(&v->ended, true, __ATOMIC_RELEASE);
}

/* A VMM that provides the structure itself has it written here. */
static void on_before_run(void *opaque, unsigned int vcpu)
{
	struct measure *m = opaque;
	struct vcpu *v = &m->vcpus[vcpu];
	struct steal_visit visit = {.left_ns = pvtb_mono_ns()};
	struct moment at;

	stamp(v->stream, &at);
	visit.ns = at.ns;
	if (v->meta->nr_visits < STEAL_VISITS)
		v->meta->visits[v->meta->nr_visits++] = visit;
	else
		v->meta->visits_lost++;
	m->ctx->scenario->provide(m->ctx, vcpu, at.k_ns,
				  pvtb_vm_gpa(m->vm, PVTB_GPA_STEAL + 64ULL * vcpu));
}

/* ---- draining ---- */

/* Who it was has to be asked while they live. */
static void note_name(struct measure *m, u32 pid)
{
	struct steal_measured *out = m->out;
	struct pvtb_trace_who who;
	struct steal_name *n;

	if (!pid || out->nr_names == STEAL_NAMES)
		return;
	for (unsigned int i = out->nr_names; i-- > 0;)
		if (out->names[i].pid == pid)
			return;
	if (pvtb_trace_who(m->trace, pid, &who))
		return;
	n = &out->names[out->nr_names++];
	n->pid = pid;
	memcpy(n->comm, who.comm, sizeof(n->comm));
	n->comm[sizeof(n->comm) - 1] = '\0';
	memcpy(n->cgroup, who.cgroup, sizeof(n->cgroup));
	n->cgroup[sizeof(n->cgroup) - 1] = '\0';
}

/* Samples [v->drained, taken), in two pieces at most where the ring wraps. */
static int drain_guest(struct measure *m, unsigned int i, struct pvtb_err *err)
{
	struct vcpu *v = &m->vcpus[i];
	const struct pvtb_ctl *ctl = pvtb_vm_gpa(m->vm, PVTB_GPA_CTL + i * PVTB_CTL_BYTES);
	u64 len, taken = __atomic_load_n(&ctl->taken, __ATOMIC_ACQUIRE);
	const struct pvtb_sample *ring = pvtb_vm_ring(m->vm, i, &len);

	while (v->drained < taken) {
		u64 n = taken - v->drained, now, lost;
		int ret;

		if (n > len) {
			v->meta->samples_lost += n - len;
			v->drained += n - len;
			n = len;
		}
		n = n < BATCH ? n : BATCH;
		for (u64 k = 0; k < n; k++)
			m->samples[k] = ring[(v->drained + k) & (len - 1)];
		/* overwritten while it was copied? */
		now = __atomic_load_n(&ctl->taken, __ATOMIC_ACQUIRE);
		lost = now - v->drained >= len ? now - v->drained - len + 1 : 0;
		lost = lost < n ? lost : n;
		v->meta->samples_lost += lost;
		v->meta->samples += n - lost;
		ret = pvtb_samples_write(v->guest, m->samples + lost, n - lost, err);
		if (ret)
			return ret;
		v->drained += n;
	}
	return 0;
}

static int write_lost(struct vcpu *v, u64 lost, struct pvtb_err *err)
{
	struct pvtb_rec gap = {.kind = PVTB_REC_NONE, .arg = lost};

	v->meta->records_lost += lost;
	return pvtb_samples_write(v->host, &gap, 1, err);
}

/* Records of @stream up to @end. */
static int drain_stream(struct measure *m, struct vcpu *v, struct pvtb_stream *stream, u64 end,
			struct pvtb_err *err)
{
	while (v->rec_next < end) {
		u64 n = end - v->rec_next < BATCH ? end - v->rec_next : BATCH, lost = 0;
		ssize_t got = pvtb_stream_read(stream, v->rec_next, n, m->recs, &lost);
		int ret = 0;

		if (got < 0)
			return pvtb_err_sys(err, (int)got, "host records");
		/* the oldest are overwritten first */
		if (lost)
			ret = write_lost(v, lost, err);
		if (!ret)
			ret = pvtb_samples_write(v->host, m->recs, (size_t)got, err);
		if (ret)
			return ret;
		for (ssize_t k = 0; k < got; k++)
			if (m->recs[k].kind == PVTB_REC_SCHED_OUT &&
			    (m->recs[k].flags & PVTB_REC_F_PREEMPT))
				note_name(m, (u32)m->recs[k].arg);
		v->meta->records += (u64)got;
		v->rec_next += n;
	}
	pvtb_stream_discard(stream, v->rec_next);
	return 0;
}

/* Programs that were not run: nobody knows when, so nothing after this is certain. */
static int drain_missed(struct measure *m, struct pvtb_err *err)
{
	u64 missed = pvtb_trace_missed(m->trace) - m->missed;
	int ret = 0;

	for (unsigned int i = 0; missed && !ret && i < m->ctx->nr_vcpus; i++)
		ret = write_lost(&m->vcpus[i], missed, err);
	return ret;
}

/* The first thread's last record is written: the other's follow. */
static int turn(struct measure *m, struct vcpu *v, struct pvtb_err *err)
{
	const struct steal_vcpu *meta = v->meta;
	struct pvtb_rec rec = {
		.kind = PVTB_REC_THREAD,
		.t0_ns = meta->turn_ns,
		.t1_ns = meta->turn_old_k_ns,
		.arg = meta->turn_k_ns,
	};
	int ret = drain_stream(m, v, v->stream, meta->turn_end, err);

	if (!ret)
		ret = pvtb_samples_write(v->host, &rec, 1, err);
	v->rec_next = meta->turn_first;
	v->on_next = true;
	return ret;
}

static int drain_host(struct measure *m, unsigned int i, struct pvtb_err *err)
{
	struct vcpu *v = &m->vcpus[i];
	struct pvtb_stream *stream;
	u64 end;

	if (!__atomic_load_n(&v->begun, __ATOMIC_ACQUIRE))
		return 0;
	if (__atomic_load_n(&v->turned, __ATOMIC_ACQUIRE) && !v->on_next) {
		int ret = turn(m, v, err);

		if (ret)
			return ret;
	}
	stream = v->on_next ? v->next : v->stream;
	end = __atomic_load_n(&v->ended, __ATOMIC_ACQUIRE) ? v->meta->rec_end
							   : pvtb_stream_mark(stream, NULL);
	/* Between the two threads: what the first does besides is nobody's. */
	if (v->meta->turn_end && !v->on_next)
		return 0;
	return drain_stream(m, v, stream, end, err);
}

static int drain(struct measure *m, struct pvtb_err *err)
{
	for (unsigned int i = 0; i < m->ctx->nr_vcpus; i++) {
		int ret = drain_guest(m, i, err);

		if (!ret)
			ret = drain_host(m, i, err);
		if (ret)
			return ret;
	}
	return 0;
}

static void take_pair(struct measure *m)
{
	if (m->out->nr_pairs < STEAL_PAIRS)
		pvtb_clock_pair_now(PAIR_TRIES, &m->out->pairs[m->out->nr_pairs++]);
}

/* ---- the run ---- */

void steal_path(char *buf, size_t len, const struct pvtb_steal_ctx *ctx, const char *what,
		unsigned int vcpu)
{
	snprintf(buf, len, "samples/steal.%s.vcpu%u.%s.zst", ctx->scenario->name, vcpu, what);
}

static int open_file(struct measure *m, unsigned int i, const char *what,
		     enum pvtb_samples_kind kind, size_t size, struct pvtb_samples_writer **ret,
		     struct pvtb_err *err)
{
	struct pvtb_run *run = m->ctx->run;
	char path[768], rel[256];
	json_t *desc;
	int r;

	steal_path(rel, sizeof(rel), m->ctx, what, i);
	snprintf(path, sizeof(path), "%s/%s", run->dir, rel);
	desc = json_pack("{s:s, s:s, s:i, s:s, s:I}", "bench", "steal", "variant",
			 m->ctx->scenario->name, "vcpu", (int)i, "what", what, "counter_hz",
			 (json_int_t)run->host->counter_hz);
	r = pvtb_samples_create(path, kind, size, desc, 1, ret, err);
	json_decref(desc);
	return r;
}

static int open_files(struct measure *m, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < m->ctx->nr_vcpus; i++) {
		struct vcpu *v = &m->vcpus[i];

		ret = open_file(m, i, "guest", PVTB_SAMPLES_GUEST, sizeof(struct pvtb_sample),
				&v->guest, err);
		if (!ret)
			ret = open_file(m, i, "host", PVTB_SAMPLES_HOST, sizeof(struct pvtb_rec),
					&v->host, err);
	}
	return ret;
}

static int close_file(struct pvtb_samples_writer **w, int ret, struct pvtb_err *err)
{
	struct pvtb_samples_writer *it = *w;

	*w = NULL;
	if (!it)
		return ret;
	if (!ret)
		return pvtb_samples_finish(it, err);
	pvtb_samples_abort(it);
	return ret;
}

static enum pvtb_level guest_level(const struct pvtb_run *run)
{
	return run->caps.ring0_usable || run->arch == PVTB_ARCH_ARM64 ? PVTB_LEVEL_KERNEL
								      : PVTB_LEVEL_USER;
}

static u64 sample_hz(const struct pvtb_steal_ctx *ctx)
{
	if (ctx->scenario->sample_hz)
		return ctx->scenario->sample_hz;
	return ctx->run->emulated ? SAMPLE_HZ_EMULATED : SAMPLE_HZ;
}

static int make_vm(struct measure *m, struct pvtb_err *err)
{
	const struct pvtb_steal_scenario *sc = m->ctx->scenario;
	int cpus[PVTB_STEAL_MAX_VCPUS];
	struct pvtb_vm_spec spec = {
		.nr_vcpus = m->ctx->nr_vcpus,
		.steal = !sc->provide && !(sc->lose_first && m->ctx->run->arch == PVTB_ARCH_X86_64),
		.steal_by_caller = sc->provide,
		.irqchip = sc->sleeps && m->ctx->run->arch == PVTB_ARCH_ARM64,
		.halt_ns = sc->sleeps ? PVTB_NSEC_PER_SEC / sample_hz(m->ctx) : 0,
		.thread_start = on_thread_start,
		.thread_stop = on_thread_stop,
		.cmd_enter = on_cmd_enter,
		.cmd_leave = on_cmd_leave,
		.before_run = sc->provide ? on_before_run : NULL,
		.hand_over = on_hand_over,
		.take_over = on_take_over,
		.opaque = m,
		.cpus = cpus,
	};
	int ret;

	for (unsigned int i = 0; sc->provide && i < m->ctx->nr_vcpus; i++) {
		struct steal_vcpu *meta = m->vcpus[i].meta;

		meta->visits = calloc(STEAL_VISITS, sizeof(*meta->visits));
		if (!meta->visits)
			return pvtb_err_sys(err, -ENOMEM, "steal");
	}
	for (unsigned int i = 0; i < m->ctx->nr_vcpus; i++)
		cpus[i] = sc->not_pinned ? -1 : m->ctx->cpu;
	ret = pvtb_vm_new(&spec, &m->vm, err);
	for (unsigned int i = 0; !ret && i < m->ctx->nr_vcpus; i++) {
		struct steal_vcpu *meta = m->vcpus[i].meta;

		meta->tid = pvtb_vm_tid(m->vm, i);
		ret = pvtb_vm_counter_delta(m->vm, i, &meta->delta_ticks, &meta->delta_unc_ticks,
					    err);
	}
	return ret;
}

static int ask_for_address(struct measure *m, unsigned int i, struct pvtb_err *err)
{
	struct pvtb_cmd cmd = {
		.op = "hvc",
		.mode = PVTB_MODE_SINGLE,
		.count = 1,
		.args = {PV_TIME_ST},
	};
	u64 gpa = PVTB_GPA_STEAL + i * sizeof(struct pvtb_arm64_steal);
	struct pvtb_cmd_result res;
	int ret = pvtb_vm_exec(m->vm, i, &cmd, 0, &res, err);

	if (ret)
		return ret;
	if (res.ret[0] != gpa)
		return pvtb_err_set(err, -EPROTO, "PV_TIME_ST",
				    "answers %#" PRIx64 " instead of %#" PRIx64, res.ret[0], gpa);
	return 0;
}

/*
 * arm64: the guest asks for its structure, and from then on it is told: what its thread waits more
 * than it had when KVM handled the call. That is known when the thread was not switched out around
 * it, and otherwise the guest asks again, which starts it anew.
 */
static int call_pv_time_st(struct measure *m, unsigned int i, struct pvtb_err *err)
{
	struct vcpu *v = &m->vcpus[i];
	int ret = 0;

	v->calling = true;
	for (unsigned int tries = 0; !ret && !v->call_whole && tries < CALL_TRIES; tries++)
		ret = ask_for_address(m, i, err);
	v->calling = false;
	v->meta->call_known = v->call_whole;
	v->meta->call_k_ns = v->call.k_ns;
	return ret;
}

static int start_guest(struct measure *m, struct pvtb_err *err)
{
	const struct pvtb_steal_scenario *sc = m->ctx->scenario;
	struct pvtb_run *run = m->ctx->run;
	u64 hz = sample_hz(m->ctx);
	struct pvtb_cmd cmd = {
		.op = sc->op ?: "sample_steal",
		/* HLT is ring 0's, however slow that is here */
		.level = sc->sleeps ? PVTB_LEVEL_KERNEL : guest_level(run),
		.mode = PVTB_MODE_LOOP,
		.period = run->host->counter_hz / hz,
		.args[7] = steal_read_ns(m->ctx) * run->host->counter_hz / PVTB_NSEC_PER_SEC,
	};
	int ret = 0;

	__atomic_store_n(&m->last_cmd, true, __ATOMIC_RELEASE);
	m->started = true;
	for (unsigned int i = 0; !ret && i < m->ctx->nr_vcpus; i++) {
		cmd.args[0] = PVTB_GPA_STEAL + 64ULL * i;
		ret = pvtb_vm_start(m->vm, i, &cmd, err);
	}
	return ret;
}

u64 steal_read_ns(const struct pvtb_steal_ctx *ctx)
{
	const struct pvtb_run *run = ctx->run;

	/* HLT's ring, and KVM emulates it one instruction at a time. */
	if (ctx->scenario->sleeps && run->arch == PVTB_ARCH_X86_64 && !run->caps.ring0_usable)
		return READ_NS_RING0;
	return run->emulated ? READ_NS_EMULATED : READ_NS;
}

/* /proc/stat: what this host's own hypervisor took from @cpu so far. */
static u64 host_stolen_ns(int cpu)
{
	FILE *f PVTB_FCLOSE = fopen("/proc/stat", "re");
	u64 hz = (u64)sysconf(_SC_CLK_TCK), jiffies;
	char line[512], name[16];

	snprintf(name, sizeof(name), "cpu%d ", cpu);
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			return sscanf(line, "%*s %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &jiffies) ==
					       1
				       ? jiffies * (PVTB_NSEC_PER_SEC / hz)
				       : 0;
	return 0;
}

static int let_run(struct measure *m, struct pvtb_err *err)
{
	u64 now_ns = pvtb_mono_ns(), end_ns = now_ns + m->ctx->run_ns;
	u64 pair_ns = m->ctx->run_ns / (STEAL_PAIRS - 4) + 1, next_pair_ns = now_ns;

	while (now_ns < end_ns) {
		u64 until_ns = now_ns + DRAIN_NS < end_ns ? now_ns + DRAIN_NS : end_ns;
		int ret = pvtb_load_wait_until(until_ns, -1);

		if (ret)
			return pvtb_err_set(err, ret, "steal", "interrupted");
		ret = drain(m, err);
		if (ret)
			return ret;
		now_ns = pvtb_mono_ns();
		if (now_ns < next_pair_ns)
			continue;
		take_pair(m);
		next_pair_ns = now_ns + pair_ns;
	}
	return 0;
}

/* The vCPUs' threads leave the guest; whatever came before, they are waited for. */
static int stop_guest(struct measure *m, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; m->started && i < m->ctx->nr_vcpus; i++) {
		struct pvtb_cmd_result res;

		if (!ret)
			ret = pvtb_vm_wait(m->vm, i, STOP_MS, &res, err);
	}
	return ret;
}

static void tell_stop(struct measure *m)
{
	for (unsigned int i = 0; m->started && i < m->ctx->nr_vcpus; i++)
		pvtb_vm_stop_cmd(m->vm, i);
	__atomic_store_n(&m->out->ended, 1, __ATOMIC_RELEASE);
}

static int run_vm(struct measure *m, const struct steal_hooks *hooks, struct pvtb_err *err)
{
	u64 stolen_ns = host_stolen_ns(m->ctx->cpu);
	int ret = open_files(m, err), r;

	if (!ret)
		ret = make_vm(m, err);
	take_pair(m);
	if (!ret && m->ctx->scenario->lose_first)
		ret = steal_lose_first(m->ctx, m->vm, &m->out->vcpus[0].lost_first_ns, err);
	for (unsigned int i = 0;
	     !ret && m->ctx->run->arch == PVTB_ARCH_ARM64 && i < m->ctx->nr_vcpus; i++)
		ret = call_pv_time_st(m, i, err);
	for (unsigned int i = 0; !ret && i < m->ctx->nr_vcpus; i++)
		m->ctx->tids[i] = m->vcpus[i].meta->tid;
	m->ctx->vm = m->vm;
	if (!ret && hooks->start)
		ret = hooks->start(m->ctx, err);
	if (!ret)
		ret = start_guest(m, err);
	if (!ret)
		ret = let_run(m, err);
	tell_stop(m);
	/* Before they are waited for: they may be frozen, or starved. */
	r = hooks->stop ? hooks->stop(m->ctx, ret ? NULL : err) : 0;
	ret = ret ?: r;
	if (!ret)
		ret = stop_guest(m, err);
	m->out->host_stolen_ns = host_stolen_ns(m->ctx->cpu) - stolen_ns;
	take_pair(m);
	ret = ret ?: drain(m, err);
	return ret ?: drain_missed(m, err);
}

int steal_measure(struct pvtb_steal_ctx *ctx, const struct steal_hooks *hooks,
		  struct pvtb_trace *trace, struct steal_measured *out, struct pvtb_err *err)
{
	struct measure *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "steal");
	m->ctx = ctx;
	m->trace = trace;
	m->missed = pvtb_trace_missed(trace);
	m->out = out;
	m->forked = hooks->forked;
	out->sees_user = pvtb_trace_sees_user(trace);
	for (unsigned int i = 0; i < ctx->nr_vcpus; i++) {
		m->vcpus[i].m = m;
		m->vcpus[i].meta = &out->vcpus[i];
	}
	ret = run_vm(m, hooks, err);
	ctx->vm = NULL;
	pvtb_vm_free(m->vm);
	for (unsigned int i = 0; i < ctx->nr_vcpus; i++)
		pvtb_trace_unregister(trace, m->vcpus[i].next);
	for (unsigned int i = 0; i < ctx->nr_vcpus; i++) {
		ret = close_file(&m->vcpus[i].guest, ret, err);
		ret = close_file(&m->vcpus[i].host, ret, err);
	}
	free(m);
	return ret;
}
