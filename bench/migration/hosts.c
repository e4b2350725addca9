// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hosts joined by a link. Owns what their programs say to each other around a migration: which
 * scenario is next, how their clocks compare before and after it, and what the target saw. The source
 * judges, so that there is one result. Both ends are the same program: structures go as they are.
 */
#include "bench/migration/engine.h"

#include <string.h>

#define SYNC_EXCHANGES 300
/* Silence between scenarios: the other host may be a slow one, and at work. */
#define LINK_MS	       60000
#define CHUNK	       (512U << 10)

enum word {
	WORD_NEXT = 1, /* source: name of a scenario */
	WORD_COMPARE,  /* target: done comparing clocks */
	WORD_READY,    /* source: the guest is up and will come */
	WORD_SORRY,    /* source: it is not, and will not */
	WORD_SEEN,     /* target: struct seen */
	WORD_SAMPLES,  /* target: a piece of what a vCPU noted */
	WORD_BYE,      /* source: that was all */
};

/* What the target tells of a scenario. */
struct seen {
	int ret;
	struct pvtb_err err;
	struct migration_phase phase;
	struct pvtb_mig_received received;
	struct pvtb_mig_sync sync[2]; /* source's clock - target's */
	u64 taken[PVTB_MIGRATION_MAX_VCPUS];
	u64 counter_hz;
	struct pvtb_lpt lpt_end;
};

struct link {
	struct pvtb_mig_out out;
	struct pvtb_mig_in in;
};

static void link_init(struct link *l, int fd)
{
	*l = (struct link){
		.out = {.fd = fd, .timeout_ms = LINK_MS},
		.in = {.fd = fd, .timeout_ms = LINK_MS},
	};
}

static int tell(struct link *l, enum word word, const void *data, size_t bytes,
		struct pvtb_err *err)
{
	return pvtb_mig_put(&l->out, PVTB_MIG_DRIVER, word, 0, data, bytes, err);
}

/* The next word; PINGs before it are answered. */
static int hear(struct link *l, enum word *ret_word, void *data, size_t room, size_t *ret_bytes,
		struct pvtb_err *err)
{
	for (;;) {
		enum pvtb_mig_type type;
		u32 index;
		int ret = pvtb_mig_get(&l->in, &type, &index, data, room, ret_bytes, err);

		if (ret)
			return ret;
		if (type == PVTB_MIG_DRIVER) {
			*ret_word = index;
			return 0;
		}
		if (type != PVTB_MIG_PING || *ret_bytes != sizeof(struct pvtb_mig_ping))
			return pvtb_err_set(err, -EPROTO, "link", "a frame of type %u", type);
		ret = pvtb_mig_sync_answer(&l->out, data, err);
		if (ret)
			return ret;
	}
}

static int expect(struct link *l, enum word want, void *data, size_t bytes, struct pvtb_err *err)
{
	struct pvtb_mig_ping room;
	size_t got = 0;
	enum word word;
	int ret = hear(l, &word, bytes ? data : &room, bytes ?: sizeof(room), &got, err);

	if (!ret && (word != want || got != bytes))
		ret = pvtb_err_set(err, -EPROTO, "link",
				   "word %u of %zu bytes where word %u of %zu was due", word, got,
				   want, bytes);
	return ret;
}

/* Each scenario is its own exchange: frames are numbered from 0 again. */
static int compare(struct link *l, struct pvtb_mig_sync *ret, struct pvtb_err *err)
{
	int r = pvtb_mig_sync(&l->out, &l->in, SYNC_EXCHANGES, ret, err);

	return r ?: tell(l, WORD_COMPARE, NULL, 0, err);
}

/* ---- the source ---- */

static int hear_samples(struct link *l, struct migration_measured *m, struct pvtb_err *err)
{
	for (unsigned int v = 0; v < m->nr_vcpus; v++) {
		size_t want = m->taken[v] * sizeof(m->samples[v][0]);

		if (m->taken[v] > MIGRATION_SAMPLES)
			continue; /* told later: more than the ring holds */
		for (size_t have = 0; have < want;) {
			size_t piece = want - have < CHUNK ? want - have : CHUNK;
			int ret = expect(l, WORD_SAMPLES, (u8 *)m->samples[v] + have, piece, err);

			if (ret)
				return ret;
			have += piece;
		}
	}
	return 0;
}

/* Back to this host: the target is the source now. */
static int take_back(struct migration_ctx *c, struct pvtb_err *err)
{
	struct migration_measured *m = c->m;
	struct pvtb_mig_receive_opts opts;
	int ret;

	migration_receive_opts(c, &opts);
	ret = pvtb_mig_receive(c->run->link_fd, true, &opts, &c->vm, &m->received, err);
	if (ret)
		return ret;
	migration_add_up(m, &m->received);
	return migration_finish(c, c->vm, err);
}

static int hear_out(struct migration_ctx *c, struct link *l, struct pvtb_err *err)
{
	struct seen *seen PVTB_FREE = calloc(1, sizeof(*seen));
	struct migration_measured *m = c->m;
	int ret = seen ? expect(l, WORD_SEEN, seen, sizeof(*seen), err)
		       : pvtb_err_sys(err, -ENOMEM, "link");

	if (ret)
		return ret;
	memcpy(m->sync, seen->sync, sizeof(m->sync));
	m->target_hz = seen->counter_hz;
	if (seen->ret) {
		*err = seen->err;
		return seen->ret;
	}
	if (c->sc->back) {
		m->away = seen->phase;
		migration_add_up(m, &seen->received);
		return 0;
	}
	m->after = seen->phase;
	m->received = seen->received;
	m->lpt_end = seen->lpt_end;
	memcpy(m->taken, seen->taken, sizeof(m->taken));
	migration_add_up(m, &m->received);
	return hear_samples(l, m, err);
}

static int send_over(struct migration_ctx *c, struct link *l, struct pvtb_err *err)
{
	struct pvtb_err theirs = {0};
	int ret = migration_start(c, err), r;
	bool back = false;

	if (ret) {
		r = tell(l, WORD_SORRY, NULL, 0, &theirs);
		return r ? r : ret;
	}
	ret = tell(l, WORD_READY, NULL, 0, err);
	ret = ret ?: migration_send(c, c->run->link_fd, true, err);
	if (!ret) {
		migration_leave(c, true);
		back = c->sc->back;
		if (back)
			ret = take_back(c, err);
	}
	if (ret && ret != -EREMOTEIO && !back)
		return ret;
	r = expect(l, WORD_COMPARE, NULL, 0, &theirs);
	r = r ?: hear_out(c, l, &theirs);
	if (ret && back)
		return ret;
	/* Who refuses says so twice, and its own words are the better ones. */
	if (r)
		*err = theirs;
	return r ?: ret;
}

int migration_to_host(struct migration_ctx *c, struct pvtb_err *err)
{
	struct link l;
	int ret;

	link_init(&l, c->run->link_fd);
	ret = tell(&l, WORD_NEXT, c->sc->name, strlen(c->sc->name) + 1, err);
	ret = ret ?: expect(&l, WORD_COMPARE, NULL, 0, err);
	ret = ret ?: send_over(c, &l, err);
	pvtb_mig_in_free(&l.in);
	return ret;
}

int migration_dismiss(struct pvtb_run *run, struct pvtb_err *err)
{
	struct link l;

	link_init(&l, run->link_fd);
	return tell(&l, WORD_BYE, NULL, 0, err);
}

/* ---- the target ---- */

static int tell_samples(struct link *l, const struct migration_measured *m, struct pvtb_err *err)
{
	for (unsigned int v = 0; v < m->nr_vcpus; v++) {
		size_t bytes = m->taken[v] * sizeof(m->samples[v][0]);

		if (m->taken[v] > MIGRATION_SAMPLES)
			continue;
		for (size_t done = 0; done < bytes; done += CHUNK) {
			size_t left = bytes - done;
			int ret = tell(l, WORD_SAMPLES, (const u8 *)m->samples[v] + done,
				       left < CHUNK ? left : CHUNK, err);

			if (ret)
				return ret;
		}
	}
	return 0;
}

/* It stays a while, and is sent back. */
static int send_back(struct migration_ctx *c, struct migration_phase *ret, struct pvtb_err *err)
{
	int r;

	migration_watch(c->vm, c->m->nr_vcpus, 400000000, ret);
	r = migration_send(c, c->run->link_fd, true, err);
	for (unsigned int i = 0; !r && i < c->m->nr_vcpus; i++)
		ret->behind[i] = migration_taken(c->vm, i);
	if (!r)
		migration_leave(c, false);
	return r;
}

static int take_in(struct migration_ctx *c, struct seen *seen)
{
	struct pvtb_mig_receive_opts opts;
	int ret;

	migration_receive_opts(c, &opts);
	ret = pvtb_mig_receive(c->run->link_fd, true, &opts, &c->vm, &seen->received, &seen->err);
	if (!ret && c->sc->back)
		ret = send_back(c, &seen->phase, &seen->err);
	else if (!ret)
		ret = migration_finish(c, c->vm, &seen->err);
	pvtb_vm_free(c->vm);
	c->vm = NULL;
	seen->phase = c->sc->back ? seen->phase : c->m->after;
	seen->lpt_end = c->m->lpt_end;
	memcpy(seen->taken, c->m->taken, sizeof(seen->taken));
	return ret;
}

/* One scenario. An error of the guest's way is the source's to report; one that is returned here is
 * the link's own. */
static int serve_one(const struct pvtb_migration_scenario *sc, struct pvtb_run *run, struct link *l,
		     struct pvtb_err *err)
{
	struct migration_measured *m PVTB_FREE = calloc(1, sizeof(*m));
	struct seen *seen PVTB_FREE = calloc(1, sizeof(*seen));
	struct pvtb_mig_ping room;
	struct migration_ctx c;
	size_t bytes;
	enum word word;
	int ret = m && seen ? compare(l, &seen->sync[0], err) : pvtb_err_sys(err, -ENOMEM, "link");

	ret = ret ?: hear(l, &word, &room, sizeof(room), &bytes, err);
	if (ret || word == WORD_SORRY)
		return ret;
	migration_ctx_init(&c, sc, run, m);
	seen->counter_hz = run->host->counter_hz;
	seen->ret = take_in(&c, seen);
	ret = compare(l, &seen->sync[1], err);
	ret = ret ?: tell(l, WORD_SEEN, seen, sizeof(*seen), err);
	if (!ret && !seen->ret && !sc->back)
		ret = tell_samples(l, m, err);
	return ret;
}

int migration_serve(struct pvtb_run *run, struct pvtb_err *err)
{
	int ret = 0;

	while (!ret) {
		const struct pvtb_migration_scenario *sc;
		char name[64] = "";
		enum word word;
		struct link l;
		size_t bytes;

		link_init(&l, run->link_fd);
		ret = hear(&l, &word, name, sizeof(name) - 1, &bytes, err);
		if (ret || word == WORD_BYE)
			return ret;
		sc = migration_find(name);
		if (!sc || word != WORD_NEXT)
			return pvtb_err_set(err, -EPROTO, "link", "asked for %s (word %u)", name,
					    word);
		ret = serve_one(sc, run, &l, err);
		pvtb_mig_in_free(&l.in);
	}
	return ret;
}
