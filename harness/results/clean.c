// SPDX-License-Identifier: GPL-2.0-only
/* Owns the cleaning of JSON that somebody else wrote, whatever is in it. */
#include "core/text.h"
#include "results/result.h"

static int clean_string(json_t *j)
{
	char *text PVTB_FREE = NULL;

	if (pvtb_text_is_clean(json_string_value(j)))
		return 0;
	text = pvtb_text_cleaned(json_string_value(j));
	return text && !json_string_set(j, text) ? 0 : -ENOMEM;
}

/* Anew, with its keys cleaned; two that become one are one. */
static int clean_keys(json_t *j)
{
	json_t *copy = json_object(), *v;
	const char *key;
	int ret = copy ? 0 : -ENOMEM;

	json_object_foreach (j, key, v) {
		char *text PVTB_FREE = pvtb_text_cleaned(key);

		if (!ret && (!text || json_object_set(copy, text, v)))
			ret = -ENOMEM;
	}
	if (!ret && (json_object_clear(j) || json_object_update(j, copy)))
		ret = -ENOMEM;
	json_decref(copy);
	return ret;
}

int pvtb_json_clean(json_t *j)
{
	bool keys = false;
	const char *key;
	json_t *v;
	size_t i;
	int ret = 0;

	if (json_is_string(j))
		return clean_string(j);
	/* as deep as the parser lets it be: jansson stops at 2048 */
	json_array_foreach (j, i, v)
		ret = ret ?: pvtb_json_clean(v);
	json_object_foreach (j, key, v) {
		ret = ret ?: pvtb_json_clean(v);
		keys |= !pvtb_text_is_clean(key);
	}
	return ret || !keys ? ret : clean_keys(j);
}
