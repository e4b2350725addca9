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

#include "arch/counter.h"
#include "core/signals.h"
#include "load/child.h"
#include "load/wait.h"

#define PHASE_NS	   250000000ULL
#define PHASE_NS_EMULATED  400000000ULL
#define SAMPLE_HZ	   20000
#define SAMPLE_HZ_EMULATED 4000
#define STOP_MS		   10000
#define CHILD_MS	   60000

struct ctx {
	const struct pvtb_migration_scenario *sc;
	struct pvtb_run *run;
	struct migration_measured *m;
	struct pvtb_vm *vm;
	int cpus[PVTB_MIGRATION_MAX_VCPUS];
};

static u64 phase_ns(const struct ctx *c)
{
	return c->run->emulated ? PHASE_NS_EMULATED : PHASE_NS;
}

static bool has_lpt(const struct pvtb_migration_scenario *sc)
{
	return sc->lpt || sc->method == PVTB_MIG_BY_LPT;
}

/* Not the native one, so that there is something to scale. */
static u32 lpt_hz(const struct pvtb_run *run)
{
	return run->caps.counter_hz == 1000000000 ? 62500000 : 1000000000;
}

static int make_source(struct ctx *c, struct pvtb_err *err)
{
	const struct pvtb_migration_scenario *sc = c->sc;
	struct pvtb_vm_spec spec = {
		.nr_vcpus = c->m->nr_vcpus,
		.ring_bytes = MIGRATION_RING_BYTES,
		.steal = c->run->caps.steal,
		.pvclock = sc->kvmclock,
		.lpt = has_lpt(sc) ? PVTB_LPT_VMM : PVTB_LPT_NONE,
		.lpt_pv_hz = has_lpt(sc) ? lpt_hz(c->run) : 0,
		.cpus = c->cpus,
	};

	/* A guest that begins at 0, as a fresh machine does: younger than a second when it leaves. */
	if (sc->method != PVTB_MIG_BY_VALUE && c->run->caps.hw_assisted &&
	    (c->run->arch == PVTB_ARCH_X86_64 || c->run->caps.counter_offset)) {
		spec.offset_counter = true;
		spec.counter_offset = pvtb_arch_counter();
		if (c->run->arch == PVTB_ARCH_X86_64)
			spec.counter_offset = -spec.counter_offset;
	}
	return pvtb_vm_new(&spec, &c->vm, err);
}

static enum pvtb_level level(const struct pvtb_run *run)
{
	return run->caps.ring0_usable ? PVTB_LEVEL_KERNEL : PVTB_LEVEL_USER;
}

/* arm64: from PV_TIME_ST on the guest is told. */
static int ask_for_steal(struct ctx *c, unsigned int vcpu, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "hvc", .mode = PVTB_MODE_SINGLE, .count = 1, .args = {0xc5000021}};
	struct pvtb_cmd_result res;

	if (c->run->arch != PVTB_ARCH_ARM64 || !c->run->caps.steal)
		return 0;
	return pvtb_vm_exec(c->vm, vcpu, &cmd, 0, &res, err);
}

static int start_guest(struct ctx *c, struct pvtb_err *err)
{
	/* Many moves take long, and all of it is to fit into the ring. */
	u64 hz = (c->run->emulated ? SAMPLE_HZ_EMULATED : SAMPLE_HZ) / (c->sc->times > 1 ? 4 : 1);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < c->m->nr_vcpus; i++)
		ret = ask_for_steal(c, i, err);
	for (unsigned int i = 0; !ret && i < c->m->nr_vcpus; i++) {
		const struct pvtb_cmd cmd = {
			.op = "sample_time",
			.level = level(c->run),
			.mode = PVTB_MODE_LOOP,
			.period = c->run->host->counter_hz / hz,
			.args = {has_lpt(c->sc) ? PVTB_GPA_LPT : 0,
				 c->run->caps.steal ? PVTB_GPA_STEAL + 64ULL * i : 0,
				 c->sc->kvmclock ? PVTB_GPA_PVCLOCK + 64ULL * i : 0,
				 PVTB_GPA_SCRATCH + 4096ULL * i},
		};

		ret = pvtb_vm_start(c->vm, i, &cmd, err);
	}
	return ret;
}

static u64 taken(struct pvtb_vm *vm, unsigned int vcpu)
{
	const struct pvtb_ctl *ctl = pvtb_vm_gpa(vm, PVTB_GPA_CTL + vcpu * PVTB_CTL_BYTES);

	return __atomic_load_n(&ctl->taken, __ATOMIC_ACQUIRE);
}

/* ---- the other side ---- */

static void receive_opts(const struct ctx *c, struct pvtb_mig_receive_opts *ret)
{
	*ret = (struct pvtb_mig_receive_opts){
		.base = {.cpus = c->cpus},
		.delay_us = c->sc->delay_us,
	};
}

/* Watch it for a while, then end it and keep what it wrote. */
static int finish_guest(struct ctx *c, struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct migration_measured *m = c->m;
	int ret = 0;

	migration_watch(vm, m->nr_vcpus, phase_ns(c), &m->after);
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
	const struct ctx *c;
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

	receive_opts(r->c, &opts);
	r->ret = pvtb_mig_receive(r->fd, r->way_back, &opts, &r->vm, &r->received, &r->err);
	return NULL;
}

static int send_guest(struct ctx *c, int fd, bool way_back, struct pvtb_err *err)
{
	const struct pvtb_mig_send_opts opts = {
		.method = c->sc->method,
		.op = "sample_time",
		.level = level(c->run),
		.way_back = way_back,
		.kvmclock_real = c->sc->kvmclock_real,
	};

	return pvtb_mig_send(c->vm, fd, &opts, &c->m->sent, err);
}

/* The source's end of things, once the guest is gone. */
static void leave(struct ctx *c, bool first)
{
	for (unsigned int i = 0; first && i < c->m->nr_vcpus; i++)
		c->m->before.behind[i] = taken(c->vm, i);
	pvtb_vm_free(c->vm);
	c->vm = NULL;
}

static void add_up(struct migration_measured *m)
{
	const struct pvtb_mig_received *r = &m->received;
	u64 out_ns = r->same_boot ? r->run_raw_ns - r->clock.stopped_raw_ns : 0;

	m->times++;
	m->predicted_ns += r->predicted_ns;
	m->predicted_unc_ns += r->predicted_unc_ns;
	m->blackout_ns += out_ns;
	if (out_ns > m->longest_blackout_ns)
		m->longest_blackout_ns = out_ns;
}

/* ---- the ways ---- */

static int once_here(struct ctx *c, bool first, struct pvtb_err *err)
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
		ret = send_guest(c, fds[0], true, err);
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
	leave(c, first);
	c->vm = r.vm;
	add_up(c->m);
	return 0;
}

static int here(struct ctx *c, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < (c->sc->times ?: 1); i++)
		ret = once_here(c, !i, err);
	return ret ?: finish_guest(c, c->vm, err);
}

static int by_file(struct ctx *c, struct pvtb_err *err)
{
	struct receiver r = {.c = c};
	FILE *file PVTB_FCLOSE = tmpfile();
	int ret;

	if (!file)
		return pvtb_err_sys(err, -errno, "temporary file");
	ret = send_guest(c, fileno(file), false, err);
	if (ret)
		return ret;
	leave(c, true);
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
	add_up(c->m);
	return finish_guest(c, c->vm, err);
}

struct other {
	struct ctx c;
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
		m->ret = finish_guest(&o->c, r.vm, &m->err);
	return 0;
}

/* The VM must not be there yet when the child is forked: the caller makes it afterwards. */
static int with_child(struct ctx *c, struct pvtb_child *child, int fd, struct pvtb_err *err)
{
	struct migration_measured *m = c->m, *theirs = pvtb_child_shared(child);
	int ret = make_source(c, err), status = 0, r;

	if (!ret)
		ret = start_guest(c, err);
	if (!ret) {
		migration_watch(c->vm, m->nr_vcpus, phase_ns(c), &m->before);
		ret = send_guest(c, fd, true, err);
	}
	if (ret)
		shutdown(fd, SHUT_RDWR);
	else
		leave(c, true);
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
	memcpy(m->samples, theirs->samples, sizeof(m->samples));
	memcpy(m->taken, theirs->taken, sizeof(m->taken));
	add_up(m);
	return 0;
}

static int to_process(struct ctx *c, struct pvtb_err *err)
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
	struct ctx c = {.sc = sc, .run = run, .m = m};
	int ret;

	m->nr_vcpus = sc->nr_vcpus ?: 1;
	m->counter_hz = run->host->counter_hz;
	m->lpt_pv_hz = has_lpt(sc) ? lpt_hz(run) : 0;
	/* The first apart from the harness, which watches; the others where they find room. */
	for (unsigned int i = 0; i < PVTB_MIGRATION_MAX_VCPUS; i++)
		c.cpus[i] = i ? -1 : run->vcpu_cpu;
	if (sc->way == PVTB_MIGRATION_PROCESS) {
		ret = to_process(&c, err);
	} else {
		ret = make_source(&c, err);
		if (!ret)
			ret = start_guest(&c, err);
		if (!ret) {
			migration_watch(c.vm, m->nr_vcpus, phase_ns(&c), &m->before);
			ret = sc->way == PVTB_MIGRATION_FILE ? by_file(&c, err) : here(&c, err);
		}
	}
	pvtb_vm_free(c.vm);
	for (unsigned int i = 0; !ret && i < m->nr_vcpus; i++) {
		if (m->taken[i] > MIGRATION_SAMPLES)
			return pvtb_err_set(err, -ENOSPC, "migration",
					    "%llu samples, the ring holds %llu",
					    (unsigned long long)m->taken[i],
					    (unsigned long long)MIGRATION_SAMPLES);
		migration_bound(&m->before, i, m->samples[i]);
		migration_bound(&m->after, i, m->samples[i]);
	}
	return ret;
}
