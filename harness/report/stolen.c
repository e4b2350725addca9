// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owns how stolen time reads as text: the scenarios at a glance, why the vCPUs were not in the
 * guest (each scenario and all of them), who had the CPU instead, and the deviations over time.
 */
#include "report/stolen.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Okabe and Ito's colours, as in plots/style.gp: KVM and the VMM are what they are there. */
const struct pvtb_stolen_class pvtb_stolen_classes[] = {
	{"preempted", "preempted", 0x0072b2, true, false},
	{"waiting", "waiting", 0x56b4e9, true, false},
	{"throttled", "throttled", 0x009e73, true, false},
	{"asleep", "asleep", 0xf0e442, false, false},
	{"stopped", "stopped, frozen", 0xcc79a7, false, false},
	{"host", "KVM and interrupts", 0xe69f00, false, true},
	{"vmm", "the VMM", 0xd55e00, false, true},
	{"current", "running (guest or host)", 0xd9d9d9, false, false},
	{"guest", "in the guest", 0xececec, false, false},
	{"unknown", "not witnessed", 0x222222, false, false},
};
const size_t pvtb_nr_stolen_classes = PVTB_ARRAY_SIZE(pvtb_stolen_classes);

size_t pvtb_stolen_class_of(const char *name)
{
	for (size_t i = 0; name && i < pvtb_nr_stolen_classes; i++)
		if (!strcmp(pvtb_stolen_classes[i].name, name))
			return i;
	return pvtb_nr_stolen_classes - 1;
}

s64 pvtb_stolen_int(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

const json_t *pvtb_stolen_vcpus(const struct pvtb_variant_result *v)
{
	const json_t *vcpus = json_object_get(json_object_get(v->detail, "stolen"), "vcpus");

	return json_array_size(vcpus) ? vcpus : NULL;
}

static bool bench_has_stolen(const struct pvtb_bench_result *b)
{
	for (size_t i = 0; i < b->nr_variants; i++)
		if (pvtb_stolen_vcpus(&b->variants[i]))
			return true;
	return false;
}

bool pvtb_host_has_stolen(const struct pvtb_host_result *h)
{
	for (size_t b = 0; b < h->nr_benches; b++)
		if (bench_has_stolen(&h->benches[b]))
			return true;
	return false;
}

static u64 count_of(const json_t *object, const char *member)
{
	s64 n = pvtb_stolen_int(object, member);

	return n > 0 ? (u64)n : 0;
}

size_t pvtb_stolen_causes(const json_t *array, struct pvtb_stolen_cause *causes, size_t nr,
			  size_t max)
{
	const json_t *row;
	size_t i, k;

	json_array_foreach (array, i, row) {
		const char *name = json_string_value(json_object_get(row, "cause"));
		size_t class =
			pvtb_stolen_class_of(json_string_value(json_object_get(row, "class")));

		if (!name)
			continue;
		for (k = 0; k < nr && strcmp(causes[k].cause, name);)
			k++;
		if (k == nr) {
			if (nr == max)
				continue;
			/* behind the last one of its class or of an earlier */
			for (k = nr; k > 0 && causes[k - 1].class > class; k--)
				causes[k] = causes[k - 1];
			causes[k] = (struct pvtb_stolen_cause){.cause = name, .class = class};
			nr++;
		}
		causes[k].times += count_of(row, "times");
		causes[k].lost_ns += count_of(row, "lost_ns");
		causes[k].span_ns += count_of(row, "span_ns");
		causes[k].told_ns += count_of(row, "told_ns");
	}
	return nr;
}

size_t pvtb_stolen_of_variant(const struct pvtb_variant_result *v, struct pvtb_stolen_cause *causes,
			      size_t max)
{
	const json_t *vcpu;
	size_t i, nr = 0;

	json_array_foreach (pvtb_stolen_vcpus(v), i, vcpu)
		nr = pvtb_stolen_causes(json_object_get(vcpu, "causes"), causes, nr, max);
	return nr;
}

size_t pvtb_stolen_of_bench(const struct pvtb_bench_result *b, struct pvtb_stolen_cause *causes,
			    size_t max, u64 *ret_scenarios, u64 *ret_wall_ns)
{
	const json_t *all = json_object_get(b->detail, "stolen");

	*ret_scenarios = count_of(all, "scenarios");
	*ret_wall_ns = count_of(all, "wall_ns");
	return pvtb_stolen_causes(json_object_get(all, "causes"), causes, 0, max);
}

void pvtb_stolen_time(s64 ns, char *buf, size_t size)
{
	double a = fabs((double)ns);

	if (a >= 1e9)
		snprintf(buf, size, "%.3f s", (double)ns / 1e9);
	else if (a >= 1e6)
		snprintf(buf, size, "%.3f ms", (double)ns / 1e6);
	else if (a >= 1e3)
		snprintf(buf, size, "%.1f us", (double)ns / 1e3);
	else if (ns)
		snprintf(buf, size, "%" PRId64 " ns", ns);
	else
		snprintf(buf, size, "0");
}

void pvtb_stolen_time_short(s64 ns, char *buf, size_t size)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
	double a = fabs((double)ns), v;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(units); i++) {
		/* what would be rounded to 1000 belongs to the unit above */
		if (a < units[i].ns * 0.9995)
			continue;
		v = (double)ns / units[i].ns;
		snprintf(buf, size, "%.*f %s",
			 fabs(v) < 9.995   ? 2
			 : fabs(v) < 99.95 ? 1
					   : 0,
			 v, units[i].name);
		return;
	}
	pvtb_stolen_time(ns, buf, size);
}

void pvtb_stolen_share(u64 part, u64 of, char *buf, size_t size)
{
	buf[0] = '\0';
	if (of)
		snprintf(buf, size, "%.2f %%", 100.0 * (double)part / (double)of);
}

static void time_cell(struct pvtb_table *t, size_t column, s64 ns)
{
	char text[PVTB_STOLEN_TIME_CHARS];

	pvtb_stolen_time(ns, text, sizeof(text));
	pvtb_table_cell(t, column, "%s", text);
}

/* In mail columns are dear. */
static void short_cell(struct pvtb_table *t, size_t column, s64 ns)
{
	char text[PVTB_STOLEN_TIME_CHARS];

	pvtb_stolen_time_short(ns, text, sizeof(text));
	pvtb_table_cell(t, column, "%s", text);
}

static void share_cell(struct pvtb_table *t, size_t column, u64 part, u64 of)
{
	char text[PVTB_STOLEN_TIME_CHARS];

	pvtb_stolen_share(part, of, text, sizeof(text));
	pvtb_table_cell(t, column, "%s", text);
}

static void deviation_cells(struct pvtb_table *t, size_t column, const json_t *dev)
{
	const json_t *ppm = json_object_get(dev, "ppm");

	time_cell(t, column, pvtb_stolen_int(dev, "max_ns"));
	time_cell(t, column + 1, pvtb_stolen_int(dev, "final_ns"));
	if (json_is_number(ppm))
		pvtb_table_cell(t, column + 2, "%.0f", json_number_value(ppm));
}

/* ---- the scenarios at a glance ---- */

static u64 lost_ns(const json_t *vcpu)
{
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	size_t nr =
		pvtb_stolen_causes(json_object_get(vcpu, "causes"), causes, 0, PVTB_STOLEN_CAUSES);
	u64 sum = 0;

	for (size_t i = 0; i < nr; i++)
		sum += pvtb_stolen_classes[causes[i].class].involuntary ? causes[i].lost_ns : 0;
	return sum;
}

/* What needs attention is seen from across the room; mail does not shout. */
static void status_cell(struct pvtb_table *t, size_t column, enum pvtb_status status, bool mail)
{
	char word[24];

	snprintf(word, sizeof(word), "%s", pvtb_status_name(status));
	for (char *c = word; *c && !mail && status != PVTB_OK; c++)
		*c = (char)toupper((unsigned char)*c);
	pvtb_table_cell(t, column, "%s", word);
}

static int overview(const struct pvtb_bench_result *b, enum pvtb_table_style style,
		    unsigned int indent, unsigned int width, FILE *out)
{
	bool mail = width > 0;
	void (*cell)(struct pvtb_table *, size_t, s64) = mail ? short_cell : time_cell;
	static const char *const columns[] = {"vCPU",	  "run",     "lost (B)",
					      "told (G)", "G-K max", "K-B max",
					      "K-B end",  "ppm",     "stale"};
	struct pvtb_table t = {};
	int ret;

	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	for (size_t c = 0; c < PVTB_ARRAY_SIZE(columns); c++)
		pvtb_table_column(&t, columns[c], PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	for (size_t i = 0; i < b->nr_variants; i++) {
		const struct pvtb_variant_result *v = &b->variants[i];
		const json_t *vcpu, *vcpus = pvtb_stolen_vcpus(v);
		size_t k;

		json_array_foreach (vcpus, k, vcpu) {
			pvtb_table_row(&t);
			if (!k) {
				pvtb_table_cell(&t, 0, "%s", v->name);
				status_cell(&t, 10, v->status, mail);
			}
			if (json_array_size(vcpus) > 1 && mail)
				pvtb_table_cell(&t, 0, "%s vCPU %" PRId64, v->name,
						pvtb_stolen_int(vcpu, "vcpu"));
			else if (json_array_size(vcpus) > 1)
				pvtb_table_cell(&t, 1, "%" PRId64, pvtb_stolen_int(vcpu, "vcpu"));
			if (!mail)
				time_cell(&t, 2, pvtb_stolen_int(vcpu, "wall_ns"));
			cell(&t, 3, (s64)lost_ns(vcpu));
			cell(&t, 4, pvtb_stolen_int(vcpu, "g_ns"));
			cell(&t, 5, pvtb_stolen_int(json_object_get(vcpu, "gk"), "max_ns"));
			if (!mail) {
				deviation_cells(&t, 6, json_object_get(vcpu, "kb"));
				time_cell(&t, 9, pvtb_stolen_int(vcpu, "stale_max_ns"));
			} else {
				cell(&t, 7,
				     pvtb_stolen_int(json_object_get(vcpu, "kb"), "final_ns"));
			}
		}
	}
	ret = pvtb_table_print(&t, style, indent, width, out);
	pvtb_table_free(&t);
	return ret;
}

/* ---- causes ---- */

static void cause_row(struct pvtb_table *t, const char *name, const struct pvtb_stolen_cause *c,
		      u64 wall_ns, bool mail)
{
	void (*cell)(struct pvtb_table *, size_t, s64) = mail ? short_cell : time_cell;

	pvtb_table_row(t);
	pvtb_table_cell(t, 0, "%s", name);
	if (!mail)
		pvtb_table_cell(t, 1, "%" PRIu64, c->times);
	cell(t, 2, (s64)c->lost_ns);
	share_cell(t, 3, c->lost_ns, wall_ns);
	cell(t, 4, (s64)c->told_ns);
	share_cell(t, 5, c->told_ns, c->span_ns);
}

/* A line for what several causes of a kind come to, before the first of another kind. */
static void sum_row(struct pvtb_table *t, const char *name, const struct pvtb_stolen_cause *causes,
		    size_t from, size_t to, u64 wall_ns, bool mail)
{
	struct pvtb_stolen_cause sum = {};

	if (to - from < 2)
		return;
	for (size_t i = from; i < to; i++) {
		sum.times += causes[i].times;
		sum.lost_ns += causes[i].lost_ns;
		sum.span_ns += causes[i].span_ns;
		sum.told_ns += causes[i].told_ns;
	}
	cause_row(t, name, &sum, wall_ns, mail);
}

static int causes_table(const struct pvtb_stolen_cause *causes, size_t nr, u64 wall_ns,
			enum pvtb_table_style style, unsigned int indent, unsigned int width,
			FILE *out)
{
	struct pvtb_table t = {};
	size_t from = 0, host = 0;
	int ret;

	pvtb_table_column(&t, "cause", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "times", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "lost (B)", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "of all", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "told (G)", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "of it", PVTB_ALIGN_RIGHT);
	while (from < nr && pvtb_stolen_classes[causes[from].class].involuntary) {
		cause_row(&t, causes[from].cause, &causes[from], wall_ns, width > 0);
		from++;
	}
	sum_row(&t, "= runnable, not running", causes, 0, from, wall_ns, width > 0);
	for (; from < nr && !pvtb_stolen_classes[causes[from].class].not_guest; from++)
		if (!strcmp(pvtb_stolen_classes[causes[from].class].name, "asleep") ||
		    !strcmp(pvtb_stolen_classes[causes[from].class].name, "stopped"))
			cause_row(&t, causes[from].cause, &causes[from], wall_ns, width > 0);
		else
			break;
	for (host = from; from < nr && pvtb_stolen_classes[causes[from].class].not_guest; from++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s",
			 width ? "" : "not in guest: ", causes[from].cause);
		cause_row(&t, name, &causes[from], wall_ns, width > 0);
	}
	sum_row(&t, "= current, not in guest", causes, host, from, wall_ns, width > 0);
	for (; from < nr; from++)
		cause_row(&t, causes[from].cause, &causes[from], wall_ns, width > 0);
	ret = pvtb_table_print(&t, style, indent, width, out);
	pvtb_table_free(&t);
	return ret;
}

/* ---- who had the CPU ---- */

static int preemptors_table(const struct pvtb_variant_result *v, enum pvtb_table_style style,
			    unsigned int indent, FILE *out)
{
	static const char *const columns[] = {"pid",	 "times",    "took (B)",
					      "of lost", "told (G)", "of it"};
	const json_t *vcpus = pvtb_stolen_vcpus(v), *vcpu, *p;
	struct pvtb_table t = {};
	size_t i, k;
	int ret;

	pvtb_table_column(&t, "thread", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "cgroup", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "vCPU", PVTB_ALIGN_RIGHT);
	for (size_t c = 0; c < PVTB_ARRAY_SIZE(columns); c++)
		pvtb_table_column(&t, columns[c], PVTB_ALIGN_RIGHT);
	json_array_foreach (vcpus, i, vcpu) {
		u64 lost = lost_ns(vcpu);

		json_array_foreach (json_object_get(vcpu, "preemptors"), k, p) {
			const char *comm = json_string_value(json_object_get(p, "comm"));
			const char *cgroup = json_string_value(json_object_get(p, "cgroup"));

			pvtb_table_row(&t);
			pvtb_table_cell(&t, 0, "%s", comm && *comm ? comm : "?");
			pvtb_table_cell(&t, 1, "%.40s", cgroup ? cgroup : "");
			pvtb_table_cell(&t, 2, "%" PRId64, pvtb_stolen_int(vcpu, "vcpu"));
			pvtb_table_cell(&t, 3, "%" PRId64, pvtb_stolen_int(p, "pid"));
			pvtb_table_cell(&t, 4, "%" PRId64, pvtb_stolen_int(p, "times"));
			time_cell(&t, 5, pvtb_stolen_int(p, "took_ns"));
			share_cell(&t, 6, count_of(p, "took_ns"), lost);
			time_cell(&t, 7, pvtb_stolen_int(p, "told_ns"));
			share_cell(&t, 8, count_of(p, "told_ns"), count_of(p, "span_ns"));
		}
	}
	if (t.nr_rows)
		fprintf(out, "%s%s: who had the CPU instead, and what the guest was told of it\n%s",
			style == PVTB_TABLE_MARKDOWN ? "\n" : "  ", v->name,
			style == PVTB_TABLE_MARKDOWN ? "\n" : "");
	ret = t.nr_rows ? pvtb_table_print(&t, style, indent, 0, out) : 0;
	pvtb_table_free(&t);
	return ret;
}

/* ---- deviations over time ---- */

static u64 magnitude(const json_t *v)
{
	s64 n = json_integer_value(v);

	return n < 0 ? 0 - (u64)n : (u64)n;
}

/* A digit per bucket: how many ninths of the farthest, rounded up. */
static void series_cell(struct pvtb_table *t, size_t column, const json_t *series)
{
	char text[256];
	const json_t *it;
	u64 max = 0;
	size_t i, n = 0;

	json_array_foreach (series, i, it)
		if (magnitude(it) > max)
			max = magnitude(it);
	json_array_foreach (series, i, it) {
		u64 a = magnitude(it);

		if (n + 1 == sizeof(text))
			break;
		text[n++] = !json_is_integer(it) ? '_'
			    : !a		 ? '.'
						 : (char)('0' + (a * (u128)9 + max - 1) / max);
	}
	text[n] = '\0';
	pvtb_table_cell(t, column, "%s", text);
}

static int series_table(const struct pvtb_variant_result *v, enum pvtb_table_style style,
			unsigned int indent, FILE *out)
{
	const json_t *vcpus = pvtb_stolen_vcpus(v), *vcpu;
	char bucket[PVTB_STOLEN_TIME_CHARS];
	struct pvtb_table t = {};
	size_t i;
	int ret;

	pvtb_stolen_time(
		pvtb_stolen_int(json_object_get(json_array_get(vcpus, 0), "series"), "bucket_ns"),
		bucket, sizeof(bucket));
	pvtb_table_column(&t, "", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "vCPU", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "over time", PVTB_ALIGN_LEFT);
	pvtb_table_column(&t, "max", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "end", PVTB_ALIGN_RIGHT);
	pvtb_table_column(&t, "ppm", PVTB_ALIGN_RIGHT);
	json_array_foreach (vcpus, i, vcpu) {
		const json_t *series = json_object_get(vcpu, "series");

		for (size_t k = 0; k < 2; k++) {
			pvtb_table_row(&t);
			pvtb_table_cell(&t, 0, "%s", k ? "K-B" : "G-K");
			pvtb_table_cell(&t, 1, "%" PRId64, pvtb_stolen_int(vcpu, "vcpu"));
			series_cell(&t, 2, json_object_get(series, k ? "kb_ns" : "gk_ns"));
			deviation_cells(&t, 3, json_object_get(vcpu, k ? "kb" : "gk"));
		}
	}
	fprintf(out, "%s%s: deviation, a digit per %s: ninths of the max; . is 0, _ no sample\n%s",
		style == PVTB_TABLE_MARKDOWN ? "\n" : "  ", v->name, bucket,
		style == PVTB_TABLE_MARKDOWN ? "\n" : "");
	ret = pvtb_table_print(&t, style, indent, 0, out);
	pvtb_table_free(&t);
	return ret;
}

/* ---- put together ---- */

static int variant_tables(const struct pvtb_variant_result *v, enum pvtb_table_style style,
			  FILE *out)
{
	bool md = style == PVTB_TABLE_MARKDOWN;
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	size_t i, nr = pvtb_stolen_of_variant(v, causes, PVTB_STOLEN_CAUSES);
	const json_t *vcpus = pvtb_stolen_vcpus(v), *vcpu;
	u64 wall_ns = 0;
	int ret;

	json_array_foreach (vcpus, i, vcpu)
		wall_ns += count_of(vcpu, "wall_ns");
	fprintf(out, "%s%s: why it was not in the guest, and what the guest was told of it\n%s",
		md ? "\n" : "\n  ", v->name, md ? "\n" : "");
	ret = causes_table(causes, nr, wall_ns, style, md ? 0 : 4, 0, out);
	if (!ret)
		ret = preemptors_table(v, style, md ? 0 : 4, out);
	return ret ?: series_table(v, style, md ? 0 : 4, out);
}

static void all_title(u64 scenarios, u64 wall_ns, char *buf, size_t size)
{
	char time[PVTB_STOLEN_TIME_CHARS];

	pvtb_stolen_time((s64)wall_ns, time, sizeof(time));
	snprintf(buf, size, "%" PRIu64 " scenario%s, %s of vCPU time", scenarios,
		 scenarios == 1 ? "" : "s", time);
}

int pvtb_stolen_text(const struct pvtb_bench_result *b, enum pvtb_table_style style, FILE *out)
{
	bool md = style == PVTB_TABLE_MARKDOWN;
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	u64 scenarios, wall_ns;
	size_t nr = pvtb_stolen_of_bench(b, causes, PVTB_STOLEN_CAUSES, &scenarios, &wall_ns);
	char title[160];
	int ret;

	if (!bench_has_stolen(b))
		return 0;
	if (md)
		fputc('\n', out);
	ret = overview(b, style, md ? 0 : 2, 0, out);
	if (!ret && nr) {
		all_title(scenarios, wall_ns, title, sizeof(title));
		fprintf(out,
			"%s%s: why vCPUs were not in the guest, and what the guests were told\n%s",
			md ? "\n" : "\n  ", title, md ? "\n" : "");
		ret = causes_table(causes, nr, wall_ns, style, md ? 0 : 4, 0, out);
	}
	for (size_t i = 0; !ret && i < b->nr_variants; i++)
		if (pvtb_stolen_vcpus(&b->variants[i]))
			ret = variant_tables(&b->variants[i], style, out);
	if (!ret)
		fputc('\n', out);
	return ret;
}

int pvtb_stolen_cover(const struct pvtb_bench_result *b, FILE *out)
{
	struct pvtb_stolen_cause causes[PVTB_STOLEN_CAUSES];
	u64 scenarios, wall_ns;
	size_t nr = pvtb_stolen_of_bench(b, causes, PVTB_STOLEN_CAUSES, &scenarios, &wall_ns);
	char title[160], text[400];
	int ret;

	if (!bench_has_stolen(b))
		return 0;
	snprintf(text, sizeof(text),
		 "%s: guest's value (G), the kernel's run_delay (K), the scheduler's events (B):",
		 b->name);
	fputc('\n', out);
	pvtb_fill(out, "", "", PVTB_COVER_COLUMNS, text);
	fputc('\n', out);
	ret = overview(b, PVTB_TABLE_PLAIN, 2, PVTB_COVER_COLUMNS, out);
	if (ret || !nr)
		return ret;
	all_title(scenarios, wall_ns, title, sizeof(title));
	snprintf(text, sizeof(text), "Why the vCPUs were not in the guest, %s:", title);
	fputc('\n', out);
	pvtb_fill(out, "", "", PVTB_COVER_COLUMNS, text);
	fputc('\n', out);
	return causes_table(causes, nr, wall_ns, PVTB_TABLE_PLAIN, 2, PVTB_COVER_COLUMNS, out);
}
