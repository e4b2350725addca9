/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers from text: the one checked parser of the program. The whole string must be the number;
 * signs, spaces and empty strings are refused. *ret is untouched on failure. */
#ifndef PVTB_CORE_PARSE_H
#define PVTB_CORE_PARSE_H

#include "core/err.h"
#include "core/util.h"

/* Decimal or 0x hexadecimal (a leading 0 is not octal). -EINVAL not a number, -ERANGE outside
 * [min, max] or 64 bits. */
int pvtb_parse_u64(const char *s, u64 min, u64 max, u64 *ret) PVTB_MUST_CHECK;

/* Same, with one optional suffix: K M G (decimal: 10k = 10000) or Ki Mi Gi (binary). */
int pvtb_parse_u64_suffix(const char *s, u64 min, u64 max, u64 *ret) PVTB_MUST_CHECK;

/* Say in @err what is wrong with the text @s of the object @what, after one of the above
 * returned @code; returns @code. */
int pvtb_parse_err(struct pvtb_err *err, int code, const char *what, const char *s, u64 min,
		   u64 max);

#endif
