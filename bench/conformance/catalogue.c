// SPDX-License-Identifier: GPL-2.0-only
/* Owns the set of rows: sections, order, finding, and what every row has to have. */
#include <ctype.h>
#include <pthread.h>
#include <string.h>

#include "bench/conformance/conformance.h"
#include "bench/conformance/uapi.h"
#include "core/suggest.h"

extern const struct cf_row *const __start_pvtb_conformance_rows[] __attribute__((weak));
extern const struct cf_row *const __stop_pvtb_conformance_rows[] __attribute__((weak));

static const struct cf_section sections[] = {
	{"arm64.steal", "arm64: stolen time, as the guest sees it", "PVT"},
	{"arm64.steal_attr", "arm64: the vCPU attribute of stolen time", "PVC"},
	{"arm64.firmware", "arm64: firmware bitmaps", "FWR"},
	{"arm64.smccc_filter", "arm64: the SMCCC filter", "FLT"},
	{"arm64.timers", "arm64: timers and counter offset", "TMR CNT"},
	{"arm64.vendor", "arm64: PTP and vendor calls", "PTP VHC"},
	{"arm64.lpt", "arm64: Live Physical Time (proposal)", "LPT"},
	{"x86.tsc", "x86: TSC control and the migration algorithm", "TSC MIG SCL KCG"},
	{"x86.clock", "x86: KVM_GET_CLOCK, KVM_SET_CLOCK, KVMCLOCK_CTRL, TSC_KHZ", "CLK KCT KHZ"},
	{"x86.steal", "x86: MSR_KVM_STEAL_TIME", "STL"},
	{"x86.kvmclock", "x86: kvmclock MSRs", "SYS WCL"},
	{"x86.hypercalls", "x86: CPUID and hypercalls", "CPU HCX PAIR YLD XEN"},
};

const struct cf_section *cf_sections(size_t *ret_nr)
{
	*ret_nr = PVTB_ARRAY_SIZE(sections);
	return sections;
}

/* "PVT-01" against "PVT PVC": its place among the prefixes, or -1. */
static int prefix_place(const char *prefixes, const char *id)
{
	size_t len = strcspn(id, "-");
	int place = 0;

	for (const char *p = prefixes; *p; place++) {
		size_t n = strcspn(p, " ");

		if (n == len && !strncmp(p, id, n))
			return place;
		p += n;
		p += *p == ' ';
	}
	return -1;
}

static int section_index(const struct cf_row *row)
{
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(sections); i++)
		if (prefix_place(sections[i].prefixes, row->id) >= 0)
			return (int)i;
	return -1;
}

const struct cf_section *cf_section_of(const struct cf_row *row)
{
	int i = section_index(row);

	return i < 0 ? NULL : &sections[i];
}

static int by_place(const void *a, const void *b)
{
	const struct cf_row *x = *(const struct cf_row *const *)a;
	const struct cf_row *y = *(const struct cf_row *const *)b;
	int sx = section_index(x), sy = section_index(y), px, py;

	if (sx != sy || sx < 0)
		return sx - sy;
	px = prefix_place(sections[sx].prefixes, x->id);
	py = prefix_place(sections[sx].prefixes, y->id);
	return px != py ? px - py : strcmp(x->id, y->id);
}

/* Filled once, constant from then on: link order is nobody's promise. */
static struct {
	pthread_once_t once;
	const struct cf_row *sorted[CF_MAX_ROWS];
	size_t nr;
} rows = {.once = PTHREAD_ONCE_INIT};

static void collect(void)
{
	size_t nr = (size_t)(__stop_pvtb_conformance_rows - __start_pvtb_conformance_rows);

	for (size_t i = 0; i < nr && i < CF_MAX_ROWS; i++)
		rows.sorted[rows.nr++] = __start_pvtb_conformance_rows[i];
	qsort(rows.sorted, rows.nr, sizeof(rows.sorted[0]), by_place);
}

size_t cf_rows(const struct cf_row *const **ret)
{
	pthread_once(&rows.once, collect);
	*ret = rows.sorted;
	return rows.nr;
}

const struct cf_row *cf_row_find(const char *id)
{
	const struct cf_row *const *all;
	size_t nr = cf_rows(&all);

	for (size_t i = 0; i < nr; i++)
		if (!strcasecmp(all[i]->id, id))
			return all[i];
	return NULL;
}

static int bad(struct pvtb_err *err, const struct cf_row *row, const char *why)
{
	return pvtb_err_set(err, -EINVAL, row->id ? row->id : "conformance row", "%s", why);
}

static bool also_known(const struct cf_row *row)
{
	char *copy PVTB_FREE = strdup(row->also ? row->also : ""), *rest = copy, *id;

	while (copy && (id = strsep(&rest, " "))) {
		const struct cf_row *other;

		id[strcspn(id, "?")] = '\0';
		other = *id ? cf_row_find(id) : NULL;
		if (*id && (!other || other == row || !other->run))
			return false;
	}
	return copy;
}

static bool cites_a_file(const struct cf_row *row)
{
	return strstr(row->source, ".rst") || strstr(row->source, ".c") ||
	       strstr(row->source, ".h");
}

static int check_row(const struct cf_row *row, struct pvtb_err *err)
{
	if (!row->id || section_index(row) < 0)
		return bad(err, row, "identifier of no section");
	if (!row->statement || !row->source)
		return bad(err, row, "no statement or no source");
	if (cites_a_file(row) && !row->quote)
		return bad(err, row, "cites a file of the kernel and does not quote it");
	if (!row->archs || (row->archs & ~PVTB_ARCH_ANY))
		return bad(err, row, "no architecture");
	if (!row->run != !!row->manual)
		return bad(err, row, "either a check, or the reason why there is none");
	if (row->run && !row->how)
		return bad(err, row, "does not say how it is checked");
	if (row->run && row->mutant.kind == CF_MUT_NONE)
		return bad(err, row, "a check without a mutant: nobody knows that it can fail");
	if (!also_known(row))
		return bad(err, row,
			   "its mutant is said to show in a row without a check, or in itself");
	if (row->tag == CF_MISMATCH && row->run && !row->known)
		return bad(err, row, "does not say what the code does instead");
	return 0;
}

int cf_rows_check(struct pvtb_err *err)
{
	const struct cf_row *const *all;
	size_t nr = cf_rows(&all);
	int ret;

	if (__stop_pvtb_conformance_rows - __start_pvtb_conformance_rows > CF_MAX_ROWS)
		return pvtb_err_set(err, -E2BIG, "conformance rows", "more than %d", CF_MAX_ROWS);
	for (size_t i = 0; i < nr; i++) {
		ret = check_row(all[i], err);
		if (ret)
			return ret;
		if (i && !strcmp(all[i]->id, all[i - 1]->id))
			return bad(err, all[i], "declared twice");
	}
	return 0;
}

static bool matches(const struct cf_row *row, const char *filter)
{
	const struct cf_section *s = cf_section_of(row);
	size_t len = strlen(filter);

	return !strcasecmp(row->id, filter) || !strcmp(s->name, filter) ||
	       (!strncmp(s->name, filter, len) && s->name[len] == '.') ||
	       (strcspn(row->id, "-") == len && !strncasecmp(row->id, filter, len));
}

bool cf_row_wanted(const struct cf_row *row, char *const *filters, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (matches(row, filters[i]))
			return true;
	return !nr;
}

static int unknown(const char *filter, struct pvtb_err *err)
{
	const struct cf_row *const *all;
	size_t nr = cf_rows(&all), n = 0;
	const char **names PVTB_FREE = calloc(nr + PVTB_ARRAY_SIZE(sections) + 1, sizeof(*names));
	const char *near = NULL;

	for (size_t i = 0; names && i < nr; i++)
		names[n++] = all[i]->id;
	for (size_t i = 0; names && i < PVTB_ARRAY_SIZE(sections); i++)
		names[n++] = sections[i].name;
	if (names)
		near = pvtb_suggest(filter, names, n);
	pvtb_err_set(err, -ENOENT, filter, "neither a check nor a section");
	return near ? pvtb_err_hint(err, "did you mean %s?", near)
		    : pvtb_err_hint(err, "`pvtb conformance --list` names them all");
}

int cf_filters_check(char *const *filters, size_t nr, struct pvtb_err *err)
{
	const struct cf_row *const *all;
	size_t nr_rows = cf_rows(&all);

	for (size_t i = 0; i < nr; i++) {
		bool found = false;

		for (size_t r = 0; r < nr_rows; r++)
			found |= matches(all[r], filters[i]);
		if (!found)
			return unknown(filters[i], err);
	}
	return 0;
}

const char *cf_tag_name(enum cf_tag tag)
{
	static const char *const names[] = {"documented", "code", "proposal", "mismatch"};

	return names[tag];
}

const char *cf_verdict_name(enum cf_verdict verdict)
{
	static const char *const names[CF_NR_VERDICTS] = {"pass", "fail",   "notice",	   "xfail",
							  "skip", "manual", "inconclusive"};

	return names[verdict];
}

/* "0" or "EINVAL", whichever sign. */
static const char *outcome(int code)
{
	const char *name = code ? strerrorname_np(code < 0 ? -code : code) : "success";

	return name ? name : "another error";
}

static const char *change(const struct cf_mutant *m, char *buf, size_t len)
{
	if (m->op == CF_SET)
		snprintf(buf, len, "is %#llx", (unsigned long long)m->value);
	else if (m->op == CF_XOR)
		snprintf(buf, len, "has bits %#llx inverted", (unsigned long long)m->value);
	else if ((s64)m->value < 0)
		snprintf(buf, len, "has %llu subtracted", -(unsigned long long)m->value);
	else
		snprintf(buf, len, "has %llu added", (unsigned long long)m->value);
	return buf;
}

static const char *of_key(const struct cf_mutant *m, char *buf, size_t len)
{
	if (m->key == CF_ANY || (!m->key && m->kind != CF_MUT_STEP))
		buf[0] = '\0';
	else
		snprintf(buf, len, " (%#llx)", (unsigned long long)m->key);
	return buf;
}

/* As people know it, without this program's own prefix. */
static const char *plain(const char *name)
{
	static const char *const prefixes[] = {"PVTB_STEP_", "PVTB_GPA_", "CF_"};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}

const char *cf_cap_name(unsigned int cap)
{
	static const struct {
		unsigned int cap;
		const char *name;
	} names[] = {
		{CF_CAP_STEAL_TIME, "KVM_CAP_STEAL_TIME"},
		{CF_CAP_PTP_KVM, "KVM_CAP_PTP_KVM"},
		{CF_CAP_COUNTER_OFFSET, "KVM_CAP_COUNTER_OFFSET"},
		{CF_CAP_ENFORCE_PV_CPUID, "KVM_CAP_ENFORCE_PV_FEATURE_CPUID"},
		{CF_CAP_KVMCLOCK_CTRL, "KVM_CAP_KVMCLOCK_CTRL"},
		{CF_CAP_GET_TSC_KHZ, "KVM_CAP_GET_TSC_KHZ"},
		{CF_CAP_VM_TSC_CONTROL, "KVM_CAP_VM_TSC_CONTROL"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(names); i++)
		if (names[i].cap == cap)
			return names[i].name;
	return "a capability of a row that does not name it";
}

void cf_mutant_text(const struct cf_mutant *m, char *buf, size_t len)
{
	const char *name = m->name ? plain(m->name) : "";
	char c[80], k[40], after[48] = "";

	change(m, c, sizeof(c));
	of_key(m, k, sizeof(k));
	if (m->skip)
		snprintf(after, sizeof(after), ", after %u that are left alone", m->skip);
	switch (m->kind) {
	case CF_MUT_NONE:
		snprintf(buf, len, "none");
		break;
	case CF_MUT_ERRNO:
		snprintf(buf, len, "%s%s: %s is heard where KVM says %s%s", name, k, outcome(m->to),
			 outcome(m->from), after);
		break;
	case CF_MUT_DROP:
		snprintf(buf, len, "%s%s never reaches KVM, and %s is heard%s", name, k,
			 outcome(m->to), after);
		break;
	case CF_MUT_VALUE:
		snprintf(buf, len, "%s%s: byte %u of what it hands back %s%s", name, k, m->at, c,
			 after);
		break;
	case CF_MUT_INPUT:
		snprintf(buf, len, "%s%s: byte %u of what KVM is given %s%s", name, k, m->at, c,
			 after);
		break;
	case CF_MUT_RET:
		snprintf(buf, len, "%s%s: what it returns %s%s", name, k, c, after);
		break;
	case CF_MUT_STEP:
		snprintf(buf, len, "%s%s in the guest: result %u %s%s", name, k, m->at, c, after);
		break;
	case CF_MUT_FAULT:
		snprintf(buf, len, "exception %d of the guest becomes %d (-1: none)", m->from,
			 m->to);
		break;
	case CF_MUT_MEM:
		snprintf(buf, len, "the word at %s %s%s", name, c, after);
		break;
	case CF_MUT_EXIT:
		snprintf(buf, len, "%s of an exit to the VMM %s%s", name, c, after);
		break;
	case CF_MUT_RUN:
		snprintf(buf, len, "KVM_RUN: %s is heard where it is %s", outcome(m->to),
			 outcome(m->from));
		break;
	}
}
