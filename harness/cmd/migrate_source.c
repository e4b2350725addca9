// SPDX-License-Identifier: GPL-2.0-only
/* pvtb migrate-source: a guest that looks at its clocks all the time, sent away while it does. */
#include <string.h>

#include "arch/counter.h"
#include "bench/migration/guest.h"
#include "cmd/cmd.h"
#include "core/signals.h"
#include "load/wait.h"
#include "migrate/channel.h"
#include "migrate/migrate.h"

struct source_opts {
	unsigned int method;
	u64 vcpus;
	u64 seconds;
	u64 ring_mib;
	u64 lpt_hz;
	u64 sample_hz;
};

static const struct source_opts source_defaults = {
	.method = PVTB_MIG_BY_OFFSET,
	.vcpus = 1,
	.seconds = 1,
	.ring_mib = 4,
	.lpt_hz = 1000000000,
	.sample_hz = 1000,
};

static const struct pvtb_opt source_options[] = {
	PVTB_OPT_ENUM('m', "method", struct source_opts, method, pvtb_mig_method_names,
		      "what the guest's time is carried over by"),
	PVTB_OPT_U64('c', "vcpus", struct source_opts, vcpus, "N", 1, PVTB_MIG_VCPUS_MAX,
		     "vCPUs of the guest"),
	PVTB_OPT_U64('s', "seconds", struct source_opts, seconds, "N", 0, 86400,
		     "let it run that long before it is sent"),
	PVTB_OPT_U64(0, "ring", struct source_opts, ring_mib, "MIB", 1, 1024,
		     "memory for the samples of each vCPU, a power of two"),
	PVTB_OPT_U64(0, "lpt-hz", struct source_opts, lpt_hz, "HZ", 1000000, 4294967295ULL,
		     "method lpt: the frequency the guest is promised"),
	PVTB_OPT_U64(0, "rate", struct source_opts, sample_hz, "HZ", 1, 100000, "samples a second"),
	PVTB_OPT_END,
};

static u64 all_taken(struct pvtb_vm *vm, unsigned int nr_vcpus)
{
	u64 n = 0;

	for (unsigned int i = 0; i < nr_vcpus; i++)
		n += migration_taken(vm, i);
	return n;
}

static int start(const struct source_opts *o, struct pvtb_vm **ret_vm, enum pvtb_level *ret_level,
		 struct pvtb_err *err)
{
	struct pvtb_kvm_caps caps;
	struct migration_guest g = {
		.caps = &caps,
		.arch = !strcmp(pvtb_arch_name(), "arm64") ? PVTB_ARCH_ARM64 : PVTB_ARCH_X86_64,
		.nr_vcpus = (unsigned int)o->vcpus,
		.ring_bytes = o->ring_mib << 20,
		.lpt_pv_hz = o->method == PVTB_MIG_BY_LPT ? (u32)o->lpt_hz : 0,
		.from_zero = o->method != PVTB_MIG_BY_VALUE,
		.sample_hz = o->sample_hz,
	};
	int ret = pvtb_kvm_probe(&caps, NULL, err);

	if (!ret && o->ring_mib & (o->ring_mib - 1))
		ret = pvtb_err_set(err, -EINVAL, "--ring", "%llu MiB are no power of two",
				   (unsigned long long)o->ring_mib);
	if (ret)
		return ret;
	*ret_level = migration_level(&caps);
	ret = migration_guest_new(&g, ret_vm, err);
	ret = ret ?: migration_guest_start(&g, *ret_vm, err);
	if (!ret && o->seconds &&
	    pvtb_load_wait_until(pvtb_mono_ns() + o->seconds * 1000000000ULL, -1))
		ret = pvtb_check_interrupted(err);
	return ret;
}

/* It was refused, or did not arrive: it must go on here, and that is seen, not said. */
static void goes_on(struct pvtb_vm *vm, unsigned int nr_vcpus)
{
	u64 before = all_taken(vm, nr_vcpus), after;

	(void)!pvtb_load_wait_until(pvtb_mono_ns() + 200000000ULL, -1);
	after = all_taken(vm, nr_vcpus);
	fflush(stdout);
	fprintf(stderr, "the guest %s here: %llu samples so far, %llu of them since\n",
		after > before ? "goes on" : "has stopped", (unsigned long long)after,
		(unsigned long long)(after - before));
}

static void report(const struct pvtb_mig_sent *s, u64 taken)
{
	double seconds = (double)s->copy_ns / 1e9;

	printf("sent       %llu pages in %u rounds, %.1f MiB/s; %llu of nothing but zeros, %llu while "
	       "it was held\n",
	       (unsigned long long)s->pages, s->rounds,
	       seconds > 0 ? (double)s->bytes / (1 << 20) / seconds : 0,
	       (unsigned long long)s->zero_pages, (unsigned long long)s->last_pages);
	printf("gone       after %llu samples\n", (unsigned long long)taken);
}

static int cmd_source(const struct pvtb_command *cmd, void *opts, int argc, char **argv)
{
	const struct source_opts *o = opts;
	struct pvtb_mig_send_opts so = {.method = o->method, .op = MIGRATION_OP};
	struct pvtb_mig_place place;
	struct pvtb_mig_sent sent = {0};
	struct pvtb_vm *vm = NULL;
	struct pvtb_err err = {0};
	int fd = -1, ret = pvtb_mig_place_parse(argv[0], &place, &err);

	ret = ret ?: pvtb_signals_install(&err);
	ret = ret ?: start(o, &vm, &so.level, &err);
	ret = ret ?: pvtb_mig_connect(&place, &fd, &err);
	if (!ret) {
		so.way_back = place.way_back;
		ret = pvtb_mig_send(vm, fd, &so, &sent, &err);
		if (ret) {
			pvtb_mig_undo(&place);
			goes_on(vm, (unsigned int)o->vcpus);
		} else {
			report(&sent, all_taken(vm, (unsigned int)o->vcpus));
		}
		close(fd);
	}
	pvtb_vm_free(vm);
	return ret ? pvtb_cmd_fail(&err) : PVTB_EXIT_OK;
}

static const struct pvtb_command source_command = {
	.name = "migrate-source",
	.summary = "run a guest, and send it to `pvtb migrate-target` or into a file",
	.usage =
		"[-m METHOD] [-c VCPUS] [-s SECONDS] unix:PATH|tcp:[ADDRESS:]PORT|port:NAME|file:PATH",
	.description =
		"The guest reads its clocks all the time. It is moved while it runs, and is the\n"
		"source's until the target has everything: refused or cut off, it goes on here and\n"
		"the exit status is 2. A file has no way back: written whole, the guest is in it.\n"
		"tcp: without an address is this machine's own loopback; port: is a virtio-serial\n"
		"port by its name.",
	.options = source_options,
	.opts_size = sizeof(struct source_opts),
	.defaults = &source_defaults,
	.min_operands = 1,
	.max_operands = 1,
	.run = cmd_source,
};
PVTB_COMMAND(source_command);
