/* SPDX-License-Identifier: MIT
 *
 * film: made-up data to share, its bytes on disk and in memory, and a v1 .torrent of it written
 * here byte by byte, so that what torrent-svc makes of it is checked against something else.
 */
#ifndef TORRENT_FILM_H
#define TORRENT_FILM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"

enum { FILM_FILES_MAX = 4, FILM_PIECE = 64 << 10 };

struct film {
    char folder[128]; /* that holds it */
    const char *name; /* of the file, or the folder when there are several */
    size_t file_count;
    const char *paths[FILM_FILES_MAX]; /* inside the folder; of a single file: its name */
    uint64_t sizes[FILM_FILES_MAX];
    uint8_t *data; /* all files one after the other */
    uint64_t total;
    uint32_t piece_count;
    struct text metainfo; /* the .torrent */
    char hash[41];
};

/* Writes `count` files of these sizes below `folder`/`name`, or one file of that name. The bytes
 * depend on the name only. */
void film_make(struct film *film, const char *folder, const char *name, size_t count,
               const char *const *paths, const uint64_t *sizes);
/* One file. */
void film_make_file(struct film *film, const char *folder, const char *name, uint64_t size);
void film_free(struct film *film);
/* Bytes of one file. */
struct bytes film_file(const struct film *film, uint32_t file);
/* Whether the file at `path` has exactly these bytes. */
bool film_is_at(const struct film *film, uint32_t file, const char *path);
/* A magnet link with the address of a peer; caller frees. */
char *film_magnet(const struct film *film, uint16_t peer_port);
/* Writes the .torrent; returns the path, valid until the next call. */
const char *film_write_torrent(const struct film *film, const char *folder);

#endif
