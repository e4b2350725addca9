// SPDX-License-Identifier: GPL-2.0-only
/* Owns numbers from text. */
#include "core/parse.h"

#include <ctype.h>
#include <string.h>

static int parse_prefix(const char *s, u64 *ret, const char **ret_end)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	unsigned long long v;
	char *end;

	/* strtoull() skips blanks and takes signs, even after 0x: none of that is a number here */
	if (hex ? !isxdigit((unsigned char)s[2]) : !isdigit((unsigned char)s[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, hex ? 16 : 10);
	if (errno)
		return -errno;
	*ret = v;
	*ret_end = end;
	return 0;
}

static int in_range(u64 v, u64 min, u64 max, u64 *ret)
{
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int pvtb_parse_u64(const char *s, u64 min, u64 max, u64 *ret)
{
	const char *end;
	u64 v;
	int r = parse_prefix(s, &v, &end);

	if (r)
		return r;
	if (*end)
		return -EINVAL;
	return in_range(v, min, max, ret);
}

int pvtb_parse_u64_suffix(const char *s, u64 min, u64 max, u64 *ret)
{
	static const struct {
		const char *suffix;
		u64 factor;
	} suffixes[] = {
		{"", 1},
		{"k", 1000ULL},
		{"m", 1000000ULL},
		{"g", 1000000000ULL},
		{"ki", 1ULL << 10},
		{"mi", 1ULL << 20},
		{"gi", 1ULL << 30},
	};
	const char *end;
	u64 v;
	int r = parse_prefix(s, &v, &end);

	if (r)
		return r;
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(suffixes); i++) {
		if (strcasecmp(end, suffixes[i].suffix))
			continue;
		if (__builtin_mul_overflow(v, suffixes[i].factor, &v))
			return -ERANGE;
		return in_range(v, min, max, ret);
	}
	return -EINVAL;
}

int pvtb_parse_err(struct pvtb_err *err, int code, const char *what, const char *s, u64 min,
		   u64 max)
{
	if (code != -ERANGE)
		return pvtb_err_set(err, code, what, "'%s' is not a number", s);
	if (max == UINT64_MAX)
		return pvtb_err_set(err, code, what, "%s is out of range: at least %llu", s,
				    (unsigned long long)min);
	return pvtb_err_set(err, code, what, "%s is out of range: %llu to %llu", s,
			    (unsigned long long)min, (unsigned long long)max);
}
