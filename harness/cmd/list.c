// SPDX-License-Identifier: GPL-2.0-only
/* pvtb list: every benchmark and variant this binary knows, out of their descriptors. */
#include <string.h>

#include "bench.h"
#include "cmd/cmd.h"
#include "core/rights.h"
#include "core/suggest.h"

struct list_opts {
	bool json;
	bool names;
};

static const struct pvtb_opt list_options[] = {
	PVTB_OPT_FLAG(0, "json", struct list_opts, json, "as JSON"),
	PVTB_OPT_FLAG('n', "names", struct list_opts, names,
		      "only the names, one BENCH.VARIANT a line, as `run` takes them"),
	PVTB_OPT_END,
};

static const char *arch_text(enum pvtb_arch archs)
{
	return archs == PVTB_ARCH_ANY ? "any" : archs == PVTB_ARCH_ARM64 ? "arm64" : "x86_64";
}

/* What has to be there, as far as the descriptor says it before anything is run. */
static const char *needs_text(const struct pvtb_variant *v)
{
	return v->needs ? "a feature of the host" : v->to_vmm ? "the VMM" : "";
}

static json_t *variant_json(const struct pvtb_variant *v)
{
	json_t *archs = json_array();

	if (v->archs & PVTB_ARCH_X86_64)
		json_array_append_new(archs, json_string("x86_64"));
	if (v->archs & PVTB_ARCH_ARM64)
		json_array_append_new(archs, json_string("arm64"));
	return json_pack("{s:s, s:s, s:o, s:s?, s:s, s:s?, s:b, s:b}", "name", v->name, "summary",
			 v->summary, "archs", archs, "op", v->op, "law", pvtb_law_name(v->law),
			 "provider", v->provider, "to_vmm", v->to_vmm, "conditional",
			 v->needs != NULL);
}

static json_t *bench_json(const struct pvtb_bench *b)
{
	json_t *variants = json_array();
	size_t nr;
	const struct pvtb_variant *v = pvtb_bench_variants(b, &nr);

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(variants, variant_json(&v[i]));
	return json_pack("{s:s, s:s, s:s?, s:o}", "name", b->name, "summary", b->summary, "source",
			 b->source, "variants", variants);
}

static void print_bench(const struct pvtb_bench *b)
{
	size_t nr;
	const struct pvtb_variant *all = pvtb_bench_variants(b, &nr);

	printf("%-18s %s\n", b->name, b->summary);
	if (b->source)
		printf("%-18s source: %s\n", "", b->source);
	for (size_t i = 0; i < nr; i++) {
		const struct pvtb_variant *v = &all[i];
		const char *needs = needs_text(v);

		printf("  %-22s %-7s %s%s%s%s\n", v->name, arch_text(v->archs), v->summary,
		       *needs ? " (needs " : "", needs, *needs ? ")" : "");
	}
}

static void print_names(const struct pvtb_bench *b)
{
	size_t nr;
	const struct pvtb_variant *all = pvtb_bench_variants(b, &nr);

	for (size_t i = 0; i < nr; i++) {
		/* an operation per architecture under one name is one line here */
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen |= !strcmp(all[j].name, all[i].name);
		if (!seen)
			printf("%s.%s\n", b->name, all[i].name);
	}
}

static int unknown_bench(const char *name)
{
	const struct pvtb_bench *const *all;
	size_t nr = pvtb_benches(&all);
	const char **names PVTB_FREE = calloc(nr + 1, sizeof(*names));
	const char *near = NULL;
	struct pvtb_err err;

	for (size_t i = 0; names && i < nr; i++)
		names[i] = all[i]->name;
	if (names)
		near = pvtb_suggest(name, names, nr);
	pvtb_err_set(&err, -ENOENT, name, "no such benchmark");
	if (near)
		pvtb_err_hint(&err, "did you mean %s?", near);
	else
		pvtb_err_hint(&err, "`pvtb list` names them all");
	return pvtb_cmd_fail(&err);
}

static bool asked_for(const struct pvtb_bench *b, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], b->name))
			return true;
	return !argc;
}

static int run_list(const struct pvtb_command *cmd, void *optv, int argc, char **argv)
{
	const struct list_opts *opts = optv;
	const struct pvtb_bench *const *all;
	size_t nr = pvtb_benches(&all);
	json_t *array;

	pvtb_rights_drop(PVTB_RIGHTS_READ);
	for (int i = 0; i < argc; i++)
		if (!pvtb_bench_find(argv[i]))
			return unknown_bench(argv[i]);
	array = opts->json ? json_array() : NULL;
	for (size_t i = 0; i < nr; i++) {
		if (!asked_for(all[i], argc, argv))
			continue;
		if (opts->json)
			json_array_append_new(array, bench_json(all[i]));
		else if (opts->names)
			print_names(all[i]);
		else
			print_bench(all[i]);
	}
	return opts->json ? pvtb_cmd_print_json(array) : PVTB_EXIT_OK;
}

static const struct pvtb_command list_command = {
	.name = "list",
	.summary = "benchmarks and their variants",
	.usage = "[--json | --names] [BENCH...]",
	.options = list_options,
	.opts_size = sizeof(struct list_opts),
	.max_operands = -1,
	.complete = "bench",
	.run = run_list,
};
PVTB_COMMAND(list_command);
