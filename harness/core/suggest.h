/* SPDX-License-Identifier: GPL-2.0-only */
/* The name that was probably meant. */
#ifndef PVTB_CORE_SUGGEST_H
#define PVTB_CORE_SUGGEST_H

#include "core/util.h"

/* Edits (insert, delete, replace, swap of neighbours) that turn @a into @b. */
unsigned int pvtb_edit_distance(const char *a, const char *b);

/* The nearest of @nr names, or NULL when none is near enough to be what was meant. Equal
 * distances: the first. NULL entries are skipped. */
const char *pvtb_suggest(const char *s, const char *const *names, size_t nr);

#endif
