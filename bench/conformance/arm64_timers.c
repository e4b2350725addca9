// SPDX-License-Identifier: GPL-2.0-only
/* Rows TMR and CNT: arm64 timers, their interrupts, counters and the offset of a VM. */
#include <inttypes.h>

#include "arch/counter.h"
#include "bench/conformance/check.h"

#define TMR_DOC	     "devices/vcpu.rst 2.1"
#define CNT_DOC	     "api.rst 4.138"
#define ARM	     .archs = PVTB_ARCH_ARM64
#define OFFSET_CAP   .cap = CF_CAP_COUNTER_OFFSET
#define TIMER_KEY(n) ((u64)CF_TIMER_CTRL << 32 | (n))
#define OFFSET	     0x123456789abcULL

static struct pvtb_vm *irq_vm(struct cf *cf, unsigned int vcpus)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = vcpus, .irqchip = true});
}

static int set_ppi(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 timer, int irq)
{
	return cf_attr(cf, cf_vcpu_fd(vm, vcpu), KVM_SET_DEVICE_ATTR, CF_TIMER_CTRL, timer, &irq);
}

static int get_ppi(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 timer)
{
	int irq = -1, ret = cf_attr(cf, cf_vcpu_fd(vm, vcpu), KVM_GET_DEVICE_ATTR, CF_TIMER_CTRL,
				    timer, &irq);

	return ret < 0 ? ret : irq;
}

static void tmr_01(struct cf *cf)
{
	struct pvtb_vm *vm = irq_vm(cf, 1);

	cf_errno(cf, get_ppi(cf, vm, 0, CF_TIMER_VTIMER), 27, "virtual timer");
	cf_errno(cf, get_ppi(cf, vm, 0, CF_TIMER_PTIMER), 30, "physical timer");
}
CF_ROW(tmr_01, .id = "TMR-01", .tag = CF_DOC, ARM, .source = TMR_DOC,
       .quote = "The EL1 virtual timer intid (default: 27)",
       .statement = "the timers' interrupts are 27 (virtual) and 30 (physical) unless set",
       .how = "the attributes of a new vCPU", .needs = "a vGIC", .run = tmr_01,
       .mutant = CF_M_VALUE(KVM_GET_DEVICE_ATTR, TIMER_KEY(CF_TIMER_PTIMER), 0, 4, CF_ADD, 1));

static void tmr_02(struct cf *cf)
{
	static const int not_ppi[] = {0, 15, 32, 1000, -1};
	struct pvtb_vm *vm = irq_vm(cf, 1), *without = cf_plain_vm(cf);

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(not_ppi); i++)
		cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_VTIMER, not_ppi[i]), -EINVAL,
			 "interrupt %d", not_ppi[i]);
	cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_VTIMER, 16), 0, "interrupt 16");
	cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_VTIMER, 31), 0, "interrupt 31");
	cf_errno(cf, set_ppi(cf, without, 0, CF_TIMER_VTIMER, 20), -EINVAL,
		 "without an interrupt controller of the kernel's");
}
CF_ROW(tmr_02, .id = "TMR-02", .tag = CF_DOC, ARM, .source = TMR_DOC,
       .quote = "These must be a PPI (16 <= intid < 32)",
       .statement = "a timer's interrupt has to be a PPI, 16 to 31, and the VM has to have a vGIC: "
		    "else EINVAL",
       .how = "five numbers outside, both ends inside, and a VM without a vGIC", .needs = "a vGIC",
       .run = tmr_02,
       .mutant = CF_M_ERRNO_AFTER(KVM_SET_DEVICE_ATTR, TIMER_KEY(CF_TIMER_VTIMER), -EINVAL, 0, 5));

static void tmr_03(struct cf *cf)
{
	struct pvtb_vm *vm = irq_vm(cf, 2);

	cf_run_once(cf, vm, 0);
	cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_VTIMER, 20), -EBUSY, "after this vCPU ran");
	if (cf->kernel < (6 << 16 | 4)) {
		cf_note(cf, "before Linux 6.4 a vCPU that has not run may still be set");
		return;
	}
	cf_errno(cf, set_ppi(cf, vm, 1, CF_TIMER_VTIMER, 20), -EBUSY, "on one that has not run");
	cf_errno(cf, set_ppi(cf, vm, 1, CF_TIMER_PTIMER, 20), -EBUSY, "its other timer");
}
CF_ROW(tmr_03, .id = "TMR-03", .tag = CF_DOC, ARM, .source = TMR_DOC,
       .quote = "-EBUSY One or more VCPUs has already run",
       .statement = "once one vCPU has run, the timers' interrupts of all vCPUs are EBUSY",
       .how = "two vCPUs, of which the first has run: both asked (before Linux 6.4 the first)",
       .needs = "a vGIC", .run = tmr_03,
       .mutant = CF_M_ERRNO_AFTER(KVM_SET_DEVICE_ATTR, TIMER_KEY(CF_TIMER_VTIMER), -EBUSY, 0, 1));

static void tmr_04(struct cf *cf)
{
	struct pvtb_vm *vm = irq_vm(cf, 1);
	struct pvtb_step s = CF_STEP(PVTB_STEP_COUNT);

	cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_VTIMER, 20), 0, "virtual timer");
	cf_errno(cf, set_ppi(cf, vm, 0, CF_TIMER_PTIMER, 20), 0, "physical timer, the same");
	cf_errno(cf, cf_try_stream(cf, vm, 0, &s, 1, NULL), -EINVAL, "KVM_RUN");
}
CF_ROW(tmr_04, .id = "TMR-04", .tag = CF_DOC, ARM, .source = TMR_DOC,
       .quote = "Setting the same PPI for different timers will prevent the VCPUs from running",
       .statement = "with one interrupt for two timers the vCPUs cannot run: EINVAL",
       .how = "both timers on 20, then KVM_RUN", .needs = "a vGIC", .run = tmr_04,
       .mutant = CF_M_RUN(-EINVAL, 0));

static void tmr_05(struct cf *cf)
{
	struct pvtb_vm *vm = irq_vm(cf, 3);

	cf_errno(cf, set_ppi(cf, vm, 1, CF_TIMER_VTIMER, 21), 0, "set on vCPU 1");
	for (unsigned int i = 0; i < 3; i++)
		cf_errno(cf, get_ppi(cf, vm, i, CF_TIMER_VTIMER), 21, "virtual timer of vCPU %u",
			 i);
}
CF_ROW(tmr_05, .id = "TMR-05", .tag = CF_DOC, ARM, .source = TMR_DOC,
       .quote = "Setting the interrupt number on a VCPU configures all VCPUs created at that time",
       .statement = "setting it on one vCPU sets it on every vCPU there is",
       .how = "three vCPUs, set on the second", .needs = "a vGIC", .run = tmr_05,
       .mutant = CF_M_VALUE_AFTER(KVM_GET_DEVICE_ATTR, TIMER_KEY(CF_TIMER_VTIMER), 0, 4, CF_SET, 27,
				  2));

static void tmr_06(struct cf *cf)
{
	struct pvtb_vm *vm = irq_vm(cf, 1);
	int fd = cf_vcpu_fd(vm, 0), irq = 22;

	cf_errno(cf, cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_TIMER_CTRL, 99, &irq), -ENXIO,
		 "attribute 99");
	cf_errno(cf,
		 cf_attr(cf, fd, KVM_SET_DEVICE_ATTR, CF_TIMER_CTRL, CF_TIMER_VTIMER,
			 CF_BAD_POINTER),
		 -EFAULT, "a pointer to nothing");
	cf_errno(cf, set_ppi(cf, vm, 0, 2, 22), 0, "timer of the hypervisor, virtual");
	cf_errno(cf, set_ppi(cf, vm, 0, 3, 23), 0, "timer of the hypervisor, physical");
}
CF_ROW(tmr_06, .id = "TMR-06", .tag = CF_CODE, ARM, .source = "arch/arm64/kvm/arch_timer.c",
       .quote = "case KVM_ARM_VCPU_TIMER_IRQ_HPTIMER: idx = TIMER_HPTIMER;", .since = "6.4",
       .statement =
	       "an unknown timer is ENXIO, a bad pointer EFAULT, and the two timers of a nested "
	       "hypervisor are accepted",
       .how = "attribute 99, a pointer to nothing, attributes 2 and 3", .needs = "a vGIC",
       .run = tmr_06,
       .mutant = CF_M_ERRNO(KVM_SET_DEVICE_ATTR, TIMER_KEY(CF_TIMER_VTIMER), -EFAULT, 0));

/* ---- counter offset ---- */

static int set_offset(struct cf *cf, struct pvtb_vm *vm, u64 offset, u64 reserved)
{
	const struct cf_counter_offset o = {offset, reserved};

	return cf_ioctl(cf, cf_vm_fd(vm), CF_SET_COUNTER_OFFSET, &o);
}

/* A reading of the guest's counter lies between two of the host's, less the offset. */
static void within_host(struct cf *cf, u64 before, u64 guest, u64 after, u64 offset,
			const char *what)
{
	cf_within(cf, (s64)(guest + offset - before), 0, (s64)(after - before),
		  "%s, plus the offset, after the host's counter", what);
}

static void cnt_01(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, cf_ioctl_val(cf, cf_vm_fd(vm), KVM_CHECK_EXTENSION, CF_CAP_COUNTER_OFFSET), 1,
		 "KVM_CAP_COUNTER_OFFSET");
	cf_errno(cf, set_offset(cf, vm, OFFSET, 0), 0, "KVM_ARM_SET_COUNTER_OFFSET");
}
CF_ROW(cnt_01, .id = "CNT-01", .tag = CF_DOC, ARM, .source = CNT_DOC,
       .quote =
	       "userspace is able to apply a single VM-wide offset to both the virtual and physical counters",
       .since = "6.4", .statement = "KVM_CAP_COUNTER_OFFSET is 1 and the ioctl is there",
       .how = "both asked", .run = cnt_01,
       .mutant = CF_M_RET(KVM_CHECK_EXTENSION, CF_CAP_COUNTER_OFFSET, CF_SET, 0));

static void cnt_02(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, set_offset(cf, vm, OFFSET, 1), -EINVAL, "reserved = 1");
	cf_errno(cf, set_offset(cf, vm, OFFSET, 1ULL << 63), -EINVAL, "reserved = 2^63");
}
CF_ROW(cnt_02, .id = "CNT-02", .tag = CF_CODE, ARM, OFFSET_CAP,
       .source = "arch/arm64/kvm/arch_timer.c", .quote = "if (offset->reserved) return -EINVAL;",
       .statement =
	       "a reserved field other than 0 is EINVAL (the documentation says that it may be)",
       .how = "its lowest and highest bit", .run = cnt_02,
       .mutant = CF_M_ERRNO_AFTER(CF_SET_COUNTER_OFFSET, 0, -EINVAL, 0, 1));

/* What setting another offset answers while the vCPU spins in the guest; again where that had ended by
 * then, since a busy host may take any time between two lines of this. */
static int set_while_running(struct cf *cf, struct pvtb_vm *vm, u64 offset)
{
	const volatile struct pvtb_step *shared = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(0));

	for (unsigned int i = 0; i < 6; i++) {
		struct pvtb_step s[] = {CF_EXIT,
					CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, 100ULL << i))};
		bool running;
		int ret;

		cf_errno(cf, set_offset(cf, vm, OFFSET, 0), 0, "while nothing runs");
		cf_stream_start(cf, vm, 0, s, 2);
		while (!shared[0].done)
			usleep(1000);
		ret = set_offset(cf, vm, offset, 0);
		running = !shared[1].done;
		cf_stream_wait(cf, vm, 0, s, 2, NULL);
		if (running)
			return ret;
	}
	cf_inconclusive(cf, "the guest never ran for long enough to be asked meanwhile");
}

static void cnt_03(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	u64 before, guest = 0, after;

	cf_errno(cf, set_while_running(cf, vm, 2 * OFFSET), -EBUSY, "while a vCPU runs");
	before = pvtb_arch_counter();
	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 0), CF_REG_VIRT_CNT, &guest), 0, "reading it");
	after = pvtb_arch_counter();
	within_host(cf, before, guest, after, OFFSET, "virtual counter after a refused offset");
}
CF_ROW(cnt_03, .id = "CNT-03", .tag = CF_CODE, ARM, OFFSET_CAP,
       .source = "arch/arm64/kvm/arch_timer.c", .quote = "ret = -EBUSY;",
       .statement = "while any vCPU is in an ioctl the offset is EBUSY and stays as it was (the "
		    "documentation says that it may be)",
       .how = "set while a vCPU spins in the guest", .alone = true, .run = cnt_03,
       .mutant = CF_M_ERRNO(CF_SET_COUNTER_OFFSET, 0, -EBUSY, 0));

static void cnt_04(struct cf *cf)
{
	cf_errno(cf, cf_ioctl(cf, cf_vm_fd(cf_plain_vm(cf)), CF_SET_COUNTER_OFFSET, CF_BAD_POINTER),
		 -EFAULT, "a pointer to nothing");
}
CF_ROW(cnt_04, .id = "CNT-04", .tag = CF_CODE, ARM, OFFSET_CAP, .source = "arch/arm64/kvm/arm.c",
       .quote =
	       "struct kvm_arm_counter_offset offset; if (copy_from_user(&offset, argp, sizeof(offset))) return -EFAULT;",
       .statement = "a bad pointer is EFAULT", .how = "a pointer to nothing", .run = cnt_04,
       .mutant = CF_M_ERRNO(CF_SET_COUNTER_OFFSET, 0, -EFAULT, 0));

#define BETWEEN_TRIES 2000

static void read_counters(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 offset)
{
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTPCT),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT),
				CF_STEP(PVTB_STEP_BETWEEN, BETWEEN_TRIES)};
	u64 before = pvtb_arch_counter(), after;

	cf_stream(cf, vm, vcpu, s, 4);
	after = pvtb_arch_counter();
	within_host(cf, before, s[0].out[0], after, offset, "CNTVCT_EL0");
	within_host(cf, before, s[1].out[0], after, offset, "CNTPCT_EL0");
	cf_true(cf, s[0].out[0] <= s[1].out[0] && s[1].out[0] <= s[2].out[0],
		"CNTVCT_EL0 %#" PRIx64 ", CNTPCT_EL0 %#" PRIx64 ", CNTVCT_EL0 %#" PRIx64
		": not the same counter",
		s[0].out[0], s[1].out[0], s[2].out[0]);
	cf_true(cf, !(s[3].out[1] | s[3].out[2]),
		"CNTPCT_EL0 is below the CNTVCT_EL0 before it in %" PRIu64
		" of %d readings, above the "
		"one after in %" PRIu64 ", by up to %" PRIu64 " ticks",
		s[3].out[1], BETWEEN_TRIES, s[3].out[2], s[3].out[3]);
}

static void cnt_05(struct cf *cf)
{
	static const u64 offsets[] = {OFFSET, 0, ~0ULL, 1ULL << 63};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(offsets); i++) {
		struct pvtb_vm *vm = cf_plain_vm(cf);

		cf_errno(cf, set_offset(cf, vm, offsets[i], 0), 0, "offset %#" PRIx64, offsets[i]);
		read_counters(cf, vm, 0, offsets[i]);
	}
}
CF_ROW(cnt_05, .id = "CNT-05", .tag = CF_DOC, ARM, OFFSET_CAP, .source = CNT_DOC,
       .quote =
	       "a number of counter cycles that are subtracted from both virtual and physical counter views",
       .statement =
	       "the guest's CNTVCT_EL0 and CNTPCT_EL0 are the physical counter less the offset, "
	       "modulo 2^64, and both the same",
       .how = "four offsets; the guest's readings lie between two of the host's; 2000 readings of CNTPCT_EL0 "
	      "each between two of CNTVCT_EL0 without anything else in between, no tolerance",
       .emulator = "cntpoff", .run = cnt_05, .also = "CNT-07 CNT-08",
       .mutant = CF_M_STEP(PVTB_STEP_BETWEEN, CF_ANY, 1, CF_SET, 1));

/* KVM_ARM_VCPU_INIT, by its number: the structure is arm64's. */
struct vcpu_init {
	u32 target;
	u32 features[7];
};
#define PREFERRED_TARGET _IOR(KVMIO, 0xaf, struct vcpu_init)
#define VCPU_INIT	 _IOW(KVMIO, 0xae, struct vcpu_init)
/* All vCPUs of a VM have the same features: the VMM's have this one. */
#define FEATURE_PSCI_0_2 (1U << 2)

static int new_vcpu(struct cf *cf, int vm_fd, unsigned int index, u32 features)
{
	struct vcpu_init init = {0};
	int fd = cf_ioctl_val(cf, vm_fd, KVM_CREATE_VCPU, index);

	if (fd < 0 || cf_ioctl(cf, vm_fd, PREFERRED_TARGET, &init) ||
	    (init.features[0] |= features, cf_ioctl(cf, fd, VCPU_INIT, &init)))
		cf_stop(cf, "vCPU %u could not be made", index);
	return fd;
}

static void cnt_06(struct cf *cf)
{
	const struct cf_counter_offset o = {OFFSET, 0};
	int vm_fd = cf_bare_vm(cf), fd[2];

	fd[0] = new_vcpu(cf, vm_fd, 0, 0);
	cf_errno(cf, cf_ioctl(cf, vm_fd, CF_SET_COUNTER_OFFSET, &o), 0, "offset");
	fd[1] = new_vcpu(cf, vm_fd, 1, 0);
	for (unsigned int i = 0; i < 2; i++) {
		u64 before = pvtb_arch_counter(), guest = 0, after;

		cf_errno(cf, cf_get(cf, fd[i], CF_REG_VIRT_CNT, &guest), 0, "reading it");
		after = pvtb_arch_counter();
		within_host(cf, before, guest, after, OFFSET,
			    i ? "counter of a vCPU made after" : "counter of a vCPU made before");
	}
}
CF_ROW(cnt_06, .id = "CNT-06", .tag = CF_DOC, ARM, OFFSET_CAP, .source = CNT_DOC,
       .quote = "always applies to all vcpus (already created or created after this ioctl)",
       .statement = "the offset is the VM's: it holds for vCPUs made before it and after it",
       .how = "one vCPU made before, one after", .run = cnt_06,
       .also = "CNT-03 CNT-04 CNT-05 CNT-07 CNT-08",
       .mutant = CF_M_INPUT(CF_SET_COUNTER_OFFSET, 0, 0, 8, CF_ADD, 1ULL << 40));

static void cnt_07(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);

	cf_errno(cf, set_offset(cf, vm, OFFSET, 0), 0, "first");
	cf_run_once(cf, vm, 0);
	cf_errno(cf, set_offset(cf, vm, 3 * OFFSET, 0), 0, "second");
	read_counters(cf, vm, 0, 3 * OFFSET);
}
CF_ROW(cnt_07, .id = "CNT-07", .tag = CF_CODE, ARM, OFFSET_CAP,
       .source = "arch/arm64/kvm/arch_timer.c",
       .quote = "kvm->arch.timer_data.voffset = offset->counter_offset;",
       .statement = "the offset may be set again, after the guest ran too; the last one holds",
       .how = "set, run, set, read", .emulator = "cntpoff", .run = cnt_07,
       .also = "CNT-02 CNT-03 CNT-05", .mutant = CF_M_DROP_AFTER(CF_SET_COUNTER_OFFSET, 0, 0, 1));

static void cnt_08(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	int fd = cf_vcpu_fd(vm, 0);

	cf_errno(cf, set_offset(cf, vm, OFFSET, 0), 0, "offset");
	cf_errno(cf, cf_set(cf, fd, CF_REG_VIRT_CNT, 1000), 0, "writing the virtual counter");
	cf_errno(cf, cf_set(cf, fd, CF_REG_PHYS_CNT, 1000), 0, "writing the physical counter");
	read_counters(cf, vm, 0, OFFSET);
}
CF_ROW(cnt_08, .id = "CNT-08", .tag = CF_DOC, ARM, OFFSET_CAP, .source = CNT_DOC,
       .quote =
	       "results in KVM ignoring subsequent userspace writes to the CNTVCT_EL0 and CNTPCT_EL0 registers",
       .statement =
	       "once there is an offset, writing the counter registers succeeds and does nothing",
       .how = "both counters written, then read in the guest", .emulator = "cntpoff", .run = cnt_08,
       .mutant = CF_M_ERRNO(KVM_SET_ONE_REG, CF_REG_PHYS_CNT, 0, -EBUSY));

static void cnt_09(struct cf *cf)
{
	struct pvtb_vm *vm = cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 2});
	u64 before = pvtb_arch_counter(), guest = 0, passed;

	cf_errno(cf, cf_set(cf, cf_vcpu_fd(vm, 0), CF_REG_VIRT_CNT, 1000), 0, "counter of vCPU 0");
	cf_errno(cf, cf_get(cf, cf_vcpu_fd(vm, 1), CF_REG_VIRT_CNT, &guest), 0, "that of vCPU 1");
	passed = pvtb_arch_counter() - before;
	cf_within(cf, (s64)guest, 1000, (s64)(1000 + passed),
		  "counter of vCPU 1 after that of vCPU 0 was set to 1000");
}
CF_ROW(cnt_09, .id = "CNT-09", .tag = CF_CODE, ARM,
       .source = "arch/arm64/kvm/arch_timer.c, arch/arm64/kvm/sys_regs.c",
       .quote = "kvm_phys_timer_read() - val",
       .statement =
	       "without an offset, writing the virtual counter of one vCPU moves it for the whole VM",
       .how = "set on one vCPU, read on another", .run = cnt_09,
       .mutant = CF_M_DROP(KVM_SET_ONE_REG, CF_REG_VIRT_CNT, 0));

static void cnt_10(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTV_CVAL);
	const u64 cval = 0x7654321012345678ULL;
	int fd = cf_vcpu_fd(vm, 0);
	u64 counter = 0, back = 0;

	cf_errno(cf, cf_set(cf, fd, CF_REG_VIRT_CVAL, cval), 0, "compare value");
	cf_errno(cf, cf_get(cf, fd, CF_REG_VIRT_CVAL, &back), 0, "compare value");
	cf_eq(cf, back, cval, "KVM_REG_ARM_TIMER_CVAL (encoded as CNTVCT_EL0)");
	cf_errno(cf, cf_get(cf, fd, CF_REG_VIRT_CNT, &counter), 0, "counter");
	cf_true(cf, counter < cval,
		"KVM_REG_ARM_TIMER_CNT (encoded as CNTV_CVAL_EL0) is no counter");
	cf_stream(cf, vm, 0, &s, 1);
	cf_eq(cf, s.out[0], cval, "CNTV_CVAL_EL0 in the guest");
}
CF_ROW(cnt_10, .id = "CNT-10", .tag = CF_DOC, ARM, .source = "api.rst 4.68",
       .quote = "These two had their values accidentally swapped",
       .statement =
	       "the identifiers of the virtual timer's counter and compare value are exchanged, and "
	       "have to stay so",
       .how = "a compare value written under its published number, read in the guest",
       .run = cnt_10, .mutant = CF_M_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTV_CVAL, 0, CF_XOR, 1));

#define CTL_ENABLE_MASKED 3
#define CTL_ISTATUS	  4

static void cnt_11(struct cf *cf)
{
	struct pvtb_vm *vm =
		cf_vm(cf, &(struct pvtb_vm_spec){
				  .nr_vcpus = 1, .offset_counter = true, .counter_offset = OFFSET});
	struct pvtb_step now = CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT);
	const u64 wait = cf_ticks(cf, 100);
	struct pvtb_step s[] = {
		CF_STEP(PVTB_STEP_MSR, PVTB_SYSREG_CNTV_CVAL, 0),
		CF_STEP(PVTB_STEP_MSR, PVTB_SYSREG_CNTV_CTL, CTL_ENABLE_MASKED),
		CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTV_CTL),
		CF_STEP(PVTB_STEP_SPIN, wait),
		CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTV_CTL),
		CF_STEP(PVTB_STEP_SCAN, 500, PVTB_SYSREG_CNTVCT),
		CF_EXIT,
		CF_STEP(PVTB_STEP_SCAN, 500, PVTB_SYSREG_CNTPCT),
		CF_STEP(PVTB_STEP_MSR, PVTB_SYSREG_CNTV_CTL, 0),
	};

	cf_stream(cf, vm, 0, &now, 1);
	/* Far enough that it cannot have passed, and not so far that it has not. */
	s[0].in[1] = now.out[0] + cf_ticks(cf, 20000);
	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	cf_eq(cf, s[2].out[0] & CTL_ISTATUS, 0, "condition of a timer 20 s ahead");
	cf_eq(cf, s[4].out[0] & CTL_ISTATUS, 0, "the same 100 ms later");
	cf_eq(cf, s[5].out[0], 0, "steps back in 500 readings of CNTVCT_EL0");
	cf_eq(cf, s[7].out[0], 0, "steps back in 500 readings of CNTPCT_EL0");
	s[0].in[1] = now.out[0] + 1;
	cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s));
	cf_eq(cf, s[2].out[0] & CTL_ISTATUS, CTL_ISTATUS, "condition of a timer that has passed");
}
CF_ROW(cnt_11, .id = "CNT-11", .tag = CF_CODE, ARM, OFFSET_CAP,
       .source = "arch/arm64/kvm/arch_timer.c",
       .quote = "kvm_phys_timer_read() - timer_get_offset(",
       .statement =
	       "compare values are relative to the offset counter, and the counters never go back",
       .how = "a timer 20 s ahead has not fired, one that has passed has; 500 readings of each counter",
       .run = cnt_11,
       .mutant = CF_M_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTV_CTL, 0, CF_XOR, CTL_ISTATUS));

CF_ROW(cnt_12, .id = "CNT-12", .tag = CF_CODE, ARM, .source = "arch/arm64/kvm/arch_timer.c",
       .quote = "CNTHCTL_EL1PCTEN",
       .statement =
	       "with an offset and without FEAT_ECV's CNTPOFF a read of CNTPCT_EL0 traps and one of "
	       "CNTVCT_EL0 does not; with it neither does",
       .manual = "a matter of what a read costs: `pvtb run counter_read` measures and judges it");

static void cnt_13(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step feature = CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_MMFR0);
	struct pvtb_step s[] = {CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCTSS),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTPCT),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTPCTSS),
				CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTPCT)};

	cf_stream(cf, vm, 0, &feature, 1);
	if (!(feature.out[0] >> 60))
		cf_skip(cf, "the guest's CPU has no FEAT_ECV");
	cf_fault(cf, cf_stream(cf, vm, 0, s, PVTB_ARRAY_SIZE(s)), CF_NO_FAULT, "the stream");
	for (unsigned int i = 0; i < 6; i += 3)
		cf_true(cf, s[i].out[0] <= s[i + 1].out[0] && s[i + 1].out[0] <= s[i + 2].out[0],
			"%s: %#" PRIx64 ", %#" PRIx64 " (self-synchronised), %#" PRIx64,
			i ? "CNTPCT" : "CNTVCT", s[i].out[0], s[i + 1].out[0], s[i + 2].out[0]);
}
CF_ROW(cnt_13, .id = "CNT-13", .tag = CF_DOC, ARM, .source = "Arm ARM, FEAT_ECV",
       .statement = "the self-synchronised counter registers agree with the plain ones",
       .how = "each read between two plain readings", .needs = "FEAT_ECV", .run = cnt_13,
       .mutant = CF_M_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCTSS, 0, CF_SET, 0));

static void cnt_14(struct cf *cf)
{
	struct pvtb_vm *vm = cf_plain_vm(cf);
	struct pvtb_step s = CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTFRQ);

	cf_stream(cf, vm, 0, &s, 1);
	cf_eq(cf, s.out[0], pvtb_arch_counter_hz(), "CNTFRQ_EL0 in the guest, against the host's");
}
CF_ROW(cnt_14, .id = "CNT-14", .tag = CF_CODE, ARM, .source = "Arm ARM, CNTFRQ_EL0",
       .statement =
	       "the guest's CNTFRQ_EL0 is the host's: no EL2 control traps it and KVM does not scale, so that "
	       "a guest that moves to a host of another frequency sees its clock change rate",
       .how = "read on both sides", .run = cnt_14,
       .mutant = CF_M_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTFRQ, 0, CF_ADD, 1));

/* Long enough that a counter that begins anew cannot be taken for one that went on. */
#define BEFORE_MS 20

static u64 guest_counter(struct cf *cf, struct pvtb_vm *vm)
{
	struct pvtb_step s = CF_STEP(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT);

	cf_stream(cf, vm, 0, &s, 1);
	return s.out[0];
}

/* The counter of vCPU 0 before vCPU 1 is made and after, and the ticks of the host in between. */
struct creation {
	u64 before, after, passed;
};

static struct creation over_creation(struct cf *cf, struct pvtb_vm *vm)
{
	struct creation c;
	u64 host;

	usleep(BEFORE_MS * 1000);
	c.before = guest_counter(cf, vm);
	host = pvtb_arch_counter();
	new_vcpu(cf, cf_vm_fd(vm), 1, FEATURE_PSCI_0_2);
	c.after = guest_counter(cf, vm);
	c.passed = pvtb_arch_counter() - host;
	return c;
}

static void cnt_15(struct cf *cf)
{
	struct creation c = over_creation(cf, cf_plain_vm(cf));

	if (c.before <= c.passed)
		cf_inconclusive(
			cf, "making a vCPU took %" PRIu64 " ticks, all that was before %" PRIu64,
			c.passed, c.before);
	cf_within(cf, (s64)c.after, 0, (s64)c.passed,
		  "counter of vCPU 0 after vCPU 1 was made, of %" PRIu64 " before", c.before);
	if (!cf->caps.counter_offset)
		return;
	c = over_creation(cf, cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1,
							       .offset_counter = true,
							       .counter_offset = OFFSET}));
	cf_within(cf, (s64)(c.after - c.before), 0, (s64)(c.passed + cf_ticks(cf, BEFORE_MS)),
		  "ticks the counter of a VM that has an offset went on");
}
CF_ROW(cnt_15, .id = "CNT-15", .tag = CF_CODE, ARM, .source = "arch/arm64/kvm/arch_timer.c",
       .quote = "Synchronize offsets across timers of a VM if not already provided",
       .statement =
	       "making a vCPU begins the virtual counter of all vCPUs of the VM at 0 again, those that have "
	       "run too, unless KVM_ARM_SET_COUNTER_OFFSET was used",
       .how = "vCPU 0 read before and after vCPU 1 is made: it goes back, and with an offset it goes on",
       .run = cnt_15, .also = "CNT-05 PTP-03",
       .mutant = CF_M_STEP_AFTER(PVTB_STEP_MRS, PVTB_SYSREG_CNTVCT, 0, CF_ADD, 1ULL << 40, 1));
