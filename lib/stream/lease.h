/* SPDX-License-Identifier: MIT
 *
 * lease: a reader's standing with torrent-svc: what it reads and what it waits for. Readers of
 * ready bytes need none; the lease begins with the first missing piece, is renewed every 2 s with
 * the position, and ends by lease_close() or by silence (10 s). One set of leases per bus (thread).
 * When torrent-svc comes back from the dead, all leases are told to it again.
 */
#ifndef STREAM_LEASE_H
#define STREAM_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "wire/infohash.h"

struct lease_set;
struct lease;

enum { LEASE_RENEW_MS = 2000 };

/* Wakes a reader that waits: something became ready, or the torrent's state changed, or the set is
 * unsure (events lost): look at the ready map again. */
typedef void lease_wake_fn(void *arg);

/* `torrent` is the remote of sharestream.torrent; the set takes its bus_watch. `id_seed` must
 * differ between threads and lives (e.g. generation * 64 + thread). */
struct lease_set *lease_set_new(struct bus_remote *torrent, uint64_t id_seed);
void lease_set_free(struct lease_set **set); /* all leases must be closed before */
/* Renewals; call about every 100 ms. */
void lease_set_tick(struct lease_set *set, uint64_t now_ms);

/* Nothing is sent yet. [position, end) of `file` is what this reader is going to consume. */
struct lease *lease_open(struct lease_set *set, const struct infohash *hash, uint32_t file,
                         uint64_t position, uint64_t end, lease_wake_fn *on_wake, void *arg);
/* Cheap: only remembers; renewals carry it. */
void lease_move(struct lease *lease, uint64_t position);
/* Blocked for the byte at the position: tells torrent-svc at once (unless it knows) and wakes by
 * on_wake. */
void lease_wait(struct lease *lease);
/* Not blocked any more. */
void lease_resume(struct lease *lease);
/* Tells torrent-svc at once. Clears the pointer, accepts NULL. */
void lease_close(struct lease **lease);

#endif
