// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the inside of a lab: pvtb as the first process. Mounts what the kernel offers, loads KVM's
 * modules, runs the command it was booted for, sends back what that left, powers off. Whatever goes
 * wrong, it still tries to send and never returns: a first process that ends is a kernel panic.
 */
#include "lab/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/virtio_port.h"

#define PORT_MS 1000

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} mounts[] = {
		{"proc", "/proc"},
		{"sysfs", "/sys"},
		{"devtmpfs", "/dev"},
		{"tracefs", "/sys/kernel/tracing"},
		{"debugfs", "/sys/kernel/debug"},
		{"securityfs", "/sys/kernel/security"},
		{"bpf", "/sys/fs/bpf"},
		{"cgroup2", "/sys/fs/cgroup"},
		{"tmpfs", "/tmp"},
		{"tmpfs", "/dev/shm"},
	};

	/* What this kernel does not have is missing, and what needs it says so. */
	for (size_t i = 0; i < PVTB_ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL);
	}
	mkdir(PVTB_LAB_RESULT_DIR, 0755);
}

/* Loopback is down until somebody brings it up. A kernel without a network has none. */
static void loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
}

static void complain(const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "pvtb: %s: %s\n", what, why);
}

/* Those with @part in their name, in the order of their names, which is the order they need each
 * other in. One that is there already is no failure. */
static int load_modules(const char *part, bool nested)
{
	struct dirent **names = NULL;
	int n = scandir("/modules", &names, NULL, alphasort), failed = 0;

	for (int i = 0; i < n; i++) {
		char path[512];
		int fd;

		const char *parameters =
			nested && strstr(names[i]->d_name, "kvm-amd") ? "nested=1" : "";

		if (names[i]->d_name[0] != '.' && strstr(names[i]->d_name, part)) {
			snprintf(path, sizeof(path), "/modules/%s", names[i]->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0 ||
			    (syscall(SYS_finit_module, fd, parameters, 0) && errno != EEXIST)) {
				complain(names[i]->d_name + 3, strerror(errno));
				failed++;
			}
			if (fd >= 0)
				close(fd);
		}
		free(names[i]);
	}
	free(names);
	if (failed)
		dprintf(STDERR_FILENO,
			"  hint: modules of this very kernel are wanted: modules=DIR\n");
	return failed;
}

/* NUL-separated words of a file; the array and its text are never freed. */
static char **read_words(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *text = NULL;
	size_t size = 0, nr = 0, n = 0;
	char **words;

	if (fd < 0 || pvtb_lab_read_file(fd, &text, &size))
		return NULL;
	close(fd);
	for (size_t i = 0; i < size; i++)
		nr += !((char *)text)[i];
	words = calloc(nr + 1, sizeof(*words));
	for (char *p = text; words && n < nr; p += strlen(p) + 1)
		words[n++] = p;
	return words;
}

static void child(char *const args[])
{
	static char *const no_host[] = {(char *)"lab", NULL};
	static const struct rlimit core = {0, 0};
	char *const *host = read_words("/host") ?: (char **)no_host;
	char env[4096 + 512], qemu[128], faults[128];
	char *const envp[] = {(char *)"PATH=/",
			      (char *)"HOME=/",
			      (char *)"LC_ALL=C",
			      (char *)"TMPDIR=/tmp",
			      env,
			      qemu,
			      faults,
			      NULL};

	snprintf(env, sizeof(env), PVTB_LAB_ENV "=%s", host[0] ? host[0] : "lab");
	snprintf(qemu, sizeof(qemu), PVTB_LAB_QEMU_ENV "=%s", host[0] && host[1] ? host[1] : "");
	snprintf(faults, sizeof(faults), PVTB_LAB_FAULTS_ENV "=%s",
		 host[0] && host[1] && host[2] ? host[2] : "");
	setrlimit(RLIMIT_CORE, &core);
	setsid();
	execve("/init", args, envp);
	complain("/init", strerror(errno));
	_exit(126);
}

static void complain_killed(int status)
{
	char why[64];

	if (!WIFSIGNALED(status))
		return;
	snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
	complain("the command in the lab", why);
}

/* Run commands side by side; reap whatever else ends meanwhile, as a first process must. The first one
 * that fails gives the status. */
static int run_beside(char ***commands, size_t nr)
{
	pid_t pids[PVTB_LAB_MAX_COMMANDS], got;
	size_t left = 0;
	int status, ret = 0;

	for (size_t i = 0; i < nr; i++) {
		pids[i] = fork();
		if (!pids[i])
			child(commands[i]);
		if (pids[i] < 0) {
			complain("fork", strerror(errno));
			ret = 126 << 8;
		}
		left += pids[i] > 0;
	}
	while (left && ((got = waitpid(-1, &status, 0)) > 0 || errno == EINTR)) {
		for (size_t i = 0; got > 0 && i < nr; i++) {
			if (pids[i] != got)
				continue;
			left--;
			complain_killed(status);
			ret = ret ? ret : status;
		}
	}
	return ret;
}

/* "a b ++ c d" are two commands at once; "then" begins what waits for those before it, and is not
 * begun where they failed. */
static int run(char **args)
{
	char **commands[PVTB_LAB_MAX_COMMANDS], **words = args;
	size_t nr = 0;
	int ret = 0;

	for (char **w = args;; w++) {
		bool end = !*w, then = !end && !strcmp(*w, PVTB_LAB_THEN);

		if (!end && !then && strcmp(*w, PVTB_LAB_BESIDE))
			continue;
		*w = NULL;
		if (nr == PVTB_LAB_MAX_COMMANDS) {
			complain("/args", "too many commands at once");
			return 126 << 8;
		}
		commands[nr++] = words;
		words = w + 1;
		if (end || then) {
			ret = run_beside(commands, nr);
			nr = 0;
		}
		if (end || ret)
			return ret;
	}
}

static int send_results(int res, int status)
{
	struct pvtb_lab_archive_writer w = {.fd = res, .buffer = malloc(PVTB_LAB_ARCHIVE_CHUNK)};
	int size = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0);
	char *log = size > 0 ? malloc((size_t)size) : NULL;
	int n = log ? klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, size) : 0;
	int r;

	if (!w.buffer)
		return -ENOMEM;
	/* a command that was refused may have taken its output directory away */
	mkdir(PVTB_LAB_RESULT_DIR, 0755);
	r = pvtb_lab_archive_tree(&w, PVTB_LAB_RESULT_DIR);
	r = r ?: pvtb_lab_archive_bytes(&w, "kernel.log", log, n > 0 ? (size_t)n : 0);
	r = r ?: pvtb_lab_archive_end(&w, status);
	free(log);
	free(w.buffer);
	return r;
}

/* What has been written to a port is not yet what has been read at its other end. */
static void wait_acknowledged(int res)
{
	struct pollfd p = {.fd = res, .events = POLLIN};
	char c;

	while (poll(&p, 1, 60000) > 0 && !(p.revents & POLLIN) && !(p.revents & POLLHUP))
		;
	if ((p.revents & POLLIN) && read(res, &c, 1) != 1)
		return;
}

static bool keeps_time_by(const char *clocksource)
{
	char is[64] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, is, sizeof(is) - 1) < 0)
		is[0] = '\0';
	close(fd);
	is[strcspn(is, "\n")] = '\0';
	return !strcmp(is, clocksource);
}

static bool has_option(const char *name)
{
	char *const *host = read_words("/host");

	return host && host[0] && strstr(host[0], name);
}

/*
 * An x86-64 kernel measures the TSC's rate quickly at boot and again, better, during the next second; only
 * then is its clock "tsc". What KVM takes over at load is the former: in an emulator it may be off by more
 * than the 250 ppm KVM takes for equal, and every guest then runs without the master clock. So KVM is loaded
 * when the rate is known. Where instructions are counted the rate is given on the command line, but the
 * clock is "tsc" no earlier, and without it KVM does not answer clock pairing; 7.3 boots in less time.
 */
static void wait_for_tsc(void)
{
	for (int i = 0; i < 300 && keeps_time_by("tsc-early"); i++)
		usleep(10000);
}

int pvtb_init_main(void)
{
	int log, out, res, status = 126 << 8, r;
	char **args;

	mount_all();
	loopback_up();
	/* a kernel may have the ports themselves as modules */
	load_modules("virtio", false);
	log = pvtb_virtio_port_open("log", PORT_MS);
	if (log >= 0) {
		dup2(log, STDERR_FILENO);
		dprintf(STDERR_FILENO, PVTB_LAB_UP "\n");
	}
	out = pvtb_virtio_port_open("out", PORT_MS);
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	res = pvtb_virtio_port_open("res", PORT_MS);
	args = read_words("/args");
	wait_for_tsc();
	if (!args || !args[0])
		complain("/args", "no command to run");
	else if (!load_modules("", has_option(",nested")))
		status = run(args);
	if (res < 0) {
		complain("lab", "no port for results");
	} else {
		r = send_results(res, status);
		if (r)
			complain("results", strerror(-r));
		else
			wait_acknowledged(res);
	}
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
