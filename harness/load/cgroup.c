// SPDX-License-Identifier: GPL-2.0-only
/* Owns the control groups made, the threads and processes moved into them, and what was switched on
 * for them; everything is undone in reverse. */
#include "load/cgroup.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "load/cgroup_file.h"
#include "load/task.h"

#define WAIT_MS	  10000
#define MAX_NAMES 100000

/* A switch turned on in <mount>/cgroup.subtree_control. */
struct turned_on {
	enum pvtb_cgroup_ctl ctl;
	u64 undo_id;
};

/* Something moved, and the file to which its number is written to move it back. */
struct moved {
	struct moved *next;
	pid_t pid;
	bool has_cpus;
	struct pvtb_cpus cpus;
	unsigned int nr_back;
	struct {
		char dir[PVTB_CGROUP_PATH];
		const char *file;
		u64 undo_id;
	} back[PVTB_CGROUP_NR];
};

struct pvtb_cgroup_domain {
	struct pvtb_cgroup_host host;
	struct pvtb_guardian *guardian;
	unsigned int ctls;
	/* v2 only */
	char dir[PVTB_CGROUP_PATH]; /* "" without v2 */
	bool own;		    /* made here, not the mount itself */
	u64 undo_id;
	unsigned int nr_on;
	struct turned_on on[PVTB_CGROUP_NR];
	struct moved *processes;
};

struct pvtb_cgroup {
	struct pvtb_cgroup_domain *domain;
	/* one directory per hierarchy; controllers may share one */
	unsigned int nr_dirs;
	struct group_dir {
		char path[PVTB_CGROUP_PATH];
		enum pvtb_cgroup_ctl ctl; /* a controller that is there, to ask by */
		u64 undo_id;
	} dirs[PVTB_CGROUP_NR];
	int dir_of[PVTB_CGROUP_NR]; /* -1: not asked for */
	struct moved *threads;
};

static int version_of(const struct pvtb_cgroup_domain *d, enum pvtb_cgroup_ctl ctl)
{
	return d->host.ctl[ctl].version;
}

/* The first controller asked for that v2 has, or PVTB_CGROUP_NR. */
static enum pvtb_cgroup_ctl first_v2(const struct pvtb_cgroup_domain *d)
{
	enum pvtb_cgroup_ctl c;

	for (c = 0; c < PVTB_CGROUP_NR; c++) {
		if (d->ctls & PVTB_CGROUP_BIT(c) && version_of(d, c) == 2)
			break;
	}
	return c;
}

/* A directory of a name nobody has, known to the guardian before it is there. */
static int make_dir(const char *parent, struct pvtb_guardian *g, char ret[PVTB_CGROUP_PATH],
		    u64 *ret_undo_id, struct pvtb_err *err)
{
	char name[48], path[PVTB_CGROUP_PATH];
	u64 undo_id;
	int r;

	for (int i = 0; i < MAX_NAMES; i++) {
		snprintf(name, sizeof(name), "pvtb-%d-%d", (int)getpid(), i);
		r = pvtb_cgroup_join(path, parent, name);
		if (r)
			return pvtb_err_sys(err, r, "%s", parent);
		if (!access(path, F_OK))
			continue;
		r = pvtb_guardian_add_cgroup(g, path, &undo_id, err);
		if (r)
			return r;
		if (!mkdir(path, 0755)) {
			memcpy(ret, path, sizeof(path));
			*ret_undo_id = undo_id;
			return 0;
		}
		/* not ours: must not be removed */
		r = -errno;
		if (pvtb_guardian_remove(g, undo_id, err))
			return -EPIPE;
		if (r != -EEXIST)
			return pvtb_cgroup_failed(r, parent, name, err);
	}
	return pvtb_err_sys(err, -EEXIST, "%s", parent);
}

/* Threads that are ending keep it busy for a moment. When it stays so, it stays on the guardian's
 * list. */
static int remove_dir(const char *path, struct pvtb_guardian *g, u64 undo_id, struct pvtb_err *err)
{
	int r = -EBUSY;

	for (int ms = 0; ms < WAIT_MS && r == -EBUSY; ms++) {
		r = rmdir(path) ? -errno : 0;
		if (r == -EBUSY)
			usleep(1000);
	}
	if (r && r != -ENOENT)
		return pvtb_err_sys(err, r, "removing %s", path);
	return pvtb_guardian_remove(g, undo_id, err);
}

/* ---- domain ---- */

static int turn_on(struct pvtb_cgroup_domain *d, const char *mount, enum pvtb_cgroup_ctl ctl,
		   struct pvtb_err *err)
{
	static const char file[] = "cgroup.subtree_control";
	const char *name = pvtb_cgroup_ctl_name(ctl);
	char text[512], path[PVTB_CGROUP_PATH];
	int r = pvtb_cgroup_read(mount, file, text, sizeof(text));

	if (r)
		return pvtb_cgroup_failed(r, mount, file, err);
	if (pvtb_cgroup_has_word(text, name))
		return 0;
	r = pvtb_cgroup_join(path, mount, file);
	if (r)
		return pvtb_err_sys(err, r, "%s", mount);
	snprintf(text, sizeof(text), "-%s", name);
	r = pvtb_guardian_add_write(d->guardian, path, text, &d->on[d->nr_on].undo_id, err);
	if (r)
		return r;
	d->on[d->nr_on++].ctl = ctl;
	snprintf(text, sizeof(text), "+%s", name);
	r = pvtb_cgroup_write(mount, file, text);
	return r ? pvtb_cgroup_failed(r, mount, file, err) : 0;
}

/* Controllers for the children of the group made here; they go with it. */
static int delegate(struct pvtb_cgroup_domain *d, enum pvtb_cgroup_ctl ctl, struct pvtb_err *err)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "+%s", pvtb_cgroup_ctl_name(ctl));
	r = pvtb_cgroup_write(d->dir, "cgroup.subtree_control", text);
	return r ? pvtb_cgroup_failed(r, d->dir, "cgroup.subtree_control", err) : 0;
}

static int prepare_v2(struct pvtb_cgroup_domain *d, enum pvtb_cgroup_ctl any, struct pvtb_err *err)
{
	const char *mount = d->host.ctl[any].mount;
	char here[PVTB_CGROUP_PATH];
	int r = pvtb_cgroup_of(&d->host, any, getpid(), here);

	if (r)
		return pvtb_err_sys(err, r, "/proc/self/cgroup");
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR && !r; c++) {
		if (d->ctls & PVTB_CGROUP_BIT(c) && version_of(d, c) == 2 &&
		    c != PVTB_CGROUP_FREEZER)
			r = turn_on(d, mount, c, err);
	}
	if (r)
		return r;
	d->own = strcmp(here, mount);
	if (!d->own) {
		snprintf(d->dir, sizeof(d->dir), "%s", mount);
		return 0;
	}
	r = make_dir(mount, d->guardian, d->dir, &d->undo_id, err);
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR && !r; c++) {
		if (d->ctls & PVTB_CGROUP_BIT(c) && version_of(d, c) == 2 &&
		    c != PVTB_CGROUP_FREEZER)
			r = delegate(d, c, err);
	}
	return r;
}

int pvtb_cgroup_domain_new(const struct pvtb_cgroup_host *host, unsigned int ctls,
			   struct pvtb_guardian *g, struct pvtb_cgroup_domain **ret,
			   struct pvtb_err *err)
{
	struct pvtb_cgroup_domain *d;
	int r = 0;

	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++) {
		if (ctls & PVTB_CGROUP_BIT(c) && !host->ctl[c].version)
			return pvtb_err_set(err, -EOPNOTSUPP, pvtb_cgroup_ctl_name(c), "%s",
					    host->ctl[c].why);
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return pvtb_err_sys(err, -ENOMEM, "control group");
	d->host = *host;
	d->guardian = g;
	d->ctls = ctls;
	if (first_v2(d) != PVTB_CGROUP_NR)
		r = prepare_v2(d, first_v2(d), err);
	if (r) {
		pvtb_cgroup_domain_free(d, NULL);
		return r;
	}
	*ret = d;
	return 0;
}

/* ---- moving ---- */

/* Number @pid into a file of the group; the error of a real-time thread explained. */
static int put(pid_t pid, const char *dir, const char *file, struct pvtb_err *err)
{
	struct pvtb_task_sched sched;
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", (int)pid);
	r = pvtb_cgroup_write(dir, file, text);
	if (r == -ESRCH)
		return pvtb_err_sys(err, r, "thread %d", (int)pid);
	if (r == -EINVAL && !pvtb_task_sched_get(pid, &sched, NULL) &&
	    (sched.policy == PVTB_POLICY_FIFO || sched.policy == PVTB_POLICY_RR))
		return pvtb_err_set(err, -EOPNOTSUPP, dir,
				    "a real-time thread needs a real-time share here "
				    "(CONFIG_RT_GROUP_SCHED)");
	return r ? pvtb_cgroup_failed(r, dir, file, err) : 0;
}

/* What brings @m->pid back to @dir is noted before it leaves. */
static int note_way_back(struct moved *m, struct pvtb_guardian *g, const char *dir,
			 const char *file, struct pvtb_err *err)
{
	char path[PVTB_CGROUP_PATH], text[16];
	unsigned int i = m->nr_back;
	int r = pvtb_cgroup_join(path, dir, file);

	if (r)
		return pvtb_err_sys(err, r, "%s", dir);
	snprintf(text, sizeof(text), "%d", (int)m->pid);
	r = pvtb_guardian_add_write(g, path, text, &m->back[i].undo_id, err);
	if (r)
		return r;
	snprintf(m->back[i].dir, sizeof(m->back[i].dir), "%s", dir);
	m->back[i].file = file;
	m->nr_back++;
	return 0;
}

/* Newest first, and frees. What ended meanwhile needs no way back. */
static int move_back(struct moved *m, struct pvtb_guardian *g, struct pvtb_err *err)
{
	int r = 0;

	for (unsigned int i = m->nr_back; i-- > 0;) {
		int e = put(m->pid, m->back[i].dir, m->back[i].file, r ? NULL : err);

		if (e == -ESRCH)
			e = 0;
		if (!e)
			e = pvtb_guardian_remove(g, m->back[i].undo_id, r ? NULL : err);
		r = r ? r : e;
	}
	/* leaving a cpuset resets the CPUs to what the next one allows (before Linux 6.2) */
	if (m->has_cpus) {
		int e = pvtb_task_cpus_set(m->pid, &m->cpus, r ? NULL : err);

		if (!r && e != -ESRCH)
			r = e;
	}
	free(m);
	return r;
}

/* A group of this domain, or the domain itself: then its process is in the right domain. */
static bool is_inside(const struct pvtb_cgroup_domain *d, const char *dir)
{
	size_t len = strlen(d->dir);
	char ours[32];

	if (strncmp(dir, d->dir, len) || (dir[len] && dir[len] != '/'))
		return false;
	snprintf(ours, sizeof(ours), "/pvtb-%d-", (int)getpid());
	return !dir[len] || d->own || !strncmp(dir + len, ours, strlen(ours));
}

/* v2: the whole process into the domain, once. */
static int move_process(struct pvtb_cgroup_domain *d, pid_t tid, struct pvtb_err *err)
{
	enum pvtb_cgroup_ctl any = first_v2(d);
	char dir[PVTB_CGROUP_PATH];
	struct moved *m;
	pid_t tgid;
	int r = pvtb_task_tgid(tid, &tgid, err);

	if (r)
		return r;
	r = pvtb_cgroup_of(&d->host, any, tgid, dir);
	if (r)
		return pvtb_err_sys(err, r, "control group of process %d", (int)tgid);
	if (is_inside(d, dir))
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "control group");
	m->pid = tgid;
	r = note_way_back(m, d->guardian, dir, "cgroup.procs", err);
	if (!r)
		r = put(tgid, d->dir, "cgroup.procs", err);
	if (r) {
		move_back(m, d->guardian, NULL);
		return r;
	}
	m->next = d->processes;
	d->processes = m;
	return 0;
}

int pvtb_cgroup_domain_free(struct pvtb_cgroup_domain *d, struct pvtb_err *err)
{
	int r = 0, e;

	if (!d)
		return 0;
	while (d->processes) {
		struct moved *m = d->processes;

		d->processes = m->next;
		e = move_back(m, d->guardian, r ? NULL : err);
		r = r ? r : e;
	}
	if (d->own && d->dir[0]) {
		e = remove_dir(d->dir, d->guardian, d->undo_id, r ? NULL : err);
		r = r ? r : e;
	}
	while (d->nr_on > 0) {
		struct turned_on *on = &d->on[--d->nr_on];

		e = pvtb_guardian_undo(d->guardian, on->undo_id, r ? NULL : err);
		if (!d->guardian) {
			char text[32];

			snprintf(text, sizeof(text), "-%s", pvtb_cgroup_ctl_name(on->ctl));
			e = pvtb_cgroup_write(d->host.ctl[on->ctl].mount, "cgroup.subtree_control",
					      text);
		}
		r = r ? r : e;
	}
	free(d);
	return r;
}

/* ---- group ---- */

/* A v1 cpuset takes no thread before it has CPUs and memory nodes. */
static int fill_cpuset(const char *mount, const char *dir, struct pvtb_err *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char text[1024];

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(files); i++) {
		int r = pvtb_cgroup_read(mount, files[i], text, sizeof(text));

		if (!r)
			r = pvtb_cgroup_write(dir, files[i], text);
		if (r)
			return pvtb_cgroup_failed(r, dir, files[i], err);
	}
	return 0;
}

static int add_controller(struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl, struct pvtb_err *err)
{
	struct pvtb_cgroup_domain *d = cg->domain;
	const char *mount = d->host.ctl[ctl].mount;
	struct group_dir *dir;
	int r = 0;
	unsigned int i;

	for (i = 0; i < cg->nr_dirs; i++) {
		if (!strcmp(d->host.ctl[cg->dirs[i].ctl].mount, mount))
			break;
	}
	dir = &cg->dirs[i];
	if (i == cg->nr_dirs) {
		r = make_dir(version_of(d, ctl) == 2 ? d->dir : mount, d->guardian, dir->path,
			     &dir->undo_id, err);
		if (r)
			return r;
		dir->ctl = ctl;
		cg->nr_dirs++;
		if (version_of(d, ctl) == 2) {
			r = pvtb_cgroup_write(dir->path, "cgroup.type", "threaded");
			if (r)
				return pvtb_cgroup_failed(r, dir->path, "cgroup.type", err);
		}
	}
	cg->dir_of[ctl] = (int)i;
	if (ctl == PVTB_CGROUP_CPUSET && version_of(d, ctl) == 1)
		r = fill_cpuset(mount, dir->path, err);
	return r;
}

int pvtb_cgroup_new(struct pvtb_cgroup_domain *d, struct pvtb_cgroup **ret, struct pvtb_err *err)
{
	struct pvtb_cgroup *cg = calloc(1, sizeof(*cg));
	int r = 0;

	if (!cg)
		return pvtb_err_sys(err, -ENOMEM, "control group");
	cg->domain = d;
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR; c++)
		cg->dir_of[c] = -1;
	for (enum pvtb_cgroup_ctl c = 0; c < PVTB_CGROUP_NR && !r; c++) {
		if (d->ctls & PVTB_CGROUP_BIT(c))
			r = add_controller(cg, c, err);
	}
	if (r) {
		pvtb_cgroup_free(cg, NULL);
		return r;
	}
	*ret = cg;
	return 0;
}

int pvtb_cgroup_free(struct pvtb_cgroup *cg, struct pvtb_err *err)
{
	int r = 0, e;

	if (!cg)
		return 0;
	if (cg->dir_of[PVTB_CGROUP_FREEZER] >= 0)
		r = pvtb_cgroup_thaw(cg, err);
	while (cg->threads) {
		struct moved *m = cg->threads;

		cg->threads = m->next;
		e = move_back(m, cg->domain->guardian, r ? NULL : err);
		r = r ? r : e;
	}
	while (cg->nr_dirs > 0) {
		struct group_dir *dir = &cg->dirs[--cg->nr_dirs];

		e = remove_dir(dir->path, cg->domain->guardian, dir->undo_id, r ? NULL : err);
		r = r ? r : e;
	}
	free(cg);
	return r;
}

static int enter(struct pvtb_cgroup *cg, struct moved *m, const struct group_dir *dir,
		 struct pvtb_err *err)
{
	const char *file = version_of(cg->domain, dir->ctl) == 2 ? "cgroup.threads" : "tasks";
	char here[PVTB_CGROUP_PATH];
	int r = pvtb_cgroup_of(&cg->domain->host, dir->ctl, m->pid, here);

	if (r)
		return pvtb_err_sys(err, r, "control group of thread %d", (int)m->pid);
	r = note_way_back(m, cg->domain->guardian, here, file, err);
	return r ? r : put(m->pid, dir->path, file, err);
}

int pvtb_cgroup_attach(struct pvtb_cgroup *cg, pid_t tid, struct pvtb_err *err)
{
	struct moved *m = NULL;
	int r = 0;

	if (cg->domain->dir[0])
		r = move_process(cg->domain, tid, err);
	if (r)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return pvtb_err_sys(err, -ENOMEM, "control group");
	m->pid = tid;
	if (cg->dir_of[PVTB_CGROUP_CPUSET] >= 0) {
		r = pvtb_task_cpus_get(tid, &m->cpus, err);
		m->has_cpus = !r;
	}
	for (unsigned int i = 0; i < cg->nr_dirs && !r; i++)
		r = enter(cg, m, &cg->dirs[i], err);
	if (r) {
		move_back(m, cg->domain->guardian, NULL);
		return r;
	}
	m->next = cg->threads;
	cg->threads = m;
	return 0;
}

int pvtb_cgroup_detach(struct pvtb_cgroup *cg, pid_t tid, struct pvtb_err *err)
{
	for (struct moved **p = &cg->threads; *p; p = &(*p)->next) {
		struct moved *m = *p;

		if (m->pid != tid)
			continue;
		*p = m->next;
		return move_back(m, cg->domain->guardian, err);
	}
	return pvtb_err_set(err, -ENOENT, "control group", "thread %d is not in it", (int)tid);
}

/* ---- settings ---- */

static int set(struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl, const char *file, const char *text,
	       struct pvtb_err *err)
{
	const char *dir = pvtb_cgroup_path(cg, ctl);
	int r;

	if (!dir)
		return pvtb_err_set(err, -EINVAL, pvtb_cgroup_ctl_name(ctl),
				    "not among the controllers of this group");
	r = pvtb_cgroup_write(dir, file, text);
	return r ? pvtb_cgroup_failed(r, dir, file, err) : 0;
}

int pvtb_cgroup_set_quota(struct pvtb_cgroup *cg, u64 quota_us, u64 period_us, struct pvtb_err *err)
{
	char quota[32], text[64];
	int r;

	period_us = period_us ? period_us : 100000;
	if (version_of(cg->domain, PVTB_CGROUP_CPU) == 2) {
		snprintf(quota, sizeof(quota), "%" PRIu64, quota_us);
		snprintf(text, sizeof(text), "%s %" PRIu64, quota_us ? quota : "max", period_us);
		return set(cg, PVTB_CGROUP_CPU, "cpu.max", text, err);
	}
	snprintf(text, sizeof(text), "%" PRIu64, period_us);
	r = set(cg, PVTB_CGROUP_CPU, "cpu.cfs_period_us", text, err);
	if (r)
		return r;
	snprintf(quota, sizeof(quota), "%" PRIu64, quota_us);
	return set(cg, PVTB_CGROUP_CPU, "cpu.cfs_quota_us", quota_us ? quota : "-1", err);
}

int pvtb_cgroup_set_weight(struct pvtb_cgroup *cg, unsigned int weight, struct pvtb_err *err)
{
	bool v2 = version_of(cg->domain, PVTB_CGROUP_CPU) == 2;
	char text[32];

	if (weight < 1 || weight > 10000)
		return pvtb_err_set(err, -EINVAL, "weight", "%u: 1 to 10000", weight);
	/* the kernel's own translation: 100 is a thread of nice 0, whose load is 1024 */
	snprintf(text, sizeof(text), "%u", v2 ? weight : (weight * 1024 + 50) / 100);
	return set(cg, PVTB_CGROUP_CPU, v2 ? "cpu.weight" : "cpu.shares", text, err);
}

int pvtb_cgroup_set_cpus(struct pvtb_cgroup *cg, const char *list, struct pvtb_err *err)
{
	return set(cg, PVTB_CGROUP_CPUSET, "cpuset.cpus", list, err);
}

static bool is_frozen(struct pvtb_cgroup *cg, const char *dir)
{
	char text[64];
	u64 frozen;

	if (version_of(cg->domain, PVTB_CGROUP_FREEZER) == 2)
		return !pvtb_cgroup_read_key(dir, "cgroup.events", "frozen", &frozen) && frozen;
	/* reading takes the state forward from FREEZING */
	return !pvtb_cgroup_read(dir, "freezer.state", text, sizeof(text)) &&
	       !strcmp(text, "FROZEN");
}

static int set_frozen(struct pvtb_cgroup *cg, bool frozen, struct pvtb_err *err)
{
	bool v2 = version_of(cg->domain, PVTB_CGROUP_FREEZER) == 2;
	const char *text = v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");

	return set(cg, PVTB_CGROUP_FREEZER, v2 ? "cgroup.freeze" : "freezer.state", text, err);
}

static int await_frozen(struct pvtb_cgroup *cg, bool frozen, struct pvtb_err *err)
{
	const char *dir = pvtb_cgroup_path(cg, PVTB_CGROUP_FREEZER);

	for (int ms = 0; ms < WAIT_MS; ms++) {
		if (is_frozen(cg, dir) == frozen)
			return 0;
		usleep(1000);
	}
	return pvtb_err_set(err, -ETIMEDOUT, dir, "still not %s", frozen ? "frozen" : "thawed");
}

int pvtb_cgroup_freeze(struct pvtb_cgroup *cg, struct pvtb_err *err)
{
	int r = set_frozen(cg, true, err);

	if (r)
		return r;
	r = await_frozen(cg, true, err);
	if (r && set_frozen(cg, false, NULL)) {
		/* the first error says more, and the guardian will thaw it */
	}
	return r;
}

int pvtb_cgroup_thaw(struct pvtb_cgroup *cg, struct pvtb_err *err)
{
	int r = set_frozen(cg, false, err);

	return r ? r : await_frozen(cg, false, err);
}

int pvtb_cgroup_throttled(struct pvtb_cgroup *cg, struct pvtb_cgroup_throttled *ret,
			  struct pvtb_err *err)
{
	bool v2 = version_of(cg->domain, PVTB_CGROUP_CPU) == 2;
	const char *dir = pvtb_cgroup_path(cg, PVTB_CGROUP_CPU);
	struct pvtb_cgroup_throttled t;
	int r;

	if (!dir)
		return pvtb_err_set(err, -EINVAL, "cpu", "not among the controllers of this group");
	r = pvtb_cgroup_read_key(dir, "cpu.stat", "nr_periods", &t.periods);
	if (!r)
		r = pvtb_cgroup_read_key(dir, "cpu.stat", "nr_throttled", &t.throttled_periods);
	if (!r)
		r = pvtb_cgroup_read_key(dir, "cpu.stat", v2 ? "throttled_usec" : "throttled_time",
					 &t.throttled_ns);
	if (r)
		return pvtb_cgroup_failed(r, dir, "cpu.stat", err);
	if (v2)
		t.throttled_ns *= 1000;
	*ret = t;
	return 0;
}

const char *pvtb_cgroup_path(const struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl)
{
	return cg->dir_of[ctl] < 0 ? NULL : cg->dirs[cg->dir_of[ctl]].path;
}

u64 pvtb_cgroup_id(const struct pvtb_cgroup *cg, enum pvtb_cgroup_ctl ctl)
{
	const char *dir = pvtb_cgroup_path(cg, ctl);
	struct stat st;

	return dir && !stat(dir, &st) ? st.st_ino : 0;
}
