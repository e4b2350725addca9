// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the kernels of the labs: which one, what kind of image, KVM's modules in load order. What
 * the cache holds and how it is filled is lab/fetch-kernel.sh's business, run from inside the
 * program. Boots nothing.
 */
#include "lab/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <libelf.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

/* harness/core/embed.S, NUL-ended */
extern const char pvtb_fetch_kernel_sh[], pvtb_fetch_kernel_sh_end[];

/* ---- the distribution's kernel ---- */

static struct pvtb_lab_script fetch_script(const char *const *args)
{
	return (struct pvtb_lab_script){
		.name = "fetch-kernel",
		.text = pvtb_fetch_kernel_sh,
		.end = pvtb_fetch_kernel_sh_end,
		.args = args,
	};
}

int pvtb_lab_list(enum pvtb_lab_arch arch, const struct pvtb_lab_hooks *hooks, char *ret,
		  size_t size, struct pvtb_err *err)
{
	const char *const args[] = {"--list", pvtb_lab_arch_name(arch), NULL};
	struct pvtb_lab_script script = fetch_script(args);
	struct pvtb_err said = {};
	int status = 0, r;

	script.all_lines = true;
	r = pvtb_lab_script_run(&script, hooks, ret, size, &status, &said);
	if (r == -EINTR)
		return pvtb_err_set(err, r, "interrupted", "kernels not listed");
	if (r)
		return pvtb_err_sys(err, r, "kernels for lab:%s", args[1]);
	if (!status)
		return 0;
	pvtb_err_set(err, -EIO, said.why[0] ? said.what : "lab", "%s",
		     said.why[0] ? said.why : "listing kernels failed");
	return pvtb_err_hint(err, "%s", said.hint);
}

int pvtb_lab_fetch(enum pvtb_lab_arch arch, const char *series, enum pvtb_lab_fetch how,
		   const struct pvtb_lab_hooks *hooks, char *ret_dir, size_t size,
		   struct pvtb_err *err)
{
	const char *name = pvtb_lab_arch_name(arch);
	const char *args[4] = {NULL};
	const struct pvtb_lab_script script = fetch_script(args);
	struct pvtb_err said = {};
	int n = 0, status = 0, r;

	if (how == PVTB_LAB_FETCH_CACHED)
		args[n++] = "--offline";
	else if (how == PVTB_LAB_FETCH_UPDATE)
		args[n++] = "--update";
	args[n++] = name;
	if (series[0])
		args[n++] = series;
	r = pvtb_lab_script_run(&script, hooks, ret_dir, size, &status, &said);
	if (r == -EINTR)
		return pvtb_err_set(err, r, "interrupted", "no kernel for %s fetched", name);
	if (r)
		return pvtb_err_sys(err, r, "kernel for lab:%s", name);
	if (!status && ret_dir[0] == '/')
		return 0;
	if (status == 3) {
		pvtb_err_set(err, -ENOENT, "lab", "no kernel for %s fetched yet", name);
		return pvtb_err_hint(err, "pvtb lab fetch %s%s%s%s", series[0] ? "-s " : "", series,
				     series[0] ? " " : "", name);
	}
	if (!said.why[0]) {
		pvtb_err_set(err, -EIO, "lab", "fetching a kernel for %s failed (exit %d)", name,
			     status);
		return pvtb_err_hint(err, "name one of your own: -H lab:%s,kernel=PATH", name);
	}
	/* what the archive does not have is no fault of anybody's: a test may skip for it */
	pvtb_err_set(err, status == 4 ? -EOPNOTSUPP : -EIO, said.what, "%s", said.why);
	return pvtb_err_hint(err, "%s", said.hint);
}

/* ---- images ---- */

struct image {
	u8 *data;
	size_t size;
};

static u32 le32(const u8 *p)
{
	return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

/* No kernel is larger, compressed or not; a few bytes of gzip could say otherwise. */
#define MAX_IMAGE (1U << 30)

static int gunzip(const struct image *in, struct image *ret)
{
	size_t room = in->size * 4 + (1 << 20);
	z_stream z = {.next_in = in->data, .avail_in = (uInt)in->size};
	u8 *out = NULL;
	int r = in->size > MAX_IMAGE ? Z_DATA_ERROR : inflateInit2(&z, 16 + MAX_WBITS);

	while (r == Z_OK) {
		u8 *more;

		room = room < MAX_IMAGE ? room : MAX_IMAGE;
		more = z.total_out < room ? realloc(out, room) : NULL;
		if (!more)
			break;
		out = more;
		z.next_out = out + z.total_out;
		z.avail_out = (uInt)(room - z.total_out);
		r = inflate(&z, Z_NO_FLUSH);
		if (r == Z_OK && z.avail_out)
			break; /* cut short */
		room *= 2;
	}
	inflateEnd(&z);
	if (r != Z_STREAM_END) {
		free(out);
		return -EBADMSG;
	}
	ret->data = out;
	ret->size = z.total_out;
	return 0;
}

static bool is_arm64_image(const struct image *i)
{
	return i->size >= 64 && !memcmp(i->data + 0x38, "ARMd", 4);
}

static bool is_bzimage(const struct image *i)
{
	return i->size >= 0x260 && !memcmp(i->data + 0x202, "HdrS", 4);
}

static bool is_zboot(const struct image *i)
{
	return i->size >= 64 && !memcmp(i->data, "MZ", 2) && !memcmp(i->data + 4, "zimg", 4);
}

static bool is_gzip(const struct image *i)
{
	return i->size > 18 && i->data[0] == 0x1f && i->data[1] == 0x8b;
}

/* EFI zboot (drivers/firmware/efi/libstub/zboot-header.S): payload offset, size and compression
 * type. QEMU before 8.1 cannot boot it, so it is unpacked here. */
static int unpack_zboot(struct image *i)
{
	struct image out, in;
	u32 offset = le32(i->data + 8), size = le32(i->data + 12);
	char type[33] = "";
	int r = -EOPNOTSUPP;

	if (offset > i->size || size > i->size - offset)
		return -EBADMSG;
	memcpy(type, i->data + 24, 32);
	in.data = i->data + offset;
	in.size = size;
	if (!strcmp(type, "gzip")) {
		r = gunzip(&in, &out);
	} else if (!strcmp(type, "zstd") || !strcmp(type, "zstd22")) {
		/* the size of the content stands in the last four bytes */
		size_t n = size > 4 ? le32(in.data + size - 4) : 0;

		out.data = n && n <= MAX_IMAGE ? malloc(n) : NULL;
		out.size = n;
		r = out.data && ZSTD_decompress(out.data, n, in.data, size - 4) == n ? 0 : -EBADMSG;
		if (r)
			free(out.data);
	}
	if (r)
		return r;
	free(i->data);
	*i = out;
	return 0;
}

/* Has this ELF kernel the note QEMU enters it by (PVH, XEN_ELFNOTE_PHYS32_ENTRY)? */
static bool has_pvh_note(const struct image *i)
{
	Elf *e = elf_memory((char *)i->data, i->size);
	size_t n = 0;
	bool found = false;

	if (!e || elf_getphdrnum(e, &n))
		n = 0;
	for (size_t k = 0; k < n && !found; k++) {
		GElf_Phdr ph;
		GElf_Nhdr nh;
		Elf_Data *d;
		size_t at = 0, name, desc;

		if (!gelf_getphdr(e, (int)k, &ph) || ph.p_type != PT_NOTE)
			continue;
		d = elf_getdata_rawchunk(e, (int64_t)ph.p_offset, ph.p_filesz, ELF_T_NHDR);
		while (d && (at = gelf_getnote(d, at, &nh, &name, &desc)) > 0)
			found |= nh.n_type == 18 && nh.n_namesz == 4 &&
				 !memcmp((char *)d->d_buf + name, "Xen", 4);
	}
	elf_end(e);
	return found;
}

/*
 * A bzImage decompresses itself, which an emulated CPU is slow at and a deterministic one very
 * slow. Where the payload is zstd and the kernel inside can be entered directly, do it here;
 * anything unexpected leaves the image as it is.
 */
static void unpack_bzimage(struct image *i)
{
	u32 setup = i->data[0x1f1] ? i->data[0x1f1] : 4;
	u64 offset = (u64)(setup + 1) * 512 + le32(i->data + 0x248);
	u64 size = le32(i->data + 0x24c);
	struct image out;
	u32 content;

	/* protocol 2.08 has the payload's place; the last four bytes are the content's size */
	if ((le32(i->data + 0x206) & 0xffff) < 0x208 || size < 8 || offset > i->size ||
	    size > i->size - offset || le32(i->data + offset) != ZSTD_MAGICNUMBER)
		return;
	content = le32(i->data + offset + size - 4);
	if (content < 64 || content > MAX_IMAGE)
		return;
	out.size = content;
	out.data = malloc(content);
	if (!out.data)
		return;
	if (ZSTD_decompress(out.data, content, i->data + offset, size - 4) != content ||
	    memcmp(out.data, ELFMAG, SELFMAG) || !has_pvh_note(&out)) {
		free(out.data);
		return;
	}
	free(i->data);
	*i = out;
}

/* "Linux version X " in an arm64 image, kernel_version in a bzImage's header. */
static void find_version(const struct image *i, enum pvtb_lab_arch arch, char *ret, size_t size)
{
	static const char banner[] = "Linux version ";
	const u8 *at = NULL;

	ret[0] = '\0';
	if (arch == PVTB_LAB_X86_64) {
		size_t offset = ((size_t)i->data[0x20e] | (size_t)i->data[0x20f] << 8) + 0x200;

		if (offset > 0x200 && offset + size < i->size)
			at = i->data + offset;
	} else {
		at = memmem(i->data, i->size, banner, sizeof(banner) - 1);
		/* the format string comes with it: "Linux version %s" is not what is looked for */
		while (at && at + sizeof(banner) - 1 < i->data + i->size &&
		       at[sizeof(banner) - 1] == '%')
			at = memmem(at + 1, i->size - (size_t)(at + 1 - i->data), banner,
				    sizeof(banner) - 1);
		at = at ? at + sizeof(banner) - 1 : NULL;
	}
	for (size_t n = 0; at && n < size - 1 && at + n < i->data + i->size && at[n] > ' '; n++) {
		ret[n] = (char)at[n];
		ret[n + 1] = '\0';
	}
}

/*
 * Both kinds of image are PE files as well where the kernel has an EFI stub, as nearly all have: is
 * a section missing at the end? Without one it cannot be told, and the kernel's own boot will.
 */
static bool cut_short(const struct image *i)
{
	size_t pe = i->size >= 64 && !memcmp(i->data, "MZ", 2) ? le32(i->data + 0x3c) : 0;
	size_t nr, at;

	if (!pe || pe > i->size || i->size - pe < 24 || memcmp(i->data + pe, "PE\0\0", 4))
		return false;
	nr = i->data[pe + 6] | (size_t)i->data[pe + 7] << 8;
	at = pe + 24 + (i->data[pe + 20] | (size_t)i->data[pe + 21] << 8);
	for (; nr; nr--, at += 40) {
		if (at + 40 > i->size)
			return true;
		if ((u64)le32(i->data + at + 16) + le32(i->data + at + 20) > i->size)
			return true;
	}
	return false;
}

static int other_arch(const char *path, enum pvtb_lab_arch wanted, struct pvtb_err *err)
{
	const char *is = wanted == PVTB_LAB_ARM64 ? "x86_64" : "arm64";

	pvtb_err_set(err, -EINVAL, path, "a kernel for %s, not for %s", is,
		     pvtb_lab_arch_name(wanted));
	return pvtb_err_hint(err, "-H lab:%s,kernel=%s", is, path);
}

static int elf_kernel(const char *path, struct image *i, enum pvtb_lab_arch arch,
		      struct pvtb_err *err)
{
	u16 machine = i->size > 20 ? (u16)(i->data[18] | i->data[19] << 8) : 0;
	u16 want = arch == PVTB_LAB_ARM64 ? EM_AARCH64 : EM_X86_64;

	if (machine != EM_AARCH64 && machine != EM_X86_64) {
		pvtb_err_set(err, -EINVAL, path, "not a kernel");
		return pvtb_err_hint(err, "a vmlinuz, Image or bzImage is wanted");
	}
	if (machine != want)
		return other_arch(path, arch, err);
	if (arch == PVTB_LAB_X86_64 && has_pvh_note(i))
		return 0;
	pvtb_err_set(err, -EINVAL, path, "an ELF file, which the emulator cannot boot");
	return pvtb_err_hint(err, "use %s from the same build",
			     arch == PVTB_LAB_ARM64 ? "arch/arm64/boot/Image"
						    : "arch/x86/boot/bzImage, or set CONFIG_PVH");
}

static int kernel_cut_short(const char *path, struct pvtb_err *err)
{
	pvtb_err_set(err, -EBADMSG, path, "a kernel cut short");
	return pvtb_err_hint(err, "copy it again from where it was built");
}

static int identify(const char *path, struct image *i, enum pvtb_lab_arch arch,
		    struct pvtb_lab_kernel *k, struct pvtb_err *err)
{
	int r = 0;

	if (is_gzip(i)) {
		struct image out;

		r = gunzip(i, &out);
		if (!r) {
			free(i->data);
			*i = out;
		}
	} else if (is_zboot(i)) {
		r = unpack_zboot(i);
	}
	if (r == -EOPNOTSUPP) {
		pvtb_err_set(err, r, path, "compressed in a way pvtb does not know");
		return pvtb_err_hint(err, "use the uncompressed Image of the same build"), -EINVAL;
	}
	if (r) {
		pvtb_err_set(err, r, path, "damaged: does not decompress");
		return pvtb_err_hint(err, "copy it again from where it was built");
	}
	if (is_arm64_image(i)) {
		if (arch != PVTB_LAB_ARM64)
			return other_arch(path, arch, err);
		if (cut_short(i))
			return kernel_cut_short(path, err);
		find_version(i, PVTB_LAB_ARM64, k->version, sizeof(k->version));
		return 0;
	}
	if (is_bzimage(i)) {
		if (arch != PVTB_LAB_X86_64)
			return other_arch(path, arch, err);
		if (cut_short(i))
			return kernel_cut_short(path, err);
		find_version(i, PVTB_LAB_X86_64, k->version, sizeof(k->version));
		unpack_bzimage(i);
		return 0;
	}
	if (i->size > SELFMAG && !memcmp(i->data, ELFMAG, SELFMAG))
		return elf_kernel(path, i, arch, err);
	pvtb_err_set(err, -EINVAL, path, "not a kernel");
	return pvtb_err_hint(err, "a vmlinuz, Image or bzImage is wanted");
}

static int open_image(const char *path, enum pvtb_lab_arch arch, struct pvtb_lab_kernel *k,
		      struct pvtb_err *err)
{
	int fd PVTB_CLOSE = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct image i = {};
	int r = fd < 0 ? -errno : pvtb_lab_read_file(fd, (void **)&i.data, &i.size);

	if (r == -EINVAL)
		pvtb_err_set(err, r, path, "not a file");
	else if (r)
		pvtb_err_sys(err, r, "%s", path);
	if (r)
		return pvtb_err_hint(err, "a vmlinuz, Image or bzImage is wanted");
	elf_version(EV_CURRENT);
	r = identify(path, &i, arch, k, err);
	if (!r) {
		k->fd = memfd_create("pvtb-kernel", MFD_CLOEXEC);
		r = k->fd < 0 ? -errno : pvtb_lab_write_all(k->fd, i.data, i.size);
		if (r)
			pvtb_err_sys(err, r, "%s", path);
	}
	free(i.data);
	return r;
}

/* ---- modules ---- */

static const char modules_hint[] =
	"modules=DIR wants the modules of that very kernel, as in /lib/modules/VERSION";

/* "kvm_amd" and "kvm-amd" are one name. */
static bool same_module(const char *a, const char *b, size_t b_len)
{
	if (strlen(a) != b_len)
		return false;
	for (; *a; a++, b++) {
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	}
	return true;
}

/* Path of NAME.ko[.xz|.zst|.gz] beneath @dir. */
static int find_module(const char *dir, const char *name, int depth, char *ret, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = -ENOENT;

	if (!d)
		return -errno;
	while (r == -ENOENT && (e = readdir(d))) {
		char path[4096 + 256];
		const char *ko = strstr(e->d_name, ".ko");
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (ko && same_module(name, e->d_name, (size_t)(ko - e->d_name)))
			r = (size_t)snprintf(ret, size, "%s", path) < size ? 0 : -ENAMETOOLONG;
		/* `build` and `source` are links out of the tree: do not follow */
		else if (depth && !ko && !lstat(path, &st) && S_ISDIR(st.st_mode))
			r = find_module(path, name, depth - 1, ret, size);
	}
	closedir(d);
	return r;
}

/* xz and zstd by their own programs: modules are few, and it spares a library. */
static int decompress_module(const char *path, void **ret, size_t *ret_size, struct pvtb_err *err)
{
	const char *name = strstr(path, ".ko.xz")    ? "xz"
			   : strstr(path, ".ko.zst") ? "zstd"
						     : "gzip";
	const char *argv[] = {name, "-dc", path, NULL};
	int fd PVTB_CLOSE = memfd_create("module", MFD_CLOEXEC);
	struct pvtb_lab_child child = {.argv = argv, .in = -1, .out = fd, .err = -1};
	char program[4096];
	int status, r;
	pid_t pid;

	if (fd < 0)
		return pvtb_err_sys(err, -errno, "%s", path);
	r = pvtb_lab_which(name, program, sizeof(program));
	if (r) {
		pvtb_err_set(err, r, name, "not found, needed for %s", path);
		return pvtb_err_hint(err, "install it, or decompress the modules");
	}
	child.path = program;
	r = pvtb_lab_child_start(&child, &pid);
	if (!r) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		r = WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EBADMSG;
	}
	r = r ?: pvtb_lab_read_file(fd, ret, ret_size);
	if (!r)
		return 0;
	pvtb_err_set(err, r, path, "does not decompress");
	return pvtb_err_hint(err, "%s", modules_hint);
}

static int read_module(const char *path, struct pvtb_lab_module *m, struct pvtb_err *err)
{
	const char *ko = strrchr(path, '/');
	int fd PVTB_CLOSE = -1;
	int r;

	if (!ko || strcmp(strstr(ko, ".ko"), ".ko"))
		return decompress_module(path, &m->data, &m->size, err);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	r = fd < 0 ? -errno : pvtb_lab_read_file(fd, &m->data, &m->size);
	return r ? pvtb_err_sys(err, r, "%s", path) : 0;
}

/* The value of `depends=` in .modinfo, in a buffer of the caller's. */
static int module_depends(const struct pvtb_lab_module *m, char *ret, size_t size)
{
	Elf *e = elf_memory(m->data, m->size);
	Elf_Scn *scn = NULL;
	size_t names;
	int r = -EBADMSG;

	if (!e || elf_getshdrstrndx(e, &names))
		goto out;
	while ((scn = elf_nextscn(e, scn))) {
		GElf_Shdr sh;
		const char *name, *p, *end;
		Elf_Data *d;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(e, names, sh.sh_name)) ||
		    strcmp(name, ".modinfo") || !(d = elf_rawdata(scn, NULL)) || !d->d_buf)
			continue;
		/* a section without bytes in the file (SHT_NOBITS) has a size all the same */
		if (!d->d_buf)
			break;
		end = (const char *)d->d_buf + d->d_size;
		for (p = d->d_buf; p < end; p += strnlen(p, (size_t)(end - p)) + 1) {
			if (end - p > 8 && !strncmp(p, "depends=", 8)) {
				snprintf(ret, size, "%.*s",
					 (int)strnlen(p + 8, (size_t)(end - p) - 8), p + 8);
				r = 0;
			}
		}
		break;
	}
out:
	elf_end(e);
	return r;
}

static bool has_module(const struct pvtb_lab_kernel *k, const char *name)
{
	for (size_t i = 0; i < k->nr_modules; i++)
		if (same_module(k->modules[i].name, name, strlen(name)))
			return true;
	return false;
}

/* Depth first, so that what a module needs is loaded before it. Absent ones are built in. */
static int add_module(struct pvtb_lab_kernel *k, const char *dir, const char *name, int depth,
		      struct pvtb_err *err)
{
	struct pvtb_lab_module m = {};
	char path[4096], depends[512] = "", *rest = depends, *word;
	int r;

	if (has_module(k, name))
		return 0;
	r = find_module(dir, name, 8, path, sizeof(path));
	if (r == -ENOENT)
		return 0;
	if (r)
		return pvtb_err_sys(err, r, "%s", dir);
	r = read_module(path, &m, err);
	if (r)
		return r;
	r = module_depends(&m, depends, sizeof(depends));
	if (r) {
		pvtb_err_set(err, r, path, "not a kernel module");
		pvtb_err_hint(err, "%s", modules_hint);
	}
	while (!r && depth && (word = strsep(&rest, ","))) {
		if (*word)
			r = add_module(k, dir, word, depth - 1, err);
	}
	/* One that says it needs itself, by whatever way round, is there now. */
	if (!r && !has_module(k, name) && k->nr_modules == PVTB_LAB_MAX_MODULES)
		r = pvtb_err_set(err, -E2BIG, path, "KVM needs too many modules");
	if (r || has_module(k, name)) {
		free(m.data);
		return r;
	}
	snprintf(m.name, sizeof(m.name), "%s", name);
	k->modules[k->nr_modules++] = m;
	return 0;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Where the modules of the kernel at @path are: beside it, in its tree, or installed here. */
static bool find_modules_dir(const struct pvtb_lab_spec *spec, const struct pvtb_lab_kernel *k,
			     char *ret, size_t size)
{
	char dir[4096];
	char *slash;
	const char *version = k->version;

	snprintf(dir, sizeof(dir), "%s", spec->kernel);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	else
		snprintf(dir, sizeof(dir), ".");
	snprintf(ret, size, "%s/modules", dir);
	if (is_dir(ret))
		return true;
	if (!version[0])
		return false;
	snprintf(ret, size, "%s/../lib/modules/%s", dir, version);
	if (is_dir(ret))
		return true;
	snprintf(ret, size, "%s/lib/modules/%s", dir, version);
	if (is_dir(ret))
		return true;
	snprintf(ret, size, "/lib/modules/%s", version);
	return is_dir(ret);
}

static int no_modules_dir(const char *path, struct pvtb_err *err)
{
	pvtb_err_sys(err, access(path, F_OK) ? -errno : -ENOTDIR, "%s", path);
	return pvtb_err_hint(err, "%s", modules_hint);
}

/*
 * What the lab needs of a kernel: the port its results leave by, and KVM. Either may be built in,
 * and then has no module. QEMU emulates SVM, not VMX; KVM on arm64 is never a module.
 */
static int load_modules(const struct pvtb_lab_spec *spec, struct pvtb_lab_kernel *k,
			const char *dir, struct pvtb_err *err)
{
	const char *const wanted[] = {"virtio_pci", "virtio_console",
				      spec->arch == PVTB_LAB_X86_64 ? "kvm-amd" : NULL};
	int r = 0;

	for (size_t i = 0; !r && i < PVTB_ARRAY_SIZE(wanted); i++) {
		if (wanted[i])
			r = add_module(k, dir, wanted[i], 4, err);
	}
	return r;
}

/* "config" in the kernel's directory, or "config-X" beside "vmlinuz-X": nice to have, never missed. */
static void load_config(const char *kernel, struct pvtb_lab_kernel *k)
{
	static const char prefix[] = "vmlinuz-";
	const char *slash = strrchr(kernel, '/'), *base = slash ? slash + 1 : kernel;
	bool versioned = !strncmp(base, prefix, sizeof(prefix) - 1);
	char path[4096 + 64];
	int fd PVTB_CLOSE = -1;

	snprintf(path, sizeof(path), "%.*sconfig%s%s", (int)(base - kernel), kernel,
		 versioned ? "-" : "", versioned ? base + sizeof(prefix) - 1 : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pvtb_lab_read_file(fd, &k->config, &k->config_size))
		k->config = NULL;
}

int pvtb_lab_kernel_open(const struct pvtb_lab_spec *spec, const struct pvtb_lab_hooks *hooks,
			 struct pvtb_lab_kernel *ret, struct pvtb_err *err)
{
	char dir[4096], path[4096 + 16], modules[4096 + 256];
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->fd = -1;
	if (!spec->kernel[0]) {
		r = pvtb_lab_fetch(spec->arch, spec->series, PVTB_LAB_FETCH_MISSING, hooks, dir,
				   sizeof(dir), err);
		if (r)
			return r;
		snprintf(path, sizeof(path), "%s/vmlinuz", dir);
		snprintf(modules, sizeof(modules), "%s/modules", dir);
		r = open_image(path, spec->arch, ret, err);
		r = r ?: load_modules(spec, ret, modules, err);
	} else {
		r = open_image(spec->kernel, spec->arch, ret, err);
		if (!r && spec->modules[0]) {
			if (is_dir(spec->modules))
				r = load_modules(spec, ret, spec->modules, err);
			else
				r = no_modules_dir(spec->modules, err);
		} else if (!r && find_modules_dir(spec, ret, modules, sizeof(modules))) {
			r = load_modules(spec, ret, modules, err);
		}
	}
	if (r)
		pvtb_lab_kernel_close(ret);
	else
		load_config(spec->kernel[0] ? spec->kernel : path, ret);
	return r;
}

void pvtb_lab_kernel_close(struct pvtb_lab_kernel *kernel)
{
	if (kernel->fd >= 0)
		close(kernel->fd);
	kernel->fd = -1;
	for (size_t i = 0; i < kernel->nr_modules; i++)
		free(kernel->modules[i].data);
	kernel->nr_modules = 0;
	free(kernel->config);
	kernel->config = NULL;
}
