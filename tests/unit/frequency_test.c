// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep over a CPU's frequencies, against a tree of files that looks like sysfs and a guest that is
 * played: each setting is applied, told and judged, and what was found is put back.
 *
 * wrap: pvtb_cpufreq_open freq_vm_new freq_vm_free freq_watch
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>

#include "bench/frequency/frequency.h"
#include "load/cpufreq.h"

#define CPU "/sys/devices/system/cpu"

static struct played {
	char root[64];
	bool counter_follows; /* the counter runs with the CPU */
	bool cpu_stays;	      /* the CPU does not do what it is told */
	unsigned int watched;
} * play;

static void put(const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s" CPU "/%s", play->root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void get(const char *name, char *buf, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s" CPU "/%s", play->root, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, buf, size - 1);
	assert_true(n >= 0);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	close(fd);
}

int __real_pvtb_cpufreq_open(const char *root, int cpu, struct pvtb_guardian *g,
			     struct pvtb_cpufreq **ret, struct pvtb_err *err);
int __wrap_pvtb_cpufreq_open(const char *root, int cpu, struct pvtb_guardian *g,
			     struct pvtb_cpufreq **ret, struct pvtb_err *err);
int __wrap_pvtb_cpufreq_open(const char *root, int cpu, struct pvtb_guardian *g,
			     struct pvtb_cpufreq **ret, struct pvtb_err *err)
{
	return __real_pvtb_cpufreq_open(play->root, cpu, g, ret, err);
}

int __wrap_freq_vm_new(struct pvtb_run *run, struct freq_vm *ret, struct pvtb_err *err);
int __wrap_freq_vm_new(struct pvtb_run *run, struct freq_vm *ret, struct pvtb_err *err)
{
	ret->run = run;
	return 0;
}

void __wrap_freq_vm_free(struct freq_vm *v);
void __wrap_freq_vm_free(struct freq_vm *v)
{
}

int __wrap_freq_watch(struct freq_vm *v, u64 run_ns,
		      int (*during)(void *opaque, struct pvtb_err *err),
		      int (*done)(void *opaque, struct pvtb_err *err), void *opaque,
		      struct freq_seen *ret, struct pvtb_err *err);
int __wrap_freq_watch(struct freq_vm *v, u64 run_ns,
		      int (*during)(void *opaque, struct pvtb_err *err),
		      int (*done)(void *opaque, struct pvtb_err *err), void *opaque,
		      struct freq_seen *ret, struct pvtb_err *err)
{
	char text[64];
	double khz;

	get("cpu1/cpufreq/scaling_max_freq", text, sizeof(text));
	khz = play->cpu_stays ? 1200000 : strtod(text, NULL);
	snprintf(text, sizeof(text), "%.0f\n", khz);
	put("cpu1/cpufreq/scaling_cur_freq", text);
	*ret = (struct freq_seen){
		.watch = {.reads = 1000},
		.rate = {.ppb = play->counter_follows ? (khz - 1200000) / 1200000 * 1e9 : 20,
			 .unc_ppb = 100},
		.read_ns = 1e7 / khz,
		.cycles_hz = NAN,
	};
	play->watched++;
	assert_int_equal(during(opaque, err), 0);
	return done(opaque, err);
}

static int setup(void **state)
{
	char cmd[512];

	play = calloc(1, sizeof(*play));
	strcpy(play->root, "/tmp/pvtb-frequency-XXXXXX");
	if (!mkdtemp(play->root))
		return -1;
	snprintf(cmd, sizeof(cmd), "mkdir -p %s" CPU "/cpu1/cpufreq %s" CPU "/cpufreq", play->root,
		 play->root);
	if (system(cmd))
		return -1;
	put("cpu1/cpufreq/scaling_driver", "acpi-cpufreq\n");
	put("cpu1/cpufreq/cpuinfo_min_freq", "1200000\n");
	put("cpu1/cpufreq/cpuinfo_max_freq", "3000000\n");
	put("cpu1/cpufreq/scaling_min_freq", "1400000\n");
	put("cpu1/cpufreq/scaling_max_freq", "2600000\n");
	put("cpu1/cpufreq/scaling_governor", "schedutil\n");
	put("cpu1/cpufreq/scaling_available_governors", "performance schedutil\n");
	put("cpu1/cpufreq/scaling_available_frequencies", "3000000 2000000 1200000\n");
	put("cpufreq/boost", "1\n");
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", play->root);
	free(play);
	return system(cmd) ? -1 : 0;
}

static void assert_put_back(void)
{
	static const char *const files[][2] = {{"cpu1/cpufreq/scaling_min_freq", "1400000"},
					       {"cpu1/cpufreq/scaling_max_freq", "2600000"},
					       {"cpu1/cpufreq/scaling_governor", "schedutil"},
					       {"cpufreq/boost", "1"}};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(files); i++) {
		char text[64];

		get(files[i][0], text, sizeof(text));
		assert_string_equal(text, files[i][1]);
	}
}

static enum pvtb_status law(const struct pvtb_variant_result *v, const char *name)
{
	for (size_t i = 0; i < v->nr_laws; i++)
		if (!strcmp(v->laws[i].name, name))
			return v->laws[i].status;
	return PVTB_INVALID;
}

/* Runs it, and hands the result out. */
static struct pvtb_result *sweep(struct pvtb_variant_result **ret)
{
	static const struct pvtb_profile quick = {.name = "quick", .seconds = 3};
	struct pvtb_run run = {.profile = &quick, .vcpu_cpu = 1};
	struct pvtb_result *r = pvtb_result_new("", "quick");
	struct pvtb_err err = {0};

	*ret = pvtb_bench_add_variant(
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "frequency", ""), "cpufreq",
		"");
	assert_int_equal(freq_cpufreq(&run, *ret, &err), 0);
	assert_put_back();
	return r;
}

static void test_all_is_well(void **state)
{
	struct pvtb_variant_result *v;
	struct pvtb_result *r = sweep(&v);
	const json_t *rows;

	/* three steps, two governors, turbo off and on */
	assert_int_equal(play->watched, 7);
	assert_int_equal(law(v, "constant"), PVTB_OK);
	assert_int_equal(law(v, "followed"), PVTB_OK);
	assert_int_equal(law(v, "monotonic"), PVTB_OK);
	assert_int_equal(json_array_size(json_object_get(v->detail, "rate_steps")), 7);
	rows = json_object_get(json_array_get(json_object_get(v->detail, "tables"), 0), "rows");
	assert_int_equal(json_array_size(rows), 7);
	assert_string_equal(json_string_value(json_array_get(json_array_get(rows, 1), 0)),
			    "step.2000000");
	assert_string_equal(json_string_value(json_array_get(json_array_get(rows, 1), 2)), "2000");
	assert_non_null(pvtb_variant_metric(v, "governor.performance.rate"));
	assert_true(pvtb_variant_metric(v, "step.2000000.read")->value == 5);
	pvtb_result_free(r);
}

static void test_counter_follows(void **state)
{
	struct pvtb_variant_result *v;
	struct pvtb_result *r;

	play->counter_follows = true;
	r = sweep(&v);
	assert_int_equal(law(v, "constant"), PVTB_FAIL);
	assert_int_equal(v->status, PVTB_FAIL);
	pvtb_result_free(r);
}

static void test_cpu_stays(void **state)
{
	struct pvtb_variant_result *v;
	struct pvtb_result *r;

	play->cpu_stays = true;
	r = sweep(&v);
	assert_int_equal(law(v, "followed"), PVTB_INCONCLUSIVE);
	/* its frequency never was another: nothing is known */
	assert_int_equal(law(v, "constant"), PVTB_INCONCLUSIVE);
	pvtb_result_free(r);
}

/* 2000 readings of the physical counter, each between two of the virtual one. */
static enum pvtb_status physical(u64 below, u64 above)
{
	const struct pvtb_step step = {.in = {2000}, .out = {7, below, above, below + above}};
	struct pvtb_result *r = pvtb_result_new("", "quick");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "frequency", ""), "counter",
		"");
	enum pvtb_status status;

	assert_int_equal(freq_physical_law(v, &step), 0);
	status = law(v, "physical");
	pvtb_result_free(r);
	return status;
}

static void test_physical(void **state)
{
	assert_int_equal(physical(0, 0), PVTB_OK);
	assert_int_equal(physical(1, 0), PVTB_FAIL);
	assert_int_equal(physical(0, 1), PVTB_FAIL);
}

/* @by: what CLOCK_MONOTONIC got faster by, @counter: the guest's counter. */
static void slewed(double by, double counter, enum pvtb_status of_clock,
		   enum pvtb_status of_counter)
{
	struct pvtb_result *r = pvtb_result_new("", "quick");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "frequency", ""), "slew",
		"");
	struct freq_seen s[3] = {0};

	for (int i = 0; i < 3; i++) {
		s[i].watch.reads = 1000;
		s[i].rate.unc_ppb = s[i].rate.mono_unc_ppb = 100;
	}
	s[1].rate.mono_ppb = by;
	s[1].rate.ppb = counter;
	assert_int_equal(freq_slew_judge(s, v), 0);
	assert_int_equal(law(v, "slewed"), of_clock);
	assert_int_equal(law(v, "counter"), of_counter);
	pvtb_result_free(r);
}

/* A clock that was not slewed has nothing that a counter could follow. */
static void test_slew(void **state)
{
	slewed(500000, 0, PVTB_OK, PVTB_OK);
	slewed(500000, 500000, PVTB_OK, PVTB_FAIL);
	slewed(50, 0, PVTB_INCONCLUSIVE, PVTB_INCONCLUSIVE);
}

static void test_nothing_read(void **state)
{
	struct pvtb_result *r = pvtb_result_new("", "quick");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(
		pvtb_host_add_bench(pvtb_result_add_host(r, "native"), "frequency", ""), "counter",
		"");
	const struct freq_seen none = {0};

	assert_int_equal(freq_monotonic(&none, v), 0);
	assert_int_equal(law(v, "monotonic"), PVTB_INCONCLUSIVE);
	pvtb_result_free(r);
}

static void test_rate_status(void **state)
{
	assert_int_equal(freq_rate_status(100, 200), PVTB_OK);
	assert_int_equal(freq_rate_status(-400000, 50000), PVTB_OK);
	assert_int_equal(freq_rate_status(-600000, 50000), PVTB_FAIL);
	/* a bracket that is wider than the limit sees nothing */
	assert_int_equal(freq_rate_status(0, 1e6), PVTB_INCONCLUSIVE);
	assert_int_equal(freq_rate_status(600000, 200000), PVTB_INCONCLUSIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_is_well, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counter_follows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpu_stays, setup, teardown),
		cmocka_unit_test(test_physical),
		cmocka_unit_test(test_slew),
		cmocka_unit_test(test_nothing_read),
		cmocka_unit_test(test_rate_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
