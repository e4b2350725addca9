// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what is known of the emulator itself: which program, which version, and whether its CPU keeps the
 * architecture's word about time. That is found without Linux and KVM, by lab/emulator-check.S booted at EL2,
 * so that a fault of the emulator is not taken for one of KVM's.
 */
#include "lab/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* harness/core/embed.S */
extern const char pvtb_emulator_check[], pvtb_emulator_check_end[];

#define CHECK_LIMIT_MS	   30000
#define CHECK_INSTRUCTIONS 2000000ULL /* one is one nanosecond */

const char *pvtb_lab_qemu_name(enum pvtb_lab_arch arch)
{
	return arch == PVTB_LAB_ARM64 ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

int pvtb_lab_qemu_find(enum pvtb_lab_arch arch, const char *named, char *ret, size_t size,
		       struct pvtb_err *err)
{
	const char *name = pvtb_lab_qemu_name(arch);
	struct stat st;
	int r;

	if (!named[0]) {
		r = pvtb_lab_which(name, ret, size);
		if (!r)
			return 0;
		pvtb_err_set(err, r, name, "not found");
		return pvtb_err_hint(err, "install %s, or run `make deps`",
				     arch == PVTB_LAB_ARM64 ? "qemu-system-arm"
							    : "qemu-system-x86");
	}
	if (!stat(named, &st) && S_ISDIR(st.st_mode))
		r = snprintf(ret, size, "%s/%s", named, name);
	else
		r = snprintf(ret, size, "%s", named);
	if ((size_t)r >= size)
		return pvtb_err_set(err, -ENAMETOOLONG, named, "too long a path");
	if (!access(ret, X_OK))
		return 0;
	pvtb_err_sys(err, -errno, "%s", ret);
	return pvtb_err_hint(err, "qemu= names %s, or the directory it is in", name);
}

/* What a program says within the limit, which it is killed at. */
static int output_of(const char *const argv[], const int *keep, char *out, size_t size)
{
	struct pvtb_lab_child child = {.path = argv[0],
				       .argv = argv,
				       .in = -1,
				       .err = -1,
				       .keep = keep,
				       .nr_keep = !!keep};
	u64 end_ns = pvtb_mono_ns() + CHECK_LIMIT_MS * 1000000ULL;
	size_t got = 0;
	bool started;
	int fd[2], r;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return -errno;
	child.out = fd[1];
	r = pvtb_lab_child_start(&child, &pid);
	started = !r;
	close(fd[1]);
	while (!r && got < size - 1) {
		struct pollfd p = {.fd = fd[0], .events = POLLIN};
		ssize_t n;

		if (pvtb_mono_ns() > end_ns) {
			r = -ETIMEDOUT;
			kill(pid, SIGKILL);
		} else if (poll(&p, 1, 100) > 0) {
			n = read(fd[0], out + got, size - 1 - got);
			if (n <= 0)
				break;
			got += (size_t)n;
		}
	}
	close(fd[0]);
	out[got] = '\0';
	while (started && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* "QEMU emulator version 10.0.13 (Debian ...)" */
static void find_version(const char *qemu, struct pvtb_lab_emulator *e)
{
	const char *const argv[] = {qemu, "--version", NULL};
	char text[512];
	char *p;

	if (output_of(argv, NULL, text, sizeof(text)))
		return;
	p = strstr(text, "version ");
	if (p)
		snprintf(e->version, sizeof(e->version), "%.*s", (int)strcspn(p + 8, " \n"), p + 8);
}

int pvtb_lab_emulator_read(const char *line, struct pvtb_lab_emulator *e)
{
	unsigned long long hz, ecv, ticks, virt, phys;

	line = strstr(line, "pvtb ");
	if (!line ||
	    sscanf(line, "pvtb %llx %llx %llx %llx %llx", &hz, &ecv, &ticks, &virt, &phys) != 5)
		return -EBADMSG;
	e->checked = true;
	e->ecv = ecv >= 2;
	if (llabs((long long)(ticks - CHECK_INSTRUCTIONS * hz / PVTB_NSEC_PER_SEC)) >
	    (long long)(ticks / 1000 + 2))
		strcat(e->faults, " rate");
	if (!virt)
		strcat(e->faults, " cntvoff");
	if (e->ecv && !phys)
		strcat(e->faults, " cntpoff");
	return 0;
}

static int check_arm64(const struct pvtb_lab_spec *spec, const char *qemu,
		       struct pvtb_lab_emulator *e)
{
	int fd PVTB_CLOSE = memfd_create("pvtb-emulator-check", MFD_CLOEXEC);
	char cpu[128], kernel[64], text[512];
	const char *const argv[] = {qemu,
				    "-M",
				    "virt,virtualization=on,gic-version=3",
				    "-cpu",
				    cpu,
				    "-accel",
				    "tcg,thread=single",
				    "-icount",
				    "shift=0,sleep=off,align=off",
				    "-m",
				    "64",
				    "-nodefaults",
				    "-no-user-config",
				    "-display",
				    "none",
				    "-serial",
				    "stdio",
				    "-kernel",
				    kernel,
				    NULL};
	int r;

	if (fd < 0)
		return -errno;
	pvtb_lab_cpu(spec, cpu, sizeof(cpu));
	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", fd);
	r = pvtb_lab_write_all(fd, pvtb_emulator_check,
			       (size_t)(pvtb_emulator_check_end - pvtb_emulator_check));
	r = r ?: output_of(argv, &fd, text, sizeof(text));
	return r ?: pvtb_lab_emulator_read(text, e);
}

int pvtb_lab_emulator(const struct pvtb_lab_spec *spec, struct pvtb_lab_emulator *ret,
		      struct pvtb_err *err)
{
	char qemu[4096];
	size_t len = strlen(spec->series);
	int r = pvtb_lab_qemu_find(spec->arch, spec->qemu, qemu, sizeof(qemu), err);

	memset(ret, 0, sizeof(*ret));
	if (r)
		return r;
	find_version(qemu, ret);
	/* kvm_x86_vendor_init(): EOPNOTSUPP with PREEMPT_RT and without X86_FEATURE_CONSTANT_TSC */
	if (spec->arch == PVTB_LAB_X86_64 && len > 3 && !strcmp(spec->series + len - 3, "-rt")) {
		pvtb_err_set(
			err, -EOPNOTSUPP, spec->series,
			"a real-time kernel's KVM wants a constant TSC, which QEMU does not emulate");
		return pvtb_err_hint(err, "-H lab:arm64,series=%s", spec->series);
	}
	/* Of x86 nothing is checked; of arm64 what does not come back is not known. */
	if (spec->arch == PVTB_LAB_ARM64 && check_arm64(spec, qemu, ret))
		ret->checked = false;
	if (!spec->ecv || !ret->checked || ret->ecv)
		return 0;
	pvtb_err_set(err, -EOPNOTSUPP, "ecv", "QEMU %s has no CPU with FEAT_ECV", ret->version);
	return pvtb_err_hint(err, "QEMU 9.0 and newer have: qemu=PATH names one");
}
