// SPDX-License-Identifier: GPL-2.0-only
/* Owns how the result of a stress looks: JSON, and from that text. */
#include <string.h>

#include "arch/counter.h"
#include "bench/stress/stress.h"
#include "core/suggest.h"

static json_t *number(u64 v)
{
	return json_integer((json_int_t)v);
}

static json_t *latency_json(const struct st_latency *l)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "n", number(l->n), "p50", number(l->p50),
			 "p90", number(l->p90), "p99", number(l->p99), "p99.9", number(l->p999),
			 "max", number(l->max));
}

static json_t *ops_json(const struct st_result *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->nr_ops; i++) {
		const struct st_op_result *o = &r->op_results[i];
		json_t *j = latency_json(&o->all), *windows = json_array();

		for (unsigned int k = 0; k < r->nr_windows; k++)
			json_array_append_new(windows, latency_json(&o->windows[k]));
		json_object_set_new(j, "name", json_string(o->op->name));
		json_object_set_new(j, "windows", windows);
		json_array_append_new(all, j);
	}
	return all;
}

static json_t *exits_json(const struct st_result *r)
{
	return json_pack("{s:b, s:s, s:o, s:o, s:o, s:o}", "traced", r->traced, "why",
			 r->why_untraced, "expected", number(r->exits_expected), "seen",
			 number(r->exits_seen), "unjudged", number(r->exits_unjudged), "lost",
			 number(r->lost));
}

static json_t *actions_json(const struct st_opts *o, const struct st_result *r)
{
	json_t *j = json_object();

	for (unsigned int k = 0; k < ST_NR_ACTIONS; k++)
		if (o->actions >> k & 1)
			json_object_set_new(j, st_action_names[k], number(r->action_counts[k]));
	return j;
}

static json_t *violation_json(const struct st_opts *o, const struct st_result *r)
{
	const struct st_violation *v = &r->bad;
	struct st_record record = st_record_of(o, r);
	json_t *j, *lines = json_array();

	for (size_t i = 0; r->shortest.nr && i < st_record_lines(&record); i++) {
		char *line PVTB_FREE = st_record_line(&record, i);

		json_array_append_new(lines, json_string(line));
	}
	j = json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:i, s:o}", "rule", v->rule, "text", v->text,
		      "op", v->op ? v->op->name : "", "vcpu", (int)v->vcpu, "index",
		      number(v->index), "shortest", number(r->shortest.nr), "runs",
		      (int)r->minimise_runs, "replay", lines);
	return j;
}

json_t *st_json(const struct st_opts *o, const struct st_result *r)
{
	json_t *vcpus = json_array();
	json_t *j;

	for (unsigned int i = 0; i < o->vcpus; i++)
		json_array_append_new(vcpus, number(r->vcpu_ops[i]));
	j = json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "seed",
		      json_sprintf("%#llx", (unsigned long long)o->seed), "vcpus", (int)o->vcpus,
		      "wall_ns", number(r->wall_ns), "ops", number(r->ops), "vcpu_ops", vcpus,
		      "batches", number(r->batches), "rounds", number(r->rounds), "vms",
		      number(r->vms), "guest_exceptions", number(r->faults), "unreadable",
		      number(r->unreadable), "user_exits", number(r->user_exits), "exits",
		      exits_json(r), "actions", actions_json(o, r));
	if (!j)
		return NULL;
	json_object_set_new(j, "ticks_hz", number(r->ticks_hz));
	json_object_set_new(j, "window_ns", number(r->window_ns));
	json_object_set_new(j, "longest",
			    json_pack("{s:s, s:o}", "op", r->longest_op ? r->longest_op->name : "",
				      "ticks", number(r->longest_ticks)));
	json_object_set_new(j, "latency", latency_json(&r->latency));
	json_object_set_new(j, "operations", ops_json(r));
	if (o->armed.op) {
		json_object_set_new(
			j, "mutant",
			json_sprintf("%s.%s", o->armed.op->name, o->armed.mutant->name));
		json_object_set_new(j, "mutant_hits", number(r->hits));
	}
	if (r->bad.found)
		json_object_set_new(j, "violation", violation_json(o, r));
	return j;
}

struct st_record st_record_of(const struct st_opts *o, const struct st_result *r)
{
	struct st_record record = {
		.seed = o->seed,
		.vcpus = o->vcpus,
		.actions = r->shortest_actions,
		.variant = r->variant,
		.mutant_every = o->armed.every,
		.stream = r->shortest,
	};

	snprintf(record.arch, sizeof(record.arch), "%s", pvtb_arch_name());
	snprintf(record.rule, sizeof(record.rule), "%s", r->bad.rule);
	if (o->armed.op)
		snprintf(record.mutant, sizeof(record.mutant), "%s.%s", o->armed.op->name,
			 o->armed.mutant->name);
	return record;
}

/* ---- text ---- */

static u64 get(const json_t *j, const char *key)
{
	return (u64)json_integer_value(json_object_get(j, key));
}

static const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void show_rate(const json_t *h, FILE *out)
{
	double s = (double)get(h, "wall_ns") / 1e9;
	const json_t *v = json_object_get(h, "vcpu_ops"), *one;
	u64 least = ~0ULL, most = 0;
	size_t i;

	json_array_foreach (v, i, one) {
		u64 n = (u64)json_integer_value(one);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	fprintf(out,
		"  %llu operations in %.1f s: %.0f a second, %.0f to %.0f on a vCPU; seed %s, %llu "
		"vCPUs\n",
		(unsigned long long)get(h, "ops"), s, (double)get(h, "ops") / s,
		json_array_size(v) ? (double)least / s : 0, (double)most / s, text(h, "seed"),
		(unsigned long long)get(h, "vcpus"));
	fprintf(out,
		"  %llu guest exceptions, %llu exits to the VMM, %llu VMs; %llu structures never "
		"whole when read\n",
		(unsigned long long)get(h, "guest_exceptions"),
		(unsigned long long)get(h, "user_exits"), (unsigned long long)get(h, "vms"),
		(unsigned long long)get(h, "unreadable"));
}

static void show_actions(const json_t *h, FILE *out)
{
	json_t *actions = json_object_get(h, "actions"), *n;
	const char *name, *sep = "  host actions: ";

	json_object_foreach (actions, name, n) {
		fprintf(out, "%s%s %lld", sep, name, (long long)json_integer_value(n));
		sep = ", ";
	}
	fprintf(out, "%s\n", *sep == ' ' ? "  host actions: none" : "");
}

static void show_exits(const json_t *h, FILE *out)
{
	const json_t *e = json_object_get(h, "exits");

	if (!json_is_true(json_object_get(e, "traced"))) {
		fprintf(out, "  exits not counted: %s\n", text(e, "why"));
		return;
	}
	fprintf(out,
		"  exits: %llu seen for %llu operations that must exit; %llu records lost, %llu "
		"operations not judged for it\n",
		(unsigned long long)get(e, "seen"), (unsigned long long)get(e, "expected"),
		(unsigned long long)get(e, "lost"), (unsigned long long)get(e, "unjudged"));
}

/* First and last window, and the worst p99 of all: drift and stalls. */
static void show_op(const json_t *o, FILE *out)
{
	const json_t *windows = json_object_get(o, "windows"), *w;
	const json_t *first = json_array_get(windows, 0),
		     *last = json_array_get(windows, json_array_size(windows) - 1);
	u64 worst = 0;
	size_t i;

	json_array_foreach (windows, i, w)
		worst = get(w, "p99") > worst ? get(w, "p99") : worst;
	fprintf(out, "    %-20s %9llu %8llu %8llu %8llu %9llu %10llu %9llu %8llu %9llu\n",
		text(o, "name"), (unsigned long long)get(o, "n"), (unsigned long long)get(o, "p50"),
		(unsigned long long)get(o, "p90"), (unsigned long long)get(o, "p99"),
		(unsigned long long)get(o, "p99.9"), (unsigned long long)get(o, "max"),
		(unsigned long long)get(first, "p50"), (unsigned long long)get(last, "p50"),
		(unsigned long long)worst);
}

static void show_latencies(const json_t *h, FILE *out)
{
	const json_t *ops = json_object_get(h, "operations"), *longest, *o;
	u64 hz = get(h, "ticks_hz");
	size_t i;

	fprintf(out,
		"  latency in ticks of %.6g MHz; over time: p50 of the first and the last %.0f s, worst "
		"p99 of any\n",
		(double)hz / 1e6, (double)get(h, "window_ns") / 1e9);
	fprintf(out, "    %-20s %9s %8s %8s %8s %9s %10s %9s %8s %9s\n", "", "n", "p50", "p90",
		"p99", "p99.9", "max", "first p50", "last", "worst p99");
	json_array_foreach (ops, i, o)
		if (get(o, "n"))
			show_op(o, out);
	longest = json_object_get(h, "longest");
	if (hz && get(longest, "ticks"))
		fprintf(out, "  longest: %s, %.3f ms\n", text(longest, "op"),
			(double)get(longest, "ticks") * 1e3 / (double)hz);
}

static void show_command(const char *line, FILE *out)
{
	json_error_t why;
	json_t *j = json_loads(line, 0, &why), *in = json_object_get(j, "in");

	fprintf(out, "    vCPU %llu%s  %-20s", (unsigned long long)get(j, "vcpu"),
		json_is_true(json_object_get(j, "user")) ? " user" : "", text(j, "op"));
	for (size_t i = 0; i < 3; i++)
		fprintf(out, "  %s", json_string_value(json_array_get(in, i)));
	fprintf(out, "\n");
	json_decref(j);
}

/* What the host has to do for it, from the recorded stream's header. */
static void show_company(const char *header, FILE *out)
{
	json_error_t why;
	json_t *j = json_loads(header, 0, &why), *actions = json_object_get(j, "actions"), *name;
	size_t i;

	json_array_foreach (actions, i, name)
		fprintf(out, "%s%s",
			i ? ", " : "    while the host does: ", json_string_value(name));
	if (json_array_size(actions))
		fprintf(out, "\n");
	json_decref(j);
}

static void show_violation(const json_t *h, FILE *out)
{
	const json_t *v = json_object_get(h, "violation"), *lines = json_object_get(v, "replay"),
		     *line;
	size_t i;

	if (!v) {
		fprintf(out, "  no violation\n");
		return;
	}
	fprintf(out, "  VIOLATION %s: %s%s%s\n", text(v, "rule"), text(v, "op"),
		*text(v, "op") ? ": " : "", text(v, "text"));
	if (*text(v, "op"))
		fprintf(out, "    on vCPU %llu, its operation %llu since its VM was made\n",
			(unsigned long long)get(v, "vcpu"), (unsigned long long)get(v, "index"));
	fprintf(out, "    seed %s\n", text(h, "seed"));
	if (!get(v, "shortest")) {
		if (get(v, "runs"))
			fprintf(out, "    no shorter stream shows it (%llu runs tried)\n",
				(unsigned long long)get(v, "runs"));
		return;
	}
	fprintf(out, "  shortest stream that violates, found in %llu runs: %llu operation%s\n",
		(unsigned long long)get(v, "runs"), (unsigned long long)get(v, "shortest"),
		get(v, "shortest") == 1 ? "" : "s");
	json_array_foreach (lines, i, line)
		if (!i)
			show_company(json_string_value(line), out);
		else if (i <= 20)
			show_command(json_string_value(line), out);
	if (get(v, "shortest") > 20)
		fprintf(out, "    ...\n");
}

static void show_scaling(const json_t *h, FILE *out)
{
	const json_t *all = json_object_get(h, "scaling"), *one;
	double first = 0, us = (double)get(h, "ticks_hz") / 1e6;
	size_t i;

	if (!json_array_size(all))
		return;
	fprintf(out, "  scaling, latencies of all operations together in us\n");
	fprintf(out, "    %5s %14s %14s %9s %9s %9s %10s\n", "vCPUs", "operations/s", "a vCPU",
		"against 1", "p50", "p99", "worst");
	json_array_foreach (all, i, one) {
		double rate = (double)get(one, "ops") * 1e9 / (double)get(one, "wall_ns");
		const json_t *l = json_object_get(one, "latency");

		first = i ? first : rate;
		fprintf(out, "    %5llu %14.0f %14.0f %8.2fx %9.1f %9.0f %10.0f\n",
			(unsigned long long)get(one, "vcpus"), rate,
			rate / (double)get(one, "vcpus"), rate / first, (double)get(l, "p50") / us,
			(double)get(l, "p99") / us, (double)get(l, "max") / us);
	}
}

void st_show(const json_t *h, FILE *out)
{
	/* A host that died has left nothing but how. */
	if (!json_object_get(h, "ops")) {
		fprintf(out, "%s\n", text(h, "host"));
		show_violation(h, out);
		return;
	}
	fprintf(out, "%s   %s, Linux %s, %s\n", text(h, "host"), text(h, "arch"), text(h, "kernel"),
		text(h, "backend"));
	show_rate(h, out);
	show_actions(h, out);
	show_exits(h, out);
	if (*text(h, "mutant"))
		fprintf(out, "  mutant %s: %llu wrong answers given\n", text(h, "mutant"),
			(unsigned long long)get(h, "mutant_hits"));
	show_latencies(h, out);
	show_scaling(h, out);
	show_violation(h, out);
}

void st_list(FILE *out)
{
	const struct st_op *const *ops;
	size_t nr = st_ops(PVTB_ARCH_ANY, &ops);

	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "%-20s %-6s %s\n", ops[i]->name,
			ops[i]->archs == PVTB_ARCH_ANY	   ? "both"
			: ops[i]->archs == PVTB_ARCH_ARM64 ? "arm64"
							   : "x86_64",
			ops[i]->summary);
		for (size_t m = 0; m < ST_MUTANTS && ops[i]->mutants[m].name; m++)
			fprintf(out, "    mutant %s.%s: must be called %s\n", ops[i]->name,
				ops[i]->mutants[m].name, ops[i]->mutants[m].rule);
	}
}

/* ---- host actions by name ---- */

static int action_of(const char *name, size_t len)
{
	for (unsigned int k = 0; k < ST_NR_ACTIONS; k++)
		if (strlen(st_action_names[k]) == len && !strncmp(name, st_action_names[k], len))
			return (int)k;
	return -1;
}

int st_actions_parse(const char *names, u32 *ret, struct pvtb_err *err)
{
	u32 actions = 0;

	if (!strcmp(names, "all") || !strcmp(names, "none")) {
		*ret = names[0] == 'a' ? ST_ACT_ALL : 0;
		return 0;
	}
	for (const char *p = names;; p++) {
		size_t len = strcspn(p, ",");
		int k = action_of(p, len);

		if (k < 0) {
			const char *near = pvtb_suggest(p, st_action_names, ST_NR_ACTIONS);

			pvtb_err_set(err, -EINVAL, "--actions", "no host action \"%.*s\"", (int)len,
				     p);
			return pvtb_err_hint(
				err,
				"%s%s%sall, none, or a list of offset, clock, slots, move, "
				"pause, replace, lpt, vms, dirty, rebuild",
				near ? "did you mean " : "", near ? near : "", near ? "? " : "");
		}
		actions |= 1U << k;
		p += len;
		if (!*p)
			break;
	}
	*ret = actions;
	return 0;
}
