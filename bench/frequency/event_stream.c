// SPDX-License-Identifier: GPL-2.0-only
/*
 * frequency.event_stream: arm64's event stream (CNTKCTL_EL1) divides the counter as it is, so a guest that
 * was promised another frequency has to translate the divider, as the LPT proposal's driver does. Does the
 * register hold what it has to, and does WFE wake up as often as was asked, translated and not?
 */
#include "bench/frequency/frequency.h"

#include <inttypes.h>
#include <math.h>

#include "stats/lpt.h"

#define ASKED_HZ   10000 /* Linux's own event stream */
#define WAITS	   2000ULL
#define EVNTEN	   (1ULL << 2)
#define EVNTI(reg) ((unsigned int)((reg) >> 4) & 15)
#define EVNTI_MAX  15
/* A nearest power of two is at most the root of 2 away, and there are two of them: of the promised
 * frequency, and of the ratio of both. The CPU may be late. */
#define NEAREST	   (M_SQRT2 * M_SQRT2 * 1.05)
/* Shorter waits than this share of a period are none: an emulator's WFE yields. */
#define NO_WAIT	   0.1

/* Frequencies promised to the guest, as multiples of the counter's. */
static const struct promise {
	const char *name;
	u64 times, over;
} promises[] = {
	{"same", 1, 1},	   {"eighth", 1, 8},	 {"8_fifths", 8, 5},
	{"4_times", 4, 1}, {"3_sevenths", 3, 7},
};

struct stream {
	double asked_period; /* ticks of the counter */
	double set_period;   /* that the register makes */
	double waited;	     /* mean of the waits, ticks */
	unsigned int set, due;
	bool reachable; /* without a clamp on the way, which says nothing of the rate */
};

struct found {
	unsigned int wrong, off, off_shown, waiting, idle;
	double worst; /* ratio of rate to what was asked, translated */
};

/* By logarithms, where the guest has compared squares. */
static int nearest(double ratio)
{
	return (int)lround(log2(ratio));
}

static int clamped(struct stream *s, int i)
{
	s->reachable &= i >= 0 && i <= EVNTI_MAX;
	return i < 0 ? 0 : i > EVNTI_MAX ? EVNTI_MAX : i;
}

static int measure(struct freq_vm *vm, const struct promise *p, bool translate, struct stream *ret,
		   struct pvtb_err *err)
{
	u64 hz = vm->run->caps.counter_hz, pv_hz = hz * p->times / p->over;
	struct pvtb_lpt *lpt = pvtb_vm_gpa(vm->vm, PVTB_GPA_LPT);
	const struct pvtb_cmd cmd = {
		.op = "event_stream", .count = WAITS, .args = {PVTB_GPA_LPT, ASKED_HZ, translate}};
	struct pvtb_cmd_result res;
	int due, code = pvtb_lpt_coefficients(hz, pv_hz, lpt);

	if (code)
		return pvtb_err_sys(err, code, "LPT of %" PRIu64 " Hz", pv_hz);
	code = pvtb_vm_exec(vm->vm, 0, &cmd, 0, &res, err);
	if (code)
		return code;
	ret->set = res.ret[0] & EVNTEN ? EVNTI(res.ret[0]) : EVNTI_MAX + 1;
	ret->reachable = true;
	due = clamped(ret, nearest((double)pv_hz / ASKED_HZ) - 1);
	if (translate)
		due = clamped(ret, due + nearest((double)hz / (double)pv_hz));
	ret->due = (unsigned int)due;
	ret->asked_period = (double)hz / ASKED_HZ;
	ret->set_period = exp2(ret->set + 1);
	ret->waited = (double)(res.t_end_ticks - res.t_begin_ticks) / (double)res.ops;
	return 0;
}

static double away(double ratio)
{
	return ratio < 1 ? 1 / ratio : ratio;
}

static int look(const struct promise *p, bool translate, const struct stream *s, struct found *f,
		struct pvtb_variant_result *v)
{
	bool waits = s->waited > NO_WAIT * s->set_period;
	double period = waits ? s->waited : s->set_period;
	double rate = s->asked_period / period;
	char name[64];

	f->wrong += s->set != s->due;
	f->waiting += waits;
	f->idle += !waits;
	if (translate && s->reachable) {
		f->off += away(rate) > NEAREST;
		f->worst = fmax(f->worst, away(rate));
	}
	/* What is not translated is off by the ratio of the frequencies, to the nearest power of two. */
	if (!translate && s->reachable &&
	    away((double)p->times / (double)p->over) > M_SQRT2 * NEAREST)
		f->off_shown += away(rate) > NEAREST;
	snprintf(name, sizeof(name), "%s.%s", p->name, translate ? "translated" : "not");
	return freq_add(v, name, PVTB_UNIT_PER_SECOND, rate * ASKED_HZ, NAN, WAITS);
}

static int add_laws(const struct found *f, struct pvtb_variant_result *v)
{
	int ret = pvtb_variant_add_law(
		v, "divider", "CNTKCTL_EL1 holds the divider that was asked for",
		f->wrong ? PVTB_FAIL : PVTB_OK, "%u of %zu are not what arithmetic says", f->wrong,
		2 * PVTB_ARRAY_SIZE(promises));

	ret = ret
		      ?: pvtb_variant_add_law(
				 v, "translated",
				 "a translated divider makes the rate that was asked for, to the nearest power of two",
				 f->off ? PVTB_FAIL : PVTB_OK, "%u off, at most a factor of %.3f",
				 f->off, f->worst);
	ret = ret
		      ?: pvtb_variant_add_law(v, "not",
					      "one that is not translated shows: its rate is off",
					      f->off_shown ? PVTB_OK : PVTB_FAIL,
					      "off in %u of those that have to be", f->off_shown);
	/* Rates are the waits' where WFE waits, else what the register makes of the counter. */
	return ret
		       ?: pvtb_variant_add_law(
				  v, "wfe", "WFE waits for the event",
				  f->idle ? PVTB_SKIP : PVTB_OK,
				  f->idle ? "in %u of %u cases WFE did not wait (an emulator's yields): their rates "
					    "are the register's"
					  : "%u of %u cases did not wait",
				  f->idle, f->idle + f->waiting);
}

int freq_event_stream(struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	struct found f = {0};
	struct freq_vm vm;
	int ret;

	if (run->arch != PVTB_ARCH_ARM64)
		return pvtb_err_set(err, -EOPNOTSUPP, "event stream", "arm64's alone");
	ret = freq_vm_new(run, &vm, err);
	for (size_t i = 0; !ret && i < 2 * PVTB_ARRAY_SIZE(promises); i++) {
		struct stream s = {0};
		bool translate = i % 2;

		ret = measure(&vm, &promises[i / 2], translate, &s, err);
		if (!ret && look(&promises[i / 2], translate, &s, &f, v))
			ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	}
	if (!ret && add_laws(&f, v))
		ret = pvtb_err_sys(err, -ENOMEM, "frequency");
	freq_vm_free(&vm);
	return ret;
}
