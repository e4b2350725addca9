/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migration of a running VM: over a descriptor (socket, virtio-serial port, pipe, file) to another
 * VMM, in this process, in another one, on another host, or later. The source keeps its guest,
 * intact and held, until the target has said that it has everything, and goes on with it otherwise.
 */
#ifndef PVTB_MIGRATE_H
#define PVTB_MIGRATE_H

#include "migrate/counter.h"
#include "migrate/stream.h"
#include "vmm/vmm.h"

/* One instant by every clock of this host: the counter between c0 and c1, the others in between. */
struct pvtb_mig_instant {
	u64 c0_ticks, c1_ticks;
	u64 raw_ns, real_ns;
};
void pvtb_mig_now(struct pvtb_mig_instant *ret);

/* Clocks of two hosts. */
struct pvtb_mig_sync {
	s64 offset_ns;	    /* CLOCK_MONOTONIC_RAW, the other's - ours ... */
	u64 unc_ns;	    /* ... within this: half of the quickest exchange */
	u64 at_ns;	    /* by ours */
	s64 real_offset_ns; /* CLOCK_REALTIME, likewise */
};
/* METHOD: four stamps, the exchange with the least delay wins. The other side answers each PING. */
int pvtb_mig_sync(struct pvtb_mig_out *out, struct pvtb_mig_in *in, unsigned int exchanges,
		  struct pvtb_mig_sync *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_mig_sync_answer(struct pvtb_mig_out *out, const struct pvtb_mig_ping *ping,
			 struct pvtb_err *err) PVTB_MUST_CHECK;

struct pvtb_mig_send_opts {
	enum pvtb_mig_method method;
	const char *op; /* the command that is running, on every vCPU */
	enum pvtb_level level;
	bool way_back;		/* the descriptor is read, too */
	bool kvmclock_real;	/* x86: let KVM_SET_CLOCK count the time in between */
	unsigned int rounds;	/* of pre-copy, at most; 0: 8 */
	unsigned int few_pages; /* fewer written pages than that end it; 0: 64 */
	u32 timeout_ms;		/* of the other side's silence; 0: 30 s */
	const char *boot_id;	/* instead of this kernel's: for tests of two hosts ... */
	u64 counter_hz;		/* ... and instead of the guest's counter's; 0: the real one */
};

struct pvtb_mig_sent {
	struct pvtb_mig_clock clock;
	unsigned int rounds;
	u64 pages, zero_pages, last_pages; /* last: while the guest was held */
	u64 bytes, copy_ns;		   /* of the pre-copy */
	bool log_stays; /* it runs here again, and KVM goes on to log what it writes */
	bool gone;	/* the guest is the target's; false: it runs here again */
};

/*
 * All vCPUs run @opts->op. 0: the guest is gone (it is held for ever; free the VM). Any error: it
 * runs here as before, err says why; -EREMOTEIO: the target's own words. Where there is no way back
 * the end of the stream is the point of no return, and @ret->gone says it was reached.
 */
int pvtb_mig_send(struct pvtb_vm *vm, int fd, const struct pvtb_mig_send_opts *opts,
		  struct pvtb_mig_sent *ret, struct pvtb_err *err) PVTB_MUST_CHECK;

/* What a target can get wrong: for a self-test that has to notice. */
enum pvtb_mig_fault {
	PVTB_MIG_RIGHT,
	PVTB_MIG_LPT_STILL,	  /* LPT's structure is left as it came */
	PVTB_MIG_LPT_PER_VCPU,	  /* it is updated once for each vCPU */
	PVTB_MIG_TIMERS_LEFT,	  /* timers are left as they came */
	PVTB_MIG_TIMERS_32_BITS,  /* of what remains of a timer, 32 bits are kept */
	PVTB_MIG_TIMERS_TWICE,	  /* timers are rescaled, and rescaled */
	PVTB_MIG_ONE_VCPU,	  /* the counter's offset is given to one vCPU only */
	PVTB_MIG_CLOCK_AS_IT_WAS, /* x86: kvmclock is set without the time in between */
	PVTB_MIG_CLOCK_AS_SET,	  /* x86: ... by both hosts' CLOCK_REALTIME, however they are set */
	PVTB_MIG_HOSTS_HZ,	  /* x86: the guest's counter is left at this host's frequency */
	PVTB_MIG_FAULTS
};

struct pvtb_mig_receive_opts {
	struct pvtb_vm_spec base; /* hooks and CPUs; what the guest needs is the stream's to say */
	u64 max_mem_bytes;	  /* 0: 4 GiB */
	u32 timeout_ms;		  /* of silence; 0: 30 s */
	u32 frame_ms; /* of a frame; twice that of the handshake, four times of the rest; 0: 30 s */
	u32 delay_us; /* on purpose, between having decided on the counter and writing it */
	const char *boot_id;
	enum pvtb_mig_fault fault; /* for mutants */
};

struct pvtb_mig_received {
	struct pvtb_mig_hello hello;
	struct pvtb_mig_clock clock;
	bool same_boot; /* one host: its counter and clocks are the source's */
	bool synced;	/* else: clocks were compared over the way back */
	struct pvtb_mig_sync sync;
	struct pvtb_mig_instant set;	/* the counter was written */
	u64 guest_ticks;		/* what it was set to, as of set */
	u64 elapsed_ns, elapsed_unc_ns; /* from clock to set */
	/* On one host: how far the guest's time is off now by this method's own making, in
	 * nanoseconds (the counter's, or LPT's), to the best of the VMM's knowledge. */
	/* LPT: what timers were moved by; hz 0: they were not */
	struct pvtb_mig_rescale rescale;
	bool predicted;
	double predicted_ns, predicted_unc_ns;
	u64 run_raw_ns; /* the guest runs again from here on */
	unsigned int nr_skipped;
	char skipped[1024];
};

/*
 * Make a VM of what comes in and run it. On any error there is no VM, nothing has run, and the
 * source has been told (-EPIPE and -EBADMSG: it is not there any more, or did not say GO).
 */
int pvtb_mig_receive(int fd, bool way_back, const struct pvtb_mig_receive_opts *opts,
		     struct pvtb_vm **ret_vm, struct pvtb_mig_received *ret,
		     struct pvtb_err *err) PVTB_MUST_CHECK;

/* This kernel's, or "" where it does not say. */
void pvtb_mig_boot_id(char *buf, size_t len);

#endif
