/* SPDX-License-Identifier: MIT */
#include "wire/mp4_delay.h"

enum { BOX_HEAD = 8 };

struct box {
    size_t at, end; /* with its head */
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_u32(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

/* The box of that type, `skip` others of it left out, between two places. */
static bool find(struct bytes in, size_t from, size_t until, const char type[4], unsigned skip,
                 struct box *out)
{
    uint32_t len;

    for (size_t at = from; until - at >= BOX_HEAD; at += len) {
        len = read_u32(in.data + at);
        if (len < BOX_HEAD || len > until - at)
            return false;
        if (memcmp(in.data + at + 4, type, 4) == 0 && skip-- == 0) {
            *out = (struct box){at, at + len};
            return true;
        }
    }
    return false;
}

static void grow(uint8_t *out, const struct box *box)
{
    write_u32(out + box->at, (uint32_t)(box->end - box->at) + MP4_DELAY_BYTES);
}

size_t mp4_delay(struct bytes init, unsigned track, uint32_t ticks, uint8_t *out)
{
    struct box moov, trak, tkhd, edts;
    uint8_t *edit;

    if (!find(init, 0, init.len, "moov", 0, &moov) ||
        !find(init, moov.at + BOX_HEAD, moov.end, "trak", track, &trak) ||
        !find(init, trak.at + BOX_HEAD, trak.end, "tkhd", 0, &tkhd) ||
        find(init, trak.at + BOX_HEAD, trak.end, "edts", 0, &edts))
        return 0;
    edit = out + tkhd.end;
    memcpy(out, init.data, tkhd.end);
    memset(edit, 0, MP4_DELAY_BYTES);
    write_u32(edit, MP4_DELAY_BYTES);
    memcpy(edit + 4, "edts", 4);
    write_u32(edit + 8, MP4_DELAY_BYTES - BOX_HEAD);
    memcpy(edit + 12, "elst", 4);
    write_u32(edit + 20, 1);       /* one edit, of a length that is not known: 0 */
    write_u32(edit + 28, ticks);   /* media time that is shown at 0 */
    write_u32(edit + 32, 1 << 16); /* at its own speed */
    memcpy(edit + MP4_DELAY_BYTES, init.data + tkhd.end, init.len - tkhd.end);
    grow(out, &moov);
    grow(out, &trak);
    return init.len + MP4_DELAY_BYTES;
}
