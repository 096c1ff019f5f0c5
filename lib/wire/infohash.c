/* SPDX-License-Identifier: MIT */
#include "wire/infohash.h"

bool infohash_parse(struct bytes in, struct infohash *out)
{
    enum { BYTES = sizeof(out->bytes), V2_BYTES = 32 };
    uint8_t v2[V2_BYTES];

    switch (in.len) {
    case 2 * BYTES:
        return hex_decode(in, out->bytes, BYTES);
    case BYTES * 8 / 5:
        return base32_decode(in, out->bytes, BYTES);
    case 2 * V2_BYTES:
        if (!hex_decode(in, v2, V2_BYTES))
            return false;
        memcpy(out->bytes, v2, BYTES);
        return true;
    default:
        return false;
    }
}

char *infohash_text(const struct infohash *hash, char *out)
{
    return hex_encode(bytes_of(hash->bytes, sizeof(hash->bytes)), out);
}
