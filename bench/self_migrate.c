// SPDX-License-Identifier: GPL-2.0-only
/*
 * self_migrate: how fast the migration engine copies a running guest of 256 MiB, beside a plain memcpy
 * through the same kind of socket. About the suite itself, not the host: `make bench-self`.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "bench/migration/guest.h"
#include "core/progress.h"
#include "migrate/migrate.h"

#define GUEST_BYTES (256ULL << 20)
#define PIECE	    (PVTB_MIG_PAGES_MAX * PVTB_MIG_PAGE)
#define LEAST	    0.5
#define TRIES	    3

struct other_end {
	int fd;
	u8 *to; /* plain: GUEST_BYTES */
	u64 bytes;
	struct pvtb_vm *vm;
	struct pvtb_mig_received received;
	struct pvtb_err err;
	int ret;
};

/* ---- plain ---- */

static void *take_plain(void *arg)
{
	struct other_end *o = arg;

	while (o->bytes < GUEST_BYTES) {
		ssize_t n = read(o->fd, o->to + o->bytes, GUEST_BYTES - o->bytes);

		if (n <= 0)
			break;
		o->bytes += (u64)n;
	}
	return NULL;
}

/* As the engine does it, a copy of what may change and a write, without the rest. */
static int give_plain(int fd, const u8 *from, u8 *piece)
{
	for (u64 done = 0; done < GUEST_BYTES; done += PIECE) {
		memcpy(piece, from + done, PIECE);
		for (u64 sent = 0; sent < PIECE;) {
			ssize_t n = write(fd, piece + sent, PIECE - sent);

			if (n <= 0)
				return -EIO;
			sent += (u64)n;
		}
	}
	return 0;
}

static int plain(const u8 *from, double *ret_mib_s, struct pvtb_err *err)
{
	struct other_end o = {.to = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)};
	u8 *piece PVTB_FREE = malloc(PIECE);
	u64 begin_ns;
	pthread_t t;
	int fds[2], ret;

	if (o.to == MAP_FAILED || !piece)
		return pvtb_err_sys(err, -ENOMEM, "self_migrate");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		munmap(o.to, GUEST_BYTES);
		return pvtb_err_sys(err, -errno, "socketpair");
	}
	o.fd = fds[1];
	begin_ns = pvtb_mono_ns();
	ret = -pthread_create(&t, NULL, take_plain, &o);
	if (!ret) {
		ret = give_plain(fds[0], from, piece);
		shutdown(fds[0], SHUT_WR);
		pthread_join(t, NULL);
	}
	*ret_mib_s = (double)GUEST_BYTES / (1 << 20) / ((double)(pvtb_mono_ns() - begin_ns) / 1e9);
	if (!ret && o.bytes != GUEST_BYTES)
		ret = -EIO;
	close(fds[0]);
	close(fds[1]);
	munmap(o.to, GUEST_BYTES);
	return ret ? pvtb_err_sys(err, ret, "plain copy") : 0;
}

/* ---- the engine ---- */

static void *take_guest(void *arg)
{
	struct other_end *o = arg;
	const struct pvtb_mig_receive_opts opts = {0};

	o->ret = pvtb_mig_receive(o->fd, true, &opts, &o->vm, &o->received, &o->err);
	return NULL;
}

static int migrate(struct pvtb_vm *vm, enum pvtb_level level, struct pvtb_mig_sent *sent,
		   struct pvtb_err *err)
{
	const struct pvtb_mig_send_opts opts = {
		.method = PVTB_MIG_BY_LPT, .op = MIGRATION_OP, .level = level, .way_back = true};
	struct other_end o = {0};
	pthread_t t;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return pvtb_err_sys(err, -errno, "socketpair");
	o.fd = fds[1];
	ret = -pthread_create(&t, NULL, take_guest, &o);
	if (ret) {
		pvtb_err_sys(err, ret, "thread of the target");
	} else {
		ret = pvtb_mig_send(vm, fds[0], &opts, sent, err);
		if (ret)
			shutdown(fds[0], SHUT_RDWR);
		pthread_join(t, NULL);
		if (o.ret && (!ret || ret == -EREMOTEIO)) {
			*err = o.err;
			ret = o.ret;
		}
		pvtb_vm_free(o.ret ? NULL : o.vm);
	}
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static int once(const struct pvtb_run *run, double *ret_plain, double *ret_engine,
		struct pvtb_mig_sent *sent, struct pvtb_err *err)
{
	const struct migration_guest g = {
		.caps = &run->caps,
		.arch = run->arch,
		.nr_vcpus = 1,
		.ring_bytes = GUEST_BYTES,
		.lpt_pv_hz = 1000000000,
		.from_zero = true,
		.sample_hz = 1000,
	};
	struct pvtb_vm *vm = NULL;
	int ret = migration_guest_new(&g, &vm, err);

	if (!ret) {
		/* No page of zeros: those cost nothing to send. */
		memset(pvtb_vm_gpa(vm, PVTB_GPA_RINGS), 0x5a, GUEST_BYTES);
		ret = plain(pvtb_vm_gpa(vm, PVTB_GPA_RINGS), ret_plain, err);
	}
	ret = ret ?: migration_guest_start(&g, vm, err);
	ret = ret ?: migrate(vm, migration_level(&run->caps), sent, err);
	pvtb_vm_free(vm);
	if (!ret)
		*ret_engine = (double)sent->bytes / (1 << 20) / ((double)sent->copy_ns / 1e9);
	return ret;
}

static int speed(struct pvtb_variant_result *v, const char *name, double mib_s)
{
	return pvtb_variant_add_metric(v, name, PVTB_UNIT_PER_SECOND, PVTB_KIND_TIME,
				       PVTB_HIGHER_IS_BETTER, mib_s, NAN, NAN, TRIES);
}

/* An emulator's time is its own, and that of whatever else its machine does: it decides nothing. */
static int judge(const struct pvtb_run *run, struct pvtb_variant_result *v, double best_plain,
		 double best_engine, const struct pvtb_mig_sent *sent)
{
	enum pvtb_status st = best_engine >= LEAST * best_plain ? PVTB_OK : PVTB_FAIL;

	return pvtb_variant_add_law(v, "precopy", "at least half of a plain memcpy's",
				    run->emulated ? PVTB_INCONCLUSIVE : st,
				    "%.0f of %.0f MiB/s, %.2f; %llu pages in %u rounds%s",
				    best_engine, best_plain, best_engine / best_plain,
				    (unsigned long long)sent->pages, sent->rounds,
				    run->emulated ? "; an emulator's time is not judged" : "");
}

/* The best of some of either: what else the machine does is in all of them. */
static int measure(const struct pvtb_run *run, struct pvtb_variant_result *v, struct pvtb_err *err)
{
	double best_plain = 0, best_engine = 0;
	struct pvtb_mig_sent sent = {0};
	int ret = 0;

	for (unsigned int i = 0; !ret && i < TRIES; i++) {
		double p = 0, e = 0;

		ret = once(run, &p, &e, &sent, err);
		best_plain = fmax(best_plain, p);
		best_engine = fmax(best_engine, e);
	}
	if (ret)
		return ret;
	ret = speed(v, "plain.mib_s", best_plain);
	ret = ret ?: speed(v, "precopy.mib_s", best_engine);
	ret = ret ?: judge(run, v, best_plain, best_engine, &sent);
	return ret ? pvtb_err_sys(err, -ENOMEM, "self_migrate") : 0;
}

static const struct pvtb_variant variants[] = {
	{.name = "precopy",
	 .summary = "a running guest of 256 MiB, and a plain memcpy through the same socket",
	 .archs = PVTB_ARCH_ANY,
	 .provider = "vmm"},
};

static int self_migrate_run(const struct pvtb_bench *bench, struct pvtb_run *run,
			    struct pvtb_err *err)
{
	struct pvtb_bench_result *b = pvtb_host_add_bench(run->host, bench->name, bench->summary);
	struct pvtb_variant_result *v =
		b ? pvtb_bench_add_variant(b, variants[0].name, variants[0].summary) : NULL;

	if (!v || pvtb_result_set(&v->provider, variants[0].provider))
		return pvtb_err_sys(err, -ENOMEM, "%s", bench->name);
	pvtb_progress_update(run->progress, "%s", bench->name);
	return pvtb_variant_settle(v, measure(run, v, err), err);
}

static const struct pvtb_bench self_migrate = {
	.name = "self_migrate",
	.summary = "speed of the migration engine",
	.source = "docs/migration.md",
	.variants = variants,
	.nr_variants = PVTB_ARRAY_SIZE(variants),
	.by_name_only = true,
	.run = self_migrate_run,
};
PVTB_BENCH(self_migrate);
