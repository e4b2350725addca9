/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON when memory runs out. jansson 2.14 and before do not look whether the buffer of a token
 * could grow: the token is cut, and what is read is something else than the text says.
 */
#ifndef PVTB_CORE_JSON_H
#define PVTB_CORE_JSON_H

#include <jansson.h>

#include "core/err.h"
#include "core/util.h"

/* As json_loadf() and json_loadb(). -ENOMEM; -EBADMSG: @error says what is wrong. */
int pvtb_json_loadf(FILE *f, size_t flags, json_t **ret, json_error_t *error) PVTB_MUST_CHECK;
int pvtb_json_loadb(const char *text, size_t bytes, size_t flags, json_t **ret,
		    json_error_t *error) PVTB_MUST_CHECK;

/* Around the making of JSON whose every step is not looked at. -ENOMEM: something is missing in it. */
unsigned long pvtb_json_begin(void);
int pvtb_json_end(unsigned long begun) PVTB_MUST_CHECK;

#endif
