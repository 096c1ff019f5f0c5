/* SPDX-License-Identifier: MIT
 *
 * routes_listing: answers that name every file of a torrent. One message of the bus holds as many
 * as fit; the rest is asked for, message by message, with a bound.
 */
#ifndef HTTP_ROUTES_LISTING_H
#define HTTP_ROUTES_LISTING_H

#include <proto/torrent.pb-c.h>

#include "base/text.h"
#include "exchange.h"

struct listing_kind {
    /* Adds the files of one message, in order; `body` is empty at the first. */
    void (*add)(struct exchange *x, const Sharestream__Torrent__TorrentInfo *info,
                struct text *body);
    /* All are in `body`: answers. */
    void (*answer)(struct exchange *x, const Sharestream__Torrent__TorrentInfo *last,
                   struct text *body);
};

/* Answers; `first` has metadata, and files from the first one on. */
void listing_answer(struct exchange *x, const struct listing_kind *kind,
                    const Sharestream__Torrent__TorrentInfo *first);

#endif
