// SPDX-License-Identifier: GPL-2.0-only
/* pvtb migrate-target: take a guest in, let it go on, and look at what it noted of its own time. */
#include <math.h>
#include <string.h>

#include "bench/migration/guest.h"
#include "cmd/cmd.h"
#include "core/signals.h"
#include "core/text.h"
#include "load/wait.h"
#include "migrate/channel.h"
#include "migrate/migrate.h"

#define STOP_MS 10000

struct target_opts {
	u64 wait_s;
	u64 seconds;
	u64 memory_mib;
	u64 timeout_s;
};

static const struct target_opts target_defaults = {
	.wait_s = 60,
	.seconds = 1,
	.memory_mib = 4096,
	.timeout_s = 30,
};

static const struct pvtb_opt target_options[] = {
	PVTB_OPT_U64('w', "wait", struct target_opts, wait_s, "SECONDS", 0, 86400,
		     "for a guest to come (0: as long as it takes)"),
	PVTB_OPT_U64('s', "seconds", struct target_opts, seconds, "N", 0, 86400,
		     "let it run that long"),
	PVTB_OPT_U64(0, "max-memory", struct target_opts, memory_mib, "MIB", 16, 65536,
		     "refuse larger guests"),
	PVTB_OPT_U64(0, "timeout", struct target_opts, timeout_s, "SECONDS", 1, 3600,
		     "of silence, and of a part that comes slowly"),
	PVTB_OPT_END,
};

/* What a guest noted, looked at after it has ended. */
struct seen {
	u64 there, here; /* samples */
	u64 missing, back;
	double gap_ns; /* the longest between two samples, by the guest's own clock */
};

static void say_listening(const struct pvtb_mig_place *place, int fd)
{
	char name[128];

	pvtb_mig_place_name(place, fd, name, sizeof(name));
	switch (place->kind) {
	case PVTB_MIG_TCP:
		printf("listening  %s, %s\n", name,
		       place->beyond
			       ? "NOT this machine's loopback: whoever reaches it can send a guest"
			       : "this machine only");
		break;
	case PVTB_MIG_UNIX:
		printf("listening  %s\n", name);
		break;
	default:
		printf("reading    %s\n", name);
	}
	fflush(stdout);
}

static void say_guest(const struct pvtb_mig_received *r, u64 here_hz)
{
	const struct pvtb_mig_hello *h = &r->hello;
	char kernel[4 * sizeof(h->kernel) + 1];

	(void)pvtb_text_clean(h->kernel, kernel, sizeof(kernel));
	printf("guest      %s, %u vCPU%s, %llu MiB, from Linux %s; counter %.6g MHz there, %.6g MHz "
	       "here\n",
	       h->arch == PVTB_MIG_ARM64 ? "arm64" : "x86_64", h->nr_vcpus,
	       h->nr_vcpus == 1 ? "" : "s", (unsigned long long)(h->mem_bytes >> 20), kernel,
	       (double)h->counter_hz / 1e6, (double)here_hz / 1e6);
	printf("method     %s", pvtb_mig_method_names[h->method]);
	if (h->flags & PVTB_MIG_F_LPT)
		printf(", Live Physical Time of %.6g MHz", h->lpt_pv_hz / 1e6);
	printf("\naway       %.6f s by %s\n", (double)r->elapsed_ns / 1e9,
	       r->same_boot ? "this host's own clock"
	       : r->synced  ? "the source's clock, compared with this host's"
			    : "CLOCK_REALTIME of both hosts: as right as they are set");
	if (r->predicted)
		printf("time       off by %.0f ns +- %.0f by the method's own making\n",
		       r->predicted_ns, r->predicted_unc_ns);
	if (r->nr_skipped)
		printf("lacking    %s: not restored here\n", r->skipped);
}

/* Of LPT where the guest has it: the counter underneath is another host's, and may be behind. */
static u64 clock_of(const struct pvtb_mig_hello *h, const struct pvtb_time_sample *s, bool end)
{
	return h->method == PVTB_MIG_BY_LPT ? s->lpt : end ? s->c1 : s->c0;
}

static void look_at(struct pvtb_vm *vm, unsigned int vcpu, const struct pvtb_mig_hello *h,
		    u64 there, struct seen *seen)
{
	double tick_ns =
		1e9 / (double)(h->method == PVTB_MIG_BY_LPT ? h->lpt_pv_hz : h->counter_hz);
	u64 mask, n = migration_taken(vm, vcpu);
	const struct pvtb_time_sample *ring = migration_samples(vm, vcpu, &mask);
	u64 first = n > mask ? n - mask : 0;

	seen->there += there;
	seen->here += n - there;
	for (u64 i = first; i < n; i++) {
		const struct pvtb_time_sample *s = &ring[i & mask], *p = &ring[(i - 1) & mask];
		s64 step;

		seen->missing += s->index != i;
		if (i == first)
			continue;
		step = (s64)(clock_of(h, s, false) - clock_of(h, p, true));
		seen->back += step < 0;
		seen->gap_ns = fmax(seen->gap_ns, (double)step * tick_ns);
	}
}

static int let_run(struct pvtb_vm *vm, const struct pvtb_mig_hello *h, u64 seconds,
		   struct seen *seen, struct pvtb_err *err)
{
	u64 there[PVTB_MIG_VCPUS_MAX];
	int ret = 0;

	for (unsigned int i = 0; i < h->nr_vcpus; i++)
		there[i] = migration_taken(vm, i);
	if (pvtb_load_wait_until(pvtb_mono_ns() + seconds * 1000000000ULL, -1))
		ret = pvtb_check_interrupted(err);
	for (unsigned int i = 0; i < h->nr_vcpus; i++)
		pvtb_vm_stop_cmd(vm, i);
	for (unsigned int i = 0; !ret && i < h->nr_vcpus; i++) {
		struct pvtb_cmd_result res;

		ret = pvtb_vm_wait(vm, i, STOP_MS, &res, err);
		if (!ret)
			look_at(vm, i, h, there[i], seen);
	}
	return ret;
}

static int conclude(const struct seen *s, u64 seconds)
{
	bool stuck = seconds && !s->here;

	printf("went on    %llu samples when it came, %llu more here; %llu missing, %llu steps back, "
	       "longest gap %.3f ms\n",
	       (unsigned long long)s->there, (unsigned long long)s->here,
	       (unsigned long long)s->missing, (unsigned long long)s->back, s->gap_ns / 1e6);
	if (!s->missing && !s->back && !stuck)
		return PVTB_EXIT_OK;
	fflush(stdout);
	fprintf(stderr, "pvtb: guest: %s\n",
		stuck	     ? "takes no samples here"
		: s->missing ? "what it noted is not whole"
			     : "its time stepped back");
	return PVTB_EXIT_FAILED;
}

static int cmd_target(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	const struct target_opts *o = opts;
	struct pvtb_mig_receive_opts ro = {.max_mem_bytes = o->memory_mib << 20};
	struct pvtb_mig_received received = {0};
	struct pvtb_mig_place place;
	struct seen seen = {0};
	struct pvtb_vm *vm = NULL;
	struct pvtb_err err = {0};
	int fd = -1, status = PVTB_EXIT_OK, ret = pvtb_mig_place_parse(argv[0], &place, &err);

	ret = ret ?: pvtb_signals_install(&err);
	ret = ret ?: pvtb_mig_listen(&place, &fd, &err);
	if (!ret) {
		say_listening(&place, fd);
		ret = pvtb_mig_accept(&place, fd, (u32)o->wait_s * 1000, &fd, &err);
	}
	if (!ret) {
		/* On a port nobody connects: silence is what there is to wait by. */
		ro.frame_ms = (u32)o->timeout_s * 1000;
		ro.timeout_ms = place.kind == PVTB_MIG_PORT ? (u32)o->wait_s * 1000 : ro.frame_ms;
		ret = pvtb_mig_receive(fd, place.way_back, &ro, &vm, &received, &err);
		close(fd);
	}
	if (!ret) {
		say_guest(&received, pvtb_vm_caps(vm)->counter_hz);
		ret = let_run(vm, &received.hello, o->seconds, &seen, &err);
	}
	if (!ret)
		status = conclude(&seen, o->seconds);
	pvtb_vm_free(vm);
	return ret ? pvtb_cmd_fail(&err) : status;
}

static const struct pvtb_command target_command = {
	.name = "migrate-target",
	.summary = "take in a guest of `pvtb migrate-source`, or one from a file, and let it go on",
	.usage = "[-w SECONDS] [-s SECONDS] unix:PATH|tcp:[ADDRESS:]PORT|port:NAME|file:PATH",
	.description =
		"Listens (tcp: on this machine's loopback unless an address is given, and says so),\n"
		"takes one guest, lets it run, and looks at every sample it took on both hosts.\n"
		"Exit status: 0 nothing is missing and its clock never stepped back, 1 something\n"
		"is or did, 2 nothing was taken in: the stream was damaged, cut short, of another\n"
		"version or architecture, or from a CPU this host is not. Nothing has run then.",
	.options = target_options,
	.opts_size = sizeof(struct target_opts),
	.defaults = &target_defaults,
	.min_operands = 1,
	.max_operands = 1,
	.run = cmd_target,
};
PVTB_COMMAND(target_command);
