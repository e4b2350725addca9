// SPDX-License-Identifier: GPL-2.0-only
/*
 * The result model: built, written, read back, and everything wrong with a file named.
 *
 * `result_test --example FILE` writes the example, `result_test --load FILE` says with its exit
 * status whether FILE is a result: the schema's test asks both.
 *
 * wrap: fsync
 */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "results/result.h"

static int fsync_errno; /* what the next fsync() fails with */

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	if (!fsync_errno)
		return __real_fsync(fd);
	errno = fsync_errno;
	return -1;
}

/* Something of everything. Figures stand for no measurement. */
static struct pvtb_result *example(void)
{
	struct pvtb_result *r = pvtb_result_new("pvtb run -H lab:arm64 example", "quick");
	struct pvtb_host_result *h;
	struct pvtb_bench_result *b;
	struct pvtb_variant_result *v;

	assert_non_null(r);
	h = pvtb_result_add_host(r, "lab:arm64,nvhe");
	assert_non_null(h);
	assert_int_equal(pvtb_result_set(&h->arch, "arm64"), 0);
	assert_int_equal(pvtb_result_set(&h->kernel, "6.12.117"), 0);
	assert_int_equal(pvtb_result_set(&h->mode, "nVHE"), 0);
	h->emulated = true;
	h->witnessed = true;
	h->counter_hz = 62500000;
	h->samples = UINT64_MAX;
	h->records = (u64)INT64_MAX + 1;
	h->lost = INT64_MAX;
	assert_int_equal(json_object_set_new(h->environment, "cpu", json_pack("{s:i}", "n", 2)), 0);
	assert_int_equal(pvtb_host_not_controlled(h, "governor %s", "unknown"), 0);
	assert_int_equal(pvtb_host_not_controlled(h, "THP"), 0);
	assert_int_equal(pvtb_host_not_controlled(h, "SMT"), 0);
	b = pvtb_host_add_bench(h, "counter_read", "reading the counter");
	assert_non_null(b);
	v = pvtb_bench_add_variant(b, "cntvct", "native");
	assert_non_null(v);
	assert_int_equal(pvtb_variant_add_metric(v, "p50", PVTB_UNIT_TICKS, PVTB_KIND_TIME,
						 PVTB_LOWER_IS_BETTER, 4, 3, 5, 10000),
			 0);
	assert_int_equal(pvtb_variant_add_metric(v, "batch.slope", PVTB_UNIT_PPB,
						 PVTB_KIND_INSTRUCTIONS, PVTB_NEITHER_IS_BETTER,
						 0.1, NAN, INFINITY, 7),
			 0);
	assert_int_equal(
		pvtb_variant_add_law(v, "conservation", "no exit seen", PVTB_OK, "%d exits", 0), 0);
	assert_int_equal(pvtb_variant_add_file(v, "samples.single", "samples/a..b.zst"), 0);
	v->detail = json_pack("{s:[i,i]}", "series", 1, 2);
	v = pvtb_bench_add_variant(b, "cntpctss", "self-synchronised");
	assert_non_null(v);
	pvtb_variant_set_status(v, PVTB_SKIP, "no FEAT_ECV on %s", "this host");
	b->detail = json_pack("{s:{s:i}}", "all", "variants", 2);
	assert_non_null(pvtb_host_add_bench(h, "hypercall", "calls"));
	assert_non_null(pvtb_result_add_host(r, "native"));
	return r;
}

static char *temp_dir(void)
{
	char *dir = strdup("/tmp/pvtb-result-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void remove_dir(char *dir)
{
	char cmd[PATH_MAX];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
	free(dir);
}

static size_t entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void built_as_told(void **state)
{
	struct pvtb_result *r = example();
	const struct pvtb_variant_result *v;

	(void)state;
	assert_int_equal(r->schema, PVTB_RESULT_SCHEMA);
	assert_string_equal(r->tool, "pvtime-bench " PVTB_VERSION);
	assert_int_equal(strlen(r->created), 20);
	assert_int_equal(r->nr_hosts, 2);
	assert_string_equal(r->hosts[1].kernel, "");
	assert_string_equal(r->hosts[0].not_controlled[0], "governor unknown");
	assert_int_equal(r->hosts[0].nr_not_controlled, 3);
	v = pvtb_host_variant(&r->hosts[0], "counter_read", "cntvct");
	assert_non_null(v);
	assert_true(pvtb_variant_metric(v, "p50")->value == 4);
	assert_true(isnan(pvtb_variant_metric(v, "batch.slope")->high));
	assert_null(pvtb_variant_metric(v, "p51"));
	assert_null(pvtb_host_variant(&r->hosts[0], "counter_read", "none"));
	assert_null(pvtb_host_variant(&r->hosts[0], "none", "cntvct"));
	pvtb_result_free(r);
	pvtb_result_free(NULL);
}

static void nothing_passes_by_default(void **state)
{
	struct pvtb_result *r = pvtb_result_new("c", "quick");
	struct pvtb_bench_result *b = pvtb_host_add_bench(pvtb_result_add_host(r, "h"), "b", "");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(b, "v", "");

	(void)state;
	assert_int_equal(v->status, PVTB_INVALID);
	assert_string_equal(v->why, "not measured");
	assert_int_equal(pvtb_variant_add_law(v, "a", "", PVTB_SKIP, "cannot"), 0);
	assert_int_equal(v->status, PVTB_INVALID);
	assert_int_equal(pvtb_variant_add_law(v, "b", "", PVTB_OK, "held"), 0);
	assert_int_equal(v->status, PVTB_OK);
	assert_string_equal(v->why, "");
	assert_int_equal(pvtb_variant_add_law(v, "c", "", PVTB_INCONCLUSIVE, "2 lost"), 0);
	assert_int_equal(v->status, PVTB_INCONCLUSIVE);
	assert_int_equal(pvtb_variant_add_law(v, "d", "", PVTB_FAIL, "9 for 10"), 0);
	assert_int_equal(v->status, PVTB_FAIL);
	assert_string_equal(v->why, "d: 9 for 10");
	assert_int_equal(pvtb_variant_add_law(v, "e", "", PVTB_OK, "held"), 0);
	assert_int_equal(v->status, PVTB_FAIL);
	pvtb_variant_set_status(v, PVTB_INVALID, "guest crashed");
	assert_int_equal(pvtb_variant_add_law(v, "f", "", PVTB_OK, "held"), 0);
	assert_int_equal(v->status, PVTB_INVALID);
	assert_int_equal(pvtb_variant_add_metric(v, "m", PVTB_UNIT_NS, PVTB_KIND_TIME,
						 PVTB_LOWER_IS_BETTER, NAN, 0, 0, 1),
			 -EINVAL);
	assert_int_equal(v->nr_metrics, 0);
	pvtb_result_free(r);
}

static void many_of_everything(void **state)
{
	struct pvtb_result *r = pvtb_result_new("c", "quick"), *other;
	struct pvtb_bench_result *b;
	char name[16];
	int i;

	(void)state;
	b = pvtb_host_add_bench(pvtb_result_add_host(r, "one"), "b", "");
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		assert_non_null(pvtb_bench_add_variant(b, name, ""));
	}
	assert_string_equal(b->variants[63].name, "v63");
	assert_string_equal(b->variants[64].name, "v64");
	other = pvtb_result_new("d", "quick");
	for (i = 0; i < 5; i++)
		assert_non_null(pvtb_result_add_host(other, "more"));
	assert_int_equal(pvtb_result_take_hosts(r, other), 0);
	assert_int_equal(other->nr_hosts, 0);
	assert_int_equal(r->nr_hosts, 6);
	assert_int_equal(r->hosts[0].benches[0].nr_variants, 100);
	assert_string_equal(r->hosts[5].host, "more");
	/* Both can be added to afterwards. */
	assert_non_null(pvtb_result_add_host(r, "last"));
	assert_non_null(pvtb_result_add_host(other, "again"));
	pvtb_result_free(other);
	pvtb_result_free(r);
}

static void same_after_a_round_trip(void **state)
{
	struct pvtb_result *r = example(), *back = NULL;
	struct pvtb_err err = {0};
	char *dir = temp_dir(), path[PATH_MAX];
	json_t *a, *b;

	(void)state;
	/* Into the directory, and out of both the directory and the file. */
	assert_int_equal(pvtb_result_save(r, dir, &err), 0);
	assert_int_equal(entries(dir), 1);
	assert_int_equal(pvtb_result_load(dir, &back, &err), 0);
	a = pvtb_result_to_json(r);
	b = pvtb_result_to_json(back);
	assert_true(json_equal(a, b));
	assert_true(back->hosts[0].samples == UINT64_MAX);
	assert_true(back->hosts[0].records == (u64)INT64_MAX + 1);
	assert_true(back->hosts[0].lost == INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(a, "hosts"), 0), "samples")),
			    "0xffffffffffffffff");
	assert_true(isnan(back->hosts[0].benches[0].variants[0].metrics[1].low));
	assert_true(back->hosts[0].benches[0].variants[0].metrics[1].value == 0.1);
	assert_null(back->hosts[0].benches[0].variants[1].detail);
	assert_int_equal(back->hosts[0].benches[0].variants[1].status, PVTB_SKIP);
	json_decref(b);
	pvtb_result_free(back);
	snprintf(path, sizeof(path), "%s/result.json", dir);
	assert_int_equal(pvtb_result_load(path, &back, &err), 0);
	b = pvtb_result_to_json(back);
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
	pvtb_result_free(back);
	pvtb_result_free(r);
	remove_dir(dir);
}

static void text_that_is_no_utf8(void **state)
{
	struct pvtb_result *r = pvtb_result_new("caf\xe9", "quick");
	json_t *j = pvtb_result_to_json(r);

	(void)state;
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "command")), "caf?");
	json_decref(j);
	pvtb_result_free(r);
}

/* A pointer such as "hosts.0.samples" and the text to put there; NULL removes the member. */
static const struct {
	const char *pointer, *value;
	int code;
	const char *why; /* part of it */
} broken[] = {
	{"schema", "2", -EPROTO, "result schema 2, this pvtb reads 1"},
	{"schema", "\"1\"", -EINVAL, "schema: must be an integer"},
	{"schema", NULL, -EINVAL, "schema: is missing"},
	{"tool", "1", -EINVAL, "tool: must be a string"},
	{"created", "\"yesterday\"", -EINVAL, "created: must be a UTC time"},
	{"created", "\"2026-01-01T00:00:00Z \"", -EINVAL, "created: must be a UTC time"},
	{"command", NULL, -EINVAL, "command: is missing"},
	{"extra", "1", -EINVAL, "extra: is not a member"},
	{"hosts", "{}", -EINVAL, "hosts: must be an array"},
	{"hosts.0", "3", -EINVAL, "hosts[0]: must be an object"},
	{"hosts.1.host", "\"\"", -EINVAL, "hosts[1].host: must not be empty"},
	{"hosts.0.emulated", "1", -EINVAL, "hosts[0].emulated: must be true or false"},
	{"hosts.0.counter_hz", "-1", -EINVAL, "hosts[0].counter_hz: must be a count"},
	{"hosts.0.counter_hz", "1.5", -EINVAL, "hosts[0].counter_hz: must be a count"},
	{"hosts.0.samples", "\"0x10\"", -EINVAL, "hosts[0].samples: must be a count"},
	{"hosts.0.samples", "\"0x0000000000000001\"", -EINVAL, "hosts[0].samples: must be"},
	{"hosts.0.samples", "\"0xfffffffffffffffg\"", -EINVAL, "hosts[0].samples: must be"},
	{"hosts.0.samples", "\"0xFFFFFFFFFFFFFFFF\"", -EINVAL, "hosts[0].samples: must be"},
	{"hosts.0.environment", "null", -EINVAL, "hosts[0].environment: must be an object"},
	{"hosts.0.not_controlled.1", "7", -EINVAL, "hosts[0].not_controlled[1]: must be a string"},
	{"hosts.0.benches.0.variants.0.status", "\"fine\"", -EINVAL,
	 "hosts[0].benches[0].variants[0].status: unknown value 'fine'"},
	{"hosts.0.benches.0.variants.0.detail", "[]", -EINVAL, "detail: must be an object or null"},
	{"hosts.0.benches.0.detail", "1", -EINVAL, "benches[0].detail: must be an object or null"},
	{"hosts.0.benches.0.variants.0.metrics.0.unit", "\"us\"", -EINVAL,
	 "metrics[0].unit: unknown value 'us'"},
	{"hosts.0.benches.0.variants.0.metrics.0.kind", "4", -EINVAL, "kind: must be a string"},
	{"hosts.0.benches.0.variants.0.metrics.0.value", "null", -EINVAL,
	 "metrics[0].value: must be a number"},
	{"hosts.0.benches.0.variants.0.metrics.0.low", "\"NaN\"", -EINVAL,
	 "metrics[0].low: must be a number or null"},
	{"hosts.0.benches.0.variants.0.metrics.0.high", NULL, -EINVAL,
	 "metrics[0].high: is missing"},
	{"hosts.0.benches.0.variants.0.laws.0.more", "1", -EINVAL,
	 "hosts[0].benches[0].variants[0].laws[0].more: is not a member"},
	{"hosts.0.benches.0.variants.0.files.0.path", "\"/etc/passwd\"", -EINVAL,
	 "files[0].path: must be a path inside"},
	{"hosts.0.benches.0.variants.0.files.0.path", "\"a/../../b\"", -EINVAL,
	 "files[0].path: must be a path inside"},
	{"hosts.0.benches.0.variants.0.files.0.path", "\"..\"", -EINVAL,
	 "files[0].path: must be a path inside"},
};

static void set_at(json_t *root, const char *pointer, const char *value)
{
	char *copy = strdup(pointer), *save, *part, *next;
	json_t *at = root, *v = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;

	part = strtok_r(copy, ".", &save);
	while ((next = strtok_r(NULL, ".", &save))) {
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(part))
				       : json_object_get(at, part);
		assert_non_null(at);
		part = next;
	}
	if (json_is_array(at))
		assert_int_equal(json_array_set_new(at, (size_t)atoi(part), v), 0);
	else if (v)
		assert_int_equal(json_object_set_new(at, part, v), 0);
	else
		assert_int_equal(json_object_del(at, part), 0);
	free(copy);
}

static void every_fault_is_named(void **state)
{
	struct pvtb_result *r = example(), *back;
	struct pvtb_err err;
	json_t *j;
	size_t i;
	int code;

	(void)state;
	for (i = 0; i < PVTB_ARRAY_SIZE(broken); i++) {
		json_t *whole = pvtb_result_to_json(r);

		j = json_deep_copy(whole);
		json_decref(whole);
		set_at(j, broken[i].pointer, broken[i].value);
		back = NULL;
		memset(&err, 0, sizeof(err));
		code = pvtb_result_from_json(j, "the/file", &back, &err);
		if (code != broken[i].code || err.code != code || !strstr(err.why, broken[i].why) ||
		    strcmp(err.what, "the/file") || back)
			fail_msg("%s = %s: %d, %s: %s", broken[i].pointer,
				 broken[i].value ? broken[i].value : "(none)", code, err.what,
				 err.why);
		if (code == -EPROTO)
			assert_string_not_equal(err.hint, "");
		assert_int_equal(pvtb_result_from_json(j, "x", &back, NULL), code);
		json_decref(j);
	}
	pvtb_result_free(r);
}

static void write_text(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Cut anywhere, a result is no result, and where it was cut is said. */
static void cut_short_anywhere(void **state)
{
	struct pvtb_result *r = example(), *back = NULL;
	char *dir = temp_dir(), path[PATH_MAX], *text;
	struct pvtb_err err;
	json_t *j = pvtb_result_to_json(r);
	size_t i, n;

	(void)state;
	snprintf(path, sizeof(path), "%s/result.json", dir);
	text = json_dumps(j, JSON_INDENT(2));
	n = strlen(text);
	for (i = 0; i < n; i++) {
		write_text(path, text, i);
		assert_int_equal(pvtb_result_load(dir, &back, &err), -EBADMSG);
		assert_null(back);
		assert_non_null(strstr(err.why, "line "));
		assert_non_null(strstr(err.why, ", column "));
	}
	write_text(path, text, n / 2);
	assert_int_equal(pvtb_result_load(path, &back, &err), -EBADMSG);
	assert_non_null(strstr(err.why, "cut short at line "));
	assert_string_equal(err.what, path);
	write_text(path, "{\"schema\": 1, \"schema\": 1}", 26);
	assert_int_equal(pvtb_result_load(path, &back, &err), -EBADMSG);
	assert_non_null(strstr(err.why, "not JSON: line 1"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pvtb_result_load(dir, &back, &err), -ENOENT);
	assert_string_not_equal(err.hint, "");
	free(text);
	json_decref(j);
	pvtb_result_free(r);
	remove_dir(dir);
}

static void failed_saves_leave_nothing(void **state)
{
	struct pvtb_result *r = example(), *back = NULL;
	char *dir = temp_dir(), path[PATH_MAX];
	struct rlimit old, tiny;
	struct pvtb_err err = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/result.json", dir);
	fsync_errno = ENOSPC;
	assert_int_equal(pvtb_result_save(r, dir, &err), -ENOSPC);
	fsync_errno = 0;
	assert_int_equal(entries(dir), 0);
	assert_string_equal(err.what, path);
	assert_string_not_equal(err.hint, "");

	/* What was there before survives a failure half way through writing. */
	assert_int_equal(pvtb_result_save(r, dir, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = old;
	tiny.rlim_cur = 512;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	assert_int_equal(pvtb_result_save(r, dir, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(entries(dir), 1);
	assert_int_equal(pvtb_result_load(dir, &back, &err), 0);
	pvtb_result_free(back);

	snprintf(path, sizeof(path), "%s/none/result.json", dir);
	assert_int_equal(pvtb_result_save(r, path, &err), -ENOENT);
	pvtb_result_free(r);
	remove_dir(dir);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(pvtb_unit_name(PVTB_UNIT_TICKS), "ticks");
	assert_string_equal(pvtb_unit_name(PVTB_UNIT_PPB), "ppb");
	assert_string_equal(pvtb_status_name(PVTB_INCONCLUSIVE), "inconclusive");
	assert_string_equal(pvtb_status_name((enum pvtb_status)99), "?");
	assert_string_equal(pvtb_unit_name((enum pvtb_unit)8), "?");
}

static int tool(const char *what, const char *path)
{
	struct pvtb_result *r = NULL;
	struct pvtb_err err = {0};
	int ret;

	if (!strcmp(what, "--example")) {
		r = example();
		ret = pvtb_result_save(r, path, &err);
	} else {
		ret = pvtb_result_load(path, &r, &err);
	}
	pvtb_result_free(r);
	if (ret)
		printf("%s: %s\n", err.what, err.why);
	return ret ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_as_told),
		cmocka_unit_test(nothing_passes_by_default),
		cmocka_unit_test(many_of_everything),
		cmocka_unit_test(same_after_a_round_trip),
		cmocka_unit_test(text_that_is_no_utf8),
		cmocka_unit_test(every_fault_is_named),
		cmocka_unit_test(cut_short_anywhere),
		cmocka_unit_test(failed_saves_leave_nothing),
		cmocka_unit_test(names),
	};

	if (argc == 3)
		return tool(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
