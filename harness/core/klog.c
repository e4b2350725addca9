// SPDX-License-Identifier: GPL-2.0-only
/* Owns what counts as trouble in a kernel's log. */
#include "core/klog.h"

#include <string.h>

const char *pvtb_klog_text(const char *line)
{
	const char *end;

	if (line[0] == '<' && (end = strchr(line, '>')))
		line = end + 1;
	if (line[0] == '[' && (end = strchr(line, ']')))
		line = end + 1;
	while (*line == ' ')
		line++;
	return line;
}

bool pvtb_klog_trouble(const char *line)
{
	/* As the kernel words them since at least 5.10: lib/bug.c, panic(), kernel/rcu/tree_stall.h,
	 * kernel/watchdog.c, kernel/locking/lockdep.c, arch die() and mm/fault.c. */
	static const char *const words[] = {
		"WARNING: CPU:",
		"WARNING: possible ",
		"WARNING: inconsistent ",
		"WARNING: suspicious ",
		"WARNING: bad ",
		"kernel BUG at",
		"BUG: ",
		"Oops",
		"Kernel panic",
		"Internal error:",
		"Unable to handle kernel",
		"general protection fault",
		"detected stall",
		"self-detected stall",
		"detected stalls on",
		"rcu_sched kthread starved",
		"rcu_preempt kthread starved",
		"blocked for more than",
		"soft lockup",
		"hard LOCKUP",
		"nVHE hyp panic",
		"Out of memory: Killed",
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(words); i++) {
		if (strstr(line, words[i]))
			return true;
	}
	return false;
}
