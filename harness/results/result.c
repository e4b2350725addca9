// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns the result model and its JSON. One table per type says which members it has; writing,
 * reading and freeing all follow it, so they cannot drift apart. The schema in results/schema/ says
 * the same to the rest of the world; a test holds both to the same answers.
 */
#include "results/result.h"

#include "core/input.h"
#include "core/json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

static const char *const unit_names[] = {
	[PVTB_UNIT_TICKS] = "ticks",
	[PVTB_UNIT_NS] = "ns",
	[PVTB_UNIT_INSTRUCTIONS] = "instructions",
	[PVTB_UNIT_COUNT] = "count",
	[PVTB_UNIT_PER_SECOND] = "per_second",
	[PVTB_UNIT_RATIO] = "ratio",
	[PVTB_UNIT_PPM] = "ppm",
	[PVTB_UNIT_PPB] = "ppb",
	NULL,
};
static const char *const kind_names[] = {"time", "instructions", "count", NULL};
static const char *const direction_names[] = {"lower", "higher", "neither", NULL};
static const char *const status_names[] = {"ok", "skip", "fail", "invalid", "inconclusive", NULL};

static const char unjudged[] = "not measured";

enum member_kind {
	M_SCHEMA, /* int, must be PVTB_RESULT_SCHEMA */
	M_STRING,
	M_NAME, /* string, not empty */
	M_PATH, /* string, relative, stays inside the result directory */
	M_TIME, /* string, YYYY-MM-DDThh:mm:ssZ */
	M_BOOL,
	M_U64,
	M_NUMBER, /* double, finite */
	M_BOUND,  /* double, null for NAN */
	M_ENUM,
	M_OBJECT, /* json_t, {} for NULL */
	M_DETAIL, /* json_t, null for NULL */
	M_STRINGS,
	M_ARRAY,
};

struct type;
struct member {
	const char *name;
	enum member_kind kind;
	size_t offset;
	size_t count;		  /* M_STRINGS, M_ARRAY: offset of the size_t beside it */
	const char *const *names; /* M_ENUM */
	const struct type *elem;  /* M_ARRAY */
};
struct type {
	size_t size;
	const struct member *members; /* ends with a NULL name */
};

#define M(s, kind, name)                                                                           \
	{                                                                                          \
#name, kind, offsetof(struct s, name), 0, NULL, NULL                               \
	}
#define M_NAMED(s, name, names)                                                                    \
	{                                                                                          \
#name, M_ENUM, offsetof(struct s, name), 0, names, NULL                            \
	}
#define M_LIST(s, kind, name, elem)                                                                \
	{                                                                                          \
#name, kind, offsetof(struct s, name), offsetof(struct s, nr_##name), NULL, elem   \
	}
#define M_END                                                                                      \
	{                                                                                          \
		NULL, M_STRING, 0, 0, NULL, NULL                                                   \
	}

static const struct member metric_members[] = {
	M(pvtb_metric, M_NAME, name),
	M_NAMED(pvtb_metric, unit, unit_names),
	M_NAMED(pvtb_metric, kind, kind_names),
	M_NAMED(pvtb_metric, direction, direction_names),
	M(pvtb_metric, M_NUMBER, value),
	M(pvtb_metric, M_BOUND, low),
	M(pvtb_metric, M_BOUND, high),
	M(pvtb_metric, M_U64, n),
	M_END,
};
static const struct type metric_type = {sizeof(struct pvtb_metric), metric_members};

static const struct member law_members[] = {
	M(pvtb_law_result, M_NAME, name),
	M(pvtb_law_result, M_STRING, expects),
	M_NAMED(pvtb_law_result, status, status_names),
	M(pvtb_law_result, M_STRING, verdict),
	M_END,
};
static const struct type law_type = {sizeof(struct pvtb_law_result), law_members};

static const struct member file_members[] = {
	M(pvtb_file, M_NAME, name),
	M(pvtb_file, M_PATH, path),
	M_END,
};
static const struct type file_type = {sizeof(struct pvtb_file), file_members};

static const struct member variant_members[] = {
	M(pvtb_variant_result, M_NAME, name),
	M(pvtb_variant_result, M_STRING, summary),
	M(pvtb_variant_result, M_STRING, provider),
	M_NAMED(pvtb_variant_result, status, status_names),
	M(pvtb_variant_result, M_STRING, why),
	M_LIST(pvtb_variant_result, M_ARRAY, metrics, &metric_type),
	M_LIST(pvtb_variant_result, M_ARRAY, laws, &law_type),
	M_LIST(pvtb_variant_result, M_ARRAY, files, &file_type),
	M(pvtb_variant_result, M_DETAIL, detail),
	M_END,
};
static const struct type variant_type = {sizeof(struct pvtb_variant_result), variant_members};

static const struct member bench_members[] = {
	M(pvtb_bench_result, M_NAME, name),
	M(pvtb_bench_result, M_STRING, summary),
	M_LIST(pvtb_bench_result, M_ARRAY, variants, &variant_type),
	M(pvtb_bench_result, M_DETAIL, detail),
	M_END,
};
static const struct type bench_type = {sizeof(struct pvtb_bench_result), bench_members};

static const struct member host_members[] = {
	M(pvtb_host_result, M_NAME, host),
	M(pvtb_host_result, M_STRING, arch),
	M(pvtb_host_result, M_STRING, kernel),
	M(pvtb_host_result, M_STRING, mode),
	M(pvtb_host_result, M_BOOL, emulated),
	M(pvtb_host_result, M_BOOL, deterministic),
	M(pvtb_host_result, M_BOOL, witnessed),
	M(pvtb_host_result, M_U64, counter_hz),
	M(pvtb_host_result, M_OBJECT, environment),
	M_LIST(pvtb_host_result, M_STRINGS, not_controlled, NULL),
	M(pvtb_host_result, M_U64, samples),
	M(pvtb_host_result, M_U64, lost),
	M(pvtb_host_result, M_U64, causal_violations),
	M(pvtb_host_result, M_U64, records),
	M_LIST(pvtb_host_result, M_ARRAY, benches, &bench_type),
	M_END,
};
static const struct type host_type = {sizeof(struct pvtb_host_result), host_members};

static const struct member result_members[] = {
	M(pvtb_result, M_SCHEMA, schema),
	M(pvtb_result, M_STRING, tool),
	M(pvtb_result, M_TIME, created),
	M(pvtb_result, M_STRING, command),
	M(pvtb_result, M_STRING, profile),
	M_LIST(pvtb_result, M_ARRAY, hosts, &host_type),
	M_END,
};
static const struct type result_type = {sizeof(struct pvtb_result), result_members};

/* A member's place in an object; the tables are what makes the casts right. */
#define AT(type, obj, off) ((type *)((char *)(obj) + (off)))

static bool is_string(enum member_kind k)
{
	return k == M_STRING || k == M_NAME || k == M_PATH || k == M_TIME;
}

/* Release what @obj owns, not @obj itself; half-built objects are fine. */
static void release(const struct type *t, void *obj)
{
	const struct member *m;
	size_t i, n;

	for (m = t->members; m->name; m++) {
		if (is_string(m->kind)) {
			free(*AT(char *, obj, m->offset));
		} else if (m->kind == M_OBJECT || m->kind == M_DETAIL) {
			json_decref(*AT(json_t *, obj, m->offset));
		} else if (m->kind == M_STRINGS) {
			n = *AT(size_t, obj, m->count);
			for (i = 0; i < n; i++)
				free((*AT(char **, obj, m->offset))[i]);
			free(*AT(char **, obj, m->offset));
		} else if (m->kind == M_ARRAY) {
			n = *AT(size_t, obj, m->count);
			for (i = 0; i < n; i++)
				release(m->elem, *AT(char *, obj, m->offset) + i * m->elem->size);
			free(*AT(void *, obj, m->offset));
		}
	}
}

/* Every string "", every bound NAN, every object {}. */
static int prepare(const struct type *t, void *obj)
{
	const struct member *m;

	memset(obj, 0, t->size);
	for (m = t->members; m->name; m++) {
		if (is_string(m->kind)) {
			*AT(char *, obj, m->offset) = strdup("");
			if (!*AT(char *, obj, m->offset))
				goto out;
		} else if (m->kind == M_OBJECT) {
			*AT(json_t *, obj, m->offset) = json_object();
			if (!*AT(json_t *, obj, m->offset))
				goto out;
		} else if (m->kind == M_BOUND) {
			*AT(double, obj, m->offset) = NAN;
		}
	}
	return 0;
out:
	release(t, obj);
	return -ENOMEM;
}

/* Room for one more element of @size in an array of *@nr; doubles at each power of two. */
static void *room(void *array, size_t nr, size_t size)
{
	void **p = array, *grown;

	if (nr && (nr & (nr - 1)))
		return (char *)*p + nr * size;
	grown = reallocarray(*p, nr ? 2 * nr : 1, size);
	if (!grown)
		return NULL;
	*p = grown;
	return (char *)grown + nr * size;
}

static void *append(void *array, size_t *nr, const struct type *t)
{
	void *elem = room(array, *nr, t->size);

	if (!elem || prepare(t, elem))
		return NULL;
	(*nr)++;
	return elem;
}

int pvtb_result_set(char **field, const char *value)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int __attribute__((format(printf, 2, 0))) set_fmt(char **field, const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		return -ENOMEM;
	free(*field);
	*field = s;
	return 0;
}

static char *now_utc(void)
{
	char buf[sizeof("YYYY-MM-DDThh:mm:ssZ") + 32];
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return strdup(buf);
}

struct pvtb_result *pvtb_result_new(const char *command, const char *profile)
{
	struct pvtb_result *r = malloc(sizeof(*r));

	if (!r)
		return NULL;
	if (prepare(&result_type, r)) {
		free(r);
		return NULL;
	}
	r->schema = PVTB_RESULT_SCHEMA;
	free(r->created);
	r->created = now_utc();
	if (!r->created || pvtb_result_set(&r->tool, "pvtime-bench " PVTB_VERSION) ||
	    pvtb_result_set(&r->command, command) || pvtb_result_set(&r->profile, profile)) {
		pvtb_result_free(r);
		return NULL;
	}
	return r;
}

void pvtb_result_free(struct pvtb_result *r)
{
	if (!r)
		return;
	release(&result_type, r);
	free(r);
}

struct pvtb_host_result *pvtb_result_add_host(struct pvtb_result *r, const char *host)
{
	struct pvtb_host_result *h = append(&r->hosts, &r->nr_hosts, &host_type);

	return h && !pvtb_result_set(&h->host, host) ? h : NULL;
}

struct pvtb_bench_result *pvtb_host_add_bench(struct pvtb_host_result *h, const char *name,
					      const char *summary)
{
	struct pvtb_bench_result *b = append(&h->benches, &h->nr_benches, &bench_type);

	if (!b || pvtb_result_set(&b->name, name) || pvtb_result_set(&b->summary, summary))
		return NULL;
	return b;
}

struct pvtb_variant_result *pvtb_bench_add_variant(struct pvtb_bench_result *b, const char *name,
						   const char *summary)
{
	struct pvtb_variant_result *v = append(&b->variants, &b->nr_variants, &variant_type);

	if (!v || pvtb_result_set(&v->name, name) || pvtb_result_set(&v->summary, summary) ||
	    pvtb_result_set(&v->why, unjudged))
		return NULL;
	v->status = PVTB_INVALID;
	return v;
}

int pvtb_variant_add_metric(struct pvtb_variant_result *v, const char *name, enum pvtb_unit unit,
			    enum pvtb_kind kind, enum pvtb_direction dir, double value, double low,
			    double high, u64 n)
{
	struct pvtb_metric *m;

	if (!isfinite(value))
		return -EINVAL;
	m = append(&v->metrics, &v->nr_metrics, &metric_type);
	if (!m || pvtb_result_set(&m->name, name))
		return -ENOMEM;
	m->unit = unit;
	m->kind = kind;
	m->direction = dir;
	m->value = value;
	m->low = isfinite(low) ? low : NAN;
	m->high = isfinite(high) ? high : NAN;
	m->n = n;
	return 0;
}

/* How much a law's outcome weighs against what the variant has been found to be so far. */
static int weight(enum pvtb_status s)
{
	static const int weights[] = {
		[PVTB_SKIP] = 0, [PVTB_OK] = 1,	     [PVTB_INCONCLUSIVE] = 2,
		[PVTB_FAIL] = 3, [PVTB_INVALID] = 4,
	};

	return weights[s];
}

int pvtb_variant_add_law(struct pvtb_variant_result *v, const char *name, const char *expects,
			 enum pvtb_status status, const char *fmt, ...)
{
	struct pvtb_law_result *l = append(&v->laws, &v->nr_laws, &law_type);
	bool first = v->status == PVTB_INVALID && !strcmp(v->why, unjudged);
	char *why;
	va_list ap;
	int ret;

	if (!l)
		return -ENOMEM;
	l->status = status;
	if (pvtb_result_set(&l->name, name) || pvtb_result_set(&l->expects, expects))
		return -ENOMEM;
	va_start(ap, fmt);
	ret = set_fmt(&l->verdict, fmt, ap);
	va_end(ap);
	if (ret || status == PVTB_SKIP || (!first && weight(status) <= weight(v->status)))
		return ret;
	if (status == PVTB_OK)
		why = strdup("");
	else if (asprintf(&why, "%s: %s", name, l->verdict) < 0)
		why = NULL;
	if (!why)
		return -ENOMEM;
	free(v->why);
	v->why = why;
	v->status = status;
	return 0;
}

int pvtb_variant_add_file(struct pvtb_variant_result *v, const char *name, const char *path)
{
	struct pvtb_file *f = append(&v->files, &v->nr_files, &file_type);

	if (!f || pvtb_result_set(&f->name, name) || pvtb_result_set(&f->path, path))
		return -ENOMEM;
	return 0;
}

void pvtb_variant_set_status(struct pvtb_variant_result *v, enum pvtb_status status,
			     const char *fmt, ...)
{
	va_list ap;

	v->status = status;
	va_start(ap, fmt);
	/* Out of memory costs the reason, not the status. */
	if (set_fmt(&v->why, fmt, ap) && v->why)
		v->why[0] = '\0';
	va_end(ap);
}

int pvtb_host_not_controlled(struct pvtb_host_result *h, const char *fmt, ...)
{
	char **s = room(&h->not_controlled, h->nr_not_controlled, sizeof(*s));
	va_list ap;
	int ret;

	if (!s)
		return -ENOMEM;
	*s = NULL;
	va_start(ap, fmt);
	ret = set_fmt(s, fmt, ap);
	va_end(ap);
	if (!ret)
		h->nr_not_controlled++;
	return ret;
}

int pvtb_result_take_hosts(struct pvtb_result *to, struct pvtb_result *from)
{
	struct pvtb_host_result *h;

	while (from->nr_hosts) {
		h = room(&to->hosts, to->nr_hosts, sizeof(*h));
		if (!h)
			return -ENOMEM;
		*h = from->hosts[0];
		to->nr_hosts++;
		from->nr_hosts--;
		memmove(from->hosts, from->hosts + 1, from->nr_hosts * sizeof(*h));
	}
	return 0;
}

const struct pvtb_metric *pvtb_variant_metric(const struct pvtb_variant_result *v, const char *name)
{
	size_t i;

	for (i = 0; i < v->nr_metrics; i++)
		if (!strcmp(v->metrics[i].name, name))
			return &v->metrics[i];
	return NULL;
}

const struct pvtb_variant_result *pvtb_host_variant(const struct pvtb_host_result *h,
						    const char *bench, const char *variant)
{
	size_t i, j;

	for (i = 0; i < h->nr_benches; i++) {
		const struct pvtb_bench_result *b = &h->benches[i];

		for (j = 0; !strcmp(b->name, bench) && j < b->nr_variants; j++)
			if (!strcmp(b->variants[j].name, variant))
				return &b->variants[j];
	}
	return NULL;
}

const char *pvtb_unit_name(enum pvtb_unit u)
{
	return (size_t)u + 1 < PVTB_ARRAY_SIZE(unit_names) ? unit_names[u] : "?";
}

const char *pvtb_status_name(enum pvtb_status s)
{
	return (size_t)s + 1 < PVTB_ARRAY_SIZE(status_names) ? status_names[s] : "?";
}

/* ---- writing ---- */

/* What hosts report need not be UTF-8, which JSON demands: then only its ASCII is kept. */
static json_t *string_to_json(const char *s)
{
	json_t *j = json_string(s ? s : "");
	char *ascii, *c;

	if (j)
		return j;
	ascii = strdup(s);
	for (c = ascii; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	j = ascii ? json_string(ascii) : NULL;
	free(ascii);
	return j;
}

static json_t *u64_to_json(u64 v)
{
	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	return json_sprintf("0x%016" PRIx64, v);
}

static json_t *object_to_json(const struct type *t, const void *obj);

static json_t *list_to_json(const struct member *m, const void *obj)
{
	size_t i, n = *AT(const size_t, obj, m->count);
	const char *array = *AT(const char *const, obj, m->offset);
	json_t *list = json_array(), *j;

	for (i = 0; list && i < n; i++) {
		if (m->kind == M_STRINGS)
			j = string_to_json(((const char *const *)array)[i]);
		else
			j = object_to_json(m->elem, array + i * m->elem->size);
		if (json_array_append_new(list, j)) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *member_to_json(const struct member *m, const void *obj)
{
	json_t *j;

	switch (m->kind) {
	case M_SCHEMA:
		return json_integer(*AT(const int, obj, m->offset));
	case M_STRING:
	case M_NAME:
	case M_PATH:
	case M_TIME:
		return string_to_json(*AT(const char *const, obj, m->offset));
	case M_BOOL:
		return json_boolean(*AT(const bool, obj, m->offset));
	case M_U64:
		return u64_to_json(*AT(const u64, obj, m->offset));
	case M_NUMBER:
		return json_real(*AT(const double, obj, m->offset));
	case M_BOUND:
		if (!isfinite(*AT(const double, obj, m->offset)))
			return json_null();
		return json_real(*AT(const double, obj, m->offset));
	case M_ENUM:
		return json_string(m->names[*AT(const int, obj, m->offset)]);
	case M_OBJECT:
	case M_DETAIL:
		j = *AT(json_t *const, obj, m->offset);
		if (j)
			return json_incref(j);
		return m->kind == M_OBJECT ? json_object() : json_null();
	case M_STRINGS:
	case M_ARRAY:
		return list_to_json(m, obj);
	}
	return NULL;
}

static json_t *object_to_json(const struct type *t, const void *obj)
{
	json_t *root = json_object();
	const struct member *m;

	for (m = t->members; root && m->name; m++)
		if (json_object_set_new(root, m->name, member_to_json(m, obj))) {
			json_decref(root);
			root = NULL;
		}
	return root;
}

json_t *pvtb_result_to_json(const struct pvtb_result *r)
{
	return object_to_json(&result_type, r);
}

/* The file to read or write: @path itself, or result.json in it. */
static int file_of(const char *path, char **ret)
{
	struct stat st;
	int n;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		n = asprintf(ret, "%s/result.json", path);
	else
		n = asprintf(ret, "%s", path);
	return n < 0 ? -ENOMEM : 0;
}

/* -errno of the first thing that went wrong; @f is closed in any case. */
static int write_out(FILE *f, const json_t *root)
{
	int ret = 0;

	errno = 0;
	if (json_dumpf(root, f, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) ||
	    fputc('\n', f) == EOF || fflush(f))
		ret = errno ? -errno : -EIO;
	else if (fchmod(fileno(f), 0644) || fsync(fileno(f)))
		ret = -errno;
	if (fclose(f) && !ret)
		ret = -errno;
	return ret;
}

int pvtb_result_save(const struct pvtb_result *r, const char *path, struct pvtb_err *err)
{
	char *file PVTB_FREE = NULL, *tmp PVTB_FREE = NULL;
	json_t *root;
	FILE *f;
	int fd, ret;

	root = pvtb_result_to_json(r);
	if (!root || file_of(path, &file) || asprintf(&tmp, "%s.tmp-XXXXXX", file) < 0) {
		json_decref(root);
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		ret = pvtb_err_sys(err, -errno, "%s", file);
		goto out;
	}
	f = fdopen(fd, "w");
	if (f) {
		ret = write_out(f, root);
	} else {
		ret = -errno;
		close(fd);
	}
	if (!ret && rename(tmp, file))
		ret = -errno;
	if (ret) {
		unlink(tmp);
		pvtb_err_sys(err, ret, "%s", file);
		if (ret == -ENOSPC || ret == -EDQUOT)
			pvtb_err_hint(err, "free some space, or choose another place with -o");
	}
out:
	json_decref(root);
	return ret;
}

/* ---- reading ---- */

/* Where the reader is, for its errors: "hosts[0].benches[1].name". */
struct reader {
	const char *origin;
	struct pvtb_err *err;
	size_t len;
	char place[256];
};

/* Go to member @name, or to element @i without one; returns where to come back to. */
static size_t enter(struct reader *rd, const char *name, size_t i)
{
	size_t back = rd->len, left = sizeof(rd->place) - rd->len;
	int n;

	if (name)
		n = snprintf(rd->place + rd->len, left, "%s%s", back ? "." : "", name);
	else
		n = snprintf(rd->place + rd->len, left, "[%zu]", i);
	rd->len += n > 0 && (size_t)n < left ? (size_t)n : 0;
	return back;
}

static void leave(struct reader *rd, size_t back)
{
	rd->len = back;
	rd->place[back] = '\0';
}

static int bad(struct reader *rd, const char *what)
{
	pvtb_err_set(rd->err, -EINVAL, rd->origin, "%s: %s", rd->len ? rd->place : "the file",
		     what);
	return pvtb_err_hint(rd->err, "a result.json as `pvtb run` wrote it is wanted");
}

static bool inside_directory(const char *path)
{
	const char *part = path;

	if (!*path || *path == '/')
		return false;
	for (; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
			return false;
	}
	return true;
}

static bool is_time(const char *s)
{
	const char *form = "dddd-dd-ddTdd:dd:ddZ";

	for (; *form; form++, s++)
		if (*form == 'd' ? *s < '0' || *s > '9' : *s != *form)
			return false;
	return !*s;
}

static int string_from_json(struct reader *rd, enum member_kind kind, const json_t *j, char **ret)
{
	const char *s = json_string_value(j);

	if (!s)
		return bad(rd, "must be a string");
	if (kind == M_NAME && !*s)
		return bad(rd, "must not be empty");
	if (kind == M_PATH && !inside_directory(s))
		return bad(rd, "must be a path inside the result directory");
	if (kind == M_TIME && !is_time(s))
		return bad(rd, "must be a UTC time such as 2026-01-31T23:59:59Z");
	if (pvtb_result_set(ret, s))
		return pvtb_err_sys(rd->err, -ENOMEM, "%s", rd->origin);
	return 0;
}

static int u64_from_json(struct reader *rd, const json_t *j, u64 *ret)
{
	const char *s = json_string_value(j);

	if (json_is_integer(j) && json_integer_value(j) >= 0) {
		*ret = (u64)json_integer_value(j);
		return 0;
	}
	/* One spelling only: 0x and 16 lower-case digits, of a value no JSON integer holds. */
	if (s && strlen(s) == 18 && !strncmp(s, "0x", 2) &&
	    strspn(s + 2, "0123456789abcdef") == 16 && strchr("89abcdef", s[2])) {
		*ret = strtoull(s, NULL, 16);
		return 0;
	}
	return bad(rd, "must be a count: an integer from 0, or \"0x\" and 16 digits above 2^63");
}

static int enum_from_json(struct reader *rd, const struct member *m, const json_t *j, int *ret)
{
	const char *s = json_string_value(j);
	int i;

	for (i = 0; s && m->names[i]; i++)
		if (!strcmp(s, m->names[i])) {
			*ret = i;
			return 0;
		}
	return s ? pvtb_err_set(rd->err, -EINVAL, rd->origin, "%s: unknown value '%s'", rd->place,
				s)
		 : bad(rd, "must be a string");
}

static int object_from_json(struct reader *rd, const struct type *t, const json_t *j, void *obj);

static int list_from_json(struct reader *rd, const struct member *m, const json_t *j, void *obj)
{
	size_t *nr = AT(size_t, obj, m->count);
	size_t i, back;
	void *elem;
	int ret = 0;

	if (!json_is_array(j))
		return bad(rd, "must be an array");
	for (i = 0; !ret && i < json_array_size(j); i++) {
		back = enter(rd, NULL, i);
		if (m->kind == M_ARRAY) {
			elem = append(AT(void *, obj, m->offset), nr, m->elem);
		} else {
			elem = room(AT(void *, obj, m->offset), *nr, sizeof(char *));
			if (elem) {
				*(char **)elem = NULL;
				(*nr)++;
			}
		}
		if (!elem)
			ret = pvtb_err_sys(rd->err, -ENOMEM, "%s", rd->origin);
		else if (m->kind == M_ARRAY)
			ret = object_from_json(rd, m->elem, json_array_get(j, i), elem);
		else
			ret = string_from_json(rd, M_STRING, json_array_get(j, i), elem);
		leave(rd, back);
	}
	return ret;
}

static int schema_from_json(struct reader *rd, const json_t *j, int *ret)
{
	if (!json_is_integer(j))
		return bad(rd, "must be an integer");
	if (json_integer_value(j) != PVTB_RESULT_SCHEMA) {
		pvtb_err_set(rd->err, -EPROTO, rd->origin,
			     "result schema %" JSON_INTEGER_FORMAT ", this pvtb reads %d",
			     json_integer_value(j), PVTB_RESULT_SCHEMA);
		pvtb_err_hint(rd->err, "read it with the pvtb that wrote it (its \"tool\" says "
				       "which), or measure again");
		return -EPROTO;
	}
	*ret = PVTB_RESULT_SCHEMA;
	return 0;
}

static int member_from_json(struct reader *rd, const struct member *m, const json_t *j, void *obj)
{
	switch (m->kind) {
	case M_SCHEMA:
		return schema_from_json(rd, j, AT(int, obj, m->offset));
	case M_STRING:
	case M_NAME:
	case M_PATH:
	case M_TIME:
		return string_from_json(rd, m->kind, j, AT(char *, obj, m->offset));
	case M_BOOL:
		if (!json_is_boolean(j))
			return bad(rd, "must be true or false");
		*AT(bool, obj, m->offset) = json_is_true(j);
		return 0;
	case M_U64:
		return u64_from_json(rd, j, AT(u64, obj, m->offset));
	case M_BOUND:
		if (json_is_null(j)) {
			*AT(double, obj, m->offset) = NAN;
			return 0;
		}
		/* fall through */
	case M_NUMBER:
		if (!json_is_number(j))
			return bad(rd, m->kind == M_BOUND ? "must be a number or null"
							  : "must be a number");
		*AT(double, obj, m->offset) = json_number_value(j);
		return 0;
	case M_ENUM:
		return enum_from_json(rd, m, j, AT(int, obj, m->offset));
	case M_DETAIL:
		if (json_is_null(j))
			return 0;
		/* fall through */
	case M_OBJECT:
		if (!json_is_object(j))
			return bad(rd, m->kind == M_DETAIL ? "must be an object or null"
							   : "must be an object");
		json_decref(*AT(json_t *, obj, m->offset));
		*AT(json_t *, obj, m->offset) = json_deep_copy(j);
		if (!*AT(json_t *, obj, m->offset))
			return pvtb_err_sys(rd->err, -ENOMEM, "%s", rd->origin);
		return 0;
	case M_STRINGS:
	case M_ARRAY:
		return list_from_json(rd, m, j, obj);
	}
	return bad(rd, "is of no known kind");
}

static int object_from_json(struct reader *rd, const struct type *t, const json_t *j, void *obj)
{
	const struct member *m;
	const char *key;
	size_t back;
	json_t *v;
	int ret;

	if (!json_is_object(j))
		return bad(rd, "must be an object");
	/* In the table's order: the schema version is judged before anything it may have changed. */
	for (m = t->members; m->name; m++) {
		v = json_object_get(j, m->name);
		back = enter(rd, m->name, 0);
		ret = v ? member_from_json(rd, m, v, obj) : bad(rd, "is missing");
		leave(rd, back);
		if (ret)
			return ret;
	}
	json_object_foreach ((json_t *)j, key, v) {
		for (m = t->members; m->name && strcmp(m->name, key); m++)
			;
		if (!m->name) {
			enter(rd, key, 0);
			return bad(rd, "is not a member of a result");
		}
	}
	return 0;
}

int pvtb_result_from_json(const json_t *root, const char *origin, struct pvtb_result **ret,
			  struct pvtb_err *err)
{
	struct reader rd = {.origin = origin, .err = err};
	struct pvtb_result *r = malloc(sizeof(*r));
	int code;

	if (!r || prepare(&result_type, r)) {
		free(r);
		return pvtb_err_sys(err, -ENOMEM, "%s", origin);
	}
	code = object_from_json(&rd, &result_type, root, r);
	if (code) {
		pvtb_result_free(r);
		return code;
	}
	*ret = r;
	return 0;
}

static int not_json(const char *file, const json_error_t *je, struct pvtb_err *err)
{
	if (json_error_code(je) == json_error_premature_end_of_input) {
		pvtb_err_set(err, -EBADMSG, file, "cut short at line %d, column %d", je->line,
			     je->column);
		return pvtb_err_hint(err, "copy it again from where it was measured");
	}
	pvtb_err_set(err, -EBADMSG, file, "not JSON: line %d, column %d: %s", je->line, je->column,
		     je->text);
	return pvtb_err_hint(err, "a result.json as `pvtb run` wrote it is wanted");
}

int pvtb_result_load(const char *path, struct pvtb_result **ret, struct pvtb_err *err)
{
	char *file PVTB_FREE = NULL;
	FILE *f PVTB_FCLOSE = NULL;
	json_error_t je;
	json_t *root;
	int code;

	if (file_of(path, &file))
		return pvtb_err_sys(err, -ENOMEM, "%s", path);
	f = pvtb_input_fopen(file, PVTB_INPUT_TEXT_MAX, err);
	if (!f) {
		code = err->code;
		if (code == -ENOENT)
			pvtb_err_hint(err, "give a result directory or a result.json; "
					   "'pvtb run' leaves one in results/latest");
		return code;
	}
	code = pvtb_json_loadf(f, JSON_REJECT_DUPLICATES, &root, &je);
	if (code == -ENOMEM)
		return pvtb_err_sys(err, code, "%s", file);
	if (code)
		return ferror(f) ? pvtb_err_sys(err, -EIO, "%s", file) : not_json(file, &je, err);
	code = pvtb_json_clean(root) ? pvtb_err_sys(err, -ENOMEM, "%s", file)
				     : pvtb_result_from_json(root, file, ret, err);
	json_decref(root);
	return code;
}
