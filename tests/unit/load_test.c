// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each way of losing time, by its effect on a spinning thread, and that nothing is left behind: not
 * after an orderly end, not after SIGKILL. What this host lacks is skipped with its reason. Shares
 * of time are compared with each other and with wide margins, because the machine has other things
 * to do as well, and a window lasts until there is something to compare.
 *
 * alone: shares of CPU time are compared
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/guardian.h"
#include "load/cgroup.h"
#include "load/child.h"
#include "load/hog.h"
#include "load/mover.h"
#include "load/plan.h"
#include "load/stop.h"
#include "load/task.h"
#include "load/wait.h"

#define MS_NS	   1000000ULL
#define WINDOW_MS  400
/* Beside other work, or nice, a window is repeated until these threads have run so long together. */
#define ENOUGH_MS  100
#define LONGEST_MS 15000

/* ---- the thread that is made to lose time ---- */

struct spinner {
	bool running;
	pthread_t thread;
	pid_t tid;
	int stop;
	u64 count;
	u64 cpus_seen; /* bitmap */
};

/* Not on a test's stack: a test that fails leaves it, and its spinners go on until the teardown. */
static struct spinner spinners[4];

static void *spin(void *opaque)
{
	struct spinner *s = opaque;

	__atomic_store_n(&s->tid, pvtb_task_self(), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		__atomic_fetch_add(&s->count, 1, __ATOMIC_RELAXED);
		__atomic_fetch_or(&s->cpus_seen, 1ULL << (sched_getcpu() & 63), __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The last CPU allowed, so that on most machines it is not CPU 0. */
static int last_cpu(void)
{
	struct pvtb_cpus cpus;
	int last = 0;

	assert_int_equal(pvtb_cpus_allowed(&cpus, NULL), 0);
	for (int c = 0; c < 64; c++) {
		if (pvtb_cpus_has(&cpus, (unsigned int)c))
			last = c;
	}
	return last;
}

static int first_cpu(void)
{
	struct pvtb_cpus cpus;
	int c = 0;

	assert_int_equal(pvtb_cpus_allowed(&cpus, NULL), 0);
	while (!pvtb_cpus_has(&cpus, (unsigned int)c))
		c++;
	return c;
}

static struct spinner *spinner_start(int cpu)
{
	struct spinner *s = spinners;
	struct pvtb_err err;

	while (s->running)
		assert_true(++s < spinners + PVTB_ARRAY_SIZE(spinners));
	memset(s, 0, sizeof(*s));
	assert_int_equal(pthread_create(&s->thread, NULL, spin, s), 0);
	s->running = true;
	while (!__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE))
		usleep(100);
	if (cpu >= 0)
		assert_int_equal(pvtb_task_pin(s->tid, cpu, &err), 0);
	return s;
}

static void spinner_stop(struct spinner *s)
{
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	pthread_join(s->thread, NULL);
	s->running = false;
}

static u64 count_of(u64 *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* Comes to pass within ten seconds? */
#define EVENTUALLY(cond)                                                                           \
	({                                                                                         \
		int tries = 2000;                                                                  \
		while (!(cond) && --tries)                                                         \
			usleep(5000);                                                              \
		tries > 0;                                                                         \
	})

struct share {
	u64 wall_ns, run_ns, delay_ns;
	u64 others_ns; /* had by those it is compared with */
};

static struct pvtb_task_times times_of(pid_t tid)
{
	struct pvtb_task_times t = {0};
	struct pvtb_err err;
	int r = pvtb_task_times(tid, &t, &err);

	if (r == -EOPNOTSUPP) {
		print_message("%s: %s\n", err.what, err.why);
		skip();
	}
	assert_int_equal(r, 0);
	return t;
}

static void window(void)
{
	assert_int_equal(pvtb_load_wait_until(pvtb_mono_ns() + WINDOW_MS * MS_NS, -1), 0);
}

/*
 * What the thread had, and what @others had meanwhile. A wait is counted when it ends, so it lasts until
 * most of the time is accounted for, and until there is enough running time to share.
 */
static struct share share_of(pid_t tid, const pid_t *others, unsigned int nr_others)
{
	struct pvtb_task_times a = times_of(tid), b;
	u64 begin_ns = pvtb_mono_ns(), others_begin_ns = 0;
	struct share ret;

	for (unsigned int i = 0; i < nr_others; i++)
		others_begin_ns += times_of(others[i]).run_ns;
	do {
		window();
		b = times_of(tid);
		ret = (struct share){
			.wall_ns = pvtb_mono_ns() - begin_ns,
			.run_ns = b.run_ns - a.run_ns,
			.delay_ns = b.delay_ns - a.delay_ns,
		};
		for (unsigned int i = 0; i < nr_others; i++)
			ret.others_ns += times_of(others[i]).run_ns;
		ret.others_ns -= others_begin_ns;
	} while (ret.wall_ns < LONGEST_MS * MS_NS &&
		 (ret.run_ns + ret.delay_ns < ret.wall_ns / 10 * 8 ||
		  (nr_others && ret.run_ns + ret.others_ns < ENOUGH_MS * MS_NS)));
	return ret;
}

static unsigned int percent(u64 part, u64 whole)
{
	return whole ? (unsigned int)(part * 100 / whole) : 0;
}

/* The spinner's part of what it and the others had together: the rest of the machine does not count. */
static unsigned int against(pid_t spinner, const pid_t *others, unsigned int nr)
{
	struct share got = share_of(spinner, others, nr);

	return percent(got.run_ns, got.run_ns + got.others_ns);
}

static void skip_or_fail(int r, const struct pvtb_err *err)
{
	if (!r)
		return;
	print_message("%s: %s\n", err->what, err->why);
	assert_int_equal(r, -EOPNOTSUPP);
	skip();
}

static bool thread_exists(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)tid);
	return !access(path, F_OK);
}

/* Gone, or dead and not yet reaped by whoever inherited it. */
static char state_of(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return 'X';
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state;
}

static bool is_gone(pid_t pid)
{
	return strchr("ZX", state_of(pid)) != NULL;
}

/* ---- hogs ---- */

/* Of this test; what it leaves is ended by the teardown. */
static struct pvtb_hogs *running;

static struct pvtb_hogs *hogs(const struct pvtb_hog_spec *spec)
{
	struct pvtb_err err;

	skip_or_fail(pvtb_hogs_start(spec, NULL, &running, &err), &err);
	return running;
}

static void hogs_end(struct pvtb_hogs *h)
{
	assert_ptr_equal(h, running);
	assert_int_equal(pvtb_hogs_stop(h, NULL), 0);
	running = NULL;
}

/* A spinner that is frozen or starved is left alone: the process ends anyway. */
static int end_all(void **state)
{
	pvtb_hogs_stop(running, NULL);
	running = NULL;
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(spinners); i++) {
		struct timespec until;

		if (!spinners[i].running)
			continue;
		__atomic_store_n(&spinners[i].stop, 1, __ATOMIC_RELEASE);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 5;
		spinners[i].running = pthread_timedjoin_np(spinners[i].thread, NULL, &until) != 0;
	}
	return 0;
}

static void overcommit(enum pvtb_hog_kind kind)
{
	struct pvtb_hog_spec spec = {.kind = kind, .cpu = last_cpu()};
	struct pvtb_hogs *h = hogs(&spec);
	struct spinner *s;
	char path[64], name[32] = "";
	unsigned int p;
	pid_t tid = pvtb_hogs_tid(h, 0);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)tid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(name, sizeof(name), f));
	fclose(f);
	assert_string_equal(name, PVTB_HOG_NAME "\n");
	assert_int_equal(tid == getpid(), 0);

	s = spinner_start(spec.cpu);
	p = against(s->tid, &tid, 1);
	print_message("one against one: %u %%\n", p);
	assert_in_range(p, 25, 75);
	hogs_end(h);
	assert_true(EVENTUALLY(!thread_exists(tid)));
	spinner_stop(s);
}

static void threads_take_half(void **state)
{
	overcommit(PVTB_HOG_THREADS);
}

static void processes_take_half(void **state)
{
	overcommit(PVTB_HOG_PROCESSES);
}

static void four_to_one(void **state)
{
	struct pvtb_hog_spec spec = {.count = 3, .cpu = last_cpu()};
	struct pvtb_hogs *h = hogs(&spec);
	struct spinner *s;
	struct share got;
	pid_t tids[3];

	assert_int_equal(pvtb_hogs_count(h), 3);
	s = spinner_start(spec.cpu);
	for (unsigned int i = 0; i < 3; i++)
		tids[i] = pvtb_hogs_tid(h, i);
	got = share_of(s->tid, tids, 3);
	print_message("one against three: ran %u %% of what they had, waited %u %%\n",
		      percent(got.run_ns, got.run_ns + got.others_ns),
		      percent(got.delay_ns, got.wall_ns));
	assert_in_range(percent(got.run_ns, got.run_ns + got.others_ns), 5, 45);
	assert_in_range(percent(got.delay_ns, got.wall_ns), 55, 110);
	hogs_end(h);
	spinner_stop(s);
}

static void nice_is_polite(void **state)
{
	/* as the test's own nice is added, this is 0; less than its own is a privilege */
	struct pvtb_hog_spec spec = {
		.cpu = last_cpu(),
		.sched.nice = -getpriority(PRIO_PROCESS, 0),
	};
	struct pvtb_hogs *h = hogs(&spec);
	struct pvtb_task_sched nice19 = {.policy = PVTB_POLICY_OTHER, .nice = 19}, now;
	struct pvtb_task_saved saved;
	struct pvtb_err err;
	struct spinner *s;
	unsigned int p;
	pid_t hog;

	s = spinner_start(spec.cpu);
	assert_int_equal(pvtb_task_save(s->tid, &saved, &err), 0);
	assert_int_equal(pvtb_task_sched_set(s->tid, &nice19, &err), 0);
	hog = pvtb_hogs_tid(h, 0);
	p = against(s->tid, &hog, 1);
	print_message("nice 19 against nice 0: %u %%\n", p);
	assert_in_range(p, 0, 20);
	hogs_end(h);
	skip_or_fail(pvtb_task_restore(&saved, &err), &err); /* less nice again: a privilege */
	assert_int_equal(pvtb_task_sched_get(s->tid, &now, &err), 0);
	assert_int_equal(now.nice, saved.sched.nice);
	spinner_stop(s);
}

static void fifo_hog(void **state)
{
	struct pvtb_hog_spec spec = {
		.cpu = last_cpu(),
		.sched = {.policy = PVTB_POLICY_FIFO, .priority = 10},
		.max_ns = 20 * PVTB_NSEC_PER_SEC,
	};
	struct pvtb_hogs *h = hogs(&spec);
	struct spinner *s;
	struct share got;

	s = spinner_start(spec.cpu);
	got = share_of(s->tid, NULL, 0);
	hogs_end(h);
	print_message("below SCHED_FIFO: ran %u %%, waited %u %%\n",
		      percent(got.run_ns, got.wall_ns), percent(got.delay_ns, got.wall_ns));
	assert_in_range(percent(got.run_ns, got.wall_ns), 0, 45);
	assert_in_range(percent(got.delay_ns, got.wall_ns), 50, 110);
	spinner_stop(s);
}

static void fifo_thread_wins(void **state)
{
	struct pvtb_hog_spec spec = {.count = 2, .cpu = last_cpu()};
	struct pvtb_task_sched fifo = {.policy = PVTB_POLICY_FIFO, .priority = 1};
	struct pvtb_task_saved saved;
	struct pvtb_hogs *h;
	struct pvtb_err err;
	struct spinner *s;
	unsigned int p;
	pid_t hog;
	int r;

	s = spinner_start(spec.cpu);
	assert_int_equal(pvtb_task_save(s->tid, &saved, &err), 0);
	r = pvtb_task_sched_set(s->tid, &fifo, &err);
	if (r)
		spinner_stop(s);
	skip_or_fail(r, &err);
	/* the hogs start on this CPU with what real-time threads leave to others */
	h = hogs(&spec);
	hog = pvtb_hogs_tid(h, 0);
	p = against(s->tid, &hog, 1);
	assert_int_equal(pvtb_task_restore(&saved, &err), 0);
	print_message("SCHED_FIFO against two: %u %%\n", p);
	assert_in_range(p, 80, 100);
	hogs_end(h);
	spinner_stop(s);
}

static void deadline_hogs(void **state)
{
	struct pvtb_hog_spec spec = {
		.cpu = -1,
		.sched = {.policy = PVTB_POLICY_DEADLINE,
			  .runtime_ns = 10 * MS_NS,
			  .deadline_ns = 20 * MS_NS,
			  .period_ns = 20 * MS_NS},
	};
	struct pvtb_hogs *h = hogs(&spec);
	struct spinner *s;
	struct share got;

	s = spinner_start(last_cpu());
	got = share_of(s->tid, NULL, 0);
	hogs_end(h);
	print_message("below SCHED_DEADLINE 10/20 ms: ran %u %%\n",
		      percent(got.run_ns, got.wall_ns));
	assert_in_range(percent(got.run_ns, got.wall_ns), 0, 80);
	assert_in_range(percent(got.delay_ns, got.wall_ns), 20, 110);
	spinner_stop(s);
}

static void hogs_end_by_themselves(void **state)
{
	for (int kind = PVTB_HOG_THREADS; kind <= PVTB_HOG_PROCESSES; kind++) {
		struct pvtb_hog_spec spec = {
			.kind = (enum pvtb_hog_kind)kind, .cpu = -1, .max_ns = 20 * MS_NS};
		struct pvtb_hogs *h = hogs(&spec);

		assert_true(EVENTUALLY(is_gone(pvtb_hogs_tid(h, 0))));
		hogs_end(h);
	}
}

static void bad_hogs_are_refused(void **state)
{
	struct pvtb_hog_spec greedy = {
		.cpu = 0,
		.count = 2,
		.duty_percent = 50,
		.sched = {.policy = PVTB_POLICY_FIFO, .priority = 1},
	};
	struct pvtb_hog_spec pinned = {.cpu = 0, .sched = {.policy = PVTB_POLICY_DEADLINE}};
	struct pvtb_hog_spec nowhere = {.cpu = PVTB_MAX_CPUS - 1};
	struct pvtb_hogs *h = NULL;
	struct pvtb_err err;

	assert_int_equal(pvtb_hogs_start(&greedy, NULL, &h, &err), -EINVAL);
	assert_int_equal(pvtb_hogs_start(&pinned, NULL, &h, &err), -EOPNOTSUPP);
	for (int kind = PVTB_HOG_THREADS; kind <= PVTB_HOG_PROCESSES; kind++) {
		nowhere.kind = (enum pvtb_hog_kind)kind;
		assert_int_equal(pvtb_hogs_start(&nowhere, NULL, &h, &err), -EINVAL);
	}
	assert_null(h);
}

/* ---- control groups ---- */

struct group {
	struct pvtb_cgroup_host host;
	char switches[256]; /* v2: controllers switched on at the top */
	struct pvtb_guardian *g;
	struct pvtb_cgroup_domain *domain;
	struct pvtb_cgroup *cg;
};

static void read_switches(const struct pvtb_cgroup_host *host, char *ret, size_t size)
{
	char path[512];
	size_t n = 0;
	FILE *f;

	ret[0] = '\0';
	for (int c = 0; c < PVTB_CGROUP_NR; c++) {
		if (host->ctl[c].version != 2)
			continue;
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", host->ctl[c].mount);
		f = fopen(path, "r");
		assert_non_null(f);
		n = fread(ret, 1, size - 1, f);
		ret[n] = '\0';
		fclose(f);
	}
}

static void group_open(struct group *gr, int version, unsigned int ctls)
{
	struct pvtb_err err;
	int r;

	memset(gr, 0, sizeof(*gr));
	assert_int_equal(pvtb_cgroup_probe(version, &gr->host, &err), 0);
	read_switches(&gr->host, gr->switches, sizeof(gr->switches));
	assert_int_equal(pvtb_guardian_start(&gr->g, &err), 0);
	r = pvtb_cgroup_domain_new(&gr->host, ctls, gr->g, &gr->domain, &err);
	if (!r) {
		r = pvtb_cgroup_new(gr->domain, &gr->cg, &err);
		if (r)
			pvtb_cgroup_domain_free(gr->domain, NULL);
	}
	if (r)
		pvtb_guardian_stop(gr->g);
	skip_or_fail(r, &err);
}

/* Nothing is left to the guardian, and the directories are gone. */
static void group_close(struct group *gr)
{
	struct pvtb_err err = {0};
	char paths[PVTB_CGROUP_NR][512] = {{0}}, switches[256];

	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		if (gr->cg && pvtb_cgroup_path(gr->cg, c))
			snprintf(paths[c], sizeof(paths[c]), "%s", pvtb_cgroup_path(gr->cg, c));
	}
	if (pvtb_cgroup_free(gr->cg, &err))
		fail_msg("%s: %s", err.what, err.why);
	if (pvtb_cgroup_domain_free(gr->domain, &err))
		fail_msg("%s: %s", err.what, err.why);
	assert_int_equal(pvtb_guardian_stop(gr->g), 0);
	read_switches(&gr->host, switches, sizeof(switches));
	assert_string_equal(switches, gr->switches);
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++)
		assert_true(!paths[c][0] || access(paths[c], F_OK));
}

static void must(int r, const struct pvtb_err *err)
{
	if (r)
		fail_msg("%s: %s", err->what, err->why);
}

static void quota_limits(void **state)
{
	/* less than a busy machine leaves it */
	static const unsigned int quotas_percent[] = {5, 10};
	struct pvtb_cgroup_throttled t;
	struct pvtb_err err;
	struct spinner *s;
	struct group gr;

	group_open(&gr, 0, PVTB_CGROUP_BIT(PVTB_CGROUP_CPU));
	s = spinner_start(last_cpu());
	must(pvtb_cgroup_attach(gr.cg, s->tid, &err), &err);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(quotas_percent); i++) {
		unsigned int q = quotas_percent[i], p;
		struct share got;

		must(pvtb_cgroup_set_quota(gr.cg, 20000 * q / 100, 20000, &err), &err);
		got = share_of(s->tid, NULL, 0);
		p = percent(got.run_ns, got.wall_ns);
		print_message("quota %u %%: ran %u %%, waited %u %%\n", q, p,
			      percent(got.delay_ns, got.wall_ns));
		assert_in_range(p, q / 3, q * 9 / 5);
	}
	must(pvtb_cgroup_throttled(gr.cg, &t, &err), &err);
	assert_true(t.throttled_ns > 0 && t.throttled_periods > 0 && t.periods > 0);
	must(pvtb_cgroup_set_quota(gr.cg, 0, 0, &err), &err);
	must(pvtb_cgroup_detach(gr.cg, s->tid, &err), &err);
	assert_int_equal(pvtb_cgroup_detach(gr.cg, s->tid, &err), -ENOENT);
	group_close(&gr);
	spinner_stop(s);
}

static void weights_share(void **state)
{
	struct pvtb_cgroup *heavy = NULL;
	struct spinner *light_s, *heavy_s;
	struct pvtb_err err;
	struct group gr;
	unsigned int p;

	group_open(&gr, 0, PVTB_CGROUP_BIT(PVTB_CGROUP_CPU));
	must(pvtb_cgroup_new(gr.domain, &heavy, &err), &err);
	light_s = spinner_start(last_cpu());
	heavy_s = spinner_start(last_cpu());
	must(pvtb_cgroup_set_weight(gr.cg, 100, &err), &err);
	must(pvtb_cgroup_set_weight(heavy, 400, &err), &err);
	must(pvtb_cgroup_attach(gr.cg, light_s->tid, &err), &err);
	must(pvtb_cgroup_attach(heavy, heavy_s->tid, &err), &err);
	p = against(light_s->tid, &heavy_s->tid, 1);
	print_message("weight 100 against 400: %u %%\n", p);
	assert_in_range(p, 5, 38);
	/* from one group to the other and back */
	must(pvtb_cgroup_attach(heavy, light_s->tid, &err), &err);
	must(pvtb_cgroup_detach(heavy, light_s->tid, &err), &err);
	spinner_stop(heavy_s); /* ends while attached */
	must(pvtb_cgroup_free(heavy, &err), &err);
	group_close(&gr);
	spinner_stop(light_s);
}

static void cpuset_is_taken_away(void **state)
{
	int first = first_cpu(), last = last_cpu();
	struct pvtb_cpus before, after;
	struct pvtb_err err;
	struct spinner *s;
	struct group gr;
	char list[32];

	if (first == last) {
		print_message("one CPU\n");
		skip();
	}
	group_open(&gr, 0, PVTB_CGROUP_BIT(PVTB_CGROUP_CPUSET));
	s = spinner_start(last);
	assert_int_equal(pvtb_task_cpus_get(s->tid, &before, &err), 0);
	must(pvtb_cgroup_attach(gr.cg, s->tid, &err), &err);
	snprintf(list, sizeof(list), "%d", first);
	__atomic_store_n(&s->cpus_seen, 0, __ATOMIC_RELAXED);
	must(pvtb_cgroup_set_cpus(gr.cg, list, &err), &err);
	assert_true(EVENTUALLY(count_of(&s->cpus_seen) >> first & 1));
	snprintf(list, sizeof(list), "%d,%d", first, last);
	must(pvtb_cgroup_set_cpus(gr.cg, list, &err), &err);
	group_close(&gr);
	/* as it was: on its CPU again, that one alone */
	assert_int_equal(pvtb_task_cpus_get(s->tid, &after, &err), 0);
	assert_memory_equal(&after, &before, sizeof(after));
	spinner_stop(s);
}

static void freezer_stops(int version)
{
	struct pvtb_err err;
	struct spinner *s;
	struct group gr;
	u64 count;

	group_open(&gr, version, PVTB_CGROUP_BIT(PVTB_CGROUP_FREEZER));
	s = spinner_start(-1);
	must(pvtb_cgroup_attach(gr.cg, s->tid, &err), &err);
	for (int i = 0; i < 3; i++) {
		must(pvtb_cgroup_freeze(gr.cg, &err), &err);
		count = count_of(&s->count);
		usleep(30000);
		assert_int_equal(count_of(&s->count), count);
		must(pvtb_cgroup_thaw(gr.cg, &err), &err);
		assert_true(EVENTUALLY(count_of(&s->count) > count));
	}
	/* freed while frozen: thawed */
	must(pvtb_cgroup_freeze(gr.cg, &err), &err);
	count = count_of(&s->count);
	group_close(&gr);
	assert_true(EVENTUALLY(count_of(&s->count) > count));
	spinner_stop(s);
}

static void v1_freezer(void **state)
{
	freezer_stops(1);
}

static void v2_freezer(void **state)
{
	freezer_stops(2);
}

static void all_controllers_at_once(void **state)
{
	struct pvtb_err err;
	struct spinner *s;
	struct group gr;

	group_open(&gr, 0, (1U << PVTB_CGROUP_NR) - 1);
	s = spinner_start(-1);
	must(pvtb_cgroup_attach(gr.cg, s->tid, &err), &err);
	must(pvtb_cgroup_set_quota(gr.cg, 10000, 20000, &err), &err);
	must(pvtb_cgroup_freeze(gr.cg, &err), &err);
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++)
		assert_true(pvtb_cgroup_id(gr.cg, c) != 0);
	group_close(&gr);
	spinner_stop(s);
}

static void missing_controller_is_said(void **state)
{
	struct pvtb_cgroup_host host = {.ctl = {{.why = "not in this test"}}};
	struct pvtb_cgroup_domain *d = NULL;
	struct pvtb_err err;

	assert_int_equal(
		pvtb_cgroup_domain_new(&host, PVTB_CGROUP_BIT(PVTB_CGROUP_CPU), NULL, &d, &err),
		-EOPNOTSUPP);
	assert_string_equal(err.what, "cpu");
	assert_string_equal(err.why, "not in this test");
	assert_null(d);
}

/* ---- mover, SIGSTOP, child ---- */

static void mover_moves(void **state)
{
	struct pvtb_mover_spec spec = {.nr_cpus = 2, .period_ns = 2 * MS_NS};
	struct pvtb_cpus before, after;
	struct pvtb_mover *m = NULL;
	struct pvtb_err err;
	struct spinner *s;
	u64 moves = 0, both;

	spec.cpus[0] = first_cpu();
	spec.cpus[1] = last_cpu();
	if (spec.cpus[0] == spec.cpus[1]) {
		print_message("one CPU\n");
		skip();
	}
	both = 1ULL << spec.cpus[0] | 1ULL << spec.cpus[1];
	s = spinner_start(-1);
	spec.tid = s->tid;
	assert_int_equal(pvtb_task_cpus_get(s->tid, &before, &err), 0);
	for (int round = 0; round < 2; round++) {
		__atomic_store_n(&s->cpus_seen, 0, __ATOMIC_RELAXED);
		assert_int_equal(pvtb_mover_start(&spec, &m, &err), 0);
		assert_true(EVENTUALLY((count_of(&s->cpus_seen) & both) == both));
		assert_int_equal(pvtb_mover_stop(m, &moves, &err), 0);
		assert_true(moves >= 1);
		assert_int_equal(pvtb_task_cpus_get(s->tid, &after, &err), 0);
		assert_memory_equal(&after, &before, sizeof(after));
	}
	/* the thread ends under the mover */
	assert_int_equal(pvtb_mover_start(&spec, &m, &err), 0);
	spinner_stop(s);
	assert_int_equal(pvtb_mover_stop(m, NULL, &err), 0);
	assert_int_equal(pvtb_mover_start(&spec, &m, &err), -ESRCH);
}

static int count_up(void *opaque, void *shared)
{
	u64 *count = shared;

	for (;;)
		__atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
	return 0;
}

static int return_it(void *opaque, void *shared)
{
	*(int *)shared = *(int *)opaque;
	return *(int *)opaque;
}

static void child_answers(void **state)
{
	struct pvtb_child *c = NULL;
	struct pvtb_err err;
	int status = -1, wanted = 42;

	assert_int_equal(pvtb_child_start(NULL, return_it, &wanted, sizeof(int), &c, &err), 0);
	assert_int_equal(pvtb_child_wait(c, 10000, &status, &err), 0);
	assert_int_equal(status, 42);
	assert_int_equal(*(int *)pvtb_child_shared(c), 42);
	pvtb_child_free(c);

	assert_int_equal(pvtb_child_start(NULL, count_up, NULL, sizeof(u64), &c, &err), 0);
	assert_int_equal(pvtb_child_wait(c, 20, &status, &err), -ETIMEDOUT);
	kill(pvtb_child_pid(c), SIGKILL);
	assert_int_equal(pvtb_child_wait(c, 10000, &status, &err), -EPIPE);
	pvtb_child_free(c);
}

static void process_is_stopped(void **state)
{
	struct pvtb_guardian *g = NULL;
	struct pvtb_stopped *stopped = NULL;
	struct pvtb_child *c = NULL;
	struct pvtb_err err;
	u64 *count, before;

	assert_int_equal(pvtb_guardian_start(&g, &err), 0);
	assert_int_equal(pvtb_child_start(g, count_up, NULL, sizeof(u64), &c, &err), 0);
	count = pvtb_child_shared(c);
	assert_true(EVENTUALLY(count_of(count) > 0));
	must(pvtb_process_stop(pvtb_child_pid(c), g, &stopped, &err), &err);
	before = count_of(count);
	usleep(30000);
	assert_int_equal(count_of(count), before);
	must(pvtb_process_continue(stopped, &err), &err);
	assert_true(EVENTUALLY(count_of(count) > before));

	must(pvtb_load_stop_process(pvtb_child_pid(c), 10, g, -1, &err), &err);
	before = count_of(count);
	assert_true(EVENTUALLY(count_of(count) > before));
	assert_int_equal(pvtb_load_stop_process(getpid(), 10, g, -1, &err), -EINVAL);
	pvtb_child_free(c);
	assert_int_equal(pvtb_guardian_stop(g), 0);
}

/* ---- plan ---- */

struct trace {
	char text[64];
};

struct mark {
	struct trace *trace;
	char act, undo;
	int result;
};

static int mark_act(void *opaque, struct pvtb_err *err)
{
	struct mark *m = opaque;

	strncat(m->trace->text, &m->act, 1);
	return m->result ? pvtb_err_set(err, m->result, "step", "failed on purpose") : 0;
}

static void mark_undo(void *opaque)
{
	struct mark *m = opaque;

	strncat(m->trace->text, &m->undo, 1);
}

static void plan_in_order(void **state)
{
	struct trace trace = {""};
	struct mark m[] = {{&trace, 'a', 'A', 0}, {&trace, 'b', 'B', 0}, {&trace, 'c', 'C', 0}};
	struct pvtb_plan_step steps[] = {
		{.at_ns = 0, .name = "a", .act = mark_act, .undo = mark_undo, .opaque = &m[0]},
		{.at_ns = 1 * MS_NS, .name = "b", .act = mark_act, .opaque = &m[1]},
		{.at_ns = 2 * MS_NS,
		 .name = "c",
		 .act = mark_act,
		 .undo = mark_undo,
		 .opaque = &m[2]},
	};
	struct pvtb_plan_done done[3];
	struct pvtb_plan *p = NULL;
	struct pvtb_err err;

	assert_int_equal(pvtb_plan_start(steps, 3, 5 * MS_NS, &p, &err), 0);
	assert_int_equal(pvtb_plan_wait(p, done, &err), 0);
	pvtb_plan_free(p);
	assert_string_equal(trace.text, "abcCA");
	/* never early */
	assert_true(done[1].begin_ns >= done[0].begin_ns && done[2].begin_ns >= done[1].end_ns);
	assert_true(done[2].undo_begin_ns >= done[2].end_ns);
	assert_int_equal(done[1].undo_begin_ns, 0);

	/* a step fails: what was done before it is undone, it is not */
	trace.text[0] = '\0';
	m[1].result = -ENOSPC;
	assert_int_equal(pvtb_plan_start(steps, 3, 5 * MS_NS, &p, &err), 0);
	assert_int_equal(pvtb_plan_wait(p, NULL, &err), -ENOSPC);
	assert_string_equal(err.why, "failed on purpose");
	pvtb_plan_free(p);
	assert_string_equal(trace.text, "abA");

	/* cancelled long before its last step */
	trace.text[0] = '\0';
	m[1].result = 0;
	steps[2].at_ns = 3600 * PVTB_NSEC_PER_SEC;
	assert_int_equal(pvtb_plan_start(steps, 3, 0, &p, &err), 0);
	usleep(20000);
	pvtb_plan_cancel(p);
	assert_int_equal(pvtb_plan_wait(p, NULL, &err), -ECANCELED);
	pvtb_plan_free(p);
	assert_true(!trace.text[0] || !strcmp(trace.text, "aA") || !strcmp(trace.text, "abA"));

	steps[1].at_ns = 4000 * PVTB_NSEC_PER_SEC;
	assert_int_equal(pvtb_plan_start(steps, 3, 0, &p, &err), -EINVAL);
}

/* ---- SIGKILL ---- */

struct left {
	bool ready;
	pid_t guardian, hog, child;
	char paths[PVTB_CGROUP_NR][512];
	struct pvtb_err err; /* why it gave up */
};

/* Everything that one can do to a host, all at once, then wait for the end. */
static void victim(struct left *left, pid_t target)
{
	struct pvtb_hog_spec spec = {.kind = PVTB_HOG_PROCESSES, .cpu = -1};
	struct pvtb_cgroup_domain *d;
	struct pvtb_stopped *stopped;
	struct pvtb_cgroup_host host;
	struct pvtb_guardian *g;
	struct pvtb_child *child;
	struct pvtb_cgroup *cg;
	struct pvtb_hogs *h;
	struct spinner *s;
	unsigned int ctls = 0;

	if (pvtb_guardian_start(&g, &left->err) ||
	    pvtb_child_start(g, count_up, NULL, sizeof(u64), &child, &left->err) ||
	    pvtb_hogs_start(&spec, g, &h, &left->err) || pvtb_cgroup_probe(0, &host, &left->err))
		_exit(1);
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		if (host.ctl[c].version)
			ctls |= PVTB_CGROUP_BIT(c);
	}
	s = spinner_start(-1);
	if (ctls && !pvtb_cgroup_domain_new(&host, ctls, g, &d, &left->err)) {
		if (pvtb_cgroup_new(d, &cg, &left->err) ||
		    pvtb_cgroup_attach(cg, s->tid, &left->err) ||
		    pvtb_cgroup_attach(cg, pvtb_hogs_tid(h, 0), &left->err) ||
		    pvtb_cgroup_attach(cg, target, &left->err))
			_exit(2);
		if (ctls & PVTB_CGROUP_BIT(PVTB_CGROUP_FREEZER) &&
		    pvtb_cgroup_freeze(cg, &left->err))
			_exit(3);
		for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
			if (pvtb_cgroup_path(cg, c))
				snprintf(left->paths[c], sizeof(left->paths[c]), "%s",
					 pvtb_cgroup_path(cg, c));
		}
	} else if (pvtb_process_stop(target, g, &stopped, &left->err)) {
		_exit(4);
	}
	if (pvtb_process_stop(pvtb_child_pid(child), g, &stopped, &left->err))
		_exit(5);
	left->guardian = pvtb_guardian_pid(g);
	left->hog = pvtb_hogs_tid(h, 0);
	left->child = pvtb_child_pid(child);
	__atomic_store_n(&left->ready, true, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

/* Where the process is in every hierarchy. */
static void read_places(pid_t pid, char *ret, size_t size)
{
	char path[64];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(ret, 1, size - 1, f);
	ret[n] = '\0';
	fclose(f);
}

/* Does everything over and over, so that SIGKILL hits it anywhere. */
static void busy_victim(struct left *left, pid_t target)
{
	struct pvtb_hog_spec spec = {.kind = PVTB_HOG_PROCESSES, .cpu = -1};
	struct pvtb_cgroup_host host;
	struct pvtb_guardian *g;
	unsigned int ctls = 0;
	struct spinner *s;

	if (pvtb_guardian_start(&g, &left->err) || pvtb_cgroup_probe(0, &host, &left->err))
		_exit(1);
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		if (host.ctl[c].version)
			ctls |= PVTB_CGROUP_BIT(c);
	}
	s = spinner_start(-1);
	left->guardian = pvtb_guardian_pid(g);
	__atomic_store_n(&left->ready, true, __ATOMIC_RELEASE);
	for (;;) {
		struct pvtb_cgroup_domain *d = NULL;
		struct pvtb_stopped *stopped = NULL;
		struct pvtb_cgroup *cg = NULL;
		struct pvtb_hogs *h = NULL;

		if (pvtb_hogs_start(&spec, g, &h, &left->err) ||
		    pvtb_process_stop(target, g, &stopped, &left->err) ||
		    pvtb_process_continue(stopped, &left->err))
			_exit(2);
		__atomic_store_n(&left->hog, pvtb_hogs_tid(h, 0), __ATOMIC_RELEASE);
		if (ctls && !pvtb_cgroup_domain_new(&host, ctls, g, &d, &left->err)) {
			if (pvtb_cgroup_new(d, &cg, &left->err) ||
			    pvtb_cgroup_attach(cg, s->tid, &left->err) ||
			    pvtb_cgroup_attach(cg, target, &left->err))
				_exit(3);
			if (ctls & PVTB_CGROUP_BIT(PVTB_CGROUP_FREEZER) &&
			    pvtb_cgroup_freeze(cg, &left->err))
				_exit(4);
		}
		if (pvtb_cgroup_free(cg, &left->err) || pvtb_cgroup_domain_free(d, &left->err) ||
		    pvtb_hogs_stop(h, &left->err))
			_exit(5);
	}
}

static void assert_no_group_of(const struct pvtb_cgroup_host *host, pid_t pid)
{
	char path[512];

	for (int c = 0; c < PVTB_CGROUP_NR; c++) {
		for (int i = 0; i < 4 && host->ctl[c].version; i++) {
			snprintf(path, sizeof(path), "%s/pvtb-%d-%d", host->ctl[c].mount, (int)pid,
				 i);
			if (!access(path, F_OK))
				fail_msg("%s is still there", path);
		}
	}
}

static void sigkill_at_any_moment(void **state)
{
	char switches[256], now[256], places[2048], places_now[2048];
	struct pvtb_child *target = NULL;
	struct pvtb_cgroup_host host;
	unsigned int seed = 1;
	struct pvtb_err err;
	u64 *count, before;

	assert_int_equal(pvtb_cgroup_probe(0, &host, &err), 0);
	read_switches(&host, switches, sizeof(switches));
	assert_int_equal(pvtb_child_start(NULL, count_up, NULL, sizeof(u64), &target, &err), 0);
	count = pvtb_child_shared(target);
	read_places(pvtb_child_pid(target), places, sizeof(places));
	for (int round = 0; round < 12; round++) {
		struct left *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		int status = 0;
		pid_t pid;

		assert_ptr_not_equal(left, MAP_FAILED);
		pid = fork();
		if (!pid)
			busy_victim(left, pvtb_child_pid(target));
		assert_true(EVENTUALLY(__atomic_load_n(&left->ready, __ATOMIC_ACQUIRE)));
		usleep((unsigned int)rand_r(&seed) % 60000);
		kill(pid, SIGKILL);
		assert_true(EVENTUALLY(is_gone(left->guardian)));
		assert_true(EVENTUALLY(waitpid(pid, &status, WNOHANG) == pid));
		if (!WIFSIGNALED(status))
			fail_msg("it gave up: %s: %s", left->err.what, left->err.why);
		assert_true(!left->hog || EVENTUALLY(is_gone(left->hog)));
		assert_no_group_of(&host, pid);
		read_switches(&host, now, sizeof(now));
		assert_string_equal(now, switches);
		read_places(pvtb_child_pid(target), places_now, sizeof(places_now));
		assert_string_equal(places_now, places);
		before = count_of(count);
		assert_true(EVENTUALLY(count_of(count) > before));
		munmap(left, sizeof(*left));
	}
	pvtb_child_free(target);
}

static void nothing_survives_sigkill(void **state)
{
	struct left *left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char switches[256], switches_after[256];
	struct pvtb_child *target = NULL;
	struct pvtb_cgroup_host host;
	struct pvtb_err err;
	u64 *count, before;
	pid_t pid;

	assert_ptr_not_equal(left, MAP_FAILED);
	assert_int_equal(pvtb_cgroup_probe(0, &host, &err), 0);
	read_switches(&host, switches, sizeof(switches));
	/* a process that is not the victim's, and must live on as it was */
	assert_int_equal(pvtb_child_start(NULL, count_up, NULL, sizeof(u64), &target, &err), 0);
	count = pvtb_child_shared(target);
	pid = fork();
	if (!pid)
		victim(left, pvtb_child_pid(target));
	while (!__atomic_load_n(&left->ready, __ATOMIC_ACQUIRE)) {
		int status = 0;

		if (waitpid(pid, &status, WNOHANG) == pid)
			fail_msg("the victim could not be set up: step %d: %s: %s",
				 WEXITSTATUS(status), left->err.what, left->err.why);
		usleep(1000);
	}
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++)
		assert_true(!left->paths[c][0] || !access(left->paths[c], F_OK));
	kill(pid, SIGKILL);
	assert_true(EVENTUALLY(is_gone(left->guardian)));
	assert_true(EVENTUALLY(is_gone(left->hog)));
	assert_true(EVENTUALLY(is_gone(left->child)));
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		if (left->paths[c][0] && !access(left->paths[c], F_OK))
			fail_msg("%s is still there", left->paths[c]);
	}
	read_switches(&host, switches_after, sizeof(switches_after));
	assert_string_equal(switches_after, switches);
	before = count_of(count);
	assert_true(EVENTUALLY(count_of(count) > before));
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	pvtb_child_free(target);
	munmap(left, sizeof(*left));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(threads_take_half, end_all),
		cmocka_unit_test_teardown(processes_take_half, end_all),
		cmocka_unit_test_teardown(four_to_one, end_all),
		cmocka_unit_test_teardown(nice_is_polite, end_all),
		cmocka_unit_test_teardown(fifo_hog, end_all),
		cmocka_unit_test_teardown(fifo_thread_wins, end_all),
		cmocka_unit_test_teardown(deadline_hogs, end_all),
		cmocka_unit_test_teardown(hogs_end_by_themselves, end_all),
		cmocka_unit_test_teardown(bad_hogs_are_refused, end_all),
		cmocka_unit_test_teardown(quota_limits, end_all),
		cmocka_unit_test_teardown(weights_share, end_all),
		cmocka_unit_test_teardown(cpuset_is_taken_away, end_all),
		cmocka_unit_test_teardown(v1_freezer, end_all),
		cmocka_unit_test_teardown(v2_freezer, end_all),
		cmocka_unit_test_teardown(all_controllers_at_once, end_all),
		cmocka_unit_test_teardown(missing_controller_is_said, end_all),
		cmocka_unit_test_teardown(mover_moves, end_all),
		cmocka_unit_test_teardown(child_answers, end_all),
		cmocka_unit_test_teardown(process_is_stopped, end_all),
		cmocka_unit_test_teardown(plan_in_order, end_all),
		cmocka_unit_test_teardown(nothing_survives_sigkill, end_all),
		cmocka_unit_test_teardown(sigkill_at_any_moment, end_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
