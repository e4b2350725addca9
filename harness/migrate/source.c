// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the sending side: pre-copy of memory while the guest runs, then the guest is held, its state
 * read at once, the rest of its memory sent, and the answer waited for.
 */
#include "migrate/arch.h"

#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

#include "migrate/migrate.h"
#include "stats/lpt.h"
#include "vmm/image.h"

#define ROUNDS	   8
#define FEW_PAGES  64
#define TIMEOUT_MS 30000
#define FRAME_MS   30000
#define PINGS_MAX  1000 /* before one reply */

struct source {
	struct pvtb_vm *vm;
	const struct pvtb_mig_send_opts *opts;
	struct pvtb_mig_sent *ret;
	struct pvtb_mig_out out;
	struct pvtb_mig_in in;
	const u8 *mem;
	u64 nr_pages;
	u64 *dirty; /* one bit a page */
	u8 *copy;   /* PVTB_MIG_PAGES_MAX pages */
	unsigned int nr_vcpus, held;
	struct pvtb_mig_items vm_state, vcpu_state[PVTB_MIG_VCPUS_MAX];
};

/* ---- the way back ---- */

static u64 raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (u64)ts.tv_sec * PVTB_NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* PINGs are answered until the REPLY comes. */
static int await_reply(struct source *s, struct pvtb_err *err)
{
	union {
		struct pvtb_mig_reply reply;
		struct pvtb_mig_ping ping;
	} m;
	enum pvtb_mig_type type;
	int ret;

	if (!s->opts->way_back)
		return 0;
	for (unsigned int pings = 0;; pings++) {
		ret = pvtb_mig_get_back(&s->in, &type, &m, err);
		if (ret)
			return ret;
		if (type == PVTB_MIG_PING && pings < PINGS_MAX) {
			ret = pvtb_mig_sync_answer(&s->out, &m.ping, err);
			if (ret)
				return ret;
			continue;
		}
		if (type != PVTB_MIG_REPLY)
			return pvtb_err_set(err, -EPROTO, "migration", "an answer of type %u",
					    type);
		if (!m.reply.code)
			return 0;
		m.reply.what[sizeof(m.reply.what) - 1] = '\0';
		m.reply.why[sizeof(m.reply.why) - 1] = '\0';
		return pvtb_err_set(err, -EREMOTEIO, "refused by the target", "%s: %s",
				    m.reply.what, m.reply.why);
	}
}

/* ---- memory ---- */

static bool is_zero(const u8 *page)
{
	const u64 *p = (const u64 *)page;
	u64 any = 0;

	for (size_t i = 0; i < PVTB_MIG_PAGE / sizeof(u64); i += 8) {
		for (size_t j = 0; j < 8; j++)
			any |= p[i + j];
		if (any)
			return false;
	}
	return true;
}

static bool is_dirty(const struct source *s, u64 page)
{
	return page < s->nr_pages && s->dirty[page / 64] >> (page % 64) & 1;
}

/* The guest goes on writing: what is checksummed and what is sent must be one copy. */
static int send_pages(struct source *s, u64 gpa, const u8 *at, size_t bytes, struct pvtb_err *err)
{
	memcpy(s->copy, at, bytes);
	return pvtb_mig_put(&s->out, PVTB_MIG_PAGES, 0, gpa, s->copy, bytes, err);
}

/* Runs of pages of a kind, as long as a frame takes. */
static int send_dirty(struct source *s, u64 *ret_pages, struct pvtb_err *err)
{
	u64 page = 0;

	*ret_pages = 0;
	while (page < s->nr_pages) {
		const u8 *at = s->mem + page * PVTB_MIG_PAGE;
		u64 gpa = PVTB_GPA_IMAGE + page * PVTB_MIG_PAGE;
		u32 n = 1;
		bool zero;
		int ret;

		if (!s->dirty[page / 64] && !(page % 64)) {
			page += 64;
			continue;
		}
		if (!is_dirty(s, page)) {
			page++;
			continue;
		}
		zero = is_zero(at);
		while (n < PVTB_MIG_PAGES_MAX && is_dirty(s, page + n) &&
		       is_zero(at + n * PVTB_MIG_PAGE) == zero)
			n++;
		if (zero)
			ret = pvtb_mig_put(&s->out, PVTB_MIG_ZEROS, n, gpa, NULL, 0, err);
		else
			ret = send_pages(s, gpa, at, n * PVTB_MIG_PAGE, err);
		if (ret)
			return ret;
		*(zero ? &s->ret->zero_pages : &s->ret->pages) += n;
		*ret_pages += n;
		page += n;
	}
	return 0;
}

static u64 count_dirty(const struct source *s)
{
	u64 n = 0;

	for (u64 i = 0; i < (s->nr_pages + 63) / 64; i++)
		n += (u64)__builtin_popcountll(s->dirty[i]);
	return n;
}

static void mark(struct source *s, u64 gpa, u64 bytes)
{
	u64 first = (gpa - PVTB_GPA_IMAGE) / PVTB_MIG_PAGE;

	for (u64 i = first; i < first + bytes / PVTB_MIG_PAGE && i < s->nr_pages; i++)
		s->dirty[i / 64] |= 1ULL << (i % 64);
}

/* The last copy comes on top. */
static unsigned int most_rounds(const struct source *s)
{
	unsigned int rounds = s->opts->rounds ?: ROUNDS;

	return rounds < PVTB_MIG_COPIES_MAX ? rounds : PVTB_MIG_COPIES_MAX - 1;
}

static int precopy(struct source *s, struct pvtb_err *err)
{
	unsigned int rounds = most_rounds(s);
	u64 few = s->opts->few_pages ?: FEW_PAGES, start_ns = pvtb_mono_ns(), sent;
	int ret;

	memset(s->dirty, 0, (s->nr_pages + 63) / 64 * sizeof(u64));
	mark(s, PVTB_GPA_IMAGE, s->nr_pages * PVTB_MIG_PAGE);
	do {
		ret = send_dirty(s, &sent, err);
		s->ret->rounds++;
		if (!ret)
			ret = pvtb_vm_dirty(s->vm, s->dirty, err);
	} while (!ret && count_dirty(s) > few && s->ret->rounds < rounds);
	s->ret->copy_ns = pvtb_mono_ns() - start_ns;
	s->ret->bytes = s->out.bytes;
	return ret;
}

/* What was written since the last look, which that look has not sent; and the pages this program
 * itself writes to (control pages, LPT), of which KVM's log does not know. */
static int last_copy(struct source *s, struct pvtb_err *err)
{
	u64 words = (s->nr_pages + 63) / 64;
	u64 *before PVTB_FREE = malloc(words * sizeof(u64));
	int ret;

	if (!before)
		return pvtb_err_sys(err, -ENOMEM, "dirty log");
	memcpy(before, s->dirty, words * sizeof(u64));
	ret = pvtb_vm_dirty(s->vm, s->dirty, err);
	if (ret)
		return ret;
	for (u64 i = 0; i < words; i++)
		s->dirty[i] |= before[i];
	mark(s, PVTB_GPA_CTL, PVTB_MIG_VCPUS_MAX * PVTB_CTL_BYTES);
	mark(s, PVTB_GPA_PV, 0x30000);
	return send_dirty(s, &s->ret->last_pages, err);
}

/* ---- state ---- */

static int hold(struct source *s, struct pvtb_err *err)
{
	for (; s->held < s->nr_vcpus; s->held++) {
		int ret = pvtb_vm_pause(s->vm, s->held, err);

		if (ret)
			return ret;
	}
	s->ret->clock.stopped_raw_ns = raw_ns();
	return 0;
}

/* By value: the register's, read as VMMs do, between two readings of the host's own counter. Else:
 * the host's counter, and the distance KVM keeps, which no delay can change. */
static int read_counter(struct source *s, struct pvtb_err *err)
{
	struct pvtb_mig_clock *c = &s->ret->clock;
	struct pvtb_mig_instant now;
	u64 unc = 0, scaled, scaled_unc;
	s64 delta;
	int ret;

	ret = pvtb_vm_counter_delta(s->vm, 0, &delta, &unc, err);
	if (ret)
		return ret;
	pvtb_mig_now(&now);
	c->c0_ticks = now.c0_ticks;
	c->c1_ticks = now.c1_ticks;
	c->raw_ns = now.raw_ns;
	c->real_ns = now.real_ns;
	c->guest_unc_ticks = unc + (now.c1_ticks - now.c0_ticks + 1) / 2;
	if (s->opts->method == PVTB_MIG_BY_VALUE) {
		u64 before = now.c1_ticks, after;

		ret = pvtb_vm_get_counter(s->vm, &c->guest_ticks, err);
		if (ret)
			return ret;
		pvtb_mig_now(&now);
		after = now.c0_ticks;
		/* Somewhere between the two instants. */
		c->c0_ticks = before;
		c->c1_ticks = after;
		c->raw_ns += (now.raw_ns - c->raw_ns) / 2;
		c->guest_unc_ticks = (after - before + 1) / 2;
	} else {
		ret = pvtb_vm_scaled_counter(s->vm, c->c0_ticks + (c->c1_ticks - c->c0_ticks) / 2,
					     &scaled, &scaled_unc, err);
		if (ret)
			return ret;
		c->guest_ticks = scaled + (u64)delta;
		c->guest_unc_ticks += scaled_unc;
	}
	if (pvtb_vm_spec(s->vm)->lpt == PVTB_LPT_VMM) {
		const struct pvtb_lpt *lpt = pvtb_vm_gpa(s->vm, PVTB_GPA_LPT);

		c->pv_ticks = pvtb_lpt_to_pv(lpt, c->guest_ticks);
	}
	return 0;
}

static int save(struct source *s, struct pvtb_err *err)
{
	int ret = read_counter(s, err);

	if (!ret)
		ret = pvtb_mig_arch_save_vm(s->vm, &s->vm_state, err);
	for (unsigned int i = 0; !ret && i < s->nr_vcpus; i++) {
		ret = pvtb_mig_arch_save(s->vm, i, &s->vcpu_state[i], err);
		if (!ret && s->vcpu_state[i].failed)
			ret = pvtb_err_sys(err, -ENOMEM, "state of vCPU %u", i);
	}
	if (!ret && s->vm_state.failed)
		ret = pvtb_err_sys(err, -ENOMEM, "state of the VM");
	return ret;
}

static int send_state(struct source *s, struct pvtb_err *err)
{
	int ret =
		pvtb_mig_put(&s->out, PVTB_MIG_VM, 0, 0, s->vm_state.data, s->vm_state.bytes, err);

	for (unsigned int i = 0; !ret && i < s->nr_vcpus; i++)
		ret = pvtb_mig_put(&s->out, PVTB_MIG_VCPU, i, 0, s->vcpu_state[i].data,
				   s->vcpu_state[i].bytes, err);
	if (!ret)
		ret = pvtb_mig_put(&s->out, PVTB_MIG_CLOCK, 0, 0, &s->ret->clock,
				   sizeof(s->ret->clock), err);
	return ret ?: pvtb_mig_put(&s->out, PVTB_MIG_END, 0, 0, NULL, 0, err);
}

/* ---- from beginning to end ---- */

static u32 flags(const struct source *s)
{
	const struct pvtb_vm_spec *spec = pvtb_vm_spec(s->vm);

	return (spec->steal ? PVTB_MIG_F_STEAL : 0) |
	       (spec->lpt == PVTB_LPT_VMM ? PVTB_MIG_F_LPT : 0) |
	       (spec->lpt_unasked ? PVTB_MIG_F_LPT_UNASKED : 0) |
	       (spec->pvclock ? PVTB_MIG_F_PVCLOCK : 0) | (spec->irqchip ? PVTB_MIG_F_IRQCHIP : 0) |
	       (spec->offset_counter ? PVTB_MIG_F_OFFSET : 0) |
	       (s->opts->way_back ? PVTB_MIG_F_WAY_BACK : 0) |
	       (s->opts->kvmclock_real ? PVTB_MIG_F_KVMCLOCK_REAL : 0);
}

/* KVM answers no question about a vCPU while it runs: it is held as long as it takes to ask. */
static int send_features(struct source *s, unsigned int vcpu, struct pvtb_err *err)
{
	struct pvtb_mig_items items = {0};
	int ret = pvtb_vm_pause(s->vm, vcpu, err);

	if (ret)
		return ret;
	ret = pvtb_mig_arch_features(s->vm, vcpu, &items, err);
	pvtb_vm_resume(s->vm, vcpu);
	if (!ret && items.failed)
		ret = pvtb_err_sys(err, -ENOMEM, "features of vCPU %u", vcpu);
	if (!ret)
		ret = pvtb_mig_put(&s->out, PVTB_MIG_FEATURES, vcpu, 0, items.data, items.bytes,
				   err);
	pvtb_mig_items_free(&items);
	return ret;
}

static int introduce(struct source *s, struct pvtb_err *err)
{
	const struct pvtb_vm_spec *spec = pvtb_vm_spec(s->vm);
	struct pvtb_mig_hello h = {
		.version = PVTB_MIG_VERSION,
		.arch = pvtb_mig_arch,
		.page_bytes = PVTB_MIG_PAGE,
		.nr_vcpus = s->nr_vcpus,
		.ring_bytes = spec->ring_bytes,
		.mem_bytes = pvtb_vm_mem_bytes(s->vm),
		.counter_hz = s->opts->counter_hz ?: spec->counter_hz,
		.image_crc = (u32)crc32_z(0, pvtb_guest_image,
					  (size_t)(pvtb_guest_image_end - pvtb_guest_image)),
		.flags = flags(s),
		.method = s->opts->method,
		.level = s->opts->level,
		.copies = most_rounds(s) + 1,
	};
	struct utsname u;
	int ret;

	if (spec->lpt == PVTB_LPT_VMM) {
		const struct pvtb_lpt *lpt = pvtb_vm_gpa(s->vm, PVTB_GPA_LPT);

		h.lpt_pv_hz = lpt->pv_freq;
	}
	snprintf(h.op, sizeof(h.op), "%s", s->opts->op);
	if (s->opts->boot_id)
		snprintf(h.boot_id, sizeof(h.boot_id), "%s", s->opts->boot_id);
	else
		pvtb_mig_boot_id(h.boot_id, sizeof(h.boot_id));
	if (!uname(&u))
		snprintf(h.kernel, sizeof(h.kernel), "%.63s", u.release);
	ret = pvtb_mig_put(&s->out, PVTB_MIG_HELLO, 0, 0, &h, sizeof(h), err);
	for (unsigned int i = 0; !ret && i < s->nr_vcpus; i++)
		ret = send_features(s, i, err);
	ret = ret ?: await_reply(s, err);
	/* Whether it still listens does not matter. */
	if (ret == -EREMOTEIO)
		(void)!pvtb_mig_put(&s->out, PVTB_MIG_END, 0, 0, NULL, 0, NULL);
	return ret;
}

/* A file that is not on the disk yet is no place for a guest to be. */
static int keep(struct source *s, struct pvtb_err *err)
{
	if (fsync(s->out.fd) && errno != EINVAL && errno != EROFS)
		return pvtb_err_sys(err, -errno, "writing the saved guest");
	return 0;
}

static int move(struct source *s, struct pvtb_err *err)
{
	int ret = introduce(s, err);

	if (!ret)
		ret = pvtb_vm_log_dirty(s->vm, true, err);
	if (!ret)
		ret = precopy(s, err);
	if (!ret)
		ret = hold(s, err);
	if (!ret)
		ret = save(s, err);
	if (!ret)
		ret = last_copy(s, err);
	if (!ret)
		ret = send_state(s, err);
	if (!ret)
		ret = s->opts->way_back ? await_reply(s, err) : keep(s, err);
	if (!ret && s->opts->way_back)
		ret = pvtb_mig_put(&s->out, PVTB_MIG_GO, 0, 0, NULL, 0, err);
	return ret;
}

/* A target that refuses closes, at times under what is being written: its reason is there all the same. */
static int reason_of(struct source *s, int ret, struct pvtb_err *err)
{
	struct pvtb_err said = {0};

	if ((ret != -EPIPE && ret != -ECONNRESET) || await_reply(s, &said) != -EREMOTEIO)
		return ret;
	if (err)
		*err = said;
	return -EREMOTEIO;
}

int pvtb_mig_send(struct pvtb_vm *vm, int fd, const struct pvtb_mig_send_opts *opts,
		  struct pvtb_mig_sent *ret_sent, struct pvtb_err *err)
{
	u32 timeout_ms = opts->timeout_ms ?: TIMEOUT_MS;
	struct source s = {
		.vm = vm,
		.opts = opts,
		.ret = ret_sent,
		.out = {.fd = fd, .timeout_ms = timeout_ms, .frame_ms = FRAME_MS},
		.in = {.fd = fd, .timeout_ms = timeout_ms, .frame_ms = FRAME_MS},
		.mem = pvtb_vm_gpa(vm, PVTB_GPA_IMAGE),
		.nr_pages = pvtb_vm_mem_bytes(vm) / PVTB_MIG_PAGE,
		.nr_vcpus = pvtb_vm_spec(vm)->nr_vcpus,
	};
	int ret;

	memset(ret_sent, 0, sizeof(*ret_sent));
	s.dirty = calloc((s.nr_pages + 63) / 64, sizeof(u64));
	s.copy = malloc(PVTB_MIG_PAGES_MAX * PVTB_MIG_PAGE);
	ret = s.dirty && s.copy ? move(&s, err) : pvtb_err_sys(err, -ENOMEM, "dirty log");
	ret = reason_of(&s, ret, err);
	ret_sent->gone = !ret;
	if (ret) {
		/* A log nobody reads costs the guest some faults, and no more. */
		if (pvtb_vm_log_dirty(vm, false, NULL))
			ret_sent->log_stays = true;
		for (unsigned int i = 0; i < s.held; i++)
			pvtb_vm_resume(vm, i);
	}
	pvtb_mig_items_free(&s.vm_state);
	for (unsigned int i = 0; i < s.nr_vcpus; i++)
		pvtb_mig_items_free(&s.vcpu_state[i]);
	pvtb_mig_in_free(&s.in);
	free(s.dirty);
	free(s.copy);
	return ret;
}
