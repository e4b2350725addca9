// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is concluded of a migration, from made-up samples of a guest whose time is known: a right one is
 * not accused, and each way of being wrong is seen and called what it is.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "bench/migration/engine.h"
#include "stats/lpt.h"

#define SOURCE_HZ  62500000ULL
#define SCALED_HZ  37499000ULL
#define PV_HZ	   1000000000ULL
#define BEFORE_NS  400000000ULL
#define SAMPLE_NS  1000000ULL
#define RAW_ORIGIN 5000000000ULL

/* A guest's life, in time of the source's clock from its first sample on; what is 0 is as usual. */
struct life {
	const struct pvtb_migration_scenario *sc;
	u64 target_hz, gap_ns;	      /* out for that long */
	u64 guest_hz;		      /* of its counter, where KVM scales */
	bool unscaled;		      /* ... but not on the target */
	double rate_ppb;	      /* its counter, on both hosts, against their clocks */
	double jump_ns;		      /* by the move's own doing */
	double lpt_rate;	      /* of LPT after the move, 1: right */
	s64 offset_ns;		      /* source's clock - target's */
	s64 real_offset_ns;	      /* the same of CLOCK_REALTIME */
	u64 steal_ns, steal_after_ns; /* stolen time all along, and after the move */
	u64 sync_unc_ns, sequence, skew_ticks;
	s64 blur_ticks; /* how much wider each vCPU's counter is bracketed */
	bool still;	/* the sequence number is */
};

struct fixture {
	struct migration_measured m;
	struct pvtb_run run;
	struct pvtb_host_result host;
};

/* The guest's is a copy of it, so that what the one is off by the other is. */
static u64 host_counter(double raw_ns, double hz, const struct life *l)
{
	return (u64)llround(raw_ns * hz / 1e9 * (1 + l->rate_ppb * 1e-9));
}

static void fill_phase(struct migration_measured *m, struct migration_phase *p,
		       const struct life *l, u64 hz, u64 raw_begin, u64 raw_end, u64 first,
		       u64 behind)
{
	p->begin.raw_ns = raw_begin;
	p->end.raw_ns = raw_end;
	p->begin.c0_ticks = p->begin.c1_ticks = host_counter((double)raw_begin, (double)hz, l);
	p->end.c0_ticks = p->end.c1_ticks = host_counter((double)raw_end, (double)hz, l);
	for (unsigned int i = 0; i < m->nr_vcpus; i++) {
		p->first[i] = first;
		p->behind[i] = behind;
	}
}

/* Samples of the counter and of LPT at @raw_ns of the host, whose own counter is hz * raw. @at_ns: what
 * the guest's clock should show. Distance of guest and host counters is 0 but for drift and jump. */
static void live(struct fixture *f, const struct life *l)
{
	u64 target_hz = l->target_hz ?: SOURCE_HZ, gap_ns = l->gap_ns ?: 20000000;
	double lpt_rate = l->lpt_rate > 0 ? l->lpt_rate : 1;
	struct migration_measured *m = &f->m;
	u64 n = 0, nr_before = BEFORE_NS / SAMPLE_NS, nr_after = nr_before;
	u64 guest_hz = l->guest_hz ?: SOURCE_HZ;
	u64 after_hz = l->guest_hz && !l->unscaled ? l->guest_hz : target_hz;
	bool hosts = l->sc->way == PVTB_MIGRATION_HOSTS;

	memset(m, 0, sizeof(*m));
	m->nr_vcpus = l->sc->nr_vcpus ?: 1;
	m->target_hz = target_hz;
	m->counter_hz = guest_hz;
	m->lpt_pv_hz = PV_HZ;
	m->times = l->sc->times ?: 1;
	m->lpt_left = 2;
	m->lpt_end.sequence_number = 2 + (l->still ? 0 : l->sequence ?: 2);
	m->before.host_hz = SOURCE_HZ;
	m->before.guest_hz = guest_hz;
	m->after.host_hz = target_hz;
	m->after.guest_hz = after_hz;
	fill_phase(m, &m->before, l, SOURCE_HZ, RAW_ORIGIN, RAW_ORIGIN + BEFORE_NS, 0, nr_before);
	fill_phase(m, &m->after, l, target_hz,
		   RAW_ORIGIN + BEFORE_NS + gap_ns - (u64)(hosts ? l->offset_ns : 0),
		   RAW_ORIGIN + 2 * BEFORE_NS + gap_ns - (u64)(hosts ? l->offset_ns : 0), nr_before,
		   nr_before + nr_after);
	for (; n < nr_before + nr_after; n++) {
		bool after = n >= nr_before;
		/* by the source's clock, and by that of the host it is on */
		double t = (double)n * SAMPLE_NS + (after ? (double)gap_ns : 0);
		double own = RAW_ORIGIN + t - (after && hosts ? (double)l->offset_ns : 0);
		double hz = (double)(after ? target_hz : SOURCE_HZ);
		double since = after ? t - (double)(BEFORE_NS + gap_ns) : 0;
		double off = (1 + l->rate_ppb * 1e-9) * t + (after ? l->jump_ns : 0) - t;
		double guest = t + off;
		double rate = (double)(after ? after_hz : guest_hz);
		double native = (t - since + off) * (double)guest_hz / 1e9 + since * rate / 1e9;
		double lpt = guest + (after ? since * (lpt_rate - 1) : 0);

		for (unsigned int v = 0; v < m->nr_vcpus; v++) {
			struct pvtb_time_sample *s = &m->samples[v][n];
			struct migration_bounds *b =
				after ? &m->after.bounds[v] : &m->before.bounds[v];
			u64 c = 1000 + (u64)llround(native) + (after && v ? l->skew_ticks : 0);
			s64 delta = (s64)(c - migration_host_ticks(after ? &m->after : &m->before,
								   host_counter(own, hz, l)));

			s->index = n;
			s->c0 = s->c1 = c;
			s->lpt = 1000 + (u64)llround(lpt);
			s->steal = after ? l->steal_after_ns : l->steal_ns;
			s->clock = 1000 + (u64)llround(guest);
			if (!b->seen++)
				b->low = b->high = delta;
			b->low = delta < b->low ? delta : b->low;
			b->high = delta > b->high ? delta : b->high;
			if (after && n == nr_before)
				b->high += l->blur_ticks;
		}
	}
	for (unsigned int v = 0; v < m->nr_vcpus; v++)
		m->taken[v] = n;
	m->received.set.raw_ns = m->after.begin.raw_ns;
	m->received.predicted = true;
	m->blackout_ns = gap_ns;
	for (unsigned int i = 0; i < 2; i++)
		m->sync[i] = (struct pvtb_mig_sync){
			.offset_ns = l->offset_ns,
			.real_offset_ns = l->real_offset_ns,
			.unc_ns = l->sync_unc_ns,
			.at_ns = m->after.begin.raw_ns + i * BEFORE_NS,
		};
}

static struct pvtb_result *judged(struct fixture *f, const struct life *l,
				  const struct pvtb_variant_result **ret_v)
{
	struct pvtb_result *r = pvtb_result_new("", "");
	struct pvtb_variant_result *v = pvtb_bench_add_variant(
		pvtb_host_add_bench(pvtb_result_add_host(r, "test"), "migration", ""), "x", "");
	struct pvtb_err err = {0};

	live(f, l);
	f->run.emulated = false;
	if (migration_judge(l->sc, &f->run, &f->m, v, &err))
		fail_msg("%s: %s", err.what, err.why);
	*ret_v = v;
	return r;
}

static double metric(const struct pvtb_variant_result *v, const char *name)
{
	const struct pvtb_metric *m = pvtb_variant_metric(v, name);

	assert_non_null(m);
	return m->value;
}

static enum pvtb_status law(const struct pvtb_variant_result *v, const char *name)
{
	for (size_t i = 0; i < v->nr_laws; i++)
		if (!strcmp(v->laws[i].name, name))
			return v->laws[i].status;
	fail_msg("no law %s", name);
	return PVTB_INVALID;
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static const struct pvtb_migration_scenario by_offset = {.name = "x", .method = PVTB_MIG_BY_OFFSET};
static const struct pvtb_migration_scenario by_lpt = {.name = "x", .method = PVTB_MIG_BY_LPT};
static const struct pvtb_migration_scenario many = {
	.name = "x", .method = PVTB_MIG_BY_OFFSET, .times = 50};
static const struct pvtb_migration_scenario two_vcpus = {
	.name = "x", .method = PVTB_MIG_BY_OFFSET, .nr_vcpus = 2};
static const struct pvtb_migration_scenario lpt_two_vcpus = {
	.name = "x", .method = PVTB_MIG_BY_LPT, .nr_vcpus = 2};
static const struct pvtb_migration_scenario hosts_offset = {
	.name = "x", .method = PVTB_MIG_BY_OFFSET, .way = PVTB_MIGRATION_HOSTS};
static const struct pvtb_migration_scenario hosts_lpt = {
	.name = "x", .method = PVTB_MIG_BY_LPT, .way = PVTB_MIGRATION_HOSTS, .after_ms = 10000};

#define CLOCK .name = "x", .method = PVTB_MIG_BY_OFFSET, .kvmclock = true
static const struct pvtb_migration_scenario clock_alone = {CLOCK};
static const struct pvtb_migration_scenario hosts_clock = {CLOCK, .kvmclock_real = true,
							   .way = PVTB_MIGRATION_HOSTS};
static const struct pvtb_migration_scenario as_set = {
	CLOCK, .kvmclock_real = true, .way = PVTB_MIGRATION_HOSTS, .fault = PVTB_MIG_CLOCK_AS_SET};

#define LIFE(s, ...)                                                                               \
	{                                                                                          \
		.sc = &(s), ##__VA_ARGS__                                                          \
	}

static void right_ones_are_not_accused(void **state)
{
	static const struct life lives[] = {
		LIFE(by_offset),
		LIFE(by_lpt),
		LIFE(by_offset, .rate_ppb = 40000),
		LIFE(two_vcpus),
		LIFE(lpt_two_vcpus),
		LIFE(by_offset, .guest_hz = SCALED_HZ),
		LIFE(by_offset, .guest_hz = SCALED_HZ, .rate_ppb = -30000),
		LIFE(two_vcpus, .guest_hz = SCALED_HZ),
		LIFE(by_offset, .guest_hz = SCALED_HZ, .unscaled = true),
		LIFE(hosts_offset, .guest_hz = SCALED_HZ, .target_hz = 100000000, .offset_ns = 5,
		     .sync_unc_ns = 1000),
		LIFE(hosts_offset, .offset_ns = -123456789, .sync_unc_ns = 1000),
		LIFE(hosts_offset, .target_hz = 100000000, .offset_ns = 77, .sync_unc_ns = 1000),
		LIFE(hosts_lpt, .target_hz = 100000000, .offset_ns = 1234567, .sync_unc_ns = 1000),
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(lives); i++) {
		const struct pvtb_variant_result *v;
		struct pvtb_result *r = judged(*state, &lives[i], &v);

		for (size_t k = 0; k < v->nr_laws; k++)
			if (v->laws[k].status != PVTB_OK)
				fail_msg("life %zu: %s: %s", i, v->laws[k].name,
					 v->laws[k].verdict);
		assert_null(((struct fixture *)*state)->m.found);
		pvtb_result_free(r);
	}
}

/* A value that was 0 when the guest left cannot drop, so that nothing is seen. */
static void stolen_time_has_to_be_there(void **state)
{
	static const struct {
		struct life life;
		enum pvtb_status expected;
	} cases[] = {
		{LIFE(by_offset), PVTB_INCONCLUSIVE},
		{LIFE(by_offset, .steal_after_ns = 5), PVTB_INCONCLUSIVE},
		{LIFE(by_offset, .steal_ns = 1000, .steal_after_ns = 1000), PVTB_OK},
		{LIFE(by_offset, .steal_ns = 1000, .steal_after_ns = 999), PVTB_FAIL},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		struct fixture *f = *state;
		const struct pvtb_variant_result *v;
		struct pvtb_result *r;

		f->run.caps.steal = true;
		r = judged(f, &cases[i].life, &v);
		assert_int_equal(law(v, "stolen"), cases[i].expected);
		pvtb_result_free(r);
	}
}

/* Two counters that are known to a millisecond each may be two milliseconds apart. */
static void counters_known_badly_do_not_agree(void **state)
{
	struct fixture *f = *state;
	const struct life sharp = LIFE(two_vcpus),
			  blurred = LIFE(two_vcpus, .blur_ticks = SOURCE_HZ / 250);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(f, &sharp, &v);

	assert_int_equal(law(v, "skew"), PVTB_OK);
	pvtb_result_free(r);
	r = judged(f, &blurred, &v);
	assert_int_equal(law(v, "skew"), PVTB_INCONCLUSIVE);
	pvtb_result_free(r);
}

/* What is smaller than the uncertainty has not been seen: a delay of a microsecond where the hosts' clocks
 * are known to 100, a frequency that is another by 16 ppb. */
static void too_small_to_see(void **state)
{
	static const struct pvtb_migration_scenario delayed = {.name = "x",
							       .method = PVTB_MIG_BY_VALUE,
							       .way = PVTB_MIGRATION_HOSTS,
							       .delay_us = 1};
	static const struct life behind =
		LIFE(delayed, .jump_ns = -1000, .offset_ns = 5, .sync_unc_ns = 100000);
	static const struct life close =
		LIFE(hosts_offset, .target_hz = SOURCE_HZ + 1, .offset_ns = 5, .sync_unc_ns = 1000);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(*state, &behind, &v);

	assert_int_equal(law(v, "brittle"), PVTB_INCONCLUSIVE);
	pvtb_result_free(r);
	r = judged(*state, &close, &v);
	assert_int_equal(law(v, "rate"), PVTB_INCONCLUSIVE);
	pvtb_result_free(r);
}

/* Half a ppm for the second that 50 moves take is 500 ns, and no move's doing. */
static void drift_is_no_jump(void **state)
{
	const struct life l = LIFE(many, .rate_ppb = -500, .gap_ns = 1000000000, .sequence = 100);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(*state, &l, &v);

	assert_true(fabs(metric(v, "jump")) < 50);
	assert_true(fabs(metric(v, "rate.before") + 500) < 100);
	assert_int_equal(law(v, "continuity"), PVTB_OK);
	pvtb_result_free(r);
}

static void jumps_are_seen(void **state)
{
	static const double jumps_ns[] = {-10000000, -5000, 5000, 1000000};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(jumps_ns); i++) {
		const struct life l = LIFE(by_offset, .jump_ns = jumps_ns[i]);
		const struct pvtb_variant_result *v;
		struct pvtb_result *r = judged(*state, &l, &v);

		assert_true(fabs(metric(v, "jump") - jumps_ns[i]) < 100);
		assert_int_equal(law(v, "continuity"), PVTB_FAIL);
		pvtb_result_free(r);
	}
}

/* Without LPT the rate is wrong by the ratio, and that exactly; with LPT it must not be. */
static void ratios_are_exact(void **state)
{
	const struct life faster = LIFE(hosts_offset, .target_hz = 100000000, .sync_unc_ns = 100);
	const struct life slow_lpt =
		LIFE(hosts_lpt, .target_hz = 100000000, .sync_unc_ns = 100, .lpt_rate = 0.99999);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(*state, &faster, &v);

	assert_true(fabs(metric(v, "rate.after") - 600000000) < 1000);
	assert_int_equal(law(v, "rate"), PVTB_OK);
	pvtb_result_free(r);
	r = judged(*state, &slow_lpt, &v);
	assert_int_equal(law(v, "true"), PVTB_FAIL);
	pvtb_result_free(r);
}

/* A guest of another frequency than the host's: a jump is seen in its own time, and left at the host's it is
 * wrong by the ratio. */
static void scaled_guests_are_judged_by_their_own(void **state)
{
	const struct life jumps = LIFE(by_offset, .guest_hz = SCALED_HZ, .jump_ns = 5000);
	const struct life left = LIFE(by_offset, .guest_hz = SCALED_HZ, .unscaled = true);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(*state, &jumps, &v);

	assert_true(fabs(metric(v, "jump") - 5000) < 100);
	assert_int_equal(law(v, "continuity"), PVTB_FAIL);
	assert_int_equal(law(v, "rate"), PVTB_OK);
	pvtb_result_free(r);
	r = judged(*state, &left, &v);
	assert_true(fabs(metric(v, "rate.after") -
			 ((double)SOURCE_HZ / (double)SCALED_HZ - 1) * 1e9) < 1000);
	pvtb_result_free(r);
}

/* A jump that the comparison of the clocks cannot tell from none is none. */
static void what_is_not_known_is_allowed(void **state)
{
	const struct life within =
		LIFE(hosts_lpt, .jump_ns = 900, .sync_unc_ns = 1000, .target_hz = 100000000);
	const struct life beyond =
		LIFE(hosts_lpt, .jump_ns = 3000, .sync_unc_ns = 1000, .target_hz = 100000000);
	const struct pvtb_variant_result *v;
	struct pvtb_result *r = judged(*state, &within, &v);

	assert_int_equal(law(v, "continuity"), PVTB_OK);
	pvtb_result_free(r);
	r = judged(*state, &beyond, &v);
	assert_int_equal(law(v, "continuity"), PVTB_FAIL);
	pvtb_result_free(r);
}

/* Without KVM_CLOCK_REALTIME kvmclock stands still while the guest is out; with it, and translated, it goes
 * on; by clocks that are set differently it jumps ahead by that, or stands still. */
static void kvmclock_is_judged_by_what_it_was_given(void **state)
{
	static const struct {
		struct life l;
		enum pvtb_status want;
	} cases[] = {
		{LIFE(clock_alone, .jump_ns = -15000000), PVTB_OK},
		{LIFE(clock_alone, .jump_ns = -25000000), PVTB_FAIL},
		{LIFE(hosts_clock, .sync_unc_ns = 1000, .real_offset_ns = 1 << 30), PVTB_OK},
		{LIFE(hosts_clock, .sync_unc_ns = 1000, .target_hz = 62600000), PVTB_OK},
		{LIFE(hosts_clock, .sync_unc_ns = 1000, .jump_ns = -15000000), PVTB_FAIL},
		{LIFE(hosts_clock, .sync_unc_ns = 1000, .jump_ns = 60000), PVTB_FAIL},
		{LIFE(as_set, .jump_ns = 1e8, .real_offset_ns = -100000000), PVTB_OK},
		{LIFE(as_set, .jump_ns = 0, .real_offset_ns = -100000000), PVTB_FAIL},
		{LIFE(as_set, .jump_ns = 1.001e8, .real_offset_ns = -100000000), PVTB_FAIL},
		{LIFE(as_set, .jump_ns = -15000000, .real_offset_ns = 100000000), PVTB_OK},
		{LIFE(as_set, .jump_ns = -1e8, .real_offset_ns = 100000000), PVTB_FAIL},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		const struct pvtb_variant_result *v;
		struct pvtb_result *r = judged(*state, &cases[i].l, &v);

		if (law(v, "continuity") != cases[i].want || law(v, "rate") != PVTB_OK)
			fail_msg("case %zu: jumped %.0f ns", i, metric(v, "jump"));
		pvtb_result_free(r);
	}
}

static void faults_have_names(void **state)
{
	static const struct {
		struct life l;
		const char *name;
	} cases[] = {
		{LIFE(by_lpt, .still = true), "LPT's sequence number does not move"},
		{LIFE(lpt_two_vcpus, .sequence = 4), "LPT is updated once per vCPU"},
		{LIFE(two_vcpus, .skew_ticks = 100000), "the counter's offset is one vCPU's only"},
	};

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(cases); i++) {
		const struct pvtb_variant_result *v;
		struct pvtb_result *r = judged(*state, &cases[i].l, &v);

		assert_string_equal(((struct fixture *)*state)->m.found, cases[i].name);
		assert_int_equal(v->status, PVTB_FAIL);
		pvtb_result_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(right_ones_are_not_accused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_small_to_see, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stolen_time_has_to_be_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_known_badly_do_not_agree, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(drift_is_no_jump, set_up, tear_down),
		cmocka_unit_test_setup_teardown(jumps_are_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ratios_are_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scaled_guests_are_judged_by_their_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_known_is_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kvmclock_is_judged_by_what_it_was_given, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(faults_have_names, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
