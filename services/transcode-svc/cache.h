/* SPDX-License-Identifier: MIT
 *
 * cache: segments on disk. A file gets its name when it is whole, and never changes; the least
 * recently used go when there are too many bytes or too little room on the disk. What an earlier
 * boot left is not trusted: a machine that lost power may keep names without their bytes.
 *
 *   <folder>/stamp                    of which boot it is, and how made
 *   <folder>/tmp/...                  being made; emptied at the start
 *   <folder>/<info-hash>.<file>.<rendition>.<number>
 */
#ifndef TRANSCODE_CACHE_H
#define TRANSCODE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct cache;

enum { CACHE_NAME = 96 };

struct cache_options {
    const char *folder;  /* made when it is not there */
    const char *made_as; /* what was made under another word is thrown away */
    uint64_t max_bytes;  /* of all files, those being written as well */
    uint64_t free_bytes; /* of the disk, left alone */
};
enum err cache_new(const struct cache_options *options, struct cache **out, struct error *error);
/* The files stay. */
void cache_free(struct cache **cache);

/* Path of a file that is there, borrowed until the next call; NULL when it is not. It counts as
 * used now. */
const char *cache_find(struct cache *cache, const char *name, uint64_t *size_out);
/* A descriptor to write to, -1 on failure; one number for each writer at a time (`ticket`). Makes
 * room first, for as much as the largest file so far: ERR_NO_SPACE when that is impossible. */
int cache_begin(struct cache *cache, uint64_t ticket, struct error *error);
/* What was written under the ticket is whole: it gets its name. ERR_NO_SPACE when it is larger than
 * the cache. The ticket is over in any case. */
enum err cache_commit(struct cache *cache, uint64_t ticket, const char *name, struct error *error);
void cache_abandon(struct cache *cache, uint64_t ticket);
/* Makes room for what was written meanwhile; to be called a few times a second. */
void cache_tick(struct cache *cache);

uint64_t cache_bytes(const struct cache *cache); /* that have names */
uint64_t cache_limit(const struct cache *cache);
uint64_t cache_evicted(const struct cache *cache); /* files, since the start */

#endif
