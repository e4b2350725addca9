// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns what the host does to the VM while it runs. Times only ever move forwards, so that what a guest
 * may see does not depend on when it looks. Whatever is asked of KVM here has to succeed, too.
 */
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "arch/counter.h"
#include "bench/stress/engine.h"
#include "core/affinity.h"
#include "stats/lpt.h"

#define ACTION_NS	   2000000ULL /* mean time between two */
#define ACTION_EMULATED_NS 10000000ULL
#define VM_NS		   500000000ULL /* between two VMs of their own */
#define PAUSE_MAX_NS	   2000000ULL
#define CLOCK_STEP_NS	   10000000000ULL /* more than any delay between reading and writing */

static void refused(struct st_engine *e, const char *what, int code)
{
	struct st_violation bad = {.found = true};

	snprintf(bad.rule, sizeof(bad.rule), "ioctl");
	snprintf(bad.text, sizeof(bad.text), "%s: %s", what, strerror(-code));
	st_engine_violation(e, &bad);
}

static unsigned int some_vcpu(struct st_engine *e)
{
	return (unsigned int)pvtb_random_below(&e->action_random, e->nr);
}

/* ---- counters and clocks ---- */

/* All vCPUs out of the guest, as many as there are commands; those that end meanwhile are out too. */
static void with_all_out(struct st_engine *e, void (*act)(struct st_engine *e))
{
	bool out = true;

	for (unsigned int i = 0; i < e->nr; i++) {
		struct pvtb_err err;
		int ret = pvtb_vm_pause(e->vm, i, &err);

		out &= !ret || ret == -ESRCH;
	}
	if (out)
		act(e);
	for (unsigned int i = 0; i < e->nr; i++)
		pvtb_vm_resume(e->vm, i);
}

static void set_vm_offset(struct st_engine *e)
{
	struct pvtb_err err;
	s64 delta = e->delta_ticks + (s64)(pvtb_random(&e->action_random) & 0xffffff);
	int ret = pvtb_vm_set_counter_delta(e->vm, delta, &err);

	/* A command may begin behind our back: that is what EBUSY is documented for. */
	if (!ret)
		e->delta_ticks = delta;
	else if (ret != -EBUSY)
		refused(e, "KVM_ARM_SET_COUNTER_OFFSET", ret);
}

static int tsc_offset(struct st_engine *e, unsigned int vcpu, unsigned long request, u64 *value)
{
	struct kvm_device_attr attr = {
		.group = CF_TSC_CTRL, .attr = CF_TSC_OFFSET, .addr = (u64)(uintptr_t)value};

	return ioctl(pvtb_vm_vcpu_fd(e->vm, vcpu), request, &attr) ? -errno : 0;
}

static void set_tsc_offset(struct st_engine *e)
{
	unsigned int vcpu = some_vcpu(e);
	struct pvtb_err err;
	u64 offset = 0;
	int ret;

	/* Else the request waits for the vCPU to leave KVM_RUN by itself. */
	if (!pvtb_vm_pause(e->vm, vcpu, &err)) {
		ret = tsc_offset(e, vcpu, KVM_GET_DEVICE_ATTR, &offset);
		offset += pvtb_random(&e->action_random) & 0xffffff;
		ret = ret ? ret : tsc_offset(e, vcpu, KVM_SET_DEVICE_ATTR, &offset);
		if (ret)
			refused(e, "KVM_VCPU_TSC_OFFSET", ret);
	}
	pvtb_vm_resume(e->vm, vcpu);
}

static void act_offset(struct st_engine *e)
{
	/* A software backend takes an offset and ignores it; kernels before 6.4 have none. */
	if (e->world.arch == PVTB_ARCH_ARM64 && e->world.caps.counter_offset) {
		if (pvtb_random(&e->action_random) & 1)
			with_all_out(e, set_vm_offset);
		else
			/* while they run: EBUSY, or they happen all to be out */
			set_vm_offset(e);
	} else if (e->world.offsets && e->world.caps.hw_assisted) {
		set_tsc_offset(e);
	}
}

static void act_clock(struct st_engine *e)
{
	struct cf_clock c = {0};
	int fd = pvtb_vm_fd(e->vm);
	unsigned int vcpu = some_vcpu(e);
	struct pvtb_err err;

	if (e->world.arch != PVTB_ARCH_X86_64)
		return;
	if (ioctl(fd, CF_GET_CLOCK, &c)) {
		refused(e, "KVM_GET_CLOCK", -errno);
		return;
	}
	if (pvtb_random(&e->action_random) & 1) {
		c = (struct cf_clock){.clock = c.clock + CLOCK_STEP_NS};
		if (ioctl(fd, CF_SET_CLOCK, &c))
			refused(e, "KVM_SET_CLOCK", -errno);
		return;
	}
	if (!pvtb_vm_pause(e->vm, vcpu, &err) &&
	    /* EINVAL: no kvmclock is registered there */
	    ioctl(pvtb_vm_vcpu_fd(e->vm, vcpu), CF_KVMCLOCK_CTRL, 0) && errno != EINVAL)
		refused(e, "KVM_KVMCLOCK_CTRL", -errno);
	pvtb_vm_resume(e->vm, vcpu);
}

/* ---- memory ---- */

static void act_slots(struct st_engine *e)
{
	u64 bits = pvtb_random(&e->action_random);
	int ret = st_slots_set(e, bits & 3, bits >> 2 & 1, bits >> 3 & 1);

	if (ret)
		refused(e, "KVM_SET_USER_MEMORY_REGION", ret);
}

static void act_dirty(struct st_engine *e)
{
	size_t words = pvtb_vm_mem_bytes(e->vm) / 4096 / 64 + 1;
	u64 *bitmap PVTB_FREE = calloc(words, sizeof(*bitmap));
	struct pvtb_err err;
	int ret;

	if (!bitmap)
		return;
	ret = pvtb_vm_log_dirty(e->vm, true, &err);
	ret = ret ? ret : pvtb_vm_dirty(e->vm, bitmap, &err);
	ret = ret ? ret : pvtb_vm_log_dirty(e->vm, false, &err);
	if (ret)
		refused(e, "dirty log", ret);
}

/* ---- threads ---- */

static void act_move(struct st_engine *e)
{
	struct st_vcpu *v = &e->vcpus[some_vcpu(e)];
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t set;

	CPU_ZERO(&set);
	/* Every fourth time any CPU will do. */
	if (pvtb_random(&e->action_random) & 3)
		CPU_SET(pvtb_random_below(&e->action_random, (u64)cpus), &set);
	else
		for (long i = 0; i < cpus && i < CPU_SETSIZE; i++)
			CPU_SET((int)i, &set);
	/* The thread may be gone, the CPU not ours to use. */
	(void)sched_setaffinity(__atomic_load_n(&v->tid, __ATOMIC_ACQUIRE), sizeof(set), &set);
}

static void act_pause(struct st_engine *e)
{
	unsigned int vcpu = some_vcpu(e);
	struct timespec ts = {.tv_nsec = (long)pvtb_random_below(&e->action_random, PAUSE_MAX_NS)};
	struct pvtb_err err;

	if (!pvtb_vm_pause(e->vm, vcpu, &err))
		nanosleep(&ts, NULL);
	pvtb_vm_resume(e->vm, vcpu);
}

static void act_replace(struct st_engine *e)
{
	pvtb_vm_replace_thread(e->vm, some_vcpu(e));
}

/* ---- other VMs ---- */

static void act_vms(struct st_engine *e)
{
	const struct pvtb_vm_spec spec = {.nr_vcpus = 2, .ring_bytes = 65536};
	const struct pvtb_cmd cmd = {.op = "stream", .mode = PVTB_MODE_LOOP};
	struct pvtb_cmd_result res;
	struct pvtb_vm *vm = NULL;
	struct pvtb_err err;
	int ret;

	if (pvtb_mono_ns() < e->next_vm_ns)
		return;
	ret = pvtb_vm_new(&spec, &vm, &err);
	/* Half of them never run. */
	if (!ret && pvtb_random(&e->action_random) & 1)
		ret = pvtb_vm_exec(vm, 1, &cmd, 0, &res, &err);
	pvtb_vm_free(vm);
	e->next_vm_ns = pvtb_mono_ns() + VM_NS;
	if (ret && ret != -EINTR)
		refused(e, "another VM", ret);
}

/* ---- Live Physical Time ---- */

/* One ratio, exact in all of these: a mixture of two is off by a factor. */
#define LPT_VERSIONS 8

void st_lpt_publish(struct st_engine *e, unsigned int version)
{
	unsigned int k = version % LPT_VERSIONS;
	const struct pvtb_lpt next = {.scale_mult = ST_LPT_MULT >> k,
				      .fracbits = ST_LPT_FRACBITS - k};

	pvtb_lpt_publish((struct pvtb_lpt *)pvtb_vm_gpa(e->vm, PVTB_GPA_LPT), &next);
}

static bool quitting(const struct st_engine *e)
{
	return __atomic_load_n(&e->quit, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&e->stop, __ATOMIC_ACQUIRE);
}

/* As fast as it goes, on whatever the vCPUs leave. */
static void *lpt_thread(void *arg)
{
	struct st_engine *e = arg;
	unsigned int version = 0;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
	while (!quitting(e)) {
		/* The VM stays for a burst. */
		pthread_mutex_lock(&e->lpt_lock);
		for (unsigned int i = 0; e->vm && i < 1000; i++) {
			st_lpt_publish(e, version++);
			e->action_counts[ST_ACT_LPT]++;
		}
		pthread_mutex_unlock(&e->lpt_lock);
		sched_yield();
	}
	return NULL;
}

/* ---- all of them ---- */

static void (*const acts[ST_NR_ACTIONS])(struct st_engine *e) = {
	[ST_ACT_OFFSET] = act_offset, [ST_ACT_CLOCK] = act_clock, [ST_ACT_SLOTS] = act_slots,
	[ST_ACT_MOVE] = act_move,     [ST_ACT_PAUSE] = act_pause, [ST_ACT_REPLACE] = act_replace,
	[ST_ACT_VMS] = act_vms,	      [ST_ACT_DIRTY] = act_dirty,
};

static void *action_thread(void *arg)
{
	struct st_engine *e = arg;
	u64 mean = e->plan->opts->emulated ? ACTION_EMULATED_NS : ACTION_NS;

	while (!quitting(e)) {
		u64 which = pvtb_random_below(&e->action_random, ST_NR_ACTIONS);
		struct timespec ts = {.tv_nsec =
					      (long)pvtb_random_below(&e->action_random, 2 * mean)};

		if (!acts[which] || !(e->plan->actions >> which & 1))
			continue;
		pthread_mutex_lock(&e->lock);
		if (e->vm && !quitting(e)) {
			acts[which](e);
			e->action_counts[which]++;
		}
		pthread_mutex_unlock(&e->lock);
		nanosleep(&ts, NULL);
	}
	return NULL;
}

int st_actors_start(struct st_engine *e, struct st_actors *a, struct pvtb_err *err)
{
	sigset_t all, before;
	int ret = 0;

	*a = (struct st_actors){.e = e};
	__atomic_store_n(&e->quit, 0, __ATOMIC_RELEASE);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (unsigned int k = 0; k < ST_NR_ACTIONS; k++)
		a->has_actions |= acts[k] && e->plan->actions >> k & 1;
	if (a->has_actions)
		ret = -pthread_create(&a->actions, NULL, action_thread, e);
	a->has_actions &= !ret;
	a->has_lpt = !ret && e->plan->actions >> ST_ACT_LPT & 1;
	if (a->has_lpt)
		ret = -pthread_create(&a->lpt, NULL, lpt_thread, e);
	a->has_lpt &= !ret;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret ? pvtb_err_sys(err, ret, "threads of the host's actions") : 0;
}

void st_actors_stop(struct st_actors *a)
{
	if (!a->e)
		return;
	__atomic_store_n(&a->e->quit, 1, __ATOMIC_RELEASE);
	if (a->has_actions)
		pthread_join(a->actions, NULL);
	if (a->has_lpt)
		pthread_join(a->lpt, NULL);
	a->e = NULL;
}
