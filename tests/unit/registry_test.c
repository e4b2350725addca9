// SPDX-License-Identifier: GPL-2.0-only
/* Everything that registered itself in this binary: commands with sound tables, benchmarks that
 * pass the program's own check, both in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bench.h"
#include "cmd/cmd.h"

static void benches_are_sound(void **state)
{
	const struct pvtb_bench *const *all;
	struct pvtb_err err = {0};
	size_t nr = pvtb_benches(&all);

	if (pvtb_benches_check(&err))
		fail_msg("%s: %s", err.what, err.why);
	assert_true(nr >= 2);
	for (size_t i = 0; i < nr; i++) {
		assert_ptr_equal(pvtb_bench_find(all[i]->name), all[i]);
		if (i)
			assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
	}
	assert_non_null(pvtb_bench_find("counter_read"));
	assert_null(pvtb_bench_find("no_such_benchmark"));
}

static unsigned int described;

static void describe(const void *item, struct pvtb_variant *ret)
{
	ret->name = *(const char *const *)item;
	described++;
}

/* In either order each variant goes with its descriptor, and is made once. */
static void variants_of_descriptors(void **state)
{
	static const char *const items[] = {"c", "a", "d", "b"};
	static struct pvtb_listed given = PVTB_LISTED, named = PVTB_LISTED;
	const struct pvtb_variant *v;
	size_t nr = 0;

	for (int again = 0; again < 2; again++) {
		v = pvtb_listed(&given, items, 4, sizeof(items[0]), PVTB_LISTED_AS_GIVEN, describe,
				&nr);
		assert_int_equal(nr, 4);
		for (size_t i = 0; i < nr; i++)
			assert_string_equal(v[i].name, items[i]);
		v = pvtb_listed(&named, items, 4, sizeof(items[0]), PVTB_LISTED_BY_NAME, describe,
				&nr);
		assert_int_equal(nr, 4);
		for (size_t i = 0; i < nr; i++) {
			assert_int_equal(v[i].name[0], 'a' + (int)i);
			assert_string_equal(*(const char *const *)named.of[i], v[i].name);
		}
	}
	assert_int_equal(described, 8);
}

static void check_option(const struct pvtb_command *cmd, const struct pvtb_opt *o)
{
	static const size_t sizes[] = {
		[PVTB_OPT_TYPE_FLAG] = sizeof(bool),
		[PVTB_OPT_TYPE_U64] = sizeof(u64),
		[PVTB_OPT_TYPE_STRING] = sizeof(char *),
		[PVTB_OPT_TYPE_LIST] = sizeof(struct pvtb_strv),
		[PVTB_OPT_TYPE_ENUM] = sizeof(unsigned int),
	};

	assert_non_null(o->help);
	assert_true(o->letter != 'h' && strcmp(o->name, "help"));
	assert_true(o->offset + sizes[o->type] <= cmd->opts_size);
	if (o->type == PVTB_OPT_TYPE_ENUM)
		assert_non_null(o->choices);
	if (o->type == PVTB_OPT_TYPE_U64)
		assert_true(o->max > o->min);
	for (const struct pvtb_opt *p = cmd->options; p != o; p++) {
		assert_string_not_equal(p->name, o->name);
		assert_true(!o->letter || p->letter != o->letter);
		assert_true(p->offset != o->offset);
	}
}

static void commands_are_sound(void **state)
{
	const struct pvtb_command **commands;
	size_t nr;

	assert_int_equal(pvtb_commands(&commands, &nr), 0);
	for (size_t i = 0; i < nr; i++) {
		const struct pvtb_command *c = commands[i];

		assert_non_null(c->summary);
		assert_non_null(c->run);
		assert_true(c->max_operands < 0 || c->min_operands <= c->max_operands);
		if (i)
			assert_true(strcmp(commands[i - 1]->name, c->name) < 0);
		assert_ptr_equal(pvtb_command_find(c->name), c);
		for (const struct pvtb_opt *o = c->options; o && o->name; o++)
			check_option(c, o);
	}
	free(commands);
	assert_non_null(pvtb_command_find("doctor"));
	assert_null(pvtb_command_find("doc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(benches_are_sound),
		cmocka_unit_test(variants_of_descriptors),
		cmocka_unit_test(commands_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
