// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two configurations of a host that is a tree of files: what is understood, refused, set and put back,
 * by a killed program's guardian too.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/setting.h"

#define POLICY "/sys/devices/system/cpu/cpufreq/policy"
#define KVM    "/sys/module/kvm/parameters"
#define TRACE  "/sys/kernel/tracing/events/kvm/enable"

struct tree {
	char root[64];
	struct pvtb_guardian *guardian;
	struct pvtb_settings *settings;
	struct pvtb_err err;
};

static void put(const struct tree *t, const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", t->root, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void first_line(const struct tree *t, const char *file, char *got, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", t->root, file);
	f = fopen(path, "r");
	assert_non_null(f);
	if (!fgets(got, (int)size, f)) /* empty: between the opening and the write */
		got[0] = '\0';
	fclose(f);
	got[strcspn(got, "\n")] = '\0';
}

static void assert_holds(const struct tree *t, const char *file, const char *text)
{
	char got[64];

	first_line(t, file, got, sizeof(got));
	assert_string_equal(got, text);
}

/* Within ten seconds. */
static void assert_comes_to_hold(const struct tree *t, const char *file, const char *text)
{
	char got[64] = "";

	for (int i = 0; i < 1000 && strcmp(got, text); i++) {
		usleep(10000);
		first_line(t, file, got, sizeof(got));
	}
	assert_string_equal(got, text);
}

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	char cmd[512], path[256];

	strcpy(t->root, "/tmp/pvtb-setting-XXXXXX");
	if (!mkdtemp(t->root) || pvtb_guardian_start(&t->guardian, &t->err))
		return -1;
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p .%s0 .%s2 .%s .%s proc/sys/kernel", t->root,
		 POLICY, POLICY, KVM, "/sys/kernel/tracing/events/kvm");
	if (system(cmd))
		return -1;
	put(t, POLICY "0/scaling_governor", "schedutil\n");
	put(t, POLICY "2/scaling_governor", "powersave\n");
	put(t, KVM "/halt_poll_ns", "200000\n");
	put(t, KVM "/nx", "Y\n");
	put(t, KVM "/fixed", "1\n");
	put(t, TRACE, "0\n");
	put(t, "/proc/sys/kernel/knob", "7\n");
	put(t, "/proc/sys/kernel/chosen", "always [madvise] never\n");
	snprintf(path, sizeof(path), "%s" KVM "/fixed", t->root);
	if (chmod(path, 0444))
		return -1;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;
	char cmd[128];

	pvtb_guardian_stop(t->guardian);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", t->root);
	free(t);
	return system(cmd) ? -1 : 0;
}

/* One setting of each side, or NULL. */
static int open_two(struct tree *t, const char *a, const char *b)
{
	return pvtb_settings_open(t->root, &a, a != NULL, &b, b != NULL, t->guardian, &t->settings,
				  &t->err);
}

static void assert_refused(struct tree *t, const char *a, const char *b, int code, const char *why)
{
	assert_int_equal(open_two(t, a, b), code);
	if (!strstr(t->err.why, why))
		fail_msg("%s: %s, not %s", t->err.what, t->err.why, why);
}

static void both_sides_are_set_in_turns(void **state)
{
	static const char *const a[] = {"governor=performance", "tracing=on"};
	static const char *const b[] = {"kvm.halt_poll_ns=0", "/proc/sys/kernel/knob=9"};
	struct tree *t = *state;
	char text[128];

	assert_int_equal(
		pvtb_settings_open(t->root, a, 2, b, 2, t->guardian, &t->settings, &t->err), 0);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(pvtb_settings_apply(t->settings, 0, &t->err), 0);
		assert_holds(t, POLICY "0/scaling_governor", "performance");
		assert_holds(t, POLICY "2/scaling_governor", "performance");
		assert_holds(t, TRACE, "1");
		assert_holds(t, KVM "/halt_poll_ns", "200000");
		assert_holds(t, "/proc/sys/kernel/knob", "7");
		assert_int_equal(pvtb_settings_apply(t->settings, 1, &t->err), 0);
		assert_holds(t, POLICY "0/scaling_governor", "schedutil");
		assert_holds(t, POLICY "2/scaling_governor", "powersave");
		assert_holds(t, TRACE, "0");
		assert_holds(t, KVM "/halt_poll_ns", "0");
		assert_holds(t, "/proc/sys/kernel/knob", "9");
	}
	pvtb_settings_describe(t->settings, 1, text, sizeof(text));
	assert_string_equal(text, "governor=schedutil tracing=0 kvm.halt_poll_ns=0 "
				  "/proc/sys/kernel/knob=9");
	pvtb_settings_describe(t->settings, 0, text, 12);
	assert_string_equal(text, "governor=pe"); /* cut, not overrun */
	assert_int_equal(pvtb_settings_close(t->settings, &t->err), 0);
	assert_holds(t, KVM "/halt_poll_ns", "200000");
	assert_holds(t, "/proc/sys/kernel/knob", "7");
}

static void what_cannot_be_set_is_refused(void **state)
{
	struct tree *t = *state;

	assert_refused(t, NULL, NULL, -EINVAL, "none given");
	assert_refused(t, NULL, "halt_poll_ns=0", -EINVAL, "no setting");
	assert_refused(t, NULL, "kvm.halt_poll_ns", -EINVAL, "no setting");
	assert_refused(t, NULL, "kvm.halt_poll_ns=", -EINVAL, "no setting");
	assert_refused(t, NULL, "/etc/passwd=x", -EINVAL, "no setting");
	assert_refused(t, NULL, "/sys/../etc/passwd=x", -EINVAL, "no setting");
	assert_refused(t, NULL, "tracing=1", -EINVAL, "on or off");
	assert_refused(t, NULL, "kvm.nosuch=0", -ENOENT, "no such setting");
	assert_refused(t, NULL, "kvm.fixed=0", -EACCES, "denied");
	/* a side that names nothing has what was found */
	assert_refused(t, NULL, "kvm.halt_poll_ns=200000", -EINVAL, "nothing to compare");
	assert_refused(t, "kvm.nx=0", "kvm.nx=n", -EINVAL, "nothing to compare");
	assert_holds(t, KVM "/nx", "Y"); /* and what was tried is undone */
	put(t, TRACE, "X\n");
	assert_refused(t, NULL, "tracing=on", -EINVAL, "could not be put back");
	assert_holds(t, TRACE, "X");
	/* one that is good does not keep another that is not */
	assert_refused(t, "kvm.halt_poll_ns=5", "kvm.fixed=0", -EACCES, "denied");
	assert_holds(t, KVM "/halt_poll_ns", "200000");
}

/* A choice is put back as the word in brackets, not as the whole line. */
static void a_choice_is_put_back(void **state)
{
	struct tree *t = *state;

	assert_int_equal(open_two(t, "/proc/sys/kernel/chosen=never", NULL), 0);
	assert_holds(t, "/proc/sys/kernel/chosen", "never");
	assert_int_equal(pvtb_settings_apply(t->settings, 1, &t->err), 0);
	assert_holds(t, "/proc/sys/kernel/chosen", "madvise");
	assert_int_equal(pvtb_settings_close(t->settings, &t->err), 0);
	assert_holds(t, "/proc/sys/kernel/chosen", "madvise");
}

/* A program that is killed with its settings in force. */
static void the_guardian_puts_back(void **state)
{
	struct tree *t = *state;
	int ready[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct pvtb_guardian *g;
		const char *a = "kvm.halt_poll_ns=1", *b = "governor=performance";

		if (pvtb_guardian_start(&g, &t->err) ||
		    pvtb_settings_open(t->root, &a, 1, &b, 1, g, &t->settings, &t->err) ||
		    pvtb_settings_apply(t->settings, 1, &t->err) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_holds(t, POLICY "2/scaling_governor", "performance");
	assert_holds(t, KVM "/halt_poll_ns", "200000"); /* that is side A's */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	assert_comes_to_hold(t, POLICY "0/scaling_governor", "schedutil");
	assert_comes_to_hold(t, POLICY "2/scaling_governor", "powersave");
	assert_comes_to_hold(t, KVM "/halt_poll_ns", "200000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_sides_are_set_in_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_set_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_choice_is_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(the_guardian_puts_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
