/* SPDX-License-Identifier: MIT
 *
 * infohash: the 20 bytes by which everybody knows a torrent: SHA-1 of its info dictionary (BEP 3),
 * or for a v2-only torrent the first 20 bytes of its SHA-256 (BEP 52). Text form is 40 lower-case
 * hex digits.
 */
#ifndef WIRE_INFOHASH_H
#define WIRE_INFOHASH_H

#include "base/bytes.h"

struct infohash {
    uint8_t bytes[20];
};

enum { INFOHASH_TEXT = 41 }; /* with NUL */

/* 40 hex digits of either case, 32 base32 characters, or 64 hex digits of a v2 hash (cut to 20
 * bytes). */
bool infohash_parse(struct bytes in, struct infohash *out);
/* Returns `out`, which holds INFOHASH_TEXT bytes. */
char *infohash_text(const struct infohash *hash, char *out);

#endif
