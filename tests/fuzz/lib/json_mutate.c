// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the mutation of JSON as JSON: bytes changed at random nearly never leave a text that parses,
 * and then nothing behind the parser is reached. One input in four is changed as bytes all the same.
 */
#include "fuzz.h"

#include <jansson.h>
#include <math.h>

static unsigned int state;

static unsigned int draw(unsigned int n)
{
	state = state * 1103515245u + 12345u;
	return (state >> 16) % n;
}

static json_t *odd_string(const char *near)
{
	static const char *const odd[] = {
		"",
		"%s%n",
		"../../etc/passwd",
		"\xe2\x80\xae",
		"\x1b]0;x\x07",
		"'",
		"a\"b\\",
		"=cmd|' /C calc'!A0",
		"\xf0\x9f\x98\x80",
		"native",
		"ok",
		"lab:arm64,deterministic",
		"steal",
		"counter_read",
		"\xc2\x9b",
	};
	char *text;
	size_t n;
	json_t *j;

	if (!near || draw(3))
		return json_string(odd[draw(PVTB_ARRAY_SIZE(odd))]);
	/* The same again, many times over, or cut. */
	if (draw(2))
		return json_stringn(near, strlen(near) / 2) ?: json_string("");
	n = strlen(near);
	text = malloc(n * 64 + 1);
	fuzz_must(text);
	for (size_t i = 0; i < 64; i++)
		memcpy(text + i * n, near, n);
	j = json_stringn(text, n * 64);
	free(text);
	return j ?: json_string("");
}

static json_t *odd_value(const json_t *old)
{
	static const double reals[] = {0.0,  -0.0, 1e308, -1e308, 1e-308, 0.5, 1e19,
				       -1.5, 1e18, 9e15,  4e9,	  2e-9,	  100};
	static const json_int_t ints[] = {0,	     1,		-1,	    2,
					  255,	     65536,	INT32_MAX,  INT32_MIN,
					  INT64_MAX, INT64_MIN, 1000000000, 62500000};

	switch (draw(9)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(draw(2));
	case 2:
	case 3:
		return json_real(reals[draw(PVTB_ARRAY_SIZE(reals))]);
	case 4:
	case 5:
		return json_integer(ints[draw(PVTB_ARRAY_SIZE(ints))]);
	case 6:
		return draw(2) ? json_array() : json_object();
	case 7:
		return json_string("0xffffffffffffffff");
	default:
		return odd_string(json_string_value(old));
	}
}

/* A value that fits the old one's type, most of the time. */
static json_t *changed(const json_t *old)
{
	if (draw(4) && json_is_string(old))
		return odd_string(json_string_value(old));
	if (draw(4) && json_is_number(old))
		return json_real(json_number_value(old) * (draw(2) ? 1e9 : -1.0));
	if (draw(2) && json_is_integer(old))
		return json_integer((json_int_t)((u64)json_integer_value(old) + draw(3) - 1));
	return odd_value(old);
}

static void change_array(json_t *a)
{
	size_t n = json_array_size(a), i = n ? draw((unsigned int)n) : 0;

	switch (draw(5)) {
	case 0:
		json_array_remove(a, i);
		break;
	case 1:
		if (n && n < 64)
			json_array_append_new(a, json_deep_copy(json_array_get(a, i)));
		break;
	case 2:
		json_array_append_new(a, odd_value(NULL));
		break;
	case 3:
		json_array_clear(a);
		break;
	default:
		if (n)
			json_array_set_new(a, i, changed(json_array_get(a, i)));
	}
}

static void change_object(json_t *o, const char *key)
{
	json_t *old = json_object_get(o, key);

	if (!draw(8))
		json_object_del(o, key);
	else if (!draw(8))
		json_object_set_new(o, "columns", json_deep_copy(old));
	else
		json_object_set_new(o, key, changed(old));
}

/* Walk down at random and change something on the way. */
static void change(json_t *j, unsigned int depth)
{
	size_t n = json_is_array(j) ? json_array_size(j) : json_object_size(j);
	size_t at = n ? draw((unsigned int)n) : 0;
	bool here = depth > 24 || !draw(7);
	json_t *child = NULL;
	void *it;

	if (json_is_array(j)) {
		child = json_array_get(j, at);
		if (here || !json_is_array(child) + !json_is_object(child) == 2)
			change_array(j);
		else
			change(child, depth + 1);
		return;
	}
	it = json_object_iter(j);
	while (it && at--)
		it = json_object_iter_next(j, it);
	if (!it)
		return;
	child = json_object_iter_value(it);
	if (here || (!json_is_array(child) && !json_is_object(child)))
		change_object(j, json_object_iter_key(it));
	else
		change(child, depth + 1);
}

static size_t change_text(u8 *data, size_t bytes, size_t max)
{
	const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(9) | JSON_ENCODE_ANY;
	json_t *root = json_loadb((const char *)data, bytes, JSON_ALLOW_NUL, NULL);
	char *text;
	size_t n;

	if (!root)
		return 0;
	for (unsigned int i = 1 + draw(3); i; i--)
		change(root, 0);
	text = json_dumps(root, flags);
	n = text ? strlen(text) : 0;
	if (n > max)
		n = 0;
	memcpy(data, text, n);
	free(text);
	json_decref(root);
	return n;
}

size_t fuzz_json_mutate(u8 *data, size_t bytes, size_t max, unsigned int seed)
{
	const size_t cut = strlen(FUZZ_CUT);
	u8 *start = data, *end = data + bytes, *text, *next;
	size_t n, room, rest;

	state = seed;
	if (!bytes || !draw(4))
		return LLVMFuzzerMutate(data, bytes, max);
	/* Which of the parts. */
	for (unsigned int i = draw(3); i; i--) {
		next = memmem(start, (size_t)(end - start), FUZZ_CUT, cut);
		if (!next)
			break;
		start = next + cut;
	}
	next = memmem(start, (size_t)(end - start), FUZZ_CUT, cut) ?: end;
	rest = (size_t)(end - next);
	room = max - (size_t)(start - data) - rest;
	text = malloc(room + 1);
	fuzz_must(text && room >= (size_t)(next - start));
	memcpy(text, start, (size_t)(next - start));
	n = change_text(text, (size_t)(next - start), room);
	if (n) {
		memmove(start + n, next, rest);
		memcpy(start, text, n);
		bytes = (size_t)(start - data) + n + rest;
	} else {
		bytes = LLVMFuzzerMutate(data, bytes, max);
	}
	free(text);
	return bytes;
}
