// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which thread runs which vCPU, of every VM on the host: a walk over all open files, run when read
 * and attached to nothing. KVM keeps with each vCPU the thread that last called KVM_RUN; that is
 * true for any VMM and any KVM backend, however busy the guest, where thread names, the system call
 * a thread sits in, and exits are not.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include "abi/vcpus.h"

char LICENSE[] SEC("license") = "GPL";

/* Minimal kernel types: only what is read, found by name in the running kernel. */
struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
} __attribute__((preserve_access_index));

struct pid {
	unsigned int level;
	struct upid numbers[1];
} __attribute__((preserve_access_index));

struct task_struct {
	struct task_struct *group_leader;
	struct pid *thread_pid;
} __attribute__((preserve_access_index));

struct qstr {
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct dentry {
	struct qstr d_name;
} __attribute__((preserve_access_index));

struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
	void *private_data;
} __attribute__((preserve_access_index));

struct kvm;

struct kvm_vcpu {
	struct kvm *kvm;
	int vcpu_id;
	struct pid *pid;
} __attribute__((preserve_access_index));

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} __attribute__((preserve_access_index));

#define MAX_LEVELS 32 /* MAX_PID_NS_LEVEL */

static __always_inline bool upid_at(struct pid *pid, __u32 level, int *nr,
				    struct pid_namespace **ns)
{
	char *upid = (char *)__builtin_preserve_access_index(&pid->numbers[0]) +
		     (__u64)level * bpf_core_type_size(struct upid);

	return !BPF_CORE_READ_INTO(nr, (struct upid *)upid, nr) &&
	       !BPF_CORE_READ_INTO(ns, (struct upid *)upid, ns);
}

/* @pid's number for the one who reads, as pid_nr_ns() has it; 0: not to be seen from there. */
static __always_inline __u32 number_of(struct pid *pid)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct pid *mine = BPF_CORE_READ(reader, thread_pid);
	__u32 level = BPF_CORE_READ(mine, level);
	struct pid_namespace *here = NULL, *there = NULL;
	int nr = 0;

	if (!pid || level > MAX_LEVELS || BPF_CORE_READ(pid, level) < level)
		return 0;
	if (!upid_at(mine, level, &nr, &here) || !upid_at(pid, level, &nr, &there))
		return 0;
	return here == there ? (__u32)nr : 0;
}

static __always_inline bool is_vcpu(struct file *file)
{
	static const char prefix[] = "kvm-vcpu";
	const unsigned char *name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	char text[8] = {};

	if (bpf_probe_read_kernel(text, sizeof(text), name))
		return false;
	for (int i = 0; i < 8; i++)
		if (text[i] != prefix[i])
			return false;
	return true;
}

SEC("iter/task_file")
int vcpu_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct pvtb_vcpu_file out = {.index = -1};
	struct file *file = ctx->file;
	struct kvm_vcpu *vcpu;

	if (!task || !file || !is_vcpu(file))
		return 0;
	vcpu = BPF_CORE_READ(file, private_data);
	out.vcpu = (__u64)vcpu;
	out.fd = ctx->fd;
	out.pid = number_of(BPF_CORE_READ(task, group_leader, thread_pid));
	if (bpf_core_field_exists(vcpu->kvm))
		out.vm = (__u64)BPF_CORE_READ(vcpu, kvm);
	if (bpf_core_field_exists(vcpu->vcpu_id))
		out.index = BPF_CORE_READ(vcpu, vcpu_id);
	if (bpf_core_field_exists(vcpu->pid))
		out.tid = number_of(BPF_CORE_READ(vcpu, pid));
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
