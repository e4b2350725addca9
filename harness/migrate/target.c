// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the receiving side: a VM like the one that is described, filled with what comes in, its time
 * set by the method asked for, and run once the source has let go of it.
 */
#include "migrate/arch.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "migrate/migrate.h"
#include "stats/lpt.h"
#include "vmm/image.h"

#define TIMEOUT_MS     30000
#define FRAME_MS       30000
#define MEM_MAX	       (4ULL << 30)
#define PINGS	       32
#define RING_BYTES_MAX (1ULL << 30)

struct target {
	const struct pvtb_mig_receive_opts *opts;
	struct pvtb_mig_received *ret;
	struct pvtb_mig_in in;
	struct pvtb_mig_out out;
	struct pvtb_vm *vm;
	struct pvtb_mig_skipped skipped;
	bool way_back;
	bool accepted, whole; /* the source was told to send memory; all was read to its END */
};

void pvtb_mig_skip(struct pvtb_mig_skipped *skipped, const char *name)
{
	static const char more[] = ", ...";
	size_t len = strlen(skipped->names);

	skipped->nr++;
	if (strstr(skipped->names, name) || strstr(skipped->names, more))
		return;
	/* whole names only */
	if (len + strlen(name) + 2 * sizeof(more) > sizeof(skipped->names))
		name = more + 2;
	snprintf(skipped->names + len, sizeof(skipped->names) - len, "%s%s", len ? ", " : "", name);
}

/* ---- the way back ---- */

static u64 raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static int answer(struct target *t, int code, const struct pvtb_err *why, struct pvtb_err *err)
{
	struct pvtb_mig_reply reply = {.code = code};

	if (!t->way_back)
		return 0;
	if (code) {
		snprintf(reply.what, sizeof(reply.what), "%s", why->what);
		snprintf(reply.why, sizeof(reply.why), "%s", why->why);
	}
	return pvtb_mig_put(&t->out, PVTB_MIG_REPLY, 0, 0, &reply, sizeof(reply), err);
}

/* What was under way when the source was refused, up to where it heard of it. One that sends more than it can
 * have to is not listened to for ever. */
static void drain(struct target *t)
{
	u64 most = t->in.bytes + (t->accepted ? t->ret->hello.copies * t->ret->hello.mem_bytes
					      : PVTB_MIG_VCPUS_MAX * PVTB_MIG_STATE_MAX);
	size_t room = PVTB_MIG_PAGES_MAX * PVTB_MIG_PAGE, bytes;
	void *data PVTB_FREE = malloc(room);
	enum pvtb_mig_type type;
	u32 index;

	while (data && t->in.bytes < most &&
	       !pvtb_mig_get(&t->in, &type, &index, data, room, &bytes, NULL) &&
	       type != PVTB_MIG_END)
		;
}

/* ---- what comes in ---- */

static int make_vm(struct target *t, const struct pvtb_mig_hello *h, struct pvtb_err *err)
{
	struct pvtb_vm_spec spec = t->opts->base;

	spec.nr_vcpus = h->nr_vcpus;
	spec.ring_bytes = h->ring_bytes;
	spec.steal = h->flags & PVTB_MIG_F_STEAL;
	spec.lpt = h->flags & PVTB_MIG_F_LPT ? PVTB_LPT_VMM : PVTB_LPT_NONE;
	spec.lpt_pv_hz = h->lpt_pv_hz;
	spec.lpt_unasked = h->flags & PVTB_MIG_F_LPT_UNASKED;
	spec.pvclock = h->flags & PVTB_MIG_F_PVCLOCK;
	spec.irqchip = h->flags & PVTB_MIG_F_IRQCHIP;
	/* With LPT it knows how to do with any. */
	if (pvtb_mig_arch_keeps_hz && h->method != PVTB_MIG_BY_LPT &&
	    t->opts->fault != PVTB_MIG_HOSTS_HZ)
		spec.counter_hz = h->counter_hz;
	return pvtb_vm_new(&spec, &t->vm, err);
}

static int on_hello(void *opaque, const struct pvtb_mig_hello *h, struct pvtb_err *err)
{
	u64 max = 0, image_bytes = (u64)(pvtb_guest_image_end - pvtb_guest_image);
	struct target *t = opaque;
	char boot_id[40];
	int ret;

	t->ret->hello = *h;
	max = t->opts->max_mem_bytes ?: MEM_MAX;
	/* Before anything of that size is made. */
	if (h->mem_bytes > max || !h->ring_bytes || h->ring_bytes > RING_BYTES_MAX ||
	    h->nr_vcpus * h->ring_bytes > h->mem_bytes)
		return pvtb_err_set(err, -E2BIG, "migration stream",
				    "a guest of %llu bytes with %u rings of %llu; at most %llu",
				    (unsigned long long)h->mem_bytes, h->nr_vcpus,
				    (unsigned long long)h->ring_bytes, (unsigned long long)max);
	if (h->image_crc != (u32)crc32_z(0, pvtb_guest_image, image_bytes))
		return pvtb_err_set(err, -EXDEV, "guest image",
				    "it comes from another build of this program");
	if (!(h->flags & PVTB_MIG_F_WAY_BACK) != !t->way_back)
		return pvtb_err_set(err, -EPROTO, "migration stream", "%s",
				    t->way_back ? "expects no answer: made for a file"
						: "expects answers: not made for a file");
	if (t->opts->boot_id)
		snprintf(boot_id, sizeof(boot_id), "%s", t->opts->boot_id);
	else
		pvtb_mig_boot_id(boot_id, sizeof(boot_id));
	t->ret->same_boot = boot_id[0] && !strcmp(boot_id, h->boot_id);
	ret = make_vm(t, h, err);
	if (ret)
		return ret;
	if (!pvtb_vm_has_op(t->vm, h->op))
		return pvtb_err_set(err, -EPROTO, "migration stream", "runs %s, which is no op",
				    h->op);
	if (pvtb_vm_mem_bytes(t->vm) != h->mem_bytes)
		return pvtb_err_set(err, -EPROTO, "migration stream",
				    "%llu bytes of memory, %llu are meant",
				    (unsigned long long)h->mem_bytes,
				    (unsigned long long)pvtb_vm_mem_bytes(t->vm));
	return 0;
}

static int on_features(void *opaque, u32 vcpu, const void *items, size_t bytes,
		       struct pvtb_err *err)
{
	struct target *t = opaque;

	return pvtb_mig_arch_check(t->vm, vcpu, items, bytes, err);
}

static int on_accept(void *opaque, struct pvtb_err *err)
{
	struct target *t = opaque;
	int ret = 0;

	if (t->way_back && !t->ret->same_boot) {
		ret = pvtb_mig_sync(&t->out, &t->in, PINGS, &t->ret->sync, err);
		t->ret->synced = !ret;
	}
	ret = ret ?: answer(t, 0, NULL, err);
	t->accepted = !ret;
	return ret;
}

static void *on_memory(void *opaque, u64 address, u64 bytes)
{
	struct target *t = opaque;

	return pvtb_vm_gpa(t->vm, address);
}

static int on_zeros(void *opaque, u64 address, u64 bytes, struct pvtb_err *err)
{
	struct target *t = opaque;

	memset(pvtb_vm_gpa(t->vm, address), 0, bytes);
	return 0;
}

static void delay(u32 us)
{
	struct timespec ts = {us / 1000000, us % 1000000 * 1000L};

	if (us)
		nanosleep(&ts, NULL);
}

static int on_vm(void *opaque, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct target *t = opaque;
	bool real = t->ret->hello.flags & PVTB_MIG_F_KVMCLOCK_REAL &&
		    t->opts->fault != PVTB_MIG_CLOCK_AS_IT_WAS;
	/* KVM takes both hosts' CLOCK_REALTIME for one. Where they were compared it is given ours. */
	s64 offset_ns = t->ret->synced && t->opts->fault != PVTB_MIG_CLOCK_AS_SET
				? -t->ret->sync.real_offset_ns
				: 0;

	if (t->ret->hello.flags & PVTB_MIG_F_PVCLOCK)
		delay(t->opts->delay_us);
	return pvtb_mig_arch_load_vm(t->vm, items, bytes, real, offset_ns, err);
}

static int on_vcpu(void *opaque, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err)
{
	struct target *t = opaque;

	return pvtb_mig_arch_load(t->vm, vcpu, items, bytes, &t->skipped, err);
}

static int on_clock(void *opaque, const struct pvtb_mig_clock *clock, struct pvtb_err *err)
{
	struct target *t = opaque;

	t->ret->clock = *clock;
	return 0;
}

/* ---- the guest's time ---- */

static u64 middle(u64 low, u64 high)
{
	return low + (high - low) / 2;
}

/* Nanoseconds from the source's reading of its clocks to @now, by the clock both sides share. */
static int elapsed(struct target *t, const struct pvtb_mig_instant *now, struct pvtb_err *err)
{
	struct pvtb_mig_received *r = t->ret;
	u64 here_unc = (now->c1_ticks - now->c0_ticks + 1) / 2,
	    hz = pvtb_vm_caps(t->vm)->counter_hz;
	s64 ns;

	if (r->same_boot)
		ns = (s64)(now->raw_ns - r->clock.raw_ns);
	else if (r->synced)
		ns = (s64)(now->raw_ns + (u64)r->sync.offset_ns - r->clock.raw_ns);
	else
		ns = (s64)(now->real_ns - r->clock.real_ns);
	if (ns < 0)
		return pvtb_err_set(err, -EPROTO, "migration",
				    "the source's clock is %lld ns ahead of this host's: they do "
				    "not show the same time",
				    (long long)-ns);
	r->elapsed_ns = (u64)ns;
	r->elapsed_unc_ns =
		(u64)((u128)here_unc * PVTB_NSEC_PER_SEC / hz) + 1 +
		(u64)((u128)r->clock.guest_unc_ticks * PVTB_NSEC_PER_SEC / r->hello.counter_hz) +
		1 + (r->synced ? r->sync.unc_ns : 0);
	return 0;
}

/* LPT's value at @now, and the native one that shows it at this host's frequency. */
static int lpt_target(struct target *t, struct pvtb_lpt *next, u64 *ret_native,
		      struct pvtb_err *err)
{
	struct pvtb_mig_received *r = t->ret;
	u64 hz = pvtb_vm_caps(t->vm)->counter_hz, pv;
	int ret = pvtb_lpt_coefficients(hz, r->hello.lpt_pv_hz, next);

	pv = r->clock.pv_ticks + pvtb_mig_ticks(r->elapsed_ns, r->hello.lpt_pv_hz);
	if (!ret)
		ret = pvtb_mig_native_of(pv, next->scale_mult, next->fracbits, ret_native);
	return ret ? pvtb_err_sys(err, ret, "LPT of %u Hz on this host", r->hello.lpt_pv_hz) : 0;
}

/* The guest's time is off by this method's own making: @off_ns, as far as the VMM knows. */
static void predict(struct target *t, double off_ns, double set_unc_ns)
{
	struct pvtb_mig_received *r = t->ret;

	if (!r->same_boot && !r->synced)
		return;
	r->predicted = true;
	r->predicted_ns = off_ns;
	r->predicted_unc_ns = (double)r->elapsed_unc_ns + set_unc_ns;
}

static double to_ns(double ticks, u64 hz)
{
	return ticks * 1e9 / (double)hz;
}

static int set_by_value(struct target *t, struct pvtb_err *err)
{
	struct pvtb_mig_received *r = t->ret;
	struct pvtb_mig_instant before, after;
	int ret;

	delay(t->opts->delay_us);
	pvtb_mig_now(&before);
	ret = pvtb_vm_set_counter(t->vm, r->clock.guest_ticks, err);
	pvtb_mig_now(&after);
	if (ret)
		return ret;
	r->set = before;
	r->set.c0_ticks = before.c1_ticks;
	r->set.c1_ticks = after.c0_ticks;
	r->set.raw_ns = middle(before.raw_ns, after.raw_ns);
	r->guest_ticks = r->clock.guest_ticks;
	ret = elapsed(t, &r->set, err);
	/* What passed in between is missing. */
	if (!ret)
		predict(t, -(double)r->elapsed_ns, to_ns(1, r->hello.counter_hz));
	return ret;
}

static void update_lpt(struct target *t, const struct pvtb_lpt *next)
{
	unsigned int times = 1;

	if (t->opts->fault == PVTB_MIG_LPT_STILL)
		times = 0;
	else if (t->opts->fault == PVTB_MIG_LPT_PER_VCPU)
		times = t->ret->hello.nr_vcpus;
	while (times--)
		pvtb_lpt_publish(pvtb_vm_gpa(t->vm, PVTB_GPA_LPT), next);
}

/* @new_now: the counter here at the moment it was read there. */
static int rescale(struct target *t, u64 new_now, struct pvtb_err *err)
{
	struct pvtb_mig_received *r = t->ret;
	unsigned int times = t->opts->fault == PVTB_MIG_TIMERS_TWICE ? 2 : 1;
	int ret = 0;

	r->rescale = (struct pvtb_mig_rescale){
		.old_now = r->clock.guest_ticks,
		.from_hz = r->hello.counter_hz,
		.new_now = new_now,
		.to_hz = pvtb_vm_caps(t->vm)->counter_hz,
		.mask = t->opts->fault == PVTB_MIG_TIMERS_32_BITS ? UINT32_MAX : UINT64_MAX,
	};
	while (!ret && times--)
		for (unsigned int i = 0; !ret && i < r->hello.nr_vcpus; i++)
			ret = pvtb_mig_arch_rescale(t->vm, i, &r->rescale, err);
	return ret;
}

static int set_by_distance(struct target *t, struct pvtb_err *err)
{
	struct pvtb_mig_received *r = t->ret;
	bool lpt = r->hello.method == PVTB_MIG_BY_LPT;
	u64 native, at, at_unc, hz = pvtb_vm_caps(t->vm)->counter_hz;
	struct pvtb_lpt next = {0};
	s64 delta;
	int ret;

	pvtb_mig_now(&r->set);
	ret = elapsed(t, &r->set, err);
	if (ret)
		return ret;
	ret = pvtb_vm_scaled_counter(t->vm, middle(r->set.c0_ticks, r->set.c1_ticks), &at, &at_unc,
				     err);
	if (ret)
		return ret;
	native = r->clock.guest_ticks + pvtb_mig_ticks(r->elapsed_ns, r->hello.counter_hz);
	if (lpt && (!r->same_boot || hz != r->hello.counter_hz))
		ret = lpt_target(t, &next, &native, err);
	else if (lpt)
		ret = pvtb_lpt_coefficients(hz, r->hello.lpt_pv_hz, &next);
	if (ret)
		return ret < 0 && !err->why[0] ? pvtb_err_sys(err, ret, "LPT") : ret;
	delta = (s64)(native - at);
	/* A backend that runs the guest on the host's own counter: there is no distance to keep. */
	if (!pvtb_vm_caps(t->vm)->hw_assisted && r->same_boot &&
	    (u64)(r->clock.guest_ticks - middle(r->clock.c0_ticks, r->clock.c1_ticks)) == 0) {
		delta = 0;
		native = at;
	}
	/* kvmclock's has been held up already. */
	if (!(r->hello.flags & PVTB_MIG_F_PVCLOCK))
		delay(t->opts->delay_us);
	if (t->opts->fault == PVTB_MIG_ONE_VCPU)
		ret = pvtb_vm_set_counter_delta_of_one(t->vm, delta, err);
	else
		ret = pvtb_vm_set_counter_delta(t->vm, delta, err);
	if (ret)
		return ret;
	r->guest_ticks = native;
	if (lpt)
		update_lpt(t, &next);
	/* Off by nothing but the rounding to ticks, of either clock and either host. */
	predict(t, 0,
		to_ns((double)(r->set.c1_ticks - r->set.c0_ticks) / 2 + 1, hz) +
			to_ns((double)at_unc + 1, r->hello.counter_hz));
	if (lpt && t->opts->fault != PVTB_MIG_TIMERS_LEFT)
		ret = rescale(t, native - pvtb_mig_ticks(r->elapsed_ns, hz), err);
	return ret;
}

/* ---- from beginning to end ---- */

static int await_go(struct target *t, struct pvtb_err *err)
{
	struct pvtb_mig_reply room;
	enum pvtb_mig_type type;
	int ret;

	if (!t->way_back)
		return 0;
	ret = pvtb_mig_get_back(&t->in, &type, &room, err);
	if (!ret && type != PVTB_MIG_GO)
		ret = pvtb_err_set(err, -EPROTO, "migration", "no GO but a frame of type %u", type);
	return ret;
}

static int run(struct target *t, struct pvtb_err *err)
{
	const struct pvtb_mig_hello *h = &t->ret->hello;
	int ret = 0;

	t->ret->run_raw_ns = raw_ns();
	for (u32 i = 0; !ret && i < h->nr_vcpus; i++)
		ret = pvtb_vm_adopt(t->vm, i, h->op, h->level, err);
	return ret;
}

static int take_over(struct target *t, struct pvtb_err *err)
{
	const struct pvtb_mig_sink sink = {
		.opaque = t,
		.hello = on_hello,
		.features = on_features,
		.accept = on_accept,
		.memory = on_memory,
		.zeros = on_zeros,
		.vm = on_vm,
		.vcpu = on_vcpu,
		.clock = on_clock,
	};
	int ret = pvtb_mig_read(&t->in, pvtb_mig_arch, PVTB_GPA_IMAGE, &sink, err);

	t->whole = !ret;
	if (!ret)
		ret = t->ret->hello.method == PVTB_MIG_BY_VALUE ? set_by_value(t, err)
								: set_by_distance(t, err);
	if (ret) {
		/* Whether it still listens does not matter. */
		(void)answer(t, ret, err, NULL);
		if (t->way_back && !t->whole && ret != -ETIMEDOUT && ret != -EINTR)
			drain(t);
		return ret;
	}
	ret = answer(t, 0, NULL, err);
	if (!ret)
		ret = await_go(t, err);
	return ret ?: run(t, err);
}

int pvtb_mig_receive(int fd, bool way_back, const struct pvtb_mig_receive_opts *opts,
		     struct pvtb_vm **ret_vm, struct pvtb_mig_received *ret_received,
		     struct pvtb_err *err)
{
	u32 timeout_ms = opts->timeout_ms ?: TIMEOUT_MS, frame_ms = opts->frame_ms ?: FRAME_MS;
	struct target t = {
		.opts = opts,
		.ret = ret_received,
		.in = {.fd = fd},
		.out = {.fd = fd, .timeout_ms = timeout_ms, .frame_ms = frame_ms},
		.way_back = way_back,
	};
	struct pvtb_err here = {0};
	int ret;

	memset(ret_received, 0, sizeof(*ret_received));
	/* A file has no other side to wait for. */
	if (way_back) {
		t.in.timeout_ms = timeout_ms;
		t.in.frame_ms = frame_ms;
		t.in.handshake_ms = 2 * frame_ms;
		t.in.stream_ms = 4 * frame_ms;
	}
	ret = take_over(&t, err ?: &here);
	pvtb_mig_in_free(&t.in);
	ret_received->nr_skipped = t.skipped.nr;
	snprintf(ret_received->skipped, sizeof(ret_received->skipped), "%s", t.skipped.names);
	if (ret) {
		pvtb_vm_free(t.vm);
		return ret;
	}
	*ret_vm = t.vm;
	return 0;
}
