// SPDX-License-Identifier: GPL-2.0-only
/* Owns the VM that Live Physical Time is judged in: its structure, its readers, its writer. */
#include "bench/lpt/lpt.h"

#include <pthread.h>
#include <string.h>

#include "core/affinity.h"
#include "core/signals.h"
#include "load/wait.h"

/* As many times as long, at most. */
#define STRETCHES 6

static void choose_cpus(const struct pvtb_run *run, unsigned int nr, int *cpus)
{
	int found[LPT_MAX_VCPUS], online = (int)sysconf(_SC_NPROCESSORS_CONF);
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr; i++)
		cpus[i] = -1;
	if (run->vcpu_cpu < 0)
		return;
	found[n++] = run->vcpu_cpu;
	/* Which others may be used is told by trying. */
	for (int cpu = 0; cpu < online && n < nr; cpu++)
		if (cpu != run->vcpu_cpu && cpu != run->harness_cpu && !pvtb_pin_self(cpu, NULL))
			found[n++] = cpu;
	if (n > 1 && pvtb_pin_self(run->harness_cpu, NULL))
		n = 1;
	for (unsigned int i = 0; i < nr; i++)
		cpus[i] = found[i % n];
}

int lpt_vm_new(struct pvtb_run *run, unsigned int nr_vcpus, struct lpt_vm *ret,
	       struct pvtb_err *err)
{
	int cpus[LPT_MAX_VCPUS];
	const struct pvtb_vm_spec spec = {.nr_vcpus = nr_vcpus, .cpus = cpus};

	choose_cpus(run, nr_vcpus, cpus);
	*ret = (struct lpt_vm){.run = run, .nr_vcpus = nr_vcpus};
	return pvtb_vm_new(&spec, &ret->vm, err);
}

void lpt_vm_free(struct lpt_vm *v)
{
	pvtb_vm_free(v->vm);
	v->vm = NULL;
}

u64 lpt_address(unsigned int vcpu, bool own)
{
	return PVTB_GPA_LPT + (own ? vcpu * sizeof(struct pvtb_lpt) : 0);
}

struct pvtb_lpt *lpt_structure(const struct lpt_vm *v, unsigned int vcpu, bool own)
{
	return pvtb_vm_gpa(v->vm, lpt_address(vcpu, own));
}

int lpt_right(u64 native_hz, u64 pv_hz, struct pvtb_lpt *ret, struct pvtb_err *err)
{
	int code;

	memset(ret, 0, sizeof(*ret));
	code = pvtb_lpt_coefficient(native_hz, pv_hz, &ret->scale_mult, &ret->fracbits);
	if (!code)
		code = pvtb_lpt_coefficient(pv_hz, native_hz, &ret->rscale_mult, &ret->rfracbits);
	if (code)
		return pvtb_err_sys(err, code, "LPT from %llu to %llu Hz",
				    (unsigned long long)native_hz, (unsigned long long)pv_hz);
	ret->native_freq = native_hz > UINT32_MAX ? 0 : (u32)native_hz;
	ret->pv_freq = pv_hz > UINT32_MAX ? 0 : (u32)pv_hz;
	return 0;
}

static enum pvtb_level level(const struct pvtb_run *run)
{
	/* Ring 3 runs natively where KVM itself is emulated in ring 0. */
	return run->arch == PVTB_ARCH_X86_64 ? PVTB_LEVEL_USER : PVTB_LEVEL_KERNEL;
}

int lpt_read(struct lpt_vm *v, unsigned int vcpu, bool own, u64 native_hz, u64 mask, u64 n,
	     struct lpt_pairs *ret, struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "lpt_pair",
		.level = level(v->run),
		.count = n,
		.args = {lpt_address(vcpu, own), native_hz * LPT_YEAR_S,
			 native_hz ? LPT_YEARS + 1 : 1, mask},
	};
	struct pvtb_cmd_result res;
	u64 len;
	int code = pvtb_vm_exec(v->vm, vcpu, &cmd, 0, &res, err);

	if (code)
		return code;
	/* the ring is longer than any command here */
	ret->pairs = (struct pvtb_sample *)pvtb_vm_ring(v->vm, vcpu, &len);
	ret->n = res.taken;
	ret->seq_first = res.ret[0];
	ret->seq_last = res.ret[1];
	return pvtb_check_interrupted(err);
}

/* ---- updates ---- */

void lpt_update_right(struct lpt_writer *w, const struct pvtb_lpt *next)
{
	pvtb_lpt_publish(w->shared, next);
}

/* The same value whatever the version: a coefficient whose low bits are 0, with less and less of
 * them. Two versions mixed are a factor of 2 or more off. */
static int make_versions(struct lpt_writer *w, u64 native_hz, struct pvtb_err *err)
{
	struct pvtb_lpt base;
	int code = lpt_right(native_hz, native_hz / 3 * 4 + 1, &base, err);

	for (u32 i = 0; !code && i < LPT_VERSIONS; i++) {
		w->versions[i] = base;
		w->versions[i].scale_mult = base.scale_mult >> LPT_VERSIONS << (LPT_VERSIONS - i);
		w->versions[i].fracbits = base.fracbits - i;
	}
	return code;
}

static void *write_updates(void *opaque)
{
	struct lpt_writer *w = opaque;
	u64 begin_ns = pvtb_mono_ns(), next_ns = begin_ns;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		if (w->gap_ns && pvtb_mono_ns() < next_ns)
			continue;
		next_ns += w->gap_ns;
		w->updates++;
		w->update(w, &w->versions[w->updates % LPT_VERSIONS]);
	}
	w->wall_ns = pvtb_mono_ns() - begin_ns;
	return NULL;
}

static u64 watch_gpa(unsigned int vcpu)
{
	return PVTB_GPA_SCRATCH + vcpu * 4096ULL;
}

static int start_reader(struct lpt_vm *v, unsigned int vcpu, const struct lpt_writer *w,
			struct pvtb_err *err)
{
	const struct pvtb_cmd cmd = {
		.op = "lpt_watch",
		.level = level(v->run),
		.mode = PVTB_MODE_LOOP,
		.args = {PVTB_GPA_LPT, w->versions[0].scale_mult, w->versions[0].fracbits,
			 watch_gpa(vcpu)},
	};

	memset(pvtb_vm_gpa(v->vm, watch_gpa(vcpu)), 0, sizeof(struct pvtb_lpt_watch));
	return pvtb_vm_start(v->vm, vcpu, &cmd, err);
}

static bool all_have_seen(const struct lpt_vm *v)
{
	for (unsigned int i = 0; i < v->nr_vcpus; i++) {
		const struct pvtb_lpt_watch *w = pvtb_vm_gpa(v->vm, watch_gpa(i));

		/* what was seen without its number counts as well */
		if (__atomic_load_n(&w->updates, __ATOMIC_RELAXED) +
			    __atomic_load_n(&w->silent, __ATOMIC_RELAXED) <
		    LPT_SEEN_MIN)
			return false;
	}
	return true;
}

static int let_run(const struct lpt_vm *v, u64 run_ns, struct pvtb_err *err)
{
	u64 end_ns = pvtb_mono_ns() + run_ns;

	for (unsigned int i = 0; i < STRETCHES; i++) {
		if (pvtb_load_wait_until(end_ns, -1))
			return pvtb_check_interrupted(err);
		if (all_have_seen(v))
			break;
		end_ns += run_ns;
	}
	return 0;
}

int lpt_stress(struct lpt_vm *v, u64 run_ns, u64 gap_ns,
	       void (*update)(struct lpt_writer *w, const struct pvtb_lpt *next),
	       struct lpt_stress *s, struct pvtb_err *err)
{
	struct lpt_writer *w = &s->writer;
	u64 hz = v->run->caps.counter_hz, begin_ns;
	unsigned int started = 0;
	pthread_t thread;
	int ret, r;

	memset(s, 0, sizeof(*s));
	w->shared = lpt_structure(v, 0, false);
	w->gap_ns = gap_ns;
	w->update = update;
	ret = make_versions(w, hz ? hz : PVTB_NSEC_PER_SEC, err);
	if (ret)
		return ret;
	pvtb_lpt_publish(w->shared, &w->versions[0]);
	r = pthread_create(&thread, NULL, write_updates, w);
	if (r)
		return pvtb_err_sys(err, -r, "LPT writer");
	begin_ns = pvtb_mono_ns();
	for (; !ret && started < v->nr_vcpus; started += !ret)
		ret = start_reader(v, started, w, err);
	if (!ret)
		ret = let_run(v, run_ns, err);
	for (unsigned int i = 0; i < started; i++)
		pvtb_vm_stop_cmd(v->vm, i);
	for (unsigned int i = 0; i < started; i++) {
		struct pvtb_cmd_result res;

		r = pvtb_vm_wait(v->vm, i, 0, &res, ret ? NULL : err);
		ret = ret ?: r;
		memcpy(&s->watch[i], pvtb_vm_gpa(v->vm, watch_gpa(i)), sizeof(s->watch[i]));
	}
	s->wall_ns = pvtb_mono_ns() - begin_ns;
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return ret ?: pvtb_check_interrupted(err);
}
