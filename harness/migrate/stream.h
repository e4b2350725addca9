/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The migration stream: what leaves one VMM for another, or for a file. Owns its format, the writer,
 * and a reader that believes nothing: knows neither KVM nor memory, what it has checked goes to a
 * sink.
 *
 * A stream is a sequence of frames, each a header of 48 bytes and its data, little-endian. The header
 * has a CRC-32 (zlib's), the data a sum of 64 bits, and frames are numbered, so that a bit changed, a frame lost or one repeated is
 * found; a stream cut short lacks its END. Order: HELLO, FEATURES of every vCPU, any number of PAGES
 * and ZEROS, VM, VCPU of every vCPU, CLOCK, END. Where there is a way back, the other side answers
 * (REPLY) after the features and after the end, PINGs in between to compare clocks, and runs the
 * guest only after GO: until then it is the source's, which takes any other answer, or none, for a no.
 * A no is read on to the END, so that nothing is left on a way that others use afterwards.
 */
#ifndef PVTB_MIGRATE_STREAM_H
#define PVTB_MIGRATE_STREAM_H

#include "core/err.h"
#include "core/util.h"

#define PVTB_MIG_VERSION     3
#define PVTB_MIG_FRAME_MAGIC 0x464d5650U /* "PVMF" */
#define PVTB_MIG_PAGE	     4096ULL
#define PVTB_MIG_PAGES_MAX   256U /* in one frame */
#define PVTB_MIG_STATE_MAX   (1U << 20)
#define PVTB_MIG_VCPUS_MAX   64U
#define PVTB_MIG_MEM_MAX     (64ULL << 30)
#define PVTB_MIG_COPIES_MAX  64U
#define PVTB_MIG_RATE_MIN    (1ULL << 20) /* bytes a second, of the whole stream */

enum pvtb_mig_type {
	PVTB_MIG_HELLO = 1,
	PVTB_MIG_FEATURES, /* index: vCPU; items */
	PVTB_MIG_PAGES,	   /* address: of the first; data: the pages */
	PVTB_MIG_ZEROS,	   /* address; no data; index: how many pages hold nothing but zeros */
	PVTB_MIG_VM,	   /* items */
	PVTB_MIG_VCPU,	   /* index: vCPU; items */
	PVTB_MIG_CLOCK,
	PVTB_MIG_END, /* no data: what came before is all */
	/* the way back, and what answers it */
	PVTB_MIG_REPLY,
	PVTB_MIG_PING,
	PVTB_MIG_PONG,
	PVTB_MIG_GO,
	/* never inside a stream: what the programs at both ends have to tell each other about it */
	PVTB_MIG_DRIVER, /* index: theirs */
};

struct pvtb_mig_frame {
	u32 magic;
	u32 type;
	u32 index;
	u32 number; /* of frames before this one in this direction */
	u64 bytes;  /* of data */
	u64 address;
	u64 data_sum; /* pvtb_mig_sum() */
	u32 reserved;
	u32 head_crc; /* of what is above */
};
_Static_assert(sizeof(struct pvtb_mig_frame) == 48, "no padding");

/*
 * Checksum of data. A CRC in software takes longer than the copying it is to protect; this does not. 64
 * bits; a change within one word of 8 bytes, so of any single bit or byte, is always found.
 */
u64 pvtb_mig_sum(const void *data, size_t bytes);

enum pvtb_mig_arch { PVTB_MIG_ARM64 = 1, PVTB_MIG_X86_64 = 2 };

/* What the guest's time is carried over by. */
enum pvtb_mig_method {
	PVTB_MIG_BY_VALUE,  /* the counter's value is read, and written over there */
	PVTB_MIG_BY_OFFSET, /* the distance from the host's counter, and the time in between */
	PVTB_MIG_BY_LPT, /* the same in units the guest was promised; its structure is rewritten */
	PVTB_MIG_METHODS
};
/* "value", "offset", "lpt", NULL */
extern const char *const pvtb_mig_method_names[PVTB_MIG_METHODS + 1];

#define PVTB_MIG_F_STEAL	 (1U << 0)
#define PVTB_MIG_F_LPT		 (1U << 1)
#define PVTB_MIG_F_PVCLOCK	 (1U << 2)
#define PVTB_MIG_F_IRQCHIP	 (1U << 3)
#define PVTB_MIG_F_OFFSET	 (1U << 4) /* arm64: the counter has an explicit offset */
#define PVTB_MIG_F_WAY_BACK	 (1U << 5) /* replies are expected */
#define PVTB_MIG_F_KVMCLOCK_REAL (1U << 6) /* kvmclock is given KVM_CLOCK_REALTIME */
#define PVTB_MIG_F_LPT_UNASKED	 (1U << 7) /* it knows where the structure is */
#define PVTB_MIG_F_ALL		 ((1U << 8) - 1)

struct pvtb_mig_hello {
	u32 version;
	u32 arch;
	u32 page_bytes;
	u32 nr_vcpus;
	u64 ring_bytes;
	u64 mem_bytes;
	u64 counter_hz; /* of the guest's counter, as it is told */
	u32 image_crc;	/* of the guest image: memory refers to it by address */
	u32 flags;
	u32 method;
	u32 lpt_pv_hz;
	u32 level;  /* the running command's */
	u32 copies; /* each page of memory comes at most that often, on average */
	char op[40];
	char boot_id[40]; /* of the kernel: the same one has the same counter and clocks */
	char kernel[64];  /* uname -r, for people */
};
_Static_assert(sizeof(struct pvtb_mig_hello) == 208, "no padding");

/* The moment the guest's clock was read. Host counter between c0 and c1 when the others were read. */
struct pvtb_mig_clock {
	u64 c0_ticks, c1_ticks;
	u64 raw_ns;	     /* CLOCK_MONOTONIC_RAW */
	u64 real_ns;	     /* CLOCK_REALTIME */
	u64 guest_ticks;     /* vCPU 0's counter ... */
	u64 guest_unc_ticks; /* ... belongs to the middle of c0 and c1 within this */
	u64 pv_ticks;	     /* the same instant in LPT's units; 0 without */
	u64 stopped_raw_ns;  /* the guest was out from here on */
};

struct pvtb_mig_reply {
	s32 code; /* 0 or -errno */
	u32 reserved;
	char what[512];
	char why[2048];
};

/* PING: t1, the target's clock when sent. PONG: that, and the source's when received and sent; and by how
 * much its CLOCK_REALTIME is ahead of that clock. */
struct pvtb_mig_ping {
	u64 t1_ns, t2_ns, t3_ns;
	s64 real_ns;
};

/* ---- items: lists of (kind, id, bytes) inside a frame's data ---- */

struct pvtb_mig_item {
	u32 kind;
	u32 bytes; /* followed by as many, padded to 8 */
	u64 id;
};

struct pvtb_mig_items {
	u8 *data;
	size_t bytes, room;
	bool failed; /* out of memory, or too long: told by the one who ends it */
};
void pvtb_mig_items_add(struct pvtb_mig_items *items, u32 kind, u64 id, const void *data,
			size_t bytes);
void pvtb_mig_items_free(struct pvtb_mig_items *items);
/* 1: *ret and *ret_data are the next item, and *pos behind it; 0: no more; -EBADMSG. */
int pvtb_mig_items_next(const void *data, size_t bytes, size_t *pos, struct pvtb_mig_item *ret,
			const void **ret_data) PVTB_MUST_CHECK;

/* ---- writing ---- */

struct pvtb_mig_out {
	int fd;
	u32 number;
	u64 bytes;	/* written so far */
	u32 timeout_ms; /* nobody takes anything for that long: -ETIMEDOUT; 0: for ever */
	u32 frame_ms;	/* from the first byte of a frame that is taken to its last; 0: for ever */
};
int pvtb_mig_put(struct pvtb_mig_out *out, enum pvtb_mig_type type, u32 index, u64 address,
		 const void *data, size_t bytes, struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- reading ---- */

struct pvtb_mig_in {
	int fd; /* -1: memory */
	const u8 *mem;
	size_t mem_bytes, mem_pos;
	u32 number;
	u64 bytes; /* read so far */
	/*
	 * What is late is -ETIMEDOUT; 0: no limit. Of silence; of a frame, from its first byte; of all that
	 * comes before memory, from its first byte; of all that comes after, where the memory that HELLO
	 * announced has the time besides that it takes at PVTB_MIG_RATE_MIN.
	 */
	u32 timeout_ms, frame_ms, handshake_ms, stream_ms;
	u64 frame_end_ns, end_ns; /* the reader's own: until when, 0: no limit */
	const char *late;	  /* ... what end_ns is the end of */
	u8 *buf;		  /* PVTB_MIG_STATE_MAX, or NULL until it is wanted */
};
void pvtb_mig_in_free(struct pvtb_mig_in *in);

/*
 * Who takes what was read. Every callback may refuse with -errno and @err, which ends the reading.
 * Data is the reader's and valid during the call. Nothing is called out of order, for a vCPU there
 * is not, twice for one, or for memory there is not.
 */
struct pvtb_mig_sink {
	void *opaque;
	int (*hello)(void *opaque, const struct pvtb_mig_hello *hello, struct pvtb_err *err);
	int (*features)(void *opaque, u32 vcpu, const void *items, size_t bytes,
			struct pvtb_err *err);
	/* All features are there: the place for a first reply. */
	int (*accept)(void *opaque, struct pvtb_err *err);
	/* Where the pages of guest physical [@address, + @bytes) go; checked data is in them when
	 * the reading ends without an error, and not before. */
	void *(*memory)(void *opaque, u64 address, u64 bytes);
	int (*zeros)(void *opaque, u64 address, u64 bytes, struct pvtb_err *err);
	int (*vm)(void *opaque, const void *items, size_t bytes, struct pvtb_err *err);
	int (*vcpu)(void *opaque, u32 vcpu, const void *items, size_t bytes, struct pvtb_err *err);
	int (*clock)(void *opaque, const struct pvtb_mig_clock *clock, struct pvtb_err *err);
};

/* HELLO to END. @base: guest physical address of the memory, which HELLO gives the length of.
 * -EBADMSG: cut short or damaged; -EPROTO: another version, out of order, absurd; -EXDEV: another
 * architecture; -ETIMEDOUT: silent or slow; -E2BIG: more memory than HELLO spoke of; what a callback
 * returned. */
int pvtb_mig_read(struct pvtb_mig_in *in, enum pvtb_mig_arch arch, u64 base,
		  const struct pvtb_mig_sink *sink, struct pvtb_err *err) PVTB_MUST_CHECK;
/* One frame of whatever type, @index and @data as it came; more than @room bytes are -EPROTO. For
 * what goes on outside of a stream. */
int pvtb_mig_get(struct pvtb_mig_in *in, enum pvtb_mig_type *ret_type, u32 *ret_index, void *data,
		 size_t room, size_t *ret_bytes, struct pvtb_err *err) PVTB_MUST_CHECK;
/* One frame of the way back: its data, of exactly @bytes, into @data. @ret_type tells which of
 * REPLY, PING, PONG and GO it was, @data has room for any (PVTB_MIG_BACK_MAX). */
#define PVTB_MIG_BACK_MAX sizeof(struct pvtb_mig_reply)
int pvtb_mig_get_back(struct pvtb_mig_in *in, enum pvtb_mig_type *ret_type, void *data,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

#endif
