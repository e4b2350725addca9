// SPDX-License-Identifier: GPL-2.0-only
/* Result directories: a whole one or none, whoever gets killed when. */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "results/dir.h"

static char top[] = "/tmp/pvtb-dir-XXXXXX";

static int make_top(void **state)
{
	(void)state;
	return mkdtemp(top) && !chdir(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	char cmd[PATH_MAX];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	return chdir("/") || system(cmd);
}

static int empty_top(void **state)
{
	(void)state;
	return system("rm -rf ./* ./.[a-z]*");
}

static void put(const char *dir, const char *name)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("x", f);
	assert_int_equal(fclose(f), 0);
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static struct pvtb_result *result(const char *host)
{
	struct pvtb_result *r = pvtb_result_new("c", "quick");
	struct pvtb_host_result *h = pvtb_result_add_host(r, host);

	assert_int_equal(pvtb_result_set(&r->created, "2026-01-31T23:59:58Z"), 0);
	assert_int_equal(pvtb_result_set(&h->kernel, "6.12.117+deb12"), 0);
	return r;
}

static void named_by_what_was_run(void **state)
{
	struct pvtb_result *r = result("lab:arm64,nvhe,kernel=/a/b");
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;
	char latest[PATH_MAX] = "";

	(void)state;
	assert_int_equal(pvtb_dir_new(NULL, &d, &err), 0);
	assert_int_equal(strncmp(pvtb_dir_path(d), "results/.tmp-", 13), 0);
	put(pvtb_dir_path(d), "f");
	assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
	assert_string_equal(pvtb_dir_path(d),
			    "results/20260131T235958Z-lab-arm64-nvhe-kernel-a-b-6.12.117+deb12");
	pvtb_dir_discard(d); /* too late */
	pvtb_dir_free(d);
	assert_true(readlink("results/latest", latest, sizeof(latest) - 1) > 0);
	assert_string_equal(latest, "20260131T235958Z-lab-arm64-nvhe-kernel-a-b-6.12.117+deb12");
	assert_true(exists("results/latest/f"));
	assert_int_equal(entries("results"), 2);

	/* Again within the second: another name, and latest moves on. */
	assert_int_equal(pvtb_dir_new(NULL, &d, &err), 0);
	put(pvtb_dir_path(d), "g");
	assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
	pvtb_dir_free(d);
	assert_true(exists("results/latest/g") && !exists("results/latest/f"));
	assert_int_equal(entries("results"), 3);

	/* What is no benchmark's is named by its kind, twice in a second too, and is not the latest. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pvtb_dir_new(NULL, &d, &err), 0);
		pvtb_dir_name_as(d, "stress");
		put(pvtb_dir_path(d), "f");
		assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
		assert_string_equal(pvtb_dir_path(d), i ? "results/20260131T235958Z-stress-2"
							: "results/20260131T235958Z-stress");
		pvtb_dir_free(d);
	}
	assert_true(exists("results/latest/g"));
	assert_int_equal(entries("results"), 5);
	pvtb_result_free(r);
}

static void put_where_asked(void **state)
{
	struct pvtb_result *r = result("native");
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;

	(void)state;
	assert_int_equal(pvtb_dir_new("a/b/mine/", &d, &err), 0);
	put(pvtb_dir_path(d), "f");
	assert_false(exists("a/b/mine"));
	assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
	assert_string_equal(pvtb_dir_path(d), "a/b/mine");
	pvtb_dir_free(d);
	assert_true(exists("a/b/mine/f"));
	assert_int_equal(entries("a/b"), 1);
	/* Nothing is overwritten, and that is said before anything is measured. */
	assert_int_equal(pvtb_dir_new("a/b/mine", &d, &err), -EEXIST);
	assert_string_not_equal(err.hint, "");
	put(".", "file");
	assert_int_equal(pvtb_dir_new("file", &d, &err), -EEXIST);
	assert_int_equal(pvtb_dir_new("file/below", &d, &err), -ENOTDIR);
	/* An empty one will do, absolute or not. */
	assert_int_equal(mkdir("empty", 0755), 0);
	assert_int_equal(pvtb_dir_new("empty", &d, &err), 0);
	assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
	pvtb_dir_free(d);
	assert_true(exists("empty"));
	pvtb_result_free(r);
}

static void discarded_without_trace(void **state)
{
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;
	char sub[PATH_MAX];

	(void)state;
	assert_int_equal(pvtb_dir_new(NULL, &d, &err), 0);
	snprintf(sub, sizeof(sub), "%s/samples", pvtb_dir_path(d));
	assert_int_equal(mkdir(sub, 0755), 0);
	put(sub, "f");
	pvtb_dir_discard(d);
	/* it was made for this result alone */
	assert_false(exists("results"));
	pvtb_dir_free(d);
	/* Freed without a word is discarded too. */
	assert_int_equal(pvtb_dir_new("x", &d, &err), 0);
	pvtb_dir_free(d);
	assert_false(exists("x"));
	pvtb_dir_free(NULL);
	assert_int_equal(entries("."), 0);
}

static void discarded_leaves_what_was_there(void **state)
{
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;

	(void)state;
	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(mkdir("a/empty", 0755), 0);
	assert_int_equal(pvtb_dir_new("a/b/c/d", &d, &err), 0);
	assert_true(exists("a/b/c"));
	pvtb_dir_free(d);
	assert_true(exists("a"));
	assert_false(exists("a/b"));
	/* an empty directory in the place asked for stays until there is a result */
	assert_int_equal(pvtb_dir_new("a/empty", &d, &err), 0);
	assert_true(exists("a/empty"));
	pvtb_dir_free(d);
	assert_true(exists("a/empty"));
	/* and what somebody else has put beside keeps its parents */
	assert_int_equal(pvtb_dir_new("a/b/c/d", &d, &err), 0);
	put("a/b", "f");
	pvtb_dir_free(d);
	assert_true(exists("a/b/f"));
	assert_false(exists("a/b/c"));
}

/* Begin a result in a child and stay there; returns the child once the directory is made. */
static pid_t run_in_child(void)
{
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		if (pvtb_dir_new(NULL, &d, &err) || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static void commit_one(const char *out)
{
	struct pvtb_result *r = result("native");
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;

	assert_int_equal(pvtb_dir_new(out, &d, &err), 0);
	assert_int_equal(pvtb_dir_commit(d, r, &err), 0);
	pvtb_dir_free(d);
	pvtb_result_free(r);
}

static void killed_runs_are_cleaned_up_after(void **state)
{
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;
	pid_t living, dead;
	int status;

	(void)state;
	living = run_in_child();
	dead = run_in_child();
	assert_int_equal(entries("results"), 2);
	assert_int_equal(kill(dead, SIGKILL), 0);
	assert_int_equal(waitpid(dead, &status, 0), dead);
	assert_int_equal(entries("results"), 2);
	/* A run that is begun, or fails, removes nothing but its own. */
	assert_int_equal(pvtb_dir_new(NULL, &d, &err), 0);
	assert_int_equal(entries("results"), 3);
	pvtb_dir_free(d);
	assert_int_equal(entries("results"), 2);
	/* With the next result the dead one's goes, the living one's stays. */
	commit_one("results/first");
	assert_int_equal(entries("results"), 2);
	assert_int_equal(kill(living, SIGKILL), 0);
	assert_int_equal(waitpid(living, &status, 0), living);
	commit_one("results/second");
	assert_int_equal(entries("results"), 2);
	assert_true(exists("results/first") && exists("results/second"));
	assert_int_equal(entries("results/first"), 0);
}

static void others_directories_are_left(void **state)
{
	(void)state;
	assert_int_equal(system("mkdir -p out/.tmp-work out/.tmp-12-abcdef out/.tmp-13-abcdef "
				"out/.tmp-14-abcdef out/.tmp-x-abcdef victim && "
				"echo thesis >out/.tmp-work/file && "
				"echo other >out/.tmp-12-abcdef/.pvtb-unfinished && "
				"printf 'pvtb: a result in the making\\n' >mark && "
				"ln -s ../../mark out/.tmp-13-abcdef/.pvtb-unfinished && "
				"cp mark out/.tmp-x-abcdef/.pvtb-unfinished && "
				"cp mark victim/.pvtb-unfinished && "
				"ln -s ../victim out/.tmp-15-abcdef"),
			 0);
	commit_one("out/mine");
	assert_true(exists("out/.tmp-work/file"));
	assert_true(exists("out/.tmp-12-abcdef/.pvtb-unfinished"));
	assert_true(exists("out/.tmp-13-abcdef/.pvtb-unfinished"));
	assert_true(exists("out/.tmp-14-abcdef"));
	assert_true(exists("out/.tmp-x-abcdef/.pvtb-unfinished"));
	assert_true(exists("out/.tmp-15-abcdef/.pvtb-unfinished"));
	/* the mark of another user, even in root's hands */
	if (geteuid())
		return;
	assert_int_equal(
		system("mkdir out/.tmp-16-abcdef && cp mark out/.tmp-16-abcdef/.pvtb-unfinished && "
		       "chown -R 65534 out/.tmp-16-abcdef"),
		0);
	commit_one("out/mine2");
	assert_true(exists("out/.tmp-16-abcdef/.pvtb-unfinished"));
	/* and ours, so that this tests something */
	assert_int_equal(system("chown -R 0 out/.tmp-16-abcdef"), 0);
	commit_one("out/mine3");
	assert_false(exists("out/.tmp-16-abcdef"));
}

/* Killed before it has a result, a run leaves nothing: not the directories made for it either. */
static void the_guardian_removes_all_of_it(void **state)
{
	struct pvtb_guardian *g = NULL;
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (pvtb_guardian_start(&g, &err) || pvtb_dir_new("a/b/c", &d, &err) ||
		    pvtb_dir_guard(d, g, &err))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	for (int i = 0; i < 1000 && exists("a"); i++)
		usleep(10000);
	assert_false(exists("a"));
}

static void contents_move_and_join(void **state)
{
	struct pvtb_err err;

	(void)state;
	assert_int_equal(system("mkdir -p to/samples to/.boot/native/samples to/.boot/native/new"),
			 0);
	put("to/samples", "a");
	put("to/.boot/native/samples", "b");
	put("to/.boot/native/new", "c");
	put("to/.boot", "log");
	assert_int_equal(pvtb_dir_move_contents("to/.boot/native", "to", "to/.boot", &err), 0);
	assert_true(exists("to/samples/a") && exists("to/samples/b") && exists("to/new/c"));
	assert_false(exists("to/.boot"));
	assert_int_equal(pvtb_dir_move_contents("to/none", "to", NULL, &err), 0);
	/* Of two files of one name neither is lost. */
	assert_int_equal(system("mkdir -p from/samples"), 0);
	put("from/samples", "a");
	assert_int_equal(pvtb_dir_move_contents("from", "to", "from", &err), -EEXIST);
	assert_true(exists("from/samples/a"));
}

static void unwritable_place(void **state)
{
	struct pvtb_dir *d = NULL;
	struct pvtb_err err;

	(void)state;
	assert_true(pvtb_dir_new("/proc/none/here", &d, &err) < 0);
	assert_null(d);
	assert_string_not_equal(err.why, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(named_by_what_was_run, empty_top),
		cmocka_unit_test_teardown(put_where_asked, empty_top),
		cmocka_unit_test_teardown(discarded_without_trace, empty_top),
		cmocka_unit_test_teardown(discarded_leaves_what_was_there, empty_top),
		cmocka_unit_test_teardown(killed_runs_are_cleaned_up_after, empty_top),
		cmocka_unit_test_teardown(others_directories_are_left, empty_top),
		cmocka_unit_test_teardown(the_guardian_removes_all_of_it, empty_top),
		cmocka_unit_test_teardown(contents_move_and_join, empty_top),
		cmocka_unit_test_teardown(unwritable_place, empty_top),
	};

	return cmocka_run_group_tests(tests, make_top, remove_top);
}
