// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the speed of the migration engine is judged by, on an engine that is played: half of a plain copy's
 * speed on a machine, and nothing in an emulated one. The plain copies are real.
 *
 * wrap: migration_guest_new migration_guest_start pvtb_vm_gpa pvtb_vm_free pvtb_mig_send pvtb_mig_receive
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>

#include "bench/migration/guest.h"
#include "migrate/migrate.h"

#define GUEST_BYTES (256ULL << 20)

static void *memory;
static u64 copy_ns; /* the engine's, of GUEST_BYTES */

int __wrap_migration_guest_new(const struct migration_guest *g, struct pvtb_vm **ret,
			       struct pvtb_err *err);
int __wrap_migration_guest_new(const struct migration_guest *g, struct pvtb_vm **ret,
			       struct pvtb_err *err)
{
	assert_true(g->ring_bytes == GUEST_BYTES);
	*ret = NULL;
	return 0;
}

int __wrap_migration_guest_start(const struct migration_guest *g, struct pvtb_vm *vm,
				 struct pvtb_err *err);
int __wrap_migration_guest_start(const struct migration_guest *g, struct pvtb_vm *vm,
				 struct pvtb_err *err)
{
	return 0;
}

void *__wrap_pvtb_vm_gpa(struct pvtb_vm *vm, u64 gpa);
void *__wrap_pvtb_vm_gpa(struct pvtb_vm *vm, u64 gpa)
{
	return memory;
}

void __wrap_pvtb_vm_free(struct pvtb_vm *vm);
void __wrap_pvtb_vm_free(struct pvtb_vm *vm)
{
}

int __wrap_pvtb_mig_send(struct pvtb_vm *vm, int fd, const struct pvtb_mig_send_opts *opts,
			 struct pvtb_mig_sent *ret, struct pvtb_err *err);
int __wrap_pvtb_mig_send(struct pvtb_vm *vm, int fd, const struct pvtb_mig_send_opts *opts,
			 struct pvtb_mig_sent *ret, struct pvtb_err *err)
{
	ret->bytes = GUEST_BYTES;
	ret->copy_ns = copy_ns;
	return 0;
}

int __wrap_pvtb_mig_receive(int fd, bool way_back, const struct pvtb_mig_receive_opts *opts,
			    struct pvtb_vm **ret_vm, struct pvtb_mig_received *ret,
			    struct pvtb_err *err);
int __wrap_pvtb_mig_receive(int fd, bool way_back, const struct pvtb_mig_receive_opts *opts,
			    struct pvtb_vm **ret_vm, struct pvtb_mig_received *ret,
			    struct pvtb_err *err)
{
	*ret_vm = NULL;
	return 0;
}

static enum pvtb_status judged(bool emulated, u64 engine_ns)
{
	const struct pvtb_bench *b = pvtb_bench_find("self_migrate");
	struct pvtb_result *r = pvtb_result_new("", "quick");
	struct pvtb_run *run = calloc(1, sizeof(*run));
	const struct pvtb_variant_result *v;
	struct pvtb_err err = {0};
	enum pvtb_status st;

	assert_non_null(b);
	assert_non_null(r);
	assert_non_null(run);
	copy_ns = engine_ns;
	run->emulated = emulated;
	run->host = pvtb_result_add_host(r, emulated ? "lab:x86_64" : "native");
	assert_int_equal(b->run(b, run, &err), 0);
	v = pvtb_host_variant(run->host, "self_migrate", "precopy");
	assert_non_null(v);
	assert_int_equal(v->nr_laws, 1);
	st = v->laws[0].status;
	assert_int_equal(v->status, st);
	/* the numbers are reported whatever they decide */
	assert_non_null(pvtb_variant_metric(v, "precopy.mib_s"));
	assert_non_null(pvtb_variant_metric(v, "plain.mib_s"));
	if (emulated)
		assert_non_null(strstr(v->laws[0].verdict, "an emulator's time is not judged"));
	pvtb_result_free(r);
	free(run);
	return st;
}

/* 256 MiB in an hour, and in a microsecond. */
static void a_machine_is_judged(void **state)
{
	assert_int_equal(judged(false, 3600 * PVTB_NSEC_PER_SEC), PVTB_FAIL);
	assert_int_equal(judged(false, 1000), PVTB_OK);
}

static void an_emulator_is_not(void **state)
{
	assert_int_equal(judged(true, 3600 * PVTB_NSEC_PER_SEC), PVTB_INCONCLUSIVE);
}

static int setup(void **state)
{
	memory =
		mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
	return munmap(memory, GUEST_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_is_judged),
		cmocka_unit_test(an_emulator_is_not),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
