// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the inside of a check's process: what it asks of KVM and the guest, the wrong answers of a
 * mutant in between, and its verdict. The process belongs to one check: it may be left at any moment,
 * and what it holds goes with it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bench/conformance/check.h"

#define EXEC_MS 20000

/* ---- verdict ---- */

static void add_text(struct cf *cf, const char *fmt, va_list args)
{
	struct cf_slot *s = cf->slot;
	size_t room = sizeof(s->text) - s->used;
	int n = vsnprintf(s->text + s->used, room, fmt, args);

	if (n < 0 || room < 2)
		return;
	if ((size_t)n >= room - 1)
		n = (int)room - 2;
	s->used += (u32)n;
	s->text[s->used++] = '\n';
	s->text[s->used] = '\0';
}

static void leave(struct cf *cf, enum cf_state state)
{
	/* The runner looks when the process is gone. */
	__atomic_store_n(&cf->slot->state, state, __ATOMIC_RELEASE);
	_exit(0);
}

void cf_skip(struct cf *cf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(cf->slot->why, sizeof(cf->slot->why), fmt, args);
	va_end(args);
	/* What was found wrong before is no less wrong. */
	leave(cf, cf->failed ? CF_STATE_FAIL : CF_STATE_SKIP);
	__builtin_unreachable();
}

void cf_inconclusive(struct cf *cf, const char *fmt, ...)
{
	va_list args;

	/* What was found wrong before keeps its own words. */
	if (!cf->failed) {
		va_start(args, fmt);
		vsnprintf(cf->slot->why, sizeof(cf->slot->why), fmt, args);
		va_end(args);
	}
	leave(cf, cf->failed ? CF_STATE_FAIL : CF_STATE_INCONCLUSIVE);
	__builtin_unreachable();
}

void cf_stop(struct cf *cf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(cf->slot->why, sizeof(cf->slot->why), fmt, args);
	va_end(args);
	leave(cf, CF_STATE_BROKEN);
	__builtin_unreachable();
}

void cf_note(struct cf *cf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_text(cf, fmt, args);
	va_end(args);
}

/* A sweep that fails everywhere is told by its first failures. */
#define TOLD 4

/* Returns whether it is still to be told. */
static bool broke(struct cf *cf, const char *fmt, va_list args)
{
	char what[CF_WHY_BYTES];

	vsnprintf(what, sizeof(what), fmt, args);
	if (!cf->failed)
		snprintf(cf->slot->why, sizeof(cf->slot->why), "%s", what);
	cf->failed = true;
	cf->nr_failed++;
	if (cf->nr_failed == TOLD + 1)
		cf_note(cf, "and more like these");
	if (cf->nr_failed > TOLD)
		return false;
	cf_note(cf, "%s", what);
	return true;
}

bool cf_true(struct cf *cf, bool holds, const char *fmt, ...)
{
	va_list args;

	if (holds)
		return true;
	va_start(args, fmt);
	broke(cf, fmt, args);
	va_end(args);
	return false;
}

bool cf_eq(struct cf *cf, u64 got, u64 expected, const char *fmt, ...)
{
	va_list args;
	bool tell;

	if (got == expected)
		return true;
	va_start(args, fmt);
	tell = broke(cf, fmt, args);
	va_end(args);
	if (tell)
		cf_note(cf, "  expected %#" PRIx64 ", got %#" PRIx64, expected, got);
	return false;
}

static const char *errno_name(int code, char *buf, size_t len)
{
	const char *name = code < 0 ? strerrorname_np(-code) : NULL;

	if (code >= 0)
		snprintf(buf, len, "%d", code);
	else
		snprintf(buf, len, "-%s (%d)", name ? name : "?", code);
	return buf;
}

bool cf_errno(struct cf *cf, int got, int expected, const char *fmt, ...)
{
	char a[48], b[48];
	va_list args;
	bool tell;

	if (got == expected)
		return true;
	va_start(args, fmt);
	tell = broke(cf, fmt, args);
	va_end(args);
	if (tell)
		cf_note(cf, "  expected %s, got %s", errno_name(expected, a, sizeof(a)),
			errno_name(got, b, sizeof(b)));
	return false;
}

static const char *vector_name(int vector, char *buf, size_t len)
{
	if (vector == CF_NO_FAULT)
		snprintf(buf, len, "no exception");
	else
		snprintf(buf, len, "exception %d", vector);
	return buf;
}

bool cf_fault(struct cf *cf, int got, int expected, const char *fmt, ...)
{
	char a[48], b[48];
	va_list args;
	bool tell;

	if (got == expected)
		return true;
	va_start(args, fmt);
	tell = broke(cf, fmt, args);
	va_end(args);
	if (tell)
		cf_note(cf, "  expected %s, got %s", vector_name(expected, a, sizeof(a)),
			vector_name(got, b, sizeof(b)));
	return false;
}

bool cf_within(struct cf *cf, s64 got, s64 low, s64 high, const char *fmt, ...)
{
	va_list args;
	bool tell;

	if (got >= low && got <= high)
		return true;
	va_start(args, fmt);
	tell = broke(cf, fmt, args);
	va_end(args);
	if (tell)
		cf_note(cf, "  expected %" PRId64 " to %" PRId64 ", got %" PRId64, low, high, got);
	return false;
}

void cf_mismatch(struct cf *cf, bool documented, bool known, const char *fmt, ...)
{
	va_list args;

	if (documented)
		return;
	va_start(args, fmt);
	if (known) {
		cf->known = true;
		add_text(cf, fmt, args);
	} else {
		broke(cf, fmt, args);
	}
	va_end(args);
}

/* ---- mutants ---- */

static u64 changed(const struct cf_mutant *m, u64 v)
{
	switch (m->op) {
	case CF_SET:
		return m->value;
	case CF_ADD:
		return v + m->value;
	default:
		return v ^ m->value;
	}
}

static void change_bytes(const struct cf_mutant *m, void *p, unsigned int width)
{
	u64 v = 0;

	memcpy(&v, p, width);
	v = changed(m, v);
	memcpy(p, &v, width);
}

static bool is_about(const struct cf_mutant *m, enum cf_mutant_kind kind, u64 req, u64 key)
{
	return m->kind == kind && m->req == req && (m->key == CF_ANY || m->key == key);
}

/* Which rows' mutants could show here, whatever they leave alone first. @got: what those that replace one
 * answer by another look at. */
static void note_reached(struct cf *cf, enum cf_mutant_kind kind, u64 req, u64 key, int got)
{
	bool by_answer = kind == CF_MUT_ERRNO || kind == CF_MUT_FAULT || kind == CF_MUT_RUN;
	const struct cf_row *const *rows;
	size_t nr = cf_rows(&rows);

	for (size_t i = 0; i < nr; i++) {
		const struct cf_mutant *m = &rows[i]->mutant;

		if (is_about(m, kind, req, key) && (!by_answer || m->from == got))
			cf->slot->reached[i / 64] |= 1ULL << (i % 64);
	}
}

/* Is it this mutant's turn? Counts those that are to be left alone. */
static bool armed(struct cf *cf, enum cf_mutant_kind kind, u64 req, u64 key)
{
	if (kind != CF_MUT_ERRNO)
		note_reached(cf, kind, req, key, 0);
	return cf->mutant && is_about(cf->mutant, kind, req, key) &&
	       cf->mutant_seen++ >= cf->mutant->skip;
}

/* What a request is about, beyond its number. */
static u64 key_of(unsigned long req, const void *arg)
{
	const struct kvm_device_attr *attr = arg;

	switch (req) {
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return (u64)attr->group << 32 | attr->attr;
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return ((const struct kvm_one_reg *)arg)->id;
	case KVM_CHECK_EXTENSION:
		return (u64)(uintptr_t)arg;
	case CF_GET_MSRS:
	case CF_SET_MSRS:
		return ((const struct cf_msrs *)arg)->e[0].index;
	default:
		return 0;
	}
}

/* Where the value of a request is: behind its address, or the argument itself. */
static u8 *value_of(unsigned long req, const void *arg)
{
	switch (req) {
	case KVM_SET_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
	case KVM_HAS_DEVICE_ATTR:
		return (u8 *)(uintptr_t)((const struct kvm_device_attr *)arg)->addr;
	case KVM_GET_ONE_REG:
	case KVM_SET_ONE_REG:
		return (u8 *)(uintptr_t)((const struct kvm_one_reg *)arg)->addr;
	default:
		return (u8 *)(uintptr_t)arg;
	}
}

static int ask(int fd, unsigned long req, const void *arg)
{
	int ret;

	do
		ret = ioctl(fd, req, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* The same request with another value, in a copy of where it was. */
static int ask_otherwise(struct cf *cf, int fd, unsigned long req, const void *arg)
{
	const struct cf_mutant *m = cf->mutant;
	u8 saved[256], *value = value_of(req, arg);
	int ret;

	/* The argument is the value. */
	if (!_IOC_SIZE(req))
		return ask(fd, req, (void *)(uintptr_t)changed(m, (u64)(uintptr_t)arg));
	memcpy(saved, value + m->at, m->width);
	change_bytes(m, value + m->at, m->width);
	ret = ask(fd, req, arg);
	memcpy(value + m->at, saved, m->width);
	return ret;
}

int cf_ioctl(struct cf *cf, int fd, unsigned long req, const void *arg)
{
	const struct cf_mutant *m = cf->mutant;
	u64 key = key_of(req, arg);
	int ret;

	if (armed(cf, CF_MUT_DROP, req, key))
		return m->to;
	ret = armed(cf, CF_MUT_INPUT, req, key) ? ask_otherwise(cf, fd, req, arg)
						: ask(fd, req, arg);
	note_reached(cf, CF_MUT_ERRNO, req, key, ret);
	if (m && m->kind == CF_MUT_ERRNO && ret == m->from && armed(cf, CF_MUT_ERRNO, req, key))
		return m->to;
	if (ret >= 0 && armed(cf, CF_MUT_VALUE, req, key))
		change_bytes(m, value_of(req, arg) + m->at, m->width);
	if (ret >= 0 && armed(cf, CF_MUT_RET, req, key))
		ret = (int)changed(m, (u64)ret);
	return ret;
}

int cf_ioctl_val(struct cf *cf, int fd, unsigned long req, u64 arg)
{
	return cf_ioctl(cf, fd, req, (const void *)(uintptr_t)arg);
}

int cf_attr(struct cf *cf, int fd, unsigned long req, u32 group, u64 attr, const void *value)
{
	const struct kvm_device_attr a = {
		.group = group, .attr = attr, .addr = (u64)(uintptr_t)value};

	return cf_ioctl(cf, fd, req, &a);
}

int cf_get(struct cf *cf, int vcpu_fd, u64 reg, u64 *ret)
{
	const struct kvm_one_reg r = {.id = reg, .addr = (u64)(uintptr_t)ret};

	return cf_ioctl(cf, vcpu_fd, KVM_GET_ONE_REG, &r);
}

int cf_set(struct cf *cf, int vcpu_fd, u64 reg, u64 value)
{
	const struct kvm_one_reg r = {.id = reg, .addr = (u64)(uintptr_t)&value};

	return cf_ioctl(cf, vcpu_fd, KVM_SET_ONE_REG, &r);
}

/* ---- virtual machines ---- */

int cf_kvm(struct cf *cf)
{
	if (cf->kvm < 0)
		cf->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (cf->kvm < 0)
		cf_stop(cf, "/dev/kvm: %s", strerror(errno));
	return cf->kvm;
}

static int on_exit_hook(void *opaque, unsigned int vcpu, struct kvm_run *run)
{
	struct cf *cf = opaque;
	struct cf_exit *e = &cf->exits[cf->nr_exits];

	if (run->exit_reason != KVM_EXIT_HYPERCALL || cf->nr_exits == CF_MAX_EXITS) {
		if (cf->at_exit)
			cf->at_exit(cf, vcpu);
		return -ENOENT;
	}
	e->reason = run->exit_reason;
	e->nr = run->hypercall.nr;
	/* A 64-bit word where older headers have "longmode" and a pad. */
	memcpy(&e->flags, &run->hypercall.longmode, sizeof(e->flags));
	if (armed(cf, CF_MUT_EXIT, 0, 0))
		change_bytes(cf->mutant, (u8 *)e + cf->mutant->at, sizeof(u64));
	cf->nr_exits++;
	return cf->answer ? cf->answer(cf, vcpu, run) : -ENOENT;
}

struct pvtb_vm *cf_vm(struct cf *cf, const struct pvtb_vm_spec *spec)
{
	struct pvtb_vm_spec mine = *spec;
	struct pvtb_vm *vm = NULL;
	struct pvtb_err err = {0};
	int ret;

	mine.on_exit = on_exit_hook;
	mine.opaque = cf;
	/* Nothing is sampled. */
	mine.ring_bytes = 65536;
	ret = pvtb_vm_new(&mine, &vm, &err);
	if (ret == -EOPNOTSUPP)
		cf_skip(cf, "%s: %s", err.what, err.why);
	if (ret)
		cf_stop(cf, "%s: %s", err.what, err.why);
	cf->vm = vm;
	return vm;
}

struct pvtb_vm *cf_plain_vm(struct cf *cf)
{
	return cf_vm(cf, &(struct pvtb_vm_spec){.nr_vcpus = 1});
}

int cf_bare_vm(struct cf *cf)
{
	int fd = ask(cf_kvm(cf), KVM_CREATE_VM, (void *)cf->caps.vm_type);

	if (fd < 0)
		cf_stop(cf, "KVM_CREATE_VM: %s", strerror(-fd));
	return fd;
}

int cf_vm_fd(struct pvtb_vm *vm)
{
	return pvtb_vm_fd(vm);
}

int cf_vcpu_fd(struct pvtb_vm *vm, unsigned int vcpu)
{
	return pvtb_vm_vcpu_fd(vm, vcpu);
}

/* ---- guest ---- */

void cf_stream_start(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu,
		     const struct pvtb_step *steps, size_t nr)
{
	struct pvtb_step *shared = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(vcpu));
	struct pvtb_cmd cmd = {.op = "stream",
			       .mode = PVTB_MODE_LOOP,
			       .level = cf->level,
			       .args = {PVTB_GPA_STREAM(vcpu), nr}};
	struct pvtb_err err = {0};

	if (!shared || nr > PVTB_STREAM_MAX || vcpu >= PVTB_STREAM_VCPUS)
		cf_stop(cf, "a stream of %zu steps on vCPU %u does not fit", nr, vcpu);
	memcpy(shared, steps, nr * sizeof(*steps));
	if (pvtb_vm_start(vm, vcpu, &cmd, &err))
		cf_stop(cf, "%s: %s", err.what, err.why);
}

/* A word of memory as the mutant would have it. */
static u64 as_read(struct cf *cf, u64 gpa, unsigned int width, u64 v)
{
	const struct cf_mutant *m = cf->mutant;
	u64 mask = width == 8 ? ~0ULL : (1ULL << (8 * width)) - 1;

	note_reached(cf, CF_MUT_MEM, 0, gpa, 0);
	if (!m || m->kind != CF_MUT_MEM || m->key != gpa || m->width != width ||
	    cf->mutant_seen++ < m->skip)
		return v;
	return changed(m, v) & mask;
}

static void mutate_steps(struct cf *cf, struct pvtb_step *steps, size_t nr)
{
	const struct cf_mutant *m = cf->mutant;

	for (size_t i = 0; i < nr && steps[i].done; i++) {
		struct pvtb_step *s = &steps[i];

		if (s->kind == PVTB_STEP_READ64)
			s->out[0] = as_read(cf, s->in[0], 8, s->out[0]);
		else if (s->kind == PVTB_STEP_READ32)
			s->out[0] = as_read(cf, s->in[0], 4, s->out[0]);
		if (armed(cf, CF_MUT_STEP, s->kind, (u32)s->in[0])) {
			u64 *reg = m->at == PVTB_STEP_REGS ? &s->t1 : &s->out[m->at];

			*reg = changed(m, *reg);
		}
	}
}

int cf_stream_wait(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
		   size_t nr, int *ret_fault)
{
	const struct cf_mutant *m = cf->mutant;
	const struct pvtb_step *shared = pvtb_vm_gpa(vm, PVTB_GPA_STREAM(vcpu));
	struct pvtb_cmd_result res;
	struct pvtb_err err = {0};
	int fault = CF_NO_FAULT, ret;

	ret = pvtb_vm_wait(vm, vcpu, EXEC_MS, &res, &err);
	memcpy(steps, shared, nr * sizeof(*steps));
	mutate_steps(cf, steps, nr);
	if (ret == -EFAULT && pvtb_vm_fault(vm, vcpu)->vector < 64) {
		fault = (int)pvtb_vm_fault(vm, vcpu)->vector;
		ret = 0;
	}
	note_reached(cf, CF_MUT_FAULT, 0, 0, fault);
	note_reached(cf, CF_MUT_RUN, 0, 0, ret);
	if (m && m->kind == CF_MUT_FAULT && fault == m->from)
		fault = m->to;
	if (m && m->kind == CF_MUT_RUN && ret == m->from)
		ret = m->to;
	if (ret_fault)
		*ret_fault = fault;
	if (ret)
		cf_note(cf, "%s: %s", err.what, err.why);
	return ret;
}

int cf_try_stream(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
		  size_t nr, int *ret_fault)
{
	cf_stream_start(cf, vm, vcpu, steps, nr);
	return cf_stream_wait(cf, vm, vcpu, steps, nr, ret_fault);
}

int cf_stream(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, struct pvtb_step *steps,
	      size_t nr)
{
	int fault, ret = cf_try_stream(cf, vm, vcpu, steps, nr, &fault);

	if (ret)
		cf_stop(cf, "the guest did not run: %s", strerror(-ret));
	return fault;
}

void cf_run_once(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu)
{
	struct pvtb_step s = CF_STEP(PVTB_STEP_COUNT);
	int fault = cf_stream(cf, vm, vcpu, &s, 1);

	if (fault != CF_NO_FAULT)
		cf_stop(cf, "exception %d in a guest that reads its counter", fault);
}

u64 cf_call(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, u64 function, u64 a1, u64 a2,
	    u64 a3)
{
	struct pvtb_step s = CF_HVC(function, a1, a2, a3);
	int fault = cf_stream(cf, vm, vcpu, &s, 1);

	if (fault != CF_NO_FAULT)
		cf_true(cf, false, "exception %d at call %#" PRIx64, fault, function);
	return s.out[0];
}

void cf_op(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_cmd *cmd,
	   struct pvtb_cmd_result *ret)
{
	struct pvtb_err err = {0};

	if (pvtb_vm_exec(vm, vcpu, cmd, EXEC_MS, ret, &err))
		cf_stop(cf, "%s: %s: %s", cmd->op, err.what, err.why);
	if (armed(cf, CF_MUT_STEP, PVTB_STEP_NONE, (u32)cmd->args[0]))
		ret->ret[cf->mutant->at] = changed(cf->mutant, ret->ret[cf->mutant->at]);
}

static const void *memory(struct cf *cf, struct pvtb_vm *vm, u64 gpa)
{
	const void *p = pvtb_vm_gpa(vm, gpa);

	if (!p)
		cf_stop(cf, "no guest memory at %#" PRIx64, gpa);
	return p;
}

u64 cf_r64(struct cf *cf, struct pvtb_vm *vm, u64 gpa)
{
	return as_read(cf, gpa, 8,
		       __atomic_load_n((const u64 *)memory(cf, vm, gpa), __ATOMIC_ACQUIRE));
}

u32 cf_r32(struct cf *cf, struct pvtb_vm *vm, u64 gpa)
{
	return (u32)as_read(cf, gpa, 4,
			    __atomic_load_n((const u32 *)memory(cf, vm, gpa), __ATOMIC_ACQUIRE));
}

u8 cf_r8(struct cf *cf, struct pvtb_vm *vm, u64 gpa)
{
	return (u8)as_read(cf, gpa, 1,
			   __atomic_load_n((const u8 *)memory(cf, vm, gpa), __ATOMIC_ACQUIRE));
}

void cf_fill(struct pvtb_vm *vm, u64 gpa, u8 byte, size_t len)
{
	memset(pvtb_vm_gpa(vm, gpa), byte, len);
}

void cf_w64(struct pvtb_vm *vm, u64 gpa, u64 value)
{
	__atomic_store_n((u64 *)pvtb_vm_gpa(vm, gpa), value, __ATOMIC_RELEASE);
}

/* ---- the host's settings ---- */

bool cf_sysfs(struct cf *cf, const char *path, char *buf, size_t len)
{
	char name[256];
	FILE *f PVTB_FCLOSE = NULL;

	snprintf(name, sizeof(name), "%s/%s", cf->sysfs ? cf->sysfs : "/sys", path);
	f = fopen(name, "re");
	if (!f || !fgets(buf, (int)len, f))
		return false;
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* ---- time ---- */

u64 cf_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

s64 cf_run_delay_ns(struct pvtb_vm *vm, unsigned int vcpu)
{
	char path[64];
	unsigned long long ran, waited;
	FILE *f PVTB_FCLOSE = NULL;

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", pvtb_vm_tid(vm, vcpu));
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu %llu", &ran, &waited) != 2)
		return -1;
	return (s64)waited;
}

u64 cf_ticks(const struct cf *cf, u64 ms)
{
	return cf->caps.counter_hz / 1000 * ms;
}

void cf_kick(struct pvtb_vm *vm, unsigned int vcpu)
{
	syscall(SYS_tgkill, getpid(), pvtb_vm_tid(vm, vcpu), pvtb_vm_kick_signal());
}

int cf_some_cpu(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			return i;
	return 0;
}

int cf_hog_start(struct cf *cf, int cpu)
{
	u32 *busy = mmap(NULL, sizeof(*busy), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	pid_t pid;
	cpu_set_t set;

	if (busy == MAP_FAILED)
		cf_stop(cf, "memory: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		cf_stop(cf, "fork: %s", strerror(errno));
	if (pid) {
		for (int i = 0; i < 100000 && !__atomic_load_n(busy, __ATOMIC_ACQUIRE); i++)
			usleep(100);
		munmap(busy, sizeof(*busy));
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	__atomic_store_n(busy, 1, __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

void cf_hog_stop(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define HOG_TRIES 20

void cf_lose_time(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, int cpu, u64 ms)
{
	s64 enough = (s64)(ms * 1000000), waited = cf_run_delay_ns(vm, vcpu);
	int hog;

	if (waited < 0)
		cf_skip(cf, "no /proc/PID/schedstat to compare with");
	hog = cf_hog_start(cf, cpu);
	for (int i = 0; i < HOG_TRIES && waited < enough; i++) {
		struct pvtb_step spin = CF_STEP(PVTB_STEP_SPIN, cf_ticks(cf, ms));

		cf_stream(cf, vm, vcpu, &spin, 1);
		waited = cf_run_delay_ns(vm, vcpu);
	}
	cf_hog_stop(hog);
	if (waited < enough)
		cf_inconclusive(
			cf, "the vCPU's thread waited %lld ns beside a busy process, not %llu ms",
			(long long)waited, (unsigned long long)ms);
}

void cf_stream_beside_hog(struct cf *cf, struct pvtb_vm *vm, unsigned int vcpu, int cpu,
			  struct pvtb_step *steps, size_t nr)
{
	int hog = cf_hog_start(cf, cpu);

	for (int i = 0; i < HOG_TRIES; i++) {
		s64 before = cf_run_delay_ns(vm, vcpu);

		cf->nr_data = 0;
		cf_stream(cf, vm, vcpu, steps, nr);
		if (before < 0 || cf_run_delay_ns(vm, vcpu) > before)
			break;
	}
	cf_hog_stop(hog);
}
