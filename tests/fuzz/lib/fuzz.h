/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every fuzz target shares. A target is one file, tests/fuzz/NAME_fuzz.c, that defines
 * fuzz_one() and fuzz_seeds(); tests/fuzz/NAME.dict, where there is one, is its dictionary.
 *
 *	NAME_fuzz [libFuzzer options] CORPUS...		fuzz
 *	NAME_fuzz --seeds DIR				write the seeds; each must do what it says
 */
#ifndef PVTB_FUZZ_H
#define PVTB_FUZZ_H

#include <string.h>

#include "core/util.h"

/* One input. True when the reader has accepted it. */
bool fuzz_one(const u8 *data, size_t bytes);
/* Calls fuzz_seed() for each seed. */
void fuzz_seeds(void);

/* An input that the reader accepts, or one that it refuses. Ends the program where it does the other:
 * a target whose good input is refused reaches nothing. */
void fuzz_seed(bool accepted, const void *data, size_t bytes);
void fuzz_seed_text(bool accepted, const char *text);

/* A condition that holds for every input. */
#define fuzz_must(condition) fuzz_must_at((condition), #condition, __FILE__, __LINE__)
void fuzz_must_at(bool holds, const char *condition, const char *file, int line);

/* A file of this process's own directory, in memory: @name may hold directories. Returns its path,
 * which is good until the end. */
const char *fuzz_file(const char *name, const void *data, size_t bytes);
/* The directory, without a slash at its end. */
const char *fuzz_dir(void);
/* Remove all beneath it that fuzz_file() has not made. */
void fuzz_clean(void);

/* Inputs of several parts: the part up to the next FUZZ_CUT, or all that is left. False at the end. */
#define FUZZ_CUT "\n%%%%\n"
bool fuzz_part(const u8 **data, size_t *bytes, const u8 **ret, size_t *ret_bytes);
/* As a string, allocated. NULL at the end. */
char *fuzz_part_text(const u8 **data, size_t *bytes);

struct pvtb_result;
/* A file of signed 64-bit samples, @description as JSON or anything else. */
void fuzz_samples(const char *name, const char *description, const u8 *records, size_t bytes);
/* As JSON, allocated; @r is freed. */
char *fuzz_result_text(struct pvtb_result *r);
/* NULL where the bytes are no result. */
struct pvtb_result *fuzz_result_of(const u8 *data, size_t bytes);

/* A stream that takes everything and keeps nothing. */
FILE *fuzz_sink(void);

/* Changes one value of the first JSON text of @data; as LLVMFuzzerCustomMutator(). */
size_t fuzz_json_mutate(u8 *data, size_t bytes, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(u8 *data, size_t bytes, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, unsigned int seed);
/* In a target whose inputs are JSON. */
#define FUZZ_JSON_MUTATOR                                                                          \
	size_t LLVMFuzzerCustomMutator(u8 *data, size_t bytes, size_t max, unsigned int seed)      \
	{                                                                                          \
		return fuzz_json_mutate(data, bytes, max, seed);                                   \
	}

#endif
