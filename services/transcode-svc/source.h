/* SPDX-License-Identifier: MIT
 *
 * source: one file as it is given to workers: of a torrent, as far as it is here, or an upload, of
 * which all is.
 */
#ifndef TRANSCODE_SOURCE_H
#define TRANSCODE_SOURCE_H

#include <stdint.h>

#include "base/error.h"
#include "stream/ready_map.h"
#include "wire/infohash.h"

/* A file of a torrent, as torrent-svc counts them. Without padding: it is the key of hashes. */
struct file_id {
    struct infohash hash;
    uint32_t file;
};

struct source {
    struct file_id id;
    uint64_t size;
    struct ready_map *map; /* NULL: an upload */
    int fd;                /* of an upload */
};

/* ERR_NOT_FOUND: there is no such torrent or file, or nothing is in it. To be closed only when this
 * succeeds. */
enum err source_open(struct source *source, const char *run_dir, const struct file_id *id,
                     struct error *error);
/* An upload for the film `id`; takes the descriptor. */
void source_take(struct source *source, const struct file_id *id, int fd, uint64_t size);
/* Also of one that is closed. */
void source_close(struct source *source);

/* The file as the torrent tells it; not of uploads. Borrowed. */
const struct ready_file *source_file(const struct source *source);
/* Bytes that are here, from `position` on. */
uint64_t source_run(const struct source *source, uint64_t position);
/* A descriptor for a worker, -1 on failure. */
int source_descriptor(const struct source *source, struct error *error);
/* For logs; valid until the next call. */
const char *source_name(const struct source *source);

#endif
