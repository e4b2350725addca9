// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns jansson's allocator, which is the C library's and counts what it could not give: one variable of
 * the process, as jansson's own setting is. A failure in another thread meanwhile is taken for one here,
 * which errs on the safe side.
 */
#include "core/json.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_ulong refused;

static void *allocate(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		atomic_fetch_add(&refused, 1);
	return p;
}

unsigned long pvtb_json_begin(void)
{
	json_set_alloc_funcs(allocate, free);
	return atomic_load(&refused);
}

int pvtb_json_end(unsigned long before)
{
	return atomic_load(&refused) == before ? 0 : -ENOMEM;
}

static int end(unsigned long before, json_t *json, json_t **ret)
{
	if (pvtb_json_end(before)) {
		json_decref(json);
		return -ENOMEM;
	}
	if (!json)
		return -EBADMSG;
	*ret = json;
	return 0;
}

int pvtb_json_loadf(FILE *f, size_t flags, json_t **ret, json_error_t *error)
{
	unsigned long before = pvtb_json_begin();

	return end(before, json_loadf(f, flags, error), ret);
}

int pvtb_json_loadb(const char *text, size_t bytes, size_t flags, json_t **ret, json_error_t *error)
{
	unsigned long before = pvtb_json_begin();

	return end(before, json_loadb(text, bytes, flags, error), ret);
}
