// SPDX-License-Identifier: GPL-2.0-only
/* Owns the set of operations: order, finding, what each descriptor has to have; and the mutants. */
#include <string.h>

#include "bench/stress/stress.h"
#include "core/suggest.h"

extern const struct st_op *const __start_pvtb_stress_ops[] __attribute__((weak));
extern const struct st_op *const __stop_pvtb_stress_ops[] __attribute__((weak));

#define MAX_OPS 256

static int by_name(const void *a, const void *b)
{
	const struct st_op *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Filled once, constant from then on: link order is nobody's promise, and the stream of a seed goes by
 * the order. Index: enum pvtb_arch. */
static struct {
	pthread_once_t once;
	const struct st_op *sorted[PVTB_ARCH_ANY + 1][MAX_OPS];
	size_t nr[PVTB_ARCH_ANY + 1];
} ops = {.once = PTHREAD_ONCE_INIT};

static void collect(void)
{
	size_t nr = (size_t)(__stop_pvtb_stress_ops - __start_pvtb_stress_ops);

	for (unsigned int arch = 1; arch <= PVTB_ARCH_ANY; arch++) {
		for (size_t i = 0; i < nr && i < MAX_OPS; i++)
			if (__start_pvtb_stress_ops[i]->archs & arch)
				ops.sorted[arch][ops.nr[arch]++] = __start_pvtb_stress_ops[i];
		qsort(ops.sorted[arch], ops.nr[arch], sizeof(ops.sorted[0][0]), by_name);
	}
}

size_t st_ops(enum pvtb_arch arch, const struct st_op *const **ret)
{
	pthread_once(&ops.once, collect);
	*ret = ops.sorted[arch];
	return ops.nr[arch];
}

const struct st_op *st_op_find(const char *name)
{
	const struct st_op *const *all;
	size_t nr = st_ops(PVTB_ARCH_ANY, &all);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

bool st_op_runs_at(const struct st_op *op, bool user)
{
	return op->levels == ST_BOTH || (op->levels == ST_USER) == user;
}

bool st_op_takes(const struct st_op *op, const struct st_cmd *cmd)
{
	struct pvtb_step s = {.kind = cmd->kind};

	memcpy(s.in, cmd->in, sizeof(s.in));
	return st_op_runs_at(op, cmd->user) && (!op->takes || op->takes(cmd->vcpu, &s));
}

static int bad(struct pvtb_err *err, const struct st_op *op, const char *why)
{
	return pvtb_err_set(err, -EINVAL, op->name ? op->name : "stress operation", "%s", why);
}

static int check_op(const struct st_op *op, struct pvtb_err *err)
{
	const char *dot = op->name ? strchr(op->name, '.') : NULL;

	if (!dot || dot == op->name || !dot[1] || strchr(dot + 1, '.'))
		return bad(err, op, "its name is not FAMILY.WHAT");
	if (!op->summary || !op->weight || !op->generate || !op->judge ||
	    !(op->archs & PVTB_ARCH_ANY))
		return bad(err, op, "summary, weight, architectures, generate or judge is missing");
	for (size_t i = 0; i < ST_MUTANTS && op->mutants[i].name; i++)
		if (!op->mutants[i].rule ||
		    (!op->mutants[i].apply && strcmp(op->mutants[i].rule, "exits")))
			return bad(err, op, "a mutant without rule or application");
	return 0;
}

int st_ops_check(struct pvtb_err *err)
{
	const struct st_op *const *all;
	size_t nr = st_ops(PVTB_ARCH_ANY, &all);

	for (size_t i = 0; i < nr; i++) {
		int ret = check_op(all[i], err);

		if (ret)
			return ret;
		if (i && !strcmp(all[i]->name, all[i - 1]->name))
			return bad(err, all[i], "two operations of that name");
	}
	return 0;
}

/* Nearest by spelling. */
static void suggest(const char *name, struct pvtb_err *err)
{
	const struct st_op *const *all;
	size_t nr = st_ops(PVTB_ARCH_ANY, &all), n = 0;
	char names[MAX_OPS * ST_MUTANTS][64];
	const char *list[MAX_OPS * ST_MUTANTS];
	const char *near;

	for (size_t i = 0; i < nr; i++)
		for (size_t m = 0; m < ST_MUTANTS && all[i]->mutants[m].name; m++) {
			snprintf(names[n], sizeof(names[n]), "%s.%s", all[i]->name,
				 all[i]->mutants[m].name);
			list[n] = names[n];
			n++;
		}
	near = pvtb_suggest(name, list, n);
	if (near)
		pvtb_err_hint(err, "did you mean %s? `pvtb stress --list` shows all", near);
	else
		pvtb_err_hint(err, "`pvtb stress --list` shows all");
}

int st_mutant_find(const char *name, struct st_armed *ret, struct pvtb_err *err)
{
	const struct st_op *const *all;
	size_t nr = st_ops(PVTB_ARCH_ANY, &all);

	for (size_t i = 0; i < nr; i++) {
		size_t len = strlen(all[i]->name);

		if (strncmp(name, all[i]->name, len) || name[len] != '.')
			continue;
		for (size_t m = 0; m < ST_MUTANTS && all[i]->mutants[m].name; m++)
			if (!strcmp(name + len + 1, all[i]->mutants[m].name)) {
				ret->op = all[i];
				ret->mutant = &all[i]->mutants[m];
				return 0;
			}
	}
	pvtb_err_set(err, -ENOENT, name, "no such mutant");
	suggest(name, err);
	return -ENOENT;
}
