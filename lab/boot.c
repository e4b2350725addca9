// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the life of one lab seen from outside: QEMU's command line, its ports, its end. Everything
 * QEMU opens is a descriptor it inherits, so a killed run leaves no file behind.
 */
#include "lab/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/guardian.h"
#include "core/klog.h"

enum port { PORT_RES, PORT_LOG, PORT_OUT, PORT_CONSOLE, PORT_QEMU, NR_PORTS };
#define NR_VIRTIO_PORTS 3
static const char *const port_names[NR_VIRTIO_PORTS] = {"res", "log", "out"};

struct lab {
	const struct pvtb_lab_spec *spec;
	const struct pvtb_lab_hooks *hooks;
	char name[512]; /* the host as asked for, for errors */
	struct pvtb_lab_kernel kernel;
	struct pvtb_lab_emulator emulator;
	int program_fd, initramfs_fd, out_dir_fd;
	int ours[NR_PORTS], theirs[NR_PORTS];
	struct pvtb_lab_lines lines[NR_PORTS];
	pid_t qemu;
	u64 guard_id;
	struct pvtb_lab_unpack *unpack;
	bool up;	      /* its pvtb has said so: the kernel has booted */
	char trouble[384];    /* first line of kernel trouble ... */
	u64 trouble_ns;	      /* ... and when it was seen */
	char qemu_said[384];  /* last line of QEMU's own */
	struct pvtb_err said; /* last error of the pvtb inside */
	bool acknowledged;
};

/* ---- QEMU's command line ---- */

#define MAX_ARGS 64

struct args {
	const char *v[MAX_ARGS];
	char *owned[MAX_ARGS];
	size_t nr;
	bool failed;
};

static void arg(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void arg(struct args *a, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (a->nr == MAX_ARGS - 1 || vasprintf(&s, fmt, ap) < 0)
		a->failed = true;
	else
		a->v[a->nr] = a->owned[a->nr] = s;
	a->nr += !a->failed;
	va_end(ap);
}

static void args_free(struct args *a)
{
	for (size_t i = 0; i < a->nr; i++)
		free(a->owned[i]);
}

/*
 * Deterministic: addresses are not random, and where no option keeps them from being so, nothing
 * depends on them. Without SVM's next-RIP, which QEMU lacks, KVM fetches the instruction it skips
 * into an object of a slab, whose place in the slab is random (SLAB_FREELIST_RANDOM); and
 * HARDENED_USERCOPY finds the slab of an object in its first page in one instruction less than of
 * one in a later page. With slabs of one page there is no later page. (The older of the option's
 * two names: older kernels know no other.)
 */
static const char same_addresses[] =
	" nokaslr norandmaps randomize_kstack_offset=off slub_max_order=0";

/* What takes time at boot and measures nothing is left out: self-tests, RAID, audit. */
static void kernel_args(struct args *a, const struct pvtb_lab_spec *spec)
{
	bool x86 = spec->arch == PVTB_LAB_X86_64;
	const char *timers = " hpet=disable pmtmr=0";
	char mode[64] = "", clock[64] = "";

	if (!x86 && (spec->nvhe || spec->protected || spec->nested))
		snprintf(mode, sizeof(mode), " kvm-arm.mode=%s",
			 spec->nvhe	? "nvhe"
			 : spec->nested ? "nested"
					: "protected");
	if (spec->clocksource[0]) {
		snprintf(clock, sizeof(clock), " clocksource=%s", spec->clocksource);
		timers = "";
	}
	arg(a, "-append");
	arg(a,
	    "console=%s rdinit=/init panic=-1 quiet audit=0 cryptomgr.notests raid=noautodetect"
	    "%s%s%s%s%s%s%s%s",
	    x86 ? "ttyS0" : "ttyAMA0", spec->deterministic ? same_addresses : "", mode,
	    x86 && spec->deterministic ? " tsc_early_khz=1000000" : "",
	    x86 && spec->deterministic ? timers : "",
	    /* calibrating against a timer executes instructions by the second */
	    x86 ? " lpj=4000000 no_timer_check tsc=reliable" : "", clock,
	    spec->append[0] ? " " : "", spec->append);
}

static void virtio_port(struct args *a, const char *name, int fd)
{
	arg(a, "-chardev");
	arg(a, "socket,id=%s,fd=%d", name, fd);
	arg(a, "-device");
	arg(a, "virtserialport,chardev=%s,name=%s", name, name);
}

static int link_fd(const struct lab *lab)
{
	return lab->hooks ? lab->hooks->link_fd : 0;
}

static int qemu_args(struct args *a, const struct lab *lab)
{
	const struct pvtb_lab_spec *spec = lab->spec;
	char cpu[128];

	arg(a, "%s", pvtb_lab_qemu_name(spec->arch));
	arg(a, "-M");
	arg(a, spec->arch == PVTB_LAB_ARM64 ? "virt,virtualization=on,gic-version=3" : "q35");
	arg(a, "-cpu");
	pvtb_lab_cpu(spec, cpu, sizeof(cpu));
	arg(a, "%s", cpu);
	arg(a, "-accel");
	/* One thread for all CPUs. With a thread for each, QEMU 7.2 at times shows a CPU code that
	 * another one has just replaced: an x86-64 kernel, which steps over code it patches by int3,
	 * then dies of an int3 whose handler has gone (one boot in eight). arm64 kernels lost their
	 * first processes or stood still in a few boots of a hundred, which is taken to be the same
	 * (not traced). One thread is no slower, and takes a third less of the machine. */
	arg(a, "tcg,thread=single");
	if (spec->deterministic) {
		arg(a, "-icount");
		arg(a, "shift=0,sleep=off,align=off");
		/* random bytes and the time of day choose addresses, and with them instructions */
		arg(a, "-seed");
		arg(a, "1");
		arg(a, "-rtc");
		arg(a, "base=2000-01-01T00:00:00,clock=vm");
	}
	arg(a, "-m");
	arg(a, "%u", spec->mem_mib);
	arg(a, "-smp");
	arg(a, "%u", spec->cpus);
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	arg(a, "-no-reboot");
	arg(a, "-display");
	arg(a, "none");
	arg(a, "-serial");
	arg(a, "stdio");
	arg(a, "-kernel");
	arg(a, "/proc/self/fd/%d", lab->kernel.fd);
	arg(a, "-initrd");
	arg(a, "/proc/self/fd/%d", lab->initramfs_fd);
	kernel_args(a, spec);
	arg(a, "-device");
	arg(a, "virtio-serial-pci");
	for (int i = 0; i < NR_VIRTIO_PORTS; i++)
		virtio_port(a, port_names[i], lab->theirs[i]);
	if (link_fd(lab) > 0)
		virtio_port(a, PVTB_LAB_LINK, link_fd(lab));
	return a->failed ? -ENOMEM : 0;
}

/* ---- what comes from the lab ---- */

static void note_trouble(struct lab *lab, const char *line)
{
	if (lab->trouble[0] || !pvtb_klog_trouble(line))
		return;
	snprintf(lab->trouble, sizeof(lab->trouble), "%.380s", pvtb_klog_text(line));
	lab->trouble_ns = pvtb_mono_ns();
}

static void console_line(void *ctx, const char *line)
{
	note_trouble(ctx, line);
}

static void qemu_line(void *ctx, const char *line)
{
	struct lab *lab = ctx;
	const char *p = strstr(line, ": ");

	/* "qemu-system-aarch64: why"; a named CPU has features that TCG lacks, and it warns of each */
	if (p && !strncmp(p + 2, "warning: ", 9))
		return;
	snprintf(lab->qemu_said, sizeof(lab->qemu_said), "%s", p ? p + 2 : line);
}

static void log_line(void *ctx, const char *line)
{
	struct lab *lab = ctx;

	lab->up = true;
	if (!strcmp(line, PVTB_LAB_UP))
		return;
	pvtb_lab_parse_error(line, &lab->said);
	if (lab->hooks && lab->hooks->line)
		lab->hooks->line(lab->hooks->ctx, line);
}

static int take(struct lab *lab, enum port port, const char *data, size_t len, struct pvtb_err *err)
{
	int status, r;

	switch (port) {
	case PORT_RES:
		r = pvtb_lab_unpack_feed(lab->unpack, data, len, err);
		/* The lab powers off when it knows that everything has arrived. */
		if (!r && !lab->acknowledged &&
		    !pvtb_lab_unpack_status(lab->unpack, &status, NULL)) {
			lab->acknowledged = true;
			send(lab->ours[PORT_RES], "k", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		return r;
	case PORT_LOG:
		pvtb_lab_lines_feed(&lab->lines[port], data, len, log_line, lab);
		return 0;
	case PORT_OUT:
		if (lab->hooks && lab->hooks->out)
			lab->hooks->out(lab->hooks->ctx, data, len);
		return 0;
	case PORT_CONSOLE:
		pvtb_lab_lines_feed(&lab->lines[port], data, len, console_line, lab);
		return 0;
	case PORT_QEMU:
		pvtb_lab_lines_feed(&lab->lines[port], data, len, qemu_line, lab);
		return 0;
	case NR_PORTS:
		break;
	}
	return -EINVAL;
}

/* The slowest lab, an x86-64 one that counts instructions, boots in some 15 s on an idle machine. */
#define BOOT_LIMIT_S 180

/* What a kernel in trouble has measured counts for nothing: it may end and send its log, no more. */
#define TROUBLE_LIMIT_S 60

static const char no_boot_hint[] =
	"is the kernel whole, with an initramfs allowed, and virtio-console in it or in modules=DIR?";

static const char *kernel_hint(const struct lab *lab)
{
	return lab->spec->kernel[0]
		       ? "does the distribution's kernel, without kernel=, do the same?"
		       : "a newer kernel may not: pvtb lab fetch -u";
}

static int check_limits(const struct lab *lab, u64 begin_ns, struct pvtb_err *err)
{
	const struct pvtb_lab_hooks *h = lab->hooks;
	unsigned int limit_s = h && h->timeout_s ? h->timeout_s : 900;

	if (h && h->interrupted && h->interrupted(h->ctx))
		return pvtb_err_set(err, -EINTR, lab->name, "interrupted");
	if (lab->trouble[0] &&
	    pvtb_mono_ns() - lab->trouble_ns > TROUBLE_LIMIT_S * PVTB_NSEC_PER_SEC) {
		pvtb_err_set(err, -ETIMEDOUT, lab->name, "its kernel does not go on: %.200s",
			     lab->trouble);
		return pvtb_err_hint(err, "%s", kernel_hint(lab));
	}
	if (!lab->up && limit_s > BOOT_LIMIT_S)
		limit_s = BOOT_LIMIT_S;
	if ((pvtb_mono_ns() - begin_ns) / PVTB_NSEC_PER_SEC < limit_s)
		return 0;
	if (!lab->up && limit_s == BOOT_LIMIT_S) {
		pvtb_err_set(err, -ETIMEDOUT, lab->name, "has not booted after %u s", limit_s);
		return pvtb_err_hint(err, "%.200s", lab->trouble[0] ? lab->trouble : no_boot_hint);
	}
	pvtb_err_set(err, -ETIMEDOUT, lab->name, "not %s after %u s",
		     lab->up ? "finished" : "booted", limit_s);
	return pvtb_err_hint(err, "%.200s",
			     lab->trouble[0] ? lab->trouble : "a longer timeout, or fewer samples");
}

/* Until QEMU has closed everything, that is, ended. */
static int pump(struct lab *lab, struct pvtb_err *err)
{
	u64 begin_ns = pvtb_mono_ns();
	struct pollfd p[NR_PORTS];
	int open_ports = NR_PORTS, r = 0;

	for (int i = 0; i < NR_PORTS; i++)
		p[i] = (struct pollfd){.fd = lab->ours[i], .events = POLLIN};
	while (open_ports && !r) {
		r = check_limits(lab, begin_ns, err);
		if (!r && poll(p, NR_PORTS, 100) < 0 && errno != EINTR)
			r = pvtb_err_sys(err, -errno, "%s", lab->name);
		for (int i = 0; i < NR_PORTS && !r; i++) {
			char buf[65536];
			ssize_t n;

			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n > 0) {
				r = take(lab, i, buf, (size_t)n, err);
			} else if (!n || errno != EINTR) {
				p[i].fd = -1;
				open_ports--;
			}
		}
	}
	pvtb_lab_lines_flush(&lab->lines[PORT_LOG], log_line, lab);
	pvtb_lab_lines_flush(&lab->lines[PORT_CONSOLE], console_line, lab);
	pvtb_lab_lines_flush(&lab->lines[PORT_QEMU], qemu_line, lab);
	return r;
}

/* The log the lab sent, line by line: on the console `quiet` hides warnings. */
static void scan_kernel_log(struct lab *lab)
{
	struct pvtb_lab_lines lines = {};
	int fd PVTB_CLOSE =
		openat(lab->out_dir_fd, "kernel.log", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char buf[8192];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		pvtb_lab_lines_feed(&lines, buf, (size_t)n, console_line, lab);
	pvtb_lab_lines_flush(&lines, console_line, lab);
}

/* ---- the life of a lab ---- */

static int open_ports(struct lab *lab, struct pvtb_err *err)
{
	for (int i = 0; i < NR_PORTS; i++) {
		int fd[2], r;

		if (i < NR_VIRTIO_PORTS)
			r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
		else
			r = pipe2(fd, O_CLOEXEC);
		if (r)
			return pvtb_err_sys(err, -errno, "%s", lab->name);
		lab->ours[i] = fd[0];
		lab->theirs[i] = fd[1];
	}
	return 0;
}

static void close_theirs(struct lab *lab)
{
	for (int i = 0; i < NR_PORTS; i++) {
		if (lab->theirs[i] >= 0)
			close(lab->theirs[i]);
		lab->theirs[i] = -1;
	}
}

static int start_qemu(struct lab *lab, const char *path, struct pvtb_err *err)
{
	int keep[] = {lab->kernel.fd,	     lab->initramfs_fd,	    lab->theirs[PORT_RES],
		      lab->theirs[PORT_LOG], lab->theirs[PORT_OUT], link_fd(lab)};
	struct args args = {};
	struct pvtb_lab_child child = {
		.path = path,
		.argv = args.v,
		.in = -1,
		.out = lab->theirs[PORT_CONSOLE],
		.err = lab->theirs[PORT_QEMU],
		.keep = keep,
		.nr_keep = PVTB_ARRAY_SIZE(keep) - (link_fd(lab) > 0 ? 0 : 1),
	};
	int r = qemu_args(&args, lab);

	r = r ?: pvtb_lab_child_start(&child, &lab->qemu);
	args_free(&args);
	close_theirs(lab);
	if (r)
		return pvtb_err_sys(err, r, "%s", path);
	return pvtb_guardian_add_kill(lab->hooks ? lab->hooks->guardian : NULL, lab->qemu,
				      &lab->guard_id, err);
}

/* End QEMU where it has not ended by itself, and reap it. */
static int end_qemu(struct lab *lab, bool force)
{
	int status = 0;
	struct pvtb_err ignored;

	if (lab->qemu <= 0)
		return 0;
	if (force)
		kill(lab->qemu, SIGKILL);
	while (waitpid(lab->qemu, &status, 0) < 0 && errno == EINTR)
		;
	lab->qemu = 0;
	if (lab->hooks && lab->hooks->guardian &&
	    pvtb_guardian_remove(lab->hooks->guardian, lab->guard_id, &ignored))
		return status; /* the guardian is gone: nothing to take off */
	return status;
}

static int judge(struct lab *lab, int qemu_status, int *ret_status, struct pvtb_err *err)
{
	int status, r = pvtb_lab_unpack_status(lab->unpack, &status, err);

	if (r) {
		if (lab->trouble[0]) {
			pvtb_err_set(err, -EIO, lab->name, "its kernel died: %s", lab->trouble);
			return pvtb_err_hint(err, "%s", kernel_hint(lab));
		}
		if (lab->said.why[0]) {
			pvtb_err_set(err, -EIO, lab->said.what, "%s", lab->said.why);
			return pvtb_err_hint(err, "%s", lab->said.hint);
		}
		if (qemu_status && lab->qemu_said[0])
			return pvtb_err_set(err, -EIO, pvtb_lab_qemu_name(lab->spec->arch), "%s",
					    lab->qemu_said);
		if (WIFSIGNALED(qemu_status))
			return pvtb_err_set(err, -EIO, pvtb_lab_qemu_name(lab->spec->arch),
					    "killed by signal %d (%s)", WTERMSIG(qemu_status),
					    strsignal(WTERMSIG(qemu_status)));
		pvtb_err_set(err, -EIO, lab->name, "ended without results: it %s",
			     lab->up ? "lost them" : "did not boot");
		return pvtb_err_hint(err, "%s", lab->up ? kernel_hint(lab) : no_boot_hint);
	}
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	scan_kernel_log(lab);
	if (lab->trouble[0]) {
		pvtb_err_set(err, -EUCLEAN, lab->name, "its kernel said: %s", lab->trouble);
		return pvtb_err_hint(err, "%s", kernel_hint(lab));
	}
	if (*ret_status && err)
		*err = lab->said;
	return 0;
}

static void lab_init(struct lab *lab, const struct pvtb_lab_spec *spec,
		     const struct pvtb_lab_hooks *hooks)
{
	memset(lab, 0, sizeof(*lab));
	lab->spec = spec;
	lab->hooks = hooks;
	lab->kernel.fd = -1;
	lab->program_fd = lab->initramfs_fd = lab->out_dir_fd = -1;
	for (int i = 0; i < NR_PORTS; i++)
		lab->ours[i] = lab->theirs[i] = -1;
	pvtb_lab_spec_format(spec, lab->name, sizeof(lab->name));
}

static void lab_fini(struct lab *lab)
{
	end_qemu(lab, true);
	close_theirs(lab);
	for (int i = 0; i < NR_PORTS; i++) {
		if (lab->ours[i] >= 0)
			close(lab->ours[i]);
	}
	pvtb_lab_unpack_free(lab->unpack);
	pvtb_lab_kernel_close(&lab->kernel);
	if (lab->program_fd >= 0)
		close(lab->program_fd);
	if (lab->initramfs_fd >= 0)
		close(lab->initramfs_fd);
	if (lab->out_dir_fd >= 0)
		close(lab->out_dir_fd);
}

static int prepare(struct lab *lab, char *const argv[], const char *out_dir, struct pvtb_err *err)
{
	int r;

	lab->out_dir_fd = open(out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lab->out_dir_fd < 0)
		return pvtb_err_sys(err, -errno, "%s", out_dir);
	lab->unpack = pvtb_lab_unpack_new(lab->out_dir_fd);
	if (!lab->unpack)
		return pvtb_err_sys(err, -ENOMEM, "%s", lab->name);
	r = pvtb_lab_emulator(lab->spec, &lab->emulator, err);
	r = r ?: pvtb_lab_program_open(lab->spec->arch, &lab->program_fd, err);
	r = r ?: pvtb_lab_kernel_open(lab->spec, lab->hooks, &lab->kernel, err);
	if (!r)
		r = pvtb_lab_initramfs(lab->spec, &lab->kernel, &lab->emulator, lab->program_fd,
				       argv, lab->hooks ? lab->hooks->input_dir : NULL,
				       &lab->initramfs_fd, err);
	return r ?: open_ports(lab, err);
}

int pvtb_lab_run(const struct pvtb_lab_spec *spec, char *const argv[], const char *out_dir,
		 const struct pvtb_lab_hooks *hooks, int *ret_status, struct pvtb_err *err)
{
	struct lab *lab PVTB_FREE = malloc(sizeof(*lab));
	char qemu[4096];
	int r;

	if (!lab)
		return pvtb_err_sys(err, -ENOMEM, "lab");
	lab_init(lab, spec, hooks);
	r = pvtb_lab_qemu_find(spec->arch, spec->qemu, qemu, sizeof(qemu), err);
	r = r ?: prepare(lab, argv, out_dir, err);
	r = r ?: start_qemu(lab, qemu, err);
	r = r ?: pump(lab, err);
	if (!r)
		r = judge(lab, end_qemu(lab, false), ret_status, err);
	lab_fini(lab);
	return r;
}

int pvtb_lab_check(const struct pvtb_lab_spec *spec, struct pvtb_err *err)
{
	struct pvtb_lab_kernel *kernel PVTB_FREE = malloc(sizeof(*kernel));
	char path[4096];
	int fd = -1, r;

	if (!kernel)
		return pvtb_err_sys(err, -ENOMEM, "lab");
	r = pvtb_lab_qemu_find(spec->arch, spec->qemu, path, sizeof(path), err);
	r = r ?: pvtb_lab_program_open(spec->arch, &fd, err);
	if (fd >= 0)
		close(fd);
	if (r || !spec->kernel[0])
		return r;
	r = pvtb_lab_kernel_open(spec, NULL, kernel, err);
	if (!r)
		pvtb_lab_kernel_close(kernel);
	return r;
}

int pvtb_lab_ready(enum pvtb_lab_arch arch, char *ret_kernel, size_t size, struct pvtb_err *err)
{
	char path[4096];
	const char *version;
	int fd = -1, r;

	r = pvtb_lab_qemu_find(arch, "", path, sizeof(path), err);
	r = r ?: pvtb_lab_program_open(arch, &fd, err);
	if (fd >= 0)
		close(fd);
	r = r ?: pvtb_lab_fetch(arch, "", PVTB_LAB_FETCH_CACHED, NULL, path, sizeof(path), err);
	if (r)
		return r;
	version = strrchr(path, '/');
	snprintf(ret_kernel, size, "%s", version ? version + 1 : path);
	return 0;
}
