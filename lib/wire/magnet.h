/* SPDX-License-Identifier: MIT
 *
 * magnet: a magnet link (BEP 9, BEP 53, BEP 52) taken apart. Pure; never trusts a length.
 */
#ifndef WIRE_MAGNET_H
#define WIRE_MAGNET_H

#include "base/bytes.h"
#include "base/error.h"
#include "wire/infohash.h"

enum { MAGNET_BYTES_MAX = 16384, MAGNET_LIST_MAX = 64, MAGNET_SO_MAX = 4096 };

struct magnet {
    bool has_v1, has_v2;
    struct infohash v1;
    uint8_t v2[32];
    struct infohash key; /* v1, else truncated v2 */
    char *name;          /* dn, valid UTF-8, or NULL */
    size_t tracker_count;
    char *trackers[MAGNET_LIST_MAX]; /* udp, http, https, ws, wss; others dropped */
    size_t web_seed_count;
    char *web_seeds[MAGNET_LIST_MAX]; /* ws and as: http and https */
    size_t peer_count;
    char *peers[MAGNET_LIST_MAX]; /* x.pe host:port */
    size_t selected_count;        /* so=: file indexes, ascending, without doubles; 0 = all */
    uint32_t *selected;
    char *source; /* xs: where the .torrent can be fetched, or NULL */
};

/* Accepts either case of scheme, keys and hashes, and numbered keys (tr.1). A broken hash or file
 * selection, or two different torrents in one link, is an error that says which part is wrong;
 * anything else that cannot be used (foreign scheme, bad UTF-8, doubles, more than the lists hold)
 * is left out. On success magnet_fini() the result; on failure it is empty. */
enum err magnet_parse(struct bytes uri, struct magnet *out, struct error *error);
void magnet_fini(struct magnet *magnet);

#endif
