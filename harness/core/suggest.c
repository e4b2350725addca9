// SPDX-License-Identifier: GPL-2.0-only
/* Owns the guess at what was meant by a misspelt name. */
#include "core/suggest.h"

#include <string.h>

/* Names are short; a longer one is simply not near anything. */
#define MAX_NAME 63

static unsigned int min_u(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

unsigned int pvtb_edit_distance(const char *a, const char *b)
{
	unsigned int row[3][MAX_NAME + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX_NAME || lb > MAX_NAME)
		return (unsigned int)(la > lb ? la : lb);
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		/* three rows in turn: swaps look two back */
		unsigned int *cur = row[i % 3], *up = row[(i - 1) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			cur[j] = up[j - 1] + (a[i - 1] != b[j - 1]);
			cur[j] = min_u(cur[j], min_u(up[j], cur[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cur[j] = min_u(cur[j], up2[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

const char *pvtb_suggest(const char *s, const char *const *names, size_t nr)
{
	/* a third of the letters may be wrong, one at least */
	unsigned int best = (unsigned int)(strlen(s) / 3 + 1) + 1;
	const char *ret = NULL;

	for (size_t i = 0; i < nr; i++) {
		unsigned int d;

		if (!names[i])
			continue;
		d = pvtb_edit_distance(s, names[i]);
		/* a beginning typed out is as good as a single wrong letter */
		if (strlen(s) >= 3 && !strncmp(s, names[i], strlen(s)))
			d = min_u(d, 1);
		if (d < best && d < strlen(names[i])) {
			best = d;
			ret = names[i];
		}
	}
	return ret;
}
