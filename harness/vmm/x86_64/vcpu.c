// SPDX-License-Identifier: GPL-2.0-only
/* Owns: an x86-64 vCPU: CPUID, paravirtual MSRs, TSC offset, registers of each command, exits. */
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "arch/counter.h"
#include "vmm/scale.h"
#include "vmm/vcpu.h"
#include "vmm/x86_64/x86.h"

#define RFLAGS_FIXED 0x2ULL
#define RFLAGS_IOPL3 0x3000ULL

static int set_msr(struct pvtb_vcpu *vcpu, u32 index, u64 value, const char *name,
		   struct pvtb_err *err)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {.head = {.nmsrs = 1}, .entry = {.index = index, .data = value}};

	/* The number of MSRs set, or -1. */
	switch (ioctl(vcpu->fd, KVM_SET_MSRS, &msrs)) {
	case 1:
		return 0;
	case 0:
		return pvtb_err_set(err, -EOPNOTSUPP, name, "KVM refuses the MSR");
	default:
		return pvtb_err_sys(err, -errno, "%s", name);
	}
}

static int tsc_offset(struct pvtb_vcpu *vcpu, unsigned int request, u64 *offset)
{
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
				       .attr = KVM_VCPU_TSC_OFFSET,
				       .addr = (u64)(uintptr_t)offset};

	return ioctl(vcpu->fd, request, &attr) ? -errno : 0;
}

static int set_offset(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	u64 offset = vcpu->vm->spec.counter_offset;
	int ret;

	if (!vcpu->vm->caps.hw_assisted)
		return pvtb_err_set(err, -EOPNOTSUPP, "TSC offset",
				    "backend %s accepts it, and the guest's RDTSC ignores it",
				    vcpu->vm->caps.backend);
	ret = tsc_offset(vcpu, KVM_SET_DEVICE_ATTR, &offset);
	if (ret == -ENXIO || ret == -EINVAL)
		return pvtb_err_set(err, -EOPNOTSUPP, "TSC offset",
				    "this KVM has no KVM_VCPU_TSC_OFFSET");
	return ret ? pvtb_err_sys(err, ret, "KVM_VCPU_TSC_OFFSET") : 0;
}

const bool pvtb_arch_counter_is_vms = false;

int pvtb_arch_get_counter(struct pvtb_vcpu *vcpu, u64 *ret_ticks, struct pvtb_err *err)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {.head = {.nmsrs = 1}, .entry = {.index = X86_MSR_TSC}};

	if (ioctl(vcpu->fd, KVM_GET_MSRS, &msrs) != 1)
		return pvtb_err_sys(err, -errno, "IA32_TSC of vCPU %u", vcpu->index);
	*ret_ticks = msrs.entry.data;
	return 0;
}

static int counter_is_ours(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	if (vcpu->vm->caps.hw_assisted)
		return 0;
	return pvtb_err_set(err, -EOPNOTSUPP, "TSC offset",
			    "backend %s accepts it, and the guest's RDTSC ignores it",
			    vcpu->vm->caps.backend);
}

int pvtb_arch_set_counter(struct pvtb_vcpu *vcpu, u64 ticks, struct pvtb_err *err)
{
	int ret = counter_is_ours(vcpu, err);

	return ret ?: set_msr(vcpu, X86_MSR_TSC, ticks, "IA32_TSC", err);
}

int pvtb_arch_set_counter_delta(struct pvtb_vcpu *vcpu, s64 delta, struct pvtb_err *err)
{
	u64 offset = (u64)delta;
	int ret;

	/* What such a backend does anyway. */
	if (!vcpu->vm->caps.hw_assisted && !delta)
		return 0;
	ret = counter_is_ours(vcpu, err);
	if (ret)
		return ret;
	ret = tsc_offset(vcpu, KVM_SET_DEVICE_ATTR, &offset);
	if (ret)
		return pvtb_err_sys(err, ret, "KVM_VCPU_TSC_OFFSET");
	vcpu->vm->spec.counter_offset = offset;
	return 0;
}

/* KVM does not tell to how many bits it rounds the ratio, which is a lot of ticks since the host was
 * started: its own reading of IA32_TSC, less the offset, between two of the host's, tells what comes out. */
int pvtb_arch_scaled_counter(struct pvtb_vcpu *vcpu, u64 host_ticks, u64 *ret_ticks, u64 *ret_unc,
			     struct pvtb_err *err)
{
	u64 hz = vcpu->vm->counter_hz, host_hz = vcpu->vm->caps.counter_hz, offset = 0;
	s64 low = 0, high = 0;
	int ret = hz == host_hz ? 0 : tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, &offset);

	if (ret)
		return pvtb_err_sys(err, ret, "KVM_VCPU_TSC_OFFSET");
	for (int i = 0; hz != host_hz && i < 16; i++) {
		u64 before = pvtb_arch_counter(), value, after;
		s64 l, h;

		ret = pvtb_arch_get_counter(vcpu, &value, err);
		if (ret)
			return ret;
		after = pvtb_arch_counter();
		value -= offset + host_ticks;
		l = (s64)value + pvtb_scale_ticks((s64)(host_ticks - after), hz, host_hz);
		h = (s64)value + pvtb_scale_ticks((s64)(host_ticks - before), hz, host_hz) + 1;
		low = !i || l > low ? l : low;
		high = !i || h < high ? h : high;
	}
	*ret_ticks = host_ticks + (u64)(low + (high - low) / 2);
	*ret_unc = (u64)(high - low + 1) / 2;
	return 0;
}

static int set_pv(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	u64 slot = 64ULL * vcpu->index;
	int ret = 0;

	/* Bit 0 of each enables it. */
	if (spec->pvclock)
		ret = set_msr(vcpu, X86_MSR_KVM_SYSTEM_TIME_NEW, (PVTB_GPA_PVCLOCK + slot) | 1,
			      "MSR_KVM_SYSTEM_TIME_NEW", err);
	if (!ret && spec->steal)
		ret = set_msr(vcpu, X86_MSR_KVM_STEAL_TIME, (PVTB_GPA_STEAL + slot) | 1,
			      "MSR_KVM_STEAL_TIME", err);
	return ret;
}

int pvtb_arch_vcpu_init(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct x86_vm *vm = vcpu->vm->arch;
	struct kvm_mp_state runnable = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct x86_vcpu *x86 = calloc(1, sizeof(*x86));

	if (!x86)
		return pvtb_err_sys(err, -ENOMEM, "vCPU %u", vcpu->index);
	vcpu->arch = x86;
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, vm->cpuid))
		return pvtb_err_sys(err, -errno, "KVM_SET_CPUID2");
	if (ioctl(vcpu->fd, KVM_GET_SREGS, &x86->sregs))
		return pvtb_err_sys(err, -errno, "KVM_GET_SREGS");
	/* With an irqchip all but the first would wait for a start-up interrupt. */
	if (vcpu->vm->spec.irqchip && ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable))
		return pvtb_err_sys(err, -errno, "KVM_SET_MP_STATE");
	if (vcpu->vm->spec.offset_counter) {
		int ret = set_offset(vcpu, err);

		if (ret)
			return ret;
	}
	return set_pv(vcpu, err);
}

int pvtb_arch_vcpu_enter(struct pvtb_vcpu *vcpu, u64 entry, u64 stack_top, u64 ctl_gpa,
			 enum pvtb_level level, struct pvtb_err *err)
{
	struct x86_vcpu *x86 = vcpu->arch;
	struct kvm_sregs sregs = x86->sregs;
	struct kvm_vcpu_events none = {0};
	struct kvm_regs regs = {
		.rip = entry,
		/* as a call leaves it: the return address, which nobody uses, is pushed */
		.rsp = stack_top - 8,
		.rdi = ctl_gpa,
		.rflags = RFLAGS_FIXED | RFLAGS_IOPL3,
	};

	pvtb_x86_long_mode(&sregs, pvtb_x86_cr3(), level);
	pvtb_x86_tables_regs(vcpu->index, &sregs);
	/* What a command that was cut short left to be injected is not the next one's. */
	if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &none))
		return pvtb_err_sys(err, -errno, "KVM_SET_VCPU_EVENTS");
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs))
		return pvtb_err_sys(err, -errno, "KVM_SET_SREGS");
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		return pvtb_err_sys(err, -errno, "KVM_SET_REGS");
	return 0;
}

static int handle_pio(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct kvm_run *run = vcpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;

	if (run->io.port == PVTB_PIO_DOORBELL && run->io.direction == KVM_EXIT_IO_OUT)
		return 1;
	if (run->io.port != PVTB_PIO_NOP)
		return pvtb_err_set(err, -EIO, "guest", "port %#x is nobody's", run->io.port);
	if (run->io.direction == KVM_EXIT_IO_IN)
		memset(data, 0, (size_t)run->io.size * run->io.count);
	vcpu->result.exit_pio++;
	return 0;
}

/* Only IA32_TSC is filtered: give what the CPU would have. */
static int handle_rdmsr(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct kvm_run *run = vcpu->run;
	u64 offset = 0;

	if (run->msr.index != X86_MSR_TSC)
		return pvtb_err_set(err, -EIO, "guest", "RDMSR %#x is nobody's", run->msr.index);
	if (vcpu->vm->caps.hw_assisted)
		(void)tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, &offset);
	run->msr.data = pvtb_arch_counter() + offset;
	run->msr.error = 0;
	vcpu->result.exit_msr++;
	return 0;
}

int pvtb_arch_handle_exit(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const u64 halt_ns = vcpu->vm->spec.halt_ns;
	const struct timespec halt = {(time_t)(halt_ns / PVTB_NSEC_PER_SEC),
				      (long)(halt_ns % PVTB_NSEC_PER_SEC)};
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		return handle_pio(vcpu, err);
	case KVM_EXIT_X86_RDMSR:
		return handle_rdmsr(vcpu, err);
	case KVM_EXIT_HLT:
		/* Without an irqchip halting is ours; a kick ends it. */
		if (halt.tv_sec || halt.tv_nsec)
			nanosleep(&halt, NULL);
		return 0;
	case KVM_EXIT_MMIO:
		return pvtb_err_set(err, -EIO, "guest", "%s of %u bytes at %#llx, where nothing is",
				    run->mmio.is_write ? "write" : "read", run->mmio.len,
				    (unsigned long long)run->mmio.phys_addr);
	default:
		return pvtb_err_set(err, -EIO, "KVM_RUN", "unexpected exit %u", run->exit_reason);
	}
}

void pvtb_arch_vcpu_free(struct pvtb_vcpu *vcpu)
{
	free(vcpu->arch);
	vcpu->arch = NULL;
}

/*
 * The guest's own reading lies between two of the host's: delta lies in [guest - after, guest -
 * before], for every try, so in the intersection of all. Needs the vCPU idle.
 */
static int bracket(struct pvtb_vcpu *vcpu, s64 *ret_low, s64 *ret_high, struct pvtb_err *err)
{
	struct pvtb_cmd_result r;
	s64 low = 0, high = 0;
	int i, ret;

	for (i = 0; i < 16; i++) {
		s64 l, h;

		ret = pvtb_vcpu_run_once(vcpu, "empty", PVTB_LEVEL_USER, &r, err);
		if (ret)
			return ret;
		l = (s64)(r.t_end_ticks - vcpu->doorbell_ticks);
		h = (s64)(r.t_begin_ticks - vcpu->entered_ticks);
		low = !i || l > low ? l : low;
		high = !i || h < high ? h : high;
	}
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/*
 * KVM's offset where the CPU applies it. A software backend keeps the attribute and ignores it:
 * there the guest reads the host's own TSC, and the bracket must agree.
 */
int pvtb_arch_counter_delta(struct pvtb_vcpu *vcpu, s64 *ret_delta, u64 *ret_unc,
			    struct pvtb_err *err)
{
	u64 offset = 0;
	s64 low, high, exact;
	int have = tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, &offset), ret;

	exact = vcpu->vm->caps.hw_assisted ? (s64)offset : 0;
	ret = bracket(vcpu, &low, &high, err);
	/* Busy: the attribute has to do, where it is to be trusted; 0 where it is ignored. */
	if (ret == -EBUSY && (!vcpu->vm->caps.hw_assisted || !have)) {
		*ret_delta = exact;
		*ret_unc = 0;
		return 0;
	}
	if (ret)
		return ret;
	if (low > high)
		return pvtb_err_set(err, -EIO, "guest counter",
				    "runs at another rate than the host's, or is not steady");
	if (low <= exact && exact <= high && (!have || !vcpu->vm->caps.hw_assisted)) {
		*ret_delta = exact;
		*ret_unc = 0;
		return 0;
	}
	/* Neither holds: what was measured does. */
	*ret_delta = low + (high - low) / 2;
	*ret_unc = (u64)(high - low + 1) / 2;
	return 0;
}
