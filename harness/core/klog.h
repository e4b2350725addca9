/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a kernel's log: which of them say that the kernel is in trouble. */
#ifndef PVTB_CORE_KLOG_H
#define PVTB_CORE_KLOG_H

#include "core/util.h"

/* A warning, a crash, a report of lockdep, RCU, KASAN or a watchdog. */
bool pvtb_klog_trouble(const char *line);
/* The line without level and time stamp. */
const char *pvtb_klog_text(const char *line);

#endif
