// SPDX-License-Identifier: GPL-2.0-only
/* Owns how the catalogue and what came of it are shown: KTAP, JSON, Markdown, one row for people. */
#include <string.h>

#include "bench/conformance/conformance.h"

/* ---- KTAP (Documentation/dev-tools/ktap.rst) ---- */

static bool starts_section(const struct cf_ktap *k, size_t i)
{
	return !i || cf_section_of(k->rows[i]) != cf_section_of(k->rows[i - 1]);
}

static bool ends_section(const struct cf_ktap *k, size_t i)
{
	return i + 1 == k->nr || starts_section(k, i + 1);
}

static size_t section_first(const struct cf_ktap *k, size_t i)
{
	while (!starts_section(k, i))
		i--;
	return i;
}

static size_t section_size(const struct cf_ktap *k, size_t first)
{
	size_t n = 1;

	while (!ends_section(k, first + n - 1))
		n++;
	return n;
}

static size_t section_number(const struct cf_ktap *k, size_t i)
{
	size_t n = 0;

	for (size_t r = 0; r <= i; r++)
		n += starts_section(k, r);
	return n;
}

void cf_ktap_begin(const struct cf_ktap *k)
{
	fprintf(k->out, "KTAP version 1\n1..%zu\n", k->nr ? section_number(k, k->nr - 1) : 0);
}

static void ktap_text(FILE *out, const char *id, const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		fprintf(out, "  # %s: %.*s\n", id, len, text);
		text += len;
		text += *text == '\n';
	}
}

static void ktap_line(const struct cf_ktap *k, size_t i, size_t number)
{
	const struct cf_outcome *o = &k->outcomes[i];
	const char *id = o->row->id, *ok = o->verdict == CF_FAIL ? "not ok" : "ok";

	if (o->verdict == CF_FAIL || o->verdict == CF_NOTICE) {
		fprintf(k->out, "  # %s: %s%s\n", id,
			o->verdict == CF_NOTICE ? "notice, not documented: " : "",
			o->row->statement);
		if (o->why[0] && !strstr(o->text, o->why))
			fprintf(k->out, "  # %s: %s\n", id, o->why);
	}
	ktap_text(k->out, id, o->text);
	fprintf(k->out, "  %s %zu %s", ok, number, id);
	if (o->verdict == CF_SKIP || o->verdict == CF_MANUAL)
		fprintf(k->out, " # SKIP %s", o->why);
	else if (o->verdict == CF_INCONCLUSIVE)
		fprintf(k->out, " # SKIP INCONCLUSIVE: %s", o->why);
	else if (o->verdict == CF_XFAIL)
		fprintf(k->out, " # XFAIL %s",
			strncmp(o->why, "emulator: ", 10) ? o->row->known : o->why);
	fputc('\n', k->out);
}

static void ktap_section_end(const struct cf_ktap *k, size_t i)
{
	size_t first = section_first(k, i), failed = 0, ran = 0;

	for (size_t r = first; r <= i; r++) {
		failed += k->outcomes[r].verdict == CF_FAIL;
		ran += k->outcomes[r].verdict != CF_SKIP && k->outcomes[r].verdict != CF_MANUAL &&
		       k->outcomes[r].verdict != CF_INCONCLUSIVE;
	}
	fprintf(k->out, "%s %zu %s%s\n", failed ? "not ok" : "ok", section_number(k, i),
		cf_section_of(k->rows[i])->name, ran ? "" : " # SKIP nothing of it can run here");
}

void cf_ktap_outcome(const struct cf_ktap *k, size_t i)
{
	size_t first = section_first(k, i);

	if (starts_section(k, i))
		fprintf(k->out, "  KTAP version 1\n  # Subtest: %s\n  1..%zu\n",
			cf_section_of(k->rows[i])->name, section_size(k, i));
	ktap_line(k, i, i - first + 1);
	if (ends_section(k, i))
		ktap_section_end(k, i);
	fflush(k->out);
}

/* ---- JSON ---- */

json_t *cf_json(const struct cf_outcome *outcomes, size_t nr)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nr; i++) {
		const struct cf_outcome *o = &outcomes[i];

		json_array_append_new(
			array, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f}", "id",
					 o->row->id, "section", cf_section_of(o->row)->name, "tag",
					 cf_tag_name(o->row->tag), "statement", o->row->statement,
					 "verdict", cf_verdict_name(o->verdict), "why", o->why,
					 "text", o->text, "seconds", (double)o->ns / 1e9));
	}
	return array;
}

/* ---- the catalogue itself ---- */

static const char *arch_text(enum pvtb_arch archs)
{
	return archs == PVTB_ARCH_ANY ? "any" : archs == PVTB_ARCH_ARM64 ? "arm64" : "x86_64";
}

/* What has to be there; "" when nothing. */
static void needs_text(const struct cf_row *row, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = '\0';
	if (row->since)
		n += (size_t)snprintf(buf + n, len - n, "Linux %s", row->since);
	if (row->cap && n < len)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", n ? ", " : "",
				      cf_cap_name(row->cap));
	if (row->needs && n < len)
		snprintf(buf + n, len - n, "%s%s", n ? ", " : "", row->needs);
}

void cf_explain(const struct cf_row *row, FILE *out)
{
	char text[300];

	fprintf(out, "%s  (%s, %s, %s)\n", row->id, cf_section_of(row)->title,
		cf_tag_name(row->tag), arch_text(row->archs));
	fprintf(out, "  statement  %s\n  source     %s\n", row->statement, row->source);
	if (row->quote)
		fprintf(out, "  quote      %s\n", row->quote);
	needs_text(row, text, sizeof(text));
	if (text[0])
		fprintf(out, "  needs      %s\n", text);
	if (row->manual) {
		fprintf(out, "  no automatic check: %s\n", row->manual);
		return;
	}
	fprintf(out, "  check      %s%s\n", row->how,
		row->alone ? " (runs alone: it watches time pass)" : "");
	if (row->known)
		fprintf(out, "  known      %s\n", row->known);
	cf_mutant_text(&row->mutant, text, sizeof(text));
	fprintf(out, "  mutant     %s\n", text);
	if (row->also)
		fprintf(out, "  shows in   %s%s\n", row->also,
			strchr(row->also, '?') ? " (?: may)" : "");
}

static void markdown_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("|*<>", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void markdown_row(FILE *out, const struct cf_row *row)
{
	char text[300];

	fprintf(out, "- **%s** (%s) ", row->id, cf_tag_name(row->tag));
	markdown_text(out, row->statement);
	fprintf(out, "\n  *Source:* ");
	markdown_text(out, row->source);
	needs_text(row, text, sizeof(text));
	if (text[0]) {
		fprintf(out, ". *Needs:* ");
		markdown_text(out, text);
	}
	if (row->quote) {
		fprintf(out, "\n  *Quote:* ");
		markdown_text(out, row->quote);
	}
	if (row->manual) {
		fprintf(out, "\n  *No automatic check:* ");
		markdown_text(out, row->manual);
		fputc('\n', out);
		return;
	}
	fprintf(out, "\n  *Check:* ");
	markdown_text(out, row->how);
	if (row->known) {
		fprintf(out, "\n  *Known to differ:* ");
		markdown_text(out, row->known);
	}
	cf_mutant_text(&row->mutant, text, sizeof(text));
	fprintf(out, "\n  *Mutant:* ");
	markdown_text(out, text);
	if (row->also) {
		fprintf(out, " (shows in ");
		markdown_text(out, row->also);
		fprintf(out, ", too)");
	}
	fputc('\n', out);
}

static void markdown_head(FILE *out, size_t nr, size_t automatic)
{
	fprintf(out,
		"<!-- SPDX-License-Identifier: GPL-2.0-only -->\n"
		"<!-- Made by `pvtb conformance --markdown` from the declarations in bench/conformance/:\n"
		"     edit those. -->\n"
		"# The conformance catalogue\n\n"
		"%zu requirements on what KVM does with guest time, %zu of them checked by\n"
		"`pvtb conformance`. Sources are files below Documentation/virt/kvm/ of Linux 6.12 unless they say\n"
		"otherwise; the quote is in that file of 6.12 and of the newest kernel looked at\n"
		"(`make check-sources`). The tag in parentheses decides what a deviation is called:\n\n"
		"| tag | means | a kernel that does otherwise |\n"
		"|---|---|---|\n"
		"| documented | the documentation promises it | fails |\n"
		"| code | only the code of Linux 6.12 says so | gets a notice, with both behaviours named |\n"
		"| proposal | of a series that was never merged; asked of whoever provides it | fails |\n"
		"| mismatch | documentation and code are known to differ | is an expected failure while it "
		"differs as known, fails when in any other way |\n\n"
		"A check whose condition does not arise in a run (the host never took the CPU from the guest, say)\n"
		"is neither passed nor failed: `ok N ID # SKIP INCONCLUSIVE: reason`, counted apart in the totals.\n\n"
		"Every check has a mutant: a wrong answer put between KVM and the check, which it has to notice\n"
		"(`make mutants`), and besides it only those checks that rest on the same answer. `pvtb conformance\n"
		"--explain ID` shows one row.\n",
		nr, automatic);
}

void cf_markdown(FILE *out)
{
	const struct cf_row *const *rows;
	const struct cf_section *last = NULL;
	size_t nr = cf_rows(&rows), automatic = 0;

	for (size_t i = 0; i < nr; i++)
		automatic += !rows[i]->manual;
	markdown_head(out, nr, automatic);
	for (size_t i = 0; i < nr; i++) {
		const struct cf_section *s = cf_section_of(rows[i]);

		if (s != last)
			fprintf(out, "\n## %s\n\n`pvtb conformance %s`\n\n", s->title, s->name);
		last = s;
		markdown_row(out, rows[i]);
	}
}
