// SPDX-License-Identifier: GPL-2.0-only
/*
 * The conformance catalogue: its declarations, what becomes of a check that hangs, dies or leaves, and
 * KTAP. No KVM: rows of the test's own.
 * wrap: pvtb_kvm_probe ioctl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "bench/conformance/check.h"

int __wrap_pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd, struct pvtb_err *err);

int __wrap_pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd, struct pvtb_err *err)
{
	memset(ret_caps, 0, sizeof(*ret_caps));
	return 0;
}

/* A host whose VMs cannot have 40 bits of address: KVM_CREATE_VM takes no type but its own. */
#define SMALL_HOST_TYPE 36UL

static bool small_host;

int __real_ioctl(int fd, unsigned long req, ...);
int __wrap_ioctl(int fd, unsigned long req, unsigned long arg);

int __wrap_ioctl(int fd, unsigned long req, unsigned long arg)
{
	if (!small_host)
		return __real_ioctl(fd, req, arg);
	if (req == KVM_CREATE_VM && arg == SMALL_HOST_TYPE)
		return 77;
	errno = EINVAL;
	return -1;
}

static void test_bare_vm(void **state)
{
	struct cf cf = {.kvm = 5, .caps.vm_type = SMALL_HOST_TYPE};

	small_host = true;
	assert_int_equal(cf_bare_vm(&cf), 77);
	small_host = false;
}

/* ---- the declarations ---- */

static void test_rows(void **state)
{
	const struct cf_row *const *rows;
	const struct cf_section *sections;
	size_t nr = cf_rows(&rows), nr_sections, automatic = 0;
	struct pvtb_err err;

	assert_int_equal(cf_rows_check(&err), 0);
	sections = cf_sections(&nr_sections);
	for (size_t i = 0; i < nr; i++) {
		automatic += !rows[i]->manual;
		/* in the order of the sections */
		assert_true(!i || cf_section_of(rows[i - 1]) <= cf_section_of(rows[i]));
		assert_ptr_equal(cf_row_find(rows[i]->id), rows[i]);
		if (rows[i]->cap)
			assert_null(strstr(cf_cap_name(rows[i]->cap), "does not name"));
	}
	assert_true(automatic >= 167);
	for (size_t s = 0; s < nr_sections; s++) {
		bool any = false;

		for (size_t i = 0; i < nr; i++)
			any |= cf_section_of(rows[i]) == &sections[s];
		assert_true(any);
	}
}

static void test_filters(void **state)
{
	char *good[] = {(char *)"PVT-01", (char *)"stl", (char *)"arm64.lpt", (char *)"x86"};
	char *bad[] = {(char *)"PVT-1"};
	const struct cf_row *row = cf_row_find("PVT-01");
	struct pvtb_err err = {0};

	assert_int_equal(cf_filters_check(good, 4, &err), 0);
	assert_int_equal(cf_filters_check(bad, 1, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "PVT-"));
	assert_true(cf_row_wanted(row, good, 1));
	assert_false(cf_row_wanted(row, good + 1, 3));
	assert_true(cf_row_wanted(cf_row_find("STL-01"), good + 1, 1));
	assert_true(cf_row_wanted(cf_row_find("STL-01"), good + 3, 1));
	assert_true(cf_row_wanted(row, NULL, 0));
}

/* ---- what a host is set to ---- */

static char sysfs[64];

static void set_to(const char *path, const char *text)
{
	char name[256];
	FILE *f;

	snprintf(name, sizeof(name), "mkdir -p $(dirname %s/%s)", sysfs, path);
	assert_int_equal(system(name), 0);
	snprintf(name, sizeof(name), "%s/%s", sysfs, path);
	f = fopen(name, "we");
	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void check_settings(struct cf *cf)
{
	cf->sysfs = sysfs;
	cf_need_msr_faults(cf);
	cf_need_stable_tsc(cf);
}

static const struct cf_row row_settings = {.id = "STL-91",
					   .statement = "statement",
					   .source = "here",
					   .tag = CF_DOC,
					   .archs = PVTB_ARCH_ANY,
					   .run = check_settings};

static void expect_settings(enum cf_verdict verdict, const char *why)
{
	const struct cf_row *const rows[] = {&row_settings};
	const struct cf_run_opts opts = {.host_spec = "native", .jobs = 1, .timeout_s = 10};
	struct cf_outcome *o = calloc(1, sizeof(*o));
	struct pvtb_err err;

	assert_non_null(o);
	assert_int_equal(cf_run(rows, 1, &opts, o, NULL, NULL, &err), 0);
	assert_int_equal(o->verdict, verdict);
	assert_non_null(strstr(o->why, why));
	free(o);
}

static void test_settings(void **state)
{
	static const char msrs[] = "module/kvm/parameters/ignore_msrs";
	static const char clocks[] =
		"devices/system/clocksource/clocksource0/available_clocksource";
	char remove[96];

	snprintf(sysfs, sizeof(sysfs), "/tmp/pvtb-sysfs-XXXXXX");
	assert_non_null(mkdtemp(sysfs));
	/* nothing is known: no reason to leave anything out */
	expect_settings(CF_PASS, "");
	set_to(msrs, "N");
	set_to(clocks, "tsc hpet acpi_pm");
	expect_settings(CF_PASS, "");
	set_to(msrs, "Y");
	expect_settings(CF_SKIP, "kvm.ignore_msrs is on");
	set_to(msrs, "N");
	set_to(clocks, "hpet acpi_pm");
	expect_settings(CF_SKIP, "TSC is unstable");
	snprintf(remove, sizeof(remove), "rm -r %s", sysfs);
	assert_int_equal(system(remove), 0);
}

/* ---- containment and verdicts ---- */

static void check_pass(struct cf *cf)
{
	cf_eq(cf, 1, 1, "one");
}

static void check_fail(struct cf *cf)
{
	cf_eq(cf, 1, 2, "one and two");
	for (int i = 0; i < 100; i++)
		cf_errno(cf, -EINVAL, 0, "error %d", i);
}

static void check_skip(struct cf *cf)
{
	cf_skip(cf, "nothing to see");
}

/* What was wrong before the skip stays wrong. */
static void check_fail_then_skip(struct cf *cf)
{
	cf_true(cf, false, "wrong");
	cf_skip(cf, "too late");
}

static void check_inconclusive(struct cf *cf)
{
	cf_inconclusive(cf, "it never waited");
}

static void check_fail_then_inconclusive(struct cf *cf)
{
	cf_true(cf, false, "wrong before");
	cf_inconclusive(cf, "it never waited");
}

static void check_hang(struct cf *cf)
{
	signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

static void check_die(struct cf *cf)
{
	raise(SIGKILL);
}

static void check_leave(struct cf *cf)
{
	_exit(0);
}

static void check_known(struct cf *cf)
{
	cf_mismatch(cf, false, true, "as known");
}

static void check_unknown(struct cf *cf)
{
	cf_mismatch(cf, false, false, "in another way");
}

#define ROW(name, i, t, ...)                                                                       \
	static const struct cf_row name = {.id = i,                                                \
					   .statement = "statement of " i,                         \
					   .source = "here",                                       \
					   .tag = t,                                               \
					   .archs = PVTB_ARCH_ANY,                                 \
					   .known = "known",                                       \
					   __VA_ARGS__}
ROW(row_pass, "PVT-91", CF_DOC, .run = check_pass, .alone = true);
ROW(row_hang, "PVT-92", CF_DOC, .run = check_hang);
ROW(row_fail, "PVT-93", CF_DOC, .run = check_fail);
ROW(row_code, "PVT-94", CF_CODE, .run = check_fail);
ROW(row_skip, "PVC-95", CF_DOC, .run = check_skip);
ROW(row_late, "PVC-96", CF_DOC, .run = check_fail_then_skip);
ROW(row_die, "PVC-97", CF_CODE, .run = check_die);
ROW(row_leave, "PVC-98", CF_DOC, .run = check_leave);
ROW(row_known, "FWR-91", CF_MISMATCH, .run = check_known);
ROW(row_unknown, "FWR-92", CF_MISMATCH, .run = check_unknown);
ROW(row_manual, "FLT-91", CF_DOC, .manual = "nobody can");
ROW(row_moot, "FLT-93", CF_DOC, .run = check_inconclusive);
ROW(row_moot_late, "FWR-93", CF_DOC, .run = check_fail_then_inconclusive);
ROW(row_future, "FLT-92", CF_DOC, .run = check_fail, .since = "99.0");

static const struct cf_row *const own[] = {
	&row_pass,  &row_hang,	&row_fail,    &row_code,      &row_skip,   &row_late,	&row_die,
	&row_leave, &row_known, &row_unknown, &row_moot_late, &row_manual, &row_future, &row_moot};
#define NR_OWN PVTB_ARRAY_SIZE(own)

static const enum cf_verdict expected[NR_OWN] = {
	CF_PASS, CF_FAIL,  CF_FAIL, CF_NOTICE, CF_SKIP,	  CF_FAIL, CF_FAIL,
	CF_FAIL, CF_XFAIL, CF_FAIL, CF_FAIL,   CF_MANUAL, CF_SKIP, CF_INCONCLUSIVE,
};

struct order {
	size_t next;
	bool broken;
	struct cf_ktap *ktap;
};

static void in_order(void *ctx, size_t index)
{
	struct order *o = ctx;

	o->broken |= index != o->next;
	o->next = index + 1;
	cf_ktap_outcome(o->ktap, index);
}

static void run_own(struct cf_outcome *outcomes, char **ret_text)
{
	const struct cf_run_opts opts = {.host_spec = "native", .jobs = 3, .timeout_s = 1};
	struct cf_ktap ktap = {.rows = own, .nr = NR_OWN, .outcomes = outcomes};
	struct order order = {.ktap = &ktap};
	struct pvtb_err err;
	size_t size;

	ktap.out = open_memstream(ret_text, &size);
	assert_non_null(ktap.out);
	cf_ktap_begin(&ktap);
	assert_int_equal(cf_run(own, NR_OWN, &opts, outcomes, in_order, &order, &err), 0);
	fclose(ktap.out);
	assert_false(order.broken);
	assert_int_equal(order.next, NR_OWN);
}

static void test_verdicts(void **state)
{
	struct cf_outcome *o = calloc(NR_OWN, sizeof(*o));
	char *text = NULL;

	assert_non_null(o);
	run_own(o, &text);
	for (size_t i = 0; i < NR_OWN; i++)
		assert_int_equal(o[i].verdict, expected[i]);
	/* by the runner, not by the check */
	assert_true(o[1].contained && o[6].contained && o[7].contained);
	assert_false(o[2].contained);
	assert_non_null(strstr(o[1].why, "killed"));
	assert_non_null(strstr(o[6].why, "signal 9"));
	assert_string_equal(o[2].why, "one and two");
	assert_non_null(strstr(o[2].text, "expected 0x2, got 0x1"));
	assert_non_null(strstr(o[2].text, "expected 0, got -EINVAL (-22)"));
	assert_non_null(strstr(o[2].text, "and more like these"));
	assert_non_null(strstr(o[12].why, "since Linux 99.0"));
	assert_string_equal(o[13].why, "it never waited");
	assert_string_equal(o[10].why, "wrong before");
	free(text);
	free(o);
}

static void test_ktap(void **state)
{
	struct cf_outcome *o = calloc(NR_OWN, sizeof(*o));
	char *text = NULL;

	assert_non_null(o);
	run_own(o, &text);
	assert_int_equal(strncmp(text, "KTAP version 1\n1..4\n", 20), 0);
	assert_non_null(strstr(text, "\n  KTAP version 1\n  # Subtest: arm64.steal\n  1..4\n"));
	assert_non_null(strstr(text, "\n  ok 1 PVT-91\n"));
	assert_non_null(strstr(text, "\n  not ok 2 PVT-92\n"));
	assert_non_null(
		strstr(text, "\n  # PVT-94: notice, not documented: statement of PVT-94\n"));
	assert_non_null(strstr(text, "\n  ok 4 PVT-94\n"));
	assert_non_null(strstr(text, "\nnot ok 1 arm64.steal\n"));
	assert_non_null(strstr(text, "\n  ok 1 PVC-95 # SKIP nothing to see\n"));
	assert_non_null(strstr(text, "\n  ok 1 FWR-91 # XFAIL known\n"));
	assert_non_null(strstr(text, "\n  ok 3 FLT-93 # SKIP INCONCLUSIVE: it never waited\n"));
	assert_non_null(
		strstr(text, "\nok 4 arm64.smccc_filter # SKIP nothing of it can run here\n"));
	free(text);
	free(o);
}

static void test_mutant_text(void **state)
{
	static const struct cf_mutant errno_ = CF_M_ERRNO(CF_SET_CLOCK, 0, -EINVAL, 0);
	static const struct cf_mutant step =
		CF_M_STEP_AFTER(PVTB_STEP_HVC, CF_PV_ST, 0, CF_ADD, 64, 2);
	char text[300];

	cf_mutant_text(&errno_, text, sizeof(text));
	assert_string_equal(text, "SET_CLOCK: success is heard where KVM says EINVAL");
	cf_mutant_text(&step, text, sizeof(text));
	assert_string_equal(text,
			    "HVC (0xc5000021) in the guest: result 0 has 64 added, after 2 that "
			    "are left alone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	    cmocka_unit_test(test_filters),
		cmocka_unit_test(test_verdicts),    cmocka_unit_test(test_ktap),
		cmocka_unit_test(test_mutant_text), cmocka_unit_test(test_bare_vm),
		cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
