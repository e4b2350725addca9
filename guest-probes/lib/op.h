/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an operation becomes something the harness can call: one macro makes the function that runs
 * it in every mode of the contract (abi/guest.h) and its entry in the op table.
 *
 * Nothing but the op itself is inside a measured window: no call, no store, no access to the
 * control page. What the compiler needs across the window is the control pointer, one index and
 * the op's own set-up; the rest is read again after it.
 *
 * From "arch.h" (guest-probes/<arch>/) this needs:
 *   u64 arch_begin(void)	  counter read that nothing after it can overtake
 *   u64 arch_end(void)		  counter read that overtakes nothing before it
 *   u64 arch_counter(void)	  counter read ordered after all earlier loads
 *   const u64 *arch_after(const u64 *p, u64 v)  p, in a way that a load from it waits for v
 *   u64 arch_counter_hz(void)	  what the guest is told, 0 when it is not
 *   void arch_load_barrier(void) earlier loads before later loads
 *   void arch_relax(void)	  in a waiting loop
 *   void arch_doorbell(void)	  exit to the harness, does not return
 */
#ifndef PVTB_GUEST_OP_H
#define PVTB_GUEST_OP_H

#include "abi/guest.h"

typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned __int128 u128;

#include "arch.h"

/* What an op hands back besides its samples. */
struct pvtb_done {
	u64 ops;
	u64 t_begin;
	u64 t_end;
	u64 ret[4];
};

/* Publish the results and ring the doorbell. Not part of any op's text, so that the exit it causes
 * is never taken for one of the op's. */
void pvtb_op_finish(struct pvtb_ctl *ctl, enum pvtb_cmd_status status, const struct pvtb_done *done)
	__attribute__((noreturn));

/*
 * Table entry and text section. The linker sorts .optext.* by name: ".a" is the function, ".b" a
 * label behind it, so that [op_<id>, op_<id>_text_end] is the op's text and nobody else's. Size
 * and alignment of an entry are both 64 bytes: the section is an array whatever the compiler
 * thinks of alignment.
 */
#define PVTB_OP_ENTRY(id, opname)                                                                  \
	void op_##id(struct pvtb_ctl *ctl);                                                        \
	extern const char op_##id##_text_end[];                                                    \
	__asm__(".pushsection .optext." #id ".b,\"ax\",%progbits\n"                                \
		".globl op_" #id "_text_end\n"                                                     \
		"op_" #id "_text_end:\n"                                                           \
		".popsection\n");                                                                  \
	static const struct pvtb_op pvtb_op_##id                                                   \
		__attribute__((used, aligned(64), section(".pvtb_ops"))) = {                       \
			.name = opname,                                                            \
			.entry = (u64)&op_##id,                                                    \
			.text_start = (u64)&op_##id,                                               \
			.text_end = (u64)&op_##id##_text_end,                                      \
	};                                                                                         \
	__attribute__((noinline, used, aligned(64), section(".optext." #id ".a"))) void op_##id(   \
		struct pvtb_ctl *ctl)

/* One sample into the ring, published: the harness may read while the guest runs. Release pairs
 * with the harness's acquire load of ctl->taken. */
#define PVTB_STORE_SAMPLE(ctl, index, first, second)                                               \
	do {                                                                                       \
		struct pvtb_sample *s_ =                                                           \
			(struct pvtb_sample *)(ctl)->ring_gpa + ((index) & ((ctl)->ring_len - 1)); \
		s_->t0 = (first);                                                                  \
		s_->t1 = (second);                                                                 \
		__atomic_store_n(&(ctl)->taken, (index) + 1, __ATOMIC_RELEASE);                    \
	} while (0)

/* The op's result is complete here: what computes it is not moved out of the window, and a loop
 * around nothing is not removed. */
#define PVTB_RESULT_NEEDED(r) __asm__ volatile("" : "+r"(r))

/*
 * PVTB_OP(id, "name", SETUP, BODY): SETUP declares and fills locals from ctl->args, once; BODY is
 * the operation, and may leave a result in r0. A comma outside parentheses ends the argument:
 * one declaration per statement. PVTB_OP_STAMPED takes the two counter reads as well, for the
 * operations that would trap with the usual ones; PVTB_OP_COLLECT takes what moves further results
 * into r0..r3, done right after the second read.
 *
 * Warm-up runs the same instructions as the measurement: in SINGLE mode they are samples that are
 * not kept, in BATCH mode a batch of their number.
 */
#define PVTB_OP_FULL(id, opname, BEGIN, END, SETUP, BODY, COLLECT)                                 \
	PVTB_OP_ENTRY(id, opname)                                                                  \
	{                                                                                          \
		struct pvtb_done done;                                                             \
		u64 r0 = 0;                                                                        \
		u64 r1 = 0;                                                                        \
		u64 r2 = 0;                                                                        \
		u64 r3 = 0;                                                                        \
		u64 t0 = 0;                                                                        \
		u64 t1 = 0;                                                                        \
		u64 i;                                                                             \
		SETUP;                                                                             \
                                                                                                   \
		done.ops = 0;                                                                      \
		done.t_begin = 0;                                                                  \
		if (ctl->mode == PVTB_MODE_SINGLE) {                                               \
			for (i = 0; i < ctl->warmup + ctl->count; i++) {                           \
				t0 = BEGIN;                                                        \
				BODY;                                                              \
				PVTB_RESULT_NEEDED(r0);                                            \
				t1 = END;                                                          \
				COLLECT;                                                           \
				if (i < ctl->warmup)                                               \
					continue;                                                  \
				if (i == ctl->warmup)                                              \
					done.t_begin = t0;                                         \
				PVTB_STORE_SAMPLE(ctl, i - ctl->warmup, t0, t1);                   \
			}                                                                          \
			done.ops = i;                                                              \
		} else if (ctl->mode == PVTB_MODE_BATCH) {                                         \
			u64 n = ctl->warmup;                                                       \
                                                                                                   \
			for (i = 0; i <= ctl->count; i++) {                                        \
				u64 k = n;                                                         \
                                                                                                   \
				t0 = BEGIN;                                                        \
				for (; k; k--) {                                                   \
					BODY;                                                      \
					PVTB_RESULT_NEEDED(r0);                                    \
				}                                                                  \
				t1 = END;                                                          \
				COLLECT;                                                           \
				done.ops += n;                                                     \
				n = ctl->batch * (1 + (ctl->steps ? i % ctl->steps : 0));          \
				if (i == 0)                                                        \
					continue;                                                  \
				if (i == 1)                                                        \
					done.t_begin = t0;                                         \
				PVTB_STORE_SAMPLE(ctl, i - 1, t0, t1);                             \
			}                                                                          \
		} else if (ctl->mode == PVTB_MODE_LOOP) {                                          \
			for (i = 0; i < ctl->warmup; i++) {                                        \
				BODY;                                                              \
				PVTB_RESULT_NEEDED(r0);                                            \
			}                                                                          \
			done.t_begin = BEGIN;                                                      \
			for (i = 0; !ctl->count || i < ctl->count; i++) {                          \
				if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))                 \
					break;                                                     \
				BODY;                                                              \
				PVTB_RESULT_NEEDED(r0);                                            \
			}                                                                          \
			t1 = END;                                                                  \
			COLLECT;                                                                   \
			done.ops = ctl->warmup + i;                                                \
		} else {                                                                           \
			done.t_end = 0;                                                            \
			pvtb_op_finish(ctl, PVTB_STATUS_UNKNOWN, &done);                           \
		}                                                                                  \
		done.t_end = t1;                                                                   \
		done.ret[0] = r0;                                                                  \
		done.ret[1] = r1;                                                                  \
		done.ret[2] = r2;                                                                  \
		done.ret[3] = r3;                                                                  \
		pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);                                      \
	}

#define PVTB_OP_STAMPED(id, opname, BEGIN, END, SETUP, BODY)                                       \
	PVTB_OP_FULL(id, opname, BEGIN, END, SETUP, BODY, )

#define PVTB_OP_COLLECT(id, opname, SETUP, BODY, COLLECT)                                          \
	PVTB_OP_FULL(id, opname, arch_begin(), arch_end(), SETUP, BODY, COLLECT)

#define PVTB_OP(id, opname, SETUP, BODY)                                                           \
	PVTB_OP_STAMPED(id, opname, arch_begin(), arch_end(), SETUP, BODY)

/*
 * PVTB_SAMPLER(id, "name", SETUP, READ): one sample every ctl->period ticks, (counter, value),
 * until ctl->count samples (0: no end) or ctl->stop. READ sets `value`; the counter read that goes
 * with it comes right before. A sample that comes late does not make the following ones early: the
 * next is due a period after the one that was due. With ctl->args[7] a sample whose reading took
 * more ticks than that is taken again (the guest was interrupted inside it, so that the counter and
 * the value do not belong together), PVTB_SAMPLER_TRIES times at most.
 */
#define PVTB_SAMPLER_TRIES 100
#define PVTB_SAMPLE_WHOLE(ctl, now, READ)                                                          \
	do {                                                                                       \
		u64 limit_ = (ctl)->args[7];                                                       \
		u64 tries_;                                                                        \
                                                                                                   \
		READ;                                                                              \
		for (tries_ = 1; limit_ && tries_ < PVTB_SAMPLER_TRIES; tries_++) {                \
			if (arch_counter() - (now) <= limit_)                                      \
				break;                                                             \
			(now) = arch_counter();                                                    \
			READ;                                                                      \
		}                                                                                  \
	} while (0)

/* PVTB_SAMPLER_AFTER: PREPARE comes between the waiting and the sample, whose counter is read behind
 * it. */
#define PVTB_SAMPLER(id, opname, SETUP, READ) PVTB_SAMPLER_AFTER(id, opname, SETUP, , READ)
#define PVTB_SAMPLER_AFTER(id, opname, SETUP, PREPARE, READ)                                       \
	PVTB_OP_ENTRY(id, opname)                                                                  \
	{                                                                                          \
		struct pvtb_done done = {0};                                                       \
		u64 next;                                                                          \
		u64 now;                                                                           \
		u64 i;                                                                             \
		SETUP;                                                                             \
                                                                                                   \
		now = arch_counter();                                                              \
		done.t_begin = now;                                                                \
		next = now;                                                                        \
		for (i = 0; !ctl->count || i < ctl->count; i++) {                                  \
			u64 value = 0;                                                             \
                                                                                                   \
			while ((int64_t)(now - next) < 0) {                                        \
				if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))                 \
					break;                                                     \
				arch_relax();                                                      \
				now = arch_counter();                                              \
			}                                                                          \
			if (__atomic_load_n(&ctl->stop, __ATOMIC_RELAXED))                         \
				break;                                                             \
			PREPARE;                                                                   \
			now = arch_counter();                                                      \
			PVTB_SAMPLE_WHOLE(ctl, now, READ);                                         \
			PVTB_STORE_SAMPLE(ctl, i, now, value);                                     \
			next += ctl->period;                                                       \
			now = arch_counter();                                                      \
		}                                                                                  \
		done.ops = i;                                                                      \
		done.t_end = now;                                                                  \
		pvtb_op_finish(ctl, PVTB_STATUS_DONE, &done);                                      \
	}

#endif
