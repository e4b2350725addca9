// SPDX-License-Identifier: GPL-2.0-only
/* Owns the walk over the kernel's open files that finds vCPUs and their threads (vcpus.bpf.c). */
#include "trace/vcpus.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "bpf/vcpus.skel.h"

struct pvtb_vcpus {
	struct vcpus_bpf *skel;
	struct bpf_link *link; /* to nothing: what bpf_iter_create() needs */
};

/* KVM's types are in the kernel's BTF, or in its module's. */
static bool kernel_tells(void)
{
	struct btf *base = btf__load_vmlinux_btf(), *kvm = NULL;
	bool found = false;

	if (base && btf__find_by_name_kind(base, "kvm_vcpu", BTF_KIND_STRUCT) > 0)
		found = true;
	if (base && !found)
		kvm = btf__load_module_btf("kvm", base);
	if (kvm && btf__find_by_name_kind(kvm, "kvm_vcpu", BTF_KIND_STRUCT) > 0)
		found = true;
	btf__free(kvm);
	btf__free(base);
	return found;
}

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

int pvtb_vcpus_open(struct pvtb_vcpus **ret, struct pvtb_err *err)
{
	libbpf_print_fn_t print = libbpf_set_print(say_nothing);
	struct pvtb_vcpus *v = calloc(1, sizeof(*v));
	int rc = 0;

	if (!v)
		rc = pvtb_err_sys(err, -ENOMEM, "vCPU threads");
	else if (!kernel_tells())
		rc = pvtb_err_set(err, -EOPNOTSUPP, "vCPU threads",
				  "the kernel's BTF does not describe KVM's vCPUs");
	if (!rc) {
		v->skel = vcpus_bpf__open_and_load();
		if (!v->skel)
			rc = pvtb_err_sys(err, -errno, "eBPF iterator: load");
	}
	if (!rc) {
		v->link = bpf_program__attach_iter(v->skel->progs.vcpu_files, NULL);
		if (!v->link)
			rc = pvtb_err_sys(err, -errno, "eBPF iterator: task_file");
	}
	libbpf_set_print(print);
	if (rc) {
		pvtb_vcpus_close(v);
		return rc;
	}
	*ret = v;
	return 0;
}

void pvtb_vcpus_close(struct pvtb_vcpus *v)
{
	if (!v)
		return;
	bpf_link__destroy(v->link);
	vcpus_bpf__destroy(v->skel);
	free(v);
}

/* All that @fd gives. Records may arrive in parts. */
static int read_all(int fd, char **ret, size_t *ret_len)
{
	size_t len = 0, cap = 0;
	char *buf = NULL;
	ssize_t n;

	do {
		if (cap - len < 4096) {
			char *bigger = realloc(buf, cap = cap * 2 + 16384);

			if (!bigger) {
				free(buf);
				return -ENOMEM;
			}
			buf = bigger;
		}
		n = read(fd, buf + len, cap - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			n = -errno;
			free(buf);
			return (int)n;
		}
		len += (size_t)n;
	} while (n);
	*ret = buf;
	*ret_len = len;
	return 0;
}

/* By vCPU; of several descriptors, the one of the process whose thread runs it is not known here,
 * so the lowest process and descriptor: the VMM, not what it has forked. */
static int by_vcpu(const void *a, const void *b)
{
	const struct pvtb_vcpu_file *x = a, *y = b;

	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

int pvtb_vcpus_read(struct pvtb_vcpus *v, struct pvtb_vcpu_file **ret, size_t *ret_nr,
		    struct pvtb_err *err)
{
	int fd PVTB_CLOSE = bpf_iter_create(bpf_link__fd(v->link));
	struct pvtb_vcpu_file *f;
	size_t len = 0, nr, kept = 0;
	char *buf = NULL;
	int rc;

	if (fd < 0)
		return pvtb_err_sys(err, fd, "eBPF iterator");
	rc = read_all(fd, &buf, &len);
	if (rc)
		return pvtb_err_sys(err, rc, "eBPF iterator: read");
	f = (struct pvtb_vcpu_file *)buf;
	nr = len / sizeof(*f);
	qsort(f, nr, sizeof(*f), by_vcpu);
	for (size_t i = 0; i < nr; i++)
		if (f[i].pid && (!kept || f[kept - 1].vcpu != f[i].vcpu))
			f[kept++] = f[i];
	*ret = f;
	*ret_nr = kept;
	return 0;
}
