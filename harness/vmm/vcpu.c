// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns: a vCPU's thread, the command handed to it and the run loop.
 *
 * Hand-over: one word, work->state, changed by whoever may: IDLE -> REQUESTED (pvtb_vcpu_start),
 * REQUESTED -> FINISHED (the thread), FINISHED -> IDLE (pvtb_vcpu_wait), any -> QUIT (teardown,
 * when nothing runs). Stored with release and loaded with acquire on both sides, so everything
 * written before a change is seen after it; waiting is by futex, because a condition variable
 * would hide the EINTR that ends a wait when the user interrupts.
 *
 * Kicking a vCPU out of KVM_RUN: run->immediate_exit is set before the signal is sent. A thread
 * that has not entered yet finds the flag, one that is inside is interrupted by the signal: no
 * window in which the kick is lost, and no signal mask to swap on every entry. The flag is cleared
 * by pvtb_vcpu_start() while the thread is idle, and once by touch_memory(), which looks again.
 */
#include "vmm/vcpu.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "arch/counter.h"
#include "core/signals.h"

enum work_state {
	WORK_STARTING,
	WORK_IDLE,
	WORK_REQUESTED,
	WORK_FINISHED,
	WORK_QUIT,
};

/* Beside the state, while it is WORK_REQUESTED: a guest that is to be looked at while it is out. */
enum pause_state {
	PAUSE_NONE,
	PAUSE_WANTED,
	PAUSE_HELD, /* out of KVM_RUN, nothing pending; the thread waits */
};

struct pvtb_vcpu_work {
	u32 state;	/* enum work_state */
	int abort_code; /* 0, or the -errno the running command shall end with */
	int cpu;	/* -1: not pinned */
	int start_rc;	/* of pinning and thread_start() */
	const struct pvtb_op *op;
	enum pvtb_level level;
	bool quiet;   /* the VMM's own command: no hooks */
	bool touched; /* every page was touched once (guest-probes/lib/touch.c) */
	u32 replace;  /* another thread shall go on with the command */
	bool adopt;   /* the vCPU's state is there already: it goes on from it */
	u32 pause;    /* enum pause_state */
	bool left;    /* that thread has called cmd_leave() */
	pthread_mutex_t running_lock;
	pthread_t running;   /* the thread that is kicked */
	u64 stall_ns, count; /* struct pvtb_cmd */
	int rc;		     /* of the command */
	struct pvtb_err err;
};

#define SLICE_NS      50000000ULL   /* how late an interrupt that missed the futex is seen */
#define ABORT_WAIT_NS 5000000000ULL /* KVM_RUN answers a kick in microseconds; a dead one never */

static u32 state_get(struct pvtb_vcpu_work *w)
{
	return __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
}

static void state_set(struct pvtb_vcpu_work *w, u32 state)
{
	__atomic_store_n(&w->state, state, __ATOMIC_RELEASE);
	syscall(SYS_futex, &w->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Wait while the state is @state, at most @ns (0: for ever); returns the state seen last. */
static u32 state_wait(struct pvtb_vcpu_work *w, u32 state, u64 ns)
{
	struct timespec ts = {(time_t)(ns / PVTB_NSEC_PER_SEC), (long)(ns % PVTB_NSEC_PER_SEC)};

	if (state_get(w) == state)
		syscall(SYS_futex, &w->state, FUTEX_WAIT_PRIVATE, state, ns ? &ts : NULL, NULL, 0);
	return state_get(w);
}

int pvtb_vm_kick_signal(void)
{
	return SIGRTMIN;
}

static void on_kick(int sig)
{
	/* Its arrival is the message: KVM_RUN returns EINTR. */
	(void)sig;
}

static void kick(struct pvtb_vcpu *vcpu)
{
	struct pvtb_vcpu_work *w = vcpu->work;

	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	/* So that the thread does not end between the look and the signal. */
	pthread_mutex_lock(&w->running_lock);
	pthread_kill(w->running, pvtb_vm_kick_signal());
	pthread_mutex_unlock(&w->running_lock);
}

static void set_running(struct pvtb_vcpu *vcpu, pthread_t thread)
{
	pthread_mutex_lock(&vcpu->work->running_lock);
	vcpu->work->running = thread;
	pthread_mutex_unlock(&vcpu->work->running_lock);
}

/* ---- on the vCPU's thread ---- */

static int pin(struct pvtb_vcpu *vcpu, int cpu, struct pvtb_err *err)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	if (cpu >= CPU_SETSIZE)
		return pvtb_err_set(err, -EINVAL, "vCPU thread", "no CPU %d", cpu);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return pvtb_err_sys(err, -errno, "pinning vCPU %u to CPU %d", vcpu->index, cpu);
	return 0;
}

/* KVM finishes a port or memory access, an MSR or a hypercall when it is entered again, and would
 * do so on top of the next command's registers: let it finish now, without running the guest. */
static void complete_exit(struct pvtb_vcpu *vcpu)
{
	int tries;

	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	for (tries = 0; tries < 8; tries++)
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0)
			return;
}

static int gave_up(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct kvm_run *run = vcpu->run;
	struct pvtb_fault *f = &vcpu->ctl->fault;
	char line[256];

	pvtb_arch_registers(vcpu, f);
	pvtb_arch_fault_line(f, line, sizeof(line));
	switch (run->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY:
		return pvtb_err_set(
			err, -EIO, "KVM_RUN", "entry refused, hardware reason %#llx: %s",
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason, line);
	case KVM_EXIT_INTERNAL_ERROR:
		return pvtb_err_set(err, -EIO, "KVM_RUN", "KVM internal error %u: %s",
				    run->internal.suberror, line);
	case KVM_EXIT_SHUTDOWN:
		return pvtb_err_set(err, -EIO, "KVM_RUN", "guest shut down (triple fault): %s",
				    line);
	default:
		return pvtb_err_set(err, -EIO, "KVM_RUN", "unexpected exit %u: %s",
				    run->exit_reason, line);
	}
}

/* 0: re-enter; 1: doorbell; -ENOENT: not ours. */
static int handle_mmio(struct pvtb_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->mmio.phys_addr - PVTB_GPA_MMIO) {
	case PVTB_MMIO_DOORBELL:
		if (!run->mmio.is_write)
			break;
		return 1;
	case PVTB_MMIO_NOP:
		break;
	default:
		return -ENOENT;
	}
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
	vcpu->result.exit_mmio++;
	return 0;
}

static u64 counted(const struct pvtb_cmd_result *r)
{
	return r->exit_mmio + r->exit_pio + r->exit_hypercall + r->exit_msr + r->exit_intr;
}

/* 0: re-enter; 1: doorbell; -errno. */
static int handle_exit(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct pvtb_cmd_result *r = &vcpu->result;
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct pvtb_vcpu_work *w = vcpu->work;
	u64 before = counted(r);
	int ret = -ENOENT;

	if (spec->on_exit && w->touched && !w->quiet) {
		ret = spec->on_exit(spec->opaque, vcpu->index, vcpu->run);
		if (!ret)
			r->user_exits++;
		if (ret < 0 && ret != -ENOENT)
			return pvtb_err_sys(err, ret, "exit %u", vcpu->run->exit_reason);
		if (ret != -ENOENT)
			return ret;
	}
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_INTR:
		r->exit_intr++;
		ret = 0;
		break;
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTERNAL_ERROR:
	case KVM_EXIT_SHUTDOWN:
		return gave_up(vcpu, err);
	case KVM_EXIT_MMIO:
		ret = handle_mmio(vcpu);
		break;
	}
	if (ret == -ENOENT)
		ret = pvtb_arch_handle_exit(vcpu, err);
	if (ret)
		return ret;
	r->user_exits++;
	if (counted(r) == before)
		r->exit_other++;
	return 0;
}

/* " (op+0x10)", or nothing where @pc is in no op. */
static void symbol_at(const struct pvtb_vm *vm, u64 pc, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < vm->nr_ops; i++)
		if (pc >= vm->ops[i].text_start && pc < vm->ops[i].text_end)
			snprintf(buf, size, " (%.*s+0x%llx)", (int)sizeof(vm->ops[i].name),
				 vm->ops[i].name, (unsigned long long)(pc - vm->ops[i].text_start));
}

static int aborted(struct pvtb_vcpu *vcpu, int code, struct pvtb_err *err)
{
	struct pvtb_fault *f = &vcpu->ctl->fault;
	char line[256], symbol[96];

	/* What was pending must be complete before the registers mean anything. */
	complete_exit(vcpu);
	pvtb_arch_registers(vcpu, f);
	pvtb_arch_fault_line(f, line, sizeof(line));
	symbol_at(vcpu->vm, f->pc, symbol, sizeof(symbol));
	return pvtb_err_set(err, code, vcpu->work->op->name, "%s: %s%s",
			    code == -ETIMEDOUT ? "no end in time" : "interrupted", line, symbol);
}

static int run_guest(struct pvtb_vcpu *vcpu, struct pvtb_err *err);

/* ---- another thread in between ---- */

struct stand_in {
	struct pvtb_vcpu *vcpu;
	struct pvtb_err *err;
	pthread_t owner;
	int rc;
};

static void *stand_in_thread(void *arg)
{
	struct stand_in *s = arg;
	struct pvtb_vcpu *vcpu = s->vcpu;
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct pvtb_vcpu_work *w = vcpu->work;
	char name[16];

	snprintf(name, sizeof(name), "pvtb-vcpu%u+", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	set_running(vcpu, pthread_self());
	s->rc = pin(vcpu, w->cpu, s->err);
	if (!s->rc && spec->take_over)
		s->rc = spec->take_over(spec->opaque, vcpu->index, s->err);
	/* As in touch_memory(). */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->abort_code, __ATOMIC_SEQ_CST))
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (!s->rc) {
		s->rc = run_guest(vcpu, s->err);
		complete_exit(vcpu);
		if (spec->cmd_leave && !w->quiet)
			spec->cmd_leave(spec->opaque, vcpu->index);
		w->left = true;
	}
	set_running(vcpu, s->owner);
	return NULL;
}

/* The rest of the command is run by a thread of its own; this one waits for it. */
static int run_by_another(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct stand_in s = {.vcpu = vcpu, .err = err, .owner = pthread_self()};
	pthread_t thread;
	int ret;

	if (spec->hand_over)
		spec->hand_over(spec->opaque, vcpu->index);
	ret = -pthread_create(&thread, NULL, stand_in_thread, &s);
	if (ret)
		return pvtb_err_sys(err, ret, "second thread of vCPU %u", vcpu->index);
	pthread_join(thread, NULL);
	return s.rc;
}

static void word_set(u32 *word, u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* KVM_RUN has returned EINTR, so that whatever exit came before is complete (KVM completes it before
 * it looks at immediate_exit). Until resumed, or aborted, whose signal ends the futex's wait. */
static void hold(struct pvtb_vcpu *vcpu)
{
	struct pvtb_vcpu_work *w = vcpu->work;

	word_set(&w->pause, PAUSE_HELD);
	while (__atomic_load_n(&w->pause, __ATOMIC_ACQUIRE) == PAUSE_HELD &&
	       !__atomic_load_n(&w->abort_code, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &w->pause, FUTEX_WAIT_PRIVATE, PAUSE_HELD, NULL, NULL, 0);
	/* As in touch_memory(). */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->abort_code, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&w->pause, __ATOMIC_SEQ_CST) == PAUSE_WANTED)
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static int enter(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, struct pvtb_err *err);

/* As another command would: the exit behind the doorbell completed, no kick lost. */
static int enter_again(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct pvtb_vcpu_work *w = vcpu->work;

	complete_exit(vcpu);
	vcpu->ctl->status = PVTB_STATUS_IDLE;
	/* As in touch_memory(). */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->abort_code, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&w->replace, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(&w->pause, __ATOMIC_SEQ_CST) == PAUSE_WANTED)
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	return enter(vcpu, w->op, err);
}

/* KVM_RUN until the doorbell. */
static int run_guest(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct pvtb_vcpu_work *w = vcpu->work;
	bool visit = spec->before_run && w->touched && !w->quiet;
	bool again = spec->again && w->touched && !w->quiet;
	int ret;

	vcpu->entered_ticks = pvtb_arch_counter();
	for (;;) {
		if (visit)
			spec->before_run(spec->opaque, vcpu->index);
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			ret = handle_exit(vcpu, err);
			if (ret < 0)
				return ret;
			if (!ret)
				continue;
			vcpu->doorbell_ticks = pvtb_arch_counter();
			if (!again || !spec->again(spec->opaque, vcpu->index, vcpu->ctl, &w->level))
				return 0;
			ret = enter_again(vcpu, err);
			if (ret)
				return ret;
			continue;
		}
		if (errno != EINTR)
			return pvtb_err_sys(err, -errno, "KVM_RUN of vCPU %u", vcpu->index);
		ret = __atomic_load_n(&w->abort_code, __ATOMIC_ACQUIRE);
		if (ret)
			return aborted(vcpu, ret, err);
		if (__atomic_exchange_n(&w->replace, 0, __ATOMIC_ACQ_REL))
			return run_by_another(vcpu, err);
		if (__atomic_load_n(&w->pause, __ATOMIC_ACQUIRE) == PAUSE_WANTED) {
			hold(vcpu);
			continue;
		}
		/* A stop and continue, a debugger: nothing of ours. */
		vcpu->result.exit_intr++;
		vcpu->result.user_exits++;
	}
}

/* What the guest says about how it went. */
static int guest_verdict(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct pvtb_ctl *ctl = vcpu->ctl;
	const char *name = vcpu->work->op->name;
	/* Pairs with the guest's release store of status, its last before the doorbell. */
	u64 status = __atomic_load_n(&ctl->status, __ATOMIC_ACQUIRE);
	char line[256];

	switch (status) {
	case PVTB_STATUS_DONE:
		return 0;
	case PVTB_STATUS_FAULT:
		pvtb_arch_fault_line(&ctl->fault, line, sizeof(line));
		return pvtb_err_set(err, -EFAULT, name, "guest exception: %s", line);
	case PVTB_STATUS_UNKNOWN:
		return pvtb_err_set(err, -EOPNOTSUPP, name, "op does not offer mode %u", ctl->mode);
	default:
		return pvtb_err_set(err, -EPROTO, name, "doorbell with status %llu",
				    (unsigned long long)status);
	}
}

static void collect(struct pvtb_vcpu *vcpu)
{
	const struct pvtb_ctl *ctl = vcpu->ctl;
	struct pvtb_cmd_result *r = &vcpu->result;

	r->taken = __atomic_load_n(&ctl->taken, __ATOMIC_ACQUIRE);
	r->ops = ctl->ops;
	r->t_begin_ticks = ctl->t_begin;
	r->t_end_ticks = ctl->t_end;
	memcpy(r->ret, ctl->ret, sizeof(r->ret));
	r->trapped = ctl->trapped;
	r->counter_hz = ctl->counter_hz;
	r->text_start = vcpu->work->op->text_start;
	r->text_end = vcpu->work->op->text_end;
}

static int enter(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, struct pvtb_err *err)
{
	u64 index = vcpu->index;

	return pvtb_arch_vcpu_enter(vcpu, op->entry,
				    PVTB_GPA_STACKS + (index + 1) * PVTB_STACK_BYTES,
				    PVTB_GPA_CTL + index * PVTB_CTL_BYTES, vcpu->work->level, err);
}

/* Before the first command, at its level and with its control page, which is put back. */
static int touch_memory(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_op *op = pvtb_vm_find_op(vcpu->vm, "touch");
	struct pvtb_vcpu_work *w = vcpu->work;
	struct pvtb_ctl *ctl = vcpu->ctl;
	int ret;

	/* It is AArch64 code; such a guest is asked and not timed. */
	if (vcpu->vm->spec.aarch32)
		return 0;
	if (!op)
		return pvtb_err_set(err, -ENOEXEC, "guest image", "no op \"touch\"");
	ret = enter(vcpu, op, err);
	if (!ret)
		ret = run_guest(vcpu, err);
	if (!ret)
		ret = guest_verdict(vcpu, err);
	complete_exit(vcpu);
	if (ret)
		return ret;
	w->touched = true;
	/* Not the whole page: ctl->stop may have been set meanwhile. */
	ctl->status = PVTB_STATUS_IDLE;
	ctl->ops = 0;
	memset(ctl->ret, 0, sizeof(ctl->ret));
	memset(&vcpu->result, 0, sizeof(vcpu->result));
	/* A kick in the meantime is not to be lost: the flag goes first, then it is looked at. */
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&w->abort_code, __ATOMIC_SEQ_CST))
		__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int run_command(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct pvtb_vcpu_work *w = vcpu->work;
	int ret = 0;

	/* Its memory holds another host's samples, which touching would write over. */
	if (w->adopt)
		w->touched = true;
	if (!w->touched)
		ret = touch_memory(vcpu, err);
	if (!ret && !w->adopt)
		ret = enter(vcpu, w->op, err);
	if (ret)
		return ret;
	if (spec->cmd_enter && !w->quiet)
		spec->cmd_enter(spec->opaque, vcpu->index);
	ret = run_guest(vcpu, err);
	complete_exit(vcpu);
	if (spec->cmd_leave && !w->quiet && !w->left)
		spec->cmd_leave(spec->opaque, vcpu->index);
	if (!ret)
		ret = guest_verdict(vcpu, err);
	collect(vcpu);
	return ret;
}

static int thread_begin(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	int ret;

	ret = pin(vcpu, vcpu->work->cpu, err);
	if (!ret && spec->thread_start)
		ret = spec->thread_start(spec->opaque, vcpu->index, err);
	return ret;
}

static void *vcpu_thread(void *arg)
{
	struct pvtb_vcpu *vcpu = arg;
	struct pvtb_vcpu_work *w = vcpu->work;
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	char name[16];
	u32 state;

	vcpu->tid = (int)syscall(SYS_gettid);
	snprintf(name, sizeof(name), "pvtb-vcpu%u", vcpu->index);
	pthread_setname_np(pthread_self(), name);
	w->start_rc = thread_begin(vcpu, &w->err);
	state_set(w, WORK_IDLE);
	if (w->start_rc)
		return NULL;
	for (;;) {
		state = state_get(w);
		if (state == WORK_QUIT)
			break;
		if (state != WORK_REQUESTED) {
			state_wait(w, state, 0);
			continue;
		}
		w->rc = run_command(vcpu, &w->err);
		state_set(w, WORK_FINISHED);
	}
	if (spec->thread_stop)
		spec->thread_stop(spec->opaque, vcpu->index);
	return NULL;
}

/* ---- on the harness's threads ---- */

static int install_kick(struct pvtb_err *err)
{
	struct sigaction sa = {.sa_handler = on_kick};

	/* No SA_RESTART: KVM_RUN must return. Belongs to the process and is never taken back:
	 * other VMs may be using it. */
	sigemptyset(&sa.sa_mask);
	if (sigaction(pvtb_vm_kick_signal(), &sa, NULL))
		return pvtb_err_sys(err, -errno, "signal handler of the vCPU threads");
	return 0;
}

/* The new thread takes the kick and nothing else: signals to the process are the main thread's. */
static int spawn(struct pvtb_vcpu *vcpu)
{
	sigset_t block, before;
	int ret;

	sigfillset(&block);
	sigdelset(&block, pvtb_vm_kick_signal());
	sigdelset(&block, SIGSEGV);
	sigdelset(&block, SIGBUS);
	sigdelset(&block, SIGILL);
	sigdelset(&block, SIGFPE);
	sigdelset(&block, SIGABRT);
	pthread_sigmask(SIG_BLOCK, &block, &before);
	ret = pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -ret;
}

int pvtb_vcpu_thread_new(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = &vcpu->vm->spec;
	struct pvtb_vcpu_work *w;
	int ret;

	ret = install_kick(err);
	if (ret)
		return ret;
	w = calloc(1, sizeof(*w));
	if (!w)
		return pvtb_err_sys(err, -ENOMEM, "vCPU %u", vcpu->index);
	w->state = WORK_STARTING;
	w->cpu = spec->cpus ? spec->cpus[vcpu->index] : -1;
	pthread_mutex_init(&w->running_lock, NULL);
	vcpu->work = w;
	ret = spawn(vcpu);
	if (ret) {
		pvtb_err_sys(err, ret, "thread of vCPU %u", vcpu->index);
		goto fail;
	}
	while (state_wait(w, WORK_STARTING, 0) == WORK_STARTING)
		;
	w->running = vcpu->thread;
	ret = w->start_rc;
	if (ret) {
		pthread_join(vcpu->thread, NULL);
		if (err)
			*err = w->err;
		goto fail;
	}
	return 0;
fail:
	vcpu->work = NULL;
	free(w);
	return ret;
}

void pvtb_vcpu_thread_free(struct pvtb_vcpu *vcpu)
{
	struct pvtb_vcpu_work *w = vcpu->work;

	if (!w)
		return;
	while (state_get(w) == WORK_REQUESTED) {
		__atomic_store_n(&w->abort_code, -EINTR, __ATOMIC_SEQ_CST);
		kick(vcpu);
		state_wait(w, WORK_REQUESTED, SLICE_NS);
	}
	state_set(w, WORK_QUIT);
	pthread_join(vcpu->thread, NULL);
	vcpu->work = NULL;
	free(w);
}

static void fill_ctl(struct pvtb_vcpu *vcpu, const struct pvtb_cmd *cmd)
{
	struct pvtb_ctl *ctl = vcpu->ctl;
	u64 ring_bytes = vcpu->vm->spec.ring_bytes;

	memset(ctl, 0, sizeof(*ctl));
	ctl->magic = PVTB_GUEST_MAGIC;
	ctl->version = PVTB_GUEST_ABI;
	ctl->vcpu = vcpu->index;
	ctl->mode = (u32)cmd->mode;
	ctl->steps = cmd->steps ? cmd->steps : 1;
	ctl->count = cmd->count;
	ctl->warmup = cmd->warmup;
	ctl->batch = cmd->batch;
	ctl->period = cmd->period;
	memcpy(ctl->args, cmd->args, sizeof(ctl->args));
	ctl->ring_gpa = PVTB_GPA_RINGS + vcpu->index * ring_bytes;
	ctl->ring_len = ring_bytes / sizeof(struct pvtb_sample);
}

static int start(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, const struct pvtb_cmd *cmd,
		 bool quiet, bool adopt, struct pvtb_err *err)
{
	struct pvtb_vcpu_work *w = vcpu->work;

	if (state_get(w) != WORK_IDLE)
		return pvtb_err_set(err, -EBUSY, op->name, "vCPU %u is still running %s",
				    vcpu->index, w->op->name);
	if (!adopt)
		fill_ctl(vcpu, cmd);
	memset(&vcpu->result, 0, sizeof(vcpu->result));
	memset(&w->err, 0, sizeof(w->err));
	w->op = op;
	w->level = cmd->level;
	w->stall_ns = adopt ? 0 : cmd->stall_ms * 1000000ULL;
	w->count = cmd->count;
	w->quiet = quiet;
	w->adopt = adopt;
	w->pause = PAUSE_NONE;
	w->rc = 0;
	w->abort_code = 0;
	w->replace = 0;
	w->left = false;
	vcpu->run->immediate_exit = 0;
	state_set(w, WORK_REQUESTED);
	return 0;
}

int pvtb_vcpu_start(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, const struct pvtb_cmd *cmd,
		    struct pvtb_err *err)
{
	return start(vcpu, op, cmd, false, false, err);
}

int pvtb_vcpu_adopt(struct pvtb_vcpu *vcpu, const struct pvtb_op *op, enum pvtb_level level,
		    struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {.op = op->name, .level = level};

	return start(vcpu, op, &cmd, false, true, err);
}

int pvtb_vcpu_pause(struct pvtb_vcpu *vcpu, struct pvtb_err *err)
{
	struct pvtb_vcpu_work *w = vcpu->work;
	const struct timespec slice = {.tv_nsec = SLICE_NS / 10};
	u64 end_ns = pvtb_mono_ns() + ABORT_WAIT_NS;
	u32 seen;

	if (state_get(w) != WORK_REQUESTED)
		return pvtb_err_set(err, -ESRCH, "vCPU", "vCPU %u runs no command", vcpu->index);
	__atomic_store_n(&w->pause, PAUSE_WANTED, __ATOMIC_SEQ_CST);
	kick(vcpu);
	while ((seen = __atomic_load_n(&w->pause, __ATOMIC_ACQUIRE)) != PAUSE_HELD) {
		if (state_get(w) != WORK_REQUESTED)
			return pvtb_err_set(err, -ESRCH, w->op->name,
					    "ended before vCPU %u was paused", vcpu->index);
		if (pvtb_mono_ns() > end_ns)
			return pvtb_err_set(err, -ETIMEDOUT, w->op->name,
					    "vCPU %u does not leave KVM_RUN", vcpu->index);
		/* The wake-up is only sent by the other side's change: look again now and then. */
		syscall(SYS_futex, &w->pause, FUTEX_WAIT_PRIVATE, seen, &slice, NULL, 0);
	}
	return 0;
}

void pvtb_vcpu_resume(struct pvtb_vcpu *vcpu)
{
	word_set(&vcpu->work->pause, PAUSE_NONE);
}

int pvtb_vcpu_run_once(struct pvtb_vcpu *vcpu, const char *name, enum pvtb_level level,
		       struct pvtb_cmd_result *ret_result, struct pvtb_err *err)
{
	struct pvtb_cmd cmd = {.op = name, .level = level, .mode = PVTB_MODE_LOOP, .count = 1};
	const struct pvtb_op *op = pvtb_vm_find_op(vcpu->vm, name);
	int ret;

	if (!op)
		return pvtb_err_set(err, -ENOENT, name, "no such op in the guest image");
	ret = start(vcpu, op, &cmd, true, false, err);
	return ret ? ret : pvtb_vcpu_wait(vcpu, 5000, ret_result, err);
}

void pvtb_vcpu_replace(struct pvtb_vcpu *vcpu)
{
	__atomic_store_n(&vcpu->work->replace, 1, __ATOMIC_RELEASE);
	kick(vcpu);
}

/* End the running command with @code, unless it ends by itself first. */
static void abort_command(struct pvtb_vcpu *vcpu, int code)
{
	struct pvtb_vcpu_work *w = vcpu->work;
	u64 deadline_ns = pvtb_mono_ns() + ABORT_WAIT_NS;

	/* Before the flag: touch_memory() clears the one and then looks at the other. */
	__atomic_store_n(&w->abort_code, code, __ATOMIC_SEQ_CST);
	kick(vcpu);
	while (state_get(w) == WORK_REQUESTED && pvtb_mono_ns() < deadline_ns)
		state_wait(w, WORK_REQUESTED, SLICE_NS);
}

/* The samples of a command that is waited for, and how long there have been no more of them. A look that
 * comes late counts as one: this host may have stood still as a whole. */
struct progress {
	u64 taken, looked_ns, without_ns;
};

static bool stalled(const struct pvtb_vcpu *vcpu, struct progress *p, u64 now_ns)
{
	const struct pvtb_vcpu_work *w = vcpu->work;
	u64 taken = __atomic_load_n(&vcpu->ctl->taken, __ATOMIC_ACQUIRE);

	if (!w->stall_ns)
		return false;
	if (taken > p->taken)
		*p = (struct progress){.taken = taken};
	else
		p->without_ns +=
			now_ns - p->looked_ns < 2 * SLICE_NS ? now_ns - p->looked_ns : 2 * SLICE_NS;
	p->looked_ns = now_ns;
	/* more than it was asked for: what counts them has been overwritten */
	return taken > w->count || p->without_ns >= w->stall_ns;
}

int pvtb_vcpu_wait(struct pvtb_vcpu *vcpu, unsigned int timeout_ms, struct pvtb_cmd_result *ret,
		   struct pvtb_err *err)
{
	struct pvtb_vcpu_work *w = vcpu->work;
	u64 now_ns = pvtb_mono_ns();
	u64 deadline_ns = now_ns + (timeout_ms ? timeout_ms : 60000) * 1000000ULL;
	struct progress progress = {.looked_ns = now_ns};
	int code = 0, rc;

	if (state_get(w) == WORK_IDLE)
		return pvtb_err_set(err, -EINVAL, "vCPU", "vCPU %u has no command", vcpu->index);
	while (state_get(w) == WORK_REQUESTED && !code) {
		u64 left_ns = deadline_ns - now_ns;

		state_wait(w, WORK_REQUESTED, left_ns < SLICE_NS ? left_ns : SLICE_NS);
		now_ns = pvtb_mono_ns();
		if (pvtb_interrupted())
			code = -EINTR;
		else if (now_ns >= deadline_ns || stalled(vcpu, &progress, now_ns))
			code = -ETIMEDOUT;
	}
	if (code && state_get(w) == WORK_REQUESTED)
		abort_command(vcpu, code);
	if (state_get(w) != WORK_FINISHED)
		return pvtb_err_set(err, code, w->op->name, "vCPU %u does not leave KVM_RUN",
				    vcpu->index);
	rc = w->rc;
	if (rc && err)
		*err = w->err;
	if (ret)
		*ret = vcpu->result;
	state_set(w, WORK_IDLE);
	return rc;
}
