/* SPDX-License-Identifier: MIT
 *
 * prefix: which torrent a person means. Pure; `call`ers bring the list.
 */
#ifndef CLI_PREFIX_H
#define CLI_PREFIX_H

#include <proto/torrent.pb-c.h>

#include "base/error.h"
#include "wire/infohash.h"

enum { PREFIX_MIN = 4 /* digits of a hash that may stand for it */ };

/* Oldest first, so that a torrent keeps its number while no older one goes. */
void torrents_sort(Sharestream__Torrent__TorrentInfo **torrents, size_t count);

/* A whole hash in any of its forms, which needs no list. */
bool prefix_is_whole(const char *word, char out[INFOHASH_TEXT]);
/* A number of the sorted list (from 1), or a unique start of a hash. ERR_NOT_FOUND or ERR_INVALID
 * with a sentence. */
enum err prefix_find(const char *word, Sharestream__Torrent__TorrentInfo *const *torrents,
                     size_t count, size_t *index_out, struct error *error);

/* The file that a person means: a number, or a part of its path that only it has. NULL: the one to
 * play, the biggest video, else audio. */
enum err prefix_find_file(const char *word, Sharestream__Torrent__File *const *files, size_t count,
                          size_t *index_out, struct error *error);

#endif
