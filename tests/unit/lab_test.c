// SPDX-License-Identifier: GPL-2.0-only
/* What the lab reads from outside: host specs, the result stream, kernel logs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/klog.h"
#include "lab/internal.h"

/* ---- host specs ---- */

static void specs_round_trip(void **state)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{"lab:arm64", "lab:arm64"},
		{"lab:x86_64,cpus=4", "lab:x86_64,cpus=4"},
		{"lab:x86_64,deterministic,cpus=1", "lab:x86_64,deterministic"},
		{"lab:x86_64,cpus=1", "lab:x86_64,cpus=1"},
		{"lab:x86_64,deterministic,cpus=2", "lab:x86_64,cpus=2,deterministic"},
		{"lab:arm64,deterministic,nvhe", "lab:arm64,nvhe,deterministic"},
		{"lab:arm64,deterministic,hz=1000000000", "lab:arm64,deterministic"},
		{"lab:arm64,hz=100000000,mem=2048", "lab:arm64,hz=100000000,mem=2048"},
		{"lab:arm64,series=6.1,nvhe", "lab:arm64,nvhe,series=6.1"},
		{"lab:arm64,series=6.1,model=neoverse-n1,hz=62500000",
		 "lab:arm64,hz=62500000,model=neoverse-n1,series=6.1"},
		{"lab:arm64,series=newest", "lab:arm64,series=newest"},
		{"lab:x86_64,series=rc-rt", "lab:x86_64,series=rc-rt"},
		{"lab:x86_64,series=6.12-rt", "lab:x86_64,series=6.12-rt"},
		{"lab:arm64,protected,cpus=3", "lab:arm64,protected,cpus=3"},
		{"lab:arm64,ecv,deterministic", "lab:arm64,ecv,deterministic"},
		{"lab:x86_64,nested,clocksource=hpet", "lab:x86_64,nested,clocksource=hpet"},
		{"lab:arm64,qemu=/q/bin,nested", "lab:arm64,nested,qemu=/q/bin"},
		{"lab:arm64,append=\"isolcpus=nohz,domain,1 nosmt\",cpus=4",
		 "lab:arm64,cpus=4,append=\"isolcpus=nohz,domain,1 nosmt\""},
		{"lab:arm64,append=quiet", "lab:arm64,append=\"quiet\""},
		{"lab:x86_64,kernel=/b/vmlinuz,modules=/m",
		 "lab:x86_64,kernel=/b/vmlinuz,modules=/m"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(good); i++) {
		struct pvtb_lab_spec spec;
		struct pvtb_err err;
		char text[9000];

		assert_int_equal(pvtb_lab_spec_parse(good[i].in, &spec, &err), 0);
		pvtb_lab_spec_format(&spec, text, sizeof(text));
		assert_string_equal(text, good[i].out);
	}
}

/* A name that means the same CPU in every QEMU, but where no such CPU has what is asked for. */
static void cpus_have_names(void **state)
{
	static const struct {
		const char *spec, *model;
	} cpu[] = {
		{"lab:arm64", "neoverse-n1"},	    {"lab:arm64,deterministic,nvhe", "neoverse-n1"},
		{"lab:x86_64", "EPYC-Rome"},	    {"lab:arm64,ecv", "max"},
		{"lab:arm64,nested", "max"},	    {"lab:arm64,model=cortex-a76", "cortex-a76"},
		{"lab:x86_64,nested", "EPYC-Rome"}, {"lab:x86_64,model=max", "max"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cpu); i++) {
		struct pvtb_lab_spec spec;
		struct pvtb_err err;

		assert_int_equal(pvtb_lab_spec_parse(cpu[i].spec, &spec, &err), 0);
		assert_string_equal(pvtb_lab_model(&spec), cpu[i].model);
	}
}

/* Lines of lab/emulator-check.S in QEMU 7.2, 10.0.13 and 11.1.3, and of emulators that are worse. */
static void emulators_are_judged(void **state)
{
	static const struct {
		const char *line, *faults;
		bool ecv;
	} said[] = {
		{"pvtb 3b9aca00 0 1e8482 1 0", "", false},
		{"pvtb 3b9aca0 0 1e849 1 0", "", false},
		{"pvtb 3b9aca00 2 1e8482 1 0", " cntpoff", true},
		{"pvtb 3b9aca00 2 1e8482 1 1", "", true},
		{"pvtb 3b9aca00 1 1e8482 1 0", "", false},
		{"pvtb 3b9aca00 0 1e849 1 0", " rate", false},
		{"pvtb 3b9aca0 2 1f000 0 0", " rate cntvoff cntpoff", true},
	};
	struct pvtb_lab_emulator e;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(said); i++) {
		e = (struct pvtb_lab_emulator){};
		assert_int_equal(pvtb_lab_emulator_read(said[i].line, &e), 0);
		assert_true(e.checked);
		assert_int_equal(e.ecv, said[i].ecv);
		assert_string_equal(e.faults, said[i].faults);
	}
	assert_int_equal(pvtb_lab_emulator_read("", &e), -EBADMSG);
	assert_int_equal(pvtb_lab_emulator_read("pvtb 3b9aca00 0 1e84", &e), -EBADMSG);
}

static void bad_specs_are_named(void **state)
{
	static const struct {
		const char *text, *said; /* in why or hint */
	} bad[] = {
		{"lab", "lab:arm64 or lab:x86_64"},
		{"lab:", "no emulated host"},
		{"lab:aarch64", "did you mean lab:arm64?"},
		{"lab:arm64,", "unknown option"},
		{"lab:arm64,nvh", "did you mean nvhe?"},
		{"lab:arm64,determinstic", "did you mean deterministic?"},
		{"lab:x86_64,nvhe", "option of lab:arm64"},
		{"lab:arm64,nvhe,nvhe", "given twice"},
		{"lab:arm64,nvhe=1", "takes no value"},
		{"lab:arm64,cpus", "needs a value"},
		{"lab:arm64,cpus=0", "out of range"},
		{"lab:arm64,cpus=2x", "not a number"},
		{"lab:arm64,hz=30000000", "whole number of ns"},
		{"lab:arm64,modules=/m", "goes with kernel="},
		{"lab:arm64,series=trixie", "no kernel series"},
		{"lab:x86_64,protected", "option of lab:arm64"},
		{"lab:x86_64,ecv", "option of lab:arm64"},
		{"lab:arm64,clocksource=tsc", "option of lab:x86_64"},
		{"lab:x86_64,clocksource=a b", "is no name"},
		{"lab:arm64,nvhe,protected", "of which it has one"},
		{"lab:arm64,append", "needs a value"},
		{"lab:arm64,append=\"a\tb\"", "not printable"},
		{"lab:arm64,protectd", "did you mean protected?"},
		{"lab:arm64,series=-rt", "no kernel series"},
		{"lab:arm64,series=newer", "no kernel series"},
		{"lab:arm64,series=6.12-r", "no kernel series"},
		{"lab:arm64,model=max+sve", "no CPU's name"},
		{"lab:arm64,series=6.1,kernel=/k", "is the distribution's, kernel= is not"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(bad); i++) {
		struct pvtb_lab_spec spec;
		struct pvtb_err err = {};

		assert_true(pvtb_lab_spec_parse(bad[i].text, &spec, &err) < 0);
		assert_true(strstr(err.why, bad[i].said) || strstr(err.hint, bad[i].said));
	}
}

/* ---- the result stream ---- */

struct stream {
	char dir[64];
	int dir_fd;
	u8 *data;
	size_t size;
};

static int setup(void **state)
{
	struct stream *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/pvtb-lab-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY);
	*state = s;
	return s->dir_fd < 0;
}

static int teardown(void **state)
{
	struct stream *s = *state;
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", s->dir);
	close(s->dir_fd);
	free(s->data);
	free(s);
	return system(cmd);
}

/* What a lab with one directory, two files and exit status 3 sends. */
static void make_stream(struct stream *s)
{
	struct pvtb_lab_archive_writer w = {.fd = memfd_create("stream", 0),
					    .buffer = malloc(PVTB_LAB_ARCHIVE_CHUNK)};
	static u8 big[100000];
	char sub[80], file[96];
	int fd;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (u8)(i * 7 + (i >> 8));
	snprintf(sub, sizeof(sub), "%s/from", s->dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	snprintf(file, sizeof(file), "%s/d", sub);
	assert_int_equal(mkdir(file, 0755), 0);
	snprintf(file, sizeof(file), "%s/d/big", sub);
	fd = open(file, O_WRONLY | O_CREAT, 0644);
	assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
	close(fd);
	assert_int_equal(pvtb_lab_archive_tree(&w, sub), 0);
	assert_int_equal(pvtb_lab_archive_bytes(&w, "kernel.log", "line\n", 5), 0);
	assert_int_equal(pvtb_lab_archive_end(&w, 3 << 8), 0);
	assert_int_equal(pvtb_lab_read_file(w.fd, (void **)&s->data, &s->size), 0);
	close(w.fd);
	free(w.buffer);
}

static int feed(struct stream *s, size_t size, size_t piece, int *ret_status)
{
	char cmd[256];
	struct pvtb_lab_unpack *u;
	int fd, r = 0;

	snprintf(cmd, sizeof(cmd), "rm -rf %s/to && mkdir %s/to", s->dir, s->dir);
	assert_int_equal(system(cmd), 0);
	fd = openat(s->dir_fd, "to", O_RDONLY | O_DIRECTORY);
	u = pvtb_lab_unpack_new(fd);
	for (size_t at = 0; at < size && !r; at += piece)
		r = pvtb_lab_unpack_feed(u, s->data + at, piece < size - at ? piece : size - at,
					 NULL);
	r = r ?: pvtb_lab_unpack_status(u, ret_status, NULL);
	pvtb_lab_unpack_free(u);
	close(fd);
	return r;
}

static void stream_arrives_in_any_pieces(void **state)
{
	static const size_t pieces[] = {1, 7, 24, 4096, 1 << 20};
	struct stream *s = *state;
	char cmd[256];

	make_stream(s);
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(pieces); i++) {
		int status = 0;

		assert_int_equal(feed(s, s->size, pieces[i], &status), 0);
		assert_int_equal(status, 3 << 8);
		snprintf(cmd, sizeof(cmd),
			 "cmp %s/from/d/big %s/to/d/big && test -s %s/to/kernel.log", s->dir,
			 s->dir, s->dir);
		assert_int_equal(system(cmd), 0);
	}
}

static void cut_or_changed_stream_is_refused(void **state)
{
	struct stream *s = *state;
	int status;

	make_stream(s);
	/* at every member's edges and around, without going through all of the data */
	for (size_t n = 0; n < s->size; n += n < 200 || n > s->size - 200 ? 1 : 9973)
		assert_int_equal(feed(s, n, 4096, &status), -EBADMSG);
	for (size_t n = 0; n < s->size; n += n < 200 || n > s->size - 200 ? 1 : 9973) {
		s->data[n] ^= 0x10;
		assert_true(feed(s, s->size, 4096, &status) < 0);
		s->data[n] ^= 0x10;
	}
	assert_int_equal(feed(s, s->size, 4096, &status), 0);
}

static void names_stay_inside(void **state)
{
	static const char *const names[] = {"../x", "/tmp/x", "a/../../x", ".", "", "a//b", "d/"};
	struct stream *s = *state;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(names); i++) {
		struct pvtb_lab_archive_writer w = {.fd = memfd_create("stream", 0)};
		int status;

		assert_int_equal(pvtb_lab_archive_bytes(&w, names[i], "x", 1), 0);
		assert_int_equal(pvtb_lab_archive_end(&w, 0), 0);
		free(s->data);
		assert_int_equal(pvtb_lab_read_file(w.fd, (void **)&s->data, &s->size), 0);
		close(w.fd);
		assert_int_equal(feed(s, s->size, 4096, &status), -EBADMSG);
	}
}

/* ---- kernel logs and errors ---- */

static void kernel_trouble_is_seen(void **state)
{
	assert_true(pvtb_klog_trouble("[ 1.0] WARNING: CPU: 0 PID: 1 at arch/arm64/kvm/a.c:9"));
	assert_true(pvtb_klog_trouble("rcu: INFO: rcu_preempt self-detected stall on CPU"));
	assert_true(pvtb_klog_trouble("Internal error: Oops: 96000004 [#1] SMP"));
	assert_true(pvtb_klog_trouble("BUG: unable to handle page fault for address: 0"));
	assert_true(pvtb_klog_trouble("Kernel panic - not syncing: Attempted to kill init!"));
	assert_false(pvtb_klog_trouble("<6>[ 0.0] kvm [1]: VHE mode initialized successfully"));
	assert_false(pvtb_klog_trouble("rcu: Hierarchical RCU implementation."));
	assert_string_equal(pvtb_klog_text("<4>[    1.25] WARNING: x"), "WARNING: x");
}

static void errors_of_the_inside_are_read(void **state)
{
	struct pvtb_err err = {.code = 5};

	pvtb_lab_parse_error("counter_read 10 %", &err);
	assert_string_equal(err.why, "");
	pvtb_lab_parse_error("pvtb: /dev/kvm: not there", &err);
	pvtb_lab_parse_error("  hint: load it", &err);
	assert_string_equal(err.what, "/dev/kvm");
	assert_string_equal(err.why, "not there");
	assert_string_equal(err.hint, "load it");
	assert_int_equal(err.code, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specs_round_trip),
		cmocka_unit_test(cpus_have_names),
		cmocka_unit_test(emulators_are_judged),
		cmocka_unit_test(bad_specs_are_named),
		cmocka_unit_test_setup_teardown(stream_arrives_in_any_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_or_changed_stream_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(names_stay_inside, setup, teardown),
		cmocka_unit_test(kernel_trouble_is_seen),
		cmocka_unit_test(errors_of_the_inside_are_read),
	};

	return cmocka_run_group_tests_name("lab", tests, NULL, NULL);
}
