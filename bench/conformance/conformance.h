/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The conformance catalogue, as harness/cmd sees it: rows, running them, showing what came of it.
 * What a check uses is check.h.
 */
#ifndef PVTB_CONFORMANCE_H
#define PVTB_CONFORMANCE_H

#include <jansson.h>

#include "bench.h"

enum cf_tag {
	CF_DOC,	     /* documented: a kernel that does otherwise breaks a promise */
	CF_CODE,     /* code only: one that does otherwise is worth a notice */
	CF_PROPOSAL, /* never merged; checked against whoever provides it */
	CF_MISMATCH, /* documentation and code are known to differ */
};

enum cf_mutant_kind {
	CF_MUT_NONE,
	CF_MUT_ERRNO, /* where KVM answers @from to a request, @to is heard */
	CF_MUT_DROP,  /* the request never reaches KVM, and @to is heard */
	CF_MUT_VALUE, /* a value the request hands back is changed */
	CF_MUT_INPUT, /* KVM is given another value than the check has sent */
	CF_MUT_RET,   /* what a request returns is changed */
	CF_MUT_STEP,  /* what the guest has got is changed */
	CF_MUT_FAULT, /* the guest's exception @from becomes @to (-1: none) */
	CF_MUT_MEM,   /* a word of guest memory reads otherwise */
	CF_MUT_EXIT,  /* what an exit says to the VMM is changed */
	CF_MUT_RUN,   /* where KVM_RUN ends with @from, @to is heard */
};

enum cf_op { CF_SET, CF_ADD, CF_XOR };

#define CF_ANY (~0ULL)

/* A wrong answer between KVM and the check. Made by the CF_M_* macros of check.h. */
struct cf_mutant {
	enum cf_mutant_kind kind;
	const char *name; /* of the request, step or address, for people */
	u64 req;	  /* ioctl, or enum pvtb_step_kind */
	u64 key;	  /* attribute, register, capability, function, MSR or address; CF_ANY */
	unsigned int at;  /* byte offset, or output register of a step */
	unsigned int width;
	enum cf_op op;
	u64 value;
	int from, to;
	unsigned int skip; /* so many matches are left alone first */
};

struct cf;

struct cf_row {
	const char *id;	       /* as in the catalogue, never reused: "PVT-01" */
	const char *statement; /* the requirement, in our own words */
	const char *source;    /* kernel document or source file, several where it has moved */
	const char *quote;     /* what a file of the kernel says: make check-sources looks for it */
	enum cf_tag tag;
	enum pvtb_arch archs;
	unsigned int cap;   /* KVM_CAP_* that has to be there; 0: none */
	const char *since;  /* "6.4": an older kernel is a SKIP; NULL */
	const char *needs;  /* CPU feature or other condition the check itself looks for; NULL */
	const char *how;    /* how it is checked, one line; NULL with @manual */
	const char *manual; /* why there is no automatic check */
	const char *known;  /* CF_MISMATCH: what today's code does instead */
	const char
		*emulator; /* fault of an emulator that the check notices: lab.h has them; NULL */
	bool alone;	   /* wants the host's CPUs for itself: it watches time pass */
	/* Rows besides this one whose checks rest on the same answer, and fail with this mutant too:
	 * identifiers with spaces between; NULL. With a "?": those that may. */
	const char *also;
	void (*run)(struct cf *cf);
	struct cf_mutant mutant;
};

/* Pointers in a section, as in bench.h. */
#define CF_ROW(sym, ...)                                                                           \
	static const struct cf_row cf_row_##sym = {__VA_ARGS__};                                   \
	static const struct cf_row *const cf_row_ptr_##sym                                         \
		__attribute__((used, section("pvtb_conformance_rows"))) = &cf_row_##sym

struct cf_section {
	const char *name;     /* "arm64.steal" */
	const char *title;    /* heading of the documentation */
	const char *prefixes; /* of its identifiers, in order: "PVT PVC" */
};

enum cf_verdict {
	CF_PASS,
	CF_FAIL,
	CF_NOTICE, /* differs from today's code in an undocumented corner */
	CF_XFAIL,  /* the known mismatch and nothing else, or a known fault of the emulator */
	CF_SKIP,
	CF_MANUAL,	 /* no automatic check */
	CF_INCONCLUSIVE, /* the condition the check needs did not arise: it says nothing */
};
#define CF_NR_VERDICTS 7

#define CF_WHY_BYTES  256
#define CF_TEXT_BYTES 3072
#define CF_MAX_ROWS   512

struct cf_outcome {
	const struct cf_row *row;
	enum cf_verdict verdict;
	bool contained; /* the check was killed or died: its verdict is the runner's */
	char why[CF_WHY_BYTES];
	char text[CF_TEXT_BYTES]; /* diagnostics, lines */
	u64 ns;
	u64 reached[CF_MAX_ROWS /
		    64]; /* rows, by their place in cf_rows(), whose mutants could show */
};

/* All rows, in the order of the documentation. */
size_t cf_rows(const struct cf_row *const **ret);
const struct cf_section *cf_sections(size_t *ret_nr);
const struct cf_section *cf_section_of(const struct cf_row *row);
/* Identifiers unique and of a section, statements there, a mutant for each check. */
int cf_rows_check(struct pvtb_err *err) PVTB_MUST_CHECK;
const struct cf_row *cf_row_find(const char *id);
/* Is it one of those asked for (identifier, prefix or section; none: all)? */
bool cf_row_wanted(const struct cf_row *row, char *const *filters, size_t nr);
/* -ENOENT, with the nearest name, for what is neither identifier, prefix nor section. */
int cf_filters_check(char *const *filters, size_t nr, struct pvtb_err *err) PVTB_MUST_CHECK;
const char *cf_tag_name(enum cf_tag tag);
const char *cf_verdict_name(enum cf_verdict verdict);
const char *cf_cap_name(unsigned int cap);
/* The mutant, as a sentence. */
void cf_mutant_text(const struct cf_mutant *m, char *buf, size_t len);

struct cf_run_opts {
	const char *host_spec;
	bool emulated;
	const char *qemu;	     /* the emulator's version; NULL: not known, or none */
	const char *emulator_faults; /* words; NULL: none known */
	unsigned int jobs;	     /* 0: one per CPU */
	unsigned int timeout_s;	     /* of one check; 0: 10, 30 in an emulated host */
	/* One per row to be run: whose mutant is armed in it, or NULL. NULL: none anywhere. */
	const struct cf_row *const *mutants;
	bool (*interrupted)(void);
};

/*
 * Run the rows (each in a process of its own) and fill @outcomes, one per row, in the same order.
 * @done is called for each in that order, as soon as it and all before it are there.
 */
int cf_run(const struct cf_row *const *rows, size_t nr, const struct cf_run_opts *opts,
	   struct cf_outcome *outcomes, void (*done)(void *ctx, size_t index), void *ctx,
	   struct pvtb_err *err) PVTB_MUST_CHECK;

/*
 * mutants.c. The rows without and with mutants: @mutated[i] tells of row i's mutant: it passes when the row's
 * check, which holds without it, fails with it by its own judgement, and so do those checks that the row
 * declares (also) and no others. A SKIP where the check does not hold or run anyway.
 */
int cf_run_mutants(const struct cf_row *const *rows, size_t nr, const struct cf_run_opts *opts,
		   struct cf_outcome *mutated, struct pvtb_err *err) PVTB_MUST_CHECK;

/* show.c. KTAP: one stream; feed it in order. */
struct cf_ktap {
	FILE *out;
	const struct cf_row *const *rows;
	size_t nr;
	const struct cf_outcome *outcomes;
};
/* The version line and the plan; then every outcome; each section closes itself. */
void cf_ktap_begin(const struct cf_ktap *k);
void cf_ktap_outcome(const struct cf_ktap *k, size_t index);
json_t *cf_json(const struct cf_outcome *outcomes, size_t nr);
void cf_markdown(FILE *out);
void cf_explain(const struct cf_row *row, FILE *out);

#endif
