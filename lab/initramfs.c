// SPDX-License-Identifier: GPL-2.0-only
/* Owns what a lab boots into: a newc cpio archive holding pvtb as /init, KVM's modules, the command
 * and what it is given. Not compressed: copying is cheaper for an emulated CPU than decompressing. */
#include "lab/internal.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const u16 elf_machine[] = {
	[PVTB_LAB_ARM64] = EM_AARCH64,
	[PVTB_LAB_X86_64] = EM_X86_64,
};

#if defined(__aarch64__)
static const enum pvtb_lab_arch own_arch = PVTB_LAB_ARM64;
#else
static const enum pvtb_lab_arch own_arch = PVTB_LAB_X86_64;
#endif

static int check_program(int fd, enum pvtb_lab_arch arch)
{
	Elf64_Ehdr h;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != elf_machine[arch])
		return -ENOEXEC;
	return 0;
}

static int try_program(const char *path, enum pvtb_lab_arch arch, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = check_program(fd, arch);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int pvtb_lab_program_open(enum pvtb_lab_arch arch, int *ret_fd, struct pvtb_err *err)
{
	const char *name = pvtb_lab_arch_name(arch);
	const char *variable = arch == PVTB_LAB_ARM64 ? "PVTB_ARM64" : "PVTB_X86_64";
	const char *named = getenv(variable);
	char self[4096], path[4096 + 64];
	ssize_t n;
	char *slash;

	if (named && *named) {
		int r = try_program(named, arch, ret_fd);

		if (r == -ENOEXEC)
			return pvtb_err_set(err, r, named, "%s must name a pvtb for %s", variable,
					    name);
		return r ? pvtb_err_sys(err, r, "%s", named) : 0;
	}
	if (arch == own_arch) {
		int r = try_program("/proc/self/exe", arch, ret_fd);

		return r ? pvtb_err_sys(err, r, "/proc/self/exe") : 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return pvtb_err_sys(err, -errno, "/proc/self/exe");
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	/* build/ARCH/pvtb beside build/OTHER/pvtb; libexec/pvtime-bench/pvtb-ARCH beside its
	 * sibling; the two files copied into one directory. */
	snprintf(path, sizeof(path), "%s/../%s/pvtb", self, name);
	if (!try_program(path, arch, ret_fd))
		return 0;
	snprintf(path, sizeof(path), "%s/pvtb-%s", self, name);
	if (!try_program(path, arch, ret_fd))
		return 0;
	snprintf(path, sizeof(path), "%s/../libexec/pvtime-bench/pvtb-%s", self, name);
	if (!try_program(path, arch, ret_fd))
		return 0;
	pvtb_err_set(err, -ENOENT, "lab", "no pvtb for %s beside %s/pvtb", name, self);
	return pvtb_err_hint(err, "make ARCH=%s, or name one: %s=PATH", name, variable);
}

/* ---- newc ---- */

struct cpio {
	FILE *f;
	unsigned int ino;
};

static void pad(struct cpio *c)
{
	static const char zero[4];
	long at = ftell(c->f);

	if (at & 3)
		fwrite(zero, 1, (size_t)(4 - (at & 3)), c->f);
}

static void entry(struct cpio *c, const char *name, unsigned int mode, dev_t rdev, const void *data,
		  size_t size)
{
	fprintf(c->f, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s", ++c->ino,
		mode, 0, 0, 1, 0, (unsigned int)size, 0, 0, major(rdev), minor(rdev),
		(unsigned int)strlen(name) + 1, 0, name);
	fputc('\0', c->f);
	pad(c);
	if (size)
		fwrite(data, 1, size, c->f);
	pad(c);
}

/*
 * Only what is loaded into memory: symbols and debug sections, most of the file, lie behind the
 * last segment. The section table goes with them.
 */
static size_t loaded_size(void *elf, size_t size)
{
	Elf64_Ehdr *h = elf;
	size_t end = sizeof(*h);

	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phoff > size ||
	    (size - h->e_phoff) / sizeof(Elf64_Phdr) < h->e_phnum)
		return size;
	for (unsigned int i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, (char *)elf + h->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			return size;
		if (ph.p_offset + ph.p_filesz > end)
			end = ph.p_offset + ph.p_filesz;
	}
	if (h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr) > end)
		end = h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr);
	h->e_shoff = 0;
	h->e_shnum = 0;
	h->e_shstrndx = 0;
	return end;
}

static int put_words(struct cpio *c, const char *name, char *const words[])
{
	char *data = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&data, &size);

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; words[i]; i++) {
		fputs(words[i], f);
		fputc('\0', f);
	}
	if (fclose(f)) {
		free(data);
		return -ENOMEM;
	}
	entry(c, name, S_IFREG | 0644, 0, data, size);
	free(data);
	return 0;
}

static int put_file(struct cpio *c, int dir_fd, const char *file, const char *dir,
		    unsigned int mode)
{
	char name[64 + 256];
	int fd PVTB_CLOSE = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *data PVTB_FREE = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	r = pvtb_lab_read_file(fd, &data, &size);
	if (r)
		return r;
	snprintf(name, sizeof(name), "%s/%s", dir, file);
	entry(c, name, S_IFREG | mode, 0, data, size);
	return 0;
}

static int put_input(struct cpio *c, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int r = 0;

	if (!dir)
		return -errno;
	entry(c, PVTB_LAB_INPUT_DIR + 1, S_IFDIR | 0755, 0, NULL, 0);
	while (!r && (d = readdir(dir)))
		r = put_file(c, dirfd(dir), d->d_name, PVTB_LAB_INPUT_DIR + 1, 0600);
	closedir(dir);
	return r;
}

/*
 * A program that is not static (a sanitised one cannot be) has its loader and libraries in a directory
 * beside it, PROGRAM.libs, and finds them in /lib.
 */
static int put_libraries(struct cpio *c, int program_fd)
{
	char link[64], program[4096], path[4096 + 16];
	DIR *dir;
	struct dirent *d;
	ssize_t n;
	int r = 0;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", program_fd);
	n = readlink(link, program, sizeof(program) - 1);
	if (n < 0)
		return -errno;
	snprintf(path, sizeof(path), "%.*s.libs", (int)n, program);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	entry(c, "lib", S_IFDIR | 0755, 0, NULL, 0);
	entry(c, "lib64", S_IFLNK | 0777, 0, "lib", 3);
	while (!r && (d = readdir(dir)))
		r = put_file(c, dirfd(dir), d->d_name, "lib", 0755);
	closedir(dir);
	return r;
}

static int put_everything(struct cpio *c, const struct pvtb_lab_spec *spec,
			  const struct pvtb_lab_kernel *kernel,
			  const struct pvtb_lab_emulator *emulator, void *program,
			  size_t program_size, char *const argv[], const char *input_dir)
{
	char text[2 * sizeof(spec->kernel)];
	char *host[] = {text, (char *)emulator->version, (char *)emulator->faults, NULL};
	int r;

	entry(c, "dev", S_IFDIR | 0755, 0, NULL, 0);
	entry(c, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0);
	entry(c, "modules", S_IFDIR | 0755, 0, NULL, 0);
	for (size_t i = 0; i < kernel->nr_modules; i++) {
		char name[128];

		snprintf(name, sizeof(name), "modules/%02zu-%s.ko", i, kernel->modules[i].name);
		entry(c, name, S_IFREG | 0644, 0, kernel->modules[i].data, kernel->modules[i].size);
	}
	/* where a distribution has it: the environment record looks there */
	if (kernel->config && kernel->version[0]) {
		char name[32 + sizeof(kernel->version)];

		snprintf(name, sizeof(name), "boot/config-%s", kernel->version);
		entry(c, "boot", S_IFDIR | 0755, 0, NULL, 0);
		entry(c, name, S_IFREG | 0644, 0, kernel->config, kernel->config_size);
	}
	pvtb_lab_spec_format(spec, text, sizeof(text));
	r = put_words(c, "host", host);
	r = r ?: put_words(c, "args", argv);
	if (!r && input_dir)
		r = put_input(c, input_dir);
	entry(c, "init", S_IFREG | 0755, 0, program, loaded_size(program, program_size));
	entry(c, "TRAILER!!!", 0, 0, NULL, 0);
	return r;
}

int pvtb_lab_initramfs(const struct pvtb_lab_spec *spec, const struct pvtb_lab_kernel *kernel,
		       const struct pvtb_lab_emulator *emulator, int program_fd, char *const argv[],
		       const char *input_dir, int *ret_fd, struct pvtb_err *err)
{
	void *program PVTB_FREE = NULL;
	struct cpio c = {};
	size_t size;
	int fd, r;

	if (input_dir && access(input_dir, R_OK | X_OK))
		return pvtb_err_sys(err, -errno, "%s", input_dir);
	r = pvtb_lab_read_file(program_fd, &program, &size);
	if (r || size < sizeof(Elf64_Ehdr))
		return pvtb_err_sys(err, r ?: -ENOEXEC, "pvtb for the lab");
	fd = memfd_create("pvtb-initramfs", MFD_CLOEXEC);
	if (fd < 0)
		return pvtb_err_sys(err, -errno, "initramfs");
	c.f = fdopen(dup(fd), "w");
	if (!c.f) {
		r = -errno;
	} else {
		r = put_libraries(&c, program_fd);
		r = r ?: put_everything(&c, spec, kernel, emulator, program, size, argv, input_dir);
		if (ferror(c.f))
			r = -ENOSPC;
		if (fclose(c.f) && !r)
			r = -errno;
	}
	if (r) {
		close(fd);
		return pvtb_err_sys(err, r, "initramfs");
	}
	*ret_fd = fd;
	return 0;
}
