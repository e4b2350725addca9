/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that somebody else may have made. Only a regular file is read: a FIFO or a device could keep
 * the program waiting for ever. Each reader states how large its file may be.
 */
#ifndef PVTB_CORE_INPUT_H
#define PVTB_CORE_INPUT_H

#include <stdio.h>

#include "core/err.h"
#include "core/util.h"

#define PVTB_INPUT_TEXT_MAX   (64ULL << 20) /* result.json, thresholds, a recorded stream */
#define PVTB_INPUT_BINARY_MAX (4ULL << 30)  /* samples, a saved guest */

/* A descriptor, or -errno with @err filled. At most @max bytes. */
int pvtb_input_open(const char *path, u64 max, struct pvtb_err *err) PVTB_MUST_CHECK;
/* The same as a stream; NULL with @err filled. */
FILE *pvtb_input_fopen(const char *path, u64 max, struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
