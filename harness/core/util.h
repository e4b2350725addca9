/* SPDX-License-Identifier: GPL-2.0-only */
/* Small things every module uses: fixed-width names, cleanup attributes, time. */
#ifndef PVTB_CORE_UTIL_H
#define PVTB_CORE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned __int128 u128;
typedef __int128 s128;

#define PVTB_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PVTB_NSEC_PER_SEC  1000000000ULL

static inline void pvtb_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void pvtb_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void pvtb_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* `char *s PVTB_FREE = NULL;`, `int fd PVTB_CLOSE = -1;`: released when the scope ends. */
#define PVTB_FREE   __attribute__((cleanup(pvtb_cleanup_free)))
#define PVTB_CLOSE  __attribute__((cleanup(pvtb_cleanup_close)))
#define PVTB_FCLOSE __attribute__((cleanup(pvtb_cleanup_fclose)))

/* Close a stream of open_memstream(), whose text is @text then. -ENOMEM, which glibc may say by no text
 * alone. The text is the caller's to free in any case. */
static inline int pvtb_text_close(FILE *f, char *const *text)
{
	return fclose(f) || !*text ? -ENOMEM : 0;
}

/* CLOCK_MONOTONIC, the clock of the eBPF stamps. */
static inline u64 pvtb_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

#endif
