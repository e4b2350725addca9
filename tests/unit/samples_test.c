// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw sample files: written and read back; cut at every byte, each byte damaged, they are refused
 * and never read as shorter ones.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "abi/guest.h"
#include "abi/trace.h"
#include "results/samples.h"

static char dir[] = "/tmp/pvtb-samples-XXXXXX";
static char path[PATH_MAX];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/f.zst", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* Neither random (which would not compress) nor constant. */
static s64 value(size_t i)
{
	return (s64)(i * i % 1009) - 500;
}

static void write_file(size_t n, size_t chunk)
{
	json_t *desc =
		json_pack("{s:s, s:I}", "variant", "cntvct", "counter_hz", (json_int_t)62500000);
	struct pvtb_samples_writer *w = NULL;
	struct pvtb_err err = {0};
	s64 buf[4096];
	size_t i, k;

	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, 8, desc, 3, &w, &err), 0);
	json_decref(desc);
	for (i = 0; i < n; i += k) {
		for (k = 0; k < chunk && i + k < n; k++)
			buf[k] = value(i + k);
		assert_int_equal(pvtb_samples_write(w, buf, k, &err), 0);
	}
	assert_int_equal(pvtb_samples_finish(w, &err), 0);
}

/* Number of records read in steps of @max, all as written; -errno as the reader has it. */
static ssize_t read_file(size_t max, struct pvtb_err *err)
{
	struct pvtb_samples_reader *r = NULL;
	static s64 buf[65536];
	ssize_t got, n, i, differs = -1;
	struct pvtb_err again;
	int ret;

	assert_true(max <= PVTB_ARRAY_SIZE(buf));
	memset(err, 0, sizeof(*err));
	ret = pvtb_samples_open(path, &r, err);
	if (ret) {
		assert_null(r);
		assert_int_equal(err->code, ret);
		return ret;
	}
	for (n = 0; (got = pvtb_samples_read(r, buf, max, err)) > 0; n += got)
		for (i = 0; i < got; i++)
			if (buf[i] != value((size_t)(n + i)))
				differs = n + i;
	/* What precedes the checksum may be anything; but then the end never comes. */
	if (!got && differs >= 0)
		fail_msg("record %zd differs", differs);
	if (got < 0) {
		assert_int_equal(err->code, got);
		/* Failed is failed: no second read makes an end of it. */
		assert_int_equal(pvtb_samples_read(r, buf, max, &again), got);
	} else {
		assert_int_equal(pvtb_samples_read(r, buf, max, err), 0);
	}
	pvtb_samples_close(r);
	return got < 0 ? got : n;
}

static void same_after_a_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 100, 4096, 65536, 300001};
	static const size_t steps[] = {1, 7, 4096, 65536};
	struct pvtb_err err;
	size_t i, j;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(sizes); i++) {
		write_file(sizes[i], 1000);
		for (j = 0; j < PVTB_ARRAY_SIZE(steps); j++)
			if (steps[j] > 1 || sizes[i] < 10000)
				assert_int_equal(read_file(steps[j], &err), sizes[i]);
	}
}

static void says_what_it_holds(void **state)
{
	struct pvtb_samples_reader *r = NULL;
	struct pvtb_err err;

	(void)state;
	write_file(3, 3);
	assert_int_equal(pvtb_samples_open(path, &r, &err), 0);
	assert_int_equal(pvtb_samples_kind_of(r), PVTB_SAMPLES_S64);
	assert_int_equal(pvtb_samples_record_size(r), 8);
	assert_string_equal(
		json_string_value(json_object_get(pvtb_samples_description(r), "variant")),
		"cntvct");
	pvtb_samples_close(r);
	pvtb_samples_close(NULL);
}

static void records_of_every_kind(void **state)
{
	struct pvtb_sample s = {1, 2}, s2 = {0};
	struct pvtb_rec rec = {.t0_ns = 5, .reason = 7}, rec2 = {0};
	const struct {
		enum pvtb_samples_kind kind;
		size_t size;
		void *in, *out;
	} kinds[] = {
		{PVTB_SAMPLES_GUEST, sizeof(s), &s, &s2},
		{PVTB_SAMPLES_HOST, sizeof(rec), &rec, &rec2},
	};
	json_t *desc = json_object();
	size_t i;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(kinds); i++) {
		struct pvtb_samples_writer *w = NULL;
		struct pvtb_samples_reader *r = NULL;
		struct pvtb_err err;

		assert_int_equal(
			pvtb_samples_create(path, kinds[i].kind, kinds[i].size, desc, 1, &w, &err),
			0);
		assert_int_equal(pvtb_samples_write(w, kinds[i].in, 1, &err), 0);
		assert_int_equal(pvtb_samples_finish(w, &err), 0);
		assert_int_equal(pvtb_samples_open(path, &r, &err), 0);
		assert_int_equal(pvtb_samples_read(r, kinds[i].out, 1, &err), 1);
		assert_int_equal(pvtb_samples_read(r, kinds[i].out, 1, &err), 0);
		assert_memory_equal(kinds[i].in, kinds[i].out, kinds[i].size);
		pvtb_samples_close(r);
		assert_int_equal(pvtb_samples_create(path, kinds[i].kind, kinds[i].size + 8, desc,
						     1, &w, &err),
				 -EINVAL);
	}
	json_decref(desc);
}

static size_t slurp(u8 *buf, size_t max)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, max, f);
	assert_true(n < max);
	fclose(f);
	return n;
}

static void spill(const u8 *buf, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(buf, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void cut_at_every_byte(void **state)
{
	static u8 whole[65536];
	struct pvtb_err err;
	size_t n, i;

	(void)state;
	write_file(500, 100);
	n = slurp(whole, sizeof(whole));
	for (i = 0; i < n; i++) {
		spill(whole, i);
		if (read_file(64, &err) != -EBADMSG)
			fail_msg("cut to %zu of %zu bytes: %d %s", i, n, err.code, err.why);
		if (!strstr(err.why, "cut short"))
			fail_msg("cut to %zu of %zu bytes: %s", i, n, err.why);
	}
	/* Nor may anything follow. */
	whole[n] = 0;
	spill(whole, n + 1);
	assert_int_equal(read_file(64, &err), -EBADMSG);
}

/* Damage is refused. Some makes no difference to the data (a window size, a match found at another
 * place with the same bytes): then all of it must be read, unharmed (read_file compares). */
static void every_byte_damaged(void **state)
{
	static const u8 masks[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};
	static u8 whole[65536];
	struct pvtb_err err;
	size_t n, i, k, harmless = 0;
	ssize_t got;

	(void)state;
	write_file(500, 100);
	n = slurp(whole, sizeof(whole));
	for (i = 0; i < n; i++)
		for (k = 0; k < PVTB_ARRAY_SIZE(masks); k++) {
			whole[i] ^= masks[k];
			spill(whole, n);
			got = read_file(64, &err);
			whole[i] ^= masks[k];
			if (got >= 0) {
				assert_int_equal(got, 500);
				harmless++;
			} else if (got != -EBADMSG && got != -EPROTO) {
				fail_msg("byte %zu ^ %#x: %zd %s", i, masks[k], got, err.why);
			}
		}
	assert_true(harmless * 50 < n * PVTB_ARRAY_SIZE(masks));
}

/* Where the last zstd frame begins: by its magic number. */
static size_t last_frame(const u8 *buf, size_t n)
{
	static const u8 magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	size_t i;

	for (i = n - sizeof(magic); i && memcmp(buf + i, magic, sizeof(magic)); i--)
		;
	assert_true(i);
	return i;
}

/* Whole frames, their checksums right, but records missing or too many: the count tells. */
static void frames_of_two_files(void **state)
{
	static u8 a[65536], b[65536];
	size_t na, nb, end_a, end_b;
	struct pvtb_err err;

	(void)state;
	write_file(500, 100);
	na = slurp(a, sizeof(a));
	end_a = last_frame(a, na);
	write_file(400, 100);
	nb = slurp(b, sizeof(b));
	end_b = last_frame(b, nb);
	memcpy(b + end_b, a + end_a, na - end_a);
	spill(b, end_b + na - end_a);
	assert_int_equal(read_file(64, &err), -EBADMSG);
	assert_non_null(strstr(err.why, "counts others"));
	/* The end twice, and not at all. */
	memmove(b, a, na);
	memmove(b + na, a + end_a, na - end_a);
	spill(b, na + na - end_a);
	assert_int_equal(read_file(64, &err), -EBADMSG);
	spill(a, end_a);
	assert_int_equal(read_file(64, &err), -EBADMSG);
}

static void not_a_sample_file(void **state)
{
	const char text[] = "{\"schema\": 1, \"this\": \"is something else altogether\"}";
	struct pvtb_samples_reader *r = NULL;
	struct pvtb_err err;

	(void)state;
	spill((const u8 *)text, strlen(text));
	assert_int_equal(read_file(1, &err), -EBADMSG);
	assert_string_equal(err.why, "not a sample file");
	assert_string_equal(err.what, path);
	unlink(path);
	assert_int_equal(pvtb_samples_open(path, &r, &err), -ENOENT);
	assert_int_equal(pvtb_samples_open(dir, &r, &err), -EISDIR);
}

static void failures_leave_no_file(void **state)
{
	struct pvtb_samples_writer *w = NULL;
	struct rlimit old, tiny;
	json_t *desc = json_object(), *array = json_array();
	struct pvtb_err err;
	u64 seed = 1, i;
	static s64 noise[1 << 16];
	int ret = 0;

	(void)state;
	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, 8, array, 3, &w, &err),
			 -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, 8, desc, 3, &w, &err), 0);
	pvtb_samples_abort(w);
	pvtb_samples_abort(NULL);
	assert_int_equal(access(path, F_OK), -1);

	for (i = 0; i < PVTB_ARRAY_SIZE(noise); i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		noise[i] = (s64)seed;
	}
	assert_int_equal(pvtb_samples_create(path, PVTB_SAMPLES_S64, 8, desc, 3, &w, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = old;
	tiny.rlim_cur = 65536;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	for (i = 0; !ret && i < 16; i++)
		ret = pvtb_samples_write(w, noise, PVTB_ARRAY_SIZE(noise), &err);
	assert_int_equal(ret, -EFBIG);
	assert_int_equal(pvtb_samples_finish(w, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(access(path, F_OK), -1);
	json_decref(desc);
	json_decref(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_after_a_round_trip), cmocka_unit_test(says_what_it_holds),
		cmocka_unit_test(records_of_every_kind),   cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(every_byte_damaged),	   cmocka_unit_test(frames_of_two_files),
		cmocka_unit_test(not_a_sample_file),	   cmocka_unit_test(failures_leave_no_file),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
