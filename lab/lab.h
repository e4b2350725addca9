/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lab: emulated KVM hosts. A host is a kernel, an initramfs holding nothing but pvtb and KVM's
 * modules, and QEMU without acceleration; what runs inside is pvtb itself, and what it leaves in
 * its result directory comes back over virtio-serial.
 *
 * Any number of labs may run in one process, one per thread: no state but what the caller passes.
 */
#ifndef PVTB_LAB_H
#define PVTB_LAB_H

#include "core/err.h"
#include "core/util.h"

struct pvtb_guardian;

enum pvtb_lab_arch { PVTB_LAB_ARM64, PVTB_LAB_X86_64 };

/* lab:ARCH and options after commas; spec.c has them all. */
struct pvtb_lab_spec {
	enum pvtb_lab_arch arch;
	bool nvhe;	    /* arm64: kvm-arm.mode=nvhe */
	bool protected;	    /* arm64: kvm-arm.mode=protected, pKVM */
	bool nested;	    /* arm64: kvm-arm.mode=nested; x86: nested=1 of kvm-amd */
	bool ecv;	    /* arm64: a CPU with FEAT_ECV, or no lab */
	bool deterministic; /* one instruction is one nanosecond; one CPU */
	u64 counter_hz;	    /* arm64: CNTFRQ_EL0; 0: QEMU's own (1 GHz when deterministic) */
	unsigned int cpus;
	unsigned int mem_mib;
	char model[48]; /* QEMU's name of the CPU; "": pvtb_lab_model() */
	char series
		[16]; /* of the distribution's kernel: "6.1", "newest", "rc-rt"; "": the default */
	char kernel[4096];    /* "" : the distribution's */
	char qemu[4096];      /* program, or directory of programs; "": from PATH */
	char append[1024];    /* added to the kernel's command line */
	char clocksource[32]; /* x86: the host's; "": its own choice */
	char modules[4096];   /* directory of KVM's modules for kernel=; "": looked for */
};

#define PVTB_LAB_MAX_CPUS 64

/* What the benchmark runs in a lab can know about it: this in its environment, = the host spec. */
#define PVTB_LAB_ENV	    "PVTB_LAB"
/* Where pvtb leaves its results inside the lab; its contents arrive in out_dir. */
#define PVTB_LAB_RESULT_DIR "/result"
/* Where it finds what it was given: the files of hooks->input_dir. */
#define PVTB_LAB_INPUT_DIR  "/input"
/* The virtio-serial port that joins a lab to another one. */
#define PVTB_LAB_LINK	    "link"

/* Is this text a lab at all ("lab" or "lab:...")? */
bool pvtb_lab_is_spec(const char *text);
/* Strict: unknown and repeated options, and what the architecture lacks, are errors. */
int pvtb_lab_spec_parse(const char *text, struct pvtb_lab_spec *ret,
			struct pvtb_err *err) PVTB_MUST_CHECK;
/* The canonical text, "lab:arm64,nvhe,deterministic". */
void pvtb_lab_spec_format(const struct pvtb_lab_spec *spec, char *out, size_t size);
const char *pvtb_lab_arch_name(enum pvtb_lab_arch arch); /* "arm64", "x86_64" */
/*
 * QEMU's name of the CPU. Unless the host says otherwise it is a machine that exists, because "max" is another
 * CPU in each version of QEMU and instruction counts differ: the core of the Ampere Altra, and an EPYC.
 */
const char *pvtb_lab_model(const struct pvtb_lab_spec *spec);

/* kernel= as a separate option of a command. -EINVAL when the spec already names another. */
int pvtb_lab_spec_set_kernel(struct pvtb_lab_spec *spec, const char *path,
			     struct pvtb_err *err) PVTB_MUST_CHECK;

/* What the pvtb inside finds in its environment of the emulator: its version, and names of what it does wrong:
 * "rate" (the counter does not run as CNTFRQ_EL0 says), "cntvoff", "cntpoff" (an offset is ignored). */
#define PVTB_LAB_QEMU_ENV   "PVTB_QEMU_VERSION"
#define PVTB_LAB_FAULTS_ENV "PVTB_QEMU_FAULTS"

struct pvtb_lab_emulator {
	char version[64]; /* "10.0.13"; "": it does not say */
	bool checked;	  /* arm64: what follows is known */
	bool ecv;	  /* the CPU has FEAT_ECV with CNTPOFF_EL2 */
	char faults[64];  /* words, a blank before each; "": none */
};
/* Which emulator @spec's is, and a check of it that takes no kernel (0.2 s). -EOPNOTSUPP: @spec asks for a
 * CPU it does not have. */
int pvtb_lab_emulator(const struct pvtb_lab_spec *spec, struct pvtb_lab_emulator *ret,
		      struct pvtb_err *err) PVTB_MUST_CHECK;

/* All members may be NULL or 0. Called on the thread that called pvtb_lab_run(). */
struct pvtb_lab_hooks {
	void *ctx;
	/* One line, without its end: stderr of the pvtb inside, progress of fetching. */
	void (*line)(void *ctx, const char *line);
	/* stdout of the pvtb inside, as it comes. */
	void (*out)(void *ctx, const char *data, size_t len);
	/* Asked ten times a second: true ends the lab with -EINTR. */
	bool (*interrupted)(void *ctx);
	const char *input_dir;		/* its files are copied into the lab */
	unsigned int timeout_s;		/* for the lab's whole life; 0: 900 */
	struct pvtb_guardian *guardian; /* kills QEMU should this process be killed */
	/* A socket that becomes the lab's port PVTB_LAB_LINK, the caller's to close; > 0, else none.
	 * Both ends of a pair given to two labs join them. */
	int link_fd;
};

/* Words of @argv that part commands: those at once, and what waits for them; each begins with "pvtb". */
#define PVTB_LAB_BESIDE	      "++"
#define PVTB_LAB_THEN	      "then"
#define PVTB_LAB_MAX_COMMANDS 8

/*
 * Boot a lab, run argv (argv[0] "pvtb", then a subcommand that writes into PVTB_LAB_RESULT_DIR),
 * and put what it left there into the existing directory @out_dir, with the lab's kernel log as
 * kernel.log. 0 when the command ended and all of its results arrived whole: *ret_status is its
 * exit status then (128 + signal when it was killed), and when that is not 0, @err holds the last
 * `pvtb: what: why` it said (code 0). Otherwise:
 *	-EUCLEAN	all arrived and *ret_status is set, but the lab's kernel warned or crashed: the
 *			line is in err->why, and what was measured is not to be trusted
 *	-EIO		the lab died before its results were whole (kernel panic: the line)
 *	-ETIMEDOUT -EINTR -ENOENT (QEMU, kernel or the other architecture's pvtb missing) ...
 * After a failure other than -EUCLEAN @out_dir may hold part of the files.
 */
int pvtb_lab_run(const struct pvtb_lab_spec *spec, char *const argv[], const char *out_dir,
		 const struct pvtb_lab_hooks *hooks, int *ret_status,
		 struct pvtb_err *err) PVTB_MUST_CHECK;

enum pvtb_lab_fetch {
	PVTB_LAB_FETCH_CACHED,	/* what is cached, else -ENOENT */
	PVTB_LAB_FETCH_MISSING, /* fetch when nothing is cached */
	PVTB_LAB_FETCH_UPDATE,	/* the newest there is */
};
/* The distribution kernel's directory in the cache, verified. @series "": the default one. @hooks gets
 * progress lines. -EOPNOTSUPP: the archive has no such kernel, or cannot be asked. */
int pvtb_lab_fetch(enum pvtb_lab_arch arch, const char *series, enum pvtb_lab_fetch how,
		   const struct pvtb_lab_hooks *hooks, char *ret_dir, size_t size,
		   struct pvtb_err *err) PVTB_MUST_CHECK;
/* What is cached and what the archive has, one kernel a line: architecture, series, release, where. */
int pvtb_lab_list(enum pvtb_lab_arch arch, const struct pvtb_lab_hooks *hooks, char *ret,
		  size_t size, struct pvtb_err *err) PVTB_MUST_CHECK;

/*
 * The kernel of @commit ("HEAD", a tag, a hash) of the git repository @tree, built for the lab with
 * the project's configuration (lab/config/), or taken from the cache. The repository is only read. The
 * first build takes minutes, others what the commits' difference takes; one at a time for each
 * repository, others wait. @jobs: compilers at once, 0: as many as CPUs. @hooks gets progress lines.
 * -ECHILD when this commit cannot be configured or built (the compiler's first error is in the hint),
 * -EINTR, or -EIO with the reason.
 */
int pvtb_lab_build(enum pvtb_lab_arch arch, const char *tree, const char *commit, unsigned int jobs,
		   const struct pvtb_lab_hooks *hooks, char *ret_kernel, size_t size,
		   struct pvtb_err *err) PVTB_MUST_CHECK;

/* Would @spec boot, as far as can be told without booting or fetching: QEMU, the program for that
 * architecture, the kernel and the modules it names. */
int pvtb_lab_check(const struct pvtb_lab_spec *spec, struct pvtb_err *err) PVTB_MUST_CHECK;

/* What is missing for a lab of this architecture (QEMU, pvtb, kernel), for doctor: 0 when it would
 * run now (the kernel's version in ret_kernel), else an error whose what, why and hint say it. */
int pvtb_lab_ready(enum pvtb_lab_arch arch, char *ret_kernel, size_t size,
		   struct pvtb_err *err) PVTB_MUST_CHECK;

/* For main(), as process 1 with /args there: runs that as the lab's only job, powers off. */
int pvtb_init_main(void);

#endif
