/* SPDX-License-Identifier: MIT
 *
 * source: what people paste or upload, taken apart and checked before anything is added: magnet
 * link, info-hash, bytes of a .torrent.
 */
#ifndef TORRENT_SOURCE_H
#define TORRENT_SOURCE_H

#include <proto/torrent.pb-c.h>

#include "lt.h"
#include "wire/infohash.h"
#include "wire/magnet.h"

enum { SOURCE_TRACKERS_MAX = 64, SOURCE_URL_MAX = 8192 };

struct source {
    struct infohash hash;
    char *name;               /* as far as known: dn, name of the metainfo, else the hash */
    char *uri;                /* magnet link with all trackers; NULL for metainfo */
    const char *metadata_url; /* xs= of the magnet, or NULL */
    const char *trackers[SOURCE_TRACKERS_MAX]; /* added to those of the source */
    size_t tracker_count;
    struct magnet magnet; /* empty for metainfo */
    char *tracker_list;   /* copy of the setting that `trackers` points into */
};

/* Fills what lt_add needs to know of the source. Everything points into the request, `metainfo` or
 * the source: source_fini() it when that succeeded. `default_trackers` go to links without any.
 * ERR_INVALID or ERR_TOO_LARGE with a sentence. */
enum err source_read(struct source *out, const Sharestream__Torrent__AddRequest *request,
                     struct bytes metainfo, const char *default_trackers, struct lt_add *add,
                     struct error *error);
void source_fini(struct source *source);
/* The link `magnet`, which we wrote, with the trackers of `source` that it does not name; caller
 * frees. */
char *source_with_trackers(const char *magnet, const struct source *source);
/* The URL without blanks around it. */
bool source_is_url(const char *text, struct bytes *url_out);
/* Guards libtorrent against hostile .torrent files. */
enum err source_check(struct bytes metainfo, struct error *error);

#endif
