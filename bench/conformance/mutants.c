// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the proof that the checks can fail: each row's wrong answer is given to its own check, which has to
 * fail by it, and to every other check that asks for the same thing, of which those and only those that
 * the row declares have to.
 */
#include <string.h>

#include "bench/conformance/check.h"

struct pairs {
	const struct cf_row **rows;    /* whose check */
	const struct cf_row **mutants; /* with whose mutant */
	struct cf_outcome *outcomes;
	size_t nr, room;
};

static bool holds(const struct cf_outcome *o)
{
	return o->verdict == CF_PASS || o->verdict == CF_XFAIL;
}

static bool fails(const struct cf_outcome *o)
{
	return o->verdict == CF_FAIL || o->verdict == CF_NOTICE;
}

static size_t place_of(const struct cf_row *row)
{
	const struct cf_row *const *all;
	size_t nr = cf_rows(&all), i = 0;

	while (i < nr && all[i] != row)
		i++;
	return i;
}

static bool reached(const struct cf_outcome *o, size_t place)
{
	return o->reached[place / 64] >> (place % 64) & 1;
}

static int add_pair(struct pairs *p, const struct cf_row *row, const struct cf_row *mutant)
{
	if (p->nr == p->room) {
		size_t room = p->room ? 2 * p->room : 512;
		const struct cf_row **rows = realloc(p->rows, room * sizeof(*rows));

		if (rows)
			p->rows = rows;
		const struct cf_row **mutants = realloc(p->mutants, room * sizeof(*mutants));

		if (mutants)
			p->mutants = mutants;
		if (!rows || !mutants)
			return -ENOMEM;
		p->room = room;
	}
	p->rows[p->nr] = row;
	p->mutants[p->nr++] = mutant;
	return 0;
}

/* Every mutant of a check that holds, with that check first, then with all it could show in. */
static int make_pairs(const struct cf_row *const *rows, size_t nr, const struct cf_outcome *honest,
		      struct pairs *p)
{
	for (size_t m = 0; m < nr; m++) {
		size_t place = place_of(rows[m]);
		int ret = holds(&honest[m]) ? add_pair(p, rows[m], rows[m]) : 0;

		for (size_t i = 0; !ret && holds(&honest[m]) && i < nr; i++)
			if (i != m && holds(&honest[i]) && reached(&honest[i], place))
				ret = add_pair(p, rows[i], rows[m]);
		if (ret)
			return ret;
	}
	return 0;
}

enum declared { NOT, HAS_TO, MAY };

static enum declared declares(const struct cf_row *mutant, const struct cf_row *row)
{
	const char *at = mutant->also;
	size_t len = strlen(row->id);

	for (; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
		if (!strncmp(at, row->id, len) && strchr(" ?", at[len]))
			return at[len] == '?' ? MAY : HAS_TO;
	return NOT;
}

static void name(char *list, size_t size, const char *id)
{
	size_t n = strlen(list);

	snprintf(list + n, size - n, "%s%s", n ? " " : "", id);
}

static void survives(struct cf_outcome *o, const struct cf_outcome *own)
{
	char mutant[300];

	cf_mutant_text(&o->row->mutant, mutant, sizeof(mutant));
	o->verdict = CF_FAIL;
	snprintf(o->why, sizeof(o->why), "its mutant survives");
	snprintf(o->text, sizeof(o->text), "survivor: %.250s\n%s: %.250s", mutant,
		 cf_verdict_name(own->verdict), own->why);
}

/* @own is the pair of the mutant's own check, the others of that mutant follow it. */
static size_t judge(struct cf_outcome *o, const struct pairs *p, size_t own)
{
	const struct cf_row *mutant = p->mutants[own];
	char more[512] = "", less[512] = "";
	size_t i;

	o->ns = p->outcomes[own].ns;
	for (i = own + 1; i < p->nr && p->mutants[i] == mutant; i++) {
		enum declared d = declares(mutant, p->rows[i]);

		if (fails(&p->outcomes[i]) && d == NOT)
			name(more, sizeof(more), p->rows[i]->id);
		else if (!fails(&p->outcomes[i]) && d == HAS_TO &&
			 p->outcomes[i].verdict != CF_INCONCLUSIVE)
			name(less, sizeof(less), p->rows[i]->id);
	}
	if (p->outcomes[own].verdict == CF_INCONCLUSIVE) {
		o->verdict = CF_INCONCLUSIVE;
		snprintf(o->why, sizeof(o->why), "%.250s", p->outcomes[own].why);
	} else if (!fails(&p->outcomes[own]) || p->outcomes[own].contained) {
		survives(o, &p->outcomes[own]);
	} else if (more[0] || less[0]) {
		o->verdict = CF_FAIL;
		snprintf(o->why, sizeof(o->why), "its mutant shows elsewhere than declared");
		snprintf(o->text, sizeof(o->text), "%s%s%s%s%s", more[0] ? "shows in " : "", more,
			 more[0] && less[0] ? "\n" : "", less[0] ? "does not show in " : "", less);
	} else {
		o->verdict = CF_PASS;
	}
	return i;
}

static void judge_all(const struct cf_row *const *rows, size_t nr, const struct cf_outcome *honest,
		      const struct pairs *p, struct cf_outcome *mutated)
{
	size_t pair = 0;

	for (size_t m = 0; m < nr; m++) {
		struct cf_outcome *o = &mutated[m];

		*o = (struct cf_outcome){.row = rows[m]};
		if (holds(&honest[m])) {
			pair = judge(o, p, pair);
			continue;
		}
		*o = honest[m];
		o->text[0] = '\0';
		if (fails(&honest[m])) {
			o->verdict = CF_SKIP;
			snprintf(o->why, sizeof(o->why), "fails without its mutant");
		}
	}
}

int cf_run_mutants(const struct cf_row *const *rows, size_t nr, const struct cf_run_opts *opts,
		   struct cf_outcome *mutated, struct pvtb_err *err)
{
	struct cf_outcome *honest PVTB_FREE = calloc(nr + 1, sizeof(*honest));
	struct cf_run_opts armed = *opts;
	struct pairs p = {0};
	int ret;

	if (!honest)
		return pvtb_err_sys(err, -ENOMEM, "conformance");
	armed.mutants = NULL;
	ret = cf_run(rows, nr, &armed, honest, NULL, NULL, err);
	if (!ret) {
		ret = make_pairs(rows, nr, honest, &p);
		p.outcomes = ret ? NULL : calloc(p.nr + 1, sizeof(*p.outcomes));
		if (!p.outcomes)
			ret = pvtb_err_sys(err, -ENOMEM, "conformance");
	}
	if (!ret) {
		armed.mutants = p.mutants;
		ret = cf_run(p.rows, p.nr, &armed, p.outcomes, NULL, NULL, err);
	}
	if (!ret)
		judge_all(rows, nr, honest, &p, mutated);
	free(p.rows);
	free(p.mutants);
	free(p.outcomes);
	return ret;
}
