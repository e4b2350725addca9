// SPDX-License-Identifier: GPL-2.0-only
/* Places a guest can go to: how they are written, what is refused, and that what is sent arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "migrate/channel.h"

static void places_are_read(void **state)
{
	static const struct {
		const char *text;
		enum pvtb_mig_place_kind kind;
		bool beyond, way_back;
	} good[] = {
		{"unix:/tmp/s", PVTB_MIG_UNIX, false, true},
		{"tcp:4444", PVTB_MIG_TCP, false, true},
		{"tcp:127.0.0.1:4444", PVTB_MIG_TCP, false, true},
		{"tcp:127.9.9.9:1", PVTB_MIG_TCP, false, true},
		{"tcp:[::1]:4444", PVTB_MIG_TCP, false, true},
		{"tcp:0.0.0.0:4444", PVTB_MIG_TCP, true, true},
		{"tcp:192.0.2.1:4444", PVTB_MIG_TCP, true, true},
		{"tcp:[::]:4444", PVTB_MIG_TCP, true, true},
		{"port:link", PVTB_MIG_PORT, false, true},
		{"file:guest", PVTB_MIG_FILE, false, false},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(good); i++) {
		struct pvtb_mig_place p;
		struct pvtb_err err;

		assert_int_equal(pvtb_mig_place_parse(good[i].text, &p, &err), 0);
		assert_int_equal(p.kind, good[i].kind);
		assert_int_equal(p.beyond, good[i].beyond);
		assert_int_equal(p.way_back, good[i].way_back);
	}
}

static void others_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	      "guest",	"/tmp/guest", "tcp:",	     "tcp:host:4444",
		"tcp:65536",  "tcp:-1", "tcp:4444x",  "tcp:[::1:1",  "tcp:1.2.3.4:",
		"unix:",      "file:",	"port:",      "tcp:1.2.3:1", "udp:1.2.3.4:1",
		"tcp:[zz]:1",
	};
	char too_long[256] = "unix:";

	memset(too_long + 5, 'x', 200);
	for (size_t i = 0; i <= PVTB_ARRAY_SIZE(bad); i++) {
		const char *text = i < PVTB_ARRAY_SIZE(bad) ? bad[i] : too_long;
		struct pvtb_mig_place p;
		struct pvtb_err err = {0};

		if (pvtb_mig_place_parse(text, &p, &err) >= 0)
			fail_msg("\"%s\" was accepted", text);
		assert_true(err.why[0]);
	}
}

/* A listening end, one that connects, and what is written comes through. */
static void meet(const char *text)
{
	struct pvtb_mig_place p;
	int listening, source, target;
	struct pvtb_err err;
	char name[128], c = 0;

	assert_int_equal(pvtb_mig_place_parse(text, &p, &err), 0);
	assert_int_equal(pvtb_mig_listen(&p, &listening, &err), 0);
	pvtb_mig_place_name(&p, listening, name, sizeof(name));
	if (p.kind == PVTB_MIG_TCP) {
		char again[160];

		/* port 0 was given one */
		snprintf(again, sizeof(again), "tcp:%s", name);
		assert_int_equal(pvtb_mig_place_parse(again, &p, &err), 0);
	}
	assert_int_equal(pvtb_mig_connect(&p, &source, &err), 0);
	assert_int_equal(pvtb_mig_accept(&p, listening, 5000, &target, &err), 0);
	assert_int_equal(write(source, "x", 1), 1);
	while (read(target, &c, 1) < 0)
		usleep(1000);
	assert_int_equal(c, 'x');
	close(source);
	close(target);
}

static void ends_meet(void **state)
{
	char dir[] = "/tmp/pvtb-channel-XXXXXX", text[64];
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	meet(text);
	/* its name is gone with it */
	assert_int_equal(stat(text + 5, &st), -1);
	assert_int_equal(rmdir(dir), 0);
	meet("tcp:0");
}

static void nobody_comes(void **state)
{
	struct pvtb_mig_place p;
	struct pvtb_err err;
	int fd;

	assert_int_equal(pvtb_mig_place_parse("tcp:0", &p, &err), 0);
	assert_int_equal(pvtb_mig_listen(&p, &fd, &err), 0);
	assert_int_equal(pvtb_mig_accept(&p, fd, 20, &fd, &err), -ETIMEDOUT);
}

/* A saved guest is not overwritten; one that was not saved whole is taken away. */
static void files_are_kept(void **state)
{
	char dir[] = "/tmp/pvtb-channel-XXXXXX", text[64];
	struct pvtb_mig_place p;
	struct pvtb_err err;
	int fd, again;

	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "file:%s/guest", dir);
	assert_int_equal(pvtb_mig_place_parse(text, &p, &err), 0);
	assert_int_equal(pvtb_mig_listen(&p, &fd, &err), -ENOENT);
	assert_int_equal(pvtb_mig_connect(&p, &fd, &err), 0);
	assert_int_equal(pvtb_mig_connect(&p, &again, &err), -EEXIST);
	close(fd);
	pvtb_mig_undo(&p);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_read), cmocka_unit_test(others_are_refused),
		cmocka_unit_test(ends_meet),	   cmocka_unit_test(nobody_comes),
		cmocka_unit_test(files_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
