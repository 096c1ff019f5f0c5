/* SPDX-License-Identifier: MIT
 *
 * talk: the worker's end of proto/worker.proto: datagrams on one socketpair, descriptors beside
 * them. The other end gone means the end of the process.
 */
#ifndef WORKER_TALK_H
#define WORKER_TALK_H

#include <proto/worker.pb-c.h>

#include "base/error.h"

enum {
    TALK_FD = 3,                   /* inherited */
    TALK_DATAGRAM_MAX = 256 << 10, /* a report with 10,000 keyframes takes 100 KiB */
};

/* Waits for the next order. *fd_out is the descriptor that came with it, or -1. The caller frees
 * it with sharestream__worker__order__free_unpacked(). NULL: nobody is there any more. */
Sharestream__Worker__Order *talk_receive(int *fd_out);
void talk_send(const Sharestream__Worker__Report *report);
/* Says what is wanted and waits for it. Returns the position up to which bytes are there, 0 when
 * they will not come. */
uint64_t talk_want(uint64_t position, uint64_t until);

#endif
