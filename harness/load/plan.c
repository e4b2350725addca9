// SPDX-License-Identifier: GPL-2.0-only
/* Owns a plan's thread and the order of its steps and their undoing. */
#include "load/plan.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "load/wait.h"

struct pvtb_plan {
	const struct pvtb_plan_step *steps;
	size_t nr_steps;
	u64 end_ns;
	int cancel_fd;
	pthread_t thread;
	bool joined;
	/* the thread's until it is joined */
	int code;
	struct pvtb_err err;
	struct pvtb_plan_done done[];
};

static int wait_for(struct pvtb_plan *p, u64 until_ns, const char *what)
{
	int r = pvtb_load_wait_until(until_ns, p->cancel_fd);

	return r ? pvtb_err_sys(&p->err, r, "%s", what) : 0;
}

static void undo_all(struct pvtb_plan *p, size_t nr_done)
{
	while (nr_done-- > 0) {
		const struct pvtb_plan_step *s = &p->steps[nr_done];

		if (!s->undo)
			continue;
		p->done[nr_done].undo_begin_ns = pvtb_mono_ns();
		s->undo(s->opaque);
		p->done[nr_done].undo_end_ns = pvtb_mono_ns();
	}
}

static void *plan_main(void *opaque)
{
	struct pvtb_plan *p = opaque;
	u64 start_ns = pvtb_mono_ns();
	size_t i;
	int r = 0;

	for (i = 0; i < p->nr_steps; i++) {
		const struct pvtb_plan_step *s = &p->steps[i];

		r = wait_for(p, start_ns + s->at_ns, s->name);
		if (r)
			break;
		p->done[i].begin_ns = pvtb_mono_ns();
		r = s->act(s->opaque, &p->err);
		p->done[i].end_ns = pvtb_mono_ns();
		if (r)
			break;
	}
	if (!r)
		r = wait_for(p, start_ns + p->end_ns, "end of the plan");
	undo_all(p, i);
	p->code = r;
	return NULL;
}

static int check_steps(const struct pvtb_plan_step *steps, size_t n, struct pvtb_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!steps[i].act || !steps[i].name)
			return pvtb_err_set(err, -EINVAL, "plan", "step %zu has no name or act", i);
		if (i && steps[i].at_ns < steps[i - 1].at_ns)
			return pvtb_err_set(err, -EINVAL, steps[i].name,
					    "before the step before it");
	}
	return 0;
}

int pvtb_plan_start(const struct pvtb_plan_step *steps, size_t nr_steps, u64 end_ns,
		    struct pvtb_plan **ret, struct pvtb_err *err)
{
	struct pvtb_plan *p;
	sigset_t all, old;
	int r = check_steps(steps, nr_steps, err);

	if (r)
		return r;
	p = calloc(1, sizeof(*p) + nr_steps * sizeof(p->done[0]));
	if (!p)
		return pvtb_err_sys(err, -ENOMEM, "plan");
	p->steps = steps;
	p->nr_steps = nr_steps;
	p->end_ns = end_ns;
	p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->cancel_fd < 0) {
		r = pvtb_err_sys(err, -errno, "plan");
		free(p);
		return r;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&p->thread, NULL, plan_main, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		close(p->cancel_fd);
		free(p);
		return pvtb_err_sys(err, r, "plan");
	}
	*ret = p;
	return 0;
}

void pvtb_plan_cancel(struct pvtb_plan *p)
{
	static const u64 one = 1;

	if (write(p->cancel_fd, &one, sizeof(one)) < 0) {
		/* an eventfd that is full is readable already */
	}
}

int pvtb_plan_cancel_fd(const struct pvtb_plan *p)
{
	return p->cancel_fd;
}

int pvtb_plan_wait(struct pvtb_plan *p, struct pvtb_plan_done *ret_done, struct pvtb_err *err)
{
	if (!p->joined)
		pthread_join(p->thread, NULL);
	p->joined = true;
	if (ret_done)
		memcpy(ret_done, p->done, p->nr_steps * sizeof(p->done[0]));
	if (p->code && err)
		*err = p->err;
	return p->code;
}

void pvtb_plan_free(struct pvtb_plan *p)
{
	if (!p)
		return;
	if (!p->joined) {
		pvtb_plan_cancel(p);
		pthread_join(p->thread, NULL);
	}
	close(p->cancel_fd);
	free(p);
}

int pvtb_plan_end(struct pvtb_plan **plan, struct pvtb_err *err)
{
	int ret = 0;

	if (*plan) {
		pvtb_plan_cancel(*plan);
		ret = pvtb_plan_wait(*plan, NULL, err);
	}
	pvtb_plan_free(*plan);
	*plan = NULL;
	return ret == -ECANCELED ? 0 : ret;
}
