// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every CO-RE relocation of every program, resolved against the types of each supported kernel
 * (tests/btf, made by make.sh there), without that kernel: libbpf does what it does before
 * it loads, and this process answers its system calls. A field that has moved is found where it is
 * now; one that is gone, or is of another kind, leaves an instruction that must not be reached.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#define VMLINUX "/sys/kernel/btf/vmlinux"
#define POISON	0xbad2310 /* what libbpf calls where a field was not found */
#define MAX	4096

static const char *types; /* the file that stands for VMLINUX */

/* What was to be loaded, by name. */
static struct loaded {
	char name[BPF_OBJ_NAME_LEN];
	struct bpf_insn insns[MAX];
	unsigned int n;
} loaded[32];
static unsigned int nr_loaded;

/* ---- libbpf's world: these stand before the C library's ---- */

static unsigned int nr_opened; /* how often the file was read instead */

static FILE *open_types(const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");

	if (!types || strcmp(path, VMLINUX) != 0)
		return real(path, mode);
	nr_opened++;
	return real(types, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	return open_types(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return open_types(path, mode);
}

int access(const char *path, int mode)
{
	int (*real)(const char *, int) = dlsym(RTLD_NEXT, "access");

	return real(types && !strcmp(path, VMLINUX) ? types : path, mode);
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	int (*real)(int, const char *, int, int) = dlsym(RTLD_NEXT, "faccessat");

	return real(dir, types && !strcmp(path, VMLINUX) ? types : path, mode, flags);
}

static long answer_bpf(int cmd, const union bpf_attr *attr)
{
	struct loaded *l = &loaded[nr_loaded];

	switch (cmd) {
	case BPF_PROG_LOAD:
		/* libbpf's own questions have no name, or one of its own */
		if (attr->insn_cnt > 8 && attr->insn_cnt <= MAX && nr_loaded < 32) {
			memcpy(l->name, attr->prog_name, sizeof(l->name));
			memcpy(l->insns, (const void *)(uintptr_t)attr->insns,
			       attr->insn_cnt * sizeof(l->insns[0]));
			l->n = attr->insn_cnt;
			nr_loaded++;
		}
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case BPF_BTF_GET_NEXT_ID: /* the modules' types are in the file, too */
		errno = ENOENT;
		return -1;
	default:
		return 0;
	}
}

long syscall(long nr, ...)
{
	long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_bpf && types)
		return answer_bpf((int)a[0], (const union bpf_attr *)a[1]);
	return real(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- what can be reached ---- */

/* Constants in registers, as the verifier knows them; joined where paths meet. */
struct state {
	bool seen;
	unsigned int known; /* a bit for each register */
	__s64 value[11];
};

static struct state at[MAX + 1];
static unsigned int todo[MAX * 16];
static unsigned int nr_todo;

static void flow(unsigned int to, const struct state *from)
{
	struct state *s = &at[to];
	unsigned int known = s->known;

	if (!s->seen) {
		*s = *from;
		s->seen = true;
		todo[nr_todo++] = to;
		return;
	}
	for (int r = 0; r < 11; r++)
		if (known >> r & 1 && (!(from->known >> r & 1) || from->value[r] != s->value[r]))
			s->known &= ~(1u << r);
	if (s->known != known) {
		assert_true(nr_todo < MAX * 16);
		todo[nr_todo++] = to;
	}
}

/* Comparisons with a constant, as far as existence is asked for: equal or not. */
static int decided(const struct bpf_insn *insn, const struct state *s)
{
	bool narrow = BPF_CLASS(insn->code) == BPF_JMP32, equal;
	__s64 value = s->value[insn->dst_reg];

	if (BPF_SRC(insn->code) == BPF_X || !(s->known >> insn->dst_reg & 1))
		return -1;
	equal = narrow ? (__s32)value == insn->imm : value == insn->imm;
	switch (BPF_OP(insn->code)) {
	case BPF_JEQ:
		return equal;
	case BPF_JNE:
		return !equal;
	default:
		return -1;
	}
}

static void step_jump(const struct loaded *l, unsigned int i, struct state *s)
{
	const struct bpf_insn *insn = &l->insns[i];
	int d;

	switch (BPF_OP(insn->code)) {
	case BPF_EXIT:
		return;
	case BPF_CALL:
		if (insn->src_reg == BPF_PSEUDO_CALL) {
			const struct state none = {.seen = true};

			flow(i + 1 + (unsigned int)insn->imm, &none);
		} else if (!insn->src_reg && insn->imm == POISON) {
			fail_msg("%s: %s: instruction %u needs a field that is not there", types,
				 l->name, i);
		}
		s->known &= ~0x3fu;
		flow(i + 1, s);
		return;
	case BPF_JA:
		flow(i + 1 + (unsigned int)insn->off, s);
		return;
	}
	d = decided(insn, s);
	if (d != 0)
		flow(i + 1 + (unsigned int)insn->off, s);
	if (d != 1)
		flow(i + 1, s);
}

static void step(const struct loaded *l, unsigned int i)
{
	const struct bpf_insn *insn = &l->insns[i];
	unsigned int dst = insn->dst_reg, src = insn->src_reg;
	struct state s = at[i];

	switch (BPF_CLASS(insn->code)) {
	case BPF_JMP:
	case BPF_JMP32:
		step_jump(l, i, &s);
		return;
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(insn->code) == BPF_MOV && BPF_SRC(insn->code) == BPF_K) {
			s.known |= 1u << dst;
			s.value[dst] = insn->imm;
		} else if (BPF_OP(insn->code) == BPF_MOV && s.known >> src & 1) {
			s.known |= 1u << dst;
			s.value[dst] = s.value[src];
		} else {
			s.known &= ~(1u << dst);
		}
		break;
	case BPF_LD:
		s.known &= ~(1u << dst);
		flow(i + (insn->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1), &s);
		return;
	case BPF_LDX:
		s.known &= ~(1u << dst);
		break;
	}
	flow(i + 1, &s);
}

static void judge(const struct loaded *l)
{
	const struct state start = {.seen = true};

	memset(at, 0, sizeof(at));
	nr_todo = 0;
	flow(0, &start);
	while (nr_todo) {
		unsigned int i = todo[--nr_todo];

		assert_true(i < l->n);
		step(l, i);
	}
}

/* ---- what pointers point to: any two are the same to CO-RE ---- */

static const struct btf_type *plain(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static bool same_target(const struct btf *a, __u32 x, const struct btf *b, __u32 y)
{
	const struct btf_type *s = plain(a, x), *t = plain(b, y);

	if (!s || btf_is_void(s))
		return true; /* the program does not say */
	if (!t || btf_is_void(t) || btf_is_ptr(s) != btf_is_ptr(t))
		return false;
	if (btf_is_ptr(s))
		return same_target(a, s->type, b, t->type);
	if (!s->name_off || (!btf_is_composite(s) && !btf_is_fwd(s)))
		return true;
	return !strcmp(btf__name_by_offset(a, s->name_off), btf__name_by_offset(b, t->name_off));
}

/* Each pointer in the structure @local of the program's, against those of its name in the kernel. */
static void compare_pointers(const struct btf *prog, const struct btf_type *local,
			     const struct btf *kernel)
{
	const char *name = btf__name_by_offset(prog, local->name_off);
	size_t len = strstr(name, "___") ? (size_t)(strstr(name, "___") - name) : strlen(name);

	for (__u32 id = 1; id < btf__type_cnt(kernel); id++) {
		const struct btf_type *t = btf__type_by_id(kernel, id);
		const char *its = btf__name_by_offset(kernel, t->name_off);

		if (!btf_is_composite(t) || strlen(its) != len || strncmp(its, name, len) != 0)
			continue;
		for (int i = 0; i < btf_vlen(local) * btf_vlen(t); i++) {
			const struct btf_member *m = btf_members(local) + i / btf_vlen(t);
			const struct btf_member *k = btf_members(t) + i % btf_vlen(t);
			const char *field = btf__name_by_offset(prog, m->name_off);

			if (strcmp(field, btf__name_by_offset(kernel, k->name_off)) != 0 ||
			    !btf_is_ptr(plain(prog, m->type)))
				continue;
			if (!same_target(prog, m->type, kernel, k->type))
				fail_msg("%s: %s.%s points to something else", types, name, field);
		}
	}
}

static void judge_pointers(const struct bpf_object *obj)
{
	const struct btf *prog = bpf_object__btf(obj);
	struct btf *kernel = btf__parse_raw(types);

	assert_non_null(kernel);
	for (__u32 id = 1; id < btf__type_cnt(prog); id++) {
		const struct btf_type *t = btf__type_by_id(prog, id);

		if (btf_is_composite(t) && t->name_off)
			compare_pointers(prog, t, kernel);
	}
	btf__free(kernel);
}

/* ---- the programs ---- */

static char said[4096];

static int keep(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t used = strlen(said);

	if (level == LIBBPF_WARN)
		vsnprintf(said + used, sizeof(said) - used, fmt, ap);
	return 0;
}

/* Every program of @object; the types it may do without are asked for by the programs themselves. */
static void resolve(const char *object)
{
	struct bpf_object *obj = bpf_object__open_file(object, NULL);
	struct bpf_program *prog;
	unsigned int programs = 0;
	int ret;

	if (!obj)
		fail_msg("%s: cannot be opened", object);
	said[0] = '\0';
	nr_loaded = nr_opened = 0;
	ret = bpf_object__load(obj);
	if (ret)
		fail_msg("%s: %s: %s", types, object, said);
	for (unsigned int i = 0; i < nr_loaded; i++)
		judge(&loaded[i]);
	bpf_object__for_each_program(prog, obj) programs++;
	assert_int_equal(nr_loaded, programs);
	assert_true(nr_opened > 0); /* or the types were this machine's */
	judge_pointers(obj);
	bpf_object__close(obj);
}

static void resolve_arch(const char *arch)
{
	char path[600], object[128];
	DIR *dir = opendir("tests/btf");
	struct dirent *e;
	unsigned int files = 0;

	assert_non_null(dir);
	libbpf_set_print(keep);
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, arch, strlen(arch)) || !strstr(e->d_name, ".btf"))
			continue;
		snprintf(path, sizeof(path), "tests/btf/%s", e->d_name);
		types = path;
		snprintf(object, sizeof(object), "build/%s/bpf/trace.bpf.o", arch);
		resolve(object);
		snprintf(object, sizeof(object), "build/%s/bpf/vcpus.bpf.o", arch);
		resolve(object);
		types = NULL;
		files++;
	}
	closedir(dir);
	print_message("%s: %u kernels\n", arch, files);
	assert_true(files >= 4);
}

static void test_arm64(void **state)
{
	if (access("build/arm64/bpf/trace.bpf.o", R_OK))
		skip();
	resolve_arch("arm64");
}

static void test_x86_64(void **state)
{
	if (access("build/x86_64/bpf/trace.bpf.o", R_OK))
		skip();
	resolve_arch("x86_64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_x86_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
