// SPDX-License-Identifier: GPL-2.0-only
/* The guardian undoes what a killed program had on its list, and only that. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/guardian.h"

struct fixture {
	char dir[64];
	char file[128], tree[128], empty[128], kept[128];
};

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_holds(const char *path, const char *text)
{
	char got[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char sub[160], deep[192];

	strcpy(f->dir, "/tmp/pvtb-guardian-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->file, sizeof(f->file), "%s/file", f->dir);
	snprintf(f->tree, sizeof(f->tree), "%s/tree", f->dir);
	snprintf(f->empty, sizeof(f->empty), "%s/empty", f->dir);
	snprintf(f->kept, sizeof(f->kept), "%s/kept", f->dir);
	put(f->file, "before");
	put(f->kept, "kept");
	snprintf(sub, sizeof(sub), "%s/sub", f->tree);
	snprintf(deep, sizeof(deep), "%s/link", sub);
	if (mkdir(f->tree, 0755) || mkdir(sub, 0755) || mkdir(f->empty, 0755) ||
	    symlink(f->kept, deep))
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", f->dir);
	if (system(cmd))
		return -1;
	free(f);
	return 0;
}

/* The program under the guardian's eye: changes things, starts a process, tells its pid, waits. */
static void victim(const struct fixture *f, int ready)
{
	struct pvtb_guardian *g;
	struct pvtb_err err;
	u64 id;
	pid_t pids[2];

	if (pvtb_guardian_start(&g, &err))
		_exit(1);
	pids[1] = pvtb_guardian_pid(g);
	pids[0] = fork();
	if (!pids[0]) {
		/* inherits everything, the guardian's socket too: its death must not be needed */
		for (;;)
			pause();
	}
	/* newest first: the second entry runs first, the first has the last word */
	if (pvtb_guardian_add_write(g, f->file, "restored", NULL, &err) ||
	    pvtb_guardian_add_write(g, f->file, "overwritten", NULL, &err) ||
	    pvtb_guardian_add_rmtree(g, f->tree, NULL, &err) ||
	    pvtb_guardian_add_rmdir(g, f->empty, NULL, &err) ||
	    pvtb_guardian_add_kill(g, pids[0], NULL, &err) ||
	    pvtb_guardian_add_write(g, f->kept, "lost", &id, &err) ||
	    pvtb_guardian_remove(g, id, &err))
		_exit(1);
	put(f->file, "changed");
	if (write(ready, pids, sizeof(pids)) != sizeof(pids))
		_exit(1);
	for (;;)
		pause();
}

/* Gone, or dead and not yet reaped by whoever inherited it. */
static bool is_gone(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state == 'Z' || state == 'X';
}

static void wait_gone(pid_t pid)
{
	for (int i = 0; i < 1000 && !is_gone(pid); i++)
		usleep(10000);
	assert_true(is_gone(pid));
}

static void killed_program_is_undone(void **state)
{
	struct fixture *f = *state;
	pid_t pids[2], pid;
	int ready[2];

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid)
		victim(f, ready[1]);
	assert_int_equal(read(ready[0], pids, sizeof(pids)), sizeof(pids));
	assert_holds(f->file, "changed");
	assert_false(is_gone(pids[0]));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wait_gone(pids[1]);
	wait_gone(pids[0]);
	assert_holds(f->file, "restored");
	assert_int_not_equal(access(f->tree, F_OK), 0);
	assert_int_not_equal(access(f->empty, F_OK), 0);
	assert_holds(f->kept, "kept");
	close(ready[0]);
	close(ready[1]);
}

static void stop_undoes_and_counts_failures(void **state)
{
	struct fixture *f = *state;
	struct pvtb_guardian *g;
	struct pvtb_err err;

	assert_int_equal(pvtb_guardian_start(&g, &err), 0);
	assert_int_equal(pvtb_guardian_add_write(g, f->file, "restored", NULL, &err), 0);
	assert_int_equal(pvtb_guardian_add_rmdir(g, f->tree, NULL, &err), 0); /* not empty */
	assert_int_equal(pvtb_guardian_stop(g), 1);
	assert_holds(f->file, "restored");
	assert_int_equal(access(f->tree, F_OK), 0);
}

static void undo_now(void **state)
{
	struct fixture *f = *state;
	struct pvtb_guardian *g;
	struct pvtb_err err;
	u64 id;

	assert_int_equal(pvtb_guardian_start(&g, &err), 0);
	assert_int_equal(pvtb_guardian_add_rmtree(g, f->tree, &id, &err), 0);
	assert_int_equal(pvtb_guardian_undo(g, id, &err), 0);
	assert_int_not_equal(access(f->tree, F_OK), 0);
	assert_holds(f->kept, "kept");
	assert_int_equal(pvtb_guardian_undo(g, id, &err), -ENOENT);
	assert_int_equal(pvtb_guardian_stop(g), 0);
}

static void none_is_fine(void **state)
{
	struct pvtb_err err;
	u64 id = 7;

	assert_int_equal(pvtb_guardian_add_write(NULL, "/nowhere", "x", &id, &err), 0);
	assert_int_equal(pvtb_guardian_remove(NULL, id, &err), 0);
	assert_int_equal(pvtb_guardian_stop(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_program_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(stop_undoes_and_counts_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(undo_now, setup, teardown),
		cmocka_unit_test(none_is_fine),
	};

	return cmocka_run_group_tests_name("guardian", tests, NULL, NULL);
}
