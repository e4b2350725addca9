// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the eBPF session: the skeleton, the rings mapped from it, the consumer thread and the
 * streams it feeds. Knows nothing of guests, and never prints: what libbpf says on the way becomes
 * the reason of the error.
 */
#include "trace/trace.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <urcu/wfcqueue.h>

#include "bpf/trace.skel.h"
#include "trace/programs.h"

#define CHUNK_RECS    4096
#define DEFAULT_RINGS 8
#define EXIT_REC_NS   250  /* no thread makes records faster than this */
#define SCHED_REC_NS  8000 /* nor these for long, while only the scheduler's events are traced */
#define LONGEST_US    100000
#define REC	      sizeof(struct pvtb_rec)

struct chunk {
	struct cds_wfcq_node node;
	u64 first; /* index in the stream of recs[0] */
	u64 n;
	struct pvtb_rec recs[];
};

struct pvtb_stream {
	struct cds_lfht_node node; /* in by_pid */
	struct pvtb_trace *trace;
	struct pvtb_trace_thread *thread;
	const char *ring;
	u64 len; /* records in the ring */
	u32 pid, slot;

	pthread_mutex_t ingest; /* the consumer thread, or a reader who cannot wait for it */
	u64 consumed;		/* all before is queued or counted as lost */
	u64 missed;		/* pvtb_trace_missed() when it began */
	struct pvtb_trace_counts counts;

	struct cds_wfcq_tail tail;
	struct cds_wfcq_head head;

	pthread_mutex_t reading;
	struct chunk **chunks; /* out of the queue, in order, not yet discarded */
	size_t nr_chunks, cap_chunks;
};

struct slot {
	u32 pid;    /* 0: free; read by the consumer */
	u64 seen;   /* the consumer's: head_bytes when it last looked */
	bool dirty; /* given up by another thread: may still be current on some CPU */
};

struct pvtb_trace {
	struct pvtb_programs programs;
	struct pvtb_trace_shm *shm;
	bool wants_user, has_exits;
	bool exits; /* traced now; read by the consumer */
	struct cds_lfht *by_pid;
	u32 max_threads, ring_bytes;
	unsigned int poll_us;
	pthread_mutex_t registering;
	struct slot *slots;
	pthread_t consumer;
	bool consuming;
	pthread_mutex_t sleep_lock;
	pthread_cond_t wake;
	bool stop;
};

/* ---- possible? ---- */

/* @needle in a file of a few megabytes: 1, 0 or -errno. */
static int file_has(const char *path, const void *needle, size_t len)
{
	int fd PVTB_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	char *buf PVTB_FREE = NULL;
	size_t size = 0, cap = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		if (cap - size < 65536) {
			char *bigger = realloc(buf, cap = cap * 2 + 131072);

			if (!bigger)
				return -ENOMEM;
			buf = bigger;
		}
		n = read(fd, buf + size, cap - size);
		if (n < 0)
			return -errno;
		size += (size_t)n;
	} while (n);
	return memmem(buf, size, needle, len) != NULL;
}

/* The tracepoint's type is in the BTF of whatever defines it: the kernel or kvm.ko. */
static bool has_kvm_event(const char *name, size_t size)
{
	return file_has("/sys/kernel/btf/vmlinux", name, size) == 1 ||
	       file_has("/sys/kernel/btf/kvm", name, size) == 1;
}

static bool has_kvm_exit(void)
{
	static const char name[] = "\0btf_trace_kvm_exit";

	return has_kvm_event(name, sizeof(name));
}

static bool has_kvm_userspace_exit(void)
{
	static const char name[] = "\0btf_trace_kvm_userspace_exit";

	return has_kvm_event(name, sizeof(name));
}

static bool privileged(void)
{
	FILE *f PVTB_FCLOSE = fopen("/proc/self/status", "re");
	char line[256];
	unsigned long long caps;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			return caps >> 21 & 1; /* CAP_SYS_ADMIN: BTF by id needs it too */
	}
	return geteuid() == 0;
}

static int can_load(struct pvtb_err *err)
{
	static const char locked[] = "[confidentiality]";

	if (!privileged()) {
		pvtb_err_set(err, -EPERM, "tracing", "needs CAP_SYS_ADMIN");
		return pvtb_err_hint(err, "run as root");
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		pvtb_err_set(err, -ENOENT, "tracing",
			     "the kernel has no BTF (/sys/kernel/btf/vmlinux)");
		return pvtb_err_hint(err, "a kernel with CONFIG_DEBUG_INFO_BTF=y is needed");
	}
	if (file_has("/sys/kernel/security/lockdown", locked, sizeof(locked) - 1) == 1) {
		pvtb_err_set(err, -EPERM, "tracing", "the kernel is locked down (confidentiality)");
		return pvtb_err_hint(err, "boot with lockdown=integrity or none");
	}
	return 0;
}

static int no_exits(struct pvtb_err *err)
{
	pvtb_err_set(err, -ENOTSUP, "tracing", "the kernel has no kvm_exit tracepoint in its BTF");
	return pvtb_err_hint(err, "load KVM's modules first; CONFIG_DEBUG_INFO_BTF_MODULES=y where "
				  "KVM is modular");
}

int pvtb_trace_possible(struct pvtb_err *err)
{
	int ret = can_load(err);

	if (ret)
		return ret;
	return has_kvm_exit() ? 0 : no_exits(err);
}

/* ---- ingest ---- */

static u64 written(const struct pvtb_stream *s)
{
	return __atomic_load_n(&s->thread->head_bytes, __ATOMIC_ACQUIRE) / REC;
}

/* The oldest record whose place the writer cannot have begun to reuse. */
static u64 oldest_whole(const struct pvtb_stream *s, u64 head)
{
	return head >= s->len ? head - s->len + 1 : 0;
}

static struct chunk *copy_chunk(struct pvtb_stream *s, u64 first, u64 n)
{
	struct chunk *c = malloc(sizeof(*c) + n * REC);
	u64 at = first % s->len, straight = s->len - at < n ? s->len - at : n;

	if (!c)
		return NULL;
	memcpy(c->recs, s->ring + at * REC, straight * REC);
	memcpy(c->recs + straight, s->ring, (n - straight) * REC);
	return c;
}

/*
 * Move what the ring holds into the queue. What was copied is trusted only after another look at
 * head: pairs with commit() in trace.bpf.c. Without memory the records stay in the ring, and
 * count as lost once overwritten. Returns the backlog found.
 */
static u64 ingest_locked(struct pvtb_stream *s)
{
	u64 head = written(s), backlog = head - s->consumed;

	if (backlog > s->counts.max_backlog)
		s->counts.max_backlog = backlog;
	while (s->consumed < head) {
		u64 oldest = oldest_whole(s, head), from = s->consumed, end, first;
		struct chunk *c;

		if (from < oldest)
			from = oldest;
		end = head - from > CHUNK_RECS ? from + CHUNK_RECS : head;
		c = copy_chunk(s, from, end - from);
		if (!c)
			break;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		oldest = oldest_whole(s, written(s));
		first = oldest < from ? from : oldest < end ? oldest : end;
		s->counts.lost += first - s->consumed;
		s->consumed = end;
		if (first == end) {
			free(c);
			continue;
		}
		c->first = first;
		c->n = end - first;
		memmove(c->recs, c->recs + (first - from), c->n * REC);
		s->counts.records += c->n;
		for (u64 i = 0; i < c->n; i++)
			s->counts.exits_seen += c->recs[i].kind == PVTB_REC_PAIR ||
						c->recs[i].kind == PVTB_REC_EXIT;
		cds_wfcq_node_init(&c->node);
		cds_wfcq_enqueue(&s->head, &s->tail, &c->node);
	}
	return backlog;
}

static u64 ingest(struct pvtb_stream *s)
{
	u64 backlog;

	pthread_mutex_lock(&s->ingest);
	backlog = ingest_locked(s);
	pthread_mutex_unlock(&s->ingest);
	return backlog;
}

struct key {
	u32 pid, slot; /* a thread that has ended keeps its slot; its pid may be another's by now */
};

static int is_key(struct cds_lfht_node *node, const void *opaque)
{
	const struct pvtb_stream *s = caa_container_of(node, struct pvtb_stream, node);
	const struct key *key = opaque;

	return s->pid == key->pid && s->slot == key->slot;
}

static unsigned long hash_pid(u32 pid)
{
	return pid * 2654435761ul;
}

static u64 ingest_slot(struct pvtb_trace *t, u32 slot)
{
	struct key key = {__atomic_load_n(&t->slots[slot].pid, __ATOMIC_ACQUIRE), slot};
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	u64 backlog = 0, head;

	if (!key.pid)
		return 0;
	/* With thousands of threads most have nothing: find that out for one load. */
	head = __atomic_load_n(&t->shm->threads[slot].head_bytes, __ATOMIC_RELAXED);
	if (head == t->slots[slot].seen)
		return 0;
	t->slots[slot].seen = head;
	rcu_read_lock();
	cds_lfht_lookup(t->by_pid, hash_pid(key.pid), is_key, &key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (node)
		backlog = ingest(caa_container_of(node, struct pvtb_stream, node));
	rcu_read_unlock();
	return backlog;
}

/*
 * As long as possible, since waking up disturbs what is measured: twice as long while the fullest
 * ring had less than a sixteenth in it, half as long from a quarter on. It starts from what no
 * thread can fill half of.
 */
static u64 next_sleep_us(const struct pvtb_trace *t, u64 len, u64 backlog, u64 us)
{
	u64 rec_ns = __atomic_load_n(&t->exits, __ATOMIC_RELAXED) ? EXIT_REC_NS : SCHED_REC_NS;
	u64 longest = t->poll_us ? t->poll_us : LONGEST_US;

	if (backlog > len / 4)
		us = us / 2 + 1;
	else if (backlog < len / 16)
		us = us * 2;
	/* A burst may begin right now: never sleep longer than a ring takes to fill. */
	if (us > len * rec_ns / 1000 * 3 / 4)
		us = len * rec_ns / 1000 * 3 / 4;
	return us < longest ? us : longest;
}

static void *consume(void *arg)
{
	struct pvtb_trace *t = arg;
	u64 len = t->ring_bytes / REC, us = len / 2 * EXIT_REC_NS / 1000;

	rcu_register_thread();
	pthread_mutex_lock(&t->sleep_lock);
	while (!t->stop) {
		struct timespec until;
		u64 ns, worst = 0;

		clock_gettime(CLOCK_MONOTONIC, &until);
		ns = (u64)until.tv_nsec + us * 1000;
		until.tv_sec += (time_t)(ns / PVTB_NSEC_PER_SEC);
		until.tv_nsec = (long)(ns % PVTB_NSEC_PER_SEC);
		pthread_cond_timedwait(&t->wake, &t->sleep_lock, &until);
		pthread_mutex_unlock(&t->sleep_lock);
		for (u32 slot = 1; slot <= t->max_threads; slot++) {
			u64 backlog = ingest_slot(t, slot);

			if (backlog > worst)
				worst = backlog;
		}
		us = next_sleep_us(t, len, worst, us);
		pthread_mutex_lock(&t->sleep_lock);
	}
	pthread_mutex_unlock(&t->sleep_lock);
	rcu_unregister_thread();
	return NULL;
}

/* Both are in the kernel's BTF where the programs may use them. */
static bool has_cast(void)
{
	static const char cast[] = "\0bpf_rdonly_cast", bytes[] = "\0user_key_payload";

	return file_has("/sys/kernel/btf/vmlinux", cast, sizeof(cast)) == 1 &&
	       file_has("/sys/kernel/btf/vmlinux", bytes, sizeof(bytes)) == 1;
}

/* ---- session ---- */

/* A CPU that is not online now is not known to the programs: what they miss for it, they say. */
static void register_cpus(struct pvtb_trace *t)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	u32 value;

	for (int cpu = 0; cpu < n; cpu++)
		(void)pvtb_programs_run(t->programs.skel->progs.cpu_register, cpu, 0, &value);
}

static int load(struct pvtb_trace *t, struct pvtb_err *err)
{
	u32 facts = PVTB_FACT_SWITCHES | PVTB_FACT_WAKEUPS | PVTB_FACT_MIGRATIONS |
		    PVTB_FACT_THROTTLING | PVTB_FACT_SELF | PVTB_FACT_OTHERS;
	int ret;

	t->has_exits = has_kvm_exit();
	if (t->has_exits)
		facts |= PVTB_FACT_EXITS;
	if (t->has_exits && t->wants_user && has_kvm_userspace_exit())
		facts |= PVTB_FACT_USER_EXITS;
	t->programs.can_cast = has_cast();
	ret = pvtb_programs_load(&t->programs, facts, err);
	if (ret)
		return ret;
	t->shm = &t->programs.skel->bss->shm;
	if (t->programs.facts & PVTB_FACT_THROTTLING)
		register_cpus(t);
	return 0;
}

static int start_consumer(struct pvtb_trace *t, struct pvtb_err *err)
{
	pthread_condattr_t attr;
	int ret;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	ret = -pthread_create(&t->consumer, NULL, consume, t);
	if (ret)
		return pvtb_err_sys(err, ret, "consumer thread");
	t->consuming = true;
	return 0;
}

int pvtb_trace_open(const struct pvtb_trace_opts *opts, struct pvtb_trace **ret_trace,
		    struct pvtb_err *err)
{
	struct pvtb_trace *t;
	u32 rings = 1;
	int ret = can_load(err);

	if (ret)
		return ret;
	if (opts->max_threads >= PVTB_TRACE_MAX_THREADS)
		return pvtb_err_set(err, -E2BIG, "tracing", "%u threads; at most %u",
				    opts->max_threads, PVTB_TRACE_MAX_THREADS - 1);
	if (sysconf(_SC_NPROCESSORS_CONF) > PVTB_TRACE_MAX_CPUS)
		return pvtb_err_set(err, -E2BIG, "tracing", "more than %u CPUs",
				    PVTB_TRACE_MAX_CPUS);
	t = calloc(1, sizeof(*t));
	if (!t)
		return pvtb_err_sys(err, -ENOMEM, "tracing");
	pthread_mutex_init(&t->registering, NULL);
	pthread_mutex_init(&t->sleep_lock, NULL);
	t->poll_us = opts->poll_us;
	t->wants_user = opts->user_exits;
	t->max_threads = opts->max_threads ? opts->max_threads : DEFAULT_RINGS;
	while (rings < t->max_threads)
		rings *= 2;
	t->ring_bytes = PVTB_TRACE_RINGS / rings;
	t->slots = calloc(t->max_threads + 1, sizeof(*t->slots));
	t->by_pid = cds_lfht_new(rings, 1, 0, 0, NULL);
	if (!t->slots || !t->by_pid)
		ret = pvtb_err_sys(err, -ENOMEM, "tracing");
	if (!ret)
		ret = load(t, err);
	if (!ret)
		ret = start_consumer(t, err);
	if (!ret && opts->exits && (!t->has_exits || t->programs.facts & PVTB_FACT_EXITS))
		ret = pvtb_trace_exits(t, true, err);
	if (ret) {
		pvtb_trace_close(t);
		return ret;
	}
	*ret_trace = t;
	return 0;
}

void pvtb_trace_close(struct pvtb_trace *t)
{
	struct cds_lfht_iter iter;
	struct pvtb_stream *s;

	if (!t)
		return;
	if (t->consuming) {
		pthread_mutex_lock(&t->sleep_lock);
		t->stop = true;
		pthread_cond_signal(&t->wake);
		pthread_mutex_unlock(&t->sleep_lock);
		pthread_join(t->consumer, NULL);
		pthread_cond_destroy(&t->wake);
	}
	pvtb_programs_detach_exits(&t->programs);
	while (t->by_pid) {
		rcu_register_thread();
		rcu_read_lock();
		cds_lfht_first(t->by_pid, &iter);
		s = cds_lfht_iter_get_node(&iter) ? caa_container_of(cds_lfht_iter_get_node(&iter),
								     struct pvtb_stream, node)
						  : NULL;
		rcu_read_unlock();
		rcu_unregister_thread();
		if (!s)
			break;
		pvtb_trace_unregister(t, s);
	}
	if (t->by_pid)
		cds_lfht_destroy(t->by_pid, NULL);
	pvtb_programs_unload(&t->programs);
	pthread_mutex_destroy(&t->registering);
	pthread_mutex_destroy(&t->sleep_lock);
	free(t->slots);
	free(t);
}

static int attach_exits(struct pvtb_trace *t, struct pvtb_err *err)
{
	/* What was open when tracing stopped must not be paired with an entry of today. */
	for (u32 slot = 1; slot <= t->max_threads; slot++) {
		__atomic_store_n(&t->shm->threads[slot].open, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&t->shm->threads[slot].user, 0, __ATOMIC_RELAXED);
	}
	return pvtb_programs_attach_exits(&t->programs, err);
}

/* Exits come faster than what the consumer chose its sleep for. */
static void hurry(struct pvtb_trace *t)
{
	pthread_mutex_lock(&t->sleep_lock);
	__atomic_store_n(&t->exits, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->sleep_lock);
}

int pvtb_trace_exits(struct pvtb_trace *t, bool on, struct pvtb_err *err)
{
	if (on == (t->programs.exit_link != NULL))
		return 0;
	if (on) {
		int ret = t->has_exits ? attach_exits(t, err) : no_exits(err);

		if (!ret)
			hurry(t);
		return ret;
	}
	__atomic_store_n(&t->exits, false, __ATOMIC_RELAXED);
	pvtb_programs_detach_exits(&t->programs);
	return 0;
}

bool pvtb_trace_sees_user(const struct pvtb_trace *t)
{
	return t->programs.facts & PVTB_FACT_USER_EXITS;
}

u32 pvtb_trace_facts(const struct pvtb_trace *t)
{
	return t->programs.facts;
}

int pvtb_trace_need(const struct pvtb_trace *t, u32 facts, struct pvtb_err *err)
{
	if (facts & PVTB_FACT_EXITS && !t->has_exits)
		return no_exits(err);
	return pvtb_programs_need(&t->programs, facts, err);
}

u64 pvtb_trace_missed(const struct pvtb_trace *t)
{
	return pvtb_programs_missed(&t->programs);
}

/* ---- registration ---- */

/*
 * A slot given up from outside is free again when no CPU has it as its current one. After the
 * membarrier, any switch that read slot_of_pid before it was cleared has ended.
 */
static void reclaim_slots(struct pvtb_trace *t)
{
	bool current[PVTB_TRACE_MAX_THREADS] = {false};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return;
	for (u32 cpu = 0; cpu < PVTB_TRACE_MAX_CPUS; cpu++) {
		u32 offset = __atomic_load_n(&t->shm->cpus[cpu].thread, __ATOMIC_ACQUIRE);

		if (offset)
			current[(offset - offsetof(struct pvtb_trace_shm, threads)) /
				sizeof(struct pvtb_trace_thread)] = true;
	}
	for (u32 slot = 1; slot <= t->max_threads; slot++)
		t->slots[slot].dirty &= current[slot];
}

static u32 clean_slot(const struct pvtb_trace *t)
{
	for (u32 slot = 1; slot <= t->max_threads; slot++)
		if (!t->slots[slot].pid && !t->slots[slot].dirty)
			return slot;
	return 0;
}

static u32 free_slot(struct pvtb_trace *t)
{
	u32 slot = clean_slot(t);

	if (slot)
		return slot;
	reclaim_slots(t);
	return clean_slot(t);
}

static struct pvtb_stream *stream_new(struct pvtb_trace *t, u32 slot)
{
	struct pvtb_stream *s = calloc(1, sizeof(*s));
	struct pvtb_trace_thread *th = &t->shm->threads[slot];

	if (!s)
		return NULL;
	memset(th, 0, sizeof(*th));
	th->ring = offsetof(struct pvtb_trace_shm, rings) + (slot - 1) * t->ring_bytes;
	th->mask = t->ring_bytes - 1;
	s->trace = t;
	s->missed = pvtb_programs_missed(&t->programs);
	s->thread = th;
	s->slot = slot;
	s->ring = (const char *)t->shm + th->ring;
	s->len = s->counts.ring_len = t->ring_bytes / REC;
	pthread_mutex_init(&s->ingest, NULL);
	pthread_mutex_init(&s->reading, NULL);
	cds_wfcq_init(&s->head, &s->tail);
	cds_lfht_node_init(&s->node);
	return s;
}

static void stream_free(struct pvtb_stream *s)
{
	struct cds_wfcq_node *node;

	while ((node = cds_wfcq_dequeue_blocking(&s->head, &s->tail)))
		free(caa_container_of(node, struct chunk, node));
	for (size_t i = 0; i < s->nr_chunks; i++)
		free(s->chunks[i]);
	free(s->chunks);
	cds_wfcq_destroy(&s->head, &s->tail);
	pthread_mutex_destroy(&s->ingest);
	pthread_mutex_destroy(&s->reading);
	free(s);
}

/* The caller: only it can say that it is current here and now. */
static int register_self(struct pvtb_trace *t, struct pvtb_stream *s, struct pvtb_err *err)
{
	int ret = pvtb_programs_need(&t->programs, PVTB_FACT_SELF, err);

	if (ret)
		return ret;
	ret = pvtb_programs_run(t->programs.skel->progs.thread_register, -1, s->slot, &s->pid);
	if (ret)
		return pvtb_err_sys(err, ret, "eBPF program: run");
	if (!s->pid)
		return pvtb_err_set(err, -EEXIST, "tracing", "this thread is registered already");
	return 0;
}

/* Run the iterator over the one thread; what it did is in the request. */
static int iterate(struct pvtb_trace *t, pid_t tid, struct pvtb_err *err)
{
	union bpf_iter_link_info info = {.task.tid = (u32)tid};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link;
	char none[64];
	int fd, ret = pvtb_programs_need(&t->programs, PVTB_FACT_OTHERS, err);

	if (ret)
		return ret;
	link = bpf_program__attach_iter(t->programs.skel->progs.thread_register_other, &opts);
	if (!link)
		return pvtb_err_sys(err, -errno, "eBPF task iterator");
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0 || read(fd, none, sizeof(none)) < 0)
		ret = pvtb_err_sys(err, -errno, "eBPF task iterator");
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return ret;
}

static int register_other(struct pvtb_trace *t, struct pvtb_stream *s, pid_t tid,
			  struct pvtb_err *err)
{
	struct pvtb_trace_request *req = &t->shm->request;
	int ret;

	*req = (struct pvtb_trace_request){.slot = s->slot};
	ret = iterate(t, tid, err);
	if (ret)
		return ret;
	s->pid = __atomic_load_n(&req->pid, __ATOMIC_ACQUIRE);
	switch (__atomic_load_n(&req->outcome, __ATOMIC_ACQUIRE)) {
	case PVTB_TRACE_REGISTERED:
		return 0;
	case PVTB_TRACE_ALREADY:
		return pvtb_err_set(err, -EEXIST, "tracing", "thread %d is registered already",
				    (int)tid);
	case PVTB_TRACE_EXITING:
		t->slots[s->slot].dirty = true;
		return pvtb_err_set(err, -ESRCH, "tracing", "thread %d is ending", (int)tid);
	default:
		return pvtb_err_set(err, -ESRCH, "tracing", "there is no thread %d", (int)tid);
	}
}

/* @tid 0: the caller. */
static int register_locked(struct pvtb_trace *t, pid_t tid, struct pvtb_stream **ret_stream,
			   struct pvtb_err *err)
{
	u32 slot = free_slot(t);
	struct pvtb_stream *s;
	int ret;

	if (!slot)
		return pvtb_err_set(err, -EUSERS, "tracing", "all %u rings are in use",
				    t->max_threads);
	s = stream_new(t, slot);
	if (!s)
		return pvtb_err_sys(err, -ENOMEM, "tracing");
	ret = tid ? register_other(t, s, tid, err) : register_self(t, s, err);
	if (ret) {
		stream_free(s);
		return ret;
	}
	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_add(t->by_pid, hash_pid(s->pid), &s->node);
	rcu_read_unlock();
	rcu_unregister_thread();
	t->slots[slot].seen = 0;
	__atomic_store_n(&t->slots[slot].pid, s->pid, __ATOMIC_RELEASE);
	*ret_stream = s;
	return 0;
}

static int register_thread(struct pvtb_trace *t, pid_t tid, struct pvtb_stream **ret_stream,
			   struct pvtb_err *err)
{
	int ret;

	pthread_mutex_lock(&t->registering);
	ret = register_locked(t, tid, ret_stream, err);
	pthread_mutex_unlock(&t->registering);
	return ret;
}

int pvtb_trace_register(struct pvtb_trace *t, struct pvtb_stream **ret_stream, struct pvtb_err *err)
{
	return register_thread(t, 0, ret_stream, err);
}

int pvtb_trace_register_tid(struct pvtb_trace *t, pid_t tid, struct pvtb_stream **ret_stream,
			    struct pvtb_err *err)
{
	if (tid <= 0)
		return pvtb_err_set(err, -ESRCH, "tracing", "there is no thread %d", (int)tid);
	return register_thread(t, tid, ret_stream, err);
}

bool pvtb_stream_ended(const struct pvtb_stream *s)
{
	return !__atomic_load_n(&s->thread->pid, __ATOMIC_ACQUIRE);
}

void pvtb_trace_unregister(struct pvtb_trace *t, struct pvtb_stream *s)
{
	u32 was_caller = 0, slot;

	if (!s)
		return;
	slot = s->slot;
	pthread_mutex_lock(&t->registering);
	if (!(t->programs.facts & PVTB_FACT_SELF) ||
	    pvtb_programs_run(t->programs.skel->progs.thread_unregister, -1, slot, &was_caller) ||
	    !was_caller) {
		/* 0 when the thread has ended: then no CPU has it. */
		u32 pid = __atomic_exchange_n(&s->thread->pid, 0, __ATOMIC_ACQ_REL);

		if (pid)
			__atomic_store_n(&t->shm->slot_of_pid[pid], 0, __ATOMIC_RELEASE);
		t->slots[slot].dirty = pid != 0;
	}
	rcu_register_thread();
	rcu_read_lock();
	cds_lfht_del(t->by_pid, &s->node);
	rcu_read_unlock();
	rcu_unregister_thread();
	__atomic_store_n(&t->slots[slot].pid, 0, __ATOMIC_RELEASE);
	synchronize_rcu();
	pthread_mutex_unlock(&t->registering);
	stream_free(s);
}

/* ---- who had the CPU ---- */

/* Numbers of the initial namespace mean something in /proc only there. */
static bool in_initial_pid_ns(void)
{
	static const char initial[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO */
	char name[64];
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof(name));

	return n == sizeof(initial) - 1 && !memcmp(name, initial, sizeof(initial) - 1);
}

/* Is "cpu" in the controllers of a line "5:cpu,cpuacct:/path"? */
static bool has_cpu(const char *controllers, const char *end)
{
	while (controllers < end) {
		size_t len = strcspn(controllers, ",:");

		if (len == 3 && !memcmp(controllers, "cpu", 3))
			return true;
		controllers += len + 1;
	}
	return false;
}

/* The path of the line of the cpu controller (v1), else of the unified hierarchy's. */
static void read_cgroup(u32 tgid, u32 pid, char *out, size_t size)
{
	char path[64], line[512];
	FILE *f PVTB_FCLOSE = NULL;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/cgroup", tgid, pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':');
		char *at = controllers ? strchr(controllers + 1, ':') : NULL;
		bool cpu = at && has_cpu(controllers + 1, at);

		if (at && (cpu || at == controllers + 1))
			snprintf(out, size, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
		if (cpu)
			return;
	}
}

int pvtb_trace_who(const struct pvtb_trace *t, u32 pid, struct pvtb_trace_who *ret)
{
	const struct pvtb_trace_name *name = &t->shm->names[pid & (PVTB_TRACE_NAMES - 1)];

	*ret = (struct pvtb_trace_who){.pid = pid};
	if (!pid) {
		snprintf(ret->comm, sizeof(ret->comm), "idle");
		return 0;
	}
	if (__atomic_load_n(&name->pid, __ATOMIC_ACQUIRE) != pid)
		return -ENOENT;
	ret->tgid = name->tgid;
	memcpy(ret->comm, name->comm, sizeof(ret->comm));
	ret->comm[sizeof(ret->comm) - 1] = '\0';
	if (in_initial_pid_ns())
		read_cgroup(ret->tgid, pid, ret->cgroup, sizeof(ret->cgroup));
	return 0;
}

/* ---- reading ---- */

u64 pvtb_stream_mark(struct pvtb_stream *s, bool *ret_open)
{
	if (ret_open)
		*ret_open = __atomic_load_n(&s->thread->open, __ATOMIC_RELAXED) != 0;
	return written(s);
}

/* Out of memory: the chunk's records are lost, and counted so. */
static void take_queue(struct pvtb_stream *s)
{
	struct cds_wfcq_node *node;

	while ((node = cds_wfcq_dequeue_blocking(&s->head, &s->tail))) {
		struct chunk *c = caa_container_of(node, struct chunk, node);

		if (s->nr_chunks == s->cap_chunks) {
			size_t cap = s->cap_chunks * 2 + 16;
			struct chunk **bigger = realloc(s->chunks, cap * sizeof(*bigger));

			if (!bigger) {
				pthread_mutex_lock(&s->ingest);
				s->counts.lost += c->n;
				pthread_mutex_unlock(&s->ingest);
				free(c);
				continue;
			}
			s->chunks = bigger;
			s->cap_chunks = cap;
		}
		s->chunks[s->nr_chunks++] = c;
	}
}

/* First chunk that ends after @index. */
static size_t find_chunk(const struct pvtb_stream *s, u64 index)
{
	size_t lo = 0, hi = s->nr_chunks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->chunks[mid]->first + s->chunks[mid]->n <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

ssize_t pvtb_stream_read(struct pvtb_stream *s, u64 first, u64 n, struct pvtb_rec *out,
			 u64 *ret_lost)
{
	u64 end, got = 0, head = written(s);

	end = first + n < head ? first + n : head;
	ingest(s);
	pthread_mutex_lock(&s->reading);
	take_queue(s);
	for (size_t i = find_chunk(s, first); i < s->nr_chunks; i++) {
		const struct chunk *c = s->chunks[i];
		u64 from = c->first > first ? c->first : first;
		u64 to = c->first + c->n < end ? c->first + c->n : end;

		if (from >= end)
			break;
		memcpy(out + got, c->recs + (from - c->first), (to - from) * REC);
		got += to - from;
	}
	pthread_mutex_unlock(&s->reading);
	if (ret_lost)
		*ret_lost = (end > first ? end - first : 0) - got;
	return (ssize_t)got;
}

void pvtb_stream_discard(struct pvtb_stream *s, u64 before)
{
	size_t gone;

	pthread_mutex_lock(&s->reading);
	take_queue(s);
	gone = find_chunk(s, before);
	for (size_t i = 0; i < gone; i++)
		free(s->chunks[i]);
	s->nr_chunks -= gone;
	if (s->nr_chunks)
		memmove(s->chunks, s->chunks + gone, s->nr_chunks * sizeof(*s->chunks));
	pthread_mutex_unlock(&s->reading);
}

void pvtb_stream_counts(struct pvtb_stream *s, struct pvtb_trace_counts *ret)
{
	pthread_mutex_lock(&s->ingest);
	ingest_locked(s);
	*ret = s->counts;
	pthread_mutex_unlock(&s->ingest);
	ret->missed = pvtb_programs_missed(&s->trace->programs) - s->missed;
	ret->lost += ret->missed;
}
