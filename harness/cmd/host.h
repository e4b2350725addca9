/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host spec (-H) means: native, lab:..., auto; the one place where `auto` is decided, for
 * run, doctor and make alike. What comes after "lab:" is lab/'s to parse.
 */
#ifndef PVTB_CMD_HOST_H
#define PVTB_CMD_HOST_H

#include "core/err.h"
#include "core/opts.h"
#include "core/util.h"
#include "vmm/vmm.h"

enum pvtb_host_kind {
	PVTB_HOST_NATIVE,
	PVTB_HOST_LAB,
	PVTB_HOST_AUTO,
};

/* -EINVAL with the nearest spelling as hint. *ret_details: what follows "lab:" (may be NULL). */
int pvtb_host_kind(const char *spec, enum pvtb_host_kind *ret_kind, const char **ret_details,
		   struct pvtb_err *err) PVTB_MUST_CHECK;

/* "lab:A+lab:B", two labs that are joined: its second half, else NULL. (A kernel's path may have a +
 * in it.) */
const char *pvtb_host_second(const char *spec);

/* What KVM on this machine is good for; the state `auto` and doctor decide by. */
enum pvtb_kvm_state {
	PVTB_KVM_WORKS,	   /* hardware-assisted */
	PVTB_KVM_SOFTWARE, /* there, but guest kernel mode is emulated (PVM) */
	PVTB_KVM_MISSING,
	PVTB_KVM_DENIED,
	PVTB_KVM_BROKEN,
};
struct pvtb_host_kvm {
	enum pvtb_kvm_state state;
	struct pvtb_kvm_caps caps; /* when WORKS or SOFTWARE */
	struct pvtb_err err;	   /* otherwise; hint included */
};
void pvtb_host_kvm(struct pvtb_host_kvm *ret);
/* Hosts `auto` stands for, and why in one line. Strings are constants; nothing to free. */
#define PVTB_HOST_AUTO_MAX 4
struct pvtb_host_auto {
	const char *specs[PVTB_HOST_AUTO_MAX];
	size_t nr;
	char why[1024]; /* "/dev/kvm is a software backend (PVM)": said in the output's first line */
};
void pvtb_host_auto(const struct pvtb_host_kvm *kvm, struct pvtb_host_auto *ret);

/*
 * The hosts of a run: those asked for, checked, `auto` (or none at all) replaced by what it stands
 * for; then the reason is in @ret_why, else that is "". Strings are the caller's or constants;
 * free ret->v.
 */
int pvtb_host_expand(const struct pvtb_strv *asked, struct pvtb_strv *ret, char *ret_why,
		     size_t why_size, struct pvtb_err *err) PVTB_MUST_CHECK;

/* "works", "software backend", ... for people and JSON. */
const char *pvtb_kvm_state_name(enum pvtb_kvm_state state);

#endif
