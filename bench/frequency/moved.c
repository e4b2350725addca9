// SPDX-License-Identifier: GPL-2.0-only
/* frequency.moved: a vCPU moved between CPUs while it reads; and do the CPUs' counters agree? */
#include "bench/frequency/frequency.h"

#include <inttypes.h>
#include <math.h>

#include "load/mover.h"
#include "timeline/cpu_offset.h"

#define PERIOD_NS	   1000000ULL
#define PERIOD_NS_EMULATED 10000000ULL
#define ROUNDS		   20000
#define ROUNDS_EMULATED	   500
#define MOVES_MIN	   10

struct moving {
	const struct pvtb_run *run;
	pid_t tid;
	struct pvtb_mover *mover;
	u64 moves;
};

static int start(void *opaque, struct pvtb_err *err)
{
	struct moving *m = opaque;
	const struct pvtb_mover_spec spec = {
		.tid = m->tid,
		.nr_cpus = 2,
		.cpus = {m->run->vcpu_cpu, m->run->harness_cpu},
		.period_ns = m->run->emulated ? PERIOD_NS_EMULATED : PERIOD_NS,
	};

	return pvtb_mover_start(&spec, &m->mover, err);
}

static int stop(void *opaque, struct pvtb_err *err)
{
	struct moving *m = opaque;
	int ret = pvtb_mover_stop(m->mover, &m->moves, err);

	m->mover = NULL;
	return ret;
}

static int judge(const struct moving *m, const struct freq_seen *s, const struct pvtb_cpu_offset *o,
		 struct pvtb_variant_result *v)
{
	double middle = ((double)o->low_ticks + (double)o->high_ticks) / 2;
	double half = ((double)o->high_ticks - (double)o->low_ticks) / 2;
	int ret = freq_tell("", s, v);

	if (!ret)
		ret = pvtb_variant_add_metric(v, "moves", PVTB_UNIT_COUNT, PVTB_KIND_COUNT,
					      PVTB_NEITHER_IS_BETTER, (double)m->moves, NAN, NAN,
					      m->moves);
	if (!ret)
		ret = freq_add(v, "offset", PVTB_UNIT_TICKS, middle, half, o->rounds);
	if (!ret)
		ret = freq_monotonic(s, v);
	if (!ret)
		ret = pvtb_variant_add_law(v, "moved", "the vCPU really was moved",
					   m->moves >= MOVES_MIN ? PVTB_OK : PVTB_INCONCLUSIVE,
					   "%" PRIu64 " moves between CPUs %d and %d", m->moves,
					   o->cpu_a, o->cpu_b);
	if (!ret)
		ret = pvtb_variant_add_law(
			v, "offset", "nothing arrives before it was sent",
			o->warps    ? PVTB_FAIL
			: o->rounds ? PVTB_OK
				    : PVTB_INCONCLUSIVE,
			"CPU %d's counter - CPU %d's between %" PRId64 " and %" PRId64
			" ticks, %" PRIu64 " warps in %" PRIu64 " exchanges",
			o->cpu_b, o->cpu_a, o->low_ticks, o->high_ticks, o->warps, o->rounds);
	return ret ?: freq_step(v, "moved", s);
}

int freq_moved(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct pvtb_cpu_offset offset;
	struct moving m = {.run = run};
	struct freq_seen seen;
	struct freq_vm vm;
	int ret;

	if (run->vcpu_cpu < 0 || run->vcpu_cpu == run->harness_cpu)
		return pvtb_err_set(err, -EOPNOTSUPP, "moving", "one CPU only");
	ret = pvtb_cpu_offset(run->vcpu_cpu, run->harness_cpu,
			      run->emulated ? ROUNDS_EMULATED : ROUNDS, &offset, err);
	if (ret)
		return ret;
	ret = freq_vm_new(run, &vm, err);
	if (!ret) {
		m.tid = pvtb_vm_tid(vm.vm, 0);
		ret = freq_watch(&vm, freq_run_ns(run), start, stop, &m, &seen, err);
	}
	if (!ret && judge(&m, &seen, &offset, v))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	freq_vm_free(&vm);
	return ret;
}
