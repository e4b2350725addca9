// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: the life of a VM: asking /dev/kvm, guest memory, loading the image, creating vCPUs and
 * taking everything down again, half-built or not. Threads and the run loop are in vcpu.c.
 */
#include "vmm/vmm.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/image.h"
#include "vmm/vcpu.h"

#define RING_BYTES_DEFAULT (1ULL << 20)
#define RING_BYTES_MAX	   (1ULL << 30)
#define HOLE_ALIGN	   (2ULL << 20)

static int open_kvm(int *ret_fd, struct pvtb_err *err)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV) {
		pvtb_err_set(err, -ENOENT, "/dev/kvm", "no such device");
		return pvtb_err_hint(err, "load KVM's modules, enable virtualisation in the "
					  "firmware, or run in an emulated host: -H lab:arm64");
	}
	if (errno == EACCES || errno == EPERM) {
		pvtb_err_set(err, -EACCES, "/dev/kvm", "permission denied");
		return pvtb_err_hint(err, "run as root, or join the group that owns /dev/kvm");
	}
	return pvtb_err_sys(err, -errno, "/dev/kvm");
}

int pvtb_kvm_probe(struct pvtb_kvm_caps *ret_caps, int *ret_fd, struct pvtb_err *err)
{
	struct pvtb_kvm_caps caps = {0};
	int fd = -1, ret;

	ret = open_kvm(&fd, err);
	if (ret)
		return ret;
	caps.api_version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (caps.api_version != KVM_API_VERSION) {
		ret = pvtb_err_set(err, -ENOTSUP, "/dev/kvm", "API version %d, not %d",
				   caps.api_version, KVM_API_VERSION);
		pvtb_err_hint(err, "this is not the KVM interface of Linux 2.6.22 and later");
		goto fail;
	}
	caps.max_vcpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (caps.max_vcpus < 1)
		caps.max_vcpus = 1;
	ret = pvtb_arch_kvm_probe(fd, &caps, err);
	if (ret)
		goto fail;
	*ret_caps = caps;
	if (ret_fd)
		*ret_fd = fd;
	else
		close(fd);
	return 0;
fail:
	close(fd);
	return ret;
}

static int check_spec(struct pvtb_vm *vm, struct pvtb_err *err)
{
	struct pvtb_vm_spec *spec = &vm->spec;
	int max = vm->caps.max_vcpus < PVTB_MAX_VCPUS ? vm->caps.max_vcpus : PVTB_MAX_VCPUS;

	if (!spec->nr_vcpus)
		spec->nr_vcpus = 1;
	if (!spec->ring_bytes)
		spec->ring_bytes = RING_BYTES_DEFAULT;
	if (!spec->counter_hz)
		spec->counter_hz = vm->caps.counter_hz;
	vm->counter_hz = vm->caps.counter_hz;
	if (spec->nr_vcpus > (unsigned int)max)
		return pvtb_err_set(err, -EOPNOTSUPP, "VM", "%u vCPUs; this host takes %d",
				    spec->nr_vcpus, max);
	if (spec->ring_bytes & (spec->ring_bytes - 1) || spec->ring_bytes < 4096 ||
	    spec->ring_bytes > RING_BYTES_MAX)
		return pvtb_err_set(err, -EINVAL, "VM",
				    "ring of %llu bytes is no power of two from 4 KiB to 1 GiB",
				    (unsigned long long)spec->ring_bytes);
	if (spec->hole_end % HOLE_ALIGN)
		return pvtb_err_set(err, -EINVAL, "VM", "hole up to %#llx, no multiple of 2 MiB",
				    (unsigned long long)spec->hole_end);
	return 0;
}

/* The caller's array need not outlive the call. */
static int copy_cpus(struct pvtb_vm *vm, struct pvtb_err *err)
{
	size_t bytes = vm->spec.nr_vcpus * sizeof(int);
	int *copy;

	if (!vm->spec.cpus)
		return 0;
	copy = malloc(bytes);
	if (copy)
		memcpy(copy, vm->spec.cpus, bytes);
	vm->spec.cpus = copy;
	return copy ? 0 : pvtb_err_sys(err, -ENOMEM, "VM");
}

static int set_slot(struct pvtb_vm *vm, u32 flags)
{
	struct kvm_userspace_memory_region slot = {
		.flags = flags,
		.guest_phys_addr = PVTB_GPA_IMAGE,
		.memory_size = vm->mem_bytes,
		.userspace_addr = (u64)(uintptr_t)vm->mem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) ? -errno : 0;
}

static int map_memory(struct pvtb_vm *vm, struct pvtb_err *err)
{
	u64 align = 2ULL << 20, i;
	void *mem;
	int ret;

	vm->mem_bytes = PVTB_GPA_RINGS - PVTB_GPA_IMAGE + vm->spec.nr_vcpus * vm->spec.ring_bytes;
	vm->mem_bytes = (vm->mem_bytes + align - 1) & ~(align - 1);
	vm->map_bytes = vm->mem_bytes;
	if (vm->spec.hole_end > PVTB_GPA_IMAGE + vm->mem_bytes)
		vm->map_bytes = vm->spec.hole_end - PVTB_GPA_IMAGE;
	mem = mmap(NULL, vm->mem_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return pvtb_err_sys(err, -errno, "%llu bytes of guest memory",
				    (unsigned long long)vm->mem_bytes);
	vm->mem = mem;
	/* No page may come, go or be merged into a large one while something is timed. Both are
	 * best effort: without CAP_IPC_LOCK the pages are at least there. */
	madvise(mem, vm->mem_bytes, MADV_NOHUGEPAGE);
	mlock(mem, vm->mem_bytes);
	for (i = 0; i < vm->mem_bytes; i += 4096)
		__atomic_store_n(&vm->mem[i], 0, __ATOMIC_RELAXED);
	ret = set_slot(vm, 0);
	return ret ? pvtb_err_sys(err, ret, "KVM_SET_USER_MEMORY_REGION") : 0;
}

/* The op table, once checked, is used in place: the guest could scribble over it, but the names
 * and addresses only steer the guest itself. */
static int find_ops(struct pvtb_vm *vm, u64 start, u64 end, struct pvtb_err *err)
{
	u64 size = PVTB_GPA_IMAGE_END - PVTB_GPA_IMAGE;
	size_t i;

	if (start < PVTB_GPA_IMAGE || start > end || end - PVTB_GPA_IMAGE > size || start % 8 ||
	    (end - start) % sizeof(struct pvtb_op))
		return pvtb_err_set(err, -ENOEXEC, "guest image", "op table %#llx..%#llx is broken",
				    (unsigned long long)start, (unsigned long long)end);
	vm->ops = (const struct pvtb_op *)(vm->mem + (start - PVTB_GPA_IMAGE));
	vm->nr_ops = (end - start) / sizeof(struct pvtb_op);
	for (i = 0; i < vm->nr_ops; i++) {
		const struct pvtb_op *op = &vm->ops[i];

		if (!memchr(op->name, '\0', sizeof(op->name)) || op->entry < PVTB_GPA_IMAGE ||
		    op->entry >= PVTB_GPA_IMAGE_END)
			return pvtb_err_set(err, -ENOEXEC, "guest image", "op %zu is broken", i);
	}
	return 0;
}

static int load_image(struct pvtb_vm *vm, struct pvtb_err *err)
{
	const u8 *elf = pvtb_guest_image;
	size_t len = (size_t)(pvtb_guest_image_end - pvtb_guest_image);
	u64 start, end;
	unsigned int i;
	int ret;

	ret = pvtb_image_load(elf, len, pvtb_arch_elf_machine, vm->mem, PVTB_GPA_IMAGE,
			      PVTB_GPA_IMAGE_END - PVTB_GPA_IMAGE, err);
	for (i = 0; !ret && i < PVTB_ARRAY_SIZE(vm->ops_symbols) && pvtb_arch_symbols[i]; i++)
		ret = pvtb_image_symbol(elf, len, pvtb_arch_symbols[i], &vm->ops_symbols[i], err);
	if (!ret)
		ret = pvtb_image_symbol(elf, len, "pvtb_ops_start", &start, err);
	if (!ret)
		ret = pvtb_image_symbol(elf, len, "pvtb_ops_end", &end, err);
	if (!ret)
		ret = find_ops(vm, start, end, err);
	return ret;
}

static int new_vcpu(struct pvtb_vm *vm, unsigned int index, struct pvtb_err *err)
{
	struct pvtb_vcpu *vcpu = &vm->vcpus[index];
	void *run;

	vcpu->ctl = pvtb_vm_gpa(vm, PVTB_GPA_CTL + index * PVTB_CTL_BYTES);
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, index);
	if (vcpu->fd < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VCPU %u", index);
	run = mmap(NULL, (size_t)vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return pvtb_err_sys(err, -errno, "mapping vCPU %u", index);
	vcpu->run = run;
	return pvtb_arch_vcpu_init(vcpu, err);
}

static int new_vcpus(struct pvtb_vm *vm, struct pvtb_err *err)
{
	unsigned int i;
	int ret;

	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return pvtb_err_set(err, -EOPNOTSUPP, "/dev/kvm", "no KVM_CAP_IMMEDIATE_EXIT");
	vm->run_size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size < (int)sizeof(struct kvm_run))
		return pvtb_err_set(err, -EIO, "KVM_GET_VCPU_MMAP_SIZE", "%d bytes", vm->run_size);
	for (i = 0; i < vm->spec.nr_vcpus; i++) {
		ret = new_vcpu(vm, i, err);
		if (ret)
			return ret;
	}
	ret = pvtb_arch_vm_ready(vm, err);
	for (i = 0; !ret && i < vm->spec.nr_vcpus; i++)
		ret = pvtb_vcpu_thread_new(&vm->vcpus[i], err);
	return ret;
}

/* KVM_CREATE_VM can be interrupted by a signal on its way. */
static int create_vm(struct pvtb_vm *vm, struct pvtb_err *err)
{
	do
		vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, pvtb_arch_vm_type(vm->kvm_fd));
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VM");
	return 0;
}

static int build_vm(struct pvtb_vm *vm, struct pvtb_err *err)
{
	unsigned int i;
	int ret;

	ret = create_vm(vm, err);
	if (!ret)
		ret = map_memory(vm, err);
	if (!ret)
		ret = load_image(vm, err);
	if (ret)
		return ret;
	vm->vcpus = calloc(vm->spec.nr_vcpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return pvtb_err_sys(err, -ENOMEM, "VM");
	for (i = 0; i < vm->spec.nr_vcpus; i++) {
		vm->vcpus[i].vm = vm;
		vm->vcpus[i].index = i;
		vm->vcpus[i].fd = -1;
	}
	ret = pvtb_arch_vm_init(vm, err);
	if (!ret)
		ret = new_vcpus(vm, err);
	return ret;
}

int pvtb_vm_new(const struct pvtb_vm_spec *spec, struct pvtb_vm **ret_vm, struct pvtb_err *err)
{
	struct pvtb_vm *vm = calloc(1, sizeof(*vm));
	int ret;

	if (!vm)
		return pvtb_err_sys(err, -ENOMEM, "VM");
	vm->kvm_fd = -1;
	vm->fd = -1;
	ret = pvtb_kvm_probe(&vm->caps, &vm->kvm_fd, err);
	if (!ret) {
		vm->spec = *spec;
		ret = check_spec(vm, err);
		/* Before the copy vm->spec.cpus is the caller's, and not to be freed. */
		if (ret)
			vm->spec.cpus = NULL;
		else
			ret = copy_cpus(vm, err);
	}
	if (!ret)
		ret = build_vm(vm, err);
	if (ret) {
		pvtb_vm_free(vm);
		return ret;
	}
	*ret_vm = vm;
	return 0;
}

void pvtb_vm_free(struct pvtb_vm *vm)
{
	unsigned int i;

	if (!vm)
		return;
	for (i = 0; vm->vcpus && i < vm->spec.nr_vcpus; i++)
		pvtb_vcpu_thread_free(&vm->vcpus[i]);
	for (i = 0; vm->vcpus && i < vm->spec.nr_vcpus; i++) {
		struct pvtb_vcpu *vcpu = &vm->vcpus[i];

		pvtb_arch_vcpu_free(vcpu);
		if (vcpu->run)
			munmap(vcpu->run, (size_t)vm->run_size);
		if (vcpu->fd >= 0)
			close(vcpu->fd);
	}
	pvtb_arch_vm_free(vm);
	free(vm->vcpus);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	if (vm->mem)
		munmap(vm->mem, vm->mem_bytes);
	free((void *)(uintptr_t)vm->spec.cpus);
	free(vm);
}

const struct pvtb_op *pvtb_vm_find_op(struct pvtb_vm *vm, const char *name)
{
	size_t i;

	for (i = 0; i < vm->nr_ops; i++)
		if (!strcmp(vm->ops[i].name, name))
			return &vm->ops[i];
	return NULL;
}

static struct pvtb_vcpu *get_vcpu(struct pvtb_vm *vm, unsigned int index, struct pvtb_err *err)
{
	if (index < vm->spec.nr_vcpus)
		return &vm->vcpus[index];
	pvtb_err_set(err, -EINVAL, "VM", "no vCPU %u", index);
	return NULL;
}

int pvtb_vm_start(struct pvtb_vm *vm, unsigned int index, const struct pvtb_cmd *cmd,
		  struct pvtb_err *err)
{
	const struct pvtb_op *op = pvtb_vm_find_op(vm, cmd->op);
	struct pvtb_vcpu *vcpu = get_vcpu(vm, index, err);

	if (!vcpu)
		return -EINVAL;
	if (!op)
		return pvtb_err_set(err, -ENOENT, cmd->op, "no such op in the guest image");
	return pvtb_vcpu_start(vcpu, op, cmd, err);
}

int pvtb_vm_wait(struct pvtb_vm *vm, unsigned int index, unsigned int timeout_ms,
		 struct pvtb_cmd_result *ret_result, struct pvtb_err *err)
{
	struct pvtb_vcpu *vcpu = get_vcpu(vm, index, err);

	if (!vcpu)
		return -EINVAL;
	return pvtb_vcpu_wait(vcpu, timeout_ms, ret_result, err);
}

int pvtb_vm_exec(struct pvtb_vm *vm, unsigned int index, const struct pvtb_cmd *cmd,
		 unsigned int timeout_ms, struct pvtb_cmd_result *ret_result, struct pvtb_err *err)
{
	int ret;

	ret = pvtb_vm_start(vm, index, cmd, err);
	if (ret)
		return ret;
	return pvtb_vm_wait(vm, index, timeout_ms, ret_result, err);
}

int pvtb_vm_adopt(struct pvtb_vm *vm, unsigned int index, const char *name, enum pvtb_level level,
		  struct pvtb_err *err)
{
	const struct pvtb_op *op = pvtb_vm_find_op(vm, name);
	struct pvtb_vcpu *vcpu = get_vcpu(vm, index, err);

	if (!vcpu)
		return -EINVAL;
	if (!op)
		return pvtb_err_set(err, -ENOENT, name, "no such op in the guest image");
	return pvtb_vcpu_adopt(vcpu, op, level, err);
}

int pvtb_vm_pause(struct pvtb_vm *vm, unsigned int index, struct pvtb_err *err)
{
	struct pvtb_vcpu *vcpu = get_vcpu(vm, index, err);

	return vcpu ? pvtb_vcpu_pause(vcpu, err) : -EINVAL;
}

void pvtb_vm_resume(struct pvtb_vm *vm, unsigned int index)
{
	if (index < vm->spec.nr_vcpus)
		pvtb_vcpu_resume(&vm->vcpus[index]);
}

int pvtb_vm_log_dirty(struct pvtb_vm *vm, bool on, struct pvtb_err *err)
{
	int ret = set_slot(vm, on ? KVM_MEM_LOG_DIRTY_PAGES : 0);

	return ret ? pvtb_err_sys(err, ret, "dirty log of the guest's memory") : 0;
}

int pvtb_vm_dirty(struct pvtb_vm *vm, u64 *bitmap, struct pvtb_err *err)
{
	struct kvm_dirty_log log = {.dirty_bitmap = bitmap};

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		return pvtb_err_sys(err, -errno, "KVM_GET_DIRTY_LOG");
	return 0;
}

void pvtb_vm_stop_cmd(struct pvtb_vm *vm, unsigned int index)
{
	if (index < vm->spec.nr_vcpus)
		__atomic_store_n(&vm->vcpus[index].ctl->stop, 1, __ATOMIC_RELEASE);
}

const struct pvtb_sample *pvtb_vm_ring(struct pvtb_vm *vm, unsigned int index, u64 *ret_len)
{
	if (index >= vm->spec.nr_vcpus)
		return NULL;
	*ret_len = vm->spec.ring_bytes / sizeof(struct pvtb_sample);
	return pvtb_vm_gpa(vm, PVTB_GPA_RINGS + index * vm->spec.ring_bytes);
}

const struct pvtb_fault *pvtb_vm_fault(struct pvtb_vm *vm, unsigned int index)
{
	return index < vm->spec.nr_vcpus ? &vm->vcpus[index].ctl->fault : NULL;
}

void pvtb_vm_print_fault(struct pvtb_vm *vm, unsigned int index, FILE *out)
{
	if (index < vm->spec.nr_vcpus)
		pvtb_arch_fault_dump(&vm->vcpus[index].ctl->fault, out);
}

void *pvtb_vm_gpa(struct pvtb_vm *vm, u64 gpa)
{
	if (gpa < PVTB_GPA_IMAGE || gpa - PVTB_GPA_IMAGE >= vm->mem_bytes)
		return NULL;
	return vm->mem + (gpa - PVTB_GPA_IMAGE);
}

bool pvtb_vm_has_op(struct pvtb_vm *vm, const char *op)
{
	return pvtb_vm_find_op(vm, op);
}

void pvtb_vm_replace_thread(struct pvtb_vm *vm, unsigned int index)
{
	if (index < vm->spec.nr_vcpus)
		pvtb_vcpu_replace(&vm->vcpus[index]);
}

int pvtb_vm_tid(struct pvtb_vm *vm, unsigned int index)
{
	return index < vm->spec.nr_vcpus ? vm->vcpus[index].tid : -1;
}

int pvtb_vm_get_counter(struct pvtb_vm *vm, u64 *ret_ticks, struct pvtb_err *err)
{
	return pvtb_arch_get_counter(&vm->vcpus[0], ret_ticks, err);
}

static unsigned int nr_counters(const struct pvtb_vm *vm)
{
	return pvtb_arch_counter_is_vms ? 1 : vm->spec.nr_vcpus;
}

int pvtb_vm_set_counter(struct pvtb_vm *vm, u64 ticks, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < nr_counters(vm); i++)
		ret = pvtb_arch_set_counter(&vm->vcpus[i], ticks, err);
	return ret;
}

int pvtb_vm_set_counter_delta(struct pvtb_vm *vm, s64 delta, struct pvtb_err *err)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < nr_counters(vm); i++)
		ret = pvtb_arch_set_counter_delta(&vm->vcpus[i], delta, err);
	return ret;
}

int pvtb_vm_set_counter_delta_of_one(struct pvtb_vm *vm, s64 delta, struct pvtb_err *err)
{
	return pvtb_arch_set_counter_delta(&vm->vcpus[0], delta, err);
}

int pvtb_vm_scaled_counter(struct pvtb_vm *vm, u64 host_ticks, u64 *ret_ticks, u64 *ret_unc_ticks,
			   struct pvtb_err *err)
{
	return pvtb_arch_scaled_counter(&vm->vcpus[0], host_ticks, ret_ticks, ret_unc_ticks, err);
}

u64 pvtb_vm_counter_hz(struct pvtb_vm *vm)
{
	return vm->counter_hz;
}

u64 pvtb_vm_mem_bytes(struct pvtb_vm *vm)
{
	return vm->mem_bytes;
}

const struct pvtb_vm_spec *pvtb_vm_spec(struct pvtb_vm *vm)
{
	return &vm->spec;
}

const struct pvtb_kvm_caps *pvtb_vm_caps(struct pvtb_vm *vm)
{
	return &vm->caps;
}

int pvtb_vm_kvm_fd(struct pvtb_vm *vm)
{
	return vm->kvm_fd;
}

int pvtb_vm_irqchip_fd(struct pvtb_vm *vm)
{
	return pvtb_arch_irqchip_fd(vm);
}

int pvtb_vm_fd(struct pvtb_vm *vm)
{
	return vm->fd;
}

int pvtb_vm_vcpu_fd(struct pvtb_vm *vm, unsigned int index)
{
	return index < vm->spec.nr_vcpus ? vm->vcpus[index].fd : -1;
}

int pvtb_vm_counter_delta(struct pvtb_vm *vm, unsigned int index, s64 *ret_delta,
			  u64 *ret_unc_ticks, struct pvtb_err *err)
{
	struct pvtb_vcpu *vcpu = get_vcpu(vm, index, err);

	if (!vcpu)
		return -EINVAL;
	return pvtb_arch_counter_delta(vcpu, ret_delta, ret_unc_ticks, err);
}
