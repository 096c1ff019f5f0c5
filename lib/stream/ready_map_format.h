/* SPDX-License-Identifier: MIT
 *
 * ready_map_format: the bytes of a map file, for ready_map.c and those who test it; nobody else
 * includes this. Numbers are in the machine's own order: a map never leaves the boot it was made
 * in.
 *
 *     struct map_head
 *     piece_count bytes, 0 = missing; then zeros up to a multiple of 8
 *     file_count * struct map_file
 *     name NUL, then for every file: path NUL disk_path NUL
 *
 * Head and pieces are mapped by everybody, and of these only `is_gone` and the piece bytes ever
 * change. The rest is read once with pread and checked: what a reader has checked cannot change
 * under it. Magic and `is_gone` stay where they are in every version.
 */
#ifndef STREAM_READY_MAP_FORMAT_H
#define STREAM_READY_MAP_FORMAT_H

#include <stdint.h>

#include "base/clock.h"

#define MAP_MAGIC "SSREADY"

enum {
    MAP_VERSION = 1,
    MAP_PIECES_MAX = 1 << 24,
    MAP_PIECE_BYTES_MAX = 256 << 20,
    MAP_FILES_MAX = 1000000,
    MAP_STRING_MAX = 4096,    /* of one path, with NUL */
    MAP_BODY_MAX = 256 << 20, /* everything after the pieces */
};

struct map_head {
    char magic[8];
    uint32_t version;
    _Atomic uint32_t is_gone;
    char boot[CLOCK_BOOT_TEXT];
    uint8_t hash[20];
    uint64_t total_bytes;
    uint32_t piece_count, piece_bytes;
    uint32_t file_count, name_len; /* lengths are without NUL */
    uint64_t body_bytes;           /* everything after the pieces, to the end of the file */
};

struct map_file {
    uint64_t offset, size;
    uint32_t path_len, disk_path_len;
};

/* Where the body begins: after the pieces, which begin right after the head. */
static inline uint64_t map_body_at(uint32_t piece_count)
{
    return sizeof(struct map_head) + (((uint64_t)piece_count + 7) & ~(uint64_t)7);
}

_Static_assert(sizeof(struct map_head) == 104 && sizeof(struct map_head) % 8 == 0,
               "pieces are read eight at a time");
_Static_assert(sizeof(struct map_file) == 24, "no padding");

#endif
