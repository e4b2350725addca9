// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least a program can cost where the session has one: what self_switch and self_exit compare
 * the session with. Each benchmark loads only the programs it needs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sched_switch")
int empty_switch(void *ctx)
{
	return 0;
}

SEC("tp_btf/kvm_exit")
int empty_exit(void *ctx)
{
	return 0;
}

SEC("tp_btf/kvm_entry")
int empty_entry(void *ctx)
{
	return 0;
}
