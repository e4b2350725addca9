// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the run of a scenario: a guest that samples its clocks without a pause, watched from outside,
 * then moved while it runs, then watched again.
 */
#include "bench/migration/engine.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "core/signals.h"
#include "load/child.h"
#include "load/wait.h"

#define PHASE_NS	   250000000ULL
#define PHASE_NS_EMULATED  400000000ULL
#define SAMPLE_HZ	   20000
#define SAMPLE_HZ_EMULATED 4000
#define STOP_MS		   10000
#define CHILD_MS	   60000

static u64 phase_ns(const struct pvtb_run *run)
{
	return run->emulated ? PHASE_NS_EMULATED : PHASE_NS;
}

void migration_ctx_init(struct migration_ctx *c, const struct pvtb_migration_scenario *sc,
			struct pvtb_run *run, struct migration_measured *m)
{
	*c = (struct migration_ctx){.sc = sc, .run = run, .m = m};
	m->nr_vcpus = sc->nr_vcpus ?: 1;
	m->counter_hz = m->target_hz = run->host->counter_hz;
	/* The first apart from the harness, which watches; the others where they find room. */
	for (unsigned int i = 0; i < PVTB_MIGRATION_MAX_VCPUS; i++)
		c->cpus[i] = i ? -1 : run->vcpu_cpu;
}

/* Not the native one, so that there is something to scale. */
static u32 lpt_hz(const struct pvtb_run *run)
{
	return run->caps.counter_hz == 1000000000 ? 62500000 : 1000000000;
}

static u64 sample_hz(const struct migration_ctx *c)
{
	u64 hz = c->run->emulated ? SAMPLE_HZ_EMULATED : SAMPLE_HZ;

	/* Many moves, or a long look, and all of it is to fit into the ring. */
	return c->sc->times > 1 || c->sc->after_ms ? hz / 4 : hz;
}

/* Whole kHz, as KVM is told. */
static u64 counter_hz(const struct migration_ctx *c)
{
	u64 khz = c->run->caps.counter_hz / 1000;

	return c->sc->counter_percent ? khz * c->sc->counter_percent / 100 * 1000 : 0;
}

/* Watch the guest's clocks, or leave it alone with its timers. */
static int stay(struct migration_ctx *c, struct pvtb_vm *vm, u64 ns, struct migration_phase *phase,
		struct pvtb_err *err)
{
	if (!c->sc->timers)
		migration_watch(vm, c->m->nr_vcpus, ns, phase);
	else if (pvtb_load_wait_until(pvtb_mono_ns() + ns, -1))
		return pvtb_check_interrupted(err);
	return 0;
}

int migration_start(struct migration_ctx *c, struct pvtb_err *err)
{
	const struct pvtb_migration_scenario *sc = c->sc;
	u64 claimed_hz = sc->claim_percent ? c->run->caps.counter_hz * sc->claim_percent / 100 : 0;
	u32 pv_hz = migration_has_lpt(sc) ? lpt_hz(c->run) : 0;
	struct pvtb_timer_plan plan;
	const struct migration_guest g = {
		.caps = &c->run->caps,
		.arch = c->run->arch,
		.nr_vcpus = c->m->nr_vcpus,
		.ring_bytes = MIGRATION_RING_BYTES,
		.lpt_pv_hz = pv_hz,
		.kvmclock = sc->kvmclock,
		.from_zero = sc->young || sc->method != PVTB_MIG_BY_VALUE,
		.counter_hz = counter_hz(c),
		.sample_hz = sample_hz(c),
		.timers = sc->timers ? &plan : NULL,
		.claimed_hz = claimed_hz,
		.cpus = c->cpus,
	};
	int ret = migration_guest_new(&g, &c->vm, err);

	c->m->lpt_pv_hz = pv_hz;
	if (g.counter_hz)
		c->m->counter_hz = g.counter_hz;
	if (sc->timers)
		migration_plan(sc->timers, pv_hz ?: c->run->caps.counter_hz, &plan);
	ret = ret ?: migration_guest_start(&g, c->vm, err);
	return ret ?: stay(c, c->vm, phase_ns(c->run), &c->m->before, err);
}

/* ---- the other side ---- */

void migration_receive_opts(const struct migration_ctx *c, struct pvtb_mig_receive_opts *ret)
{
	*ret = (struct pvtb_mig_receive_opts){
		.base = {.cpus = c->cpus},
		.delay_us = c->sc->delay_us,
		.fault = c->sc->fault,
	};
}

/* Watch it for a while, then end it and keep what it wrote. */
int migration_finish(struct migration_ctx *c, struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct migration_measured *m = c->m;
	u64 ns = c->sc->after_ms ? c->sc->after_ms * 1000000ULL : phase_ns(c->run);
	const struct pvtb_lpt *lpt = pvtb_vm_gpa(vm, PVTB_GPA_LPT);
	int ret = stay(c, vm, ns, &m->after, err);

	m->lpt_end = *lpt;
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		pvtb_vm_stop_cmd(vm, i);
	for (unsigned int i = 0; !ret && i < m->nr_vcpus; i++) {
		struct pvtb_cmd_result res;

		ret = pvtb_vm_wait(vm, i, STOP_MS, &res, err);
		m->taken[i] = res.taken;
		memcpy(m->samples[i], pvtb_vm_gpa(vm, PVTB_GPA_RINGS + i * MIGRATION_RING_BYTES),
		       MIGRATION_RING_BYTES);
	}
	return ret;
}

struct receiver {
	const struct migration_ctx *c;
	int fd;
	bool way_back;
	struct pvtb_vm *vm;
	struct pvtb_mig_received received;
	int ret;
	struct pvtb_err err;
};

static void *receive(void *arg)
{
	struct receiver *r = arg;
	struct pvtb_mig_receive_opts opts;

	migration_receive_opts(r->c, &opts);
	r->ret = pvtb_mig_receive(r->fd, r->way_back, &opts, &r->vm, &r->received, &r->err);
	return NULL;
}

int migration_send(struct migration_ctx *c, int fd, bool way_back, struct pvtb_err *err)
{
	const struct pvtb_mig_send_opts opts = {
		.method = c->sc->method,
		.op = c->sc->timers ? MIGRATION_OP_TIMERS : MIGRATION_OP,
		.level = migration_level(&c->run->caps),
		.way_back = way_back,
		.kvmclock_real = c->sc->kvmclock_real,
		/* another host, as far as the target can tell */
		.counter_hz = c->run->caps.counter_hz * c->sc->claim_percent / 100,
		.boot_id = c->sc->claim_percent ? "another" : NULL,
	};

	return pvtb_mig_send(c->vm, fd, &opts, &c->m->sent, err);
}

/* The source's end of things, once the guest is gone. */
void migration_leave(struct migration_ctx *c, bool first)
{
	const struct pvtb_lpt *lpt = pvtb_vm_gpa(c->vm, PVTB_GPA_LPT);

	if (first)
		c->m->lpt_left = lpt->sequence_number;
	for (unsigned int i = 0; first && i < c->m->nr_vcpus; i++)
		c->m->before.behind[i] = migration_taken(c->vm, i);
	pvtb_vm_free(c->vm);
	c->vm = NULL;
}

void migration_add_up(struct migration_measured *m, const struct pvtb_mig_received *r)
{
	u64 out_ns = 0;

	if (r->same_boot || r->synced)
		out_ns = r->run_raw_ns + (u64)(r->synced ? r->sync.offset_ns : 0) -
			 r->clock.stopped_raw_ns;
	m->times++;
	m->predicted_ns += r->predicted_ns;
	m->predicted_unc_ns += r->predicted_unc_ns;
	m->blackout_ns += out_ns;
	if (out_ns > m->longest_blackout_ns)
		m->longest_blackout_ns = out_ns;
}

/* ---- the ways ---- */

static int once_here(struct migration_ctx *c, bool first, struct pvtb_err *err)
{
	struct receiver r = {.c = c, .way_back = true};
	pthread_t thread;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return pvtb_err_sys(err, -errno, "socketpair");
	r.fd = fds[1];
	ret = -pthread_create(&thread, NULL, receive, &r);
	if (ret) {
		pvtb_err_sys(err, ret, "thread of the target");
	} else {
		ret = migration_send(c, fds[0], true, err);
		if (ret)
			shutdown(fds[0], SHUT_RDWR);
		pthread_join(thread, NULL);
	}
	close(fds[0]);
	close(fds[1]);
	/* The target's own words, which tell what cannot be done here, are the better ones. */
	if (r.ret && r.err.why[0] && ret != -EINTR && (!ret || ret == -EREMOTEIO)) {
		*err = r.err;
		ret = r.ret;
	}
	if (ret) {
		pvtb_vm_free(r.vm);
		return ret;
	}
	c->m->received = r.received;
	migration_leave(c, first);
	c->vm = r.vm;
	migration_add_up(c->m, &c->m->received);
	return 0;
}

static int here(struct migration_ctx *c, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < (c->sc->times ?: 1); i++)
		ret = once_here(c, !i, err);
	return ret ?: migration_finish(c, c->vm, err);
}

static int by_file(struct migration_ctx *c, struct pvtb_err *err)
{
	struct receiver r = {.c = c};
	FILE *file PVTB_FCLOSE = tmpfile();
	int ret;

	if (!file)
		return pvtb_err_sys(err, -errno, "temporary file");
	ret = migration_send(c, fileno(file), false, err);
	if (ret)
		return ret;
	migration_leave(c, true);
	ret = pvtb_load_wait_until(pvtb_mono_ns() + c->sc->pause_ms * 1000000ULL, -1);
	if (ret)
		return pvtb_err_sys(err, ret, "migration");
	lseek(fileno(file), 0, SEEK_SET);
	r.fd = fileno(file);
	receive(&r);
	if (r.ret) {
		*err = r.err;
		return r.ret;
	}
	c->m->received = r.received;
	c->vm = r.vm;
	migration_add_up(c->m, &c->m->received);
	return migration_finish(c, c->vm, err);
}

struct other {
	struct migration_ctx c;
	int fd, other_fd;
};

static int child_main(void *opaque, void *shared)
{
	struct other *o = opaque;
	struct receiver r = {.c = &o->c, .fd = o->fd, .way_back = true};
	struct migration_measured *m = shared;

	close(o->other_fd);
	o->c.m = m;
	m->nr_vcpus = o->c.sc->nr_vcpus ?: 1;
	receive(&r);
	m->ret = r.ret;
	m->err = r.err;
	m->received = r.received;
	if (!m->ret)
		m->ret = migration_finish(&o->c, r.vm, &m->err);
	return 0;
}

/* The VM must not be there yet when the child is forked: the caller makes it afterwards. */
static int with_child(struct migration_ctx *c, struct pvtb_child *child, int fd,
		      struct pvtb_err *err)
{
	struct migration_measured *m = c->m, *theirs = pvtb_child_shared(child);
	int ret = migration_start(c, err), status = 0, r;

	if (!ret)
		ret = migration_send(c, fd, true, err);
	if (ret)
		shutdown(fd, SHUT_RDWR);
	else
		migration_leave(c, true);
	r = pvtb_child_wait(child, CHILD_MS, &status, ret ? NULL : err);
	if (!r && theirs->ret && (!ret || ret == -EREMOTEIO)) {
		*err = theirs->err;
		return theirs->ret;
	}
	ret = ret ?: r;
	if (ret)
		return ret;
	m->after = theirs->after;
	m->received = theirs->received;
	m->lpt_end = theirs->lpt_end;
	memcpy(m->samples, theirs->samples, sizeof(m->samples));
	memcpy(m->taken, theirs->taken, sizeof(m->taken));
	migration_add_up(m, &m->received);
	return 0;
}

static int to_process(struct migration_ctx *c, struct pvtb_err *err)
{
	struct other o = {.c = *c};
	struct pvtb_child *child = NULL;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return pvtb_err_sys(err, -errno, "socketpair");
	o.fd = fds[1];
	o.other_fd = fds[0];
	ret = pvtb_child_start(c->run->guardian, child_main, &o, sizeof(*c->m), &child, err);
	close(fds[1]);
	if (!ret)
		ret = with_child(c, child, fds[0], err);
	close(fds[0]);
	pvtb_child_free(child);
	return ret;
}

int migration_measure(const struct pvtb_migration_scenario *sc, struct pvtb_run *run,
		      struct migration_measured *m, struct pvtb_err *err)
{
	struct migration_ctx c;
	int ret;

	migration_ctx_init(&c, sc, run, m);
	switch (sc->way) {
	case PVTB_MIGRATION_HOSTS:
		ret = migration_to_host(&c, err);
		break;
	case PVTB_MIGRATION_PROCESS:
		ret = to_process(&c, err);
		break;
	default:
		ret = migration_start(&c, err);
		if (!ret)
			ret = sc->way == PVTB_MIGRATION_FILE ? by_file(&c, err) : here(&c, err);
	}
	pvtb_vm_free(c.vm);
	for (unsigned int i = 0; !ret && i < m->nr_vcpus; i++) {
		if (m->taken[i] > MIGRATION_SAMPLES)
			return pvtb_err_set(err, -ENOSPC, "migration",
					    "%llu samples, the ring holds %llu",
					    (unsigned long long)m->taken[i],
					    (unsigned long long)MIGRATION_SAMPLES);
		if (sc->timers)
			continue;
		migration_bound(&m->before, i, m->samples[i]);
		migration_bound(&m->away, i, m->samples[i]);
		migration_bound(&m->after, i, m->samples[i]);
	}
	return ret;
}
