// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler's half of the tracing, on the machine the test runs on: threads of this and of other
 * processes, what is lost and what is not, and registering under load. Nothing here needs KVM.
 * Skipped where tracing is not possible.
 *
 * wrap: pthread_cond_timedwait
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/trace.h"

/*
 * The consumer sleeps in here, and with @held set it does not wake up. The only other user of the
 * function would be a test.
 */
static bool held;
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *until)
{
	int ret = __real_pthread_cond_timedwait(cond, mutex, until);

	if (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		return ret;
	pthread_mutex_unlock(mutex);
	while (__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		usleep(1000);
	pthread_mutex_lock(mutex);
	return ret;
}

static pid_t tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static struct pvtb_trace *open_trace(unsigned int max_threads)
{
	struct pvtb_trace_opts opts = {.max_threads = max_threads};
	struct pvtb_err err = {0};
	struct pvtb_trace *trace = NULL;

	if (pvtb_trace_open(&opts, &trace, &err))
		fail_msg("%s", err.why);
	return trace;
}

static void must(int ret, const struct pvtb_err *err)
{
	if (ret)
		fail_msg("%d: %s", ret, err->why);
}

static void sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

/* A process that sleeps a millisecond @n times whenever it reads a byte, and then writes one. */
struct sleeper {
	pid_t pid;
	int to, from;
};

static struct sleeper sleeper_new(int n)
{
	struct sleeper s;
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (!s.pid) {
		char byte;

		close(to[1]);
		close(from[0]);
		while (read(to[0], &byte, 1) == 1) {
			for (int i = 0; i < n; i++)
				sleep_ms(1);
			if (write(from[1], &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	s.to = to[1];
	s.from = from[0];
	return s;
}

static void sleeper_run(const struct sleeper *s)
{
	char byte = 0;

	assert_int_equal(write(s->to, &byte, 1), 1);
	assert_int_equal(read(s->from, &byte, 1), 1);
}

static void sleeper_end(const struct sleeper *s)
{
	close(s->to);
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	close(s->from);
}

struct tally {
	u64 outs, ins, unseen, waits, other, lost, disorder;
	u64 last_ns, wait_ns;
	u8 last_kind;
};

/*
 * Count and check what the stream has: in time order, outs and ins taking turns but for the ins that
 * this machine's kernel has kept from everybody, which the outs after them tell.
 */
static struct tally tally(struct pvtb_stream *stream)
{
	struct tally t = {0};
	u64 end = pvtb_stream_mark(stream, NULL), lost;
	struct pvtb_rec recs[256];

	for (u64 at = 0; at < end; at += PVTB_ARRAY_SIZE(recs)) {
		ssize_t n = pvtb_stream_read(stream, at, PVTB_ARRAY_SIZE(recs), recs, &lost);

		assert_true(n >= 0);
		t.lost += lost;
		for (ssize_t i = 0; i < n; i++) {
			const struct pvtb_rec *r = &recs[i];
			bool unseen;

			/* directly before the SCHED_IN it is about */
			if (r->kind == PVTB_REC_WAIT) {
				t.waits++;
				t.disorder += t.last_kind == PVTB_REC_SCHED_IN;
				t.wait_ns = r->t0_ns;
				continue;
			}
			if (r->kind != PVTB_REC_SCHED_OUT && r->kind != PVTB_REC_SCHED_IN) {
				t.other++;
				continue;
			}
			unseen = r->kind == PVTB_REC_SCHED_OUT && r->flags & PVTB_REC_F_UNSEEN;
			t.unseen += unseen;
			t.disorder += r->t0_ns < t.last_ns ||
				      (t.last_kind && (r->kind == t.last_kind) != unseen);
			t.disorder += r->kind == PVTB_REC_SCHED_IN && r->t0_ns != t.wait_ns;
			t.last_ns = r->t0_ns;
			t.last_kind = r->kind;
			t.outs += r->kind == PVTB_REC_SCHED_OUT;
			t.ins += r->kind == PVTB_REC_SCHED_IN;
		}
	}
	return t;
}

/* The first record of a thread that was registered by another. */
static bool begins_well(const struct pvtb_rec *r)
{
	return r->kind == PVTB_REC_CLOCK ||
	       (r->kind == PVTB_REC_SCHED_OUT && r->flags & PVTB_REC_F_UNSEEN);
}

static void test_other_process(void **state)
{
	struct pvtb_trace *trace = open_trace(4);
	struct sleeper s = sleeper_new(20);
	struct pvtb_stream *stream, *again;
	struct pvtb_err err = {0};
	struct pvtb_rec first;
	struct tally t;
	u64 lost;

	must(pvtb_trace_register_tid(trace, s.pid, &stream, &err), &err);
	assert_int_equal(pvtb_trace_register_tid(trace, s.pid, &again, &err), -EEXIST);
	sleeper_run(&s);
	assert_false(pvtb_stream_ended(stream));
	sleeper_end(&s);
	assert_true(pvtb_stream_ended(stream));
	t = tally(stream);
	/* the byte, the sleeps, the end */
	assert_true(t.outs >= 22);
	assert_int_equal(t.ins + t.unseen, t.outs);
	assert_int_equal(t.disorder, 0);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.last_kind, PVTB_REC_SCHED_OUT);
	assert_int_equal(pvtb_stream_read(stream, 0, 1, &first, &lost), 1);
	assert_true(begins_well(&first));
	pvtb_trace_unregister(trace, stream);
	assert_int_equal(pvtb_trace_register_tid(trace, s.pid, &stream, &err), -ESRCH);
	pvtb_trace_close(trace);
}

/* The kernel's own count, for a thread that sleeps. */
static u64 run_delay_of(pid_t pid)
{
	char path[64];
	unsigned long long delay_ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %llu", &delay_ns), 1);
	fclose(f);
	return delay_ns;
}

static struct pvtb_rec last_record(struct pvtb_stream *stream)
{
	struct pvtb_rec rec = {0};
	u64 end = pvtb_stream_mark(stream, NULL), lost;

	if (end)
		assert_int_equal(pvtb_stream_read(stream, end - 1, 1, &rec, &lost), 1);
	return rec;
}

/* Where kvm_entry does not tell run_delay, the switches do, exactly. */
static void test_run_delay(void **state)
{
	struct pvtb_trace *trace = open_trace(2);
	struct sleeper s = sleeper_new(5);
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};

	must(pvtb_trace_register_tid(trace, s.pid, &stream, &err), &err);
	for (int i = 0; i < 20; i++) {
		u64 told = 0, kernel = 1;

		sleeper_run(&s);
		/* it has answered, and is about to sleep */
		for (int ms = 0; ms < 1000 && told != kernel; ms++) {
			struct pvtb_rec rec = last_record(stream);

			kernel = run_delay_of(s.pid);
			if (rec.kind == PVTB_REC_SCHED_OUT)
				told = rec.t1_ns;
			if (told != kernel)
				sleep_ms(1);
		}
		assert_int_equal(told, kernel);
	}
	sleeper_end(&s);
	pvtb_trace_close(trace);
}

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(pid, sizeof(set), &set), 0);
}

/* The first @n CPUs this process may use; returns how many there are. */
static int cpus(int *out, int n)
{
	cpu_set_t set;
	int found = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && found < n; cpu++)
		if (CPU_ISSET(cpu, &set))
			out[found++] = cpu;
	return found;
}

static pid_t spinner_new(const char *name, int cpu)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(0, cpu);
		prctl(PR_SET_NAME, name);
		for (;;)
			;
	}
	return pid;
}

static void spinner_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The name of the thread that takes the CPU, and its cgroup where that can be seen. */
static void test_preemptor(void **state)
{
	struct pvtb_trace *trace = open_trace(1);
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};
	int cpu;
	pid_t victim, hog;
	u64 seen_out = 0, seen_wait = 0, lost;

	cpus(&cpu, 1);
	victim = spinner_new("victim", cpu);
	hog = spinner_new("trace-hog", cpu);
	must(pvtb_trace_register_tid(trace, victim, &stream, &err), &err);
	for (int ms = 0; ms < 5000 && (!seen_out || !seen_wait); ms++) {
		u64 end = pvtb_stream_mark(stream, NULL);
		struct pvtb_rec r;

		sleep_ms(1);
		for (u64 i = 0; i < end; i++) {
			struct pvtb_trace_who who;
			u64 *seen;

			assert_int_equal(pvtb_stream_read(stream, i, 1, &r, &lost), 1);
			if (r.kind != PVTB_REC_SCHED_OUT && r.kind != PVTB_REC_WAIT)
				continue;
			seen = r.kind == PVTB_REC_WAIT ? &seen_wait : &seen_out;
			assert_int_equal(
				pvtb_trace_who(trace,
					       r.kind == PVTB_REC_WAIT ? r.reason : (u32)r.arg,
					       &who),
				0);
			if (strcmp(who.comm, "trace-hog"))
				continue;
			*seen += 1;
			if (who.pid == (u32)hog)
				assert_int_equal(who.cgroup[0], '/');
		}
	}
	assert_true(seen_out && seen_wait);
	spinner_end(hog);
	spinner_end(victim);
	pvtb_trace_close(trace);
}

/* A thread that runs when another registers it is known from its first switch-out on, and says so. */
static void test_running(void **state)
{
	struct pvtb_trace *trace = open_trace(1);
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};
	struct pvtb_rec first;
	u64 lost;
	int cpu;
	pid_t pid;

	cpus(&cpu, 1);
	pid = spinner_new("running", cpu);
	for (int i = 0; i < 20; i++) {
		must(pvtb_trace_register_tid(trace, pid, &stream, &err), &err);
		for (int ms = 0; ms < 1000 && !pvtb_stream_mark(stream, NULL); ms++)
			sleep_ms(1);
		if (pvtb_stream_mark(stream, NULL)) {
			assert_int_equal(pvtb_stream_read(stream, 0, 1, &first, &lost), 1);
			assert_true(begins_well(&first));
		}
		spinner_end(pid);
		assert_true(pvtb_stream_ended(stream));
		first = last_record(stream);
		assert_int_equal(first.kind, PVTB_REC_SCHED_OUT);
		assert_true(first.reason & 0x80); /* TASK_DEAD */
		pvtb_trace_unregister(trace, stream);
		pid = spinner_new("running", cpu);
	}
	spinner_end(pid);
	pvtb_trace_close(trace);
}

/* A running thread whose CPU is taken away gives it to the stopper, and its wait says when. */
static void test_moved(void **state)
{
	struct pvtb_trace *trace;
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};
	bool stopper = false, moved = false;
	u64 lost, done = 0, waiting = 0;
	int cpu[2];
	pid_t pid;

	if (cpus(cpu, 2) < 2)
		skip();
	trace = open_trace(1);
	pid = spinner_new("moved", cpu[0]);
	must(pvtb_trace_register_tid(trace, pid, &stream, &err), &err);
	for (int i = 1; i < 200 && !(stopper && moved && waiting > 20); i++) {
		struct pvtb_rec r;
		u64 end;

		pin(pid, cpu[i % 2]);
		sleep_ms(5);
		for (end = pvtb_stream_mark(stream, NULL); done < end; done++) {
			assert_int_equal(pvtb_stream_read(stream, done, 1, &r, &lost), 1);
			if (r.kind == PVTB_REC_SCHED_OUT)
				stopper |= r.flags & PVTB_REC_F_STOPPER;
			if (r.kind == PVTB_REC_WAIT && r.t1_ns) {
				moved = true;
				waiting++;
				assert_true(r.t1_ns <= r.t0_ns);
				/* the queue it came to was found, on every kernel */
				assert_int_equal(r.flags & PVTB_REC_F_NOTHROTTLED, 0);
			}
		}
	}
	assert_true(stopper);
	assert_true(moved);
	spinner_end(pid);
	pvtb_trace_close(trace);
}

/* The number of a thread that is gone must not stay behind for its next owner. */
static void test_given_up(void **state)
{
	struct pvtb_trace *trace = open_trace(1);
	struct sleeper s = sleeper_new(1);
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};

	for (int i = 0; i < 50; i++) {
		must(pvtb_trace_register_tid(trace, s.pid, &stream, &err), &err);
		sleeper_run(&s);
		assert_true(tally(stream).outs >= 1);
		pvtb_trace_unregister(trace, stream);
	}
	sleeper_end(&s);
	assert_int_equal(pvtb_trace_register_tid(trace, 0, &stream, &err), -ESRCH);
	assert_int_equal(pvtb_trace_register_tid(trace, -1, &stream, &err), -ESRCH);
	assert_int_equal(pvtb_trace_register_tid(trace, (pid_t)1 << 22, &stream, &err), -ESRCH);
	pvtb_trace_close(trace);
}

struct crowd {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int waiting;
	bool go;
	pid_t tids[1000];
	pthread_t threads[1000];
};

static void *stand_in_crowd(void *opaque)
{
	struct crowd *c = opaque;

	pthread_mutex_lock(&c->lock);
	c->tids[c->waiting++] = tid();
	pthread_cond_broadcast(&c->changed);
	while (!c->go)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void test_many(void **state)
{
	enum { N = 1000 };
	static struct crowd c = {
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false, {0}, {0}};
	struct pvtb_trace *trace = open_trace(PVTB_TRACE_MAX_THREADS - 1);
	struct pvtb_stream *streams[N];
	struct pvtb_trace_counts counts;
	struct pvtb_err err = {0};
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < N; i++)
		assert_int_equal(pthread_create(&c.threads[i], &attr, stand_in_crowd, &c), 0);
	pthread_mutex_lock(&c.lock);
	while (c.waiting < N)
		pthread_cond_wait(&c.changed, &c.lock);
	pthread_mutex_unlock(&c.lock);
	for (int i = 0; i < N; i++)
		must(pvtb_trace_register_tid(trace, c.tids[i], &streams[i], &err), &err);
	pthread_mutex_lock(&c.lock);
	c.go = true;
	pthread_cond_broadcast(&c.changed);
	pthread_mutex_unlock(&c.lock);
	for (int i = 0; i < N; i++)
		pthread_join(c.threads[i], NULL);
	for (int i = 0; i < N; i++) {
		struct tally t;

		/* joined: it has ended but for its last switch */
		for (int ms = 0; ms < 1000 && !pvtb_stream_ended(streams[i]); ms++)
			sleep_ms(1);
		t = tally(streams[i]);
		pvtb_stream_counts(streams[i], &counts);
		assert_int_equal(counts.ring_len, 128);
		assert_true(t.outs >= 1);
		assert_int_equal(t.ins + t.unseen, t.outs);
		assert_int_equal(t.disorder + t.lost, 0);
		pvtb_trace_unregister(trace, streams[i]);
	}
	pthread_attr_destroy(&attr);
	pvtb_trace_close(trace);
}

/* Also after a failure: no other test's consumer would ever end. */
static int let_go(void **state)
{
	__atomic_store_n(&held, false, __ATOMIC_RELEASE);
	return 0;
}

/* With the consumer stopped all but the youngest records are lost, and every one is counted. */
static void test_overrun(void **state)
{
	struct pvtb_trace *trace = open_trace(PVTB_TRACE_MAX_THREADS - 1);
	struct sleeper s = sleeper_new(200);
	struct pvtb_trace_counts counts;
	struct pvtb_stream *stream;
	struct pvtb_err err = {0};
	struct pvtb_rec recs[256];
	u64 head, lost;
	ssize_t n;

	must(pvtb_trace_register_tid(trace, s.pid, &stream, &err), &err);
	__atomic_store_n(&held, true, __ATOMIC_RELEASE);
	/* longer than it can still be asleep, and not hear of it */
	sleep_ms(200);
	sleeper_run(&s);
	sleeper_end(&s);
	assert_true(pvtb_stream_ended(stream));
	head = pvtb_stream_mark(stream, NULL);
	assert_true(head > 600);
	pvtb_stream_counts(stream, &counts);
	assert_int_equal(counts.ring_len, 128);
	/* the place of the next record is the writer's at any time */
	assert_int_equal(counts.records + counts.lost, head);
	assert_true(counts.lost >= head - 127 - counts.ring_len);
	assert_true(counts.lost > 0);
	n = pvtb_stream_read(stream, head - 127, 127, recs, &lost);
	assert_int_equal(n, 127);
	assert_int_equal(lost, 0);
	assert_int_equal(recs[126].kind, PVTB_REC_SCHED_OUT);
	n = pvtb_stream_read(stream, head - 256, 256, recs, &lost);
	assert_int_equal(n, 127);
	assert_int_equal(lost, 129);
	let_go(NULL);
	pvtb_trace_close(trace);
}

/*
 * Two processes on one CPU that wake each other and sleep: bursts of 60 switches each millisecond,
 * so 60 000 a second where the machine has the time.
 */
#define BURST 30
struct pair {
	pid_t pid[2];
};

static void rest_of_ms(void)
{
	u64 now_ns = pvtb_mono_ns();
	struct timespec ts = {.tv_nsec = (long)(1000000 - now_ns % 1000000)};

	nanosleep(&ts, NULL);
}

static struct pair pair_new(int cpu)
{
	struct pair p;
	int there[2], back[2];

	assert_int_equal(pipe(there), 0);
	assert_int_equal(pipe(back), 0);
	for (int i = 0; i < 2; i++) {
		int from = i ? there[0] : back[0], to = i ? back[1] : there[1];
		char byte = 0;

		p.pid[i] = fork();
		assert_true(p.pid[i] >= 0);
		if (p.pid[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(0, cpu);
		if (!i && write(to, &byte, 1) != 1)
			_exit(1);
		for (int n = 1; read(from, &byte, 1) == 1; n++) {
			if (!i && n % BURST == 0)
				rest_of_ms();
			if (write(to, &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return p;
}

#define SWITCHING_S 3

static void test_rate(void **state)
{
	struct pvtb_trace *trace = open_trace(4);
	struct pvtb_stream *streams[4];
	struct pvtb_err err = {0};
	struct pair pairs[2];
	u64 outs = 0, records = 0, begin_ns, backlog = 0;
	int cpu[2], n = cpus(cpu, 2);

	for (int i = 0; i < n; i++)
		pairs[i] = pair_new(cpu[i]);
	for (int i = 0; i < 2 * n; i++)
		must(pvtb_trace_register_tid(trace, pairs[i / 2].pid[i % 2], &streams[i], &err),
		     &err);
	begin_ns = pvtb_mono_ns();
	sleep_ms(SWITCHING_S * 1000);
	for (int i = 0; i < 2 * n; i++)
		spinner_end(pairs[i / 2].pid[i % 2]);
	begin_ns = pvtb_mono_ns() - begin_ns;
	for (int i = 0; i < 2 * n; i++) {
		struct pvtb_trace_counts counts;
		struct tally t = tally(streams[i]);

		pvtb_stream_counts(streams[i], &counts);
		assert_int_equal(t.lost, 0);
		assert_int_equal(counts.lost, 0);
		assert_int_equal(t.disorder, 0);
		assert_int_equal(t.outs, t.ins + t.unseen);
		assert_int_equal(t.waits, t.ins);
		assert_int_equal(t.outs + t.ins + t.waits + t.other, counts.records);
		outs += t.outs;
		records += counts.records;
		if (counts.max_backlog > backlog)
			backlog = counts.max_backlog;
	}
	print_message("%d CPUs: %.0f switches a second, %llu records, at most %llu waiting\n", n,
		      (double)outs * 1e9 / (double)begin_ns, (unsigned long long)records,
		      (unsigned long long)backlog);
	pvtb_trace_close(trace);
}

struct stress {
	struct pvtb_trace *trace;
	pid_t other; /* 0: this thread registers itself */
	bool stop;
	u64 rounds, failures;
};

/* Everything here is counted, for another thread must not jump out of a test. */
static void *register_for_a_while(void *opaque)
{
	struct stress *s = opaque;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		struct pvtb_stream *stream;
		struct pvtb_err err = {0};
		int ret = s->other ? pvtb_trace_register_tid(s->trace, s->other, &stream, &err)
				   : pvtb_trace_register(s->trace, &stream, &err);
		struct pvtb_rec rec;
		u64 lost, mark;

		/* a busy thread given up has its ring until it is switched out */
		if (ret == -EUSERS)
			continue;
		if (ret) {
			s->failures++;
			break;
		}
		usleep(200);
		mark = pvtb_stream_mark(stream, NULL);
		if (!s->other)
			s->failures += pvtb_stream_read(stream, 0, 1, &rec, &lost) != 1 ||
				       rec.kind != PVTB_REC_SCHED_IN;
		else if (mark)
			s->failures += pvtb_stream_read(stream, 0, 1, &rec, &lost) != 1 ||
				       !begins_well(&rec);
		pvtb_trace_unregister(s->trace, stream);
		s->rounds++;
	}
	return NULL;
}

static void test_stress(void **state)
{
	enum { SELF = 3, OTHER = 2, N = SELF + OTHER };
	struct pvtb_trace *trace = open_trace(8);
	struct pvtb_err err = {0};
	struct stress stress[N] = {0};
	pthread_t threads[N];
	int cpu, toggles = 0;
	pid_t spinner;
	struct pair pair;

	cpus(&cpu, 1);
	spinner = spinner_new("spinner", cpu);
	pair = pair_new(cpu);
	for (int i = 0; i < N; i++) {
		stress[i].trace = trace;
		stress[i].other = i < SELF ? 0 : i == SELF ? spinner : pair.pid[0];
		assert_int_equal(
			pthread_create(&threads[i], NULL, register_for_a_while, &stress[i]), 0);
	}
	for (u64 end_ns = pvtb_mono_ns() + 2 * PVTB_NSEC_PER_SEC; pvtb_mono_ns() < end_ns;) {
		int ret = pvtb_trace_exits(trace, true, &err);

		sleep_ms(2);
		if (ret == -ENOTSUP)
			continue;
		must(ret, &err);
		must(pvtb_trace_exits(trace, false, &err), &err);
		toggles++;
	}
	for (int i = 0; i < N; i++) {
		__atomic_store_n(&stress[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		assert_int_equal(stress[i].failures, 0);
		assert_true(stress[i].rounds > 0);
		print_message("%s: %llu times registered\n", i < SELF ? "self" : "other",
			      (unsigned long long)stress[i].rounds);
	}
	print_message("exits toggled %d times\n", toggles);
	spinner_end(pair.pid[0]);
	spinner_end(pair.pid[1]);
	spinner_end(spinner);
	pvtb_trace_close(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_process),
		cmocka_unit_test(test_run_delay),
		cmocka_unit_test(test_preemptor),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_many),
		cmocka_unit_test_teardown(test_overrun, let_go),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_stress),
	};
	struct pvtb_err err = {0};
	int ret = pvtb_trace_possible(&err);

	if (ret && ret != -ENOTSUP) {
		printf("SKIP: %s\n", err.why);
		return 4;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
