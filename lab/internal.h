/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of lab/ share: kernels, initramfs, and the archive that carries results back. */
#ifndef PVTB_LAB_INTERNAL_H
#define PVTB_LAB_INTERNAL_H

#include "lab/lab.h"

/* ---- kernel.c ---- */

#define PVTB_LAB_MAX_MODULES 16

struct pvtb_lab_module {
	char name[64];
	void *data; /* decompressed ELF */
	size_t size;
};

/* A kernel to boot: a descriptor QEMU can open through /proc/self/fd, and modules in load order. */
struct pvtb_lab_kernel {
	int fd;
	char version[128]; /* as uname -r, "" when the image does not say */
	struct pvtb_lab_module modules[PVTB_LAB_MAX_MODULES];
	size_t nr_modules;
	void *config; /* the text it was configured by, where that lies beside it; or NULL */
	size_t config_size;
};

/* First line of a lab's log port, from its init: the kernel has booted. */
#define PVTB_LAB_UP "lab: up"

int pvtb_lab_kernel_open(const struct pvtb_lab_spec *spec, const struct pvtb_lab_hooks *hooks,
			 struct pvtb_lab_kernel *ret, struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_lab_kernel_close(struct pvtb_lab_kernel *kernel);

/* ---- script.c ---- */

#define PVTB_LAB_SCRIPT_ARGS 8

/* A shell script carried inside the program. */
struct pvtb_lab_script {
	const char *name;	 /* for messages of the system only */
	const char *text, *end;	 /* see harness/core/embed.S */
	const char *const *args; /* NULL-ended, at most PVTB_LAB_SCRIPT_ARGS */
	const char *data; /* text it gets as a file, whose name is its last argument; or NULL */
	bool all_lines;	  /* @out takes all of its stdout, not the first line only */
};
/* Run it: the first line of its stdout in @out, other lines of its stderr to @hooks, its exit status
 * (128 + signal) in *ret_exit and what it said as `pvtb: what: why` in @ret_said. -EINTR when the
 * hooks asked for an end: it has been told to stop, and has. */
int pvtb_lab_script_run(const struct pvtb_lab_script *script, const struct pvtb_lab_hooks *hooks,
			char *out, size_t size, int *ret_exit,
			struct pvtb_err *ret_said) PVTB_MUST_CHECK;

/* ---- initramfs.c ---- */

/* The other architecture's pvtb, or this one: a descriptor. */
int pvtb_lab_program_open(enum pvtb_lab_arch arch, int *ret_fd,
			  struct pvtb_err *err) PVTB_MUST_CHECK;
/* A memfd holding the cpio archive. @input_dir: of files that go with it; NULL: none. */
int pvtb_lab_initramfs(const struct pvtb_lab_spec *spec, const struct pvtb_lab_kernel *kernel,
		       const struct pvtb_lab_emulator *emulator, int program_fd, char *const argv[],
		       const char *input_dir, int *ret_fd, struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- emulator.c ---- */

const char *pvtb_lab_qemu_name(enum pvtb_lab_arch arch);
/* The program: @named, in the directory @named, or "": from PATH. */
int pvtb_lab_qemu_find(enum pvtb_lab_arch arch, const char *named, char *ret, size_t size,
		       struct pvtb_err *err) PVTB_MUST_CHECK;
/* The line of lab/emulator-check.S. -EBADMSG when it is none. */
int pvtb_lab_emulator_read(const char *line, struct pvtb_lab_emulator *e) PVTB_MUST_CHECK;
/* What -cpu says of @spec's. */
void pvtb_lab_cpu(const struct pvtb_lab_spec *spec, char *out, size_t size);

/* ---- archive.c ----
 * A stream of members, each a header, a name and data, each closed by a CRC; the last one says how
 * many there were. Little-endian. A stream cut short has no end; a byte changed or lost breaks a
 * CRC or a magic.
 */
#define PVTB_LAB_ARCHIVE_MAGIC 0x414c5650U /* "PVLA" */
#define PVTB_LAB_NAME_MAX      1024U

enum pvtb_lab_member_type {
	PVTB_LAB_MEMBER_DIR = 1,
	PVTB_LAB_MEMBER_FILE = 2,
	PVTB_LAB_MEMBER_END = 3, /* size: members before it; mode: wait status of the command */
};

struct pvtb_lab_member {
	u32 magic;
	u16 type;
	u16 name_len;
	u32 mode;
	u32 reserved;
	u64 size;
};

_Static_assert(sizeof(struct pvtb_lab_member) == 24, "no padding");

struct pvtb_lab_archive_writer {
	int fd;
	u64 members;
	void *buffer; /* PVTB_LAB_ARCHIVE_CHUNK bytes */
};
#define PVTB_LAB_ARCHIVE_CHUNK 32768U /* what a virtio port takes at once */

/* Every directory and regular file under @dir, then nothing: end with ..._end(). */
int pvtb_lab_archive_tree(struct pvtb_lab_archive_writer *w, const char *dir) PVTB_MUST_CHECK;
int pvtb_lab_archive_bytes(struct pvtb_lab_archive_writer *w, const char *name, const void *data,
			   size_t size) PVTB_MUST_CHECK;
int pvtb_lab_archive_end(struct pvtb_lab_archive_writer *w, int wait_status) PVTB_MUST_CHECK;

/* Takes the stream in pieces of any size and writes the files beneath @dir_fd, never outside. */
struct pvtb_lab_unpack;
struct pvtb_lab_unpack *pvtb_lab_unpack_new(int dir_fd);
void pvtb_lab_unpack_free(struct pvtb_lab_unpack *u);
int pvtb_lab_unpack_feed(struct pvtb_lab_unpack *u, const void *data, size_t len,
			 struct pvtb_err *err) PVTB_MUST_CHECK;
/* -EBADMSG unless the end has been seen. */
int pvtb_lab_unpack_status(const struct pvtb_lab_unpack *u, int *ret_wait_status,
			   struct pvtb_err *err) PVTB_MUST_CHECK;

/* ---- lines.c ---- */

/* Text that comes in pieces, cut into lines; longer ones are broken up. */
struct pvtb_lab_lines {
	char text[1024];
	size_t len;
};

void pvtb_lab_lines_feed(struct pvtb_lab_lines *l, const char *data, size_t len,
			 void (*line)(void *ctx, const char *line), void *ctx);
void pvtb_lab_lines_flush(struct pvtb_lab_lines *l, void (*line)(void *ctx, const char *line),
			  void *ctx);

/* Take `pvtb: what: why` and `hint: ...` into @err, whose code is left alone; other lines are not
 * looked at. */
void pvtb_lab_parse_error(const char *line, struct pvtb_err *err);

/* ---- util.c ---- */

/* PATH look-up; -ENOENT. */
int pvtb_lab_which(const char *name, char *ret, size_t size) PVTB_MUST_CHECK;
void pvtb_lab_say(const struct pvtb_lab_hooks *hooks, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Whole file into memory, freed by the caller. */
int pvtb_lab_read_file(int fd, void **ret, size_t *ret_size) PVTB_MUST_CHECK;
int pvtb_lab_write_all(int fd, const void *data, size_t len) PVTB_MUST_CHECK;

/* A child process in a process group of its own, killed when this thread dies. keep[] are
 * descriptors it inherits under their own numbers; in, out and err become 0, 1 and 2 (-1:
 * /dev/null). */
struct pvtb_lab_child {
	const char *path;
	const char *const *argv;
	int in, out, err;
	const int *keep;
	size_t nr_keep;
};
int pvtb_lab_child_start(const struct pvtb_lab_child *child, pid_t *ret_pid) PVTB_MUST_CHECK;

#endif
