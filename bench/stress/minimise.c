// SPDX-License-Identifier: GPL-2.0-only
/* Owns the shortening of a stream that violates: delta debugging (Zeller, Hildebrandt 2002). */
#include <string.h>

#include "bench/stress/internal.h"

/* Keep what is kept outside [first, first + len) of the kept ones. */
static void without(const bool *keep, size_t nr, size_t first, size_t len, bool *ret)
{
	size_t seen = 0;

	for (size_t i = 0; i < nr; i++) {
		ret[i] = keep[i] && !(seen >= first && seen < first + len);
		seen += keep[i];
	}
}

static size_t count(const bool *keep, size_t nr)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		n += keep[i];
	return n;
}

/* Leave out every piece of @len in turn, from the end on: what came last is the violation, and what
 * was long before it most likely has nothing to do with it. */
static int pass(bool *keep, bool *tried, size_t nr, size_t len,
		int (*test)(void *ctx, const bool *keep), void *ctx, bool *ret_shorter)
{
	size_t n = count(keep, nr);
	size_t first = n - 1;

	/* Whole pieces, so that the last one, which holds the violation, is tried as well. */
	first -= first % len;
	for (;;) {
		size_t piece = first + len > n ? n - first : len;
		int ret = 0;

		if (piece && piece < n) {
			without(keep, nr, first, piece, tried);
			ret = test(ctx, tried);
		}
		if (ret < 0)
			return ret;
		if (ret) {
			memcpy(keep, tried, nr * sizeof(*keep));
			n -= piece;
			*ret_shorter = true;
		}
		if (first < len)
			return 0;
		first -= len;
	}
}

int st_minimise(bool *keep, size_t nr, int (*test)(void *ctx, const bool *keep), void *ctx)
{
	bool *tried PVTB_FREE = calloc(nr ? nr : 1, sizeof(*tried));
	size_t len, n = count(keep, nr);
	int ret = 0;

	if (!tried)
		return -ENOMEM;
	for (len = n / 2; n > 1 && len; len = len > n / 2 ? n / 2 : len) {
		bool shorter = false;

		ret = pass(keep, tried, nr, len, test, ctx, &shorter);
		if (ret < 0)
			return ret;
		n = count(keep, nr);
		/* Single ones are gone through until nothing more goes. */
		if (len > 1)
			len /= 2;
		else if (!shorter)
			break;
	}
	return 0;
}
