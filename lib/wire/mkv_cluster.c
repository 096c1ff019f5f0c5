/* SPDX-License-Identifier: MIT */
#include "wire/mkv_cluster.h"

#include <string.h>

static const uint8_t cluster_id[] = {0x1f, 0x43, 0xb6, 0x75};

enum { CRC_ID = 0xbf, CRC_BYTES = 4, TIME_ID = 0xe7, NUMBER_MAX = 8 };

/* Of a number that says how long it is by the zeros in front; 0: it is none. */
static size_t number_length(uint8_t first)
{
    size_t len = 1;

    while (len <= NUMBER_MAX && (first & (0x80 >> (len - 1))) == 0)
        len++;
    return len <= NUMBER_MAX ? len : 0;
}

static bool read_time(const uint8_t *at, const uint8_t *end, uint64_t *ticks_out)
{
    size_t len;

    if (end - at < 2 || at[0] != TIME_ID || (at[1] & 0x80) == 0)
        return false;
    len = at[1] & 0x7f;
    at += 2;
    if (len == 0 || len > NUMBER_MAX || (size_t)(end - at) < len)
        return false;
    *ticks_out = 0;
    while (len-- > 0)
        *ticks_out = *ticks_out << 8 | *at++;
    return true;
}

static bool read_begin(const uint8_t *at, const uint8_t *end, uint64_t *ticks_out)
{
    size_t len;

    if ((size_t)(end - at) < sizeof(cluster_id) + 1 ||
        memcmp(at, cluster_id, sizeof(cluster_id)) != 0)
        return false;
    at += sizeof(cluster_id);
    len = number_length(*at);
    if (len == 0 || (size_t)(end - at) < len)
        return false;
    at += len;
    if (end - at >= 2 + CRC_BYTES && at[0] == CRC_ID && at[1] == (0x80 | CRC_BYTES))
        at += 2 + CRC_BYTES;
    return read_time(at, end, ticks_out);
}

bool mkv_cluster_find(struct bytes data, size_t *at_out, uint64_t *ticks_out)
{
    const uint8_t *at = data.data, *end = data.data + data.len;

    while (at < end && (at = memchr(at, cluster_id[0], (size_t)(end - at))) != NULL) {
        if (read_begin(at, end, ticks_out)) {
            *at_out = (size_t)(at - data.data);
            return true;
        }
        at++;
    }
    return false;
}
