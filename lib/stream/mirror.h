/* SPDX-License-Identifier: MIT
 *
 * mirror: torrents whose files lie on another machine, as if they lay on this one. For each there
 * is a ready map of our own and a sparse file for each file that is read; what readers want is
 * fetched from the torrent-svc that has it (Torrent.Fetch), in blocks, and becomes ready here. So
 * readers are the same for both: they open a map, a file, and wait with a lease. lib/stream/lease.c
 * is the one that says what is wanted.
 *
 * The same info-hash is always the same bytes, so what was fetched never becomes wrong.
 */
#ifndef STREAM_MIRROR_H
#define STREAM_MIRROR_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "wire/infohash.h"

enum {
    MIRROR_BLOCK_BYTES = 256 << 10,
    MIRROR_FETCH_BYTES = 1 << 20, /* by one call */
    MIRROR_AHEAD_BYTES = 4 << 20, /* of a reader's position */
    MIRROR_TORRENTS_MAX = 256,
};

struct mirror_config {
    const char *folder; /* nobody else's; what is in it is deleted */
    uint64_t max_bytes;
    /* What is ready may be forgotten again at any time but within a call of ours: for readers that
     * look at the map right before they read. Else a torrent stays whole, until it is removed: its
     * map is marked gone then, and open files can still be read. */
    bool may_forget;
};

/* What a map is made of, from one or several TorrentInfo. */
struct mirror_draft;
struct Sharestream__Torrent__TorrentInfo;

/* `hash` is what the torrent is asked for by. */
struct mirror_draft *mirror_draft_new(const struct infohash *hash);
void mirror_draft_free(struct mirror_draft **draft);
/* True: that is all. Else ask for the files from *next_out on. */
bool mirror_draft_add(struct mirror_draft *draft,
                      const struct Sharestream__Torrent__TorrentInfo *info, uint32_t *next_out);

/* ---- for lease.c */

struct mirrors;

struct mirror_owner {
    struct bus *bus;
    struct bus_remote *torrent;
    /* Something of it is here, or nothing more will come. */
    void (*on_arrived)(void *arg, const struct infohash *hash, const struct error *why);
    /* Does a reader stand so near before it that it must not be forgotten? */
    bool (*is_wanted)(void *arg, const struct infohash *hash, uint32_t file, uint64_t position);
    void *arg;
};

enum err mirrors_new(const struct mirror_config *config, const struct mirror_owner *owner,
                     struct mirrors **out, struct error *error);
void mirrors_free(struct mirrors **mirrors);
/* Where ready_map_open() finds them. */
const char *mirrors_folder(const struct mirrors *mirrors);
/* Does nothing when it is there. */
enum err mirrors_make(struct mirrors *mirrors, const struct mirror_draft *draft,
                      struct error *error);
void mirrors_remove(struct mirrors *mirrors, const struct infohash *hash);
bool mirrors_may_forget(struct mirrors *mirrors, const struct infohash *hash);
/* Both do nothing when it is not one of ours. `file` exists on disk then. */
void mirrors_open_file(struct mirrors *mirrors, const struct infohash *hash, uint32_t file);
/* Fetches what is missing next of [position, end), but not too far ahead. */
void mirrors_pull(struct mirrors *mirrors, const struct infohash *hash, uint32_t file,
                  uint64_t position, uint64_t end);

#endif
