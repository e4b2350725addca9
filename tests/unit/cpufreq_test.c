// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU's frequency by a tree of files that looks like sysfs: what is found, what is set, and that it is
 * put back, by a killed program's guardian too; the clock's rate likewise.
 *
 * wrap: adjtimex
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/wait.h>

#include "load/adjtime.h"
#include "load/cpufreq.h"

#define CPU "/sys/devices/system/cpu"

struct fixture {
	char root[64];
};

/* The kernel's clock, shared with the guardian's process. */
static struct clock {
	long freq;
	int refuse;
} * clock_state;

int __wrap_adjtimex(struct timex *t);
int __wrap_adjtimex(struct timex *t)
{
	if (t->modes & ADJ_FREQUENCY) {
		if (clock_state->refuse) {
			errno = EPERM;
			return -1;
		}
		clock_state->freq = t->freq;
	}
	t->freq = clock_state->freq;
	return 0;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s%s", f->root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_holds(const struct fixture *f, const char *name, const char *text)
{
	char path[256], got[64] = "";
	int fd;

	snprintf(path, sizeof(path), "%s%s", f->root, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	got[strcspn(got, "\n")] = '\0';
	assert_string_equal(got, text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char cmd[512];

	strcpy(f->root, "/tmp/pvtb-cpufreq-XXXXXX");
	if (!mkdtemp(f->root))
		return -1;
	snprintf(cmd, sizeof(cmd),
		 "mkdir -p %s" CPU "/cpu1/cpufreq %s" CPU "/cpufreq %s" CPU
		 "/intel_pstate %s/dev/cpu/1",
		 f->root, f->root, f->root, f->root);
	if (system(cmd))
		return -1;
	put(f, CPU "/cpu1/cpufreq/scaling_driver", "acpi-cpufreq\n");
	put(f, CPU "/cpu1/cpufreq/cpuinfo_min_freq", "1200000\n");
	put(f, CPU "/cpu1/cpufreq/cpuinfo_max_freq", "3000000\n");
	put(f, CPU "/cpu1/cpufreq/scaling_min_freq", "1400000\n");
	put(f, CPU "/cpu1/cpufreq/scaling_max_freq", "2600000\n");
	put(f, CPU "/cpu1/cpufreq/scaling_governor", "schedutil\n");
	put(f, CPU "/cpu1/cpufreq/scaling_available_governors",
	    "performance userspace schedutil \n");
	put(f, CPU "/cpu1/cpufreq/scaling_available_frequencies", "3000000 2000000 1200000 \n");
	put(f, CPU "/cpu1/cpufreq/scaling_cur_freq", "1999999\n");
	put(f, CPU "/cpufreq/boost", "1\n");
	clock_state->freq = 1234;
	clock_state->refuse = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", f->root);
	free(f);
	return system(cmd) ? -1 : 0;
}

static struct pvtb_cpufreq *open_1(const struct fixture *f, struct pvtb_guardian *g)
{
	struct pvtb_cpufreq *cf = NULL;
	struct pvtb_err err = {0};

	assert_int_equal(pvtb_cpufreq_open(f->root, 1, g, &cf, &err), 0);
	return cf;
}

static void test_finds(void **state)
{
	struct pvtb_cpufreq *cf = open_1(*state, NULL);
	const struct pvtb_cpufreq_info *info = pvtb_cpufreq_info(cf);
	struct pvtb_cpufreq_now now;

	assert_string_equal(info->driver, "acpi-cpufreq");
	assert_true(info->listed);
	assert_int_equal(info->nr_steps, 3);
	assert_int_equal(info->steps_khz[0], 1200000);
	assert_int_equal(info->steps_khz[2], 3000000);
	assert_int_equal(info->nr_governors, 2);
	assert_string_equal(info->governors[1], "schedutil");
	assert_int_equal(info->turbo, PVTB_TURBO_BOOST);
	assert_true(info->turbo_on);
	pvtb_cpufreq_now(cf, &now);
	assert_int_equal(now.scaling_khz, 1999999);
	assert_int_equal(now.hardware_khz, 0);
	assert_int_equal(pvtb_cpufreq_close(cf, NULL), 0);
}

static void test_without_list(void **state)
{
	struct fixture *f = *state;
	struct pvtb_cpufreq *cf;
	char path[256];

	snprintf(path, sizeof(path), "%s" CPU "/cpu1/cpufreq/scaling_available_frequencies",
		 f->root);
	assert_int_equal(unlink(path), 0);
	put(f, CPU "/intel_pstate/no_turbo", "0\n");
	cf = open_1(f, NULL);
	assert_false(pvtb_cpufreq_info(cf)->listed);
	assert_int_equal(pvtb_cpufreq_info(cf)->nr_steps, 5);
	assert_int_equal(pvtb_cpufreq_info(cf)->steps_khz[1], 1650000);
	/* upside down */
	assert_int_equal(pvtb_cpufreq_info(cf)->turbo, PVTB_TURBO_INTEL);
	assert_true(pvtb_cpufreq_info(cf)->turbo_on);
	assert_int_equal(pvtb_cpufreq_set_turbo(cf, false, NULL), 0);
	assert_holds(f, CPU "/intel_pstate/no_turbo", "1");
	assert_int_equal(pvtb_cpufreq_close(cf, NULL), 0);
	assert_holds(f, CPU "/intel_pstate/no_turbo", "0");
}

static void assert_as_found(const struct fixture *f)
{
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_min_freq", "1400000");
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_max_freq", "2600000");
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_governor", "schedutil");
	assert_holds(f, CPU "/cpufreq/boost", "1");
}

static void test_sweep_and_back(void **state)
{
	struct fixture *f = *state;
	struct pvtb_cpufreq *cf = open_1(f, NULL);
	struct pvtb_cpufreq_point points[PVTB_CPUFREQ_POINTS];
	size_t n = pvtb_cpufreq_plan(pvtb_cpufreq_info(cf), points, PVTB_CPUFREQ_POINTS);

	assert_int_equal(n, 3 + 2 + 2);
	assert_string_equal(points[0].name, "step.1200000");
	assert_int_equal(pvtb_cpufreq_apply(cf, &points[0], NULL), 0);
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_max_freq", "1200000");
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_min_freq", "1200000");
	assert_string_equal(points[3].name, "governor.performance");
	assert_int_equal(pvtb_cpufreq_apply(cf, &points[3], NULL), 0);
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_governor", "performance");
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_max_freq", "3000000");
	assert_string_equal(points[5].name, "turbo.off");
	assert_int_equal(pvtb_cpufreq_apply(cf, &points[5], NULL), 0);
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_governor", "schedutil");
	assert_holds(f, CPU "/cpufreq/boost", "0");
	assert_int_equal(pvtb_cpufreq_plan(pvtb_cpufreq_info(cf), points, 4), 4);
	assert_int_equal(pvtb_cpufreq_close(cf, NULL), 0);
	assert_as_found(f);
}

static void test_no_driver(void **state)
{
	struct pvtb_cpufreq *cf;
	struct pvtb_err err = {0};

	assert_int_equal(pvtb_cpufreq_open(((struct fixture *)*state)->root, 0, NULL, &cf, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.why, "no driver for CPU 0"));
}

static void test_not_put_back(void **state)
{
	struct fixture *f = *state;
	struct pvtb_cpufreq *cf = open_1(f, NULL);
	struct pvtb_err err = {0};
	char path[256];

	assert_int_equal(pvtb_cpufreq_set_khz(cf, 2000000, NULL), 0);
	snprintf(path, sizeof(path), "%s" CPU "/cpu1/cpufreq/scaling_governor", f->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(pvtb_cpufreq_close(cf, &err) < 0);
	assert_non_null(strstr(err.what, "putting back"));
	/* the rest is */
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_min_freq", "1400000");
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_max_freq", "2600000");
}

static void test_aperf(void **state)
{
	struct fixture *f = *state;
	char path[256];
	const u64 mperf = 1000, aperf = 1500;
	struct pvtb_aperf got;
	int fd;

	assert_int_equal(pvtb_aperf_read(f->root, 1, &got, NULL), -EOPNOTSUPP);
	snprintf(path, sizeof(path), "%s/dev/cpu/1/msr", f->root);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	/* the register's number is the offset; in a file they overlap */
	assert_int_equal(pwrite(fd, &mperf, 8, 0xe7), 8);
	assert_int_equal(pwrite(fd, &aperf, 8, 0xe8), 8);
	close(fd);
	assert_int_equal(pvtb_aperf_read(f->root, 1, &got, NULL), 0);
	assert_int_equal(got.aperf, 1500);
}

/* A program that changes everything and is killed. */
static void killed(const struct fixture *f)
{
	struct pvtb_adjtime *a;
	struct pvtb_guardian *g;
	struct pvtb_cpufreq *cf;
	pid_t guardian, pid;
	int ready[2], status;
	char state = 0;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (pvtb_guardian_start(&g, NULL))
			_exit(1);
		cf = open_1(f, g);
		guardian = pvtb_guardian_pid(g);
		if (pvtb_cpufreq_set_khz(cf, 2000000, NULL) ||
		    pvtb_cpufreq_set_governor(cf, "performance", NULL) ||
		    pvtb_cpufreq_set_turbo(cf, false, NULL) || pvtb_adjtime_slew(g, 100, &a, NULL))
			_exit(1);
		if (write(ready[1], &guardian, sizeof(guardian)) != sizeof(guardian))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &guardian, sizeof(guardian)), sizeof(guardian));
	close(ready[0]);
	close(ready[1]);
	assert_holds(f, CPU "/cpu1/cpufreq/scaling_governor", "performance");
	assert_holds(f, CPU "/cpufreq/boost", "0");
	assert_int_equal(clock_state->freq, 100 * 65536);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* the guardian is nobody's child any more */
	for (int i = 0; i < 1000 && state != 'Z'; i++) {
		char path[64];
		FILE *s;

		snprintf(path, sizeof(path), "/proc/%d/stat", guardian);
		s = fopen(path, "r");
		if (!s)
			return;
		if (fscanf(s, "%*d (%*[^)]) %c", &state) != 1)
			state = 'Z';
		fclose(s);
		usleep(10000);
	}
}

static void test_killed(void **state)
{
	killed(*state);
	assert_as_found(*state);
	assert_int_equal(clock_state->freq, 1234);
}

static void test_adjtime(void **state)
{
	struct pvtb_adjtime *a;
	struct pvtb_err err = {0};

	assert_int_equal(pvtb_adjtime_slew(NULL, 501, &a, NULL), -EINVAL);
	assert_int_equal(pvtb_adjtime_slew(NULL, -500, &a, NULL), 0);
	assert_int_equal(clock_state->freq, -500 * 65536);
	assert_int_equal(pvtb_adjtime_restore(a, NULL), 0);
	assert_int_equal(clock_state->freq, 1234);
	clock_state->refuse = 1;
	assert_int_equal(pvtb_adjtime_slew(NULL, 500, &a, &err), -EOPNOTSUPP);
	assert_int_equal(clock_state->freq, 1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_finds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aperf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adjtime, setup, teardown),
	};

	clock_state = mmap(NULL, sizeof(*clock_state), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (clock_state == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
