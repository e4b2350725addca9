// SPDX-License-Identifier: GPL-2.0-only
/* Owns the form of a recorded stream: JSON lines, a header, then an operation a line. */
#include <string.h>

#include "bench/stress/stress.h"
#include "core/input.h"
#include "core/parse.h"

#define FORMAT "pvtime-bench stress 1"

const char *const st_action_names[ST_NR_ACTIONS] = {
	[ST_ACT_OFFSET] = "offset",   [ST_ACT_CLOCK] = "clock", [ST_ACT_SLOTS] = "slots",
	[ST_ACT_MOVE] = "move",	      [ST_ACT_PAUSE] = "pause", [ST_ACT_REPLACE] = "replace",
	[ST_ACT_LPT] = "lpt",	      [ST_ACT_VMS] = "vms",	[ST_ACT_DIRTY] = "dirty",
	[ST_ACT_REBUILD] = "rebuild",
};

/* 64 bits do not fit JSON's numbers everywhere. */
static json_t *hex(u64 v)
{
	return json_sprintf("%#llx", (unsigned long long)v);
}

static json_t *actions_json(u32 actions)
{
	json_t *a = json_array();

	for (unsigned int k = 0; k < ST_NR_ACTIONS; k++)
		if (actions >> k & 1)
			json_array_append_new(a, json_string(st_action_names[k]));
	return a;
}

static json_t *header(const struct st_record *r)
{
	return json_pack("{s:s, s:s, s:o, s:i, s:o, s:b, s:s, s:o, s:s}", "format", FORMAT, "arch",
			 r->arch, "seed", hex(r->seed), "vcpus", (int)r->vcpus, "actions",
			 actions_json(r->actions), "variant", r->variant, "mutant", r->mutant,
			 "mutant_every", hex(r->mutant_every), "rule", r->rule);
}

static json_t *command(const struct st_cmd *c)
{
	json_t *in = json_array();

	for (unsigned int i = 0; i < PVTB_STEP_REGS; i++)
		json_array_append_new(in, hex(c->in[i]));
	return json_pack("{s:i, s:b, s:s, s:i, s:o}", "vcpu", (int)c->vcpu, "user", c->user, "op",
			 c->op->name, "kind", (int)c->kind, "in", in);
}

size_t st_record_lines(const struct st_record *r)
{
	return r->stream.nr + 1;
}

char *st_record_line(const struct st_record *r, size_t index)
{
	json_t *j = index ? command(&r->stream.cmds[index - 1]) : header(r);
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	return text;
}

int st_record_save(const struct st_record *r, const char *path, struct pvtb_err *err)
{
	FILE *f = fopen(path, "we");
	bool failed = !f;

	for (size_t i = 0; f && i < st_record_lines(r); i++) {
		char *line PVTB_FREE = st_record_line(r, i);

		failed |= !line || fprintf(f, "%s\n", line) < 0;
	}
	if (f)
		failed |= fclose(f) != 0;
	return failed ? pvtb_err_sys(err, -(errno ? errno : EIO), "%s", path) : 0;
}

/* ---- reading ---- */

static int bad_line(struct pvtb_err *err, size_t line, const char *why)
{
	char what[40];

	snprintf(what, sizeof(what), "line %zu", line + 1);
	return pvtb_err_set(err, -EINVAL, what, "%s", why);
}

static bool get_hex(const json_t *j, u64 *ret)
{
	return json_is_string(j) && !pvtb_parse_u64(json_string_value(j), 0, ~0ULL, ret);
}

static bool get_text(const json_t *j, char *ret, size_t size)
{
	if (!json_is_string(j) || json_string_length(j) >= size)
		return false;
	snprintf(ret, size, "%s", json_string_value(j));
	return true;
}

static bool get_actions(const json_t *j, u32 *ret)
{
	const json_t *name;
	size_t i;

	*ret = 0;
	if (!json_is_array(j))
		return false;
	json_array_foreach (j, i, name) {
		unsigned int k;

		for (k = 0; k < ST_NR_ACTIONS; k++)
			if (json_is_string(name) &&
			    !strcmp(json_string_value(name), st_action_names[k]))
				break;
		if (k == ST_NR_ACTIONS)
			return false;
		*ret |= 1U << k;
	}
	return true;
}

/* 0: none of ours. */
static enum pvtb_arch arch_of(const char *name)
{
	return !strcmp(name, "arm64")	 ? PVTB_ARCH_ARM64
	       : !strcmp(name, "x86_64") ? PVTB_ARCH_X86_64
					 : 0;
}

static int take_header(struct st_record *r, const json_t *j, struct pvtb_err *err)
{
	json_int_t vcpus = json_integer_value(json_object_get(j, "vcpus"));
	char format[40];

	if (!get_text(json_object_get(j, "format"), format, sizeof(format)) ||
	    strcmp(format, FORMAT))
		return bad_line(err, 0, "not a stream that `pvtb stress` has recorded");
	if (!get_text(json_object_get(j, "arch"), r->arch, sizeof(r->arch)) || !arch_of(r->arch) ||
	    !get_hex(json_object_get(j, "seed"), &r->seed) || vcpus < 1 || vcpus > PVTB_MAX_VCPUS ||
	    !get_actions(json_object_get(j, "actions"), &r->actions) ||
	    !get_text(json_object_get(j, "mutant"), r->mutant, sizeof(r->mutant)) ||
	    !get_hex(json_object_get(j, "mutant_every"), &r->mutant_every) ||
	    !get_text(json_object_get(j, "rule"), r->rule, sizeof(r->rule)))
		return bad_line(err, 0, "a field is missing or wrong");
	r->vcpus = (unsigned int)vcpus;
	r->variant = json_is_true(json_object_get(j, "variant"));
	return 0;
}

/* The operation's place among those of the stream's architecture. */
static bool find_op(const char *arch, const char *name, struct st_cmd *ret)
{
	const struct st_op *const *ops;
	size_t nr = st_ops(arch_of(arch), &ops);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(ops[i]->name, name)) {
			ret->op = ops[i];
			ret->place = (unsigned int)i;
			return true;
		}
	return false;
}

static int take_command(struct st_record *r, size_t line, const json_t *j, struct pvtb_err *err)
{
	const json_t *in = json_object_get(j, "in"), *kind = json_object_get(j, "kind");
	const char *name = json_string_value(json_object_get(j, "op"));
	json_int_t vcpu = json_integer_value(json_object_get(j, "vcpu"));
	struct st_cmd c = {0}, *more;

	if (!name || !find_op(r->arch, name, &c))
		return bad_line(err, line, "no such operation on this architecture");
	if (vcpu < 0 || vcpu >= r->vcpus || !json_is_integer(kind) ||
	    json_integer_value(kind) < 0 || json_array_size(in) != PVTB_STEP_REGS)
		return bad_line(err, line, "a field is missing or wrong");
	c.vcpu = (unsigned int)vcpu;
	c.user = json_is_true(json_object_get(j, "user"));
	c.kind = (u64)json_integer_value(kind);
	for (unsigned int i = 0; i < PVTB_STEP_REGS; i++)
		if (!get_hex(json_array_get(in, i), &c.in[i]))
			return bad_line(err, line, "an argument is no number");
	if (!st_op_takes(c.op, &c))
		return bad_line(err, line, "not what this operation does");
	more = realloc(r->stream.cmds, (r->stream.nr + 1) * sizeof(*more));
	if (!more)
		return pvtb_err_sys(err, -ENOMEM, "recorded stream");
	r->stream.cmds = more;
	more[r->stream.nr++] = c;
	return 0;
}

int st_record_take(struct st_record *r, size_t line, const char *text, struct pvtb_err *err)
{
	json_error_t why;
	json_t *j = json_loads(text, 0, &why);
	int ret;

	if (!json_is_object(j))
		ret = bad_line(err, line, "not a JSON object");
	else
		ret = line ? take_command(r, line, j, err) : take_header(r, j, err);
	json_decref(j);
	return ret;
}

int st_record_load(const char *path, struct st_record *ret, struct pvtb_err *err)
{
	FILE *f PVTB_FCLOSE = pvtb_input_fopen(path, PVTB_INPUT_TEXT_MAX, err);
	struct st_record r = {0};
	char *text PVTB_FREE = NULL;
	size_t size = 0, line = 0;
	int code = 0;

	if (!f)
		return err->code;
	for (; !code && getline(&text, &size, f) > 0; line++)
		code = st_record_take(&r, line, text, err);
	if (!code && ferror(f))
		code = pvtb_err_sys(err, -errno, "%s", path);
	if (!code && !r.stream.nr)
		code = pvtb_err_set(err, -EINVAL, path, "no operation in it");
	else if (code == -EINVAL)
		snprintf(err->what, sizeof(err->what), "%.100s, line %zu", path, line);
	if (code == -EINVAL)
		pvtb_err_hint(err, "a recorded stream is a header and an operation a line, as in "
				   "replay-0.jsonl of a result directory");
	if (code) {
		st_record_free(&r);
		return code;
	}
	*ret = r;
	return 0;
}

void st_record_free(struct st_record *r)
{
	free(r->stream.cmds);
	r->stream = (struct st_stream){0};
}
