/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rights that a command which only reads files gives up, so that a file which breaks a reader gains little:
 * no network, no program, no file written, made or removed. What is open stays open. A kernel without
 * Landlock (Linux 5.13) or seccomp lets the rest be.
 */
#ifndef PVTB_CORE_RIGHTS_H
#define PVTB_CORE_RIGHTS_H

#include "core/util.h"

enum pvtb_rights {
	PVTB_RIGHTS_READ,     /* read files, write what is open */
	PVTB_RIGHTS_PROGRAMS, /* no network; programs and files as before */
};

/* For this process and its children, for ever. Returns what is in force, as in pvtb_rights_of_kernel(). */
unsigned int pvtb_rights_drop(enum pvtb_rights keep);

#define PVTB_RIGHTS_BY_SECCOMP	(1U << 0) /* network and programs */
#define PVTB_RIGHTS_BY_LANDLOCK (1U << 1) /* files and programs */
unsigned int pvtb_rights_of_kernel(void);

#endif
