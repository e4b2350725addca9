/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a migration stream goes to or comes from, by its name:
 *	unix:PATH		a socket of this machine
 *	tcp:[ADDRESS:]PORT	numeric; this machine's own loopback unless told otherwise
 *	port:NAME		a virtio-serial port, by the name it was given
 *	file:PATH		saved now, restored later: there is no way back
 * Owns opening and closing them; knows nothing of streams.
 */
#ifndef PVTB_MIGRATE_CHANNEL_H
#define PVTB_MIGRATE_CHANNEL_H

#include <netinet/in.h>
#include <sys/un.h>

#include "core/err.h"
#include "core/util.h"

enum pvtb_mig_place_kind { PVTB_MIG_UNIX, PVTB_MIG_TCP, PVTB_MIG_PORT, PVTB_MIG_FILE };

struct pvtb_mig_place {
	enum pvtb_mig_place_kind kind;
	const char *name; /* PATH or NAME: points into what was parsed */
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;
	socklen_t address_bytes;
	bool beyond;   /* TCP: another address than loopback: others can reach it */
	bool way_back; /* the other end can answer */
};

/* -EINVAL, with what is expected as the hint. */
int pvtb_mig_place_parse(const char *text, struct pvtb_mig_place *ret,
			 struct pvtb_err *err) PVTB_MUST_CHECK;

/* For the source: connected, opened, or made; a file that is there already is -EEXIST. Until the
 * guest is gone, pvtb_mig_undo() takes a file away again. */
int pvtb_mig_connect(const struct pvtb_mig_place *place, int *ret_fd,
		     struct pvtb_err *err) PVTB_MUST_CHECK;
void pvtb_mig_undo(const struct pvtb_mig_place *place);

/* For the target, in two steps, so that it can be said what is being waited for: a listening socket,
 * or (ports, files) the thing itself. Then one that connected, at most @wait_ms later (0: for ever,
 * -ETIMEDOUT, -EINTR); the listening one is closed, and a unix socket's name is gone. */
int pvtb_mig_listen(const struct pvtb_mig_place *place, int *ret_fd,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
int pvtb_mig_accept(const struct pvtb_mig_place *place, int listen_fd, u32 wait_ms, int *ret_fd,
		    struct pvtb_err *err) PVTB_MUST_CHECK;
/* "127.0.0.1:4444": a listening TCP socket as it came out (port 0 is given one). */
void pvtb_mig_place_name(const struct pvtb_mig_place *place, int fd, char *buf, size_t len);

#endif
