/* SPDX-License-Identifier: MIT
 *
 * lease: a reader's standing with torrent-svc: what it reads and what it waits for. Readers of
 * ready bytes need none; the lease begins with the first missing piece, is renewed every 2 s with
 * the position, and ends by lease_close() or by silence (10 s). One set of leases per bus (thread).
 * When torrent-svc comes back from the dead, all leases are told to it again; while it is away,
 * nothing is sent and whoever waits goes on waiting. How long is the reader's decision.
 */
#ifndef STREAM_LEASE_H
#define STREAM_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "stream/mirror.h"
#include "stream/ready_map.h"
#include "wire/infohash.h"

struct lease_set;
struct lease;

enum { LEASE_RENEW_MS = 2000 };

/* Wakes a reader that waits: something became ready, or the torrent's state changed, or the set is
 * unsure (events lost), or lease_error() is set: look at the ready map again. May come for nothing.
 * The callback may use, open and close any lease of the set; freeing the set must wait. */
typedef void lease_wake_fn(void *arg);

/* `torrent` is the remote of sharestream.torrent on `bus`; the set takes its bus_watch. */
struct lease_set *lease_set_new(struct bus *bus, struct bus_remote *torrent);
/* All leases must be closed before; the bus is freed after. Clears the pointer, accepts NULL. */
void lease_set_free(struct lease_set **set);
/* Torrents of other machines can be read as well then: lease_set_add_mirror(). */
enum err lease_set_mirror(struct lease_set *set, const struct mirror_config *config,
                          struct error *error);
enum err lease_set_add_mirror(struct lease_set *set, const struct mirror_draft *draft,
                              struct error *error);
/* The map of a torrent of this machine, or of one that is mirrored here; as ready_map_open(). */
enum err lease_set_open_map(struct lease_set *set, const char *run_dir, const struct infohash *hash,
                            struct ready_map **out, struct error *error);
/* Its bytes may go between two looks at its map, and must be copied before. */
bool lease_set_may_forget(const struct lease_set *set, const struct infohash *hash);
/* Where maps of mirrored torrents are; NULL: there are none. */
const char *lease_set_mirror_folder(const struct lease_set *set);
/* Its file can be opened then, whatever is in it. Only needed for one that is opened before any of
 * it is ready. */
void lease_set_open_file(struct lease_set *set, const struct infohash *hash, uint32_t file);
/* Renewals; call about every 100 ms. */
void lease_set_tick(struct lease_set *set, uint64_t now_ms);

/* Nothing is sent yet. [position, end) of `file` is what this reader is going to consume. */
struct lease *lease_open(struct lease_set *set, const struct infohash *hash, uint32_t file,
                         uint64_t position, uint64_t end, lease_wake_fn *on_wake, void *arg);
/* Cheap: only remembers; renewals carry it. */
void lease_move(struct lease *lease, uint64_t position);
/* Blocked for the byte at the position: tells torrent-svc at once (unless it knows) and wakes by
 * on_wake. After an error, asks again. Never wakes before it returns. */
void lease_wait(struct lease *lease);
/* Not blocked any more: no wakes until the next lease_wait(). */
void lease_resume(struct lease *lease);
/* Why waiting is of no use: torrent-svc refused (no such torrent or file), or the torrent was
 * removed. NULL while all is well, also while torrent-svc is merely away. Borrowed, valid until the
 * next call on the lease. */
const struct error *lease_error(const struct lease *lease);
/* Tells torrent-svc at once. Clears the pointer, accepts NULL. */
void lease_close(struct lease **lease);

#endif
