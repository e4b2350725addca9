// SPDX-License-Identifier: GPL-2.0-only
/* Owns the meaning of -H and the decision what `auto` is. Prints nothing. */
#include "cmd/host.h"

#include <string.h>

#include "core/suggest.h"

int pvtb_host_kind(const char *spec, enum pvtb_host_kind *ret_kind, const char **ret_details,
		   struct pvtb_err *err)
{
	static const char *const names[] = {"native", "auto", "lab:arm64", "lab:x86_64"};
	const char *near;
	char head[64];

	if (!strcmp(spec, "native")) {
		*ret_kind = PVTB_HOST_NATIVE;
	} else if (!strcmp(spec, "auto")) {
		*ret_kind = PVTB_HOST_AUTO;
	} else if (!strncmp(spec, "lab:", 4) && spec[4]) {
		*ret_kind = PVTB_HOST_LAB;
		if (ret_details)
			*ret_details = spec + 4;
	} else {
		snprintf(head, sizeof(head), "%.*s", (int)strcspn(spec, ","), spec);
		near = pvtb_suggest(head, names, PVTB_ARRAY_SIZE(names));
		pvtb_err_set(err, -EINVAL, "--host", "no such host '%s'", spec);
		if (near)
			return pvtb_err_hint(err, "did you mean %s?", near);
		return pvtb_err_hint(err, "native, auto, lab:arm64[,...] or lab:x86_64[,...]");
	}
	return 0;
}

const char *pvtb_host_second(const char *spec)
{
	const char *plus = strstr(spec, "+lab:");

	return plus ? plus + 1 : NULL;
}

const char *pvtb_kvm_state_name(enum pvtb_kvm_state state)
{
	static const char *const names[] = {
		[PVTB_KVM_WORKS] = "works",	[PVTB_KVM_SOFTWARE] = "software backend",
		[PVTB_KVM_MISSING] = "missing", [PVTB_KVM_DENIED] = "no permission",
		[PVTB_KVM_BROKEN] = "broken",
	};

	return names[state];
}

void pvtb_host_kvm(struct pvtb_host_kvm *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = pvtb_kvm_probe(&ret->caps, NULL, &ret->err);
	if (!r)
		ret->state = ret->caps.hw_assisted ? PVTB_KVM_WORKS : PVTB_KVM_SOFTWARE;
	else if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		ret->state = PVTB_KVM_MISSING;
	else if (r == -EACCES || r == -EPERM)
		ret->state = PVTB_KVM_DENIED;
	else
		ret->state = PVTB_KVM_BROKEN;
}

void pvtb_host_auto(const struct pvtb_host_kvm *kvm, struct pvtb_host_auto *ret)
{
	static const char *const lab[] = {"lab:arm64,deterministic", "lab:arm64,nvhe,deterministic",
					  "lab:x86_64,deterministic"};

	memset(ret, 0, sizeof(*ret));
	if (kvm->state == PVTB_KVM_WORKS) {
		ret->specs[ret->nr++] = "native";
		snprintf(ret->why, sizeof(ret->why), "host auto is native: /dev/kvm works (%s)",
			 kvm->caps.backend);
		return;
	}
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(lab); i++)
		ret->specs[ret->nr++] = lab[i];
	if (kvm->state == PVTB_KVM_SOFTWARE)
		snprintf(ret->why, sizeof(ret->why),
			 "host auto is the lab: /dev/kvm is a software backend (%s)",
			 kvm->caps.backend);
	else
		snprintf(ret->why, sizeof(ret->why), "host auto is the lab: %.200s: %.750s",
			 kvm->err.what, kvm->err.why);
}

static int add_auto(struct pvtb_strv *specs, char *ret_why, size_t why_size)
{
	struct pvtb_host_kvm kvm;
	struct pvtb_host_auto hosts;

	pvtb_host_kvm(&kvm);
	pvtb_host_auto(&kvm, &hosts);
	snprintf(ret_why, why_size, "%s", hosts.why);
	for (size_t i = 0; i < hosts.nr; i++)
		if (pvtb_strv_add(specs, hosts.specs[i]))
			return -ENOMEM;
	return 0;
}

/* A host twice would write its files twice. */
static int check_unique(const struct pvtb_strv *specs, struct pvtb_err *err)
{
	for (size_t i = 0; i < specs->nr; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(specs->v[i], specs->v[j])) {
				pvtb_err_set(err, -EINVAL, "--host", "%s is given twice",
					     specs->v[i]);
				return pvtb_err_hint(err, "once is enough");
			}
	return 0;
}

int pvtb_host_expand(const struct pvtb_strv *asked, struct pvtb_strv *ret, char *ret_why,
		     size_t why_size, struct pvtb_err *err)
{
	struct pvtb_strv specs = {0};
	enum pvtb_host_kind kind;
	char why[1024] = "";
	int r = 0;

	if (!asked->nr)
		r = add_auto(&specs, why, sizeof(why));
	for (size_t i = 0; !r && i < asked->nr; i++) {
		r = pvtb_host_kind(asked->v[i], &kind, NULL, err);
		if (r)
			goto fail;
		if (kind == PVTB_HOST_AUTO)
			r = add_auto(&specs, why, sizeof(why));
		else
			r = pvtb_strv_add(&specs, asked->v[i]);
	}
	if (r)
		r = pvtb_err_sys(err, r, "hosts");
	else
		r = check_unique(&specs, err);
	if (r)
		goto fail;
	*ret = specs;
	snprintf(ret_why, why_size, "%s", why);
	return 0;
fail:
	free(specs.v);
	return r;
}
