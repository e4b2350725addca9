// SPDX-License-Identifier: GPL-2.0-only
/*
 * What -H means: kinds, `auto` for every state of KVM, expansion.
 * wrap: pvtb_kvm_probe
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cmd/host.h"

int __wrap_pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd, struct pvtb_err *err);

/* KVM as the test wants it: mock() gives the error, then whether hardware assists. */
int __wrap_pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd, struct pvtb_err *err)
{
	int r = mock_type(int);
	bool hw = mock_type(bool);

	if (r)
		return pvtb_err_sys(err, r, "/dev/kvm");
	memset(ret_caps, 0, sizeof(*ret_caps));
	ret_caps->hw_assisted = hw;
	snprintf(ret_caps->backend, sizeof(ret_caps->backend), "%s", hw ? "VHE" : "PVM");
	return 0;
}

static void kvm_is(int r, bool hw)
{
	will_return(__wrap_pvtb_kvm_probe, r);
	will_return(__wrap_pvtb_kvm_probe, hw);
}

static void kinds(void **state)
{
	enum pvtb_host_kind kind;
	const char *details = NULL;
	struct pvtb_err err;

	assert_int_equal(pvtb_host_kind("native", &kind, &details, &err), 0);
	assert_int_equal(kind, PVTB_HOST_NATIVE);
	assert_int_equal(pvtb_host_kind("auto", &kind, NULL, &err), 0);
	assert_int_equal(kind, PVTB_HOST_AUTO);
	assert_int_equal(pvtb_host_kind("lab:arm64,nvhe", &kind, &details, &err), 0);
	assert_int_equal(kind, PVTB_HOST_LAB);
	assert_string_equal(details, "arm64,nvhe");
}

static void pairs_are_told(void **state)
{
	enum pvtb_host_kind kind;
	struct pvtb_err err;

	assert_string_equal(pvtb_host_second("lab:arm64,hz=1000000+lab:arm64,nvhe"),
			    "lab:arm64,nvhe");
	assert_null(pvtb_host_second("lab:arm64"));
	/* a kernel's name */
	assert_null(pvtb_host_second("lab:arm64,kernel=/boot/vmlinuz-6.12.117+deb12-arm64"));
	assert_string_equal(pvtb_host_second("lab:arm64,kernel=/v-6.1+deb12+lab:arm64"),
			    "lab:arm64");
	assert_int_equal(pvtb_host_kind("lab:arm64+lab:arm64", &kind, NULL, &err), 0);
	assert_int_equal(kind, PVTB_HOST_LAB);
}

static void misspelt_kinds(void **state)
{
	static const struct {
		const char *spec, *hint;
	} cases[] = {
		{"natve", "did you mean native?"},   {"lab;arm64", "did you mean lab:arm64?"},
		{"lab:", "did you mean lab:arm64?"}, {"", "native, auto, lab:"},
		{"elsewhere", "native, auto, lab:"},
	};
	enum pvtb_host_kind kind;
	struct pvtb_err err;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		assert_int_equal(pvtb_host_kind(cases[i].spec, &kind, NULL, &err), -EINVAL);
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

static void auto_by_state(void **state)
{
	static const struct {
		int probe;
		bool hw;
		enum pvtb_kvm_state state;
		size_t nr;
		const char *first, *why;
	} cases[] = {
		{0, true, PVTB_KVM_WORKS, 1, "native", "VHE"},
		{0, false, PVTB_KVM_SOFTWARE, 3, "lab:arm64,deterministic", "PVM"},
		{-ENOENT, false, PVTB_KVM_MISSING, 3, "lab:arm64,deterministic", "No such file"},
		{-EACCES, false, PVTB_KVM_DENIED, 3, "lab:arm64,deterministic", "Permission"},
		{-ENOTSUP, false, PVTB_KVM_BROKEN, 3, "lab:arm64,deterministic", "/dev/kvm"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		struct pvtb_host_kvm kvm;
		struct pvtb_host_auto hosts;

		kvm_is(cases[i].probe, cases[i].hw);
		pvtb_host_kvm(&kvm);
		assert_int_equal(kvm.state, cases[i].state);
		pvtb_host_auto(&kvm, &hosts);
		assert_int_equal(hosts.nr, cases[i].nr);
		assert_string_equal(hosts.specs[0], cases[i].first);
		assert_non_null(strstr(hosts.why, cases[i].why));
	}
}

static int expand(struct pvtb_strv *ret, char *why, struct pvtb_err *err, const char *a,
		  const char *b)
{
	const char *v[] = {a, b};
	struct pvtb_strv asked = {.v = v, .nr = b ? 2 : a ? 1 : 0};

	return pvtb_host_expand(&asked, ret, why, 256, err);
}

static void expansion(void **state)
{
	struct pvtb_strv hosts = {0};
	struct pvtb_err err;
	char why[256] = "old";

	assert_int_equal(expand(&hosts, why, &err, "native", "lab:arm64"), 0);
	assert_int_equal(hosts.nr, 2);
	assert_string_equal(hosts.v[1], "lab:arm64");
	assert_string_equal(why, ""); /* nothing was decided for the user */
	free(hosts.v);

	kvm_is(0, true);
	assert_int_equal(expand(&hosts, why, &err, NULL, NULL), 0);
	assert_int_equal(hosts.nr, 1);
	assert_string_equal(hosts.v[0], "native");
	assert_non_null(strstr(why, "auto is native"));
	free(hosts.v);

	kvm_is(0, false);
	assert_int_equal(expand(&hosts, why, &err, "auto", "native"), 0);
	assert_int_equal(hosts.nr, 4);
	assert_string_equal(hosts.v[3], "native");
	free(hosts.v);
}

static void expansion_refuses(void **state)
{
	struct pvtb_strv hosts = {0};
	struct pvtb_err err;
	char why[256] = "old";

	assert_int_equal(expand(&hosts, why, &err, "native", "native"), -EINVAL);
	assert_non_null(strstr(err.why, "twice"));
	kvm_is(0, true);
	assert_int_equal(expand(&hosts, why, &err, "auto", "native"), -EINVAL);
	assert_int_equal(expand(&hosts, why, &err, "nonsense", NULL), -EINVAL);
	assert_null(hosts.v); /* untouched on failure */
	assert_string_equal(why, "old");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),	  cmocka_unit_test(pairs_are_told),
		cmocka_unit_test(misspelt_kinds), cmocka_unit_test(auto_by_state),
		cmocka_unit_test(expansion),	  cmocka_unit_test(expansion_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
