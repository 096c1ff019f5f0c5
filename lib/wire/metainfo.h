/* SPDX-License-Identifier: MIT
 *
 * metainfo: a guard in front of .torrent files. Bencode (BEP 3) is walked once, with bounds on
 * depth, item count and string lengths, so that hostile input is refused with a sentence before
 * libtorrent sees it. Gives no values beyond the info dict's place; libtorrent does the real
 * parsing.
 */
#ifndef WIRE_METAINFO_H
#define WIRE_METAINFO_H

#include "base/bytes.h"
#include "base/error.h"
#include "wire/infohash.h"

enum { METAINFO_BYTES_MAX = 16 << 20, METAINFO_DEPTH_MAX = 64, METAINFO_ITEMS_MAX = 2000000 };

struct metainfo {
    struct bytes info;     /* the raw info dictionary */
    struct bytes name;     /* info.name, may be empty */
    uint64_t piece_length; /* 0 when absent */
    bool has_v1, has_v2;   /* pieces / file tree present */
};

/* ERR_INVALID or ERR_TOO_LARGE with a sentence; views point into `in`. Refuses: not bencoded, no
 * info dict, piece length 0 or over 256 MiB, file lengths that are negative or overflow, a path
 * element that is empty, "." or "..", or holds '/' or NUL (a name likewise, but it may be empty), a
 * key we look at that comes twice. Keys out of order and line ends after the end are tolerated. */
enum err metainfo_check(struct bytes in, struct metainfo *out, struct error *error);
/* Of one that was checked. */
void metainfo_hash(const struct metainfo *metainfo, struct infohash *out);

#endif
