// SPDX-License-Identifier: GPL-2.0-only
/* Owns finding out what this host's KVM/arm64 offers: by asking it, never by its version. */
#include "vmm/arm64/arm64.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/counter.h"

#define IPA_BITS_DEFAULT 40
#define MMFR0_ECV(v)	 ((v) >> 60 & 15) /* 1: FEAT_ECV, 2: with CNTPOFF_EL2 */
#define MMFR0_TGRAN4(v)	 ((v) >> 28 & 15) /* 15: none */
#define MMFR0_TGRAN64(v) ((v) >> 24 & 15) /* 15: none */
#define MMFR0_TGRAN16(v) ((v) >> 20 & 15) /* 0: none */
#define MMFR0_BIGEND(v)	 ((v) >> 8 & 15)  /* SCTLR_EL1.EE and E0E can be set */
#define MMFR0_BIGEND0(v) ((v) >> 16 & 15) /* E0E alone can */

static int extension(int fd, int cap)
{
	int ret = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

/* VMs are asked for 40 bits, the default, unless the host has fewer. */
unsigned long pvtb_arch_vm_type(int kvm_fd)
{
	int bits = extension(kvm_fd, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits && bits < IPA_BITS_DEFAULT ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)bits) : 0;
}

static void set_backend(struct pvtb_kvm_caps *caps, const char *name, const char *how,
			const char *evidence)
{
	snprintf(caps->backend, sizeof(caps->backend), "%s", name);
	snprintf(caps->backend_why, sizeof(caps->backend_why), "%.100s: %.400s", how, evidence);
}

/* "kvm [1]: VHE mode initialized successfully", "... Hyp nVHE mode ...", "... Protected hVHE
 * mode ...", before Linux 6.1 "... Hyp mode ..." for nVHE. */
static bool backend_of_line(struct pvtb_kvm_caps *caps, char *line)
{
	char *text = strchr(line, ';');
	char *end;

	if (!strstr(line, "mode initialized successfully") || !strstr(line, "kvm"))
		return false;
	text = text ? text + 1 : line;
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	if (strstr(text, "Protected"))
		set_backend(caps, strstr(text, "nVHE") ? "pKVM nVHE" : "pKVM hVHE", "kernel log",
			    text);
	else if (strstr(text, "nVHE") || strstr(text, "Hyp mode"))
		set_backend(caps, "nVHE", "kernel log", text);
	else if (strstr(text, "hVHE"))
		set_backend(caps, "hVHE", "kernel log", text);
	else if (strstr(text, "VHE"))
		set_backend(caps, "VHE", "kernel log", text);
	else
		return false;
	return true;
}

/* What KVM itself has said. Each read of /dev/kmsg is one record; EPIPE: some were overwritten. */
static bool backend_from_log(struct pvtb_kvm_caps *caps)
{
	int fd PVTB_CLOSE = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char line[1024];
	ssize_t n;

	if (fd < 0)
		return false;
	for (;;) {
		n = read(fd, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return false;
		line[n] = '\0';
		if (backend_of_line(caps, line))
			return true;
	}
}

/* The log may have been overwritten or be closed to us. The kernel's own timer tells as well: at
 * EL2 (VHE) it is the hypervisor's, PPI 26; a host at EL1 that keeps EL2 for KVM uses the physical
 * one, PPI 30 (Arm BSA numbers; arch_timer_select_ppi()). hVHE looks like nVHE here. */
static bool backend_from_timer(struct pvtb_kvm_caps *caps)
{
	FILE *f PVTB_FCLOSE = fopen("/proc/interrupts", "re");
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		char *name = strstr(line, "arch_timer");
		int ppi = 0;

		/* "... GICv3  26 Level     arch_timer" */
		if (!name || !strstr(line, "GIC") ||
		    sscanf(strstr(line, "GIC"), "%*s %d", &ppi) != 1)
			continue;
		if (ppi == 26)
			set_backend(caps, "VHE", "/proc/interrupts",
				    "the host runs on EL2's timer, PPI 26");
		else if (ppi == 30)
			set_backend(caps, "nVHE", "/proc/interrupts",
				    "the host runs on EL1's physical timer, PPI 30");
		else
			continue;
		return true;
	}
	return false;
}

static void find_backend(struct pvtb_kvm_caps *caps)
{
	if (!backend_from_log(caps) && !backend_from_timer(caps))
		set_backend(caps, "unknown", "neither the kernel log nor /proc/interrupts tells",
			    "no line of KVM's, no known timer");
}

static bool vm_has_attr(int vm_fd, u32 group, u64 attr)
{
	struct kvm_device_attr a = {.group = group, .attr = attr};

	return !ioctl(vm_fd, KVM_HAS_DEVICE_ATTR, &a);
}

static int probe_vcpu(int vm_fd, struct pvtb_kvm_caps *caps, struct pvtb_err *err)
{
	int fd PVTB_CLOSE = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	u64 mmfr0;
	int ret;

	if (fd < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VCPU");
	ret = pvtb_arm64_init_vcpu(vm_fd, fd, false, err);
	if (ret)
		return ret;
	ret = pvtb_arm64_get(fd, REG_MMFR0_EL1, &mmfr0);
	if (ret)
		return pvtb_err_sys(err, ret, "ID_AA64MMFR0_EL1");
	caps->ecv = MMFR0_ECV(mmfr0) >= 1;
	caps->granules = (MMFR0_TGRAN4(mmfr0) != 15 ? 4096U : 0) |
			 (MMFR0_TGRAN16(mmfr0) ? 16384U : 0) |
			 (MMFR0_TGRAN64(mmfr0) != 15 ? 65536U : 0);
	caps->big_endian = MMFR0_BIGEND(mmfr0) || MMFR0_BIGEND0(mmfr0);
	/* KVM uses CNTPOFF_EL2 under VHE only. */
	caps->cntpoff = MMFR0_ECV(mmfr0) >= 2 && !strcmp(caps->backend, "VHE");
	return 0;
}

int pvtb_arch_kvm_probe(int kvm_fd, struct pvtb_kvm_caps *caps, struct pvtb_err *err)
{
	int vm_fd PVTB_CLOSE = -1;

	do
		vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, pvtb_arch_vm_type(kvm_fd));
	while (vm_fd < 0 && errno == EINTR);
	if (vm_fd < 0)
		return pvtb_err_sys(err, -errno, "KVM_CREATE_VM");
	/* There is no software KVM on arm64: the device exists only with EL2. */
	caps->hw_assisted = true;
	caps->ring0_usable = true;
	find_backend(caps);
	caps->vm_type = pvtb_arch_vm_type(kvm_fd);
	caps->steal = extension(kvm_fd, KVM_CAP_STEAL_TIME);
	caps->counter_offset = extension(kvm_fd, KVM_CAP_COUNTER_OFFSET);
	caps->ptp = extension(kvm_fd, KVM_CAP_PTP_KVM);
	caps->aarch32 = extension(kvm_fd, KVM_CAP_ARM_EL1_32BIT);
	caps->lpt_in_kernel =
		vm_has_attr(vm_fd, PVTB_KVM_ARM_VM_LPT_CTRL, PVTB_KVM_ARM_VM_LPT_FREQ);
	/* The same group and attribute is LPT's address in a kernel of the RFC. */
	caps->smccc_filter = !caps->lpt_in_kernel &&
			     vm_has_attr(vm_fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER);
	caps->counter_hz = pvtb_arch_counter_hz(); /* KVM does not scale: guest's is the host's */
	return probe_vcpu(vm_fd, caps, err);
}
