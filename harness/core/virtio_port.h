/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio-serial ports, which have names: what joins an emulated host to the outside, or to another. */
#ifndef PVTB_CORE_VIRTIO_PORT_H
#define PVTB_CORE_VIRTIO_PORT_H

#include "core/util.h"

/* Opens the port of that name for reading and writing, waiting up to @wait_ms for it to appear, which
 * is a moment after its device does. A descriptor, -ENOENT, or what open() said. */
int pvtb_virtio_port_open(const char *name, unsigned int wait_ms);

#endif
