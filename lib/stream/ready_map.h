/* SPDX-License-Identifier: MIT
 *
 * ready_map: one file per torrent in <run_dir>/torrents/<info-hash>.map, mapped by everybody on the
 * machine: what the torrent consists of, where its files lie, and one byte per piece that says
 * whether the piece is on disk and verified. torrent-svc is the only writer; ready bytes go to a
 * reader without any message, and keep flowing while torrent-svc is dead.
 *
 * A piece byte is stored with release order after the data could be read by pread; readers load
 * with acquire order. A map is made under a temporary name and renamed. It is never truncated; a
 * removed torrent's map is marked gone, then unlinked, so a reader that still has it mapped sees
 * that. The bytes of the file are private to this module (ready_map_format.h) and carry a version.
 *
 * Opening believes nothing: a map must belong to root, to us or to the owner of the folder, be
 * writable by nobody else, be of this boot, and hold together; the layout is copied, so it cannot
 * change afterwards. One map may be read by several threads.
 */
#ifndef STREAM_READY_MAP_H
#define STREAM_READY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/infohash.h"

struct ready_map;

struct ready_file {
    const char *path;      /* display path inside the torrent, '/' separated */
    const char *disk_path; /* absolute */
    uint64_t offset;       /* of its first byte in the torrent */
    uint64_t size;
};

struct ready_layout {
    struct infohash hash;
    const char *name;
    uint32_t piece_count, piece_bytes;
    uint64_t total_bytes;
    uint32_t file_count; /* real files; ids are indexes here */
    const struct ready_file *files;
};

/* ---- writer (torrent-svc) ---- */

/* Makes the map, all pieces missing, unless one of the same layout exists from this boot: then that
 * is taken over with its pieces
 * (*has_pieces_out = true), and readers that have it mapped stay attached. The caller decides what
 * to believe. Another map of that torrent is replaced, and its readers see that it is gone.
 * ERR_INVALID or ERR_TOO_LARGE when the layout makes no sense, ERR_NO_SPACE, ERR_IO; *out is NULL
 * then and what was there stays. */
enum err ready_map_create(const char *run_dir, const struct ready_layout *layout,
                          struct ready_map **out, bool *has_pieces_out, struct error *error);
void ready_map_set(struct ready_map *map, uint32_t piece, bool is_ready);
/* Marks it gone and unlinks it; the pointer is cleared. */
void ready_map_remove(struct ready_map **map);

/* ---- reader ---- */

/* ERR_NOT_FOUND when the torrent is unknown, its metadata is, or the map is gone or of an earlier
 * boot; ERR_INVALID when the file cannot be believed. *out is NULL then. */
enum err ready_map_open(const char *run_dir, const struct infohash *hash, struct ready_map **out,
                        struct error *error);
/* Unmaps; for both sides. Clears the pointer, accepts NULL. */
void ready_map_close(struct ready_map **map);

/* Borrowed, valid while the map is open. */
const struct ready_layout *ready_map_layout(const struct ready_map *map);
/* Removed or replaced: close it, and open again to learn which. */
bool ready_map_is_gone(const struct ready_map *map);
/* False also for a piece that does not exist. */
bool ready_map_has(const struct ready_map *map, uint32_t piece);
uint32_t ready_map_count(const struct ready_map *map); /* ready pieces */
/* One byte per piece, 0 = missing; they change while you look. For snapshots. */
const uint8_t *ready_map_pieces(const struct ready_map *map);
/* Contiguous ready bytes of `file` from `position`, looking no further than `max`. 0 also when
 * position is at the end, or there is no such file. */
uint64_t ready_map_run(const struct ready_map *map, uint32_t file, uint64_t position, uint64_t max);
/* Ready bytes of the whole file. */
uint64_t ready_map_file_bytes(const struct ready_map *map, uint32_t file);
/* Piece that holds a byte of a file; behind its end, that of the last byte. */
uint32_t ready_map_piece_at(const struct ready_map *map, uint32_t file, uint64_t position);

#endif
