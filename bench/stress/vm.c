// SPDX-License-Identifier: GPL-2.0-only
/* Owns the VM under stress: its making, its window, the answers to what comes to the VMM. */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "arch/counter.h"
#include "bench/stress/engine.h"

#define WINDOW_KVM_SLOT 1
/* The guest's counter begins there and only ever jumps forwards. */
#define FIRST_TICKS	0x100000

static const void *gpa_of(void *ctx, u64 gpa)
{
	struct st_engine *e = ctx;

	return pvtb_vm_gpa(e->vm, gpa);
}

/* ---- the window ---- */

int st_slots_new(struct st_slots *s)
{
	for (unsigned int b = 0; b < ST_BACKINGS; b++) {
		void *mem = mmap(NULL, ST_WINDOW_SLOT, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mem == MAP_FAILED)
			return -errno;
		s->backings[b] = mem;
		for (u64 o = ST_WINDOW_PATTERN; o < ST_WINDOW_SLOT; o += 8)
			*(u64 *)(s->backings[b] + o) = st_pattern(b, o);
	}
	return 0;
}

void st_slots_free(struct st_slots *s)
{
	for (unsigned int b = 0; b < ST_BACKINGS; b++)
		if (s->backings[b])
			munmap(s->backings[b], ST_WINDOW_SLOT);
	memset(s, 0, sizeof(*s));
}

static int set_region(struct st_engine *e, u64 bytes, unsigned int place, unsigned int which)
{
	struct kvm_userspace_memory_region r = {
		.slot = WINDOW_KVM_SLOT,
		.guest_phys_addr = ST_WINDOW + place * ST_WINDOW_SLOT,
		.memory_size = bytes,
		.userspace_addr = (u64)(uintptr_t)e->slots.backings[which],
	};

	return ioctl(pvtb_vm_fd(e->vm), KVM_SET_USER_MEMORY_REGION, &r) ? -errno : 0;
}

/* What stays where it is may move by itself (KVM_MR_MOVE); other memory cannot be put behind a slot
 * that exists. */
int st_slots_set(struct st_engine *e, bool there, unsigned int place, unsigned int which)
{
	struct st_slots *s = &e->slots;
	int ret = 0;

	if (s->there && (!there || which != s->which)) {
		ret = set_region(e, 0, s->place, s->which);
		s->there = ret != 0;
	}
	if (!ret && there && !(s->there && s->place == place)) {
		ret = set_region(e, ST_WINDOW_SLOT, place, which);
		if (!ret) {
			s->there = true;
			s->place = place;
			s->which = which;
		}
	}
	return ret;
}

/* ---- exits ---- */

static int one_reg(int fd, unsigned long request, u64 id, u64 *value)
{
	struct kvm_one_reg reg = {.id = id, .addr = (u64)(uintptr_t)value};

	return ioctl(fd, request, &reg) ? -errno : 0;
}

/* arm64, PV_TIME_FEATURES and PV_TIME_LPT forwarded: what the judge of pvtime expects. */
static int answer_call(struct st_engine *e, unsigned int vcpu, const struct kvm_run *run)
{
	int fd = pvtb_vm_vcpu_fd(e->vm, vcpu), ret = 0;
	u64 x0 = ST_NOT_SUPPORTED, x1 = 0;

	if ((u32)run->hypercall.nr == CF_PV_LPT)
		x0 = PVTB_GPA_LPT;
	else if ((u32)run->hypercall.nr == CF_PV_FEATURES) {
		ret = one_reg(fd, KVM_GET_ONE_REG, CF_REG_X(1), &x1);
		if ((u32)x1 == CF_PV_FEATURES || (u32)x1 == CF_PV_LPT ||
		    ((u32)x1 == CF_PV_ST && e->world.steal))
			x0 = 0;
	}
	return ret ? ret : one_reg(fd, KVM_SET_ONE_REG, CF_REG_X(0), &x0);
}

static int on_exit_hook(void *opaque, unsigned int vcpu, struct kvm_run *run)
{
	struct st_engine *e = opaque;

	e->vcpus[vcpu].user_exits++;
	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr >= ST_WINDOW &&
	    run->mmio.phys_addr < ST_WINDOW_END) {
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return 0;
	}
	if (run->exit_reason == KVM_EXIT_HYPERCALL && e->world.arch == PVTB_ARCH_ARM64)
		return answer_call(e, vcpu, run);
	return -ENOENT;
}

/* ---- making ---- */

/* arm64: a structure for each vCPU, of the odd ones in the window. */
static int register_steal(struct st_engine *e, struct pvtb_err *err)
{
	for (unsigned int i = 0; i < e->nr; i++) {
		u64 ipa = i & 1 ? ST_WINDOW + ST_WINDOW_STEAL + 64ULL * i : ST_STEAL(i);
		struct kvm_device_attr attr = {.group = CF_PVTIME_CTRL,
					       .attr = CF_PVTIME_IPA,
					       .addr = (u64)(uintptr_t)&ipa};

		if (ioctl(pvtb_vm_vcpu_fd(e->vm, i), KVM_SET_DEVICE_ATTR, &attr))
			return pvtb_err_sys(err, -errno, "stolen-time structure of vCPU %u", i);
	}
	return 0;
}

static int start_counter(struct st_engine *e, struct pvtb_err *err)
{
	int ret;

	if (!e->world.caps.counter_offset)
		return 0;
	e->delta_ticks = (s64)(FIRST_TICKS - pvtb_arch_counter());
	ret = pvtb_vm_set_counter_delta(e->vm, e->delta_ticks, err);
	e->world.one_counter = !ret;
	return ret;
}

static void begin_vcpu(struct st_engine *e, struct st_vcpu *v)
{
	v->unreadable += v->shadow.unreadable;
	memset(&v->shadow, 0, sizeof(v->shadow));
	v->shadow.vcpu = v->index;
	v->done = 0;
	v->nr = 0;
	v->base = 0;
}

/* Every other VM. Where there is but one: what the host's actions ask for. */
static bool variant_of(const struct st_engine *e)
{
	const struct st_plan *p = e->plan;

	if (p->stream)
		return p->variant;
	if (p->actions >> ST_ACT_REBUILD & 1)
		return e->vm_number & 1;
	return e->world.arch == PVTB_ARCH_X86_64 && p->actions >> ST_ACT_OFFSET & 1;
}

int st_vm_make(struct st_engine *e, struct pvtb_err *err)
{
	struct pvtb_vm_spec spec = {
		.nr_vcpus = e->nr,
		.ring_bytes = ST_RING_BYTES,
		.hole_end = ST_WINDOW_END,
		.on_exit = on_exit_hook,
		.again = st_batch_again,
		.cmd_enter = st_batch_enter,
		.cmd_leave = st_batch_leave,
		.hand_over = st_batch_hand_over,
		.take_over = st_batch_take_over,
		.thread_start = st_batch_thread_start,
		.thread_stop = st_batch_thread_stop,
		.opaque = e,
	};
	bool arm = e->world.arch == PVTB_ARCH_ARM64;
	int ret;

	for (unsigned int i = 0; i < e->nr; i++)
		begin_vcpu(e, &e->vcpus[i]);
	e->variant = variant_of(e);
	e->world.forward = arm && e->world.caps.smccc_filter && e->variant;
	e->world.offsets = !arm && e->variant;
	spec.lpt = e->world.forward ? PVTB_LPT_VMM : PVTB_LPT_NONE;
	e->world.steal = e->world.caps.steal;
	e->world.gpa = gpa_of;
	e->world.gpa_ctx = e;
	e->world.nr_learned = 0;
	ret = pvtb_vm_new(&spec, &e->vm, err);
	if (ret)
		return ret;
	e->vm_number++;
	e->slots.there = false;
	st_lpt_publish(e, 0);
	ret = st_slots_set(e, true, 0, 0);
	if (ret)
		return pvtb_err_sys(err, ret, "KVM_SET_USER_MEMORY_REGION");
	if (arm)
		ret = start_counter(e, err);
	if (!ret && arm && e->world.steal)
		ret = register_steal(e, err);
	return ret;
}

void st_vm_drop(struct st_engine *e)
{
	pvtb_vm_free(e->vm);
	e->vm = NULL;
	e->slots.there = false;
}
