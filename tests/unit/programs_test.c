// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a session still records when the kernel refuses one of its programs, on the machine the test
 * runs on: each program is made unloadable in turn. Nothing here needs KVM. Skipped where tracing is
 * not possible.
 *
 * wrap: bpf_obj_get_info_by_fd
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "trace/trace.h"

#define SCHEDULER (PVTB_FACT_SWITCHES | PVTB_FACT_WAKEUPS | PVTB_FACT_MIGRATIONS)
#define ALL	  (PVTB_FACTS_SCHEDULER | PVTB_FACT_SELF | PVTB_FACT_OTHERS)

static u64 misses;
int __real_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *len);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *len);
int __wrap_bpf_obj_get_info_by_fd(int fd, void *info, __u32 *len)
{
	int ret = __real_bpf_obj_get_info_by_fd(fd, info, len);

	if (!ret && *len >= sizeof(struct bpf_prog_info))
		((struct bpf_prog_info *)info)->recursion_misses += misses;
	return ret;
}

static char said[65536];

static void say(const char *text)
{
	size_t used = strlen(said);

	snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

/* A session without @program; NULL, with the reason, where it has none. */
static struct pvtb_trace *open_without(const char *program, struct pvtb_err *err)
{
	const struct pvtb_trace_opts opts = {.max_threads = 2};
	struct pvtb_trace *trace = NULL;

	assert_int_equal(pvtb_trace_break(program, err), 0);
	if (pvtb_trace_open(&opts, &trace, err))
		trace = NULL;
	assert_int_equal(pvtb_trace_break(NULL, NULL), 0);
	return trace;
}

static u32 facts_without(const char *program)
{
	struct pvtb_err err = {0};
	struct pvtb_trace *trace = open_without(program, &err);
	u32 facts = trace ? pvtb_trace_facts(trace) & ALL : 0;

	pvtb_trace_close(trace);
	return facts;
}

static void test_each(void **state)
{
	assert_int_equal(facts_without(NULL), ALL);
	assert_int_equal(facts_without("sched_wakeup"), ALL & ~PVTB_FACT_WAKEUPS);
	assert_int_equal(facts_without("sched_migrate_task"),
			 ALL & ~(PVTB_FACT_MIGRATIONS | PVTB_FACT_THROTTLING));
	assert_int_equal(facts_without("cpu_register"), ALL & ~PVTB_FACT_THROTTLING);
	assert_int_equal(facts_without("thread_register"), ALL & ~PVTB_FACT_SELF);
	assert_int_equal(facts_without("thread_unregister"), ALL & ~PVTB_FACT_SELF);
	assert_int_equal(facts_without("thread_register_other"), ALL & ~PVTB_FACT_OTHERS);
	/* nothing is known without it */
	assert_int_equal(facts_without("sched_switch"), 0);
}

/* The reason names the program, the kernel and what the verifier said last; -v gives all of that. */
static void test_reason(void **state)
{
	struct pvtb_err err = {0};
	struct pvtb_trace *trace;
	struct utsname u;

	said[0] = '\0';
	pvtb_trace_verbose(say);
	trace = open_without("sched_wakeup", &err);
	pvtb_trace_verbose(NULL);
	assert_non_null(trace);
	assert_int_equal(pvtb_trace_need(trace, SCHEDULER, &err), -EOPNOTSUPP);
	assert_int_equal(uname(&u), 0);
	assert_non_null(strstr(err.why, "waits after a wake-up"));
	assert_non_null(strstr(err.why, "sched_wakeup"));
	assert_non_null(strstr(err.why, u.release));
	assert_non_null(strstr(err.why, "BPF_EXIT uses reserved fields"));
	assert_non_null(strstr(said, "sched_wakeup"));
	assert_non_null(strstr(said, "BPF_EXIT uses reserved fields"));
	assert_int_equal(pvtb_trace_need(trace, PVTB_FACT_SWITCHES | PVTB_FACT_SELF, &err), 0);
	pvtb_trace_close(trace);
}

/* What is still recorded is recorded as ever: a thread's switches, without its wake-ups. */
static void test_still_records(void **state)
{
	struct pvtb_err err = {0};
	struct pvtb_trace *trace = open_without("sched_wakeup", &err);
	struct pvtb_stream *stream;
	struct pvtb_rec rec;
	u64 outs = 0, end, lost;

	assert_non_null(trace);
	assert_int_equal(pvtb_trace_register(trace, &stream, &err), 0);
	for (int i = 0; i < 20; i++)
		usleep(1000);
	end = pvtb_stream_mark(stream, NULL);
	for (u64 i = 0; i < end; i++) {
		assert_int_equal(pvtb_stream_read(stream, i, 1, &rec, &lost), 1);
		outs += rec.kind == PVTB_REC_SCHED_OUT;
		if (rec.kind == PVTB_REC_SCHED_IN)
			assert_int_equal(rec.t1_ns, 0);
	}
	assert_true(outs >= 20);
	pvtb_trace_unregister(trace, stream);
	pvtb_trace_close(trace);
}

/* A registration that is not there is refused with its reason, and the other kind works. */
static void test_registrations(void **state)
{
	struct pvtb_err err = {0};
	struct pvtb_trace *trace = open_without("thread_register", &err);
	struct pvtb_stream *stream;

	assert_non_null(trace);
	assert_int_equal(pvtb_trace_register(trace, &stream, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.why, "thread_register"));
	assert_int_equal(pvtb_trace_register_tid(trace, getpid(), &stream, &err), 0);
	pvtb_trace_unregister(trace, stream);
	pvtb_trace_close(trace);
	trace = open_without("thread_register_other", &err);
	assert_non_null(trace);
	assert_int_equal(pvtb_trace_register_tid(trace, getpid(), &stream, &err), -EOPNOTSUPP);
	assert_int_equal(pvtb_trace_register(trace, &stream, &err), 0);
	pvtb_trace_unregister(trace, stream);
	pvtb_trace_close(trace);
}

static void test_unknown(void **state)
{
	struct pvtb_err err = {0};

	assert_int_equal(pvtb_trace_break("kvm_exit2", &err), -ENOENT);
	assert_non_null(strstr(err.why, "no such eBPF program"));
}

/* Programs that were not run are records lost, from when the thread was registered. */
static void test_missed(void **state)
{
	struct pvtb_err err = {0};
	struct pvtb_trace *trace = open_without(NULL, &err);
	struct pvtb_trace_counts before, after;
	struct pvtb_stream *stream;

	assert_non_null(trace);
	misses = 5; /* of a time before */
	assert_int_equal(pvtb_trace_register(trace, &stream, &err), 0);
	pvtb_stream_counts(stream, &before);
	assert_int_equal(before.missed, 0);
	misses = 7;
	pvtb_stream_counts(stream, &after);
	assert_true(after.missed > 0);
	assert_int_equal(after.lost - before.lost, after.missed);
	misses = 0;
	pvtb_trace_unregister(trace, stream);
	pvtb_trace_close(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),	      cmocka_unit_test(test_reason),
		cmocka_unit_test(test_still_records), cmocka_unit_test(test_registrations),
		cmocka_unit_test(test_unknown),	      cmocka_unit_test(test_missed),
	};
	struct pvtb_err err = {0};
	int ret = pvtb_trace_possible(&err);

	if (ret && ret != -ENOTSUP) {
		printf("SKIP: %s\n", err.why);
		return 4;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
