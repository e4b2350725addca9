// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: a recorded stream of `pvtb stress`. What is read and written again reads as the
 * same; every operation is one of its architecture, with arguments it takes.
 *
 * objects: bench/stress/arm64_*.c bench/stress/x86_*.c bench/stress/fault.c bench/stress/memory.c
 * objects: bench/stress/time.c bench/stress/user.c bench/stress/window.c
 */
#include "bench/stress/internal.h"
#include "fuzz.h"

static void check(const struct st_record *r)
{
	struct st_record again = {};
	struct pvtb_err err = {};

	for (size_t i = 0; i < st_record_lines(r); i++) {
		char *line = st_record_line(r, i);

		fuzz_must(line && !st_record_take(&again, i, line, &err));
		free(line);
	}
	fuzz_must(again.stream.nr == r->stream.nr && again.seed == r->seed &&
		  again.vcpus == r->vcpus && again.actions == r->actions);
	for (size_t i = 0; i < r->stream.nr; i++) {
		const struct st_cmd *a = &r->stream.cmds[i], *b = &again.stream.cmds[i];

		fuzz_must(a->vcpu < r->vcpus && a->op == b->op && a->vcpu == b->vcpu &&
			  a->user == b->user && a->kind == b->kind &&
			  !memcmp(a->in, b->in, sizeof(a->in)));
	}
	st_record_free(&again);
}

bool fuzz_one(const u8 *data, size_t bytes)
{
	const char *path = fuzz_file("replay.jsonl", data, bytes);
	struct st_record r = {};
	struct pvtb_err err = {};

	if (st_record_load(path, &r, &err)) {
		fuzz_must(err.what[0] && err.why[0] && !r.stream.nr);
		return false;
	}
	check(&r);
	st_record_free(&r);
	return true;
}

static void seed_of(const char *name, enum pvtb_arch arch, unsigned int nr)
{
	struct st_record r = {.seed = ~0ULL, .vcpus = 2, .actions = 3, .rule = "constant"};
	struct st_draw d;
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	snprintf(r.arch, sizeof(r.arch), "%s", name);
	r.stream.cmds = calloc(nr, sizeof(*r.stream.cmds));
	fuzz_must(r.stream.cmds && f);
	st_draw_begin(&d, arch, 1, 1);
	for (; r.stream.nr < nr; r.stream.nr++)
		st_draw_next(&d, &r.stream.cmds[r.stream.nr]);
	for (size_t i = 0; i < st_record_lines(&r); i++) {
		char *line = st_record_line(&r, i);

		fprintf(f, "%s\n", line);
		free(line);
	}
	fclose(f);
	fuzz_seed(true, text, bytes);
	fuzz_seed(false, text, bytes - 20);
	free(text);
	st_record_free(&r);
}

void fuzz_seeds(void)
{
	seed_of("arm64", PVTB_ARCH_ARM64, 1);
	seed_of("arm64", PVTB_ARCH_ARM64, 30);
	seed_of("x86_64", PVTB_ARCH_X86_64, 1);
	seed_of("x86_64", PVTB_ARCH_X86_64, 30);
	fuzz_seed_text(false, "");
	fuzz_seed_text(false, "{\"format\":\"pvtime-bench stress 1\"}\n");
}
