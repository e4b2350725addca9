// SPDX-License-Identifier: GPL-2.0-only
/* Owns the ends of a migration stream: sockets, ports and files by their names. */
#include "migrate/channel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/input.h"
#include "core/parse.h"
#include "core/signals.h"
#include "core/virtio_port.h"

#define PORT_WAIT_MS 2000

static const char places[] = "unix:PATH, tcp:[ADDRESS:]PORT, port:NAME or file:PATH";

static int parse_unix(const char *path, struct pvtb_mig_place *p, struct pvtb_err *err)
{
	if (strlen(path) >= sizeof(p->address.un.sun_path))
		return pvtb_err_set(err, -ENAMETOOLONG, path, "longer than a socket's name can be");
	p->address.un.sun_family = AF_UNIX;
	snprintf(p->address.un.sun_path, sizeof(p->address.un.sun_path), "%s", path);
	p->address_bytes = sizeof(p->address.un);
	return 0;
}

static bool is_loopback(const struct pvtb_mig_place *p)
{
	if (p->address.any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&p->address.in6.sin6_addr);
	return ntohl(p->address.in.sin_addr.s_addr) >> 24 == 127;
}

/* "4444", "127.0.0.1:4444", "[::1]:4444" */
static int parse_tcp(const char *text, struct pvtb_mig_place *p, struct pvtb_err *err)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	char host[64] = "127.0.0.1";
	u64 n = 0;
	int ret = pvtb_parse_u64(port, 0, 65535, &n);

	if (ret) {
		pvtb_parse_err(err, ret, "TCP port", port, 0, 65535);
		return pvtb_err_hint(err, "%s", places);
	}
	if (colon && len < sizeof(host))
		snprintf(host, sizeof(host), "%.*s", (int)len, text);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		p->address.in6.sin6_family = AF_INET6;
		p->address.in6.sin6_port = htons((u16)n);
		p->address_bytes = sizeof(p->address.in6);
		ret = inet_pton(AF_INET6, host + 1, &p->address.in6.sin6_addr);
	} else {
		p->address.in.sin_family = AF_INET;
		p->address.in.sin_port = htons((u16)n);
		p->address_bytes = sizeof(p->address.in);
		ret = inet_pton(AF_INET, host, &p->address.in.sin_addr);
	}
	if (ret != 1 || len >= sizeof(host)) {
		pvtb_err_set(err, -EINVAL, text, "\"%s\" is no numeric address", host);
		return pvtb_err_hint(err, "tcp:127.0.0.1:4444 or tcp:[::1]:4444");
	}
	p->beyond = !is_loopback(p);
	return 0;
}

int pvtb_mig_place_parse(const char *text, struct pvtb_mig_place *ret_place, struct pvtb_err *err)
{
	static const struct {
		const char *prefix;
		enum pvtb_mig_place_kind kind;
	} kinds[] = {{"unix:", PVTB_MIG_UNIX},
		     {"tcp:", PVTB_MIG_TCP},
		     {"port:", PVTB_MIG_PORT},
		     {"file:", PVTB_MIG_FILE}};
	struct pvtb_mig_place p = {0};
	int ret = 0;

	for (size_t i = 0; i < PVTB_ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len) || !text[len])
			continue;
		p.name = text + len;
		p.kind = kinds[i].kind;
		p.way_back = p.kind != PVTB_MIG_FILE;
	}
	if (!p.name) {
		pvtb_err_set(err, -EINVAL, text, "not a place a guest can go to or come from");
		return pvtb_err_hint(err, "%s", places);
	}
	if (p.kind == PVTB_MIG_UNIX)
		ret = parse_unix(p.name, &p, err);
	else if (p.kind == PVTB_MIG_TCP)
		ret = parse_tcp(p.name, &p, err);
	if (!ret)
		*ret_place = p;
	return ret;
}

/* Neither side waits for ever inside a system call: the stream has time limits of its own. */
static int without_waiting(int fd, int *ret_fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK | fcntl(fd, F_GETFL))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}

static int open_port(const struct pvtb_mig_place *p, int *ret_fd, struct pvtb_err *err)
{
	int fd = pvtb_virtio_port_open(p->name, PORT_WAIT_MS), ret;

	if (fd == -ENOENT) {
		pvtb_err_set(err, fd, p->name,
			     "this machine has no virtio-serial port of that name");
		return pvtb_err_hint(err, "cat /sys/class/virtio-ports/*/name shows them");
	}
	if (fd == -EMFILE || fd == -EBUSY)
		return pvtb_err_set(err, -EBUSY, p->name, "another program has this port open");
	ret = fd < 0 ? fd : without_waiting(fd, ret_fd);
	return ret ? pvtb_err_sys(err, ret, "port %s", p->name) : 0;
}

static int make_socket(const struct pvtb_mig_place *p, struct pvtb_err *err)
{
	int one = 1, fd = socket(p->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return pvtb_err_sys(err, -errno, "socket");
	/* Answers are small, and each is waited for. Who has no such option needs none. */
	if (p->kind == PVTB_MIG_TCP)
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int make_file(const struct pvtb_mig_place *p, int *ret_fd, struct pvtb_err *err)
{
	int fd = open(p->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST) {
		pvtb_err_set(err, -EEXIST, p->name, "there already");
		return pvtb_err_hint(err, "a saved guest is not overwritten: remove it first");
	}
	if (fd < 0)
		return pvtb_err_sys(err, -errno, "%s", p->name);
	*ret_fd = fd;
	return 0;
}

int pvtb_mig_connect(const struct pvtb_mig_place *p, int *ret_fd, struct pvtb_err *err)
{
	int fd, ret;

	if (p->kind == PVTB_MIG_FILE)
		return make_file(p, ret_fd, err);
	if (p->kind == PVTB_MIG_PORT)
		return open_port(p, ret_fd, err);
	fd = make_socket(p, err);
	if (fd < 0)
		return fd;
	if (connect(fd, &p->address.any, p->address_bytes)) {
		ret = pvtb_err_sys(err, -errno, "%s", p->name);
		close(fd);
		pvtb_err_hint(err, "is `pvtb migrate-target` waiting there?");
		return ret;
	}
	ret = without_waiting(fd, ret_fd);
	return ret ? pvtb_err_sys(err, ret, "%s", p->name) : 0;
}

void pvtb_mig_undo(const struct pvtb_mig_place *p)
{
	if (p->kind == PVTB_MIG_FILE)
		unlink(p->name);
}

int pvtb_mig_listen(const struct pvtb_mig_place *p, int *ret_fd, struct pvtb_err *err)
{
	int one = 1, fd, ret;

	if (p->kind == PVTB_MIG_PORT)
		return open_port(p, ret_fd, err);
	if (p->kind == PVTB_MIG_FILE) {
		fd = pvtb_input_open(p->name, PVTB_INPUT_BINARY_MAX, err);
		if (fd < 0)
			return fd;
		*ret_fd = fd;
		return 0;
	}
	fd = make_socket(p, err);
	if (fd < 0)
		return fd;
	if (p->kind == PVTB_MIG_TCP)
		(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &p->address.any, p->address_bytes) || listen(fd, 1)) {
		ret = pvtb_err_sys(err, -errno, "%s", p->name);
		if (errno == EADDRINUSE)
			pvtb_err_hint(
				err,
				p->kind == PVTB_MIG_UNIX
					? "left over, or another one's: remove it if nobody listens"
					: "another program listens there");
		close(fd);
		return ret;
	}
	*ret_fd = fd;
	return 0;
}

static int wait_connection(int fd, u32 wait_ms)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
			      {.fd = pvtb_interrupt_fd(), .events = POLLIN}};
	int n;

	do
		n = poll(p, 2, wait_ms ? (int)wait_ms : -1);
	while (n < 0 && errno == EINTR && !pvtb_interrupted());
	if (pvtb_interrupted())
		return -EINTR;
	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

int pvtb_mig_accept(const struct pvtb_mig_place *p, int listen_fd, u32 wait_ms, int *ret_fd,
		    struct pvtb_err *err)
{
	int one = 1, fd, ret;

	if (p->kind == PVTB_MIG_PORT || p->kind == PVTB_MIG_FILE) {
		*ret_fd = listen_fd;
		return 0;
	}
	ret = wait_connection(listen_fd, wait_ms);
	fd = ret ? -1 : accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (!ret && fd < 0)
		ret = -errno;
	if (!ret && p->kind == PVTB_MIG_TCP)
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!ret)
		ret = without_waiting(fd, ret_fd);
	close(listen_fd);
	if (p->kind == PVTB_MIG_UNIX)
		unlink(p->name);
	if (ret == -EINTR)
		return pvtb_err_set(err, ret, p->name, "interrupted");
	if (ret == -ETIMEDOUT)
		return pvtb_err_set(err, ret, p->name, "no guest came within %u s", wait_ms / 1000);
	return ret ? pvtb_err_sys(err, ret, "%s", p->name) : 0;
}

void pvtb_mig_place_name(const struct pvtb_mig_place *p, int fd, char *buf, size_t len)
{
	struct pvtb_mig_place here = *p;
	socklen_t bytes = sizeof(here.address);
	char host[64] = "?";
	bool six;

	if (p->kind != PVTB_MIG_TCP || getsockname(fd, &here.address.any, &bytes)) {
		snprintf(buf, len, "%s", p->name);
		return;
	}
	six = here.address.any.sa_family == AF_INET6;
	inet_ntop(here.address.any.sa_family,
		  six ? (void *)&here.address.in6.sin6_addr : (void *)&here.address.in.sin_addr,
		  host, sizeof(host));
	snprintf(buf, len, six ? "[%s]:%u" : "%s:%u", host,
		 ntohs(six ? here.address.in6.sin6_port : here.address.in.sin_port));
}
