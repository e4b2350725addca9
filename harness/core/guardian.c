// SPDX-License-Identifier: GPL-2.0-only
/* Owns the guardian process and its undo list. Measures nothing, prints nothing. */
#include "core/guardian.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>

#include "core/knob.h"

enum verb {
	ADD_WRITE,
	ADD_RMDIR,
	ADD_RMTREE,
	ADD_KILL,
	ADD_CONTINUE,
	ADD_CGROUP,
	ADD_CLOCK_RATE,
	REMOVE,
	UNDO,
	STOP
};

/* One message is one entry: SOCK_SEQPACKET keeps them whole, from several threads too. */
struct message {
	u64 id;
	u64 start_time; /* KILL, CONTINUE: field 22 of /proc/PID/stat */
	u32 verb;
	s32 pid;
	u32 path_len, value_len; /* both with their NUL */
	char text[PATH_MAX + 4096];
};

struct entry {
	struct entry *older;
	struct message m; /* text allocated to its length */
};

struct pvtb_guardian {
	int fd;
	pid_t pid;
	pthread_mutex_t lock; /* id, and one answer awaited at a time */
	u64 last_id;
};

/* ---- in the guardian's process ---- */

static u64 start_time_of(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long t = 0;
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the name may hold anything, the last ')' ends it: state is field 3 */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
	}
	if (!p || sscanf(p, " %llu", &t) != 1)
		return 0;
	return t;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path) && errno != ENOENT ? -errno : 0;
}

static int undo_rmtree(const char *path)
{
	/* links are removed, not followed, and another file system is left alone */
	int r = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	return r == -1 ? (errno == ENOENT ? 0 : -errno) : r;
}

static int undo_by_signal(const struct message *m, int sig)
{
	int fd = (int)syscall(SYS_pidfd_open, m->pid, 0);
	int r = 0;

	/* the descriptor pins the process; its start time says whether it is still the one meant */
	if (!m->start_time || start_time_of(m->pid) != m->start_time)
		r = 0;
	else if (fd >= 0)
		r = syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) && errno != ESRCH ? -errno : 0;
	else
		r = kill(m->pid, sig) && errno != ESRCH ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Of a cgroup only its directories can be removed. */
static int remove_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return type == FTW_DP && rmdir(path) && errno != ENOENT ? -errno : 0;
}

static int undo_cgroup(const char *dir)
{
	static const struct {
		const char *file, *value;
	} first[] = {{"cgroup.freeze", "0"}, {"freezer.state", "THAWED"}, {"cgroup.kill", "1"}};
	char file[PATH_MAX + 32];
	int r = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(first); i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, first[i].file);
		/* whichever of them this version of cgroups has */
		r = pvtb_knob_write(file, first[i].value);
	}
	for (int i = 0; i < 300; i++) {
		r = nftw(dir, remove_cgroup, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (r == -1)
			r = -errno;
		if (r != -EBUSY)
			break;
		usleep(10000);
	}
	return r == -ENOENT ? 0 : r;
}

static int undo_clock_rate(const char *freq)
{
	struct timex t = {.modes = ADJ_FREQUENCY, .freq = strtol(freq, NULL, 10)};

	return adjtimex(&t) < 0 ? -errno : 0;
}

static int undo_one(const struct message *m)
{
	const char *path = m->text, *value = m->text + m->path_len;

	switch ((enum verb)m->verb) {
	case ADD_WRITE:
		return pvtb_knob_write(path, value);
	case ADD_RMDIR:
		return rmdir(path) && errno != ENOENT ? -errno : 0;
	case ADD_RMTREE:
		return undo_rmtree(path);
	case ADD_KILL:
		return undo_by_signal(m, SIGKILL);
	case ADD_CONTINUE:
		return undo_by_signal(m, SIGCONT);
	case ADD_CGROUP:
		return undo_cgroup(path);
	case ADD_CLOCK_RATE:
		return undo_clock_rate(value);
	case REMOVE:
	case UNDO:
	case STOP:
		break;
	}
	return -EINVAL;
}

static struct entry *take(struct entry **list, u64 id)
{
	for (struct entry **p = list; *p; p = &(*p)->older) {
		if ((*p)->m.id == id) {
			struct entry *e = *p;

			*p = e->older;
			return e;
		}
	}
	return NULL;
}

static void push(struct entry **list, const struct message *m, size_t size)
{
	struct entry *e = malloc(offsetof(struct entry, m) + sizeof(*m));

	/* nothing sensible is left to be done without memory for a list of a few entries */
	if (!e)
		return;
	memcpy(&e->m, m, size);
	e->older = *list;
	*list = e;
}

static int undo_all(struct entry **list)
{
	int failed = 0;

	while (*list) {
		struct entry *e = *list;

		*list = e->older;
		failed += undo_one(&e->m) != 0;
		free(e);
	}
	return failed;
}

static void answer(int fd, int value)
{
	send(fd, &value, sizeof(value), MSG_NOSIGNAL);
}

/* One message; false at the end of the stream. */
static bool handle(int fd, struct entry **list, struct message *m, ssize_t n)
{
	struct entry *e;

	if (n < (ssize_t)offsetof(struct message, text))
		return false;
	switch ((enum verb)m->verb) {
	case REMOVE:
	case UNDO:
		e = take(list, m->id);
		if (m->verb == UNDO)
			answer(fd, e ? undo_one(&e->m) : -ENOENT);
		free(e);
		return true;
	case STOP:
		answer(fd, undo_all(list));
		return false;
	default:
		push(list, m, (size_t)n);
		return true;
	}
}

/*
 * A descriptor that is readable once the thread that forked us is dead. The pidfd and the socket
 * tell of the whole process's end, and that may never come: a thread in a frozen v1 cgroup does not
 * die of SIGKILL before it is thawed, by us.
 */
static int watch_parent_thread(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void guardian_main(int fd, int parent_fd)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP};
	struct entry *list = NULL;
	struct message *m = malloc(sizeof(*m));
	bool alive = m != NULL;
	int null = open("/dev/null", O_RDWR), thread_fd;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "pvtb-guardian");
	/* Hold nothing open but the two descriptors: a pipe of the caller's must see its end when
	 * the caller is gone. */
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	for (long i = 3, max = sysconf(_SC_OPEN_MAX); i < (max > 4096 ? 4096 : max); i++) {
		if (i != fd && i != parent_fd)
			close((int)i);
	}
	thread_fd = watch_parent_thread();
	answer(fd, 0);
	while (alive) {
		struct pollfd p[] = {{.fd = fd, .events = POLLIN},
				     {.fd = parent_fd, .events = POLLIN},
				     {.fd = thread_fd, .events = POLLIN}};
		ssize_t n;

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		/* its other threads die at the same moment: what they were just saying is heard */
		if (!p[0].revents && p[2].revents && !poll(p, 1, 100))
			break;
		/* A child of the caller's may keep the socket open after the caller is dead: then
		 * the pidfd tells. Everything sent before is taken in first. */
		if (!p[0].revents && p[1].revents)
			break;
		n = recv(fd, m, sizeof(*m), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		alive = handle(fd, &list, m, n);
	}
	_exit(undo_all(&list) ? 1 : 0);
}

/* ---- in the program ---- */

int pvtb_guardian_start(struct pvtb_guardian **ret, struct pvtb_err *err)
{
	struct pvtb_guardian *g = calloc(1, sizeof(*g));
	int fd[2], parent_fd, ready;
	ssize_t n;

	if (!g)
		return pvtb_err_sys(err, -ENOMEM, "guardian");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd)) {
		free(g);
		return pvtb_err_sys(err, -errno, "guardian");
	}
	/* -1 on a kernel older than 5.3: the end of the socket alone tells then */
	parent_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	g->pid = fork();
	if (!g->pid) {
		close(fd[0]);
		guardian_main(fd[1], parent_fd);
	}
	if (parent_fd >= 0)
		close(parent_fd);
	close(fd[1]);
	if (g->pid < 0) {
		int e = -errno;

		close(fd[0]);
		free(g);
		return pvtb_err_sys(err, e, "guardian");
	}
	/* Only a guardian that is watching is one: its parent could be dead, all but a frozen
	 * thread, before it had begun, and nothing would tell it. */
	do {
		n = recv(fd[0], &ready, sizeof(ready), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(ready)) {
		close(fd[0]);
		while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
			;
		free(g);
		return pvtb_err_set(err, -EPIPE, "guardian", "did not start");
	}
	g->fd = fd[0];
	pthread_mutex_init(&g->lock, NULL);
	*ret = g;
	return 0;
}

static int send_message(struct pvtb_guardian *g, const struct message *m)
{
	size_t size = offsetof(struct message, text) + m->path_len + m->value_len;
	ssize_t n;

	do {
		n = send(g->fd, m, size, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int add(struct pvtb_guardian *g, enum verb verb, const char *path, const char *value,
	       pid_t pid, u64 *ret_id, struct pvtb_err *err)
{
	struct message m = {.verb = (u32)verb, .pid = pid};
	bool about_process = verb == ADD_KILL || verb == ADD_CONTINUE;
	char what[PATH_MAX];
	int r = 0;

	if (!g) {
		if (ret_id)
			*ret_id = 0;
		return 0;
	}
	snprintf(what, sizeof(what), "%s", path);
	/* the guardian's working directory is not to be relied on */
	if (!about_process && path[0] != '/') {
		char *cwd PVTB_FREE = getcwd(NULL, 0);

		if (!cwd ||
		    (size_t)snprintf(what, sizeof(what), "%s/%s", cwd, path) >= sizeof(what))
			r = -ENAMETOOLONG;
	}
	if (strlen(path) >= PATH_MAX || strlen(value) >= 4096)
		r = -ENAMETOOLONG;
	if (!r) {
		m.path_len = (u32)strlen(what) + 1;
		m.value_len = (u32)strlen(value) + 1;
		memcpy(m.text, what, m.path_len);
		memcpy(m.text + m.path_len, value, m.value_len);
		if (about_process)
			m.start_time = start_time_of(pid);
		pthread_mutex_lock(&g->lock);
		m.id = ++g->last_id;
		r = send_message(g, &m);
		pthread_mutex_unlock(&g->lock);
	}
	if (r)
		return pvtb_err_sys(err, r, "guardian: %s", path);
	if (ret_id)
		*ret_id = m.id;
	return 0;
}

int pvtb_guardian_add_write(struct pvtb_guardian *g, const char *file, const char *value,
			    u64 *ret_id, struct pvtb_err *err)
{
	return add(g, ADD_WRITE, file, value, 0, ret_id, err);
}

int pvtb_guardian_add_rmdir(struct pvtb_guardian *g, const char *dir, u64 *ret_id,
			    struct pvtb_err *err)
{
	return add(g, ADD_RMDIR, dir, "", 0, ret_id, err);
}

int pvtb_guardian_add_rmtree(struct pvtb_guardian *g, const char *path, u64 *ret_id,
			     struct pvtb_err *err)
{
	return add(g, ADD_RMTREE, path, "", 0, ret_id, err);
}

int pvtb_guardian_add_kill(struct pvtb_guardian *g, pid_t pid, u64 *ret_id, struct pvtb_err *err)
{
	return add(g, ADD_KILL, "process", "", pid, ret_id, err);
}

int pvtb_guardian_add_continue(struct pvtb_guardian *g, pid_t pid, u64 *ret_id,
			       struct pvtb_err *err)
{
	return add(g, ADD_CONTINUE, "process", "", pid, ret_id, err);
}

int pvtb_guardian_add_cgroup(struct pvtb_guardian *g, const char *dir, u64 *ret_id,
			     struct pvtb_err *err)
{
	return add(g, ADD_CGROUP, dir, "", 0, ret_id, err);
}

int pvtb_guardian_add_clock_rate(struct pvtb_guardian *g, long freq, u64 *ret_id,
				 struct pvtb_err *err)
{
	char value[32];

	snprintf(value, sizeof(value), "%ld", freq);
	return add(g, ADD_CLOCK_RATE, "clock", value, 0, ret_id, err);
}

int pvtb_guardian_remove(struct pvtb_guardian *g, u64 id, struct pvtb_err *err)
{
	struct message m = {.verb = REMOVE, .id = id};
	int r = g ? send_message(g, &m) : 0;

	return r ? pvtb_err_sys(err, r, "guardian") : 0;
}

/* Send and wait for the number that comes back. */
static int ask(struct pvtb_guardian *g, const struct message *m, int *ret)
{
	ssize_t n;
	int r;

	pthread_mutex_lock(&g->lock);
	r = send_message(g, m);
	while (!r) {
		n = recv(g->fd, ret, sizeof(*ret), 0);
		if (n == sizeof(*ret))
			break;
		if (n >= 0)
			r = -EPIPE; /* the guardian itself is gone */
		else if (errno != EINTR)
			r = -errno;
	}
	pthread_mutex_unlock(&g->lock);
	return r;
}

int pvtb_guardian_undo(struct pvtb_guardian *g, u64 id, struct pvtb_err *err)
{
	struct message m = {.verb = UNDO, .id = id};
	int done = 0, r = g ? ask(g, &m, &done) : 0;

	if (r || done)
		return pvtb_err_sys(err, r ?: done, "undoing a change of the host");
	return 0;
}

int pvtb_guardian_stop(struct pvtb_guardian *g)
{
	struct message m = {.verb = STOP};
	int failed = 0;

	if (!g)
		return 0;
	if (ask(g, &m, &failed))
		failed = 1;
	close(g->fd);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
	pthread_mutex_destroy(&g->lock);
	free(g);
	return failed;
}

pid_t pvtb_guardian_pid(const struct pvtb_guardian *g)
{
	return g ? g->pid : 0;
}
