// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least a program on sched_switch can cost: what self_switch compares the session with.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sched_switch")
int empty(void *ctx)
{
	return 0;
}
