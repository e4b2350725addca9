// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the lies about stolen time: how a value or a structure becomes wrong, one way each. Decides
 * nothing about what they are called: bench/steal/mutants.c says what each must be recognised as.
 */
#include "bench/steal/liar.h"

#include <sched.h>
#include <time.h>

/* Lies that are told once wait until so much was stolen, to have a past. */
#define FALL_FROM_NS 20000000ULL
#define ODD_FROM_NS  20000000ULL
/* More than the clocks of K and B can differ by in one event (PVTB_STEAL_LIMITS, EVENT_NS_VIRTUAL),
 * and less than half of what it is taken from, which would be a new start. */
#define FALL_NS	     3000000ULL
/* So that samples are sure to be taken in between. */
#define TORN_VISITS  20

static u64 tell_short(struct steal_liar *l, unsigned int i)
{
	return l->vcpus[i].now_ns - l->vcpus[i].now_ns / 100;
}

static u64 tell_twice(struct steal_liar *l, unsigned int i)
{
	return 2 * l->vcpus[i].now_ns;
}

/* Once, and from there on: at a moment at which nothing was stolen that would make up for it. */
static u64 tell_backwards(struct steal_liar *l, unsigned int i)
{
	struct steal_told *t = &l->vcpus[i];

	if (t->now_ns - t->start_ns >= FALL_FROM_NS && t->now_ns == t->last_ns)
		t->fell = true;
	return t->fell ? t->now_ns - FALL_NS : t->now_ns;
}

/* The value of one period before: what it was until it grew last. */
static u64 tell_stale(struct steal_liar *l, unsigned int i)
{
	return l->vcpus[i].before_ns;
}

static u64 tell_others(struct steal_liar *l, unsigned int i)
{
	return __atomic_load_n(&l->vcpus[i ^ 1].now_ns, __ATOMIC_RELAXED);
}

/* The group is this thread's alone, so its throttled time is the thread's; but by another clock, and
 * from before the thread has left the CPU. */
static u64 tell_without_throttling(struct steal_liar *l, unsigned int i)
{
	struct steal_told *t = &l->vcpus[i];
	struct pvtb_cgroup_throttled now = {.throttled_ns = t->throttled_ns};
	u64 waited_ns = t->now_ns - t->last_ns, ns;

	if (waited_ns) {
		pthread_mutex_lock(&l->group_lock);
		if (l->group.group && pvtb_cgroup_throttled(l->group.group, &now, NULL))
			now.throttled_ns = t->throttled_ns;
		pthread_mutex_unlock(&l->group_lock);
		ns = now.throttled_ns - t->throttled_ns;
		t->throttled_ns = now.throttled_ns;
		t->left_out_ns += ns < waited_ns ? ns : waited_ns;
	}
	return t->now_ns - t->left_out_ns;
}

static u64 tell_sleep(struct steal_liar *l, unsigned int i)
{
	return l->vcpus[i].now_ns + l->vcpus[i].slept_ns;
}

static u64 tell_microseconds(struct steal_liar *l, unsigned int i)
{
	return l->vcpus[i].now_ns / 1000;
}

static u64 tell_from_last_move(struct steal_liar *l, unsigned int i)
{
	struct steal_told *t = &l->vcpus[i];
	int cpu = sched_getcpu();

	if (cpu != t->cpu && t->visits)
		t->from_ns = t->now_ns;
	t->cpu = cpu;
	return t->now_ns - t->from_ns;
}

static void write_arm64(struct steal_told *t, u64 value_ns, void *structure)
{
	struct pvtb_arm64_steal *s = structure;

	__atomic_store_n(&s->stolen_time_ns, value_ns, __ATOMIC_RELEASE);
}

/* The upper half follows the lower one, only later. */
static void write_arm64_torn(struct steal_told *t, u64 value_ns, void *structure)
{
	struct pvtb_arm64_steal *s = structure;
	u32 was = (u32)(s->stolen_time_ns >> 32), is = (u32)(value_ns >> 32);

	if (was == is || !t->visits)
		t->high_since = t->visits;
	if (t->visits - t->high_since < TORN_VISITS && t->visits) {
		t->lies += was != is;
		value_ns = (u64)was << 32 | (u32)value_ns;
	}
	write_arm64(t, value_ns, structure);
}

/* msr.rst: odd while it is written. The vCPU is out, so nobody can be reading now. */
static void begin_x86(struct pvtb_x86_steal *s)
{
	__atomic_store_n(&s->version, s->version | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void write_x86(struct steal_told *t, u64 value_ns, void *structure)
{
	struct pvtb_x86_steal *s = structure;

	begin_x86(s);
	__atomic_store_n(&s->steal_ns, value_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&s->version, s->version + 1, __ATOMIC_RELEASE);
}

/* The value is right; that it is complete is never said. */
static void write_x86_odd(struct steal_told *t, u64 value_ns, void *structure)
{
	struct pvtb_x86_steal *s = structure;

	write_x86(t, value_ns, structure);
	if (t->now_ns - t->start_ns < ODD_FROM_NS)
		return;
	begin_x86(s);
	t->lies++;
}

#define WHOLE .write = write_arm64, .write_x86 = write_x86
const struct steal_lie steal_truth = {WHOLE};
const struct steal_lie steal_lie_short = {.value = tell_short, WHOLE};
const struct steal_lie steal_lie_twice = {.value = tell_twice, WHOLE};
const struct steal_lie steal_lie_backwards = {.value = tell_backwards, WHOLE};
const struct steal_lie steal_lie_stale = {.value = tell_stale, WHOLE};
const struct steal_lie steal_lie_swapped = {.value = tell_others, WHOLE};
const struct steal_lie steal_lie_no_throttling = {.value = tell_without_throttling, WHOLE};
const struct steal_lie steal_lie_sleep = {.value = tell_sleep, WHOLE};
const struct steal_lie steal_lie_microseconds = {.value = tell_microseconds, WHOLE};
const struct steal_lie steal_lie_restart = {.value = tell_from_last_move, WHOLE};
const struct steal_lie steal_lie_torn = {.write = write_arm64_torn};
const struct steal_lie steal_lie_odd = {.write_x86 = write_x86_odd};

void steal_liar_tell(struct pvtb_steal_ctx *ctx, const struct steal_lie *lie, unsigned int i,
		     u64 k_ns, void *structure)
{
	struct steal_liar *l = ctx->state;
	struct steal_told *t = &l->vcpus[i];
	u64 value_ns;

	if (!t->visits)
		t->start_ns = t->before_ns = t->last_ns = k_ns;
	else
		t->last_ns = t->now_ns;
	if (k_ns != t->last_ns)
		t->before_ns = t->last_ns;
	__atomic_store_n(&t->now_ns, k_ns, __ATOMIC_RELAXED);
	value_ns = lie->value ? lie->value(l, i) : k_ns;
	t->lies += value_ns != k_ns;
	value_ns += ctx->scenario->first_value;
	if (ctx->run->arch == PVTB_ARCH_ARM64)
		lie->write(t, value_ns, structure);
	else
		lie->write_x86(t, value_ns, structure);
	t->visits++;
}

void steal_liar_sleep(struct steal_liar *l, unsigned int i, u64 ns)
{
	struct timespec ts = {.tv_nsec = (long)ns};
	u64 start_ns = pvtb_mono_ns();

	nanosleep(&ts, NULL);
	l->vcpus[i].slept_ns += pvtb_mono_ns() - start_ns;
}
