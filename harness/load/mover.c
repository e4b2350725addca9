// SPDX-License-Identifier: GPL-2.0-only
/* Owns the mover's thread. */
#include "load/mover.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "load/wait.h"

struct pvtb_mover {
	struct pvtb_mover_spec spec;
	struct pvtb_cpus before;
	pthread_t thread;
	int cancel_fd;
	/* the thread's until it is joined */
	u64 moves;
	int code;
	struct pvtb_err err;
};

static int move_once(struct pvtb_mover *m)
{
	int r = pvtb_task_pin(m->spec.tid, m->spec.cpus[m->moves % m->spec.nr_cpus], &m->err);

	if (!r)
		m->moves++;
	return r;
}

static void *mover_main(void *opaque)
{
	struct pvtb_mover *m = opaque;
	u64 next_ns = pvtb_mono_ns();
	int r = 0;

	while (!r) {
		u64 now_ns = pvtb_mono_ns();

		next_ns += m->spec.period_ns;
		/* moves missed while the mover itself waited are not made up for */
		if (next_ns < now_ns)
			next_ns = now_ns;
		r = pvtb_load_wait_until(next_ns, m->cancel_fd);
		if (!r)
			r = move_once(m);
	}
	/* interrupted and cancelled are ends like any other */
	if (r != -ECANCELED && r != -EINTR && r != -ESRCH)
		m->code = r;
	return NULL;
}

static int launch(struct pvtb_mover *m, struct pvtb_err *err)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&m->thread, NULL, mover_main, m);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? pvtb_err_sys(err, r, "mover thread") : 0;
}

int pvtb_mover_start(const struct pvtb_mover_spec *spec, struct pvtb_mover **ret,
		     struct pvtb_err *err)
{
	struct pvtb_mover *m;
	int r;

	if (spec->nr_cpus < 2 || spec->nr_cpus > PVTB_MOVER_MAX_CPUS || spec->period_ns < 100000)
		return pvtb_err_set(err, -EINVAL, "mover", "2 to %d CPUs, 100 us or more",
				    PVTB_MOVER_MAX_CPUS);
	m = calloc(1, sizeof(*m));
	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "mover");
	m->spec = *spec;
	m->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->cancel_fd < 0) {
		r = pvtb_err_sys(err, -errno, "mover");
		goto free;
	}
	r = pvtb_task_cpus_get(spec->tid, &m->before, err);
	if (r)
		goto close;
	r = move_once(m);
	if (r && err)
		*err = m->err;
	if (!r)
		r = launch(m, err);
	if (r)
		goto restore;
	*ret = m;
	return 0;

restore:
	if (pvtb_task_cpus_set(spec->tid, &m->before, NULL)) {
		/* gone: nothing to restore */
	}
close:
	close(m->cancel_fd);
free:
	free(m);
	return r;
}

int pvtb_mover_stop(struct pvtb_mover *m, u64 *ret_moves, struct pvtb_err *err)
{
	static const u64 one = 1;
	int r, restored;

	if (!m)
		return 0;
	if (write(m->cancel_fd, &one, sizeof(one)) < 0)
		return pvtb_err_sys(err, -errno, "mover");
	pthread_join(m->thread, NULL);
	r = m->code;
	if (r && err)
		*err = m->err;
	restored = pvtb_task_cpus_set(m->spec.tid, &m->before, r ? NULL : err);
	if (!r && restored != -ESRCH)
		r = restored;
	if (ret_moves)
		*ret_moves = m->moves;
	close(m->cancel_fd);
	free(m);
	return r;
}
