/* SPDX-License-Identifier: MIT
 *
 * shelf: packets in the order in which they came, until they are written.
 */
#ifndef WORKER_SHELF_H
#define WORKER_SHELF_H

#include <libavcodec/packet.h>

enum { SHELF_MAX = 200000 };

struct shelf {
    AVPacket **packets;
    size_t count, capacity;
};

/* Takes what is in the packet. */
void shelf_put(struct shelf *shelf, AVPacket *packet);
/* The first `count` go, written or not. */
void shelf_drop(struct shelf *shelf, size_t count);
void shelf_fini(struct shelf *shelf);

#endif
