// SPDX-License-Identifier: GPL-2.0-only
/*
 * In which order a latency variant is measured, on a guest that is played: the CPU works for a while before
 * anything counts, the empty loop is measured before the operation and after it, and what single
 * operations cost is held against batches.
 *
 * wrap: pvtb_vm_new pvtb_vm_free pvtb_vm_has_op pvtb_vm_counter_delta pvtb_vm_ring latency_run_pass
 * wrap: latency_save_file
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <time.h>

#include "bench/latency/engine.h"

#define SAMPLES 100
#define STEPS	8

static struct played {
	struct pvtb_result *result;
	struct pvtb_run run;
	struct pvtb_sample ring[SAMPLES];
	u64 begin_ns;
	unsigned int loops; /* passes before the first that counts */
	u64 loops_ns;
	const char *loop_op;
	unsigned int nr;
	const char *singles[STEPS]; /* operations of what counts, in order */
	u64 ticks[STEPS];	    /* what each operation of such a pass takes */
	u64 batch_ticks;	    /* ... and one in a batch */
} * play;

int __wrap_pvtb_vm_new(const struct pvtb_vm_spec *spec, struct pvtb_vm **ret, struct pvtb_err *err);
int __wrap_pvtb_vm_new(const struct pvtb_vm_spec *spec, struct pvtb_vm **ret, struct pvtb_err *err)
{
	*ret = NULL;
	return 0;
}

void __wrap_pvtb_vm_free(struct pvtb_vm *vm);
void __wrap_pvtb_vm_free(struct pvtb_vm *vm)
{
}

bool __wrap_pvtb_vm_has_op(struct pvtb_vm *vm, const char *op);
bool __wrap_pvtb_vm_has_op(struct pvtb_vm *vm, const char *op)
{
	return true;
}

int __wrap_pvtb_vm_counter_delta(struct pvtb_vm *vm, unsigned int vcpu, s64 *ret_delta,
				 u64 *ret_unc, struct pvtb_err *err);
int __wrap_pvtb_vm_counter_delta(struct pvtb_vm *vm, unsigned int vcpu, s64 *ret_delta,
				 u64 *ret_unc, struct pvtb_err *err)
{
	*ret_delta = 0;
	*ret_unc = 0;
	return 0;
}

const struct pvtb_sample *__wrap_pvtb_vm_ring(struct pvtb_vm *vm, unsigned int vcpu, u64 *ret_len);
const struct pvtb_sample *__wrap_pvtb_vm_ring(struct pvtb_vm *vm, unsigned int vcpu, u64 *ret_len)
{
	*ret_len = SAMPLES;
	return play->ring;
}

int __wrap_latency_save_file(struct latency_session *s, const char *what,
			     enum pvtb_samples_kind kind, size_t size, const void *data, size_t n,
			     struct pvtb_err *err);
int __wrap_latency_save_file(struct latency_session *s, const char *what,
			     enum pvtb_samples_kind kind, size_t size, const void *data, size_t n,
			     struct pvtb_err *err)
{
	return 0;
}

/* Each pass takes a millisecond. Batches: a line through 0. */
int __wrap_latency_run_pass(struct latency_session *s, struct latency_pass *p, u64 warmup,
			    struct pvtb_err *err);
int __wrap_latency_run_pass(struct latency_session *s, struct latency_pass *p, u64 warmup,
			    struct pvtb_err *err)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	nanosleep(&ms, NULL);
	p->cmd.taken = SAMPLES;
	p->cmd.ops = SAMPLES;
	if (p->mode == PVTB_MODE_BATCH) {
		u64 per_op = strcmp(p->op, "empty") ? play->batch_ticks : 1;

		for (size_t i = 0; i < SAMPLES; i++)
			play->ring[i] = (struct pvtb_sample){.t1 = per_op * p->batch *
								   (1 + i % LATENCY_BATCH_STEPS)};
		return 0;
	}
	if (p->mode == PVTB_MODE_LOOP) {
		if (play->nr)
			return 0;
		play->loop_op = p->op;
		play->loops++;
		return 0;
	}
	if (!play->nr)
		play->loops_ns = pvtb_mono_ns() - play->begin_ns;
	assert_true(play->nr < STEPS);
	for (size_t i = 0; i < SAMPLES; i++)
		play->ring[i] = (struct pvtb_sample){.t0 = 1000 * i,
						     .t1 = 1000 * i + play->ticks[play->nr]};
	play->singles[play->nr++] = p->op;
	return 0;
}

static int setup(void **state)
{
	static const struct pvtb_profile profile = {
		.name = "quick", .samples = SAMPLES, .samples_emulated = SAMPLES, .warmup = 200};

	play = calloc(1, sizeof(*play));
	if (!play)
		return -1;
	play->result = pvtb_result_new("", "quick");
	play->run.host = pvtb_result_add_host(play->result, "native");
	play->run.host->counter_hz = 1000000000;
	play->run.profile = &profile;
	play->run.arch = PVTB_ARCH_X86_64;
	play->run.caps.ring0_usable = true;
	play->run.vcpu_cpu = -1;
	return 0;
}

static int teardown(void **state)
{
	pvtb_result_free(play->result);
	free(play);
	return 0;
}

static const struct pvtb_variant_result *measure(bool emulated)
{
	static const struct pvtb_variant var = {
		.name = "op", .summary = "", .archs = PVTB_ARCH_ANY, .op = "op"};
	static const struct pvtb_bench bench = {
		.name = "played", .summary = "", .variants = &var, .nr_variants = 1};
	struct pvtb_err err = {0};

	play->run.emulated = emulated;
	play->begin_ns = pvtb_mono_ns();
	assert_int_equal(pvtb_latency_run(&bench, &play->run, &err), 0);
	return pvtb_host_variant(play->run.host, "played", "op");
}

/* A CPU that was idle has not the frequency it will have: 200 operations do not change it, 50 ms do. */
static void the_cpu_is_warm(void **state)
{
	measure(false);
	assert_true(play->loops > 0);
	assert_string_equal(play->loop_op, "empty");
	assert_true(play->loops_ns >= 50000000);
}

/* An emulator has no frequency, and its milliseconds are many instructions. */
static void an_emulator_is_not_warmed(void **state)
{
	measure(true);
	assert_int_equal(play->loops, 0);
	assert_int_equal(play->nr, 3);
}

/* Taken off is the middle of the empty loop before and behind: a CPU that gets faster in between is not
 * only in one of them. */
static void the_empty_loop_is_on_both_sides(void **state)
{
	const struct pvtb_variant_result *v;
	const struct pvtb_metric *m;

	memcpy(play->ticks, (u64[]){30, 500, 20}, 3 * sizeof(u64));
	v = measure(false);
	assert_int_equal(play->nr, 3);
	assert_string_equal(play->singles[0], "empty");
	assert_string_equal(play->singles[1], "op");
	assert_string_equal(play->singles[2], "empty");
	m = pvtb_variant_metric(v, "empty.p50");
	assert_non_null(m);
	assert_true(m->value == 25);
	m = pvtb_variant_metric(v, "corrected.p50");
	assert_non_null(m);
	assert_true(m->value == 475);
}

static enum pvtb_status law(const struct pvtb_variant_result *v, const char *name)
{
	for (size_t i = 0; i < v->nr_laws; i++)
		if (!strcmp(v->laws[i].name, name))
			return v->laws[i].status;
	fail_msg("no law %s", name);
	return PVTB_INVALID;
}

/* Alone and in a batch an operation costs the same, or the variant fails. */
static void single_and_batch_are_compared(void **state)
{
	memcpy(play->ticks, (u64[]){20, 500, 20}, 3 * sizeof(u64));
	play->batch_ticks = 481;
	assert_int_equal(law(measure(false), "agreement"), PVTB_OK);
}

static void single_and_batch_differ(void **state)
{
	const struct pvtb_variant_result *v;

	memcpy(play->ticks, (u64[]){20, 500, 20}, 3 * sizeof(u64));
	play->batch_ticks = 100;
	v = measure(false);
	assert_int_equal(law(v, "agreement"), PVTB_FAIL);
	assert_int_equal(v->status, PVTB_FAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_cpu_is_warm, setup, teardown),
		cmocka_unit_test_setup_teardown(an_emulator_is_not_warmed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_empty_loop_is_on_both_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(single_and_batch_are_compared, setup, teardown),
		cmocka_unit_test_setup_teardown(single_and_batch_differ, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
