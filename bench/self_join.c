// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_join: how fast ingest and join are, and how much memory they take, on one core. The input
 * is a pair of raw sample files made here, of the form a traced run leaves; what is measured is
 * reading, decompressing, aligning and joining them, not what is in them. Needs neither a VM nor KVM.
 */
#include "bench.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <string.h>

#include "core/progress.h"
#include "core/signals.h"
#include "results/samples.h"

#define OPS		 (1U << 19)
#define OPS_EMULATED	 (1U << 17) /* an emulated host has little memory and no hurry */
#define LONGER		 8
#define REPEATS		 5
#define WARMUP		 100
#define CHUNK		 1024
#define REASON		 0x81
#define REASON_INTR	 0x60
#define COUNTER_HZ	 2600000000ULL
/* What allocators and the kernel's accounting of pages leave uncertain. */
#define MEMORY_SLACK_KIB 512

struct streams {
	char guest[512], host[512]; /* files */
	struct pvtb_clock_map map;
	u64 ops, records;
};

/* ---- making the input ---- */

struct maker {
	struct pvtb_samples_writer *guest, *host;
	struct pvtb_sample samples[CHUNK];
	struct pvtb_rec records[CHUNK];
	size_t nr_samples, nr_records;
	u64 now_ns, seed, made;
};

/* xorshift: durations that do not compress to nothing. */
static u64 jitter(struct maker *m, u64 below)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return m->seed % below;
}

static int flush(struct maker *m, struct pvtb_err *err)
{
	int ret = pvtb_samples_write(m->guest, m->samples, m->nr_samples, err);

	if (!ret)
		ret = pvtb_samples_write(m->host, m->records, m->nr_records, err);
	m->nr_samples = 0;
	m->nr_records = 0;
	return ret;
}

static void add_record(struct maker *m, u8 kind, u64 t0_ns, u64 t1_ns, u32 reason)
{
	m->records[m->nr_records++] = (struct pvtb_rec){
		.t0_ns = t0_ns,
		.t1_ns = t1_ns,
		.pc = PVTB_GPA_IMAGE,
		.reason = reason,
		.cpu = 1,
		.kind = kind,
	};
	m->made++;
}

static void one_op(struct maker *m, const struct streams *s, u64 i)
{
	struct pvtb_sample *sample = &m->samples[m->nr_samples];
	u64 exit_ns;

	sample->t0 = pvtb_clock_to_guest(&s->map, m->now_ns);
	m->now_ns += 300 + jitter(m, 100);
	if (i % 1000 == 999) { /* the host's timer tick */
		add_record(m, PVTB_REC_PAIR, m->now_ns, m->now_ns + 2000, REASON_INTR);
		m->now_ns += 2300;
	}
	exit_ns = m->now_ns;
	m->now_ns += 600 + jitter(m, 300);
	if (i % 10000 == 9998) {
		add_record(m, PVTB_REC_EXIT, exit_ns, 0, REASON);
		add_record(m, PVTB_REC_SCHED_OUT, m->now_ns, 0, 0);
		m->now_ns += 50000;
		add_record(m, PVTB_REC_SCHED_IN, m->now_ns, m->now_ns - 100, 0);
		m->now_ns += 1000;
		add_record(m, PVTB_REC_ENTRY, 0, m->now_ns, 0);
	} else {
		add_record(m, PVTB_REC_PAIR, exit_ns, m->now_ns, REASON);
	}
	m->now_ns += 200 + jitter(m, 100);
	sample->t1 = pvtb_clock_to_guest(&s->map, m->now_ns);
	m->now_ns += 30;
	if (i >= WARMUP)
		m->nr_samples++;
}

static int fill(struct maker *m, struct streams *s, struct pvtb_err *err)
{
	int ret = 0;

	add_record(m, PVTB_REC_ENTRY, 0, m->now_ns, 0);
	m->now_ns += 500;
	for (u64 i = 0; i < s->ops && !ret; i++) {
		one_op(m, s, i);
		if (m->nr_records > CHUNK - 8)
			ret = flush(m, err);
	}
	s->records = m->made;
	return ret ? ret : flush(m, err);
}

static int create(const char *path, enum pvtb_samples_kind kind, size_t size,
		  struct pvtb_samples_writer **ret_w, struct pvtb_err *err)
{
	json_t *d = json_pack("{s:s}", "purpose", "input of self_join, not a measurement");
	int ret = pvtb_samples_create(path, kind, size, d, 1, ret_w, err);

	json_decref(d);
	return ret;
}

static int make_streams(const char *dir, u64 ops, struct streams *s, struct pvtb_err *err)
{
	const struct pvtb_clock_pair pairs[] = {
		{1000000000, 1000000060, 5000000000},
		/* an hour later, the counter 20 ppm fast */
		{1000000000 + 3600 * (COUNTER_HZ + 52000), 1000000060 + 3600 * (COUNTER_HZ + 52000),
		 5000000000 + 3600 * PVTB_NSEC_PER_SEC},
	};
	struct maker *m PVTB_FREE = calloc(1, sizeof(*m));
	int ret, end;

	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "self_join");
	*s = (struct streams){.ops = ops};
	snprintf(s->guest, sizeof(s->guest), "%s/self_join.guest.%" PRIu64, dir, ops);
	snprintf(s->host, sizeof(s->host), "%s/self_join.host.%" PRIu64, dir, ops);
	m->seed = 88172645463325252ULL;
	m->now_ns = 6000000000;
	ret = pvtb_clock_fit(pairs, 2, COUNTER_HZ, -123456789, 0, &s->map, err);
	if (!ret)
		ret = create(s->guest, PVTB_SAMPLES_GUEST, sizeof(m->samples[0]), &m->guest, err);
	if (!ret)
		ret = create(s->host, PVTB_SAMPLES_HOST, sizeof(m->records[0]), &m->host, err);
	if (!ret)
		ret = fill(m, s, err);
	if (ret) {
		pvtb_samples_abort(m->guest);
		pvtb_samples_abort(m->host);
		return ret;
	}
	ret = pvtb_samples_finish(m->guest, err);
	end = pvtb_samples_finish(m->host, ret ? NULL : err);
	return ret ? ret : end;
}

static void remove_streams(const struct streams *s)
{
	if (s->guest[0])
		unlink(s->guest);
	if (s->host[0])
		unlink(s->host);
}

/* ---- the measured part ---- */

struct source {
	struct pvtb_samples_reader *reader;
	struct pvtb_err *err;
};

static ssize_t next_samples(void *ctx, struct pvtb_sample *out, size_t max)
{
	struct source *src = ctx;

	return pvtb_samples_read(src->reader, out, max, src->err);
}

static ssize_t next_records(void *ctx, struct pvtb_rec *out, size_t max)
{
	struct source *src = ctx;

	return pvtb_samples_read(src->reader, out, max, src->err);
}

/* As cheap as a sink can be that looks at every joined sample. */
static int sum(void *ctx, const struct pvtb_joined *j)
{
	*(s64 *)ctx += j->handling_ns;
	return 0;
}

static int join_files(const struct streams *s, struct pvtb_join_result *res, struct pvtb_err *err)
{
	struct source guest = {.err = err}, host = {.err = err};
	s64 handling_ns = 0;
	struct pvtb_join_input in = {
		.law = {.law = PVTB_LAW_ONE_EXIT,
			.match = {{REASON, ~0U}},
			.nr_match = 1,
			.intr = {{REASON_INTR, ~0U}},
			.nr_intr = 1,
			.pc_first = PVTB_GPA_IMAGE,
			.pc_last = PVTB_GPA_IMAGE_END},
		.map = &s->map,
		.ops = s->ops,
		.warmup = WARMUP,
		.ops_per_sample = 1,
		.samples = next_samples,
		.samples_ctx = &guest,
		.records = next_records,
		.records_ctx = &host,
		.sink = sum,
		.sink_ctx = &handling_ns,
	};
	int ret = pvtb_samples_open(s->guest, &guest.reader, err);

	if (!ret)
		ret = pvtb_samples_open(s->host, &host.reader, err);
	if (!ret)
		ret = pvtb_join(&in, res, err);
	pvtb_samples_close(guest.reader);
	pvtb_samples_close(host.reader);
	return ret;
}

static u64 thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* ---- memory ---- */

/* A line of /proc/self/status, in KiB; -errno. */
static s64 status_kib(const char *field)
{
	FILE *f PVTB_FCLOSE = fopen("/proc/self/status", "re");
	size_t len = strlen(field);
	char line[256];

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			return (s64)strtoull(line + len + 1, NULL, 10);
	return -ENODATA;
}

/* Let the high-water mark start from here: what was allocated before is given back first, or it
 * would be used again and not be seen. */
static s64 memory_mark(void)
{
	int fd PVTB_CLOSE = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	malloc_trim(0);
	if (fd < 0)
		return -errno;
	if (write(fd, "5", 1) != 1)
		return -errno;
	return status_kib("VmRSS");
}

/* ---- the benchmark ---- */

struct outcome {
	double per_s, per_s_low, per_s_high; /* events, CPU time of this thread */
	double wall_per_s;
	s64 memory_kib; /* growth of VmHWM, or -errno */
	u64 events;
	struct pvtb_join_result res;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int measure(const struct streams *s, struct outcome *o, struct pvtb_err *err)
{
	double cpu[REPEATS], wall[REPEATS];

	for (unsigned int i = 0; i < REPEATS; i++) {
		s64 before_kib = memory_mark(), peak_kib;
		u64 wall_ns = pvtb_mono_ns(), cpu_ns = thread_cpu_ns();
		int ret = join_files(s, &o->res, err);

		if (ret)
			return ret;
		cpu_ns = thread_cpu_ns() - cpu_ns;
		wall_ns = pvtb_mono_ns() - wall_ns;
		if (pvtb_interrupted())
			return pvtb_err_set(err, -EINTR, "self_join", "interrupted");
		peak_kib = status_kib("VmHWM");
		if (before_kib < 0 || peak_kib < 0)
			o->memory_kib = before_kib < 0 ? before_kib : peak_kib;
		else if (peak_kib - before_kib > o->memory_kib)
			o->memory_kib = peak_kib - before_kib;
		o->events = o->res.samples + o->res.records;
		cpu[i] = (double)o->events * 1e9 / (double)(cpu_ns ? cpu_ns : 1);
		wall[i] = (double)o->events * 1e9 / (double)(wall_ns ? wall_ns : 1);
	}
	qsort(cpu, REPEATS, sizeof(cpu[0]), by_value);
	qsort(wall, REPEATS, sizeof(wall[0]), by_value);
	o->per_s_low = cpu[0];
	o->per_s = cpu[REPEATS / 2];
	o->per_s_high = cpu[REPEATS - 1];
	o->wall_per_s = wall[REPEATS / 2];
	return 0;
}

static int add_metrics(struct pvtb_variant_result *v, const struct outcome *one,
		       const struct outcome *longer)
{
	int ret = pvtb_variant_add_metric(v, "events_per_second", PVTB_UNIT_PER_SECOND,
					  PVTB_KIND_TIME, PVTB_HIGHER_IS_BETTER, longer->per_s,
					  longer->per_s_low, longer->per_s_high, longer->events);

	if (!ret)
		ret = pvtb_variant_add_metric(v, "events_per_second.wall", PVTB_UNIT_PER_SECOND,
					      PVTB_KIND_TIME, PVTB_HIGHER_IS_BETTER,
					      longer->wall_per_s, (double)NAN, (double)NAN,
					      longer->events);
	if (ret || one->memory_kib < 0 || longer->memory_kib < 0)
		return ret;
	ret = pvtb_variant_add_metric(v, "memory_kib", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
				      PVTB_LOWER_IS_BETTER, (double)one->memory_kib, (double)NAN,
				      (double)NAN, one->events);
	if (!ret)
		ret = pvtb_variant_add_metric(v, "memory_kib.8x", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					      PVTB_LOWER_IS_BETTER, (double)longer->memory_kib,
					      (double)NAN, (double)NAN, longer->events);
	return ret;
}

/* The speed of a join that finds the wrong thing is of no interest. */
static int add_laws(struct pvtb_variant_result *v, const struct outcome *one,
		    const struct outcome *longer, const struct streams *s)
{
	const struct pvtb_join_result *r = &longer->res;
	bool right = r->law_holds && !r->causal_violations && r->records == s->records &&
		     r->samples == s->ops - WARMUP && one->res.law_holds;
	bool bounded = longer->memory_kib <= one->memory_kib + MEMORY_SLACK_KIB;
	int ret = pvtb_variant_add_law(
		v, "join", "finds what was put in", right ? PVTB_OK : PVTB_INVALID,
		"%s, %" PRIu64 " causal violations", r->verdict, r->causal_violations);

	if (!right)
		pvtb_variant_set_status(v, PVTB_INVALID, "the join is wrong: %s", r->verdict);
	if (ret)
		return ret;
	if (one->memory_kib < 0 || longer->memory_kib < 0)
		return pvtb_variant_add_law(
			v, "memory", "does not depend on the length", PVTB_SKIP,
			"this kernel does not say: %s",
			strerror((int)-(one->memory_kib < 0 ? one->memory_kib
							    : longer->memory_kib)));
	if (!bounded && right)
		pvtb_variant_set_status(v, PVTB_FAIL, "memory grows with the stream's length");
	return pvtb_variant_add_law(
		v, "memory", "does not depend on the length", bounded ? PVTB_OK : PVTB_FAIL,
		"%" PRId64 " KiB for %" PRIu64 " events, %" PRId64 " KiB for %" PRIu64,
		one->memory_kib, one->events, longer->memory_kib, longer->events);
}

static int self_join_run(const struct pvtb_bench *bench, struct pvtb_run *run, struct pvtb_err *err)
{
	u64 ops = run->emulated ? OPS_EMULATED : OPS;
	struct streams one = {0}, longer = {0};
	struct outcome a = {0}, b = {0};
	struct pvtb_bench_result *br;
	struct pvtb_variant_result *v;
	int ret;

	if (!pvtb_run_wants(run, bench->name, bench->variants[0].name))
		return 0;
	br = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	v = br ? pvtb_bench_add_variant(br, bench->variants[0].name, bench->variants[0].summary)
	       : NULL;
	if (!v)
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	pvtb_progress_update(run->progress, "%s: making streams", bench->name);
	ret = make_streams(run->dir, ops, &one, err);
	if (!ret)
		ret = make_streams(run->dir, ops * LONGER, &longer, err);
	pvtb_progress_update(run->progress, "%s.%s", bench->name, bench->variants[0].name);
	if (!ret)
		ret = measure(&one, &a, err);
	if (!ret)
		ret = measure(&longer, &b, err);
	remove_streams(&one);
	remove_streams(&longer);
	if (ret)
		return ret;
	ret = add_metrics(v, &a, &b);
	if (!ret)
		ret = add_laws(v, &a, &b, &longer);
	return ret ? pvtb_err_sys(err, ret, "%s", bench->name) : 0;
}

static const struct pvtb_variant variants[] = {
	{.name = "files",
	 .summary = "read, decompress, align and join a guest and a host file",
	 .archs = PVTB_ARCH_ANY,
	 .level = PVTB_LEVEL_USER,
	 .law = PVTB_LAW_UNKNOWN},
};

static const char *const this_machine[] = {"native", NULL};

static const struct pvtb_bench self_join = {
	.name = "self_join",
	.summary = "speed and memory of ingest and join",
	.source = "docs/ARCHITECTURE.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.labs = this_machine,
	.without_kvm = true,
	.run = self_join_run,
};
PVTB_BENCH(self_join);
